//! A DHCPv6 server (RFC 8415, RFC 3646): addresses, and what else a machine wants to know.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use smoltcp::wire::EthernetAddress;

use super::neighbour::{HARDWARE, LINK_LOCAL};
use super::packet::{self, labels};
use super::words::Words;

/// The port of servers.
pub const SERVER_PORT: u16 = 547;

const SOLICIT: u8 = 1;
const ADVERTISE: u8 = 2;
const REQUEST: u8 = 3;
const REBIND: u8 = 6;
const REPLY: u8 = 7;
const RELEASE: u8 = 8;
const DECLINE: u8 = 9;
const INFORMATION_REQUEST: u8 = 11;

const CLIENT_ID: u16 = 1;
const SERVER_ID: u16 = 2;
const IA_NA: u16 = 3;
const IA_ADDRESS: u16 = 5;
const STATUS: u16 = 13;
const RAPID_COMMIT: u16 = 14;
const DNS: u16 = 23;
const SEARCH: u16 = 24;

/// "No addresses available".
const NO_ADDRESSES: [u8; 2] = [0, 2];

/// A line `lease6` of `cloud.conf`.
#[derive(Clone, Debug)]
pub struct Lease6 {
    address: Option<Ipv6Addr>,
    /// The name servers.
    pub dns: Vec<Ipv6Addr>,
    search: Vec<String>,
    seconds: u32,
    skip: u32,
    delay: Duration,
    rapid: bool,
    /// The only machine that is answered.
    only: Option<EthernetAddress>,
}

impl Lease6 {
    /// Reads the rest of the line.
    pub fn parse(words: &mut Words) -> Result<Lease6, String> {
        let mut lease = Lease6 {
            address: match words.peek() {
                Some("none") => words.take().and(None),
                _ => Some(words.parse("an IPv6 address or none")?),
            },
            dns: Vec::new(),
            search: Vec::new(),
            seconds: 3600,
            skip: 0,
            delay: Duration::ZERO,
            rapid: false,
            only: None,
        };
        while let Some(word) = words.take() {
            match word {
                "dns" => lease.dns = words.list("addresses")?,
                "search" => lease.search = words.list("names")?,
                "seconds" => lease.seconds = words.parse("a number of seconds")?,
                "skip" => lease.skip = words.parse("a number of messages")?,
                "delay" => lease.delay = words.time()?,
                "only" => lease.only = Some(words.parse("a hardware address")?),
                "rapid" => lease.rapid = words.next("yes or no")? == "yes",
                other => return Err(format!("expected a word of a lease, but found {other}")),
            }
        }
        Ok(lease)
    }
}

/// One server.
pub struct Server {
    lease: Lease6,
    /// Its DUID: made from its hardware address (RFC 8415, 11.4).
    id: Vec<u8>,
    heard: u32,
    /// Who holds the addresses from the first one on, by client and association; nobody, where one was declined.
    holders: Vec<Option<Vec<u8>>>,
}

/// An answer of a server.
pub struct Reply {
    /// The IP packet.
    pub packet: Vec<u8>,
    /// A line for the log.
    pub note: String,
}

impl Server {
    /// The server for a lease; `number` tells servers apart.
    pub fn new(lease: Lease6, number: u8) -> Server {
        let mut id = vec![0, 3, 0, 1];
        id.extend(HARDWARE.as_bytes());
        id[4] = number;
        Server {
            lease,
            id,
            heard: 0,
            holders: Vec::new(),
        }
    }

    /// How long it takes to answer.
    pub fn delay(&self) -> Duration {
        self.lease.delay
    }

    /// Answers a message from the machine at `from`, which has this hardware address, if it is to be answered.
    pub fn answer(
        &mut self,
        from: SocketAddr,
        hardware: EthernetAddress,
        payload: &[u8],
    ) -> Option<Reply> {
        if self.lease.only.is_some_and(|mac| mac != hardware) {
            return None;
        }
        let (head, body) = payload.split_at_checked(4)?;
        let options = options(body)?;
        let find = |kind| {
            options
                .iter()
                .find(|(found, _)| *found == kind)
                .map(|(_, data)| *data)
        };
        self.heard += 1;
        if self.heard <= self.lease.skip || find(SERVER_ID).is_some_and(|id| id != self.id) {
            return None;
        }
        let rapid = self.lease.rapid && find(RAPID_COMMIT).is_some();
        let kind = match head[0] {
            SOLICIT if self.lease.address.is_none() => return None,
            SOLICIT if !rapid => ADVERTISE,
            SOLICIT | REQUEST..=REBIND | RELEASE | DECLINE | INFORMATION_REQUEST => REPLY,
            _ => return None,
        };
        let mut bytes = head.to_vec();
        bytes[0] = kind;
        option(&mut bytes, SERVER_ID, &self.id);
        let client = find(CLIENT_ID).unwrap_or(&[]);
        if !client.is_empty() {
            option(&mut bytes, CLIENT_ID, client);
        }
        if kind == REPLY && head[0] == SOLICIT {
            option(&mut bytes, RAPID_COMMIT, &[]);
        }
        let mut given = None;
        if let Some(number) = find(IA_NA).and_then(|data| data.get(..4)) {
            let holder = [client, number].concat();
            given = self.address(&holder);
            let data = self.association(number, given);
            option(&mut bytes, IA_NA, &data);
            if head[0] == DECLINE {
                self.forget(&holder);
            }
        }
        self.add_servers(&mut bytes);
        let what = match (kind, head[0]) {
            (ADVERTISE, _) => "advertise",
            (_, INFORMATION_REQUEST) => "information",
            _ => "reply",
        };
        let given = given.map_or(String::new(), |address| format!(" {address}"));
        let server = SocketAddr::new(IpAddr::V6(LINK_LOCAL), SERVER_PORT);
        Some(Reply {
            packet: packet::udp(server, from, &bytes),
            note: format!("dhcp6 {what}{given} to {}", from.ip()),
        })
    }

    /// The address of a holder, if there are any to give.
    fn address(&mut self, holder: &[u8]) -> Option<Ipv6Addr> {
        let first = self.lease.address?.to_bits();
        // A cloud knows its machine by the card, whatever each of its programs calls itself.
        if self.lease.only.is_some() {
            return self.lease.address;
        }
        let known = self
            .holders
            .iter()
            .position(|known| known.as_deref() == Some(holder));
        let index = known.unwrap_or_else(|| {
            self.holders.push(Some(holder.to_vec()));
            self.holders.len() - 1
        });
        Some(Ipv6Addr::from_bits(first + index as u128))
    }

    /// Nobody gets the holder's address again.
    fn forget(&mut self, holder: &[u8]) {
        let mut holders = self.holders.iter_mut();
        if let Some(entry) = holders.find(|known| known.as_deref() == Some(holder)) {
            *entry = None;
        }
    }

    /// The data of an IA_NA: its number, the times of renewal, and the address.
    fn association(&self, number: &[u8], address: Option<Ipv6Addr>) -> Vec<u8> {
        let seconds = self.lease.seconds;
        let mut data = number.to_vec();
        data.extend((seconds / 2).to_be_bytes());
        data.extend((seconds / 5 * 4).to_be_bytes());
        match address {
            Some(address) => {
                let mut leaf = address.octets().to_vec();
                leaf.extend(seconds.to_be_bytes());
                leaf.extend(seconds.to_be_bytes());
                option(&mut data, IA_ADDRESS, &leaf);
            }
            None => option(&mut data, STATUS, &NO_ADDRESSES),
        }
        data
    }

    fn add_servers(&self, bytes: &mut Vec<u8>) {
        let servers: Vec<u8> = self.lease.dns.iter().flat_map(|a| a.octets()).collect();
        let names: Vec<u8> = self
            .lease
            .search
            .iter()
            .flat_map(|name| labels(name))
            .collect();
        for (kind, data) in [(DNS, servers), (SEARCH, names)] {
            if !data.is_empty() {
                option(bytes, kind, &data);
            }
        }
    }
}

fn option(bytes: &mut Vec<u8>, kind: u16, data: &[u8]) {
    bytes.extend(kind.to_be_bytes());
    bytes.extend((data.len() as u16).to_be_bytes());
    bytes.extend(data);
}

/// The options of a message: kind and data.
fn options(mut bytes: &[u8]) -> Option<Vec<(u16, &[u8])>> {
    let mut options = Vec::new();
    while !bytes.is_empty() {
        let (head, rest) = bytes.split_first_chunk::<4>()?;
        let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
        let (data, rest) = rest.split_at_checked(length)?;
        options.push((u16::from_be_bytes([head[0], head[1]]), data));
        bytes = rest;
    }
    Some(options)
}
