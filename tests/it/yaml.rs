//! YAML against PyYAML: `tests/yaml` holds documents and what PyYAML reads and writes (`expect.py` there asks it again).

use std::path::{Path, PathBuf};
use std::{env, fs};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudseed_core::value::{Map, Value};
use cloudseed_core::{json, yaml};

use crate::fixture::updating;

fn documents() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/yaml");
    let files = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let mut documents: Vec<PathBuf> = files
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    documents.sort();
    assert!(documents.len() > 40);
    documents
}

/// A value as JSON can hold it, as `expect.py` does.
pub fn typed(value: &Value) -> Value {
    let mut marked = Map::new();
    match value {
        Value::Bytes(bytes) => marked.insert("!!binary", STANDARD.encode(bytes)),
        Value::List(list) => return Value::List(list.iter().map(typed).collect()),
        Value::Map(map) if map.texts().count() == map.len() => {
            return Value::Map(
                map.texts()
                    .map(|(key, value)| (key, typed(value)))
                    .collect(),
            );
        }
        Value::Map(map) => {
            let pairs = map
                .iter()
                .map(|(key, value)| Value::List([typed(key), typed(value)].into()));
            marked.insert("!!map", pairs.collect::<Vec<Value>>())
        }
        other => return other.clone(),
    };
    marked.into()
}

#[test]
fn documents_are_read_and_written_as_by_pyyaml() {
    if updating() {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/yaml/expect.py");
        assert!(
            std::process::Command::new("python3")
                .arg(script)
                .status()
                .unwrap()
                .success()
        );
    }
    for path in documents() {
        let read = yaml::read(&fs::read(&path).unwrap());
        let Ok(data) = fs::read_to_string(path.with_extension("json")) else {
            assert!(
                read.is_err(),
                "{path:?}: PyYAML rejects it, and we read {read:?}"
            );
            continue;
        };
        let value = read.unwrap_or_else(|error| panic!("{path:?}: {error}"));
        assert_eq!(
            json::write_indented(&typed(&value)) + "\n",
            data,
            "{path:?}"
        );
        let dump = fs::read_to_string(path.with_extension("dump")).unwrap();
        assert_eq!(yaml::write(&value), dump, "{path:?}");
        assert_eq!(yaml::read(dump.as_bytes()), Ok(value), "{path:?}");
    }
}

#[test]
fn no_prefix_and_no_flipped_byte_panics() {
    for path in documents() {
        let document = fs::read(path).unwrap();
        for end in 0..document.len() {
            let _ = yaml::read(&document[..end]);
            let mut flipped = document.clone();
            flipped[end] ^= 1 << (end % 8);
            if let Ok(value) = yaml::read(&flipped) {
                let written = yaml::write_document(&value);
                let again =
                    yaml::read(written.as_bytes()).map(|value| yaml::write_document(&value));
                assert_eq!(again, Ok(written));
            }
        }
    }
}

/// How long this takes is for tests/bench/hostile to say.
#[test]
fn long_documents_of_every_shape_are_read() {
    let shapes: [fn(usize) -> String; 7] = [
        |n| "- a\n".repeat(n),
        |n| format!("[{}]", "a, ".repeat(n)),
        |n| format!("{{{}}}", "a: b, ".repeat(n)),
        |n| (0..n).map(|n| format!("key{n}: v\n")).collect(),
        |n| format!("a: \"{}\"", "\\x41 ".repeat(n)),
        |n| format!("a: |\n{}", "  line\n".repeat(n)),
        |n| format!("x: &x 1\ny: [{}]", "*x, ".repeat(n)),
    ];
    for (number, shape) in shapes.into_iter().enumerate() {
        let value = yaml::read(shape(120_000).as_bytes());
        let entries = value.map(|value| match value {
            Value::List(list) => list.len(),
            Value::Map(map) => map.len(),
            _ => 0,
        });
        let expected = [120_000, 120_000, 1, 120_000, 1, 1, 2];
        assert_eq!(entries, Ok(expected[number]), "shape {number}");
    }
}
