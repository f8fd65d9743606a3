//! Going through values one after another.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::vec;
use core::cell::RefCell;

use super::args::Args;
use super::dict::Dict;
use super::order::DEPTH_MAX;
use super::run::{Run, Scope};
use super::syntax::For;
use super::value::{Answer, Range, Seq, Value, View, fault};

/// Values one after another. What is going through a list sees what is added to it.
pub enum Iter {
    /// The elements of a list from a place on.
    Seq(Rc<Seq>, usize),
    /// The elements of a list before a place, backwards.
    Back(Rc<Seq>, usize),
    /// What is looked at of a map, from a place on, and how many entries it had.
    View(View, Rc<Dict>, usize, usize),
    /// The characters of a text from a byte on.
    Chars(Rc<str>, usize),
    /// Numbers from a place on.
    Range(Range, i128),
    /// Values that are known.
    Done(vec::IntoIter<Value>),
    /// Another iterator, which its owner goes through as well.
    Shared(Rc<RefCell<Iter>>),
    /// What a step makes of each value of another.
    Steps(Box<Steps>),
    /// Those for which the condition of a loop holds.
    Where(Box<(Iter, Rc<For>, Rc<Scope>)>),
}

/// A step for each value of an iterator.
pub struct Steps {
    source: Iter,
    args: Args,
    step: Step,
    depth: usize,
}

/// What becomes of a value: another, or nothing.
pub type Step = fn(&mut Run, &mut Args, Value) -> Answer<Option<Value>>;

impl Iter {
    /// Values that are known.
    pub fn of(values: vec::Vec<Value>) -> Iter {
        Iter::Done(values.into_iter())
    }

    /// What a step makes of each value.
    pub fn steps(source: Iter, args: Args, step: Step) -> Answer<Iter> {
        let depth = match &source {
            Iter::Shared(shared) => shared.try_borrow().map_or(0, |iter| iter.depth()),
            other => other.depth(),
        };
        if depth > DEPTH_MAX {
            return fault("too many filters on one list");
        }
        Ok(Iter::Steps(Box::new(Steps {
            source,
            args,
            step,
            depth: depth + 1,
        })))
    }

    fn depth(&self) -> usize {
        match self {
            Iter::Steps(steps) => steps.depth,
            _ => 0,
        }
    }

    /// The next value.
    pub fn next(&mut self, run: &mut Run) -> Answer<Option<Value>> {
        run.spend(1)?;
        Ok(match self {
            Iter::Seq(seq, place) => {
                *place += 1;
                seq.at(*place - 1)
            }
            Iter::Back(seq, place) => match place.checked_sub(1) {
                Some(before) => {
                    *place = before;
                    seq.at(before)
                }
                None => None,
            },
            Iter::View(_, dict, _, len) if dict.len() != *len => {
                return fault("a dict that changes while a loop goes through it");
            }
            Iter::View(view, dict, place, _) => {
                *place += 1;
                dict.at(*place - 1).map(|pair| seen(*view, pair))
            }
            Iter::Chars(text, at) => {
                let c = text.get(*at..).and_then(|rest| rest.chars().next());
                *at += c.map_or(0, char::len_utf8);
                c.map(|c| Value::text(c.encode_utf8(&mut [0; 4])))
            }
            Iter::Range(range, place) => {
                *place += 1;
                (*place <= range.len()).then(|| range.at(*place - 1))
            }
            Iter::Done(values) => values.next(),
            Iter::Shared(shared) => match shared.try_borrow_mut() {
                Ok(mut iter) => iter.next(run)?,
                Err(_) => return fault("a list that goes through itself"),
            },
            Iter::Steps(steps) => {
                while let Some(value) = steps.source.next(run)? {
                    if let Some(value) = (steps.step)(run, &mut steps.args, value)? {
                        return Ok(Some(value));
                    }
                }
                None
            }
            Iter::Where(filter) => {
                let (source, node, scope) = &mut **filter;
                while let Some(value) = source.next(run)? {
                    if run.passes(node, scope, &value)? {
                        return Ok(Some(value));
                    }
                }
                None
            }
        })
    }
}

/// What a view shows of a pair.
pub fn seen(view: View, (key, value): (Value, Value)) -> Value {
    match view {
        View::Keys => key,
        View::Values => value,
        View::Items => Value::tuple([key, value].into()),
    }
}
