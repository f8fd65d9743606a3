//! A laboratory: our stack on simulated cables, with simulated clouds at their far ends, on a clock that jumps.

use std::time::Duration;

use cloudseed_core::fetch::{Cloud, web};
use cloudseed_core::instance::Instance;
use cloudseed_core::journal::Journal;
use cloudseed_core::machine::Machine;
use cloudseed_core::net::{Net, Nic};
use cloudseed_core::outside::{
    Again, Carrier, Clock, Endpoint, Failure, Method, Network, Request, Response,
};
use cloudseed_core::platform::{self, Needs};
use cloudseed_core::settings::Settings;

use crate::cable::{Cable, Plug};
use crate::cloud::SimulatedCloud;
use crate::cloud::simulated::Events;
use crate::fixture::Fixture;
use crate::sys::own_stack::OwnStack;
use crate::sys::root::Root;

pub const SECOND: Duration = Duration::from_secs(1);
pub const SERVICE: &str = "http://169.254.169.254";
pub const DATA: &str = "/hetzner/v1/userdata";
/// What the service of the folder answers to [`DATA`].
pub const BYTES: &[u8] = include_bytes!("../roots/hetzner/cloud/GET/hetzner/v1/userdata");
/// A cloud with nothing special about it, in lines of `cloud.conf`.
pub const PLAIN: &str = "no lease\nlease 10.0.2.15/24 router 10.0.2.1 dns 10.0.2.3\n";

/// An outside on cables, and what happens at their far ends.
pub struct Lab {
    pub world: OwnStack<Cable>,
    pub journal: Journal,
    pub events: Vec<Events>,
}

pub fn nic(number: u8) -> Nic {
    Nic {
        name: format!("eth{number}"),
        index: u32::from(number) + 2,
        mac: [0x52, 0x54, 0, 0x12, 0x34, 0x56 + number],
        mtu: 1500,
    }
}

impl Lab {
    /// One interface, in a plain cloud with more `lines`.
    pub fn new(lines: &str) -> Lab {
        Lab::seeded(lines, 7)
    }

    pub fn seeded(lines: &str, seed: u64) -> Lab {
        Lab::with(&[Some(lines)], seed)
    }

    /// An interface for each of `clouds`; `None` is a cable that leads nowhere.
    pub fn with(clouds: &[Option<&str>], seed: u64) -> Lab {
        let mut events = Vec::new();
        let mut plugs = Vec::new();
        for lines in clouds {
            plugs.push(match lines {
                Some(lines) => {
                    let cloud = SimulatedCloud::from_folder("tests/roots/hetzner/cloud").unwrap();
                    let cloud = cloud.with(&format!("{PLAIN}{lines}")).unwrap();
                    events.push(cloud.events());
                    Plug::Cloud(cloud)
                }
                None => Plug::Nothing,
            });
        }
        let nics = (0..plugs.len()).map(|number| nic(number as u8)).collect();
        let cable = Cable::new(plugs, seed);
        let journal = Journal::new();
        let world = OwnStack::new(Net::new(cable, nics, seed), journal.clone());
        Lab {
            world,
            journal,
            events,
        }
    }

    pub fn reach(&mut self, network: Network) -> Result<usize, String> {
        self.reach_any(network, &[SERVICE])
    }

    pub fn reach_any(&mut self, network: Network, endpoints: &[&str]) -> Result<usize, String> {
        let endpoints: Vec<Endpoint> = endpoints.iter().map(|url| Endpoint::from(*url)).collect();
        let reached = self.world.reach(network, &endpoints, 30 * SECOND);
        reached.map_err(|failure| failure.found)
    }

    pub fn ask(&mut self, url: &str, redirects: u8) -> Result<Response, Failure> {
        let request = Request::new(Method::Get, url, 1 << 20, 5 * SECOND);
        match redirects {
            0 => self.world.exchange(&request),
            _ => web::follow(&mut self.world, &request, redirects),
        }
    }

    pub fn get(&mut self, path: &str) -> Result<Response, String> {
        let response = self.ask(&format!("{SERVICE}{path}"), 0);
        response.map_err(|failure| failure.found)
    }

    /// Asks for a document that is [`BYTES`].
    pub fn expect_bytes_at(&mut self, url: &str) {
        let body = self.ask(url, 0).map(|response| response.body);
        assert_eq!(body.as_deref(), Ok(BYTES), "{}", self.story());
    }

    /// As often as it may be worth it.
    pub fn persist(&mut self) -> Result<Vec<u8>, String> {
        self.reach(Network::Dhcp4)?;
        let mut last = String::new();
        for _ in 0..6 {
            match self.ask(&format!("{SERVICE}{DATA}"), 0) {
                Ok(response) => return Ok(response.body),
                Err(failure) => {
                    assert_ne!(failure.again, Again::Never, "{}", failure.found);
                    last = failure.found;
                }
            }
            self.world.pause(SECOND / 5);
        }
        Err(last)
    }

    /// The log and what happened at the far ends, for a failed test to show.
    pub fn story(&self) -> String {
        let lines = self.journal.lines();
        let lines = lines
            .iter()
            .map(|line| format!("{:9} {}\n", line.micros, line.text));
        let events = self.events.iter().flat_map(Events::take);
        lines
            .chain(events.map(|event| format!("{event}\n")))
            .collect()
    }

    pub fn said(&self, words: &str) -> bool {
        self.journal
            .lines()
            .iter()
            .any(|line| line.text.contains(words))
    }
}

/// Runs the recipe of a platform in the cloud of `folder` with more `lines`: what came of it, how long it took, and what was
/// asked for.
pub fn fetched(
    name: &'static str,
    folder: &str,
    lines: &str,
) -> (Result<Instance, String>, Duration, Vec<String>) {
    let own = folder
        .strip_prefix("tests/roots/")
        .and_then(|path| path.split('/').next());
    let fixture = Fixture::new(own.unwrap_or("none"));
    let root = Root::new(&fixture.machine());
    let machine = Machine::read(&root);
    let cloud = SimulatedCloud::from_folder(folder)
        .unwrap()
        .with(lines)
        .unwrap();
    let events = cloud.events();
    let cable = Cable::new(vec![Plug::Cloud(cloud)], 7);
    let journal = Journal::new();
    let mut world = OwnStack::new(Net::new(cable, vec![nic(0)], 7), journal.clone());
    let settings = Settings::read(&machine, platform::searched());
    let mut cloud = Cloud::new(name, &machine, &settings, &mut world, &journal, 60 * SECOND);
    let platform = platform::named(name).unwrap();
    let mut ways = platform.ways.iter();
    let over_network = |way: &platform::Way| match way.needs {
        Needs::Network(network) => Some((way.read?, network)),
        _ => None,
    };
    let (read, network) = ways.find_map(over_network).unwrap();
    cloud.network = network;
    let instance = read(&mut cloud);
    if instance.is_ok() {
        cloud.act();
    }
    let took = world.now();
    let asked = events.take().into_iter().map(|event| event.what);
    let asked = asked.filter(|what| what.contains("http://")).collect();
    (instance.map_err(|error| error.to_string()), took, asked)
}

/// What a recipe sees of the laboratory, on a machine of no importance.
pub fn with_cloud<T>(lab: &mut Lab, deadline: Duration, work: impl FnOnce(&mut Cloud) -> T) -> T {
    let fixture = Fixture::new("none");
    let root = Root::new(&fixture.machine());
    let machine = Machine::read(&root);
    let settings = Settings::read(&machine, platform::searched());
    let (world, journal) = (&mut lab.world, &lab.journal);
    let mut cloud = Cloud::new("test", &machine, &settings, world, journal, deadline);
    cloud.network = Network::Dhcp4;
    work(&mut cloud)
}
