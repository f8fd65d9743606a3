//! `cloudseed check`: what each part of a document would do, and what looks like a mistake.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use argh::FromArgs;
use cloudseed_core::budget::Budget;
use cloudseed_core::config::{self, Parts};
use cloudseed_core::instance::Document;
use cloudseed_core::platform;
use cloudseed_core::text::{printable, without_quotations};
use cloudseed_core::userdata::advice::{self, Advice};
use cloudseed_core::userdata::part_type::PartType;
use cloudseed_core::userdata::sniff::sniff;
use cloudseed_core::userdata::{self, Flaw, Includes, Part};
use cloudseed_core::value::Value;
#[cfg(feature = "jinja")]
use cloudseed_core::{
    compile::instance_data::InstanceData,
    instance::{Instance, Source, Told},
    machine::{Kernel, release::Release},
    value::Map,
    variables::{Names, variables},
};

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
        let mut advice = advice::on_part(part);
        if part.content_type == PartType::Jinja {
            advice.doubts.extend(on_template(part));
        }
        write_part(part, &advice, out)?;
        doubts += advice.doubts.len();
        let expected = advice.doubts.iter().map(|flaw| &flaw.expected);
        told.extend(expected.map(|expected| without_quotations(expected)));
    }
    let of_document = advice::on_document(document, &platform::limits()).into_iter();
    let of_document = of_document.map(|flaw| flaw.at("user-data"));
    // What a boot would say when it decides what the parts mean, unless it is told of the part already.
    let parts = Parts {
        document: Document::UserData,
        parts: decoded.parts,
    };
    let (_, merged) = config::merge(Vec::from([parts]), &Value::Null, &budget);
    let merged = merged.into_iter();
    let merged = merged.filter(|warning| !told.contains(&warning.expected));
    for warning in of_document.chain(decoded.warnings).chain(merged) {
        writeln!(out, "! {}", printable(&warning.whole()))?;
        doubts += 1;
    }
    Ok(doubts)
}

/// What a boot would say of a template on whatever machine, without one.
fn on_template(part: &Part) -> Vec<Flaw> {
    let text = String::from_utf8_lossy(&part.content);
    let (_, body) = text.split_once('\n').unwrap_or_default();
    // Nothing is filled in: what it becomes is what it is.
    if !["{{", "{%", "{#"].iter().any(|open| body.contains(open)) {
        let becomes = sniff(body.as_bytes()).map(|content_type| Part {
            content_type,
            content: body.into(),
            ..part.clone()
        });
        return becomes.map_or_else(Vec::new, |part| advice::on_part(&part).doubts);
    }
    #[cfg(feature = "jinja")]
    return cloudseed_core::jinja::look(body, &variables_of_all());
    #[cfg(not(feature = "jinja"))]
    Vec::new()
}

/// The variables that each machine has, for templates.
#[cfg(feature = "jinja")]
fn variables_of_all() -> Value {
    let source = Source::metadata("");
    let meta_data = Map::from_iter([("instance-id", "x")]);
    let told = Told::by_meta_data("", source, meta_data);
    let instance = Instance::new("", told, &mut Vec::new());
    let data = instance
        .map(|instance| InstanceData::new(&instance, &Kernel::default(), &Release::default()));
    let data = data.as_ref().ok().and_then(|data| data.as_value().as_map());
    variables(data.unwrap_or(&Map::new()), Names::Aliased).into()
}

fn write_part(part: &Part, advice: &Advice, out: &mut dyn Write) -> io::Result<()> {
    let content_type = printable(part.content_type.as_str());
    writeln!(out, "{} {content_type} {:?}", part.number, part.filename)?;
    writeln!(out, "  {}", printable(&advice.does))?;
    for Flaw { expected, found } in &advice.doubts {
        let (expected, found) = (printable(expected), printable(found));
        writeln!(out, "  ! expected {expected}, but found {found}")?;
    }
    Ok(())
}
