//! What PyYAML refuses although [`read`](super::read) takes it: stock cloud-init drops such a document as a whole.
//!
//! [`read`](super::read) stands on a reader of YAML 1.2 and is lenient where nobody can be misled. The differences, which
//! `tests/oracle/strictness.py` looks for by trying:
//!
//! - a tab anywhere but in a comment, in quotes or in the text of a block scalar;
//! - the line breaks that YAML 1.2 has given up (U+0085, U+2028, U+2029): what is behind them moves;
//! - an anchor of other letters than `A-Z a-z 0-9 _ -`, or one that was there before;
//! - a key without `?` that is nothing, that has its colon on another line, or 1024 characters away;
//! - a `?` in plain text between brackets;
//! - a byte order mark between two words, a block scalar between brackets;
//! - `=` and `<<` as plain values, dates that no calendar has, numbers without digits;
//! - `%YAML` of another major version.
//!
//! A key that occurs twice is told, too: both readers take the last value, and hardly anybody means that.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use saphyr_parser::{Event, Parser, ScalarStyle, Span, Tag};

use super::scalar::{self, Scalar};
use crate::value::{Map, SyntaxError, quote};

/// Most places that are told of in one document.
pub const ODDITIES_MAX: usize = 32;

/// What is expected where a tab is.
const TAB: &str = "a space instead of a tab, which stock cloud-init refuses";
/// What is expected where a key occurs a second time, which PyYAML does not refuse.
const ONCE: &str = "each key once";

/// How far behind the beginning of a key its colon may be, in characters (YAML 1.1, section 9.2).
const KEY_CHARACTERS_MAX: usize = 1024;

/// The places of a text that [`read`](super::read) takes where PyYAML would stop, and keys that occur twice: at most
/// [`ODDITIES_MAX`], in order.
pub(super) fn oddities(text: &str) -> Vec<SyntaxError> {
    let mut reader = Reader {
        text,
        cursor: Cursor::new(text),
        frames: Vec::new(),
        brackets: 0,
        in_block: false,
        has_begun: false,
        anchors: BTreeSet::new(),
        found: Vec::new(),
    };
    let mut parser = Parser::new_from_str(text);
    while let Some(Ok((event, span))) = parser.next_event() {
        reader.event(&event, span);
        if reader.found.len() >= ODDITIES_MAX {
            break;
        }
    }
    reader.found
}

/// The first of them for which PyYAML drops the whole text.
pub(super) fn refused(text: &str) -> Option<SyntaxError> {
    let mut all = oddities(text).into_iter();
    all.find(|oddity| oddity.expected != ONCE)
}

/// A place in a text: characters from its beginning, line and column from 1.
#[derive(Clone, Copy)]
struct Place {
    index: usize,
    line: usize,
    column: usize,
}

/// A text, character by character.
#[derive(Clone, Copy)]
struct Cursor<'a> {
    rest: &'a str,
    place: Place,
    before: char,
}

impl<'a> Cursor<'a> {
    fn new(text: &'a str) -> Cursor<'a> {
        let place = Place {
            index: 0,
            line: 1,
            column: 1,
        };
        Cursor {
            rest: text,
            place,
            before: '\n',
        }
    }

    /// The next character with its place, if it is before `end`.
    fn next(&mut self, end: usize) -> Option<(Place, char)> {
        let place = self.place;
        let c = self.rest.chars().next().filter(|_| place.index < end)?;
        self.rest = self.rest.get(c.len_utf8()..)?;
        self.before = c;
        self.place.index += 1;
        self.place.column += 1;
        if c == '\n' || c == '\r' && !self.rest.starts_with('\n') {
            self.place.line += 1;
            self.place.column = 1;
        }
        Some((place, c))
    }

    /// The place of a colon behind nothing but white space.
    fn colon_ahead(mut self) -> Option<Place> {
        loop {
            match self.next(usize::MAX)? {
                (place, ':') => return Some(place),
                (_, ' ' | '\t' | '\n' | '\r') => {}
                _ => return None,
            }
        }
    }

    /// Whether a word may begin here.
    fn is_between(&self) -> bool {
        matches!(self.before, ' ' | '\t' | '\n' | '\r' | '[' | '{' | ',')
    }
}

/// What stands between two scalars.
#[derive(Default)]
struct Gap {
    /// Whether it holds a `?`, which announces a key.
    question: bool,
    /// Where its first colon is.
    colon: Option<Place>,
}

/// A list or a map that is open.
struct Frame {
    /// The keys so far of a map.
    keys: Option<Map>,
    /// Whether the next node of a map is a key.
    at_key: bool,
    /// Where the key before began, unless it was announced.
    key: Option<Place>,
}

struct Reader<'a> {
    text: &'a str,
    cursor: Cursor<'a>,
    frames: Vec<Frame>,
    /// How many brackets are open.
    brackets: usize,
    /// Whether the first line of a block scalar came.
    in_block: bool,
    /// Whether there was a node.
    has_begun: bool,
    anchors: BTreeSet<String>,
    found: Vec<SyntaxError>,
}

impl Reader<'_> {
    fn event(&mut self, event: &Event<'_>, span: Span) {
        let gap = self.gap(span.start.index());
        let start = self.cursor.place;
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                self.node(start, &gap);
                let is_nothing = span.is_empty() && *anchor == 0;
                self.scalar(
                    text,
                    *style,
                    tag.as_deref(),
                    start,
                    is_nothing && !gap.question,
                );
                let end = span.end.index();
                if *anchor != 0 || tag.is_some() {
                    self.properties(end);
                }
                self.skip(*style, end);
            }
            Event::Alias(_) => self.node(start, &gap),
            Event::SequenceStart(..) | Event::MappingStart(..) => {
                self.node(start, &gap);
                let is_map = matches!(event, Event::MappingStart(..));
                self.frames.push(Frame {
                    keys: is_map.then(Map::new),
                    at_key: false,
                    key: None,
                });
            }
            Event::SequenceEnd | Event::MappingEnd => {
                self.frames.pop();
            }
            _ => {}
        }
    }

    /// A node begins: a key, whose colon is to come, or a value, before which it has come.
    fn node(&mut self, start: Place, gap: &Gap) {
        self.has_begun = true;
        let Some(frame) = self.frames.last_mut() else {
            return;
        };
        frame.at_key = frame.keys.is_some() && !frame.at_key;
        if frame.at_key {
            frame.key = Some(start).filter(|_| !gap.question);
        } else if let Some(key) = frame.key.take()
            && let Some(colon) = gap.colon.or_else(|| self.cursor.colon_ahead())
        {
            if colon.line > key.line {
                self.flaw(key, "a key and its colon on one line", None);
            } else if colon.index > key.index + KEY_CHARACTERS_MAX {
                let expected = format!("a key of at most {KEY_CHARACTERS_MAX} characters");
                self.flaw(key, expected, None);
            }
        }
    }

    fn scalar(
        &mut self,
        text: &str,
        style: ScalarStyle,
        tag: Option<&Tag>,
        start: Place,
        is_nothing: bool,
    ) {
        let plain = style == ScalarStyle::Plain;
        let is_key = self.frames.last().is_some_and(|frame| frame.at_key);
        let tag = tag.map(|tag| format!("{}{}", tag.handle, tag.suffix));
        if let Some(expected) = scalar::refused(text, plain, tag.as_deref()) {
            self.flaw(start, expected, None);
        }
        let expected = match text {
            "" if is_nothing && is_key && tag.is_none() => "a key before the colon",
            "=" if plain && tag.is_none() && !is_key => "\"=\" in quotes",
            "<<" if plain && tag.is_none() && !is_key => "\"<<\" in quotes",
            _ if plain && text.starts_with(['|', '>', ':']) && self.brackets > 0 => {
                "text that begins so in quotes"
            }
            _ => "",
        };
        if !expected.is_empty() {
            self.flaw(start, expected, None);
        }
        if let (true, Ok(Scalar::Is(key))) = (is_key, scalar::resolve(text, plain, tag.as_deref()))
            && let Some(keys) = self.frames.last_mut().and_then(|frame| frame.keys.as_mut())
            && keys.insert(key, true).is_some()
        {
            let found = format!("{} once more", quote(text));
            self.flaw(start, ONCE, Some(found));
        }
    }

    /// Goes past the anchor and the tag of a scalar, which belong to it.
    fn properties(&mut self, end: usize) {
        let mut gap = Gap::default();
        let is_before = |c: char| c.is_ascii_whitespace() || matches!(c, '&' | '!' | '#');
        while self.cursor.rest.starts_with(is_before) && self.step(end, &mut gap) {}
    }

    /// Goes through a scalar of this style. The first line of a block scalar may stand before it or be its beginning.
    fn skip(&mut self, style: ScalarStyle, end: usize) {
        let plain = style == ScalarStyle::Plain;
        let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
        if block && !self.in_block && self.cursor.rest.starts_with(['|', '>']) {
            let mut gap = Gap::default();
            while !self.cursor.rest.starts_with(['\n', '\r']) && self.step(usize::MAX, &mut gap) {}
        }
        self.in_block = false;
        match style {
            ScalarStyle::SingleQuoted => return self.quoted('\'', end),
            ScalarStyle::DoubleQuoted => return self.quoted('"', end),
            _ => {}
        }
        while let Some((place, c)) = self.cursor.next(end) {
            match c {
                '?' if plain && self.brackets > 0 => {
                    self.flaw(place, "text with \"?\" between brackets in quotes", None);
                }
                '\t' if plain => self.tab(place),
                _ => self.line_break(place, c),
            }
        }
    }

    /// Goes past the quotation mark that closes a scalar.
    fn quoted(&mut self, mark: char, end: usize) {
        self.cursor.next(end);
        while let Some((_, c)) = self.cursor.next(end) {
            let escapes = mark == '"' && c == '\\';
            let doubled = mark == '\'' && c == mark && self.cursor.rest.starts_with(mark);
            if escapes || doubled {
                self.cursor.next(end);
            } else if c == mark {
                return;
            }
        }
    }

    /// Goes through what stands between two scalars.
    fn gap(&mut self, end: usize) -> Gap {
        let mut gap = Gap::default();
        while self.step(end, &mut gap) {}
        gap
    }

    /// Goes past an indicator, an anchor, a tag, a directive or a comment; false at the end.
    fn step(&mut self, end: usize, gap: &mut Gap) -> bool {
        let is_between = self.cursor.is_between();
        let Some((place, c)) = self.cursor.next(end) else {
            return false;
        };
        match c {
            '#' if is_between => self.comment(),
            '%' if place.column == 1 => {
                self.directive(place);
                self.comment();
            }
            '!' if is_between => {
                self.word(end);
            }
            '&' | '*' if is_between => self.anchor(place, c == '&', end),
            '|' | '>' => {
                self.in_block = true;
                if self.brackets > 0 {
                    self.flaw(place, "text in quotes between brackets", None);
                }
            }
            '?' => gap.question = true,
            ':' => gap.colon = gap.colon.or(Some(place)),
            '[' | '{' => self.brackets += 1,
            ']' | '}' => self.brackets = self.brackets.saturating_sub(1),
            '\t' => self.tab(place),
            '.' if !self.has_begun => self.flaw(place, "a document before its end", None),
            '\u{feff}' => self.flaw(place, "no byte order mark inside", None),
            _ => self.line_break(place, c),
        }
        true
    }

    /// Goes to the end of the line, wherever the next scalar is said to begin.
    fn comment(&mut self) {
        while !self.cursor.rest.starts_with(['\n', '\r'])
            && let Some((place, c)) = self.cursor.next(usize::MAX)
        {
            self.line_break(place, c);
        }
    }

    /// Goes past a tag or a name, and gives it.
    fn word(&mut self, end: usize) -> String {
        let mut word = String::new();
        let stops = |c: char| c.is_whitespace() || matches!(c, ',' | '[' | ']' | '{' | '}');
        while !self.cursor.rest.starts_with(stops)
            && let Some((_, c)) = self.cursor.next(end)
        {
            word.push(c);
        }
        word
    }

    fn anchor(&mut self, place: Place, is_new: bool, end: usize) {
        let name = self.word(end);
        let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        if !name.chars().all(is_letter) || self.cursor.rest.starts_with(['[', '{']) {
            self.flaw(
                place,
                "an anchor of the letters A-Z a-z 0-9 _ -",
                Some(quote(&name)),
            );
        } else if is_new && !self.anchors.insert(name.clone()) {
            let found = format!("{} once more", quote(&name));
            self.flaw(place, "each anchor once", Some(found));
        }
    }

    /// YAML 1.1, section 7.1: `%NAME …`, and `%YAML major.minor`, of which another major version is refused.
    fn directive(&mut self, place: Place) {
        let rest = self.cursor.rest;
        let version = rest
            .strip_prefix("YAML")
            .map(|rest| rest.trim_start_matches(' '));
        if version.map_or(
            !rest.starts_with(|c: char| c.is_ascii_alphabetic()),
            |version| !version.starts_with("1."),
        ) {
            self.flaw(place, "%YAML 1.1", None);
        }
    }

    fn tab(&mut self, place: Place) {
        self.flaw(place, TAB, None);
    }

    fn line_break(&mut self, place: Place, c: char) {
        if matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}') {
            let found = format!("U+{:04X}", u32::from(c));
            self.flaw(place, "line feeds at the ends of lines", Some(found));
        }
    }

    fn line(&self, place: Place) -> &str {
        self.text.lines().nth(place.line - 1).unwrap_or_default()
    }

    /// Notes a place; one of each kind on a line is enough.
    fn flaw(&mut self, place: Place, expected: impl ToString, found: Option<String>) {
        let expected = expected.to_string();
        let told = |last: &SyntaxError| last.line == place.line && last.expected == expected;
        if self.found.len() >= ODDITIES_MAX || self.found.last().is_some_and(told) {
            return;
        }
        self.found.push(SyntaxError {
            line: place.line,
            column: place.column,
            found: found.unwrap_or_else(|| quote(self.line(place))),
            expected,
        });
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// Line, column and expectation of each oddity.
    fn odd(document: &str) -> Vec<String> {
        let odd = crate::yaml::oddities(document.as_bytes()).into_iter();
        odd.map(|error| format!("{}:{} {}", error.line, error.column, error.expected))
            .collect()
    }

    #[test]
    fn what_pyyaml_takes_is_not_odd() {
        for document in [
            "a: b\nc: [d, {e: f, 'g': \"h\"}]\n",
            "# a\ttab\na: 'x\ty'\nb: \"x\ty\"\nc: |\n  x\ty\n\td: e\n",
            "a: |+ # note\n  \tx\n\n",
            "a: &b_1-c !!str |\n  x\ny: *b_1-c\n",
            "? |\n  a\n: b\n? {}\n",
            "a: 2024-02-29\nb: 2001-12-14t21:59:43.10-05:00\nc: 2022-13-45x\nd: '2022-13-45'\n",
            "<<: {a: b}\n=: c\nd: '='\n",
            "a: http://x/?b\nc: [\"http://x/?b\"]\n",
            "%YAML 1.1\n---\na: b\n...\n",
            "'a b'   :   c\n{a: b}: c\n",
            "a: [b,\nc]\n",
            "a: x # it's \"\nb: \"x\" # it's\n",
            "a: ''\n'': b\n~: c\n",
            "",
        ] {
            assert_eq!(odd(document), [""; 0], "{document:?}");
        }
    }

    #[test]
    fn what_pyyaml_refuses_is_odd() {
        const LETTERS: &str = "an anchor of the letters A-Z a-z 0-9 _ -";
        const DATE: &str = "a date and a time that exist";
        for (document, place, expected) in [
            ("a:\n-\tb: c\n", "2:2", TAB),
            ("a: \tb\n", "1:4", TAB),
            ("a: b\t\n", "1:5", TAB),
            ("a: b\tc\n", "1:5", TAB),
            ("a: b\t# c\n", "1:5", TAB),
            ("a: \"b\"\t\n", "1:7", TAB),
            ("a: |\t\n  b\n", "1:5", TAB),
            ("a: [b,\n\tc]\n", "2:1", TAB),
            ("a: !!str\tb\n", "1:9", TAB),
            ("a: b\n\t\nc: d\n", "2:1", TAB),
            (
                "a: b # x\u{2028}c: d\n",
                "1:9",
                "line feeds at the ends of lines",
            ),
            ("a: &b.c d\n", "1:4", LETTERS),
            ("a: &b c\nd: &b e\n", "2:4", "each anchor once"),
            (": a\n", "1:1", "a key before the colon"),
            ("a: {b\n: c}\n", "1:5", "a key and its colon on one line"),
            (
                "a: {\"b\nc\": d}\n",
                "1:5",
                "a key and its colon on one line",
            ),
            (
                "a: [http://x/?b]\n",
                "1:14",
                "text with \"?\" between brackets in quotes",
            ),
            ("a: =\n", "1:4", "\"=\" in quotes"),
            ("a: [<<]\n", "1:5", "\"<<\" in quotes"),
            ("a: 2023-02-29\n", "1:4", DATE),
            ("a: 2022-13-45\n", "1:4", DATE),
            ("a: 2022-1-1 24:00:00\n", "1:4", DATE),
            ("a: 2022-1-1 23:00:00+24:00\n", "1:4", DATE),
            ("a: !!timestamp x\n", "1:4", DATE),
            ("a: 0x_\n", "1:4", "digits of a number"),
            ("%YAML 2.0\n---\na: b\n", "1:1", "%YAML 1.1"),
            ("a: 1\nb: 2\n'a': 3\n", "3:1", "each key once"),
            ("a: [{b: 1, b: 2}]\n", "1:12", "each key once"),
        ] {
            assert_eq!(
                odd(document),
                [format!("{place} {expected}")],
                "{document:?}"
            );
        }
    }

    #[test]
    fn oddities_are_bounded() {
        let tabs = "a:\n".to_string() + &"-\tb\n".repeat(100_000);
        assert_eq!(odd(&tabs).len(), ODDITIES_MAX);
        assert_eq!(odd(&format!("a: b{}c\n", "\t".repeat(1 << 20))).len(), 1);
    }
}
