//! Guess: what was meant by a document that nothing takes for what it is, because its first line does not say it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::advice::is_key;
use super::part_type::PartType;
use super::{DOCUMENT_BYTES_MAX, Flaw, gzip, sniff, transfer};
use crate::text::{nearest, quote};
use crate::yaml;

/// What is missing of a document that has no type.
pub fn missing(content: &[u8]) -> Flaw {
    let known = disguise(content)
        .or_else(|| encoding(content))
        .or_else(|| headless_mail(content))
        .or_else(|| misspelt(content))
        .or_else(|| headless_config(content));
    known.unwrap_or_else(|| {
        let expected = "a first line that says what it is (#cloud-config, #!/bin/sh, #include …)";
        Flaw::new(expected, quote(&first_line(content)))
    })
}

/// What is no text, or not as anybody reads it.
fn encoding(content: &[u8]) -> Option<Flaw> {
    if gzip::is_gzip(content) {
        return Some(Flaw::new(
            "gzip that can be unpacked",
            "gzip that is damaged",
        ));
    }
    let is_wide = content.starts_with(b"\xff\xfe") || content.starts_with(b"\xfe\xff");
    is_wide.then(|| Flaw::new("UTF-8", "UTF-16"))
}

/// A multipart without the headers that make it one.
fn headless_mail(content: &[u8]) -> Option<Flaw> {
    let text = content.get(..1024).unwrap_or(content).trim_ascii_start();
    let lower = text.to_ascii_lowercase();
    if lower.starts_with(b"content-type: multipart/") {
        let has_version = memchr::memmem::find(&lower, b"mime-version:").is_some();
        let found = "none, so that nothing takes it for MIME";
        return (!has_version).then(|| Flaw::new("the header MIME-Version: 1.0", found));
    }
    let text = String::from_utf8_lossy(text.strip_prefix(b"--")?);
    let (boundary, rest) = text.split_once('\n')?;
    rest.lines()
        .take(MAIL_LINES_MAX)
        .find(|line| line.to_ascii_lowercase().starts_with("content-"))?;
    let expected =
        "the headers MIME-Version: 1.0 and Content-Type: multipart/mixed with its boundary";
    Some(Flaw::new(
        expected,
        format!("its first part, behind --{}", boundary.trim_end()),
    ))
}

/// In how many lines behind a boundary headers are searched for.
const MAIL_LINES_MAX: usize = 4;

/// Keys of cloud-config, and nothing before them that says so.
fn headless_config(content: &[u8]) -> Option<Flaw> {
    let value = yaml::read(content).ok()?;
    let (key, _) = value.as_map()?.texts().find(|(key, _)| is_key(key))?;
    let expected = format!("{:?} as the first line", PartType::CloudConfig.start_line());
    Some(Flaw::new(expected, format!("none, but {key}, a key of it")))
}

/// How much of base 64 is decoded to see what it holds, in characters: whole groups of four.
const BASE64_CHARACTERS: usize = 64;

/// What is packed once more than anybody unpacks: gzip, or base 64 of something that has a known beginning.
pub fn disguise(content: &[u8]) -> Option<Flaw> {
    let expected = "content as it is, which nothing unpacks any more";
    if gzip::is_gzip(content) {
        // What is damaged is told by whoever tried to unpack it.
        gzip::gunzip(content, DOCUMENT_BYTES_MAX).ok()?;
        return Some(Flaw::new(expected, "gzip"));
    }
    if content.starts_with(b"%23") {
        return Some(Flaw::new(expected, "percent encoding, as in a URL"));
    }
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    let mut letters = content.iter().filter(|byte| !byte.is_ascii_whitespace());
    let start: Vec<u8> = letters.clone().take(BASE64_CHARACTERS).copied().collect();
    if start.len() < 8 || !letters.all(is_base64) {
        return None;
    }
    let inside = transfer::base64(&start).0;
    let mail = |name: &str| {
        let start = inside.get(..name.len());
        start.is_some_and(|start| start.eq_ignore_ascii_case(name.as_bytes()))
    };
    let what = match sniff::sniff(&inside) {
        Some(known) => known.to_string(),
        None if gzip::is_gzip(&inside) => "gzip".to_string(),
        None if mail("Content-Type:") || mail("MIME-Version:") => "MIME".to_string(),
        None => return None,
    };
    Some(Flaw::new(expected, format!("base 64 of {what}")))
}

/// Where interpreters are.
const INTERPRETERS: [&str; 3] = ["/bin/", "/usr/", "/sbin/"];

/// How many lines are searched for a start line that belongs into the first.
const START_LINES_MAX: usize = 16;

/// A first line that is almost a start line, or a start line further down.
pub fn misspelt(content: &[u8]) -> Option<Flaw> {
    let first = first_line(content.trim_ascii_start());
    let first = first.trim_end();
    if let Some(meant) = nearest(first, &mut starts().filter(|start| start.len() > 4)) {
        let expected = format!("{meant:?} as the first line");
        return Some(Flaw::new(expected, quote(first)));
    }
    // A script's, with blanks in it, or its first letters the wrong way round.
    let dense: String = first.chars().filter(|c| !c.is_whitespace()).collect();
    let dense = dense.trim_start_matches(['#', '!']);
    if first.starts_with(['#', '!']) && INTERPRETERS.iter().any(|start| dense.starts_with(start)) {
        return Some(Flaw::new("#! in the first two letters", quote(first)));
    }
    further_down(content, START_LINES_MAX)
}

/// A start line in one of so many lines behind the first.
pub fn further_down(content: &[u8], most: usize) -> Option<Flaw> {
    let lines = content.split(|byte| *byte == b'\n').enumerate();
    let mut lines = lines.skip(1).take(most);
    let (at, start) = lines.find_map(|(at, line)| {
        let line = line.trim_ascii().to_ascii_lowercase();
        let start = starts().find(|start| start.starts_with('#') && line == start.as_bytes());
        Some((at, start?))
    })?;
    let found = format!("it in line {}", at + 1);
    Some(Flaw::new(format!("{start:?} as the first line"), found))
}

fn starts() -> impl Iterator<Item = &'static str> {
    PartType::with_start_lines().map(PartType::start_line)
}

/// The first line as text, its end removed, at most 80 bytes of it.
pub fn first_line(content: &[u8]) -> String {
    let line = content
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    String::from_utf8_lossy(line.get(..80).unwrap_or(line)).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_named() {
        let expected = |content: &[u8]| missing(content).expected;
        let config = "\"#cloud-config\" as the first line";
        for (content, wanted) in [
            ("users:\n- name: x\n", config),
            ("---\nruncmd: [ls]\n", config),
            ("#cloud_config\nruncmd: [ls]\n", config),
            ("# my config\n#cloud-config\nruncmd: [ls]\n", config),
            ("# !/bin/bash\nls\n", "#! in the first two letters"),
            ("#/bin/bash\nls\n", "#! in the first two letters"),
            ("!#/usr/bin/env python3\n", "#! in the first two letters"),
            (
                "%23cloud-config%0Aruncmd%3A%20%5Bls%5D",
                "content as it is, which nothing unpacks any more",
            ),
            (
                "Content-Type: multipart/mixed; boundary=B\n\n--B\n",
                "the header MIME-Version: 1.0",
            ),
            (
                "--B\nContent-Type: text/cloud-config\n\n#cloud-config\n",
                "the headers MIME-Version: 1.0 and Content-Type: multipart/mixed with its boundary",
            ),
            (
                "hello\n",
                "a first line that says what it is (#cloud-config, #!/bin/sh, #include …)",
            ),
        ] {
            assert_eq!(expected(content.as_bytes()), wanted, "{content}");
        }
    }
}
