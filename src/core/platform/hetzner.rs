//! Hetzner Cloud: plain documents over plain HTTP.
//!
//! How to know it: the system vendor. What to ask: one YAML document of meta-data, one of private networks, and user-data,
//! for which 204 means that there is none. Source: Hetzner's "Server metadata" page, and cloud-init's behaviour.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Needs, Platform, Way};
use crate::fetch::{Cloud, Network};
use crate::instance::{self, Documents, Hostname, Instance, InstanceId};
use crate::machine::smbios::Field;
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
};

const ENDPOINTS: &[&str] = &["http://169.254.169.254", "http://[fe80::a9fe:a9fe]"];

fn fetch(cloud: &mut Cloud) -> Result<Instance, Error> {
    cloud.reach(ENDPOINTS)?;
    let document = cloud.get("/hetzner/v1/metadata")?;
    let networks = cloud.get_or_warn("/hetzner/v1/metadata/private-networks");
    let user_data = cloud.get_or_warn("/hetzner/v1/userdata");
    let mut meta_data = match tree(cloud, "/hetzner/v1/metadata", &document)? {
        Value::Map(map) => map,
        other => {
            return Err(cloud.broken("/hetzner/v1/metadata", "a mapping", other.kind()));
        }
    };
    if let Some(networks) = networks {
        let networks = tree(cloud, "/hetzner/v1/metadata/private-networks", &networks)?;
        meta_data.insert("private-networks", networks);
    }
    read(cloud, meta_data, document, user_data)
}

fn read(
    cloud: &Cloud,
    mut meta_data: Map,
    document: Vec<u8>,
    user_data: Option<Vec<u8>>,
) -> Result<Instance, Error> {
    let text = |key: &str| meta_data.get(key).and_then(Value::to_text);
    let id = text("instance-id").unwrap_or_default();
    let serial = cloud.machine.dmi.get(Field::ProductSerial).unwrap_or(&id);
    if id != serial {
        let expected = format!("{serial}, the serial number in firmware");
        return Err(cloud.broken("instance-id", &expected, format!("{id:?}")));
    }
    let Some(instance_id) = InstanceId::new(&id) else {
        return Err(cloud.broken("instance-id", "an instance-id", format!("{id:?}")));
    };
    let vendor_data = text("vendor_data")
        .filter(|text| !text.is_empty())
        .map(String::into_bytes);
    let instance = Instance {
        platform: PLATFORM.name,
        source: cloud.base.clone(),
        cloud_name: String::from("hetzner"),
        instance_id,
        hostname: text("hostname").as_deref().and_then(Hostname::new),
        region: text("region"),
        availability_zone: text("availability-zone"),
        ssh_keys: meta_data
            .get("public-keys")
            .map(instance::ssh_keys)
            .unwrap_or_default(),
        launch_index: None,
        documents: Documents {
            network_config: meta_data
                .get("network-config")
                .map(|config| crate::yaml::write(config).into_bytes()),
            meta_data: Some(document),
            user_data: user_data.map(super::decoded),
            vendor_data,
            vendor_data2: None,
        },
        meta_data: Value::Null,
    };
    // The original's generic code reads the host name by another key.
    if let Some(hostname) = meta_data.get("hostname").cloned() {
        meta_data.insert("local-hostname", hostname);
    }
    Ok(Instance {
        meta_data: Value::Map(meta_data),
        ..instance
    })
}

fn tree(cloud: &Cloud, path: &str, document: &[u8]) -> Result<Value, Error> {
    crate::yaml::read(document).map_err(|error| cloud.broken(path, "a YAML document", error))
}
