//! Templates in user-data (`## template: jinja`): rendered with what is known of the instance, then typed by their new
//! first line.
//!
//! The engine is behind [`Templates`], because it needs more of the machine than this crate may use. Which variables it
//! sees, and what becomes of its text, is decided here.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::part_type::PartType;
use super::sniff::{is_blank, sniff};
use super::{Flaw, Part};
use crate::budget::Budget;
use crate::value::{Value, quote};
use crate::variables::{Names, variables};
use crate::warning::Warning;

/// What the engine writes where a variable is missing, before its name.
pub const MISSING: &str = "CI_MISSING_JINJA_VAR/";

/// Longest template, in bytes.
pub const TEMPLATE_BYTES_MAX: usize = 4 << 20;

/// Longest text of a rendered template, in bytes.
pub const RENDERED_BYTES_MAX: usize = 16 << 20;

/// Longest time that all templates of a boot may take together, in seconds.
pub const TEMPLATES_SECONDS_MAX: u64 = 8;

/// How many missing variables a warning names.
const NAMES_MAX: usize = 16;

/// An engine for Jinja templates.
pub trait Templates {
    /// Renders a template, which is [`TEMPLATE_BYTES_MAX`] bytes at most; the text is [`RENDERED_BYTES_MAX`] at most.
    /// `variables` is a map. A missing variable is rendered as [`MISSING`] and its name.
    /// It takes `limit` at most.
    ///
    /// # Errors
    /// It cannot be understood, goes wrong at work, or would take more than its bounds.
    fn render(
        &mut self,
        template: &str,
        variables: &Value,
        limit: Duration,
    ) -> Result<Rendered, Broken>;
}

/// What a template became.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rendered {
    /// The text.
    pub text: String,
    /// What there is to say of the variables that were missing, in the order of their names in the text.
    pub absent: Vec<Absent>,
}

/// A missing variable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Absent {
    /// The name that the text has for it.
    pub name: String,
    /// Its whole path, and what may be meant.
    pub words: String,
}

/// Why a template could not be rendered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// The line of the template, from 1, where it is known.
    pub line: Option<usize>,
    /// What is wrong, in the engine's words.
    pub reason: String,
}

/// What all templates of a boot may take together.
pub struct Limits<'a> {
    /// Bytes of parts.
    pub budget: &'a Budget,
    /// How much time is left.
    pub left: &'a dyn Fn() -> Duration,
}

/// Renders the parts that are templates and gives each its new type. A part that cannot be rendered, is empty, or turns
/// out to be something that a template cannot be (MIME, an include, an archive, a part handler), is left out.
pub fn render_parts(
    parts: Vec<Part>,
    instance_data: &Value,
    templates: &mut dyn Templates,
    limits: &Limits,
) -> (Vec<Part>, Vec<Warning>) {
    let mut warnings = Vec::new();
    if !parts
        .iter()
        .any(|part| part.content_type == PartType::Jinja)
    {
        return (parts, warnings);
    }
    let data = instance_data.as_map();
    let variables = data.map(|data| variables(data, Names::Aliased));
    let variables = Value::Map(variables.unwrap_or_default());
    let render = |part: Part| {
        if part.content_type != PartType::Jinja {
            return Some(part);
        }
        let place = format!("template {} of {}", part.filename, part.origin);
        let mut tell = |flaw: Flaw| warnings.push(flaw.at(&place));
        render_part(part, &variables, templates, limits, &mut tell)
    };
    let parts = parts.into_iter().filter_map(render).collect();
    (parts, warnings)
}

/// A template as what it becomes; nothing, and `tell` says why, if that is no part.
fn render_part(
    part: Part,
    variables: &Value,
    templates: &mut dyn Templates,
    limits: &Limits,
    tell: &mut dyn FnMut(Flaw),
) -> Option<Part> {
    let Rendered { text, absent } = rendered(&part.content, variables, templates, limits)
        .map_err(&mut *tell)
        .ok()?;
    if let Some(names) = missing(&text, absent) {
        tell(Flaw::new("variables that exist", names));
    }
    if text.is_empty() {
        return None;
    }
    let content_type = handled(&text).map_err(tell).ok()?;
    Some(Part {
        content_type,
        content: text.into_bytes().into(),
        ..part
    })
}

fn rendered(
    content: &[u8],
    variables: &Value,
    templates: &mut dyn Templates,
    limits: &Limits,
) -> Result<Rendered, Flaw> {
    if content.len() > TEMPLATE_BYTES_MAX {
        let expected = format!("at most {TEMPLATE_BYTES_MAX} bytes");
        return Err(Flaw::new(expected, content.len()));
    }
    let text = core::str::from_utf8(content).map_err(|_| Flaw::new("UTF-8", "other bytes"))?;
    let template = body(text)?;
    let left = (limits.left)();
    if left.is_zero() {
        let expected = "templates that together take less time";
        return Err(Flaw::new(expected, "none left for this one"));
    }
    let rendered = templates.render(template, variables, left);
    let rendered = rendered.map_err(|broken| {
        let line = broken.line.map(|line| format!(" in line {}", line + 1));
        let found = format!("{}{}", broken.reason, line.unwrap_or_default());
        Flaw::new("a template that can be rendered", found)
    })?;
    if !limits.budget.parts.take(rendered.text.len()) {
        let most = limits.budget.parts.most();
        return Err(Flaw::new(
            format!("at most {most} bytes in all parts"),
            "more",
        ));
    }
    limits.budget.parts.put_back(content.len());
    Ok(rendered)
}

/// What is below the header, a line that matches `##\s*template:\s*jinja\s*` in any case.
fn body(text: &str) -> Result<&str, Flaw> {
    let (header, body) = text.split_once('\n').unwrap_or((text, ""));
    let engine = header.strip_prefix("##").and_then(|rest| {
        let (word, engine) = rest.trim_start_matches(is_blank).split_at_checked(9)?;
        word.eq_ignore_ascii_case("template:").then_some(engine)
    });
    match engine.map(|engine| engine.trim_matches(is_blank).to_lowercase()) {
        Some(engine) if engine == "jinja" => Ok(body),
        Some(engine) => Err(Flaw::new("the template engine jinja", quote(&engine))),
        None => Err(Flaw::new(
            "the header in the first line",
            "a blank line or other words before it",
        )),
    }
}

/// The names of the variables that were missing, as cloud-init finds them in the text, and what the engine says of them.
fn missing(text: &str, mut absent: Vec<Absent>) -> Option<String> {
    let words = text.split(char::is_whitespace);
    let after = |word: &'_ str| word.find(MISSING).map(|at| at + MISSING.len());
    let names = words.filter_map(|word| word.get(after(word)?..));
    let names: Vec<String> = names
        .filter(|name| !name.is_empty())
        .map(|name| {
            let known = absent.iter().position(|absent| absent.name == name);
            match known.map(|place| absent.remove(place)) {
                Some(absent) => format!("no {}", quote(&absent.words)),
                None => format!("no {}", quote(&name.replace(MISSING, ""))),
            }
        })
        .take(NAMES_MAX)
        .collect();
    (!names.is_empty()).then(|| names.join(", "))
}

/// The type of a rendered template. cloud-init takes a patch for cloud-config here.
fn handled(text: &str) -> Result<PartType, Flaw> {
    match sniff(text.as_bytes()) {
        Some(PartType::CloudConfig | PartType::ConfigPatch) => Ok(PartType::CloudConfig),
        Some(
            content_type @ (PartType::Boothook
            | PartType::Script
            | PartType::ScriptPerBoot
            | PartType::ScriptPerInstance
            | PartType::ScriptPerOnce),
        ) => Ok(content_type),
        other => {
            let expected = "cloud-config, a script or a boothook as a template's text";
            let found = other.as_ref().map_or("no start line", PartType::as_str);
            Err(Flaw::new(expected, found))
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloc::string::ToString;

    use super::*;
    use crate::json;

    /// Writes the template's words, and the value of the variable after each `$`.
    struct Dollars;

    impl Templates for Dollars {
        fn render(
            &mut self,
            template: &str,
            variables: &Value,
            _: Duration,
        ) -> Result<Rendered, Broken> {
            if let Some(before) = template.find("BROKEN") {
                let line = template[..before].matches('\n').count() + 1;
                let reason = "syntax".to_string();
                return Err(Broken {
                    line: Some(line),
                    reason,
                });
            }
            let mut words = template.split('$');
            let mut text = words.next().unwrap_or("").to_string();
            for word in words {
                let (name, rest) = word.split_at(word.find(['\n', ' ']).unwrap_or(word.len()));
                let value = variables.get(name).and_then(Value::to_text);
                text += &value.unwrap_or_else(|| format!("{MISSING}{name}"));
                text += rest;
            }
            Ok(Rendered {
                text,
                absent: Vec::new(),
            })
        }
    }

    fn part(content_type: &str, content: &str) -> Part {
        Part {
            number: 1,
            content_type: PartType::new(content_type),
            filename: "part-001".to_string(),
            headers: Vec::new(),
            origin: "user-data".to_string(),
            content: content.as_bytes().into(),
        }
    }

    fn render(content: &str) -> (Vec<(String, String)>, Vec<String>) {
        let data = json::read(br#"{"v1": {"local-hostname": "h"}}"#).unwrap();
        let parts = [part("text/plain", "$"), part("text/jinja2", content)].into();
        let (budget, left) = (Budget::new(), || Duration::from_secs(1));
        let limits = Limits {
            budget: &budget,
            left: &left,
        };
        let (parts, warnings) = render_parts(parts, &data, &mut Dollars, &limits);
        assert_eq!(parts[0], part("text/plain", "$"));
        let text = |part: &Part| String::from_utf8(part.content.to_vec()).unwrap();
        let parts = parts
            .iter()
            .skip(1)
            .map(|part| (part.content_type.to_string(), text(part)));
        let warnings = warnings.iter().map(Warning::whole);
        (parts.collect(), warnings.collect())
    }

    #[test]
    fn a_template_becomes_what_its_text_is() {
        for (content, content_type, text) in [
            (
                "## template: jinja\n#cloud-config\na: $local_hostname",
                "text/cloud-config",
                "#cloud-config\na: h",
            ),
            (
                "##template:JINJA \r\n#!/bin/sh\n$local-hostname\n",
                "text/x-shellscript",
                "#!/bin/sh\nh\n",
            ),
            (
                "## template: jinja\n#cloud-boothook\n",
                "text/cloud-boothook",
                "#cloud-boothook\n",
            ),
            (
                "## template: jinja\n#cloud-config-jsonp\n[]",
                "text/cloud-config",
                "#cloud-config-jsonp\n[]",
            ),
        ] {
            let (parts, warnings) = render(content);
            assert_eq!(parts, [(content_type.to_string(), text.to_string())]);
            assert_eq!(warnings, [""; 0]);
        }
        assert_eq!(render("## template: jinja"), (Vec::new(), Vec::new()));
    }

    #[test]
    fn what_cannot_be_rendered_is_left_out_and_said() {
        for (content, expected) in [
            (
                "\n## template: jinja\n",
                "expected the header in the first line, but found a blank line or other words before it",
            ),
            (
                "## template: jinja2\n",
                "expected the template engine jinja, but found \"jinja2\"",
            ),
            (
                "## template: jinja\n\nBROKEN",
                "expected a template that can be rendered, but found syntax in line 3",
            ),
            (
                "## template: jinja\n#include\nx",
                "expected cloud-config, a script or a boothook as a template's text, but found text/x-include-url",
            ),
            (
                "## template: jinja\n x",
                "expected cloud-config, a script or a boothook as a template's text, but found no start line",
            ),
        ] {
            let (parts, warnings) = render(content);
            assert_eq!(parts, []);
            assert_eq!(
                warnings,
                [format!(
                    "decode: template part-001 of user-data: {expected}"
                )]
            );
        }
    }

    #[test]
    fn templates_share_their_time_and_their_room() {
        let data = Value::Null;
        let template = || part("text/jinja2", "## template: jinja\n#!/bin/sh\n");
        let used = core::cell::Cell::new(0);
        let left = || {
            used.set(used.get() + 1);
            Duration::from_secs(3).saturating_sub(Duration::from_secs(used.get()))
        };
        let budget = Budget::of_plan(2 * "#!/bin/sh\n".len());
        let limits = Limits {
            budget: &budget,
            left: &left,
        };
        let parts = (0..4).map(|_| template()).collect();
        let (parts, warnings) = render_parts(parts, &data, &mut Dollars, &limits);
        assert_eq!(parts.len(), 2);
        let warnings: Vec<&str> = warnings.iter().map(|warning| &*warning.expected).collect();
        assert_eq!(warnings, ["templates that together take less time"; 2]);

        let budget = Budget::of_plan(0);
        let left = || Duration::from_secs(1);
        let limits = Limits {
            budget: &budget,
            left: &left,
        };
        let (parts, warnings) = render_parts([template()].into(), &data, &mut Dollars, &limits);
        assert_eq!(
            (parts, &*warnings[0].expected),
            (Vec::new(), "at most 0 bytes in all parts")
        );
    }

    #[test]
    fn missing_variables_are_named_and_stay_marked() {
        let (parts, warnings) = render("## template: jinja\n#!/bin/sh\n$x x$y\n");
        let text = "#!/bin/sh\nCI_MISSING_JINJA_VAR/x xCI_MISSING_JINJA_VAR/y\n";
        assert_eq!(
            parts,
            [("text/x-shellscript".to_string(), text.to_string())]
        );
        assert_eq!(
            warnings,
            [
                "decode: template part-001 of user-data: expected variables that exist, but found no \"x\", no \"y\""
            ]
        );
    }
}
