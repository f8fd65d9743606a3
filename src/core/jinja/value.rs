//! The values of a template, which are Python's: lists and maps are shared and can be changed.

use alloc::boxed::Box;
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::mem::take;

use crate::json;
use crate::value;

use super::advice;
use super::dict::Dict;
use super::iter::Iter;
use super::run::{Loop, Scope};
use super::syntax;
use super::table::Entry;

/// A value.
#[derive(Clone)]
pub enum Value {
    /// Nothing.
    None,
    /// True or false.
    Bool(bool),
    /// A whole number; Python's have no end, these have 128 bits.
    Int(i128),
    /// A number with a fraction.
    Float(f64),
    /// Text.
    Text(Rc<str>),
    /// Text that is HTML, so that what is added to it is escaped.
    Html(Rc<str>),
    /// Values in order, to be changed.
    List(Rc<Seq>),
    /// Values in order, for good.
    Tuple(Rc<Seq>),
    /// Values by key.
    Dict(Rc<Dict>),
    /// What `keys()`, `values()` and `items()` of a map give; it changes with the map.
    View(View, Rc<Dict>),
    /// Whole numbers at equal distances.
    Range(Rc<Range>),
    /// Values one after another, each once.
    Iter(Rc<RefCell<Iter>>),
    /// The places between two, with a step; they exist only in brackets.
    Slice(Rc<[Value; 3]>),
    /// A variable that is not there.
    Missing(Rc<Missing>),
    /// What `namespace()` makes.
    Namespace(Rc<Dict>),
    /// Whatever can be called, or has a state of its own.
    Object(Rc<Object>),
}

/// The elements of a list or tuple.
pub struct Seq {
    /// The elements.
    pub items: RefCell<Vec<Value>>,
    /// Is this a tuple of `groupby`, whose two elements have names?
    pub is_group: bool,
}

/// What is looked at of a map.
#[derive(Clone, Copy, PartialEq)]
pub enum View {
    /// Its keys.
    Keys,
    /// Its values.
    Values,
    /// Pairs of both.
    Items,
}

/// What `range()` makes; the step is not 0.
#[derive(Clone, Copy, PartialEq)]
pub struct Range {
    /// The first number.
    pub start: i128,
    /// The number before which it ends.
    pub stop: i128,
    /// The distance.
    pub step: i128,
}

impl Range {
    /// How many numbers there are.
    pub fn len(&self) -> i128 {
        let span = if self.step > 0 {
            self.stop.saturating_sub(self.start)
        } else {
            self.start.saturating_sub(self.stop)
        };
        let step = self.step.unsigned_abs();
        match u128::try_from(span) {
            Ok(span) if span > 0 => i128::try_from((span - 1) / step).unwrap_or(0) + 1,
            _ => 0,
        }
    }

    /// The number at a place that is below the length.
    pub fn at(&self, place: i128) -> Value {
        Value::Int(self.start.wrapping_add(self.step.wrapping_mul(place)))
    }
}

/// A variable that is not there.
pub struct Missing {
    /// What was looked for: mostly a name.
    pub name: Value,
    /// The expression that looked for it, if it is a path of names.
    pub path: String,
    /// In what it was looked for.
    pub parent: Value,
    /// Is it printed as nothing? So is what `{{ a if b }}` gives without b.
    pub is_silent: bool,
}

/// Whatever can be called, or has a state of its own.
pub enum Object {
    /// A function of the language.
    Function(&'static Entry),
    /// A method and its value.
    Method(Value, &'static Entry),
    /// A macro, and where it was defined.
    Macro(Rc<syntax::Macro>, Rc<Scope>),
    /// The variable `loop`.
    Loop(Box<Loop>),
    /// Values that follow each other, and the place of the next.
    Cycler(Vec<Value>, Cell<usize>),
    /// A separator, and whether it was asked for.
    Joiner(Value, Cell<bool>),
}

impl Value {
    /// Text.
    pub fn text(text: &str) -> Value {
        Value::Text(text.into())
    }

    /// A list.
    pub fn list(items: Vec<Value>) -> Value {
        Value::List(Seq::new(items))
    }

    /// A tuple.
    pub fn tuple(items: Vec<Value>) -> Value {
        Value::Tuple(Seq::new(items))
    }

    /// Values one after another.
    pub fn iter(iter: Iter) -> Value {
        Value::Iter(Rc::new(RefCell::new(iter)))
    }

    /// Something to call, or with a state.
    pub fn object(object: Object) -> Value {
        Value::Object(Rc::new(object))
    }

    /// The text, if this is text.
    pub fn as_text(&self) -> Option<&Rc<str>> {
        match self {
            Value::Text(text) | Value::Html(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number, if this is one; true and false are.
    pub fn as_int(&self) -> Option<i128> {
        match self {
            Value::Int(int) => Some(*int),
            Value::Bool(bool) => Some((*bool).into()),
            _ => None,
        }
    }

    /// The number, if this is one; true and false are.
    pub fn as_float(&self) -> Option<f64> {
        match self {
            Value::Float(float) => Some(*float),
            other => other.as_int().map(|int| int as f64),
        }
    }

    /// The elements, if this is a list or tuple.
    pub fn as_seq(&self) -> Option<&Rc<Seq>> {
        match self {
            Value::List(seq) | Value::Tuple(seq) => Some(seq),
            _ => None,
        }
    }

    /// Is this a variable that is not there?
    pub fn is_missing(&self) -> bool {
        matches!(self, Value::Missing(_))
    }

    /// Is this true for `if`?
    pub fn is_true(&self) -> bool {
        match self {
            Value::None | Value::Missing(_) => false,
            Value::Bool(bool) => *bool,
            Value::Float(float) => *float != 0.0,
            other => other.len() != Some(0) && other.as_int() != Some(0),
        }
    }

    /// How many characters, elements or entries there are, if they can be counted.
    pub fn len(&self) -> Option<usize> {
        match self {
            Value::Text(text) | Value::Html(text) => Some(text.chars().count()),
            Value::List(seq) | Value::Tuple(seq) => Some(seq.items.borrow().len()),
            Value::Dict(dict) | Value::View(_, dict) => Some(dict.len()),
            Value::Range(range) => usize::try_from(range.len()).ok(),
            Value::Missing(_) => Some(0),
            Value::Object(object) => match &**object {
                Object::Loop(state) => state.len(),
                _ => None,
            },
            _ => None,
        }
    }

    /// The name of the type in Python.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::None => "NoneType",
            Value::Bool(_) => "bool",
            Value::Int(_) => "int",
            Value::Float(_) => "float",
            Value::Text(_) | Value::Html(_) => "str",
            Value::List(_) => "list",
            Value::Tuple(_) => "tuple",
            Value::Dict(_) => "dict",
            Value::View(View::Keys, _) => "dict_keys",
            Value::View(View::Values, _) => "dict_values",
            Value::View(View::Items, _) => "dict_items",
            Value::Range(_) => "range",
            Value::Iter(_) => "generator",
            Value::Slice(_) => "slice",
            Value::Missing(_) => "undefined",
            Value::Namespace(_) => "namespace",
            Value::Object(object) => match &**object {
                Object::Function(_) | Object::Method(..) => "function",
                Object::Macro(..) => "macro",
                Object::Loop(_) => "loop",
                Object::Cycler(..) => "cycler",
                Object::Joiner(..) => "joiner",
            },
        }
    }

    /// The name of the type with its article, or the words for what is not there.
    pub fn a_kind(&self) -> String {
        if let Value::Missing(missing) = self {
            return advice::absent(missing);
        }
        let kind = self.kind();
        let article = if kind.starts_with(['i', 'u']) {
            "an"
        } else {
            "a"
        };
        format!("{article} {kind}")
    }

    /// Takes what it contains out of a value that nobody else has, so that it can be dropped without recursion.
    fn unpack(self, rest: &mut Vec<Value>) {
        match self {
            Value::List(seq) | Value::Tuple(seq) => {
                rest.extend(Rc::into_inner(seq).map_or(Vec::new(), |seq| seq.items.take()));
            }
            Value::Dict(dict) | Value::View(_, dict) | Value::Namespace(dict) => {
                rest.extend(Rc::into_inner(dict).map_or(Vec::new(), |dict| dict.into_values()));
            }
            Value::Object(object) => match Rc::into_inner(object) {
                Some(Object::Method(value, _) | Object::Joiner(value, _)) => rest.push(value),
                Some(Object::Cycler(values, _)) => rest.extend(values),
                _ => {}
            },
            _ => {}
        }
    }
}

/// Drops values, however deep they are nested.
pub fn drop_all(mut values: Vec<Value>) {
    while let Some(value) = values.pop() {
        value.unpack(&mut values);
    }
}

impl Seq {
    /// Elements that are no group.
    pub fn new(items: Vec<Value>) -> Rc<Seq> {
        Rc::new(Seq {
            items: RefCell::new(items),
            is_group: false,
        })
    }

    /// The element at a place.
    pub fn at(&self, place: usize) -> Option<Value> {
        self.items.borrow().get(place).cloned()
    }

    /// The elements as they are now.
    pub fn to_vec(&self) -> Vec<Value> {
        self.items.borrow().clone()
    }
}

impl Drop for Seq {
    fn drop(&mut self) {
        drop_all(take(self.items.get_mut()));
    }
}

/// A value of instance data as templates see it.
pub fn from_data(value: &value::Value) -> Value {
    match value {
        value::Value::Null => Value::None,
        value::Value::Bool(bool) => Value::Bool(*bool),
        value::Value::Int(int) => Value::Int((*int).into()),
        value::Value::BigInt(digits) => digits
            .parse()
            .map_or_else(|_| Value::text(digits), Value::Int),
        value::Value::Float(float) => Value::Float(*float),
        value::Value::Text(text) => Value::text(text),
        value::Value::Bytes(_) => Value::text(json::write(value).trim_matches('"')),
        value::Value::List(list) => Value::list(list.iter().map(from_data).collect()),
        value::Value::Map(map) => {
            let dict = Dict::default();
            for (key, value) in map.iter() {
                dict.insert(from_data(key), from_data(value));
            }
            Value::Dict(Rc::new(dict))
        }
    }
}

/// Why a template could not be rendered.
pub struct Fault {
    /// What is wrong, in words.
    pub reason: String,
    /// Is it about a variable that is not there, so that a `-` around it may be a part of its name?
    pub is_absent: bool,
}

/// A fault is rare, a value is not.
pub type Answer<T = Value> = Result<T, Box<Fault>>;

/// A fault with a reason.
pub fn fault<T>(reason: impl Into<String>) -> Answer<T> {
    let reason = reason.into();
    let is_absent = reason.contains(advice::NOT_THERE);
    Err(Box::new(Fault { reason, is_absent }))
}
