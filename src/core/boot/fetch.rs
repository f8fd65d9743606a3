//! Fetch: the ways that a machine shows, tried one after the other until one brings an instance.

use alloc::boxed::Box;
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
    Instance(Box<Instance>),
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
    /// When all of it is to be over.
    pub deadline: Duration,
    /// True if nothing outside may be another afterwards.
    pub rehearsal: bool,
}

/// Takes an instance, with warnings, or refuses it.
pub type Accept<'a> = &'a mut dyn FnMut(Instance) -> Result<(Instance, Vec<Warning>), Error>;

/// A way that is open: whose it is, how it is read, and what showed it.
struct Open {
    platform: &'static Platform,
    way: &'static Way,
    read: Read,
    evidence: Evidence,
}

/// Reads from the first way that has something which is accepted; what the others said becomes a warning. The ways share the
/// time until the deadline: one that is silent leaves the next its part.
pub fn fetch(
    machine: &Machine,
    settings: &Settings,
    outside: &mut dyn Outside,
    journal: &Journal,
    candidates: &Candidates,
    accept: Accept,
    warnings: &mut Vec<Warning>,
) -> Fetched {
    let Ways {
        open,
        mut unread,
        dark,
    } = ways(machine, settings, candidates);
    let (count, mut failed) = (open.len(), None);
    for (index, open) in open.into_iter().enumerate() {
        let left = candidates.deadline.saturating_sub(outside.now());
        let share = left / u32::try_from(count - index).unwrap_or(u32::MAX);
        let until = outside.now().saturating_add(share);
        let platform = open.platform;
        let mut cloud = Cloud::new(platform.name, machine, settings, outside, journal, until);
        let mut read = open.read(&mut cloud);
        if let Ok(instance) = &mut read {
            instance.is_whole = cloud.warnings.is_empty();
        }
        warnings.append(&mut cloud.warnings);
        match read.and_then(&mut *accept) {
            Ok((instance, lost)) => {
                warnings.extend(lost);
                if !candidates.rehearsal {
                    cloud.act();
                }
                warnings.append(&mut cloud.warnings);
                warnings.extend(failed.map(|error: Error| error.what));
                unread.retain(|platform| comes_before(candidates, platform, &instance));
                warnings.extend(unread.into_iter().map(unreadable));
                return Fetched::Instance(Box::new(instance));
            }
            Err(error) if error.blame == Blame::Elsewhere => {
                warnings.push(error.what);
                unread.push(platform);
            }
            Err(error) => warnings.extend(failed.replace(error).map(|error| error.what)),
        }
    }
    no_instance(unread.first().copied(), failed, dark, warnings)
}

/// What is left to say where no way has brought an instance: who could not be read here, what failed last, who did not show.
fn no_instance(
    unread: Option<&'static Platform>,
    failed: Option<Error>,
    dark: Option<&'static Platform>,
    warnings: &mut Vec<Warning>,
) -> Fetched {
    match (unread, failed, dark) {
        (Some(platform), failed, _) => {
            warnings.extend(failed.map(|error| error.what));
            Fetched::Named(platform.name)
        }
        (None, Some(error), _) => Fetched::Failed(error),
        (None, None, Some(platform)) => Fetched::Failed(shows_nothing(platform)),
        (None, None, None) => Fetched::Nothing,
    }
}

/// What the candidates come to.
#[derive(Default)]
struct Ways {
    /// The ways that can be read and that show.
    open: Vec<Open>,
    /// Platforms that show only by ways that cannot be read here.
    unread: Vec<&'static Platform>,
    /// A platform that was named, and that shows by nothing.
    dark: Option<&'static Platform>,
}

/// Asks for every sign. Of a platform that was named and shows by none of its ways, those over the network are open all the
/// same. The fallback is no cloud's.
fn ways(machine: &Machine, settings: &Settings, candidates: &Candidates) -> Ways {
    let mut ways = Ways::default();
    let clouds = candidates.platforms.iter();
    for platform in clouds.filter(|platform| platform.name != none::PLATFORM.name) {
        let mut shown: Vec<(&Way, Evidence)> = Vec::new();
        for way in platform.ways {
            let verdict = way.sign.ask(&mut Inquiry::new(machine, settings));
            shown.extend(verdict.evidence().map(|evidence| (way, evidence)));
        }
        if shown.is_empty() && candidates.named {
            let over_network = |way: &&Way| matches!(way.needs, Needs::Network(_));
            let open = platform.ways.iter().filter(over_network);
            shown.extend(open.map(|way| (way, Evidence::of("it is named"))));
        }
        let (some, before) = (!shown.is_empty(), ways.open.len());
        let open = shown.into_iter();
        let open = open.filter_map(|(way, evidence)| Open::new(platform, way, evidence));
        ways.open.extend(open);
        if ways.open.len() > before {
            continue;
        }
        if some || !platform.is_read() {
            ways.unread.push(platform);
        } else {
            ways.dark = ways.dark.or(Some(platform));
        }
    }
    ways
}

impl Open {
    fn new(platform: &'static Platform, way: &'static Way, evidence: Evidence) -> Option<Open> {
        Some(Open {
            platform,
            way,
            read: way.read?,
            evidence,
        })
    }

    fn read(self, cloud: &mut Cloud) -> Result<Instance, Error> {
        cloud.evidence = self.evidence;
        if let Needs::Network(network) = self.way.needs {
            cloud.network = network;
        }
        (self.read)(cloud)
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
