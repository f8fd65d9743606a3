//! CloudStack: the name of the product begins so, a hypervisor follows.

use super::{Needs, Platform, Way};
use crate::machine::smbios::Field;
use crate::outside::Network;
use crate::rule::{Match, Rule};

/// Apache CloudStack.
pub static PLATFORM: Platform = Platform {
    name: "CloudStack",
    ways: &[Way {
        sign: Rule::Dmi(Field::ProductName, Match::Starts("CloudStack")),
        needs: Needs::Network(Network::Dhcp4),
        asks: &[],
        read: None,
    }],
};
