//! systemd-networkd, and udev's `.link` files, which give cards their names whatever sets up their addresses.
//!
//! The lexically first file that matches a device is taken, whichever folder it is in: ours stand where cloud-init's do.

use super::{Column, Files, Sections, master, texts, words};
use crate::network::{Config, Device, DeviceKind, Method, PolicyRule, Route};
use crate::plan::Mode;
use crate::value::Value;

const COLUMN: Column = Column {
    number: 0,
    between: " ",
    flags: ["no", "yes"],
};

/// Name policies of systemd's own file, for a card that is matched here and keeps its name.
const NAME_POLICY: &str = "keep kernel database onboard slot path";

pub(super) fn render(files: &mut Files, config: Config) {
    for device in &config.devices {
        link(files, device);
        if device.is_loopback() && device.addresses.is_empty() {
            continue;
        }
        let (mut network, mut netdev) = (Sections::default(), Sections::default());
        matching(&mut network, device, "Name");
        kind(&mut netdev, device);
        COLUMN.tell(files, device, &mut |section, key, text| {
            match section {
                "Bond" | "Bridge" => netdev.put(section, key, &text),
                _ => network.put(section, key, &text),
            }
            if key == "MTUBytes" && device.kind != DeviceKind::Card {
                netdev.put("NetDev", key, &text);
            }
        });
        told(&mut network, &config, device);
        file(files, device, ".network", &network);
        file(files, device, ".netdev", &netdev);
    }
}

/// Writes udev's file for a card that gets a name, or that may wake the machine.
pub(super) fn link(files: &mut Files, device: &Device) {
    let wakes = device.wake_on_lan == Some(true);
    if device.kind != DeviceKind::Card || !(wakes || device.set_name.is_some()) {
        return;
    }
    let mut link = Sections::default();
    matching(&mut link, device, "OriginalName");
    match &device.set_name {
        Some(name) => link.put("Link", "Name", &name.as_str()),
        None => link.put("Link", "NamePolicy", &NAME_POLICY),
    }
    if wakes {
        link.put("Link", "WakeOnLan", &"magic");
    }
    file(files, device, ".link", &link);
}

fn file(files: &mut Files, device: &Device, kind: &str, sections: &Sections) {
    let path = ["systemd/network/10-cloudseed-", device.name.as_str(), kind];
    files.put(path, Mode::Public, sections.text());
}

/// How a device is found: a card by its permanent address, which none of what is made of it has. Without one it is found by its
/// name, which for networkd is the one that udev gave it.
fn matching(file: &mut Sections, device: &Device, name_key: &str) {
    let mac = device
        .mac
        .as_ref()
        .filter(|_| device.kind == DeviceKind::Card);
    let renamed = device.set_name.as_ref().filter(|_| name_key == "Name");
    let name = renamed.or(device.match_name.as_ref());
    match mac {
        Some(mac) => file.put("Match", "PermanentMACAddress", &mac.as_str()),
        None if name.is_none() && device.driver.is_some() => {}
        None => file.put("Match", name_key, &name.unwrap_or(&device.name).as_str()),
    }
    if let Some(driver) = &device.driver {
        file.put("Match", "Driver", &driver.as_str());
    }
}

/// What a device is made of, if it is made.
fn kind(netdev: &mut Sections, device: &Device) {
    let kind = match device.kind {
        DeviceKind::Card => return,
        DeviceKind::Bond(_) => "bond",
        DeviceKind::Bridge(_) => "bridge",
        DeviceKind::Vlan(..) => "vlan",
    };
    netdev.put("NetDev", "Name", &device.name.as_str());
    netdev.put("NetDev", "Kind", &kind);
    if let Some(mac) = &device.mac {
        netdev.put("NetDev", "MACAddress", &mac.as_str());
    }
    if let DeviceKind::Vlan(Some(id), _) = device.kind {
        netdev.put("VLAN", "Id", &id);
    }
}

fn told(network: &mut Sections, config: &Config, device: &Device) {
    if let Some(mac) = device
        .mac
        .as_ref()
        .filter(|_| device.kind != DeviceKind::Card)
    {
        network.put("Link", "MACAddress", &mac.as_str());
    }
    if device.manual {
        network.put("Link", "ActivationPolicy", &"manual");
    }
    relations(network, config, device);
    dynamic(network, device);
    network.list("Network", "DNS", &texts(device.dns.servers.iter()), " ");
    network.list("Network", "Domains", &words(&device.dns.search), " ");
    for address in &device.addresses {
        network.begin("Address");
        network.put("Address", "Address", address);
    }
    for route in &device.routes {
        self::route(network, route);
    }
    for rule in &device.rules {
        self::rule(network, rule);
    }
}

/// What it is a member of, and what is made of it.
fn relations(network: &mut Sections, config: &Config, device: &Device) {
    for vlan in &config.devices {
        if matches!(&vlan.kind, DeviceKind::Vlan(_, Some(link)) if *link == device.name) {
            network.put("Network", "VLAN", &vlan.name.as_str());
        }
    }
    let Some(master) = master(config, device) else {
        return;
    };
    let name = master.name.as_str();
    if let DeviceKind::Bond(_) = master.kind {
        network.put("Network", "Bond", &name);
        for (parameter, key) in [("primary", "PrimarySlave"), ("active-slave", "ActiveSlave")] {
            let named = master.parameter(parameter).and_then(Value::as_text);
            if named.is_some_and(|named| named == device.label().as_str()) {
                network.put("Network", key, &"yes");
            }
        }
    } else {
        network.put("Network", "Bridge", &name);
        for (parameter, key) in [("path-cost", "Cost"), ("port-priority", "Priority")] {
            if let Some(number) = master.of_port(parameter, device) {
                network.put("Bridge", key, &number);
            }
        }
    }
}

/// What gives it addresses. The MTU of the lease counts unless another was asked for, as with every other renderer.
fn dynamic(network: &mut Sections, device: &Device) {
    let method = device.dhcp6.method.unwrap_or(Method::Off);
    let client6 = matches!(method, Method::Dhcp | Method::Stateful);
    let dhcp = match (device.dhcp4.is_on(), client6) {
        (true, true) => "yes",
        (true, false) => "ipv4",
        (false, true) => "ipv6",
        (false, false) => "no",
    };
    network.put("Network", "DHCP", &dhcp);
    let overrides = &device.dhcp4.overrides;
    if device.dhcp4.is_on() && device.mtu.is_none() && overrides.use_mtu.is_none() {
        network.put("DHCPv4", "UseMTU", &"yes");
    }
    let advertised = matches!(method, Method::Stateful | Method::Stateless | Method::Slaac);
    if advertised && device.accept_ra.is_none() {
        network.put("Network", "IPv6AcceptRA", &"yes");
    }
    if method == Method::Slaac {
        network.put("IPv6AcceptRA", "DHCPv6Client", &"no");
    }
}

fn route(network: &mut Sections, route: &Route) {
    let section = "Route";
    network.begin(section);
    network.put(section, "Destination", &route.to);
    if let Some(router) = &route.via {
        network.put(section, "Gateway", router);
    }
    if route.on_link == Some(true) {
        network.put(section, "GatewayOnLink", &"yes");
    }
    let numbers = [
        ("Metric", route.metric),
        ("Table", route.table),
        ("MTUBytes", route.mtu),
    ];
    for (key, number) in numbers {
        if let Some(number) = number {
            network.put(section, key, &number);
        }
    }
}

fn rule(network: &mut Sections, rule: &PolicyRule) {
    let section = "RoutingPolicyRule";
    network.begin(section);
    for (key, cidr) in [("From", &rule.from), ("To", &rule.to)] {
        if let Some(cidr) = cidr {
            network.put(section, key, cidr);
        }
    }
    for (key, number) in [("Table", rule.table), ("Priority", rule.priority)] {
        if let Some(number) = number {
            network.put(section, key, &number);
        }
    }
}
