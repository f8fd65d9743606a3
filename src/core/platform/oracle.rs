//! Oracle: the asset tag of the chassis.

use super::Platform;
use crate::fetch::Network;
use crate::machine::smbios::Field;
use crate::rule::{Match, Rule};

/// Oracle Cloud Infrastructure.
pub static PLATFORM: Platform = Platform {
    name: "Oracle",
    rule: Rule::Dmi(Field::ChassisAssetTag, Match::Is("OracleCloud.com")),
    network: Network::Any,
    asks: &[],
    fetch: None,
};
