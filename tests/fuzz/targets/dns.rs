//! Answers of name servers, and lists of domains.
#![no_main]
use cloudseed_core::net::names::{self, AddressKind, Answer, ENTRIES_MAX, NAME_BYTES_MAX};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let id = data
        .get(..2)
        .map_or(0, |id| u16::from_be_bytes([id[0], id[1]]));
    for kind in [AddressKind::A, AddressKind::Aaaa] {
        if let Some(Answer::Addresses(found)) = names::answer(data, id, "a.bc", kind) {
            assert!(found.len() <= ENTRIES_MAX);
        }
    }
    let list = names::list(data);
    assert!(list.len() <= ENTRIES_MAX && list.iter().all(|name| name.len() <= NAME_BYTES_MAX));
    if let Ok(text) = std::str::from_utf8(data) {
        names::hosts(text);
        names::question(id, text, AddressKind::A);
    }
});
