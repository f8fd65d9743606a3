//! OVF: an environment file on a small CD-ROM, or in a seed directory.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Needs, Platform, Way};
use crate::machine::Disk;
use crate::machine::volume::Volume;
use crate::note::Note;
use crate::rule::kin::AZURE_CHASSIS;
use crate::rule::{Inquiry, Rule, Seen, Verdict};

/// A CD-ROM of this size or larger, in bytes, carries something else.
const DISC_BYTES_MAX: u64 = 10 << 20;

/// What an environment file names, in any case.
const NAMESPACE: &[u8] = b"http://schemas.dmtf.org/ovf/environment/1";

/// Labels of discs that are OVF's without a look inside.
const LABELS: &[&str] = &[
    "OVF-TRANSPORT",
    "ovf-transport",
    "OVFENV",
    "ovfenv",
    "OVF ENV",
    "ovf env",
];

/// The open virtualisation format: vSphere, VirtualBox, and private clouds of their kind.
pub static PLATFORM: Platform = Platform {
    name: "OVF",
    ways: &[Way {
        sign: Rule::Any(&[
            Rule::Holds("/var/lib/cloud/seed/ovf", &["ovf-env.xml"]),
            Rule::Medium(
                LABELS,
                "on a virtual machine that is not Azure's, an iso9660 disc sr0-9 or hda-z is labelled OVF-TRANSPORT, OVFENV \
                 or OVF ENV, or is smaller than 10 MiB and names http://schemas.dmtf.org/ovf/environment/1",
                disc,
            ),
        ]),
        needs: Needs::Nothing,
        asks: &[],
        read: None,
    }],
};

fn disc(inquiry: &mut Inquiry) -> Verdict {
    let machine = inquiry.machine;
    if machine.virt == "none" {
        return Verdict::No(String::from("this is no virtual machine"));
    }
    if let Verdict::Found(evidence) = AZURE_CHASSIS.ask(inquiry) {
        return Verdict::No(format!("this is Azure: {}", evidence.because));
    }
    let discs = machine
        .volumes
        .iter()
        .filter(|volume| volume.kind.as_deref() == Some("iso9660"));
    let mut reasons: Vec<String> = Vec::new();
    if machine.virt == "vmware" {
        let because = "guestinfo.ovfEnv cannot be asked: that takes VMware's tools";
        reasons.push(String::from(because));
    }
    for volume in discs {
        match look(inquiry, volume) {
            Ok(because) => {
                let seen = Seen::Volume(volume.name.clone());
                return Verdict::found(because).seeing(seen);
            }
            Err(because) => reasons.push(because),
        }
    }
    if reasons.is_empty() {
        reasons.push(String::from("no volume is an iso9660 disc"));
    }
    Verdict::No(reasons.join("; "))
}

/// Is this disc OVF's? Either way with the reason.
fn look(inquiry: &mut Inquiry, volume: &Volume) -> Result<String, String> {
    let name = &volume.name;
    if !is_drive(name) {
        let what = format!("skipping iso dev /dev/{name}");
        inquiry.note(Note::Debug(1, what));
        return Err(format!("{name} is no CD-ROM drive"));
    }
    let label = volume.label.as_deref().unwrap_or_default();
    inquiry.note(Note::Debug(1, format!("got label={label}")));
    if LABELS.contains(&label) {
        return Ok(format!("volume {name} is labelled {label}"));
    }
    let others = matches!(label, "config-2" | "CONFIG-2" | "cidata" | "CIDATA");
    if others || label.starts_with("rd_rdfe_stable") {
        return Err(format!(
            "volume {name} is labelled {label}, which is not OVF's"
        ));
    }
    if volume.bytes >= DISC_BYTES_MAX {
        let size = volume.bytes >> 20;
        let what = format!("/dev/{name}: size {size}MB is considered too large for OVF");
        inquiry.note(Note::Debug(2, what));
        return Err(format!("volume {name} is too large: {size} MiB"));
    }
    match inquiry.machine.files.disk(name) {
        Some(disk) if names_environment(disk.as_ref()) => {
            Ok(format!("volume {name} names an OVF environment"))
        }
        Some(_) => Err(format!("volume {name} names no OVF environment")),
        None => Err(format!("volume {name} cannot be read")),
    }
}

/// `sr0` to `sr9` and `hda` to `hdz`.
fn is_drive(name: &str) -> bool {
    matches!(
        name.as_bytes(),
        [b's', b'r', b'0'..=b'9'] | [b'h', b'd', b'a'..=b'z']
    )
}

/// Reads the disc through, in pieces that overlap by the length of the name looked for.
fn names_environment(disk: &dyn Disk) -> bool {
    const PIECE_BYTES: usize = 64 << 10;
    let end = disk.bytes().min(DISC_BYTES_MAX);
    let mut buffer = alloc::vec![0; PIECE_BYTES];
    for offset in (0..end).step_by(PIECE_BYTES - NAMESPACE.len() + 1) {
        let length =
            usize::try_from(end - offset).map_or(PIECE_BYTES, |rest| rest.min(PIECE_BYTES));
        let piece = buffer.get_mut(..length).unwrap_or_default();
        if !disk.read_at(offset, piece) {
            return false;
        }
        let mut windows = piece.windows(NAMESPACE.len());
        if windows.any(|window| window.eq_ignore_ascii_case(NAMESPACE)) {
            return true;
        }
    }
    false
}
