//! Cards: which interface of this machine a cloud means, and which one it would mean if it named none.

use alloc::string::String;
use alloc::vec::Vec;

use super::{HardwareAddress, Name};
use crate::machine::Link;

/// The name of the interface that has a hardware address. Of several it is the one that stands for the others: on Hyper-V
/// that is netvsc's.
pub(super) fn name(links: &[Link], mac: &HardwareAddress) -> Option<Name> {
    let link = with(links, mac).min_by_key(|link| link.driver.as_deref() != Some("hv_netvsc"))?;
    Name::interface(&link.name)
}

/// The driver that a hardware address is matched with: netvsc's if it has the address, else that of the only interface with it.
pub(super) fn driver<'a>(links: &'a [Link], mac: &HardwareAddress) -> Option<&'a str> {
    let drivers = with(links, mac).map(|link| link.driver.as_deref());
    let drivers: Vec<Option<&str>> = drivers.collect();
    match drivers.as_slice() {
        [only] => *only,
        several => several
            .iter()
            .copied()
            .find(|driver| *driver == Some("hv_netvsc"))?,
    }
}

/// The interface that cloud-init configures if nobody says which: those with a carrier come first, of them `eth0`, then by
/// their names, numbers in them as numbers.
pub(super) fn first(links: &[Link]) -> Option<&Link> {
    let mut best: Option<&Link> = None;
    for link in own(links).filter(|link| !link.name.starts_with("veth")) {
        if best.is_none_or(|best| rank(link) < rank(best)) {
            best = Some(link);
        }
    }
    best
}

/// The cards with a device behind them, by their names, numbers in them as numbers.
pub(super) fn physical(links: &[Link]) -> Vec<&Link> {
    let cards = own(links).filter(|link| link.physical);
    let mut cards: Vec<&Link> = cards.collect();
    cards.sort_by_key(|link| parts(&link.name));
    cards
}

/// What makes a card come first; the least does.
fn rank(link: &Link) -> (bool, bool, Vec<(String, Option<u64>)>) {
    let carrier = link.carrier == Some(true);
    (!carrier, link.name != "eth0", parts(&link.name))
}

/// A name in parts, letters and the number behind them: the order that people expect.
pub(super) fn parts(mut name: &str) -> Vec<(String, Option<u64>)> {
    let mut parts = Vec::new();
    while !name.is_empty() {
        let letters = name
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(name.len());
        let (word, rest) = name.split_at(letters);
        let digits = rest
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (number, rest) = rest.split_at(digits);
        parts.push((word.to_lowercase(), number.parse().ok()));
        name = rest;
    }
    parts
}

/// The interfaces that have a hardware address.
fn with<'a>(links: &'a [Link], mac: &HardwareAddress) -> impl Iterator<Item = &'a Link> {
    own(links).filter(move |link| link.mac.map(HardwareAddress::of).as_ref() == Some(mac))
}

/// The interfaces that a cloud knows of: neither the loopback, nor made of others, nor the fast half of a card (a virtual function
/// below netvsc or a failover device). A member of a bridge or a bond is one of them: to the cloud it is a card like others.
pub(super) fn own(links: &[Link]) -> impl Iterator<Item = &Link> {
    let above = |link: &Link| {
        let part = |other: &Link| other.master.as_ref() == Some(&link.name);
        !link.physical && links.iter().any(part)
    };
    let half = |link: &Link| {
        let master = |master: &&String| links.iter().find(|other| other.name == **master);
        let named = link.master.as_ref();
        named.is_some_and(|name| master(&name).is_none_or(|master| master.physical))
    };
    links.iter().filter(move |link| {
        let addressed = link.mac.is_some_and(|mac| mac != [0; 6]);
        addressed && !link.is_loopback() && !half(link) && !above(link)
    })
}
