//! CloudCIX: a JSON document with the network configuration in it, and user-data beside it.
//!
//! How to know it: the product is named so. What to ask: `/v1/metadata` and `/v1/userdata`. Source: cloud-init's behaviour. On
//! purpose otherwise: the service calls the identifier `instance_id`, which cloud-init does not look at, so that there
//! every machine has the same one; and a machine without user-data is one.

use super::{Needs, PLAIN, Platform, Way};
use crate::dialect::base64::decoded;
use crate::fetch::Cloud;
use crate::instance::{Document, Documents, Instance, Source, Told};
use crate::machine::smbios::Field;
use crate::outside::Network;
use crate::rule::{Match, Rule};
use crate::value::Value;
use crate::warning::Error;

/// CloudCIX.
pub static PLATFORM: Platform = Platform {
    name: "CloudCIX",
    ways: &[Way {
        sign: Rule::Dmi(Field::ProductName, Match::Is("CloudCIX")),
        needs: Needs::Network(Network::Dhcp4),
        asks: &["GET /v1/metadata", "GET /v1/userdata"],
        read: Some(read),
    }],
    ..PLAIN
};

const ENDPOINTS: &[&str] = &["http://169.254.169.254"];
const META_DATA: &str = "/v1/metadata";
const USER_DATA: &str = "/v1/userdata";

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let mut service = cloud.reach(ENDPOINTS)?;
    service.expect(cloud, [META_DATA, USER_DATA].into_iter());
    let document = service.get_late(cloud, META_DATA)?;
    let user_data = service.get_or_warn(cloud, USER_DATA);
    let meta_data = cloud.json_map(META_DATA, &document)?;
    let network = meta_data
        .get("network")
        .filter(|network| !network.is_null());
    let network = cloud.network_document((network.cloned(), Default::default()));
    let source = Source::metadata(&service.base);
    let id = meta_data.get("instance_id").and_then(Value::to_text);
    let told = Told::by_meta_data("cloudcix", source, meta_data);
    let told = Told {
        documents: Documents::default()
            .with(Document::MetaData, Some(document))
            .with(Document::UserData, user_data.map(decoded))
            .with(Document::NetworkConfig, network),
        instance_id: told.instance_id.clone().or(id),
        ..told
    };
    cloud.instance(told)
}
