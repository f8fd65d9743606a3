//! Google Compute Engine: the whole tree of metadata as one JSON document.
//!
//! How to know it: the name of the product, or where that is missing the serial number. What to ask: `/computeMetadata/v1/`
//! with all that is below it, at the service's addresses but by its name, so that nobody has to resolve that; every request
//! says whose metadata are meant. A service that does not know its whole tree is asked for the five documents that
//! cloud-init asks for. Keys are those of the instance and, unless it blocks them, of the project, each for one user and
//! perhaps until some time. Source: Google's "VM metadata" and "Add SSH keys to VMs" pages, and cloud-init's behaviour.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use core::time::Duration;

use super::{Afterburn, Needs, PLAIN, Platform, Way};
use crate::dialect::base64::unpacked;
use crate::fetch::Cloud;
use crate::fetch::service::Service;
use crate::instance::{Document, Documents, Instance, Source, Told};
use crate::machine::smbios::Field;
use crate::outside::{At, Endpoint, Network, date};
use crate::rule::{Match, Rule};
use crate::settings::Settings;
use crate::text;
use crate::value::{Map, Value};
use crate::warning::Error;

/// Google Compute Engine.
pub static PLATFORM: Platform = Platform {
    name: "GCE",
    ways: &[Way {
        sign: Rule::Any(&[
            Rule::Dmi(Field::ProductName, Match::Is("Google Compute Engine")),
            Rule::Dmi(Field::ProductSerial, Match::Starts("GoogleCloud-")),
        ]),
        needs: Needs::Network(Network::Any),
        asks: &[
            "GET /computeMetadata/v1/?recursive=true",
            "without that GET /computeMetadata/v1/instance/id, zone, hostname, attributes/?recursive=True, \
             /computeMetadata/v1/project/attributes/?recursive=True",
        ],
        read: Some(read),
    }],
    user_data_bytes_max: Some(256 << 10),
    only_there: Some("its datasource publishes the machine's host keys"),
    network_each_boot: true,
    afterburn: AFTERBURN,
    ..PLAIN
};

/// Source: Afterburn's page "Metadata attributes".
const AFTERBURN: &[Afterburn] = &[Afterburn {
    prefix: "GCP",
    facts: &[
        ("HOSTNAME", "ds/computeMetadata/instance/hostname"),
        (
            "IP_EXTERNAL_0",
            "ds/computeMetadata/instance/networkInterfaces/0/accessConfigs/0/externalIp",
        ),
        (
            "IP_LOCAL_0",
            "ds/computeMetadata/instance/networkInterfaces/0/ip",
        ),
        ("MACHINE_TYPE", "ds/computeMetadata/instance/machineType"),
    ],
}];

const SERVICE: &str = "http://metadata.google.internal";
const ADDRESSES: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
];
/// Where the tree begins, and how to ask for all of it.
const FOLDER: &str = "/computeMetadata/v1/";
const TREE: &str = "?recursive=true";
/// The documents below it, for a service that does not know the tree.
const LEAVES: [&str; 5] = [
    "instance/id",
    "instance/zone",
    "instance/hostname",
    "instance/attributes/?recursive=True",
    "project/attributes/?recursive=True",
];
/// A user whose keys are always for the default user.
const ANY_IMAGE: &str = "cloudinit";
/// The word in a key behind which stands what only Google understands.
const SCHEMA: &str = "google-ssh";

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let (mut service, folder) = reach(cloud)?;
    let flavor = ("Metadata-Flavor", String::from("Google"));
    service.headers.push(flavor);
    let path = [&folder, TREE].concat();
    let document = service.get_optional(cloud, &path)?;
    let tree = match &document {
        Some(document) => cloud.json_map(&path, document)?,
        None => leaves(cloud, &mut service, &folder)?,
    };
    let source = Source::metadata(&[&service.base, &folder[..]].concat());
    let mut told = told(cloud, tree, source);
    told.documents.put(Document::MetaData, document);
    cloud.instance(told)
}

/// The service, and where its tree begins. One that cloud-init's configuration names is where its name says, unless that is the
/// usual one.
fn reach<'a>(cloud: &mut Cloud<'a>) -> Result<(Service<'a>, String), Error> {
    let configured = cloud.configured_url("metadata_url");
    let folder = configured.map_or(String::from(FOLDER), |url| {
        let path = url.target();
        [path.trim_end_matches('/'), "/"].concat()
    });
    if let Some(url) = configured.filter(|url| url.origin() != SERVICE) {
        return Ok((cloud.reach_url(&url)?, folder));
    }
    let endpoints = ADDRESSES.map(|address| Endpoint {
        url: SERVICE,
        at: At::Address(SocketAddr::new(address, 80)),
    });
    Ok((cloud.reach_at(&endpoints)?, folder))
}

/// As much of the tree as cloud-init asks for.
fn leaves(cloud: &mut Cloud, service: &mut Service, folder: &str) -> Result<Map, Error> {
    let paths = LEAVES.map(|leaf| [folder, leaf].concat());
    let [id, zone, hostname, instance, project] = &paths;
    service.expect(cloud, paths.iter().map(String::as_str));
    let mut text = |cloud: &mut Cloud, path| {
        let body = service.get(cloud, path)?;
        Ok(Value::from(String::from_utf8_lossy(&body).into_owned()))
    };
    let mut tree = Map::from_iter([
        ("id", text(cloud, id)?),
        ("zone", text(cloud, zone)?),
        ("hostname", text(cloud, hostname)?),
    ]);
    let mut attributes = |cloud: &mut Cloud, path| match service.get_or_warn(cloud, path) {
        Some(body) => cloud.json_map(path, &body),
        None => Ok(Map::new()),
    };
    tree.insert("attributes", attributes(cloud, instance)?);
    let project = Map::from_iter([("attributes", attributes(cloud, project)?)]);
    Ok(Map::from_iter([("instance", tree), ("project", project)]))
}

/// What the tree tells, in cloud-init's layout; what that has no place for stands beside it.
fn told(cloud: &mut Cloud, mut tree: Map, source: Source) -> Told {
    let instance = attributes(cloud, &mut tree, "instance");
    let project = attributes(cloud, &mut tree, "project");
    let user_data = user_data(cloud, &instance);
    let text = |key: &str| tree.get("instance")?.get(key)?.to_text();
    let (id, zone, hostname) = (text("id"), text("zone"), text("hostname"));
    let last = |path: String| path.rsplit('/').next().map(String::from);
    let zone = zone.and_then(last);
    let region = zone.as_deref();
    let region = region.map(|zone| zone.rsplit_once('-').map_or(zone, |(region, _)| region));
    let region = region.map(String::from);
    // The names are long; Google asked for short ones.
    let short = hostname.as_deref().and_then(|name| name.split('.').next());
    let short = short.map(String::from);
    let lines = key_lines(&instance, &project);
    let keys = keys(&lines, default_user(cloud.settings), cloud.wall());
    let lines: Vec<Value> = lines.into_iter().map(Value::from).collect();
    let meta_data = Map::from_iter([
        ("instance-id", Value::from(id)),
        ("availability-zone", zone.into()),
        ("local-hostname", hostname.into()),
        ("public-keys-data", lines.into()),
        ("instance-data", instance.into()),
        ("project-data", project.into()),
    ]);
    Told {
        hostname: short,
        region,
        public_keys: keys.into(),
        beside: Map::from_iter([("computeMetadata", tree)]),
        documents: Documents::default().with(Document::UserData, user_data),
        ..Told::by_meta_data("gce", source, meta_data)
    }
}

/// Takes out what the owner has set on the instance or the project.
fn attributes(cloud: &mut Cloud, tree: &mut Map, scope: &str) -> Map {
    let scoped = tree.get_mut(&scope.into()).and_then(Value::as_map_mut);
    match scoped.and_then(|map| map.remove(&"attributes".into())) {
        None => Map::new(),
        Some(Value::Map(map)) => map,
        Some(other) => {
            cloud.warn(scope, "a map of attributes", other.noun());
            Map::new()
        }
    }
}

fn user_data(cloud: &mut Cloud, instance: &Map) -> Option<Vec<u8>> {
    let text = instance.get("user-data")?.to_text()?.into_bytes();
    let encoding = instance.get("user-data-encoding").and_then(Value::to_text);
    let place = "user-data-encoding";
    match encoding.as_deref() {
        None | Some("") => Some(text),
        Some("base64") => {
            let unpacked = unpacked(&text);
            if unpacked.is_none() {
                cloud.warn("user-data", "base 64", "something else");
            }
            unpacked
        }
        Some(other) => {
            cloud.warn(place, "base64", text::quote(other));
            Some(text)
        }
    }
}

/// Lines with keys. `sshKeys` is of old: an instance that has it wants none of its project's.
fn key_lines<'a>(instance: &'a Map, project: &'a Map) -> Vec<&'a str> {
    fn of<'a>(map: &'a Map, key: &str) -> Option<&'a str> {
        map.get(key)?.as_text().filter(|text| !text.is_empty())
    }
    let old = of(instance, "sshKeys");
    let blocks = instance.get("block-project-ssh-keys");
    let blocks = blocks.and_then(Value::to_text).unwrap_or_default();
    let open = old.is_none() && !blocks.eq_ignore_ascii_case("true");
    let of_project = ["ssh-keys", "sshKeys"].map(|key| of(project, key).filter(|_| open));
    let own = [old, of(instance, "ssh-keys")].into_iter();
    let texts = own.chain(of_project).flatten();
    texts.flat_map(text::lines).collect()
}

/// The user whom keys may name to be the default user's, where cloud-init's configuration says: who is named there by `user`, or
/// whom `system_info` names, if `users` has a default one.
fn default_user(settings: &Settings) -> Option<&str> {
    let user = settings.configured(&["user"]);
    let named = user.and_then(|user| user.get("name").unwrap_or(user).as_text());
    let is_default =
        |value: &Value| value.get("name").unwrap_or(value).as_text() == Some("default");
    let has_one = match settings.configured(&["users"]) {
        _ if user.is_some() => true,
        Some(Value::List(users)) => users.iter().any(is_default),
        Some(Value::Text(users)) => users.split(',').any(|user| user.trim() == "default"),
        Some(users) => users
            .get("default")
            .is_some_and(|value| value.as_flag() != Some(false)),
        None => false,
    };
    let user = settings.configured(&["system_info", "default_user", "name"]);
    let known = user.and_then(Value::as_text);
    named.or(known.filter(|_| has_one))
}

/// The keys of the default user that have not expired.
///
/// ```text
/// line = user ":" key
/// key  = algorithm SP base64 [ SP comment ]
///      / algorithm SP base64 SP "google-ssh" SP object      ; in JSON, with `userName` and perhaps `expireOn`
/// ```
fn keys(lines: &[&str], default: Option<&str>, now: Duration) -> Vec<Value> {
    let ours = lines.iter().filter_map(|line| {
        let (user, key) = line.split_once(':')?;
        let named = user == ANY_IMAGE || Some(user) == default;
        (named && line.is_ascii() && !has_expired(key, now)).then_some(key)
    });
    ours.map(Value::from).collect()
}

fn has_expired(key: &str, now: Duration) -> bool {
    let word = |text: &str| {
        let (_, rest) = text.trim_start().split_once(char::is_whitespace)?;
        Some(String::from(rest))
    };
    let expires = || {
        let behind = word(&word(key)?)?;
        let object = behind.trim_start().strip_prefix(SCHEMA)?;
        let object = object.strip_prefix(char::is_whitespace)?;
        let object = crate::json::read(object.as_bytes()).ok()?;
        date::parse_zoned(object.get("expireOn")?.as_text()?)
    };
    expires().is_some_and(|time| now > time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_default_user_until_they_expire() {
        let lines = [
            "cloudinit:ssh-rsa A a",
            "debian:ssh-rsa B b",
            "ada:ssh-rsa C c",
            "debian:ssh-rsa D d\u{fc}",
            "ssh-rsa E e",
            "debian:ssh-rsa F google-ssh {\"expireOn\":\"1970-01-01T00:02:00+0000\"}",
            "debian:ssh-rsa G google-ssh {\"expireOn\":\"1970-01-01T02:01:39+0200\"}",
            "debian:ssh-rsa H google-ssh {\"expireOn\":\"soon\"}",
            "debian:ssh-rsa I other {\"expireOn\":\"1970-01-01T00:00:00Z\"}",
        ];
        let found = |default| {
            let keys = keys(&lines, default, Duration::from_secs(100));
            let keys = keys.iter().filter_map(Value::as_text);
            let words = keys.filter_map(|key| key.split(' ').nth(1));
            words.collect::<Vec<&str>>().concat()
        };
        assert_eq!(found(Some("debian")), "ABFHI");
        assert_eq!(found(None), "A");
    }

    #[test]
    fn an_instance_may_want_no_keys_of_its_project() {
        let map = |text: &str| match crate::json::read(text.as_bytes()) {
            Ok(Value::Map(map)) => map,
            _ => Map::new(),
        };
        let project = map("{\"sshKeys\": \"d\", \"ssh-keys\": \"c\\r\\n\\n\"}");
        for (instance, expected) in [
            ("{}", "c,,d"),
            ("{\"ssh-keys\": \"a\\nb\"}", "a,b,c,,d"),
            ("{\"ssh-keys\": \"a\", \"sshKeys\": \"b\"}", "b,a"),
            ("{\"ssh-keys\": \"a\", \"sshKeys\": \"\"}", "a,c,,d"),
            (
                "{\"ssh-keys\": \"a\", \"block-project-ssh-keys\": \"TRUE\"}",
                "a",
            ),
            (
                "{\"ssh-keys\": [1], \"block-project-ssh-keys\": \"yes\"}",
                "c,,d",
            ),
        ] {
            let instance = map(instance);
            assert_eq!(
                key_lines(&instance, &project).join(","),
                expected,
                "{instance:?}"
            );
        }
    }
}
