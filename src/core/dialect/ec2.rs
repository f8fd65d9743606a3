//! The tree of EC2's metadata service, which AWS, its relatives and others serve.
//!
//! ```text
//!   listing = *( line LF )
//!   line    = name "/"                ; a directory
//!           / 1*DIGIT "=" name        ; a public key, which lies at NUMBER/openssh-key
//!           / name                    ; a leaf
//! ```
//! A name is what somebody called a tag, perhaps, and its path has it percent-encoded.
//! Others than the owner of the machine may add to the tree (tags): one leaf never costs the tree. Source: the EC2 user guide,
//! "Instance metadata categories", and cloud-init's behaviour.

use alloc::collections::{BTreeSet, VecDeque};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::fetch::service::Service;
use crate::fetch::{Cloud, RESPONSE_BYTES_MAX};
use crate::instance::{Document, Documents, Source, Told};
use crate::url::name_encoded;
use crate::value::{Map, Value};
use crate::warning::{Blame, Error};

/// Most entries of the tree that are read.
pub const ENTRIES_MAX: usize = 2000;
/// Deepest directory of the tree that is read.
pub const TREE_DEPTH_MAX: usize = 12;
/// Longest path in the tree that is asked for, in bytes; with its service it makes a URL that can be.
const PATH_BYTES_MAX: usize = 2048;
/// Most entries that may be lost before the tree is.
pub const LOST_MAX: usize = 8;

/// How many entries are asked for in one round trip: as many as are carried at a time.
const ROUND: usize = 10;

/// One entry of the tree.
struct Entry {
    key: String,
    /// How many directories are above it.
    depth: usize,
    path: String,
    what: What,
}

/// What an entry is.
enum What {
    /// A directory, and which entries it has.
    Directory(Vec<usize>),
    /// A document; nothing if it could not be had.
    Leaf(Option<Vec<u8>>),
}

/// What is read together.
#[derive(Clone, Copy)]
pub enum Root<'p> {
    /// A tree that must be there, by its path, which ends in a slash.
    Tree(&'p str),
    /// A tree that may be missing.
    OptionalTree(&'p str),
    /// A document that may be missing.
    Document(&'p str),
}

/// What was read.
pub struct Trees(Vec<Entry>);

impl Trees {
    /// The document at this path.
    pub fn document(&self, path: &str) -> Option<&[u8]> {
        let entry = self.0.iter().find(|entry| entry.path == path)?;
        match &entry.what {
            What::Leaf(body) => body.as_deref(),
            What::Directory(_) => None,
        }
    }

    /// The tree of this root, by its number; afterwards it is empty.
    pub fn take(&mut self, root: usize) -> Map {
        gathered(&mut self.0, root)
    }
}

/// Trees being read.
struct Crawl<'c, 'a, 's> {
    cloud: &'c mut Cloud<'a>,
    service: &'c mut Service<'s>,
    entries: Vec<Entry>,
    /// The directories that have not been asked for, by their places among the entries.
    directories: VecDeque<usize>,
    /// The same of the leaves.
    leaves: VecDeque<usize>,
    /// How many of the entries are roots; the first is the one that counts.
    roots: usize,
    bytes: usize,
    lost: usize,
}

/// Reads everything below the roots, directories first, so that it takes hardly more round trips than the deepest is deep.
/// Credentials of the machine's role are never read. An entry that cannot be had costs itself, with a warning.
///
/// # Errors
/// A tree that must be there has no listing, nobody answers any more, more than [`LOST_MAX`] entries cannot be had, or
/// everything together is larger than its bounds.
pub fn crawl(cloud: &mut Cloud, service: &mut Service, roots: &[Root]) -> Result<Trees, Error> {
    let mut crawl = Crawl {
        cloud,
        service,
        entries: roots.iter().map(Entry::root).collect(),
        directories: VecDeque::new(),
        leaves: VecDeque::new(),
        roots: roots.len(),
        bytes: 0,
        lost: 0,
    };
    crawl.queue(0);
    let must = |index: usize| matches!(roots.get(index), Some(Root::Tree(_)));
    loop {
        let round = crawl.round();
        if round.is_empty() {
            break;
        }
        for index in round {
            crawl.ask(index, must(index))?;
        }
        if crawl.entries.len() > ENTRIES_MAX || crawl.bytes > RESPONSE_BYTES_MAX {
            let expected =
                format!("a tree of at most {ENTRIES_MAX} entries and {RESPONSE_BYTES_MAX} bytes");
            return Err(crawl.cloud.broken(PLACE, expected, "a larger one"));
        }
    }
    crawl.service.expect(crawl.cloud, core::iter::empty());
    Ok(Trees(crawl.entries))
}

/// Where what is wrong with the whole tree is.
const PLACE: &str = "the tree of meta-data";

impl Crawl<'_, '_, '_> {
    /// Queues the entries from this one on.
    fn queue(&mut self, from: usize) {
        for (index, entry) in self.entries.iter().enumerate().skip(from) {
            match entry.what {
                What::Directory(_) => self.directories.push_back(index),
                What::Leaf(_) => self.leaves.push_back(index),
            }
        }
    }

    /// What is asked for together: all directories that are known, and as many leaves as there is room for beside them, so that
    /// the leaves are there by the time that the last directory is.
    fn round(&mut self) -> Vec<usize> {
        let mut round: Vec<usize> = self.directories.drain(..).collect();
        let room = ROUND.saturating_sub(round.len()).min(self.leaves.len());
        round.extend(self.leaves.drain(..room));
        let entries = round.iter().filter_map(|index| self.entries.get(*index));
        let paths = entries.map(|entry| entry.path.as_str());
        self.service.expect(self.cloud, paths);
        round
    }

    fn ask(&mut self, index: usize, must: bool) -> Result<(), Error> {
        let Some(entry) = self.entries.get(index) else {
            return Ok(());
        };
        if entry.depth > TREE_DEPTH_MAX {
            let expected = format!("a tree of at most {TREE_DEPTH_MAX} levels");
            return Err(self.cloud.broken(PLACE, expected, "a deeper one"));
        }
        let path = entry.path.clone();
        let answer = if must {
            self.service.get(self.cloud, &path).map(Some)
        } else {
            self.service.get_optional(self.cloud, &path)
        };
        let known = self.entries.len();
        match answer {
            Ok(answer) => self.take(index, answer),
            Err(error) if must => return Err(error),
            Err(error) => self.lose(index, error)?,
        }
        self.queue(known);
        Ok(())
    }

    fn lose(&mut self, index: usize, error: Error) -> Result<(), Error> {
        self.lost += usize::from(index >= self.roots);
        if self.lost > LOST_MAX || error.blame == Blame::Unable {
            return Err(error);
        }
        self.cloud.warnings.push(error.what);
        Ok(())
    }

    /// Takes in the answer for an entry; those of a directory are appended.
    fn take(&mut self, index: usize, answer: Option<Vec<u8>>) {
        let (next, room) = (
            self.entries.len(),
            (ENTRIES_MAX + 1).saturating_sub(self.entries.len()),
        );
        let (Some(body), Some(entry)) = (answer, self.entries.get_mut(index)) else {
            return;
        };
        self.bytes += body.len();
        match &mut entry.what {
            What::Leaf(document) => *document = Some(body),
            What::Directory(children) => {
                let listing = String::from_utf8_lossy(&body);
                let (mut named, mut keys) = (Vec::new(), BTreeSet::new());
                for line in listing.lines().map(str::trim) {
                    let Some(new) = Entry::named(&entry.path, line) else {
                        continue;
                    };
                    if named.len() < room && keys.insert(new.key.clone()) {
                        named.push(new);
                    }
                }
                children.extend(next..next + named.len());
                let unspeakable = named.iter().filter(|entry| !fits(&entry.path));
                let unspeakable: Vec<String> = unspeakable.map(|entry| entry.key.clone()).collect();
                named.retain(|entry| fits(&entry.path));
                named.iter_mut().for_each(|new| new.depth = entry.depth + 1);
                let (place, count) = (entry.path.clone(), named.len());
                children.truncate(count);
                self.entries.extend(named);
                for name in unspeakable {
                    let found = crate::text::quote(&name);
                    self.cloud.warn(&place, "a name that a URL can hold", found);
                }
            }
        }
    }
}

/// True for a path that can be asked for.
fn fits(path: &str) -> bool {
    path.len() <= PATH_BYTES_MAX
}

impl Entry {
    fn root(root: &Root) -> Entry {
        let (path, what) = match root {
            Root::Tree(path) | Root::OptionalTree(path) => (path, What::Directory(Vec::new())),
            Root::Document(path) => (path, What::Leaf(None)),
        };
        Entry {
            key: String::new(),
            depth: 0,
            path: String::from(*path),
            what,
        }
    }

    /// What a line of the listing of the directory `path` names.
    fn named(path: &str, line: &str) -> Option<Entry> {
        let name = line.trim_end_matches('/');
        if name.is_empty() || name == "security-credentials" {
            return None;
        }
        let key = line.split_once('=').filter(|(number, _)| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        });
        let place = format!("{path}{}", name_encoded(name));
        let (key, path, what) = match key {
            _ if line.ends_with('/') => (name, place + "/", What::Directory(Vec::new())),
            Some((number, key)) => {
                let path = format!("{path}{number}/openssh-key");
                (key, path, What::Leaf(None))
            }
            None => (name, place, What::Leaf(None)),
        };
        Some(Entry {
            key: String::from(key),
            depth: 0,
            path,
            what,
        })
    }
}

/// What a directory holds. The depth of the recursion is that of the tree, which is bounded.
fn gathered(entries: &mut [Entry], directory: usize) -> Map {
    let mut map = Map::default();
    let children = match entries.get_mut(directory).map(|entry| &mut entry.what) {
        Some(What::Directory(children)) => core::mem::take(children),
        _ => return map,
    };
    for index in children {
        let Some(entry) = entries.get_mut(index) else {
            continue;
        };
        let key = core::mem::take(&mut entry.key);
        match &mut entry.what {
            What::Directory(_) => map.insert(&*key, gathered(entries, index)),
            What::Leaf(body) => body.take().and_then(|body| map.insert(&*key, leaf(body))),
        };
    }
    map
}

/// A leaf as cloud-init reads it: bytes where it is no text, a JSON object, lines as a list where a line ends, else text.
fn leaf(body: Vec<u8>) -> Value {
    let text = match String::from_utf8(body) {
        Ok(text) => text,
        Err(error) => return Value::Bytes(error.into_bytes()),
    };
    let trimmed = text.trim();
    if trimmed.starts_with('{')
        && trimmed.ends_with('}')
        && let Ok(value) = crate::json::read(trimmed.as_bytes())
    {
        return value;
    }
    if text.contains('\n') {
        return Value::List(crate::text::lines(&text).map(Value::from).collect());
    }
    text.into()
}

/// Reads a service that serves the tree as one JSON document as well, and vendor-data, below `root`; leaves are read as those of
/// the tree are. Where there is no such document, the tree is read.
///
/// # Errors
/// There is no tree either.
pub fn read_whole(
    cloud: &mut Cloud,
    service: &mut Service,
    root: &str,
) -> Result<(Map, Documents), Error> {
    let names = ["meta-data/all", "user-data", "vendor-data", "meta-data/"];
    let [all, user_data, vendor_data, tree] = names.map(|name| format!("{root}{name}"));
    let paths = [&*all, &*user_data, &*vendor_data];
    service.expect(cloud, paths.into_iter());
    let [document, user_data, vendor_data] = paths.map(|path| service.get_or_warn(cloud, path));
    let map = document
        .as_ref()
        .map(|document| cloud.json_map(&all, document));
    let map = match map {
        Some(Ok(mut map)) => {
            map.iter_mut().for_each(|(_, value)| read_leaves(value));
            map
        }
        none => {
            let error = none.and_then(Result::err);
            cloud.warnings.extend(error.map(|error| error.what));
            crawl(cloud, service, &[Root::Tree(&tree)])?.take(0)
        }
    };
    let documents = Documents::default()
        .with(Document::MetaData, document)
        .with(Document::UserData, user_data)
        .with(Document::VendorData, vendor_data);
    Ok((map, documents))
}

/// The recursion is as deep as the document, which is bounded.
fn read_leaves(value: &mut Value) {
    match value {
        Value::Map(map) => map.iter_mut().for_each(|(_, value)| read_leaves(value)),
        Value::List(list) => list.iter_mut().for_each(read_leaves),
        Value::Text(text) => *value = leaf(core::mem::take(text).into_bytes()),
        Value::Null | Value::Bool(false) | Value::Int(0) => *value = Value::from(""),
        _ => {}
    }
}

/// What such a tree tells of an instance. Without a region the zone tells it: `eu-west-2a` is in `eu-west-2`.
pub fn told(cloud_name: &str, source: Source, meta_data: Map) -> Told {
    let index = meta_data.get("ami-launch-index").and_then(Value::to_text);
    let mut told = Told::by_meta_data(cloud_name, source, meta_data);
    told.launch_index = index;
    let zone = told.availability_zone.as_deref();
    let of_zone =
        zone.and_then(|zone| zone.char_indices().next_back().map(|(end, _)| &zone[..end]));
    told.region = of_zone.map(ToString::to_string);
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leaf_is_what_cloud_init_makes_of_it() {
        let list =
            |texts: &[&str]| Value::List(texts.iter().map(|text| Value::from(*text)).collect());
        assert_eq!(leaf(b"ami-1".to_vec()), Value::from("ami-1"));
        assert_eq!(leaf(b"ami-1\n".to_vec()), list(&["ami-1"]));
        assert_eq!(leaf(b"a\nb\n".to_vec()), list(&["a", "b"]));
        assert_eq!(leaf(b"".to_vec()), Value::from(""));
        assert!(leaf(b" {\"a\": 1}\n".to_vec()).get("a").is_some());
        assert_eq!(leaf(b"{broken".to_vec()), Value::from("{broken"));
        assert_eq!(
            leaf(b"\xff\x00".to_vec()),
            Value::Bytes(b"\xff\x00".to_vec())
        );
    }

    #[test]
    fn a_line_names_a_directory_a_key_or_a_leaf() {
        for (line, expected) in [
            ("placement/", Some(("placement", "/m/placement/"))),
            ("0=my=key", Some(("my=key", "/m/0/openssh-key"))),
            ("team=a b", Some(("team=a b", "/m/team%3Da%20b"))),
            ("ami-id", Some(("ami-id", "/m/ami-id"))),
            ("security-credentials/", None),
            ("/", None),
            ("", None),
        ] {
            let entry = Entry::named("/m/", line);
            let found = entry.map(|entry| (entry.key, entry.path));
            let expected = expected.map(|(key, path)| (String::from(key), String::from(path)));
            assert_eq!(found, expected, "{line}");
        }
    }
}
