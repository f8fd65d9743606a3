//! The environment of OVF (DSP0243, "Open Virtualization Format", 9.5): keys and values for one machine, as XML.
//!
//! ```text
//! <Environment>
//!   <PropertySection> <Property oe:key="hostname" oe:value="web"/> … </PropertySection>
//! ```
//! On purpose otherwise than cloud-init: a property without key or value costs itself, and attributes count with or without
//! their namespace.

use alloc::string::String;
use alloc::vec::Vec;

use roxmltree::Node;

use super::xml;

/// The names that the file of an environment may have, the first that is there counts.
pub const FILES: [&str; 4] = ["ovf-env.xml", "ovf_env.xml", "OVF_ENV.XML", "OVF-ENV.XML"];
/// The namespace of its elements and attributes.
pub const NAMESPACE: &str = "http://schemas.dmtf.org/ovf/environment/1";

/// The properties of the first section, in order.
///
/// # Errors
/// What was found instead.
pub fn properties(document: &[u8]) -> Result<Vec<(String, String)>, String> {
    xml::read(document, |root| {
        if root.tag_name().name() != "Environment" {
            return Err(String::from("a document of another kind"));
        }
        let section = xml::at(root, &["PropertySection"]);
        let section = section.ok_or_else(|| String::from("no PropertySection"))?;
        let children = section.children().filter(Node::is_element);
        let properties = children.filter(|child| child.tag_name().name() == "Property");
        Ok(properties.filter_map(property).collect())
    })?
}

fn property(element: Node) -> Option<(String, String)> {
    let attribute = |name: &str| {
        let value = element.attribute((NAMESPACE, name));
        value.or_else(|| element.attribute(name)).map(String::from)
    };
    attribute("key").zip(attribute("value"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use alloc::format;

    const DOCUMENT: &str = "<?xml version='1.0' encoding='UTF-8'?>\n<Environment \
        xmlns='http://schemas.dmtf.org/ovf/environment/1' xmlns:oe='http://schemas.dmtf.org/ovf/environment/1'>\
        <PlatformSection><Kind>x</Kind></PlatformSection><PropertySection>\
        <Property oe:key='hostname' oe:value='web&#10;1'/><Property key='a' value=''/><Property oe:key='b'/>\
        </PropertySection><PropertySection><Property oe:key='c' oe:value='d'/></PropertySection></Environment>";

    #[test]
    fn properties_are_those_of_the_first_section() {
        let found = properties(DOCUMENT.as_bytes()).unwrap();
        let pair = |key: &str, value: &str| (String::from(key), String::from(value));
        assert_eq!(found, [pair("hostname", "web\n1"), pair("a", "")]);
    }

    #[test]
    fn what_is_no_environment_is_told() {
        for (document, expected) in [
            ("<a/>", "a document of another kind"),
            ("<Environment/>", "no PropertySection"),
        ] {
            assert_eq!(properties(document.as_bytes()).unwrap_err(), expected);
        }
    }

    #[test]
    fn damage_is_no_panic() {
        let bytes = DOCUMENT.as_bytes();
        for end in 0..bytes.len() {
            assert!(properties(&bytes[..end]).is_err(), "{end}");
            let mut flipped = bytes.to_vec();
            flipped[end] ^= 1 << (end % 8);
            let found = properties(&flipped).unwrap_or_default();
            assert!(found.len() <= 3, "{}", format!("{found:?}"));
        }
    }
}
