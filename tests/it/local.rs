//! Datasources that need no network, or only that of a seed, against cloud-init: `tests/oracle/local_cases.py` makes machines, many of each, and
//! `tests/local` holds what cloud-init 26.2 makes of them. A boot of ours has to say the same of every one, but for what the last
//! table of `tests/roots/DEVIATIONS.md` explains.
//!
//! ```text
//! cargo test --test it local                                          some of the machines
//! LOCAL='OVF: *' cargo test --test it local                           those of these names; LOCAL='*' all of them
//! LOCAL_PATH=FOLDER UPDATE=1 cargo test --test it local               asks the cloud-init whose modules are in FOLDER once more
//! ```

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cloudseed_core::json;
use cloudseed_core::value::{Map, Value};

use crate::differential::manifest;
use crate::fetching::{Simulated, deviations, differences, found};
use crate::fixture::{Fixture, files_below, matches, updating};
use crate::network::python;
use crate::roots::boot_of;

/// What is compared.
const FIELDS: [&str; 12] = [
    "instance-id",
    "hostname",
    "keys",
    "cloud-id",
    "subplatform",
    "region",
    "zone",
    "user-data",
    "vendor-data",
    "vendor-data2",
    "network",
    "meta-data",
];
/// Of so many machines an ordinary run looks at one.
const STRIDE: usize = 8;

/// What answers at LXD's socket.
const LXD_SOCKET: &str = "ports/sockets/dev/lxd/sock";

/// One machine.
struct Case(Value);

impl Case {
    fn text(&self, key: &str) -> &str {
        self.0.get(key).and_then(Value::as_text).unwrap()
    }

    fn map(&self, key: &str) -> Map {
        let map = self.0.get(key).and_then(Value::as_map);
        map.cloned().unwrap_or_default()
    }

    fn volumes(&self) -> &[Value] {
        let list = self.0.get("volumes").and_then(Value::as_list);
        list.unwrap_or_default()
    }

    /// Lays the machine out as a root of its own.
    fn lay(&self, folder: &Path) -> Fixture {
        put(folder, "base", self.text("base").as_bytes());
        files(folder, "machine", &self.map("machine"));
        files(folder, "ports/serial/ttyS1", &self.map("keys"));
        files(folder, LXD_SOCKET, &self.map("socket"));
        files(folder, "cloud", &self.map("cloud"));
        let variables = self.map("variables");
        if !variables.is_empty() {
            let virt = match self.text("base") {
                "none" => "none",
                _ => "vm:vmware",
            };
            let line =
                |(name, value): (&str, &Value)| format!("{name}={}\n", value.as_text().unwrap());
            let lines: String = variables.texts().map(line).collect();
            let environment = format!("SYSTEMD_VIRTUALIZATION={virt}\n{lines}");
            put(folder, "machine/env", environment.as_bytes());
        }
        let mut special = String::new();
        for volume in self.volumes() {
            let text = |key: &str| volume.get(key).and_then(Value::as_text).unwrap();
            let name = text("name");
            let uuid = match text("uuid") {
                "" => String::new(),
                uuid => format!(" uuid={uuid}"),
            };
            let (kind, label) = (text("kind"), text("label"));
            special += &format!("volume {name} {kind} content={name}{uuid} label={label}\n");
            let content = volume.get("files").and_then(Value::as_map).unwrap();
            fs::create_dir_all(folder.join("volume").join(name)).unwrap();
            files(folder, &format!("volume/{name}"), content);
        }
        put(folder, "special", special.as_bytes());
        Fixture::of(folder)
    }

    /// The question to the oracle.
    fn question(&self, folder: &Path, fixture: &Fixture) -> Value {
        let volumes = self.volumes().iter().map(|volume| {
            let mut volume = volume.as_map().cloned().unwrap();
            let name = volume.get("name").and_then(Value::as_text).unwrap();
            let place = folder.join("volume").join(name);
            volume.insert("folder", place.to_str());
            volume.into()
        });
        let question = [
            ("platform", Value::from(self.text("platform"))),
            ("root", fixture.machine().to_str().into()),
            ("volumes", Value::List(volumes.collect())),
            ("variables", self.map("variables").into()),
            ("keys", self.map("keys").into()),
            ("serves", Value::Bool(self.service(folder).is_some())),
        ];
        Map::from_iter(question).into()
    }

    /// Who answers the machine over HTTP, if somebody does.
    fn service(&self, folder: &Path) -> Option<Simulated> {
        let there = |below: &str| Some(folder.join(below)).filter(|folder| folder.is_dir());
        let socket = there(LXD_SOCKET).map(|folder| Simulated::at_socket(&folder));
        socket.or_else(|| Some(Simulated::new(&there("cloud")?)))
    }
}

fn put(folder: &Path, path: &str, bytes: &[u8]) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

fn files(folder: &Path, below: &str, files: &Map) {
    for (path, content) in files.iter() {
        let bytes = match content.get("base64").and_then(Value::as_text) {
            Some(text) => STANDARD.decode(text).unwrap(),
            None => content.as_text().unwrap().as_bytes().to_vec(),
        };
        put(
            folder,
            &format!("{below}/{}", path.as_text().unwrap()),
            &bytes,
        );
    }
}

/// A folder of a case's own; it goes with the case.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Folder {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = env::temp_dir().join(format!("local-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Every machine there is.
fn all() -> Vec<Case> {
    let script = manifest("tests/oracle/local_cases.py");
    let made = Command::new("/usr/bin/python3")
        .arg(script)
        .output()
        .unwrap();
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let lines = made.stdout.split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.is_empty());
    lines.map(|line| Case(json::read(line).unwrap())).collect()
}

/// What cloud-init makes of the machines.
fn asked(path: &Path, cases: &[Case]) -> BTreeMap<String, Value> {
    let scratch = Folder::new();
    let mut oracle = python("local.py", path).arg(&scratch.0).spawn().unwrap();
    let mut questions = oracle.stdin.take().unwrap();
    let mut answers = BufReader::new(oracle.stdout.take().unwrap()).lines();
    let mut known = BTreeMap::new();
    for case in cases {
        let folder = Folder::new();
        let fixture = case.lay(&folder.0);
        let mut service = case.service(&folder.0);
        let mut told = case.question(&folder.0, &fixture);
        let answer = loop {
            writeln!(questions, "{}", json::write(&told)).unwrap();
            let line = answers.next().unwrap().unwrap();
            let line = json::read(line.as_bytes()).unwrap();
            if let Some(result) = line.get("result") {
                break result.clone();
            }
            let refused = || Map::from_iter([("error", "refused")]).into();
            told = service
                .as_mut()
                .map_or_else(refused, |service| service.answer(&line));
        };
        known.insert(String::from(case.text("name")), answer);
    }
    drop(questions);
    assert!(oracle.wait().unwrap().success());
    known
}

/// Keeps what was answered, a file for each platform and a line for each machine.
fn keep(known: &BTreeMap<String, Value>) {
    let mut texts: BTreeMap<&str, String> = BTreeMap::new();
    for (name, answer) in known {
        let (platform, _) = name.split_once(": ").unwrap();
        let said = answer.as_map().unwrap().iter();
        let said: Map = said
            .filter(|(key, value)| !value.is_null() && key.as_text() != Some("config"))
            .map(|(key, value)| (key.clone(), value.clone()))
            .collect();
        let line = json::write(&Map::from_iter([(name.as_str(), said)]).into());
        *texts.entry(platform).or_default() += &(line + "\n");
    }
    fs::create_dir_all(manifest("tests/local")).unwrap();
    for (platform, text) in texts {
        fs::write(manifest("tests/local").join(platform), text).unwrap();
    }
}

fn kept() -> BTreeMap<String, Value> {
    let mut known = BTreeMap::new();
    for entry in fs::read_dir(manifest("tests/local")).unwrap() {
        let text = fs::read_to_string(entry.unwrap().path()).unwrap();
        for line in text.lines() {
            let Value::Map(line) = json::read(line.as_bytes()).unwrap() else {
                panic!("{line}");
            };
            let entries = line.into_iter();
            known.extend(
                entries.map(|(name, value)| (String::from(name.as_text().unwrap()), value)),
            );
        }
    }
    known
}

/// The fields in which ours differs from cloud-init.
fn compared(case: &Case, theirs: &Value) -> Vec<(&'static str, String)> {
    let folder = Folder::new();
    let fixture = case.lay(&folder.0);
    let (booted, ..) = boot_of(&fixture, fixture.cloud().as_deref(), "");
    let error = theirs.get("error").and_then(Value::as_text);
    match (found(&booted), error) {
        (None, Some(_)) => Vec::new(),
        (None, None) => vec![(
            "all",
            format!("ours   {}\n  theirs {}", booted.line, json::write(theirs)),
        )],
        (Some((platform, _)), None) if platform != case.text("platform") => {
            let how = format!("ours is {platform}; theirs {}", json::write(theirs));
            vec![("all", how)]
        }
        (Some((platform, _)), Some(_)) if platform != case.text("platform") => Vec::new(),
        (Some((_, ours)), _) => differences(&FIELDS, &ours, theirs),
    }
}

#[test]
fn machines_are_read_as_cloud_init_reads_them() {
    let chosen = env::var("LOCAL").ok();
    let mut cases = all();
    let everything = chosen.as_deref() == Some("*");
    cases.retain(|case| matches(chosen.as_deref().unwrap_or("*"), case.text("name")));
    let known = match env::var_os("LOCAL_PATH") {
        Some(path) => asked(Path::new(&path), &cases),
        None => kept(),
    };
    if updating() {
        let mut all = if everything { BTreeMap::new() } else { kept() };
        all.extend(known.clone());
        keep(&all);
    }
    let stride = if chosen.is_some() { 1 } else { STRIDE };
    let deviations: Vec<(String, String)> = deviations("machine");
    let (next, wrong, used) = (
        AtomicUsize::new(0),
        Mutex::new(Vec::new()),
        Mutex::new(BTreeSet::new()),
    );
    let look = |case: &Case| {
        let name = case.text("name");
        let Some(theirs) = known.get(name) else {
            return wrong
                .lock()
                .unwrap()
                .push(format!("{name}: cloud-init was not asked"));
        };
        for (field, how) in compared(case, theirs) {
            let explains = |row: &&(String, String)| row.1 == field && matches(&row.0, name);
            match deviations.iter().find(explains) {
                Some(row) => drop(used.lock().unwrap().insert(row.clone())),
                None => wrong
                    .lock()
                    .unwrap()
                    .push(format!("{name}: {field}:\n  {how}")),
            }
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(case) = cases.get(stride * next.fetch_add(1, Ordering::Relaxed)) {
                    look(case);
                }
            });
        }
    });
    let (mut wrong, used) = (wrong.into_inner().unwrap(), used.into_inner().unwrap());
    if everything {
        let unused = deviations.iter().filter(|row| !used.contains(*row));
        wrong.extend(unused.map(|row| format!("{row:?}: a row that is no longer true")));
    }
    wrong.sort();
    assert!(
        wrong.is_empty(),
        "{}\n{} differences",
        wrong.join("\n"),
        wrong.len()
    );
}

/// Numbers by chance, the same for the same seed (splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        for (shift, factor) in [(30, 0xbf58_476d_1ce4_e5b9_u64), (27, 0x94d0_49bb_1331_11eb)] {
            mixed = (mixed ^ (mixed >> shift)).wrapping_mul(factor);
        }
        ((mixed ^ (mixed >> 31)) % end.max(1) as u64) as usize
    }
}

/// Bytes as they never should be: some others, or fewer. Most of an image is nothing; what is changed is something.
fn damaged(bytes: &mut Vec<u8>, chance: &mut Chance) {
    let places: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
    if places.is_empty() {
        return;
    }
    match chance.below(8) {
        0 => bytes.truncate(places[chance.below(places.len())]),
        kind => {
            for _ in 0..1 << chance.below(6) {
                let at = places[chance.below(places.len())];
                bytes[at] = match kind {
                    1 => 0,
                    2 => 0xff,
                    _ => bytes[at] ^ (1 << chance.below(8)),
                };
            }
        }
    }
}

/// Everything on a machine that a stranger may have written: images, seeds, what answers on a serial line.
fn writable(folder: &Path, fixture: &Fixture) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fixture
        .volumes()
        .iter()
        .map(|(_, image)| image.clone())
        .collect();
    for place in [
        folder.join("ports"),
        fixture.machine().join("var"),
        fixture.machine().join("seed"),
    ] {
        paths.extend(files_below(&place).into_keys().map(|path| place.join(path)));
    }
    // What steers the simulation nobody on the machine reads.
    paths.retain(|path| !path.ends_with("cloud.conf"));
    paths
}

/// A campaign of ten thousand: `DAMAGED=10000 cargo test --test it damaged`; `DAMAGED_FROM` begins with another.
#[test]
fn damaged_machines_are_survived() {
    let number = |name: &str| env::var(name).ok()?.parse::<usize>().ok();
    let (first, count) = (
        number("DAMAGED_FROM").unwrap_or(0),
        number("DAMAGED").unwrap_or(200),
    );
    let cases = all();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let run = |number: usize| {
        let mut chance = Chance(number as u64);
        let case = &cases[chance.below(cases.len())];
        let folder = Folder::new();
        let fixture = case.lay(&folder.0);
        for path in writable(&folder.0, &fixture) {
            let mut bytes = fs::read(&path).unwrap();
            damaged(&mut bytes, &mut chance);
            fs::write(&path, bytes).unwrap();
        }
        let (booted, ..) = boot_of(&fixture, None, "");
        let status = booted.plan.get("cloudseed/status");
        assert!(
            status.is_some_and(|status| !status.is_empty()),
            "DAMAGED_FROM={number}: {}: {}",
            case.text("name"),
            booted.line
        );
    };
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    if index >= count {
                        break;
                    }
                    run(first + index);
                }
            });
        }
    });
}
