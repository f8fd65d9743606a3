//! Volumes: block devices and the file systems on them, read without mounting.
//!
//! [`scan`] reads superblocks, two or three small reads per device. [`read_file`] and [`list`] walk the four kinds of
//! file system that clouds hand out seeds on. A volume is a stranger's bytes: every walk is bounded, and sizes it
//! claims are believed only as far as its bytes go.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::Cell;

use super::{Disk, Files, Kind};
use crate::warning::{Blame, Error};
use superblock::Superblock;

mod bytes;
mod ext;
mod fat;
mod iso9660;
mod superblock;
mod udf;

/// Most bytes of one directory read; a larger one is read up to here.
pub const DIRECTORY_BYTES_MAX: usize = 1 << 20;
/// Most symbolic links on the way to a file.
const LINKS_MAX: usize = 8;
/// Longest symbolic link in bytes; a longer one leads nowhere.
const LINK_BYTES_MAX: usize = 1024;
/// Most directories on the way to a file, those that links lead through among them.
const STEPS_MAX: usize = 64;
/// What is found where a device fails.
pub const UNREADABLE: &str = "blocks that cannot be read";
/// Most block devices looked at.
pub const DEVICES_MAX: usize = 1024;

/// A block device with what its superblock says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Volume {
    /// The name of the device, `sr0`.
    pub name: String,
    /// Its size in bytes.
    pub bytes: u64,
    /// The file system, in blkid's words: `iso9660`, `vfat`, `ext4`, ….
    pub kind: Option<String>,
    /// The file system's label.
    pub label: Option<String>,
    /// The label in a FAT boot sector, which may differ from the one in its root directory.
    pub label_fatboot: Option<String>,
    /// The file system's UUID, as blkid prints it.
    pub uuid: Option<String>,
    /// True if some of what would say all this could not be read.
    pub unreadable: bool,
}

/// A disk that remembers whether a part of it could not be read.
struct Noted<'a>(&'a dyn Disk, Cell<bool>);

impl Disk for Noted<'_> {
    fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        let read = self.0.read_at(offset, buffer);
        self.1.set(self.1.get() || !read);
        read
    }
}

impl Volume {
    /// What the bytes of a device say of it.
    pub fn read(name: &str, disk: &dyn Disk) -> Volume {
        let noted = Noted(disk, Cell::new(false));
        let found = superblock::read(&noted).unwrap_or_default();
        let Superblock {
            kind,
            label,
            label_fatboot,
            uuid,
        } = found;
        let some = |text: String| (!text.is_empty()).then_some(text);
        Volume {
            name: String::from(name),
            bytes: disk.bytes(),
            kind: some(String::from(kind)),
            label: some(label),
            label_fatboot: some(label_fatboot),
            uuid: some(uuid),
            unreadable: noted.1.get(),
        }
    }

    /// True if either of its labels is exactly this.
    pub fn is_labelled(&self, label: &str) -> bool {
        self.label.as_deref() == Some(label) || self.label_fatboot.as_deref() == Some(label)
    }
}

/// Reads the superblock of every block device that has a size, whole disks and partitions, by name.
///
/// Passed over: memory posing as disks (ram, zram), and floppy drives, which take seconds to say that they are empty.
pub fn scan(files: &dyn Files) -> Vec<Volume> {
    let passed = |name: &String| {
        ["ram", "zram", "fd"]
            .iter()
            .any(|kind| is_numbered(name, kind))
    };
    let names = files.list("/sys/class/block").into_iter();
    names
        .filter(|name| !passed(name))
        .take(DEVICES_MAX)
        .filter_map(|name| {
            let size = files.text(&format!("/sys/class/block/{name}/size"));
            let sectors = size.and_then(|text| text.parse::<u64>().ok());
            if sectors == Some(0) {
                return None;
            }
            let disk = files.disk(&name)?;
            let mut volume = Volume::read(&name, disk.as_ref());
            if let Some(sectors) = sectors {
                volume.bytes = sectors.saturating_mul(512);
            }
            Some(volume)
        })
        .collect()
}

/// True for the kind's name with a number behind it.
fn is_numbered(name: &str, kind: &str) -> bool {
    let number = name.strip_prefix(kind).unwrap_or_default();
    number.starts_with(|c: char| c.is_ascii_digit())
}

/// Reads one file of a volume. `Ok(None)` if the volume is sound and has no regular file of that name; names are
/// compared as the file system does (FAT, Joliet and plain iso9660: without case).
///
/// # Errors
/// The volume is broken, has no file system we read, or the file is longer than `bytes_max`.
pub fn read_file(
    disk: &dyn Disk,
    volume: &Volume,
    path: &str,
    bytes_max: usize,
) -> Result<Option<Vec<u8>>, Error> {
    let read = || {
        let tree = open(disk, volume)?;
        match find(tree.as_ref(), path)? {
            Some(node) if node.kind == Kind::File => tree.content(&node, bytes_max).map(Some),
            _ => Ok(None),
        }
    };
    read().map_err(|damage| damage.of(volume, path))
}

/// The names in one directory of a volume, sorted, directories with a trailing slash; none if there is no such directory.
///
/// # Errors
/// The volume is broken or has no file system we read.
pub fn list(disk: &dyn Disk, volume: &Volume, path: &str) -> Result<Vec<String>, Error> {
    let read = || {
        let tree = open(disk, volume)?;
        match find(tree.as_ref(), path)? {
            Some(node) if node.kind == Kind::Directory => tree.entries(&node),
            _ => Ok(Vec::new()),
        }
    };
    let entries = read().map_err(|damage| damage.of(volume, path))?;
    let mut names: Vec<String> = entries
        .into_iter()
        .map(|entry| match entry.node.kind {
            Kind::Directory => entry.name + "/",
            _ => entry.name,
        })
        .collect();
    names.sort();
    Ok(names)
}

/// A file or directory of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Node {
    kind: Kind,
    /// Where it is: the first block (iso9660), the first cluster (FAT), the inode (ext), the file entry (UDF).
    start: u64,
    /// How long it is, where the directory says so (iso9660, FAT).
    bytes: u64,
}

/// A node by its name in a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    name: String,
    node: Node,
    /// Where a symbolic link leads, where the directory says so (Rock Ridge).
    link: Option<String>,
}

/// A file system as a tree of nodes.
trait Tree {
    fn root(&self) -> Node;
    /// The entries of a directory, without itself and its parent.
    fn entries(&self, directory: &Node) -> Result<Vec<Entry>, Damage>;
    /// The bytes of a regular file.
    fn content(&self, file: &Node, bytes_max: usize) -> Result<Vec<u8>, Damage>;
    /// Where an entry leads, if it is a symbolic link.
    fn link(&self, entry: &Entry) -> Result<Option<String>, Damage>;
    /// True if names that differ in case are the same.
    fn folds_case(&self) -> bool;
}

/// What is wrong with a volume: what its format asks for, and what is there.
#[derive(Debug)]
struct Damage {
    blame: Blame,
    expected: String,
    found: String,
}

impl Damage {
    fn new(expected: &str, found: impl Into<String>) -> Damage {
        Damage {
            blame: Blame::Broken,
            expected: String::from(expected),
            found: found.into(),
        }
    }

    fn too_long(bytes: u64, bytes_max: usize) -> Damage {
        Damage {
            blame: Blame::Broken,
            expected: format!("at most {bytes_max} bytes"),
            found: format!("{bytes}"),
        }
    }

    fn of(self, volume: &Volume, path: &str) -> Error {
        let place = format!("{} {path}", volume.name);
        Error::new(self.blame, "read volume", place, self.expected, self.found)
    }
}

/// Whole bytes of a disk, `length` of them: never allocated before the disk is known to be that long.
fn read(disk: &dyn Disk, offset: u64, length: usize) -> Result<Vec<u8>, Damage> {
    let end = offset.checked_add(length as u64);
    let fits = end.is_some_and(|end| end <= disk.bytes());
    let mut buffer = vec![0; if fits { length } else { 0 }];
    if fits && disk.read_at(offset, &mut buffer) {
        return Ok(buffer);
    }
    let found = if fits {
        String::from(UNREADABLE)
    } else {
        format!("a device of {} bytes", disk.bytes())
    };
    Err(Damage::new(&format!("{length} bytes at {offset}"), found))
}

/// As many bytes of a disk, fewer where it ends.
fn some(disk: &dyn Disk, offset: u64, length: usize) -> Result<Vec<u8>, Damage> {
    let left = disk.bytes().saturating_sub(offset);
    read(
        disk,
        offset,
        usize::try_from(left).unwrap_or(length).min(length),
    )
}

fn open<'a>(disk: &'a dyn Disk, volume: &Volume) -> Result<Box<dyn Tree + 'a>, Damage> {
    match volume.kind.as_deref() {
        Some("iso9660") => Ok(Box::new(iso9660::open(disk)?)),
        // A bridge may hold in its iso9660 tree what it has not in that of UDF: the links of Rock Ridge, or anything at all.
        Some("udf") => match (iso9660::open(disk), udf::open(disk)) {
            (Ok(iso), udf) if iso.has_links() || udf.is_err() => Ok(Box::new(iso)),
            (_, udf) => Ok(Box::new(udf?)),
        },
        Some("vfat") => Ok(Box::new(fat::open(disk)?)),
        Some("ext2" | "ext3" | "ext4") => Ok(Box::new(ext::open(disk)?)),
        other => Err(Damage {
            blame: Blame::Unable,
            expected: String::from("a file system of iso9660, udf, vfat, ext2, ext3 or ext4"),
            found: String::from(other.unwrap_or("none known")),
        }),
    }
}

/// Walks from the root, one name at a time. Symbolic links are followed inside the volume, which has nothing above its root.
fn find(tree: &dyn Tree, path: &str) -> Result<Option<Node>, Damage> {
    let mut above = vec![tree.root()];
    let mut names: VecDeque<String> = path.split('/').map(String::from).collect();
    let (mut links, mut steps) = (0, 0);
    while let Some(name) = names.pop_front() {
        match name.as_str() {
            "" | "." => continue,
            ".." => {
                above.truncate((above.len() - 1).max(1));
                continue;
            }
            _ => {}
        }
        let Some(directory) = above.last().filter(|node| node.kind == Kind::Directory) else {
            return Ok(None);
        };
        steps += 1;
        if steps > STEPS_MAX {
            return Ok(None);
        }
        let Some(entry) = named(tree, directory, &name)? else {
            return Ok(None);
        };
        let Some(link) = tree.link(&entry)? else {
            above.push(entry.node);
            continue;
        };
        links += 1;
        if links > LINKS_MAX {
            return Ok(None);
        }
        if link.starts_with('/') {
            above.truncate(1);
        }
        for name in link.rsplit('/') {
            names.push_front(String::from(name));
        }
    }
    Ok(above.last().copied())
}

/// The entry of this name, compared as the file system does.
fn named(tree: &dyn Tree, directory: &Node, name: &str) -> Result<Option<Entry>, Damage> {
    let mut entries = tree.entries(directory)?;
    let exact = entries.iter().position(|entry| entry.name == name);
    let folded = || {
        let wanted = name.to_lowercase();
        let same = |entry: &Entry| tree.folds_case() && entry.name.to_lowercase() == wanted;
        entries.iter().position(same)
    };
    let found = exact.or_else(folded);
    Ok(found.map(|place| entries.swap_remove(place)))
}
