//! NoCloud: a seed on a volume, in a directory, in cloud-init's configuration, on the command line, in the SMBIOS serial
//! number, or behind a URL that one of them names.
//!
//! Every source that has something is merged: of meta-data the first source of a key wins, of the other documents the last
//! source that has it. Source: cloud-init's behaviour. On purpose otherwise: where nobody names the instance its identifier is
//! derived from the documents, because cloud-init's constant `nocloud` hides that a seed has changed; and a label that the
//! configuration names (`fs_label`) is looked for by identification, too.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Needs, PLAIN, Platform, Way};
use crate::dialect::seed::{self, Place, Seed};
use crate::dialect::{dsmode, encoded};
use crate::digest;
use crate::fetch::{Cloud, RESPONSE_BYTES_MAX};
use crate::instance::{Document, Documents, Instance, InstanceId, Source, Told};
use crate::machine::Kind;
use crate::machine::cmdline::nocloud::{Arguments, DsMode};
use crate::machine::smbios::{Dmi, Field};
use crate::machine::volume::Volume;
use crate::network;
use crate::rule::{Inquiry, Rule, Seen, Verdict};
use crate::settings::{Settings, own};
use crate::url::shown;
use crate::value::{Map, Value};
use crate::warning::{Blame, Error};

/// NoCloud. Its sources are one way, because they are read together.
pub static PLATFORM: Platform = Platform {
    name: "NoCloud",
    ways: &[Way {
        sign: Rule::Each(&[
            Rule::Code("product_serial says ds=nocloud (in containers too)", serial),
            Rule::Code(
                "the command line says ds=nocloud (in containers too)",
                command_line,
            ),
            Rule::Code(
                "an SMBIOS OEM string says cloudseed.user-data, cloudseed.meta-data or cloudseed.seed",
                oem_strings,
            ),
            Rule::Code(
                "QEMU's fw_cfg has user-data, meta-data or seed below opt/org.cloudseed",
                fw_cfg,
            ),
            Rule::Any(&[
                Rule::Holds("/var/lib/cloud/seed/nocloud", SEED),
                Rule::Holds("/writable/system-data/var/lib/cloud/seed/nocloud", SEED),
                Rule::Holds("/var/lib/cloud/seed/nocloud-net", SEED),
                Rule::Holds("/writable/system-data/var/lib/cloud/seed/nocloud-net", SEED),
            ]),
            Rule::Code(
                "datasource.NoCloud of /etc/cloud/cloud.cfg or its pieces has user-data and meta-data, or seedfrom",
                configured,
            ),
            Rule::Medium(
                LABELS,
                "a volume is labelled cidata or CIDATA, or as datasource.NoCloud.fs_label says",
                labelled,
            ),
        ]),
        needs: Needs::Nothing,
        asks: &[
            "the SMBIOS serial number and the command line: ds=nocloud;s=URL;i=ID;h=NAME",
            "SMBIOS OEM strings cloudseed.NAME=TEXT, QEMU's opt/org.cloudseed/NAME: user-data, meta-data, …, or seed, an address",
            "meta-data, user-data, vendor-data, network-config of a seed directory, a volume, the configuration",
            "GET URL/meta-data, /user-data, /vendor-data, /network-config",
        ],
        read: Some(read),
    }],
    ..PLAIN
};

/// What a seed directory has to hold. (Below /writable it is Ubuntu Core's, before it is mounted where it belongs.)
const SEED: &[&str] = &["meta-data", "user-data"];
const LABELS: &[&str] = &["cidata", "CIDATA"];

/// The serial number is believed in containers too, as by ds-identify.
fn serial(inquiry: &mut Inquiry) -> Verdict {
    let serial = inquiry.machine.dmi.get(Field::ProductSerial).unwrap_or("");
    match Arguments::parse(serial) {
        Some(_) => Verdict::found(format!("product_serial is {serial:?}"))
            .seeing(Seen::Arguments("dmi", String::from(serial))),
        None => Verdict::No(String::from("product_serial does not say ds=nocloud")),
    }
}

fn command_line(inquiry: &mut Inquiry) -> Verdict {
    let line = inquiry.machine.cmdline.as_str();
    match Arguments::parse(line) {
        Some(_) => Verdict::found("the command line says ds=nocloud")
            .seeing(Seen::Arguments("cmdline", String::from(line))),
        None => Verdict::No(String::from("the command line does not say ds=nocloud")),
    }
}

/// What of a seed in firmware is enough to be one.
const ENOUGH: [&str; 3] = ["user-data", "meta-data", "seed"];

fn is_enough(key: &str) -> bool {
    let name = key.split('.').next().unwrap_or_default();
    ENOUGH.contains(&name) && own::is_seed_word(key)
}

fn oem_strings(inquiry: &mut Inquiry) -> Verdict {
    let machine = inquiry.machine;
    let mut ours = machine
        .dmi
        .oem_strings
        .iter()
        .filter_map(|text| oem_string(text));
    match ours.find(|(key, _)| is_enough(key)) {
        Some((key, _)) if !machine.container => {
            Verdict::found(format!("an SMBIOS OEM string is cloudseed.{key}"))
                .seeing(Seen::Variable(OEM))
        }
        _ => Verdict::No(String::from("no SMBIOS OEM string is a seed")),
    }
}

fn oem_string(text: &str) -> Option<(&str, &str)> {
    text.strip_prefix(own::PREFIX)?.split_once('=')
}

fn fw_cfg(inquiry: &mut Inquiry) -> Verdict {
    let machine = inquiry.machine;
    let names = machine.files.list(own::FW_CFG);
    let is_there = |name: &&String| {
        let path = format!("{}/{name}/raw", own::FW_CFG);
        is_enough(name) && machine.files.kind(&path) == Some(Kind::File)
    };
    match names.iter().find(is_there) {
        Some(name) if !machine.container => {
            Verdict::found(format!("QEMU's fw_cfg has opt/org.cloudseed/{name}"))
                .seeing(Seen::Variable(QEMU))
        }
        _ => Verdict::No(String::from("QEMU's fw_cfg has no seed")),
    }
}

/// The two places in firmware, by the names under which they are sources.
const OEM: &str = "oem-strings";
const QEMU: &str = "fw_cfg";

/// What firmware carries: name and bytes.
fn carried(cloud: &Cloud, place: &str) -> Vec<(String, Vec<u8>)> {
    let machine = cloud.machine;
    if place == OEM {
        let strings = machine.dmi.oem_strings.iter();
        let ours = strings.filter_map(|text| oem_string(text));
        return ours
            .map(|(key, value)| (String::from(key), value.as_bytes().to_vec()))
            .collect();
    }
    let names = machine
        .files
        .list(own::FW_CFG)
        .into_iter()
        .take(own::WORDS_MAX);
    let read = |name: String| {
        let path = format!("{}/{name}/raw", own::FW_CFG);
        let bytes = machine.files.read(&path, RESPONSE_BYTES_MAX)?;
        Some((name, bytes))
    };
    names
        .filter(|name| own::is_seed_word(name))
        .filter_map(read)
        .collect()
}

/// A seed in firmware, whose names may have an encoding behind them: `user-data.base64`, `user-data.gzip+base64`.
fn firmware(cloud: &mut Cloud, place: &str) -> Seed {
    let mut seed = Seed::default();
    for (key, bytes) in carried(cloud, place) {
        let (name, encoding) = key.split_once('.').unwrap_or((&key, ""));
        let bytes = match encoded::decoded(encoding, &bytes) {
            Ok(bytes) => bytes,
            Err(found) => {
                cloud.warn(&format!("{place} {key}"), encoding, found);
                continue;
            }
        };
        if name == "seed" {
            let url = String::from_utf8_lossy(&bytes);
            seed.meta_data.insert(
                "seedfrom",
                url.trim_matches(|c: char| c == '\0' || c.is_whitespace()),
            );
            continue;
        }
        if name == "meta-data" {
            for (key, value) in seed::map(cloud, &format!("{place} {key}"), &bytes) {
                seed.meta_data.insert(key, value);
            }
        }
        let kind = Document::ALL.into_iter().find(|kind| kind.name() == name);
        if let Some(kind) = kind {
            seed.documents.put(kind, Some(bytes));
        }
    }
    seed
}

/// What cloud-init's configuration says of NoCloud under this key.
fn setting<'a>(settings: &'a Settings, key: &str) -> Option<&'a Value> {
    settings.datasource("NoCloud")?.get(key)
}

/// Does cloud-init's configuration carry the data, or say where they are?
fn configured(inquiry: &mut Inquiry) -> Verdict {
    let has = |key: &str| setting(inquiry.settings, key).is_some();
    let because = if has("user-data") && has("meta-data") {
        "the configuration carries NoCloud's user-data and meta-data"
    } else if has("seedfrom") {
        "the configuration says where NoCloud's data are (seedfrom)"
    } else {
        return Verdict::No(String::from(
            "the configuration says nothing of NoCloud's data",
        ));
    };
    Verdict::found(because).seeing(Seen::Configuration("NoCloud"))
}

/// The volumes with the label, the one with the last name first, as in cloud-init. A label that is configured may be of
/// either case; null is none.
fn labelled(inquiry: &mut Inquiry) -> Verdict {
    let machine = inquiry.machine;
    if machine.container {
        return Verdict::No(String::from("volumes are the host's, this is a container"));
    }
    let label = inquiry.settings.label.clone().map(Value::from);
    let labels = match label
        .as_ref()
        .or_else(|| setting(inquiry.settings, "fs_label"))
    {
        Some(Value::Text(label)) => alloc::vec![label.to_lowercase(), label.to_uppercase()],
        Some(_) => return Verdict::No(String::from("the configuration says that no label counts")),
        None => LABELS.iter().map(ToString::to_string).collect(),
    };
    let mark = |volume: &'_ Volume| {
        let label = labels.iter().find(|label| volume.is_labelled(label))?;
        Some((volume.name.clone(), label.clone()))
    };
    let mut volumes: Vec<(String, String)> = machine.volumes.iter().filter_map(mark).collect();
    volumes.sort_unstable_by(|(one, _), (other, _)| other.cmp(one));
    if volumes.is_empty() {
        return Verdict::No(format!("no volume is labelled {}", labels.join(" or ")));
    }
    let words = volumes
        .iter()
        .map(|(name, label)| format!("volume {name} is labelled {label}"));
    let found = Verdict::found(words.collect::<Vec<_>>().join(" and "));
    let volumes = volumes.into_iter().map(|(name, _)| Seen::Volume(name));
    volumes.fold(found, Verdict::seeing)
}

/// What has been gathered so far.
#[derive(Default)]
struct Gathered {
    meta_data: Map,
    documents: Documents,
    sources: Vec<String>,
    volume: bool,
}

impl Gathered {
    /// Takes what a further source has: keys of meta-data that are new, and every document that it has.
    fn merge(&mut self, source: impl Into<String>, seed: Seed) {
        seed::fill(&mut self.meta_data, seed.meta_data);
        self.documents.extend(&seed.documents);
        self.sources.push(source.into());
    }

    /// Takes one thing that was seen.
    fn take(&mut self, cloud: &mut Cloud, seen: Seen) {
        match seen {
            Seen::Arguments(place, line) => {
                let mut seed = Seed::default();
                if let Some(arguments) = Arguments::parse(&line) {
                    let mode = arguments.implied_mode();
                    let items = arguments.items.into_iter();
                    seed.meta_data = items
                        .map(|(key, value)| (key, Value::from(value)))
                        .collect();
                    if let (Some(mode), false) = (mode, seed.meta_data.contains("dsmode")) {
                        seed.meta_data.insert("dsmode", mode.as_str());
                    }
                }
                self.merge(place, seed);
            }
            Seen::Directory(path) => {
                if let Some(seed) = seed::read(cloud, &Place::Directory(&path)) {
                    self.merge(path, seed);
                }
            }
            Seen::Configuration(_) => self.configured(cloud),
            // Of several volumes the first that holds a seed counts.
            Seen::Volume(_) if self.volume => {}
            Seen::Volume(name) => {
                let machine = cloud.machine;
                let volume = machine.volumes.iter().find(|volume| volume.name == name);
                let seed = volume.and_then(|volume| seed::read(cloud, &Place::Volume(volume)));
                if let Some(seed) = seed {
                    self.merge(format!("/dev/{name}"), seed);
                    self.volume = true;
                }
            }
            Seen::Variable(place) => {
                let seed = firmware(cloud, place);
                self.merge(place, seed);
            }
            Seen::Firmware(_) | Seen::Path(_) => {}
        }
    }

    /// The data that cloud-init's configuration carries. Its `seedfrom` counts more than one that was found before.
    fn configured(&mut self, cloud: &mut Cloud) {
        let settings = cloud.settings;
        if let Some(url) = setting(settings, "seedfrom") {
            self.meta_data.insert("seedfrom", url.clone());
            self.sources.push(String::from("ds_config_seedfrom"));
        }
        let (Some(meta_data), Some(_)) = (
            setting(settings, "meta-data"),
            setting(settings, "user-data"),
        ) else {
            return;
        };
        let meta_data = match meta_data {
            Value::Map(map) => map.clone(),
            other => {
                let text = seed::document(other).unwrap_or_default();
                seed::map(cloud, "datasource.NoCloud.meta-data", &text)
            }
        };
        let mut documents = Documents::default();
        for kind in [
            Document::UserData,
            Document::VendorData,
            Document::NetworkConfig,
        ] {
            documents.put(
                kind,
                setting(settings, kind.name()).and_then(seed::document),
            );
        }
        self.merge(
            "ds_config",
            Seed {
                meta_data,
                documents,
            },
        );
    }
}

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let mut gathered = Gathered::default();
    for seen in core::mem::take(&mut cloud.evidence.seen) {
        gathered.take(cloud, seen);
    }
    let url = text(cloud, &gathered.meta_data, "seedfrom");
    if let Some(url) = url.filter(|url| !url.is_empty()) {
        remote(cloud, &mut gathered, &url)?;
    }
    instance(cloud, gathered)
}

/// A seed behind a URL. Its documents replace what was there, also by being absent; its meta-data yields to what was said
/// nearer to the machine.
fn remote(cloud: &mut Cloud, gathered: &mut Gathered, url: &str) -> Result<(), Error> {
    let url = expanded(url, &cloud.machine.dmi);
    let seed = seed::required(cloud, &Place::Url(&url))?;
    gathered.documents = Documents::default();
    gathered.merge(shown(&url).to_string(), seed);
    Ok(())
}

/// The firmware strings that an address may name, by dmidecode's words.
const NAMES: [(&str, Field); 17] = [
    ("baseboard-asset-tag", Field::BoardAssetTag),
    ("baseboard-manufacturer", Field::BoardVendor),
    ("baseboard-product-name", Field::BoardName),
    ("baseboard-serial-number", Field::BoardSerial),
    ("baseboard-version", Field::BoardVersion),
    ("bios-release-date", Field::BiosDate),
    ("bios-vendor", Field::BiosVendor),
    ("bios-version", Field::BiosVersion),
    ("chassis-asset-tag", Field::ChassisAssetTag),
    ("chassis-manufacturer", Field::ChassisVendor),
    ("chassis-serial-number", Field::ChassisSerial),
    ("chassis-version", Field::ChassisVersion),
    ("system-manufacturer", Field::SysVendor),
    ("system-product-name", Field::ProductName),
    ("system-serial-number", Field::ProductSerial),
    ("system-uuid", Field::ProductUuid),
    ("system-version", Field::ProductVersion),
];

/// Puts firmware strings in place of `__dmi.NAME__`; an unset one is empty, an unknown name stays.
fn expanded(url: &str, dmi: &Dmi) -> String {
    NAMES.iter().fold(String::from(url), |url, (name, field)| {
        url.replace(&format!("__dmi.{name}__"), dmi.get(*field).unwrap_or(""))
    })
}

/// What a seed says by a key, as text.
fn said(meta_data: &Map, key: &str) -> Option<String> {
    meta_data.get(key).and_then(Value::to_text)
}

/// The same, and that something else stands there.
fn text(cloud: &mut Cloud, meta_data: &Map, key: &str) -> Option<String> {
    let other = meta_data
        .get(key)
        .filter(|value| value.is_other_than_text());
    if let Some(other) = other {
        cloud.warn(key, "text", other.noun());
    }
    said(meta_data, key)
}

fn instance(cloud: &mut Cloud, gathered: Gathered) -> Result<Instance, Error> {
    let Gathered {
        mut meta_data,
        mut documents,
        sources,
        ..
    } = gathered;
    let Some(first) = sources.first() else {
        return Err(no_seed(cloud));
    };
    dsmode::refuse_disabled(cloud, &[meta_data.get("dsmode")])?;
    if let Some(text) = text(cloud, &meta_data, "network-interfaces")
        && documents.get(Document::NetworkConfig).is_none()
    {
        let network = network::interfaces::config(&text);
        documents.put(Document::NetworkConfig, cloud.network_config(network));
    }
    let source = Source {
        kind: if first.starts_with("/dev") {
            "config-disk"
        } else {
            "seed-dir"
        },
        place: sources.join(","),
    };
    misplaced(cloud, &meta_data, &documents);
    name(cloud, &mut meta_data, &documents);
    if !meta_data.contains("dsmode") {
        meta_data.insert("dsmode", DsMode::Net.as_str());
    }
    if let Some(url) = said(&meta_data, "seedfrom") {
        // Everybody may read the tree.
        meta_data.insert("seedfrom", shown(&url).to_string());
    }
    let told = Told {
        documents,
        ..Told::by_meta_data("unknown", source, meta_data)
    };
    cloud.instance(told)
}

fn unable(cloud: &Cloud, place: &str, found: &str) -> Error {
    let step = format!("fetch {}", cloud.name);
    Error::new(Blame::Unable, step, place, "a seed", found)
}

/// Why there is no seed: the first thing that was wrong, if anything was.
fn no_seed(cloud: &mut Cloud) -> Error {
    if cloud.warnings.is_empty() {
        let places = "volumes, command line, firmware";
        return unable(cloud, places, "none that is complete");
    }
    Error::of(Blame::Broken, cloud.warnings.remove(0))
}

/// What people write in meta-data, and where what they mean is looked for.
const MISPLACED: [(&str, &str, &str); 6] = [
    ("instance_id", "instance-id", "the key instance-id"),
    ("instanceid", "instance-id", "the key instance-id"),
    ("hostname", "local-hostname", "the key local-hostname"),
    ("local_hostname", "local-hostname", "the key local-hostname"),
    ("network", "", "a document network-config"),
    ("network-config", "", "a document network-config"),
];

/// Says of keys that have no meaning, but look like ones that have, where that is looked for: they are lost without a word else.
/// What the user-data speak of they know better, whether they say it themselves or ask for it in a template.
fn misplaced(cloud: &mut Cloud, meta_data: &Map, documents: &Documents) {
    let user_data = documents.get(Document::UserData).unwrap_or_default();
    let user_data = String::from_utf8_lossy(user_data);
    let has_network = documents.get(Document::NetworkConfig).is_some();
    for (key, meant, expected) in MISPLACED {
        let is_nothing =
            |value: &Value| value.is_null() || value.as_map().is_some_and(Map::is_empty);
        let said = meta_data.get(key).is_some_and(|value| !is_nothing(value));
        let known = meta_data.contains(meant) || meant.is_empty() && has_network;
        if said && !known && !user_data.contains(key) {
            cloud.warn(
                "meta-data",
                expected,
                format!("{key}, which means nothing there"),
            );
        }
    }
}

/// Gives a seed without a usable instance-id one that is made of its content; one that says something unusable is told.
fn name(cloud: &mut Cloud, meta_data: &mut Map, documents: &Documents) {
    let id = said(meta_data, "instance-id");
    if id.is_some_and(|id| InstanceId::new(&id).is_some()) {
        return;
    }
    let is_blank = |said: &Value| said.as_text().is_some_and(|text| text.trim().is_empty());
    let unusable = meta_data.get("instance-id");
    if let Some(said) = unusable.filter(|said| !said.is_null() && !is_blank(said)) {
        let expected = format!("a line of at most {} bytes", InstanceId::BYTES_MAX);
        let found = format!("{} (the seed has a name made of its content)", said.noun());
        cloud.warn("instance-id", &expected, found);
    }
    meta_data.insert("instance-id", derived(documents));
}

/// An identifier that changes when a document does.
fn derived(documents: &Documents) -> String {
    let all = [
        Document::MetaData,
        Document::UserData,
        Document::VendorData,
        Document::NetworkConfig,
    ];
    digest::derived("nocloud-", &all.map(|document| documents.get(document)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn firmware_strings_stand_in_a_seed_url() {
        let dmi = Dmi::default();
        assert_eq!(
            expanded("http://x/__dmi.system-uuid__/__dmi.nonsense__", &dmi),
            "http://x//__dmi.nonsense__"
        );
    }

    #[test]
    fn a_derived_identifier_depends_on_every_document() {
        let with = |document| Documents::default().with(document, Some(b"a".to_vec()));
        let (one, other) = (with(Document::UserData), with(Document::MetaData));
        assert_ne!(derived(&one), derived(&other));
        assert_eq!(derived(&one), derived(&one.clone()));
    }
}
