//! SmartOS, Triton and what was Joyent's cloud: keys and values over a serial line, or over a socket in a zone.
//!
//! How to know it: the product's name, or the kernel of a zone and its socket. What to ask: each key by name. Values of a
//! virtual machine may be base 64 by the word of other keys (`base64_all`, `base64_keys`, `b64-KEY`). Source: Joyent's "Metadata
//! Data Dictionary", and cloud-init's behaviour. On purpose otherwise: where there is no vendor-data, the scripts
//! `sdc:operator-script` and `user-script` are vendor-data themselves, which run at each boot.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Needs, PLAIN, Platform, Way};
use crate::dialect::mdata::Client;
use crate::fetch::Cloud;
use crate::instance::{Document, Documents, Instance, Source, Told};
use crate::json;
use crate::machine::smbios::Field;
use crate::network::smartos::{self, Facts};
use crate::outside::Port;
use crate::rule::{Inquiry, Match, Rule, Verdict};
use crate::text::flag;
use crate::userdata::compose::{Attachment, multipart};
use crate::value::{Map, Value};
use crate::warning::Error;

/// SmartOS.
pub static PLATFORM: Platform = Platform {
    name: "SmartOS",
    ways: &[
        Way {
            sign: Rule::Dmi(Field::ProductName, Match::Starts("SmartDC")),
            needs: Needs::Port,
            asks: &["/dev/ttyS1: KEYS, and GET of each key"],
            read: Some(virtual_machine),
        },
        Way {
            sign: Rule::Code(
                "the version of the kernel is \"BrandZ virtual linux\" and /native/.zonecontrol/metadata.sock is there",
                zone,
            ),
            needs: Needs::Port,
            asks: &["/native/.zonecontrol/metadata.sock: GET of each key"],
            read: Some(in_zone),
        },
    ],
    network_each_boot: true,
    ..PLAIN
};

/// The version of the kernel that a zone of the brand lx shows.
const ZONE: &str = "BrandZ virtual linux";
/// The socket to the host in a zone; a container within the zone does not have it.
const SOCKET: &str = "/native/.zonecontrol/metadata.sock";
/// The line to the host, and its speed in bits per second.
const SERIAL: (&str, u32) = ("/dev/ttyS1", 9600);

/// Names in the meta-data, the keys of the host, and whether white space around the value is dropped.
const KEYS: [(&str, &str, bool); 13] = [
    ("instance-id", "sdc:uuid", true),
    ("local-hostname", "hostname", true),
    ("public-keys", "root_authorized_keys", true),
    ("user-script", "user-script", false),
    ("legacy-user-data", "user-data", false),
    ("user-data", "cloud-init:user-data", false),
    ("iptables_disable", "iptables_disable", true),
    ("motd_sys_info", "motd_sys_info", true),
    ("availability_zone", "sdc:datacenter_name", true),
    ("vendor-data", "sdc:vendor-data", false),
    ("operator-script", "sdc:operator-script", false),
    ("hostname", "sdc:hostname", true),
    ("dns_domain", "sdc:dns_domain", true),
];
/// The same for values that are JSON.
const JSON_KEYS: [(&str, &str); 3] = [
    ("network-data", "sdc:nics"),
    ("dns_servers", "sdc:resolvers"),
    ("routes", "sdc:routes"),
];
/// Keys whose values are never base 64.
const NEVER_ENCODED: [&str; 5] = [
    "iptables_disable",
    "motd_sys_info",
    "root_authorized_keys",
    "sdc:datacenter_name",
    "user-script",
];

fn zone(inquiry: &mut Inquiry) -> Verdict {
    let machine = inquiry.machine;
    if machine.kernel.version != ZONE {
        return Verdict::No(String::from("the kernel is no zone's"));
    }
    match machine.files.kind(SOCKET) {
        Some(_) => Verdict::found(format!("the kernel is a zone's and {SOCKET} is there")),
        None => Verdict::No(format!("the kernel is a zone's, but {SOCKET} is not there")),
    }
}

fn virtual_machine(cloud: &mut Cloud) -> Result<Instance, Error> {
    let (path, speed) = SERIAL;
    let configured = cloud.configured("serial_device");
    let path = configured.and_then(Value::as_text).unwrap_or(path);
    let mut client = Client::open(cloud, &Port::Serial { path, speed })?;
    let encoded = Encoded::ask(cloud, &mut client)?;
    let source = Source {
        kind: "serial",
        place: String::from(path),
    };
    read(cloud, &mut client, &encoded, source)
}

fn in_zone(cloud: &mut Cloud) -> Result<Instance, Error> {
    let configured = cloud.configured("metadata_sockfile");
    let path = configured.and_then(Value::as_text).unwrap_or(SOCKET);
    let mut client = Client::open(cloud, &Port::Unix(path))?;
    let source = Source {
        kind: "socket",
        place: String::from(path),
    };
    read(cloud, &mut client, &Encoded::default(), source)
}

/// Which values are base 64.
#[derive(Default)]
struct Encoded {
    all: bool,
    keys: Vec<String>,
}

impl Encoded {
    fn ask(cloud: &mut Cloud, client: &mut Client) -> Result<Encoded, Error> {
        let names = client.keys(cloud)?;
        let mut text = |cloud: &mut Cloud, key: &str| -> Result<String, Error> {
            if !names.iter().any(|name| name == key) {
                return Ok(String::new());
            }
            let value = client.get(cloud, key)?.unwrap_or_default();
            Ok(String::from_utf8_lossy(&value).trim().to_string())
        };
        if flag(&text(cloud, "base64_all")?) == Some(true) {
            let keys = Vec::new();
            return Ok(Encoded { all: true, keys });
        }
        let listed = text(cloud, "base64_keys")?;
        let mut keys: Vec<String> = listed.split(',').map(String::from).collect();
        for key in names.iter().filter_map(|name| name.strip_prefix("b64-")) {
            keys.retain(|other| other != key);
            if flag(&text(cloud, &format!("b64-{key}"))?) == Some(true) {
                keys.push(String::from(key));
            }
        }
        Ok(Encoded { all: false, keys })
    }

    fn has(&self, key: &str) -> bool {
        !NEVER_ENCODED.contains(&key) && (self.all || self.keys.iter().any(|other| other == key))
    }
}

/// The value of a key as it is meant.
fn value(
    cloud: &mut Cloud,
    client: &mut Client,
    encoded: &Encoded,
    key: &str,
) -> Result<Option<Vec<u8>>, Error> {
    let Some(value) = client.get(cloud, key)? else {
        return Ok(None);
    };
    if !encoded.has(key) {
        return Ok(Some(value));
    }
    let plain: Vec<u8> = value
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    Ok(Some(STANDARD.decode(plain).unwrap_or_else(|_| {
        cloud.warn(key, "base 64, as other keys say", "something else");
        value
    })))
}

fn read(
    cloud: &mut Cloud,
    client: &mut Client,
    encoded: &Encoded,
    source: Source,
) -> Result<Instance, Error> {
    let mut meta_data = Map::new();
    let mut documents = Documents::default();
    for (name, key, trims) in KEYS {
        let found = value(cloud, client, encoded, key)?;
        match (name, found) {
            ("user-data", found) => documents.put(Document::UserData, found),
            ("vendor-data", found) => documents.put(Document::VendorData, found),
            (_, None) => drop(meta_data.insert(name, Value::Null)),
            (_, Some(bytes)) => drop(meta_data.insert(name, text(bytes, trims))),
        }
    }
    for (name, key) in JSON_KEYS {
        let found = value(cloud, client, encoded, key)?;
        let read = found.map(|bytes| json::read(&bytes));
        let read = read.unwrap_or(Ok(Value::Null)).unwrap_or_else(|error| {
            cloud.warn(key, "JSON", error);
            Value::Null
        });
        meta_data.insert(name, read);
    }
    if documents
        .get(Document::VendorData)
        .is_none_or(<[u8]>::is_empty)
    {
        documents.put(Document::VendorData, scripts(&meta_data));
    }
    let told = told(cloud, meta_data, documents, source);
    cloud.instance(told)
}

fn text(bytes: Vec<u8>, trims: bool) -> Value {
    match String::from_utf8(bytes) {
        Ok(text) if trims => text.trim().into(),
        Ok(text) => text.into(),
        Err(error) => Value::Bytes(error.into_bytes()),
    }
}

/// The scripts of operator and owner, to be run at each boot; the owner's through bash where it names no interpreter.
fn scripts(meta_data: &Map) -> Option<Vec<u8>> {
    let script = |key: &str, start: &str| {
        let text = meta_data.get(key)?.as_text()?;
        let start = if text.starts_with("#!") { "" } else { start };
        (!text.is_empty()).then(|| Attachment {
            filename: String::from(key),
            subtype: String::from("x-shellscript-per-boot"),
            content: [start, text].concat().into_bytes(),
        })
    };
    let scripts = [
        script("operator-script", ""),
        script("user-script", "#!/bin/bash\n"),
    ];
    let scripts: Vec<Attachment> = scripts.into_iter().flatten().collect();
    (!scripts.is_empty()).then(|| multipart(&scripts).into_bytes())
}

fn told(cloud: &mut Cloud, mut meta_data: Map, mut documents: Documents, source: Source) -> Told {
    let fact = |key: &str| meta_data.get(key).cloned().unwrap_or_default();
    let facts = Facts {
        nics: fact("network-data"),
        resolvers: fact("dns_servers"),
        domain: fact("dns_domain"),
        routes: fact("routes"),
    };
    let network = smartos::config(&facts);
    documents.put(Document::NetworkConfig, cloud.network_config(network));
    let named =
        |key: &str| Some(fact(key)).filter(|value| value.as_text() != Some("") && !value.is_null());
    let hostname = named("local-hostname").or_else(|| named("hostname"));
    let hostname = hostname.unwrap_or_else(|| fact("instance-id"));
    meta_data.insert("local-hostname", hostname);
    Told {
        documents,
        ..Told::by_meta_data("joyent", source, meta_data)
    }
}
