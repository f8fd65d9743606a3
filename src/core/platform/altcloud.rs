//! AltCloud: RHEV hands out its data on a floppy disk, vSphere on a volume labelled CDROM.
//!
//! The original compares the names of both with its own patterns, letter by letter, so it never finds this platform; here
//! it is as it was meant, and as the datasource itself has it.

use alloc::format;
use alloc::string::String;

use super::{Needs, Platform, Way};
use crate::machine::Machine;
use crate::machine::smbios::Field;
use crate::rule::{Inquiry, Rule, Verdict};

/// Where an image says which of the two it was made for.
const CLOUD_INFO: &str = "/etc/sysconfig/cloud-info";

/// RHEV and vSphere by way of Deltacloud.
pub static PLATFORM: Platform = Platform {
    name: "AltCloud",
    ways: &[Way {
        sign: Rule::Code(
            "/etc/sysconfig/cloud-info, else product_name, starts with RHEV and there is a floppy disk, or with vSphere or VMware and a volume is labelled CDROM",
            decide,
        ),
        needs: Needs::Nothing,
        asks: &[],
        read: None,
    }],
};

fn decide(inquiry: &mut Inquiry) -> Verdict {
    let machine = inquiry.machine;
    let (place, said) = match machine.files.text(CLOUD_INFO) {
        Some(text) => (
            CLOUD_INFO,
            String::from(text.lines().next().unwrap_or_default()),
        ),
        None if machine.container => {
            return Verdict::No(String::from(
                "product_name is the host's, this is a container",
            ));
        }
        None => (
            "product_name",
            String::from(machine.dmi.get(Field::ProductName).unwrap_or_default()),
        ),
    };
    let starts = |word: &str| said.to_ascii_uppercase().starts_with(word);
    let known = format!("{place} says {said:?}");
    if starts("RHEV") {
        match has_floppy(machine) {
            true => Verdict::maybe(format!("{known} and there is a floppy disk")),
            false => Verdict::No(format!("{known}, but there is no floppy disk")),
        }
    } else if starts("VSPHERE") || starts("VMWARE") {
        match machine.volume_labelled(&["CDROM"]) {
            Some(volume) => Verdict::maybe(format!(
                "{known} and volume {} is labelled CDROM",
                volume.name
            )),
            None => Verdict::No(format!("{known}, but no volume is labelled CDROM")),
        }
    } else {
        Verdict::No(known)
    }
}

fn has_floppy(machine: &Machine) -> bool {
    machine.files.kind("/sys/class/block/fd0").is_some()
}
