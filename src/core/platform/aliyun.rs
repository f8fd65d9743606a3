//! AliYun: the product is named Alibaba Cloud ECS.

use super::{Needs, Platform, Way};
use crate::machine::smbios::Field;
use crate::outside::Network;
use crate::rule::{Match, Rule};

/// Alibaba Cloud.
pub static PLATFORM: Platform = Platform {
    name: "AliYun",
    ways: &[Way {
        sign: Rule::Any(&[
            Rule::Holds("/var/lib/cloud/seed/AliYun", &["meta-data", "user-data"]),
            Rule::Dmi(Field::ProductName, Match::Is("Alibaba Cloud ECS")),
        ]),
        needs: Needs::Network(Network::Dhcp4),
        asks: &[],
        read: None,
    }],
};
