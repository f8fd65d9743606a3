//! Template, in a build without the engine: says so.

use std::time::Duration;

use cloudseed_core::userdata::template::{Broken, Rendered, Templates};
use cloudseed_core::value::Value;

/// The engine that is not there.
#[derive(Debug, Default)]
pub struct Jinja;

impl Templates for Jinja {
    fn render(&mut self, _: &str, _: &Value, _: Duration) -> Result<Rendered, Broken> {
        Err(Broken {
            line: None,
            reason: String::from(
                "a template, which this build (without the feature `jinja`) cannot render",
            ),
        })
    }
}
