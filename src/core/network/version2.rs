//! Version 2: netplan's words. Devices stand under their names in sections by what they are.

use alloc::vec::Vec;

use super::field::{Field, Pass, Reader, written};
use super::{Config, Device, DeviceKind, Dialect, Dns, Members, Name, Overrides, Route, version1};
use crate::value::{Map, Value};

/// The sections, each behind those whose devices it speaks of.
pub(super) const SECTIONS: [&str; 4] = ["ethernets", "bonds", "bridges", "vlans"];

/// Sections of devices that are not spoken of here, and what else netplan has beside them.
#[rustfmt::skip]
pub(super) const OTHER_SECTIONS: [&str; 9] = [
    "renderer", "dummy-devices", "modems", "nm-devices", "openvswitch", "tunnels", "virtual-ethernets", "vrfs", "wifis",
];
/// What netplan has for a device and is not spoken of here.
#[rustfmt::skip]
const OTHER_KEYS: &[&str] = &[
    "renderer", "auth", "delay-virtual-functions-rebind", "dhcp-identifier", "embedded-switch-mode", "emit-lldp",
    "generic-receive-offload", "generic-segmentation-offload", "hairpin", "ignore-carrier", "infiniband-mode", "ipv6-address-generation",
    "ipv6-address-token", "ipv6-privacy", "large-receive-offload", "link", "link-local", "neigh-suppress", "networkmanager",
    "openvswitch", "optional-addresses", "port-mac-learning", "receive-checksum-offload", "tcp-segmentation-offload",
    "tcp6-segmentation-offload", "transmit-checksum-offload", "virtual-function-count",
];

/// Whether a document has a section of devices.
pub(super) fn has_sections(document: &Map) -> bool {
    SECTIONS.iter().any(|section| document.contains(section))
}

/// Whether what stands in a section is no device, but who sets up all of it: netplan's affair.
pub(super) fn is_renderer(id: &Value, told: &Value) -> bool {
    id.as_text() == Some("renderer") && told.as_text().is_some()
}

/// Those of the keys that stand in a map.
pub(super) fn others(map: &Map, keys: &[&str]) -> Map {
    let there = map
        .texts()
        .filter(|(key, value)| keys.contains(key) && !value.is_null());
    there.map(|(key, value)| (key, value.clone())).collect()
}

/// What stands in a section.
fn kind(section: &str) -> DeviceKind {
    match section {
        "bonds" => DeviceKind::Bond(Members::default()),
        "bridges" => DeviceKind::Bridge(Members::default()),
        "vlans" => DeviceKind::Vlan(None, None),
        _ => DeviceKind::Card,
    }
}

/// The section of a device.
pub(super) fn section(kind: &DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Card => "ethernets",
        DeviceKind::Bond(_) => "bonds",
        DeviceKind::Bridge(_) => "bridges",
        DeviceKind::Vlan(..) => "vlans",
    }
}

/// What a device is told, by version 2's keys.
pub(super) fn fields(device: &mut Device, pass: &mut Pass) {
    pass.field("dhcp4", Field::Method(&mut device.dhcp4.method));
    overrides("dhcp4-overrides", &mut device.dhcp4.overrides, pass);
    pass.field("dhcp6", Field::Method(&mut device.dhcp6.method));
    overrides("dhcp6-overrides", &mut device.dhcp6.overrides, pass);
    pass.field("set-name", Field::Interface(&mut device.set_name));
    pass.field("addresses", Field::Networks(&mut device.addresses));
    pass.field("routes", Field::Routes(&mut device.routes));
    pass.field("routing-policy", Field::Rules(&mut device.rules));
    pass.field("mtu", Field::Number(&mut device.mtu));
    pass.field("ipv6-mtu", Field::Number(&mut device.mtu6));
    pass.field("accept-ra", Field::Flag(&mut device.accept_ra));
    pass.field("optional", Field::Flag(&mut device.optional));
    pass.field("critical", Field::Flag(&mut device.critical));
    pass.field("wakeonlan", Field::Flag(&mut device.wake_on_lan));
    pass.group("nameservers", &mut |pass| {
        pass.field("addresses", Field::Addresses(&mut device.dns.servers));
        pass.field("search", Field::Names(&mut device.dns.search));
    });
    if device.kind == DeviceKind::Card {
        pass.group("match", &mut |pass| {
            pass.field("macaddress", Field::HardwareAddress(&mut device.mac));
            pass.field("name", Field::Name(&mut device.match_name));
            pass.field("driver", Field::Name(&mut device.driver));
        });
    } else {
        pass.field("macaddress", Field::HardwareAddress(&mut device.mac));
    }
    let (members, table) = match &mut device.kind {
        DeviceKind::Bond(members) => (members, version1::BOND),
        DeviceKind::Bridge(members) => (members, version1::BRIDGE),
        DeviceKind::Vlan(id, link) => {
            pass.field("id", Field::Number(id));
            return pass.field("link", Field::Name(link));
        }
        DeviceKind::Card => return,
    };
    pass.field("interfaces", Field::Names(&mut members.names));
    let parameters = Field::Parameters(&mut members.parameters, table, false);
    pass.field("parameters", parameters);
}

fn overrides(key: &'static str, overrides: &mut Overrides, pass: &mut Pass) {
    pass.group(key, &mut |pass| {
        pass.field("route-metric", Field::Number(&mut overrides.route_metric));
        pass.field("use-dns", Field::Flag(&mut overrides.use_dns));
        pass.field("use-domains", Field::Choice(&mut overrides.use_domains));
        pass.field("use-hostname", Field::Flag(&mut overrides.use_hostname));
        pass.field("use-mtu", Field::Flag(&mut overrides.use_mtu));
        pass.field("use-ntp", Field::Flag(&mut overrides.use_ntp));
        pass.field("use-routes", Field::Flag(&mut overrides.use_routes));
        pass.field("send-hostname", Field::Flag(&mut overrides.send_hostname));
        pass.field("hostname", Field::Name(&mut overrides.hostname));
    });
}

/// Reads a document of version 2.
pub(super) fn read(reader: &mut Reader, document: &Map) -> Config {
    let mut config = Config::new(Dialect::Version2);
    let [cards, bonds, bridges, vlans] = SECTIONS;
    let known = [cards, bonds, bridges, vlans, "version", "config"];
    reader.known(document, &[&known[..], &OTHER_SECTIONS].concat());
    config.others = others(document, &OTHER_SECTIONS);
    for section in SECTIONS {
        let Some(devices) = document.get(section).filter(|value| !value.is_null()) else {
            continue;
        };
        let place = reader.enter(section);
        match devices.as_map() {
            Some(devices) => {
                for (id, device) in devices.iter().filter(|(id, it)| !is_renderer(id, it)) {
                    read_device(reader, &mut config, kind(section), id, device);
                }
            }
            None => reader.refuse("a map", devices),
        }
        reader.leave(place);
    }
    config
}

fn read_device(
    reader: &mut Reader,
    config: &mut Config,
    kind: DeviceKind,
    id: &Value,
    told: &Value,
) {
    let Some(name) = id.to_text().as_deref().and_then(Name::new) else {
        return reader.refuse("the name of a device", id);
    };
    let place = reader.enter(name.as_str());
    let mut device = Device::named(name);
    device.kind = kind;
    match told {
        Value::Null => {}
        Value::Map(told) => {
            let also = ["gateway4", "gateway6", "activation-mode"];
            let keys = OTHER_KEYS.iter().copied().filter(|key| {
                let is_spoken_of = *key == "link" && matches!(device.kind, DeviceKind::Vlan(..));
                !is_spoken_of
            });
            let keys: Vec<&'static str> = keys.collect();
            let also = [&also[..], &keys].concat();
            reader.fields(told, &also, &mut |pass| fields(&mut device, pass));
            device.others = others(told, &keys);
            gateways(reader, told, &mut device.routes);
            let mode = told.get("activation-mode").and_then(Value::as_text);
            device.manual = mode == Some("manual");
        }
        other => reader.refuse("a map", other),
    }
    reader.add(config, device);
    reader.leave(place);
}

/// The keys that were there before routes; deprecated, and in use.
fn gateways(reader: &mut Reader, told: &Map, routes: &mut Vec<Route>) {
    for key in ["gateway4", "gateway6"] {
        let mut router = None;
        reader.field(told, key, Field::Address(&mut router));
        routes.extend(router.map(Route::default_via));
    }
}

/// Writes a document of version 2. Name servers that belong to no device go to those with addresses and without servers of
/// their own, as in cloud-init; routes that belong to none have no place in it.
pub(super) fn write(config: &mut Config) -> Value {
    let mut document = Map::new();
    document.insert("version", Value::Int(2));
    for device in &mut config.devices {
        if device.dns == Dns::default() && !device.addresses.is_empty() {
            device.dns = config.dns.clone();
        }
        let mut told = written(&mut |pass| fields(device, pass));
        if device.manual {
            told.insert("activation-mode", Value::from("manual"));
        }
        let section = Value::from(section(&device.kind));
        if document.get_value(&section).is_none() {
            document.insert(section.clone(), Value::Map(Map::new()));
        }
        if let Some(Value::Map(devices)) = document.get_mut(&section) {
            devices.insert(device.name.as_str(), Value::Map(told));
        }
    }
    document.into()
}
