//! A DHCPv4 server (RFC 2131, 2132, 3396, 3397, 3442).
//!
//! Every machine gets its own address, the first the one of the settings, the next the next; a declined one is passed over.
//! As real servers do, it sends only the options that were asked for.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use smoltcp::wire::{EthernetAddress, Ipv4Cidr};

use super::packet::{self, labels};
use super::words::Words;

/// The port of servers.
pub const SERVER_PORT: u16 = 67;
const CLIENT_PORT: u16 = 68;
const COOKIE: [u8; 4] = [99, 130, 83, 99];
/// Where options begin: after the fixed fields, the server's name and the file's.
const OPTIONS_OFFSET: usize = 240;
/// Shortest message, in bytes (RFC 1542); shorter ones some clients drop.
const MESSAGE_BYTES_MIN: usize = 300;

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
const REQUEST: u8 = 3;
const DECLINE: u8 = 4;
const ACK: u8 = 5;
const NAK: u8 = 6;
const INFORM: u8 = 8;

/// A line `lease` of `cloud.conf`.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The address the first machine gets, and the length of its prefix.
    pub address: Ipv4Cidr,
    /// Options 3, 6, 28, 42, 245: addresses.
    addresses: BTreeMap<u8, Vec<Ipv4Addr>>,
    /// Options 12 and 15: text.
    texts: BTreeMap<u8, String>,
    /// Option 26.
    mtu: Option<u16>,
    /// Option 51.
    seconds: u32,
    /// Option 54.
    server: Option<Ipv4Addr>,
    /// Option 119.
    search: Vec<String>,
    /// Option 121: destination and router.
    pub routes: Vec<(Ipv4Cidr, Ipv4Addr)>,
    /// Messages left unanswered.
    skip: u32,
    /// Requests refused.
    nak: u32,
    /// Time before each answer.
    delay: Duration,
    /// The only machine that is answered.
    only: Option<EthernetAddress>,
}

impl Lease {
    /// Reads the rest of the line.
    pub fn parse(words: &mut Words) -> Result<Lease, String> {
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
            only: None,
        };
        while let Some(word) = words.take() {
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
                "delay" => lease.delay = words.time()?,
                "only" => lease.only = Some(words.parse("a hardware address")?),
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

/// One server and what it has leased.
pub struct Server {
    lease: Lease,
    id: Ipv4Addr,
    heard: u32,
    refused: u32,
    /// Who holds the addresses from the first one on; nobody, where one was declined.
    holders: Vec<Option<EthernetAddress>>,
}

/// What to send.
pub struct Reply {
    /// The hardware address it goes to.
    pub to: EthernetAddress,
    /// The IP packet.
    pub packet: Vec<u8>,
    /// What happened, for the log.
    pub note: String,
}

/// What a client says, as far as it matters.
#[derive(Default)]
struct Message {
    kind: u8,
    transaction: [u8; 4],
    broadcast: bool,
    client: Option<Ipv4Addr>,
    hardware: EthernetAddress,
    requested: Option<Ipv4Addr>,
    server: Option<Ipv4Addr>,
    wants: Option<Vec<u8>>,
}

impl Server {
    /// A server for `lease`; `fallback` is its own address if neither `server` nor `router` says one.
    pub fn new(lease: Lease, fallback: Ipv4Addr) -> Server {
        let router = lease.addresses(3).first().copied();
        Server {
            id: lease.server.or(router).unwrap_or(fallback),
            lease,
            heard: 0,
            refused: 0,
            holders: Vec::new(),
        }
    }

    /// Its own address.
    pub fn id(&self) -> Ipv4Addr {
        self.id
    }

    /// How long it takes to answer.
    pub fn delay(&self) -> Duration {
        self.lease.delay
    }

    /// Answers the message in a datagram, if it is for this server and to be answered.
    pub fn answer(&mut self, payload: &[u8]) -> Option<Reply> {
        let message = Message::parse(payload)?;
        if self.lease.only.is_some_and(|mac| mac != message.hardware) {
            return None;
        }
        self.heard += 1;
        if self.heard <= self.lease.skip || message.server.is_some_and(|id| id != self.id) {
            return None;
        }
        match message.kind {
            DISCOVER => {
                let address = self.address(message.hardware);
                Some(self.reply(&message, OFFER, address))
            }
            REQUEST => {
                let address = self.address(message.hardware);
                let wanted = message.requested.or(message.client);
                let refuse = self.refused < self.lease.nak;
                self.refused += u32::from(refuse);
                let kind = if refuse || wanted != Some(address) {
                    NAK
                } else {
                    ACK
                };
                Some(self.reply(&message, kind, address))
            }
            INFORM => Some(self.reply(&message, ACK, Ipv4Addr::UNSPECIFIED)),
            DECLINE => {
                let holder = Some(message.hardware);
                self.holders
                    .iter_mut()
                    .filter(|entry| **entry == holder)
                    .for_each(|entry| *entry = None);
                None
            }
            _ => None,
        }
    }

    /// The address of the machine with this hardware address.
    fn address(&mut self, hardware: EthernetAddress) -> Ipv4Addr {
        let known = self
            .holders
            .iter()
            .position(|holder| *holder == Some(hardware));
        let index = known.unwrap_or_else(|| {
            self.holders.push(Some(hardware));
            self.holders.len() - 1
        });
        Ipv4Addr::from_bits(self.lease.address.address().to_bits() + index as u32)
    }

    fn reply(&self, message: &Message, kind: u8, address: Ipv4Addr) -> Reply {
        let mut bytes = vec![0; OPTIONS_OFFSET];
        bytes[..4].copy_from_slice(&[2, 1, 6, 0]);
        bytes[4..8].copy_from_slice(&message.transaction);
        bytes[10] = if message.broadcast { 0x80 } else { 0 };
        bytes[28..34].copy_from_slice(message.hardware.as_bytes());
        bytes[236..240].copy_from_slice(&COOKIE);
        option(&mut bytes, 53, &[kind]);
        option(&mut bytes, 54, &self.id.octets());
        if kind != NAK {
            let client = message.client.unwrap_or(Ipv4Addr::UNSPECIFIED);
            bytes[12..16].copy_from_slice(&client.octets());
            bytes[16..20].copy_from_slice(&address.octets());
            if message.kind != INFORM {
                option(&mut bytes, 51, &self.lease.seconds.to_be_bytes());
            }
            for kind in message.wants.clone().unwrap_or_else(|| (1..=254).collect()) {
                option(&mut bytes, kind, &self.data(kind));
            }
        }
        bytes.push(255);
        bytes.resize(bytes.len().max(MESSAGE_BYTES_MIN), 0);

        let broadcast = kind == NAK || message.broadcast;
        let (to, target) = match message.client {
            Some(client) if kind != NAK => (message.hardware, client),
            _ if broadcast => (EthernetAddress::BROADCAST, Ipv4Addr::BROADCAST),
            _ => (message.hardware, address),
        };
        let name = match kind {
            OFFER => "offer",
            ACK => "ack",
            _ => "nak",
        };
        Reply {
            to,
            packet: packet::udp(
                SocketAddr::new(IpAddr::V4(self.id), SERVER_PORT),
                SocketAddr::new(IpAddr::V4(target), CLIENT_PORT),
                &bytes,
            ),
            note: format!("dhcp {name} {address} to {}", message.hardware),
        }
    }

    /// What option `kind` says; nothing where the settings say nothing.
    fn data(&self, kind: u8) -> Vec<u8> {
        let lease = &self.lease;
        match kind {
            1 => lease.address.netmask().octets().to_vec(),
            26 => lease
                .mtu
                .map_or(Vec::new(), |mtu| mtu.to_be_bytes().to_vec()),
            119 => lease.search.iter().flat_map(|name| labels(name)).collect(),
            121 => lease
                .routes
                .iter()
                .flat_map(|(to, via)| {
                    let length = to.prefix_len();
                    let octets = to.address().octets();
                    let mut bytes = vec![length];
                    bytes.extend(&octets[..usize::from(length.div_ceil(8))]);
                    bytes.extend(via.octets());
                    bytes
                })
                .collect(),
            _ => match lease.texts.get(&kind) {
                Some(text) => text.as_bytes().to_vec(),
                None => lease
                    .addresses(kind)
                    .iter()
                    .flat_map(|a| a.octets())
                    .collect(),
            },
        }
    }
}

impl Message {
    fn parse(payload: &[u8]) -> Option<Message> {
        let (fixed, mut options) = payload.split_at_checked(OPTIONS_OFFSET)?;
        if fixed[..3] != [1, 1, 6] || fixed[236..] != COOKIE {
            return None;
        }
        let mut message = Message {
            transaction: fixed[4..8].try_into().ok()?,
            broadcast: fixed[10] & 0x80 != 0,
            client: address(&fixed[12..16]).filter(|client| !client.is_unspecified()),
            hardware: EthernetAddress::from_bytes(&fixed[28..34]),
            ..Message::default()
        };
        loop {
            let (kind, rest) = options.split_first()?;
            match kind {
                0 => options = rest,
                255 => return Some(message),
                _ => {
                    let (length, rest) = rest.split_first()?;
                    let (data, rest) = rest.split_at_checked(usize::from(*length))?;
                    message.take(*kind, data);
                    options = rest;
                }
            }
        }
    }

    fn take(&mut self, kind: u8, data: &[u8]) {
        match kind {
            50 => self.requested = address(data),
            53 => self.kind = data.first().copied().unwrap_or(0),
            54 => self.server = address(data),
            55 => self.wants = Some(data.to_vec()),
            _ => {}
        }
    }
}

fn address(bytes: &[u8]) -> Option<Ipv4Addr> {
    <[u8; 4]>::try_from(bytes).ok().map(Ipv4Addr::from)
}

/// Adds an option, in as many pieces as its length needs (RFC 3396); nothing if there is nothing to say.
fn option(bytes: &mut Vec<u8>, kind: u8, data: &[u8]) {
    for piece in data.chunks(255) {
        bytes.extend([kind, piece.len() as u8]);
        bytes.extend(piece);
    }
}
