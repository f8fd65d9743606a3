//! What has a name: filters, tests, functions and methods, each with its parameters.

use super::args::Args;
use super::run::Run;
use super::value::{Answer, Value};

/// What has a name and can be called.
pub struct Entry {
    /// Its name.
    pub name: &'static str,
    /// The names of its parameters. Behind the first one with a `?` are those that may be left out; with `/` before all they are
    /// given by their place only, with `=` by their name only; `*` is anything.
    pub parameters: &'static str,
    /// What it does to a value.
    pub call: Call,
}

/// What it does to a value: the object of a method, what is before a filter or test, nothing for a function.
pub type Call = fn(&mut Run, &Value, &mut Args) -> Answer;

/// An entry.
pub const fn entry(name: &'static str, parameters: &'static str, call: Call) -> Entry {
    Entry {
        name,
        parameters,
        call,
    }
}

/// The entry of a name.
pub fn find(table: &'static [Entry], name: &str) -> Option<&'static Entry> {
    table.iter().find(|entry| entry.name == name)
}

/// Calls an entry with what was given.
pub fn call(run: &mut Run, entry: &'static Entry, value: &Value, mut args: Args) -> Answer {
    run.spend(1 + weight(value))?;
    args.bind(entry)?;
    let answer = (entry.call)(run, value, &mut args)?;
    run.spend(weight(&answer))?;
    Ok(answer)
}

/// What it costs to go through a value, in steps.
fn weight(value: &Value) -> usize {
    match value.as_text() {
        Some(text) => text.len() / 64,
        None => value.as_seq().map_or(0, |seq| seq.items.borrow().len()) / 8,
    }
}
