//! `cloudseed handover`: what an initramfs does last. Waits for the boot that runs beside it, looks at the real root, and puts
//! into place what fits it.

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use argh::FromArgs;
use cloudseed_core::boot::{self, Parent, handed::Handed};
use cloudseed_core::compile::cloud_init::{NETPLAN, OFF, SHUT, shut};
use cloudseed_core::compile::result::STATUS;
use cloudseed_core::handover::{self, Booted, Choice, RealRoot, network};
use cloudseed_core::machine::{Files, Kind, Machine};
use cloudseed_core::plan::{Mode, Plan, RunPath};
use cloudseed_core::platform;
use cloudseed_core::settings::{self, Seal, Settings};
use cloudseed_core::userdata::DOCUMENT_BYTES_MAX;
use cloudseed_core::warning::{Blame, Error};

use super::decode::write_private;
use crate::sys::console::{self, Weight};
use crate::sys::root::Root;
use crate::sys::stream::Started;
use crate::sys::supervisor;
use crate::sys::underway::{self, Joined};

/// Where the sets are.
const SETS: &str = "/run/cloudseed/handover";
/// Where what was chosen is kept, for `cloudseed status`.
pub const CHOSEN: &str = "/run/cloudseed/handed";
/// Where `run` reads who runs the stages.
const STAGES: &str = "/run/cloudseed/stages";
/// Where the files for the network are until they are in place.
const NETWORK: &str = "cloudseed/handover/network/";
/// How long making them may take: they are a few kilobytes.
const NETWORK_MAX: Duration = Duration::from_secs(5);
/// Deepest tree of a set.
const DEPTH_MAX: usize = 8;
/// What the kernel or an initramfs starts, in their order.
const INITS: [&str; 4] = [
    "/sbin/init",
    "/etc/init",
    "/bin/init",
    "/usr/lib/systemd/systemd",
];
/// Documents of the seed that lie in /run/cloudseed already, as they were fetched.
const FETCHED: [&str; 3] = ["user-data", "vendor-data", "network-config"];

/// wait for the boot in this initramfs, look at the mounted real root, and put into place what fits it
#[derive(FromArgs)]
#[argh(subcommand, name = "handover")]
pub struct Handover {
    /// where the real root is mounted (default: /, when it runs already)
    #[argh(option, default = "PathBuf::from(\"/\")")]
    root: PathBuf,
    /// the prefix of the /run in which the results are (default: /)
    #[argh(option, default = "PathBuf::from(\"/\")")]
    run: PathBuf,
    /// say what would be put into place, and why, and do not do it
    #[argh(switch)]
    dry_run: bool,
}

impl Handover {
    /// Hands over. Whatever happens, it ends, and the boot goes on.
    pub fn run(&self) -> ExitCode {
        let here = Root::new(&self.run);
        if !self.dry_run {
            join(&here);
        }
        let Some(booted) = booted(&here) else {
            eprintln!("cloudseed: handover: expected the results of a boot, but found none");
            return ExitCode::FAILURE;
        };
        let mut choice = self.choose(&here, &booted);
        let network = network_files(&here, &mut choice);
        if self.dry_run {
            println!("{}", choice.said());
            return ExitCode::SUCCESS;
        }
        match put(&here, &choice, network) {
            Ok(()) => {
                let line = format!("handover: {}", choice.said());
                console::say(&here, Weight::Notice, &line);
                ExitCode::SUCCESS
            }
            Err(error) => {
                console::say(&here, Weight::Alarm, &error.to_string());
                ExitCode::FAILURE
            }
        }
    }

    fn choose(&self, here: &Root, booted: &Booted) -> Choice {
        let root = Root::new(&self.root);
        let cmdline = here.text("/proc/cmdline").unwrap_or_default();
        let machine = Machine::read(&root);
        let settings = Settings::read(&machine, platform::searched());
        let program = init(&root, &cmdline);
        let real_root = RealRoot::look(&machine, &settings, &program, &cmdline);
        handover::choose(booted, &real_root)
    }
}

/// Waits for the boot. One that did not end by itself, or left nothing, has failed, and somebody has to say so.
fn join(here: &Root) {
    let waiting = |whom: &str, left: Duration| {
        let seconds = left.as_secs();
        let whom = if whom.is_empty() { "the cloud" } else { whom };
        let line = format!("waiting for {whom}, at most {seconds} s more");
        console::say(here, Weight::Alarm, &line);
    };
    let done = || here.kind(STATUS).is_some();
    if here.kind(underway::NAME).is_none() && done() {
        return;
    }
    let found = match underway::join(here, waiting) {
        Joined::Ended | Joined::Never if done() => return,
        Joined::Never => "none that has begun",
        Joined::Ended => "one that died without a word (a signal, or no memory)",
        Joined::Killed(true) => "one that was stopped by a signal; it was killed",
        Joined::Killed(false) => "one that ran for longer; it was killed",
    };
    let place = "cloudseed boot";
    let error = Error::new(Blame::Unable, "boot", place, "one that ends in time", found);
    let failed = boot::failed(&error);
    console::say(here, Weight::Alarm, &failed.line);
    if let Err(error) = here.carry_out(&failed.plan) {
        console::say(here, Weight::Alarm, &error.to_string());
    }
}

/// How the boot went. One that died may have said nothing of what is asked for and who else may fetch, or nothing at all; its
/// owner has.
fn booted(here: &Root) -> Option<Booted> {
    let settings = Settings::read(&Machine::read(here), platform::searched());
    let seal = settings.seal();
    let dead = || Booted {
        status: String::from("failed"),
        ..Booted::default()
    };
    let booted = Booted::of(here).or_else(|| (seal == Seal::Closed).then(dead))?;
    Some(Booted {
        asked: match booted.asked {
            settings::Handover::Auto => settings.handover,
            asked => asked,
        },
        seal: booted.seal.max(seal),
        ..booted
    })
}

/// What will run the real root, links followed, as a path in it; empty if there is nothing.
pub fn init(root: &Root, cmdline: &str) -> String {
    let said = cmdline.split_ascii_whitespace();
    let mut said = said.filter_map(|word| word.strip_prefix("init="));
    let all = said.next_back().into_iter().chain(INITS);
    let found = all.into_iter().find_map(|path| {
        root.kind(path).filter(|kind| *kind == Kind::File)?;
        let place = fs::canonicalize(root.resolve(path)?).ok()?;
        let prefix = fs::canonicalize(root.prefix()).ok()?;
        Some(place.strip_prefix(prefix).ok()?.to_path_buf())
    });
    let found = found.map(|path| format!("/{}", path.display()));
    found.unwrap_or_default()
}

/// The files for who sets up the network. A cloud wrote what they are made of, so that a worker in its sandbox makes them.
fn network_files(here: &Root, choice: &mut Choice) -> Plan {
    let mut plan = Plan::default();
    let Ok(renderer) = choice.network else {
        return plan;
    };
    let cmdline = here.text("/proc/cmdline").unwrap_or_default();
    let made = supervisor::run(Started::now(), false, None, &mut |_| {}, |teller| {
        let mut handed = Handed {
            well: true,
            deadline: NETWORK_MAX,
            ..Handed::default()
        };
        teller.so_far(handed.clone());
        let (plan, warnings) = network::render(here, &cmdline, renderer);
        handed.line = network::in_one_line(&warnings);
        handed.plan = below(&plan, |path| RunPath::new(&format!("{NETWORK}{path}")));
        handed
    });
    plan.extend(below(&made.plan, |path| {
        RunPath::new(path.strip_prefix(NETWORK)?)
    }));
    if !made.line.is_empty() {
        console::say(here, Weight::Alarm, &made.line);
    }
    if plan == Plan::default() {
        choice.network = Err("its configuration leaves the network alone");
    } else if choice.stages == Some("units") {
        network::wait_for_names(&mut plan, renderer);
    }
    plan
}

/// The same files at other places.
fn below(plan: &Plan, place: impl Fn(&str) -> Option<RunPath>) -> Plan {
    let mut moved = Plan::default();
    for (path, mode, bytes) in plan.files() {
        if let Some(path) = place(path.as_str()) {
            moved.put(path, mode, bytes.to_vec());
        }
    }
    moved
}

/// Puts the sets into place, beside what is there.
fn put(here: &Root, choice: &Choice, mut plan: Plan) -> Result<(), Error> {
    for set in &choice.sets {
        if [SHUT, OFF].contains(set) {
            plan.extend(shut(set));
        } else {
            gather(here, set, "", &mut plan, 0);
        }
    }
    for warning in here.carry_out(&plan)? {
        console::say(here, Weight::Alarm, &warning.to_string());
    }
    if choice.sets.contains(&"seed") {
        join_seed(here, choice.sets.contains(&NETPLAN));
    }
    // Who reads these does without them.
    let stages = choice.stages.unwrap_or_default();
    for (path, text) in [(CHOSEN, choice.said().as_str()), (STAGES, stages)] {
        if let Some(place) = here.resolve(path) {
            let _ = fs::write(place, format!("{text}\n"));
        }
    }
    Ok(())
}

/// The files of a set, for the places that they name. What is not a file below a room of a plan is not ours.
fn gather(here: &Root, set: &str, below: &str, plan: &mut Plan, depth: usize) {
    for name in here.list(&format!("{SETS}/{set}{below}")) {
        let below = format!("{below}/{name}");
        let path = format!("{SETS}/{set}{below}");
        match here.kind(&path) {
            Some(Kind::Directory) if depth < DEPTH_MAX => {
                gather(here, set, &below, plan, depth + 1);
            }
            Some(Kind::File) => {
                let place = RunPath::new(below.trim_start_matches('/'));
                let bytes = here.read(&path, DOCUMENT_BYTES_MAX);
                if let (Some(place), Some(bytes)) = (place, bytes) {
                    plan.put(place, mode(here, &path), bytes);
                }
            }
            _ => {}
        }
    }
}

/// Whether everybody may read a file.
fn mode(here: &Root, path: &str) -> Mode {
    use std::os::unix::fs::PermissionsExt;
    let found = here.resolve(path).and_then(|path| fs::metadata(path).ok());
    match found {
        Some(found) if found.permissions().mode() & 0o004 != 0 => Mode::Public,
        _ => Mode::Private,
    }
}

/// The documents that the seed lacks, as second names of those that were fetched: nothing is there twice. Its user-data must
/// be there, be it empty. For netplan the network configuration is the one that was fetched.
fn join_seed(here: &Root, netplan: bool) {
    let at = |path: String| here.resolve(&path);
    if netplan && let Some(plain) = at(String::from("/run/cloudseed/seed/network-config")) {
        let _ = fs::remove_file(plain);
    }
    for name in FETCHED {
        let from = at(format!("/run/cloudseed/{name}"));
        let to = at(format!("/run/cloudseed/seed/{name}"));
        if let (Some(from), Some(to)) = (from, to)
            && !to.exists()
            && fs::hard_link(&from, &to).is_err()
            && let Some(bytes) = here.read(&format!("/run/cloudseed/{name}"), DOCUMENT_BYTES_MAX)
        {
            let _ = write_private(&to, &bytes);
        }
    }
    if let Some(user_data) = at(String::from("/run/cloudseed/seed/user-data"))
        && !user_data.exists()
    {
        let _ = write_private(&user_data, b"");
    }
}
