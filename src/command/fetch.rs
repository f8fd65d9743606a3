//! `cloudseed fetch`: asks the platform, and prints what it says of this machine.

use std::path::PathBuf;

use argh::FromArgs;
use cloudseed_core::instance::{Document, Instance};
use cloudseed_core::json;
use cloudseed_core::platform::Platform;
use cloudseed_core::value::{Map, Value};

/// ask the platform, and print the instance; nothing is written
#[derive(FromArgs)]
#[argh(subcommand, name = "fetch")]
pub struct Fetch {
    /// print one JSON document, with the meta-data
    #[argh(switch)]
    json: bool,
    /// fetch from this platform, whatever firmware says
    #[argh(option, from_str_fn(super::platform))]
    pub platform: Option<&'static Platform>,
    /// the prefix of everything read (default: /)
    #[argh(option, default = "PathBuf::from(\"/\")")]
    pub root: PathBuf,
}

impl Fetch {
    /// The instance as it is shown.
    pub fn shown(&self, instance: &Instance) -> String {
        let keys: Vec<Value> = instance
            .ssh_keys
            .iter()
            .map(|key| key.as_str().into())
            .collect();
        let hostname = instance.hostname.as_ref().map(|name| name.as_str());
        let bytes = |document| {
            let bytes = instance.documents.get(document);
            Value::from(bytes.map(|bytes| i64::try_from(bytes.len()).unwrap_or(i64::MAX)))
        };
        let facts: [(&str, Value); 13] = [
            ("platform", instance.platform.into()),
            ("cloud_name", instance.cloud_name.as_str().into()),
            ("source", instance.source.place.as_str().into()),
            ("instance_id", instance.instance_id.as_str().into()),
            ("hostname", hostname.into()),
            ("region", instance.region.as_deref().into()),
            (
                "availability_zone",
                instance.availability_zone.as_deref().into(),
            ),
            ("launch_index", instance.launch_index.into()),
            ("ssh_keys", keys.into()),
            ("user_data_bytes", bytes(Document::UserData)),
            ("vendor_data_bytes", bytes(Document::VendorData)),
            ("vendor_data2_bytes", bytes(Document::VendorData2)),
            ("network_config_bytes", bytes(Document::NetworkConfig)),
        ];
        if self.json {
            let mut tree = Map::from_iter(facts);
            tree.insert("meta_data", instance.meta_data.clone());
            return json::write_indented(&tree.into());
        }
        let known = facts.iter().filter(|(_, value)| !value.is_null());
        let lines: Vec<String> = known
            .map(|(name, value)| {
                let value = value.to_text().unwrap_or_else(|| json::write(value));
                format!("{:<20} {value}", name.replace('_', " "))
            })
            .collect();
        lines.join("\n")
    }
}
