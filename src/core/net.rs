//! Packets without sockets: addresses, names and connections over frames that somebody else carries.
//!
//! A [`Net`] has a lane per interface: DHCP, a link-local claim, neighbours, routes, and smoltcp for TCP and UDP. All lanes
//! live in one loop, [`Net::drive`], so that they race: whoever answers first wins, and an interface without a cable costs
//! nothing. Time comes from [`Wires`], and every wait has an end.
//!
//! ```text
//!   sys/own_dial.rs ──► Net ──► lane ──► neighbours, routes ──► Wires ──► packet socket, or the simulated cloud
//! ```

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, SocketAddr};

use smoltcp::iface::SocketHandle;
use smoltcp::phy::Device;
use smoltcp::socket::tcp;
use smoltcp::time::{Duration, Instant};

use crate::machine::Link;
use crate::outside::learnt::Learnt;
use crate::outside::{Failure, Network};

mod addresses;
pub mod ahead;
pub mod auto6;
pub mod dhcp;
pub mod dhcp6;
pub mod fixed;
pub mod frame;
pub mod hasten;
pub mod held;
pub mod icmp6;
mod lane;
pub mod linklocal;
mod lookup;
pub mod names;
pub mod neighbours;
mod race;
pub mod record;
pub mod route;
pub mod trace;

use ahead::Ahead;
use fixed::Fixed;
use lane::Lane;

/// A hardware address.
pub type Mac = [u8; 6];

/// Bytes of the TCP receive buffer, which is the window: what may be under way. With 64 KiB, the most without scaling, and 20 ms of
/// round trip a body of 16 MiB takes longer than a try may. Of the pages of a buffer only those count that something came into.
const RECEIVE_BYTES: usize = 256 << 10;
/// Bytes of a TCP send buffer: requests are small.
const SEND_BYTES: usize = 8_192;
/// How long a closed connection may take to say good-bye.
const CLOSING: Duration = Duration::from_millis(500);
/// Most addresses of a name, which is as many as ureq tries.
pub const ADDRESSES_MAX: usize = 16;
/// Most names whose addresses are remembered.
const NAMES_MAX: usize = 64;
/// The shortest wait; work that is due again and again does not stop the clock.
const STEP: Duration = Duration::from_millis(1);

/// The cables that lead out of the machine, and the clock beside them.
///
/// In production these are packet sockets and the monotonic clock; in tests, queues to the simulated cloud and a clock that
/// jumps. Whoever waits, waits here.
pub trait Wires: Send + 'static {
    /// One cable: frames in and out of one interface.
    type Port: Device;
    /// The ports, in the order of the interfaces given to the stack.
    fn ports(&mut self) -> &mut [Self::Port];
    /// The time, from a clock that cannot be set.
    fn now(&self) -> Instant;
    /// Time since the epoch, as far as the machine knows.
    fn wall(&self) -> core::time::Duration;
    /// Returns when a frame may have arrived at any port, or at `until`.
    fn wait(&mut self, until: Instant);
    /// False while the cable at this port is known to be unplugged: nothing is sent there, and everything starts afresh
    /// when it is plugged in.
    fn plugged(&self, port: usize) -> bool;
}

/// Which way a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// To us.
    In,
    /// From us.
    Out,
}

/// Somebody who sees every frame: when, on which interface (by its place in the list), which way, its bytes.
pub type Tap = Box<dyn FnMut(Instant, usize, Direction, &[u8]) + Send>;

/// An interface, as the stack needs to know it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nic {
    /// Its name, for people.
    pub name: String,
    /// Its index, for those who act on it later.
    pub index: u32,
    /// Its hardware address.
    pub mac: Mac,
    /// Its MTU in bytes, without the Ethernet header.
    pub mtu: u32,
}

/// The interfaces worth asking on, by index, and why the others are not: only physical Ethernet, no members of bonds and
/// bridges, and of two with the same hardware address (Azure's virtual functions) only the synthetic one. Virtual ones (VLANs,
/// bridges, bonds) somebody else has made, who gives them an address too: then it is the kernel's sockets that are used.
pub fn candidates(links: &[Link]) -> (Vec<Nic>, Vec<String>) {
    let (mut nics, mut left_out) = (Vec::new(), Vec::new());
    for link in links {
        match unfit(link, links) {
            Some(why) => left_out.push(format!("{}: left out: {why}", link.name)),
            None => nics.extend(link.mac.map(|mac| Nic {
                name: link.name.clone(),
                index: link.index,
                mac,
                mtu: link.mtu,
            })),
        }
    }
    (nics, left_out)
}

/// The ARPHRD_* numbers of Ethernet and InfiniBand.
const ETHERNET: u32 = 1;
const INFINIBAND: u32 = 32;

fn unfit(link: &Link, links: &[Link]) -> Option<&'static str> {
    const SYNTHETIC: &str = "hv_netvsc";
    let driver = |link: &Link| link.driver.as_deref() == Some(SYNTHETIC);
    let twin = |other: &Link| {
        other.index != link.index && other.mac == link.mac && driver(other) && !driver(link)
    };
    match link.hardware {
        ETHERNET => {}
        INFINIBAND => return Some("InfiniBand is not Ethernet"),
        _ if link.is_loopback() => return Some("the loopback leads nowhere"),
        _ => return Some("not Ethernet"),
    }
    if link.mac.is_none_or(|mac| mac[0] & 1 == 1 || mac == [0; 6]) {
        return Some("no hardware address");
    }
    if !link.physical {
        return Some("virtual");
    }
    if link.master.is_some() {
        return Some("a member of another interface");
    }
    links
        .iter()
        .any(twin)
        .then_some("the virtual function of another interface")
}

/// Random numbers that need not be secret: xorshift (Marsaglia), seeded from outside.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator; any seed will do.
    pub fn new(seed: u64) -> Random {
        Random(seed ^ 0x9E37_79B9_7F4A_7C15 | 1)
    }

    /// The next number.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as u32
    }
}

/// A TCP connection of a [`Net`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conn {
    lane: usize,
    handle: SocketHandle,
    /// The other end.
    pub peer: SocketAddr,
}

/// How a connection ended before it should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// The other side reset it.
    Reset,
    /// Time was up.
    Late,
}

/// The network of this boot.
pub struct Net<W: Wires> {
    wires: W,
    lanes: Vec<Lane>,
    plugged: Vec<bool>,
    random: Random,
    closing: Vec<(Conn, Instant)>,
    warm: Option<Conn>,
    ahead: Ahead,
    known: BTreeMap<String, Vec<IpAddr>>,
    tap: Option<Tap>,
    wanted: Option<Network>,
    /// The lane of the last connection.
    winner: Option<usize>,
    /// When a race wants to be asked again even if nothing arrives.
    alarm: Option<Instant>,
    /// The ports that new connections have.
    local_ports: (u16, u16),
}

/// The dynamic ports of RFC 6335.
const DYNAMIC_PORTS: (u16, u16) = (49_152, 65_535);

impl<W: Wires> Net<W> {
    /// A network over `wires`, whose ports belong to `nics` in this order. Nothing is sent until [`Net::reach`].
    pub fn new(wires: W, nics: Vec<Nic>, seed: u64) -> Net<W> {
        let mut random = Random::new(seed);
        let now = wires.now();
        let lanes: Vec<Lane> = nics
            .into_iter()
            .map(|nic| Lane::new(nic, &mut random, now))
            .collect();
        Net {
            wires,
            plugged: alloc::vec![false; lanes.len()],
            lanes,
            random,
            closing: Vec::new(),
            warm: None,
            ahead: Ahead::default(),
            known: BTreeMap::new(),
            tap: None,
            wanted: None,
            winner: None,
            alarm: None,
            local_ports: DYNAMIC_PORTS,
        }
    }

    /// The time on the clock of the wires.
    pub fn now(&self) -> Instant {
        self.wires.now()
    }

    /// Time since the epoch, as far as the machine knows.
    pub fn wall(&self) -> core::time::Duration {
        self.wires.wall()
    }

    /// A random number.
    pub fn random(&mut self) -> u32 {
        self.random.next()
    }

    /// Lets `tap` see every frame from now on.
    pub fn watch(&mut self, tap: Tap) {
        self.tap = Some(tap);
    }

    /// Takes in an address that nobody has to be asked for. An address of an interface that is not here is dropped.
    pub fn fix(&mut self, fixed: Fixed) {
        let wanted = |lane: &&mut Lane| match &fixed.interface {
            Some(name) => lane.have.nic.name == *name,
            None => true,
        };
        if let Some(lane) = self.lanes.iter_mut().find(wanted) {
            lane.have.fix(fixed);
        }
    }

    /// Takes in the addresses of a name, as /etc/hosts has them; what was known before counts.
    pub fn know(&mut self, name: &str, address: IpAddr) {
        let name = name.to_ascii_lowercase();
        if self.known.len() < NAMES_MAX || self.known.contains_key(&name) {
            let known = self.known.entry(name).or_default();
            if known.len() < ADDRESSES_MAX {
                known.push(address);
            }
        }
    }

    /// What happened since the last call, in the order of time.
    pub fn notes(&mut self) -> Vec<(Instant, String)> {
        let now = self.now();
        let lanes = self.lanes.iter_mut();
        let mut notes: Vec<(Instant, String)> =
            lanes.flat_map(|lane| lane.have.take_notes(now)).collect();
        notes.sort_by_key(|(at, _)| *at);
        notes
    }

    /// What was learnt on every interface that has an address; the one that carried the last connection first.
    pub fn learnt(&self) -> Vec<Learnt> {
        let mut order: Vec<usize> = (0..self.lanes.len()).collect();
        order.sort_by_key(|index| Some(*index) != self.winner);
        let lanes = order.into_iter().filter_map(|index| self.lanes.get(index));
        let all = lanes.map(Lane::learnt);
        all.filter(|learnt| !learnt.addresses.is_empty()).collect()
    }

    /// Lets every lane work until `done` says so or time is up.
    pub fn drive<T>(
        &mut self,
        until: Instant,
        mut done: impl FnMut(&mut Net<W>) -> Option<T>,
    ) -> Option<T> {
        let mut restless = false;
        loop {
            self.poll();
            if let Some(result) = done(self) {
                self.poll();
                return Some(result);
            }
            let now = self.now();
            if now >= until {
                return None;
            }
            let due = self.next(now).unwrap_or(until).min(until);
            if due > now {
                restless = false;
                self.wires.wait(due);
            } else if restless {
                self.wires.wait((now + STEP).min(until));
            } else {
                restless = true;
            }
        }
    }

    /// Waits, and answers the link meanwhile.
    pub fn pause(&mut self, until: Instant) {
        self.drive(until, |_| None::<()>);
    }

    fn poll(&mut self) {
        self.round();
        if self.push_ahead() {
            self.round();
        }
    }

    fn round(&mut self) {
        let now = self.wires.now();
        for index in 0..self.lanes.len() {
            let plugged = self.wires.plugged(index);
            let fresh = plugged && !core::mem::replace(&mut self.plugged[index], plugged);
            let (Some(lane), Some(port)) =
                (self.lanes.get_mut(index), self.wires.ports().get_mut(index))
            else {
                continue;
            };
            if let (true, Some(network)) = (fresh, self.wanted) {
                lane.have.want(network, now, &mut self.random);
            }
            if plugged {
                let mut seen = |way: Direction, bytes: &[u8]| {
                    if let Some(tap) = &mut self.tap {
                        tap(now, index, way, bytes);
                    }
                };
                lane.poll(now, port, &mut self.random, &mut seen);
            }
        }
        self.reap(now);
    }

    fn next(&mut self, now: Instant) -> Option<Instant> {
        let lanes = self.lanes.iter_mut().zip(&self.plugged);
        lanes
            .filter(|(_, plugged)| **plugged)
            .filter_map(|(lane, _)| lane.next(now))
            .chain(self.alarm)
            .min()
    }

    fn socket(&mut self, conn: Conn) -> Option<&mut tcp::Socket<'static>> {
        let lane = self.lanes.get_mut(conn.lane)?;
        Some(lane.sockets.get_mut(conn.handle))
    }

    /// Sends all of `bytes`.
    ///
    /// # Errors
    /// The other side has reset the connection, or time is up; some of the bytes may have been sent.
    pub fn send(&mut self, conn: Conn, bytes: &[u8], until: Instant) -> Result<(), Cut> {
        let mut sent = 0;
        let done = self.drive(until, |net| {
            let socket = net.socket(conn)?;
            if !socket.may_send() {
                return Some(Err(Cut::Reset));
            }
            let rest = bytes.get(sent..).unwrap_or(&[]);
            sent += socket.send_slice(rest).unwrap_or(0);
            (sent >= bytes.len()).then_some(Ok(()))
        });
        done.unwrap_or(Err(Cut::Late))
    }

    /// Receives into `buffer`; 0 at the end of the stream.
    ///
    /// # Errors
    /// The other side has reset the connection, or time is up.
    pub fn receive(&mut self, conn: Conn, buffer: &mut [u8], until: Instant) -> Result<usize, Cut> {
        if self.has_idle() {
            let soon = until.min(self.now() + ahead::CROWDED);
            match self.receive_until(conn, buffer, soon) {
                Err(Cut::Late) => self.go_lean(),
                done => return done,
            }
        }
        self.receive_until(conn, buffer, until)
    }

    fn receive_until(
        &mut self,
        conn: Conn,
        buffer: &mut [u8],
        until: Instant,
    ) -> Result<usize, Cut> {
        let done = self.drive(until, |net| {
            let socket = net.socket(conn)?;
            match socket.recv_slice(buffer) {
                Ok(0) => None,
                Ok(count) => Some(Ok(count)),
                Err(tcp::RecvError::Finished) => Some(Ok(0)),
                Err(tcp::RecvError::InvalidState) => Some(Err(Cut::Reset)),
            }
        });
        done.unwrap_or(Err(Cut::Late))
    }

    /// True if the connection can carry another request: established, and nothing unread in it.
    pub fn is_open(&mut self, conn: Conn) -> bool {
        self.poll();
        self.socket(conn)
            .is_some_and(|socket| socket.state() == tcp::State::Established && !socket.can_recv())
    }

    /// Closes the connection; its last frames go out with the next work.
    pub fn close(&mut self, conn: Conn) {
        let until = self.now() + CLOSING;
        if let Some(socket) = self.socket(conn) {
            socket.close();
            self.closing.push((conn, until));
        }
        self.poll();
    }

    /// Waits until closed connections have said good-bye, briefly.
    pub fn finish(&mut self) {
        self.forget_ahead();
        if let Some(conn) = self.warm.take() {
            self.close(conn);
        }
        let until = self.now() + CLOSING;
        self.drive(until, |net| net.closing.is_empty().then_some(()));
    }

    fn reap(&mut self, now: Instant) {
        let mut closing = core::mem::take(&mut self.closing);
        closing.retain(|(conn, until)| {
            let over = self.socket(*conn).is_none_or(|socket| {
                let quiet = matches!(socket.state(), tcp::State::Closed | tcp::State::TimeWait);
                if !quiet && now >= *until {
                    socket.abort();
                }
                quiet || now >= *until
            });
            if over && let Some(lane) = self.lanes.get_mut(conn.lane) {
                lane.sockets.remove(conn.handle);
            }
            !over
        });
        self.closing = closing;
    }

    /// Brings up what `network` needs on every interface at once and connects to each of `endpoints`; the index of the first
    /// that answers. Its connection is kept for the first request.
    ///
    /// # Errors
    /// There is no interface, no address, or nobody who answers by then: why, for each interface.
    pub fn reach(
        &mut self,
        network: Network,
        endpoints: &[(&str, u16)],
        until: Instant,
    ) -> Result<usize, Failure> {
        self.want(network)?;
        let mut targets = Vec::new();
        for (index, (host, port)) in endpoints.iter().enumerate() {
            match names::literal(host) {
                Some(address) => targets.push((index, SocketAddr::new(address, *port))),
                None => {
                    let addresses = self.resolve(host, until)?;
                    targets.extend(
                        addresses
                            .into_iter()
                            .map(|address| (index, SocketAddr::new(address, *port))),
                    );
                }
            }
        }
        let addresses: Vec<SocketAddr> = targets.iter().map(|(_, address)| *address).collect();
        let conn = self.race(&addresses, until, true)?;
        if let Some(old) = self.warm.replace(conn) {
            self.close(old);
        }
        let winner = targets.iter().find(|(_, address)| *address == conn.peer);
        Ok(winner.map_or(0, |(index, _)| *index))
    }

    /// Starts what `network` asks for and what does not run yet. What was started is not stopped.
    pub(crate) fn want(&mut self, network: Network) -> Result<(), Failure> {
        if self.lanes.is_empty() {
            return Err(Failure::lasting(String::from(
                "no usable network interface",
            )));
        }
        let now = self.now();
        self.wanted = Some(self.wanted.map_or(network, |old| wider(old, network)));
        for (lane, plugged) in self.lanes.iter_mut().zip(&self.plugged) {
            if *plugged {
                lane.have.want(network, now, &mut self.random);
            }
        }
        Ok(())
    }

    /// A connection to one of `addresses`: the one kept by [`Net::reach`] if it fits, else a new one. What lies beyond the link
    /// needs more than a link-local address.
    ///
    /// # Errors
    /// As in [`Net::reach`].
    pub fn connect(&mut self, addresses: &[SocketAddr], until: Instant) -> Result<Conn, Failure> {
        self.want_for(addresses)?;
        if let Some(conn) = self.warm.take_if(|conn| addresses.contains(&conn.peer)) {
            if self.is_open(conn) {
                return Ok(conn);
            }
            self.close(conn);
        }
        self.race(addresses, until, false)
    }

    /// A new connection to one of `addresses`, from a port between these two, both included.
    ///
    /// # Errors
    /// As in [`Net::reach`].
    pub fn connect_from(
        &mut self,
        ports: (u16, u16),
        addresses: &[SocketAddr],
        until: Instant,
    ) -> Result<Conn, Failure> {
        self.want_for(addresses)?;
        self.local_ports = ports;
        let connected = self.race(addresses, until, false);
        self.local_ports = DYNAMIC_PORTS;
        connected
    }

    fn want_for(&mut self, addresses: &[SocketAddr]) -> Result<(), Failure> {
        if self.wanted.is_none() || addresses.iter().any(|address| !is_link_local(address.ip())) {
            self.want(Network::Any)
        } else {
            Ok(())
        }
    }
}

/// Of two needs the one that includes the other.
fn wider(a: Network, b: Network) -> Network {
    let rank = |network| match network {
        Network::None => 0,
        Network::LinkLocal4 => 1,
        Network::Dhcp4 => 2,
        Network::Any => 3,
    };
    if rank(a) >= rank(b) { a } else { b }
}

fn is_link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => address.is_unicast_link_local(),
    }
}

/// A TCP socket with buffers of ours, without delays.
fn socket() -> tcp::Socket<'static> {
    let mut socket = tcp::Socket::new(
        tcp::SocketBuffer::new(alloc::vec![0; RECEIVE_BYTES]),
        tcp::SocketBuffer::new(alloc::vec![0; SEND_BYTES]),
    );
    socket.set_nagle_enabled(false);
    socket.set_ack_delay(None);
    socket
}

/// A span of time in words, to ten milliseconds: `12 s`, `1.5 s`, `850 ms`.
fn span(duration: Duration) -> String {
    match (duration.total_millis() + 5) / 10 * 10 {
        millis @ 0..1000 => format!("{millis} ms"),
        millis @ 1000..10_000 if millis / 100 % 10 != 0 => {
            format!("{}.{} s", millis / 1000, millis / 100 % 10)
        }
        millis => format!("{} s", millis / 1000),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(name: &str, index: u32) -> Link {
        Link {
            name: String::from(name),
            index,
            mac: Some([2, 0, 0, 0, 0, index as u8]),
            hardware: ETHERNET,
            mtu: 1500,
            driver: None,
            physical: true,
            master: None,
            carrier: None,
        }
    }

    #[test]
    fn only_physical_ethernet_is_asked() {
        let mut lo = link("lo", 1);
        (lo.hardware, lo.physical) = (772, false);
        let mut ib0 = link("ib0", 2);
        (ib0.hardware, ib0.mac) = (INFINIBAND, None);
        let mut br0 = link("br0", 3);
        br0.physical = false;
        let mut member = link("eth1", 4);
        member.master = Some(String::from("bond0"));
        let mut vlan = link("eth0.5", 6);
        vlan.physical = false;
        let mut jumbo = link("eth0", 5);
        jumbo.mtu = 9001;
        let (nics, left_out) = candidates(&[lo, ib0, br0, member, jumbo, vlan]);
        let names: Vec<(&str, u32)> = nics.iter().map(|nic| (&*nic.name, nic.mtu)).collect();
        assert_eq!(names, [("eth0", 9001)]);
        assert_eq!(
            left_out,
            [
                "lo: left out: the loopback leads nowhere",
                "ib0: left out: InfiniBand is not Ethernet",
                "br0: left out: virtual",
                "eth1: left out: a member of another interface",
                "eth0.5: left out: virtual",
            ]
        );
    }

    #[test]
    fn of_twins_the_synthetic_one_is_asked() {
        let mut function = link("eth1", 1);
        let mut synthetic = link("eth0", 2);
        function.mac = synthetic.mac;
        synthetic.driver = Some(String::from("hv_netvsc"));
        let (nics, _) = candidates(&[function, synthetic]);
        assert_eq!(nics.len(), 1);
        assert_eq!(nics[0].name, "eth0");
    }
}
