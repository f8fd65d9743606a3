//! AltCloud: RHEV hands out its data on a floppy disk, vSphere on a volume labelled CDROM.
//!
//! ds-identify compares the names of both with its own patterns, letter by letter, so it never finds this platform; here
//! it is as it was meant, and as the datasource itself has it. What to read: `deltacloud-user-data.txt`, else `user-data.txt`;
//! there are no meta-data. On purpose otherwise: the identifier is derived from the user-data, because cloud-init's constant
//! `455` hides that they have changed, and binary user-data stay as they are.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Needs, PLAIN, Platform, Way};
use crate::digest;
use crate::fetch::{Cloud, RESPONSE_BYTES_MAX};
use crate::instance::{Document, Documents, Instance, Source, Told};
use crate::machine::Machine;
use crate::machine::smbios::Field;
use crate::machine::volume::{self, Volume};
use crate::rule::{Inquiry, Rule, Seen, Verdict};
use crate::value::{Map, Value};
use crate::warning::Error;

/// Where an image says which of the two it was made for.
const CLOUD_INFO: &str = "/etc/sysconfig/cloud-info";

/// The files that may hold the user-data, the first that is there counts.
const FILES: [&str; 2] = ["deltacloud-user-data.txt", "user-data.txt"];
/// RHEV's floppy drive.
const FLOPPY: &str = "fd0";

/// RHEV and vSphere by way of Deltacloud.
pub static PLATFORM: Platform = Platform {
    name: "AltCloud",
    ways: &[Way {
        sign: Rule::Code(
            "/etc/sysconfig/cloud-info, else product_name, starts with RHEV and there is a floppy disk, or with vSphere or VMware and a volume is labelled CDROM",
            decide,
        ),
        needs: Needs::Nothing,
        asks: &["deltacloud-user-data.txt or user-data.txt on the floppy disk or the volume"],
        read: Some(read),
    }],
    ..PLAIN
};

fn decide(inquiry: &mut Inquiry) -> Verdict {
    let machine = inquiry.machine;
    let (place, said) = match machine.files.text(CLOUD_INFO) {
        Some(text) => (
            CLOUD_INFO,
            String::from(text.lines().next().unwrap_or_default()),
        ),
        None if machine.container => {
            return Verdict::No(String::from(
                "product_name is the host's, this is a container",
            ));
        }
        None => (
            "product_name",
            String::from(machine.dmi.get(Field::ProductName).unwrap_or_default()),
        ),
    };
    let starts = |word: &str| said.to_ascii_uppercase().starts_with(word);
    let known = format!("{place} says {said:?}");
    if starts("RHEV") {
        if has_floppy(machine) {
            Verdict::maybe(format!("{known} and there is a floppy disk"))
                .seeing(Seen::Volume(String::from(FLOPPY)))
        } else {
            Verdict::No(format!("{known}, but there is no floppy disk"))
        }
    } else if starts("VSPHERE") || starts("VMWARE") {
        on_a_disc(machine, known)
    } else {
        Verdict::No(known)
    }
}

fn has_floppy(machine: &Machine) -> bool {
    machine.files.kind("/sys/class/block/fd0").is_some()
}

/// OpenNebula's volumes may have the same label: sure is only who sees the file.
fn on_a_disc(machine: &Machine, known: String) -> Verdict {
    let labelled = |volume: &&Volume| volume.is_labelled("CDROM");
    let volumes = || machine.volumes.iter().filter(labelled);
    let holds = |volume: &&Volume| {
        let disk = machine.files.disk(&volume.name);
        let names = disk.and_then(|disk| volume::list(&*disk, volume, "").ok());
        names.is_some_and(|names| {
            FILES
                .iter()
                .any(|file| names.iter().any(|name| name == file))
        })
    };
    if let Some(volume) = volumes().find(holds) {
        let because = format!("{known} and volume {} holds user-data", volume.name);
        return Verdict::found(because).seeing(Seen::Volume(volume.name.clone()));
    }
    match volumes().next() {
        Some(volume) => Verdict::maybe(format!(
            "{known} and volume {} is labelled CDROM",
            volume.name
        ))
        .seeing(Seen::Volume(volume.name.clone())),
        None => Verdict::No(format!("{known}, but no volume is labelled CDROM")),
    }
}

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let seen = core::mem::take(&mut cloud.evidence.seen);
    let name = seen.into_iter().find_map(|seen| match seen {
        Seen::Volume(name) => Some(name),
        _ => None,
    });
    let name = name.unwrap_or_else(|| String::from(FLOPPY));
    let place = format!("/dev/{name}");
    let Some(document) = user_data(cloud, &name)? else {
        return Err(cloud.broken(&place, FILES[1], "no such file"));
    };
    let kind = if name == FLOPPY { "rhev" } else { "vsphere" };
    let id = digest::derived("altcloud-", &[Some(&document)]);
    let nothing = || Value::Map(Map::new());
    let meta_data = Map::from_iter([
        ("block-device-mapping", nothing()),
        ("instance-id", id.into()),
        ("local-hostname", "localhost".into()),
        ("placement", nothing()),
    ]);
    let told = Told {
        documents: Documents::default().with(Document::UserData, Some(document)),
        ..Told::by_meta_data("altcloud", Source { kind, place }, meta_data)
    };
    cloud.instance(told)
}

/// The user-data of a volume, without surrounding space.
fn user_data(cloud: &mut Cloud, name: &str) -> Result<Option<Vec<u8>>, Error> {
    let Some(disk) = cloud.machine.files.disk(name) else {
        return Err(cloud.broken(name, "a volume", "a device that cannot be opened"));
    };
    // A floppy disk is not among the volumes of the machine: an empty drive takes seconds to say so.
    let volume = Volume::read(name, &*disk);
    for file in FILES {
        let document = volume::read_file(&*disk, &volume, file, RESPONSE_BYTES_MAX)?;
        if let Some(document) = document {
            return Ok(Some(document.trim_ascii().to_vec()).filter(|bytes| !bytes.is_empty()));
        }
    }
    Ok(None)
}
