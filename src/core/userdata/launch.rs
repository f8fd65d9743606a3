//! Launch-Index: one document for a whole group of machines, each of which takes the parts that are its own.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use memchr::memmem;

use super::Part;
use super::part_type::PartType;
use super::sniff::is_blank;
use crate::value::Value;
use crate::yaml;

/// The parts for the machine of this launch index: those that name it and those that name none. Numbers and names stay.
pub fn for_launch_index(parts: Vec<Part>, launch_index: i64) -> Vec<Part> {
    let is_mine = |part: &Part| match index_given(part) {
        None => true,
        Some(given) => whole_number(&given) == Some(launch_index),
    };
    parts.into_iter().filter(is_mine).collect()
}

/// The launch index a part gives itself: in its header, else, if it is cloud-config, behind its key `launch-index`.
fn index_given(part: &Part) -> Option<String> {
    let mut headers = part.headers.iter();
    let header = headers.find(|(name, _)| name.eq_ignore_ascii_case("Launch-Index"));
    if let Some((_, value)) = header {
        return Some(value.clone());
    }
    // Most parts do not name the key and need not be read.
    const KEY: &[u8] = b"launch-index";
    if part.content_type != PartType::CloudConfig || memmem::find(&part.content, KEY).is_none() {
        return None;
    }
    match yaml::read(&part.content).ok()?.get("launch-index")? {
        Value::Bool(value) => Some(u8::from(*value).to_string()),
        Value::Float(value) => Some((*value as i64).to_string()),
        // What is no number is not taken over into a header.
        value => value.to_text().filter(|text| whole_number(text).is_some()),
    }
}

/// A number as Python's `int` reads it: signs, blanks around, underscores between digits.
pub fn whole_number(text: &str) -> Option<i64> {
    let text = text.trim_matches(is_blank);
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let is_number =
        |group: &str| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit());
    if !digits.split('_').all(is_number) {
        return None;
    }
    text.replace('_', "").parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    fn chosen(header: Option<&str>, content_type: &str, content: &str) -> bool {
        let part = Part {
            number: 1,
            content_type: PartType::new(content_type),
            filename: "part-001".to_string(),
            headers: header
                .map(|value| ("launch-index".to_string(), value.to_string()))
                .into_iter()
                .collect(),
            origin: "user-data".to_string(),
            content: content.as_bytes().into(),
        };
        !for_launch_index(vec![part], 2).is_empty()
    }

    #[test]
    fn the_header_decides() {
        assert!(chosen(None, "text/x-shellscript", "launch-index: 1"));
        assert!(chosen(Some(" +2 "), "text/x-shellscript", ""));
        assert!(!chosen(Some("1"), "text/x-shellscript", ""));
        assert!(!chosen(Some("two"), "text/x-shellscript", ""));
        assert!(!chosen(Some("1"), "text/cloud-config", "launch-index: 2"));
    }

    #[test]
    fn cloud_config_may_say_it_itself() {
        assert!(chosen(None, "text/cloud-config", "launch-index: 2"));
        assert!(chosen(None, "text/cloud-config", "launch-index: '2'"));
        assert!(!chosen(None, "text/cloud-config", "launch-index: 1"));
        assert!(chosen(None, "text/cloud-config", "launch-index: two"));
        assert!(chosen(None, "text/cloud-config", "launch-index: ["));
    }

    #[test]
    fn whole_numbers_of_python() {
        assert_eq!(whole_number("1_0"), Some(10));
        assert_eq!(whole_number("-3"), Some(-3));
        assert_eq!(whole_number("_1"), None);
        assert_eq!(whole_number("+-1"), None);
        assert_eq!(whole_number(""), None);
    }
}
