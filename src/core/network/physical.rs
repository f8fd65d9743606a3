//! Elements of version 1 for cards of this machine, in the shape in which cloud-init makes them of what clouds say.
//!
//! For clouds whose configuration is written element by element, and for documents of version 1 that know cards by their
//! hardware addresses alone.

use alloc::string::String;

use super::field::{Field, Reader};
use super::{Cidr, HardwareAddress, card, version1};
use crate::machine::Link;
use crate::value::{Map, Value};
use crate::warning::Warning;

/// A map with its type.
pub(super) fn typed(kind: &str) -> Map {
    Map::from_iter([("type", kind)])
}

/// A subnet that comes up with the machine.
pub(super) fn subnet(kind: &str) -> Map {
    Map::from_iter([("type", kind), ("control", "auto")])
}

/// A document of version 1.
pub(super) fn document(elements: impl Iterator<Item = Map>) -> Value {
    let elements = elements.map(Value::Map).collect();
    Map::from_iter([
        ("version", Value::Int(1)),
        ("config", Value::List(elements)),
    ])
    .into()
}

/// The element of the card whose hardware address stands at `key`; `None`, with a warning, if this machine has no such card.
pub(super) fn element(
    reader: &mut Reader,
    told: &Map,
    key: &'static str,
    links: &[Link],
) -> Option<Map> {
    let mut mac: Option<HardwareAddress> = None;
    reader.field(told, key, Field::HardwareAddress(&mut mac));
    let Some(mac) = mac else {
        if told.get(key).is_none_or(Value::is_null) {
            reader.warn("a hardware address", String::from("none"));
        }
        return None;
    };
    let Some(name) = card::name(links, &mac) else {
        reader.warn("an interface of this machine", mac.as_str().into());
        return None;
    };
    let mut element = typed("physical");
    element.insert("name", name.as_str());
    element.insert("mac_address", mac.as_str());
    Some(element)
}

/// An address with what stands behind or beside it as the length of its network: true if it can be one.
pub(super) fn is_address(reader: &mut Reader, address: &str, length: &str) -> bool {
    let text = [address, "/", length].concat();
    let fits = Cidr::parse(&text).is_some();
    if !fits {
        reader.refuse("an address with its network", &text.into());
    }
    fits
}

/// The routes at `routes` that can be such, as they stand there.
pub(super) fn routes(reader: &mut Reader, told: &Map) -> Option<Value> {
    let list = told.get("routes").filter(|list| !list.is_null())?;
    let place = reader.enter("routes");
    let mut routes = alloc::vec::Vec::new();
    for map in reader.maps(Some(list)) {
        if version1::route(reader, map, None).is_some() {
            routes.push(Value::Map(map.clone()));
        }
    }
    reader.leave(place);
    Some(Value::List(routes))
}

/// A document of version 1 that somebody else wrote, with the names that its physical elements have on this machine. Who
/// knows no card by that address keeps the name that he has, and is left out if he has none.
pub fn renamed(document: &Value, links: &[Link]) -> (Value, alloc::vec::Vec<Warning>) {
    let mut reader = Reader::new("config");
    let mut document = document.clone();
    let key = Value::from("config");
    let config = document
        .as_map_mut()
        .and_then(|document| document.get_mut(&key));
    if let Some(Value::List(elements)) = config {
        elements.retain_mut(|element| match element {
            Value::Map(element) => rename(&mut reader, element, links),
            _ => true,
        });
    }
    (document, reader.warnings)
}

/// Gives an element its name; false if it can have none.
fn rename(reader: &mut Reader, element: &mut Map, links: &[Link]) -> bool {
    let text = |key: &str| element.get(key).and_then(Value::as_text);
    if text("type") != Some("physical") {
        return true;
    }
    let mac = text("mac_address").and_then(HardwareAddress::new);
    let name = mac.as_ref().and_then(|mac| card::name(links, mac));
    match (name, text("name")) {
        (Some(name), _) => drop(element.insert("name", name.as_str())),
        (None, Some(_)) => {}
        (None, None) => {
            let mac = text("mac_address").unwrap_or("none");
            reader.warn("an interface of this machine", crate::value::quote(mac));
            return false;
        }
    }
    true
}
