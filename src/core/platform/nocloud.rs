//! NoCloud: a seed on a volume, on the command line, in the SMBIOS serial number, or behind a URL that one of them names.
//!
//! Every source that has something is merged: of meta-data the first source of a key wins, of the other documents the last
//! source that has it. Source: cloud-init's behaviour. On purpose otherwise: where nobody names the instance its identifier is
//! derived from the documents, because the original's constant `nocloud` hides that a seed has changed.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

use sha2::{Digest, Sha256};

use super::Platform;
use crate::fetch::{Cloud, Network, RESPONSE_BYTES_MAX};
use crate::instance::{self, Documents, Hostname, Instance, InstanceId};
use crate::machine::cmdline::nocloud::Arguments;
use crate::machine::smbios::{Dmi, Field};
use crate::machine::volume::{self, Volume};
use crate::rule::{Inquiry, Rule, Verdict};
use crate::value::{Map, Value};
use crate::warning::{Blame, Error};

/// NoCloud.
pub static PLATFORM: Platform = Platform {
    name: "NoCloud",
    rule: Rule::Any(&[
        Rule::Code(
            "product_serial or the command line says ds=nocloud (in containers too)",
            named,
        ),
        Rule::Holds("/var/lib/cloud/seed/nocloud", SEED),
        Rule::Holds("/writable/system-data/var/lib/cloud/seed/nocloud", SEED),
        Rule::Holds("/var/lib/cloud/seed/nocloud-net", SEED),
        Rule::Holds("/writable/system-data/var/lib/cloud/seed/nocloud-net", SEED),
        Rule::Label(LABELS),
        Rule::Code(
            "datasource.NoCloud of /etc/cloud/cloud.cfg or its pieces has user-data and meta-data, or seedfrom",
            configured,
        ),
    ]),
    network: Network::None,
    asks: &[
        "the SMBIOS serial number and the command line: ds=nocloud;s=URL;i=ID;h=NAME",
        "/var/lib/cloud/seed/nocloud and nocloud-net",
        "meta-data, user-data, vendor-data, network-config of a volume labelled cidata",
        "GET URL/meta-data, /user-data, /vendor-data, /network-config",
    ],
    fetch: Some(fetch),
};

/// What a seed directory has to hold. (Below /writable it is Ubuntu Core's, before it is mounted where it belongs.)
const SEED: &[&str] = &["meta-data", "user-data"];
const LABELS: &[&str] = &["cidata", "CIDATA"];
const SEEDS: &[&str] = &[
    "/var/lib/cloud/seed/nocloud",
    "/var/lib/cloud/seed/nocloud-net",
];

/// The serial number is believed in containers too, as in the original.
fn named(inquiry: &mut Inquiry) -> Verdict {
    let machine = inquiry.machine;
    let serial = machine.dmi.get(Field::ProductSerial).unwrap_or("");
    match Arguments::parse(serial) {
        Some(_) => Verdict::Found(format!("product_serial is {serial:?}")),
        None if Arguments::parse(machine.cmdline.as_str()).is_some() => {
            Verdict::Found(String::from("the command line says ds=nocloud"))
        }
        None => Verdict::No(String::from(
            "neither product_serial nor the command line says ds=nocloud",
        )),
    }
}

/// Does cloud-init's configuration carry the data, or say where they are?
fn configured(inquiry: &mut Inquiry) -> Verdict {
    let has = |key: &str| {
        inquiry
            .settings
            .configured(&["datasource", "NoCloud", key])
            .is_some()
    };
    if has("user-data") && has("meta-data") {
        Verdict::Found(String::from(
            "the configuration carries NoCloud's user-data and meta-data",
        ))
    } else if has("seedfrom") {
        Verdict::Found(String::from(
            "the configuration says where NoCloud's data are (seedfrom)",
        ))
    } else {
        Verdict::No(String::from(
            "the configuration says nothing of NoCloud's data",
        ))
    }
}

/// What has been gathered so far.
#[derive(Default)]
struct Seed {
    meta_data: Map,
    documents: Documents,
    sources: Vec<String>,
}

impl Seed {
    /// Takes what a further source has: keys of meta-data that are new, and every document that it has.
    fn merge(&mut self, source: String, mut files: Documents, meta_data: Map) {
        for (key, value) in meta_data {
            if self.meta_data.get_value(&key).is_none() {
                self.meta_data.insert(key, value);
            }
        }
        let documents = &mut self.documents;
        for (old, new) in [
            (&mut documents.meta_data, &mut files.meta_data),
            (&mut documents.user_data, &mut files.user_data),
            (&mut documents.vendor_data, &mut files.vendor_data),
            (&mut documents.network_config, &mut files.network_config),
        ] {
            if new.is_some() {
                *old = new.take();
            }
        }
        self.sources.push(source);
    }
}

fn fetch(cloud: &mut Cloud) -> Result<Instance, Error> {
    let mut seed = Seed::default();
    let serial = cloud.machine.dmi.get(Field::ProductSerial).unwrap_or("");
    for (source, line) in [("dmi", serial), ("cmdline", cloud.machine.cmdline.as_str())] {
        if let Some(arguments) = Arguments::parse(line) {
            let items = arguments
                .items
                .iter()
                .map(|(key, value)| (key.as_str(), Value::from(value.clone())));
            seed.merge(String::from(source), Documents::default(), items.collect());
        }
    }
    for directory in SEEDS {
        let files = cloud.machine.files;
        let read = |name: &str| Ok(files.read(&format!("{directory}/{name}"), RESPONSE_BYTES_MAX));
        if let Some((documents, meta_data)) = complete(directory, read)? {
            seed.merge(directory.to_string(), documents, meta_data);
            break;
        }
    }
    medium(cloud, &mut seed)?;
    let url = seed
        .meta_data
        .get("seedfrom")
        .and_then(Value::as_text)
        .map(String::from);
    if let Some(url) = url.filter(|url| !url.is_empty()) {
        remote(cloud, &mut seed, &url)?;
    }
    instance(cloud, seed)
}

/// The four documents of one source; `None` unless it has both meta-data and user-data, which may be empty.
fn complete(
    place: &str,
    mut read: impl FnMut(&str) -> Result<Option<Vec<u8>>, Error>,
) -> Result<Option<(Documents, Map)>, Error> {
    let (Some(meta_data), Some(user_data)) = (read("meta-data")?, read("user-data")?) else {
        return Ok(None);
    };
    let map = match crate::yaml::read(&meta_data) {
        Ok(Value::Map(map)) => map,
        Ok(Value::Null) => Map::default(),
        Ok(other) => return Err(broken(place, "meta-data", "a mapping", other.kind())),
        Err(error) => return Err(broken(place, "meta-data", "YAML", error)),
    };
    let documents = Documents {
        meta_data: Some(meta_data),
        user_data: Some(user_data),
        vendor_data: read("vendor-data")?,
        network_config: read("network-config")?,
        vendor_data2: None,
    };
    Ok(Some((documents, map)))
}

/// The first volume with the label that holds a seed; the one with the last name first, as in the original.
fn medium(cloud: &mut Cloud, seed: &mut Seed) -> Result<(), Error> {
    let labelled = |volume: &&Volume| LABELS.iter().any(|label| volume.is_labelled(label));
    let mut volumes: Vec<&Volume> = cloud.machine.volumes.iter().filter(labelled).collect();
    volumes.sort_by(|a, b| b.name.cmp(&a.name));
    for volume in volumes {
        let place = format!("volume {}", volume.name);
        let Some(disk) = cloud.machine.files.disk(&volume.name) else {
            cloud
                .outside
                .note(format_args!("{place}: cannot be opened"));
            continue;
        };
        let read = |name: &str| volume::read_file(&*disk, volume, name, RESPONSE_BYTES_MAX);
        match complete(&place, read)? {
            Some((documents, meta_data)) => {
                seed.merge(format!("/dev/{}", volume.name), documents, meta_data);
                return Ok(());
            }
            None => cloud
                .outside
                .note(format_args!("{place}: no meta-data and user-data on it")),
        }
    }
    Ok(())
}

/// A seed behind a URL. Its documents replace what was there, also by being absent; its meta-data yields to what was said
/// nearer to the machine.
fn remote(cloud: &mut Cloud, seed: &mut Seed, url: &str) -> Result<(), Error> {
    let url = expanded(url, &cloud.machine.dmi);
    let mut web = cloud.web();
    let Some((documents, meta_data)) = complete(&url, |name| web.read(&seeded(&url, name)))? else {
        let place = seeded(&url, "meta-data");
        return Err(broken(
            &place,
            "seed",
            "meta-data and user-data",
            "no such document",
        ));
    };
    seed.documents = Documents::default();
    seed.merge(url, documents, meta_data);
    Ok(())
}

/// Where a document of a seed is: in place of `%s`, else below the address.
fn seeded(url: &str, name: &str) -> String {
    match url {
        _ if url.contains("%s") => url.replace("%s", name),
        _ if url.ends_with('/') || url.contains('?') => format!("{url}{name}"),
        _ => format!("{url}/{name}"),
    }
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

fn instance(cloud: &Cloud, seed: Seed) -> Result<Instance, Error> {
    let Seed {
        mut meta_data,
        documents,
        sources,
    } = seed;
    let text = |key: &str| meta_data.get(key).and_then(Value::to_text);
    let step = format!("fetch {}", cloud.name);
    if sources.is_empty() {
        let place = "volumes, command line, firmware";
        return Err(Error::new(
            Blame::Silent,
            step,
            place,
            "a seed",
            "none that is complete",
        ));
    }
    if text("dsmode").as_deref() == Some("disabled") {
        return Err(Error::new(
            Blame::Unable,
            step,
            "dsmode",
            "a seed",
            "disabled by the seed itself",
        ));
    }
    let id = text("instance-id").unwrap_or_else(|| derived(&documents));
    let Some(instance_id) = InstanceId::new(&id) else {
        return Err(broken(
            &sources.join(", "),
            "instance-id",
            "an instance-id",
            format!("{id:?}"),
        ));
    };
    let instance = Instance {
        platform: PLATFORM.name,
        source: sources.join(", "),
        cloud_name: text("cloud-name").unwrap_or_else(|| String::from("unknown")),
        hostname: text("local-hostname").as_deref().and_then(Hostname::new),
        region: text("region"),
        availability_zone: text("availability-zone"),
        ssh_keys: meta_data
            .get("public-keys")
            .map(instance::ssh_keys)
            .unwrap_or_default(),
        launch_index: text("launch-index").and_then(|index| index.parse().ok()),
        instance_id,
        documents,
        meta_data: Value::Null,
    };
    meta_data.insert("instance-id", id);
    Ok(Instance {
        meta_data: Value::Map(meta_data),
        ..instance
    })
}

/// An identifier that changes when a document does: `nocloud-` and the first 64 bits of a SHA-256.
fn derived(documents: &Documents) -> String {
    let mut hash = Sha256::new();
    for document in [
        &documents.meta_data,
        &documents.user_data,
        &documents.vendor_data,
        &documents.network_config,
    ] {
        let bytes = document.as_deref().unwrap_or_default();
        hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes());
        hash.update(bytes);
    }
    hash.finalize()
        .iter()
        .take(8)
        .fold(String::from("nocloud-"), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn broken(place: &str, what: &str, expected: &str, found: impl ToString) -> Error {
    Error::new(
        Blame::Broken,
        "fetch NoCloud",
        format!("{place}: {what}"),
        expected,
        found,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_url_takes_a_name_in_three_ways() {
        assert_eq!(seeded("http://x/a", "user-data"), "http://x/a/user-data");
        assert_eq!(seeded("http://x/a/", "user-data"), "http://x/a/user-data");
        assert_eq!(
            seeded("http://x/a?f=", "user-data"),
            "http://x/a?f=user-data"
        );
        assert_eq!(
            seeded("http://x/%s.txt", "user-data"),
            "http://x/user-data.txt"
        );
    }

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
        let one = Documents {
            user_data: Some(b"a".to_vec()),
            ..Documents::default()
        };
        let other = Documents {
            meta_data: Some(b"a".to_vec()),
            ..Documents::default()
        };
        assert_ne!(derived(&one), derived(&other));
        assert_eq!(derived(&one), derived(&one.clone()));
    }
}
