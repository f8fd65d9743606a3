//! UDF (ECMA-167, OSTA UDF 1.02 to 2.01): plain partitions, as discs for provisioning have them. Virtual, sparable and metadata
//! partitions, which are what rewritten media and large discs have, are refused in words.

use alloc::string::String;
use alloc::vec::Vec;

use super::bytes::{self, Blocks};
use super::superblock::{Superblock, some};
use super::{DIRECTORY_BYTES_MAX, Damage, Disk, Entry, Kind, LINK_BYTES_MAX, Node, Tree, read};

/// Where the volume recognition sequence begins, how far apart its descriptors are, and how many are looked at.
const RECOGNITION_AT: u64 = 32768;
const RECOGNITION_BYTES: usize = 2048;
const RECOGNITION_MAX: usize = 16;
/// The sector of the anchor, and the sizes a sector may have.
const ANCHOR: u64 = 256;
const SECTOR_BYTES: [u64; 4] = [512, 1024, 2048, 4096];
/// Most descriptors looked at behind the anchor.
const DESCRIPTORS_MAX: u64 = 64;
/// Bytes of a descriptor.
const DESCRIPTOR_BYTES: usize = 512;

/// Tags of descriptors (ECMA-167 3/7.2.1).
const TAG_PRIMARY: u16 = 1;
const TAG_ANCHOR: u16 = 2;
const TAG_PARTITION: u16 = 5;
const TAG_LOGICAL: u16 = 6;
const TAG_TERMINATING: u16 = 8;
const TAG_FILE_SET: u16 = 256;
const TAG_IDENTIFIER: u16 = 257;
const TAG_MORE: u16 = 258;
const TAG_FILE: u16 = 261;
const TAG_EXTENDED_FILE: u16 = 266;

/// Sizes that a logical block may have.
const BLOCK_BYTES: [usize; 4] = [512, 1024, 2048, 4096];
/// Most partition maps looked at.
const MAPS_MAX: usize = 16;
/// Most extents of one file.
const EXTENTS_MAX: usize = 4096;

/// The logical volume's name is the label; the UUID is made of the volume set's name.
pub fn superblock(disk: &dyn Disk, _: Blocks) -> Option<Superblock> {
    recognised(disk).then_some(())?;
    let (sector_bytes, sectors) = sequence(disk)?;
    let mut found = Superblock {
        kind: "udf",
        ..Superblock::default()
    };
    for sector in sectors {
        let bytes = descriptor(disk, sector_bytes, sector);
        let block = Blocks(&bytes);
        if is(&bytes, TAG_PRIMARY, sector) && found.uuid.is_empty() {
            found.uuid = uuid(&string(block, 72, 128));
        } else if is(&bytes, TAG_LOGICAL, sector) && found.label.is_empty() {
            found.label = string(block, 84, 128);
        } else if is(&bytes, TAG_TERMINATING, sector) || bytes.is_empty() {
            break;
        }
    }
    Some(found)
}

/// The size of a sector, and where the descriptors of the volume are, by the word of the anchor.
fn sequence(disk: &dyn Disk) -> Option<(u64, core::ops::Range<u64>)> {
    let (sector_bytes, anchor) = SECTOR_BYTES.into_iter().find_map(|sector_bytes| {
        let anchor = descriptor(disk, sector_bytes, ANCHOR);
        is(&anchor, TAG_ANCHOR, ANCHOR).then_some((sector_bytes, anchor))
    })?;
    let (length, start) = (Blocks(&anchor).u32(16)?, Blocks(&anchor).u32(20)?);
    let count = (u64::from(length) / sector_bytes).min(DESCRIPTORS_MAX);
    Some((sector_bytes, u64::from(start)..u64::from(start) + count))
}

/// ECMA-167 2/8.3: descriptors `type id(5)`, those of iso9660 among them, one per sector but no closer than 2048 bytes;
/// `NSR02` or `NSR03` says that UDF is here.
fn recognised(disk: &dyn Disk) -> bool {
    let first = some(disk, RECOGNITION_AT, 6);
    if !matches!(
        first.get(1..),
        Some(b"CD001" | b"BEA01" | b"NSR02" | b"NSR03")
    ) {
        return false;
    }
    let sequence = some(disk, RECOGNITION_AT, RECOGNITION_BYTES * RECOGNITION_MAX);
    let mut ids = sequence
        .chunks(RECOGNITION_BYTES)
        .filter_map(|sector| sector.get(1..6));
    ids.any(|id| matches!(id, b"NSR02" | b"NSR03"))
}

fn descriptor(disk: &dyn Disk, sector_bytes: u64, sector: u64) -> alloc::vec::Vec<u8> {
    some(disk, sector * sector_bytes, DESCRIPTOR_BYTES)
}

/// ECMA-167 3/7.2: a descriptor begins with its tag, and at 12 its own sector.
fn is(descriptor: &[u8], tag: u16, sector: u64) -> bool {
    let block = Blocks(descriptor);
    block.u16(0) == Some(tag) && block.u32(12).map(u64::from) == Some(sector)
}

/// ECMA-167 1/7.2.12 and OSTA UDF 2.1.3: a byte for the width of characters, the characters, and in the field's last byte
/// the length of both.
fn string(block: Blocks, offset: usize, field: usize) -> String {
    let length = block.u8(offset + field - 1).unwrap_or_default();
    let text = block.slice(offset, field - 1).unwrap_or_default();
    let text = text.get(..usize::from(length)).unwrap_or(text);
    String::from(characters(text).trim())
}

fn characters(text: &[u8]) -> String {
    match text.split_first() {
        Some((8, bytes)) => bytes::text_utf16(bytes.iter().map(|byte| u16::from(*byte))),
        Some((16, bytes)) => bytes::text_utf16(bytes::units(bytes)),
        _ => String::new(),
    }
}

/// What blkid makes of the volume set's name: its first sixteen characters where they are hexadecimal; of the rest, the
/// bytes as hexadecimal numbers.
fn uuid(name: &str) -> String {
    let bytes = Blocks(name.as_bytes());
    let Some(first) = bytes.array::<16>(0) else {
        return String::new();
    };
    let digits = first
        .iter()
        .take_while(|byte| byte.is_ascii_hexdigit())
        .count();
    let (kept, spelt) = match digits {
        16.. => (16, 0),
        8.. => (8, 4),
        _ => (0, 8),
    };
    let mut uuid: String = first
        .iter()
        .take(kept)
        .map(|byte| char::from(*byte))
        .collect();
    uuid.make_ascii_lowercase();
    let spelt = first.get(kept..kept + spelt).unwrap_or_default();
    uuid + &crate::digest::hex(spelt, "")
}

/// A volume whose files can be read.
pub struct Udf<'a> {
    disk: &'a dyn Disk,
    block_bytes: usize,
    /// Where each partition begins, in bytes, by the numbers that addresses use.
    partitions: Vec<u64>,
    root: u64,
}

/// An address within a volume: the number of the partition above, the block below.
fn address(block: u32, partition: u16) -> u64 {
    u64::from(partition) << 32 | u64::from(block)
}

/// ECMA-167 4/14.14.2: a `long_ad` at an offset; its length, and where it is.
fn long(block: Blocks, offset: usize) -> Option<(u32, u64)> {
    let place = address(block.u32(offset + 4)?, block.u16(offset + 8)?);
    Some((block.u32(offset)?, place))
}

/// Opens the volume.
pub fn open(disk: &dyn Disk) -> Result<Udf<'_>, Damage> {
    let damaged = || Damage::new("the descriptors of a UDF volume", "others");
    let (sector_bytes, sectors) = sequence(disk).ok_or_else(damaged)?;
    let (mut starts, mut logical) = (Vec::new(), None);
    for sector in sectors {
        let bytes = descriptor(disk, sector_bytes, sector);
        let block = Blocks(&bytes);
        if is(&bytes, TAG_PARTITION, sector) {
            starts.extend(block.u16(22).zip(block.u32(188)));
        } else if is(&bytes, TAG_LOGICAL, sector) {
            logical = logical.or(Some(bytes));
        } else if is(&bytes, TAG_TERMINATING, sector) || bytes.is_empty() {
            break;
        }
    }
    let logical = logical.ok_or_else(damaged)?;
    let logical = Blocks(&logical);
    let block_bytes = logical.u32(212).map(|bytes| bytes as usize);
    let block_bytes = block_bytes.filter(|bytes| BLOCK_BYTES.contains(bytes));
    let mut udf = Udf {
        disk,
        block_bytes: block_bytes.ok_or_else(damaged)?,
        partitions: Vec::new(),
        root: 0,
    };
    udf.partitions = udf.maps(logical, &starts)?;
    let (_, set) = long(logical, 248).ok_or_else(damaged)?;
    let set = udf.block(set)?;
    if Blocks(&set).u16(0) != Some(TAG_FILE_SET) {
        return Err(damaged());
    }
    (_, udf.root) = long(Blocks(&set), 400).ok_or_else(damaged)?;
    Ok(udf)
}

impl Udf<'_> {
    /// ECMA-167 3/10.7: partition maps, `type length(1) …`; type 1 is `1 6 volume(2) number(2)`.
    fn maps(&self, logical: Blocks, starts: &[(u16, u32)]) -> Result<Vec<u64>, Damage> {
        let count = logical.u32(268).unwrap_or_default() as usize;
        let (mut at, mut partitions) = (440, Vec::new());
        for _ in 0..count.min(MAPS_MAX) {
            if logical.slice(at, 2) != Some(&[1, 6]) {
                let expected = "plain partitions of UDF";
                return Err(Damage::new(expected, "virtual, sparable or metadata ones"));
            }
            let start = starts
                .iter()
                .find(|(number, _)| Some(*number) == logical.u16(at + 4));
            let (_, start) =
                start.ok_or_else(|| Damage::new("a partition of UDF", "none of this number"))?;
            partitions.push(u64::from(*start) * self.block_bytes as u64);
            at += 6;
        }
        Ok(partitions)
    }

    /// Where an address is, in bytes.
    fn place(&self, address: u64) -> Result<u64, Damage> {
        let start = usize::try_from(address >> 32)
            .ok()
            .and_then(|number| self.partitions.get(number));
        let start = start
            .ok_or_else(|| Damage::new("an address within the volume", "another partition"))?;
        Ok(start + (address & 0xffff_ffff) * self.block_bytes as u64)
    }

    fn block(&self, address: u64) -> Result<Vec<u8>, Damage> {
        read(self.disk, self.place(address)?, self.block_bytes)
    }

    /// ECMA-167 4/14.9 and 4/14.17: a file entry, as data or as the extents that hold them; at most `bytes_max` bytes.
    fn bytes(&self, node: &Node, bytes_max: usize) -> Result<Vec<u8>, Damage> {
        let block = self.block(node.start)?;
        let entry = Blocks(&block);
        let (attributes, data) = match entry.u16(0) {
            Some(TAG_FILE) => (168, 176),
            Some(TAG_EXTENDED_FILE) => (208, 216),
            _ => return Err(Damage::new("a file entry of UDF", "another block")),
        };
        let damaged = || Damage::new("a whole file entry of UDF", "one that is cut off");
        let length = entry.u64(56).ok_or_else(damaged)?;
        let wanted = usize::try_from(length)
            .ok()
            .filter(|length| *length <= bytes_max);
        let wanted = wanted.ok_or_else(|| Damage::too_long(length, bytes_max))?;
        let (before, inside) = entry
            .u32(attributes)
            .zip(entry.u32(attributes + 4))
            .ok_or_else(damaged)?;
        let described = entry
            .slice(data + before as usize, inside as usize)
            .ok_or_else(damaged)?;
        let partition = (node.start >> 32) as u16;
        match entry.u16(34).unwrap_or_default() & 7 {
            3 => described
                .get(..wanted)
                .map(<[u8]>::to_vec)
                .ok_or_else(damaged),
            kind @ (0 | 1) => self.extents(described, kind == 1, partition, wanted),
            _ => Err(Damage::new(
                "short or long allocation descriptors",
                "others",
            )),
        }
    }

    /// ECMA-167 4/14.14.1: the two upper bits of an extent's length say 0 for what is recorded, 1 and 2 for zeros, 3 for more
    /// descriptors elsewhere.
    fn extents(
        &self,
        described: &[u8],
        long_ones: bool,
        partition: u16,
        wanted: usize,
    ) -> Result<Vec<u8>, Damage> {
        let mut content = Vec::new();
        let size = if long_ones { 16 } else { 8 };
        let (mut rest, mut more) = (described, None);
        for _ in 0..EXTENTS_MAX {
            let (extent, after) = rest.split_at(size.min(rest.len()));
            rest = after;
            let extent = Blocks(extent);
            let (length, place) = if long_ones {
                long(extent, 0).unwrap_or_default()
            } else {
                let block = extent.u32(4).unwrap_or_default();
                (extent.u32(0).unwrap_or_default(), address(block, partition))
            };
            let count = (length & 0x3fff_ffff) as usize;
            let count = count.min(wanted - content.len());
            if count == 0 {
                break;
            }
            match length >> 30 {
                0 => content.extend(read(self.disk, self.place(place)?, count)?),
                3 => rest = more.insert(self.continued(place)?),
                _ => content.resize(content.len() + count, 0),
            }
        }
        if content.len() == wanted {
            Ok(content)
        } else {
            Err(Damage::new("extents for the whole file", "fewer"))
        }
    }

    /// ECMA-167 4/14.5: further allocation descriptors, behind a tag and, at 20, their length.
    fn continued(&self, place: u64) -> Result<Vec<u8>, Damage> {
        let block = self.block(place)?;
        let block = Blocks(&block);
        let length = block.u32(20).filter(|_| block.u16(0) == Some(TAG_MORE));
        let more = length.and_then(|length| block.slice(24, length as usize));
        more.map(<[u8]>::to_vec)
            .ok_or_else(|| Damage::new("more extents of a file", "another block"))
    }
}

impl Tree for Udf<'_> {
    fn root(&self) -> Node {
        Node {
            kind: Kind::Directory,
            start: self.root,
            bytes: 0,
        }
    }

    /// ECMA-167 4/14.4: file identifiers in a row, each padded to four bytes.
    fn entries(&self, directory: &Node) -> Result<Vec<Entry>, Damage> {
        const DIRECTORY: u8 = 2;
        const DELETED: u8 = 4;
        const PARENT: u8 = 8;
        let bytes = self.bytes(directory, DIRECTORY_BYTES_MAX)?;
        let mut entries = Vec::new();
        let mut rest = bytes.as_slice();
        while Blocks(rest).u16(0) == Some(TAG_IDENTIFIER) {
            let identifier = Blocks(rest);
            let Some(((kind, length), implementation)) = identifier
                .u8(18)
                .zip(identifier.u8(19))
                .zip(identifier.u16(36))
            else {
                break;
            };
            let name_at = 38 + usize::from(implementation);
            let name = identifier.slice(name_at, usize::from(length));
            let Some((name, (_, start))) = name.zip(long(identifier, 20)) else {
                break;
            };
            if kind & (DELETED | PARENT) == 0 {
                let kind = if kind & DIRECTORY == 0 {
                    Kind::File
                } else {
                    Kind::Directory
                };
                let node = Node {
                    kind,
                    start,
                    bytes: 0,
                };
                entries.push(Entry {
                    name: characters(name),
                    node,
                    link: None,
                });
            }
            let whole = (name_at + usize::from(length)).next_multiple_of(4);
            rest = rest.get(whole..).unwrap_or_default();
        }
        Ok(entries)
    }

    fn content(&self, file: &Node, bytes_max: usize) -> Result<Vec<u8>, Damage> {
        self.bytes(file, bytes_max)
    }

    /// ECMA-167 4/14.6.6 says what is a link, 4/14.16.1 what is in one: components, each `kind length version(2) name`, where 5
    /// is a name, 3 the directory above, 1 and 2 the root.
    fn link(&self, entry: &Entry) -> Result<Option<String>, Damage> {
        const LINK: u8 = 12;
        let block = self.block(entry.node.start)?;
        if Blocks(&block).u8(27) != Some(LINK) {
            return Ok(None);
        }
        let content = self.bytes(&entry.node, LINK_BYTES_MAX)?;
        let (mut rest, mut link) = (content.as_slice(), String::new());
        while let [kind, length, _, _, after @ ..] = rest {
            let (name, after) = after.split_at(usize::from(*length).min(after.len()));
            match kind {
                3 => link += "../",
                5 => link += &(characters(name) + "/"),
                1 | 2 => link += "/",
                _ => {}
            }
            rest = after;
        }
        Ok(Some(link))
    }

    fn folds_case(&self) -> bool {
        false
    }
}
