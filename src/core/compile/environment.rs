//! Environment: what is known of the instance as `KEY="value"` lines, read alike by systemd's `EnvironmentFile=` and by `sh`.
//!
//! ```text
//!   line  = key "=" DQUOTE value DQUOTE LF
//!   key   = ( "CLOUDSEED_" / "AFTERBURN_" ) 1*( ALPHA / DIGIT / "_" )
//!   value = *( any character but " \ $ ` and control characters / "\" one of " \ $ ` )
//! ```
//!
//! What Afterburn knows of a cloud is told under its names as well, so that units that were written for it work.
//! Inside double quotes both readers take a backslash away before these four characters only, and nothing else is special.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Ending, Found, Outcome, Products};
use crate::instance::Instance;
use crate::json::path_below;
use crate::platform::{self, Afterburn};
use crate::value::Value;

/// What a line of ours begins with.
const OURS: &str = "CLOUDSEED_";
/// Most places of a list that are told one by one.
const PLACES_MAX: usize = 32;
/// Facts that many clouds have in their meta-data, by their name there, and the keys they are told under.
const META_DATA: [(&str, &str); 4] = [
    ("local-ipv4", "LOCAL_IPV4"),
    ("public-ipv4", "PUBLIC_IPV4"),
    ("public-hostname", "PUBLIC_HOSTNAME"),
    ("instance-type", "INSTANCE_TYPE"),
];

/// The line that says how the boot went.
pub(super) fn status_line(status: &str) -> String {
    let mut text = String::new();
    line(&mut text, OURS, "STATUS", Some(status));
    text
}

/// Adds `metadata.env`; with no instance it holds the status, and the platform's name where that is all that is known.
pub(super) fn print(products: &mut Products, outcome: &Outcome) {
    let mut text = String::new();
    text.push_str(&status_line(products.status(outcome)));
    match outcome.ending {
        Ending::Found(found) => {
            facts(&mut text, found.instance);
            for (name, key) in META_DATA {
                let places = ["meta_data", "metadata"];
                let mut paths = places.iter().map(|place| format!("ds/{place}/{name}"));
                let value = paths.find_map(|path| fact(&found, &path)?.words());
                line(&mut text, OURS, key, value.as_deref());
            }
            afterburn(&mut text, &found);
        }
        Ending::Named(name) => line(&mut text, OURS, "PLATFORM", Some(name)),
        Ending::None | Ending::Disabled | Ending::Failed(_) => {}
    }
    products.put("cloudseed/metadata.env", text);
}

/// What stands at a path of the instance data, its steps joined by slashes, if everybody may know it. A step is a key, a place in
/// a list, or `KEY=VALUE`: the first of a list of maps that has that.
fn fact<'f>(found: &Found<'f>, path: &str) -> Option<&'f Value> {
    let (mut value, mut place) = (found.data.as_value(), String::new());
    for step in path.split('/') {
        let key = match (value, step.split_once('=')) {
            (Value::List(list), Some((key, wanted))) => {
                let has =
                    |map: &Value| map.get(key).and_then(Value::words).as_deref() == Some(wanted);
                let number = list.iter().position(has);
                Cow::Owned(format!("{}", number?))
            }
            _ => Cow::Borrowed(step),
        };
        value = match value {
            Value::List(list) => list.get(key.parse::<usize>().ok()?)?,
            other => other.get(&key)?,
        };
        place = path_below(&place, &key);
    }
    (!found.data.is_secret(&place)).then_some(value)
}

/// The elements of a list, with colons between them.
fn several(list: &Value) -> Option<Cow<'_, str>> {
    let words: Option<Vec<Cow<str>>> = list.as_list()?.iter().map(Value::words).collect();
    words.map(|words| words.join(":").into())
}

/// The lines for who expects Afterburn's. Of a name in the plural there may be several values; an address is told without the length
/// of its prefix.
fn afterburn(text: &mut String, found: &Found) {
    let instance = found.instance;
    let tables = platform::of(instance.platform).afterburn;
    // Of a platform with relatives only the one of this name counts: EC2's are not AWS.
    let is_one = |names: &&Afterburn| {
        tables.len() == 1 || instance.cloud_name.eq_ignore_ascii_case(names.prefix)
    };
    for names in tables.iter().filter(is_one) {
        let prefix = format!("AFTERBURN_{}_", names.prefix);
        for (key, path) in names.facts {
            let places = if key.contains('*') { PLACES_MAX } else { 1 };
            for place in 0..places {
                let [key, path] = [key, path].map(|text| text.replace('*', &format!("{place}")));
                let many = key.ends_with('S');
                let value = fact(found, &path).and_then(if many { several } else { Value::words });
                let value = value.as_deref().map(|value| match value.split_once('/') {
                    Some((address, _)) if key.contains("IPV6") => address,
                    _ => value,
                });
                line(text, &prefix, &key, value);
            }
        }
    }
}

fn facts(text: &mut String, instance: &Instance) {
    let beside = |key: &str| instance.beside.get("metadata")?.get(key)?.to_text();
    let region = instance.region.clone().or_else(|| beside("region"));
    let zone = instance.availability_zone.clone();
    let zone = zone.or_else(|| beside("availability-zone"));
    let hostname = instance.hostname.as_ref().map(|name| name.as_str());
    let index = instance.launch_index.map(|index| format!("{index}"));
    for (key, value) in [
        ("PLATFORM", Some(instance.platform)),
        ("CLOUD_NAME", Some(instance.cloud_name.as_str())),
        ("SOURCE", Some(instance.source.place.as_str())),
        ("INSTANCE_ID", Some(instance.instance_id.as_str())),
        ("HOSTNAME", hostname),
        ("REGION", region.as_deref()),
        ("AVAILABILITY_ZONE", zone.as_deref()),
        ("LAUNCH_INDEX", index.as_deref()),
    ] {
        line(text, OURS, key, value);
    }
}

/// Longest value that is told, in bytes; whatever has more is no fact for scripts.
const VALUE_BYTES_MAX: usize = 4096;

/// One line; none for a value that is absent, empty, too long or has a control character, which not every reader would survive.
fn line(text: &mut String, prefix: &str, key: &str, value: Option<&str>) {
    let Some(value) = value.filter(|value| (1..=VALUE_BYTES_MAX).contains(&value.len())) else {
        return;
    };
    if value.chars().any(char::is_control) {
        return;
    }
    text.push_str(prefix);
    text.push_str(key);
    text.push_str("=\"");
    for letter in value.chars() {
        if matches!(letter, '"' | '\\' | '$' | '`') {
            text.push('\\');
        }
        text.push(letter);
    }
    text.push_str("\"\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_can_leave_its_quotes() {
        let mut text = String::new();
        line(
            &mut text,
            OURS,
            "A",
            Some("a\"; rm -rf $HOME `id` \\ 'x' # é"),
        );
        line(&mut text, OURS, "B", Some("a\nCLOUDSEED_C=1"));
        line(&mut text, OURS, "D", Some(""));
        line(&mut text, OURS, "E", None);
        line(&mut text, OURS, "F", Some(&"x".repeat(VALUE_BYTES_MAX + 1)));
        assert_eq!(
            text,
            "CLOUDSEED_A=\"a\\\"; rm -rf \\$HOME \\`id\\` \\\\ 'x' # é\"\n"
        );
    }
}
