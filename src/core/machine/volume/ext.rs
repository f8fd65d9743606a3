//! ext2, ext3 and ext4, by the kernel's documentation of the format; the journal is not replayed.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::bytes::Blocks;
use super::superblock::Superblock;
use super::{DIRECTORY_BYTES_MAX, Damage, Disk, Entry, Kind, LINK_BYTES_MAX, Node, Tree, read};

/// Where the superblock is, and its length.
const SUPERBLOCK_AT: usize = 1024;
const SUPERBLOCK_BYTES: usize = 1024;
/// The inode of the root directory.
const ROOT: u64 = 2;
/// Deepest tree of extents the format allows.
const EXTENT_DEPTH_MAX: u16 = 5;
/// Most nodes of a tree of extents read for one file.
const EXTENT_NODES_MAX: usize = 4096;
/// Bytes of the first version's inode; what follows in a longer one is optional.
const INODE_BYTES: usize = 128;
/// Bytes of an inode that hold the map of its blocks.
const MAP_BYTES: usize = 60;

const COMPAT_JOURNAL: u32 = 0x4;
const INCOMPAT_FILETYPE: u32 = 0x2;
const INCOMPAT_RECOVER: u32 = 0x4;
const INCOMPAT_JOURNAL_DEVICE: u32 = 0x8;
const INCOMPAT_META_BG: u32 = 0x10;
const INCOMPAT_64BIT: u32 = 0x80;
const RO_COMPAT_SPARSE_SUPER: u32 = 0x1;
const RO_COMPAT_LARGE_FILE: u32 = 0x2;
const RO_COMPAT_BTREE_DIR: u32 = 0x4;

/// The features that ext3 knows; any other makes an ext4.
const EXT3_INCOMPAT: u32 = INCOMPAT_FILETYPE | INCOMPAT_RECOVER | INCOMPAT_META_BG;
const EXT3_RO_COMPAT: u32 = RO_COMPAT_SPARSE_SUPER | RO_COMPAT_LARGE_FILE | RO_COMPAT_BTREE_DIR;

const FLAG_ENCRYPTED: u32 = 0x800;
const FLAG_EXTENTS: u32 = 0x8_0000;
const FLAG_INLINE: u32 = 0x1000_0000;

/// Magic at 56, features at 92, 96 and 100, UUID at 104, label of 16 bytes at 120. A journal of its own is no file system.
pub fn superblock(_: &dyn Disk, head: Blocks) -> Option<Superblock> {
    let block = Blocks(head.slice(SUPERBLOCK_AT, SUPERBLOCK_BYTES)?);
    block.has(56, &[0x53, 0xef]).then_some(())?;
    let (compat, incompat, ro_compat) = (block.u32(92)?, block.u32(96)?, block.u32(100)?);
    let kind = if incompat & INCOMPAT_JOURNAL_DEVICE != 0 {
        "jbd"
    } else if incompat & !EXT3_INCOMPAT != 0 || ro_compat & !EXT3_RO_COMPAT != 0 {
        "ext4"
    } else if compat & COMPAT_JOURNAL != 0 {
        "ext3"
    } else {
        "ext2"
    };
    Some(Superblock {
        kind,
        label: block.text(120, 16),
        uuid: block.uuid(104),
        ..Superblock::default()
    })
}

/// An open volume.
pub struct Ext<'a> {
    disk: &'a dyn Disk,
    block_bytes: usize,
    inode_bytes: u64,
    inodes: u64,
    inodes_per_group: u64,
    blocks_per_group: u64,
    first_block: u64,
    first_meta_group: u64,
    descriptor_bytes: u64,
    incompat: u32,
    ro_compat: u32,
}

/// Opens a volume; its numbers are made sense of here, once.
///
/// ```text
/// 0 inodes   20 first block   24 log of block size   32 blocks per group   40 inodes per group
/// 76 revision   88 inode size (2)   96 incompatible features   254 descriptor size (2)   260 first meta group
/// ```
pub fn open(disk: &dyn Disk) -> Result<Ext<'_>, Damage> {
    let block = read(disk, SUPERBLOCK_AT as u64, SUPERBLOCK_BYTES)?;
    let block = Blocks(&block);
    let number = |offset| u64::from(block.u32(offset).unwrap_or_default());
    let short = |offset| u64::from(block.u16(offset).unwrap_or_default());
    let incompat = block.u32(96).unwrap_or_default();
    let log = number(24).min(16);
    let ext = Ext {
        disk,
        block_bytes: 1024 << log,
        inode_bytes: if number(76) == 0 { 128 } else { short(88) },
        inodes: number(0),
        inodes_per_group: number(40),
        blocks_per_group: number(32),
        first_block: number(20),
        first_meta_group: number(260),
        descriptor_bytes: match incompat & INCOMPAT_64BIT {
            0 => 32,
            _ => short(254),
        },
        incompat,
        ro_compat: block.u32(100).unwrap_or_default(),
    };
    let sound = log <= 6
        && ext.inodes_per_group != 0
        && ext.blocks_per_group != 0
        && (128..=ext.block_bytes as u64).contains(&ext.inode_bytes)
        && (32..=ext.block_bytes as u64).contains(&ext.descriptor_bytes);
    if sound {
        Ok(ext)
    } else {
        Err(Damage::new("an ext superblock", "one with senseless sizes"))
    }
}

/// A file or directory.
struct Inode {
    mode: u16,
    flags: u32,
    bytes: u64,
    map: [u8; MAP_BYTES],
    /// What an inline file has beyond its map.
    inline: Vec<u8>,
}

impl Inode {
    fn kind(&self) -> Kind {
        match self.mode & 0o170_000 {
            0o100_000 => Kind::File,
            0o040_000 => Kind::Directory,
            _ => Kind::Other,
        }
    }
}

/// Blocks that are next to each other in a file and on disk; physical 0 is a hole.
#[derive(Clone, Copy)]
struct Run {
    logical: u64,
    physical: u64,
    blocks: u64,
}

impl Ext<'_> {
    fn block(&self, number: u64) -> Result<Vec<u8>, Damage> {
        let at = number.checked_mul(self.block_bytes as u64);
        read(self.disk, at.unwrap_or(u64::MAX), self.block_bytes)
    }

    /// Where the descriptor of a group is: behind the superblock; with META_BG in the groups it describes, behind the copy
    /// of the superblock if there is one. Blocks of 1024 bytes have the superblock in block 1, even if block 0 is the
    /// first.
    fn descriptor_at(&self, group: u64) -> u64 {
        let per_block = self.block_bytes as u64 / self.descriptor_bytes;
        let index = group / per_block;
        let superblock = u64::from(self.block_bytes == 1024);
        let block = if self.incompat & INCOMPAT_META_BG == 0 || index < self.first_meta_group {
            superblock + 1 + index
        } else {
            let first = index * per_block;
            let start = first.saturating_mul(self.blocks_per_group);
            let shift = if index == 0 {
                superblock
            } else {
                self.first_block
            };
            start.saturating_add(shift + u64::from(self.has_copy(first)))
        };
        let at = block.saturating_mul(self.block_bytes as u64);
        at.saturating_add(group % per_block * self.descriptor_bytes)
    }

    /// True if a group begins with a copy of the superblock: all do, or 0, 1 and the powers of 3, 5 and 7.
    fn has_copy(&self, group: u64) -> bool {
        let power = |base: u64| {
            let mut power = base;
            while power < group {
                power *= base;
            }
            power == group
        };
        self.ro_compat & RO_COMPAT_SPARSE_SUPER == 0
            || group <= 1
            || [3, 5, 7].into_iter().any(power)
    }

    /// Mode at 0, size at 4 and 108, flags at 32, map at 40.
    fn inode(&self, number: u64) -> Result<Inode, Damage> {
        if !(1..=self.inodes).contains(&number) {
            return Err(Damage::new(
                &format!("an inode from 1 to {}", self.inodes),
                format!("{number}"),
            ));
        }
        let (group, index) = (
            (number - 1) / self.inodes_per_group,
            (number - 1) % self.inodes_per_group,
        );
        let descriptor = read(
            self.disk,
            self.descriptor_at(group),
            self.descriptor_bytes as usize,
        )?;
        let descriptor = Blocks(&descriptor);
        let low = u64::from(descriptor.u32(8).unwrap_or_default());
        let high = match self.descriptor_bytes {
            64.. => u64::from(descriptor.u32(40).unwrap_or_default()),
            _ => 0,
        };
        let table = (high << 32 | low).saturating_mul(self.block_bytes as u64);
        let at = table.saturating_add(index * self.inode_bytes);
        let bytes = read(self.disk, at, self.inode_bytes as usize)?;
        let bytes = Blocks(&bytes);
        let flags = bytes.u32(32).unwrap_or_default();
        let inline = (flags & FLAG_INLINE != 0).then(|| inline(bytes).unwrap_or_default());
        Ok(Inode {
            mode: bytes.u16(0).unwrap_or_default(),
            flags,
            inline: inline.unwrap_or_default().to_vec(),
            bytes: u64::from(bytes.u32(108).unwrap_or_default()) << 32
                | u64::from(bytes.u32(4).unwrap_or_default()),
            map: bytes.array(40).unwrap_or([0; MAP_BYTES]),
        })
    }

    /// The first `length` bytes of a file; the file is at least that long.
    fn bytes(&self, inode: &Inode, length: usize) -> Result<Vec<u8>, Damage> {
        if inode.flags & FLAG_ENCRYPTED != 0 {
            return Err(Damage::new("a file in the clear", "an encrypted one"));
        }
        if inode.flags & FLAG_INLINE != 0 {
            let content = [&inode.map[..], &inode.inline].concat();
            return match content.get(..length) {
                Some(content) => Ok(content.to_vec()),
                None => Err(Damage::new(
                    &format!("{length} bytes inline"),
                    format!("{}", content.len()),
                )),
            };
        }
        let blocks = length.div_ceil(self.block_bytes) as u64;
        let mut runs = Vec::new();
        match inode.flags & FLAG_EXTENTS {
            0 => self.mapped(&inode.map, blocks, &mut runs)?,
            _ => self.extents(&inode.map, blocks, &mut runs)?,
        }
        let mut content = vec![0; length];
        for run in runs {
            self.fill(&mut content, run)?;
        }
        Ok(content)
    }

    fn fill(&self, content: &mut [u8], run: Run) -> Result<(), Damage> {
        let from = usize::try_from(run.logical)
            .ok()
            .and_then(|at| at.checked_mul(self.block_bytes));
        let rest = from
            .and_then(|from| content.get_mut(from..))
            .unwrap_or_default();
        let blocks = usize::try_from(run.blocks).unwrap_or(usize::MAX);
        let length = blocks.saturating_mul(self.block_bytes).min(rest.len());
        if run.physical == 0 || length == 0 {
            return Ok(());
        }
        let at = run.physical.saturating_mul(self.block_bytes as u64);
        let bytes = read(self.disk, at, length)?;
        if let Some(rest) = rest.get_mut(..length) {
            rest.copy_from_slice(&bytes);
        }
        Ok(())
    }

    /// Twelve blocks, then a block of blocks, a block of those, and one of those again.
    fn mapped(&self, map: &[u8], blocks: u64, runs: &mut Vec<Run>) -> Result<(), Damage> {
        let per_block = self.block_bytes as u64 / 4;
        let mut logical = 0;
        for index in 0..15_usize {
            let level = index.saturating_sub(11) as u32;
            let number = Blocks(map).u32(index * 4).unwrap_or_default();
            logical = self.indirect(number, level, logical, blocks, runs)?;
            if logical >= blocks {
                return Ok(());
            }
        }
        let found = format!("{blocks} of them");
        Err(Damage::new(
            &format!("at most 12 + {per_block} + {per_block}² + {per_block}³ blocks"),
            found,
        ))
    }

    /// One pointer and what it leads to; the block of the file that comes next.
    fn indirect(
        &self,
        number: u32,
        level: u32,
        logical: u64,
        blocks: u64,
        runs: &mut Vec<Run>,
    ) -> Result<u64, Damage> {
        let per_block = self.block_bytes as u64 / 4;
        if number == 0 || level == 0 {
            let physical = u64::from(number);
            runs.extend((number != 0).then_some(Run {
                logical,
                physical,
                blocks: 1,
            }));
            return Ok(logical.saturating_add(per_block.saturating_pow(level)));
        }
        let pointers = self.block(u64::from(number))?;
        let mut logical = logical;
        for pointer in pointers.chunks_exact(4) {
            if logical >= blocks {
                break;
            }
            let number = Blocks(pointer).u32(0).unwrap_or_default();
            logical = self.indirect(number, level - 1, logical, blocks, runs)?;
        }
        Ok(logical)
    }

    /// A tree of extents, depth first, without recursion: nodes still to be read are kept with the depth they must have.
    ///
    /// ```text
    /// node   = %x0A.F3 entries(2) max(2) depth(2) generation(4) *entry
    /// extent = block(4) length(2) start-high(2) start(4)       ; depth 0; length above 32768: not written yet
    /// index  = block(4) child(4) child-high(2) unused(2)       ; else
    /// ```
    fn extents(&self, map: &[u8], blocks: u64, runs: &mut Vec<Run>) -> Result<(), Damage> {
        let mut nodes = vec![(None, None)];
        let mut next = 0;
        for _ in 0..EXTENT_NODES_MAX {
            let Some((number, depth)) = nodes.pop() else {
                return Ok(());
            };
            let node = match number {
                Some(number) => self.block(number)?,
                None => map.to_vec(),
            };
            let header = Blocks(&node);
            let own = header.u16(6).unwrap_or(u16::MAX);
            let fits = own <= EXTENT_DEPTH_MAX && depth.is_none_or(|depth| depth == own);
            if !header.has(0, &[0x0a, 0xf3]) || !fits {
                return Err(Damage::new("a node of extents", "another block"));
            }
            let count = usize::from(header.u16(2).unwrap_or_default());
            let entries = node.get(12..).unwrap_or_default().chunks_exact(12);
            let entries = entries.take(count).map(Blocks);
            if own == 0 {
                for run in entries
                    .filter_map(extent)
                    .filter(|run| run.logical < blocks)
                {
                    if run.logical < next {
                        return Err(Damage::new("extents in order", "an overlap"));
                    }
                    next = run.logical + run.blocks;
                    runs.push(run);
                }
                continue;
            }
            let needed = entries
                .filter_map(child)
                .filter(|(first, _)| *first < blocks);
            let needed = needed.map(|(_, number)| (Some(number), Some(own - 1)));
            let before = nodes.len();
            nodes.extend(needed);
            if let Some(added) = nodes.get_mut(before..) {
                added.reverse();
            }
        }
        Err(Damage::new(
            &format!("at most {EXTENT_NODES_MAX} nodes of extents"),
            "more",
        ))
    }
}

/// The first block of the file below an index, and where its node is.
fn child(entry: Blocks) -> Option<(u64, u64)> {
    let number = u64::from(entry.u16(8)?) << 32 | u64::from(entry.u32(4)?);
    Some((u64::from(entry.u32(0)?), number))
}

/// What an inline file keeps behind the inode proper: the extended attribute `system.data`.
///
/// ```text
/// inode     = 128OCTET extra-length(2) *OCTET %x00.00.02.EA *attribute
/// attribute = name-length index offset(2) inode(4) length(4) hash(4) name      ; padded to four; index 7 is "system."
/// ```
fn inline(inode: Blocks<'_>) -> Option<&[u8]> {
    const SYSTEM: u8 = 7;
    let magic = INODE_BYTES + usize::from(inode.u16(INODE_BYTES)?);
    inode.has(magic, &[0, 0, 2, 0xea]).then_some(())?;
    let first = magic + 4;
    let mut at = first;
    while inode.u32(at)? != 0 {
        let name = usize::from(inode.u8(at)?);
        if inode.u8(at + 1)? == SYSTEM && inode.slice(at + 16, name)? == b"data" {
            let offset = usize::from(inode.u16(at + 2)?);
            let length = usize::try_from(inode.u32(at + 8)?).ok()?;
            return inode.slice(first + offset, length);
        }
        at += 16 + name.next_multiple_of(4);
    }
    None
}

/// A run that is written; length 0 and lengths above 32768 are not.
fn extent(entry: Blocks) -> Option<Run> {
    let length = entry.u16(4)?;
    (1..=32768).contains(&length).then_some(Run {
        logical: u64::from(entry.u32(0)?),
        physical: u64::from(entry.u16(6)?) << 32 | u64::from(entry.u32(8)?),
        blocks: u64::from(length),
    })
}

impl Tree for Ext<'_> {
    fn root(&self) -> Node {
        Node {
            kind: Kind::Directory,
            start: ROOT,
            bytes: 0,
        }
    }

    /// ```text
    /// entry = inode(4) length(2) name-length type name *OCTET   ; inode 0: unused
    /// ```
    ///
    /// The hashes of large directories hide in entries that look unused.
    fn entries(&self, directory: &Node) -> Result<Vec<Entry>, Damage> {
        let inode = self.inode(directory.start)?;
        let length = inode.bytes.min(DIRECTORY_BYTES_MAX as u64) as usize;
        let content = self.bytes(&inode, length)?;
        let mut entries = Vec::new();
        if inode.flags & FLAG_INLINE == 0 {
            for block in content.chunks(self.block_bytes) {
                self.collect(block, &mut entries)?;
            }
        } else {
            // Four bytes for the parent, entries up to the map's end, and as a block of their own those beyond it.
            let (map, rest) = content.split_at(MAP_BYTES.min(content.len()));
            self.collect(map.get(4..).unwrap_or_default(), &mut entries)?;
            self.collect(rest, &mut entries)?;
        }
        Ok(entries)
    }

    fn content(&self, file: &Node, bytes_max: usize) -> Result<Vec<u8>, Damage> {
        let inode = self.inode(file.start)?;
        match usize::try_from(inode.bytes) {
            Ok(length) if length <= bytes_max => self.bytes(&inode, length),
            _ => Err(Damage::too_long(inode.bytes, bytes_max)),
        }
    }

    /// A short one is in the inode, where a file has the map of its blocks.
    fn link(&self, entry: &Entry) -> Result<Option<String>, Damage> {
        if entry.node.kind != Kind::Other {
            return Ok(None);
        }
        let inode = self.inode(entry.node.start)?;
        let length = usize::try_from(inode.bytes).unwrap_or(usize::MAX);
        if inode.mode & 0o170_000 != 0o120_000 || length > LINK_BYTES_MAX {
            return Ok(None);
        }
        let text = if length < MAP_BYTES {
            inode.map.get(..length).unwrap_or_default().to_vec()
        } else {
            self.bytes(&inode, length)?
        };
        Ok(Some(String::from_utf8_lossy(&text).into_owned()))
    }

    fn folds_case(&self) -> bool {
        false
    }
}

impl Ext<'_> {
    /// The entries of one block of a directory.
    fn collect(&self, block: &[u8], entries: &mut Vec<Entry>) -> Result<(), Damage> {
        let mut rest = block;
        while let Some(length) = Blocks(rest).u16(4).map(usize::from) {
            let start = u64::from(Blocks(rest).u32(0).unwrap_or_default());
            let name_length = usize::from(Blocks(rest).u8(6).unwrap_or_default());
            // Records do not overlap; one that does would make a block a thousand names.
            if length < 8 + name_length {
                break;
            }
            let name = Blocks(rest).slice(8, name_length).unwrap_or_default();
            let name = String::from_utf8_lossy(name).into_owned();
            if start != 0 && !matches!(name.as_str(), "" | "." | "..") {
                let kind = self.kind(Blocks(rest).u8(7), start)?;
                let node = Node {
                    kind,
                    start,
                    bytes: 0,
                };
                entries.push(Entry {
                    name,
                    node,
                    link: None,
                });
            }
            rest = rest.get(length.max(8)..).unwrap_or_default();
        }
        Ok(())
    }

    /// What an entry is: as it says itself where the volume has that feature, else as its inode does.
    fn kind(&self, said: Option<u8>, inode: u64) -> Result<Kind, Damage> {
        if self.incompat & INCOMPAT_FILETYPE == 0 {
            return Ok(self.inode(inode)?.kind());
        }
        Ok(match said {
            Some(1) => Kind::File,
            Some(2) => Kind::Directory,
            _ => Kind::Other,
        })
    }
}
