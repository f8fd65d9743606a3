//! Trace: a frame in a line, a rung of the ladder that `--trace` prints.

use alloc::format;
use alloc::string::String;
use core::net::IpAddr;

use smoltcp::time::Instant;
use smoltcp::wire::{IpProtocol, Ipv4Packet, Ipv6Packet, TcpPacket};

use super::addresses::Hardware;
use super::frame::{self, Arp, Datagram};
use super::icmp6::{self, Message};
use super::{Way, dhcp, dhcp6, names};

/// Longest first line of a request or an answer that is shown.
const LINE_CHARS_MAX: usize = 80;

/// One rung: `   12.345 ms  eth0  ──►  who has 10.0.2.1?`. Times count from `started`.
pub fn rung(started: Instant, now: Instant, name: &str, way: Way, bytes: &[u8]) -> String {
    let micros = (now - started).total_micros();
    let arrow = match way {
        Way::Out => "──►",
        Way::In => "◄──",
    };
    let (millis, micros) = (micros / 1000, micros % 1000);
    format!(
        "{millis:6}.{micros:03} ms  {name}  {arrow}  {}",
        words(bytes)
    )
}

/// What a frame says.
pub fn words(bytes: &[u8]) -> String {
    let Some(frame) = frame::frame(bytes) else {
        return format!("{} bytes that are no frame", bytes.len());
    };
    match frame.kind {
        frame::ARP => arp(frame.payload),
        frame::IP4 => ip4(frame.payload),
        frame::IP6 => ip6(frame.payload),
        kind => format!("type {kind:04x} from {}", Hardware(frame.from)),
    }
}

fn arp(payload: &[u8]) -> String {
    match Arp::parse(payload) {
        None => String::from("ARP that is broken"),
        Some(Arp {
            request: true,
            from,
            to,
        }) if from.1 == to.1 => format!("ARP: {} is mine", to.1),
        Some(Arp {
            request: true,
            from,
            to,
        }) => format!("ARP: who has {}? tell {}", to.1, from.1),
        Some(Arp { from, .. }) => format!("ARP: {} is at {}", from.1, Hardware(from.0)),
    }
}

fn ip4(payload: &[u8]) -> String {
    if let Some(datagram) = frame::datagram4(payload) {
        return udp(&datagram);
    }
    let Ok(ip) = Ipv4Packet::new_checked(payload) else {
        return String::from("IPv4 that is broken");
    };
    let ends = (IpAddr::V4(ip.src_addr()), IpAddr::V4(ip.dst_addr()));
    match ip.next_header() {
        IpProtocol::Tcp => tcp(ip.payload(), ends),
        other => format!("{other} {} to {}", ends.0, ends.1),
    }
}

fn ip6(payload: &[u8]) -> String {
    if let Some(datagram) = frame::datagram6(payload) {
        return udp(&datagram);
    }
    let Ok(ip) = Ipv6Packet::new_checked(payload) else {
        return String::from("IPv6 that is broken");
    };
    let ends = (IpAddr::V6(ip.src_addr()), IpAddr::V6(ip.dst_addr()));
    match ip.next_header() {
        IpProtocol::Tcp => tcp(ip.payload(), ends),
        IpProtocol::Icmpv6 => control6(payload, ends),
        other => format!("{other} {} to {}", ends.0, ends.1),
    }
}

fn control6(packet: &[u8], (from, to): (IpAddr, IpAddr)) -> String {
    let message = frame::control6(packet)
        .and_then(|control| icmp6::parse(control.from, control.to, control.hops, control.body));
    match message {
        Some(Message::NeighbourSolicit { target, .. }) => {
            format!("ND: who has {target}? tell {from}")
        }
        Some(Message::NeighbourAdvert { target, .. }) => format!("ND: {target} is mine, to {to}"),
        Some(Message::RouterAdvert(advert)) => {
            let prefixes = advert.prefixes.iter();
            let prefixes = prefixes.map(|prefix| format!(" {}/{}", prefix.network, prefix.length));
            let prefixes: String = prefixes.collect();
            format!("ND: {from} is a router for {} s{prefixes}", advert.seconds)
        }
        None => match packet.get(40) {
            Some(133) => String::from("ND: which routers are there?"),
            Some(kind) => format!("ICMPv6 {kind} {from} to {to}"),
            None => String::from("ICMPv6 that is broken"),
        },
    }
}

fn udp(datagram: &Datagram) -> String {
    let Datagram { from, to, payload } = datagram;
    match (from.1, to.1) {
        (dhcp::CLIENT_PORT, dhcp::SERVER_PORT) | (dhcp::SERVER_PORT, dhcp::CLIENT_PORT) => {
            format!("DHCP {} from {}", dhcp::kind(payload), from.0)
        }
        (dhcp6::CLIENT_PORT, _) | (_, dhcp6::CLIENT_PORT) => {
            format!("DHCPv6 {} from {}", dhcp6::kind(payload), from.0)
        }
        (_, names::PORT) => format!("DNS question to {}", to.0),
        (names::PORT, _) => format!("DNS answer from {}, {} bytes", from.0, payload.len()),
        _ => format!("UDP {}:{} to {}:{}", from.0, from.1, to.0, to.1),
    }
}

fn tcp(bytes: &[u8], (from, to): (IpAddr, IpAddr)) -> String {
    let Ok(tcp) = TcpPacket::new_checked(bytes) else {
        return String::from("TCP that is broken");
    };
    let flags = [
        (tcp.syn(), " SYN"),
        (tcp.fin(), " FIN"),
        (tcp.rst(), " RST"),
        (tcp.ack(), " ACK"),
    ];
    let flags: String = flags
        .iter()
        .filter(|(set, _)| *set)
        .map(|(_, name)| *name)
        .collect();
    let line = first_line(tcp.payload());
    let ports = (tcp.src_port(), tcp.dst_port());
    let ends = format!("TCP {} to {}", end(from, ports.0), end(to, ports.1));
    match tcp.payload().len() {
        0 => format!("{ends}{flags}"),
        length => format!("{ends}{flags}, {length} bytes{line}"),
    }
}

fn end(address: IpAddr, port: u16) -> String {
    match address {
        IpAddr::V4(address) => format!("{address}:{port}"),
        IpAddr::V6(address) => format!("[{address}]:{port}"),
    }
}

/// The first line of something that looks like HTTP.
fn first_line(payload: &[u8]) -> String {
    let line = payload.split(|byte| *byte == b'\r').next().unwrap_or(&[]);
    let http = line.windows(5).any(|window| window == b"HTTP/");
    if !http {
        return String::new();
    }
    let plain = |byte: &u8| {
        if byte.is_ascii_graphic() || *byte == b' ' {
            char::from(*byte)
        } else {
            '?'
        }
    };
    let line: String = line.iter().map(plain).take(LINE_CHARS_MAX).collect();
    format!(": {line}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;
    use core::net::Ipv4Addr;

    #[test]
    fn frames_are_told_in_words() {
        let arp = Arp {
            request: true,
            from: ([2, 0, 0, 0, 0, 1], Ipv4Addr::new(10, 0, 0, 5)),
            to: ([0; 6], Ipv4Addr::new(10, 0, 0, 1)),
        };
        let rung = rung(
            Instant::ZERO,
            Instant::from_micros(12_345i64),
            "eth0",
            Way::Out,
            &arp.frame(),
        );
        assert_eq!(
            rung,
            "    12.345 ms  eth0  ──►  ARP: who has 10.0.0.1? tell 10.0.0.5"
        );
        let packet = frame::packet4(
            (Ipv4Addr::new(10, 0, 0, 2), 53),
            (Ipv4Addr::new(10, 0, 0, 5), 5000),
            b"x",
        );
        let frame = frame::ethernet([2; 6], [2; 6], frame::IP4, &packet);
        assert_eq!(words(&frame), "DNS answer from 10.0.0.2, 1 bytes");
    }

    #[test]
    fn any_bytes_have_words() {
        for kind in [frame::ARP, frame::IP4, frame::IP6, 0x1234] {
            for length in 0..80 {
                let frame = frame::ethernet([2; 6], [2; 6], kind, &vec![0x45; length]);
                assert!(!words(&frame).is_empty());
            }
        }
        assert!(!words(&[]).is_empty());
    }
}
