//! World: the outside that recipes talk to, and what it is made of: our own stack on packet sockets, or the kernel's sockets
//! where the kernel already has an address.

use std::path::Path;
use std::time::Duration;

use cloudseed_core::journal::Journal;
use cloudseed_core::machine::{self, Link, Machine, udev};
use cloudseed_core::net::fixed::Fixed;
use cloudseed_core::net::{self, Net, names};
use cloudseed_core::outside::learnt::Learnt;
use cloudseed_core::outside::{
    Carrier, Clock, Endpoint, Failure, Network, Outside, Port, Ports, Request, Response, Stream,
};

use super::capture::{self, Capture};
use super::endpoint::{behind_a_port, through_a_port};
use super::kernel::KernelSockets;
use super::link::{self, PacketWires};
use super::own_stack::OwnStack;
use super::ports::Doors;
use super::probe;
use super::root::Root;
use super::stream::Started;
use super::tls::Tls;
use super::{clock, random};

/// Longest time to wait for a network interface whose driver comes late, once udev has nothing left to do.
const NIC_MAX: Duration = Duration::from_secs(10);

/// What the outside is made of, and who watches it.
#[derive(Clone, Debug)]
pub struct WorldOptions {
    /// The machine whose names and ports these are.
    pub root: Root,
    /// The interfaces.
    pub links: Vec<Link>,
    /// How long to wait for an interface if there is none yet; only on the machine itself.
    pub patience: Duration,
    /// Addresses of the command line.
    pub fixed: Vec<Fixed>,
    /// Names that need no server: the text of /etc/hosts.
    pub hosts: String,
    /// What to do with frames.
    pub capture: Capture,
    /// Who is trusted where a URL is https.
    pub tls: Tls,
}

impl WorldOptions {
    /// Those of the machine itself.
    pub fn of(machine: &Machine, root: &Root, capture: Capture) -> WorldOptions {
        WorldOptions {
            links: machine.links.clone(),
            patience: NIC_MAX,
            fixed: Fixed::all(&machine.cmdline),
            hosts: machine.files.text("/etc/hosts").unwrap_or_default(),
            capture,
            ..WorldOptions::without_network(root)
        }
    }

    /// Those of a machine below a root, of which there are files, and sockets that stand for its ports.
    pub fn without_network(root: &Root) -> WorldOptions {
        WorldOptions {
            root: root.clone(),
            links: Vec::new(),
            patience: Duration::ZERO,
            fixed: Vec::new(),
            hosts: String::new(),
            capture: Capture::default(),
            tls: Tls::default(),
        }
    }
}

/// The outside of this machine. No interface is touched before a network is asked for.
pub fn open(settings: WorldOptions, journal: Journal, started: Started) -> Box<dyn Outside> {
    Box::new(Lazy {
        doors: Doors::new(settings.root.clone(), started),
        settings,
        journal,
        started,
        outside: None,
        waited: Duration::ZERO,
        heard: Duration::ZERO,
    })
}

/// An outside whose network is opened when it is needed.
struct Lazy {
    doors: Doors,
    settings: WorldOptions,
    journal: Journal,
    started: Started,
    outside: Option<Box<dyn Outside>>,
    /// How long interfaces were waited for.
    waited: Duration,
    heard: Duration,
}

impl Lazy {
    /// The network, opened within `timeout`; waiting for an interface may take several calls.
    fn opened(&mut self, timeout: Duration) -> Result<&mut dyn Outside, Failure> {
        if self.outside.is_none() {
            self.outside = Some(self.choose(timeout)?);
        }
        match &mut self.outside {
            Some(outside) => Ok(&mut **outside),
            None => Err(Failure::lasting("no network")),
        }
    }

    fn note(&self, line: impl std::fmt::Display) {
        self.journal.note(self.started.passed(), line);
    }

    /// Our own stack on the interfaces worth asking on, or the kernel's where it has an address already: it would answer our
    /// connections with resets.
    fn choose(&mut self, timeout: Duration) -> Result<Box<dyn Outside>, Failure> {
        let kernels = link::kernel_has_addresses(&self.settings.links);
        let (mut nics, mut left_out) = net::candidates(&self.settings.links);
        let patience = self.settings.patience.min(timeout);
        if nics.is_empty() && !kernels && !patience.is_zero() {
            self.note("waiting for a network interface");
            let root = Root::new(Path::new("/"));
            let look = || machine::links(&root);
            let may_come = || udev::is_busy(&root);
            let before = self.started.passed();
            let links = link::wait_for_nic(look, patience, may_come, timeout);
            (nics, left_out) = net::candidates(&links);
            let waited = self.started.passed().saturating_sub(before);
            self.waited += waited;
            self.settings.patience = self.settings.patience.saturating_sub(waited);
            if nics.is_empty() && !self.settings.patience.is_zero() {
                return Err(Failure::passing("no usable network interface yet"));
            }
        }
        if !kernels && probe::wait_for_names(&nics, Path::new(udev::PLACE)) {
            (nics, left_out) = net::candidates(&machine::links(&Root::new(Path::new("/"))));
        }
        for line in left_out {
            self.note(line);
        }
        if kernels {
            self.note("the kernel has an address already, using its sockets");
            if self.settings.capture.is_wanted() {
                self.note("no record of frames: they are the kernel's");
            }
            return Ok(Box::new(self.kernel()));
        }
        match PacketWires::open(&nics) {
            Ok((wires, nics, trouble)) => {
                for line in trouble {
                    self.note(line);
                }
                Ok(Box::new(self.own_stack(wires, nics)))
            }
            Err(error) => {
                self.note(format_args!(
                    "no packet sockets ({error}), using the kernel's sockets"
                ));
                Ok(Box::new(self.kernel()))
            }
        }
    }

    fn kernel(&self) -> KernelSockets {
        let WorldOptions {
            root, links, tls, ..
        } = self.settings.clone();
        KernelSockets::new(root, links, tls, self.journal.clone(), self.started)
    }

    fn own_stack(&self, wires: PacketWires, nics: Vec<net::Nic>) -> OwnStack<PacketWires> {
        let tap = capture::tap(&self.settings.capture, &nics);
        let mut net = Net::new(wires, nics, random::seed());
        for fixed in &self.settings.fixed {
            net.fix(fixed.clone());
        }
        for (name, address) in names::hosts(&self.settings.hosts) {
            net.know(name, address);
        }
        match tap {
            Ok(tap) => net.watch(tap),
            Err(error) => self.note(format_args!("no record: {error}")),
        }
        let stack = OwnStack::new(net, self.journal.clone());
        stack
            .since(self.started)
            .trusting(self.settings.tls.clone())
            .with_ports(Box::new(self.doors.clone()))
    }
}

impl Clock for Lazy {
    fn now(&self) -> Duration {
        self.started.passed()
    }

    fn wall(&self) -> Duration {
        clock::wall()
    }

    fn hear(&mut self, date: Duration) {
        self.heard = self.heard.max(date);
        self.settings.tls.hear(date);
    }

    fn heard(&self) -> Duration {
        self.heard
    }

    fn pause(&mut self, time: Duration) {
        match &mut self.outside {
            Some(outside) => outside.pause(time),
            None => std::thread::sleep(time),
        }
    }

    fn random(&mut self) -> u32 {
        random::seed() as u32
    }
}

impl Carrier for Lazy {
    fn reach(
        &mut self,
        network: Network,
        endpoints: &[Endpoint],
        timeout: Duration,
    ) -> Result<usize, Failure> {
        if let Some(index) = behind_a_port(&mut self.doors, endpoints, timeout)? {
            return Ok(index);
        }
        let before = self.waited;
        self.opened(timeout)?;
        // What was waited for an interface is gone.
        let timeout = timeout.saturating_sub(self.waited - before);
        self.opened(timeout)?.reach(network, endpoints, timeout)
    }

    fn expect(&mut self, urls: &[String]) {
        if let Some(outside) = &mut self.outside {
            outside.expect(urls);
        }
    }

    fn exchange(&mut self, request: &Request) -> Result<Response, Failure> {
        if let Some(done) = through_a_port(&mut self.doors, self.started.passed(), request) {
            return done;
        }
        self.opened(request.timeout)?.exchange(request)
    }

    fn learnt(&self) -> Vec<Learnt> {
        let outside = self.outside.as_ref();
        outside.map(|outside| outside.learnt()).unwrap_or_default()
    }
}

impl Ports for Lazy {
    fn open(&mut self, port: &Port, timeout: Duration) -> Result<Box<dyn Stream>, Failure> {
        self.doors.open(port, timeout)
    }
}
