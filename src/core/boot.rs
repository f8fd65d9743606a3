//! Boot: the verbs in their order, over the seams.
//!
//! ```text
//!   identify ─► fetch ─► decode ─► merge ─► compile
//! ```
//! [`Boot`] is one boot under way: what each step works with, and what they all add to (warnings, timings).

pub mod fetch;
pub mod handed;
pub mod measure;
mod network;
mod once;
mod trust;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::budget::{Budget, PLAN_BYTES_MAX};
use crate::bytes::Bytes;
use crate::compile::instance_data::InstanceData;
use crate::compile::{self, Ending, Found, Identified, Outcome, Timing};
use crate::config::{self, Config, Parts, vendor};
use crate::fetch::FETCH_SECONDS_MAX;
use crate::fetch::web::Web;
use crate::identify::{self, Answer, Identification};
use crate::instance::{Document, Instance};
use crate::journal::Journal;
use crate::machine::cmdline::Cmdline;
use crate::machine::volume::UNREADABLE;
use crate::machine::{Files, Machine};
use crate::outside::Outside;
use crate::outside::learnt::Learnt;
use crate::plan::Plan;
use crate::platform::{self, PLATFORMS, Platform};
use crate::settings::{Handover, Seal, Settings, own};
use crate::text::quote;
use crate::tpm::Digest;
use crate::url::shown;
use crate::userdata::template::{self, Limits, TEMPLATES_SECONDS_MAX, Templates};
use crate::userdata::{self, Includes, launch};
use crate::value::{Map, Value};
use crate::warning::{Blame, Error, Warning};

use fetch::{Candidates, Fetched};
use handed::Handed;
use measure::{Measurer, Measuring};
use once::{Kept, Once};

/// Longest time that a whole boot may take where nobody says otherwise, in seconds.
pub const BOOT_SECONDS_MAX: u64 = 90;
/// Longest time that the configuration behind `cloud-config-url=` may take, in seconds.
pub const CONFIG_URL_SECONDS_MAX: u64 = 15;
/// Most warnings that are told of a boot.
pub const WARNINGS_MAX: usize = 512;
/// How long after its deadline a boot may still be writing.
const WRITING_SECONDS_MAX: u64 = 10;
/// How far behind a metadata service's clock the machine's may be and still count, without a word about it.
pub const BEHIND_MAX: Duration = Duration::from_secs(60);
/// What part of the plan may be documents of `#include-once`.
const KEPT_SHARE: usize = 8;
/// Most volumes that the log names where nothing was found.
const VOLUMES_TOLD_MAX: usize = 16;

/// What whoever starts a boot may choose.
#[derive(Clone, Copy, Default)]
pub struct Options {
    /// Fetch from this platform, whatever firmware says.
    pub platform: Option<&'static Platform>,
    /// Most bytes that the plan may have, where there is less room for it than [`PLAN_BYTES_MAX`].
    pub plan_bytes: Option<usize>,
    /// Leave the outside as it is: no service, no hypervisor is told what came of it.
    pub rehearsal: bool,
}

/// The process that started a boot, and carries out what comes of it.
pub trait Parent {
    /// Is told how far the boot is: with that, something is left of one that does not come to its end.
    fn so_far(&mut self, handed: Handed);
    /// Extends a PCR of the machine's TPM, in its bank SHA-256; what it holds then.
    ///
    /// # Errors
    /// What was found instead, as the object of "but found".
    fn extend(&mut self, pcr: u8, digest: &Digest) -> Result<Digest, String>;
}

/// What came of a boot.
pub struct Booted {
    /// The files to write.
    pub plan: Plan,
    /// The one line for the console.
    pub line: String,
    /// The instance, if there is one.
    pub instance: Option<Instance>,
    /// False only if there should be an instance and there is none.
    pub well: bool,
}

/// Boots: all the verbs, one after the other. A parent is handed what there would be if it ended here: once the owner's word is
/// known, and once there is an instance.
pub fn boot(
    machine: &Machine,
    outside: &mut dyn Outside,
    journal: &Journal,
    templates: &mut dyn Templates,
    options: Options,
    parent: Option<&mut dyn Parent>,
) -> Booted {
    // Shortens the life of the trait object: inside an `Option` the compiler does not do so by itself.
    let parent = parent.map(|parent| parent as &mut dyn Parent);
    Boot::new(machine, outside, journal, templates, options, parent).run()
}

/// How long a boot may take in all, as far as that can be told before anything is read.
pub fn first_limit(files: &dyn Files) -> Duration {
    let said = own::deadline(&Cmdline::read(files, false));
    limit(said.unwrap_or(Duration::from_secs(BOOT_SECONDS_MAX)))
}

/// How long a boot with this deadline may take in all, writing included. `cloudseed handover` kills one that was stopped after so
/// long; one that runs ends by itself.
pub fn limit(deadline: Duration) -> Duration {
    deadline.saturating_add(Duration::from_secs(WRITING_SECONDS_MAX))
}

/// What is written of a boot that came to nothing, and the line for the console.
pub fn failed(error: &Error) -> Handed {
    let outcome = Outcome {
        ending: Ending::Failed(error),
        identified: Identified::default(),
        warnings: &[],
        log: &[],
        timings: &[],
        network: Value::Null,
        measured: &[],
        handover: Handover::default(),
        report_ready: false,
        seal: Seal::default(),
        clock: None,
        plan_bytes: PLAN_BYTES_MAX,
    };
    Handed {
        plan: compile::compile(&outcome).0,
        line: format!("failed: {error}"),
        waits: String::new(),
        well: false,
        deadline: Duration::from_secs(BOOT_SECONDS_MAX),
    }
}

/// One boot of a machine that was probed since the program started.
pub struct Boot<'a> {
    machine: &'a Machine<'a>,
    settings: Settings,
    outside: &'a mut dyn Outside,
    journal: &'a Journal,
    templates: &'a mut dyn Templates,
    options: Options,
    warnings: Vec<Warning>,
    timings: Vec<Timing>,
    kept: Kept,
    measurer: Measurer<'a>,
    budget: Budget,
    /// How large the plan may be.
    plan_bytes: usize,
    /// When the whole boot is to be over, on the outside's clock.
    deadline: Duration,
}

impl<'a> Boot<'a> {
    fn new(
        machine: &'a Machine<'a>,
        outside: &'a mut dyn Outside,
        journal: &'a Journal,
        templates: &'a mut dyn Templates,
        options: Options,
        parent: Option<&'a mut dyn Parent>,
    ) -> Boot<'a> {
        let probe = Timing {
            step: "probe",
            start_micros: 0,
            micros: micros(outside.now()),
        };
        let settings = Settings::read(machine, platform::searched());
        let plan_bytes = options
            .plan_bytes
            .unwrap_or(PLAN_BYTES_MAX)
            .min(PLAN_BYTES_MAX);
        let (limit, measure) = (settings.deadline, settings.measure);
        Boot {
            deadline: limit.unwrap_or(Duration::from_secs(BOOT_SECONDS_MAX)),
            machine,
            warnings: settings.warnings.clone(),
            settings,
            outside,
            journal,
            templates,
            options,
            timings: alloc::vec![probe],
            kept: Kept::new(plan_bytes / KEPT_SHARE),
            measurer: Measurer::new(measure, parent),
            plan_bytes,
            budget: Budget::of_plan(plan_bytes),
        }
    }

    fn run(mut self) -> Booted {
        self.configure_by_url();
        let identified = self.timed("identify", Boot::identify);
        self.tell_that_it_asks(&identified);
        let mut fetched = self.timed("fetch", |boot| boot.fetch(&identified));
        self.measurer.end();
        if let Fetched::Instance(instance) = &mut fetched {
            self.choose_network(instance);
        }
        let meaning = match &fetched {
            Fetched::Instance(instance) => Some(self.meaning(instance, &identified)),
            _ => None,
        };
        let ending = ending(&fetched, meaning.as_ref(), identified.answer);
        if matches!(ending, Ending::None) {
            self.tell_what_there_was();
        }
        let (plan, line) = self.compile(ending, &identified);
        Booted {
            plan,
            line,
            well: !matches!(fetched, Fetched::Failed(_)),
            instance: match fetched {
                Fetched::Instance(instance) => Some(*instance),
                _ => None,
            },
        }
    }

    /// Where nothing was found: what may be why, and the volumes that there are.
    fn tell_what_there_was(&mut self) {
        self.warnings.extend(unreadable(self.machine));
        self.warnings.extend(halves(self.machine));
        for volume in self.machine.volumes.iter().take(VOLUMES_TOLD_MAX) {
            let (kind, label) = (volume.kind.as_deref(), volume.label.as_deref());
            let kind = kind.unwrap_or("no file system");
            let label = quote(label.unwrap_or_default());
            self.note(format_args!(
                "probe: volume {}: {kind}, label {label}",
                volume.name
            ));
        }
    }

    /// Tells the parent what it means if nothing more is heard: that the boot failed while it asked.
    fn tell_that_it_asks(&mut self, identified: &Identification) {
        let (end, place) = ("the boot to come to its end", "boot");
        let cut = Error::new(Blame::Unable, "boot", place, end, "an end before");
        self.tell(Ending::Failed(&cut), identified, asked(identified));
    }

    /// Whose word on the network counts.
    fn choose_network(&mut self, instance: &mut Instance) {
        let (machine, settings) = (self.machine, &self.settings);
        let whose = network::choose(machine, settings, instance, &mut self.warnings);
        if let Some(whose) = whose {
            self.note(format_args!(
                "fetch: the network configuration is that of {whose}"
            ));
        }
        network::mend(instance, &mut self.warnings);
    }

    /// What an instance's documents mean. What there would be to write without it is told before.
    fn meaning(
        &mut self,
        instance: &Instance,
        identified: &Identification,
    ) -> (InstanceData, Config) {
        let Machine {
            kernel, release, ..
        } = self.machine;
        let data = InstanceData::new(instance, kernel, release);
        let raw = Found {
            instance,
            data: &data,
            config: &Config::default(),
        };
        let waits = String::from("what user-data include");
        self.tell(Ending::Found(raw), identified, waits);
        let parts = self.timed("decode", |boot| boot.decode(instance, &data));
        let config = self.timed("merge", |boot| boot.merge(parts));
        (data, config)
    }

    /// When a step is to be over that may take so many seconds of those that are left.
    fn within(&self, seconds: u64) -> Duration {
        let until = self
            .outside
            .now()
            .saturating_add(Duration::from_secs(seconds));
        until.min(self.deadline)
    }

    /// Runs a step, and measures it.
    fn timed<T>(&mut self, step: &'static str, run: impl FnOnce(&mut Boot<'a>) -> T) -> T {
        let start = self.outside.now();
        let value = run(self);
        let took = self.outside.now().saturating_sub(start);
        self.timings.push(Timing {
            step,
            start_micros: micros(start),
            micros: micros(took),
        });
        value
    }

    fn note(&self, line: core::fmt::Arguments) {
        self.journal.note(self.outside.now(), line);
    }

    /// `cloud-config-url=`: one more piece of the system's configuration.
    fn configure_by_url(&mut self) {
        let Some(url) = self.settings.config_url(self.machine).map(String::from) else {
            return;
        };
        let mut web = Web {
            files: self.machine.files,
            deadline: self.within(CONFIG_URL_SECONDS_MAX),
            outside: self.outside,
            journal: self.journal.clone(),
        };
        let mut measuring = Measuring {
            includes: &mut web,
            measurer: &mut self.measurer,
        };
        match measuring.get(&url, false) {
            Ok(document) => {
                self.warnings
                    .extend(self.settings.add_by_url(&url, &document));
                self.note(format_args!("settings: {} was read", shown(&url)));
            }
            Err(error) => self.warnings.push(error.what),
        }
    }

    /// Which platforms it may be.
    fn identify(&mut self) -> Identification {
        let found = identify::identify(self.machine, &self.settings);
        for (name, verdict) in &found.verdicts {
            if !verdict.is_no() {
                self.note(format_args!("identify: {name}: {}", verdict.because()));
            }
        }
        found
    }

    /// What they have.
    fn fetch(&mut self, found: &Identification) -> Fetched {
        let chosen = self.options.platform.as_slice();
        let deadline = match self.settings.deadline {
            Some(_) => self.deadline,
            None => self.within(FETCH_SECONDS_MAX),
        };
        let candidates = Candidates {
            platforms: if chosen.is_empty() {
                &found.platforms
            } else {
                chosen
            },
            named: found.named || !chosen.is_empty(),
            deadline,
            rehearsal: self.options.rehearsal,
        };
        let (settings, measurer) = (&self.settings, &mut self.measurer);
        // Measured before it is judged, for a signature is a format as well.
        let mut accept = |instance: Instance| {
            measurer.instance(&instance)?;
            trust::judge(settings, instance)
        };
        fetch::fetch(
            self.machine,
            settings,
            self.outside,
            self.journal,
            &candidates,
            &mut accept,
            &mut self.warnings,
        )
    }

    /// Takes the documents apart, user-data first, then what the operator of the cloud added, and renders the templates. Where
    /// includes are strict, one that fails leaves nothing of any document.
    fn decode(&mut self, instance: &Instance, data: &InstanceData) -> Vec<Parts> {
        let deadline = self.within(FETCH_SECONDS_MAX);
        let (mut decoded, mut includes_lost) = (Vec::new(), 0);
        for document in [
            Document::UserData,
            Document::VendorData,
            Document::VendorData2,
        ] {
            let bytes = instance.documents.share(document);
            let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else {
                continue;
            };
            let word = self.settings.configured(&["allow_userdata"]);
            if document == Document::UserData && !vendor::allows_user_data(word) {
                self.note(format_args!(
                    "decode: user-data is left alone: allow_userdata is false"
                ));
                continue;
            }
            let found = self.take_apart(instance, document, bytes, deadline);
            self.warnings.extend(found.warnings);
            includes_lost += found.includes_lost;
            // The operator's documents are for every machine; only the owner's may single one out.
            let parts = match (document, instance.launch_index) {
                (Document::UserData, Some(index)) => launch::for_launch_index(found.parts, index),
                _ => found.parts,
            };
            decoded.push(Parts { document, parts });
        }
        if includes_lost > 0 && self.settings.strict_includes {
            let found = format!("{includes_lost} that could not be; nothing is done");
            let expected = "every document to be included";
            let warning = Warning::new("decode", "strict_includes", expected, found);
            self.warnings.push(warning);
            return Vec::new();
        }
        self.render(data, decoded)
    }

    fn take_apart(
        &mut self,
        instance: &Instance,
        document: Document,
        bytes: Bytes,
        deadline: Duration,
    ) -> userdata::Decoded {
        let mut web = Web {
            files: self.machine.files,
            outside: self.outside,
            journal: self.journal.clone(),
            deadline,
        };
        let mut once = Once {
            web: &mut web,
            files: self.machine.files,
            instance_id: instance.instance_id.as_str(),
            kept: &mut self.kept,
        };
        let mut includes = Measuring {
            includes: &mut once,
            measurer: &mut self.measurer,
        };
        userdata::take_apart(bytes, document.name(), &mut includes, &self.budget)
    }

    /// Renders the parts that are templates, with what this boot will write of the instance.
    fn render(&mut self, data: &InstanceData, decoded: Vec<Parts>) -> Vec<Parts> {
        let until = self.within(TEMPLATES_SECONDS_MAX);
        let left = || until.saturating_sub(self.outside.now());
        let limits = Limits {
            budget: &self.budget,
            left: &left,
        };
        let render = |Parts { document, parts }| {
            let data = data.as_value();
            let (parts, found) = template::render_parts(parts, data, self.templates, &limits);
            self.warnings.extend(found);
            Parts { document, parts }
        };
        decoded.into_iter().map(render).collect()
    }

    /// What the parts mean under the owner's rules. What those leave out is no warning, for the owner wants it so.
    fn merge(&mut self, parts: Vec<Parts>) -> Config {
        let keys = vendor::KEYS.iter().map(|(_, key)| *key);
        let said = keys.filter_map(|key| Some((key, self.settings.configured(&[key])?.clone())));
        let system = said.collect::<Map>().into();
        let (mut config, warnings) = config::merge(parts, &system, &self.budget);
        config.commanded = self.settings.commanded();
        self.warnings.extend(warnings);
        for numbered in &config.parts {
            if let Some(why) = numbered.forbidden {
                let (number, name) = (numbered.number, &numbered.part.filename);
                let document = numbered.document.name();
                self.note(format_args!(
                    "merge: part {number} ({name}) of {document} is left out: {why}"
                ));
            }
        }
        config
    }

    /// The files, and the line for the console.
    fn compile(&mut self, ending: Ending, identified: &Identification) -> (Plan, String) {
        self.warnings.extend(self.measurer.lost());
        bounded(&mut self.warnings);
        for warning in &self.warnings {
            self.note(format_args!("{}", warning.whole()));
        }
        let so_far = line(&ending, &self.warnings, self.outside.now());
        self.note(format_args!("{so_far}"));
        let (mut plan, more) = self.products(ending, identified);
        self.kept.put(&mut plan);
        self.warnings.extend(more);
        (plan, line(&ending, &self.warnings, self.outside.now()))
    }

    /// What there is to write if this is the end.
    fn products(&self, ending: Ending, identified: &Identification) -> (Plan, Vec<Warning>) {
        let clock = (self.outside.wall(), self.outside.heard());
        let clock = Some(clock).filter(|(wall, heard)| *heard > wall.saturating_add(BEHIND_MAX));
        let maybe: Vec<String> = identified.maybe.iter().map(|name| (*name).into()).collect();
        let learnt = self.outside.learnt();
        let network: Vec<Value> = learnt.iter().map(Learnt::value).collect();
        compile::compile(&Outcome {
            ending,
            identified: Identified {
                result: identified.answer.word(),
                datasources: &identified.datasources,
                maybe: &maybe,
            },
            warnings: &self.warnings,
            log: &self.journal.lines(),
            timings: &self.timings,
            clock,
            network: network.into(),
            measured: self.measurer.events(),
            handover: self.settings.handover,
            report_ready: self.settings.report_ready,
            seal: self.settings.seal(),
            plan_bytes: self.plan_bytes - self.kept.bytes(),
        })
    }

    /// Tells the parent, if there is one, what there would be to write if this were the end.
    fn tell(&mut self, ending: Ending, identified: &Identification, waits: String) {
        self.warnings.extend(self.measurer.lost());
        if self.measurer.parent().is_none() {
            return;
        }
        let handed = self.so_far(ending, identified, waits);
        if let Some(parent) = self.measurer.parent() {
            parent.so_far(handed);
        }
    }

    fn so_far(&self, ending: Ending, identified: &Identification, waits: String) -> Handed {
        let (plan, more) = self.products(ending, identified);
        let warnings: Vec<Warning> = self.warnings.iter().cloned().chain(more).collect();
        Handed {
            plan,
            line: line(&ending, &warnings, self.outside.now()),
            waits,
            well: matches!(ending, Ending::Found(_)),
            deadline: self.deadline,
        }
    }
}

/// How a boot ends that fetched this, by what it means and by what was identified.
fn ending<'a>(
    fetched: &'a Fetched,
    meaning: Option<&'a (InstanceData, Config)>,
    answer: Answer,
) -> Ending<'a> {
    match (fetched, meaning) {
        (Fetched::Instance(instance), Some((data, config))) => Ending::Found(Found {
            instance,
            data,
            config,
        }),
        (Fetched::Named(name), _) => Ending::Named(name),
        (Fetched::Failed(error), _) => Ending::Failed(error),
        _ if answer == Answer::Disabled => Ending::Disabled,
        _ => Ending::None,
    }
}

/// The volumes that may be why nothing was found.
fn unreadable(machine: &Machine) -> impl Iterator<Item = Warning> {
    let volumes = machine.volumes.iter().filter(|volume| volume.unreadable);
    volumes.map(|volume| {
        let place = format!("volume {}", volume.name);
        Warning::new("probe", place, "a file system", UNREADABLE)
    })
}

/// The seed directories of which a half is missing.
fn halves(machine: &Machine) -> impl Iterator<Item = Warning> {
    let ways = PLATFORMS.iter().flat_map(|platform| platform.ways);
    let halves = ways.flat_map(|way| way.sign.halves(machine.files));
    halves.map(|(directory, missing)| {
        let names = machine.files.list(directory);
        let names: Vec<&str> = names.iter().map(String::as_str).take(8).collect();
        let expected = format!("{missing} beside what is there");
        Warning::new("identify", directory, expected, quote(&names.join(", ")))
    })
}

/// The names of those that are about to be asked.
fn asked(identified: &Identification) -> String {
    let names = identified.datasources.iter().map(String::as_str);
    let names: Vec<&str> = names.filter(|name| *name != "None").collect();
    names.join(", ")
}

/// Keeps the first warnings, and says how many more there were.
fn bounded(warnings: &mut Vec<Warning>) {
    let more = warnings.len().saturating_sub(WARNINGS_MAX);
    if more > 0 {
        warnings.truncate(WARNINGS_MAX);
        let expected = format!("at most {WARNINGS_MAX} warnings");
        warnings.push(Warning::new(
            "boot",
            "all steps",
            expected,
            format!("{more} more"),
        ));
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The boot in one line: what was found where and how long it took, or what went wrong.
fn line(ending: &Ending, warnings: &[Warning], now: Duration) -> String {
    let millis = now.as_micros() as f64 / 1000.0;
    match ending {
        Ending::Found(found) => {
            let (instance, parts) = (found.instance, found.config.parts.len());
            let what = format!(
                "{} {} from {}, {parts} parts, {millis:.1} ms",
                instance.platform,
                instance.instance_id.as_str(),
                instance.source.place
            );
            match warnings {
                [] => format!("found: {what}"),
                [only] => format!("degraded: {what}; {only}"),
                [first, more @ ..] => {
                    format!("degraded: {what}; {first} (and {} more)", more.len())
                }
            }
        }
        Ending::Named(name) => format!("named: {name} (known, but not read here; {millis:.1} ms)"),
        Ending::Failed(error) => format!("failed: {error}"),
        Ending::None => {
            let mut text = format!("none: no platform, no volume, no argument ({millis:.1} ms)");
            if let Some(first) = warnings.first() {
                // It may well be why: a name that was mistyped.
                text += &format!("; {first}");
            }
            text
        }
        Ending::Disabled => format!("disabled ({millis:.1} ms)"),
    }
}
