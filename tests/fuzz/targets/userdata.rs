//! A whole document; what it includes is its own second half.
#![no_main]
use cloudseed_core::budget::Budget;
use cloudseed_core::bytes::Bytes;
use cloudseed_core::userdata::{self, Includes};
use cloudseed_core::warning::Error;

struct Half<'a>(&'a [u8]);

impl Includes for Half<'_> {
    fn get(&mut self, _url: &str, _once: bool) -> Result<Bytes, Error> {
        Ok(self.0.into())
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let mut half = Half(&data[data.len() / 2..]);
    let decoded = userdata::take_apart(data, "user-data", &mut half, &Budget::new());
    assert!(decoded.outline.len() <= userdata::PARTS_MAX);
    assert!(decoded.warnings.len() <= userdata::WARNINGS_MAX);
});
