//! Learnt: what the network told of itself, for the real root, which may then spare itself a second round of DHCP.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::Nic;
use super::addresses::Hardware;
use super::dhcp::Lease;
use super::dhcp6;
use super::route::Route;
use crate::value::{Map, Value};

/// What was learnt on one interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Learnt {
    /// The interface.
    pub nic: Nic,
    /// The MTU that a lease or a router set, in bytes, or the interface's own.
    pub mtu: usize,
    /// Its addresses, with the lengths of their prefixes.
    pub addresses: Vec<(IpAddr, u8)>,
    /// The routes.
    pub routes: Vec<Route>,
    /// The name servers.
    pub names: Vec<IpAddr>,
    /// The domains in which short names are looked for.
    pub search: Vec<String>,
    /// The DHCPv4 lease.
    pub lease: Option<Lease>,
    /// What a DHCPv6 server told.
    pub lease6: Option<dhcp6::Lease>,
}

impl Learnt {
    /// As a document: `interface`, `mac`, `mtu`, `addresses`, `routes` (`to`, `via`), `dns`, `search`, `dhcp4`, `dhcp6`.
    pub fn value(&self) -> Value {
        let mut map = Map::new();
        map.insert("interface", self.nic.name.as_str());
        map.insert("mac", format!("{}", Hardware(self.nic.mac)));
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

fn route(route: &Route) -> Value {
    let mut map = Map::new();
    map.insert("to", format!("{}/{}", route.network, route.prefix));
    map.insert("via", route.router.map(|router| format!("{router}")));
    map.into()
}

fn lease6(lease: &dhcp6::Lease) -> Value {
    let mut map = Map::new();
    map.insert("address", lease.address.map(|address| format!("{address}")));
    map.insert("seconds", lease.seconds);
    map.into()
}

fn lease(lease: &Lease) -> Value {
    let mut map = Map::new();
    map.insert("address", format!("{}/{}", lease.address, lease.prefix));
    map.insert("server", format!("{}", lease.server));
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
