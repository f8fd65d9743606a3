//! Filters and tests that differ from the engine's own, so that they act as Jinja2's do.

use std::fmt::Write;

use cloudseed_core::json;
use cloudseed_core::value::float_text;
use minijinja::value::{Rest, Value, ValueKind};
use minijinja::{Environment, Error, ErrorKind, filters};

use super::value::{Dict, is_missing, missing};

/// How deep a value is written as JSON.
const DEPTH_MAX: usize = 200;

/// Adds them to an engine.
pub fn add(engine: &mut Environment<'_>) {
    engine.add_test("defined", |value: &Value| !is_missing(value));
    engine.add_test("undefined", is_missing);
    engine.add_test("mapping", is_mapping);
    engine.add_filter("default", default);
    engine.add_filter("d", default);
    engine.add_filter("first", |value: &Value| {
        filters::first(value).map(or_missing)
    });
    engine.add_filter("last", |value: Value| filters::last(value).map(or_missing));
    engine.add_filter("items", items);
    engine.add_filter("dictsort", dictsort);
    engine.add_filter("tojson", |value: &Value| to_json(value));
}

/// The end of something empty is a variable without a name that is not there.
fn or_missing(value: Value) -> Value {
    match value.is_undefined() {
        true => missing("None"),
        false => value,
    }
}

fn is_mapping(value: &Value) -> bool {
    value.kind() == ValueKind::Map || value.downcast_object_ref::<Dict>().is_some()
}

/// The value, or another where it is missing, and with a second argument that is true also where it is false.
fn default(value: &Value, arguments: Rest<Value>) -> Value {
    let also_false = arguments.get(1).is_some_and(Value::is_true);
    match is_missing(value) || (also_false && !value.is_true()) {
        true => arguments
            .first()
            .cloned()
            .unwrap_or_else(|| Value::from("")),
        false => value.clone(),
    }
}

fn entries(value: &Value) -> Result<Vec<(Value, Value)>, Error> {
    if let Some(dict) = value.downcast_object_ref::<Dict>() {
        return Ok(dict.entries().to_vec());
    }
    match value.kind() {
        _ if is_missing(value) => Ok(Vec::new()),
        ValueKind::Map => {
            let pair = |key: Value| Ok((key.clone(), value.get_item(&key)?));
            value.try_iter()?.map(pair).collect()
        }
        kind => Err(Error::new(
            ErrorKind::InvalidOperation,
            format!("{kind} is no mapping"),
        )),
    }
}

fn pairs(entries: Vec<(Value, Value)>) -> Value {
    entries
        .into_iter()
        .map(|(key, value)| Value::from(vec![key, value]))
        .collect()
}

fn items(value: &Value) -> Result<Value, Error> {
    Ok(pairs(entries(value)?))
}

/// Entries by key, upper and lower case alike.
fn dictsort(value: &Value) -> Result<Value, Error> {
    let mut entries = entries(value)?;
    entries.sort_by_cached_key(|(key, _)| key.to_string().to_lowercase());
    Ok(pairs(entries))
}

/// JSON as Python writes it, keys sorted, with what HTML would take for its own escaped.
fn to_json(value: &Value) -> Result<String, Error> {
    let mut out = String::new();
    write_json(&mut out, value, 0)?;
    Ok(out)
}

fn write_json(out: &mut String, value: &Value, depth: usize) -> Result<(), Error> {
    if depth > DEPTH_MAX || is_missing(value) {
        return Err(Error::new(
            ErrorKind::BadSerialization,
            "a value that JSON cannot hold",
        ));
    }
    match value.kind() {
        ValueKind::None => out.push_str("null"),
        ValueKind::Bool => out.push_str(if value.is_true() { "true" } else { "false" }),
        ValueKind::Number if value.is_integer() => write!(out, "{value}")?,
        ValueKind::Number => out.push_str(&float_text(f64::try_from(value.clone())?)),
        _ if is_mapping(value) => {
            let mut entries = entries(value)?;
            entries.sort_by_cached_key(|(key, _)| key.to_string());
            out.push('{');
            for (place, (key, value)) in entries.iter().enumerate() {
                out.push_str(if place > 0 { ", " } else { "" });
                write_text(out, &key.to_string());
                out.push_str(": ");
                write_json(out, value, depth + 1)?;
            }
            out.push('}');
        }
        ValueKind::Seq | ValueKind::Iterable => {
            out.push('[');
            for (place, element) in value.try_iter()?.enumerate() {
                out.push_str(if place > 0 { ", " } else { "" });
                write_json(out, &element, depth + 1)?;
            }
            out.push(']');
        }
        _ => write_text(out, &value.to_string()),
    }
    Ok(())
}

/// In ASCII, and without what means something in HTML.
fn write_text(out: &mut String, text: &str) {
    json::write_text(out, text, |c| {
        !matches!(c, ' '..='~') || matches!(c, '<' | '>' | '&' | '\'')
    });
}
