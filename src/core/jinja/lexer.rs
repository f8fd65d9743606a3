//! A template taken apart into text and tokens.
//!
//! ```text
//! template   = *( data / "{{" [sign] tokens "}}" / "{%" [sign] tokens "%}" / "{#" [sign] … "#}" / raw )
//! raw        = "{%" [sign] "raw" "%}" … "{%" [sign] "endraw" "%}"
//! sign       = "-" / "+"         ; - drops the blanks beside it, + keeps the line break behind a block
//! token      = float / integer / name / string / operator
//! float      = digits ( "." digits [exponent] / exponent )     ; not behind a dot
//! integer    = "0b" … / "0o" … / "0x" … / digits               ; with _ between digits
//! string     = "'" *( escape / not "'" ) "'" / the same with "\""
//! ```
//!
//! A bracket that is open keeps `}}` and `%}` from being the end. The line break right behind a block or a comment is dropped
//! (`trim_blocks`).

use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nom::branch::alt;
use nom::bytes::complete::{tag_no_case, take_while, take_while1};
use nom::character::complete::{char, digit1, one_of, satisfy};
use nom::combinator::{opt, recognize, verify};
use nom::multi::{many0_count, many1_count};
use nom::sequence::{pair, preceded};
use nom::{IResult, Parser};

use crate::userdata::sniff::is_blank;
use crate::userdata::template::Broken;

/// Most tokens of a template.
const TOKENS_MAX: usize = 500_000;

/// The operators, longer ones first.
const OPERATORS: [&str; 26] = [
    "//", "**", "==", "!=", ">=", "<=", "+", "-", "/", "*", "%", "~", "[", "]", "(", ")", "{", "}",
    ">", "<", "=", ".", ":", "|", ",", ";",
];

/// A token, and the line in which it is.
#[derive(Clone)]
pub struct Spot {
    /// The token.
    pub token: Token,
    /// The line, from 1.
    pub line: u32,
}

/// A token.
#[derive(Clone, PartialEq)]
pub enum Token {
    /// Text of the template.
    Data(Rc<str>),
    /// `{{`
    PrintStart,
    /// `}}`
    PrintEnd,
    /// `{%`
    BlockStart,
    /// `%}`
    BlockEnd,
    /// A name.
    Name(Rc<str>),
    /// What is in quotation marks.
    Text(Rc<str>),
    /// A whole number.
    Int(i128),
    /// A number with a fraction.
    Float(f64),
    /// An operator.
    Sign(&'static str),
}

/// The tokens of a template, whose lines end in a line feed.
pub fn tokens(template: &str) -> Result<Vec<Spot>, Broken> {
    let mut lexer = Lexer {
        rest: template,
        line: 1,
        spots: Vec::new(),
    };
    lexer.template()?;
    Ok(lexer.spots)
}

struct Lexer<'a> {
    rest: &'a str,
    line: u32,
    spots: Vec<Spot>,
}

impl<'a> Lexer<'a> {
    fn template(&mut self) -> Result<(), Broken> {
        while !self.rest.is_empty() {
            let Some((at, kind)) = opening(self.rest) else {
                return self.data(self.rest.len(), false);
            };
            let inside = self.rest.get(at + 2..).unwrap_or("");
            let raw = (kind == '%').then(|| raw(inside)).flatten();
            self.data(at, inside.starts_with('-'))?;
            let sign = usize::from(inside.starts_with(['-', '+']));
            match (kind, raw) {
                (_, Some(inside)) => self.raw(inside)?,
                ('#', _) => self.comment(2 + sign)?,
                ('%', _) => {
                    self.skip(2 + sign);
                    self.push(Token::BlockStart)?;
                    self.inside("%}", Token::BlockEnd)?;
                }
                _ => {
                    self.skip(2 + sign);
                    self.push(Token::PrintStart)?;
                    self.inside("}}", Token::PrintEnd)?;
                }
            }
        }
        Ok(())
    }

    fn push(&mut self, token: Token) -> Result<(), Broken> {
        if self.spots.len() >= TOKENS_MAX {
            return self.broken(format!("more than {TOKENS_MAX} tokens"));
        }
        self.spots.push(Spot {
            token,
            line: self.line,
        });
        Ok(())
    }

    fn broken<T>(&self, reason: impl Into<String>) -> Result<T, Broken> {
        Err(Broken {
            line: Some(self.line as usize),
            reason: reason.into(),
        })
    }

    /// Goes on by so many bytes.
    fn skip(&mut self, bytes: usize) -> &'a str {
        let (passed, rest) = self.rest.split_at_checked(bytes).unwrap_or((self.rest, ""));
        self.line += passed.matches('\n').count() as u32;
        self.rest = rest;
        passed
    }

    /// Text of the template, without the blanks at its end if they are to be dropped.
    fn data(&mut self, bytes: usize, strip: bool) -> Result<(), Broken> {
        let text = self.rest.get(..bytes).unwrap_or("");
        let kept = if strip {
            text.trim_end_matches(is_blank)
        } else {
            text
        };
        if !kept.is_empty() {
            self.push(Token::Data(kept.into()))?;
        }
        self.skip(bytes);
        Ok(())
    }

    /// Goes past the end of a comment or block that starts after so many bytes, and past what its sign drops.
    fn end(&mut self, bytes: usize, sign: Option<char>, trims: bool) {
        self.skip(bytes);
        match sign {
            Some('-') => {
                let blanks = self.rest.len() - self.rest.trim_start_matches(is_blank).len();
                self.skip(blanks);
            }
            None if trims && self.rest.starts_with('\n') => {
                self.skip(1);
            }
            _ => {}
        }
    }

    fn comment(&mut self, start: usize) -> Result<(), Broken> {
        let body = self.rest.get(start..).unwrap_or("");
        let Some(end) = body.find("#}") else {
            self.skip(start);
            return self.unclosed("a comment without an end");
        };
        let sign = body.get(..end).and_then(|body| body.chars().next_back());
        self.end(
            start + end + 2,
            sign.filter(|sign| "-+".contains(*sign)),
            true,
        );
        Ok(())
    }

    /// A raw block; `inside` is what is behind its start.
    fn raw(&mut self, inside: &'a str) -> Result<(), Broken> {
        let start = self.rest.len() - inside.len();
        for (at, _) in inside.match_indices("{%") {
            let tag = inside.get(at + 2..).unwrap_or("");
            let word = tag
                .trim_start_matches(['-', '+'])
                .trim_start_matches(is_blank);
            let end = word
                .strip_prefix("endraw")
                .map(|end| end.trim_start_matches(is_blank));
            let Some((sign, rest)) = end.and_then(block_end) else {
                continue;
            };
            self.skip(start);
            self.data(at, tag.starts_with('-'))?;
            self.end(self.rest.len() - rest.len(), sign, true);
            return Ok(());
        }
        self.skip(start);
        self.unclosed("a raw block without an end")
    }

    /// Something that has a start and no end, which at the end of the template is nothing.
    fn unclosed(&self, reason: &str) -> Result<(), Broken> {
        if self.rest.is_empty() {
            Ok(())
        } else {
            self.broken(reason)
        }
    }

    /// The tokens up to the end of a tag.
    fn inside(&mut self, end: &str, token: Token) -> Result<(), Broken> {
        let mut open = Vec::new();
        let mut behind_dot = false;
        loop {
            let blanks = self.rest.len() - self.rest.trim_start_matches(is_blank).len();
            self.skip(blanks);
            behind_dot &= blanks == 0;
            let trims = end == "%}";
            let signs: &[char] = if trims { &['-', '+'] } else { &['-'] };
            let sign = self.rest.chars().next().filter(|sign| signs.contains(sign));
            let bare = self.rest.get(sign.map_or(0, char::len_utf8)..);
            let bare = bare.unwrap_or("");
            if open.is_empty() && bare.starts_with(end) {
                self.push(token)?;
                self.end(2 + sign.map_or(0, char::len_utf8), sign, trims);
                return Ok(());
            }
            if self.rest.is_empty() {
                return self.broken(format!("a template that ends before `{end}`"));
            }
            let (found, bytes) = self.token(behind_dot)?;
            self.balance(&found, &mut open)?;
            behind_dot = found == Token::Sign(".");
            self.push(found)?;
            self.skip(bytes);
        }
    }

    /// Keeps account of the brackets.
    fn balance(&self, token: &Token, open: &mut Vec<&'static str>) -> Result<(), Broken> {
        match token {
            Token::Sign("(") => open.push(")"),
            Token::Sign("[") => open.push("]"),
            Token::Sign("{") => open.push("}"),
            Token::Sign(sign @ (")" | "]" | "}")) => match open.pop() {
                Some(expected) if expected == *sign => {}
                Some(expected) => {
                    return self.broken(format!("`{sign}` instead of `{expected}`"));
                }
                None => return self.broken(format!("`{sign}` without its other half")),
            },
            _ => {}
        }
        Ok(())
    }

    /// The next token and its length.
    fn token(&self, behind_dot: bool) -> Result<(Token, usize), Broken> {
        let text = self.rest;
        let fraction = |text| {
            if behind_dot {
                Err(nom::Err::Error(nom::error::Error::new(
                    text,
                    nom::error::ErrorKind::Float,
                )))
            } else {
                float(text)
            }
        };
        if let Ok((rest, digits)) = fraction(text) {
            let float = digits.replace('_', "").parse().unwrap_or(f64::INFINITY);
            return Ok((Token::Float(float), text.len() - rest.len()));
        }
        if let Ok((rest, digits)) = integer(text) {
            return match whole(digits) {
                Some(int) => Ok((Token::Int(int), text.len() - rest.len())),
                None => self.broken("a number of more than 127 bits"),
            };
        }
        if let Ok((rest, name)) = name(text) {
            return Ok((Token::Name(name.into()), text.len() - rest.len()));
        }
        if let Ok((rest, quoted)) = string(text) {
            let inside = quoted.get(1..quoted.len() - 1).unwrap_or("");
            return match unescaped(inside) {
                Some(inside) => Ok((Token::Text(inside.into()), text.len() - rest.len())),
                None => self.broken("an escape in a string that Python does not know"),
            };
        }
        let operator = OPERATORS
            .iter()
            .find(|operator| text.starts_with(**operator));
        match operator {
            Some(operator) => Ok((Token::Sign(operator), operator.len())),
            None if text.starts_with(['\'', '"']) => self.broken("a string without an end"),
            None => {
                let c = text.chars().next().map(|c| c.to_string());
                self.broken(format!("`{}`", c.unwrap_or_default()))
            }
        }
    }
}

/// Where the next tag starts, and the character that says of which kind it is.
fn opening(text: &str) -> Option<(usize, char)> {
    text.match_indices('{').find_map(|(at, _)| {
        let kind = text.get(at + 1..)?.chars().next()?;
        matches!(kind, '{' | '%' | '#').then_some((at, kind))
    })
}

/// What is behind the start of a raw block, if a tag is one.
fn raw(inside: &str) -> Option<&str> {
    let word = inside.strip_prefix(['-', '+']).unwrap_or(inside);
    let end = word.trim_start_matches(is_blank).strip_prefix("raw")?;
    match block_end(end.trim_start_matches(is_blank))? {
        (Some('-'), rest) => Some(rest.trim_start_matches(is_blank)),
        (Some(_), _) => None,
        (None, rest) => Some(rest),
    }
}

/// The sign before the end of a block, and what is behind it.
fn block_end(text: &str) -> Option<(Option<char>, &str)> {
    let sign = text.chars().next().filter(|sign| "-+".contains(*sign));
    let end = text.get(sign.map_or(0, char::len_utf8)..)?;
    Some((sign, end.strip_prefix("%}")?))
}

/// `digits = 1*DIGIT *( "_" 1*DIGIT )`
fn digits(text: &str) -> IResult<&str, &str> {
    recognize(pair(digit1, many0_count(pair(char('_'), digit1)))).parse(text)
}

/// `float = digits ( "." digits [exponent] / exponent )`, `exponent = "e" ["+" / "-"] digits`
fn float(text: &str) -> IResult<&str, &str> {
    let exponent = || recognize((tag_no_case("e"), opt(one_of("+-")), digits));
    let fraction = recognize((char('.'), digits, opt(exponent())));
    recognize(pair(digits, alt((fraction, exponent())))).parse(text)
}

/// `integer = "0b" 1*( ["_"] BIT ) / … / "0" *( ["_"] "0" ) / nonzero *( ["_"] DIGIT )`
fn integer(text: &str) -> IResult<&str, &str> {
    let based = |mark, radix| {
        let digit = satisfy(move |c| c.is_digit(radix));
        recognize(pair(
            tag_no_case(mark),
            many1_count(preceded(opt(char('_')), digit)),
        ))
    };
    let zero = pair(char('0'), many0_count(pair(opt(char('_')), char('0'))));
    let decimal = verify(digits, |digits: &str| !digits.starts_with('0'));
    alt((
        based("0b", 2),
        based("0o", 8),
        based("0x", 16),
        decimal,
        recognize(zero),
    ))
    .parse(text)
}

/// The number that digits with their mark stand for.
fn whole(digits: &str) -> Option<i128> {
    let digits = digits.replace('_', "").to_lowercase();
    let based = [("0b", 2), ("0o", 8), ("0x", 16)];
    let based = based
        .into_iter()
        .find_map(|(mark, radix)| Some((digits.strip_prefix(mark)?, radix)));
    let (digits, radix) = based.unwrap_or((&digits, 10));
    i128::from_str_radix(digits, radix).ok()
}

/// `name = ( letter / "_" ) *( letter / DIGIT / "_" )`
fn name(text: &str) -> IResult<&str, &str> {
    let first = satisfy(|c| c.is_alphabetic() || c == '_');
    recognize(pair(
        first,
        take_while(|c: char| c.is_alphanumeric() || c == '_'),
    ))
    .parse(text)
}

/// `string = quote *( "\" any / not quote ) quote`
fn string(text: &str) -> IResult<&str, &str> {
    let quoted = |quote: char| {
        let plain = take_while1(move |c| c != quote && c != '\\');
        let piece = alt((plain, recognize(pair(char('\\'), satisfy(|_| true)))));
        recognize((char(quote), many0_count(piece), char(quote)))
    };
    alt((quoted('\''), quoted('"'))).parse(text)
}

/// What escapes stand for, as in Python; none if one of them stands for nothing.
fn unescaped(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut pieces = text.split('\\');
    out.push_str(pieces.next()?);
    let mut literal = false;
    for piece in pieces {
        // Between two backslashes that stand for one there is nothing.
        if literal {
            out.push_str(piece);
            literal = false;
            continue;
        }
        let Some(c) = piece.chars().next() else {
            out.push('\\');
            literal = true;
            continue;
        };
        let rest = piece.get(c.len_utf8()..)?;
        let (c, rest) = match c {
            '\n' => (None, rest),
            '\'' | '"' => (Some(c), rest),
            'a' => (Some('\u{7}'), rest),
            'b' => (Some('\u{8}'), rest),
            'f' => (Some('\u{c}'), rest),
            'n' => (Some('\n'), rest),
            'r' => (Some('\r'), rest),
            't' => (Some('\t'), rest),
            'v' => (Some('\u{b}'), rest),
            'x' => numbered(rest, 2)?,
            'u' => numbered(rest, 4)?,
            'U' => numbered(rest, 8)?,
            'N' => return None,
            '0'..='7' => {
                let digits = piece
                    .bytes()
                    .take(3)
                    .take_while(|digit| (b'0'..=b'7').contains(digit));
                let (digits, rest) = piece.split_at(digits.count());
                (char::from_u32(u32::from_str_radix(digits, 8).ok()?), rest)
            }
            _ => {
                out.push('\\');
                (Some(c), rest)
            }
        };
        out.extend(c);
        out.push_str(rest);
    }
    Some(out)
}

/// The character of so many hexadecimal digits; one half of a surrogate pair becomes U+FFFD.
fn numbered(text: &str, count: usize) -> Option<(Option<char>, &str)> {
    let (digits, rest) = text.split_at_checked(count)?;
    if !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        return None;
    }
    let number = u32::from_str_radix(digits, 16).ok()?;
    let c = match number {
        0xd800..0xe000 => Some('\u{fffd}'),
        other => char::from_u32(other),
    };
    Some((Some(c?), rest))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// The tokens with a blank between, text in angle brackets.
    fn shown(template: &str) -> String {
        let spots = match tokens(template) {
            Ok(spots) => spots,
            Err(Broken { line, reason }) => return format!("{}: {reason}", line.unwrap()),
        };
        let shown = spots.iter().map(|spot| match &spot.token {
            Token::Data(text) => format!("<{text}>"),
            Token::PrintStart => "{{".to_string(),
            Token::PrintEnd => "}}".to_string(),
            Token::BlockStart => "{%".to_string(),
            Token::BlockEnd => "%}".to_string(),
            Token::Name(name) => name.to_string(),
            Token::Text(text) => format!("{text:?}"),
            Token::Int(int) => int.to_string(),
            Token::Float(float) => format!("{float:?}"),
            Token::Sign(sign) => sign.to_string(),
        });
        shown.collect::<Vec<String>>().join(" ")
    }

    #[test]
    fn templates_are_taken_apart() {
        for (template, expected) in [
            ("a {{ b }} c", "<a > {{ b }} < c>"),
            ("a {{- b -}} c", "<a> {{ b }} <c>"),
            ("a\n{% b %}\n\nc", "<a\n> {% b %} <\nc>"),
            ("{% b +%}\nc", "{% b %} <\nc>"),
            ("a {#- b -#} c{# d #}\ne", "<a> <c> <e>"),
            ("{% raw %}\n{{ a }}{% endraw %}\nb", "<\n{{ a }}> <b>"),
            ("{{ {'a': {1: 2}} }}", "{{ { \"a\" : { 1 : 2 } } }}"),
            (
                "{{ 1.5e3 x.0.1 1_000 0x_ff 00 }}",
                "{{ 1500.0 x . 0 . 1 1000 255 0 }}",
            ),
            (
                "{{ '\\n\\x41\\\\n\\q\\u00e9\\101\\'' }}",
                "{{ \"\\nA\\\\n\\\\qéA'\" }}",
            ),
            ("a // b ** c != d", "<a // b ** c != d>"),
            ("{{ a//b**c!=d }}", "{{ a // b ** c != d }}"),
            ("a\n{{ (b }}", "2: `}` instead of `)`"),
            ("a\n{{ b", "2: a template that ends before `}}`"),
            ("{# a", "1: a comment without an end"),
            (
                "{{ '\\N{DASH}' }}",
                "1: an escape in a string that Python does not know",
            ),
        ] {
            assert_eq!(shown(template), expected, "{template}");
        }
    }

    #[test]
    fn tokens_are_bounded() {
        let template = ["{{ ", &"1 ".repeat(TOKENS_MAX), "}}"].concat();
        assert_eq!(shown(&template), "1: more than 500000 tokens");
    }
}
