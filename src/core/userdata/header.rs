//! Header fields, and the parameters inside them: quoted, continued and encoded in three ways.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nom::branch::alt;
use nom::bytes::complete::{tag, take_till, take_until, take_while, take_while1};
use nom::character::complete::{digit1, one_of};
use nom::combinator::{all_consuming, map_opt, opt, recognize};
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};

use super::sniff::is_blank;
use super::{charset, lines, transfer};
use crate::url::percent_pieces;

/// The header fields of a message, in order, as given; folded values are unfolded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// The fields themselves.
    pub fn into_fields(self) -> Vec<(String, String)> {
        self.0
    }

    /// The value of the first field of this name, in any case.
    pub fn get(&self, name: &str) -> Option<&str> {
        let mut fields = self.0.iter();
        fields
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
    }

    /// Adds a field at the end.
    pub fn push(&mut self, name: &str, value: &str) {
        self.0.push((name.to_owned(), value.to_owned()));
    }

    /// Only the first field of each of these names.
    pub fn only(&self, names: &[&str]) -> Headers {
        let field = |name: &&str| Some((name.to_string(), self.get(name)?.to_owned()));
        Headers(names.iter().filter_map(field).collect())
    }

    /// `type/subtype` in lower case; `default` without the field, `text/plain` if the field holds no type.
    pub fn content_type(&self, default: &str) -> String {
        let Some(value) = self.get("Content-Type") else {
            return default.to_owned();
        };
        let essence = value.split(';').next().unwrap_or_default();
        let essence = essence.trim_matches(is_blank).to_lowercase();
        match essence.matches('/').count() {
            1 => essence,
            _ => "text/plain".to_owned(),
        }
    }

    /// The parameter `name` of the field `field`, decoded.
    pub fn parameter(&self, field: &str, name: &str) -> Option<String> {
        let parameters = parameters(self.get(field)?);
        let found = parameters
            .into_iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.decoded())
    }

    /// Reads header lines, each with its end and none of them blank. A line that continues nothing is dropped, and so is one that
    /// begins with its colon.
    pub fn read<'a>(header_lines: impl Iterator<Item = &'a [u8]>) -> Headers {
        let mut fields: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        let mut continues = false;
        for line in header_lines {
            if let [b' ' | b'\t', ..] = line {
                if let Some((_, value)) = fields.last_mut().filter(|_| continues) {
                    value.extend_from_slice(lines::trim_end(line));
                }
                continue;
            }
            let field = field(lines::trim_end(line));
            continues = field.is_ok();
            fields.extend(
                field
                    .ok()
                    .map(|(value, name)| (name.to_vec(), value.to_vec())),
            );
        }
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Headers(
            fields
                .into_iter()
                .map(|(name, value)| (text(name), text(value)))
                .collect(),
        )
    }
}

/// RFC 5322, section 2.2, on one line:
///
/// ```text
/// header-line = "From " *any          ; an mbox envelope
///             / *ftext ":" *any
///             / WSP *any              ; continues the line before it
/// ftext       = %d33-57 / %d59-126
/// ```
pub fn is_header_line(line: &[u8]) -> bool {
    let name = recognize((take_while(is_ftext), tag(":")));
    let start: IResult<&[u8], &[u8]> = alt((tag("From "), name, tag(" "), tag("\t"))).parse(line);
    start.is_ok()
}

/// `field = 1*ftext ":" *WSP value`; gives the value and the name.
fn field(line: &[u8]) -> IResult<&[u8], &[u8]> {
    terminated(
        take_while1(is_ftext),
        (tag(":"), take_while(|byte| matches!(byte, b' ' | b'\t'))),
    )
    .parse(line)
}

fn is_ftext(byte: u8) -> bool {
    byte.is_ascii_graphic() && byte != b':'
}

/// A parameter's value before its last decoding.
enum Value {
    /// Text, still as quoted as it was given.
    Plain(String),
    /// RFC 2231: octets of a character set, as characters U+0000 to U+00FF.
    Extended { charset: String, octets: String },
}

impl Value {
    /// Python unquotes twice on this way, and so does this.
    fn decoded(self) -> String {
        match self {
            Value::Plain(text) => unquote(&unquote(&text)),
            Value::Extended { charset, octets } => {
                let text = unquote(&octets);
                let bytes: Vec<u8> = text.chars().flat_map(octet).collect();
                charset::decode(&charset, &bytes).unwrap_or_else(|| unquote(&text))
            }
        }
    }
}

/// A character of an extended value as the octet it stands for; one outside Latin-1, which has no place there, as Python spells it:
/// `\u65e5`.
fn octet(character: char) -> Vec<u8> {
    let number = u32::from(character);
    match number {
        0..=0xff => [number as u8].to_vec(),
        0x100..=0xffff => format!("\\u{number:04x}").into_bytes(),
        _ => format!("\\U{number:08x}").into_bytes(),
    }
}

/// The parameters of a field's value, names in lower case. The first entry is what stands before the first semicolon.
///
/// ```text
/// value      = segment *(";" segment)
/// segment    = name "=" text / text      ; a semicolon between two quotation marks separates nothing; \" is no quotation mark
/// ```
///
/// RFC 2231 then lets a parameter come in numbered pieces, each of them percent-encoded or not:
///
/// ```text
/// name       = attribute ["*" [1*DIGIT ["*"]]]
/// extended   = [charset] "'" [language] "'" *(octet / "%" 2HEXDIG)
/// ```
fn parameters(value: &str) -> Vec<(String, Value)> {
    let mut segments = segments(value).map(split_segment);
    let mut found = Vec::new();
    if let Some((name, text)) = segments.next() {
        found.push((name, Value::Plain(text.to_owned())));
    }
    let mut continued: Vec<(String, Pieces)> = Vec::new();
    let mut index_of: BTreeMap<String, usize> = BTreeMap::new();
    for (name, text) in segments {
        let text = unquote(text);
        let Some((attribute, number)) = continuation(&name) else {
            found.push((name, Value::Plain(format!("\"{}\"", quote(&text)))));
            continue;
        };
        let index = *index_of.entry(attribute.clone()).or_insert(continued.len());
        if index == continued.len() {
            continued.push((attribute, Vec::new()));
        }
        if let Some((_, pieces)) = continued.get_mut(index) {
            pieces.push((number, text, name.ends_with('*')));
        }
    }
    found.extend(
        continued
            .into_iter()
            .map(|(name, pieces)| (name, join(pieces))),
    );
    found
}

/// The pieces of one continued parameter: number, text, and whether it is percent-encoded.
type Pieces = Vec<(Option<u64>, String, bool)>;

/// Puts the pieces of a continued parameter together.
fn join(mut pieces: Pieces) -> Value {
    pieces.sort();
    let extended = pieces.iter().any(|(_, _, encoded)| *encoded);
    let text: String = pieces
        .into_iter()
        .map(|(_, text, encoded)| if encoded { percent_decode(&text) } else { text })
        .collect();
    let quoted = quote(&text);
    if !extended {
        return Value::Plain(format!("\"{quoted}\""));
    }
    let (charset, octets) = match quoted.splitn(3, '\'').collect::<Vec<_>>().as_slice() {
        [charset, _language, octets] => (charset.to_string(), octets.to_string()),
        _ => ("us-ascii".to_owned(), quoted),
    };
    Value::Extended {
        charset,
        octets: format!("\"{octets}\""),
    }
}

/// `name` of RFC 2231 with at least its first star: the attribute and the number.
fn continuation(name: &str) -> Option<(String, Option<u64>)> {
    let attribute = take_while1(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let number = opt(terminated(digit1, opt(tag("*"))));
    let mut parts = all_consuming((attribute, tag::<_, _, ()>("*"), number));
    let (_, (attribute, _, digits)) = parts.parse(name).ok()?;
    // A number too large to be one comes last, as it would.
    let number = digits.map(|digits: &str| digits.parse().unwrap_or(u64::MAX));
    Some((attribute.to_owned(), number))
}

/// Splits a value at the semicolons that stand outside quotation marks.
fn segments(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    core::iter::from_fn(move || {
        let text = rest?;
        let (mut quoted, mut escaped, mut at) = (false, false, text.len());
        for (index, byte) in text.bytes().enumerate() {
            match byte {
                b';' if !quoted => {
                    at = index;
                    break;
                }
                b'"' if !escaped => quoted = !quoted,
                _ => {}
            }
            escaped = byte == b'\\';
        }
        rest = text.get(at + 1..);
        Some(text.get(..at).unwrap_or(text))
    })
}

/// `name "=" text` with the name in lower case and blanks removed; a bare word is a name with an empty text.
fn split_segment(segment: &str) -> (String, &str) {
    match segment.split_once('=') {
        Some((name, text)) => (
            name.trim_matches(is_blank).to_lowercase(),
            text.trim_matches(is_blank),
        ),
        None => (segment.trim_matches(is_blank).to_owned(), ""),
    }
}

/// A name as it is after cloud-init has written it into a header and read it again: it may lose marks around it.
pub fn rewritten(name: String) -> String {
    if name.is_ascii() {
        unquote(name.trim_matches(is_blank))
    } else {
        name
    }
}

/// A text without its quotation marks or angle brackets, if it is inside of some.
fn unquote(text: &str) -> String {
    match text.as_bytes() {
        [b'"', .., b'"'] => {
            let inner = text.get(1..text.len() - 1).unwrap_or_default();
            inner.replace("\\\\", "\\").replace("\\\"", "\"")
        }
        [b'<', .., b'>'] => text.get(1..text.len() - 1).unwrap_or_default().to_owned(),
        _ => text.to_owned(),
    }
}

fn quote(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// Percent-encoding taken away, each octet given as the character of its number.
fn percent_decode(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    for (plain, octet) in percent_pieces(text) {
        decoded.push_str(plain);
        decoded.extend(octet.map(char::from));
    }
    decoded
}

/// Undoes encoded words (RFC 2047) in text; what is none stays.
///
/// ```text
/// text  = *(any / word *(1*WSP word))     ; blanks between two words vanish
/// ```
pub fn decode_words(text: &str) -> String {
    let mut decoded = String::with_capacity(text.len());
    let mut rest = text;
    let mut after_word = false;
    while let Some(at) = rest.find("=?") {
        let (before, candidate) = rest.split_at(at);
        let word = encoded_word(candidate);
        let glued = after_word && word.is_ok() && before.chars().all(is_blank);
        if !glued {
            decoded.push_str(before);
        }
        after_word = word.is_ok();
        rest = match word {
            Ok((rest, word)) => {
                decoded.push_str(&word);
                rest
            }
            Err(_) => {
                decoded.push_str("=?");
                candidate.get(2..).unwrap_or_default()
            }
        };
    }
    decoded.push_str(rest);
    decoded
}

/// RFC 2047, section 2:
///
/// ```text
/// word     = "=?" charset "?" encoding "?" *(any but "?=") "?="
/// encoding = "B" / "b" / "Q" / "q"
/// ```
fn encoded_word(input: &str) -> IResult<&str, String> {
    let charset = take_till(|c| c == '?');
    let text = delimited(tag("?"), take_until("?="), tag("?="));
    let word = preceded(tag("=?"), (charset, tag("?"), one_of("bBqQ"), text));
    map_opt(
        word,
        |(charset, _, encoding, text): (&str, &str, char, &str)| {
            let octets = match encoding {
                'b' | 'B' => transfer::base64(text.as_bytes()).0,
                _ => q_decode(text.as_bytes()),
            };
            charset::decode(charset, &octets)
        },
    )
    .parse(input)
}

/// `*("_" / "=" 2HEXDIG / any)`: `_` is a blank.
fn q_decode(text: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let [first, after @ ..] = rest {
        let escape = if *first == b'=' {
            transfer::hex_octet(after)
        } else {
            None
        };
        let plain = if *first == b'_' { b' ' } else { *first };
        let (after, octet) = escape.unwrap_or((after, plain));
        octets.push(octet);
        rest = after;
    }
    octets
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn headers(text: &str) -> Headers {
        let mut rest = text.as_bytes();
        Headers::read(core::iter::from_fn(move || {
            let (line, after) = lines::split(rest);
            rest = after;
            (!line.is_empty()).then_some(line)
        }))
    }

    #[test]
    fn fields_are_unfolded_and_odd_lines_dropped() {
        let headers = headers(" lost\nA: 1\r\n\t2\r\n: none\n lost too\nb:\t 3 \n");
        assert_eq!(headers.get("a"), Some("1\t2"));
        assert_eq!(headers.get("B"), Some("3 "));
        assert_eq!(headers.into_fields().len(), 2);
    }

    #[test]
    fn content_types() {
        let of = |text| headers(text).content_type("message/rfc822");
        assert_eq!(of("Content-Type: Text/HTML ; x=y\n"), "text/html");
        assert_eq!(of("Content-Type: text\n"), "text/plain");
        assert_eq!(of("Content-Type: a/b/c\n"), "text/plain");
        assert_eq!(of("Content-Type:\n"), "text/plain");
        assert_eq!(of("Other: x\n"), "message/rfc822");
    }

    fn filename(value: &str) -> Option<String> {
        headers(&format!("Content-Disposition: {value}\n"))
            .parameter("Content-Disposition", "filename")
    }

    #[test]
    fn parameters_plain_and_quoted() {
        assert_eq!(filename("attachment; filename=a.sh").unwrap(), "a.sh");
        assert_eq!(
            filename("attachment; FileName=\"a; b.sh\"").unwrap(),
            "a; b.sh"
        );
        assert_eq!(filename("attachment; filename=\"a\\\"b\"").unwrap(), "a\"b");
        assert_eq!(filename("attachment; filename").unwrap(), "");
        assert_eq!(filename("filename=first").unwrap(), "first");
        assert_eq!(filename("attachment"), None);
    }

    #[test]
    fn parameters_of_rfc_2231() {
        assert_eq!(
            filename("x; filename*=utf-8'en'%e2%82%ac.sh").unwrap(),
            "\u{20ac}.sh"
        );
        assert_eq!(filename("x; filename*=''%41").unwrap(), "A");
        assert_eq!(filename("x; filename*=plain").unwrap(), "plain");
        assert_eq!(filename("x; filename*1=b; filename*0=a").unwrap(), "ab");
        assert_eq!(
            filename("x; filename*1=%41; filename*0*=latin-1''%e4; filename*2*=%42").unwrap(),
            "\u{e4}%41B"
        );
        assert_eq!(filename("x; filename*=klingon''%e4").unwrap(), "\u{e4}");
    }

    #[test]
    fn words_of_rfc_2047() {
        assert_eq!(
            decode_words("=?utf-8?B?w6Q=?= =?UTF-8?q?b_c=3d?= d"),
            "\u{e4}b c= d"
        );
        assert_eq!(decode_words("a =?utf-8?q?b?= c"), "a b c");
        assert_eq!(decode_words("=?x?q?b?= =?"), "=?x?q?b?= =?");
    }
}
