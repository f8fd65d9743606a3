//! A machine's files whose bytes are the fuzzer's.

use std::time::Duration;

use cloudseed_core::machine::{Disk, Files, Kind};

/// A machine's files: those of a fixed list, with the fuzzer's bytes in them.
pub struct Paths<'a>(Vec<(&'static str, &'a [u8])>);

impl<'a> Paths<'a> {
    /// Gives each piece of `bytes`, which are parted by 0xfe, to the path that its first byte chooses.
    pub fn new(paths: &[&'static str], bytes: &'a [u8]) -> Paths<'a> {
        let pieces = bytes.split(|byte| *byte == 0xfe);
        let chosen = pieces.filter_map(|piece| {
            let (first, content) = piece.split_first()?;
            Some((paths[usize::from(*first) % paths.len()], content))
        });
        Paths(chosen.collect())
    }

    /// Puts one file before all others of its path.
    pub fn put(&mut self, path: &'static str, content: &'a [u8]) {
        self.0.insert(0, (path, content));
    }

    fn content(&self, path: &str) -> Option<&'a [u8]> {
        let found = self.0.iter().find(|(name, _)| *name == path);
        found.map(|(_, content)| *content)
    }
}

impl Files for Paths<'_> {
    fn read(&self, path: &str, bytes_max: usize) -> Option<Vec<u8>> {
        let content = self.content(path)?;
        (content.len() <= bytes_max).then(|| content.to_vec())
    }

    fn document(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, String> {
        Ok(self.read(path, bytes_max))
    }

    fn list(&self, path: &str) -> Vec<String> {
        let below = |name: &&'static str| name.strip_prefix(path)?.strip_prefix('/');
        let names = self.0.iter().filter_map(|(name, _)| below(name));
        let mut names: Vec<String> = names
            .filter_map(|rest| rest.split('/').next())
            .map(String::from)
            .collect();
        names.sort();
        names.dedup();
        names
    }

    fn kind(&self, path: &str) -> Option<Kind> {
        match self.content(path) {
            Some(_) => Some(Kind::File),
            None => (!self.list(path).is_empty()).then_some(Kind::Directory),
        }
    }

    fn disk(&self, name: &str) -> Option<Box<dyn Disk>> {
        let content = self.content(&format!("/dev/{name}"))?;
        Some(Box::new(Whole(content.to_vec())))
    }

    fn variable(&self, name: &str) -> Option<String> {
        let content = self.content(name)?;
        Some(String::from_utf8_lossy(content).into_owned())
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
}

/// A disk of exactly these bytes.
struct Whole(Vec<u8>);

impl Disk for Whole {
    fn bytes(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        let piece = usize::try_from(offset)
            .ok()
            .and_then(|offset| self.0.get(offset..)?.get(..buffer.len()));
        piece.is_some_and(|piece| {
            buffer.copy_from_slice(piece);
            true
        })
    }
}
