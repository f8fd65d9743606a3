//! GCE: the name of the product, or where that is missing the serial number.

use super::Platform;
use crate::fetch::Network;
use crate::machine::smbios::Field;
use crate::rule::{Match, Rule};

/// Google Compute Engine.
pub static PLATFORM: Platform = Platform {
    name: "GCE",
    rule: Rule::Any(&[
        Rule::Dmi(Field::ProductName, Match::Is("Google Compute Engine")),
        Rule::Dmi(Field::ProductSerial, Match::Starts("GoogleCloud-")),
    ]),
    network: Network::Dhcp4,
    asks: &[],
    fetch: None,
};
