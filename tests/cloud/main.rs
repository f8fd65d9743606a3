//! The simulated cloud as a program, at the end of QEMU's network cable.
//!
//! ```text
//! cloud FOLDER --dgram LOCAL REMOTE     -netdev dgram,id=n0,local.type=unix,local.path=REMOTE,remote.type=unix,remote.path=LOCAL
//! cloud FOLDER --stream PATH            -netdev stream,id=n0,server=off,addr.type=unix,addr.path=PATH
//! ```
//!
//! More words are settings in the manner of `cloud.conf`, one each: `cloud FOLDER --stream PATH 'loss 30%' 'delay 10ms'`.
//! It tells on stderr what happens, one line each, and ends with its parent: when its standard input closes, or on SIGTERM.

#[path = "mod.rs"]
mod cloud;
mod wire;

use std::process::ExitCode;
use std::time::{Duration, Instant as Clock};

use smoltcp::time::Instant;

use cloud::SimulatedCloud;
use wire::{Heard, Wire};

/// The seed of all faults: every run meets the same ones.
const SEED: u64 = 1;
/// How long to wait when nothing is due.
const LONG: Duration = Duration::from_secs(60);

fn main() -> ExitCode {
    match run(&std::env::args().skip(1).collect::<Vec<_>>()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cloud: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), String> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (folder, wire, settings) = match words.as_slice() {
        [folder, "--dgram", local, remote, settings @ ..] => {
            (folder, Wire::dgram(local, remote), settings)
        }
        [folder, "--stream", path, settings @ ..] => (folder, Wire::stream(path), settings),
        _ => {
            return Err(
                "usage: cloud FOLDER (--dgram LOCAL REMOTE | --stream PATH) [SETTING …]".into(),
            );
        }
    };
    let mut cloud = SimulatedCloud::from_folder(folder)?.with(&settings.join("\n"))?;
    let events = cloud.events();
    let port = cloud.attach(SEED);
    let clock = Clock::now();
    let now = || Instant::from_micros(clock.elapsed().as_micros() as i64);
    let failed = |error: std::io::Error| format!("{}: {error}", words[1..].join(" "));
    let mut wire = wire.map_err(failed)?;
    loop {
        let next = cloud.next(now()).unwrap_or(now() + LONG.into());
        let mut time = Duration::from(next - now().min(next));
        loop {
            match wire.receive(time) {
                Heard::Frame(frame) => cloud.receive(port, frame, now()),
                Heard::Nothing => break,
                Heard::End => return Ok(()),
            }
            time = Duration::ZERO;
        }
        cloud.step(now());
        while let Some(frame) = cloud.transmit(port, now()) {
            wire.send(&frame).map_err(failed)?;
        }
        for event in events.take() {
            eprintln!("{event}");
        }
    }
}
