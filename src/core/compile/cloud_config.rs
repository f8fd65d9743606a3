//! cloud-config.yaml: the merged cloud-config of a document, as cloud-init writes its cloud-config.txt, and what the platform
//! itself configures.

use alloc::format;
use alloc::string::String;

use super::{Found, Outcome, Products};
use crate::config::cloud_config::Merged;
use crate::instance::Document;
use crate::userdata::part_type::PartType;
use crate::yaml;

/// Adds the cloud-config of each document that has any; the names are those of cloud-init, but for their endings.
pub(super) fn print(products: &mut Products, _: &Outcome, found: &Found) {
    for (document, merged) in &found.config.cloud_configs {
        let path = match document {
            Document::UserData => "cloudseed/cloud-config.yaml",
            Document::VendorData => "cloudseed/vendor-cloud-config.yaml",
            Document::VendorData2 => "cloudseed/vendor2-cloud-config.yaml",
            Document::MetaData | Document::NetworkConfig => continue,
        };
        products.put(path, text(merged));
    }
    let config = &found.instance.config;
    if !config.is_empty() {
        let value = config.clone().into();
        let config = Merged {
            value,
            ..Merged::default()
        };
        products.put("cloudseed/platform-cloud-config.yaml", text(&config));
    }
}

/// A comment block that names the parts, those left out by cloud-init's word for it, and the document.
pub fn text(merged: &Merged) -> String {
    let mut text = format!("{}\n\n", PartType::CloudConfig.start_line());
    if !merged.used.is_empty() {
        text += &format!("# from {} files\n", merged.used.len());
        for name in &merged.used {
            text += &format!("# {name}\n");
        }
        text.push('\n');
    }
    for name in &merged.ignored {
        text += &format!("# Cloud-config part ignored SCHEMA_ERROR: {name}\n");
    }
    text + &yaml::write_document(&merged.value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn parts_are_named_above_the_document() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        let merged = Merged {
            value: yaml::read(b"a: [1, 2]\nb: {c: 1}").unwrap(),
            used: names(&["x  y: 1", "part-003"]),
            ignored: names(&["part-005", "?"]),
            warnings: [].into(),
        };
        let expected = "#cloud-config

# from 2 files
# x  y: 1
# part-003

# Cloud-config part ignored SCHEMA_ERROR: part-005
# Cloud-config part ignored SCHEMA_ERROR: ?
---
a:
- 1
- 2
b:
    c: 1
...
";
        assert_eq!(text(&merged), expected);
        assert_eq!(yaml::read(expected.as_bytes()), Ok(merged.value));
        let empty = Merged {
            value: yaml::read(b"{}").unwrap(),
            used: names(&["part-001"]),
            ignored: names(&[]),
            warnings: [].into(),
        };
        assert_eq!(
            text(&empty),
            "#cloud-config\n\n# from 1 files\n# part-001\n\n--- {}\n...\n"
        );
    }
}
