//! Types of parts: what each is called in a MIME header, how it begins, and whether anything handles it, in one table.
//!
//! Everything that asks for a type reads [`PartType`]: the first line, the merging, the scripts, the handlers, the advice and
//! `make-mime`. A type that is not in the table is somebody else's, and its part waits for a part-handler.

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// What a part is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PartType {
    /// A script for each boot, early.
    Boothook,
    /// Configuration in YAML.
    CloudConfig,
    /// Parts as entries of a YAML list.
    Archive,
    /// A JSON patch of the configuration so far.
    ConfigPatch,
    /// A list of URLs.
    Include,
    /// A list of URLs that are fetched once for an instance.
    IncludeOnce,
    /// A template, of one of the other types once it is rendered.
    Jinja,
    /// Python that handles parts of other types.
    PartHandler,
    /// A script that runs once for an instance, late.
    Script,
    /// A script for each boot, late.
    ScriptPerBoot,
    /// A script that runs once for an instance, late.
    ScriptPerInstance,
    /// A script that runs once ever, late.
    ScriptPerOnce,
    /// Credentials for systemd, in JSON: what its own agent reads on the clouds that it knows.
    SystemdUserdata,
    /// A job of Upstart, which has gone from cloud-init and which only old releases run.
    UpstartJob,
    /// Text of which nothing more was said.
    Plain,
    /// A document of which nothing at all was said.
    Undeclared,
    /// Any other type, by its name in lower case.
    Other(String),
}

/// A type and what is known of it.
struct Row {
    part_type: PartType,
    /// Its name in a MIME header.
    name: &'static str,
    /// How a part of it begins, in lower case; empty for what no first line can say.
    start: &'static str,
    /// Whether something in the real root handles it.
    handled: bool,
}

const fn row(part_type: PartType, name: &'static str, start: &'static str, handled: bool) -> Row {
    Row {
        part_type,
        name,
        start,
        handled,
    }
}

/// The types there are, those of the longest start lines first.
///
/// The three `text/x-shellscript-per-…` are their own start lines: in practice they are reached through a MIME header.
/// `#upstart-job` has gone from cloud-init and is kept here.
#[rustfmt::skip]
static TABLE: [Row; 16] = [
    row(PartType::ScriptPerInstance, "text/x-shellscript-per-instance", "text/x-shellscript-per-instance", true),
    row(PartType::ScriptPerBoot, "text/x-shellscript-per-boot", "text/x-shellscript-per-boot", true),
    row(PartType::ScriptPerOnce, "text/x-shellscript-per-once", "text/x-shellscript-per-once", true),
    row(PartType::Archive, "text/cloud-config-archive", "#cloud-config-archive", false),
    row(PartType::ConfigPatch, "text/cloud-config-jsonp", "#cloud-config-jsonp", true),
    row(PartType::Jinja, "text/jinja2", "## template: jinja", true),
    row(PartType::SystemdUserdata, "text/systemd-userdata", "#systemd-userdata", true),
    row(PartType::Boothook, "text/cloud-boothook", "#cloud-boothook", true),
    row(PartType::IncludeOnce, "text/x-include-once-url", "#include-once", false),
    row(PartType::PartHandler, "text/part-handler", "#part-handler", true),
    row(PartType::CloudConfig, "text/cloud-config", "#cloud-config", true),
    row(PartType::UpstartJob, "text/upstart-job", "#upstart-job", false),
    row(PartType::Include, "text/x-include-url", "#include", false),
    row(PartType::Script, "text/x-shellscript", "#!", true),
    row(PartType::Plain, "text/plain", "", false),
    row(PartType::Undeclared, "text/x-not-multipart", "", false),
];

impl PartType {
    /// The type of this name, which is in lower case and without parameters.
    pub fn new(name: &str) -> PartType {
        let row = TABLE.iter().find(|row| row.name == name);
        row.map_or_else(
            || PartType::Other(name.to_owned()),
            |row| row.part_type.clone(),
        )
    }

    /// Its name in a MIME header, in lower case.
    pub fn as_str(&self) -> &str {
        match self {
            PartType::Other(name) => name,
            known => known.row().map_or("", |row| row.name),
        }
    }

    /// How a part of it begins, in lower case; empty if no first line can say so.
    pub fn start_line(&self) -> &'static str {
        self.row().map_or("", |row| row.start)
    }

    /// Whether something in the real root handles it; parts of others wait for a part-handler that takes them.
    pub fn is_handled(&self) -> bool {
        self.row().is_some_and(|row| row.handled)
    }

    /// Whether the first line overrules it: nothing in particular, and what people write for want of a better word.
    pub fn is_vague(&self) -> bool {
        matches!(
            self,
            PartType::Plain | PartType::Undeclared | PartType::Script
        )
    }

    /// The types that a first line can stand for, the longest line first.
    pub fn with_start_lines() -> impl Iterator<Item = &'static PartType> {
        let rows = TABLE.iter().filter(|row| !row.start.is_empty());
        rows.map(|row| &row.part_type)
    }

    /// Their names without `text/`, sorted: what `make-mime` takes.
    pub fn subtypes() -> Vec<&'static str> {
        let names = PartType::with_start_lines().map(PartType::as_str);
        let mut names: Vec<&str> = names
            .filter_map(|name| name.strip_prefix("text/"))
            .collect();
        names.sort_unstable();
        names
    }

    fn row(&self) -> Option<&'static Row> {
        TABLE.iter().find(|row| row.part_type == *self)
    }
}

impl fmt::Display for PartType {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_leads_to_its_type_and_back() {
        for row in &TABLE {
            assert_eq!(PartType::new(row.name), row.part_type);
            assert_eq!(row.part_type.as_str(), row.name);
        }
        let other = PartType::new("image/png");
        assert_eq!(other, PartType::Other("image/png".to_owned()));
        assert_eq!((other.as_str(), other.start_line()), ("image/png", ""));
        assert!(!other.is_handled() && !other.is_vague());
    }

    #[test]
    fn start_lines_are_sorted_longest_first() {
        let lines = PartType::with_start_lines().map(PartType::start_line);
        assert!(lines.is_sorted_by(|one, next| one.len() >= next.len()));
    }
}
