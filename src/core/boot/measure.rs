//! Measure: a PCR of the machine's TPM is extended with the digest of what was fetched, before any of it is judged or taken
//! apart (`cloudseed.measure=PCR`; with `,required` nothing is taken that could not be measured).
//!
//! An event is one source's documents, one included document, or one document of configuration. What is extended is the SHA-256
//! of what `sha256sum` prints of them:
//!
//! ```text
//!   event = *( hexdigits SP SP name LF )
//!   name  = "meta-data" / "meta_data.json" / "user-data" / "vendor-data" / "vendor-data2" / "network-config" / URL
//! ```
//! in this order, without those that there are not. `meta_data.json` is there where a cloud hands meta-data out in many answers:
//! the tree of them as instance-data.json has it below `ds.meta_data`, and a line feed. A boot that measured nothing measures an
//! event without a document: who comes later cannot pretend to have been fetched.
//!
//! The worker, which holds the documents, has no way to the TPM: it asks its parent for each extension, and can ask for nothing
//! else.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::bytes::Bytes;
use crate::digest;
use crate::instance::{Document, Instance};
use crate::json;
use crate::settings::own::Measure;
use crate::text::harmless;
use crate::tpm::Digest;
use crate::url::shown;
use crate::userdata::Includes;
use crate::value::{Map, Value};
use crate::warning::{Blame, Error, Warning};

use super::Parent;

/// Most extensions of one boot; there are fewer documents that may be included.
pub const EVENTS_MAX: usize = 512;

/// Who measures.
pub struct Measurer<'a> {
    asked: Option<Measure>,
    /// Without a parent nothing is carried out, and nothing measured.
    parent: Option<&'a mut dyn Parent>,
    events: Vec<Value>,
    /// The first thing that could not be measured.
    lost: Option<Warning>,
}

impl<'a> Measurer<'a> {
    /// For a boot that was asked for this, by this parent.
    pub fn new(asked: Option<Measure>, parent: Option<&'a mut dyn Parent>) -> Measurer<'a> {
        Measurer {
            asked,
            parent,
            events: Vec::new(),
            lost: None,
        }
    }

    /// Who started the boot, if that is to hear of it.
    pub fn parent(&mut self) -> Option<&mut (dyn Parent + 'a)> {
        self.parent.as_deref_mut()
    }

    /// What was measured, for result.json.
    pub fn events(&self) -> &[Value] {
        &self.events
    }

    /// The first thing that could not be measured, and was taken all the same.
    pub fn lost(&mut self) -> Option<Warning> {
        self.lost.take()
    }

    /// Measures what a source has handed out.
    ///
    /// # Errors
    /// It could not be, and has to.
    pub fn instance(&mut self, instance: &Instance) -> Result<(), Error> {
        if self.asked.is_none() {
            return Ok(());
        }
        self.measure(&instance.source.place, lines(instance))
    }

    /// Measures one document by its address.
    ///
    /// # Errors
    /// It could not be, and has to.
    pub fn document(&mut self, url: &str, body: &[u8]) -> Result<(), Error> {
        if self.asked.is_none() {
            return Ok(());
        }
        let name: String = shown(url).to_string().chars().map(harmless).collect();
        let line = (name.clone(), digest::sha256(body));
        self.measure(&name, Vec::from([line]))
    }

    /// Measures that there was nothing, where there was nothing.
    pub fn end(&mut self) {
        if self.events.is_empty() {
            // There is nothing that could be refused.
            let _ = self.measure("nothing", Vec::new());
        }
    }

    fn measure(&mut self, place: &str, documents: Vec<(String, String)>) -> Result<(), Error> {
        let (Some(asked), Some(parent)) = (&self.asked, &mut self.parent) else {
            return Ok(());
        };
        let mut text = String::new();
        for (name, sum) in &documents {
            text.extend([sum.as_str(), "  ", name, "\n"]);
        }
        let digest = digest::sha256_bytes(text.as_bytes());
        let found = match asked.pcr {
            _ if self.events.len() >= EVENTS_MAX => Err(format!("more than {EVENTS_MAX} events")),
            None => Err(String::from("a setting that names none")),
            Some(pcr) => parent.extend(pcr, &digest),
        };
        let failed = found.as_ref().err().cloned();
        if self.events.len() < EVENTS_MAX {
            let event = event(asked, place, documents, &digest, found);
            self.events.push(event);
        }
        let Some(found) = failed else { return Ok(()) };
        let expected = match asked.pcr {
            Some(pcr) => format!("a TPM 2.0 that extends PCR {pcr}"),
            None => String::from("a TPM 2.0 and one of its PCRs"),
        };
        if asked.required {
            return Err(Error::new(Blame::Broken, "measure", place, expected, found));
        }
        self.lost
            .get_or_insert_with(|| Warning::new("measure", place, expected, found));
        Ok(())
    }
}

/// An event for result.json.
fn event(
    asked: &Measure,
    place: &str,
    documents: Vec<(String, String)>,
    digest: &Digest,
    found: Result<Digest, String>,
) -> Value {
    let documents = documents.into_iter().map(|(name, sum)| {
        let line = [("name", Value::from(name)), ("sha256", Value::from(sum))];
        Value::from(Map::from_iter(line))
    });
    let mut event = Map::new();
    event.insert("pcr", asked.pcr.map(i64::from));
    event.insert("bank", "sha256");
    event.insert("place", place);
    event.insert("documents", documents.collect::<Vec<Value>>());
    event.insert("digest", digest::hex(digest, ""));
    match found {
        Ok(value) => event.insert("value", digest::hex(&value, "")),
        Err(found) => event.insert("error", found),
    };
    event.into()
}

/// Each document by its name, and the digest of it.
fn lines(instance: &Instance) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    if instance.documents.get(Document::MetaData).is_none() {
        let tree = json::write_indented(&instance.meta_data) + "\n";
        lines.push((
            String::from("meta_data.json"),
            digest::sha256(tree.as_bytes()),
        ));
    }
    let documents = instance.documents.iter();
    lines
        .extend(documents.map(|(document, bytes)| (document.name().into(), digest::sha256(bytes))));
    lines
}

/// Included documents, each measured before anybody reads it.
pub struct Measuring<'a, 'b> {
    /// Where they come from.
    pub includes: &'a mut dyn Includes,
    /// Who measures them.
    pub measurer: &'a mut Measurer<'b>,
}

impl Includes for Measuring<'_, '_> {
    fn get(&mut self, url: &str, once: bool) -> Result<Bytes, Error> {
        let body = self.includes.get(url, once)?;
        self.measurer.document(url, &body)?;
        Ok(body)
    }
}
