//! Scaleway's public addresses: `public_ips`, all of them on the one card.
//!
//! Source: Scaleway's "instance metadata" page, and cloud-init's behaviour: the address that DHCP gave stays DHCP's, the
//! others are static, and those of IPv6 name their router.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use super::field::{Field, Reader};
use super::{
    Cidr, Config, Device, Dhcp, Dialect, HardwareAddress, Method, Name, Route, card, prefix,
};
use crate::machine::Link;
use crate::value::{Map, Value};
use crate::warning::Warning;

/// The metadata service, which stays reachable beside the default route …
const SERVICE: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 42, 42));
/// … through this router.
const ROUTER: IpAddr = IpAddr::V4(Ipv4Addr::new(62, 210, 0, 1));

/// The configuration that the metadata describes, in version 2; `leased` is the address that DHCP gave the agent. `None` if
/// there are no public addresses or no card.
pub fn config(
    metadata: &Value,
    links: &[Link],
    leased: Option<Ipv4Addr>,
) -> (Option<Config>, Vec<Warning>) {
    let mut reader = Reader::new("public_ips");
    let addresses = reader.maps(metadata.get("public_ips"));
    let card = card::first(links).and_then(|link| Some((link, Name::interface(&link.name)?)));
    let (Some((link, name)), false) = (card, addresses.is_empty()) else {
        return (None, reader.warnings);
    };
    // cloud-init knows what the card is called in the real root.
    let mut device = Device::found(link.mac.map(HardwareAddress::of), name);
    for address in addresses {
        take(&mut reader, &mut device, address, leased);
    }
    let mut config = Config::new(Dialect::Version2);
    config.devices.push(device);
    (Some(config), reader.warnings)
}

fn take(reader: &mut Reader, device: &mut Device, told: &Map, leased: Option<Ipv4Addr>) {
    let (mut address, mut gateway): (Option<IpAddr>, _) = (None, None);
    reader.field(told, "address", Field::Address(&mut address));
    reader.field(told, "gateway", Field::Address(&mut gateway));
    let Some(address) = address else {
        return;
    };
    if leased.map(IpAddr::V4) == Some(address) {
        device.dhcp4 = Dhcp::new(Method::Dhcp);
        let route = Route::new(Cidr::host(SERVICE), Some(ROUTER));
        let on_link = Some(true);
        return device.routes.push(Route { on_link, ..route });
    }
    let mask = told
        .get("netmask")
        .and_then(Value::to_text)
        .unwrap_or_default();
    match prefix(address, &mask).and_then(|prefix| Cidr::new(address, prefix)) {
        Some(address) => device.addresses.push(address),
        None => reader.refuse("the prefix of an address", &mask.into()),
    }
    if address.is_ipv6() {
        device.routes.extend(gateway.map(Route::default_via));
    }
}
