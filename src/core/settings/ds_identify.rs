//! What ds-identify is told: by its own file, by cloud-init's configuration, by the kernel command line.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::cloud_init::Document;
use super::policy::Policy;
use super::sources::same;
use super::{Settings, array, document, is_name, names, scalar, unquote};
use crate::machine::cmdline::Cmdline;
use crate::machine::{Kind, Machine};
use crate::note::Note;
use crate::text::{mistyped, quote};
use crate::value::Value;
use crate::warning::Warning;

/// ds-identify's configuration.
const FILE: &str = "/etc/cloud/ds-identify.cfg";
/// The file that turns everything off.
const MARKER: &str = "/etc/cloud/cloud-init.disabled";

/// Reads the policy, the name or the list of datasources, and how sure Ec2 has to be.
pub(super) fn read(machine: &Machine, settings: &mut Settings, documents: &[Document]) {
    let file = Lines::read(machine, &mut settings.notes);
    let policy = machine.cmdline.value("ci.di.policy").map(cut);
    let policy = policy.or_else(|| file.last("policy")).unwrap_or_default();
    let (policy, said) = Policy::parse(&policy);
    settings.policy = policy;
    settings.notes.extend(said);
    settings.notes.push(loaded(&policy));
    settings.name = named(&machine.cmdline)
        .or_else(|| file.last("datasource"))
        .filter(|name| is_name(name));
    settings.warnings.extend(quoted(&machine.cmdline));
    settings
        .warnings
        .extend(strange(&machine.cmdline, settings));
    settings.warnings.extend(undecided(&machine.cmdline));
    settings.warnings.extend(parted(&machine.cmdline));
    let searched = settings.list.clone();
    read_list(settings, &machine.cmdline, documents);
    if settings.name.is_none() {
        settings.warnings.extend(unknown(&settings.list, &searched));
    }
    read_strict_id(settings, &machine.cmdline, &file, documents);
}

/// A hint where a boot loader has left quotes in the command line, for which nobody who reads it later looks.
fn quoted(cmdline: &Cmdline) -> Option<Warning> {
    let bare = |word: &str| word.replace(['"', '\''], "");
    let is_hidden = |word: &&str| {
        let bare = bare(word);
        bare != *word
            && ["ds=nocloud", "ds=nocloud-net"].iter().any(|name| {
                let rest = bare.strip_prefix(name);
                rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(';'))
            })
    };
    let word = cmdline.words().find(is_hidden)?;
    let name = bare(word);
    let name = name.split(';').next().unwrap_or_default();
    let expected = format!("{name} without quotes around it or its value");
    let found =
        "quotes, which the boot loader has left in the line: there the argument is not seen";
    Some(Warning::new(
        "settings",
        "kernel command line, ds=",
        expected,
        found,
    ))
}

/// A datasource on the command line that nobody knows, and NoCloud in other letters than those with which its arguments count.
fn strange(cmdline: &Cmdline, settings: &Settings) -> Option<Warning> {
    let word = cmdline.words().rev().find_map(datasource)?;
    if word.contains(['"', '\'']) {
        return None;
    }
    let name = cut(word);
    let is_nocloud = same("NoCloud", &name) || same("nocloud-net", &name);
    let has_arguments = word.len() > name.len();
    let expected = if is_nocloud {
        let counts = !has_arguments || matches!(&*name, "nocloud" | "nocloud-net");
        Some("ds=nocloud in small letters, or what is behind it does not count").filter(|_| !counts)
    } else {
        let known = settings.list.iter().map(String::as_str).chain(["None"]);
        let is_known = known.into_iter().any(|known| same(known, &name));
        Some("the name of a datasource").filter(|_| !is_known && !name.is_empty())
    };
    let found = if is_nocloud {
        quote(&name)
    } else if name.ends_with('\\') {
        String::from("a backslash, which the boot loader has left in the line")
    } else {
        // In other letters its arguments would not count.
        let known = settings.list.iter().map(String::as_str);
        let known = known.filter(|name| *name != "NoCloud");
        mistyped(&name, &mut known.chain(["nocloud"]))
    };
    let place = "kernel command line, ds=";
    expected.map(|expected| Warning::new("settings", place, expected, found))
}

/// What `ds=nocloud` takes, behind it.
const ARGUMENTS: [&str; 6] = [
    "s=",
    "seedfrom=",
    "h=",
    "local-hostname=",
    "i=",
    "instance-id=",
];

/// An argument of NoCloud's that stands in a word of its own, where nobody looks for it.
fn parted(cmdline: &Cmdline) -> Option<Warning> {
    let mut words = cmdline.words().rev();
    let mut behind = "";
    let word = words.find_map(|word| match datasource(word) {
        None => {
            behind = word;
            None
        }
        word => word,
    })?;
    let bare = word.trim_end_matches(';');
    let is_part = ["", ";"].iter().any(|gap| {
        let rest = behind.strip_prefix(gap);
        rest.is_some_and(|rest| ARGUMENTS.iter().any(|argument| rest.starts_with(argument)))
    });
    let is_nocloud = matches!(bare, "nocloud" | "nocloud-net");
    (is_nocloud && is_part).then(|| {
        let expected = format!("the arguments of {bare} in its word, behind semicolons");
        let found = "a blank between them (and a boot loader ends a line at ; without quotes)";
        Warning::new("settings", "kernel command line, ds=", expected, found)
    })
}

/// Names in a list of datasources that are none, or none in these letters: nobody looks for them.
fn unknown(list: &[String], searched: &[String]) -> Vec<Warning> {
    let known = || searched.iter().map(String::as_str).chain(["None"]);
    let strange = list
        .iter()
        .filter(|name| known().all(|known| known != **name));
    let told = |name: &String| {
        let found = mistyped(name, &mut known());
        Warning::new("settings", "datasource_list", "names of datasources", found)
    };
    strange.take(UNKNOWN_MAX).map(told).collect()
}

/// Most such names that are told of.
const UNKNOWN_MAX: usize = 8;

/// A word that was meant to turn cloud-init off, or on, and does neither.
fn undecided(cmdline: &Cmdline) -> Option<Warning> {
    let mut words = cmdline.words();
    let value = words.find_map(|word| word.strip_prefix("cloud-init="))?;
    let is_known = matches!(value, "enabled" | "disabled");
    let place = "kernel command line, cloud-init=";
    (!is_known).then(|| Warning::new("settings", place, "enabled or disabled", quote(value)))
}

fn read_list(settings: &mut Settings, cmdline: &Cmdline, documents: &[Document]) {
    let on_command_line = cc(cmdline);
    if !on_command_line.is_empty() {
        settings.list = on_command_line;
        return;
    }
    let named = settings.name.clone();
    if let Some(name) = named.filter(|name| settings.allows(name)) {
        settings.list = alloc::vec![name];
        return;
    }
    let configured = last(documents, &["datasource_list"]);
    let configured = configured.map(|(path, value)| (path, names(value)));
    settings.notes.push(match configured {
        Some((path, list)) if !list.is_empty() => {
            let what = format!("{path} set datasource_list: [{}]", list.join(", "));
            settings.list = list;
            Note::Debug(1, what)
        }
        _ => {
            let list = settings.list.join(" ");
            Note::Warn(format!("no datasource_list found, using default: {list}"))
        }
    });
}

/// ds-identify's order: command line, cloud-init's configuration, ds-identify.cfg.
fn read_strict_id(
    settings: &mut Settings,
    cmdline: &Cmdline,
    file: &Lines,
    documents: &[Document],
) {
    const KEY: &str = "ci.datasource.ec2.strict_id";
    let configured = || {
        let (path, value) = last(documents, &["datasource", "Ec2", "strict_id"])?;
        let text = scalar(value)?;
        let note = format!("{path} set strict_id to {text}");
        Some((text, Some(note)))
    };
    let found = cmdline
        .value(KEY)
        .map(|text| (String::from(text), None))
        .or_else(configured)
        .or_else(|| Some((file.first(KEY)?, None)));
    let Some((text, note)) = found.filter(|(text, _)| !text.is_empty()) else {
        return;
    };
    let notes = &mut settings.notes;
    notes.extend(note.map(|what| Note::Debug(2, what)));
    if strict_id_is_valid(&text) {
        settings.strict_id = text;
    } else {
        let what = format!(
            "datasource/Ec2/strict_id was set to invalid '{text}'. using '{}'",
            settings.strict_id
        );
        notes.push(Note::Warn(what));
    }
}

/// The value at `path` in the strongest file that has it, and which file that is.
fn last<'a>(documents: &'a [Document], path: &[&str]) -> Option<(&'a str, &'a Value)> {
    let (key, path) = path.split_first()?;
    let files = documents.iter().filter(|document| document.is_file());
    files
        .rev()
        .find_map(|document| Some((document.place.as_str(), document.map.get(key)?.at(path)?)))
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

/// Why nothing is to be done at all.
pub(super) fn disabled(machine: &Machine) -> Option<&'static str> {
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

/// What stands before the first semicolon; the rest are arguments of the datasource.
fn cut(value: &str) -> String {
    let end = value.find(';').unwrap_or(value.len());
    String::from(&value[..end])
}

/// The datasource the command line names; of all spellings the last word counts, even if empty.
fn named(line: &Cmdline) -> Option<String> {
    line.words().rev().find_map(datasource).map(cut)
}

/// What one word says of a datasource, its arguments with it.
fn datasource(word: &str) -> Option<&str> {
    let (key, value) = word.split_once('=')?;
    matches!(key, "ds" | "ci.ds" | "ci.datasource").then_some(value)
}

/// The list in the configuration that the command line carries (`cc:…end_cc`). Where that is no YAML, as ds-identify takes
/// it: what stands in brackets after the last `datasource_list`.
fn cc(line: &Cmdline) -> Vec<String> {
    let list = document(line.cloud_config().as_bytes())
        .ok()
        .and_then(|value| value.get("datasource_list").map(names))
        .unwrap_or_default();
    if !list.is_empty() {
        return list;
    }
    let rest = line.as_str().split_once("cc:");
    rest.map(|(_, rest)| bracketed(rest)).unwrap_or_default()
}

/// The names in brackets after the last `datasource_list` of what need not be YAML.
pub fn bracketed(text: &str) -> Vec<String> {
    let inside = || {
        let (_, tail) = text.rsplit_once("datasource_list")?;
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
        match machine.files.kind(FILE) {
            Some(Kind::File) => Lines::parse(&machine.files.text(FILE).unwrap_or_default()),
            Some(_) => {
                let what = format!("{FILE} exists but is not a file!");
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
mod tests {
    use super::*;

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
}
