//! The platforms: one file each, one line each in [`PLATFORMS`].

use alloc::string::String;
use alloc::vec::Vec;

use crate::fetch::Cloud;
use crate::instance::Instance;
use crate::outside::Network;
use crate::rule::{self, Inquiry, Rule, Verdict};
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

/// Reads what a sign has shown, and makes an instance of it.
pub type Read = fn(&mut Cloud) -> Result<Instance, Error>;

/// One platform: its name, the ways to its data, and what is particular to it. Most have little of that: `..PLAIN`.
pub struct Platform {
    /// Its name, as cloud-init calls the datasource.
    pub name: &'static str,
    /// The ways, those that count first before the others.
    pub ways: &'static [Way],
    /// Most user-data that the cloud takes, in bytes as they are handed over, where it says so.
    pub user_data_bytes_max: Option<usize>,
    /// What its datasource does beside reading, where nobody else does it: a seed would lack that.
    pub only_there: Option<&'static str>,
    /// Whether its datasource writes the network configuration anew at each boot, not for new instances alone. Source:
    /// `default_update_events` of cloud-init 26.2's datasources.
    pub network_each_boot: bool,
    /// Whether its password server sets new passwords during the life of a machine: cloud-init's datasource has its module
    /// `set_passwords` run at each boot.
    pub resets_passwords: bool,
    /// Whether its own word on the network counts before that of the initramfs.
    pub before_initramfs: bool,
    /// What Afterburn calls its facts; where there are several such tables, that of the cloud's name counts.
    pub afterburn: &'static [Afterburn],
}

/// Afterburn's names for what one cloud tells. What the platform is not asked for here is not in it.
pub struct Afterburn {
    /// What Afterburn calls the cloud, in the names of variables.
    pub prefix: &'static str,
    /// The rest of the name, and the path of the value in the instance data; a star in both stands for each place of a list.
    pub facts: &'static [(&'static str, &'static str)],
}

/// A platform without anything particular.
const PLAIN: Platform = Platform {
    name: "",
    ways: &[],
    user_data_bytes_max: None,
    only_there: None,
    network_each_boot: false,
    resets_passwords: false,
    before_initramfs: false,
    afterburn: &[],
};

/// One way to a platform's data: how it shows, what it needs, and how it is read. One record, so that nothing is found that
/// is not read.
pub struct Way {
    /// How it shows.
    pub sign: Rule,
    /// What it needs before it can be read.
    pub needs: Needs,
    /// What is read, in words, for `cloudseed platforms`.
    pub asks: &'static [&'static str],
    /// Reads it. `None` where cloudseed knows the platform but cannot read it this way: then cloud-init in the real root is
    /// told the name of the datasource and does the rest.
    pub read: Option<Read>,
}

/// What a way needs before it can be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// Nothing that is not on the machine: volumes, firmware, files.
    Nothing,
    /// A port to the host: a serial line, a socket.
    Port,
    /// The network.
    Network(Network),
}

impl Platform {
    /// What its ways say of a machine: the first that says found, else the first that says maybe.
    pub fn ask(&self, inquiry: &mut Inquiry) -> Verdict {
        rule::any(inquiry, self.ways.iter().map(|way| &way.sign))
    }

    /// The labels of the volumes that could show it.
    pub fn labels(&self) -> Vec<&'static str> {
        self.ways.iter().flat_map(|way| way.sign.labels()).collect()
    }

    /// True if it can be read at all.
    pub fn is_read(&self) -> bool {
        self.ways.iter().any(|way| way.read.is_some())
    }
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

/// The platform that an instance is of, by its name.
pub fn of(name: &str) -> &'static Platform {
    named(name).unwrap_or(&none::PLATFORM)
}

/// The names that are searched when nothing else is configured: all but the fallback, `None`.
pub fn searched() -> Vec<String> {
    PLATFORMS
        .iter()
        .filter(|platform| platform.name != none::PLATFORM.name)
        .map(|platform| String::from(platform.name))
        .collect()
}

/// How much user-data each cloud takes that says so, in bytes as it is handed over, the strictest first.
pub fn limits() -> Vec<(&'static str, usize)> {
    let limit = |platform: &&Platform| Some((platform.name, platform.user_data_bytes_max?));
    let mut limits: Vec<_> = PLATFORMS.iter().filter_map(limit).collect();
    limits.sort_by_key(|(_, bytes)| *bytes);
    limits
}
