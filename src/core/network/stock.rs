//! Stock: what stock cloud-init cannot take of a network configuration. It does not leave out what it does not understand: it ends,
//! and the machine has no network at all.
//!
//! Source: `net/network_state.py` and `net/networkd.py` of cloud-init 26.2. One that writes netplan's files hands version 2 on as it
//! is, so that what netplan understands is no trouble there.

use core::net::IpAddr;

use super::Cidr;
use super::version2::{OTHER_SECTIONS, SECTIONS};
use crate::value::{Map, Value};
use crate::warning::Warning;

/// Why cloud-init ends.
pub struct Refusal {
    /// What it cannot take.
    pub what: Warning,
    /// Whether that holds for one that writes netplan's files, too.
    pub everywhere: bool,
}

/// The first thing by which every cloud-init ends; where there is none, the first by which one without netplan does.
pub fn refusal(document: &Value) -> Option<Refusal> {
    let document = document.get("network").unwrap_or(document);
    let map = match document {
        Value::Null => return None,
        Value::Map(map) => map,
        other => return Some(everywhere(wrong("network-config", "a map", other))),
    };
    if map.get("config").and_then(Value::as_text) == Some("disabled") {
        return None;
    }
    match map.get("version") {
        Some(Value::Int(1)) => version1(map).map(everywhere),
        Some(Value::Int(2)) => {
            let what = version2(map).map(everywhere);
            what.or_else(|| {
                let what = without_netplan(map)?;
                let everywhere = false;
                Some(Refusal { what, everywhere })
            })
        }
        other => {
            let found = other.unwrap_or(&Value::Null);
            let what = wrong("version", "version 1 or 2, a number", found);
            Some(everywhere(what))
        }
    }
}

fn everywhere(what: Warning) -> Refusal {
    let everywhere = true;
    Refusal { what, everywhere }
}

fn wrong(place: &str, expected: &str, found: &Value) -> Warning {
    let found = match found {
        Value::Int(_) | Value::Float(_) => "another number",
        other => other.noun(),
    };
    Warning::new("network", place, expected, found)
}

/// `found`, if there is anything, is no list.
fn no_list(place: &str, found: Option<&Value>) -> Option<Warning> {
    let found = found.filter(|found| found.as_list().is_none())?;
    Some(wrong(place, "a list", found))
}

/// The types of elements that version 1 has.
const TYPES: [&str; 8] = [
    "loopback",
    "physical",
    "vlan",
    "infiniband",
    "bond",
    "bridge",
    "nameserver",
    "route",
];

fn version1(map: &Map) -> Option<Warning> {
    let config = map.get("config")?;
    let elements = config.as_list().unwrap_or_default().iter();
    no_list("config", Some(config)).or_else(|| elements.filter_map(element).next())
}

fn element(element: &Value) -> Option<Warning> {
    let kind = element.get("type").unwrap_or(&Value::Null);
    let Some(word) = kind.as_text() else {
        return Some(wrong("config", "the type of each element", kind));
    };
    if !TYPES.contains(&word) {
        return Some(Warning::new(
            "network",
            "config",
            "a type of version 1",
            word,
        ));
    }
    if word == "route" && element.get("destination").is_some() {
        return destination(element, &["destination"]);
    }
    let mac = element.get("mac_address").filter(|mac| !mac.is_null());
    let odd = mac.filter(|mac| mac.as_text().is_none());
    let odd = odd.map(|mac| wrong("mac_address", "text", mac));
    let members = ["bond_interfaces", "bridge_interfaces"].into_iter();
    let odd = odd.or_else(|| {
        members
            .filter_map(|key| no_list(key, element.get(key)))
            .next()
    });
    let subnets = element.get("subnets").filter(|subnets| !subnets.is_null());
    let all = subnets.and_then(Value::as_list).unwrap_or_default().iter();
    odd.or_else(|| no_list("subnets", subnets))
        .or_else(|| all.filter_map(subnet).next())
}

fn subnet(subnet: &Value) -> Option<Warning> {
    if subnet.as_map().is_none() {
        return Some(wrong("subnets", "a map for each subnet", subnet));
    }
    let kind = subnet.get("type").and_then(Value::as_text);
    let fixed = matches!(kind, Some("static" | "static6"));
    let odd = fixed.then(|| destination(subnet, &["address", "ip_address"]));
    let routes = subnet.get("routes");
    let all = routes.and_then(Value::as_list).unwrap_or_default().iter();
    odd.flatten()
        .or_else(|| no_list("routes", routes))
        .or_else(|| {
            all.filter_map(|route| destination(route, &["network", "destination"]))
                .next()
        })
}

/// The address or network of a map, under the first of these keys that has anything, is none. `default` takes a router.
fn destination(map: &Value, keys: &[&str]) -> Option<Warning> {
    let place = keys.first().copied().unwrap_or_default();
    if map.as_map().is_none() {
        return Some(wrong(place, "a map", map));
    }
    let text = |key: &str| map.get(key)?.to_text().filter(|text| !text.is_empty());
    let found = keys.iter().find_map(|key| text(key)).unwrap_or_default();
    let known = match found.as_str() {
        "default" => {
            let router = ["gateway", "via"].into_iter().find_map(text);
            router.is_some_and(|router| router.parse::<IpAddr>().is_ok())
        }
        text => is_network(text),
    };
    (!known).then(|| {
        Warning::new(
            "network",
            place,
            "an address or a network",
            crate::text::quote(&found),
        )
    })
}

/// What Python's `ipaddress.ip_network` takes, with a mask in full, too.
fn is_network(text: &str) -> bool {
    Cidr::parse_address(text).is_some()
}

fn version2(map: &Map) -> Option<Warning> {
    let known =
        |key: &str| key == "version" || SECTIONS.contains(&key) || OTHER_SECTIONS.contains(&key);
    let mut strangers = map.texts().filter(|(key, _)| !known(key));
    if let Some((key, _)) = strangers.next() {
        return Some(Warning::new(
            "network",
            "network-config",
            "a section of version 2",
            crate::text::quote(key),
        ));
    }
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
    let said = |key: &str| device.get(key).filter(|value| !value.is_null());
    let lists = ["addresses", "routes"].into_iter();
    let odd = lists.filter_map(|key| no_list(key, said(key))).next();
    let maps = ["match", "parameters"].map(|key| (key, device.get(key)));
    let maps = maps
        .into_iter()
        .chain([("nameservers", said("nameservers"))]);
    let odd = odd.or_else(|| {
        let mut odd = maps.filter_map(|(key, found)| Some((key, found?)));
        let (key, found) = odd.find(|(_, found)| found.as_map().is_none())?;
        Some(wrong(key, "a map", found))
    });
    let mac = device
        .get("match")
        .and_then(|matched| matched.get("macaddress"));
    let mac = mac.filter(|mac| !mac.is_null() && mac.as_text().is_none());
    let addresses = said("addresses").and_then(Value::as_list);
    let mut addresses = addresses.unwrap_or_default().iter();
    let is_odd = |address: &&Value| match address {
        Value::Map(_) => false,
        address => !address.as_text().is_some_and(is_network),
    };
    odd.or_else(|| mac.map(|mac| wrong("macaddress", "text", mac)))
        .or_else(|| {
            let odd = addresses.find(is_odd)?;
            let found = crate::text::quote(&odd.to_text().unwrap_or_default());
            Some(Warning::new("network", "addresses", "an address", found))
        })
}

/// What netplan understands, and nobody else: sections, labels of addresses, routes without a router, devices without members.
fn without_netplan(map: &Map) -> Option<Warning> {
    const HARMLESS: [&str; 2] = ["renderer", "wifis"];
    let mut sections = OTHER_SECTIONS.iter().filter(|key| !HARMLESS.contains(key));
    if let Some(section) = sections.find(|section| map.get(section).is_some()) {
        return Some(Warning::new(
            "network",
            "network-config",
            "what others than netplan know",
            *section,
        ));
    }
    SECTIONS.iter().find_map(|section| {
        let devices = map.get(section).and_then(Value::as_map)?;
        let mut devices = devices.iter().filter_map(|(_, device)| device.as_map());
        devices.find_map(|device| {
            let has_members = matches!(*section, "bonds" | "bridges");
            let members = device.get("interfaces").unwrap_or(&Value::Null);
            let odd = has_members.then(|| no_list("interfaces", Some(members)));
            odd.flatten().or_else(|| device_without_netplan(device))
        })
    })
}

fn device_without_netplan(device: &Map) -> Option<Warning> {
    let lists = ["addresses", "routes"].map(|key| (key, device.get(key)));
    let odd = lists.iter().find_map(|(key, found)| no_list(key, *found));
    let [addresses, routes] =
        lists.map(|(_, found)| found.and_then(Value::as_list).unwrap_or_default());
    odd.or_else(|| {
        let odd = addresses
            .iter()
            .find(|address| address.as_map().is_some())?;
        Some(wrong("addresses", "an address", odd))
    })
    .or_else(|| routes.iter().find_map(|route| destination(route, &["to"])))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::network::Config;
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
            let found = found.map_or(String::new(), |found| found.what.to_string());
            assert_eq!(found.is_empty(), expected.is_empty(), "{text}: {found}");
            assert!(found.contains(expected), "{text}: {found}");
        }
    }

    /// Each is ended by cloud-init 26.2 with an exception, or is not: `network`, where its renderer for netplan is, or what
    /// netplan says of it; `plain`, where only the others are; `-`.
    #[rustfmt::skip]
    const ENDS: [(&str, &str); 30] = [
            (
                "network",
                "{version: 1, config: [{type: physical, name: e, subnets: [{type: static}]}]}",
            ),
            (
                "network",
                "{version: 1, config: [{type: physical, name: e, subnets: [{type: static, address: 10.0.0.300/24}]}]}",
            ),
            ("network", "{version: 1, config: [{type: tunnel, name: e}]}"),
            (
                "network",
                "{version: 1, config: [{type: physical, name: e, subnets: [x]}]}",
            ),
            (
                "network",
                "{version: 1, config: [{type: physical, name: e, subnets: [{type: dhcp, routes: {a: b}}]}]}",
            ),
            (
                "network",
                "{version: 1, config: [{type: physical, name: e, subnets: [{type: dhcp, routes: [{network: x}]}]}]}",
            ),
            (
                "-",
                "{version: 1, config: [{type: physical, name: e, subnets: [{type: static, address: 10.0.0.1, netmask: 255.0.0.0, gateway: x}]}]}",
            ),
            (
                "network",
                "{version: 1, config: [{type: physical, name: e, mac_address: 12}]}",
            ),
            ("-", "{version: 1, config: [{type: bond, name: b}]}"),
            (
                "network",
                "{version: 1, config: [{type: bond, name: b, bond_interfaces: null, params: {}}]}",
            ),
            (
                "network",
                "{version: 1, config: [{type: route, destination: zz, gateway: 10.0.0.1}]}",
            ),
            (
                "-",
                "{version: 1, config: [{type: route, gateway: 10.0.0.1}]}",
            ),
            (
                "-",
                "{version: 1, config: [{type: nameserver, address: zz}]}",
            ),
            ("network", "{version: 1, config: [x]}"),
            (
                "network",
                "{version: 2, ethernets: {e: {addresses: [10.0.0.300/24]}}}",
            ),
            (
                "-",
                "{version: 2, ethernets: {e: {addresses: [10.0.0.3, '::1/64', 10.0.0.4/255.0.0.0]}}}",
            ),
            (
                "plain",
                "{version: 2, ethernets: {e: {addresses: [{10.0.0.3/24: {label: x}}]}}}",
            ),
            ("network", "{version: 2, ethernets: {e: {addresses: [5]}}}"),
            ("plain", "{version: 2, ethernets: {e: {addresses: null}}}"),
            ("network", "{version: 2, ethernets: {e: {match: null}}}"),
            (
                "network",
                "{version: 2, ethernets: {e: {match: {macaddress: 12}}}}",
            ),
            (
                "plain",
                "{version: 2, ethernets: {e: {routes: [{to: default, scope: link}]}}}",
            ),
            (
                "-",
                "{version: 2, ethernets: {e: {routes: [{to: 10.0.0.0/8, via: zz}, {to: default, via: '::1'}]}}}",
            ),
            (
                "plain",
                "{version: 2, ethernets: {e: {routes: [{via: 10.0.0.1}]}}}",
            ),
            ("plain", "{version: 2, bonds: {b: {dhcp4: true}}}"),
            (
                "network",
                "{version: 2, bonds: {b: {interfaces: [e], parameters: x}}}",
            ),
            ("plain", "{version: 2, bridges: {b: {dhcp4: true}}}"),
            ("plain", "{version: 2, tunnels: {b: {mode: gre}}}"),
            (
                "-",
                "{version: 2, renderer: networkd, ethernets: {e: {dhcp4: true}}, wifis: {w: {}}}",
            ),
            (
                "network",
                "{version: 2, ethernets: {e: {dhcp4: true}}, foo: {w: {}}}",
            ),
    ];

    #[test]
    fn what_ends_it_with_and_without_netplan() {
        for (ends, text) in ENDS {
            let found = refusal(&yaml::read(text.as_bytes()).unwrap());
            let found = found.map_or(
                "-",
                |found| if found.everywhere { "network" } else { "plain" },
            );
            assert_eq!(found, ends, "{text}");
        }
    }

    /// What is handed on in the place of what ends it does not end it.
    #[test]
    fn what_is_understood_ends_nobody() {
        for (_, text) in ENDS {
            let value = yaml::read(text.as_bytes()).unwrap();
            let config = Config::read(&value).0;
            let Some(config) = config.filter(|_| refusal(&value).is_some()) else {
                continue;
            };
            let written = config.without_others().write();
            let again = refusal(&written).map(|refusal| refusal.what.to_string());
            assert_eq!(again, None, "{text}: {}", yaml::write(&written));
        }
    }
}
