//! YAML: what is read is written so that it is read back the same.
#![no_main]
use cloudseed_core::yaml;

libfuzzer_sys::fuzz_target!(|document: &[u8]| {
    if let Ok(value) = yaml::read(document) {
        let written = yaml::write_document(&value);
        let again = yaml::read(written.as_bytes()).map(|value| yaml::write_document(&value));
        assert_eq!(again, Ok(written));
    }
});
