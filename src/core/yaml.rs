//! YAML 1.1 as PyYAML's safe loader reads it, into a [`Value`], with bounds.
//!
//! saphyr-parser gives events of YAML 1.2; what a scalar means, merge keys, tags and aliases are ours, after
//! <https://yaml.org/type/> and what PyYAML makes of it: `yes` and `on` are true, `0644` is octal, `1:30` is 90, of a key
//! that occurs twice the last value counts in the place of the first. On purpose different:
//! - dates stay text as written, and a wrong date is no error;
//! - an ordered map (`!!omap`, `!!pairs`) is a list of pairs, a set is a map to nothing;
//! - a value inside itself (`&a [*a]`) is an error;
//! - `=` and `<<` as values are text, for which PyYAML finds no constructor.

use alloc::borrow::Cow;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Tag};

use crate::budget::Budget;
use crate::value::{Map, SyntaxError, Value, quote};

mod scalar;
mod strict;
mod surrogates;
mod write;

pub use write::{write, write_document, write_entries};

use scalar::{Kind, Scalar};

/// Longest document read, in bytes.
pub const YAML_BYTES_MAX: usize = 16 << 20;

/// Deepest nesting of lists and maps read.
pub const YAML_DEPTH_MAX: usize = 128;

/// Most bytes of one document that are read again because lines are indented for the parser.
const READ_AGAIN_BYTES_MAX: usize = 512 << 10;
/// The steps of the budget that reading a byte again takes.
const BYTE_STEPS: usize = 8;

/// Reads one document; nothing, or comments alone, is [`Value::Null`].
///
/// YAML 1.2 wants the lines of a flow collection and of a quoted scalar indented as deep as the block around them; 1.1
/// does not, and there indentation means nothing. So where the parser misses it, the line gets it, and is read again.
///
/// # Errors
/// It is no YAML, has a tag that plain data do not have, or is deeper, longer or larger than its bounds: line, column, what is
/// expected and what was found.
pub fn read(document: &[u8]) -> Result<Value, SyntaxError> {
    read_within(document, &Budget::new())
}

/// Reads one document of several, which together have this budget: nodes, and bytes of text that aliases add by repeating what
/// they stand for. A document that cannot be read has cost its steps, no nodes.
///
/// # Errors
/// As in [`read`], and if the budget has nothing left.
pub fn read_within(document: &[u8], budget: &Budget) -> Result<Value, SyntaxError> {
    read_text(document, budget).map(|(value, _)| value)
}

/// Longest document in which what PyYAML refuses is looked for on the way, in bytes: more than a cloud hands out.
const STRICT_BYTES_MAX: usize = 1 << 20;

/// The same, and the first place, if there is one, for which PyYAML refuses the document.
///
/// # Errors
/// As in [`read_within`]; what only PyYAML refuses is no error.
pub fn read_doubtful(
    document: &[u8],
    budget: &Budget,
) -> Result<(Value, Option<SyntaxError>), SyntaxError> {
    let (value, text) = read_text(document, budget)?;
    let is_short = text.len() <= STRICT_BYTES_MAX;
    let refused = is_short.then(|| strict::refused(&text)).flatten();
    Ok((value, refused))
}

/// What PyYAML, and with it stock cloud-init, refuses of a document that [`read`] takes, and keys that occur twice. Nothing of a
/// document that [`read`] refuses.
pub fn oddities(document: &[u8]) -> Vec<SyntaxError> {
    read_text(document, &Budget::new())
        .map_or_else(|_| Vec::new(), |(_, text)| strict::oddities(&text))
}

/// What a text lacks that PyYAML reads and the parser does not. Lines and characters in them count from 0.
enum Mend {
    /// Indentation of this line, or of the first below it that has not been indented yet.
    Indent(usize),
    /// What stands before and behind a character, by its line and its place there.
    Around(usize, usize, &'static str, &'static str),
}

/// The value of a document, and its text with what the parser missed.
fn read_text<'d>(
    document: &'d [u8],
    budget: &Budget,
) -> Result<(Value, Cow<'d, str>), SyntaxError> {
    let text = check(document)?;
    let (first, mend) = match attempt(text, budget) {
        Ok(value) => return Ok((value, Cow::Borrowed(text))),
        Err(error) => error,
    };
    let (mut next, mut lines) = (mend, Vec::new());
    if let Some(text) = surrogates::joined(text)
        && budget.steps.take(text.len().saturating_mul(BYTE_STEPS))
    {
        match attempt(&text, budget) {
            Ok(value) => return Ok((value, Cow::Owned(text))),
            Err((_, mend)) => (next, lines) = (mend, lines_of(&text)),
        }
    } else if next.is_some() {
        lines = lines_of(text);
    }
    let mut indented = BTreeSet::new();
    let mut again_max = READ_AGAIN_BYTES_MAX.checked_div(text.len()).unwrap_or(0);
    while let Some(mend) = next
        && again_max > 0
        && budget.steps.take(text.len().saturating_mul(BYTE_STEPS))
    {
        again_max -= 1;
        if mended(&mut lines, &mut indented, &mend).is_none() {
            break;
        }
        let text = lines.join("\n");
        match attempt(&text, budget) {
            Ok(value) => return Ok((value, Cow::Owned(text))),
            Err((_, mend)) => next = mend,
        }
    }
    Err(first)
}

fn lines_of(text: &str) -> Vec<String> {
    text.split('\n').map(String::from).collect()
}

/// Mends one thing; nothing if there is nothing to mend.
fn mended(lines: &mut [String], indented: &mut BTreeSet<usize>, mend: &Mend) -> Option<()> {
    match *mend {
        Mend::Indent(from) => {
            let place = (from..lines.len()).find(|place| !indented.contains(place))?;
            indented.insert(place);
            lines[place].insert_str(0, &" ".repeat(YAML_DEPTH_MAX));
        }
        Mend::Around(line, character, before, behind) => {
            let line = lines.get_mut(line)?;
            let (at, letter) = line.char_indices().nth(character)?;
            line.insert_str(at + letter.len_utf8(), behind);
            line.insert_str(at, before);
        }
    }
    Some(())
}

/// Reads a text. Beside the error, what could be mended, if that is known.
fn attempt(text: &str, budget: &Budget) -> Result<Value, (SyntaxError, Option<Mend>)> {
    let mut reader = Reader::new(text, budget);
    let read = events(&mut reader, text);
    if read.is_err() {
        budget.nodes.put_back(reader.nodes);
        budget.copied.put_back(reader.copied);
    }
    read.map(|()| reader.root.unwrap_or_default())
}

fn events(reader: &mut Reader, text: &str) -> Result<(), (SyntaxError, Option<Mend>)> {
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) = event.map_err(|error| {
            let (line, character) = (error.marker().line(), error.marker().col());
            let above = line.saturating_sub(1);
            let mend = match error.info() {
                "invalid indentation" | "invalid indentation in flow construct" => {
                    Some(Mend::Indent(above))
                }
                "invalid indentation in quoted scalar" => Some(Mend::Indent(line)),
                // A comment right behind a quotation or a bracket.
                "comments must be separated from other tokens by whitespace" => {
                    Some(Mend::Around(above, character, " ", ""))
                }
                // A hyphen between brackets is a text.
                "plain scalar cannot start with '-' followed by ,[]{}" => {
                    Some(Mend::Around(above, character, "'", "'"))
                }
                _ => None,
            };
            let expected = format!("YAML, that is: {}", error.info());
            (reader.error_at(*error.marker(), expected), mend)
        })?;
        reader
            .event(event, span.start, span.end)
            .map_err(|error| (error, None))?;
    }
    Ok(())
}

/// The text of a document if it is short enough, UTF-8, and of YAML 1.1's printable characters (section 5.1).
fn check(document: &[u8]) -> Result<&str, SyntaxError> {
    let at_start = |expected: String, found: String| SyntaxError {
        line: 1,
        column: 1,
        expected,
        found,
    };
    if document.len() > YAML_BYTES_MAX {
        return Err(at_start(
            format!("at most {YAML_BYTES_MAX} bytes"),
            format!("{}", document.len()),
        ));
    }
    let (text, broken) = match core::str::from_utf8(document) {
        Ok(text) => (text, None),
        Err(error) => {
            let (valid, rest) = document.split_at(error.valid_up_to());
            (core::str::from_utf8(valid).unwrap_or(""), rest.first())
        }
    };
    let printable = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..);
    let (end, expected, found) = match (text.find(|c| !printable(c)), broken) {
        (None, None) => {
            // saphyr-parser takes spaces in a last line without a break for one more line of a block scalar.
            let text = text.strip_prefix('\u{feff}').unwrap_or(text);
            let ended = text.trim_end_matches(' ');
            return Ok(if ended.ends_with('\n') { ended } else { text });
        }
        (Some(end), _) => {
            let c = text[end..].chars().next().unwrap_or_default();
            (end, "printable text", format!("U+{:04X}", u32::from(c)))
        }
        (None, Some(byte)) => (text.len(), "UTF-8", format!("byte 0x{byte:02x}")),
    };
    let before = &text[..end];
    Err(SyntaxError {
        line: before.matches('\n').count() + 1,
        column: before.rsplit('\n').next().unwrap_or("").chars().count() + 1,
        expected: expected.to_string(),
        found,
    })
}

/// A list or a map that is not finished.
struct Frame {
    kind: Kind,
    /// The anchor's number; 0 is none.
    anchor: usize,
    /// [`Reader::nodes`] and [`Reader::bytes`] before it began.
    before: (usize, usize),
    list: Vec<Value>,
    map: Map,
    /// What merge keys brought; the map's own entries come after it and win.
    merged: Map,
    key: Key,
}

enum Key {
    Missing,
    Merge,
    Is(Value),
}

/// What an anchor stands for, with the nodes and the bytes of text in it.
struct Anchored {
    value: Value,
    nodes: usize,
    bytes: usize,
}

struct Reader<'a> {
    text: &'a str,
    budget: &'a Budget,
    /// The length of the text.
    characters: usize,
    /// Has the last line words and no line break?
    is_unended: bool,
    frames: Vec<Frame>,
    anchors: BTreeMap<usize, Anchored>,
    nodes: usize,
    /// Bytes of text in scalars, with repetitions.
    bytes: usize,
    /// Bytes of them that are repetitions.
    copied: usize,
    documents: usize,
    root: Option<Value>,
}

impl<'a> Reader<'a> {
    fn new(text: &'a str, budget: &'a Budget) -> Reader<'a> {
        let last = text.rsplit(['\n', '\r']).next().unwrap_or("");
        Reader {
            text,
            budget,
            characters: text.chars().count(),
            is_unended: !last.trim_matches(' ').is_empty(),
            frames: Vec::new(),
            anchors: BTreeMap::new(),
            nodes: 0,
            bytes: 0,
            copied: 0,
            documents: 0,
            root: None,
        }
    }

    fn event(&mut self, event: Event<'_>, place: Marker, end: Marker) -> Result<(), SyntaxError> {
        match event {
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
            Event::DocumentStart(_) => {
                self.documents += 1;
                match self.documents {
                    1 => Ok(()),
                    _ => Err(self.error_at(place, "one document")),
                }
            }
            Event::Alias(anchor) => self.alias(anchor, place),
            Event::Scalar(mut text, style, anchor, tag) => {
                let block = matches!(style, ScalarStyle::Literal | ScalarStyle::Folded);
                // A block scalar at the end of an unended last line ends without a line break, too; saphyr-parser gives it one.
                let is_last = end.index() >= self.characters;
                if block && self.is_unended && is_last && text.ends_with('\n') {
                    text.to_mut().pop();
                }
                let before = self.count(1, text.len(), 0, place)?;
                let tag = self.tag(tag.as_deref());
                match scalar::resolve(&text, style == ScalarStyle::Plain, tag.as_deref()) {
                    Ok(Scalar::Is(value)) => self.finish(value, anchor, before, place),
                    Ok(Scalar::Merge) => self.merge_key(place),
                    Err(expected) => Err(self.error_at(place, expected)),
                }
            }
            Event::SequenceStart(anchor, tag) => {
                self.open(Kind::List, anchor, tag.as_deref(), place)
            }
            Event::MappingStart(anchor, tag) => self.open(Kind::Map, anchor, tag.as_deref(), place),
            Event::SequenceEnd | Event::MappingEnd => self.close(place),
        }
    }

    fn tag(&self, tag: Option<&Tag>) -> Option<String> {
        tag.map(|tag| format!("{}{}", tag.handle, tag.suffix))
    }

    /// Counts nodes and bytes, of which some are repetitions, and gives the counts before.
    fn count(
        &mut self,
        nodes: usize,
        bytes: usize,
        copied: usize,
        place: Marker,
    ) -> Result<(usize, usize), SyntaxError> {
        let before = (self.nodes, self.bytes);
        if !self.budget.read_nodes(nodes) {
            let most = self.budget.nodes.most();
            let expected = format!("at most {most} nodes, counting aliases, in all documents");
            return Err(self.error_at(place, expected));
        }
        self.nodes += nodes;
        if !self.budget.copied.take(copied) {
            let most = self.budget.copied.most();
            let expected = format!("at most {most} bytes of text from aliases, in all documents");
            return Err(self.error_at(place, expected));
        }
        self.bytes += bytes;
        self.copied += copied;
        Ok(before)
    }

    fn open(
        &mut self,
        kind: Kind,
        anchor: usize,
        tag: Option<&Tag>,
        place: Marker,
    ) -> Result<(), SyntaxError> {
        let before = self.count(1, 0, 0, place)?;
        if self.frames.len() >= YAML_DEPTH_MAX {
            return Err(self.error_at(place, format!("at most {YAML_DEPTH_MAX} levels of nesting")));
        }
        let kind = scalar::collection(kind, self.tag(tag).as_deref())
            .map_err(|expected| self.error_at(place, expected))?;
        self.frames.push(Frame {
            kind,
            anchor,
            before,
            list: Vec::new(),
            map: Map::new(),
            merged: Map::new(),
            key: Key::Missing,
        });
        Ok(())
    }

    fn close(&mut self, place: Marker) -> Result<(), SyntaxError> {
        let Some(frame) = self.frames.pop() else {
            return Ok(());
        };
        let value = match frame.kind {
            Kind::List => Value::List(frame.list),
            Kind::Pairs => {
                let pairs: Option<Vec<Value>> = frame.list.into_iter().map(pair).collect();
                Value::List(pairs.ok_or_else(|| self.error_at(place, "maps of one entry each"))?)
            }
            Kind::Map if frame.merged.is_empty() => Value::Map(frame.map),
            Kind::Map => {
                let mut map = frame.merged;
                map.extend(frame.map);
                Value::Map(map)
            }
            Kind::Set => {
                let entries = frame.merged.into_iter().chain(frame.map);
                Value::Map(entries.map(|(key, _)| (key, Value::Null)).collect())
            }
        };
        self.finish(value, frame.anchor, frame.before, place)
    }

    /// Keeps a finished node for its aliases, and puts it where it belongs.
    fn finish(
        &mut self,
        value: Value,
        anchor: usize,
        (nodes, bytes): (usize, usize),
        place: Marker,
    ) -> Result<(), SyntaxError> {
        if anchor != 0 {
            let (nodes, bytes) = (self.nodes - nodes, self.bytes - bytes);
            self.count(nodes, bytes, bytes, place)?;
            let value = value.clone();
            self.anchors.insert(
                anchor,
                Anchored {
                    value,
                    nodes,
                    bytes,
                },
            );
        }
        self.put(value, place)
    }

    fn alias(&mut self, anchor: usize, place: Marker) -> Result<(), SyntaxError> {
        let Some(&Anchored { nodes, bytes, .. }) = self.anchors.get(&anchor) else {
            return Err(self.error_at(place, "an alias outside of what it stands for"));
        };
        self.count(nodes, bytes, bytes, place)?;
        match self.anchors.get(&anchor) {
            Some(anchored) => self.put(anchored.value.clone(), place),
            None => Ok(()),
        }
    }

    fn put(&mut self, value: Value, place: Marker) -> Result<(), SyntaxError> {
        let Some(frame) = self.frames.last_mut() else {
            self.root = Some(value);
            return Ok(());
        };
        if matches!(frame.kind, Kind::List | Kind::Pairs) {
            frame.list.push(value);
            return Ok(());
        }
        match core::mem::replace(&mut frame.key, Key::Missing) {
            Key::Is(key) => {
                frame.map.insert(key, value);
            }
            Key::Merge => match mergeable(value) {
                Some(maps) => frame.merged.extend(maps.into_iter().flatten()),
                None => return Err(self.error_at(place, "a map or a list of maps to merge")),
            },
            Key::Missing if matches!(value, Value::List(_) | Value::Map(_)) => {
                let expected = "a key that is text or a number (quote what begins with a bracket)";
                return Err(self.error_at(place, expected));
            }
            Key::Missing => frame.key = Key::Is(value),
        }
        Ok(())
    }

    /// `<<` where a key belongs; elsewhere it is text.
    fn merge_key(&mut self, place: Marker) -> Result<(), SyntaxError> {
        match self.frames.last_mut() {
            Some(Frame {
                kind: Kind::Map | Kind::Set,
                key: key @ Key::Missing,
                ..
            }) => {
                *key = Key::Merge;
                Ok(())
            }
            _ => self.put("<<".into(), place),
        }
    }

    /// An error that quotes the line; a tab before its first word is likely the reason.
    fn error_at(&self, place: Marker, expected: impl ToString) -> SyntaxError {
        let line = self.text.lines().nth(place.line().saturating_sub(1));
        let words = line.map(str::trim_start).unwrap_or("");
        let before = line.map_or("", |line| &line[..line.len() - words.len()]);
        let tab = before.chars().position(|c| c == '\t');
        SyntaxError {
            line: place.line(),
            column: tab.unwrap_or(place.col()) + 1,
            expected: match tab {
                Some(_) => "spaces before the first word of the line".to_string(),
                None => expected.to_string(),
            },
            found: match (line, tab) {
                (None, _) => "the end of the document".to_string(),
                (Some(_), Some(_)) => format!("a tab before {}", quote(words)),
                (Some(_), None) => quote(words),
            },
        }
    }
}

/// An entry of an ordered map as a list of two.
fn pair(entry: Value) -> Option<Value> {
    let Value::Map(map) = entry else { return None };
    let mut entries = map.into_iter();
    match (entries.next(), entries.next()) {
        (Some((key, value)), None) => Some(Value::List([key, value].into())),
        _ => None,
    }
}

/// The maps a merge key brings, the strongest last: of a list, that is its first.
fn mergeable(value: Value) -> Option<Vec<Map>> {
    match value {
        Value::Map(map) => Some([map].into()),
        Value::List(list) => list
            .into_iter()
            .rev()
            .map(|element| match element {
                Value::Map(map) => Some(map),
                _ => None,
            })
            .collect(),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::budget::NODES_MAX;
    use crate::json;

    fn text(document: &str) -> Result<String, String> {
        match read(document.as_bytes()) {
            Ok(value) => Ok(json::write(&value)),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn documents_are_read_as_pyyaml_reads_them() {
        for (document, expected) in [
            ("", "null"),
            ("# only a comment\n", "null"),
            ("\u{feff}a: b\r\nc:\r\n- d\r\n", r#"{"a":"b","c":["d"]}"#),
            ("a: 1\nb: 2\na: 3\n", r#"{"a":3,"b":2}"#),
            (
                "a: [yes, No, on, y, 0644, 1e3, 1:30, ~, '12']",
                r#"{"a":[true,false,true,"y",420,"1e3",90,null,"12"]}"#,
            ),
            (
                "b: &x {a: 1, c: 3}\nd:\n  <<: *x\n  a: 9\n",
                r#"{"b":{"a":1,"c":3},"d":{"a":9,"c":3}}"#,
            ),
            (
                "a: &x {k: 1}\nb: {<<: [*x, {k: 2, l: 3}]}",
                r#"{"a":{"k":1},"b":{"k":1,"l":3}}"#,
            ),
            (
                "a: !!binary aGk=\nb: !!str 12\nc: !!set {x, y}",
                r#"{"a":"aGk=","b":"12","c":{"x":null,"y":null}}"#,
            ),
            ("!!omap [a: 1, b: 2]", r#"[["a",1],["b",2]]"#),
            (
                "on: 2001-01-01\n0x10: =\n",
                r#"{"true":"2001-01-01","16":"="}"#,
            ),
            (
                "a: |\n  #c 'x: y'\nb: >-\n  c\n  d\n",
                r##"{"a":"#c 'x: y'\n","b":"c d"}"##,
            ),
            ("a: [\"\\ud83d\\ude00\", -]#c", r#"{"a":["😀","-"]}"#),
        ] {
            assert_eq!(text(document).as_deref(), Ok(expected), "{document}");
        }
    }

    #[test]
    fn an_error_names_line_and_column_and_quotes_the_line() {
        for (document, expected) in [
            (
                "a: b\nc:\n\td: e\n",
                "line 3 column 1: expected spaces before the first word of the line, but found a tab before \"d: e\"",
            ),
            (
                "a: 1\n--- \nb: 2\n",
                "line 2 column 1: expected one document, but found \"---\"",
            ),
            (
                "[a, b]: c\n",
                "line 1 column 6: expected a key that is text or a number (quote what begins with a bracket), but found \"[a, b]: c\"",
            ),
            (
                "a: !foo b\n",
                "line 1 column 4: expected what the tag \"!foo\" asks for, but found \"a: !foo b\"",
            ),
            (
                "a: !!int b\n",
                "line 1 column 4: expected what the tag \"tag:yaml.org,2002:int\" asks for, but found \"a: !!int b\"",
            ),
            (
                "a: \u{7}\n",
                "line 1 column 4: expected printable text, but found U+0007",
            ),
            (
                "&a [*a]",
                "line 1 column 5: expected an alias outside of what it stands for, but found \"&a [*a]\"",
            ),
            (
                "<<: 1\n",
                "line 1 column 5: expected a map or a list of maps to merge, but found \"<<: 1\"",
            ),
        ] {
            assert_eq!(text(document).unwrap_err(), expected, "{document}");
        }
        let error = read(b"a: b\nc: \xff\n").unwrap_err().to_string();
        assert_eq!(
            error,
            "line 2 column 4: expected UTF-8, but found byte 0xff"
        );
    }

    #[test]
    fn aliases_cannot_grow_without_bound() {
        let laughs = |leaf: &str| {
            (1..9).fold(format!("a0: &a0 {leaf}\n"), |text, n| {
                let row = format!("*a{}, ", n - 1).repeat(9);
                text + &format!("a{n}: &a{n} [{row}]\n")
            })
        };
        let error = text(&laughs("x")).unwrap_err();
        assert!(error.contains("at most 250000 nodes"), "{error}");
        let error = text(&laughs(&"x".repeat(100_000))).unwrap_err();
        assert!(error.contains("at most 16777216 bytes"), "{error}");
    }

    #[test]
    fn nesting_and_length_are_bounded() {
        let nested = |depth| "[".repeat(depth) + &"]".repeat(depth);
        assert!(text(&nested(YAML_DEPTH_MAX)).is_ok());
        assert!(
            text(&nested(YAML_DEPTH_MAX + 1))
                .unwrap_err()
                .contains("128 levels")
        );
        assert!(
            text(&"- ".repeat(YAML_DEPTH_MAX + 1))
                .unwrap_err()
                .contains("128 levels")
        );
        assert!(read(&alloc::vec![b'#'; YAML_BYTES_MAX + 1]).is_err());
        assert!(text(&"- a\n".repeat(NODES_MAX)).is_err());
    }

    #[test]
    fn what_is_written_is_read_back() {
        let document = "a: [1, x, {}, {b: 'c\n\n  d', 'yes': yes}]\ne: ''\nf: 'long word '\n";
        let value = read(document.as_bytes()).unwrap();
        let written = write_document(&value);
        assert_eq!(
            written,
            "---\na:\n- 1\n- x\n- {}\n-   b: 'c\n\n        d'\n    'yes': true\ne: ''\nf: 'long word '\n...\n"
        );
        assert_eq!(read(written.as_bytes()), Ok(value));
        assert_eq!(write_document(&Map::new().into()), "--- {}\n...\n");
        assert_eq!(write(&"x".into()), "x\n...\n");
    }
}
