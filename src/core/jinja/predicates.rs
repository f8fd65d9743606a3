//! Tests: what may stand behind `is`.

use alloc::format;

use super::args::Args;
use super::filters;
use super::methods::text::{is_lower, is_upper};
use super::order::{check_key, contains, is_same};
use super::run::Run;
use super::show;
use super::syntax::{Binary, Comparison};
use super::table::{self, Call, Entry, entry};
use super::value::{Answer, Object, Value, fault};

/// The test of a name.
pub fn find(name: &str) -> Option<&'static Entry> {
    table::find(&TESTS, name)
}

static TESTS: [Entry; 39] = [
    entry("!=", "other", UNEQUAL),
    entry("<", "other", LESS),
    entry("<=", "other", LESS_OR_EQUAL),
    entry("==", "other", EQUAL),
    entry(">", "other", GREATER),
    entry(">=", "other", GREATER_OR_EQUAL),
    entry("boolean", "", |_, value, _| {
        yes(matches!(value, Value::Bool(_)))
    }),
    entry("callable", "", |_, value, _| match value {
        Value::Missing(_) => yes(true),
        Value::Object(object) => yes(!matches!(&**object, Object::Cycler(..))),
        _ => yes(false),
    }),
    entry("defined", "", |_, value, _| yes(!value.is_missing())),
    entry("divisibleby", "num", |run, value, args| {
        let rest = super::number::binary(run, value, Binary::Mod, &args.value(0))?;
        yes(rest.as_float() == Some(0.0))
    }),
    entry("eq", "other", EQUAL),
    entry("equalto", "other", EQUAL),
    entry("escaped", "", |_, value, _| {
        yes(matches!(value, Value::Html(_)))
    }),
    entry("even", "", |run, value, _| parity(run, value, 0.0)),
    entry("false", "", |_, value, _| {
        yes(matches!(value, Value::Bool(false)))
    }),
    entry("filter", "", |_, value, _| {
        is_in(value, |name| filters::find(name).is_some())
    }),
    entry("float", "", |_, value, _| {
        yes(matches!(value, Value::Float(_)))
    }),
    entry("ge", "other", GREATER_OR_EQUAL),
    entry("greaterthan", "other", GREATER),
    entry("gt", "other", GREATER),
    entry("in", "seq", |run, value, args| {
        yes(contains(run, &args.value(0), value)?)
    }),
    entry("integer", "", |_, value, _| {
        yes(matches!(value, Value::Int(_)))
    }),
    entry("iterable", "", |run, value, _| yes(run.iter(value).is_ok())),
    entry("le", "other", LESS_OR_EQUAL),
    entry("lessthan", "other", LESS),
    entry("lower", "", |_, value, _| {
        yes(is_lower(&show::text(value)?))
    }),
    entry("lt", "other", LESS),
    entry("mapping", "", |_, value, _| {
        yes(matches!(value, Value::Dict(_)))
    }),
    entry("ne", "other", UNEQUAL),
    entry("none", "", |_, value, _| yes(matches!(value, Value::None))),
    entry("number", "", |_, value, _| yes(value.as_float().is_some())),
    entry("odd", "", |run, value, _| parity(run, value, 1.0)),
    entry("sameas", "other", |_, value, args| {
        yes(is_same(value, &args.value(0)))
    }),
    entry("sequence", "", |_, value, _| {
        let has_places = !matches!(value, Value::View(..) | Value::Object(_));
        yes(value.len().is_some() && has_places)
    }),
    entry("string", "", |_, value, _| yes(value.as_text().is_some())),
    entry("test", "", |_, value, _| {
        is_in(value, |name| find(name).is_some())
    }),
    entry("true", "", |_, value, _| {
        yes(matches!(value, Value::Bool(true)))
    }),
    entry("undefined", "", |_, value, _| yes(value.is_missing())),
    entry("upper", "", |_, value, _| {
        yes(is_upper(&show::text(value)?))
    }),
];

const EQUAL: Call = |run, value, args| compared(run, value, Comparison::Equal, args);
const UNEQUAL: Call = |run, value, args| compared(run, value, Comparison::Unequal, args);
const LESS: Call = |run, value, args| compared(run, value, Comparison::Less, args);
const LESS_OR_EQUAL: Call = |run, value, args| compared(run, value, Comparison::LessOrEqual, args);
const GREATER: Call = |run, value, args| compared(run, value, Comparison::Greater, args);
const GREATER_OR_EQUAL: Call =
    |run, value, args| compared(run, value, Comparison::GreaterOrEqual, args);

/// Is this a key of the table of filters or tests?
fn is_in(value: &Value, find: fn(&str) -> bool) -> Answer {
    check_key(value)?;
    yes(value.as_text().is_some_and(|name| find(name)))
}

fn yes(is: bool) -> Answer {
    Ok(Value::Bool(is))
}

fn compared(run: &mut Run, value: &Value, comparison: Comparison, args: &mut Args) -> Answer {
    run.compares(value, comparison, &args.value(0))
        .and_then(yes)
}

/// Does a division by two leave this rest?
fn parity(run: &mut Run, value: &Value, rest: f64) -> Answer {
    if value.as_text().is_some() {
        return fault(format!("`odd` or `even` of {}", value.a_kind()));
    }
    let found = super::number::binary(run, value, Binary::Mod, &Value::Int(2))?;
    yes(found.as_float() == Some(rest))
}
