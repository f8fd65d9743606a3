//! JSON, read into and written from a [`Value`].
//!
//! Reading follows RFC 8259, with what Python's reader adds: whole numbers keep all their digits, of a key that occurs
//! twice the last value counts, and `NaN`, `Infinity` and `-Infinity` are numbers. A byte order mark is skipped; one half of
//! a surrogate pair becomes U+FFFD. Writing gives what Python's `json.dumps` gives.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::{char, digit1, one_of, satisfy};
use nom::combinator::opt;
use nom::error::{Error as Fault, ErrorKind};
use nom::{Err, IResult, Parser};

use crate::budget::Budget;
use crate::value::{Map, SyntaxError, Value, quote};

mod write;

pub use write::{key_text, path_below, write, write_indented, write_redacted, write_text};

/// Longest document read, in bytes.
pub const JSON_BYTES_MAX: usize = 16 << 20;

/// Deepest nesting of lists and maps read.
pub const JSON_DEPTH_MAX: usize = 128;

/// Reads one document.
///
/// # Errors
/// It is no JSON, or deeper, longer or larger than its bounds: line, column, what is expected and what was found.
pub fn read(document: &[u8]) -> Result<Value, SyntaxError> {
    read_within(document, &Budget::new())
}

/// Reads one document of several, which together have this budget of nodes. A document that cannot be read has cost its steps,
/// no nodes.
///
/// # Errors
/// As in [`read`], and if the budget has no nodes or steps left.
pub fn read_within(document: &[u8], budget: &Budget) -> Result<Value, SyntaxError> {
    let before = budget.nodes.left();
    let read = read_text(document, budget);
    if read.is_err() {
        let taken = before.saturating_sub(budget.nodes.left());
        budget.nodes.put_back(taken);
    }
    read
}

fn read_text(document: &[u8], budget: &Budget) -> Result<Value, SyntaxError> {
    let document = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document);
    if document.len() > JSON_BYTES_MAX {
        let found = format!("{} bytes", document.len());
        return Err(error_at(
            "",
            0,
            &format!("at most {JSON_BYTES_MAX} bytes"),
            found,
        ));
    }
    let text = match core::str::from_utf8(document) {
        Ok(text) => text,
        Err(error) => {
            let valid = String::from_utf8_lossy(document.get(..error.valid_up_to()).unwrap_or(&[]));
            let byte = document.get(error.valid_up_to()).copied().unwrap_or(0);
            let found = format!("byte 0x{byte:02x}");
            return Err(error_at(&valid, valid.len(), "UTF-8", found));
        }
    };
    let whole = |input| value(input, JSON_DEPTH_MAX, budget);
    match (space, whole, space).parse(text) {
        Ok(("", (_, value, _))) => Ok(value),
        Ok((rest, _)) => Err(error(text, rest, "the end of the document")),
        Err(Err::Error(fault) | Err::Failure(fault)) => {
            Err(error(text, fault.input, expectation(fault.code)))
        }
        Err(Err::Incomplete(_)) => Err(error(text, "", "more")),
    }
}

fn error(text: &str, rest: &str, expected: &str) -> SyntaxError {
    let found = match rest {
        "" => "the end of the document".to_string(),
        rest => quote(rest),
    };
    error_at(text, text.len().saturating_sub(rest.len()), expected, found)
}

fn error_at(text: &str, offset: usize, expected: &str, found: String) -> SyntaxError {
    let before = text.get(..offset).unwrap_or("");
    let line = before.rsplit('\n').next().unwrap_or("");
    SyntaxError {
        line: before.matches('\n').count() + 1,
        column: line.chars().count() + 1,
        expected: expected.to_string(),
        found,
    }
}

/// The parsers below mark what they miss by a kind of nom's that no combinator in use gives for anything else.
fn expectation(code: ErrorKind) -> &'static str {
    match code {
        TOO_DEEP => "at most 128 levels of nesting",
        TOO_MANY => "at most 250000 nodes in all documents",
        ErrorKind::Escaped => {
            "an escape: \\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\u and four hexadecimal digits"
        }
        ErrorKind::NoneOf => "no control character in a string",
        ErrorKind::SeparatedList => "',' or the closing bracket",
        ErrorKind::Verify => "a key in double quotes",
        ErrorKind::Char => "':' or a closing '\"'",
        _ => "a value",
    }
}

const TOO_DEEP: ErrorKind = ErrorKind::TooLarge;
const TOO_MANY: ErrorKind = ErrorKind::Many0Count;

fn fail<T>(input: &str, code: ErrorKind) -> IResult<&str, T> {
    Err(Err::Failure(Fault::new(input, code)))
}

/// RFC 8259 section 2: `ws = *( %x20 / %x09 / %x0A / %x0D )`
fn space(input: &str) -> IResult<&str, &str> {
    take_while(|c| matches!(c, ' ' | '\t' | '\n' | '\r')).parse(input)
}

/// RFC 8259 section 3: `value = false / null / true / object / array / number / string`
fn value<'t>(input: &'t str, depth: usize, budget: &Budget) -> IResult<&'t str, Value> {
    if !budget.read_nodes(1) {
        return fail(input, TOO_MANY);
    }
    match input.as_bytes().first() {
        Some(b'{' | b'[') if depth == 0 => fail(input, TOO_DEEP),
        Some(b'{') => object(input, depth - 1, budget),
        Some(b'[') => array(input, depth - 1, budget),
        Some(b'"') => string.map(Value::Text).parse(input),
        Some(b'-' | b'0'..=b'9') => number(input),
        _ => alt((
            tag("null").map(|_| Value::Null),
            tag("true").map(|_| Value::Bool(true)),
            tag("false").map(|_| Value::Bool(false)),
            tag("NaN").map(|_| Value::Float(f64::NAN)),
            tag("Infinity").map(|_| Value::Float(f64::INFINITY)),
        ))
        .parse(input),
    }
}

/// RFC 8259 section 5: `array = begin-array [ value *( value-separator value ) ] end-array`
fn array<'t>(input: &'t str, depth: usize, budget: &Budget) -> IResult<&'t str, Value> {
    let (mut input, _) = (char('['), space).parse(input)?;
    let mut list = Vec::new();
    if let Some(rest) = input.strip_prefix(']') {
        return Ok((rest, Value::List(list)));
    }
    loop {
        let (rest, (element, _)) = (|i| value(i, depth, budget), space).parse(input)?;
        list.push(element);
        match separator(rest, ']')? {
            (rest, true) => input = rest,
            (rest, false) => return Ok((rest, Value::List(list))),
        }
    }
}

/// RFC 8259 section 4: `object = begin-object [ member *( value-separator member ) ] end-object`,
/// `member = string name-separator value`
fn object<'t>(input: &'t str, depth: usize, budget: &Budget) -> IResult<&'t str, Value> {
    let (mut input, _) = (char('{'), space).parse(input)?;
    let mut map = Map::new();
    if let Some(rest) = input.strip_prefix('}') {
        return Ok((rest, Value::Map(map)));
    }
    loop {
        if !input.starts_with('"') {
            return fail(input, ErrorKind::Verify);
        }
        let (rest, (key, _, _, _)) = (string, space, char(':'), space).parse(input)?;
        let (rest, (member, _)) = (|i| value(i, depth, budget), space).parse(rest)?;
        map.insert(key, member);
        match separator(rest, '}')? {
            (rest, true) => input = rest,
            (rest, false) => return Ok((rest, Value::Map(map))),
        }
    }
}

/// After an element: true behind a comma and its space, false behind the closing bracket.
fn separator(input: &str, close: char) -> Result<(&str, bool), Err<Fault<&str>>> {
    if let Some(rest) = input.strip_prefix(',') {
        return space(rest).map(|(rest, _)| (rest, true));
    }
    match input.strip_prefix(close) {
        Some(rest) => Ok((rest, false)),
        None => fail(input, ErrorKind::SeparatedList).map(|(rest, ())| (rest, false)),
    }
}

/// RFC 8259 section 6: `number = [ minus ] int [ frac ] [ exp ]`, `int = zero / ( digit1-9 *DIGIT )`,
/// `frac = decimal-point 1*DIGIT`, `exp = e [ minus / plus ] 1*DIGIT`
fn number(input: &str) -> IResult<&str, Value> {
    let (rest, minus) = opt(char('-')).parse(input)?;
    if let Some(rest) = rest.strip_prefix("Infinity").filter(|_| minus.is_some()) {
        return Ok((rest, Value::Float(f64::NEG_INFINITY)));
    }
    let (after, digits) = alt((tag("0"), digit1)).parse(rest)?;
    let fraction = opt((char('.'), digit1));
    let exponent = opt((one_of("eE"), opt(one_of("+-")), digit1));
    let (rest, tail) = (fraction, exponent).parse(after)?;
    if tail == (None, None) {
        return Ok((rest, Value::whole(minus.is_some(), digits)));
    }
    match consumed(input, rest).parse() {
        Ok(float) => Ok((rest, Value::Float(float))),
        Err(_) => fail(input, ErrorKind::Float),
    }
}

/// What lies before `rest`. By length, because nom 8.0.0 gives an empty rest that points to the beginning of the input
/// (`split_at_position_complete` of `&str`), which its own `recognize` takes for nothing consumed.
fn consumed<'a>(input: &'a str, rest: &str) -> &'a str {
    input.get(..input.len() - rest.len()).unwrap_or("")
}

/// RFC 8259 section 7: `string = quotation-mark *char quotation-mark`,
/// `unescaped = %x20-21 / %x23-5B / %x5D-10FFFF`
fn string(input: &str) -> IResult<&str, String> {
    let (mut input, _) = char('"').parse(input)?;
    let mut text = String::new();
    loop {
        let plain = take_while1(|c: char| c >= ' ' && c != '"' && c != '\\');
        let (rest, run) = opt(plain).parse(input)?;
        text.push_str(run.unwrap_or(""));
        match rest.as_bytes().first() {
            Some(b'"') => return Ok((rest.get(1..).unwrap_or(""), text)),
            Some(b'\\') => match escape(rest) {
                Ok((rest, c)) => {
                    text.push(c);
                    input = rest;
                }
                Err(_) => return fail(rest, ErrorKind::Escaped),
            },
            Some(_) => return fail(rest, ErrorKind::NoneOf),
            None => return fail(rest, ErrorKind::Char),
        }
    }
}

/// RFC 8259 section 7: `escape ( %x22 / %x5C / %x2F / %x62 / %x66 / %x6E / %x72 / %x74 / %x75 4HEXDIG )`; a character
/// beyond the Basic Multilingual Plane is two of the last, a surrogate pair.
fn escape(input: &str) -> IResult<&str, char> {
    let (rest, letter) = (char('\\'), satisfy(|_| true))
        .map(|pair| pair.1)
        .parse(input)?;
    let c = match letter {
        '"' | '\\' | '/' => letter,
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => return unicode(rest),
        _ => return fail(input, ErrorKind::Escaped),
    };
    Ok((rest, c))
}

fn unicode(input: &str) -> IResult<&str, char> {
    let (rest, unit) = hex4(input)?;
    if let 0xd800..0xdc00 = unit {
        let low: IResult<&str, u32> = (tag("\\u"), hex4).map(|pair| pair.1).parse(rest);
        if let Ok((rest, low @ 0xdc00..0xe000)) = low {
            let point = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
            return Ok((
                rest,
                char::from_u32(point).unwrap_or(char::REPLACEMENT_CHARACTER),
            ));
        }
    }
    Ok((
        rest,
        char::from_u32(unit).unwrap_or(char::REPLACEMENT_CHARACTER),
    ))
}

fn hex4(input: &str) -> IResult<&str, u32> {
    let digit = || satisfy(|c| c.is_ascii_hexdigit());
    let (rest, _) = (digit(), digit(), digit(), digit()).parse(input)?;
    let unit = u32::from_str_radix(consumed(input, rest), 16);
    Ok((rest, unit.unwrap_or(0)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloc::vec;

    use super::*;

    fn text(document: &str) -> Result<String, String> {
        match read(document.as_bytes()) {
            Ok(value) => Ok(write(&value)),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn documents_are_read() {
        for (document, expected) in [
            ("null", "null"),
            ("\u{feff} true ", "true"),
            (" [ ] ", "[]"),
            ("{}", "{}"),
            (
                r#"{"a": 1, "b": [false, -0, 0.5, 1e3], "a": 2}"#,
                r#"{"a":2,"b":[false,0,0.5,1000.0]}"#,
            ),
            ("-12345678901234567890", "-12345678901234567890"),
            ("1E400", "Infinity"),
            ("[NaN, Infinity, -Infinity]", "[NaN,Infinity,-Infinity]"),
            (
                r#""\"\\\/\b\f\n\r\tAé\ud83d\ude00""#,
                r#""\"\\/\b\f\n\r\tAé😀""#,
            ),
            (r#""\ud83d\u0041\udc00""#, "\"\u{fffd}A\u{fffd}\""),
            ("\"\u{7f}é\"", "\"\u{7f}é\""),
        ] {
            assert_eq!(text(document).as_deref(), Ok(expected), "{document}");
        }
    }

    #[test]
    fn an_error_names_line_and_column() {
        for (document, expected) in [
            (
                "",
                "line 1 column 1: expected a value, but found the end of the document",
            ),
            (
                "{\n \"a\": tru}",
                "line 2 column 7: expected a value, but found \"tru}\"",
            ),
            (
                "[1 2]",
                "line 1 column 4: expected ',' or the closing bracket, but found \"2]\"",
            ),
            ("[1,]", "line 1 column 4: expected a value, but found \"]\""),
            (
                "{a: 1}",
                "line 1 column 2: expected a key in double quotes, but found \"a: 1}\"",
            ),
            (
                "{\"a\" 1}",
                "line 1 column 6: expected ':' or a closing '\"', but found \"1}\"",
            ),
            (
                "\"a",
                "line 1 column 3: expected ':' or a closing '\"', but found the end of the document",
            ),
            (
                "\"é\n\"",
                "line 1 column 3: expected no control character in a string, but found \"\\\"\"",
            ),
            (
                "[\"\\x\"]",
                "line 1 column 3: expected an escape: \\\" \\\\ \\/ \\b \\f \\n \\r \\t or \\u and four hexadecimal digits, but found \"\\\\x\\\"]\"",
            ),
            (
                "01",
                "line 1 column 2: expected the end of the document, but found \"1\"",
            ),
            (
                "<html>",
                "line 1 column 1: expected a value, but found \"<html>\"",
            ),
        ] {
            assert_eq!(text(document).unwrap_err(), expected, "{document}");
        }
        let error = read(b"{\"a\": \"\xff\"}").unwrap_err().to_string();
        assert_eq!(
            error,
            "line 1 column 8: expected UTF-8, but found byte 0xff"
        );
    }

    #[test]
    fn nesting_and_length_are_bounded() {
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(text(&nested(JSON_DEPTH_MAX)).is_ok());
        let error = text(&nested(JSON_DEPTH_MAX + 1)).unwrap_err();
        assert!(
            error.contains("column 129: expected at most 128 levels"),
            "{error}"
        );
        assert!(text(&"[".repeat(1_000_000)).is_err());
        assert!(read(&vec![b' '; JSON_BYTES_MAX + 1]).is_err());
        let list = |count| alloc::format!("[{}]", vec!["0"; count].join(","));
        assert!(text(&list(crate::budget::NODES_MAX - 1)).is_ok());
        let error = text(&list(crate::budget::NODES_MAX)).unwrap_err();
        assert!(
            error.contains(&format!("at most {} nodes", crate::budget::NODES_MAX)),
            "{error}"
        );
    }

    #[test]
    fn no_prefix_and_no_flipped_byte_panics() {
        let document =
            r#"{"a": [1, -2.5e-3, "x\u00e9\ud83d\ude00\n", null, true], "b": {"c": NaN}}"#;
        let bytes = document.as_bytes();
        for end in 0..bytes.len() {
            assert!(read(&bytes[..end]).is_err());
            for bit in 0..8 {
                let mut bytes = bytes.to_vec();
                bytes[end] ^= 1 << bit;
                let _ = read(&bytes);
            }
        }
    }
}
