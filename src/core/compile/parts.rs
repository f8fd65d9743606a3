//! Parts: every part of every document, decoded, under a number and a harmless name.

use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::{Numbered, Products};
use crate::digest::sha256;
use crate::json;
use crate::plan::Mode;
use crate::userdata::Part;
use crate::value::{Map, Value};

/// Most bytes of a part's own name in the name of its file.
const NAME_BYTES_MAX: usize = 200;

/// A part's name without what could mean anything to a file system or a shell: `/` becomes `_`, and of the rest only ASCII
/// letters, digits and `_-.()` stay, as in the original. It may become empty, `.` or `..`: put something before it.
pub fn clean_name(name: &str) -> String {
    let kept = |letter: &char| letter.is_ascii_alphanumeric() || "_-.()".contains(*letter);
    name.chars()
        .map(|letter| if letter == '/' { '_' } else { letter })
        .filter(kept)
        .collect()
}

/// What follows the last slash.
pub fn basename(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// The name of the file of a part in `parts/`.
pub fn file_name(number: u32, filename: &str) -> String {
    let mut name = clean_name(filename);
    name.truncate(NAME_BYTES_MAX);
    format!("{number:03}-{name}")
}

/// The headers of a part as a list of pairs, in their order.
pub fn headers(part: &Part) -> Vec<Value> {
    part.headers
        .iter()
        .map(|(name, value)| Value::from(vec![name.as_str().into(), value.as_str().into()]))
        .collect()
}

/// Adds the parts, and the list of them.
pub(super) fn put(products: &mut Products, parts: &[Numbered]) {
    for Numbered { file, part, .. } in parts {
        let path = format!("cloudseed/parts/{file}");
        products.put(&path, Mode::Private, part.content.as_slice());
    }
    let list: Vec<Value> = parts.iter().map(described).collect();
    let list = json::write_indented(&Map::from_iter([("parts", list)]).into()) + "\n";
    products.put("cloudseed/parts.json", Mode::Private, list);
}

fn described(numbered: &Numbered) -> Value {
    let part = numbered.part;
    let bytes = i64::try_from(part.content.len()).unwrap_or(i64::MAX);
    Value::Map(Map::from_iter([
        ("number", Value::from(numbered.number)),
        ("document", numbered.document.name().into()),
        ("type", part.content_type.as_str().into()),
        ("filename", part.filename.as_str().into()),
        ("file", numbered.file.as_str().into()),
        ("origin", part.origin.as_str().into()),
        ("headers", headers(part).into()),
        ("bytes", bytes.into()),
        ("sha256", sha256(&part.content).into()),
    ]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clean_name_means_nothing_to_a_file_system() {
        for (name, clean) in [
            ("../../etc/passwd", ".._.._etc_passwd"),
            ("a b;$(id)`x`\n\"é", "ab(id)x"),
            ("-rf", "-rf"),
            ("/", "_"),
            ("é", ""),
        ] {
            assert_eq!(clean_name(name), clean, "{name:?}");
        }
        assert_eq!(basename("../x y.sh"), "x y.sh");
        assert_eq!(basename("x/"), "");
    }
}
