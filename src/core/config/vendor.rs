//! Vendor rules: what the owner of the machine lets the operator of the cloud do.
//!
//! ```yaml
//!   vendor_data:                     # vendor_data2 for the second document
//!     enabled: true                  # else nothing of it is used
//!     disabled_handlers: [TYPE, …]   # parts of these types are not used
//!     prefix: [COMMAND, ARGUMENT…]   # vendor scripts are arguments of this
//!   allow_userdata: false            # in the system's configuration only: user-data is not used
//! ```
//!
//! The owner's word is the cloud-config of the user-data, above what the system's own configuration says, entry by entry.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Config, Document, warning};
use crate::userdata::part_type::PartType;
use crate::value::{Map, Value};
use crate::warning::Warning;

/// Most words of a prefix.
const PREFIX_WORDS_MAX: usize = 64;

/// What a configuration says of one document of the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// False if the document is not to be used at all.
    pub enabled: bool,
    /// Types of parts that are not to be used.
    pub disabled_handlers: Vec<PartType>,
    /// The command of which scripts are arguments; empty for none.
    pub prefix: Vec<String>,
}

/// The keys under which the rules for each of the operator's documents stand.
pub const KEYS: [(Document, &str); 2] = [
    (Document::VendorData, "vendor_data"),
    (Document::VendorData2, "vendor_data2"),
];

impl Rules {
    /// Reads the rules for the document whose key this is, `vendor_data` or `vendor_data2`: those of `config`, and what only
    /// `system` says.
    ///
    /// # Errors
    /// Something else stands where a rule is expected: what, and which rule. Nothing of the document is used then.
    pub fn read(
        config: &Value,
        system: &Value,
        key: &str,
    ) -> Result<Rules, (String, &'static str)> {
        let mut rules = Map::new();
        for said in [system, config]
            .into_iter()
            .filter_map(|from| from.get(key))
        {
            let Some(said) = said.as_map() else {
                return Err((String::from(key), said.noun()));
            };
            for (entry, value) in said.iter() {
                rules.insert(entry.clone(), value.clone());
            }
        }
        let texts = |key: &str, value: Option<&Value>| match value {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Text(text)) => Ok(Vec::from([text.clone()])),
            Some(Value::List(list)) => Ok(list.iter().filter_map(Value::to_text).collect()),
            Some(other) => Err((String::from(key), other.noun())),
        };
        let mut prefix: Vec<String> = texts("prefix", rules.get("prefix"))?;
        prefix.truncate(PREFIX_WORDS_MAX);
        Ok(Rules {
            enabled: rules.get("enabled").is_none_or(is_on),
            disabled_handlers: texts("disabled_handlers", rules.get("disabled_handlers"))?
                .iter()
                .map(|name| PartType::new(name))
                .collect(),
            prefix,
        })
    }

    /// Why these rules leave a part of this type out, if they do.
    fn forbid(&self, content_type: &PartType) -> Option<&'static str> {
        if !self.enabled {
            Some("the owner's rules do not enable its document")
        } else if self.disabled_handlers.contains(content_type) {
            Some("the owner's rules disable the handler of its type")
        } else {
            None
        }
    }

    /// The rules where there are none that could be read: nothing is used.
    fn closed() -> Rules {
        Rules {
            enabled: false,
            disabled_handlers: Vec::new(),
            prefix: Vec::new(),
        }
    }
}

/// True, or text that says so.
fn is_on(value: &Value) -> bool {
    value.as_flag() == Some(true)
}

/// False if what the system's configuration says under `allow_userdata` forbids user-data.
pub fn allows_user_data(word: Option<&Value>) -> bool {
    word.is_none_or(is_on)
}

/// Marks the parts that the owner does not want, and takes over the prefix of vendor scripts.
pub(super) fn restrict(config: &mut Config, system: &Value, warnings: &mut Vec<Warning>) {
    for (document, key) in KEYS {
        if !config.parts.iter().any(|part| part.document == document) {
            continue;
        }
        let own = config.cloud_config(Document::UserData);
        let has = |from: &Value| from.get(key).is_some();
        let has_rules = own.is_some_and(has) || has(system);
        config.rules |= has_rules;
        let own = config.cloud_config(Document::UserData);
        let rules = match Rules::read(own.unwrap_or(&Value::Null), system, key) {
            Ok(rules) => rules,
            Err((key, found)) => {
                let place = format!("cloud-config, {key}");
                let expected = "rules for vendor-data (it is not used now)";
                warnings.push(warning(place, expected, found));
                Rules::closed()
            }
        };
        for numbered in &mut config.parts {
            if numbered.document == document {
                numbered.forbidden = rules.forbid(&numbered.part.content_type);
            }
        }
        if document == Document::VendorData {
            config.vendor_prefix = rules.prefix;
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloc::borrow::ToOwned;

    use super::*;
    use crate::yaml;

    fn read(text: &str) -> Result<String, String> {
        read_above(text, "a: 1")
    }

    fn read_above(text: &str, system: &str) -> Result<String, String> {
        let [config, system] = [text, system].map(|text| yaml::read(text.as_bytes()).unwrap());
        match Rules::read(&config, &system, "vendor_data") {
            Ok(rules) => {
                let handlers = rules.disabled_handlers.iter().map(PartType::as_str);
                Ok(format!(
                    "{} {} {}",
                    rules.enabled,
                    handlers.collect::<Vec<&str>>().join(","),
                    rules.prefix.join(",")
                ))
            }
            Err((key, found)) => Err(format!("{key}: {found}")),
        }
    }

    #[test]
    fn rules_are_read_as_cloud_init_reads_them() {
        for (text, expected) in [
            ("a: 1", Ok("true  ")),
            ("vendor_data: {}", Ok("true  ")),
            ("vendor_data: {enabled: false}", Ok("false  ")),
            ("vendor_data: {enabled: 'Yes '}", Ok("true  ")),
            ("vendor_data: {enabled: 'perhaps'}", Ok("false  ")),
            ("vendor_data: {enabled: null}", Ok("false  ")),
            ("vendor_data: {enabled: 1}", Ok("true  ")),
            ("vendor_data: {prefix: /bin/p}", Ok("true  /bin/p")),
            (
                "vendor_data: {prefix: [nice, -n, 5]}",
                Ok("true  nice,-n,5"),
            ),
            (
                "vendor_data: {disabled_handlers: [text/x-shellscript]}",
                Ok("true text/x-shellscript "),
            ),
            ("vendor_data: null", Err("vendor_data: nothing")),
            ("vendor_data: [1]", Err("vendor_data: a list")),
            ("vendor_data: {prefix: {a: 1}}", Err("prefix: a map")),
        ] {
            let expected = expected.map(ToOwned::to_owned).map_err(ToOwned::to_owned);
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn the_owners_word_is_above_the_systems() {
        let system = "vendor_data: {enabled: false, prefix: [nice]}";
        for (text, expected) in [
            ("a: 1", "false  nice"),
            ("vendor_data: {}", "false  nice"),
            ("vendor_data: {enabled: true}", "true  nice"),
            ("vendor_data: {enabled: true, prefix: []}", "true  "),
        ] {
            assert_eq!(read_above(text, system).as_deref(), Ok(expected), "{text}");
        }
        let broken = read_above("vendor_data: {}", "vendor_data: 1");
        assert_eq!(broken, Err(String::from("vendor_data: a whole number")));
    }

    #[test]
    fn user_data_is_allowed_unless_forbidden() {
        assert!(allows_user_data(None));
        for (text, allowed) in [
            ("true", true),
            ("'on'", true),
            ("false", false),
            ("0", false),
        ] {
            let word = yaml::read(text.as_bytes()).unwrap();
            assert_eq!(allows_user_data(Some(&word)), allowed, "{text}");
        }
    }
}
