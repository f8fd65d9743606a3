//! ICMPv6: neighbour discovery (RFC 4861), router advertisements with their options, and the reports that tell switches which
//! groups we listen to (RFC 3810).

use alloc::string::String;
use alloc::vec::Vec;
use core::net::Ipv6Addr;

use nom::bytes::complete::take;
use nom::combinator::verify;
use nom::multi::length_data;
use nom::number::complete::{be_u8, be_u16, be_u32, be_u128};
use nom::{IResult, Parser};

use super::Mac;
use super::names;

/// All nodes on the link.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);
/// All routers on the link.
pub const ALL_ROUTERS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 2);
/// All routers that listen to reports.
const ALL_REPORTS: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16);
/// Most entries kept of one list of an advertisement.
pub const ENTRIES_MAX: usize = 8;

const ROUTER_SOLICIT: u8 = 133;
const ROUTER_ADVERT: u8 = 134;
const NEIGHBOUR_SOLICIT: u8 = 135;
const NEIGHBOUR_ADVERT: u8 = 136;
const REPORT: u8 = 143;

/// The options of neighbour discovery that are read here (RFC 4861; 24: RFC 4191; 25, 31: RFC 8106).
mod option {
    pub const SOURCE: u8 = 1;
    pub const TARGET: u8 = 2;
    pub const PREFIX: u8 = 3;
    pub const MTU: u8 = 5;
    pub const ROUTE: u8 = 24;
    pub const NAMES: u8 = 25;
    pub const SEARCH: u8 = 31;
}

/// A message that concerns us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Who has `target`?
    NeighbourSolicit {
        /// The address asked for.
        target: Ipv6Addr,
        /// The asker's hardware address.
        source: Option<Mac>,
    },
    /// I have `target`.
    NeighbourAdvert {
        /// The address.
        target: Ipv6Addr,
        /// Its hardware address.
        mac: Option<Mac>,
    },
    /// What a router says of the link.
    RouterAdvert(Advert),
}

/// A prefix of a router advertisement.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prefix {
    /// The prefix.
    pub network: Ipv6Addr,
    /// Its length.
    pub length: u8,
    /// Its addresses are on the link.
    pub on_link: bool,
    /// Addresses may be made of it.
    pub autonomous: bool,
    /// For how many seconds.
    pub seconds: u32,
}

/// A router advertisement.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advert {
    /// Addresses are to be had by DHCPv6.
    pub managed: bool,
    /// Name servers are to be had by DHCPv6.
    pub other: bool,
    /// For how many seconds it is a default router; 0 if it is none.
    pub seconds: u16,
    /// Its hardware address.
    pub mac: Option<Mac>,
    /// The MTU of the link.
    pub mtu: Option<u32>,
    /// Prefixes.
    pub prefixes: Vec<Prefix>,
    /// Networks that it leads to: address, prefix length, seconds.
    pub routes: Vec<(Ipv6Addr, u8, u32)>,
    /// Name servers.
    pub names: Vec<Ipv6Addr>,
    /// Domains in which short names are looked for.
    pub search: Vec<String>,
}

/// The group that listens for questions about `address` (RFC 4291, 2.7.1).
pub fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., a, b, c] = address.octets();
    let low = u16::from_be_bytes([b, c]);
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | u16::from(a), low)
}

/// The interface identifier of a hardware address in `prefix` (RFC 4291, appendix A).
pub fn with_identifier(prefix: Ipv6Addr, mac: Mac) -> Ipv6Addr {
    let [a, b, c, d, e, f] = mac;
    let identifier = u64::from_be_bytes([a ^ 2, b, c, 0xff, 0xfe, d, e, f]);
    let prefix = prefix.to_bits() >> 64 << 64;
    Ipv6Addr::from_bits(prefix | u128::from(identifier))
}

/// An IPv6 packet that asks the routers of the link to advertise themselves. The source may be unspecified; only if it is not,
/// the hardware address is told.
pub fn router_solicit(from: Ipv6Addr, mac: Mac) -> Vec<u8> {
    let mut body = Vec::from([ROUTER_SOLICIT, 0, 0, 0, 0, 0, 0, 0]);
    if !from.is_unspecified() {
        body.extend([option::SOURCE, 1]);
        body.extend(mac);
    }
    packet(from, ALL_ROUTERS, body)
}

/// An IPv6 packet that asks who has `target`. An unspecified source asks whether anybody has (RFC 4862, 5.4.2).
pub fn neighbour_solicit(from: Ipv6Addr, target: Ipv6Addr, mac: Mac) -> Vec<u8> {
    let mut body = Vec::from([NEIGHBOUR_SOLICIT, 0, 0, 0, 0, 0, 0, 0]);
    body.extend(target.octets());
    if !from.is_unspecified() {
        body.extend([option::SOURCE, 1]);
        body.extend(mac);
    }
    packet(from, solicited_node(target), body)
}

/// An IPv6 packet that says that `target` is ours: to who asked, or to everybody if it asked without an address.
pub fn neighbour_advert(to: Ipv6Addr, target: Ipv6Addr, mac: Mac) -> Vec<u8> {
    let solicited = !to.is_unspecified();
    let to = if solicited { to } else { ALL_NODES };
    // Override is set; solicited only towards one asker.
    let flags = if solicited { 0x60 } else { 0x20 };
    let mut body = Vec::from([NEIGHBOUR_ADVERT, 0, 0, 0, flags, 0, 0, 0]);
    body.extend(target.octets());
    body.extend([option::TARGET, 1]);
    body.extend(mac);
    packet(target, to, body)
}

/// An IPv6 packet that reports that we listen to `groups`, with the hop-by-hop router alert that RFC 3810, 5 demands.
pub fn report(from: Ipv6Addr, groups: &[Ipv6Addr]) -> Vec<u8> {
    let mut body = Vec::from([REPORT, 0, 0, 0, 0, 0]);
    body.extend((groups.len() as u16).to_be_bytes());
    for group in groups {
        // CHANGE_TO_EXCLUDE_MODE of no source: everything sent to the group.
        body.extend([4, 0, 0, 0]);
        body.extend(group.octets());
    }
    fill_checksum(from, ALL_REPORTS, &mut body);
    let mut payload = Vec::from([58, 0, 5, 2, 0, 0, 1, 0]);
    payload.extend(body);
    ip(from, ALL_REPORTS, 0, 1, &payload)
}

fn packet(from: Ipv6Addr, to: Ipv6Addr, mut body: Vec<u8>) -> Vec<u8> {
    fill_checksum(from, to, &mut body);
    // RFC 4861: only packets that cannot have been forwarded count.
    ip(from, to, 58, 255, &body)
}

/// RFC 8200, 3: version, class and flow 4 · payload length 2 · next header 1 · hop limit 1 · source 16 · destination 16.
fn ip(from: Ipv6Addr, to: Ipv6Addr, next: u8, hops: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(40 + payload.len());
    out.extend([0x60, 0, 0, 0]);
    out.extend((payload.len() as u16).to_be_bytes());
    out.extend([next, hops]);
    out.extend(from.octets());
    out.extend(to.octets());
    out.extend(payload);
    out
}

/// Puts the checksum of an ICMPv6 body into its place.
pub fn fill_checksum(from: Ipv6Addr, to: Ipv6Addr, body: &mut [u8]) {
    let sum = checksum(from, to, body);
    if let Some(field) = body.get_mut(2..4) {
        field.copy_from_slice(&sum.to_be_bytes());
    }
}

/// RFC 4443, 2.3: over a pseudo header and the message; 0 if the message's own checksum is right.
fn checksum(from: Ipv6Addr, to: Ipv6Addr, body: &[u8]) -> u16 {
    let mut sum = body.len() as u32 + 58;
    let words = from.octets().into_iter().chain(to.octets());
    for (index, byte) in words.chain(body.iter().copied()).enumerate() {
        sum += u32::from(byte) << if index % 2 == 0 { 8 } else { 0 };
    }
    while sum >> 16 != 0 {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// The message in an ICMPv6 body. `None` if it was forwarded, is broken, or is none of those above.
pub fn parse(from: Ipv6Addr, to: Ipv6Addr, hops: u8, body: &[u8]) -> Option<Message> {
    if hops != 255 || checksum(from, to, body) != 0 {
        return None;
    }
    let (_, message) = message(body).ok()?;
    let from_router = from.is_unicast_link_local();
    let bad = matches!(message, Message::RouterAdvert(_)) && !from_router;
    (!bad).then_some(message)
}

/// RFC 4861, 4: type 1 · code 1 (always 0) · checksum 2 · what the type says.
fn message(input: &[u8]) -> IResult<&[u8], Message> {
    let (input, (kind, _, _)) = (be_u8, verify(be_u8, |code| *code == 0), be_u16).parse(input)?;
    match kind {
        ROUTER_ADVERT => advert(input),
        NEIGHBOUR_SOLICIT => {
            let (input, (_, target)) = (be_u32, address).parse(input)?;
            let (input, source) = link_option(input, option::SOURCE)?;
            Ok((input, Message::NeighbourSolicit { target, source }))
        }
        NEIGHBOUR_ADVERT => {
            let (input, (_, target)) = (be_u32, address).parse(input)?;
            let (input, mac) = link_option(input, option::TARGET)?;
            Ok((input, Message::NeighbourAdvert { target, mac }))
        }
        _ => Err(nom::Err::Error(nom::error::Error::new(
            input,
            nom::error::ErrorKind::Switch,
        ))),
    }
}

/// Hop limit 1 · flags 1 · router lifetime 2 · reachable time 4 · retransmission timer 4 · options.
fn advert(input: &[u8]) -> IResult<&[u8], Message> {
    let (mut input, (_, flags, seconds, _, _)) =
        (be_u8, be_u8, be_u16, be_u32, be_u32).parse(input)?;
    let mut advert = Advert {
        managed: flags & 0x80 != 0,
        other: flags & 0x40 != 0,
        seconds,
        ..Advert::default()
    };
    while !input.is_empty() {
        let (rest, (kind, data)) = one_option(input)?;
        advert.take(kind, data);
        input = rest;
    }
    Ok((input, Message::RouterAdvert(advert)))
}

impl Advert {
    /// Takes in one option; broken ones and those of other kinds are nothing.
    fn take(&mut self, kind: u8, data: &[u8]) {
        match kind {
            option::SOURCE => self.mac = hardware(data),
            option::MTU => {
                let mtu = data.get(2..6).and_then(|bytes| bytes.try_into().ok());
                self.mtu = mtu.map(u32::from_be_bytes);
            }
            option::PREFIX => {
                if let Ok((_, prefix)) = prefix(data)
                    && self.prefixes.len() < ENTRIES_MAX
                {
                    self.prefixes.push(prefix);
                }
            }
            option::ROUTE => {
                if let Ok((_, route)) = route(data)
                    && self.routes.len() < ENTRIES_MAX
                {
                    self.routes.push(route);
                }
            }
            option::NAMES => {
                let list = data.get(6..).unwrap_or(&[]).chunks_exact(16);
                let list = list.filter_map(|chunk| <[u8; 16]>::try_from(chunk).ok());
                let room = ENTRIES_MAX.saturating_sub(self.names.len());
                self.names.extend(list.map(Ipv6Addr::from).take(room));
            }
            option::SEARCH => {
                let room = ENTRIES_MAX.saturating_sub(self.search.len());
                let list = names::list(data.get(6..).unwrap_or(&[]));
                self.search.extend(list.into_iter().take(room));
            }
            _ => {}
        }
    }
}

/// RFC 4861, 4.6: type 1 · length 1, in units of eight bytes, itself included, never 0 · data.
fn one_option(input: &[u8]) -> IResult<&[u8], (u8, &[u8])> {
    let (input, kind) = be_u8(input)?;
    let length = verify(be_u8, |units| *units > 0).map(|units| usize::from(units) * 8 - 2);
    let (input, data) = length_data(length).parse(input)?;
    Ok((input, (kind, data)))
}

/// The hardware address in the option of `wanted` kind, if there is one.
fn link_option(mut input: &[u8], wanted: u8) -> IResult<&[u8], Option<Mac>> {
    let mut found = None;
    while !input.is_empty() {
        let (rest, (kind, data)) = one_option(input)?;
        if kind == wanted {
            found = hardware(data);
        }
        input = rest;
    }
    Ok((input, found))
}

fn hardware(data: &[u8]) -> Option<Mac> {
    data.get(..6)?.try_into().ok()
}

/// RFC 4861, 4.6.2: length 1 · flags 1 · valid 4 · preferred 4 · reserved 4 · prefix 16.
fn prefix(input: &[u8]) -> IResult<&[u8], Prefix> {
    let length = verify(be_u8, |length| *length <= 128);
    let (input, (length, flags, seconds, _, _, network)) =
        (length, be_u8, be_u32, be_u32, be_u32, address).parse(input)?;
    let prefix = Prefix {
        network,
        length,
        on_link: flags & 0x80 != 0,
        autonomous: flags & 0x40 != 0,
        seconds,
    };
    Ok((input, prefix))
}

/// RFC 4191, 2.3: length 1 · flags 1 · lifetime 4 · as much of the prefix as it needs.
fn route(input: &[u8]) -> IResult<&[u8], (Ipv6Addr, u8, u32)> {
    let length = verify(be_u8, |length| *length <= 128);
    let (input, (length, _, seconds)) = (length, be_u8, be_u32).parse(input)?;
    let (input, significant) = take(usize::from(length).div_ceil(64) * 8).parse(input)?;
    let mut network = [0; 16];
    network[..significant.len()].copy_from_slice(significant);
    Ok((input, (Ipv6Addr::from(network), length, seconds)))
}

fn address(input: &[u8]) -> IResult<&[u8], Ipv6Addr> {
    be_u128.map(Ipv6Addr::from_bits).parse(input)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use alloc::vec;

    const MAC: Mac = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
    const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

    fn ours() -> Ipv6Addr {
        with_identifier("fe80::".parse().unwrap(), MAC)
    }

    /// Takes a packet of ours apart again.
    fn reparse(packet: &[u8]) -> Option<Message> {
        let from: [u8; 16] = packet[8..24].try_into().unwrap();
        let to: [u8; 16] = packet[24..40].try_into().unwrap();
        parse(from.into(), to.into(), packet[7], &packet[40..])
    }

    fn sample() -> Vec<u8> {
        let mut body = vec![
            ROUTER_ADVERT,
            0,
            0,
            0,
            64,
            0xc0,
            0x07,
            0x08,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
        ];
        body.extend([1, 1, 2, 0, 0, 0, 0, 9]);
        body.extend([5, 1, 0, 0, 0, 0, 0x05, 0x78]);
        body.extend([3, 4, 64, 0xc0, 0, 0, 0x0e, 0x10, 0, 0, 0, 0, 0, 0, 0, 0]);
        body.extend("fd00:1::".parse::<Ipv6Addr>().unwrap().octets());
        body.extend([24, 2, 48, 0, 0, 0, 0, 60, 0xfd, 0, 0xe, 0xc2, 0, 0, 0, 0]);
        body.extend([25, 3, 0, 0, 0, 0, 0, 60]);
        body.extend("fd00:1::53".parse::<Ipv6Addr>().unwrap().octets());
        body.extend([31, 2, 0, 0, 0, 0, 0, 60, 1, b'a', 2, b'b', b'c', 0, 0, 0]);
        fill_checksum(ROUTER, ALL_NODES, &mut body);
        body
    }

    #[test]
    fn an_identifier_is_made_of_the_hardware_address() {
        assert_eq!(
            ours(),
            "fe80::5054:ff:fe12:3456".parse::<Ipv6Addr>().unwrap()
        );
        assert_eq!(
            solicited_node(ours()),
            "ff02::1:ff12:3456".parse::<Ipv6Addr>().unwrap()
        );
    }

    #[test]
    fn questions_and_answers_come_back_as_they_went() {
        let solicit = neighbour_solicit(ours(), ROUTER, MAC);
        let want = Message::NeighbourSolicit {
            target: ROUTER,
            source: Some(MAC),
        };
        assert_eq!(reparse(&solicit), Some(want));
        let advert = neighbour_advert(ROUTER, ours(), MAC);
        let want = Message::NeighbourAdvert {
            target: ours(),
            mac: Some(MAC),
        };
        assert_eq!(reparse(&advert), Some(want));
        assert_eq!(reparse(&router_solicit(ours(), MAC)), None);
    }

    #[test]
    fn an_advertisement_has_all_its_options() {
        let Some(Message::RouterAdvert(advert)) = parse(ROUTER, ALL_NODES, 255, &sample()) else {
            panic!("no advertisement");
        };
        assert!(advert.managed && advert.other);
        assert_eq!((advert.seconds, advert.mtu), (1800, Some(1400)));
        assert_eq!(advert.mac, Some([2, 0, 0, 0, 0, 9]));
        let [prefix] = advert.prefixes[..] else {
            panic!("{advert:?}")
        };
        assert!(prefix.on_link && prefix.autonomous && prefix.length == 64);
        assert_eq!(advert.routes, [("fd00:ec2::".parse().unwrap(), 48, 60)]);
        assert_eq!(advert.names, ["fd00:1::53".parse::<Ipv6Addr>().unwrap()]);
        assert_eq!(advert.search, ["a.bc"]);
    }

    #[test]
    fn forwarded_strange_and_broken_messages_are_nothing() {
        let sample = sample();
        assert_eq!(parse(ROUTER, ALL_NODES, 254, &sample), None);
        let stranger = "fd00::1".parse().unwrap();
        assert_eq!(parse(stranger, ALL_NODES, 255, &sample), None);
        for length in 0..sample.len() {
            assert_eq!(parse(ROUTER, ALL_NODES, 255, &sample[..length]), None);
        }
        for index in 0..sample.len() {
            for bit in 0..8 {
                let mut broken = sample.clone();
                broken[index] ^= 1 << bit;
                assert_eq!(parse(ROUTER, ALL_NODES, 255, &broken), None);
                broken[2..4].fill(0);
                fill_checksum(ROUTER, ALL_NODES, &mut broken);
                parse(ROUTER, ALL_NODES, 255, &broken);
            }
        }
    }

    #[test]
    fn a_report_has_its_router_alert() {
        let report = report(ours(), &[solicited_node(ours())]);
        assert_eq!(&report[6..8], &[0, 1]);
        assert_eq!(&report[40..48], &[58, 0, 5, 2, 0, 0, 1, 0]);
        assert_eq!(checksum(ours(), ALL_REPORTS, &report[48..]), 0);
    }
}
