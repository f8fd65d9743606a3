//! User-data: bytes in, numbered parts out, whatever the bytes are.

pub mod merge;

pub mod patch;

use alloc::string::String;
use alloc::vec::Vec;

use crate::warning::{Error, Warning};

/// One part of user-data, decoded: what a handler of the original would be called with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Its place among all parts, from 1.
    pub number: u32,
    /// Its type, lower case, without parameters: `text/cloud-config`.
    pub content_type: String,
    /// Its name: given by its headers, else `part-NNN`. Not sanitised; never use it as a path.
    pub filename: String,
    /// Its headers, in order, as given.
    pub headers: Vec<(String, String)>,
    /// Which document it came from, outermost first: `user-data`, `user-data > https://example.com/x`.
    pub origin: String,
    /// Its bytes, transfer encoding and compression undone.
    pub content: Vec<u8>,
}

/// Where included documents come from.
pub trait Includes {
    /// The body behind `url`; with `once`, the body seen at this instance's first boot if it was kept.
    fn get(&mut self, url: &str, once: bool) -> Result<Vec<u8>, Error>;
}

/// Takes one document apart.
pub fn decode(
    document: &[u8],
    origin: &str,
    includes: &mut dyn Includes,
) -> (Vec<Part>, Vec<Warning>) {
    let _ = (document, origin, includes);
    (Vec::new(), Vec::new())
}
