//! OpenNebula's network: variables of the context, `ETH0_IP` and others for each card.
//!
//! Which card `ETH0` is tells `ETH0_MAC`, else its name on this machine. Every card of the machine is configured, also one of
//! which nothing is said: its address is in the last four bytes of its hardware address, as OpenNebula makes them. Source:
//! OpenNebula's "Context section" of the template reference, and cloud-init's behaviour.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use super::field::{Field, Reader};
use super::{
    Cidr, Config, Device, Dialect, HardwareAddress, Name, Route, card, everywhere, prefix,
};
use crate::machine::Link;
use crate::value::{Map, Value};
use crate::warning::Warning;

/// The mask of a network that has none.
const MASK: &str = "255.255.255.0";
/// The prefix of an IPv6 network that has none.
const PREFIX6: &str = "64";

/// The document that the variables describe, in version 2; routers are `gateway4` and `gateway6`, as in cloud-init. `None` if
/// no variable is of a card's address, or the machine has no card.
pub fn document(context: &Map, links: &[Link]) -> (Option<Value>, Vec<Warning>) {
    let mut reader = Reader::new("context.sh");
    let mut config = Config::new(Dialect::Version2);
    if !context.texts().any(|(name, _)| is_address(name)) {
        return (None, reader.warnings);
    }
    let mut routers: Vec<(Value, &str, IpAddr)> = Vec::new();
    for link in card::physical(links) {
        let (Some(mac), Some(name)) = (link.mac, Name::interface(&link.name)) else {
            continue;
        };
        let variables = Variables::of(context, &HardwareAddress::of(mac), &link.name);
        let place = reader.enter(&variables.name);
        let mut device = Device::named(name);
        device.mac = Some(HardwareAddress::of(mac));
        variables.fill(&mut reader, &mut device, mac);
        for (key, router) in variables.routers(&mut reader) {
            routers.push((link.name.as_str().into(), key, router));
        }
        reader.add(&mut config, device);
        reader.leave(place);
    }
    if config.devices.is_empty() {
        return (None, reader.warnings);
    }
    let mut document = config.write();
    for (name, key, router) in routers {
        let device = document.as_map_mut().and_then(|map| {
            let devices = map.get_mut(&"ethernets".into())?.as_map_mut()?;
            devices.get_mut(&name)?.as_map_mut()
        });
        if let Some(device) = device {
            device.insert(key, router.to_string());
        }
    }
    (Some(document), reader.warnings)
}

/// `ETH0_IP`, `ETH0_IP6` and the like.
fn is_address(name: &str) -> bool {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let Some(rest) = name.strip_prefix("ETH") else {
        return false;
    };
    let digits = digits(rest);
    digits > 0
        && rest
            .get(digits..)
            .is_some_and(|rest| rest.starts_with("_IP"))
}

/// The variables of one card.
struct Variables<'a> {
    context: &'a Map,
    /// What the context calls the card.
    name: String,
}

impl<'a> Variables<'a> {
    fn of(context: &'a Map, mac: &HardwareAddress, system: &str) -> Variables<'a> {
        let is_it = |(name, value): (&'a str, &'a Value)| {
            let name = name.strip_suffix("_MAC").filter(|name| !name.is_empty())?;
            let same = value.as_text()?.eq_ignore_ascii_case(mac.as_str());
            same.then_some(name)
        };
        let told = context.texts().filter_map(is_it).last();
        Variables {
            context,
            name: told.unwrap_or(system).to_ascii_uppercase(),
        }
    }

    /// A variable of this card that is not empty.
    fn get(&self, key: &str) -> Option<&'a Value> {
        let value = self.context.get(&format!("{}_{key}", self.name))?;
        Some(value).filter(|value| value.as_text() != Some(""))
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        self.get(key)?.as_text()
    }

    fn fill(&self, reader: &mut Reader, device: &mut Device, mac: [u8; 6]) {
        let [_, _, a, b, c, d] = mac;
        let own = Ipv4Addr::new(a, b, c, d).to_string();
        let four = [self.text("IP").unwrap_or(&own)];
        self.addresses(reader, device, &four, self.text("MASK").unwrap_or(MASK));
        let six = [self.text("IP6"), self.text("IP6_ULA")];
        let six: Vec<&str> = six.into_iter().flatten().collect();
        let length = self.text("IP6_PREFIX_LENGTH").unwrap_or(PREFIX6);
        self.addresses(reader, device, &six, length);
        self.routes(reader, device);
        for (key, to_all) in [("DNS", "DNS"), ("SEARCH_DOMAIN", "SEARCH_DOMAIN")] {
            for told in [self.get(key), self.context.get(to_all)]
                .into_iter()
                .flatten()
            {
                let field = match key {
                    "DNS" => Field::Addresses(&mut device.dns.servers),
                    _ => Field::Names(&mut device.dns.search),
                };
                reader.told(key, told, field);
            }
        }
        once(&mut device.dns.servers);
        once(&mut device.dns.search);
        let mtu = self.get("MTU").unwrap_or(&Value::Null);
        reader.told("MTU", mtu, Field::Number(&mut device.mtu));
    }

    fn routers(&self, reader: &mut Reader) -> Vec<(&'static str, IpAddr)> {
        let six = self.get("IP6_GATEWAY").or(self.get("GATEWAY6"));
        let told = [("gateway4", self.get("GATEWAY")), ("gateway6", six)];
        let mut routers = Vec::new();
        for (key, told) in told {
            let mut router = None;
            let told = told.unwrap_or(&Value::Null);
            reader.told(key, told, Field::Address(&mut router));
            routers.extend(router.map(|router| (key, router)));
        }
        routers
    }

    fn addresses(&self, reader: &mut Reader, device: &mut Device, told: &[&str], mask: &str) {
        for address in told {
            let ip: Option<IpAddr> = address.parse().ok();
            let network = ip.and_then(|ip| Cidr::new(ip, prefix(ip, mask)?));
            if network.is_none() {
                let told = format!("{address}/{mask}");
                reader.refuse("an IP address with its network", &told.into());
            }
            reader.push(&mut device.addresses, network);
        }
    }

    /// `NETWORK via ROUTER, …`.
    fn routes(&self, reader: &mut Reader, device: &mut Device) {
        let entries = self.text("ROUTES").unwrap_or_default().split(',');
        for entry in entries.filter(|entry| !entry.trim().is_empty()) {
            let words: Vec<&str> = entry.split_whitespace().collect();
            let route = match words[..] {
                [to, "via", via] => route(to, via),
                _ => None,
            };
            if route.is_none() {
                reader.refuse("NETWORK via ROUTER", &entry.trim().into());
            }
            reader.push(&mut device.routes, route);
        }
    }
}

fn route(to: &str, via: &str) -> Option<Route> {
    let router: IpAddr = via.parse().ok()?;
    let to = match to {
        "default" => everywhere(router),
        to => Cidr::parse(to)?,
    };
    Some(Route::new(to, Some(router)))
}

/// Leaves the first of what is equal; lists are short.
fn once<T: PartialEq>(list: &mut Vec<T>) {
    let mut kept: Vec<T> = Vec::new();
    for element in list.drain(..) {
        if !kept.contains(&element) {
            kept.push(element);
        }
    }
    *list = kept;
}
