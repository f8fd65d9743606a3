//! Fetching against cloud-init: `tests/fetching` holds what cloud-init 26.2 makes of the roots that are read over HTTP, one file
//! for each, and every boot of ours has to say the same, but for what the table of `tests/roots/DEVIATIONS.md` explains.
//!
//! `FETCH_PATH=FOLDER cargo test --test it fetching` asks the cloud-init whose modules are in FOLDER once more, of the roots that `ROOT`
//! names, with the same simulated services; `UPDATE=1` beside it keeps the answers. Without FOLDER nothing is asked, and what was
//! kept is compared: a new root is compared once somebody has asked. With FOLDER, `VARIATIONS=100 cargo test --test it variations`
//! changes the documents of each root, or of those that `ROOT` names, in that many ways, which `VARIATIONS_SEED` chooses, or in `all`
//! ways that there are, draws as many payloads that users may have there, or `PAYLOADS`, and takes those that somebody wrote in
//! `tests/oracle/odd.py`; `VARIATION` is a pattern of those that are tried, and `FETCH_SHOW=1` tells explained differences, too, and
//! what was refused. Without FOLDER those few are compared that are kept in `tests/fetching/variations`. `UPDATE=1` adds to these one for each row
//! of the table that none of them needs yet.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cloudseed_core::boot::Booted;
use cloudseed_core::instance::{Hostname, Instance};
use cloudseed_core::json;
use cloudseed_core::network::Config;
use cloudseed_core::url::Url;
use cloudseed_core::userdata::compose;
use cloudseed_core::value::{Map, Value};
use cloudseed_core::yaml;

use crate::cloud::dns::Name;
use crate::cloud::folder::Folder;
use crate::cloud::http::{Parsed, Request, Service};
use crate::cloud::settings::{DEFAULT, Settings};
use crate::differential::{manifest, original};
use crate::fixture::{Fixture, chosen, matches, roots, updating};
use crate::network::{python, said};
use crate::roots::{boot_of, booted};

/// What is compared.
const FIELDS: [&str; 16] = [
    "instance-id",
    "hostname",
    "local-hostname",
    "keys",
    "cloud-id",
    "cloud-name",
    "platform",
    "subplatform",
    "region",
    "zone",
    "user-data",
    "vendor-data",
    "vendor-data2",
    "network",
    "config",
    "meta-data",
];

/// Longest answer that cloud-init is given, in bytes: it would take what is without end.
const LONGEST: u64 = 1 << 24;

/// The service of one root.
pub struct Simulated {
    settings: Settings,
    service: Service,
    has_first_page: bool,
    is_socket: bool,
    /// The routers of cards that are told one each.
    routers: Value,
}

impl Simulated {
    /// What answers at a socket, whatever the host is called.
    pub fn at_socket(folder: &Path) -> Simulated {
        Simulated {
            is_socket: true,
            ..Simulated::new(folder)
        }
    }

    pub fn new(cloud: &Path) -> Simulated {
        let folder = Folder::new(cloud).unwrap();
        let mut settings = Settings::default();
        let text = folder.settings();
        settings.add(text.as_deref().unwrap_or(DEFAULT)).unwrap();
        let leases = text.iter().flat_map(|text| text.lines());
        let routers = leases.filter_map(|line| {
            let words = || line.strip_prefix("lease ").map(|line| line.split(' '));
            let word = |key| words()?.skip_while(|word| *word != key).nth(1);
            Some((Value::from(word("only")?), Value::from(word("router")?)))
        });
        let routers = Value::Map(routers.collect());
        let service = Service::new(folder, &settings);
        let has_first_page = cloud.join("GET/_").exists();
        Simulated {
            settings,
            service,
            has_first_page,
            is_socket: false,
            routers,
        }
    }

    /// The addresses of a host.
    fn addresses(&self, host: &str) -> Vec<IpAddr> {
        let host = host.split("%25").next().unwrap_or(host);
        // Only machines of that cloud know it, and ours asks the address.
        if host == "metadata.google.internal" {
            return self.settings.listen.iter().map(SocketAddr::ip).collect();
        }
        match (host.parse(), self.settings.names.get(host)) {
            (Ok(address), _) => vec![address],
            (_, Some(Name::Addresses(addresses))) => addresses.clone(),
            (_, Some(Name::Alias(other))) => self.addresses(other),
            _ => Vec::new(),
        }
    }

    /// The answer to what cloud-init asks.
    pub fn answer(&mut self, asked: &Value) -> Value {
        let text = |key: &str| asked.get(key).and_then(Value::as_text);
        if let Some(name) = text("name") {
            let addresses = self.addresses(name).into_iter();
            let addresses = addresses
                .map(|address| address.to_string().into())
                .collect();
            return Map::from_iter([("addresses", Value::List(addresses))]).into();
        }
        let url = Url::parse(text("url").unwrap()).unwrap();
        let listens = |address| {
            let at = SocketAddr::new(address, url.port());
            self.settings.listen.contains(&at)
        };
        let error = |what: &str| Value::from(Map::from_iter([("error", what)]));
        if !self.is_socket && !self.addresses(url.host()).into_iter().any(listens) {
            return error("refused");
        }
        let request = request(asked, &url);
        // Whether a service is there some datasources ask of its first page, which no root records.
        if url.target() == "/" && url.port() == 80 && !self.has_first_page {
            let up = [
                ("status", 200.into()),
                ("headers", Map::new().into()),
                ("body", Value::from("dXA=")),
            ];
            return Map::from_iter(up).into();
        }
        match self.service.answer(&request) {
            None => error("timeout"),
            Some(reply) if reply.length() > LONGEST => error("too long for this test"),
            Some(reply) => {
                let mut bytes = Vec::new();
                while (bytes.len() as u64) < reply.length() {
                    bytes.extend(reply.bytes(bytes.len() as u64, usize::MAX));
                }
                spoken(&bytes).unwrap_or_else(|| error("no HTTP"))
            }
        }
    }
}

/// What the DHCP server told, in the words of dhclient.
fn lease(booted: &Booted) -> Value {
    let mut lease = Map::from_iter([("interface", "eth0")]);
    let result = booted.plan.get("cloudseed/result.json").unwrap();
    let result = json::read(result).unwrap();
    let cards = result.get("network").and_then(Value::as_list);
    let told = |card: &Value, key: &str| card.at(&["dhcp4", key]).and_then(Value::to_text);
    for card in cards.unwrap_or_default() {
        let Some(address) = told(card, "address") else {
            continue;
        };
        lease.insert("fixed-address", address.split('/').next());
        lease.insert("dhcp-server-identifier", told(card, "server"));
        lease.insert("domain-name", told(card, "domain"));
        if let Some(wireserver) = told(card, "wireserver") {
            lease.insert("unknown-245", wireserver);
        }
        let routes = card.get("routes").and_then(Value::as_list);
        let default = |route: &&Value| route.get("to") == Some(&"0.0.0.0/0".into());
        let router = routes.and_then(|routes| routes.iter().find(default)?.get("via"));
        lease.insert("routers", router.cloned());
        break;
    }
    lease.into()
}

/// A request as our server reads it.
fn request(asked: &Value, url: &Url) -> Request {
    let text = |key: &str| asked.get(key).and_then(Value::as_text).unwrap();
    let mut bytes = format!("{} {} HTTP/1.1\r\n", text("method"), url.target()).into_bytes();
    for header in asked.get("headers").and_then(Value::as_list).unwrap() {
        let pair = header.as_list().unwrap();
        let (name, value) = (pair[0].as_text().unwrap(), pair[1].as_text().unwrap());
        bytes.extend(format!("{name}: {value}\r\n").bytes());
    }
    bytes.extend(b"\r\n");
    bytes.extend(STANDARD.decode(text("body")).unwrap());
    let Parsed::Whole(mut request, _) = Request::parse(&bytes) else {
        panic!("{}", String::from_utf8_lossy(&bytes));
    };
    request.port = asked.get("port").and_then(Value::as_int).unwrap() as u16;
    request
}

/// A response in the oracle's words.
fn spoken(bytes: &[u8]) -> Option<Value> {
    let end = bytes.windows(4).position(|four| four == b"\r\n\r\n")?;
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let (first, headers) = head.split_once("\r\n").unwrap_or((&head, ""));
    let status: i64 = first.split(' ').nth(1)?.parse().ok()?;
    let headers = headers.lines().filter_map(|line| line.split_once(": "));
    let headers: Map = headers.collect();
    let body = STANDARD.encode(&bytes[end + 4..]);
    let answer = [
        ("status", Value::Int(status)),
        ("headers", headers.into()),
        ("body", body.into()),
    ];
    Some(Map::from_iter(answer).into())
}

/// cloud-init at work.
struct Oracle {
    child: Child,
    asks: BufReader<ChildStdout>,
}

impl Oracle {
    fn start(path: &Path) -> Oracle {
        let mut child = python("fetching.py", path)
            .env("PYTHONPYCACHEPREFIX", original().join("pycache"))
            .current_dir("/")
            .spawn()
            .unwrap();
        let asks = BufReader::new(child.stdout.take().unwrap());
        Oracle { child, asks }
    }

    fn tell(&mut self, value: &Value) {
        let input = self.child.stdin.as_mut().unwrap();
        writeln!(input, "{}", json::write(value)).unwrap();
    }

    /// What cloud-init makes of a root.
    fn asked(&mut self, platform: &str, fixture: &Fixture, cloud: &Path, lease: Value) -> Value {
        let mut simulated = Simulated::new(cloud);
        let path = |path: PathBuf| Value::from(path.display().to_string());
        let machine = [
            ("platform", platform.into()),
            ("machine", path(fixture.machine())),
            ("scratch", path(fixture.beside("scratch"))),
            ("lease", lease),
            ("routers", simulated.routers.clone()),
            ("disc", path(fixture.beside("volume"))),
        ];
        self.tell(&Map::from_iter(machine).into());
        loop {
            let mut line = String::new();
            assert_ne!(self.asks.read_line(&mut line).unwrap(), 0, "{platform}");
            let line = json::read(line.as_bytes()).unwrap();
            if let Some(result) = line.get("result") {
                return result.clone();
            }
            self.tell(&simulated.answer(&line));
        }
    }
}

impl Drop for Oracle {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// What our boot found, in the same words; nothing if it found nothing.
pub fn found(booted: &Booted) -> Option<(String, Map)> {
    let instance = booted.instance.as_ref()?;
    let file = |name: &str| booted.plan.get(&format!("cloudseed/{name}"));
    let data = json::read(file("instance-data-sensitive.json")?).unwrap();
    let fact = |key: &str| data.at(&["v1", key]).cloned().unwrap_or_default();
    let document = |name: &str| {
        let bytes = file(name)?;
        Some(match std::str::from_utf8(bytes) {
            Ok(text) => Value::from(text),
            Err(_) => Map::from_iter([("base64", STANDARD.encode(bytes))]).into(),
        })
    };
    let hostname = instance.hostname.as_ref().map(|name| name.as_str());
    let read = |name: &str| file(name).and_then(|bytes| yaml::read(bytes).ok());
    let fields = [
        ("instance-id", fact("instance_id")),
        ("hostname", hostname.into()),
        ("keys", fact("public_ssh_keys")),
        ("local-hostname", fact("local_hostname")),
        ("cloud-id", fact("cloud_id")),
        ("cloud-name", fact("cloud_name")),
        ("platform", fact("platform")),
        ("subplatform", fact("subplatform")),
        ("region", fact("region")),
        ("zone", fact("availability_zone")),
        ("user-data", document("user-data").into()),
        ("vendor-data", document("vendor-data").into()),
        ("vendor-data2", document("vendor-data2").into()),
        ("network", read("network-config").into()),
        ("config", read("platform-cloud-config.yaml").into()),
        ("meta-data", data.at(&["ds", "meta_data"]).cloned().into()),
    ];
    Some((String::from(instance.platform), Map::from_iter(fields)))
}

/// A field without what differs in form alone: empty values, keys of no use, marks of base 64, several texts as one.
fn plain(field: &str, value: &Value) -> Value {
    match (field, value) {
        ("keys", Value::List(keys)) => {
            let texts = keys.iter().filter_map(Value::as_text);
            let lines = texts.flat_map(str::lines).map(str::trim);
            let lines = lines.filter(|line| line.split(' ').count() > 1 && !line.starts_with('#'));
            Value::List(lines.map(Value::from).collect())
        }
        ("vendor-data" | "vendor-data2" | "user-data", Value::List(texts)) if !texts.is_empty() => {
            let texts: Vec<&[u8]> = texts
                .iter()
                .filter_map(Value::as_text)
                .map(str::as_bytes)
                .collect();
            let joined = String::from_utf8_lossy(&compose::joined(&texts)).into_owned();
            Some(joined).filter(|_| !texts.is_empty()).into()
        }
        ("instance-id" | "zone" | "region", value) => value.to_text().into(),
        // What is no map is no configuration, and neither is a version alone.
        ("network", Value::Map(map)) => {
            let told = map
                .iter()
                .filter(|(key, _)| key.as_text() != Some("version"));
            let said = told.map(|(_, value)| said(value));
            if said.into_iter().any(|value| !is_empty(&value)) {
                address_canonical(&unmarked(value))
            } else {
                Value::Null
            }
        }
        ("network", _) => Value::Null,
        // The place of a service is told in other words, and by many datasources not at all.
        ("subplatform", Value::Text(text)) if is_service(text) => {
            let kind = text.split(' ').next().filter(|kind| *kind != "unknown");
            Value::from(kind.unwrap_or("metadata"))
        }
        (_, value) => unmarked(value),
    }
}

/// A network configuration in which an address has one spelling, of IP and of hardware, and one name server is a list of one.
fn address_canonical(value: &Value) -> Value {
    match value {
        Value::Text(text) => {
            let (address, rest) = text.split_at(text.find('/').unwrap_or(text.len()));
            match address.parse::<IpAddr>() {
                Ok(address) => Value::from(address.to_string() + rest),
                Err(_) if is_hardware_address(text) => text.to_ascii_lowercase().into(),
                Err(_) => value.clone(),
            }
        }
        Value::List(list) => Value::List(list.iter().map(address_canonical).collect()),
        Value::Map(map) => {
            let entry = |(key, value): (&Value, &Value)| {
                let value = address_canonical(value);
                let one = key.as_text() == Some("dns_nameservers") && value.as_text().is_some();
                (
                    key.clone(),
                    if one { Value::List(vec![value]) } else { value },
                )
            };
            Value::Map(map.iter().map(|(key, value)| entry((key, value))).collect())
        }
        other => other.clone(),
    }
}

fn is_hardware_address(text: &str) -> bool {
    let pair = |pair: &str| pair.len() == 2 && pair.bytes().all(|b| b.is_ascii_hexdigit());
    text.split(':').count() == 6 && text.split(':').all(pair)
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Text(text) => text.is_empty(),
        Value::List(list) => list.is_empty(),
        Value::Map(map) => map.is_empty(),
        other => other.is_null(),
    }
}

fn unmarked(value: &Value) -> Value {
    match value {
        Value::Text(text) => text.strip_prefix("ci-b64:").unwrap_or(text).into(),
        Value::List(list) => Value::List(list.iter().map(unmarked).collect()),
        Value::Map(map) => match map.get("base64") {
            Some(text) if map.len() == 1 => text.clone(),
            _ => {
                // What it is called in a file, which cloud-init keeps in the tree.
                let entries = map
                    .iter()
                    .filter(|(key, _)| key.as_text() != Some("_orig_eni_name"))
                    .map(|(key, value)| (key.clone(), unmarked(value)));
                Value::Map(entries.collect())
            }
        },
        other => other.clone(),
    }
}

/// Rows of the table whose first column has this head, each with what it is about, the field, and a reason; the field `all` stands
/// for every one.
pub fn deviations<C: FromIterator<(String, String)>>(head: &str) -> C {
    let text = fs::read_to_string(roots().join("DEVIATIONS.md")).unwrap();
    let head = format!("| {head} | field | why it differs |");
    let (_, table) = text.split_once(&head).unwrap();
    let rows = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert!(cells[3].len() > 10, "no reason: {row}");
        (String::from(cells[1]), String::from(cells[2]))
    })
    .collect()
}

fn is_service(subplatform: &str) -> bool {
    subplatform.contains("http") || matches!(subplatform, "unknown" | "imds (IMDS)")
}

/// A card of ours is recognised by its address and keeps the name that the real root gives it; cloud-init goes by the name, or
/// gives the card a new one.
fn recognised(ours: &mut Value, theirs: &mut Value) {
    let cards = |value: &mut Value, change: &mut dyn FnMut(&str, &mut Map)| {
        let cards = value
            .as_map_mut()
            .and_then(|map| map.get_mut(&"ethernets".into()));
        for (name, card) in cards
            .and_then(Value::as_map_mut)
            .into_iter()
            .flat_map(Map::iter_mut)
        {
            if let (Some(name), Some(card)) = (name.as_text(), card.as_map_mut()) {
                change(name, card);
            }
        }
    };
    let mut by_name = BTreeSet::new();
    cards(theirs, &mut |name, card| {
        card.remove(&"set-name".into());
        if !card.contains("match") {
            by_name.insert(String::from(name));
        }
    });
    cards(ours, &mut |name, card| {
        card.remove(&"set-name".into());
        if by_name.contains(name) {
            card.remove(&"match".into());
        }
    });
}

/// Whether two documents describe one network: an address may have its length or a mask. Of theirs there may be more that is
/// not understood, where ours has told of it.
fn same_network(ours: &Map, theirs: &Value, has_told: bool) -> bool {
    let [ours, theirs] = [ours.get("network"), theirs.get("network")].map(|value| {
        let (config, warnings) = Config::read(&plain("network", value.unwrap_or(&Value::Null)));
        (config.map(Config::write), warnings.is_empty())
    });
    let is_understood = ours.1 && (theirs.1 || has_told);
    is_understood && ours.0.is_some() && ours.0 == theirs.0
}

/// Those of the fields in which a machine differs.
pub fn differences(
    fields: &[&'static str],
    ours: &Map,
    theirs: &Value,
) -> Vec<(&'static str, String)> {
    let shown = |value: &Value| json::write(value);
    if let Some(error) = theirs.get("error").and_then(Value::as_text) {
        return vec![("all", format!("theirs ends with {error}"))];
    }
    let mut differ = Vec::new();
    for field in fields.iter().copied() {
        let nothing = Value::Null;
        let (ours, theirs) = (ours.get(field), theirs.get(field));
        let [mut ours, mut theirs] =
            [ours, theirs].map(|value| said(&plain(field, value.unwrap_or(&nothing))));
        if field == "network" {
            recognised(&mut ours, &mut theirs);
        }
        if ours != theirs && !(is_empty(&ours) && is_empty(&theirs)) {
            differ.push((
                field,
                format!("ours   {}\n  theirs {}", shown(&ours), shown(&theirs)),
            ));
        }
    }
    differ
}

#[test]
fn roots_are_read_as_cloud_init_reads_them() {
    let path = env::var_os("FETCH_PATH").map(PathBuf::from);
    let deviations: BTreeSet<(String, String)> = deviations("root");
    let mut oracle = path.as_deref().map(Oracle::start);
    let (mut used, mut wrong, mut compared) = (BTreeSet::new(), Vec::new(), BTreeMap::new());
    for name in chosen() {
        let file = manifest("tests/fetching").join(format!("{name}.json"));
        let kept = fs::read(&file).ok();
        if kept.is_none() && path.is_none() {
            continue;
        }
        let booted = booted(&name);
        // Azure's disc is read beside its service.
        let is_asked = |instance: &Instance| {
            instance.source.place.contains("http") || instance.platform == "Azure"
        };
        if !booted.instance.as_ref().is_some_and(is_asked) {
            continue;
        }
        let (platform, ours) = found(&booted).unwrap();
        let theirs = match (&mut oracle, kept) {
            (Some(oracle), _) => {
                let fixture = Fixture::new(&name);
                let cloud = fixture.cloud().unwrap();
                oracle.asked(&platform, &fixture, &cloud, lease(&booted))
            }
            (None, kept) => json::read(&kept.unwrap()).unwrap(),
        };
        if path.is_some() && updating() {
            fs::write(&file, json::write_indented(&theirs) + "\n").unwrap();
        }
        println!("{name}: {}", json::write(&theirs));
        *compared.entry(platform).or_insert(0) += 1;
        for (field, how) in differences(&FIELDS, &ours, &theirs) {
            let rows = [field, "all"].map(|field| (name.clone(), String::from(field)));
            match rows.into_iter().find(|row| deviations.contains(row)) {
                Some(row) => drop(used.insert(row)),
                None => wrong.push(format!("{name}: {field}:\n  {how}")),
            }
        }
    }
    if env::var_os("ROOT").is_none() {
        let unused = deviations.difference(&used);
        wrong.extend(unused.map(|row| format!("{row:?}: a row that is no longer true")));
        assert!(compared.len() > 5, "{compared:?}");
    }
    assert!(wrong.is_empty(), "{}\n{compared:?}", wrong.join("\n"));
}

/// How many variations of a root are compared, unless the environment says.
const VARIATIONS: &str = "20";

/// What changes a value at a time, what draws whole payloads, and those that somebody wrote.
const CHANGES: &str = "variations.py";
const PAYLOADS: &str = "payloads.py";
const ODD: &str = "odd.py";

/// One variation of a cloud's answers: what was done, and the files with their new bytes.
#[derive(Default)]
struct Variation {
    what: String,
    files: Vec<(String, Option<Vec<u8>>)>,
}

fn variations(name: &str, path: &Path, script: &str) -> Vec<Variation> {
    let word = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.into());
    let fixture = Fixture::new(name);
    let seed = word("VARIATIONS_SEED", "1") + name;
    let count = match (script, word("VARIATIONS", VARIATIONS)) {
        (PAYLOADS, count) if count == "all" => word("PAYLOADS", "0"),
        (PAYLOADS, count) => word("PAYLOADS", &count),
        (_, count) => count,
    };
    let out = python(script, path)
        .env("MACHINE", fixture.machine())
        .arg(fixture.cloud().unwrap())
        .args([seed, count])
        .output()
        .unwrap();
    assert!(out.status.success());
    let mut variations: Vec<Variation> = Vec::new();
    for line in String::from_utf8(out.stdout).unwrap().lines() {
        let line = json::read(line.as_bytes()).unwrap();
        let text = |key: &str| line.get(key).and_then(Value::as_text);
        let file: String = text("file").unwrap().into();
        if let Some(what) = text("what") {
            let what = match script {
                CHANGES => format!("{file} {what}"),
                _ => String::from(what),
            };
            variations.push(Variation {
                what,
                ..Variation::default()
            });
        }
        let body = text("body").map(|body| STANDARD.decode(body).unwrap());
        variations.last_mut().unwrap().files.push((file, body));
    }
    variations
}

/// False for what cloud-init itself cannot make: a field that it fails at, a host name that is none.
fn is_told(field: &str, theirs: Option<&Value>) -> bool {
    match theirs {
        Some(Value::Map(map)) => !map.contains("error"),
        Some(Value::Text(name)) if field == "hostname" => Hostname::read(name).1,
        _ => true,
    }
}

/// How many values a boot refused: each has left a warning. A boot that ends without an identifier refused that.
fn refusals(booted: &Booted) -> usize {
    let result = booted.plan.get("cloudseed/result.json").unwrap();
    let result = json::read(result).unwrap();
    let warnings = result.get("warnings").and_then(Value::as_list);
    let no_id = booted.line.contains("instance-id: expected");
    warnings.unwrap_or_default().len() + usize::from(no_id)
}

/// A row of the table: a pattern, and the field.
type Row = (String, String);

/// What came of one variation.
enum Outcome {
    /// But for what these rows explain.
    Same(BTreeSet<Row>),
    /// cloud-init makes nothing of it.
    GaveUp,
    Differs(Vec<String>),
}

/// A root whose documents are varied.
struct Subject {
    name: String,
    platform: String,
    /// How many values its boot refuses as it is.
    usual: usize,
    deviations: BTreeSet<Row>,
    /// Those of variations: a pattern of what was done, and the field.
    of_variations: Vec<Row>,
}

impl Subject {
    fn new(name: &str) -> Subject {
        let booted = booted(name);
        Subject {
            platform: found(&booted).unwrap().0,
            usual: refusals(&booted),
            deviations: deviations("root"),
            of_variations: deviations("variation"),
            name: name.into(),
        }
    }

    /// Boots a variation, and compares it with the kept answer or with what the oracle says now; gives that, too.
    fn outcome(&self, case: &Variation, theirs: Theirs) -> (Outcome, Value) {
        let fixture = Fixture::new(&self.name);
        let cloud = fixture.cloud().unwrap();
        for (file, body) in &case.files {
            let place = cloud.join(file);
            match body {
                Some(body) => {
                    fs::create_dir_all(place.parent().unwrap()).unwrap();
                    fs::write(place, body).unwrap();
                }
                None => fs::remove_file(place).unwrap(),
            }
        }
        let (booted, _, _) = boot_of(&fixture, Some(&cloud), "");
        let theirs = match theirs {
            Theirs::Kept(theirs) => theirs,
            Theirs::Asked(oracle) => oracle.asked(&self.platform, &fixture, &cloud, lease(&booted)),
        };
        (self.compare(&case.what, &booted, &theirs), theirs)
    }

    fn compare(&self, what: &str, booted: &Booted, theirs: &Value) -> Outcome {
        let id = theirs.get("instance-id").and_then(Value::to_text);
        // One root's has none whatever is answered.
        let row = (self.name.clone(), String::from("instance-id"));
        let is_usual = booted.instance.is_some() && self.deviations.contains(&row);
        let constant = |id: &String| id == "iid-datasource" && !is_usual;
        let no_id = id.is_none_or(|id| id.is_empty() || constant(&id));
        let shows = env::var_os("FETCH_SHOW").is_some();
        if theirs.get("error").is_some() || no_id {
            if shows {
                let error = theirs.get("error").map(json::write);
                println!(
                    "{}: {what}: gives up: {error:?}; ours: {}",
                    self.name, booted.line
                );
            }
            return Outcome::GaveUp;
        }
        let refused = refusals(booted) > self.usual;
        let differ = match found(booted).filter(|(which, _)| *which == self.platform) {
            None => vec![("all", format!("ours ends with {}", booted.line))],
            Some((_, ours)) => {
                let mut differ = differences(&FIELDS, &ours, theirs);
                if same_network(&ours, theirs, refused) {
                    differ.retain(|(field, _)| *field != "network");
                }
                differ
            }
        };
        let counts = |field: &str| {
            let rows = [field, "all"].map(|field| (self.name.clone(), String::from(field)));
            let known = rows.iter().any(|row| self.deviations.contains(row));
            let told = field == "all" || is_told(field, theirs.get(field));
            told && !known
        };
        let case = format!("{}: {what}", self.name);
        let (mut used, mut lines) = (BTreeSet::new(), Vec::new());
        if shows && refused {
            println!("{case}: refused: {differ:?}");
        }
        for (field, how) in differ.into_iter().filter(|(field, _)| counts(field)) {
            let explains = |row: &&Row| row.1 == field && matches(&row.0, &case);
            match self.of_variations.iter().find(explains) {
                Some(row) => drop(used.insert(row.clone())),
                None => lines.push(format!("{case}: {field}:\n  {how}")),
            }
            if shows {
                println!("{case}: {field}:\n  {how}");
            }
        }
        if lines.is_empty() {
            Outcome::Same(used)
        } else {
            Outcome::Differs(lines)
        }
    }
}

/// Where cloud-init's answer comes from.
enum Theirs<'o> {
    Kept(Value),
    Asked(&'o mut Oracle),
}

/// The variations of a root that are kept, with cloud-init's answers.
fn kept(file: &Path) -> Vec<(Variation, Option<Value>)> {
    let cases = fs::read(file).map(|bytes| json::read(&bytes).unwrap());
    let cases = cases.unwrap_or_default();
    let case = |case: &Value| {
        let files = case.get("files").and_then(Value::as_list).unwrap();
        let file = |pair: &Value| {
            let pair = pair.as_list().unwrap();
            let body = pair[1].as_text().map(|body| STANDARD.decode(body).unwrap());
            (String::from(pair[0].as_text().unwrap()), body)
        };
        let variation = Variation {
            what: case.get("what").unwrap().to_text().unwrap(),
            files: files.iter().map(file).collect(),
        };
        (variation, case.get("theirs").cloned())
    };
    cases
        .as_list()
        .unwrap_or_default()
        .iter()
        .map(case)
        .collect()
}

fn to_keep(case: &Variation, theirs: Value) -> Value {
    let file = |(name, body): &(String, Option<Vec<u8>>)| {
        let body = body.as_ref().map(|body| STANDARD.encode(body));
        Value::List(vec![name.as_str().into(), body.into()])
    };
    let files: Vec<Value> = case.files.iter().map(file).collect();
    let case = [
        ("what", Value::from(case.what.as_str())),
        ("files", files.into()),
        ("theirs", theirs),
    ];
    Map::from_iter(case).into()
}

/// The variations of a root, with cloud-init's answers if they are kept.
fn cases(name: &str, path: Option<&Path>) -> Vec<(Variation, Option<Value>)> {
    let folder = manifest("tests/fetching");
    match path {
        Some(path) if folder.join(format!("{name}.json")).exists() => {
            let cases = [CHANGES, PAYLOADS, ODD].map(|script| variations(name, path, script));
            let pattern = env::var("VARIATION").unwrap_or_else(|_| String::from("*"));
            let cases = cases.into_iter().flatten();
            let cases = cases.filter(|case| matches(&pattern, &format!("{name}: {}", case.what)));
            cases.map(|case| (case, None)).collect()
        }
        _ => kept(&kept_file(name)),
    }
}

fn kept_file(name: &str) -> PathBuf {
    manifest("tests/fetching").join(format!("variations/{name}.json"))
}

/// What comes of each of the cases, with cloud-init's answer; on every processor, each with a cloud-init of its own.
fn outcomes(
    subject: &Subject,
    cases: &[(Variation, Option<Value>)],
    path: Option<&Path>,
) -> Vec<(Outcome, Value)> {
    let (next, outcomes) = (AtomicUsize::new(0), Mutex::new(BTreeMap::new()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut oracle = path.map(Oracle::start);
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    let Some((case, theirs)) = cases.get(number) else {
                        break;
                    };
                    let theirs = match (theirs, &mut oracle) {
                        (Some(theirs), _) => Theirs::Kept(theirs.clone()),
                        (None, Some(oracle)) => Theirs::Asked(oracle),
                        (None, None) => unreachable!("who asks has an oracle"),
                    };
                    let outcome = subject.outcome(case, theirs);
                    outcomes.lock().unwrap().insert(number, outcome);
                }
            });
        }
    });
    outcomes.into_inner().unwrap().into_values().collect()
}

/// Keeps, beside what is kept of a root, one variation for each row that neither those nor others, in `used`, need.
fn keep(
    subject: &Subject,
    cases: &[(Variation, Option<Value>)],
    found: Vec<(Outcome, Value)>,
    used: &BTreeSet<Row>,
) {
    let file = kept_file(&subject.name);
    let old = kept(&file);
    let (mut used, mut all) = (used.clone(), Vec::new());
    for ((case, _), (outcome, theirs)) in old.iter().zip(outcomes(subject, &old, None)) {
        if let Outcome::Same(rows) = outcome {
            used.extend(rows);
            all.push(to_keep(case, theirs));
        }
    }
    for ((case, _), (outcome, theirs)) in cases.iter().zip(found) {
        if let Outcome::Same(rows) = outcome
            && !rows.is_subset(&used)
        {
            used.extend(rows);
            all.push(to_keep(case, theirs));
        }
    }
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    fs::write(file, json::write(&Value::List(all)) + "\n").unwrap();
}

#[test]
fn variations_are_read_as_cloud_init_reads_them() {
    let path = env::var_os("FETCH_PATH").map(PathBuf::from);
    let (mut wrong, mut tried, mut gave_up) = (Vec::new(), 0, 0);
    let mut used: BTreeSet<Row> = BTreeSet::new();
    for name in chosen() {
        let cases = cases(&name, path.as_deref());
        if cases.is_empty() {
            continue;
        }
        let subject = Subject::new(&name);
        let outcomes = outcomes(&subject, &cases, path.as_deref());
        tried += cases.len();
        let mut of_root = BTreeSet::new();
        for (outcome, _) in &outcomes {
            match outcome {
                Outcome::Same(rows) => of_root.extend(rows.iter().cloned()),
                Outcome::GaveUp => gave_up += 1,
                Outcome::Differs(lines) => wrong.extend(lines.iter().cloned()),
            }
        }
        if path.is_some() && updating() {
            keep(&subject, &cases, outcomes, &used);
        }
        used.extend(of_root);
    }
    let rows: BTreeSet<Row> = deviations("variation");
    let unused = rows.difference(&used);
    let unused = unused.map(|row| format!("{row:?}: a row that explains nothing"));
    let whole = env::var_os("ROOT").is_none() && (path.is_none() || every());
    if whole {
        wrong.extend(unused);
    } else {
        unused.for_each(|row| println!("{row} here"));
    }
    let count = wrong.len();
    assert!(tried > 0 || env::var_os("ROOT").is_some());
    println!("{tried} variations; cloud-init gives up {gave_up} of them");
    assert!(
        wrong.is_empty(),
        "{}\n{count} differences in {tried} variations; cloud-init gives up {gave_up} of them",
        wrong.join("\n")
    );
}

/// True if every variation is asked for.
fn every() -> bool {
    env::var("VARIATIONS").is_ok_and(|count| count == "all")
}
