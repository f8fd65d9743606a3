//! Pins and signatures, right and wrong in each way: what a boot says of them, and that nothing is left of what it refuses.

use std::fs;
use std::path::Path;

use cloudseed_core::json;
use cloudseed_core::value::Value;

use crate::fixture::Fixture;
use crate::roots::boot_of;

/// Changes a root that is right.
type Change = fn(&Path);

/// What the last line of a boot begins with and has in it, and whether user-data are left.
#[track_caller]
fn ends(root: &str, change: Change, start: &str, words: &str) {
    let fixture = Fixture::new(root);
    change(&fixture.machine());
    let (booted, ..) = boot_of(&fixture, None, "");
    let line = &booted.line;
    assert!(line.starts_with(start) && line.contains(words), "{line}");
    let failed = start.starts_with("failed");
    let user_data = booted.plan.get("cloudseed/user-data");
    assert_eq!(user_data.is_none(), failed, "{line}");
    let trusted = booted.instance.map(|instance| instance.trusted);
    assert_eq!(trusted.is_none_or(|trusted| trusted.is_empty()), failed);
    // Nobody else is to fetch what was refused.
    let result = json::read(booted.plan.get("cloudseed/result.json").unwrap()).unwrap();
    let seal = result.at(&["handover", "seal"]).and_then(Value::as_text);
    assert_eq!(seal, Some("closed"), "{line}");
}

fn edit(path: &Path, how: impl FnOnce(&str) -> String) {
    let text = fs::read_to_string(path).unwrap();
    let edited = how(&text);
    assert_ne!(text, edited);
    fs::write(path, edited).unwrap();
}

const SEED: &str = "var/lib/cloud/seed/nocloud";
const KEYS: &str = "etc/cloudseed/minisign.pub";

fn document(machine: &Path, how: impl FnOnce(&str) -> String) {
    edit(&machine.join(SEED).join("user-data"), how);
}

fn signature(machine: &Path, how: impl FnOnce(&str) -> String) {
    edit(&machine.join(SEED).join("user-data.minisig"), how);
}

/// The same without one of its lines.
fn without(text: &str, number: usize) -> String {
    let lines = text.lines().enumerate();
    let lines = lines.filter(|(at, _)| *at != number);
    lines.map(|(_, line)| format!("{line}\n")).collect()
}

/// A text of base 64 with another letter at a place of its line.
fn spoilt(text: &str, line: usize, place: usize) -> String {
    let mut lines: Vec<String> = text.lines().map(String::from).collect();
    let letter = if lines[line].as_bytes()[place] == b'A' {
        "B"
    } else {
        "A"
    };
    lines[line].replace_range(place..=place, letter);
    lines.join("\n") + "\n"
}

#[test]
fn a_signature_holds_or_is_refused_in_words() {
    const CHANGES: [(&str, Change); 15] = [
        ("a signature of another document", |machine| {
            document(machine, |text| format!("{text}# more\n"));
        }),
        ("a signature of another document", |machine| {
            document(machine, |text| text[..text.len() - 1].to_owned());
        }),
        ("a signature of another document", |machine| {
            document(machine, |_| String::new());
        }),
        ("a signature of another document", |machine| {
            signature(machine, |text| spoilt(text, 1, 40));
        }),
        ("a signature by another key", |machine| {
            signature(machine, |text| spoilt(text, 1, 5));
        }),
        ("a signature by another key", |machine| {
            edit(&machine.join(KEYS), |text| spoilt(text, 1, 5));
        }),
        ("a signature of another document", |machine| {
            edit(&machine.join(KEYS), |text| spoilt(text, 1, 40));
        }),
        ("a trusted comment that was changed", |machine| {
            signature(machine, |text| text.replace("1700000000", "1700000001"));
        }),
        ("a trusted comment that was changed", |machine| {
            signature(machine, |text| spoilt(text, 3, 4));
        }),
        ("none that is whole", |machine| {
            fs::remove_file(machine.join(SEED).join("user-data.minisig")).unwrap();
        }),
        ("none that is whole", |machine| {
            signature(machine, |text| text[..text.len() / 2].to_owned());
        }),
        ("none that is whole", |machine| {
            signature(machine, |text| without(text, 3));
        }),
        ("none that is whole", |machine| {
            signature(machine, |text| without(text, 0));
        }),
        ("a signature for", |machine| {
            let path = machine.join(SEED).join("meta-data");
            edit(&path, |text| text.replace("i-signed", "i-other"));
        }),
        // With a file of keys that nobody understands nobody is trusted.
        ("a signature by another key", |machine| {
            edit(&machine.join(KEYS), |_| String::from("\n"));
        }),
    ];
    ends(
        "trust-signed",
        |_| {},
        "degraded: NoCloud i-signed",
        "vendor-data",
    );
    for (words, change) in CHANGES {
        let expected = format!("expected a signature by a key of the initramfs, but found {words}");
        ends(
            "trust-signed",
            change,
            "failed: fetch NoCloud: user-data",
            &expected,
        );
    }
}

#[test]
fn a_pin_holds_or_is_refused_in_words() {
    fn pin(machine: &Path, how: impl FnOnce(&str) -> String) {
        edit(&machine.join("proc/cmdline"), how);
    }
    ends("trust-pinned", |_| {}, "found: NoCloud iid-nocloud-iso", "");
    const CHANGES: [Change; 4] = [
        |machine| pin(machine, |line| line.replace("2BC5", "2BC6")),
        |machine| pin(machine, |line| line.trim_end()[..line.len() - 2].to_owned()),
        |machine| pin(machine, |line| line.replace("2BC5", "")),
        |machine| pin(machine, |line| line.replace("2BC5", "XBC5")),
    ];
    for change in CHANGES {
        let words = "expected the document whose SHA-256 is ";
        ends(
            "trust-pinned",
            change,
            "failed: fetch NoCloud: user-data",
            words,
        );
    }
}
