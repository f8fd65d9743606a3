//! cloud-init's configuration: `/etc/cloud/cloud.cfg`, `/etc/cloud/cloud.cfg.d/*.cfg` in the order of their names, and `cc:` of
//! the kernel command line, each stronger than those before it. Maps are merged key by key; of everything else the strongest
//! counts, as in cloud-init. (What an earlier run has left in /run/cloud-init, which cloud-init reads too, is our own.)

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::document;
use crate::machine::{FILE_BYTES_MAX, Kind, Machine};
use crate::url::shown;
use crate::value::{Map, Value};
use crate::warning::Warning;

/// The configuration.
const FILE: &str = "/etc/cloud/cloud.cfg";
/// The directory of its further pieces.
const DIRECTORY: &str = "/etc/cloud/cloud.cfg.d";
/// Most pieces that are read.
pub const PIECES_MAX: usize = 256;
/// What the piece on the command line is called.
const CC: &str = "kernel command line, cc:";

/// The file that cloud-init makes of what `cloud-config-url=` names.
const BY_URL: &str = "/etc/cloud/cloud.cfg.d/91_kernel_cmdline_url.cfg";

/// One piece of the configuration.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// Its file, or [`CC`].
    pub place: String,
    /// What it says.
    pub map: Map,
}

impl Document {
    /// True for a file.
    pub fn is_file(&self) -> bool {
        self.place != CC
    }

    /// True for what the kernel command line says or names.
    pub fn is_commanded(&self) -> bool {
        self.place == CC || self.place == BY_URL
    }
}

/// Reads every piece, weakest first. One that cannot be used costs that piece and a warning.
pub(super) fn read(machine: &Machine, warnings: &mut Vec<Warning>) -> Vec<Document> {
    let mut documents = Vec::new();
    for path in paths(machine, warnings) {
        match machine.files.read(&path, FILE_BYTES_MAX) {
            Some(bytes) => documents.extend(piece(path, &bytes, warnings)),
            None if machine.files.kind(&path) == Some(Kind::File) => {
                let expected = format!("a file of at most {FILE_BYTES_MAX} bytes");
                warnings.push(Warning::new(
                    "settings",
                    path,
                    expected,
                    "one that cannot be read",
                ));
            }
            None => {}
        }
    }
    let cc = machine.cmdline.cloud_config();
    documents.extend(piece(String::from(CC), cc.as_bytes(), warnings));
    documents
}

fn paths(machine: &Machine, warnings: &mut Vec<Warning>) -> Vec<String> {
    let mut paths = Vec::from([String::from(FILE)]);
    let names = machine.files.list(DIRECTORY).into_iter();
    let pieces = names.filter(|name| name.ends_with(".cfg") && !name.starts_with('.'));
    paths.extend(pieces.map(|name| format!("{DIRECTORY}/{name}")));
    if paths.len() > 1 + PIECES_MAX {
        let found = paths.len() - 1;
        let expected = format!("at most {PIECES_MAX} files (the first ones are read)");
        warnings.push(Warning::new("settings", DIRECTORY, expected, found));
        paths.truncate(1 + PIECES_MAX);
    }
    paths
}

fn piece(place: String, bytes: &[u8], warnings: &mut Vec<Warning>) -> Option<Document> {
    let (expected, found) = match document(bytes) {
        Ok(Value::Map(map)) => return Some(Document { place, map }),
        Ok(Value::Null) => return None,
        Ok(other) => ("a mapping", String::from(other.noun())),
        Err(found) => ("YAML", found),
    };
    warnings.push(Warning::new("settings", place, expected, found));
    None
}

/// The piece behind `cloud-config-url=`, which has to say by its first line what it is.
pub(super) fn by_url(url: &str, bytes: &[u8], warnings: &mut Vec<Warning>) -> Option<Document> {
    const START: &[u8] = b"#cloud-config";
    if bytes.starts_with(START) {
        let read = piece(format!("{}", shown(url)), bytes, warnings)?;
        let place = String::from(BY_URL);
        return Some(Document { place, ..read });
    }
    let found = "another document";
    warnings.push(Warning::new(
        "settings",
        shown(url),
        "a document that begins with #cloud-config",
        found,
    ));
    None
}

/// Puts a piece where its name belongs.
pub(super) fn insert(documents: &mut Vec<Document>, piece: Option<Document>) {
    let Some(piece) = piece else { return };
    let after = documents
        .iter()
        .position(|other| !other.is_file() || other.place > piece.place);
    let index = after.unwrap_or(documents.len());
    documents.insert(index, piece);
}

/// All pieces as one.
pub(super) fn merged<'a>(documents: impl IntoIterator<Item = &'a Document>) -> Map {
    let mut merged = Map::new();
    for document in documents {
        merge(&mut merged, document.map.clone());
    }
    merged
}

/// As deep as the reader of YAML lets values be.
fn merge(weak: &mut Map, strong: Map) {
    for (key, value) in strong {
        match (weak.get_mut(&key), value) {
            (Some(Value::Map(weak)), Value::Map(strong)) => merge(weak, strong),
            (Some(slot), value) => *slot = value,
            (None, value) => {
                weak.insert(key, value);
            }
        }
    }
}
