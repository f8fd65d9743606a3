//! Our stack against the simulated cloud: how it comes by addresses and routes, of both families.

use cloudseed_core::outside::{Carrier, Clock, Network};

use crate::lab::{BYTES, DATA, Lab, SECOND};

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
