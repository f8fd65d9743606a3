//! Filters of texts and numbers.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write;

use super::super::args::Args;
use super::super::dict::Dict;
use super::super::methods::text::{capitalized, centered, like, lines, replaced};
use super::super::number::{self, escaped, floor, parse_float, parse_int, truncated};
use super::super::printf;
use super::super::run::Run;
use super::super::show;
use super::super::value::{Answer, Value, fault};
use crate::userdata::sniff::is_blank;

mod json;
mod pretty;
mod wrap;

pub use json::to_json;
pub use pretty::pretty;
pub use wrap::word_wrap;

/// A text as it is, anything else as it is printed.
fn soft(value: &Value) -> Answer {
    match value {
        Value::Text(_) | Value::Html(_) => Ok(value.clone()),
        other => Ok(Value::Text(show::text(other)?.into())),
    }
}

/// Another text for a text.
fn changed(value: &Value, change: impl FnOnce(&str) -> String) -> Answer {
    let value = soft(value)?;
    let text = value.as_text().map_or("", |text| text);
    Ok(like(&value, change(text)))
}

/// The text, where nothing else will do.
fn only_text<'a>(value: &'a Value, filter: &str) -> Answer<&'a str> {
    match value.as_text() {
        Some(text) => Ok(text),
        None => fault(show::between(filter, value, &Value::text(""))),
    }
}

// Texts

pub fn upper(_: &mut Run, value: &Value, _: &mut Args) -> Answer {
    changed(value, str::to_uppercase)
}

pub fn lower(_: &mut Run, value: &Value, _: &mut Args) -> Answer {
    changed(value, str::to_lowercase)
}

pub fn capitalize(_: &mut Run, value: &Value, _: &mut Args) -> Answer {
    changed(value, capitalized)
}

pub fn string(_: &mut Run, value: &Value, _: &mut Args) -> Answer {
    soft(value)
}

pub fn safe(_: &mut Run, value: &Value, _: &mut Args) -> Answer {
    Ok(Value::Html(show::text(value)?.into()))
}

pub fn escape(_: &mut Run, value: &Value, _: &mut Args) -> Answer {
    escaped(value).map(Value::Html)
}

pub fn force_escape(_: &mut Run, value: &Value, _: &mut Args) -> Answer {
    escaped(&Value::Text(show::text(value)?.into())).map(Value::Html)
}

pub fn trim(_: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let chars = args.text_or_none(0)?;
    let strip = |c: char| {
        chars
            .as_ref()
            .map_or(is_blank(c), |chars| chars.contains(c))
    };
    changed(value, |text| text.trim_matches(strip).to_string())
}

pub fn center(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let width = run.fits(args.int(0, 80)?)?;
    changed(value, |text| centered(text, width, ' '))
}

/// Each word with its first letter capital; a word starts behind blanks, hyphens and opening brackets.
pub fn title(_: &mut Run, value: &Value, _: &mut Args) -> Answer {
    let text = show::text(value)?;
    let is_between = |c: char| is_blank(c) || "-({[<".contains(c);
    let (mut out, mut inside) = (String::new(), false);
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase())
        } else {
            out.extend(c.to_uppercase())
        }
        inside = !is_between(c);
    }
    Ok(Value::Text(out.into()))
}

pub fn replace(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let (text, old) = (show::text(value)?, show::text(&args.value(0))?);
    let new = show::text(&args.value(1))?;
    let count = args.int_or_none(2)?.unwrap_or(-1);
    Ok(Value::Text(replaced(run, &text, &old, &new, count)?.into()))
}

pub fn format(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let given = core::mem::take(&mut args.given);
    let named = core::mem::take(&mut args.named);
    let values = match (given.is_empty(), named.is_empty()) {
        (false, false) => return fault("`format` with arguments both with and without names"),
        (_, true) => Value::tuple(given),
        (true, false) => {
            let named = named
                .into_iter()
                .map(|(name, value)| (Value::Text(name), value));
            Value::Dict(Dict::of(named).into())
        }
    };
    printf::format(run, &soft(value)?, &values)
}

pub fn indent(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let text = only_text(value, "indent")?;
    let indentation = match args.get(0) {
        Some(width) if width.as_text().is_some() => show::text(width)?,
        _ => " ".repeat(run.fits(args.int(0, 4)?)?),
    };
    let (first, blank) = (args.flag(1), args.flag(2));
    let text = format!("{text}\n");
    let lines = lines(&text, false);
    run.fits(text.len() as i128 + lines.len() as i128 * indentation.len() as i128)?;
    run.spend((text.len() + lines.len() * indentation.len()) / 64)?;
    let mut out = String::new();
    for (place, line) in lines.into_iter().enumerate() {
        out.push_str(if place > 0 { "\n" } else { "" });
        let is_indented = if place == 0 {
            first
        } else {
            blank || !line.is_empty()
        };
        out.push_str(if is_indented { &indentation } else { "" });
        out.push_str(line);
    }
    Ok(like(value, out))
}

pub fn truncate(_: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let (length, end) = (args.int(0, 255)?, args.text_or(2, "...")?);
    let leeway = args.int_or_none(3)?.unwrap_or(5);
    let room = length.saturating_sub(end.chars().count() as i128);
    if room < 0 || leeway < 0 {
        return fault("`truncate` to less than the mark of its end");
    }
    let Some(len) = value.len() else {
        return fault(format!("`truncate` of {}", value.a_kind()));
    };
    if len as i128 <= length.saturating_add(leeway) {
        return Ok(value.clone());
    }
    let text: String = only_text(value, "truncate")?
        .chars()
        .take(room as usize)
        .collect();
    let kept = match (args.flag(1), text.rsplit_once(' ')) {
        (false, Some((kept, _))) => kept,
        _ => &text,
    };
    Ok(like(value, format!("{kept}{end}")))
}

pub fn word_count(_: &mut Run, value: &Value, _: &mut Args) -> Answer {
    let text = show::text(value)?;
    let words = text.split(|c: char| !c.is_alphanumeric() && c != '_');
    Ok(Value::Int(
        words.filter(|word| !word.is_empty()).count() as i128
    ))
}

pub fn url_encode(run: &mut Run, value: &Value, _: &mut Args) -> Answer {
    let mut out = String::new();
    let pairs = match value {
        Value::Dict(dict) => dict.pairs(),
        Value::Text(_) | Value::Html(_) => {
            percent(&mut out, value, false)?;
            return Ok(Value::Text(out.into()));
        }
        other if run.iter(other).is_err() => {
            percent(&mut out, other, false)?;
            return Ok(Value::Text(out.into()));
        }
        other => {
            let mut pairs = Vec::new();
            for pair in run.list(other)? {
                match &*run.list(&pair)? {
                    [key, value] => pairs.push((key.clone(), value.clone())),
                    _ => return fault("`urlencode` of a list of something else than pairs"),
                }
            }
            pairs
        }
    };
    for (place, (key, value)) in pairs.iter().enumerate() {
        out.push_str(if place > 0 { "&" } else { "" });
        percent(&mut out, key, true)?;
        out.push('=');
        percent(&mut out, value, true)?;
    }
    Ok(Value::Text(out.into()))
}

/// A value as it may stand in a URL: in its path, where a slash stays, or in its query, where a blank becomes a plus.
fn percent(out: &mut String, value: &Value, in_query: bool) -> Answer<()> {
    for octet in show::text(value)?.bytes() {
        match octet {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'.' | b'-' | b'~' => {
                out.push(octet.into());
            }
            b'/' if !in_query => out.push('/'),
            b' ' if in_query => out.push('+'),
            octet => {
                let _ = write!(out, "%{octet:02X}");
            }
        }
    }
    Ok(())
}

pub fn xml_attributes(_: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let Value::Dict(dict) = value else {
        return fault(format!("`xmlattr` of {}", value.a_kind()));
    };
    let mut out = String::new();
    for (key, value) in dict.pairs() {
        if matches!(value, Value::None | Value::Missing(_)) {
            continue;
        }
        let name = only_text(&key, "xmlattr")?;
        let is_odd = |c: char| matches!(c, ' ' | '\t'..='\r' | '/' | '>' | '=');
        if name.contains(is_odd) {
            return fault(format!("`xmlattr` with the name {}", show::repr(&key)?));
        }
        out.push_str(if out.is_empty() { "" } else { " " });
        let _ = write!(out, "{}=\"{}\"", escaped(&key)?, escaped(&value)?);
    }
    let is_spaced = args.get(0).is_none_or(Value::is_true) && !out.is_empty();
    out.insert_str(0, if is_spaced { " " } else { "" });
    Ok(Value::Text(out.into()))
}

pub fn strip_tags(_: &mut Run, value: &Value, _: &mut Args) -> Answer {
    let text = without(&show::text(value)?, "<!--", "-->");
    let text = without(&text, "<", ">");
    let words: Vec<&str> = text
        .split(is_blank)
        .filter(|word| !word.is_empty())
        .collect();
    Ok(Value::Text(unescaped(&words.join(" ")).into()))
}

/// A text without what stands between two marks, and without them.
fn without(text: &str, start: &str, end: &str) -> String {
    let (mut out, mut rest) = (String::new(), text);
    while let Some((before, inside)) = rest.split_once(start) {
        let Some((_, behind)) = inside.split_once(end) else {
            break;
        };
        out.push_str(before);
        rest = behind;
    }
    out + rest
}

/// HTML as text: the entities that have a number, and those of HTML's own signs.
fn unescaped(text: &str) -> String {
    const NAMES: [(&str, char); 6] = [
        ("amp", '&'),
        ("lt", '<'),
        ("gt", '>'),
        ("quot", '"'),
        ("apos", '\''),
        ("nbsp", '\u{a0}'),
    ];
    let mut pieces = text.split('&');
    let mut out = String::from(pieces.next().unwrap_or(""));
    for piece in pieces {
        let entity = piece.split_once(';').and_then(|(name, rest)| {
            let number =
                name.strip_prefix('#')
                    .and_then(|number| match number.strip_prefix(['x', 'X']) {
                        Some(digits) => u32::from_str_radix(digits, 16).ok(),
                        None => number.parse().ok(),
                    });
            let named = NAMES
                .iter()
                .find(|(other, _)| *other == name)
                .map(|(_, c)| *c);
            Some((named.or(number.and_then(char::from_u32))?, rest))
        });
        match entity {
            Some((c, rest)) => {
                out.push(c);
                out.push_str(rest);
            }
            None => {
                out.push('&');
                out.push_str(piece);
            }
        }
    }
    out
}

// Numbers

pub fn absolute(_: &mut Run, value: &Value, _: &mut Args) -> Answer {
    match (value, value.as_int()) {
        (Value::Float(float), _) => Ok(Value::Float(float.abs())),
        (_, Some(int)) => Ok(Value::Int(int.wrapping_abs())),
        _ => number::signed(false, value),
    }
}

/// A number as it is converted: the whole of it, or the fraction.
fn fraction(value: &Value) -> Option<f64> {
    match value.as_text() {
        Some(text) => parse_float(text),
        None => value.as_float(),
    }
}

pub fn to_int(_: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let int = match value.as_text() {
        Some(text) => parse_int(text, args.int(1, 10)?),
        None => value.as_int(),
    };
    if let Some(int) = int {
        return Ok(Value::Int(int));
    }
    match fraction(value) {
        Some(float) if !float.is_nan() => match truncated(float) {
            Some(int) => Ok(Value::Int(int)),
            None => fault("a whole number of more than 127 bits"),
        },
        _ if value.is_missing() => number::signed(false, value),
        _ => Ok(args.get(0).cloned().unwrap_or(Value::Int(0))),
    }
}

pub fn to_float(_: &mut Run, value: &Value, args: &mut Args) -> Answer {
    match fraction(value) {
        Some(float) => Ok(Value::Float(float)),
        None if value.is_missing() => number::signed(false, value),
        None => Ok(args.get(0).cloned().unwrap_or(Value::Float(0.0))),
    }
}

pub fn round(_: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let (digits, method) = (args.int(0, 0)?.clamp(-400, 400), args.text_or(1, "common")?);
    let Some(float) = value.as_float() else {
        return fault(show::between("round", value, &Value::Int(0)));
    };
    let scaled = |scale: f64| match &*method {
        // Python has whole numbers here, of which none is -0.
        "ceil" => (0.0 - floor(-(float * scale))) / scale,
        _ => (floor(float * scale) + 0.0) / scale,
    };
    match (&*method, value.as_int()) {
        ("common", Some(int)) if digits >= 0 => Ok(Value::Int(int)),
        ("common", Some(int)) => Ok(Value::Int(rounded_int(int, digits.unsigned_abs()))),
        ("common", None) => Ok(Value::Float(rounded(float, digits))),
        ("ceil" | "floor", _) if !float.is_finite() => fault("`round` of no finite number"),
        ("ceil" | "floor", _) => {
            let power = format!("1e{digits}").parse().unwrap_or(1.0);
            Ok(Value::Float(scaled(power)))
        }
        (other, _) => fault(format!(
            "`round` by {other}, neither common, ceil nor floor"
        )),
    }
}

/// To so many tens, of two equally near the even one.
fn rounded_int(int: i128, digits: u128) -> i128 {
    let Some(unit) = u32::try_from(digits)
        .ok()
        .and_then(|digits| 10i128.checked_pow(digits))
    else {
        return 0;
    };
    let (quotient, rest) = (int.div_euclid(unit), int.rem_euclid(unit));
    let up = rest > unit - rest || (rest == unit - rest && quotient % 2 != 0);
    (quotient + i128::from(up)).saturating_mul(unit)
}

fn rounded(float: f64, digits: i128) -> f64 {
    if !float.is_finite() {
        return float;
    }
    if let Ok(digits) = usize::try_from(digits) {
        return format!("{float:.digits$}").parse().unwrap_or(float);
    }
    let text = format!("{float:e}");
    let exponent = text
        .split_once('e')
        .and_then(|(_, exponent)| exponent.parse().ok());
    match usize::try_from(exponent.unwrap_or(0i128) + digits) {
        Ok(behind) => format!("{float:.behind$e}").parse().unwrap_or(float),
        Err(_) => {
            let unit: f64 = format!("1e{}", -digits).parse().unwrap_or(f64::INFINITY);
            let up = float.abs() > unit / 2.0;
            if up {
                unit.copysign(float)
            } else {
                0f64.copysign(float)
            }
        }
    }
}

pub fn file_size(_: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let Some(bytes) = fraction(value) else {
        return fault(format!("`filesizeformat` of {}", value.a_kind()));
    };
    let (base, letter, infix) = if args.flag(0) {
        (1024.0, 'K', "i")
    } else {
        (1000.0, 'k', "")
    };
    if bytes == 1.0 {
        return Ok(Value::text("1 Byte"));
    }
    if bytes < base {
        let whole = truncated(bytes).unwrap_or(0);
        return Ok(Value::Text(format!("{whole} Bytes").into()));
    }
    let (mut unit, mut prefix) = (base, letter);
    for letter in [letter, 'M', 'G', 'T', 'P', 'E', 'Z', 'Y'] {
        unit *= base;
        prefix = letter;
        if bytes < unit {
            break;
        }
    }
    Ok(Value::Text(
        format!("{:.1} {prefix}{infix}B", base * bytes / unit).into(),
    ))
}
