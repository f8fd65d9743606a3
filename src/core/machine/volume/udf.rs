//! UDF (ECMA-167): label and UUID only; a seed on UDF is read where it is a bridge to iso9660.

use alloc::string::String;

use super::Disk;
use super::bytes::{self, Bytes};
use super::superblock::{Superblock, some};

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
const TAG_LOGICAL: u16 = 6;
const TAG_TERMINATING: u16 = 8;

/// The logical volume's name is the label; the UUID is made of the volume set's name.
pub fn superblock(disk: &dyn Disk, _: Bytes) -> Option<Superblock> {
    recognised(disk).then_some(())?;
    let (sector_bytes, anchor) = SECTOR_BYTES.into_iter().find_map(|sector_bytes| {
        let anchor = descriptor(disk, sector_bytes, ANCHOR);
        is(&anchor, TAG_ANCHOR, ANCHOR).then_some((sector_bytes, anchor))
    })?;
    let (length, start) = (Bytes(&anchor).u32(16)?, Bytes(&anchor).u32(20)?);
    let count = (u64::from(length) / sector_bytes).min(DESCRIPTORS_MAX);
    let mut found = Superblock {
        kind: "udf",
        ..Superblock::default()
    };
    for sector in u64::from(start)..u64::from(start) + count {
        let bytes = descriptor(disk, sector_bytes, sector);
        let block = Bytes(&bytes);
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
    let block = Bytes(descriptor);
    block.u16(0) == Some(tag) && block.u32(12).map(u64::from) == Some(sector)
}

/// ECMA-167 1/7.2.12 and OSTA UDF 2.1.3: a byte for the width of characters, the characters, and in the field's last byte
/// the length of both.
fn string(block: Bytes, offset: usize, field: usize) -> String {
    let length = block.u8(offset + field - 1).unwrap_or_default();
    let text = block.slice(offset, field - 1).unwrap_or_default();
    let text = text.get(..usize::from(length)).unwrap_or(text);
    let text = match text.split_first() {
        Some((8, bytes)) => bytes::text_utf16(bytes.iter().map(|byte| u16::from(*byte))),
        Some((16, bytes)) => bytes::text_utf16(bytes::units(bytes)),
        _ => String::new(),
    };
    String::from(text.trim())
}

/// What blkid makes of the volume set's name: its first sixteen characters where they are hexadecimal; of the rest, the
/// bytes as hexadecimal numbers.
fn uuid(name: &str) -> String {
    let bytes = Bytes(name.as_bytes());
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
