//! JSON Patch (RFC 6902) with JSON Pointers (RFC 6901): what `#cloud-config-jsonp` changes a configuration with.
//!
//! A patch is all or nothing. What it copies is taken out of the boot's budget, and what it shifts in lists; how deep it nests
//! is bounded, so that no patch makes a document deeper than a reader would have accepted.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::budget::Budget;
use crate::userdata::Flaw;
use crate::value::{Value, quote};
use crate::yaml::YAML_DEPTH_MAX;

/// Most operations of one patch.
pub const PATCH_OPERATIONS_MAX: usize = 10_000;

/// The steps of the budget that an operation takes, whatever it does.
const OPERATION_STEPS: usize = 100;

/// Applies a patch.
///
/// # Errors
/// An operation cannot be understood, fails or goes beyond a bound. It is named, from 1, and the document is as it was.
pub fn apply(document: &mut Value, patch: &Value, budget: &Budget) -> Result<(), Flaw> {
    let Value::List(operations) = patch else {
        return Err(Flaw::new("a list of operations", patch.noun()));
    };
    if operations.len() > PATCH_OPERATIONS_MAX {
        return Err(Flaw::new(
            format!("at most {PATCH_OPERATIONS_MAX} operations"),
            operations.len(),
        ));
    }
    let mut patcher = Patcher {
        document,
        budget,
        undo: Vec::new(),
        nodes: 0,
        bytes: 0,
    };
    for (place, operation) in operations.iter().enumerate() {
        if let Err(Flaw { expected, found }) = patcher.operation(operation) {
            patcher.roll_back();
            let found = format!("{found} in operation {}", place + 1);
            return Err(Flaw { expected, found });
        }
    }
    Ok(())
}

/// A JSON Pointer's reference tokens, unescaped.
type Pointer = Vec<String>;

/// RFC 6901 section 3: `json-pointer = *( "/" reference-token )`, `escaped = "~" ( "0" / "1" )`
fn pointer(text: &str) -> Result<Pointer, Flaw> {
    let Some(tokens) = text.strip_prefix('/') else {
        return match text {
            "" => Ok(Vec::new()),
            _ => Err(Flaw::new("a pointer that begins with '/'", quote(text))),
        };
    };
    let unescape = |token: &str| {
        let token = token.replace("~1", "/");
        if token.replace("~0", "").contains('~') {
            return Err(Flaw::new("a pointer with ~ only in ~0 and ~1", quote(text)));
        }
        Ok(token.replace("~0", "~"))
    };
    tokens.split('/').map(unescape).collect()
}

/// RFC 6901 section 4: `array-index = %x30 / ( %x31-39 *(%x30-39) )`
fn index(token: &str) -> Option<usize> {
    let plain = token == "0" || !token.starts_with('0');
    let digits = token.bytes().all(|byte| byte.is_ascii_digit());
    (plain && digits).then(|| token.parse().ok()).flatten()
}

/// How to take back one change.
enum Undo {
    /// Take out what was added.
    Take(Pointer),
    /// Put back what was taken out.
    Put(Pointer, Value),
    /// Put back what was replaced.
    Replace(Pointer, Value),
    /// Move back from the first place to the second.
    Move(Pointer, Pointer),
}

struct Patcher<'a> {
    document: &'a mut Value,
    budget: &'a Budget,
    undo: Vec<Undo>,
    /// Nodes and bytes of text that were copied or moved.
    nodes: usize,
    bytes: usize,
}

impl Patcher<'_> {
    /// RFC 6902 section 4.
    fn operation(&mut self, operation: &Value) -> Result<(), Flaw> {
        let member = |name: &str| {
            let text = operation.get(name).and_then(Value::as_text);
            text.ok_or_else(|| Flaw::new(format!("the member {name:?} as text"), "none"))
        };
        let value = || {
            let value = operation.get("value");
            value.ok_or_else(|| Flaw::new("the member \"value\"", "none"))
        };
        let (op, path) = (member("op")?, pointer(member("path")?)?);
        match op {
            "add" => self.add(path, value()?.clone()),
            "remove" => {
                self.shift(&path)?;
                let old = take(self.document, &path).ok_or_else(|| missing(&path))?;
                self.undo.push(Undo::Put(path, old));
                Ok(())
            }
            "replace" => {
                let there = find(self.document, &path).ok_or_else(|| missing(&path))?;
                let old = core::mem::replace(there, value()?.clone());
                self.undo.push(Undo::Replace(path, old));
                Ok(())
            }
            "move" => self.relocate(pointer(member("from")?)?, path),
            "copy" => {
                let from = pointer(member("from")?)?;
                let value = find(self.document, &from).ok_or_else(|| missing(&from))?;
                let value = value.clone();
                self.count(&value)?;
                self.add(path, value)
            }
            "test" => match find(self.document, &path) {
                Some(there) if same(there, value()?) => Ok(()),
                Some(_) => {
                    let expected = format!("the value that is tested for at {}", written(&path));
                    Err(Flaw::new(expected, "another"))
                }
                None => Err(missing(&path)),
            },
            _ => Err(Flaw::new(
                "add, remove, replace, move, copy or test",
                quote(op),
            )),
        }
    }

    /// RFC 6902 section 4.1: to a list, before the element; to a map, in place of what is there.
    fn add(&mut self, mut path: Pointer, value: Value) -> Result<(), Flaw> {
        name_end(self.document, &mut path);
        self.shift(&path)?;
        let (_, _, depth) = measure(&value);
        if depth + path.len() > YAML_DEPTH_MAX {
            return Err(too_deep());
        }
        let undo = match put(self.document, &path, value) {
            Ok(Some(old)) => Undo::Replace(path, old),
            Ok(None) => Undo::Take(path),
            Err(_) => return Err(missing(&path)),
        };
        self.undo.push(undo);
        Ok(())
    }

    /// RFC 6902 section 4.4: out of one place, into another, which is not inside the first.
    fn relocate(&mut self, from: Pointer, mut to: Pointer) -> Result<(), Flaw> {
        if to.len() > from.len() && to.starts_with(&from) {
            return Err(Flaw::new(
                format!("a place outside of {} to move it to", written(&from)),
                written(&to),
            ));
        }
        self.shift(&from)?;
        self.shift(&to)?;
        let value = take(self.document, &from).ok_or_else(|| missing(&from))?;
        name_end(self.document, &mut to);
        let (_, _, depth) = measure(&value);
        let deep = depth + to.len() > YAML_DEPTH_MAX;
        let counted = self.count(&value);
        let placed = if counted.is_ok() && !deep {
            put(self.document, &to, value)
        } else {
            Err(value)
        };
        match placed {
            Ok(None) => self.undo.push(Undo::Move(to, from)),
            Ok(Some(old)) => {
                self.undo.push(Undo::Put(to.clone(), old));
                self.undo.push(Undo::Move(to, from));
            }
            Err(value) => {
                self.undo.push(Undo::Put(from, value));
                let shallow = if deep { Err(too_deep()) } else { Ok(()) };
                return counted.and(shallow).and(Err(missing(&to)));
            }
        }
        Ok(())
    }

    fn count(&mut self, value: &Value) -> Result<(), Flaw> {
        let (nodes, bytes, _) = measure(value);
        if self.budget.read_nodes(nodes) {
            self.nodes += nodes;
            if self.budget.copied.take(bytes) {
                self.bytes += bytes;
                return Ok(());
            }
        }
        let (nodes, bytes) = (self.budget.nodes.most(), self.budget.copied.most());
        let expected = format!("at most {nodes} nodes and {bytes} bytes of copies, in all parts");
        Err(Flaw::new(expected, "more"))
    }

    /// Takes the steps of putting something into a list at this place, or out of it: all behind it is shifted. So it is once
    /// more if the patch is taken back.
    fn shift(&mut self, path: &[String]) -> Result<(), Flaw> {
        let Some((last, above)) = path.split_last() else {
            return Ok(());
        };
        let behind = match find(self.document, above) {
            Some(Value::List(list)) => list.len().saturating_sub(index(last).unwrap_or(0)),
            _ => 0,
        };
        if self
            .budget
            .steps
            .take(behind.saturating_mul(2) + OPERATION_STEPS)
        {
            return Ok(());
        }
        Err(Flaw::new("patches that take less time", "more"))
    }

    fn roll_back(&mut self) {
        self.budget.nodes.put_back(self.nodes);
        self.budget.copied.put_back(self.bytes);
        while let Some(undo) = self.undo.pop() {
            let (path, value) = match undo {
                Undo::Take(path) => {
                    take(self.document, &path);
                    continue;
                }
                Undo::Move(to, from) => (from, take(self.document, &to)),
                Undo::Put(path, value) => (path, Some(value)),
                Undo::Replace(path, value) => {
                    if let Some(there) = find(self.document, &path) {
                        *there = value;
                    }
                    continue;
                }
            };
            if let Some(value) = value {
                // The place it came from is there again, so this cannot fail.
                let _ = put(self.document, &path, value);
            }
        }
    }
}

fn find<'a>(document: &'a mut Value, path: &[String]) -> Option<&'a mut Value> {
    path.iter().try_fold(document, |value, token| match value {
        Value::Map(map) => map.get_mut(&token.as_str().into()),
        Value::List(list) => list.get_mut(index(token)?),
        _ => None,
    })
}

/// Names the place behind a list's last element, `-`, by its number, so that it can be found again.
fn name_end(document: &mut Value, path: &mut [String]) {
    if let Some((last, above)) = path.split_last_mut()
        && last == "-"
        && let Some(Value::List(list)) = find(document, above)
    {
        *last = list.len().to_string();
    }
}

/// Takes a value out. The whole document cannot be taken, as in cloud-init.
fn take(document: &mut Value, path: &[String]) -> Option<Value> {
    let (last, above) = path.split_last()?;
    match find(document, above)? {
        Value::Map(map) => map.remove(&last.as_str().into()),
        Value::List(list) => {
            let place = index(last)?;
            (place < list.len()).then(|| list.remove(place))
        }
        _ => None,
    }
}

/// Puts a value in, and gives what it replaced; or gives the value back if there is no such place.
fn put(document: &mut Value, path: &[String], value: Value) -> Result<Option<Value>, Value> {
    let Some((last, above)) = path.split_last() else {
        return Ok(Some(core::mem::replace(document, value)));
    };
    match find(document, above) {
        Some(Value::Map(map)) => Ok(map.insert(last.as_str(), value)),
        Some(Value::List(list)) => match index(last).filter(|place| *place <= list.len()) {
            Some(place) => {
                list.insert(place, value);
                Ok(None)
            }
            None => Err(value),
        },
        _ => Err(value),
    }
}

/// RFC 6902 section 4.6: numbers are the same if they are numerically equal, maps whatever their order.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Int(int), Value::Float(float)) | (Value::Float(float), Value::Int(int)) => {
            *int as f64 == *float
        }
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len()
                && a.iter()
                    .all(|(key, a)| b.get_value(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

/// Nodes, bytes of text, and levels of nesting of a value.
fn measure(value: &Value) -> (usize, usize, usize) {
    let sum = |(nodes, bytes, depth): (usize, usize, usize), part: &Value| {
        let (more, text, levels) = measure(part);
        (nodes + more, bytes + text, depth.max(levels + 1))
    };
    match value {
        Value::List(list) => list.iter().fold((1, 0, 1), sum),
        Value::Map(map) => map
            .iter()
            .flat_map(|(key, value)| [key, value])
            .fold((1, 0, 1), sum),
        Value::Text(text) | Value::BigInt(text) => (1, text.len(), 0),
        Value::Bytes(bytes) => (1, bytes.len(), 0),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) => (1, 0, 0),
    }
}

fn written(path: &[String]) -> String {
    let tokens = path
        .iter()
        .map(|token| token.replace('~', "~0").replace('/', "~1"));
    quote(&tokens.fold(String::new(), |text, token| text + "/" + &token))
}

fn missing(path: &[String]) -> Flaw {
    Flaw::new(format!("a place {}", written(path)), "none")
}

fn too_deep() -> Flaw {
    Flaw::new(
        format!("at most {YAML_DEPTH_MAX} levels of nesting"),
        "more",
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::json;

    fn patched(document: &str, patch: &str) -> Result<String, String> {
        let mut document = json::read(document.as_bytes()).unwrap();
        let before = document.clone();
        let result = apply(
            &mut document,
            &json::read(patch.as_bytes()).unwrap(),
            &Budget::new(),
        );
        if result.is_err() {
            assert!(document == before, "{patch}");
        }
        let said = |flaw: Flaw| format!("{}, not {}", flaw.expected, flaw.found);
        result.map(|()| json::write(&document)).map_err(said)
    }

    #[test]
    fn every_operation() {
        for (document, patch, expected) in [
            (
                r#"{"a":1}"#,
                r#"[{"op":"add","path":"/b","value":[2]}]"#,
                r#"{"a":1,"b":[2]}"#,
            ),
            (
                r#"{"a":1}"#,
                r#"[{"op":"add","path":"/a","value":2}]"#,
                r#"{"a":2}"#,
            ),
            (
                r#"[1,3]"#,
                r#"[{"op":"add","path":"/1","value":2},{"op":"add","path":"/-","value":4}]"#,
                "[1,2,3,4]",
            ),
            (r#"{"a":1}"#, r#"[{"op":"add","path":"","value":[]}]"#, "[]"),
            (
                r#"{"a":[1,2],"b":0}"#,
                r#"[{"op":"remove","path":"/a/0"},{"op":"remove","path":"/b"}]"#,
                r#"{"a":[2]}"#,
            ),
            (
                r#"{"a":[1]}"#,
                r#"[{"op":"replace","path":"/a/0","value":null}]"#,
                r#"{"a":[null]}"#,
            ),
            (
                r#"{"a":{"b":1},"c":{}}"#,
                r#"[{"op":"move","from":"/a/b","path":"/c/d"}]"#,
                r#"{"a":{},"c":{"d":1}}"#,
            ),
            (
                r#"[1,2,3]"#,
                r#"[{"op":"move","from":"/0","path":"/2"}]"#,
                "[2,3,1]",
            ),
            (
                r#"{"a":1}"#,
                r#"[{"op":"move","from":"/a","path":"/a"}]"#,
                r#"{"a":1}"#,
            ),
            (
                r#"{"a":[1]}"#,
                r#"[{"op":"copy","from":"/a","path":"/a/0"}]"#,
                r#"{"a":[[1],1]}"#,
            ),
            (
                r#"{"a":{"x":1,"y":[1.0]}}"#,
                r#"[{"op":"test","path":"/a","value":{"y":[1],"x":1.0}}]"#,
                r#"{"a":{"x":1,"y":[1.0]}}"#,
            ),
            (
                r#"{"a/b":1,"m~n":2,"":3,"~1":4}"#,
                r#"[{"op":"test","path":"/a~1b","value":1},{"op":"test","path":"/m~0n","value":2},{"op":"test","path":"/","value":3},{"op":"remove","path":"/~01"}]"#,
                r#"{"a/b":1,"m~n":2,"":3}"#,
            ),
        ] {
            assert_eq!(patched(document, patch).as_deref(), Ok(expected), "{patch}");
        }
    }

    #[test]
    fn a_patch_is_all_or_nothing() {
        let changes = r#"{"op":"add","path":"/a/1","value":9},{"op":"add","path":"/a/-","value":8},{"op":"remove","path":"/a/0"},
            {"op":"replace","path":"/b/c","value":7},{"op":"move","from":"/b","path":"/d"},{"op":"move","from":"/d/c","path":"/a/0"},
            {"op":"copy","from":"/d","path":"/e"},{"op":"add","path":"/d","value":0},{"op":"move","from":"/e","path":"/d"},
            {"op":"add","path":"","value":{"a":[1]}}"#;
        let document = r#"{"a":[1,2],"b":{"c":3},"f":{}}"#;
        assert!(patched(document, &format!("[{changes}]")).is_ok());
        for (last, expected) in [
            (
                r#"{"op":"test","path":"/a","value":2}"#,
                "the value that is tested for at \"/a\", not another",
            ),
            (
                r#"{"op":"test","path":"/x","value":null}"#,
                "a place \"/x\", not none",
            ),
            (r#"{"op":"remove","path":"/x"}"#, "a place \"/x\", not none"),
            (r#"{"op":"remove","path":""}"#, "a place \"\", not none"),
            (
                r#"{"op":"replace","path":"/a/1","value":1}"#,
                "a place \"/a/1\", not none",
            ),
            (
                r#"{"op":"replace","path":"/a/-","value":1}"#,
                "a place \"/a/-\", not none",
            ),
            (
                r#"{"op":"add","path":"/a/2","value":1}"#,
                "a place \"/a/2\", not none",
            ),
            (
                r#"{"op":"add","path":"/a/01","value":1}"#,
                "a place \"/a/01\", not none",
            ),
            (
                r#"{"op":"add","path":"/a/0/x","value":1}"#,
                "a place \"/a/0/x\", not none",
            ),
            (
                r#"{"op":"add","path":"a","value":1}"#,
                "a pointer that begins with '/', not \"a\"",
            ),
            (
                r#"{"op":"add","path":"/a~2","value":1}"#,
                "a pointer with ~ only in ~0 and ~1, not \"/a~2\"",
            ),
            (
                r#"{"op":"add","path":"/a"}"#,
                "the member \"value\", not none",
            ),
            (
                r#"{"op":"add","value":1}"#,
                "the member \"path\" as text, not none",
            ),
            (
                r#"{"op":"move","from":"/a","path":"/a/0"}"#,
                "a place outside of \"/a\" to move it to, not \"/a/0\"",
            ),
            (
                r#"{"op":"move","from":"/a","path":"/x/y"}"#,
                "a place \"/x/y\", not none",
            ),
            (
                r#"{"op":"merge","path":"/a"}"#,
                "add, remove, replace, move, copy or test, not \"merge\"",
            ),
            ("3", "the member \"op\" as text, not none"),
        ] {
            let error = patched(document, &format!("[{changes},{last}]")).unwrap_err();
            assert_eq!(error, format!("{expected} in operation 11"));
        }
        assert_eq!(
            patched("{}", "{}").unwrap_err(),
            "a list of operations, not a map"
        );
    }

    #[test]
    fn copies_and_depth_are_bounded() {
        let double = r#"{"op":"copy","from":"","path":"/-"}"#;
        let error = patched(
            r#"["x"]"#,
            &format!("[{double}]").replace(double, &[double; 30].join(",")),
        )
        .unwrap_err();
        assert!(
            error.starts_with("at most 250000 nodes") || error.starts_with("at most 128 levels"),
            "{error}"
        );
        let wrap = r#"{"op":"add","path":"/b","value":{}},{"op":"move","from":"/a","path":"/b/a"},{"op":"move","from":"/b","path":"/a"}"#;
        let error = patched(r#"{"a":1}"#, &format!("[{}]", [wrap; 200].join(","))).unwrap_err();
        assert!(error.starts_with("at most 128 levels"), "{error}");
    }
}
