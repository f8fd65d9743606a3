//! UpCloud: the vendor of the firmware.

use super::{Needs, Platform, Way};
use crate::machine::smbios::Field;
use crate::outside::Network;
use crate::rule::{Match, Rule};

/// UpCloud.
pub static PLATFORM: Platform = Platform {
    name: "UpCloud",
    ways: &[Way {
        sign: Rule::Dmi(Field::SysVendor, Match::Is("UpCloud")),
        needs: Needs::Network(Network::Dhcp4),
        asks: &[],
        read: None,
    }],
};
