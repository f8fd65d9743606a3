//! CloudStack: a tree like Ec2's and a password server, both on the virtual router.
//!
//! How to know it: the name of the product begins so, a hypervisor follows. Where to ask: the router is called `data-server`; where
//! that name is not known it is the DHCP server, or the default router. What to ask: everything below `/latest/meta-data/`,
//! user-data, and the password at another port. A seed directory comes first. Source: CloudStack's "User Data and Meta Data"
//! and "Password Management" pages, and cloud-init's behaviour.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use super::{Afterburn, Needs, PLAIN, Platform, Way};
use crate::dialect::ec2::{self, Root};
use crate::dialect::password;
use crate::dialect::seed;
use crate::fetch::Cloud;
use crate::fetch::service::Service;
use crate::instance::{Document, Documents, Hostname, Instance, Source, Told};
use crate::machine::smbios::Field;
use crate::outside::Network;
use crate::rule::{Match, Rule};
use crate::warning::Error;

/// Apache CloudStack.
pub static PLATFORM: Platform = Platform {
    name: "CloudStack",
    ways: &[
        Way {
            sign: Rule::All(&[FIRMWARE, Rule::Holds(SEED, &["meta-data", "user-data"])]),
            needs: Needs::Nothing,
            asks: &["meta-data, user-data, vendor-data, network-config of the seed directory"],
            read: Some(seeded),
        },
        Way {
            sign: FIRMWARE,
            needs: Needs::Network(Network::Dhcp4),
            asks: &[
                "the addresses of data-server; without any the DHCP server is asked, or the router",
                "GET /latest/meta-data/ and every entry below it",
                "GET /latest/user-data",
                "GET :8080 (the password)",
            ],
            read: Some(read),
        },
    ],
    only_there: Some("its datasource takes the password from its server"),
    afterburn: AFTERBURN,
    ..PLAIN
};

/// Source: Afterburn's page "Metadata attributes".
const AFTERBURN: &[Afterburn] = &[Afterburn {
    prefix: "CLOUDSTACK",
    facts: &[
        ("AVAILABILITY_ZONE", "ds/meta_data/availability-zone"),
        ("CLOUD_IDENTIFIER", "ds/meta_data/cloud-identifier"),
        ("INSTANCE_ID", "ds/meta_data/instance-id"),
        ("LOCAL_HOSTNAME", "ds/meta_data/local-hostname"),
        ("PUBLIC_HOSTNAME", "ds/meta_data/public-hostname"),
        ("SERVICE_OFFERING", "ds/meta_data/service-offering"),
        ("VM_ID", "ds/meta_data/vm-id"),
        ("HOSTNAME", "ds/meta_data/local-hostname"),
        ("IPV4_LOCAL", "ds/meta_data/local-ipv4"),
        ("IPV4_PUBLIC", "ds/meta_data/public-ipv4"),
    ],
}];

const FIRMWARE: Rule = Rule::Dmi(Field::ProductName, Match::Starts("CloudStack"));
const SEED: &str = "/var/lib/cloud/seed/cs";
/// The name that virtual routers give themselves.
const NAMED: &str = "http://data-server";
/// How long the name may take, in seconds, before the DHCP server is taken for the router.
const NAME_SECONDS_MAX: u64 = 10;
/// How often the name is asked for while nobody leases an address.
const NAME_TRIES_MAX: usize = 6;
const META_DATA: &str = "/latest/meta-data/";
const USER_DATA: &str = "/latest/user-data";

fn seeded(cloud: &mut Cloud) -> Result<Instance, Error> {
    let (source, seed) = seed::directory(cloud, SEED)?;
    let told = Told {
        documents: seed.documents,
        ..Told::by_meta_data("cloudstack", source, seed.meta_data)
    };
    cloud.instance(told)
}

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let leased;
    let mut service = match named(cloud) {
        Ok(service) => service,
        Err(error) => {
            leased = router(cloud).ok_or(error)?;
            cloud.reach(&[&leased])?
        }
    };
    let roots = [Root::Tree(META_DATA), Root::Document(USER_DATA)];
    let mut trees = ec2::crawl(cloud, &mut service, &roots)?;
    let user_data = trees.document(USER_DATA).map(<[u8]>::to_vec);
    let source = Source::metadata(&service.base);
    let told = Told::by_meta_data("cloudstack", source, trees.take(0));
    let told = Told {
        documents: Documents::default().with(Document::UserData, user_data),
        config: password::config(cloud, &service.base, password::PORT, "/"),
        hostname: told.hostname.clone().map(|name| full(cloud, name)),
        ..told
    };
    cloud.instance(told)
}

/// The router by its name, unless we know it otherwise before the name is known.
fn named(cloud: &mut Cloud) -> Result<Service<'static>, Error> {
    let most = Duration::from_secs(NAME_SECONDS_MAX);
    let mut tries = 0;
    loop {
        tries += 1;
        match cloud.within(most, |cloud| cloud.reach(&[NAMED])) {
            Err(_) if tries < NAME_TRIES_MAX && router(cloud).is_none() => {}
            reached => return reached,
        }
    }
}

/// The DHCP server, or the default router where the server does not name itself.
fn router(cloud: &Cloud) -> Option<String> {
    let learnt = cloud.outside.learnt();
    let lease = learnt.iter().find_map(|learnt| learnt.lease.as_ref())?;
    let address = lease.server.or(lease.routers.first().copied())?;
    Some(format!("http://{address}"))
}

/// The host name with the domain of the lease, if it has none of its own: an address is a name without one, too.
fn full(cloud: &Cloud, name: String) -> String {
    let learnt = cloud.outside.learnt();
    let mut leases = learnt.iter().filter_map(|learnt| learnt.lease.as_ref());
    let domain = leases.find_map(|lease| lease.domain.clone());
    let domain = domain.filter(|domain| !domain.is_empty());
    let bare = Hostname::read(&name).0;
    let bare = bare.filter(|bare| !bare.said().contains('.'));
    match (bare, domain) {
        (Some(bare), Some(domain)) => format!("{}.{}", bare.said(), domain.trim()),
        _ => name,
    }
}
