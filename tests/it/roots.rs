//! Every root is booted in process: firmware in, files below /run out.
//!
//! The machine is the root's own, the far end of its cable the simulated cloud of its `cloud/`, the clock jumps. What comes of
//! a boot is compared with the root's folder `expect/`:
//!
//! ```text
//! expect/instance    what was found, in one text; that of the root's base where the root has none
//! expect/run/        every file below /run, in a dozen roots that stand for the others
//! why                a line that says why it is right that this boot fails
//! ```
//!
//! A machine on which nothing is found, or a platform that cloudseed only knows by name, has no `expect/`.
//!
//! ```text
//! cargo test --test it roots                 all of them
//! ROOT='ec2-*' cargo test --test it roots    those of these names
//! UPDATE=1 cargo test --test it roots        takes what comes out for right; the diff is the review
//! ```

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cloudseed_core::boot::{self, Booted, Options};
use cloudseed_core::journal::Journal;
use cloudseed_core::json;
use cloudseed_core::machine::Machine;
use cloudseed_core::net::{self, Net, Nic};
use cloudseed_core::outside::Clock;
use cloudseed_core::plan::Plan;
use cloudseed_core::platform::PLATFORMS;
use cloudseed_core::value::Value;
use sha2::{Digest, Sha256};

use crate::cable::{Cable, Plug};
use crate::cloud::SimulatedCloud;
use crate::fixture::{Fixture, HELP, base, chosen, files_below, names, roots, updating};
use crate::host;
use crate::sys::own_stack::OwnStack;
use crate::sys::ports::Doors;
use crate::sys::root::Root;
use crate::sys::stream::Started;
use crate::sys::template::Jinja;

/// One seed for every root, so that a boot is the same each time.
const SEED: u64 = 7;
/// Bytes of a digest that a golden keeps: enough to see that it is another.
const DIGEST_BYTES: usize = 6;

/// Boots a root; a machine without a cloud has its cables plugged into nothing.
pub fn booted(name: &str) -> Booted {
    let fixture = Fixture::new(name);
    let (booted, _, _) = boot_of(&fixture, fixture.cloud().as_deref(), "");
    booted
}

/// Boots a root that was made ready, with the cloud of a folder and more lines for it; gives how long it took and what happened
/// at the far end.
pub fn boot_of(
    fixture: &Fixture,
    cloud: Option<&Path>,
    lines: &str,
) -> (Booted, Duration, Vec<String>) {
    boot_with(fixture, cloud, lines, Options::default())
}

/// The same with options.
pub fn boot_with(
    fixture: &Fixture,
    cloud: Option<&Path>,
    lines: &str,
    options: Options,
) -> (Booted, Duration, Vec<String>) {
    let root = Root::new(&fixture.machine());
    let machine = Machine::read(&root);
    let (nics, _) = net::candidates(&machine.links);
    boot_on(&machine, nics, fixture, cloud, lines, options)
}

/// The same on a machine that was looked at, with these of its cards.
fn boot_on(
    machine: &Machine,
    nics: Vec<Nic>,
    fixture: &Fixture,
    cloud: Option<&Path>,
    lines: &str,
    options: Options,
) -> (Booted, Duration, Vec<String>) {
    let root = Root::new(&fixture.machine());
    let mut events = None;
    let mut plug = |index: usize| match (cloud, index) {
        (None, _) => Plug::Nothing,
        (Some(folder), 0) => {
            let cloud = SimulatedCloud::from_folder(folder).unwrap();
            let cloud = cloud.with(lines).unwrap();
            events = Some(cloud.events());
            Plug::Cloud(cloud)
        }
        (Some(_), _) => Plug::Beside(0),
    };
    let cable = Cable::new((0..nics.len()).map(&mut plug).collect(), SEED);
    if let Some(ports) = fixture.ports() {
        host::serve(&ports, &fixture.machine()).unwrap();
    }
    let journal = Journal::new();
    let started = Started::now();
    let world = OwnStack::new(Net::new(cable, nics, SEED), journal.clone());
    let mut world = world.with_ports(Box::new(Doors::new(root.clone(), started)));
    let booted = boot::boot(machine, &mut world, &journal, &mut Jinja, options, None);
    let events = events.map(|events| events.take()).unwrap_or_default();
    let events = events.into_iter().map(|event| event.what).collect();
    (booted, world.now(), events)
}

/// The files of a boot by path, with times left out of those that tell them.
fn files(plan: &Plan) -> BTreeMap<String, Vec<u8>> {
    let file = |path: &str, bytes: &[u8]| match path {
        "cloudseed/log" | "cloudseed/result.json" => {
            timeless(&String::from_utf8_lossy(bytes)).into_bytes()
        }
        _ => bytes.to_vec(),
    };
    // The programs are the same in every boot, and are tested by themselves.
    let differs = |path: &str| {
        !matches!(path, "cloudseed/run" | "cloudseed/plan/setup.sh")
            && !path.starts_with("cloudseed/handover/systemd/systemd/")
    };
    let files = plan.files().map(|(path, _, bytes)| (path.as_str(), bytes));
    files
        .filter(|(path, _)| differs(path))
        .map(|(path, bytes)| (String::from(path), file(path, bytes)))
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

/// What a boot found, in one text: its line for the console, the facts for scripts and for stock cloud-init, keys, warnings,
/// every document and part by name, size and digest, and the network configuration.
fn instance(booted: &Booted) -> String {
    let file = |name: &str| {
        let bytes = booted.plan.get(&format!("cloudseed/{name}"));
        String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
    };
    let tree = |name: &str| json::read(file(name).as_bytes()).unwrap_or(Value::Null);
    let mut lines = vec![timeless(&booted.line)];
    let facts = file("metadata.env");
    lines.extend(facts.lines().map(|line| line.replacen("CLOUDSEED_", "", 1)));
    lines.extend(standard(&tree("instance-data-sensitive.json")));
    lines.extend(warnings(&tree("result.json")));
    lines.extend(booted.plan.files().filter_map(|(path, _, bytes)| {
        let name = path.as_str().strip_prefix("cloudseed/")?;
        let digest: String = Sha256::digest(bytes)
            .iter()
            .take(DIGEST_BYTES)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        is_document(name).then(|| format!("{name}: {} bytes, sha256 {digest}…", bytes.len()))
    }));
    let network = file("network-config");
    lines.extend(network.lines().map(|line| format!("  {line}")));
    lines
        .iter()
        .map(|line| format!("{}\n", line.trim_end()))
        .collect()
}

/// What stock cloud-init would call the platform, and the keys.
fn standard(data: &Value) -> Vec<String> {
    let text = |key| Some((key, data.at(&["v1", key])?.as_text()?));
    let names = ["cloud_id", "platform", "subplatform"].into_iter();
    let names = names
        .filter_map(text)
        .map(|(key, value)| format!("v1.{key}: {value}"));
    let keys = data.at(&["v1", "public_ssh_keys"]).and_then(Value::as_list);
    let keys = keys.into_iter().flatten().filter_map(Value::as_text);
    names.chain(keys.map(|key| format!("key: {key}"))).collect()
}

fn warnings(result: &Value) -> Vec<String> {
    let warnings = result.get("warnings").and_then(Value::as_list);
    let line = |warning: &Value| {
        let word = |key| warning.get(key).and_then(Value::as_text).unwrap_or("?");
        let [step, place, expected, found] = ["step", "place", "expected", "found"].map(word);
        timeless(&format!(
            "warning: {step}: {place}: expected {expected}, but found {found}"
        ))
    };
    warnings.into_iter().flatten().map(line).collect()
}

fn is_document(name: &str) -> bool {
    matches!(
        name,
        "meta-data" | "user-data" | "vendor-data" | "vendor-data2" | "network-config"
    ) || name.starts_with("parts/")
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

/// What a root says of its boot: the text of its own, or else of its base's `expect/instance`.
fn expected(name: &str) -> Option<String> {
    let own = fs::read_to_string(roots().join(name).join("expect/instance")).ok();
    own.or_else(|| expected(&base(name)?))
}

/// Takes what came out for right: nothing is kept that the base says already.
fn accept(name: &str, instance: Option<&str>, files: &BTreeMap<String, Vec<u8>>) {
    let folder = roots().join(name).join("expect");
    let run = folder.join("run");
    if run.is_dir() {
        rewrite(&run, files);
    }
    let place = folder.join("instance");
    let inherited = base(name).and_then(|base| expected(&base));
    match instance.filter(|text| inherited.as_deref() != Some(text)) {
        Some(text) => {
            fs::create_dir_all(folder).unwrap();
            fs::write(place, text).unwrap();
        }
        None => drop(fs::remove_file(place)),
    }
}

/// How a boot ends on which nothing is read: there is nothing to expect but that.
const UNREAD: [&str; 3] = ["none", "named", "disabled"];

/// The same, of a platform that is known by name.
const ONLY_NAMED: &str = "one that it can only name to cloud-init";

/// Boots a root, and says what is not as expected.
fn check(name: &str) -> Vec<String> {
    let booted = booted(name);
    let files = files(&booted.plan);
    let status = String::from_utf8_lossy(booted.plan.get("cloudseed/status").unwrap_or_default());
    let failed = status.trim() == "failed";
    let unread = UNREAD.contains(&status.trim()) || (failed && booted.line.contains(ONLY_NAMED));
    let found = Some(instance(&booted)).filter(|_| !unread);
    if updating() {
        accept(name, found.as_deref(), &files);
    }
    let mut wrong = Vec::new();
    let folder = roots().join(name);
    if folder.join("expect/run").is_dir() {
        wrong.extend(difference(&files_below(&folder.join("expect/run")), &files));
    }
    match (expected(name), found) {
        (Some(expected), Some(found)) if expected == found => {}
        (Some(expected), Some(found)) => {
            wrong.push(format!("expected\n{expected}but found\n{found}"))
        }
        (None, Some(found)) => wrong.push(format!("no expect/instance, but found\n{found}")),
        (_, None) => {
            // What a base says does not hold where nothing is read.
            let own = folder.join("expect/instance").exists();
            wrong.extend(own.then(|| format!("expected an instance, but found {}", booted.line)));
        }
    }
    let why = fs::read_to_string(folder.join("why")).unwrap_or_default();
    if why.trim().is_empty() == (failed && !unread) {
        let status = status.trim();
        wrong.push(format!(
            "ends {status}; a file `why` is there where a boot fails, and nowhere else"
        ));
    }
    wrong
        .iter()
        .map(|wrong| format!("{name}: {wrong}"))
        .collect()
}

#[test]
fn a_mistyped_name_is_told_where_nothing_was_found() {
    let fixture = Fixture::new("none");
    let cmdline = fixture.machine().join("proc/cmdline");
    fs::write(cmdline, "root=/dev/vda1 ds=ec3\n").unwrap();
    let (booted, _, _) = boot_of(&fixture, None, "");
    let line = &booted.line;
    assert!(line.starts_with("none: "), "{line}");
    assert!(line.ends_with("(did you mean Ec2?)"), "{line}");
}

#[test]
fn every_root_boots_as_expected() {
    let wrong = Mutex::new(Vec::new());
    let names = chosen();
    let next = AtomicUsize::new(0);
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(name) = names.get(next.fetch_add(1, Ordering::Relaxed)) {
                    wrong.lock().unwrap().extend(check(name));
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}\n{HELP}", wrong.join("\n"));
}

/// The agent starts before the drivers have loaded: what it knows of the cards at first is nothing.
#[test]
fn cards_that_come_after_the_first_look_are_configured() {
    for name in [
        "aliyun",
        "azure",
        "digitalocean",
        "ec2-two-cards",
        "hetzner",
        "nwcs",
        "opennebula",
        "openstack-bond",
        "oracle",
        "rbxcloud",
        "scaleway",
        "upcloud",
        "vultr",
    ] {
        let fixture = Fixture::new(name);
        let root = Root::new(&fixture.machine());
        let mut machine = Machine::read(&root);
        let (nics, _) = net::candidates(&std::mem::take(&mut machine.links));
        let (booted, _, _) = boot_on(
            &machine,
            nics,
            &fixture,
            fixture.cloud().as_deref(),
            "",
            Options::default(),
        );
        assert_eq!(instance(&booted), expected(name).unwrap(), "{name}");
    }
}

/// From what a root was read, as its golden says.
#[derive(Debug)]
struct Reading {
    root: String,
    platform: String,
    source: String,
}

/// What each root that boots was read from: the evidence that each way to be found is also one to be read.
fn readings() -> Vec<Reading> {
    let read = |root: String| {
        let text = expected(&root)?;
        let fact = |key: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(key))?;
            Some(line.trim_matches('"').to_string())
        };
        Some(Reading {
            platform: fact("PLATFORM=")?,
            source: fact("SOURCE=")?,
            root,
        })
    };
    names().into_iter().filter_map(read).collect()
}

#[test]
fn every_platform_that_can_be_asked_is_read_from_some_root() {
    let readings = readings();
    assert!(
        readings.iter().all(|reading| !reading.source.is_empty()),
        "{readings:?}"
    );
    for platform in PLATFORMS.iter().filter(|platform| platform.is_read()) {
        let mut roots = readings
            .iter()
            .filter(|reading| reading.platform == platform.name);
        assert!(
            roots.next().is_some(),
            "{}: read from none of\n{readings:#?}",
            platform.name
        );
    }
    let ec2 = readings
        .iter()
        .find(|reading| reading.root == "ec2")
        .unwrap();
    assert_eq!(ec2.source, "http://169.254.169.254");
}
