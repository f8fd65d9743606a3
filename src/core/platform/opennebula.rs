//! OpenNebula: a volume labelled CONTEXT, or CDROM on older releases, in capitals only.

use super::Platform;
use crate::fetch::Network;
use crate::rule::Rule;

/// OpenNebula.
pub static PLATFORM: Platform = Platform {
    name: "OpenNebula",
    rule: Rule::Any(&[
        Rule::Holds("/var/lib/cloud/seed/opennebula", &["meta-data"]),
        Rule::Label(&["CONTEXT", "CDROM"]),
    ]),
    network: Network::None,
    asks: &[],
    fetch: None,
};
