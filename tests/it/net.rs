//! Our stack against the simulated cloud, in process, on a clock that jumps: what the way takes, and what the cables may do to it.

use cloudseed_core::outside::{Clock, Network};

use crate::lab::{BYTES, DATA, Lab, SECOND};

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
