//! Vendor-data and user-data inside a document of another kind: text, a list of texts, or, of the operator, a map with
//! either under `cloud-init`.
//!
//! Source: cloud-init's `convert_vendordata` and its processing of user-data. OpenStack and MAAS hand them out in a map, clouds
//! with one JSON document as a field of it.

use alloc::string::String;
use alloc::vec::Vec;

use crate::fetch::Cloud;
use crate::instance::{Document, Documents};
use crate::json;
use crate::value::{Map, Value};

/// The vendor-data in a document that was read; a list becomes a cloud-config archive, which holds the same parts. Nothing for
/// a map without the key.
///
/// # Errors
/// The kind of what stands there instead.
pub fn document(value: &Value) -> Result<Option<Vec<u8>>, &'static str> {
    plain(match value {
        Value::Map(map) => map.get("cloud-init").unwrap_or(&Value::Null),
        other => other,
    })
}

/// The document at a key of the meta-data, if there is one; what can be none leaves a warning.
pub fn field(cloud: &mut Cloud, map: &Map, key: &str) -> Option<Vec<u8>> {
    let read = map.get(key).map_or(Ok(None), plain);
    read.unwrap_or_else(|kind| {
        cloud.warn(key, "text, or a list of texts", String::from(kind));
        None
    })
}

/// The documents of a cloud that hands out one JSON object: the object, and user-data and vendor-data at two of its keys.
pub fn documents(cloud: &mut Cloud, document: Vec<u8>, map: &Map, keys: [&str; 2]) -> Documents {
    let [user_data, vendor_data] = keys.map(|key| field(cloud, map, key));
    Documents::default()
        .with(Document::MetaData, Some(document))
        .with(Document::UserData, user_data)
        .with(Document::VendorData, vendor_data)
}

/// The document that is a value, without a map around it.
fn plain(value: &Value) -> Result<Option<Vec<u8>>, &'static str> {
    match value {
        Value::Null => Ok(None),
        Value::Text(text) if text.is_empty() => Ok(None),
        Value::Text(text) => Ok(Some(text.clone().into_bytes())),
        // YAML's `!!binary`.
        Value::Bytes(bytes) => Ok(Some(bytes.clone())),
        Value::List(list) if list.is_empty() => Ok(None),
        list @ Value::List(_) => {
            let archive = ["#cloud-config-archive\n", &json::write(list), "\n"].concat();
            Ok(Some(archive.into_bytes()))
        }
        other => Err(other.noun()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(text: &str) -> Result<Option<Vec<u8>>, &'static str> {
        document(&json::read(text.as_bytes()).unwrap_or_default())
    }

    #[test]
    fn vendor_data_are_found_in_each_shape() {
        let some = |text: &str| Ok(Some(text.as_bytes().to_vec()));
        assert_eq!(found("\"#!/bin/sh\""), some("#!/bin/sh"));
        assert_eq!(found("{\"cloud-init\": \"x\", \"a\": 1}"), some("x"));
        assert_eq!(
            found("{\"cloud-init\": [\"a\", \"b\"]}"),
            some("#cloud-config-archive\n[\"a\",\"b\"]\n")
        );
        for nothing in ["null", "{}", "\"\"", "[]", "{\"cloud-init\": null}"] {
            assert_eq!(found(nothing), Ok(None), "{nothing}");
        }
        assert_eq!(found("{\"cloud-init\": {\"a\": 1}}"), Err("a map"));
    }
}
