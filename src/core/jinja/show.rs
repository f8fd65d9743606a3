//! Values as Python prints them: `str()`, `repr()` and the words for what does not go together.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use crate::userdata::template::{MISSING, RENDERED_BYTES_MAX};
use crate::value::float_text;

use super::advice;
use super::dict::Dict;
use super::order::DEPTH_MAX;
use super::value::{Answer, Missing, Object, Value, View, fault};

/// A value as `str()` gives it.
pub fn text(value: &Value) -> Answer<String> {
    let mut out = String::new();
    write(&mut out, value)?;
    Ok(out)
}

/// Writes a value as `str()` gives it.
pub fn write(out: &mut String, value: &Value) -> Answer<()> {
    match value {
        Value::Text(text) | Value::Html(text) => out.push_str(text),
        Value::Missing(missing) => write_missing(out, missing)?,
        other => write_repr(out, other, &mut Vec::new())?,
    }
    if out.len() > RENDERED_BYTES_MAX {
        too_long()
    } else {
        Ok(())
    }
}

/// Says that a text is longer than any may be.
pub fn too_long<T>() -> Answer<T> {
    fault(format!("a text of more than {RENDERED_BYTES_MAX} bytes"))
}

fn write_missing(out: &mut String, missing: &Missing) -> Answer<()> {
    if missing.is_silent {
        return Ok(());
    }
    out.push_str(MISSING);
    write(out, &missing.name)
}

/// A value as `repr()` gives it.
pub fn repr(value: &Value) -> Answer<String> {
    let mut out = String::new();
    write_repr(&mut out, value, &mut Vec::new())?;
    Ok(out)
}

/// `open` is where the values are that this one is in.
fn write_repr(out: &mut String, value: &Value, open: &mut Vec<usize>) -> Answer<()> {
    if open.len() > DEPTH_MAX {
        return fault("values too deep to be printed");
    }
    if out.len() > RENDERED_BYTES_MAX {
        return too_long();
    }
    let place = match value {
        Value::List(seq) | Value::Tuple(seq) => Rc::as_ptr(seq) as usize,
        Value::Dict(dict) | Value::Namespace(dict) => Rc::as_ptr(dict) as usize,
        // The map itself may be in it.
        Value::View(_, dict) => Rc::as_ptr(dict) as usize + 1,
        _ => 0,
    };
    if place != 0 && open.contains(&place) {
        out.push_str(match value {
            Value::List(_) => "[...]",
            Value::Tuple(_) => "(...)",
            Value::Dict(_) => "{...}",
            _ => "...",
        });
        return Ok(());
    }
    open.push(place);
    let written = write_contents(out, value, open);
    open.pop();
    written
}

fn write_contents(out: &mut String, value: &Value, open: &mut Vec<usize>) -> Answer<()> {
    match value {
        Value::None => out.push_str("None"),
        Value::Bool(bool) => out.push_str(if *bool { "True" } else { "False" }),
        Value::Int(int) => {
            let _ = write!(out, "{int}");
        }
        Value::Float(float) => out.push_str(&float_text(*float)),
        Value::Text(text) => write_quoted(out, text),
        Value::Html(text) => {
            out.push_str("Markup(");
            write_quoted(out, text);
            out.push(')');
        }
        Value::List(seq) => write_list(out, &seq.to_vec(), "[]", open)?,
        Value::Tuple(seq) => {
            let items = seq.to_vec();
            let brackets = if items.len() == 1 { "(,)" } else { "()" };
            write_list(out, &items, brackets, open)?;
        }
        Value::Slice(bounds) => {
            out.push_str("slice");
            write_list(out, &**bounds, "()", open)?;
        }
        Value::Dict(dict) => write_dict(out, dict, open)?,
        Value::Namespace(dict) => {
            out.push_str("<Namespace ");
            write_dict(out, dict, open)?;
            out.push('>');
        }
        Value::View(view, dict) => write_view(out, *view, dict, open)?,
        Value::Range(range) => {
            let _ = write!(out, "range({}, {}", range.start, range.stop);
            let _ = match range.step {
                1 => write!(out, ")"),
                step => write!(out, ", {step})"),
            };
        }
        Value::Missing(_) => out.push_str("Undefined"),
        Value::Object(object) => write_object(out, object),
        Value::Iter(_) => out.push_str("<generator object>"),
    }
    Ok(())
}

fn write_object(out: &mut String, object: &Object) {
    let _ = match object {
        Object::Function(entry) => write!(out, "<function {}>", entry.name),
        Object::Method(value, entry) => {
            write!(
                out,
                "<built-in method {} of {} object>",
                entry.name,
                value.kind()
            )
        }
        Object::Macro(node, _) => write!(out, "<Macro '{}'>", node.name),
        Object::Loop(state) => write!(
            out,
            "<LoopContext {}/{}>",
            state.index(),
            state.len().unwrap_or(0)
        ),
        Object::Cycler(..) => write!(out, "<Cycler>"),
        Object::Joiner(..) => write!(out, "<Joiner>"),
    };
}

fn write_view(out: &mut String, view: View, dict: &Dict, open: &mut Vec<usize>) -> Answer<()> {
    let pairs = dict.pairs().into_iter();
    let seen: Vec<Value> = pairs.map(|pair| super::iter::seen(view, pair)).collect();
    out.push_str(match view {
        View::Keys => "dict_keys(",
        View::Values => "dict_values(",
        View::Items => "dict_items(",
    });
    write_list(out, &seen, "[]", open)?;
    out.push(')');
    Ok(())
}

/// Elements between brackets, the first of which opens; the others close.
fn write_list(
    out: &mut String,
    list: &[Value],
    brackets: &str,
    open: &mut Vec<usize>,
) -> Answer<()> {
    let (start, end) = brackets.split_at(1);
    out.push_str(start);
    for (place, element) in list.iter().enumerate() {
        out.push_str(if place > 0 { ", " } else { "" });
        write_repr(out, element, open)?;
    }
    out.push_str(end);
    Ok(())
}

fn write_dict(out: &mut String, dict: &Dict, open: &mut Vec<usize>) -> Answer<()> {
    out.push('{');
    for (place, (key, value)) in dict.pairs().iter().enumerate() {
        out.push_str(if place > 0 { ", " } else { "" });
        write_repr(out, key, open)?;
        out.push_str(": ");
        write_repr(out, value, open)?;
    }
    out.push('}');
    Ok(())
}

/// Text in quotation marks: single ones, unless it has some and no double ones.
pub fn write_quoted(out: &mut String, text: &str) {
    let double = text.contains('\'') && !text.contains('"');
    let quote = if double { '"' } else { '\'' };
    out.push(quote);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c == '\\' || c == quote => out.extend(['\\', c]),
            c if is_printable(c) => out.push(c),
            c => write_escape(out, c),
        }
    }
    out.push(quote);
}

/// An escape with as many digits as are needed.
pub fn write_escape(out: &mut String, c: char) {
    let _ = match u32::from(c) {
        c @ ..0x100 => write!(out, "\\x{c:02x}"),
        c @ ..0x10000 => write!(out, "\\u{c:04x}"),
        c => write!(out, "\\U{c:08x}"),
    };
}

/// Whether Python prints a character as it is: it is no control character, no space but the one, and assigned.
pub fn is_printable(c: char) -> bool {
    if c.is_ascii() {
        return matches!(c, ' '..='~');
    }
    // Behind another character a combining one is not escaped for being one.
    let mut text = String::from("a");
    text.push(c);
    text.escape_debug().count() == 2 && !c.is_whitespace()
}

/// The words for two values that do not go together.
pub fn between(sign: &str, one: &Value, other: &Value) -> String {
    match (one, other) {
        (Value::Missing(missing), _) | (_, Value::Missing(missing)) => {
            format!("`{sign}` with {}", advice::absent(missing))
        }
        _ => format!("`{sign}` between {} and {}", one.kind(), other.kind()),
    }
}
