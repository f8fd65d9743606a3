//! RbxCloud: a volume labelled CLOUDMD.

use super::{Needs, Platform, Way};
use crate::rule::Rule;

/// HyperOne and Rootbox.
pub static PLATFORM: Platform = Platform {
    name: "RbxCloud",
    ways: &[Way {
        sign: Rule::Label(&["CLOUDMD", "cloudmd"]),
        needs: Needs::Nothing,
        asks: &[],
        read: None,
    }],
};
