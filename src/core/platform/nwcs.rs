//! NWCS: one JSON document, which holds user-data and vendor-data as well.
//!
//! How to know it: the vendor of the firmware. What to ask: `/api/v1/metadata`. The network configuration in it is of version 1
//! and knows the cards by their hardware addresses. Source: cloud-init's behaviour.

use super::{Needs, PLAIN, Platform, Way};
use crate::dialect::vendor;
use crate::fetch::Cloud;
use crate::instance::{Document, Instance, Source, Told};
use crate::machine::smbios::Field;
use crate::network::physical;
use crate::outside::Network;
use crate::rule::{Match, Rule};
use crate::value::{Map, Value};
use crate::warning::Error;

/// NWCS.
pub static PLATFORM: Platform = Platform {
    name: "NWCS",
    ways: &[Way {
        sign: Rule::Dmi(Field::SysVendor, Match::Is("NWCS")),
        needs: Needs::Network(Network::Dhcp4),
        asks: &["GET /api/v1/metadata"],
        read: Some(read),
    }],
    ..PLAIN
};

const ENDPOINTS: &[&str] = &["http://169.254.169.254"];
const PATH: &str = "/api/v1/metadata";

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let (mut service, path) = cloud.reach_document("metadata_url", ENDPOINTS, PATH)?;
    let document = service.get_late(cloud, &path)?;
    let map = cloud.json_map(PATH, &document)?;
    let network = map.get("network").filter(|network| !network.is_null());
    let network = network.map(|network| physical::renamed(network, &cloud.links_of(network)));
    let (network, warnings) = network.unzip();
    let network = cloud.network_document((network, warnings.unwrap_or_default()));
    let documents = vendor::documents(cloud, document, &map, ["userdata", "vendordata"])
        .with(Document::NetworkConfig, network);
    let source = Source::metadata(&service.base);
    let told = Told {
        documents,
        ..Told::by_meta_data("nwcs", source, meta_data(&map))
    };
    cloud.instance(told)
}

/// What of the document cloud-init keeps, under its names.
fn meta_data(map: &Map) -> Map {
    let fact = |key: &str| Value::from(map.get(key).cloned());
    Map::from_iter([
        ("instance-id", fact("instance-id")),
        ("public-keys", fact("public-keys")),
        ("network", fact("network")),
        ("local-hostname", fact("hostname")),
    ])
}
