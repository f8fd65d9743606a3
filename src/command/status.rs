//! `cloudseed status`: how this boot went, so far.

use std::path::PathBuf;
use std::process::ExitCode;

use argh::FromArgs;
use cloudseed_core::compile::result::{RESULT, RESULT_BYTES_MAX};
use cloudseed_core::json;
use cloudseed_core::machine::Files;
use cloudseed_core::value::{Map, Value};

use super::handover::CHOSEN;
use crate::sys::root::Root;

/// The stages on the real root, each with the file in which it leaves its result.
const STAGES: [(&str, &str); 2] = [
    ("early", "/run/cloudseed/ran-early"),
    ("final", "/run/cloudseed/ran-final"),
];

/// say how this boot went: what was found, what was not as expected, what the scripts came to
#[derive(FromArgs)]
#[argh(subcommand, name = "status")]
pub struct Status {
    /// print one JSON document: result.json with the stages of the real root
    #[argh(switch)]
    json: bool,
    /// the prefix of everything read (default: /)
    #[argh(option, default = "PathBuf::from(\"/\")")]
    root: PathBuf,
}

impl Status {
    /// Prints the status; fails if the boot or a script failed, or if there was no boot.
    pub fn run(&self) -> ExitCode {
        let (said, well) = self.answer(&Root::new(&self.root));
        let said = said.trim_end();
        if self.json || well {
            println!("{said}");
        } else {
            eprintln!("{said}");
        }
        if well {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }

    /// What is said, and whether all is well.
    pub fn answer(&self, root: &Root) -> (String, bool) {
        let result = root.read(RESULT, RESULT_BYTES_MAX);
        let result = result.and_then(|bytes| json::read(&bytes).ok());
        let mut result = match result {
            Some(Value::Map(result)) => result,
            _ => Map::from_iter([("status", "not run")]),
        };
        let handed = root.text(CHOSEN);
        let stages = stages(root);
        let failed = stages
            .iter()
            .any(|(_, result)| !result.starts_with("0 of "));
        let status = word(&result, "status");
        let well = !matches!(status.as_str(), "failed" | "not run") && !failed;
        if !self.json {
            let mut words = in_words(&result, &stages);
            if let Some(handed) = handed {
                words += &format!("\nhandover: {handed}");
            }
            return (words, well);
        }
        let stages = stages
            .into_iter()
            .map(|(stage, result)| (stage, Value::from(result)));
        result.insert("stages", stages.collect::<Map>());
        result.insert("handed", handed);
        (json::write_indented(&result.into()), well)
    }
}

/// What each stage came to, if it has run.
fn stages(root: &Root) -> Vec<(&'static str, String)> {
    STAGES
        .iter()
        .filter_map(|(stage, path)| Some((*stage, root.text(path)?)))
        .collect()
}

/// A fact as text; empty if it is not there.
fn word(map: &Map, key: &str) -> String {
    map.get(key).and_then(Value::to_text).unwrap_or_default()
}

fn in_words(result: &Map, stages: &[(&str, String)]) -> String {
    let [status, platform, id, source] =
        ["status", "platform", "instance_id", "source"].map(|key| word(result, key));
    let mut lines = if platform.is_empty() {
        status
    } else if id.is_empty() {
        format!("{status}: {platform}")
    } else {
        format!("{status}: {platform}, instance {id}, from {source}")
    };
    let told = result.get("error").into_iter();
    let told = told.chain(
        result
            .get("warnings")
            .and_then(Value::as_list)
            .into_iter()
            .flatten(),
    );
    for warning in told.filter_map(Value::as_map) {
        let [step, place, expected, found] =
            ["step", "place", "expected", "found"].map(|key| word(warning, key));
        lines += &format!("\n{step}: {place}: expected {expected}, but found {found}");
    }
    for (stage, result) in stages {
        lines += &format!("\nscripts, {stage}: {result}");
    }
    lines
}
