//! Every root with a cloud or an expectation is booted in process: firmware in, files below /run out.
//!
//! The machine is the root's `machine/`, the far end of its cable the simulated cloud of its `cloud/`, the clock jumps. The
//! whole result is compared with `expect/run/`; `UPDATE=1` rewrites that, and the diff is the review. Times are left out.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use cloudseed_core::boot::{self, Booted, Options};
use cloudseed_core::machine::Machine;
use cloudseed_core::net::{self, Net, Wires};

use crate::cable::{Cable, Plug};
use crate::cloud::SimulatedCloud;
use crate::fixture::{Fixture, names, roots};
use crate::sys::root::Root;
use crate::sys::template::Jinja;
use crate::sys::world::{Journal, World};

/// One seed for every root, so that a boot is the same each time.
const SEED: u64 = 7;

/// Boots a root; a machine without a cloud has its cables plugged into nothing.
fn booted(name: &str) -> Booted {
    let fixture = Fixture::new(name);
    let root = Root::new(&fixture.machine());
    let machine = Machine::read(&root);
    let (nics, _) = net::candidates(&machine.links);
    let cloud = fixture.cloud();
    let plug = |index: usize| match (&cloud, index) {
        (None, _) => Plug::Nothing,
        (Some(folder), 0) => Plug::Cloud(SimulatedCloud::from_folder(folder).unwrap()),
        (Some(_), _) => Plug::Beside(0),
    };
    let cable = Cable::new((0..nics.len()).map(plug).collect(), SEED);
    let journal = Journal::since(cable.now());
    let mut world = World::new(Net::new(cable, nics, SEED), journal);
    boot::boot(&machine, &mut world, &mut Jinja, Options::default())
}

/// The files of a boot by path, with times left out of those that tell them.
fn files(booted: &Booted) -> BTreeMap<String, Vec<u8>> {
    let file = |(path, _, bytes): (&cloudseed_core::plan::RunPath, _, &[u8])| {
        let bytes = match path.as_str() {
            "cloudseed/log" | "cloudseed/result.json" => {
                timeless(&String::from_utf8_lossy(bytes)).into_bytes()
            }
            _ => bytes.to_vec(),
        };
        (String::from(path.as_str()), bytes)
    };
    // The runner is the same in every boot, and is tested by itself.
    let differs =
        |path: &str| !matches!(path, "cloudseed/run") && !path.starts_with("cloudseed/plan/units/");
    booted
        .plan
        .files()
        .map(file)
        .filter(|(path, _)| differs(path))
        .collect()
}

/// Text without times: `[ 0.012345] ` at the start of a line, `duration_us": 17`, `12.3 ms`.
fn timeless(text: &str) -> String {
    let line = |line: &str| {
        let line = match line.split_once("] ") {
            Some((time, rest)) if time.starts_with('[') => rest,
            _ => line,
        };
        let line = match line.split_once("_us\": ") {
            Some((before, _)) => format!("{before}_us\": 0"),
            None => String::from(line),
        };
        let words: Vec<&str> = line.split(' ').collect();
        let word = |(index, word): (usize, &&str)| match words.get(index + 1) {
            Some(next)
                if next.starts_with("ms") && word.ends_with(|c: char| c.is_ascii_digit()) =>
            {
                "N"
            }
            _ => words[index],
        };
        words
            .iter()
            .enumerate()
            .map(word)
            .collect::<Vec<_>>()
            .join(" ")
            + "\n"
    };
    text.lines().map(line).collect()
}

fn expected(folder: &Path, prefix: &str, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.path().is_dir() {
            true => expected(&entry.path(), &format!("{name}/"), found),
            false => drop(found.insert(name, fs::read(entry.path()).unwrap())),
        }
    }
}

fn rewrite(folder: &Path, files: &BTreeMap<String, Vec<u8>>) {
    let _ = fs::remove_dir_all(folder);
    for (path, bytes) in files {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
}

/// The first file in which they differ, and how.
fn difference(
    expected: &BTreeMap<String, Vec<u8>>,
    found: &BTreeMap<String, Vec<u8>>,
) -> Option<String> {
    let paths = expected.keys().chain(found.keys());
    let path = paths
        .into_iter()
        .find(|path| expected.get(*path) != found.get(*path))?;
    let text = |bytes: Option<&Vec<u8>>| match bytes {
        Some(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        None => String::from("(no such file)\n"),
    };
    Some(format!(
        "{path}: expected\n{}but found\n{}",
        text(expected.get(path)),
        text(found.get(path))
    ))
}

#[test]
fn every_root_boots_as_expected() {
    let mut wrong = Vec::new();
    let takes_part = |name: &&String| {
        ["cloud", "expect", "volume"]
            .iter()
            .any(|part| roots().join(name).join(part).is_dir())
    };
    let taking_part: Vec<String> = names().iter().filter(takes_part).cloned().collect();
    assert!(taking_part.len() >= 14, "roots that boot: {taking_part:?}");
    for name in taking_part {
        let found = files(&booted(&name));
        let folder = roots().join(&name).join("expect/run");
        if std::env::var_os("UPDATE").is_some() {
            rewrite(&folder, &found);
        }
        let mut wanted = BTreeMap::new();
        expected(&folder, "", &mut wanted);
        wrong.extend(difference(&wanted, &found).map(|difference| format!("{name}: {difference}")));
    }
    assert!(
        wrong.is_empty(),
        "UPDATE=1 accepts these:\n\n{}",
        wrong.join("\n")
    );
}
