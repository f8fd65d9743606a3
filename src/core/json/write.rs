//! JSON, written as Python's `json.dumps` writes it.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::value::{Map, Value, float_text};

/// One line without spaces: `json.dumps(value, separators=(",", ":"), ensure_ascii=False)`. Bytes become base 64.
pub fn write(value: &Value) -> String {
    let writer = Writer {
        indent: None,
        redaction: None,
    };
    writer.written(value)
}

/// The layout of instance-data.json: `json.dumps(value, indent=1, sort_keys=True, separators=(",", ": "))`. Bytes become
/// base 64 after `ci-b64:`, and what is not ASCII is escaped, both as cloud-init does.
pub fn write_indented(value: &Value) -> String {
    let writer = Writer {
        indent: Some(1),
        redaction: None,
    };
    writer.written(value)
}

/// As [`write_indented`], with the text `instead` in the place of each value of whose path ([`path_below`]) `is_secret` says so.
pub fn write_redacted(value: &Value, is_secret: &dyn Fn(&str) -> bool, instead: &str) -> String {
    let writer = Writer {
        indent: Some(1),
        redaction: Some(Redaction { is_secret, instead }),
    };
    writer.written(value)
}

/// The path of what a map has behind `key`, or a list at a place: the path of the map or list, a slash, and the key as text.
pub fn path_below(path: &str, key: &str) -> String {
    match path {
        "" => String::from(key),
        _ => [path, "/", key].concat(),
    }
}

struct Writer<'a> {
    /// Spaces for each level; `None` puts everything in one line.
    indent: Option<usize>,
    redaction: Option<Redaction<'a>>,
}

/// Which paths are not written, and what stands there instead.
struct Redaction<'a> {
    is_secret: &'a dyn Fn(&str) -> bool,
    instead: &'a str,
}

impl Writer<'_> {
    fn written(&self, value: &Value) -> String {
        let mut out = String::new();
        self.value(&mut out, value, "", 0);
        out
    }

    fn value(&self, out: &mut String, value: &Value, path: &str, depth: usize) {
        match value {
            Value::Null => out.push_str("null"),
            Value::Bool(true) => out.push_str("true"),
            Value::Bool(false) => out.push_str("false"),
            Value::Int(int) => {
                let _ = write!(out, "{int}");
            }
            Value::BigInt(digits) => out.push_str(digits),
            Value::Float(float) => out.push_str(&number(*float)),
            Value::Text(text) => self.text(out, text),
            Value::Bytes(bytes) => {
                let mark = if self.indent.is_some() { "ci-b64:" } else { "" };
                let _ = write!(out, "\"{mark}{}\"", STANDARD.encode(bytes));
            }
            Value::List(list) => {
                self.row(out, depth, ['[', ']'], list, |out, place, element| {
                    self.inside(out, element, path, &|| place.to_string(), depth + 1);
                });
            }
            Value::Map(map) => {
                self.row(
                    out,
                    depth,
                    ['{', '}'],
                    &self.entries(map),
                    |out, _, entry| {
                        let (key, value) = entry;
                        self.text(out, key);
                        out.push_str(if self.indent.is_some() { ": " } else { ":" });
                        self.inside(out, value, path, &|| String::from(&**key), depth + 1);
                    },
                );
            }
        }
    }

    /// A value inside a map or list, which stands at `path`; the key is wanted only where something may be redacted.
    fn inside(
        &self,
        out: &mut String,
        value: &Value,
        path: &str,
        key: &dyn Fn() -> String,
        depth: usize,
    ) {
        let Some(redaction) = &self.redaction else {
            return self.value(out, value, path, depth);
        };
        let path = path_below(path, &key());
        if (redaction.is_secret)(&path) {
            self.text(out, redaction.instead);
        } else {
            self.value(out, value, &path, depth);
        }
    }

    fn row<T>(
        &self,
        out: &mut String,
        depth: usize,
        [open, close]: [char; 2],
        items: &[T],
        item: impl Fn(&mut String, usize, &T),
    ) {
        out.push(open);
        for (place, each) in items.iter().enumerate() {
            if place > 0 {
                out.push(',');
            }
            self.line(out, depth + 1);
            item(out, place, each);
        }
        if !items.is_empty() {
            self.line(out, depth);
        }
        out.push(close);
    }

    fn line(&self, out: &mut String, depth: usize) {
        if let Some(indent) = self.indent {
            out.push('\n');
            out.extend(core::iter::repeat_n(' ', indent * depth));
        }
    }

    fn entries<'a>(&self, map: &'a Map) -> Vec<(Cow<'a, str>, &'a Value)> {
        let entries = map.iter().map(|(name, value)| (key_text(name), value));
        let mut entries: Vec<_> = entries.collect();
        if self.indent.is_some() {
            entries.sort_by(|a, b| a.0.cmp(&b.0));
        }
        entries
    }

    fn text(&self, out: &mut String, text: &str) {
        let escaped = |c: char| match self.indent {
            Some(_) => !c.is_ascii() || c == '\u{7f}',
            None => false,
        };
        write_text(out, text, escaped);
    }
}

/// A text in quotation marks, with what JSON wants escaped, and beside it what `escaped` says.
pub fn write_text(out: &mut String, text: &str, escaped: impl Fn(char) -> bool) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '\0'..' ' => escape(out, c),
            _ if escaped(c) => escape(out, c),
            _ => out.push(c),
        }
    }
    out.push('"');
}

fn escape(out: &mut String, c: char) {
    for unit in c.encode_utf16(&mut [0; 2]) {
        let _ = write!(out, "\\u{unit:04x}");
    }
}

/// A key as text: Python writes `null`, `true` and numbers as they would be written as values.
pub fn key_text(key: &Value) -> Cow<'_, str> {
    match key {
        Value::Text(text) => Cow::Borrowed(text),
        other => Cow::Owned(write(other)),
    }
}

fn number(float: f64) -> String {
    match float {
        _ if float.is_nan() => "NaN".into(),
        f64::INFINITY => "Infinity".into(),
        f64::NEG_INFINITY => "-Infinity".into(),
        _ => float_text(float),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn both_layouts() {
        let mut map = Map::new();
        map.insert("b", vec![Value::Int(1), Value::Map(Map::new())]);
        map.insert("a", Value::List(vec![]));
        map.insert(true, Value::Bytes(vec![0xff]));
        map.insert("é😀\u{1}\u{7f}", Value::Float(1e16));
        let value = Value::Map(map);
        assert_eq!(
            write(&value),
            "{\"b\":[1,{}],\"a\":[],\"true\":\"/w==\",\"é😀\\u0001\u{7f}\":1e+16}"
        );
        let indented = r#"{
 "a": [],
 "b": [
  1,
  {}
 ],
 "true": "ci-b64:/w==",
 "\u00e9\ud83d\ude00\u0001\u007f": 1e+16
}"#;
        assert_eq!(write_indented(&value), indented);
        assert_eq!(
            crate::json::read(write(&Value::Null).as_bytes()),
            Ok(Value::Null)
        );
        let secret = |path: &str| ["b/1", "true"].contains(&path);
        let redacted = indented
            .replace("{}", "\"gone\"")
            .replace("\"ci-b64:/w==\"", "\"gone\"");
        assert_eq!(write_redacted(&value, &secret, "gone"), redacted);
    }
}
