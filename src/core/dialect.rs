//! Dialects: protocols and layouts that several platforms speak. A platform knows dialects, never another platform.

use alloc::vec::Vec;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

pub mod ec2;
pub mod encoded;
pub mod mdata;
pub mod openstack;
pub mod ovf;
pub mod password;
pub mod seed;
pub mod shell;
pub mod vendor;
pub mod xml;

/// Base 64 without its padding, trailing bits of any value.
const UNPADDED: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// Base 64 as Python's lenient decoder takes it: what is not of the alphabet does not count, nothing counts behind padding,
/// and padding must be there.
pub fn unpacked(text: &str) -> Option<Vec<u8>> {
    let mut letters: Vec<u8> = Vec::new();
    let mut pads = 0;
    for byte in Some(text).filter(|text| text.is_ascii())?.bytes() {
        match byte {
            b'=' if letters.len() % 4 >= 2 => pads += 1,
            byte if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/') => {
                pads = 0;
                letters.push(byte);
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    #[test]
    fn base_64_is_taken_as_python_takes_it() {
        let text = |text: &str| Some(String::from_utf8_lossy(&unpacked(text)?).into_owned());
        for (packed, expected) in [
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
