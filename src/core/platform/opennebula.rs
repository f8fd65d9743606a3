//! OpenNebula: a volume labelled CONTEXT, or CDROM on older releases, in capitals only.

use super::{Needs, Platform, Way};
use crate::rule::Rule;

/// OpenNebula.
pub static PLATFORM: Platform = Platform {
    name: "OpenNebula",
    ways: &[Way {
        sign: Rule::Any(&[
            Rule::Holds("/var/lib/cloud/seed/opennebula", &["meta-data"]),
            Rule::Label(&["CONTEXT", "CDROM"]),
        ]),
        needs: Needs::Nothing,
        asks: &[],
        read: None,
    }],
};
