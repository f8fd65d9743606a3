//! Transfer encodings: what was encoded comes back, and nothing decoded is longer than what it came from.
#![no_main]
use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cloudseed_core::userdata::transfer::decode;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // A uuencoded line of two bytes may stand for 63 zeros.
    for (encoding, times) in [
        ("base64", 1),
        ("quoted-printable", 1),
        ("x-uuencode", 32),
        ("8bit", 1),
    ] {
        assert!(decode(encoding, Cow::Borrowed(data)).0.len() <= times * data.len());
    }
    let lines: Vec<String> = data.chunks(57).map(|line| STANDARD.encode(line)).collect();
    let text = lines.join("\r\n");
    assert_eq!(decode("base64", Cow::Borrowed(text.as_bytes())).0, data);
});
