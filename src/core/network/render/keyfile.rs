//! NetworkManager's keyfiles: one connection for each device, readable by root alone, or it is refused.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Column, Files, Sections, master, networkd, words};
use crate::digest::sha256;
use crate::network::{Config, Device, DeviceKind, Method, PolicyRule, Route};
use crate::plan::Mode;

const COLUMN: Column = Column {
    number: 1,
    between: ",",
    flags: ["false", "true"],
};

/// What NetworkManager has no default for, but the kernel does.
const RULE_PRIORITY: u32 = 32765;
/// `NM_SETTING_WIRED_WAKE_ON_LAN_MAGIC`.
const WAKE_ON_MAGIC: u32 = 0x40;

pub(super) fn render(files: &mut Files, config: Config) {
    for device in config.devices.iter().filter(|it| it.held.is_none()) {
        networkd::link(files, device);
        if device.is_loopback() {
            continue;
        }
        let mut file = Sections::default();
        connection(&mut file, &config, device);
        vlan(&mut file, &config, device);
        hardware(&mut file, device);
        // What is a member has no addresses of its own.
        let is_member = master(&config, device).is_some();
        for six in [false, true].into_iter().filter(|_| !is_member) {
            family(files, &mut file, device, six);
        }
        COLUMN.tell(files, device, &mut |section, key, text| match section {
            "ipv4" | "ipv6" if is_member || !is_on(device, section == "ipv6") => {}
            "ethernet" => file.put(card(device), key, &text),
            _ => file.put(section, key, &text),
        });
        let name = ["cloudseed-", device.name.as_str(), ".nmconnection"];
        let path = ["NetworkManager/system-connections/", &name.concat(), ""];
        files.put(path, Mode::Private, file.text());
    }
}

/// The identifier by which connections speak of each other: the same for the same name, of the version for one's own making
/// (RFC 9562, section 5.8).
fn uuid(device: &Device) -> String {
    let digest = sha256(["cloudseed ", device.name.as_str()].concat().as_bytes());
    let part = |from: usize, to: usize| digest.get(from..to).unwrap_or_default();
    [
        part(0, 8),
        "-",
        part(8, 12),
        "-8",
        part(13, 16),
        "-a",
        part(17, 20),
        "-",
        part(20, 32),
    ]
    .concat()
}

fn connection(file: &mut Sections, config: &Config, device: &Device) {
    let section = "connection";
    let kind = match device.kind {
        DeviceKind::Card => card(device),
        DeviceKind::Bond(_) => "bond",
        DeviceKind::Bridge(_) => "bridge",
        DeviceKind::Vlan(..) => "vlan",
    };
    file.put(
        section,
        "id",
        &["cloudseed ", device.name.as_str()].concat(),
    );
    file.put(section, "uuid", &uuid(device));
    file.put(section, "type", &kind);
    file.put(section, "autoconnect-priority", &120);
    if device.manual {
        file.put(section, "autoconnect", &"false");
    }
    let found_otherwise =
        device.mac.is_some() || device.match_name.is_some() || device.driver.is_some();
    if device.kind != DeviceKind::Card
        || device.set_name.is_some() && device.mac.is_none()
        || !found_otherwise
    {
        file.put(section, "interface-name", &device.label().as_str());
    }
    if let Some(master) = master(config, device) {
        port(file, device, master);
    }
}

/// The kind of a card, and the section with what belongs to its hardware.
fn card(device: &Device) -> &'static str {
    if device.is_infiniband() {
        "infiniband"
    } else {
        "ethernet"
    }
}

/// What a member is to its master.
fn port(file: &mut Sections, device: &Device, master: &Device) {
    let section = "connection";
    let bridged = matches!(master.kind, DeviceKind::Bridge(_));
    file.put(section, "master", &uuid(master));
    file.put(
        section,
        "slave-type",
        &if bridged { "bridge" } else { "bond" },
    );
    for (parameter, key) in [("path-cost", "path-cost"), ("port-priority", "priority")] {
        if let Some(number) = master.of_port(parameter, device) {
            file.put("bridge-port", key, &number);
        }
    }
}

/// The number of a VLAN, and the connection below it.
fn vlan(file: &mut Sections, config: &Config, device: &Device) {
    let DeviceKind::Vlan(Some(id), Some(link)) = &device.kind else {
        return;
    };
    file.put("vlan", "id", id);
    if let Some(link) = config.devices.iter().find(|device| device.name == *link) {
        match &link.held {
            Some(name) => file.put("vlan", "parent", &name.as_str()),
            None => file.put("vlan", "parent", &uuid(link)),
        }
    }
}

/// How a card is found, and what the hardware of others is.
fn hardware(file: &mut Sections, device: &Device) {
    let mac = device.mac.as_ref().map(|mac| mac.as_str().to_uppercase());
    let (section, key) = match &device.kind {
        DeviceKind::Card => (card(device), "mac-address"),
        DeviceKind::Bridge(_) => ("bridge", "mac-address"),
        DeviceKind::Bond(_) | DeviceKind::Vlan(..) => ("ethernet", "cloned-mac-address"),
    };
    if let Some(mac) = &mac {
        file.put(section, key, mac);
    }
    if device.is_infiniband() {
        file.put(section, "transport-mode", &"datagram");
    }
    let by_name = device
        .match_name
        .as_ref()
        .filter(|_| mac.is_none() && device.set_name.is_none());
    for (key, word) in [
        ("interface-name", by_name),
        ("driver", device.driver.as_ref()),
    ] {
        if let Some(word) = word {
            file.put("match", key, &word.as_str());
        }
    }
    if device.kind == DeviceKind::Card && device.wake_on_lan == Some(true) {
        file.put("ethernet", "wake-on-lan", &WAKE_ON_MAGIC);
    }
}

/// How the addresses of one family are found; `None` leaves it to NetworkManager, which takes what routers advertise.
fn method(device: &Device, six: bool) -> Option<&'static str> {
    let fixed = device.addresses_of(six).next().is_some();
    if !six {
        return Some(match (device.dhcp4.is_on(), fixed) {
            (true, _) => "auto",
            (false, true) => "manual",
            (false, false) => "disabled",
        });
    }
    let listens = device.accept_ra;
    match device.dhcp6.method.unwrap_or(Method::Off) {
        Method::Stateful => Some("dhcp"),
        Method::Dhcp if listens == Some(false) => Some("dhcp"),
        Method::Dhcp | Method::Stateless | Method::Slaac => Some("auto"),
        Method::Off if listens == Some(true) => Some("auto"),
        Method::Off if fixed => Some("manual"),
        Method::Off if !device.has_addresses() => Some("disabled"),
        Method::Off if listens == Some(false) => Some("link-local"),
        Method::Off => None,
    }
}

/// Does this family have anything that could be told more?
fn is_on(device: &Device, six: bool) -> bool {
    matches!(method(device, six), Some("auto" | "dhcp" | "manual"))
}

/// Is the boot to wait for this family? One lease of two is enough.
fn is_needed(device: &Device) -> bool {
    let leased = |six| matches!(method(device, six), Some("auto" | "dhcp"));
    !(leased(false) && leased(true))
}

fn family(files: &mut Files, file: &mut Sections, device: &Device, six: bool) {
    let section = if six { "ipv6" } else { "ipv4" };
    let method = method(device, six);
    if let Some(method) = method {
        file.put(section, "method", &method);
    }
    let servers = device
        .dns
        .servers
        .iter()
        .filter(|server| server.is_ipv6() == six);
    let servers: Vec<String> = servers.map(|server| format!("{server};")).collect();
    if !is_on(device, six) {
        let lost = device.routes_of(six).next().is_some() || !servers.is_empty();
        if lost {
            files.warn(
                device.name.as_str(),
                "addresses of a family that has routes or name servers",
                section,
            );
        }
        return;
    }
    if is_needed(device) {
        file.put(section, "may-fail", &"false");
    }
    if six && method != Some("manual") {
        file.put(section, "addr-gen-mode", &"eui64");
    }
    for (number, address) in (1..).zip(device.addresses_of(six)) {
        numbered(file, section, "address", number, &address.to_string());
    }
    for (number, route) in (1..).zip(device.routes_of(six)) {
        self::route(file, section, number, route);
    }
    for (number, rule) in (1..).zip(device.rules.iter().filter(|rule| rule.is_ipv6() == six)) {
        numbered(file, section, "routing-rule", number, &self::rule(rule));
    }
    file.list(section, "dns", &servers, "");
    let mut search = words(&device.dns.search);
    search.iter_mut().for_each(|domain| domain.push(';'));
    file.list(section, "dns-search", &search, "");
}

fn numbered(file: &mut Sections, section: &'static str, key: &str, number: usize, value: &str) {
    file.put(section, &format!("{key}{number}"), &value);
}

/// `TO[,VIA[,METRIC]]`, and what there is beside that.
fn route(file: &mut Sections, section: &'static str, number: usize, route: &Route) {
    let mut text = route.to.to_string();
    let nowhere = if section == "ipv6" { "::" } else { "0.0.0.0" };
    match (route.via, route.metric) {
        (Some(via), _) => text.push_str(&format!(",{via}")),
        (None, Some(_)) => text.push_str(&[",", nowhere].concat()),
        (None, None) => {}
    }
    if let Some(metric) = route.metric {
        text.push_str(&format!(",{metric}"));
    }
    numbered(file, section, "route", number, &text);
    let mut options = Vec::new();
    if route.on_link == Some(true) {
        options.push("onlink=true".to_string());
    }
    for (key, value) in [("table", route.table), ("mtu", route.mtu)] {
        options.extend(value.map(|value| format!("{key}={value}")));
    }
    file.list(section, &format!("route{number}_options"), &options, ",");
}

fn rule(rule: &PolicyRule) -> String {
    let mut text = format!("priority {}", rule.priority.unwrap_or(RULE_PRIORITY));
    for (word, network) in [(" from ", &rule.from), (" to ", &rule.to)] {
        if let Some(network) = network {
            text.push_str(&format!("{word}{network}"));
        }
    }
    if let Some(table) = rule.table {
        text.push_str(&format!(" table {table}"));
    }
    text
}
