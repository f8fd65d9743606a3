//! Vendor-data and user-data inside a document of another kind: text, a list of texts, or, of the operator, a map with
//! either under `cloud-init`.
//!
//! Source: cloud-init's `convert_vendordata` and its processing of user-data. OpenStack and MAAS hand them out in a map, clouds
//! with one JSON document as a field of it.

use alloc::vec::Vec;

use crate::fetch::Cloud;
use crate::instance::{Document, Documents};
use crate::userdata::compose;
use crate::value::{Map, Value};

/// The vendor-data in a document that was read, if there are any; none for a map without the key. `refuse` is told the kind of
/// what can be none.
pub fn document(value: &Value, refuse: impl FnOnce(&'static str)) -> Option<Vec<u8>> {
    let value = match value {
        Value::Map(map) => map.get("cloud-init").unwrap_or(&Value::Null),
        other => other,
    };
    plain(value, refuse)
}

/// The document at a key of the meta-data, if there is one; what can be none leaves a warning.
pub fn field(cloud: &mut Cloud, map: &Map, key: &str) -> Option<Vec<u8>> {
    plain(map.get(key)?, |kind| {
        cloud.warn(key, "text, or a list of texts", kind);
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

/// The document that is a value, without a map around it; of a list each element is one, and all that are of it become one. With
/// an element that is none cloud-init loses them all.
fn plain(value: &Value, refuse: impl FnOnce(&'static str)) -> Option<Vec<u8>> {
    let (documents, others): (Vec<&Value>, Vec<&Value>) = match value {
        Value::List(list) => list.iter().partition(|element| bytes(element).is_some()),
        Value::Null => return None,
        single => [single]
            .into_iter()
            .partition(|single| bytes(single).is_some()),
    };
    if let Some(other) = others.first() {
        refuse(other.noun());
    }
    let documents: Vec<&[u8]> = documents.into_iter().filter_map(bytes).collect();
    let is_some = documents.iter().any(|document| !document.is_empty());
    is_some.then(|| compose::joined(&documents))
}

/// Text; in YAML also `!!binary`; nothing is an empty document.
fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::Null => Some(&[]),
        Value::Text(text) => Some(text.as_bytes()),
        Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json;

    fn found(text: &str) -> (Option<Vec<u8>>, &'static str) {
        let mut refused = "";
        let value = json::read(text.as_bytes()).unwrap_or_default();
        let document = document(&value, |kind| refused = kind);
        (document, refused)
    }

    #[test]
    fn vendor_data_are_found_in_each_shape() {
        let some = |text: &str| (Some(text.as_bytes().to_vec()), "");
        assert_eq!(found("\"#!/bin/sh\""), some("#!/bin/sh"));
        assert_eq!(found("{\"cloud-init\": \"x\", \"a\": 1}"), some("x"));
        assert_eq!(found("{\"cloud-init\": [\"a\"]}"), some("a"));
        let both = Some(compose::joined(&[b"a", b"b"]));
        assert_eq!(
            found("{\"cloud-init\": [\"a\", \"b\"]}"),
            (both.clone(), "")
        );
        assert_eq!(found("[\"a\", {}, \"b\", 1]"), (both, "a map"));
        for nothing in [
            "null",
            "{}",
            "\"\"",
            "[]",
            "[\"\"]",
            "{\"cloud-init\": null}",
        ] {
            assert_eq!(found(nothing), (None, ""), "{nothing}");
        }
        assert_eq!(found("{\"cloud-init\": {\"a\": 1}}"), (None, "a map"));
    }
}
