//! A machine's files in memory, for the tests beside the code.
#![allow(clippy::unwrap_used)]

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Disk, Files, Kind};

/// A machine's files in memory: text by path, and by name without a slash a variable.
pub struct Tree(BTreeMap<&'static str, &'static str>);

impl Tree {
    /// The machine of these.
    pub fn of(entries: &[(&'static str, &'static str)]) -> Tree {
        Tree(entries.iter().copied().collect())
    }
}

impl Files for Tree {
    fn read(&self, path: &str, _: usize) -> Option<Vec<u8>> {
        self.0.get(path).map(|text| text.as_bytes().to_vec())
    }
    fn document(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, String> {
        Ok(self.read(path, bytes_max))
    }
    fn list(&self, path: &str) -> Vec<String> {
        let below = self
            .0
            .keys()
            .filter_map(|key| key.strip_prefix(path)?.strip_prefix('/'));
        let mut names: Vec<String> = below
            .map(|rest| String::from(rest.split('/').next().unwrap()))
            .collect();
        names.sort();
        names.dedup();
        names
    }
    fn kind(&self, path: &str) -> Option<Kind> {
        match self.0.get(path) {
            Some(&"socket") => Some(Kind::Socket),
            Some(_) => Some(Kind::File),
            None if self.list(path).is_empty() => None,
            None => Some(Kind::Directory),
        }
    }
    fn disk(&self, _: &str) -> Option<Box<dyn Disk>> {
        None
    }
    fn cpuid_vendor(&self) -> Option<[u8; 12]> {
        None
    }
    fn architecture(&self) -> Option<&'static str> {
        None
    }
    fn modified(&self, _: &str) -> Option<Duration> {
        None
    }
    fn variable(&self, name: &str) -> Option<String> {
        self.0.get(name).map(|text| String::from(*text))
    }
}
