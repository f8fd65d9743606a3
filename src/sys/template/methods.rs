//! Methods of Python's `str`, `list` and `dict` that templates call.

use minijinja::value::{Value, from_args};
use minijinja::{Error, ErrorKind};

use super::value::{Dict, is_missing};

/// Calls a method that the engine does not know.
pub fn call(value: &Value, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    if let Some(text) = value.as_str() {
        return text_method(text, name, arguments);
    }
    if let Some(dict) = value.downcast_object_ref::<Dict>() {
        return dict_method(dict, name, arguments);
    }
    match name {
        _ if is_missing(value) => Err(ErrorKind::UndefinedError.into()),
        "count" | "index" => {
            let (wanted,): (&Value,) = from_args(arguments)?;
            let elements: Vec<Value> = value.try_iter()?.collect();
            let mut places =
                (0..elements.len()).filter(|place| elements.get(*place) == Some(wanted));
            match name {
                "count" => Ok(places.count().into()),
                _ => places
                    .next()
                    .map(Value::from)
                    .ok_or_else(|| unfit("the element is not there")),
            }
        }
        _ => Err(ErrorKind::UnknownMethod.into()),
    }
}

fn unfit(reason: &'static str) -> Error {
    Error::new(ErrorKind::InvalidOperation, reason)
}

fn dict_method(dict: &Dict, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    let entries = dict.entries().iter();
    match name {
        "get" => {
            let (key, default): (&str, Option<Value>) = from_args(arguments)?;
            Ok(dict.find(key).or(default).unwrap_or_else(|| ().into()))
        }
        "keys" => Ok(entries.map(|(key, _)| key.clone()).collect()),
        "values" => Ok(entries.map(|(_, value)| value.clone()).collect()),
        "items" => Ok(entries
            .map(|(key, value)| Value::from(vec![key.clone(), value.clone()]))
            .collect()),
        _ => Err(ErrorKind::UnknownMethod.into()),
    }
}

fn text_method(text: &str, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    Ok(match name {
        "upper" => text.to_uppercase().into(),
        "lower" => text.to_lowercase().into(),
        "title" => title(text).into(),
        "capitalize" => {
            let mut chars = text.chars();
            let first: String = chars
                .next()
                .into_iter()
                .flat_map(char::to_uppercase)
                .collect();
            (first + &chars.as_str().to_lowercase()).into()
        }
        "strip" | "lstrip" | "rstrip" => {
            let (chars,): (Option<&str>,) = from_args(arguments)?;
            let strip = |c: char| chars.map_or(c.is_whitespace(), |chars| chars.contains(c));
            let text = if name == "rstrip" {
                text
            } else {
                text.trim_start_matches(strip)
            };
            let text = if name == "lstrip" {
                text
            } else {
                text.trim_end_matches(strip)
            };
            text.into()
        }
        "split" | "rsplit" => split(text, name == "rsplit", arguments)?,
        "splitlines" => text.lines().map(Value::from).collect(),
        "replace" => {
            let (old, new, count): (&str, &str, Option<usize>) = from_args(arguments)?;
            text.replacen(old, new, count.unwrap_or(usize::MAX)).into()
        }
        "startswith" | "endswith" => {
            let (part,): (&Value,) = from_args(arguments)?;
            let parts: Vec<Value> = match part.as_str() {
                Some(_) => vec![part.clone()],
                None => part.try_iter()?.collect(),
            };
            let holds = |part: &str| match name {
                "startswith" => text.starts_with(part),
                _ => text.ends_with(part),
            };
            parts.iter().filter_map(Value::as_str).any(holds).into()
        }
        "find" | "rfind" | "index" | "count" => find(text, name, arguments)?,
        "join" => {
            let (parts,): (&Value,) = from_args(arguments)?;
            let parts: Vec<String> = parts.try_iter()?.map(|part| part.to_string()).collect();
            parts.join(text).into()
        }
        "removeprefix" | "removesuffix" => {
            let (part,): (&str,) = from_args(arguments)?;
            let rest = match name {
                "removeprefix" => text.strip_prefix(part),
                _ => text.strip_suffix(part),
            };
            rest.unwrap_or(text).into()
        }
        "zfill" => {
            let (width,): (usize,) = from_args(arguments)?;
            let (sign, digits) = text.split_at(usize::from(text.starts_with(['+', '-'])));
            let zeros = width
                .min(u16::MAX.into())
                .saturating_sub(text.chars().count());
            format!("{sign}{}{digits}", "0".repeat(zeros)).into()
        }
        "isdigit" | "isalpha" | "isalnum" | "isspace" | "isupper" | "islower" => {
            is(text, name).into()
        }
        _ => return Err(ErrorKind::UnknownMethod.into()),
    })
}

fn title(text: &str) -> String {
    let mut inside = false;
    let cased = |c: char| {
        let upper = !core::mem::replace(&mut inside, c.is_alphabetic());
        let word: String = if upper {
            c.to_uppercase().collect()
        } else {
            c.to_lowercase().collect()
        };
        word
    };
    text.chars().map(cased).collect()
}

fn split(text: &str, from_right: bool, arguments: &[Value]) -> Result<Value, Error> {
    let (separator, most): (Option<&str>, Option<i64>) = from_args(arguments)?;
    let most = most.and_then(|most| usize::try_from(most).ok());
    let pieces = most.map_or(usize::MAX, |most| most.saturating_add(1));
    Ok(match (separator, from_right) {
        (Some(""), _) => return Err(unfit("an empty separator")),
        (Some(separator), false) => text.splitn(pieces, separator).map(Value::from).collect(),
        (Some(separator), true) => {
            let mut parts: Vec<&str> = text.rsplitn(pieces, separator).collect();
            parts.reverse();
            parts.into_iter().map(Value::from).collect()
        }
        (None, _) if most.is_some() => return Err(unfit("a number of pieces without a separator")),
        (None, _) => text.split_whitespace().map(Value::from).collect(),
    })
}

fn find(text: &str, name: &str, arguments: &[Value]) -> Result<Value, Error> {
    let (part,): (&str,) = from_args(arguments)?;
    let place = match name {
        "count" => return Ok(text.matches(part).count().into()),
        "rfind" => text.rfind(part),
        _ => text.find(part),
    };
    match place.and_then(|place| text.get(..place)) {
        Some(before) => Ok(before.chars().count().into()),
        None if name == "index" => Err(unfit("the text is not there")),
        None => Ok(Value::from(-1)),
    }
}

fn is(text: &str, name: &str) -> bool {
    let all = |fits: fn(char) -> bool| !text.is_empty() && text.chars().all(fits);
    match name {
        "isdigit" => all(|c| c.is_ascii_digit()),
        "isalpha" => all(char::is_alphabetic),
        "isalnum" => all(char::is_alphanumeric),
        "isspace" => all(char::is_whitespace),
        "isupper" => text.chars().any(char::is_uppercase) && !text.chars().any(char::is_lowercase),
        _ => text.chars().any(char::is_lowercase) && !text.chars().any(char::is_uppercase),
    }
}
