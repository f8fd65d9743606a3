//! Digests: names that change when what they name does.

use alloc::format;
use alloc::string::String;

use sha2::{Digest, Sha256};

/// Bytes as lower-case hexadecimal digits, `between` every two of them.
pub fn hex(bytes: &[u8], between: &str) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * (2 + between.len()));
    for (at, byte) in bytes.iter().enumerate() {
        if at > 0 {
            text.push_str(between);
        }
        for digit in [byte >> 4, byte & 15] {
            text.push(char::from(DIGITS[usize::from(digit)]));
        }
    }
    text
}

/// SHA-256 (FIPS 180-4) in lower-case hexadecimal digits.
pub fn sha256(bytes: &[u8]) -> String {
    hex(&sha256_bytes(bytes), "")
}

/// SHA-256 as it is.
pub fn sha256_bytes(bytes: &[u8]) -> [u8; 32] {
    Sha256::digest(bytes).into()
}

/// An identifier that changes when one of the documents does: `prefix` and the first 64 bits of a SHA-256 over each document
/// after its length, so that no two rows of documents are the same bytes. A document that is absent is as an empty one.
pub fn derived(prefix: &str, documents: &[Option<&[u8]>]) -> String {
    let mut hash = Sha256::new();
    for document in documents {
        let bytes = document.unwrap_or_default();
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    }
    let digest = hash.finalize();
    format!("{prefix}{}", hex(digest.get(..8).unwrap_or_default(), ""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_lower_case() {
        assert_eq!(hex(&[0x00, 0xaf, 0x10], ""), "00af10");
        assert_eq!(hex(&[0x52, 0x54, 0x0c], ":"), "52:54:0c");
        assert_eq!(hex(&[], ":"), "");
    }

    #[test]
    fn a_digest_is_the_standards() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(sha256(b"abc"), expected);
    }

    #[test]
    fn a_derived_identifier_depends_on_every_document() {
        let id = |documents: &[Option<&[u8]>]| derived("nocloud-", documents);
        let one = id(&[Some(b"a"), None]);
        assert_eq!(one, id(&[Some(b"a"), Some(b"")]));
        assert_eq!(one.len(), "nocloud-".len() + 16);
        for other in [
            id(&[None, Some(b"a")]),
            id(&[Some(b"a")]),
            id(&[Some(b"a"), Some(b"b")]),
            id(&[Some(b"ab"), None]),
        ] {
            assert_ne!(one, other);
        }
    }
}
