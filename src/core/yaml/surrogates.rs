//! Surrogates: pairs of escapes as JSON has them (RFC 8259, section 7), for characters beyond U+FFFF. YAML 1.2 has `\U` for these
//! and says of pairs nothing; what Python's json.dumps wrote is read by whoever reads JSON.

use alloc::string::String;

use nom::bytes::complete::{tag, take_while_m_n};
use nom::combinator::{map_opt, verify};
use nom::sequence::{pair, preceded};
use nom::{IResult, Parser};

/// The text with `\UXXXXXXXX` for each pair; nothing if it has none.
///
/// ```text
/// pair = "\u" 4HEXDIG "\u" 4HEXDIG        ; D800 to DBFF, then DC00 to DFFF
/// ```
pub fn joined(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut rest = text;
    let mut any = false;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        out += before;
        if let Ok((after, letter)) = one(escape) {
            any = true;
            out += &alloc::format!("\\U{:08X}", u32::from(letter));
            rest = after;
        } else {
            // What follows a backslash belongs to it, be it another one.
            let length = escape.chars().take(2).map(char::len_utf8).sum();
            let (escape, after) = escape.split_at(length);
            out += escape;
            rest = after;
        }
    }
    out += rest;
    any.then_some(out)
}

fn one(input: &str) -> IResult<&str, char> {
    let high = verify(unit, |unit| (0xd800..0xdc00).contains(unit));
    let low = verify(unit, |unit| (0xdc00..0xe000).contains(unit));
    map_opt(pair(high, low), |(high, low)| {
        char::from_u32(0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))
    })
    .parse(input)
}

fn unit(input: &str) -> IResult<&str, u32> {
    let digits = take_while_m_n(4, 4, |letter: char| letter.is_ascii_hexdigit());
    let value = |digits| u32::from_str_radix(digits, 16).ok();
    map_opt(preceded(tag("\\u"), digits), value).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_joined_and_nothing_else() {
        for (text, expected) in [
            (r#""a\ud83d\uDE00b""#, Some(r#""a\U0001F600b""#)),
            (r#""\\ud83d\ude00""#, None),
            (r#""\ud83d""#, None),
            (r#""\ude00\ud83d""#, None),
            (r"\ud83d\u00e4ä\", None),
            ("no escape", None),
        ] {
            assert_eq!(joined(text).as_deref(), expected, "{text}");
        }
    }
}
