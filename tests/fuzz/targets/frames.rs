//! Any sequence of frames into the stack, while it asks for everything: two bytes of length before each frame.
#![no_main]
use std::time::Duration;

use cloudseed_core::net::{Net, Nic, trace};
use cloudseed_core::outside::Network;
use cloudseed_fuzz::Tape;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let nic = Nic {
        name: String::from("eth0"),
        index: 2,
        mac: Tape::MAC,
        mtu: 1500,
    };
    let mut net = Net::new(Tape::new(data), vec![nic], 7);
    net.watch(Box::new(|_, _, _, bytes| {
        trace::words(bytes);
    }));
    let until = net.now() + Duration::from_secs(8).into();
    let endpoints = [
        ("169.254.169.254", 80),
        ("fe80::a9fe:a9fe", 80),
        ("a.bc", 80),
    ];
    let _ = net.reach(Network::Any, &endpoints, until);
    net.finish();
});
