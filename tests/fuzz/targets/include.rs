//! Lists of URLs: none is empty, and all of them are in the document.
#![no_main]
use cloudseed_core::userdata::include::includes;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let bytes: usize = includes(text.as_bytes())
        .map(|include| {
            assert!(!include.url.is_empty() && text.contains(&include.url));
            include.url.len()
        })
        .sum();
    assert!(bytes <= text.len());
});
