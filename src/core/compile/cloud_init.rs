//! For stock cloud-init on the real root: what saves it the search, or the fetch as well.
//!
//! Its generator takes the word of `.ds-identify.result` and probes nothing; `cloud.cfg` here is merged above
//! /etc/cloud and below the kernel command line. Both are read at each boot and gone after it.
//!
//! A hint is the default: cloud-init asks the cloud once more, by its own datasource, and with it keeps what only
//! that can do (hotplug, network updates at boot, provisioning reports, the whole tree of `cloud-init query ds`). The
//! seed is for roots that shall start without the network.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Products;
use crate::instance::Instance;
use crate::plan::Mode;
use crate::settings::Handover;
use crate::value::{Map, Value};
use crate::yaml;

/// Adds the two files of `/run/cloud-init`.
pub fn put(products: &mut Products, instance: &Instance, handover: Handover) {
    let (mode, config) = match handover {
        Handover::None => return,
        Handover::Hint => (Mode::Public, hint(instance)),
        // It holds user-data, which may hold secrets.
        Handover::Seed => (Mode::Private, seed(instance)),
    };
    products.put("cloud-init/cloud.cfg", mode, config);
    products.put("cloud-init/.ds-identify.result", Mode::Public, "0\n");
}

fn hint(instance: &Instance) -> String {
    format!("datasource_list: [ {}, None ]\n", instance.platform)
}

/// Two datasources, for a single one counts as forced; `fs_label: null` spares the search for volumes. Documents that are not
/// text are YAML's `!!binary`, and cloud-init takes such.
fn seed(instance: &Instance) -> String {
    let documents = &instance.documents;
    let mut seed = Map::from_iter([
        ("fs_label", Value::Null),
        ("meta-data", meta_data(instance)),
        ("user-data", Value::from("")),
    ]);
    for (key, document) in [
        ("user-data", &documents.user_data),
        ("vendor-data", &documents.vendor_data),
        ("network-config", &documents.network_config),
    ] {
        if let Some(document) = document {
            seed.insert(key, text_or_bytes(document));
        }
    }
    let seed = Map::from_iter([("datasource", Map::from_iter([("NoCloud", seed)]))]);
    let seed = yaml::write(&seed.into());
    format!("datasource_list: [ NoCloud, None ]\n{seed}")
}

/// The cloud's tree, and in it the keys by which NoCloud knows its facts.
fn meta_data(instance: &Instance) -> Value {
    let mut meta_data = instance.meta_data.as_map().cloned().unwrap_or_default();
    let hostname = instance.hostname.as_ref().map(|name| name.as_str());
    let ssh_keys: Vec<Value> = instance
        .ssh_keys
        .iter()
        .map(|key| key.as_str().into())
        .collect();
    meta_data.insert("instance-id", instance.instance_id.as_str());
    for (key, value) in [
        ("local-hostname", hostname),
        ("region", instance.region.as_deref()),
        ("availability-zone", instance.availability_zone.as_deref()),
        (
            "cloud-name",
            Some(instance.cloud_name.as_str()).filter(|name| !name.is_empty()),
        ),
    ] {
        if let Some(value) = value {
            meta_data.insert(key, value);
        }
    }
    if !ssh_keys.is_empty() {
        meta_data.insert("public-keys", ssh_keys);
    }
    meta_data.into()
}

fn text_or_bytes(document: &[u8]) -> Value {
    match core::str::from_utf8(document) {
        Ok(text) => text.into(),
        Err(_) => Value::Bytes(document.to_vec()),
    }
}
