//! One dynamic value: what YAML and JSON are read into and written from.
//!
//! The model is Python's, because cloud-init's is: whole numbers have no upper end, and a key is found by Python's
//! equality, in which `1`, `1.0` and `true` are one key. Comparing two values with `==` is stricter: `1` is not `1.0`.

use alloc::borrow::{Cow, ToOwned};
use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use crate::warning::Warning;

pub use crate::text::quote;

/// A value of a document whose shape is not known.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Value {
    /// Nothing.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A whole number beyond 64 bits: its decimal digits, without leading zeros, after a `-` where it is negative.
    BigInt(String),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(String),
    /// Bytes that are not text (`!!binary`).
    Bytes(Vec<u8>),
    /// Values in order.
    List(Vec<Value>),
    /// Values by key, in the order of the document; keys are unique.
    Map(Map),
}

impl Value {
    /// The value behind a text key of a map; `None` if this is no map or has no such key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.as_map()?.get(key)
    }

    /// The value behind a path of text keys: `at(&["ds", "meta_data"])`. The empty path is the value itself.
    pub fn at(&self, path: &[&str]) -> Option<&Value> {
        path.iter().try_fold(self, |value, key| value.get(key))
    }

    /// The text, if this is text; numbers are not.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// True or false, if this is a Boolean.
    pub fn as_bool(&self) -> Option<bool> {
        match self {
            Value::Bool(bool) => Some(*bool),
            _ => None,
        }
    }

    /// The number, if this is a whole one that fits.
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Int(int) => Some(*int),
            _ => None,
        }
    }

    /// The elements, if this is a list.
    pub fn as_list(&self) -> Option<&[Value]> {
        match self {
            Value::List(list) => Some(list),
            _ => None,
        }
    }

    /// The map, if this is one.
    pub fn as_map(&self) -> Option<&Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The map to change, if this is one.
    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match self {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// Is this nothing?
    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// A single value in words, as Python's `str()` writes it: `True`, `12`, `1.5`, the text itself. `None` for null,
    /// bytes, lists and maps. For fields whose author may have left out the quotes: `instance-id: 12`.
    pub fn to_text(&self) -> Option<String> {
        self.words().map(Cow::into_owned)
    }

    /// The same without a copy of what is a text already.
    pub fn words(&self) -> Option<Cow<'_, str>> {
        match self {
            Value::Text(text) | Value::BigInt(text) => Some(text.into()),
            Value::Bool(true) => Some("True".into()),
            Value::Bool(false) => Some("False".into()),
            Value::Int(int) => Some(int.to_string().into()),
            Value::Float(float) => Some(float_text(*float).into()),
            Value::Null | Value::Bytes(_) | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// Whether something stands here that [`Value::to_text`] has no words for: bytes, a list or a map, and not an empty one.
    pub fn is_other_than_text(&self) -> bool {
        match self {
            Value::Bytes(bytes) => !bytes.is_empty(),
            Value::List(list) => !list.is_empty(),
            Value::Map(map) => !map.is_empty(),
            _ => false,
        }
    }

    /// What a single value says that stands for yes or no ([`text::flag`](crate::text::flag)).
    pub fn as_flag(&self) -> Option<bool> {
        crate::text::flag(&self.words()?)
    }

    /// What it is, for people.
    pub fn noun(&self) -> &'static str {
        match self {
            Value::Null => "nothing",
            Value::Bool(_) => "true or false",
            Value::Int(_) | Value::BigInt(_) => "a whole number",
            Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
        }
    }

    /// The name of the value's type in Python, the word that cloud-init's messages use.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Null => "NoneType",
            Value::Bool(_) => "bool",
            Value::Int(_) | Value::BigInt(_) => "int",
            Value::Float(_) => "float",
            Value::Text(_) => "str",
            Value::Bytes(_) => "bytes",
            Value::List(_) => "list",
            Value::Map(_) => "dict",
        }
    }

    /// A whole number from its sign and its decimal digits; the digits must be ASCII digits.
    pub fn whole(negative: bool, digits: &str) -> Value {
        let digits = digits.trim_start_matches('0');
        let sign = if negative && !digits.is_empty() {
            "-"
        } else {
            ""
        };
        match format!("{sign}{digits}") {
            text if text.is_empty() => Value::Int(0),
            text => text.parse().map_or(Value::BigInt(text), Value::Int),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Value {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Value {
        Value::Text(text)
    }
}

impl From<bool> for Value {
    fn from(bool: bool) -> Value {
        Value::Bool(bool)
    }
}

impl From<i64> for Value {
    fn from(int: i64) -> Value {
        Value::Int(int)
    }
}

impl From<i32> for Value {
    fn from(int: i32) -> Value {
        Value::Int(int.into())
    }
}

impl From<u32> for Value {
    fn from(int: u32) -> Value {
        Value::Int(int.into())
    }
}

impl From<Vec<Value>> for Value {
    fn from(list: Vec<Value>) -> Value {
        Value::List(list)
    }
}

impl From<Map> for Value {
    fn from(map: Map) -> Value {
        Value::Map(map)
    }
}

/// Nothing, or something.
impl<T: Into<Value>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Value {
        value.map_or(Value::Null, T::into)
    }
}

/// A number as Python's `repr()` writes it: shortest digits that read back, an exponent below 1e-4 and from 1e16 on.
pub fn float_text(float: f64) -> String {
    if float.is_nan() {
        return "nan".to_owned();
    }
    if float.is_infinite() {
        return if float < 0.0 { "-inf" } else { "inf" }.to_owned();
    }
    let scientific = format!("{float:e}");
    let (digits, exponent) = scientific
        .split_once('e')
        .unwrap_or((scientific.as_str(), "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    if (-4..16).contains(&exponent) {
        let plain = format!("{float}");
        return if plain.contains('.') {
            plain
        } else {
            plain + ".0"
        };
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// From how many entries on a [`Map`] keeps an index; below, looking at each entry is faster.
const INDEXED_ENTRIES_MIN: usize = 16;

/// Values by key, in the order of the document. Keys are nearly always text; YAML allows others.
///
/// Looking up, inserting and removing take logarithmic time, so that a hostile document of many keys costs no more than
/// its length. An entry keeps its place when its value is replaced.
#[derive(Clone, Default)]
pub struct Map {
    /// The entries; `None` where one was removed, which happens only below an index.
    entries: Vec<Option<(Value, Value)>>,
    /// The place of each key, by [`key_bytes`], once there are [`INDEXED_ENTRIES_MIN`] entries.
    index: Option<BTreeMap<Vec<u8>, usize>>,
}

impl Map {
    /// A map without entries.
    pub fn new() -> Map {
        Map::default()
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        match &self.index {
            Some(index) => index.len(),
            None => self.entries.len(),
        }
    }

    /// Is there no entry?
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value of a text key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        let place = match &self.index {
            Some(index) => *index.get(key.as_bytes())?,
            None => self
                .iter()
                .position(|(name, _)| name.as_text() == Some(key))?,
        };
        self.value(place)
    }

    /// The value of a key of any type.
    pub fn get_value(&self, key: &Value) -> Option<&Value> {
        self.value(self.place(key)?)
    }

    /// The value of a key, to change it.
    pub fn get_mut(&mut self, key: &Value) -> Option<&mut Value> {
        let place = self.place(key)?;
        let (_, value) = self.entries.get_mut(place)?.as_mut()?;
        Some(value)
    }

    /// Is there an entry of this text key?
    pub fn contains(&self, key: &str) -> bool {
        self.get(key).is_some()
    }

    /// Adds an entry at the end, or replaces the value of the one that is there and gives the old value.
    pub fn insert(&mut self, key: impl Into<Value>, value: impl Into<Value>) -> Option<Value> {
        let (key, value) = (key.into(), value.into());
        if let Some(old) = self.get_mut(&key) {
            return Some(core::mem::replace(old, value));
        }
        if let Some(index) = &mut self.index {
            index.insert(key_bytes(&key), self.entries.len());
        }
        self.entries.push(Some((key, value)));
        if self.index.is_none() && self.entries.len() >= INDEXED_ENTRIES_MIN {
            self.index = Some(places(&self.entries));
        }
        None
    }

    /// Takes an entry out; the others keep their order.
    pub fn remove(&mut self, key: &Value) -> Option<Value> {
        let place = self.place(key)?;
        let Some(index) = &mut self.index else {
            return self.entries.remove(place).map(|(_, value)| value);
        };
        index.remove(&key_bytes(key));
        let (_, value) = self.entries.get_mut(place)?.take()?;
        if index.len() < self.entries.len() / 2 {
            self.entries.retain(Option::is_some);
            *index = places(&self.entries);
        }
        Some(value)
    }

    /// The entries in order.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Value, &Value)> {
        self.entries
            .iter()
            .flatten()
            .map(|(key, value)| (key, value))
    }

    /// The entries in order, with values to change.
    pub fn iter_mut(&mut self) -> impl Iterator<Item = (&Value, &mut Value)> {
        self.entries
            .iter_mut()
            .flatten()
            .map(|(key, value)| (&*key, value))
    }

    /// The entries whose keys are text, in order.
    pub fn texts(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.iter()
            .filter_map(|(key, value)| Some((key.as_text()?, value)))
    }

    fn value(&self, place: usize) -> Option<&Value> {
        self.entries.get(place)?.as_ref().map(|(_, value)| value)
    }

    fn place(&self, key: &Value) -> Option<usize> {
        match (&self.index, key) {
            (Some(index), Value::Text(text)) => index.get(text.as_bytes()).copied(),
            (Some(index), _) => index.get(&key_bytes(key)).copied(),
            (None, Value::Text(text)) => self
                .iter()
                .position(|(name, _)| name.as_text() == Some(text)),
            (None, _) => {
                let bytes = key_bytes(key);
                self.iter().position(|(name, _)| key_bytes(name) == bytes)
            }
        }
    }
}

/// Equal if the same keys have equal values, in whatever order.
impl PartialEq for Map {
    fn eq(&self, other: &Map) -> bool {
        self.len() == other.len()
            && self
                .iter()
                .all(|(key, value)| other.get_value(key) == Some(value))
    }
}

impl fmt::Debug for Map {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl<K: Into<Value>, V: Into<Value>> FromIterator<(K, V)> for Map {
    fn from_iter<T: IntoIterator<Item = (K, V)>>(entries: T) -> Map {
        let mut map = Map::new();
        map.extend(entries);
        map
    }
}

impl<K: Into<Value>, V: Into<Value>> Extend<(K, V)> for Map {
    fn extend<T: IntoIterator<Item = (K, V)>>(&mut self, entries: T) {
        for (key, value) in entries {
            self.insert(key, value);
        }
    }
}

impl IntoIterator for Map {
    type Item = (Value, Value);
    type IntoIter = core::iter::Flatten<alloc::vec::IntoIter<Option<(Value, Value)>>>;

    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter().flatten()
    }
}

fn places(entries: &[Option<(Value, Value)>]) -> BTreeMap<Vec<u8>, usize> {
    let keys = entries.iter().enumerate();
    keys.filter_map(|(place, entry)| Some((key_bytes(&entry.as_ref()?.0), place)))
        .collect()
}

/// A key as bytes that are equal when Python calls the keys equal. Text is its own bytes; what is not text begins with a
/// byte that no text contains.
fn key_bytes(key: &Value) -> Vec<u8> {
    fn tagged(tag: u8, bytes: &[u8]) -> Vec<u8> {
        [&[0xff, tag], bytes].concat()
    }
    match key {
        Value::Text(text) => text.as_bytes().to_vec(),
        Value::Null => tagged(b'0', &[]),
        Value::Bool(bool) => tagged(b'i', &i64::from(*bool).to_be_bytes()),
        Value::Int(int) => tagged(b'i', &int.to_be_bytes()),
        Value::BigInt(digits) => tagged(b'I', digits.as_bytes()),
        Value::Float(float) => {
            // Exact: the range keeps the cast from saturating.
            let whole = *float as i64;
            if float.abs() < 9.0e18 && whole as f64 == *float {
                tagged(b'i', &whole.to_be_bytes())
            } else {
                tagged(b'f', &float.to_bits().to_be_bytes())
            }
        }
        Value::Bytes(bytes) => tagged(b'b', bytes),
        Value::List(list) => tagged(b'l', &joined(list.iter().map(key_bytes))),
        Value::Map(map) => {
            let pair = |(key, value)| joined([key_bytes(key), key_bytes(value)].into_iter());
            let mut pairs: Vec<Vec<u8>> = map.iter().map(pair).collect();
            pairs.sort();
            tagged(b'm', &joined(pairs.into_iter()))
        }
    }
}

/// Each after its length, so that no two rows of keys are the same bytes.
fn joined(keys: impl Iterator<Item = Vec<u8>>) -> Vec<u8> {
    keys.flat_map(|key| [&key.len().to_be_bytes(), key.as_slice()].concat())
        .collect()
}

/// Why a document could not be read, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// What would have been right.
    pub expected: String,
    /// What was there instead; it quotes the first words.
    pub found: String,
}

impl SyntaxError {
    /// The warning of a part that could not be read; `place` names the document.
    pub fn warning(self, step: impl ToString, place: impl fmt::Display) -> Warning {
        let SyntaxError { line, column, .. } = self;
        let place = format!("{place}, line {line} column {column}");
        Warning::new(step, place, self.expected, self.found)
    }
}

impl fmt::Display for SyntaxError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SyntaxError {
            line,
            column,
            expected,
            found,
        } = self;
        write!(
            f,
            "line {line} column {column}: expected {expected}, but found {found}"
        )
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloc::vec;

    use super::*;

    #[test]
    fn a_path_of_keys_finds_its_value() {
        let inner: Map = [("meta_data", "x")].into_iter().collect();
        let outer: Value = [("ds", inner)].into_iter().collect::<Map>().into();
        assert_eq!(outer.at(&["ds", "meta_data"]), Some(&Value::from("x")));
        assert_eq!(outer.at(&["ds", "meta_data", "x"]), None);
        assert_eq!(outer.at(&["sd"]), None);
        assert_eq!(outer.at(&[]), Some(&outer));
    }

    #[test]
    fn keys_are_equal_as_in_python() {
        let mut map = Map::new();
        map.insert(1, "int");
        assert_eq!(map.insert(true, "bool"), Some("int".into()));
        assert_eq!(map.insert(Value::Float(1.0), "float"), Some("bool".into()));
        for key in [
            Value::Float(1.5),
            "1".into(),
            Value::Null,
            Value::Bytes(vec![1]),
            Value::BigInt("18446744073709551616".into()),
            Value::List(vec![1.into()]),
            Value::List(vec![]),
            Value::Map(Map::new()),
        ] {
            assert_eq!(map.insert(key.clone(), 0), None, "{key:?}");
            assert_eq!(map.insert(key.clone(), 1), Some(0.into()), "{key:?}");
        }
        assert_eq!(map.iter().next(), Some((&1.into(), &"float".into())));
    }

    #[test]
    fn many_keys_keep_their_order_and_are_found() {
        let many = 100_000_i64;
        let mut map: Map = (0..many).map(|n| (format!("key {n}"), n)).collect();
        for n in (0..many).filter(|n| n % 3 != 0) {
            assert_eq!(map.remove(&format!("key {n}").into()), Some(n.into()));
        }
        assert_eq!(map.len(), 33_334);
        let left: Vec<i64> = map.iter().filter_map(|(_, value)| value.as_int()).collect();
        assert!(left.is_sorted());
        assert_eq!(map.get("key 99999"), Some(&99_999.into()));
        assert_eq!(map.get("key 99998"), None);
        map.insert("key 99998", "again");
        assert_eq!(map.iter().next_back().unwrap().1, &"again".into());
    }

    #[test]
    fn an_index_does_not_change_what_a_map_does() {
        let mut few: Map = (0..15).map(|n| (n, n)).collect();
        let mut more: Map = (0..16).rev().map(|n| (n, n)).collect();
        assert_ne!(few, more);
        more.remove(&15.into());
        assert_eq!(few, more);
        assert_eq!(few.remove(&3.into()), Some(3.into()));
        assert_eq!(few.remove(&3.into()), None);
        assert_ne!(few, more);
        more.remove(&3.into());
        assert_eq!(few, more);
        assert_eq!((few.len(), more.len()), (14, 14));
        assert_eq!(more.into_iter().count(), 14);
    }

    #[test]
    fn whole_numbers_have_no_end() {
        assert_eq!(Value::whole(true, "000"), Value::Int(0));
        assert_eq!(Value::whole(false, "0012"), Value::Int(12));
        assert_eq!(
            Value::whole(true, "9223372036854775808"),
            Value::Int(i64::MIN)
        );
        assert_eq!(
            Value::whole(false, "09223372036854775808"),
            Value::BigInt("9223372036854775808".into())
        );
    }

    #[test]
    fn numbers_are_written_as_python_writes_them() {
        for (float, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (1.0, "1.0"),
            (0.1, "0.1"),
            (1e15, "1000000000000000.0"),
            (1.5e15, "1500000000000000.0"),
            (9999999999999998.0, "9999999999999998.0"),
            (1e16, "1e+16"),
            (1.25e17, "1.25e+17"),
            (1e-4, "0.0001"),
            (1.5e-5, "1.5e-05"),
            (5e-324, "5e-324"),
            (1.7976931348623157e308, "1.7976931348623157e+308"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
            (f64::NAN, "nan"),
        ] {
            assert_eq!(float_text(float), text);
        }
    }
}
