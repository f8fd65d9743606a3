//! Header fields: a type has one slash, a name without encoded words stays what it is.
#![no_main]
use cloudseed_core::userdata::header::{Headers, decode_words};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let headers = Headers::read(data.split_inclusive(|byte| *byte == b'\n'));
    assert_eq!(headers.content_type("a/b").matches('/').count(), 1);
    for (field, name) in [
        ("Content-Disposition", "filename"),
        ("Content-Type", "name"),
    ] {
        let name = headers.parameter(field, name).unwrap_or_default();
        assert!(name.contains("=?") || decode_words(&name) == name);
    }
});
