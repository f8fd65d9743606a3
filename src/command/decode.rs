//! `cloudseed decode`: user-data taken apart, offline: what is inside what.

use std::fs;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use argh::FromArgs;
use cloudseed_core::budget::Budget;
use cloudseed_core::digest::sha256;
use cloudseed_core::json;
use cloudseed_core::text::printable;
use cloudseed_core::userdata::filename::file_name;
use cloudseed_core::userdata::{self, Decoded, Includes, Item, Part, launch};
use cloudseed_core::value::{Map, Value};

use super::document::{Files, read};
use crate::sys::root::Root;

/// take user-data apart, offline: the parts, what is inside what, and what is wrong with it
#[derive(FromArgs)]
#[argh(subcommand, name = "decode")]
pub struct Decode {
    /// the document; - or nothing is standard input
    #[argh(positional)]
    file: Option<String>,
    /// print one JSON document
    #[argh(switch)]
    json: bool,
    /// write each part and a list, parts.json, to this directory
    #[argh(option)]
    output: Option<PathBuf>,
    /// follow includes of http and https as well; those of files are always followed
    #[argh(switch)]
    include: bool,
    /// keep the parts for the machine of this launch index
    #[argh(option)]
    launch_index: Option<i64>,
    /// the prefix of included files (default: /)
    #[argh(option, default = "PathBuf::from(\"/\")")]
    root: PathBuf,
}

impl Decode {
    /// Prints to `out`, warnings to standard error; `web` fetches what is not a file. 1 if something was not as expected.
    pub fn run(self, web: &mut dyn Includes, out: &mut dyn Write) -> io::Result<ExitCode> {
        let document = read(self.file.as_deref().unwrap_or("-"))?;
        let bytes = document.len();
        let mut includes = Files {
            root: Root::new(&self.root),
            web: self.include.then_some(web),
        };
        let mut decoded =
            userdata::take_apart(document, "user-data", &mut includes, &Budget::new());
        if let Some(launch_index) = self.launch_index {
            decoded.parts = launch::for_launch_index(decoded.parts, launch_index);
        }
        if let Some(directory) = &self.output {
            write_parts(directory, &decoded)?;
        }
        if self.json {
            writeln!(out, "{}", json::write_indented(&as_value(&decoded, true)))?;
        } else {
            out.write_all(tree(bytes, &decoded).as_bytes())?;
        }
        for warning in &decoded.warnings {
            eprintln!("{}", printable(&warning.whole()));
        }
        Ok(ExitCode::from(u8::from(!decoded.warnings.is_empty())))
    }
}

/// `{"parts": […], "warnings": […]}`; with or without what the parts hold.
fn as_value(decoded: &Decoded, with_content: bool) -> Value {
    let parts = decoded
        .parts
        .iter()
        .map(|part| part_value(part, with_content));
    let warnings = decoded
        .warnings
        .iter()
        .map(|warning| Value::from(warning.whole()));
    Value::Map(Map::from_iter([
        ("parts", Value::List(parts.collect())),
        ("warnings", Value::List(warnings.collect())),
    ]))
}

fn part_value(part: &Part, with_content: bool) -> Value {
    let header = |(name, value): &(String, String)| {
        Value::List(vec![name.as_str().into(), value.as_str().into()])
    };
    let mut map = Map::from_iter([
        ("number", Value::from(part.number)),
        ("type", part.content_type.as_str().into()),
        ("filename", part.filename.as_str().into()),
        (
            "headers",
            Value::List(part.headers.iter().map(header).collect()),
        ),
        ("origin", part.origin.as_str().into()),
        ("bytes", Value::Int(part.content.len() as i64)),
        ("sha256", sha256(&part.content).into()),
    ]);
    match std::str::from_utf8(&part.content) {
        _ if !with_content => None,
        Ok(text) => map.insert("content", text),
        Err(_) => map.insert("content_base64", base64(&part.content)),
    };
    Value::Map(map)
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

/// Each part as a file, named by its number and what is harmless of its name, and `parts.json`.
fn write_parts(directory: &Path, decoded: &Decoded) -> io::Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)?;
    // Without a slash at its end, with which it would be what it leads to.
    let place: PathBuf = directory.components().collect();
    if fs::symlink_metadata(&place)?.is_symlink() {
        let words = format!(
            "{}: expected a directory, but found a link",
            place.display()
        );
        return Err(io::Error::other(words));
    }
    for part in &decoded.parts {
        let name = file_name(part.number, &part.filename);
        write_private(&directory.join(name), &part.content)?;
    }
    let list = json::write_indented(&as_value(decoded, false));
    write_private(&directory.join("parts.json"), (list + "\n").as_bytes())
}

/// A file that only its owner may read. One that is there already is replaced, a link too and not what it leads to.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut options = fs::File::options();
    options.write(true).create_new(true).mode(0o600);
    options.open(path)?.write_all(bytes)
}

/// The outline as a tree:
///
/// ```text
/// user-data, 310 bytes
/// └─ multipart/mixed
///    ├─ 1 text/x-shellscript "hello.sh", 21 bytes
///    └─ 2 text/cloud-config "part-002", 40 bytes
/// ```
fn tree(bytes: usize, decoded: &Decoded) -> String {
    let mut lines = Vec::new();
    // Whether a line of this depth, inside the same container, comes later.
    let mut later: Vec<bool> = Vec::new();
    for line in decoded.outline.iter().rev() {
        later.resize(line.depth + 1, false);
        let Some(text) = label(&line.item, &decoded.parts) else {
            continue;
        };
        let bars: String = later[..line.depth]
            .iter()
            .map(|later| if *later { "│  " } else { "   " })
            .collect();
        let branch = if later[line.depth] {
            "├─"
        } else {
            "└─"
        };
        later[line.depth] = true;
        lines.push(format!("{bars}{branch} {text}\n"));
    }
    lines.push(format!("user-data, {bytes} bytes\n"));
    lines.into_iter().rev().collect()
}

/// A line of the tree; none for a part that is for another machine.
fn label(item: &Item, parts: &[Part]) -> Option<String> {
    match item {
        Item::Container(what) => Some(printable(what)),
        Item::Lost(what) => Some(format!("lost: {}", printable(what))),
        Item::Part(number) => {
            // Some may be missing, but they stand in order.
            let index = parts
                .binary_search_by_key(number, |part| part.number)
                .ok()?;
            let part = &parts[index];
            let (content_type, bytes) = (printable(part.content_type.as_str()), part.content.len());
            Some(format!(
                "{number} {content_type} {:?}, {bytes} bytes",
                part.filename
            ))
        }
    }
}
