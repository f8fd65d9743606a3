//! Journal: the lines of a boot, each with its time. Whoever has something to say holds a handle; all write to one journal.
//!
//! ```text
//!   first line … line 1,000 | what was left out, counted | … the last 1,000 lines
//! ```
//!
//! What the other side of a network can trigger is noted too, so the journal is bounded. The beginning and the end are kept:
//! the one says how a flood began, the other what came of the boot.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::cell::RefCell;
use core::fmt::Display;
use core::time::Duration;

/// Most lines kept; half of them are the first ones, half the last.
pub const LINES_MAX: usize = 2_000;
/// Most bytes of text kept, of all lines together; half for the first ones, half for the last.
pub const BYTES_MAX: usize = 256 << 10;
/// Most bytes kept of one line.
pub const LINE_BYTES_MAX: usize = 4 << 10;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// When, in microseconds since the program started.
    pub micros: u64,
    /// What.
    pub text: String,
}

/// A handle to a journal; a clone is another handle to the same one.
#[derive(Clone, Debug, Default)]
pub struct Journal(Rc<RefCell<Lines>>);

#[derive(Debug, Default)]
struct Lines {
    first: Vec<Line>,
    first_bytes: usize,
    last: VecDeque<Line>,
    last_bytes: usize,
    /// True once a line did not fit among the first.
    full: bool,
    left_out: u64,
}

impl Journal {
    /// An empty journal.
    pub fn new() -> Journal {
        Journal::default()
    }

    /// Writes a line. `now` is the time since the program started, on the clock that cannot be set; the text is
    /// cut after [`LINE_BYTES_MAX`].
    pub fn note(&self, now: Duration, text: impl Display) {
        let mut text = text.to_string();
        if text.len() > LINE_BYTES_MAX {
            text.truncate(text.floor_char_boundary(LINE_BYTES_MAX));
            text.push('…');
        }
        let micros = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        self.0.borrow_mut().add(Line { micros, text });
    }

    /// The lines so far. Where some were left out a line says how many, with the time of the next that is there.
    pub fn lines(&self) -> Vec<Line> {
        let lines = self.0.borrow();
        let gap = lines.last.front().filter(|_| lines.left_out > 0);
        let gap = gap.map(|next| Line {
            micros: next.micros,
            text: format!("({} lines left out)", lines.left_out),
        });
        let (first, last) = (lines.first.iter(), lines.last.iter());
        first.cloned().chain(gap).chain(last.cloned()).collect()
    }
}

impl Lines {
    fn add(&mut self, line: Line) {
        let bytes = self.first_bytes + line.text.len();
        self.full |= self.first.len() >= LINES_MAX / 2 || bytes > BYTES_MAX / 2;
        if !self.full {
            self.first_bytes = bytes;
            self.first.push(line);
            return;
        }
        self.last_bytes += line.text.len();
        self.last.push_back(line);
        while self.last.len() > LINES_MAX / 2 || self.last_bytes > BYTES_MAX / 2 {
            let gone = self.last.pop_front();
            self.last_bytes -= gone.map_or(0, |line| line.text.len());
            self.left_out += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(journal: &Journal) -> Vec<String> {
        let lines = journal.lines().into_iter();
        lines.map(|line| line.text).collect()
    }

    #[test]
    fn all_handles_write_to_one_journal() {
        let journal = Journal::new();
        let other = journal.clone();
        journal.note(Duration::from_micros(5), "a");
        other.note(Duration::from_secs(1), format_args!("b {}", 2));
        let micros: Vec<u64> = journal.lines().iter().map(|line| line.micros).collect();
        assert_eq!(texts(&journal), ["a", "b 2"]);
        assert_eq!(micros, [5, 1_000_000]);
    }

    #[test]
    fn a_flood_leaves_the_beginning_and_the_end() {
        let journal = Journal::new();
        for number in 0..10_000 {
            journal.note(Duration::ZERO, number);
        }
        let texts = texts(&journal);
        assert_eq!(texts.len(), LINES_MAX + 1);
        assert_eq!(texts[999..1002], ["999", "(8000 lines left out)", "9000"]);
        assert_eq!(texts.last().map(String::as_str), Some("9999"));
    }

    #[test]
    fn long_lines_are_cut_and_their_sum_is_bounded() {
        let journal = Journal::new();
        for _ in 0..1_000 {
            journal.note(Duration::MAX, "\u{e9}".repeat(LINE_BYTES_MAX));
        }
        journal.note(Duration::MAX, "the end");
        let texts = texts(&journal);
        let bytes: usize = texts.iter().map(String::len).sum();
        assert!(bytes <= BYTES_MAX + 100, "{bytes}");
        assert!(texts[0].len() <= LINE_BYTES_MAX + '…'.len_utf8());
        assert_eq!(texts.last().map(String::as_str), Some("the end"));
        let left_out = format!("({} lines left out)", 1_001 - (texts.len() - 1));
        assert!(texts.contains(&left_out), "{left_out}");
    }
}
