//! make-mime: files, one after each line of "---", come back as they were.
#![no_main]
use cloudseed_core::budget::Budget;
use cloudseed_core::bytes::Bytes;
use cloudseed_core::userdata::compose::{Attachment, multipart};
use cloudseed_core::userdata::{Includes, take_apart};
use cloudseed_core::warning::Error;

struct Nothing;

impl Includes for Nothing {
    fn get(&mut self, _url: &str, _once: bool) -> Result<Bytes, Error> {
        unreachable!("a boothook includes nothing")
    }
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    let file = |content: &str| Attachment {
        filename: content.chars().take(200).collect(),
        subtype: "cloud-boothook".to_string(),
        content: content.as_bytes().to_vec(),
    };
    let files: Vec<Attachment> = text.split("\n---\n").take(1000).map(file).collect();
    let parts = take_apart(multipart(&files).into_bytes(), "user-data", &mut Nothing, &Budget::new()).parts;
    assert_eq!(parts.len(), files.len());
    for (part, file) in parts.iter().zip(&files) {
        assert_eq!(*part.content, *file.content);
    }
});
