//! World: the outside that recipes talk to, made of packet sockets, or of the kernel's sockets where the kernel already has
//! an address.

use std::fmt;
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use cloudseed_core::compile::Line;
use cloudseed_core::fetch::{Failure, Network, Outside, Request, Response};
use cloudseed_core::machine::{self, Link, Machine};
use cloudseed_core::net::fixed::Fixed;
use cloudseed_core::net::learnt::Learnt;
use cloudseed_core::net::{self, Net, Wires, names};
use cloudseed_core::value::Value;
use smoltcp::time::Instant;
use ureq::Agent;
use ureq::unversioned::transport::{Connector, TcpConnector};

use super::http::{self, Handle, Progress};
use super::link::{self, PacketWires};
use super::resolver::Servers;
use super::root::Root;
use super::tls::{self, Tls};
use super::watch::{self, Watch};
use super::{clock, random};

/// The log of this boot: its lines and when they were written.
#[derive(Debug)]
pub struct Journal {
    started: Instant,
    lines: Vec<Line>,
}

impl Journal {
    /// A journal that begins now, on the machine's clock.
    pub fn new() -> Journal {
        Journal::since(clock::now())
    }

    /// A journal that began at `started`, on whichever clock that is.
    pub fn since(started: Instant) -> Journal {
        Journal {
            started,
            lines: Vec::new(),
        }
    }

    /// Writes a line.
    pub fn note(&mut self, now: Instant, text: impl fmt::Display) {
        self.lines.push(Line {
            micros: (now - self.started).total_micros(),
            text: text.to_string(),
        });
    }

    fn passed(&self, now: Instant) -> Duration {
        Duration::from_micros((now - self.started).total_micros())
    }
}

impl Default for Journal {
    fn default() -> Journal {
        Journal::new()
    }
}

/// What the outside is made of, and who watches it.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// The interfaces.
    pub links: Vec<Link>,
    /// How long to wait for an interface if there is none yet; only on the machine itself.
    pub patience: Duration,
    /// Addresses of the command line.
    pub fixed: Vec<Fixed>,
    /// Names that need no server: the text of /etc/hosts.
    pub hosts: String,
    /// What to do with frames.
    pub watch: Watch,
    /// Who is trusted where a URL is https.
    pub tls: Tls,
}

impl Settings {
    /// Those of a machine.
    pub fn of(machine: &Machine, watch: Watch) -> Settings {
        Settings {
            links: machine.links.clone(),
            patience: NIC_MAX,
            fixed: Fixed::all(&machine.cmdline),
            hosts: machine.files.text("/etc/hosts").unwrap_or_default(),
            watch,
            tls: Tls::default(),
        }
    }
}

/// The outside of this machine. Nothing is touched before the first connection is asked for.
pub fn open(settings: Settings, journal: Journal) -> Box<dyn Outside> {
    Box::new(Lazy {
        settings,
        journal,
        outside: None,
    })
}

/// An outside that is opened when it is needed.
struct Lazy {
    settings: Settings,
    /// The journal until then.
    journal: Journal,
    outside: Option<Box<dyn Outside>>,
}

impl Lazy {
    fn opened(&mut self) -> &mut dyn Outside {
        let (settings, journal) = (&self.settings, &mut self.journal);
        let outside = self
            .outside
            .get_or_insert_with(|| choose(settings, std::mem::take(journal)));
        &mut **outside
    }
}

/// Our own stack on the interfaces worth asking on, or the kernel's where it has an address already: it would answer our
/// connections with resets.
fn choose(settings: &Settings, mut journal: Journal) -> Box<dyn Outside> {
    let (mut nics, mut left_out) = net::candidates(&settings.links);
    let kernels = link::kernel_has_addresses(&settings.links, &nics);
    if nics.is_empty() && !kernels && !settings.patience.is_zero() {
        journal.note(clock::now(), "waiting for a network interface");
        let look = || machine::links(&Root::new(Path::new("/")));
        let links = link::wait_for_nic(look, settings.patience);
        (nics, left_out) = net::candidates(&links);
    }
    for line in left_out {
        journal.note(clock::now(), line);
    }
    let machine = Root::new(Path::new("/"));
    if kernels {
        let line = "the kernel has an address already, using its sockets";
        journal.note(clock::now(), line);
        return Box::new(Kernel::new(journal, settings.tls.clone(), machine));
    }
    match PacketWires::open(&nics) {
        Ok((wires, nics, trouble)) => {
            for line in trouble {
                journal.note(clock::now(), line);
            }
            let mut net = Net::new(wires, nics.clone(), random::seed());
            for fixed in &settings.fixed {
                net.fix(fixed.clone());
            }
            for (name, address) in names::hosts(&settings.hosts) {
                net.know(name, address);
            }
            match watch::tap(&settings.watch, &nics) {
                Ok(tap) => net.watch(tap),
                Err(error) => journal.note(clock::now(), format_args!("no record: {error}")),
            }
            Box::new(World::new(net, journal).trusting(settings.tls.clone()))
        }
        Err(error) => {
            let line = format!("no packet sockets ({error}), using the kernel's sockets");
            journal.note(clock::now(), line);
            Box::new(Kernel::new(journal, settings.tls.clone(), machine))
        }
    }
}

impl Outside for Lazy {
    fn reach(
        &mut self,
        network: Network,
        endpoints: &[&str],
        timeout: Duration,
    ) -> Result<usize, Failure> {
        self.opened().reach(network, endpoints, timeout)
    }

    fn expect(&mut self, urls: &[String]) {
        self.opened().expect(urls);
    }

    fn http(&mut self, request: &Request) -> Result<Response, Failure> {
        self.opened().http(request)
    }

    fn now(&self) -> Duration {
        match &self.outside {
            Some(outside) => outside.now(),
            None => self.journal.passed(clock::now()),
        }
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

    fn note(&mut self, line: fmt::Arguments) {
        match &mut self.outside {
            Some(outside) => outside.note(line),
            None => self.journal.note(clock::now(), line),
        }
    }

    fn lines(&self) -> Vec<Line> {
        match &self.outside {
            Some(outside) => outside.lines(),
            None => self.journal.lines.clone(),
        }
    }

    fn learnt(&self) -> Value {
        match &self.outside {
            Some(outside) => outside.learnt(),
            None => Value::Null,
        }
    }
}

/// An outside over a stack of ours.
pub struct World<W: Wires> {
    handle: Handle<W>,
    agent: Agent,
    tls: Tls,
    journal: Journal,
}

impl<W: Wires> World<W> {
    /// An outside over `net`, whose clock is the journal's.
    pub fn new(net: Net<W>, journal: Journal) -> World<W> {
        let handle = Handle::new(net);
        let tls = Tls::default();
        World {
            agent: handle.agent(tls.clone()),
            tls,
            handle,
            journal,
        }
    }

    /// The same with others to trust.
    pub fn trusting(mut self, tls: Tls) -> World<W> {
        self.agent = self.handle.agent(tls.clone());
        self.tls = tls;
        self
    }

    fn tell(&mut self) {
        let now = self.handle.lock().net.now();
        for note in self.tls.notes() {
            self.journal.note(now, note);
        }
        let notes = self.handle.lock().net.notes();
        for (at, note) in notes {
            self.journal.note(at, note);
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

    fn expect(&mut self, urls: &[String]) {
        self.handle.expect(urls);
    }

    fn http(&mut self, request: &Request) -> Result<Response, Failure> {
        let result = self.handle.http(&self.agent, request);
        self.tell();
        result
    }

    fn now(&self) -> Duration {
        self.journal.passed(self.handle.lock().net.now())
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
        let now = self.handle.lock().net.now();
        self.journal.note(now, line);
    }

    fn lines(&self) -> Vec<Line> {
        self.journal.lines.clone()
    }

    fn learnt(&self) -> Value {
        let learnt = self.handle.lock().net.learnt();
        let learnt: Vec<Value> = learnt.iter().map(Learnt::value).collect();
        learnt.into()
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
        let refused = |found| Failure {
            again: false,
            found,
        };
        if !tls::SPOKEN && http::is_https(endpoint) {
            return Err(refused(String::from(http::NO_TLS)));
        }
        http::host_and_port(endpoint)
            .ok_or_else(|| refused(format!("{endpoint:?}, which is no http URL")))
    };
    endpoints.iter().map(target).collect()
}

/// Longest time to wait for a network interface whose driver comes late.
const NIC_MAX: Duration = Duration::from_secs(10);
/// Longest time one address may keep the others waiting.
const CONNECT_MAX: Duration = Duration::from_millis(1000);
/// The pause before all addresses are tried again.
const AGAIN: Duration = Duration::from_millis(250);

/// An outside over the kernel's sockets: somebody else has configured the network.
pub struct Kernel {
    agent: Agent,
    names: Servers,
    tls: Tls,
    journal: Journal,
}

impl Kernel {
    /// An outside over the kernel's sockets, with the names of the machine below `root`.
    pub fn new(journal: Journal, tls: Tls, root: Root) -> Kernel {
        let connector = ().chain(TcpConnector::default()).chain(tls.clone());
        let names = Servers::new(root);
        Kernel {
            agent: Agent::with_parts(http::config(), connector, names.clone()),
            names,
            tls,
            journal,
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
                match connect(&self.names, target, left) {
                    Ok(()) => return Ok(index),
                    Err(failure) => found = failure.found,
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
        let result = http::exchange(&self.agent, request, Some(request.timeout), &mut progress);
        for note in self.tls.notes() {
            self.journal.note(clock::now(), note);
        }
        result.map_err(|error| progress.failure(&error, request))
    }

    fn now(&self) -> Duration {
        self.journal.passed(clock::now())
    }

    fn pause(&mut self, time: Duration) {
        std::thread::sleep(time);
    }

    fn random(&mut self) -> u32 {
        random::seed() as u32
    }

    fn note(&mut self, line: fmt::Arguments) {
        self.journal.note(clock::now(), line);
    }

    fn lines(&self) -> Vec<Line> {
        self.journal.lines.clone()
    }

    fn learnt(&self) -> Value {
        Value::Null
    }
}

fn connect(names: &Servers, target: &(&str, u16), timeout: Duration) -> Result<(), Failure> {
    let (host, port) = target;
    let mut found = format!("no address of {host}");
    for address in names.addresses(host, std::time::Instant::now() + timeout)? {
        let address = SocketAddr::new(address, *port);
        match TcpStream::connect_timeout(&address, timeout.max(Duration::from_millis(1))) {
            Ok(_) => return Ok(()),
            Err(error) => found = format!("{error} from {host}"),
        }
    }
    Err(Failure { again: true, found })
}
