//! Filters of lists, maps and other things with elements.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;
use core::cmp::Ordering;
use core::mem::take;

use super::super::args::Args;
use super::super::dict::Dict;
use super::super::iter::{Iter, Step, seen};
use super::super::methods::group;
use super::super::number;
use super::super::order::{self, check_key, compare, equal};
use super::super::run::{Run, absent_as, nothing};
use super::super::show;
use super::super::value::{Answer, Value, View, fault};

/// A path of keys, with numbers where they are digits: `a.0.b`.
type Path = Vec<Value>;

fn path(attribute: &Value) -> Path {
    match attribute {
        Value::None => Path::new(),
        other => match other.as_text() {
            Some(text) => text.split('.').map(key).collect(),
            None => Vec::from([other.clone()]),
        },
    }
}

fn key(part: &str) -> Value {
    let is_number = !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
    let number = part.parse().ok().filter(|_| is_number);
    number.map_or_else(|| Value::text(part), Value::Int)
}

/// Follows a path.
fn follow(run: &mut Run, value: &Value, path: &[Value], default: &Value) -> Answer {
    let mut value = value.clone();
    for key in path {
        value = match run.item_or_method(&value, key)? {
            Some(found) => found,
            None => absent_as(key.clone(), false),
        };
        if value.is_missing() && !matches!(default, Value::None) {
            value = default.clone();
        }
    }
    Ok(value)
}

/// A text in small letters, where case does not count.
fn folded(value: Value, case_sensitive: bool) -> Value {
    match value.as_text() {
        Some(text) if !case_sensitive => Value::Text(text.to_lowercase().into()),
        _ => value,
    }
}

/// The key of each value by an attribute.
fn keyed(
    run: &mut Run,
    value: &Value,
    attribute: &Value,
    case_sensitive: bool,
    default: &Value,
) -> Answer<Vec<(Value, Value)>> {
    let path = path(attribute);
    let mut keyed = Vec::new();
    for element in run.list(value)? {
        let key = follow(run, &element, &path, default)?;
        keyed.push((folded(key, case_sensitive), element));
    }
    Ok(keyed)
}

pub fn attr(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let name = args.text(0)?;
    let found = run.own_attribute(value, &name)?;
    Ok(found.unwrap_or_else(|| absent_as(Value::Text(name), false)))
}

pub fn default(_: &mut Run, value: &Value, args: &mut Args) -> Answer {
    if value.is_missing() || (args.flag(1) && !value.is_true()) {
        Ok(args.get(0).cloned().unwrap_or_else(|| Value::text("")))
    } else {
        Ok(value.clone())
    }
}

pub fn length(_: &mut Run, value: &Value, _: &mut Args) -> Answer {
    match value.len() {
        Some(len) => Ok(Value::Int(len as i128)),
        None => fault(format!("the length of {}", value.a_kind())),
    }
}

pub fn list(run: &mut Run, value: &Value, _: &mut Args) -> Answer {
    run.list(value).map(Value::list)
}

pub fn first(run: &mut Run, value: &Value, _: &mut Args) -> Answer {
    let next = run.iter(value)?.next(run)?;
    Ok(next.unwrap_or_else(nothing))
}

pub fn last(run: &mut Run, value: &Value, _: &mut Args) -> Answer {
    let next = backwards(run, value)?.next(run)?;
    Ok(next.unwrap_or_else(nothing))
}

/// Goes through a value from its end.
fn backwards(run: &mut Run, value: &Value) -> Answer<Iter> {
    Ok(match value {
        Value::List(seq) | Value::Tuple(seq) => Iter::Back(seq.clone(), seq.items.borrow().len()),
        Value::Iter(_) => return fault(format!("{} from its end", value.a_kind())),
        other => {
            let mut list = run.list(other)?;
            list.reverse();
            Iter::of(list)
        }
    })
}

pub fn reverse(run: &mut Run, value: &Value, _: &mut Args) -> Answer {
    if let Value::Text(text) | Value::Html(text) = value {
        let text: String = text.chars().rev().collect();
        return Ok(super::super::methods::text::like(value, text));
    }
    match value {
        Value::Iter(_) => {
            let mut list = run.list(value)?;
            list.reverse();
            Ok(Value::list(list))
        }
        other => backwards(run, other).map(Value::iter),
    }
}

pub fn random(run: &mut Run, value: &Value, _: &mut Args) -> Answer {
    let Some(len) = value.len() else {
        return fault(format!("a random element of {}", value.a_kind()));
    };
    if len == 0 {
        return Ok(nothing());
    }
    // Xorshift (Marsaglia), which never comes to 0 from something else.
    run.random ^= run.random << 13;
    run.random ^= run.random >> 7;
    run.random ^= run.random << 17;
    let place = Value::Int((run.random % len as u64) as i128);
    match run.item(value, &place)? {
        Some(found) => Ok(found),
        None => fault(format!("a random element of {}", value.a_kind())),
    }
}

pub fn join(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let separator = match args.get(0) {
        Some(separator) => show::text(separator)?,
        None => String::new(),
    };
    let path = path(&args.value(1));
    let mut iter = run.iter(value)?;
    let (mut out, mut is_first) = (String::new(), true);
    while let Some(element) = iter.next(run)? {
        if !core::mem::replace(&mut is_first, false) {
            out.push_str(&separator);
        }
        let element = follow(run, &element, &path, &Value::None)?;
        show::write(&mut out, &element)?;
    }
    Ok(Value::Text(out.into()))
}

pub fn items(run: &mut Run, value: &Value, _: &mut Args) -> Answer {
    match value {
        Value::Missing(_) => run.iter(value).map(Value::iter),
        Value::Dict(dict) => Ok(Value::iter(Iter::View(
            View::Items,
            dict.clone(),
            0,
            dict.len(),
        ))),
        other => fault(format!("the entries of {}", other.a_kind())),
    }
}

pub fn dict_sort(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let Value::Dict(dict) = value else {
        return fault(show::between("dictsort", value, &Value::None));
    };
    let by_value = match &*args.text_or(1, "key")? {
        "key" => false,
        "value" => true,
        other => return fault(format!("`dictsort` by {other}, neither key nor value")),
    };
    let keyed = dict.pairs().into_iter().map(|(key, value)| {
        let by = if by_value { value.clone() } else { key.clone() };
        (folded(by, args.flag(0)), seen(View::Items, (key, value)))
    });
    let keyed = keyed.collect();
    order::sort(run, keyed, args.flag(2)).map(Value::list)
}

pub fn sort(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let case_sensitive = args.flag(1);
    let paths: Vec<Path> = match args.value(2).as_text() {
        Some(text) => text
            .split(',')
            .map(|part| path(&Value::text(part)))
            .collect(),
        None => Vec::from([path(&args.value(2))]),
    };
    let mut keyed = Vec::new();
    for element in run.list(value)? {
        let mut keys = Vec::new();
        for path in &paths {
            let key = follow(run, &element, path, &Value::None)?;
            keys.push(folded(key, case_sensitive));
        }
        keyed.push((Value::list(keys), element));
    }
    order::sort(run, keyed, args.flag(0)).map(Value::list)
}

pub fn unique(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let step: Step = |run, args, element| {
        let [Value::Dict(seen), path, case_sensitive] = &*args.given else {
            return Ok(None);
        };
        let path = path.as_seq().map_or(Path::new(), |path| path.to_vec());
        let key = follow(run, &element, &path, &Value::None)?;
        let key = folded(key, case_sensitive.is_true());
        check_key(&key)?;
        if seen.get(&key).is_some() {
            return Ok(None);
        }
        seen.insert(key, Value::None);
        Ok(Some(element))
    };
    let seen = Value::Dict(Rc::new(Dict::default()));
    let state = [
        seen,
        Value::list(path(&args.value(1))),
        Value::Bool(args.flag(0)),
    ];
    let source = run.iter(value)?;
    Iter::steps(source, Args::of(state.into()), step).map(Value::iter)
}

pub fn min(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    extreme(run, value, args, Ordering::Less)
}

pub fn max(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    extreme(run, value, args, Ordering::Greater)
}

fn extreme(run: &mut Run, value: &Value, args: &Args, wanted: Ordering) -> Answer {
    let keyed = keyed(run, value, &args.value(1), args.flag(0), &Value::None)?;
    let mut keyed = keyed.into_iter();
    let Some(mut best) = keyed.next() else {
        return Ok(nothing());
    };
    let sign = if wanted == Ordering::Less { "<" } else { ">" };
    for (key, element) in keyed {
        if compare(&key, &best.0, sign)? == Some(wanted) {
            best = (key, element);
        }
    }
    Ok(best.1)
}

pub fn sum(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let path = path(&args.value(0));
    let mut sum = args.get(1).cloned().unwrap_or(Value::Int(0));
    if sum.as_text().is_some() {
        return fault("`sum` of texts, for which there is `join`");
    }
    let mut iter = run.iter(value)?;
    while let Some(element) = iter.next(run)? {
        let element = follow(run, &element, &path, &Value::None)?;
        sum = number::add(run, &sum, &element)?;
    }
    Ok(sum)
}

pub fn group_by(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let (attribute, default) = (args.value(0), args.value(1));
    let case_sensitive = args.flag(2);
    let keyed = keyed(run, value, &attribute, case_sensitive, &default)?;
    let pairs = keyed.into_iter().map(|(key, element)| {
        let pair = Value::tuple([key.clone(), element].into());
        (key, pair)
    });
    let pairs = pairs.collect();
    let mut groups: Vec<(Value, Vec<Value>)> = Vec::new();
    for pair in order::sort(run, pairs, false)? {
        let [key, element] = &*pair.as_seq().map_or(Vec::new(), |pair| pair.to_vec()) else {
            continue;
        };
        match groups.last_mut() {
            Some((last, group)) if equal(last, key)? => group.push(element.clone()),
            _ => groups.push((key.clone(), Vec::from([element.clone()]))),
        }
    }
    let path = path(&attribute);
    let mut list = Vec::new();
    for (key, elements) in groups {
        // The key as it is in the first element, not in small letters.
        let key = match elements.first() {
            Some(first) if !case_sensitive => follow(run, first, &path, &default)?,
            _ => key,
        };
        list.push(group(key, elements));
    }
    Ok(Value::list(list))
}

pub fn batch(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let (count, fill) = (args.int(0, 0)?, args.value(1));
    let list = run.list(value)?;
    let size = match usize::try_from(count) {
        Ok(0) if !list.is_empty() => return fault("`batch` of 0 elements"),
        Ok(size) => size,
        // What never is full is one whole.
        Err(_) => usize::MAX,
    };
    let mut batches = Vec::new();
    for chunk in list.chunks(size.max(1)) {
        let mut chunk = chunk.to_vec();
        if !matches!(fill, Value::None) && count > 0 {
            run.spend(size - chunk.len())?;
            chunk.resize(size, fill.clone());
        }
        batches.push(Value::list(chunk));
    }
    Ok(Value::iter(Iter::of(batches)))
}

pub fn slice(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let (list, count, fill) = (run.list(value)?, args.int(0, 0)?, args.value(1));
    if count == 0 {
        return fault("`slice` into 0 parts");
    }
    let count = run.fits(count)?;
    run.spend(count)?;
    let mut slices = Vec::new();
    let mut rest = list.as_slice();
    for number in 0..count {
        let size = list.len() / count + usize::from(number < list.len() % count);
        let (slice, behind) = rest.split_at_checked(size).unwrap_or((rest, &[]));
        rest = behind;
        let mut slice = slice.to_vec();
        if !matches!(fill, Value::None) && number >= list.len() % count {
            slice.push(fill.clone());
        }
        slices.push(Value::list(slice));
    }
    Ok(Value::iter(Iter::of(slices)))
}

// Filters with a filter or test for each element

pub fn map(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    if !value.is_true() {
        return Ok(Value::iter(Iter::of(Vec::new())));
    }
    let source = run.iter(value)?;
    if args.given.is_empty()
        && let Some(attribute) = args.take_named("attribute")
    {
        let default = args.take_named("default").unwrap_or(Value::None);
        if let Some((name, _)) = args.named.first() {
            return fault(format!("`map` with an argument {name}"));
        }
        let state = [Value::list(path(&attribute)), default];
        let step: Step = |run, args, element| {
            let [path, default] = &*args.given else {
                return Ok(None);
            };
            let path = path.as_seq().map_or(Path::new(), |path| path.to_vec());
            follow(run, &element, &path, default).map(Some)
        };
        return Iter::steps(source, Args::of(state.into()), step).map(Value::iter);
    }
    let step: Step = |run, args, element| {
        let (name, args) = named(args, "map")?;
        run.filter(&name, &element, args).map(Some)
    };
    Iter::steps(source, take(args), step).map(Value::iter)
}

/// The name of the filter or test that is given first, and what is given behind it.
fn named(args: &Args, filter: &str) -> Answer<(Rc<str>, Args)> {
    let mut rest = args.again();
    let name = match rest.given.first().map(|name| name.as_text().cloned()) {
        Some(Some(name)) => name,
        _ => return fault(format!("`{filter}` without the name of a filter or test")),
    };
    rest.given.remove(0);
    Ok((name, rest))
}

pub fn select(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    chosen(run, value, args, |run, args, element| {
        choose(run, args, element, false, true)
    })
}

pub fn reject(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    chosen(run, value, args, |run, args, element| {
        choose(run, args, element, false, false)
    })
}

pub fn select_attr(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    chosen(run, value, args, |run, args, element| {
        choose(run, args, element, true, true)
    })
}

pub fn reject_attr(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    chosen(run, value, args, |run, args, element| {
        choose(run, args, element, true, false)
    })
}

fn chosen(run: &mut Run, value: &Value, args: &mut Args, step: Step) -> Answer {
    if !value.is_true() {
        return Ok(Value::iter(Iter::of(Vec::new())));
    }
    let source = run.iter(value)?;
    Iter::steps(source, take(args), step).map(Value::iter)
}

/// The element, if it or an attribute of it passes the test, or fails it.
fn choose(
    run: &mut Run,
    args: &Args,
    element: Value,
    by_attribute: bool,
    wanted: bool,
) -> Answer<Option<Value>> {
    let mut args = args.again();
    let value = match by_attribute {
        true if args.given.is_empty() => return fault("`selectattr` without an attribute"),
        true => {
            let path = path(&args.given.remove(0));
            follow(run, &element, &path, &Value::None)?
        }
        false => element.clone(),
    };
    let passes = if args.given.is_empty() {
        value.is_true()
    } else {
        let (name, args) = named(&args, "select")?;
        run.test(&name, &value, args)?
    };
    Ok((passes == wanted).then_some(element))
}
