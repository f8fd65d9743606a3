//! DHCP messages of both versions, to clients that wait for them.
#![no_main]
use cloudseed_core::net::{dhcp, dhcp6};
use smoltcp::time::Instant;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mac = [2, 0, 0, 0, 0, 1];
    // The transaction numbers of all clients are those that the input has where they belong.
    let number = |at: usize| {
        let bytes = data.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, u32::from_be_bytes)
    };
    let mut client = dhcp::Client::new(mac, number(4), Instant::ZERO);
    client.receive(Instant::ZERO, [10, 0, 0, 1].into(), data);
    client.receive(Instant::ZERO, [10, 0, 0, 1].into(), data);
    dhcp::kind(data);
    for addresses in [false, true] {
        let mut client = dhcp6::Client::new(mac, addresses, number(0), Instant::ZERO);
        client.receive(Instant::ZERO, data);
        client.poll(Instant::ZERO, 0);
    }
});
