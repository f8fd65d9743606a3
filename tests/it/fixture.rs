//! Roots made ready for a test: a folder of `tests/roots` laid out at a scratch place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

pub use crate::lay::roots;
use crate::lay::{INHERITED, Laid};

/// The names of the roots.
pub fn names() -> Vec<String> {
    let is_root = |folder: &Path| folder.join("base").exists() || folder.join("machine").is_dir();
    let mut names: Vec<String> = fs::read_dir(roots())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| is_root(&entry.path()))
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// What to do about a difference.
pub const HELP: &str = "
ROOT=NAME cargo test --test it roots             looks at one root, or at those of a pattern: ROOT='ec2-*'
UPDATE=1 ROOT=NAME cargo test --test it roots    takes what was found for right; the diff is the review";

/// The names of the roots that this run looks at: those that the variable `ROOT` names, or all.
pub fn chosen() -> Vec<String> {
    let pattern = std::env::var("ROOT").unwrap_or_else(|_| String::from("*"));
    let mut names = names();
    names.retain(|name| matches(&pattern, name));
    assert!(!names.is_empty(), "ROOT={pattern}: no such root");
    names
}

/// True if `name` is what the pattern says, in which `*` stands for anything, and `?` for one character.
pub fn matches(pattern: &str, name: &str) -> bool {
    let mut letters = pattern.chars();
    match letters.next() {
        None => name.is_empty(),
        Some('*') => {
            let mut ends = name.char_indices().map(|(at, _)| at).chain([name.len()]);
            ends.any(|at| matches(letters.as_str(), &name[at..]))
        }
        Some(letter) => {
            let mut rest = name.chars();
            let is_same = |found| letter == '?' || letter == found;
            rest.next().is_some_and(is_same) && matches(letters.as_str(), rest.as_str())
        }
    }
}

/// True if what is found is to be taken for right.
pub fn updating() -> bool {
    std::env::var_os("UPDATE").is_some()
}

/// Whether what is found is what the file holds; it will be where that is to be taken for right.
pub fn is_expected(file: &Path, found: &str) -> bool {
    if updating() {
        fs::write(file, found).unwrap();
    }
    fs::read_to_string(file).unwrap_or_default() == found
}

/// The name of a root's base, if it has one.
pub fn base(name: &str) -> Option<String> {
    let text = fs::read_to_string(roots().join(name).join("base")).ok()?;
    text.lines().next().map(String::from)
}

/// The files below a folder, by path; none if there is no such folder.
pub fn files_below(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    fn add(folder: &Path, prefix: &str, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in fs::read_dir(folder).into_iter().flatten() {
            let entry = entry.unwrap();
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            if entry.path().is_dir() {
                add(&entry.path(), &format!("{name}/"), found)
            } else {
                drop(found.insert(name, fs::read(entry.path()).unwrap()))
            }
        }
    }
    let mut found = BTreeMap::new();
    add(folder, "", &mut found);
    found
}

/// A root made ready; it goes when the test does.
pub struct Fixture {
    scratch: PathBuf,
    laid: Laid,
}

impl Fixture {
    /// Makes the root of this name ready.
    pub fn new(name: &str) -> Fixture {
        Fixture::of(&roots().join(name))
    }

    /// Makes the root in this folder ready.
    pub fn of(folder: &Path) -> Fixture {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // In memory, where there is such a place: there are thousands of small files.
        let memory = Some(PathBuf::from("/dev/shm")).filter(|folder| folder.is_dir());
        let folder_of_all = memory.unwrap_or_else(std::env::temp_dir);
        // Short, because the path of a socket has at most 108 bytes.
        let scratch = folder_of_all.join(format!("cs-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&scratch);
        let laid = Laid::new(folder, &scratch).unwrap();
        Fixture { scratch, laid }
    }

    /// The prefix of the machine's files.
    pub fn machine(&self) -> PathBuf {
        self.laid.machine()
    }

    /// What the machine's cloud answers, if it has one.
    pub fn cloud(&self) -> Option<PathBuf> {
        self.laid.part("cloud").unwrap()
    }

    /// What answers at the machine's ports, if something does.
    pub fn ports(&self) -> Option<PathBuf> {
        self.laid.part("ports").unwrap()
    }

    /// The volumes: name of the device, place of the image.
    pub fn volumes(&self) -> &[(String, PathBuf)] {
        &self.laid.volumes
    }

    /// A place beside the machine.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

/// What a root's file `identify` expects:
///
/// ```text
/// found: NAMES of the platforms whose rule says found
/// maybe: NAMES of those whose rule says maybe
/// status: NUMBER
///
/// the text of run/cloud-init/cloud.cfg, or nothing
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Expected {
    pub found: Vec<String>,
    pub maybe: Vec<String>,
    pub status: u8,
    pub cloud_cfg: String,
}

impl Expected {
    /// Reads the file.
    pub fn read(name: &str) -> Option<Expected> {
        let text = fs::read_to_string(roots().join(name).join("identify")).ok()?;
        let (head, cloud_cfg) = text.split_once("\n\n").unwrap();
        let value = |key: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(key));
            line.unwrap_or_else(|| panic!("{name}: identify has no {key}"))
        };
        let names = |key: &str| value(key).split_whitespace().map(String::from).collect();
        Some(Expected {
            found: names("found:"),
            maybe: names("maybe:"),
            status: value("status:").trim().parse().unwrap(),
            cloud_cfg: String::from(cloud_cfg),
        })
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let list = |names: &[String]| {
            names
                .iter()
                .map(|name| format!(" {name}"))
                .collect::<String>()
        };
        format!(
            "found:{}\nmaybe:{}\nstatus: {}\n\n{}",
            list(&self.found),
            list(&self.maybe),
            self.status,
            self.cloud_cfg
        )
    }
}

/// Longest file that several roots may have, in bytes: a fact, like the name of a vendor. To say it again is as short as to
/// say where it stands; a document is inherited instead.
const FACT_BYTES: usize = 64;
/// Most facts that two roots may both state; who has more in common has a base in common.
const SHARED_MAX: usize = 4;

/// What of a root's own folder others inherit, by path. What is expected of it is not: two machines may well be taken for
/// the same, and each golden stands where its machine is.
fn own(name: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = files_below(&roots().join(name));
    files.retain(|path, _| {
        INHERITED
            .iter()
            .any(|part| path.split('/').next() == Some(*part))
    });
    files
}

#[test]
fn no_root_repeats_what_its_base_says() {
    let mut bases: BTreeMap<String, Fixture> = BTreeMap::new();
    let mut wrong = Vec::new();
    for name in names() {
        let Some(base) = base(&name) else {
            continue;
        };
        let laid = bases
            .entry(base.clone())
            .or_insert_with(|| Fixture::new(&base));
        for (path, bytes) in own(&name) {
            if fs::read(laid.beside(&path)).is_ok_and(|inherited| inherited == bytes) {
                wrong.push(format!("{name}/{path}: {base} says so already"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_two_roots_have_a_file_in_common_without_need() {
    let mut roots_of: BTreeMap<Vec<u8>, BTreeSet<String>> = BTreeMap::new();
    for name in names() {
        for (_, bytes) in own(&name) {
            roots_of.entry(bytes).or_default().insert(name.clone());
        }
    }
    let mut wrong = Vec::new();
    let mut shared: BTreeMap<[&String; 2], usize> = BTreeMap::new();
    for (bytes, roots) in &roots_of {
        if roots.len() > 1 && bytes.len() > FACT_BYTES {
            let text = String::from_utf8_lossy(bytes);
            wrong.push(format!("{roots:?} all have this document:\n{text}"));
        }
        for (index, one) in roots.iter().enumerate() {
            let others = roots.iter().skip(index + 1);
            others.for_each(|other| *shared.entry([one, other]).or_default() += 1);
        }
    }
    let many = shared.iter().filter(|(_, count)| **count > SHARED_MAX);
    wrong.extend(many.map(|(pair, count)| format!("{pair:?} have {count} files in common")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_root_alone_has_no_base() {
    let alone: Vec<String> = names()
        .into_iter()
        .filter(|name| base(name).is_none())
        .collect();
    assert_eq!(alone, ["no-firmware"]);
}

/// Hardware addresses that a cloud names and its machine does not show, and why.
const ELSEWHERE: [(&str, &str); 2] = [
    (
        "86:00:00:aa:bb:cc",
        "the card of a private network is plugged in while the machine runs",
    ),
    (
        "56:00:ff:ff:ff:01",
        "a card that the cloud has forgotten to plug in",
    ),
];

#[test]
fn cards_that_a_cloud_names_are_in_its_machine() {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for name in names() {
        let fixture = Fixture::new(&name);
        let Some(cloud) = fixture.cloud() else {
            continue;
        };
        let net = files_below(&fixture.machine().join("sys/class/net"));
        let cards: Vec<String> = net.values().flat_map(|bytes| addresses(bytes)).collect();
        for (path, bytes) in files_below(&cloud) {
            let text = String::from_utf8_lossy(&bytes);
            for address in addresses(path.as_bytes())
                .into_iter()
                .chain(addresses(&bytes))
            {
                let elsewhere = ELSEWHERE.iter().any(|(known, _)| *known == address);
                if !elsewhere && !cards.contains(&address) {
                    wrong.push(format!(
                        "{name}: {path} names {address}; the machine has {cards:?}"
                    ));
                }
                // Version 1.1 of YAML reads digits between colons as a number to the base of 60.
                let digits = address.bytes().all(|byte| !byte.is_ascii_alphabetic());
                if digits && text.contains(&format!(": {address}")) {
                    wrong.push(format!(
                        "{name}: {path}: {address} without quotes is a number"
                    ));
                }
                seen.insert(address);
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(ELSEWHERE.iter().all(|(address, _)| seen.contains(*address)));
}

/// The hardware addresses in a text, in lower case.
fn addresses(bytes: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes).to_ascii_lowercase();
    let words = text.split(|letter: char| !letter.is_ascii_hexdigit() && letter != ':');
    let is_address = |word: &&str| {
        let mut bytes = word.split(':');
        word.len() == 17 && bytes.all(|byte| byte.len() == 2)
    };
    words.filter(is_address).map(String::from).collect()
}

#[test]
fn a_pattern_is_a_name_with_gaps() {
    for (pattern, name, expected) in [
        ("ec2", "ec2", true),
        ("ec2", "ec2-503", false),
        ("ec2*", "ec2", true),
        ("*-5*3", "ec2-503", true),
        ("*-5*4", "ec2-503", false),
        ("*", "", true),
    ] {
        assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
    }
}
