//! Vendor-data inside a document of another kind: text, a list of texts, or a map with either under `cloud-init`.
//!
//! Source: cloud-init's `convert_vendordata`. OpenStack and MAAS hand it out so.

use alloc::vec::Vec;

use crate::json;
use crate::value::Value;

/// The vendor-data in a document that was read; a list becomes a cloud-config archive, which holds the same parts. Nothing for
/// a map without the key.
///
/// # Errors
/// The kind of what stands there instead.
pub fn document(value: &Value) -> Result<Option<Vec<u8>>, &'static str> {
    let inner = match value {
        Value::Map(map) => map.get("cloud-init").unwrap_or(&Value::Null),
        other => other,
    };
    match inner {
        Value::Null => Ok(None),
        Value::Text(text) if text.is_empty() => Ok(None),
        Value::Text(text) => Ok(Some(text.clone().into_bytes())),
        Value::List(list) if list.is_empty() => Ok(None),
        list @ Value::List(_) => {
            let archive = ["#cloud-config-archive\n", &json::write(list), "\n"].concat();
            Ok(Some(archive.into_bytes()))
        }
        other => Err(other.kind()),
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
        assert_eq!(found("{\"cloud-init\": {\"a\": 1}}"), Err("dict"));
    }
}
