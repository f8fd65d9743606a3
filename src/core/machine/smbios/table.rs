//! The bytes of SMBIOS: entry points, and structures with their strings.
//!
//! Nothing here judges: a table that lies about its lengths gives the structures before the lie.

use alloc::vec::Vec;

use nom::bytes::complete::{tag, take, take_until};
use nom::combinator::{map, verify};
use nom::number::complete::{le_u8, le_u16};
use nom::{IResult, Parser};

/// Bytes of a structure's header: type, length, handle.
const HEADER_BYTES: u8 = 4;
/// The type of the last structure.
const END_OF_TABLE: u8 = 127;

/// The version of SMBIOS a table is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Before the dot.
    pub major: u8,
    /// After the dot.
    pub minor: u8,
}

impl Version {
    /// What to assume without an entry point: what every firmware of the last decade writes.
    pub const RECENT: Version = Version { major: 2, minor: 8 };
    /// From here on the first three fields of a UUID are little-endian (DSP0134 7.2.1).
    pub const UUID_LITTLE_ENDIAN: Version = Version { major: 2, minor: 6 };

    /// Reads an entry point of either kind.
    ///
    /// DSP0134 5.2.1, 32 bits, 31 bytes: `_SM_`, checksum, length, major, minor, largest structure (2), revision,
    /// reserved (5), and from byte 16 on `_DMI_`, checksum, table length (2), address (4), count (2), revision in BCD.
    /// DSP0134 5.2.2, 64 bits, 24 bytes: `_SM3_`, checksum, length, major, minor, …
    /// Before SMBIOS there was the second half alone, 15 bytes from `_DMI_` on.
    ///
    /// Checksums and counts are not compared: the kernel has done so before it shows the file. Its corrections of three
    /// versions that firmware wrote wrongly are made here too.
    pub fn read(entry_point: &[u8]) -> Option<Version> {
        let (_, version) = sm3(entry_point)
            .or_else(|_| sm(entry_point))
            .or_else(|_| dmi(entry_point))
            .ok()?;
        Some(match (version.major, version.minor) {
            (2, 0x1f | 0x21) => Version { major: 2, minor: 3 },
            (2, 0x33) => Version { major: 2, minor: 6 },
            _ => version,
        })
    }
}

fn version(input: &[u8]) -> IResult<&[u8], Version> {
    map((le_u8, le_u8), |(major, minor)| Version { major, minor }).parse(input)
}

fn sm3(input: &[u8]) -> IResult<&[u8], Version> {
    let (rest, _) = (tag(&b"_SM3_"[..]), take(2_usize)).parse(input)?;
    version(rest)
}

fn sm(input: &[u8]) -> IResult<&[u8], Version> {
    let (rest, _) = (tag(&b"_SM_"[..]), take(2_usize)).parse(input)?;
    version(rest)
}

fn dmi(input: &[u8]) -> IResult<&[u8], Version> {
    let (rest, _) = (tag(&b"_DMI_"[..]), take(9_usize)).parse(input)?;
    map(le_u8, |bcd| Version {
        major: bcd >> 4,
        minor: bcd & 15,
    })
    .parse(rest)
}

/// One structure: its type, its formatted area (the header included, so that offsets are those of the specification),
/// and its strings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Structure<'a> {
    /// What it describes: 0 firmware, 1 system, 2 board, 3 chassis, 11 OEM strings.
    pub kind: u8,
    area: &'a [u8],
    /// Its strings, in order; the first is number 1.
    pub strings: Vec<&'a [u8]>,
}

impl<'a> Structure<'a> {
    /// The byte at an offset of the formatted area.
    pub fn byte(&self, offset: usize) -> Option<u8> {
        self.area.get(offset).copied()
    }

    /// Sixteen bytes from an offset on.
    pub fn sixteen(&self, offset: usize) -> Option<[u8; 16]> {
        let bytes = self.area.get(offset..)?.get(..16)?;
        bytes.try_into().ok()
    }

    /// The string whose number stands at an offset; empty for number 0, and for a number beyond the last.
    pub fn string(&self, offset: usize) -> Option<&'a [u8]> {
        let number = usize::from(self.byte(offset)?);
        let string = number.checked_sub(1).and_then(|at| self.strings.get(at));
        Some(string.copied().unwrap_or_default())
    }
}

/// The structures of a table, up to its end mark, its end, or the first one that cannot be told from noise.
pub fn structures(table: &[u8]) -> impl Iterator<Item = Structure<'_>> {
    let mut rest = table;
    core::iter::from_fn(move || {
        let (after, structure) = structure(rest).ok()?;
        rest = after;
        (structure.kind != END_OF_TABLE).then_some(structure)
    })
}

/// DSP0134 6.1.2 and 6.1.3:
///
/// ```text
/// structure = type length handle *OCTET strings   ; length octets before the strings
/// type      = OCTET
/// length    = OCTET                               ; 4 or more
/// handle    = 2OCTET
/// strings   = 1*( 1*CHAR NUL ) NUL / NUL NUL
/// ```
///
/// Strings that the table's end cuts short are lost, those before them are not.
fn structure(input: &[u8]) -> IResult<&[u8], Structure<'_>> {
    let (_, (kind, length, _handle)) = (
        le_u8,
        verify(le_u8, |&length| length >= HEADER_BYTES),
        le_u16,
    )
        .parse(input)?;
    let (rest, area) = take(length)(input)?;
    let (rest, strings) = match terminated_strings(rest) {
        Ok(found) => found,
        Err(_) => (&[][..], whole_strings(rest)),
    };
    let strings = strings
        .split(|&byte| byte == 0)
        .take_while(|string| !string.is_empty())
        .collect();
    Ok((
        rest,
        Structure {
            kind,
            area,
            strings,
        },
    ))
}

/// The strings before the two NULs that end them, and what follows.
fn terminated_strings(input: &[u8]) -> IResult<&[u8], &[u8]> {
    let end = &b"\0\0"[..];
    let (rest, (strings, _)) = (take_until(end), tag(end)).parse(input)?;
    Ok((rest, strings))
}

/// What comes before the last NUL.
fn whole_strings(input: &[u8]) -> &[u8] {
    let end = input.iter().rposition(|&byte| byte == 0).unwrap_or(0);
    input.get(..end).unwrap_or_default()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SM: &[u8; 31] =
        b"_SM_\x2a\x1f\x02\x08\x00\x01\x00\x00\x00\x00\x00\x00_DMI_\x00\x40\x01\x00\x00\x0f\x00\x0a\x00\x28";
    const SM3: &[u8; 24] =
        b"_SM3_\x00\x18\x03\x02\x00\x01\x00\x40\x01\x00\x00\x00\x00\x0f\x00\x00\x00\x00\x00";
    const DMI: &[u8; 15] = b"_DMI_\x00\x40\x01\x00\x00\x0f\x00\x0a\x00\x23";

    fn read(entry_point: &[u8]) -> Option<(u8, u8)> {
        Version::read(entry_point).map(|version| (version.major, version.minor))
    }

    #[test]
    fn an_entry_point_tells_its_version() {
        assert_eq!(read(SM), Some((2, 8)));
        assert_eq!(read(SM3), Some((3, 2)));
        assert_eq!(read(DMI), Some((2, 3)));
        assert_eq!(read(b"_SM_\0\x1f\x02\x1f"), Some((2, 3)));
        assert_eq!(read(b"_SM_\0\x1f\x02\x33"), Some((2, 6)));
        for wrong in [&b""[..], b"_SM", b"_SM_", b"_SM2_\0\0\x02\x08", &[0; 31]] {
            assert_eq!(read(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn structures_end_where_sense_ends() {
        let kinds = |table: &[u8]| -> Vec<u8> { structures(table).map(|one| one.kind).collect() };
        assert_eq!(kinds(b"\x01\x04\0\0a\0\0\x02\x04\0\0\0\0"), [1, 2]);
        assert_eq!(kinds(b"\x7f\x04\0\0\0\0\x01\x04\0\0\0\0"), []);
        assert_eq!(kinds(b"\x01\x03\0\0\0\0\x02\x04\0\0\0\0"), []);
        assert_eq!(kinds(b"\x01\xff\0\0a\0\0"), []);
        assert_eq!(kinds(&[0; 65536]), []);
        assert_eq!(kinds(&[4; 65536]), [4]);
    }

    #[test]
    fn strings_cut_short_are_lost_alone() {
        let strings = |table: &'static [u8]| structures(table).next().unwrap().strings;
        assert_eq!(strings(b"\x01\x04\0\0one\0two\0\0"), [&b"one"[..], b"two"]);
        assert_eq!(strings(b"\x01\x04\0\0one\0two\0"), [&b"one"[..], b"two"]);
        assert_eq!(strings(b"\x01\x04\0\0one\0tw"), [&b"one"[..]]);
        assert_eq!(strings(b"\x01\x04\0\0on"), [&b""[..]; 0]);
        assert_eq!(strings(b"\x01\x04\0\0"), [&b""[..]; 0]);
    }
}
