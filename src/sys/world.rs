//! World: the outside that recipes talk to, made of packet sockets, or of the kernel's sockets where the kernel already has
//! an address.

use std::fmt;
use std::net::{SocketAddr, TcpStream, ToSocketAddrs};
use std::time::Duration;

use cloudseed_core::fetch::{Failure, Network, Outside, Request, Response};
use cloudseed_core::machine::Link;
use cloudseed_core::net::{self, Net, Wires};
use ureq::Agent;
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::TcpConnector;

use super::http::{self, Handle, Progress};
use super::link::{self, PacketWires};
use super::{clock, random};

/// Where the lines of the log go.
pub type Journal = Box<dyn FnMut(fmt::Arguments) + Send>;

/// The outside of this machine: our own stack on its interfaces, or the kernel's.
pub fn open(links: &[Link], mut journal: Journal) -> Box<dyn Outside> {
    let (nics, left_out) = net::candidates(links);
    for line in left_out {
        journal(format_args!("{line}"));
    }
    if link::kernel_has_addresses(&nics) {
        journal(format_args!(
            "the kernel has an address already, using its sockets"
        ));
        return Box::new(Kernel::new(journal));
    }
    match PacketWires::open(&nics) {
        Ok((wires, nics, trouble)) => {
            for line in trouble {
                journal(format_args!("{line}"));
            }
            Box::new(World::new(Net::new(wires, nics, random::seed()), journal))
        }
        Err(error) => {
            journal(format_args!(
                "no packet sockets ({error}), using the kernel's sockets"
            ));
            Box::new(Kernel::new(journal))
        }
    }
}

/// An outside over a stack of ours.
pub struct World<W: Wires> {
    handle: Handle<W>,
    agent: Agent,
    journal: Journal,
    started: smoltcp::time::Instant,
}

impl<W: Wires> World<W> {
    /// An outside over `net`.
    pub fn new(net: Net<W>, journal: Journal) -> World<W> {
        let started = net.now();
        let handle = Handle::new(net);
        World {
            agent: handle.agent(),
            handle,
            journal,
            started,
        }
    }

    fn tell(&mut self) {
        let notes = self.handle.lock().net.notes();
        for note in notes {
            (self.journal)(format_args!("{note}"));
        }
    }
}

impl<W: Wires> Outside for World<W> {
    fn reach(
        &mut self,
        network: Network,
        endpoints: &[&str],
        timeout: Duration,
    ) -> Result<usize, Failure> {
        let targets = targets(endpoints)?;
        let mut shared = self.handle.lock();
        let until = shared.net.now() + http::micros(timeout);
        let result = shared.net.reach(network, &targets, until);
        drop(shared);
        self.tell();
        result
    }

    fn http(&mut self, request: &Request) -> Result<Response, Failure> {
        let result = self.handle.http(&self.agent, request);
        self.tell();
        result
    }

    fn now(&self) -> Duration {
        let passed = self.handle.lock().net.now() - self.started;
        Duration::from_micros(passed.total_micros())
    }

    fn pause(&mut self, time: Duration) {
        let mut shared = self.handle.lock();
        let until = shared.net.now() + http::micros(time);
        shared.net.pause(until);
        drop(shared);
        self.tell();
    }

    fn random(&mut self) -> u32 {
        self.handle.lock().net.random()
    }

    fn note(&mut self, line: fmt::Arguments) {
        (self.journal)(line);
    }
}

impl<W: Wires> Drop for World<W> {
    fn drop(&mut self) {
        self.handle.lock().net.finish();
    }
}

/// Host and port of each endpoint.
fn targets<'a>(endpoints: &[&'a str]) -> Result<Vec<(&'a str, u16)>, Failure> {
    let target = |endpoint: &&'a str| {
        http::host_and_port(endpoint).ok_or_else(|| Failure {
            again: false,
            found: format!("{endpoint:?}, which is no http URL"),
        })
    };
    endpoints.iter().map(target).collect()
}

/// Longest time one address may keep the others waiting.
const CONNECT_MAX: Duration = Duration::from_millis(1000);
/// The pause before all addresses are tried again.
const AGAIN: Duration = Duration::from_millis(250);

/// An outside over the kernel's sockets: somebody else has configured the network.
pub struct Kernel {
    agent: Agent,
    journal: Journal,
    started: smoltcp::time::Instant,
}

impl Kernel {
    /// An outside over the kernel's sockets.
    pub fn new(journal: Journal) -> Kernel {
        let (connector, resolver) = (TcpConnector::default(), DefaultResolver::default());
        Kernel {
            agent: Agent::with_parts(http::config(), connector, resolver),
            journal,
            started: clock::now(),
        }
    }
}

impl Outside for Kernel {
    fn reach(
        &mut self,
        _: Network,
        endpoints: &[&str],
        timeout: Duration,
    ) -> Result<usize, Failure> {
        let targets = targets(endpoints)?;
        let until = self.now() + timeout;
        loop {
            let mut found = String::from("no address");
            for (index, target) in targets.iter().enumerate() {
                let left = until.saturating_sub(self.now()).min(CONNECT_MAX);
                match connect(target, left) {
                    Ok(()) => return Ok(index),
                    Err(error) => found = format!("{} from {}", error, target.0),
                }
            }
            if self.now() + AGAIN >= until {
                return Err(Failure { again: true, found });
            }
            self.pause(AGAIN);
        }
    }

    fn http(&mut self, request: &Request) -> Result<Response, Failure> {
        let mut progress = Progress::default();
        http::exchange(&self.agent, request, Some(request.timeout), &mut progress)
            .map_err(|error| progress.failure(&error, request))
    }

    fn now(&self) -> Duration {
        Duration::from_micros((clock::now() - self.started).total_micros())
    }

    fn pause(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    fn random(&mut self) -> u32 {
        random::seed() as u32
    }

    fn note(&mut self, line: fmt::Arguments) {
        (self.journal)(line);
    }
}

fn connect(target: &(&str, u16), timeout: Duration) -> std::io::Result<()> {
    let addresses: Vec<SocketAddr> = target.to_socket_addrs()?.collect();
    let mut last = Err(std::io::Error::from(std::io::ErrorKind::NotFound));
    for address in addresses {
        last = TcpStream::connect_timeout(&address, timeout.max(Duration::from_millis(1)));
        if last.is_ok() {
            break;
        }
    }
    last.map(drop)
}
