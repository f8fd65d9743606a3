//! Parts: every part of every document, decoded, under a number and a harmless name.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::{Found, Outcome, Products};
use crate::config::Numbered;
use crate::digest::sha256;
use crate::json;
use crate::userdata::Part;
use crate::userdata::filename::file_name;
use crate::value::{Map, Value};

/// The headers of a part as a list of pairs, in their order.
pub fn headers(part: &Part) -> Vec<Value> {
    part.headers
        .iter()
        .map(|(name, value)| Value::from(vec![name.as_str().into(), value.as_str().into()]))
        .collect()
}

/// Adds the parts, used or not, and the list of them.
pub(super) fn print(products: &mut Products, _: &Outcome, found: &Found) {
    let parts = &found.config.parts;
    for numbered in parts {
        let path = format!("cloudseed/parts/{}", file(numbered));
        products.put(&path, numbered.part.content.clone());
    }
    let list: Vec<Value> = parts.iter().map(described).collect();
    let list = json::write_indented(&Map::from_iter([("parts", list)]).into()) + "\n";
    products.put("cloudseed/parts.json", list);
}

/// The name of the file of a part in `parts/`.
pub(super) fn file(numbered: &Numbered) -> String {
    file_name(numbered.number, &numbered.part.filename)
}

fn described(numbered: &Numbered) -> Value {
    let part = &numbered.part;
    let bytes = i64::try_from(part.content.len()).unwrap_or(i64::MAX);
    Value::Map(Map::from_iter([
        ("number", Value::from(numbered.number)),
        ("document", numbered.document.name().into()),
        ("type", part.content_type.as_str().into()),
        ("filename", part.filename.as_str().into()),
        ("file", file(numbered).into()),
        ("origin", part.origin.as_str().into()),
        ("headers", headers(part).into()),
        ("bytes", bytes.into()),
        ("sha256", sha256(&part.content).into()),
    ]))
}
