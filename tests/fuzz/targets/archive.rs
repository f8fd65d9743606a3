//! Archives: an entry has a type, and no more content than the archive has bytes.
#![no_main]
use cloudseed_core::budget::Budget;
use cloudseed_core::userdata::archive::entries;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for entry in entries(data, &Budget::new())
        .into_iter()
        .flatten()
        .flatten()
    {
        assert_eq!(entry.content_type.as_str().matches('/').count(), 1);
    }
});
