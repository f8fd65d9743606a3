//! Our stack against the simulated cloud, in process, on a clock that jumps.

use std::time::Duration;

use cloudseed_core::fetch::{Method, Network, Outside, Request, Response};
use cloudseed_core::net::{Net, Nic, Wires};

use crate::cable::{Cable, Plug};
use crate::cloud::SimulatedCloud;
use crate::cloud::simulated::Events;
use crate::sys::world::{Journal, World};

const EC2: &str = "tests/roots/ec2/cloud";
const SERVICE: &str = "http://169.254.169.254";
const SECOND: Duration = Duration::from_secs(1);

/// An outside on cables, and what happens at their far ends.
struct Lab {
    world: World<Cable>,
    events: Events,
}

fn nic(number: u8) -> Nic {
    Nic {
        name: format!("eth{number}"),
        index: u32::from(number) + 2,
        mac: [0x52, 0x54, 0, 0x12, 0x34, 0x56 + number],
        mtu: 1500,
    }
}

fn world(plugs: Vec<Plug>, seed: u64) -> World<Cable> {
    let nics = (0..plugs.len()).map(|number| nic(number as u8)).collect();
    let cable = Cable::new(plugs, seed);
    let journal = Journal::since(cable.now());
    World::new(Net::new(cable, nics, seed), journal)
}

impl Lab {
    /// One interface, in the cloud of Ec2 with more `lines`.
    fn new(lines: &str, seed: u64) -> Lab {
        let cloud = SimulatedCloud::from_folder(EC2)
            .unwrap()
            .with(lines)
            .unwrap();
        let events = cloud.events();
        let world = world(vec![Plug::Cloud(cloud)], seed);
        Lab { world, events }
    }

    fn reach(&mut self, network: Network) -> Result<usize, String> {
        let reached = self.world.reach(network, &[SERVICE], 30 * SECOND);
        reached.map_err(|failure| failure.found)
    }

    fn ask(&mut self, method: Method, path: &str) -> Result<Response, String> {
        let url = format!("{SERVICE}{path}");
        let request = Request {
            method,
            url: &url,
            headers: &[("x-aws-ec2-metadata-token-ttl-seconds", "60")],
            bytes_max: 1 << 20,
            timeout: 5 * SECOND,
            redirects: 0,
        };
        self.world.http(&request).map_err(|failure| failure.found)
    }

    fn log(&self) -> String {
        let lines = self.world.lines();
        let lines = lines
            .iter()
            .map(|line| format!("{:9} {}\n", line.micros, line.text));
        let events = self.events.take();
        lines.collect::<String>()
            + &events
                .iter()
                .map(|event| format!("{event}\n"))
                .collect::<String>()
    }
}

#[test]
fn probe() {
    for (lines, seed) in [
        ("", 7),
        ("delay 20ms", 7),
        ("loss 30%", 1),
        ("loss 30%", 2),
        ("corrupt 10%", 1),
    ] {
        let mut lab = Lab::new(lines, seed);
        let reached = lab.reach(Network::Dhcp4);
        let at = lab.world.now();
        let token = lab.ask(Method::Put, "/latest/api/token");
        let data = lab.ask(Method::Get, "/latest/user-data");
        println!(
            "## {lines}\n{reached:?} {at:?} {token:?} {data:?} {:?}\n{}",
            lab.world.now(),
            lab.log()
        );
    }
}
