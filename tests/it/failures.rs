//! The campaign of failures: every platform that is read over HTTP or by a port, and everything that can be wrong with its
//! service. (Ports that fall silent or fail half-way are in the campaign of faults.)
//!
//! What a platform asks for is taken from a boot of its root; each of those requests is made to fail in each way, and each document
//! is spoilt in each way. No case is written by hand, so that a new platform is in it with its first root. What has to hold
//! is the same for all: the boot ends in time, in a word, and where it fails with a message that names the step and the place;
//! what was found has an identifier; a service that recovers is read; and nothing that is secret is in a file that all may read.
//!
//! `FAILURES=all cargo test --test it failures` spoils everything; without it, of the requests of a large tree a few stand for all.
//! `ROOT=NAME` looks at one root, as for the roots themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cloudseed_core::boot::Booted;
use cloudseed_core::fetch::FETCH_SECONDS_MAX;
use cloudseed_core::json;
use cloudseed_core::value::Value;

use crate::fixture::{Fixture, chosen, files_below, roots};
use crate::roots::boot_of;

/// What a boot may take beside fetching: includes have their own time.
const LONGEST: Duration = Duration::from_secs(FETCH_SECONDS_MAX + 30);
/// Requests of one platform that are made to fail, if not all are.
const REQUESTS: usize = 2;
/// The words in which a boot may end.
const WORDS: [&str; 5] = ["found", "degraded", "failed", "named", "none"];

/// One platform: its root, and what it asks for.
struct Subject {
    platform: &'static str,
    root: String,
    /// Method and path of each request.
    requests: Vec<(String, String)>,
}

/// The first root of each platform that is read over HTTP without a warning, with what it asks for.
fn subjects() -> Vec<Subject> {
    let mut subjects: BTreeMap<&str, Subject> = BTreeMap::new();
    // The root that has the platform's name is the typical one, and comes first.
    for name in chosen() {
        let fixture = Fixture::new(&name);
        let Some(cloud) = fixture.cloud() else {
            continue;
        };
        let (booted, _, events) = boot_of(&fixture, Some(&cloud), "");
        let Some(instance) = booted.instance.filter(|i| i.source.place.contains("http")) else {
            continue;
        };
        let requests = events.iter().filter_map(|event| request(event));
        let requests: BTreeSet<(String, String)> = requests.collect();
        let requests = requests.into_iter().collect();
        let platform = instance.platform;
        let subject = Subject {
            platform,
            root: name,
            requests,
        };
        subjects.entry(platform).or_insert(subject);
    }
    subjects.into_values().collect()
}

/// Method and path of a request, as the cloud tells it: `GET http://HOST/PATH 200`.
fn request(event: &str) -> Option<(String, String)> {
    let (method, rest) = event.split_once(" http://")?;
    let (_, rest) = rest.split_once('/')?;
    let (path, status) = rest.split_once(' ')?;
    let known = matches!(method, "GET" | "PUT" | "POST") && status.starts_with("200");
    known.then(|| (String::from(method), format!("/{path}")))
}

/// What is wrong, in lines of `cloud.conf`, and whether the boot must do as well as without.
fn faults(subject: &Subject) -> Vec<(String, bool)> {
    let mut faults = vec![
        (String::from("no listen"), false),
        (String::from("mute *"), false),
        (String::from("no lease\nno listen"), false),
    ];
    let all = env::var("FAILURES").is_ok_and(|word| word == "all");
    let few = if all { usize::MAX } else { REQUESTS };
    for (number, (method, path)) in subject.requests.iter().take(few).enumerate() {
        let (path, _) = path.split_once('?').unwrap_or((path, ""));
        for status in [200, 204, 302, 401, 403, 404, 429, 500] {
            faults.push((format!("answer {method} {path} {status}"), false));
        }
        faults.push((format!("answer {method} {path} 429 times 1"), true));
        faults.push((format!("truncate {path} 1"), false));
        faults.push((format!("garbage {path} times 1"), false));
        faults.push((format!("mute {path} times 1"), true));
        // Frame by frame these take longer than all others together.
        if all || number == 0 {
            faults.push((format!("oversize {path} 10MiB"), false));
        }
    }
    faults
}

/// Looks at the end of a boot; what is wrong with it.
fn wrong(booted: &Booted, took: Duration) -> Option<String> {
    let text = |name: &str| {
        let bytes = booted.plan.get(&format!("cloudseed/{name}"));
        String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
    };
    let status = text("status");
    let status = status.trim();
    if took > LONGEST {
        return Some(format!("takes {} s: {}", took.as_secs(), booted.line));
    }
    if !WORDS.contains(&status) {
        return Some(format!("ends {status:?}"));
    }
    let told = booted.line.contains("expected") && booted.line.contains("found");
    if status == "failed" && !told {
        return Some(format!("no message: {}", booted.line));
    }
    let found = matches!(status, "found" | "degraded");
    if found != booted.instance.is_some() {
        return Some(format!(
            "{status}, but the instance is another: {}",
            booted.line
        ));
    }
    let result = json::read(text("result.json").as_bytes());
    result.err().map(|error| format!("result.json: {error}"))
}

fn status(booted: &Booted) -> String {
    let status = booted.plan.get("cloudseed/status").unwrap_or_default();
    String::from(String::from_utf8_lossy(status).trim())
}

/// Runs each task on every processor.
pub fn on_all<T: Sync>(tasks: &[T], run: impl Fn(&T) -> Option<String> + Sync) -> Vec<String> {
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    wrong.lock().unwrap().extend(run(task));
                }
            });
        }
    });
    wrong.into_inner().unwrap()
}

#[test]
fn a_boot_ends_well_whatever_its_service_does() {
    let subjects = subjects();
    assert!(!subjects.is_empty());
    let tasks = subjects.iter().flat_map(|subject| {
        let faults = faults(subject).into_iter();
        faults.map(move |(fault, recovers)| (subject, fault, recovers))
    });
    let tasks: Vec<_> = tasks.collect();
    let wrong = on_all(&tasks, |(subject, fault, recovers)| {
        let fixture = Fixture::new(&subject.root);
        let cloud = fixture.cloud();
        let (booted, took, _) = boot_of(&fixture, cloud.as_deref(), fault);
        let lost = || {
            let lost = *recovers && booted.instance.is_none();
            lost.then(|| format!("does not recover: {}", booted.line))
        };
        let wrong = wrong(&booted, took).or_else(lost)?;
        Some(format!("{}: {fault}: {wrong}", subject.platform))
    });
    none_wrong(&wrong, tasks.len());
}

/// How a document is spoilt: its name, and what becomes of the bytes; nothing where that does not apply.
type Spoil = (&'static str, fn(&[u8]) -> Option<Vec<u8>>);

const SPOILS: [Spoil; 10] = [
    ("empty", |_| Some(Vec::new())),
    ("a line feed", |_| Some(b"\n".to_vec())),
    ("half", |bytes| Some(bytes[..bytes.len() / 2].to_vec())),
    ("no text", |_| Some(vec![0xff, 0, 0xfe, 0x80, b'{'])),
    ("null", |_| Some(b"null".to_vec())),
    ("a list", |_| Some(b"[[1], {\"a\": []}]".to_vec())),
    ("deep", |_| Some(b"[".repeat(100_000))),
    ("values of other types", |bytes| changed(bytes, &other)),
    ("values in lists", |bytes| {
        changed(bytes, &|value| Value::List(vec![value.clone()]))
    }),
    ("no values", |bytes| changed(bytes, &|_| Value::Null)),
];

/// A JSON document with each of its leaves changed.
fn changed(bytes: &[u8], change: &dyn Fn(&Value) -> Value) -> Option<Vec<u8>> {
    fn walk(value: &Value, change: &dyn Fn(&Value) -> Value) -> Value {
        match value {
            Value::List(list) => {
                Value::List(list.iter().map(|value| walk(value, change)).collect())
            }
            Value::Map(map) => {
                let entries = map
                    .iter()
                    .map(|(key, value)| (key.clone(), walk(value, change)));
                Value::Map(entries.collect())
            }
            leaf => change(leaf),
        }
    }
    let value = json::read(bytes).ok()?;
    matches!(value, Value::Map(_) | Value::List(_)).then_some(())?;
    Some(json::write(&walk(&value, change)).into_bytes())
}

fn other(value: &Value) -> Value {
    match value {
        Value::Text(_) => Value::Int(-7),
        Value::Int(_) => Value::from("\u{1f980}\n"),
        Value::Bool(_) => Value::List(Vec::new()),
        _ => Value::from("x"),
    }
}

/// A document of a root: its path below the place, and what it says.
type Document = (String, String, Vec<u8>);

/// Boots with each of the documents spoilt in each way.
fn none_wrong_of_spoilt(documents: &[Document], place: fn(&Fixture) -> Option<PathBuf>) {
    assert!(!documents.is_empty());
    let spoilt = documents.iter().flat_map(|(root, path, bytes)| {
        let spoilt = SPOILS.iter();
        spoilt.filter_map(move |(how, spoil)| Some((root, path, *how, spoil(bytes)?)))
    });
    let tasks: Vec<_> = spoilt.collect();
    let wrong = on_all(&tasks, |(root, path, how, bytes)| {
        let fixture = Fixture::new(root);
        fs::write(place(&fixture)?.join(path), bytes).unwrap();
        let (booted, took, _) = boot_of(&fixture, fixture.cloud().as_deref(), "");
        let wrong = wrong(&booted, took)?;
        let status = status(&booted);
        Some(format!("{root}: {path}: {how}: {wrong} ({status})"))
    });
    none_wrong(&wrong, tasks.len());
}

#[test]
fn a_boot_ends_well_whatever_its_documents_are() {
    let mut documents = Vec::new();
    for Subject { root, .. } in subjects() {
        let files = files_below(&Fixture::new(&root).cloud().unwrap());
        let answers = files
            .into_iter()
            .filter(|(path, _)| path.contains("GET/") || path.contains("PUT/"));
        let answers = answers.take(2 * REQUESTS);
        documents.extend(answers.map(|(path, bytes)| (root.clone(), path, bytes)));
    }
    none_wrong_of_spoilt(&documents, Fixture::cloud);
}

/// What stands behind a serial line, a socket or a backdoor.
#[test]
fn a_boot_ends_well_whatever_a_port_says() {
    let mut documents = Vec::new();
    for root in chosen() {
        let files = files_below(&roots().join(&root).join("ports")).into_iter();
        documents.extend(files.map(|(path, bytes)| (root.clone(), path, bytes)));
    }
    none_wrong_of_spoilt(&documents, Fixture::ports);
}

fn none_wrong(wrong: &[String], tried: usize) {
    let count = wrong.len();
    assert!(
        wrong.is_empty(),
        "{count} of {tried}:\n{}",
        wrong.join("\n")
    );
}
