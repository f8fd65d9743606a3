//! The filter `pprint`: a value on as many lines as it needs, as Python's pprint writes it.

use alloc::string::String;
use alloc::vec::Vec;

use super::super::super::args::Args;
use super::super::super::dict::Dict;
use super::super::super::methods::text::lines;
use super::super::super::order::{DEPTH_MAX, key_order};
use super::super::super::run::Run;
use super::super::super::show;
use super::super::super::value::{Answer, Value, fault};

/// Longest line, in characters.
const WIDTH: usize = 80;

pub fn pretty(run: &mut Run, value: &Value, _: &mut Args) -> Answer {
    let mut writer = Writer { out: String::new() };
    let value = sorted(value, 0)?;
    writer.value(run, &value, 0, 0, 0)?;
    Ok(Value::Text(writer.out.into()))
}

/// A value with the entries of its maps in the order of their keys.
fn sorted(value: &Value, depth: usize) -> Answer {
    if depth > DEPTH_MAX {
        return fault("`pprint` of a value too deep");
    }
    let all = |items: Vec<Value>| {
        let items = items.iter().map(|item| sorted(item, depth + 1));
        items.collect::<Answer<Vec<Value>>>()
    };
    Ok(match value {
        Value::List(seq) => Value::list(all(seq.to_vec())?),
        Value::Tuple(seq) => Value::tuple(all(seq.to_vec())?),
        Value::Dict(dict) => {
            let mut pairs = dict.pairs();
            pairs.sort_by(|(one, _), (other, _)| key_order(one, other));
            let sorted_dict = Dict::default();
            for (key, value) in pairs {
                sorted_dict.insert(key, sorted(&value, depth + 1)?);
            }
            Value::Dict(sorted_dict.into())
        }
        other => other.clone(),
    })
}

struct Writer {
    out: String,
}

impl Writer {
    /// Writes a value; so many characters stand before it, and so many must have room behind it.
    fn value(
        &mut self,
        run: &mut Run,
        value: &Value,
        before: usize,
        behind: usize,
        level: usize,
    ) -> Answer<()> {
        let text = show::repr(value)?;
        run.spend(1 + text.len() / 64)?;
        let len = text.chars().count();
        if len + before + behind <= WIDTH {
            self.out.push_str(&text);
            return Ok(());
        }
        match value {
            Value::List(seq) => self.items(run, &seq.to_vec(), ["[", "]"], before, behind, level),
            Value::Tuple(seq) if seq.items.borrow().len() == 1 => {
                self.items(run, &seq.to_vec(), ["(", ",)"], before, behind, level)
            }
            Value::Tuple(seq) => self.items(run, &seq.to_vec(), ["(", ")"], before, behind, level),
            Value::Dict(dict) => self.entries(run, &dict.pairs(), before, behind, level),
            Value::Text(text) => {
                self.text(text, before, behind, level);
                Ok(())
            }
            _ => {
                self.out.push_str(&text);
                Ok(())
            }
        }
    }

    fn items(
        &mut self,
        run: &mut Run,
        items: &[Value],
        [open, close]: [&str; 2],
        before: usize,
        behind: usize,
        level: usize,
    ) -> Answer<()> {
        self.out.push_str(open);
        for (place, item) in items.iter().enumerate() {
            if place > 0 {
                self.line(before + 1);
            }
            let is_last = place + 1 == items.len();
            let behind = if is_last { behind + close.len() } else { 1 };
            self.value(run, item, before + 1, behind, level + 1)?;
        }
        self.out.push_str(close);
        Ok(())
    }

    fn entries(
        &mut self,
        run: &mut Run,
        pairs: &[(Value, Value)],
        before: usize,
        behind: usize,
        level: usize,
    ) -> Answer<()> {
        self.out.push('{');
        for (place, (key, value)) in pairs.iter().enumerate() {
            if place > 0 {
                self.line(before + 1);
            }
            let key = show::repr(key)?;
            self.out.push_str(&key);
            self.out.push_str(": ");
            let is_last = place + 1 == pairs.len();
            let behind = if is_last { behind + 1 } else { 1 };
            let before = before + 1 + key.chars().count() + 2;
            self.value(run, value, before, behind, level + 1)?;
        }
        self.out.push('}');
        Ok(())
    }

    /// A new line behind a comma.
    fn line(&mut self, before: usize) {
        self.out.push_str(",\n");
        self.out.extend(core::iter::repeat_n(' ', before));
    }

    /// A long text as several shorter ones, in brackets if nothing else is around it.
    fn text(&mut self, text: &str, before: usize, behind: usize, level: usize) {
        let own = usize::from(level == 0);
        let (before, behind) = (before + own, behind + own);
        let chunks = chunks(text, WIDTH.saturating_sub(before), behind);
        let brackets = level == 0 && chunks.len() > 1;
        self.out.push_str(if brackets { "(" } else { "" });
        for (place, chunk) in chunks.iter().enumerate() {
            if place > 0 {
                self.out.push('\n');
                self.out.extend(core::iter::repeat_n(' ', before));
            }
            show::write_quoted(&mut self.out, chunk);
        }
        self.out.push_str(if brackets { ")" } else { "" });
    }
}

/// The pieces of a text: its lines, and of those that are too long as many words as there is room for.
fn chunks(text: &str, width: usize, behind: usize) -> Vec<String> {
    let fits = |text: &str, is_last: bool| {
        let mut quoted = String::new();
        show::write_quoted(&mut quoted, text);
        quoted.chars().count() + if is_last { behind } else { 0 } <= width
    };
    let mut chunks = Vec::new();
    let lines = lines(text, true);
    for (place, line) in lines.iter().enumerate() {
        let is_last = place + 1 == lines.len();
        if fits(line, is_last) {
            chunks.push(String::from(*line));
            continue;
        }
        let mut current = String::new();
        let mut rest = *line;
        while !rest.is_empty() {
            let blanks = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let end = rest.get(blanks..).unwrap_or("");
            let end = rest.len() - end.trim_start().len();
            let (word, behind) = rest.split_at(end);
            rest = behind;
            let candidate = [&*current, word].concat();
            if fits(&candidate, is_last && rest.is_empty()) {
                current = candidate;
                continue;
            }
            if !current.is_empty() {
                chunks.push(current);
            }
            current = String::from(word);
        }
        if !current.is_empty() {
            chunks.push(current);
        }
    }
    chunks
}
