//! ConfigDrive: OpenStack's data on a volume labelled config-2, or in a directory.
//!
//! How to know it: the label, or a directory with meta-data of a version. What to read: the documents of version 2 below
//! `openstack/`, and what EC2 would say (`ec2/latest/meta-data.json`); where there are none, `meta.js` and the keys of version
//! 1, which knows no version, no network and no identifier but what the owner wrote into it. Source: Nova's "Metadata
//! service" page, and cloud-init's behaviour.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Needs, PLAIN, Platform, Way};
use crate::dialect::dsmode;
use crate::dialect::openstack::{self, Answer, FILES};
use crate::dialect::seed::Place;
use crate::fetch::Cloud;
use crate::instance::{Document, Documents, Instance, Source, Told, key_lines};
use crate::network;
use crate::rule::Rule;
use crate::rule::kin;
use crate::value::{Map, Value};
use crate::warning::Error;

/// A drive of version 2; those of version 1 carry no mark.
pub static PLATFORM: Platform = Platform {
    name: "ConfigDrive",
    ways: &[Way {
        sign: Rule::Medium(
            kin::CONFIG_DRIVE,
            "a volume is labelled config-2 or CONFIG-2 and this is not IBM Cloud; or /config-drive or \
             /var/lib/cloud/seed/config_drive holds openstack/2???-??-??/meta_data.json",
            kin::config_drive,
        ),
        needs: Needs::Nothing,
        asks: &[
            "openstack/VERSION/meta_data.json, user_data, vendor_data.json, vendor_data2.json, network_data.json of the drive",
            "ec2/latest/meta-data.json of the drive",
            "meta.js and root/.ssh/authorized_keys of a drive of version 1",
        ],
        read: Some(read),
    }],
    ..PLAIN
};

/// The identifier of a drive that has none.
const DEFAULT_ID: &str = "iid-dsconfigdrive";
/// The directories, in the order in which they count, before every volume.
const DIRECTORIES: [&str; 2] = ["/var/lib/cloud/seed/config_drive", "/config-drive"];

/// A drive that was read.
struct Drive {
    answer: Answer,
    source: Source,
    ec2: Value,
    is_first_version: bool,
}

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let mut failed = None;
    for directory in DIRECTORIES {
        let there = cloud.machine.files.kind(directory).is_some();
        if there {
            let source = Source::seed_dir(directory);
            match drive(cloud, &Place::Directory(directory), source) {
                Ok(Some(drive)) => return instance(cloud, drive),
                Ok(None) => {}
                Err(error) => failed = Some(error),
            }
        }
    }
    let machine = cloud.machine;
    for name in volumes(cloud) {
        let Some(volume) = machine.volumes.iter().find(|volume| volume.name == name) else {
            continue;
        };
        let source = Source::config_disk(&name);
        match drive(cloud, &Place::Volume(volume), source) {
            Ok(Some(drive)) => {
                cloud.warnings.extend(failed.map(|error: Error| error.what));
                return instance(cloud, drive);
            }
            Ok(None) => {}
            Err(error) => {
                let before = failed.replace(error);
                cloud.warnings.extend(before.map(|error| error.what));
            }
        }
    }
    let expected = "openstack/VERSION/meta_data.json, or meta.js";
    Err(failed.unwrap_or_else(|| cloud.broken("the drive", expected, "neither")))
}

/// The volumes that may be a drive, the one with the last name first: those with the label, then disks of a kind that drives
/// are of. Partitions only by their label, and what is IBM Cloud's not at all.
fn volumes(cloud: &Cloud) -> Vec<String> {
    let machine = cloud.machine;
    let ibm = kin::ibm_volume(machine).filter(|_| cloud.settings.searches("IBMCloud"));
    let is_partition = |name: &str| {
        let path = format!("/sys/class/block/{name}/partition");
        machine.files.kind(&path).is_some()
    };
    let mut found: Vec<(bool, String)> = Vec::new();
    for volume in &machine.volumes {
        let is_ours = kin::CONFIG_DRIVE
            .iter()
            .any(|label| volume.is_labelled(label));
        let of_kind = matches!(volume.kind.as_deref(), Some("vfat" | "iso9660"));
        let is_ibms = ibm.is_some_and(|(_, ibm)| ibm.name == volume.name);
        if !is_ibms && (is_ours || (of_kind && !is_partition(&volume.name))) {
            found.push((is_ours, volume.name.clone()));
        }
    }
    found.sort_unstable_by(|one, other| other.cmp(one));
    found.into_iter().map(|(_, name)| name).collect()
}

/// Reads a drive of either version; nothing if this is none.
fn drive(cloud: &mut Cloud, place: &Place, source: Source) -> Result<Option<Drive>, Error> {
    let listing = place.there(cloud, "openstack");
    let listing = listing.iter().map(|name| name.trim_end_matches('/'));
    let version = openstack::version(listing);
    let [meta_data, others @ ..] = FILES.map(|name| format!("openstack/{version}/{name}"));
    let Some(meta_data) = place.read(cloud, &meta_data)? else {
        return first_version(cloud, place, source);
    };
    let [user_data, vendor_data, vendor_data2, network_data] =
        others.map(|path| place.read_or_warn(cloud, &path));
    let files = [
        Some(meta_data),
        user_data,
        vendor_data,
        vendor_data2,
        network_data,
    ];
    let mut answer = Answer::read(cloud, files)?;
    openstack::tell_injected(cloud, &answer.meta_data);
    answer.put_network(cloud);
    if answer.network_data.is_null() {
        interfaces(cloud, place, &mut answer);
    }
    let name = "ec2/latest/meta-data.json";
    let ec2 = place.read_or_warn(cloud, name);
    let ec2 = openstack::optional_json(cloud, name, ec2);
    Ok(Some(Drive {
        answer,
        source,
        ec2: ec2.unwrap_or_else(|| Value::Map(Map::new())),
        is_first_version: false,
    }))
}

/// The network as interfaces(5), in a file that the meta-data point to.
fn interfaces(cloud: &mut Cloud, place: &Place, answer: &mut Answer) {
    let Some(item) = answer
        .meta_data
        .get("network_config")
        .filter(|item| !item.is_null())
    else {
        return;
    };
    let path = item.get("content_path").and_then(Value::as_text);
    let path = path.unwrap_or_default().trim_matches('/').to_string();
    let text = if path.is_empty() {
        None
    } else {
        place.read_or_warn(cloud, &format!("openstack/{path}"))
    };
    match text.map(String::from_utf8) {
        Some(Ok(text)) => {
            let network = network::interfaces::config(&text);
            let network = cloud.network_config(network);
            answer.documents.put(Document::NetworkConfig, network);
        }
        Some(Err(_)) => cloud.warn("network_config", "text", "something else"),
        None => {
            let found = crate::text::quote(&path);
            cloud.warn("network_config", "the path of a file that is there", found);
        }
    }
}

/// A drive of version 1: what is in `meta.js`, and files as they are to lie in the root.
fn first_version(cloud: &mut Cloud, place: &Place, source: Source) -> Result<Option<Drive>, Error> {
    let document = place.read(cloud, "meta.js")?;
    let mut meta_data = first_version_files(cloud, place)?;
    if document.is_none() && meta_data.is_empty() {
        return Ok(None);
    }
    let said = match &document {
        Some(document) => cloud.json_map("meta.js", document)?,
        None => Map::new(),
    };
    let keys = said.get("public-keys").or(meta_data.get("authorized_keys"));
    let keys = keys.map(key_lines).unwrap_or_default().into_iter();
    let keys: Vec<Value> = keys.map(Value::from).collect();
    if !keys.is_empty() {
        meta_data.insert("public-keys", keys);
    }
    if let Some(id) = said.get("instance-id") {
        meta_data.insert("instance-id", id.clone());
    }
    let user_data = said.get("user-data").and_then(Value::as_text);
    let user_data = user_data.map(|text| text.as_bytes().to_vec());
    meta_data.insert("meta_js", said);
    Ok(Some(Drive {
        answer: Answer {
            meta_data,
            documents: Documents::default()
                .with(Document::UserData, user_data)
                .with(Document::MetaData, document),
            network_data: Value::Null,
        },
        source,
        ec2: Value::Null,
        is_first_version: true,
    }))
}

/// The files of a drive of version 1 that are known, by the names that cloud-init has for them.
fn first_version_files(cloud: &mut Cloud, place: &Place) -> Result<Map, Error> {
    const NAMES: [(&str, &str); 2] = [
        ("network_config", "etc/network/interfaces"),
        ("authorized_keys", "root/.ssh/authorized_keys"),
    ];
    let mut files = Map::new();
    for (key, path) in NAMES {
        if let Some(bytes) = place.read(cloud, path)? {
            files.insert(key, &*String::from_utf8_lossy(&bytes));
        }
    }
    Ok(files)
}

fn instance(cloud: &mut Cloud, drive: Drive) -> Result<Instance, Error> {
    let Drive {
        mut answer,
        source,
        ec2,
        is_first_version,
    } = drive;
    let configured = cloud.configured("dsmode");
    let said = match answer.meta_data.get("meta_js") {
        Some(first_version) => first_version.get("dsmode"),
        None => answer.mode(),
    };
    dsmode::refuse_disabled(cloud, &[said, configured])?;
    let mut keys = None;
    if is_first_version {
        keys = answer.meta_data.get("public-keys").cloned();
        if answer.meta_data.get("instance-id").is_none() {
            answer.meta_data.insert("instance-id", DEFAULT_ID);
        }
    }
    let mut told: Told = answer.told("configdrive", source, ec2);
    if let Some(keys) = keys {
        told.public_keys = keys;
    }
    cloud.instance(told)
}
