//! Vultr: the vendor of the firmware; on bare metal a word of the command line or a file.

use super::{Needs, Platform, Way};
use crate::machine::smbios::Field;
use crate::outside::Network;
use crate::rule::{Match, Rule};

/// Vultr.
pub static PLATFORM: Platform = Platform {
    name: "Vultr",
    ways: &[Way {
        sign: Rule::Any(&[
            Rule::Dmi(Field::SysVendor, Match::Is("Vultr")),
            Rule::Word("vultr"),
            Rule::File("/etc/vultr"),
        ]),
        needs: Needs::Network(Network::Dhcp4),
        asks: &[],
        read: None,
    }],
};
