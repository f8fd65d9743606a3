//! The platforms: one file each, one line each in [`PLATFORMS`].

use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine;
use base64::alphabet;
use base64::engine::{GeneralPurpose, GeneralPurposeConfig};

use crate::fetch::{Cloud, Network};
use crate::instance::Instance;
use crate::rule::Rule;
pub use crate::settings::sources::same;
use crate::warning::Error;

pub mod akamai;
pub mod aliyun;
pub mod altcloud;
pub mod azure;
pub mod bigstep;
pub mod cloudcix;
pub mod cloudsigma;
pub mod cloudstack;
pub mod configdrive;
pub mod digitalocean;
pub mod ec2;
pub mod exoscale;
pub mod gce;
pub mod hetzner;
pub mod ibmcloud;
pub mod lxd;
pub mod maas;
pub mod nocloud;
pub mod none;
pub mod nwcs;
pub mod opennebula;
pub mod openstack;
pub mod oracle;
pub mod ovf;
pub mod rbxcloud;
pub mod scaleway;
pub mod smartos;
pub mod upcloud;
pub mod vmware;
pub mod vultr;
pub mod wsl;

/// Asks a platform, and reads its answers.
pub type Fetch = fn(&mut Cloud) -> Result<Instance, Error>;

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
    /// Asks, and reads the answers. `None` where cloudseed knows the platform but does not fetch from it: then cloud-init
    /// in the real root is told the name of the datasource and does the rest.
    pub fetch: Option<Fetch>,
}

/// Every platform; the order is the order in which those found are tried, ds-identify's own.
pub static PLATFORMS: &[&Platform] = &[
    &maas::PLATFORM,
    &configdrive::PLATFORM,
    &nocloud::PLATFORM,
    &altcloud::PLATFORM,
    &azure::PLATFORM,
    &bigstep::PLATFORM,
    &cloudsigma::PLATFORM,
    &cloudstack::PLATFORM,
    &digitalocean::PLATFORM,
    &vultr::PLATFORM,
    &aliyun::PLATFORM,
    &ec2::PLATFORM,
    &gce::PLATFORM,
    &opennebula::PLATFORM,
    &openstack::PLATFORM,
    &vmware::PLATFORM,
    &ovf::PLATFORM,
    &smartos::PLATFORM,
    &scaleway::PLATFORM,
    &hetzner::PLATFORM,
    &ibmcloud::PLATFORM,
    &oracle::PLATFORM,
    &exoscale::PLATFORM,
    &rbxcloud::PLATFORM,
    &upcloud::PLATFORM,
    &lxd::PLATFORM,
    &nwcs::PLATFORM,
    &akamai::PLATFORM,
    &wsl::PLATFORM,
    &cloudcix::PLATFORM,
    &none::PLATFORM,
];

/// The platform of this name. Case does not count, and neither does `-net`: `nocloud-net` is NoCloud over the network.
pub fn named(name: &str) -> Option<&'static Platform> {
    let found = PLATFORMS.iter().find(|platform| same(platform.name, name));
    found.copied()
}

/// The names that are searched when nothing else is configured: all but the fallback, `None`.
pub fn searched() -> Vec<String> {
    PLATFORMS
        .iter()
        .filter(|platform| platform.name != none::PLATFORM.name)
        .map(|platform| String::from(platform.name))
        .collect()
}

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
