//! Heads of answers as servers write them, put right for a parser that takes the standard at its word.
//!
//! ```text
//! head   = status-line *( header / stray ) CRLF                 ; RFC 9112, 2.1; a line may end in LF alone, 2.2
//! header = name BWS ":" OWS value OWS CRLF *( fold )
//! fold   = 1*( SP / HTAB ) value CRLF                           ; obs-fold: a user agent has to take it for blanks, 5.2
//! stray  = *CHAR CRLF *( fold )                                 ; no name, or no colon: nobody's header
//! ```
//!
//! What nobody needs must not cost the answer: a stray line is left out, and so is a length that is no number. Blanks before a colon
//! go, control characters are blanks, several blanks may stand between the words of the first line, a minor version is one of
//! the two that there are, a body in chunks is one of HTTP/1.1, and a length may have a plus sign: Python, whose HTTP
//! cloud-init speaks, reads all of that.

use alloc::vec::Vec;

/// How a head begins.
const START: &[u8] = b"HTTP/";
/// What ends a line.
const END: &[u8] = b"\r\n";

/// Whether bytes may be the beginning of an answer, empty lines before it aside.
pub fn may_begin(bytes: &[u8]) -> bool {
    let bytes = after_empty_lines(bytes);
    let length = bytes.len().min(START.len());
    bytes.get(..length) == START.get(..length)
}

/// How long the head at the beginning of `bytes` is, with the empty line that ends it; `None` as long as that has not come.
pub fn length(bytes: &[u8]) -> Option<usize> {
    let head = after_empty_lines(bytes);
    let before = bytes.len() - head.len();
    let mut at = 0;
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        if line == END || line == b"\n" {
            return Some(before + at);
        }
    }
    None
}

/// Whether another head follows this one (RFC 9110, 15.2); after 101 there is none.
pub fn is_interim(head: &[u8]) -> bool {
    let words = after_empty_lines(head).split(u8::is_ascii_whitespace);
    let status = words
        .filter(|word| !word.is_empty())
        .nth(1)
        .unwrap_or_default();
    status.len() == 3 && status.starts_with(b"1") && status != b"101"
}

/// The head as the standard has it.
pub fn mended(head: &[u8]) -> Vec<u8> {
    let lines = after_empty_lines(head).split(|byte| *byte == b'\n');
    let mut lines = lines.map(<[u8]>::trim_ascii_end);
    let mut mended = Vec::with_capacity(head.len() + 2 * END.len());
    first_line(&mut mended, lines.next().unwrap_or_default());
    let mut is_kept = false;
    for line in lines.filter(|line| !line.is_empty()) {
        let is_fold = line.starts_with(b" ") || line.starts_with(b"\t");
        match named(line) {
            _ if is_fold && !is_kept => continue,
            _ if is_fold => {
                mended.truncate(mended.len() - END.len());
                mended.push(b' ');
                mended.extend(value(line));
            }
            Some((name, text)) => {
                is_kept = header(&mut mended, name, text.trim_ascii());
                if !is_kept {
                    continue;
                }
            }
            None => {
                is_kept = false;
                continue;
            }
        }
        mended.extend_from_slice(END);
    }
    mended.extend_from_slice(END);
    mended
}

/// Puts the first line there: version, status and reason, with one blank between them.
fn first_line(mended: &mut Vec<u8>, line: &[u8]) {
    let mut rest = line;
    for number in 0..2 {
        let end = rest.iter().position(u8::is_ascii_whitespace);
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        let minor = word.strip_prefix(b"HTTP/1.").filter(|_| number == 0);
        let is_newer = minor.is_some_and(|minor| minor != b"0");
        mended.extend_from_slice(if is_newer { b"HTTP/1.1" } else { word });
        rest = after.trim_ascii_start();
        if !rest.is_empty() {
            mended.push(b' ');
        }
    }
    mended.extend(value(rest));
    mended.extend_from_slice(END);
}

/// Puts a header there, if it is of use; its line has no end yet.
fn header(mended: &mut Vec<u8>, name: &[u8], text: &[u8]) -> bool {
    let is = |other: &str| name.eq_ignore_ascii_case(other.as_bytes());
    let plain = text.strip_prefix(b"+");
    let text = plain.filter(|_| is("content-length")).unwrap_or(text);
    if is("content-length") && !is_number(text) {
        return false;
    }
    if is("transfer-encoding")
        && let Some(minor) = mended.get_mut(START.len() + 2)
    {
        *minor = b'1';
    }
    mended.extend_from_slice(name);
    mended.extend_from_slice(b": ");
    mended.extend(value(text));
    true
}

/// Whether a length is one, or a list of them.
fn is_number(text: &[u8]) -> bool {
    let mut numbers = text.split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
    numbers.all(|number| !number.is_empty() && number.iter().all(u8::is_ascii_digit))
}

fn after_empty_lines(bytes: &[u8]) -> &[u8] {
    let is_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let start = bytes.iter().position(|byte| !is_end(byte));
    bytes
        .get(start.unwrap_or(bytes.len())..)
        .unwrap_or_default()
}

/// Name and value of a line, if its name is a token (RFC 9110, 5.6.2).
fn named(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let colon = line.iter().position(|byte| *byte == b':')?;
    let (name, text) = line.split_at_checked(colon)?;
    let name = name.trim_ascii_end();
    let is_token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let fits = !name.is_empty() && name.iter().all(is_token);
    fits.then_some((name, text.get(1..)?))
}

/// The letters of a value, or of a reason: what a terminal would act on is a blank.
fn value(text: &[u8]) -> impl Iterator<Item = u8> {
    let letters = text.trim_ascii().iter().copied();
    letters.map(|byte| if byte.is_ascii_control() { b' ' } else { byte })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloc::string::String;

    use super::*;

    const PLAIN: &str = "HTTP/1.1 200 OK\r\nServer: a b\r\nContent-Length: 12\r\n\r\n";

    #[test]
    fn what_servers_write_is_put_right() {
        let odd = [
            "HTTP/1.1 200 OK\nServer: a b\nContent-Length: 12\n\n",
            "\r\n\nHTTP/1.1 200 OK\r\nServer:a b  \r\nContent-Length:\t12\r\n\r\n",
            "HTTP/1.1 200 OK\r\nServer: a\r\n\t b\r\nContent-Length: +12\r\n\r\n",
            "HTTP/1.1 200 OK\r\nServer : a b\r\nno colon\r\n and more\r\nContent-Length: 12\r\n\r\n",
            "HTTP/1.1 200 OK\r\n lost\r\nServer: a\0b\r\n: none\r\nb d: x\r\nContent-Length: 12\r\n\r\n",
            PLAIN,
        ];
        for head in odd {
            assert_eq!(length(head.as_bytes()), Some(head.len()), "{head:?}");
            let mended = String::from_utf8(mended(head.as_bytes())).unwrap();
            assert_eq!(mended, PLAIN, "{head:?}");
        }
    }

    #[test]
    fn the_first_line_and_lengths_are_put_right() {
        for (odd, expected) in [
            (
                "HTTP/1.2  200\tOK  then\r\n\r\n",
                "HTTP/1.1 200 OK  then\r\n\r\n",
            ),
            ("HTTP/1.1 200\r\n\r\n", "HTTP/1.1 200\r\n\r\n"),
            (
                "HTTP/1.1 200 O\x1bK\rthen \r\n\r\n",
                "HTTP/1.1 200 O K then\r\n\r\n",
            ),
            (
                "HTTP/1.0 200 \r\nA: b\r\n\r\n",
                "HTTP/1.0 200\r\nA: b\r\n\r\n",
            ),
            ("HTTP/2 200\r\n\r\n", "HTTP/2 200\r\n\r\n"),
            (
                "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 12, 12\r\nA: b\r\n\r\n",
                "HTTP/1.1 200 OK\r\nContent-Length: 12, 12\r\nA: b\r\n\r\n",
            ),
        ] {
            let mended = String::from_utf8(mended(odd.as_bytes())).unwrap();
            assert_eq!(mended, expected);
        }
        for length in ["", "-1", "abc", "0x15", "21.0", "1,", "1 2"] {
            let odd = ["HTTP/1.1 200 OK\r\nContent-Length: ", length, "\r\n\r\n"].concat();
            assert_eq!(
                mended(odd.as_bytes()),
                b"HTTP/1.1 200 OK\r\n\r\n",
                "{length}"
            );
        }
    }

    #[test]
    fn a_plus_sign_elsewhere_stays() {
        let head = b"HTTP/1.1 200 OK\r\nAge: +1\r\nX: 1\r\n \r\n\r\n";
        assert_eq!(
            mended(head),
            b"HTTP/1.1 200 OK\r\nAge: +1\r\nX: 1\r\n\r\n".as_slice()
        );
    }

    #[test]
    fn a_head_ends_with_its_empty_line() {
        for (bytes, expected) in [
            ("", None),
            ("HTTP/1.1 200 OK\r\n", None),
            ("HTTP/1.1 200 OK\r\n\r", None),
            ("HTTP/1.1 200 OK\r\n\r\nbody\r\n\r\n", Some(19)),
            ("HTTP/1.1 200 OK\n\nbody", Some(17)),
            ("\r\n\r\nHTTP/1.1 200 OK\n\n", Some(21)),
        ] {
            assert_eq!(length(bytes.as_bytes()), expected, "{bytes:?}");
        }
    }

    #[test]
    fn interim_heads_and_other_talk_are_known() {
        for (head, expected) in [
            ("HTTP/1.1 100 Continue\r\n\r\n", true),
            ("HTTP/1.1 103 Early Hints\r\n\r\n", true),
            ("HTTP/1.1  103\tEarly Hints\r\n\r\n", true),
            ("HTTP/1.1 101 Switching\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\n\r\n", false),
            ("HTTP/1.1 1 OK\r\n\r\n", false),
            ("", false),
        ] {
            assert_eq!(is_interim(head.as_bytes()), expected, "{head:?}");
        }
        for (bytes, expected) in [
            ("", true),
            ("\r\nHT", true),
            ("HTTP/1.1 200", true),
            ("SSH-2.0", false),
            ("http/", false),
        ] {
            assert_eq!(may_begin(bytes.as_bytes()), expected, "{bytes:?}");
        }
    }

    #[test]
    fn no_prefix_and_no_flipped_byte_panics() {
        for end in 0..PLAIN.len() {
            let mut bytes = PLAIN.as_bytes().to_vec();
            mended(&bytes[..end]);
            for byte in [0, b'\n', b' ', b':', 0xff] {
                bytes[end] = byte;
                let whole = length(&bytes).unwrap_or(bytes.len());
                let mended = mended(&bytes[..whole]);
                assert_eq!(length(&mended), Some(mended.len()));
            }
        }
    }
}
