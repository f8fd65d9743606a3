//! Renderers: what is written for each program that sets up a root's network.
//!
//! ```text
//! tests/renderers/NAME/network-config     a configuration
//! tests/renderers/NAME/RENDERER           all that is written of it, and what is said about the rest
//! ```
//!
//! `UPDATE=1 cargo test --test it renderers` takes what comes out for right; the diff is the review.
//!
//! `RENDERERS=5000 NETWORK_PATH=FOLDER cargo test --test it renderers` compares ours with cloud-init's on that many generated
//! configurations, key by key, `NETWORK_SEED` on others. FOLDER holds the modules of cloud-init 26.2: Debian 12's has no bonds
//! and bridges for networkd, so that without FOLDER nothing is compared. `tests/renderers/DEVIATIONS.md` has the differences.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use cloudseed_core::json;
use cloudseed_core::network::render::{RENDERERS, Renderer};
use cloudseed_core::network::{Config, interfaces};
use cloudseed_core::plan::Plan;
use cloudseed_core::value::{Map, Value};
use cloudseed_core::yaml;

use crate::compile::Scratch;
use crate::fixture::is_expected;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/renderers")
}

/// All files that a renderer writes, and the warnings, in one text.
fn rendered(renderer: &str, config: &Config) -> String {
    let renderer = RENDERERS.iter().find(|one| one.name == renderer).unwrap();
    let mut plan = Plan::default();
    let warnings = renderer.render(config.clone(), &mut plan);
    let mut text = String::new();
    for (path, mode, bytes) in plan.files() {
        let content = std::str::from_utf8(bytes).unwrap();
        text += &format!("==> {} {:04o}\n{content}", path.as_str(), mode.file());
    }
    for warning in warnings {
        text += &format!("!!! {warning}\n");
    }
    text
}

#[test]
fn what_is_written_is_what_was_looked_at() {
    let mut count = 0;
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if !path.is_dir() {
            continue;
        }
        let document = fs::read(path.join("network-config")).unwrap();
        let (config, warnings) = Config::read(&yaml::read(&document).unwrap());
        assert_eq!(warnings, []);
        for renderer in &RENDERERS {
            let text = rendered(renderer.name, config.as_ref().unwrap());
            let golden = path.join(renderer.name);
            assert!(is_expected(&golden, &text), "{golden:?}:\n{text}");
            count += 1;
        }
    }
    assert!(count >= 12);
}

/// Where cloud-init is, if it is one that has all of its renderers.
fn original() -> Option<PathBuf> {
    let path = PathBuf::from(env::var_os("NETWORK_PATH")?);
    let renderer = fs::read_to_string(path.join("cloudinit/net/networkd.py")).ok()?;
    renderer.contains("def render_bonds").then_some(path)
}

/// What each of ours writes, by path.
fn answer(document: &Value) -> Value {
    let (config, _) = Config::read(document);
    let mut answer = Map::new();
    for renderer in &RENDERERS {
        let mut plan = Plan::default();
        renderer.render(config.clone().unwrap(), &mut plan);
        let files = plan.files().map(|(path, _, bytes)| {
            (
                path.as_str().to_owned(),
                Value::from(std::str::from_utf8(bytes).unwrap()),
            )
        });
        answer.insert(
            renderer.name,
            files
                .map(|(path, text)| (Value::from(path), text))
                .collect::<Map>(),
        );
    }
    answer.into()
}

#[test]
fn configurations_are_written_as_cloud_init_writes_them() {
    let Some(path) = original() else {
        println!("skipped: NETWORK_PATH names no folder with the modules of cloud-init 26.2");
        return;
    };
    let count = env::var("RENDERERS").unwrap_or("200".into());
    let mut oracle = crate::network::oracle("renderers.py", &path, &count);
    let mut next = oracle.stdin.take().unwrap();
    let mut last = Value::Null;
    for line in BufReader::new(oracle.stdout.take().unwrap()).lines() {
        last = json::read(line.unwrap().as_bytes()).unwrap();
        if let Some(document) = last.get("document") {
            writeln!(next, "{}", json::write(&answer(document))).unwrap();
        }
    }
    assert!(oracle.wait().unwrap().success());
    let list = |key| last.get(key).and_then(Value::as_list).unwrap().to_vec();
    let table = fs::read_to_string(folder().join("DEVIATIONS.md")).unwrap();
    for (reason, times) in last
        .get("explained")
        .and_then(Value::as_map)
        .unwrap()
        .texts()
    {
        println!("{:6} {reason}", times.to_text().unwrap());
        assert!(
            table.contains(&format!("| {reason} |")),
            "DEVIATIONS.md does not explain: {reason}"
        );
    }
    let left = list("left");
    let some: Vec<String> = left.iter().take(20).map(json::write).collect();
    assert!(
        left.is_empty(),
        "{} differ:\n{}",
        left.len(),
        some.join("\n")
    );
}

/// What is read of a broken document is written without ado, and a broken byte of a text costs no more than itself.
fn survives(document: &[u8]) {
    let Ok(document) = yaml::read(document) else {
        return;
    };
    let (config, warnings) = Config::read(&document);
    assert!(
        warnings
            .iter()
            .all(|warning| warning.to_string().len() < 1000)
    );
    for renderer in RENDERERS.iter().filter(|_| config.is_some()) {
        let mut plan = Plan::default();
        renderer.render(config.clone().unwrap(), &mut plan);
        for (path, _, bytes) in plan.files() {
            let odd = bytes
                .iter()
                .filter(|byte| !matches!(byte, b'\n' | b' '..=b'~'));
            assert_eq!(odd.count(), 0, "{path:?}");
        }
    }
}

/// Every prefix of every document, and every one of its bytes turned around.
fn broken(document: &[u8], mut read: impl FnMut(&[u8])) {
    for end in 0..document.len() {
        read(&document[..end]);
        let mut flipped = document.to_vec();
        flipped[end] ^= [0x01, 0x20, 0x80, 0x04][end % 4];
        read(&flipped);
    }
}

#[test]
fn no_prefix_and_no_flipped_byte_is_too_odd() {
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path().join("network-config");
        if let Ok(document) = fs::read(path) {
            broken(&document, survives);
        }
    }
    let interfaces = b"auto lo\niface eth0 inet static\n address 10.0.0.2/24\n gateway 10.0.0.1\n mtu 1400\n\
        dns-nameservers 10.0.0.3 fd00::3\niface eth0:1 inet6 static\n address fd00::1\n netmask 64\n hwaddress ether 52:54:00:00:00:01\n";
    broken(interfaces, |text| {
        let (config, _) = interfaces::config(&String::from_utf8_lossy(text));
        config.map(|config| config.write());
    });
}

/// Where Debian has it.
const NETWORKD: &str = "/lib/systemd/systemd-networkd";
/// Puts a folder in place of systemd's below /run, in a namespace of its own, and starts networkd there.
const START: &str = "mkdir -p /run/systemd && mount --bind \"$0\" /run/systemd && exec \"$1\"";
/// A file with a key that networkd cannot know, read after all others: what it says of it shows that it has read them.
const CANARY: (&str, &str) = ("zz-canary.network", "[Match]\nCanary=yes\n");

/// What networkd itself says of files.
fn complaints(files: &Path) -> Option<Vec<String>> {
    let mut networkd = Command::new("unshare")
        .args(["--net", "--mount", "sh", "-c", START])
        .args([files, Path::new(NETWORKD)])
        .env("SYSTEMD_LOG_TARGET", "console")
        .stderr(Stdio::piped())
        .spawn()
        .ok()?;
    let mut said = Vec::new();
    for line in BufReader::new(networkd.stderr.take()?).lines() {
        let line = line.ok()?;
        if line.contains(CANARY.0) {
            let _ = networkd.kill();
            let _ = networkd.wait();
            return Some(said);
        }
        if line.starts_with("/run/systemd/network/") {
            said.push(line);
        }
    }
    let _ = networkd.wait();
    None
}

#[test]
fn networkd_knows_every_key() {
    if !Path::new(NETWORKD).exists() {
        println!("skipped: {NETWORKD} is not here");
        return;
    }
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let Ok(document) = fs::read(path.join("network-config")) else {
            continue;
        };
        let (config, _) = Config::read(&yaml::read(&document).unwrap());
        let mut plan = Plan::default();
        let networkd = Renderer::named("networkd").unwrap();
        networkd.render(config.unwrap(), &mut plan);
        let scratch = Scratch::new("renderers-networkd");
        let systemd = scratch.0.join("systemd");
        fs::create_dir_all(systemd.join("network")).unwrap();
        for (path, _, bytes) in plan.files() {
            fs::write(scratch.0.join(path.as_str()), bytes).unwrap();
        }
        fs::write(systemd.join("network").join(CANARY.0), CANARY.1).unwrap();
        let Some(said) = complaints(&systemd) else {
            println!("skipped: networkd does not run in a namespace here");
            return;
        };
        let odd = said.iter().filter(|line| {
            ["Unknown", "Failed to parse", "Invalid"]
                .iter()
                .any(|word| line.contains(word))
        });
        assert_eq!(odd.collect::<Vec<_>>(), Vec::<&String>::new(), "{path:?}");
    }
}
