//! Oracle: the asset tag of the chassis.

use super::{Needs, Platform, Way};
use crate::fetch::Network;
use crate::machine::smbios::Field;
use crate::rule::{Match, Rule};

/// Oracle Cloud Infrastructure.
pub static PLATFORM: Platform = Platform {
    name: "Oracle",
    ways: &[Way {
        sign: Rule::Dmi(Field::ChassisAssetTag, Match::Is("OracleCloud.com")),
        needs: Needs::Network(Network::Any),
        asks: &[],
        read: None,
    }],
};
