//! The cable of a test: queues between the stack under test and simulated clouds, and a clock that jumps.
//!
//! ```ignore
//! let cloud = SimulatedCloud::from_folder("tests/roots/ec2/cloud")?.with("loss 30%")?;
//! let events = cloud.events();
//! let cable = Cable::new(vec![Plug::Cloud(cloud), Plug::Nothing], 7);
//! // … give `cable` to the stack as its `Wires`, then look at `events.take()`.
//! ```

use std::time::Duration;

use cloudseed_core::net::Wires;
use smoltcp::time::Instant;

use crate::cloud::SimulatedCloud;
use crate::queues::Port;

/// When the clock begins, after the epoch: 2026-07-01.
const BEGAN: Duration = Duration::from_secs(1_782_864_000);
/// The least time that passes while the clock moves.
const TICK: Duration = Duration::from_micros(1);

/// What the far end of a port's cable is plugged into.
pub enum Plug {
    /// A cloud of its own.
    Cloud(SimulatedCloud),
    /// The same cloud as that port, by its index; an earlier one.
    Beside(usize),
    /// A cloud of its own, but only after this time; until then the port knows that there is no cable.
    Late(SimulatedCloud, Duration),
    /// Nothing: frames are lost, and the port does not know it.
    Nothing,
}

/// Ports with a cloud behind each, and one clock for all.
pub struct Cable {
    clock: Instant,
    clouds: Vec<SimulatedCloud>,
    /// For each port, which cloud it leads to, and that cloud's number for it.
    ends: Vec<Option<(usize, usize)>>,
    /// For each port, when its cable is plugged in.
    plugged: Vec<Instant>,
    ports: Vec<Port>,
}

impl Cable {
    /// Ports that are plugged in as given; `seed` says which frames meet with faults.
    pub fn new(plugs: Vec<Plug>, seed: u64) -> Cable {
        let mut cable = Cable {
            clock: Instant::ZERO,
            clouds: Vec::new(),
            ends: Vec::new(),
            plugged: Vec::new(),
            ports: Vec::new(),
        };
        for (index, plug) in plugs.into_iter().enumerate() {
            let late = match &plug {
                Plug::Late(_, time) => *time,
                _ => Duration::ZERO,
            };
            cable.plugged.push(cable.clock + late.into());
            let cloud = match plug {
                Plug::Cloud(cloud) | Plug::Late(cloud, _) => {
                    cable.clouds.push(cloud);
                    Some(cable.clouds.len() - 1)
                }
                Plug::Beside(port) => cable.ends[port].map(|(cloud, _)| cloud),
                Plug::Nothing => None,
            };
            let end = cloud.map(|cloud| (cloud, cable.clouds[cloud].attach(seed + index as u64)));
            cable.ends.push(end);
            cable.ports.push(Port::default());
        }
        cable
    }

    /// Carries frames both ways as far as they get by now; true if one has arrived at a port.
    fn carry(&mut self) -> bool {
        let plugged = self.plugged.iter().map(|at| *at <= self.clock);
        for ((port, end), plugged) in self.ports.iter_mut().zip(&self.ends).zip(plugged) {
            for frame in port.outward.drain(..) {
                if let Some((cloud, number)) = end.filter(|_| plugged) {
                    self.clouds[cloud].receive(number, frame, self.clock);
                }
            }
        }
        for cloud in &mut self.clouds {
            cloud.step(self.clock);
        }
        let mut arrived = false;
        for (port, end) in self.ports.iter_mut().zip(&self.ends) {
            if let Some((cloud, number)) = end {
                while let Some(frame) = self.clouds[*cloud].transmit(*number, self.clock) {
                    port.inward.push_back(frame);
                    arrived = true;
                }
            }
        }
        arrived
    }
}

impl Wires for Cable {
    type Port = Port;

    fn ports(&mut self) -> &mut [Port] {
        &mut self.ports
    }

    fn now(&self) -> Instant {
        self.clock
    }

    fn wall(&self) -> Duration {
        BEGAN + Duration::from_micros(self.clock.total_micros().unsigned_abs())
    }

    fn wait(&mut self, until: Instant) {
        while !self.carry() && self.clock < until {
            let clock = self.clock;
            let plugs = self.plugged.iter().copied().filter(|at| *at > clock);
            let plug = plugs.min().unwrap_or(until);
            let clouds = self.clouds.iter_mut().filter_map(|cloud| cloud.next(clock));
            let next = clouds.min().unwrap_or(until).max(clock + TICK.into());
            self.clock = next.min(until).min(plug);
            if self.clock == plug {
                return;
            }
        }
    }

    fn plugged(&self, port: usize) -> bool {
        self.plugged[port] <= self.clock
    }
}
