//! Config: what the parts mean, decided before anything is printed.
//!
//! ```text
//!   parts ─► numbered ─► user's cloud-config ─► the owner's rules ─► vendor's cloud-config      config/cloud_config.rs
//!                         (merged)               config/vendor.rs ├► scripts, in their order    config/script.rs
//!                                                                 └► part handlers
//! ```
//!
//! What is left out stays among the parts, for it is delivered all the same: [`Numbered::forbidden`] says why the owner's rules
//! leave it out, a warning why it could not be used.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Display;

pub mod accounts;
pub mod cloud_config;
pub mod credentials;
pub mod script;
pub mod vendor;

use crate::budget::Budget;
use crate::instance::Document;
use crate::userdata::Part;
use crate::userdata::merge::Mergers;
use crate::userdata::part_type::PartType;
use crate::value::{Map, Value};
use crate::warning::Warning;

use cloud_config::Merged;
use script::Script;

/// The step, for warnings.
const STEP: &str = "merge";

/// The parts of one document.
#[derive(Clone, Debug)]
pub struct Parts {
    /// Which one.
    pub document: Document,
    /// Its parts, in order.
    pub parts: Vec<Part>,
}

/// A part with its number among the parts of all documents.
#[derive(Clone, Debug)]
pub struct Numbered {
    /// The number, from 1.
    pub number: u32,
    /// Where it came from first.
    pub document: Document,
    /// The part.
    pub part: Part,
    /// Why the owner's rules leave it out, if they do.
    pub forbidden: Option<&'static str>,
}

/// What the parts mean.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Every part of every document, in order; those of user-data, the first, keep their own numbers.
    pub parts: Vec<Numbered>,
    /// The cloud-config of each document that has any.
    pub cloud_configs: Vec<(Document, Merged)>,
    /// What the kernel command line configures, weaker than any document.
    pub commanded: Map,
    /// Boothooks and scripts, in the order in which they run.
    pub scripts: Vec<Script>,
    /// Whether the owner has rules for a document of the operator.
    pub rules: bool,
    /// The command of which vendor scripts are arguments, a word each; empty for none.
    pub vendor_prefix: Vec<String>,
}

/// Decides what the parts mean, and tells what could not be used. `system` is what the system's own configuration says of
/// vendor-data, under its keys.
pub fn merge(documents: Vec<Parts>, system: &Value, budget: &Budget) -> (Config, Vec<Warning>) {
    let mut warnings = Vec::new();
    let mut config = Config {
        parts: numbered(documents),
        ..Config::default()
    };
    config.merge_cloud_config(Document::UserData, budget, &mut warnings);
    vendor::restrict(&mut config, system, &mut warnings);
    config.merge_cloud_config(Document::VendorData, budget, &mut warnings);
    config.merge_cloud_config(Document::VendorData2, budget, &mut warnings);
    config.scripts = script::scripts(&config, &mut warnings);
    (config, warnings)
}

impl Config {
    /// The parts that the owner's rules do not leave out.
    pub fn allowed(&self) -> impl Iterator<Item = &Numbered> {
        let parts = self.parts.iter();
        parts.filter(|numbered| numbered.forbidden.is_none())
    }

    /// Whether a part is a handler, which has to be called with the others.
    pub fn has_handler(&self) -> bool {
        self.allowed()
            .any(|numbered| numbered.part.content_type == PartType::PartHandler)
    }

    /// The merged cloud-config of one document as a tree, if it has any.
    pub fn cloud_config(&self, document: Document) -> Option<&Value> {
        let mut all = self.cloud_configs.iter();
        let (_, merged) = all.find(|(of, _)| *of == document)?;
        Some(&merged.value)
    }

    /// What all documents, the platform (`weaker`) and the kernel command line say together, as cloud-init joins it.
    pub fn together(&self, weaker: &Map) -> Value {
        const DOCUMENTS: [Document; 3] = [
            Document::UserData,
            Document::VendorData2,
            Document::VendorData,
        ];
        let documents = DOCUMENTS.iter();
        let documents = documents.filter_map(|document| self.cloud_config(*document)?.as_map());
        let mergers = Mergers::of_system();
        let budget = Budget::new();
        let mut all = Value::Map(Map::new());
        for map in documents.chain([weaker, &self.commanded]) {
            // These mergers refuse nothing.
            let _ = mergers.merge(&mut all, map.clone().into(), &budget);
        }
        all
    }

    fn merge_cloud_config(
        &mut self,
        document: Document,
        budget: &Budget,
        warnings: &mut Vec<Warning>,
    ) {
        let own = self
            .allowed()
            .filter(|numbered| numbered.document == document);
        let mut merged = cloud_config::merge_parts(own.map(|numbered| &numbered.part), budget);
        warnings.append(&mut merged.warnings);
        if !merged.is_empty() {
            self.cloud_configs.push((document, merged));
        }
    }
}

fn warning(place: impl Display, expected: &str, found: impl Display) -> Warning {
    Warning::new(STEP, place, expected, found)
}

fn numbered(documents: Vec<Parts>) -> Vec<Numbered> {
    let mut all: Vec<Numbered> = Vec::new();
    for Parts { document, parts } in documents {
        let before = all.last().map_or(0, |last| last.number);
        all.extend(parts.into_iter().map(|part| Numbered {
            number: before.saturating_add(part.number),
            document,
            part,
            forbidden: None,
        }));
    }
    all
}
