//! Transfer encodings: what was encoded comes back, and nothing decoded is longer than what it came from.
#![no_main]
use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cloudseed_core::userdata::transfer::decode;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    for encoding in ["base64", "quoted-printable", "x-uuencode", "8bit"] {
        assert!(decode(encoding, Cow::Borrowed(data)).0.len() <= data.len());
    }
    let lines: Vec<String> = data.chunks(57).map(|line| STANDARD.encode(line)).collect();
    let text = lines.join("\r\n");
    assert_eq!(decode("base64", Cow::Borrowed(text.as_bytes())).0, data);
});
