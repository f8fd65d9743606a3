//! Renderers: what is written for each program that sets up a root's network.
//!
//! ```text
//! tests/renderers/NAME/network-config     a configuration
//! tests/renderers/NAME/RENDERER           all that is written of it, and what is said about the rest
//! ```
//!
//! `UPDATE=1 cargo test --test it renderers` takes what comes out for right; the diff is the review.

use std::fs;
use std::path::{Path, PathBuf};

use cloudseed_core::network::Config;
use cloudseed_core::network::render::RENDERERS;
use cloudseed_core::plan::Plan;
use cloudseed_core::yaml;

use crate::fixture::updating;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/renderers")
}

/// All files that a renderer writes, and the warnings, in one text.
fn rendered(renderer: &str, config: &Config) -> String {
    let renderer = RENDERERS.iter().find(|one| one.name == renderer).unwrap();
    let mut plan = Plan::default();
    let warnings = renderer.render(config.clone(), &mut plan);
    let mut text = String::new();
    for (path, mode, bytes) in plan.files() {
        let content = std::str::from_utf8(bytes).unwrap();
        text += &format!("==> {} {:04o}\n{content}", path.as_str(), mode.file());
    }
    for warning in warnings {
        text += &format!("!!! {warning}\n");
    }
    text
}

#[test]
fn what_is_written_is_what_was_looked_at() {
    let mut count = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let document = fs::read(path.join("network-config")).unwrap();
        let (config, warnings) = Config::read(&yaml::read(&document).unwrap());
        assert_eq!(warnings, []);
        for renderer in &RENDERERS {
            let text = rendered(renderer.name, config.as_ref().unwrap());
            let golden = path.join(renderer.name);
            if updating() {
                fs::write(&golden, &text).unwrap();
            }
            let expected = fs::read_to_string(&golden).unwrap();
            assert_eq!(text, expected, "{golden:?}");
            count += 1;
        }
    }
    assert!(count >= 12);
}
