//! Recipes over our stack, against the simulated cloud: how often they ask, how long that takes, and when they give up.

use std::collections::BTreeMap;
use std::time::Duration;

use cloudseed_core::fetch::service::Service;
use cloudseed_core::instance::{Document, Instance};
use cloudseed_core::net::ahead::AHEAD_MAX;
use cloudseed_core::outside::{At, Clock};
use cloudseed_core::warning::Error;

use crate::lab::{BYTES, DATA, Lab, SECOND, SERVICE, fetched, with_cloud};
use cloudseed_core::platform::{Needs, PLATFORMS, Way};

#[test]
fn each_recipe_takes_few_requests_and_round_trips() {
    let round_trip = SECOND / 50;
    // Two of DHCP, one of TCP, and one for each document that depends on the one before; one of ARP, where the service is not behind
    // the router. In a tree ten documents are asked for at a time: Ec2 has a token and seven levels, with user-data and the
    // identity beside the tree. What more there is in a root: DigitalOcean's link-local address is probed for, Azure's service answers
    // at the second time and is told that the machine is ready, MAAS refuses the clock once, Scaleway the rate, and takes the two
    // documents from connections of their own; CloudStack's router is looked up, and passwords have a port of their own.
    let recipes = [
        ("Akamai", 3, 6),
        ("AliYun", 4, 6),
        ("Azure", 4, 18),
        ("Bigstep", 1, 5),
        ("CloudCIX", 2, 5),
        ("CloudStack", 14, 11),
        ("DigitalOcean", 1, 28),
        ("Ec2", 57, 11),
        ("Exoscale", 13, 8),
        ("GCE", 1, 4),
        ("Hetzner", 3, 5),
        ("MAAS", 6, 10),
        ("NWCS", 1, 4),
        ("OpenStack", 29, 10),
        ("Oracle", 2, 5),
        ("Scaleway", 4, 20),
        ("UpCloud", 1, 4),
        ("Vultr", 1, 4),
    ];
    for platform in PLATFORMS.iter().filter(|platform| platform.is_read()) {
        let asks = |way: &Way| matches!(way.needs, Needs::Network(_)) && !way.asks.is_empty();
        let here = recipes.iter().any(|(name, ..)| *name == platform.name);
        let by_network = platform.ways.iter().any(asks);
        assert_eq!(here, by_network, "{}", platform.name);
    }
    for (name, requests, round_trips) in recipes {
        let folder = format!("tests/roots/{}/cloud", name.to_lowercase());
        let (instance, took, asked) = fetched(name, &folder, "delay 10ms");
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
        let want = "PUT http://169.254.169.254/latest/api/token: expected status 200, but found 403 (3 tries, 0 s)";
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
        "slow /latest/user-data 60",
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

/// A document that must be there, as a recipe asks for it.
fn got(lab: &mut Lab, path: &str) -> Result<Vec<u8>, Error> {
    with_cloud(lab, 60 * SECOND, |cloud| {
        let mut service = cloud.reach(&[SERVICE]).unwrap();
        service.get(cloud, path)
    })
}

#[test]
fn a_recipe_waits_as_long_as_it_is_told() {
    let mut lab = Lab::new(&format!("answer GET {DATA} 429 retry-after 2 times 2"));
    let got = got(&mut lab, DATA);
    assert_eq!(got.as_deref(), Ok(BYTES));
    assert_eq!(lab.world.now().as_secs(), 4, "{}", lab.story());
}

#[test]
fn a_recipe_gives_up_in_words() {
    for (line, want) in [
        ("answer GET /x 503", "but found 503 (18 tries, 56 s)"),
        ("answer GET /x 403", "but found 403 (3 tries, 0 s)"),
        (
            "answer GET /x 429 retry-after 3600",
            "but found 429 (12 tries, 55 s)",
        ),
        ("slow /x 1", "(4 tries, 60 s)"),
        ("mute /x", "(4 tries, 60 s)"),
        (
            "answer GET /x 301 location http://elsewhere.test/",
            "but found 301 to http://elsewhere.test/ (1 try",
        ),
    ] {
        let mut lab = Lab::new(line);
        let error = got(&mut lab, "/x").unwrap_err();
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
fn a_deadline_without_an_end_is_one() {
    let mut lab = Lab::new("");
    with_cloud(&mut lab, Duration::from_secs(u64::MAX), |cloud| {
        let mut service = cloud.reach(&[SERVICE]).unwrap();
        assert_eq!(service.get(cloud, DATA).as_deref(), Ok(BYTES));
        let seed = format!("{SERVICE}{DATA}");
        let found = cloud.web().read(&seed).map(Option::unwrap_or_default);
        assert_eq!(found.as_deref(), Ok(BYTES));
    });
}

#[test]
fn a_silent_candidate_takes_what_it_is_given() {
    let mut lab = Lab::new("no listen\nvanish 169.254.169.254\ndns silent");
    for (from, until) in [(0, 3), (3, 4), (4, 4)] {
        let deadline = until * SECOND;
        with_cloud(&mut lab, deadline, |cloud| {
            let reached = cloud.reach(&[SERVICE, "http://nowhere.test"]);
            let mut service = Service::new(SERVICE, At::Host);
            assert!(reached.is_err() && service.get(cloud, "/x").is_err());
            assert!(cloud.web().read("http://nowhere.test/").is_err());
        });
        let now = lab.world.now();
        let story = lab.story();
        assert!(
            (from * SECOND..deadline + SECOND / 100).contains(&now),
            "{now:?} {story}"
        );
    }
}

/// However long the first byte takes, or a status that is no answer yet.
#[test]
fn a_service_that_is_slow_to_begin_is_waited_for() {
    let ec2 = "tests/roots/ec2/cloud";
    for lines in ["pause /latest/* 3s", "pause /latest/api/token 8s"] {
        let (instance, took, asked) = fetched("Ec2", ec2, lines);
        assert!(instance.is_ok(), "{lines}: {took:?} {asked:#?}");
    }
    for (lines, status) in [("times 2", true), ("times 3", false)] {
        let line = format!("answer GET /metadata/v1.json 403 {lines}");
        let (instance, ..) = fetched("DigitalOcean", "tests/roots/digitalocean/cloud", &line);
        assert_eq!(instance.is_ok(), status, "{line}");
    }
}
