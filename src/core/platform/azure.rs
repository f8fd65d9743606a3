//! Azure: the asset tag of the chassis, the same on every machine.

use super::{Needs, Platform, Way};
use crate::identify::kin::AZURE_CHASSIS;
use crate::outside::Network;
use crate::rule::Rule;

/// Microsoft Azure.
pub static PLATFORM: Platform = Platform {
    name: "Azure",
    ways: &[Way {
        sign: Rule::Any(&[
            AZURE_CHASSIS,
            Rule::Holds("/var/lib/cloud/seed/azure", &["ovf-env.xml"]),
        ]),
        needs: Needs::Network(Network::Dhcp4),
        asks: &[],
        read: None,
    }],
};
