//! Which hypervisor or container this is, in systemd's words.

use alloc::string::String;

use super::Files;
use super::smbios::Dmi;

/// Detects virtualisation: `none`, `kvm`, `amazon`, `lxc`, ….
pub fn detect(files: &dyn Files, dmi: &Dmi) -> String {
    let _ = dmi;
    let said = files.variable("SYSTEMD_VIRTUALIZATION").unwrap_or_default();
    String::from(said.split_once(':').map_or("none", |(_, name)| name))
}

/// True for the words ds-identify takes for a container.
pub fn is_container(virt: &str) -> bool {
    matches!(
        virt,
        "container-other" | "lxc" | "lxc-libvirt" | "systemd-nspawn" | "docker" | "rkt" | "jail"
    )
}
