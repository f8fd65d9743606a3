//! `cloud.conf`: what the cloud does beside answering from its folder, one line each.
//!
//! Words are separated by blanks, lists by commas; `#` starts a comment; times are `200ms` or `3s`. A folder without the
//! file is a cloud at 169.254.169.254 that leases 10.0.2.15/24. The cloud answers ARP and neighbour solicitations for every
//! router and server that a line mentions.
//!
//! ```text
//! # The network
//! lease 10.0.2.15/24 router 10.0.2.1 dns 10.0.2.3   a DHCP server; the next machine gets the next address. More words:
//!                                                   mtu 1400, hostname NAME, domain NAME, search NAME,…, ntp ADDRESS,…,
//!                                                   broadcast ADDRESS, azure ADDRESS (option 245), seconds 3600,
//!                                                   server ADDRESS (its own), routes 10.1.0.0/16=10.0.2.9,… (option 121);
//!                                                   skip 2 (messages left unanswered), nak 1 (requests refused),
//!                                                   delay 2s (before each answer), only 52:54:00:12:34:56 (nobody else
//!                                                   is answered). Two lines are two servers
//! router fe80::1 prefix 2001:db8::/64 dns fe80::53  a router that advertises itself when asked. More words: lifetime 1800,
//!                                                   search NAME,…, mtu 1400, flags managed,other, preferred 3600, valid 7200,
//!                                                   routes PREFIX,…, every 10s (unasked, too), skip 2 (left unanswered)
//! lease6 2001:db8::15 dns 2001:db8::53              a DHCPv6 server. More words: search NAME,…, seconds 3600, skip 2,
//!                                                   delay 2s, only MAC, rapid yes; `lease6 none dns …` answers information
//!                                                   requests only
//! listen 169.254.169.254 [fd00::4]:8080 …           where HTTP is served; the port is 80 unless given
//! secure 10.0.2.80:443 CHAIN.pem KEY.pem            where HTTPS is served, with these files. More words: only 12 (TLS 1.2),
//!                                                   rate 10 (bytes per second; 0 is silence)
//! no lease | lease6 | router | listen               forgets the lines of that kind above
//! name example.com 10.0.2.4,fd00::4                 a name and its addresses
//! cname www.example.com example.com                 another name for it
//! refuse seed.example.com                           a name of which the name server says nothing
//! dns truncate | silent | servfail                  answers by UDP without records; none; a failure
//! conflict 10.0.2.0/24 times 1                      somebody else says that such an address is his; always, without `times`
//! claim 10.0.2.15 3s,4s                             somebody else announces this address at these times; `last` is the
//!                                                   address that a machine announced last
//! vanish 169.254.169.254,…                          there is such a machine, but it never answers a packet
//!
//! # The cable
//! loss 30%  duplicate 1%  reorder 5%  corrupt 1%    what it does to frames, each way; one setting a line
//! delay 10ms                                        how long a frame takes, each way
//! mtu 1400                                          longer IP packets vanish
//! lose 1,3                                          the first and third frame from the machine vanish
//!
//! # The service. PATH may end in `*`; each of these lines may end in `skip N` (not the first N times) and
//! # `times N` (no more often)
//! alias /2021-03-23 /latest                         a prefix that stands for another one
//! require PATH HEADER VALUE else 401                this header must be there; VALUE may be `*` (anything), or
//!                                                   `@/latest/api/token`: what a PUT there answered, good for
//!                                                   `uses N` requests; `~TEXT` stands anywhere in the header
//! demand POST PATH TEXT else 400                    this must stand in the body
//! date 1783000000                                   the Date of every answer, in seconds since the epoch
//! below PATH 1024 else 403                          the request must come from a port below this
//! answer GET PATH 503 retry-after 1                 this status and these headers, with an empty body
//! header PATH Metadata-Flavor Google                this header, whatever is answered
//! gzip PATH                                         the document as `gzip` packs it
//! pause PATH 2s                                     waits before it answers
//! mute PATH                                         takes the request and never answers
//! garbage PATH                                      answers something that is not HTTP
//! odd PATH                                          headers that only a lenient reader takes
//! slow PATH 100                                     so many bytes per second, head included
//! truncate PATH 10                                  closes the connection after so many bytes of the body
//! reset PATH 10                                     the same, but resets it
//! length PATH 10                                    a wrong Content-Length
//! oversize PATH 2GiB                                a body of this size
//! chunked PATH                                      a body in chunks, and no Content-Length
//! close PATH                                        no Content-Length: the body ends with the connection
//! ```

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use smoltcp::wire::IpCidr;

use super::dhcp::Lease;
use super::dhcp6::Lease6;
use super::dns::{Mood, Name};
use super::faults::{Faults, duration};
use super::ra::Router;
use super::rules::Rule;
use super::secure::Secure;
use super::words::{Words, endpoint, prefix};

/// What a folder without `cloud.conf` is taken to say.
pub const DEFAULT: &str = "lease 10.0.2.15/24 router 10.0.2.1 dns 10.0.2.3\nlisten 169.254.169.254";

/// Everything `cloud.conf` says.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The DHCPv4 servers.
    pub leases: Vec<Lease>,
    /// The routers.
    pub routers: Vec<Router>,
    /// The DHCPv6 servers.
    pub leases6: Vec<Lease6>,
    /// Where HTTP is served.
    pub listen: Vec<SocketAddr>,
    /// Where HTTPS is served.
    pub secure: Vec<Secure>,
    /// What names stand for.
    pub names: BTreeMap<String, Name>,
    /// How the name server behaves.
    pub mood: Mood,
    /// Addresses that somebody else says are his, and how often.
    pub conflicts: Vec<(IpCidr, u32)>,
    /// An address that somebody else announces (`None`: the one announced last), and when.
    pub claims: Vec<(Option<Ipv4Addr>, Duration)>,
    /// Addresses whose packets vanish.
    pub vanished: Vec<IpAddr>,
    /// What the cable does to frames.
    pub faults: Faults,
    /// Frames from the machine that vanish, counted from 1.
    pub lost: Vec<u64>,
    /// What time the service says it is, in seconds since the epoch.
    pub date: Option<u64>,
    /// Prefixes of paths and what they stand for.
    pub aliases: Vec<(String, String)>,
    /// How the service behaves.
    pub rules: Vec<Rule>,
}

impl Settings {
    /// Adds what `text` says; an error names the line.
    pub fn add(&mut self, text: &str) -> Result<(), String> {
        for (index, line) in text.lines().enumerate() {
            let line = line.split('#').next().unwrap_or("").trim();
            if !line.is_empty() {
                self.add_line(&mut Words::new(line))
                    .map_err(|error| format!("cloud.conf: line {} ({line}): {error}", index + 1))?;
            }
        }
        Ok(())
    }

    fn add_line(&mut self, words: &mut Words) -> Result<(), String> {
        match words.next("a setting")? {
            "lease" => self.leases.push(Lease::parse(words)?),
            "router" => self.routers.push(Router::parse(words)?),
            "lease6" => self.leases6.push(Lease6::parse(words)?),
            "listen" => {
                while let Some(word) = words.take() {
                    self.listen.push(endpoint(word)?);
                }
            }
            "secure" => self.secure.push(Secure::parse(words)?),
            "no" => self.forget(words.next("a setting")?)?,
            "name" => {
                let name = words.next("a name")?.to_ascii_lowercase();
                let addresses = words.list("addresses")?;
                self.names.insert(name, Name::Addresses(addresses));
            }
            "cname" => {
                let name = words.next("a name")?.to_ascii_lowercase();
                let other = words.next("a name")?.to_ascii_lowercase();
                self.names.insert(name, Name::Alias(other));
            }
            "refuse" => {
                let name = words.next("a name")?.to_ascii_lowercase();
                self.names.insert(name, Name::Refused);
            }
            "dns" => self.mood = words.parse("truncate, silent or servfail")?,
            "conflict" => {
                let prefix = prefix(words.next("an address or a prefix")?)?;
                let times = words.number_after("times")?.unwrap_or(u32::MAX);
                self.conflicts.push((prefix, times));
            }
            "claim" => self.add_claims(words)?,
            "vanish" => self.vanished.extend(words.list::<IpAddr>("addresses")?),
            "date" => self.date = Some(words.parse("seconds since the epoch")?),
            "lose" => self.lost.extend(words.list::<u64>("numbers of frames")?),
            "alias" => {
                let prefix = words.next("a path")?.to_string();
                self.aliases
                    .push((prefix, words.next("a path")?.to_string()));
            }
            name if self.faults.set(name, words.peek().unwrap_or(""))? => drop(words.take()),
            name => self.rules.push(Rule::parse(name, words)?),
        }
        match words.take() {
            Some(word) => Err(format!("expected the end of the line, but found {word}")),
            None => Ok(()),
        }
    }

    fn add_claims(&mut self, words: &mut Words) -> Result<(), String> {
        let address = match words.peek() {
            Some("last") => words.take().and(None),
            _ => Some(words.parse("an IPv4 address or last")?),
        };
        for time in words.next("times")?.split(',') {
            self.claims.push((address, duration(time)?));
        }
        Ok(())
    }

    fn forget(&mut self, what: &str) -> Result<(), String> {
        match what {
            "lease" => self.leases.clear(),
            "lease6" => self.leases6.clear(),
            "router" => self.routers.clear(),
            "listen" => self.listen.clear(),
            other => {
                return Err(format!(
                    "expected lease, lease6, router or listen, but found {other}"
                ));
            }
        }
        Ok(())
    }
}
