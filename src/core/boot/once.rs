//! `#include-once`: what this instance was given once is not fetched again, as long as /run lasts.
//!
//! cloud-init keeps such documents in /var/lib/cloud, of which there is nothing yet in an initramfs. Here they are in
//! `/run/cloudseed/urlcache`, which the real root has, too, and which a second boot of the program in the same boot of the
//! machine finds. The next boot of the machine asks again.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;

use crate::budget::Purse;
use crate::bytes::Bytes;
use crate::compile::URL_CACHE;
use crate::digest::sha256;
use crate::machine::Files;
use crate::plan::{Mode, Plan, RunPath};
use crate::userdata::{DOCUMENT_BYTES_MAX, Includes};
use crate::warning::Error;

/// Documents that were included once, by the names of their files. One that there is no room for is asked for again.
#[derive(Debug)]
pub struct Kept {
    documents: BTreeMap<String, Bytes>,
    room: Purse,
}

impl Kept {
    /// Room for so many bytes of documents.
    pub fn new(bytes: usize) -> Kept {
        Kept {
            documents: BTreeMap::new(),
            room: Purse::new(bytes),
        }
    }

    /// How many bytes their files take.
    pub fn bytes(&self) -> usize {
        self.room.most() - self.room.left()
    }

    fn keep(&mut self, name: String, body: &Bytes) {
        if !self.documents.contains_key(&name) && self.room.take(body.len()) {
            self.documents.insert(name, body.clone());
        }
    }

    /// Adds their files.
    pub fn put(&self, plan: &mut Plan) {
        for (name, body) in &self.documents {
            if let Some(path) = RunPath::new(&format!("{URL_CACHE}/{name}")) {
                plan.put(path, Mode::Private, body.clone());
            }
        }
    }
}

/// Included documents, of which some were kept.
pub struct Once<'a> {
    /// Where all others come from.
    pub web: &'a mut dyn Includes,
    /// The machine's files, with those of an earlier run.
    pub files: &'a dyn Files,
    /// Whose documents they are: what was kept for another instance does not count.
    pub instance_id: &'a str,
    /// What is kept.
    pub kept: &'a mut Kept,
}

impl Includes for Once<'_> {
    fn get(&mut self, url: &str, once: bool) -> Result<Bytes, Error> {
        if !once {
            return self.web.get(url, once);
        }
        let name = sha256(format!("{}\n{url}", self.instance_id).as_bytes());
        let now = self.kept.documents.get(&name).cloned();
        let path = format!("/run/{URL_CACHE}/{name}");
        let kept = || self.files.read(&path, DOCUMENT_BYTES_MAX).map(Bytes::from);
        let body = match now.or_else(kept) {
            Some(body) => body,
            None => self.web.get(url, once)?,
        };
        self.kept.keep(name, &body);
        Ok(body)
    }
}
