//! Bigstep: one JSON document at an address that the image knows.
//!
//! How to know it: a file says where to ask. What to ask: that URL, for `metadata`, `userdata_raw` and `vendordata_raw`. Source:
//! cloud-init's behaviour.

use alloc::string::{String, ToString};

use super::{Needs, PLAIN, Platform, Way};
use crate::dialect::vendor;
use crate::fetch::Cloud;
use crate::instance::{Instance, Source, Told};
use crate::outside::Network;
use crate::rule::Rule;
use crate::url::{Url, shown};
use crate::value::{Map, Value};
use crate::warning::Error;

/// Bigstep, which writes the URL of its metadata service into the image.
pub static PLATFORM: Platform = Platform {
    name: "Bigstep",
    ways: &[Way {
        sign: Rule::File(FILE),
        needs: Needs::Network(Network::Dhcp4),
        asks: &["GET the URL of the file /var/lib/cloud/data/seed/bigstep/url"],
        read: Some(read),
    }],
    ..PLAIN
};

const FILE: &str = "/var/lib/cloud/data/seed/bigstep/url";

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let text = cloud.machine.files.text(FILE).unwrap_or_default();
    // As cloud-init: line feeds count for nothing, wherever they are.
    let text: String = text.trim().chars().filter(|c| !c.is_control()).collect();
    let Some(url) = Url::parse(&text).filter(Url::is_http) else {
        return Err(cloud.broken(FILE, "a URL", crate::text::quote(&text)));
    };
    let place = shown(&text).to_string();
    let origin = url.origin();
    let mut service = cloud.reach(&[&origin])?;
    service.base = text;
    let document = service.get(cloud, "")?;
    let map = cloud.json_map(&place, &document)?;
    let keys = ["userdata_raw", "vendordata_raw"];
    let documents = vendor::documents(cloud, document, &map, keys);
    let meta_data = match map.get("metadata") {
        Some(Value::Map(meta_data)) => meta_data.clone(),
        other => {
            let found = other.map_or("none", Value::kind);
            cloud.warn("metadata", "an object", found);
            Map::new()
        }
    };
    let told = Told {
        documents,
        ..Told::by_meta_data("bigstep", Source::metadata(&place), meta_data)
    };
    cloud.instance(told)
}
