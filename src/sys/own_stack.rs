//! Own stack: the outside over the stack of ours, on whatever carries its frames.

use std::time::Duration;

use cloudseed_core::journal::Journal;
use cloudseed_core::net::{Net, Wires};
use cloudseed_core::outside::learnt::Learnt;
use cloudseed_core::outside::{
    Carrier, Clock, Endpoint, Failure, Network, Port, Ports, Request, Response, Stream,
};
use ureq::Agent;

use super::endpoint::{behind_a_port, targets, through_a_port};
use super::http;
use super::own_dial::{Handle, micros};
use super::stream::Started;
use super::tls::Tls;

/// An outside over a stack of ours.
pub struct OwnStack<W: Wires> {
    handle: Handle<W>,
    agent: Agent,
    tls: Tls,
    journal: Journal,
    started: Started,
    heard: Duration,
    ports: Box<dyn Ports>,
}

impl<W: Wires> OwnStack<W> {
    /// An outside over `net`, whose clock begins now; without ports.
    pub fn new(net: Net<W>, journal: Journal) -> OwnStack<W> {
        let started = Started(net.now());
        let handle = Handle::new(net);
        let tls = Tls::default();
        OwnStack {
            agent: handle.agent(tls.clone(), http::IDLE_MAX),
            tls,
            handle,
            journal,
            started,
            heard: Duration::ZERO,
            ports: Box::new(Closed),
        }
    }

    /// The same on a clock that began before.
    pub fn since(mut self, started: Started) -> OwnStack<W> {
        self.started = started;
        self
    }

    /// The same with others to trust.
    pub fn trusting(mut self, tls: Tls) -> OwnStack<W> {
        self.agent = self.handle.agent(tls.clone(), http::IDLE_MAX);
        self.tls = tls;
        self
    }

    /// The same with ports.
    pub fn with_ports(mut self, ports: Box<dyn Ports>) -> OwnStack<W> {
        self.ports = ports;
        self
    }

    fn tell(&self) {
        let now = self.now();
        for note in self.tls.notes() {
            self.journal.note(now, note);
        }
        let notes = self.handle.lock().net.notes();
        for (at, note) in notes {
            self.journal.note(self.started.at(at), note);
        }
    }
}

impl<W: Wires> Clock for OwnStack<W> {
    fn now(&self) -> Duration {
        self.started.at(self.handle.lock().net.now())
    }

    fn wall(&self) -> Duration {
        self.handle.lock().net.wall()
    }

    fn hear(&mut self, date: Duration) {
        self.heard = self.heard.max(date);
        self.tls.hear(date);
    }

    fn heard(&self) -> Duration {
        self.heard
    }

    fn pause(&mut self, time: Duration) {
        let mut shared = self.handle.lock();
        let until = shared.net.now() + micros(time);
        shared.net.pause(until);
        drop(shared);
        self.tell();
    }

    fn random(&mut self) -> u32 {
        self.handle.lock().net.random()
    }
}

impl<W: Wires> Carrier for OwnStack<W> {
    fn reach(
        &mut self,
        network: Network,
        endpoints: &[Endpoint],
        timeout: Duration,
    ) -> Result<usize, Failure> {
        let targets = targets(endpoints)?;
        let until = self.handle.lock().net.now() + micros(timeout);
        if let Some(index) = behind_a_port(&mut *self.ports, endpoints, timeout)? {
            return Ok(index);
        }
        let places: Vec<(&str, u16)> = targets.iter().map(|to| (&*to.host, to.port)).collect();
        let reached = self.handle.lock().net.reach(network, &places, until);
        self.tell();
        let index = reached?;
        Ok(targets.get(index).map_or(0, |target| target.index))
    }

    fn expect(&mut self, urls: &[String]) {
        self.handle.expect(urls);
    }

    fn exchange(&mut self, request: &Request) -> Result<Response, Failure> {
        let now = self.now();
        if let Some(done) = through_a_port(&mut *self.ports, now, request) {
            return done;
        }
        let done = match request.local_ports {
            None => self.handle.exchange(&self.agent, request),
            Some(_) => {
                let agent = self.handle.agent(self.tls.clone(), 0);
                self.handle.exchange(&agent, request)
            }
        };
        if done.is_err() {
            // With it go the connections that it keeps: a service that takes one at a time waits for them.
            self.agent = self.handle.agent(self.tls.clone(), http::IDLE_MAX);
        }
        self.tell();
        done
    }

    fn learnt(&self) -> Vec<Learnt> {
        self.handle.lock().net.learnt()
    }
}

impl<W: Wires> Ports for OwnStack<W> {
    fn open(&mut self, port: &Port, timeout: Duration) -> Result<Box<dyn Stream>, Failure> {
        self.ports.open(port, timeout)
    }
}

impl<W: Wires> Drop for OwnStack<W> {
    fn drop(&mut self) {
        self.handle.lock().net.finish();
    }
}

/// The ports of a machine that has none.
struct Closed;

impl Ports for Closed {
    fn open(&mut self, port: &Port, _: Duration) -> Result<Box<dyn Stream>, Failure> {
        Err(Failure::lasting(format!("no {port}")))
    }
}
