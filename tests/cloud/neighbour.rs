//! Who has which address: ARP (RFC 826) and neighbour discovery (RFC 4861), as questions, as answers, and as a table.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use smoltcp::time::Instant;
use smoltcp::wire::{
    ArpOperation, ArpPacket, ArpRepr, EthernetAddress, EthernetProtocol, Icmpv6Packet, IpProtocol,
};

use super::packet::{self, Packet};

/// The hardware address of everything in the cloud.
pub const HARDWARE: EthernetAddress = EthernetAddress([0x02, 0, 0, 0, 0, 0xfe]);
/// The link-local address that goes with it.
pub const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0xff, 0xfe00, 0xfe);
/// The hardware address of whoever else holds an address.
pub const STRANGER: EthernetAddress = EthernetAddress([0x02, 0, 0, 0, 0, 0xbb]);
/// Every machine on the link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// How long to wait before asking again where an address is.
const PAUSE: Duration = Duration::from_secs(1);
/// Packets kept for an address until it is known where it is.
const WAITING_MAX: usize = 64;

const ROUTER_SOLICITATION: u8 = 133;
const NEIGHBOUR_SOLICITATION: u8 = 135;
const NEIGHBOUR_ADVERTISEMENT: u8 = 136;
/// The options with a hardware address: the sender's and the target's.
const SOURCE_OPTION: u8 = 1;
const TARGET_OPTION: u8 = 2;

/// An ARP message about IPv4 on Ethernet.
pub struct Arp {
    /// True if it asks.
    pub request: bool,
    /// The sender's addresses; the IPv4 one is 0.0.0.0 in a probe (RFC 5227).
    pub sender: (EthernetAddress, Ipv4Addr),
    /// The address it is about.
    pub target: Ipv4Addr,
}

impl Arp {
    /// Reads a message.
    pub fn parse(bytes: &[u8]) -> Option<Arp> {
        let arp = ArpRepr::parse(&ArpPacket::new_checked(bytes).ok()?).ok()?;
        let ArpRepr::EthernetIpv4 {
            operation,
            source_hardware_addr,
            source_protocol_addr,
            target_protocol_addr,
            ..
        } = arp
        else {
            return None;
        };
        Some(Arp {
            request: operation == ArpOperation::Request,
            sender: (source_hardware_addr, source_protocol_addr),
            target: target_protocol_addr,
        })
    }

    /// The frame that answers it: the address is at `hardware`.
    pub fn reply(&self, hardware: EthernetAddress) -> Vec<u8> {
        arp(ArpOperation::Reply, (hardware, self.target), self.sender)
    }
}

/// The frame that asks who has `target`, in the name of `sender`; if both are the same it announces.
pub fn ask(sender: (EthernetAddress, Ipv4Addr), target: Ipv4Addr) -> Vec<u8> {
    arp(
        ArpOperation::Request,
        sender,
        (EthernetAddress::BROADCAST, target),
    )
}

fn arp(
    operation: ArpOperation,
    from: (EthernetAddress, Ipv4Addr),
    to: (EthernetAddress, Ipv4Addr),
) -> Vec<u8> {
    let message = ArpRepr::EthernetIpv4 {
        operation,
        source_hardware_addr: from.0,
        source_protocol_addr: from.1,
        target_hardware_addr: to.0,
        target_protocol_addr: to.1,
    };
    let mut bytes = vec![0; message.buffer_len()];
    message.emit(&mut ArpPacket::new_unchecked(&mut bytes));
    packet::frame(to.0, from.0, EthernetProtocol::Arp, &bytes)
}

/// A message of neighbour discovery; the hardware address is the sender's, if it says so.
pub enum Discovery {
    /// Somebody looks for routers.
    Router(Option<EthernetAddress>),
    /// Somebody looks for this address.
    Solicitation(Ipv6Addr, Option<EthernetAddress>),
    /// Somebody has this address.
    Advertisement(Ipv6Addr, Option<EthernetAddress>),
}

impl Discovery {
    /// Reads a message; `None` if it is another or damaged.
    pub fn parse(packet: &Packet) -> Option<Discovery> {
        let body = packet.payload;
        let (IpProtocol::Icmpv6, IpAddr::V6(source), IpAddr::V6(destination)) =
            (packet.protocol, packet.source, packet.destination)
        else {
            return None;
        };
        if !Icmpv6Packet::new_checked(body)
            .ok()?
            .verify_checksum(&source, &destination)
        {
            return None;
        }
        let target = || Some(Ipv6Addr::from(<[u8; 16]>::try_from(body.get(8..24)?).ok()?));
        match *body.first()? {
            ROUTER_SOLICITATION => Some(Discovery::Router(hardware(body.get(8..)?, SOURCE_OPTION))),
            NEIGHBOUR_SOLICITATION => Some(Discovery::Solicitation(
                target()?,
                hardware(body.get(24..)?, SOURCE_OPTION),
            )),
            NEIGHBOUR_ADVERTISEMENT => Some(Discovery::Advertisement(
                target()?,
                hardware(body.get(24..)?, TARGET_OPTION),
            )),
            _ => None,
        }
    }
}

/// The hardware address in the first option of this kind.
fn hardware(mut options: &[u8], kind: u8) -> Option<EthernetAddress> {
    loop {
        let length = usize::from(*options.get(1)?) * 8;
        let (option, rest) = options.split_at_checked(length.max(8))?;
        if option[0] == kind {
            return Some(EthernetAddress::from_bytes(&option[2..8]));
        }
        options = rest;
    }
}

/// The packet that says that `target` is at `hardware`, to `asker`, or to all if the asker has no address yet.
pub fn advertisement(target: Ipv6Addr, hardware: EthernetAddress, asker: Ipv6Addr) -> Vec<u8> {
    const SOLICITED: u8 = 0x40;
    const OVERRIDE: u8 = 0x20;
    let (to, flags) = if asker.is_unspecified() {
        (ALL_NODES, OVERRIDE)
    } else {
        (asker, SOLICITED | OVERRIDE)
    };
    let mut body = vec![NEIGHBOUR_ADVERTISEMENT, 0, 0, 0, flags, 0, 0, 0];
    body.extend(target.octets());
    body.extend([TARGET_OPTION, 1]);
    body.extend(hardware.as_bytes());
    packet::icmpv6(target, to, &mut body)
}

/// The packet that asks who has `target`.
fn solicitation(target: Ipv6Addr) -> Vec<u8> {
    let [.., a, b, c] = target.octets();
    let low = u16::from_be_bytes([b, c]);
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), low);
    let mut body = vec![NEIGHBOUR_SOLICITATION, 0, 0, 0, 0, 0, 0, 0];
    body.extend(target.octets());
    body.extend([SOURCE_OPTION, 1]);
    body.extend(HARDWARE.as_bytes());
    packet::icmpv6(LINK_LOCAL, group, &mut body)
}

/// Where addresses are, as the cloud has learnt, and the packets that wait until it has.
#[derive(Default)]
pub struct Neighbours {
    known: BTreeMap<IpAddr, EthernetAddress>,
    waiting: BTreeMap<IpAddr, Waiting>,
}

struct Waiting {
    packets: Vec<Vec<u8>>,
    asked: Instant,
}

impl Neighbours {
    /// Takes in where an address is; gives the frames that waited for that.
    pub fn learn(&mut self, address: IpAddr, hardware: EthernetAddress) -> Vec<Vec<u8>> {
        if address.is_unspecified() || !hardware.is_unicast() {
            return Vec::new();
        }
        self.known.insert(address, hardware);
        let waited = self
            .waiting
            .remove(&address)
            .map_or(Vec::new(), |waiting| waiting.packets);
        waited
            .iter()
            .map(|packet| packet::carry(hardware, HARDWARE, packet))
            .collect()
    }

    /// The frame for a packet: that packet, or a question where its destination is, or nothing if that was asked already.
    /// IPv4 questions are asked in the name of `asker`, about link-local addresses in that of the packet's source.
    pub fn wrap(
        &mut self,
        bytes: Vec<u8>,
        asker: Option<Ipv4Addr>,
        now: Instant,
    ) -> Option<Vec<u8>> {
        let packet = Packet::parse(&bytes)?;
        let (source, destination) = (packet.source, packet.destination);
        if let Some(hardware) = packet::group(destination).or(self.known.get(&destination).copied())
        {
            return Some(packet::carry(hardware, HARDWARE, &bytes));
        }
        let waiting = self.waiting.entry(destination).or_insert(Waiting {
            packets: Vec::new(),
            asked: Instant::ZERO,
        });
        let first = waiting.packets.is_empty();
        if waiting.packets.len() < WAITING_MAX {
            waiting.packets.push(bytes);
        }
        if !first && now < waiting.asked + PAUSE.into() {
            return None;
        }
        waiting.asked = now;
        match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(target)) => {
                let asker = asker.filter(|_| !target.is_link_local());
                Some(ask((HARDWARE, asker.unwrap_or(source)), target))
            }
            (_, IpAddr::V6(target)) => {
                let question = solicitation(target);
                let group = packet::group(Packet::parse(&question)?.destination)?;
                Some(packet::carry(group, HARDWARE, &question))
            }
            _ => None,
        }
    }
}
