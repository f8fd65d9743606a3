//! For stock cloud-init on the real root: what saves it the search, and what saves it the fetch as well.
//!
//! ```text
//!   handover/hint/cloud-init/cloud.cfg             the name of the datasource
//!   handover/seed/cloud-init/cloud.cfg             NoCloud, and where its seed is
//!   handover/netplan/cloud-init/cloud.cfg          the same for a cloud-init that writes netplan's files, if that differs
//!   handover/…/cloud-init/.ds-identify.result      0: its generator probes nothing
//!   seed/meta-data                                 the cloud's tree, and in it the keys by which NoCloud knows its facts
//!   seed/network-config                            only where it differs from the one that was fetched, without netplan
//!   seed/vendor-data                               only where the operator has two documents: both as one
//! ```
//!
//! Which of the two it gets is decided when the real root can be looked at ([`crate::handover`]); the other documents of the
//! seed join it then. `cloud.cfg` is merged above /etc/cloud and below the kernel command line.
//!
//! The seed is named as `seedfrom`, because that alone outranks a `seedfrom` of the command line or of the SMBIOS serial
//! number, which cloud-init would fetch by itself, or not at all: 22.4 reads `ds=nocloud;s=http://…` and then leaves it, in
//! local mode. The same versions read no network configuration beside a seed, so that it stands in cloud.cfg, too.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::{Ending, Found, Outcome, Products};
use crate::instance::{Document, Hostname, Instance};
use crate::plan::{Mode, Plan, RunPath};
use crate::platform;
use crate::userdata::compose;
use crate::userdata::part_type::PartType;
use crate::value::{Map, Value};
use crate::yaml;

/// The directory of the seed, as cloud-init will find it.
const SEED: &str = "/run/cloudseed/seed/";

/// The key of cloud-config by which the host name keeps its domain.
const WHOLE_NAME: &str = "prefer_fqdn_over_hostname";

/// The set for a root whose cloud-init writes netplan's files, beside the seed's.
pub const NETPLAN: &str = "netplan";

/// The set for a root whose cloud-init is to fetch nothing: no datasource at all. It is made where it is put into place, for a
/// boot that died has left none.
pub const SHUT: &str = "shut";

/// The same for one that is disabled, and by what ds-identify is made to say stays so.
pub const OFF: &str = "off";

/// The files of [`SHUT`] or [`OFF`], for the places that they name.
pub fn shut(set: &str) -> Plan {
    let mut plan = Plan::default();
    let result = if set == OFF { "1\n" } else { "0\n" };
    let texts = ["datasource_list: [ None ]\n", result];
    let paths = ["cloud.cfg", ".ds-identify.result"].map(|name| format!("cloud-init/{name}"));
    for (path, text) in paths.iter().zip(texts) {
        if let Some(path) = RunPath::new(path) {
            plan.put(path, Mode::Public, text);
        }
    }
    plan
}

/// Adds the hint: of an instance, and of a platform that can only be named.
pub(super) fn print_hint(products: &mut Products, outcome: &Outcome) {
    let platforms = match outcome.ending {
        Ending::Found(found) => String::from(found.instance.platform),
        Ending::Named(name) => named(name, outcome),
        _ => return,
    };
    let config = format!("datasource_list: [ {platforms}, None ]\n");
    put(products, "hint", config);
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

/// Adds the seed.
pub(super) fn print_seed(products: &mut Products, _: &Outcome, found: &Found) {
    let instance = found.instance;
    let network = instance.documents.get(Document::NetworkConfig);
    match &instance.plain_network {
        None => put(products, "seed", config(found, network)),
        Some(plain) => {
            put(products, "seed", config(found, Some(plain)));
            put(products, NETPLAN, config(found, network));
            products.put("cloudseed/seed/network-config", plain.clone());
        }
    }
    products.put("cloudseed/seed/meta-data", meta_data(instance));
    if let Some(both) = vendor_data(found) {
        products.put("cloudseed/seed/vendor-data", both);
    }
}

fn put(products: &mut Products, set: &str, config: String) {
    let folder = format!("cloudseed/handover/{set}/cloud-init");
    products.put(&format!("{folder}/cloud.cfg"), config);
    products.put(&format!("{folder}/.ds-identify.result"), "0\n");
}

/// Two datasources, for a single one counts as forced; `fs_label: null` spares the search for volumes. Only beside meta-data
/// and user-data does NoCloud look at its other keys. What is not text is YAML's `!!binary`, and cloud-init takes such.
fn config(found: &Found, network: Option<&[u8]>) -> String {
    let instance = found.instance;
    let mut seed = Map::from_iter([
        ("fs_label", Value::Null),
        ("seedfrom", SEED.into()),
        ("meta-data", Map::new().into()),
        ("user-data", "".into()),
    ]);
    if let Some(network) = network {
        seed.insert(Document::NetworkConfig.name(), text_or_bytes(network));
    }
    // What the platform configures counts less than the documents, and so does what stands here.
    let mut config = instance.config.clone();
    config.insert("datasource", Map::from_iter([("NoCloud", seed)]));
    if platform::of(instance.platform).network_each_boot {
        let when: Vec<Value> = vec!["boot-new-instance".into(), "boot".into()];
        let network = Map::from_iter([("when", when)]);
        config.insert("updates", Map::from_iter([("network", network)]));
    }
    if loses_domain(found) {
        config.insert(WHOLE_NAME, true);
    }
    let config = yaml::write(&config.into());
    format!("datasource_list: [ NoCloud, None ]\n{config}")
}

/// Whether NoCloud would cut off a domain that belongs to the host name, and nobody configures a name.
fn loses_domain(found: &Found) -> bool {
    let instance = found.instance;
    let hostname = instance.hostname.as_ref().map(Hostname::as_str);
    let has_domain = hostname.is_some_and(|name| name.contains('.'));
    if !instance.keeps_domain || !has_domain {
        return false;
    }
    let configured = found.config.together(&instance.config);
    let mut names = ["hostname", "fqdn", WHOLE_NAME].iter();
    names.all(|key| configured.get(key).is_none())
}

/// The cloud's tree, and in it the keys by which NoCloud knows its facts. A `seedfrom` in it would be fetched again.
fn meta_data(instance: &Instance) -> String {
    let facts = facts(instance);
    let told = instance.meta_data.as_map().into_iter().flat_map(Map::iter);
    let told =
        told.filter(|(key, _)| key.as_text() != Some("seedfrom") && facts.get_value(key).is_none());
    yaml::write_entries(told.chain(facts.iter()).collect())
}

/// The keys by which NoCloud knows the facts of an instance.
fn facts(instance: &Instance) -> Map {
    let hostname = instance.hostname.as_ref().map(|name| name.as_str());
    let ssh_keys: Vec<Value> = instance
        .ssh_keys
        .iter()
        .map(|key| key.as_str().into())
        .collect();
    let mut facts = Map::from_iter([("instance-id", Value::from(instance.instance_id.as_str()))]);
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
            facts.insert(key, value);
        }
    }
    if !ssh_keys.is_empty() {
        facts.insert("public-keys", ssh_keys);
    }
    facts
}

/// NoCloud knows one document of the operator; of two it gets one that means both.
fn vendor_data(found: &Found) -> Option<Vec<u8>> {
    let documents = &found.instance.documents;
    let second = documents.get(Document::VendorData2)?;
    let first = documents.get(Document::VendorData);
    // With the second one, which NoCloud does not know, the owner's rules for it would be lost.
    let is_allowed = |document| {
        let mut parts = found.config.parts.iter();
        parts.all(|part| part.document != document || part.forbidden.is_none())
    };
    let second = Some(second).filter(|_| is_allowed(Document::VendorData2));
    let both: Vec<&[u8]> = first.into_iter().chain(second).collect();
    Some(compose::joined(&both))
}

/// Whether the operator's two documents mean as one what they mean as two. They do not where the owner has rules for each of them,
/// where both configure, which is merged otherwise then, and where a script of one takes the place of the other's.
pub(super) fn is_one_document_enough(found: &Found) -> bool {
    const BOTH: [Document; 2] = [Document::VendorData, Document::VendorData2];
    let config = found.config;
    let configures = |document: &Document| config.cloud_config(*document).is_some();
    let [first, second] = BOTH.map(|document| {
        let parts = config
            .allowed()
            .filter(move |part| part.document == document);
        let scripts = parts.filter(|part| part.part.content_type == PartType::Script);
        scripts
            .map(|script| &script.part.filename)
            .collect::<Vec<_>>()
    });
    let is_replaced = first.iter().any(|name| second.contains(name));
    let documents = &found.instance.documents;
    documents.get(Document::VendorData2).is_none()
        || !(config.rules || BOTH.iter().all(configures) || is_replaced)
}

fn text_or_bytes(document: &[u8]) -> Value {
    match core::str::from_utf8(document) {
        Ok(text) => text.into(),
        Err(_) => Value::Bytes(document.to_vec()),
    }
}
