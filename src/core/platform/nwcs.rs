//! NWCS: the vendor of the firmware.

use super::{Needs, Platform, Way};
use crate::machine::smbios::Field;
use crate::outside::Network;
use crate::rule::{Match, Rule};

/// NWCS.
pub static PLATFORM: Platform = Platform {
    name: "NWCS",
    ways: &[Way {
        sign: Rule::Dmi(Field::SysVendor, Match::Is("NWCS")),
        needs: Needs::Network(Network::Dhcp4),
        asks: &[],
        read: None,
    }],
};
