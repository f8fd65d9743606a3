//! A line said while identifying, as the readers of ds-identify.log and of its messages know them.

use alloc::format;
use alloc::string::String;

/// One line, and who gets to see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// For the log, from this level of detail on; 1 is the usual one, 2 is more.
    Debug(u8, String),
    /// For the log and for people.
    Warn(String),
    /// For the log and for people.
    Error(String),
    /// For people only.
    Stderr(String),
}

impl Note {
    /// The line as the log has it at `level` of detail; `None` if it stays out.
    pub fn logged(&self, level: u8) -> Option<String> {
        match self {
            Note::Debug(least, _) if *least > level => None,
            Note::Debug(_, text) => Some(text.clone()),
            Note::Warn(text) => Some(format!("WARN: {text}")),
            Note::Error(text) => Some(format!("ERROR: {text}")),
            Note::Stderr(_) => None,
        }
    }

    /// The line as people see it on the console; `None` if they do not.
    pub fn told(&self) -> Option<String> {
        match self {
            Note::Debug(..) => None,
            Note::Warn(text) | Note::Stderr(text) => Some(format!("WARN: {text}")),
            Note::Error(text) => Some(format!("ERROR: {text}")),
        }
    }
}
