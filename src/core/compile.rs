//! Compile: what a boot found, as the files its real root will find under /run.
//!
//! ```text
//!   /run/cloudseed/          0700
//!     result.json  status  log                  how it went                      report.rs
//!     metadata.env                              the facts, for shells            environment.rs
//!     instance-data.json  …-sensitive.json      the facts, cloud-init's layout   instance_data.rs
//!     meta-data  user-data  vendor-data  …      the documents as fetched         documents.rs
//!     parts/  parts.json                        what they hold                   parts.rs
//!     cloud-config.yaml  vendor-…               their cloud-config, merged       cloud_config.rs
//!     run  plan/                                what to execute, and with what   script.rs, run.sh,
//!                                                                                handlers.rs, handlers.py,
//!                                                                                vendor.rs
//!   /run/cloud-init/                            for stock cloud-init             cloud_init.rs
//!   /run/systemd/system/                        for a systemd without us         systemd.rs
//! ```
//!
//! A product takes what it needs of the [`Outcome`] and puts its files; none reads another's.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Display;

pub mod cloud_config;
pub mod cloud_init;
pub mod documents;
pub mod environment;
pub mod handlers;
pub mod instance_data;
pub mod parts;
pub mod report;
pub mod script;
pub mod systemd;
pub mod vendor;

use crate::instance::Instance;
use crate::machine::Kernel;
use crate::plan::{Mode, Plan, RunPath};
use crate::userdata::Part;
use crate::value::Value;
use crate::warning::{Error, Warning};

pub use crate::settings::Handover;
pub use report::{Identified, Line, Timing};

/// How a boot ended.
#[derive(Clone, Copy, Debug)]
pub enum Ending<'a> {
    /// There is an instance.
    Found(&'a Instance),
    /// This machine is no cloud's.
    None,
    /// Somebody switched the program off.
    Disabled,
    /// There should be an instance, but this came of it.
    Failed(&'a Error),
}

/// Where a part came from first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Document {
    /// From the owner of the machine.
    UserData,
    /// From the operator of the cloud.
    VendorData,
    /// From the operator of the cloud too.
    VendorData2,
}

impl Document {
    /// Its name, and the name of its file.
    pub fn name(self) -> &'static str {
        match self {
            Document::UserData => "user-data",
            Document::VendorData => "vendor-data",
            Document::VendorData2 => "vendor-data2",
        }
    }
}

/// The parts of one document.
#[derive(Clone, Debug)]
pub struct Decoded {
    /// Which one.
    pub document: Document,
    /// Its parts, in order.
    pub parts: Vec<Part>,
}

/// All that is told of a boot.
#[derive(Clone, Debug)]
pub struct Outcome<'a> {
    /// How it ended.
    pub ending: Ending<'a>,
    /// What the identify step said.
    pub identified: Identified<'a>,
    /// The documents that were taken apart, in the order of [`Document`].
    pub decoded: &'a [Decoded],
    /// What was not as expected, in order.
    pub warnings: &'a [Warning],
    /// The log so far.
    pub log: &'a [Line],
    /// How long each step took, in order.
    pub timings: &'a [Timing],
    /// The interface and the lease that carried the fetch, as a tree; null if there was none.
    pub network: Value,
    /// What the system's own configuration says of vendor-data, under its keys.
    pub system: Value,
    /// The kernel that runs.
    pub kernel: &'a Kernel,
    /// What stock cloud-init is told.
    pub handover: Handover,
    /// True if systemd is known to run the real root, as when it runs this initramfs.
    pub systemd: bool,
}

/// The files being made, and what was not as expected meanwhile.
#[derive(Debug, Default)]
pub struct Products {
    plan: Plan,
    warnings: Vec<Warning>,
}

impl Products {
    /// Adds a file by its path below /run. A path that is none costs this file, and a warning says so.
    fn put(&mut self, path: &str, mode: Mode, bytes: impl Into<Vec<u8>>) {
        match RunPath::new(path) {
            Some(path) => self.plan.put(path, mode, bytes),
            None => self.warn(path, "the path of a file below /run", "this one"),
        }
    }

    /// Adds a warning of this step.
    fn warn(&mut self, place: impl Display, expected: &str, found: impl Display) {
        self.warnings
            .push(Warning::new("compile", place, expected, found));
    }
}

/// Makes the plan, and tells what was not as expected; `result.json` holds these warnings too.
pub fn compile(outcome: &Outcome) -> (Plan, Vec<Warning>) {
    let mut products = Products::default();
    if let Ending::Found(instance) = outcome.ending {
        found(&mut products, outcome, instance);
    }
    products.put("cloudseed/run", Mode::Private, script::RUN);
    report::put(&mut products, outcome);
    (products.plan, products.warnings)
}

fn found(products: &mut Products, outcome: &Outcome, instance: &Instance) {
    let mut parts = numbered(outcome.decoded);
    documents::put(products, &instance.documents);
    parts::put(products, &parts);
    instance_data::put(products, instance, outcome.kernel);
    let config = cloud_config::put(products, Document::UserData, &parts);
    let prefix = vendor::restrict(products, &mut parts, &config, &outcome.system);
    cloud_config::put(products, Document::VendorData, &parts);
    cloud_config::put(products, Document::VendorData2, &parts);
    script::put(products, &instance.instance_id, &parts, &prefix);
    handlers::put(products, instance, &parts);
    cloud_init::put(products, instance, outcome.handover);
    systemd::put(products, outcome.systemd);
}

/// A part with its number among the parts of all documents and its file in `parts/`.
#[derive(Clone, Debug)]
struct Numbered<'a> {
    number: u32,
    document: Document,
    file: String,
    part: &'a Part,
}

/// The parts of all documents; those of user-data, the first, keep their own numbers.
fn numbered(decoded: &[Decoded]) -> Vec<Numbered<'_>> {
    let mut all: Vec<Numbered> = Vec::new();
    for Decoded { document, parts } in decoded {
        let before = all.last().map_or(0, |last| last.number);
        all.extend(parts.iter().map(|part| {
            let number = before.saturating_add(part.number);
            Numbered {
                number,
                document: *document,
                file: parts::file_name(number, &part.filename),
                part,
            }
        }));
    }
    all
}

/// The beginning of a text for a message: its first line, at most 40 bytes of it, quoted.
fn beginning(content: &[u8]) -> String {
    let line = content
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = line.get(..40).unwrap_or(line);
    alloc::format!("{:?}", String::from_utf8_lossy(line))
}
