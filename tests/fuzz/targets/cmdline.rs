//! Kernel command lines.
#![no_main]
use cloudseed_core::machine::cmdline::{Cmdline, nocloud::Arguments};

libfuzzer_sys::fuzz_target!(|text: &str| {
    let line = Cmdline::new(text);
    line.cloud_config();
    assert!(line.parameters().count() <= text.len());
    let arguments = Arguments::parse(text);
    assert!(arguments.is_none_or(|arguments| arguments.items.len() < text.len()));
});
