//! Frames: Ethernet around ARP and IP, and the datagrams that go out before there is an address.

use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use nom::bytes::complete::{tag, take};
use nom::number::complete::{be_u16, be_u32};
use nom::{IResult, Parser};
use smoltcp::phy::ChecksumCapabilities;
use smoltcp::wire::{
    IpAddress, IpProtocol, Ipv4Packet, Ipv4Repr, Ipv6Packet, Ipv6Repr, TcpPacket, UDP_HEADER_LEN,
    UdpPacket, UdpRepr,
};

use super::{Mac, icmp6};

/// Bytes of an Ethernet header: destination, source, type.
pub const HEADER_BYTES: usize = 14;
/// To everybody on the link.
pub const BROADCAST: Mac = [0xff; 6];
/// The types of frames that are handled.
pub const ARP: u16 = 0x0806;
/// IPv4.
pub const IP4: u16 = 0x0800;
/// IPv6.
pub const IP6: u16 = 0x86dd;

/// What an Ethernet frame is, its payload as it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The receiver.
    pub to: Mac,
    /// The sender.
    pub from: Mac,
    /// [`ARP`], [`IP4`], [`IP6`] or something else.
    pub kind: u16,
    /// What follows.
    pub payload: &'a [u8],
}

/// Destination 6 · source 6 · type 2 · payload. `None` if shorter than its header.
pub fn frame(bytes: &[u8]) -> Option<Frame<'_>> {
    let (payload, (to, from, kind)) = header(bytes).ok()?;
    Some(Frame {
        to,
        from,
        kind,
        payload,
    })
}

fn header(input: &[u8]) -> IResult<&[u8], (Mac, Mac, u16)> {
    (mac, mac, be_u16).parse(input)
}

fn mac(input: &[u8]) -> IResult<&[u8], Mac> {
    let (input, bytes) = take(6usize).parse(input)?;
    let mut mac = [0; 6];
    mac.copy_from_slice(bytes);
    Ok((input, mac))
}

/// Puts an Ethernet header before `payload`.
pub fn ethernet(to: Mac, from: Mac, kind: u16, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEADER_BYTES + payload.len());
    out.extend(to);
    out.extend(from);
    out.extend(kind.to_be_bytes());
    out.extend(payload);
    out
}

/// An ARP packet for IPv4 over Ethernet (RFC 826).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arp {
    /// True for a request, false for a reply.
    pub request: bool,
    /// Who sends: hardware and protocol address.
    pub from: (Mac, Ipv4Addr),
    /// Who is meant; the hardware address of a request is zero.
    pub to: (Mac, Ipv4Addr),
}

impl Arp {
    /// Hardware type 1 · protocol 0x0800 · lengths 6 and 4 · operation · sender · target. `None` for anything else.
    pub fn parse(input: &[u8]) -> Option<Arp> {
        let (_, arp) = arp(input).ok()?;
        Some(arp)
    }

    /// The whole frame, broadcast if it is a request.
    pub fn frame(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(28);
        out.extend([0, 1, 8, 0, 6, 4, 0, if self.request { 1 } else { 2 }]);
        for (mac, address) in [self.from, self.to] {
            out.extend(mac);
            out.extend(address.octets());
        }
        let to = if self.request { BROADCAST } else { self.to.0 };
        ethernet(to, self.from.0, ARP, &out)
    }
}

fn arp(input: &[u8]) -> IResult<&[u8], Arp> {
    let (input, _) = tag(&[0, 1, 8, 0, 6, 4][..]).parse(input)?;
    let (input, operation) =
        nom::combinator::verify(be_u16, |code| matches!(code, 1 | 2)).parse(input)?;
    let (input, (from_mac, from, to_mac, to)) = (mac, be_u32, mac, be_u32).parse(input)?;
    let arp = Arp {
        request: operation == 1,
        from: (from_mac, Ipv4Addr::from(from)),
        to: (to_mac, Ipv4Addr::from(to)),
    };
    Ok((input, arp))
}

/// The ends and the payload of a UDP datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// The sender.
    pub from: (IpAddr, u16),
    /// The receiver.
    pub to: (IpAddr, u16),
    /// The payload.
    pub payload: &'a [u8],
}

/// The UDP datagram in an IPv4 packet, both checksums verified; fragments are nothing.
pub fn datagram4(packet: &[u8]) -> Option<Datagram<'_>> {
    let ip = Ipv4Packet::new_checked(packet).ok()?;
    let whole = !ip.more_frags() && ip.frag_offset() == 0;
    if ip.next_header() != IpProtocol::Udp || !whole || !ip.verify_checksum() {
        return None;
    }
    let (from, to) = (ip.src_addr(), ip.dst_addr());
    udp(ip.payload(), IpAddr::V4(from), IpAddr::V4(to))
}

/// The UDP datagram in an IPv6 packet without extension headers, its checksum verified.
pub fn datagram6(packet: &[u8]) -> Option<Datagram<'_>> {
    let ip = Ipv6Packet::new_checked(packet).ok()?;
    if ip.next_header() != IpProtocol::Udp {
        return None;
    }
    let (from, to) = (ip.src_addr(), ip.dst_addr());
    udp(ip.payload(), IpAddr::V6(from), IpAddr::V6(to))
}

fn udp(bytes: &[u8], from: IpAddr, to: IpAddr) -> Option<Datagram<'_>> {
    let udp = UdpPacket::new_checked(bytes).ok()?;
    let sound = udp.verify_checksum(&IpAddress::from(from), &IpAddress::from(to));
    sound.then(|| Datagram {
        from: (from, udp.src_port()),
        to: (to, udp.dst_port()),
        payload: udp.payload(),
    })
}

/// An IPv4 packet with a UDP datagram in it.
pub fn packet4(from: (Ipv4Addr, u16), to: (Ipv4Addr, u16), payload: &[u8]) -> Vec<u8> {
    let ip = Ipv4Repr {
        src_addr: from.0,
        dst_addr: to.0,
        next_header: IpProtocol::Udp,
        payload_len: UDP_HEADER_LEN + payload.len(),
        hop_limit: 64,
    };
    let mut out = alloc::vec![0; ip.buffer_len() + ip.payload_len];
    let mut packet = Ipv4Packet::new_unchecked(&mut out);
    ip.emit(&mut packet, &ChecksumCapabilities::default());
    emit_udp(packet.payload_mut(), from.into(), to.into(), payload);
    out
}

/// An IPv6 packet with a UDP datagram in it.
pub fn packet6(from: (Ipv6Addr, u16), to: (Ipv6Addr, u16), payload: &[u8]) -> Vec<u8> {
    let ip = Ipv6Repr {
        src_addr: from.0,
        dst_addr: to.0,
        next_header: IpProtocol::Udp,
        payload_len: UDP_HEADER_LEN + payload.len(),
        hop_limit: 64,
    };
    let mut out = alloc::vec![0; ip.buffer_len() + ip.payload_len];
    let mut packet = Ipv6Packet::new_unchecked(&mut out);
    ip.emit(&mut packet);
    emit_udp(packet.payload_mut(), from.into(), to.into(), payload);
    out
}

fn emit_udp(out: &mut [u8], from: SocketAddr, to: SocketAddr, payload: &[u8]) {
    let udp = UdpRepr {
        src_port: from.port(),
        dst_port: to.port(),
    };
    udp.emit(
        &mut UdpPacket::new_unchecked(out),
        &from.ip().into(),
        &to.ip().into(),
        payload.len(),
        |bytes| bytes.copy_from_slice(payload),
        &ChecksumCapabilities::default(),
    );
}

/// Puts the checksums of an IP packet right: the header's, and those of TCP, UDP and ICMPv6 in it. What is cut short stays as
/// it is. For packets whose checksums the hardware was to make, and those of tests.
pub fn complete(packet: &mut [u8]) {
    match packet.first().map(|byte| byte >> 4) {
        Some(4) => {
            if let Ok(mut ip) = Ipv4Packet::new_checked(packet) {
                ip.fill_checksum();
                let ends = (ip.src_addr().into(), ip.dst_addr().into());
                complete_payload(ip.next_header(), ends, ip.payload_mut());
            }
        }
        Some(6) => {
            if let Ok(mut ip) = Ipv6Packet::new_checked(packet) {
                let (from, to) = (ip.src_addr(), ip.dst_addr());
                match ip.next_header() {
                    IpProtocol::Icmpv6 => icmp6::fill_checksum(from, to, ip.payload_mut()),
                    next => complete_payload(next, (from.into(), to.into()), ip.payload_mut()),
                }
            }
        }
        _ => {}
    }
}

fn complete_payload(next: IpProtocol, (from, to): (IpAddress, IpAddress), payload: &mut [u8]) {
    match next {
        IpProtocol::Tcp => {
            if let Ok(mut tcp) = TcpPacket::new_checked(payload) {
                tcp.fill_checksum(&from, &to);
            }
        }
        IpProtocol::Udp => {
            if let Ok(mut udp) = UdpPacket::new_checked(payload) {
                udp.fill_checksum(&from, &to);
            }
        }
        _ => {}
    }
}

/// The sender and the receiver of an IP packet, of either family.
pub fn ends(packet: &[u8]) -> Option<(IpAddr, IpAddr)> {
    match packet.first()? >> 4 {
        4 => {
            let ip = Ipv4Packet::new_checked(packet).ok()?;
            Some((IpAddr::V4(ip.src_addr()), IpAddr::V4(ip.dst_addr())))
        }
        6 => {
            let ip = Ipv6Packet::new_checked(packet).ok()?;
            Some((IpAddr::V6(ip.src_addr()), IpAddr::V6(ip.dst_addr())))
        }
        _ => None,
    }
}

/// The receiver of an IP packet, of either family.
pub fn destination(packet: &[u8]) -> Option<IpAddr> {
    ends(packet).map(|(_, to)| to)
}

/// An ICMPv6 body and what of the packet around it counts; packets with extension headers are nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Control<'a> {
    /// The sender.
    pub from: Ipv6Addr,
    /// The receiver.
    pub to: Ipv6Addr,
    /// How far the packet could still have gone.
    pub hops: u8,
    /// The body, its checksum not looked at.
    pub body: &'a [u8],
}

/// The ICMPv6 body in an IPv6 packet.
pub fn control6(packet: &[u8]) -> Option<Control<'_>> {
    let ip = Ipv6Packet::new_checked(packet).ok()?;
    (ip.next_header() == IpProtocol::Icmpv6).then(|| Control {
        from: ip.src_addr(),
        to: ip.dst_addr(),
        hops: ip.hop_limit(),
        body: ip.payload(),
    })
}

/// The hardware address of a group: RFC 1112, 6.4 and RFC 2464, 7. `None` if the address is one host's.
pub fn group(address: IpAddr) -> Option<Mac> {
    match address {
        IpAddr::V4(address) if address.is_broadcast() => Some(BROADCAST),
        IpAddr::V4(address) if address.is_multicast() => {
            let [_, b, c, d] = address.octets();
            Some([0x01, 0x00, 0x5e, b & 0x7f, c, d])
        }
        IpAddr::V6(address) if address.is_multicast() => {
            let [.., a, b, c, d] = address.octets();
            Some([0x33, 0x33, a, b, c, d])
        }
        _ => None,
    }
}

/// A TCP segment, as far as repeating it needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Sender and receiver.
    pub flow: ((IpAddr, u16), (IpAddr, u16)),
    /// The sequence number after its last byte, SYN and FIN counted.
    pub end: u32,
    /// How much sequence space it takes.
    pub length: usize,
    /// What it acknowledges.
    pub ack: Option<u32>,
    /// True if it resets the connection.
    pub reset: bool,
}

/// The TCP segment in an IP packet of either family; checksums are not looked at.
pub fn segment(packet: &[u8]) -> Option<Segment> {
    match packet.first()? >> 4 {
        4 => {
            let ip = Ipv4Packet::new_checked(packet).ok()?;
            let ends = (IpAddr::V4(ip.src_addr()), IpAddr::V4(ip.dst_addr()));
            (ip.next_header() == IpProtocol::Tcp).then(|| tcp(ip.payload(), ends))?
        }
        6 => {
            let ip = Ipv6Packet::new_checked(packet).ok()?;
            let ends = (IpAddr::V6(ip.src_addr()), IpAddr::V6(ip.dst_addr()));
            (ip.next_header() == IpProtocol::Tcp).then(|| tcp(ip.payload(), ends))?
        }
        _ => None,
    }
}

fn tcp(bytes: &[u8], (from, to): (IpAddr, IpAddr)) -> Option<Segment> {
    let tcp = TcpPacket::new_checked(bytes).ok()?;
    let length = tcp.segment_len();
    Some(Segment {
        flow: ((from, tcp.src_port()), (to, tcp.dst_port())),
        end: (tcp.seq_number().0 as u32).wrapping_add(length as u32),
        length,
        ack: tcp.ack().then(|| tcp.ack_number().0 as u32),
        reset: tcp.rst(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const OURS: Mac = [2, 0, 0, 0, 0, 1];

    #[test]
    fn arp_goes_out_and_comes_in() {
        let arp = Arp {
            request: true,
            from: (OURS, Ipv4Addr::new(10, 0, 0, 5)),
            to: ([0; 6], Ipv4Addr::new(10, 0, 0, 1)),
        };
        let bytes = arp.frame();
        let frame = frame(&bytes).unwrap();
        assert_eq!((frame.to, frame.from, frame.kind), (BROADCAST, OURS, ARP));
        assert_eq!(Arp::parse(frame.payload), Some(arp));
        for length in 0..frame.payload.len() {
            assert_eq!(Arp::parse(&frame.payload[..length]), None);
        }
    }

    #[test]
    fn datagrams_go_out_and_come_in_with_sums() {
        let from = (Ipv4Addr::UNSPECIFIED, 68);
        let to = (Ipv4Addr::BROADCAST, 67);
        let packet = packet4(from, to, b"hello");
        let datagram = datagram4(&packet).unwrap();
        assert_eq!(datagram.payload, b"hello");
        assert_eq!(datagram.to, (IpAddr::V4(to.0), 67));
        for index in 0..packet.len() {
            let mut broken = packet.clone();
            broken[index] ^= 0x10;
            assert_eq!(datagram4(&broken), None, "byte {index}");
        }
        let from = ("fe80::1".parse().unwrap(), 546);
        let packet = packet6(from, ("ff02::1:2".parse().unwrap(), 547), b"hello");
        assert_eq!(datagram6(&packet).unwrap().payload, b"hello");
        assert_eq!(destination(&packet), "ff02::1:2".parse().ok());
    }

    #[test]
    fn no_prefix_panics() {
        let packet = packet4(
            (Ipv4Addr::new(1, 1, 1, 1), 1),
            (Ipv4Addr::new(2, 2, 2, 2), 2),
            b"x",
        );
        for length in 0..packet.len() {
            assert_eq!(datagram4(&packet[..length]), None);
            assert_eq!(segment(&packet[..length]), None);
            assert_eq!(destination(&packet[..length]), None);
        }
    }
}
