//! `cloudseed clean`: forgets what has happened, as if this machine had never booted.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use argh::FromArgs;
use cloudseed_core::handover::Init;
use cloudseed_core::machine::Files;
use cloudseed_core::warning::{Blame, Error};

use crate::sys::root::Root;
use crate::sys::underway;

/// What is removed beside the results: the marks of the stages, where these are when /var cannot be written, and the mark of a
/// boot under way.
const MARKS: [&str; 3] = ["/var/lib/cloudseed", "/run/cloudseed.state", underway::NAME];
/// What the scripts have printed, and what of it was put aside.
const LOGS: [&str; 2] = [
    "/var/log/cloudseed-output.log",
    "/var/log/cloudseed-output.log.old",
];

/// What tells machines apart, and what D-Bus has of it.
const MACHINE_ID: &str = "/etc/machine-id";
const MACHINE_ID_COPY: &str = "/var/lib/dbus/machine-id";
/// Where sshd keeps its keys.
const SSH: &str = "/etc/ssh";

/// forget what has happened: remove the results of this boot and the marks of what has run, so that scripts run again; before
/// an image is captured
#[derive(FromArgs)]
#[argh(subcommand, name = "clean")]
pub struct Clean {
    /// remove the log of what scripts have printed too
    #[argh(switch, short = 'l')]
    logs: bool,
    /// make the next boot choose a machine-id
    #[argh(switch)]
    machine_id: bool,
    /// remove sshd's host keys too; whatever made them has to make new ones
    #[argh(switch)]
    ssh_host_keys: bool,
    /// the prefix of everything removed (default: /)
    #[argh(option, default = "PathBuf::from(\"/\")")]
    root: PathBuf,
}

impl Clean {
    /// Removes; what could not be removed goes to standard error.
    pub fn run(&self) -> ExitCode {
        match self.clean(&Root::new(&self.root)) {
            Ok(true) => ExitCode::SUCCESS,
            Ok(false) => {
                eprintln!("nothing to clean");
                ExitCode::SUCCESS
            }
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        }
    }

    /// True if there was anything to remove.
    pub fn clean(&self, root: &Root) -> Result<bool, Error> {
        let mut found = root.clean()?;
        let logs = LOGS.into_iter().filter(|_| self.logs);
        for path in MARKS.into_iter().chain(logs) {
            found |= root.remove(path)?;
        }
        if self.ssh_host_keys {
            let names = root.list(SSH).into_iter();
            for name in names.filter(|name| is_host_key(name)) {
                found |= root.remove(&format!("{SSH}/{name}"))?;
            }
        }
        if self.machine_id {
            found |= root.remove(MACHINE_ID_COPY)?;
            found |= forget_machine_id(root)?;
        }
        Ok(found)
    }
}

/// `ssh_host_rsa_key` and `ssh_host_rsa_key.pub`, of any kind.
fn is_host_key(name: &str) -> bool {
    let name = name.strip_suffix(".pub").unwrap_or(name);
    name.starts_with("ssh_host_") && name.ends_with("_key")
}

/// `uninitialized` is systemd's word for a first boot (machine-id(5)); a file that is there may also be written over where /etc
/// will be read-only. Nobody else reads the word: without systemd the file goes.
fn forget_machine_id(root: &Root) -> Result<bool, Error> {
    if root.kind(MACHINE_ID).is_none() {
        return Ok(false);
    }
    let init = super::handover::init(root, "");
    if Init::of(root, &init) != Init::Systemd {
        return root.remove(MACHINE_ID);
    }
    let place = root.resolve(MACHINE_ID);
    let written = place.map(|place| fs::write(place, "uninitialized\n"));
    match written {
        Some(Err(error)) => Err(Error::new(
            Blame::Unable,
            "clean",
            MACHINE_ID,
            "to write it",
            error,
        )),
        _ => Ok(true),
    }
}
