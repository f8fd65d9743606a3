//! VMware: documents in variables of the environment, or in those that the hypervisor keeps for its guest.
//!
//! How to know it: the variables. What to ask: `metadata`, `userdata`, `vendordata`, each with its `.encoding` (`base64`,
//! `gzip+base64`), of the environment (`VMX_GUESTINFO_…`), else of the hypervisor (`guestinfo.…`), which is asked over its
//! backdoor and not by VMware's programs. What the meta-data say under `redact` (or `cleanup-guestinfo`) is cleared there
//! afterwards. Source: cloud-init's behaviour. On purpose otherwise: a value that is not encoded as it says costs itself, and
//! where neither the meta-data nor firmware have an identifier (in a container) it is derived from the documents. The
//! customisation that VMware's tools do (IMC) is recognised and left to cloud-init: it takes the tools and their files.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Needs, PLAIN, Platform, Way};
use crate::dialect::encoded::decoded;
use crate::dialect::seed;
use crate::digest;
use crate::fetch::Cloud;
use crate::instance::{Document, Documents, Instance, InstanceId, Source, Told};
use crate::json;
use crate::machine::smbios::Field;
use crate::machine::{Files, Kind, Machine};
use crate::outside::{Port, Stream};
use crate::rule::{Inquiry, Rule, Verdict};
use crate::value::{Map, Value};
use crate::warning::Error;

/// Where the programs that ask the hypervisor are found.
const PROGRAMS: [&str; 2] = ["vmware-rpctool", "vmtoolsd"];
const DIRECTORIES: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];

/// vSphere and its kin.
pub static PLATFORM: Platform = Platform {
    name: "VMware",
    ways: &[
        Way {
            sign: Rule::Code(
                "the environment has VMX_GUESTINFO, and VMX_GUESTINFO_METADATA, _USERDATA or _VENDORDATA",
                environment,
            ),
            needs: Needs::Nothing,
            asks: &["VMX_GUESTINFO_METADATA, _USERDATA, _VENDORDATA and their _ENCODING"],
            read: Some(read_environment),
        },
        Way {
            sign: Rule::Code(
                "the hypervisor keeps guestinfo.metadata, .userdata or .vendordata",
                guestinfo,
            ),
            needs: Needs::Port,
            asks: &["the backdoor: guestinfo.metadata, .userdata, .vendordata and their .encoding"],
            read: Some(read_guestinfo),
        },
        Way {
            sign: Rule::All(&[
                Rule::Virt(&["vmware"]),
                Rule::Code(
                    "VMware's tools are installed with their customisation plug-in, and disable_vmware_customization is false",
                    customization,
                ),
            ]),
            needs: Needs::Nothing,
            asks: &[],
            read: None,
        },
    ],
    only_there: Some("its datasource tells the hypervisor the machine's addresses"),
    ..PLAIN
};

/// Where the variables are, and how they are called there.
#[derive(Clone, Copy)]
enum Transport {
    Environment,
    Hypervisor,
}

/// The documents, in cloud-init's order.
const DOCUMENTS: [&str; 3] = ["metadata", "userdata", "vendordata"];

impl Transport {
    fn name(self, key: &str) -> String {
        match self {
            Transport::Hypervisor => format!("guestinfo.{key}"),
            Transport::Environment => {
                format!(
                    "VMX_GUESTINFO_{}",
                    key.to_ascii_uppercase().replace('.', "_")
                )
            }
        }
    }

    /// The value of a key without trailing space; an empty one, and `---`, is none.
    fn value(self, files: &dyn Files, key: &str) -> Option<String> {
        let value = files.variable(&self.name(key))?;
        let value = value.trim_end();
        (!matches!(value, "" | "---")).then(|| String::from(value))
    }

    /// The name of the first document that is there.
    fn first(self, files: &dyn Files) -> Option<String> {
        let mut keys = DOCUMENTS.into_iter();
        let key = keys.find(|key| self.value(files, key).is_some())?;
        Some(self.name(key))
    }

    /// A document, decoded.
    fn document(self, cloud: &mut Cloud, key: &str) -> Option<Vec<u8>> {
        let files = cloud.machine.files;
        let value = self.value(files, key)?;
        let encoding = self.value(files, &format!("{key}.encoding"));
        let encoding = encoding.unwrap_or_default();
        match decoded(&encoding, value.as_bytes()) {
            Ok(document) => Some(document),
            Err(found) => {
                cloud.warn(&self.name(key), &encoding, found);
                None
            }
        }
    }
}

fn environment(inquiry: &mut Inquiry) -> Verdict {
    let files = inquiry.machine.files;
    let marker = files.variable("VMX_GUESTINFO").unwrap_or_default();
    match Transport::Environment.first(files) {
        Some(name) if !marker.is_empty() => {
            Verdict::found(format!("the environment has VMX_GUESTINFO and {name}"))
        }
        Some(name) => Verdict::No(format!("the environment has {name}, but no VMX_GUESTINFO")),
        None => Verdict::No(String::from("the environment has no VMX_GUESTINFO data")),
    }
}

fn guestinfo(inquiry: &mut Inquiry) -> Verdict {
    let machine = inquiry.machine;
    if machine.container || machine.virt != "vmware" {
        return Verdict::No(format!("virtualisation is {}", machine.virt));
    }
    match Transport::Hypervisor.first(machine.files) {
        Some(name) => Verdict::found(format!("the hypervisor keeps {name}")),
        None => Verdict::No(String::from("the hypervisor keeps no guestinfo data")),
    }
}

fn read_environment(cloud: &mut Cloud) -> Result<Instance, Error> {
    let place = Transport::Environment.name("metadata");
    let kind = "envvar";
    let meta_data = meta_data(cloud, Transport::Environment);
    instance(
        cloud,
        Transport::Environment,
        Source { kind, place },
        meta_data,
    )
}

fn read_guestinfo(cloud: &mut Cloud) -> Result<Instance, Error> {
    let place = Transport::Hypervisor.name("metadata");
    let kind = "guestinfo";
    let meta_data = meta_data(cloud, Transport::Hypervisor);
    let redacted = ["redact", "cleanup-guestinfo"];
    let redacted = redacted.iter().find_map(|key| meta_data.get(key).cloned());
    let instance = instance(
        cloud,
        Transport::Hypervisor,
        Source { kind, place },
        meta_data,
    )?;
    let redacted = redacted.unwrap_or_default();
    cloud.once_accepted(move |cloud| redact(cloud, &redacted));
    Ok(instance)
}

fn meta_data(cloud: &mut Cloud, transport: Transport) -> Map {
    let document = transport.document(cloud, "metadata").unwrap_or_default();
    let mut map = match map(&document) {
        Ok(map) => map,
        Err(found) => {
            cloud.warn(&transport.name("metadata"), "a map in JSON or YAML", found);
            Map::new()
        }
    };
    let encoding = map.remove(&"network.encoding".into());
    if let Some(network) = map
        .remove(&"network".into())
        .filter(|network| !is_empty(network))
    {
        match network_config(network, &encoding.unwrap_or_default()) {
            Ok(config) => drop(map.insert("network", Map::from_iter([("config", config)]))),
            Err(found) => cloud.warn("network", "a network configuration", found),
        }
    }
    map
}

/// A document in JSON or YAML that is a map; an empty one is none.
fn map(document: &[u8]) -> Result<Map, String> {
    let read = json::read(document)
        .ok()
        .filter(|value| value.as_map().is_some());
    let value = match read {
        Some(value) => value,
        None => crate::yaml::read(document).map_err(|error| error.found)?,
    };
    match value {
        Value::Map(map) => Ok(map),
        Value::Null => Ok(Map::new()),
        other => Err(String::from(other.noun())),
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => true,
        Value::Text(text) => text.is_empty(),
        Value::Map(map) => map.is_empty(),
        _ => false,
    }
}

/// The network of the meta-data: a map, or text that holds one, encoded as another key says.
fn network_config(network: Value, encoding: &Value) -> Result<Value, String> {
    match network {
        map @ Value::Map(_) => Ok(map),
        Value::Text(text) => {
            let encoding = encoding.as_text().unwrap_or_default();
            map(&decoded(encoding, text.as_bytes())?).map(Value::Map)
        }
        other => Err(String::from(other.noun())),
    }
}

fn instance(
    cloud: &mut Cloud,
    transport: Transport,
    source: Source,
    mut meta_data: Map,
) -> Result<Instance, Error> {
    let user_data = transport.document(cloud, "userdata");
    let vendor_data = transport.document(cloud, "vendordata");
    let id = meta_data.get("instance-id").and_then(Value::to_text);
    if id.and_then(|id| InstanceId::new(&id)).is_none() {
        let uuid = cloud.machine.dmi.get(Field::ProductUuid);
        let derived =
            || digest::derived("vmware-", &[user_data.as_deref(), vendor_data.as_deref()]);
        meta_data.insert("instance-id", uuid.map_or_else(derived, str::to_lowercase));
    }
    let network = meta_data
        .get("network")
        .and_then(|network| network.get("config"));
    let network = network.and_then(seed::document);
    let keys = [
        "public-keys-data",
        "public_keys_data",
        "public-keys",
        "public_keys",
    ];
    let keys = keys.iter().find_map(|key| meta_data.get(key).cloned());
    let told = Told {
        public_keys: keys.unwrap_or_default(),
        documents: Documents::default()
            .with(Document::UserData, user_data)
            .with(Document::VendorData, vendor_data)
            .with(Document::NetworkConfig, network),
        ..Told::by_meta_data("vmware", source, meta_data)
    };
    cloud.instance(told)
}

/// Most keys that the meta-data may have cleared.
const REDACTED_MAX: usize = 64;

/// Clears variables, as the meta-data ask for: `---` is an empty document, and what cannot be set to nothing is set to a blank.
fn redact(cloud: &mut Cloud, keys: &Value) {
    let keys: Vec<&str> = match keys {
        Value::Text(key) => alloc::vec![key.as_str()],
        Value::List(keys) => keys.iter().filter_map(Value::as_text).collect(),
        _ => return,
    };
    let timeout = cloud.remaining();
    let mut stream = match cloud.outside.open(&Port::Backdoor, timeout) {
        Ok(stream) => stream,
        Err(failure) => return cloud.warn("redact", "VMware's backdoor", failure.found),
    };
    for key in keys.into_iter().take(REDACTED_MAX) {
        let is_key = |letter: char| letter.is_ascii_graphic();
        let commands = [
            format!("info-set guestinfo.{key} ---"),
            format!("info-set guestinfo.{key}.encoding  "),
        ];
        let cleared = key.chars().all(is_key)
            && commands
                .iter()
                .all(|command| done(cloud, &mut *stream, command));
        if cleared {
            cloud.note(format_args!("guestinfo.{key} was cleared"))
        } else {
            cloud.warn(
                &format!("redact {key}"),
                "a variable to be cleared",
                "one that is not",
            )
        }
    }
}

fn done(cloud: &Cloud, stream: &mut dyn Stream, command: &str) -> bool {
    let mut reply = [0; 2];
    let written = stream.write(command.as_bytes(), cloud.deadline);
    let read = written.and_then(|()| stream.read(&mut reply, cloud.deadline));
    read.is_ok_and(|count| count > 0 && reply[0] == b'1')
}

/// The marker of the customisation that VMware's tools do.
fn customization(inquiry: &mut Inquiry) -> Verdict {
    let machine = inquiry.machine;
    let Some(tool) = tool(machine) else {
        return Verdict::No(String::from(
            "no customisation: neither vmware-rpctool nor vmtoolsd is here, as in an initramfs",
        ));
    };
    let Some(plugin) = plugin(machine) else {
        return Verdict::No(format!("{tool} is there, but no customisation plug-in"));
    };
    let wanted = inquiry
        .settings
        .configured(&["disable_vmware_customization"])
        .is_some_and(is_false);
    if wanted {
        Verdict::found(format!(
            "{plugin} is there and disable_vmware_customization is false; the customisation is cloud-init's part, not cloudseed's"
        ))
    } else {
        Verdict::No(format!(
            "{plugin} is there, but disable_vmware_customization is not false"
        ))
    }
}
fn is_false(value: &Value) -> bool {
    match value {
        Value::Bool(value) => !value,
        Value::Int(number) => *number == 0,
        Value::Text(text) => matches!(text.as_str(), "0" | "false" | "False"),
        _ => false,
    }
}

fn tool(machine: &Machine) -> Option<String> {
    let paths = DIRECTORIES
        .iter()
        .flat_map(|directory| PROGRAMS.map(|program| format!("{directory}/{program}")));
    paths
        .into_iter()
        .find(|path| machine.files.kind(path) == Some(Kind::File))
}

fn plugin(machine: &Machine) -> Option<String> {
    const LIBRARIES: [&str; 5] = [
        "/usr/lib",
        "/usr/lib64",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib/i386-linux-gnu",
    ];
    let paths = ["vmware-tools", "open-vm-tools"]
        .iter()
        .flat_map(|package| {
            LIBRARIES
                .map(|library| format!("{library}/{package}/plugins/vmsvc/libdeployPkgPlugin.so"))
        });
    paths
        .into_iter()
        .find(|path| machine.files.kind(path) == Some(Kind::File))
}
