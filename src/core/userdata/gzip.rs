//! gzip: any header, any number of members, checksums verified, size bounded.

use alloc::boxed::Box;
use alloc::format;
use alloc::vec::Vec;

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_COMPUTE_ADLER32, TINFL_FLAG_PARSE_ZLIB_HEADER,
    TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};
use nom::bytes::complete::{tag, take, take_till};
use nom::combinator::{cond, consumed};
use nom::multi::length_data;
use nom::number::complete::{le_u8, le_u16, le_u32};
use nom::sequence::terminated;
use nom::{IResult, Parser};

use super::Flaw;

/// The two bytes every member begins with.
const MAGIC: &[u8] = &[0x1f, 0x8b];
/// The only compression method ever assigned: deflate.
const DEFLATE: u8 = 8;
/// The first guess of how much a member holds, bytes: little, for there may be millions of them.
const MEMBER_BYTES: usize = 512;

/// A document inflated, and what was odd about it without making it useless.
#[derive(Debug, PartialEq, Eq)]
pub struct Inflated {
    /// The members' contents, one after the other.
    pub bytes: Vec<u8>,
    /// Something a person should know: bytes after the last member, a header checksum that is wrong.
    pub flaw: Option<Flaw>,
}

/// Whether a document claims to be gzip.
pub fn is_gzip(document: &[u8]) -> bool {
    document.starts_with(MAGIC)
}

/// Inflates every member of `document` into at most `bytes_max` bytes.
///
/// No members are no bytes.
///
/// # Errors
/// A member is cut off, damaged or too large. Nothing of the document is left then: half a script must not run.
pub fn gunzip(document: &[u8], bytes_max: usize) -> Result<Inflated, Flaw> {
    let mut bytes = Vec::new();
    let flaw = gunzip_into(&mut bytes, document, bytes_max)?;
    Ok(Inflated { bytes, flaw })
}

/// The same into `bytes`, which hold what there was before a failure, too: that is what it cost. The flaw is one that costs nothing.
///
/// # Errors
/// As in [`gunzip`].
pub fn gunzip_into(
    bytes: &mut Vec<u8>,
    document: &[u8],
    bytes_max: usize,
) -> Result<Option<Flaw>, Flaw> {
    let mut inflater = Box::<DecompressorOxide>::default();
    let mut flaw = None;
    let mut rest = document;
    while !rest.is_empty() {
        let (deflated, header) = member_header(rest).map_err(|_| {
            Flaw::new(
                "a whole gzip header",
                format!("{} bytes that are none", rest.len()),
            )
        })?;
        if header.method != DEFLATE {
            return Err(Flaw::new(
                "gzip method 8 (deflate)",
                format!("method {}", header.method),
            ));
        }
        if header
            .crc16
            .is_some_and(|crc16| crc16 != (crc32(header.raw) & 0xffff) as u16)
        {
            flaw = Some(Flaw::new(
                "a gzip header that agrees with its checksum",
                "one that does not",
            ));
        }
        let start = bytes.len();
        let used = inflate(&mut inflater, deflated, bytes, bytes_max, 0)?;
        let member = bytes.get(start..).unwrap_or_default();
        rest = check_trailer(deflated.get(used..).unwrap_or_default(), member)?;

        // Zeros may pad the end of a tape block; another member may follow them.
        let padding = rest.iter().take_while(|byte| **byte == 0).count();
        rest = rest.get(padding..).unwrap_or_default();
        if !rest.is_empty() && !is_gzip(rest) {
            flaw = Some(Flaw::new(
                "the end after the last gzip member",
                format!("{} more bytes, ignored", rest.len()),
            ));
            break;
        }
    }
    Ok(flaw)
}

/// Inflates what HTTP calls `deflate` (RFC 9110, 8.4.1.2) into at most `bytes_max` bytes: one stream in zlib's envelope (RFC 1950),
/// or without one, as some servers send it.
///
/// ```text
/// zlib = CMF FLG stream ADLER32      ; the low four bits of CMF are 8; CMF and FLG as one number are a multiple of 31
/// ```
///
/// # Errors
/// It is cut off, damaged or too large.
pub fn undeflate(document: &[u8], bytes_max: usize) -> Result<Vec<u8>, Flaw> {
    let flags = match document {
        [cmf, flg, ..]
            if cmf & 0xf == DEFLATE && u16::from_be_bytes([*cmf, *flg]).is_multiple_of(31) =>
        {
            TINFL_FLAG_PARSE_ZLIB_HEADER | TINFL_FLAG_COMPUTE_ADLER32
        }
        _ => 0,
    };
    let mut bytes = Vec::new();
    let mut inflater = Box::<DecompressorOxide>::default();
    inflate(&mut inflater, document, &mut bytes, bytes_max, flags)?;
    Ok(bytes)
}

/// What a member says about itself before its data.
struct Header<'a> {
    method: u8,
    crc16: Option<u16>,
    /// Everything the header's own checksum covers.
    raw: &'a [u8],
}

/// RFC 1952, section 2.3:
///
/// ```text
/// header   = %x1F.8B  CM  FLG  MTIME  XFL  OS  [extra] [name] [comment] [crc16]
/// MTIME    = 4OCTET
/// extra    = XLEN *OCTET          ; if FLG has bit 2; XLEN is 2 bytes, little endian
/// name     = *(%x01-FF) %x00      ; if FLG has bit 3
/// comment  = *(%x01-FF) %x00      ; if FLG has bit 4
/// crc16    = 2OCTET               ; if FLG has bit 1: the low half of the CRC-32 of all above
/// ```
fn member_header(input: &[u8]) -> IResult<&[u8], Header<'_>> {
    let (rest, (raw, (method, flags))) = consumed(|input| {
        let (rest, (_, method, flags, _)) =
            (tag(MAGIC), le_u8, le_u8, take(6usize)).parse(input)?;
        let (rest, _) = cond(flags & 0b0_0100 != 0, length_data(le_u16)).parse(rest)?;
        let (rest, _) = cond(flags & 0b0_1000 != 0, zero_terminated).parse(rest)?;
        let (rest, _) = cond(flags & 0b1_0000 != 0, zero_terminated).parse(rest)?;
        Ok((rest, (method, flags)))
    })
    .parse(input)?;
    let (rest, crc16) = cond(flags & 0b0_0010 != 0, le_u16).parse(rest)?;
    Ok((rest, Header { method, crc16, raw }))
}

fn zero_terminated(input: &[u8]) -> IResult<&[u8], &[u8]> {
    terminated(take_till(|byte| byte == 0), tag(&[0][..])).parse(input)
}

/// RFC 1952, section 2.3: `trailer = CRC32 ISIZE`, both 4 bytes, little endian, of the member's content. Gives what follows.
fn check_trailer<'a>(input: &'a [u8], member: &[u8]) -> Result<&'a [u8], Flaw> {
    let trailer: IResult<&[u8], (u32, u32)> = (le_u32, le_u32).parse(input);
    let (rest, (crc, size)) = trailer.map_err(|_| {
        Flaw::new(
            "8 bytes after the gzip data",
            format!("{} bytes, cut off", input.len()),
        )
    })?;
    if crc != crc32(member) {
        return Err(Flaw::new(
            format!("gzip data with CRC-32 {crc:08x}"),
            format!("{:08x}", crc32(member)),
        ));
    }
    if size != member.len() as u32 {
        return Err(Flaw::new(
            format!("{size} bytes of gzip data"),
            format!("{}", member.len()),
        ));
    }
    Ok(rest)
}

/// Inflates one deflate stream, in the envelope that `flags` tell, onto the end of `output`, which stays within `bytes_max`; gives
/// the bytes of input used.
fn inflate(
    inflater: &mut DecompressorOxide,
    input: &[u8],
    output: &mut Vec<u8>,
    bytes_max: usize,
    flags: u32,
) -> Result<usize, Flaw> {
    inflater.init();
    let start = output.len();
    let (mut read, mut written) = (0, 0);
    let outcome = loop {
        // One byte of room above the bound tells "exactly as much" from "more".
        let grown = start + (2 * written).max(MEMBER_BYTES);
        grow(output, grown.min(bytes_max + 1));
        // A member cannot refer back into the one before it.
        let (status, more_read, more_written) = decompress(
            inflater,
            input.get(read..).unwrap_or_default(),
            output.get_mut(start..).unwrap_or_default(),
            written,
            flags | TINFL_FLAG_USING_NON_WRAPPING_OUTPUT_BUF,
        );
        read += more_read;
        written += more_written;
        if start + written > bytes_max {
            break Err(Flaw::new(
                format!("at most {bytes_max} bytes when inflated"),
                "more",
            ));
        }
        match status {
            TINFLStatus::Done => {
                break Ok(read);
            }
            TINFLStatus::HasMoreOutput => {}
            TINFLStatus::FailedCannotMakeProgress | TINFLStatus::NeedsMoreInput => {
                break Err(Flaw::new("whole gzip data", "data cut off"));
            }
            _ => {
                break Err(Flaw::new(
                    "gzip data",
                    format!("data damaged after {written} inflated bytes"),
                ));
            }
        }
    };
    output.truncate(start + written);
    outcome
}

/// Makes `output` this long with zeros, page by page: `resize` writes byte by byte where code is to be small.
fn grow(output: &mut Vec<u8>, bytes: usize) {
    const PAGE: [u8; 4096] = [0; 4096];
    output.reserve(bytes.saturating_sub(output.len()));
    while let Some(missing) = bytes.checked_sub(output.len()).filter(|bytes| *bytes > 0) {
        output.extend_from_slice(PAGE.get(..missing).unwrap_or(&PAGE));
    }
    output.truncate(bytes);
}

/// CRC-32 as gzip uses it: polynomial 0xEDB88320 (reflected), initial value and final exclusive or all ones.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |crc, byte| {
        CRC_TABLE[(crc as u8 ^ byte) as usize] ^ (crc >> 8)
    })
}

const CRC_TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0;
    while index < 256 {
        let mut crc = index as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ 0xedb8_8320
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[index] = crc;
        index += 1;
    }
    table
};

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use alloc::vec;

    /// `header` with `flags` set to what it holds, then `content` deflated, then the trailer.
    fn member(flags: u8, fields: &[u8], content: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0x1f, 0x8b, 8, flags, 1, 2, 3, 4, 0, 255];
        bytes.extend(fields);
        if flags & 2 != 0 {
            let crc16 = (crc32(&bytes) & 0xffff) as u16;
            bytes.extend(crc16.to_le_bytes());
        }
        bytes.extend(miniz_oxide::deflate::compress_to_vec(content, 6));
        bytes.extend(crc32(content).to_le_bytes());
        bytes.extend((content.len() as u32).to_le_bytes());
        bytes
    }

    #[test]
    fn crc_of_the_standard_check_value() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn every_header_field() {
        let fields = b"\x05\x00extraname\0comment\0";
        let document = member(0b1_1110, fields, b"#!/bin/sh\n");
        let inflated = gunzip(&document, 100).unwrap();
        assert_eq!(inflated.bytes, b"#!/bin/sh\n");
        assert_eq!(inflated.flaw, None);
    }

    #[test]
    fn a_wrong_header_checksum_is_told_and_forgiven() {
        let mut document = member(0b0_1010, b"name\0", b"text");
        document[10] = b'g';
        let inflated = gunzip(&document, 100).unwrap();
        assert_eq!(inflated.bytes, b"text");
        assert!(inflated.flaw.is_some());
    }

    #[test]
    fn deflate_has_an_envelope_or_none() {
        let content = b"#!/bin/sh\n".repeat(9);
        let bare = miniz_oxide::deflate::compress_to_vec(&content, 6);
        let enveloped = miniz_oxide::deflate::compress_to_vec_zlib(&content, 6);
        for document in [&bare, &enveloped] {
            assert_eq!(undeflate(document, content.len()).unwrap(), content);
            assert!(undeflate(document, content.len() - 1).is_err());
            for end in 0..document.len() {
                assert!(undeflate(&document[..end], 1000).is_err(), "{end}");
            }
        }
        for place in 2..enveloped.len() {
            let mut damaged = enveloped.clone();
            damaged[place] ^= 1;
            assert_ne!(undeflate(&damaged, 1000).unwrap_or_default(), content);
        }
    }

    #[test]
    fn members_follow_each_other_with_zeros_between() {
        let document = [
            member(0, b"", b"one "),
            member(0, b"", b""),
            vec![0; 7],
            member(8, b"n\0", b"two"),
        ]
        .concat();
        assert_eq!(gunzip(&document, 7).unwrap().bytes, b"one two");
    }

    #[test]
    fn bytes_behind_the_last_member_are_told_and_ignored() {
        let document = [member(0, b"", b"one"), b"junk".to_vec()].concat();
        let inflated = gunzip(&document, 100).unwrap();
        assert_eq!(inflated.bytes, b"one");
        assert_eq!(inflated.flaw.unwrap().found, "4 more bytes, ignored");
    }

    #[test]
    fn the_bound_is_exact() {
        let document = member(0, b"", &[b'x'; 1000]);
        assert_eq!(gunzip(&document, 1000).unwrap().bytes.len(), 1000);
        assert!(gunzip(&document, 999).is_err());
    }

    #[test]
    fn a_bomb_is_stopped() {
        let document = member(0, b"", &vec![0; 64 << 20]);
        assert!(document.len() < 80_000);
        let flaw = gunzip(&document, 1 << 20).unwrap_err();
        assert_eq!(flaw.expected, "at most 1048576 bytes when inflated");
    }

    #[test]
    fn what_is_damaged_costs_what_it_made() {
        let text: Vec<u8> = (0..100_000_u32)
            .map(|n| (n.wrapping_mul(n) >> 7) as u8)
            .collect();
        let document = member(0, b"", &text);
        let mut bytes = Vec::new();
        let half = &document[..document.len() / 2];
        assert!(gunzip_into(&mut bytes, half, 1 << 20).is_err());
        assert!((1..text.len()).contains(&bytes.len()), "{}", bytes.len());
        assert!(text.starts_with(&bytes));
    }

    #[test]
    fn a_member_cannot_look_into_the_one_before() {
        // A fixed-Huffman block whose first symbol is a match of length 3 at distance 1.
        let mut second = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255, 0x03, 0x02, 0x00];
        second.extend(crc32(b"aaa").to_le_bytes());
        second.extend(3u32.to_le_bytes());
        let document = [member(0, b"", b"a"), second].concat();
        assert!(gunzip(&document, 100).is_err());
    }

    #[test]
    fn every_prefix_is_refused_and_no_flipped_byte_panics() {
        let document = member(0b1_1110, b"\x02\x00exn\0c\0", b"some text to inflate");
        for end in 1..document.len() {
            assert!(gunzip(&document[..end], 100).is_err(), "prefix {end}");
        }
        for at in 0..document.len() {
            for bit in 0..8 {
                let mut flipped = document.clone();
                flipped[at] ^= 1 << bit;
                let _ = gunzip(&flipped, 100);
            }
        }
    }
}
