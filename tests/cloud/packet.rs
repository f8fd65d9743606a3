//! Packets taken apart and put together: UDP in IP, IP in Ethernet.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    EthernetAddress, EthernetFrame, EthernetProtocol, Icmpv6Packet, IpProtocol, IpRepr, Ipv4Packet,
    Ipv4Repr, Ipv6Packet, Ipv6Repr, UdpPacket, UdpRepr,
};

/// Hops a packet of ours may take.
const HOP_LIMIT: u8 = 64;

/// An IP packet of either version, checked.
pub struct Packet<'a> {
    /// Who sent it.
    pub source: IpAddr,
    /// To whom.
    pub destination: IpAddr,
    /// What is in it.
    pub protocol: IpProtocol,
    /// The bytes of that.
    pub payload: &'a [u8],
}

impl<'a> Packet<'a> {
    /// Reads an IP packet; `None` if it is damaged or a fragment.
    pub fn parse(bytes: &'a [u8]) -> Option<Packet<'a>> {
        let checksums = ChecksumCapabilities::default();
        if bytes.first()? >> 4 == 4 {
            let packet = Ipv4Packet::new_checked(bytes).ok()?;
            let header = Ipv4Repr::parse(&packet, &checksums).ok()?;
            let whole = !packet.more_frags() && packet.frag_offset() == 0;
            whole.then(|| Packet {
                source: header.src_addr.into(),
                destination: header.dst_addr.into(),
                protocol: header.next_header,
                payload: packet.payload(),
            })
        } else {
            let packet = Ipv6Packet::new_checked(bytes).ok()?;
            let header = Ipv6Repr::parse(&packet).ok()?;
            Some(Packet {
                source: header.src_addr.into(),
                destination: header.dst_addr.into(),
                protocol: header.next_header,
                payload: packet.payload(),
            })
        }
    }

    /// The UDP datagram in it: the ports of sender and receiver, and its bytes.
    pub fn udp(&self) -> Option<(SocketAddr, SocketAddr, &'a [u8])> {
        if self.protocol != IpProtocol::Udp {
            return None;
        }
        let packet = UdpPacket::new_checked(self.payload).ok()?;
        let checksums = ChecksumCapabilities::default();
        let (source, destination) = (self.source.into(), self.destination.into());
        let header = UdpRepr::parse(&packet, &source, &destination, &checksums).ok()?;
        Some((
            SocketAddr::new(self.source, header.src_port),
            SocketAddr::new(self.destination, header.dst_port),
            packet.payload(),
        ))
    }
}

/// The frame that carries `payload`.
pub fn frame(
    destination: EthernetAddress,
    source: EthernetAddress,
    protocol: EthernetProtocol,
    payload: &[u8],
) -> Vec<u8> {
    let mut bytes = vec![0; EthernetFrame::<&[u8]>::buffer_len(payload.len())];
    let mut frame = EthernetFrame::new_unchecked(&mut bytes);
    frame.set_dst_addr(destination);
    frame.set_src_addr(source);
    frame.set_ethertype(protocol);
    frame.payload_mut().copy_from_slice(payload);
    bytes
}

/// The frame that carries an IP packet.
pub fn carry(destination: EthernetAddress, source: EthernetAddress, packet: &[u8]) -> Vec<u8> {
    let protocol = match packet.first().map(|byte| byte >> 4) {
        Some(4) => EthernetProtocol::Ipv4,
        _ => EthernetProtocol::Ipv6,
    };
    frame(destination, source, protocol, packet)
}

/// The hardware address of a group of machines (RFC 1112, RFC 2464); `None` for a single one.
pub fn group(address: IpAddr) -> Option<EthernetAddress> {
    match address {
        IpAddr::V4(address) if address.is_broadcast() => Some(EthernetAddress::BROADCAST),
        IpAddr::V4(address) => address.is_multicast().then(|| {
            let [_, b, c, d] = address.octets();
            EthernetAddress([0x01, 0, 0x5e, b & 0x7f, c, d])
        }),
        IpAddr::V6(address) => address.is_multicast().then(|| {
            let [.., a, b, c, d] = address.octets();
            EthernetAddress([0x33, 0x33, a, b, c, d])
        }),
    }
}

/// The IP packet that carries an ICMPv6 message, whose checksum is filled in.
pub fn icmpv6(source: Ipv6Addr, destination: Ipv6Addr, body: &mut [u8]) -> Vec<u8> {
    /// The limit by which a receiver knows that no router was in between (RFC 4861).
    const LOCAL: u8 = 255;
    Icmpv6Packet::new_unchecked(&mut *body).fill_checksum(&source, &destination);
    let header = Ipv6Repr {
        src_addr: source,
        dst_addr: destination,
        next_header: IpProtocol::Icmpv6,
        payload_len: body.len(),
        hop_limit: LOCAL,
    };
    let mut bytes = vec![0; header.buffer_len() + body.len()];
    header.emit(&mut Ipv6Packet::new_unchecked(&mut bytes));
    bytes[header.buffer_len()..].copy_from_slice(body);
    bytes
}

/// The IP packet that carries a UDP datagram; both ends are of the same IP version.
pub fn udp(source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let (from, to) = (source.ip().into(), destination.ip().into());
    let header = UdpRepr {
        src_port: source.port(),
        dst_port: destination.port(),
    };
    let length = header.header_len() + payload.len();
    let checksums = ChecksumCapabilities::default();
    let outer = IpRepr::new(from, to, IpProtocol::Udp, length, HOP_LIMIT);
    let mut bytes = vec![0; outer.buffer_len()];
    outer.emit(&mut bytes, &checksums);
    header.emit(
        &mut UdpPacket::new_unchecked(&mut bytes[outer.header_len()..]),
        &from,
        &to,
        payload.len(),
        |body| body.copy_from_slice(payload),
        &checksums,
    );
    bytes
}

/// A name as the name system writes it (RFC 1035): each label with its length before it, and an empty one at the end.
pub fn labels(name: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        bytes.push(label.len() as u8);
        bytes.extend(label.as_bytes());
    }
    bytes.push(0);
    bytes
}
