//! `#include` and `#include-once`: a list of URLs, one on a line.

use alloc::string::String;

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::tag_no_case;
use nom::combinator::value;

use super::part_type::PartType;
use super::sniff::is_blank;
use crate::text::is_line_break;

/// One document to include.
#[derive(Debug, PartialEq, Eq)]
pub struct Include {
    /// Where it is.
    pub url: String,
    /// Whether to fetch it at this instance's first boot only.
    pub once: bool,
}

/// The URLs a document lists.
///
/// ```text
/// document = *(line line-break)
/// line     = [mode *blank] (comment / url / nothing)
/// mode     = "#include-once" / "#include"        ; holds from this line on; no blank needed after it
/// comment  = "#" *any
/// ```
pub fn includes(document: &[u8]) -> impl Iterator<Item = Include> {
    let text = String::from_utf8_lossy(document).into_owned();
    let mut once = false;
    let mut rest = 0;
    core::iter::from_fn(move || {
        while let Some(left) = text.get(rest..).filter(|left| !left.is_empty()) {
            let end = left.find(is_line_break).unwrap_or(left.len());
            let line = left.get(..end).unwrap_or(left);
            let line_break = left.get(end..).and_then(|after| after.chars().next());
            rest += end + line_break.map_or(0, char::len_utf8);

            let (line, mode) = mode(line);
            once = mode.unwrap_or(once);
            // Python's parser of addresses drops tabs wherever they are.
            let url = line.trim_matches(is_blank).replace('\t', "");
            if !line.starts_with('#') && !url.is_empty() {
                let scheme = if is_bare(&url) { "http://" } else { "" };
                return Some(Include {
                    url: [scheme, &url].concat(),
                    once,
                });
            }
        }
        None
    })
}

/// Whether a line begins with the name of a host, and lacks a scheme only, which people leave out: `example.com/config`.
fn is_bare(url: &str) -> bool {
    let host = url.split(['/', '?']).next().unwrap_or_default();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let inside = host.trim_matches(['.', '-']);
    inside.contains('.') && host.bytes().all(fits) && !url.contains(is_blank)
}

/// Whether a line is an address: `http://host…`, `https://host…`, `file:…` or an absolute path.
pub fn is_address(url: &str) -> bool {
    let behind = |scheme: &str| {
        let (start, rest) = url.split_at_checked(scheme.len())?;
        start.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let host = behind("http://").or_else(|| behind("https://"));
    url.starts_with('/')
        || behind("file:").is_some()
        || host.is_some_and(|host| !host.is_empty() && !host.starts_with(['/', '?', '#']))
}

/// `[mode *blank]`: what follows it, and whether it means once.
fn mode(line: &str) -> (&str, Option<bool>) {
    let mut mode = alt((
        value(
            true,
            tag_no_case::<_, _, ()>(PartType::IncludeOnce.start_line()),
        ),
        value(false, tag_no_case(PartType::Include.start_line())),
    ));
    match mode.parse(line) {
        Ok((rest, once)) => (rest.trim_start_matches(is_blank), Some(once)),
        Err(_) => (line, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    fn urls(document: &str) -> Vec<(String, bool)> {
        let urls = includes(document.as_bytes());
        urls.map(|include| (include.url, include.once)).collect()
    }

    #[test]
    fn modes_are_toggled_line_by_line() {
        let document = "#include\nhttp://a\r\n\r\n#include-once\n  http://b \n# no\n#INCLUDE http://c\nhttp://d";
        let expected = [
            ("http://a", false),
            ("http://b", true),
            ("http://c", false),
            ("http://d", false),
        ];
        assert_eq!(
            urls(document),
            expected.map(|(url, once)| (url.to_string(), once))
        );
    }

    #[test]
    fn a_host_is_one_of_http() {
        for (line, expected) in [
            ("example.com", "http://example.com"),
            ("www.example.com/a?b", "http://www.example.com/a?b"),
            ("192.0.2.7/a", "http://192.0.2.7/a"),
            ("example", "example"),
            ("./a.b", "./a.b"),
            ("../a", "../a"),
            ("e.g. this", "e.g. this"),
            ("user.data: x", "user.data: x"),
            ("\"a.b\"", "\"a.b\""),
            ("ftp://a.b", "ftp://a.b"),
            ("a.b/\tc", "http://a.b/c"),
        ] {
            assert_eq!(urls(line), [(expected.to_string(), false)]);
        }
    }

    #[test]
    fn addresses() {
        for url in [
            "http://a",
            "HTTPS://a/b?c",
            "file:///a",
            "FILE://a",
            "file:/a",
            "/a",
        ] {
            assert!(is_address(url), "{url}");
        }
        for url in [
            "",
            "http:a/b",
            "http://",
            "http:///a",
            "./a",
            "a",
            "ftp://a",
            "\"file:///a\"",
            "- http://a",
        ] {
            assert!(!is_address(url), "{url}");
        }
    }

    #[test]
    fn the_mode_needs_no_blank_and_may_hide_a_comment() {
        assert_eq!(urls("#includehttp://x"), [("http://x".to_string(), false)]);
        assert_eq!(urls("#include-once #http://x"), []);
        assert_eq!(
            urls("  # not a comment"),
            [("# not a comment".to_string(), false)]
        );
    }
}
