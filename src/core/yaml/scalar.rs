//! What a scalar of YAML 1.1 means, by its letters or by its tag.
//!
//! The expressions are those of <https://yaml.org/type/> in PyYAML's reading: an exponent needs a point before it and a
//! sign (`1e3` is text), `0o14` is text, `08` is text.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while_m_n, take_while1};
use nom::character::complete::{char, one_of};
use nom::combinator::{all_consuming, opt, verify};
use nom::multi::many1;
use nom::{AsChar, IResult, Parser};

use crate::value::{Value, quote};

/// Most digits of a whole number, as in Python; longer is text.
const INT_DIGITS_MAX: usize = 4300;

/// The beginning of the tags that YAML itself defines.
const YAML: &str = "tag:yaml.org,2002:";

/// What a scalar turned out to be.
#[derive(Debug, PartialEq)]
pub enum Scalar {
    /// A value.
    Is(Value),
    /// The merge key, `<<`.
    Merge,
}

/// What a collection turned out to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A list.
    List,
    /// A list of maps of one entry each, `!!omap` or `!!pairs`.
    Pairs,
    /// A map.
    Map,
    /// A map whose values do not count, `!!set`.
    Set,
}

/// The meaning of a scalar; or what its tag expects.
pub fn resolve(text: &str, plain: bool, tag: Option<&str>) -> Result<Scalar, String> {
    let Some(tag) = tag else {
        return Ok(if plain {
            implicit(text)
        } else {
            Scalar::Is(text.into())
        });
    };
    let value = match tag.strip_prefix(YAML) {
        None if tag == "!" => return Ok(implicit(text)),
        Some("str" | "python/unicode" | "timestamp" | "value") => Some(text.into()),
        Some("null") => Some(Value::Null),
        Some("bool") => boolean(&text.to_ascii_lowercase()).map(Value::Bool),
        Some("int") => whole(text.trim()),
        Some("float") => real(text.trim()).or_else(|| named_float(text.trim())),
        Some("binary") => binary(text).map(Value::Bytes),
        Some("merge") => return Ok(Scalar::Merge),
        Some("seq" | "map" | "set" | "omap" | "pairs") | None | Some(_) => None,
    };
    match value {
        Some(value) => Ok(Scalar::Is(value)),
        None => Err(format!("what the tag {} asks for", quote(tag))),
    }
}

/// The kind of a collection by its tag; or what the tag expects.
pub fn collection(kind: Kind, tag: Option<&str>) -> Result<Kind, String> {
    let Some(tag) = tag.filter(|tag| *tag != "!") else {
        return Ok(kind);
    };
    match (kind, tag.strip_prefix(YAML)) {
        (Kind::List, Some("seq")) | (Kind::Map, Some("map")) => Ok(kind),
        (Kind::List, Some("omap" | "pairs")) => Ok(Kind::Pairs),
        (Kind::Map, Some("set")) => Ok(Kind::Set),
        _ => Err(format!("what the tag {} asks for", quote(tag))),
    }
}

/// The meaning of a plain scalar without a tag.
pub fn implicit(text: &str) -> Scalar {
    special(text).unwrap_or_else(|| Scalar::Is(text.into()))
}

/// The same, where that is not the text itself.
fn special(text: &str) -> Option<Scalar> {
    if text == "<<" {
        return Some(Scalar::Merge);
    }
    let value = match text.as_bytes().first() {
        None => Some(Value::Null),
        Some(b'~' | b'n' | b'N') if matches!(text, "~" | "null" | "Null" | "NULL") => {
            Some(Value::Null)
        }
        Some(b'-' | b'+' | b'.' | b'0'..=b'9') => real(text).or_else(|| whole(text)),
        Some(b'y' | b'Y' | b'n' | b'N' | b't' | b'T' | b'f' | b'F' | b'o' | b'O') => one_case(text)
            .and_then(|lower| boolean(&lower))
            .map(Value::Bool),
        Some(_) => None,
    };
    value.map(Scalar::Is)
}

/// Is this plain scalar read as text?
pub fn is_plain_text(text: &str) -> bool {
    // Dates are text to us and not to PyYAML; "=" likewise.
    special(text).is_none() && text != "=" && !is_date(text)
}

/// What PyYAML expects of a scalar that [`resolve`] takes and for which it finds no value.
pub fn refused(text: &str, plain: bool, tag: Option<&str>) -> Option<&'static str> {
    const DATE: &str = "a date and a time that exist";
    match tag.map(|tag| tag.strip_prefix(YAML)) {
        Some(Some("timestamp")) => (!is_date(text) || !exists(text)).then_some(DATE),
        None if !plain => None,
        None | Some(None) if is_date(text) && !exists(text) => Some(DATE),
        None | Some(None) => {
            let digits = unsigned(text).0.strip_prefix(['0']);
            let digits = digits.and_then(|rest| rest.strip_prefix(['b', 'x']));
            let none = |digits: &str| !digits.is_empty() && digits.chars().all(|c| c == '_');
            digits.is_some_and(none).then_some("digits of a number")
        }
        _ => None,
    }
}

/// `yes | Yes | YES | no | No | NO | true | … | off | Off | OFF`: all small, all big, or the first big.
fn one_case(text: &str) -> Option<String> {
    let rest = text.get(1..)?;
    let small = rest.bytes().all(|b| b.is_ascii_lowercase());
    let big = text.bytes().all(|b| b.is_ascii_uppercase());
    (small || big).then(|| text.to_ascii_lowercase())
}

fn boolean(lower: &str) -> Option<bool> {
    match lower {
        "yes" | "true" | "on" => Some(true),
        "no" | "false" | "off" => Some(false),
        _ => None,
    }
}

/// ```text
/// [-+]?0b[0-1_]+ | [-+]?0[0-7_]+ | [-+]?(0|[1-9][0-9_]*) | [-+]?0x[0-9a-fA-F_]+
/// | [-+]?[1-9][0-9_]*(:[0-5]?[0-9])+
/// ```
fn whole(text: &str) -> Option<Value> {
    let (text, negative) = unsigned(text);
    let (radix, digits) = match text.as_bytes() {
        [b'0', b'b', ..] => (2, &text[2..]),
        [b'0', b'x', ..] => (16, &text[2..]),
        [b'0', _, ..] => (8, &text[1..]),
        [b'0'] => (10, text),
        [b'1'..=b'9', ..] => {
            if text.contains(':') {
                return sexagesimal(text, negative);
            } else {
                (10, text)
            }
        }
        _ => return None,
    };
    let digits: String = if digits.chars().all(|c| c == '_' || c.is_digit(radix)) {
        digits.chars().filter(|c| *c != '_').collect()
    } else {
        return None;
    };
    // "0_" is zero, as to PyYAML; "0x_" is nothing.
    if digits.is_empty() {
        return (radix == 8).then_some(Value::Int(0));
    }
    (digits.len() <= INT_DIGITS_MAX).then(|| Value::whole(negative, &decimal(&digits, radix)))
}

fn unsigned(text: &str) -> (&str, bool) {
    match text.as_bytes().first() {
        Some(b'-') => (&text[1..], true),
        Some(b'+') => (&text[1..], false),
        _ => (text, false),
    }
}

/// The decimal digits of a number in another radix; the length is bounded by [`INT_DIGITS_MAX`].
fn decimal(digits: &str, radix: u32) -> String {
    if radix == 10 {
        return digits.into();
    }
    if let Ok(number) = u128::from_str_radix(digits, radix) {
        return format!("{number}");
    }
    // Groups of nine decimal digits, the lowest first.
    const GROUP: u64 = 1_000_000_000;
    let mut groups: Vec<u64> = Vec::new();
    for digit in digits.chars().filter_map(|c| c.to_digit(radix)) {
        let mut carry = u64::from(digit);
        for group in &mut groups {
            let sum = *group * u64::from(radix) + carry;
            (*group, carry) = (sum % GROUP, sum / GROUP);
        }
        if carry > 0 {
            groups.push(carry);
        }
    }
    groups
        .iter()
        .rev()
        .map(|group| format!("{group:09}"))
        .collect()
}

/// Base 60, highest first: `1:30` is 90. What is beyond 64 bits is text.
fn sexagesimal(text: &str, negative: bool) -> Option<Value> {
    let digits = take_while1(|c: char| c.is_ascii_digit() || c == '_');
    let tail = many1((char(':'), sixtieth).map(|(_, digits)| digits));
    let (_, (head, tail)) = all_consuming((digits, tail)).parse(text).ok()?;
    let head: String = head.chars().filter(|c| *c != '_').collect();
    let mut number: i64 = head.parse().ok()?;
    for digits in tail {
        let digit: i64 = digits.parse().ok()?;
        number = number.checked_mul(60)?.checked_add(digit)?;
    }
    Some(Value::Int(if negative { -number } else { number }))
}

/// `[0-5]?[0-9]`
fn sixtieth(input: &str) -> IResult<&str, &str> {
    let digits = take_while_m_n(1, 2, |c: char| c.is_ascii_digit());
    verify(digits, |digits: &str| digits.len() == 1 || digits < "60").parse(input)
}

/// ```text
/// [-+]?[0-9][0-9_]*\.[0-9_]*([eE][-+][0-9]+)? | \.[0-9][0-9_]*([eE][-+][0-9]+)?
/// | [-+]?[0-9][0-9_]*(:[0-5]?[0-9])+\.[0-9_]* | [-+]?\.(inf|Inf|INF) | \.(nan|NaN|NAN)
/// ```
fn real(text: &str) -> Option<Value> {
    let (rest, negative) = unsigned(text);
    let sign = if negative { -1.0 } else { 1.0 };
    match rest {
        ".inf" | ".Inf" | ".INF" => return Some(Value::Float(sign * f64::INFINITY)),
        ".nan" | ".NaN" | ".NAN" if rest == text => return Some(Value::Float(f64::NAN)),
        _ => {}
    }
    let begins = if rest.starts_with('.') { text } else { rest };
    let float = match fixed(begins) {
        Ok(("", ())) => parse_float(begins)?,
        _ => sexagesimal_float(rest)?,
    };
    Some(Value::Float(sign * float))
}

/// A number with a point and perhaps an exponent.
fn fixed(input: &str) -> IResult<&str, ()> {
    let digits0 = || take_while(|c: char| c.is_ascii_digit() || c == '_');
    let digit1 = || (one_of("0123456789"), digits0());
    let exponent = opt((
        one_of("eE"),
        one_of("+-"),
        take_while1(AsChar::is_dec_digit),
    ));
    let mantissa = alt((
        (digit1(), char('.'), digits0()).map(|_| ()),
        (char('.'), digit1()).map(|_| ()),
    ));
    (mantissa, exponent).map(|_| ()).parse(input)
}

fn sexagesimal_float(text: &str) -> Option<f64> {
    let digits = |input| take_while1(|c: char| c.is_ascii_digit() || c == '_').parse(input);
    let digits0 = take_while(|c: char| c.is_ascii_digit() || c == '_');
    let tail = many1((char(':'), sixtieth).map(|(_, digits)| digits));
    let mut grammar = all_consuming((
        verify(digits, |d: &str| !d.starts_with('_')),
        tail,
        tag("."),
        digits0,
    ));
    let (_, (head, mut tail, _, fraction)) = grammar.parse(text).ok()?;
    let last = tail.pop()?;
    let mut base = 1.0;
    let mut sum = parse_float(&format!("{last}.{fraction}"))?;
    for part in tail.into_iter().rev().chain([head]) {
        base *= 60.0;
        sum += parse_float(part)? * base;
    }
    Some(sum)
}

fn parse_float(text: &str) -> Option<f64> {
    let digits: String = text.chars().filter(|c| *c != '_').collect();
    digits.parse().ok()
}

/// What Python's `float()` accepts beyond the grammar: `3`, `1e3`, `inf`.
fn named_float(text: &str) -> Option<Value> {
    parse_float(text).map(Value::Float)
}

/// RFC 4648 section 4, read as Python's `decodebytes` does: other characters are skipped, and complete padding ends it.
fn binary(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut bits, mut count) = (0_u32, 0);
    let mut pads = 0;
    for byte in text.bytes() {
        let sextet = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            b'=' if count >= 2 => {
                pads += 1;
                if count + pads >= 4 {
                    return Some(bytes);
                }
                continue;
            }
            0x80.. => return None,
            _ => continue,
        };
        pads = 0;
        bits = bits << 6 | u32::from(sextet);
        count = (count + 1) % 4;
        if count != 1 {
            let shift = [0, 6, 4, 2][count];
            bytes.push((bits >> shift) as u8);
        }
    }
    (count == 0).then_some(bytes)
}

/// ```text
/// [0-9]{4}-[0-9]{2}-[0-9]{2}
/// | [0-9]{4}-[0-9][0-9]?-[0-9][0-9]?([Tt]|[ \t]+)[0-9][0-9]?:[0-9]{2}:[0-9]{2}(\.[0-9]*)?
///   ([ \t]*(Z|[-+][0-9][0-9]?(:[0-9]{2})?))?
/// ```
fn is_date(text: &str) -> bool {
    fn digits<'a>(
        min: usize,
        max: usize,
    ) -> impl Parser<&'a str, Output = &'a str, Error = nom::error::Error<&'a str>> {
        take_while_m_n(min, max, |c: char| c.is_ascii_digit())
    }
    fn blank(c: char) -> bool {
        matches!(c, ' ' | '\t')
    }
    let day = (
        digits(4, 4),
        char('-'),
        digits(2, 2),
        char('-'),
        digits(2, 2),
    );
    let loose_day = (
        digits(4, 4),
        char('-'),
        digits(1, 2),
        char('-'),
        digits(1, 2),
    );
    let between = alt((tag("T"), tag("t"), take_while1(blank)));
    let time = (
        digits(1, 2),
        char(':'),
        digits(2, 2),
        char(':'),
        digits(2, 2),
    );
    let fraction = opt((char('.'), take_while(|c: char| c.is_ascii_digit())));
    let offset = (one_of("+-"), digits(1, 2), opt((char(':'), digits(2, 2)))).map(|_| ());
    let zone = opt((take_while(blank), alt((char('Z').map(|_| ()), offset))));
    let instant = (loose_day, between, time, fraction, zone);
    let mut date = alt((
        all_consuming(day).map(|_| ()),
        all_consuming(instant).map(|_| ()),
    ));
    date.parse(text).is_ok()
}

/// Whether a text that [`is_date`] is a day, a time and a zone that Python knows.
fn exists(date: &str) -> bool {
    let numbers = |text: &str| -> Vec<u32> {
        let digits = text.split(|c: char| !c.is_ascii_digit());
        digits.filter_map(|number| number.parse().ok()).collect()
    };
    let (day, time) = date.split_at(date.find(['T', 't', ' ', '\t']).unwrap_or(date.len()));
    let (time, zone) = time.split_at(time.find(['+', '-']).unwrap_or(time.len()));
    let (day, time, zone) = (numbers(day), numbers(time), numbers(zone));
    let [year, month, day] = day[..] else {
        return false;
    };
    let days = match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    };
    let limits = [24, 60, 60];
    year > 0
        && (1..=12).contains(&month)
        && (1..=days).contains(&day)
        && time
            .iter()
            .zip(limits)
            .all(|(number, limit)| *number < limit)
        && zone
            .iter()
            .zip([60, 1])
            .map(|(number, minutes)| number * minutes)
            .sum::<u32>()
            < 24 * 60
}
