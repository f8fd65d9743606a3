//! OpenNebula: a volume labelled CONTEXT, or CDROM on older releases, in capitals only.
//!
//! How to know it: the label, or a seed directory. What to read: `context.sh`, which says everything. It is written for a
//! shell; here it is parsed and never executed: see [`shell::variables`]. Source: OpenNebula's "Context section" of the template
//! reference, and cloud-init's behaviour. On purpose otherwise: what only a shell could tell costs its variable.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Needs, PLAIN, Platform, Way};
use crate::dialect::base64::unpacked_text;
use crate::dialect::seed::Place;
use crate::dialect::{dsmode, shell};
use crate::fetch::Cloud;
use crate::instance::{Document, Documents, Instance, Source, Told};
use crate::machine::Machine;
use crate::network;
use crate::rule::Rule;
use crate::value::{Map, Value};
use crate::warning::Error;

/// OpenNebula.
pub static PLATFORM: Platform = Platform {
    name: "OpenNebula",
    ways: &[Way {
        sign: Rule::Any(&[Rule::Holds(SEED, &["meta-data"]), Rule::Label(&LABELS)]),
        needs: Needs::Nothing,
        asks: &["context.sh of the seed directory or of the volume"],
        read: Some(read),
    }],
    ..PLAIN
};

const SEED: &str = "/var/lib/cloud/seed/opennebula";
const LABELS: [&str; 2] = ["CONTEXT", "CDROM"];
const CONTEXT: &str = "context.sh";
/// The identifier of every instance: the context has none that cloud-init knows.
const ID: &str = "iid-dsopennebula";
/// The variables that may say the host name; the first that is there counts.
const NAMES: [&str; 5] = [
    "SET_HOSTNAME",
    "HOSTNAME",
    "PUBLIC_IP",
    "IP_PUBLIC",
    "ETH0_IP",
];
/// Variables that cloud-init's shell sets itself.
const SHELLS: [&str; 8] = [
    "EPOCHREALTIME",
    "EPOCHSECONDS",
    "RANDOM",
    "LINENO",
    "SECONDS",
    "_",
    "SRANDOM",
    "__v",
];

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let configured = cloud.configured("dsmode");
    dsmode::refuse_disabled(cloud, &[configured])?;
    let places = places(cloud.machine);
    let mut failed = None;
    for place in &places {
        match place.read(cloud, CONTEXT) {
            Ok(Some(document)) => {
                cloud.warnings.extend(failed.map(|error: Error| error.what));
                return instance(cloud, place, document);
            }
            Ok(None) => {}
            Err(error) => {
                let before = failed.replace(error);
                cloud.warnings.extend(before.map(|error| error.what));
            }
        }
    }
    Err(failed.unwrap_or_else(|| {
        let looked: Vec<String> = places.iter().map(Place::name).collect();
        cloud.broken(&looked.join(", "), CONTEXT, "no such file")
    }))
}

/// Where a context may be: the seed directory, labelled volumes, other discs.
fn places<'a>(machine: &'a Machine) -> Vec<Place<'a>> {
    let directory = machine.files.kind(SEED).is_some();
    let labelled = LABELS.iter().flat_map(|label| {
        let volumes = machine.volumes.iter();
        volumes.filter(move |volume| volume.is_labelled(label))
    });
    let discs = machine.volumes.iter().filter(|volume| {
        let is_labelled = LABELS.iter().any(|label| volume.is_labelled(label));
        volume.kind.as_deref() == Some("iso9660") && !is_labelled
    });
    let mut places: Vec<Place> = Vec::new();
    places.extend(directory.then_some(Place::Directory(SEED)));
    places.extend(labelled.chain(discs).map(Place::Volume));
    places
}

fn instance(cloud: &mut Cloud, place: &Place, document: Vec<u8>) -> Result<Instance, Error> {
    let Ok(text) = core::str::from_utf8(&document) else {
        return Err(cloud.broken(CONTEXT, "text", "something else"));
    };
    let (variables, warnings) = shell::variables(CONTEXT, text);
    cloud.add_warnings(warnings);
    let is_ours = |name: &Value| !SHELLS.iter().any(|other| name.as_text() == Some(other));
    let context = variables.into_iter();
    let context: Map = context.filter(|(name, _)| is_ours(name)).collect();
    let links = cloud.links_of(&context.clone().into());
    let (network, warnings) = network::opennebula::document(&context, &links);
    cloud.add_warnings(warnings);
    let network = network.map(|network| crate::yaml::write(&network).into_bytes());
    let user_data = user_data(cloud, &context);
    let source = match place {
        Place::Volume(volume) => Source::config_disk(&volume.name),
        _ => Source::seed_dir(place.name()),
    };
    let told = Told {
        documents: Documents::default()
            .with(Document::MetaData, Some(document))
            .with(Document::UserData, user_data)
            .with(Document::NetworkConfig, network),
        ..Told::by_meta_data("opennebula", source, meta_data(context))
    };
    cloud.instance(told)
}

fn text<'a>(context: &'a Map, names: &[&str]) -> Option<&'a str> {
    let mut found = names.iter().filter_map(|name| context.get(name));
    found.next()?.as_text()
}

/// The variables, and beside them what cloud-init reads out of them.
fn meta_data(mut context: Map) -> Map {
    let keys = text(&context, &["SSH_KEY", "SSH_PUBLIC_KEY"]).map(|keys| {
        let lines = keys.lines();
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(Value::from).collect::<Vec<Value>>()
    });
    let hostname = text(&context, &NAMES).map(String::from);
    if let Some(keys) = keys {
        context.insert("public-keys", keys);
    }
    if let Some(hostname) = hostname {
        context.insert("local-hostname", hostname);
    }
    context.insert("instance-id", ID);
    context
}

fn user_data(cloud: &mut Cloud, context: &Map) -> Option<Vec<u8>> {
    let text_of = |names| text(context, names);
    let user_data = text_of(&["USER_DATA", "USERDATA"])?;
    let encoding = text_of(&["USERDATA_ENCODING", "USER_DATA_ENCODING"]);
    if encoding == Some("base64") {
        let decoded = unpacked_text(user_data);
        if decoded.is_some() {
            return decoded;
        }
        cloud.warn(
            "USER_DATA",
            "base 64, as its encoding says",
            "something else",
        );
    }
    Some(user_data.as_bytes().to_vec())
}
