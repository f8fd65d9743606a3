//! Equality, order and membership, as Python has them.

use alloc::format;
use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cmp::Ordering;

use super::run::Run;
use super::show;
use super::value::{Answer, Object, Range, Value, View, fault};

/// How deep values are compared, printed and looked through.
pub const DEPTH_MAX: usize = 100;

/// Do two values count as equal?
pub fn equal(one: &Value, other: &Value) -> Answer<bool> {
    equal_at(one, other, 0)
}

fn equal_at(one: &Value, other: &Value, depth: usize) -> Answer<bool> {
    if depth > DEPTH_MAX {
        return fault("values too deep to be compared");
    }
    if let (Some(one), Some(other)) = (one.as_text(), other.as_text()) {
        return Ok(one == other);
    }
    if let Some(order) = numbers(one, other) {
        return Ok(order == Some(Ordering::Equal));
    }
    Ok(match (one, other) {
        (Value::None, Value::None) => true,
        (Value::List(one), Value::List(other)) | (Value::Tuple(one), Value::Tuple(other)) => {
            let (one, other) = (one.to_vec(), other.to_vec());
            one.len() == other.len() && first_difference(&one, &other, depth)?.is_none()
        }
        (Value::Dict(one), Value::Dict(other)) => {
            if one.len() != other.len() {
                return Ok(false);
            }
            for (key, value) in one.pairs() {
                match other.get(&key) {
                    Some(found) if equal_at(&value, &found, depth + 1)? => {}
                    _ => return Ok(false),
                }
            }
            true
        }
        (Value::Range(one), Value::Range(other)) => {
            let count = one.len();
            let same_start = count == 0 || one.start == other.start;
            count == other.len() && same_start && (count < 2 || one.step == other.step)
        }
        (Value::Missing(one), Value::Missing(other)) => one.is_silent == other.is_silent,
        _ => is_same(one, other),
    })
}

/// The place of the first elements that differ; beyond the shorter one nothing does.
fn first_difference(one: &[Value], other: &[Value], depth: usize) -> Answer<Option<usize>> {
    for (place, (one, other)) in one.iter().zip(other).enumerate() {
        if !is_same(one, other) && !equal_at(one, other, depth + 1)? {
            return Ok(Some(place));
        }
    }
    Ok(None)
}

/// The order of two numbers, if they are; not-a-number has none.
fn numbers(one: &Value, other: &Value) -> Option<Option<Ordering>> {
    if let (Some(one), Some(other)) = (one.as_int(), other.as_int()) {
        return Some(Some(one.cmp(&other)));
    }
    let order = one.as_float()?.partial_cmp(&other.as_float()?);
    // Beyond 53 bits a whole number and its nearest fraction are still two.
    let exact = |int: i128, float: f64| {
        if float.abs() < 1e38 {
            int.cmp(&(float as i128))
        } else {
            Ordering::Equal
        }
    };
    Some(match (order, one, other) {
        (Some(Ordering::Equal), _, Value::Float(float)) if one.as_int().is_some() => {
            Some(exact(one.as_int()?, *float))
        }
        (Some(Ordering::Equal), Value::Float(float), _) if other.as_int().is_some() => {
            Some(exact(other.as_int()?, *float).reverse())
        }
        _ => order,
    })
}

/// Are these one and the same thing (`is` in Python)?
pub fn is_same(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::None, Value::None) => true,
        (Value::Bool(one), Value::Bool(other)) => one == other,
        // Python has each of the small ones once.
        (Value::Int(one), Value::Int(other)) => one == other && (-5..=256).contains(one),
        (Value::Text(one), Value::Text(other)) => Rc::ptr_eq(one, other),
        (Value::Html(one), Value::Html(other)) => Rc::ptr_eq(one, other),
        (Value::List(one), Value::List(other)) => Rc::ptr_eq(one, other),
        (Value::Tuple(one), Value::Tuple(other)) => Rc::ptr_eq(one, other),
        (Value::Dict(one), Value::Dict(other)) => Rc::ptr_eq(one, other),
        (Value::Namespace(one), Value::Namespace(other)) => Rc::ptr_eq(one, other),
        (Value::Range(one), Value::Range(other)) => Rc::ptr_eq(one, other),
        (Value::Iter(one), Value::Iter(other)) => Rc::ptr_eq(one, other),
        (Value::Missing(one), Value::Missing(other)) => Rc::ptr_eq(one, other),
        (Value::Object(one), Value::Object(other)) => match (&**one, &**other) {
            (Object::Function(one), Object::Function(other)) => core::ptr::eq(*one, *other),
            _ => Rc::ptr_eq(one, other),
        },
        _ => false,
    }
}

/// The order of two values; `sign` is what asks for it.
pub fn compare(one: &Value, other: &Value, sign: &str) -> Answer<Option<Ordering>> {
    compare_at(one, other, sign, 0)
}

fn compare_at(one: &Value, other: &Value, sign: &str, depth: usize) -> Answer<Option<Ordering>> {
    if depth > DEPTH_MAX {
        return fault("values too deep to be compared");
    }
    if let (Some(one), Some(other)) = (one.as_text(), other.as_text()) {
        return Ok(Some(one.cmp(other)));
    }
    if let Some(order) = numbers(one, other) {
        return Ok(order);
    }
    match (one, other) {
        (Value::List(one), Value::List(other)) | (Value::Tuple(one), Value::Tuple(other)) => {
            let (one, other) = (one.to_vec(), other.to_vec());
            let Some(place) = first_difference(&one, &other, depth)? else {
                return Ok(Some(one.len().cmp(&other.len())));
            };
            match (one.get(place), other.get(place)) {
                (Some(one), Some(other)) => compare_at(one, other, sign, depth + 1),
                _ => Ok(None),
            }
        }
        _ => fault(show::between(sign, one, other)),
    }
}

/// Sorts by a key for each value; equal ones keep their order. The engine's own sort, because an order may fail.
pub fn sort(run: &mut Run, values: Vec<(Value, Value)>, reverse: bool) -> Answer<Vec<Value>> {
    let mut values = values;
    if reverse {
        values.reverse();
    }
    let mut sorted = merge_sort(run, values)?;
    if reverse {
        sorted.reverse();
    }
    Ok(sorted.into_iter().map(|(_, value)| value).collect())
}

fn merge_sort(run: &mut Run, mut values: Vec<(Value, Value)>) -> Answer<Vec<(Value, Value)>> {
    if values.len() < 2 {
        return Ok(values);
    }
    let right = values.split_off(values.len() / 2);
    let mut sorted = Vec::with_capacity(values.len() + right.len());
    let mut left = merge_sort(run, values)?.into_iter().peekable();
    let mut right = merge_sort(run, right)?.into_iter().peekable();
    while let (Some((one, _)), Some((other, _))) = (left.peek(), right.peek()) {
        run.spend(1)?;
        let from_right = compare(other, one, "<")? == Some(Ordering::Less);
        sorted.extend(if from_right {
            right.next()
        } else {
            left.next()
        });
    }
    sorted.extend(left);
    sorted.extend(right);
    Ok(sorted)
}

/// An order of everything that can be a key, in which equal keys are those that Python has for equal.
pub fn key_order(one: &Value, other: &Value) -> Ordering {
    fn rank(value: &Value) -> u8 {
        match value {
            Value::None => 0,
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => 1,
            Value::Text(_) | Value::Html(_) => 2,
            Value::Tuple(_) => 3,
            Value::Missing(_) => 4,
            _ => 5,
        }
    }
    fn address(value: &Value) -> usize {
        match value {
            Value::Object(object) => match &**object {
                Object::Function(entry) => core::ptr::from_ref(*entry) as usize,
                _ => Rc::as_ptr(object) as usize,
            },
            Value::Range(range) => Rc::as_ptr(range) as usize,
            Value::Iter(iter) => Rc::as_ptr(iter) as *const u8 as usize,
            Value::Namespace(dict) => Rc::as_ptr(dict) as usize,
            _ => 0,
        }
    }
    if let (Some(one), Some(other)) = (one.as_text(), other.as_text()) {
        return one.cmp(other);
    }
    if let Some(order) = numbers(one, other) {
        let is_nan = |value: &Value| value.as_float().is_some_and(f64::is_nan);
        return order.unwrap_or_else(|| is_nan(one).cmp(&is_nan(other)));
    }
    match (one, other) {
        (Value::Tuple(one), Value::Tuple(other)) => {
            let (one, other) = (one.items.borrow(), other.items.borrow());
            let pairs = one.iter().zip(other.iter());
            let mut orders = pairs.map(|(one, other)| key_order(one, other));
            let different = orders.find(|order| order.is_ne());
            different.unwrap_or_else(|| one.len().cmp(&other.len()))
        }
        _ => (rank(one), address(one)).cmp(&(rank(other), address(other))),
    }
}

/// Fails if a value can be no key.
pub fn check_key(key: &Value) -> Answer<()> {
    check_key_at(key, 0)
}

fn check_key_at(key: &Value, depth: usize) -> Answer<()> {
    match key {
        Value::Tuple(seq) if depth < DEPTH_MAX => {
            let items = seq.items.borrow();
            items
                .iter()
                .try_for_each(|item| check_key_at(item, depth + 1))
        }
        Value::List(_) | Value::Tuple(_) | Value::Dict(_) | Value::View(..) | Value::Slice(_) => {
            fault(format!("{} as a key", key.a_kind()))
        }
        _ => Ok(()),
    }
}

/// Is a value in another (`in`)?
pub fn contains(run: &mut Run, container: &Value, value: &Value) -> Answer<bool> {
    match (container, value) {
        (Value::Text(text) | Value::Html(text), _) => match value.as_text() {
            Some(part) => Ok(text.contains(&**part)),
            None => fault(show::between("in", value, container)),
        },
        (Value::Dict(dict), _) | (Value::View(View::Keys, dict), _) => {
            check_key(value)?;
            Ok(dict.get(value).is_some())
        }
        (Value::Range(range), Value::Int(_) | Value::Bool(_)) => {
            let place = value.as_int().and_then(|int| int.checked_sub(range.start));
            let place = place.map(|span| (span % range.step, span / range.step));
            Ok(place.is_some_and(|(rest, place)| rest == 0 && (0..range.len()).contains(&place)))
        }
        _ => {
            let mut iter = run.iter(container)?;
            while let Some(element) = iter.next(run)? {
                if is_same(&element, value) || equal(&element, value)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

/// A place in something of `len` elements, counted from its end where it is negative.
pub fn place(index: i128, len: usize) -> Option<usize> {
    let index = if index < 0 {
        index.checked_add(len as i128)?
    } else {
        index
    };
    usize::try_from(index).ok().filter(|place| *place < len)
}

/// The places that a slice takes of something of `len` elements.
pub fn places(slice: &[Value; 3], len: usize) -> Answer<Range> {
    let bound = |value: &Value| match value {
        Value::None => Ok(None),
        other => match other.as_int() {
            Some(int) => Ok(Some(int)),
            None => fault(format!("{} as an end of a slice", other.a_kind())),
        },
    };
    let [start, stop, step] = slice;
    let (start, stop, step) = (bound(start)?, bound(stop)?, bound(step)?.unwrap_or(1));
    if step == 0 {
        return fault("a slice with step 0");
    }
    let len = len as i128;
    let (low, high) = if step > 0 { (0, len) } else { (-1, len - 1) };
    let clamp = |bound: i128| {
        if bound < 0 {
            bound.saturating_add(len).max(low)
        } else {
            bound.min(high)
        }
    };
    let (first, last) = if step > 0 { (low, high) } else { (high, low) };
    Ok(Range {
        start: start.map_or(first, clamp),
        stop: stop.map_or(last, clamp),
        step,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_compared_exactly() {
        let order = |one: &Value, other: &Value| compare(one, other, "<").ok().flatten();
        for (int, float, expected) in [
            (1, 1.0, Some(Ordering::Equal)),
            (1, 1.5, Some(Ordering::Less)),
            (
                9_007_199_254_740_993,
                9_007_199_254_740_992.0,
                Some(Ordering::Greater),
            ),
            (i128::MAX, 1e39, Some(Ordering::Less)),
            (0, f64::NAN, None),
        ] {
            let (int, float) = (Value::Int(int), Value::Float(float));
            assert_eq!(order(&int, &float), expected);
            assert_eq!(order(&float, &int), expected.map(Ordering::reverse));
        }
    }

    #[test]
    fn slices_take_the_places_that_are_there() {
        let int = |bound: Option<i128>| bound.map_or(Value::None, Value::Int);
        for (bounds, expected) in [
            ([None, None, None], (0, 4, 1)),
            ([Some(-2), None, None], (2, 4, 1)),
            ([Some(-9), Some(9), Some(2)], (0, 4, 2)),
            ([None, None, Some(-1)], (3, -1, -1)),
            ([Some(9), Some(-9), Some(-2)], (3, -1, -2)),
            ([Some(i128::MIN), Some(i128::MAX), None], (0, 4, 1)),
        ] {
            let range = places(&bounds.map(int), 4).ok();
            let range = range.map(|range| (range.start, range.stop, range.step));
            assert_eq!(range, Some(expected));
        }
        assert!(places(&[None, None, Some(0)].map(int), 4).is_err());
    }
}
