//! GCE: the name of the product, or where that is missing the serial number.

use super::{Needs, Platform, Way};
use crate::machine::smbios::Field;
use crate::outside::Network;
use crate::rule::{Match, Rule};

/// Google Compute Engine.
pub static PLATFORM: Platform = Platform {
    name: "GCE",
    ways: &[Way {
        sign: Rule::Any(&[
            Rule::Dmi(Field::ProductName, Match::Is("Google Compute Engine")),
            Rule::Dmi(Field::ProductSerial, Match::Starts("GoogleCloud-")),
        ]),
        needs: Needs::Network(Network::Dhcp4),
        asks: &[],
        read: None,
    }],
};
