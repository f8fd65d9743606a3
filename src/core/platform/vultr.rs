//! Vultr: one JSON document, which holds user-data and vendor-data as well.
//!
//! How to know it: the vendor of the firmware; on bare metal a word of the command line or a file. What to ask: `/v1.json`, with
//! a header that makes the service add what cloud-init wants. The host checks the address that asks, so that there is no way
//! around DHCP. Source: Vultr's "Metadata API" page, and cloud-init's behaviour.

use super::{Afterburn, Needs, PLAIN, Platform, Way};
use crate::dialect::vendor;
use crate::fetch::Cloud;
use crate::fetch::service::Question;
use crate::instance::{Document, Instance, Source, Told};
use crate::machine::smbios::Field;
use crate::network::{physical, vultr};
use crate::outside::{Method, Network};
use crate::rule::{Match, Rule};
use crate::value::{Map, Value};
use crate::warning::Error;

/// Vultr.
pub static PLATFORM: Platform = Platform {
    name: "Vultr",
    ways: &[Way {
        sign: Rule::Any(&[
            Rule::Dmi(Field::SysVendor, Match::Is("Vultr")),
            Rule::Word("vultr"),
            Rule::File("/etc/vultr"),
        ]),
        needs: Needs::Network(Network::Dhcp4),
        asks: &["GET /v1.json"],
        read: Some(read),
    }],
    afterburn: AFTERBURN,
    ..PLAIN
};

/// Source: Afterburn's page "Metadata attributes".
const AFTERBURN: &[Afterburn] = &[Afterburn {
    prefix: "VULTR",
    facts: &[
        ("HOSTNAME", "ds/meta_data/local-hostname"),
        ("INSTANCE_ID", "ds/meta_data/instanceid"),
        ("REGION_CODE", "ds/region/regioncode"),
    ],
}];

const ENDPOINTS: &[&str] = &["http://169.254.169.254"];
const PATH: &str = "/v1.json";
/// Without it the service leaves out `vendor-data` and some of the names.
const HEADERS: &[(&str, &str)] = &[("Metadata-Token", "cloudinit")];
/// The machine's name where its owner gave none.
const NAMELESS: &str = "guest";

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let mut service = cloud.reach_configured("url", ENDPOINTS)?;
    let question = Question {
        headers: HEADERS,
        late: true,
        ..Question::new(Method::Get, PATH)
    };
    let document = service.body(cloud, &question)?;
    let mut meta_data = cloud.json_map(PATH, &document)?;
    let network = network_config(cloud, &mut meta_data);
    let region = meta_data.get("region").cloned();
    rename(&mut meta_data);
    let documents = vendor::documents(cloud, document, &meta_data, ["user-data", "vendor-data"])
        .with(Document::NetworkConfig, network);
    let source = Source::metadata(&service.base);
    let told = Told {
        documents,
        launch_index: None,
        // The code of the region, in the place of which the meta-data have the country's.
        beside: Map::from_iter([("region", Value::from(region))]),
        ..Told::by_meta_data("vultr", source, meta_data)
    };
    cloud.instance(told)
}

/// The document at `cloud_interfaces`, with the names that the cards have here, in the tree too; where there is none it is made
/// of `interfaces`.
fn network_config(cloud: &mut Cloud, meta_data: &mut Map) -> Option<alloc::vec::Vec<u8>> {
    let told = meta_data.get("cloud_interfaces");
    let links = &cloud.links_of(told.or(meta_data.get("interfaces")).unwrap_or(&Value::Null));
    let (document, warnings) = match told {
        Some(document) => {
            let (document, warnings) = physical::renamed(document, links);
            (Some(document), warnings)
        }
        None => vultr::document(meta_data.get("interfaces").unwrap_or(&Value::Null), links),
    };
    if let Some(document) = document
        .as_ref()
        .filter(|_| meta_data.contains("cloud_interfaces"))
    {
        meta_data.insert("cloud_interfaces", document.clone());
    }
    cloud.network_document((document, warnings))
}

/// The names under which cloud-init has its facts. The region is that of the country, where one is told.
fn rename(meta_data: &mut Map) {
    let fact = |key: &str| meta_data.get(key).cloned();
    let (id, name) = (fact("instance-v2-id"), fact("hostname"));
    let region = meta_data.get("region").and_then(|region| {
        let code = region
            .get("countrycode")
            .or_else(|| region.get("regioncode"));
        Some(code?.as_text()?.to_lowercase())
    });
    meta_data.insert("instance-id", id);
    meta_data.insert(
        "local-hostname",
        match name {
            Some(Value::Text(name)) if name.is_empty() => Some(NAMELESS.into()),
            name => name,
        },
    );
    meta_data.insert("region", region);
}
