//! The platforms: one file each, one line each in [`PLATFORMS`].

use crate::fetch::{Cloud, Network};
use crate::instance::Instance;
use crate::rule::Rule;
use crate::warning::Error;

pub mod ec2;
pub mod hetzner;
pub mod nocloud;

/// One platform: how to know it, what it needs, what to ask and how to read the answer.
pub struct Platform {
    /// Its name, as cloud-init calls the datasource.
    pub name: &'static str,
    /// How to know it.
    pub rule: Rule,
    /// What it needs before it can be asked.
    pub network: Network,
    /// What is asked, in words, for `cloudseed platforms`.
    pub asks: &'static [&'static str],
    /// Asks, and reads the answers.
    pub fetch: fn(&mut Cloud) -> Result<Instance, Error>,
}

/// Every platform; the order is the order in which those found are tried, ds-identify's own.
pub static PLATFORMS: &[&Platform] = &[&nocloud::PLATFORM, &ec2::PLATFORM, &hetzner::PLATFORM];
