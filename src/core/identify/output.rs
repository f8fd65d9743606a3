//! What an identification leaves behind: files for cloud-init, a document for programs, a table for people.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Identification;
use crate::digest;
use crate::machine::smbios::Field;
use crate::machine::volume::Volume;
use crate::machine::{Link, Machine};
use crate::plan::{Mode, Plan, RunPath};
use crate::rule::Verdict;
use crate::settings::{Allowed, Settings};
use crate::text::printable;
use crate::value::{Map, Value};

/// The files below /run/cloud-init that cloud-init and its systemd generator read. `log` is the whole log, what earlier runs
/// left in it included; `None` if it goes elsewhere.
pub fn plan(outcome: &Identification, log: Option<String>) -> Plan {
    let files = [
        ("cloud.cfg", Mode::Public, outcome.cloud_cfg.clone()),
        (".ds-identify.result", Mode::Public, Some(outcome.result())),
        // It has what the kernel shows to root only: serial number and UUID, and a seed's address with what is secret in it.
        ("ds-identify.log", Mode::Private, log),
    ];
    let mut plan = Plan::default();
    for (name, mode, text) in files {
        let path = RunPath::new(&format!("cloud-init/{name}"));
        if let (Some(path), Some(text)) = (path, text) {
            plan.put(path, mode, text);
        }
    }
    plan
}

/// The document of `cloudseed identify --json`.
pub fn json(machine: &Machine, outcome: &Identification) -> Value {
    let platforms: Map = outcome
        .verdicts
        .iter()
        .map(|(name, verdict)| {
            let said = [("verdict", verdict.word()), ("because", verdict.because())];
            (*name, Value::from(said.into_iter().collect::<Map>()))
        })
        .collect();
    let datasources = outcome.datasources.iter().map(String::as_str);
    let entries: [(&str, Value); 5] = [
        ("result", outcome.answer.word().into()),
        ("datasources", list(datasources)),
        ("maybe", list(outcome.maybe.iter().copied())),
        ("facts", facts(machine)),
        ("platforms", platforms.into()),
    ];
    Value::from(entries.into_iter().collect::<Map>())
}

fn list<'a>(words: impl Iterator<Item = &'a str>) -> Value {
    Value::List(words.map(Value::from).collect())
}

fn facts(machine: &Machine) -> Value {
    let kernel = &machine.kernel;
    let kernel: [(&str, &str); 4] = [
        ("ostype", &kernel.ostype),
        ("release", &kernel.release),
        ("version", &kernel.version),
        ("arch", &kernel.arch),
    ];
    let manager = machine.manager.as_ref().map(|manager| {
        let entries = [
            ("name", Value::from(manager.name)),
            ("because", manager.because.as_str().into()),
        ];
        Value::from(entries.into_iter().collect::<Map>())
    });
    let entries: [(&str, Value); 8] = [
        ("dmi", dmi(machine)),
        ("virt", machine.virt.as_str().into()),
        ("manager", manager.unwrap_or(Value::Null)),
        ("container", machine.container.into()),
        ("kernel", kernel.into_iter().collect::<Map>().into()),
        ("cmdline", machine.cmdline.as_str().into()),
        (
            "block",
            machine.volumes.iter().map(block).collect::<Vec<_>>().into(),
        ),
        (
            "links",
            machine.links.iter().map(link).collect::<Vec<_>>().into(),
        ),
    ];
    Value::from(entries.into_iter().collect::<Map>())
}

fn dmi(machine: &Machine) -> Value {
    let mut dmi: Map = Field::ALL
        .iter()
        .map(|field| (field.name(), text(machine.dmi.get(*field))))
        .collect();
    let strings = machine.dmi.oem_strings.iter().map(String::as_str);
    dmi.insert("oem_strings", list(strings));
    dmi.into()
}

fn block(volume: &Volume) -> Value {
    let bytes = i64::try_from(volume.bytes).unwrap_or(i64::MAX);
    let label = volume.label.as_deref().or(volume.label_fatboot.as_deref());
    let entries: [(&str, Value); 5] = [
        ("name", volume.name.as_str().into()),
        ("type", text(volume.kind.as_deref())),
        ("label", text(label)),
        ("uuid", text(volume.uuid.as_deref())),
        ("size", bytes.into()),
    ];
    entries.into_iter().collect::<Map>().into()
}

fn link(link: &Link) -> Value {
    let mac = link.mac.map(|bytes| digest::hex(&bytes, ":"));
    let entries: [(&str, Value); 9] = [
        ("name", link.name.as_str().into()),
        ("index", link.index.into()),
        ("mac", text(mac.as_deref())),
        ("type", link.hardware.into()),
        ("mtu", link.mtu.into()),
        ("driver", text(link.driver.as_deref())),
        ("physical", link.physical.into()),
        ("master", text(link.master.as_deref())),
        ("carrier", link.carrier.map_or(Value::Null, Value::from)),
    ];
    entries.into_iter().collect::<Map>().into()
}

fn text(text: Option<&str>) -> Value {
    text.map_or(Value::Null, Value::from)
}

/// Colours of a terminal (ECMA-48, select graphic rendition).
const GREEN: &str = "\u{1b}[32m";
const YELLOW: &str = "\u{1b}[33m";
const DIM: &str = "\u{1b}[2m";
const PLAIN: &str = "\u{1b}[0m";

/// The table of `cloudseed identify --explain`: platform, verdict, why; those found first. Below it what came of it.
pub fn table(
    machine: &Machine,
    settings: &Settings,
    outcome: &Identification,
    colour: bool,
) -> String {
    let width = |column: fn(&(&'static str, Verdict)) -> usize| {
        outcome.verdicts.iter().map(column).max().unwrap_or(0)
    };
    let names = width(|(name, _)| name.len()).max("PLATFORM".len());
    let words = width(|(_, verdict)| verdict.word().len()).max("VERDICT".len());
    let mut text = format!("{:names$}  {:words$}  WHY\n", "PLATFORM", "VERDICT");
    for rank in ["found", "maybe", "no"] {
        let rows = outcome.verdicts.iter();
        for (name, verdict) in rows.filter(|(_, verdict)| verdict.word() == rank) {
            let because = printable(verdict.because());
            let row = format!("{name:names$}  {rank:words$}  {because}");
            let paint = match verdict {
                Verdict::Found(_) => GREEN,
                Verdict::Maybe(_) => YELLOW,
                Verdict::No(_) => DIM,
            };
            text.push_str(&if colour {
                format!("{paint}{row}{PLAIN}\n")
            } else {
                format!("{row}\n")
            });
        }
    }
    text.push('\n');
    for line in summary(machine, settings, outcome) {
        text.push_str(&printable(&line));
        text.push('\n');
    }
    text
}

fn summary(machine: &Machine, settings: &Settings, outcome: &Identification) -> Vec<String> {
    let policy = &settings.policy;
    let (mode, found, maybe) = (policy.mode.word(), policy.found(), policy.maybe());
    let notfound = policy.notfound();
    let allowed = match &settings.allowed {
        Allowed::All => String::from("all"),
        Allowed::Only(names) if names.is_empty() => String::from("none"),
        Allowed::Only(names) => names.join(", "),
    };
    let written = if outcome.datasources.is_empty() {
        String::from("no datasource_list")
    } else {
        format!("datasource_list: {}", outcome.datasources.join(", "))
    };
    let (answer, status) = (outcome.answer.word(), outcome.status);
    let manager = match &machine.manager {
        Some(manager) => format!("{}, because {}", manager.name, manager.because),
        None => String::from("not known"),
    };
    alloc::vec![
        format!("virtualisation  {}", machine.virt),
        format!("managed by      {manager}"),
        format!("command line    {}", machine.cmdline.as_str()),
        format!("policy          {mode}, found={found}, maybe={maybe}, notfound={notfound}"),
        format!("allowed         {allowed}"),
        format!("result          {answer} (status {status}); {written}"),
    ]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::identify;
    use super::*;
    use crate::machine::tree::Tree;
    use crate::platform::searched;

    const VENDOR: (&str, &str) = ("/sys/class/dmi/id/sys_vendor", "Hetzner\n");
    const NAME: (&str, &str) = ("/sys/class/dmi/id/product_name", "vSer\u{1b}[31mver\n");

    #[test]
    fn the_document_has_the_facts_and_every_verdict() {
        let tree = Tree::of(&[VENDOR, NAME, ("/proc/cmdline", "quiet")]);
        let machine = Machine::read(&tree);
        let document = json(
            &machine,
            &identify(&machine, &Settings::read(&machine, searched())),
        );
        let at = |path: &[&str]| document.at(path).cloned().unwrap();
        assert_eq!(at(&["result"]), "found".into());
        assert_eq!(at(&["datasources"]), list(["Hetzner", "None"].into_iter()));
        assert_eq!(at(&["maybe"]), Value::List(Vec::new()));
        assert_eq!(at(&["facts", "dmi", "sys_vendor"]), "Hetzner".into());
        assert_eq!(at(&["facts", "dmi", "bios_date"]), Value::Null);
        assert_eq!(
            at(&["facts", "dmi", "oem_strings"]),
            Value::List(Vec::new())
        );
        assert_eq!(at(&["facts", "cmdline"]), "quiet".into());
        assert_eq!(at(&["facts", "container"]), false.into());
        assert_eq!(at(&["platforms", "Hetzner", "verdict"]), "found".into());
        let because = "sys_vendor is \"Hetzner\"";
        assert_eq!(at(&["platforms", "Hetzner", "because"]), because.into());
        assert_eq!(at(&["platforms", "Ec2", "verdict"]), "no".into());
    }

    #[test]
    fn the_table_begins_with_what_is_found_and_obeys_no_stranger() {
        let tree = Tree::of(&[VENDOR, NAME]);
        let machine = Machine::read(&tree);
        let settings = Settings::read(&machine, searched());
        let outcome = identify(&machine, &settings);
        let plain = table(&machine, &settings, &outcome, false);
        let lines: Vec<&str> = plain.lines().collect();
        assert_eq!(lines[0], "PLATFORM      VERDICT  WHY");
        assert_eq!(lines[1], "Hetzner       found    sys_vendor is \"Hetzner\"");
        assert!(
            plain.ends_with("result          found (status 0); datasource_list: Hetzner, None\n")
        );
        assert!(!plain.contains('\u{1b}'));
        let coloured = table(&machine, &settings, &outcome, true);
        assert!(coloured.contains("\u{1b}[32mHetzner"));
    }

    #[test]
    fn the_files_are_those_cloud_init_reads() {
        let tree = Tree::of(&[VENDOR]);
        let machine = Machine::read(&tree);
        let outcome = identify(&machine, &Settings::read(&machine, searched()));
        let plan = plan(&outcome, Some(String::from("log\n")));
        let text = |path: &str| {
            plan.get(path)
                .map(String::from_utf8_lossy)
                .unwrap()
                .into_owned()
        };
        assert_eq!(
            text("cloud-init/cloud.cfg"),
            "datasource_list: [ Hetzner, None ]\n"
        );
        assert_eq!(text("cloud-init/.ds-identify.result"), "0\n");
        assert_eq!(text("cloud-init/ds-identify.log"), "log\n");
    }
}
