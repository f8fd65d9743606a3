//! Functions that every template has.

use alloc::rc::Rc;
use core::cell::Cell;

use super::args::Args;
use super::dict::Dict;
use super::methods::{pairs, text};
use super::run::Run;
use super::table::{Entry, entry};
use super::value::{Answer, Object, Range, Value, fault};

/// The functions.
pub static FUNCTIONS: [Entry; 6] = [
    entry("cycler", "*", |_, _, args| {
        if args.given.is_empty() {
            fault("`cycler` without values")
        } else {
            let values = core::mem::take(&mut args.given);
            Ok(Value::object(Object::Cycler(values, Cell::new(0))))
        }
    }),
    entry("dict", "*", |run, _, args| {
        Ok(Value::Dict(made(run, args)?))
    }),
    entry("joiner", "sep?", |_, _, args| {
        let separator = args.get(0).cloned().unwrap_or_else(|| Value::text(", "));
        Ok(Value::object(Object::Joiner(separator, Cell::new(false))))
    }),
    entry("lipsum", "*", text::refusal()),
    entry("namespace", "*", |run, _, args| {
        Ok(Value::Namespace(made(run, args)?))
    }),
    entry("range", "/ start stop? step?", range),
];

fn made(run: &mut Run, args: &mut Args) -> Answer<Rc<Dict>> {
    Ok(Rc::new(Dict::of(pairs(run, args)?)))
}

fn range(_: &mut Run, _: &Value, args: &mut Args) -> Answer {
    let (first, step) = (args.int(0, 0)?, args.int(2, 1)?);
    let (start, stop) = match args.get(1) {
        Some(_) => (first, args.int(1, 0)?),
        None => (0, first),
    };
    let fits = |int: i128| i64::try_from(int).is_ok();
    if step != 0 && fits(start) && fits(stop) && fits(step) {
        Ok(Value::Range(Rc::new(Range { start, stop, step })))
    } else {
        fault("`range` with a step of 0, or a number too large")
    }
}
