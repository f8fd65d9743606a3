//! Vultr: the vendor of the firmware; on bare metal a word of the command line or a file.

use super::Platform;
use crate::fetch::Network;
use crate::machine::smbios::Field;
use crate::rule::{Match, Rule};

/// Vultr.
pub static PLATFORM: Platform = Platform {
    name: "Vultr",
    rule: Rule::Any(&[
        Rule::Dmi(Field::SysVendor, Match::Is("Vultr")),
        Rule::Word("vultr"),
        Rule::File("/etc/vultr"),
    ]),
    network: Network::Dhcp4,
    asks: &[],
    fetch: None,
};
