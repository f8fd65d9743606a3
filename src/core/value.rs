//! One dynamic value: what YAML and JSON are read into and written from.

use alloc::string::String;
use alloc::vec::Vec;

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

/// Values by key, in the order of the document. Keys are nearly always text; YAML allows others.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Map {
    entries: Vec<(Value, Value)>,
}
