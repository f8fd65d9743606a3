//! `cloudseed identify`: which platform is this, and why; with the files that ds-identify writes.

use std::io::{self, IsTerminal};
use std::os::unix::process::parent_id;
use std::path::PathBuf;
use std::process::ExitCode;

use argh::FromArgs;
use cloudseed_core::identify::{self, Identification, log, output};
use cloudseed_core::json;
use cloudseed_core::machine::{Files, Kind, Machine};
use cloudseed_core::platform;
use cloudseed_core::settings::Settings;

use crate::sys::root::Root;

/// Where the texts lie, below the root.
const CLOUD_CFG: &str = "/run/cloud-init/cloud.cfg";
const RESULT: &str = "/run/cloud-init/.ds-identify.result";
const LOG: &str = "/run/cloud-init/ds-identify.log";
/// Longest log of earlier runs that is kept, in bytes; a run writes about two thousand.
const LOG_BYTES_MAX: usize = 64 << 10;

/// tell which platform this is: status 0 if one is found, 1 if none is, 2 if the owner has disabled it
#[derive(FromArgs)]
#[argh(subcommand, name = "identify")]
pub struct Identify {
    /// look again, even if an earlier run left its result
    #[argh(switch)]
    force: bool,
    /// print the facts, and of each platform the verdict and its reason, as one JSON document (looks again)
    #[argh(switch)]
    json: bool,
    /// print a table of platform, verdict and reason (looks again)
    #[argh(switch)]
    explain: bool,
    /// the prefix of everything read and written (default: /)
    #[argh(option, default = "PathBuf::from(\"/\")")]
    root: PathBuf,
}

impl Identify {
    /// Looks, writes the files below /run/cloud-init, prints what was asked for. What an earlier run has found is found.
    pub fn run(&self) -> ExitCode {
        let root = Root::new(&self.root);
        let began = uptime(&root);
        let is_there = root.kind(CLOUD_CFG) == Some(Kind::File);
        let (earlier, notes) = identify::earlier(is_there, root.text(RESULT).as_deref());
        match earlier {
            Some(status) if !(self.force || self.json || self.explain) => {
                return ExitCode::from(status);
            }
            _ => {}
        }
        let machine = Machine::read(&root);
        let mut settings = Settings::read(&machine, platform::searched());
        if !self.force {
            settings.notes.splice(0..0, notes);
        }
        let outcome = identify::identify(&machine, &settings);
        self.write(&root, &machine, &settings, &outcome, began);
        if self.json {
            println!("{}", json::write(&output::json(&machine, &outcome)));
        }
        if self.explain {
            let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            print!("{}", output::table(&machine, &settings, &outcome, colour));
        }
        ExitCode::from(outcome.status)
    }

    /// Writes the files and the log. Where that is not possible the result still is one, and people are told.
    fn write(
        &self,
        root: &Root,
        machine: &Machine,
        settings: &Settings,
        outcome: &Identification,
        began: Option<String>,
    ) {
        let level = std::env::var("DEBUG_LEVEL").ok();
        let ended = uptime(root);
        let run = log::Run {
            arguments: if self.force { &["--force"] } else { &[] },
            level: level.and_then(|level| level.parse().ok()).unwrap_or(1),
            pid: std::process::id(),
            ppid: parent_id(),
            began: began.as_deref(),
            ended: ended.as_deref(),
        };
        let text = log::text(machine, settings, outcome, &run);
        let to_stderr = root.variable("DI_LOG").as_deref() == Some("stderr");
        let kept = if to_stderr {
            eprint!("{text}");
            None
        } else {
            for warning in &settings.warnings {
                eprintln!("WARN: {warning}");
            }
            for line in settings.notes.iter().chain(&outcome.notes) {
                line.told().inspect(|line| eprintln!("{line}"));
            }
            Some(earlier_log(root) + &text)
        };
        match root.carry_out(&output::plan(outcome, kept)) {
            Ok(warnings) => {
                for warning in warnings {
                    eprintln!("cloudseed identify: {warning}");
                }
            }
            Err(error) => eprintln!("cloudseed identify: {error}"),
        }
    }
}

/// What earlier runs have logged; a log that has grown beyond measure starts anew.
fn earlier_log(root: &Root) -> String {
    let bytes = root.read(LOG, LOG_BYTES_MAX).unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Seconds since the kernel started, in its own words.
fn uptime(root: &Root) -> Option<String> {
    let text = root.text("/proc/uptime")?;
    text.split_ascii_whitespace().next().map(String::from)
}
