//! User-data: bytes in, numbered parts out, whatever the bytes are.
//!
//! ```text
//!   document ──► gzip? ──► MIME? ──► each leaf ──► declared gzip? ──► start line ──► a part
//!      ▲                                                                 │
//!      ├──────────────────── #include: each document behind a URL ◄──────┤
//!      └──────────────────── #cloud-config-archive: each entry ◄─────────┘
//! ```
//!
//! cloud-init has the same steps, so that the same bytes give the same parts, types and names. Where it gives up on the whole
//! boot (a URL that does not answer, gzip that is damaged), this costs one part and says so. One document is bounded by the
//! constants below, all of them together by the boot's [`Budget`].

mod decoder;

mod guess;

pub mod part_type;

pub mod sniff;

pub mod gzip;

pub mod charset;

pub mod mime;

pub mod header;

pub mod transfer;

pub mod lines;

pub mod include;

pub mod archive;

pub mod launch;

pub mod filename;

pub mod compose;

pub mod advice;

pub mod merge;

pub mod patch;

pub mod template;

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use part_type::PartType;

use crate::budget::Budget;
use crate::bytes::Bytes;
use crate::warning::{Error, Warning};

/// How large a document may be, before and after it is inflated.
pub const DOCUMENT_BYTES_MAX: usize = 32 << 20;
/// How many parts and containers user-data may hold.
pub const PARTS_MAX: usize = 4096;
/// How many documents may be included.
pub const INCLUDES_MAX: usize = 128;
/// How deep included documents may include others.
pub const INCLUDE_DEPTH_MAX: usize = 8;
/// How long a part's name may be; a longer one is replaced.
pub const FILENAME_BYTES_MAX: usize = 1024;
/// How many warnings are kept.
pub const WARNINGS_MAX: usize = 256;

/// One part of user-data, decoded: what a handler of cloud-init would be called with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its place among all parts, from 1.
    pub number: u32,
    /// Its type.
    pub content_type: PartType,
    /// Its name: given by its headers, else `part-NNN`. Not sanitised; never use it as a path.
    pub filename: String,
    /// Its headers, in order, as given.
    pub headers: Vec<(String, String)>,
    /// Which document it came from, outermost first: `user-data`, `user-data > https://example.com/x`.
    pub origin: String,
    /// Its bytes, transfer encoding and compression undone.
    pub content: Bytes,
}

/// Where included documents come from.
pub trait Includes {
    /// The body behind `url`; with `once`, the body seen at this instance's first boot if it was kept.
    ///
    /// # Errors
    /// It cannot be had: it is not there, nobody answers, or it is too large.
    fn get(&mut self, url: &str, once: bool) -> Result<Bytes, Error>;
}

/// What was expected of a piece of user-data and what was found; it lacks the place, which its reader knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// What would have been right.
    pub expected: String,
    /// What was there instead.
    pub found: String,
}

impl Flaw {
    /// A flaw from its two words.
    pub fn new(expected: impl ToString, found: impl ToString) -> Flaw {
        Flaw {
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }

    /// The warning it is at a place.
    pub fn at(self, place: impl ToString) -> Warning {
        Warning::new("decode", place, self.expected, self.found)
    }
}

/// A document taken apart, with the outline a person reads.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decoded {
    /// The parts, in order.
    pub parts: Vec<Part>,
    /// What is inside what, in order.
    pub outline: Vec<Line>,
    /// What was not as expected; at most [`WARNINGS_MAX`].
    pub warnings: Vec<Warning>,
    /// How many documents were to be included and could not be.
    pub includes_lost: usize,
}

/// One line of an [outline](Decoded::outline).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// How many containers it is inside of.
    pub depth: usize,
    /// What it is.
    pub item: Item,
}

/// What a line of an outline is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// Something that holds others: `gzip, 1200 bytes inflated`, `multipart/mixed`, `#include https://…`.
    Container(String),
    /// The part of this number.
    Part(u32),
    /// Something that could not be read, and why.
    Lost(String),
}

/// Takes one document apart.
pub fn take_apart(
    document: impl Into<Bytes>,
    origin: &str,
    includes: &mut dyn Includes,
    budget: &Budget,
) -> Decoded {
    decoder::Decoder::new(includes, budget).decode(document.into(), origin)
}
