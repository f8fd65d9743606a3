//! Akamai: the vendor of the firmware is Linode or, on newer hosts, Akamai.

use super::Platform;
use crate::fetch::Network;
use crate::machine::smbios::Field;
use crate::rule::{Match, Rule};

/// Akamai Connected Cloud, once Linode.
pub static PLATFORM: Platform = Platform {
    name: "Akamai",
    rule: Rule::Any(&[
        Rule::Dmi(Field::SysVendor, Match::Is("Linode")),
        Rule::Dmi(Field::SysVendor, Match::Is("Akamai")),
    ]),
    network: Network::Any,
    asks: &[],
    fetch: None,
};
