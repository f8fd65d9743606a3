//! MAAS: bare metal, which nothing tells; its images and its command lines name it.

use super::{Needs, Platform, Way};
use crate::outside::Network;
use crate::rule::Rule;

/// Metal as a Service.
pub static PLATFORM: Platform = Platform {
    name: "MAAS",
    ways: &[Way {
        sign: Rule::Never(
            "nothing on the machine tells MAAS: it has to be named, by ds=MAAS or as the only datasource",
        ),
        needs: Needs::Network(Network::Dhcp4),
        asks: &[],
        read: None,
    }],
};
