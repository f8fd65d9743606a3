//! A DHCPv4 client (RFC 2131, RFC 2132) for one boot: bytes and time in, bytes and a lease out.
//!
//! ```text
//!   Selecting ──offer──► Requesting ──ack──► Bound
//!       ▲                 │      │
//!       └──── nak ────────┘      └── 4 requests unanswered ──► Selecting
//! ```
//!
//! It asks at once and often (0.3 s, doubling to 2 s), because a boot waits for it. It identifies itself by the hardware
//! address, as most kernels and clients do, so that the real root gets the same lease. It neither renews (a boot is shorter
//! than any lease) nor releases (the real root goes on with the address).

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use nom::bytes::complete::{tag, take};
use nom::multi::{length_data, many0};
use nom::number::complete::{be_u8, be_u32};
use nom::{IResult, Parser};
use smoltcp::time::{Duration, Instant};

use super::Mac;
use crate::outside::learnt::{LearntRoute, Lease};

/// Where servers listen.
pub const SERVER_PORT: u16 = 67;
/// Where clients listen.
pub const CLIENT_PORT: u16 = 68;
/// The code of the option in which Azure tells where its wire server is.
pub const WIRESERVER: u8 = option::WIRESERVER;
/// Most addresses kept of one list (routers, name servers, time servers).
pub const LIST_ENTRIES_MAX: usize = 8;
/// Most routes kept of option 121.
pub const ROUTES_MAX: usize = 16;
/// The first pause before a message is repeated; it doubles up to [`RESEND_MAX`].
const RESEND_MIN: Duration = Duration::from_millis(300);
/// The longest pause before a message is repeated.
const RESEND_MAX: Duration = Duration::from_millis(2000);
/// Unanswered requests after which another server may be asked.
const REQUESTS_MAX: u32 = 4;
/// The pause after a refusal, so that a server that refuses for ever is not flooded.
const REFUSED_PAUSE: Duration = Duration::from_millis(200);
/// Largest message this client takes, as told in option 57.
const MESSAGE_BYTES_MAX: u16 = 1500;

const COOKIE: [u8; 4] = [99, 130, 83, 99];
const BOOTREQUEST: u8 = 1;
const BOOTREPLY: u8 = 2;

/// The option codes that are read or written here (RFC 2132; 119: RFC 3397; 121: RFC 3442; 245: Azure's wire server).
mod option {
    pub const PAD: u8 = 0;
    pub const MASK: u8 = 1;
    pub const ROUTERS: u8 = 3;
    pub const NAMES: u8 = 6;
    pub const HOSTNAME: u8 = 12;
    pub const DOMAIN: u8 = 15;
    pub const MTU: u8 = 26;
    pub const TIME: u8 = 42;
    pub const ADDRESS: u8 = 50;
    pub const SECONDS: u8 = 51;
    pub const OVERLOAD: u8 = 52;
    pub const KIND: u8 = 53;
    pub const SERVER: u8 = 54;
    pub const ASKED: u8 = 55;
    pub const MESSAGE: u8 = 56;
    pub const BYTES_MAX: u8 = 57;
    pub const CLIENT: u8 = 61;
    pub const SEARCH: u8 = 119;
    pub const ROUTES: u8 = 121;
    pub const WIRESERVER: u8 = 245;
    pub const END: u8 = 255;
}

/// What is asked for in option 55; 121 stands before 3, as RFC 3442 demands.
const ASKED: [u8; 12] = [
    option::MASK,
    option::ROUTES,
    option::ROUTERS,
    option::NAMES,
    option::HOSTNAME,
    option::DOMAIN,
    option::MTU,
    option::TIME,
    option::SECONDS,
    option::SERVER,
    option::SEARCH,
    option::WIRESERVER,
];

/// The kinds of message (option 53) that are sent or understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Kind {
    Discover = 1,
    Offer = 2,
    Request = 3,
    Decline = 4,
    Ack = 5,
    Nak = 6,
}

/// What a received message led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A server offered an address; it is being asked for. Nothing of this may be used yet.
    Offered(Lease),
    /// The lease is there.
    Leased(Lease),
    /// The server refused, with its words; the client begins again.
    Refused(Ipv4Addr, String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Selecting,
    Requesting { address: Ipv4Addr, server: Ipv4Addr },
    Bound,
}

/// The client of one interface.
#[derive(Clone, Debug)]
pub struct Client {
    mac: Mac,
    transaction: u32,
    state: State,
    started: Instant,
    next: Instant,
    pause: Duration,
    tries: u32,
    /// Messages sent so far, for the message when nobody answers.
    pub sent: u32,
    decline: Option<(Ipv4Addr, Ipv4Addr)>,
}

impl Client {
    /// A client that asks at once. `transaction` is a random number.
    pub fn new(mac: Mac, transaction: u32, now: Instant) -> Client {
        Client {
            mac,
            transaction,
            state: State::Selecting,
            started: now,
            next: now,
            pause: RESEND_MIN,
            tries: 0,
            sent: 0,
            decline: None,
        }
    }

    /// When it first asked.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// When [`Client::poll`] has something to send; `None` once there is a lease.
    pub fn next(&self) -> Option<Instant> {
        (self.state != State::Bound || self.decline.is_some()).then_some(self.next)
    }

    /// The message to broadcast now, if it is time for one.
    pub fn poll(&mut self, now: Instant, random: u32) -> Option<Vec<u8>> {
        if now < self.next {
            return None;
        }
        if let Some((address, server)) = self.decline.take() {
            self.next = now + REFUSED_PAUSE;
            return Some(self.message(Kind::Decline, now, Some(address), Some(server)));
        }
        if matches!(self.state, State::Requesting { .. }) && self.tries >= REQUESTS_MAX {
            self.begin(now, random);
        }
        let message = match self.state {
            State::Selecting => self.message(Kind::Discover, now, None, None),
            State::Requesting { address, server } => {
                self.message(Kind::Request, now, Some(address), Some(server))
            }
            State::Bound => return None,
        };
        self.tries += 1;
        self.sent += 1;
        self.next = now + jitter(self.pause, random);
        self.pause = (self.pause * 2).min(RESEND_MAX);
        Some(message)
    }

    /// Takes the payload of a datagram from `source` to our port. Messages that are not for us, not asked for or broken are
    /// nothing.
    pub fn receive(&mut self, now: Instant, source: Ipv4Addr, message: &[u8]) -> Option<Event> {
        let reply = Reply::parse(message)?;
        if reply.transaction != self.transaction || reply.mac != self.mac {
            return None;
        }
        let server = reply.address(option::SERVER).unwrap_or(source);
        match (&self.state, reply.kind()?) {
            (State::Selecting, Kind::Offer) => {
                let address = reply.yours;
                if !is_host(address) {
                    return None;
                }
                self.state = State::Requesting { address, server };
                (self.tries, self.pause, self.next) = (0, RESEND_MIN, now);
                Some(Event::Offered(reply.lease(server)))
            }
            // An offer may lack its server's address, or a relay puts another one in: what was asked for is known by itself.
            (
                State::Requesting {
                    server: asked,
                    address,
                },
                Kind::Ack,
            ) if (server == *asked || reply.yours == *address) && is_host(reply.yours) => {
                self.state = State::Bound;
                Some(Event::Leased(reply.lease(server)))
            }
            (State::Requesting { server: asked, .. }, Kind::Nak) if server == *asked => {
                let words = reply.text(option::MESSAGE).unwrap_or_default();
                let random = self.transaction;
                self.begin(now + REFUSED_PAUSE, random);
                Some(Event::Refused(server, words))
            }
            _ => None,
        }
    }

    /// Gives the lease back because somebody else uses its address (RFC 2131, 3.1 step 5), and begins again.
    pub fn decline(&mut self, now: Instant, lease: &Lease) {
        let server = lease.server.unwrap_or(Ipv4Addr::UNSPECIFIED);
        self.decline = Some((lease.address, server));
        self.begin(now, self.transaction);
    }

    fn begin(&mut self, at: Instant, random: u32) {
        self.state = State::Selecting;
        self.transaction = self.transaction.wrapping_mul(0x9E37_79B1) ^ random;
        (self.tries, self.pause, self.next) = (0, RESEND_MIN, at);
    }

    /// RFC 2131, 2: the fixed part, the cookie, the options. Addresses are asked for as an option, never as `ciaddr`.
    fn message(
        &self,
        kind: Kind,
        now: Instant,
        address: Option<Ipv4Addr>,
        server: Option<Ipv4Addr>,
    ) -> Vec<u8> {
        let mut out = Vec::with_capacity(300);
        out.extend([BOOTREQUEST, 1, 6, 0]);
        out.extend(self.transaction.to_be_bytes());
        let seconds = (now - self.started).secs().min(u64::from(u16::MAX)) as u16;
        out.extend(seconds.to_be_bytes());
        out.extend([0; 2 + 16]);
        out.extend(self.mac);
        out.extend([0; 10 + 64 + 128]);
        out.extend(COOKIE);
        out.extend([option::KIND, 1, kind as u8]);
        out.extend([option::CLIENT, 7, 1]);
        out.extend(self.mac);
        if let Some(address) = address {
            out.extend([option::ADDRESS, 4]);
            out.extend(address.octets());
        }
        if let Some(server) = server {
            out.extend([option::SERVER, 4]);
            out.extend(server.octets());
        }
        if kind != Kind::Decline {
            out.extend([option::BYTES_MAX, 2]);
            out.extend(MESSAGE_BYTES_MAX.to_be_bytes());
            out.extend([option::ASKED, ASKED.len() as u8]);
            out.extend(ASKED);
        }
        out.push(option::END);
        // BOOTP relays of old want at least 300 bytes.
        out.resize(out.len().max(300), option::PAD);
        out
    }
}

/// What kind of message this is, in a word, for people.
pub fn kind(message: &[u8]) -> &'static str {
    let options = message.get(240..).unwrap_or(&[]);
    let mut found = BTreeMap::new();
    // The collection ends at the first broken option, and what came before it is good.
    let _ = collect(options, &mut found);
    match found.get(&option::KIND).map(Vec::as_slice) {
        Some([1]) => "discover",
        Some([2]) => "offer",
        Some([3]) => "request",
        Some([4]) => "decline",
        Some([5]) => "ack",
        Some([6]) => "nak",
        _ => "message",
    }
}

/// A pause made up to an eighth longer or shorter, so that machines started together do not ask together.
fn jitter(pause: Duration, random: u32) -> Duration {
    let micros = pause.total_micros();
    Duration::from_micros(micros - micros / 8 + micros / 4 * u64::from(random % 1024) / 1024)
}

/// True for an address that one host can have.
pub(super) fn is_host(address: Ipv4Addr) -> bool {
    !(address.is_unspecified()
        || address.is_broadcast()
        || address.is_multicast()
        || address.is_loopback())
}

/// A server's message, its options collected.
struct Reply {
    transaction: u32,
    yours: Ipv4Addr,
    mac: Mac,
    options: BTreeMap<u8, Vec<u8>>,
}

impl Reply {
    fn parse(message: &[u8]) -> Option<Reply> {
        let (_, reply) = reply(message).ok()?;
        Some(reply)
    }

    fn kind(&self) -> Option<Kind> {
        match self.options.get(&option::KIND)?.as_slice() {
            [2] => Some(Kind::Offer),
            [5] => Some(Kind::Ack),
            [6] => Some(Kind::Nak),
            _ => None,
        }
    }

    fn lease(&self, server: Ipv4Addr) -> Lease {
        let number = |code| {
            let bytes = <[u8; 4]>::try_from(self.options.get(&code)?.as_slice()).ok()?;
            Some(u32::from_be_bytes(bytes))
        };
        let mtu = self
            .options
            .get(&option::MTU)
            .and_then(|bytes| <[u8; 2]>::try_from(bytes.as_slice()).ok())
            .map(u16::from_be_bytes);
        Lease {
            address: self.yours,
            prefix: number(option::MASK).and_then(prefix).unwrap_or(32),
            server: Some(server),
            seconds: number(option::SECONDS),
            routers: self.addresses(option::ROUTERS),
            routes: self.routes(),
            names: self.addresses(option::NAMES),
            time: self.addresses(option::TIME),
            mtu,
            hostname: self.text(option::HOSTNAME),
            domain: self.text(option::DOMAIN),
            search: self
                .options
                .get(&option::SEARCH)
                .map(|bytes| super::names::list(bytes))
                .unwrap_or_default(),
            wireserver: self.address(option::WIRESERVER),
            options: self.options.clone(),
        }
    }

    /// RFC 3442: if there are classless routes, the router option counts for nothing.
    fn routes(&self) -> Vec<LearntRoute> {
        if let Some((_, routes)) = self
            .options
            .get(&option::ROUTES)
            .and_then(|bytes| many0(route).parse(bytes).ok())
            .filter(|(_, routes)| !routes.is_empty())
        {
            return routes.into_iter().take(ROUTES_MAX).collect();
        }
        let routers = self.addresses(option::ROUTERS);
        let default = routers.first().copied().map(LearntRoute::default4);
        default.into_iter().collect()
    }

    fn addresses(&self, code: u8) -> Vec<Ipv4Addr> {
        let bytes = self.options.get(&code).map_or(&[][..], Vec::as_slice);
        bytes
            .chunks_exact(4)
            .filter_map(|chunk| Some(Ipv4Addr::from(<[u8; 4]>::try_from(chunk).ok()?)))
            .filter(|address| is_host(*address))
            .take(LIST_ENTRIES_MAX)
            .collect()
    }

    fn address(&self, code: u8) -> Option<Ipv4Addr> {
        self.addresses(code).first().copied()
    }

    /// Text of a server: printable ASCII only, some servers end it with a NUL.
    fn text(&self, code: u8) -> Option<String> {
        let bytes = self.options.get(&code)?;
        let text: String = bytes
            .iter()
            .take_while(|byte| **byte != 0)
            .map(|byte| char::from(*byte))
            .filter(|c| c.is_ascii_graphic() || *c == ' ')
            .collect();
        (!text.is_empty()).then_some(text)
    }
}

/// The prefix length of a mask, if its ones are together.
pub(super) fn prefix(mask: u32) -> Option<u8> {
    let ones = mask.leading_ones();
    (mask.checked_shl(ones).unwrap_or(0) == 0).then_some(ones as u8)
}

/// RFC 2131, figure 1:
///
/// ```text
/// op 1 · htype 1 · hlen 1 · hops 1 · xid 4 · secs 2 · flags 2 · ciaddr 4 · yiaddr 4 · siaddr 4 · giaddr 4 ·
/// chaddr 16 · sname 64 · file 128 · cookie 4 · options
/// ```
fn reply(input: &[u8]) -> IResult<&[u8], Reply> {
    let (input, _) = tag(&[BOOTREPLY, 1, 6][..]).parse(input)?;
    let (input, _) = be_u8(input)?;
    let (input, transaction) = be_u32(input)?;
    let (input, _) = take(2usize + 2 + 4).parse(input)?;
    let (input, yours) = be_u32(input)?;
    let (input, _) = take(4usize + 4).parse(input)?;
    let (input, hardware) = take(16usize).parse(input)?;
    let (input, sname) = take(64usize).parse(input)?;
    let (input, file) = take(128usize).parse(input)?;
    let (input, _) = tag(&COOKIE[..]).parse(input)?;
    let mut options = BTreeMap::new();
    let (rest, ()) = collect(input, &mut options)?;
    // RFC 2132, 9.3: 1 = the file field holds options, 2 = sname does, 3 = both, file first.
    let overload = match options.get(&option::OVERLOAD).map(Vec::as_slice) {
        Some([bits @ 1..=3]) => *bits,
        _ => 0,
    };
    for (bit, field) in [(1, file), (2, sname)] {
        if overload & bit != 0 {
            collect(field, &mut options)?;
        }
    }
    let mut mac = [0; 6];
    mac.copy_from_slice(&hardware[..6]);
    let reply = Reply {
        transaction,
        yours: Ipv4Addr::from(yours),
        mac,
        options,
    };
    Ok((rest, reply))
}

/// RFC 2132, 2: `0` is padding, `255` ends, all others are code, length, data. An option that comes twice is one option cut in
/// pieces (RFC 3396). Options cut short by the end of the message are dropped with what follows.
fn collect<'a>(mut input: &'a [u8], options: &mut BTreeMap<u8, Vec<u8>>) -> IResult<&'a [u8], ()> {
    while let [code, rest @ ..] = input {
        input = rest;
        match *code {
            option::PAD => {}
            option::END => break,
            code => match length_data(be_u8::<_, nom::error::Error<&[u8]>>).parse(input) {
                Ok((rest, data)) => {
                    options.entry(code).or_default().extend(data);
                    input = rest;
                }
                Err(_) => break,
            },
        }
    }
    Ok((input, ()))
}

/// RFC 3442: the prefix length, as many bytes of the network as it needs, the router.
fn route(input: &[u8]) -> IResult<&[u8], LearntRoute> {
    let (input, prefix) = nom::combinator::verify(be_u8, |prefix| *prefix <= 32).parse(input)?;
    let (input, significant) = take(usize::from(prefix).div_ceil(8)).parse(input)?;
    let (input, router) = be_u32(input)?;
    let mut network = [0; 4];
    network[..significant.len()].copy_from_slice(significant);
    let router = Ipv4Addr::from(router);
    let route = LearntRoute {
        network: IpAddr::V4(Ipv4Addr::from(network)),
        prefix,
        // Unspecified means on the link itself.
        router: (!router.is_unspecified()).then_some(IpAddr::V4(router)),
    };
    Ok((input, route))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use alloc::vec;

    const MAC: Mac = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
    const SERVER: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
    const YOURS: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 5);

    fn at(millis: i64) -> Instant {
        Instant::from_millis(millis)
    }

    /// A server's message, `options` appended as they are.
    fn answer(transaction: u32, options: &[u8]) -> Vec<u8> {
        let mut out = vec![BOOTREPLY, 1, 6, 0];
        out.extend(transaction.to_be_bytes());
        out.extend([0; 8]);
        out.extend(YOURS.octets());
        out.extend([0; 8]);
        out.extend(MAC);
        out.extend([0; 10 + 192]);
        out.extend(COOKIE);
        out.extend(options);
        out
    }

    fn offer(client: &Client) -> Vec<u8> {
        answer(client.transaction, &[53, 1, 2, 54, 4, 10, 0, 0, 1, 255])
    }

    fn requesting() -> Client {
        let mut client = Client::new(MAC, 7, at(0));
        client.poll(at(0), 0).unwrap();
        let offer = offer(&client);
        let event = client.receive(at(1), SERVER, &offer);
        assert!(matches!(event, Some(Event::Offered(lease)) if lease.address == YOURS));
        client
    }

    fn leased(options: &[u8]) -> Lease {
        let mut client = requesting();
        let mut all = vec![53, 1, 5, 54, 4, 10, 0, 0, 1];
        all.extend(options);
        let ack = answer(client.transaction, &all);
        match client.receive(at(2), SERVER, &ack) {
            Some(Event::Leased(lease)) => lease,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn it_repeats_fast_and_then_slower() {
        let mut client = Client::new(MAC, 7, at(0));
        let mut sent = Vec::new();
        for millis in 0..8000 {
            if client.poll(at(millis), 512).is_some() {
                sent.push(millis);
            }
        }
        assert_eq!(sent, [0, 300, 900, 2100, 4100, 6100]);
        assert_eq!(client.sent, 6);
    }

    #[test]
    fn it_asks_for_the_first_offer_at_once() {
        let mut client = requesting();
        let request = client.poll(at(1), 0).unwrap();
        let wanted = [50, 4, 10, 0, 0, 5, 54, 4, 10, 0, 0, 1];
        assert!(request.windows(12).any(|window| window == wanted));
        assert!(
            request
                .windows(9)
                .any(|window| window == [61, 7, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56])
        );
        let late = offer(&client);
        assert_eq!(
            client.receive(at(2), Ipv4Addr::new(9, 9, 9, 9), &late),
            None
        );
    }

    #[test]
    fn it_asks_another_server_after_four_unanswered_requests() {
        let mut client = requesting();
        for _ in 0..REQUESTS_MAX {
            let now = client.next().unwrap();
            assert!(
                client
                    .poll(now, 0)
                    .unwrap()
                    .windows(3)
                    .any(|w| w == [53, 1, 3])
            );
        }
        let now = client.next().unwrap();
        assert!(
            client
                .poll(now, 0)
                .unwrap()
                .windows(3)
                .any(|w| w == [53, 1, 1])
        );
    }

    #[test]
    fn an_acknowledgement_is_known_by_its_server_or_its_address() {
        let client = requesting();
        let own = [53, 1, 5, 54, 4, 10, 0, 0, 1, 255];
        let others = [53, 1, 5, 54, 4, 10, 0, 0, 9, 255];
        for (options, last, expected) in [
            (own, 5, true),
            (own, 6, true),
            (others, 5, true),
            (others, 6, false),
        ] {
            let mut ack = answer(client.transaction, &options);
            ack[19] = last;
            let event = client.clone().receive(at(2), SERVER, &ack);
            assert_eq!(event.is_some(), expected, "{options:?} {last}");
        }
    }

    #[test]
    fn it_begins_again_after_a_nak() {
        let mut client = requesting();
        let nak = answer(
            client.transaction,
            &[53, 1, 6, 54, 4, 10, 0, 0, 1, 56, 2, b'n', b'o', 255],
        );
        let event = client.receive(at(5), SERVER, &nak);
        assert_eq!(event, Some(Event::Refused(SERVER, String::from("no"))));
        assert_eq!(client.next(), Some(at(5) + REFUSED_PAUSE));
        assert_ne!(client.transaction, 7);
    }

    #[test]
    fn a_lease_has_all_its_options() {
        let mut options = vec![
            1, 4, 255, 255, 255, 0, 3, 4, 10, 0, 0, 1, 6, 8, 1, 1, 1, 1, 8, 8, 8, 8,
        ];
        options.extend([
            12, 3, b'v', b'm', 0, 15, 3, b'l', b'a', b'n', 26, 2, 0x05, 0xaa,
        ]);
        options.extend([
            42, 4, 10, 0, 0, 3, 51, 4, 0, 0, 14, 16, 245, 4, 168, 63, 129, 16,
        ]);
        options.extend([119, 9, 1, b'a', 2, b'b', b'c', 0, 0xc0, 2, 0, 255]);
        let lease = leased(&options);
        assert_eq!(
            (lease.address, lease.prefix, lease.server),
            (YOURS, 24, Some(SERVER))
        );
        assert_eq!(lease.seconds, Some(3600));
        assert_eq!(lease.mtu, Some(1450));
        assert_eq!(lease.hostname.as_deref(), Some("vm"));
        assert_eq!(lease.domain.as_deref(), Some("lan"));
        assert_eq!(lease.search, ["a.bc", "bc"]);
        assert_eq!(lease.names.len(), 2);
        assert_eq!(lease.time, [Ipv4Addr::new(10, 0, 0, 3)]);
        assert_eq!(lease.wireserver, Some(Ipv4Addr::new(168, 63, 129, 16)));
        assert_eq!(lease.routers, [SERVER]);
        assert_eq!(lease.routes, [LearntRoute::default4(SERVER)]);
        assert_eq!(lease.options.get(&26), Some(&vec![0x05, 0xaa]));
    }

    #[test]
    fn classless_routes_beat_the_router() {
        let mut options = vec![3, 4, 10, 0, 0, 9, 121, 18];
        options.extend([32, 169, 254, 169, 254, 10, 0, 0, 2, 12, 10, 16, 0, 0, 0, 0]);
        options.extend([0, 10]);
        // The rest of the third route is in a second piece of the option.
        options.extend([121, 3, 0, 0, 1, 255]);
        let lease = leased(&options);
        let told = |network: [u8; 4], prefix, router: Option<[u8; 4]>| LearntRoute {
            network: IpAddr::from(network),
            prefix,
            router: router.map(IpAddr::from),
        };
        assert_eq!(
            lease.routes,
            [
                told([169, 254, 169, 254], 32, Some([10, 0, 0, 2])),
                told([10, 16, 0, 0], 12, None),
                told([0; 4], 0, Some([10, 0, 0, 1])),
            ]
        );
        assert_eq!(lease.routers, [Ipv4Addr::new(10, 0, 0, 9)]);
        assert_eq!(lease.prefix, 32);
    }

    #[test]
    fn options_overflow_into_file_and_sname() {
        let client = requesting();
        let mut ack = answer(
            client.transaction,
            &[53, 1, 5, 54, 4, 10, 0, 0, 1, 52, 1, 3, 255],
        );
        ack[44..50].copy_from_slice(&[1, 4, 255, 255, 0, 0]);
        ack[50] = 255;
        ack[108..115].copy_from_slice(&[6, 4, 1, 1, 1, 1, 255]);
        let Some(Event::Leased(lease)) = client.clone().receive(at(2), SERVER, &ack) else {
            panic!("no lease");
        };
        assert_eq!(lease.prefix, 16);
        assert_eq!(lease.names, [Ipv4Addr::new(1, 1, 1, 1)]);
    }

    #[test]
    fn no_prefix_and_no_flipped_byte_panics() {
        let client = requesting();
        let whole = answer(
            client.transaction,
            &[
                53, 1, 5, 54, 4, 10, 0, 0, 1, 119, 3, 0xc0, 0, 0, 121, 5, 0, 10, 0, 0, 1, 255,
            ],
        );
        for length in 0..whole.len() {
            client.clone().receive(at(2), SERVER, &whole[..length]);
        }
        for index in 0..whole.len() {
            for bit in 0..8 {
                let mut broken = whole.clone();
                broken[index] ^= 1 << bit;
                client.clone().receive(at(2), SERVER, &broken);
            }
        }
    }

    #[test]
    fn masks_with_holes_are_no_masks() {
        assert_eq!(prefix(0xffff_ff00), Some(24));
        assert_eq!(prefix(0xffff_ffff), Some(32));
        assert_eq!(prefix(0), Some(0));
        assert_eq!(prefix(0xff00_ff00), None);
    }

    #[test]
    fn a_conflict_is_declined_before_the_next_discover() {
        let lease = leased(&[255]);
        let mut client = requesting();
        client.decline(at(10), &lease);
        let decline = client.poll(at(10), 0).unwrap();
        assert!(decline.windows(3).any(|window| window == [53, 1, 4]));
        let now = client.next().unwrap();
        let discover = client.poll(now, 0).unwrap();
        assert!(discover.windows(3).any(|window| window == [53, 1, 1]));
    }
}
