//! [`SimulatedCloud`]: a switch, and behind it every server there is.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, EthernetFrame};

use super::faults::Line;
use super::folder::Folder;
use super::inside::Inside;
use super::neighbour::HARDWARE;
use super::settings::{DEFAULT, Settings};

/// One thing that happened.
#[derive(Clone, Debug)]
pub struct Event {
    /// When.
    pub at: Instant,
    /// What: `dhcp ack 10.0.2.15 to 52-54-00-12-34-56`, `GET http://169.254.169.254/latest/user-data 200`.
    pub what: String,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = self.at.total_micros();
        write!(
            f,
            "{:5}.{:06} {}",
            micros / 1_000_000,
            micros % 1_000_000,
            self.what
        )
    }
}

/// What has happened so far; clones see the same.
#[derive(Clone, Default)]
pub struct Events(Arc<Mutex<Vec<Event>>>);

impl Events {
    fn add(&self, at: Instant, what: String) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(Event { at, what });
    }

    /// Takes out all that has happened since the last time.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The far end of one or more cables.
///
/// Frames go in by [`receive`](SimulatedCloud::receive) and come out of [`transmit`](SimulatedCloud::transmit);
/// [`step`](SimulatedCloud::step) does what is due in between, and [`next`](SimulatedCloud::next) says when to call it again.
pub struct SimulatedCloud {
    folder: Folder,
    settings: Box<Settings>,
    events: Events,
    /// There once the settings are final.
    inside: Option<Box<Inside>>,
    /// True once a frame has come.
    started: bool,
    ports: Vec<Cable>,
    /// Which port leads to a hardware address.
    switch: BTreeMap<EthernetAddress, usize>,
}

/// One cable, each direction for itself.
struct Cable {
    inward: Line,
    outward: Line,
    /// Frames that have come in.
    count: u64,
}

impl SimulatedCloud {
    /// The cloud of a folder like `tests/roots/NAME/cloud`; an error names the folder that is missing, or the line of
    /// `cloud.conf` that is wrong.
    pub fn from_folder(path: impl AsRef<Path>) -> Result<SimulatedCloud, String> {
        let folder = Folder::new(path.as_ref())?;
        let mut settings = Box::<Settings>::default();
        settings.add(folder.settings().as_deref().unwrap_or(DEFAULT))?;
        Ok(SimulatedCloud {
            folder,
            settings,
            events: Events::default(),
            inside: None,
            started: false,
            ports: Vec::new(),
            switch: BTreeMap::new(),
        })
    }

    /// The same cloud with more lines like those of `cloud.conf`; before the first cable is plugged in.
    pub fn with(mut self, lines: &str) -> Result<SimulatedCloud, String> {
        self.settings.add(lines)?;
        Ok(self)
    }

    /// Where to see what happens.
    pub fn events(&self) -> Events {
        self.events.clone()
    }

    /// Plugs in a cable; gives the number of its port. Faults happen as `seed` says.
    pub fn attach(&mut self, seed: u64) -> usize {
        self.inside
            .get_or_insert_with(|| Box::new(Inside::new(&self.folder, &self.settings, seed)));
        self.ports.push(Cable {
            inward: Line::new(&self.settings.faults, seed),
            outward: Line::new(&self.settings.faults, !seed),
            count: 0,
        });
        self.ports.len() - 1
    }

    /// Takes in a frame at a port.
    pub fn receive(&mut self, port: usize, frame: Vec<u8>, now: Instant) {
        let cable = &mut self.ports[port];
        cable.count += 1;
        if !self.settings.lost.contains(&cable.count) {
            cable.inward.send(frame, now);
        }
    }

    /// A frame that comes out of a port by `now`.
    pub fn transmit(&mut self, port: usize, now: Instant) -> Option<Vec<u8>> {
        self.ports[port].outward.receive(now)
    }

    /// Does everything that is due by `now`.
    pub fn step(&mut self, now: Instant) {
        for port in 0..self.ports.len() {
            while let Some(frame) = self.ports[port].inward.receive(now) {
                self.forward(port, &frame, now);
                let started = std::mem::replace(&mut self.started, true);
                if let Some(inside) = &mut self.inside {
                    if !started {
                        inside.start(now);
                    }
                    inside.receive(&frame, now);
                }
            }
        }
        let out = self
            .inside
            .as_mut()
            .map(|inside| inside.step(now))
            .unwrap_or_default();
        for note in out.notes {
            self.events.add(now, note);
        }
        for frame in out.frames {
            self.send(&frame, None, now);
        }
    }

    /// When to step again, if no frame comes in before.
    pub fn next(&mut self, now: Instant) -> Option<Instant> {
        let lines = self
            .ports
            .iter()
            .flat_map(|cable| [cable.inward.next(), cable.outward.next()]);
        let inside = self.inside.as_mut().and_then(|inside| inside.next(now));
        lines.flatten().chain(inside).min()
    }

    /// The switch: a frame from one port, for machines at the others.
    fn forward(&mut self, from: usize, frame: &[u8], now: Instant) {
        let Ok(ethernet) = EthernetFrame::new_checked(frame) else {
            return;
        };
        if ethernet.src_addr().is_unicast() {
            self.switch.insert(ethernet.src_addr(), from);
        }
        if ethernet.dst_addr() != HARDWARE {
            self.send(frame, Some(from), now);
        }
    }

    /// Sends a frame out of the port that leads to its destination, or of all ports, but not of the one it came from.
    fn send(&mut self, frame: &[u8], from: Option<usize>, now: Instant) {
        let destination = EthernetFrame::new_unchecked(frame).dst_addr();
        let to = self.switch.get(&destination).copied();
        for (port, cable) in self.ports.iter_mut().enumerate() {
            if from != Some(port) && to.is_none_or(|to| to == port) {
                cable.outward.send(frame.to_vec(), now);
            }
        }
    }
}
