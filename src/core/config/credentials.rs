//! Credentials for systemd that a part `#systemd-userdata` brings, on every platform and for every systemd that knows
//! credentials.
//!
//! ```text
//!   part       = "#systemd-userdata" LF object
//!   object     = { "systemd.credentials": [ credential, … ], … }
//!   credential = { "name": NAME, "text": TEXT / "data": BASE64 / "encrypted": BASE64 }
//! ```
//!
//! Source: systemd-imds(1) of systemd 261, which imports the same from the user-data of a cloud, and its behaviour: other
//! keys beside the list are passed over, a credential with a wrong name, a key of its own, or not exactly one content is left
//! out.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{Config, warning};
use crate::json;
use crate::userdata::part_type::PartType;
use crate::value::{Map, Value};
use crate::warning::Warning;

/// Most credentials of one machine.
pub const CREDENTIALS_MAX: usize = 256;
/// Longest content, in bytes, as systemd allows it (CREDENTIAL_SIZE_MAX).
pub const CREDENTIAL_BYTES_MAX: usize = 1 << 20;

/// One credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Its name, which is also that of its file.
    pub name: String,
    /// Whether only the machine's own key opens it.
    pub encrypted: bool,
    /// What it holds.
    pub content: Vec<u8>,
}

/// All credentials of all parts, in order; of one name the first counts.
pub fn of(config: &Config) -> (Vec<Credential>, Vec<Warning>) {
    let mut all: Vec<Credential> = Vec::new();
    let mut warnings = Vec::new();
    let parts = config.allowed();
    for numbered in parts.filter(|numbered| numbered.part.content_type == PartType::SystemdUserdata)
    {
        let part = &numbered.part;
        for found in read(&part.content) {
            match found {
                Ok(new) if all.len() < CREDENTIALS_MAX => {
                    if !all.iter().any(|known| known.name == new.name) {
                        all.push(new);
                    }
                }
                Ok(_) => {
                    let expected = format!("at most {CREDENTIALS_MAX} credentials");
                    warnings.push(warning(&part.filename, &expected, "more"));
                    return (all, warnings);
                }
                Err(expected) => {
                    warnings.push(warning(
                        &part.filename,
                        expected,
                        "something else, which is left out",
                    ));
                }
            }
        }
    }
    (all, warnings)
}

/// The credentials of one part; the error is what would have been right.
fn read(content: &[u8]) -> Vec<Result<Credential, &'static str>> {
    let start = PartType::SystemdUserdata.start_line().as_bytes();
    let content = content.trim_ascii_start();
    let object = content.strip_prefix(start).unwrap_or(content);
    match json::read(object) {
        Ok(Value::Map(map)) => match map.get("systemd.credentials") {
            None => Vec::new(),
            Some(Value::List(list)) => list.iter().map(credential).collect(),
            Some(_) => alloc::vec![Err("a list of credentials")],
        },
        _ => alloc::vec![Err("a JSON object")],
    }
}

fn credential(value: &Value) -> Result<Credential, &'static str> {
    const KEYS: [&str; 4] = ["name", "text", "data", "encrypted"];
    let map = value.as_map().ok_or("an object for each credential")?;
    if map.texts().any(|(key, _)| !KEYS.contains(&key)) {
        return Err("no other keys of a credential than name, text, data and encrypted");
    }
    let name = map.get("name").and_then(Value::as_text);
    let name = name.filter(|name| is_name(name));
    let name = name.ok_or("the name of a credential")?;
    let (encrypted, content) = content(map).ok_or("exactly one of text, data and encrypted")?;
    let content = content.filter(|content| content.len() <= CREDENTIAL_BYTES_MAX);
    Ok(Credential {
        name: String::from(name),
        encrypted,
        content: content.ok_or("base 64, and at most 1 MiB of it")?,
    })
}

/// Whether it is encrypted, and what it is; `None` inside if it is no base 64.
fn content(map: &Map) -> Option<(bool, Option<Vec<u8>>)> {
    let mut said = ["text", "data", "encrypted"].into_iter();
    let mut said = said
        .by_ref()
        .filter_map(|key| Some((key, map.get(key)?.as_text()?)));
    let (key, text) = said.next()?;
    if said.next().is_some() {
        return None;
    }
    let bytes = match key {
        "text" => Some(text.as_bytes().to_vec()),
        _ => {
            let letters = text.bytes().filter(|byte| !byte.is_ascii_whitespace());
            STANDARD.decode(letters.collect::<Vec<u8>>()).ok()
        }
    };
    Some((key == "encrypted", bytes))
}

/// A name as systemd takes it (`credential_name_valid`): a file name, and fit for the name of a file descriptor, so without
/// colons; ours have no blanks either.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() && byte != b'/' && byte != b':';
    !matches!(name, "" | "." | "..") && name.len() <= 255 && name.bytes().all(plain)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_credential_costs_itself() {
        let part = br##"#systemd-userdata
{"other": 1, "systemd.credentials": [
  {"name": "a.text", "text": "x\n"}, {"name": "b", "data": "eA=="}, {"name": "c", "encrypted": "eA=="},
  {"name": "../d", "text": ""}, {"name": "e", "text": "", "data": ""}, {"name": "f"}, {"name": "g", "data": "?"},
  {"name": "h", "text": "", "more": 1}, 7]}"##;
        let read = read(part);
        let good: Vec<(&str, bool, &[u8])> = read
            .iter()
            .flatten()
            .map(|one| (one.name.as_str(), one.encrypted, one.content.as_slice()))
            .collect();
        assert_eq!(
            good,
            [
                ("a.text", false, &b"x\n"[..]),
                ("b", false, b"x"),
                ("c", true, b"x")
            ]
        );
        assert_eq!(read.iter().filter(|one| one.is_err()).count(), 6);
    }

    #[test]
    fn what_is_no_object_has_none() {
        for part in [
            "#systemd-userdata\n[]",
            "#systemd-userdata\n",
            "#systemd-userdata\n{\"systemd.credentials\": 1}",
        ] {
            assert!(matches!(read(part.as_bytes())[..], [Err(_)]), "{part}");
        }
        assert!(read(b"{}").is_empty());
    }
}
