//! A DHCPv6 client (RFC 8415) for one boot: an address and name servers, or name servers only.
//!
//! ```text
//!   addresses:  Solicit ──advertise──► Request ──reply──► Done
//!                  └───────reply (rapid commit)────────────▲
//!   names:      Information-request ──reply────────────────┘
//! ```

use alloc::vec::Vec;
use core::net::Ipv6Addr;

use nom::bytes::complete::take;
use nom::multi::length_data;
use nom::number::complete::{be_u16, be_u32, be_u128};
use nom::{IResult, Parser};
use smoltcp::time::{Duration, Instant};

use super::{Mac, names};
use crate::outside::learnt::Lease6;

/// Where clients listen.
pub const CLIENT_PORT: u16 = 546;
/// Where servers listen.
pub const SERVER_PORT: u16 = 547;
/// All servers and relays on the link.
pub const ALL_SERVERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
/// The first pause before a message is repeated; it doubles up to [`RESEND_MAX`].
const RESEND_MIN: Duration = Duration::from_millis(300);
/// The longest pause before a message is repeated.
const RESEND_MAX: Duration = Duration::from_millis(2000);
/// Unanswered requests after which another server may be asked.
const REQUESTS_MAX: u32 = 4;
/// Most name servers and domains kept.
const ENTRIES_MAX: usize = 8;
/// Longest server identifier taken (RFC 8415, 11.1).
const IDENTIFIER_BYTES_MAX: usize = 130;

const SOLICIT: u8 = 1;
const ADVERTISE: u8 = 2;
const REQUEST: u8 = 3;
const REPLY: u8 = 7;
const DECLINE: u8 = 9;
const INFORMATION: u8 = 11;

/// The options that are read or written here (RFC 8415; 23, 24: RFC 3646).
mod option {
    pub const CLIENT: u16 = 1;
    pub const SERVER: u16 = 2;
    pub const ADDRESSES: u16 = 3;
    pub const ADDRESS: u16 = 5;
    pub const ASKED: u16 = 6;
    pub const ELAPSED: u16 = 8;
    pub const STATUS: u16 = 13;
    pub const RAPID: u16 = 14;
    pub const NAMES: u16 = 23;
    pub const SEARCH: u16 = 24;
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Soliciting,
    Requesting { server: Vec<u8>, address: Ipv6Addr },
    Informing,
    Declining { server: Vec<u8>, address: Ipv6Addr },
    Done,
}

/// The client of one interface.
#[derive(Clone, Debug)]
pub struct Client {
    mac: Mac,
    transaction: u32,
    state: State,
    server: Vec<u8>,
    started: Instant,
    next: Instant,
    pause: Duration,
    tries: u32,
    /// Messages sent so far.
    pub sent: u32,
}

impl Client {
    /// A client that asks at once, for an address too if `addresses`. `transaction` is a random number.
    pub fn new(mac: Mac, addresses: bool, transaction: u32, now: Instant) -> Client {
        Client {
            mac,
            transaction: transaction & 0x00ff_ffff,
            state: if addresses {
                State::Soliciting
            } else {
                State::Informing
            },
            server: Vec::new(),
            started: now,
            next: now,
            pause: RESEND_MIN,
            tries: 0,
            sent: 0,
        }
    }

    /// When [`Client::poll`] has something to send; `None` once everything is told.
    pub fn next(&self) -> Option<Instant> {
        (self.state != State::Done).then_some(self.next)
    }

    /// The message to send to [`ALL_SERVERS`] now, if it is time for one.
    pub fn poll(&mut self, now: Instant, random: u32) -> Option<Vec<u8>> {
        if self.state == State::Done || now < self.next {
            return None;
        }
        if matches!(self.state, State::Requesting { .. }) && self.tries >= REQUESTS_MAX {
            self.begin(now, random);
        }
        let message = self.message(now);
        if matches!(self.state, State::Declining { .. }) {
            self.begin(now + RESEND_MIN, random);
            return Some(message);
        }
        (self.tries, self.sent) = (self.tries + 1, self.sent + 1);
        let micros = self.pause.total_micros();
        let spread = micros / 8 * u64::from(random % 1024) / 1024;
        self.next = now + Duration::from_micros(micros + spread);
        self.pause = (self.pause * 2).min(RESEND_MAX);
        Some(message)
    }

    /// Takes the payload of a datagram to our port; the lease, once there is one.
    pub fn receive(&mut self, now: Instant, message: &[u8]) -> Option<Lease6> {
        let (_, reply) = reply(message).ok()?;
        let ours = reply.transaction == self.transaction && reply.client == duid(self.mac);
        if !ours || reply.server.is_empty() || reply.status != 0 {
            return None;
        }
        match (&self.state, reply.kind) {
            (State::Soliciting, ADVERTISE) => {
                let address = reply.lease.address?;
                self.state = State::Requesting {
                    server: reply.server,
                    address,
                };
                (self.tries, self.pause, self.next) = (0, RESEND_MIN, now);
                None
            }
            (State::Soliciting, REPLY) if !reply.rapid => None,
            (State::Soliciting | State::Requesting { .. }, REPLY) => {
                reply.lease.address?;
                self.finish(reply)
            }
            (State::Informing, REPLY) => self.finish(reply),
            _ => None,
        }
    }

    fn finish(&mut self, reply: Reply) -> Option<Lease6> {
        self.state = State::Done;
        self.server = reply.server;
        Some(reply.lease)
    }

    /// Gives `address` back because somebody else uses it (RFC 8415, 18.2.8), and begins again.
    pub fn decline(&mut self, now: Instant, address: Ipv6Addr) {
        let server = core::mem::take(&mut self.server);
        self.state = State::Declining { server, address };
        self.next = now;
    }

    fn begin(&mut self, at: Instant, random: u32) {
        self.state = State::Soliciting;
        self.transaction = (self.transaction.wrapping_mul(0x9E37_79B1) ^ random) & 0x00ff_ffff;
        (self.tries, self.pause, self.next) = (0, RESEND_MIN, at);
    }

    /// RFC 8415, 8: type 1 · transaction 3 · options.
    fn message(&self, now: Instant) -> Vec<u8> {
        let kind = match self.state {
            State::Soliciting => SOLICIT,
            State::Requesting { .. } => REQUEST,
            State::Declining { .. } => DECLINE,
            State::Informing | State::Done => INFORMATION,
        };
        let mut out = Vec::from((u32::from(kind) << 24 | self.transaction).to_be_bytes());
        put(&mut out, option::CLIENT, &duid(self.mac));
        let elapsed = ((now - self.started).total_millis() / 10).min(u64::from(u16::MAX)) as u16;
        put(&mut out, option::ELAPSED, &elapsed.to_be_bytes());
        match &self.state {
            State::Soliciting => {
                put(&mut out, option::ADDRESSES, &association(None));
                put(&mut out, option::RAPID, &[]);
            }
            State::Requesting { server, address } | State::Declining { server, address } => {
                put(&mut out, option::SERVER, server);
                put(&mut out, option::ADDRESSES, &association(Some(*address)));
            }
            State::Informing | State::Done => {}
        }
        let asked = [option::NAMES, option::SEARCH]
            .map(u16::to_be_bytes)
            .concat();
        put(&mut out, option::ASKED, &asked);
        out
    }
}

/// What kind of message this is, in a word, for people.
pub fn kind(message: &[u8]) -> &'static str {
    match message.first() {
        Some(&SOLICIT) => "solicit",
        Some(&ADVERTISE) => "advertise",
        Some(&REQUEST) => "request",
        Some(&REPLY) => "reply",
        Some(&DECLINE) => "decline",
        Some(&INFORMATION) => "information-request",
        _ => "message",
    }
}

/// RFC 8415, 11.4: a DUID of the hardware address alone, the same at every boot.
fn duid(mac: Mac) -> Vec<u8> {
    let mut out = Vec::from([0, 3, 0, 1]);
    out.extend(mac);
    out
}

/// RFC 8415, 21.4: an association of addresses: identifier 4 · T1 4 · T2 4 · options.
fn association(address: Option<Ipv6Addr>) -> Vec<u8> {
    let mut out = Vec::from([0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
    if let Some(address) = address {
        let mut inner = Vec::from(address.octets());
        inner.extend([0; 8]);
        put(&mut out, option::ADDRESS, &inner);
    }
    out
}

fn put(out: &mut Vec<u8>, code: u16, data: &[u8]) {
    out.extend(code.to_be_bytes());
    out.extend((data.len() as u16).to_be_bytes());
    out.extend(data);
}

#[derive(Default)]
struct Reply {
    kind: u8,
    transaction: u32,
    client: Vec<u8>,
    server: Vec<u8>,
    status: u16,
    rapid: bool,
    lease: Lease6,
}

fn reply(input: &[u8]) -> IResult<&[u8], Reply> {
    let (mut input, head) = be_u32(input)?;
    let mut reply = Reply {
        kind: (head >> 24) as u8,
        transaction: head & 0x00ff_ffff,
        ..Reply::default()
    };
    while !input.is_empty() {
        let (rest, (code, data)) = one_option(input)?;
        reply.take(code, data);
        input = rest;
    }
    Ok((input, reply))
}

impl Reply {
    fn take(&mut self, code: u16, data: &[u8]) {
        match code {
            option::CLIENT => self.client = data.to_vec(),
            option::SERVER if data.len() <= IDENTIFIER_BYTES_MAX => self.server = data.to_vec(),
            option::RAPID => self.rapid = true,
            option::STATUS => self.status = status(data),
            option::ADDRESSES => {
                if let Ok((_, Some((address, seconds)))) = addresses(data) {
                    (self.lease.address, self.lease.seconds) = (Some(address), seconds);
                }
            }
            option::NAMES => {
                let list = data
                    .chunks_exact(16)
                    .filter_map(|chunk| chunk.try_into().ok());
                self.lease.names = list
                    .map(|bytes: [u8; 16]| bytes.into())
                    .take(ENTRIES_MAX)
                    .collect();
            }
            option::SEARCH => self.lease.search = names::list(data),
            _ => {}
        }
    }
}

/// RFC 8415, 21.1: code 2 · length 2 · data.
fn one_option(input: &[u8]) -> IResult<&[u8], (u16, &[u8])> {
    (be_u16, length_data(be_u16)).parse(input)
}

/// A status code; a broken one is a failure.
fn status(data: &[u8]) -> u16 {
    let result: IResult<&[u8], u16> = be_u16(data);
    result.map_or(u16::MAX, |(_, code)| code)
}

/// The first address of an association whose lifetime is not over and that has no bad status.
fn addresses(input: &[u8]) -> IResult<&[u8], Option<(Ipv6Addr, u32)>> {
    let (mut input, _) = take(12usize).parse(input)?;
    let mut found = None;
    let mut good = true;
    while !input.is_empty() {
        let (rest, (code, data)) = one_option(input)?;
        match code {
            option::ADDRESS => {
                let (_, (address, _, valid)) = (be_u128, be_u32, be_u32).parse(data)?;
                if valid > 0 && found.is_none() {
                    found = Some((Ipv6Addr::from_bits(address), valid));
                }
            }
            option::STATUS => good &= status(data) == 0,
            _ => {}
        }
        input = rest;
    }
    Ok((
        input,
        found.filter(|(address, _)| good && !address.is_multicast() && !address.is_unspecified()),
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const MAC: Mac = [0x52, 0x54, 0, 0x12, 0x34, 0x56];

    fn at(millis: i64) -> Instant {
        Instant::from_millis(millis)
    }

    fn yours() -> Ipv6Addr {
        "fd00:1::99".parse().unwrap()
    }

    fn answer(client: &Client, kind: u8, rapid: bool) -> Vec<u8> {
        let mut out = Vec::from((u32::from(kind) << 24 | client.transaction).to_be_bytes());
        put(&mut out, option::CLIENT, &duid(MAC));
        put(&mut out, option::SERVER, &[0, 3, 0, 1, 2, 0, 0, 0, 0, 9]);
        let mut association = association(Some(yours()));
        let end = association.len();
        association[end - 4..].copy_from_slice(&3600u32.to_be_bytes());
        put(&mut out, option::ADDRESSES, &association);
        put(
            &mut out,
            option::NAMES,
            &"fd00:1::53".parse::<Ipv6Addr>().unwrap().octets(),
        );
        put(&mut out, option::SEARCH, &[1, b'a', 2, b'b', b'c', 0]);
        if rapid {
            put(&mut out, option::RAPID, &[]);
        }
        out
    }

    #[test]
    fn four_messages_lease_an_address() {
        let mut client = Client::new(MAC, true, 7, at(0));
        assert_eq!(client.poll(at(0), 0).unwrap()[0], SOLICIT);
        let advertise = answer(&client, ADVERTISE, false);
        assert_eq!(client.receive(at(1), &advertise), None);
        assert_eq!(client.poll(at(1), 0).unwrap()[0], REQUEST);
        let reply = answer(&client, REPLY, false);
        let lease = client.receive(at(2), &reply).unwrap();
        assert_eq!((lease.address, lease.seconds), (Some(yours()), 3600));
        assert_eq!(lease.search, ["a.bc"]);
        assert_eq!(client.next(), None);
    }

    #[test]
    fn two_messages_do_where_the_server_agrees() {
        let mut client = Client::new(MAC, true, 7, at(0));
        client.poll(at(0), 0);
        let slow = answer(&client, REPLY, false);
        assert_eq!(client.receive(at(1), &slow), None);
        let rapid = answer(&client, REPLY, true);
        assert!(client.receive(at(1), &rapid).is_some());
    }

    #[test]
    fn names_alone_need_no_address() {
        let mut client = Client::new(MAC, false, 7, at(0));
        assert_eq!(client.poll(at(0), 0).unwrap()[0], INFORMATION);
        let reply = answer(&client, REPLY, false);
        assert_eq!(client.receive(at(1), &reply).unwrap().names.len(), 1);
    }

    #[test]
    fn a_taken_address_is_declined_and_another_asked_for() {
        let mut client = Client::new(MAC, true, 7, at(0));
        client.poll(at(0), 0);
        let rapid = answer(&client, REPLY, true);
        client.receive(at(1), &rapid).unwrap();
        client.decline(at(2), yours());
        assert_eq!(client.poll(at(2), 0).unwrap()[0], DECLINE);
        let next = client.next().unwrap();
        assert_eq!(client.poll(next, 0).unwrap()[0], SOLICIT);
    }

    #[test]
    fn messages_for_others_and_failures_are_nothing() {
        let client = Client::new(MAC, true, 7, at(0));
        let mut other = answer(&client, REPLY, true);
        other[3] ^= 1;
        assert_eq!(client.clone().receive(at(1), &other), None);
        let mut failed = answer(&client, REPLY, true);
        put(&mut failed, option::STATUS, &[0, 2]);
        assert_eq!(client.clone().receive(at(1), &failed), None);
    }

    #[test]
    fn no_prefix_and_no_flipped_byte_panics() {
        let client = Client::new(MAC, true, 7, at(0));
        let whole = answer(&client, REPLY, true);
        for length in 0..whole.len() {
            client.clone().receive(at(1), &whole[..length]);
        }
        for index in 0..whole.len() {
            for bit in 0..8 {
                let mut broken = whole.clone();
                broken[index] ^= 1 << bit;
                client.clone().receive(at(1), &broken);
            }
        }
    }
}
