//! Content-Transfer-Encoding: base64, quoted-printable, uuencode, read as leniently as Python's e-mail package reads them.

use alloc::borrow::Cow;
use alloc::format;
use alloc::vec;
use alloc::vec::Vec;

use base64::engine::{DecodePaddingMode, GeneralPurposeConfig};
use memchr::{memchr, memchr3};
use nom::Parser;
use nom::bytes::complete::{tag, take, take_till};
use nom::character::complete::{hex_digit1, oct_digit1};
use nom::combinator::{all_consuming, map_parser};
use nom::sequence::preceded;

use super::{DOCUMENT_BYTES_MAX, Flaw, lines};

/// Undoes the transfer encoding called `encoding`; an unknown one leaves the bytes alone, as does a damaged one.
pub fn decode<'a>(encoding: &str, body: Cow<'a, [u8]>) -> (Cow<'a, [u8]>, Option<Flaw>) {
    match encoding.to_ascii_lowercase().as_str() {
        "" | "7bit" | "8bit" | "binary" => (body, None),
        "base64" => {
            let (bytes, flaw) = base64(&body);
            (Cow::Owned(bytes), flaw)
        }
        "quoted-printable" => (Cow::Owned(quoted_printable(&body)), None),
        "x-uuencode" | "uuencode" | "uue" | "x-uue" => match uuencode(&body) {
            Some(bytes) => (Cow::Owned(bytes), None),
            None => (
                body,
                Some(Flaw::new("uuencoded lines", "others; kept as they are")),
            ),
        },
        _ => {
            let flaw = Flaw::new(
                "a transfer encoding of MIME",
                format!("{encoding:?}; kept as it is"),
            );
            (body, Some(flaw))
        }
    }
}

/// RFC 2045, section 6.8, and what Python makes of its violations:
///
/// ```text
/// body   = *(quantum / noise)
/// quantum = 4ALPHABET / 3ALPHABET "=" / 2ALPHABET "=="      ; noise may stand between the characters
/// noise  = any octet outside the alphabet, dropped
/// ```
///
/// The first padded quantum ends the data. Padding may be missing. Only a single character left over cannot be decoded: then the
/// text itself, without its line ends, is the result.
pub fn base64(body: &[u8]) -> (Vec<u8>, Option<Flaw>) {
    let mut output = Output::with_room_for(body);
    let engine = engine();
    let mut text = Vec::with_capacity(RUN_BYTES.min(body.len()));
    let (mut quantum, mut held, mut padding) = (0u32, 0u8, 0u8);
    let mut rest = body;
    // Where noise was found the quick way is not tried again before this much is left.
    let mut slow_until = rest.len();
    loop {
        if held == 0 && rest.len() <= slow_until {
            match whole_quanta(&engine, rest, &mut text, &mut output) {
                Some(after) => rest = after,
                None => slow_until = rest.len().saturating_sub(RUN_BYTES),
            }
        }
        let Some((byte, after)) = rest.split_first() else {
            break;
        };
        rest = after;
        if *byte == b'=' {
            padding += u8::from(held >= 2);
            if held >= 2 && held + padding >= 4 {
                output.put(leftover(quantum, held));
                return (output.into_bytes(), after_padding(rest));
            }
            continue;
        }
        let sextet = SEXTETS[*byte as usize];
        if sextet == NOISE {
            continue;
        }
        padding = 0;
        quantum = quantum << 6 | u32::from(sextet);
        held += 1;
        if held == 4 {
            let [_, octets @ ..] = quantum.to_be_bytes();
            output.put(octets);
            (quantum, held) = (0, 0);
        }
    }
    if held == 1 {
        let text = body.iter().copied().filter(|byte| !lines::is_end(*byte));
        let flaw = Flaw::new("base64", "one character too many; kept as it is");
        return (text.collect(), Some(flaw));
    }
    output.put(leftover(quantum, held));
    (output.into_bytes(), None)
}

/// What is decoded: room for all of it from the start, zeros that the kernel has ready.
struct Output {
    bytes: Vec<u8>,
    written: usize,
}

impl Output {
    fn with_room_for(text: &[u8]) -> Output {
        Output {
            bytes: vec![0; text.len() / 4 * 3 + 3],
            written: 0,
        }
    }

    fn room(&mut self) -> &mut [u8] {
        self.bytes.get_mut(self.written..).unwrap_or_default()
    }

    fn put(&mut self, octets: impl IntoIterator<Item = u8>) {
        for octet in octets {
            if let Some(place) = self.room().first_mut() {
                *place = octet;
                self.written += 1;
            }
        }
    }

    fn into_bytes(mut self) -> Vec<u8> {
        self.bytes.truncate(self.written);
        self.bytes
    }
}

/// How much of a text the quick way takes at once, bytes: little enough to stay in the processor's cache.
const RUN_BYTES: usize = 8 << 10;

/// Whole quanta and nothing else.
const QUANTA: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireNone);

/// The engine that asks the processor for wide registers, which takes std.
#[cfg(all(feature = "simd", any(target_arch = "x86_64", target_arch = "aarch64")))]
fn engine() -> impl base64::Engine {
    base64::engine::Simd::standard(QUANTA)
}

/// The engine for every processor.
#[cfg(not(all(feature = "simd", any(target_arch = "x86_64", target_arch = "aarch64"))))]
fn engine() -> impl base64::Engine {
    base64::engine::GeneralPurpose::new(&base64::alphabet::STANDARD, QUANTA)
}

/// The quick way: decodes whole quanta with no noise but line ends, up to a padding character; gives what is left.
///
/// What is left begins with something else: a broken quantum, padding, noise, the end. None if that is all there is. `text` is
/// room to work in.
fn whole_quanta<'a>(
    engine: &impl base64::Engine,
    body: &'a [u8],
    text: &mut Vec<u8>,
    output: &mut Output,
) -> Option<&'a [u8]> {
    let mut rest = body;
    loop {
        let used = squeeze(rest.get(..RUN_BYTES).unwrap_or(rest), text);
        let decoded = engine.decode_slice(text.as_slice(), output.room());
        if let Ok(bytes) = decoded {
            output.written += bytes;
            rest = rest.get(used..).unwrap_or_default();
        }
        if decoded.is_err() || text.is_empty() {
            return (rest.len() < body.len()).then_some(rest);
        }
    }
}

/// Puts the characters of the whole quanta that `run` begins with into `text`, without line ends; gives how much of it that was.
fn squeeze(run: &[u8], text: &mut Vec<u8>) -> usize {
    text.clear();
    let mut used = 0;
    while let Some(left) = run.get(used..).filter(|left| !left.is_empty()) {
        let end = memchr3(b'\n', b'\r', b'=', left).unwrap_or(left.len());
        let (line, after) = left.split_at(end);
        text.extend_from_slice(line);
        used += end;
        match after.first() {
            Some(byte) if lines::is_end(*byte) => used += 1,
            _ => break,
        }
    }
    // The start of a quantum stays, and with it the line ends inside it.
    while !text.len().is_multiple_of(4) {
        text.pop();
        let before = run.get(..used).unwrap_or(run);
        let character = before.iter().rposition(|byte| !lines::is_end(*byte));
        used = character.unwrap_or_default();
    }
    used
}

/// The one or two whole octets in a quantum of two or three characters.
fn leftover(quantum: u32, held: u8) -> impl Iterator<Item = u8> {
    let aligned = quantum << (6 * (4 - u32::from(held)));
    let octets = usize::from(held.saturating_sub(1));
    [(aligned >> 16) as u8, (aligned >> 8) as u8]
        .into_iter()
        .take(octets)
}

/// Two base64 texts glued together: the second is lost, in cloud-init silently.
fn after_padding(rest: &[u8]) -> Option<Flaw> {
    let lost = rest
        .iter()
        .filter(|byte| SEXTETS[**byte as usize] != NOISE)
        .count();
    (lost > 0).then(|| {
        Flaw::new(
            "the end after base64 padding",
            format!("{lost} more characters, ignored"),
        )
    })
}

/// What a byte outside the alphabet has in [`SEXTETS`].
const NOISE: u8 = 255;

const SEXTETS: [u8; 256] = {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [NOISE; 256];
    let mut sextet = 0;
    while sextet < 64 {
        table[alphabet[sextet] as usize] = sextet as u8;
        sextet += 1;
    }
    table
};

/// RFC 2045, section 6.7, and what Python makes of its violations:
///
/// ```text
/// body       = *(soft-break / "==" / octet / "=" / OCTET)
/// soft-break = "=" LF / "=" CR *(any but LF) LF     ; nothing
/// octet      = "=" 2HEXDIG                          ; that octet
/// "=="                                              ; a broken encoder's "="
/// ```
fn quoted_printable(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len());
    let mut left = body;
    while !left.is_empty() {
        let plain = memchr(b'=', left).unwrap_or(left.len());
        let (text, escape) = left.split_at(plain);
        bytes.extend_from_slice(text);
        left = match escape {
            [] | [b'='] => &[],
            [b'=', b'\n' | b'\r', ..] => {
                let line_feed = memchr(b'\n', escape);
                escape
                    .get(line_feed.map_or(escape.len(), |at| at + 1)..)
                    .unwrap_or_default()
            }
            [b'=', b'=', after @ ..] => {
                bytes.push(b'=');
                after
            }
            [_, after @ ..] => match hex_octet(after) {
                Some((after, octet)) => {
                    bytes.push(octet);
                    after
                }
                None => {
                    bytes.push(b'=');
                    after
                }
            },
        };
    }
    bytes
}

/// `2HEXDIG`, either case.
pub fn hex_octet(input: &[u8]) -> Option<(&[u8], u8)> {
    let mut digits = map_parser(take::<_, _, ()>(2usize), all_consuming(hex_digit1));
    let (left, digits) = digits.parse(input).ok()?;
    let digits = core::str::from_utf8(digits).ok()?;
    Some((left, u8::from_str_radix(digits, 16).ok()?))
}

/// POSIX uuencode:
///
/// ```text
/// body  = *line begin *data "end" *line
/// begin = "begin " 1*OCTDIG [SP path] EOL
/// data  = length *sextet EOL        ; each character minus 32; "`" is another zero
/// ```
///
/// None if there is no `begin`, an empty line before `end`, a line that cannot be read, or more than all parts may be.
fn uuencode(body: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(body.len() / 4 * 3);
    let mut lines = lines::without_ends(body);
    lines.find(|line| is_begin(line))?;
    for line in lines {
        // A line of two bytes may stand for 63 zeros.
        if line.is_empty() || bytes.len() > DOCUMENT_BYTES_MAX {
            return None;
        }
        if line.trim_ascii() == b"end" {
            break;
        }
        // An encoder known to Python adds garbage; within the line's own length it is right.
        let start = bytes.len();
        if uu_line(line, &mut bytes).is_none() {
            bytes.truncate(start);
            let octets = usize::from(line.first()?.wrapping_sub(b' ') & 63);
            uu_line(line.get(..(octets * 4 + 5) / 3).unwrap_or(line), &mut bytes)?;
        }
    }
    Some(bytes)
}

fn is_begin(line: &[u8]) -> bool {
    let mode = map_parser(
        take_till(|byte| byte == b' '),
        all_consuming(oct_digit1::<&[u8], ()>),
    );
    preceded(tag("begin "), mode).parse(line).is_ok()
}

/// One line of data; None for a character outside the alphabet or more than blanks behind the announced length.
fn uu_line(line: &[u8], bytes: &mut Vec<u8>) -> Option<()> {
    let (length, characters) = line.split_first()?;
    let octets = usize::from(length.wrapping_sub(b' ') & 63);
    let needed = (octets * 8).div_ceil(6);
    let (mut bits, mut held) = (0u32, 0);
    let end = bytes.len() + octets;
    for index in 0..needed {
        // Blanks at a line's end get lost on the way: they were zeros.
        let sextet = match characters.get(index) {
            None => 0,
            Some(character @ b' '..=b'`') => u32::from(character - b' ') & 63,
            Some(_) => return None,
        };
        bits = bits << 6 | sextet;
        held += 6;
        if held >= 8 && bytes.len() < end {
            held -= 8;
            bytes.push((bits >> held) as u8);
        }
    }
    let after = characters.get(needed..).unwrap_or_default();
    after
        .iter()
        .all(|byte| matches!(byte, b' ' | b'`'))
        .then_some(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn decoded(encoding: &str, body: &str) -> Vec<u8> {
        decode(encoding, Cow::Borrowed(body.as_bytes()))
            .0
            .into_owned()
    }

    #[test]
    fn short_uuencoded_lines_cannot_grow_without_bound() {
        let lines = DOCUMENT_BYTES_MAX / 63 + 2;
        let body = [&b"begin 644 x\n"[..], &b"_\n".repeat(lines), b"end\n"].concat();
        let (decoded, flaw) = decode("x-uuencode", Cow::Borrowed(&body));
        assert!(decoded.len() <= body.len() && flaw.is_some());
    }

    #[test]
    fn base64_strict_and_lenient() {
        assert_eq!(decoded("Base64", "aGVs\r\nbG8=\n"), b"hello");
        assert_eq!(decoded("base64", "aGVsbG8"), b"hello");
        assert_eq!(decoded("base64", "aG!Vs bG*8="), b"hello");
        assert_eq!(decoded("base64", "aA==aGVsbG8="), b"h");
        assert_eq!(decoded("base64", "aA=V=="), b"h\x05");
        assert_eq!(decoded("base64", "aGVs=\nb"), b"aGVs=b");
        assert_eq!(decoded("base64", "="), b"");
    }

    /// Byte by byte, as the quick way must not differ from.
    fn base64_slowly(body: &[u8]) -> Vec<u8> {
        let mut output = Vec::new();
        let mut quantum = 0;
        let characters = body.iter().map(|byte| SEXTETS[*byte as usize]);
        for (index, sextet) in characters.filter(|sextet| *sextet != NOISE).enumerate() {
            quantum = quantum << 6 | u32::from(sextet);
            if index % 4 == 3 {
                output.extend(&quantum.to_be_bytes()[1..]);
            }
        }
        output
    }

    #[test]
    fn base64_quickly_as_slowly_wherever_lines_end_and_noise_stands() {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let characters: Vec<u8> = alphabet
            .iter()
            .cycle()
            .take(3 * RUN_BYTES)
            .copied()
            .collect();
        for (line, end) in [
            (76, "\r\n"),
            (75, "\n"),
            (1, "\r"),
            (4000, " \n"),
            (64, "\n\n!"),
        ] {
            let lines = characters
                .chunks(line)
                .map(|line| [line, end.as_bytes()].concat());
            let text = lines.collect::<Vec<_>>().concat();
            assert_eq!(
                base64(&text),
                (base64_slowly(&text), None),
                "{line} {end:?}"
            );
        }
    }

    #[test]
    fn base64_tells_what_it_drops() {
        let flaw = |body: &'static str| decode("base64", Cow::Borrowed(body.as_bytes())).1;
        assert_eq!(flaw("aA==\n"), None);
        assert_eq!(
            flaw("aA==aGVs").unwrap().found,
            "4 more characters, ignored"
        );
        assert!(flaw("aGVsb").is_some());
    }

    #[test]
    fn quoted_printable_and_its_violations() {
        assert_eq!(decoded("quoted-printable", "a=3Db=\r\nc=\nd"), b"a=bcd");
        assert_eq!(
            decoded("quoted-printable", "==a =zz =4 = \n="),
            b"=a =zz =4 = \n"
        );
        assert_eq!(decoded("quoted-printable", "=\rabc\nd=e4"), b"d\xe4");
    }

    #[test]
    fn uuencode_with_lost_blanks() {
        assert_eq!(
            decoded("x-uuencode", "junk\nbegin 644 x\n%:&5L;&\\\n`\nend\nmore"),
            b"hello"
        );
        assert_eq!(decoded("uue", "begin 644\n$ \nend\n"), b"\0\0\0\0");
        assert_eq!(decoded("uue", "begin 9 x\nend\n"), b"begin 9 x\nend\n");
        assert_eq!(
            decoded("uue", "begin 644 x\n\nend\n"),
            b"begin 644 x\n\nend\n"
        );
    }

    #[test]
    fn unknown_encodings_are_told() {
        let (body, flaw) = decode("rot13", Cow::Borrowed(b"x"));
        assert_eq!(&*body, b"x");
        assert_eq!(flaw.unwrap().found, "\"rot13\"; kept as it is");
    }
}
