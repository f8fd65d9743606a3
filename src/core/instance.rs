//! Instance: what a cloud says of one machine, and the newtypes that cannot be wrong.
//!
//! A recipe tells all of it as it came ([`Told`]); [`Instance::new`] makes the newtypes of it. A value that one of them
//! refuses leaves a warning, and what can be saved of it is saved.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv4Addr;

use crate::bytes::Bytes;
use crate::value::{Map, Value};
use crate::warning::{Blame, Error, Warning};

/// Longest name of a region, a zone, a cloud or a host that is kept as it came, in bytes: such stand in many files, and in the
/// line for the console.
pub const NAME_BYTES_MAX: usize = 1024;

/// The identifier of an instance: what changes when, and only when, this is a new machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstanceId(String);

impl InstanceId {
    /// Longest identifier kept, in bytes.
    pub const BYTES_MAX: usize = 1024;
    /// Longest name of a file made of one, in bytes.
    const NAME_BYTES_MAX: usize = 200;

    /// Takes text as the cloud has it, without surrounding space; `None` if it is empty, too long or has control characters.
    pub fn new(text: &str) -> Option<InstanceId> {
        let text = text.trim();
        let fits = !text.is_empty()
            && text.len() <= InstanceId::BYTES_MAX
            && !text.chars().any(char::is_control);
        fits.then(|| InstanceId(String::from(text)))
    }

    /// The identifier.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The identifier where it names a file: `/` becomes `_`, as in cloud-init; so does what is nothing but dots, and one
    /// that is too long is cut and told from its like by its digest.
    pub fn file_name(&self) -> String {
        let name = self.0.replace('/', "_");
        if name.chars().all(|letter| letter == '.') {
            return name.replace('.', "_");
        }
        if name.len() <= InstanceId::NAME_BYTES_MAX {
            return name;
        }
        let end = (0..=128).rev().find(|end| name.is_char_boundary(*end));
        let (start, _) = name.split_at(end.unwrap_or(0));
        format!("{start}-{}", crate::digest::sha256(name.as_bytes()))
    }
}

/// A host name, as the cloud says it and as RFC 1123 section 2.1 allows it: labels of letters, digits and hyphens, up to
/// 253 bytes in all.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hostname {
    said: String,
    name: String,
}

impl Hostname {
    /// Takes a name with or without a domain; one trailing dot is dropped, `localdomain` is no domain, and an IPv4 address makes a
    /// name of its own, as in cloud-init. Of a text that is no name its first label is saved, blanks as hyphens, without other signs. The flag
    /// is false where it was no name; `None` where nothing could be saved.
    pub fn read(text: &str) -> (Option<Hostname>, bool) {
        let said = text.trim();
        let said = said.strip_suffix('.').unwrap_or(said);
        let said = said.strip_suffix(".localdomain").unwrap_or(said);
        if said.parse::<Ipv4Addr>().is_ok() {
            let name = format!("ip-{}", said.replace('.', "-"));
            let said = name.clone();
            return (Some(Hostname { said, name }), true);
        }
        Hostname::whole(said)
    }

    /// The same where cloud-init takes the name as it comes: an address is a name like others, and `localdomain` a domain.
    pub fn whole(text: &str) -> (Option<Hostname>, bool) {
        let said = text.trim();
        let said = said.strip_suffix('.').unwrap_or(said);
        let fits = said.len() <= 253 && said.split('.').all(is_label);
        let name = if fits {
            String::from(said)
        } else {
            saved(short(said))
        };
        let kept = Some(said).filter(|said| said.len() <= NAME_BYTES_MAX);
        let hostname = Hostname {
            said: String::from(kept.unwrap_or(&name)),
            name,
        };
        (
            Some(hostname).filter(|hostname| !hostname.name.is_empty()),
            fits,
        )
    }

    /// The name, which is one.
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// What the cloud says, whatever that is; of what is longer than [`NAME_BYTES_MAX`], the name.
    pub fn said(&self) -> &str {
        &self.said
    }

    /// What the cloud says up to the first dot, whatever that is: cloud-init's `local_hostname`.
    pub fn short(&self) -> &str {
        short(&self.said)
    }
}

fn short(text: &str) -> &str {
    text.split('.').next().unwrap_or(text)
}

fn is_label(label: &str) -> bool {
    let of_a_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.chars().all(of_a_name)
}

/// A label made of text that is none; it may be empty.
fn saved(text: &str) -> String {
    let plain = text.trim().replace(char::is_whitespace, "-");
    let kept = plain
        .chars()
        .filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'));
    let label: String = kept.take(63).collect();
    String::from(label.trim_matches('-'))
}

/// One line of an authorized_keys file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SshKey(String);

impl SshKey {
    /// Longest line kept, in bytes; an RSA key of 16384 bits is below 3000.
    pub const BYTES_MAX: usize = 8192;

    /// Takes one line of at least two words, between which there may be tabs, without other control characters.
    pub fn new(text: &str) -> Option<SshKey> {
        let text = text.trim();
        let fits = text.len() <= SshKey::BYTES_MAX
            && !text.starts_with('#')
            && text.split_ascii_whitespace().count() >= 2
            && !text.chars().any(|c| c.is_control() && c != '\t');
        fits.then(|| SshKey(String::from(text)))
    }

    /// The line.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The lines in any of the shapes that clouds give keys in: text, a list of texts, a mapping of names to either. Empty lines
/// and comments are left out. Lines end where Python's do: keys that were pasted may have any of these breaks.
pub fn key_lines(value: &Value) -> Vec<&str> {
    match value {
        Value::Text(text) => {
            let lines = crate::text::lines(text).map(str::trim);
            lines
                .filter(|line| !line.is_empty() && !line.starts_with('#'))
                .collect()
        }
        Value::List(values) => values.iter().flat_map(key_lines).collect(),
        Value::Map(map) => map.iter().flat_map(|(_, value)| key_lines(value)).collect(),
        _ => Vec::new(),
    }
}

/// How many leaves hold something and no lines.
fn other_leaves(value: &Value) -> usize {
    match value {
        Value::List(values) => values.iter().map(other_leaves).sum(),
        Value::Map(map) => map.iter().map(|(_, value)| other_leaves(value)).sum(),
        Value::Text(_) | Value::Null | Value::Bool(false) | Value::Int(0) => 0,
        _ => 1,
    }
}

/// Where the data came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Of which kind it is, in cloud-init's words: `metadata`, `config-disk`, `seed-dir`, `serial`.
    pub kind: &'static str,
    /// The place: a URL, a device, a directory; several with commas between.
    pub place: String,
}

impl Source {
    /// A metadata service by its address.
    pub fn metadata(place: &str) -> Source {
        Source {
            kind: "metadata",
            place: String::from(place),
        }
    }

    /// A directory that somebody has put the documents into; also an address that stands for one.
    pub fn seed_dir(place: impl Into<String>) -> Source {
        Source {
            kind: "seed-dir",
            place: place.into(),
        }
    }

    /// A volume, by the name of its block device.
    pub fn config_disk(name: &str) -> Source {
        Source {
            kind: "config-disk",
            place: ["/dev/", name].concat(),
        }
    }
}

/// As cloud-init's `subplatform`: `metadata (http://169.254.169.254)`.
impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.kind, self.place)
    }
}

/// A document that clouds hand out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Document {
    /// Meta-data as one document, where the cloud serves it as one.
    MetaData,
    /// What the owner of the machine supplied.
    UserData,
    /// What the operator of the cloud supplied.
    VendorData,
    /// A second document of the operator (OpenStack's dynamic one).
    VendorData2,
    /// The network configuration, version 1 or 2.
    NetworkConfig,
}

impl Document {
    /// Every one, in the order in which they are told of.
    pub const ALL: [Document; 5] = [
        Document::MetaData,
        Document::UserData,
        Document::VendorData,
        Document::VendorData2,
        Document::NetworkConfig,
    ];

    /// Its name, and the name of its file.
    pub fn name(self) -> &'static str {
        match self {
            Document::MetaData => "meta-data",
            Document::UserData => "user-data",
            Document::VendorData => "vendor-data",
            Document::VendorData2 => "vendor-data2",
            Document::NetworkConfig => "network-config",
        }
    }
}

/// The documents of one instance, as fetched.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Documents([Option<Bytes>; 5]);

impl Documents {
    /// The document, if there is one.
    pub fn get(&self, document: Document) -> Option<&[u8]> {
        self.0.get(document as usize)?.as_deref()
    }

    /// The document as bytes to keep.
    pub fn share(&self, document: Document) -> Option<Bytes> {
        self.0.get(document as usize)?.clone()
    }

    /// Takes a document; nothing leaves what was there.
    pub fn put(&mut self, document: Document, bytes: Option<Vec<u8>>) {
        if let (Some(slot), Some(_)) = (self.0.get_mut(document as usize), &bytes) {
            *slot = bytes.map(Bytes::from);
        }
    }

    /// Puts bytes, or nothing, in a document's place; what was there.
    pub fn replace(&mut self, document: Document, bytes: Option<Bytes>) -> Option<Bytes> {
        let slot = self.0.get_mut(document as usize)?;
        core::mem::replace(slot, bytes)
    }

    /// The same with a document.
    pub fn with(mut self, document: Document, bytes: Option<Vec<u8>>) -> Documents {
        self.put(document, bytes);
        self
    }

    /// Those that there are as bytes to keep, in the order of [`Document::ALL`].
    pub fn shared(&self) -> impl Iterator<Item = (Document, Bytes)> {
        let all = Document::ALL.into_iter().zip(&self.0);
        all.filter_map(|(document, bytes)| Some((document, bytes.clone()?)))
    }

    /// Takes what another source has, in place of what is there.
    pub fn extend(&mut self, other: &Documents) {
        for (slot, new) in self.0.iter_mut().zip(&other.0) {
            if new.is_some() {
                slot.clone_from(new);
            }
        }
    }

    /// Those that there are, in the order of [`Document::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Document, &[u8])> {
        let all = Document::ALL.into_iter();
        all.filter_map(|document| Some((document, self.get(document)?)))
    }
}

/// All that a recipe tells of an instance, as the cloud has it. Every field has to be named, so that none is forgotten;
/// [`Told::by_meta_data`] names them by the keys that cloud-init's base class knows.
#[derive(Clone, Debug)]
pub struct Told {
    /// The cloud's name where one datasource serves several (`aws`, `outscale`, …); in any case.
    pub cloud_name: String,
    /// Where the data came from.
    pub source: Source,
    /// The identifier.
    pub instance_id: Option<String>,
    /// The host name, with or without a domain.
    pub hostname: Option<String>,
    /// True where cloud-init takes the host name as it comes, and cuts no domain off its `local_hostname`.
    pub keeps_domain: bool,
    /// The region.
    pub region: Option<String>,
    /// The availability zone.
    pub availability_zone: Option<String>,
    /// Keys for the default user, in any shape that [`key_lines`] knows.
    pub public_keys: Value,
    /// The number among the machines launched together.
    pub launch_index: Option<String>,
    /// The meta-data as a tree, in cloud-init's layout.
    pub meta_data: Map,
    /// What stands beside `meta_data` below `ds` of the instance data.
    pub beside: Map,
    /// What the platform itself configures, in the keys of a cloud-config: the password of the default user, say. What the
    /// documents say counts more.
    pub config: Map,
    /// The documents as fetched.
    pub documents: Documents,
    /// The network configuration for a cloud-init that does not write it for netplan, where cloud-init makes another then.
    pub plain_network: Option<Vec<u8>>,
}

impl Told {
    /// Whether there is anything of it that somebody would miss.
    pub fn says_something(&self) -> bool {
        let kinds = [Document::UserData, Document::VendorData];
        let has = |kind: &Document| {
            self.documents
                .get(*kind)
                .is_some_and(|bytes| !bytes.is_empty())
        };
        kinds.iter().any(has) || self.hostname.is_some() || !key_lines(&self.public_keys).is_empty()
    }

    /// What stands under the keys that mean the same on most clouds; `cloud_name` counts where the meta-data have none.
    pub fn by_meta_data(cloud_name: &str, source: Source, meta_data: Map) -> Told {
        let text = |key: &str| meta_data.get(key).and_then(Value::to_text);
        // As in cloud-init, for which 0 and false are none.
        let some = |key: &str| {
            let nothing = matches!(meta_data.get(key), Some(Value::Int(0) | Value::Bool(false)));
            text(key).filter(|text| !text.is_empty() && !nothing)
        };
        let own_name = meta_data.get("cloud-name").and_then(Value::as_text);
        let own_name = own_name.filter(|name| !name.is_empty());
        let placement = || {
            let placement = meta_data.get("placement")?;
            placement.get("availability-zone")?.to_text()
        };
        let zone = some("availability-zone").or_else(|| some("availability_zone"));
        Told {
            cloud_name: String::from(own_name.unwrap_or(cloud_name)),
            source,
            instance_id: text("instance-id"),
            hostname: some("local-hostname"),
            keeps_domain: false,
            region: some("region"),
            availability_zone: zone.or_else(placement),
            public_keys: meta_data.get("public-keys").cloned().unwrap_or_default(),
            launch_index: text("launch-index").filter(|text| !text.is_empty()),
            beside: Map::new(),
            config: Map::new(),
            documents: Documents::default(),
            plain_network: None,
            meta_data,
        }
    }

    /// Takes an identifier of the platform's own where the cloud has none that can be kept.
    pub fn or_id(self, own: impl FnOnce() -> String) -> Told {
        let id = self.instance_id.filter(|id| InstanceId::new(id).is_some());
        Told {
            instance_id: Some(id.unwrap_or_else(own)),
            ..self
        }
    }
}

/// What a cloud says of one machine: parsed facts, and the documents as they came.
#[expect(
    clippy::manual_non_exhaustive,
    reason = "not even this crate's platforms make one by hand"
)]
#[derive(Clone, Debug)]
pub struct Instance {
    /// The platform's name, as cloud-init calls its datasource.
    pub platform: &'static str,
    /// Where the data came from.
    pub source: Source,
    /// The cloud's name in lower case, `unknown` where nobody says it.
    pub cloud_name: String,
    /// The identifier; content-derived where the cloud gives none.
    pub instance_id: InstanceId,
    /// The host name, when the cloud gives one.
    pub hostname: Option<Hostname>,
    /// As in [`Told::keeps_domain`].
    pub keeps_domain: bool,
    /// The region, when the cloud has such.
    pub region: Option<String>,
    /// The availability zone, when the cloud has such.
    pub availability_zone: Option<String>,
    /// Keys for the default user.
    pub ssh_keys: Vec<SshKey>,
    /// This machine's number among those launched together; parts may be meant for one of them.
    pub launch_index: Option<i64>,
    /// The meta-data as a tree, in cloud-init's layout: the `ds.meta_data` of instance-data.json.
    pub meta_data: Value,
    /// What stands beside it there.
    pub beside: Map,
    /// What the platform itself configures, below all that the documents say.
    pub config: Map,
    /// The documents as fetched.
    pub documents: Documents,
    /// As in [`Told::plain_network`].
    pub plain_network: Option<Vec<u8>>,
    /// What the user-data are trusted by, where the owner asks for that: keys of result.json.
    pub trusted: Map,
    /// Whether all of it could be read.
    pub is_whole: bool,
    /// Only [`Instance::new`] makes one.
    _made: (),
}

impl Instance {
    /// Makes the instance of what `platform` told. What had to be refused or mended becomes a warning.
    ///
    /// # Errors
    /// There is no identifier, or one that cannot be kept: then nobody could tell a new instance from an old one.
    pub fn new(
        platform: &'static str,
        told: Told,
        warnings: &mut Vec<Warning>,
    ) -> Result<Instance, Error> {
        let mut refusals = Refusals { platform, warnings };
        refusals.tell_of_other_kinds(&told);
        let id = told.instance_id.unwrap_or_default();
        let Some(instance_id) = InstanceId::new(&id) else {
            let expected = format!("text of 1 to {} bytes", InstanceId::BYTES_MAX);
            let found = if id.is_empty() { "none" } else { "another" };
            let step = format!("fetch {platform}");
            return Err(Error::new(
                Blame::Broken,
                step,
                "instance-id",
                expected,
                found,
            ));
        };
        Ok(Instance {
            platform,
            source: told.source,
            cloud_name: refusals
                .name("cloud name", Some(told.cloud_name))
                .map_or_else(|| String::from("unknown"), |name| name.to_lowercase()),
            instance_id,
            hostname: told
                .hostname
                .and_then(|text| refusals.hostname(&text, told.keeps_domain)),
            keeps_domain: told.keeps_domain,
            region: refusals.name("region", told.region),
            availability_zone: refusals.name("availability zone", told.availability_zone),
            ssh_keys: refusals.ssh_keys(&told.public_keys),
            launch_index: told
                .launch_index
                .and_then(|text| refusals.launch_index(&text)),
            meta_data: told.meta_data.into(),
            beside: told.beside,
            config: told.config,
            documents: told.documents,
            plain_network: told.plain_network,
            trusted: Map::new(),
            is_whole: true,
            _made: (),
        })
    }
}

/// Where what is refused is told.
struct Refusals<'a> {
    platform: &'static str,
    warnings: &'a mut Vec<Warning>,
}

impl Refusals<'_> {
    fn tell(&mut self, place: &str, expected: &str, found: impl ToString) {
        let step = format!("fetch {}", self.platform);
        self.warnings
            .push(Warning::new(step, place, expected, found));
    }

    /// Facts that are lost because what stands in their place is no text.
    fn tell_of_other_kinds(&mut self, told: &Told) {
        let (named, zone) = (told.hostname.is_some(), told.availability_zone.is_some());
        let facts: [(bool, &[&str]); 4] = [
            (named, &["local-hostname", "hostname"]),
            (told.region.is_some(), &["region"]),
            (zone, &["availability-zone", "availability_zone"]),
            (told.launch_index.is_some(), &["launch-index"]),
        ];
        for (is_known, keys) in facts {
            let values = keys.iter().map(|key| (*key, told.meta_data.get(key)));
            let mut other =
                values.filter(|(_, value)| value.is_some_and(Value::is_other_than_text));
            if let Some((key, Some(value))) = other.next().filter(|_| !is_known) {
                self.tell(key, "text", value.noun());
            }
        }
        let named = told.meta_data.get("cloud-name");
        if let Some(other) = named.filter(|name| !name.is_null() && name.as_text().is_none()) {
            self.tell("cloud-name", "text", other.noun());
        }
    }

    fn hostname(&mut self, text: &str, keeps_domain: bool) -> Option<Hostname> {
        let (hostname, fits) = if keeps_domain {
            Hostname::whole(text)
        } else {
            Hostname::read(text)
        };
        if !fits && !text.trim().is_empty() {
            let expected = "labels of letters, digits and hyphens with dots between";
            let rest = match &hostname {
                Some(hostname) => format!("of which {:?} is kept", hostname.as_str()),
                None => String::from("of which nothing can be kept"),
            };
            let found = format!("{}, {rest}", crate::text::quote(text));
            self.tell("host name", expected, found);
        }
        hostname
    }

    fn name(&mut self, place: &str, text: Option<String>) -> Option<String> {
        let text = text?;
        if text.len() > NAME_BYTES_MAX {
            let expected = format!("a name of at most {NAME_BYTES_MAX} bytes");
            self.tell(place, &expected, format!("one of {}", text.len()));
            return None;
        }
        Some(text)
    }

    /// A key is public, but what stands in its place need not be: it is not quoted.
    fn ssh_keys(&mut self, value: &Value) -> Vec<SshKey> {
        let lines = key_lines(value);
        let keys: Vec<SshKey> = lines.iter().filter_map(|line| SshKey::new(line)).collect();
        let lost = lines.len() - keys.len() + other_leaves(value);
        if lost > 0 {
            let expected = "lines of an authorized_keys file";
            self.tell("public keys", expected, format!("{lost} of another kind"));
        }
        keys
    }

    fn launch_index(&mut self, text: &str) -> Option<i64> {
        let index = text.trim().parse().ok();
        if index.is_none() {
            self.tell("launch index", "a number", crate::text::quote(text));
        }
        index
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn name(text: &str) -> Option<String> {
        let (hostname, fits) = Hostname::read(text);
        let hostname = hostname?;
        let mark = if fits { "" } else { " !" };
        Some(format!("{} {}{mark}", hostname.as_str(), hostname.short()))
    }

    #[test]
    fn what_can_be_saved_of_a_host_name_is_saved() {
        for (text, expected) in [
            ("web-1.example.com.", "web-1.example.com web-1"),
            ("web.localdomain", "web web"),
            ("192.0.2.7", "ip-192-0-2-7 ip-192-0-2-7"),
            (
                "ip-10-0-0-5.a.example b.example",
                "ip-10-0-0-5 ip-10-0-0-5 !",
            ),
            ("my host", "my-host my host !"),
            ("zürich.example", "zrich zürich !"),
            ("-x-", "x -x- !"),
        ] {
            assert_eq!(name(text).as_deref(), Some(expected), "{text}");
        }
        let whole = |text| Hostname::whole(text).0.map(|name| name.name);
        assert_eq!(whole("192.0.2.7").as_deref(), Some("192.0.2.7"));
        assert_eq!(whole("a.localdomain").as_deref(), Some("a.localdomain"));
        for text in ["", " ", "..", "ü", "."] {
            assert_eq!(name(text), None, "{text}");
        }
        let long = "a".repeat(300);
        assert_eq!(
            Hostname::read(&long).0.map(|name| name.name.len()),
            Some(63)
        );
    }

    #[test]
    fn an_identifier_is_kept_as_it_is_and_names_a_file() {
        for (text, expected) in [
            ("i-0abc", "i-0abc"),
            ("ns1/mvm0", "ns1_mvm0"),
            ("my vm", "my vm"),
            ("..", "__"),
            ("../../etc", ".._.._etc"),
        ] {
            let id = InstanceId::new(text);
            assert_eq!(id.as_ref().map(InstanceId::as_str), Some(text));
            assert_eq!(id.map(|id| id.file_name()).as_deref(), Some(expected));
        }
        let (one, other) = (
            format!("{}1", "ü".repeat(200)),
            format!("{}2", "ü".repeat(200)),
        );
        let names = [one, other].map(|text| InstanceId::new(&text).map(|id| id.file_name()));
        assert_ne!(names[0], names[1]);
        assert!(names.iter().flatten().all(|name| name.len() <= 200));
        assert_eq!(InstanceId::new("a\nb"), None);
        assert_eq!(InstanceId::new("  "), None);
    }

    #[test]
    fn a_name_is_no_document() {
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        let source = Source::metadata("http://192.0.2.1");
        let mut told = Told::by_meta_data("a", source, Map::new());
        told.instance_id = Some(String::from("i"));
        told.region = Some(long.clone());
        told.availability_zone = Some(String::from("z"));
        told.hostname = Some(format!("{long}.{long}"));
        told.cloud_name = long;
        let mut warnings = Vec::new();
        let instance = Instance::new("Test", told, &mut warnings).ok();
        let instance = instance.as_ref();
        assert_eq!(instance.map(|known| &known.region), Some(&None));
        assert_eq!(
            instance.map(|known| known.cloud_name.as_str()),
            Some("unknown")
        );
        let zone = instance.and_then(|known| known.availability_zone.as_deref());
        assert_eq!(zone, Some("z"));
        let hostname = instance.and_then(|known| known.hostname.as_ref());
        assert_eq!(hostname.map(|name| name.said().len()), Some(63));
        assert_eq!(warnings.len(), 3);
    }

    #[test]
    fn keys_come_in_many_shapes_and_a_refused_one_is_told() {
        let keys = Value::Map(Map::from_iter([
            (
                "0",
                Value::from(
                    "ssh-rsa AAAA a\n# why\n\nssh-rsa BBBB b\rssh-rsa CCCC c\u{b}ssh-rsa D d",
                ),
            ),
            (
                "1",
                Value::List(alloc::vec![Value::from("broken"), 7.into()]),
            ),
        ]));
        let mut warnings = Vec::new();
        let mut refusals = Refusals {
            platform: "Test",
            warnings: &mut warnings,
        };
        assert_eq!(refusals.ssh_keys(&keys).len(), 4);
        let told: Vec<String> = warnings
            .iter()
            .map(|warning| warning.found.clone())
            .collect();
        assert_eq!(told, ["2 of another kind"]);
    }

    #[test]
    fn what_is_no_text_is_told() {
        let odd = || Value::Map(Map::from_iter([("a", Value::from("b"))]));
        let keys = [
            "local-hostname",
            "region",
            "availability-zone",
            "launch-index",
            "cloud-name",
        ];
        let mut meta_data: Map = keys.iter().map(|key| (*key, odd())).collect();
        meta_data.insert("instance-id", "i");
        let told = Told::by_meta_data("test", Source::metadata("x"), meta_data);
        let mut warnings = Vec::new();
        Instance::new("Test", told, &mut warnings).unwrap();
        let told: Vec<&str> = warnings.iter().map(|warning| &*warning.place).collect();
        assert_eq!(told, keys);
    }
}
