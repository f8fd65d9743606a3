//! DigitalOcean: one JSON document, for whoever has any IPv4 link-local address.
//!
//! How to know it: the vendor of the firmware. What to ask: `/metadata/v1.json`, which holds user-data and vendor-data as
//! well. The network configuration is made from its interfaces as cloud-init makes it. Source: DigitalOcean's metadata API
//! reference, and cloud-init's behaviour.

use alloc::string::String;

use super::{Afterburn, Needs, PLAIN, Platform, Way};
use crate::dialect::vendor;
use crate::fetch::Cloud;
use crate::instance::{Document, Instance, Source, Told};
use crate::machine::smbios::Field;
use crate::network;
use crate::outside::Network;
use crate::rule::{Match, Rule};
use crate::value::{Map, Value};
use crate::warning::Error;

/// DigitalOcean.
pub static PLATFORM: Platform = Platform {
    name: "DigitalOcean",
    ways: &[Way {
        sign: Rule::Dmi(Field::SysVendor, Match::Is("DigitalOcean")),
        needs: Needs::Network(Network::LinkLocal4),
        asks: &["GET /metadata/v1.json"],
        read: Some(fetch),
    }],
    user_data_bytes_max: Some(64 << 10),
    afterburn: AFTERBURN,
    ..PLAIN
};

/// Source: Afterburn's page "Metadata attributes".
const AFTERBURN: &[Afterburn] = &[Afterburn {
    prefix: "DIGITALOCEAN",
    facts: &[
        ("HOSTNAME", "ds/meta_data/local-hostname"),
        (
            "IPV4_ANCHOR_*",
            "ds/meta_data/interfaces/public/*/anchor_ipv4/ip_address",
        ),
        (
            "IPV4_PUBLIC_*",
            "ds/meta_data/interfaces/public/*/ipv4/ip_address",
        ),
        (
            "IPV4_PRIVATE_*",
            "ds/meta_data/interfaces/private/*/ipv4/ip_address",
        ),
        (
            "IPV6_PUBLIC_*",
            "ds/meta_data/interfaces/public/*/ipv6/ip_address",
        ),
        (
            "IPV6_PRIVATE_*",
            "ds/meta_data/interfaces/private/*/ipv6/ip_address",
        ),
        ("REGION", "ds/metadata/region"),
    ],
}];

const ENDPOINTS: &[&str] = &["http://169.254.169.254"];
const PATH: &str = "/metadata/v1.json";
fn fetch(cloud: &mut Cloud) -> Result<Instance, Error> {
    let (mut service, path) = cloud.reach_document("metadata_url", ENDPOINTS, PATH)?;
    let document = service.get_late(cloud, &path)?;
    let map = cloud.json_map(PATH, &document)?;
    let serial = cloud.machine.dmi.get(Field::ProductSerial);
    let id = map.get("droplet_id").and_then(Value::to_text);
    let id = id.or(serial.map(String::from)).unwrap_or_default();
    let links = cloud.links_of(map.get("interfaces").unwrap_or(&Value::Null));
    let network = network::digitalocean::config(&map.clone().into(), &links);
    let network_config = cloud.network_config(network);
    let documents = vendor::documents(cloud, document, &map, ["user_data", "vendor_data"]);
    let source = Source::metadata(&service.base);
    let told = Told {
        documents: documents.with(Document::NetworkConfig, network_config),
        instance_id: Some(id.clone()),
        beside: Map::from_iter([("metadata", public(&map))]),
        ..Told::by_meta_data("digitalocean", source, meta_data(&map, &id))
    };
    cloud.instance(told)
}

/// All that the service tells, but the documents in it: everybody may read the tree.
fn public(map: &Map) -> Map {
    let told = map
        .texts()
        .filter(|(key, _)| !matches!(*key, "user_data" | "vendor_data"));
    told.map(|(key, value)| (key, value.clone())).collect()
}

/// The meta-data under the names that cloud-init gives them, and with what it puts where nothing is said.
fn meta_data(map: &Map, id: &str) -> Map {
    let or = |key: &str, other: &str| map.get(key).cloned().unwrap_or(Value::from(other));
    Map::from_iter([
        ("instance-id", or("droplet_id", id)),
        ("local-hostname", or("hostname", id)),
        ("interfaces", map.get("interfaces").cloned().into()),
        ("public-keys", map.get("public_keys").cloned().into()),
        ("availability_zone", or("region", "default")),
    ])
}
