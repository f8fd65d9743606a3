//! The cloud-config of one document: its parts merged in order.
//!
//! A part that cannot be read or merged is left out, named ([`Merged::ignored`]) and warned of; the others count. cloud-init
//! names only those that could not be read, and drops others, such as a patch that does not fit, in silence.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::STEP;
use crate::budget::Budget;
use crate::userdata::merge::{self, Mergers};
use crate::userdata::part_type::PartType;
use crate::userdata::{Part, patch};
use crate::value::{Map, Value};
use crate::warning::Warning;
use crate::{json, yaml};

/// All parts of cloud-config as one.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Merged {
    /// The configuration; an empty map where there was no part.
    pub value: Value,
    /// The names of the parts that made it, each fit for one line.
    pub used: Vec<String>,
    /// The names of the parts that were left out, likewise.
    pub ignored: Vec<String>,
    /// Why they were.
    pub warnings: Vec<Warning>,
}

impl Merged {
    /// True if there was no part of cloud-config at all.
    pub fn is_empty(&self) -> bool {
        self.used.is_empty() && self.ignored.is_empty()
    }
}

/// Merges the parts of cloud-config in their order; parts of other types are passed over.
pub fn merge_parts<'a>(parts: impl IntoIterator<Item = &'a Part>, budget: &Budget) -> Merged {
    let mut merged = Merged {
        value: Value::Map(Map::new()),
        used: Vec::new(),
        ignored: Vec::new(),
        warnings: Vec::new(),
    };
    for part in parts {
        let done = match part.content_type {
            PartType::CloudConfig => {
                let warnings = &mut merged.warnings;
                merge_part(&mut merged.value, part, budget, warnings)
            }
            PartType::ConfigPatch => patch_part(&mut merged.value, part, budget),
            _ => continue,
        };
        match done {
            Ok(()) => merged.used.push(name(part)),
            Err(warning) => {
                merged.ignored.push(name(part));
                merged.warnings.push(warning);
            }
        }
    }
    merged
}

/// Says, too, what stock cloud-init, which reads the part once more where there is one, will drop it for.
fn merge_part(
    value: &mut Value,
    part: &Part,
    budget: &Budget,
    warnings: &mut Vec<Warning>,
) -> Result<(), Warning> {
    let (body, refused) = yaml::read_doubtful(&part.content, budget)
        .map_err(|error| error.warning(STEP, place(part)))?;
    if let Some(mut error) = refused {
        if !error.expected.contains("stock cloud-init") {
            error.expected += " (stock cloud-init drops the part)";
        }
        warnings.push(error.warning(STEP, place(part)));
    }
    let mut body = match body {
        Value::Map(body) => body,
        Value::Null => return Err(warning(part, "a map", "nothing but comments")),
        other => return Err(warning(part, "a map", other.noun())),
    };
    Mergers::of_part(&mut body, merge::header(part))
        .and_then(|mergers| mergers.merge(value, Value::Map(body), budget))
        .map_err(|flaw| warning(part, flaw.expected, flaw.found))
}

fn patch_part(value: &mut Value, part: &Part, budget: &Budget) -> Result<(), Warning> {
    // JSON has no comments.
    let start_line = PartType::ConfigPatch.start_line();
    let text = part.content.trim_ascii_start();
    let (skipped, text) = match text.split_at_checked(start_line.len()) {
        Some(split) if split.0.eq_ignore_ascii_case(start_line.as_bytes()) => split,
        _ => text.split_at(0),
    };
    let before = part.content.len() - text.len() - skipped.len();
    let lines = part
        .content
        .iter()
        .take(before)
        .filter(|byte| **byte == b'\n');
    let patch = json::read_within(text, budget).map_err(|mut error| {
        error.line += lines.count();
        error.warning(STEP, place(part))
    })?;
    patch::apply(value, &patch, budget).map_err(|flaw| warning(part, flaw.expected, flaw.found))
}

fn warning(part: &Part, expected: impl ToString, found: impl ToString) -> Warning {
    Warning::new(STEP, place(part), expected, found)
}

fn place(part: &Part) -> String {
    format!("{} of {}", name(part), part.origin)
}

/// The name of a part in one line of a comment.
fn name(part: &Part) -> String {
    let is_break = |c: char| c.is_control() || matches!(c, '\u{2028}' | '\u{2029}');
    match part.filename.replace(is_break, " ").trim() {
        "" => "?".to_string(),
        name => name.to_string(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::budget::Purse;

    fn part(number: u32, content_type: &str, header: &str, content: &str) -> Part {
        Part {
            number,
            content_type: PartType::new(content_type),
            filename: format!("part-{number:03}"),
            headers: [("merge-type".to_string(), header.to_string())].into(),
            origin: "user-data".to_string(),
            content: content.as_bytes().into(),
        }
    }

    #[test]
    fn parts_are_merged_in_order() {
        let mut parts = [
            part(
                1,
                "text/cloud-config",
                "",
                "#cloud-config\na: [1]\nb: {c: 1}\n",
            ),
            part(2, "text/x-shellscript", "", "#!/bin/sh\n"),
            part(
                3,
                "text/cloud-config",
                "list(append)+dict(recurse_list)",
                "a: [2]\n",
            ),
            part(
                4,
                "text/cloud-config-jsonp",
                "",
                "\n#cloud-config-jsonp\n[{\"op\": \"add\", \"path\": \"/b/d\", \"value\": 2}]",
            ),
            part(5, "text/cloud-config", "", "#cloud-config\n"),
            part(6, "text/cloud-config", "", "a: b: c\n"),
            part(7, "text/cloud-config", "", "merge_how: x\nz: 1\n"),
            part(
                8,
                "text/cloud-config-jsonp",
                "",
                "\n#cloud-config-jsonp\n[{]",
            ),
            part(
                9,
                "text/cloud-config-jsonp",
                "",
                "[{\"op\": \"remove\", \"path\": \"/y\"}]",
            ),
            part(10, "text/cloud-config", "", "- a\n"),
        ];
        parts[0].filename = " x\u{85}\ny: 1 ".to_string();
        parts[9].filename = "\n".to_string();
        let merged = merge_parts(&parts, &Budget::new());
        assert_eq!(merged.used, ["x  y: 1", "part-003", "part-004"]);
        let ignored = ["part-005", "part-006", "part-007", "part-008", "part-009"];
        assert_eq!(merged.ignored, [&ignored[..], &["?"]].concat());
        let value = yaml::read(b"a: [1, 2]\nb: {c: 1, d: 2}");
        assert_eq!(value, Ok(merged.value));
        let warnings: Vec<String> = merged.warnings.iter().map(Warning::whole).collect();
        let expected = [
            "merge: part-005 of user-data: expected a map, but found nothing but comments",
            "merge: part-006 of user-data, line 1 column 5: expected YAML, that is: mapping values are not allowed in this context, but found \"a: b: c\"",
            "merge: part-007 of user-data: expected a merger like dict(replace), but found \"x\"",
            "merge: part-008 of user-data, line 3 column 3: expected a key in double quotes, but found \"]\"",
            "merge: part-009 of user-data: expected a place \"/y\", but found none in operation 1",
            "merge: ? of user-data: expected a map, but found a list",
        ];
        assert_eq!(warnings, expected);
    }

    /// Ten lists of ten lists …: nodes of ten to the power of `levels`, in a few lines.
    fn laughs(key: &str, levels: usize) -> String {
        let first = String::from(".x0: &x0 [1,1,1,1,1,1,1,1,1,1]\n");
        let more = (1..levels).fold(first, |text, level| {
            let row = format!("*x{},", level - 1).repeat(10);
            text + &format!(".x{level}: &x{level} [{row}]\n")
        });
        more + &format!("{key}: *x{}\n", levels - 1)
    }

    #[test]
    fn parts_share_one_budget_and_a_part_costs_itself() {
        let cloud_config = |number, text: &str| part(number, "text/cloud-config", "", text);
        let large = laughs("a", 2);
        let parts: Vec<Part> = (1..=20)
            .map(|number| cloud_config(number, &large))
            .collect();
        let budget = Budget {
            nodes: Purse::new(3_000),
            ..Budget::new()
        };
        let merged = merge_parts(parts.iter().chain(&[cloud_config(21, "b: 1\n")]), &budget);
        let used = merged.used.len();
        assert!((2..15).contains(&used), "{used}");
        assert!(merged.value.get("b").is_some());
        assert_eq!(merged.used.len() + merged.ignored.len(), 21);
        let said = merged.warnings[0].to_string();
        assert!(
            said.contains("nodes, counting aliases, in all documents"),
            "{said}"
        );
        // The next document of the same boot has what is left.
        assert_eq!(merge_parts(&parts[..1], &budget).ignored.len(), 1);
        let patch = part(
            22,
            "text/cloud-config-jsonp",
            "",
            r#"[{"op": "copy", "from": "/a", "path": "/c"}]"#,
        );
        assert_eq!(
            merge_parts(parts[..1].iter().chain(&[patch]), &Budget::new()).ignored,
            [""; 0]
        );
    }

    #[test]
    fn patches_share_one_budget_of_steps() {
        let list = format!("a: [{}]\n", "1,".repeat(2_000));
        let remove = r#"{"op": "remove", "path": "/a/0"},"#.repeat(1_999);
        let remove = format!("[{}]", remove.trim_end_matches(','));
        let parts = [
            part(1, "text/cloud-config", "", &list),
            part(2, "text/cloud-config-jsonp", "", &remove),
        ];
        let budget = Budget {
            steps: Purse::new(2_000_000),
            ..Budget::new()
        };
        let merged = merge_parts(&parts, &budget);
        assert_eq!(merged.ignored, ["part-002"]);
        let said = merged.warnings[0].to_string();
        assert!(
            said.contains("expected patches that take less time, but found more in operation"),
            "{said}"
        );
        let left = merged
            .value
            .get("a")
            .and_then(Value::as_list)
            .map(<[Value]>::len);
        assert_eq!(left, Some(2_000));
    }

    #[test]
    fn text_in_a_list_is_as_many_nodes_as_letters() {
        let parts = [
            part(1, "text/cloud-config", "", "a: [1]\n"),
            part(
                2,
                "text/cloud-config",
                "list(append)+dict(recurse_str)",
                &format!("a: {}\n", "x".repeat(300_000)),
            ),
        ];
        let merged = merge_parts(&parts, &Budget::new());
        let said = merged.warnings[0].to_string();
        assert!(
            said.ends_with("expected lists that take less time and memory, but found more"),
            "{said}"
        );
    }

    #[test]
    fn no_part_makes_nothing() {
        let merged = merge_parts(
            &[part(1, "text/x-shellscript", "", "#!/bin/sh\n")],
            &Budget::new(),
        );
        assert!(merged.is_empty());
        assert_eq!(merged.value, Value::Map(Map::new()));
        assert!(!merge_parts(&[part(1, "text/cloud-config", "", "{}")], &Budget::new()).is_empty());
    }
}
