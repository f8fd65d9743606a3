//! Addresses: all that one interface has been given, by whom, and what follows from it: sources, routes, name servers.
//!
//! ```text
//!   DHCPv4 ─ lease ──┐                         ┌─► addresses of the stack
//!   RFC 3927 ─ claim ┼─► Addresses ── changed ─┼─► routes
//!   RFC 4862 ─ auto ─┤       │                 └─► MTU
//!   DHCPv6 ─ lease6 ─┘       └─► frames to send
//! ```

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use smoltcp::time::{Duration, Instant};

use super::auto6::{Auto, Managed};
use super::dhcp;
use super::fixed::Fixed;
use super::frame::{self, Arp, Control};
use super::icmp6::{self, Message};
use super::linklocal::{self, Claim};
use super::names::AddressKind;
use super::route::Routes;
use super::{Mac, Nic, Random, dhcp6};
use crate::outside::Network;
use crate::outside::learnt::{Hardware, LearntRoute, Lease, Lease6};

/// How long DHCP has the link for itself before a link-local address is claimed beside it.
const FALLBACK: Duration = Duration::from_millis(2500);
/// How long after its lease an address is still given back because somebody else has it.
const CONFLICT: Duration = Duration::from_millis(5000);
/// Most lines that wait to be taken: what the link can trigger is noted too.
const NOTES_MAX: usize = 100;
/// Length of the prefixes that IPv6 addresses are made of.
const PREFIX6: u8 = 64;

/// What one interface has, and who is being asked for more.
pub(super) struct Addresses {
    pub nic: Nic,
    pub dhcp: Option<dhcp::Client>,
    pub lease: Option<(Instant, Lease)>,
    pub claim: Option<Claim>,
    pub auto: Option<Auto>,
    pub dhcp6: Option<dhcp6::Client>,
    pub lease6: Option<Lease6>,
    /// What the command line says; then nobody is asked for an address of that family.
    pub fixed: Vec<Fixed>,
    /// When a link-local address is claimed if there is no lease.
    fallback: Option<Instant>,
    /// Frames to send.
    pub out: Vec<Vec<u8>>,
    /// Neighbours that are worth asking for before there is a packet for them.
    pub early: Vec<IpAddr>,
    /// True if the stack has to hear of new or lost addresses, routes or another MTU.
    pub changed: bool,
    /// What happened, for the log.
    notes: Vec<(Instant, String)>,
    /// How much more happened than there was room for.
    unnoted: u32,
}

impl Addresses {
    pub fn new(nic: Nic) -> Addresses {
        Addresses {
            nic,
            dhcp: None,
            lease: None,
            claim: None,
            auto: None,
            dhcp6: None,
            lease6: None,
            fixed: Vec::new(),
            fallback: None,
            out: Vec::new(),
            early: Vec::new(),
            changed: false,
            notes: Vec::new(),
            unnoted: 0,
        }
    }

    /// What happened since the last call.
    pub fn take_notes(&mut self, now: Instant) -> Vec<(Instant, String)> {
        let unnoted = core::mem::take(&mut self.unnoted);
        let mut notes = core::mem::take(&mut self.notes);
        if unnoted > 0 {
            let name = &self.nic.name;
            notes.push((now, format!("{name}: {unnoted} events more, not noted")));
        }
        notes
    }

    fn note(&mut self, now: Instant, line: fmt::Arguments) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push((now, format!("{}: {line}", self.nic.name)))
        } else {
            self.unnoted += 1
        }
    }

    /// Starts what `network` needs and what is not running yet.
    pub fn want(&mut self, network: Network, now: Instant, random: &mut Random) {
        let mac = self.nic.mac;
        if network == Network::LinkLocal4 {
            self.claim
                .get_or_insert_with(|| Claim::new(mac, random.next(), now));
        }
        let fixed = self.fixed.iter().any(|fixed| fixed.address.is_ipv4());
        let four = matches!(network, Network::Dhcp4 | Network::Any) && !fixed;
        if four && self.dhcp.is_none() {
            self.dhcp = Some(dhcp::Client::new(mac, random.next(), now));
            self.fallback = Some(now + FALLBACK);
        }
        if network == Network::Any {
            self.auto.get_or_insert_with(|| Auto::new(mac, now));
        }
    }

    /// Takes in an address of the command line, and tells the link of it.
    pub fn fix(&mut self, fixed: Fixed) {
        if let IpAddr::V4(address) = fixed.address {
            let frame = linklocal::announcement(self.nic.mac, address);
            self.out.push(frame);
        }
        self.early.extend(fixed.router);
        self.fixed.push(fixed);
        self.changed = true;
    }

    /// The first IPv4 address that is not link-local.
    pub fn first4(&self) -> Option<Ipv4Addr> {
        let fixed = self.fixed.iter().find_map(|fixed| match fixed.address {
            IpAddr::V4(address) => Some(address),
            IpAddr::V6(_) => None,
        });
        fixed.or(self.lease.as_ref().map(|(_, lease)| lease.address))
    }

    /// All IPv6 addresses.
    fn all6(&self) -> impl Iterator<Item = Ipv6Addr> {
        let fixed = self.fixed.iter().filter_map(|fixed| match fixed.address {
            IpAddr::V6(address) => Some(address),
            IpAddr::V4(_) => None,
        });
        fixed.chain(self.auto.iter().flat_map(Auto::addresses))
    }

    /// Does what is due by now.
    pub fn poll(&mut self, now: Instant, random: &mut Random) {
        let mac = self.nic.mac;
        if let Some(client) = &mut self.dhcp
            && let Some(message) = client.poll(now, random.next())
        {
            let from = (Ipv4Addr::UNSPECIFIED, dhcp::CLIENT_PORT);
            let to = (Ipv4Addr::BROADCAST, dhcp::SERVER_PORT);
            let packet = frame::packet4(from, to, &message);
            let frame = frame::ethernet(frame::BROADCAST, mac, frame::IP4, &packet);
            self.out.push(frame);
        }
        if self.fallback.is_some_and(|at| now >= at) {
            self.fallback = None;
            if self.lease.is_none() && self.claim.is_none() {
                self.note(
                    now,
                    format_args!("no lease yet, claiming a link-local address"),
                );
                self.claim = Some(Claim::new(mac, random.next(), now));
            }
        }
        let before = self.claimed();
        if let Some(claim) = &mut self.claim {
            self.out.extend(claim.poll(now, random.next()));
        }
        if let Some(address) = self.claimed().filter(|_| before.is_none()) {
            self.note(now, format_args!("{address} claimed"));
            self.changed = true;
        }
        self.poll6(now, random);
    }

    fn poll6(&mut self, now: Instant, random: &mut Random) {
        let Some(auto) = &mut self.auto else {
            return;
        };
        let (packets, changed) = auto.poll(now, random.next());
        let names: Vec<Ipv6Addr> = if changed {
            auto.addresses().collect()
        } else {
            Vec::new()
        };
        let (link_local, managed) = (auto.link_local(), auto.managed());
        for packet in packets {
            self.send6(&packet);
        }
        if changed {
            self.changed = true;
            let names: Vec<String> = names.iter().map(|name| format!("{name}")).collect();
            self.note(now, format_args!("{} configured", names.join(", ")));
        }
        // DHCPv6 needs a link-local address to ask from, and a router that says that it is there.
        if self.dhcp6.is_none() && link_local.is_some() && managed != Managed::Nothing {
            let addresses = managed == Managed::Addresses;
            let client = dhcp6::Client::new(self.nic.mac, addresses, random.next(), now);
            self.dhcp6 = Some(client);
        }
        self.refuse6(now);
        if let (Some(client), Some(from)) = (&mut self.dhcp6, link_local)
            && let Some(message) = client.poll(now, random.next())
        {
            let from = (from, dhcp6::CLIENT_PORT);
            let to = (dhcp6::ALL_SERVERS, dhcp6::SERVER_PORT);
            self.send6(&frame::packet6(from, to, &message));
        }
    }

    /// Gives a leased IPv6 address back that somebody else has.
    fn refuse6(&mut self, now: Instant) {
        let leased = self.lease6.as_ref().and_then(|lease| lease.address);
        let auto = self.auto.as_ref();
        let taken =
            leased.filter(|leased| auto.is_some_and(|auto| auto.taken().any(|it| it == *leased)));
        if let (Some(address), Some(client)) = (taken, &mut self.dhcp6) {
            client.decline(now, address);
            self.lease6 = None;
            self.note(now, format_args!("{address} is in use, declined"));
        }
    }

    /// When [`Addresses::poll`] has something to do.
    pub fn next(&self, now: Instant) -> Option<Instant> {
        let link_local = self.auto.as_ref().and_then(Auto::link_local);
        let dhcp6 = self.dhcp6.as_ref().filter(|_| link_local.is_some());
        [
            self.fallback,
            self.dhcp.as_ref().and_then(dhcp::Client::next),
            self.claim.as_ref().and_then(Claim::next),
            self.auto.as_ref().and_then(|auto| auto.next(now)),
            dhcp6.and_then(dhcp6::Client::next),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// Takes an IPv4 packet if it is for the DHCP client; false if it is not.
    pub fn packet4(&mut self, now: Instant, packet: &[u8]) -> bool {
        let Some(client) = &mut self.dhcp else {
            return false;
        };
        let Some(datagram) = frame::datagram4(packet) else {
            return false;
        };
        if datagram.to.1 != dhcp::CLIENT_PORT {
            return false;
        }
        if let (IpAddr::V4(source), dhcp::SERVER_PORT) = datagram.from
            && let Some(event) = client.receive(now, source, datagram.payload)
        {
            self.leased(now, event);
        }
        true
    }

    fn leased(&mut self, now: Instant, event: dhcp::Event) {
        match event {
            dhcp::Event::Offered(lease) => {
                let (address, server) = (lease.address, server(&lease));
                self.note(now, format_args!("{address} offered by {server}"));
                self.ask_early(&lease);
            }
            dhcp::Event::Refused(server, words) => {
                self.note(now, format_args!("refused by {server}: {words}"));
            }
            dhcp::Event::Leased(lease) => {
                let (address, prefix, server) = (lease.address, lease.prefix, server(&lease));
                self.note(now, format_args!("{address}/{prefix} leased by {server}"));
                let frame = linklocal::announcement(self.nic.mac, lease.address);
                self.out.push(frame);
                self.lease = Some((now, lease));
                self.fallback = None;
                self.changed = true;
            }
        }
    }

    /// Asks who the routers of an offer are while the offer is being confirmed: that saves a round trip. The question has no
    /// sender's address, for we have none yet.
    fn ask_early(&mut self, lease: &Lease) {
        let routers = lease.routes.iter().filter_map(|route| route.router);
        self.early.extend(routers);
        self.early.dedup();
    }

    /// Looks at an ARP packet: questions for us are answered, conflicts settled.
    pub fn arp(&mut self, now: Instant, arp: &Arp) {
        let before = self.claimed();
        if let Some(claim) = &mut self.claim {
            self.out.extend(claim.arp(now, arp));
        }
        self.changed |= self.claimed() != before;
        self.conflict(now, arp);
        let ours = [self.first4(), self.claimed()];
        if arp.request && ours.contains(&Some(arp.to.1)) && !ours.contains(&Some(arp.from.1)) {
            let reply = Arp {
                request: false,
                from: (self.nic.mac, arp.to.1),
                to: arp.from,
            };
            self.out.push(reply.frame());
        }
    }

    /// Gives a fresh lease back if somebody else has its address (RFC 2131, 4.4.1).
    fn conflict(&mut self, now: Instant, arp: &Arp) {
        let Some((since, lease)) = &self.lease else {
            return;
        };
        if arp.from.1 != lease.address || arp.from.0 == self.nic.mac || now > *since + CONFLICT {
            return;
        }
        let address = lease.address;
        if let Some(client) = &mut self.dhcp {
            client.decline(now, lease);
        }
        let holder = Hardware(arp.from.0);
        self.note(
            now,
            format_args!("{address} is in use by {holder}, declined"),
        );
        self.lease = None;
        self.fallback = Some(now + FALLBACK);
        self.changed = true;
    }

    /// Takes an IPv6 packet if it is neighbour discovery or for the DHCP client; `None` if it is not. A neighbour that has
    /// told its hardware address is given back.
    pub fn packet6(&mut self, now: Instant, mac: Mac, packet: &[u8]) -> Option<Option<Told>> {
        let fixed = self.fixed.iter().any(|fixed| fixed.address.is_ipv6());
        if self.auto.is_none() && !fixed {
            return None;
        }
        if let Some(Control {
            from,
            to,
            hops,
            body,
        }) = frame::control6(packet)
        {
            let message = icmp6::parse(from, to, hops, body)?;
            let auto = self.auto.as_mut();
            let known = auto.as_ref().is_some_and(|auto| auto.knows_router(from));
            let (answer, changed) =
                auto.map_or((None, false), |auto| auto.receive(from, mac, &message));
            self.changed |= changed;
            if let Some(packet) = answer.or_else(|| self.own6(from, mac, &message)) {
                self.answer6(mac, &packet);
            }
            // Once for each router: whoever changes its mind all the time is not worth a line each.
            if let (Message::RouterAdvert(advert), true) = (&message, changed && !known) {
                let seconds = advert.seconds;
                self.note(now, format_args!("{from} is a router for {seconds} s"));
            }
            return Some(told(from, &message));
        }
        let datagram = frame::datagram6(packet)?;
        if (datagram.from.1, datagram.to.1) != (dhcp6::SERVER_PORT, dhcp6::CLIENT_PORT) {
            return None;
        }
        if let Some(client) = &mut self.dhcp6
            && let Some(lease) = client.receive(now, datagram.payload)
        {
            self.leased6(now, lease);
        }
        Some(None)
    }

    /// The answer to a question for a fixed address.
    fn own6(&self, from: Ipv6Addr, asker: Mac, message: &Message) -> Option<Vec<u8>> {
        let Message::NeighbourSolicit { target, .. } = message else {
            return None;
        };
        let ours = |fixed: &Fixed| fixed.address == IpAddr::V6(*target);
        let asked = asker != self.nic.mac && self.fixed.iter().any(ours);
        asked.then(|| icmp6::neighbour_advert(from, *target, self.nic.mac))
    }

    fn leased6(&mut self, now: Instant, lease: Lease6) {
        match lease.address {
            Some(address) => {
                if let Some(auto) = &mut self.auto {
                    auto.add(address);
                }
                self.note(now, format_args!("{address} leased by DHCPv6"));
            }
            None => self.note(now, format_args!("name servers told by DHCPv6")),
        }
        self.lease6 = Some(lease);
        self.changed = true;
    }

    /// Answers to who asked; if it asked without an address, to everybody.
    fn answer6(&mut self, asker: Mac, packet: &[u8]) {
        let to = frame::destination(packet).and_then(frame::group);
        let to = to.unwrap_or(asker);
        self.out
            .push(frame::ethernet(to, self.nic.mac, frame::IP6, packet));
    }

    /// Sends a packet to a group.
    fn send6(&mut self, packet: &[u8]) {
        if let Some(to) = frame::destination(packet).and_then(frame::group) {
            self.out
                .push(frame::ethernet(to, self.nic.mac, frame::IP6, packet));
        }
    }

    /// Asks the link who has `address`.
    pub fn ask(&mut self, address: IpAddr) {
        let mac = self.nic.mac;
        match address {
            IpAddr::V4(address) => {
                let source = if linklocal::contains(address) {
                    self.claimed().or(self.first4())
                } else {
                    self.first4().or(self.claimed())
                };
                let arp = Arp {
                    request: true,
                    from: (mac, source.unwrap_or(Ipv4Addr::UNSPECIFIED)),
                    to: ([0; 6], address),
                };
                self.out.push(arp.frame());
            }
            IpAddr::V6(address) => {
                if let Some(source) = self.sources6(address).first() {
                    self.send6(&icmp6::neighbour_solicit(*source, address, mac));
                }
            }
        }
    }

    /// The link-local address that is claimed.
    pub fn claimed(&self) -> Option<Ipv4Addr> {
        self.claim.as_ref().and_then(Claim::address)
    }

    /// All addresses with the lengths of their prefixes.
    pub fn all(&self) -> Vec<(IpAddr, u8)> {
        let lease = self.lease.iter();
        let lease = lease.map(|(_, lease)| (IpAddr::V4(lease.address), lease.prefix));
        let claimed = self.claimed().into_iter();
        let claimed = claimed.map(|address| (IpAddr::V4(address), linklocal::PREFIX));
        let auto = self.auto.iter().flat_map(Auto::addresses);
        let leased = self.lease6.as_ref().and_then(|lease| lease.address);
        let auto = auto.map(|address| {
            let prefix = if Some(address) == leased {
                128
            } else {
                PREFIX6
            };
            (IpAddr::V6(address), prefix)
        });
        let fixed = self.fixed.iter().map(|fixed| (fixed.address, fixed.prefix));
        fixed.chain(lease).chain(claimed).chain(auto).collect()
    }

    /// All routes. Networks on the link come before everything else: they cost no router.
    pub fn routes(&self) -> Routes {
        let mut routes = Routes::default();
        for route in self.fixed.iter().flat_map(Fixed::routes) {
            routes.add(route);
        }
        if let Some((_, lease)) = &self.lease {
            routes.add(LearntRoute {
                network: IpAddr::V4(lease.address),
                prefix: lease.prefix,
                router: None,
            });
            for route in &lease.routes {
                routes.add(*route);
            }
        }
        for route in self.auto.iter().flat_map(Auto::routes) {
            routes.add(route);
        }
        routes
    }

    /// Our addresses from which a packet may go to `to`, best first; whether there is a route is another question.
    pub fn sources(&self, to: IpAddr) -> Vec<IpAddr> {
        match to {
            IpAddr::V4(to) => {
                let claimed = self.claimed().filter(|_| linklocal::contains(to));
                let first = self.first4().into_iter();
                first.chain(claimed).map(IpAddr::V4).collect()
            }
            IpAddr::V6(to) => self
                .sources6(to)
                .into_iter()
                .map(IpAddr::V6)
                .take(1)
                .collect(),
        }
    }

    /// RFC 6724, 5: an address of the same scope; of those, the one that has most of its first bits in common.
    fn sources6(&self, to: Ipv6Addr) -> Vec<Ipv6Addr> {
        let local = to.is_unicast_link_local();
        let mut fit: Vec<Ipv6Addr> = self
            .all6()
            .filter(|address| address.is_unicast_link_local() == local)
            .collect();
        fit.sort_by_key(|address| (address.to_bits() ^ to.to_bits()).leading_zeros());
        fit.reverse();
        fit
    }

    /// The name servers learnt.
    pub fn name_servers(&self) -> Vec<IpAddr> {
        let lease = self.lease.iter().flat_map(|(_, lease)| &lease.names);
        let auto = self.auto.iter().flat_map(Auto::names);
        let lease6 = self.lease6.iter().flat_map(|lease| &lease.names).copied();
        let fixed = self.fixed.iter().flat_map(|fixed| &fixed.names).copied();
        let all = fixed.chain(lease.map(|name| IpAddr::V4(*name)));
        let mut all: Vec<IpAddr> = all.chain(auto.chain(lease6).map(IpAddr::V6)).collect();
        all.dedup();
        all
    }

    /// The domains in which short names are looked for.
    pub fn search(&self) -> Vec<String> {
        let lease = self.lease.iter().flat_map(|(_, lease)| &lease.search);
        let auto = self.auto.iter().flat_map(Auto::search);
        let lease6 = self.lease6.iter().flat_map(|lease| &lease.search);
        let mut all: Vec<String> = lease.chain(lease6).cloned().chain(auto).collect();
        let domain = self
            .lease
            .iter()
            .filter_map(|(_, lease)| lease.domain.clone());
        all.extend(domain);
        all.dedup();
        all
    }

    /// The MTU that a lease or a router set.
    pub fn mtu(&self) -> Option<u32> {
        let lease = self.lease.as_ref().and_then(|(_, lease)| lease.mtu);
        let auto = self.auto.as_ref().and_then(Auto::mtu);
        lease.map(u32::from).into_iter().chain(auto).min()
    }

    /// The families worth asking names for.
    pub fn families(&self) -> Vec<AddressKind> {
        let four = (self.first4().is_some() || self.claimed().is_some()).then_some(AddressKind::A);
        let six = self.all6().any(|address| !address.is_unicast_link_local());
        four.into_iter()
            .chain(six.then_some(AddressKind::Aaaa))
            .collect()
    }

    /// True once there is nothing more to hope for than what there is.
    pub fn settled(&self) -> bool {
        let four = self.first4().is_some() || self.dhcp.is_none() && self.claimed().is_some();
        four && self.auto.as_ref().is_none_or(Auto::settled)
    }
}

/// What a neighbour told of itself.
pub(super) enum Told {
    /// It was asked.
    Answered(Ipv6Addr, Mac),
    /// It is a router, and said so by itself.
    Router(Ipv6Addr, Mac),
}

/// Who leased it, for people.
fn server(lease: &Lease) -> Ipv4Addr {
    lease.server.unwrap_or(Ipv4Addr::UNSPECIFIED)
}

fn told(from: Ipv6Addr, message: &Message) -> Option<Told> {
    match message {
        Message::NeighbourAdvert { target, mac } => Some(Told::Answered(*target, (*mac)?)),
        Message::RouterAdvert(advert) => Some(Told::Router(from, advert.mac?)),
        Message::NeighbourSolicit { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_events_is_counted() {
        let mut addresses = Addresses::new(Nic {
            name: String::from("eth0"),
            index: 2,
            mac: [2, 0, 0, 0, 0, 1],
            mtu: 1500,
        });
        let now = Instant::ZERO;
        for number in 0..1000 {
            addresses.note(now, format_args!("event {number}"));
        }
        let notes = addresses.take_notes(now);
        assert_eq!(notes.len(), NOTES_MAX + 1);
        assert_eq!(
            notes.last().map(|(_, text)| text.as_str()),
            Some("eth0: 900 events more, not noted")
        );
        assert_eq!(addresses.take_notes(now), []);
    }
}
