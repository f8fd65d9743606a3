//! None: the datasource of a machine without data.

use super::Platform;
use crate::fetch::Network;
use crate::rule::Rule;

/// The fallback.
pub static PLATFORM: Platform = Platform {
    name: "None",
    rule: Rule::Never("it is the fallback, and holds where nothing else does"),
    network: Network::None,
    asks: &[],
    fetch: None,
};
