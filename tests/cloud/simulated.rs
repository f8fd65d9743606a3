//! [`SimulatedCloud`]: a switch, and behind it every server there is.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, EthernetFrame, EthernetProtocol};

use super::ethernet::Arp;
use super::faults::Line;
use super::folder::Folder;
use super::http::Service;
use super::packet::{self, Packet};
use super::settings::{DEFAULT, Settings};
use super::tcp::{Kind, Stack};
use super::{dhcp, dns};

/// The hardware address of everything in the cloud.
const HARDWARE: EthernetAddress = EthernetAddress([0x02, 0, 0, 0, 0, 0xfe]);
/// The hardware address of whoever else holds an address.
const STRANGER: EthernetAddress = EthernetAddress([0x02, 0, 0, 0, 0, 0xbb]);

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// When.
    pub at: Instant,
    /// What: `dhcp ack 10.0.2.15 to 52-54-00-12-34-56`, `GET http://169.254.169.254/latest/user-data 200`.
    pub what: String,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.at.total_micros();
        write!(
            f,
            "{:5}.{:06} {}",
            micros / 1_000_000,
            micros % 1_000_000,
            self.what
        )
    }
}

/// What has happened so far; clones see the same.
#[derive(Clone, Default)]
pub struct Events(Arc<Mutex<Vec<Event>>>);

impl Events {
    fn add(&self, at: Instant, what: String) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Event { at, what });
    }

    /// Takes out all that has happened since the last time.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The far end of one or more cables.
///
/// Frames go in by [`receive`](SimulatedCloud::receive) and come out of [`transmit`](SimulatedCloud::transmit);
/// [`step`](SimulatedCloud::step) does what is due in between, and [`next`](SimulatedCloud::next) says when to call it again.
pub struct SimulatedCloud {
    folder: Folder,
    settings: Box<Settings>,
    events: Events,
    inside: Option<Box<Inside>>,
    ports: Vec<Cable>,
}

/// One cable, each direction for itself.
struct Cable {
    inward: Line,
    outward: Line,
}

/// What there is once the settings are final.
struct Inside {
    /// The addresses it answers for.
    hosts: BTreeSet<IpAddr>,
    dhcp: Vec<dhcp::Server>,
    dns: dns::Server,
    service: Service,
    stack: Stack,
    /// Which port leads to a hardware address.
    switch: BTreeMap<EthernetAddress, usize>,
    /// Which hardware address an address was last seen with.
    stations: BTreeMap<IpAddr, EthernetAddress>,
    /// Frames that are to be sent at a later time.
    later: BTreeMap<(Instant, u64), Vec<u8>>,
    count: u64,
}

impl SimulatedCloud {
    /// The cloud of a folder like `tests/roots/NAME/cloud`; an error names the line of `cloud.conf` that is wrong.
    pub fn from_folder(path: impl AsRef<Path>) -> Result<SimulatedCloud, String> {
        let folder = Folder::new(path.as_ref());
        let mut settings = Box::<Settings>::default();
        settings.add(folder.settings().as_deref().unwrap_or(DEFAULT))?;
        Ok(SimulatedCloud {
            folder,
            settings,
            events: Events::default(),
            inside: None,
            ports: Vec::new(),
        })
    }

    /// The same cloud with more lines like those of `cloud.conf`; before the first cable is plugged in.
    pub fn with(mut self, lines: &str) -> Result<SimulatedCloud, String> {
        self.settings.add(lines)?;
        Ok(self)
    }

    /// Where to see what happens.
    pub fn events(&self) -> Events {
        self.events.clone()
    }

    /// Plugs in a cable; gives the number of its port. Faults happen as `seed` says.
    pub fn attach(&mut self, seed: u64) -> usize {
        self.inside
            .get_or_insert_with(|| Box::new(Inside::new(&self.folder, &self.settings, seed)));
        self.ports.push(Cable {
            inward: Line::new(&self.settings.faults, seed),
            outward: Line::new(&self.settings.faults, !seed),
        });
        self.ports.len() - 1
    }

    /// Takes in a frame at a port.
    pub fn receive(&mut self, port: usize, frame: Vec<u8>, now: Instant) {
        self.ports[port].inward.send(frame, now);
    }

    /// A frame that comes out of a port by `now`.
    pub fn transmit(&mut self, port: usize, now: Instant) -> Option<Vec<u8>> {
        self.ports[port].outward.receive(now)
    }

    /// Does everything that is due by `now`.
    pub fn step(&mut self, now: Instant) {
        let Some(inside) = &mut self.inside else {
            return;
        };
        let mut frames = Vec::new();
        for port in 0..self.ports.len() {
            while let Some(frame) = self.ports[port].inward.receive(now) {
                inside.forward(port, &frame, &mut self.ports, now);
                inside.process(&frame, &self.settings, now, &self.events, &mut frames);
            }
        }
        for note in inside.stack.step(now, &mut inside.service, &inside.dns) {
            self.events.add(now, note);
        }
        while let Some(packet) = inside.stack.transmit() {
            frames.extend(inside.wrap(&packet));
        }
        while let Some(entry) = inside
            .later
            .first_entry()
            .filter(|entry| entry.key().0 <= now)
        {
            frames.push(entry.remove());
        }
        for frame in frames {
            inside.send(&frame, &mut self.ports, now);
        }
    }

    /// When to step again, if no frame comes in before.
    pub fn next(&mut self, now: Instant) -> Option<Instant> {
        let lines = self
            .ports
            .iter()
            .flat_map(|cable| [cable.inward.next(), cable.outward.next()]);
        let lines = lines.flatten().min();
        let inside = self.inside.as_mut()?;
        let later = inside.later.keys().next().map(|(at, _)| *at);
        let stack = inside.stack.next(now);
        [lines, later, stack].into_iter().flatten().min()
    }
}

impl Inside {
    fn new(folder: &Folder, settings: &Settings, seed: u64) -> Inside {
        let first = settings.listen.iter().find_map(|place| match place.ip() {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        });
        let fallback = first.unwrap_or(Ipv4Addr::new(169, 254, 169, 254));
        let dhcp: Vec<_> = settings
            .leases
            .iter()
            .map(|lease| dhcp::Server::new(lease.clone(), fallback))
            .collect();
        let name_servers = settings.leases.iter().flat_map(|lease| lease.addresses(6));
        let name_servers: Vec<IpAddr> = name_servers.map(|address| IpAddr::V4(*address)).collect();

        let mut listen: Vec<_> = settings
            .listen
            .iter()
            .map(|place| (*place, Kind::Http))
            .collect();
        listen.extend(
            name_servers
                .iter()
                .map(|address| (SocketAddr::new(*address, dns::PORT), Kind::Dns)),
        );
        let routers = settings.leases.iter().flat_map(|lease| {
            let routes = lease.routes.iter().map(|(_, via)| *via);
            routes.chain(lease.addresses(3).iter().copied())
        });
        let mut hosts: BTreeSet<IpAddr> = listen.iter().map(|(place, _)| place.ip()).collect();
        hosts.extend(
            routers
                .filter(|router| !router.is_unspecified())
                .map(IpAddr::V4),
        );
        hosts.extend(dhcp.iter().map(|server| IpAddr::V4(server.id())));
        Inside {
            hosts,
            dhcp,
            dns: dns::Server::new(settings.names.clone(), settings.dns),
            service: Service::new(folder.clone(), settings),
            stack: Stack::new(listen, seed),
            switch: BTreeMap::new(),
            stations: BTreeMap::new(),
            later: BTreeMap::new(),
            count: 0,
        }
    }

    /// The switch: a frame from one port that is for machines at the others.
    fn forward(&mut self, from: usize, frame: &[u8], ports: &mut [Cable], now: Instant) {
        let Ok(ethernet) = EthernetFrame::new_checked(frame) else {
            return;
        };
        if ethernet.src_addr().is_unicast() {
            self.switch.insert(ethernet.src_addr(), from);
        }
        if ethernet.dst_addr() == HARDWARE {
            return;
        }
        let to = self.switch.get(&ethernet.dst_addr()).copied();
        for (port, cable) in ports.iter_mut().enumerate() {
            if port != from && to.is_none_or(|to| to == port) {
                cable.outward.send(frame.to_vec(), now);
            }
        }
    }

    /// Sends a frame of our own where it belongs.
    fn send(&self, frame: &[u8], ports: &mut [Cable], now: Instant) {
        let to = self
            .switch
            .get(&EthernetFrame::new_unchecked(frame).dst_addr())
            .copied();
        for (port, cable) in ports.iter_mut().enumerate() {
            if to.is_none_or(|to| to == port) {
                cable.outward.send(frame.to_vec(), now);
            }
        }
    }

    /// Puts a packet into a frame to the machine it is for; `None` if nobody knows that machine.
    fn wrap(&self, packet: &[u8]) -> Option<Vec<u8>> {
        let destination = Packet::parse(packet)?.destination;
        let hardware = *self.stations.get(&destination)?;
        Some(packet::frame(hardware, HARDWARE, protocol(packet), packet))
    }

    /// What the servers do with a frame; their answers go to `out`.
    fn process(
        &mut self,
        frame: &[u8],
        settings: &Settings,
        now: Instant,
        events: &Events,
        out: &mut Vec<Vec<u8>>,
    ) {
        let Ok(ethernet) = EthernetFrame::new_checked(frame) else {
            return;
        };
        let (source, destination) = (ethernet.src_addr(), ethernet.dst_addr());
        if destination.is_unicast() && destination != HARDWARE {
            return;
        }
        match ethernet.ethertype() {
            EthernetProtocol::Arp => {
                if let Some(arp) = Arp::parse(ethernet.payload()) {
                    out.extend(self.arp(&arp, settings));
                }
            }
            EthernetProtocol::Ipv4 | EthernetProtocol::Ipv6 => {
                if let Some(packet) = Packet::parse(ethernet.payload()) {
                    self.learn(packet.source, source);
                    self.ip(ethernet.payload(), &packet, now, events, out);
                }
            }
            _ => {}
        }
    }

    fn learn(&mut self, address: IpAddr, hardware: EthernetAddress) {
        if !address.is_unspecified() && hardware.is_unicast() {
            self.stations.insert(address, hardware);
        }
    }

    fn arp(&mut self, arp: &Arp, settings: &Settings) -> Option<Vec<u8>> {
        self.learn(IpAddr::V4(arp.sender.1), arp.sender.0);
        let owner = if settings.conflicts.contains(&arp.target) {
            STRANGER
        } else if self.hosts.contains(&IpAddr::V4(arp.target)) {
            HARDWARE
        } else {
            return None;
        };
        let reply = arp.reply(owner);
        arp.request
            .then(|| packet::frame(arp.sender.0, owner, EthernetProtocol::Arp, &reply))
    }

    fn ip(
        &mut self,
        bytes: &[u8],
        packet: &Packet,
        now: Instant,
        events: &Events,
        out: &mut Vec<Vec<u8>>,
    ) {
        match packet.udp() {
            Some((_, to, payload)) if to.port() == dhcp::SERVER_PORT => {
                for server in &mut self.dhcp {
                    let Some(reply) = server.answer(payload) else {
                        continue;
                    };
                    events.add(now, reply.note);
                    let frame =
                        packet::frame(reply.to, HARDWARE, EthernetProtocol::Ipv4, &reply.packet);
                    self.count += 1;
                    self.later
                        .insert((now + server.delay().into(), self.count), frame);
                }
            }
            Some((from, to, payload))
                if to.port() == dns::PORT && self.hosts.contains(&to.ip()) =>
            {
                if let Some((answer, note)) = self.dns.answer(payload, false) {
                    events.add(now, note);
                    out.extend(self.wrap(&packet::udp(to, from, &answer)));
                }
            }
            _ if self.hosts.contains(&packet.destination) => self.stack.receive(bytes),
            _ => {}
        }
    }
}

fn protocol(packet: &[u8]) -> EthernetProtocol {
    match packet.first().map(|byte| byte >> 4) {
        Some(4) => EthernetProtocol::Ipv4,
        _ => EthernetProtocol::Ipv6,
    }
}
