//! Bigstep: a file says where to ask.

use super::{Needs, Platform, Way};
use crate::outside::Network;
use crate::rule::Rule;

/// Bigstep, which writes the URL of its metadata service into the image.
pub static PLATFORM: Platform = Platform {
    name: "Bigstep",
    ways: &[Way {
        sign: Rule::File("/var/lib/cloud/data/seed/bigstep/url"),
        needs: Needs::Network(Network::Dhcp4),
        asks: &[],
        read: None,
    }],
};
