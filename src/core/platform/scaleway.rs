//! Scaleway: the vendor of the firmware, also in a container; a word of the command line; a file.

use super::{Needs, Platform, Way};
use crate::machine::smbios::Field;
use crate::outside::Network;
use crate::rule::{Match, Rule};

/// Scaleway.
pub static PLATFORM: Platform = Platform {
    name: "Scaleway",
    ways: &[Way {
        sign: Rule::Any(&[
            Rule::HostDmi(Field::SysVendor, Match::Is("Scaleway")),
            Rule::Word("scaleway"),
            Rule::File("/var/run/scaleway"),
        ]),
        needs: Needs::Network(Network::Any),
        asks: &[],
        read: None,
    }],
};
