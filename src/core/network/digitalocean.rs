//! DigitalOcean's interfaces: `public` and `private`, each a list of one, with static addresses of both families.
//!
//! Source: DigitalOcean's metadata API reference, and cloud-init's behaviour: the cards are called by their kind, and only
//! the public one has gateways. An anchor is an address inside the cloud that a reserved address is led to.

use alloc::vec::Vec;

use super::field::{Field, Reader};
use super::{Cidr, Config, Device, Dialect, HardwareAddress, Name, Route, card};
use crate::machine::Link;
use crate::value::{Map, Value};
use crate::warning::Warning;

/// The subnets of an interface, in the order of cloud-init, and whether a gateway leads out of them.
const SUBNETS: [(&str, bool); 4] = [
    ("ipv4", true),
    ("ipv6", true),
    ("anchor_ipv4", false),
    ("anchor_ipv6", false),
];

/// The configuration that the metadata document describes, in version 1: the first interface of each kind, then the name
/// servers. An interface that this machine has not leaves a warning; `None` if no other is left.
pub fn config(document: &Value, links: &[Link]) -> (Option<Config>, Vec<Warning>) {
    let mut reader = Reader::new("interfaces");
    let mut config = Config::new(Dialect::Interfaces);
    let kinds = document.get("interfaces").and_then(Value::as_map);
    for (key, interfaces) in kinds.into_iter().flat_map(Map::texts) {
        let first = interfaces.as_list().and_then(|list| list.first()?.as_map());
        let Some((first, key)) = first.zip(Name::new(key)) else {
            continue;
        };
        let place = reader.enter(key.as_str());
        if let Some(device) = device(&mut reader, first, links) {
            reader.add(&mut config, device);
        }
        reader.leave(place);
    }
    if let Some(dns) = document.get("dns").and_then(Value::as_map) {
        let servers = Field::Addresses(&mut config.dns.servers);
        reader.field(dns, "nameservers", servers);
    }
    let config = Some(config).filter(|config| !config.devices.is_empty());
    (config, reader.warnings)
}

fn device(reader: &mut Reader, told: &Map, links: &[Link]) -> Option<Device> {
    let mut mac = None;
    reader.field(told, "mac", Field::HardwareAddress(&mut mac));
    let mac: HardwareAddress = mac?;
    let Some(name) = card::name(links, &mac) else {
        reader.warn("an interface of this machine", mac.as_str().into());
        return None;
    };
    let kind = told.get("type").and_then(Value::as_text);
    let name = match kind {
        Some("public") => Name::interface("eth0")?,
        Some("private") => Name::interface("eth1")?,
        _ => name,
    };
    let mut device = Device::card(mac, name);
    for (key, routed) in SUBNETS {
        let place = reader.enter(key);
        if let Some(subnet) = told.get(key).and_then(Value::as_map) {
            subnet_of(
                reader,
                &mut device,
                subnet,
                routed && kind == Some("public"),
            );
        }
        reader.leave(place);
    }
    Some(device)
}

/// Takes one subnet: `ip_address` with `netmask`, in IPv6 with `cidr`; where that is not there, with the other.
fn subnet_of(reader: &mut Reader, device: &mut Device, told: &Map, routed: bool) {
    let text = |key: &str| told.get(key).and_then(Value::to_text).unwrap_or_default();
    let address = text("ip_address");
    let keys = if address.contains(':') {
        ["cidr", "netmask"]
    } else {
        ["netmask", "cidr"]
    };
    let mask = keys.map(text).into_iter().find(|mask| !mask.is_empty());
    let mask = mask.unwrap_or_default();
    match Cidr::parse(&[&*address, "/", &*mask].concat()) {
        Some(address) => device.addresses.push(address),
        None => reader.refuse("an address with its netmask or cidr", &address.into()),
    }
    let mut gateway = None;
    if routed {
        reader.field(told, "gateway", Field::Address(&mut gateway));
    }
    device.routes.extend(gateway.map(Route::default_via));
}
