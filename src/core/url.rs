//! URLs as text (RFC 3986): their parts, what a reference means on a page, and how they may be shown.
//!
//! A URL may hold a password before its host and a token in its query. Whatever is told of one is told through [`shown`].

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::Ipv6Addr;

/// How long a URL may be that is asked for, bytes. RFC 9110 (4.1) recommends that 8,000 can be; whatever lists names that make a
/// longer one than this means no good.
pub const URL_BYTES_MAX: usize = 4096;

/// A URL with an authority, taken apart. Borrowed from its text.
///
/// ```text
/// URL       = scheme "://" authority path [ "?" query ] [ "#" fragment ]
/// scheme    = ALPHA *( ALPHA / DIGIT / "+" / "-" / "." )
/// authority = [ userinfo "@" ] host [ ":" port ]
/// host      = "[" IPv6address "]" / IPv4address / reg-name
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Url<'a> {
    text: &'a str,
    scheme: &'a str,
    userinfo: Option<&'a str>,
    /// Without its brackets.
    host: &'a str,
    port: Option<u16>,
    /// Path and query.
    target: &'a str,
}

impl<'a> Url<'a> {
    /// `None` if the text is no such URL, is too long, has no host, an impossible port, a blank or a control character.
    pub fn parse(text: &'a str) -> Option<Url<'a>> {
        if text.len() > URL_BYTES_MAX || text.bytes().any(|byte| byte <= b' ' || byte == 0x7f) {
            return None;
        }
        let (scheme, rest) = split_scheme(text)?;
        let rest = rest.strip_prefix("//")?;
        let (authority, target) = rest.split_at(end_of_authority(rest));
        let (userinfo, place) = match authority.rsplit_once('@') {
            Some((userinfo, place)) => (Some(userinfo), place),
            None => (None, authority),
        };
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => place.split_at(place.find(':').unwrap_or(place.len())),
        };
        let port = match port.strip_prefix(':') {
            Some("") => None,
            Some(port) if port.bytes().all(|byte| byte.is_ascii_digit()) => {
                Some(port.parse().ok()?)
            }
            Some(_) => return None,
            None if port.is_empty() => None,
            None => return None,
        };
        (!host.is_empty()).then_some(Url {
            text,
            scheme,
            userinfo,
            host,
            port,
            target: without_fragment(target),
        })
    }

    /// Whether its scheme is this one, in lower case.
    pub fn is(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// Whether it is one that HTTP can fetch, with or without TLS.
    pub fn is_http(&self) -> bool {
        self.is("http") || self.is_https()
    }

    /// Whether it wants TLS.
    pub fn is_https(&self) -> bool {
        self.is("https")
    }

    /// The host, an IPv6 address without its brackets.
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// The port; where none is named, that of the scheme, which is 80 for all but https.
    pub fn port(&self) -> u16 {
        let usual = if self.is_https() { 443 } else { 80 };
        self.port.unwrap_or(usual)
    }

    /// User and password as they stand, percent-encoded.
    pub fn userinfo(&self) -> Option<&'a str> {
        self.userinfo
    }

    /// What a request asks for: path and query, the path at least `/` (RFC 9112, 3.2.1).
    pub fn target(&self) -> String {
        if self.target.starts_with('/') {
            String::from(self.target)
        } else {
            format!("/{}", self.target)
        }
    }

    /// Scheme, host and port, which is what connections and credentials belong to (RFC 6454, 4).
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.place())
    }

    /// Whether the two have one origin.
    pub fn same_origin(&self, other: &Url) -> bool {
        self.is(other.scheme)
            && self.host.eq_ignore_ascii_case(other.host)
            && self.port() == other.port()
    }

    /// The same URL without user and password, and without a fragment.
    pub fn without_userinfo(&self) -> String {
        format!("{}{}", self.origin(), self.target())
    }

    /// The same URL with these, without a fragment.
    pub fn with_userinfo(&self, userinfo: &str) -> String {
        format!(
            "{}://{userinfo}@{}{}",
            self.scheme,
            self.place(),
            self.target
        )
    }

    /// Host and port, as a `Host` header has them.
    pub fn place(&self) -> &'a str {
        let rest = &self.text[self.scheme.len() + "://".len()..];
        let authority = &rest[..end_of_authority(rest)];
        authority
            .rsplit_once('@')
            .map_or(authority, |(_, place)| place)
    }

    /// What `reference` means on the page at this URL (RFC 3986, 5.2), a fragment left out.
    pub fn join(&self, reference: &str) -> String {
        let reference = without_fragment(reference);
        if split_scheme(reference).is_some() {
            return String::from(reference);
        }
        if reference.starts_with("//") {
            return format!("{}:{reference}", self.scheme);
        }
        let authority = &self.text[..self.text.len() - self.after_authority().len()];
        let (path, query) = split_query(self.target);
        let (path, query) = match split_query(reference) {
            ("", "") => (String::from(path), query),
            ("", query) => (String::from(path), query),
            (new, query) if new.starts_with('/') => (without_dots(new), query),
            (new, query) => {
                let folder = path.rfind('/').map_or("/", |at| &path[..=at]);
                (without_dots(&format!("{folder}{new}")), query)
            }
        };
        format!("{authority}{path}{query}")
    }

    /// Everything from the path on.
    fn after_authority(&self) -> &'a str {
        let rest = &self.text[self.scheme.len() + "://".len()..];
        &rest[end_of_authority(rest)..]
    }
}

impl fmt::Display for Url<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        shown(self.text).fmt(f)
    }
}

/// A URL as somebody wrote it, with what may not stand in its path and query (RFC 3986, 2) percent-encoded: blanks, letters beyond
/// ASCII, brackets, a percent sign that encodes nothing. What is encoded already stays.
pub fn encoded(text: &str) -> String {
    let start = text.find("://").map_or(0, |at| at + "://".len());
    let start = start + end_of_authority(text.get(start..).unwrap_or_default());
    let (authority, target) = text.split_at(start);
    let mut out = String::from(authority);
    encode(&mut out, target, |byte, behind| {
        let is_escape = byte == b'%'
            && matches!(behind, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit());
        is_unreserved(byte) || b"!$&'()*+,;=:@/?#".contains(&byte) || is_escape
    });
    out
}

/// A text that is, or should be, a URL, as it may stand in a message: without user and password, query and fragment. That
/// there is a query is told by an ellipsis.
#[derive(Clone, Copy, Debug)]
pub struct Shown<'a>(&'a str);

/// How to show `text`, whether it is a URL or was meant to be one.
pub fn shown(text: &str) -> Shown<'_> {
    Shown(text)
}

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let start = self.0.find("//").map_or(0, |at| at + 2);
        // A second `//` belongs to a path or a query.
        let start = match self.0.find(['/', '?', '#']) {
            Some(first) if first + 2 < start => 0,
            _ => start,
        };
        let (scheme, rest) = self.0.split_at(start);
        let (authority, rest) = rest.split_at(end_of_authority(rest));
        let place = match authority.rsplit_once('@') {
            Some((_, place)) => place,
            // Of a password with a `/`, `?` or `#` in it, or of an address that was cut off, that is the first piece.
            None if authority.contains(':') && (!is_place(authority) || rest.contains('@')) => {
                return write!(f, "{scheme}…");
            }
            None => authority,
        };
        let path = rest.find(['?', '#']).map_or(rest, |at| &rest[..at]);
        let more = match rest.get(path.len()..) {
            Some(more) if more.starts_with('?') => "?…",
            _ => "",
        };
        write!(f, "{scheme}{place}{path}{more}")
    }
}

/// Whether this is `host [ ":" port ]`; an IPv6 address may lack its brackets.
fn is_place(authority: &str) -> bool {
    let behind = match authority
        .strip_prefix('[')
        .and_then(|rest| rest.split_once(']'))
    {
        Some((_, behind)) => behind,
        None => &authority[authority.find(':').unwrap_or(authority.len())..],
    };
    let digits = |port: &str| port.bytes().all(|byte| byte.is_ascii_digit());
    behind.is_empty()
        || behind.strip_prefix(':').is_some_and(digits)
        || authority.parse::<Ipv6Addr>().is_ok()
}

/// Where the document `name` of a seed is (cloud-init's NoCloud): in place of `%s`, else below the address, or behind its query.
pub fn below(seed: &str, name: &str) -> String {
    match seed {
        _ if seed.contains("%s") => seed.replace("%s", name),
        _ if seed.ends_with('/') || seed.contains('?') => format!("{seed}{name}"),
        _ => format!("{seed}/{name}"),
    }
}

/// The path that a document has on this machine, as Python's `urlparse` finds it, with which cloud-init looks for it. From the
/// root, for the working directory of cloud-init is `/`.
///
/// ```text
///   local = ( "file:" / &"/" ) [ "//" authority ] path [ "?" query ] [ "#" fragment ]
///   path  = *( "/" segment ) [ ";" parameters ]                                        ; parameters without a scheme only
/// ```
pub fn local_path(text: &str) -> Option<String> {
    let (rest, has_scheme) = match split_scheme(text) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("file") => (rest, true),
        _ if text.starts_with('/') => (text, false),
        _ => return None,
    };
    let (rest, _) = split_query(without_fragment(rest));
    let mut path = match rest.strip_prefix("//") {
        Some(place) => &place[end_of_authority(place)..],
        None => rest,
    };
    if !has_scheme {
        let last = path.rfind('/').unwrap_or_default();
        let end = path[last..].find(';').map_or(path.len(), |at| last + at);
        path = &path[..end];
    }
    Some(format!("/{}", path.trim_start_matches('/')))
}

/// The scheme of a reference, if it has one, and what follows the colon.
fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
    let begins = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
    (begins && scheme.bytes().all(fits)).then_some((scheme, rest))
}

/// Where an authority ends: before the next `/`, `?` or `#`.
fn end_of_authority(rest: &str) -> usize {
    rest.find(['/', '?', '#']).unwrap_or(rest.len())
}

fn without_fragment(text: &str) -> &str {
    text.find('#').map_or(text, |at| &text[..at])
}

/// A path, and its query with the question mark; empty if there is none.
fn split_query(target: &str) -> (&str, &str) {
    target.split_at(target.find('?').unwrap_or(target.len()))
}

/// RFC 3986, 5.2.4: `.` and `..` taken out of a path that begins with a slash.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        let last = segments.peek().is_none();
        match segment {
            "." => kept.extend(last.then_some("")),
            ".." => {
                kept.pop();
                kept.extend(last.then_some(""));
            }
            _ => kept.push(segment),
        }
    }
    format!("/{}", kept.join("/"))
}

/// Every byte that RFC 3986, 2.3 does not reserve as it is, every other as `%XX`.
pub fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    encode(&mut encoded, text, |byte, _| is_unreserved(byte));
    encoded
}

/// The same for the name of a document, as Python's `quote` has it in cloud-init: slashes and colons stand as they are, too.
pub fn name_encoded(name: &str) -> String {
    let mut encoded = String::with_capacity(name.len());
    encode(&mut encoded, name, |byte, _| {
        is_unreserved(byte) || b"/:".contains(&byte)
    });
    encoded
}

/// Adds a text: the bytes for which `stands` is true, which is told what is behind them, as they are, every other as `%XX`.
fn encode(out: &mut String, text: &str, stands: fn(u8, &[u8]) -> bool) {
    let mut rest = text.as_bytes();
    while let [byte, behind @ ..] = rest {
        if stands(*byte, behind) {
            out.push(char::from(*byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
        rest = behind;
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

/// Takes percent-encoding away (RFC 3986, 2.1).
pub fn percent_decoded(text: &str) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    for (plain, octet) in percent_pieces(text) {
        decoded.extend(plain.as_bytes());
        decoded.extend(octet);
    }
    decoded
}

/// The pieces of a text in percent-encoding: what stands for itself, and the octet behind it that `%XX` names. A lone `%`
/// stands for itself.
pub fn percent_pieces(text: &str) -> impl Iterator<Item = (&str, Option<u8>)> {
    let mut rest = text;
    core::iter::from_fn(move || {
        let mut signs = rest.match_indices('%');
        let found = signs.find_map(|(at, _)| Some((at, octet(rest.get(at + 1..at + 3)?)?)));
        let (plain, octet, after) = match found {
            Some((at, octet)) => (&rest[..at], Some(octet), &rest[at + 3..]),
            None => (rest, None, ""),
        };
        let more = !rest.is_empty();
        rest = after;
        more.then_some((plain, octet))
    })
}

/// `2HEXDIG`
fn octet(digits: &str) -> Option<u8> {
    let all = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    u8::from_str_radix(digits, 16).ok().filter(|_| all)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn local_paths_are_those_of_urlparse() {
        for (text, path) in [
            ("/a/b", Some("/a/b")),
            ("/a;b/c;d?e#f", Some("/a;b/c")),
            ("//a/b", Some("/b")),
            ("file:///a;b?c", Some("/a;b")),
            ("FILE://localhost/a#b", Some("/a")),
            ("file:/a", Some("/a")),
            ("file:a", Some("/a")),
            ("file://a", Some("/")),
            ("http://a/b", None),
            ("a", None),
        ] {
            assert_eq!(local_path(text).as_deref(), path, "{text}");
        }
    }

    #[test]
    fn what_may_not_stand_is_encoded() {
        for (text, expected) in [
            ("http://a", "http://a"),
            (
                "http://u:p@a:1/b%20c?d=e%2Ff&g=+#h",
                "http://u:p@a:1/b%20c?d=e%2Ff&g=+#h",
            ),
            ("http://a/b c?d e", "http://a/b%20c?d%20e"),
            ("http://a/\u{e4}?\u{20ac}", "http://a/%C3%A4?%E2%82%AC"),
            (
                "http://a/[b]{c}|\\^`\"<>",
                "http://a/%5Bb%5D%7Bc%7D%7C%5C%5E%60%22%3C%3E",
            ),
            ("http://a/%zz%4", "http://a/%25zz%254"),
            ("http://[::1]/", "http://[::1]/"),
            ("/\u{e4} b", "/%C3%A4%20b"),
            ("\u{e4}", "\u{e4}"),
        ] {
            assert_eq!(encoded(text), expected);
        }
    }

    #[test]
    fn urls_have_parts() {
        let url = Url::parse("http://me:p%40ss@host:8080/a@b?c=d#e").unwrap();
        assert!(url.is("http") && url.is_http() && !url.is("https"));
        assert_eq!((url.host(), url.port()), ("host", 8080));
        assert_eq!(url.userinfo(), Some("me:p%40ss"));
        assert_eq!(url.target(), "/a@b?c=d");
        assert_eq!(url.origin(), "http://host:8080");
        assert_eq!(url.without_userinfo(), "http://host:8080/a@b?c=d");
    }

    #[test]
    fn a_url_has_an_end() {
        let url = |length: usize| format!("http://h/{}", "x".repeat(length));
        assert!(Url::parse(&url(URL_BYTES_MAX - 9)).is_some());
        assert_eq!(Url::parse(&url(URL_BYTES_MAX - 8)), None);
    }

    #[test]
    fn hosts_and_ports() {
        for (text, host, port) in [
            ("http://[fd00:ec2::254]/x", "fd00:ec2::254", 80),
            ("http://[::1]:81/x", "::1", 81),
            ("https://u:p@a.b?x", "a.b", 443),
            ("HTTPS://a.b:/x", "a.b", 443),
            ("http://a@b@c", "c", 80),
        ] {
            let url = Url::parse(text).unwrap();
            assert_eq!((url.host(), url.port()), (host, port), "{text}");
        }
        for text in [
            "",
            "a",
            "a/b:c",
            "http:",
            "http:/a",
            "http://",
            "http://u@",
            "http://:80",
            "http://[::1",
            "http://[::1]x",
            "http://a:b",
            "http://a:+1",
            "http://a:65536",
            "http://a b",
            "http://a/\r\nb",
            "1http://a",
            "://a",
            "/etc/x",
        ] {
            assert_eq!(Url::parse(text), None, "{text}");
        }
    }

    #[test]
    fn targets_begin_with_a_slash() {
        for (text, want) in [
            ("http://a", "/"),
            ("http://a?b", "/?b"),
            ("http://a#b", "/"),
            ("http://a/b#c?d", "/b"),
        ] {
            assert_eq!(Url::parse(text).unwrap().target(), want, "{text}");
        }
    }

    /// The examples of RFC 3986, 5.4, fragments left out, and what servers really send.
    #[test]
    fn references_are_joined() {
        let base = Url::parse("http://a/b/c/d;p?q").unwrap();
        for (reference, want) in [
            ("g:h", "g:h"),
            ("g", "http://a/b/c/g"),
            ("./g", "http://a/b/c/g"),
            ("g/", "http://a/b/c/g/"),
            ("/g", "http://a/g"),
            ("//g", "http://g"),
            ("?y", "http://a/b/c/d;p?y"),
            ("g?y", "http://a/b/c/g?y"),
            ("#s", "http://a/b/c/d;p?q"),
            ("g?y#s", "http://a/b/c/g?y"),
            (";x", "http://a/b/c/;x"),
            ("", "http://a/b/c/d;p?q"),
            (".", "http://a/b/c/"),
            ("./", "http://a/b/c/"),
            ("..", "http://a/b/"),
            ("../g", "http://a/b/g"),
            ("../..", "http://a/"),
            ("../../../g", "http://a/g"),
            ("/./g", "http://a/g"),
            ("/../g", "http://a/g"),
            ("g.", "http://a/b/c/g."),
            ("..g", "http://a/b/c/..g"),
            ("./../g", "http://a/b/g"),
            ("g/./h", "http://a/b/c/g/h"),
            ("g/../h", "http://a/b/c/h"),
            ("g?y/../x", "http://a/b/c/g?y/../x"),
            ("/inc2?next=http://x/y", "http://a/inc2?next=http://x/y"),
            ("inc2?next=http://x/y", "http://a/b/c/inc2?next=http://x/y"),
            ("HTTP://x/y", "HTTP://x/y"),
        ] {
            assert_eq!(base.join(reference), want, "{reference}");
        }
        let base = Url::parse("http://me:pw@a:80").unwrap();
        assert_eq!(base.join("y"), "http://me:pw@a:80/y");
        assert_eq!(base.join("?y"), "http://me:pw@a:80?y");
    }

    #[test]
    fn origins_are_compared() {
        let same = |a: &str, b: &str| Url::parse(a).unwrap().same_origin(&Url::parse(b).unwrap());
        assert!(same("http://A/x", "HTTP://u@a:80/y"));
        assert!(same("https://[::1]", "https://[::1]:443"));
        assert!(!same("http://a", "https://a"));
        assert!(!same("http://a", "http://a:81"));
        assert!(!same("http://a", "http://b"));
    }

    #[test]
    fn nothing_secret_is_shown() {
        for (text, want) in [
            ("http://me:pw@host:80/a/b", "http://host:80/a/b"),
            ("https://host/a?sig=TOKEN#x", "https://host/a?…"),
            ("https://host#TOKEN", "https://host"),
            ("host/a?sig=TOKEN", "host/a?…"),
            ("me:pw@host/a", "host/a"),
            ("http://me:pw@ho st/a?b", "http://ho st/a?…"),
            ("/etc/x@y", "/etc/x@y"),
            ("a?b=http://me:pw@host", "a?…"),
            ("me:pw@host/a//b@c", "host/a//b@c"),
            ("http://me:p/w@host/a", "http://…"),
            ("http://me:1/w@host/a", "http://…"),
            ("http://me:p?w@host/a", "http://…"),
            ("http://me:p#w@host/a", "http://…"),
            ("http://me:p", "http://…"),
            ("http:me:pw@host/a", "host/a"),
            ("http://host/@a", "http://host/@a"),
            ("http://[fd00::1]:80/a", "http://[fd00::1]:80/a"),
            ("http://fd00::1/a", "http://fd00::1/a"),
            ("", ""),
        ] {
            assert_eq!(shown(text).to_string(), want, "{text}");
        }
    }

    #[test]
    fn percent_encoding_is_put_on() {
        assert_eq!(percent_encoded("a-Z_0.~ &/%é"), "a-Z_0.~%20%26%2F%25%C3%A9");
        assert_eq!(name_encoded("a:b/c d?%é"), "a:b/c%20d%3F%25%C3%A9");
        let decoded = percent_decoded(&percent_encoded("a b%é"));
        assert_eq!(decoded, "a b%é".as_bytes());
    }

    #[test]
    fn a_seed_takes_a_name_in_three_ways() {
        for (seed, want) in [
            ("http://x/a", "http://x/a/user-data"),
            ("http://x/a/", "http://x/a/user-data"),
            ("http://x/a?f=", "http://x/a?f=user-data"),
            ("http://x/%s.txt", "http://x/user-data.txt"),
        ] {
            assert_eq!(below(seed, "user-data"), want);
        }
    }

    #[test]
    fn percent_encoding_is_taken_away() {
        for (text, want) in [
            ("a%20b%2Fc", &b"a b/c"[..]),
            ("%", b"%"),
            ("%4", b"%4"),
            ("%zz%41", b"%zzA"),
            ("%+1%ff", b"%+1\xff"),
            ("%\u{e9}1", "%\u{e9}1".as_bytes()),
            ("%%41%", b"%A%"),
            ("", b""),
        ] {
            assert_eq!(percent_decoded(text), want, "{text}");
        }
    }

    #[test]
    fn no_prefix_panics() {
        let text = "http://me:pw@[::1]:80/a/../b?c=é#d//e@f";
        for (end, _) in text.char_indices() {
            let part = &text[..end];
            assert!(!shown(part).to_string().contains("pw@"), "{part}");
            if let Some(url) = Url::parse(part) {
                url.join(&text[end..]);
            }
        }
    }
}
