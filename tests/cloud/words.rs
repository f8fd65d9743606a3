//! Lines of `cloud.conf`, word by word.

use std::net::{IpAddr, SocketAddr};
use std::str::{FromStr, SplitWhitespace};
use std::time::Duration;

use smoltcp::wire::IpCidr;

use super::faults::duration;

/// The rest of a line.
pub struct Words<'a>(SplitWhitespace<'a>);

impl<'a> Words<'a> {
    /// The words of a line.
    pub fn new(line: &'a str) -> Words<'a> {
        Words(line.split_whitespace())
    }

    /// The next word, if there is one.
    pub fn take(&mut self) -> Option<&'a str> {
        self.0.next()
    }

    /// The next word, left where it is.
    pub fn peek(&self) -> Option<&'a str> {
        self.0.clone().next()
    }

    /// The next word; an error says what was expected.
    pub fn next(&mut self, expected: &str) -> Result<&'a str, String> {
        self.take()
            .ok_or_else(|| format!("expected {expected}, but found the end of the line"))
    }

    /// The next word as a value.
    pub fn parse<T: FromStr>(&mut self, expected: &str) -> Result<T, String> {
        let word = self.next(expected)?;
        word.parse()
            .map_err(|_| format!("expected {expected}, but found {word}"))
    }

    /// The next word as a list of values with commas between them.
    pub fn list<T: FromStr>(&mut self, expected: &str) -> Result<Vec<T>, String> {
        let word = self.next(expected)?;
        let values: Option<_> = word.split(',').map(|item| item.parse().ok()).collect();
        values.ok_or_else(|| format!("expected {expected}, but found {word}"))
    }

    /// The next word as a time.
    pub fn time(&mut self) -> Result<Duration, String> {
        duration(self.next("a time")?)
    }

    /// The number behind the next word, if that is `word`.
    pub fn number_after(&mut self, word: &str) -> Result<Option<u32>, String> {
        if self.peek() != Some(word) {
            return Ok(None);
        }
        self.take();
        self.parse("a number").map(Some)
    }
}

/// An address, with or without a port: `10.0.2.4`, `10.0.2.4:8080`, `fd00::4`, `[fd00::4]:8080`.
pub fn endpoint(text: &str) -> Result<SocketAddr, String> {
    let bare = text
        .parse()
        .map(|address: IpAddr| SocketAddr::new(address, 80));
    bare.or_else(|_| text.parse())
        .map_err(|_| format!("expected an address, but found {text}"))
}

/// A prefix, `10.0.2.0/24`, or the one of a single address.
pub fn prefix(text: &str) -> Result<IpCidr, String> {
    let single = text.parse().map(|address: IpAddr| match address {
        IpAddr::V4(_) => IpCidr::new(address.into(), 32),
        IpAddr::V6(_) => IpCidr::new(address.into(), 128),
    });
    single
        .or_else(|_| text.parse())
        .map_err(|()| format!("expected an address or a prefix, but found {text}"))
}

/// A size in bytes: `10`, `64KiB`, `16MiB`, `2GiB`.
pub fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit: Option<u64> = match &text[digits.len()..] {
        "" => Some(1),
        "KiB" => Some(1 << 10),
        "MiB" => Some(1 << 20),
        "GiB" => Some(1 << 30),
        _ => None,
    };
    let number = digits.parse::<u64>().ok();
    number
        .zip(unit)
        .and_then(|(number, unit)| number.checked_mul(unit))
        .ok_or_else(|| format!("expected a size like 2GiB, but found {text}"))
}
