//! Names over the kernel's sockets: /etc/hosts, and the servers of /etc/resolv.conf.
//!
//! The C library's own lookup keeps no deadline, and is a good part of a small program.

use std::io::{self, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant};

use cloudseed_core::machine::Files;
use cloudseed_core::net::names::{self, Answer, Kind};
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use super::http;
use super::random;
use super::root::Root;

/// Longest time a lookup may take.
const LOOKUP_MAX: Duration = Duration::from_secs(5);
/// How long a server may take before the next one, or the same again, is asked.
const SERVER_MAX: Duration = Duration::from_millis(1000);
/// How often each server is asked.
const ROUNDS: usize = 2;
/// Most servers asked, and most domains searched.
const SERVERS_MAX: usize = 3;
const DOMAINS_MAX: usize = 6;
/// Longest answer taken over UDP; one over TCP has at most 64 KiB.
const ANSWER_BYTES_MAX: usize = 1500;

/// What /etc/resolv.conf says (resolv.conf(5)): a keyword and its words on each line.
#[derive(Debug, Default, PartialEq, Eq)]
struct Conf {
    servers: Vec<IpAddr>,
    domains: Vec<String>,
}

impl Conf {
    fn parse(text: &str) -> Conf {
        let mut conf = Conf::default();
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            match words.next() {
                Some("nameserver") => conf.servers.extend(words.next().and_then(names::literal)),
                Some("search" | "domain") => {
                    let domains = words.map(|word| word.trim_matches('.')).map(String::from);
                    conf.domains = domains.take(DOMAINS_MAX).collect();
                }
                _ => {}
            }
        }
        conf.servers.truncate(SERVERS_MAX);
        conf
    }

    /// The full names that `host` may mean, the likeliest first.
    fn spellings(&self, host: &str) -> Vec<String> {
        let whole = String::from(host.trim_end_matches('.'));
        let mut all: Vec<String> = match host.ends_with('.') {
            true => Vec::new(),
            false => self
                .domains
                .iter()
                .map(|domain| format!("{whole}.{domain}"))
                .collect(),
        };
        let place = if whole.contains('.') { 0 } else { all.len() };
        all.insert(place, whole);
        all
    }
}

/// The addresses of `host`, a literal or a name, by `until`.
pub fn look_up(host: &str, until: Instant) -> io::Result<Vec<IpAddr>> {
    if let Some(address) = names::literal(host) {
        return Ok(vec![address]);
    }
    let root = Root::new(Path::new("/"));
    let hosts = root.text("/etc/hosts").unwrap_or_default();
    let hosts = names::hosts(&hosts).into_iter();
    let known: Vec<IpAddr> = hosts
        .filter(|(name, _)| name.eq_ignore_ascii_case(host))
        .map(|(_, address)| address)
        .collect();
    if !known.is_empty() {
        return Ok(known);
    }
    let conf = Conf::parse(&root.text("/etc/resolv.conf").unwrap_or_default());
    if conf.servers.is_empty() {
        return Err(io::Error::other(format!(
            "no name server to ask for {host}: /etc/resolv.conf names none"
        )));
    }
    let mut silent = false;
    for name in conf.spellings(host) {
        match ask_all(&conf.servers, &name, until) {
            Some(found) if !found.is_empty() => return Ok(found),
            Some(_) => {}
            None => silent = true,
        }
    }
    let why = if silent {
        "no answer of a name server for"
    } else {
        "no address of"
    };
    Err(io::Error::other(format!("{why} {host}")))
}

/// The addresses of a full name by the first server that knows; `None` if none answers.
fn ask_all(servers: &[IpAddr], name: &str, until: Instant) -> Option<Vec<IpAddr>> {
    for _ in 0..ROUNDS {
        for server in servers {
            let until = until.min(Instant::now() + SERVER_MAX);
            if let Ok(found) = ask(*server, name, until) {
                return Some(found);
            }
        }
    }
    None
}

/// Asks one server for both kinds of addresses at once.
fn ask(server: IpAddr, name: &str, until: Instant) -> io::Result<Vec<IpAddr>> {
    let any: SocketAddr = match server {
        IpAddr::V4(_) => ([0; 4], 0).into(),
        IpAddr::V6(_) => ([0; 16], 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.connect((server, names::PORT))?;
    let id = random::seed() as u16;
    let mut open = vec![(id, Kind::A), (!id, Kind::Aaaa)];
    for (id, kind) in &open {
        let question = names::question(*id, name, *kind);
        socket.send(&question.ok_or(io::ErrorKind::InvalidInput)?)?;
    }
    let mut found = Vec::new();
    while !open.is_empty() {
        socket.set_read_timeout(Some(left(until)?))?;
        let mut message = [0; ANSWER_BYTES_MAX];
        let length = socket.recv(&mut message)?;
        let message = message.get(..length).unwrap_or(&[]);
        let answers = open
            .iter()
            .map(|(id, kind)| names::answer(message, *id, name, *kind));
        let heard = answers
            .enumerate()
            .find_map(|(index, answer)| Some((index, answer?)));
        let Some((index, answer)) = heard else {
            continue;
        };
        let (id, kind) = open.remove(index);
        match answer {
            Answer::Addresses(addresses) => found.extend(addresses),
            Answer::NoName => {}
            Answer::Truncated => found.extend(ask_tcp(server, name, id, kind, until)?),
            Answer::Unable(_) => return Err(io::ErrorKind::Other.into()),
        }
    }
    found.sort();
    Ok(found)
}

/// Asks over TCP (RFC 1035, 4.2.2: messages with their length before them).
fn ask_tcp(
    server: IpAddr,
    name: &str,
    id: u16,
    kind: Kind,
    until: Instant,
) -> io::Result<Vec<IpAddr>> {
    let question = names::question(id, name, kind).ok_or(io::ErrorKind::InvalidInput)?;
    let mut stream = TcpStream::connect_timeout(&(server, names::PORT).into(), left(until)?)?;
    stream.set_write_timeout(Some(left(until)?))?;
    stream.write_all(&[&(question.len() as u16).to_be_bytes(), &question[..]].concat())?;
    let mut answer = Vec::new();
    let length = |answer: &[u8]| {
        Some(2 + usize::from(u16::from_be_bytes([*answer.first()?, *answer.get(1)?])))
    };
    while length(&answer).is_none_or(|length| answer.len() < length) {
        stream.set_read_timeout(Some(left(until)?))?;
        let mut chunk = [0; ANSWER_BYTES_MAX];
        match stream.read(&mut chunk)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => answer.extend_from_slice(chunk.get(..count).unwrap_or(&[])),
        }
    }
    match names::answer(answer.get(2..).unwrap_or(&[]), id, name, kind) {
        Some(Answer::Addresses(addresses)) => Ok(addresses),
        Some(Answer::NoName) => Ok(Vec::new()),
        _ => Err(io::ErrorKind::InvalidData.into()),
    }
}

fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    match left.is_zero() {
        true => Err(io::ErrorKind::TimedOut.into()),
        false => Ok(left),
    }
}

/// [`look_up`] for ureq.
#[derive(Debug)]
pub struct Names;

impl Resolver for Names {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let url = uri.to_string();
        let (host, port) = http::host_and_port(&url).ok_or(ureq::Error::HostNotFound)?;
        let until = Instant::now() + LOOKUP_MAX.min(*timeout.after);
        let mut found = self.empty();
        for address in look_up(host, until)?.into_iter().take(MOST) {
            found.push(SocketAddr::new(address, port));
        }
        Ok(found)
    }
}

/// As many addresses as ureq has room for.
const MOST: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolv_conf_is_read_as_it_is_meant() {
        let conf = Conf::parse(
            "# a comment\nnameserver 10.0.2.3\nnameserver fe80::1%eth0\nnameserver x\noptions edns0\n\
             search a.test. b.test\ndomain c.test\nnameserver 1.1.1.1\nnameserver 8.8.8.8\n",
        );
        let servers: Vec<String> = conf.servers.iter().map(IpAddr::to_string).collect();
        assert_eq!(servers, ["10.0.2.3", "fe80::1", "1.1.1.1"]);
        assert_eq!(conf.domains, ["c.test"]);
        assert_eq!(conf.spellings("seed"), ["seed.c.test", "seed"]);
        assert_eq!(conf.spellings("seed.x"), ["seed.x", "seed.x.c.test"]);
        assert_eq!(conf.spellings("seed."), ["seed"]);
    }

    #[test]
    fn literals_and_hosts_need_no_server() {
        let until = Instant::now();
        assert_eq!(
            look_up("127.0.0.9", until).ok(),
            Some(vec![[127, 0, 0, 9].into()])
        );
        assert_eq!(
            look_up("::1", until).ok(),
            "::1".parse().ok().map(|one| vec![one])
        );
    }
}
