//! OVF: an environment file on a small CD-ROM, in a seed directory, or in a variable that VMware's hypervisor keeps.
//!
//! What counts of the environment: `instance-id`, `hostname` or `local-hostname`, `public-keys`, `password`, `user-data` (base 64
//! or plain), `network-config` (base 64 of YAML; not of a seed directory), `seedfrom`. Source: cloud-init's behaviour. On
//! purpose otherwise: user-data count as base 64 only if all of them are, because cloud-init makes garbage of some plain
//! text; and without `instance-id` the identifier is derived from the environment, because cloud-init's constant `iid-dsovf`
//! hides that it has changed.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Needs, PLAIN, Platform, Way};
use crate::dialect::base64::decoded;
use crate::dialect::encoded;
use crate::dialect::ovf::{FILES, NAMESPACE, properties};
use crate::dialect::seed::{self, Place};
use crate::digest;
use crate::fetch::{Cloud, RESPONSE_BYTES_MAX};
use crate::instance::{Document, Documents, Instance, InstanceId, Source, Told};
use crate::machine::Disk;
use crate::machine::volume::{self, Volume};
use crate::note::Note;
use crate::rule::kin::AZURE_CHASSIS;
use crate::rule::{Inquiry, Rule, Seen, Verdict};
use crate::url::shown;
use crate::value::{Map, Value};
use crate::warning::Error;
use crate::yaml;

/// A CD-ROM of this size or larger, in bytes, carries something else.
const DISC_BYTES_MAX: u64 = 10 << 20;

/// The variable of VMware's that holds an environment.
const VARIABLE: &str = "guestinfo.ovfEnv";

/// Labels of discs that are OVF's without a look inside.
const LABELS: &[&str] = &[
    "OVF-TRANSPORT",
    "ovf-transport",
    "OVFENV",
    "ovfenv",
    "OVF ENV",
    "ovf env",
];

/// The open virtualisation format: vSphere, VirtualBox, and private clouds of their kind.
pub static PLATFORM: Platform = Platform {
    name: "OVF",
    ways: &[Way {
        sign: Rule::Any(&[
            Rule::Holds("/var/lib/cloud/seed/ovf", &["ovf-env.xml"]),
            Rule::Code(
                "VMware keeps the variable guestinfo.ovfEnv for its guest",
                variable,
            ),
            Rule::Medium(
                LABELS,
                "on a virtual machine that is not Azure's, an iso9660 disc sr0-9 or hda-z is labelled OVF-TRANSPORT, OVFENV \
                 or OVF ENV, or is smaller than 10 MiB and names http://schemas.dmtf.org/ovf/environment/1",
                disc,
            ),
        ]),
        needs: Needs::Nothing,
        asks: &["ovf-env.xml of the seed directory, guestinfo.ovfEnv, ovf-env.xml of a disc"],
        read: Some(read),
    }],
    ..PLAIN
};

fn variable(inquiry: &mut Inquiry) -> Verdict {
    let machine = inquiry.machine;
    if machine.virt != "vmware" {
        return Verdict::No(String::from("virtualisation is not vmware"));
    }
    let text = machine.files.variable(VARIABLE).unwrap_or_default();
    match text.get(..5) {
        Some(start) if start.eq_ignore_ascii_case("<?xml") => {
            Verdict::found(format!("{VARIABLE} is set")).seeing(Seen::Variable(VARIABLE))
        }
        _ if text.is_empty() => Verdict::No(format!("{VARIABLE} is not set")),
        _ => Verdict::No(format!("{VARIABLE} is set, but not to XML")),
    }
}

fn disc(inquiry: &mut Inquiry) -> Verdict {
    let machine = inquiry.machine;
    if machine.virt == "none" {
        return Verdict::No(String::from("this is no virtual machine"));
    }
    if let Verdict::Found(evidence) = AZURE_CHASSIS.ask(inquiry) {
        return Verdict::No(format!("this is Azure: {}", evidence.because));
    }
    let discs = machine
        .volumes
        .iter()
        .filter(|volume| volume.kind.as_deref() == Some("iso9660"));
    let mut reasons: Vec<String> = Vec::new();
    for volume in discs {
        match look(inquiry, volume) {
            Ok(because) => {
                let seen = Seen::Volume(volume.name.clone());
                return Verdict::found(because).seeing(seen);
            }
            Err(because) => reasons.push(because),
        }
    }
    if reasons.is_empty() {
        reasons.push(String::from("no volume is an iso9660 disc"));
    }
    Verdict::No(reasons.join("; "))
}

/// Is this disc OVF's? Either way with the reason.
fn look(inquiry: &mut Inquiry, volume: &Volume) -> Result<String, String> {
    let name = &volume.name;
    if !is_drive(name) {
        let what = format!("skipping iso dev /dev/{name}");
        inquiry.note(Note::Debug(1, what));
        return Err(format!("{name} is no CD-ROM drive"));
    }
    let label = volume.label.as_deref().unwrap_or_default();
    inquiry.note(Note::Debug(1, format!("got label={label}")));
    if LABELS.contains(&label) {
        return Ok(format!("volume {name} is labelled {label}"));
    }
    let others = matches!(label, "config-2" | "CONFIG-2" | "cidata" | "CIDATA");
    if others || label.starts_with("rd_rdfe_stable") {
        return Err(format!(
            "volume {name} is labelled {label}, which is not OVF's"
        ));
    }
    if volume.bytes >= DISC_BYTES_MAX {
        let size = volume.bytes >> 20;
        let what = format!("/dev/{name}: size {size}MB is considered too large for OVF");
        inquiry.note(Note::Debug(2, what));
        return Err(format!("volume {name} is too large: {size} MiB"));
    }
    match inquiry.machine.files.disk(name) {
        Some(disk) if names_environment(disk.as_ref()) => {
            Ok(format!("volume {name} names an OVF environment"))
        }
        Some(_) => Err(format!("volume {name} names no OVF environment")),
        None => Err(format!("volume {name} cannot be read")),
    }
}

/// `sr0` to `sr9` and `hda` to `hdz`.
fn is_drive(name: &str) -> bool {
    matches!(
        name.as_bytes(),
        [b's', b'r', b'0'..=b'9'] | [b'h', b'd', b'a'..=b'z']
    )
}

/// Reads the disc through, in pieces that overlap by the length of the name looked for.
fn names_environment(disk: &dyn Disk) -> bool {
    const PIECE_BYTES: usize = 64 << 10;
    let end = disk.bytes().min(DISC_BYTES_MAX);
    let mut buffer = alloc::vec![0; PIECE_BYTES];
    for offset in (0..end).step_by(PIECE_BYTES - NAMESPACE.len() + 1) {
        let length =
            usize::try_from(end - offset).map_or(PIECE_BYTES, |rest| rest.min(PIECE_BYTES));
        let piece = buffer.get_mut(..length).unwrap_or_default();
        if !disk.read_at(offset, piece) {
            return false;
        }
        let mut windows = piece.windows(NAMESPACE.len());
        if windows.any(|window| window.eq_ignore_ascii_case(NAMESPACE.as_bytes())) {
            return true;
        }
    }
    false
}

/// An environment that was found.
struct Found {
    /// Where, in cloud-init's words.
    place: String,
    document: Vec<u8>,
    /// Whether its network configuration counts.
    network: bool,
}

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let found = found(cloud)?;
    let said = properties(&found.document);
    let said = said.map_err(|what| cloud.broken(&found.place, "an environment of OVF", what))?;
    let mut sources = alloc::vec![found.place];
    let mut taken = Taken::default();
    for (key, value) in said {
        taken.take(cloud, &key, value, found.network);
    }
    let seed = taken.meta_data.get("seedfrom").and_then(Value::to_text);
    if let Some(url) = seed.filter(|url| !url.is_empty()) {
        taken.follow(cloud, &url)?;
        sources.push(format!("{}", shown(&url)));
        // Everybody may read the tree.
        taken.meta_data.insert("seedfrom", sources[1].as_str());
    }
    let id = taken.meta_data.get("instance-id").and_then(Value::to_text);
    if id.and_then(|id| InstanceId::new(&id)).is_none() {
        let id = digest::derived("ovf-", &[Some(&found.document)]);
        taken.meta_data.insert("instance-id", id);
    }
    let place = sources.join(",");
    let told = Told {
        config: taken.config,
        documents: taken.documents,
        ..Told::by_meta_data("ovf", Source { kind: "ovf", place }, taken.meta_data)
    };
    cloud.instance(told)
}

/// The environment: of the seed directory, of the hypervisor, of the disc that showed it or any other.
fn found(cloud: &mut Cloud) -> Result<Found, Error> {
    let mut first = None;
    for seen in core::mem::take(&mut cloud.evidence.seen) {
        match seen {
            Seen::Directory(path) => {
                let place = format!("{path}/{}", FILES[0]);
                let document = cloud.machine.files.read(&place, RESPONSE_BYTES_MAX);
                if let Some(document) = document {
                    let network = false;
                    return Ok(Found {
                        place,
                        document,
                        network,
                    });
                }
            }
            Seen::Variable(name) => {
                let text = cloud.machine.files.variable(name).unwrap_or_default();
                return Ok(Found {
                    place: String::from("com.vmware.guestInfo"),
                    document: text.into_bytes(),
                    network: true,
                });
            }
            Seen::Volume(name) => first = Some(name),
            _ => {}
        }
    }
    match on_discs(cloud, first.as_deref()) {
        Some(document) => Ok(Found {
            place: String::from("iso"),
            document,
            network: true,
        }),
        None => Err(cloud.broken("seed directory, discs", FILES[0], "none")),
    }
}

/// The environment on the disc of this name, or on any other.
fn on_discs(cloud: &mut Cloud, first: Option<&str>) -> Option<Vec<u8>> {
    let machine = cloud.machine;
    let is_first = |volume: &&Volume| Some(volume.name.as_str()) == first;
    let discs = machine.volumes.iter().filter(is_first);
    let others = machine.volumes.iter().filter(|volume| !is_first(volume));
    let is_disc =
        |volume: &&Volume| volume.kind.as_deref() == Some("iso9660") && is_drive(&volume.name);
    let mut discs = discs.chain(others).filter(is_disc);
    discs.find_map(|disc| on_disc(cloud, disc))
}

fn on_disc(cloud: &mut Cloud, volume: &Volume) -> Option<Vec<u8>> {
    let disk = cloud.machine.files.disk(&volume.name)?;
    for name in FILES {
        match volume::read_file(&*disk, volume, name, RESPONSE_BYTES_MAX) {
            Ok(Some(document)) => return Some(document),
            Ok(None) => {}
            Err(error) => {
                cloud.warnings.push(error.what);
                return None;
            }
        }
    }
    None
}

/// What the properties come to.
#[derive(Default)]
struct Taken {
    meta_data: Map,
    config: Map,
    documents: Documents,
}

impl Taken {
    fn take(&mut self, cloud: &mut Cloud, key: &str, value: String, network: bool) {
        match key {
            "hostname" => drop(self.meta_data.insert("local-hostname", value)),
            "seedfrom" | "local-hostname" | "public-keys" | "instance-id" => {
                self.meta_data.insert(key, value);
            }
            "user-data" => self
                .documents
                .put(Document::UserData, Some(user_data(value))),
            "password" => drop(self.config.insert(key, value)),
            "network-config" if network => match network_config(&value) {
                Ok(config) => {
                    let document = seed::document(&config);
                    self.meta_data.insert(key, config);
                    self.documents.put(Document::NetworkConfig, document);
                }
                Err(found) => cloud.warn(key, "base 64 of YAML with a key network", found),
            },
            _ => {}
        }
    }

    /// A seed elsewhere: its user-data and vendor-data replace what was there, also by being absent, and its meta-data yields.
    fn follow(&mut self, cloud: &mut Cloud, url: &str) -> Result<(), Error> {
        let seed = seed::required(cloud, &Place::Url(url))?;
        seed::fill(&mut self.meta_data, seed.meta_data);
        let network = self.documents.share(Document::NetworkConfig);
        self.documents = seed.documents;
        self.documents.replace(Document::NetworkConfig, network);
        Ok(())
    }
}

/// Base 64, with blanks where the attribute had line ends, or plain text.
fn user_data(value: String) -> Vec<u8> {
    let letters: String = value.split_ascii_whitespace().collect();
    let bytes = decoded(letters.clone().into_bytes());
    if bytes == letters.as_bytes() {
        value.into_bytes()
    } else {
        bytes
    }
}

fn network_config(value: &str) -> Result<Value, String> {
    let bytes = encoded::base64(value.as_bytes())?;
    let tree = yaml::read(&bytes).map_err(|error| error.found)?;
    match tree.get("network") {
        Some(config) if !config.is_null() => Ok(config.clone()),
        _ => Err(String::from("none")),
    }
}
