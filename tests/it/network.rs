//! Network configuration against cloud-init: `tests/network` holds what clouds say and what cloud-init 26.2 makes of it, one input
//! a line, and `tests/oracle/network.py` makes more of it with whatever cloud-init it is given.
//!
//! `NETWORK=300 NETWORK_PATH=FOLDER cargo test --test it network` compares that many inputs of each kind with the cloud-init whose
//! modules are in FOLDER; without FOLDER it is Debian's, and only what that does already is compared. `UPDATE=1` with FOLDER
//! writes `tests/network` anew.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use cloudseed_core::json;
use cloudseed_core::machine::{self, Link};
use cloudseed_core::network::{self, Config, Dialect};
use cloudseed_core::value::{Map, Value};
use cloudseed_core::warning::Warning;

use crate::differential::{manifest, modules};
use crate::fixture::updating;

/// Inputs of each kind that are kept in `tests/network`.
const KEPT: &str = "8";

/// What we make of an input, and what we say of it.
fn ours(kind: &str, input: &Value, links: &[Link]) -> (Option<Value>, Vec<Warning>) {
    let written = |(config, warnings): (Option<Config>, Vec<Warning>)| {
        (config.map(|config| config.write()), warnings)
    };
    match kind {
        "ec2" => {
            let nothing = Map::new();
            let told = input.get("meta_data").and_then(Value::as_map);
            let (config, warnings) =
                network::ec2::config(told.unwrap_or(&nothing), links, network::ec2::Extent::Whole);
            let tables = input.get("tables") == Some(&true.into());
            let plain = |config: Config| {
                if tables {
                    config
                } else {
                    config.without_tables()
                }
            };
            written((config.map(plain), warnings))
        }
        "hetzner" => network::hetzner::document(input, links),
        "digitalocean" => written(network::digitalocean::config(input, links)),
        "azure" => written(network::azure::config(input, links, &|_| false)),
        "scaleway" => {
            let leased = input.get("leased").and_then(Value::as_text);
            let leased = leased.map(|leased| leased.parse().unwrap());
            let metadata = input.get("metadata").unwrap();
            written(network::scaleway::config(metadata, links, leased))
        }
        "lxd" => {
            let text = |key| input.get(key).and_then(Value::as_text).unwrap();
            let config = network::lxd::config(links, text("virt"), text("arch"));
            written((config, Vec::new()))
        }
        "smartos" => {
            let fact = |key| input.get(key).unwrap().clone();
            written(network::smartos::config(&network::smartos::Facts {
                nics: fact("nics"),
                resolvers: fact("resolvers"),
                domain: fact("domain"),
                routes: fact("routes"),
            }))
        }
        "openstack" => network::openstack::document(input, links),
        "opennebula" => network::opennebula::document(input.as_map().unwrap_or(&Map::new()), links),
        "interfaces" => written(network::interfaces::config(input.as_text().unwrap())),
        "version1" => {
            let (mut config, warnings) = Config::read(input);
            if let Some(config) = &mut config {
                config.dialect = Dialect::Version2;
            }
            written((config, warnings))
        }
        "version2" => written(Config::read(input.get("document").unwrap())),
        other => panic!("{other}: no such kind"),
    }
}

/// The interfaces of a machine.
fn links(list: &Value) -> Vec<Link> {
    let list = list.as_list().unwrap().iter().zip(1..);
    list.map(|(link, index)| {
        let text = |key| link.get(key).and_then(Value::as_text).map(String::from);
        let name = text("name").unwrap();
        Link {
            index,
            mac: text("mac").and_then(|mac| machine::mac(&mac)),
            hardware: if name == "lo" { 772 } else { 1 },
            mtu: 1500,
            driver: text("driver"),
            physical: link.get("physical") == Some(&true.into()),
            master: text("master"),
            carrier: link.get("carrier").and_then(Value::as_bool),
            name,
        }
    })
    .collect()
}

/// A value without what says nothing to cloud-init: nulls, empty texts, lists and maps.
pub fn said(value: &Value) -> Value {
    let empty = |value: &Value| match value {
        Value::Null => true,
        Value::Text(text) => text.is_empty(),
        Value::List(list) => list.is_empty(),
        Value::Map(map) => map.is_empty(),
        _ => false,
    };
    match value {
        Value::List(list) => Value::List(list.iter().map(said).collect()),
        Value::Map(map) => {
            let entries = map.iter().map(|(key, value)| (key.clone(), said(value)));
            Value::Map(entries.filter(|(_, value)| !empty(value)).collect::<Map>())
        }
        other => other.clone(),
    }
}

/// How ours differs from what is expected of an input.
fn difference(line: &Value) -> Option<String> {
    let text = |key| line.get(key).and_then(Value::as_text);
    let input = line.get("input").unwrap();
    let (made, warnings) = ours(
        text("kind").unwrap(),
        input,
        &links(line.get("links").unwrap()),
    );
    let made = said(&made.unwrap_or(Value::Null));
    let wrong = match text("error") {
        // Where cloud-init gives up, we say what is wrong, and go on.
        Some(error) => warnings
            .is_empty()
            .then(|| format!("no warning, theirs {error}")),
        None => {
            let expected = said(line.get("expected").unwrap());
            let (ours, theirs) = (json::write(&made), json::write(&expected));
            (made != expected).then(|| format!("ours   {ours}\ntheirs {theirs}"))
        }
    }?;
    let name = text("name").unwrap();
    Some(format!("{name}: {}\n{wrong}", json::write(input)))
}

fn none_differ(count: usize, wrong: Vec<String>) {
    let some: Vec<&str> = wrong.iter().take(5).map(String::as_str).collect();
    assert!(
        wrong.is_empty(),
        "{} of {count} differ:\n{}",
        wrong.len(),
        some.join("\n\n")
    );
}

/// cloud-init at work, by one of the scripts in `tests/oracle`.
pub fn oracle(script: &str, path: &Path, count: &str) -> Child {
    python(script, path)
        .args([&*env::var("NETWORK_SEED").unwrap_or("1".into()), count])
        .spawn()
        .unwrap()
}

/// A script of `tests/oracle` with cloud-init's modules in `path`; what those need beside them is Debian's.
pub fn python(script: &str, path: &Path) -> Command {
    let path = [path, &modules()]
        .map(|path| path.display().to_string())
        .join(":");
    let mut command = Command::new("/usr/bin/python3");
    command
        .arg(manifest("tests/oracle").join(script))
        .env("PYTHONPATH", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// Shows every line of the oracle.
fn each(mut oracle: Child, mut look: impl FnMut(Value)) {
    let mut next = oracle.stdin.take().unwrap();
    for line in BufReader::new(oracle.stdout.take().unwrap()).lines() {
        look(json::read(line.unwrap().as_bytes()).unwrap());
        writeln!(next).unwrap();
    }
    assert!(oracle.wait().unwrap().success());
}

#[test]
fn what_is_kept_is_made_as_cloud_init_makes_it() {
    let folder = manifest("tests/network");
    if let Some(path) = env::var_os("NETWORK_PATH").filter(|_| updating()) {
        let mut kept = BTreeMap::<String, String>::new();
        each(oracle("network.py", Path::new(&path), KEPT), |line| {
            let kind = line.get("kind").and_then(Value::as_text).unwrap();
            let lines = kept.entry(kind.to_owned()).or_default();
            *lines += &(json::write(&line) + "\n");
        });
        for (kind, lines) in kept {
            fs::write(folder.join(kind + ".json"), lines).unwrap();
        }
    }
    let (mut count, mut wrong) = (0, Vec::new());
    for entry in fs::read_dir(folder).unwrap() {
        for line in fs::read_to_string(entry.unwrap().path()).unwrap().lines() {
            wrong.extend(difference(&json::read(line.as_bytes()).unwrap()));
            count += 1;
        }
    }
    none_differ(count, wrong);
    assert!(count > 20);
}

#[test]
fn generated_facts_are_made_as_cloud_init_makes_them() {
    let path = env::var_os("NETWORK_PATH").unwrap_or_default();
    let count = env::var("NETWORK").unwrap_or("30".into());
    let (mut compared, mut wrong) = (0, Vec::new());
    each(oracle("network.py", Path::new(&path), &count), |line| {
        wrong.extend(difference(&line));
        compared += 1;
    });
    none_differ(compared, wrong);
    assert!(compared >= count.parse().unwrap());
}

fn value(json: &str) -> Value {
    json::read(json.as_bytes()).unwrap()
}

/// What is left of a document, and what was said about the rest.
fn left(document: &Value) -> (String, Vec<String>) {
    let (config, warnings) = Config::read(document);
    let left = config.map_or("none".into(), |config| json::write(&config.write()));
    (left, warnings.iter().map(Warning::whole).collect())
}

#[test]
fn a_refused_value_costs_itself_and_is_named() {
    for (document, expected, warnings) in [
        (
            r#"{"version": 2, "ethernets": {"a": {"mtu": "big", "dhcp4": "maybe", "dhcp6": true, "addresses": ["10.0.0.1/33", "10.0.0.2/8", {}],
                "match": {"macaddress": 5254}, "set-name": "a name that is too long", "nameservers": ["10.0.0.3"]}, "": {}, "b": null, "c": 3}}"#,
            r#"{"version":2,"ethernets":{"a":{"dhcp6":true,"addresses":["10.0.0.2/8"]},"b":{},"c":{}}}"#,
            &[
                r#"network: network-config.ethernets.a.dhcp4: expected true or false, but found "maybe""#,
                r#"network: network-config.ethernets.a.set-name: expected the name of an interface, but found "a name that is too long""#,
                r#"network: network-config.ethernets.a.addresses: expected an IP address, but found "10.0.0.1/33""#,
                "network: network-config.ethernets.a.addresses: expected an IP address, but found a map",
                r#"network: network-config.ethernets.a.mtu: expected a whole number, but found "big""#,
                "network: network-config.ethernets.a.nameservers: expected a map, but found a list",
                r#"network: network-config.ethernets.a.match.macaddress: expected a hardware address in quotes, but found "5254""#,
                r#"network: network-config.ethernets: expected the name of a device, but found """#,
                r#"network: network-config.ethernets.c: expected a map, but found "3""#,
            ][..],
        ),
        (
            r#"{"version": 2, "ethernets": {"a": {"routes": [{"to": "default"}, {"via": "10.0.0.1"}, 7, {"to": "10.0.0.0/8", "via": "fe80::1", "metric": -1}]}},
                "vlans": {"v": {"id": 3}}, "bonds": {"o": {"interfaces": ["a", "b/c"], "parameters": {"mode": [[1]], "primary": "a"}}}, "bridges": []}"#,
            r#"{"version":2,"ethernets":{"a":{"routes":[{"via":"fe80::1","to":"10.0.0.0/8"}]}},"bonds":{"o":{"interfaces":["a"],"parameters":{"primary":"a"}}}}"#,
            &[
                "network: network-config.ethernets.a.routes: expected a map, but found \"7\"",
                "network: network-config.ethernets.a.routes: expected a network in `to`, but found a route without",
                "network: network-config.ethernets.a.routes: expected a network in `to`, but found a route without",
                "network: network-config.ethernets.a.routes.metric: expected a whole number, but found \"-1\"",
                "network: network-config.bonds.o.interfaces: expected a name, but found \"b/c\"",
                "network: network-config.bonds.o.parameters.mode: expected a plain value, but found a list",
                "network: network-config.bridges: expected a map, but found a list",
                "network: network-config.vlans.v: expected a VLAN's number and link, but found one without",
            ],
        ),
        (
            r#"{"version": 1, "config": [{"type": "wifi", "name": "w"}, {"type": "physical"}, "x", {"type": "physical", "name": "a", "subnets": [
                {"type": "static", "address": "10.0.0.1", "netmask": "255.0.255.0", "dns_nameservers": "10.0.0.9 nobody"}, {"type": "ppp"}, {"type": "dhcp"}]},
                {"type": "nameserver", "interface": "b", "address": "10.0.0.8"}]}"#,
            r#"{"version":1,"config":[{"type":"physical","name":"a","subnets":[{"type":"dhcp4","dns_nameservers":["10.0.0.9"]}]}]}"#,
            &[
                "network: network-config.config: expected a map, but found \"x\"",
                "network: network-config.config: expected a type of version 1, but found \"wifi\"",
                "network: network-config.config: expected a device with a name, but found one without",
                "network: network-config.config.a.subnets.dns_nameservers: expected an IP address, but found \"nobody\"",
                "network: network-config.config.a.subnets: expected an IP address with its network, but found \"10.0.0.1\"",
                "network: network-config.config.a.subnets: expected a type of subnet, but found \"ppp\"",
                "network: network-config.config: expected a device to ask name servers through, but found \"b\"",
            ],
        ),
        (
            r#"{"version": 3}"#,
            "none",
            &["network: network-config: expected version 1 or 2, but found \"3\""],
        ),
        (
            r#"{"network": []}"#,
            "none",
            &["network: network-config: expected a map, but found a list"],
        ),
        (r#"{"network": {"config": "disabled"}}"#, "none", &[]),
        (r#"{"config": "disabled"}"#, "none", &[]),
    ] {
        let (found, said) = left(&value(document));
        assert_eq!(found, expected, "{document}");
        assert_eq!(said, warnings, "{document}");
    }
}

#[test]
fn what_is_made_of_others_keeps_its_words_in_both_versions() {
    let document = value(
        r#"{"version": 1, "config": [
            {"mac_address": "52:54:00:00:00:01", "mtu": 9000, "accept-ra": false, "wakeonlan": true, "params": {"driver": "ena"},
                "type": "physical", "name": "a", "subnets": [{"type": "ipv6_slaac", "metric": 3}]},
            {"bond_interfaces": ["a"], "params": {"bond-mode": "802.3ad", "bond-arp-ip-target": ["10.0.0.1"]}, "type": "bond", "name": "o",
                "subnets": [{"type": "static", "address": "fd00::1/64", "mtu": 1300, "gateway": "fd00::2"}]},
            {"bridge_interfaces": ["o"], "params": {"bridge_stp": true, "bridge_pathcost": ["o 50", "p 60"]}, "type": "bridge", "name": "r",
                "subnets": [{"type": "static", "address": "10.0.0.2/8", "routes": [{"gateway": "10.0.0.3", "metric": 7, "network": "10.9.0.0/16"}]}]},
            {"vlan_id": 7, "vlan_link": "r", "type": "vlan", "name": "v", "subnets": [{"type": "dhcp6"}]},
            {"gateway": "10.0.0.4", "destination": "10.8.0.0/16", "type": "route"},
            {"address": ["10.0.0.5"], "search": ["example.com"], "type": "nameserver"}]}"#,
    );
    let (config, warnings) = Config::read(&document);
    let mut config = config.unwrap();
    assert_eq!(warnings, []);
    assert_eq!(config.clone().write(), document);
    config.dialect = Dialect::Version2;
    let (again, _) = Config::read(&config.clone().write());
    assert_eq!(again.unwrap().write(), config.write());
}

#[test]
fn lists_devices_and_warnings_have_an_end() {
    let many = |text: &dyn Fn(usize) -> String| {
        let texts: Vec<String> = (0..2000).map(text).collect();
        texts.join(", ")
    };
    let addresses = many(&|n| format!("\"10.0.{}.{}/8\"", n / 256, n % 256));
    let devices = many(&|n| format!("\"d{n}\": {{\"mtu\": \"x\"}}"));
    let document = value(&format!(
        r#"{{"version": 2, "ethernets": {{"a": {{"addresses": [{addresses}]}}, {devices}}}}}"#
    ));
    let (config, warnings) = Config::read(&document);
    let config = config.unwrap();
    assert_eq!(config.devices.len(), network::NETWORK_DEVICES_MAX);
    let addresses = config.devices[0].addresses.len();
    assert_eq!(addresses, network::NETWORK_ELEMENTS_MAX);
    assert_eq!(warnings.len(), network::NETWORK_WARNINGS_MAX);
    assert!(warnings.last().unwrap().to_string().ends_with("found more"));

    let route = r#"{"network": "10.0.0.0/8", "gateway": "10.0.0.1"}"#;
    let subnets = many(&|n| {
        let n = n % 256;
        format!(r#"{{"type": "static", "address": "10.0.0.{n}", "routes": [{route}, {route}]}}"#)
    });
    let document = format!(
        r#"{{"version": 1, "config": [{{"type": "physical", "name": "a", "subnets": [{subnets}]}}]}}"#
    );
    let (config, _) = Config::read(&value(&document));
    let routes = config.unwrap().devices[0].routes.len();
    assert_eq!(routes, network::NETWORK_ELEMENTS_MAX);
}

#[test]
fn interfaces_of_both_families_are_read_and_passwords_kept() {
    let text = "auto lo\nallow-hotplug eth0\n\niface eth0 inet static\n\taddress  10.0.0.2/24\n\tgateway 10.0.0.1\n  mtu 1400\n  up ip route \\\n    add x\n\
                # more\niface eth0 inet6 auto\niface eth0:1 inet6 static\n address fd00::1\niface eth1 inet6 dhcp\n  wpa-psk secret\niface ppp0 inet ppp\n";
    let (config, warnings) = network::interfaces::config(text);
    assert_eq!(
        json::write(&config.unwrap().write()),
        r#"{"version":1,"config":[{"mtu":1400,"type":"physical","name":"eth0","subnets":[{"type":"ipv6_slaac","control":"auto"},"#.to_owned()
            + r#"{"type":"static","address":"10.0.0.2","netmask":"255.255.255.0","gateway":"10.0.0.1","control":"auto"},"#
            + r#"{"type":"static","address":"fd00::1/64","control":"auto"}]},"#
            + r#"{"type":"physical","name":"eth1","subnets":[{"type":"dhcp6","control":"manual"}]},"#
            + r#"{"type":"physical","name":"ppp0","subnets":[{"type":"manual","control":"manual"}]}]}"#
    );
    let said: Vec<String> = warnings.iter().map(Warning::whole).collect();
    assert_eq!(
        said,
        [
            "network: network-interfaces: expected an option about addresses, but found \"up\"",
            "network: network-interfaces: expected an option about addresses, but found \"wpa-psk\"",
            "network: network-interfaces.ppp0: expected a family and a method, but found \"inet ppp\"",
        ]
    );
    assert_eq!(network::interfaces::config("# nothing\n"), (None, vec![]));
}

/// Every value that differs from another in one place: something odd stands there.
fn spoilt(value: &Value, spoil: &Value) -> Vec<Value> {
    let mut all = vec![spoil.clone()];
    match value {
        Value::List(list) => {
            for (place, element) in list.iter().enumerate() {
                all.extend(spoilt(element, spoil).into_iter().map(|odd| {
                    let mut list = list.clone();
                    list[place] = odd;
                    Value::List(list)
                }));
            }
        }
        Value::Map(map) => {
            for (key, element) in map.iter() {
                all.extend(spoilt(element, spoil).into_iter().map(|odd| {
                    let mut map = map.clone();
                    map.insert(key.clone(), odd);
                    Value::Map(map)
                }));
            }
        }
        _ => {}
    }
    all
}

#[test]
fn nothing_that_a_cloud_says_is_too_odd() {
    let long = "x".repeat(100_000);
    let odd = [
        Value::Null,
        true.into(),
        (-1).into(),
        "".into(),
        long.as_str().into(),
        "::/0".into(),
        Value::List(vec![Value::Null]),
        Map::new().into(),
    ];
    for entry in fs::read_dir(manifest("tests/network")).unwrap() {
        let lines = fs::read_to_string(entry.unwrap().path()).unwrap();
        let line = value(lines.lines().nth(1).unwrap());
        let text = |key| line.get(key).and_then(Value::as_text).unwrap();
        // What the test itself asks of these is not the cloud's to say.
        if matches!(text("kind"), "lxd" | "interfaces") {
            continue;
        }
        let key = match text("kind") {
            "ec2" => Some("meta_data"),
            "scaleway" => Some("metadata"),
            "version2" => Some("document"),
            "smartos" => Some("nics"),
            _ => None,
        };
        let input = line.get("input").unwrap();
        let links = links(line.get("links").unwrap());
        for spoil in &odd {
            for told in spoilt(key.map_or(input, |key| input.get(key).unwrap()), spoil) {
                let mut input = input.clone();
                match (key, &mut input) {
                    (Some(key), Value::Map(map)) => drop(map.insert(key, told)),
                    _ => input = told,
                }
                let (_, warnings) = ours(text("kind"), &input, &links);
                assert!(
                    warnings
                        .iter()
                        .all(|warning| warning.to_string().len() < 1000)
                );
            }
        }
    }
}
