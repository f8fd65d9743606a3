//! Boot: the six steps in their order, over the seams.

mod once;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use crate::compile::{
    self, Decoded, Document, Ending, Handover, Identified, Outcome, Timing, instance_data, vendor,
};
use crate::fetch::{Cloud, FETCH_SECONDS_MAX, Outside};
use crate::identify::{self, Answer};
use crate::instance::Instance;
use crate::machine::{Kind, Machine};
use crate::plan::Plan;
use crate::platform::{self, Platform};
use crate::settings::Settings;
use crate::userdata::template::{self, Templates};
use crate::userdata::{self, launch};
use crate::value::{Map, Value};
use crate::warning::{Blame, Error, Warning};

use once::{Kept, Once};

/// What whoever starts a boot may choose.
#[derive(Clone, Copy, Default)]
pub struct Options {
    /// Fetch from this platform, whatever firmware says.
    pub platform: Option<&'static Platform>,
    /// What stock cloud-init is told; `None` leaves it to the setting `cloudseed.handover`.
    pub handover: Option<Handover>,
}

/// What came of a boot.
pub struct Booted {
    /// The files to write.
    pub plan: Plan,
    /// The one line for the console.
    pub line: String,
    /// The instance, if there is one.
    pub instance: Option<Instance>,
    /// False only if there should be an instance and there is none.
    pub well: bool,
}

/// Runs identify, fetch, decode and compile on a machine that was probed since the program started.
pub fn boot(
    machine: &Machine,
    outside: &mut dyn Outside,
    templates: &mut dyn Templates,
    options: Options,
) -> Booted {
    let mut steps = Steps::probed(outside.now());
    let (settings, found) = steps.run("identify", outside, |_| {
        let settings = Settings::read(machine, platform::searched());
        let found = identify::identify(machine, &settings);
        (settings, found)
    });
    for (name, verdict) in &found.verdicts {
        if !matches!(verdict, crate::rule::Verdict::No(_)) {
            outside.note(format_args!("identify: {name}: {}", verdict.because()));
        }
    }
    let platforms = options
        .platform
        .map_or(found.platforms.clone(), |platform| alloc::vec![platform]);
    let mut warnings = settings.warnings.clone();
    let fetched = steps.run("fetch", outside, |outside| {
        fetch(machine, &settings, outside, &platforms, &mut warnings)
    });
    let mut kept = Kept::default();
    let decoded = match &fetched {
        Some(Ok(instance)) => steps.run("decode", outside, |outside| {
            let decoded = decode(
                machine,
                &settings,
                outside,
                instance,
                &mut kept,
                &mut warnings,
            );
            render(machine, instance, decoded, templates, &mut warnings)
        }),
        _ => Vec::new(),
    };
    for warning in &warnings {
        outside.note(format_args!("{warning}"));
    }
    let ending = match &fetched {
        Some(Ok(instance)) => Ending::Found(instance),
        Some(Err(error)) => Ending::Failed(error),
        None if found.answer == Answer::Disabled => Ending::Disabled,
        None => Ending::None,
    };
    let so_far = line(&ending, &decoded, &warnings, outside.now());
    outside.note(format_args!("{so_far}"));
    let log = outside.lines();
    let maybe: Vec<String> = found.maybe.iter().map(|name| String::from(*name)).collect();
    let outcome = Outcome {
        ending,
        identified: Identified {
            result: found.answer.word(),
            datasources: &found.datasources,
            maybe: &maybe,
        },
        decoded: &decoded,
        warnings: &warnings,
        log: &log,
        timings: &steps.timings,
        network: outside.learnt(),
        system: owners_rules(&settings),
        kernel: &machine.kernel,
        systemd: machine.files.kind("/run/systemd/system") == Some(Kind::Directory),
        handover: options.handover.unwrap_or(settings.handover),
    };
    let (mut plan, more) = compile::compile(&outcome);
    kept.put(&mut plan);
    warnings.extend(more);
    let line = line(&ending, &decoded, &warnings, outside.now());
    let well = !matches!(fetched, Some(Err(_)));
    Booted {
        plan,
        line,
        instance: fetched.and_then(Result::ok),
        well,
    }
}

/// Measures the steps.
struct Steps {
    timings: Vec<Timing>,
}

impl Steps {
    fn probed(took: Duration) -> Steps {
        let probe = Timing {
            step: "probe",
            start_micros: 0,
            micros: micros(took),
        };
        Steps {
            timings: alloc::vec![probe],
        }
    }

    fn run<T>(
        &mut self,
        step: &'static str,
        outside: &mut dyn Outside,
        run: impl FnOnce(&mut dyn Outside) -> T,
    ) -> T {
        let start = outside.now();
        let value = run(outside);
        let took = outside.now().saturating_sub(start);
        self.timings.push(Timing {
            step,
            start_micros: micros(start),
            micros: micros(took),
        });
        value
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// Fetches from the first platform that has something; what the others said becomes a warning. `None` if there is nobody
/// to ask.
pub fn fetch(
    machine: &Machine,
    settings: &Settings,
    outside: &mut dyn Outside,
    platforms: &[&'static Platform],
    warnings: &mut Vec<Warning>,
) -> Option<Result<Instance, Error>> {
    let limit = settings.deadline;
    let deadline = outside.now() + limit.unwrap_or(Duration::from_secs(FETCH_SECONDS_MAX));
    let mut failed: Option<Error> = None;
    for platform in platforms {
        let mut cloud = Cloud::new(platform.name, machine, outside, deadline);
        let fetched = match platform.fetch {
            Some(fetch) => fetch(&mut cloud),
            None => Err(Error::new(
                Blame::Unable,
                "fetch",
                platform.name,
                "a platform that cloudseed can ask",
                "one that it can only name to cloud-init",
            )),
        };
        warnings.append(&mut cloud.warnings);
        match fetched {
            Ok(instance) => {
                warnings.extend(failed.map(|error| error.what));
                return Some(Ok(instance));
            }
            Err(error) => warnings.extend(failed.replace(error).map(|error| error.what)),
        }
    }
    failed.map(Err)
}

/// Takes the documents apart: user-data, unless the system's configuration forbids it, then what the operator of the cloud
/// added. Where includes are strict, one that fails leaves nothing of any document.
pub fn decode(
    machine: &Machine,
    settings: &Settings,
    outside: &mut dyn Outside,
    instance: &Instance,
    kept: &mut Kept,
    warnings: &mut Vec<Warning>,
) -> Vec<Decoded> {
    let mut includes_lost = 0;
    let deadline = outside.now() + Duration::from_secs(FETCH_SECONDS_MAX);
    let documents = &instance.documents;
    let decoded = [
        (Document::UserData, &documents.user_data),
        (Document::VendorData, &documents.vendor_data),
        (Document::VendorData2, &documents.vendor_data2),
    ]
    .into_iter()
    .filter_map(|(document, bytes)| {
        let bytes = bytes.as_deref().filter(|bytes| !bytes.is_empty())?;
        let word = settings.configured(&["allow_userdata"]);
        if document == Document::UserData && !vendor::allows_user_data(word) {
            outside.note(format_args!(
                "decode: user-data is left alone: allow_userdata is false"
            ));
            return None;
        }
        let mut web = crate::fetch::Web {
            files: machine.files,
            outside,
            deadline,
        };
        let mut once = Once {
            web: &mut web,
            files: machine.files,
            instance_id: instance.instance_id.as_str(),
            kept,
        };
        let decoded = userdata::take_apart(bytes, document.name(), &mut once);
        warnings.extend(decoded.warnings);
        includes_lost += decoded.includes_lost;
        let parts = decoded.parts;
        // The operator's documents are for every machine; only the owner's may single one out.
        let parts = match (document, instance.launch_index) {
            (Document::UserData, Some(index)) => launch::for_launch_index(parts, index),
            _ => parts,
        };
        Some(Decoded { document, parts })
    })
    .collect();
    if includes_lost > 0 && settings.strict_includes {
        let found = format!("{includes_lost} that could not be; nothing is done");
        let expected = "every document to be included";
        warnings.push(Warning::new("decode", "strict_includes", expected, found));
        return Vec::new();
    }
    decoded
}

/// What the system's own configuration says of the operator's documents.
fn owners_rules(settings: &Settings) -> Value {
    let said = ["vendor_data", "vendor_data2"].into_iter();
    let said = said.filter_map(|key| Some((key, settings.configured(&[key])?.clone())));
    said.collect::<Map>().into()
}

/// Renders the parts that are templates, with what this boot will write of the instance.
fn render(
    machine: &Machine,
    instance: &Instance,
    decoded: Vec<Decoded>,
    templates: &mut dyn Templates,
    warnings: &mut Vec<Warning>,
) -> Vec<Decoded> {
    let data = instance_data::sensitive(instance, &machine.kernel);
    decoded
        .into_iter()
        .map(|Decoded { document, parts }| {
            let (parts, found) = template::render_parts(parts, &data, templates);
            warnings.extend(found);
            Decoded { document, parts }
        })
        .collect()
}

/// The boot in one line: what was found where and how long it took, or what went wrong.
fn line(ending: &Ending, decoded: &[Decoded], warnings: &[Warning], now: Duration) -> String {
    let millis = now.as_micros() as f64 / 1000.0;
    match ending {
        Ending::Found(instance) => {
            let parts: usize = decoded.iter().map(|decoded| decoded.parts.len()).sum();
            let what = format!(
                "{} {} from {}, {parts} parts, {millis:.1} ms",
                instance.platform,
                instance.instance_id.as_str(),
                instance.source
            );
            match warnings {
                [] => format!("found: {what}"),
                [only] => format!("degraded: {what}; {only}"),
                [first, more @ ..] => {
                    format!("degraded: {what}; {first} (and {} more)", more.len())
                }
            }
        }
        Ending::Failed(error) => format!("failed: {error}"),
        Ending::None => format!("none: no platform, no volume, no argument ({millis:.1} ms)"),
        Ending::Disabled => format!("disabled ({millis:.1} ms)"),
    }
}
