//! LXD's network where its instance has no `network-config` of its own.
//!
//! Source: cloud-init's behaviour: DHCP on the first card, or on the one that such an instance has where none is seen.

use super::{Config, Device, Dhcp, Dialect, HardwareAddress, Method, Name, card};
use crate::machine::Link;

/// DHCP on the first card, in version 2, by its address: in the real root its name may be another. In version 1, by the usual
/// name, if no card is seen; `virt` is systemd's word for the virtualisation, `arch` the kernel's for the machine.
pub fn config(links: &[Link], virt: &str, arch: &str) -> Option<Config> {
    let usual = match (virt, arch) {
        ("kvm" | "qemu", "ppc64le") => "enp0s5",
        ("kvm" | "qemu", "s390x") => "enc9",
        ("kvm" | "qemu", _) => "enp5s0",
        _ => "eth0",
    };
    let link = card::first(links);
    let name = Name::interface(link.map_or(usual, |link| &link.name))?;
    // Version 1 has no card of an address that keeps its name.
    let mac = link.and_then(|link| link.mac).map(HardwareAddress::of);
    let dialect = match mac {
        Some(_) => Dialect::Version2,
        None => Dialect::Interfaces,
    };
    let mut device = Device::found(mac, name);
    device.dhcp4 = Dhcp::new(Method::Dhcp);
    let mut config = Config::new(dialect);
    config.devices.push(device);
    Some(config)
}
