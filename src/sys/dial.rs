//! Dial: HTTP over streams: the kernel's own sockets, and ports of the machine. What is ours of a connection is its deadline.

use std::fmt;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cloudseed_core::net::names::ENTRIES_MAX;
use cloudseed_core::outside::{Failure, Request, Response, Stream};
use cloudseed_core::url::Url;
use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

use super::heads::Heads;
use super::http::{self, Progress};
use super::random;
use super::resolver::Servers;
use super::stream::{self, Address, Started};
use super::tls::Tls;

/// The exchange under way, for all who take part in it.
#[derive(Clone, Debug)]
pub struct Dial(Arc<Mutex<Call>>);

#[derive(Debug)]
struct Call {
    /// Who knows names, and the clock of whoever connects; nobody where the stream is there already.
    names: Option<(Started, Servers)>,
    /// When the exchange must be over.
    until: Duration,
    /// The ports that a new connection may have.
    local_ports: Option<(u16, u16)>,
    /// Whether it may go to no address that is near.
    far: bool,
    /// The stream that is there already.
    stream: Option<Box<dyn Stream>>,
    /// Why it went wrong, in better words than ureq has.
    failure: Option<Failure>,
}

impl Dial {
    /// Over sockets of the kernel's, whose addresses `names` knows.
    pub fn new(started: Started, names: Servers) -> Dial {
        Dial::made(Some((started, names)), None)
    }

    /// Over one stream, for one exchange.
    pub fn through(stream: Box<dyn Stream>) -> Dial {
        Dial::made(None, Some(stream))
    }

    fn made(names: Option<(Started, Servers)>, stream: Option<Box<dyn Stream>>) -> Dial {
        Dial(Arc::new(Mutex::new(Call {
            names,
            until: Duration::ZERO,
            local_ports: None,
            far: false,
            stream,
            failure: None,
        })))
    }

    fn call(&self) -> MutexGuard<'_, Call> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An agent for such exchanges that keeps at most `idle` connections.
    pub fn agent(&self, tls: Tls, idle: usize) -> Agent {
        let connector = self.clone().chain(tls).chain(Heads);
        Agent::with_parts(http::config(idle), connector, self.clone())
    }

    /// One exchange through `agent`, which is one of [`Dial::agent`]'s, until `until`.
    pub fn exchange(
        &self,
        agent: &Agent,
        request: &Request,
        until: Duration,
    ) -> Result<Response, Failure> {
        let mut call = self.call();
        (call.until, call.failure) = (until, None);
        (call.local_ports, call.far) = (request.local_ports, request.far);
        drop(call);
        let mut progress = Progress::default();
        http::exchange(agent, request, &mut progress).map_err(|error| {
            match self.call().failure.take() {
                Some(failure) => progress.after(failure),
                None => progress.failure(&error, request),
            }
        })
    }

    /// Takes note of a failure, and gives ureq an error that it passes on unchanged.
    fn failed(&self, failure: Failure) -> ureq::Error {
        self.call().failure = Some(failure);
        ureq::Error::ConnectionFailed
    }
}

impl Resolver for Dial {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let mut found = self.empty();
        let call = self.call();
        let (names, until, far) = (call.names.clone(), call.until, call.far);
        drop(call);
        let Some((started, names)) = names else {
            // The stream is there already, so that the address does not count.
            found.push(SocketAddr::from((Ipv4Addr::UNSPECIFIED, 0)));
            return Ok(found);
        };
        let url = uri.to_string();
        let url = Url::parse(&url).ok_or(ureq::Error::HostNotFound)?;
        let addresses = names
            .addresses(url.host(), started.left(until))
            .and_then(|found| Request::allowed(far, found))
            .map_err(|failure| self.failed(failure))?;
        for address in addresses.into_iter().take(ENTRIES_MAX) {
            found.push(SocketAddr::new(address, url.port()));
        }
        Ok(found)
    }
}

impl Connector for Dial {
    type Out = Line;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<Line>, ureq::Error> {
        let mut call = self.call();
        let ready = call.stream.take();
        let (names, until, local_ports) = (call.names.clone(), call.until, call.local_ports);
        drop(call);
        let stream = match (ready, names) {
            (Some(stream), _) => stream,
            (None, Some((started, _))) => first(&details.addrs, local_ports, started, until)
                .map_err(|failure| self.failed(failure))?,
            (None, None) => return Err(ureq::Error::ConnectionFailed),
        };
        Ok(Some(Line {
            dial: self.clone(),
            stream: Mutex::new(stream),
            buffers: http::buffers(),
        }))
    }
}

/// A connection to the first of `addresses` that answers; each may take an equal part of the time that is left.
pub fn first(
    addresses: &[SocketAddr],
    local_ports: Option<(u16, u16)>,
    started: Started,
    until: Duration,
) -> Result<Box<dyn Stream>, Failure> {
    let mut failure = Failure::passing("no address");
    for (index, address) in addresses.iter().enumerate() {
        let others = u32::try_from(addresses.len() - index).unwrap_or(1);
        let until = started.passed() + started.left(until) / others;
        match connect(*address, local_ports, started, until) {
            Ok(fd) => {
                let stream = stream::Stream::new(fd, address.to_string(), started);
                return Ok(Box::new(stream));
            }
            Err(error) => failure = Failure::passing(stream::words(&error, address)),
        }
    }
    Err(failure)
}

/// Connects, if a range of ports is given from one that is free in it: from a random one on, each in turn.
fn connect(
    to: SocketAddr,
    local_ports: Option<(u16, u16)>,
    started: Started,
    until: Duration,
) -> io::Result<OwnedFd> {
    let address = Address::internet(to);
    let Some((low, high)) = local_ports else {
        return stream::connect(&address, None, started, until);
    };
    let any = match to.ip() {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::UNSPECIFIED),
    };
    let count = u64::from(high.saturating_sub(low)) + 1;
    let random = random::seed() % count;
    let mut found = io::Error::from(ErrorKind::AddrInUse);
    for step in 0..count {
        let port = low.saturating_add(((random + step) % count) as u16);
        let from = Address::internet(SocketAddr::new(any, port));
        match stream::connect(&address, Some(&from), started, until) {
            // Taken: by somebody who listens, or by an earlier connection to the same place.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::AddrInUse | ErrorKind::AddrNotAvailable
                ) =>
            {
                found = error;
            }
            done => return done,
        }
        if started.left(until).is_zero() {
            break;
        }
    }
    Err(found)
}

/// A stream, as ureq sees it.
pub struct Line {
    dial: Dial,
    stream: Mutex<Box<dyn Stream>>,
    buffers: LazyBuffers,
}

impl Line {
    fn stream(&mut self) -> &mut dyn Stream {
        &mut **self
            .stream
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Line")
    }
}

impl Transport for Line {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        let until = self.dial.call().until;
        let stream = self
            .stream
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        let output = self.buffers.output();
        let sent = stream.write(output.get(..amount).unwrap_or(&[]), until);
        sent.map_err(|failure| self.dial.failed(failure))
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        let until = self.dial.call().until;
        let stream = self
            .stream
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        let count = stream
            .read(self.buffers.input_append_buf(), until)
            .map_err(|failure| self.dial.failed(failure))?;
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    /// Whoever has nothing to say and has not closed is open.
    fn is_open(&mut self) -> bool {
        self.stream().read(&mut [0], Duration::ZERO).is_err()
    }
}
