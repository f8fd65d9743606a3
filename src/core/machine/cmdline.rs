//! The kernel command line: words, values, quoted parameters, and the configuration written into it.

use alloc::string::String;
use alloc::vec::Vec;
use core::ops::Range;

use nom::branch::alt;
use nom::bytes::complete::{take_till, take_while1};
use nom::character::complete::char;
use nom::combinator::recognize;
use nom::multi::many1_count;
use nom::sequence::delimited;
use nom::{IResult, Parser};

use super::{FILE_BYTES_MAX, Files};
use crate::url::percent_decoded;

pub mod nocloud;

/// What ends a block of configuration.
const END: &str = "end_cc";

/// The kernel command line as one line of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cmdline {
    text: String,
}

impl Cmdline {
    /// Reads /proc/cmdline, in a container the arguments of process 1. Where there is nothing to read the line is
    /// `unavailable:no-cmdline` or `unavailable:container`, as ds-identify has it.
    pub fn read(files: &dyn Files, container: bool) -> Cmdline {
        let text = if container {
            arguments(files).unwrap_or(String::from("unavailable:container"))
        } else {
            match files.text("/proc/cmdline") {
                Some(text) => String::from(text.lines().next().unwrap_or_default().trim_end()),
                None => String::from("unavailable:no-cmdline"),
            }
        };
        Cmdline { text }
    }

    /// A command line given as text.
    pub fn new(text: &str) -> Cmdline {
        Cmdline {
            text: String::from(text),
        }
    }

    /// The whole line.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Its words, split at space and nothing else.
    pub fn words(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.text.split_ascii_whitespace()
    }

    /// True if this is one of the words.
    pub fn has_word(&self, word: &str) -> bool {
        self.words().any(|other| other == word)
    }

    /// The value of the last word `key=value`.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.words().rev().find_map(|word| value(word, key))
    }

    /// The parameters as the kernel splits them: key, and value if there is one. Double quotes keep spaces together, around
    /// a value or around the whole, and are not part of it.
    pub fn parameters(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let mut rest = self.text.as_str();
        core::iter::from_fn(move || {
            let (after, parameter) = parameter(rest).ok()?;
            rest = after;
            Some(split(parameter))
        })
    }

    /// The configuration between `cc:` and `end_cc` (or the line's end), decoded, one block per line.
    ///
    /// ```text
    /// line  = *( *CHAR block )          ; a block begins the line or follows a space
    /// block = "cc:" *CHAR [ "end_cc" ]  ; %XX is a byte, a backslash and an n is a new line
    /// ```
    pub fn cloud_config(&self) -> String {
        let blocks = self.blocks().filter_map(|place| self.text.get(place));
        let blocks: Vec<String> = blocks.map(|body| unescaped(body.trim_start())).collect();
        blocks.join("\n")
    }

    /// Where the bodies of the blocks are that [`Cmdline::cloud_config`] joins.
    pub fn blocks(&self) -> impl Iterator<Item = Range<usize>> {
        let mut from = 0;
        core::iter::from_fn(move || {
            let begin = block(&self.text, from)?;
            let body = self.text.get(begin..).unwrap_or_default();
            let end = body.find(END);
            from = begin + end.map_or(body.len(), |end| end + END.len());
            Some(begin..begin + end.unwrap_or(body.len()))
        })
    }
}

/// The arguments of process 1, a space for each NUL.
fn arguments(files: &dyn Files) -> Option<String> {
    let mut bytes = files.read("/proc/1/cmdline", FILE_BYTES_MAX)?;
    for byte in &mut bytes {
        if *byte == 0 {
            *byte = b' ';
        }
    }
    let text = String::from_utf8_lossy(&bytes);
    Some(String::from(text.trim_end_matches('\n')))
}

fn value<'a>(word: &'a str, key: &str) -> Option<&'a str> {
    word.strip_prefix(key)?.strip_prefix('=')
}

/// One parameter, with its quotes:
///
/// ```text
/// line      = *( *WSP parameter )
/// parameter = 1*( 1*CHAR / DQUOTE *( CHAR / WSP ) [ DQUOTE ] )   ; CHAR: no white space, no double quote
/// ```
fn parameter(input: &str) -> IResult<&str, &str> {
    let (rest, _) = take_till(|c: char| !c.is_ascii_whitespace())(input)?;
    let open = |input| recognize((char('"'), take_till(|c| c == '"'))).parse(input);
    let quoted =
        |input| recognize(delimited(char('"'), take_till(|c| c == '"'), char('"'))).parse(input);
    let plain = take_while1(|c: char| !c.is_ascii_whitespace() && c != '"');
    recognize(many1_count(alt((plain, quoted, open)))).parse(rest)
}

/// Key and value of a parameter, without the quotes the kernel would take away.
fn split(parameter: &str) -> (&str, Option<&str>) {
    let whole = match parameter.strip_prefix('"') {
        Some(inside) => inside.strip_suffix('"').unwrap_or(inside),
        None => parameter,
    };
    match whole.split_once('=') {
        None => (whole, None),
        Some((key, value)) => match value.strip_prefix('"') {
            None => (key, Some(value)),
            Some(inside) => (key, Some(inside.strip_suffix('"').unwrap_or(inside))),
        },
    }
}

/// Where the body of the next block begins.
fn block(line: &str, from: usize) -> Option<usize> {
    let begins = |at: &usize| {
        let before = at.checked_sub(1).and_then(|at| line.as_bytes().get(at));
        before.is_none_or(|&byte| byte == b' ')
    };
    let rest = line.get(from..)?;
    let mut found = rest.match_indices("cc:").map(|(at, _)| from + at);
    found.find(begins).map(|at| at + "cc:".len())
}

/// Takes away both escapes of a block: first `%XX`, of which undecodable bytes are replaced, then a backslash with an `n`.
fn unescaped(text: &str) -> String {
    let decoded = percent_decoded(text);
    String::from_utf8_lossy(&decoded).replace("\\n", "\n")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn words_and_values() {
        let line = Cmdline::new("a=1 quiet  ds=x a=2\tb==c ab=3");
        assert!(line.has_word("quiet") && !line.has_word("qui") && !line.has_word("a"));
        assert_eq!(line.value("a"), Some("2"));
        assert_eq!(line.value("b"), Some("=c"));
        assert_eq!(line.value("quiet"), None);
    }

    #[test]
    fn parameters_are_split_as_the_kernel_splits_them() {
        let parameters = |text: &str| -> Vec<(String, Option<String>)> {
            let line = Cmdline::new(text);
            line.parameters()
                .map(|(key, value)| (String::from(key), value.map(String::from)))
                .collect()
        };
        let pair = |key: &str, value: &str| (String::from(key), Some(String::from(value)));
        assert_eq!(
            parameters(r#" a="x y" "b=c d" e=f"g h" i"#),
            [
                pair("a", "x y"),
                pair("b", "c d"),
                pair("e", "f\"g h\""),
                (String::from("i"), None)
            ]
        );
        assert_eq!(parameters(r#"a="b c"#), [pair("a", "b c")]);
        assert_eq!(parameters(r#"""#), [(String::new(), None)]);
        assert_eq!(parameters("  "), []);
    }

    #[test]
    fn blocks_of_configuration_are_decoded_and_joined() {
        let config = |text: &str| Cmdline::new(text).cloud_config();
        assert_eq!(config("root=x cc: a: 1 end_cc quiet"), "a: 1 ");
        assert_eq!(config("cc:a: [b]\\nc: d"), "a: [b]\nc: d");
        assert_eq!(
            config("cc: a%3A%201%0Ab: 2 end_cc cc:c: 3 end_cc"),
            "a: 1\nb: 2 \nc: 3 "
        );
        assert_eq!(config("xcc: a end_cc"), "");
        assert_eq!(config("cc:"), "");
        assert_eq!(config("cc: %zz%4%C3%A4%"), "%zz%4ä%");
    }
}
