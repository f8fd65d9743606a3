//! Own dial: HTTP over the stack of ours. ureq asks for names and connections, and here is when they must be there.

use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use cloudseed_core::net::{ADDRESSES_MAX, Conn, Cut, Net, Wires};
use cloudseed_core::outside::{Failure, Request, Response};
use cloudseed_core::url::Url;
use smoltcp::time::Instant;
use ureq::Agent;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

use super::heads::Heads;
use super::http::{self, Progress};
use super::tls::Tls;

/// The network and the request under way.
pub struct Shared<W: Wires> {
    /// The network.
    pub net: Net<W>,
    /// When the request under way must be over.
    until: Instant,
    /// Why the request under way went wrong, in better words than ureq has.
    cut: Option<Trouble>,
    /// The ports that a new connection of the request under way may have.
    local_ports: Option<(u16, u16)>,
    /// Whether the request under way may go to no address that is near.
    far: bool,
    /// The origin of what is expected to be asked for, if anything is.
    expected: Option<String>,
    /// True until the head of the request under way is sent, if it may be one that is expected.
    fits: bool,
}

/// What went wrong below HTTP.
#[derive(Clone, Debug)]
enum Trouble {
    /// A connection that stood was cut.
    Cut(Cut),
    /// There was none.
    Failed(Failure),
}

/// A handle to the network that ureq can own.
pub struct Handle<W: Wires>(Arc<Mutex<Shared<W>>>);

impl<W: Wires> Clone for Handle<W> {
    fn clone(&self) -> Handle<W> {
        Handle(Arc::clone(&self.0))
    }
}

impl<W: Wires> fmt::Debug for Handle<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}

impl<W: Wires> Handle<W> {
    /// A handle to `net`.
    pub fn new(net: Net<W>) -> Handle<W> {
        let until = net.now();
        Handle(Arc::new(Mutex::new(Shared {
            net,
            until,
            cut: None,
            local_ports: None,
            far: false,
            expected: None,
            fits: false,
        })))
    }

    /// Takes in which URLs will be asked for with GET, one by one and with the same headers. Of those over plain HTTP at the
    /// place of the first, some are sent ahead.
    pub fn expect(&self, urls: &[String]) {
        let urls: Vec<Url> = urls.iter().map_while(|url| Url::parse(url)).collect();
        let alike = |url: &&Url| {
            let first = urls.first();
            !url.is_https() && first.is_some_and(|first| first.same_origin(url))
        };
        let paths = urls.iter().take_while(alike).map(Url::target).collect();
        let mut shared = self.lock();
        shared.expected = urls.first().map(Url::origin);
        shared.net.expect(paths);
    }

    /// The network, for us alone. A panic elsewhere does not spoil it: it has no state that is ever half changed.
    pub fn lock(&self) -> MutexGuard<'_, Shared<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An agent whose connections are this network's, inside `tls` where a URL wants it; it keeps at most `idle` of them.
    pub fn agent(&self, tls: Tls, idle: usize) -> Agent {
        let connector = self.clone().chain(tls).chain(Heads);
        Agent::with_parts(http::config(idle), connector, self.clone())
    }

    /// One exchange through `agent`, which is one of [`Handle::agent`]'s.
    pub fn exchange(&self, agent: &Agent, request: &Request) -> Result<Response, Failure> {
        let mut shared = self.lock();
        shared.fits = shared
            .expected
            .as_deref()
            .is_some_and(|origin| fits(request, origin));
        (shared.local_ports, shared.far) = (request.local_ports, request.far);
        shared.until = shared.net.now() + micros(request.timeout);
        shared.cut = None;
        drop(shared);
        let mut progress = Progress::default();
        http::exchange(agent, request, &mut progress).map_err(|error| {
            let mut shared = self.lock();
            shared.net.go_alone();
            match shared.cut.take() {
                Some(Trouble::Failed(failure)) => failure,
                Some(Trouble::Cut(cut)) => progress.cut(cut, request.timeout),
                None => progress.failure(&error, request),
            }
        })
    }
}

/// Whether a request may be one of those expected of `origin`, or one that they wait for: over plain HTTP, without a body and from
/// any port.
fn fits(request: &Request, origin: &str) -> bool {
    let here = Url::parse(request.url).zip(Url::parse(origin));
    request.body.is_empty()
        && request.local_ports.is_none()
        && here.is_some_and(|(url, origin)| !url.is_https() && url.same_origin(&origin))
}

/// A duration of the standard library as one of smoltcp.
pub fn micros(duration: Duration) -> smoltcp::time::Duration {
    smoltcp::time::Duration::from_micros(duration.as_micros().min(u128::from(u64::MAX / 4)) as u64)
}

impl<W: Wires> Resolver for Handle<W> {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let url = uri.to_string();
        let url = Url::parse(&url).ok_or(ureq::Error::HostNotFound)?;
        let (host, port) = (url.host(), url.port());
        let mut shared = self.lock();
        let until = shared.until;
        let found = shared.net.resolve(host, until);
        let far = shared.far;
        match found.and_then(|found| Request::allowed(far, found)) {
            Ok(addresses) => {
                let mut found = self.empty();
                for address in addresses.into_iter().take(ADDRESSES_MAX) {
                    found.push(SocketAddr::new(address, port));
                }
                Ok(found)
            }
            Err(failure) => {
                shared.cut = Some(Trouble::Failed(failure));
                Err(ureq::Error::HostNotFound)
            }
        }
    }
}

impl<W: Wires> Connector for Handle<W> {
    type Out = Line<W>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<Line<W>>, ureq::Error> {
        let mut shared = self.lock();
        let (until, local_ports) = (shared.until, shared.local_ports);
        let connected = match local_ports {
            Some(ports) => shared.net.connect_from(ports, &details.addrs, until),
            None => shared.net.connect(&details.addrs, until),
        };
        match connected {
            Ok(conn) => Ok(Some(Line {
                handle: self.clone(),
                conn,
                buffers: http::buffers(),
            })),
            Err(failure) => {
                shared.cut = Some(Trouble::Failed(failure));
                Err(ureq::Error::ConnectionFailed)
            }
        }
    }
}

/// One TCP connection of our stack, as ureq sees it.
pub struct Line<W: Wires> {
    handle: Handle<W>,
    conn: Conn,
    buffers: LazyBuffers,
}

impl<W: Wires> fmt::Debug for Line<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line to {}", self.conn.peer)
    }
}

/// Notes what happened to the connection, and gives ureq an error that it passes on unchanged: it takes an io::Error of a
/// reset connection for the end of a body of unknown length.
fn cut<W: Wires>(shared: &mut Shared<W>, cut: Cut) -> ureq::Error {
    shared.cut = Some(Trouble::Cut(cut));
    ureq::Error::ConnectionFailed
}

impl<W: Wires> Transport for Line<W> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        let output = self.buffers.output();
        let output = output.get(..amount).unwrap_or(&[]);
        let mut shared = self.handle.lock();
        let until = shared.until;
        let whole = output.ends_with(b"\r\n\r\n");
        let sent = if std::mem::take(&mut shared.fits) && whole {
            shared.net.request(self.conn, output, until)
        } else {
            let sent = shared.net.send(self.conn, output, until);
            sent.map(|()| self.conn)
        };
        self.conn = sent.map_err(|how| cut(&mut shared, how))?;
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        let mut shared = self.handle.lock();
        let until = shared.until;
        let buffer = self.buffers.input_append_buf();
        let count = shared
            .net
            .receive(self.conn, buffer, until)
            .map_err(|how| cut(&mut shared, how))?;
        drop(shared);
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        self.handle.lock().net.is_open(self.conn)
    }
}

impl<W: Wires> Drop for Line<W> {
    fn drop(&mut self) {
        self.handle.lock().net.close(self.conn);
    }
}
