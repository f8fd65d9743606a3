//! An IPv4 link-local address (RFC 3927): chosen, probed for, announced, defended once.
//!
//! ```text
//!   Probing ──3 probes unanswered──► Claimed ──conflict──► (defend once) ──again within 10 s──┐
//!      ▲  └── somebody has it ──┐                                                             │
//!      └────── next address ◄───┴─────────────────────────────────────────────────────────────┘
//! ```
//!
//! The RFC spreads its probes over several seconds for links of slow switches and sleeping hosts. A boot cannot wait that
//! long, and virtual links answer within a millisecond: the order and number of messages are the RFC's, the pauses are not.

use alloc::vec::Vec;
use core::net::Ipv4Addr;

use smoltcp::time::{Duration, Instant};

use super::Mac;
use super::frame::Arp;

/// The length of the prefix of all link-local addresses, 169.254.0.0/16.
pub const PREFIX: u8 = 16;
/// Probes sent before an address is claimed (PROBE_NUM).
const PROBES: u32 = 3;
/// Announcements sent after (ANNOUNCE_NUM).
const ANNOUNCEMENTS: u32 = 2;
/// The pause between probes; a random part of up to half of it is added.
const PROBE_PAUSE: Duration = Duration::from_millis(120);
/// The pause between announcements (ANNOUNCE_INTERVAL).
const ANNOUNCE_PAUSE: Duration = Duration::from_millis(2000);
/// A second conflict within this time makes us move (DEFEND_INTERVAL).
const DEFEND: Duration = Duration::from_millis(10_000);
/// Conflicts after which we slow down (MAX_CONFLICTS).
const CONFLICTS_MAX: u32 = 10;
/// How much we slow down then (RATE_LIMIT_INTERVAL).
const CONFLICTS_PAUSE: Duration = Duration::from_millis(60_000);

/// True for an address of 169.254.0.0/16.
pub fn contains(address: Ipv4Addr) -> bool {
    address.is_link_local()
}

/// The claim of one interface to an address.
#[derive(Clone, Debug)]
pub struct Claim {
    mac: Mac,
    seed: u32,
    address: Ipv4Addr,
    probes: u32,
    announcements: u32,
    /// Conflicts met so far.
    pub conflicts: u32,
    defended: Option<Instant>,
    next: Instant,
}

impl Claim {
    /// A claim that starts at once. The address depends on the hardware address and on `random`.
    pub fn new(mac: Mac, random: u32, now: Instant) -> Claim {
        let seed = mac
            .iter()
            .fold(random, |seed, byte| mix(seed ^ u32::from(*byte)));
        Claim {
            mac,
            seed,
            address: choose(seed),
            probes: 0,
            announcements: 0,
            conflicts: 0,
            defended: None,
            next: now,
        }
    }

    /// The address, once it is ours.
    pub fn address(&self) -> Option<Ipv4Addr> {
        (self.announcements > 0).then_some(self.address)
    }

    /// When [`Claim::poll`] has something to do.
    pub fn next(&self) -> Option<Instant> {
        (self.announcements < ANNOUNCEMENTS).then_some(self.next)
    }

    /// The frame to send now, if it is time for one.
    pub fn poll(&mut self, now: Instant, random: u32) -> Option<Vec<u8>> {
        if now < self.next || self.announcements >= ANNOUNCEMENTS {
            return None;
        }
        let spread = PROBE_PAUSE.total_micros() / 2 * u64::from(random % 1024) / 1024;
        if self.probes < PROBES {
            self.probes += 1;
            self.next = now + PROBE_PAUSE + Duration::from_micros(spread);
            return Some(self.probe());
        }
        self.announcements += 1;
        self.next = now + ANNOUNCE_PAUSE;
        Some(self.announcement())
    }

    /// Looks at an ARP packet of the link. RFC 3927, 2.2.1: while probing, our address as a sender's, or as the target of
    /// somebody else's probe, is a conflict; 2.5: afterwards, only as a sender's. The announcement that defends it, if it is
    /// to be defended.
    pub fn arp(&mut self, now: Instant, arp: &Arp) -> Option<Vec<u8>> {
        if arp.from.0 == self.mac {
            return None;
        }
        let taken = arp.from.1 == self.address;
        let wanted = arp.request && arp.from.1.is_unspecified() && arp.to.1 == self.address;
        if self.address().is_none() {
            if taken || wanted {
                self.move_on(now);
            }
            return None;
        }
        if !taken {
            return None;
        }
        if self.defended.is_some_and(|last| now < last + DEFEND) {
            self.move_on(now);
            return None;
        }
        self.defended = Some(now);
        self.conflicts += 1;
        Some(self.announcement())
    }

    fn move_on(&mut self, now: Instant) {
        self.conflicts += 1;
        self.seed = mix(self.seed.wrapping_add(self.conflicts));
        self.address = choose(self.seed);
        (self.probes, self.announcements, self.defended) = (0, 0, None);
        let slow = self.conflicts >= CONFLICTS_MAX;
        self.next = if slow { now + CONFLICTS_PAUSE } else { now };
    }

    fn probe(&self) -> Vec<u8> {
        let arp = Arp {
            request: true,
            from: (self.mac, Ipv4Addr::UNSPECIFIED),
            to: ([0; 6], self.address),
        };
        arp.frame()
    }

    fn announcement(&self) -> Vec<u8> {
        announcement(self.mac, self.address)
    }
}

/// The frame that tells the link who has `address`.
pub fn announcement(mac: Mac, address: Ipv4Addr) -> Vec<u8> {
    let arp = Arp {
        request: true,
        from: (mac, address),
        to: ([0; 6], address),
    };
    arp.frame()
}

/// RFC 3927, 2.1: from 169.254.1.0 to 169.254.254.255. The one every metadata service has is left out as well.
fn choose(seed: u32) -> Ipv4Addr {
    const SERVICE: Ipv4Addr = Ipv4Addr::new(169, 254, 169, 254);
    let address = Ipv4Addr::new(169, 254, 1 + (seed >> 8) as u8 % 254, seed as u8);
    if address == SERVICE {
        return Ipv4Addr::new(169, 254, 169, 253);
    }
    address
}

/// A round of xorshift and multiplication: neighbouring inputs give outputs far apart.
fn mix(mut x: u32) -> u32 {
    x = x.wrapping_add(0x9E37_79B9);
    x = (x ^ (x >> 16)).wrapping_mul(0x85EB_CA6B);
    x = (x ^ (x >> 13)).wrapping_mul(0xC2B2_AE35);
    x ^ (x >> 16)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::frame::frame;
    use super::*;

    const MAC: Mac = [2, 0, 0, 0, 0, 1];
    const OTHER: Mac = [2, 0, 0, 0, 0, 2];

    fn at(millis: i64) -> Instant {
        Instant::from_millis(millis)
    }

    fn sent(claim: &mut Claim, from: i64, to: i64) -> Vec<(i64, Arp)> {
        (from..to)
            .filter_map(|ms| Some((ms, claim.poll(at(ms), 0)?)))
            .map(|(ms, bytes)| (ms, Arp::parse(frame(&bytes).unwrap().payload).unwrap()))
            .collect()
    }

    #[test]
    fn three_probes_two_announcements() {
        let mut claim = Claim::new(MAC, 7, at(0));
        let sent = sent(&mut claim, 0, 10_000);
        let times: Vec<i64> = sent.iter().map(|(ms, _)| *ms).collect();
        assert_eq!(times, [0, 120, 240, 360, 2360]);
        let address = claim.address().unwrap();
        assert!(
            sent[..3]
                .iter()
                .all(|(_, arp)| arp.from.1.is_unspecified() && arp.to.1 == address)
        );
        assert!(
            sent[3..]
                .iter()
                .all(|(_, arp)| arp.from.1 == address && arp.to.1 == address)
        );
    }

    #[test]
    fn a_taken_address_is_left() {
        let mut claim = Claim::new(MAC, 7, at(0));
        let first = sent(&mut claim, 0, 10)[0].1.to.1;
        let reply = Arp {
            request: false,
            from: (OTHER, first),
            to: (MAC, Ipv4Addr::UNSPECIFIED),
        };
        assert_eq!(claim.arp(at(10), &reply), None);
        sent(&mut claim, 10, 1000);
        assert_ne!(claim.address(), Some(first));
        assert!(claim.address().is_some());
    }

    #[test]
    fn two_that_probe_the_same_both_move() {
        let mut claim = Claim::new(MAC, 7, at(0));
        let first = sent(&mut claim, 0, 10)[0].1.to.1;
        let probe = Arp {
            request: true,
            from: (OTHER, Ipv4Addr::UNSPECIFIED),
            to: ([0; 6], first),
        };
        claim.arp(at(10), &probe);
        assert_eq!(claim.conflicts, 1);
    }

    #[test]
    fn a_claimed_address_is_defended_once() {
        let mut claim = Claim::new(MAC, 7, at(0));
        sent(&mut claim, 0, 1000);
        let address = claim.address().unwrap();
        let theft = Arp {
            request: true,
            from: (OTHER, address),
            to: ([0; 6], address),
        };
        assert!(claim.arp(at(1000), &theft).is_some());
        assert_eq!(claim.address(), Some(address));
        assert_eq!(claim.arp(at(2000), &theft), None);
        assert_eq!(claim.address(), None);
    }

    #[test]
    fn endless_conflicts_slow_down() {
        let mut claim = Claim::new(MAC, 7, at(0));
        for _ in 0..CONFLICTS_MAX {
            let taken = Arp {
                request: false,
                from: (OTHER, claim.address),
                to: (MAC, claim.address),
            };
            claim.arp(at(0), &taken);
        }
        assert_eq!(claim.next(), Some(at(60_000)));
    }

    #[test]
    fn addresses_are_in_range() {
        for seed in 0..5000 {
            let [a, b, c, _] = Claim::new(MAC, seed, at(0)).address.octets();
            assert!(a == 169 && b == 254 && (1..=254).contains(&c));
        }
    }
}
