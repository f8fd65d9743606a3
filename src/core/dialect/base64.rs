//! Base 64 as clouds hand it out, and as cloud-init decodes it: each way of reading it that several platforms need.

use alloc::vec::Vec;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Base 64 as Python's strict decoder takes it: the whole text, padded, trailing bits of any value.
const STRICT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// Base 64 without its padding, trailing bits of any value.
const UNPADDED: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// User-data of clouds whose users may have encoded it: decoded if the whole of it is base 64, else as it is. No start line
/// of a known format is made of that alphabet, so nothing recognisable is ever changed.
pub fn decoded(document: Vec<u8>) -> Vec<u8> {
    STRICT.decode(&document).unwrap_or(document)
}

/// Base 64 as Python's `b64decode` takes it where nobody asks for more: what is not of the alphabet does not count, and the first
/// padding that is whole ends the data. `None` where letters or padding are missing at the end.
pub fn unpacked(text: &[u8]) -> Option<Vec<u8>> {
    let mut letters: Vec<u8> = Vec::with_capacity(text.len());
    let mut pads = 0;
    for byte in text {
        match byte {
            b'=' if letters.len() % 4 >= 2 => pads += 1,
            byte if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/') => {
                pads = 0;
                letters.push(*byte);
            }
            _ => {}
        }
        if pads > 0 && letters.len() % 4 + pads >= 4 {
            return UNPADDED.decode(letters).ok();
        }
    }
    let whole = letters.len().is_multiple_of(4);
    UNPADDED.decode(letters).ok().filter(|_| whole)
}

/// The same of a text, which Python refuses if it is not ASCII.
pub fn unpacked_text(text: &str) -> Option<Vec<u8>> {
    unpacked(Some(text).filter(|text| text.is_ascii())?.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn base_64_is_taken_as_python_takes_it() {
        let text = |text: &str| Some(String::from_utf8_lossy(&unpacked_text(text)?).into_owned());
        for (packed, expected) in [
            ("YWI=", Some("ab")),
            ("YQ==", Some("a")),
            ("Y W\nJ!j", Some("abc")),
            ("YWJj=ZGVm", Some("abcdef")),
            ("YQ==YWJj", Some("a")),
            ("Y=Q==", Some("a")),
            ("YQ=w==", Some("a\u{c}")),
            ("YQ", None),
            ("YQ=", None),
            ("YWJjZ", None),
            ("aGVs\nbG8=", Some("hello")),
            ("aGVs*bG8=", Some("hello")),
            ("aGVsbG8=aGVs", Some("hello")),
            ("=aGVs", Some("hel")),
            ("aA==", Some("h")),
            ("", Some("")),
            ("aGVsbG8", None),
            ("a", None),
            ("aGVs\u{fc}", None),
        ] {
            assert_eq!(text(packed).as_deref(), expected, "{packed}");
        }
    }
}
