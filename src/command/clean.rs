//! `cloudseed clean`: forgets what has happened, as if this machine had never booted.

use std::path::PathBuf;
use std::process::ExitCode;

use argh::FromArgs;
use cloudseed_core::warning::Error;

use crate::sys::root::Root;

/// What the stages on the real root leave: their marks, and where these are when /var cannot be written.
const MARKS: [&str; 2] = ["/var/lib/cloudseed", "/run/cloudseed.state"];
/// What the scripts have printed.
const LOG: &str = "/var/log/cloudseed-output.log";

/// forget what has happened: remove the results of this boot and the marks of what has run, so that scripts run again
#[derive(FromArgs)]
#[argh(subcommand, name = "clean")]
pub struct Clean {
    /// remove the log of what scripts have printed too
    #[argh(switch, short = 'l')]
    logs: bool,
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
        let logs = self.logs.then_some(LOG);
        for path in MARKS.into_iter().chain(logs) {
            found |= root.remove(path)?;
        }
        Ok(found)
    }
}
