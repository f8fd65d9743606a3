//! Lane: one interface with its addresses, its neighbours, its routes and its TCP and UDP sockets.
//!
//! ```text
//!            DHCP  link-local claim        sockets (smoltcp, IP packets only)
//!               ▲   ▲                          ▲ │
//!               │   │   IP packets in ─────────┘ ▼  IP packets out
//!   frames ──► split ──► neighbours ◄────────── next hop ──► frames
//! ```
//!
//! smoltcp sees IP packets and never a frame: neighbours and routes are ours. That is what makes a gateway outside the subnet,
//! fast repetitions and an exact account of who did not answer simple.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

use super::dhcp::{self, Lease};
use super::frame::{self, Arp, Frame};
use super::hasten::Hasten;
use super::learnt::Learnt;
use super::linklocal::{self, Claim};
use super::names::Kind;
use super::neighbours::Neighbours;
use super::route::{Route, Routes};
use super::{Mac, Nic, Random};
use crate::fetch::Network;

/// Most frames taken from a port at a time, so that a flood does not hold up the clock.
const FRAMES_MAX: usize = 256;
/// Largest IP packet sent; a larger MTU of the interface is not used, for the path may not have it.
const MTU_MAX: usize = 1500;
/// Smallest MTU a lease may set (RFC 2132, 5.1 allows less; nobody can mean it).
const MTU_MIN: usize = 576;
/// How long DHCP has the link for itself before a link-local address is claimed beside it.
const FALLBACK: Duration = Duration::from_millis(2500);
/// How long after its lease an address is still given back because somebody else has it.
const CONFLICT: Duration = Duration::from_millis(5000);

/// One interface.
pub(super) struct Lane {
    pub nic: Nic,
    pub sockets: SocketSet<'static>,
    pub dhcp: Option<dhcp::Client>,
    pub lease: Option<(Instant, Lease)>,
    pub claim: Option<Claim>,
    pub hosts: Neighbours,
    pub notes: Vec<(Instant, String)>,
    stack: Interface,
    pipe: Pipe,
    routes: Routes,
    hasten: Hasten,
    fallback: Option<Instant>,
    out: VecDeque<Vec<u8>>,
    seed: u64,
}

impl Lane {
    pub fn new(nic: Nic, random: &mut Random, now: Instant) -> Lane {
        let seed = u64::from(random.next()) << 32 | u64::from(random.next());
        let mut pipe = Pipe::new((nic.mtu as usize).clamp(MTU_MIN, MTU_MAX));
        Lane {
            stack: stack(&mut pipe, seed, now),
            pipe,
            nic,
            sockets: SocketSet::new(Vec::new()),
            dhcp: None,
            lease: None,
            claim: None,
            hosts: Neighbours::default(),
            notes: Vec::new(),
            routes: Routes::default(),
            hasten: Hasten::default(),
            fallback: None,
            out: VecDeque::new(),
            seed,
        }
    }

    /// Starts what `network` needs and what is not running yet.
    pub fn want(&mut self, network: Network, now: Instant, random: &mut Random) {
        match network {
            Network::None => {}
            Network::LinkLocal4 => self.claim_one(now, random),
            Network::Dhcp4 | Network::Any => {
                if self.dhcp.is_none() {
                    self.dhcp = Some(dhcp::Client::new(self.nic.mac, random.next(), now));
                    self.fallback = Some(now + FALLBACK);
                }
            }
        }
    }

    fn claim_one(&mut self, now: Instant, random: &mut Random) {
        let mac = self.nic.mac;
        self.claim
            .get_or_insert_with(|| Claim::new(mac, random.next(), now));
    }

    fn note(&mut self, now: Instant, line: fmt::Arguments) {
        self.notes.push((now, format!("{}: {line}", self.nic.name)));
    }

    /// What was learnt here so far.
    pub fn learnt(&self) -> Learnt {
        let mut addresses = Vec::new();
        if let Some((_, lease)) = &self.lease {
            addresses.push((IpAddr::V4(lease.address), lease.prefix));
        }
        addresses.extend(
            self.claimed()
                .map(|claimed| (IpAddr::V4(claimed), linklocal::PREFIX)),
        );
        Learnt {
            nic: self.nic.clone(),
            mtu: self.pipe.mtu,
            addresses,
            routes: self.routes.iter().copied().collect(),
            names: self.name_servers(),
            search: self.search(),
            lease: self.lease.as_ref().map(|(_, lease)| lease.clone()),
        }
    }

    /// True once there is nothing more to hope for than what there is.
    pub fn settled(&self) -> bool {
        self.lease.is_some() || self.dhcp.is_none() && self.claimed().is_some()
    }

    /// The domains in which short names are looked for.
    pub fn search(&self) -> Vec<String> {
        let Some((_, lease)) = &self.lease else {
            return Vec::new();
        };
        match lease.search.is_empty() {
            true => lease.domain.iter().cloned().collect(),
            false => lease.search.clone(),
        }
    }

    /// Our addresses from which a packet may go to `to`, best first.
    pub fn sources(&self, to: IpAddr) -> Vec<IpAddr> {
        let mut sources = Vec::new();
        if let IpAddr::V4(to) = to {
            if let Some((_, lease)) = &self.lease
                && self.routes.next_hop(IpAddr::V4(to)).is_some()
            {
                sources.push(IpAddr::V4(lease.address));
            }
            if let Some(claimed) = self.claimed().filter(|_| linklocal::contains(to)) {
                sources.push(IpAddr::V4(claimed));
            }
        }
        sources
    }

    fn claimed(&self) -> Option<Ipv4Addr> {
        self.claim.as_ref().and_then(Claim::address)
    }

    /// The name servers learnt.
    pub fn name_servers(&self) -> Vec<IpAddr> {
        let lease = self.lease.iter().flat_map(|(_, lease)| &lease.names);
        lease.map(|server| IpAddr::V4(*server)).collect()
    }

    /// The families worth asking names for.
    pub fn families(&self) -> Vec<Kind> {
        Vec::from([Kind::A])
    }

    /// The whole of a round: frames in, timers, frames out.
    pub fn poll<D: Device>(&mut self, now: Instant, port: &mut D, random: &mut Random) {
        for _ in 0..FRAMES_MAX {
            let Some((rx, _)) = port.receive(now) else {
                break;
            };
            rx.consume(|bytes| self.receive(now, bytes));
        }
        self.timers(now, random);
        while self
            .stack
            .poll_egress(now, &mut self.pipe, &mut self.sockets)
            != PollResult::None
        {}
        self.drain(now);
        while let Some(frame) = self.out.front() {
            let Some(tx) = port.transmit(now) else {
                break;
            };
            tx.consume(frame.len(), |bytes| bytes.copy_from_slice(frame));
            self.out.pop_front();
        }
    }

    /// When this lane has something to do even if nothing arrives.
    pub fn next(&mut self, now: Instant) -> Option<Instant> {
        let dhcp = self.dhcp.as_ref().and_then(dhcp::Client::next);
        let claim = self.claim.as_ref().and_then(Claim::next);
        [
            self.stack.poll_at(now, &self.sockets),
            self.hosts.next(),
            self.hasten.next(),
            self.fallback,
            dhcp,
            claim,
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Opens a TCP connection; `None` if smoltcp finds the ends impossible.
    pub fn dial(&mut self, from: (IpAddr, u16), to: (IpAddr, u16)) -> Option<SocketHandle> {
        let mut socket = super::socket();
        let remote = (IpAddress::from(to.0), to.1);
        let local = (IpAddress::from(from.0), from.1);
        socket.connect(self.stack.context(), remote, local).ok()?;
        Some(self.sockets.add(socket))
    }

    fn receive(&mut self, now: Instant, bytes: &[u8]) {
        let Some(frame) = frame::frame(bytes) else {
            return;
        };
        let group = frame.to[0] & 1 == 1;
        if frame.from == self.nic.mac || !(group || frame.to == self.nic.mac) {
            return;
        }
        match frame.kind {
            frame::ARP => {
                if let Some(arp) = Arp::parse(frame.payload) {
                    self.arp(now, &arp);
                }
            }
            frame::IP4 => self.packet4(now, &frame),
            _ => {}
        }
    }

    fn packet4(&mut self, now: Instant, frame: &Frame) {
        if let Some(client) = &mut self.dhcp
            && let Some(datagram) = frame::datagram4(frame.payload)
            && datagram.to.1 == dhcp::CLIENT_PORT
        {
            if let (IpAddr::V4(source), dhcp::SERVER_PORT) = datagram.from
                && let Some(event) = client.receive(now, source, datagram.payload)
            {
                self.leased(now, event);
            }
            return;
        }
        self.accept(now, frame.payload);
    }

    /// Gives an IP packet to the stack.
    fn accept(&mut self, now: Instant, packet: &[u8]) {
        self.hasten.received(packet);
        self.pipe.inbox = Some(packet.to_vec());
        self.stack
            .poll_ingress_single(now, &mut self.pipe, &mut self.sockets);
        self.pipe.inbox = None;
    }

    fn leased(&mut self, now: Instant, event: dhcp::Event) {
        match event {
            dhcp::Event::Offered(address, server) => {
                self.note(now, format_args!("{address} offered by {server}"));
            }
            dhcp::Event::Refused(server, words) => {
                self.note(now, format_args!("refused by {server}: {words}"));
            }
            dhcp::Event::Leased(lease) => {
                let Lease {
                    address,
                    prefix,
                    server,
                    ..
                } = &lease;
                self.note(now, format_args!("{address}/{prefix} leased by {server}"));
                self.out
                    .push_back(linklocal::announcement(self.nic.mac, lease.address));
                self.lease = Some((now, lease));
                self.fallback = None;
                self.configure(now);
            }
        }
    }

    /// Brings the stack's addresses, the routes and the MTU up to date with the lease and the claim.
    fn configure(&mut self, now: Instant) {
        let mut addresses = Vec::new();
        self.routes = Routes::default();
        if let Some(address) = self.claimed() {
            addresses.push((IpAddr::V4(address), linklocal::PREFIX));
        }
        if let Some((_, lease)) = &self.lease {
            addresses.push((IpAddr::V4(lease.address), lease.prefix));
            // Known networks before everything else: an on-link network costs no router.
            self.routes.add(Route {
                network: IpAddr::V4(lease.address),
                prefix: lease.prefix,
                router: None,
            });
            for route in &lease.routes {
                let router = (!route.router.is_unspecified()).then_some(IpAddr::V4(route.router));
                self.routes.add(Route {
                    network: IpAddr::V4(route.network),
                    prefix: route.prefix,
                    router,
                });
            }
            let mtu = lease.mtu.map_or(MTU_MAX, usize::from);
            let mtu = mtu.min(self.nic.mtu as usize).clamp(MTU_MIN, MTU_MAX);
            if mtu != self.pipe.mtu {
                self.pipe.mtu = mtu;
                self.stack = stack(&mut self.pipe, self.seed, now);
            }
        }
        self.stack.update_ip_addrs(|list| {
            list.clear();
            for (address, prefix) in addresses {
                // The list holds eight; there are never more than a lease, a claim and a few prefixes.
                let _ = list.push(IpCidr::new(IpAddress::from(address), prefix));
            }
        });
    }

    fn arp(&mut self, now: Instant, arp: &Arp) {
        let before = self.claimed();
        if let Some(claim) = &mut self.claim {
            self.out.extend(claim.arp(now, arp));
        }
        if self.claimed() != before {
            self.configure(now);
        }
        self.conflict(now, arp);
        let leased = self.lease.as_ref().map(|(_, lease)| lease.address);
        let ours = [leased, self.claimed()];
        if arp.request && ours.contains(&Some(arp.to.1)) && !ours.contains(&Some(arp.from.1)) {
            let reply = Arp {
                request: false,
                from: (self.nic.mac, arp.to.1),
                to: arp.from,
            };
            self.out.push_back(reply.frame());
        }
        self.learn(IpAddr::V4(arp.from.1), arp.from.0);
    }

    /// Gives a fresh lease back if somebody else has its address (RFC 2131, 4.4.1).
    fn conflict(&mut self, now: Instant, arp: &Arp) {
        let Some((since, lease)) = &self.lease else {
            return;
        };
        if arp.from.1 != lease.address || arp.from.0 == self.nic.mac || now > *since + CONFLICT {
            return;
        }
        let [a, b, c, d, e, f] = arp.from.0;
        let address = lease.address;
        if let Some(client) = &mut self.dhcp {
            client.decline(now, lease, self.seed as u32);
        }
        self.note(
            now,
            format_args!(
                "{address} is in use by {a:02x}:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}, declined"
            ),
        );
        self.lease = None;
        self.fallback = Some(now + FALLBACK);
        self.configure(now);
    }

    fn learn(&mut self, address: IpAddr, mac: Mac) {
        let kind = kind(address);
        for packet in self.hosts.learn(address, mac) {
            self.out
                .push_back(frame::ethernet(mac, self.nic.mac, kind, &packet));
        }
    }

    fn timers(&mut self, now: Instant, random: &mut Random) {
        if let Some(client) = &mut self.dhcp
            && let Some(message) = client.poll(now, random.next())
        {
            let packet = frame::packet4(
                (Ipv4Addr::UNSPECIFIED, dhcp::CLIENT_PORT),
                (Ipv4Addr::BROADCAST, dhcp::SERVER_PORT),
                &message,
            );
            let frame = frame::ethernet(frame::BROADCAST, self.nic.mac, frame::IP4, &packet);
            self.out.push_back(frame);
        }
        if self.fallback.is_some_and(|at| now >= at) {
            self.fallback = None;
            if self.lease.is_none() {
                self.note(
                    now,
                    format_args!("no lease yet, claiming a link-local address"),
                );
                self.claim_one(now, random);
            }
        }
        let before = self.claimed();
        if let Some(claim) = &mut self.claim {
            self.out.extend(claim.poll(now, random.next()));
        }
        if let Some(address) = self.claimed().filter(|_| self.claimed() != before) {
            self.note(now, format_args!("{address} claimed"));
            self.configure(now);
        }
        for address in self.hosts.poll(now) {
            self.ask(address);
        }
        for packet in self.hasten.poll(now) {
            if let Some(mac) = self.hop(&packet).and_then(|hop| self.hosts.get(hop)) {
                self.out.push_back(frame::ethernet(
                    mac,
                    self.nic.mac,
                    kind_of(&packet),
                    &packet,
                ));
            }
        }
    }

    /// Asks the link who has `address`.
    fn ask(&mut self, address: IpAddr) {
        let IpAddr::V4(address) = address else {
            return;
        };
        let leased = self.lease.as_ref().map(|(_, lease)| lease.address);
        let source = match linklocal::contains(address) {
            true => self.claimed().or(leased),
            false => leased.or(self.claimed()),
        };
        let arp = Arp {
            request: true,
            from: (self.nic.mac, source.unwrap_or(Ipv4Addr::UNSPECIFIED)),
            to: ([0; 6], address),
        };
        self.out.push_back(arp.frame());
    }

    /// Takes the stack's packets, finds their next hops, and makes frames of those that are known.
    fn drain(&mut self, now: Instant) {
        while let Some(packet) = self.pipe.outbox.pop_front() {
            self.hasten.sent(now, &packet);
            let Some(to) = frame::destination(&packet) else {
                continue;
            };
            let mac = match group(to) {
                Some(mac) => Some(mac),
                None => match self.hop(&packet) {
                    Some(hop) => match self.hosts.get(hop) {
                        Some(mac) => Some(mac),
                        None => {
                            self.hosts.wait(now, hop, packet);
                            continue;
                        }
                    },
                    None => None,
                },
            };
            if let Some(mac) = mac {
                self.out
                    .push_back(frame::ethernet(mac, self.nic.mac, kind(to), &packet));
            }
        }
        for address in self.hosts.poll(now) {
            self.ask(address);
        }
    }

    /// The next hop of a packet. What has a link-local source stays on the link (RFC 3927, 2.6.2).
    fn hop(&self, packet: &[u8]) -> Option<IpAddr> {
        let (from, to) = frame::ends(packet)?;
        match from {
            IpAddr::V4(from) if linklocal::contains(from) => Some(to),
            _ => self.routes.next_hop(to),
        }
    }
}

/// A stack that does TCP and UDP over IP packets.
fn stack(pipe: &mut Pipe, seed: u64, now: Instant) -> Interface {
    let mut config = Config::new(HardwareAddress::Ip);
    config.random_seed = seed;
    Interface::new(config, pipe, now)
}

fn kind(address: IpAddr) -> u16 {
    match address {
        IpAddr::V4(_) => frame::IP4,
        IpAddr::V6(_) => frame::IP6,
    }
}

fn kind_of(packet: &[u8]) -> u16 {
    frame::destination(packet).map_or(frame::IP4, kind)
}

/// The hardware address of a group: RFC 1112, 6.4 and RFC 2464, 7.
fn group(address: IpAddr) -> Option<Mac> {
    match address {
        IpAddr::V4(address) if address.is_broadcast() => Some(frame::BROADCAST),
        IpAddr::V4(address) if address.is_multicast() => {
            let [_, b, c, d] = address.octets();
            Some([0x01, 0x00, 0x5e, b & 0x7f, c, d])
        }
        IpAddr::V6(address) if address.is_multicast() => Some(group6(address)),
        _ => None,
    }
}

fn group6(address: Ipv6Addr) -> Mac {
    let [.., a, b, c, d] = address.octets();
    [0x33, 0x33, a, b, c, d]
}

/// The stack's device: one packet in at a time, any number out.
struct Pipe {
    inbox: Option<Vec<u8>>,
    outbox: VecDeque<Vec<u8>>,
    mtu: usize,
}

impl Pipe {
    fn new(mtu: usize) -> Pipe {
        Pipe {
            inbox: None,
            outbox: VecDeque::new(),
            mtu,
        }
    }
}

struct In(Vec<u8>);
struct Out<'a>(&'a mut VecDeque<Vec<u8>>);

impl phy::RxToken for In {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl phy::TxToken for Out<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut packet = alloc::vec![0; len];
        let result = f(&mut packet);
        self.0.push_back(packet);
        result
    }
}

impl Device for Pipe {
    type RxToken<'a> = In;
    type TxToken<'a> = Out<'a>;

    fn receive(&mut self, _: Instant) -> Option<(In, Out<'_>)> {
        Some((In(self.inbox.take()?), Out(&mut self.outbox)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Out<'_>> {
        Some(Out(&mut self.outbox))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = self.mtu;
        capabilities
    }
}
