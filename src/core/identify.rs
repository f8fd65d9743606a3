//! Which platform is this, by which policy.
//!
//! ```text
//!   disabled? ─► mode ─► named? ─► manual-clean? ─► one entry? ─► every rule of the list ─► found ─► maybe ─► nothing
//!   status 2     0, 1    0         0                0                                       0        0        0 or 1
//! ```
//! ds-identify decides so, and cloud-init in the real root reads what it wrote: [`Identification::cloud_cfg`] is the text of
//! /run/cloud-init/cloud.cfg, [`log::text`] that of ds-identify.log. What is ours: the owner's list of allowed sources
//! ([`Allowed`]) stands above all of it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::machine::{Kind, Machine};
use crate::note::Note;
use crate::platform::{self, PLATFORMS, Platform};
use crate::rule::{Inquiry, Verdict};
use crate::settings::policy::Mode;
use crate::settings::{Allowed, Settings};

pub mod late;
pub mod log;
pub mod output;

/// The fallback datasource, which a list ends with.
const NONE: &str = "None";

/// What an identification comes to, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// There are datasources: found, or named by the owner.
    Found,
    /// There are none.
    NotFound,
    /// The policy says to look for nothing and let cloud-init do as it is configured.
    Enabled,
    /// The owner has turned it off.
    Disabled,
}

impl Answer {
    /// Its word in `cloudseed identify --json`.
    pub fn word(self) -> &'static str {
        match self {
            Answer::Found => "found",
            Answer::NotFound => "not-found",
            Answer::Enabled => "enabled",
            Answer::Disabled => "disabled",
        }
    }
}

/// What an identification comes to.
pub struct Identification {
    /// In one word.
    pub answer: Answer,
    /// The exit status: 0 lets cloud-init run; 1 and 2 do not, 2 being the owner's word.
    pub status: u8,
    /// The datasource_list as written down; empty if none is.
    pub datasources: Vec<String>,
    /// The platforms that may be.
    pub maybe: Vec<&'static str>,
    /// The platforms to fetch from, first choice first.
    pub platforms: Vec<&'static Platform>,
    /// True if the owner chose them, so that no rule was asked.
    pub named: bool,
    /// What was said of each platform, in the order of [`PLATFORMS`].
    pub verdicts: Vec<(&'static str, Verdict)>,
    /// The text of /run/cloud-init/cloud.cfg; `None` if none is to be written.
    pub cloud_cfg: Option<String>,
    /// What was said on the way, for the log.
    pub notes: Vec<Note>,
}

impl Identification {
    /// The text of /run/cloud-init/.ds-identify.result.
    pub fn result(&self) -> String {
        format!("{}\n", self.status)
    }
}

/// The status an earlier run left behind, if it counts: both its files are there and the result is one.
pub fn earlier(cloud_cfg_is_there: bool, result: Option<&str>) -> (Option<u8>, Vec<Note>) {
    let Some(result) = result.filter(|_| cloud_cfg_is_there) else {
        return (None, Vec::new());
    };
    let line = result.lines().next().unwrap_or_default().trim();
    let status = match line {
        "0" => 0,
        "1" => 1,
        "2" => 2,
        _ => {
            let what = format!("previous run returned unexpected '{line}'. Re-running.");
            return (None, alloc::vec![Note::Debug(1, what)]);
        }
    };
    let what = format!("used cached result {status}. pass --force to re-run.");
    (Some(status), alloc::vec![Note::Debug(2, what)])
}

/// Decides.
pub fn identify(machine: &Machine, settings: &Settings) -> Identification {
    let mut draft = Draft::new(settings);
    if let Some(sentence) = settings.disabled {
        draft.say(1, String::from(sentence));
        return draft.without_list(Answer::Disabled, 2, sentence);
    }
    match settings.policy.mode {
        Mode::Disabled => {
            draft.say(1, String::from("mode=disabled. returning 1"));
            return draft.without_list(Answer::Disabled, 1, "the policy's mode is disabled");
        }
        Mode::Enabled => {
            draft.say(1, String::from("mode=enabled. returning 0"));
            return draft.without_list(Answer::Enabled, 0, "the policy's mode is enabled");
        }
        Mode::Search | Mode::Report => {}
    }
    if let Some(name) = &settings.name {
        draft.say(1, format!("datasource '{name}' specified."));
        if settings.allows(name) {
            return draft.named(name);
        }
        draft.forbidden(name);
    } else if manual_clean(machine) {
        let what = "manual_cache_clean enabled. Not writing datasource_list.";
        draft.say(1, String::from(what));
        return draft.manual_clean();
    } else if let Some(name) = settings.single() {
        let list = settings.list.join(" ");
        draft.say(
            1,
            format!("single entry in datasource_list ({list}) use that."),
        );
        if settings.allows(name) {
            return draft.single(name);
        }
        draft.forbidden(name);
    }
    draft.search(machine)
}

fn manual_clean(machine: &Machine) -> bool {
    machine.files.kind("/var/lib/cloud/instance/manual-clean") == Some(Kind::File)
}

/// An outcome in the making.
struct Draft<'a> {
    settings: &'a Settings,
    notes: Vec<Note>,
}

/// What the rules said, in the order of the list.
#[derive(Default)]
struct Said {
    verdicts: Vec<(&'static str, Verdict)>,
    found: Vec<&'static Platform>,
    maybe: Vec<&'static Platform>,
    /// What the platforms that may be add to cloud-init's configuration.
    extra: String,
}

impl<'a> Draft<'a> {
    fn new(settings: &'a Settings) -> Draft<'a> {
        Draft {
            settings,
            notes: Vec::new(),
        }
    }

    fn say(&mut self, level: u8, text: String) {
        self.notes.push(Note::Debug(level, text));
    }

    fn forbidden(&mut self, name: &str) {
        let what = format!("the owner of this machine does not allow '{name}' as a source of data");
        self.notes.push(Note::Warn(what));
    }

    /// Nothing is looked for.
    fn without_list(self, answer: Answer, status: u8, because: &str) -> Identification {
        let (datasources, cloud_cfg) = match status {
            0 => self.restriction(),
            _ => (Vec::new(), None),
        };
        Identification {
            answer,
            status,
            datasources,
            maybe: Vec::new(),
            platforms: Vec::new(),
            named: false,
            verdicts: unasked(|_| None, because),
            cloud_cfg,
            notes: self.notes,
        }
    }

    /// Where cloud-init may run without a list of ours, it may not use what its owner forbids: it gets what is allowed of
    /// its own list, as a list.
    fn restriction(&self) -> (Vec<String>, Option<String>) {
        if !self.settings.allowed.restricts() {
            return (Vec::new(), None);
        }
        let allowed = self.settings.list.iter();
        let allowed = allowed.filter(|name| self.settings.allows(name)).cloned();
        let list = ending_in_none(allowed.collect());
        let text = listing(&list, "", false);
        (list, Some(text))
    }

    /// The owner names it: nothing is checked, not even the name.
    fn named(self, name: &str) -> Identification {
        let list = ending_in_none(alloc::vec![String::from(name)]);
        self.chosen(name, list, "it is named")
    }

    /// The only one configured is it, without a fallback unless that is configured too.
    fn single(self, name: &str) -> Identification {
        let list = self.settings.list.clone();
        self.chosen(name, list, "it is the only one configured")
    }

    fn chosen(self, name: &str, list: Vec<String>, because: &str) -> Identification {
        let reason =
            |platform: &str| platform::same(platform, name).then(|| Verdict::found(because));
        let report = self.settings.policy.mode == Mode::Report;
        let chosen = platform::named(name).filter(|_| !report);
        Identification {
            answer: Answer::Found,
            status: 0,
            cloud_cfg: Some(listing(&list, "", report)),
            datasources: list,
            maybe: Vec::new(),
            platforms: chosen.into_iter().collect(),
            named: true,
            verdicts: unasked(reason, &format!("not asked: the datasource is {name}")),
            notes: self.notes,
        }
    }

    /// The real root keeps what it has.
    fn manual_clean(self) -> Identification {
        let report = self.settings.policy.mode == Mode::Report;
        let indent = if report { "di_report:\n  " } else { "" };
        let mut outcome = self.without_list(
            Answer::Enabled,
            0,
            "not asked: the real root keeps the instance it has (manual-clean)",
        );
        outcome
            .cloud_cfg
            .get_or_insert(format!("{indent}# manual_cache_clean.\n"));
        outcome
    }

    fn search(mut self, machine: &Machine) -> Identification {
        let said = self.ask_all(machine);
        let policy = self.settings.policy;
        let words = |platforms: &[&'static Platform]| -> Vec<&'static str> {
            platforms.iter().map(|platform| platform.name).collect()
        };
        let names = words(&said.found);
        let maybe = words(&said.maybe);
        let trace = format!("found={} maybe={}", names.join(" "), maybe.join(" "));
        self.say(2, trace);
        if let [name] = names[..] {
            self.say(1, format!("Found single datasource: {name}"));
        } else if !names.is_empty() {
            let count = names.len();
            let rule = policy.found();
            let what = format!(
                "Found {count} datasources found={rule}: {}",
                names.join(" ")
            );
            self.say(1, what);
        } else if !maybe.is_empty() && policy.maybe_all {
            let count = maybe.len();
            let what = format!("{count} datasources returned maybe: {}", maybe.join(" "));
            self.say(1, what);
            let platforms = said.maybe.clone();
            return self.found(said, platforms, true);
        } else {
            return self.nothing(said);
        }
        let mut platforms = said.found.clone();
        if policy.found_first {
            platforms.truncate(1);
        }
        self.found(said, platforms, false)
    }

    /// Asks every platform of the list that the owner allows.
    fn ask_all(&mut self, machine: &Machine) -> Said {
        let mut said = Said::default();
        let mut asked: Vec<(&'static str, Verdict)> = Vec::new();
        for name in &self.settings.list {
            let what = format!("Checking for datasource '{name}' via 'dscheck_{name}'");
            self.say(2, what);
            let known = PLATFORMS.iter().find(|platform| platform.name == name);
            let Some(platform) = known.copied() else {
                let what = format!("No check method 'dscheck_{name}' for datasource '{name}'");
                self.notes.push(Note::Warn(what));
                continue;
            };
            let verdict = self.ask(machine, platform, &mut said);
            asked.push((platform.name, verdict));
        }
        let reason = |name: &str| {
            let verdict = asked.iter().find(|(asked, _)| *asked == name);
            verdict.map(|(_, verdict)| verdict.clone())
        };
        said.verdicts = unasked(reason, "not asked: it is not in datasource_list");
        said
    }

    fn ask(&mut self, machine: &Machine, platform: &'static Platform, said: &mut Said) -> Verdict {
        let name = platform.name;
        if !self.settings.allows(name) {
            self.say(1, format!("check for '{name}' forbidden by its owner"));
            let only = match &self.settings.allowed {
                Allowed::Only(names) if !names.is_empty() => names.join(", "),
                _ => String::from("no source"),
            };
            return Verdict::No(format!("not asked: the owner allows {only}"));
        }
        let mut inquiry = Inquiry::new(machine, self.settings);
        let verdict = platform.ask(&mut inquiry);
        self.notes.append(&mut inquiry.notes);
        match &verdict {
            Verdict::Found(_) => {
                self.say(1, format!("check for '{name}' returned found"));
                said.found.push(platform);
            }
            Verdict::Maybe(_) => {
                self.say(1, format!("check for '{name}' returned maybe"));
                said.maybe.push(platform);
                if !said.extra.is_empty() {
                    said.extra.push('\n');
                }
                said.extra.push_str(&inquiry.extra.unwrap_or_default());
            }
            Verdict::No(_) => self.say(2, format!("check for '{name}' returned not-found[1]")),
        }
        verdict
    }

    fn found(self, said: Said, platforms: Vec<&'static Platform>, maybe: bool) -> Identification {
        let names = platforms.iter().map(|platform| String::from(platform.name));
        let datasources = ending_in_none(names.collect());
        let report = self.settings.policy.mode == Mode::Report;
        let extra = if maybe { said.extra.as_str() } else { "" };
        Identification {
            answer: Answer::Found,
            status: 0,
            cloud_cfg: Some(listing(&datasources, extra, report)),
            datasources,
            maybe: said.maybe.iter().map(|platform| platform.name).collect(),
            platforms: if report { Vec::new() } else { platforms },
            named: false,
            verdicts: said.verdicts,
            notes: self.notes,
        }
    }

    fn nothing(mut self, said: Said) -> Identification {
        let policy = self.settings.policy;
        let word = policy.notfound();
        let mode = policy.mode.word();
        let base = format!("No ds found [mode={mode}, notfound={word}].");
        let (what, status, remark) = match (policy.mode, policy.notfound_enabled) {
            (Mode::Report, true) => ("Would enable cloud-init [0]", 0, false),
            (Mode::Report, false) => ("Would disable cloud-init [1]", 0, false),
            (_, true) => ("Enabled cloud-init [0]", 0, true),
            (_, false) => ("Disabled cloud-init [1]", 1, true),
        };
        self.say(1, format!("{base} {what}"));
        let remark = if remark {
            format!("# reporting not found result. notfound={word}.")
        } else {
            String::new()
        };
        let report = listing(&[], &remark, true);
        let (datasources, restricted) = match status {
            0 => self.restriction(),
            _ => (Vec::new(), None),
        };
        Identification {
            answer: Answer::NotFound,
            status,
            datasources,
            maybe: said.maybe.iter().map(|platform| platform.name).collect(),
            platforms: Vec::new(),
            named: false,
            verdicts: said.verdicts,
            cloud_cfg: Some(restricted.unwrap_or(report)),
            notes: self.notes,
        }
    }
}

/// A verdict for each platform: what `asked` has for it, else no, because of this.
fn unasked(asked: impl Fn(&str) -> Option<Verdict>, because: &str) -> Vec<(&'static str, Verdict)> {
    let verdict = |name: &str| asked(name).unwrap_or_else(|| Verdict::No(String::from(because)));
    PLATFORMS
        .iter()
        .map(|platform| (platform.name, verdict(platform.name)))
        .collect()
}

/// Every list but one of a single configured entry ends in the fallback.
fn ending_in_none(mut list: Vec<String>) -> Vec<String> {
    if !list.iter().any(|name| name == NONE) {
        list.push(String::from(NONE));
    }
    list
}

/// The text of cloud.cfg: a list, with one space inside each bracket, and further lines. A report is nested where cloud-init
/// does not act on it.
fn listing(list: &[String], extra: &str, report: bool) -> String {
    let mut text = String::new();
    let indent = if report { "  " } else { "" };
    if report {
        text.push_str("di_report:\n");
    }
    text.push_str(&format!(
        "{indent}datasource_list: [ {} ]\n",
        list.join(", ")
    ));
    if !extra.is_empty() {
        text.push_str(&format!("{indent}{extra}\n"));
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::machine::tree::Tree;

    /// Two platforms that a file tells, two that may be wherever the architecture is not x86 and strict_id is not true.
    const BIGSTEP: (&str, &str) = ("/var/lib/cloud/data/seed/bigstep/url", "http://x/");
    const VULTR: (&str, &str) = ("/etc/vultr", "");
    const ARM: (&str, &str) = ("/proc/sys/kernel/arch", "aarch64\n");

    fn outcome(entries: &[(&'static str, &'static str)]) -> Identification {
        let tree = Tree::of(entries);
        let machine = Machine::read(&tree);
        identify(&machine, &Settings::read(&machine, platform::searched()))
    }

    /// The exit status and the text of cloud.cfg.
    fn check(
        entries: &[(&'static str, &'static str)],
        status: u8,
        cloud_cfg: &str,
    ) -> Identification {
        let outcome = outcome(entries);
        let written = outcome.cloud_cfg.clone().unwrap_or_default();
        assert_eq!((outcome.status, written.as_str()), (status, cloud_cfg));
        assert_eq!(outcome.verdicts.len(), PLATFORMS.len());
        outcome
    }

    #[test]
    fn the_owner_may_turn_it_off() {
        for entry in [
            ("/etc/cloud/cloud-init.disabled", ""),
            ("/proc/cmdline", "cloud-init=disabled ds=Ec2"),
        ] {
            let outcome = check(&[entry, VULTR], 2, "");
            assert_eq!(outcome.answer, Answer::Disabled);
            assert!(outcome.platforms.is_empty());
        }
    }

    #[test]
    fn a_mode_may_look_for_nothing() {
        check(
            &[VULTR, ("/proc/cmdline", "ci.di.policy=disabled ds=Ec2")],
            1,
            "",
        );
        check(
            &[VULTR, ("/proc/cmdline", "ci.di.policy=enabled ds=Ec2")],
            0,
            "",
        );
    }

    #[test]
    fn a_name_is_taken_without_a_check() {
        let line = ("/proc/cmdline", "ds=nocloud-net;s=http://x/");
        let outcome = check(
            &[VULTR, line],
            0,
            "datasource_list: [ nocloud-net, None ]\n",
        );
        assert_eq!(outcome.platforms[0].name, "NoCloud");
        let line = ("/proc/cmdline", "ds=Bogus");
        let outcome = check(&[VULTR, line], 0, "datasource_list: [ Bogus, None ]\n");
        assert!(outcome.platforms.is_empty());
        check(
            &[("/proc/cmdline", "ds=None")],
            0,
            "datasource_list: [ None ]\n",
        );
        let line = ("/proc/cmdline", "ds=GCE ci.di.policy=report");
        let text = "di_report:\n  datasource_list: [ GCE, None ]\n";
        assert!(check(&[line], 0, text).platforms.is_empty());
    }

    #[test]
    fn a_single_entry_is_taken_without_a_check() {
        for (list, text) in [
            ("datasource_list: [GCE]", "datasource_list: [ GCE ]\n"),
            (
                "datasource_list: [GCE, None]",
                "datasource_list: [ GCE, None ]\n",
            ),
            ("datasource_list: [None]", "datasource_list: [ None ]\n"),
        ] {
            check(&[VULTR, ("/etc/cloud/cloud.cfg", list)], 0, text);
        }
        let two = ("/etc/cloud/cloud.cfg", "datasource_list: [None, Vultr]");
        check(&[VULTR, two], 0, "datasource_list: [ Vultr, None ]\n");
    }

    #[test]
    fn manual_clean_keeps_the_instance() {
        let clean = ("/var/lib/cloud/instance/manual-clean", "");
        check(&[clean, VULTR], 0, "# manual_cache_clean.\n");
        let named = ("/proc/cmdline", "ds=GCE");
        check(&[clean, named], 0, "datasource_list: [ GCE, None ]\n");
        let report = ("/proc/cmdline", "ci.di.policy=report");
        check(&[clean, report], 0, "di_report:\n  # manual_cache_clean.\n");
    }

    #[test]
    fn all_that_are_found_are_written_or_the_first() {
        let outcome = check(
            &[VULTR, BIGSTEP],
            0,
            "datasource_list: [ Bigstep, Vultr, None ]\n",
        );
        assert_eq!(outcome.answer, Answer::Found);
        let first = ("/proc/cmdline", "ci.di.policy=found=first");
        check(
            &[VULTR, BIGSTEP, first],
            0,
            "datasource_list: [ Bigstep, None ]\n",
        );
        let order = (
            "/etc/cloud/cloud.cfg",
            "datasource_list: [Vultr, None, Bigstep]",
        );
        check(
            &[VULTR, BIGSTEP, order],
            0,
            "datasource_list: [ Vultr, Bigstep, None ]\n",
        );
        let report = ("/proc/cmdline", "ci.di.policy=report");
        let text = "di_report:\n  datasource_list: [ Vultr, None ]\n";
        assert!(check(&[VULTR, report], 0, text).platforms.is_empty());
    }

    #[test]
    fn what_may_be_counts_when_the_policy_says_so_and_nothing_is_found() {
        let all = (
            "/proc/cmdline",
            "ci.di.policy=maybe=all ci.datasource.ec2.strict_id=warn,30",
        );
        let extra = "datasource: {Ec2: {strict_id: \"warn,30\"}}\n";
        let both = alloc::format!("datasource_list: [ Ec2, OpenStack, None ]\n{extra}\n");
        let outcome = check(&[ARM, all], 0, &both);
        assert_eq!(outcome.maybe, ["Ec2", "OpenStack"]);
        check(&[ARM, all, VULTR], 0, "datasource_list: [ Vultr, None ]\n");
        let swapped = (
            "/etc/cloud/cloud.cfg",
            "datasource_list: [OpenStack, Ec2, GCE]",
        );
        let text = alloc::format!("datasource_list: [ OpenStack, Ec2, None ]\n{extra}");
        check(&[ARM, all, swapped], 0, &text);
        let strict = ("/proc/cmdline", "ci.di.policy=maybe=all");
        check(&[ARM, strict], 0, "datasource_list: [ OpenStack, None ]\n");
    }

    #[test]
    fn nothing_is_a_result_of_its_own_in_each_mode() {
        let report = "di_report:\n  datasource_list: [  ]\n";
        for (policy, status, remark) in [
            (
                "search",
                1,
                "  # reporting not found result. notfound=disabled.\n",
            ),
            (
                "search,notfound=enabled",
                0,
                "  # reporting not found result. notfound=enabled.\n",
            ),
            ("report", 0, ""),
            ("report,notfound=enabled", 0, ""),
        ] {
            let line: &'static str = alloc::format!("ci.di.policy={policy}").leak();
            let text = alloc::format!("{report}{remark}");
            let outcome = check(&[ARM, ("/proc/cmdline", line)], status, &text);
            assert_eq!(outcome.answer, Answer::NotFound);
            assert_eq!(outcome.maybe, ["OpenStack"]);
        }
    }

    #[test]
    fn a_name_nobody_knows_is_warned_of_and_maas_is_not() {
        let list = (
            "/etc/cloud/cloud.cfg",
            "datasource_list: [MAAS, Foo, Vultr]",
        );
        let outcome = check(&[VULTR, list], 0, "datasource_list: [ Vultr, None ]\n");
        let told: Vec<String> = outcome.notes.iter().filter_map(Note::told).collect();
        assert_eq!(
            told,
            ["WARN: No check method 'dscheck_Foo' for datasource 'Foo'"]
        );
    }

    #[test]
    fn what_the_owner_forbids_is_never_chosen() {
        let file = ("/etc/cloudseed/cloudseed.cfg", "sources: [Bigstep, GCE]");
        let bigstep = "datasource_list: [ Bigstep, None ]\n";
        check(&[file, VULTR, BIGSTEP], 0, bigstep);
        let named = ("/proc/cmdline", "ds=Vultr");
        check(&[file, VULTR, BIGSTEP, named], 0, bigstep);
        let nothing = "di_report:\n  datasource_list: [  ]\n  # reporting not found result. notfound=disabled.\n";
        for line in [
            "ds=Vultr",
            "cc:datasource_list: [Vultr]",
            "cloudseed.sources=none",
        ] {
            let outcome = check(&[file, VULTR, ("/proc/cmdline", line)], 1, nothing);
            assert!(outcome.platforms.is_empty(), "{line}");
        }
    }

    #[test]
    fn cloud_init_on_its_own_gets_a_list_of_what_is_allowed() {
        let file = ("/etc/cloudseed/cloudseed.cfg", "sources: [Bigstep, GCE]");
        let allowed = "datasource_list: [ Bigstep, GCE, None ]\n";
        check(
            &[file, ("/proc/cmdline", "ci.di.policy=enabled")],
            0,
            allowed,
        );
        check(
            &[file, ("/proc/cmdline", "ci.di.policy=notfound=enabled")],
            0,
            allowed,
        );
        check(
            &[file, ("/var/lib/cloud/instance/manual-clean", "")],
            0,
            allowed,
        );
        let none = (
            "/proc/cmdline",
            "ci.di.policy=enabled cloudseed.sources=none",
        );
        check(&[none], 0, "datasource_list: [ None ]\n");
    }

    #[test]
    fn an_earlier_run_counts_if_it_left_both_files() {
        assert_eq!(earlier(true, Some("1\n")).0, Some(1));
        assert_eq!(earlier(true, Some("2\n")).0, Some(2));
        assert_eq!(earlier(false, Some("0\n")).0, None);
        assert_eq!(earlier(true, None).0, None);
        let (status, notes) = earlier(true, Some("7\n"));
        assert_eq!(status, None);
        let said = "previous run returned unexpected '7'. Re-running.";
        assert_eq!(notes[0].logged(1).as_deref(), Some(said));
    }

    #[test]
    fn the_log_says_what_ds_identifys_says() {
        let tree = Tree::of(&[VULTR, ("/proc/cmdline", "quiet\n"), ARM]);
        let machine = Machine::read(&tree);
        let settings = Settings::read(&machine, platform::searched());
        let run = log::Run {
            arguments: &["--force"],
            level: 1,
            pid: 7,
            ppid: 1,
            began: Some("1.02"),
            ended: None,
        };
        let text = log::text(&machine, &settings, &identify(&machine, &settings), &run);
        let lines: Vec<&str> = text.lines().collect();
        let list = platform::searched().join(" ");
        assert_eq!(lines[0], "[up 1.02s] ds-identify --force");
        let loaded =
            "policy loaded: mode=search report=false found=all maybe=none notfound=disabled";
        assert_eq!(lines[1], loaded);
        assert_eq!(
            lines[2],
            alloc::format!("WARN: no datasource_list found, using default: {list}")
        );
        assert_eq!(lines[3], "DMI_PRODUCT_NAME=error");
        assert_eq!(lines[12], "KERNEL_CMDLINE=quiet");
        assert_eq!(lines[16], "UNAME_MACHINE=aarch64");
        assert_eq!(lines[22], "ON_NOTFOUND=disabled");
        assert_eq!(lines[23..25], ["pid=7 ppid=1", "is_container=false"]);
        assert!(lines.contains(&"check for 'Vultr' returned found"));
        assert!(lines.contains(&"check for 'OpenStack' returned maybe"));
        assert!(lines.contains(&"ec2 platform is 'Unknown'."));
        assert!(!text.contains("not-found[1]"));
        assert_eq!(lines[lines.len() - 2], "Found single datasource: Vultr");
        assert_eq!(lines[lines.len() - 1], "[up unavailables] returning 0");
        assert!(text.ends_with('\n'));
    }
}
