//! Report: how the boot went, for programs (`result.json`), for scripts (`status`) and for people (`log`).

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use super::{Ending, Outcome, Products, Seal, cloud_init};
use crate::instance::Instance;
use crate::json;
use crate::platform;
use crate::text::harmless;
use crate::value::{Map, Value};
use crate::warning::Warning;

/// The version of result.json; it grows when a key changes its meaning, not when one is added.
const RESULT_VERSION: i64 = 1;

/// What the identify step said.
#[derive(Clone, Copy, Debug, Default)]
pub struct Identified<'a> {
    /// Its verdict in a word: `found`, `not-found`, `enabled`, `disabled`.
    pub result: &'a str,
    /// The platforms found, by cloud-init's names, in the order in which they were to be tried.
    pub datasources: &'a [String],
    /// Those that only the network could tell.
    pub maybe: &'a [String],
}

/// One step of the boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timing {
    /// Its name: `probe`, `identify`, `fetch`, `decode`.
    pub step: &'static str,
    /// When it began, in microseconds since the program started.
    pub start_micros: u64,
    /// How long it took, in microseconds.
    pub micros: u64,
}

/// Where what is made here is read.
pub const RESULT: &str = "/run/cloudseed/result.json";
/// The same of the status, which is there once the boot is over.
pub const STATUS: &str = "/run/cloudseed/status";

/// Longest `result.json`, bytes: 577 warnings of four words, a kibibyte each, and what was measured, by names of 4 KiB, all of it
/// in letters that JSON writes by their numbers.
pub const RESULT_BYTES_MAX: usize = 16 << 20;

/// Adds `status`.
pub(super) fn print_status(products: &mut Products, outcome: &Outcome) {
    let status = products.status(outcome);
    products.put("cloudseed/status", format!("{status}\n"));
}

/// Adds `result.json` and `log`.
pub(super) fn print(products: &mut Products, outcome: &Outcome) {
    let own = products.warnings.as_slice();
    let result = result(outcome, own, products.status(outcome));
    let log = log(outcome, own);
    products.put(
        "cloudseed/result.json",
        json::write_indented(&result) + "\n",
    );
    products.put("cloudseed/log", log);
}

fn result(outcome: &Outcome, own: &[Warning], status: &str) -> Value {
    let (mut result, parts) = match outcome.ending {
        Ending::Found(found) => (facts(found.instance), found.config.parts.len()),
        Ending::Named(name) => (Map::from_iter([("platform", name)]), 0),
        _ => (Map::new(), 0),
    };
    let timings: Vec<Value> = outcome.timings.iter().map(timing).collect();
    let warnings: Vec<Value> = outcome.warnings.iter().chain(own).map(words).collect();
    let error = match outcome.ending {
        Ending::Failed(error) => words(&error.what),
        _ => Value::Null,
    };
    result.insert("version", RESULT_VERSION);
    result.insert("status", status);
    result.insert("identify", identified(&outcome.identified));
    result.insert("network", outcome.network.clone());
    if let Some((machine, service)) = outcome.clock {
        let [machine, service] = [machine, service]
            .map(|time| Value::from(i64::try_from(time.as_secs()).unwrap_or(i64::MAX)));
        let clock = [("machine", machine), ("service", service)];
        result.insert("clock", Map::from_iter(clock));
    }
    if !outcome.measured.is_empty() {
        result.insert("measured", outcome.measured.to_vec());
    }
    result.insert("handover", handover(outcome));
    result.insert("timings", timings);
    result.insert("parts", i64::try_from(parts).unwrap_or(i64::MAX));
    result.insert("warnings", warnings);
    result.insert("error", error);
    result.into()
}

/// What was asked for, and what a seed would lack beside the datasource itself.
fn handover(outcome: &Outcome) -> Map {
    let mut handover = Map::from_iter([
        ("asked", Value::from(outcome.handover.word())),
        ("lacks", lacks(outcome).into()),
    ]);
    if outcome.seal > Seal::Open {
        handover.insert("seal", outcome.seal.word());
    }
    handover
}

/// What a seed would lack that only the platform's own datasource does or knows.
fn lacks(outcome: &Outcome) -> Option<&'static str> {
    let Ending::Found(found) = outcome.ending else {
        return None;
    };
    if !found.instance.is_whole {
        return Some("not all of it could be read");
    }
    if !cloud_init::is_one_document_enough(&found) {
        return Some("two documents of vendor-data, which do not fit into one");
    }
    let platform = found.instance.platform;
    if platform == "Azure" && outcome.report_ready {
        return None;
    }
    platform::of(platform).only_there
}

fn facts(instance: &Instance) -> Map {
    let mut facts = Map::new();
    facts.insert("platform", instance.platform);
    facts.insert("cloud_name", instance.cloud_name.as_str());
    facts.insert("source", instance.source.place.as_str());
    facts.insert("instance_id", instance.instance_id.as_str());
    facts.insert(
        "hostname",
        instance.hostname.as_ref().map(|name| name.as_str()),
    );
    facts.insert("region", instance.region.as_deref());
    facts.insert("availability_zone", instance.availability_zone.as_deref());
    facts.insert("launch_index", instance.launch_index);
    if !instance.trusted.is_empty() {
        facts.insert("trusted", instance.trusted.clone());
    }
    facts
}

fn identified(identified: &Identified) -> Value {
    let names = |names: &[String]| -> Vec<Value> {
        names.iter().map(|name| name.as_str().into()).collect()
    };
    Value::Map(Map::from_iter([
        ("result", Value::from(identified.result)),
        ("datasources", names(identified.datasources).into()),
        ("maybe", names(identified.maybe).into()),
    ]))
}

fn timing(timing: &Timing) -> Value {
    let micros = |micros: u64| Value::Int(i64::try_from(micros).unwrap_or(i64::MAX));
    Value::Map(Map::from_iter([
        ("step", Value::from(timing.step)),
        ("start_us", micros(timing.start_micros)),
        ("duration_us", micros(timing.micros)),
    ]))
}

pub(super) fn words(warning: &Warning) -> Value {
    Value::Map(Map::from_iter([
        ("step", warning.step.as_str()),
        ("place", warning.place.as_str()),
        ("expected", warning.expected.as_str()),
        ("found", warning.found.as_str()),
    ]))
}

/// One line per event, the warnings of this step last; seconds and microseconds as in the kernel's log.
fn log(outcome: &Outcome, own: &[Warning]) -> String {
    let mut log = String::new();
    for line in outcome.log {
        line_of(&mut log, line.micros, &line.text);
    }
    let last = outcome.log.last().map_or(0, |line| line.micros);
    for warning in own {
        line_of(&mut log, last, &warning.whole());
    }
    log
}

pub(super) fn line_of(log: &mut String, micros: u64, text: &str) {
    // Writing into a String cannot fail.
    let _ = write!(log, "[{:5}.{:06}] ", micros / 1_000_000, micros % 1_000_000);
    log.extend(text.chars().map(harmless));
    log.push('\n');
}
