//! Part handlers: Python that the user-data brings along, for the real root to call with the parts that follow it.
//!
//! `plan/handlers.py` calls them as cloud-init would; `plan/handlers.json` has what it must know. Neither is there if no
//! part is a handler.

use alloc::vec::Vec;

use super::parts::headers;
use super::{Document, Numbered, Products};
use crate::instance::Instance;
use crate::json;
use crate::plan::Mode;
use crate::userdata::part_type::PartType;
use crate::value::{Map, Value};

/// The program that calls the handlers.
const PROGRAM: &str = include_str!("handlers.py");

/// Adds the program and the list of parts, document by document: a handler sees the parts of its own document only.
pub(super) fn put(products: &mut Products, instance: &Instance, parts: &[Numbered]) {
    if !parts
        .iter()
        .any(|numbered| numbered.part.content_type == PartType::PartHandler)
    {
        return;
    }
    let of = |document: Document| -> Value {
        let own = parts
            .iter()
            .filter(|numbered| numbered.document == document);
        Value::from(own.map(described).collect::<Vec<Value>>())
    };
    let documents = [
        Document::UserData,
        Document::VendorData,
        Document::VendorData2,
    ]
    .map(of);
    let ssh_keys: Vec<Value> = instance
        .ssh_keys
        .iter()
        .map(|key| key.as_str().into())
        .collect();
    let facts = Map::from_iter([
        ("instance_id", Value::from(instance.instance_id.as_str())),
        (
            "hostname",
            instance.hostname.as_ref().map(|name| name.as_str()).into(),
        ),
        ("launch_index", instance.launch_index.into()),
        ("public_ssh_keys", ssh_keys.into()),
        ("documents", Vec::from(documents).into()),
    ]);
    let facts = json::write_indented(&facts.into()) + "\n";
    products.put("cloudseed/plan/handlers.json", Mode::Private, facts);
    products.put("cloudseed/plan/handlers.py", Mode::Private, PROGRAM);
}

fn described(numbered: &Numbered) -> Value {
    let part = numbered.part;
    Value::Map(Map::from_iter([
        ("number", Value::from(numbered.number)),
        ("type", part.content_type.as_str().into()),
        ("filename", part.filename.as_str().into()),
        ("file", numbered.file.as_str().into()),
        ("headers", headers(part).into()),
    ]))
}
