//! UpCloud: the vendor of the firmware.

use super::Platform;
use crate::fetch::Network;
use crate::machine::smbios::Field;
use crate::rule::{Match, Rule};

/// UpCloud.
pub static PLATFORM: Platform = Platform {
    name: "UpCloud",
    rule: Rule::Dmi(Field::SysVendor, Match::Is("UpCloud")),
    network: Network::Dhcp4,
    asks: &[],
    fetch: None,
};
