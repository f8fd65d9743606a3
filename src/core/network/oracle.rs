//! Oracle's virtual network interfaces: a list, the first of which is the one that a machine is reached by.
//!
//! The first is configured by DHCP, the others have static addresses; all of them carry large packets. Source: Oracle's
//! "Getting Instance Metadata" page, and cloud-init's behaviour. On purpose otherwise: an address of IPv6 beside one of IPv4 does
//! not have the length of that one's subnet; it stands alone, as where there is no other.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::field::{Field, Reader};
use super::{Cidr, Config, Device, Dhcp, Dialect, HardwareAddress, Method, card};
use crate::machine::Link;
use crate::value::{Map, Value};
use crate::warning::Warning;

/// The MTU of the cloud's networks, in bytes.
const MTU: u32 = 9000;

/// The configuration that the list describes, in version 1, or without its first interface. An interface that this machine has
/// not leaves a warning; `None` if no other is left.
pub fn config(
    vnics: &Value,
    links: &[Link],
    without_first: bool,
) -> (Option<Config>, Vec<Warning>) {
    let mut reader = Reader::new("vnics");
    let mut config = Config::new(Dialect::Version1Dhcp);
    let told = reader.maps(Some(vnics)).into_iter().enumerate();
    for (index, told) in told.skip(usize::from(without_first)) {
        let place = reader.enter(&index.to_string());
        if let Some(device) = device(&mut reader, told, links, index == 0) {
            reader.add(&mut config, device);
        }
        reader.leave(place);
    }
    let config = Some(config).filter(|config| !config.devices.is_empty());
    (config, reader.warnings)
}

fn device(reader: &mut Reader, told: &Map, links: &[Link], first: bool) -> Option<Device> {
    let mut mac: Option<HardwareAddress> = None;
    reader.field(told, "macAddr", Field::HardwareAddress(&mut mac));
    let mac = mac?;
    let Some(name) = card::name(links, &mac) else {
        reader.warn("an interface of this machine", mac.as_str().into());
        return None;
    };
    let mut device = Device::card(mac, name);
    device.mtu = Some(MTU);
    let (mut four, mut router): (Option<IpAddr>, Option<IpAddr>) = (None, None);
    reader.field(told, "privateIp", Field::Address(&mut four));
    reader.field(told, "ipv6VirtualRouterIp", Field::Address(&mut router));
    match (first, four.is_none() && router.is_some()) {
        (true, true) => device.dhcp6 = Dhcp::new(Method::Dhcp),
        (true, false) => device.dhcp4 = Dhcp::new(Method::Dhcp),
        (false, _) => {
            let mut six = Vec::new();
            reader.field(told, "ipv6Addresses", Field::Addresses(&mut six));
            let mut subnet = None;
            reader.field(told, "subnetCidrBlock", Field::Network(&mut subnet));
            let length = subnet.map_or(32, |subnet: Cidr| subnet.prefix);
            let four = four.and_then(|four| Cidr::new(four, length));
            let six = six.first().map(|six| Cidr::host(*six));
            device.addresses.extend(four.into_iter().chain(six));
        }
    }
    Some(device)
}
