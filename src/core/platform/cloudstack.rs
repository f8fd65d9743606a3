//! CloudStack: the name of the product begins so, a hypervisor follows.

use super::Platform;
use crate::fetch::Network;
use crate::machine::smbios::Field;
use crate::rule::{Match, Rule};

/// Apache CloudStack.
pub static PLATFORM: Platform = Platform {
    name: "CloudStack",
    rule: Rule::Dmi(Field::ProductName, Match::Starts("CloudStack")),
    network: Network::Dhcp4,
    asks: &[],
    fetch: None,
};
