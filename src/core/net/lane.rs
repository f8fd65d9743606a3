//! Lane: one interface with its addresses, its neighbours, its routes and its TCP and UDP sockets.
//!
//! ```text
//!               addresses                 sockets (smoltcp, IP packets only)
//!                  ▲  │                       ▲ │
//!                  │  │    IP packets in ─────┘ ▼  IP packets out
//!   frames in ──► split ─► neighbours ◄──── next hop ──► frames out
//! ```
//!
//! smoltcp sees IP packets and never a frame: neighbours and routes are ours. That is what makes a gateway outside the subnet,
//! fast repetitions and an exact account of who did not answer simple.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::net::IpAddr;

use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::Socket;
use smoltcp::time::Instant;
use smoltcp::wire::{HardwareAddress, IpAddress, IpCidr};

use super::addresses::{Addresses, Told};
use super::frame::{self, Arp, Frame};
use super::hasten::Hasten;
use super::neighbours::Neighbours;
use super::route::Routes;
use super::{Direction, Mac, Nic, Random, linklocal};
use crate::outside::learnt::Learnt;

/// Most frames taken from a port at a time, so that a flood does not hold up the clock.
const FRAMES_MAX: usize = 256;
/// Largest IP packet sent; a larger MTU of the interface is not used, for the path may not have it.
const MTU_MAX: usize = 1500;
/// Smallest MTU a lease may set (RFC 2132, 5.1 allows less; nobody can mean it).
const MTU_MIN: usize = 576;

/// One interface.
pub(super) struct Lane {
    pub have: Addresses,
    pub sockets: SocketSet<'static>,
    pub hosts: Neighbours,
    stack: Interface,
    pipe: Pipe,
    routes: Routes,
    hasten: Hasten,
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
            have: Addresses::new(nic),
            sockets: SocketSet::new(Vec::new()),
            hosts: Neighbours::default(),
            routes: Routes::default(),
            hasten: Hasten::default(),
            out: VecDeque::new(),
            seed,
        }
    }

    /// What was learnt here so far.
    pub fn learnt(&self) -> Learnt {
        Learnt {
            interface: self.have.nic.name.clone(),
            mac: Some(self.have.nic.mac),
            mtu: self.pipe.mtu,
            addresses: self.have.all(),
            routes: self.routes.iter().copied().collect(),
            names: self.have.name_servers(),
            search: self.have.search(),
            lease: self.have.lease.as_ref().map(|(_, lease)| lease.clone()),
            lease6: self.have.lease6.clone(),
        }
    }

    /// Our addresses from which a packet can go to `to`, best first.
    pub fn sources(&self, to: IpAddr) -> Vec<IpAddr> {
        let mut sources = self.have.sources(to);
        sources.retain(|from| self.hop(*from, to).is_some());
        sources
    }

    /// The whole of a round: frames in, what is due, frames out.
    pub fn poll<D: Device>(
        &mut self,
        now: Instant,
        port: &mut D,
        random: &mut Random,
        seen: &mut dyn FnMut(Direction, &[u8]),
    ) {
        for _ in 0..FRAMES_MAX {
            let Some((rx, _)) = port.receive(now) else {
                break;
            };
            rx.consume(|bytes| {
                seen(Direction::In, bytes);
                self.receive(now, bytes);
            });
        }
        self.have.poll(now, random);
        self.take_over(now);
        for packet in self.hasten.poll(now) {
            self.repeat(now, &packet);
        }
        while self
            .stack
            .poll_egress(now, &mut self.pipe, &mut self.sockets)
            != PollResult::None
        {}
        while let Some(packet) = self.pipe.outbox.pop_front() {
            self.hasten.sent(now, &packet);
            self.send(now, packet);
        }
        for address in self.hosts.poll(now) {
            self.have.ask(address);
        }
        self.take_over(now);
        while let Some(frame) = self.out.front() {
            let Some(tx) = port.transmit(now) else {
                break;
            };
            seen(Direction::Out, frame);
            tx.consume(frame.len(), |bytes| bytes.copy_from_slice(frame));
            self.out.pop_front();
        }
    }

    /// When this lane has something to do even if nothing arrives.
    pub fn next(&mut self, now: Instant) -> Option<Instant> {
        [
            self.stack.poll_at(now, &self.sockets),
            self.hosts.next(),
            self.hasten.next(),
            self.have.next(now),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Opens a TCP connection; `None` if smoltcp finds the ends impossible.
    pub fn dial(&mut self, from: (IpAddr, u16), to: (IpAddr, u16)) -> Option<SocketHandle> {
        let remote = (IpAddress::from(to.0), to.1);
        let mut socket = super::socket();
        let local = (IpAddress::from(from.0), from.1);
        socket.connect(self.stack.context(), remote, local).ok()?;
        Some(self.sockets.add(socket))
    }

    /// True if there is a TCP socket at this port of ours, even one that is about to go.
    pub fn has_port(&self, port: u16) -> bool {
        let mut sockets = self.sockets.iter();
        sockets.any(|(_, socket)| match socket {
            Socket::Tcp(tcp) => tcp.local_endpoint().is_some_and(|local| local.port == port),
            _ => false,
        })
    }

    fn receive(&mut self, now: Instant, bytes: &[u8]) {
        let Some(frame) = frame::frame(bytes) else {
            return;
        };
        let ours = self.have.nic.mac;
        let group = frame.to[0] & 1 == 1;
        if frame.from == ours || !(group || frame.to == ours) {
            return;
        }
        match frame.kind {
            frame::ARP => {
                if let Some(arp) = Arp::parse(frame.payload) {
                    self.have.arp(now, &arp);
                    let waiting = self.hosts.learn(IpAddr::V4(arp.from.1), arp.from.0);
                    self.release(arp.from.0, waiting);
                }
            }
            frame::IP4 if !self.have.packet4(now, frame.payload) => self.accept(now, frame.payload),
            frame::IP6 => self.packet6(now, &frame),
            _ => {}
        }
        self.take_over(now);
    }

    fn packet6(&mut self, now: Instant, frame: &Frame) {
        match self.have.packet6(now, frame.from, frame.payload) {
            None => self.accept(now, frame.payload),
            Some(None) => {}
            Some(Some(Told::Answered(address, mac))) => {
                let waiting = self.hosts.learn(IpAddr::V6(address), mac);
                self.release(mac, waiting);
            }
            Some(Some(Told::Router(address, mac))) => {
                let waiting = self.hosts.advertised(IpAddr::V6(address), mac);
                self.release(mac, waiting);
            }
        }
    }

    /// Gives an IP packet to the stack.
    fn accept(&mut self, now: Instant, packet: &[u8]) {
        self.hasten.received(packet);
        self.pipe.inbox = Some(packet.to_vec());
        self.stack
            .poll_ingress_single(now, &mut self.pipe, &mut self.sockets);
        self.pipe.inbox = None;
    }

    /// Takes over what the addresses have to send, and brings the stack up to date with them if they have changed.
    fn take_over(&mut self, now: Instant) {
        self.out.extend(self.have.out.drain(..));
        for address in self.have.early.drain(..) {
            self.hosts.expect(now, address);
        }
        if !core::mem::take(&mut self.have.changed) {
            return;
        }
        self.routes = self.have.routes();
        let own = self.have.nic.mtu as usize;
        let mtu = self.have.mtu().map_or(own, |mtu| own.min(mtu as usize));
        let mtu = mtu.clamp(MTU_MIN, MTU_MAX);
        if mtu != self.pipe.mtu {
            self.pipe.mtu = mtu;
            self.stack = stack(&mut self.pipe, self.seed, now);
        }
        let all = self.have.all();
        self.stack.update_ip_addrs(|list| {
            list.clear();
            for (address, prefix) in all {
                // There is room for eight; of more, which only `ip=` could bring about, the last are not used.
                let _ = list.push(IpCidr::new(IpAddress::from(address), prefix));
            }
        });
    }

    /// Sends packets that waited for a neighbour.
    fn release(&mut self, mac: Mac, packets: Vec<Vec<u8>>) {
        for packet in packets {
            self.frame(mac, &packet);
        }
    }

    fn frame(&mut self, to: Mac, packet: &[u8]) {
        let kind = match packet.first().map(|byte| byte >> 4) {
            Some(6) => frame::IP6,
            _ => frame::IP4,
        };
        let frame = frame::ethernet(to, self.have.nic.mac, kind, packet);
        self.out.push_back(frame);
    }

    /// Sends a packet of the stack to its next hop, or keeps it until that has told its hardware address.
    fn send(&mut self, now: Instant, packet: Vec<u8>) {
        let Some((from, to)) = frame::ends(&packet) else {
            return;
        };
        if let Some(mac) = frame::group(to) {
            return self.frame(mac, &packet);
        }
        let Some(hop) = self.hop(from, to) else {
            return;
        };
        match self.hosts.get(hop) {
            Some(mac) => self.frame(mac, &packet),
            None => self.hosts.wait(now, hop, packet),
        }
    }

    /// Sends a packet once more, if its next hop is known, and asks for that next hop again: a hardware address may be wrong
    /// (ARP has no checksum) or have moved.
    fn repeat(&mut self, now: Instant, packet: &[u8]) {
        let Some(hop) = frame::ends(packet).and_then(|(from, to)| self.hop(from, to)) else {
            return;
        };
        if let Some(mac) = self.hosts.get(hop) {
            self.frame(mac, packet);
            self.hosts.doubt(now, hop);
        }
    }

    /// The next hop of a packet. What has a link-local source stays on the link (RFC 3927, 2.6.2).
    fn hop(&self, from: IpAddr, to: IpAddr) -> Option<IpAddr> {
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
