//! Our stack against the simulated cloud: names.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cloudseed_core::journal::Journal;
use cloudseed_core::json;
use cloudseed_core::net::fixed::Fixed;
use cloudseed_core::net::{Net, trace};
use cloudseed_core::outside::{Again, Carrier, Clock, Network};

use crate::cable::{Cable, Plug};
use crate::cloud::SimulatedCloud;
use crate::lab::{BYTES, Lab, SECOND, nic};
use crate::sys::own_stack::OwnStack;

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
    lab.expect_bytes_at("http://example.com/hetzner/v1/userdata");
}

#[test]
fn short_names_are_looked_for_in_the_domains_told() {
    let lease = "no lease\nlease 10.0.2.15/24 router 10.0.2.1 dns 10.0.2.3 domain b.test search a.test,b.test";
    let mut lab = Lab::new(&format!(
        "{lease}\nname seed.b.test 10.0.2.80\nlisten 10.0.2.80"
    ));
    lab.expect_bytes_at("http://seed/hetzner/v1/userdata");
    // Who refuses to say anything of one domain may know the next.
    for name in ["seed.b.test", "seed"] {
        let mut lab = Lab::new(&format!(
            "{lease}\nrefuse seed.a.test\nname {name} 10.0.2.80\nlisten 10.0.2.80"
        ));
        lab.expect_bytes_at("http://seed/hetzner/v1/userdata");
    }
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
    let world = OwnStack::new(net, journal.clone());
    let mut lab = Lab {
        world,
        journal,
        events: Vec::new(),
    };
    lab.expect_bytes_at("http://Seed.LAN/hetzner/v1/userdata");
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
fn names_of_ipv6_are_looked_up_over_ipv6() {
    for lines in [
        "router fe80::1 prefix 2001:db8::/64 dns 2001:db8::53",
        "router fe80::1 prefix 2001:db8::/64 dns fe80::53",
        "router fe80::1 prefix 2001:db8::/64 flags other\nlease6 none dns 2001:db8::53",
    ] {
        let lines =
            format!("no lease\n{lines}\nname example.com 2001:db8::80\nlisten 2001:db8::80");
        let mut lab = Lab::new(&lines);
        lab.expect_bytes_at("http://example.com/hetzner/v1/userdata");
    }
}
