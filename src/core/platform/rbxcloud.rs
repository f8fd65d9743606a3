//! RbxCloud: a volume labelled CLOUDMD.
//!
//! What to read: `cloud.json`, which has the machine's name, its network cards and the default user with keys and password,
//! and `user.data`. Source: cloud-init's behaviour. On purpose otherwise: whether /etc/hosts is managed is left to the image,
//! whose file is not here, and neighbours are not told of the machine's addresses.

use alloc::vec::Vec;

use super::{Needs, PLAIN, Platform, Way};
use crate::dialect::seed::Place;
use crate::fetch::Cloud;
use crate::instance::{Document, Documents, Instance, Source, Told};
use crate::machine::volume::Volume;
use crate::network;
use crate::rule::Rule;
use crate::value::{Map, Value};
use crate::warning::Error;

/// HyperOne and Rootbox.
pub static PLATFORM: Platform = Platform {
    name: "RbxCloud",
    ways: &[Way {
        sign: Rule::Label(&LABELS),
        needs: Needs::Nothing,
        asks: &["cloud.json and user.data of the volume"],
        read: Some(read),
    }],
    network_each_boot: true,
    ..PLAIN
};

const LABELS: [&str; 2] = ["CLOUDMD", "cloudmd"];
const FACTS: &str = "cloud.json";

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let machine = cloud.machine;
    let mut failed = None;
    for volume in &machine.volumes {
        if LABELS.iter().any(|label| volume.is_labelled(label)) {
            match drive(cloud, volume) {
                Ok(told) => {
                    cloud.warnings.extend(failed.map(|error: Error| error.what));
                    return cloud.instance(told);
                }
                Err(error) => {
                    let before = failed.replace(error);
                    cloud.warnings.extend(before.map(|error| error.what));
                }
            }
        }
    }
    Err(failed.unwrap_or_else(|| cloud.broken("volumes", "one labelled CLOUDMD", "none")))
}

fn drive(cloud: &mut Cloud, volume: &Volume) -> Result<Told, Error> {
    let place = Place::Volume(volume);
    let Some(document) = place.read(cloud, FACTS)? else {
        return Err(cloud.broken(&place.name(), FACTS, "no such file"));
    };
    let facts = Value::Map(cloud.json_map(FACTS, &document)?);
    let (Some(machine), Some(cards)) = (facts.get("vm"), facts.get("netadp")) else {
        return Err(cloud.broken(FACTS, "vm and netadp", "one without"));
    };
    let network = network::rbxcloud::document(cards, &cloud.links_of(cards));
    let network = cloud.network_document(network);
    let nobody = Value::Null;
    let user = facts.get("additionalMetadata").unwrap_or(&nobody);
    let fact = |key: &str| machine.get(key).cloned().unwrap_or_default();
    let meta_data = Map::from_iter([
        ("instance-id", fact("_id")),
        ("local-hostname", fact("name")),
        ("public-keys", Value::List(Vec::new())),
    ]);
    Ok(Told {
        config: config(user),
        documents: Documents::default()
            .with(Document::MetaData, Some(document))
            .with(Document::UserData, place.read_or_warn(cloud, "user.data"))
            .with(Document::NetworkConfig, network),
        ..Told::by_meta_data("rbxcloud", Source::config_disk(&volume.name), meta_data)
    })
}

/// The default user as the cloud wants it.
fn config(user: &Value) -> Map {
    let fact = |path: &[&str]| user.at(path).cloned().unwrap_or_default();
    let name = fact(&["username"]);
    let sudo = Value::from("ALL=(ALL) NOPASSWD:ALL");
    let keys = user.get("sshKeys").cloned();
    let default_user = Map::from_iter([
        ("name", name.clone()),
        ("gecos", name),
        ("sudo", Value::List(alloc::vec![sudo])),
        ("passwd", fact(&["password", "sha512"])),
        ("lock_passwd", false.into()),
        (
            "ssh_authorized_keys",
            keys.unwrap_or_else(|| Value::List(Vec::new())),
        ),
    ]);
    Map::from_iter([
        ("ssh_pwauth", Value::from(true)),
        ("disable_root", true.into()),
        (
            "system_info",
            Map::from_iter([("default_user", default_user)]).into(),
        ),
    ])
}
