//! CloudCIX: the product is named so.

use super::Platform;
use crate::fetch::Network;
use crate::machine::smbios::Field;
use crate::rule::{Match, Rule};

/// CloudCIX.
pub static PLATFORM: Platform = Platform {
    name: "CloudCIX",
    rule: Rule::Dmi(Field::ProductName, Match::Is("CloudCIX")),
    network: Network::Dhcp4,
    asks: &[],
    fetch: None,
};
