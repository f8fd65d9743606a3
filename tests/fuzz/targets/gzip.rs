//! gzip: whatever the bytes, no more comes out than is allowed.
#![no_main]
use cloudseed_core::userdata::gzip::gunzip;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let inflated = gunzip(data, 1 << 16);
    assert!(inflated.is_err() || inflated.is_ok_and(|inflated| inflated.bytes.len() <= 1 << 16));
});
