//! `'{…}'.format(…)`, as Python has it.
//!
//! ```text
//! field      = "{" [ name *( "." name / "[" key "]" ) ] [ "!" ( "r" / "s" / "a" ) ] [ ":" spec ] "}"
//! spec       = [ [fill] ( "<" / ">" / "=" / "^" ) ] [ "+" / "-" / " " ] ["z"] ["#"] ["0"] [number] [ "," / "_" ] [ "." number ] [kind]
//! kind       = "b" / "c" / "d" / "e" / "E" / "f" / "F" / "g" / "G" / "n" / "o" / "s" / "x" / "X" / "%"
//! ```

use alloc::format;
use alloc::string::{String, ToString};

use crate::value::float_text;

use super::args::Args;
use super::number::escaped;
use super::run::Run;
use super::show;
use super::value::{Answer, Value, fault};

/// Most digits behind the point.
const PRECISION_MAX: usize = 1000;

/// How a value is to be written.
#[derive(Default)]
pub struct Spec {
    /// What fills the width.
    pub fill: Option<char>,
    /// `<`, `>`, `^`, or `=` between sign and digits.
    pub align: Option<char>,
    /// `+` or a blank before a positive number.
    pub sign: char,
    /// Of a number with a fraction, is -0 written as 0?
    pub no_negative_zero: bool,
    /// The form with a mark of its base.
    pub alternate: bool,
    /// Zeros fill the width.
    pub zero: bool,
    /// The width in characters.
    pub width: usize,
    /// What separates groups of digits.
    pub group: Option<char>,
    /// Digits behind the point, or characters.
    pub precision: Option<usize>,
    /// The form.
    pub kind: Option<char>,
}

impl Spec {
    /// Fills the width beside a text.
    pub fn padded(&self, body: String, align: char) -> String {
        let missing = self.width.saturating_sub(body.chars().count());
        let fill = self.fill.unwrap_or(if self.zero { '0' } else { ' ' });
        let before = match self.align.unwrap_or(align) {
            '<' => 0,
            '^' => missing / 2,
            _ => missing,
        };
        let mut out = String::with_capacity(body.len() + missing);
        out.extend(core::iter::repeat_n(fill, before));
        out.push_str(&body);
        out.extend(core::iter::repeat_n(fill, missing - before));
        out
    }

    /// Fills the width between the sign or mark of a number and its digits.
    pub fn filled(&self, body: String) -> String {
        let missing = self.width.saturating_sub(body.chars().count());
        let marked = |mark: &str| {
            body.find(mark)
                .map(|at| at + mark.len())
                .filter(|end| *end <= 3)
        };
        let mark = ["0x", "0X", "0o", "0b"]
            .into_iter()
            .find_map(marked)
            .filter(|_| self.alternate);
        let sign = usize::from(body.starts_with(['-', '+', ' ']));
        let (before, digits) = body.split_at(mark.unwrap_or(sign));
        let mut out = String::from(before);
        out.extend(core::iter::repeat_n(self.fill.unwrap_or('0'), missing));
        out.push_str(digits);
        out
    }
}

/// The sign and the digits of a whole number, with the mark of its base if that is asked for.
pub fn int_body(int: i128, kind: char, spec: &Spec) -> (String, String) {
    let size = int.unsigned_abs();
    let (mark, digits) = match kind {
        'b' => ("0b", format!("{size:b}")),
        'o' => ("0o", format!("{size:o}")),
        'x' => ("0x", format!("{size:x}")),
        'X' => ("0X", format!("{size:X}")),
        _ => ("", size.to_string()),
    };
    let mark = if spec.alternate { mark } else { "" };
    (sign(int < 0, spec), format!("{mark}{digits}"))
}

fn sign(negative: bool, spec: &Spec) -> String {
    match (negative, spec.sign) {
        (true, _) => "-".to_string(),
        (false, sign @ ('+' | ' ')) => sign.to_string(),
        _ => String::new(),
    }
}

/// The sign and the digits of a number with a fraction.
pub fn float_body(
    float: f64,
    kind: Option<char>,
    precision: Option<usize>,
    spec: &Spec,
) -> Answer<(String, String)> {
    let size = float.abs();
    let negative = float.is_sign_negative() && !float.is_nan();
    if precision.is_some_and(|precision| precision > PRECISION_MAX) {
        return fault(format!("more than {PRECISION_MAX} digits"));
    }
    let lower = kind.map(|kind| kind.to_ascii_lowercase());
    let digits = match (lower, precision) {
        _ if !size.is_finite() => float_text(size) + if kind == Some('%') { "%" } else { "" },
        (None, None) => float_text(size),
        (None, Some(precision)) => general(size, precision.max(1), spec.alternate, true),
        (Some('e'), _) => scientific(size, precision.unwrap_or(6), spec.alternate),
        (Some('%'), _) => fixed(size * 100.0, precision.unwrap_or(6), spec.alternate) + "%",
        (Some('g' | 'n'), _) => general(size, precision.unwrap_or(6).max(1), spec.alternate, false),
        _ => fixed(size, precision.unwrap_or(6), spec.alternate),
    };
    let digits = match kind {
        Some('E' | 'F' | 'G') => digits.to_uppercase(),
        _ => digits,
    };
    let is_zero = size.is_finite() && !digits.contains(|c| matches!(c, '1'..='9'));
    let negative = negative && !(is_zero && spec.no_negative_zero);
    Ok((sign(negative, spec), digits))
}

fn fixed(size: f64, precision: usize, alternate: bool) -> String {
    let point = if alternate && precision == 0 { "." } else { "" };
    format!("{size:.precision$}{point}")
}

fn scientific(size: f64, precision: usize, alternate: bool) -> String {
    let text = format!("{size:.precision$e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = match exponent.strip_prefix('-') {
        Some(exponent) => ('-', exponent),
        None => ('+', exponent),
    };
    let point = if alternate && precision == 0 { "." } else { "" };
    format!("{digits}{point}e{sign}{exponent:0>2}")
}

/// So many digits, without zeros at the end, and with an exponent where that is shorter.
fn general(size: f64, digits: usize, alternate: bool, with_point: bool) -> String {
    let text = format!("{:.*e}", digits - 1, size);
    let exponent = text
        .split_once('e')
        .and_then(|(_, exponent)| exponent.parse::<i32>().ok());
    let exponent = exponent.unwrap_or(0);
    let end = digits as i32 - i32::from(with_point);
    if exponent < -4 || exponent >= end {
        let text = scientific(size, digits - 1, alternate);
        let (digits, exponent) = text.split_once('e').unwrap_or((&text, ""));
        return format!("{}e{exponent}", shortened(digits, alternate, false));
    }
    let behind = (digits as i32 - 1 - exponent).max(0) as usize;
    let text = format!("{size:.behind$}");
    shortened(&text, alternate, with_point)
}

/// Digits without zeros at the end of a fraction.
fn shortened(digits: &str, alternate: bool, with_point: bool) -> String {
    let has_point = digits.contains('.');
    let text = if has_point && !alternate {
        digits.trim_end_matches('0').trim_end_matches('.')
    } else {
        digits
    };
    match (text.contains('.'), with_point, alternate) {
        (false, true, _) => format!("{text}.0"),
        (false, _, true) => format!("{text}."),
        _ => text.to_string(),
    }
}

/// Text with an escape for what is beyond ASCII.
pub fn ascii(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        if c.is_ascii() {
            out.push(c)
        } else {
            show::write_escape(&mut out, c)
        }
    }
    out
}

/// `format(value, spec)`
pub fn formatted(run: &mut Run, value: &Value, text: &str) -> Answer<String> {
    if text.is_empty() {
        return show::text(value);
    }
    let spec = read(run, text)?;
    let is_float = matches!(spec.kind, Some('e' | 'E' | 'f' | 'F' | 'g' | 'G' | '%'));
    let formatted = match value {
        Value::Text(text) | Value::Html(text) => formatted_text(text, &spec),
        Value::Bool(_) | Value::Int(_) if !is_float => {
            formatted_int(value.as_int().unwrap_or(0), &spec)
        }
        Value::Bool(_) | Value::Int(_) | Value::Float(_)
            if is_float || matches!(spec.kind, None | Some('n')) =>
        {
            let float = value.as_float().unwrap_or(0.0);
            let (sign, digits) = float_body(float, spec.kind, spec.precision, &spec)?;
            Some(number(sign, digits, &spec))
        }
        _ => None,
    };
    formatted.map_or_else(|| fault(format!("`:{text}` for {}", value.a_kind())), Ok)
}

/// Text by a spec, if that is one for text.
fn formatted_text(text: &str, spec: &Spec) -> Option<String> {
    let is_for_numbers =
        spec.sign != '\0' || spec.alternate || spec.no_negative_zero || spec.group.is_some();
    if !matches!(spec.kind, None | Some('s')) || is_for_numbers || spec.align == Some('=') {
        return None;
    }
    let kept = spec.precision.unwrap_or(usize::MAX);
    Some(spec.padded(text.chars().take(kept).collect(), '<'))
}

/// A whole number by a spec, if that is one for whole numbers.
fn formatted_int(int: i128, spec: &Spec) -> Option<String> {
    if spec.precision.is_some() || spec.no_negative_zero {
        return None;
    }
    match spec.kind {
        Some('c') if spec.sign != '\0' => None,
        Some('c') => {
            let c = char::from_u32(u32::try_from(int).ok()?)?;
            Some(spec.padded(c.to_string(), '<'))
        }
        None | Some('d' | 'n' | 'b' | 'o' | 'x' | 'X') => {
            let (sign, digits) = int_body(int, spec.kind.unwrap_or('d'), spec);
            Some(number(sign, digits, spec))
        }
        Some(_) => None,
    }
}

/// A number in its width, its digits in groups.
fn number(sign: String, digits: String, spec: &Spec) -> String {
    let between = spec.zero && spec.align.is_none() || spec.align == Some('=');
    let Some(separator) = spec.group else {
        return if between {
            Spec {
                fill: spec.fill.or(Some(if spec.zero { '0' } else { ' ' })),
                ..*spec
            }
            .filled(sign + &digits)
        } else {
            spec.padded(sign + &digits, '>')
        };
    };
    let end = digits
        .find(|c: char| !c.is_ascii_hexdigit())
        .filter(|_| !matches!(spec.kind, Some('x' | 'X')));
    let (whole, rest) = digits.split_at(end.unwrap_or(digits.len()));
    let mut whole = whole.to_string();
    let size = if matches!(spec.kind, Some('b' | 'o' | 'x' | 'X')) {
        4
    } else {
        3
    };
    let mut text = grouped(&whole, separator, size);
    let is_zero_filled = between && (spec.zero && spec.fill.is_none() || spec.fill == Some('0'));
    while is_zero_filled && sign.len() + text.len() + rest.len() < spec.width {
        whole.insert(0, '0');
        text = grouped(&whole, separator, size);
    }
    let body = format!("{sign}{text}{rest}");
    if between {
        Spec {
            fill: spec.fill.or(Some(' ')),
            ..*spec
        }
        .filled(body)
    } else {
        spec.padded(body, '>')
    }
}

fn grouped(digits: &str, separator: char, size: usize) -> String {
    let mut out = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(size) {
            out.push(separator);
        }
        out.push(digit);
    }
    out
}

/// Reads a spec.
fn read(run: &mut Run, text: &str) -> Answer<Spec> {
    let mut spec = Spec::default();
    let mut rest = text;
    let mut chars = text.chars();
    let (first, second) = (chars.next(), chars.next());
    let is_align = |c: Option<char>| c.filter(|c| "<>=^".contains(*c));
    if let (Some(fill), Some(align)) = (first, is_align(second)) {
        spec.fill = Some(fill);
        spec.align = Some(align);
        rest = chars.as_str();
    } else if let Some(align) = is_align(first) {
        spec.align = Some(align);
        rest = rest.get(1..).unwrap_or("");
    }
    let mut takes = |signs: &[char]| {
        let sign = rest.chars().next().filter(|c| signs.contains(c));
        rest = rest.get(sign.map_or(0, char::len_utf8)..).unwrap_or("");
        sign
    };
    spec.sign = takes(&['+', '-', ' ']).unwrap_or('\0');
    spec.no_negative_zero = takes(&['z']).is_some();
    spec.alternate = takes(&['#']).is_some();
    spec.zero = takes(&['0']).is_some();
    let number = |rest: &mut &str| {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, behind) = rest.split_at(digits);
        *rest = behind;
        match number {
            "" => Ok(None),
            number => run.fits(number.parse().unwrap_or(i128::MAX)).map(Some),
        }
    };
    spec.width = number(&mut rest)?.unwrap_or(0);
    if let Some(behind) = rest.strip_prefix([',', '_']) {
        spec.group = rest.chars().next();
        rest = behind;
    }
    if let Some(behind) = rest.strip_prefix('.') {
        rest = behind;
        spec.precision = number(&mut rest)?;
        if spec.precision.is_none() {
            return fault(format!("`:{text}`, which is no format"));
        }
    }
    let mut chars = rest.chars();
    spec.kind = chars.next();
    match chars.next() {
        Some(_) => fault(format!("`:{text}`, which is no format")),
        None => Ok(spec),
    }
}

/// The arguments of a format, and how they were asked for.
struct Fields<'a> {
    args: &'a Args,
    map: Option<&'a Value>,
    next: Option<usize>,
    is_html: bool,
}

/// `text.format(…)`, or `text.format_map(map)`
pub fn format(run: &mut Run, text: &Value, args: &Args, map: Option<&Value>) -> Answer {
    let is_html = matches!(text, Value::Html(_));
    let mut fields = Fields {
        args,
        map,
        next: Some(0),
        is_html,
    };
    let template = text.as_text().map_or("", |text| text);
    let text = expanded(run, template, &mut fields, 2)?;
    Ok(if is_html {
        Value::Html(text.into())
    } else {
        Value::Text(text.into())
    })
}

fn expanded(run: &mut Run, template: &str, fields: &mut Fields, levels: usize) -> Answer<String> {
    if levels == 0 {
        return fault("a format with too many levels of `{`");
    }
    let mut out = String::new();
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let (before, brace) = rest.split_at(at);
        out.push_str(before);
        let (brace, behind) = brace.split_at(1);
        rest = match behind.strip_prefix(brace) {
            Some(behind) => {
                out.push_str(brace);
                behind
            }
            None if brace == "}" => return fault("a format with a `}` alone"),
            None => {
                let (field, behind) = closed(behind)?;
                let text = field_text(run, field, fields, levels)?;
                out.push_str(&text);
                behind
            }
        };
        run.fits(out.len() as i128)?;
        run.spend(1 + out.len() / 64)?;
    }
    out.push_str(rest);
    Ok(out)
}

/// A field up to the brace that closes it, and what is behind that.
fn closed(text: &str) -> Answer<(&str, &str)> {
    let mut open = 1;
    let mut in_key = false;
    for (at, c) in text.char_indices() {
        match c {
            '[' if open == 1 => in_key = true,
            ']' => in_key = false,
            '{' if !in_key => open += 1,
            '}' if !in_key => open -= 1,
            _ => {}
        }
        if open == 0 {
            let (field, rest) = text.split_at(at);
            return Ok((field, rest.get(1..).unwrap_or("")));
        }
    }
    fault("a format with a `{` alone")
}

fn field_text(run: &mut Run, field: &str, fields: &mut Fields, levels: usize) -> Answer<String> {
    let end = field.find([':', '!']).unwrap_or(field.len());
    let bracket = field.find('[').filter(|open| *open < end);
    let end = match bracket.and_then(|open| field.get(open..)?.find(']').map(|close| open + close))
    {
        Some(close) => field
            .get(close..)
            .and_then(|rest| rest.find([':', '!']))
            .map_or(field.len(), |at| close + at),
        None => end,
    };
    let (path, rest) = field.split_at(end);
    let value = found(run, path, fields)?;
    let (conversion, rest) = match rest.strip_prefix('!') {
        Some(rest) => {
            let (conversion, rest) = rest.split_at_checked(1).unwrap_or((rest, ""));
            (conversion, rest)
        }
        None => ("", rest),
    };
    let value = match conversion {
        "" => value,
        "r" => Value::Text(show::repr(&value)?.into()),
        "s" => Value::Text(show::text(&value)?.into()),
        "a" => Value::Text(ascii(&show::repr(&value)?).into()),
        _ => return fault(format!("`!{conversion}` in a format")),
    };
    let spec = match (rest.strip_prefix(':'), rest.is_empty()) {
        (Some(spec), _) => expanded(run, spec, fields, levels - 1)?,
        (None, true) => String::new(),
        (None, false) => return fault("a format with something between `!` and `:`"),
    };
    if fields.is_html {
        let text = if spec.is_empty() {
            return Ok(escaped(&value)?.to_string());
        } else {
            formatted(run, &value, &spec)?
        };
        return Ok(escaped(&Value::Text(text.into()))?.to_string());
    }
    formatted(run, &value, &spec)
}

/// What a path leads to: an argument, and what is in it.
fn found(run: &mut Run, path: &str, fields: &mut Fields) -> Answer {
    let end = path.find(['.', '[']).unwrap_or(path.len());
    let (name, mut rest) = path.split_at(end);
    let mut value = argument(name, fields)?;
    while !rest.is_empty() {
        let (key, behind, is_item) = match rest.strip_prefix('[') {
            Some(inside) => match inside.split_once(']') {
                Some((key, behind)) => (key, behind, true),
                None => return fault("a format with a `[` alone"),
            },
            None => {
                let inside = rest.strip_prefix('.').unwrap_or(rest);
                let end = inside.find(['.', '[']).unwrap_or(inside.len());
                let (key, behind) = inside.split_at(end);
                (key, behind, false)
            }
        };
        if key.is_empty() {
            return fault("a format with an empty name");
        }
        rest = behind;
        let place = key
            .parse()
            .ok()
            .filter(|_| is_item && key.bytes().all(|c| c.is_ascii_digit()));
        let key = place.map_or_else(|| Value::text(key), Value::Int);
        let inner = match (is_item, key.as_text()) {
            (false, Some(name)) => run.attribute(&value, name)?,
            _ => run.item_or_method(&value, &key)?,
        };
        value = inner.unwrap_or_else(|| super::run::absent_as(key, false));
    }
    Ok(value)
}

/// An argument by its name or number; without both it is the next.
fn argument(name: &str, fields: &mut Fields) -> Answer {
    let number = match (name, fields.next) {
        ("", Some(next)) => {
            fields.next = Some(next + 1);
            Some(next)
        }
        ("", None) => return fault("a format with `{}` beside `{0}`"),
        (name, next) if name.bytes().all(|c| c.is_ascii_digit()) => {
            if next.is_some_and(|next| next > 0) {
                return fault("a format with `{}` beside `{0}`");
            }
            fields.next = None;
            Some(name.parse().unwrap_or(usize::MAX))
        }
        _ => None,
    };
    let found = match (number, fields.map) {
        (Some(number), None) => fields.args.given.get(number).cloned(),
        (Some(_), Some(_)) => None,
        (None, Some(Value::Dict(dict))) => dict.get_text(name),
        (None, _) => {
            let mut named = fields.args.named.iter();
            named
                .find(|(other, _)| **other == *name)
                .map(|(_, value)| value.clone())
        }
    };
    match found {
        Some(value) => Ok(value),
        None => fault(format!(
            "a format with `{{{name}}}`, for which there is no value"
        )),
    }
}
