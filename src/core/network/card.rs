//! Cards: which interface of this machine a cloud means, and which one it would mean if it named none.

use super::{Mac, Name};
use crate::machine::Link;

/// The name of the interface that has a hardware address. Of several it is the one that stands for the others: on Hyper-V
/// that is netvsc's.
pub(super) fn name(links: &[Link], mac: &Mac) -> Option<Name> {
    let link = with(links, mac).min_by_key(|link| link.driver.as_deref() != Some("hv_netvsc"))?;
    Name::interface(&link.name)
}

/// The interfaces that have a hardware address.
fn with<'a>(links: &'a [Link], mac: &Mac) -> impl Iterator<Item = &'a Link> {
    own(links).filter(move |link| link.mac.map(Mac::of).as_ref() == Some(mac))
}

/// The interfaces that are configured by themselves: neither the loopback, nor a part of another one, nor made of others. A
/// failover device, which is a device of its own with others below it, is one of them.
pub(super) fn own(links: &[Link]) -> impl Iterator<Item = &Link> {
    let above = |link: &Link| {
        let part = |other: &Link| other.master.as_ref() == Some(&link.name);
        !link.physical && links.iter().any(part)
    };
    links.iter().filter(move |link| {
        let addressed = link.mac.is_some_and(|mac| mac != [0; 6]);
        addressed && !link.is_loopback() && link.master.is_none() && !above(link)
    })
}
