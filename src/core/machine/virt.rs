//! Which hypervisor or container this is, in systemd's words.
//!
//! The order is systemd's: a container hides the machine below it; some hypervisors are better known by their DMI strings
//! than by CPUID, because they run on top of another; CPUID outranks the rest.

use alloc::format;
use alloc::string::String;

use super::firmware::{DeviceTree, Hypervisor, property};
use super::smbios::{Dmi, Field};
use super::{FILE_BYTES_MAX, Files};

/// The word for no virtualisation.
pub const NONE: &str = "none";
/// The word for a container of libvirt's.
pub const LIBVIRT_CONTAINER: &str = "lxc-libvirt";
/// The word for a hypervisor without a name.
const OTHER: &str = "vm-other";

/// What detection looks at beside files.
pub struct Signs<'a> {
    /// SMBIOS.
    pub dmi: &'a Dmi,
    /// The device tree.
    pub device_tree: &'a DeviceTree,
    /// /sys/hypervisor.
    pub hypervisor: &'a Hypervisor,
}

/// Beginnings of DMI strings, and the word for each; the first that fits a string wins.
const VENDORS: [(&str, &str); 17] = [
    ("KVM", "kvm"),
    ("OpenStack", "kvm"),
    ("KubeVirt", "kvm"),
    ("Amazon EC2", "amazon"),
    ("QEMU", "qemu"),
    ("VMware", "vmware"),
    ("VMW", "vmware"),
    ("innotek GmbH", "oracle"),
    ("VirtualBox", "oracle"),
    ("Oracle Corporation", "oracle"),
    ("Xen", "xen"),
    ("Bochs", "bochs"),
    ("Parallels", "parallels"),
    ("BHYVE", "bhyve"),
    ("Hyper-V", "microsoft"),
    ("Apple Virtualization", "apple"),
    ("Google Compute Engine", "google"),
];

/// The strings to look at; the product comes first because KVM runs on QEMU.
const VENDOR_FIELDS: [Field; 5] = [
    Field::ProductName,
    Field::SysVendor,
    Field::BoardVendor,
    Field::BiosVendor,
    Field::ProductVersion,
];

/// What CPUID leaf 0x4000_0000 says, and the word for it.
const CPUID_VENDORS: [(&[u8; 12], &str); 12] = [
    (b"XenVMMXenVMM", "xen"),
    (b"KVMKVMKVM\0\0\0", "kvm"),
    (b"Linux KVM Hv", "kvm"),
    (b"TCGTCGTCGTCG", "qemu"),
    (b"VMwareVMware", "vmware"),
    (b"Microsoft Hv", "microsoft"),
    (b"bhyve bhyve ", "bhyve"),
    (b"QNXQVMBSQG\0\0", "qnx"),
    (b"ACRNACRNACRN", "acrn"),
    (b"SRESRESRESRE", "sre"),
    (b"Apple VZ\0\0\0\0", "apple"),
    (b" lrpepyh  vr", "parallels"),
];

/// Containers by name.
const CONTAINERS: [&str; 9] = [
    "systemd-nspawn",
    LIBVIRT_CONTAINER,
    "lxc",
    "openvz",
    "docker",
    "podman",
    "rkt",
    "wsl",
    "pouch",
];

/// Detects virtualisation: `none`, `kvm`, `amazon`, `lxc`, ….
///
/// The variable SYSTEMD_VIRTUALIZATION, when set, is believed: all up to its first `:` is dropped (`vm:kvm`).
pub fn detect(files: &dyn Files, signs: &Signs) -> String {
    if let Some(said) = files.variable("SYSTEMD_VIRTUALIZATION") {
        let said = said.trim();
        return String::from(said.split_once(':').map_or(said, |(_, name)| name));
    }
    // The privileged domain of Xen is the host, not a guest.
    let guest = |name: &&str| *name != "xen" || !privileged(files);
    let found = container(files).or_else(|| hypervisor(files, signs).filter(guest));
    String::from(found.unwrap_or(NONE))
}

/// True for the words ds-identify takes for a container.
pub fn is_container(virt: &str) -> bool {
    matches!(
        virt,
        "container-other" | "lxc" | "lxc-libvirt" | "systemd-nspawn" | "docker" | "rkt" | "jail"
    )
}

/// The container we are in, if any: by the signs its manager leaves, the most telling first.
fn container(files: &dyn Files) -> Option<&'static str> {
    if files.kind("/proc/vz").is_some() && files.kind("/proc/bc").is_none() {
        return Some("openvz");
    }
    let release = files.text("/proc/sys/kernel/osrelease").unwrap_or_default();
    if release.contains("Microsoft") || release.contains("WSL") {
        return Some("wsl");
    }
    let said = ["/run/host/container-manager", "/run/systemd/container"]
        .into_iter()
        .find_map(|path| files.text(path))
        .or_else(|| container_variable(files))
        .filter(|name| !name.is_empty());
    match said.as_deref() {
        None => container_file(files),
        Some("oci") => container_file(files).or(Some("container-other")),
        Some(name) => Some(
            CONTAINERS
                .into_iter()
                .find(|known| *known == name)
                .unwrap_or("container-other"),
        ),
    }
}

/// The variable `container` of process 1.
fn container_variable(files: &dyn Files) -> Option<String> {
    let environment = files.read("/proc/1/environ", FILE_BYTES_MAX)?;
    let value = environment
        .split(|&byte| byte == 0)
        .find_map(|variable| variable.strip_prefix(b"container="))?;
    Some(String::from(String::from_utf8_lossy(value)))
}

fn container_file(files: &dyn Files) -> Option<&'static str> {
    [("/run/.containerenv", "podman"), ("/.dockerenv", "docker")]
        .into_iter()
        .find_map(|(path, name)| files.kind(path).map(|_| name))
}

/// The hypervisor we are on, if any.
fn hypervisor(files: &dyn Files, signs: &Signs) -> Option<&'static str> {
    let firmware = vendor(signs.dmi);
    let nested = ["oracle", "xen", "amazon", "parallels", "google"];
    if firmware.is_some_and(|name| nested.contains(&name)) {
        return firmware;
    }
    let cpu = cpuid(files);
    user_mode_linux(files)
        .or_else(|| xen(files, signs))
        .or(cpu.filter(|name| *name != OTHER))
        .or(firmware.filter(|name| *name != OTHER))
        .or_else(|| other_kind(signs))
        .or_else(|| device_tree(files, signs.device_tree))
        .or_else(|| mainframe(files))
        .or(cpu)
        .or(firmware)
}

/// What DMI says. Amazon's bare metal has its name there too: only the bit of SMBIOS type 0, or a product `….metal`,
/// tells it from a guest.
fn vendor(dmi: &Dmi) -> Option<&'static str> {
    let named = VENDOR_FIELDS.into_iter().find_map(|field| {
        let text = dmi.get(field)?;
        let known = VENDORS.iter().find(|(start, _)| text.starts_with(start));
        known.map(|(_, name)| *name)
    });
    let metal = || {
        let product = dmi.get(Field::ProductName).unwrap_or_default();
        product.ends_with(".metal")
    };
    match (named, dmi.virtual_machine) {
        (Some("amazon"), Some(false)) => None,
        (Some("amazon"), None) if metal() => None,
        (None, Some(true)) => Some(OTHER),
        _ => named,
    }
}

fn cpuid(files: &dyn Files) -> Option<&'static str> {
    let vendor = files.cpuid_vendor()?;
    let known = CPUID_VENDORS.iter().find(|(bytes, _)| **bytes == vendor);
    known.map_or_else(
        || vendor.iter().any(|byte| *byte != 0).then_some(OTHER),
        |(_, name)| Some(*name),
    )
}

fn user_mode_linux(files: &dyn Files) -> Option<&'static str> {
    let cpus = files.text("/proc/cpuinfo")?;
    let vendor = |line: &str| line.starts_with("vendor_id") && line.ends_with("User Mode Linux");
    cpus.lines().any(vendor).then_some("uml")
}

/// Xen, whether it says so itself or the kernel does.
fn xen(files: &dyn Files, signs: &Signs) -> Option<&'static str> {
    let said = signs.hypervisor.kind.as_deref() == Some("xen");
    (said || files.kind("/proc/xen").is_some()).then_some("xen")
}

fn privileged(files: &dyn Files) -> bool {
    /// XENFEAT_dom0 in /sys/hypervisor/properties/features.
    const PRIVILEGED: u64 = 1 << 11;
    let features = files.text("/sys/hypervisor/properties/features");
    match features.and_then(|text| u64::from_str_radix(&text, 16).ok()) {
        Some(features) => features & PRIVILEGED != 0,
        None => files
            .text("/proc/xen/capabilities")
            .is_some_and(|text| text.contains("control_d")),
    }
}

fn other_kind(signs: &Signs) -> Option<&'static str> {
    let kind = signs.hypervisor.kind.as_deref()?;
    (kind != "xen").then_some(OTHER)
}

fn device_tree(files: &dyn Files, tree: &DeviceTree) -> Option<&'static str> {
    let above = property(files, "hypervisor/compatible");
    let above = above.first().map(|first| first.as_str());
    match above {
        Some("linux,kvm") => return Some("kvm"),
        Some(name) if name.contains("xen") => return Some("xen"),
        Some(name) if name.contains("vmware") => return Some("vmware"),
        Some(_) => return Some(OTHER),
        None => {}
    }
    let node = |name: &str| files.kind(&format!("/proc/device-tree/{name}")).is_some();
    if node("ibm,partition-name") && node("hmc-managed?") && !node("chosen/qemu,graphic-width") {
        return Some("powervm");
    }
    let emulated = |name: &String| name == "qemu,pseries";
    let configured = |name: &String| name.contains("fw-cfg");
    let qemu = tree.compatible.iter().any(emulated)
        || files.list("/proc/device-tree").iter().any(configured);
    qemu.then_some("qemu")
}

/// IBM Z: z/VM names itself, and whatever else has a control program is KVM.
fn mainframe(files: &dyn Files) -> Option<&'static str> {
    let text = files.text("/proc/sysinfo")?;
    let line = text
        .lines()
        .find(|line| line.starts_with("VM00 Control Program:"))?;
    Some(if line.contains("z/VM") { "zvm" } else { "kvm" })
}
