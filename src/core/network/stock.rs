//! Stock: what stock cloud-init cannot take of a network configuration. It does not leave out what it does not understand: it ends,
//! and the machine has no network at all.
//!
//! Source: `net/network_state.py` and `net/networkd.py` of cloud-init 26.2.

use super::version2::SECTIONS;
use crate::value::{Map, Value};
use crate::warning::Warning;

/// The first thing by which it ends.
pub fn refusal(document: &Value) -> Option<Warning> {
    let document = document.get("network").unwrap_or(document);
    let map = match document {
        Value::Null => return None,
        Value::Map(map) => map,
        other => return Some(wrong("network-config", "a map", other)),
    };
    if map.get("config").and_then(Value::as_text) == Some("disabled") {
        return None;
    }
    match map.get("version") {
        Some(Value::Int(1)) => version1(map),
        Some(Value::Int(2)) => version2(map),
        other => Some(wrong(
            "version",
            "version 1 or 2, a number",
            other.unwrap_or(&Value::Null),
        )),
    }
}

fn wrong(place: &str, expected: &str, found: &Value) -> Warning {
    let found = match found {
        Value::Int(_) | Value::Float(_) => "another number",
        other => other.noun(),
    };
    Warning::new("network", place, expected, found)
}

fn version1(map: &Map) -> Option<Warning> {
    let elements = match map.get("config")? {
        Value::List(elements) => elements,
        other => return Some(wrong("config", "a list", other)),
    };
    elements.iter().find_map(|element| {
        let kind = element.get("type").unwrap_or(&Value::Null);
        if kind.as_text().is_none() {
            return Some(wrong("config", "the type of each element", kind));
        }
        let subnets = element
            .get("subnets")
            .filter(|subnets| !subnets.is_null())?;
        let is_list = subnets.as_list().is_some();
        (!is_list).then(|| wrong("subnets", "a list", subnets))
    })
}

fn version2(map: &Map) -> Option<Warning> {
    SECTIONS.iter().find_map(|section| {
        let devices = map.get(section).filter(|devices| !devices.is_null())?;
        let Some(devices) = devices.as_map() else {
            return Some(wrong(section, "a map of devices", devices));
        };
        devices.iter().find_map(|(_, device)| match device {
            Value::Map(device) => version2_device(device),
            other => Some(wrong(section, "a map for each device", other)),
        })
    })
}

fn version2_device(device: &Map) -> Option<Warning> {
    const LISTS: [&str; 2] = ["addresses", "routes"];
    let said = |key: &str| device.get(key).filter(|value| !value.is_null());
    let list = LISTS.iter().find_map(|key| {
        let value = said(key)?;
        value
            .as_list()
            .is_none()
            .then(|| wrong(key, "a list", value))
    });
    list.or_else(|| {
        let servers = said("nameservers")?;
        let is_map = servers.as_map().is_some();
        (!is_map).then(|| wrong("nameservers", "a map with addresses and search", servers))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::yaml;
    use alloc::string::{String, ToString};

    #[test]
    fn what_ends_stock_cloud_init_is_told() {
        for (text, expected) in [
            (
                "version: 2\nethernets: {e: {dhcp4: true, nameservers: {addresses: [::1]}}}",
                "",
            ),
            (
                "network: {version: 1, config: [{type: physical, name: e, subnets: [{type: dhcp}]}]}",
                "",
            ),
            ("network: {config: disabled}", ""),
            ("", ""),
            ("version: 2\nethernets: {e: null}", "a map for each device"),
            (
                "ethernets: {e: {dhcp4: true}}",
                "version 1 or 2, a number, but found nothing",
            ),
            (
                "version: \"2\"\nethernets: {}",
                "version 1 or 2, a number, but found text",
            ),
            (
                "version: 3",
                "version 1 or 2, a number, but found another number",
            ),
            ("- version: 2", "a map, but found a list"),
            (
                "version: 1\nconfig: {type: physical}",
                "config: expected a list, but found a map",
            ),
            (
                "version: 1\nconfig: [{name: e}]",
                "the type of each element, but found nothing",
            ),
            (
                "version: 1\nconfig: [{type: physical, subnets: {type: dhcp}}]",
                "subnets: expected a list",
            ),
            (
                "version: 2\nethernets: [e]",
                "ethernets: expected a map of devices",
            ),
            (
                "version: 2\nethernets: {e: {addresses: 10.0.0.1/8}}",
                "addresses: expected a list",
            ),
            (
                "version: 2\nbonds: {e: {nameservers: [::1]}}",
                "nameservers: expected a map",
            ),
        ] {
            let found = refusal(&yaml::read(text.as_bytes()).unwrap());
            let found = found.map_or(String::new(), |warning| warning.to_string());
            assert_eq!(found.is_empty(), expected.is_empty(), "{text}: {found}");
            assert!(found.contains(expected), "{text}: {found}");
        }
    }
}
