//! What OpenStack hands out, on a drive or over HTTP: documents below `openstack/VERSION/`.
//!
//! ```text
//!   meta_data.json      the only one that must be there
//!   user_data
//!   vendor_data.json    static, and vendor_data2.json, of the operator's own service
//!   network_data.json   see [`crate::network::openstack`]
//! ```
//! Of the versions that are there the newest known one is read, `latest` where none is known. Source: Nova's "Metadata service"
//! page, and cloud-init's behaviour. On purpose otherwise: an optional document that cannot be understood costs itself, where
//! cloud-init gives up all of them; files to be injected are told of, and their contents are left where they are.

use alloc::string::ToString;
use alloc::vec::Vec;

use super::base64::unpacked_text;
use super::vendor;
use crate::fetch::Cloud;
use crate::instance::{Document, Documents, Source, Told};
use crate::json;
use crate::network;
use crate::value::{Map, Value};
use crate::warning::Error;

/// The documents of one version, in the order in which they are read.
pub const FILES: [&str; 5] = [
    "meta_data.json",
    "user_data",
    "vendor_data.json",
    "vendor_data2.json",
    "network_data.json",
];
/// The versions that are known, newest first.
const VERSIONS: [&str; 8] = [
    "2018-08-27",
    "2017-02-22",
    "2016-10-06",
    "2016-06-30",
    "2015-10-15",
    "2013-10-17",
    "2013-04-04",
    "2012-08-10",
];
/// Most files to be injected that a message names.
const FILES_TOLD_MAX: usize = 8;

/// The version to read of those in a listing.
pub fn version<'l>(listing: impl Iterator<Item = &'l str>) -> &'static str {
    let there: Vec<&str> = listing.collect();
    let known = VERSIONS.into_iter();
    let mut known = known.filter(|version| there.contains(version));
    known.next().unwrap_or("latest")
}

/// What the documents say.
#[derive(Debug, Default)]
pub struct Answer {
    /// The meta-data as a tree, with the names that cloud-init gives to some of it beside theirs.
    pub meta_data: Map,
    /// The documents.
    pub documents: Documents,
    /// The document of the network; null where there is none.
    pub network_data: Value,
}

impl Answer {
    /// Reads the documents, each as it is in [`FILES`].
    ///
    /// # Errors
    /// There is no meta-data, or they are no object.
    pub fn read(cloud: &mut Cloud, files: [Option<Vec<u8>>; 5]) -> Result<Answer, Error> {
        let [meta_name, _, vendor_name, vendor2_name, network_name] = FILES;
        let [
            meta_data,
            user_data,
            vendor_data,
            vendor_data2,
            network_data,
        ] = files;
        let Some(document) = meta_data else {
            return Err(cloud.broken(meta_name, "a document", "none"));
        };
        let mut meta_data = cloud.json_map(meta_name, &document)?;
        for (key, of) in [("local-hostname", "hostname"), ("instance-id", "uuid")] {
            if let Some(value) = meta_data.get(of).cloned() {
                meta_data.insert(key, value);
            }
        }
        random_seed(cloud, &mut meta_data);
        let vendor_data = vendor_document(cloud, vendor_name, vendor_data);
        let vendor_data2 = vendor_document(cloud, vendor2_name, vendor_data2);
        let network_data = optional_json(cloud, network_name, network_data);
        Ok(Answer {
            meta_data,
            documents: Documents::default()
                .with(Document::MetaData, Some(document))
                .with(Document::UserData, user_data)
                .with(Document::VendorData, vendor_data)
                .with(Document::VendorData2, vendor_data2),
            network_data: network_data.unwrap_or_default(),
        })
    }

    /// The mode that the owner of the machine has put into its properties.
    pub fn mode(&self) -> Option<&Value> {
        self.meta_data.get("meta")?.get("dsmode")
    }

    /// Makes the network configuration of the document.
    pub fn put_network(&mut self, cloud: &mut Cloud) {
        let links = cloud.links_of(&self.network_data);
        let (document, warnings) = network::openstack::document(&self.network_data, &links);
        cloud.add_warnings(warnings);
        let document = document.map(|document| crate::yaml::write(&document).into_bytes());
        self.documents.put(Document::NetworkConfig, document);
    }

    /// What it tells of an instance; `ec2` is what the same cloud says in EC2's words.
    pub fn told(self, cloud_name: &str, source: Source, ec2: Value) -> Told {
        let beside = Map::from_iter([("network_json", self.network_data), ("ec2_metadata", ec2)]);
        let keys = self.meta_data.get("public_keys").cloned();
        let named = self.meta_data.get("cloud-name").and_then(Value::as_text);
        let cloud_name = named.unwrap_or(cloud_name).to_string();
        Told {
            public_keys: keys.unwrap_or_default(),
            beside,
            documents: self.documents,
            ..Told::by_meta_data(&cloud_name, source, self.meta_data)
        }
    }
}

/// Warns of the files that the cloud wants to be there.
pub fn tell_injected(cloud: &mut Cloud, meta_data: &Map) {
    let files = meta_data.get("files").and_then(Value::as_list);
    let paths = files.unwrap_or_default().iter();
    let paths: Vec<&str> = paths
        .filter_map(|file| file.get("path")?.as_text())
        .collect();
    if paths.is_empty() {
        return;
    }
    let some: Vec<&str> = paths.iter().copied().take(FILES_TOLD_MAX).collect();
    let more = if some.len() < paths.len() {
        ", …"
    } else {
        ""
    };
    let names = crate::text::printable(&[&some.join(", "), more].concat());
    let found = ["injected files, which are not written: ", &names].concat();
    cloud.warn("files", "none", found);
}

/// The seed for the random numbers of the machine, which is base 64, as bytes.
pub fn random_seed(cloud: &mut Cloud, meta_data: &mut Map) {
    let Some(seed) = meta_data.get("random_seed") else {
        return;
    };
    let decoded = seed.as_text().and_then(unpacked_text);
    match decoded {
        Some(bytes) => drop(meta_data.insert("random_seed", Value::Bytes(bytes))),
        None => cloud.warn("random_seed", "base 64", "something else"),
    }
}

fn vendor_document(cloud: &mut Cloud, name: &str, document: Option<Vec<u8>>) -> Option<Vec<u8>> {
    let value = optional_json(cloud, name, document)?;
    vendor::document(&value, |kind| {
        cloud.warn(
            name,
            "a map with `cloud-init`, a list of texts or text",
            kind,
        );
    })
}

/// A document of JSON that costs only itself.
pub fn optional_json(cloud: &mut Cloud, name: &str, document: Option<Vec<u8>>) -> Option<Value> {
    match json::read(&document?) {
        Ok(value) => Some(value),
        Err(error) => {
            cloud.warn(name, "a JSON document", error);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_that_is_known_is_read() {
        for (listing, expected) in [
            ("2012-08-10\n2013-10-17\nlatest", "2013-10-17"),
            ("2018-08-27\n2020-10-14\nlatest", "2018-08-27"),
            ("content\nlatest", "latest"),
            ("", "latest"),
        ] {
            assert_eq!(version(listing.lines()), expected, "{listing}");
        }
    }
}
