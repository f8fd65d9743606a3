//! RbxCloud: a volume labelled CLOUDMD.

use super::Platform;
use crate::fetch::Network;
use crate::rule::Rule;

/// HyperOne and Rootbox.
pub static PLATFORM: Platform = Platform {
    name: "RbxCloud",
    rule: Rule::Label(&["CLOUDMD", "cloudmd"]),
    network: Network::None,
    asks: &[],
    fetch: None,
};
