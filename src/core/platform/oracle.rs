//! Oracle: the asset tag of the chassis.

use super::{Needs, Platform, Way};
use crate::machine::smbios::Field;
use crate::outside::Network;
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
