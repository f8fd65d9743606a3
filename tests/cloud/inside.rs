//! What is in the cloud: every machine and every server, behind one hardware address.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, EthernetFrame, EthernetProtocol, IpCidr};

use super::folder::Folder;
use super::http::Service;
use super::neighbour::{
    self, ALL_NODES, Arp, Discovery, HARDWARE, LINK_LOCAL, Neighbours, STRANGER,
};
use super::packet::{self, Packet};
use super::settings::Settings;
use super::tcp::{Kind, Stack};
use super::{dhcp, dhcp6, dns};

/// Where a server is to be found when nothing says so.
const ANYWHERE: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);

/// All of it. Frames come in one by one; frames and lines for the log go out together.
pub struct Inside {
    settings: Settings,
    /// The addresses it answers for.
    hosts: BTreeSet<IpAddr>,
    dhcp: Vec<dhcp::Server>,
    dhcp6: Vec<dhcp6::Server>,
    dns: dns::Server,
    service: Service,
    stack: Stack,
    neighbours: Neighbours,
    /// The address that a machine announced last.
    announced: Option<Ipv4Addr>,
    later: BTreeMap<(Instant, u64), Due>,
    count: u64,
    out: Out,
}

/// What is to be done at a later time.
enum Due {
    /// Send this frame.
    Frame(Vec<u8>),
    /// Let a router advertise itself, and again.
    Advertise(usize),
}

/// What came of it.
#[derive(Default)]
pub struct Out {
    /// Frames to send.
    pub frames: Vec<Vec<u8>>,
    /// Lines for the log.
    pub notes: Vec<String>,
}

impl Inside {
    /// Everything that the settings ask for.
    pub fn new(folder: &Folder, settings: &Settings, seed: u64) -> Inside {
        let fallback = settings.listen.iter().find_map(|place| match place.ip() {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        });
        let fallback = fallback.unwrap_or(ANYWHERE);
        let leases = settings.leases.iter();
        let dhcp = Vec::from_iter(leases.map(|lease| dhcp::Server::new(lease.clone(), fallback)));
        let leases = settings.leases6.iter().zip(1..);
        let dhcp6 = leases.map(|(lease, number)| dhcp6::Server::new(lease.clone(), number));
        let names = name_servers(settings);
        let mut listen = Vec::from_iter(settings.listen.iter().map(|place| (*place, Kind::Http)));
        listen.extend(
            names
                .iter()
                .map(|name| (SocketAddr::new(*name, dns::PORT), Kind::Dns)),
        );
        let secure = settings.secure.iter().enumerate();
        listen.extend(secure.map(|(index, secure)| (secure.place, Kind::Https(index))));

        let mut hosts: BTreeSet<IpAddr> = listen.iter().map(|(place, _)| place.ip()).collect();
        for lease in &settings.leases {
            hosts.extend(lease.addresses(3).iter().map(|router| IpAddr::V4(*router)));
            hosts.extend(lease.routes.iter().map(|(_, via)| IpAddr::V4(*via)));
        }
        hosts.extend(dhcp.iter().map(|server| IpAddr::V4(server.id())));
        hosts.extend(
            settings
                .routers
                .iter()
                .map(|router| IpAddr::V6(router.address)),
        );
        hosts.extend(&settings.vanished);
        hosts.insert(IpAddr::V6(LINK_LOCAL));
        hosts.remove(&IpAddr::V4(Ipv4Addr::UNSPECIFIED));
        Inside {
            settings: settings.clone(),
            hosts,
            dhcp6: dhcp6.collect(),
            dhcp,
            dns: dns::Server::new(settings.names.clone(), settings.mood),
            service: Service::new(folder.clone(), settings),
            stack: Stack::new(listen, settings.secure.clone(), seed),
            neighbours: Neighbours::default(),
            announced: None,
            later: BTreeMap::new(),
            count: 0,
            out: Out::default(),
        }
    }

    /// Sets the clocks of what happens by itself; the first frame has come.
    pub fn start(&mut self, now: Instant) {
        for index in 0..self.settings.routers.len() {
            if let Some(every) = self.settings.routers[index].every {
                self.do_later(now + every.into(), Due::Advertise(index));
            }
        }
        for (address, time) in self.settings.claims.clone() {
            if let Some(address) = address {
                let frame = neighbour::ask((STRANGER, address), address);
                self.do_later(now + time.into(), Due::Frame(frame));
            }
        }
    }

    /// Does all that is due, and gives what came of everything since the last time.
    pub fn step(&mut self, now: Instant) -> Out {
        while let Some(entry) = self
            .later
            .first_entry()
            .filter(|entry| entry.key().0 <= now)
        {
            match entry.remove() {
                Due::Frame(frame) => self.out.frames.push(frame),
                Due::Advertise(index) => {
                    self.advertise(index);
                    if let Some(every) = self.settings.routers[index].every {
                        self.do_later(now + every.into(), Due::Advertise(index));
                    }
                }
            }
        }
        self.out
            .notes
            .extend(self.stack.step(now, &mut self.service, &self.dns));
        while let Some(packet) = self.stack.transmit() {
            self.send(packet, now);
        }
        std::mem::take(&mut self.out)
    }

    /// When there is something to do again.
    pub fn next(&mut self, now: Instant) -> Option<Instant> {
        let later = self.later.keys().next().map(|(at, _)| *at);
        later.into_iter().chain(self.stack.next(now)).min()
    }

    /// Takes in a frame.
    pub fn receive(&mut self, frame: &[u8], now: Instant) {
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
                    self.arp(&arp, now);
                }
            }
            EthernetProtocol::Ipv4 | EthernetProtocol::Ipv6 => {
                if let Some(packet) = Packet::parse(ethernet.payload()) {
                    self.ip(ethernet.payload(), &packet, source, now);
                }
            }
            _ => {}
        }
    }

    fn arp(&mut self, arp: &Arp, now: Instant) {
        let (hardware, address) = arp.sender;
        self.learn(IpAddr::V4(address), Some(hardware));
        if arp.request && address == arp.target {
            self.announce(address, now);
        }
        if let Some(owner) = self.owner(IpAddr::V4(arp.target)).filter(|_| arp.request) {
            self.out.frames.push(arp.reply(owner));
        }
    }

    /// A machine says that it has this address now.
    fn announce(&mut self, address: Ipv4Addr, now: Instant) {
        let first = self.announced.is_none();
        self.announced = Some(address);
        self.out
            .notes
            .push(format!("arp announcement of {address}"));
        let claims = self.settings.claims.clone();
        for (_, time) in claims
            .iter()
            .filter(|(address, _)| first && address.is_none())
        {
            let frame = neighbour::ask((STRANGER, address), address);
            self.do_later(now + (*time).into(), Due::Frame(frame));
        }
    }

    /// Where an address is, if it is not at one of the machines under test.
    fn owner(&mut self, address: IpAddr) -> Option<EthernetAddress> {
        if self.hosts.contains(&address) {
            return Some(HARDWARE);
        }
        let mut conflicts = self.settings.conflicts.iter_mut();
        let (_, times) = conflicts.find(|(prefix, times): &&mut (IpCidr, u32)| {
            *times > 0 && prefix.contains_addr(&address.into())
        })?;
        *times -= 1;
        self.out.notes.push(format!("conflict about {address}"));
        Some(STRANGER)
    }

    fn ip(&mut self, bytes: &[u8], packet: &Packet, hardware: EthernetAddress, now: Instant) {
        if self.settings.vanished.contains(&packet.destination) {
            return;
        }
        if let (Some(discovery), IpAddr::V6(source)) = (Discovery::parse(packet), packet.source) {
            return self.discovery(&discovery, source, now);
        }
        let Some((from, to, payload)) = packet.udp() else {
            if self.hosts.contains(&packet.destination) {
                self.stack.receive(bytes);
            }
            return;
        };
        match to.port() {
            dhcp::SERVER_PORT => self.lease(payload, now),
            dhcp6::SERVER_PORT => self.lease6(from, payload, hardware, now),
            dns::PORT if self.hosts.contains(&to.ip()) => {
                if let Some((answer, note)) = self.dns.answer(payload, false) {
                    self.out.notes.push(note);
                    self.send(packet::udp(to, from, &answer), now);
                }
            }
            _ if self.hosts.contains(&to.ip()) => self.stack.receive(bytes),
            _ => {}
        }
    }

    fn discovery(&mut self, discovery: &Discovery, source: Ipv6Addr, now: Instant) {
        match discovery {
            Discovery::Router(hardware) => {
                self.learn(IpAddr::V6(source), *hardware);
                for index in 0..self.settings.routers.len() {
                    let router = &mut self.settings.routers[index];
                    match router.skip {
                        0 => self.advertise(index),
                        _ => router.skip -= 1,
                    }
                }
            }
            Discovery::Solicitation(target, hardware) => {
                self.learn(IpAddr::V6(source), *hardware);
                if let Some(owner) = self.owner(IpAddr::V6(*target)) {
                    let answer = neighbour::advertisement(*target, owner, source);
                    self.send_from(owner, answer, now);
                }
            }
            Discovery::Advertisement(target, hardware) => {
                self.learn(IpAddr::V6(*target), *hardware);
            }
        }
    }

    fn advertise(&mut self, index: usize) {
        let router = &self.settings.routers[index];
        let packet = router.advertisement();
        self.out
            .notes
            .push(format!("router advertisement of {}", router.address));
        let group = packet::group(IpAddr::V6(ALL_NODES)).unwrap_or(EthernetAddress::BROADCAST);
        self.out
            .frames
            .push(packet::carry(group, HARDWARE, &packet));
    }

    fn lease(&mut self, payload: &[u8], now: Instant) {
        for index in 0..self.dhcp.len() {
            let server = &mut self.dhcp[index];
            let delay = server.delay();
            if let Some(reply) = server.answer(payload) {
                self.out.notes.push(reply.note);
                let frame = packet::carry(reply.to, HARDWARE, &reply.packet);
                self.do_later(now + delay.into(), Due::Frame(frame));
            }
        }
    }

    fn lease6(
        &mut self,
        from: SocketAddr,
        payload: &[u8],
        hardware: EthernetAddress,
        now: Instant,
    ) {
        for index in 0..self.dhcp6.len() {
            let server = &mut self.dhcp6[index];
            let delay = server.delay();
            if let Some(reply) = server.answer(from, hardware, payload) {
                self.out.notes.push(reply.note);
                let frame = packet::carry(hardware, HARDWARE, &reply.packet);
                self.do_later(now + delay.into(), Due::Frame(frame));
            }
        }
    }

    fn learn(&mut self, address: IpAddr, hardware: Option<EthernetAddress>) {
        if let Some(hardware) = hardware {
            let waited = self.neighbours.learn(address, hardware);
            self.out.frames.extend(waited);
        }
    }

    /// Sends an IP packet of our own.
    fn send(&mut self, packet: Vec<u8>, now: Instant) {
        self.send_from(HARDWARE, packet, now);
    }

    fn send_from(&mut self, hardware: EthernetAddress, packet: Vec<u8>, now: Instant) {
        let mut routers = self
            .settings
            .leases
            .iter()
            .filter_map(|lease| lease.addresses(3).first());
        let asker = routers.next().copied();
        if let Some(mut frame) = self.neighbours.wrap(packet, asker, now) {
            EthernetFrame::new_unchecked(&mut frame).set_src_addr(hardware);
            self.out.frames.push(frame);
        }
    }

    fn do_later(&mut self, at: Instant, what: Due) {
        self.count += 1;
        self.later.insert((at, self.count), what);
    }
}

/// The addresses of every name server that anything mentions.
fn name_servers(settings: &Settings) -> Vec<IpAddr> {
    let four = settings.leases.iter().flat_map(|lease| lease.addresses(6));
    let routers = settings.routers.iter().flat_map(|router| &router.dns);
    let six = settings.leases6.iter().flat_map(|lease| &lease.dns);
    let six = routers.chain(six).map(|address| IpAddr::V6(*address));
    let mut all = Vec::from_iter(four.map(|address| IpAddr::V4(*address)).chain(six));
    all.sort();
    all.dedup();
    all
}
