//! DigitalOcean: one JSON document, for whoever has any IPv4 link-local address.
//!
//! How to know it: the vendor of the firmware. What to ask: `/metadata/v1.json`, which holds user-data and vendor-data as
//! well. The network configuration is made from its interfaces as the original makes it. Source: DigitalOcean's metadata API
//! reference, and cloud-init's behaviour.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Needs, Platform, Way};
use crate::fetch::Cloud;
use crate::instance::{Document, Documents, Instance, Source, Told};
use crate::machine::Link;
use crate::machine::smbios::Field;
use crate::outside::Network;
use crate::rule::{Match, Rule};
use crate::value::{Map, Value};
use crate::warning::Error;

/// DigitalOcean.
pub static PLATFORM: Platform = Platform {
    name: "DigitalOcean",
    ways: &[Way {
        sign: Rule::Dmi(Field::SysVendor, Match::Is("DigitalOcean")),
        needs: Needs::Network(Network::LinkLocal4),
        asks: &["GET /metadata/v1.json"],
        read: Some(fetch),
    }],
};

const ENDPOINTS: &[&str] = &["http://169.254.169.254"];
const PATH: &str = "/metadata/v1.json";
/// The subnets of an interface, in the order of the original; those of an anchor are reached from inside, by no gateway.
const SUBNETS: [(&str, bool); 4] = [
    ("ipv4", true),
    ("ipv6", true),
    ("anchor_ipv4", false),
    ("anchor_ipv6", false),
];

fn fetch(cloud: &mut Cloud) -> Result<Instance, Error> {
    let mut service = cloud.reach(ENDPOINTS)?;
    let document = service.get(cloud, PATH)?;
    let map = cloud.json_map(PATH, &document)?;
    let serial = cloud.machine.dmi.get(Field::ProductSerial);
    let id = map.get("droplet_id").and_then(Value::to_text);
    let id = id.or(serial.map(String::from)).unwrap_or_default();
    let (network_config, lost) = network_config(&map, &cloud.machine.links);
    for mac in lost {
        let found = format!("no interface with the address {mac}");
        cloud.warn("interfaces", "interfaces of this machine", found);
    }
    let network_config = network_config.map(|config| crate::yaml::write(&config).into_bytes());
    let bytes = |key: &str| text(&map, key).map(String::into_bytes);
    let source = Source::metadata(&service.base);
    let told = Told {
        documents: Documents::default()
            .with(Document::MetaData, Some(document))
            .with(Document::UserData, bytes("user_data"))
            .with(Document::VendorData, bytes("vendor_data"))
            .with(Document::NetworkConfig, network_config),
        instance_id: Some(id.clone()),
        region: text(&map, "region"),
        ..Told::by_meta_data("digitalocean", source, meta_data(&map, &id))
    };
    Instance::new(PLATFORM.name, told, &mut cloud.warnings)
}

/// The text at `key`, if there is any.
fn text(map: &Map, key: &str) -> Option<String> {
    map.get(key)
        .and_then(Value::to_text)
        .filter(|text| !text.is_empty())
}

/// The meta-data under the names that the original gives them, and with what it puts where nothing is said.
fn meta_data(map: &Map, id: &str) -> Map {
    let or = |key: &str, other: &str| map.get(key).cloned().unwrap_or(Value::from(other));
    Map::from_iter([
        ("instance-id", or("droplet_id", id)),
        ("local-hostname", or("hostname", id)),
        ("interfaces", map.get("interfaces").cloned().into()),
        ("public-keys", map.get("public_keys").cloned().into()),
        ("availability_zone", or("region", "default")),
    ])
}

/// Network configuration, version 1: the first interface of each kind, then the name servers. Interfaces that this machine
/// has not are left out and named beside it.
fn network_config(map: &Map, links: &[Link]) -> (Option<Value>, Vec<String>) {
    let mut config = Vec::new();
    let mut lost = Vec::new();
    let kinds = map.get("interfaces").and_then(Value::as_map);
    for (_, interfaces) in kinds.into_iter().flat_map(Map::iter) {
        let Some(interface) = interfaces.as_list().and_then(|list| list.first()?.as_map()) else {
            continue;
        };
        let mac = text(interface, "mac").unwrap_or_default();
        let has = |link: &&Link| link.mac.is_some() && link.mac == crate::machine::mac(&mac);
        match links.iter().find(has) {
            Some(link) => config.push(physical(interface, &mac, link)),
            None => lost.push(mac),
        }
    }
    if config.is_empty() {
        return (None, lost);
    }
    let servers = map.get("dns").and_then(|dns| dns.get("nameservers"));
    if let Some(servers) = servers.filter(|servers| !servers.is_null()) {
        let entries: [(&str, Value); 2] =
            [("type", "nameserver".into()), ("address", servers.clone())];
        config.push(entries.into_iter().collect::<Map>().into());
    }
    let entries: [(&str, Value); 2] = [("version", 1.into()), ("config", config.into())];
    (Some(entries.into_iter().collect::<Map>().into()), lost)
}

fn physical(interface: &Map, mac: &str, link: &Link) -> Value {
    let kind = text(interface, "type").unwrap_or_default();
    let name = match kind.as_str() {
        "public" => "eth0",
        "private" => "eth1",
        _ => &link.name,
    };
    let subnets: Vec<Value> = SUBNETS
        .iter()
        .filter_map(|(key, routed)| {
            let subnet = interface.get(key)?.as_map()?;
            subnet_config(subnet, *routed && kind == "public")
        })
        .collect();
    let entries: [(&str, Value); 4] = [
        ("type", "physical".into()),
        ("mac_address", mac.into()),
        ("name", name.into()),
        ("subnets", subnets.into()),
    ];
    entries.into_iter().collect::<Map>().into()
}

/// One static subnet; the gateway only where `routed`.
fn subnet_config(subnet: &Map, routed: bool) -> Option<Value> {
    let address = text(subnet, "ip_address")?;
    let entry = |key: &str| subnet.get(key).cloned().unwrap_or(Value::Null);
    let mut config: Map = [("type", "static"), ("control", "auto")]
        .into_iter()
        .collect();
    if address.contains(':') {
        let prefix = text(subnet, "cidr").unwrap_or_else(|| String::from("64"));
        config.insert("address", format!("{address}/{prefix}"));
    } else {
        config.insert("address", address);
        config.insert("netmask", entry("netmask"));
    }
    if routed {
        config.insert("gateway", entry("gateway"));
    }
    Some(config.into())
}
