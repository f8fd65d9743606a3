//! Character sets, of names of parts and of XML: those that people's documents are in.

use alloc::string::String;
use alloc::vec::Vec;

/// Text from octets in a character set, by its name; `None` for a set that is not known. What stands for nothing there is U+FFFD.
///
/// Of a set's name Python takes the ASCII letters and digits, and anything between them as a hyphen.
pub fn decode(charset: &str, octets: &[u8]) -> Option<String> {
    let is_punctuation = |c: char| c.is_ascii() && !c.is_ascii_alphanumeric();
    let words = charset
        .split(is_punctuation)
        .filter(|word| !word.is_empty());
    let ascii_only = |word: &str| word.chars().filter(char::is_ascii).collect::<String>();
    let name = words
        .map(ascii_only)
        .collect::<Vec<_>>()
        .join("-")
        .to_ascii_lowercase();
    match name.as_str() {
        "utf-8" | "utf8" | "u8" | "utf" => Some(String::from_utf8_lossy(octets).into_owned()),
        "us-ascii" | "ascii" | "646" => Some(octets.iter().map(|octet| ascii(*octet)).collect()),
        "iso-8859-1" | "iso8859-1" | "latin-1" | "latin1" | "l1" | "8859" | "cp819" => {
            Some(octets.iter().map(|octet| char::from(*octet)).collect())
        }
        "windows-1252" | "cp1252" | "1252" => {
            Some(octets.iter().map(|octet| windows_1252(*octet)).collect())
        }
        "iso-8859-15" | "iso8859-15" | "latin9" | "l9" => {
            Some(octets.iter().map(|octet| latin_9(*octet)).collect())
        }
        "utf-16" | "utf16" | "u16" => Some(match octets {
            [0xfe, 0xff, octets @ ..] => utf_16(octets, u16::from_be_bytes),
            [0xff, 0xfe, octets @ ..] | octets => utf_16(octets, u16::from_le_bytes),
        }),
        "utf-16be" | "utf-16-be" => Some(utf_16(octets, u16::from_be_bytes)),
        "utf-16le" | "utf-16-le" => Some(utf_16(octets, u16::from_le_bytes)),
        _ => None,
    }
}

fn ascii(octet: u8) -> char {
    if octet.is_ascii() {
        char::from(octet)
    } else {
        char::REPLACEMENT_CHARACTER
    }
}

/// Latin-1 but for the octets 0x80 to 0x9f.
fn windows_1252(octet: u8) -> char {
    const FROM_80: &[char; 32] = &[
        '€', '\u{fffd}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{fffd}', 'Ž',
        '\u{fffd}', //
        '\u{fffd}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{fffd}', 'ž',
        'Ÿ',
    ];
    let place = usize::from(octet).checked_sub(0x80);
    let changed = place.and_then(|place| FROM_80.get(place));
    changed.copied().unwrap_or(char::from(octet))
}

/// ISO 8859-15: Latin-1 but for eight characters.
fn latin_9(octet: u8) -> char {
    match octet {
        0xa4 => '€',
        0xa6 => 'Š',
        0xa8 => 'š',
        0xb4 => 'Ž',
        0xb8 => 'ž',
        0xbc => 'Œ',
        0xbd => 'œ',
        0xbe => 'Ÿ',
        other => char::from(other),
    }
}

fn utf_16(octets: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, rest) = octets.as_chunks();
    let characters = char::decode_utf16(pairs.iter().map(|pair| unit(*pair)));
    let broken = (!rest.is_empty()).then_some(char::REPLACEMENT_CHARACTER);
    characters
        .map(|character| character.unwrap_or(char::REPLACEMENT_CHARACTER))
        .chain(broken)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_have_many_names() {
        let found = |name| decode(name, b"\xfc\x00");
        for name in ["ISO-8859-1", "iso_8859_1", "Latin1"] {
            assert_eq!(found(name).as_deref(), Some("\u{fc}\0"), "{name}");
        }
        assert_eq!(found("UTF-16").as_deref(), Some("\u{fc}"));
        assert_eq!(found("utf_16_be").as_deref(), Some("\u{fc00}"));
        assert_eq!(found("ascii").as_deref(), Some("\u{fffd}\0"));
        assert_eq!(found("ebcdic"), None);
    }
}
