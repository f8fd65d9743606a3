//! RbxCloud's network: `netadp` of its document, a list of cards with addresses.
//!
//! Source: cloud-init's behaviour: every address is static, and has the router and the name servers of its card's network. On
//! purpose otherwise: a card is recognised by its hardware address and keeps its name, where cloud-init counts them.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::field::{Field, Reader};
use super::physical::{self, is_address};
use crate::machine::Link;
use crate::value::{Map, Value};
use crate::warning::Warning;

/// The document, of version 1, that the list of cards describes. A card that this machine has not leaves a warning; `None` if
/// nothing is described.
pub fn document(cards: &Value, links: &[Link]) -> (Option<Value>, Vec<Warning>) {
    let mut reader = Reader::new("netadp");
    let mut elements = Vec::new();
    for card in reader.maps(Some(cards)) {
        elements.extend(element(&mut reader, card, links));
    }
    let document = (!elements.is_empty()).then(|| physical::document(elements.into_iter()));
    (document, reader.warnings)
}

fn element(reader: &mut Reader, card: &Map, links: &[Link]) -> Option<Map> {
    let mut element = physical::element(reader, card, "macaddress", links)?;
    let nothing = Map::new();
    let network = card.get("network").and_then(Value::as_map);
    let network = network.unwrap_or(&nothing);
    let mut subnets = Vec::new();
    for told in reader.maps(card.get("ip")) {
        subnets.extend(subnet(reader, told, network).map(Value::Map));
    }
    element.insert("subnets", Value::List(subnets));
    Some(element)
}

fn subnet(reader: &mut Reader, told: &Map, network: &Map) -> Option<Map> {
    let text = |map: &Map, key: &str| map.get(key).and_then(Value::to_text).unwrap_or_default();
    let (address, mask) = (text(told, "address"), text(network, "netmask"));
    if !is_address(reader, &address, &mask) {
        return None;
    }
    let mut subnet = physical::subnet("static");
    subnet.insert("address", address);
    subnet.insert("netmask", mask);
    let mut gateway: Option<IpAddr> = None;
    reader.field(network, "gateway", Field::Address(&mut gateway));
    if let Some(gateway) = gateway {
        subnet.insert("gateway", gateway.to_string());
    }
    let mut servers: Vec<IpAddr> = Vec::new();
    if let Some(dns) = network.get("dns").and_then(Value::as_map) {
        reader.field(dns, "nameservers", Field::Addresses(&mut servers));
    }
    let servers = servers.iter().map(|server| server.to_string().into());
    subnet.insert("dns_nameservers", Value::List(servers.collect()));
    Some(subnet)
}
