//! Keys of cloud-config and what they hold, as cloud-init's schema has it, in `keys.txt`: a line for a key, what is in it
//! below it and one blank further in.
//!
//! ```text
//! row   = *" " name ["!"] [" " kinds] [" =" word *("|" word)] [" +"] [" @" key]
//! name  = a key / "-" (each element of a list) / "*" (every other key)     ; "!" must be there
//! kinds = 1*("t" text / "i" whole number / "f" number / "b" true or false / "l" list / "m" map / "n" nothing)
//! ```
//!
//! Without kinds it holds anything. `=` lists the words that a text may be, `+` says that there may be other keys, `@` that it
//! holds what the row of that top-level key holds, or of a name with a dot, which is no key itself. A list or map with nothing below it holds anything.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::text::{mistyped, quote};
use crate::userdata::Flaw;
use crate::value::{Map, Value};

const KEYS: &str = include_str!("keys.txt");

/// Most flaws that are told of in one part.
const FLAWS_MAX: usize = 64;

/// What the keys of a cloud-config hold that they should not, and keys that nobody knows.
pub fn flaws(config: &Map) -> Vec<Flaw> {
    let mut found = Vec::new();
    let top = Row {
        name: "",
        kinds: "m",
        words: "",
        is_open: false,
        below: KEYS,
        like: "",
    };
    map(config, top, "", &mut found);
    found.truncate(FLAWS_MAX);
    found
}

/// Whether there is a row for such a key on the top level.
pub fn is_known(key: &str) -> bool {
    rows(KEYS).any(|row| row.key() == key)
}

#[derive(Clone, Copy)]
struct Row<'a> {
    name: &'a str,
    kinds: &'a str,
    words: &'a str,
    is_open: bool,
    /// The rows below it.
    below: &'a str,
    /// The top-level key whose rows count in place of those.
    like: &'a str,
}

impl<'a> Row<'a> {
    fn key(&self) -> &'a str {
        self.name.trim_end_matches('!')
    }

    fn below(&self) -> &'a str {
        let other = rows(KEYS).find(|row| !self.like.is_empty() && row.name == self.like);
        other.map_or(self.below, |other| other.below)
    }
}

/// The rows of a block that stand furthest out.
fn rows(block: &str) -> impl Iterator<Item = Row<'_>> {
    let depth = indentation(block);
    let mut rest = block;
    core::iter::from_fn(move || {
        let (line, after) = rest.split_once('\n')?;
        let mut end = 0;
        for line in after.split_inclusive('\n') {
            if indentation(line) <= depth {
                break;
            }
            end += line.len();
        }
        let (below, next) = after.split_at(end);
        rest = next;
        Some(row(line, below))
    })
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

fn row<'a>(line: &'a str, below: &'a str) -> Row<'a> {
    let mut words = line.trim_start().split(' ');
    let mut row = Row {
        name: words.next().unwrap_or_default(),
        kinds: "",
        words: "",
        is_open: false,
        below,
        like: "",
    };
    for word in words {
        match word.split_at_checked(1) {
            Some(("=", words)) => row.words = words,
            Some(("+", _)) => row.is_open = true,
            Some(("@", key)) => row.like = key,
            _ => row.kinds = word,
        }
    }
    row
}

fn map(map: &Map, row: Row, path: &str, found: &mut Vec<Flaw>) {
    let inside = row.below();
    let is_key = |row: &Row| !matches!(row.name, "-" | "*") && !row.name.contains('.');
    let known = || rows(inside).filter(is_key);
    let other = rows(inside).find(|row| row.name == "*");
    for (key, held) in map.iter() {
        if found.len() >= FLAWS_MAX {
            return;
        }
        let key = key.to_text().unwrap_or_default();
        let path = below(path, &key);
        match known().find(|row| row.key() == key).or(other) {
            Some(row) => value(held, row, &path, found),
            None if row.is_open || inside.is_empty() => {}
            None => {
                let expected = match path.rsplit_once(", ") {
                    Some((above, _)) => format!("a key that {above} of cloud-config has"),
                    None => "a key that cloud-config has".to_string(),
                };
                let word = mistyped(&key, &mut known().map(|row| row.key()));
                found.push(Flaw::new(expected, word));
            }
        }
    }
    for row in known().filter(|row| row.name.ends_with('!')) {
        if !map.contains(row.key()) {
            found.push(Flaw::new(format!("{} in {path}", row.key()), "none"));
        }
    }
}

fn value(value: &Value, row: Row, path: &str, found: &mut Vec<Flaw>) {
    let kinds = match value {
        Value::Null => "n",
        Value::Bool(_) => "b",
        Value::Int(_) | Value::BigInt(_) => "if",
        Value::Float(_) => "f",
        Value::Text(_) | Value::Bytes(_) => "t",
        Value::List(_) => "l",
        Value::Map(_) => "m",
    };
    if !row.kinds.is_empty() && !row.kinds.contains(|kind| kinds.contains(kind)) {
        let expected: Vec<&str> = row.kinds.chars().map(name).collect();
        let expected = format!("{path} to be {}", expected.join(" or "));
        found.push(Flaw::new(expected, written(value)));
        return;
    }
    match value {
        Value::Map(entries) => map(entries, row, path, found),
        Value::List(list) => {
            let each = rows(row.below()).find(|row| row.name == "-");
            for (index, element) in list.iter().enumerate() {
                match each {
                    Some(row) if found.len() < FLAWS_MAX => {
                        let path = below(path, &format!("entry {}", index + 1));
                        self::value(element, row, &path, found);
                    }
                    _ => return,
                }
            }
        }
        Value::Text(text) if !row.words.is_empty() => {
            let mut words = row.words.split('|');
            if !words.clone().any(|word| word == text) {
                let expected = format!("{path} to be one of {}", row.words.replace('|', ", "));
                found.push(Flaw::new(expected, mistyped(text, &mut words)));
            }
        }
        _ => {}
    }
}

fn below(path: &str, step: &str) -> String {
    match path {
        "" => step.to_string(),
        _ => format!("{path}, {step}"),
    }
}

fn name(kind: char) -> &'static str {
    match kind {
        't' => "text",
        'i' => "a whole number",
        'f' => "a number",
        'b' => "true or false",
        'l' => "a list",
        'm' => "a map",
        _ => "nothing",
    }
}

fn written(value: &Value) -> String {
    match value {
        Value::Null => name('n').to_string(),
        Value::List(_) => name('l').to_string(),
        Value::Map(_) => name('m').to_string(),
        Value::Text(text) => quote(text),
        other => other.to_text().unwrap_or_default(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::yaml;

    fn told(config: &str) -> Vec<String> {
        let config = yaml::read(config.as_bytes()).unwrap();
        let flaws = flaws(config.as_map().unwrap()).into_iter();
        flaws
            .map(|flaw| format!("{}|{}", flaw.expected, flaw.found))
            .collect()
    }

    #[test]
    fn top_level_keys_are_sorted_and_references_lead_somewhere() {
        let keys: Vec<&str> = rows(KEYS).map(|row| row.key()).collect();
        assert!(keys.is_sorted(), "{keys:?}");
        assert!(keys.len() > 100);
        for line in KEYS.lines() {
            if let Some((_, key)) = line.split_once(" @") {
                assert!(keys.contains(&key), "{line}");
                assert!(!row(line, "").below().is_empty(), "{line}");
            }
        }
    }

    #[test]
    fn what_is_right_is_not_told() {
        for config in [
            "runcmd: [[ls, -l], 'echo hi', ~]\npackages: [vim, [nginx, '1.2'], {snap: [lxd]}]\n",
            "users: [default, {name: x, sudo: 'ALL=(ALL) NOPASSWD:ALL', groups: [a], ssh_authorized_keys: [k]}]\n",
            "write_files: [{path: /x, content: !!binary aGVsbG8=, encoding: b64, permissions: '0644'}]\n",
            "power_state: {mode: reboot, delay: now, timeout: 30, condition: true}\n",
            "chpasswd: {expire: false, users: [{name: root, password: x, type: text}]}\nntp:\n",
            "apt: {sources: {x: {source: deb x}}, primary: [{arches: [default], uri: 'http://x'}]}\n",
            "system_info: {default_user: {name: x}}\ndatasource: {Ec2: {}}\n",
            "users: {alice: {shell: /bin/sh}, bob: true}\nrpi: {interfaces: {serial: {console: true}}}\n",
            "ansible: {pull: [{url: x, playbook_names: [a]}]}\nrh_subscription: {auto_attach: true, org: x}\n",
            "yum_repos: {x: {name: x, metalink: 'http://x'}}\n",
            "disk_setup: {/dev/vdb: {table_type: gpt, layout: [50, [50, 82]]}}\nmounts: [[vdb, /x]]\n",
        ] {
            assert_eq!(told(config), [""; 0], "{config}");
        }
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        for (config, expected) in [
            ("runcmd: ls\n", "runcmd to be a list|\"ls\""),
            ("runcmd:\n", "runcmd to be a list|nothing"),
            ("packages: {a: b}\n", "packages to be a list|a map"),
            (
                "users: [{name: x, shel: /bin/sh}]\n",
                "a key that users, entry 1 of cloud-config has|\"shel\" (did you mean shell?)",
            ),
            ("users: 3\n", "users to be text or a list or a map|3"),
            (
                "write_files: [{content: x}]\n",
                "path in write_files, entry 1|none",
            ),
            (
                "write_files: [{path: /x, permissions: 0644}]\n",
                "write_files, entry 1, permissions to be text|420",
            ),
            (
                "ssh_authorized_keys: k\n",
                "ssh_authorized_keys to be a list|\"k\"",
            ),
            (
                "power_state: {mode: rebot}\n",
                "power_state, mode to be one of halt, poweroff, reboot|\"rebot\" (did you mean reboot?)",
            ),
            (
                "package_update: 'yes'\n",
                "package_update to be true or false|\"yes\"",
            ),
            (
                "launch-index: two\n",
                "launch-index to be a whole number|\"two\"",
            ),
            ("bootcmd: [1]\n", "bootcmd, entry 1 to be text or a list|1"),
        ] {
            assert_eq!(told(config), [expected], "{config}");
        }
    }

    #[test]
    fn flaws_are_bounded() {
        let config = (0..1000).fold(String::new(), |text, n| text + &format!("x{n}: 1\n"));
        assert_eq!(told(&config).len(), FLAWS_MAX);
    }
}
