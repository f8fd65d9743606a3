//! Part handlers: Python that the user-data brings along, for the real root to call with the parts that follow it.
//!
//! `plan/handlers.py` calls them as cloud-init would; `plan/handlers.json` has what it must know. Neither is there if no
//! part is a handler.

use alloc::vec::Vec;

use super::parts::{file, headers};
use super::{Found, Outcome, Products};
use crate::config::Numbered;
use crate::instance::Document;
use crate::json;
use crate::value::{Map, Value};

/// The program that calls the handlers.
const PROGRAM: &str = include_str!("handlers.py");

/// Adds the program and the list of parts, document by document: a handler sees the parts of its own document only.
pub(super) fn print(products: &mut Products, _: &Outcome, found: &Found) {
    let Found {
        instance, config, ..
    } = *found;
    if !config.has_handler() {
        return;
    }
    let of = |document: Document| -> Value {
        let own = config
            .allowed()
            .filter(|numbered| numbered.document == document);
        Value::from(own.map(described).collect::<Vec<Value>>())
    };
    let documents = Document::ALL.map(of);
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
    products.put("cloudseed/plan/handlers.json", facts);
    products.put("cloudseed/plan/handlers.py", PROGRAM);
}

fn described(numbered: &Numbered) -> Value {
    let part = &numbered.part;
    Value::Map(Map::from_iter([
        ("number", Value::from(numbered.number)),
        ("type", part.content_type.as_str().into()),
        ("filename", part.filename.as_str().into()),
        ("file", file(numbered).into()),
        ("headers", headers(part).into()),
    ]))
}
