//! interfaces(5): Debian's `/etc/network/interfaces`, as NoCloud's meta-data carries it behind `network-interfaces`.
//!
//! ```text
//!   file    = { line }                      a line whose last letter is a backslash goes on in the next
//!   line    = "#" … | "auto" NAME … | "allow-hotplug" NAME …
//!           | "iface" NAME ("inet" | "inet6") METHOD | OPTION WORD …
//! ```
//! An option belongs to the `iface` above it. Source: interfaces(5), resolvconf's `dns-` options, and cloud-init's behaviour.
//! cloud-init takes no second `iface` of one name, so that it loses a configuration of both families, takes `inet6 dhcp` for
//! DHCPv4, forgets the MTU, and brings up by hand what is `allow-hotplug`; we do not. What says more than an interface's
//! addresses, routes of commands and parameters of bridges among it, is left out with a warning.

use alloc::format;
use alloc::vec::Vec;

use super::field::{Field, Reader};
use super::{Cidr, Config, Device, Dhcp, Dialect, Method, Name, Route};
use crate::value::{Map, Value};
use crate::warning::Warning;

/// Reads the text, to be written in version 1. `None` if it has no interface.
pub fn config(text: &str) -> (Option<Config>, Vec<Warning>) {
    let mut reader = Reader::new("network-interfaces");
    let mut config = Config::new(Dialect::Interfaces);
    let text = text.replace("\\\n", " ");
    let (mut up, mut stanza) = (Vec::new(), None);
    for line in text.lines() {
        let (word, rest) = split(line);
        match word {
            "" => {}
            _ if word.starts_with('#') => {}
            "auto" | "allow-auto" | "allow-hotplug" => up.extend(rest.split_ascii_whitespace()),
            "iface" => finish(&mut reader, &mut config, stanza.replace(Stanza::new(rest))),
            _ => match &mut stanza {
                Some(Stanza { options, .. }) => option(&mut reader, options, word, rest),
                None => reader.refuse("iface or auto", &word.into()),
            },
        }
    }
    finish(&mut reader, &mut config, stanza);
    for device in &mut config.devices {
        device.manual = !up.contains(&device.name.as_str());
    }
    let config = Some(config).filter(|config| !config.devices.is_empty());
    (config, reader.warnings)
}

/// The first word of a line, and the others.
fn split(line: &str) -> (&str, &str) {
    let line = line.trim();
    let (word, rest) = line.split_once([' ', '\t']).unwrap_or((line, ""));
    (word, rest.trim_start())
}

/// An `iface` with what stands below it.
struct Stanza<'a> {
    head: &'a str,
    options: Map,
}

impl<'a> Stanza<'a> {
    fn new(head: &'a str) -> Stanza<'a> {
        let options = Map::new();
        Stanza { head, options }
    }
}

/// Keeps an option that is used.
fn option(reader: &mut Reader, options: &mut Map, word: &str, rest: &str) {
    match word {
        "address" | "netmask" | "gateway" | "mtu" | "dns-nameservers" | "dns-search" => {
            options.insert(word, rest);
        }
        "hwaddress" => {
            options.insert(word, rest.strip_prefix("ether").unwrap_or(rest).trim());
        }
        // What follows from address and mask.
        "network" | "broadcast" => {}
        // Without what stands behind it, which may be a password.
        _ => reader.refuse("an option about addresses", &word.into()),
    }
}

/// Adds what a stanza says to its device; `eth0:1` is one more address of `eth0`.
fn finish(reader: &mut Reader, config: &mut Config, stanza: Option<Stanza>) {
    let Some(Stanza { head, options }) = stanza else {
        return;
    };
    let mut words = head.split_ascii_whitespace();
    let full = words.next().unwrap_or("");
    let name = full.split_once(':').map_or(full, |(name, _)| name);
    let (family, method) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let Some(name) = Name::interface(name) else {
        return reader.refuse("the name of an interface", &head.into());
    };
    let devices = &mut config.devices;
    let behind = |device: &Device| device.name.as_str() >= name.as_str();
    let place = devices.iter().position(behind).unwrap_or(devices.len());
    if devices.get(place).is_none_or(|device| device.name != name) && reader.has_room(devices) {
        devices.insert(place, Device::named(name.clone()));
    }
    if let Some(device) = devices.get_mut(place).filter(|device| device.name == name) {
        let place = reader.enter(full);
        take(reader, device, &options, (family, method));
        reader.leave(place);
    }
}

fn take(reader: &mut Reader, device: &mut Device, options: &Map, how: (&str, &str)) {
    let mut gateway = None;
    reader.field(
        options,
        "hwaddress",
        Field::HardwareAddress(&mut device.mac),
    );
    reader.field(options, "gateway", Field::Address(&mut gateway));
    reader.field(options, "mtu", Field::Number(&mut device.mtu));
    reader.field(
        options,
        "dns-nameservers",
        Field::Addresses(&mut device.dns.servers),
    );
    reader.field(options, "dns-search", Field::Names(&mut device.dns.search));
    let mac = device.mac.take();
    device.recognised_by(mac);
    match how {
        ("inet" | "inet6", "static") => match address(options) {
            Some(address) => {
                reader.push(&mut device.addresses, Some(address));
                device.routes.extend(gateway.map(Route::default_via));
            }
            None => reader.refuse("an address", options.get("address").unwrap_or(&Value::Null)),
        },
        ("inet", "dhcp") => device.dhcp4 = Dhcp::new(Method::Dhcp),
        ("inet6", "dhcp") => device.dhcp6 = Dhcp::new(Method::Dhcp),
        ("inet6", "auto") => device.dhcp6 = Dhcp::new(Method::Slaac),
        ("inet" | "inet6", "manual" | "loopback") => {}
        (family, method) => reader.refuse(
            "a family and a method",
            &format!("{family} {method}").into(),
        ),
    }
}

/// The address, with its mask behind it or beside it.
fn address(options: &Map) -> Option<Cidr> {
    let text = options.get("address")?.as_text()?;
    match options.get("netmask").and_then(Value::as_text) {
        Some(mask) if !text.contains('/') => Cidr::parse(&[text, "/", mask].concat()),
        _ => Cidr::parse_address(text),
    }
}
