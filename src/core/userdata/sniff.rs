//! The first line decides: what a document is, when nobody has declared it.
//!
//! cloud-init tests prefixes, not words: the document in lower case, blanks in front removed, is compared with each start
//! line, the longest first. `#cloud-configurator` is therefore cloud-config and `#include-oncefoo` is include-once. A byte order
//! mark is no blank: a document behind one stays unknown.

use alloc::string::String;

use super::part_type::PartType;

/// The type a document's first line stands for, if it stands for one.
///
/// Only the start has to be text: a script may carry any bytes further down, as it may in cloud-init.
pub fn sniff(document: &[u8]) -> Option<PartType> {
    let mut types = PartType::with_start_lines().peekable();
    let longest = types.peek().map_or(0, |longest| longest.start_line().len());
    let start: String = characters(document)
        .skip_while(|c| is_blank(*c))
        .flat_map(char::to_lowercase)
        .take(longest)
        .collect();
    types
        .find(|known| start.starts_with(known.start_line()))
        .cloned()
}

/// What cloud-init strips from both ends of text: Unicode's white space and the four ASCII separators, which Python counts in.
pub fn is_blank(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}')
}

/// Decodes UTF-8 lazily, so that only the start of a large document is looked at; what is no UTF-8 becomes U+FFFD.
fn characters(document: &[u8]) -> impl Iterator<Item = char> {
    const CHARACTER_BYTES_MAX: usize = 4;
    let mut rest = document;
    core::iter::from_fn(move || {
        let start = rest.get(..CHARACTER_BYTES_MAX).unwrap_or(rest);
        let chunk = start.utf8_chunks().next()?;
        let (character, bytes) = match chunk.valid().chars().next() {
            Some(character) => (character, character.len_utf8()),
            None => (char::REPLACEMENT_CHARACTER, chunk.invalid().len()),
        };
        rest = rest.get(bytes..).unwrap_or_default();
        Some(character)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_without_word_boundary_in_any_case_behind_blanks() {
        assert_eq!(sniff(b"#!/bin/sh\n"), Some(PartType::Script));
        assert_eq!(sniff(b"#CLOUD-CONFIG\n"), Some(PartType::CloudConfig));
        assert_eq!(sniff(b"#cloud-configurator"), Some(PartType::CloudConfig));
        assert_eq!(sniff(b"#include-oncefoo"), Some(PartType::IncludeOnce));
        assert_eq!(
            sniff(b"\n\t \xc2\xa0\x1f#include x"),
            Some(PartType::Include)
        );
        assert_eq!(sniff(b"## template: jinja2"), Some(PartType::Jinja));
    }

    #[test]
    fn what_is_no_start_line() {
        assert_eq!(sniff(b""), None);
        assert_eq!(sniff(b"#"), None);
        assert_eq!(sniff(b"## template:jinja"), None);
        assert_eq!(sniff(b"\xef\xbb\xbf#cloud-config"), None);
        assert_eq!(sniff(b"\xff#!/bin/sh"), None);
    }

    #[test]
    fn bytes_that_are_no_text_may_follow() {
        assert_eq!(sniff(b"#!\xff\xfe\x00"), Some(PartType::Script));
    }
}
