//! CloudCIX: the product is named so.

use super::{Needs, Platform, Way};
use crate::machine::smbios::Field;
use crate::outside::Network;
use crate::rule::{Match, Rule};

/// CloudCIX.
pub static PLATFORM: Platform = Platform {
    name: "CloudCIX",
    ways: &[Way {
        sign: Rule::Dmi(Field::ProductName, Match::Is("CloudCIX")),
        needs: Needs::Network(Network::Dhcp4),
        asks: &[],
        read: None,
    }],
};
