//! Superblocks: which file system is on a device, its label and its UUID, in blkid's words.

use alloc::string::String;
use alloc::vec::Vec;

use super::bytes::Bytes;
use super::{Disk, ext, fat, iso9660};

/// Bytes read from the start of a device.
const HEAD_BYTES: usize = 4096;
/// Where the superblock of btrfs is, and how much of it matters.
const BTRFS_AT: u64 = 65536;
const BTRFS_BYTES: usize = 1024;

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
type Reader = fn(&dyn Disk, Bytes) -> Option<Superblock>;

/// The file system on a device; none if there is none we know, or if two claim to be there (blkid refuses these too).
/// iso9660 may stand beside another, as on an image that boots from disks and from CDs; then it is the one.
pub fn read(disk: &dyn Disk) -> Option<Superblock> {
    let head = some(disk, 0, HEAD_BYTES);
    let head = Bytes(&head);
    if let Some(found) = iso9660::superblock(disk) {
        return Some(found);
    }
    let readers: [Reader; 5] = [fat::superblock, swap, xfs, ext::superblock, btrfs];
    let mut found = readers.iter().filter_map(|reader| reader(disk, head));
    let first = found.next()?;
    found.next().is_none().then_some(first)
}

/// Bytes of a disk, fewer where it ends.
pub fn some(disk: &dyn Disk, offset: u64, length: usize) -> Vec<u8> {
    let left = disk.bytes().saturating_sub(offset);
    let length = usize::try_from(left).unwrap_or(length).min(length);
    super::read(disk, offset, length).unwrap_or_default()
}

/// XFS, xfs_sb(5): `XFSB` at 0, UUID at 32, label of 12 bytes at 108. The magic numbers are in network order.
fn xfs(_: &dyn Disk, head: Bytes) -> Option<Superblock> {
    head.has(0, b"XFSB").then(|| Superblock {
        kind: "xfs",
        label: head.text(108, 12),
        uuid: head.uuid(32),
        ..Superblock::default()
    })
}

/// Btrfs, on-disk format: at 64 KiB a checksum of 32 bytes, UUID, address, flags, and at 64 `_BHRfS_M`; label of 256
/// bytes at 299.
fn btrfs(disk: &dyn Disk, _: Bytes) -> Option<Superblock> {
    let block = some(disk, BTRFS_AT, BTRFS_BYTES);
    let block = Bytes(&block);
    block.has(64, b"_BHRfS_M").then(|| Superblock {
        kind: "btrfs",
        label: block.text(299, 256),
        uuid: block.uuid(32),
        ..Superblock::default()
    })
}

/// Swap space, mkswap(8): the signature ends the first page; version, UUID and a label of 16 bytes from 1024 on.
/// Pages larger than the head are those of rare kernels, and their swap is not looked for.
fn swap(_: &dyn Disk, head: Bytes) -> Option<Superblock> {
    let signed =
        head.has(HEAD_BYTES - 10, b"SWAPSPACE2") || head.has(HEAD_BYTES - 10, b"SWAP-SPACE");
    let known = matches!(head.u32(1024), Some(1 | 0x0100_0000));
    (signed && known).then(|| Superblock {
        kind: "swap",
        label: head.text(1052, 16),
        uuid: head.uuid(1036),
        ..Superblock::default()
    })
}
