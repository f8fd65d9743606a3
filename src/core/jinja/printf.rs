//! `'%…' % values`, as Python has it.
//!
//! ```text
//! directive  = "%" [ "(" name ")" ] *( "#" / "0" / "-" / " " / "+" ) [ number / "*" ] [ "." [ number / "*" ] ] [ "h" / "l" / "L" ] kind
//! kind       = "d" / "i" / "u" / "o" / "x" / "X" / "e" / "E" / "f" / "F" / "g" / "G" / "c" / "r" / "s" / "a" / "%"
//! ```

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use super::formats::{Spec, ascii, float_body, int_body};
use super::number::{escaped, truncated};
use super::run::Run;
use super::show;
use super::value::{Answer, Value, fault};

/// The values, and which of them were used.
struct Values {
    rest: vec::IntoIter<Value>,
    all: Value,
    by_name: bool,
}

/// `format % values`
pub fn format(run: &mut Run, format: &Value, values: &Value) -> Answer {
    let Some(text) = format.as_text().cloned() else {
        return fault(show::between("%", format, values));
    };
    let given = match values {
        Value::Tuple(seq) => seq.to_vec(),
        other => Vec::from([other.clone()]),
    };
    let mut values = Values {
        rest: given.into_iter(),
        all: values.clone(),
        by_name: false,
    };
    let is_html = matches!(format, Value::Html(_));
    let mut out = String::new();
    let mut rest = &*text;
    while let Some((before, directive)) = rest.split_once('%') {
        out.push_str(before);
        rest = write(run, &mut out, directive, &mut values, is_html)?;
        run.fits(out.len() as i128)?;
        run.spend(1 + out.len() / 64)?;
    }
    out.push_str(rest);
    // Whatever has elements may have too many of them.
    let may_be_more = matches!(
        values.all,
        Value::Dict(_) | Value::List(_) | Value::Range(_) | Value::Missing(_)
    );
    if values.rest.len() > 0 && !values.by_name && !may_be_more {
        return fault("`%` with more values than are asked for");
    }
    Ok(if is_html {
        Value::Html(out.into())
    } else {
        Value::Text(out.into())
    })
}

/// Writes what is behind a `%`; gives the text behind that.
fn write<'a>(
    run: &mut Run,
    out: &mut String,
    directive: &'a str,
    values: &mut Values,
    is_html: bool,
) -> Answer<&'a str> {
    let mut rest = directive;
    let mut named = None;
    if let Some(name) = rest.strip_prefix('(') {
        let (name, behind) = bracketed(name)?;
        named = Some(values.get(name)?);
        rest = behind;
    }
    let (mut spec, behind) = flags(rest);
    rest = behind;
    let width = values.number(&mut rest)?.unwrap_or(0);
    if width < 0 {
        spec.align = Some('<');
    }
    spec.width = run.fits(width.saturating_abs())?;
    if let Some(behind) = rest.strip_prefix('.') {
        rest = behind;
        let precision = values.number(&mut rest)?.unwrap_or(0);
        spec.precision = Some(run.fits(precision)?);
    }
    rest = rest.strip_prefix(['h', 'l', 'L']).unwrap_or(rest);
    let Some(kind) = rest.chars().next() else {
        return fault("a `%` format that ends too early");
    };
    rest = rest.get(kind.len_utf8()..).unwrap_or("");
    if kind == '%' {
        out.push('%');
        return Ok(rest);
    }
    let value = match named {
        Some(value) => value,
        None => values.next()?,
    };
    converted(out, kind, &mut spec, &value, is_html)?;
    Ok(rest)
}

/// The flags, and what is behind them.
fn flags(directive: &str) -> (Spec, &str) {
    let behind = directive.trim_start_matches(['#', '0', '-', ' ', '+']);
    let flags = directive.strip_suffix(behind).unwrap_or_default();
    let mut spec = Spec::default();
    for flag in flags.chars() {
        match flag {
            '#' => spec.alternate = true,
            '0' => spec.zero = true,
            '-' => spec.align = Some('<'),
            '+' => spec.sign = '+',
            _ if spec.sign != '+' => spec.sign = ' ',
            _ => {}
        }
    }
    (spec, behind)
}

/// A name with brackets in it that are closed again, and what is behind it.
fn bracketed(text: &str) -> Answer<(&str, &str)> {
    let mut open = 1;
    for (at, c) in text.char_indices() {
        open += i32::from(c == '(') - i32::from(c == ')');
        if open == 0 {
            let (name, rest) = text.split_at(at);
            return Ok((name, rest.get(1..).unwrap_or("")));
        }
    }
    fault("a `%(` without `)`")
}

impl Values {
    fn next(&mut self) -> Answer {
        match self.rest.next() {
            Some(value) if !self.by_name => Ok(value),
            _ => fault("`%` with fewer values than are asked for"),
        }
    }

    fn get(&mut self, name: &str) -> Answer {
        let Value::Dict(dict) = &self.all else {
            return fault(format!("`%({name})` without a map of values"));
        };
        self.by_name = true;
        self.rest = Vec::from([self.all.clone()]).into_iter();
        match dict.get_text(name) {
            Some(value) => Ok(value),
            None => fault(format!("`%({name})`, which is not among the values")),
        }
    }

    /// A number that is written, or the next value for a `*`.
    fn number(&mut self, rest: &mut &str) -> Answer<Option<i128>> {
        if let Some(behind) = rest.strip_prefix('*') {
            *rest = behind;
            return match self.next()?.as_int() {
                Some(int) => Ok(Some(int)),
                None => fault("`*` in a `%` format without a whole number"),
            };
        }
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, behind) = rest.split_at(digits);
        *rest = behind;
        Ok(number.parse().ok())
    }
}

/// Writes a value as `kind` has it.
fn converted(
    out: &mut String,
    kind: char,
    spec: &mut Spec,
    value: &Value,
    is_html: bool,
) -> Answer<()> {
    spec.zero &= spec.align.is_none() && !matches!(kind, 's' | 'r' | 'a' | 'c');
    let body = match kind {
        's' | 'r' | 'a' => {
            let text = text(kind, value, is_html)?;
            text.chars()
                .take(spec.precision.unwrap_or(usize::MAX))
                .collect()
        }
        'c' => character(value)?,
        'd' | 'i' | 'u' | 'x' | 'X' | 'o' => integer(kind, value, spec)?,
        'e' | 'E' | 'f' | 'F' | 'g' | 'G' => float(kind, value, spec)?,
        kind => return fault(format!("`%{kind}`, which is no `%` format")),
    };
    if spec.zero {
        out.push_str(&spec.filled(body))
    } else {
        out.push_str(&spec.padded(body, '>'))
    }
    Ok(())
}

fn text(kind: char, value: &Value, is_html: bool) -> Answer<String> {
    match (kind, is_html) {
        ('s', true) => Ok(escaped(value)?.to_string()),
        ('s', false) => show::text(value),
        ('r', _) => show::repr(value),
        _ => Ok(ascii(&show::repr(value)?)),
    }
}

fn integer(kind: char, value: &Value, spec: &Spec) -> Answer<String> {
    let Some(int) = whole(kind, value) else {
        return fault(format!("`%{kind}` with {}", value.a_kind()));
    };
    let kind = if matches!(kind, 'i' | 'u') { 'd' } else { kind };
    let (sign, digits) = int_body(int, kind, spec);
    let digits = match digits.split_once(['x', 'o']).filter(|_| spec.alternate) {
        Some((_, bare)) => digits.replace(bare, &zeros(bare, spec)),
        None => zeros(&digits, spec),
    };
    Ok(sign + &digits)
}

fn float(kind: char, value: &Value, spec: &Spec) -> Answer<String> {
    let Some(float) = value.as_float() else {
        return fault(format!("`%{kind}` with {}", value.a_kind()));
    };
    let precision = spec.precision.unwrap_or(6);
    let (sign, digits) = float_body(float, Some(kind), Some(precision), spec)?;
    Ok(sign + &digits)
}

/// As many digits as the precision says.
fn zeros(digits: &str, spec: &Spec) -> String {
    let wanted = spec.precision.unwrap_or(0).saturating_sub(digits.len());
    "0".repeat(wanted) + digits
}

fn whole(kind: char, value: &Value) -> Option<i128> {
    match value {
        Value::Float(float) if matches!(kind, 'd' | 'i' | 'u') => truncated(*float),
        other => other.as_int(),
    }
}

fn character(value: &Value) -> Answer<String> {
    let code = value.as_int().and_then(|int| u32::try_from(int).ok());
    match (code.and_then(char::from_u32), value.as_text()) {
        (Some(c), _) => Ok(c.to_string()),
        (None, Some(text)) if text.chars().count() == 1 => Ok(text[..].to_owned()),
        _ => fault(format!("`%c` with {}", value.a_kind())),
    }
}
