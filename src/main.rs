//! cloudseed: cloud-init's data, before the root file system, with nothing left behind.
//!
//! main tells: it reads the command line, and here is the boot, top to bottom. `cloudseed_core` thinks, [`sys`] touches.

use std::path::PathBuf;
use std::process::ExitCode;

use argh::FromArgs;
use cloudseed_core::boot::{self, Options};
use cloudseed_core::machine::Machine;
use cloudseed_core::platform;

mod command;
mod sys;

use sys::console::{self, Weight};
use sys::root::Root;
use sys::world::{self, Journal};

/// cloud-init's data, before the root file system, with nothing left behind.
#[derive(FromArgs)]
struct Arguments {
    #[argh(subcommand)]
    command: Command,
}

#[derive(FromArgs)]
#[argh(subcommand)]
enum Command {
    Boot(Boot),
}

/// Identify, fetch, decode and write /run: what the initramfs runs.
#[derive(FromArgs)]
#[argh(subcommand, name = "boot")]
struct Boot {
    /// prefix of everything read and written (default /)
    #[argh(option, default = "PathBuf::from(\"/\")")]
    root: PathBuf,
    /// fetch from this platform, whatever firmware says
    #[argh(option)]
    platform: Option<String>,
    /// exit with 1 if there should be an instance and there is none
    #[argh(switch)]
    strict: bool,
}

fn main() -> ExitCode {
    let arguments: Arguments = match std::env::args_os().len() {
        1 if in_initramfs() => Arguments {
            command: Command::Boot(Boot::default()),
        },
        _ => argh::from_env(),
    };
    match arguments.command {
        Command::Boot(boot) => boot.run(),
    }
}

/// True in an initramfs of systemd or dracut, which have this file for exactly this question.
fn in_initramfs() -> bool {
    std::path::Path::new("/etc/initrd-release").exists()
}

impl Boot {
    /// The boot. Whatever happens, it ends: with a status below /run, one line on the console, and an exit status of 0
    /// unless the caller asked to be strict.
    fn run(self) -> ExitCode {
        let journal = Journal::new();
        let root = Root::new(&self.root);
        let machine = Machine::read(&root);
        let mut outside = world::open(if root.is_real() { &machine.links } else { &[] }, journal);
        let options = Options {
            platform: self.platform.as_deref().and_then(platform::named),
            handover: None,
        };
        let booted = boot::boot(&machine, &mut *outside, options);
        // From here on the network is as it was before.
        drop(outside);
        let written = root.carry_out(&booted.plan);
        match &written {
            Ok(()) if booted.well => console::say(&root, Weight::Word, &booted.line),
            Ok(()) => console::say(&root, Weight::Alarm, &booted.line),
            Err(error) => console::say(&root, Weight::Alarm, &error.to_string()),
        }
        match self.strict && (written.is_err() || !booted.well) {
            true => ExitCode::FAILURE,
            false => ExitCode::SUCCESS,
        }
    }
}
