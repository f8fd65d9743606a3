//! Numbers and texts at offsets of a block, for formats that are tables of offsets.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// A block of a device.
#[derive(Clone, Copy, Debug)]
pub struct Blocks<'a>(pub &'a [u8]);

impl<'a> Blocks<'a> {
    /// Bytes from an offset on.
    pub fn slice(self, offset: usize, length: usize) -> Option<&'a [u8]> {
        self.0.get(offset..)?.get(..length)
    }

    /// An array from an offset on.
    pub fn array<const N: usize>(self, offset: usize) -> Option<[u8; N]> {
        self.slice(offset, N)?.try_into().ok()
    }

    /// A byte.
    pub fn u8(self, offset: usize) -> Option<u8> {
        self.0.get(offset).copied()
    }

    /// A little-endian number of 16 bits.
    pub fn u16(self, offset: usize) -> Option<u16> {
        self.array(offset).map(u16::from_le_bytes)
    }

    /// A little-endian number of 32 bits.
    pub fn u32(self, offset: usize) -> Option<u32> {
        self.array(offset).map(u32::from_le_bytes)
    }

    /// A little-endian number of 64 bits.
    pub fn u64(self, offset: usize) -> Option<u64> {
        self.array(offset).map(u64::from_le_bytes)
    }

    /// True if these bytes stand at an offset.
    pub fn has(self, offset: usize, magic: &[u8]) -> bool {
        self.slice(offset, magic.len()) == Some(magic)
    }

    /// Text up to the first NUL, without the space around it.
    pub fn text(self, offset: usize, length: usize) -> String {
        text(self.slice(offset, length).unwrap_or_default())
    }

    /// The serial number of FAT and exFAT, four bytes, little-endian, as blkid writes it: `1234-ABCD`.
    pub fn serial(self, offset: usize) -> Option<String> {
        let [low, high] = [self.u16(offset)?, self.u16(offset + 2)?];
        Some(format!("{high:04X}-{low:04X}"))
    }

    /// A UUID in network order, as text; empty if it is all zeros.
    pub fn uuid(self, offset: usize) -> String {
        match self.array(offset).map(u128::from_be_bytes) {
            None | Some(0) => String::new(),
            Some(number) => crate::machine::uuid_text(number),
        }
    }
}

/// A label as blkid shows it: up to the first NUL, without the space around it.
pub fn text(bytes: &[u8]) -> String {
    let end = bytes.iter().position(|&byte| byte == 0);
    let bytes = bytes.get(..end.unwrap_or(bytes.len())).unwrap_or_default();
    String::from(String::from_utf8_lossy(bytes).trim())
}

/// Text of 16-bit units, up to the first NUL; halves of pairs are replaced.
pub fn text_utf16(units: impl Iterator<Item = u16>) -> String {
    let units: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
    String::from_utf16_lossy(&units)
}

/// Characters of 16 bits, the upper half first.
pub fn units(bytes: &[u8]) -> impl Iterator<Item = u16> {
    let (pairs, _) = bytes.as_chunks::<2>();
    pairs.iter().copied().map(u16::from_be_bytes)
}
