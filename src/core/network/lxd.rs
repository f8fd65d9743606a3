//! LXD's network where its instance has no `network-config` of its own.
//!
//! Source: cloud-init's behaviour: DHCP on the first card, or on the one that such an instance has where none is seen.

use super::{Config, Device, Dhcp, Dialect, Method, Name, card};
use crate::machine::Link;

/// DHCP on the first card, in version 1; `virt` is systemd's word for the virtualisation, `arch` the kernel's for the machine.
pub fn config(links: &[Link], virt: &str, arch: &str) -> Option<Config> {
    let usual = match (virt, arch) {
        ("kvm" | "qemu", "ppc64le") => "enp0s5",
        ("kvm" | "qemu", "s390x") => "enc9",
        ("kvm" | "qemu", _) => "enp5s0",
        _ => "eth0",
    };
    let name = card::first(links).map_or(usual, |link| &link.name);
    let mut device = Device::named(Name::interface(name)?);
    device.dhcp4 = Dhcp::new(Method::Dhcp);
    let mut config = Config::new(Dialect::Interfaces);
    config.devices.push(device);
    Some(config)
}
