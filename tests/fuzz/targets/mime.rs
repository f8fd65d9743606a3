//! MIME: what opens closes, and the leaves hold no more than the document.
#![no_main]
use cloudseed_core::userdata::mime::{Event, Reader};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (mut open, mut bytes) = (0, 0);
    for event in Reader::new(data) {
        match event {
            Event::Open(_) => open += 1,
            Event::Close => open -= 1,
            Event::Leaf(_, body) => bytes += body.len(),
            Event::Lost(..) => {}
        }
        assert!(open >= 0 && bytes <= data.len());
    }
    assert_eq!(open, 0);
});
