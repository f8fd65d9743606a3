//! `cloudseed query`: instance data of this boot, by name.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::PathBuf;
use std::time::Duration;

use argh::FromArgs;
use cloudseed_core::userdata::template::Templates;
use cloudseed_core::userdata::{DOCUMENT_BYTES_MAX, gzip};
use cloudseed_core::value::{Map, Value};
use cloudseed_core::variables::{Names, variables};
use cloudseed_core::{json, query};

use crate::sys::root::Root;

/// Longest time that filling in a template may take.
const FORMAT_MAX: Duration = Duration::from_secs(8);
/// What everybody may read, and what only root may.
const PUBLIC: &str = "/run/cloudseed/instance-data.json";
const SENSITIVE: &str = "/run/cloudseed/instance-data-sensitive.json";

/// read the instance data of this boot: a value by its name (v1.region, ds.meta_data.local_ipv4), all of it, its keys
#[derive(FromArgs)]
#[argh(subcommand, name = "query")]
pub struct Query {
    /// the name of a value: keys with dots between them; - may be written _
    #[argh(positional)]
    name: Option<String>,
    /// print everything
    #[argh(switch, short = 'a')]
    all: bool,
    /// print the keys of the value, or of everything
    #[argh(switch, short = 'l')]
    list_keys: bool,
    /// print this Jinja template with the values filled in
    #[argh(option, short = 'f')]
    format: Option<String>,
    /// read this file instead of this boot's
    #[argh(option, short = 'i')]
    instance_data: Option<String>,
    /// the prefix of everything read (default: /)
    #[argh(option, default = "PathBuf::from(\"/\")")]
    pub root: PathBuf,
}

impl Query {
    /// The answer as it is printed, or the sentence that says why there is none.
    pub fn answer(&self, root: &Root, templates: &mut dyn Templates) -> Result<String, String> {
        let name = self.name.as_deref().unwrap_or_default();
        if let Some(format) = &self.format {
            return rendered(format, self.data(root)?, templates);
        }
        if name.is_empty() && !self.all && !self.list_keys {
            let expected = "Expected one of the options: --all, --format, --list-keys or varname";
            return Err(String::from(expected));
        }
        let variables = variables(&self.data(root)?, Names::Own);
        let value = match name {
            "" => Value::Map(variables),
            name => query::find(&variables, name)?,
        };
        if self.list_keys {
            query::keys(&value, name).map(|keys| keys.join("\n"))
        } else {
            Ok(query::printed(&value))
        }
    }

    /// The instance data, and in it the documents as `userdata` and `vendordata`.
    fn data(&self, root: &Root) -> Result<Map, String> {
        let (data, place) = match &self.instance_data {
            Some(place) => (fs::read(place), place.as_str()),
            None => of_this_boot(root),
        };
        let data = data.map_err(|error| match error.kind() {
            ErrorKind::PermissionDenied => format!("No read permission on '{place}'. Try sudo"),
            _ => format!("Missing instance-data file: {place}"),
        })?;
        let data = json::read(&data).map_err(|error| format!("{place}: {error}"))?;
        let mut data = data.as_map().cloned().unwrap_or_default();
        for (key, place) in [
            ("userdata", "/run/cloudseed/user-data"),
            ("vendordata", "/run/cloudseed/vendor-data"),
        ] {
            data.insert(key, document(root, place));
        }
        Ok(data)
    }
}

/// A template with the values filled in, with the other names of the variables as in user-data.
fn rendered(format: &str, data: Map, templates: &mut dyn Templates) -> Result<String, String> {
    let variables = Value::Map(variables(&data, Names::Aliased));
    let rendered = templates.render(format, &variables, FORMAT_MAX);
    rendered.map(|rendered| rendered.text).map_err(|broken| {
        let line = broken.line.map(|line| format!(" in line {line}"));
        let (reason, line) = (broken.reason, line.unwrap_or_default());
        format!(
            "query: --format: expected a template that can be rendered, but found {reason}{line}"
        )
    })
}

/// The instance data with its secrets for those who may read it, else without; and where it is.
fn of_this_boot(root: &Root) -> (io::Result<Vec<u8>>, &'static str) {
    let sensitive = root.load(SENSITIVE, DOCUMENT_BYTES_MAX);
    let Err(error) = sensitive else {
        return (sensitive, SENSITIVE);
    };
    let public = root.load(PUBLIC, DOCUMENT_BYTES_MAX);
    if public.is_ok() && error.kind() == ErrorKind::NotFound {
        eprintln!("Missing root-readable {SENSITIVE}. Using redacted {PUBLIC} instead.");
    }
    (public, PUBLIC)
}

/// What is no text is gzip, or bytes.
fn unpacked(bytes: Vec<u8>) -> Value {
    let inflated = gzip::gunzip(&bytes, DOCUMENT_BYTES_MAX).ok();
    let text = inflated.and_then(|inflated| String::from_utf8(inflated.bytes).ok());
    text.map_or(Value::Bytes(bytes), Value::from)
}

/// A document as text, unpacked if it is packed; in its place the words of cloud-init for who may not read it.
fn document(root: &Root, place: &str) -> Value {
    match root.load(place, DOCUMENT_BYTES_MAX) {
        Ok(bytes) => match String::from_utf8(bytes) {
            Ok(text) => text.into(),
            Err(error) => unpacked(error.into_bytes()),
        },
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            format!("<redacted for non-root user> file:{place}").into()
        }
        Err(_) => "".into(),
    }
}
