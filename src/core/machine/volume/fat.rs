//! FAT12, FAT16 and FAT32 with long names, as in Microsoft's FAT specification 1.03.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::bytes::{self, Blocks};
use super::superblock::Superblock;
use super::{DIRECTORY_BYTES_MAX, Damage, Disk, Entry, Kind, Node, Tree, read, some};

/// Bytes of a directory's entry.
const ENTRY_BYTES: usize = 32;
/// Most clusters with 12-bit and with 16-bit entries (3.5); with 32-bit ones 28 bits count.
const FAT12_CLUSTERS_MAX: u64 = 4084;
const FAT16_CLUSTERS_MAX: u64 = 65524;
const FAT32_CLUSTERS_MAX: u64 = 0x0fff_fff6;
/// Bytes of the table read at once.
const WINDOW_BYTES: usize = 1024;
/// How far the root directory is searched for the label; it is the first entry wherever a tool made the volume.
const LABEL_SEARCH_BYTES_MAX: usize = 1 << 16;
/// Most pieces of a long name; each has 13 characters.
const PIECES_MAX: usize = 20;
/// What both labels say when there is none.
const NO_NAME: &[u8; 11] = b"NO NAME    ";

const ATTRIBUTE_LABEL: u8 = 0x08;
const ATTRIBUTE_DIRECTORY: u8 = 0x10;
const ATTRIBUTE_LONG_NAME: u8 = 0x0f;

/// Width of the table's entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    Fat12,
    Fat16,
    Fat32,
}

/// An open volume: what its boot sector says, in bytes.
pub struct Fat<'a> {
    disk: &'a dyn Disk,
    width: Width,
    cluster_bytes: usize,
    clusters: u64,
    table_at: u64,
    root_at: u64,
    root_bytes: usize,
    root_cluster: u64,
    data_at: u64,
}

/// Section 3.1: a boot sector says so by a name or by its last two bytes; and numbers that are never otherwise.
///
/// ```text
/// 0 jump   11 bytes per sector (2)   13 sectors per cluster   14 reserved sectors (2)   16 tables   21 medium
/// ```
fn is_boot_sector(boot: Blocks) -> bool {
    let names = [
        (0x36, &b"FAT"[..]),
        (0x36, b"MSDOS"),
        (0x52, b"FAT32"),
        (0x52, b"MSWIN"),
    ];
    let named = names.iter().any(|(at, name)| boot.has(*at, name));
    let jumps = matches!(boot.u8(0), Some(0xe9 | 0xeb)) && boot.has(510, &[0x55, 0xaa]);
    (named || jumps)
        && matches!(boot.u16(11), Some(512 | 1024 | 2048 | 4096))
        && boot.u8(13).is_some_and(u8::is_power_of_two)
        && boot.u16(14).is_some_and(|reserved| reserved != 0)
        && boot.u8(16).is_some_and(|tables| tables != 0)
        && matches!(boot.u8(21), Some(0xf0 | 0xf8..))
}

impl<'a> Fat<'a> {
    /// Section 3.1 to 3.5: the BIOS parameter block, in sectors, and what follows from it. `None` if it makes no sense.
    ///
    /// ```text
    /// 17 entries of the root (2)   19 sectors (2), else 32 (4)   22 sectors per table (2), else 36 (4)
    /// 44 first cluster of the root (4)
    /// ```
    fn new(disk: &'a dyn Disk, boot: Blocks) -> Option<Fat<'a>> {
        is_boot_sector(boot).then_some(())?;
        let short = |offset| boot.u16(offset).map(u64::from);
        let long = |offset| boot.u32(offset).map(u64::from);
        let sector_bytes = short(11)?;
        let sectors_per_cluster = u64::from(boot.u8(13)?);
        let reserved = short(14)?;
        let tables = u64::from(boot.u8(16)?);
        let root_bytes = usize::from(boot.u16(17)?) * ENTRY_BYTES;
        let sectors = short(19).filter(|sectors| *sectors != 0).or(long(32))?;
        let small_table = short(22).filter(|sectors| *sectors != 0);
        let table_sectors = small_table.or(long(36)).filter(|sectors| *sectors != 0)?;

        let root_sector = reserved + tables * table_sectors;
        let data_sector = root_sector + (root_bytes as u64).div_ceil(sector_bytes);
        let clusters = sectors.checked_sub(data_sector)? / sectors_per_cluster;
        let (width, clusters_max) = match clusters {
            _ if small_table.is_none() => (Width::Fat32, FAT32_CLUSTERS_MAX),
            ..=FAT12_CLUSTERS_MAX => (Width::Fat12, FAT12_CLUSTERS_MAX),
            _ => (Width::Fat16, FAT16_CLUSTERS_MAX),
        };
        (clusters <= clusters_max).then_some(Fat {
            disk,
            width,
            cluster_bytes: (sectors_per_cluster * sector_bytes) as usize,
            clusters,
            table_at: reserved * sector_bytes,
            root_at: root_sector * sector_bytes,
            root_bytes,
            root_cluster: if width == Width::Fat32 { long(44)? } else { 0 },
            data_at: data_sector * sector_bytes,
        })
    }

    /// The bytes of a chain of clusters, up to `bytes_max` of them. A chain that leaves the volume or runs into a circle
    /// ends where the bytes asked for do.
    fn chain(&self, first: u64, bytes_max: usize) -> Result<Vec<u8>, Damage> {
        let mut content = Vec::new();
        let mut window = Window::default();
        let mut cluster = first;
        while content.len() < bytes_max && (2..self.clusters + 2).contains(&cluster) {
            let at = self.data_at + (cluster - 2) * self.cluster_bytes as u64;
            let length = self.cluster_bytes.min(bytes_max - content.len());
            content.extend(read(self.disk, at, length)?);
            cluster = self.next(&mut window, cluster)?;
        }
        Ok(content)
    }

    /// Section 4.1: the entry of a cluster is the number of the next. Those of 12 bits come in pairs of three bytes.
    fn next(&self, window: &mut Window, cluster: u64) -> Result<u64, Damage> {
        let offset = match self.width {
            Width::Fat12 => cluster + cluster / 2,
            Width::Fat16 => cluster * 2,
            Width::Fat32 => cluster * 4,
        };
        let entry = window.u32(self.disk, self.table_at + offset)?;
        Ok(u64::from(match self.width {
            Width::Fat12 if cluster % 2 == 1 => entry >> 4 & 0xfff,
            Width::Fat12 => entry & 0xfff,
            Width::Fat16 => entry & 0xffff,
            Width::Fat32 => entry & 0x0fff_ffff,
        }))
    }

    /// The root directory: an area of its own, with FAT32 a chain.
    fn root_content(&self, bytes_max: usize) -> Result<Vec<u8>, Damage> {
        match self.width {
            Width::Fat32 => self.chain(self.root_cluster, bytes_max),
            Width::Fat12 | Width::Fat16 => {
                read(self.disk, self.root_at, self.root_bytes.min(bytes_max))
            }
        }
    }
}

/// A piece of the table, so that a chain does not cost a read per cluster.
#[derive(Default)]
struct Window {
    at: u64,
    bytes: Vec<u8>,
}

impl Window {
    fn u32(&mut self, disk: &dyn Disk, at: u64) -> Result<u32, Damage> {
        let inside = at.checked_sub(self.at).and_then(|offset| {
            let offset = usize::try_from(offset).ok()?;
            Blocks(&self.bytes).u32(offset)
        });
        if let Some(number) = inside {
            return Ok(number);
        }
        self.at = at;
        self.bytes = some(disk, at, WINDOW_BYTES)?;
        Blocks(&self.bytes)
            .u32(0)
            .ok_or_else(|| Damage::new("a table of clusters", format!("the device's end at {at}")))
    }
}

/// Both labels and the serial number: at 43 and 39, with FAT32 at 71 and 67, if the byte before them says so.
pub fn superblock(disk: &dyn Disk, head: Blocks) -> Option<Superblock> {
    let fat = Fat::new(disk, head)?;
    let extension = match fat.width {
        Width::Fat32 => 66,
        Width::Fat12 | Width::Fat16 => 38,
    };
    let signature = head.u8(extension)?;
    let fatboot = head
        .slice(extension + 5, 11)
        .filter(|label| signature == 0x29 && label != NO_NAME);
    let has_serial = matches!(signature, 0x28 | 0x29) && head.u32(extension + 1) != Some(0);
    let serial = head.serial(extension + 1).filter(|_| has_serial);
    let root = fat.root_content(LABEL_SEARCH_BYTES_MAX).unwrap_or_default();
    Some(Superblock {
        kind: "vfat",
        label: root_label(&root),
        label_fatboot: fatboot.map(bytes::text).unwrap_or_default(),
        uuid: serial.unwrap_or_default(),
    })
}

/// The entries of a directory in use, up to the first that never was.
fn used(content: &[u8]) -> impl Iterator<Item = Blocks<'_>> {
    content
        .chunks_exact(ENTRY_BYTES)
        .take_while(|entry| entry.first() != Some(&0))
        .filter(|entry| entry.first() != Some(&0xe5))
        .map(Blocks)
}

/// Section 6.1: the entry with the label's attribute and no cluster.
fn root_label(content: &[u8]) -> String {
    let label = used(content).find_map(|entry| {
        let attribute = entry.u8(11)?;
        let is = attribute != ATTRIBUTE_LONG_NAME
            && attribute & (ATTRIBUTE_LABEL | ATTRIBUTE_DIRECTORY) == ATTRIBUTE_LABEL
            && entry.u16(20)? == 0
            && entry.u16(26)? == 0;
        entry.array::<11>(0).filter(|_| is)
    });
    match label {
        Some(mut label) if &label != NO_NAME => {
            if let Some(first) = label.first_mut().filter(|first| **first == 0x05) {
                *first = 0xe5;
            }
            bytes::text(&label)
        }
        _ => String::new(),
    }
}

/// Opens a volume.
pub fn open(disk: &dyn Disk) -> Result<Fat<'_>, Damage> {
    let boot = read(disk, 0, 512)?;
    Fat::new(disk, Blocks(&boot)).ok_or_else(|| Damage::new("a FAT boot sector", "another"))
}

impl Tree for Fat<'_> {
    fn root(&self) -> Node {
        Node {
            kind: Kind::Directory,
            start: 0,
            bytes: 0,
        }
    }

    fn entries(&self, directory: &Node) -> Result<Vec<Entry>, Damage> {
        let content = match directory.start {
            0 => self.root_content(DIRECTORY_BYTES_MAX)?,
            cluster => self.chain(cluster, DIRECTORY_BYTES_MAX)?,
        };
        let mut entries = Vec::new();
        let mut long = LongName::default();
        for entry in used(&content) {
            let attribute = entry.u8(11).unwrap_or_default();
            if attribute & 0x3f == ATTRIBUTE_LONG_NAME {
                long.add(entry);
                continue;
            }
            let long = core::mem::take(&mut long).of(entry);
            let name = long.unwrap_or_else(|| short_name(entry));
            if attribute & ATTRIBUTE_LABEL == 0 && !matches!(name.as_str(), "" | "." | "..") {
                entries.push(Entry {
                    name,
                    node: self.node(entry),
                    link: None,
                });
            }
        }
        Ok(entries)
    }

    fn content(&self, file: &Node, bytes_max: usize) -> Result<Vec<u8>, Damage> {
        let length = match usize::try_from(file.bytes) {
            Ok(length) if length <= bytes_max => length,
            _ => return Err(Damage::too_long(file.bytes, bytes_max)),
        };
        let content = self.chain(file.start, length)?;
        if content.len() == length {
            Ok(content)
        } else {
            Err(Damage::new(
                &format!("a chain of clusters for {length} bytes"),
                format!("one for {}", content.len()),
            ))
        }
    }

    fn link(&self, _: &Entry) -> Result<Option<String>, Damage> {
        Ok(None)
    }

    fn folds_case(&self) -> bool {
        true
    }
}

impl Fat<'_> {
    /// Section 6: attributes at 11, first cluster at 26 and (FAT32) 20, length at 28.
    fn node(&self, entry: Blocks) -> Node {
        let low = u64::from(entry.u16(26).unwrap_or_default());
        let high = match self.width {
            Width::Fat32 => u64::from(entry.u16(20).unwrap_or_default()),
            Width::Fat12 | Width::Fat16 => 0,
        };
        let directory = entry.u8(11).unwrap_or_default() & ATTRIBUTE_DIRECTORY != 0;
        Node {
            kind: if directory {
                Kind::Directory
            } else {
                Kind::File
            },
            start: high << 16 | low,
            bytes: u64::from(entry.u32(28).unwrap_or_default()),
        }
    }
}

/// Section 6.2: `NAME    EXT`; two bits of byte 12 say that either is in small letters.
fn short_name(entry: Blocks) -> String {
    let case = entry.u8(12).unwrap_or_default();
    let part = |offset: usize, length: usize, small: bool| -> String {
        let bytes = entry.slice(offset, length).unwrap_or_default();
        let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        let text = text.trim_end();
        if small {
            text.to_lowercase()
        } else {
            String::from(text)
        }
    };
    let name = part(0, 8, case & 0x08 != 0);
    let extension = part(8, 3, case & 0x10 != 0);
    let name = match name.strip_prefix('\u{5}') {
        Some(rest) => format!("\u{e5}{rest}"),
        None => name,
    };
    if extension.is_empty() {
        name
    } else {
        format!("{name}.{extension}")
    }
}

/// Section 7: a long name stands in pieces before its entry, the last piece first; each tells its number, and a checksum
/// of the short name they belong to.
#[derive(Default)]
struct LongName {
    checksum: u8,
    /// The number the next piece should have.
    missing: u8,
    pieces: Vec<[u16; 13]>,
}

impl LongName {
    fn add(&mut self, entry: Blocks) {
        let order = entry.u8(0).unwrap_or_default();
        let checksum = entry.u8(13).unwrap_or_default();
        if order & 0x40 != 0 {
            *self = LongName {
                checksum,
                missing: order & 0x3f,
                pieces: Vec::new(),
            };
        }
        let fits = self.missing != 0
            && order & 0x3f == self.missing
            && checksum == self.checksum
            && self.pieces.len() < PIECES_MAX;
        if !fits {
            *self = LongName::default();
            return;
        }
        let places = (1..11)
            .step_by(2)
            .chain((14..26).step_by(2))
            .chain((28..32).step_by(2));
        let mut piece = [0; 13];
        for (unit, place) in piece.iter_mut().zip(places) {
            *unit = entry.u16(place).unwrap_or_default();
        }
        self.pieces.push(piece);
        self.missing -= 1;
    }

    /// The name, if all its pieces are there and it belongs to this entry.
    fn of(self, entry: Blocks) -> Option<String> {
        let short = entry.slice(0, 11)?;
        let sum = short
            .iter()
            .fold(0_u8, |sum, byte| sum.rotate_right(1).wrapping_add(*byte));
        let whole = self.missing == 0 && !self.pieces.is_empty() && sum == self.checksum;
        whole.then(|| bytes::text_utf16(self.pieces.iter().rev().flatten().copied()))
    }
}
