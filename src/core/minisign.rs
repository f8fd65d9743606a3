//! Minisign: signatures of documents, verified.
//!
//! ```text
//! key       = "untrusted comment:" *CHAR LF base64( "Ed" id(8) key(32) ) LF
//! signature = "untrusted comment:" *CHAR LF base64( ( "ED" / "Ed" ) id(8) signature(64) ) LF
//!             "trusted comment: " comment LF base64( global(64) ) LF
//! ```
//! `ED` signs the BLAKE2b-512 of the document, `Ed`, which is older, the document; `global` signs the signature and the trusted
//! comment behind it. Source: minisign's own page on its formats.

use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use blake2::{Blake2b512, Digest};

use crate::digest::hex;

/// Most keys taken from one file.
pub const KEYS_MAX: usize = 16;
/// Longest line of a signature, in bytes; minisign's own comments end at 8192.
const LINE_BYTES_MAX: usize = 16 << 10;
/// What a signature begins with.
const START: &str = "untrusted comment:";

/// A public key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey {
    id: [u8; 8],
    key: [u8; 32],
}

impl PublicKey {
    /// The keys of a file, each in a line of its own; comments are passed over. `None` if a line is neither, if there is no key, or if
    /// there are more than [`KEYS_MAX`].
    pub fn read_all(file: &str) -> Option<Vec<PublicKey>> {
        let lines = file.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with(START));
        let keys: Option<Vec<PublicKey>> = lines.take(KEYS_MAX + 1).map(PublicKey::read).collect();
        keys.filter(|keys| (1..=KEYS_MAX).contains(&keys.len()))
    }

    fn read(line: &str) -> Option<PublicKey> {
        let bytes = STANDARD.decode(line).ok()?;
        let rest = bytes.strip_prefix(b"Ed")?;
        let (id, key) = rest.split_first_chunk()?;
        let key = key.try_into().ok()?;
        Some(PublicKey { id: *id, key })
    }

    /// Its number as minisign shows it.
    pub fn name(&self) -> String {
        let mut id = self.id;
        id.reverse();
        String::from(hex(&id, "").to_ascii_uppercase().trim_start_matches('0'))
    }

    /// Whether it signed these bytes.
    fn signed(&self, bytes: &[u8], signature: &[u8; 64]) -> bool {
        let key = ed25519_compact::PublicKey::new(self.key);
        let signature = ed25519_compact::Signature::new(*signature);
        key.verify(bytes, &signature).is_ok()
    }
}

/// A signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature<'a> {
    hashed: bool,
    id: [u8; 8],
    signature: [u8; 64],
    /// What its maker says, signed with the document.
    pub comment: &'a str,
    global: [u8; 64],
}

impl<'a> Signature<'a> {
    /// The signature that a document begins with, and the document behind it. `None` where there is none that is whole.
    pub fn split(document: &'a [u8]) -> Option<(Signature<'a>, &'a [u8])> {
        let mut rest = document;
        let mut line = || {
            let end = rest
                .iter()
                .take(LINE_BYTES_MAX)
                .position(|byte| *byte == b'\n')?;
            let (line, after) = rest.split_at_checked(end)?;
            rest = after.get(1..)?;
            core::str::from_utf8(line)
                .ok()
                .map(|line| line.trim_end_matches('\r'))
        };
        line()?.strip_prefix(START)?;
        let bytes = STANDARD.decode(line()?).ok()?;
        let comment = line()?.strip_prefix("trusted comment: ")?;
        let global = STANDARD.decode(line()?).ok()?.try_into().ok()?;
        let (kind, bytes) = bytes.split_first_chunk::<2>()?;
        let (id, signature) = bytes.split_first_chunk()?;
        let signature = Signature {
            hashed: match kind {
                b"ED" => true,
                b"Ed" => false,
                _ => return None,
            },
            id: *id,
            signature: signature.try_into().ok()?,
            comment,
            global,
        };
        Some((signature, rest))
    }

    /// The key of these that signed the document.
    ///
    /// # Errors
    /// What was found instead.
    pub fn verify<'k>(
        &self,
        keys: &'k [PublicKey],
        document: &[u8],
    ) -> Result<&'k PublicKey, &'static str> {
        let key = keys.iter().find(|key| key.id == self.id);
        let key = key.ok_or("a signature by another key")?;
        let signed = if self.hashed {
            key.signed(&Blake2b512::digest(document), &self.signature)
        } else {
            key.signed(document, &self.signature)
        };
        if !signed {
            return Err("a signature of another document");
        }
        let whole = [&self.signature[..], self.comment.as_bytes()].concat();
        if key.signed(&whole, &self.global) {
            Ok(key)
        } else {
            Err("a trusted comment that was changed")
        }
    }

    /// What the trusted comment says under a key: `key:value`, with blanks between such words.
    pub fn said(&self, key: &str) -> Option<&'a str> {
        let mut words = self.comment.split_ascii_whitespace();
        words.find_map(|word| word.strip_prefix(key)?.strip_prefix(':'))
    }
}

/// Whether a document says of itself that it is signed.
pub fn is_signed(document: &[u8]) -> bool {
    document.starts_with(START.as_bytes())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const KEYS: &str = "untrusted comment: minisign public key F555BBCEBBBFADD\nRWTd+rvrvFtVDzGpd3zY6huYcO6pbK/2iTC5fjZ/GKTH86Ngg8GGUUyS\n";
    const OTHER: &str = "untrusted comment: minisign public key 9DB2A8F754BC7CB1\nRWSxfLxU96iynX93K5SHCBSCDpGLWytwBhA2v0WvkZFKaCvKT0S2ljcW\n";
    const NAME: &str = "F555BBCEBBBFADD";
    const DOCUMENT: &[u8] = b"#cloud-config\nruncmd: [touch /run/signed]\n";
    const HASHED: &str = "untrusted comment: signature from minisign secret key\nRUTd+rvrvFtVDxH5EUaRFddp62BAtfO9QvDtB1tc5nZq26dba+6EltnybkSoSiF6q8VFLZaGL8qvCdnRApcqudvrdk/NucH7pQo=\ntrusted comment: timestamp:1700000000\tinstance-id:i-signed\nofH+LHCnYBK9/21TXJyQqBSl7renCiQCzPqi6CbseqAxViLK/3zzcoHE0ycVenndSorg5aMWAe65FiHpzVY2CQ==\n";
    const LEGACY: &str = "untrusted comment: signature from minisign secret key\nRWTd+rvrvFtVD8AyLwyEVpHTMDJr6NWnfquSc3Q4nNgoAG/8h+mvFFGge/EdJq9vsiu8Y0hEv5VvVmjy/DQ/YUHzOsZgUIyovw8=\ntrusted comment: legacy\nfd+Rtc6HnHoGIRqcs07R4WCv0v8wZKkxj3Cs+Kdc5cLLGYII9d4MZPCEwBMQgdcft6IUTU+HUd/8+9PC2V1SBg==\n";

    fn keys(file: &str) -> Vec<PublicKey> {
        PublicKey::read_all(file).unwrap()
    }

    #[test]
    fn a_file_has_as_many_keys_as_are_read() {
        assert_eq!(keys(&KEYS.repeat(KEYS_MAX)).len(), KEYS_MAX);
        assert!(PublicKey::read_all(&KEYS.repeat(KEYS_MAX + 1)).is_none());
    }

    #[test]
    fn both_kinds_of_minisigns_signatures_hold() {
        let keys = keys(KEYS);
        for signature in [HASHED, LEGACY] {
            let document = [signature.as_bytes(), DOCUMENT].concat();
            let (signature, rest) = Signature::split(&document).unwrap();
            assert_eq!(rest, DOCUMENT);
            assert_eq!(
                signature.verify(&keys, rest).map(PublicKey::name),
                Ok(String::from(NAME))
            );
        }
        let (signature, _) = Signature::split(HASHED.as_bytes()).unwrap();
        assert_eq!(signature.said("instance-id"), Some("i-signed"));
        assert_eq!(signature.said("file"), None);
    }

    #[test]
    fn no_other_document_key_or_comment_holds() {
        let (signature, _) = Signature::split(HASHED.as_bytes()).unwrap();
        let ours = keys(KEYS);
        assert_eq!(
            signature.verify(&ours, b""),
            Err("a signature of another document")
        );
        assert_eq!(
            signature.verify(&keys(OTHER), DOCUMENT),
            Err("a signature by another key")
        );
        // A key with the number of another.
        let mut forged = keys(OTHER);
        forged[0].id = ours[0].id;
        assert_eq!(
            signature.verify(&forged, DOCUMENT),
            Err("a signature of another document")
        );
        let changed = HASHED.replace("i-signed", "i-stolen");
        let (signature, _) = Signature::split(changed.as_bytes()).unwrap();
        assert_eq!(
            signature.verify(&ours, DOCUMENT),
            Err("a trusted comment that was changed")
        );
    }

    #[test]
    fn damage_never_holds() {
        let keys = keys(KEYS);
        let bytes = HASHED.as_bytes();
        for end in 0..bytes.len() {
            assert!(Signature::split(&bytes[..end]).is_none(), "{end}");
        }
        let untrusted = HASHED.lines().next().unwrap().len();
        for at in untrusted + 1..bytes.len() {
            let mut flipped = bytes.to_vec();
            flipped[at] ^= 1;
            let split = Signature::split(&flipped);
            let held =
                split.is_some_and(|(signature, _)| signature.verify(&keys, DOCUMENT).is_ok());
            assert!(!held, "{at}");
        }
        for end in 0..KEYS.trim_end().len() {
            assert_ne!(PublicKey::read_all(&KEYS[..end]), Some(keys.clone()));
        }
    }
}
