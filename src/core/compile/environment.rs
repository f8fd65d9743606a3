//! Environment: what is known of the instance as `KEY="value"` lines, read alike by systemd's `EnvironmentFile=` and by `sh`.
//!
//! ```text
//!   line  = key "=" DQUOTE value DQUOTE LF
//!   key   = "CLOUDSEED_" 1*( ALPHA / DIGIT / "_" )
//!   value = *( any character but " \ $ ` and control characters / "\" one of " \ $ ` )
//! ```
//!
//! Inside double quotes both readers take a backslash away before these four characters only, and nothing else is special.

use alloc::format;
use alloc::string::String;

use super::{Ending, Outcome, Products};
use crate::instance::Instance;
use crate::value::Value;

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
    line(&mut text, "STATUS", Some(status));
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
                let value = found.instance.meta_data.get(name);
                let public = !found.data.is_secret(&format!("ds/meta_data/{name}"));
                let value = value.filter(|_| public).and_then(Value::as_text);
                line(&mut text, key, value);
            }
        }
        Ending::Named(name) => line(&mut text, "PLATFORM", Some(name)),
        Ending::None | Ending::Disabled | Ending::Failed(_) => {}
    }
    products.put("cloudseed/metadata.env", text);
}

fn facts(text: &mut String, instance: &Instance) {
    let hostname = instance.hostname.as_ref().map(|name| name.as_str());
    let index = instance.launch_index.map(|index| format!("{index}"));
    for (key, value) in [
        ("PLATFORM", Some(instance.platform)),
        ("CLOUD_NAME", Some(instance.cloud_name.as_str())),
        ("SOURCE", Some(instance.source.place.as_str())),
        ("INSTANCE_ID", Some(instance.instance_id.as_str())),
        ("HOSTNAME", hostname),
        ("REGION", instance.region.as_deref()),
        ("AVAILABILITY_ZONE", instance.availability_zone.as_deref()),
        ("LAUNCH_INDEX", index.as_deref()),
    ] {
        line(text, key, value);
    }
}

/// Longest value that is told, in bytes; whatever has more is no fact for scripts.
const VALUE_BYTES_MAX: usize = 4096;

/// One line; none for a value that is absent, empty, too long or has a control character, which not every reader would survive.
fn line(text: &mut String, key: &str, value: Option<&str>) {
    let Some(value) = value.filter(|value| (1..=VALUE_BYTES_MAX).contains(&value.len())) else {
        return;
    };
    if value.chars().any(char::is_control) {
        return;
    }
    text.push_str("CLOUDSEED_");
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
        line(&mut text, "A", Some("a\"; rm -rf $HOME `id` \\ 'x' # é"));
        line(&mut text, "B", Some("a\nCLOUDSEED_C=1"));
        line(&mut text, "D", Some(""));
        line(&mut text, "E", None);
        line(&mut text, "F", Some(&"x".repeat(VALUE_BYTES_MAX + 1)));
        assert_eq!(
            text,
            "CLOUDSEED_A=\"a\\\"; rm -rf \\$HOME \\`id\\` \\\\ 'x' # é\"\n"
        );
    }
}
