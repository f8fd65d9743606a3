//! Query: one value out of instance data, by the name a user of cloud-init would write.
//!
//! ```text
//!   name = key *( "." key )        each key as it is spelt, or with "_" for each "-", "." and "/" in it
//! ```
//!
//! The keys of `v1` (of every `v` and digits) are found without it: `cloud_name` is `v1.cloud_name`.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::json;
use crate::value::{Map, Value};

/// The name of a key that a template can spell; the same if it already is one.
fn alias(key: &str) -> String {
    key.replace(['-', '.', '/'], "_")
}

/// The value behind `name` in what [`crate::variables::variables`] gave.
///
/// # Errors
/// There is none: the sentence that cloud-init says.
pub fn find(variables: &Map, name: &str) -> Result<Value, String> {
    let mut value = Value::Map(variables.clone());
    let mut walked = String::new();
    for key in name.split('.') {
        let Some(next) = value.as_map().and_then(|map| one(map, key)) else {
            return Err(match walked.as_str() {
                "" => format!("Undefined instance-data key '{name}'"),
                _ => format!("instance-data '{walked}' has no '{key}'"),
            });
        };
        value = next.clone();
        if !walked.is_empty() {
            walked.push('.');
        }
        walked.push_str(key);
    }
    Ok(value)
}

fn one<'a>(map: &'a Map, key: &str) -> Option<&'a Value> {
    let aliased = |(name, value): (&str, &'a Value)| (alias(name) == key).then_some(value);
    map.get(key).or_else(|| map.texts().find_map(aliased))
}

/// The keys of a value, sorted; `name` is what was asked for.
///
/// # Errors
/// It has none: the sentence that cloud-init says, with `name`.
pub fn keys(value: &Value, name: &str) -> Result<Vec<String>, String> {
    let Some(map) = value.as_map() else {
        return Err(format!("--list-keys provided but '{name}' is not a dict"));
    };
    let mut keys: Vec<String> = map.texts().map(|(key, _)| key.to_owned()).collect();
    keys.sort();
    Ok(keys)
}

/// A value as it is printed: text as it is, everything else as JSON.
pub fn printed(value: &Value) -> String {
    match value {
        Value::Text(text) => text.to_string(),
        value => json::write_indented(value),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::variables::{Names, variables};

    const DATA: &str = r#"{
        "ds": {"meta_data": {"local-ipv4": "10.0.0.1", "a.b/c": [1, "x"], "none": null}, "v2": {"x": 1}},
        "v1": {"cloud-name": "aws", "cloud_name": "aws", "region": null},
        "verbose": {"region": 2}
    }"#;

    #[test]
    fn names_are_found_in_both_spellings() {
        let data = json::read(DATA.as_bytes()).unwrap();
        let variables = variables(data.as_map().unwrap(), Names::Own);
        for (name, expected) in [
            ("v1.cloud-name", Ok("aws")),
            ("v1.cloud_name", Ok("aws")),
            ("cloud_name", Ok("aws")),
            ("ds.meta_data.local_ipv4", Ok("10.0.0.1")),
            ("ds.meta_data.local-ipv4", Ok("10.0.0.1")),
            ("ds.meta_data.a_b_c", Ok("[\n 1,\n \"x\"\n]")),
            ("ds.x", Ok("1")),
            ("region", Ok("null")),
            ("nope", Err("Undefined instance-data key 'nope'")),
            ("nope.nope", Err("Undefined instance-data key 'nope.nope'")),
            ("", Err("Undefined instance-data key ''")),
            ("v1.nope", Err("instance-data 'v1' has no 'nope'")),
            (
                "cloud_name.x.y",
                Err("instance-data 'cloud_name' has no 'x'"),
            ),
            (
                "ds.meta_data.local_ipv4.x",
                Err("instance-data 'ds.meta_data.local_ipv4' has no 'x'"),
            ),
        ] {
            let found = find(&variables, name).map(|value| printed(&value));
            let expected = expected.map(String::from).map_err(String::from);
            assert_eq!(found, expected, "{name}");
        }
    }

    #[test]
    fn keys_are_listed_of_maps_only() {
        let data = json::read(DATA.as_bytes()).unwrap();
        let variables = variables(data.as_map().unwrap(), Names::Own);
        let listed = keys(&variables.clone().into(), "").unwrap().join(" ");
        assert_eq!(listed, "cloud-name cloud_name ds region v1 verbose");
        let error = keys(&find(&variables, "cloud_name").unwrap(), "cloud_name").unwrap_err();
        assert_eq!(error, "--list-keys provided but 'cloud_name' is not a dict");
    }
}
