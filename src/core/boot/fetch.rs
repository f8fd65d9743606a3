//! Fetch: the ways that a machine shows, tried one after the other until one brings an instance.

use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::fetch::Cloud;
use crate::instance::Instance;
use crate::journal::Journal;
use crate::machine::Machine;
use crate::outside::Outside;
use crate::platform::{Needs, Platform, Read, Way, none};
use crate::rule::{Evidence, Inquiry};
use crate::settings::Settings;
use crate::warning::{Blame, Error, Warning};

/// What came of it.
pub enum Fetched {
    /// An instance.
    Instance(Instance),
    /// There is a platform, of this name, but it cannot be read here: that is cloud-init's part.
    Named(&'static str),
    /// What was to be read could not be.
    Failed(Error),
    /// There is nobody to ask.
    Nothing,
}

/// Whom to ask.
pub struct Candidates<'a> {
    /// The platforms, first choice first.
    pub platforms: &'a [&'static Platform],
    /// True if somebody named them, so that they need not show.
    pub named: bool,
}

/// A way that is open: whose it is, how it is read, and what showed it.
struct Open {
    platform: &'static Platform,
    way: &'static Way,
    read: Read,
    evidence: Evidence,
}

/// Reads from the first way that has something; what the others said becomes a warning. The ways share the time until
/// `deadline`: one that is silent leaves the next its part.
pub fn fetch(
    machine: &Machine,
    settings: &Settings,
    outside: &mut dyn Outside,
    journal: &Journal,
    candidates: &Candidates,
    deadline: Duration,
    warnings: &mut Vec<Warning>,
) -> Fetched {
    let open = open(machine, settings, candidates);
    // The fallback is no cloud's.
    let clouds = candidates.platforms.iter();
    let mut clouds = clouds.filter(|platform| platform.name != none::PLATFORM.name);
    let mut unread = clouds.clone().filter(|platform| !platform.is_read());
    let (count, mut failed) = (open.len(), None);
    for (index, open) in open.into_iter().enumerate() {
        let left = deadline.saturating_sub(outside.now());
        let share = left / u32::try_from(count - index).unwrap_or(u32::MAX);
        let until = outside.now().saturating_add(share);
        let mut cloud = Cloud::new(
            open.platform.name,
            machine,
            settings,
            outside,
            journal,
            until,
        );
        cloud.evidence = open.evidence;
        if let Needs::Network(network) = open.way.needs {
            cloud.network = network;
        }
        let read = (open.read)(&mut cloud);
        warnings.append(&mut cloud.warnings);
        match read {
            Ok(instance) => {
                warnings.extend(failed.map(|error: Error| error.what));
                let before = |platform: &&&Platform| comes_before(candidates, platform, &instance);
                warnings.extend(unread.filter(before).map(|platform| unreadable(platform)));
                return Fetched::Instance(instance);
            }
            Err(error) => warnings.extend(failed.replace(error).map(|error| error.what)),
        }
    }
    match (unread.next(), failed, clouds.next()) {
        (Some(platform), failed, _) => {
            warnings.extend(failed.map(|error| error.what));
            Fetched::Named(platform.name)
        }
        (None, Some(error), _) => Fetched::Failed(error),
        (None, None, Some(platform)) => Fetched::Failed(shows_nothing(platform)),
        (None, None, None) => Fetched::Nothing,
    }
}

/// The ways of the candidates that can be read and that show. Of a platform that was named and shows by none of its ways,
/// those over the network are open all the same.
fn open(machine: &Machine, settings: &Settings, candidates: &Candidates) -> Vec<Open> {
    let mut all = Vec::new();
    for platform in candidates.platforms {
        let shown = all.len();
        for way in platform.ways {
            let mut inquiry = Inquiry::new(machine, settings);
            let evidence = way.sign.ask(&mut inquiry).evidence();
            all.extend(Open::new(platform, way, evidence));
        }
        if all.len() == shown && candidates.named {
            let over_network = |way: &&Way| matches!(way.needs, Needs::Network(_));
            let named = || Some(Evidence::of("it is named"));
            let ways = platform.ways.iter().filter(over_network);
            all.extend(ways.filter_map(|way| Open::new(platform, way, named())));
        }
    }
    all
}

impl Open {
    fn new(
        platform: &'static Platform,
        way: &'static Way,
        evidence: Option<Evidence>,
    ) -> Option<Open> {
        Some(Open {
            platform,
            way,
            read: way.read?,
            evidence: evidence?,
        })
    }
}

fn comes_before(candidates: &Candidates, platform: &Platform, instance: &Instance) -> bool {
    let at = |name: &str| {
        let mut names = candidates.platforms.iter().map(|platform| platform.name);
        names.position(|other| other == name)
    };
    at(platform.name) < at(instance.platform)
}

/// A platform that counts more than the one that was read.
fn unreadable(platform: &Platform) -> Warning {
    let expected = "a platform that cloudseed can read";
    Warning::new(
        "fetch",
        platform.name,
        expected,
        "one that it can only name",
    )
}

/// A platform that was named, and nothing to read it by.
fn shows_nothing(platform: &Platform) -> Error {
    let signs: Vec<String> = platform
        .ways
        .iter()
        .map(|way| alloc::format!("{}", way.sign))
        .collect();
    let (expected, found) = (signs.join("; or "), "nothing of it on this machine");
    Error::new(Blame::Unable, "fetch", platform.name, expected, found)
}
