//! gzip and deflate: whatever the bytes, no more comes out than is allowed.
#![no_main]
use cloudseed_core::userdata::gzip::{gunzip, undeflate};

const BYTES_MAX: usize = 1 << 16;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let inflated = gunzip(data, BYTES_MAX).map(|inflated| inflated.bytes);
    for inflated in [inflated, undeflate(data, BYTES_MAX)].into_iter().flatten() {
        assert!(inflated.len() <= BYTES_MAX);
    }
});
