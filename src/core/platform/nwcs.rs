//! NWCS: the vendor of the firmware.

use super::Platform;
use crate::fetch::Network;
use crate::machine::smbios::Field;
use crate::rule::{Match, Rule};

/// NWCS.
pub static PLATFORM: Platform = Platform {
    name: "NWCS",
    rule: Rule::Dmi(Field::SysVendor, Match::Is("NWCS")),
    network: Network::Dhcp4,
    asks: &[],
    fetch: None,
};
