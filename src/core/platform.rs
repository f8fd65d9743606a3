//! The platforms: one file each, one line each in [`PLATFORMS`].

use alloc::vec::Vec;

use base64::Engine;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

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

/// Base 64 as Python's strict decoder takes it: the whole text, padded, trailing bits of any value.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// User-data of clouds whose users may have encoded it: decoded if the whole of it is base 64, else as it is. No start line
/// of a known format is made of that alphabet, so nothing recognisable is ever changed.
pub fn decoded(document: Vec<u8>) -> Vec<u8> {
    BASE64.decode(&document).unwrap_or(document)
}
