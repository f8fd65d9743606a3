//! A seed: meta-data, user-data, vendor-data and network-config, side by side in a directory, on a volume or behind a URL.
//!
//! Source: cloud-init's NoCloud and the seed directories of its other datasources. A seed has at least meta-data and
//! user-data, which may be empty. On purpose otherwise: meta-data that cannot be understood costs the meta-data, and an
//! optional document that cannot be read costs that document, with a warning each.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::fetch::{Cloud, RESPONSE_BYTES_MAX};
use crate::instance::{Document, Documents, Source};
use crate::machine::volume::{self, Volume};
use crate::minisign;
use crate::url::{below, shown};
use crate::value::{Map, Value};
use crate::warning::{Blame, Error};

/// What one source has.
#[derive(Clone, Debug, Default)]
pub struct Seed {
    /// Its meta-data.
    pub meta_data: Map,
    /// Its documents.
    pub documents: Documents,
}

/// A place that may hold a seed.
pub enum Place<'a> {
    /// A directory of the machine.
    Directory(&'a str),
    /// A volume.
    Volume(&'a Volume),
    /// A URL; where each document is, see [`below`].
    Url(&'a str),
}

impl Place<'_> {
    /// Its name in messages.
    pub fn name(&self) -> String {
        match self {
            Place::Directory(path) => String::from(*path),
            Place::Url(url) => format!("{}", shown(url)),
            Place::Volume(volume) => format!("volume {}", volume.name),
        }
    }

    /// The document of this name, which may be a path; nothing if it is not there.
    ///
    /// # Errors
    /// It is there and cannot be read, or nobody answers who would know.
    pub fn read(&self, cloud: &mut Cloud, name: &str) -> Result<Option<Vec<u8>>, Error> {
        match self {
            Place::Directory(path) => {
                let path = format!("{path}/{name}");
                let found = cloud.machine.files.document(&path, RESPONSE_BYTES_MAX);
                found.map_err(|found| cloud.broken(&path, "a document", found))
            }
            Place::Volume(volume) => match cloud.machine.files.disk(&volume.name) {
                Some(disk) => volume::read_file(&*disk, volume, name, RESPONSE_BYTES_MAX),
                None => {
                    let found = "a device that cannot be opened";
                    Err(cloud.broken(&self.name(), "a volume", found))
                }
            },
            Place::Url(url) => cloud.web().read(&below(url, name)),
        }
    }

    /// The same where the loss of a document costs only itself.
    pub fn read_or_warn(&self, cloud: &mut Cloud, name: &str) -> Option<Vec<u8>> {
        self.read(cloud, name).unwrap_or_else(|error| {
            cloud.warnings.push(error.what);
            None
        })
    }

    /// The names of what is there in a folder, as far as that can be told; folders may have a slash behind them.
    pub fn there(&self, cloud: &Cloud, folder: &str) -> Vec<String> {
        match self {
            Place::Directory(path) => cloud.machine.files.list(&format!("{path}/{folder}")),
            Place::Volume(volume) => {
                let disk = cloud.machine.files.disk(&volume.name);
                let names = disk.and_then(|disk| volume::list(&*disk, volume, folder).ok());
                names.unwrap_or_default()
            }
            Place::Url(_) => Vec::new(),
        }
    }
}

/// Most names of what is there that a message tells.
const NAMES_MAX: usize = 8;

/// Reads a seed. `None` where there is none that is complete; a warning then says what is missing, and what is there.
pub fn read(cloud: &mut Cloud, place: &Place) -> Option<Seed> {
    let meta_data = needed(cloud, place, "meta-data")?;
    let user_data = needed(cloud, place, "user-data")?;
    let user_data = with_signature(cloud, place, "user-data", user_data);
    let vendor_data = place.read_or_warn(cloud, "vendor-data");
    let vendor_data = vendor_data.map(|bytes| with_signature(cloud, place, "vendor-data", bytes));
    let name = format!("{} meta-data", place.name());
    Some(Seed {
        meta_data: map(cloud, &name, &meta_data),
        documents: Documents::default()
            .with(Document::MetaData, Some(meta_data))
            .with(Document::UserData, Some(user_data))
            .with(Document::VendorData, vendor_data)
            .with(
                Document::NetworkConfig,
                place.read_or_warn(cloud, "network-config"),
            ),
    })
}

/// Reads the seed directory of a datasource that has it beside its own service.
///
/// # Errors
/// There is none that is complete.
pub fn directory(cloud: &mut Cloud, path: &str) -> Result<(Source, Seed), Error> {
    match read(cloud, &Place::Directory(path)) {
        Some(seed) => Ok((Source::seed_dir(path), seed)),
        None => Err(cloud.broken(path, "a seed", "none that is complete")),
    }
}

/// Reads a seed that has to be there.
///
/// # Errors
/// Why it is not there.
pub fn required(cloud: &mut Cloud, place: &Place) -> Result<Seed, Error> {
    let warned = cloud.warnings.len();
    if let Some(seed) = read(cloud, place) {
        return Ok(seed);
    }
    let last = cloud.warnings.drain(warned..).next_back();
    let broken = |what| Error::of(Blame::Broken, what);
    Err(last.map_or_else(|| cloud.broken(&place.name(), "a seed", "none"), broken))
}

fn needed(cloud: &mut Cloud, place: &Place, name: &str) -> Option<Vec<u8>> {
    match place.read(cloud, name) {
        Ok(Some(document)) => Some(document),
        Ok(None) => {
            let mut there = place.there(cloud, "");
            there.truncate(NAMES_MAX);
            let found = match there[..] {
                [] => String::from("no such document"),
                _ => format!("no such file beside {}", there.join(", ")),
            };
            cloud.warn(&place.name(), name, found);
            None
        }
        Err(error) => {
            cloud.warnings.push(error.what);
            None
        }
    }
}

/// A document behind the signature that stands beside it, where signatures are asked for.
fn with_signature(cloud: &mut Cloud, place: &Place, name: &str, document: Vec<u8>) -> Vec<u8> {
    if cloud.settings.keys.is_none() || minisign::is_signed(&document) {
        return document;
    }
    match place.read_or_warn(cloud, &format!("{name}.minisig")) {
        Some(signature) => [signature.trim_ascii_end(), b"\n", &document].concat(),
        None => document,
    }
}

/// Adds what is new to meta-data, also within its maps: what was there before counts more.
pub fn fill(into: &mut Map, from: Map) {
    for (key, value) in from {
        match (into.get_mut(&key), value) {
            (Some(Value::Map(into)), Value::Map(from)) => fill(into, from),
            (Some(_), _) => {}
            (None, value) => drop(into.insert(key, value)),
        }
    }
}

/// Meta-data as a map; what is none costs itself.
pub fn map(cloud: &mut Cloud, place: &str, document: &[u8]) -> Map {
    match crate::yaml::read(document) {
        Ok(Value::Map(map)) => return map,
        Ok(Value::Null) => {}
        Ok(other) => cloud.warn(place, "a map", other.noun()),
        Err(error) => {
            let step = format!("fetch {}", cloud.name);
            cloud.warnings.push(error.warning(step, place));
        }
    }
    Map::new()
}

/// A document that stands in a configuration: text, bytes, or a tree that is written as one.
pub fn document(value: &Value) -> Option<Vec<u8>> {
    match value {
        Value::Null => None,
        Value::Text(text) => Some(text.clone().into_bytes()),
        Value::Bytes(bytes) => Some(bytes.clone()),
        tree => Some(crate::yaml::write(tree).into_bytes()),
    }
}
