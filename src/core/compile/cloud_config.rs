//! The cloud-config of an instance: its parts merged in order, and cloud-config.yaml as the original writes it.
//!
//! A part that cannot be read or merged is left out, named in the comment block (`SCHEMA_ERROR`) and warned of; the others
//! count. The original names only those that could not be read, and drops others, such as a patch that does not fit, in
//! silence.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Document, Numbered, Products};
use crate::plan::Mode;
use crate::text::printable;
use crate::userdata::Part;
use crate::userdata::merge::Mergers;
use crate::userdata::patch;
use crate::value::{Map, Value};
use crate::warning::Warning;
use crate::{json, yaml};

/// The type of a part that is merged.
pub const CLOUD_CONFIG: &str = "text/cloud-config";

/// The type of a part that patches what the parts before it made.
pub const CLOUD_CONFIG_JSONP: &str = "text/cloud-config-jsonp";

/// The step, for warnings.
const STEP: &str = "compile cloud-config";

/// The first line of a patch; JSON has no comments.
const JSONP_PREFIX: &str = "#cloud-config-jsonp";

/// The headers that name mergers; the first that is not empty counts. The original wants these letters, not any case.
const MERGE_HEADERS: [&str; 2] = ["Merge-Type", "X-Merge-Type"];

/// All parts of cloud-config as one.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// The configuration; empty where there was no part.
    pub value: Value,
    /// cloud-config.yaml; empty where there was no part.
    pub text: String,
    /// What was left out, and why.
    pub warnings: Vec<Warning>,
}

/// Adds the merged cloud-config of one document, if it has any, and gives it as a tree; the names are those of the original,
/// but for their endings.
pub(super) fn put(products: &mut Products, document: Document, parts: &[Numbered]) -> Value {
    let path = match document {
        Document::UserData => "cloudseed/cloud-config.yaml",
        Document::VendorData => "cloudseed/vendor-cloud-config.yaml",
        Document::VendorData2 => "cloudseed/vendor2-cloud-config.yaml",
    };
    let own = parts
        .iter()
        .filter(|numbered| numbered.document == document);
    let merged = merge_parts(own.map(|numbered| numbered.part));
    if !merged.text.is_empty() {
        products.put(path, Mode::Private, merged.text);
    }
    products.warnings.extend(merged.warnings);
    merged.value
}

/// Merges the parts of cloud-config in their order; parts of other types are passed over.
pub fn merge_parts<'a>(parts: impl IntoIterator<Item = &'a Part>) -> Merged {
    let mut value = Value::Map(Map::new());
    let mut merged = Vec::new();
    let mut ignored = Vec::new();
    let mut warnings = Vec::new();
    for part in parts {
        let done = match part.content_type.as_str() {
            CLOUD_CONFIG => merge_part(&mut value, part),
            CLOUD_CONFIG_JSONP => patch_part(&mut value, part),
            _ => continue,
        };
        match done {
            Ok(()) => merged.push(name(part)),
            Err(warning) => {
                ignored.push(name(part));
                warnings.push(warning);
            }
        }
    }
    let seen = !merged.is_empty() || !ignored.is_empty();
    let text = match seen {
        true => written(&merged, &ignored, &value),
        false => String::new(),
    };
    Merged {
        value,
        text,
        warnings,
    }
}

fn merge_part(value: &mut Value, part: &Part) -> Result<(), Warning> {
    let body = yaml::read(&part.content).map_err(|error| error.warning(STEP, place(part)))?;
    let mut body = match body {
        Value::Map(body) => body,
        Value::Null => return Err(warning(part, "a map", "nothing but comments")),
        other => return Err(warning(part, "a map", other.kind())),
    };
    Mergers::of_part(&mut body, merge_header(part))
        .and_then(|mergers| mergers.merge(value, Value::Map(body)))
        .map_err(|flaw| warning(part, flaw.expected, flaw.found))
}

fn patch_part(value: &mut Value, part: &Part) -> Result<(), Warning> {
    let text = part.content.trim_ascii_start();
    let prefix = text.get(..JSONP_PREFIX.len());
    let (skipped, text) = match prefix {
        Some(prefix) if prefix.eq_ignore_ascii_case(JSONP_PREFIX.as_bytes()) => {
            text.split_at(JSONP_PREFIX.len())
        }
        _ => text.split_at(0),
    };
    let before = part.content.len() - text.len() - skipped.len();
    let lines = part
        .content
        .iter()
        .take(before)
        .filter(|byte| **byte == b'\n');
    let patch = json::read(text).map_err(|mut error| {
        error.line += lines.count();
        error.warning(STEP, place(part))
    })?;
    patch::apply(value, &patch).map_err(|flaw| warning(part, flaw.expected, flaw.found))
}

fn merge_header(part: &Part) -> &str {
    let find = |name: &str| {
        let mut headers = part.headers.iter();
        let (_, value) = headers.find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        Some(value.trim()).filter(|value| !value.is_empty())
    };
    MERGE_HEADERS.into_iter().find_map(find).unwrap_or("")
}

fn warning(part: &Part, expected: impl ToString, found: impl ToString) -> Warning {
    Warning::new(STEP, place(part), expected, found)
}

fn place(part: &Part) -> String {
    format!("{} of {}", name(part), part.origin)
}

/// The name of a part in one line of a comment.
fn name(part: &Part) -> String {
    match printable(&part.filename).trim() {
        "" => "?".to_string(),
        name => name.to_string(),
    }
}

/// The comment block and the document, as in the original's cloud-config.txt.
fn written(merged: &[String], ignored: &[String], value: &Value) -> String {
    let mut text = String::from("#cloud-config\n\n");
    if !merged.is_empty() {
        text += &format!("# from {} files\n", merged.len());
        for name in merged {
            text += &format!("# {name}\n");
        }
        text.push('\n');
    }
    for name in ignored {
        text += &format!("# Cloud-config part ignored SCHEMA_ERROR: {name}\n");
    }
    text + &yaml::write_document(value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn part(number: u32, content_type: &str, header: &str, content: &str) -> Part {
        Part {
            number,
            content_type: content_type.to_string(),
            filename: format!("part-{number:03}"),
            headers: [("merge-type".to_string(), header.to_string())].into(),
            origin: "user-data".to_string(),
            content: content.as_bytes().into(),
        }
    }

    #[test]
    fn parts_are_merged_in_order_and_named() {
        let mut parts = [
            part(1, CLOUD_CONFIG, "", "#cloud-config\na: [1]\nb: {c: 1}\n"),
            part(2, "text/x-shellscript", "", "#!/bin/sh\n"),
            part(
                3,
                CLOUD_CONFIG,
                "list(append)+dict(recurse_list)",
                "a: [2]\n",
            ),
            part(
                4,
                CLOUD_CONFIG_JSONP,
                "",
                "\n#cloud-config-jsonp\n[{\"op\": \"add\", \"path\": \"/b/d\", \"value\": 2}]",
            ),
            part(5, CLOUD_CONFIG, "", "#cloud-config\n"),
            part(6, CLOUD_CONFIG, "", "a: b: c\n"),
            part(7, CLOUD_CONFIG, "", "merge_how: x\nz: 1\n"),
            part(8, CLOUD_CONFIG_JSONP, "", "\n#cloud-config-jsonp\n[{]"),
            part(
                9,
                CLOUD_CONFIG_JSONP,
                "",
                "[{\"op\": \"remove\", \"path\": \"/y\"}]",
            ),
            part(10, CLOUD_CONFIG, "", "- a\n"),
        ];
        parts[0].filename = " x\u{85}\ny: 1 ".to_string();
        parts[9].filename = "\n".to_string();
        let merged = merge_parts(&parts);
        let text = "#cloud-config

# from 3 files
# x  y: 1
# part-003
# part-004

# Cloud-config part ignored SCHEMA_ERROR: part-005
# Cloud-config part ignored SCHEMA_ERROR: part-006
# Cloud-config part ignored SCHEMA_ERROR: part-007
# Cloud-config part ignored SCHEMA_ERROR: part-008
# Cloud-config part ignored SCHEMA_ERROR: part-009
# Cloud-config part ignored SCHEMA_ERROR: ?
---
a:
- 1
- 2
b:
    c: 1
    d: 2
...
";
        assert_eq!(merged.text, text);
        assert_eq!(yaml::read(text.as_bytes()), Ok(merged.value));
        let warnings: Vec<String> = merged.warnings.iter().map(ToString::to_string).collect();
        let expected = [
            "compile cloud-config: part-005 of user-data: expected a map, but found nothing but comments",
            "compile cloud-config: part-006 of user-data, line 1 column 5: expected YAML, that is: mapping values are not allowed in this context, but found \"a: b: c\"",
            "compile cloud-config: part-007 of user-data: expected a merger like dict(replace), but found \"x\"",
            "compile cloud-config: part-008 of user-data, line 3 column 3: expected a key in double quotes, but found \"]\"",
            "compile cloud-config: part-009 of user-data: expected a place \"/y\", but found none in operation 1",
            "compile cloud-config: ? of user-data: expected a map, but found list",
        ];
        assert_eq!(warnings, expected);
    }

    #[test]
    fn no_part_makes_no_text() {
        let merged = merge_parts(&[part(1, "text/x-shellscript", "", "#!/bin/sh\n")]);
        assert_eq!(merged.text, "");
        assert_eq!(merged.value, Value::Map(Map::new()));
        assert_eq!(
            merge_parts(&[part(1, CLOUD_CONFIG, "", "{}")]).text,
            "#cloud-config\n\n# from 1 files\n# part-001\n\n--- {}\n...\n"
        );
    }
}
