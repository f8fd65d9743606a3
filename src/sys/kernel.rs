//! Kernel: the outside over the kernel's own sockets: somebody else has configured the network.

use std::net::SocketAddr;
use std::time::Duration;

use cloudseed_core::journal::Journal;
use cloudseed_core::machine::Link;
use cloudseed_core::net::held;
use cloudseed_core::net::names::ENTRIES_MAX;
use cloudseed_core::outside::learnt::Learnt;
use cloudseed_core::outside::{
    Carrier, Clock, Endpoint, Failure, Network, Port, Ports, Request, Response, Stream,
};
use ureq::Agent;

use super::dial::{self, Dial};
use super::endpoint::{self, Target};
use super::http;
use super::netlink::Netlink;
use super::ports::Doors;
use super::resolver::Servers;
use super::root::Root;
use super::stream::Started;
use super::tls::Tls;
use super::{clock, random};

/// Longest time one address may keep the others waiting.
const CONNECT_MAX: Duration = Duration::from_millis(1000);
/// The pause before all addresses are tried again.
const AGAIN: Duration = Duration::from_millis(250);

/// An outside over the kernel's sockets.
pub struct KernelSockets {
    dial: Dial,
    agent: Agent,
    names: Servers,
    tls: Tls,
    journal: Journal,
    started: Started,
    heard: Duration,
    doors: Doors,
    root: Root,
    links: Vec<Link>,
}

impl KernelSockets {
    /// An outside over the kernel's sockets, for the machine of `root` with these interfaces; `tls` says who is trusted.
    pub fn new(
        root: Root,
        links: Vec<Link>,
        tls: Tls,
        journal: Journal,
        started: Started,
    ) -> KernelSockets {
        let names = Servers::new(root.clone());
        let dial = Dial::new(started, names.clone());
        KernelSockets {
            agent: dial.agent(tls.clone(), http::IDLE_MAX),
            dial,
            names,
            tls,
            journal,
            started,
            heard: Duration::ZERO,
            doors: Doors::new(root.clone(), started),
            root,
            links,
        }
    }

    fn connect(&self, target: &Target, until: Duration) -> Result<(), Failure> {
        let addresses = self
            .names
            .addresses(&target.host, self.started.left(until))?;
        let addresses = addresses.into_iter().take(ENTRIES_MAX);
        let addresses = addresses.map(|address| SocketAddr::new(address, target.port));
        let addresses: Vec<SocketAddr> = addresses.collect();
        dial::first(&addresses, None, self.started, until).map(|_| ())
    }
}

impl Clock for KernelSockets {
    fn now(&self) -> Duration {
        self.started.passed()
    }

    fn wall(&self) -> Duration {
        clock::wall()
    }

    fn hear(&mut self, date: Duration) {
        self.heard = self.heard.max(date);
        self.tls.hear(date);
    }

    fn heard(&self) -> Duration {
        self.heard
    }

    fn pause(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    fn random(&mut self) -> u32 {
        random::seed() as u32
    }
}

impl Carrier for KernelSockets {
    fn reach(
        &mut self,
        _: Network,
        endpoints: &[Endpoint],
        timeout: Duration,
    ) -> Result<usize, Failure> {
        let until = self.now().saturating_add(timeout);
        let targets = endpoint::targets(endpoints)?;
        if let Some(index) = endpoint::behind_a_port(&mut self.doors, endpoints, timeout)? {
            return Ok(index);
        }
        loop {
            let mut found = String::from("no address");
            for target in &targets {
                let until = until.min(self.now().saturating_add(CONNECT_MAX));
                match self.connect(target, until) {
                    Ok(()) => return Ok(target.index),
                    Err(failure) => found = failure.found,
                }
            }
            if self.now().saturating_add(AGAIN) >= until {
                return Err(Failure::passing(found));
            }
            self.pause(AGAIN);
        }
    }

    /// Over sockets that are not ours nothing is sent ahead.
    fn expect(&mut self, _: &[String]) {}

    fn exchange(&mut self, request: &Request) -> Result<Response, Failure> {
        let now = self.now();
        let until = now.saturating_add(request.timeout);
        if let Some(done) = endpoint::through_a_port(&mut self.doors, now, request) {
            return done;
        }
        let done = match request.local_ports {
            None => self.dial.exchange(&self.agent, request, until),
            Some(_) => {
                let agent = self.dial.agent(self.tls.clone(), 0);
                self.dial.exchange(&agent, request, until)
            }
        };
        for note in self.tls.notes() {
            self.journal.note(self.started.passed(), note);
        }
        done
    }

    fn learnt(&self) -> Vec<Learnt> {
        let held = Netlink::open().and_then(|mut netlink| netlink.addresses());
        held::learnt(&self.root, &self.links, &held.unwrap_or_default())
    }
}

impl Ports for KernelSockets {
    fn open(&mut self, port: &Port, timeout: Duration) -> Result<Box<dyn Stream>, Failure> {
        self.doors.open(port, timeout)
    }
}
