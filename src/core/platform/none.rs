//! None: the datasource of a machine without data.

use super::{Needs, PLAIN, Platform, Way};
use crate::rule::Rule;

/// The fallback.
pub static PLATFORM: Platform = Platform {
    name: "None",
    ways: &[Way {
        sign: Rule::Never("it is the fallback, and holds where nothing else does"),
        needs: Needs::Nothing,
        asks: &[],
        read: None,
    }],
    ..PLAIN
};
