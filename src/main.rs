//! cloudseed: cloud-init's data, before the root file system, with nothing left behind.
//!
//! main tells: it reads the command line, and here is the boot, top to bottom. `cloudseed_core` thinks, [`sys`] touches.

use std::io::{self, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use argh::FromArgs;
use cloudseed_core::boot::handed::Handed;
use cloudseed_core::boot::{self, Booted, Options, Parent};
use cloudseed_core::compile::amend;
use cloudseed_core::fetch::FETCH_SECONDS_MAX;
use cloudseed_core::fetch::web::Web;
use cloudseed_core::journal::Journal;
use cloudseed_core::platform::Platform;

mod command;
mod sys;

use command::clean::Clean;
use command::decode::Decode;
use command::fetch::Fetch;
use command::handover::Handover;
use command::identify::Identify;
use command::plan::Plan;
use command::query::Query;
use command::status::Status;
use command::words;
#[cfg(feature = "tools")]
use command::{check::Check, make_mime::MakeMime, platforms::Platforms, report::Report};
use sys::capture::Capture;
use sys::console::{self, Weight};
use sys::kernel::KernelSockets;
use sys::ports::Doors;
use sys::probe;
use sys::root::Root;
use sys::stream::Started;
use sys::supervisor;
use sys::template::Jinja;
use sys::tls::Tls;
use sys::underway::Underway;
use sys::world;

/// cloud-init's data, before the root file system, with nothing left behind.
#[derive(FromArgs)]
struct Arguments {
    /// say which commit this is, with which features, and how it was built
    #[argh(switch)]
    version: bool,
    #[argh(subcommand)]
    command: Option<Command>,
}

#[derive(FromArgs)]
#[argh(subcommand)]
enum Command {
    Boot(Boot),
    Identify(Identify),
    Fetch(Fetch),
    Plan(Plan),
    Handover(Handover),
    Decode(Decode),
    #[cfg(feature = "tools")]
    Check(Check),
    #[cfg(feature = "tools")]
    MakeMime(MakeMime),
    #[cfg(feature = "tools")]
    Platforms(Platforms),
    Query(Query),
    #[cfg(feature = "tools")]
    Report(Report),
    Status(Status),
    Clean(Clean),
}

/// identify, fetch, decode and write /run: what the initramfs runs (the default where /etc/initrd-release is)
#[derive(FromArgs)]
#[argh(subcommand, name = "boot")]
struct Boot {
    /// the prefix of everything read and written (default: /)
    #[argh(option, default = "PathBuf::from(\"/\")")]
    root: PathBuf,
    /// fetch from this platform, whatever firmware says
    #[argh(option, from_str_fn(command::platform))]
    platform: Option<&'static Platform>,
    /// exit with 1 if there should be an instance and there is none
    #[argh(switch)]
    strict: bool,
    /// record every frame in this file, for Wireshark
    #[argh(option)]
    pcap: Option<PathBuf>,
    /// print the exchange as a ladder on standard error
    #[argh(switch)]
    trace: bool,
}

fn main() -> ExitCode {
    if std::env::args_os().len() == 1 && in_initramfs() {
        return Boot::of_initramfs().run();
    }
    match words::read::<Arguments>() {
        Arguments { version: true, .. } => tell(Ok(version())),
        Arguments { command: None, .. } => tell(Err(help())),
        Arguments {
            command: Some(command),
            ..
        } => command.run(),
    }
}

impl Command {
    fn run(self) -> ExitCode {
        match self {
            Command::Boot(boot) => boot.run(),
            Command::Identify(identify) => identify.run(),
            Command::Fetch(fetch) => {
                let booted = rehearsed(&fetch.root, fetch.platform);
                let instance = booted.instance.as_ref().ok_or(booted.line);
                tell(instance.map(|instance| fetch.shown(instance)))
            }
            Command::Plan(plan) => {
                let booted = rehearsed(&plan.root, plan.platform);
                eprintln!("{}", booted.line);
                tell(plan.shown(&booted.plan))
            }
            Command::Handover(handover) => handover.run(),
            Command::Decode(decode) => with_web(|web| decode.run(web, &mut stdout())),
            #[cfg(feature = "tools")]
            Command::Check(check) => with_web(|web| check.run(web, &mut stdout())),
            #[cfg(feature = "tools")]
            Command::MakeMime(make_mime) => ended(make_mime.run(&mut stdout())),
            #[cfg(feature = "tools")]
            Command::Platforms(platforms) => tell(platforms.shown()),
            Command::Query(query) => tell(query.answer(&Root::new(&query.root), &mut Jinja)),
            #[cfg(feature = "tools")]
            Command::Report(report) => tell(report.shown()),
            Command::Status(status) => status.run(),
            Command::Clean(clean) => clean.run(),
        }
    }
}

impl Boot {
    /// What the initramfs means by the program's name alone.
    fn of_initramfs() -> Boot {
        Boot {
            root: PathBuf::from("/"),
            platform: None,
            strict: false,
            pcap: None,
            trace: false,
        }
    }

    /// The boot. Whatever happens, it ends: with a status below /run, one line on the console, and an exit status of 0
    /// unless the caller asked to be strict.
    fn run(self) -> ExitCode {
        let started = Started::now();
        let root = Root::new(&self.root);
        // The mark stays until all is written.
        let underway = Underway::begin(&root, boot::first_limit(&root));
        let handed = self.supervised(started, &root, underway.as_ref());
        let written = root.carry_out(&handed.plan);
        match &written {
            Ok(warnings) => {
                let weight = if handed.well {
                    Weight::Notice
                } else {
                    Weight::Alarm
                };
                console::say(&root, weight, &amend::line(handed.line, warnings));
            }
            Err(error) => console::say(&root, Weight::Alarm, &format!("failed: {error}")),
        }
        if self.strict && (written.is_err() || !handed.well) {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        }
    }

    /// What the boot comes to, in a process of its own. Whoever waits for it is told how long it may take, and what it waits for.
    fn supervised(&self, started: Started, root: &Root, underway: Option<&Underway>) -> Handed {
        let on_progress = &mut |handed: &Handed| {
            if let Some(underway) = underway {
                underway.expect(boot::limit(handed.deadline), &handed.waits);
            }
        };
        let capture = Capture::new(self.pcap.clone(), self.trace);
        let doors = Some(Doors::new(root.clone(), started));
        supervisor::run(started, capture.is_wanted(), doors, on_progress, |teller| {
            let booted = booted(&self.root, self.platform, capture, started, Some(teller));
            Handed {
                plan: booted.plan,
                line: booted.line,
                waits: String::new(),
                well: booted.well,
                deadline: Duration::MAX,
            }
        })
    }
}

/// What distinguishes this binary from others. initramfs/build passes the commit, with a `+` if the source was changed
/// since, and its route.
fn version() -> String {
    let features = [
        ("jinja", cfg!(feature = "jinja")),
        ("simd", cfg!(feature = "simd")),
        ("tls", cfg!(feature = "tls")),
        ("tools", cfg!(feature = "tools")),
    ];
    let mut text = concat!("cloudseed ", env!("CARGO_PKG_VERSION"), "\ncommit:  ").to_string();
    text += option_env!("CLOUDSEED_COMMIT").unwrap_or("unknown");
    text += "\nfeatures:";
    for (name, _) in features.iter().filter(|(_, on)| *on) {
        text += " ";
        text += name;
    }
    text += "\nroute:   ";
    text + option_env!("CLOUDSEED_ROUTE").unwrap_or("cargo build")
}

/// What `--help` prints.
fn help() -> String {
    Arguments::from_args(&["cloudseed"], &["--help"])
        .map_or_else(|exit| exit.output, |_| String::new())
}

/// True in an initramfs of systemd or dracut, which have this file for exactly this question.
fn in_initramfs() -> bool {
    Path::new("/etc/initrd-release").exists()
}

/// What a command has to say: on standard output, or what went wrong on standard error.
fn tell(shown: Result<String, String>) -> ExitCode {
    match shown {
        Ok(text) => ended(writeln!(stdout(), "{}", text.trim_end()).map(|()| ExitCode::SUCCESS)),
        Err(text) => {
            eprintln!("{text}");
            ExitCode::FAILURE
        }
    }
}

/// Says what went wrong, if anything did. A reader that left early (`| head`) is no error.
fn ended(result: io::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => ExitCode::SUCCESS,
        _ => {
            eprintln!("cloudseed: {error}");
            ExitCode::FAILURE
        }
    })
}

/// Runs a command that may read documents from the web, over the kernel's sockets: this is no boot.
fn with_web(run: impl FnOnce(&mut Web) -> io::Result<ExitCode>) -> ExitCode {
    let files = Root::new(Path::new("/"));
    let journal = Journal::new();
    let (tls, started) = (Tls::default(), Started::now());
    let mut kernel = KernelSockets::new(files.clone(), Vec::new(), tls, journal.clone(), started);
    let deadline = Duration::from_secs(FETCH_SECONDS_MAX);
    ended(run(&mut Web {
        files: &files,
        outside: &mut kernel,
        journal,
        deadline,
    }))
}

/// A boot that writes nothing, for people, in one process.
fn rehearsed(root: &Path, platform: Option<&'static Platform>) -> Booted {
    booted(root, platform, Capture::default(), Started::now(), None)
}

/// The boot up to, and without, the writing. When it returns, the network is as it was before.
fn booted(
    root: &Path,
    platform: Option<&'static Platform>,
    capture: Capture,
    started: Started,
    parent: Option<&mut dyn Parent>,
) -> Booted {
    let journal = Journal::new();
    let root = Root::new(root);
    let machine = probe::machine(&root);
    let settings = if root.is_real() {
        world::WorldOptions::of(&machine, &root, capture)
    } else {
        world::WorldOptions::without_network(&root)
    };
    let mut outside = world::open(settings, journal.clone(), started);
    let options = Options {
        platform,
        plan_bytes: root.plan_bytes(),
        rehearsal: parent.is_none(),
    };
    boot::boot(
        &machine,
        &mut *outside,
        &journal,
        &mut Jinja,
        options,
        parent,
    )
}
