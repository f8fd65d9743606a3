//! Templates: the engine ends with a text or a reason whatever it reads, and what comes of it is of a type that may come of it.
#![no_main]
use std::time::Duration;

use cloudseed_core::budget::Budget;
use cloudseed_core::jinja::Engine;
use cloudseed_core::json;
use cloudseed_core::userdata::Part;
use cloudseed_core::userdata::part_type::PartType;
use cloudseed_core::userdata::template::{Broken, Limits, Rendered, Templates, render_parts};
use cloudseed_core::value::Value;

struct InProcess;

impl Templates for InProcess {
    fn render(&mut self, template: &str, variables: &Value, _: Duration) -> Result<Rendered, Broken> {
        let engine = Engine {
            steps: 20_000,
            seed: 1,
            power: f64::powf,
        };
        engine.render(template, variables)
    }
}

libfuzzer_sys::fuzz_target!(|text: &str| {
    let (data, template) = text.split_once('\0').unwrap_or(("", text));
    let part = Part {
        number: 1,
        content_type: PartType::Jinja,
        filename: "part-001".to_string(),
        headers: Vec::new(),
        origin: "user-data".to_string(),
        content: format!("## template: jinja\n{template}")
            .into_bytes()
            .into(),
    };
    let data = json::read(data.as_bytes()).unwrap_or_default();
    let (budget, left) = (Budget::new(), || Duration::from_secs(1));
    let limits = Limits { budget: &budget, left: &left };
    let (parts, warnings) = render_parts(vec![part], &data, &mut InProcess, &limits);
    let is_handled = |part: &Part| part.content_type.is_handled();
    assert!(parts.iter().all(is_handled) && parts.len() + warnings.len() <= 2);
});
