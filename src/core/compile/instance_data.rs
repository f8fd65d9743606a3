//! Instance data: the facts in the layout of cloud-init's instance-data.json, once as they are and once for everybody.
//!
//! What is secret is replaced while the second copy is written. That is what stands behind one of `SENSITIVE_KEYS`, by a key
//! alone or by its whole path, without case; of what the cloud says also what stands behind a key that sounds like a secret; and,
//! behind whatever key a cloud puts it, what is one of the instance's own documents, for these are for root alone. cloud-init
//! searches maps, not the lists in them, and knows its own keys alone.

use alloc::borrow::ToOwned;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use memchr::memmem;

use super::{Found, Outcome, Products};
use crate::instance::{Documents, Hostname, Instance};
use crate::json;
use crate::machine::Kernel;
use crate::machine::release::Release;
use crate::value::{Map, Value};

/// What stands in the public copy for a secret; users of cloud-init look for these words.
const REDACTED: &str = "redacted for non-root user";
/// Keys, or paths of keys, whose values are secret, in lower case.
const SENSITIVE_KEYS: [&str; 28] = [
    "admin_pass",
    "auth_key",
    "cloud-init.user-data",
    "cloud-init.vendor-data",
    "combined_cloud_config",
    "crypted_password",
    "crypted_password_base64",
    "kube-env",
    "merged_cfg",
    "merged_system_cfg",
    "network-interfaces",
    "password",
    "password_base64",
    "random_seed",
    "security-credentials",
    "startup-script",
    "user-data",
    "user.meta-data",
    "user.user-data",
    "user.vendor-data",
    "user_data",
    "userdata",
    "vendor-data",
    "vendor-data2",
    "vendor_data",
    "vendor_data2",
    "vendordata",
    "vendordata2",
];
/// What in a key that a cloud or an owner chose makes its value secret, in lower case.
const SECRET_INSIDE: [&str; 6] = [
    "passw",
    "passphrase",
    "passcode",
    "secret",
    "credential",
    "psk",
];
/// The same as a whole word of the key.
const SECRET_WORDS: [&str; 9] = [
    "pass",
    "pwd",
    "token",
    "tokens",
    "script",
    "scripts",
    "apikey",
    "apikeys",
    "privatekey",
];
/// Words beside which a key, or keys, are secret.
const SECRET_KEYS: [&str; 11] = [
    "private",
    "api",
    "access",
    "auth",
    "client",
    "encryption",
    "host",
    "luks",
    "signing",
    "ssl",
    "tls",
];
/// Words in a name, or above it, beside which one that ends with `key` is for everybody.
const PUBLIC_KEYS: [&str; 6] = ["public", "ssh", "authorized", "realm", "region", "tag"];
/// EC2's, which name an account; the credentials in it have a name of their own.
const PUBLIC_TREE: &str = "identity-credentials";
/// How long a document must be to count where it is only a piece of a leaf, in bytes: a shorter one may stand there by chance.
const INSIDE_BYTES_MIN: usize = 16;
/// A note beside the tree that differs from cloud to cloud.
const DS_NOTE: &str = "As this cloud has it; keys may change with cloud and program. The keys of v1 are the same everywhere.";
/// What cloud-init says where it knows nothing.
const UNKNOWN: &str = "unknown";

/// The facts of an instance as a tree, and which of them are secret.
#[derive(Clone, Debug)]
pub struct InstanceData {
    tree: Value,
    /// The paths of what is secret, sorted.
    secrets: Vec<String>,
}

impl InstanceData {
    /// The facts, with lists of what in them is encoded and what is sensitive.
    pub fn new(instance: &Instance, kernel: &Kernel, release: &Release) -> InstanceData {
        let mut data = data(instance, kernel, release);
        let mut survey = Survey {
            documents: Copies::of(&instance.documents),
            sensitive: Vec::new(),
            encoded: Vec::new(),
        };
        survey.map(&mut data, "");
        survey.sensitive.sort();
        survey.encoded.sort();
        data.insert("base64_encoded_keys", texts(&survey.encoded));
        data.insert("sensitive_keys", texts(&survey.sensitive));
        InstanceData {
            tree: data.into(),
            secrets: survey.sensitive,
        }
    }

    /// All of it, secrets too: what templates are rendered with.
    pub fn as_value(&self) -> &Value {
        &self.tree
    }

    /// Whether what stands at this path, its keys joined by slashes, is for root alone.
    pub fn is_secret(&self, path: &str) -> bool {
        let order = |secret: &String| secret.as_str().cmp(path);
        self.secrets.binary_search_by(order).is_ok()
    }
}

/// Adds both copies.
pub(super) fn print(products: &mut Products, _: &Outcome, found: &Found) {
    let data = found.data;
    let is_secret = |path: &str| data.is_secret(path);
    let public = json::write_redacted(&data.tree, &is_secret, REDACTED) + "\n";
    products.put("cloudseed/instance-data.json", public);
    let sensitive = json::write_indented(&data.tree) + "\n";
    products.put("cloudseed/instance-data-sensitive.json", sensitive);
}

fn data(instance: &Instance, kernel: &Kernel, release: &Release) -> Map {
    let mut ds = instance.beside.clone();
    ds.insert("_doc", DS_NOTE);
    ds.insert("meta_data", instance.meta_data.clone());
    Map::from_iter([
        ("ds", ds),
        ("sys_info", system(kernel, release)),
        ("v1", standard(instance, kernel, release)),
    ])
}

/// What cloud-init says of the running system, as far as it is known before the root file system.
fn system(kernel: &Kernel, release: &Release) -> Map {
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
        (
            "dist",
            [&release.id, &release.version, &release.name]
                .map(|word| Value::from(word.as_str()))
                .to_vec()
                .into(),
        ),
        ("platform", platform(kernel).into()),
        ("python", Value::Null),
        ("release", kernel.release.as_str().into()),
        ("system", kernel.ostype.as_str().into()),
        ("uname", uname.into()),
        ("variant", release.variant().unwrap_or(UNKNOWN).into()),
    ])
}

fn platform(kernel: &Kernel) -> String {
    [&*kernel.ostype, &kernel.release, &kernel.arch].join("-")
}

/// The keys that mean the same on every cloud; those of two words in both of cloud-init's spellings.
fn standard(instance: &Instance, kernel: &Kernel, release: &Release) -> Map {
    let said = |word: &str| Value::from(Some(word).filter(|_| !release.id.is_empty()));
    let ssh_keys: Vec<Value> = instance
        .ssh_keys
        .iter()
        .map(|key| key.as_str().into())
        .collect();
    let hostname = if instance.keeps_domain {
        instance.hostname.as_ref().map(Hostname::said)
    } else {
        instance.hostname.as_ref().map(Hostname::short)
    };
    let cloud_name = cloud_name(instance);
    let mut standard = Map::from_iter([
        ("_beta_keys", Value::from(vec![Value::from("subplatform")])),
        ("cloud_id", cloud_id(&cloud_name, instance).into()),
        ("distro", said(&release.id)),
        ("distro_release", said(&release.name)),
        ("distro_version", said(&release.version)),
        ("kernel_release", kernel.release.as_str().into()),
        ("machine", kernel.arch.as_str().into()),
        ("platform", instance.platform.to_lowercase().into()),
        ("public_ssh_keys", ssh_keys.into()),
        ("python_version", Value::Null),
        ("region", instance.region.as_deref().into()),
        ("subplatform", instance.source.to_string().into()),
        ("system_platform", platform(kernel).into()),
        ("variant", release.variant().unwrap_or(UNKNOWN).into()),
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

fn texts(texts: &[String]) -> Vec<Value> {
    texts.iter().map(|text| text.as_str().into()).collect()
}

/// A way through the tree: notes what is secret, and turns what is bytes into base 64.
struct Survey<'a> {
    documents: Copies<'a>,
    /// The paths of what is secret.
    sensitive: Vec<String>,
    /// The paths of what was bytes. As in cloud-init, bytes in a list stay, and are written with a mark.
    encoded: Vec<String>,
}

impl Survey<'_> {
    fn map(&mut self, map: &mut Map, path: &str) {
        for (key, value) in map.iter_mut() {
            let key = json::key_text(key);
            let place = path;
            let path = json::path_below(place, &key);
            let known = |text: &str| SENSITIVE_KEYS.contains(&&*text.to_lowercase());
            let sounds =
                || is_of_cloud(&path) && sounds_secret(&key, place) && can_be_secret(value);
            if known(&key) || known(&path) || sounds() || self.is_document(value, &path) {
                self.sensitive.push(path.clone());
            }
            if let Value::Bytes(bytes) = value {
                *value = STANDARD.encode(bytes).into();
                self.encoded.push(path);
            } else {
                self.inside(value, &path);
            }
        }
    }

    fn inside(&mut self, value: &mut Value, path: &str) {
        match value {
            Value::Map(map) => self.map(map, path),
            Value::List(list) => {
                for (place, element) in list.iter_mut().enumerate() {
                    let path = json::path_below(path, &place.to_string());
                    if self.is_document(element, &path) {
                        self.sensitive.push(path.clone());
                    }
                    self.inside(element, &path);
                }
            }
            _ => {}
        }
    }

    /// Only what the cloud says can be one; the other trees are made of facts.
    fn is_document(&self, value: &Value, path: &str) -> bool {
        is_of_cloud(path) && self.documents.are_in(value)
    }
}

fn is_of_cloud(path: &str) -> bool {
    path.starts_with("ds/")
}

/// `place` is the path above the key.
fn sounds_secret(key: &str, place: &str) -> bool {
    let words = words(key);
    let [key, place] = [key, place].map(str::to_lowercase);
    let has = |word: &&str| words.iter().any(|own| own == word);
    if key == PUBLIC_TREE {
        return false;
    }
    if SECRET_INSIDE.iter().any(|word| key.contains(word)) || SECRET_WORDS.iter().any(has) {
        return true;
    }
    let is_public = PUBLIC_KEYS
        .iter()
        .any(|word| key.contains(word) || place.contains(word));
    let names_key = has(&"key") || has(&"keys");
    let ends_with_key = words.last().is_some_and(|word| word == "key");
    names_key && SECRET_KEYS.iter().any(has) && !has(&"public") || ends_with_key && !is_public
}

/// The words of a key in lower case: they end before a capital behind a small letter, and at what is no letter.
fn words(key: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut was_small = false;
    for c in key.chars() {
        if !c.is_alphabetic() || was_small && c.is_uppercase() {
            words.push(String::new());
        }
        was_small = c.is_lowercase();
        if let Some(word) = words.last_mut().filter(|_| c.is_alphabetic()) {
            word.extend(c.to_lowercase());
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Not that there is none, nor whether there is one.
fn can_be_secret(value: &Value) -> bool {
    !value.is_null() && value.as_flag().is_none() && value.as_text() != Some("")
}

/// The documents of an instance that are not empty, as they may stand in its tree.
struct Copies<'a>(Vec<&'a [u8]>);

impl<'a> Copies<'a> {
    fn of(documents: &'a Documents) -> Copies<'a> {
        let there = documents.iter().map(|(_, document)| document);
        Copies(there.filter(|document| !document.is_empty()).collect())
    }

    /// Whether a leaf of the tree is one of them, as it is or in base 64, or has one inside.
    fn are_in(&self, leaf: &Value) -> bool {
        let words = leaf.words().unwrap_or_default();
        let bytes = match leaf {
            Value::Bytes(bytes) => bytes,
            _ => words.as_bytes(),
        };
        let is_in = |document: &&[u8]| holds(bytes, document) || is_encoded(bytes, document);
        self.0.iter().any(is_in)
    }
}

/// White space around counts for nothing.
fn holds(leaf: &[u8], document: &[u8]) -> bool {
    let (leaf, document) = (leaf.trim_ascii(), document.trim_ascii());
    let inside = leaf.len() >= document.len() && document.len() >= INSIDE_BYTES_MIN;
    !leaf.is_empty() && (leaf == document || (inside && memmem::find(leaf, document).is_some()))
}

/// Whether a leaf is this document in base 64, whatever its lines and its padding.
fn is_encoded(leaf: &[u8], document: &[u8]) -> bool {
    // Nothing is encoded that cannot be as long; so the work is in proportion to the tree.
    leaf.len() / 4 * 3 + 3 > document.len() && {
        let is_letter = |letter: &&u8| !letter.is_ascii_whitespace() && **letter != b'=';
        let letters = leaf.iter().filter(is_letter);
        letters.eq(STANDARD_NO_PAD.encode(document).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::Document;

    #[test]
    fn keys_that_sound_secret() {
        for key in [
            "root-password",
            "hashed_passwd",
            "DB_PASS",
            "db_pwd",
            "Passphrase",
            "client-key-password",
            "private_key",
            "private_key_pem",
            "ssh_private_key",
            "ssh_host_rsa_key",
            "ssh_script",
            "luks_key1",
            "tls_key_file_content",
            "access_keys",
            "apikeys",
            "SecretAccessKey",
            "key",
            "ONEGATE_TOKEN",
            "START_SCRIPT_BASE64",
            "userScript",
            "wpa-psk",
        ] {
            assert!(sounds_secret(key, "ds/meta_data"), "{key}");
        }
        for (key, place) in [
            ("public-keys", ""),
            ("0", "ds/meta_data/public-keys"),
            ("openssh-key", "ds/meta_data/public-keys/0"),
            ("key", "ds/meta_data/ssh_public_keys/0"),
            ("work-key", "ds/meta_data/public_keys"),
            ("mykey", "ds/meta_data"),
            ("sshPublicKey", ""),
            ("ssh_host_public_key", ""),
            ("regionKey", "ds/regionInfo"),
            ("Key", "ds/meta_data/tags/0"),
            ("keys", ""),
            ("key_name", ""),
            ("local-hostname", ""),
            ("private-ipv4", ""),
            ("description", ""),
            ("subscriptionId", ""),
            ("identity-credentials", ""),
        ] {
            assert!(!sounds_secret(key, place), "{key}");
        }
    }

    #[test]
    fn a_leaf_is_a_document_in_whatever_shape() {
        let documents = Documents::default()
            .with(
                Document::UserData,
                Some(b"#!/bin/sh\necho \xff secret\n".to_vec()),
            )
            .with(Document::VendorData, Some(b"12345".to_vec()))
            .with(Document::VendorData2, Some(b" \n".to_vec()));
        let copies = Copies::of(&documents);
        let user_data = documents.get(Document::UserData).unwrap_or_default();
        let base64 = STANDARD.encode(user_data);
        let around = [b"before\n", user_data].concat();
        for leaf in [
            Value::Bytes(user_data.to_vec()),
            Value::Bytes(user_data.trim_ascii().to_vec()),
            Value::Bytes(around),
            base64.as_str().into(),
            (base64[..20].to_owned() + "\n" + &base64[20..]).into(),
            STANDARD_NO_PAD.encode(user_data).into(),
            "12345".into(),
            12345.into(),
            "MTIzNDU=".into(),
        ] {
            assert!(copies.are_in(&leaf), "{leaf:?}");
        }
        for leaf in [
            Value::Null,
            "".into(),
            " ".into(),
            "123456".into(),
            "#!/bin/sh".into(),
            base64[1..].into(),
            Value::Map(Map::new()),
        ] {
            assert!(!copies.are_in(&leaf), "{leaf:?}");
        }
    }
}
