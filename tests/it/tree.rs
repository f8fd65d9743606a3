//! Files of a machine in memory, for tests of what reads them.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::Duration;

use cloudseed_core::machine::{Disk, Files, Kind};

/// A machine's files by path; a directory is what has something below it.
#[derive(Clone, Default)]
pub struct Tree {
    files: BTreeMap<String, Vec<u8>>,
    sockets: Vec<String>,
    variables: BTreeMap<String, String>,
    pub cpuid: Option<[u8; 12]>,
    pub architecture: Option<&'static str>,
    pub times: BTreeMap<String, Duration>,
    /// The part of each disk that fails.
    pub failing: Range<u64>,
}

impl Tree {
    pub fn new(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (path, content) in files {
            tree.put(path, content.as_bytes());
        }
        tree
    }

    pub fn put(&mut self, path: &str, content: &[u8]) {
        self.files.insert(path.to_owned(), content.to_vec());
    }

    pub fn set(&mut self, variable: &str, value: &str) {
        self.variables.insert(variable.to_owned(), value.to_owned());
    }
}

impl Files for Tree {
    fn read(&self, path: &str, bytes_max: usize) -> Option<Vec<u8>> {
        let content = self.files.get(path)?;
        (content.len() <= bytes_max).then(|| content.clone())
    }

    fn document(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, String> {
        Ok(self.read(path, bytes_max))
    }

    fn list(&self, path: &str) -> Vec<String> {
        let prefix = format!("{path}/");
        let mut names: Vec<String> = self
            .files
            .keys()
            .filter_map(|file| file.strip_prefix(&prefix))
            .map(|rest| rest.split('/').next().unwrap_or(rest).to_owned())
            .collect();
        names.dedup();
        names
    }

    fn kind(&self, path: &str) -> Option<Kind> {
        if self.sockets.iter().any(|socket| socket == path) {
            return Some(Kind::Socket);
        }
        if self.files.contains_key(path) {
            return Some(Kind::File);
        }
        (!self.list(path).is_empty()).then_some(Kind::Directory)
    }

    fn disk(&self, name: &str) -> Option<Box<dyn Disk>> {
        let bytes = self.files.get(&format!("/dev/{name}"))?;
        let failing = self.failing.clone();
        Some(Box::new(Failing(Image(bytes.clone()), failing)))
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }

    fn cpuid_vendor(&self) -> Option<[u8; 12]> {
        self.cpuid
    }

    fn architecture(&self) -> Option<&'static str> {
        self.architecture
    }

    fn modified(&self, path: &str) -> Option<Duration> {
        self.times.get(path).copied()
    }
}

/// Other files, but for what is laid over them. Each closure is given those below.
pub struct Overlay<'a> {
    pub below: &'a dyn Files,
    pub read: Read<'a>,
    pub list: List<'a>,
    pub kind: KindOf<'a>,
}

type Read<'a> = Box<dyn Fn(&dyn Files, &str, usize) -> Option<Vec<u8>> + 'a>;
type List<'a> = Box<dyn Fn(&dyn Files, &str) -> Vec<String> + 'a>;
type KindOf<'a> = Box<dyn Fn(&dyn Files, &str) -> Option<Kind> + 'a>;

impl<'a> Overlay<'a> {
    /// Nothing over these.
    pub fn of(below: &'a dyn Files) -> Overlay<'a> {
        Overlay {
            below,
            read: Box::new(|below, path, bytes_max| below.read(path, bytes_max)),
            list: Box::new(|below, path| below.list(path)),
            kind: Box::new(|below, path| below.kind(path)),
        }
    }
}

impl Files for Overlay<'_> {
    fn read(&self, path: &str, bytes_max: usize) -> Option<Vec<u8>> {
        (self.read)(self.below, path, bytes_max)
    }

    fn document(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, String> {
        Ok(self.read(path, bytes_max))
    }

    fn list(&self, path: &str) -> Vec<String> {
        (self.list)(self.below, path)
    }

    fn kind(&self, path: &str) -> Option<Kind> {
        (self.kind)(self.below, path)
    }

    fn disk(&self, name: &str) -> Option<Box<dyn Disk>> {
        self.below.disk(name)
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.below.variable(name)
    }

    fn cpuid_vendor(&self) -> Option<[u8; 12]> {
        self.below.cpuid_vendor()
    }

    fn architecture(&self) -> Option<&'static str> {
        self.below.architecture()
    }

    fn modified(&self, path: &str) -> Option<Duration> {
        self.below.modified(path)
    }
}

/// A disk in memory.
pub struct Image(pub Vec<u8>);

impl Disk for Image {
    fn bytes(&self) -> u64 {
        self.0.len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        let from = usize::try_from(offset).ok();
        let bytes = from.and_then(|from| self.0.get(from..)?.get(..buffer.len()));
        bytes.is_some_and(|bytes| {
            buffer.copy_from_slice(bytes);
            true
        })
    }
}

/// A disk of which a part gives errors.
struct Failing(Image, Range<u64>);

impl Disk for Failing {
    fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        let end = offset + buffer.len() as u64;
        let fails = offset < self.1.end && self.1.start < end;
        !fails && self.0.read_at(offset, buffer)
    }
}
