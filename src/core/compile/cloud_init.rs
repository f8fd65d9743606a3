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

use super::{Ending, Found, Outcome, Products};
use crate::instance::{Document, Instance};
use crate::settings::Handover;
use crate::value::{Map, Value};
use crate::yaml;

/// Adds the hint. Of a platform that can only be named there is nothing that could be a seed, so that it gets a hint as well.
pub(super) fn print_hint(products: &mut Products, outcome: &Outcome) {
    let platforms = match (outcome.ending, outcome.handover) {
        (Ending::Found(found), Handover::Hint) => String::from(found.instance.platform),
        (Ending::Named(name), Handover::Hint | Handover::Seed) => named(name, outcome),
        _ => return,
    };
    put(
        products,
        format!("datasource_list: [ {platforms}, None ]\n"),
    );
}

/// All platforms that this may be, for nobody has asked the first one: those that were found, if it is one of them.
fn named(name: &str, outcome: &Outcome) -> String {
    let found = outcome.identified.datasources.iter().map(String::as_str);
    let found: Vec<&str> = found.filter(|found| *found != "None").collect();
    if found.contains(&name) {
        found.join(", ")
    } else {
        String::from(name)
    }
}

/// Adds the seed, if it is wanted. It holds user-data, which may hold secrets.
pub(super) fn print_seed(products: &mut Products, outcome: &Outcome, found: &Found) {
    if outcome.handover == Handover::Seed {
        put(products, seed(found.instance));
    }
}

fn put(products: &mut Products, config: String) {
    products.put("cloud-init/cloud.cfg", config);
    products.put("cloud-init/.ds-identify.result", "0\n");
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
    for kind in [
        Document::UserData,
        Document::VendorData,
        Document::NetworkConfig,
    ] {
        if let Some(document) = documents.get(kind) {
            seed.insert(kind.name(), text_or_bytes(document));
        }
    }
    // What the platform configures counts less than the documents, and so does what stands here.
    let mut config = instance.config.clone();
    config.insert("datasource", Map::from_iter([("NoCloud", seed)]));
    let seed = yaml::write(&config.into());
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
