//! Amazon EC2 and the clouds that speak its protocol.
//!
//! How to know it: firmware (a UUID that starts with `ec2`, also in the byte order of old SMBIOS; Xen's UUID; the relatives
//! by their names). What to ask: on AWS a session token first (IMDSv2, there is no fallback to version 1), then the tree of
//! meta-data, the identity document and user-data. Source: the EC2 user guide, "Instance metadata", and cloud-init's behaviour.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Deserialize;

use super::Platform;
use crate::fetch::{Cloud, Network, Optional, RESPONSE_BYTES_MAX};
use crate::instance::{self, Documents, Hostname, Instance, InstanceId};
use crate::machine::Machine;
use crate::machine::smbios::Field;
use crate::note::Note;
use crate::rule::{Inquiry, Rule, Verdict};
use crate::value::{Map, Value};
use crate::warning::Error;

/// Amazon EC2 and its relatives.
pub static PLATFORM: Platform = Platform {
    name: "Ec2",
    rule: Rule::Any(&[
        Rule::Holds("/var/lib/cloud/seed/ec2", &["meta-data", "user-data"]),
        Rule::Code(
            "product_serial ends with .brightbox.com; chassis_asset_tag ends with .zstack.io; sys_vendor is e24cloud or \
             Tilaa; product_name is 3DS Outscale VM and sys_vendor 3DS Outscale; /sys/hypervisor/uuid or product_uuid \
             starts with ec2 (the latter also with its bytes swapped); else maybe, if strict_id is not true",
            known,
        ),
    ]),
    network: Network::Any,
    asks: &[
        "PUT /latest/api/token (AWS)",
        "GET /VERSION/meta-data/ and every entry below it",
        "GET /VERSION/dynamic/instance-identity/document (AWS)",
        "GET /VERSION/user-data",
    ],
    fetch: Some(fetch),
};

const ENDPOINTS: &[&str] = &["http://169.254.169.254", "http://[fd00:ec2::254]"];
/// Versions of the tree, newest first; the last one exists everywhere.
const VERSIONS: &[&str] = &["2021-03-23", "2018-09-24", "2016-09-02", "2009-04-04"];
/// The longest life a token can have, six hours in seconds; ours dies with the agent.
const TOKEN_SECONDS: &str = "21600";
/// Most entries of the tree that are read.
const ENTRIES_MAX: usize = 2000;
/// Deepest directory of the tree that is read.
const TREE_DEPTH_MAX: usize = 12;

/// The clouds that speak EC2's protocol, in cloud-init's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relative {
    Aws,
    Brightbox,
    E24Cloud,
    Outscale,
    Tilaa,
    ZStack,
}

impl Relative {
    fn name(self) -> &'static str {
        match self {
            Relative::Aws => "aws",
            Relative::Brightbox => "brightbox",
            Relative::E24Cloud => "e24cloud",
            Relative::Outscale => "outscale",
            Relative::Tilaa => "tilaa",
            Relative::ZStack => "zstack",
        }
    }

    /// Its name in the log, as ds-identify writes it.
    fn title(self) -> &'static str {
        match self {
            Relative::Aws => "AWS",
            Relative::Brightbox => "Brightbox",
            Relative::E24Cloud => "E24cloud",
            Relative::Outscale => "Outscale",
            Relative::Tilaa => "Tilaa",
            Relative::ZStack => "ZStack",
        }
    }
}

/// Which of them a machine runs on, and the firmware string that says so.
fn relative(machine: &Machine) -> Option<(Relative, String)> {
    if machine.container {
        return None;
    }
    let dmi = |field: Field| machine.dmi.get(field).unwrap_or("");
    let vendor = dmi(Field::SysVendor);
    let found =
        |relative, field: Field| Some((relative, format!("{} is {:?}", field.name(), dmi(field))));
    if dmi(Field::ProductSerial).ends_with(".brightbox.com") {
        return found(Relative::Brightbox, Field::ProductSerial);
    }
    if dmi(Field::ChassisAssetTag).ends_with(".zstack.io") {
        return found(Relative::ZStack, Field::ChassisAssetTag);
    }
    if vendor == "e24cloud" {
        return found(Relative::E24Cloud, Field::SysVendor);
    }
    if vendor == "Tilaa" {
        return found(Relative::Tilaa, Field::SysVendor);
    }
    if vendor == "3DS Outscale" && dmi(Field::ProductName) == "3DS Outscale VM" {
        return found(Relative::Outscale, Field::ProductName);
    }
    let xen = machine
        .files
        .text("/sys/hypervisor/uuid")
        .unwrap_or_default();
    if xen.starts_with("ec2") {
        return Some((Relative::Aws, format!("/sys/hypervisor/uuid is {xen:?}")));
    }
    if is_ec2_uuid(dmi(Field::ProductUuid)) {
        return found(Relative::Aws, Field::ProductUuid);
    }
    None
}

/// True if the first field of a UUID is EC2's: it starts with `ec2`, or it does once the bytes of the field are swapped,
/// as firmware before SMBIOS 2.6 writes it.
fn is_ec2_uuid(uuid: &str) -> bool {
    let field = uuid.split('-').next().unwrap_or("").to_ascii_lowercase();
    let swapped = || {
        let tail = field
            .len()
            .checked_sub(4)
            .and_then(|at| field.get(at..))
            .unwrap_or("");
        let mut letters = tail.chars();
        letters.next() == Some('2')
            && letters.next().is_some_and(|c| c.is_ascii_hexdigit())
            && letters.as_str() == "ec"
    };
    field.starts_with("ec2") || swapped()
}

fn known(inquiry: &mut Inquiry) -> Verdict {
    let machine = inquiry.machine;
    if machine.container {
        return Verdict::No("firmware is the host's, this is a container".to_string());
    }
    let relative = relative(machine);
    let title = relative
        .as_ref()
        .map_or("Unknown", |(relative, _)| relative.title());
    inquiry.note(Note::Debug(1, format!("ec2 platform is '{title}'.")));
    if let Some((_, because)) = relative {
        return Verdict::Found(format!("{title}: {because}"));
    }
    let strict = &inquiry.settings.strict_id;
    let because = format!("no firmware string of EC2 or a relative, and strict_id is {strict}");
    if strict == "true" {
        return Verdict::No(because);
    }
    inquiry.extra = Some(format!("datasource: {{Ec2: {{strict_id: \"{strict}\"}}}}"));
    Verdict::Maybe(because)
}

fn fetch(cloud: &mut Cloud) -> Result<Instance, Error> {
    let relative = relative(cloud.machine).map_or(Relative::Aws, |(relative, _)| relative);
    cloud.reach(PLATFORM.network, ENDPOINTS)?;
    if relative == Relative::Aws {
        take_token(cloud)?;
    }
    let version = match relative {
        Relative::Aws | Relative::Outscale => version(cloud)?,
        _ => "2009-04-04",
    };
    let meta_data = crawl(cloud, version)?;
    let document = format!("/{version}/dynamic/instance-identity/document");
    let user_data = format!("/{version}/user-data");
    let identity = match relative {
        Relative::Aws => {
            cloud.expect([document.as_str(), user_data.as_str()].into_iter());
            identity(cloud, &document)
        }
        _ => None,
    };
    let user_data = cloud.get_or_warn(&user_data);
    read(cloud, relative, meta_data, identity, user_data)
}

/// Takes a session token, which every later request carries. 403 means that the owner switched the service off.
fn take_token(cloud: &mut Cloud) -> Result<(), Error> {
    const HEADER: &str = "X-aws-ec2-metadata-token";
    let lifetime = [("X-aws-ec2-metadata-token-ttl-seconds", TOKEN_SECONDS)];
    cloud.headers.retain(|(name, _)| *name != HEADER);
    let token = cloud.put("/latest/api/token", &lifetime)?;
    match String::from_utf8(token) {
        Ok(token) if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()) => {
            cloud.headers.push((HEADER, token));
            cloud.renew = Some(take_token);
            Ok(())
        }
        _ => Err(cloud.broken(
            "PUT /latest/api/token",
            "a token of printable letters",
            "something else",
        )),
    }
}

/// The newest version of the tree that this service has.
fn version(cloud: &mut Cloud) -> Result<&'static str, Error> {
    let (oldest, newer) = VERSIONS.split_last().unwrap_or((&"latest", &[]));
    for version in newer {
        if cloud
            .get_optional(&format!("/{version}/meta-data/instance-id"))?
            .is_some()
        {
            return Ok(version);
        }
    }
    Ok(oldest)
}

/// One entry of the tree.
struct Entry {
    key: String,
    path: String,
    what: What,
}

/// What an entry is.
enum What {
    /// A directory, and which entries it has.
    Directory(Vec<usize>),
    /// A value that must be there: a public key that a listing names.
    Key(Value),
    /// A value; null if it is not there after all.
    Leaf(Value),
}

/// Reads the whole tree of meta-data, level by level, so that it takes as many round trips as it is deep. A line of a listing
/// is a name; a name that ends in a slash is a directory; a name `0=my-key` is the public key that lies at `0/openssh-key`.
/// Credentials of the machine's role are never read.
fn crawl(cloud: &mut Cloud, version: &str) -> Result<Map, Error> {
    let mut entries = alloc::vec![Entry {
        key: String::new(),
        path: format!("/{version}/meta-data/"),
        what: What::Directory(Vec::new()),
    }];
    let (mut done, mut bytes) = (0, 0);
    for depth in 0.. {
        let level = done..entries.len();
        let Some(first) = entries.get(level.start) else {
            break;
        };
        if depth > TREE_DEPTH_MAX {
            let expected = format!("a tree of at most {TREE_DEPTH_MAX} levels");
            return Err(cloud.broken(&first.path, expected, "a deeper one"));
        }
        let asked = entries.get(level.clone()).unwrap_or(&[]).iter();
        let paths: Vec<(String, Optional)> = asked.map(Entry::question).collect();
        let answers = cloud.get_all(&paths)?;
        for (index, answer) in level.clone().zip(answers) {
            bytes += answer.as_ref().map_or(0, Vec::len);
            take(&mut entries, index, answer);
        }
        done = level.end;
        if entries.len() > ENTRIES_MAX || bytes > RESPONSE_BYTES_MAX {
            let place = format!("/{version}/meta-data/");
            let expected =
                format!("a tree of at most {ENTRIES_MAX} entries and {RESPONSE_BYTES_MAX} bytes");
            return Err(cloud.broken(&place, expected, "a larger one"));
        }
    }
    Ok(gathered(&mut entries, 0))
}

impl Entry {
    fn question(&self) -> (String, Optional) {
        let optional = matches!(self.what, What::Leaf(_));
        (self.path.clone(), Optional(optional))
    }

    /// What a line of the listing of the directory `path` names.
    fn named(path: &str, name: &str) -> Option<Entry> {
        let (key, path, what) = match (name.split_once('='), name.strip_suffix('/')) {
            _ if name.trim_end_matches('/') == "security-credentials" => return None,
            (Some((number, key)), _) => {
                let path = format!("{path}{number}/openssh-key");
                (key, path, What::Key(Value::Null))
            }
            (None, Some(key)) => (key, format!("{path}{name}"), What::Directory(Vec::new())),
            (None, None) => (name, format!("{path}{name}"), What::Leaf(Value::Null)),
        };
        Some(Entry {
            key: String::from(key),
            path,
            what,
        })
    }
}

/// Takes in the answer for an entry; those of a directory are appended.
fn take(entries: &mut Vec<Entry>, index: usize, answer: Option<Vec<u8>>) {
    let (Some(body), room) = (answer, (ENTRIES_MAX + 1).saturating_sub(entries.len())) else {
        return;
    };
    let next = entries.len();
    let Some(entry) = entries.get_mut(index) else {
        return;
    };
    match &mut entry.what {
        What::Key(value) | What::Leaf(value) => *value = leaf(&body),
        What::Directory(children) => {
            let listing = String::from_utf8_lossy(&body);
            let named = listing
                .lines()
                .filter_map(|name| Entry::named(&entry.path, name));
            let named: Vec<Entry> = named.take(room).collect();
            children.extend(next..next + named.len());
            entries.extend(named);
        }
    }
}

/// What a directory holds. The depth of the recursion is that of the tree, which is bounded.
fn gathered(entries: &mut [Entry], directory: usize) -> Map {
    let mut map = Map::default();
    let children = match entries.get_mut(directory).map(|entry| &mut entry.what) {
        Some(What::Directory(children)) => core::mem::take(children),
        _ => return map,
    };
    for index in children {
        let Some(entry) = entries.get_mut(index) else {
            continue;
        };
        let key = core::mem::take(&mut entry.key);
        let value = match &mut entry.what {
            What::Directory(_) => Value::Map(gathered(entries, index)),
            What::Leaf(Value::Null) => continue,
            What::Key(value) | What::Leaf(value) => core::mem::replace(value, Value::Null),
        };
        map.insert(&*key, value);
    }
    map
}

/// A leaf as the original reads it: a JSON object, several lines as a list, else text.
fn leaf(body: &[u8]) -> Value {
    let text = String::from_utf8_lossy(body);
    let text = text.trim_end_matches('\n');
    if text.trim_start().starts_with('{')
        && let Ok(value) = crate::json::read(text.as_bytes())
    {
        return value;
    }
    match text.contains('\n') {
        true => Value::List(text.lines().map(Value::from).collect()),
        false => Value::from(text),
    }
}

/// The instance identity document, as far as it is used. Its shape is fixed and documented, so it is read into bounds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    instance_id: heapless::String<64>,
    region: heapless::String<64>,
    availability_zone: Option<heapless::String<64>>,
}

/// The identity document, if it is there and is one; without it the tree says the same less surely.
fn identity(cloud: &mut Cloud, path: &str) -> Option<Identity> {
    let document = cloud.get_or_warn(path)?;
    let mut unescaped = [0; 1024];
    match serde_json_core::from_slice_escaped::<Identity>(&document, &mut unescaped) {
        Ok((identity, _)) => Some(identity),
        Err(error) => {
            let warning = cloud
                .broken(path, "an instance identity document", error)
                .what;
            cloud.warnings.push(warning);
            None
        }
    }
}

fn read(
    cloud: &Cloud,
    relative: Relative,
    meta_data: Map,
    identity: Option<Identity>,
    user_data: Option<Vec<u8>>,
) -> Result<Instance, Error> {
    let text = |key: &str| {
        meta_data
            .get(key)
            .and_then(Value::as_text)
            .map(String::from)
    };
    let placement = |key: &str| {
        let value = meta_data.get("placement")?.get(key)?.as_text()?;
        Some(String::from(value))
    };
    let id = match &identity {
        Some(identity) => Some(String::from(identity.instance_id.as_str())),
        None => text("instance-id"),
    };
    let found = id.clone().unwrap_or_default();
    let instance_id = InstanceId::new(&found)
        .ok_or_else(|| cloud.broken("instance-id", "an instance-id", format!("{found:?}")))?;
    let zone = identity
        .as_ref()
        .and_then(|identity| identity.availability_zone.as_ref());
    let zone = zone.map(|zone| String::from(zone.as_str()));
    let region = identity
        .as_ref()
        .map(|identity| String::from(identity.region.as_str()));
    Ok(Instance {
        platform: PLATFORM.name,
        source: cloud.base.clone(),
        cloud_name: String::from(relative.name()),
        instance_id,
        hostname: text("local-hostname").as_deref().and_then(Hostname::new),
        region: region.or_else(|| placement("region")),
        availability_zone: zone.or_else(|| placement("availability-zone")),
        ssh_keys: meta_data
            .get("public-keys")
            .map(instance::ssh_keys)
            .unwrap_or_default(),
        launch_index: text("ami-launch-index").and_then(|index| index.parse().ok()),
        documents: Documents {
            user_data: user_data.map(super::decoded),
            ..Documents::default()
        },
        meta_data: Value::Map(meta_data),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_of_ec2_is_known_in_both_byte_orders() {
        for uuid in [
            "ec2abcde-1234-5678-9abc-def012345678",
            "EC2ABCDE-0",
            "45e12aec-dcd1-b213-94ed-012345ec2",
            "xx2fEC-1",
        ] {
            assert!(is_ec2_uuid(uuid), "{uuid}");
        }
        for uuid in [
            "",
            "-ec2",
            "e2c00000-0",
            "aec2abcd-0",
            "2ec",
            "450e2aex-1",
            "é2aec€-0",
        ] {
            assert!(!is_ec2_uuid(uuid), "{uuid}");
        }
    }

    #[test]
    fn a_leaf_is_text_a_list_or_an_object() {
        assert_eq!(leaf(b"ami-1\n"), Value::from("ami-1"));
        assert_eq!(
            leaf(b"a\nb\n"),
            Value::List(alloc::vec![Value::from("a"), Value::from("b")])
        );
        assert!(leaf(b"{\"a\": 1}").get("a").is_some());
        assert_eq!(leaf(b"{broken"), Value::from("{broken"));
    }
}
