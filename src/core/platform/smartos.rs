//! SmartOS: the name of the product on virtual machines, the version of the kernel in zones.

use alloc::format;
use alloc::string::String;

use super::{Needs, Platform, Way};
use crate::machine::smbios::Field;
use crate::rule::{Inquiry, Match, Rule, Verdict};

/// The version of the kernel that a zone of the brand lx shows.
const ZONE: &str = "BrandZ virtual linux";

/// The socket to the host in a zone; a container within the zone does not have it.
const SOCKET: &str = "/native/.zonecontrol/metadata.sock";

/// SmartOS, Triton and what was Joyent's cloud.
pub static PLATFORM: Platform = Platform {
    name: "SmartOS",
    ways: &[Way {
        sign: Rule::Any(&[
            Rule::Dmi(Field::ProductName, Match::Starts("SmartDC")),
            Rule::Code(
                "the version of the kernel is \"BrandZ virtual linux\" and /native/.zonecontrol/metadata.sock is there",
                zone,
            ),
        ]),
        needs: Needs::Nothing,
        asks: &[],
        read: None,
    }],
};

fn zone(inquiry: &mut Inquiry) -> Verdict {
    let machine = inquiry.machine;
    if machine.kernel.version != ZONE {
        return Verdict::No(String::from("the kernel is no zone's"));
    }
    match machine.files.kind(SOCKET) {
        Some(_) => Verdict::found(format!("the kernel is a zone's and {SOCKET} is there")),
        None => Verdict::No(format!("the kernel is a zone's, but {SOCKET} is not there")),
    }
}
