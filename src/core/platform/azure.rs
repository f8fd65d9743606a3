//! Azure: the asset tag of the chassis, the same on every machine.

use super::Platform;
use crate::fetch::Network;
use crate::rule::Rule;
use crate::rule::kin::AZURE_CHASSIS;

/// Microsoft Azure.
pub static PLATFORM: Platform = Platform {
    name: "Azure",
    rule: Rule::Any(&[
        AZURE_CHASSIS,
        Rule::Holds("/var/lib/cloud/seed/azure", &["ovf-env.xml"]),
    ]),
    network: Network::Dhcp4,
    asks: &[],
    fetch: None,
};
