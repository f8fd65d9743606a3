//! Lines as mail has them: ended by CR LF, by LF or by CR, or by the end of the document.

use memchr::memchr2;
use nom::branch::alt;
use nom::bytes::complete::tag;
use nom::{IResult, Parser};

/// Splits off the first line, its end included:
///
/// ```text
/// line     = *(any but CR, LF) [line-end]
/// line-end = CR LF / LF / CR
/// ```
///
/// The line of an empty document is empty.
pub fn split(document: &[u8]) -> (&[u8], &[u8]) {
    let text = memchr2(b'\r', b'\n', document).unwrap_or(document.len());
    let (_, rest) = document.split_at(text);
    let rest = end(rest).map_or(rest, |(rest, _)| rest);
    document.split_at(document.len() - rest.len())
}

/// The lines of a document, without their ends.
pub fn without_ends(document: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = document;
    core::iter::from_fn(move || {
        let (line, after) = split(rest);
        rest = after;
        (!line.is_empty()).then(|| trim_end(line))
    })
}

/// A line or a body without the one line end it closes with.
pub fn trim_end(line: &[u8]) -> &[u8] {
    match line {
        [text @ .., b'\r', b'\n'] | [text @ .., b'\r' | b'\n'] => text,
        text => text,
    }
}

/// `line-end` as a parser.
///
/// # Errors
/// There is none.
pub fn end(input: &[u8]) -> IResult<&[u8], &[u8]> {
    alt((tag("\r\n"), tag("\n"), tag("\r"))).parse(input)
}

/// Whether a byte ends a line, or begins its end.
pub fn is_end(byte: u8) -> bool {
    matches!(byte, b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    #[test]
    fn every_kind_of_end() {
        let lines: Vec<&[u8]> = without_ends(b"a\r\nb\nc\rd\n\re").collect();
        assert_eq!(lines, [&b"a"[..], b"b", b"c", b"d", b"", b"e"]);
    }

    #[test]
    fn a_line_keeps_its_end() {
        assert_eq!(split(b"a\r\nb"), (&b"a\r\n"[..], &b"b"[..]));
        assert_eq!(split(b"\n\n"), (&b"\n"[..], &b"\n"[..]));
        assert_eq!(split(b""), (&b""[..], &b""[..]));
    }
}
