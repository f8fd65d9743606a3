//! Scaleway: one JSON document, and two more for whoever can ask from a port that only root has.
//!
//! How to know it: the vendor of the firmware, the command line or a file of its initramfs. What to ask: the configuration,
//! and user-data and vendor-data from a source port below 1024, for which 404 means that there is none. IPv4 and IPv6 alike.
//! Source: Scaleway's "Access instance metadata" and "user data" pages, and cloud-init's behaviour.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv4Addr;

use super::{Afterburn, Needs, PLAIN, Platform, Way};
use crate::fetch::Cloud;
use crate::fetch::service::Question;
use crate::instance::{Document, Documents, Instance, Source, Told};
use crate::machine::smbios::Field;
use crate::network;
use crate::outside::Network;
use crate::rule::{Match, Rule};
use crate::value::{Map, Value};
use crate::warning::Error;

/// Scaleway.
pub static PLATFORM: Platform = Platform {
    name: "Scaleway",
    ways: &[Way {
        sign: Rule::Any(&[
            Rule::HostDmi(Field::SysVendor, Match::Is("Scaleway")),
            Rule::Word("scaleway"),
            Rule::File("/var/run/scaleway"),
        ]),
        needs: Needs::Network(Network::Any),
        asks: &[
            "GET /conf?format=json",
            "GET /user_data/cloud-init (from a port below 1024)",
            "GET /vendor_data/cloud-init (from a port below 1024)",
        ],
        read: Some(read),
    }],
    network_each_boot: true,
    afterburn: AFTERBURN,
    ..PLAIN
};

/// Source: Afterburn's page "Metadata attributes".
const AFTERBURN: &[Afterburn] = &[Afterburn {
    prefix: "SCALEWAY",
    facts: &[
        ("HOSTNAME", "ds/meta_data/hostname"),
        ("INSTANCE_ID", "ds/meta_data/id"),
        ("INSTANCE_TYPE", "ds/meta_data/commercial_type"),
        ("IPV4_PRIVATE", "ds/meta_data/private_ip"),
        ("IPV4_PUBLIC", "ds/meta_data/public_ip/address"),
        ("IPV6_PUBLIC", "ds/meta_data/ipv6/address"),
        ("ZONE_ID", "ds/meta_data/location/zone_id"),
    ],
}];

const ENDPOINTS: &[&str] = &["http://169.254.42.42", "http://[fd00:42::42]"];
const CONFIGURATION: &str = "/conf?format=json";
/// The ports that only root may have, without those of well-known services.
const PORTS: (u16, u16) = (512, 1023);
/// What a tag begins with that is a public key; blanks in it are underscores.
const KEY_TAG: &str = "AUTHORIZED_KEY=";

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let configured = cloud.configured_urls("metadata_urls");
    let mut service = cloud.reach(&[ENDPOINTS, &configured].concat())?;
    let document = service.get_late(cloud, CONFIGURATION)?;
    let mut meta_data = cloud.json_map(CONFIGURATION, &document)?;
    let mut privileged = |cloud: &mut Cloud, path| {
        let question = Question {
            local_ports: Some(PORTS),
            ..Question::optional(path)
        };
        service.ask_or_warn(cloud, &question)
    };
    let user_data = privileged(cloud, "/user_data/cloud-init");
    let vendor_data = privileged(cloud, "/vendor_data/cloud-init");
    let source = Source::metadata(&service.base);
    let family = if service.base.contains('[') {
        "ipv6"
    } else {
        "ipv4"
    };
    meta_data.insert("net_in_use", family);
    let whole: Value = meta_data.clone().into();
    let network = network::scaleway::config(&whole, &cloud.links_of(&whole), leased(cloud));
    let network = cloud.network_config(network);
    let told = told(source, meta_data);
    let documents = Documents::default()
        .with(Document::MetaData, Some(document))
        .with(Document::UserData, user_data)
        .with(Document::VendorData, vendor_data)
        .with(Document::NetworkConfig, network);
    let told = Told { documents, ..told };
    cloud.instance(told)
}

/// The address that a DHCP server gave us.
fn leased(cloud: &Cloud) -> Option<Ipv4Addr> {
    let learnt = cloud.outside.learnt();
    learnt
        .iter()
        .find_map(|learnt| Some(learnt.lease.as_ref()?.address))
}

fn told(source: Source, meta_data: Map) -> Told {
    let text = |key: &str| meta_data.get(key).and_then(Value::to_text);
    let zone = text("zone").or_else(|| {
        let location = meta_data.get("location")?;
        location.get("zone_id")?.to_text()
    });
    let region = zone.as_deref().and_then(|zone| zone.rsplit_once('-'));
    Told {
        instance_id: text("id"),
        hostname: text("hostname"),
        keeps_domain: true,
        region: region.map(|(region, _)| String::from(region)),
        public_keys: keys(&meta_data).into(),
        availability_zone: zone,
        ..Told::by_meta_data("scaleway", source, meta_data)
    }
}

/// The keys of the project, and those in tags of the machine.
fn keys(meta_data: &Map) -> Vec<Value> {
    let list = |key: &str| {
        meta_data
            .get(key)
            .and_then(Value::as_list)
            .unwrap_or_default()
    };
    let of_project = list("ssh_public_keys").iter();
    let of_project = of_project.filter_map(|key| key.get("key").cloned());
    let tags = list("tags").iter().filter_map(Value::as_text);
    let tagged = tags.filter_map(|tag| tag.strip_prefix(KEY_TAG));
    let tagged = tagged.map(|key| Value::from(key.replace('_', " ")));
    of_project.chain(tagged).collect()
}
