//! Instance data: the facts in the layout of cloud-init's instance-data.json, once as they are and once for everybody.
//!
//! What is secret is replaced in the second copy: the values of [`SENSITIVE_KEYS`], by a key alone or by its whole path,
//! without case. As in the original, only maps are searched, not the lists in them.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::Products;
use crate::instance::{Hostname, Instance};
use crate::json;
use crate::machine::Kernel;
use crate::plan::Mode;
use crate::value::{Map, Value};

/// What stands in the public copy for a secret; users of the original look for these words.
const REDACTED: &str = "redacted for non-root user";
/// Keys, or paths of keys, whose values are secret, in lower case.
const SENSITIVE_KEYS: [&str; 16] = [
    "cloud-init.user-data",
    "cloud-init.vendor-data",
    "combined_cloud_config",
    "ds/vendor_data",
    "merged_cfg",
    "merged_system_cfg",
    "security-credentials",
    "startup-script",
    "user-data",
    "user.meta-data",
    "user.user-data",
    "user.vendor-data",
    "user_data",
    "userdata",
    "vendor-data",
    "vendordata",
];
/// A note beside the tree that differs from cloud to cloud.
const DS_NOTE: &str = "As this cloud has it; keys may change with cloud and program. The keys of v1 are the same everywhere.";
/// What the original says where it knows nothing.
const UNKNOWN: &str = "unknown";

/// Adds both copies.
pub fn put(products: &mut Products, instance: &Instance, kernel: &Kernel) {
    let data = surveyed(instance, kernel);
    let mut public = data.clone();
    redact(&mut public, "");
    for (path, mode, data) in [
        ("cloudseed/instance-data.json", Mode::Public, public),
        (
            "cloudseed/instance-data-sensitive.json",
            Mode::Private,
            data,
        ),
    ] {
        products.put(path, mode, json::write_indented(&data.into()) + "\n");
    }
}

/// The data with its secrets: what templates are rendered with.
pub fn sensitive(instance: &Instance, kernel: &Kernel) -> Value {
    surveyed(instance, kernel).into()
}

/// The data, with the lists of what in it is encoded and what is sensitive.
fn surveyed(instance: &Instance, kernel: &Kernel) -> Map {
    let mut data = data(instance, kernel);
    let mut keys = Keys::default();
    survey(&mut data, "", &mut keys);
    data.insert("base64_encoded_keys", sorted(keys.encoded));
    data.insert("sensitive_keys", sorted(keys.sensitive));
    data
}

fn data(instance: &Instance, kernel: &Kernel) -> Map {
    let mut ds = instance.beside.clone();
    ds.insert("_doc", DS_NOTE);
    ds.insert("meta_data", instance.meta_data.clone());
    Map::from_iter([
        ("ds", ds),
        ("sys_info", system(kernel)),
        ("v1", standard(instance, kernel)),
    ])
}

/// What the original says of the running system, as far as it is known before the root file system.
fn system(kernel: &Kernel) -> Map {
    let uname = [
        &kernel.ostype,
        "",
        &kernel.release,
        &kernel.version,
        &kernel.arch,
        "",
    ];
    let uname: Vec<Value> = uname.into_iter().map(Value::from).collect();
    Map::from_iter([
        ("dist", vec![Value::from(""); 3].into()),
        ("platform", platform(kernel).into()),
        ("python", Value::Null),
        ("release", kernel.release.as_str().into()),
        ("system", kernel.ostype.as_str().into()),
        ("uname", uname.into()),
        ("variant", UNKNOWN.into()),
    ])
}

fn platform(kernel: &Kernel) -> String {
    [&*kernel.ostype, &kernel.release, &kernel.arch].join("-")
}

/// The keys that mean the same on every cloud; those of two words in both of the original's spellings.
fn standard(instance: &Instance, kernel: &Kernel) -> Map {
    let ssh_keys: Vec<Value> = instance
        .ssh_keys
        .iter()
        .map(|key| key.as_str().into())
        .collect();
    let hostname = instance.hostname.as_ref().map(Hostname::short);
    let cloud_name = cloud_name(instance);
    let mut standard = Map::from_iter([
        ("_beta_keys", Value::from(vec![Value::from("subplatform")])),
        ("cloud_id", cloud_id(&cloud_name, instance).into()),
        ("distro", Value::Null),
        ("distro_release", Value::Null),
        ("distro_version", Value::Null),
        ("kernel_release", kernel.release.as_str().into()),
        ("machine", kernel.arch.as_str().into()),
        ("platform", instance.platform.to_lowercase().into()),
        ("public_ssh_keys", ssh_keys.into()),
        ("python_version", Value::Null),
        ("region", instance.region.as_deref().into()),
        ("subplatform", instance.source.to_string().into()),
        ("system_platform", platform(kernel).into()),
        ("variant", UNKNOWN.into()),
    ]);
    for (key, value) in [
        (
            "availability_zone",
            Value::from(instance.availability_zone.as_deref()),
        ),
        ("cloud_name", cloud_name.into()),
        ("instance_id", instance.instance_id.as_str().into()),
        ("local_hostname", hostname.into()),
    ] {
        standard.insert(key.replace('_', "-"), value.clone());
        standard.insert(key, value);
    }
    standard
}

fn cloud_name(instance: &Instance) -> String {
    match instance.cloud_name.as_str() {
        "" => instance.platform.to_lowercase(),
        name => name.to_owned(),
    }
}

/// The cloud's name, but for the regions that are clouds of their own; the platform's where nobody says it.
fn cloud_id(cloud_name: &str, instance: &Instance) -> String {
    let region = instance.region.as_deref().unwrap_or(UNKNOWN);
    let id = match (cloud_name, region) {
        (UNKNOWN, _) => return instance.platform.to_lowercase(),
        ("aws", region) if region.starts_with("cn-") => "aws-china",
        ("aws", region) if region.starts_with("us-gov-") => "aws-gov",
        ("azure", region) if region.starts_with("china") => "azure-china",
        _ => cloud_name,
    };
    id.to_string()
}

/// Paths found on the way through the tree, their keys joined by slashes.
#[derive(Default)]
struct Keys {
    sensitive: Vec<String>,
    encoded: Vec<String>,
}

fn sorted(mut paths: Vec<String>) -> Vec<Value> {
    paths.sort();
    paths.into_iter().map(Value::from).collect()
}

fn below(path: &str, key: &str) -> String {
    match path {
        "" => key.to_owned(),
        _ => format!("{path}/{key}"),
    }
}

fn is_sensitive(key: &str, path: &str) -> bool {
    let known = |text: &str| SENSITIVE_KEYS.contains(&&*text.to_lowercase());
    known(key) || known(path)
}

/// Notes what is secret, and turns what is bytes into base 64.
fn survey(map: &mut Map, path: &str, keys: &mut Keys) {
    for (key, value) in map.iter_mut() {
        let Some(key) = key.as_text() else { continue };
        let path = below(path, key);
        if is_sensitive(key, &path) {
            keys.sensitive.push(path.clone());
        }
        match value {
            Value::Bytes(bytes) => {
                *value = STANDARD.encode(bytes).into();
                keys.encoded.push(path);
            }
            Value::Map(map) => survey(map, &path, keys),
            _ => {}
        }
    }
}

/// Replaces what is secret.
fn redact(map: &mut Map, path: &str) {
    for (key, value) in map.iter_mut() {
        let Some(key) = key.as_text() else { continue };
        let path = below(path, key);
        if is_sensitive(key, &path) {
            *value = REDACTED.into();
        } else if let Value::Map(map) = value {
            redact(map, &path);
        }
    }
}
