//! Ec2's metadata of network interfaces, as AWS and the clouds that speak its protocol have it.
//!
//! Below `network/interfaces/macs` stands a directory for each interface. Every one is configured by DHCP, with a metric by
//! its place in the order of cards and devices; what addresses it has beside the first of a family are static. Interfaces
//! other than the first answer through the router from which a packet came: their routes stand in a table of their own.
//! Source: the EC2 user guide, "Instance metadata categories", and cloud-init's behaviour, which runs in the real root and may
//! call each card by the name that it has there: for us they keep theirs.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use super::field::Reader;
use super::{
    Cidr, Config, Device, Dhcp, Dialect, HardwareAddress, Method, Name, PolicyRule, Route, card,
    prefix,
};
use crate::machine::Link;
use crate::value::{Map, Value};
use crate::warning::Warning;

/// The metric of the first interface, and the distance to that of the next.
const METRIC_STEP: u32 = 100;
/// The table of the first interface, if it had one.
const TABLE_FIRST: u32 = 100;

/// What cloud-init's configuration of the datasource may switch off.
pub const FULL: &str = "apply_full_imds_network_config";

/// An interface that both the cloud and this machine know.
struct Card<'a> {
    mac: HardwareAddress,
    name: Name,
    told: &'a Map,
    place: (u32, u32),
}

/// How much of what is told counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Extent {
    /// All of it; interfaces are in the order of their numbers.
    Whole,
    /// That there are interfaces, which are in the order of their names; they have what DHCP gives, as on AliYun.
    Leases,
    /// The same of the interface that comes first on this machine.
    First,
}

impl Extent {
    /// What is left of it where [`FULL`] is switched off.
    pub fn unless(self, off: bool) -> Extent {
        if off { Extent::First } else { self }
    }
}

/// The configuration that the tree of meta-data describes, in version 2. `None` if it names no interface of this machine.
pub fn config(meta_data: &Map, links: &[Link], extent: Extent) -> (Option<Config>, Vec<Warning>) {
    let mut reader = Reader::new("network.interfaces.macs");
    let macs = meta_data.get("network");
    let macs = macs.and_then(|network| network.at(&["interfaces", "macs"])?.as_map());
    let Some(macs) = macs else {
        return (None, reader.warnings);
    };
    let mut cards: Vec<Card> = Vec::new();
    for (key, told) in macs.texts() {
        let card = told
            .as_map()
            .and_then(|told| Card::new(&mut reader, links, key, told));
        if let Some(card) = card {
            let behind = |other: &Card| (other.place, &other.mac) > (card.place, &card.mac);
            let place = cards.iter().position(behind).unwrap_or(cards.len());
            cards.insert(place, card);
        }
    }
    if extent == Extent::First {
        let first = card::first(links).and_then(|link| link.mac);
        let first = first.map(HardwareAddress::of);
        cards.retain(|card| Some(&card.mac) == first.as_ref());
    }
    if extent == Extent::Leases {
        cards.sort_by_cached_key(|card| card::parts(card.name.as_str()));
    }
    let single = cards.len() == 1;
    let mut config = Config::new(Dialect::Version2);
    for (order, card) in (0..).zip(&cards) {
        let place = reader.enter(card.mac.as_str());
        let device = match extent {
            Extent::Whole => card.device(&mut reader, order, single),
            Extent::Leases | Extent::First => card.leased(order, single),
        };
        reader.add(&mut config, device);
        reader.leave(place);
    }
    if cards.is_empty() && !macs.is_empty() {
        reader.warn("an interface of this machine", "none".to_string());
    }
    (Some(config).filter(|_| !cards.is_empty()), reader.warnings)
}

impl<'a> Card<'a> {
    fn new(reader: &mut Reader, links: &[Link], key: &str, told: &'a Map) -> Option<Card<'a>> {
        let mac = HardwareAddress::new(key)?;
        let name = card::name(links, &mac)?;
        let place = reader.enter(mac.as_str());
        let mut number = |key| match told.get(key).map(|number| (number, number.to_text())) {
            None => u32::MAX,
            Some((number, text)) => text.and_then(|text| text.parse().ok()).unwrap_or_else(|| {
                reader.refuse("a whole number", number);
                u32::MAX
            }),
        };
        let number = (number("network-card"), number("device-number"));
        reader.leave(place);
        Some(Card {
            mac,
            name,
            told,
            place: number,
        })
    }

    /// A device that is configured by DHCP.
    fn leased(&self, order: u32, single: bool) -> Device {
        let six = says_something(self.told.get("ipv6s"));
        let mut device = Device::found(Some(self.mac.clone()), self.name.clone());
        device.dhcp4 = Dhcp::new(Method::Dhcp);
        device.dhcp6 = Dhcp::new(Method::dhcp(six));
        if !single {
            device.dhcp4.overrides.route_metric = Some(METRIC_STEP * (order + 1));
        }
        if six {
            device.dhcp6.overrides = device.dhcp4.overrides.clone();
        }
        device
    }

    fn device(&self, reader: &mut Reader, order: u32, single: bool) -> Device {
        let mut device = self.leased(order, single);
        device.addresses = self.addresses(reader);
        // Without numbers nobody knows which interface is the first, and the others need no tables of their own.
        if single || order == 0 || !says_something(self.told.get("device-number")) {
            return device;
        }
        device.dhcp4.overrides.use_routes = Some(true);
        if device.dhcp6.method == Some(Method::Dhcp) {
            device.dhcp6.overrides = device.dhcp4.overrides.clone();
        }
        let table = TABLE_FIRST + order;
        let families = [
            ("subnet-ipv4-cidr-block", "local-ipv4s"),
            ("subnet-ipv6-cidr-blocks", "ipv6s"),
        ];
        for (blocks, ips) in families {
            self.route(reader, &mut device, table, blocks, ips);
        }
        device
    }

    /// The addresses beside the first of each family, which DHCP gives; in the order of their letters, as in cloud-init.
    fn addresses(&self, reader: &mut Reader) -> Vec<Cidr> {
        let families = [
            ("local-ipv4s", "subnet-ipv4-cidr-block", 24),
            ("ipv6s", "subnet-ipv6-cidr-block", 128),
        ];
        let mut all: Vec<(String, Cidr)> = Vec::new();
        for (key, block, length) in families {
            let ips = self.told.get(key).and_then(Value::as_list).unwrap_or(&[]);
            let rest = ips.get(1..).unwrap_or(&[]);
            let block = self.told.get(block).and_then(Value::as_text).unwrap_or("");
            let mask = block.split_once('/').map_or("", |(_, mask)| mask);
            for ip in read(reader, key, &rest.to_vec().into(), ip) {
                if let Some(address) = Cidr::new(ip, prefix(ip, mask).unwrap_or(length)) {
                    let text = address.to_string();
                    let place = all.partition_point(|(other, _)| *other < text);
                    all.insert(place, (text, address));
                }
            }
        }
        all.into_iter().map(|(_, address)| address).collect()
    }

    /// Routes of a family in a table of their own, and the rules that lead there. The router has the first address of its
    /// subnet; cloud-init learns it by DHCP.
    fn route(&self, reader: &mut Reader, device: &mut Device, table: u32, blocks: &str, ips: &str) {
        let [blocks, ips] =
            [blocks, ips].map(|key| (key, self.told.get(key).unwrap_or(&Value::Null)));
        if !says_something(Some(blocks.1)) || !says_something(Some(ips.1)) {
            return;
        }
        let blocks = read(reader, blocks.0, blocks.1, Cidr::parse);
        let table = Some(table);
        if let Some(router) = blocks.first().and_then(router) {
            let route = Route::default_via(router.into());
            device.routes.push(Route { table, ..route });
        }
        for block in blocks {
            let route = Route::new(block, None);
            device.routes.push(Route { table, ..route });
        }
        for ip in read(reader, ips.0, ips.1, ip) {
            device.rules.push(PolicyRule {
                from: Some(Cidr::host(ip)),
                table,
                ..PolicyRule::default()
            });
        }
    }
}

fn ip(text: &str) -> Option<IpAddr> {
    text.parse().ok()
}

/// Reads what stands behind a key.
fn read<T>(reader: &mut Reader, key: &str, value: &Value, parse: fn(&str) -> Option<T>) -> Vec<T> {
    let mut all = Vec::new();
    let place = reader.enter(key);
    reader.each(value, "an IP address", &mut all, parse);
    reader.leave(place);
    all
}

/// Whether there is a value that Python calls true.
fn says_something(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Bool(false) | Value::Int(0)) => false,
        Some(Value::Text(text)) => !text.is_empty(),
        Some(Value::List(list)) => !list.is_empty(),
        Some(Value::Map(map)) => !map.is_empty(),
        Some(_) => true,
    }
}

/// The first address of an IPv4 subnet, which AWS reserves for its router.
fn router(block: &Cidr) -> Option<Ipv4Addr> {
    let IpAddr::V4(address) = block.address else {
        return None;
    };
    Some(Ipv4Addr::from_bits(address.to_bits() & block.mask4() | 1))
}
