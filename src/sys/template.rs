//! Template: Jinja in a child process that cannot take more than its share.
//!
//! The engine counts its steps and bounds each text, but a template can keep many texts. So it is rendered by a child with
//! limits of the kernel's.

use std::time::Duration;

use cloudseed_core::jinja::Engine;
use cloudseed_core::userdata::template::{Absent, Broken, Rendered, Templates};
use cloudseed_core::value::Value;

use super::random;

mod child;

/// Most steps that one template may take.
pub const STEPS_MAX: u64 = 5_000_000;

/// The engine.
#[derive(Debug, Default)]
pub struct Jinja;

impl Templates for Jinja {
    fn render(
        &mut self,
        template: &str,
        variables: &Value,
        limit: Duration,
    ) -> Result<Rendered, Broken> {
        let engine = Engine {
            steps: STEPS_MAX,
            seed: random::seed() | 1,
            power: f64::powf,
        };
        let answer = child::run(limit, || answer(engine.render(template, variables)));
        let broken = |reason: String| Broken { line: None, reason };
        let answer = String::from_utf8(answer.map_err(broken)?);
        let answer = answer.map_err(|_| broken("an answer that is not text".to_string()))?;
        understood(&answer)
            .unwrap_or_else(|| Err(broken("an answer that is none of ours".to_string())))
    }
}

/// What the child says: lines with a letter before each, the last of which begins the text or the reason.
fn answer(rendered: Result<Rendered, Broken>) -> Vec<u8> {
    let mut answer = String::new();
    match rendered {
        Ok(Rendered { text, absent }) => {
            for Absent { name, words } in absent {
                let [name, words] = [name, words].map(|text| text.replace(['\t', '\n'], " "));
                answer += &format!("A{name}\t{words}\n");
            }
            answer += "T";
            answer += &text;
        }
        Err(Broken { line, reason }) => {
            answer += &format!("E{}\t{reason}", line.unwrap_or(0));
        }
    }
    answer.into_bytes()
}

/// What the child said.
fn understood(answer: &str) -> Option<Result<Rendered, Broken>> {
    let (mut rest, mut absent) = (answer, Vec::new());
    while let Some(line) = rest.strip_prefix('A') {
        let (line, behind) = line.split_once('\n')?;
        let (name, words) = line.split_once('\t')?;
        let [name, words] = [name, words].map(str::to_string);
        absent.push(Absent { name, words });
        rest = behind;
    }
    if let Some(text) = rest.strip_prefix('T') {
        let text = text.to_string();
        return Some(Ok(Rendered { text, absent }));
    }
    let (line, reason) = rest.strip_prefix('E')?.split_once('\t')?;
    Some(Err(Broken {
        line: line.parse().ok().filter(|line| *line > 0),
        reason: reason.to_string(),
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use cloudseed_core::json;

    use super::*;
    use crate::sys::heap;

    fn render(template: &str) -> Result<Rendered, Broken> {
        let data = json::read(br#"{"region": "eu", "a": 2.0}"#).unwrap();
        Jinja.render(template, &data, Duration::from_secs(8))
    }

    #[test]
    fn text_and_reasons_come_from_the_child() {
        let rendered = render("T{{ region }}\n{{ regoin }} {{ nope }} {{ a ** 0.5 }}").unwrap();
        assert_eq!(
            rendered.text,
            "Teu\nCI_MISSING_JINJA_VAR/regoin CI_MISSING_JINJA_VAR/nope 1.4142135623730951"
        );
        let words: Vec<&str> = rendered
            .absent
            .iter()
            .map(|absent| &*absent.words)
            .collect();
        assert_eq!(words, ["regoin (there is region)", "nope"]);
        let broken = render("\n\n{{ 1 / 0 }}").unwrap_err();
        assert_eq!((broken.line, &*broken.reason), (Some(3), "`1 / 0`"));
    }

    #[test]
    fn no_template_takes_more_than_its_share() {
        let _copies = heap::COPIES.lock();
        let long = "{% set n = namespace(x='0123456789') %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}";
        let reason = render(long).unwrap_err().reason;
        assert_eq!(reason, "a text of more than 16777216 bytes");
        // Memory that the parent has freed is the child's as well; a slow processor's time may be up first.
        for template in [
            "{% set x = [] %}{% for i in range(99) %}{% do x.append('x' * 16000000) %}{% endfor %}",
            "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
        ] {
            let reason = render(template).unwrap_err().reason;
            assert!(
                reason == "more than 5000000 steps"
                    || reason.ends_with(" MiB of memory")
                    || reason.ends_with(" s of time"),
                "{reason}"
            );
        }
    }
}
