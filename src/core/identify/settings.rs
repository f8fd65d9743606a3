//! Settings: what the owner of the machine has configured about identification.
//!
//! From weakest to strongest: the configuration of cloud-init (`/etc/cloud/cloud.cfg`, `/etc/cloud/cloud.cfg.d/*.cfg`, read
//! as YAML), `/etc/cloud/ds-identify.cfg`, the kernel command line. The list of allowed sources is apart from that: whatever
//! forbids a source (`cloudseed.sources=` on the command line or in firmware, `sources:` in `/etc/cloudseed/cloudseed.cfg`)
//! forbids it, and nothing allows it again.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::log::Note;
use super::policy::Policy;
use crate::machine::cmdline::Cmdline;
use crate::machine::{FILE_BYTES_MAX, Kind, Machine};
use crate::platform;
use crate::value::Value;
use crate::yaml;

/// cloud-init's configuration.
const CLOUD_CFG: &str = "/etc/cloud/cloud.cfg";
/// The directory of its further pieces.
const CLOUD_CFG_D: &str = "/etc/cloud/cloud.cfg.d";
/// ds-identify's configuration.
const DS_IDENTIFY_CFG: &str = "/etc/cloud/ds-identify.cfg";
/// The file that turns everything off.
const MARKER: &str = "/etc/cloud/cloud-init.disabled";
/// cloudseed's own configuration.
pub const CLOUDSEED_CFG: &str = "/etc/cloudseed/cloudseed.cfg";

/// Most files of [`CLOUD_CFG_D`] that are read.
pub const CONFIGURATION_FILES_MAX: usize = 256;

/// The sources that data may come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Allowed {
    /// Any.
    #[default]
    All,
    /// These platforms only, by name; none at all if empty.
    Only(Vec<String>),
}

impl Allowed {
    /// True if data may come from the platform of this name.
    pub fn allows(&self, name: &str) -> bool {
        match self {
            Allowed::All => true,
            Allowed::Only(names) => names.iter().any(|allowed| platform::same(allowed, name)),
        }
    }

    /// True if something is forbidden.
    pub fn restricts(&self) -> bool {
        *self != Allowed::All
    }

    /// What both allow.
    fn and(self, other: Allowed) -> Allowed {
        match (self, other) {
            (Allowed::All, allowed) | (allowed, Allowed::All) => allowed,
            (Allowed::Only(names), other) => Allowed::Only(
                names
                    .into_iter()
                    .filter(|name| other.allows(name))
                    .collect(),
            ),
        }
    }

    /// Reads `none`, `all` or names between commas.
    fn parse(text: &str) -> Allowed {
        match text.trim() {
            "all" => Allowed::All,
            "none" => Allowed::Only(Vec::new()),
            text => Allowed::Only(array(text)),
        }
    }
}

/// One file of the configuration.
#[derive(Clone, Debug)]
struct Document {
    path: String,
    value: Value,
}

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
    /// Which sources may be used.
    pub allowed: Allowed,
    /// How sure Ec2 has to be: `true`, `false`, `warn` or `warn,SECONDS`.
    pub strict_id: String,
    /// What was said while reading.
    pub notes: Vec<Note>,
    documents: Vec<Document>,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings {
            disabled: None,
            policy: Policy::default(),
            name: None,
            list: platform::searched(),
            allowed: Allowed::All,
            strict_id: String::from("true"),
            notes: Vec::new(),
            documents: Vec::new(),
        }
    }
}

impl Settings {
    /// Reads the configuration and the command line. A file that cannot be used costs that file and a note.
    pub fn read(machine: &Machine) -> Settings {
        let mut settings = Settings {
            disabled: disabled(machine),
            ..Settings::default()
        };
        if settings.disabled.is_some() {
            return settings;
        }
        let notes = &mut settings.notes;
        settings.allowed = allowed(machine, notes);
        settings.documents = documents(machine, notes);
        let file = Lines::read(machine, notes);
        let word = |key: &str| machine.cmdline.value(key).map(cut);
        let named = named(&machine.cmdline);
        let policy = word("ci.di.policy").or_else(|| file.last("policy"));
        let (policy, said) = Policy::parse(&policy.unwrap_or_default());
        settings.policy = policy;
        notes.extend(said);
        notes.push(loaded(&policy));
        settings.name = named
            .or_else(|| file.last("datasource"))
            .filter(|name| is_name(name));
        settings.read_list(machine);
        settings.read_strict_id(machine, &file);
        settings
    }

    /// What the strongest of cloud-init's configuration files says under this key.
    pub fn configured(&self, key: &str) -> Option<&Value> {
        self.documents
            .iter()
            .rev()
            .find_map(|document| document.value.get(key))
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

    /// The values at `path` in all files that have it, weakest first.
    pub fn values<'a>(&'a self, path: &'a [&'a str]) -> impl Iterator<Item = (&'a str, &'a Value)> {
        self.documents
            .iter()
            .filter_map(move |document| Some((document.path.as_str(), document.value.at(path)?)))
    }

    /// True if any file has a value at `path`.
    pub fn has(&self, path: &[&str]) -> bool {
        self.values(path).next().is_some()
    }

    fn read_list(&mut self, machine: &Machine) {
        let on_command_line = cc(&machine.cmdline);
        if !on_command_line.is_empty() {
            self.list = on_command_line;
            return;
        }
        if let Some(name) = self.name.as_ref().filter(|name| self.allows(name)) {
            self.list = alloc::vec![name.clone()];
            return;
        }
        let configured = self
            .values(&["datasource_list"])
            .last()
            .map(|(path, value)| (String::from(path), names(value)));
        match configured {
            Some((path, list)) if !list.is_empty() => {
                let what = format!("{path} set datasource_list: [{}]", list.join(", "));
                self.notes.push(Note::Debug(1, what));
                self.list = list;
            }
            _ => {
                let list = self.list.join(" ");
                let what = format!("no datasource_list found, using default: {list}");
                self.notes.push(Note::Warn(what));
            }
        }
    }

    /// The original's order: command line, cloud-init's configuration, ds-identify.cfg.
    fn read_strict_id(&mut self, machine: &Machine, file: &Lines) {
        const KEY: &str = "ci.datasource.ec2.strict_id";
        let configured = || {
            let (path, value) = self.values(&["datasource", "Ec2", "strict_id"]).last()?;
            let text = scalar(value)?;
            Some((
                text.clone(),
                Some(format!("{path} set strict_id to {text}")),
            ))
        };
        let found = machine
            .cmdline
            .value(KEY)
            .map(|text| (String::from(text), None))
            .or_else(configured)
            .or_else(|| Some((file.first(KEY)?, None)));
        let Some((text, note)) = found.filter(|(text, _)| !text.is_empty()) else {
            return;
        };
        self.notes.extend(note.map(|what| Note::Debug(2, what)));
        if strict_id_is_valid(&text) {
            self.strict_id = text;
        } else {
            let what = format!(
                "datasource/Ec2/strict_id was set to invalid '{text}'. using '{}'",
                self.strict_id
            );
            self.notes.push(Note::Warn(what));
        }
    }
}

fn strict_id_is_valid(text: &str) -> bool {
    let seconds = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    matches!(text, "true" | "false" | "warn") || text.strip_prefix("warn,").is_some_and(seconds)
}

fn loaded(policy: &Policy) -> Note {
    Note::Debug(
        1,
        format!(
            "policy loaded: mode={} report=false found={} maybe={} notfound={}",
            policy.mode.word(),
            policy.found(),
            policy.maybe(),
            policy.notfound()
        ),
    )
}

fn disabled(machine: &Machine) -> Option<&'static str> {
    const WORD: &str = "cloud-init=disabled";
    if machine.files.kind(MARKER) == Some(Kind::File) {
        Some("disabled by marker file /etc/cloud-init.disabled")
    } else if machine.files.variable("KERNEL_CMDLINE").as_deref() == Some(WORD) {
        Some("disabled by KERNEL_CMDLINE environment variable")
    } else if machine.cmdline.as_str().contains(WORD) {
        Some("disabled by kernel command line cloud-init=disabled")
    } else {
        None
    }
}

fn allowed(machine: &Machine, notes: &mut Vec<Note>) -> Allowed {
    let said = machine
        .settings
        .iter()
        .filter(|setting| setting.key == "sources")
        .map(|setting| Allowed::parse(&setting.value));
    let here = said.fold(Allowed::All, Allowed::and);
    let allowed = match machine.files.kind(CLOUDSEED_CFG) {
        Some(_) => here.and(allowed_by_file(machine, notes)),
        None => here,
    };
    if let Allowed::Only(names) = &allowed {
        for name in names.iter().filter(|name| platform::named(name).is_none()) {
            let what = format!("cloudseed.sources names '{name}', which is no platform");
            notes.push(Note::Warn(what));
        }
    }
    allowed
}

/// A file that is there and cannot be understood forbids everything: its owner meant to forbid something.
fn allowed_by_file(machine: &Machine, notes: &mut Vec<Note>) -> Allowed {
    let mut closed = |found: &str| {
        let what = format!(
            "{CLOUDSEED_CFG}: expected `sources:` to be a list of platforms, all or none, but found {found}; no source is allowed"
        );
        notes.push(Note::Error(what));
        Allowed::Only(Vec::new())
    };
    let Some(bytes) = machine.files.read(CLOUDSEED_CFG, FILE_BYTES_MAX) else {
        return closed("a file that cannot be read");
    };
    let value = match document(&bytes) {
        Ok(value) => value,
        Err(found) => return closed(&found),
    };
    match (value.get("sources"), &value) {
        (None, Value::Map(_) | Value::Null) => Allowed::All,
        (Some(Value::Text(text)), _) => Allowed::parse(text),
        (Some(list @ Value::List(_)), _) => Allowed::Only(names(list)),
        _ => closed("something else"),
    }
}

/// Reads cloud-init's configuration, weakest file first.
fn documents(machine: &Machine, notes: &mut Vec<Note>) -> Vec<Document> {
    let pieces = machine.files.list(CLOUD_CFG_D);
    let pieces = pieces
        .iter()
        .filter(|name| name.ends_with(".cfg") && !name.starts_with('.'))
        .take(CONFIGURATION_FILES_MAX)
        .map(|name| format!("{CLOUD_CFG_D}/{name}"));
    let paths = core::iter::once(String::from(CLOUD_CFG)).chain(pieces);
    let mut documents = Vec::new();
    for path in paths {
        let Some(bytes) = machine.files.read(&path, FILE_BYTES_MAX) else {
            continue;
        };
        match document(&bytes) {
            Ok(value) => documents.push(Document { path, value }),
            Err(found) => notes.push(Note::Warn(format!(
                "{path}: expected YAML, but found {found}"
            ))),
        }
    }
    documents
}

fn document(bytes: &[u8]) -> Result<Value, String> {
    yaml::read(bytes).map_err(|error| {
        let (line, column) = (error.line, error.column);
        format!("{} in line {line}, column {column}", error.found)
    })
}

/// The names in a list, or in text as the original takes it: with or without brackets, parted by commas.
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

/// What stands before the first semicolon; the rest are arguments of the datasource.
fn cut(value: &str) -> String {
    let end = value.find(';').unwrap_or(value.len());
    String::from(&value[..end])
}

/// The datasource the command line names; of all spellings the last word counts, even if empty.
fn named(line: &Cmdline) -> Option<String> {
    line.words().rev().find_map(|word| {
        let (key, value) = word.split_once('=')?;
        matches!(key, "ds" | "ci.ds" | "ci.datasource").then(|| cut(value))
    })
}

/// The list in the configuration that the command line carries (`cc:…end_cc`). Where that is no YAML, as the original takes
/// it: what stands in brackets after the last `datasource_list`.
fn cc(line: &Cmdline) -> Vec<String> {
    let list = document(line.cloud_config().as_bytes())
        .ok()
        .and_then(|value| value.get("datasource_list").map(names))
        .unwrap_or_default();
    if !list.is_empty() {
        return list;
    }
    let inside = || {
        let (_, rest) = line.as_str().split_once("cc:")?;
        let (_, tail) = rest.rsplit_once("datasource_list")?;
        let (_, inside) = tail.split_once(']')?.0.rsplit_once('[')?;
        Some(array(inside))
    };
    let list = inside().unwrap_or_default();
    list.into_iter().filter(|name| is_name(name)).collect()
}

/// The lines `key: value` of ds-identify.cfg.
///
/// ```text
/// line = [ key ":" value ] [ "#" comment ]
/// ```
/// Space around both is dropped, runs of space inside a value become one, one pair of quotes is dropped.
struct Lines(Vec<(String, String)>);

impl Lines {
    fn read(machine: &Machine, notes: &mut Vec<Note>) -> Lines {
        match machine.files.kind(DS_IDENTIFY_CFG) {
            Some(Kind::File) => {
                Lines::parse(&machine.files.text(DS_IDENTIFY_CFG).unwrap_or_default())
            }
            Some(_) => {
                let what = format!("{DS_IDENTIFY_CFG} exists but is not a file!");
                notes.push(Note::Error(what));
                Lines(Vec::new())
            }
            None => Lines(Vec::new()),
        }
    }

    fn parse(text: &str) -> Lines {
        let line = |line: &str| {
            let line = line.split('#').next()?;
            let (key, value) = line.split_once(':')?;
            let words: Vec<&str> = value.split_ascii_whitespace().collect();
            let value = words.join(" ");
            Some((String::from(key.trim()), String::from(unquote(&value))))
        };
        Lines(text.lines().filter_map(line).collect())
    }

    fn last(&self, key: &str) -> Option<String> {
        let found = self.0.iter().rev().find(|(name, _)| name == key);
        found.map(|(_, value)| value.clone())
    }

    fn first(&self, key: &str) -> Option<String> {
        let found = self.0.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.clone())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, missing_docs)]
pub mod tests {
    use super::*;
    use crate::machine::{Disk, Files};
    use alloc::boxed::Box;
    use alloc::collections::BTreeMap;
    use alloc::vec;

    /// A machine's files in memory: text by path, and by name without a slash a variable.
    pub struct Tree(BTreeMap<&'static str, &'static str>);

    impl Tree {
        /// The machine of these.
        pub fn of(entries: &[(&'static str, &'static str)]) -> Tree {
            Tree(entries.iter().copied().collect())
        }
    }

    impl Files for Tree {
        fn read(&self, path: &str, _: usize) -> Option<Vec<u8>> {
            self.0.get(path).map(|text| text.as_bytes().to_vec())
        }
        fn list(&self, path: &str) -> Vec<String> {
            let below = self
                .0
                .keys()
                .filter_map(|key| key.strip_prefix(path)?.strip_prefix('/'));
            let mut names: Vec<String> = below
                .map(|rest| String::from(rest.split('/').next().unwrap()))
                .collect();
            names.sort();
            names.dedup();
            names
        }
        fn kind(&self, path: &str) -> Option<Kind> {
            match self.0.get(path) {
                Some(&"socket") => Some(Kind::Socket),
                Some(_) => Some(Kind::File),
                None if self.list(path).is_empty() => None,
                None => Some(Kind::Directory),
            }
        }
        fn disk(&self, _: &str) -> Option<Box<dyn Disk>> {
            None
        }
        fn variable(&self, name: &str) -> Option<String> {
            self.0.get(name).map(|text| String::from(*text))
        }
    }

    fn settings(entries: &[(&'static str, &'static str)]) -> Settings {
        let tree = Tree::of(entries);
        Settings::read(&Machine::read(&tree))
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
        assert_eq!(settings.configured("other"), Some(&Value::Int(1)));
        let list = settings
            .configured("datasource_list")
            .and_then(Value::as_list);
        assert_eq!(list.map(<[Value]>::len), Some(2));
        assert_eq!(settings.configured("allow_userdata"), None);
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
            assert_eq!(settings.list, platform::searched(), "{text}");
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
        let told: Vec<String> = settings.notes.iter().filter_map(Note::told).collect();
        assert!(told[0].starts_with("WARN: /etc/cloud/cloud.cfg.d/90.cfg: expected YAML"));
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
        assert_eq!(
            with_command_line("cc: datasource_list").list,
            platform::searched()
        );
    }

    #[test]
    fn ds_identify_cfg_has_lines_of_keys_and_values() {
        let lines = Lines::parse(
            "# datasource: X\n policy :  'search,  found=first' # why\ndatasource: \"Ec2\"\nno colon\ndatasource:GCE",
        );
        assert_eq!(lines.last("policy").as_deref(), Some("search, found=first"));
        assert_eq!(lines.last("datasource").as_deref(), Some("GCE"));
        assert_eq!(lines.first("datasource").as_deref(), Some("Ec2"));
        assert_eq!(lines.first("no colon"), None);
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
        let file = (CLOUDSEED_CFG, "sources: [Ec2, NoCloud]\n");
        let line = ("/proc/cmdline", "cloudseed.sources=nocloud-net,GCE");
        let names = |settings: Settings| match settings.allowed {
            Allowed::All => vec![String::from("all")],
            Allowed::Only(names) => names,
        };
        assert_eq!(names(settings(&[])), ["all"]);
        assert_eq!(names(settings(&[file])), ["Ec2", "NoCloud"]);
        assert_eq!(names(settings(&[line])), ["nocloud-net", "GCE"]);
        assert_eq!(names(settings(&[file, line])), ["nocloud-net"]);
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
            let settings = settings(&[(CLOUDSEED_CFG, text)]);
            assert_eq!(settings.allowed, Allowed::Only(vec![]), "{text}");
            assert!(matches!(settings.notes[0], Note::Error(_)), "{text}");
        }
        for text in ["", "deadline: 10\n", "sources: all"] {
            assert_eq!(
                settings(&[(CLOUDSEED_CFG, text)]).allowed,
                Allowed::All,
                "{text}"
            );
        }
    }
}
