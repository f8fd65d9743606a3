//! PEM: certificates as text, one after the other, as bundles of root certificates hold them.

use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nom::bytes::complete::{tag, take_until};
use nom::{IResult, Parser};

/// Longest bundle read, in bytes; a distribution's is a quarter of a megabyte.
pub const BUNDLE_BYTES_MAX: usize = 4 << 20;
/// Most certificates taken from a bundle; a distribution's has about 150.
pub const CERTIFICATES_MAX: usize = 1000;
/// Longest certificate taken, in bytes of base 64.
const TEXT_BYTES_MAX: usize = 32 << 10;

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// The certificates of a bundle, as bytes of DER; `None` for each one that cannot be read. Other objects and the text between
/// them are passed over.
pub fn certificates(bundle: &[u8]) -> impl Iterator<Item = Option<Vec<u8>>> {
    let mut rest = bundle.get(..BUNDLE_BYTES_MAX).unwrap_or(bundle);
    let certificates = core::iter::from_fn(move || {
        let (after, certificate) = certificate(rest).ok()?;
        rest = after;
        Some(certificate)
    });
    certificates.take(CERTIFICATES_MAX)
}

/// RFC 7468, 2 and 5: a line `-----BEGIN CERTIFICATE-----`, lines of base 64, a line `-----END CERTIFICATE-----`. What stands
/// before the first line is explanation. What lacks its last line is no certificate, and the next one may follow it.
fn certificate(input: &[u8]) -> IResult<&[u8], Option<Vec<u8>>> {
    let (input, _) = (take_until(BEGIN), tag(BEGIN)).parse(input)?;
    let (input, text) = take_until("-----").parse(input)?;
    let (input, end) = nom::combinator::opt(tag(END)).parse(input)?;
    Ok((input, end.and_then(|_| decoded(text))))
}

fn decoded(text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > TEXT_BYTES_MAX {
        return None;
    }
    let letters = text.iter().filter(|byte| !byte.is_ascii_whitespace());
    let letters: Vec<u8> = letters.copied().collect();
    STANDARD
        .decode(letters)
        .ok()
        .filter(|bytes| !bytes.is_empty())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const BUNDLE: &[u8] = b"# A root\r\n-----BEGIN CERTIFICATE-----\r\nAQID\r\nBA==\r\n-----END CERTIFICATE-----\r\n\
        -----BEGIN PRIVATE KEY-----\nAQID\n-----END PRIVATE KEY-----\n\
        -----BEGIN CERTIFICATE-----\nAQ?D\n-----END CERTIFICATE-----\n\
        -----BEGIN CERTIFICATE-----\nAQID\n-----BEGIN CERTIFICATE-----\nBQ==\n-----END CERTIFICATE-----\n\
        -----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n-----BEGIN CERTIFICATE-----\nAQID";

    #[test]
    fn bad_certificates_cost_only_themselves() {
        let all: Vec<Option<Vec<u8>>> = certificates(BUNDLE).collect();
        let want = [
            Some(Vec::from([1, 2, 3, 4])),
            None,
            None,
            Some(Vec::from([5])),
            None,
        ];
        assert_eq!(all, want);
    }

    #[test]
    fn any_prefix_and_any_flipped_byte_is_borne() {
        for end in 0..BUNDLE.len() {
            assert!(certificates(&BUNDLE[..end]).count() <= 5);
            let mut flipped = BUNDLE.to_vec();
            flipped[end] ^= 0x55;
            assert!(certificates(&flipped).count() <= 6);
        }
    }

    #[test]
    fn a_bundle_has_bounds() {
        let one = [BEGIN, "\nAQID\n", END, "\n"].concat();
        assert_eq!(
            certificates(one.repeat(CERTIFICATES_MAX + 5).as_bytes()).count(),
            CERTIFICATES_MAX
        );
        let long = [BEGIN, &"A".repeat(TEXT_BYTES_MAX + 4), END].concat();
        assert_eq!(certificates(long.as_bytes()).next(), Some(None));
    }
}
