//! Names over the kernel's sockets, for when somebody else has configured the network.
//!
//! The C library's resolver waits as long as its own configuration says, and knows neither our deadlines nor the name servers
//! that the kernel was told of by `ip=`. It would also be a twentieth of a small binary.

use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use cloudseed_core::net::names::{self, AddressKind, Answer};
use cloudseed_core::outside::Failure;

use super::random;
use super::root::Root;

/// Where name servers are told: by the owner or by whoever configured the network; by the kernel itself (`ip=dhcp`).
const TOLD: [&str; 2] = ["/etc/resolv.conf", "/proc/net/pnp"];
/// Names that need no server.
const HOSTS: &str = "/etc/hosts";
/// Rounds through all name servers.
const ROUNDS_MAX: u32 = 3;
/// How long one server may take for one answer.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// Longest time a lookup may take.
const LOOKUP_MAX: Duration = Duration::from_secs(names::LOOKUP_SECONDS_MAX);
/// Largest answer taken over UDP, and over TCP.
const ANSWER_BYTES_MAX: usize = 4096;

/// Asks the name servers that the files below a root tell of.
#[derive(Clone, Debug)]
pub struct Servers {
    root: Root,
}

impl Servers {
    /// The name servers of the machine below `root`.
    pub fn new(root: Root) -> Servers {
        Servers { root }
    }

    /// The addresses of `host`: a literal, a name of /etc/hosts, or what a server says, IPv4 first. Takes `limit` at most,
    /// and never longer than a lookup may.
    pub fn addresses(&self, host: &str, limit: Duration) -> Result<Vec<IpAddr>, Failure> {
        let until = Instant::now() + limit.min(LOOKUP_MAX);
        if let Some(address) = names::literal(host) {
            return Ok(vec![address]);
        }
        let text = self.root.text(HOSTS).unwrap_or_default();
        let known = names::hosts(&text).into_iter();
        let known = known.filter(|(name, _)| name.eq_ignore_ascii_case(host));
        let known: Vec<IpAddr> = known.map(|(_, address)| address).collect();
        if !known.is_empty() {
            return Ok(known);
        }
        let told = TOLD.iter().filter_map(|path| self.root.text(path));
        let mut told = told.map(|text| names::told(&text));
        let told = told.find(|told| !told.servers.is_empty());
        let Some(told) = told else {
            return Err(Failure::lasting(format!(
                "no name server to ask for {host}"
            )));
        };
        names::first(host, &told.search, &mut |name, is_last| {
            let now = Instant::now();
            let half = now + until.saturating_duration_since(now) / 2;
            ask(name, &told.servers, if is_last { until } else { half })
        })
    }
}

/// The addresses of a full name; none if there is no such name.
fn ask(name: &str, servers: &[IpAddr], until: Instant) -> Result<Vec<IpAddr>, Failure> {
    let mut found = format!("no answer for {name}");
    for _ in 0..ROUNDS_MAX {
        for server in servers {
            let mut addresses = Vec::new();
            let mut answered = false;
            for kind in [AddressKind::A, AddressKind::Aaaa] {
                match exchange(name, kind, *server, until) {
                    Ok(Answer::Addresses(some)) => {
                        addresses.extend(some);
                        answered = true;
                    }
                    Ok(Answer::NoName) => answered = true,
                    Ok(Answer::Unable(code)) => {
                        found = format!("name server error {code} for {name} from {server}");
                    }
                    Ok(Answer::Truncated) => {
                        found = format!("a truncated answer for {name} from {server}");
                    }
                    Err(error) => {
                        let silent = [io::ErrorKind::TimedOut, io::ErrorKind::WouldBlock];
                        found = if silent.contains(&error.kind()) {
                            format!("no answer for {name} from {server}")
                        } else {
                            format!("{error} instead of {name} from {server}")
                        };
                        // Who does not answer the one question will not answer the other.
                        break;
                    }
                }
            }
            if answered {
                return Ok(addresses);
            }
            if Instant::now() >= until {
                return Err(Failure::passing(found));
            }
        }
    }
    Err(Failure::passing(found))
}

/// One question to one server: over UDP, and once more over TCP if the answer is too long for that.
fn exchange(name: &str, kind: AddressKind, server: IpAddr, until: Instant) -> io::Result<Answer> {
    let id = random::seed() as u16;
    let Some(question) = names::question(id, name, kind) else {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    };
    let server = SocketAddr::new(server, names::PORT);
    let until = until.min(Instant::now() + ANSWER_MAX);
    match over_udp(&question, server, until, |bytes| {
        names::answer(bytes, id, name, kind)
    })? {
        Answer::Truncated => {
            let bytes = over_tcp(&question, server, until)?;
            let answer = names::answer(&bytes, id, name, kind);
            answer.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
        }
        answer => Ok(answer),
    }
}

fn over_udp(
    question: &[u8],
    server: SocketAddr,
    until: Instant,
    read: impl Fn(&[u8]) -> Option<Answer>,
) -> io::Result<Answer> {
    let any: IpAddr = match server {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(server)?;
    socket.send(question)?;
    let mut buffer = [0; ANSWER_BYTES_MAX];
    loop {
        socket.set_read_timeout(Some(left(until)?))?;
        let count = socket.recv(&mut buffer)?;
        // What is no answer to this question may be one to an earlier copy of it, or a stranger's.
        if let Some(answer) = read(buffer.get(..count).unwrap_or(&[])) {
            return Ok(answer);
        }
    }
}

/// RFC 1035, 4.2.2: messages with their length before them.
fn over_tcp(question: &[u8], server: SocketAddr, until: Instant) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect_timeout(&server, left(until)?)?;
    stream.set_write_timeout(Some(left(until)?))?;
    let mut message = Vec::from((question.len() as u16).to_be_bytes());
    message.extend(question);
    stream.write_all(&message)?;
    stream.set_read_timeout(Some(left(until)?))?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length)).min(ANSWER_BYTES_MAX)];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

/// The time left; none is an error, because sockets take zero for "for ever".
fn left(until: Instant) -> io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() {
        Err(io::Error::from(io::ErrorKind::TimedOut))
    } else {
        Ok(left)
    }
}
