//! Trace: a frame in a line, a rung of the ladder that `--trace` prints; and where it took long, what was waited for.
//!
//! ```text
//!      0.412 ms  eth0  ──►  DHCP discover from 0.0.0.0
//!    301.007 ms        ⋮    300.6 ms, waiting on eth0 for an answer to: DHCP discover from 0.0.0.0
//!    301.007 ms  eth0  ──►  DHCP discover from 0.0.0.0
//! ```

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{IpProtocol, Ipv4Packet, Ipv6Packet, TcpPacket};

use super::frame::{self, Arp, Datagram};
use super::icmp6::{self, Message};
use super::{Direction, dhcp, dhcp6, names};
use crate::outside::learnt::Hardware;

/// Longest first line of a request or an answer that is shown.
const LINE_CHARS_MAX: usize = 80;

/// Most questions that are kept, and most that are told of at once.
const ASKED_MAX: usize = 16;
const TOLD_MAX: usize = 4;

/// Silence that is told, whatever the cause.
const SILENCE: Duration = Duration::from_millis(50);

/// The ladder: frame after frame, and what happened in between, which is nothing.
#[derive(Clone, Debug)]
pub struct Ladder {
    started: Instant,
    /// When the last frame went by.
    last: Instant,
    /// Interface and words of each last question of its kind, if nothing of that kind has arrived there since.
    asked: Vec<(String, String)>,
}

impl Ladder {
    /// A ladder whose times count from `started`.
    pub fn new(started: Instant) -> Ladder {
        Ladder {
            started,
            last: started,
            asked: Vec::new(),
        }
    }

    /// The rung of this frame on the interface `name`, and a line before it if it was waited for: whole lines.
    pub fn climb(&mut self, now: Instant, name: &str, way: Direction, bytes: &[u8]) -> String {
        let words = words(bytes);
        let (at, silence) = (self.at(now), now - self.last);
        let mut lines = String::new();
        if silence >= SILENCE {
            let micros = silence.total_micros();
            let (millis, tenths) = (micros / 1000, micros / 100 % 10);
            let pad = " ".repeat(name.chars().count());
            let what = self.awaited();
            lines = format!("{at}  {pad}   ⋮   {millis}.{tenths} ms, waiting{what}\n");
        }
        let arrow = match way {
            Direction::Out => "──►",
            Direction::In => "◄──",
        };
        lines += &format!("{at}  {name}  {arrow}  {words}\n");
        let answered = way == Direction::In && !is_bare(&words);
        let asks = way == Direction::Out && is_question(&words);
        if answered || asks {
            self.asked
                .retain(|(place, old)| place != name || !are_alike(old, &words));
        }
        if asks {
            if self.asked.len() == ASKED_MAX {
                self.asked.remove(0);
            }
            self.asked.push((String::from(name), words));
        }
        self.last = now;
        lines
    }

    /// Milliseconds since the start.
    fn at(&self, now: Instant) -> String {
        let micros = (now - self.started).total_micros();
        format!("{:6}.{:03} ms", micros / 1000, micros % 1000)
    }

    /// What was asked last on each interface, and not answered yet.
    fn awaited(&self) -> String {
        let asked = self.asked.iter().take(TOLD_MAX);
        let asked = asked.map(|(name, words)| format!(" on {name} for an answer to: {words}"));
        let asked: Vec<String> = asked.collect();
        if asked.is_empty() {
            String::from(", but not for an answer")
        } else {
            asked.join(";")
        }
    }
}

/// Of two messages of one kind, of TCP of one connection, the second answers the first or repeats it.
fn are_alike(one: &str, other: &str) -> bool {
    let words = |words: &str| -> Vec<String> {
        let words = words.split([' ', ',']).take(4);
        words.map(String::from).collect()
    };
    match (&*words(one), &*words(other)) {
        ([tcp, from, _, to], [kind, a, _, b]) if tcp == "TCP" => {
            kind == tcp && ((from, to) == (a, b) || (from, to) == (b, a))
        }
        (one, other) => one.first() == other.first(),
    }
}

/// True for what somebody should answer; a probe for an address of our own hopes for silence.
fn is_question(words: &str) -> bool {
    let probe = words.ends_with("tell ::") || words.contains(" RST");
    let kinds = ["TCP ", "DHCP", "DNS question"];
    let asks = words.contains('?') || kinds.iter().any(|kind| words.starts_with(kind));
    asks && !probe && !is_bare(words)
}

/// True for the acknowledgement of TCP that neither asks nor answers.
fn is_bare(words: &str) -> bool {
    let flags = words.strip_suffix(" ACK").unwrap_or("SYN");
    words.starts_with("TCP ") && !flags.ends_with("SYN") && !flags.ends_with("FIN")
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
        let mut ladder = Ladder::new(Instant::ZERO);
        let mut climb = |micros: i64, way, frame: &[u8]| {
            ladder.climb(Instant::from_micros(micros), "eth0", way, frame)
        };
        let question = "eth0  ──►  ARP: who has 10.0.0.1? tell 10.0.0.5\n";
        assert_eq!(
            climb(12_345, Direction::Out, &arp.frame()),
            format!("    12.345 ms  {question}")
        );
        assert_eq!(
            climb(213_745, Direction::Out, &arp.frame()),
            format!(
                "   213.745 ms         ⋮   201.4 ms, waiting on eth0 for an answer to: \
                 ARP: who has 10.0.0.1? tell 10.0.0.5\n   213.745 ms  {question}"
            )
        );
        let reply = Arp {
            request: false,
            from: ([2, 0, 0, 0, 0, 2], arp.to.1),
            to: arp.from,
        };
        climb(214_000, Direction::In, &reply.frame());
        let idle = climb(300_000, Direction::Out, &arp.frame());
        assert!(
            idle.contains("86.0 ms, waiting, but not for an answer\n"),
            "{idle}"
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
    fn an_acknowledgement_alone_is_no_answer() {
        assert!(is_bare("TCP 10.0.0.5:50000 to 10.0.0.1:80 ACK"));
        assert!(!is_bare("TCP 10.0.0.1:80 to 10.0.0.5:50000 SYN ACK"));
        assert!(!is_bare("TCP 10.0.0.1:80 to 10.0.0.5:50000 FIN ACK"));
        assert!(!is_bare("TCP 10.0.0.1:80 to 10.0.0.5:50000 ACK, 9 bytes"));
        assert!(!is_bare("DNS question to 10.0.0.2"));
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
