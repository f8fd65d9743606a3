//! Values as Python's Jinja sees and prints them.

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::sync::Arc;

use cloudseed_core::json;
use cloudseed_core::value::{self, Map, float_text};
use minijinja::value::{Enumerator, Object, ObjectRepr, Value, ValueKind};
use minijinja::{Error, ErrorKind};

use cloudseed_core::userdata::template::MISSING;

use super::GLOBALS;

/// How deep a value is printed; data is not nested deeper, a template could make it so.
const PRINTED_DEPTH_MAX: usize = 200;

/// All variables: what is not there is missing, unless the engine defines it.
#[derive(Debug)]
pub struct Root(Arc<Dict>);

impl Root {
    /// The variables of a map; any other value has none.
    pub fn new(variables: &value::Value) -> Root {
        let none = Map::new();
        Root(Arc::new(Dict::new(variables.as_map().unwrap_or(&none))))
    }
}

impl Object for Root {
    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        match self.0.find(key) {
            None if GLOBALS.contains(&key) => None,
            None => Some(missing(key)),
            found => found,
        }
    }
}

/// A map, which acts as a `dict` does: going through it gives its keys.
#[derive(Debug)]
pub struct Dict {
    entries: Vec<(Value, Value)>,
    places: BTreeMap<String, usize>,
}

impl Dict {
    fn new(map: &Map) -> Dict {
        let texts = || map.texts();
        Dict {
            entries: texts()
                .map(|(key, value)| (Value::from(key), from(value)))
                .collect(),
            places: texts()
                .enumerate()
                .map(|(place, (key, _))| (key.to_string(), place))
                .collect(),
        }
    }

    /// The value of a key.
    pub fn find(&self, key: &str) -> Option<Value> {
        let (_, value) = self.entries.get(*self.places.get(key)?)?;
        Some(value.clone())
    }

    /// The entries in order.
    pub fn entries(&self) -> &[(Value, Value)] {
        &self.entries
    }
}

impl Object for Dict {
    // As a mapping the engine would ask `get_value` whether a key is in it.
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let found = key.as_str().and_then(|key| self.find(key));
        Some(found.unwrap_or_else(|| missing(&key.to_string())))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.entries.iter().map(|(key, _)| key.clone()).collect())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_entries(f, &self.entries, 0)
    }
}

/// A list, which knows the number of an element that it does not have.
#[derive(Debug)]
struct List(Vec<Value>);

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let place = key.as_i64().and_then(|place| usize::try_from(place).ok());
        let found = place.and_then(|place| self.0.get(place)).cloned();
        Some(found.unwrap_or_else(|| missing(&key.to_string())))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.len())
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        print_list(f, &self.0, ['[', ']'], 0)
    }
}

/// A variable that is not there: false, empty, and printed as its name; anything else with it is an error.
#[derive(Debug)]
pub struct Missing(String);

impl Object for Missing {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Iterable
    }

    fn get_value(self: &Arc<Self>, _: &Value) -> Option<Value> {
        let reason = format!("{:?} is undefined", self.0);
        Some(Error::new(ErrorKind::UndefinedError, reason).into())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Empty
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{MISSING}{}", self.0)
    }
}

/// A variable of this name that is not there.
pub fn missing(name: &str) -> Value {
    Value::from_object(Missing(name.to_string()))
}

/// Is this a variable that is not there?
pub fn is_missing(value: &Value) -> bool {
    value.is_undefined() || value.downcast_object_ref::<Missing>().is_some()
}

fn from(value: &value::Value) -> Value {
    match value {
        value::Value::Null => Value::from(()),
        value::Value::Bool(bool) => Value::from(*bool),
        value::Value::Int(int) => Value::from(*int),
        value::Value::BigInt(digits) => match digits.parse::<i128>() {
            Ok(int) => Value::from(int),
            Err(_) => Value::from(digits.as_str()),
        },
        value::Value::Float(float) => Value::from(*float),
        value::Value::Text(text) => Value::from(text.as_str()),
        value::Value::Bytes(_) => Value::from(json::write(value).trim_matches('"')),
        value::Value::List(list) => Value::from_object(List(list.iter().map(from).collect())),
        value::Value::Map(map) => Value::from_object(Dict::new(map)),
    }
}

/// Prints a value as Python's `str()` does.
pub fn print(out: &mut dyn Write, value: &Value) -> fmt::Result {
    match value.as_str() {
        Some(text) => out.write_str(text),
        None => print_inner(out, value, 0),
    }
}

/// Prints a value as Python's `repr()` does.
fn print_inner(out: &mut dyn Write, value: &Value, depth: usize) -> fmt::Result {
    if depth > PRINTED_DEPTH_MAX {
        return Err(fmt::Error);
    }
    if let Some(dict) = value.downcast_object_ref::<Dict>() {
        return print_entries(out, dict.entries(), depth);
    }
    match value.kind() {
        // What `{{ a if b }}` is without b: the engine knows no other way to it.
        ValueKind::Undefined => Ok(()),
        ValueKind::None => out.write_str("None"),
        ValueKind::Bool => out.write_str(if value.is_true() { "True" } else { "False" }),
        ValueKind::Number if !value.is_integer() => out.write_str(&float_text(
            f64::try_from(value.clone()).unwrap_or(f64::NAN),
        )),
        ValueKind::String => print_quoted(out, value.as_str().unwrap_or_default()),
        ValueKind::Seq => {
            let elements: Vec<Value> = value.try_iter().map_err(|_| fmt::Error)?.collect();
            print_list(out, &elements, ['[', ']'], depth)
        }
        ValueKind::Map => {
            let keys = value.try_iter().map_err(|_| fmt::Error)?;
            let entries: Vec<_> = keys
                .map(|key| (key.clone(), value.get_item(&key).unwrap_or_default()))
                .collect();
            print_entries(out, &entries, depth)
        }
        _ => write!(out, "{value}"),
    }
}

fn print_list(
    out: &mut dyn Write,
    list: &[Value],
    [open, close]: [char; 2],
    depth: usize,
) -> fmt::Result {
    out.write_char(open)?;
    for (place, element) in list.iter().enumerate() {
        out.write_str(if place > 0 { ", " } else { "" })?;
        print_inner(out, element, depth + 1)?;
    }
    out.write_char(close)
}

fn print_entries(out: &mut dyn Write, entries: &[(Value, Value)], depth: usize) -> fmt::Result {
    out.write_char('{')?;
    for (place, (key, value)) in entries.iter().enumerate() {
        out.write_str(if place > 0 { ", " } else { "" })?;
        print_inner(out, key, depth + 1)?;
        out.write_str(": ")?;
        print_inner(out, value, depth + 1)?;
    }
    out.write_char('}')
}

fn print_quoted(out: &mut dyn Write, text: &str) -> fmt::Result {
    let quote = if text.contains('\'') && !text.contains('"') {
        '"'
    } else {
        '\''
    };
    out.write_char(quote)?;
    for c in text.chars() {
        match c {
            '\n' => out.write_str("\\n")?,
            '\r' => out.write_str("\\r")?,
            '\t' => out.write_str("\\t")?,
            '\\' => out.write_str("\\\\")?,
            c if c == quote => write!(out, "\\{c}")?,
            '\0'..='\u{1f}' | '\u{7f}'..='\u{a0}' => write!(out, "\\x{:02x}", u32::from(c))?,
            c => out.write_char(c)?,
        }
    }
    out.write_char(quote)
}
