//! Superblocks: which file system is on a device, its label and its UUID, in blkid's words.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::bytes::{self, Blocks};
use super::{Disk, ext, fat, iso9660, udf};

/// Bytes read from the start of a device.
const HEAD_BYTES: usize = 4096;
/// Where the superblock of btrfs is, and how much of it matters.
const BTRFS_AT: u64 = 65536;
const BTRFS_BYTES: usize = 1024;

/// Up to this size, two file systems on a device are no contradiction.
const FLOPPY_BYTES: u64 = 1440 * 1024;
/// Where swap space may end its first page: the sizes of pages.
const PAGE_BYTES: [u64; 5] = [4096, 8192, 16384, 32768, 65536];

/// What a superblock says; empty text for what it does not say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Superblock {
    /// The file system, in blkid's words.
    pub kind: &'static str,
    pub label: String,
    /// The label in a FAT boot sector.
    pub label_fatboot: String,
    pub uuid: String,
}

/// Looks for one kind of superblock, given the device and the bytes it begins with.
type Reader = fn(&dyn Disk, Blocks) -> Option<Superblock>;

/// Every kind, in the order in which they are looked for; true for those that may stand beside another, as on an image
/// that boots from disks and from CDs.
const READERS: [(Reader, bool); 9] = [
    (fat::superblock, false),
    (swap, false),
    (xfs, false),
    (ext::superblock, false),
    (ntfs, false),
    (udf::superblock, true),
    (iso9660::superblock, true),
    (btrfs, false),
    (exfat, false),
];

/// The file system on a device, the first in the order of [`READERS`]; none if there is none we know, or if two claim a
/// device that is larger than a floppy disk. blkid decides so too.
pub fn read(disk: &dyn Disk) -> Option<Superblock> {
    let head = some(disk, 0, HEAD_BYTES);
    let mut found = READERS
        .iter()
        .filter_map(|(reader, tolerant)| Some((reader(disk, Blocks(&head))?, *tolerant)));
    let (first, mut tolerant) = found.next()?;
    if disk.bytes() <= FLOPPY_BYTES {
        return Some(first);
    }
    let mut alone = true;
    for (_, other) in found {
        alone = false;
        tolerant &= other;
    }
    (alone || tolerant).then_some(first)
}

/// Bytes of a disk, fewer where it ends; none where it fails.
pub fn some(disk: &dyn Disk, offset: u64, length: usize) -> Vec<u8> {
    super::some(disk, offset, length).unwrap_or_default()
}

/// XFS, xfs_sb(5): `XFSB` at 0, UUID at 32, label of 12 bytes at 108. The magic numbers are in network order.
fn xfs(_: &dyn Disk, head: Blocks) -> Option<Superblock> {
    head.has(0, b"XFSB").then(|| Superblock {
        kind: "xfs",
        label: head.text(108, 12),
        uuid: head.uuid(32),
        ..Superblock::default()
    })
}

/// Btrfs, on-disk format: at 64 KiB a checksum of 32 bytes, UUID, address, flags, and at 64 `_BHRfS_M`; label of 256
/// bytes at 299.
fn btrfs(disk: &dyn Disk, _: Blocks) -> Option<Superblock> {
    let block = some(disk, BTRFS_AT, BTRFS_BYTES);
    let block = Blocks(&block);
    block.has(64, b"_BHRfS_M").then(|| Superblock {
        kind: "btrfs",
        label: block.text(299, 256),
        uuid: block.uuid(32),
        ..Superblock::default()
    })
}

/// Swap space, mkswap(8): version, last page, UUID and a label of 16 bytes from 1024 on; a signature ends the first page.
fn swap(disk: &dyn Disk, head: Blocks) -> Option<Superblock> {
    let known = matches!(head.u32(1024), Some(1 | 0x0100_0000)) && head.u32(1028) != Some(0);
    let signed = |page: &u64| {
        let signature = some(disk, page - 10, 10);
        matches!(&signature[..], b"SWAPSPACE2" | b"SWAP-SPACE")
    };
    (known && PAGE_BYTES.iter().any(signed)).then(|| Superblock {
        kind: "swap",
        label: head.text(1052, 16),
        uuid: head.uuid(1036),
        ..Superblock::default()
    })
}

/// A number of units as NTFS writes it: plain up to 128, else the power of two that the negative byte names.
fn ntfs_size(byte: u8, unit: u64) -> Option<u64> {
    match byte {
        0..=128 => Some(u64::from(byte) * unit),
        _ => 1_u64.checked_shl(u32::from(byte.wrapping_neg())),
    }
}

/// NTFS: `NTFS    ` at 3, sector size at 11, cluster at 13, the file table's cluster at 48, its records' size at 64, a serial
/// number of eight bytes at 72. Record 3 describes the volume; its attribute 96 is the label, UTF-16, little-endian.
fn ntfs(disk: &dyn Disk, head: Blocks) -> Option<Superblock> {
    head.has(3, b"NTFS    ").then_some(())?;
    let sector = u64::from(head.u16(11)?);
    let cluster = match head.u8(13)? {
        byte @ 0..=128 => u64::from(byte) * sector,
        byte => ntfs_size(byte, sector)?.checked_mul(sector)?,
    };
    let record = ntfs_size(head.u8(64)?, cluster)?;
    let table = head.u64(48)?.checked_mul(cluster)?;
    let at = table.checked_add(record.checked_mul(3)?)?;
    let bytes = some(disk, at, usize::try_from(record).ok()?.min(HEAD_BYTES));
    Some(Superblock {
        kind: "ntfs",
        label: ntfs_label(Blocks(&bytes)).unwrap_or_default(),
        uuid: format!("{:016X}", head.u64(72)?),
        ..Superblock::default()
    })
}

/// `FILE`, the offset of the first attribute at 20; each attribute is type, length, … and at 16 and 20 its value.
fn ntfs_label(record: Blocks) -> Option<String> {
    const VOLUME_NAME: u32 = 0x60;
    const END: u32 = 0xffff_ffff;
    record.has(0, b"FILE").then_some(())?;
    let mut at = usize::from(record.u16(20)?);
    loop {
        let length = usize::try_from(record.u32(at + 4)?).ok()?;
        match record.u32(at)? {
            VOLUME_NAME => {
                let bytes = usize::try_from(record.u32(at + 16)?).ok()?;
                let value = record.slice(at + usize::from(record.u16(at + 20)?), bytes)?;
                let (pairs, _) = value.as_chunks::<2>();
                let units = pairs.iter().copied().map(u16::from_le_bytes);
                return Some(String::from(bytes::text_utf16(units).trim()));
            }
            END => return None,
            _ if !(16..=HEAD_BYTES).contains(&length) => return None,
            _ => at += length,
        }
    }
}

/// exFAT 3.1 and 7.3: `EXFAT   ` at 3, the first cluster's sector at 88, the root's cluster at 96, a serial number at 100,
/// the logarithms of sector and cluster at 108 and 109; in the root, an entry 131 with length and UTF-16.
fn exfat(disk: &dyn Disk, head: Blocks) -> Option<Superblock> {
    const LABEL: u8 = 0x83;
    const LABEL_UNITS_MAX: usize = 11;
    head.has(3, b"EXFAT   ").then_some(())?;
    let (sector, cluster) = (u32::from(head.u8(108)?), u32::from(head.u8(109)?));
    (sector <= 12 && sector + cluster <= 25).then_some(())?;
    let first = u64::from(head.u32(88)?) << sector;
    let root = u64::from(head.u32(96)?).checked_sub(2)? << (sector + cluster);
    let bytes = some(disk, first.saturating_add(root), HEAD_BYTES);
    let (entries, _) = bytes.as_chunks::<32>();
    let label = entries.iter().find(|entry| entry[0] == LABEL).map(|entry| {
        let (pairs, _) = entry[2..].as_chunks::<2>();
        let length = usize::from(entry[1]).min(LABEL_UNITS_MAX);
        let units = pairs.iter().take(length).copied().map(u16::from_le_bytes);
        String::from(bytes::text_utf16(units).trim())
    });
    Some(Superblock {
        kind: "exfat",
        label: label.unwrap_or_default(),
        uuid: head.serial(100)?,
        ..Superblock::default()
    })
}
