//! What the owner tells cloudseed itself, `cloudseed.KEY=VALUE`: in `/etc/cloudseed/cloudseed.cfg` (as YAML, `KEY: VALUE`), in
//! an SMBIOS OEM string, as a QEMU string, on the kernel command line. Of several words with one key the one said at the last
//! of these places counts, and at one place the last; only the lists of allowed sources all count.
//!
//! A word that cannot be understood is a warning and counts as not said; but a list of sources that cannot be understood
//! allows none, because its owner meant to forbid something.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::sources::{Allowed, same};
use super::{Settings, names, scalar};
use crate::machine::cmdline::Cmdline;
use crate::machine::{FILE_BYTES_MAX, Machine};
use crate::minisign::{KEYS_MAX, PublicKey};
use crate::text;
use crate::tpm;
use crate::value::Value;
use crate::warning::Warning;

/// cloudseed's own configuration.
pub const FILE: &str = "/etc/cloudseed/cloudseed.cfg";
/// Where the kernel shows QEMU's `-fw_cfg name=opt/org.cloudseed/KEY,string=VALUE`.
pub const FW_CFG: &str = "/sys/firmware/qemu_fw_cfg/by_name/opt/org.cloudseed";
/// The public keys of whom user-data have to be signed by.
pub const MINISIGN: &str = "/etc/cloudseed/minisign.pub";
/// What our parameters and OEM strings begin with.
pub const PREFIX: &str = "cloudseed.";
/// Most words taken from any one place.
pub const WORDS_MAX: usize = 256;
/// The longest that `deadline` may ask for.
pub const DEADLINE_SECONDS_MAX: u64 = 3600;
/// The longest that `settle` may ask for.
pub const SETTLE_SECONDS_MAX: u64 = 60;

/// What the real root is given, of all that was made for it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Handover {
    /// What fits it best.
    #[default]
    Auto,
    /// For its cloud-init: NoCloud as the datasource, with all the data as its seed.
    Seed,
    /// For its cloud-init: the name of the datasource, which then fetches once more.
    Hint,
    /// For its systemd: units, credentials, accounts, the network.
    Systemd,
    /// The network alone: whoever likes calls `sh /run/cloudseed/run STAGE`.
    Shell,
    /// Nothing at all.
    None,
}

impl Handover {
    /// The word for each.
    const WORDS: [(&str, Handover); 6] = [
        ("auto", Handover::Auto),
        ("cloud-init-seed", Handover::Seed),
        ("cloud-init-hint", Handover::Hint),
        ("systemd", Handover::Systemd),
        ("shell", Handover::Shell),
        ("none", Handover::None),
    ];
    /// What those for cloud-init begin with, and may do without.
    const FOR_CLOUD_INIT: &str = "cloud-init-";

    /// What this word means.
    pub fn named(word: &str) -> Option<Handover> {
        let is_it =
            |known: &str| known == word || known.strip_prefix(Self::FOR_CLOUD_INIT) == Some(word);
        let known = Handover::WORDS.iter().find(|(known, _)| is_it(known));
        known.map(|(_, handover)| *handover)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        let known = Handover::WORDS.iter().find(|(_, known)| *known == self);
        known.map_or("", |(word, _)| word)
    }
}

/// Whether stock cloud-init may fetch again what was fetched here; each is stricter than those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Seal {
    /// It may.
    #[default]
    Open,
    /// It gets the data as a seed and does not fetch: what was read here was measured.
    Measured,
    /// It never fetches: what was not accepted here is for no one.
    Closed,
}

impl Seal {
    const WORDS: [(&str, Seal); 3] = [
        ("open", Seal::Open),
        ("measured", Seal::Measured),
        ("closed", Seal::Closed),
    ];

    /// What this word means.
    pub fn named(word: &str) -> Option<Seal> {
        let known = Seal::WORDS.iter().find(|(known, _)| *known == word);
        known.map(|(_, seal)| *seal)
    }

    /// Its word.
    pub fn word(self) -> &'static str {
        let known = Seal::WORDS.iter().find(|(_, known)| *known == self);
        known.map_or("", |(word, _)| word)
    }
}

/// `cloudseed.measure=PCR` or `PCR,required`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// The PCR of the TPM's bank SHA-256 that is extended; `None` where it was said and not understood.
    pub pcr: Option<u8>,
    /// Whether nothing is taken that could not be measured.
    pub required: bool,
}

/// Who said it: the owner of the initramfs, of the hypervisor, or of the boot loader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    File,
    OemString,
    FwCfg,
    CommandLine,
}

/// One word.
struct Said {
    key: String,
    value: Value,
    origin: Origin,
}

impl Said {
    /// Where it was said, for a warning; the key is one of [`KEYS`], or left out.
    fn place(&self, key: &str) -> String {
        let prefix = if key.is_empty() { "" } else { PREFIX };
        let (place, prefix) = match self.origin {
            Origin::File => (FILE, ""),
            Origin::OemString => ("SMBIOS OEM string", prefix),
            Origin::FwCfg => ("fw_cfg, opt/org.cloudseed", ""),
            Origin::CommandLine => ("kernel command line", prefix),
        };
        let between = if key.is_empty() { "" } else { ", " };
        format!("{place}{between}{prefix}{key}")
    }
}

/// Puts a word where it belongs; the error is what would have been right.
type Take = fn(&mut Settings, &Value) -> Result<(), String>;

/// Every key there is.
const KEYS: [(&str, Take); 10] = [
    ("sources", take_sources),
    ("deadline", |settings, value| {
        seconds(value, DEADLINE_SECONDS_MAX).map(|time| settings.deadline = Some(time))
    }),
    ("settle", |settings, value| {
        seconds(value, SETTLE_SECONDS_MAX).map(|time| settings.settle = Some(time))
    }),
    ("handover", |settings, value| {
        handover(value).map(|handover| settings.handover = handover)
    }),
    ("strict_includes", |settings, value| {
        truth(value).map(|truth| settings.strict_includes = truth)
    }),
    ("report_ready", |settings, value| {
        truth(value).map(|truth| settings.report_ready = truth)
    }),
    ("sha256", take_pin),
    ("unsigned_vendor_data", |settings, value| {
        truth(value).map(|truth| settings.unsigned_vendor_data = truth)
    }),
    ("measure", take_measure),
    ("label", |settings, value| {
        let label = scalar(value).filter(|label| !label.is_empty());
        settings.label = Some(label.ok_or_else(|| String::from("the label of a volume"))?);
        Ok(())
    }),
];

/// What a machine's firmware may carry beside settings: documents of a seed, and the address of one. They are NoCloud's.
pub const SEED_WORDS: [&str; 5] = [
    "user-data",
    "meta-data",
    "vendor-data",
    "network-config",
    "seed",
];

/// True for one of [`SEED_WORDS`], whether or not an encoding stands behind it.
pub fn is_seed_word(key: &str) -> bool {
    SEED_WORDS.iter().any(|word| {
        let rest = key.strip_prefix(word);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    })
}

/// The names of the settings.
pub fn keys() -> impl Iterator<Item = &'static str> {
    KEYS.iter().map(|(key, _)| *key)
}

/// Reads every place. `known` are the platforms that a list of sources may name.
pub(super) fn read(machine: &Machine, settings: &mut Settings, known: &[String]) {
    let mut said = file(machine, settings);
    if !machine.container {
        // The firmware and the command line of a container are its host's.
        said.extend(oem_strings(machine));
        said.extend(fw_cfg(machine));
        said.extend(command_line(machine));
    }
    for said in &said {
        let carries = matches!(said.origin, Origin::OemString | Origin::FwCfg);
        if !(carries && is_seed_word(&said.key)) {
            take(settings, said);
        }
    }
    read_keys(machine, settings);
    if let Allowed::Only(names) = &settings.allowed {
        let strange = names
            .iter()
            .filter(|name| *name != "None" && !known.iter().any(|known| same(known, name)));
        let warnings = strange.map(|name| {
            let known = &mut known.iter().map(String::as_str);
            let found = text::mistyped(name, known);
            Warning::new("settings", "sources", "names of platforms", found)
        });
        settings.warnings.extend(warnings);
    }
}

/// Whether the owner has put a file there, be it a link that leads nowhere: then he meant something by it.
fn is_there(machine: &Machine, path: &str) -> bool {
    let Some((folder, name)) = path.rsplit_once('/') else {
        return false;
    };
    machine.files.list(folder).iter().any(|there| there == name)
}

/// The file of keys. One that is there and cannot be understood trusts nobody.
fn read_keys(machine: &Machine, settings: &mut Settings) {
    if !is_there(machine, MINISIGN) {
        return;
    }
    let bytes = machine
        .files
        .read(MINISIGN, FILE_BYTES_MAX)
        .unwrap_or_default();
    let keys = core::str::from_utf8(&bytes)
        .ok()
        .and_then(PublicKey::read_all);
    if keys.is_none() {
        let expected =
            format!("1 to {KEYS_MAX} public keys of minisign (no user-data are taken now)");
        let found = "something else";
        settings
            .warnings
            .push(Warning::new("settings", MINISIGN, expected, found));
    }
    settings.keys = Some(keys.unwrap_or_default());
}

/// One that cannot be understood fits no document, because its owner meant to forbid all others.
fn take_pin(settings: &mut Settings, value: &Value) -> Result<(), String> {
    let text = scalar(value).unwrap_or_default().to_ascii_lowercase();
    let fits = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    settings.pin = Some(if fits { text } else { String::new() });
    if fits {
        Ok(())
    } else {
        Err(String::from(
            "64 hexadecimal digits (no user-data are taken now)",
        ))
    }
}

/// What cannot be understood cannot be measured, and its owner may have meant to take nothing then.
fn take_measure(settings: &mut Settings, value: &Value) -> Result<(), String> {
    let text = scalar(value).unwrap_or_default();
    let (number, word) = text.split_once(',').unwrap_or((&text, ""));
    let pcr = number.parse().ok().filter(|pcr| tpm::is_free(*pcr));
    let pcr = pcr.filter(|_| matches!(word, "" | "required"));
    settings.measure = Some(Measure {
        pcr,
        required: pcr.is_none() || word == "required",
    });
    match pcr {
        Some(_) => Ok(()),
        None => Err(String::from(
            "a PCR, 8 to 16 or 23, or PCR,required (nothing is taken now)",
        )),
    }
}

fn take(settings: &mut Settings, said: &Said) {
    let take = KEYS.iter().find(|(key, _)| *key == said.key);
    let warning = match take {
        Some((_, take)) => match take(settings, &said.value) {
            Ok(()) => return,
            Err(expected) => {
                let place = said.place(&said.key);
                Warning::new("settings", place, expected, shown(&said.value))
            }
        },
        None => {
            let names: Vec<&str> = keys().collect();
            let expected = format!("a setting of cloudseed ({})", names.join(", "));
            let found = text::mistyped(&said.key, &mut keys());
            Warning::new("settings", said.place(""), expected, found)
        }
    };
    settings.warnings.push(warning);
}

/// A value for a message.
fn shown(value: &Value) -> String {
    match scalar(value) {
        Some(text) => text::quote(&text),
        None => String::from(value.noun()),
    }
}

fn take_sources(settings: &mut Settings, value: &Value) -> Result<(), String> {
    let allowed = match value {
        Value::Text(text) if !text.trim().is_empty() => Ok(Allowed::parse(text)),
        Value::List(_) => Ok(Allowed::Only(names(value))),
        _ => Err(String::from(
            "a list of platforms, all or none (no source is allowed now)",
        )),
    };
    let (allowed, result) = match allowed {
        Ok(allowed) => (allowed, Ok(())),
        Err(expected) => (Allowed::Only(Vec::new()), Err(expected)),
    };
    settings.allowed = core::mem::take(&mut settings.allowed).and(allowed);
    result
}

fn seconds(value: &Value, max: u64) -> Result<Duration, String> {
    let number = scalar(value).and_then(|text| text.parse::<u64>().ok());
    match number {
        Some(seconds) if seconds <= max => Ok(Duration::from_secs(seconds)),
        _ => Err(format!("a whole number of seconds, 0 to {max}")),
    }
}

/// The deadline by the command line's word alone, which outranks all others: for who cannot have read these yet.
pub fn deadline(cmdline: &Cmdline) -> Option<Duration> {
    let said = cmdline.parameters();
    let said = said.filter(|(key, _)| key.strip_prefix(PREFIX) == Some("deadline"));
    let said = said.map(|(_, value)| Value::from(value.unwrap_or_default()));
    said.filter_map(|value| seconds(&value, DEADLINE_SECONDS_MAX).ok())
        .last()
}

fn handover(value: &Value) -> Result<Handover, String> {
    let named = value.as_text().and_then(Handover::named);
    named.ok_or_else(|| Handover::WORDS.map(|(word, _)| word).join(", "))
}

fn truth(value: &Value) -> Result<bool, String> {
    let said = scalar(value).and_then(|word| text::flag(&word));
    said.ok_or_else(|| String::from("true or false"))
}

/// The file's words. One that is there and cannot be read forbids every source.
fn file(machine: &Machine, settings: &mut Settings) -> Vec<Said> {
    if !is_there(machine, FILE) {
        return Vec::new();
    }
    let read = machine.files.read(FILE, FILE_BYTES_MAX);
    let found = match read.as_deref().map(super::document) {
        None => String::from("one that cannot be read"),
        Some(Err(found)) => found,
        Some(Ok(Value::Null)) => return Vec::new(),
        Some(Ok(Value::Map(map))) => {
            let said = map.into_iter().take(WORDS_MAX);
            return said
                .map(|(key, value)| Said {
                    key: key.to_text().unwrap_or_else(|| String::from(key.noun())),
                    value,
                    origin: Origin::File,
                })
                .collect();
        }
        Some(Ok(other)) => String::from(other.noun()),
    };
    let expected = "a mapping of settings in YAML (no source is allowed now)";
    let warning = Warning::new("settings", FILE, expected, found);
    settings.warnings.push(warning);
    settings.allowed = Allowed::Only(Vec::new());
    Vec::new()
}

fn oem_strings<'a>(machine: &'a Machine) -> impl Iterator<Item = Said> + 'a {
    let ours = machine.dmi.oem_strings.iter().filter_map(|string| {
        let string = string.strip_prefix(PREFIX)?;
        let (key, value) = string.split_once('=').unwrap_or((string, ""));
        Some(word(key, value, Origin::OemString))
    });
    ours.take(WORDS_MAX)
}

fn fw_cfg<'a>(machine: &'a Machine) -> impl Iterator<Item = Said> + 'a {
    let keys = machine.files.list(FW_CFG).into_iter();
    let keys = keys.filter(|key| !is_seed_word(key)).take(WORDS_MAX);
    keys.filter_map(|key| {
        let path = format!("{FW_CFG}/{key}/raw");
        let bytes = machine.files.read(&path, FILE_BYTES_MAX)?;
        let text = String::from_utf8_lossy(&bytes);
        let value = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
        Some(word(&key, value, Origin::FwCfg))
    })
}

fn command_line<'a>(machine: &'a Machine) -> impl Iterator<Item = Said> + 'a {
    let ours = machine.cmdline.parameters().filter_map(|(key, value)| {
        // A key without its dot is one that nobody has.
        let key = key.strip_prefix(PREFIX).or_else(|| {
            let is_bare = Some(key) == PREFIX.strip_suffix('.');
            is_bare.then_some(key)
        })?;
        Some(word(key, value.unwrap_or_default(), Origin::CommandLine))
    });
    ours.take(WORDS_MAX)
}

fn word(key: &str, value: &str, origin: Origin) -> Said {
    Said {
        key: String::from(key),
        value: Value::from(value),
        origin,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_the_command_line_is_the_deadline() {
        let of = |text: &str| deadline(&Cmdline::new(text)).map(|time| time.as_secs());
        assert_eq!(of("quiet"), None);
        assert_eq!(
            of("cloudseed.deadline=5 ro cloudseed.deadline=20"),
            Some(20)
        );
        assert_eq!(of("cloudseed.deadline=soon"), None);
        // One that cannot be used counts as not said, here as everywhere.
        let both = "cloudseed.deadline=20 cloudseed.deadline=soon";
        assert_eq!(of(both), Some(20));
        assert_eq!(of("cloudseed.deadline=3601"), None);
    }
}
