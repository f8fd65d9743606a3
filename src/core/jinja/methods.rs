//! Methods, by type.

use alloc::format;
use alloc::vec::Vec;

use super::args::Args;
use super::dict::Dict;
use super::iter::seen;
use super::number;
use super::order::{check_key, equal, is_same, place, sort};
use super::run::Run;
use super::table::{Entry, entry};
use super::value::{Answer, Object, Seq, Value, View, drop_all, fault};

pub mod text;

/// The methods of a value.
pub fn of(value: &Value) -> &'static [Entry] {
    match value {
        Value::Text(_) | Value::Html(_) => &text::METHODS,
        Value::List(_) => &LIST,
        Value::Tuple(_) => &TUPLE,
        Value::Range(_) => &RANGE,
        Value::Dict(_) => &DICT,
        Value::Bool(_) | Value::Int(_) => &INT,
        Value::Float(_) => &FLOAT,
        Value::Object(object) => match &**object {
            Object::Cycler(..) => &CYCLER,
            Object::Loop(_) => &LOOP,
            _ => &[],
        },
        _ => &[],
    }
}

static LIST: [Entry; 11] = [
    entry("append", "/ object", append),
    entry("clear", "", clear),
    entry("copy", "", copy),
    entry("count", "/ value", count),
    entry("extend", "/ iterable", extend),
    entry("index", "/ value start? stop?", index),
    entry("insert", "/ index object", insert),
    entry("pop", "/ index?", pop),
    entry("remove", "/ value", remove),
    entry("reverse", "", reverse),
    entry("sort", "= key? reverse?", sort_list),
];

static TUPLE: [Entry; 2] = [
    entry("count", "/ value", count),
    entry("index", "/ value start? stop?", index),
];

static RANGE: [Entry; 2] = [
    entry("count", "/ value", count),
    entry("index", "/ value", index),
];

static DICT: [Entry; 11] = [
    entry("clear", "", clear),
    entry("copy", "", copy),
    entry("fromkeys", "/ iterable value?", from_keys),
    entry("get", "/ key default?", get),
    entry("items", "", |_, value, _| Ok(view(value, View::Items))),
    entry("keys", "", |_, value, _| Ok(view(value, View::Keys))),
    entry("pop", "/ key default?", pop_key),
    entry("popitem", "", pop_item),
    entry("setdefault", "/ key default?", set_default),
    entry("update", "*", update),
    entry("values", "", |_, value, _| Ok(view(value, View::Values))),
];

static INT: [Entry; 3] = [
    entry("bit_count", "", |_, value, _| {
        Ok(bits(value, |int| int.count_ones()))
    }),
    entry("bit_length", "", |_, value, _| {
        Ok(bits(value, |int| u128::BITS - int.leading_zeros()))
    }),
    entry("conjugate", "", |_, value, _| number::signed(false, value)),
];

static FLOAT: [Entry; 2] = [
    entry("conjugate", "", |_, value, _| Ok(value.clone())),
    entry("is_integer", "", |_, value, _| {
        let float = value.as_float().unwrap_or(0.0);
        Ok(Value::Bool(
            float.is_finite() && number::floor(float) == float,
        ))
    }),
];

static CYCLER: [Entry; 2] = [
    entry("next", "", |_, value, _| cycle(value, 1)),
    entry("reset", "", |_, value, _| {
        cycle(value, 0).map(|_| Value::None)
    }),
];

static LOOP: [Entry; 2] = [
    entry("changed", "*", |run, value, args| match value {
        Value::Object(object) => match &**object {
            Object::Loop(state) => {
                let values = core::mem::take(&mut args.given);
                run.loop_changed(state, values).map(Value::Bool)
            }
            _ => Ok(Value::None),
        },
        _ => Ok(Value::None),
    }),
    entry("cycle", "*", |_, value, args| {
        let index = match value {
            Value::Object(object) => match &**object {
                Object::Loop(state) => state.index() - 1,
                _ => 0,
            },
            _ => 0,
        };
        let place = usize::try_from(index)
            .unwrap_or(0)
            .checked_rem(args.given.len());
        match place.and_then(|place| args.given.get(place)) {
            Some(value) => Ok(value.clone()),
            None => fault("`cycle` without values"),
        }
    }),
];

fn bits(value: &Value, count: fn(u128) -> u32) -> Value {
    let int = value.as_int().unwrap_or(0).unsigned_abs();
    Value::Int(count(int).into())
}

fn cycle(value: &Value, step: usize) -> Answer {
    if let Value::Object(object) = value
        && let Object::Cycler(values, place) = &**object
    {
        let now = place.get();
        place.set((now + step).checked_rem(values.len()).unwrap_or(0) * step);
        return Ok(values.get(now).cloned().unwrap_or(Value::None));
    }
    Ok(Value::None)
}

// Lists

/// Changes the elements of a list.
fn change<T>(value: &Value, work: impl FnOnce(&mut Vec<Value>) -> T) -> Answer<T> {
    match value.as_seq().map(|seq| seq.items.try_borrow_mut()) {
        Some(Ok(mut items)) => Ok(work(&mut items)),
        _ => fault("a list that is in use"),
    }
}

fn append(_: &mut Run, list: &Value, args: &mut Args) -> Answer {
    let value = args.value(0);
    change(list, |items| items.push(value))?;
    Ok(Value::None)
}

fn clear(_: &mut Run, value: &Value, _: &mut Args) -> Answer {
    match value {
        Value::Dict(dict) => drop(dict.take()),
        other => drop_all(change(other, core::mem::take)?),
    }
    Ok(Value::None)
}

fn copy(_: &mut Run, value: &Value, _: &mut Args) -> Answer {
    Ok(match value {
        Value::Dict(dict) => Value::Dict(Dict::of(dict.pairs()).into()),
        other => Value::list(other.as_seq().map_or(Vec::new(), |seq| seq.to_vec())),
    })
}

/// Is an element what is looked for?
fn is(element: &Value, value: &Value) -> Answer<bool> {
    Ok(is_same(element, value) || equal(element, value)?)
}

fn count(run: &mut Run, list: &Value, args: &mut Args) -> Answer {
    let value = args.value(0);
    let mut count = 0;
    for element in run.list(list)? {
        count += i128::from(is(&element, &value)?);
    }
    Ok(Value::Int(count))
}

fn extend(run: &mut Run, list: &Value, args: &mut Args) -> Answer {
    let more = run.list(&args.value(0))?;
    change(list, |items| items.extend(more))?;
    Ok(Value::None)
}

fn index(run: &mut Run, list: &Value, args: &mut Args) -> Answer {
    let elements = run.list(list)?;
    let len = elements.len() as i128;
    let bound = |bound: i128| (if bound < 0 { bound + len } else { bound }).clamp(0, len) as usize;
    let (start, stop) = (bound(args.int(1, 0)?), bound(args.int(2, len)?));
    let value = args.value(0);
    for (place, element) in elements.iter().enumerate().take(stop).skip(start) {
        if is(element, &value)? {
            return Ok(Value::Int(place as i128));
        }
    }
    fault("`index` of a value that is not in the list")
}

fn insert(_: &mut Run, list: &Value, args: &mut Args) -> Answer {
    let (at, value) = (args.int(0, 0)?, args.value(1));
    change(list, |items| {
        let len = items.len() as i128;
        let at = if at < 0 { at.saturating_add(len) } else { at };
        items.insert(at.clamp(0, len) as usize, value);
    })?;
    Ok(Value::None)
}

fn pop(_: &mut Run, list: &Value, args: &mut Args) -> Answer {
    let at = args.int(0, -1)?;
    let popped = change(list, |items| {
        let place = place(at, items.len())?;
        Some(items.remove(place))
    })?;
    match popped {
        Some(value) => Ok(value),
        None => fault("`pop` of an element that is not there"),
    }
}

fn remove(run: &mut Run, list: &Value, args: &mut Args) -> Answer {
    let place = index(run, list, &mut Args::bound([args.value(0)].into()))?;
    let place = usize::try_from(place.as_int().unwrap_or(0)).unwrap_or(0);
    drop_all([change(list, |items| items.remove(place))?].into());
    Ok(Value::None)
}

fn reverse(_: &mut Run, list: &Value, _: &mut Args) -> Answer {
    change(list, |items| items.reverse())?;
    Ok(Value::None)
}

fn sort_list(run: &mut Run, list: &Value, args: &mut Args) -> Answer {
    let elements = run.list(list)?;
    let mut keyed = Vec::with_capacity(elements.len());
    for element in elements {
        let key = match args.value(0) {
            Value::None => element.clone(),
            function => run.call(&function, Args::of([element.clone()].into()))?,
        };
        keyed.push((key, element));
    }
    let sorted = sort(run, keyed, args.flag(1))?;
    change(list, |items| *items = sorted)?;
    Ok(Value::None)
}

// Maps

/// The map of a method.
fn dict_of(value: &Value) -> Answer<&Dict> {
    match value {
        Value::Dict(dict) => Ok(dict),
        other => fault(format!("{} instead of a dict", other.a_kind())),
    }
}

fn view(value: &Value, view: View) -> Value {
    match value {
        Value::Dict(dict) => Value::View(view, dict.clone()),
        _ => Value::None,
    }
}

fn get(_: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let key = args.value(0);
    check_key(&key)?;
    let found = dict_of(value)?.get(&key);
    Ok(found.unwrap_or_else(|| args.value(1)))
}

fn set_default(_: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let (key, default) = (args.value(0), args.value(1));
    check_key(&key)?;
    let dict = dict_of(value)?;
    if let Some(found) = dict.get(&key) {
        return Ok(found);
    }
    dict.insert(key, default.clone());
    Ok(default)
}

fn pop_key(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let key = args.value(0);
    check_key(&key)?;
    let dict = dict_of(value)?;
    run.spend(dict.len() / 8)?;
    match (dict.remove(&key), args.get(1)) {
        (Some((_, value)), _) => Ok(value),
        (None, Some(default)) => Ok(default.clone()),
        (None, None) => fault(format!(
            "`pop` of {}, which is not there",
            super::show::repr(&key)?
        )),
    }
}

fn pop_item(_: &mut Run, value: &Value, _: &mut Args) -> Answer {
    let dict = dict_of(value)?;
    let last = dict.len().checked_sub(1).and_then(|last| dict.at(last));
    match last.and_then(|(key, _)| dict.remove(&key)) {
        Some(pair) => Ok(seen(View::Items, pair)),
        None => fault("`popitem` of a dict without entries"),
    }
}

fn from_keys(run: &mut Run, _: &Value, args: &mut Args) -> Answer {
    let dict = Dict::default();
    for key in run.list(&args.value(0))? {
        check_key(&key)?;
        dict.insert(key, args.value(1));
    }
    Ok(Value::Dict(dict.into()))
}

fn update(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let dict = dict_of(value)?;
    for (key, value) in pairs(run, args)? {
        dict.insert(key, value);
    }
    Ok(Value::None)
}

/// What `dict(…)` is given: a map or a list of pairs, and then names with values.
pub fn pairs(run: &mut Run, args: &mut Args) -> Answer<Vec<(Value, Value)>> {
    let mut given = core::mem::take(&mut args.given);
    let mut pairs = match (given.pop(), given.is_empty()) {
        (None, _) => Vec::new(),
        (Some(Value::Dict(dict)), true) => dict.pairs(),
        (Some(list), true) => {
            let mut pairs = Vec::new();
            for pair in run.list(&list)? {
                let pair = run.list(&pair)?;
                let [key, value] = &*pair else {
                    return fault(format!(
                        "{} values instead of a key and a value",
                        pair.len()
                    ));
                };
                check_key(key)?;
                pairs.push((key.clone(), value.clone()));
            }
            pairs
        }
        (Some(_), false) => return fault("more than one map or list of pairs"),
    };
    let named = core::mem::take(&mut args.named).into_iter();
    pairs.extend(named.map(|(name, value)| (Value::Text(name), value)));
    Ok(pairs)
}

/// A tuple of `groupby`.
pub fn group(grouper: Value, list: Vec<Value>) -> Value {
    let seq = Seq {
        items: Vec::from([grouper, Value::list(list)]).into(),
        is_group: true,
    };
    Value::Tuple(seq.into())
}
