//! The network configuration of the real root, typed: which devices there are, and what each of them is told.
//!
//! ```text
//!   version 1 · version 2 · interfaces(5) ──┐
//!                                           ├──► Config ──► version 1 or 2, for cloud-init
//!   what Ec2, Azure, SmartOS, … say ────────┘
//! ```
//!
//! What a cloud or its user hands out is read into types that cannot be wrong: an address is one, a name fits into a file
//! name, a list has an end. A value that is refused leaves a warning and costs itself. Keys that are not known here are
//! passed over: where a document came as one, it goes to cloud-init as it came. Sources: cloud-init's "Networking config"
//! pages and behaviour, netplan's reference, interfaces(5), and the metadata references of the clouds.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::value::{Map, Value};
use crate::warning::Warning;

pub mod azure;
mod card;
pub mod digitalocean;
pub mod ec2;
mod field;
pub mod hetzner;
pub mod interfaces;
pub mod klibc;
pub mod lxd;
pub mod opennebula;
pub mod openstack;
pub mod oracle;
pub mod physical;
pub mod rbxcloud;
pub mod render;
pub mod scaleway;
pub mod smartos;
pub mod stock;
pub mod upcloud;
mod version1;
mod version2;
pub mod vultr;

use field::Reader;

/// Most devices of one configuration; those behind are left out with a warning.
pub const NETWORK_DEVICES_MAX: usize = 256;
/// Most elements of one list: addresses, routes, rules, name servers, search domains or members of one device.
pub const NETWORK_ELEMENTS_MAX: usize = 1024;
/// Most warnings about one configuration.
pub const NETWORK_WARNINGS_MAX: usize = 64;

/// What the real root is to do with its network.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// The words in which it is written.
    pub dialect: Dialect,
    /// The devices, in the order in which they came.
    pub devices: Vec<Device>,
    /// Routes that belong to no device.
    pub routes: Vec<Route>,
    /// Name servers and search domains that belong to no device.
    pub dns: Dns,
    /// Sections that netplan alone has words for, as they came.
    pub others: Map,
}

/// The words in which a configuration is written for cloud-init.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Version 1 as it comes from interfaces(5): `dhcp`, `control`, and masks beside IPv4 addresses.
    Interfaces,
    /// Version 1 with prefixes behind addresses, and `dhcp4`. A route stands with the first subnet of its family.
    Version1,
    /// The same with `dhcp`.
    Version1Dhcp,
    /// The same as SmartOS has it: every route stands with every address.
    SmartOs,
    /// Version 2, netplan's.
    Version2,
}

impl Config {
    /// A configuration that says nothing yet.
    fn new(dialect: Dialect) -> Config {
        Config {
            dialect,
            devices: Vec::new(),
            routes: Vec::new(),
            dns: Dns::default(),
            others: Map::new(),
        }
    }

    /// Reads a document of version 1 or 2, with or without `network:` around it; one without a version, but with sections of
    /// version 2, is of that, as netplan takes it. `None` if it is neither, with a warning,
    /// and if it says `config: disabled`, without one.
    pub fn read(document: &Value) -> (Option<Config>, Vec<Warning>) {
        let document = document.get("network").unwrap_or(document);
        let mut reader = Reader::new("network-config");
        let version = document.get("version").and_then(Value::to_text);
        let entries = document.get("config").unwrap_or(&Value::Null);
        let config = match (document.as_map(), version.as_deref()) {
            _ if entries.as_text() == Some("disabled") => None,
            (Some(map), Some("2" | "2.0")) => Some(version2::read(&mut reader, map)),
            (Some(map), None) if version2::has_sections(map) => {
                Some(version2::read(&mut reader, map))
            }
            (Some(_), Some("1" | "1.0")) => Some(version1::read(&mut reader, entries)),
            (Some(_), None) if entries.as_list().is_some() => {
                Some(version1::read(&mut reader, entries))
            }
            (Some(_), _) => {
                let found = document.get("version").unwrap_or(&Value::Null);
                reader.refuse("version 1 or 2", found);
                None
            }
            (None, _) => {
                reader.refuse("a map", document);
                None
            }
        };
        (config, reader.warnings)
    }

    /// The configuration as cloud-init reads it.
    pub fn write(mut self) -> Value {
        match self.dialect {
            Dialect::Interfaces | Dialect::Version1 | Dialect::Version1Dhcp | Dialect::SmartOs => {
                version1::write(&mut self)
            }
            Dialect::Version2 => version2::write(&mut self),
        }
    }

    /// The configuration as a cloud-init reads it that does not write it for netplan: without what netplan alone has words for, and
    /// what would mean something else without those words, routes without a router, and devices without members.
    pub fn write_without_netplan(mut self) -> Value {
        self.others = Map::new();
        self.devices.retain(|device| match &device.kind {
            DeviceKind::Bond(members) | DeviceKind::Bridge(members) => !members.names.is_empty(),
            DeviceKind::Card | DeviceKind::Vlan(..) => true,
        });
        for device in &mut self.devices {
            device.others = Map::new();
            device.rules.retain(|rule| rule.others.is_empty());
            let is_plain = |route: &Route| !route.others.contains("type") && route.via.is_some();
            device.routes.retain(is_plain);
            for route in &mut device.routes {
                route.others = Map::new();
            }
        }
        let is_second = self.dialect == Dialect::Version2;
        let mut document = self.write();
        // It looks for the cards of version 2 whether there are any or not.
        let map = document.as_map_mut().filter(|_| is_second);
        if let Some(map) = map.filter(|map| !map.contains("ethernets")) {
            map.insert("ethernets", Map::new());
        }
        document
    }

    /// The same without policy routing, for a renderer that would put the routes of other tables into the main one: of
    /// cloud-init's renderers only netplan's knows tables, and cloud-init makes such routes for that one alone.
    pub fn without_tables(mut self) -> Config {
        for device in &mut self.devices {
            device.rules.clear();
            device.routes.retain(|route| route.table.is_none());
            for dhcp in [&mut device.dhcp4, &mut device.dhcp6] {
                // Routes of a lease count anyway.
                dhcp.overrides.use_routes.take_if(|count| *count);
            }
        }
        self
    }
}

/// One interface: a card that is found, or a device that is made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Device {
    /// What it is called here. A card without anything to match is found by it.
    pub name: Name,
    /// Whether it is a card, and of what it is made where it is none.
    pub kind: DeviceKind,
    /// The hardware address by which a card is recognised; the one that another device gets.
    pub mac: Option<HardwareAddress>,
    /// The name by which a card is recognised, with `*` and `?`.
    pub match_name: Option<Name>,
    /// The driver by which a card is recognised.
    pub driver: Option<Name>,
    /// What a card that was recognised is to be called.
    pub set_name: Option<Name>,
    /// DHCP for IPv4.
    pub dhcp4: Dhcp,
    /// DHCP for IPv6, or what else gives addresses.
    pub dhcp6: Dhcp,
    /// Addresses beside those.
    pub addresses: Vec<Cidr>,
    /// Routes through this device.
    pub routes: Vec<Route>,
    /// Which packets look into which table of routes.
    pub rules: Vec<PolicyRule>,
    /// Name servers that are asked through this device.
    pub dns: Dns,
    /// The MTU in bytes.
    pub mtu: Option<u32>,
    /// The MTU in bytes for IPv6 alone.
    pub mtu6: Option<u32>,
    /// Whether routers are listened to; the kernel decides if nothing is said.
    pub accept_ra: Option<bool>,
    /// Whether the boot may go on without it.
    pub optional: Option<bool>,
    /// Whether it must never be set down: the root is behind it.
    pub critical: Option<bool>,
    /// Whether a packet may wake the machine.
    pub wake_on_lan: Option<bool>,
    /// Whether it is brought up by hand alone.
    pub manual: bool,
    /// What it is called where somebody else has set it up already, and it is left alone: others may refer to it, and nothing is
    /// written for it.
    pub held: Option<Name>,
    /// Keys that netplan alone has words for, as they came.
    pub others: Map,
}

impl Device {
    /// A card that is found by its name.
    #[inline(never)]
    pub fn named(name: Name) -> Device {
        Device {
            name,
            ..Device::default()
        }
    }

    /// A card that is recognised by its hardware address and keeps the name that the real root gives it; here it has that of
    /// the initramfs, which may be another.
    fn found(mac: Option<HardwareAddress>, name: Name) -> Device {
        let mut device = Device::named(name);
        device.mac = mac;
        device
    }

    /// A card that is recognised by its hardware address, and called so whatever it is called now.
    fn card(mac: HardwareAddress, name: Name) -> Device {
        let mut device = Device::named(name);
        device.recognised_by(Some(mac));
        device
    }

    /// Recognises the card by its hardware address, if there is one, and gives it its name.
    fn recognised_by(&mut self, mac: Option<HardwareAddress>) {
        self.set_name = mac.is_some().then(|| self.name.clone());
        self.mac = mac;
    }
}

/// Whether a device is found or made.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum DeviceKind {
    /// A card, or the loopback.
    #[default]
    Card,
    /// Several that stand in for each other.
    Bond(Members),
    /// Several with one network behind them.
    Bridge(Members),
    /// A VLAN: its number and the device below it.
    Vlan(Option<u32>, Option<Name>),
}

/// Of what a bond or a bridge is made.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Members {
    /// Its members' names.
    pub names: Vec<Name>,
    /// Its parameters.
    pub parameters: Vec<Parameter>,
}

/// A parameter of a bond or a bridge.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name in version 2.
    pub name: &'static str,
    /// A whole number, a Boolean, a line of words, or a list or a map of such.
    pub value: Value,
}

/// What gives a family's addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dhcp {
    /// `None` if nothing is said.
    pub method: Option<Method>,
    /// What of a lease counts.
    pub overrides: Overrides,
}

impl Dhcp {
    /// A method, with all of the lease.
    fn new(method: Method) -> Dhcp {
        Dhcp {
            method: Some(method),
            overrides: Overrides::default(),
        }
    }
}

/// How a family's addresses are found; the last three are of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// Not at all.
    Off,
    /// By DHCP.
    Dhcp,
    /// By DHCPv6, as routers advertise it.
    Stateful,
    /// By router advertisements; all else by DHCPv6.
    Stateless,
    /// By router advertisements.
    Slaac,
}

impl Method {
    /// By DHCP or not at all.
    fn dhcp(on: bool) -> Method {
        if on { Method::Dhcp } else { Method::Off }
    }
}

/// What of a DHCP lease counts, and how much; what is not said is the client's to decide.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// The metric of its routes.
    pub route_metric: Option<u32>,
    /// Whether its name servers count.
    pub use_dns: Option<bool>,
    /// Whether its domains are searched: a Boolean, or `route`.
    pub use_domains: Option<Name>,
    /// Whether its host name counts.
    pub use_hostname: Option<bool>,
    /// Whether its MTU counts.
    pub use_mtu: Option<bool>,
    /// Whether its time servers count.
    pub use_ntp: Option<bool>,
    /// Whether its routes count.
    pub use_routes: Option<bool>,
    /// Whether the server is told the host name.
    pub send_hostname: Option<bool>,
    /// The host name that the server is told.
    pub hostname: Option<Name>,
}

/// Name servers, and the domains in which short names are looked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dns {
    /// The servers.
    pub servers: Vec<IpAddr>,
    /// The domains.
    pub search: Vec<Name>,
}

impl Dns {
    /// Adds others behind these.
    fn extend(&mut self, others: Dns) {
        self.servers.extend(others.servers);
        self.search.extend(others.search);
    }
}

/// A route.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// Where to; with the prefix 0 everywhere.
    pub to: Cidr,
    /// The router; `None` where the network is on the link itself.
    pub via: Option<IpAddr>,
    /// Less is better.
    pub metric: Option<u32>,
    /// The table it belongs to; `None` for the main one.
    pub table: Option<u32>,
    /// Whether the router is on the link although no address says so.
    pub on_link: Option<bool>,
    /// The MTU in bytes.
    pub mtu: Option<u32>,
    /// What netplan alone has words for, as it came.
    pub others: Map,
}

impl Route {
    /// A route of the main table.
    fn new(to: Cidr, via: Option<IpAddr>) -> Route {
        Route {
            to,
            via,
            metric: None,
            table: None,
            on_link: None,
            mtu: None,
            others: Map::new(),
        }
    }

    /// The route to everywhere, in the family of the router.
    fn default_via(router: IpAddr) -> Route {
        Route::new(everywhere(router), Some(router))
    }
}

/// Which packets look into which table of routes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PolicyRule {
    /// Packets from here.
    pub from: Option<Cidr>,
    /// Packets to here.
    pub to: Option<Cidr>,
    /// The table.
    pub table: Option<u32>,
    /// Less comes first.
    pub priority: Option<u32>,
    /// What netplan alone has words for, as it came.
    pub others: Map,
}

impl PolicyRule {
    /// Whether it speaks of IPv6.
    fn is_ipv6(&self) -> bool {
        let network = self.from.as_ref().or(self.to.as_ref());
        network.is_some_and(|network| network.address.is_ipv6())
    }
}

/// An address with the length of its network's prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cidr {
    address: IpAddr,
    prefix: u8,
}

impl Cidr {
    /// An address and a prefix; `None` if the prefix is longer than the address.
    pub fn new(address: IpAddr, prefix: u8) -> Option<Cidr> {
        (prefix <= bits(address)).then_some(Cidr { address, prefix })
    }

    /// An address alone, as a network that has no other.
    pub fn host(address: IpAddr) -> Cidr {
        let prefix = bits(address);
        Cidr { address, prefix }
    }

    /// Everywhere, in IPv4.
    const UNSPECIFIED: Cidr = Cidr {
        address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        prefix: 0,
    };

    /// Reads `ADDRESS`, `ADDRESS/PREFIX` or `ADDRESS/MASK`; an address alone is a host.
    pub fn parse(text: &str) -> Option<Cidr> {
        let (address, mask) = text.split_once('/').unwrap_or((text, ""));
        let address = address.parse().ok()?;
        match mask {
            "" if !text.contains('/') => Some(Cidr::host(address)),
            mask => Cidr::new(address, prefix(address, mask)?),
        }
    }

    /// Reads the same as an interface's address: alone it is of a network of the length that cloud-init takes for granted.
    fn parse_address(text: &str) -> Option<Cidr> {
        let address = text.parse().ok();
        address.map_or_else(|| Cidr::parse(text), |address| Some(Cidr::common(address)))
    }

    /// An address in a network of the length that cloud-init takes for granted: 24 bits, 64 in IPv6.
    fn common(address: IpAddr) -> Cidr {
        let prefix = if address.is_ipv4() { 24 } else { 64 };
        Cidr { address, prefix }
    }

    /// The network that the address is in: the same prefix, and no more of it.
    pub fn network(&self) -> Cidr {
        let host = u32::from(bits(self.address) - self.prefix);
        let address = match self.address {
            IpAddr::V4(address) => {
                let network = address.to_bits().checked_shr(host).unwrap_or(0);
                Ipv4Addr::from_bits(network.checked_shl(host).unwrap_or(0)).into()
            }
            IpAddr::V6(address) => {
                let network = address.to_bits().checked_shr(host).unwrap_or(0);
                Ipv6Addr::from_bits(network.checked_shl(host).unwrap_or(0)).into()
            }
        };
        Cidr { address, ..*self }
    }

    /// Is an address in this network?
    fn contains(&self, address: IpAddr) -> bool {
        let other = Cidr { address, ..*self };
        address.is_ipv6() == self.address.is_ipv6() && other.network() == self.network()
    }

    /// The mask of an IPv4 network.
    fn mask4(&self) -> u32 {
        let zeros = 32_u32.saturating_sub(self.prefix.into());
        u32::MAX.checked_shl(zeros).unwrap_or(0)
    }

    /// As it is written where a single address may stand for itself.
    fn short(&self) -> Value {
        if self.prefix == bits(self.address) {
            format!("{}", self.address).into()
        } else {
            format!("{self}").into()
        }
    }
}

impl fmt::Display for Cidr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

/// How many bits an address of this family has.
fn bits(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

/// The length of a prefix that is written as a number of bits or as a mask of the same family.
fn prefix(address: IpAddr, mask: &str) -> Option<u8> {
    let (ones, zeros) = match mask.parse() {
        Ok(IpAddr::V4(mask)) if address.is_ipv4() => (
            mask.to_bits().leading_ones(),
            mask.to_bits().trailing_zeros(),
        ),
        Ok(IpAddr::V6(mask)) if address.is_ipv6() => (
            mask.to_bits().leading_ones(),
            mask.to_bits().trailing_zeros(),
        ),
        Ok(_) => return None,
        Err(_) => return mask.parse().ok(),
    };
    let ones = u8::try_from(ones).ok()?;
    (u32::from(ones) + zeros == u32::from(bits(address))).then_some(ones)
}

/// Everywhere, in the family of an address.
fn everywhere(family: IpAddr) -> Cidr {
    let address = match family {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    Cidr { address, prefix: 0 }
}

/// A hardware address as it is written: pairs of hexadecimal digits in lower case with colons between, six of them, or 20
/// (InfiniBand).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HardwareAddress(String);

impl HardwareAddress {
    /// Takes pairs of digits with colons, with hyphens or with nothing between.
    pub fn new(text: &str) -> Option<HardwareAddress> {
        let width = if text.contains([':', '-']) { 3 } else { 2 };
        let pairs: Vec<&[u8]> = text.as_bytes().chunks(width).collect();
        let mut written = String::new();
        for (index, pair) in pairs.iter().enumerate() {
            let last = index + 1 == pairs.len();
            let pair = match pair {
                [pair @ .., b':' | b'-'] if width == 3 && !last => pair,
                pair if width == 2 || last => pair,
                _ => return None,
            };
            let digits = core::str::from_utf8(pair).ok()?;
            if digits.len() != 2 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
                return None;
            }
            if index > 0 {
                written.push(':');
            }
            written.push_str(digits);
        }
        written.make_ascii_lowercase();
        matches!(pairs.len(), 6 | 20).then_some(HardwareAddress(written))
    }

    /// The address of a card.
    fn of([a, b, c, d, e, f]: [u8; 6]) -> HardwareAddress {
        HardwareAddress(format!("{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}"))
    }

    /// The address as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A word that names something: printable ASCII without blanks and slashes, not `.` or `..`, so that a file may be called so.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Name(String);

impl Name {
    /// Longest name, in bytes.
    pub const BYTES_MAX: usize = 200;
    /// Longest name of an interface, in bytes (IFNAMSIZ and the kernel's final NUL).
    pub const INTERFACE_BYTES_MAX: usize = 15;

    /// Takes a word; `None` for anything else.
    pub fn new(text: &str) -> Option<Name> {
        let fits = (1..=Name::BYTES_MAX).contains(&text.len())
            && !matches!(text, "." | "..")
            && text.bytes().all(|b| b.is_ascii_graphic() && b != b'/');
        fits.then(|| Name(text.to_owned()))
    }

    /// Takes what the kernel takes as the name of an interface.
    pub fn interface(text: &str) -> Option<Name> {
        let fits = text.len() <= Name::INTERFACE_BYTES_MAX && !text.contains(':');
        Name::new(text).filter(|_| fits)
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}
