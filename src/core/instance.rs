//! Instance: what a cloud says of one machine, and the newtypes that cannot be wrong.

use alloc::string::String;
use alloc::vec::Vec;

use crate::value::Value;

/// The identifier of an instance: what changes when, and only when, this is a new machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceId(String);

impl InstanceId {
    /// Longest identifier kept, in bytes; it becomes a name of a directory.
    pub const BYTES_MAX: usize = 200;

    /// Takes printable text without a slash or surrounding space; `None` for anything else.
    pub fn new(text: &str) -> Option<InstanceId> {
        let text = text.trim();
        let fits = !text.is_empty()
            && text.len() <= InstanceId::BYTES_MAX
            && !matches!(text, "." | "..")
            && !text
                .chars()
                .any(|c| c.is_control() || c.is_whitespace() || c == '/');
        fits.then(|| InstanceId(String::from(text)))
    }

    /// The identifier.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A host name as RFC 1123 section 2.1 allows: labels of letters, digits and hyphens, up to 253 bytes in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hostname(String);

impl Hostname {
    /// Takes a name with or without a domain; one trailing dot is dropped.
    pub fn new(text: &str) -> Option<Hostname> {
        let text = text.trim();
        let text = text.strip_suffix('.').unwrap_or(text);
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label
                    .chars()
                    .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        };
        (text.len() <= 253 && text.split('.').all(label)).then(|| Hostname(String::from(text)))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// One line of an authorized_keys file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshKey(String);

impl SshKey {
    /// Longest line kept, in bytes; an RSA key of 16384 bits is below 3000.
    pub const BYTES_MAX: usize = 8192;

    /// Takes one line of at least two words without control characters.
    pub fn new(text: &str) -> Option<SshKey> {
        let text = text.trim();
        let fits = text.len() <= SshKey::BYTES_MAX
            && !text.starts_with('#')
            && text.split_ascii_whitespace().count() >= 2
            && !text.chars().any(char::is_control);
        fits.then(|| SshKey(String::from(text)))
    }

    /// The line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Keys in any of the shapes that clouds give them: lines of text, a list of lines, a mapping of names to either.
pub fn ssh_keys(value: &Value) -> Vec<SshKey> {
    match value {
        Value::Text(text) => text.lines().filter_map(SshKey::new).collect(),
        Value::List(values) => values.iter().flat_map(ssh_keys).collect(),
        Value::Map(map) => map.iter().flat_map(|(_, value)| ssh_keys(value)).collect(),
        _ => Vec::new(),
    }
}

/// What a cloud says of one machine: parsed facts, and the documents as they came.
#[derive(Clone, Debug)]
pub struct Instance {
    /// The platform's name, as cloud-init calls its datasource.
    pub platform: &'static str,
    /// Where the data came from: a URL, `volume sr0 labelled cidata`.
    pub source: String,
    /// The cloud's name where one datasource serves several (`aws`, `outscale`, …).
    pub cloud_name: String,
    /// The identifier; content-derived where the cloud gives none.
    pub instance_id: InstanceId,
    /// The host name, when the cloud gives one that is one.
    pub hostname: Option<Hostname>,
    /// The region, when the cloud has such.
    pub region: Option<String>,
    /// The availability zone, when the cloud has such.
    pub availability_zone: Option<String>,
    /// Keys for the default user.
    pub ssh_keys: Vec<SshKey>,
    /// This machine's number among those launched together; parts may be meant for one of them.
    pub launch_index: Option<i64>,
    /// The meta-data as a tree, in the original's layout: the `ds.meta_data` of instance-data.json.
    pub meta_data: Value,
    /// The documents as fetched.
    pub documents: Documents,
}

/// The documents a cloud hands out, as fetched; `None` where it has none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents {
    /// Meta-data as one document, where the cloud serves it as one; else the tree written as YAML.
    pub meta_data: Option<Vec<u8>>,
    /// What the owner of the machine supplied.
    pub user_data: Option<Vec<u8>>,
    /// What the operator of the cloud supplied.
    pub vendor_data: Option<Vec<u8>>,
    /// A second document of the operator (OpenStack's dynamic one).
    pub vendor_data2: Option<Vec<u8>>,
    /// The network configuration, version 1 or 2.
    pub network_config: Option<Vec<u8>>,
}
