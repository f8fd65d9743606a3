//! Cards whose driver shows them after another one was already asked over.

use std::cell::Cell;
use std::time::Duration;

use cloudseed_core::fetch::Cloud;
use cloudseed_core::journal::Journal;
use cloudseed_core::json;
use cloudseed_core::machine::{Kind, Machine};
use cloudseed_core::net::Net;
use cloudseed_core::outside::Clock;
use cloudseed_core::platform::searched;
use cloudseed_core::settings::Settings;

use crate::cable::{Cable, Plug};
use crate::sys::own_stack::OwnStack;
use crate::tree::{Overlay, Tree};

const NET: &str = "/sys/class/net";
/// What is told of two cards, in the words of several clouds: behind keys, as keys, and with nothing between the digits.
const TOLD: [&str; 4] = [
    r#"{"interfaces": {"macs": {"02:00:00:00:00:01": {}, "02:00:00:00:00:02": {"device-number": 1}}}}"#,
    r#"[{"mac": "02:00:00:00:00:01"}, {"mac": "02:00:00:00:00:02", "type": "private"}]"#,
    r#"{"interface": [{"macAddress": "020000000001"}, {"macAddress": "020000000002"}]}"#,
    r#"{"links": [{"ethernet_mac_address": "02:00:00:00:00:01"}, {"id": "x", "ethernet_mac_address": "02-00-00-00-00-02"}]}"#,
];

/// A machine with two cards, the second of which is seen after so many looks, and udev busy for so many.
struct Late {
    seen_after: u32,
    busy_for: u32,
    has_udev: bool,
}

impl Late {
    fn new(seen_after: u32, busy_for: u32) -> Late {
        Late {
            seen_after,
            busy_for,
            has_udev: true,
        }
    }

    /// The machine's files, and how often somebody has looked for cards.
    fn over<'a>(&'a self, tree: &'a Tree, looks: &'a Cell<u32>) -> Overlay<'a> {
        Overlay {
            list: Box::new(move |tree, path| {
                let mut names = tree.list(path);
                if path == NET {
                    let looks = looks.replace(looks.get() + 1);
                    names.truncate(if looks < self.seen_after { 1 } else { 2 });
                }
                names
            }),
            kind: Box::new(move |_, path| match path {
                "/run/udev" if self.has_udev => Some(Kind::Directory),
                "/run/udev/queue" if looks.get() < self.busy_for => Some(Kind::File),
                _ => None,
            }),
            ..Overlay::of(tree)
        }
    }
}

/// How many cards are seen, after how long, and whether the log says for which one was waited.
fn seen(late: &Late, told: &str) -> (usize, Duration, bool) {
    let tree = Tree::new(&[
        ("/sys/class/net/eth0/address", "02:00:00:00:00:01"),
        ("/sys/class/net/eth0/ifindex", "2"),
        ("/sys/class/net/eth0/type", "1"),
        ("/sys/class/net/eth1/address", "02:00:00:00:00:02"),
        ("/sys/class/net/eth1/ifindex", "3"),
        ("/sys/class/net/eth1/type", "1"),
    ]);
    let looks = Cell::new(0);
    let files = late.over(&tree, &looks);
    let machine = Machine::read(&files);
    looks.set(0);
    let settings = Settings::read(&machine, searched());
    let journal = Journal::new();
    let cable = Cable::new(vec![Plug::Nothing], 7);
    let mut world = OwnStack::new(Net::new(cable, Vec::new(), 7), journal.clone());
    let most = Duration::from_secs(60);
    let mut cloud = Cloud::new("test", &machine, &settings, &mut world, &journal, most);
    let links = cloud.links_of(&json::read(told.as_bytes()).unwrap());
    let lines = journal.lines();
    let said = |line: &str| line.contains("waiting for the card 02:00:00:00:00:02");
    let said = lines.iter().any(|line| said(&line.text));
    (links.len(), world.now(), said)
}

#[test]
fn a_card_that_is_told_of_is_waited_for() {
    let millis = Duration::from_millis;
    for told in TOLD {
        assert_eq!(seen(&Late::new(0, 0), told), (2, millis(0), false));
        assert_eq!(seen(&Late::new(5, 0), told), (2, millis(100), true));
        assert_eq!(seen(&Late::new(200, 300), told), (2, millis(4000), true));
        // One that never comes: for half a second, or for ten while udev says that it may.
        assert_eq!(seen(&Late::new(999, 0), told), (1, millis(500), true));
        assert_eq!(seen(&Late::new(999, 999), told), (1, millis(10_000), true));
        // Half a second that begins when udev has nothing left to do.
        assert_eq!(seen(&Late::new(110, 100), told), (2, millis(2200), true));
        assert_eq!(seen(&Late::new(999, 100), told), (1, millis(2500), true));
        let without_udev = Late {
            has_udev: false,
            ..Late::new(5, 0)
        };
        assert_eq!(seen(&without_udev, told), (1, Duration::ZERO, false));
    }
}

#[test]
fn what_names_no_other_card_is_not_waited_for() {
    for told in [
        "{}",
        r#"[{"mac": "02:00:00:00:00:01", "id": "a1b2c3d4e5f6"}]"#,
        r#"{"links": [{"ethernet_mac_address": "02:00:00:00:00:01", "vlan_mac_address": "02:00:00:00:00:07"}]}"#,
        r#"{"mac": "not-an-address-no", "macs": {"02:00:00:00:00:0": 1}}"#,
    ] {
        assert_eq!(seen(&Late::new(999, 999), told), (1, Duration::ZERO, false));
    }
}
