//! Names of parts as names of files: what a stranger calls a part must mean nothing to a file system or a shell.

use alloc::format;
use alloc::string::String;

/// Most bytes of a part's own name in the name of its file.
const NAME_BYTES_MAX: usize = 200;

/// A part's name without what could mean anything to a file system or a shell: `/` becomes `_`, and of the rest only ASCII
/// letters, digits and `_-.()` stay, as in cloud-init. It may become empty, `.` or `..`: put something before it.
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

/// The name of the file of a part in `parts/`: its number, and what is clean of its name.
pub fn file_name(number: u32, filename: &str) -> String {
    let mut name = clean_name(filename);
    name.truncate(NAME_BYTES_MAX);
    format!("{number:03}-{name}")
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
        assert_eq!(file_name(7, "../a b"), "007-.._ab");
        assert_eq!(file_name(1, &"x".repeat(300)).len(), 204);
    }
}
