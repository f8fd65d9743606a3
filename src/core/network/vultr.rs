//! Vultr's interfaces: a list, of which the first is the public one.
//!
//! Source: Vultr's "Metadata API" page, and cloud-init's behaviour: the public interface is configured by DHCP and router
//! advertisements, the others by their addresses; the name servers are always the same.

use alloc::string::String;
use alloc::vec::Vec;

use super::field::{Field, Reader};
use super::physical::{self, is_address, subnet};
use crate::machine::Link;
use crate::value::{Map, Value};
use crate::warning::Warning;

/// Vultr's name servers.
const SERVERS: [&str; 2] = ["108.61.10.10", "2001:19f0:300:1704::6"];

/// The document, of version 1, that `interfaces` of the metadata describes. An interface that this machine has not leaves a
/// warning; `None` if there is no list.
pub fn document(interfaces: &Value, links: &[Link]) -> (Option<Value>, Vec<Warning>) {
    let mut reader = Reader::new("interfaces");
    if interfaces.is_null() {
        return (None, reader.warnings);
    }
    let mut servers = physical::typed("nameserver");
    servers.insert("address", Value::List(SERVERS.map(Value::from).into()));
    let mut elements = Vec::from([servers]);
    for (index, told) in reader.maps(Some(interfaces)).into_iter().enumerate() {
        let public = index == 0;
        if public || !told.get("unconfigured").is_some_and(is_set) {
            elements.extend(element(&mut reader, told, public, links));
        }
    }
    let document = physical::document(elements.into_iter());
    (Some(document), reader.warnings)
}

/// What counts as true in Python, of what JSON has for it.
fn is_set(value: &Value) -> bool {
    !matches!(value, Value::Null | Value::Bool(false) | Value::Int(0))
        && value.as_text() != Some("")
}

fn element(reader: &mut Reader, told: &Map, public: bool, links: &[Link]) -> Option<Map> {
    let mut element = physical::element(reader, told, "mac", links)?;
    let nothing = Map::new();
    let family = |key: &str| told.get(key).and_then(Value::as_map).unwrap_or(&nothing);
    let mut subnets = Vec::new();
    if public {
        element.insert("accept-ra", 1);
        subnets.extend(["dhcp", "ipv6_slaac"].map(subnet));
    } else {
        subnets.extend(fixed4(reader, family("ipv4")));
    }
    let mut mtu = None;
    reader.field(told, "mtu", Field::Number(&mut mtu));
    if let Some(value) = told.get("mtu").filter(|_| mtu.is_some()) {
        element.insert("mtu", value.clone());
    }
    if let Some(value) = listens(reader, told) {
        element.insert("accept-ra", value);
    }
    if let (Some(first), Some(routes)) = (subnets.first_mut(), physical::routes(reader, told)) {
        first.insert("routes", routes);
    }
    for more in reader.maps(family("ipv4").get("additional")) {
        let subnet = fixed4(reader, more);
        subnets.extend(subnet.map(|subnet| routed(reader, subnet, more)));
    }
    for more in reader.maps(family("ipv6").get("additional")) {
        let subnet = fixed6(reader, more);
        subnets.extend(subnet.map(|subnet| routed(reader, subnet, more)));
    }
    let subnets = subnets.into_iter().map(Value::Map).collect();
    element.insert("subnets", Value::List(subnets));
    Some(element)
}

/// Whether router advertisements count. The kernel's 2, which is on for a machine that forwards packets, too, is on.
fn listens(reader: &mut Reader, told: &Map) -> Option<Value> {
    let value = told.get("accept-ra")?;
    if *value == Value::Int(2) {
        return Some(Value::Int(1));
    }
    let mut listens = None;
    reader.field(told, "accept-ra", Field::Flag(&mut listens));
    listens.and(Some(value.clone()))
}

fn text(told: &Map, key: &str) -> String {
    told.get(key).and_then(Value::to_text).unwrap_or_default()
}

fn fixed4(reader: &mut Reader, told: &Map) -> Option<Map> {
    let (address, mask) = (text(told, "address"), text(told, "netmask"));
    is_address(reader, &address, &mask).then(|| {
        let mut subnet = subnet("static");
        subnet.insert("address", address);
        subnet.insert("netmask", mask);
        subnet
    })
}

fn fixed6(reader: &mut Reader, told: &Map) -> Option<Map> {
    let (network, prefix) = (text(told, "network"), text(told, "prefix"));
    is_address(reader, &network, &prefix).then(|| {
        let mut subnet = subnet("static6");
        subnet.insert("address", [network, prefix].join("/"));
        subnet
    })
}

/// The subnet with the routes that stand beside its address.
fn routed(reader: &mut Reader, mut subnet: Map, told: &Map) -> Map {
    if let Some(routes) = physical::routes(reader, told) {
        subnet.insert("routes", routes);
    }
    subnet
}
