//! Akamai: the vendor of the firmware is Linode or, on newer hosts, Akamai.

use super::{Needs, Platform, Way};
use crate::machine::smbios::Field;
use crate::outside::Network;
use crate::rule::{Match, Rule};

/// Akamai Connected Cloud, once Linode.
pub static PLATFORM: Platform = Platform {
    name: "Akamai",
    ways: &[Way {
        sign: Rule::Any(&[
            Rule::Dmi(Field::SysVendor, Match::Is("Linode")),
            Rule::Dmi(Field::SysVendor, Match::Is("Akamai")),
        ]),
        needs: Needs::Network(Network::Any),
        asks: &[],
        read: None,
    }],
};
