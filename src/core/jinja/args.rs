//! What is given to a function, filter, test or method.

use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;

use super::table::Entry;
use super::value::{Answer, Value, fault};

/// What may stand before the parameters of an entry.
const MARKS: [char; 2] = ['/', '='];

/// What is given: first by place and name, then, once it is bound, by the place of the parameter.
#[derive(Default)]
pub struct Args {
    /// What is given by its place.
    pub given: Vec<Value>,
    /// What is given by a name.
    pub named: Vec<(Rc<str>, Value)>,
    slots: Vec<Option<Value>>,
    entry: Option<&'static Entry>,
}

impl Args {
    /// What is given by its place.
    pub fn of(given: Vec<Value>) -> Args {
        Args {
            given,
            ..Args::default()
        }
    }

    /// What is given for each parameter.
    pub fn bound(values: Vec<Value>) -> Args {
        Args {
            slots: values.into_iter().map(Some).collect(),
            ..Args::default()
        }
    }

    /// What is given, for another call.
    pub fn again(&self) -> Args {
        Args {
            given: self.given.clone(),
            named: self.named.clone(),
            ..Args::default()
        }
    }

    /// The name of what it is given to.
    pub fn name(&self) -> &'static str {
        self.entry.map_or("", |entry| entry.name)
    }

    /// Takes what is given by a name out of the rest.
    pub fn take_named(&mut self, name: &str) -> Option<Value> {
        let at = self.named.iter().position(|(other, _)| &**other == name)?;
        Some(self.named.remove(at).1)
    }

    /// Gives each parameter of an entry what is meant for it.
    pub fn bind(&mut self, entry: &'static Entry) -> Answer<()> {
        self.entry = Some(entry);
        if entry.parameters == "*" {
            return Ok(());
        }
        let words = entry.parameters.trim_start_matches(MARKS);
        let by_place_only = entry.parameters.starts_with('/');
        let mut given = core::mem::take(&mut self.given).into_iter();
        if entry.parameters.starts_with('=') && given.len() > 0 {
            return self.misfit("an argument without a name");
        }
        let mut optional = false;
        for word in words.split_whitespace() {
            optional |= word.ends_with('?');
            let name = word.trim_end_matches('?');
            let by_name = if by_place_only {
                None
            } else {
                self.take_named(name)
            };
            let value = match (given.next(), by_name) {
                (Some(_), Some(_)) => return self.misfit(&format!("{name} twice")),
                (by_place, by_name) => by_place.or(by_name),
            };
            if value.is_none() && !optional {
                return self.misfit(&format!("no {name}"));
            }
            self.slots.push(value);
        }
        match (given.next(), self.named.first()) {
            (Some(_), _) => self.misfit("too many arguments"),
            (_, Some((name, _))) => self.misfit(&format!("an argument {name}")),
            _ => Ok(()),
        }
    }

    fn misfit<T>(&self, what: &str) -> Answer<T> {
        let (name, parameters) = self
            .entry
            .map_or(("", ""), |entry| (entry.name, entry.parameters));
        let parameters = parameters.trim_start_matches(MARKS).trim_start();
        let takes = if parameters.is_empty() {
            "nothing"
        } else {
            parameters
        };
        fault(format!("`{name}` with {what} (it takes {takes})"))
    }

    /// What is given for a parameter.
    pub fn get(&self, place: usize) -> Option<&Value> {
        self.slots.get(place)?.as_ref()
    }

    /// What is given for a parameter, or nothing.
    pub fn value(&self, place: usize) -> Value {
        self.get(place).cloned().unwrap_or(Value::None)
    }

    /// Is what is given true?
    pub fn flag(&self, place: usize) -> bool {
        self.get(place).is_some_and(Value::is_true)
    }

    /// A whole number.
    pub fn int(&self, place: usize, default: i128) -> Answer<i128> {
        match self.get(place).map(|value| value.as_int().ok_or(value)) {
            None => Ok(default),
            Some(Ok(int)) => Ok(int),
            Some(Err(value)) => self.unfit(place, value),
        }
    }

    /// A whole number, or none, which is also what `none` says.
    pub fn int_or_none(&self, place: usize) -> Answer<Option<i128>> {
        match self.get(place) {
            None | Some(Value::None) => Ok(None),
            Some(_) => self.int(place, 0).map(Some),
        }
    }

    /// Text.
    pub fn text(&self, place: usize) -> Answer<Rc<str>> {
        match self.get(place).map(|value| value.as_text().ok_or(value)) {
            Some(Ok(text)) => Ok(text.clone()),
            Some(Err(value)) => self.unfit(place, value),
            None => self.misfit("too few arguments"),
        }
    }

    /// Text, or none, which is also what `none` says.
    pub fn text_or_none(&self, place: usize) -> Answer<Option<Rc<str>>> {
        match self.get(place) {
            None | Some(Value::None) => Ok(None),
            Some(_) => self.text(place).map(Some),
        }
    }

    /// Text, or this if nothing is given.
    pub fn text_or(&self, place: usize, default: &str) -> Answer<Rc<str>> {
        match self.get(place) {
            None => Ok(default.into()),
            Some(_) => self.text(place),
        }
    }

    /// Says that something of this kind is no fit for a parameter.
    fn unfit<T>(&self, place: usize, value: &Value) -> Answer<T> {
        let entry = self
            .entry
            .map_or(("", ""), |entry| (entry.name, entry.parameters));
        let words = entry.1.trim_start_matches(MARKS).split_whitespace();
        let mut words = words.map(|word| word.trim_end_matches('?'));
        let parameter = words.nth(place).unwrap_or_default();
        let found = value.a_kind();
        fault(format!("`{}` with {parameter} from {found}", entry.0))
    }
}
