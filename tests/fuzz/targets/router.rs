//! Neighbour discovery: the checksum is put right, so that the options are reached.
#![no_main]
use cloudseed_core::net::auto6::Auto;
use cloudseed_core::net::icmp6;
use smoltcp::time::Instant;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let router = [0xfe80, 0, 0, 0, 0, 0, 0, 1].into();
    let mut body = data.to_vec();
    icmp6::fill_checksum(router, icmp6::ALL_NODES, &mut body);
    let mut auto = Auto::new([2, 0, 0, 0, 0, 1], Instant::ZERO);
    if let Some(message) = icmp6::parse(router, icmp6::ALL_NODES, 255, &body) {
        auto.receive(router, [2, 0, 0, 0, 0, 2], &message);
        auto.poll(Instant::from_millis(500), 0);
        assert!(auto.names().len() <= 8 && auto.routes().len() <= 64);
    }
});
