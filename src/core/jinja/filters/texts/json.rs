//! The filter `tojson`: JSON as Python writes it, keys in order, with what HTML would take for its own escaped.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

use crate::json;
use crate::value::float_text;

use super::super::super::args::Args;
use super::super::super::order::{DEPTH_MAX, sort};
use super::super::super::run::Run;
use super::super::super::show;
use super::super::super::value::{Answer, Value, fault};

pub fn to_json(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let indentation = match args.get(0) {
        None | Some(Value::None) => None,
        Some(text) if text.as_text().is_some() => Some(show::text(text)?),
        Some(_) => Some(" ".repeat(run.fits(args.int(0, 0)?)?)),
    };
    let mut writer = Writer {
        out: String::new(),
        indentation,
        depth: 0,
    };
    writer.value(run, value)?;
    Ok(Value::Html(writer.out.into()))
}

struct Writer {
    out: String,
    indentation: Option<String>,
    depth: usize,
}

impl Writer {
    fn value(&mut self, run: &mut Run, value: &Value) -> Answer<()> {
        run.spend(1)?;
        run.fits(self.out.len() as i128)?;
        match value {
            Value::Text(text) | Value::Html(text) => self.text(text),
            Value::List(seq) | Value::Tuple(seq) => {
                let items = seq.to_vec();
                self.between(run, "[]", &items, |writer, run, item| {
                    writer.value(run, item)
                })?;
            }
            Value::Dict(dict) => {
                let pairs = dict.pairs().into_iter().map(|(key, value)| {
                    let pair = Value::tuple([key.clone(), value].into());
                    (key, pair)
                });
                let pairs = sort(run, pairs.collect(), false)?;
                self.between(run, "{}", &pairs, Self::pair)?;
            }
            other => match plain(other) {
                Some(text) => self.out.push_str(&text),
                None => return fault(format!("`tojson` of {}", other.a_kind())),
            },
        }
        Ok(())
    }

    fn pair(&mut self, run: &mut Run, pair: &Value) -> Answer<()> {
        let pair = pair.as_seq().map_or(Vec::new(), |pair| pair.to_vec());
        let [key, value] = &*pair else {
            return Ok(());
        };
        match (key.as_text(), plain(key)) {
            (Some(text), _) => self.text(text),
            (None, Some(text)) => self.text(&text),
            (None, None) => {
                return fault(format!("`tojson` of a dict with {} as a key", key.a_kind()));
            }
        }
        self.out.push_str(": ");
        self.value(run, value)
    }

    /// Elements between brackets, on a line each if there is an indentation.
    fn between(
        &mut self,
        run: &mut Run,
        brackets: &str,
        items: &[Value],
        write: fn(&mut Self, &mut Run, &Value) -> Answer<()>,
    ) -> Answer<()> {
        if self.depth > DEPTH_MAX {
            return fault("`tojson` of a value too deep");
        }
        let (open, close) = brackets.split_at(1);
        self.out.push_str(open);
        self.depth += 1;
        for (place, item) in items.iter().enumerate() {
            let comma = if self.indentation.is_some() {
                ","
            } else {
                ", "
            };
            self.out.push_str(if place > 0 { comma } else { "" });
            self.line();
            write(self, run, item)?;
        }
        self.depth -= 1;
        if !items.is_empty() {
            self.line();
        }
        self.out.push_str(close);
        Ok(())
    }

    fn line(&mut self) {
        if let Some(indentation) = &self.indentation {
            self.out.push('\n');
            for _ in 0..self.depth {
                self.out.push_str(indentation);
            }
        }
    }

    fn text(&mut self, text: &str) {
        let is_odd = |c| !matches!(c, ' '..='~') || matches!(c, '<' | '>' | '&' | '\'');
        json::write_text(&mut self.out, text, is_odd);
    }
}

/// What is neither text nor has elements.
fn plain(value: &Value) -> Option<String> {
    let mut out = String::new();
    match value {
        Value::None => out.push_str("null"),
        Value::Bool(bool) => out.push_str(if *bool { "true" } else { "false" }),
        Value::Int(int) => write!(out, "{int}").ok()?,
        Value::Float(float) => out.push_str(&match float_text(*float).as_str() {
            "nan" => "NaN".to_string(),
            infinite if infinite.ends_with("inf") => infinite.replace("inf", "Infinity"),
            other => other.to_string(),
        }),
        _ => return None,
    }
    Some(out)
}
