//! Scaleway: the vendor of the firmware, also in a container; a word of the command line; a file.

use super::Platform;
use crate::fetch::Network;
use crate::machine::smbios::Field;
use crate::rule::{Match, Rule};

/// Scaleway.
pub static PLATFORM: Platform = Platform {
    name: "Scaleway",
    rule: Rule::Any(&[
        Rule::HostDmi(Field::SysVendor, Match::Is("Scaleway")),
        Rule::Word("scaleway"),
        Rule::File("/var/run/scaleway"),
    ]),
    network: Network::Any,
    asks: &[],
    fetch: None,
};
