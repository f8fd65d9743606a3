//! Merging: a folder of `tests/merge` is the parts of one cloud-config, `1`, `2`, …, and `expect`, what comes of them.
//!
//! A part's first line may be a header, `Merge-Type: …`, before an empty one. `UPDATE=1` rewrites `expect`.

use std::path::Path;
use std::{env, fs};

use cloudseed_core::budget::Budget;
use cloudseed_core::compile::cloud_config;
use cloudseed_core::config::cloud_config::merge_parts;
use cloudseed_core::userdata::Part;
use cloudseed_core::userdata::part_type::PartType;

use crate::fixture::is_expected;

fn part(number: u32, text: &str) -> Part {
    let (header, content) = match text.split_once("\n\n") {
        Some((header, content)) if header.to_lowercase().contains("merge-type: ") => {
            (header, content)
        }
        _ => (": ", text),
    };
    let (name, value) = header.split_once(": ").unwrap();
    let content_type = if content.starts_with("#cloud-config-jsonp") {
        PartType::ConfigPatch
    } else {
        PartType::CloudConfig
    };
    Part {
        number,
        content_type,
        filename: format!("part-{number:03}"),
        headers: vec![(name.to_string(), value.to_string())],
        origin: "user-data".to_string(),
        content: content.as_bytes().into(),
    }
}

#[test]
fn parts_are_merged_as_by_cloud_init() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/merge");
    let mut cases = 0;
    for case in fs::read_dir(folder).unwrap() {
        let case = case.unwrap().path();
        let texts = (1..).map_while(|number| {
            let text = fs::read_to_string(case.join(number.to_string())).ok()?;
            Some(part(number, &text))
        });
        let merged = merge_parts(&texts.collect::<Vec<Part>>(), &Budget::new());
        let warnings = merged
            .warnings
            .iter()
            .map(|warning| format!("! {}\n", warning.whole()));
        let found = cloud_config::text(&merged) + &warnings.collect::<String>();
        assert!(
            is_expected(&case.join("expect"), &found),
            "{case:?}:\n{found}"
        );
        cases += 1;
    }
    assert!(cases > 10);
}
