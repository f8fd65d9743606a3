//! `cloud.conf`: what the cloud does beside answering from its folder, one line each.
//!
//! Words are separated by blanks, `#` starts a comment, lists are joined by commas, times are `200ms` or `3s`. A folder
//! without the file is a cloud at 169.254.169.254 that leases 10.0.2.15/24.
//!
//! ```text
//! # The network
//! lease 10.0.2.15/24 router 10.0.2.1 dns 10.0.2.3   a DHCP server; the next machine gets the next address. More words:
//!                                                   mtu 1400, hostname NAME, domain NAME, search NAME,…, ntp ADDRESS,…,
//!                                                   broadcast ADDRESS, azure ADDRESS (option 245), seconds 3600,
//!                                                   server ADDRESS (its own), routes 10.1.0.0/16=10.0.2.9,… (option 121);
//!                                                   skip 2 (messages left unanswered), nak 1 (requests refused),
//!                                                   delay 2s (before each answer). Two lines are two servers.
//! no lease                                          no DHCP server
//! listen 169.254.169.254 10.0.2.4:8080 …            where HTTP is served; the port is 80 unless given
//! name example.com 10.0.2.4,fd00::4                 a name and its addresses
//! cname www.example.com example.com                 another name for it
//! dns truncate | silent | servfail                  answers by UDP without records; none; a failure
//! conflict 10.0.2.15                                somebody else answers for this address
//! loss 30%  duplicate 1%  reorder 5%  corrupt 1%    what the cable does to frames, each way
//! delay 10ms                                        how long a frame takes, each way
//!
//! # The service. PATH may end in `*`; each of these lines may end in `skip N` (not the first N times) and
//! # `times N` (no more often)
//! alias /2021-03-23 /latest                         a prefix that stands for another one
//! require PATH HEADER VALUE else 401                this header must be there; VALUE may be `*` (anything), or
//!                                                   `@/latest/api/token`: what a PUT there answered, good for
//!                                                   `uses N` requests
//! answer GET PATH 503 retry-after 1                 this status and these headers, with an empty body
//! pause PATH 2s                                     waits before it answers
//! mute PATH                                         takes the request and never answers
//! slow PATH 100                                     so many bytes per second, head included
//! truncate PATH 10                                  closes the connection after so many bytes of the body
//! reset PATH 10                                     the same, but resets it
//! length PATH 10                                    a wrong Content-Length
//! oversize PATH 2GiB                                a body of this size
//! gzip PATH                                         the document as `gzip` packs it
//! chunked PATH                                      a body in chunks, and no Content-Length
//! close PATH                                        no keep-alive, and a body that ends with the connection
//! ```

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::SplitWhitespace;
use std::time::Duration;

use smoltcp::wire::Ipv4Cidr;

use super::faults::{Faults, duration};

/// What a folder without `cloud.conf` is taken to say.
pub const DEFAULT: &str = "lease 10.0.2.15/24 router 10.0.2.1 dns 10.0.2.3\nlisten 169.254.169.254";

/// Everything `cloud.conf` says.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The DHCP servers.
    pub leases: Vec<Lease>,
    /// Where HTTP is served.
    pub listen: Vec<SocketAddr>,
    /// What names stand for.
    pub names: BTreeMap<String, Name>,
    /// How the name server misbehaves.
    pub dns: Dns,
    /// Addresses that somebody else holds.
    pub conflicts: Vec<Ipv4Addr>,
    /// What the cable does to frames.
    pub faults: Faults,
    /// Prefixes of paths and what they stand for.
    pub aliases: Vec<(String, String)>,
    /// How the service behaves.
    pub rules: Vec<Rule>,
}

/// One DHCP server.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The address the first machine gets, and the length of its prefix.
    pub address: Ipv4Cidr,
    /// Options 3, 6, 28, 42, 245: addresses.
    pub addresses: BTreeMap<u8, Vec<Ipv4Addr>>,
    /// Options 12 and 15: text.
    pub texts: BTreeMap<u8, String>,
    /// Option 26.
    pub mtu: Option<u16>,
    /// Option 51, in seconds.
    pub seconds: u32,
    /// Option 54.
    pub server: Option<Ipv4Addr>,
    /// Option 119.
    pub search: Vec<String>,
    /// Option 121: destination and router.
    pub routes: Vec<(Ipv4Cidr, Ipv4Addr)>,
    /// Messages left unanswered.
    pub skip: u32,
    /// Requests refused.
    pub nak: u32,
    /// Time before each answer.
    pub delay: Duration,
}

/// What a name stands for.
#[derive(Clone, Debug)]
pub enum Name {
    /// These addresses.
    Addresses(Vec<IpAddr>),
    /// Another name.
    Alias(String),
}

/// How the name server behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Dns {
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

/// A line about the service.
#[derive(Clone, Debug)]
pub struct Rule {
    /// The path, with `*` at the end for everything that begins so.
    pub path: String,
    /// What happens there.
    pub what: What,
    /// How many requests pass before it happens.
    pub skip: u32,
    /// How many requests it happens to.
    pub times: u32,
}

/// What a line about the service says.
#[derive(Clone, Debug)]
pub enum What {
    /// A header must be there.
    Require {
        /// Its name.
        header: String,
        /// Its value.
        value: String,
        /// The status where it is not.
        status: u16,
        /// How many requests a token is good for.
        uses: u32,
    },
    /// A status instead of a document.
    Answer {
        /// For requests with this method.
        method: String,
        /// The status.
        status: u16,
        /// Headers to send with it.
        headers: Vec<(String, String)>,
    },
    /// A pause before the answer.
    Pause(Duration),
    /// No answer.
    Mute,
    /// Bytes per second.
    Slow(u64),
    /// Bytes of the body before the connection closes.
    Truncate(u64),
    /// Bytes of the body before the connection is reset.
    Reset(u64),
    /// What Content-Length says.
    Length(u64),
    /// How long the body is.
    Oversize(u64),
    /// The document packed.
    Gzip,
    /// A body in chunks.
    Chunked,
    /// The connection ends with the body.
    Close,
}

impl Settings {
    /// Adds what `text` says; an error names the line.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or("").trim();
            if line.is_empty() {
                continue;
            }
            self.add_line(&mut Words(line.split_whitespace()))
                .map_err(|error| format!("cloud.conf: line {} ({line}): {error}", index + 1))?;
        }
        Ok(())
    }

    fn add_line(&mut self, words: &mut Words) -> Result<(), String> {
        match words.next("a setting")? {
            "no" => match words.next("lease")? {
                "lease" => self.leases.clear(),
                other => return Err(format!("expected lease, but found {other}")),
            },
            "lease" => self.leases.push(Lease::parse(words)?),
            "listen" => {
                for word in words.0.by_ref() {
                    self.listen.push(endpoint(word)?);
                }
            }
            "name" => {
                let name = words.next("a name")?.to_ascii_lowercase();
                let addresses = Name::Addresses(words.list("addresses")?);
                self.names.insert(name, addresses);
            }
            "cname" => {
                let name = words.next("a name")?.to_ascii_lowercase();
                let other = words.next("a name")?.to_ascii_lowercase();
                self.names.insert(name, Name::Alias(other));
            }
            "dns" => {
                self.dns = match words.next("a word")? {
                    "truncate" => Dns::Truncate,
                    "silent" => Dns::Silent,
                    "servfail" => Dns::Servfail,
                    other => {
                        return Err(format!(
                            "expected truncate, silent or servfail, but found {other}"
                        ));
                    }
                }
            }
            "conflict" => self.conflicts.push(words.parse("an IPv4 address")?),
            "alias" => {
                let prefix = words.next("a path")?.to_string();
                self.aliases
                    .push((prefix, words.next("a path")?.to_string()));
            }
            name if self
                .faults
                .set(name, words.clone().next("a value").unwrap_or(""))? =>
            {
                words.next("a value")?;
            }
            name => self.rules.push(Rule::parse(name, words)?),
        }
        match words.0.next() {
            Some(word) => Err(format!("expected the end of the line, but found {word}")),
            None => Ok(()),
        }
    }
}

impl Lease {
    fn parse(words: &mut Words) -> Result<Lease, String> {
        let mut lease = Lease {
            address: words.parse("an address like 10.0.2.15/24")?,
            addresses: BTreeMap::new(),
            texts: BTreeMap::new(),
            mtu: None,
            seconds: 3600,
            server: None,
            search: Vec::new(),
            routes: Vec::new(),
            skip: 0,
            nak: 0,
            delay: Duration::ZERO,
        };
        while let Some(word) = words.0.next() {
            match word {
                "router" => drop(lease.addresses.insert(3, words.list("addresses")?)),
                "dns" => drop(lease.addresses.insert(6, words.list("addresses")?)),
                "broadcast" => drop(lease.addresses.insert(28, words.list("an address")?)),
                "ntp" => drop(lease.addresses.insert(42, words.list("addresses")?)),
                "azure" => drop(lease.addresses.insert(245, words.list("an address")?)),
                "hostname" => drop(lease.texts.insert(12, words.next("a name")?.into())),
                "domain" => drop(lease.texts.insert(15, words.next("a name")?.into())),
                "mtu" => lease.mtu = Some(words.parse("a number of bytes")?),
                "seconds" => lease.seconds = words.parse("a number of seconds")?,
                "server" => lease.server = Some(words.parse("an address")?),
                "search" => lease.search = words.list("names")?,
                "routes" => {
                    for route in words.next("routes")?.split(',') {
                        lease.routes.push(parse_route(route)?);
                    }
                }
                "skip" => lease.skip = words.parse("a number of messages")?,
                "nak" => lease.nak = words.parse("a number of requests")?,
                "delay" => lease.delay = duration(words.next("a time")?)?,
                other => return Err(format!("expected a word of a lease, but found {other}")),
            }
        }
        Ok(lease)
    }

    /// The addresses of option `kind`.
    pub fn addresses(&self, kind: u8) -> &[Ipv4Addr] {
        self.addresses.get(&kind).map_or(&[], Vec::as_slice)
    }
}

fn parse_route(text: &str) -> Result<(Ipv4Cidr, Ipv4Addr), String> {
    text.split_once('=')
        .and_then(|(to, via)| Some((to.parse().ok()?, via.parse().ok()?)))
        .ok_or_else(|| format!("expected a route like 10.1.0.0/16=10.0.2.9, but found {text}"))
}

impl Rule {
    fn parse(name: &str, words: &mut Words) -> Result<Rule, String> {
        let method = match name {
            "answer" => words.next("a method")?.to_string(),
            _ => String::new(),
        };
        let path = words.next("a path")?.to_string();
        let what = match name {
            "require" => What::Require {
                header: words.next("the name of a header")?.to_string(),
                value: words.next("its value")?.to_string(),
                status: match words.skip("else") {
                    true => words.parse("a status")?,
                    false => 401,
                },
                uses: match words.skip("uses") {
                    true => words.parse("a number of requests")?,
                    false => u32::MAX,
                },
            },
            "answer" => What::Answer {
                method,
                status: words.parse("a status")?,
                headers: words.headers()?,
            },
            "pause" => What::Pause(duration(words.next("a time")?)?),
            "mute" => What::Mute,
            "slow" => What::Slow(words.parse::<u64>("bytes per second")?.max(1)),
            "truncate" => What::Truncate(words.parse("a number of bytes")?),
            "reset" => What::Reset(words.parse("a number of bytes")?),
            "length" => What::Length(words.parse("a number of bytes")?),
            "oversize" => What::Oversize(size(words.next("a size")?)?),
            "gzip" => What::Gzip,
            "chunked" => What::Chunked,
            "close" => What::Close,
            other => return Err(format!("expected a setting, but found {other}")),
        };
        Ok(Rule {
            path,
            what,
            skip: match words.skip("skip") {
                true => words.parse("a number of requests")?,
                false => 0,
            },
            times: match words.skip("times") {
                true => words.parse("a number of requests")?,
                false => u32::MAX,
            },
        })
    }
}

/// The rest of a line, word by word.
#[derive(Clone)]
struct Words<'a>(SplitWhitespace<'a>);

impl<'a> Words<'a> {
    fn next(&mut self, expected: &str) -> Result<&'a str, String> {
        self.0
            .next()
            .ok_or_else(|| format!("expected {expected}, but found the end of the line"))
    }

    fn parse<T: std::str::FromStr>(&mut self, expected: &str) -> Result<T, String> {
        let word = self.next(expected)?;
        word.parse()
            .map_err(|_| format!("expected {expected}, but found {word}"))
    }

    fn list<T: std::str::FromStr>(&mut self, expected: &str) -> Result<Vec<T>, String> {
        let word = self.next(expected)?;
        word.split(',')
            .map(|item| item.parse().ok())
            .collect::<Option<_>>()
            .ok_or_else(|| format!("expected {expected}, but found {word}"))
    }

    /// Takes the next word if it is this one.
    fn skip(&mut self, word: &str) -> bool {
        let found = self.0.clone().next() == Some(word);
        if found {
            self.0.next();
        }
        found
    }

    /// Names and values of headers, up to `skip` or `times`.
    fn headers(&mut self) -> Result<Vec<(String, String)>, String> {
        let mut headers = Vec::new();
        while let Some(word) = self.0.clone().next() {
            if matches!(word, "skip" | "times") {
                break;
            }
            self.0.next();
            headers.push((word.to_string(), self.next("a value")?.to_string()));
        }
        Ok(headers)
    }
}

/// An address, with or without a port: `10.0.2.4`, `10.0.2.4:8080`, `fd00::4`, `[fd00::4]:8080`.
fn endpoint(text: &str) -> Result<SocketAddr, String> {
    let bare = text
        .parse()
        .map(|address: IpAddr| SocketAddr::new(address, 80));
    bare.or_else(|_| text.parse())
        .map_err(|_| format!("expected an address, but found {text}"))
}

/// A size in bytes, `10`, `64KiB`, `16MiB`, `2GiB`.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let shift = match &text[digits.len()..] {
        "" => 0,
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err(format!("expected a size like 2GiB, but found {text}")),
    };
    digits
        .parse::<u64>()
        .map(|number| number << shift)
        .map_err(|_| format!("expected a size like 2GiB, but found {text}"))
}
