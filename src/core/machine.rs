//! Machine: the facts of this boot, read once through [`Files`].
//!
//! A `Machine` is built only by [`Machine::read`]. Rules ask it; facts too rare to read ahead (a seed directory, a socket)
//! are asked of [`Machine::files`] by the rule that needs them.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

pub mod cmdline;
pub mod firmware;
pub mod manager;
pub mod release;
pub mod rpci;
pub mod smbios;
pub mod udev;
pub mod uevent;
pub mod virt;
pub mod volume;

use cmdline::Cmdline;
use firmware::{DeviceTree, Hypervisor};
use manager::Manager;
use release::Release;
use smbios::Dmi;
use volume::Volume;

/// Most bytes read from any one small file of the machine (an attribute in /sys, a configuration file).
pub const FILE_BYTES_MAX: usize = 1 << 20;
/// The kernel's view of the firmware's iSCSI Boot Firmware Table: there is one where the firmware has set up an interface.
pub const IBFT: &str = "/sys/firmware/ibft";
/// What initramfs-tools' open-iscsi leaves where it has set up an interface for the root file system, without `ip=`.
pub const OPEN_ISCSI: &str = "/run/initramfs/open-iscsi.interface";

/// What a path names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A directory.
    Directory,
    /// A listening socket in the file system.
    Socket,
    /// A device, a pipe or anything else.
    Other,
}

/// The machine's files below one root: all that core can see of the outside while it probes.
///
/// Paths are absolute as on the machine (`/sys/class/net`); the implementation puts its root in front. A file that is
/// missing, unreadable or longer than asked for is `None`: for a fact about a machine these are the same.
pub trait Files {
    /// The whole content of the file at `path`, if it is at most `bytes_max` long.
    fn read(&self, path: &str, bytes_max: usize) -> Option<Vec<u8>>;
    /// The same of a document, of which it matters why it cannot be had: `Ok(None)` if there is none. Files that know no
    /// reasons have none to tell.
    ///
    /// # Errors
    /// There is one that is too long, cannot be read, or is no regular file: in words, as the object of "but found".
    fn document(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, String>;
    /// The names in the directory at `path`, sorted; empty if there is no such directory.
    fn list(&self, path: &str) -> Vec<String>;
    /// What `path` names, following links; `None` if nothing.
    fn kind(&self, path: &str) -> Option<Kind>;
    /// Opens the block device `name` (as in /sys/class/block) for reading.
    fn disk(&self, name: &str) -> Option<Box<dyn Disk>>;
    /// A variable of the environment the program was started with, or its stand-in below a root; `guestinfo.NAME` is one that
    /// VMware's hypervisor keeps for its guest.
    fn variable(&self, name: &str) -> Option<String>;
    /// The hypervisor's name in CPUID leaf 0x4000_0000, if the processor has that leaf and these are the files of the
    /// machine that runs us.
    fn cpuid_vendor(&self) -> Option<[u8; 12]>;
    /// The architecture as `uname -m` says it, if these are the files of the machine that runs us.
    fn architecture(&self) -> Option<&'static str>;
    /// When the file at `path` was last written, since the epoch; `None` where that is not known.
    fn modified(&self, path: &str) -> Option<Duration>;
}

impl dyn Files + '_ {
    /// The file at `path` as text, trimmed; undecodable bytes are replaced.
    pub fn text(&self, path: &str) -> Option<String> {
        let bytes = self.read(path, FILE_BYTES_MAX)?;
        Some(String::from(String::from_utf8_lossy(&bytes).trim()))
    }
}

/// A block device or an image of one: bytes at offsets.
pub trait Disk {
    /// Its size in bytes.
    fn bytes(&self) -> u64;
    /// Fills `buffer` from `offset`; false if the device ends or fails before the buffer is full.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> bool;
}

/// A network interface as /sys/class/net shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// Its name, for people; code uses the index.
    pub name: String,
    /// The kernel's interface index.
    pub index: u32,
    /// The hardware address, six bytes; other lengths (InfiniBand) are `None`.
    pub mac: Option<[u8; 6]>,
    /// The ARPHRD_* type: 1 is Ethernet, 32 InfiniBand, 772 loopback.
    pub hardware: u32,
    /// Maximum transmission unit in bytes.
    pub mtu: u32,
    /// The driver's name, when the interface has a device behind it.
    pub driver: Option<String>,
    /// True if there is a device behind it: not a bridge, bond, VLAN, veth or the loopback.
    pub physical: bool,
    /// The name of the interface this one is a part of (bond, bridge, Hyper-V virtual function), if any.
    pub master: Option<String>,
    /// What the kernel says of the carrier; `None` while the interface is down.
    pub carrier: Option<bool>,
}

impl Link {
    /// True for the interface that leads nowhere (ARPHRD_LOOPBACK).
    pub fn is_loopback(&self) -> bool {
        self.hardware == 772
    }
}

/// What the kernel says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kernel {
    /// `Linux`.
    pub ostype: String,
    /// The release, `6.1.0-56-cloud-amd64`.
    pub release: String,
    /// The version string, `#1 SMP PREEMPT_DYNAMIC …`.
    pub version: String,
    /// The machine, `x86_64`.
    pub arch: String,
}

/// The facts of this boot.
pub struct Machine<'a> {
    /// The files behind the facts.
    pub files: &'a dyn Files,
    /// What firmware says of the machine; all fields unset where there is no DMI.
    pub dmi: Dmi,
    /// The device tree's description, where there is one.
    pub device_tree: DeviceTree,
    /// What a Xen guest is told of its hypervisor.
    pub hypervisor: Hypervisor,
    /// The kernel's description of itself.
    pub kernel: Kernel,
    /// Which distribution this is.
    pub release: Release,
    /// The kernel command line (in a container, the one of process 1).
    pub cmdline: Cmdline,
    /// Virtualisation in systemd's words: `kvm`, `amazon`, `none`, …, `lxc`, `docker`, ….
    pub virt: String,
    /// True in one of the containers ds-identify knows as such.
    pub container: bool,
    /// Block devices with the file systems on them.
    pub volumes: Vec<Volume>,
    /// Network interfaces, by index.
    pub links: Vec<Link>,
    /// Who manages the virtual machine, where that can be told; for people.
    pub manager: Option<Manager>,
}

impl<'a> Machine<'a> {
    /// Reads every fact that rules commonly ask for.
    pub fn read(files: &'a dyn Files) -> Machine<'a> {
        let dmi = Dmi::read(files);
        let kernel = Kernel::read(files);
        let device_tree = DeviceTree::read(files);
        let hypervisor = Hypervisor::read(files);
        let signs = virt::Signs {
            dmi: &dmi,
            device_tree: &device_tree,
            hypervisor: &hypervisor,
        };
        let virt = virt::detect(files, &signs);
        let container = virt::is_container(&virt);
        let cmdline = Cmdline::read(files, container);
        let volumes = if container {
            Vec::new()
        } else {
            volume::scan(files)
        };
        let links = links(files);
        let manager = manager::detect(&dmi, &links, &virt);
        Machine {
            files,
            dmi,
            device_tree,
            hypervisor,
            release: Release::read(files, &kernel.arch),
            kernel,
            cmdline,
            virt,
            container,
            volumes,
            links,
            manager,
        }
    }

    /// The first volume with one of these labels (its file system's, or a FAT boot sector's).
    pub fn volume_labelled(&self, labels: &[&str]) -> Option<&Volume> {
        self.volumes
            .iter()
            .find(|volume| labels.iter().any(|label| volume.is_labelled(label)))
    }
}

impl Kernel {
    fn read(files: &dyn Files) -> Kernel {
        let field = |name: &str| {
            files
                .text(&alloc::format!("/proc/sys/kernel/{name}"))
                .unwrap_or_default()
        };
        Kernel {
            ostype: field("ostype"),
            release: field("osrelease"),
            version: field("version"),
            // The file came with Linux 6.1.
            arch: Some(field("arch"))
                .filter(|arch| !arch.is_empty())
                .or_else(|| files.architecture().map(String::from))
                .unwrap_or_default(),
        }
    }
}

/// The network interfaces of /sys/class/net, by index.
pub fn links(files: &dyn Files) -> Vec<Link> {
    let mut links: Vec<Link> = files
        .list("/sys/class/net")
        .into_iter()
        .filter_map(|name| link(files, name))
        .collect();
    links.sort_by_key(|link| link.index);
    links
}

fn link(files: &dyn Files, name: String) -> Option<Link> {
    let at = |attribute: &str| alloc::format!("/sys/class/net/{name}/{attribute}");
    let number = |attribute: &str| files.text(&at(attribute))?.parse::<u32>().ok();
    let uevent = |path: &str, key: &str| {
        let text = files.text(&at(path))?;
        text.lines()
            .find_map(|line| line.strip_prefix(key))
            .map(String::from)
    };
    Some(Link {
        index: number("ifindex")?,
        mac: files.text(&at("address")).and_then(|text| mac(&text)),
        hardware: number("type").unwrap_or(0),
        mtu: number("mtu").unwrap_or(1500),
        driver: uevent("device/uevent", "DRIVER="),
        physical: files.kind(&at("device")).is_some(),
        master: uevent("master/uevent", "INTERFACE="),
        carrier: number("carrier").map(|carrier| carrier == 1),
        name,
    })
}

/// Parses a hardware address of six bytes, `52:54:00:12:34:56`.
pub fn mac(text: &str) -> Option<[u8; 6]> {
    let mut bytes = [0; 6];
    let mut fields = text.split(':');
    for byte in &mut bytes {
        let field = fields.next().filter(|field| field.len() == 2)?;
        *byte = u8::from_str_radix(field, 16).ok()?;
    }
    fields.next().is_none().then_some(bytes)
}

/// A UUID as text, `8-4-4-4-12` in lower case, from its number in network order.
fn uuid_text(number: u128) -> String {
    alloc::format!(
        "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
        number >> 96,
        number >> 80 & 0xffff,
        number >> 64 & 0xffff,
        number >> 48 & 0xffff,
        number & 0xffff_ffff_ffff
    )
}

#[cfg(test)]
pub mod tree;
