//! interfaces(5): one fragment for `source-directory /run/network/interfaces.d`.
//!
//! Each address is a stanza of its own; the first of a device also has what belongs to the device. ifupdown asks for names, so
//! that a card that has none yet is found by its hardware address, or by what its name is like, with a pattern, and its stanzas
//! stand under its name here.
//! What ifupdown has no option for is a command, which is made of numbers and addresses alone.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{Display, Write};

use super::{Column, Files, master, networkd, texts, words};
use crate::network::{Config, Device, DeviceKind, Method, Name, PolicyRule, Route};
use crate::plan::Mode;

const COLUMN: Column = Column {
    number: 2,
    between: " ",
    flags: ["off", "on"],
};

pub(super) fn render(files: &mut Files, mut config: Config) {
    // Members have to be there before what is made of them.
    config.devices.sort_by_key(|device| match device.kind {
        DeviceKind::Card => 0,
        DeviceKind::Bond(_) => 1,
        DeviceKind::Bridge(_) => 2,
        DeviceKind::Vlan(..) => 3,
    });
    let mut text = String::new();
    for device in config.devices.iter().filter(|it| it.held.is_none()) {
        networkd::link(files, device);
        if is_found_by_driver(device) {
            let expected = "a card that ifupdown can find, by address or by name";
            files.warn(device.name.as_str(), expected, "one by its driver alone");
            continue;
        }
        if !device.is_loopback() || !device.addresses.is_empty() {
            let stanzas = stanzas(files, &config, device);
            write(&mut text, device, &stanzas);
        }
    }
    files.put(
        ["network/interfaces.d/cloudseed", "", ""],
        Mode::Public,
        text,
    );
}

/// ifupdown has no pattern for drivers; a card that gets a name is found by that.
fn is_found_by_driver(device: &Device) -> bool {
    let otherwise = [&device.match_name, &device.set_name];
    let is_found = device.mac.is_some() || otherwise.into_iter().any(Option::is_some);
    device.driver.is_some() && device.kind == DeviceKind::Card && !is_found
}

/// The same for dhcpcd, which ifupdown starts for IPv4 only, and which then asks by both. A stanza of DHCPv6 would be an error, and
/// what stands behind it left undone.
pub(super) fn render_for_dhcpcd(files: &mut Files, mut config: Config) {
    for device in &mut config.devices {
        if let Some(Method::Dhcp | Method::Stateful | Method::Stateless) = device.dhcp6.method {
            device.dhcp6.method = None;
            device.dhcp4.method = Some(Method::Dhcp);
        }
    }
    render(files, config);
}

/// One `iface` with its options.
struct Stanza {
    six: bool,
    method: &'static str,
    options: Vec<String>,
}

impl Stanza {
    fn new(six: bool, method: &'static str) -> Stanza {
        let options = Vec::new();
        Stanza {
            six,
            method,
            options,
        }
    }

    fn put(&mut self, option: &str, value: &dyn Display) {
        self.options
            .push([option, " ", &value.to_string()].concat());
    }

    /// A command that is run when the device is up, and the one that undoes it before it goes down. Neither may fail.
    fn command(&mut self, what: &str, arguments: &str) {
        for (when, verb) in [("post-up", " add "), ("pre-down", " del ")] {
            let command = [when, " ip ", what, verb, arguments, " || true"];
            self.options.push(command.concat());
        }
    }
}

fn write(text: &mut String, device: &Device, stanzas: &[Stanza]) {
    let name = device.name.as_str();
    let label = device.label().as_str();
    let is_found = device.kind == DeviceKind::Card && device.set_name.is_none();
    let mac = device.mac.as_ref().filter(|_| is_found);
    let pattern = device.match_name.as_ref().filter(|_| is_found);
    let (selected, name) = match (mac, pattern) {
        // The first with this address: what is made of the card has it, too.
        (Some(mac), _) => (["mac/", mac.as_str(), "/1=", name].concat(), name),
        (None, Some(pattern)) => (["/", pattern.as_str(), "=", name].concat(), name),
        (None, None) => (label.to_string(), label),
    };
    if device.critical == Some(true) {
        let _ = writeln!(text, "no-auto-down {selected}");
    }
    if !device.manual {
        // What is made is never plugged in.
        let plugged = device.kind == DeviceKind::Card && device.optional == Some(true);
        let when = if plugged { "allow-hotplug" } else { "auto" };
        let _ = writeln!(text, "{when} {selected}");
    }
    for Stanza {
        six,
        method,
        options,
    } in stanzas
    {
        let six = if *six { "6" } else { "" };
        let _ = writeln!(text, "iface {name} inet{six} {method}");
        for option in options {
            let _ = writeln!(text, "    {option}");
        }
    }
    text.push('\n');
}

/// The stanzas of a device: what is leased, then what is fixed.
fn stanzas(files: &mut Files, config: &Config, device: &Device) -> Vec<Stanza> {
    let mut stanzas = Vec::new();
    if device.dhcp4.is_on() {
        stanzas.push(Stanza::new(false, "dhcp"));
    }
    let method = match device.dhcp6.method.unwrap_or(Method::Off) {
        Method::Off => None,
        Method::Dhcp | Method::Stateful => Some(("dhcp", None)),
        Method::Stateless => Some(("auto", Some("1"))),
        Method::Slaac => Some(("auto", Some("0"))),
    };
    if let Some((method, dhcp)) = method {
        let mut stanza = Stanza::new(true, method);
        if let Some(dhcp) = dhcp {
            stanza.put("dhcp", &dhcp);
        }
        stanzas.push(stanza);
    }
    for address in &device.addresses {
        let mut stanza = Stanza::new(address.address.is_ipv6(), "static");
        stanza.put("address", address);
        stanzas.push(stanza);
    }
    if stanzas.is_empty() {
        stanzas.push(Stanza::new(false, "manual"));
    }
    for six in [false, true] {
        family(files, &mut stanzas, device, six);
    }
    if let Some(first) = stanzas.first_mut() {
        relations(first, config, device);
        COLUMN.tell(
            files,
            device,
            &mut |_, option, text| match (option, first.method) {
                ("mtu", "dhcp" | "auto") => {
                    let command = ["pre-up ip link set dev $IFACE mtu ", text].concat();
                    first.options.push(command);
                }
                _ => first.put(option, &text),
            },
        );
    }
    stanzas
}

/// What belongs to a family: its first stanza has it, or the first of all where a family has none.
fn family(files: &mut Files, stanzas: &mut [Stanza], device: &Device, six: bool) {
    let own = stanzas
        .iter()
        .position(|stanza| stanza.six == six && stanza.method != "manual");
    let gateway = first_gateway(device, six).filter(|_| device.addresses_of(six).next().is_some());
    let its = stanzas.iter_mut().filter(|stanza| stanza.six == six);
    each_stanza(its, device, six, gateway);
    let servers = device.dns.servers.iter();
    let servers: Vec<_> = servers.filter(|server| server.is_ipv6() == six).collect();
    if own.is_none() && !servers.is_empty() {
        let expected = "addresses of the name servers' family";
        files.warn(device.name.as_str(), expected, "none");
    }
    if let Some(stanza) = stanzas.get_mut(own.unwrap_or(0)) {
        if own.is_some() {
            list(stanza, "dns-nameservers", &texts(servers.iter().copied()));
            list(stanza, "dns-search", &words(&device.dns.search));
        }
        for route in device
            .routes_of(six)
            .filter(|route| gateway != Some(*route))
        {
            self::route(stanza, route, six);
        }
        for rule in device.rules.iter().filter(|rule| rule.is_ipv6() == six) {
            self::rule(stanza, rule, six);
        }
    }
}

/// What every stanza of a family has; its first static one has the gateway.
fn each_stanza<'a>(
    stanzas: impl Iterator<Item = &'a mut Stanza>,
    device: &Device,
    six: bool,
    mut gateway: Option<&Route>,
) {
    let dhcp = device.dhcp(six);
    for stanza in stanzas {
        let is_static = stanza.method == "static";
        if let Some(route) = gateway.take_if(|_| is_static) {
            stanza.put("gateway", &texts(route.via.iter()).concat());
            metric(stanza, route.metric);
        }
        if !is_static {
            metric(stanza, dhcp.overrides.route_metric.filter(|_| dhcp.is_on()));
        }
        if let Some(accepts) = device.accept_ra.filter(|_| six) {
            stanza.put("accept_ra", &u8::from(accepts));
        }
        if let Some(mtu) = device.mtu6.filter(|_| six && is_static) {
            stanza.put("mtu", &mtu);
        }
    }
}

fn list(stanza: &mut Stanza, option: &str, words: &[String]) {
    if !words.is_empty() {
        stanza.put(option, &words.join(" "));
    }
}

fn metric(stanza: &mut Stanza, metric: Option<u32>) {
    if let Some(metric) = metric {
        stanza.put("metric", &metric);
    }
}

/// The default route that is an option of a stanza.
fn first_gateway(device: &Device, six: bool) -> Option<&Route> {
    let is_plain = |route: &&Route| {
        route.to.prefix == 0 && route.table.is_none() && route.mtu.is_none() && route.via.is_some()
    };
    device.routes_of(six).find(is_plain)
}

/// What it is a member of, what it is made of, and what its hardware is told.
fn relations(stanza: &mut Stanza, config: &Config, device: &Device) {
    let label = |name: &Name| {
        let device = config.devices.iter().find(|device| device.name == *name);
        let label = device.map_or(name, |device| {
            device.held.as_ref().unwrap_or(device.label())
        });
        label.as_str().to_string()
    };
    if let Some(master) =
        master(config, device).filter(|master| matches!(master.kind, DeviceKind::Bond(_)))
    {
        stanza.put("bond-master", &master.name.as_str());
    }
    match &device.kind {
        DeviceKind::Card => {}
        DeviceKind::Bond(_) => stanza.put("bond-slaves", &"none"),
        DeviceKind::Bridge(bridge) => {
            let ports: Vec<String> = bridge.names.iter().map(label).collect();
            stanza.put("bridge-ports", &ports.join(" "));
            ports_of(stanza, config, device);
        }
        DeviceKind::Vlan(id, link) => {
            if let (Some(id), Some(link)) = (id, link) {
                stanza.put("vlan-raw-device", &label(link));
                stanza.put("vlan-id", id);
            }
        }
    }
    if let Some(mac) = device
        .mac
        .as_ref()
        .filter(|_| device.kind != DeviceKind::Card)
    {
        stanza.put("hwaddress", &mac.as_str());
    }
    if device.kind == DeviceKind::Card && device.wake_on_lan == Some(true) {
        stanza.put("ethernet-wol", &"g");
    }
}

/// What a bridge says of its ports, one of them a line.
fn ports_of(stanza: &mut Stanza, config: &Config, bridge: &Device) {
    for (parameter, option) in [
        ("path-cost", "bridge-pathcost"),
        ("port-priority", "bridge-portprio"),
    ] {
        for port in config
            .devices
            .iter()
            .filter(|port| bridge.members().contains(&port.name))
        {
            if let Some(number) = bridge.of_port(parameter, port) {
                stanza.put(option, &[port.label().as_str(), " ", &number].concat());
            }
        }
    }
}

fn route(stanza: &mut Stanza, route: &Route, six: bool) {
    let mut text = match route.to.prefix {
        0 => "default".to_string(),
        _ => route.to.to_string(),
    };
    if let Some(via) = route.via {
        let _ = write!(text, " via {via}");
    }
    text.push_str(" dev $IFACE");
    for (word, number) in [
        (" metric ", route.metric),
        (" table ", route.table),
        (" mtu ", route.mtu),
    ] {
        if let Some(number) = number {
            let _ = write!(text, "{word}{number}");
        }
    }
    if route.on_link == Some(true) {
        text.push_str(" onlink");
    }
    stanza.command(if six { "-family inet6 route" } else { "route" }, &text);
}

fn rule(stanza: &mut Stanza, rule: &PolicyRule, six: bool) {
    let mut text = String::new();
    for (word, network) in [("from ", &rule.from), ("to ", &rule.to)] {
        if let Some(network) = network {
            let _ = write!(text, "{word}{network} ");
        }
    }
    for (word, number) in [("table ", rule.table), ("priority ", rule.priority)] {
        if let Some(number) = number {
            let _ = write!(text, "{word}{number} ");
        }
    }
    stanza.command(
        if six { "-family inet6 rule" } else { "rule" },
        text.trim_end(),
    );
}
