//! JSON patches: two documents of YAML, the second a patch of the first; a patch that fails changes nothing.
#![no_main]
use cloudseed_core::budget::Budget;
use cloudseed_core::userdata::patch;
use cloudseed_core::yaml;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (document, changes) = text
        .split_once("\n---\n")
        .unwrap_or((r#"{"a": [1, {"b": 2}], "c": {"d": 3}}"#, text));
    if let (Ok(mut value), Ok(changes)) = (
        yaml::read(document.as_bytes()),
        yaml::read(changes.as_bytes()),
    ) {
        let before = yaml::write(&value);
        if patch::apply(&mut value, &changes, &Budget::new()).is_err() {
            assert_eq!(yaml::read(before.as_bytes()).as_ref(), Ok(&value));
        }
    }
});
