//! Heads of answers as servers write them, put right for a parser that takes the standard at its word.
//!
//! ```text
//! head   = status-line *( header / stray ) CRLF                 ; RFC 9112, 2.1; a line may end in LF alone, 2.2
//! header = name BWS ":" OWS value OWS CRLF *( fold )
//! fold   = 1*( SP / HTAB ) value CRLF                           ; obs-fold: a user agent has to take it for blanks, 5.2
//! stray  = *CHAR CRLF *( fold )                                 ; no name, or no colon: nobody's header
//! ```
//!
//! What nobody needs must not cost the answer: a stray line is left out. Blanks before a colon go, control characters are
//! blanks, and a length may have a plus sign: Python, whose HTTP the original speaks, reads all of that.

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
    let mut words = after_empty_lines(head).split(|byte| *byte == b' ');
    let status = words.nth(1).unwrap_or_default();
    status.len() == 3 && status.starts_with(b"1") && status != b"101"
}

/// The head as the standard has it.
pub fn mended(head: &[u8]) -> Vec<u8> {
    let lines = after_empty_lines(head).split(|byte| *byte == b'\n');
    let mut lines = lines.map(<[u8]>::trim_ascii_end);
    let mut mended = Vec::with_capacity(head.len() + 2 * END.len());
    mended.extend_from_slice(lines.next().unwrap_or_default());
    mended.extend_from_slice(END);
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
                is_kept = true;
                mended.extend_from_slice(name);
                mended.extend_from_slice(b": ");
                let is_length = name.eq_ignore_ascii_case(b"content-length");
                let text = text.trim_ascii();
                let plain = text.strip_prefix(b"+").filter(|_| is_length);
                mended.extend(value(plain.unwrap_or(text)));
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

/// The letters of a value: what a terminal would act on is a blank.
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
