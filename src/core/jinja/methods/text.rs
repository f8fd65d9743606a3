//! Methods of text.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::userdata::sniff::is_blank;

use super::super::args::Args;
use super::super::formats;
use super::super::number::escaped;
use super::super::run::Run;
use super::super::show;
use super::super::table::{Call, Entry, entry};
use super::super::value::{Answer, Value, fault};

/// The methods.
pub static METHODS: [Entry; 47] = [
    entry("capitalize", "", |_, value, _| {
        Ok(like(value, capitalized(of(value))))
    }),
    entry("casefold", "", |_, value, _| {
        Ok(Value::Text(
            of(value).to_lowercase().replace('ß', "ss").into(),
        ))
    }),
    entry("center", "/ width fillchar?", |run, value, args| {
        justified(run, value, args, Some('^'))
    }),
    entry("count", "/ sub start? end?", count),
    entry("encode", "*", refused),
    entry("endswith", "/ suffix start? end?", |_, value, args| {
        affixed(value, args, |text, part| text.ends_with(part))
    }),
    entry("expandtabs", "tabsize?", expand_tabs),
    entry("find", "/ sub start? end?", |_, value, args| {
        found(value, args, false, false)
    }),
    entry("format", "*", |run, value, args| {
        formats::format(run, value, args, None)
    }),
    entry("format_map", "/ mapping", |run, value, args| {
        formats::format(run, value, &Args::default(), Some(&args.value(0)))
    }),
    entry("index", "/ sub start? end?", |_, value, args| {
        found(value, args, false, true)
    }),
    entry("isalnum", "", |_, value, _| {
        all(value, char::is_alphanumeric)
    }),
    entry("isalpha", "", |_, value, _| all(value, char::is_alphabetic)),
    entry("isascii", "", |_, value, _| {
        Ok(Value::Bool(of(value).is_ascii()))
    }),
    entry("isdecimal", "", |_, value, _| {
        all(value, |c| c.is_ascii_digit())
    }),
    entry("isdigit", "", |_, value, _| all(value, is_digit)),
    entry("isidentifier", "", |_, value, _| {
        let starts = of(value).starts_with(|c: char| c.is_alphabetic() || c == '_');
        all(value, |c| c.is_alphanumeric() || c == '_')
            .map(|all| Value::Bool(starts && all.is_true()))
    }),
    entry("islower", "", |_, value, _| {
        Ok(Value::Bool(is_lower(of(value))))
    }),
    entry("isnumeric", "", |_, value, _| all(value, char::is_numeric)),
    entry("isprintable", "", |_, value, _| {
        Ok(Value::Bool(of(value).chars().all(show::is_printable)))
    }),
    entry("isspace", "", |_, value, _| all(value, is_blank)),
    entry("istitle", "", |_, value, _| {
        let text = of(value);
        Ok(Value::Bool(
            text.chars().any(is_cased) && title(text) == text,
        ))
    }),
    entry("isupper", "", |_, value, _| {
        Ok(Value::Bool(is_upper(of(value))))
    }),
    entry("join", "/ iterable", join),
    entry("ljust", "/ width fillchar?", |run, value, args| {
        justified(run, value, args, Some('<'))
    }),
    entry("lower", "", |_, value, _| {
        Ok(like(value, of(value).to_lowercase()))
    }),
    entry("lstrip", "/ chars?", |_, value, args| {
        stripped(value, args, true, false)
    }),
    entry("maketrans", "*", refused),
    entry("partition", "/ sep", |_, value, args| {
        parted(value, args, false)
    }),
    entry("removeprefix", "/ prefix", |_, value, args| {
        let text = of(value);
        Ok(Value::text(
            text.strip_prefix(&*args.text(0)?).unwrap_or(text),
        ))
    }),
    entry("removesuffix", "/ suffix", |_, value, args| {
        let text = of(value);
        Ok(Value::text(
            text.strip_suffix(&*args.text(0)?).unwrap_or(text),
        ))
    }),
    entry("replace", "/ old new count?", |run, value, args| {
        let (old, new) = (args.text(0)?, args.text(1)?);
        let new = match value {
            Value::Html(_) => escaped(&args.value(1))?,
            _ => new,
        };
        Ok(like(
            value,
            replaced(run, of(value), &old, &new, args.int(2, -1)?)?,
        ))
    }),
    entry("rfind", "/ sub start? end?", |_, value, args| {
        found(value, args, true, false)
    }),
    entry("rindex", "/ sub start? end?", |_, value, args| {
        found(value, args, true, true)
    }),
    entry("rjust", "/ width fillchar?", |run, value, args| {
        justified(run, value, args, Some('>'))
    }),
    entry("rpartition", "/ sep", |_, value, args| {
        parted(value, args, true)
    }),
    entry("rsplit", "sep? maxsplit?", |run, value, args| {
        split(run, value, args, true)
    }),
    entry("rstrip", "/ chars?", |_, value, args| {
        stripped(value, args, false, true)
    }),
    entry("split", "sep? maxsplit?", |run, value, args| {
        split(run, value, args, false)
    }),
    entry("splitlines", "keepends?", |run, value, args| {
        let lines = lines(of(value), args.flag(0));
        run.spend(lines.len())?;
        Ok(Value::list(
            lines
                .into_iter()
                .map(|line| like(value, line.to_string()))
                .collect(),
        ))
    }),
    entry("startswith", "/ prefix start? end?", |_, value, args| {
        affixed(value, args, |text, part| text.starts_with(part))
    }),
    entry("strip", "/ chars?", |_, value, args| {
        stripped(value, args, true, true)
    }),
    entry("swapcase", "", |_, value, _| {
        Ok(like(value, swapped(of(value))))
    }),
    entry("title", "", |_, value, _| Ok(like(value, title(of(value))))),
    entry("translate", "*", refused),
    entry("upper", "", |_, value, _| {
        Ok(like(value, of(value).to_uppercase()))
    }),
    entry("zfill", "/ width", |run, value, args| {
        justified(run, value, args, None)
    }),
];

/// What Python can do and this engine cannot.
pub const fn refusal() -> Call {
    refused
}

fn refused(_: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let name = args.name();
    match value {
        Value::None => fault(format!("`{name}`, which only cloud-init itself has")),
        _ => fault(format!(
            "`.{name}` of {}, which only cloud-init itself has",
            value.a_kind()
        )),
    }
}

/// The text of a method.
fn of(value: &Value) -> &str {
    value.as_text().map_or("", |text| text)
}

/// Text that is HTML if another is.
pub fn like(value: &Value, text: String) -> Value {
    match value {
        Value::Html(_) => Value::Html(text.into()),
        _ => Value::Text(text.into()),
    }
}

// What characters are

fn all(value: &Value, fits: fn(char) -> bool) -> Answer {
    let text = of(value);
    Ok(Value::Bool(!text.is_empty() && text.chars().all(fits)))
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '²' | '³' | '¹' | '⁰' | '⁴'..='⁹' | '₀'..='₉')
}

fn is_cased(c: char) -> bool {
    c.is_lowercase() || c.is_uppercase()
}

/// Is some letter small, and none capital?
pub fn is_lower(text: &str) -> bool {
    text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase)
}

/// Is some letter capital, and none small?
pub fn is_upper(text: &str) -> bool {
    text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase)
}

// Upper and lower case

/// The first letter capital, the others small.
pub fn capitalized(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().into_iter().flat_map(char::to_uppercase);
    let first: String = first.collect();
    // The last letter of a Greek word is small in its own way, which only the whole text shows.
    let lower = text.to_lowercase();
    let skipped = text
        .chars()
        .next()
        .map_or(0, |c| c.to_lowercase().map(char::len_utf8).sum());
    first + lower.get(skipped..).unwrap_or(chars.as_str())
}

fn title(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for c in text.chars() {
        if inside {
            out.extend(c.to_lowercase())
        } else {
            out.extend(c.to_uppercase())
        }
        inside = is_cased(c);
    }
    out
}

fn swapped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c.is_uppercase() {
            out.extend(c.to_lowercase())
        } else {
            out.extend(c.to_uppercase())
        }
    }
    out
}

// Width

/// Text in a width, beside what fills it; without an alignment that is zeros behind the sign.
fn justified(run: &mut Run, value: &Value, args: &Args, align: Option<char>) -> Answer {
    let text = of(value);
    let width = run.fits(args.int(0, 0)?)?;
    let mut chars = [None, None];
    let fill = args.text_or(1, " ")?;
    for (slot, c) in chars.iter_mut().zip(fill.chars()) {
        *slot = Some(c);
    }
    let [Some(fill), None] = chars else {
        return fault("a filling of more or less than one character");
    };
    let missing = width.saturating_sub(text.chars().count());
    run.fits((text.len() + missing * fill.len_utf8()) as i128)?;
    run.spend(missing / 64)?;
    let spec = formats::Spec {
        width,
        fill: Some(if align.is_none() { '0' } else { fill }),
        ..formats::Spec::default()
    };
    Ok(like(
        value,
        match align {
            None if text.starts_with(['+', '-']) => spec.filled(text.to_string()),
            None => spec.padded(text.to_string(), '>'),
            // Of an odd rest Python puts the larger half before, if the width is odd.
            Some('^') => centered(text, width, fill),
            Some(align) => spec.padded(text.to_string(), align),
        },
    ))
}

/// Text in the middle of a width.
pub fn centered(text: &str, width: usize, fill: char) -> String {
    let missing = width.saturating_sub(text.chars().count());
    let before = missing / 2 + (missing & width & 1);
    let mut out = String::new();
    out.extend(core::iter::repeat_n(fill, before));
    out.push_str(text);
    out.extend(core::iter::repeat_n(fill, missing - before));
    out
}

fn expand_tabs(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let size = run.fits(args.int(0, 8)?)?;
    let mut out = String::new();
    let mut column = 0usize;
    for c in of(value).chars() {
        match c {
            '\t' => {
                let blanks = size.saturating_sub(column.checked_rem(size).unwrap_or(0));
                run.fits((out.len() + blanks) as i128)?;
                out.extend(core::iter::repeat_n(' ', blanks));
                column += blanks;
            }
            c => {
                out.push(c);
                column = if matches!(c, '\n' | '\r') {
                    0
                } else {
                    column + 1
                };
            }
        }
    }
    Ok(like(value, out))
}

fn stripped(value: &Value, args: &Args, left: bool, right: bool) -> Answer {
    let chars = args.text_or_none(0)?;
    let strip = |c: char| {
        chars
            .as_ref()
            .map_or(is_blank(c), |chars| chars.contains(c))
    };
    let mut text = of(value);
    if left {
        text = text.trim_start_matches(strip);
    }
    if right {
        text = text.trim_end_matches(strip);
    }
    Ok(like(value, text.to_string()))
}

// Search

/// The part of a text between two places in characters, and the characters before it; none if they are the wrong way round.
fn part<'a>(text: &'a str, args: &Args) -> Answer<Option<(usize, &'a str)>> {
    let len = text.chars().count() as i128;
    let (start, end) = (
        args.int_or_none(1)?.unwrap_or(0),
        args.int_or_none(2)?.unwrap_or(len),
    );
    let clamped = |place: i128| {
        if place < 0 {
            place.saturating_add(len).max(0)
        } else {
            place
        }
    };
    let (start, end) = (clamped(start), clamped(end).min(len));
    if start > end {
        return Ok(None);
    }
    let byte = |place: i128| {
        let mut places = text.char_indices();
        places.nth(place as usize).map_or(text.len(), |(at, _)| at)
    };
    let part = text.get(byte(start)..byte(end)).unwrap_or("");
    Ok(Some((start as usize, part)))
}

fn found(value: &Value, args: &Args, from_right: bool, must: bool) -> Answer {
    let sub = args.text(0)?;
    let place = part(of(value), args)?.and_then(|(start, part)| {
        let at = if from_right {
            part.rfind(&*sub)
        } else {
            part.find(&*sub)
        };
        Some(start + part.get(..at?)?.chars().count())
    });
    match place {
        Some(place) => Ok(Value::Int(place as i128)),
        None if must => fault("`index` of a text that is not there"),
        None => Ok(Value::Int(-1)),
    }
}

fn count(_: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let sub = args.text(0)?;
    let count = part(of(value), args)?.map_or(0, |(_, part)| part.matches(&*sub).count());
    Ok(Value::Int(count as i128))
}

/// Does a text start or end with this, or with one of these?
fn affixed(value: &Value, args: &Args, holds: fn(&str, &str) -> bool) -> Answer {
    let part = part(of(value), args)?;
    let affixes = match args.value(0) {
        Value::Tuple(seq) => seq.to_vec(),
        _ => Vec::from([Value::Text(args.text(0)?)]),
    };
    let mut any = false;
    for affix in affixes {
        match affix.as_text() {
            Some(affix) => any |= part.is_some_and(|(_, part)| holds(part, affix)),
            None => return fault(format!("{} as the start or end of a text", affix.a_kind())),
        }
    }
    Ok(Value::Bool(any))
}

// Parts

/// A text with others for some of its parts; a count below 0 is all.
pub fn replaced(run: &mut Run, text: &str, old: &str, new: &str, count: i128) -> Answer<String> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let found = if old.is_empty() {
        text.chars().count() + 1
    } else {
        text.matches(old).count()
    };
    let found = found.min(count) as i128;
    let len = run.fits(text.len() as i128 + found.saturating_mul(new.len() as i128))?;
    run.spend((text.len() + len) / 64)?;
    Ok(text.replacen(old, new, count))
}

fn join(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let mut out = String::new();
    for (place, part) in run.list(&args.value(0))?.iter().enumerate() {
        out.push_str(if place > 0 { of(value) } else { "" });
        match (value, part) {
            (Value::Html(_), part) => out.push_str(&escaped(part)?),
            (_, Value::Text(text) | Value::Html(text)) => out.push_str(text),
            _ => return fault(format!("`join` of a list with {} in it", part.a_kind())),
        }
        run.fits(out.len() as i128)?;
    }
    Ok(like(value, out))
}

fn parted(value: &Value, args: &Args, from_right: bool) -> Answer {
    let (text, sep) = (of(value), args.text(0)?);
    if sep.is_empty() {
        return fault("an empty separator");
    }
    let halves = if from_right {
        text.rsplit_once(&*sep)
    } else {
        text.split_once(&*sep)
    };
    let parts = match (halves, from_right) {
        (Some((before, after)), _) => [before, &sep, after],
        (None, false) => [text, "", ""],
        (None, true) => ["", "", text],
    };
    Ok(Value::tuple(
        parts.map(|part| like(value, part.to_string())).into(),
    ))
}

fn split(run: &mut Run, value: &Value, args: &Args, from_right: bool) -> Answer {
    let (text, sep) = (of(value), args.text_or_none(0)?);
    let most = usize::try_from(args.int(1, -1)?).unwrap_or(usize::MAX);
    run.spend(text.len() / 64)?;
    let mut parts: Vec<&str> = match (&sep, from_right) {
        (Some(sep), _) if sep.is_empty() => return fault("an empty separator"),
        (Some(sep), false) => text.splitn(most.saturating_add(1), &**sep).collect(),
        (Some(sep), true) => text.rsplitn(most.saturating_add(1), &**sep).collect(),
        (None, false) => words(text, most),
        (None, true) => words_from_right(text, most),
    };
    if from_right {
        parts.reverse();
    }
    run.spend(parts.len())?;
    Ok(Value::list(
        parts
            .into_iter()
            .map(|part| like(value, part.to_string()))
            .collect(),
    ))
}

/// So many words and the rest.
fn words(text: &str, most: usize) -> Vec<&str> {
    let (mut words, mut rest) = (Vec::new(), text.trim_start_matches(is_blank));
    while !rest.is_empty() {
        let end = if words.len() < most {
            rest.find(is_blank).unwrap_or(rest.len())
        } else {
            rest.len()
        };
        let (word, behind) = rest.split_at(end);
        words.push(word);
        rest = behind.trim_start_matches(is_blank);
    }
    words
}

/// The last words and the rest, last ones first.
fn words_from_right(text: &str, most: usize) -> Vec<&str> {
    let (mut words, mut rest) = (Vec::new(), text.trim_end_matches(is_blank));
    while !rest.is_empty() {
        let blank = rest.char_indices().rev().find(|(_, c)| is_blank(*c));
        let start = match (blank, words.len() < most) {
            (Some((at, c)), true) => at + c.len_utf8(),
            _ => 0,
        };
        let (before, word) = rest.split_at(start);
        words.push(word);
        rest = before.trim_end_matches(is_blank);
    }
    words
}

/// The lines of a text, perhaps with their ends.
pub fn lines(text: &str, with_ends: bool) -> Vec<&str> {
    const ENDS: [char; 10] = [
        '\n', '\r', '\u{b}', '\u{c}', '\u{1c}', '\u{1d}', '\u{1e}', '\u{85}', '\u{2028}',
        '\u{2029}',
    ];
    let (mut lines, mut rest) = (Vec::new(), text);
    while !rest.is_empty() {
        let at = rest.find(ENDS).unwrap_or(rest.len());
        let end = rest.get(at..).unwrap_or("");
        let width = if end.starts_with("\r\n") {
            2
        } else {
            end.chars().next().map_or(0, char::len_utf8)
        };
        let (line, behind) = rest.split_at(at + width);
        lines.push(if with_ends {
            line
        } else {
            rest.get(..at).unwrap_or("")
        });
        rest = behind;
    }
    lines
}
