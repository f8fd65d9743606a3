//! Exoscale: the name of the product begins so.

use super::Platform;
use crate::fetch::Network;
use crate::machine::smbios::Field;
use crate::rule::{Match, Rule};

/// Exoscale.
pub static PLATFORM: Platform = Platform {
    name: "Exoscale",
    rule: Rule::Dmi(Field::ProductName, Match::Starts("Exoscale")),
    network: Network::Dhcp4,
    asks: &[],
    fetch: None,
};
