//! Values by key, in the order in which they came.

use alloc::vec::Vec;
use core::cell::RefCell;
use core::cmp::Ordering;
use core::mem::{replace, take};

use super::order::key_order;
use super::value::{Value, drop_all};

/// A map whose keys are equal where Python's are: `1`, `1.0` and `true` are one. Every key must have passed
/// [`super::order::check_key`].
#[derive(Default)]
pub struct Dict(RefCell<Entries>);

#[derive(Default)]
struct Entries {
    pairs: Vec<(Value, Value)>,
    /// The places of the pairs, by their keys' order.
    order: Vec<u32>,
}

impl Entries {
    /// Where in `order` a key is, or belongs.
    fn find(&self, by: impl Fn(&Value) -> Ordering) -> Result<usize, usize> {
        self.order.binary_search_by(|place| {
            let pair = self.pairs.get(*place as usize);
            pair.map_or(Ordering::Greater, |(key, _)| by(key))
        })
    }

    fn pair(&self, at: usize) -> Option<&(Value, Value)> {
        self.pairs.get(*self.order.get(at)? as usize)
    }
}

impl Dict {
    /// A map of pairs; of equal keys the last value stays.
    pub fn of(pairs: impl IntoIterator<Item = (Value, Value)>) -> Dict {
        let dict = Dict::default();
        for (key, value) in pairs {
            dict.insert(key, value);
        }
        dict
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.0.borrow().pairs.len()
    }

    /// The value of a key.
    pub fn get(&self, key: &Value) -> Option<Value> {
        let entries = self.0.borrow();
        let at = entries.find(|other| key_order(other, key)).ok()?;
        entries.pair(at).map(|(_, value)| value.clone())
    }

    /// The value of a key that is text.
    pub fn get_text(&self, key: &str) -> Option<Value> {
        self.get(&Value::text(key))
    }

    /// The entry at a place.
    pub fn at(&self, place: usize) -> Option<(Value, Value)> {
        self.0.borrow().pairs.get(place).cloned()
    }

    /// The entries as they are now.
    pub fn pairs(&self) -> Vec<(Value, Value)> {
        self.0.borrow().pairs.clone()
    }

    /// Adds an entry, or gives the one that is there another value.
    pub fn insert(&self, key: Value, value: Value) {
        let mut entries = self.0.borrow_mut();
        let entries = &mut *entries;
        match entries.find(|other| key_order(other, &key)) {
            Ok(at) => {
                let place = entries.order.get(at).copied().unwrap_or(0) as usize;
                if let Some((_, old)) = entries.pairs.get_mut(place) {
                    drop_all([replace(old, value)].into());
                }
            }
            Err(at) => {
                entries.order.insert(at, entries.pairs.len() as u32);
                entries.pairs.push((key, value));
            }
        }
    }

    /// Takes an entry out.
    pub fn remove(&self, key: &Value) -> Option<(Value, Value)> {
        let mut entries = self.0.borrow_mut();
        let at = entries.find(|other| key_order(other, key)).ok()?;
        let place = entries.order.remove(at);
        for other in &mut entries.order {
            *other -= u32::from(*other > place);
        }
        Some(entries.pairs.remove(place as usize))
    }

    /// Takes all entries out.
    pub fn take(&self) -> Vec<(Value, Value)> {
        take(&mut *self.0.borrow_mut()).pairs
    }

    /// What it holds.
    pub fn into_values(self) -> Vec<Value> {
        let pairs = self.take();
        pairs
            .into_iter()
            .flat_map(|(key, value)| [key, value])
            .collect()
    }
}

impl Drop for Dict {
    fn drop(&mut self) {
        let pairs = self.take();
        drop_all(
            pairs
                .into_iter()
                .flat_map(|(key, value)| [key, value])
                .collect(),
        );
    }
}
