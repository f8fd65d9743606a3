//! Numbers, and the operators between values.

use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec::Vec;

use super::printf;
use super::run::Run;
use super::show;
use super::syntax::Binary;
use super::value::{Answer, Value, fault};
use crate::userdata::sniff::is_blank;

/// The sign of an operator.
fn sign(operator: Binary) -> &'static str {
    match operator {
        Binary::Add => "+",
        Binary::Sub => "-",
        Binary::Mul => "*",
        Binary::Div => "/",
        Binary::Floor => "//",
        Binary::Mod => "%",
        Binary::Pow => "**",
    }
}

/// What an operator makes of two values.
pub fn binary(run: &mut Run, left: &Value, operator: Binary, right: &Value) -> Answer {
    if let (Some(one), Some(other)) = (left.as_int(), right.as_int()) {
        return whole(run, one, operator, other);
    }
    if let (Some(one), Some(other)) = (left.as_float(), right.as_float()) {
        return float(run, one, operator, other);
    }
    match (operator, left, right) {
        (Binary::Mod, Value::Text(_) | Value::Html(_), _) => printf::format(run, left, right),
        (Binary::Add, _, _) => add(run, left, right),
        (Binary::Mul, _, _) => match (left.as_int(), right.as_int()) {
            (Some(count), _) => repeat(run, right, count, left),
            (_, Some(count)) => repeat(run, left, count, right),
            _ => fault(show::between("*", left, right)),
        },
        _ => fault(show::between(sign(operator), left, right)),
    }
}

/// The sum of two values.
pub fn add(run: &mut Run, left: &Value, right: &Value) -> Answer {
    match (left, right) {
        (Value::Text(one), Value::Text(other)) => {
            run.fits((one.len() + other.len()) as i128)?;
            run.spend((one.len() + other.len()) / 64)?;
            Ok(Value::Text(format!("{one}{other}").into()))
        }
        (Value::Html(_), Value::Text(_) | Value::Html(_)) | (Value::Text(_), Value::Html(_)) => {
            let text = format!("{}{}", escaped(left)?, escaped(right)?);
            run.fits(text.len() as i128)?;
            Ok(Value::Html(text.into()))
        }
        (Value::List(one), Value::List(other)) | (Value::Tuple(one), Value::Tuple(other)) => {
            let items = [one.to_vec(), other.to_vec()].concat();
            run.spend(items.len() / 8)?;
            Ok(match left {
                Value::List(_) => Value::list(items),
                _ => Value::tuple(items),
            })
        }
        _ => match (left.as_float(), right.as_float()) {
            (Some(_), Some(_)) => binary(run, left, Binary::Add, right),
            _ => fault(show::between("+", left, right)),
        },
    }
}

fn repeat(run: &mut Run, value: &Value, count: i128, other: &Value) -> Answer {
    let count = count.max(0);
    match value {
        Value::Text(text) | Value::Html(text) => {
            let len = run.fits(count.saturating_mul(text.len() as i128))?;
            run.spend(len / 64)?;
            let text = if len == 0 {
                String::new()
            } else {
                text.repeat(count as usize)
            };
            Ok(match value {
                Value::Html(_) => Value::Html(text.into()),
                _ => Value::Text(text.into()),
            })
        }
        Value::List(seq) | Value::Tuple(seq) => {
            let items = seq.to_vec();
            let len = run.fits(count.saturating_mul(items.len() as i128))?;
            run.spend(len)?;
            let count = if len == 0 { 0 } else { count as usize };
            let mut repeated = Vec::with_capacity(len);
            for _ in 0..count {
                repeated.extend(items.iter().cloned());
            }
            Ok(match value {
                Value::List(_) => Value::list(repeated),
                _ => Value::tuple(repeated),
            })
        }
        _ => fault(show::between("*", value, other)),
    }
}

fn whole(run: &mut Run, one: i128, operator: Binary, other: i128) -> Answer {
    let is_division = matches!(operator, Binary::Div | Binary::Floor | Binary::Mod);
    if is_division && other == 0 {
        return fault(format!("`{one} {} 0`", sign(operator)));
    }
    let answer = match operator {
        Binary::Add => one.checked_add(other),
        Binary::Sub => one.checked_sub(other),
        Binary::Mul => one.checked_mul(other),
        Binary::Div => return Ok(Value::Float(one as f64 / other as f64)),
        Binary::Floor => {
            let rest = one.wrapping_rem(other);
            let down = i128::from(rest != 0 && (rest < 0) != (other < 0));
            one.checked_div(other).map(|quotient| quotient - down)
        }
        Binary::Mod => {
            let rest = one.wrapping_rem(other);
            let is_other_side = rest != 0 && (rest < 0) != (other < 0);
            Some(if is_other_side { rest + other } else { rest })
        }
        Binary::Pow if other < 0 => return float(run, one as f64, operator, other as f64),
        Binary::Pow => match (one, u32::try_from(other)) {
            (0 | 1, _) => Some(if other == 0 { 1 } else { one }),
            (-1, _) => Some(if other % 2 == 0 { 1 } else { -1 }),
            (_, Ok(other)) => one.checked_pow(other),
            (_, Err(_)) => None,
        },
    };
    match answer {
        Some(int) => Ok(Value::Int(int)),
        None => fault("a number of more than 127 bits"),
    }
}

fn float(run: &mut Run, one: f64, operator: Binary, other: f64) -> Answer {
    let is_division = matches!(operator, Binary::Div | Binary::Floor | Binary::Mod);
    if is_division && other == 0.0 {
        return fault(format!("`{} 0`", sign(operator)));
    }
    Ok(Value::Float(match operator {
        Binary::Add => one + other,
        Binary::Sub => one - other,
        Binary::Mul => one * other,
        Binary::Div => one / other,
        Binary::Floor => divided(one, other).0,
        Binary::Mod => divided(one, other).1,
        Binary::Pow => return power(run, one, other),
    }))
}

/// The quotient rounded down, and the rest, which has the sign of the divisor.
fn divided(one: f64, other: f64) -> (f64, f64) {
    let mut rest = one % other;
    let mut quotient = (one - rest) / other;
    if rest != 0.0 && (rest < 0.0) != (other < 0.0) {
        rest += other;
        quotient -= 1.0;
    } else if rest == 0.0 {
        rest = 0f64.copysign(other);
    }
    let low = floor(quotient);
    let quotient = match quotient {
        0.0 => 0f64.copysign(one / other),
        quotient if quotient - low > 0.5 => low + 1.0,
        _ => low,
    };
    (quotient, rest)
}

/// The next whole number below; core has no function for it.
pub fn floor(float: f64) -> f64 {
    // From here on there are no fractions.
    const WHOLE_MIN: f64 = 4_503_599_627_370_496.0;
    if float.is_nan() || float.abs() >= WHOLE_MIN {
        return float;
    }
    let whole = (float as i64) as f64;
    let below = if whole > float { whole - 1.0 } else { whole };
    if below == 0.0 {
        below.copysign(float)
    } else {
        below
    }
}

fn power(run: &mut Run, one: f64, other: f64) -> Answer {
    if one == 0.0 && other < 0.0 {
        return fault("`0 ** ` a negative number");
    }
    let is_whole = floor(other) == other;
    if one < 0.0 && one.is_finite() && other.is_finite() && !is_whole {
        return fault("`**` of a negative number and a fraction, which is no real number");
    }
    let answer = (run.engine.power)(one, other);
    if answer.is_infinite() && one.is_finite() && other.is_finite() {
        fault("a number beyond all that can be written")
    } else {
        Ok(Value::Float(answer))
    }
}

/// `-value` or `+value`.
pub fn signed(minus: bool, value: &Value) -> Answer {
    let sign = if minus { "-" } else { "+" };
    match (value, value.as_int()) {
        (Value::Float(float), _) => Ok(Value::Float(if minus { -float } else { *float })),
        (_, Some(int)) => Ok(Value::Int(if minus { int.wrapping_neg() } else { int })),
        _ => fault(format!("`{sign}` of {}", value.a_kind())),
    }
}

/// What a number knows of itself.
pub fn attribute(value: &Value, name: &str) -> Option<Value> {
    match (value, name) {
        (Value::Float(_), "real") => Some(value.clone()),
        (Value::Float(_), "imag") => Some(Value::Float(0.0)),
        (Value::Bool(_) | Value::Int(_), "real" | "numerator") => value.as_int().map(Value::Int),
        (Value::Bool(_) | Value::Int(_), "imag") => Some(Value::Int(0)),
        (Value::Bool(_) | Value::Int(_), "denominator") => Some(Value::Int(1)),
        _ => None,
    }
}

/// The whole number before the point.
pub fn truncated(float: f64) -> Option<i128> {
    (float.abs() < 1.7e38).then_some(float as i128)
}

/// `int(text, base)`: a whole number with its sign, digits with `_` between them, and perhaps a mark for its base.
pub fn parse_int(text: &str, base: i128) -> Option<i128> {
    let text = text.trim_matches(is_blank);
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text.strip_prefix('+').unwrap_or(text)),
    };
    let marks = [("0x", 16), ("0o", 8), ("0b", 2)];
    let lower = digits.to_lowercase();
    let marked = marks
        .into_iter()
        .find(|(mark, of)| lower.starts_with(mark) && (base == 0 || base == *of));
    let (digits, base) = match marked {
        Some((_, of)) => (lower.get(2..)?, of),
        None if base == 0 && lower.trim_start_matches(['0', '_']).is_empty() => (&*lower, 10),
        None if base == 0 && lower.starts_with('0') => return None,
        None if base == 0 => (&*lower, 10),
        None => (&*lower, base),
    };
    let digits = match marked {
        Some(_) => digits.strip_prefix('_').unwrap_or(digits),
        None => digits,
    };
    let radix = u32::try_from(base)
        .ok()
        .filter(|radix| (2..=36).contains(radix))?;
    let plain = without_separators(digits)?;
    let is_digits = plain.chars().all(|c| c.is_digit(radix));
    let int = i128::from_str_radix(&plain, radix)
        .ok()
        .filter(|_| is_digits)?;
    Some(if negative { -int } else { int })
}

/// Digits without the `_` between them.
fn without_separators(digits: &str) -> Option<String> {
    let is_wrong = digits.is_empty()
        || digits.starts_with('_')
        || digits.ends_with('_')
        || digits.contains("__");
    (!is_wrong).then(|| digits.replace('_', ""))
}

/// `float(text)`.
pub fn parse_float(text: &str) -> Option<f64> {
    let text = text.trim_matches(is_blank);
    let around = |(at, _): (usize, &str)| {
        let is_digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
        let (before, after) = text.split_at(at);
        is_digit(before.chars().next_back()) && is_digit(after.chars().nth(1))
    };
    if !text.match_indices('_').all(around) {
        return None;
    }
    let plain = text.replace('_', "").to_lowercase();
    plain.parse().ok()
}

/// Text with what means something in HTML written otherwise, unless it is HTML.
pub fn escaped(value: &Value) -> Answer<Rc<str>> {
    if let Value::Html(text) = value {
        return Ok(text.clone());
    }
    let text = show::text(value)?;
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&#34;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    Ok(out.into())
}
