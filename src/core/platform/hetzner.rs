//! hetzner
use super::Platform;
use crate::fetch::{Cloud, Network};
use crate::instance::Instance;
use crate::rule::Rule;
use crate::warning::Error;

/// hetzner.
pub static PLATFORM: Platform = Platform {
    name: "hetzner",
    rule: Rule::Any(&[]),
    network: Network::None,
    asks: &[],
    fetch,
};

fn fetch(cloud: &mut Cloud) -> Result<Instance, Error> {
    Err(Error::new(
        crate::warning::Blame::Unable,
        "fetch",
        cloud.name,
        "",
        "",
    ))
}
