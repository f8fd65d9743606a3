//! The plan: the scripts, in files, and the program that executes them.
//!
//! ```text
//!   plan/manifest            one line per script: group, part, file (beside `run`), interpreter, argument; tabs between them
//!   plan/instance-id         whose scripts these are, and the name of the directory of their marks
//!   plan/vendor-prefix/000   the words of the command that vendor scripts are arguments of, a file each
//!   plan/001-boothook-NAME   the scripts, for whoever looks here; a long one that is its part byte for byte is in parts/ alone
//!   run                      the shell program that reads all this
//! ```

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Found, Outcome, Products, parts};
use crate::config::Config;
use crate::config::script::{Interpreter, Script};

/// The program that executes the plan on the real root.
const RUN: &str = include_str!("run.sh");
/// The first line of the manifest, for people.
const MANIFEST_HEADER: &str = "# group\tpart\tfile\tinterpreter\targument\n";

/// Adds the program that executes the plan. It is there after every boot, so that whoever calls it need not look.
pub(super) fn print_run(products: &mut Products, _: &Outcome) {
    products.put("cloudseed/run", RUN);
}

/// Adds the scripts and the list of them.
pub(super) fn print(products: &mut Products, _: &Outcome, found: &Found) {
    let mut manifest = Vec::from(MANIFEST_HEADER);
    for (index, script) in found.config.scripts.iter().enumerate() {
        let group = script.group.name();
        let Some(file) = file(products, found.config, index, script) else {
            continue;
        };
        manifest.extend_from_slice(format!("{group}\t{}\t{file}\t", script.number).as_bytes());
        match &script.interpreter {
            Some(Interpreter { program, argument }) => {
                manifest.extend_from_slice(program);
                manifest.push(b'\t');
                manifest.extend_from_slice(argument.as_deref().unwrap_or_default());
            }
            None => manifest.push(b'-'),
        }
        manifest.push(b'\n');
    }
    products.put("cloudseed/plan/manifest", manifest);
    let id = &found.instance.instance_id;
    let lines = format!("{}\n{}\n", id.as_str(), id.file_name());
    products.put("cloudseed/plan/instance-id", lines);
    for (number, word) in found.config.vendor_prefix.iter().enumerate() {
        let path = format!("cloudseed/plan/vendor-prefix/{number:03}");
        products.put(&path, word.as_str());
    }
}

/// Longest script that is in the plan although it is in parts/ as well, in bytes.
const COPIED_BYTES_MAX: usize = 16 << 10;

/// The file of a script: its part's, if it is the same byte for byte, else one of its own. `None` if there is no room for it.
fn file(products: &mut Products, config: &Config, index: usize, script: &Script) -> Option<String> {
    let part = config
        .parts
        .iter()
        .find(|part| part.number == script.number);
    let part = part.filter(|part| part.part.content.is(&script.content));
    let (number, group) = (index + 1, script.group.name());
    let own = format!("plan/{number:03}-{group}-{}", script.name);
    if part.is_none() || script.content.len() <= COPIED_BYTES_MAX {
        products.put(&format!("cloudseed/{own}"), script.content.clone());
    }
    let file = part.map_or(own, |part| format!("parts/{}", parts::file(part)));
    let there = products.plan.get(&format!("cloudseed/{file}")).is_some();
    there.then_some(file)
}
