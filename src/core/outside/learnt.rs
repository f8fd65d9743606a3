//! Learnt: what the network told of itself, for recipes, and for the real root, which may then spare itself a second round of
//! DHCP.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::network::Cidr;
use crate::value::{Map, Value};

/// What was learnt on one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Learnt {
    /// The interface's name.
    pub interface: String,
    /// Its hardware address, if it has one.
    pub mac: Option<[u8; 6]>,
    /// The MTU that a lease or a router set, in bytes, or the interface's own.
    pub mtu: usize,
    /// Its addresses, with the lengths of their prefixes.
    pub addresses: Vec<(IpAddr, u8)>,
    /// The routes.
    pub routes: Vec<LearntRoute>,
    /// The name servers.
    pub names: Vec<IpAddr>,
    /// The domains in which short names are looked for.
    pub search: Vec<String>,
    /// The DHCPv4 lease.
    pub lease: Option<Lease>,
    /// What a DHCPv6 server told.
    pub lease6: Option<Lease6>,
}

/// A network and the way to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LearntRoute {
    /// The network; bits after the prefix do not count.
    pub network: IpAddr,
    /// Its prefix length in bits.
    pub prefix: u8,
    /// The router; `None` if the network is on the link.
    pub router: Option<IpAddr>,
}

/// What a DHCPv4 server leased, and told beside it (RFC 2132). What nobody told is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The address.
    pub address: Ipv4Addr,
    /// Its prefix length; 32 if the server told no mask.
    pub prefix: u8,
    /// The server's identifier (option 54).
    pub server: Option<Ipv4Addr>,
    /// How long the lease holds, in seconds.
    pub seconds: Option<u32>,
    /// The routers (option 3), best first, whether or not there are classless routes.
    pub routers: Vec<Ipv4Addr>,
    /// The routes that follow: those of option 121 if it is there (RFC 3442), else a default route by the first router.
    pub routes: Vec<LearntRoute>,
    /// Name servers (option 6).
    pub names: Vec<Ipv4Addr>,
    /// Time servers (option 42).
    pub time: Vec<Ipv4Addr>,
    /// The MTU in bytes (option 26).
    pub mtu: Option<u16>,
    /// The host name (option 12).
    pub hostname: Option<String>,
    /// The domain name (option 15).
    pub domain: Option<String>,
    /// Domains to search for short names (option 119).
    pub search: Vec<String>,
    /// Azure's wire server (option 245).
    pub wireserver: Option<Ipv4Addr>,
    /// Every option as it came, by its code, as far as they are known: who got the lease may have kept only some.
    pub options: BTreeMap<u8, Vec<u8>>,
}

/// What a DHCPv6 server told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lease6 {
    /// The address, if one was asked for.
    pub address: Option<Ipv6Addr>,
    /// For how many seconds.
    pub seconds: u32,
    /// Name servers.
    pub names: Vec<Ipv6Addr>,
    /// Domains in which short names are looked for.
    pub search: Vec<String>,
}

/// A hardware address as people write it.
#[derive(Clone, Copy, Debug)]
pub struct Hardware(pub [u8; 6]);

impl fmt::Display for Hardware {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [a, b, c, d, e, g] = self.0;
        write!(f, "{a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{g:02x}")
    }
}

impl LearntRoute {
    /// True if `address` is in the network.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.network, address) {
            (IpAddr::V4(network), IpAddr::V4(address)) => same4(network, address, self.prefix),
            (IpAddr::V6(network), IpAddr::V6(address)) => same6(network, address, self.prefix),
            _ => false,
        }
    }

    /// The way to everywhere else in IPv4.
    pub fn default4(router: Ipv4Addr) -> LearntRoute {
        LearntRoute {
            network: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            prefix: 0,
            router: Some(IpAddr::V4(router)),
        }
    }
}

fn same4(a: Ipv4Addr, b: Ipv4Addr, prefix: u8) -> bool {
    let rest = 32u32.saturating_sub(u32::from(prefix));
    ((a.to_bits() ^ b.to_bits()) as u64) >> rest == 0
}

fn same6(a: Ipv6Addr, b: Ipv6Addr, prefix: u8) -> bool {
    let rest = 128u32.saturating_sub(u32::from(prefix));
    let differ = a.to_bits() ^ b.to_bits();
    differ.checked_shr(rest).unwrap_or(0) == 0
}

impl Learnt {
    /// As a document: `interface`, `mac`, `mtu`, `addresses`, `routes` (`to`, `via`), `dns`, `search`, `dhcp4`, `dhcp6`.
    pub fn value(&self) -> Value {
        let mut map = Map::new();
        map.insert("interface", self.interface.as_str());
        map.insert("mac", self.mac.map(|mac| format!("{}", Hardware(mac))));
        map.insert("mtu", self.mtu as i64);
        let addresses = self.addresses.iter();
        map.insert(
            "addresses",
            texts(addresses.map(|(address, prefix)| format!("{address}/{prefix}"))),
        );
        map.insert(
            "routes",
            self.routes.iter().map(route).collect::<Vec<Value>>(),
        );
        map.insert(
            "dns",
            texts(self.names.iter().map(|name| format!("{name}"))),
        );
        map.insert("search", texts(self.search.iter().cloned()));
        map.insert("dhcp4", self.lease.as_ref().map(lease));
        map.insert("dhcp6", self.lease6.as_ref().map(lease6));
        map.into()
    }
}

fn texts(texts: impl Iterator<Item = String>) -> Vec<Value> {
    texts.map(Value::from).collect()
}

fn route(route: &LearntRoute) -> Value {
    let mut map = Map::new();
    // What was learnt may be an address of the network.
    let to = Cidr::new(route.network, route.prefix).map(|to| format!("{}", to.network()));
    map.insert("to", to);
    map.insert("via", route.router.map(|router| format!("{router}")));
    map.into()
}

fn lease6(lease: &Lease6) -> Value {
    let mut map = Map::new();
    map.insert("address", lease.address.map(|address| format!("{address}")));
    map.insert("seconds", lease.seconds);
    map.into()
}

fn lease(lease: &Lease) -> Value {
    let mut map = Map::new();
    map.insert("address", format!("{}/{}", lease.address, lease.prefix));
    map.insert("server", lease.server.map(|server| format!("{server}")));
    map.insert("seconds", lease.seconds);
    map.insert("hostname", lease.hostname.as_deref());
    map.insert("domain", lease.domain.as_deref());
    map.insert(
        "ntp",
        texts(lease.time.iter().map(|server| format!("{server}"))),
    );
    map.insert(
        "wireserver",
        lease.wireserver.map(|server| format!("{server}")),
    );
    map.into()
}
