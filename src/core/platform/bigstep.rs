//! Bigstep: a file says where to ask.

use super::Platform;
use crate::fetch::Network;
use crate::rule::Rule;

/// Bigstep, which writes the URL of its metadata service into the image.
pub static PLATFORM: Platform = Platform {
    name: "Bigstep",
    rule: Rule::File("/var/lib/cloud/data/seed/bigstep/url"),
    network: Network::Dhcp4,
    asks: &[],
    fetch: None,
};
