//! DigitalOcean: the vendor of the firmware.

use super::Platform;
use crate::fetch::Network;
use crate::machine::smbios::Field;
use crate::rule::{Match, Rule};

/// DigitalOcean.
pub static PLATFORM: Platform = Platform {
    name: "DigitalOcean",
    rule: Rule::Dmi(Field::SysVendor, Match::Is("DigitalOcean")),
    network: Network::LinkLocal4,
    asks: &[],
    fetch: None,
};
