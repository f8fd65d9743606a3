//! The timing part of `tests/bench/identify`: both as whole processes in turn, then ours in process.
#![allow(clippy::unwrap_used, missing_docs)]

use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use cloudseed_core::identify::{identify, log, output};
use cloudseed_core::machine::Machine;
use cloudseed_core::platform;
use cloudseed_core::settings::Settings;
use sys::root::Root;

// Of sys this needs the root alone, and none of its tests.
#[allow(dead_code, unused_imports)]
#[path = "../../src/sys/mod.rs"]
mod sys;

fn main() {
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    let [theirs, ours, place, runs] = &arguments[..] else {
        println!("run tests/bench/identify");
        return;
    };
    let runs: usize = runs.parse().unwrap();
    let mut times = [Vec::new(), Vec::new()];
    // Each run finds a machine that has just started: no log to add to.
    let afresh = |place: &str| {
        let _ = std::fs::remove_dir_all(Path::new(place).join("run"));
    };
    for _ in 0..runs {
        afresh(place);
        times[0].push(whole(
            Command::new("sh")
                .args([theirs, "--force"])
                .env("PATH_ROOT", place),
        ));
        afresh(place);
        times[1].push(whole(
            Command::new(ours).args(["identify", "--force", "--root", place]),
        ));
    }
    let [theirs, ours] = times.map(Spread::of);
    println!("ds-identify   {theirs}");
    println!("cloudseed     {ours}");
    let ratio = |one: Duration, other: Duration| one.as_secs_f64() / other.as_secs_f64();
    let (median, fastest) = (
        ratio(theirs.median, ours.median),
        ratio(theirs.fastest, ours.fastest),
    );
    println!("ratio         {median:.0} of the medians, {fastest:.0} of the fastest");
    let root = Root::new(Path::new(place));
    let inside = (0..runs.max(100)).map(|_| in_process(&root)).collect();
    println!(
        "in process    {}: files read, rules asked, texts made",
        Spread::of(inside)
    );
}

/// Of many times the two that tell something: on a busy machine the fastest, on a quiet one both.
struct Spread {
    median: Duration,
    fastest: Duration,
}

impl Spread {
    fn of(mut times: Vec<Duration>) -> Spread {
        times.sort();
        Spread {
            median: times[times.len() / 2],
            fastest: times[0],
        }
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:.2?} (median), {:.2?} (fastest)",
            self.median, self.fastest
        )
    }
}

fn whole(command: &mut Command) -> Duration {
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let start = Instant::now();
    let status = command.status().unwrap();
    let took = start.elapsed();
    assert!(status.code().is_some(), "{status}");
    took
}

fn in_process(root: &Root) -> Duration {
    let start = Instant::now();
    let machine = Machine::read(root);
    let settings = Settings::read(&machine, platform::searched());
    let outcome = identify(&machine, &settings);
    let text = log::text(&machine, &settings, &outcome, &log::Run::default());
    let plan = output::plan(&outcome, Some(text));
    let took = start.elapsed();
    assert!(plan.files().count() >= 2);
    took
}
