//! Bytes that may be a piece of a larger document: shared, not copied. A document, its parts and the files they become are
//! the same bytes in memory.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::{Deref, Range};

/// Bytes that nobody changes any more; cloning them, or a piece of them, copies nothing.
#[derive(Clone, Default)]
pub struct Bytes {
    whole: Arc<Vec<u8>>,
    /// Where these bytes are in the whole; always within it.
    range: Range<usize>,
}

impl Bytes {
    /// A piece of these bytes as bytes of its own; what is no piece of them is copied.
    pub fn piece(&self, piece: &[u8]) -> Bytes {
        let start = piece
            .as_ptr()
            .addr()
            .checked_sub(self.whole.as_ptr().addr());
        let range = start.map(|start| start..start.saturating_add(piece.len()));
        match range {
            Some(range) if self.range.start <= range.start && range.end <= self.range.end => {
                Bytes {
                    whole: self.whole.clone(),
                    range,
                }
            }
            _ => piece.into(),
        }
    }

    /// Whether these are the same bytes in memory, not only equal ones.
    pub fn is(&self, other: &Bytes) -> bool {
        Arc::ptr_eq(&self.whole, &other.whole) && self.range == other.range
    }

    /// The bytes.
    pub fn as_slice(&self) -> &[u8] {
        self.whole.get(self.range.clone()).unwrap_or_default()
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl AsRef<[u8]> for Bytes {
    fn as_ref(&self) -> &[u8] {
        self.as_slice()
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Bytes {
        Bytes {
            range: 0..bytes.len(),
            whole: Arc::new(bytes),
        }
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Bytes {
        bytes.to_vec().into()
    }
}

impl From<String> for Bytes {
    fn from(text: String) -> Bytes {
        text.into_bytes().into()
    }
}

impl From<&str> for Bytes {
    fn from(text: &str) -> Bytes {
        text.as_bytes().into()
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Bytes) -> bool {
        self.as_slice() == other.as_slice()
    }
}

impl Eq for Bytes {}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        self.as_slice().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_is_shared_and_a_stranger_copied() {
        let document = Bytes::from(&b"one two"[..]);
        let two = document.piece(&document[4..]);
        assert_eq!(&*two, b"two");
        assert_eq!(two.as_ptr(), document[4..].as_ptr());
        let wo = two.piece(&two[1..]);
        assert_eq!(wo.as_ptr(), document[5..].as_ptr());

        // "one" is in the document, and not in this piece of it.
        assert_eq!(&*two.piece(&document[..3]), b"one");
        assert_ne!(two.piece(&document[..3]).as_ptr(), document.as_ptr());
        assert_eq!(&*document.piece(b"three"), b"three");
        assert!(two.is(&document.piece(&document[4..])) && !two.is(&Bytes::from("two")));
        assert_eq!(&*document.piece(&document[7..]), b"");
        assert_eq!(&*document.piece(&[]), b"");
    }
}
