//! Hetzner's network configuration: a document of version 1, and private networks beside it.
//!
//! Source: Hetzner's "Server metadata" page, and cloud-init's behaviour since 25.3: the card of a private network is
//! configured by DHCP under the name that it has.

use alloc::vec::Vec;

use super::field::Reader;
use super::physical;
use crate::machine::Link;
use crate::value::{Map, Value};
use crate::warning::Warning;

/// The document `network-config` of the meta-data with the networks of `private-networks` behind its own elements. `None` if
/// there is no document; a network whose card this machine has not leaves a warning.
pub fn document(meta_data: &Value, links: &[Link]) -> (Option<Value>, Vec<Warning>) {
    let mut reader = Reader::new("private-networks");
    let mut document = meta_data.get("network-config").cloned();
    let mut elements = Vec::new();
    for network in reader.maps(meta_data.get("private-networks")) {
        elements.extend(element(&mut reader, network, links));
    }
    let key = Value::from("config");
    let config = document
        .as_mut()
        .and_then(|document| document.as_map_mut()?.get_mut(&key));
    match config {
        Some(Value::List(config)) => config.extend(elements),
        _ if elements.is_empty() => {}
        _ => reader.warn(
            "a network-config of version 1 to add them to",
            "another".into(),
        ),
    }
    (document, reader.warnings)
}

/// The element for one private network.
fn element(reader: &mut Reader, network: &Map, links: &[Link]) -> Option<Value> {
    let mut element = physical::element(reader, network, "mac_address", links)?;
    let mut subnet = physical::typed("dhcp");
    subnet.insert("ipv4", true);
    element.insert("subnets", Value::List([Value::Map(subnet)].into()));
    Some(Value::Map(element))
}
