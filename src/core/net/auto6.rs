//! IPv6 addresses by themselves (RFC 4862): a link-local one, and one for each prefix that a router advertises.
//!
//! The questions go out together: who has my address, which routers are there. An address is ours when nobody has claimed it
//! for a fifth of a second; the RFC's full second is for links that virtual machines do not have.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv6Addr};

use smoltcp::time::{Duration, Instant};

use super::Mac;
use super::icmp6::{self, Advert, Message};
use crate::outside::learnt::LearntRoute;

/// The prefix of all link-local addresses.
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 0);
/// The length of the prefixes that addresses are made of.
const PREFIX: u8 = 64;
/// Most addresses of one interface.
const ADDRESSES_MAX: usize = 4;
/// Most routers of one interface.
const ROUTERS_MAX: usize = 4;
/// Most name servers of one interface.
const NAMES_MAX: usize = 8;
/// How long somebody has to say that an address is taken.
const DETECT: Duration = Duration::from_millis(200);
/// The first pause before routers are asked again; it doubles up to [`SOLICIT_MAX`].
const SOLICIT_MIN: Duration = Duration::from_millis(300);
/// The longest pause before routers are asked again.
const SOLICIT_MAX: Duration = Duration::from_millis(4000);
/// After so many questions nobody waits for a router any more; they go on (RFC 7559), for the cable may be a bad one.
const SOLICITS: u32 = 6;

/// An address and how far it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Address {
    address: Ipv6Addr,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// Not asked for yet.
    New,
    /// Nobody has claimed it yet; ours at that time.
    Tentative(Instant),
    /// Ours.
    Ours,
    /// Somebody else's.
    Taken,
}

/// What DHCPv6 is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Managed {
    /// Nothing.
    Nothing,
    /// Name servers.
    Names,
    /// Addresses and name servers.
    Addresses,
}

/// The automatic configuration of one interface.
#[derive(Clone, Debug)]
pub struct Auto {
    mac: Mac,
    addresses: Vec<Address>,
    next_solicit: Option<Instant>,
    pause: Duration,
    /// How often routers were asked.
    pub solicits: u32,
    routers: Vec<(Ipv6Addr, Advert)>,
}

impl Auto {
    /// Starts at once.
    pub fn new(mac: Mac, now: Instant) -> Auto {
        let mut auto = Auto {
            mac,
            addresses: Vec::new(),
            next_solicit: Some(now),
            pause: SOLICIT_MIN,
            solicits: 0,
            routers: Vec::new(),
        };
        auto.add(icmp6::with_identifier(LINK_LOCAL, mac));
        auto
    }

    /// Takes in an address that is to be ours if nobody has it.
    pub fn add(&mut self, address: Ipv6Addr) {
        let known = self.addresses.iter().any(|known| known.address == address);
        if !known && self.addresses.len() < ADDRESSES_MAX {
            let state = State::New;
            self.addresses.push(Address { address, state });
        }
    }

    /// The addresses that are ours.
    pub fn addresses(&self) -> impl Iterator<Item = Ipv6Addr> {
        let ours = self
            .addresses
            .iter()
            .filter(|known| known.state == State::Ours);
        ours.map(|known| known.address)
    }

    /// The link-local address, once it is ours.
    pub fn link_local(&self) -> Option<Ipv6Addr> {
        self.addresses().find(Ipv6Addr::is_unicast_link_local)
    }

    /// Addresses that somebody else has, for messages.
    pub fn taken(&self) -> impl Iterator<Item = Ipv6Addr> {
        let taken = self
            .addresses
            .iter()
            .filter(|known| known.state == State::Taken);
        taken.map(|known| known.address)
    }

    /// True once a router has spoken.
    pub fn advertised(&self) -> bool {
        !self.routers.is_empty()
    }

    /// True once there is nothing more to wait for.
    pub fn settled(&self) -> bool {
        let waiting = |known: &Address| !matches!(known.state, State::Ours | State::Taken);
        let asked = self.advertised() || self.solicits >= SOLICITS;
        asked && !self.addresses.iter().any(waiting)
    }

    /// True if this router has spoken, and is one of those that count.
    pub fn knows_router(&self, router: Ipv6Addr) -> bool {
        self.routers.iter().any(|(known, _)| *known == router)
    }

    /// The routes that routers told: prefixes on the link, networks behind a router, the default route.
    pub fn routes(&self) -> Vec<LearntRoute> {
        let mut routes = Vec::new();
        for (router, advert) in &self.routers {
            let router = Some(IpAddr::V6(*router));
            for prefix in advert
                .prefixes
                .iter()
                .filter(|prefix| prefix.on_link && prefix.seconds > 0)
            {
                let network = IpAddr::V6(prefix.network);
                routes.push(LearntRoute {
                    network,
                    prefix: prefix.length,
                    router: None,
                });
            }
            for (network, prefix, _) in advert.routes.iter().filter(|(_, _, seconds)| *seconds > 0)
            {
                routes.push(LearntRoute {
                    network: IpAddr::V6(*network),
                    prefix: *prefix,
                    router,
                });
            }
            if advert.seconds > 0 {
                let network = IpAddr::V6(Ipv6Addr::UNSPECIFIED);
                routes.push(LearntRoute {
                    network,
                    prefix: 0,
                    router,
                });
            }
        }
        routes
    }

    /// The name servers that routers told.
    pub fn names(&self) -> Vec<Ipv6Addr> {
        let names = self.routers.iter().flat_map(|(_, advert)| &advert.names);
        names.copied().take(NAMES_MAX).collect()
    }

    /// The domains that routers told.
    pub fn search(&self) -> Vec<String> {
        let search = self.routers.iter().flat_map(|(_, advert)| &advert.search);
        search.take(NAMES_MAX).cloned().collect()
    }

    /// The smallest MTU that routers told.
    pub fn mtu(&self) -> Option<u32> {
        self.routers
            .iter()
            .filter_map(|(_, advert)| advert.mtu)
            .min()
    }

    /// What routers want DHCPv6 to be asked for.
    pub fn managed(&self) -> Managed {
        let any = |of: fn(&Advert) -> bool| self.routers.iter().any(|(_, advert)| of(advert));
        match (any(|advert| advert.managed), any(|advert| advert.other)) {
            (true, _) => Managed::Addresses,
            (false, true) => Managed::Names,
            (false, false) => Managed::Nothing,
        }
    }

    /// When [`Auto::poll`] has something to do.
    pub fn next(&self, now: Instant) -> Option<Instant> {
        let of = |known: &Address| match known.state {
            State::New => Some(now),
            State::Tentative(until) => Some(until),
            State::Ours | State::Taken => None,
        };
        let addresses = self.addresses.iter().filter_map(of);
        addresses.chain(self.next_solicit).min()
    }

    /// The packets to send now, and whether an address has become ours.
    pub fn poll(&mut self, now: Instant, random: u32) -> (Vec<Vec<u8>>, bool) {
        let mut packets = Vec::new();
        let mut changed = false;
        for known in &mut self.addresses {
            match known.state {
                State::New => {
                    let groups = [icmp6::solicited_node(known.address)];
                    let nobody = Ipv6Addr::UNSPECIFIED;
                    packets.push(icmp6::report(nobody, &groups));
                    packets.push(icmp6::neighbour_solicit(nobody, known.address, self.mac));
                    known.state = State::Tentative(now + DETECT);
                }
                State::Tentative(until) if now >= until => {
                    known.state = State::Ours;
                    changed = true;
                }
                _ => {}
            }
        }
        if self.next_solicit.is_some_and(|at| now >= at) {
            let from = self.link_local().unwrap_or(Ipv6Addr::UNSPECIFIED);
            packets.push(icmp6::router_solicit(from, self.mac));
            self.solicits += 1;
            let spread = self.pause.total_micros() / 8 * u64::from(random % 1024) / 1024;
            let next = now + self.pause + Duration::from_micros(spread);
            self.next_solicit = Some(next);
            self.pause = (self.pause * 2).min(SOLICIT_MAX);
        }
        (packets, changed)
    }

    /// Looks at a message of the link; the packet that answers it, and whether routes or addresses changed.
    pub fn receive(
        &mut self,
        from: Ipv6Addr,
        mac: Mac,
        message: &Message,
    ) -> (Option<Vec<u8>>, bool) {
        match message {
            Message::NeighbourSolicit { target, .. } => self.solicited(from, mac, *target),
            Message::NeighbourAdvert { target, .. } => (None, self.conflict(*target)),
            Message::RouterAdvert(advert) => (None, self.advised(from, advert)),
        }
    }

    fn solicited(&mut self, from: Ipv6Addr, mac: Mac, target: Ipv6Addr) -> (Option<Vec<u8>>, bool) {
        if mac == self.mac {
            return (None, false);
        }
        if self.addresses().any(|address| address == target) {
            return (Some(icmp6::neighbour_advert(from, target, self.mac)), false);
        }
        // RFC 4862, 5.4.3: two that ask for the same address at the same time both leave it.
        (None, from.is_unspecified() && self.conflict(target))
    }

    fn conflict(&mut self, target: Ipv6Addr) -> bool {
        let tentative = |known: &&mut Address| {
            known.address == target && matches!(known.state, State::Tentative(_))
        };
        let known = self.addresses.iter_mut().find(tentative);
        known.map(|known| known.state = State::Taken).is_some()
    }

    fn advised(&mut self, from: Ipv6Addr, advert: &Advert) -> bool {
        self.next_solicit = None;
        for prefix in &advert.prefixes {
            let usable = prefix.autonomous && prefix.seconds > 0 && prefix.length == PREFIX;
            if usable && !prefix.network.is_unicast_link_local() && !prefix.network.is_multicast() {
                self.add(icmp6::with_identifier(prefix.network, self.mac));
            }
        }
        let new = (from, advert.clone());
        let place = self.routers.iter().position(|(router, _)| *router == from);
        match place {
            Some(place) if self.routers[place] == new => return false,
            Some(place) => self.routers[place] = new,
            None if self.routers.len() < ROUTERS_MAX => self.routers.push(new),
            None => return false,
        }
        true
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use alloc::vec;

    const MAC: Mac = [0x52, 0x54, 0, 0x12, 0x34, 0x56];
    const OTHER: Mac = [2, 0, 0, 0, 0, 9];
    const ROUTER: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);

    fn at(millis: i64) -> Instant {
        Instant::from_millis(millis)
    }

    fn advert(seconds: u16) -> Message {
        let prefix = icmp6::Prefix {
            network: "fd00:1::".parse().unwrap(),
            length: 64,
            on_link: true,
            autonomous: true,
            seconds: 3600,
        };
        Message::RouterAdvert(Advert {
            seconds,
            prefixes: vec![prefix],
            ..Advert::default()
        })
    }

    fn ours() -> Ipv6Addr {
        "fe80::5054:ff:fe12:3456".parse().unwrap()
    }

    #[test]
    fn a_link_local_address_is_ours_if_nobody_has_it() {
        let mut auto = Auto::new(MAC, at(0));
        let (packets, changed) = auto.poll(at(0), 0);
        // A report, the question whether somebody has it, and the one for routers.
        assert_eq!((packets.len(), changed), (3, false));
        assert_eq!(auto.link_local(), None);
        assert_eq!(auto.next(at(0)), Some(at(200)));
        assert!(auto.poll(at(200), 0).1);
        assert_eq!(auto.link_local(), Some(ours()));
    }

    #[test]
    fn a_taken_address_is_not_used() {
        for message in [
            Message::NeighbourAdvert {
                target: ours(),
                mac: Some(OTHER),
            },
            Message::NeighbourSolicit {
                target: ours(),
                source: None,
            },
        ] {
            let mut auto = Auto::new(MAC, at(0));
            auto.poll(at(0), 0);
            auto.receive(Ipv6Addr::UNSPECIFIED, OTHER, &message);
            auto.poll(at(1000), 0);
            assert_eq!(auto.link_local(), None);
            assert_eq!(auto.taken().next(), Some(ours()));
        }
    }

    #[test]
    fn an_address_is_made_of_an_advertised_prefix() {
        let mut auto = Auto::new(MAC, at(0));
        auto.poll(at(0), 0);
        assert!(auto.receive(ROUTER, OTHER, &advert(1800)).1);
        assert!(!auto.receive(ROUTER, OTHER, &advert(1800)).1);
        auto.poll(at(1), 0);
        auto.poll(at(300), 0);
        let address: Ipv6Addr = "fd00:1::5054:ff:fe12:3456".parse().unwrap();
        assert!(auto.addresses().any(|known| known == address));
        assert_eq!(auto.routes().len(), 2);
        assert!(auto.settled());
    }

    #[test]
    fn a_router_without_a_lifetime_is_no_default_router() {
        let mut auto = Auto::new(MAC, at(0));
        auto.receive(ROUTER, OTHER, &advert(0));
        assert!(auto.routes().iter().all(|route| route.prefix == 64));
        auto.receive(ROUTER, OTHER, &advert(10));
        assert_eq!(auto.routes().len(), 2);
        auto.receive(ROUTER, OTHER, &advert(0));
        assert_eq!(auto.routes().len(), 1);
    }

    #[test]
    fn routers_are_asked_until_one_speaks() {
        let mut auto = Auto::new(MAC, at(0));
        let mut settled = None;
        for millis in 0..60_000 {
            auto.poll(at(millis), 0);
            settled = settled.or(auto.settled().then_some(auto.solicits));
        }
        assert_eq!(settled, Some(SOLICITS));
        assert!(auto.solicits > 2 * SOLICITS);
        auto.receive(ROUTER, OTHER, &advert(1800));
        let asked = auto.solicits;
        for millis in 60_000..90_000 {
            auto.poll(at(millis), 0);
        }
        assert_eq!(auto.solicits, asked);
    }

    #[test]
    fn our_address_is_defended() {
        let mut auto = Auto::new(MAC, at(0));
        auto.poll(at(0), 0);
        auto.poll(at(200), 0);
        let question = Message::NeighbourSolicit {
            target: ours(),
            source: Some(OTHER),
        };
        assert!(auto.receive(ROUTER, OTHER, &question).0.is_some());
    }
}
