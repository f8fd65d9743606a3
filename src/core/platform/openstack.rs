//! OpenStack: documents of a version over HTTP, IPv4 and IPv6 alike.
//!
//! How to know it: the name of the product or the asset tag of the chassis, unless a config drive has the data already. What
//! to ask: which versions there are, the documents of the newest that is known, and the tree that EC2 would serve, which is
//! the only one to say how disks are called; nothing else depends on it. Source: Nova's "Metadata service" page, and
//! cloud-init's behaviour.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use super::{Afterburn, Needs, PLAIN, Platform, Way};
use crate::dialect::dsmode;
use crate::dialect::ec2::{self, Root};
use crate::dialect::openstack::{self, Answer, FILES};
use crate::fetch::Cloud;
use crate::fetch::service::Service;
use crate::instance::{Instance, Source};
use crate::machine::Machine;
use crate::machine::smbios::Field;
use crate::outside::Network;
use crate::rule::kin;
use crate::rule::{Inquiry, Match, Rule, Verdict};
use crate::value::Map;
use crate::warning::Error;

/// What the firmware of a machine on OpenStack says, and on the clouds made of it.
const FIRMWARE: Rule = Rule::Any(&[
    Rule::Dmi(Field::ProductName, Match::Is("OpenStack Nova")),
    Rule::Dmi(Field::ProductName, Match::Is("OpenStack Compute")),
    Rule::Code(
        "the environment of process 1 has product_name OpenStack Nova",
        first_process,
    ),
    Rule::Dmi(Field::ChassisAssetTag, Match::Is("OpenTelekomCloud")),
    Rule::Dmi(Field::ChassisAssetTag, Match::Is("SAP CCloud VM")),
    Rule::Dmi(Field::ChassisAssetTag, Match::Is("HUAWEICLOUD")),
    Rule::Dmi(Field::ChassisAssetTag, Match::Is("Samsung Cloud Platform")),
    Rule::Dmi(Field::ChassisAssetTag, Match::Is("OpenStack Nova")),
    Rule::Dmi(Field::ChassisAssetTag, Match::Is("OpenStack Compute")),
    Rule::Code(
        "maybe, where the architecture is not x86 and firmware says nothing",
        architecture,
    ),
]);

/// OpenStack's metadata service.
pub static PLATFORM: Platform = Platform {
    name: "OpenStack",
    ways: &[Way {
        sign: Rule::All(&[
            Rule::Code("there is no config drive", no_config_drive),
            FIRMWARE,
        ]),
        needs: Needs::Network(Network::Any),
        asks: &[
            "GET /openstack",
            "GET /openstack/VERSION/meta_data.json, user_data, vendor_data.json, vendor_data2.json, network_data.json",
            "GET /latest/meta-data/ and every entry below it",
        ],
        read: Some(read),
    }],
    user_data_bytes_max: Some(65_535 / 4 * 3),
    afterburn: AFTERBURN,
    ..PLAIN
};

/// Source: Afterburn's page "Metadata attributes".
const AFTERBURN: &[Afterburn] = &[Afterburn {
    prefix: "OPENSTACK",
    facts: &[
        ("HOSTNAME", "ds/ec2_metadata/hostname"),
        ("INSTANCE_ID", "ds/ec2_metadata/instance-id"),
        ("INSTANCE_TYPE", "ds/ec2_metadata/instance-type"),
        ("INSTANCE_UUID", "ds/meta_data/uuid"),
        ("IPV4_LOCAL", "ds/ec2_metadata/local-ipv4"),
        ("IPV4_PUBLIC", "ds/ec2_metadata/public-ipv4"),
    ],
}];

fn no_config_drive(inquiry: &mut Inquiry) -> Verdict {
    match kin::config_drive(inquiry) {
        Verdict::Found(evidence) => {
            Verdict::No(format!("there is a config drive: {}", evidence.because))
        }
        _ => Verdict::found(String::from("there is no config drive")),
    }
}

/// Containers of nova-lxd had no firmware of their own.
fn first_process(inquiry: &mut Inquiry) -> Verdict {
    match kin::first_process_product_name(inquiry.machine).as_str() {
        "OpenStack Nova" => Verdict::found(String::from(
            "the environment of process 1 has product_name OpenStack Nova",
        )),
        _ => Verdict::No(String::from(
            "the environment of process 1 has no product_name OpenStack Nova",
        )),
    }
}

/// Firmware of other architectures often does not say whose the machine is.
fn architecture(inquiry: &mut Inquiry) -> Verdict {
    let arch = &inquiry.machine.kernel.arch;
    if arch.is_empty() {
        Verdict::No(String::from("the architecture is not known"))
    } else if is_x86(inquiry.machine) {
        Verdict::No(format!("the architecture is {arch}, where firmware tells"))
    } else {
        Verdict::maybe(format!(
            "the architecture is {arch}, where firmware does not always tell"
        ))
    }
}

/// `x86_64` and `i?86`.
fn is_x86(machine: &Machine) -> bool {
    matches!(
        machine.kernel.arch.as_bytes(),
        b"x86_64" | [b'i', _, b'8', b'6']
    )
}

const ENDPOINTS: &[&str] = &["http://169.254.169.254", "http://[fe80::a9fe:a9fe]"];
/// Where the versions are listed.
const VERSIONS: &str = "/openstack";
/// What the same service says in EC2's words.
const EC2: &str = "/latest/meta-data/";
/// Longest time for that, in seconds.
const EC2_SECONDS_MAX: u64 = 10;

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let mut service = cloud.reach_configured("metadata_urls", ENDPOINTS)?;
    let mut answer = documents(cloud, &mut service)?;
    dsmode::refuse_disabled(cloud, &[answer.mode()])?;
    if !cloud.is_off("apply_network_config") {
        answer.put_network(cloud);
    }
    let ec2 = ec2_tree(cloud, &mut service);
    let source = Source::metadata(&service.base);
    let told = answer.told("openstack", source, ec2.into());
    cloud.instance(told)
}

/// The documents of the newest version that is known; of the latest, where the list of versions is not to be had.
fn documents(cloud: &mut Cloud, service: &mut Service) -> Result<Answer, Error> {
    let listing = service.get_or_warn(cloud, VERSIONS).unwrap_or_default();
    let listing = String::from_utf8_lossy(&listing);
    let version = openstack::version(listing.lines().map(str::trim));
    let paths = FILES.map(|name| format!("{VERSIONS}/{version}/{name}"));
    service.expect(cloud, paths.iter().map(String::as_str));
    let [meta_data, others @ ..] = &paths;
    let meta_data = service.get_late(cloud, meta_data)?;
    let mut optional = |path: &String| service.get_or_warn(cloud, path);
    let [user_data, vendor_data, vendor_data2, network_data] = others;
    let files = [
        Some(meta_data),
        optional(user_data),
        optional(vendor_data),
        optional(vendor_data2),
        optional(network_data),
    ];
    Answer::read(cloud, files)
}

/// The tree that EC2 would serve. It costs only itself, and not more than a little time.
fn ec2_tree(cloud: &mut Cloud, service: &mut Service) -> Map {
    let deadline = cloud.deadline;
    let most = Duration::from_secs(EC2_SECONDS_MAX);
    cloud.deadline = deadline.min(cloud.outside.now().saturating_add(most));
    let crawled = ec2::crawl(cloud, service, &[Root::OptionalTree(EC2)]);
    cloud.deadline = deadline;
    match crawled {
        Ok(mut trees) => trees.take(0),
        Err(error) => {
            cloud.warnings.push(error.what);
            Map::new()
        }
    }
}
