//! ARP while a link-local address is claimed: 28 bytes of a packet, then how long it is until the next one.
#![no_main]
use cloudseed_core::net::frame::Arp;
use cloudseed_core::net::linklocal::{self, Claim};
use smoltcp::time::{Duration, Instant};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    const PACKET_BYTES: usize = 28;
    let mut now = Instant::ZERO;
    let mut claim = Claim::new([2, 0, 0, 0, 0, 1], 7, now);
    // What a probe or an announcement asks for stands at its end.
    let mut wanted = [0; 4];
    for chunk in data.chunks(PACKET_BYTES + 1) {
        if let Some(frame) = claim.poll(now, 7) {
            wanted.copy_from_slice(&frame[38..42]);
        }
        let (packet, pause) = chunk.split_at(chunk.len().min(PACKET_BYTES));
        let mut packet = packet.to_vec();
        // Every other packet is about the address in question, which the fuzzer cannot know.
        if packet.first().is_some_and(|byte| byte & 1 == 1) {
            packet.resize(PACKET_BYTES, 0);
            packet[14..18].copy_from_slice(&wanted);
        }
        // Ethernet and IPv4, as all that is heard.
        let head = [0, 1, 8, 0, 6, 4];
        packet.splice(..head.len().min(packet.len()), head);
        if let Some(arp) = Arp::parse(&packet) {
            claim.arp(now, &arp);
        }
        now += Duration::from_millis(u64::from(*pause.first().unwrap_or(&0)) * 100);
        assert!(claim.address().is_none_or(linklocal::contains));
        assert!(
            claim
                .next()
                .is_none_or(|next| next <= now + Duration::from_secs(61))
        );
    }
});
