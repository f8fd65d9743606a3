//! Azure's metadata of network interfaces: `network.interface`, a list in the order in which they are attached.
//!
//! Every interface with an address is configured by DHCP, with a metric by its place; addresses beside the first of a family
//! are static, and only the first interface's name servers count. Two interfaces may have one hardware address, netvsc's
//! and that of the accelerated card below it, so the driver is told as well. Source: Azure's "Instance Metadata Service"
//! page, and cloud-init's behaviour.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::field::{Field, Reader};
use super::{Cidr, Config, Device, Dhcp, Dialect, HardwareAddress, Method, Name, card};
use crate::machine::Link;
use crate::value::{Map, Value};
use crate::warning::Warning;

/// The metric of the first interface, and the distance to that of the next.
const METRIC_STEP: u32 = 100;

/// The configuration that the instance metadata describes, in version 2. `None` if no interface has an address. Where they describe
/// no interfaces, or are not to be applied, the card that comes first is configured by DHCP of both families, as cloud-init does.
/// `is_off` says what cloud-init's configuration switches off.
pub fn config(
    metadata: &Value,
    links: &[Link],
    is_off: &dyn Fn(&str) -> bool,
) -> (Option<Config>, Vec<Warning>) {
    let mut reader = Reader::new("network.interface");
    let mut config = Config::new(Dialect::Version2);
    let interfaces = metadata.at(&["network", "interface"]);
    let interfaces = interfaces.filter(|_| !is_off("apply_network_config"));
    let leases_alone = is_off("apply_network_config_for_secondary_ips");
    let keeps_names = is_off("apply_network_config_set_name");
    if interfaces.and_then(Value::as_list).is_none() {
        config.devices.extend(first(links));
    }
    let interfaces = reader.maps(interfaces);
    for (order, told) in (0..).zip(interfaces) {
        let place = reader.enter(&order.to_string());
        if let Some(mut device) = device(&mut reader, order, told, links, keeps_names) {
            if leases_alone {
                device.addresses.clear();
            }
            reader.add(&mut config, device);
        }
        reader.leave(place);
    }
    let config = Some(config).filter(|config| !config.devices.is_empty());
    (config, reader.warnings)
}

/// The card that is used where nobody says which.
fn first(links: &[Link]) -> Option<Device> {
    let link = card::first(links)?;
    let mac = HardwareAddress::of(link.mac?);
    let driver = link.driver.as_deref().and_then(Name::new);
    let mut device = Device::card(mac, Name::interface(&link.name)?);
    device.driver = driver;
    device.dhcp4 = Dhcp::new(Method::Dhcp);
    device.dhcp6 = Dhcp::new(Method::Dhcp);
    Some(device)
}

fn device(
    reader: &mut Reader,
    order: u32,
    told: &Map,
    links: &[Link],
    keeps_name: bool,
) -> Option<Device> {
    let (four, six) = (
        family(reader, told, "ipv4", 24),
        family(reader, told, "ipv6", 128),
    );
    let mut mac: Option<HardwareAddress> = None;
    reader.field(told, "macAddress", Field::HardwareAddress(&mut mac));
    let mac = mac?;
    if four.is_none() && six.is_none() {
        return None;
    }
    let dhcp6 = six.is_some();
    let driver = card::driver(links, &mac).and_then(Name::new);
    let mut device = if keeps_name {
        let name = format!("enx{}", mac.as_str().replace(':', ""));
        Device::found(Some(mac), Name::new(&name)?)
    } else {
        Device::card(mac, Name::interface(&format!("eth{order}"))?)
    };
    device.driver = driver;
    device.dhcp4 = Dhcp::new(Method::Dhcp);
    device.dhcp4.overrides.route_metric = Some(METRIC_STEP * (order + 1));
    device.dhcp4.overrides.use_dns = (order > 0).then_some(false);
    device.dhcp6 = Dhcp::new(Method::dhcp(dhcp6));
    if dhcp6 {
        device.dhcp6.overrides = device.dhcp4.overrides.clone();
    }
    device.addresses = four.unwrap_or_default();
    device.addresses.extend(six.unwrap_or_default());
    Some(device)
}

/// The addresses of a family beside the first, which DHCP gives; `None` if there is not even that.
fn family(reader: &mut Reader, told: &Map, key: &str, length: u8) -> Option<Vec<Cidr>> {
    let told = told.get(key)?;
    let place = reader.enter(key);
    let addresses = reader.maps(told.get("ipAddress"));
    let subnet = told.get("subnet").and_then(|list| list.as_list()?.first());
    let prefix = subnet.and_then(|subnet| subnet.get("prefix")?.to_text()?.parse().ok());
    let mut all = Vec::new();
    for address in addresses.iter().skip(1) {
        let mut ip: Option<IpAddr> = None;
        reader.field(address, "privateIpAddress", Field::Address(&mut ip));
        all.extend(ip.and_then(|ip| Cidr::new(ip, prefix.unwrap_or(length))));
    }
    reader.leave(place);
    (!addresses.is_empty()).then_some(all)
}
