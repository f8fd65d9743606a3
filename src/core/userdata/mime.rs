//! MIME: a document read as mail, front to back, in one pass.
//!
//! [`Reader`] gives one [`Event`] after another and holds no more than the boundaries it is inside of:
//!
//! ```text
//!              boundary of the container
//!          ┌───────────────────────────────┐
//!          ▼          Open                 │        end boundary, or the end of what is around it: Close
//!   ──► Message ◄───────────────┐          │  ┌──┐
//!          │ headers, preamble  │          │  ▼  │
//!          ├──── container ─────┘          Between ──► end of the document
//!          └──── body: Leaf, Lost ─────────►
//! ```
//!
//! It behaves as Python's e-mail parser does, violations included, because that is what user-data has been tested with: a line of
//! an outer boundary ends everything inside, the line end before a boundary belongs to the boundary, an end boundary may be
//! missing, a header block ends where a line is no header.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use memchr::memmem;
use nom::bytes::complete::{tag, take_while};
use nom::combinator::{all_consuming, opt};
use nom::{IResult, Parser};

use super::header::{Headers, is_header_line};
use super::sniff::is_blank;
use super::{Flaw, lines};

/// How deep containers may stand inside each other. Deeper ones are lost; what stands beside them is kept.
pub const MIME_DEPTH_MAX: usize = 32;
/// How many header lines are kept of a message; the rest is passed over.
pub const HEADER_LINES_MAX: usize = 256;

/// One step through a document.
#[derive(Debug, PartialEq, Eq)]
pub enum Event<'a> {
    /// A multipart or an enclosed message begins.
    Open(Head),
    /// A part that holds no others, its transfer encoding not yet undone.
    Leaf(Head, Cow<'a, [u8]>),
    /// A container that could not be read.
    Lost(Head, Flaw),
    /// The container opened last ends.
    Close,
}

/// What stands before a body.
#[derive(Debug, PartialEq, Eq)]
pub struct Head {
    /// The header fields.
    pub headers: Headers,
    /// The type they declare, or the one that applies where they declare none.
    pub content_type: String,
    /// That there are more fields than are kept.
    pub flaw: Option<Flaw>,
}

/// Reads one document; an iterator over its events.
pub struct Reader<'a> {
    input: Input<'a>,
    inside: Vec<Container>,
    state: State,
}

/// What a reader is inside of.
enum Container {
    /// A multipart with this boundary; in a digest, a part without a type is a message.
    Multipart { boundary: Vec<u8>, digest: bool },
    /// A message that holds a message.
    Message,
}

/// What comes next.
enum State {
    /// The headers of a message whose type, when it declares none, is this.
    Message(&'static str),
    /// The line after a message.
    Between,
}

const PLAIN: &str = "text/plain";
const RFC822: &str = "message/rfc822";

impl<'a> Iterator for Reader<'a> {
    type Item = Event<'a>;

    fn next(&mut self) -> Option<Event<'a>> {
        if let State::Message(default) = self.state {
            return Some(self.message(default));
        }
        let container = self.inside.pop()?;
        if let Container::Multipart { boundary, digest } = &container
            && another(&mut self.input, boundary, &self.inside)
        {
            let default = if *digest { RFC822 } else { PLAIN };
            self.inside.push(container);
            return Some(self.message(default));
        }
        Some(Event::Close)
    }
}

impl<'a> Reader<'a> {
    /// Begins with a document's headers.
    pub fn new(document: &'a [u8]) -> Reader<'a> {
        Reader {
            input: Input {
                rest: document,
                unread: None,
            },
            inside: Vec::new(),
            state: State::Message(PLAIN),
        }
    }

    /// Reads headers, and the body too if it holds no other messages.
    fn message(&mut self, default: &str) -> Event<'a> {
        self.state = State::Between;
        let (headers, flaw) = headers(&mut self.input, &self.inside);
        let content_type = headers.content_type(default);
        let head = Head {
            headers,
            content_type,
            flaw,
        };
        match self.container(&head) {
            Ok(Some(container)) => {
                if matches!(container, Container::Message) {
                    self.state = State::Message(PLAIN);
                }
                self.inside.push(container);
                Event::Open(head)
            }
            Ok(None) => Event::Leaf(head, self.body()),
            Err(flaw) => {
                self.body();
                Event::Lost(head, flaw)
            }
        }
    }

    /// The container a message declares to be, its preamble skipped; None if it is none.
    fn container(&mut self, head: &Head) -> Result<Option<Container>, Flaw> {
        let (main_type, subtype) = head.content_type.split_once('/').unwrap_or_default();
        let container = match main_type {
            "message" => Container::Message,
            "multipart" => {
                let boundary = head.headers.parameter("Content-Type", "boundary");
                let boundary = boundary.ok_or(Flaw::new("a multipart with a boundary", "none"))?;
                let boundary = boundary.trim_end_matches(is_blank).into();
                Container::Multipart {
                    boundary,
                    digest: subtype == "digest",
                }
            }
            _ => return Ok(None),
        };
        if self.inside.len() >= MIME_DEPTH_MAX {
            let expected = format!("at most {MIME_DEPTH_MAX} containers inside each other");
            return Err(Flaw::new(expected, "one more"));
        }
        if let Container::Multipart { boundary, .. } = &container
            && !preamble(&mut self.input, boundary, &self.inside)
        {
            let boundary = String::from_utf8_lossy(boundary);
            return Err(Flaw::new(format!("a line \"--{boundary}\""), "none"));
        }
        Ok(Some(container))
    }

    /// Reads to the end of what the reader is inside of. The line end before a boundary belongs to the boundary.
    fn body(&mut self) -> Cow<'a, [u8]> {
        let in_multipart = |container| matches!(container, &Container::Multipart { .. });
        let trim = self.inside.iter().any(in_multipart);
        let first = self.input.unread.take();
        let slice = self.input.body(&self.inside);
        match first {
            None => Cow::Borrowed(if trim { lines::trim_end(slice) } else { slice }),
            Some(first) => {
                let mut body = [first, slice].concat();
                if trim {
                    body.truncate(lines::trim_end(&body).len());
                }
                Cow::Owned(body)
            }
        }
    }
}

/// Reads the header block and the blank line after it, if there is one.
///
/// ```text
/// block = *header-line [line-end]
/// ```
fn headers(input: &mut Input, around: &[Container]) -> (Headers, Option<Flaw>) {
    let mut block = Vec::new();
    let mut more = 0;
    while let Some(line) = input.peek(around) {
        if is_header_line(line) {
            input.skip(line);
            if block.len() < HEADER_LINES_MAX {
                block.push(line);
            } else {
                more += 1;
            }
        } else {
            if line.first().is_some_and(|byte| lines::is_end(*byte)) {
                input.skip(line);
            }
            break;
        }
    }
    // An envelope line is no field; as the last line of several it is taken for the first of the body.
    if let [_, .., last] = block.as_slice()
        && last.starts_with(b"From ")
    {
        input.unread = Some(last);
    }
    let expected = format!("at most {HEADER_LINES_MAX} header lines");
    let flaw = (more > 0).then(|| Flaw::new(expected, format!("{more} more, ignored")));
    (Headers::read(block.into_iter()), flaw)
}

/// Skips the lines before a multipart's first delimiter; says whether there is one.
///
/// ```text
/// multipart = preamble 1*(1*delimiter part) [end-delimiter epilogue]
/// ```
fn preamble(input: &mut Input, boundary: &[u8], around: &[Container]) -> bool {
    while let Some(line) = input.peek(around) {
        if let Some(ends) = delimiter(line, boundary) {
            return !ends;
        }
        input.skip(line);
    }
    false
}

/// Between two parts: skips to the next one, or past the epilogue if there is none; says whether there is one.
///
/// Of several delimiters in a row the first alone can end the multipart.
fn another(input: &mut Input, boundary: &[u8], around: &[Container]) -> bool {
    let mut found = false;
    while let Some(line) = input.peek(around) {
        match delimiter(line, boundary) {
            Some(true) if !found => {
                input.body(around);
                return false;
            }
            Some(_) => found = true,
            None => return found,
        }
        input.skip(line);
    }
    found
}

/// RFC 2046, section 5.1.1, on one line; gives whether it is the last one:
///
/// ```text
/// delimiter     = "--" boundary *WSP [line-end]
/// end-delimiter = "--" boundary "--" *WSP [line-end]
/// ```
fn delimiter(line: &[u8], boundary: &[u8]) -> Option<bool> {
    let blanks = take_while(|byte| matches!(byte, b' ' | b'\t'));
    let parts = (
        tag("--"),
        tag(boundary),
        opt(tag("--")),
        blanks,
        opt(lines::end),
    );
    let parsed: IResult<&[u8], _> = all_consuming(parts).parse(line);
    parsed.ok().map(|(_, (_, _, end, _, _))| end.is_some())
}

/// A document, read line by line.
struct Input<'a> {
    rest: &'a [u8],
    /// A line put back in front of the rest.
    unread: Option<&'a [u8]>,
}

impl<'a> Input<'a> {
    /// The next line, unless the document or something around ends here.
    fn peek(&self, around: &[Container]) -> Option<&'a [u8]> {
        let line = self.unread.unwrap_or_else(|| lines::split(self.rest).0);
        (!line.is_empty() && !ends_one_of(around, line)).then_some(line)
    }

    /// Goes past the line that [`Input::peek`] gave.
    fn skip(&mut self, line: &[u8]) {
        if self.unread.take().is_none() {
            self.rest = self.rest.get(line.len()..).unwrap_or_default();
        }
    }

    /// Reads all lines up to the end of something around.
    ///
    /// Only a line that begins with two hyphens can end anything: the others are not looked at one by one.
    fn body(&mut self, around: &[Container]) -> &'a [u8] {
        let document = self.rest;
        self.unread = None;
        let two_hyphens = memmem::Finder::new(b"--");
        let mut at = 0;
        while let Some(rest) = document.get(at..) {
            let Some(hyphens) = two_hyphens.find(rest) else {
                break;
            };
            let at_line_start = match hyphens.checked_sub(1) {
                Some(before) => rest.get(before).is_some_and(|byte| lines::is_end(*byte)),
                // Where the search begins, a line begins.
                None => true,
            };
            let line = lines::split(rest.get(hyphens..).unwrap_or_default()).0;
            if at_line_start && ends_one_of(around, line) {
                let (body, after) = document.split_at(at + hyphens);
                self.rest = after;
                return body;
            }
            at += hyphens + line.len();
        }
        self.rest = &[];
        document
    }
}

/// Whether a line is a delimiter of one of these.
fn ends_one_of(containers: &[Container], line: &[u8]) -> bool {
    line.starts_with(b"--")
        && containers.iter().any(|container| match container {
            Container::Multipart { boundary, .. } => delimiter(line, boundary).is_some(),
            Container::Message => false,
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;

    /// The events in short: `<type` opens, `>` closes, `!type` is lost, `type=body` is a leaf.
    fn events(document: &str) -> Vec<String> {
        let short = |event| match event {
            Event::Open(head) => format!("<{}", head.content_type),
            Event::Leaf(head, body) => {
                format!("{}={}", head.content_type, String::from_utf8_lossy(&body))
            }
            Event::Lost(head, _) => format!("!{}", head.content_type),
            Event::Close => ">".to_string(),
        };
        Reader::new(document.as_bytes()).map(short).collect()
    }

    const MIXED: &str = "Content-Type: multipart/mixed; boundary=B\n\n";

    #[test]
    fn parts_preamble_and_epilogue() {
        let document =
            "pre\n--B\n\none\n--B  \nContent-Type: a/b\n\ntwo\r\n\n--B--\nepilogue\n--B\n";
        assert_eq!(
            events(&[MIXED, document].concat()),
            ["<multipart/mixed", "text/plain=one", "a/b=two\r\n", ">"]
        );
    }

    #[test]
    fn an_end_may_be_missing_and_a_boundary_may_be_the_last_line() {
        assert_eq!(
            events(&[MIXED, "--B\n\none\n--B\n"].concat()),
            ["<multipart/mixed", "text/plain=one", "text/plain=", ">"]
        );
        assert_eq!(
            events(&[MIXED, "--B\n--B--\n\nx"].concat()),
            ["<multipart/mixed", "text/plain=x", ">"]
        );
    }

    #[test]
    fn an_outer_boundary_ends_everything_inside() {
        let inner =
            "--B\nContent-Type: multipart/digest; boundary=\"C \"\n\n--C\n\n\nx\n--B\n\ny\n";
        assert_eq!(
            events(&[MIXED, inner].concat()),
            [
                "<multipart/mixed",
                "<multipart/digest",
                "<message/rfc822",
                "text/plain=x",
                ">",
                ">",
                "text/plain=y",
                ">"
            ]
        );
    }

    #[test]
    fn multiparts_that_are_none() {
        assert_eq!(
            events("Content-Type: multipart/x\n\n--\n"),
            ["!multipart/x"]
        );
        assert_eq!(events(&[MIXED, "--C\n\nx"].concat()), ["!multipart/mixed"]);
        assert_eq!(
            events(&[MIXED, "--B--\n\nx"].concat()),
            ["!multipart/mixed"]
        );
    }

    #[test]
    fn header_blocks() {
        assert_eq!(events(""), ["text/plain="]);
        assert_eq!(events("\nbody"), ["text/plain=body"]);
        assert_eq!(
            events("From me\nContent-Type: a/b;\n x\n\nbody"),
            ["a/b=body"]
        );
        assert_eq!(events("Content-Type: a/b\r\nno header"), ["a/b=no header"]);
        assert_eq!(
            events("A: b\nFrom me\n\nbody"),
            ["text/plain=From me\nbody"]
        );
    }

    #[test]
    fn depth_is_bounded_and_what_stands_beside_is_kept() {
        let mut document = String::new();
        for depth in 0..100 {
            document +=
                &format!("Content-Type: multipart/mixed; boundary=B{depth}\n\n--B{depth}\n");
        }
        document += "\ndeep\n--B0\n\nbeside\n";
        let events = events(&document);
        assert_eq!(events.len(), 2 * MIME_DEPTH_MAX + 2);
        assert!(events.contains(&"!multipart/mixed".to_string()));
        assert!(events.contains(&"text/plain=beside".to_string()));
    }
}
