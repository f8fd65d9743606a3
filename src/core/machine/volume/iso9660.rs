//! iso9660 (ECMA-119), with the long names of Rock Ridge (IEEE P1282) or of Joliet.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use nom::Parser;
use nom::bytes::complete::take;
use nom::combinator::verify;
use nom::number::complete::{le_u8, le_u32};
use nom::{IResult, multi::length_data};

use super::bytes::{self, Blocks};
use super::superblock::{Superblock, some};
use super::{DIRECTORY_BYTES_MAX, Damage, Disk, Entry, Kind, LINK_BYTES_MAX, Node, Tree, read};

/// Where descriptors begin, and how long each is.
const DESCRIPTORS_AT: u64 = 32768;
const SECTOR_BYTES: usize = 2048;
/// Most descriptors looked at.
const DESCRIPTORS_MAX: usize = 16;
/// Most continuation areas of Rock Ridge read for one entry.
const CONTINUATIONS_MAX: usize = 4;
/// Longest name kept.
const NAME_BYTES_MAX: usize = 255;
/// Escape sequences in a supplementary descriptor that say "Joliet, level 1, 2, 3".
const JOLIET: [&[u8]; 3] = [b"%/@", b"%/C", b"%/E"];

/// The descriptors that matter.
struct Descriptors {
    primary: Vec<u8>,
    joliet: Option<Vec<u8>>,
}

/// ECMA-119 8: sectors from 16 on, each type, `CD001`, version; type 1 is the primary one, 2 a supplementary one, 255 the
/// last.
fn descriptors(disk: &dyn Disk) -> Option<Descriptors> {
    let first = some(disk, DESCRIPTORS_AT, SECTOR_BYTES);
    Blocks(&first).has(1, b"CD001").then_some(())?;
    let all = some(disk, DESCRIPTORS_AT, SECTOR_BYTES * DESCRIPTORS_MAX);
    let sectors = || {
        let sound =
            |sector: &&[u8]| Blocks(sector).has(1, b"CD001") && sector.first() != Some(&255);
        all.chunks_exact(SECTOR_BYTES).take_while(sound)
    };
    let primary = sectors().find(|sector| sector.first() == Some(&1))?;
    let joliet = sectors().find(|sector| {
        let escape = Blocks(sector).slice(88, 3);
        sector.first() == Some(&2) && escape.is_some_and(|escape| JOLIET.contains(&escape))
    });
    Some(Descriptors {
        primary: primary.to_vec(),
        joliet: joliet.map(<[u8]>::to_vec),
    })
}

/// Label and date: ECMA-119 8.4.7, 8.4.26, 8.4.27.
pub fn superblock(disk: &dyn Disk, _: Blocks) -> Option<Superblock> {
    let descriptors = descriptors(disk)?;
    let primary = Blocks(&descriptors.primary);
    let uuid = date(primary, 830).or_else(|| date(primary, 813));
    Some(Superblock {
        kind: "iso9660",
        label: label(&descriptors),
        uuid: uuid.unwrap_or_default(),
        ..Superblock::default()
    })
}

/// A date of 16 digits as blkid makes a UUID of it; none if all digits are zero.
fn date(descriptor: Blocks, offset: usize) -> Option<String> {
    let digits = descriptor.slice(offset, 16)?;
    let zone = descriptor.u8(offset + 16)?;
    if zone == 0 && digits.iter().all(|digit| *digit == b'0') {
        return None;
    }
    let text = String::from_utf8_lossy(digits);
    let text: Vec<char> = text.chars().collect();
    let part = |from: usize, to: usize| -> String {
        text.get(from..to).unwrap_or_default().iter().collect()
    };
    let [year, rest @ ..] = [
        (0, 4),
        (4, 6),
        (6, 8),
        (8, 10),
        (10, 12),
        (12, 14),
        (14, 16),
    ];
    Some(rest.iter().fold(part(year.0, year.1), |uuid, (from, to)| {
        format!("{uuid}-{}", part(*from, *to))
    }))
}

/// The label: Joliet's, which keeps every character but only sixteen of them; where the primary one begins alike and is
/// longer, the rest comes from there.
fn label(descriptors: &Descriptors) -> String {
    let primary = Blocks(&descriptors.primary)
        .slice(40, 32)
        .unwrap_or_default();
    let Some(joliet) = &descriptors.joliet else {
        return bytes::text(primary);
    };
    let joliet = Blocks(joliet).slice(40, 32).unwrap_or_default();
    let units: Vec<u16> = bytes::units(joliet).collect();
    let same = |(unit, byte): (&u16, &u8)| *unit == u16::from(*byte) || *byte == b'_';
    let mut merged = units.clone();
    if units.iter().zip(primary).all(same) {
        let rest = primary.get(units.len()..).unwrap_or_default();
        merged.extend(rest.iter().map(|byte| u16::from(*byte)));
    }
    String::from(bytes::text_utf16(merged.into_iter()).trim())
}

/// How names are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Names {
    /// Rock Ridge; as many bytes are skipped at the start of each system use area.
    RockRidge { skip: usize },
    /// UTF-16, big-endian.
    Joliet,
    /// `NAME.EXT;1`.
    Plain,
}

/// An open volume.
pub struct Iso9660<'a> {
    disk: &'a dyn Disk,
    block_bytes: u64,
    names: Names,
    root: Node,
}

/// Opens a volume: by Rock Ridge if it is there, else by Joliet.
pub fn open(disk: &dyn Disk) -> Result<Iso9660<'_>, Damage> {
    let found = descriptors(disk)
        .ok_or_else(|| Damage::new("a primary volume descriptor", "none in the first 16"))?;
    let mut volume = with_root(disk, &found.primary, Names::Plain)?;
    let skip = rock_ridge(&volume)?;
    match (skip, &found.joliet) {
        (Some(skip), _) => volume.names = Names::RockRidge { skip },
        (None, Some(joliet)) => volume = with_root(disk, joliet, Names::Joliet)?,
        (None, None) => {}
    }
    Ok(volume)
}

fn with_root<'a>(
    disk: &'a dyn Disk,
    descriptor: &[u8],
    names: Names,
) -> Result<Iso9660<'a>, Damage> {
    let block_bytes = Blocks(descriptor).u16(128).unwrap_or_default();
    if !matches!(block_bytes, 512 | 1024 | 2048) {
        return Err(Damage::new(
            "blocks of 512, 1024 or 2048 bytes",
            format!("{block_bytes}"),
        ));
    }
    let root = Blocks(descriptor).slice(156, 34).unwrap_or_default();
    let (_, root) =
        record(root).map_err(|_| Damage::new("a record of the root directory", "none"))?;
    Ok(Iso9660 {
        disk,
        block_bytes: u64::from(block_bytes),
        names,
        root: root.node(),
    })
}

/// SUSP 5.3: the first entry of the root directory's own record is `SP`, on a CD-ROM XA behind 14 bytes; it says how many
/// bytes to skip elsewhere.
fn rock_ridge(volume: &Iso9660) -> Result<Option<usize>, Damage> {
    let block = read(volume.disk, volume.at(&volume.root), SECTOR_BYTES)?;
    let area = record(&block)
        .map(|(_, own)| own.system_use)
        .unwrap_or_default();
    let at = [0, 14].into_iter();
    let mut marked = at.filter(|at| Blocks(area).has(*at, b"SP\x07\x01\xbe\xef"));
    Ok(marked
        .next()
        .and_then(|at| Blocks(area).u8(at + 6))
        .map(usize::from))
}

/// A record of a directory.
struct Record<'a> {
    start: u64,
    bytes: u32,
    flags: u8,
    interleaved: bool,
    name: &'a [u8],
    system_use: &'a [u8],
}

const DIRECTORY: u8 = 1 << 1;
const NOT_LAST_EXTENT: u8 = 1 << 7;

impl Record<'_> {
    fn node(&self) -> Node {
        let kind = match self.flags {
            flags if flags & DIRECTORY != 0 => Kind::Directory,
            flags if flags & NOT_LAST_EXTENT != 0 || self.interleaved => Kind::Other,
            _ => Kind::File,
        };
        Node {
            kind,
            start: self.start,
            bytes: u64::from(self.bytes),
        }
    }
}

/// ECMA-119 9.1:
///
/// ```text
/// record = length attributes extent(8) size(8) date(7) flags unit gap volume(4) name-length name [ pad ] system-use
/// ```
///
/// Numbers of more than one byte come twice, little-endian first. A pad makes an even length of name and its length.
fn record(input: &[u8]) -> IResult<&[u8], Record<'_>> {
    let (_, length) = verify(le_u8, |length| *length >= 34).parse(input)?;
    let (rest, record) = take(length)(input)?;
    let (fields, (_, attributes, start, _, bytes, _)) =
        (le_u8, le_u8, le_u32, le_u32, le_u32, le_u32).parse(record)?;
    let (fields, (_, flags, unit, gap, _)) =
        (take(7_usize), le_u8, le_u8, le_u8, take(4_usize)).parse(fields)?;
    let (system_use, name) = length_data(le_u8).parse(fields)?;
    let pad = usize::from(name.len() % 2 == 0);
    Ok((
        rest,
        Record {
            start: u64::from(start) + u64::from(attributes),
            bytes,
            flags,
            interleaved: unit != 0 || gap != 0,
            name,
            system_use: system_use.get(pad..).unwrap_or_default(),
        },
    ))
}

impl Iso9660<'_> {
    /// True if its names are those of Rock Ridge, which knows links.
    pub fn has_links(&self) -> bool {
        matches!(self.names, Names::RockRidge { .. })
    }

    fn at(&self, node: &Node) -> u64 {
        node.start.saturating_mul(self.block_bytes)
    }

    /// A record as the tree has it.
    fn described(&self, record: &Record) -> Result<Entry, Damage> {
        let plain = || plain_name(&String::from_utf8_lossy(record.name));
        let entry = |name| Entry {
            name,
            node: record.node(),
            link: None,
        };
        Ok(match self.names {
            Names::Plain => entry(plain()),
            Names::Joliet => entry(plain_name(&bytes::text_utf16(bytes::units(record.name)))),
            Names::RockRidge { skip } => {
                let area = record.system_use.get(skip..).unwrap_or_default();
                let posix = self.rock_ridge(area)?;
                let mut entry = entry(if posix.name.is_empty() {
                    plain()
                } else {
                    String::from_utf8_lossy(&posix.name).into_owned()
                });
                // RRIP 4.1.1: a link or a device has a type of its own.
                let kind = posix.mode.map_or(0o100_000, |mode| mode & 0o170_000);
                if entry.node.kind == Kind::File && kind != 0o100_000 {
                    entry.node.kind = Kind::Other;
                }
                if kind == 0o120_000 {
                    entry.link = Some(String::from_utf8_lossy(&posix.link).into_owned());
                }
                entry
            }
        })
    }

    /// RRIP 4.1.4 and 4.1.1: `NM` holds flags and a piece of the name, `PX` begins with the mode; SUSP 5.1: `CE` holds block,
    /// offset and length of an area that continues this one.
    fn rock_ridge(&self, area: &[u8]) -> Result<Posix, Damage> {
        let mut posix = Posix::default();
        let mut area = area.to_vec();
        for _ in 0..=CONTINUATIONS_MAX {
            let mut next = None;
            for entry in system_use(&area) {
                let number = |offset| Blocks(entry).u32(offset).unwrap_or_default();
                match entry.get(..2) {
                    Some(b"NM") if posix.name.len() < NAME_BYTES_MAX => {
                        let piece = entry.get(5..).unwrap_or_default();
                        posix.name.extend_from_slice(piece);
                    }
                    Some(b"SL") if posix.link.len() < LINK_BYTES_MAX => {
                        posix.lead(entry.get(5..).unwrap_or_default());
                    }
                    Some(b"PX") => posix.mode = Some(number(4)),
                    Some(b"CE") => next = Some((number(4), number(12), number(20))),
                    _ => {}
                }
            }
            let Some((block, offset, length)) = next else {
                break;
            };
            let at = u64::from(block) * self.block_bytes + u64::from(offset);
            let length = usize::try_from(length).unwrap_or(SECTOR_BYTES);
            area = super::some(self.disk, at, length.min(SECTOR_BYTES))?;
        }
        Ok(posix)
    }
}

/// What Rock Ridge says of a file.
#[derive(Default)]
struct Posix {
    name: Vec<u8>,
    mode: Option<u32>,
    link: Vec<u8>,
    /// The last component of the link goes on.
    open: bool,
}

impl Posix {
    /// RRIP 4.1.3: `SL` holds flags and components, each `flags length text`; the flags say that it goes on (1), is the directory
    /// itself (2), the one above (4) or the root (8).
    fn lead(&mut self, mut components: &[u8]) {
        while let [flags, length, rest @ ..] = components {
            let (text, after) = rest.split_at(usize::from(*length).min(rest.len()));
            if !self.open && !self.link.is_empty() && !self.link.ends_with(b"/") {
                self.link.push(b'/');
            }
            self.link.extend_from_slice(match flags & 0b1110 {
                0b0010 => b".",
                0b0100 => b"..",
                0b1000 => b"/",
                _ => text,
            });
            self.open = flags & 1 != 0;
            components = after;
        }
    }
}

/// SUSP 4.1: a system use area is a row of `signature(2) length version data`, ended by `ST` or by what is no entry.
fn system_use(area: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = area;
    core::iter::from_fn(move || {
        let length = usize::from(Blocks(rest).u8(2)?);
        let entry = rest.get(..length).filter(|entry| entry.len() >= 4)?;
        rest = rest.get(length..).unwrap_or_default();
        (!entry.starts_with(b"ST")).then_some(entry)
    })
}

impl Tree for Iso9660<'_> {
    fn root(&self) -> Node {
        self.root
    }

    fn entries(&self, directory: &Node) -> Result<Vec<Entry>, Damage> {
        let length = directory.bytes.min(DIRECTORY_BYTES_MAX as u64) as usize;
        let content = read(self.disk, self.at(directory), length)?;
        let mut entries = Vec::new();
        // Records do not cross sectors; a length of zero ends a sector.
        for sector in content.chunks(SECTOR_BYTES) {
            let mut rest = sector;
            while let Ok((after, record)) = record(rest) {
                rest = after;
                // The first two are the directory itself and its parent.
                if matches!(record.name, [0 | 1]) {
                    continue;
                }
                entries.push(self.described(&record)?);
            }
        }
        Ok(entries)
    }

    fn content(&self, file: &Node, bytes_max: usize) -> Result<Vec<u8>, Damage> {
        match usize::try_from(file.bytes) {
            Ok(length) if length <= bytes_max => read(self.disk, self.at(file), length),
            _ => Err(Damage::too_long(file.bytes, bytes_max)),
        }
    }

    fn link(&self, entry: &Entry) -> Result<Option<String>, Damage> {
        Ok(entry.link.clone())
    }

    fn folds_case(&self) -> bool {
        !self.has_links()
    }
}

/// ECMA-119 7.5: `NAME.EXT;VERSION`; the version goes, and so does the dot of an empty extension.
fn plain_name(name: &str) -> String {
    let name = name.split_once(';').map_or(name, |(name, _)| name);
    String::from(name.strip_suffix('.').unwrap_or(name))
}
