//! `cloudseed check`: what each part of a document would do, and what looks like a mistake.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use argh::FromArgs;
use cloudseed_core::budget::Budget;
use cloudseed_core::config::{self, Parts};
use cloudseed_core::instance::Document;
use cloudseed_core::text::{printable, without_quotations};
use cloudseed_core::userdata::{self, Flaw, Includes, advice};
use cloudseed_core::value::Value;

use super::document::{Files, read};
use crate::sys::root::Root;

/// say what each part of user-data would do, and what looks like a mistake
#[derive(FromArgs)]
#[argh(subcommand, name = "check")]
pub struct Check {
    /// the document; - or nothing is standard input
    #[argh(positional)]
    file: Option<String>,
    /// follow includes of http and https as well; those of files are always followed
    #[argh(switch)]
    include: bool,
    /// the prefix of included files (default: /)
    #[argh(option, default = "PathBuf::from(\"/\")")]
    root: PathBuf,
}

impl Check {
    /// Prints to `out`; `web` fetches what is not a file. 1 if there is anything that looks like a mistake.
    pub fn run(self, web: &mut dyn Includes, out: &mut dyn Write) -> io::Result<ExitCode> {
        let document = read(self.file.as_deref().unwrap_or("-"))?;
        let mut includes = Files {
            root: Root::new(&self.root),
            web: self.include.then_some(web),
        };
        let doubts = report(&document, &mut includes, out)?;
        Ok(ExitCode::from(u8::from(doubts > 0)))
    }
}

/// Writes what there is to say about a document; gives how many doubts there are.
///
/// ```text
/// 1 text/cloud-config "part-001"
///   configures package
///   ! expected a key that cloud-config has, but found "package" (did you mean packages?)
/// ```
pub fn report(
    document: &[u8],
    includes: &mut dyn Includes,
    out: &mut dyn Write,
) -> io::Result<usize> {
    let budget = Budget::new();
    let decoded = userdata::take_apart(document, "user-data", includes, &budget);
    let mut doubts = 0;
    let mut told = Vec::new();
    for part in &decoded.parts {
        let advice = advice::on_part(part);
        writeln!(
            out,
            "{} {} {:?}",
            part.number,
            printable(part.content_type.as_str()),
            part.filename
        )?;
        writeln!(out, "  {}", printable(&advice.does))?;
        for Flaw { expected, found } in &advice.doubts {
            writeln!(
                out,
                "  ! expected {}, but found {}",
                printable(expected),
                printable(found)
            )?;
        }
        doubts += advice.doubts.len();
        told.extend(
            advice
                .doubts
                .iter()
                .map(|flaw| without_quotations(&flaw.expected)),
        );
    }
    let of_document = advice::on_document(document)
        .into_iter()
        .map(|flaw| flaw.at("user-data"));
    // What a boot would say when it decides what the parts mean, unless it is told of the part already.
    let parts = Parts {
        document: Document::UserData,
        parts: decoded.parts,
    };
    let (_, merged) = config::merge(Vec::from([parts]), &Value::Null, &budget);
    let merged = merged
        .into_iter()
        .filter(|warning| !told.contains(&warning.expected));
    for warning in of_document.chain(decoded.warnings).chain(merged) {
        writeln!(out, "! {}", printable(&warning.whole()))?;
        doubts += 1;
    }
    Ok(doubts)
}
