//! Any bytes as what a server says, through our stack and our transport into ureq, with requests sent ahead.
#![no_main]
use std::time::Duration;

use cloudseed_core::net::fixed::Fixed;
use cloudseed_core::net::{Net, Nic};
use cloudseed_core::outside::{Method, Request};
use cloudseed_fuzz::peer::Peer;
use sys::http::IDLE_MAX;
use sys::own_dial::Handle;
use sys::tls::Tls;

/// The part of the program that this is about.
#[allow(dead_code)]
#[path = "../../../src/sys"]
mod sys {
    pub mod heads;
    pub mod http;
    pub mod own_dial;
    #[path = "no_tls.rs"]
    pub mod tls;
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let nic = Nic {
        name: String::from("eth0"),
        index: 2,
        mac: [2, 0, 0, 0, 0, 1],
        mtu: 1500,
    };
    let mut net = Net::new(Peer::new(data), vec![nic], 7);
    net.fix(Fixed::parse("10.0.2.15::10.0.2.1:24::eth0").unwrap());
    let handle = Handle::new(net);
    let agent = handle.agent(Tls::default(), IDLE_MAX);
    let urls = ["a", "b", "c"].map(|path| format!("http://10.0.2.1/{path}"));
    handle.expect(&urls);
    for url in &urls {
        let before = handle.lock().net.now();
        let request = Request {
            headers: &[("x-token", "t")],
            ..Request::new(Method::Get, url, 4096, Duration::from_secs(2))
        };
        let answer = handle.exchange(&agent, &request);
        assert!(answer.map_or(0, |answer| answer.body.len()) <= 4096);
        assert!(handle.lock().net.now() - before <= Duration::from_secs(3).into());
    }
    handle.lock().net.finish();
});
