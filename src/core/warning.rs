//! What went wrong, in words for people: step, place, expectation and find.
//!
//! Handling and reporting are two jobs. What a caller branches on is [`Blame`], three words; what a person reads is the
//! [`Warning`] inside. User text never makes an [`Error`]: it gives a value and a list of warnings beside it.

use alloc::string::{String, ToString};
use core::fmt;

/// One thing that was not as expected, and what was found instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The step of the boot: `probe`, `identify`, `fetch`, `decode`, `merge`, `compile`, or a step with its subject, `fetch hetzner`.
    pub step: String,
    /// Where: a path, a URL, the name of a part, a line and a column.
    pub place: String,
    /// What would have been right.
    pub expected: String,
    /// What was there instead.
    pub found: String,
}

impl Warning {
    /// A warning from its four words; each is taken as text.
    pub fn new(
        step: impl ToString,
        place: impl ToString,
        expected: impl ToString,
        found: impl ToString,
    ) -> Warning {
        Warning {
            step: step.to_string(),
            place: place.to_string(),
            expected: expected.to_string(),
            found: found.to_string(),
        }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Warning {
            step,
            place,
            expected,
            found,
        } = self;
        write!(f, "{step}: {place}: expected {expected}, but found {found}")
    }
}

/// Who has to act on an [`Error`]; the only part of it that code branches on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Nobody answered within the time allowed.
    Silent,
    /// An answer came, and it is not what the platform documents.
    Broken,
    /// This machine or this build cannot do what was asked (no interface, no TLS, not permitted).
    Unable,
    /// What it takes is not here, but may be in the real root.
    Elsewhere,
}

/// A failure of a whole step: whose it is, and what to tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Who has to act.
    pub blame: Blame,
    /// What to tell.
    pub what: Warning,
}

impl Error {
    /// An error from its blame and the four words of its warning.
    pub fn new(
        blame: Blame,
        step: impl ToString,
        place: impl ToString,
        expected: impl ToString,
        found: impl ToString,
    ) -> Error {
        Error {
            blame,
            what: Warning::new(step, place, expected, found),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.what.fmt(f)
    }
}
