//! Our stack against the simulated cloud, in process, on a clock that jumps.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cloudseed_core::fetch::service::Service;
use cloudseed_core::fetch::{Cloud, web};
use cloudseed_core::instance::{Document, Instance};
use cloudseed_core::journal::Journal;
use cloudseed_core::json;
use cloudseed_core::machine::Machine;
use cloudseed_core::net::ahead::AHEAD_MAX;
use cloudseed_core::net::fixed::Fixed;
use cloudseed_core::net::{Direction, Net, Nic, trace};
use cloudseed_core::outside::{
    Again, At, Carrier, Clock, Endpoint, Failure, Method, Network, Request, Response,
};
use cloudseed_core::platform::{self, Needs};
use cloudseed_core::settings::Settings;

use crate::cable::{Cable, Plug};
use crate::cloud::SimulatedCloud;
use crate::cloud::simulated::Events;
use crate::fixture::Fixture;
use crate::sys::root::Root;
use crate::sys::world::World;

const SECOND: Duration = Duration::from_secs(1);
const SERVICE: &str = "http://169.254.169.254";
const DATA: &str = "/hetzner/v1/userdata";
/// What the service of the folder answers to [`DATA`].
const BYTES: &[u8] = include_bytes!("../roots/hetzner/cloud/GET/hetzner/v1/userdata");
/// A cloud with nothing special about it, in lines of `cloud.conf`.
const PLAIN: &str = "no lease\nlease 10.0.2.15/24 router 10.0.2.1 dns 10.0.2.3\n";

/// An outside on cables, and what happens at their far ends.
struct Lab {
    world: World<Cable>,
    journal: Journal,
    events: Vec<Events>,
}

fn nic(number: u8) -> Nic {
    Nic {
        name: format!("eth{number}"),
        index: u32::from(number) + 2,
        mac: [0x52, 0x54, 0, 0x12, 0x34, 0x56 + number],
        mtu: 1500,
    }
}

impl Lab {
    /// One interface, in a plain cloud with more `lines`.
    fn new(lines: &str) -> Lab {
        Lab::seeded(lines, 7)
    }

    fn seeded(lines: &str, seed: u64) -> Lab {
        Lab::with(&[Some(lines)], seed)
    }

    /// An interface for each of `clouds`; `None` is a cable that leads nowhere.
    fn with(clouds: &[Option<&str>], seed: u64) -> Lab {
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
        let world = World::new(Net::new(cable, nics, seed), journal.clone());
        Lab {
            world,
            journal,
            events,
        }
    }

    fn reach(&mut self, network: Network) -> Result<usize, String> {
        self.reach_any(network, &[SERVICE])
    }

    fn reach_any(&mut self, network: Network, endpoints: &[&str]) -> Result<usize, String> {
        let endpoints: Vec<Endpoint> = endpoints.iter().map(|url| Endpoint::from(*url)).collect();
        let reached = self.world.reach(network, &endpoints, 30 * SECOND);
        reached.map_err(|failure| failure.found)
    }

    fn ask(&mut self, url: &str, redirects: u8) -> Result<Response, Failure> {
        let request = Request::new(Method::Get, url, 1 << 20, 5 * SECOND);
        match redirects {
            0 => self.world.exchange(&request),
            _ => web::follow(&mut self.world, &request, redirects),
        }
    }

    fn get(&mut self, path: &str) -> Result<Response, String> {
        let response = self.ask(&format!("{SERVICE}{path}"), 0);
        response.map_err(|failure| failure.found)
    }

    /// As often as it may be worth it.
    fn persist(&mut self) -> Result<Vec<u8>, String> {
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
    fn story(&self) -> String {
        let lines = self.journal.lines();
        let lines = lines
            .iter()
            .map(|line| format!("{:9} {}\n", line.micros, line.text));
        let events = self.events.iter().flat_map(Events::take);
        lines
            .chain(events.map(|event| format!("{event}\n")))
            .collect()
    }

    fn said(&self, words: &str) -> bool {
        self.journal
            .lines()
            .iter()
            .any(|line| line.text.contains(words))
    }
}

#[test]
fn the_way_takes_no_more_round_trips_than_it_must() {
    let round_trip = SECOND / 50;
    let mut lab = Lab::new("delay 10ms");
    assert_eq!(lab.reach(Network::Dhcp4), Ok(0));
    // Two of DHCP, the router is found on the way, one of TCP.
    assert_eq!(lab.world.now(), 3 * round_trip, "{}", lab.story());
    assert_eq!(lab.get(DATA).unwrap().body, BYTES);
    assert_eq!(lab.world.now(), 4 * round_trip, "{}", lab.story());
    assert_eq!(lab.get(DATA).unwrap().body, BYTES);
    assert_eq!(lab.world.now(), 5 * round_trip, "{}", lab.story());
}

/// Runs the recipe of a platform in the cloud of `folder` with more `lines`: what came of it, how long it took, and what was
/// asked for.
fn fetched(
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
    let mut world = World::new(Net::new(cable, vec![nic(0)], 7), journal.clone());
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
    let took = world.now();
    let asked = events.take().into_iter().map(|event| event.what);
    let asked = asked.filter(|what| what.contains("http://")).collect();
    (instance.map_err(|error| error.to_string()), took, asked)
}

#[test]
fn whole_recipes_take_few_round_trips() {
    let round_trip = SECOND / 50;
    // Two of DHCP, one of TCP, and one for each document that depends on the one before. In a tree ten documents are asked
    // for at a time: Ec2 has a token and seven levels, with user-data and the identity beside the tree.
    for (name, folder, requests, round_trips) in [
        ("Ec2", "tests/roots/ec2/cloud", 57, 11),
        ("Hetzner", "tests/roots/hetzner/cloud", 3, 5),
    ] {
        let (instance, took, asked) = fetched(name, folder, "delay 10ms");
        assert!(instance.is_ok(), "{instance:?}");
        let taken = took.as_micros().div_ceil(round_trip.as_micros());
        println!("{name}: {} requests, {taken} round trips", asked.len());
        assert_eq!(asked.len(), requests, "{asked:#?}");
        assert!(
            taken <= round_trips,
            "{name}: {taken} round trips for {requests} requests"
        );
    }
}

#[test]
fn a_large_document_comes_whole_even_if_it_was_sent_ahead() {
    // Of 16 MiB a window of 256 KiB takes 64 round trips, beside those of a small one; a try may take 250 of them.
    let (round_trip, user_data) = (SECOND / 50, "/hetzner/v1/userdata");
    let lines = format!("delay 10ms\nanswer GET {user_data} 200\noversize {user_data} 16MiB");
    let (instance, took, asked) = fetched("Hetzner", "tests/roots/hetzner/cloud", &lines);
    let instance = instance.unwrap();
    let length = instance.documents.get(Document::UserData).map(<[u8]>::len);
    // It looks like base 64.
    assert_eq!(length, Some(12 << 20), "{asked:#?}");
    assert_eq!(asked.len(), 3, "{asked:#?}");
    assert!(took < 90 * round_trip, "{took:?}");
}

#[test]
fn a_token_that_expires_in_the_middle_is_renewed() {
    for requests in [1, 2, 7, 20, 60] {
        // The folder wants the token, too, so that each request uses it twice.
        let line = format!(
            "require /latest/meta-data* X-aws-ec2-metadata-token @/latest/api/token else 401 uses {}",
            2 * requests
        );
        let (instance, _, asked) = fetched("Ec2", "tests/roots/ec2/cloud", &line);
        let instance = instance.unwrap();
        let (plain, _, _) = fetched("Ec2", "tests/roots/ec2/cloud", "");
        assert_eq!(instance.meta_data, plain.unwrap().meta_data);
        let tokens = asked.iter().filter(|what| what.starts_with("PUT ")).count();
        assert_eq!(tokens > 1, requests < 60, "{requests}: {asked:#?}");
    }
}

#[test]
fn a_token_that_is_never_taken_ends_clearly() {
    let ec2 = "tests/roots/ec2/cloud";
    // One document that is denied for ever costs itself; a service that gives no new token has nothing more to say.
    let (instance, _, asked) = fetched("Ec2", ec2, "answer GET /latest/meta-data/mac 401");
    assert_eq!(instance.unwrap().meta_data.get("mac"), None);
    let renewed = asked.iter().filter(|what| what.starts_with("PUT"));
    assert_eq!(renewed.count(), 2, "{asked:#?}");
    for lines in [
        "answer PUT /latest/api/token 403",
        "answer PUT /latest/api/token 403 skip 1\nanswer GET /latest/meta-data/mac 401",
    ] {
        let (instance, _, _) = fetched("Ec2", ec2, lines);
        let error = instance.unwrap_err();
        let want = "PUT http://169.254.169.254/latest/api/token: expected status 200, but found 403 (1 try, 0 s)";
        assert!(error.ends_with(want), "{lines}: {error}");
    }
}

/// How often each document of Ec2's tree is asked for in a cloud with these `lines`; the token among them.
fn counted(lines: &str) -> (Result<Instance, String>, BTreeMap<String, usize>) {
    let (instance, _, asked) = fetched("Ec2", "tests/roots/ec2/cloud", lines);
    let mut counts = BTreeMap::new();
    for what in asked {
        // What was answered does not count.
        let (request, _) = what.rsplit_once(' ').unwrap();
        *counts.entry(request.to_string()).or_insert(0) += 1;
    }
    (instance, counts)
}

#[test]
fn a_bad_answer_costs_one_request_and_a_new_token_those_under_way() {
    let (plain, once) = counted("");
    let plain = plain.unwrap();
    assert!(once.values().all(|count| *count == 1), "{once:#?}");
    let path = |name: &str| format!("/latest/meta-data/{name}");
    for name in ["ami-id", "mac", "services/domain", "placement/region"] {
        for (answer, most) in [
            ("503", 1),
            ("503 retry-after 1", 1),
            ("429", 1),
            ("401", 1 + AHEAD_MAX),
        ] {
            let line = format!("answer GET {} {answer} times 1", path(name));
            let (instance, counts) = counted(&line);
            assert_eq!(instance.unwrap().meta_data, plain.meta_data, "{line}");
            let (tokens, documents): (Vec<_>, Vec<_>) = counts
                .iter()
                .partition(|(request, _)| request.contains("PUT"));
            let tokens: usize = tokens.iter().map(|(_, count)| **count).sum();
            assert_eq!(tokens, 1 + usize::from(answer == "401"), "{line}");
            let mut again = BTreeMap::new();
            for (request, count) in documents {
                let before = once.get(request).copied().unwrap_or(0);
                again.insert(request, count - before);
            }
            again.retain(|_, count| *count > 0);
            let failed = again.keys().filter(|request| request.contains(name));
            assert_eq!(failed.count(), 1, "{line}: {again:#?}");
            assert!(
                again.values().all(|count| *count == 1),
                "{line}: {again:#?}"
            );
            assert!(again.len() <= most, "{line}: {again:#?}");
        }
    }
}

#[test]
fn what_is_no_get_of_the_same_service_goes_by() {
    let mut lab = Lab::new("name example.com 10.0.2.80\nlisten 10.0.2.80");
    lab.reach(Network::Dhcp4).unwrap();
    let paths = [
        DATA,
        "/hetzner/v1/metadata/hostname",
        "/hetzner/v1/metadata",
    ];
    let urls = paths.map(|path| format!("{SERVICE}{path}"));
    lab.world.expect(&urls);
    // A body that looks like the head of a request, a method, another place, and a port of its own.
    let head = format!("GET {DATA} HTTP/1.1\r\nhost: 169.254.169.254\r\n\r\n");
    let post = Request {
        body: head.as_bytes(),
        ..Request::new(Method::Post, &urls[0], 1 << 20, 5 * SECOND)
    };
    let put = Request {
        method: Method::Put,
        ..post.clone()
    };
    let elsewhere = format!("http://example.com{DATA}");
    let elsewhere = Request::new(Method::Get, &elsewhere, 1 << 20, 5 * SECOND);
    let own_port = Request {
        local_ports: Some((700, 710)),
        ..Request::new(Method::Get, &urls[0], 1 << 20, 5 * SECOND)
    };
    for request in [&post, &put, &elsewhere, &own_port] {
        let _ = lab.world.exchange(request);
    }
    let asked = |lab: &Lab| {
        let events = lab.events[0].take().into_iter();
        events
            .filter(|event| event.what.contains("http://"))
            .count()
    };
    assert_eq!(asked(&lab), 4);
    for url in &urls {
        assert_eq!(lab.ask(url, 0).map(|answer| answer.status), Ok(200));
    }
    assert_eq!(asked(&lab), 3);
}

#[test]
fn a_request_has_ports_of_its_own() {
    let cloud = SimulatedCloud::from_folder("tests/roots/hetzner/cloud").unwrap();
    let cloud = cloud.with(PLAIN).unwrap();
    let mut net = Net::new(Cable::new(vec![Plug::Cloud(cloud)], 7), vec![nic(0)], 7);
    let dialled = Arc::new(Mutex::new(Vec::new()));
    let ports = Arc::clone(&dialled);
    net.watch(Box::new(move |_, _, way, bytes| {
        // Ethernet, IPv4 without options, TCP with nothing but SYN.
        if let (Direction::Out, Some(6), Some(2)) = (way, bytes.get(23), bytes.get(47)) {
            let port = u16::from_be_bytes([bytes[34], bytes[35]]);
            ports.lock().unwrap().push(port);
        }
    }));
    let mut world = World::new(net, Journal::new());
    let reached = world.reach(Network::Dhcp4, &[SERVICE.into()], 30 * SECOND);
    assert_eq!(reached, Ok(0));
    let url = format!("{SERVICE}{DATA}");
    let ordinary = Request::new(Method::Get, &url, 1 << 20, 5 * SECOND);
    let own = Request {
        local_ports: Some((1, 3)),
        ..ordinary.clone()
    };
    let dialled = || std::mem::take(&mut *dialled.lock().unwrap());
    assert!(dialled().iter().all(|port| *port >= 49_152));
    // The connection that was kept is not taken, and none is left for others.
    for _ in 0..2 {
        assert_eq!(world.exchange(&ordinary).unwrap().body, BYTES);
        assert!(dialled().is_empty());
    }
    for _ in 0..3 {
        assert_eq!(world.exchange(&own).unwrap().body, BYTES);
        let ports = dialled();
        assert!(matches!(ports[..], [1..=3]), "{ports:?}");
        assert_eq!(world.exchange(&ordinary).unwrap().body, BYTES);
        assert!(dialled().is_empty());
    }
}

#[test]
fn a_service_may_be_elsewhere_and_say_more() {
    let lines = "listen 10.0.2.80:8080\nanswer GET /x 503 retry-after 7 location /y";
    let mut lab = Lab::new(lines);
    let at = At::Address("10.0.2.80:8080".parse().unwrap());
    let url = "http://metadata.test";
    let reached = lab
        .world
        .reach(Network::Dhcp4, &[Endpoint { url, at }], 30 * SECOND);
    assert_eq!(reached, Ok(0), "{}", lab.story());
    let url = "http://metadata.test/x";
    let answer = lab.world.exchange(&Request {
        at,
        wanted: &["Location", "X-Nothing"],
        ..Request::new(Method::Get, url, 1 << 20, 5 * SECOND)
    });
    let answer = answer.unwrap();
    assert_eq!((answer.status, answer.retry_after), (503, Some(7)));
    assert_eq!(answer.header("Location"), Some("/y"));
    assert_eq!(answer.headers.len(), 1);
    assert!(
        lab.story().contains("http://metadata.test/x"),
        "{}",
        lab.story()
    );
}

#[test]
fn a_deadline_without_an_end_is_one() {
    let mut lab = Lab::new("");
    let fixture = Fixture::new("none");
    let root = Root::new(&fixture.machine());
    let machine = Machine::read(&root);
    let forever = Duration::from_secs(u64::MAX);
    let settings = Settings::read(&machine, platform::searched());
    let (world, journal) = (&mut lab.world, &lab.journal);
    let mut cloud = Cloud::new("test", &machine, &settings, world, journal, forever);
    cloud.network = Network::Dhcp4;
    let mut service = cloud.reach(&[SERVICE]).unwrap();
    let got = service.get(&mut cloud, DATA);
    assert_eq!(got.as_deref(), Ok(BYTES));
    let seed = format!("{SERVICE}{DATA}");
    let found = cloud.web().read(&seed).map(Option::unwrap_or_default);
    assert_eq!(found.as_deref(), Ok(BYTES));
}

#[test]
fn a_silent_candidate_takes_what_it_is_given() {
    let mut lab = Lab::new("no listen\nvanish 169.254.169.254\ndns silent");
    let fixture = Fixture::new("none");
    let root = Root::new(&fixture.machine());
    let machine = Machine::read(&root);
    let settings = Settings::read(&machine, platform::searched());
    for (from, until) in [(0, 3), (3, 4), (4, 4)] {
        let deadline = until * SECOND;
        let (world, journal) = (&mut lab.world, &lab.journal);
        let mut cloud = Cloud::new("test", &machine, &settings, world, journal, deadline);
        cloud.network = Network::Dhcp4;
        let reached = cloud.reach(&[SERVICE, "http://nowhere.test"]);
        let mut service = Service::new(SERVICE, At::Host);
        assert!(reached.is_err() && service.get(&mut cloud, "/x").is_err());
        assert!(cloud.web().read("http://nowhere.test/").is_err());
        let now = lab.world.now();
        let story = lab.story();
        assert!(
            (from * SECOND..deadline + SECOND / 100).contains(&now),
            "{now:?} {story}"
        );
    }
}

#[test]
fn a_tree_is_read_whole_over_bad_cables_and_from_bad_services() {
    let ec2 = "tests/roots/ec2/cloud";
    let (plain, _, _) = fetched("Ec2", ec2, "");
    let plain = plain.unwrap();
    for lines in [
        "loss 10%",
        "reorder 30%\nduplicate 10%",
        "delay 200ms",
        "answer GET /latest/meta-data/mac 503 times 2",
        "answer GET /latest/meta-data/mac 429 retry-after 900 times 1",
        "mute /latest/meta-data/mac times 1",
        "pause /latest/meta-data/mac 2s",
        "slow /latest/meta-data/mac 100",
        "reset /latest/meta-data/m* 5 times 1",
        "truncate /latest/meta-data/m* 5 times 3",
        "garbage /latest/meta-data/mac times 1",
        "close /latest/*",
        "chunked /latest/*",
    ] {
        let (instance, took, asked) = fetched("Ec2", ec2, lines);
        let instance = instance.unwrap_or_else(|error| panic!("{lines}: {error} {asked:#?}"));
        assert_eq!(instance.meta_data, plain.meta_data, "{lines}: {asked:#?}");
        assert_eq!(
            instance.documents.get(Document::UserData),
            plain.documents.get(Document::UserData)
        );
        assert!(took < 20 * SECOND, "{lines}: {took:?}");
    }
}

#[test]
fn who_talks_nonsense_is_not_asked_until_the_deadline() {
    for (line, told) in [
        ("garbage /latest/*", "an answer that is not HTTP"),
        ("truncate /latest/* 5", "a connection closed after 5 of"),
    ] {
        let (instance, took, asked) = fetched("Ec2", "tests/roots/ec2/cloud", line);
        let error = instance.unwrap_err();
        assert!(error.contains(told) && error.contains("6 tries"), "{error}");
        assert!(took < 15 * SECOND, "{line}: {took:?} {asked:#?}");
    }
}

#[test]
fn at_most_ten_requests_are_under_way() {
    let lines = "pause /latest/meta-data/* 1s\ndelay 10ms";
    let (_, took, asked) = fetched("Ec2", "tests/roots/ec2/cloud", lines);
    assert!(
        took > SECOND * asked.len() as u32 / 10,
        "{took:?} for {}",
        asked.len()
    );
}

#[test]
fn a_dead_interface_costs_no_time() {
    let mut alone = Lab::with(&[Some("delay 10ms")], 7);
    alone.persist().unwrap();
    let silent = "no lease\nno listen\ndelay 10ms";
    let mut among = Lab::with(&[None, Some(silent), Some("delay 10ms"), None], 7);
    assert_eq!(among.persist().unwrap(), BYTES);
    assert_eq!(among.world.now(), alone.world.now(), "{}", among.story());
    assert!(among.said("eth2: 10.0.2.15/24 leased"));
}

#[test]
fn bad_cables_are_borne() {
    for (lines, worst) in [
        ("delay 200ms", 2),
        ("duplicate 30%", 1),
        ("reorder 30%", 1),
        ("corrupt 10%", 20),
        ("loss 30%", 45),
        (
            "loss 10%\nduplicate 10%\nreorder 10%\ncorrupt 5%\ndelay 20ms",
            30,
        ),
    ] {
        for seed in 1..=20 {
            let mut lab = Lab::seeded(lines, seed);
            let got = lab.persist();
            let took = lab.world.now();
            assert_eq!(got.as_deref(), Ok(BYTES), "{lines} {seed}: {}", lab.story());
            assert!(
                took < worst * SECOND,
                "{lines} {seed}: {took:?} {}",
                lab.story()
            );
        }
    }
}

#[test]
fn bad_cables_are_borne_by_ipv6_too() {
    let six = "no lease\nrouter fe80::1 flags managed\nlease6 2001:db8::15 dns 2001:db8::53\nlisten 2001:db8::80\n\
               name example.com 2001:db8::80";
    for (lines, worst) in [
        ("delay 200ms", 6),
        ("duplicate 30%", 3),
        ("reorder 30%", 3),
        ("corrupt 10%", 30),
        ("loss 30%", 60),
    ] {
        for seed in 1..=20 {
            let mut lab = Lab::seeded(&format!("{six}\n{lines}"), seed);
            let url = "http://example.com/hetzner/v1/userdata";
            let got = (0..12).find_map(|_| lab.ask(url, 0).ok());
            let took = lab.world.now();
            let body = got.map(|response| response.body);
            assert_eq!(
                body.as_deref(),
                Some(BYTES),
                "{lines} {seed}: {}",
                lab.story()
            );
            assert!(
                lab.said("leased by DHCPv6"),
                "{lines} {seed}: {}",
                lab.story()
            );
            assert!(
                took < worst * SECOND,
                "{lines} {seed}: {took:?} {}",
                lab.story()
            );
        }
    }
}

#[test]
fn each_lost_frame_costs_less_than_half_a_second() {
    for lost in 1..=9 {
        let mut lab = Lab::new(&format!("lose {lost}"));
        assert_eq!(
            lab.persist().as_deref(),
            Ok(BYTES),
            "{lost}: {}",
            lab.story()
        );
        let took = lab.world.now();
        assert!(took < SECOND / 2, "frame {lost}: {took:?}\n{}", lab.story());
    }
}

#[test]
fn bad_answers_are_told_in_words() {
    let path = DATA;
    for (line, want) in [
        (format!("mute {path}"), "no answer in 5 s"),
        (format!("pause {path} 9s"), "no answer in 5 s"),
        (
            format!("truncate {path} 10"),
            "a connection closed after 10 of 176 bytes",
        ),
        (
            format!("reset {path} 10"),
            "a connection reset after 10 of 176 bytes",
        ),
        (format!("length {path} 200"), "only 176 of 200 bytes in 5 s"),
        (
            format!("oversize {path} 2GiB"),
            "a body of more than 1048576 bytes",
        ),
        (
            format!("oversize {path} 2GiB\nchunked {path}"),
            "a body of more than 1048576 bytes",
        ),
        (format!("garbage {path}"), "an answer that is not HTTP"),
    ] {
        let mut lab = Lab::new(&line);
        lab.reach(Network::Dhcp4).unwrap();
        let before = lab.world.now();
        let found = lab.get(path).map(|response| response.status);
        let told = found.as_ref().is_err_and(|found| found.contains(want));
        assert!(told, "{line}: {found:?} {}", lab.story());
        assert!(
            lab.world.now() - before <= 5 * SECOND + SECOND / 100,
            "{line}"
        );
        // The next request is not harmed by what is left of this one.
        let next = lab.get("/hetzner/v1/metadata/hostname");
        assert_eq!(
            next.map(|response| response.status),
            Ok(200),
            "{line}: {}",
            lab.story()
        );
    }
}

/// What servers write beside the standard, and a body that they pack without being asked.
#[test]
fn odd_heads_and_packed_bodies_are_read() {
    for line in [
        format!("odd {DATA}"),
        format!("odd {DATA}\nchunked {DATA}"),
        format!("gzip {DATA}\nheader {DATA} Content-Encoding gzip"),
    ] {
        let mut lab = Lab::new(&line);
        lab.reach(Network::Dhcp4).unwrap();
        let found = lab.get(DATA).map(|response| response.body);
        assert_eq!(found.as_deref(), Ok(BYTES), "{line}: {}", lab.story());
    }
    let mut lab = Lab::new(&format!("header {DATA} Content-Encoding gzip"));
    lab.reach(Network::Dhcp4).unwrap();
    let found = lab.get(DATA).map(|response| response.status);
    assert!(
        found
            .as_ref()
            .is_err_and(|found| found.contains("does not unpack")),
        "{found:?}"
    );
}

#[test]
fn what_is_longer_than_it_says_harms_no_other() {
    let mut lab = Lab::new(&format!("length {DATA} 10"));
    lab.reach(Network::Dhcp4).unwrap();
    assert_eq!(lab.get(DATA).unwrap().body, &BYTES[..10]);
    let next = lab.get("/hetzner/v1/metadata/hostname").unwrap();
    assert_eq!(
        (next.status, next.body.len() < 100),
        (200, true),
        "{}",
        lab.story()
    );
}

#[test]
fn a_slow_body_ends_with_the_time() {
    let mut lab = Lab::new(&format!("slow {DATA} 20"));
    lab.reach(Network::Dhcp4).unwrap();
    let found = lab.get(DATA).unwrap_err();
    assert!(found.ends_with("in 5 s"), "{found}");
    assert!(lab.world.now() < 6 * SECOND);
}

#[test]
fn every_status_is_an_answer() {
    for (status, more) in [
        (204, ""),
        (401, ""),
        (403, ""),
        (404, ""),
        (429, " retry-after 2"),
        (503, " retry-after 3"),
    ] {
        let mut lab = Lab::new(&format!("answer GET {DATA} {status}{more}"));
        lab.reach(Network::Dhcp4).unwrap();
        let response = lab.get(DATA).unwrap();
        assert_eq!(response.status, status);
        let after = more.rsplit(' ').next().and_then(|word| word.parse().ok());
        assert_eq!(response.retry_after, after);
    }
}

#[test]
fn redirects_are_followed_only_if_asked_and_in_the_same_scheme() {
    let lines = "answer GET /away 302 location http://169.254.169.254/hetzner/v1/userdata\n\
                 answer GET /tls 301 location https://169.254.169.254/\n\
                 answer GET /query 302 location /hetzner/v1/userdata?next=http://x/y\n\
                 answer GET /loop 302 location /loop";
    let mut lab = Lab::new(lines);
    lab.reach(Network::Dhcp4).unwrap();
    let at = |path: &str| format!("{SERVICE}{path}");
    let stays = lab.ask(&at("/away"), 0).unwrap();
    assert_eq!((stays.status, stays.location.is_some()), (302, true));
    assert_eq!(lab.ask(&at("/away"), 3).unwrap().body, BYTES);
    let refused = lab.ask(&at("/tls"), 3).unwrap_err();
    assert_eq!(
        (refused.again, refused.found.as_str()),
        (Again::Never, "a redirect to https://169.254.169.254/")
    );
    // No scheme stands before the `://` of a query.
    let query = lab.ask(&at("/query"), 3).unwrap();
    assert_eq!((query.status, query.body.as_slice()), (200, BYTES));
    let endless = lab.ask(&at("/loop"), 3).unwrap_err();
    assert_eq!(endless.found, "a redirect to http://169.254.169.254/loop");
}

#[test]
fn credentials_and_headers_stay_with_their_origin() {
    let lines = "name here.test 10.0.2.80\nname there.test 10.0.2.81\nlisten 10.0.2.80 10.0.2.81\n\
                 require /a authorization * else 401\n\
                 require /a x-token secret else 401\n\
                 answer GET /away 302 location http://there.test/a\n\
                 answer GET /back 302 location http://here.test/a\n\
                 answer GET /on 302 location /a\n\
                 answer GET /near 302 location http://169.254.169.254/a\n\
                 answer GET /mapped 302 location http://[::ffff:127.0.0.1]/";
    for (path, want) in [
        ("/a", Ok(404)),
        ("/on", Ok(404)),
        ("/back", Ok(404)),
        ("/away", Ok(401)),
        ("/near", Err("a redirect to http://169.254.169.254/a")),
        ("/mapped", Err("a redirect to http://[::ffff:127.0.0.1]/")),
    ] {
        let mut lab = Lab::new(lines);
        let url = format!("http://me:p%40ss@here.test{path}");
        let request = Request {
            headers: &[("x-token", "secret")],
            ..Request::new(Method::Get, &url, 1 << 20, 5 * SECOND)
        };
        let answer = web::follow(&mut lab.world, &request, 3);
        let found = answer.map(|answer| answer.status);
        let found = found.map_err(|failure| failure.found);
        assert_eq!(found, want.map_err(String::from), "{path}: {}", lab.story());
    }
}

#[test]
fn messages_of_urls_tell_no_secrets() {
    let files = Root::new(std::path::Path::new("tests/roots/none/machine"));
    let mut lab = Lab::new(
        "answer GET /x* 403\nanswer GET /y* 503 times 1\nanswer GET /z* 302 location /x?k=TOKEN",
    );
    let mut messages = String::new();
    for path in ["x", "y", "z"] {
        let mut web = web::Web {
            files: &files,
            outside: &mut lab.world,
            journal: lab.journal.clone(),
            deadline: 30 * SECOND,
        };
        let url = format!("http://me:PASSWORD@169.254.169.254/{path}?sig=TOKEN");
        let error = web.read(&url).map_err(|error| error.to_string());
        messages.extend(error.err());
    }
    for line in lab.journal.lines() {
        messages += &line.text;
    }
    for told in ["169.254.169.254/x?…", "169.254.169.254/y?…: 503; again in"] {
        assert!(messages.contains(told), "{messages}");
    }
    assert!(
        !messages.contains("TOKEN") && !messages.contains("PASSWORD"),
        "{messages}"
    );
}

#[cfg(not(feature = "tls"))]
#[test]
fn an_https_url_is_refused_in_words() {
    let mut lab = Lab::new("");
    let failure = lab.ask("https://169.254.169.254/", 0).unwrap_err();
    assert_eq!(
        (failure.again, failure.found.as_str()),
        (
            Again::Never,
            "an https URL, for which this build (without the feature `tls`) has no TLS"
        )
    );
}

#[test]
fn without_a_server_a_link_local_address_does() {
    let mut lab = Lab::new("no lease");
    assert_eq!(lab.reach(Network::Dhcp4), Ok(0), "{}", lab.story());
    assert!(lab.said("claimed"));
    assert!(lab.world.now() < 4 * SECOND);
    let mut lab = Lab::new("no lease");
    assert_eq!(lab.reach(Network::LinkLocal4), Ok(0), "{}", lab.story());
    assert!(lab.world.now() < SECOND);
}

#[test]
fn taken_link_local_addresses_are_left() {
    let mut lab = Lab::new("no lease\nconflict 169.254.0.0/16 times 2");
    assert_eq!(lab.reach(Network::LinkLocal4), Ok(0), "{}", lab.story());
    assert!(lab.world.now() < 2 * SECOND);
}

#[test]
fn a_stolen_link_local_address_is_defended_once_and_then_left() {
    let mut lab = Lab::new("no lease\nclaim last 3s,4s");
    lab.reach(Network::LinkLocal4).unwrap();
    lab.world.pause(6 * SECOND);
    assert_eq!(lab.get(DATA).unwrap().body, BYTES, "{}", lab.story());
    let claims = lab
        .journal
        .lines()
        .iter()
        .filter(|line| line.text.contains("claimed"))
        .count();
    assert_eq!(claims, 2, "{}", lab.story());
}

#[test]
fn a_leased_address_in_use_is_declined() {
    let mut lab = Lab::new("conflict 10.0.2.15/32");
    assert_eq!(lab.persist().as_deref(), Ok(BYTES), "{}", lab.story());
    assert!(lab.said("10.0.2.15 is in use by"), "{}", lab.story());
    assert!(lab.said("10.0.2.16/24 leased"), "{}", lab.story());
}

#[test]
fn refusals_silence_and_rivals_of_dhcp_are_borne() {
    for (lines, worst) in [
        ("no lease\nlease 10.0.2.15/24 router 10.0.2.1 nak 1", 1),
        ("no lease\nlease 10.0.2.15/24 router 10.0.2.1 skip 2", 2),
        ("no lease\nlease 10.0.2.15/24 router 10.0.2.1 delay 1s", 3),
        ("lease 10.0.3.15/24 router 10.0.3.1", 1),
        ("lease 10.0.3.15/24 router 10.0.3.1 delay 2s", 1),
    ] {
        let mut lab = Lab::new(lines);
        assert_eq!(
            lab.persist().as_deref(),
            Ok(BYTES),
            "{lines}: {}",
            lab.story()
        );
        assert!(lab.world.now() < worst * SECOND, "{lines}: {}", lab.story());
    }
}

#[test]
fn a_gateway_outside_the_subnet_works() {
    let lines = "no lease\nlease 203.0.113.20/32 router 172.31.1.1 routes 172.31.1.1/32=0.0.0.0,0.0.0.0/0=172.31.1.1";
    let mut lab = Lab::new(lines);
    assert_eq!(lab.persist().as_deref(), Ok(BYTES), "{}", lab.story());
    let mut lab = Lab::new("no lease\nlease 10.128.0.5/32 router 10.128.0.1");
    assert_eq!(lab.persist().as_deref(), Ok(BYTES), "{}", lab.story());
}

#[test]
fn nobody_at_all_is_told_in_numbers() {
    let mut lab = Lab::with(&[None], 7);
    let found = lab.reach(Network::Dhcp4).unwrap_err();
    assert!(found.starts_with("no answer to 1"), "{found}");
    assert!(found.ends_with("DHCP requests on eth0 in 30 s"), "{found}");
    assert_eq!(lab.world.now(), 30 * SECOND);
    let mut lab = Lab::new("no listen\nvanish 169.254.169.254");
    let found = lab.reach(Network::Dhcp4).unwrap_err();
    assert_eq!(
        found,
        "no answer from 169.254.169.254:80 to 10.0.2.15 on eth0 in 30 s"
    );
    let mut none = Lab::with(&[], 7);
    assert_eq!(
        none.reach(Network::Dhcp4).unwrap_err(),
        "no usable network interface"
    );
}

#[test]
fn names_are_looked_up() {
    let names = "name example.com 10.0.2.80\ncname www.example.com example.com\nlisten 10.0.2.80";
    for url in [
        "http://example.com/hetzner/v1/userdata",
        "http://www.example.com/hetzner/v1/userdata",
    ] {
        let mut lab = Lab::new(names);
        assert_eq!(lab.ask(url, 0).unwrap().body, BYTES, "{}", lab.story());
    }
    for (line, want) in [
        ("", "no address of nowhere.test"),
        ("dns silent", "DNS questions for nowhere.test in 5 s"),
        ("dns servfail", "name server error 2 for nowhere.test"),
    ] {
        let mut lab = Lab::new(line);
        let failure = lab.ask("http://nowhere.test/", 0).unwrap_err();
        assert!(failure.found.contains(want), "{line}: {failure:?}");
    }
}

#[test]
fn where_nobody_names_a_name_server_it_is_said_at_once() {
    let mut lab = Lab::new("no lease\nlease 10.0.2.15/24 router 10.0.2.1");
    lab.reach(Network::Dhcp4).unwrap();
    let before = lab.world.now();
    let failure = lab.ask("http://nowhere.test/", 0).unwrap_err();
    assert_eq!(
        (failure.again, failure.found.as_str()),
        (
            Again::Never,
            "no name server to ask for nowhere.test: no interface was told of one"
        )
    );
    // Routers may tell of name servers, too, and are asked first.
    assert!(lab.world.now() - before < 5 * SECOND, "{}", lab.story());
}

#[test]
fn answers_that_are_too_long_come_over_tcp() {
    let mut lab = Lab::new("dns truncate\nname example.com 10.0.2.80\nlisten 10.0.2.80");
    let answer = lab.ask("http://example.com/hetzner/v1/userdata", 0);
    assert_eq!(
        answer.map(|answer| answer.body).as_deref(),
        Ok(BYTES),
        "{}",
        lab.story()
    );
}

#[test]
fn short_names_are_looked_for_in_the_domains_told() {
    let lease = "no lease\nlease 10.0.2.15/24 router 10.0.2.1 dns 10.0.2.3 domain b.test search a.test,b.test";
    let mut lab = Lab::new(&format!(
        "{lease}\nname seed.b.test 10.0.2.80\nlisten 10.0.2.80"
    ));
    let answer = lab.ask("http://seed/hetzner/v1/userdata", 0);
    assert_eq!(
        answer.map(|answer| answer.body).as_deref(),
        Ok(BYTES),
        "{}",
        lab.story()
    );
}

#[test]
fn names_of_the_hosts_file_and_fixed_addresses_need_nobody() {
    let cloud = SimulatedCloud::from_folder("tests/roots/hetzner/cloud").unwrap();
    let cloud = cloud
        .with("no lease\nlisten 10.0.2.80\nlease 10.9.9.9/24 router 10.0.2.1 skip 99")
        .unwrap();
    let cable = Cable::new(vec![Plug::Cloud(cloud)], 7);
    let journal = Journal::new();
    let mut net = Net::new(cable, vec![nic(0)], 7);
    net.fix(Fixed::parse("10.0.2.15::10.0.2.1:24::eth0").unwrap());
    net.fix(Fixed::parse("10.0.2.16::10.0.2.1:24::eth9").unwrap());
    net.know("seed.lan", "10.0.2.80".parse().unwrap());
    let frames = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&frames);
    net.watch(Box::new(move |_, _, _, bytes| {
        assert!(!trace::words(bytes).is_empty());
        count.fetch_add(1, Ordering::Relaxed);
    }));
    let world = World::new(net, journal.clone());
    let mut lab = Lab {
        world,
        journal,
        events: Vec::new(),
    };
    let answer = lab.ask("http://Seed.LAN/hetzner/v1/userdata", 0);
    assert_eq!(
        answer.map(|answer| answer.body).as_deref(),
        Ok(BYTES),
        "{}",
        lab.story()
    );
    assert_eq!(lab.world.now(), Duration::ZERO);
    assert!(frames.load(Ordering::Relaxed) > 8);
    let learnt = lab.world.learnt();
    let learnt = json::write(&learnt[0].value());
    assert!(
        learnt.contains("10.0.2.15/24") && !learnt.contains("10.0.2.16"),
        "{learnt}"
    );
}

#[test]
fn what_was_learnt_is_told() {
    let lease = "no lease\nlease 10.0.2.15/24 router 10.0.2.1 dns 10.0.2.3 mtu 1400 hostname vm azure 168.63.129.16";
    let mut lab = Lab::new(lease);
    lab.reach(Network::Dhcp4).unwrap();
    let learnt = lab.world.learnt();
    let first = learnt[0].value();
    assert_eq!(first.at(&["interface"]).unwrap().as_text(), Some("eth0"));
    assert_eq!(first.at(&["mtu"]).unwrap().as_int(), Some(1400));
    assert_eq!(
        first.at(&["mac"]).unwrap().as_text(),
        Some("52:54:00:12:34:56")
    );
    assert_eq!(
        first.at(&["dhcp4", "hostname"]).unwrap().as_text(),
        Some("vm")
    );
    assert_eq!(
        first.at(&["dhcp4", "wireserver"]).unwrap().as_text(),
        Some("168.63.129.16")
    );
    assert_eq!(first.at(&["routes"]).unwrap().as_list().unwrap().len(), 2);
}

/// A recipe's view of the cloud, for a machine of no importance.
fn recipe<T>(lab: &mut Lab, ask: impl FnOnce(&mut Cloud, &mut Service) -> T) -> T {
    let fixture = Fixture::new("none");
    let root = Root::new(&fixture.machine());
    let machine = Machine::read(&root);
    let settings = Settings::read(&machine, platform::searched());
    let (journal, most) = (lab.journal.clone(), 60 * SECOND);
    let mut cloud = Cloud::new("test", &machine, &settings, &mut lab.world, &journal, most);
    cloud.network = Network::Dhcp4;
    let mut service = cloud.reach(&[SERVICE]).unwrap();
    ask(&mut cloud, &mut service)
}

#[test]
fn a_recipe_waits_as_long_as_it_is_told() {
    let mut lab = Lab::new(&format!("answer GET {DATA} 429 retry-after 2 times 2"));
    let got = recipe(&mut lab, |cloud, service| service.get(cloud, DATA));
    assert_eq!(got.as_deref(), Ok(BYTES));
    assert_eq!(lab.world.now().as_secs(), 4, "{}", lab.story());
}

#[test]
fn a_recipe_gives_up_in_words() {
    for (line, want) in [
        ("answer GET /x 503", "but found 503 (18 tries, 56 s)"),
        ("answer GET /x 403", "but found 403 (1 try"),
        (
            "answer GET /x 429 retry-after 3600",
            "but found 429 (12 tries, 55 s)",
        ),
        ("slow /x 1", "(9 tries, 60 s)"),
        ("mute /x", "(9 tries, 60 s)"),
        (
            "answer GET /x 301 location http://elsewhere.test/",
            "but found 301 to http://elsewhere.test/ (1 try",
        ),
    ] {
        let mut lab = Lab::new(line);
        let error = recipe(&mut lab, |cloud, service| service.get(cloud, "/x")).unwrap_err();
        assert!(error.to_string().contains(want), "{error}");
        assert!(
            error
                .to_string()
                .starts_with("fetch test: GET http://169.254.169.254/x: expected"),
            "{error}"
        );
        assert!(lab.world.now() <= 60 * SECOND);
    }
}

#[test]
fn a_service_of_ipv6_is_reached_on_the_link_and_beyond() {
    let mut lab = Lab::new("no lease\nlisten fe80::a9fe:a9fe");
    let endpoints = ["http://169.254.1.1", "http://[fe80::a9fe:a9fe]"];
    assert_eq!(
        lab.reach_any(Network::Any, &endpoints),
        Ok(1),
        "{}",
        lab.story()
    );
    assert!(lab.world.now() < SECOND);
    let url = "http://[fe80::a9fe:a9fe]/hetzner/v1/userdata";
    assert_eq!(lab.ask(url, 0).unwrap().body, BYTES);
    for lines in [
        "router fe80::1 prefix 2001:db8::/64",
        "router fe80::1 flags managed\nlease6 2001:db8::15 dns 2001:db8::53",
        "router fe80::1 flags managed\nlease6 2001:db8::15 rapid yes",
        "router fe80::1 prefix 2001:db8::/64 skip 2",
    ] {
        let mut lab = Lab::new(&format!("no lease\n{lines}\nlisten fd00:ec2::254"));
        let reached = lab.reach_any(Network::Any, &["http://[fd00:ec2::254]"]);
        assert_eq!(reached, Ok(0), "{lines}: {}", lab.story());
        let url = "http://[fd00:ec2::254]/hetzner/v1/userdata";
        assert_eq!(lab.ask(url, 0).unwrap().body, BYTES);
        assert!(lab.world.now() < 3 * SECOND, "{lines}: {}", lab.story());
    }
}

#[test]
fn names_of_ipv6_are_looked_up_over_ipv6() {
    for lines in [
        "router fe80::1 prefix 2001:db8::/64 dns 2001:db8::53",
        "router fe80::1 prefix 2001:db8::/64 dns fe80::53",
        "router fe80::1 prefix 2001:db8::/64 flags other\nlease6 none dns 2001:db8::53",
    ] {
        let lines =
            format!("no lease\n{lines}\nname example.com 2001:db8::80\nlisten 2001:db8::80");
        let mut lab = Lab::new(&lines);
        let answer = lab.ask("http://example.com/hetzner/v1/userdata", 0);
        assert_eq!(
            answer.map(|answer| answer.body).as_deref(),
            Ok(BYTES),
            "{}",
            lab.story()
        );
    }
}

#[test]
fn a_router_that_is_none_is_not_used() {
    let lines = "no lease\nrouter fe80::1 prefix 2001:db8::/64 lifetime 0\nlisten fd00:ec2::254";
    let mut lab = Lab::new(lines);
    let found = lab
        .reach_any(Network::Any, &["http://[fd00:ec2::254]"])
        .unwrap_err();
    assert!(
        found.contains("no route to fd00:ec2::254 on eth0"),
        "{found} {}",
        lab.story()
    );
}
