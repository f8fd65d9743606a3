//! JSON: what is read is written so that it is read back the same.
#![no_main]
use cloudseed_core::json;

libfuzzer_sys::fuzz_target!(|document: &[u8]| {
    if let Ok(value) = json::read(document) {
        let written = json::write(&value);
        assert_eq!(
            json::read(written.as_bytes()).map(|value| json::write(&value)),
            Ok(written)
        );
    }
});
