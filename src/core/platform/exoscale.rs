//! Exoscale: the name of the product begins so.

use super::{Needs, Platform, Way};
use crate::machine::smbios::Field;
use crate::outside::Network;
use crate::rule::{Match, Rule};

/// Exoscale.
pub static PLATFORM: Platform = Platform {
    name: "Exoscale",
    ways: &[Way {
        sign: Rule::Dmi(Field::ProductName, Match::Starts("Exoscale")),
        needs: Needs::Network(Network::Dhcp4),
        asks: &[],
        read: None,
    }],
};
