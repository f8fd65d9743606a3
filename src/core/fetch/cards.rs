//! Cards that come late: a driver may show its interface after another one has already been asked over, and who configures the
//! network of a machine by its hardware addresses has to have seen all of them.

use alloc::vec::Vec;
use core::time::Duration;

use super::Cloud;
use crate::digest::hex;
use crate::machine::{Link, udev};
use crate::network::HardwareAddress;
use crate::value::Value;

/// How long a card that is named may take to come once udev has nothing left to do. One that the cloud has and this machine has
/// not delays each boot by it.
const CARD_MAX: Duration = Duration::from_millis(500);
/// The same while udev still loads drivers, or says what they have found.
const DRIVER_MAX: Duration = Duration::from_secs(10);
/// How long between two looks.
const TURN: Duration = Duration::from_millis(20);
/// Length of an address with something between its digits, and without.
const LENGTHS: (usize, usize) = (17, 12);

impl Cloud<'_> {
    /// The interfaces, once those are there whose hardware addresses stand in what was told. One that does not come is waited
    /// for at most half a second, while udev is busy ten, and never longer than half of the time that is left; where no udev is,
    /// not at all.
    pub fn links_of(&mut self, told: &Value) -> Vec<Link> {
        if !udev::is_there(self.machine.files) {
            return self.links();
        }
        let mut named = Vec::new();
        gather(told, false, &mut named);
        let begun = self.outside.now();
        let most = begun.saturating_add(self.remaining() / 2);
        let (mut idle_since, mut is_first) = (None, true);
        loop {
            // Asked first: what ends in between is seen by the look.
            let until = if udev::is_busy(self.machine.files) {
                idle_since = None;
                begun.saturating_add(DRIVER_MAX)
            } else {
                let since: &mut Duration = idle_since.get_or_insert(self.outside.now());
                since.saturating_add(CARD_MAX)
            };
            let links = self.links();
            let missing = named.iter().find(|mac| !has(&links, mac));
            let Some(missing) = missing.filter(|_| self.outside.now() < until.min(most)) else {
                return links;
            };
            if core::mem::take(&mut is_first) {
                self.note(format_args!("waiting for the card {}", missing.as_str()));
            }
            self.outside.pause(TURN);
        }
    }
}

fn has(links: &[Link], mac: &HardwareAddress) -> bool {
    let macs = links.iter().filter_map(|link| link.mac);
    macs.into_iter()
        .any(|other| hex(&other, ":") == mac.as_str())
}

/// Adds the addresses that stand in a value, as keys or as texts. Without anything between its digits one is an address only where
/// its key says so; that of a VLAN is no card's.
fn gather(value: &Value, is_named: bool, found: &mut Vec<HardwareAddress>) {
    match value {
        Value::Text(text) => {
            let (spaced, plain) = LENGTHS;
            if text.len() == spaced || is_named && text.len() == plain {
                found.extend(HardwareAddress::new(text));
            }
        }
        Value::List(list) => list.iter().for_each(|value| gather(value, is_named, found)),
        Value::Map(map) => {
            for (key, value) in map.texts().filter(|(key, _)| *key != "vlan_mac_address") {
                if key.len() == LENGTHS.0 {
                    found.extend(HardwareAddress::new(key));
                }
                gather(value, key.to_ascii_lowercase().contains("mac"), found);
            }
        }
        _ => {}
    }
}
