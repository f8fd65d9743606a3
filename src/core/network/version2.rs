//! Version 2: netplan's words. Devices stand under their names in sections by what they are.

use alloc::vec::Vec;

use super::field::{Field, Fields, Reader, written};
use super::{Config, Device, Dialect, Dns, Kind, Members, Name, Overrides, Route, version1};
use crate::value::{Map, Value};

/// The sections.
const SECTIONS: [&str; 4] = ["ethernets", "bonds", "bridges", "vlans"];

/// What stands in a section.
fn kind(section: &str) -> Kind {
    match section {
        "bonds" => Kind::Bond(Members::default()),
        "bridges" => Kind::Bridge(Members::default()),
        "vlans" => Kind::Vlan(None, None),
        _ => Kind::Card,
    }
}

/// The section of a device.
fn section(kind: &Kind) -> &'static str {
    match kind {
        Kind::Card => "ethernets",
        Kind::Bond(_) => "bonds",
        Kind::Bridge(_) => "bridges",
        Kind::Vlan(..) => "vlans",
    }
}

/// What a device is told, by version 2's keys.
fn fields(device: &mut Device) -> Fields<'_> {
    let mut fields: Fields = [
        ("dhcp4", Field::Method(&mut device.dhcp4.method)),
        ("dhcp4-overrides", overrides(&mut device.dhcp4.overrides)),
        ("dhcp6", Field::Method(&mut device.dhcp6.method)),
        ("dhcp6-overrides", overrides(&mut device.dhcp6.overrides)),
        ("set-name", Field::Interface(&mut device.set_name)),
        ("addresses", Field::Networks(&mut device.addresses)),
        ("routes", Field::Routes(&mut device.routes)),
        ("routing-policy", Field::Rules(&mut device.rules)),
        ("mtu", Field::Number(&mut device.mtu)),
        ("ipv6-mtu", Field::Number(&mut device.mtu6)),
        ("accept-ra", Field::Flag(&mut device.accept_ra)),
        ("optional", Field::Flag(&mut device.optional)),
        ("critical", Field::Flag(&mut device.critical)),
        ("wakeonlan", Field::Flag(&mut device.wake_on_lan)),
    ]
    .into();
    let dns = [
        ("addresses", Field::Addresses(&mut device.dns.servers)),
        ("search", Field::Names(&mut device.dns.search)),
    ];
    fields.push(("nameservers", Field::Group(dns.into())));
    let mac = Field::Mac(&mut device.mac);
    match &mut device.kind {
        Kind::Card => {
            let matching = [
                ("macaddress", mac),
                ("name", Field::Name(&mut device.match_name)),
                ("driver", Field::Name(&mut device.driver)),
            ];
            fields.push(("match", Field::Group(matching.into())));
        }
        Kind::Bond(members) => made(&mut fields, mac, members, version1::BOND),
        Kind::Bridge(members) => made(&mut fields, mac, members, version1::BRIDGE),
        Kind::Vlan(id, link) => fields.extend([
            ("macaddress", mac),
            ("id", Field::Number(id)),
            ("link", Field::Name(link)),
        ]),
    }
    fields
}

/// What a bond or a bridge is told beside.
fn made<'a>(
    fields: &mut Fields<'a>,
    mac: Field<'a>,
    members: &'a mut Members,
    table: &'static [(&'static str, &'static str)],
) {
    let parameters = Field::Parameters(&mut members.parameters, table, false);
    fields.extend([
        ("macaddress", mac),
        ("interfaces", Field::Names(&mut members.names)),
        ("parameters", parameters),
    ]);
}

fn overrides(overrides: &mut Overrides) -> Field<'_> {
    let fields = [
        ("route-metric", Field::Number(&mut overrides.route_metric)),
        ("use-dns", Field::Flag(&mut overrides.use_dns)),
        ("use-domains", Field::Choice(&mut overrides.use_domains)),
        ("use-hostname", Field::Flag(&mut overrides.use_hostname)),
        ("use-mtu", Field::Flag(&mut overrides.use_mtu)),
        ("use-ntp", Field::Flag(&mut overrides.use_ntp)),
        ("use-routes", Field::Flag(&mut overrides.use_routes)),
        ("send-hostname", Field::Flag(&mut overrides.send_hostname)),
        ("hostname", Field::Name(&mut overrides.hostname)),
    ];
    Field::Group(fields.into())
}

/// Reads a document of version 2.
pub(super) fn read(reader: &mut Reader, document: &Map) -> Config {
    let mut config = Config::new(Dialect::Version2);
    for section in SECTIONS {
        let Some(devices) = document.get(section).filter(|value| !value.is_null()) else {
            continue;
        };
        let place = reader.enter(section);
        match devices.as_map() {
            Some(devices) => {
                for (id, device) in devices.iter() {
                    read_device(reader, &mut config, kind(section), id, device);
                }
            }
            None => reader.refuse("a map", devices),
        }
        reader.leave(place);
    }
    config
}

fn read_device(reader: &mut Reader, config: &mut Config, kind: Kind, id: &Value, told: &Value) {
    let Some(name) = id.to_text().as_deref().and_then(Name::new) else {
        return reader.refuse("the name of a device", id);
    };
    let place = reader.enter(name.as_str());
    let mut device = Device {
        name,
        kind,
        ..Device::default()
    };
    match told {
        Value::Null => {}
        Value::Map(told) => {
            reader.fill(told, fields(&mut device));
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
        reader.fill(told, [(key, Field::Address(&mut router))].into());
        routes.extend(router.map(Route::default_via));
    }
}

/// Writes a document of version 2. Name servers that belong to no device go to those with addresses and without servers of
/// their own, as in the original; routes that belong to none have no place in it.
pub(super) fn write(config: &Config) -> Value {
    let mut document: Map = [("version", 2)].into_iter().collect();
    for device in &config.devices {
        let mut device = device.clone();
        if device.dns == Dns::default() && !device.addresses.is_empty() {
            device.dns = config.dns.clone();
        }
        let mut told = written(fields(&mut device));
        if device.manual {
            told.insert("activation-mode", "manual");
        }
        let section = Value::from(section(&device.kind));
        if document.get_value(&section).is_none() {
            document.insert(section.clone(), Map::new());
        }
        if let Some(Value::Map(devices)) = document.get_mut(&section) {
            devices.insert(device.name.as_str(), told);
        }
    }
    document.into()
}
