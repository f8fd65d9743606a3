//! `cloudseed plan`: a boot that writes nothing, and what it would have written.

use std::path::PathBuf;

use argh::FromArgs;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudseed_core::digest::sha256;
use cloudseed_core::json;
use cloudseed_core::plan::{Mode, Plan as Files};
use cloudseed_core::platform::Platform;
use cloudseed_core::value::{Map, Value};

/// go through all steps of a boot, and show the files it would write below /run
#[derive(FromArgs)]
#[argh(subcommand, name = "plan")]
pub struct Plan {
    /// show the content of these files alone (paths below /run)
    #[argh(positional)]
    paths: Vec<String>,
    /// show the contents too
    #[argh(switch)]
    contents: bool,
    /// print one JSON document, with contents
    #[argh(switch)]
    json: bool,
    /// fetch from this platform, whatever firmware says
    #[argh(option, from_str_fn(super::platform))]
    pub platform: Option<&'static Platform>,
    /// the prefix of everything read (default: /)
    #[argh(option, default = "PathBuf::from(\"/\")")]
    pub root: PathBuf,
}

impl Plan {
    /// The plan as it is shown; the error names a path that it does not have.
    pub fn shown(&self, plan: &Files) -> Result<String, String> {
        for path in &self.paths {
            if plan.get(path).is_none() {
                return Err(format!(
                    "plan: expected a file of this boot's, but found {path}"
                ));
            }
        }
        let chosen = |path: &str| self.paths.is_empty() || self.paths.iter().any(|one| one == path);
        let files = plan.files().filter(|(path, _, _)| chosen(path.as_str()));
        if self.json {
            let files: Vec<Value> = files
                .map(|(path, mode, bytes)| described(path.as_str(), mode, bytes))
                .collect();
            return Ok(json::write_indented(
                &Map::from_iter([("files", files)]).into(),
            ));
        }
        let lines: Vec<String> = files
            .map(|(path, mode, bytes)| {
                let text = String::from_utf8_lossy(bytes);
                let text = text.trim_end();
                let line = format!(
                    "{:04o} {:>8} /run/{}",
                    mode.file(),
                    bytes.len(),
                    path.as_str()
                );
                match (self.paths.is_empty(), self.contents) {
                    (false, _) => String::from(text),
                    (true, true) => format!("{line}\n{text}\n"),
                    (true, false) => line,
                }
            })
            .collect();
        Ok(lines.join("\n"))
    }
}

fn described(path: &str, mode: Mode, bytes: &[u8]) -> Value {
    let content = match std::str::from_utf8(bytes) {
        Ok(text) => ("content", Value::from(text)),
        Err(_) => ("content_base64", STANDARD.encode(bytes).into()),
    };
    Value::Map(Map::from_iter([
        ("path", Value::from(format!("/run/{path}"))),
        ("mode", format!("{:04o}", mode.file()).into()),
        (
            "bytes",
            i64::try_from(bytes.len()).unwrap_or(i64::MAX).into(),
        ),
        ("sha256", sha256(bytes).into()),
        content,
    ]))
}
