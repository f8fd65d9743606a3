//! UpCloud's network: `interfaces`, each with its `ip_addresses`, and `dns`.
//!
//! Source: UpCloud's "Metadata service" page, and cloud-init's behaviour: an address is DHCP's or static as it says itself,
//! and those of IPv6 by DHCP are found by router advertisements.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use super::field::{Field, Reader};
use super::physical::{self, is_address, subnet, typed};
use crate::machine::Link;
use crate::value::{Map, Value};
use crate::warning::Warning;

/// The document, of version 1, that `network` of the metadata describes. An interface that this machine has not leaves a
/// warning; `None` if nothing is described.
pub fn document(network: &Value, links: &[Link]) -> (Option<Value>, Vec<Warning>) {
    let mut reader = Reader::new("network");
    let Some(network) = network.as_map().filter(|network| !network.is_empty()) else {
        if !network.is_null() && network.as_map().is_none() {
            reader.refuse("a map", network);
        }
        return (None, reader.warnings);
    };
    let mut servers: Vec<IpAddr> = Vec::new();
    reader.field(network, "dns", Field::Addresses(&mut servers));
    let mut elements = Vec::new();
    for interface in reader.maps(network.get("interfaces")) {
        elements.extend(element(&mut reader, interface, &servers, links));
    }
    if !servers.is_empty() {
        let mut element = typed("nameserver");
        element.insert("address", list(&servers));
        elements.push(element);
    }
    let document = physical::document(elements.into_iter());
    (Some(document), reader.warnings)
}

fn list(servers: &[IpAddr]) -> Value {
    Value::List(
        servers
            .iter()
            .map(|server| server.to_string().into())
            .collect(),
    )
}

fn element(reader: &mut Reader, told: &Map, servers: &[IpAddr], links: &[Link]) -> Option<Map> {
    let mut element = physical::element(reader, told, "mac", links)?;
    let mut subnets = Vec::new();
    for address in reader.maps(told.get("ip_addresses")) {
        subnets.extend(subnet_of(reader, address, servers).map(Value::Map));
    }
    element.insert("subnets", Value::List(subnets));
    Some(element)
}

/// One address. Its name servers are told only where they are not those of all.
fn subnet_of(reader: &mut Reader, told: &Map, servers: &[IpAddr]) -> Option<Map> {
    let text = |key: &str| told.get(key).and_then(Value::to_text).unwrap_or_default();
    let six = text("family") == "IPv6";
    let mut dhcp = None;
    reader.field(told, "dhcp", Field::Flag(&mut dhcp));
    if dhcp == Some(true) {
        return Some(typed(if six { "ipv6_dhcpv6-stateless" } else { "dhcp" }));
    }
    let (address, network) = (text("address"), text("network"));
    let length = network.split_once('/').map(|(_, length)| length);
    let whole = if six { "128" } else { "32" };
    if !is_address(reader, &address, length.unwrap_or(whole)) {
        return None;
    }
    let mut subnet = subnet(if six { "static6" } else { "static" });
    subnet.insert("address", address);
    let mut gateway: Option<IpAddr> = None;
    if !text("gateway").is_empty() {
        reader.field(told, "gateway", Field::Address(&mut gateway));
    }
    if let Some(gateway) = gateway {
        subnet.insert("gateway", gateway.to_string());
    }
    if let Some(length) = length {
        subnet.insert("netmask", String::from(length));
    }
    let mut own: Vec<IpAddr> = Vec::new();
    reader.field(told, "dns", Field::Addresses(&mut own));
    if !own.is_empty() && own != servers {
        subnet.insert("dns_nameservers", list(&own));
    }
    Some(subnet)
}
