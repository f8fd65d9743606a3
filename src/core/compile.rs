//! Compile: what a boot found, as the files its real root will find under /run.
//!
//! What there is to print was decided before, in [`crate::config`]. A product takes what it needs of the [`Outcome`] and prints
//! its files; [`PRODUCTS`] says which these are and who may read them. None reads another's.

use alloc::format;
use alloc::vec::Vec;
use core::fmt::Display;
use core::time::Duration;

pub mod accounts;
pub mod amend;
pub mod cloud_config;
pub mod cloud_init;
pub mod documents;
pub mod environment;
pub mod handlers;
pub mod instance_data;
pub mod parts;
pub mod result;
pub mod script;
pub mod systemd;

use crate::budget::Purse;
use crate::bytes::Bytes;
use crate::config::Config;
use crate::instance::Instance;
use crate::journal::Line;
use crate::plan::{Mode, Plan, RunPath};
use crate::value::Value;
use crate::warning::{Error, Warning};

use instance_data::InstanceData;

pub use crate::settings::{Handover, Seal};
pub use result::{Identified, Timing};

/// How a boot ended.
#[derive(Clone, Copy, Debug)]
pub enum Ending<'a> {
    /// There is an instance.
    Found(Found<'a>),
    /// There is a platform of this name, which this program knows but does not read: stock cloud-init does.
    Named(&'static str),
    /// This machine is no cloud's.
    None,
    /// Somebody switched the program off.
    Disabled,
    /// There should be an instance, but this came of it.
    Failed(&'a Error),
}

/// An instance with all that was made of it.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// What the cloud says.
    pub instance: &'a Instance,
    /// The same in cloud-init's layout.
    pub data: &'a InstanceData,
    /// What the parts mean.
    pub config: &'a Config,
}

/// All that is told of a boot.
#[derive(Clone, Debug)]
pub struct Outcome<'a> {
    /// How it ended.
    pub ending: Ending<'a>,
    /// What the identify step said.
    pub identified: Identified<'a>,
    /// What was not as expected, in order.
    pub warnings: &'a [Warning],
    /// The log so far.
    pub log: &'a [Line],
    /// How long each step took, in order.
    pub timings: &'a [Timing],
    /// What the machine's clock says and what a metadata service has told, since the epoch, if the clock is behind.
    pub clock: Option<(Duration, Duration)>,
    /// The interfaces that have an address and what each was told, as a list, the one that carried the fetch first.
    pub network: Value,
    /// What was measured.
    pub measured: &'a [Value],
    /// What the real root is to be given.
    pub handover: Handover,
    /// Who else may fetch.
    pub seal: Seal,
    /// How large all files may be that are made of what strangers wrote, bytes. One for which there is no room is left out.
    pub plan_bytes: usize,
    /// Whether a cloud that waits for it was told that the machine is ready.
    pub report_ready: bool,
}

/// One thing that is made of a boot.
pub struct Product {
    /// Its files, each by its path below /run, in which a `*` at the end stands for any name, and who may read it.
    pub files: &'static [(&'static str, Mode)],
    /// When it is made, and what prints it.
    print: Print,
}

/// When a product is made, and what prints it; it may print less than its files, or nothing.
enum Print {
    /// After every boot.
    Always(fn(&mut Products, &Outcome)),
    /// Where there is an instance.
    Found(fn(&mut Products, &Outcome, &Found)),
    /// By no boot, but when the real root can be looked at.
    Later,
}

/// Everything that is made, in order. The reports come last, for they tell the warnings of all others.
#[rustfmt::skip]
pub static PRODUCTS: [Product; 15] = [
    Product {
        files: &[
            ("cloudseed/meta-data", Mode::Private),
            ("cloudseed/user-data", Mode::Private),
            ("cloudseed/vendor-data", Mode::Private),
            ("cloudseed/vendor-data2", Mode::Private),
            ("cloudseed/network-config", Mode::Private),
        ],
        print: Print::Found(documents::print),
    },
    Product {
        files: &[("cloudseed/parts.json", Mode::Private), ("cloudseed/parts/*", Mode::Private)],
        print: Print::Found(parts::print),
    },
    Product {
        files: &[
            ("cloudseed/instance-data.json", Mode::Public),
            ("cloudseed/instance-data-sensitive.json", Mode::Private),
        ],
        print: Print::Found(instance_data::print),
    },
    Product {
        files: &[
            ("cloudseed/cloud-config.yaml", Mode::Private),
            ("cloudseed/vendor-cloud-config.yaml", Mode::Private),
            ("cloudseed/vendor2-cloud-config.yaml", Mode::Private),
            ("cloudseed/platform-cloud-config.yaml", Mode::Private),
        ],
        print: Print::Found(cloud_config::print),
    },
    Product {
        files: &[("cloudseed/plan/*", Mode::Private)],
        print: Print::Found(script::print),
    },
    Product {
        files: &[
            ("cloudseed/plan/handlers.json", Mode::Private),
            ("cloudseed/plan/handlers.py", Mode::Private),
        ],
        print: Print::Found(handlers::print),
    },
    Product {
        files: &[("cloudseed/run", Mode::Private)],
        print: Print::Always(script::print_run),
    },
    Product {
        files: &[("cloudseed/handover/systemd/systemd/system/*", Mode::Public)],
        print: Print::Found(systemd::print),
    },
    Product {
        files: &[
            ("cloudseed/plan/accounts", Mode::Private),
            ("cloudseed/plan/setup.sh", Mode::Private),
            ("cloudseed/plan/reset", Mode::Private),
            ("cloudseed/handover/systemd/credstore/*", Mode::Private),
            ("cloudseed/handover/systemd/credstore.encrypted/*", Mode::Private),
            ("cloudseed/handover/systemd/credentials/@initrd/*", Mode::Private),
        ],
        print: Print::Found(accounts::print),
    },
    Product {
        files: &[
            ("cloudseed/handover/hint/cloud-init/cloud.cfg", Mode::Public),
            ("cloudseed/handover/hint/cloud-init/.ds-identify.result", Mode::Public),
        ],
        print: Print::Always(cloud_init::print_hint),
    },
    Product {
        files: &[
            ("cloudseed/handover/seed/cloud-init/cloud.cfg", Mode::Private),
            ("cloudseed/handover/seed/cloud-init/.ds-identify.result", Mode::Public),
            ("cloudseed/handover/netplan/cloud-init/cloud.cfg", Mode::Private),
            ("cloudseed/handover/netplan/cloud-init/.ds-identify.result", Mode::Public),
            ("cloudseed/seed/*", Mode::Private),
        ],
        print: Print::Found(cloud_init::print_seed),
    },
    Product {
        files: &[
            ("cloudseed/handover/network/systemd/network/*", Mode::Public),
            ("cloudseed/handover/network/NetworkManager/system-connections/*", Mode::Private),
            ("cloudseed/handover/network/netplan/*", Mode::Private),
            ("cloudseed/handover/network/network/interfaces.d/*", Mode::Public),
        ],
        print: Print::Later,
    },
    Product {
        files: &[("cloudseed/metadata.env", Mode::Public)],
        print: Print::Always(environment::print),
    },
    Product {
        files: &[("cloudseed/status", Mode::Public)],
        print: Print::Always(result::print_status),
    },
    Product {
        files: &[("cloudseed/result.json", Mode::Private), ("cloudseed/log", Mode::Private)],
        print: Print::Always(result::print),
    },
];

/// Where documents lie that are not fetched again, below /run: no product, for they are another boot's as well.
pub const URL_CACHE: &str = "cloudseed/urlcache";

impl Product {
    /// Who may read the file at this path, if it is one of this product's.
    fn mode(&self, path: &str) -> Option<Mode> {
        let is_it = |pattern: &str| match pattern.strip_suffix('*') {
            Some(folder) => path.starts_with(folder),
            None => path == pattern,
        };
        let (_, mode) = self.files.iter().find(|(pattern, _)| is_it(pattern))?;
        Some(*mode)
    }
}

/// True if a boot may write a file at this path below /run that these may read.
pub fn may_be(path: &str, mode: Mode) -> bool {
    let mut modes = PRODUCTS.iter().filter_map(|product| product.mode(path));
    let kept = path
        .strip_prefix(URL_CACHE)
        .is_some_and(|name| name.starts_with('/'));
    match mode {
        Mode::Private => kept || modes.next().is_some(),
        Mode::Public => modes.any(|mode| mode == Mode::Public),
    }
}

/// Most warnings of this step: where there is no room every further part is one.
const WARNINGS_MAX: usize = 64;

/// The files being made, and what was not as expected meanwhile.
pub struct Products {
    plan: Plan,
    /// What is left for files that are made of what strangers wrote, bytes.
    room: Purse,
    warnings: Vec<Warning>,
    /// The one that is being printed.
    product: &'static Product,
}

impl Products {
    /// Adds a file by its path below /run, to be read by whom its product says. A path that is none, or none of this product's,
    /// costs this file, and a warning says so.
    fn put(&mut self, path: &str, bytes: impl Into<Bytes>) {
        let bytes = bytes.into();
        // What is told of a boot is small, and has to be told above all where there is no room.
        let told = matches!(self.product.print, Print::Always(_));
        match (RunPath::new(path), self.product.mode(path)) {
            (Some(_), Some(_)) if !told && !self.room.take(bytes.len()) => {
                let expected = format!("at most {} bytes in all files", self.room.most());
                self.warn(path, &expected, format_args!("{} more", bytes.len()));
            }
            (Some(path), Some(mode)) => self.plan.put(path, mode, bytes),
            _ => self.warn(path, "the path of a file below /run", "this one"),
        }
    }

    /// Adds a warning of this step; of those that are too many the first one is told as `more`.
    fn warn(&mut self, place: impl Display, expected: &str, found: impl Display) {
        if self.warnings.len() < WARNINGS_MAX {
            let warning = Warning::new("compile", place, expected, found);
            self.warnings.push(warning);
        } else if self.warnings.len() == WARNINGS_MAX {
            let expected = format!("at most {WARNINGS_MAX} warnings of files");
            let warning = Warning::new("compile", "all files", expected, "more");
            self.warnings.push(warning);
        }
    }

    /// The boot in one word. An instance with a warning is `degraded`: something was asked for that nobody gets.
    fn status(&self, outcome: &Outcome) -> &'static str {
        let well = outcome.warnings.is_empty() && self.warnings.is_empty();
        match outcome.ending {
            Ending::Found(_) if well => "found",
            Ending::Found(_) => "degraded",
            Ending::Named(_) => "named",
            Ending::None => "none",
            Ending::Disabled => "disabled",
            Ending::Failed(_) => "failed",
        }
    }
}

/// Makes the plan, and tells what was not as expected; `result.json` holds these warnings too.
pub fn compile(outcome: &Outcome) -> (Plan, Vec<Warning>) {
    let mut products = Products {
        plan: Plan::default(),
        room: Purse::new(outcome.plan_bytes),
        warnings: Vec::new(),
        product: &PRODUCTS[0],
    };
    for product in &PRODUCTS {
        products.product = product;
        match (&product.print, outcome.ending) {
            (Print::Always(print), _) => print(&mut products, outcome),
            (Print::Found(print), Ending::Found(found)) => print(&mut products, outcome, &found),
            (Print::Found(_) | Print::Later, _) => {}
        }
    }
    (products.plan, products.warnings)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_product_stays_in_a_room_of_the_plan() {
        let files = PRODUCTS.iter().flat_map(|product| product.files);
        for (path, _) in files {
            assert!(RunPath::new(&path.replace('*', "x")).is_some(), "{path}");
        }
    }
}
