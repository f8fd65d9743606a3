//! OpenStack's network: `network_data.json`.
//!
//! ```text
//!   links      what there is: cards, bonds of links, VLANs on links, each with an id
//!   networks   addresses, or how they are found, each on one link
//!   services   name servers for all
//! ```
//! It is put into the words of version 1 as cloud-init does it, and read as such; where a value is refused what is left is
//! written anew. Links go by ids of the hypervisor; here a card has the name that this machine gave it, a bond is `bondN`, a
//! VLAN has the name of its link and its number. Source: Nova's "Metadata service" page with its schema of network data, and
//! cloud-init's behaviour. On purpose otherwise: a card that is not (yet) there costs itself and is told, where cloud-init
//! gives up the whole; and only services that are name servers are taken for such.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::field::Reader;
use super::{HardwareAddress, NETWORK_ELEMENTS_MAX, card, version1};
use crate::machine::Link;
use crate::text::quote;
use crate::value::{Map, Value};
use crate::warning::Warning;

/// Types of links that are cards to the machine; null is one, too. What else is neither bond nor VLAN is taken for one.
const CARDS: [&str; 11] = [
    "bgpovs",
    "bridge",
    "cascading",
    "dvs",
    "ethernet",
    "hw_veb",
    "hyperv",
    "ovs",
    "phy",
    "tap",
    "vhostuser",
];
/// Types of networks, and of subnets in version 1.
const METHODS: [(&str, &str); 9] = [
    ("ipv4_dhcp", "dhcp4"),
    ("ipv6_dhcp", "dhcp6"),
    ("ipv6_slaac", "ipv6_slaac"),
    ("ipv6_dhcpv6-stateless", "ipv6_dhcpv6-stateless"),
    ("ipv6_dhcpv6-stateful", "ipv6_dhcpv6-stateful"),
    ("ipv4", "static"),
    ("static", "static"),
    ("ipv6", "static6"),
    ("static6", "static6"),
];
/// What of a network, and of a route, version 1 calls the same.
const OF_NETWORK: [&str; 5] = [
    "netmask",
    "metric",
    "gateway",
    "dns_nameservers",
    "dns_search",
];
const OF_ROUTE: [&str; 5] = ["network", "destination", "netmask", "gateway", "metric"];

/// A link, and what it is called on this machine.
struct Named<'a> {
    place: usize,
    id: String,
    name: String,
    told: &'a Map,
}

/// The document in the words of version 1. `None` if it is null or names no link of this machine.
pub fn document(network_data: &Value, machine: &[Link]) -> (Option<Value>, Vec<Warning>) {
    let mut reader = Reader::new("network_data.json");
    if network_data.as_map().is_none() {
        if !network_data.is_null() {
            reader.refuse("a map", network_data);
        }
        return (None, reader.warnings);
    }
    let links = named(&mut reader, network_data.get("links"), machine);
    let networks = reader.maps(network_data.get("networks"));
    let mut elements: Vec<Value> = Vec::new();
    for link in &links {
        elements.push(element(&mut reader, link, &links, &networks).into());
    }
    let services = reader.maps(network_data.get("services"));
    for service in services.into_iter().filter(|service| is_dns(service)) {
        let mut servers = service.clone();
        servers.insert("type", "nameserver");
        elements.push(servers.into());
    }
    let warned = reader.warnings.len();
    let elements = Value::List(elements);
    let config = version1::read(&mut reader, &elements);
    let document = match (config.devices.is_empty(), reader.warnings.len() > warned) {
        (true, _) => None,
        (false, true) => Some(config.write()),
        (false, false) => Some(version1::document(elements)),
    };
    (document, reader.warnings)
}

fn text(map: &Map, key: &str) -> Option<String> {
    let text = map.get(key)?.to_text();
    text.filter(|text| !text.is_empty())
}

fn kind(link: &Map) -> &str {
    link.get("type").and_then(Value::as_text).unwrap_or("vif")
}

/// The entries of these keys.
fn picked(map: &Map, keys: &[&'static str]) -> Map {
    let keys = keys.iter().copied();
    keys.filter_map(|key| Some((key, map.get(key)?.clone())))
        .collect()
}

/// The links that have a name here, in their order. VLANs are named last, because they are made of others.
fn named<'a>(reader: &mut Reader, told: Option<&'a Value>, machine: &[Link]) -> Vec<Named<'a>> {
    let place = reader.enter("links");
    let told = reader.maps(told);
    let mut links: Vec<Named> = Vec::new();
    let mut bonds = 0;
    for vlans in [false, true] {
        let told = told.iter().enumerate();
        for (place, told) in told.filter(|(_, told)| (kind(told) == "vlan") == vlans) {
            let id = text(told, "id").unwrap_or_default();
            if links.iter().any(|other| other.id == id) {
                reader.warn("an id of its own", quote(&id));
                continue;
            }
            let name = match kind(told) {
                "vlan" => vlan_name(told, &links),
                "bond" => {
                    bonds += 1;
                    text(told, "name").or_else(|| Some(format!("bond{}", bonds - 1)))
                }
                _ => text(told, "name").or_else(|| card_name(told, machine)),
            };
            match name {
                Some(name) => links.push(Named {
                    place,
                    id,
                    name,
                    told,
                }),
                None => reader.warn("a link of this machine", quote(&id)),
            }
        }
    }
    reader.leave(place);
    links.sort_by_key(|link| link.place);
    links
}

fn card_name(link: &Map, machine: &[Link]) -> Option<String> {
    let mac = HardwareAddress::new(link.get("ethernet_mac_address")?.as_text()?)?;
    let name = card::name(machine, &mac)?;
    Some(name.as_str().to_owned())
}

fn vlan_name(link: &Map, links: &[Named]) -> Option<String> {
    let below = name_of(links, link.get("vlan_link")?)?;
    let id = text(link, "vlan_id")?;
    Some(format!("{below}.{id}"))
}

fn name_of<'a>(links: &'a [Named], id: &Value) -> Option<&'a str> {
    let id = id.to_text()?;
    let link = links.iter().find(|link| link.id == id)?;
    Some(&link.name)
}

/// A link and its networks as an element of version 1.
fn element(reader: &mut Reader, link: &Named, links: &[Named], networks: &[&Map]) -> Map {
    let told = link.told;
    let mut element = picked(told, &["mtu"]);
    element.insert("name", link.name.as_str());
    let mac = match kind(told) {
        "vlan" => "vlan_mac_address",
        _ => "ethernet_mac_address",
    };
    let mac = told.get(mac).and_then(Value::as_text);
    element.insert("mac_address", mac.map(str::to_ascii_lowercase));
    match kind(told) {
        "vlan" => {
            let below = told.get("vlan_link").and_then(|id| name_of(links, id));
            element.insert("vlan_link", below);
            element.insert("vlan_id", told.get("vlan_id").cloned());
            element.insert("type", "vlan");
        }
        "bond" => {
            bond(reader, &mut element, told, links);
            element.insert("type", "bond");
        }
        kind => {
            if !CARDS.contains(&kind) && kind != "vif" {
                let place = reader.enter("links");
                reader.warn("a known type, else it is a card", quote(kind));
                reader.leave(place);
            }
            element.insert("type", "physical");
        }
    }
    let on_it = |network: &&&Map| text(network, "link").as_ref() == Some(&link.id);
    let mut subnets: Vec<Value> = Vec::new();
    for network in networks.iter().filter(on_it) {
        match network.get("type").and_then(Value::as_text) {
            Some("ipv6" | "static6") => drop(element.insert("accept-ra", false)),
            Some("ipv6_dhcp" | "ipv6_dhcpv6-stateful") => drop(element.insert("accept-ra", true)),
            _ => {}
        }
        subnets.push(subnet(reader, network).into());
    }
    element.insert("subnets", subnets);
    element
}

/// The members and the parameters of a bond: `bond_xmit_hash_policy` is `bond-xmit_hash_policy`.
fn bond(reader: &mut Reader, element: &mut Map, told: &Map, links: &[Named]) {
    let place = reader.enter("bond_links");
    let mut members: Vec<Value> = Vec::new();
    for id in reader.elements(told.get("bond_links").unwrap_or(&Value::Null)) {
        match name_of(links, id) {
            Some(name) => members.push(name.into()),
            None => reader.refuse("the id of a link", id),
        }
    }
    reader.leave(place);
    element.insert("bond_interfaces", members);
    let parameters = told.texts().filter_map(|(key, value)| {
        let name = key.strip_prefix("bond_").filter(|name| *name != "links")?;
        Some((format!("bond-{name}"), value.clone()))
    });
    element.insert("params", parameters.collect::<Map>());
}

/// A network as a subnet of version 1.
fn subnet(reader: &mut Reader, network: &Map) -> Map {
    let mut subnet = picked(network, &OF_NETWORK);
    let told = text(network, "type").unwrap_or_default();
    let known = METHODS.iter().find(|(name, _)| *name == told);
    let method = known.map_or(&*told, |(_, method)| method);
    subnet.insert("type", method);
    if method.starts_with("static") {
        subnet.insert("address", network.get("ip_address").cloned());
    }
    if matches!(&*told, "ipv4" | "ipv6") {
        subnet.insert(&*told, true);
    }
    let routes = reader.maps(network.get("routes"));
    let plain = routes.iter().map(|route| picked(route, &OF_ROUTE).into());
    let plain: Vec<Value> = plain.collect();
    if !plain.is_empty() {
        subnet.insert("routes", plain);
    }
    let mut servers: Vec<Value> = Vec::new();
    for told in routes.into_iter().chain([network]) {
        let services = reader.maps(told.get("services")).into_iter();
        for server in services.filter(|service| is_dns(service)) {
            let server = server.get("address").cloned().unwrap_or_default();
            if servers.len() < NETWORK_ELEMENTS_MAX && !servers.contains(&server) {
                servers.push(server);
            }
        }
    }
    if !servers.is_empty() {
        subnet.insert("dns_nameservers", servers);
    }
    subnet
}

fn is_dns(service: &Map) -> bool {
    let kind = service.get("type").and_then(Value::as_text);
    kind == Some("dns")
}
