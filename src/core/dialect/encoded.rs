//! Values that say how they are encoded: plain, base 64, or gzip within base 64.
//!
//! Source: cloud-init's VMware. On purpose otherwise: a document may be binary.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::userdata::{DOCUMENT_BYTES_MAX, gzip, transfer};

/// The bytes of a value whose encoding goes by this name: `gzip+base64` or `gz+b64`, `base64` or `b64`, anything else for plain.
///
/// # Errors
/// What was found that is not of this encoding.
pub fn decoded(encoding: &str, value: &[u8]) -> Result<Vec<u8>, String> {
    match encoding {
        "gzip+base64" | "gz+b64" => gunzipped(&base64(value)?),
        "base64" | "b64" => base64(value),
        _ => Ok(value.to_vec()),
    }
}

/// Base 64 as Python's lenient decoder takes it; on purpose also without its padding.
///
/// # Errors
/// What was found instead.
pub fn base64(value: &[u8]) -> Result<Vec<u8>, String> {
    let is_any = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    let letters = value.iter().take_while(|byte| **byte != b'=');
    match letters.filter(|byte| is_any(byte)).count() % 4 {
        1 => Err(String::from("text that base 64 does not give")),
        _ => Ok(transfer::base64(value).0),
    }
}

fn gunzipped(bytes: &[u8]) -> Result<Vec<u8>, String> {
    match gzip::gunzip(bytes, DOCUMENT_BYTES_MAX) {
        Ok(inflated) => Ok(inflated.bytes),
        Err(flaw) => Err(flaw.found.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_encoding_has_two_names() {
        const GZIP: &[u8] = b"H4sIAAAAAAAC/8tIzcnJBwCGphA2BQAAAA==";
        for (encoding, value, expected) in [
            ("base64", &b"aGVsbG8="[..], &b"hello"[..]),
            ("b64", b"aGVs\nbG8", b"hello"),
            ("gzip+base64", GZIP, b"hello"),
            ("gz+b64", GZIP, b"hello"),
            ("", b"hello", b"hello"),
            ("rot13", b"uryyb", b"uryyb"),
        ] {
            assert_eq!(
                decoded(encoding, value).as_deref(),
                Ok(expected),
                "{encoding}"
            );
        }
        assert!(decoded("b64", b"aGVsb").is_err());
        assert!(decoded("gz+b64", b"aGVsbG8=").is_err());
        for end in 0..GZIP.len() {
            assert!(
                decoded("gz+b64", &GZIP[..end]).is_err() || end == 0 || end >= 34,
                "{end}"
            );
        }
    }
}
