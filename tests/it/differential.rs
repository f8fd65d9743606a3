//! cloud-init as an oracle: Debian's cloud-init and ours on the same documents.
//!
//! `tests/oracle/oracle.py` runs cloud-init twice: as it is, and with our deliberate deviations built in. Ours has to agree with
//! the second, part by part; where the two differ, the deviations that made the difference are counted and each of them is a row
//! of `tests/userdata/DEVIATIONS.md`. The merged cloud-config is compared as data, rendered templates as text. `DIFFERENTIAL=20000 cargo test differential` tries that many documents of the grammar
//! instead of a few hundred, `DIFFERENTIAL_SEED` others.

use std::collections::BTreeMap;
use std::env;
use std::fmt::Display;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cloudseed_core::budget::Budget;
use cloudseed_core::config::cloud_config::merge_parts;
use cloudseed_core::digest::sha256;
use cloudseed_core::jinja;
use cloudseed_core::json;
use cloudseed_core::userdata::template::{self, Broken, Limits, Rendered};
use cloudseed_core::userdata::{self, Includes, Part, launch};
use cloudseed_core::value::Value;
use cloudseed_core::variables::{Names, variables};

use crate::command::document::Files;
use crate::formats::Folder;
use crate::sys::root::Root;
use crate::sys::template::{Jinja, STEPS_MAX};
use crate::yaml::typed;

/// What the oracle takes as this machine's launch index.
const LAUNCH_INDEX: i64 = 2;
/// The headers of the envelope; cloud-init rewrites them.
const ENVELOPE: [&str; 5] = [
    "content-type",
    "mime-version",
    "content-disposition",
    "launch-index",
    "content-transfer-encoding",
];

/// A path of the source tree.
pub fn manifest(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

/// Where cloud-init is unpacked from Debian's packages: `python`, and below `root` all of cloud-init. Unpacked once,
/// whichever test comes first.
pub fn original() -> PathBuf {
    let folder = manifest("target/oracle");
    let fetched = Command::new(manifest("tests/oracle/fetch"))
        .arg(&folder)
        .status()
        .unwrap();
    assert!(
        fetched.success(),
        "tests/oracle/fetch needs apt-get and Debian's packages"
    );
    folder
}

/// The modules of cloud-init and of what it imports.
pub fn modules() -> PathBuf {
    original().join("root/usr/lib/python3/dist-packages")
}

/// The oracle at work on some documents.
struct Oracle(Child);

impl Oracle {
    /// Starts it.
    fn start(scratch: &str, arguments: &[&str]) -> Oracle {
        let folder = original();
        let child = Command::new(folder.join("python"))
            .arg(manifest("tests/oracle/oracle.py"))
            .args([folder.join("root"), folder.join(scratch)])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        Oracle(child)
    }

    /// Shows what it makes of each document, with the document's name and bytes.
    fn each(mut self, mut look: impl FnMut(&str, &[u8], &Value)) {
        let mut next = self.0.stdin.take().unwrap();
        for answer in BufReader::new(self.0.stdout.take().unwrap()).lines() {
            let answer = json::read(answer.unwrap().as_bytes()).unwrap();
            let text = |key| answer.get(key).and_then(Value::as_text).unwrap();
            let document = STANDARD.decode(text("document")).unwrap();
            look(text("name"), &document, &answer);
            writeln!(next).unwrap();
        }
        assert!(self.0.wait().unwrap().success());
    }

    /// Compares our parts with its on every document; gives how many there were.
    fn compare(self, mut includes: impl FnMut(&str) -> Box<dyn Includes>) -> usize {
        let (mut documents, mut deviations, mut wrong) = (0, BTreeMap::new(), Vec::new());
        self.each(|name, document, answer| {
            let ours = ours(document, &mut *includes(name));
            let (pure, patched) = (answer.get("pure").unwrap(), answer.get("patched").unwrap());
            let made = answer.get("deviations").and_then(Value::as_list).unwrap();
            if ours != *patched {
                wrong.push(difference(name, document, &ours, patched));
            } else if pure != patched {
                assert!(
                    !made.is_empty(),
                    "{name} differs from cloud-init, and nothing says why"
                );
                for deviation in made {
                    *deviations
                        .entry(deviation.as_text().unwrap().to_owned())
                        .or_insert(0) += 1;
                }
            }
            documents += 1;
        });
        none_differ(wrong, documents);
        explained(deviations);
        documents
    }
}

/// Prints how often each deviation made a difference; each of them must have its row.
fn explained(deviations: BTreeMap<impl Display, usize>) {
    let table = fs::read_to_string(manifest("tests/userdata/DEVIATIONS.md")).unwrap();
    for (deviation, count) in deviations {
        println!("{count:6} {deviation}");
        assert!(
            table.contains(&format!("| {deviation} |")),
            "DEVIATIONS.md does not explain: {deviation}"
        );
    }
}

/// Keeps a document on which we differ, and says how.
fn difference(name: &str, document: &[u8], ours: &Value, theirs: &Value) -> String {
    let file = format!("target/oracle/{}", name.replace('/', "-"));
    fs::write(manifest(&file), document).unwrap();
    let (ours, theirs) = (json::write(ours), json::write(theirs));
    format!("{file}:\n  ours {ours}\ntheirs {theirs}")
}

/// A value with the pairs of its maps in order: whose keys are not text is a list of them.
fn sorted(value: &Value) -> Value {
    match value {
        Value::List(list) => Value::List(list.iter().map(sorted).collect()),
        Value::Map(map) => {
            let entries = map.iter().map(|(key, value)| match (key, sorted(value)) {
                (Value::Text(mark), Value::List(mut pairs)) if mark == "!!map" => {
                    pairs.sort_by_cached_key(json::write);
                    (key.clone(), Value::List(pairs))
                }
                (_, value) => (key.clone(), value),
            });
            Value::Map(entries.collect())
        }
        other => other.clone(),
    }
}

fn none_differ(mut wrong: Vec<String>, documents: usize) {
    let count = wrong.len();
    wrong.truncate(5);
    let wrong = wrong.join("\n\n");
    assert!(count == 0, "{count} of {documents} differ:\n{wrong}");
}

/// Our parts in the oracle's words.
fn ours(document: &[u8], includes: &mut dyn Includes) -> Value {
    let parts = userdata::take_apart(document, "user-data", includes, &Budget::new()).parts;
    let described = |part: &Part| {
        let is_own =
            |(name, _): &&(String, String)| !ENVELOPE.contains(&name.to_lowercase().as_str());
        let headers = part.headers.iter().filter(is_own);
        let header = |(name, value): &(String, String)| {
            Value::List(vec![name.as_str().into(), value.as_str().into()])
        };
        let mine = !launch::for_launch_index(vec![part.clone()], LAUNCH_INDEX).is_empty();
        Value::Map(FromIterator::from_iter([
            ("type", Value::from(part.content_type.as_str())),
            ("filename", part.filename.as_str().into()),
            ("sha256", sha256(&part.content).into()),
            ("bytes", Value::Int(part.content.len() as i64)),
            ("mine", mine.into()),
            ("headers", Value::List(headers.map(header).collect())),
        ]))
    };
    Value::List(parts.iter().map(described).collect())
}

#[test]
fn the_corpus_is_read_as_cloud_init_reads_it() {
    let fixtures = manifest("tests/userdata");
    let oracle = Oracle::start("corpus", &["corpus", fixtures.to_str().unwrap()]);
    let documents = oracle.compare(|name| Box::new(Folder(fixtures.join(name))));
    assert!(documents > 50);
}

/// What `DIFFERENTIAL` and `DIFFERENTIAL_SEED` say, and the arguments that say it to the oracle.
fn arguments(mode: &str) -> [String; 3] {
    let of = |name, default: &str| env::var(name).unwrap_or(default.to_owned());
    [
        mode.to_owned(),
        of("DIFFERENTIAL_SEED", "1"),
        of("DIFFERENTIAL", "300"),
    ]
}

#[test]
fn generated_documents_are_read_as_cloud_init_reads_them() {
    let arguments = arguments("generate");
    let oracle = Oracle::start("generated", &arguments.each_ref().map(String::as_str));
    let documents = oracle.compare(|_| {
        Box::new(Files {
            root: Root::new(Path::new("/")),
            web: None,
        })
    });
    assert_eq!(documents.to_string(), arguments[2]);
}

#[test]
fn generated_parts_are_rendered_and_merged_as_cloud_init_merges_them() {
    let arguments = arguments("merge");
    let oracle = Oracle::start("merged", &arguments.each_ref().map(String::as_str));
    let instance_data = manifest("target/oracle/merged/instance_data_sensitive");
    let (mut documents, mut wrong) = (0, Vec::new());
    oracle.each(|name, document, answer| {
        let instance_data = json::read(&fs::read(&instance_data).unwrap()).unwrap();
        let mut nothing = Files {
            root: Root::new(Path::new("/nonexistent")),
            web: None,
        };
        let parts = userdata::take_apart(document, "user-data", &mut nothing, &Budget::new()).parts;
        let (budget, left) = (Budget::new(), || Duration::from_secs(8));
        let limits = Limits {
            budget: &budget,
            left: &left,
        };
        let (parts, _) = template::render_parts(parts, &instance_data, &mut Jinja, &limits);
        let ours = sorted(&typed(&merge_parts(&parts, &Budget::new()).value));
        let theirs = sorted(answer.get("merged").unwrap());
        if ours != theirs {
            wrong.push(difference(name, document, &ours, &theirs));
        }
        documents += 1;
    });
    none_differ(wrong, documents);
    assert_eq!(documents.to_string(), arguments[2]);
}

/// What our engine refuses for a reason, and where the reason is a row of the table.
const REFUSED: [(&str, &str); 5] = [
    ("a slice of a", "slices of constants"),
    ("127 bits", "large numbers"),
    ("no real number", "complex numbers"),
    ("only cloud-init itself has", "what needs Python"),
    ("too deep", "depth and length"),
];

/// Does a text have a function or iterator in it, as it is printed, perhaps behind filters?
fn prints_functions(text: &str) -> bool {
    let text = text.to_lowercase();
    text.contains("t 0x") || text.contains("<bound method")
}

/// The deviation that makes our outcome another, if there is one.
fn deviation(ours: &Result<Rendered, Broken>, theirs: &Value) -> Option<&'static str> {
    let text = theirs.get("text").and_then(Value::as_text);
    match ours {
        // The place in memory that Python prints is another at each run.
        Ok(_) if text.is_some_and(prints_functions) => Some("printed functions"),
        Ok(_) => None,
        Err(broken) => REFUSED
            .iter()
            .find(|(reason, _)| broken.reason.contains(reason))
            .map(|(_, name)| *name),
    }
}

#[test]
fn generated_templates_are_rendered_as_jinja2_renders_them() {
    let fixtures = manifest("tests/userdata");
    let instance_data = fs::read(fixtures.join("instance-data.json")).unwrap();
    let instance_data = json::read(&instance_data).unwrap();
    let variables = Value::Map(variables(instance_data.as_map().unwrap(), Names::Aliased));
    let [mode, seed, count] = arguments("template");
    let arguments = [&mode, &seed, &count, fixtures.to_str().unwrap()];
    let oracle = Oracle::start("templates", &arguments);
    let (mut documents, mut deviations, mut wrong) = (0, BTreeMap::new(), Vec::new());
    oracle.each(|name, document, answer| {
        let seed = answer.get("seed").and_then(Value::to_text).unwrap();
        let engine = jinja::Engine {
            steps: STEPS_MAX,
            seed: seed.parse().unwrap(),
            power: f64::powf,
        };
        let template = std::str::from_utf8(document).unwrap();
        let ours = engine.render(template, &variables);
        let theirs = answer.get("rendered").unwrap();
        let text = theirs.get("text").and_then(Value::as_text);
        let same = match &ours {
            Ok(rendered) => text == Some(&rendered.text),
            Err(_) => text.is_none(),
        };
        documents += 1;
        match deviation(&ours, theirs) {
            _ if same => {}
            Some(deviation) => *deviations.entry(deviation).or_insert(0) += 1,
            None => {
                let ours = match ours {
                    Ok(rendered) => rendered.text,
                    Err(broken) => format!("{broken:?}"),
                };
                wrong.push(difference(name, document, &Value::Text(ours), theirs));
            }
        }
    });
    none_differ(wrong, documents);
    explained(deviations);
    assert!(documents >= count.parse().unwrap());
}

/// Of YAML that we read and cloud-init does not, check has to say something; of what both read, no more than that a key
/// occurs twice. One in a hundred may be missed, or doubted without need: the pieces make what nobody would write.
#[test]
fn what_cloud_init_refuses_of_yaml_is_odd() {
    let mut arguments = arguments("strict");
    let count: usize = arguments[2].parse().unwrap();
    arguments[2] = (10 * count).to_string();
    let oracle = Oracle::start("strict", &arguments.each_ref().map(String::as_str));
    let (mut refused, mut read, mut missed, mut needless) = (0, 0, Vec::new(), Vec::new());
    oracle.each(|_, document, answer| {
        let Ok(Value::Map(_) | Value::List(_)) = cloudseed_core::yaml::read(document) else {
            return;
        };
        let mut odd = cloudseed_core::yaml::oddities(document);
        let text = String::from_utf8_lossy(document).into_owned();
        match answer.get("refused").and_then(Value::as_text) {
            Some("") => {
                read += 1;
                odd.retain(|odd| odd.expected != "each key once");
                needless.extend(odd.pop().map(|odd| format!("{text:?}: {odd}")));
            }
            reason => {
                refused += 1;
                if odd.is_empty() {
                    missed.push(format!("{text:?}: {reason:?}"));
                }
            }
        }
    });
    assert!(refused > count / 4 && read > count / 4, "{refused} {read}");
    assert!(missed.len() * 100 <= refused, "{missed:#?} of {refused}");
    assert!(needless.len() * 100 <= read, "{needless:#?} of {read}");
}
