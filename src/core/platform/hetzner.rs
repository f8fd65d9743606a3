//! Hetzner Cloud: plain documents over plain HTTP.
//!
//! How to know it: the system vendor. What to ask: one YAML document of meta-data, one of private networks, and user-data,
//! for which 204 means that there is none. Source: Hetzner's "Server metadata" page, and cloud-init's behaviour.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Afterburn, Needs, PLAIN, Platform, Way};
use crate::dialect::base64::decoded;
use crate::dialect::vendor;
use crate::fetch::Cloud;
use crate::instance::{Document, Documents, Instance, Source, Told};
use crate::machine::smbios::Field;
use crate::network;
use crate::outside::Network;
use crate::rule::{Match, Rule};
use crate::value::{Map, Value};
use crate::warning::Error;

/// Hetzner Cloud.
pub static PLATFORM: Platform = Platform {
    name: "Hetzner",
    ways: &[Way {
        sign: Rule::Dmi(Field::SysVendor, Match::Is("Hetzner")),
        needs: Needs::Network(Network::Any),
        asks: &[
            "GET /hetzner/v1/metadata",
            "GET /hetzner/v1/metadata/private-networks",
            "GET /hetzner/v1/userdata",
        ],
        read: Some(fetch),
    }],
    user_data_bytes_max: Some(32 << 10),
    network_each_boot: true,
    afterburn: AFTERBURN,
    ..PLAIN
};

/// Source: Afterburn's page "Metadata attributes".
const AFTERBURN: &[Afterburn] = &[Afterburn {
    prefix: "HETZNER",
    facts: &[
        ("AVAILABILITY_ZONE", "ds/metadata/availability-zone"),
        ("HOSTNAME", "ds/metadata/hostname"),
        ("INSTANCE_ID", "ds/metadata/instance-id"),
        ("PRIVATE_IPV4_*", "ds/metadata/private-networks/*/ip"),
        ("PUBLIC_IPV4", "ds/metadata/public-ipv4"),
        (
            "PUBLIC_IPV6",
            "ds/metadata/network-config/config/type=physical/subnets/ipv6=True/address",
        ),
        ("REGION", "ds/metadata/region"),
    ],
}];

const ENDPOINTS: &[&str] = &["http://169.254.169.254", "http://[fe80::a9fe:a9fe]"];

const FOLDER: &str = "/hetzner/v1/";
/// The documents below it, each behind the key by which cloud-init's configuration may name another.
const DOCUMENTS: [(&str, &str); 3] = [
    ("metadata_path", "metadata"),
    (
        "metadata_private_networks_path",
        "metadata/private-networks",
    ),
    ("userdata_path", "userdata"),
];

fn fetch(cloud: &mut Cloud) -> Result<Instance, Error> {
    let mut service = cloud.reach(ENDPOINTS)?;
    let paths = DOCUMENTS.map(|(key, usual)| {
        let named = cloud.configured(key).and_then(Value::as_text);
        [FOLDER, named.unwrap_or(usual)].concat()
    });
    service.expect(cloud, paths.iter().map(String::as_str));
    let [meta_data_path, networks_path, user_data_path] = &paths;
    let document = service.get_late(cloud, meta_data_path)?;
    let networks = service.get_or_warn(cloud, networks_path);
    let user_data = service.get_or_warn(cloud, user_data_path);
    let mut meta_data = match crate::yaml::read(&document) {
        Ok(Value::Map(map)) => map,
        Ok(other) => return Err(cloud.broken(meta_data_path, "a map", other.noun())),
        Err(error) => return Err(cloud.broken(meta_data_path, "a YAML document", error)),
    };
    match networks.map(|networks| crate::yaml::read(&networks)) {
        Some(Ok(networks @ (Value::List(_) | Value::Map(_)))) => {
            drop(meta_data.insert("private-networks", networks));
        }
        Some(Ok(Value::Null)) | None => drop(meta_data.insert("private-networks", Value::Null)),
        Some(Ok(other)) => cloud.warn(networks_path, "a list", other.noun()),
        Some(Err(error)) => cloud.warn(networks_path, "a YAML document", error),
    }
    let id = meta_data.get("instance-id").and_then(Value::to_text);
    let id = id.unwrap_or_default();
    let serial = cloud.machine.dmi.get(Field::ProductSerial).unwrap_or(&id);
    if id != serial {
        let expected = format!("{serial}, the serial number in firmware");
        return Err(cloud.broken("instance-id", &expected, crate::text::quote(&id)));
    }
    let whole: Value = meta_data.clone().into();
    let network = network::hetzner::document(&whole, &cloud.links_of(&whole));
    let network = cloud.network_document(network);
    let source = Source::metadata(&service.base);
    let vendor_data = vendor::field(cloud, &meta_data, "vendor_data");
    let mut told = told(source, meta_data, document, user_data);
    told.documents.put(Document::VendorData, vendor_data);
    told.documents.put(Document::NetworkConfig, network);
    cloud.instance(told)
}

/// What the documents tell: of the meta-data as much as cloud-init keeps, under its names, and beside it all of them but the
/// vendor-data that come inside: everybody may read the tree.
fn told(source: Source, mut whole: Map, document: Vec<u8>, user_data: Option<Vec<u8>>) -> Told {
    whole.remove(&"vendor_data".into());
    let fact = |key: &str| Value::from(whole.get(key).cloned());
    let networks = whole.get("private-networks").cloned();
    let meta_data = Map::from_iter([
        ("instance-id", fact("instance-id")),
        ("local-hostname", fact("hostname")),
        ("network-config", fact("network-config")),
        ("public-keys", fact("public-keys")),
        ("private-networks", networks.unwrap_or(Vec::new().into())),
    ]);
    Told {
        documents: Documents::default()
            .with(Document::MetaData, Some(document))
            .with(Document::UserData, user_data.map(decoded)),
        beside: Map::from_iter([("metadata", whole)]),
        ..Told::by_meta_data("hetzner", source, meta_data)
    }
}
