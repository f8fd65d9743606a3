//! Settings: what the owner of the machine has told cloudseed, ds-identify and cloud-init, read once.
//!
//! ```text
//!   cloudseed    /etc/cloudseed/cloudseed.cfg < SMBIOS OEM strings < fw_cfg < cloudseed.KEY= of the command line     own
//!   ds-identify  /etc/cloud/ds-identify.cfg < cloud-init's files < ds=, cc: and ci.* of the command line     ds_identify
//!   cloud-init   /etc/cloud/cloud.cfg < /etc/cloud/cloud.cfg.d/*.cfg < cc: of the command line                cloud_init
//! ```
//! From weakest to strongest. A word that cannot be used is a [`Warning`] and counts as not said.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

mod cloud_init;
pub mod ds_identify;
pub mod own;
pub mod policy;
pub mod sources;

pub use own::{Handover, Seal};
pub use sources::Allowed;

use crate::machine::Machine;
use crate::minisign::PublicKey;
use crate::note::Note;
use crate::value::{Map, Value};
use crate::warning::Warning;
use crate::yaml;
use policy::Policy;

/// What the owner has configured.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Why nothing is to be done at all, as a line of the log.
    pub disabled: Option<&'static str>,
    /// What to do with what is found.
    pub policy: Policy,
    /// The datasource named by its owner: no search.
    pub name: Option<String>,
    /// The datasources to search, in order.
    pub list: Vec<String>,
    /// How sure Ec2 has to be: `true`, `false`, `warn` or `warn,SECONDS`.
    pub strict_id: String,
    /// Which sources may be used.
    pub allowed: Allowed,
    /// How long the whole boot may take, at most [`own::DEADLINE_SECONDS_MAX`]; `None` leaves it to the boot.
    pub deadline: Option<Duration>,
    /// How long a volume is waited for that should be there, at most [`own::SETTLE_SECONDS_MAX`]; `None` leaves it to the
    /// step.
    pub settle: Option<Duration>,
    /// What the real root is given.
    pub handover: Handover,
    /// Whether an include that fails leaves nothing of any document, as in cloud-init.
    pub strict_includes: bool,
    /// Whether a cloud that waits for it (Azure) is told that the machine is ready.
    pub report_ready: bool,
    /// What the SHA-256 of user-data has to be, in lower-case digits; none is empty, where it was said and not understood.
    pub pin: Option<String>,
    /// Who may have signed user-data, where the initramfs has a file of keys; nobody, where it cannot be understood.
    pub keys: Option<Vec<PublicKey>>,
    /// Whether vendor-data need no signature where user-data do.
    pub unsigned_vendor_data: bool,
    /// Whether and where what was fetched is measured.
    pub measure: Option<own::Measure>,
    /// A label of NoCloud's volumes beside those of cloud-init.
    pub label: Option<String>,
    /// What was said while reading, as the log of ds-identify has it.
    pub notes: Vec<Note>,
    /// What was said and could not be used.
    pub warnings: Vec<Warning>,
    /// cloud-init's configuration, weakest piece first.
    pieces: Vec<cloud_init::Document>,
    /// The same, merged.
    config: Map,
}

impl Settings {
    /// Who else may fetch, where user-data have to be pinned, signed or measured.
    pub fn seal(&self) -> Seal {
        let is_required = self.measure.is_some_and(|measure| measure.required);
        if self.pin.is_some() || self.keys.is_some() || is_required {
            Seal::Closed
        } else if self.measure.is_some() {
            Seal::Measured
        } else {
            Seal::Open
        }
    }

    /// Reads everything. `searched` are the datasources that are searched, in this order, where nobody says which.
    pub fn read(machine: &Machine, searched: Vec<String>) -> Settings {
        let mut settings = Settings {
            disabled: ds_identify::disabled(machine),
            policy: Policy::default(),
            name: None,
            list: Vec::new(),
            strict_id: String::from("true"),
            allowed: Allowed::All,
            deadline: None,
            settle: None,
            handover: Handover::default(),
            strict_includes: false,
            report_ready: false,
            pin: None,
            keys: None,
            unsigned_vendor_data: false,
            measure: None,
            label: None,
            notes: Vec::new(),
            warnings: Vec::new(),
            pieces: Vec::new(),
            config: Map::new(),
        };
        own::read(machine, &mut settings, &searched);
        settings.list = searched;
        if settings.disabled.is_none() {
            let documents = cloud_init::read(machine, &mut settings.warnings);
            ds_identify::read(machine, &mut settings, &documents);
            settings.config = cloud_init::merged(&documents);
            settings.pieces = documents;
        }
        settings
    }

    /// Where one more piece of cloud-init's configuration is, by the word of the kernel command line. Nothing on a machine on
    /// which no source is allowed at all, or nothing is to be done.
    pub fn config_url<'a>(&self, machine: &'a Machine) -> Option<&'a str> {
        let forbidden = self.allowed == Allowed::Only(Vec::new());
        let url = machine.cmdline.value("cloud-config-url");
        url.filter(|url| !url.is_empty() && !forbidden && self.disabled.is_none())
    }

    /// Adds that piece, which counts as the file that cloud-init makes of it. What identification was told stays.
    pub fn add_by_url(&mut self, url: &str, document: &[u8]) -> Vec<Warning> {
        let mut warnings = Vec::new();
        let piece = cloud_init::by_url(url, document, &mut warnings);
        cloud_init::insert(&mut self.pieces, piece);
        self.config = cloud_init::merged(&self.pieces);
        warnings
    }

    /// What cloud-init's configuration says at `path`, such as `["allow_userdata"]`.
    pub fn configured(&self, path: &[&str]) -> Option<&Value> {
        let (key, path) = path.split_first()?;
        self.config.get(key)?.at(path)
    }

    /// What the kernel command line says of it, by `cc:` or by the document of `cloud-config-url=`.
    pub fn commanded(&self) -> Map {
        let commanded = |piece: &&cloud_init::Document| piece.is_commanded();
        cloud_init::merged(self.pieces.iter().filter(commanded))
    }

    /// What cloud-init's configuration says of one datasource: its keys below `datasource: {NAME: …}`, where the name is
    /// spelt as cloud-init spells it.
    pub fn datasource(&self, name: &str) -> Option<&Map> {
        self.configured(&["datasource", name])?.as_map()
    }

    /// True if this datasource is one of those to search.
    pub fn searches(&self, name: &str) -> bool {
        self.list.iter().any(|other| other == name)
    }

    /// True if data may come from this source; the fallback brings none.
    pub fn allows(&self, name: &str) -> bool {
        name == "None" || self.allowed.allows(name)
    }

    /// The datasource of a list that has only this one, or this one and the fallback.
    pub fn single(&self) -> Option<&str> {
        match self.list.as_slice() {
            [name] => Some(name),
            [name, none] if none == "None" => Some(name),
            _ => None,
        }
    }
}

fn document(bytes: &[u8]) -> Result<Value, String> {
    yaml::read(bytes).map_err(|error| {
        let (line, column) = (error.line, error.column);
        format!("{} in line {line}, column {column}", error.found)
    })
}

/// The names in a list, or in text as ds-identify takes it: with or without brackets, parted by commas.
fn names(value: &Value) -> Vec<String> {
    let names = match value {
        Value::List(values) => values.iter().filter_map(scalar).collect(),
        Value::Text(text) => array(text),
        _ => Vec::new(),
    };
    names.into_iter().filter(|name| is_name(name)).collect()
}

/// True for what can be a name, and cannot be anything else where names are written down: `[ A, B ]`.
fn is_name(text: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-+".contains(&byte);
    // `true` and `1` are no names to YAML, which is what will read the list.
    let is_text = || matches!(yaml::read(text.as_bytes()), Ok(Value::Text(_)));
    text.bytes().all(plain) && is_text()
}

fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.trim().to_string()),
        Value::Bool(true) => Some(String::from("true")),
        Value::Bool(false) => Some(String::from("false")),
        Value::Int(number) => Some(number.to_string()),
        Value::BigInt(digits) => Some(digits.clone()),
        _ => None,
    }
}

/// ```text
/// array = [ "[" ] element *( "," element ) [ "]" ]
/// ```
/// Elements are trimmed and lose one pair of quotes; empty ones are dropped.
fn array(text: &str) -> Vec<String> {
    let text = text.strip_prefix('[').unwrap_or(text);
    let text = text.strip_suffix(']').unwrap_or(text);
    text.split(',')
        .map(|element| unquote(element.trim()))
        .filter(|element| !element.is_empty())
        .map(String::from)
        .collect()
}

fn unquote(text: &str) -> &str {
    ['"', '\'']
        .iter()
        .find_map(|quote| text.strip_prefix(*quote)?.strip_suffix(*quote))
        .unwrap_or(text)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::machine::tree::Tree;
    use alloc::vec;

    /// What is searched where nobody says which.
    const SEARCHED: [&str; 4] = ["NoCloud", "Ec2", "GCE", "Hetzner"];

    fn settings(entries: &[(&'static str, &'static str)]) -> Settings {
        let tree = Tree::of(entries);
        Settings::read(&Machine::read(&tree), SEARCHED.map(String::from).to_vec())
    }

    fn with_command_line(line: &'static str) -> Settings {
        settings(&[("/proc/cmdline", line)])
    }

    fn words(list: &[String]) -> Vec<&str> {
        list.iter().map(String::as_str).collect()
    }

    #[test]
    fn the_last_word_names_the_datasource_up_to_a_semicolon() {
        for (line, name) in [
            ("quiet ds=nocloud;s=http://x/ ro", Some("nocloud")),
            ("ds=Ec2 ci.ds=GCE ci.datasource=Azure", Some("Azure")),
            ("ci.datasource=Azure ds=", None),
            ("xds=Ec2 ds", None),
            ("ds=Ec2],x:[", None),
        ] {
            assert_eq!(with_command_line(line).name.as_deref(), name, "{line}");
        }
    }

    #[test]
    fn words_of_the_command_line_that_do_nothing_are_told_of() {
        for (line, found) in [
            ("ds=nocloud;h=web ds2=x", ""),
            ("ds=nocloud-net;s=http://x/", ""),
            ("ds=NoCloud ci.ds=", ""),
            ("ds=ec2;x=y", ""),
            ("ds=none", ""),
            ("ds=NoCloud;h=web", "\"…\""),
            ("ds=ec3", "\"…\" (did you mean Ec2?)"),
            ("ci.datasource=Hetzer", "\"…\" (did you mean Hetzner?)"),
            ("ds=no-cloud;h=web", "\"…\" (did you mean nocloud?)"),
            ("ds=nocloud,h=web", "\"…\""),
            (
                "ds=nocloud\\;h=web",
                "a backslash, which the boot loader has left in the line",
            ),
            (
                "ds=nocloud s=http://x/ ro",
                "a blank between them (and a boot loader ends a line at ; without quotes)",
            ),
            (
                "ds=nocloud; h=web",
                "a blank between them (and a boot loader ends a line at ; without quotes)",
            ),
            ("ds=nocloud ro s=x", ""),
            ("cloud-init=enabled", ""),
            ("cloud-init=off", "\"…\""),
            ("cloudseed=off", "\"…\""),
            ("cloudseed", "\"…\""),
        ] {
            let warnings = with_command_line(line).warnings;
            let told = warnings.iter().map(|warning| warning.to_string());
            let told: Vec<String> = told.collect();
            assert_eq!(
                told.len(),
                usize::from(!found.is_empty()),
                "{line}: {told:?}"
            );
            let text = format!("but found {found}");
            assert!(told.iter().all(|told| told.ends_with(&text)), "{told:?}");
        }
    }

    #[test]
    fn the_list_is_read_as_yaml_whatever_its_style() {
        for text in [
            "datasource_list: [ NoCloud, \"Ec2\", 'None' ]\n",
            "datasource_list:\n  - NoCloud\n  - Ec2\n  - None\n",
            "datasource_list:\n- NoCloud # the disk\n- Ec2\n- None",
            "x: &l [NoCloud, Ec2, None]\ndatasource_list: *l\n",
            "datasource_list: NoCloud, Ec2, None\n",
            "# datasource_list: [GCE]\nold_datasource_list: [GCE]\ndatasource_list: [\n NoCloud,\n Ec2, None]\n",
        ] {
            let settings = settings(&[("/etc/cloud/cloud.cfg", text)]);
            assert_eq!(words(&settings.list), ["NoCloud", "Ec2", "None"], "{text}");
        }
    }

    #[test]
    fn names_in_the_list_that_are_none_are_told_of() {
        for (list, found) in [
            ("[NoCloud, Ec2, None]", &[][..]),
            (
                "[ec2, NoCluod, GCE, Own, none]",
                &[
                    "\"…\" (did you mean Ec2?)",
                    "\"…\" (did you mean NoCloud?)",
                    "\"…\"",
                    "\"…\" (did you mean None?)",
                ],
            ),
        ] {
            let config = format!("datasource_list: {list}\n");
            let settings = settings(&[("/etc/cloud/cloud.cfg", &*config.leak())]);
            let told = settings.warnings.iter().map(|warning| warning.to_string());
            let told: Vec<String> = told.collect();
            assert_eq!(told.len(), found.len(), "{told:?}");
            for (told, found) in told.iter().zip(found) {
                assert!(told.ends_with(&format!("but found {found}")), "{told}");
            }
        }
    }

    #[test]
    fn the_last_file_with_a_list_wins_and_is_named() {
        let settings = settings(&[
            ("/etc/cloud/cloud.cfg", "datasource_list: [A]"),
            (
                "/etc/cloud/cloud.cfg.d/90_dpkg.cfg",
                "datasource_list: [B, C]",
            ),
            ("/etc/cloud/cloud.cfg.d/95.cfg", "other: 1"),
            ("/etc/cloud/cloud.cfg.d/99.cfg.bak", "datasource_list: [D]"),
        ]);
        assert_eq!(words(&settings.list), ["B", "C"]);
        let said = "/etc/cloud/cloud.cfg.d/90_dpkg.cfg set datasource_list: [B, C]";
        assert!(settings.notes.contains(&Note::Debug(1, String::from(said))));
        assert_eq!(settings.configured(&["other"]), Some(&Value::Int(1)));
        let list = settings
            .configured(&["datasource_list"])
            .and_then(Value::as_list);
        assert_eq!(list.map(<[Value]>::len), Some(2));
        assert_eq!(settings.configured(&["allow_userdata"]), None);
    }

    #[test]
    fn without_a_list_all_platforms_are_searched() {
        for text in [
            "",
            "datasource_list: [\"A ]\\nusers: [\"]",
            "datasource_list: []",
            "datasource_list:\n",
            "datasource_list: {a: b}",
        ] {
            let settings = settings(&[("/etc/cloud/cloud.cfg", text)]);
            assert_eq!(settings.list, SEARCHED, "{text}");
            assert!(
                matches!(settings.notes.last(), Some(Note::Warn(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn a_broken_file_costs_that_file() {
        let settings = settings(&[
            ("/etc/cloud/cloud.cfg", "datasource_list: [A, B]"),
            ("/etc/cloud/cloud.cfg.d/90.cfg", "datasource_list: [C"),
        ]);
        assert_eq!(words(&settings.list), ["A", "B"]);
        let told = settings.warnings[0].to_string();
        let expected = "settings: /etc/cloud/cloud.cfg.d/90.cfg: expected YAML, but found";
        assert!(told.starts_with(expected), "{told}");
    }

    #[test]
    fn a_list_in_cc_outranks_the_files() {
        for line in [
            "ro cc:{'datasource_list': ['Ec2']} end_cc quiet",
            "ro cc: datasource_list: [Ec2] end_cc",
            "ro cc:datasource_list:%20[Ec2]%20end_cc",
            "ro cc:a:%20b\\ndatasource_list:\\n-%20Ec2 end_cc",
            "ro cc:x: {datasource_list: [GCE]}, datasource_list: [ Ec2 ]",
        ] {
            let settings = settings(&[
                ("/proc/cmdline", line),
                ("/etc/cloud/cloud.cfg", "datasource_list: [A, B]"),
            ]);
            assert_eq!(words(&settings.list), ["Ec2"], "{line}");
        }
        assert_eq!(with_command_line("cc: datasource_list").list, SEARCHED);
    }

    #[test]
    fn the_command_line_outranks_ds_identify_cfg() {
        let file = (
            "/etc/cloud/ds-identify.cfg",
            "policy: report\ndatasource: GCE\n",
        );
        let of_file = settings(&[file]);
        assert_eq!(of_file.policy.mode.word(), "report");
        assert_eq!(of_file.name.as_deref(), Some("GCE"));
        let line = ("/proc/cmdline", "ci.di.policy=search,maybe=all;x ds=Ec2");
        let both = settings(&[file, line]);
        assert_eq!(both.policy.mode.word(), "search");
        assert!(both.policy.maybe_all);
        assert_eq!(both.name.as_deref(), Some("Ec2"));
    }

    #[test]
    fn strict_id_is_taken_from_the_strongest_place() {
        let weak = (
            "/etc/cloud/ds-identify.cfg",
            "ci.datasource.ec2.strict_id: warn",
        );
        let middle = (
            "/etc/cloud/cloud.cfg.d/ec2.cfg",
            "datasource:\n  Ec2:\n    strict_id: false\n",
        );
        let strong = ("/proc/cmdline", "ci.datasource.ec2.strict_id=warn,30");
        assert_eq!(settings(&[]).strict_id, "true");
        assert_eq!(settings(&[weak]).strict_id, "warn");
        assert_eq!(settings(&[weak, middle]).strict_id, "false");
        assert_eq!(settings(&[weak, middle, strong]).strict_id, "warn,30");
        let wrong = with_command_line("ci.datasource.ec2.strict_id=maybe");
        assert_eq!(wrong.strict_id, "true");
        assert!(matches!(wrong.notes.last(), Some(Note::Warn(_))));
    }

    #[test]
    fn three_things_disable() {
        for (entry, why) in [
            (("/etc/cloud/cloud-init.disabled", ""), "marker file"),
            (("KERNEL_CMDLINE", "cloud-init=disabled"), "environment"),
            (("/proc/cmdline", "a cloud-init=disabled b"), "command line"),
        ] {
            assert!(settings(&[entry]).disabled.unwrap().contains(why));
        }
        assert_eq!(
            settings(&[("KERNEL_CMDLINE", "x cloud-init=disabled")]).disabled,
            None
        );
    }

    #[test]
    fn what_either_place_forbids_is_forbidden() {
        let file = (own::FILE, "sources: [Ec2, NoCloud]\n");
        let line = ("/proc/cmdline", "cloudseed.sources=nocloud-net,GCE");
        let names = |settings: Settings| match settings.allowed {
            Allowed::All => vec![String::from("all")],
            Allowed::Only(names) => names,
        };
        assert_eq!(names(settings(&[])), ["all"]);
        assert_eq!(names(settings(&[file])), ["Ec2", "NoCloud"]);
        assert_eq!(names(settings(&[line])), ["nocloud-net", "GCE"]);
        assert_eq!(names(settings(&[file, line])), ["NoCloud"]);
        assert!(names(with_command_line("cloudseed.sources=none")).is_empty());
        assert!(settings(&[file]).allows("None"));
    }

    #[test]
    fn a_file_of_sources_that_cannot_be_understood_allows_nothing() {
        for text in [
            "sources: [Ec2",
            "sources: {Ec2: true}",
            "sources:",
            "- Ec2",
            "sources: 1",
        ] {
            let settings = settings(&[(own::FILE, text)]);
            assert_eq!(settings.allowed, Allowed::Only(vec![]), "{text}");
            assert_eq!(settings.warnings.len(), 1, "{text}");
        }
        for text in ["", "deadline: 10\n", "sources: all"] {
            assert_eq!(
                settings(&[(own::FILE, text)]).allowed,
                Allowed::All,
                "{text}"
            );
        }
    }
}
