//! Variables: instance data as templates and queries see it.
//!
//! Source: cloud-init's `convert_jinja_instance_data`.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::value::{Map, Value};

/// Most values that all copies together may have; what goes beyond is there under its own name only.
pub const COPIED_NODES_MAX: usize = 200_000;

/// The names that keys have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// Their own.
    Own,
    /// Their own, and the one that a template can spell: `_` for each operator of Jinja's language.
    Aliased,
}

/// The variables in instance data: what is in a map `v1` (`v` and any digits) is also beside it.
pub fn variables(instance_data: &Map, names: Names) -> Map {
    copied_up(instance_data, names, &mut { COPIED_NODES_MAX })
}

/// Goes through the keys in their order, as cloud-init does: of two equal names, the later one stays.
fn copied_up(map: &Map, names: Names, left: &mut usize) -> Map {
    let mut entries: Vec<(&str, &Value)> = map.texts().collect();
    entries.sort_by_key(|(key, _)| *key);
    let mut result = Map::new();
    for (key, value) in entries {
        let value = match value {
            Value::Map(inner) => Value::Map(copied_up(inner, names, left)),
            other => other.clone(),
        };
        let alias = match names {
            Names::Own => String::from(key),
            Names::Aliased => without_operators(key),
        };
        let copy = (alias != key).then(|| copied(&value, left)).flatten();
        let beside = match &value {
            Value::Map(inner) if is_version(key) => inner.texts().collect(),
            _ => Vec::new(),
        };
        let beside: Vec<(String, Value)> = beside
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_string(), copied(value, left)?)))
            .collect();
        result.insert(key, value);
        result.extend(beside);
        if let Some(copy) = copy {
            result.insert(alias, copy);
        }
    }
    result
}

/// A copy, as long as there are nodes left to spend on copies.
fn copied(value: &Value, left: &mut usize) -> Option<Value> {
    fn nodes(value: &Value) -> usize {
        match value {
            Value::List(list) => list.iter().map(nodes).sum::<usize>() + 1,
            Value::Map(map) => map.iter().map(|(_, value)| nodes(value) + 1).sum::<usize>() + 1,
            _ => 1,
        }
    }
    *left = left.checked_sub(nodes(value))?;
    Some(value.clone())
}

/// `v` and digits: the versioned, stable part of instance data.
fn is_version(key: &str) -> bool {
    let digits = key.strip_prefix('v').unwrap_or("");
    !digits.is_empty() && digits.chars().all(char::is_numeric)
}

/// A name with `_` for each operator of Jinja's language; two characters are one operator where that exists.
fn without_operators(name: &str) -> String {
    const DOUBLE: [&str; 6] = ["//", "**", "==", "!=", ">=", "<="];
    let mut alias = String::new();
    let mut rest = name;
    while let Some(c) = rest.chars().next() {
        let double = DOUBLE.iter().any(|operator| rest.starts_with(operator));
        let single = "+-/*%~[](){}><=.:|,;".contains(c);
        alias.push(if double || single { '_' } else { c });
        rest = &rest[if double { 2 } else { c.len_utf8() }..];
    }
    alias
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::json;
    use alloc::format;

    fn aliased(data: &[u8]) -> Value {
        let data = json::read(data).unwrap();
        Value::Map(variables(data.as_map().unwrap(), Names::Aliased))
    }

    #[test]
    fn variables_have_cloud_inits_other_names() {
        let data = br#"{"v1": {"a-b": {"c.d": 1}, "x": 1}, "v2": {"x": 2}, "x": 0, "e//f": [{"g-h": 3}], "v": {"y": 1}}"#;
        let expected = r#"{"a-b":{"c.d":1,"c_d":1},"a_b":{"c.d":1,"c_d":1},"e//f":[{"g-h":3}],"e_f":[{"g-h":3}],"v":{"y":1},
            "v1":{"a-b":{"c.d":1,"c_d":1},"a_b":{"c.d":1,"c_d":1},"x":1},"v2":{"x":2},"x":0}"#;
        let variables = aliased(data);
        assert_eq!(variables, json::read(expected.as_bytes()).unwrap());
    }

    #[test]
    fn other_names_are_bounded() {
        let deep = (0..100).fold("1".to_string(), |inner, _| format!("{{\"a-b\":{inner}}}"));
        let variables = aliased(deep.as_bytes());
        assert!(json::write(&variables).len() < 100 * COPIED_NODES_MAX);
    }
}
