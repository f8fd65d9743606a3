//! Names: DNS questions and answers (RFC 1035), and addresses written out.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nom::bytes::complete::take;
use nom::number::complete::{be_u8, be_u16, be_u32};
use nom::{IResult, Parser};

use crate::outside::Failure;

/// Where name servers listen.
pub const PORT: u16 = 53;
/// Longest name in bytes, dots included.
pub const NAME_BYTES_MAX: usize = 253;
/// Longest label in bytes.
const LABEL_BYTES_MAX: usize = 63;
/// Most compression pointers followed in one name.
const POINTERS_MAX: usize = 16;
/// Most links of a chain of aliases.
pub const ALIASES_MAX: usize = 8;
/// Most records read of one answer.
const RECORDS_MAX: usize = 64;
/// Most domains in which a name is looked for.
const SPELLINGS_MAX: usize = 6;
/// Most addresses or domains kept.
pub const ENTRIES_MAX: usize = 8;
/// Longest time a lookup may take, in seconds.
pub const LOOKUP_SECONDS_MAX: u64 = 10;

const CLASS_IN: u16 = 1;
const CNAME: u16 = 5;

/// Which addresses are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum AddressKind {
    /// IPv4.
    A = 1,
    /// IPv6.
    Aaaa = 28,
}

/// What a name server said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// These addresses; none if the name exists without one of this kind.
    Addresses(Vec<IpAddr>),
    /// There is no such name.
    NoName,
    /// The answer did not fit into a datagram.
    Truncated,
    /// The server cannot or will not answer: its response code.
    Unable(u8),
}

/// The question for the addresses of `name`. `None` if that is no name.
pub fn question(id: u16, name: &str, kind: AddressKind) -> Option<Vec<u8>> {
    let name = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return None;
    }
    let mut out = Vec::with_capacity(18 + name.len());
    out.extend(id.to_be_bytes());
    // Recursion desired; one question; no answers, authorities or additions.
    out.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
    for label in name.split('.') {
        if label.is_empty() || label.len() > LABEL_BYTES_MAX || !label.is_ascii() {
            return None;
        }
        out.push(label.len() as u8);
        out.extend(label.bytes());
    }
    out.push(0);
    out.extend((kind as u16).to_be_bytes());
    out.extend(CLASS_IN.to_be_bytes());
    Some(out)
}

/// Reads the answer to [`question`]. `None` if it is not one: other id, other question, broken.
pub fn answer(message: &[u8], id: u16, wanted: &str, kind: AddressKind) -> Option<Answer> {
    let (input, header) = header(message).ok()?;
    let is_reply = header.flags & 0x8000 != 0;
    if header.id != id || !is_reply || header.questions != 1 {
        return None;
    }
    let wanted = wanted.strip_suffix('.').unwrap_or(wanted);
    let (mut input, asked) = name(message, input).ok()?;
    let (rest, (asked_kind, class)) = asked_for(input).ok()?;
    input = rest;
    if !asked.eq_ignore_ascii_case(wanted) || asked_kind != kind as u16 || class != CLASS_IN {
        return None;
    }
    match header.flags & 0x000f {
        0 if header.flags & 0x0200 != 0 => return Some(Answer::Truncated),
        0 => {}
        3 => return Some(Answer::NoName),
        code => return Some(Answer::Unable(code as u8)),
    }
    let mut records = Vec::new();
    for _ in 0..usize::from(header.answers).min(RECORDS_MAX) {
        let (rest, found) = record(message, input).ok()?;
        records.push(found);
        input = rest;
    }
    Some(Answer::Addresses(follow(&records, wanted, kind)))
}

/// The addresses of `wanted`, through its aliases.
fn follow(records: &[Record], wanted: &str, kind: AddressKind) -> Vec<IpAddr> {
    let mut name = wanted;
    for _ in 0..=ALIASES_MAX {
        let of_name = |record: &&Record| record.name.eq_ignore_ascii_case(name);
        let addresses: Vec<IpAddr> = records
            .iter()
            .filter(of_name)
            .filter_map(|record| record.address(kind))
            .take(ENTRIES_MAX)
            .collect();
        let alias = records
            .iter()
            .filter(of_name)
            .find_map(|record| record.alias.as_deref());
        match alias {
            Some(alias) if addresses.is_empty() => name = alias,
            _ => return addresses,
        }
    }
    Vec::new()
}

/// An address written out: IPv4, IPv6, IPv6 in brackets, IPv6 with a scope (which is dropped: the race finds the interface).
pub fn literal(host: &str) -> Option<IpAddr> {
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    let host = host.split('%').next().unwrap_or(host);
    host.parse().ok()
}

/// The names of /etc/hosts with their addresses: an address, and names up to the end of the line or a `#`.
pub fn hosts(text: &str) -> Vec<(&str, IpAddr)> {
    let mut all = Vec::new();
    for line in text.lines() {
        let line = line.split('#').next().unwrap_or(line);
        let mut words = line.split_ascii_whitespace();
        let Some(address) = words.next().and_then(literal) else {
            continue;
        };
        all.extend(words.map(|name| (name, address)));
    }
    all
}

/// What a machine's configuration says of names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// The name servers, in order.
    pub servers: Vec<IpAddr>,
    /// The domains to look for a name in.
    pub search: Vec<String>,
}

/// Reads the format of resolv.conf(5), which /proc/net/pnp shares: `nameserver ADDRESS`, `search DOMAIN …`, `domain DOMAIN`,
/// the later of the last two counts. Other lines, comments among them, are passed over.
pub fn told(text: &str) -> Told {
    let mut told = Told::default();
    for line in text.lines() {
        let mut words = line.split_ascii_whitespace();
        match words.next() {
            Some("nameserver") => told.servers.extend(words.next().and_then(literal)),
            Some("search" | "domain") => told.search = words.map(String::from).collect(),
            _ => {}
        }
    }
    told.servers.truncate(ENTRIES_MAX);
    told.search.truncate(ENTRIES_MAX);
    told
}

/// The full names that `host` may mean in these domains, the likeliest first: with a dot it is probably whole.
pub fn spellings(host: &str, search: &[String]) -> Vec<String> {
    let whole = String::from(host.strip_suffix('.').unwrap_or(host));
    if host.ends_with('.') {
        return Vec::from([whole]);
    }
    let mut names: Vec<String> = Vec::new();
    for domain in search {
        let name = format!("{whole}.{}", domain.trim_matches('.'));
        if names.len() < SPELLINGS_MAX && !names.contains(&name) {
            names.push(name);
        }
    }
    let place = if whole.contains('.') { 0 } else { names.len() };
    names.insert(place, whole);
    names
}

/// Asks for the addresses of a name, which is the last one or not.
pub type Ask<'a> = &'a mut dyn FnMut(&str, bool) -> Result<Vec<IpAddr>, Failure>;

/// The addresses of `host` by the first of its [`spellings`] that has some. A server that does not answer for one, or refuses, may
/// know the next; so `ask`, which is told which one is the last, is not to spend all its time on another.
///
/// # Errors
/// None has any: why the first that failed did so.
pub fn first(host: &str, search: &[String], ask: Ask) -> Result<Vec<IpAddr>, Failure> {
    let names = spellings(host, search);
    let mut failed = None;
    for (place, name) in (1..).zip(&names) {
        match ask(name, place == names.len()) {
            Ok(addresses) if addresses.is_empty() => {}
            Ok(addresses) => return Ok(addresses),
            Err(failure) => failed = failed.or(Some(failure)),
        }
    }
    Err(failed.unwrap_or_else(|| Failure::lasting(format!("no address of {host}"))))
}

/// The domains of DHCP option 119 (RFC 3397) and of router advertisements: names one after the other, compressed within the
/// option; a broken tail is dropped.
pub fn list(bytes: &[u8]) -> Vec<String> {
    let mut names = Vec::new();
    let mut input = bytes;
    while let Ok((rest, found)) = name(bytes, input) {
        if !found.is_empty() {
            names.push(found);
        }
        if rest.is_empty() || names.len() == ENTRIES_MAX {
            break;
        }
        input = rest;
    }
    names
}

/// RFC 1035, 4.1.2: after its name, the type and the class of a question.
fn asked_for(input: &[u8]) -> IResult<&[u8], (u16, u16)> {
    (be_u16, be_u16).parse(input)
}

struct Header {
    id: u16,
    flags: u16,
    questions: u16,
    answers: u16,
}

/// RFC 1035, 4.1.1: id, flags and four counts, two bytes each.
fn header(input: &[u8]) -> IResult<&[u8], Header> {
    let (input, (id, flags, questions, answers, _, _)) =
        (be_u16, be_u16, be_u16, be_u16, be_u16, be_u16).parse(input)?;
    let header = Header {
        id,
        flags,
        questions,
        answers,
    };
    Ok((input, header))
}

struct Record {
    name: String,
    kind: u16,
    data: Vec<u8>,
    alias: Option<String>,
}

impl Record {
    fn address(&self, kind: AddressKind) -> Option<IpAddr> {
        if self.kind != kind as u16 {
            return None;
        }
        match kind {
            AddressKind::A => {
                let bytes = <[u8; 4]>::try_from(self.data.as_slice()).ok()?;
                Some(IpAddr::V4(Ipv4Addr::from(bytes)))
            }
            AddressKind::Aaaa => {
                let bytes = <[u8; 16]>::try_from(self.data.as_slice()).ok()?;
                Some(IpAddr::V6(Ipv6Addr::from(bytes)))
            }
        }
    }
}

/// RFC 1035, 4.1.3: name, type, class, time to live, length, data.
fn record<'a>(message: &'a [u8], input: &'a [u8]) -> IResult<&'a [u8], Record> {
    let (input, name_) = name(message, input)?;
    let (input, (kind, class, _, length)) = (be_u16, be_u16, be_u32, be_u16).parse(input)?;
    let (rest, data) = take(length).parse(input)?;
    let alias = match (kind, class) {
        (CNAME, CLASS_IN) => Some(name(message, data)?.1),
        _ => None,
    };
    let record = Record {
        name: name_,
        kind: if class == CLASS_IN { kind } else { 0 },
        data: data.to_vec(),
        alias,
    };
    Ok((rest, record))
}

/// RFC 1035, 4.1.4: labels of a length and bytes, up to a zero or a pointer (two bytes, the first two bits set) to where the
/// name goes on. Each further pointer must point before the one that led to it, so that no name is endless.
fn name<'a>(message: &'a [u8], input: &'a [u8]) -> IResult<&'a [u8], String> {
    let mut out = String::new();
    let mut rest = None;
    let mut here = input;
    let mut limit = message.len();
    for _ in 0..=POINTERS_MAX {
        let (after, pointer) = labels(here, &mut out)?;
        rest.get_or_insert(after);
        let Some(pointer) = pointer else {
            return Ok((rest.unwrap_or(after), out));
        };
        here = match message.get(pointer..) {
            Some(tail) if pointer < limit => tail,
            _ => return Err(broken(input)),
        };
        limit = pointer;
    }
    Err(broken(input))
}

/// Labels up to the end of the name or a pointer, and that pointer.
fn labels<'a>(mut input: &'a [u8], out: &mut String) -> IResult<&'a [u8], Option<usize>> {
    loop {
        let (rest, length) = be_u8(input)?;
        match length {
            0 => return Ok((rest, None)),
            0xc0..=0xff => {
                let (rest, low) = be_u8(rest)?;
                return Ok((
                    rest,
                    Some(usize::from(length & 0x3f) << 8 | usize::from(low)),
                ));
            }
            0x40..=0xbf => return Err(broken(input)),
            _ => {
                let (rest, label) = take(length).parse(rest)?;
                if !out.is_empty() {
                    out.push('.');
                }
                // A byte that cannot be in a host name makes the name equal to no other.
                let plain = |byte: &u8| byte.is_ascii_graphic() && *byte != b'.';
                out.extend(
                    label
                        .iter()
                        .map(|byte| if plain(byte) { char::from(*byte) } else { '?' }),
                );
                if out.len() > NAME_BYTES_MAX {
                    return Err(broken(input));
                }
                input = rest;
            }
        }
    }
}

fn broken(input: &[u8]) -> nom::Err<nom::error::Error<&[u8]>> {
    nom::Err::Error(nom::error::Error::new(input, nom::error::ErrorKind::Verify))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn configuration_tells_servers_and_domains() {
        let text = "#PROTO: DHCP\ndomain seed.test\nnameserver 10.0.2.3\nnameserver fe80::3%eth0\nbootserver 10.0.2.2\n\
                    options ndots:1\nsearch a.test b.test # x\nnameserver nobody\n";
        let found = told(text);
        let servers: Vec<String> = found.servers.iter().map(|ip| format!("{ip}")).collect();
        assert_eq!(servers, ["10.0.2.3", "fe80::3"]);
        assert_eq!(found.search[..2], ["a.test", "b.test"]);
        assert_eq!(told(""), Told::default());
    }

    #[test]
    fn a_name_is_looked_for_where_it_is_likely() {
        let domains = [String::from("a.test."), String::from("b.test")];
        let spelt = |host: &str| spellings(host, &domains);
        assert_eq!(spelt("seed"), ["seed.a.test", "seed.b.test", "seed"]);
        assert_eq!(
            spelt("www.seed"),
            ["www.seed", "www.seed.a.test", "www.seed.b.test"]
        );
        assert_eq!(spelt("seed."), ["seed"]);
    }

    /// An answer for `a.bc`: an alias to `d.bc` (compressed), and its address.
    fn sample(flags: [u8; 2]) -> Vec<u8> {
        let mut message = question(7, "a.bc", AddressKind::A).unwrap();
        message[2..4].copy_from_slice(&flags);
        message[7] = 2;
        // a.bc is at 12, bc at 14.
        message.extend([0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 60, 0, 4, 1, b'd', 0xc0, 14]);
        let target = message.len() as u8 - 4;
        message.extend([0xc0, target, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 10, 0, 0, 7]);
        message
    }

    #[test]
    fn an_alias_is_followed() {
        let found = answer(&sample([0x81, 0x80]), 7, "A.bc", AddressKind::A);
        let address = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 7));
        assert_eq!(found, Some(Answer::Addresses([address].into())));
    }

    #[test]
    fn flags_tell_the_outcome() {
        let of = |flags| answer(&sample(flags), 7, "a.bc", AddressKind::A);
        assert_eq!(of([0x81, 0x83]), Some(Answer::NoName));
        assert_eq!(of([0x83, 0x80]), Some(Answer::Truncated));
        assert_eq!(of([0x81, 0x82]), Some(Answer::Unable(2)));
        assert_eq!(of([0x01, 0x00]), None);
    }

    #[test]
    fn answers_to_other_questions_are_nothing() {
        let sample = sample([0x81, 0x80]);
        assert_eq!(answer(&sample, 8, "a.bc", AddressKind::A), None);
        assert_eq!(answer(&sample, 7, "b.bc", AddressKind::A), None);
        assert_eq!(answer(&sample, 7, "a.bc", AddressKind::Aaaa), None);
    }

    #[test]
    fn a_pointer_loop_ends() {
        let mut message = sample([0x81, 0x80]);
        let at = question(7, "a.bc", AddressKind::A).unwrap().len();
        message[at + 1] = at as u8;
        assert_eq!(answer(&message, 7, "a.bc", AddressKind::A), None);
        assert_eq!(list(&[0xc0, 0]), Vec::<String>::new());
    }

    #[test]
    fn an_alias_of_itself_has_no_address() {
        let mut message = sample([0x81, 0x80]);
        let end = message.len() - 16;
        message.truncate(end);
        message[7] = 1;
        message[end - 4..].copy_from_slice(&[1, b'a', 0xc0, 14]);
        let found = answer(&message, 7, "a.bc", AddressKind::A);
        assert_eq!(found, Some(Answer::Addresses(Vec::new())));
    }

    #[test]
    fn no_prefix_and_no_flipped_byte_panics() {
        let whole = sample([0x81, 0x80]);
        for length in 0..whole.len() {
            answer(&whole[..length], 7, "a.bc", AddressKind::A);
            list(&whole[..length]);
        }
        for index in 0..whole.len() {
            for bit in 0..8 {
                let mut broken = whole.clone();
                broken[index] ^= 1 << bit;
                answer(&broken, 7, "a.bc", AddressKind::A);
                list(&broken[12..]);
            }
        }
    }

    #[test]
    fn questions_have_limits() {
        assert_eq!(question(1, "", AddressKind::A), None);
        assert_eq!(question(1, "a..b", AddressKind::A), None);
        assert_eq!(question(1, &"a".repeat(64), AddressKind::A), None);
        assert_eq!(
            question(1, &"a.".repeat(127), AddressKind::A).map(|q| q.len()),
            Some(271)
        );
        assert_eq!(question(1, &"a.".repeat(128), AddressKind::A), None);
        assert_eq!(
            question(1, "localhost.", AddressKind::A).map(|q| q.len()),
            Some(27)
        );
    }

    #[test]
    fn hosts_have_names_and_aliases() {
        let text = "127.0.0.1 localhost # us\n# none\n10.0.0.7\tseed.lan seed\nbroken x\n";
        let names: Vec<&str> = hosts(text).into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["localhost", "seed.lan", "seed"]);
    }

    #[test]
    fn literals_are_addresses() {
        assert_eq!(literal("169.254.169.254"), "169.254.169.254".parse().ok());
        assert_eq!(literal("[fd00:ec2::254]"), "fd00:ec2::254".parse().ok());
        assert_eq!(
            literal("[fe80::a9fe:a9fe%eth0]"),
            "fe80::a9fe:a9fe".parse().ok()
        );
        assert_eq!(literal("metadata.google.internal"), None);
    }
}
