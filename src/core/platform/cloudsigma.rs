//! CloudSigma: the product is named so; its data come over a serial line.

use super::Platform;
use crate::fetch::Network;
use crate::machine::smbios::Field;
use crate::rule::{Match, Rule};

/// CloudSigma.
pub static PLATFORM: Platform = Platform {
    name: "CloudSigma",
    rule: Rule::Dmi(Field::ProductName, Match::Is("CloudSigma")),
    network: Network::None,
    asks: &[],
    fetch: None,
};
