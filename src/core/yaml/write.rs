//! YAML, written as PyYAML's safe dumper writes it in block style with sorted keys and an indent of four.
//!
//! Byte for byte the same, but for two things: a value that occurs twice is written twice, never by an alias, and a date,
//! which is text to us, is quoted.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::scalar;
use crate::value::{Value, float_text};

/// Spaces for each level.
const INDENT: usize = 4;

/// The column behind which a line is broken where it can be.
const WIDTH: usize = 80;

/// Longest key written before a colon, in characters with those of its unwritten tag, as PyYAML counts; a longer one
/// comes after a question mark.
const SIMPLE_KEY_CHARS_MAX: usize = 127;

/// The value alone, as `yaml.safe_dump(value, default_flow_style=False, indent=4)` writes it.
pub fn write(value: &Value) -> String {
    let mut emitter = Emitter::new();
    emitter.node(value, Context::Root);
    emitter.ended()
}

/// A map of these entries, alone; for one that nobody else needs and that is large. There has to be one.
pub fn write_entries(entries: Vec<(&Value, &Value)>) -> String {
    let mut emitter = Emitter::new();
    emitter.map(entries);
    emitter.ended()
}

/// The value between the marks of a document, `---` and `...`, as cloud-config.txt has it.
pub fn write_document(value: &Value) -> String {
    let mut emitter = Emitter::new();
    emitter.indicator("---", true);
    emitter.node(value, Context::Root);
    emitter.line();
    emitter.indicator("...", true);
    emitter.line();
    emitter.out
}

/// Where a node stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Context {
    Root,
    Element,
    /// A key before a colon, which stays on its line.
    SimpleKey,
    /// The value of an entry, or a key after a question mark.
    Entry,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Style {
    Plain,
    Single,
    Double,
    Literal,
}

struct Emitter {
    out: String,
    column: usize,
    /// The indent in force; none before the outermost collection.
    indent: Option<usize>,
    /// Was white space written last?
    whitespace: bool,
    /// Has the line nothing but indentation and the marks of lists and complex keys?
    indention: bool,
    /// Does a reader need `...` to know that the document ends?
    open_ended: bool,
}

impl Emitter {
    fn new() -> Emitter {
        Emitter {
            out: String::new(),
            column: 0,
            indent: None,
            whitespace: true,
            indention: true,
            open_ended: false,
        }
    }

    /// What was written, with the end that a reader needs.
    fn ended(mut self) -> String {
        self.line();
        if self.open_ended {
            self.indicator("...", true);
            self.line();
        }
        self.out
    }

    fn node(&mut self, value: &Value, context: Context) {
        match value {
            Value::List(list) if list.is_empty() => self.indicator("[]", true),
            Value::Map(map) if map.is_empty() => self.indicator("{}", true),
            Value::List(list) => self.list(list, context),
            Value::Map(map) => self.map(map.iter().collect()),
            _ => self.scalar(value, context),
        }
    }

    fn list(&mut self, list: &[Value], context: Context) {
        let outer = self.indent;
        let indentless = context == Context::Entry && !self.indention;
        if !(indentless && outer.is_some()) {
            self.increase_indent(0);
        }
        for element in list {
            self.line();
            self.mark("-");
            self.node(element, Context::Element);
        }
        self.indent = outer;
    }

    fn map(&mut self, entries: Vec<(&Value, &Value)>) {
        let outer = self.indent;
        self.increase_indent(0);
        for (key, value) in sorted(entries) {
            self.line();
            if is_simple_key(key) {
                self.node(key, Context::SimpleKey);
                self.indicator(":", false);
            } else {
                self.mark("?");
                self.node(key, Context::Entry);
                self.line();
                self.mark(":");
            }
            self.node(value, Context::Entry);
        }
        self.indent = outer;
    }

    fn scalar(&mut self, value: &Value, context: Context) {
        let outer = self.indent;
        self.increase_indent(INDENT);
        let text = scalar_text(value);
        let split = context != Context::SimpleKey;
        if let Value::Bytes(_) = value {
            self.indicator("!!binary", true);
        }
        match style(value, &text, context) {
            Style::Plain => self.plain(&text, split, context),
            Style::Single => self.single_quoted(&text, split),
            Style::Double => self.double_quoted(&text, split),
            Style::Literal => self.literal(&text),
        }
        self.indent = outer;
    }

    fn increase_indent(&mut self, first: usize) {
        self.indent = Some(self.indent.map_or(first, |indent| indent + INDENT));
    }

    fn raw(&mut self, text: &str) {
        self.column += text.chars().count();
        // Behind a long text one letter would double all of it.
        if self.out.capacity() - self.out.len() < text.len() + WIDTH {
            self.out
                .reserve_exact(text.len() + WIDTH + self.out.len() / 8);
        }
        self.out.push_str(text);
    }

    fn indicator(&mut self, text: &str, need_whitespace: bool) {
        if need_whitespace && !self.whitespace {
            self.raw(" ");
        }
        self.raw(text);
        self.whitespace = false;
        self.indention = false;
        self.open_ended = false;
    }

    /// A mark after which an indented collection may begin on the same line.
    fn mark(&mut self, text: &str) {
        let indention = self.indention;
        self.indicator(text, true);
        self.indention = indention;
    }

    /// Goes to the indent in force, on a new line unless this one has not passed it.
    fn line(&mut self) {
        let indent = self.indent.unwrap_or(0);
        if !self.indention || self.column > indent || (self.column == indent && !self.whitespace) {
            self.line_break('\n');
        }
        if self.column < indent {
            self.whitespace = true;
            self.out
                .extend(core::iter::repeat_n(' ', indent - self.column));
            self.column = indent;
        }
    }

    fn line_break(&mut self, c: char) {
        self.out.push(c);
        self.whitespace = true;
        self.indention = true;
        self.column = 0;
    }

    fn plain(&mut self, text: &str, split: bool, context: Context) {
        if context == Context::Root {
            self.open_ended = true;
        }
        if !self.whitespace {
            self.raw(" ");
        }
        for run in Runs(text) {
            if run == " " && split && self.column > WIDTH {
                self.line();
            } else {
                self.raw(run);
            }
            self.whitespace = false;
            self.indention = false;
        }
    }

    fn single_quoted(&mut self, text: &str, split: bool) {
        self.indicator("'", true);
        let mut left = text.len();
        for run in Runs(text) {
            let inside = left != text.len() && left != run.len();
            left -= run.len();
            if run == " " && split && inside && self.column > WIDTH {
                self.line();
            } else if run.starts_with(is_break) {
                if run.starts_with('\n') {
                    self.line_break('\n');
                }
                run.chars().for_each(|c| self.line_break(c));
                self.line();
            } else if run == "'" {
                self.raw("''");
            } else {
                self.raw(run);
            }
        }
        self.indicator("'", false);
    }

    /// A line is broken, with a backslash, before a space, or where the character just written was escaped.
    fn double_quoted(&mut self, text: &str, split: bool) {
        self.indicator("\"", true);
        let last = text.chars().count().saturating_sub(1);
        // What is not written yet, as bytes and as characters.
        let (mut start, mut waiting) = (0, 0);
        for (place, (at, c)) in text.char_indices().enumerate() {
            let escaped = !matches!(c, ' '..='~') || matches!(c, '"' | '\\');
            if escaped {
                self.raw(&text[start..at]);
                self.raw(&escape(c));
                (start, waiting) = (at + c.len_utf8(), 0);
            }
            // PyYAML counts a character that was just escaped as one column less.
            let full = self.column + waiting > WIDTH + usize::from(escaped);
            if split && full && (c == ' ' || waiting == 0) && 0 < place && place < last {
                let end = start.max(at);
                self.raw(&text[start..end]);
                self.raw("\\");
                (start, waiting) = (end, 0);
                self.line();
                self.whitespace = false;
                self.indention = false;
                if text[start..].starts_with(' ') {
                    self.raw("\\");
                }
            }
            if !escaped {
                waiting += 1;
            }
        }
        self.raw(&text[start..]);
        self.indicator("\"", false);
    }

    fn literal(&mut self, text: &str) {
        self.indicator("|", true);
        self.line_break('\n');
        for line in text.lines() {
            self.line();
            self.raw(line);
            self.line_break('\n');
        }
    }
}

/// YAML 1.1 section 5.5: the shortest escape of a character.
fn escape(c: char) -> String {
    let letter = match c {
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '"' | '\\' => c,
        '\u{85}' => 'N',
        '\u{a0}' => '_',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        '\0'..='\u{ff}' => return format!("\\x{:02X}", u32::from(c)),
        '\0'..='\u{ffff}' => return format!("\\u{:04X}", u32::from(c)),
        _ => return format!("\\U{:08X}", u32::from(c)),
    };
    format!("\\{letter}")
}

/// Text in runs of spaces, runs of line breaks, single quotes, and runs of everything else.
struct Runs<'a>(&'a str);

impl<'a> Iterator for Runs<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        fn class(c: char) -> u8 {
            match c {
                ' ' => 0,
                '\'' => 1,
                c if is_break(c) => 2,
                _ => 3,
            }
        }
        let first = class(self.0.chars().next()?);
        let end = match first {
            1 => 1,
            _ => self.0.find(|c| class(c) != first).unwrap_or(self.0.len()),
        };
        let (run, rest) = self.0.split_at(end);
        self.0 = rest;
        Some(run)
    }
}

fn is_break(c: char) -> bool {
    matches!(c, '\n' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_blank(c: char) -> bool {
    matches!(c, '\0' | ' ' | '\t' | '\r') || is_break(c)
}

fn scalar_text(value: &Value) -> Cow<'_, str> {
    match value {
        Value::Text(text) | Value::BigInt(text) => Cow::Borrowed(text),
        Value::Bool(true) => Cow::Borrowed("true"),
        Value::Bool(false) => Cow::Borrowed("false"),
        Value::Int(int) => Cow::Owned(format!("{int}")),
        Value::Float(float) => Cow::Owned(float_scalar(*float)),
        Value::Bytes(bytes) => Cow::Owned(base64_lines(bytes)),
        Value::Null | Value::List(_) | Value::Map(_) => Cow::Borrowed("null"),
    }
}

fn float_scalar(float: f64) -> String {
    match float {
        _ if float.is_nan() => ".nan".into(),
        f64::INFINITY => ".inf".into(),
        f64::NEG_INFINITY => "-.inf".into(),
        _ => match float_text(float) {
            text if text.contains('.') => text,
            text => text.replacen('e', ".0e", 1),
        },
    }
}

/// Lines of 76 letters, each ended by a line break, as RFC 2045 section 6.8 wants them.
fn base64_lines(bytes: &[u8]) -> String {
    let mut text = String::new();
    for chunk in bytes.chunks(57) {
        STANDARD.encode_string(chunk, &mut text);
        text.push('\n');
    }
    text
}

/// Entries by key where Python can compare the keys: all text, all numbers or all bytes; else in their order.
fn sorted<'a>(mut entries: Vec<(&'a Value, &'a Value)>) -> Vec<(&'a Value, &'a Value)> {
    let all = |fits: fn(&Value) -> bool| entries.iter().all(|(key, _)| fits(key));
    let comparable = all(|key| matches!(key, Value::Text(_)))
        || all(|key| matches!(key, Value::Bytes(_)))
        || all(|key| number(key).is_some());
    if comparable {
        entries.sort_by(|(a, _), (b, _)| compare(a, b));
    }
    entries
}

fn compare(a: &Value, b: &Value) -> Ordering {
    match (a, b) {
        (Value::Text(a), Value::Text(b)) => a.cmp(b),
        (Value::Bytes(a), Value::Bytes(b)) => a.cmp(b),
        (Value::Int(a), Value::Int(b)) => a.cmp(b),
        _ => number(a).partial_cmp(&number(b)).unwrap_or(Ordering::Equal),
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Bool(bool) => Some(f64::from(*bool)),
        Value::Int(int) => Some(*int as f64),
        Value::BigInt(digits) => digits.parse().ok(),
        Value::Float(float) => Some(*float),
        _ => None,
    }
}

/// May this key stand before a colon?
fn is_simple_key(key: &Value) -> bool {
    match key {
        Value::List(list) => list.is_empty(),
        Value::Map(map) => map.is_empty(),
        _ => {
            let text = scalar_text(key);
            let tag = match key {
                Value::Bytes(_) => "!!binary",
                Value::Float(_) => "!!float",
                Value::Null | Value::Bool(_) => "!!null",
                _ => "!!str",
            };
            !text.is_empty()
                && !text.contains(is_break)
                && text.chars().count() + tag.len() <= SIMPLE_KEY_CHARS_MAX
        }
    }
}

fn style(value: &Value, text: &str, context: Context) -> Style {
    let key = context == Context::SimpleKey;
    let found = Analysis::of(text);
    match value {
        Value::Bytes(bytes) if bytes.is_empty() || key => Style::Double,
        Value::Bytes(_) => Style::Literal,
        Value::Text(_) if !found.plain || !scalar::is_plain_text(text) => {
            if found.single && !(key && text.contains(is_break)) {
                Style::Single
            } else {
                Style::Double
            }
        }
        _ => Style::Plain,
    }
}

/// Which styles can carry a text; literal is kept for bytes.
struct Analysis {
    plain: bool,
    single: bool,
}

impl Analysis {
    fn of(text: &str) -> Analysis {
        let printable = |c: char| matches!(c, '\n' | ' '..='~');
        let next = |end: usize| text[end..].chars().next();
        let mut plain = !text.starts_with("---") && !text.starts_with("...");
        let mut single = true;
        let mut before: Option<char> = None;
        for (start, c) in text.char_indices() {
            let after = next(start + c.len_utf8());
            let blank_after = after.is_none_or(is_blank);
            let indicator = match (c, before) {
                ('#' | ',' | '[' | ']' | '{' | '}' | '&' | '*' | '!' | '|' | '>', None) => true,
                ('\'' | '"' | '%' | '@' | '`', None) => true,
                ('?' | '-', None) => blank_after,
                (':', _) => blank_after,
                ('#', Some(before)) => is_blank(before),
                _ => false,
            };
            let break_space = c == ' ' && before.is_some_and(is_break);
            let space_break = is_break(c) && before == Some(' ');
            plain &= !indicator && !is_break(c);
            single &= printable(c) && !break_space && !space_break;
            before = Some(c);
        }
        let edges = text.starts_with(' ') || text.ends_with(' ');
        Analysis {
            plain: plain && single && !edges,
            single,
        }
    }
}
