//! UpCloud: one JSON document, which holds user-data and vendor-data as well.
//!
//! How to know it: the vendor of the firmware. What to ask: `/metadata/v1.json`. Source: UpCloud's "Metadata service" page, and
//! cloud-init's behaviour.

use super::{Afterburn, Needs, PLAIN, Platform, Way};
use crate::dialect::vendor;
use crate::fetch::Cloud;
use crate::instance::{Document, Instance, Source, Told};
use crate::machine::smbios::Field;
use crate::network::upcloud;
use crate::outside::Network;
use crate::rule::{Match, Rule};
use crate::value::{Map, Value};
use crate::warning::Error;

/// UpCloud.
pub static PLATFORM: Platform = Platform {
    name: "UpCloud",
    ways: &[Way {
        sign: Rule::Dmi(Field::SysVendor, Match::Is("UpCloud")),
        needs: Needs::Network(Network::Dhcp4),
        asks: &["GET /metadata/v1.json"],
        read: Some(read),
    }],
    afterburn: AFTERBURN,
    ..PLAIN
};

/// Source: Afterburn's page "Metadata attributes".
const AFTERBURN: &[Afterburn] = &[Afterburn {
    prefix: "UPCLOUD",
    facts: &[
        ("HOSTNAME", "ds/meta_data/local-hostname"),
        ("INSTANCE_ID", "ds/meta_data/instance-id"),
        ("REGION", "ds/meta_data/availability_zone"),
    ],
}];

const ENDPOINTS: &[&str] = &["http://169.254.169.254"];
const PATH: &str = "/metadata/v1.json";

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let (mut service, path) = cloud.reach_document("metadata_url", ENDPOINTS, PATH)?;
    let document = service.get_late(cloud, &path)?;
    let map = cloud.json_map(PATH, &document)?;
    let network = map.get("network").unwrap_or(&Value::Null);
    let network = upcloud::document(network, &cloud.links_of(network));
    let documents = vendor::documents(cloud, document, &map, ["user_data", "vendor_data"])
        .with(Document::NetworkConfig, cloud.network_document(network));
    let source = Source::metadata(&service.base);
    let uuid = cloud.machine.dmi.get(Field::ProductUuid);
    let told = Told {
        documents,
        ..Told::by_meta_data("upcloud", source, meta_data(&map, uuid))
    };
    cloud.instance(told)
}

/// The meta-data under the names that cloud-init gives them, and with what it puts where nothing is said.
fn meta_data(map: &Map, uuid: Option<&str>) -> Map {
    let or = |key: &str, other: Option<&str>| map.get(key).cloned().unwrap_or(other.into());
    Map::from_iter([
        ("instance-id", or("instance_id", uuid)),
        ("local-hostname", or("hostname", None)),
        ("network", or("network", None)),
        ("public-keys", or("public_keys", None)),
        ("availability_zone", or("region", Some("default"))),
    ])
}
