//! Who manages the virtual machine, for people and reports: no rule asks it, because none of these brings data of its own.
//! KubeVirt, Nutanix and Proxmox hand theirs over as a NoCloud or ConfigDrive volume.

use alloc::format;
use alloc::string::String;

use super::smbios::{Dmi, Field};
use super::{Link, virt};

/// What manages this machine, and the sign it is known by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Manager {
    /// `kubevirt`, `nutanix`, `proxmox`, `libvirt` or `qemu`.
    pub name: &'static str,
    /// The sign, in words.
    pub because: String,
}

/// Strings of firmware that name a manager, by their beginning.
const STRINGS: [(Field, &str, &str); 4] = [
    (Field::SysVendor, "KubeVirt", "kubevirt"),
    // Where a distribution of KubeVirt puts its own name and product, the family stays.
    (Field::ProductFamily, "KubeVirt", "kubevirt"),
    (Field::SysVendor, "Nutanix", "nutanix"),
    // Its build of OVMF; its SeaBIOS does not name it.
    (Field::BiosVendor, "Proxmox", "proxmox"),
];

/// The first half of the hardware addresses that Proxmox VE deals out (Proxmox Server Solutions, since VE 8.1).
const PROXMOX: [u8; 3] = [0xbc, 0x24, 0x11];
/// The first half of those of libvirt and of QEMU.
const QEMU: [u8; 3] = [0x52, 0x54, 0x00];
/// What QEMU gives its first interfaces if nobody says otherwise: 52:54:00:12:34:56 and the next.
const QEMU_DEFAULT: [u8; 5] = [0x52, 0x54, 0x00, 0x12, 0x34];

/// Tells who manages the machine; `None` where nothing says so.
///
/// libvirt names itself nowhere. It always gives a UUID and a random address, which QEMU on its own does not.
pub fn detect(dmi: &Dmi, links: &[Link], virt: &str) -> Option<Manager> {
    let named = STRINGS.iter().find_map(|(field, start, name)| {
        let text = dmi.get(*field).filter(|text| text.starts_with(start))?;
        Some(known(name, format!("{} is {text}", field.name())))
    });
    named
        .or_else(|| container(virt))
        .or_else(|| (dmi.get(Field::SysVendor) == Some("QEMU")).then(|| emulated(dmi, links)))
}

/// libvirt's containers are known as such.
fn container(virt: &str) -> Option<Manager> {
    (virt == virt::LIBVIRT_CONTAINER).then(|| known("libvirt", format!("virtualisation is {virt}")))
}

/// A machine that calls itself QEMU's.
fn emulated(dmi: &Dmi, links: &[Link]) -> Manager {
    let with = |start: &[u8]| {
        let fits = |link: &&Link| link.mac.is_some_and(|mac| mac.starts_with(start));
        links.iter().find(fits)
    };
    let vendor = "sys_vendor is QEMU";
    if let Some(link) = with(&PROXMOX) {
        let because = format!("{vendor}, and the address of {} is Proxmox's", link.name);
        return known("proxmox", because);
    }
    let dealt = with(&QEMU).filter(|_| with(&QEMU_DEFAULT).is_none());
    match dealt.filter(|_| dmi.get(Field::ProductUuid).is_some()) {
        Some(link) => known(
            "libvirt",
            format!(
                "{vendor}, with a UUID, and a random address on {}",
                link.name
            ),
        ),
        None => known("qemu", String::from(vendor)),
    }
}

fn known(name: &'static str, because: String) -> Manager {
    Manager { name, because }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::Machine;
    use super::*;
    use crate::machine::tree::Tree;

    const UUID: &str = "6b175f0c-2d8e-4c3e-9a41-0a1b2c3d4e5f";

    fn told(files: &[(&'static str, &'static str)]) -> Option<(&'static str, String)> {
        let tree = Tree::of(files);
        let manager = Machine::read(&tree).manager?;
        Some((manager.name, manager.because))
    }

    fn name(files: &[(&'static str, &'static str)]) -> Option<&'static str> {
        told(files).map(|(name, _)| name)
    }

    #[test]
    fn firmware_names_some() {
        let vendor = "/sys/class/dmi/id/sys_vendor";
        for (text, expected) in [
            ("KubeVirt", Some("kubevirt")),
            ("Nutanix", Some("nutanix")),
            ("QEMU", Some("qemu")),
            ("Hetzner", None),
        ] {
            assert_eq!(name(&[(vendor, text)]), expected);
        }
        let family = ("/sys/class/dmi/id/product_family", "KubeVirt");
        assert_eq!(name(&[(vendor, "Red Hat"), family]), Some("kubevirt"));
        let bios = (
            "/sys/class/dmi/id/bios_vendor",
            "Proxmox distribution of EDK II",
        );
        let (name, because) = told(&[(vendor, "QEMU"), bios]).unwrap();
        assert_eq!(name, "proxmox");
        assert_eq!(because, "bios_vendor is Proxmox distribution of EDK II");
    }

    #[test]
    fn addresses_tell_the_managers_of_qemu() {
        let uuid = ("/sys/class/dmi/id/product_uuid", UUID);
        let with = |address: &'static str, uuid: &[(&'static str, &'static str)]| {
            let mut files = alloc::vec![
                ("/sys/class/dmi/id/sys_vendor", "QEMU"),
                ("/sys/class/net/eth0/ifindex", "2"),
                ("/sys/class/net/eth0/address", address),
            ];
            files.extend_from_slice(uuid);
            name(&files)
        };
        assert_eq!(with("bc:24:11:00:00:01", &[uuid]), Some("proxmox"));
        assert_eq!(with("52:54:00:4e:0c:10", &[uuid]), Some("libvirt"));
        assert_eq!(with("52:54:00:4e:0c:10", &[]), Some("qemu"));
        assert_eq!(with("52:54:00:12:34:57", &[uuid]), Some("qemu"));
        assert_eq!(with("00:16:3e:00:00:01", &[uuid]), Some("qemu"));
    }

    #[test]
    fn a_container_of_libvirt_is_known() {
        let said = ("/run/systemd/container", "lxc-libvirt");
        assert_eq!(name(&[said]), Some("libvirt"));
    }
}
