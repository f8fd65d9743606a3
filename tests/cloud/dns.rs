//! A name server (RFC 1035) that knows a table: addresses, aliases, and for every other name that there is none.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::str::FromStr;

use super::packet::labels;

/// The port of servers.
pub const PORT: u16 = 53;
const HEADER_BYTES: usize = 12;
const TYPE_A: u16 = 1;
const TYPE_CNAME: u16 = 5;
const TYPE_AAAA: u16 = 28;
const CLASS_IN: u16 = 1;
/// How long an answer may be kept, in seconds.
const SECONDS_TO_LIVE: u32 = 60;
/// Names an alias may lead through.
const ALIASES_MAX: usize = 16;

const NO_ERROR: u8 = 0;
const FAILURE: u8 = 2;
const NO_SUCH_NAME: u8 = 3;
const REFUSED: u8 = 5;

/// What a name stands for.
#[derive(Clone, Debug)]
pub enum Name {
    /// These addresses.
    Addresses(Vec<IpAddr>),
    /// Another name.
    Alias(String),
    /// Nothing that this server would tell.
    Refused,
}

/// How the server behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    #[default]
    Right,
    /// By UDP it says that the answer is too long.
    Truncate,
    /// It says nothing.
    Silent,
    /// It says that it failed.
    Servfail,
}

impl FromStr for Mood {
    type Err = ();

    fn from_str(word: &str) -> Result<Mood, ()> {
        match word {
            "truncate" => Ok(Mood::Truncate),
            "silent" => Ok(Mood::Silent),
            "servfail" => Ok(Mood::Servfail),
            _ => Err(()),
        }
    }
}

/// The server.
pub struct Server {
    names: BTreeMap<String, Name>,
    mood: Mood,
}

impl Server {
    /// A server that knows these names.
    pub fn new(names: BTreeMap<String, Name>, mood: Mood) -> Server {
        Server { names, mood }
    }

    /// The answer to a query, and a line for the log; `stream` if it came by TCP.
    pub fn answer(&self, query: &[u8], stream: bool) -> Option<(Vec<u8>, String)> {
        let (name, kind, end) = question(query)?;
        if self.mood == Mood::Silent {
            return None;
        }
        let truncated = self.mood == Mood::Truncate && !stream;
        let (code, records) = match self.mood {
            Mood::Servfail => (FAILURE, Vec::new()),
            _ => self.look_up(&name, kind),
        };
        let mut answer = query[..end].to_vec();
        answer[2] = 0x84 | (query[2] & 1) | if truncated { 2 } else { 0 };
        answer[3] = 0x80 | code;
        let count = if truncated { 0 } else { records.len() as u16 };
        answer[6..8].copy_from_slice(&count.to_be_bytes());
        answer[8..HEADER_BYTES].fill(0);
        if !truncated {
            answer.extend(records.concat());
        }
        let what = match code {
            _ if truncated => "truncated".to_string(),
            NO_ERROR => format!("{count} records"),
            FAILURE => "failure".to_string(),
            REFUSED => "refused".to_string(),
            _ => "no such name".to_string(),
        };
        Some((answer, format!("dns {name} type {kind}: {what}")))
    }

    /// The code and the records for a name.
    fn look_up(&self, name: &str, kind: u16) -> (u8, Vec<Vec<u8>>) {
        let mut records = Vec::new();
        let mut name = name.to_string();
        for _ in 0..ALIASES_MAX {
            match self.names.get(&name) {
                Some(Name::Alias(other)) => {
                    records.push(record(&name, TYPE_CNAME, &labels(other)));
                    name = other.clone();
                }
                Some(Name::Addresses(addresses)) => {
                    records.extend(addresses.iter().filter_map(|address| match address {
                        IpAddr::V4(a) if kind == TYPE_A => Some(record(&name, kind, &a.octets())),
                        IpAddr::V6(a) if kind == TYPE_AAAA => {
                            Some(record(&name, kind, &a.octets()))
                        }
                        _ => None,
                    }));
                    return (NO_ERROR, records);
                }
                Some(Name::Refused) => return (REFUSED, records),
                None => return (NO_SUCH_NAME, records),
            }
        }
        (NO_ERROR, records)
    }
}

/// The name asked for in lower case, the type, and where the question ends.
fn question(query: &[u8]) -> Option<(String, u16, usize)> {
    let is_query = query.get(2)? & 0xf8 == 0 && query.get(4..6)? == [0, 1];
    let mut name: Vec<String> = Vec::new();
    let mut at = HEADER_BYTES;
    loop {
        let length = usize::from(*query.get(at)?);
        let label = query.get(at + 1..at + 1 + length)?;
        at += 1 + length;
        if length == 0 {
            break;
        }
        name.push(String::from_utf8_lossy(label).to_ascii_lowercase());
    }
    let kind = u16::from_be_bytes(query.get(at..at + 2)?.try_into().ok()?);
    let class = u16::from_be_bytes(query.get(at + 2..at + 4)?.try_into().ok()?);
    (is_query && class == CLASS_IN).then(|| (name.join("."), kind, at + 4))
}

fn record(name: &str, kind: u16, data: &[u8]) -> Vec<u8> {
    let mut bytes = labels(name);
    bytes.extend(kind.to_be_bytes());
    bytes.extend(CLASS_IN.to_be_bytes());
    bytes.extend(SECONDS_TO_LIVE.to_be_bytes());
    bytes.extend((data.len() as u16).to_be_bytes());
    bytes.extend(data);
    bytes
}
