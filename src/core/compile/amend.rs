//! Amend: what a plan still has to tell when not all of it could be written.
//!
//! The reports are made before anything is written. Where a file beside our own directory cannot be put in its place, the
//! boot is `degraded`; where not even ours can, because /run is full, a few small files say that it `failed`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::environment;
use super::result::{line_of, words};
use crate::json;
use crate::plan::{Mode, Plan, RunPath};
use crate::value::{Map, Value};
use crate::warning::{Error, Warning};

const STATUS: &str = "cloudseed/status";
const RESULT: &str = "cloudseed/result.json";
const LOG: &str = "cloudseed/log";
const ENVIRONMENT: &str = "cloudseed/metadata.env";
const RUN: &str = "cloudseed/run";
/// Most bytes of the log that are kept where there is no room; the last ones.
const LOG_BYTES_MAX: usize = 2 << 10;

/// The reports of `plan`, with warnings that came after them: `status`, `result.json`, `log`.
pub fn degraded(plan: &Plan, warnings: &[Warning]) -> Plan {
    let mut reports = Plan::default();
    let status = match word(plan) {
        "found" => "degraded",
        word => word,
    };
    let mut result = result(plan);
    if let Some(Value::List(list)) = result.get_mut(&"warnings".into()) {
        list.extend(warnings.iter().map(words));
    }
    let mut log = text(plan, LOG);
    for warning in warnings {
        log_line(&mut log, &format!("{warning}"));
    }
    put(&mut reports, plan, status, result, log);
    reports
}

/// The reports of `plan`, with the error by which it failed.
pub fn failed(plan: &Plan, error: &Error) -> Plan {
    let mut reports = Plan::default();
    let mut result = result(plan);
    result.insert("error", words(&error.what));
    let mut log = text(plan, LOG);
    log_line(&mut log, &format!("failed: {error}"));
    put(&mut reports, plan, "failed", result, log);
    reports
}

/// What is left of `plan` where there is no room for it: that it failed, why, and, if there is room `for_run`, `run`, which
/// then has nothing to run.
pub fn small(plan: &Plan, error: &Error, for_run: bool) -> Plan {
    let mut reports = failed(plan, error);
    let whole = text(&reports, LOG);
    let start = whole.ceil_char_boundary(whole.len().saturating_sub(LOG_BYTES_MAX));
    let end = whole.get(start..).unwrap_or_default();
    if let Some(path) = RunPath::new(LOG) {
        reports.put(path, Mode::Private, end);
    }
    reports.remove(ENVIRONMENT);
    let run = plan.get(RUN).filter(|_| for_run);
    if let (Some(path), Some(run)) = (RunPath::new(RUN), run) {
        reports.put(path, Mode::Private, run);
    }
    reports
}

/// `result.json` of `plan` with one more fact.
pub fn noted(plan: &Plan, key: &str, value: &str) -> Plan {
    let mut reports = Plan::default();
    let mut result = result(plan);
    result.insert(key, value);
    if let Some((path, mode, _)) = plan.files().find(|(path, _, _)| path.as_str() == RESULT) {
        reports.put(
            path.clone(),
            mode,
            json::write_indented(&result.into()) + "\n",
        );
    }
    reports
}

/// The least that can be told: the status, if it is `failed`.
pub fn status_only() -> Plan {
    let mut plan = Plan::default();
    if let Some(path) = RunPath::new(STATUS) {
        plan.put(path, Mode::Public, "failed\n");
    }
    plan
}

/// The line for the console, with warnings that came after it.
pub fn line(line: String, warnings: &[Warning]) -> String {
    let Some(first) = warnings.first() else {
        return line;
    };
    let line = match line.strip_prefix("found: ") {
        Some(what) => format!("degraded: {what}"),
        None => line,
    };
    format!("{line}; {first}")
}

fn put(reports: &mut Plan, plan: &Plan, status: &str, mut result: Map, log: String) {
    result.insert("status", status);
    let (before, environment) = (word(plan), text(plan, ENVIRONMENT));
    let environment = environment.replacen(
        &environment::status_line(before),
        &environment::status_line(status),
        1,
    );
    let files = [
        (ENVIRONMENT, environment),
        (STATUS, format!("{status}\n")),
        (RESULT, json::write_indented(&result.into()) + "\n"),
        (LOG, log),
    ];
    for (path, text) in files {
        let known = plan.files().find(|(known, _, _)| known.as_str() == path);
        if let Some((path, mode, _)) = known {
            reports.put(path.clone(), mode, text);
        }
    }
}

fn word(plan: &Plan) -> &str {
    let status = plan.get(STATUS).unwrap_or_default();
    core::str::from_utf8(status).unwrap_or_default().trim_end()
}

fn text(plan: &Plan, path: &str) -> String {
    String::from_utf8_lossy(plan.get(path).unwrap_or_default()).into_owned()
}

fn result(plan: &Plan) -> Map {
    match json::read(plan.get(RESULT).unwrap_or_default()) {
        Ok(Value::Map(map)) => map,
        _ => Map::from_iter([("warnings", Vec::<Value>::new())]),
    }
}

/// A line with the time of the last one.
fn log_line(log: &mut String, line: &str) {
    let micros = log.lines().next_back().and_then(|last| {
        let (time, _) = last.strip_prefix('[')?.split_once(']')?;
        let (seconds, micros) = time.trim_start().split_once('.')?;
        let seconds: u64 = seconds.parse().ok()?;
        let micros: u64 = micros.parse().ok()?;
        seconds.checked_mul(1_000_000)?.checked_add(micros)
    });
    line_of(log, micros.unwrap_or(0), line);
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::warning::Blame;

    fn plan() -> Plan {
        let mut plan = Plan::default();
        for (path, mode, text) in [
            (STATUS, Mode::Public, "found\n"),
            (
                RESULT,
                Mode::Private,
                r#"{"status":"found","warnings":[],"error":null}"#,
            ),
            (LOG, Mode::Private, "[    1.500000] ä\n"),
            (RUN, Mode::Private, "exit 0\n"),
            ("cloudseed/user-data", Mode::Private, "#!"),
        ] {
            plan.put(RunPath::new(path).unwrap(), mode, text);
        }
        plan
    }

    fn at<'a>(plan: &'a Plan, path: &str) -> &'a str {
        core::str::from_utf8(plan.get(path).unwrap()).unwrap()
    }

    #[test]
    fn what_came_late_is_in_all_three_reports() {
        let warning = Warning::new("write", "/run/x", "a file", "none");
        let amended = degraded(&plan(), core::slice::from_ref(&warning));
        assert_eq!(at(&amended, STATUS), "degraded\n");
        let result = json::read(at(&amended, RESULT).as_bytes()).unwrap();
        assert_eq!(result.get("status").unwrap().as_text(), Some("degraded"));
        let told = result.get("warnings").unwrap().as_list().unwrap();
        assert_eq!(told[0].get("place").unwrap().as_text(), Some("/run/x"));
        assert_eq!(
            at(&amended, LOG),
            "[    1.500000] ä\n[    1.500000] write: /run/x: expected a file, but found none\n"
        );
        assert_eq!(
            line(String::from("found: a"), &[warning]),
            "degraded: a; write: /run/x: expected a file, but found none"
        );
        assert_eq!(line(String::from("found: a"), &[]), "found: a");
    }

    #[test]
    fn where_there_is_no_room_four_small_files_say_so() {
        let mut plan = plan();
        let long = "ä".repeat(LOG_BYTES_MAX);
        plan.put(RunPath::new(LOG).unwrap(), Mode::Private, long);
        let error = Error::new(Blame::Unable, "write", "/run", "room", "none");
        let left = small(&plan, &error, true);
        let paths: Vec<&str> = left.files().map(|(path, _, _)| path.as_str()).collect();
        assert_eq!(paths, [LOG, RESULT, RUN, STATUS]);
        assert_eq!(at(&left, STATUS), "failed\n");
        assert!(at(&left, LOG).len() <= LOG_BYTES_MAX);
        assert!(at(&left, LOG).ends_with("] failed: write: /run: expected room, but found none\n"));
        let result = json::read(at(&left, RESULT).as_bytes()).unwrap();
        assert_eq!(
            result.at(&["error", "found"]).unwrap().as_text(),
            Some("none")
        );
    }
}
