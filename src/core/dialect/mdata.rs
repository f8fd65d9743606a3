//! The metadata protocol of SmartOS, version 2: questions and answers as lines over a serial line or a socket.
//!
//! ```text
//!   line     = "V2 " length SP checksum SP body LF      ; length of the body in bytes, CRC-32 of it in eight hexadecimal digits
//!   body     = id SP code [ SP payload ]                ; the payload is base 64
//!   question = line                                     ; GET key, KEYS
//!   answer   = line                                     ; SUCCESS, NOTFOUND
//! ```
//! Before the first question both sides agree on the version: `NEGOTIATE V2`, `V2_OK`. Source: Joyent's "Metadata Protocol",
//! and cloud-init's behaviour. On purpose otherwise: a line that was damaged on its way is asked for again.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use nom::bytes::complete::{tag, take_while_m_n, take_while1};
use nom::character::complete::{char, u64 as number};
use nom::combinator::{opt, rest};
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

use crate::fetch::{Cloud, RESPONSE_BYTES_MAX};
use crate::outside::{Again, Port, Stream};
use crate::userdata::gzip::crc32;
use crate::warning::{Blame, Error};

/// Longest time one answer may take, in seconds.
pub const ANSWER_SECONDS_MAX: u64 = 10;
/// Times that one question is asked.
pub const QUESTIONS_MAX: u32 = 3;
/// How long a serial line has to be quiet before it is spoken on.
const QUIET: Duration = Duration::from_millis(100);
/// How long the host may take to refuse an empty line.
const REFUSAL: Duration = Duration::from_secs(1);

/// The host at the other end of a port.
pub struct Client {
    stream: Box<dyn Stream>,
    place: String,
    /// What was read beyond the last line.
    pending: Vec<u8>,
}

/// Why there is no line.
enum Trouble {
    /// None came in time.
    Late,
    /// The port is gone, or the line has no end.
    Gone(String),
}

impl Client {
    /// Opens a port and agrees with the host on the version.
    ///
    /// # Errors
    /// The port cannot be opened, nobody answers, or somebody who speaks otherwise.
    pub fn open(cloud: &mut Cloud, port: &Port) -> Result<Client, Error> {
        let left = cloud.remaining();
        let stream = cloud.outside.open(port, left);
        let stream =
            stream.map_err(|failure| silent(cloud, &port.to_string(), "a port", failure.found))?;
        let mut client = Client {
            stream,
            place: port.to_string(),
            pending: Vec::new(),
        };
        if matches!(port, Port::Serial { .. }) {
            client.quieten(cloud)?;
        }
        client.say(cloud, "NEGOTIATE V2\n")?;
        match client.line(cloud, Duration::from_secs(ANSWER_SECONDS_MAX)) {
            Ok(line) if line == "V2_OK" => Ok(client),
            Ok(line) => {
                let found = crate::text::quote(&line);
                Err(cloud.broken(&client.place, "V2_OK", found))
            }
            Err(trouble) => Err(client.silence(cloud, "V2_OK", trouble)),
        }
    }

    /// The value of a key; nothing if the host has none.
    ///
    /// # Errors
    /// The host does not answer, or keeps on answering what is none.
    pub fn get(&mut self, cloud: &mut Cloud, key: &str) -> Result<Option<Vec<u8>>, Error> {
        self.ask(cloud, "GET", key)
    }

    /// The names of the keys that the owner of the machine has set.
    ///
    /// # Errors
    /// As for [`Client::get`].
    pub fn keys(&mut self, cloud: &mut Cloud) -> Result<Vec<String>, Error> {
        let names = self.ask(cloud, "KEYS", "")?.unwrap_or_default();
        let names = String::from_utf8_lossy(&names);
        Ok(names.lines().map(String::from).collect())
    }

    fn ask(&mut self, cloud: &mut Cloud, code: &str, key: &str) -> Result<Option<Vec<u8>>, Error> {
        let mut damage = String::new();
        for _ in 0..QUESTIONS_MAX {
            let id = format!("{:08x}", cloud.outside.random());
            let mut body = [id.as_str(), code].join(" ");
            if !key.is_empty() {
                body = [&body, " ", &STANDARD.encode(key)].concat();
            }
            self.say(cloud, &framed(&body))?;
            let until = cloud.outside.now() + Duration::from_secs(ANSWER_SECONDS_MAX);
            loop {
                let left = until.saturating_sub(cloud.outside.now());
                match self.line(cloud, left) {
                    Ok(line) => match answer(&line, &id) {
                        Ok(value) => return Ok(value),
                        // The answer to a question that was given up.
                        Err(Flaw::Another) => {}
                        Err(Flaw::Damaged(found)) => {
                            damage = found;
                            break;
                        }
                    },
                    Err(trouble) => {
                        return Err(self.silence(
                            cloud,
                            &format!("an answer to {code} {key}"),
                            trouble,
                        ));
                    }
                }
            }
        }
        let place = format!("{}: {code} {key}", self.place);
        Err(cloud.broken(&place, "an answer", damage))
    }

    /// Waits until the line is quiet, and has the host refuse an empty line, which proves that it listens.
    fn quieten(&mut self, cloud: &mut Cloud) -> Result<(), Error> {
        while self.line(cloud, QUIET).is_ok() {}
        self.pending.clear();
        loop {
            self.say(cloud, "\n")?;
            match self.line(cloud, REFUSAL) {
                Ok(line) if line == "invalid command" => return Ok(()),
                Ok(_) => {}
                Err(Trouble::Late) if !cloud.remaining().is_zero() => {}
                Err(trouble) => {
                    return Err(self.silence(cloud, "an answer to an empty line", trouble));
                }
            }
        }
    }

    fn say(&mut self, cloud: &mut Cloud, text: &str) -> Result<(), Error> {
        let until = cloud.outside.now()
            + cloud
                .remaining()
                .min(Duration::from_secs(ANSWER_SECONDS_MAX));
        let written = self.stream.write(text.as_bytes(), until);
        written.map_err(|failure| silent(cloud, &self.place, "a host that listens", failure.found))
    }

    /// The next line, without its end.
    fn line(&mut self, cloud: &mut Cloud, most: Duration) -> Result<String, Trouble> {
        let until = cloud.outside.now() + most.min(cloud.remaining());
        let mut chunk = [0; 1024];
        loop {
            if let Some(end) = self.pending.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.pending.drain(..=end).collect();
                let line = String::from_utf8_lossy(&line);
                return Ok(String::from(line.trim_end_matches(['\n', '\r'])));
            }
            // Base 64 makes four bytes of three.
            if self.pending.len() > RESPONSE_BYTES_MAX / 3 * 4 {
                let found = format!("a line of more than {RESPONSE_BYTES_MAX} bytes");
                return Err(Trouble::Gone(found));
            }
            match self.stream.read(&mut chunk, until) {
                Ok(0) => return Err(Trouble::Gone(String::from("the end of the stream"))),
                Ok(count) => self
                    .pending
                    .extend_from_slice(chunk.get(..count).unwrap_or(&[])),
                Err(failure) if failure.again != Again::Never => return Err(Trouble::Late),
                Err(failure) => return Err(Trouble::Gone(failure.found)),
            }
        }
    }

    fn silence(&self, cloud: &Cloud, expected: &str, trouble: Trouble) -> Error {
        let found = match trouble {
            Trouble::Late => String::from("no answer in time"),
            Trouble::Gone(found) => found,
        };
        silent(cloud, &self.place, expected, found)
    }
}

fn silent(cloud: &Cloud, place: &str, expected: &str, found: String) -> Error {
    let step = format!("fetch {}", cloud.name);
    Error::new(Blame::Silent, step, place, expected, found)
}

/// A body as a line.
fn framed(body: &str) -> String {
    format!("V2 {} {:08x} {body}\n", body.len(), crc32(body.as_bytes()))
}

/// Why a line is not the answer.
#[derive(Debug, PartialEq, Eq)]
enum Flaw {
    /// It answers another question.
    Another,
    /// It is not what was sent, or not by this protocol.
    Damaged(String),
}

/// The length, the checksum and the body of a line.
fn frame(line: &str) -> IResult<&str, (u64, &str, &str)> {
    let checksum = take_while_m_n(8, 8, |c: char| c.is_ascii_hexdigit());
    (
        terminated(preceded(tag("V2 "), number), char(' ')),
        terminated(checksum, char(' ')),
        rest,
    )
        .parse(line)
}

/// The identifier, the code and the payload of a body.
fn parts(body: &str) -> IResult<&str, (&str, &str, Option<&str>)> {
    let word = || take_while1(|c: char| c != ' ');
    (
        terminated(word(), char(' ')),
        word(),
        opt(preceded(char(' '), rest)),
    )
        .parse(body)
}

/// What a line answers to the question `id`.
fn answer(line: &str, id: &str) -> Result<Option<Vec<u8>>, Flaw> {
    let damaged = |found: &str| Flaw::Damaged(String::from(found));
    let (_, (length, checksum, body)) =
        frame(line).map_err(|_| Flaw::Damaged(crate::text::quote(line)))?;
    if body.len() as u64 != length {
        return Err(Flaw::Damaged(format!("{} bytes of {length}", body.len())));
    }
    if u32::from_str_radix(checksum, 16) != Ok(crc32(body.as_bytes())) {
        return Err(damaged("a wrong checksum"));
    }
    match parts(body) {
        Ok((_, (other, _, _))) if other != id => Err(Flaw::Another),
        Ok((_, (_, "NOTFOUND", _))) => Ok(None),
        Ok((_, (_, "SUCCESS", payload))) => {
            let payload = STANDARD.decode(payload.unwrap_or("").trim());
            payload
                .map(Some)
                .map_err(|_| damaged("a payload that is not base 64"))
        }
        Ok((_, (_, code, _))) => Err(Flaw::Damaged(crate::text::quote(code))),
        Err(_) => Err(damaged("a line without a code")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(body: &str) -> String {
        String::from(framed(body).trim_end())
    }

    #[test]
    fn an_answer_is_taken_if_it_is_whole_and_ours() {
        assert_eq!(
            framed("dc4fae17 GET dXNlci1zY3JpcHQ="),
            "V2 29 9d9ce93f dc4fae17 GET dXNlci1zY3JpcHQ=\n"
        );
        assert_eq!(
            answer(&line("1 SUCCESS eA=="), "1"),
            Ok(Some(b"x".to_vec()))
        );
        assert_eq!(answer(&line("1 SUCCESS"), "1"), Ok(Some(Vec::new())));
        assert_eq!(answer(&line("1 NOTFOUND"), "1"), Ok(None));
        assert_eq!(answer(&line("2 SUCCESS eA=="), "1"), Err(Flaw::Another));
        for bad in ["1 SUCCESS e", "1 FAILURE", "1", ""] {
            assert!(
                matches!(answer(&line(bad), "1"), Err(Flaw::Damaged(_))),
                "{bad}"
            );
        }
    }

    #[test]
    fn every_prefix_and_every_flipped_bit_is_seen() {
        let whole = line("0abc SUCCESS eA==");
        for end in 0..whole.len() {
            assert!(
                matches!(answer(&whole[..end], "0abc"), Err(Flaw::Damaged(_))),
                "{end}"
            );
        }
        for (index, bit) in (0..whole.len()).flat_map(|index| (0..7).map(move |bit| (index, bit))) {
            let mut bytes = whole.clone().into_bytes();
            bytes[index] ^= 1 << bit;
            let Ok(text) = String::from_utf8(bytes) else {
                continue;
            };
            // A letter of the checksum may be of either case.
            let same = text.eq_ignore_ascii_case(&whole) && text[13..] == whole[13..];
            assert!(same || answer(&text, "0abc").is_err(), "{text}");
        }
    }
}
