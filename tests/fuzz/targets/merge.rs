//! Parts of cloud-config, one after each line of "---": what comes of them is YAML that is read back.
#![no_main]
use cloudseed_core::budget::Budget;
use cloudseed_core::compile::cloud_config::text as printed;
use cloudseed_core::config::cloud_config::merge_parts;
use cloudseed_core::userdata::Part;
use cloudseed_core::userdata::part_type::PartType;
use cloudseed_core::yaml;

libfuzzer_sys::fuzz_target!(|text: &str| {
    let part = |content: &str| Part {
        number: 1,
        content_type: PartType::CloudConfig,
        filename: content.chars().take(8).collect(),
        headers: vec![(
            "Merge-Type".to_string(),
            content.lines().next().unwrap_or("").to_string(),
        )],
        origin: "user-data".to_string(),
        content: content.as_bytes().into(),
    };
    let parts: Vec<Part> = text.split("\n---\n").map(part).collect();
    let merged = merge_parts(&parts, &Budget::new());
    let again = yaml::read(printed(&merged).as_bytes()).map(|value| yaml::write(&value));
    assert_eq!(again, Ok(yaml::write(&merged.value)));
});
