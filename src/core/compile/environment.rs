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

use super::Products;
use crate::instance::Instance;
use crate::plan::Mode;

/// Facts that many clouds have in their meta-data, by their name there, and the keys they are told under.
const META_DATA: [(&str, &str); 4] = [
    ("local-ipv4", "LOCAL_IPV4"),
    ("public-ipv4", "PUBLIC_IPV4"),
    ("public-hostname", "PUBLIC_HOSTNAME"),
    ("instance-type", "INSTANCE_TYPE"),
];

/// Adds `metadata.env`; with no instance it holds the status alone.
pub fn put(products: &mut Products, status: &str, instance: Option<&Instance>) {
    let mut text = String::new();
    line(&mut text, "STATUS", Some(status));
    if let Some(instance) = instance {
        let index = instance.launch_index.map(|index| format!("{index}"));
        line(&mut text, "PLATFORM", Some(instance.platform));
        line(&mut text, "CLOUD_NAME", Some(&instance.cloud_name));
        line(&mut text, "SOURCE", Some(&instance.source.place));
        line(
            &mut text,
            "INSTANCE_ID",
            Some(instance.instance_id.as_str()),
        );
        line(
            &mut text,
            "HOSTNAME",
            instance.hostname.as_ref().map(|name| name.as_str()),
        );
        line(&mut text, "REGION", instance.region.as_deref());
        line(
            &mut text,
            "AVAILABILITY_ZONE",
            instance.availability_zone.as_deref(),
        );
        line(&mut text, "LAUNCH_INDEX", index.as_deref());
        for (name, key) in META_DATA {
            let value = instance
                .meta_data
                .get(name)
                .and_then(|value| value.as_text());
            line(&mut text, key, value);
        }
    }
    products.put("cloudseed/metadata.env", Mode::Public, text);
}

/// One line; none for a value that is absent, empty or has a control character, which not every reader would survive.
fn line(text: &mut String, key: &str, value: Option<&str>) {
    let Some(value) = value.filter(|value| !value.is_empty()) else {
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
        assert_eq!(
            text,
            "CLOUDSEED_A=\"a\\\"; rm -rf \\$HOME \\`id\\` \\\\ 'x' # é\"\n"
        );
    }
}
