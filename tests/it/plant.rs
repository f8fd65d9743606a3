//! Planted secrets: in a machine that was laid out, what is for root alone is exchanged for something with a mark in it.
//!
//! Which that is nobody lists by hand: it is every file, and every leaf of a JSON document, whose name cloud-init calls
//! sensitive or that is somebody's document or password, in whatever a cloud, a volume's folder, a port or a seed holds.

use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudseed_core::json;
use cloudseed_core::value::Value;

use crate::fixture::{Fixture, files_below};

/// What is in everything that is planted, and must be nowhere that everybody looks.
pub const MARK: &str = "hunter2-correct-horse";

/// What the name of a secret has in it, in lower case, without what is between its words.
const WORDS: [&str; 13] = [
    "userdata",
    "vendordata",
    "adminpass",
    "rootpass",
    "password",
    "passwd",
    "securitycredentials",
    "randomseed",
    "privatekey",
    "secret",
    "startupscript",
    "customdata",
    "authkey",
];
/// Names that have such a word in them, and are none: flags, addresses of documents, and what is public of a secret.
const NOT: [&str; 6] = [
    "url",
    "encoding",
    "enabled",
    "fetch",
    "status",
    "authentication",
];

/// Whether what has this name is for root alone.
pub fn is_secret(name: &str) -> bool {
    let plain = |letter: &char| letter.is_ascii_alphanumeric();
    let name: String = name.chars().filter(plain).collect();
    let name = name.to_ascii_lowercase();
    WORDS.iter().any(|word| name.contains(word)) && !NOT.iter().any(|word| name.ends_with(word))
}

/// True if the mark, or what base 64 makes of it, is in these bytes.
pub fn shows(bytes: &[u8]) -> bool {
    let holds = |piece: &[u8]| memchr::memmem::find(bytes, piece).is_some();
    // Its letters may begin at each of three places of a group; the first and last of these are others' as well.
    let encoded = |shift: usize| {
        let text = STANDARD.encode([&b"...."[..shift], MARK.as_bytes()].concat());
        text.as_bytes()[4..text.len() - 4].to_vec()
    };
    holds(MARK.as_bytes()) || (0..3).any(|shift| holds(&encoded(shift)))
}

/// The folders of a fixture that somebody else fills.
fn foreign(fixture: &Fixture) -> Vec<PathBuf> {
    let machine = fixture.machine();
    let seeds = [
        "var/lib/cloud/seed",
        "media",
        "mnt",
        "sys/firmware/qemu_fw_cfg",
    ];
    let seeds = seeds.iter().map(|seed| machine.join(seed));
    let others = fixture.cloud().into_iter().chain(fixture.ports());
    others.chain(seeds).collect()
}

/// Exchanges every secret for `text`, which has the mark in it; how many there were. Files that are packed or encoded are so
/// again.
pub fn plant(fixture: &Fixture, text: &str) -> usize {
    let mut count = 0;
    for folder in foreign(fixture) {
        for (path, bytes) in files_below(&folder) {
            let place = folder.join(&path);
            if let Some((bytes, planted)) = planted(Path::new(&path), &bytes, text) {
                fs::write(place, bytes).unwrap();
                count += planted;
            }
        }
    }
    count + plant_variables(&fixture.machine().join("env"), text)
}

/// The same of the lines `NAME=value` that stand for the environment, and for what a hypervisor keeps.
fn plant_variables(file: &Path, text: &str) -> usize {
    let mut count = 0;
    let line = |line: &str| match line.split_once('=') {
        Some((name, value)) if is_secret(name) => {
            count += 1;
            let value = like(value.as_bytes(), text);
            // One line is one variable.
            let value = String::from_utf8_lossy(&value).replace('\n', " ");
            format!("{name}={value}\n")
        }
        _ => format!("{line}\n"),
    };
    if let Ok(lines) = fs::read_to_string(file) {
        let lines: String = lines.lines().map(line).collect();
        fs::write(file, lines).unwrap();
    }
    count
}

/// A file with its secrets exchanged, and how many there were; `None` if there are none.
fn planted(path: &Path, bytes: &[u8], text: &str) -> Option<(Vec<u8>, usize)> {
    // A name that is a folder's as well has its own answer in a file `_`; what is below a secret is one, too.
    let mut names = path.iter().map(|name| name.to_string_lossy());
    let whole = names.any(|name| is_secret(&name));
    match json::read(bytes) {
        Ok(value @ (Value::Map(_) | Value::List(_))) if !whole || holds_secrets(&value) => {
            let mut count = 0;
            let value = walk(&value, false, text, &mut count);
            (count > 0).then(|| (json::write(&value).into_bytes(), count))
        }
        _ if whole => Some((like(bytes, text), 1)),
        _ => None,
    }
}

/// A document of JSON behind a secret name may be the tree that has the secret in it.
fn holds_secrets(value: &Value) -> bool {
    match value {
        Value::Map(map) => map
            .iter()
            .any(|(key, value)| key.as_text().is_some_and(is_secret) || holds_secrets(value)),
        Value::List(list) => list.iter().any(holds_secrets),
        _ => false,
    }
}

fn walk(value: &Value, secret: bool, text: &str, count: &mut usize) -> Value {
    match value {
        Value::Map(map) => {
            let entry = |(key, value): (&Value, &Value)| {
                let secret = secret || key.as_text().is_some_and(is_secret);
                (key.clone(), walk(value, secret, text, count))
            };
            Value::Map(map.iter().map(entry).collect())
        }
        Value::List(list) => {
            let entries = list.iter().map(|value| walk(value, secret, text, count));
            Value::List(entries.collect())
        }
        Value::Text(old) if secret => {
            *count += 1;
            let planted = like(old.as_bytes(), text);
            Value::from(String::from_utf8_lossy(&planted).into_owned())
        }
        leaf => leaf.clone(),
    }
}

/// The text as the old one was: encoded where that was. Nothing stays nothing.
fn like(old: &[u8], text: &str) -> Vec<u8> {
    let lines: Vec<u8> = old.iter().copied().filter(|byte| *byte != b'\n').collect();
    let encoded = lines.len() > 16 && STANDARD.decode(&lines).is_ok();
    if old.trim_ascii().is_empty() {
        old.to_vec()
    } else if encoded {
        STANDARD.encode(text).into_bytes()
    } else {
        text.as_bytes().to_vec()
    }
}

#[test]
fn what_is_secret_is_known_by_its_name() {
    for name in [
        "user-data",
        "USER_DATA",
        "vendor_data2",
        "crypted_password_base64",
        "admin_pass",
    ] {
        assert!(is_secret(name), "{name}");
    }
    for name in [
        "meta-data",
        "user-data-encoding",
        "hostname",
        "public-keys",
        "vendor_data_url",
    ] {
        assert!(!is_secret(name), "{name}");
    }
    let encoded = STANDARD.encode(format!("a {MARK} b"));
    assert!(shows(encoded.as_bytes()) && shows(format!("x{MARK}").as_bytes()) && !shows(b"hunter"));
}
