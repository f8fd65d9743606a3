//! Stock: what stock cloud-init cannot take of a network configuration. It does not leave out what it does not understand: it ends,
//! and the machine has no network at all.
//!
//! Source: `net/network_state.py` and `net/networkd.py` of cloud-init 26.2. One that writes netplan's files hands version 2 on as it
//! is, so that what netplan understands is no trouble there.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use core::slice;

use super::version2::{OTHER_SECTIONS, SECTIONS, is_renderer};
use crate::text::quote;
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

fn odd(place: &str, expected: &str, found: &str) -> Warning {
    Warning::new("network", place, expected, quote(found))
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
    let Some(config) = map.get("config") else {
        return Some(wrong("config", "a list", &Value::Null));
    };
    let elements = config.as_list().unwrap_or_default().iter();
    no_list("config", Some(config)).or_else(|| elements.filter_map(element).next())
}

/// What an element has to have; one without it is passed over.
fn required(kind: &str) -> &'static [&'static str] {
    match kind {
        "vlan" => &["name", "vlan_id", "vlan_link"],
        "bond" => &["name", "bond_interfaces", "params"],
        "bridge" => &["name", "bridge_interfaces"],
        "nameserver" => &["address"],
        "route" => &["destination"],
        _ => &["name"],
    }
}

fn element(element: &Value) -> Option<Warning> {
    let kind = element.get("type").unwrap_or(&Value::Null);
    let Some(word) = kind.as_text() else {
        return Some(wrong("config", "the type of each element", kind));
    };
    if !TYPES.contains(&word) {
        return Some(odd("config", "a type of version 1", word));
    }
    if required(word).iter().any(|key| element.get(key).is_none()) {
        return None;
    }
    match word {
        "nameserver" => return None,
        "route" => return destination(element, &["destination"]),
        _ => {}
    }
    let mac = element.get("mac_address").filter(|mac| !mac.is_null());
    let mac = mac.filter(|mac| mac.as_text().is_none());
    let mac = mac.map(|mac| wrong("mac_address", "text", mac));
    let members = match word {
        "bond" => no_list("bond_interfaces", element.get("bond_interfaces")),
        "bridge" => no_list("bridge_interfaces", element.get("bridge_interfaces")),
        _ => None,
    };
    let subnets = element.get("subnets").filter(|subnets| !subnets.is_null());
    let all = subnets.and_then(Value::as_list).unwrap_or_default();
    mac.or(members)
        .or_else(|| no_list("subnets", subnets))
        .or_else(|| all.iter().find_map(subnet))
}

fn subnet(subnet: &Value) -> Option<Warning> {
    let kind = subnet.get("type").unwrap_or(&Value::Null);
    let Some(word) = kind.as_text() else {
        return Some(wrong("subnets", "the type of each subnet", kind));
    };
    let fixed = matches!(word, "static" | "static6");
    let address = fixed.then(|| destination(subnet, &["address", "ip_address"]));
    let routes = subnet.get("routes");
    let all = routes.and_then(Value::as_list).unwrap_or_default();
    address
        .flatten()
        .or_else(|| no_list("routes", routes))
        .or_else(|| {
            let mut all = all.iter();
            all.find_map(|route| destination(route, &["network", "destination"]))
        })
}

/// The address or network of a map of version 1, under the first of these keys that has anything, is none. `default` takes a
/// `gateway`.
fn destination(map: &Value, keys: &[&str]) -> Option<Warning> {
    let place = keys.first().copied().unwrap_or_default();
    if map.as_map().is_none() {
        return Some(wrong(place, "a map", map));
    }
    let text = |key: &str| map.get(key)?.to_text().filter(|text| !text.is_empty());
    let found = keys.iter().find_map(|key| text(key)).unwrap_or_default();
    let known = match found.as_str() {
        "default" => text("gateway").is_some_and(|router| is_address(&router)),
        found => {
            let beside =
                text("netmask").filter(|_| !found.contains('/') && text("prefix").is_none());
            is_network(found) && beside.is_none_or(|mask| is_mask_beside(found, &mask))
        }
    };
    (!known).then(|| odd(place, "an address or a network", &found))
}

fn is_address(text: &str) -> bool {
    text.parse::<IpAddr>().is_ok()
}

/// What Python's `ipaddress.ip_network` takes: an address, perhaps with a prefix behind it, in IPv4 a mask, also one of hosts; in
/// IPv6 perhaps with a zone.
fn is_network(text: &str) -> bool {
    let (address, mask) = match text.split_once('/') {
        Some((address, mask)) => (address, Some(mask)),
        None => (text, None),
    };
    let plain = match address.split_once('%') {
        Some((plain, zone)) if plain.contains(':') && !zone.is_empty() => plain,
        _ => address,
    };
    is_address(plain) && mask.is_none_or(|mask| is_mask(plain, mask))
}

/// The mask under a key of its own, which IPv6 may have in full, too.
fn is_mask_beside(address: &str, mask: &str) -> bool {
    is_mask(address, mask) || address.contains(':') && mask.parse::<Ipv6Addr>().is_ok()
}

fn is_mask(address: &str, mask: &str) -> bool {
    let most = if address.contains(':') { 128 } else { 32 };
    if let Ok(prefix) = mask.parse::<u8>() {
        return prefix <= most;
    }
    let bits = mask.parse::<Ipv4Addr>().map(u32::from);
    most == 32
        && bits.is_ok_and(|bits| {
            let is_run = |bits: u32| bits.leading_ones() + bits.trailing_zeros() >= 32;
            is_run(bits) || is_run(!bits)
        })
}

fn version2(map: &Map) -> Option<Warning> {
    let known =
        |key: &str| key == "version" || SECTIONS.contains(&key) || OTHER_SECTIONS.contains(&key);
    let mut strangers = map.texts().filter(|(key, _)| !known(key));
    if let Some((key, _)) = strangers.next() {
        return Some(odd("network-config", "a section of version 2", key));
    }
    SECTIONS.iter().find_map(|section| {
        let devices = map.get(section).filter(|devices| !devices.is_null())?;
        let Some(devices) = devices.as_map() else {
            return Some(wrong(section, "a map of devices", devices));
        };
        devices.iter().find_map(|(id, device)| match device {
            Value::Map(device) => version2_device(device),
            device if is_renderer(id, device) => None,
            other => Some(wrong(section, "a map for each device", other)),
        })
    })
}

fn version2_device(device: &Map) -> Option<Warning> {
    let said = |key: &str| device.get(key).filter(|value| !value.is_null());
    let mut lists = ["addresses", "routes"].into_iter();
    let list = lists.find_map(|key| no_list(key, said(key)));
    let maps = [
        ("match", device.get("match")),
        ("parameters", device.get("parameters")),
        ("nameservers", said("nameservers")),
    ];
    let map = maps.into_iter().find_map(|(key, found)| {
        let found = found.filter(|found| found.as_map().is_none())?;
        Some(wrong(key, "a map", found))
    });
    let matched = device.get("match");
    let mac = matched.and_then(|matched| matched.get("macaddress"));
    let mac = mac.filter(|mac| !mac.is_null() && mac.as_text().is_none());
    let mac = mac.map(|mac| wrong("macaddress", "text", mac));
    let addresses = said("addresses").and_then(Value::as_list);
    let mut addresses = addresses.unwrap_or_default().iter();
    let is_odd = |address: &&Value| match address {
        Value::Map(_) => false,
        address => !address.as_text().is_some_and(is_network),
    };
    list.or(map).or(mac).or_else(|| {
        let found = addresses.find(is_odd)?.to_text();
        Some(odd("addresses", "an address", &found.unwrap_or_default()))
    })
}

/// What netplan understands, and nobody else: sections, parameters, labels of addresses, routes without a router, devices without
/// members, keys without a value; and networkd's renderer asks for cards where there are none.
fn without_netplan(map: &Map) -> Option<Warning> {
    const HARMLESS: [&str; 2] = ["renderer", "wifis"];
    const EXPECTED: &str = "what others than netplan know";
    let mut sections = OTHER_SECTIONS.iter().filter(|key| !HARMLESS.contains(key));
    if let Some(section) = sections.find(|section| map.get(section).is_some()) {
        return Some(odd("network-config", EXPECTED, section));
    }
    if map.get("ethernets").is_none() {
        return Some(odd("network-config", EXPECTED, "no ethernets"));
    }
    let wifis = map.get("wifis").filter(|wifis| wifis.as_map().is_none());
    if let Some(wifis) = wifis {
        return Some(wrong("wifis", "a map of devices", wifis));
    }
    SECTIONS.iter().find_map(|section| {
        let devices = map.get(section)?;
        let Some(devices) = devices.as_map() else {
            return Some(wrong(section, "a map of devices", devices));
        };
        devices.iter().find_map(|(_, device)| match device {
            Value::Map(device) => device_without_netplan(section, device),
            _ => Some(odd(section, EXPECTED, "renderer")),
        })
    })
}

/// The parameters of bonds and of bridges that cloud-init knows.
const PARAMETERS: [(&str, &[&str]); 2] = [
    (
        "bonds",
        &[
            "ad-select",
            "all-slaves-active",
            "arp-all-targets",
            "arp-interval",
            "arp-ip-target",
            "arp-validate",
            "down-delay",
            "fail-over-mac-policy",
            "lacp-rate",
            "learn-packet-interval",
            "mii-monitor-interval",
            "min-links",
            "mode",
            "gratuitous-arp",
            "gratuitious-arp",
            "packets-per-slave",
            "primary",
            "primary-reselect-policy",
            "up-delay",
            "transmit-hash-policy",
        ],
    ),
    (
        "bridges",
        &[
            "ageing-time",
            "priority",
            "forward-delay",
            "hello-time",
            "max-age",
            "path-cost",
            "port-priority",
            "stp",
        ],
    ),
];

fn device_without_netplan(section: &str, device: &Map) -> Option<Warning> {
    let known = PARAMETERS.iter().find(|(name, _)| *name == section);
    let members = known.and_then(|_| {
        let members = device.get("interfaces").unwrap_or(&Value::Null);
        no_list("interfaces", Some(members))
    });
    let said = device.get("parameters").and_then(Value::as_map);
    let parameter = known.zip(said).and_then(|((_, known), said)| {
        let (key, _) = said.texts().find(|(key, _)| !known.contains(key))?;
        Some(odd("parameters", "a parameter that cloud-init knows", key))
    });
    let maps = ["nameservers", "dhcp4-overrides", "dhcp6-overrides"];
    let no_map = maps.into_iter().find_map(|key| {
        let found = device.get(key).filter(|found| found.as_map().is_none())?;
        Some(wrong(key, "a map", found))
    });
    let name = device.get("set-name").filter(|name| !name.is_null());
    let name = name.filter(|name| name.as_text().is_none());
    let name = name.map(|name| wrong("set-name", "text", name));
    let rules = device
        .get("routing-policy")
        .filter(|rules| !rules.is_null());
    let rule = rules.and_then(|rules| {
        let mut all = rules
            .as_list()
            .unwrap_or_else(|| slice::from_ref(rules))
            .iter();
        let other = all.find(|rule| rule.as_map().is_none())?;
        Some(wrong("routing-policy", "a list of maps", other))
    });
    let lists = ["addresses", "routes"].map(|key| (key, device.get(key)));
    let list = lists.iter().find_map(|(key, found)| no_list(key, *found));
    let [addresses, routes] =
        lists.map(|(_, found)| found.and_then(Value::as_list).unwrap_or_default());
    let label = addresses.iter().find(|address| address.as_map().is_some());
    let label = label.map(|label| wrong("addresses", "an address", label));
    let route = || routes.iter().find_map(route_without_netplan);
    members
        .or(parameter)
        .or(no_map)
        .or(name)
        .or(rule)
        .or(list)
        .or(label)
        .or_else(route)
}

fn route_without_netplan(route: &Value) -> Option<Warning> {
    if route.as_map().is_none() {
        return Some(wrong("routes", "a map", route));
    }
    let text = |key: &str| route.get(key).and_then(Value::to_text);
    let router = text("via").unwrap_or_default();
    let metric = text("metric").is_none_or(|metric| metric.parse::<u32>().is_ok());
    let to = text("to").unwrap_or_default();
    let known = match to.as_str() {
        "default" => is_address(&router),
        to => is_network(to) && !router.is_empty(),
    };
    (!known || !metric).then(|| odd("routes", "a network, a router and a metric", &to))
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
                "version: 1\nconfig: [{type: physical, name: e, subnets: {type: dhcp}}]",
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
    const ENDS: [(&str, &str); 55] = [
        ("plain", "{version: 2, ethernets: {e: {dhcp4: true}}, wifis: null}"),
        ("plain", "{version: 2, ethernets: {e: {set-name: [x]}}}"),
        ("plain", "{version: 2, ethernets: {e: {dhcp4-overrides: 5}}}"),
        ("plain", "{version: 2, ethernets: {e: {routing-policy: [null]}}}"),
        ("plain", "{version: 2, ethernets: {e: {routing-policy: 5}}}"),
        ("-", "{version: 2, ethernets: {e: {dhcp4-overrides: {}, routing-policy: null, set-name: null}}}"),
        ("network", "{version: 1, config: [{type: physical, name: e, subnets: [{type: static}]}]}"),
        ("network", "{version: 1, config: [{type: physical, name: e, subnets: [{type: static, address: 10.0.0.300/24}]}]}"),
        ("network", "{version: 1, config: [{type: tunnel, name: e}]}"),
        ("network", "{version: 1, config: [{type: physical, name: e, subnets: [x]}]}"),
        ("network", "{version: 1, config: [{type: physical, name: e, subnets: [{type: dhcp, routes: {a: b}}]}]}"),
        ("network", "{version: 1, config: [{type: physical, name: e, subnets: [{type: dhcp, routes: [{network: x}]}]}]}"),
        ("-", "{version: 1, config: [{type: physical, name: e, subnets: [{type: static, address: 10.0.0.1, netmask: 255.0.0.0, gateway: x}]}]}"),
        ("network", "{version: 1, config: [{type: physical, name: e, mac_address: 12}]}"),
        ("-", "{version: 1, config: [{type: bond, name: b}]}"),
        ("network", "{version: 1, config: [{type: bond, name: b, bond_interfaces: null, params: {}}]}"),
        ("network", "{version: 1, config: [{type: route, destination: zz, gateway: 10.0.0.1}]}"),
        ("-", "{version: 1, config: [{type: route, gateway: 10.0.0.1}]}"),
        ("-", "{version: 1, config: [{type: nameserver, address: zz}]}"),
        ("network", "{version: 1, config: [x]}"),
        ("network", "{version: 2, ethernets: {e: {addresses: [10.0.0.300/24]}}}"),
        ("-", "{version: 2, ethernets: {e: {addresses: [10.0.0.3, '::1/64', 10.0.0.4/255.0.0.0]}}}"),
        ("plain", "{version: 2, ethernets: {e: {addresses: [{10.0.0.3/24: {label: x}}]}}}"),
        ("network", "{version: 2, ethernets: {e: {addresses: [5]}}}"),
        ("plain", "{version: 2, ethernets: {e: {addresses: null}}}"),
        ("network", "{version: 2, ethernets: {e: {match: null}}}"),
        ("network", "{version: 2, ethernets: {e: {match: {macaddress: 12}}}}"),
        ("plain", "{version: 2, ethernets: {e: {routes: [{to: default, scope: link}]}}}"),
        ("-", "{version: 2, ethernets: {e: {routes: [{to: 10.0.0.0/8, via: zz}, {to: default, via: '::1'}]}}}"),
        ("plain", "{version: 2, ethernets: {e: {routes: [{via: 10.0.0.1}]}}}"),
        ("plain", "{version: 2, bonds: {b: {dhcp4: true}}}"),
        ("network", "{version: 2, bonds: {b: {interfaces: [e], parameters: x}}}"),
        ("plain", "{version: 2, bridges: {b: {dhcp4: true}}}"),
        ("plain", "{version: 2, tunnels: {b: {mode: gre}}}"),
        ("-", "{version: 2, renderer: networkd, ethernets: {e: {dhcp4: true}}, wifis: {w: {}}}"),
        ("network", "{version: 2, ethernets: {e: {dhcp4: true}}, foo: {w: {}}}"),
        ("network", "{version: 1, config: [{type: physical, name: e, subnets: [{}]}]}"),
        ("network", "{version: 1, config: [{type: physical, name: e, subnets: [{type: dhcp, routes: [{network: default, via: 10.0.0.1}]}]}]}"),
        ("network", "{version: 1, config: [{type: physical, name: e, subnets: [{type: static, address: 10.0.0.2, netmask: zz}]}]}"),
        ("network", "{version: 1, config: [{type: physical, name: e, subnets: [{type: static, address: '2001:db8::1/ffff:ffff::'}]}]}"),
        ("network", "{version: 1}"),
        ("-", "{version: 1, config: [{type: physical, name: e, subnets: [{type: static, address: 10.0.0.2/0.0.0.255}]}]}"),
        ("-", "{version: 1, config: [{type: physical, name: e, subnets: [{type: static, address: '2001:db8::1', netmask: 'ffff:ffff::', routes: [{network: '::', netmask: '::', gateway: '2001:db8::2'}]}]}]}"),
        ("-", "{version: 1, config: [{type: physical, name: e, subnets: [{type: static, address: 'fe80::1%e/64'}]}]}"),
        ("-", "{version: 1, config: [{type: physical, subnets: [{type: static}]}]}"),
        ("-", "{version: 1, config: [{type: physical, name: e, bond_interfaces: x}, {type: nameserver, address: 10.0.0.1, mac_address: 1}]}"),
        ("plain", "{version: 2, ethernets: {renderer: networkd, e: {dhcp4: true}}}"),
        ("plain", "{version: 2, ethernets: {e: {}}, bonds: {b: {interfaces: [e], parameters: {all-members-active: true}}}}"),
        ("-", "{version: 2, ethernets: {e: {}}, bonds: {b: {interfaces: [e], parameters: {mode: active-backup}}}}"),
        ("plain", "{version: 2, ethernets: {e: {dhcp4: true, dhcp4-overrides: null}}}"),
        ("plain", "{version: 2, ethernets: {e: {dhcp4: true, nameservers: null}}}"),
        ("plain", "{version: 2, ethernets: {e: {dhcp4: true}}, bonds: null}"),
        ("plain", "{version: 2, ethernets: {e: {dhcp4: true, routes: [{to: 10.0.0.0/8, via: 10.0.0.1, metric: x}]}}}"),
        ("plain", "{version: 2, ethernets: {e: {dhcp4: true, routes: [{to: 10.0.0.0/8, type: blackhole}]}}}"),
        ("plain", "{version: 2, vlans: {v: {id: 5, link: e}}}"),
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
            let for_netplan = config.clone().write();
            let everywhere = refusal(&for_netplan).is_some_and(|refusal| refusal.everywhere);
            assert!(!everywhere, "{text}: {}", yaml::write(&for_netplan));
            let written = config.write_without_netplan();
            let again = refusal(&written).map(|refusal| refusal.what.to_string());
            assert_eq!(again, None, "{text}: {}", yaml::write(&written));
        }
    }
}
