//! SmartOS's network: `sdc:nics`, and beside it `sdc:resolvers`, `sdc:dns_domain` and `sdc:routes`.
//!
//! Source: Joyent's "Metadata data dictionary", and cloud-init's behaviour: `dhcp` and `addrconf` stand among the addresses,
//! of the primary interfaces' gateways the first of each family counts, and every interface has all the routes.

use alloc::vec::Vec;
use core::net::IpAddr;

use super::field::{Field, Reader};
use super::{Cidr, Config, Device, Dhcp, Dialect, HardwareAddress, Method, Name, Route};
use crate::value::{Map, Value};
use crate::warning::Warning;

/// What the metadata service says of the network, each as it was read; null where it says nothing.
#[derive(Clone, Debug, Default)]
pub struct Facts {
    /// `sdc:nics`, a list of maps.
    pub nics: Value,
    /// `sdc:resolvers`, a list of addresses.
    pub resolvers: Value,
    /// `sdc:dns_domain`, a name or a list of such.
    pub domain: Value,
    /// `sdc:routes`, a list of maps.
    pub routes: Value,
}

/// The configuration that the facts describe, in version 1. `None` if there are no interfaces.
pub fn config(facts: &Facts) -> (Option<Config>, Vec<Warning>) {
    let mut reader = Reader::new("sdc:nics");
    let mut config = Config::new(Dialect::SmartOs);
    let routes = routes(&mut reader, &facts.routes);
    // Which families have a gateway already: IPv4 and IPv6.
    let mut led = [false; 2];
    for nic in reader.maps(Some(&facts.nics)) {
        if let Some(device) = device(&mut reader, nic, &routes, &mut led) {
            reader.add(&mut config, device);
        }
    }
    let servers = Field::Addresses(&mut config.dns.servers);
    reader.told("resolvers", &facts.resolvers, servers);
    let search = Field::Names(&mut config.dns.search);
    reader.told("domain", &facts.domain, search);
    if config.dns.servers.is_empty() {
        config.dns.search.clear();
    }
    let config = Some(config).filter(|config| !config.devices.is_empty());
    (config, reader.warnings)
}

fn device(
    reader: &mut Reader,
    told: &Map,
    routes: &[Route],
    led: &mut [bool; 2],
) -> Option<Device> {
    let (mut name, mut mac, mut mtu): (Option<Name>, Option<HardwareAddress>, _) =
        (None, None, None);
    let mut gateways: Vec<IpAddr> = Vec::new();
    reader.field(told, "interface", Field::Interface(&mut name));
    reader.field(told, "mac", Field::HardwareAddress(&mut mac));
    reader.field(told, "mtu", Field::Number(&mut mtu));
    reader.field(told, "gateways", Field::Addresses(&mut gateways));
    let Some(name) = name else {
        reader.warn("the name of an interface", "none".into());
        return None;
    };
    let mut device = Device::named(name);
    device.recognised_by(mac);
    for ip in reader.elements(told.get("ips").unwrap_or(&Value::Null)) {
        match ip.as_text() {
            Some("dhcp") => device.dhcp4 = Dhcp::new(Method::Dhcp),
            Some("addrconf") => device.dhcp6 = Dhcp::new(Method::Dhcp),
            text => match text.and_then(Cidr::parse_address) {
                Some(address) => device.addresses.push(address),
                None => reader.refuse("dhcp, addrconf or an IP address", ip),
            },
        }
    }
    // A lease tells the MTU of today; cloud-init's stays what it was at the first boot.
    device.mtu = mtu.filter(|_| device.dhcp4.method.is_none());
    if told.get("primary").and_then(Value::as_bool) == Some(true) {
        lead(&mut device, &gateways, led);
    }
    if !device.addresses.is_empty() {
        device.routes.extend_from_slice(routes);
    }
    Some(device)
}

/// The default routes of the primary interface; of each family there is one in all.
fn lead(device: &mut Device, gateways: &[IpAddr], led: &mut [bool; 2]) {
    for (led, six) in led.iter_mut().zip([false, true]) {
        let addressed = device.addresses.iter().any(|a| a.address.is_ipv6() == six);
        let gateway = gateways.iter().find(|gateway| gateway.is_ipv6() == six);
        if let Some(gateway) = gateway.filter(|_| addressed && !*led) {
            device.routes.push(Route::default_via(*gateway));
            *led = true;
        }
    }
}

fn routes(reader: &mut Reader, told: &Value) -> Vec<Route> {
    let mut routes = Vec::new();
    for route in reader.maps(Some(told)) {
        let (mut to, mut via) = (None, None);
        reader.field(route, "dst", Field::Network(&mut to));
        reader.field(route, "gateway", Field::Address(&mut via));
        routes.extend(to.map(|to| Route::new(to, via)));
    }
    routes
}
