//! What went wrong, in words for people: step, place, expectation and find.
//!
//! Handling and reporting are two jobs. What a caller branches on is [`Blame`], three words; what a person reads is the
//! [`Warning`] inside. User text never makes an [`Error`]: it gives a value and a list of warnings beside it.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use core::fmt;

use crate::text::without_quotations;

/// Most bytes of each of a warning's words.
const WORD_BYTES_MAX: usize = 1 << 10;

/// One thing that was not as expected, and what was found instead.
///
/// It is told to two readers. Root may see what a stranger wrote, and sees it in the log; everybody else, on the console, in the
/// kernel's log and in reports, is told where it is and not what it is. So a quotation (see [`without_quotations`]) is taken out
/// of the words when a warning is made, and stands in a field of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Warning {
    /// The step of the boot (`probe`, `identify`, `fetch`, `decode`, `merge`, `compile`, `write` …), often with its subject:
    /// `fetch Hetzner`.
    pub step: String,
    /// Where: a path, a URL, the name of a part, a line and a column.
    pub place: String,
    /// What would have been right.
    pub expected: String,
    /// What was there instead.
    pub found: String,
    /// The last two words with their quotations, where there are any; for root's eyes only.
    quoted: Option<Box<(String, String)>>,
}

impl Warning {
    /// A warning from its four words; each is taken as text, and cut after a kibibyte.
    pub fn new(
        step: impl ToString,
        place: impl ToString,
        expected: impl ToString,
        found: impl ToString,
    ) -> Warning {
        Warning::of([
            step.to_string(),
            place.to_string(),
            expected.to_string(),
            found.to_string(),
        ])
    }

    fn of(words: [String; 4]) -> Warning {
        let [step, place, expected, found] = words.map(cut);
        let public = (without_quotations(&expected), without_quotations(&found));
        let all = (expected, found);
        Warning {
            step,
            place: without_quotations(&place),
            quoted: (public != all).then(|| Box::new(all)),
            expected: public.0,
            found: public.1,
        }
    }

    /// The whole of it, quotations too: for the log, which only root may read, and for whoever looks at a document of his own.
    pub fn whole(&self) -> String {
        let Warning { step, place, .. } = self;
        let (expected, found) = match &self.quoted {
            Some(quoted) => (&quoted.0, &quoted.1),
            None => (&self.expected, &self.found),
        };
        sentence(step, place, expected, found)
    }
}

/// What everybody may read.
impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&sentence(
            &self.step,
            &self.place,
            &self.expected,
            &self.found,
        ))
    }
}

fn sentence(step: &str, place: &str, expected: &str, found: &str) -> String {
    let pieces = [
        step,
        ": ",
        place,
        ": expected ",
        expected,
        ", but found ",
        found,
    ];
    pieces.concat()
}

fn cut(mut word: String) -> String {
    if word.len() > WORD_BYTES_MAX {
        word.truncate(word.floor_char_boundary(WORD_BYTES_MAX));
        word.push('…');
    }
    word
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
    /// The status of the HTTP answer that would not do, if there was one.
    pub status: Option<u16>,
}

impl Error {
    /// An error of what is to be told.
    pub fn of(blame: Blame, what: Warning) -> Error {
        Error {
            blame,
            what,
            status: None,
        }
    }

    /// An error from its blame and the four words of its warning.
    pub fn new(
        blame: Blame,
        step: impl ToString,
        place: impl ToString,
        expected: impl ToString,
        found: impl ToString,
    ) -> Error {
        Error::of(blame, Warning::new(step, place, expected, found))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.what.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_root_sees_a_quotation() {
        let warning = Warning::new("merge", "a, line 1", "YAML", "\"password: : x\"");
        assert_eq!(
            warning.to_string(),
            "merge: a, line 1: expected YAML, but found \"…\""
        );
        assert_eq!(
            warning.whole(),
            "merge: a, line 1: expected YAML, but found \"password: : x\""
        );
        let plain = Warning::new("merge", "a", "b", "c");
        assert_eq!(plain.to_string(), plain.whole());
    }

    #[test]
    fn words_are_bounded() {
        let warning = Warning::new("a", "b", "é".repeat(9999), "c");
        assert!(warning.whole().len() < 2 * WORD_BYTES_MAX);
    }
}
