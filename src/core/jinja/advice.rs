//! The words for a variable that is not there: what it is called, and what may be meant.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::dict::Dict;
use super::methods;
use super::syntax::{Binary, Expr, Node};
use super::value::{Missing, Value};

/// Most letters of a name that are looked at.
const NAME_CHARS_MAX: usize = 64;
/// Most entries that are looked at for another place of the same name.
const SEARCHED_MAX: usize = 2000;

/// The words that all reasons have that are about a variable that is not there.
pub const NOT_THERE: &str = "which is not there";

/// What is not there, and what is.
pub fn absent(missing: &Missing) -> String {
    let called = match (missing.path.is_empty(), missing.name.as_text()) {
        (false, _) => format!("`{}`, {NOT_THERE}", missing.path),
        (true, Some(name)) => format!("`{name}`, {NOT_THERE}"),
        (true, None) => format!("a value, {NOT_THERE}"),
    };
    match near(missing) {
        Some(near) => format!("{called} (there is `{near}`)"),
        None => called,
    }
}

/// The same in fewer words.
pub fn brief(missing: &Missing) -> Option<String> {
    let near = near(missing);
    match (missing.path.is_empty(), near) {
        (true, _) => None,
        (false, None) => Some(missing.path.clone()),
        (false, Some(near)) => Some(format!("{} (there is {near})", missing.path)),
    }
}

/// What may be meant: a name like it where it was looked for, or the same name elsewhere.
fn near(missing: &Missing) -> Option<String> {
    let name = missing.name.as_text()?;
    let above = missing.path.strip_suffix(&**name).unwrap_or("");
    let above = above.trim_end_matches('.');
    let Value::Dict(parent) = &missing.parent else {
        let methods = methods::of(&missing.parent).iter();
        let near = most_like(name, methods.map(|entry| entry.name.into()));
        return near.map(|near| below(above, &near));
    };
    match nearest(parent, name) {
        Some(near) => Some(below(above, &near)),
        None if above.is_empty() => elsewhere(parent, name),
        None => None,
    }
}

/// The key that is most like a name, if one is like it.
fn nearest(dict: &Dict, name: &str) -> Option<String> {
    let keys = dict.pairs().into_iter();
    most_like(name, keys.filter_map(|(key, _)| key.as_text().cloned()))
}

fn most_like(name: &str, keys: impl Iterator<Item = Rc<str>>) -> Option<String> {
    let keys = keys.filter(|key| is_name(key));
    let rated = keys.filter_map(|key| Some((unlike(name, &key)?, key)));
    rated.min().map(|(_, key)| key.to_string())
}

/// How much a key differs from a name; none if they have nothing to do with each other.
fn unlike(name: &str, key: &str) -> Option<usize> {
    let plain = |text: &str| text.to_lowercase().replace(['-', '.', '_'], "");
    let (name, key) = (plain(name), plain(key));
    let distance = distance(&name, &key);
    let (shorter, longer) = if name.len() < key.len() {
        (&name, &key)
    } else {
        (&key, &name)
    };
    let is_part = shorter.len() >= 3 && longer.contains(&**shorter);
    if distance <= (name.chars().count() + 1) / 3 {
        Some(distance)
    } else {
        // Behind what is only misspelt.
        is_part.then_some(NAME_CHARS_MAX + distance)
    }
}

/// How many letters have to be added, removed or replaced to make one word of the other (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().take(NAME_CHARS_MAX).collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, c) in one.chars().take(NAME_CHARS_MAX).enumerate() {
        let (mut diagonal, mut left) = (line, line + 1);
        for (above, d) in row.iter_mut().skip(1).zip(&other) {
            let replaced = diagonal + usize::from(c != *d);
            diagonal = *above;
            left = replaced.min(diagonal + 1).min(left + 1);
            *above = left;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

/// The path of the first entry of this name that is somewhere in a map, level by level.
fn elsewhere(dict: &Dict, name: &str) -> Option<String> {
    let mut queue = Vec::from([(String::new(), dict.pairs())]);
    let (mut next, mut looked_at) = (0, 0);
    while let Some((above, pairs)) = queue.get(next).cloned() {
        next += 1;
        for (key, value) in pairs {
            let Some(key) = key.as_text().filter(|key| is_name(key)).cloned() else {
                continue;
            };
            looked_at += 1;
            if looked_at > SEARCHED_MAX {
                return None;
            }
            let path = below(&above, &key);
            if *key == *name {
                return Some(path);
            }
            if let Value::Dict(inner) = value {
                queue.push((path, inner.pairs()));
            }
        }
    }
    None
}

/// Can this stand behind a dot?
fn is_name(key: &str) -> bool {
    let of_a_name = |c: char| c.is_alphanumeric() || c == '_';
    key.chars().all(of_a_name) && !key.starts_with(|c: char| c.is_ascii_digit())
}

fn below(above: &str, key: &str) -> String {
    match (above.is_empty(), is_name(key)) {
        (true, _) => key.to_string(),
        (false, true) => format!("{above}.{key}"),
        (false, false) => format!("{above}['{key}']"),
    }
}

/// An expression as a path of names: `ds.meta_data.x`.
pub fn path(node: &Node) -> Option<String> {
    match &node.expr {
        Expr::Name(name) => Some(name.to_string()),
        Expr::Attribute(of, name) => Some(below(&path(of)?, name)),
        Expr::Item(of, key) => match &key.expr {
            Expr::Const(Value::Text(key)) => Some(below(&path(of)?, key)),
            Expr::Const(Value::Int(place)) => Some(format!("{}[{place}]", path(of)?)),
            _ => None,
        },
        _ => None,
    }
}

/// The words for `a.b-c`, where the hyphen may be a part of the name.
pub fn hyphen(node: &Node, variables: &Dict) -> Option<String> {
    let written = spelled(node)?;
    let (mut plain, mut quoted) = (String::new(), String::new());
    let (mut near, mut is_there, mut level) = (None, true, None);
    for name in written.split('.') {
        let dict: &Dict = level.as_deref().unwrap_or(variables);
        let key = name.replace('-', "_");
        let found = dict.get_text(name).or_else(|| dict.get_text(&key));
        is_there &= found.is_some();
        if found.is_none() && near.is_none() {
            near = nearest(dict, name).map(|near| below(&plain, &near));
        }
        quoted = below(&plain, name);
        plain = below(&plain, &key);
        level = match found {
            Some(Value::Dict(inner)) => Some(inner),
            _ => Some(Rc::new(Dict::default())),
        };
    }
    let or = if quoted.ends_with("']") {
        format!(" or `{quoted}`")
    } else {
        String::new()
    };
    let meant = match (is_there, near) {
        (true, _) => "the variable".to_string(),
        (false, Some(near)) => format!("there is `{near}`; with a hyphen it"),
        (false, None) => "one side of it is not there; with a hyphen it".to_string(),
    };
    // Names of instance data are no quotation: everybody may read them, and the console's line is to say them.
    let plain = if is_there {
        plain
    } else {
        format!("`{plain}`")
    };
    Some(format!(
        "`{written}`, where - is minus ({meant} is written {plain}{or})"
    ))
}

/// What stands on both sides of each `-`, as it is written, without what is done to the last value.
fn spelled(node: &Node) -> Option<String> {
    match &node.expr {
        Expr::Binary(sides) if matches!(sides.1, Binary::Sub) => {
            let (left, _, right) = &**sides;
            Some(format!("{}-{}", spelled(left)?, spelled(right)?))
        }
        Expr::Filter(call) | Expr::Test(call) => spelled(call.value.as_ref()?),
        Expr::Call(call) => match &call.function.expr {
            Expr::Attribute(of, _) => spelled(of),
            _ => None,
        },
        Expr::Const(Value::Int(int)) => Some(int.to_string()),
        Expr::Item(of, _) => path(node).or_else(|| spelled(of)),
        _ => path(node),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_alike_up_to_a_third_of_their_letters() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "abc"), 3);
        for (name, key, unlike) in [
            ("Region", "region", Some(0)),
            ("local-hostname", "local_hostname", Some(0)),
            ("regoin", "region", Some(2)),
            ("nope", "node", Some(1)),
            ("hostname", "local_hostname", Some(NAME_CHARS_MAX + 5)),
            ("zone", "region", None),
            ("x", "y", None),
        ] {
            assert_eq!(super::unlike(name, key), unlike, "{name} {key}");
        }
    }
}
