//! `#cloud-config-archive`: parts as entries of a YAML list.
//!
//! ```text
//! #cloud-config-archive
//! - |
//!   #!/bin/sh
//!   echo a text is a part
//! - type: text/cloud-config
//!   filename: web.cfg
//!   launch-index: 2
//!   Merge-Type: list(append)+dict()+str()
//!   content: "packages: [nginx]"
//! ```
//!
//! What is no text and no map is skipped. A type that is given is believed; any other key is a header. Entries are parts as they
//! stand: includes, gzip and archives inside them are not opened.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::header::{Headers, rewritten};
use super::part_type::PartType;
use super::{Flaw, sniff, transfer};
use crate::budget::Budget;
use crate::value::{Map, SyntaxError, Value};
use crate::yaml;

/// One entry, before it becomes a part.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its type.
    pub content_type: PartType,
    /// The name it gives itself.
    pub filename: Option<String>,
    /// Its launch index and its keys that mean nothing else.
    pub headers: Headers,
    /// Its content.
    pub content: Vec<u8>,
}

/// The keys that are not headers, in lower case.
const RESERVED: &[&str] = &[
    "content",
    "filename",
    "type",
    "launch-index",
    "content-disposition",
    "number-attachments",
    "content-type",
];

/// The entries of an archive; one that cannot be a part is a flaw in its place.
///
/// # Errors
/// It is no YAML, or no list.
pub fn entries(document: &[u8], budget: &Budget) -> Result<Vec<Result<Entry, Flaw>>, SyntaxError> {
    let before = budget.nodes.left();
    let read = yaml::read_within(document, budget);
    // The tree is gone when its entries are there.
    budget
        .nodes
        .put_back(before.saturating_sub(budget.nodes.left()));
    match read? {
        Value::List(list) => Ok(list.iter().map(entry).collect()),
        Value::Null => Ok(Vec::new()),
        other => Err(SyntaxError {
            line: 1,
            column: 1,
            expected: "a list".to_string(),
            found: other.noun().to_string(),
        }),
    }
}

fn entry(value: &Value) -> Result<Entry, Flaw> {
    let nothing = Map::new();
    let (map, content) = match value {
        Value::Text(_) => (&nothing, Some(value)),
        Value::Map(map) => (map, map.get("content")),
        other => return Err(Flaw::new("a text or a map", other.noun())),
    };
    let content = match content {
        None => &[][..],
        Some(Value::Text(text)) => text.as_bytes(),
        Some(Value::Bytes(bytes)) => bytes.as_slice(),
        Some(other) => return Err(Flaw::new("content that is text", other.noun())),
    };
    let is_binary = matches!(map.get("content"), Some(Value::Bytes(_)));
    let declared = declared_type(map, content, is_binary)?;
    let mut head = Headers::default();
    head.push("Content-Type", &declared);
    let headers = headers(map)?;
    let name = filename(map)?.or_else(|| head.parameter("Content-Type", "name"));
    Ok(Entry {
        content_type: PartType::new(&head.content_type(PartType::Plain.as_str())),
        filename: name,
        content: decoded(content, &declared, &headers),
        headers,
    })
}

/// The `type` given, or what the first line stands for. In an archive what is neither is cloud-config, or bytes if it is bytes.
fn declared_type(map: &Map, content: &[u8], is_binary: bool) -> Result<String, Flaw> {
    match map.get("type") {
        Some(Value::Text(given)) if given.contains('/') => Ok(given.clone()),
        Some(Value::Text(given)) if !given.is_empty() => {
            Err(Flaw::new("a type with a slash", format!("{given:?}")))
        }
        None | Some(Value::Null | Value::Text(_)) => {
            let readable = !is_binary || core::str::from_utf8(content).is_ok();
            let sniffed = readable.then(|| sniff::sniff(content)).flatten();
            let default = if is_binary {
                PartType::Other("application/octet-stream".to_string())
            } else {
                PartType::CloudConfig
            };
            Ok(sniffed.unwrap_or(default).to_string())
        }
        Some(other) => Err(Flaw::new("a type that is text", other.noun())),
    }
}

/// The content; what is no text may say that it is encoded.
fn decoded(content: &[u8], declared: &str, headers: &Headers) -> Vec<u8> {
    let encoding = if declared.starts_with("text/") {
        ""
    } else {
        headers.get("Content-Transfer-Encoding").unwrap_or_default()
    };
    transfer::decode(encoding, Cow::Borrowed(content))
        .0
        .into_owned()
}

/// The `filename` given, as cloud-init's header leaves it.
fn filename(map: &Map) -> Result<Option<String>, Flaw> {
    match map.get("filename") {
        None | Some(Value::Null) => Ok(None),
        Some(value) => match value.to_text() {
            Some(name) => Ok(Some(rewritten(name))),
            None => Err(Flaw::new("a file name that is text", value.noun())),
        },
    }
}

/// The launch index, then the keys that mean nothing else.
fn headers(map: &Map) -> Result<Headers, Flaw> {
    let mut headers = Headers::default();
    if let Some(index) = map.get("launch-index").and_then(Value::to_text) {
        headers.push("Launch-Index", &index);
    }
    for (name, value) in map.texts() {
        if RESERVED.contains(&name.to_lowercase().as_str()) {
            continue;
        }
        match (value, value.to_text()) {
            (_, Some(text)) => headers.push(name, &text),
            (Value::Null, None) => headers.push(name, ""),
            (_, None) => {
                let expected = format!("a text as the header {name:?}");
                return Err(Flaw::new(expected, value.noun()));
            }
        }
    }
    Ok(headers)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Type, name and content of each entry; `!` and what was found of a flaw.
    fn short(document: &str) -> Vec<String> {
        let text = |entry| match entry {
            Ok(Entry {
                content_type,
                filename,
                content,
                ..
            }) => {
                let content = String::from_utf8_lossy(&content).into_owned();
                format!("{content_type} {} {content}", filename.unwrap_or_default())
            }
            Err(Flaw { found, .. }) => format!("!{found}"),
        };
        entries(document.as_bytes(), &Budget::new())
            .unwrap()
            .into_iter()
            .map(text)
            .collect()
    }

    #[test]
    fn texts_and_maps() {
        assert_eq!(
            short("- '#!/bin/sh'\n- 'a: b'\n- {content: '#include x'}\n- {}\n- 5\n"),
            [
                "text/x-shellscript  #!/bin/sh",
                "text/cloud-config  a: b",
                "text/x-include-url  #include x",
                "text/cloud-config  ",
                "!a whole number",
            ]
        );
    }

    #[test]
    fn types_are_believed() {
        assert_eq!(
            short("- {type: text/plain, content: '#!x'}\n- {type: 'A/B; name=n', content: x}\n"),
            ["text/plain  #!x", "a/b n x"]
        );
        assert_eq!(
            short("- {type: plain}\n- {type: 1}\n"),
            ["!\"plain\"", "!a whole number"]
        );
    }

    #[test]
    fn binary_content() {
        assert_eq!(
            short("- {content: !!binary IyE=}\n- {content: !!binary /w==}\n"),
            [
                "text/x-shellscript  #!",
                "application/octet-stream  \u{fffd}"
            ]
        );
    }

    #[test]
    fn other_keys_are_headers() {
        let entries = entries(
            b"- {content: x, launch-index: 2, Merge-Type: list(append), n: 1}",
            &Budget::new(),
        )
        .unwrap();
        let headers = entries.into_iter().next().unwrap().unwrap().headers;
        assert_eq!(headers.get("Launch-Index"), Some("2"));
        assert_eq!(headers.get("Merge-Type"), Some("list(append)"));
        assert_eq!(headers.get("n"), Some("1"));
        assert_eq!(short("- {content: x, header: [1]}"), ["!a list"]);
    }

    #[test]
    fn roots_of_other_kinds() {
        assert_eq!(short("#cloud-config-archive\n"), [""; 0]);
        assert_eq!(entries(b"a: b", &Budget::new()).unwrap_err().found, "a map");
        assert!(entries(b"[", &Budget::new()).is_err());
    }
}
