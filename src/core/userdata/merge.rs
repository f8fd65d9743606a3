//! The merging language of cloud-config: how one part changes what the parts before it made.
//!
//! A part names its mergers in its body (`merge_how`, else `merge_type`) or in its headers (`Merge-Type`, `X-Merge-Type`;
//! cloud-init wants exactly these letters, here any case will do): `dict(recurse_array)+list(append)+str()`. They say how
//! **this** part is merged. The old value's type chooses the merger; an old value that no merger is for stays as it is.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use nom::bytes::complete::take_while;
use nom::character::complete::{char, satisfy};
use nom::{IResult, Parser};

use crate::budget::Budget;
use crate::text::mistyped;
use crate::userdata::{Flaw, Part};
use crate::value::{Map, Value, quote};

/// What is used for parts that name no mergers.
pub const DEFAULT: &str = "dict(replace)+list()+str()";

/// Most mergers that one part may name; only the first of each type counts.
pub const MERGERS_MAX: usize = 64;

/// What cloud-init does with maps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct DictMerger {
    /// `replace`: the new value of a key wins. Else (`no_replace`) the old stays, unless both can be merged.
    replace: bool,
    /// `recurse_str`: merge where the new value is text.
    recurse_str: bool,
    /// `recurse_array`, `recurse_list`: merge where the new value is a list.
    recurse_list: bool,
    /// `allow_delete`: a new value of null takes the key away.
    allow_delete: bool,
}

/// What cloud-init does with lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ListMerger {
    method: ListMethod,
    recurse_str: bool,
    recurse_dict: bool,
    recurse_list: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ListMethod {
    /// Place by place, as long as both have one; the old list keeps its length.
    #[default]
    Replace,
    /// The old list stays.
    NoReplace,
    Append,
    Prepend,
}

/// The mergers of one part: of each type the first that was named.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mergers {
    dict: Option<DictMerger>,
    list: Option<ListMerger>,
    /// Is new text appended to old (`append`)?
    append_str: Option<bool>,
}

impl Mergers {
    /// Reads the mergers that a part's body and its header name, in this order, and takes `merge_how` (else `merge_type`)
    /// out of the body. [`DEFAULT`] where nothing is named.
    ///
    /// # Errors
    /// A merger is unknown, or an option no text, or there are more than [`MERGERS_MAX`].
    pub fn of_part(body: &mut Map, header: &str) -> Result<Mergers, Flaw> {
        let how = KEYS
            .into_iter()
            .find_map(|key| body.remove(&key.into()).filter(|how| !how.is_null()));
        let mut specs = specs(how.as_ref())?;
        specs.extend(parse(header)?);
        if specs.is_empty() {
            specs = parse(DEFAULT)?;
        }
        Mergers::new(specs)
    }

    /// Those by which cloud-init joins the configurations of a machine, the strongest first: maps key by key; a weaker map also
    /// takes the place of a list or of text, and of all else the stronger value stays.
    pub fn of_system() -> Mergers {
        Mergers::from_text("list()+dict()+str()").unwrap_or_default()
    }

    /// Reads mergers from text: `dict(recurse_array,no_replace)+list(append)`.
    ///
    /// # Errors
    /// As in [`Mergers::of_part`].
    pub fn from_text(text: &str) -> Result<Mergers, Flaw> {
        Mergers::new(parse(text)?)
    }

    fn new(specs: Vec<Spec>) -> Result<Mergers, Flaw> {
        if specs.len() > MERGERS_MAX {
            return Err(Flaw::new(
                format!("at most {MERGERS_MAX} mergers"),
                specs.len(),
            ));
        }
        let mut mergers = Mergers::default();
        for spec in &specs {
            match spec.name.strip_prefix("m_").unwrap_or(&spec.name) {
                "dict" => mergers.dict = mergers.dict.or(Some(spec.dict())),
                "list" => mergers.list = mergers.list.or(Some(spec.list())),
                "str" => mergers.append_str = mergers.append_str.or(Some(spec.has("append"))),
                _ => {
                    return Err(Flaw::new("a merger dict, list or str", quote(&spec.name)));
                }
            }
        }
        Ok(mergers)
    }

    /// Merges a part into what is there.
    ///
    /// # Errors
    /// Two values cannot be put together, or the budget has nothing left; what is there is as it was then.
    pub fn merge(&self, old: &mut Value, new: Value, budget: &Budget) -> Result<(), Flaw> {
        self.check(old, &new, budget)?;
        self.change(old, new);
        Ok(())
    }

    /// Are there two values in these that the mergers cannot put together?
    fn check(&self, old: &Value, new: &Value, budget: &Budget) -> Result<(), Flaw> {
        match (old, self.dict, self.list, self.append_str) {
            (Value::Map(old), Some(dict), _, _) => {
                let Value::Map(new) = new else { return Ok(()) };
                let both = new.iter().filter(|(_, new)| dict.recurses(new));
                both.filter_map(|(key, new)| Some((old.get_value(key)?, new)))
                    .try_for_each(|(old, new)| self.check(old, new, budget))
            }
            (Value::List(old), _, Some(list), _) => match (list.method, new) {
                (ListMethod::Append | ListMethod::Prepend, new) if !is_row(new) => {
                    Err(Flaw::new("a list to add to a list", new.noun()))
                }
                (ListMethod::Append | ListMethod::Prepend, new) => {
                    let shifted = old
                        .len()
                        .saturating_mul(usize::from(list.method == ListMethod::Prepend));
                    if budget.steps.take(shifted) && budget.read_nodes(split(new)) {
                        Ok(())
                    } else {
                        Err(Flaw::new("lists that take less time and memory", "more"))
                    }
                }
                (ListMethod::NoReplace, new) if !has_places(old, new) => {
                    Err(Flaw::new("a list beside a list", new.noun()))
                }
                (ListMethod::Replace, Value::List(new)) => (old.iter().zip(new))
                    .filter(|(_, new)| list.recurses(new))
                    .try_for_each(|(old, new)| self.check(old, new, budget)),
                _ => Ok(()),
            },
            (Value::Text(_), _, _, Some(true)) if new.as_text().is_none() => {
                Err(Flaw::new("text to append to text", new.noun()))
            }
            _ => Ok(()),
        }
    }

    /// Merges what [`Mergers::check`] has seen.
    fn change(&self, old: &mut Value, new: Value) {
        match (old, self.dict, self.list, self.append_str) {
            (Value::Map(old), Some(dict), _, _) => {
                if let Value::Map(new) = new {
                    self.change_map(old, new, dict);
                }
            }
            (Value::List(old), _, Some(list), _) if list.method != ListMethod::Replace => {
                let mut new = elements(new);
                match list.method {
                    ListMethod::Append => old.append(&mut new),
                    ListMethod::Prepend => {
                        new.append(old);
                        *old = new;
                    }
                    ListMethod::NoReplace | ListMethod::Replace => {}
                }
            }
            (Value::List(places), _, Some(list), _) if matches!(new, Value::List(_)) => {
                let Value::List(new) = new else { return };
                for (old, new) in places.iter_mut().zip(new) {
                    if list.recurses(&new) {
                        self.change(old, new);
                    } else {
                        *old = new;
                    }
                }
            }
            (Value::Text(old), _, _, Some(true)) => old.push_str(new.as_text().unwrap_or_default()),
            (old @ Value::List(_), _, Some(_), _) | (old @ Value::Text(_), _, _, Some(false)) => {
                *old = new;
            }
            _ => {}
        }
    }

    fn change_map(&self, old: &mut Map, new: Map, dict: DictMerger) {
        for (key, new) in new {
            let Some(there) = old.get_mut(&key) else {
                old.insert(key, new);
                continue;
            };
            if new.is_null() && dict.allow_delete {
                old.remove(&key);
            } else if dict.replace {
                *there = new;
            } else if dict.recurses(&new) {
                self.change(there, new);
            }
        }
    }
}

impl DictMerger {
    fn recurses(self, new: &Value) -> bool {
        match new {
            _ if self.replace => false,
            Value::List(_) => self.recurse_list,
            Value::Text(_) => self.recurse_str,
            Value::Map(_) => true,
            _ => false,
        }
    }
}

impl ListMerger {
    fn recurses(self, new: &Value) -> bool {
        match new {
            Value::List(_) => self.recurse_list,
            Value::Text(_) => self.recurse_str,
            Value::Map(_) => self.recurse_dict,
            _ => false,
        }
    }
}

/// Does Python's `list.extend` take this?
fn is_row(new: &Value) -> bool {
    matches!(
        new,
        Value::List(_) | Value::Text(_) | Value::Map(_) | Value::Bytes(_)
    )
}

/// How many values text and bytes become where a list is extended by them.
fn split(new: &Value) -> usize {
    match new {
        Value::Text(text) => text.len(),
        Value::Bytes(bytes) => bytes.len(),
        _ => 0,
    }
}

/// What `list.extend` adds: elements, the characters of text, the keys of a map, the numbers of bytes.
fn elements(new: Value) -> Vec<Value> {
    match new {
        Value::List(list) => list,
        Value::Text(text) => text.chars().map(|c| c.to_string().into()).collect(),
        Value::Map(map) => map.into_iter().map(|(key, _)| key).collect(),
        Value::Bytes(bytes) => bytes
            .into_iter()
            .map(|byte| i64::from(byte).into())
            .collect(),
        _ => Vec::new(),
    }
}

/// Can cloud-init walk along both, place by place? A map has no place 0, which matters when both are longer than nothing.
fn has_places(old: &[Value], new: &Value) -> bool {
    match new {
        Value::List(_) | Value::Text(_) | Value::Bytes(_) => true,
        Value::Map(map) => {
            let places = old.len().min(map.len());
            (0..places).all(|place| map.get_value(&Value::Int(place as i64)).is_some())
        }
        _ => false,
    }
}

/// The keys of a body that name its mergers; the first counts.
const KEYS: [&str; 2] = ["merge_how", "merge_type"];
/// The mergers, and the options that they know.
const OPTIONS: [(&str, &[&str]); 3] = [
    (
        "dict",
        &[
            "replace",
            "no_replace",
            "recurse_str",
            "recurse_array",
            "recurse_list",
            "recurse_dict",
            "allow_delete",
        ],
    ),
    (
        "list",
        &[
            "append",
            "prepend",
            "replace",
            "no_replace",
            "recurse_str",
            "recurse_dict",
            "recurse_array",
            "recurse_list",
        ],
    ),
    ("str", &["append"]),
];

/// The headers that name mergers; the first that is not empty counts. cloud-init wants these letters; here any case counts.
const HEADERS: [&str; 2] = ["Merge-Type", "X-Merge-Type"];

/// What a part's headers say of mergers; empty if nothing.
pub fn header(part: &Part) -> &str {
    let find = |name: &str| {
        let mut headers = part.headers.iter();
        let (_, value) = headers.find(|(own, _)| own.eq_ignore_ascii_case(name))?;
        Some(value.trim()).filter(|value| !value.is_empty())
    };
    HEADERS.into_iter().find_map(find).unwrap_or("")
}

/// Options in the body of a part that no merger knows; a boot takes them for none, as cloud-init does.
pub fn unknown_options(body: &Map) -> Vec<Flaw> {
    let mut said = KEYS.iter().filter_map(|key| body.get(key));
    unknown(&specs(said.find(|how| !how.is_null())).unwrap_or_default())
}

/// The same of a part's header.
pub fn unknown_in_header(text: &str) -> Vec<Flaw> {
    unknown(&parse(text).unwrap_or_default())
}

fn unknown(specs: &[Spec]) -> Vec<Flaw> {
    let flaws = specs.iter().take(MERGERS_MAX).flat_map(|spec| {
        let name = spec.name.strip_prefix("m_").unwrap_or(&spec.name);
        let known = OPTIONS.iter().find(|(merger, _)| *merger == name);
        let known = known.map_or(&[][..], |(_, known)| known);
        let mut options = spec.options.iter();
        let unknown = options.find(|option| !known.is_empty() && !known.contains(&&***option));
        unknown.map(|option| {
            let expected = format!("an option that the merger {name} has");
            Flaw::new(expected, mistyped(option, &mut known.iter().copied()))
        })
    });
    flaws.collect()
}

fn specs(how: Option<&Value>) -> Result<Vec<Spec>, Flaw> {
    match how {
        None => Ok(Vec::new()),
        Some(Value::Text(text)) => parse(text),
        Some(Value::List(list)) => list.iter().filter_map(listed).collect(),
        Some(other) => Err(Flaw::new("mergers as text or a list", other.noun())),
    }
}

/// A merger's name and its options.
#[derive(Debug, PartialEq, Eq)]
struct Spec {
    name: String,
    options: Vec<String>,
}

impl Spec {
    fn has(&self, option: &str) -> bool {
        self.options.iter().any(|own| own == option)
    }

    fn dict(&self) -> DictMerger {
        DictMerger {
            replace: self.has("replace"),
            recurse_str: self.has("recurse_str"),
            recurse_list: self.has("recurse_array") || self.has("recurse_list"),
            allow_delete: self.has("allow_delete"),
        }
    }

    fn list(&self) -> ListMerger {
        // The order in which cloud-init looks for a method.
        let methods = [
            ("append", ListMethod::Append),
            ("prepend", ListMethod::Prepend),
            ("replace", ListMethod::Replace),
            ("no_replace", ListMethod::NoReplace),
        ];
        let method = methods.into_iter().find(|(name, _)| self.has(name));
        ListMerger {
            method: method.map(|(_, method)| method).unwrap_or_default(),
            recurse_str: self.has("recurse_str"),
            recurse_dict: self.has("recurse_dict"),
            recurse_list: self.has("recurse_array") || self.has("recurse_list"),
        }
    }
}

/// ```text
/// mergers = [merger] *("+" [merger])
/// merger  = name "(" [option] *("," [option]) ")"      ; any case, "-" is "_", spaces around count for nothing
/// name    = (letter / "_") *(letter / digit / "_")
/// ```
fn parse(text: &str) -> Result<Vec<Spec>, Flaw> {
    let words = text.split('+').map(|word| word.trim().to_lowercase());
    words
        .filter(|word| !word.is_empty())
        .map(|word| {
            merger(&word.replace('-', "_"))
                .ok_or_else(|| Flaw::new("a merger like dict(replace)", quote(&word)))
        })
        .collect()
}

fn merger(text: &str) -> Option<Spec> {
    let first = satisfy(|c| c.is_ascii_alphabetic() || c == '_');
    let more = take_while(|c: char| c.is_ascii_alphanumeric() || c == '_');
    let head: IResult<&str, (char, &str, char)> = (first, more, char('(')).parse(text);
    let (options, (first, more, _)) = head.ok()?;
    let options = options
        .strip_suffix(')')
        .filter(|options| !options.contains('\n'))?;
    let options = options.split(',').map(|option| option.trim().to_string());
    Some(Spec {
        name: format!("{first}{more}"),
        options: options.filter(|option| !option.is_empty()).collect(),
    })
}

/// One element of a list of mergers: `{name: dict, settings: [replace]}` or `[dict, replace]`. An empty name is left out.
fn listed(element: &Value) -> Option<Result<Spec, Flaw>> {
    let (name, options): (Option<&str>, Option<&[Value]>) = match element {
        Value::Map(map) => (
            map.get("name").and_then(Value::as_text),
            map.get("settings").and_then(Value::as_list),
        ),
        Value::List(list) => (list.first().and_then(Value::as_text), list.get(1..)),
        _ => (None, None),
    };
    let (Some(name), Some(options)) = (name, options) else {
        let expected = "a merger like {name: dict, settings: [replace]} or [dict, replace]";
        return Some(Err(Flaw::new(expected, element.noun())));
    };
    let name = match element {
        Value::Map(_) => name.replace('-', "_").trim().to_string(),
        _ => name.to_string(),
    };
    let options = options.iter().filter_map(Value::as_text);
    let options = options.map(ToString::to_string).collect();
    (!name.is_empty()).then_some(Ok(Spec { name, options }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{json, yaml};

    fn merged(mergers: &str, old: &str, new: &str) -> Result<String, Flaw> {
        let mut old = yaml::read(old.as_bytes()).unwrap();
        let before = old.clone();
        let new = yaml::read(new.as_bytes()).unwrap();
        let result = Mergers::from_text(mergers)
            .unwrap()
            .merge(&mut old, new, &Budget::new());
        if result.is_err() {
            assert_eq!(old, before);
        }
        result.map(|()| json::write(&old))
    }

    #[test]
    fn every_merger_and_option() {
        for (mergers, old, new, expected) in [
            (
                DEFAULT,
                "a: {c: 1}\nb: 1",
                "a: {e: 2}",
                r#"{"a":{"e":2},"b":1}"#,
            ),
            (
                "list()+dict()+str()",
                "a: {c: 1}\nb: 1",
                "a: {c: 2, e: 2}\nb: 2",
                r#"{"a":{"c":1,"e":2},"b":1}"#,
            ),
            (
                "dict(allow_delete)",
                "a: 1\nb: 2",
                "a: ~\nc: ~",
                r#"{"b":2,"c":null}"#,
            ),
            (
                "dict(replace,allow_delete)",
                "a: 1\nb: 2",
                "a: ~\nb: 3",
                r#"{"b":3}"#,
            ),
            (
                "dict(recurse_str)+str(append)",
                "a: x",
                "a: y",
                r#"{"a":"xy"}"#,
            ),
            ("dict(recurse_str)+str()", "a: x", "a: y", r#"{"a":"y"}"#),
            ("dict()+str(append)", "a: x", "a: y", r#"{"a":"x"}"#),
            (
                "dict(recurse_list)+list(append)",
                "a: [1]",
                "a: [2]",
                r#"{"a":[1,2]}"#,
            ),
            (
                "dict(recurse_array)+list(prepend)",
                "a: [1]",
                "a: [2]",
                r#"{"a":[2,1]}"#,
            ),
            (
                "dict(recurse_array)+list()",
                "a: [1, 2, 3]",
                "a: [4, 5]",
                r#"{"a":[4,5,3]}"#,
            ),
            (
                "dict(recurse_array)+list()",
                "a: [1]",
                "a: [4, 5]",
                r#"{"a":[4]}"#,
            ),
            (
                "dict(recurse_array)+list(no_replace)",
                "a: [1]",
                "a: [4, 5]",
                r#"{"a":[1]}"#,
            ),
            (
                "dict(recurse_array)+list(recurse_dict)",
                "a: [{b: 1}, 2]",
                "a: [{c: 2}, 3]",
                r#"{"a":[{"b":1,"c":2},3]}"#,
            ),
            (
                "dict(recurse_list)+list(recurse_list)",
                "a: [[1, 2], 3]",
                "a: [[4], 5]",
                r#"{"a":[[4,2],5]}"#,
            ),
            (
                "dict(recurse_list)+list(recurse_str)+str(append)",
                "a: [x]",
                "a: [y]",
                r#"{"a":["xy"]}"#,
            ),
            (
                "dict(recurse_str)+list(append)",
                "a: [1]",
                "a: xy",
                r#"{"a":[1,"x","y"]}"#,
            ),
            (
                "dict(recurse_str)+list()",
                "a: [1]",
                "a: xy",
                r#"{"a":"xy"}"#,
            ),
            (
                "dict()+list(append)",
                "a: [1]",
                "a: {k: v}",
                r#"{"a":[1,"k"]}"#,
            ),
            ("dict()+str()", "a: x", "a: {k: v}", r#"{"a":{"k":"v"}}"#),
            (
                "dict(recurse_str)",
                "a: {k: v}\nb: 1",
                "a: x\nb: y",
                r#"{"a":{"k":"v"},"b":1}"#,
            ),
            ("dict(replace)+dict()", "a: {k: v}", "a: x", r#"{"a":"x"}"#),
            (" M_DICT( Replace, ) + ", "a: 1", "a: 2", r#"{"a":2}"#),
            ("list()+str()", "a: 1", "b: 2", r#"{"a":1}"#),
        ] {
            assert_eq!(
                merged(mergers, old, new).as_deref(),
                Ok(expected),
                "{mergers}: {old} + {new}"
            );
        }
    }

    #[test]
    fn what_cannot_be_put_together_changes_nothing() {
        for (mergers, old, new, expected) in [
            (
                "dict()+str(append)",
                "b: 1\na: x",
                "c: 1\na: {k: v}",
                ("text to append to text", "a map"),
            ),
            (
                "dict()+list(no_replace)",
                "a: [1]",
                "a: {k: v}",
                ("a list beside a list", "a map"),
            ),
            (
                "dict(recurse_list)+list(recurse_list)+str(append)",
                "a: [x]",
                "a: [[y]]",
                ("text to append to text", "a list"),
            ),
        ] {
            assert_eq!(
                merged(mergers, old, new),
                Err(Flaw::new(expected.0, expected.1))
            );
        }
    }

    #[test]
    fn mergers_are_read_from_the_body_and_the_header() {
        for (body, header, expected) in [
            ("{}", "", DEFAULT),
            ("merge_how: list(append)\nmerge_type: x", "", "list(append)"),
            (
                "merge_type: list(append)",
                "list()+dict(replace)",
                "list(append)+dict(replace)",
            ),
            ("merge_how: ~\nmerge_type: str(append)", "", "str(append)"),
            (
                "merge_how: [{name: ' m-list ', settings: [append]}, [dict, replace, allow_delete], [str]]",
                "",
                "list(append)+dict(replace,allow_delete)+str()",
            ),
            ("merge_how: ''", "", DEFAULT),
        ] {
            let mut map = yaml::read(body.as_bytes())
                .unwrap()
                .as_map()
                .unwrap()
                .clone();
            let mergers = Mergers::of_part(&mut map, header);
            assert_eq!(mergers, Mergers::from_text(expected), "{body}");
            assert!(!map.contains("merge_how"));
        }
        for (body, header) in [
            ("merge_how: dict(replace", ""),
            ("merge_how: dict", ""),
            ("merge_how: 3", ""),
            ("merge_how: [dict]", ""),
            ("merge_how: [{name: dict}]", ""),
            ("merge_how: [[set]]", ""),
            ("{}", "unknown()"),
            ("{}", "1dict()"),
        ] {
            let mut map = yaml::read(body.as_bytes())
                .unwrap()
                .as_map()
                .unwrap()
                .clone();
            assert!(
                Mergers::of_part(&mut map, header).is_err(),
                "{body} {header}"
            );
        }
    }
}
