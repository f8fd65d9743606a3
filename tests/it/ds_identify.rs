//! Debian's own ds-identify on every root: where cloudseed says something else, `tests/roots/DEVIATIONS.md` says why.
//!
//! The script is the one of Debian 12's cloud-init package (22.4.2). It sees the root by its own variable `PATH_ROOT`; the five
//! places that it looks at outside of that are moved below the root as well, and the programs it asks (blkid,
//! systemd-detect-virt, uname, dmidecode) are stand-ins that answer from the root: blkid with what the real one says of the
//! images.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use cloudseed_core::identify::{identify, log};
use cloudseed_core::machine::Machine;
use cloudseed_core::platform;
use cloudseed_core::settings::Settings;

use crate::fixture::{Fixture, chosen, names, roots};
use crate::sys::root::Root;

/// What ds-identify looks at outside of `PATH_ROOT`, and where that is below it.
const MOVED: [(&str, &str); 5] = [
    ("[ -d /run/systemd ]", "[ -d \"$PATH_ROOT/run/systemd\" ]"),
    (
        "is_socket_file /dev/lxd/sock",
        "is_socket_file \"$PATH_ROOT/dev/lxd/sock\"",
    ),
    (
        "for d in /config-drive",
        "for d in \"$PATH_ROOT/config-drive\"",
    ),
    ("fpath=/dev/floppy", "fpath=\"$PATH_ROOT/dev/floppy\""),
    ("PATH_ROOT=${PATH_ROOT:-\"\"}", "PATH_ROOT=${PATH_ROOT:?}"),
];

/// The variables of the log that both have, and that both give the same default.
const VARIABLES: [&str; 18] = [
    "DMI_PRODUCT_NAME",
    "DMI_SYS_VENDOR",
    "DMI_PRODUCT_SERIAL",
    "DMI_PRODUCT_UUID",
    "PID_1_PRODUCT_NAME",
    "DMI_CHASSIS_ASSET_TAG",
    "DMI_BOARD_NAME",
    "FS_LABELS",
    "ISO9660_DEVS",
    "KERNEL_CMDLINE",
    "VIRT",
    "UNAME_KERNEL_NAME",
    "UNAME_KERNEL_VERSION",
    "UNAME_MACHINE",
    "MODE",
    "ON_FOUND",
    "ON_MAYBE",
    "is_container",
];

/// What one of the two makes of a root.
#[derive(PartialEq, Eq)]
struct Said {
    status: i32,
    cloud_cfg: String,
    variables: BTreeMap<String, String>,
}

impl Said {
    /// In short, as the table of deviations has it.
    fn summary(&self) -> String {
        let status = self.status;
        let list = self
            .cloud_cfg
            .lines()
            .find_map(|line| line.trim().strip_prefix("datasource_list: "));
        let report = if self.cloud_cfg.starts_with("di_report") {
            "report "
        } else {
            ""
        };
        match list {
            Some(list) => format!("{status}: {report}{list}"),
            None if self.cloud_cfg.is_empty() => format!("{status}: no list"),
            None => format!("{status}: manual clean"),
        }
    }
}

#[test]
fn every_difference_from_debians_ds_identify_is_deliberate() {
    let script = adapted(&debians());
    let mut deviations = deviations();
    let mut wrong = Vec::new();
    for name in chosen() {
        let fixture = Fixture::new(&name);
        let ours = ours(&fixture);
        let theirs = theirs(&fixture, &script, &ours.variables["VIRT"]);
        let listed = deviations.remove(&name);
        let same = ours.status == theirs.status && ours.cloud_cfg == theirs.cloud_cfg;
        let (theirs_short, ours_short) = (theirs.summary(), ours.summary());
        match listed {
            None if same => wrong.extend(other_words(&name, &theirs, &ours)),
            Some((a, b)) if !same && a == theirs_short && b == ours_short => {}
            _ => wrong.push(format!("| {name} | {theirs_short} | {ours_short} |")),
        }
    }
    let names = names();
    let unknown = deviations.into_keys().filter(|name| !names.contains(name));
    wrong.extend(unknown.map(|name| format!("| {name} | (no such root) |")));
    assert!(
        wrong.is_empty(),
        "root, ds-identify, cloudseed:\n{}\nDEVIATIONS.md does not say so",
        wrong.join("\n")
    );
}

/// The variables of their log that ours has otherwise.
fn other_words(name: &str, theirs: &Said, ours: &Said) -> Vec<String> {
    let theirs = theirs.variables.iter();
    let other = theirs.filter(|(variable, value)| ours.variables.get(*variable) != Some(*value));
    other
        .map(|(variable, value)| {
            let mine = ours.variables.get(variable);
            format!("{name}: {variable} is {value:?} in the log, ours {mine:?}")
        })
        .collect()
}

/// The rows of the table: root, what ds-identify says, what cloudseed says. The last column is for people, and not empty.
fn deviations() -> BTreeMap<String, (String, String)> {
    let text = fs::read_to_string(roots().join("DEVIATIONS.md")).unwrap();
    let rows = text
        .lines()
        .take_while(|line| *line != "# Where cloudseed and cloud-init's datasources differ")
        .filter(|line| line.starts_with("| ") && !line.starts_with("| root"));
    rows.map(|row| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [root, theirs, ours, why] = cells[..] else {
            panic!("expected four cells, but found {row}");
        };
        assert!(!why.is_empty(), "{root} has no reason");
        (
            String::from(root),
            (String::from(theirs), String::from(ours)),
        )
    })
    .collect()
}

fn ours(fixture: &Fixture) -> Said {
    let root = Root::new(&fixture.machine());
    let machine = Machine::read(&root);
    let settings = Settings::read(&machine, platform::searched());
    let outcome = identify(&machine, &settings);
    let mut variables = BTreeMap::from([(String::from("VIRT"), machine.virt.clone())]);
    if settings.disabled.is_none() {
        let dump = log::dump(&machine, &settings, &log::Run::default());
        variables.extend(dump.iter().filter_map(|line| variable(line)));
    }
    Said {
        status: i32::from(outcome.status),
        cloud_cfg: outcome.cloud_cfg.unwrap_or_default(),
        variables,
    }
}

/// A line of the log that is one of [`VARIABLES`].
fn variable(line: &str) -> Option<(String, String)> {
    let (name, value) = line.split_once('=')?;
    let known = VARIABLES.contains(&name);
    known.then(|| (String::from(name), String::from(value)))
}

fn theirs(fixture: &Fixture, script: &Path, virt: &str) -> Said {
    let machine = fixture.machine();
    let programs = programs(fixture, virt);
    fs::create_dir_all(machine.join("run/systemd")).unwrap();
    let environment = fs::read_to_string(machine.join("env")).unwrap_or_default();
    let environment = environment.lines().filter_map(|line| line.split_once('='));
    let output = run(Command::new("sh")
        .arg(script)
        .env_clear()
        .envs(environment)
        .env("PATH", format!("{}:/usr/bin:/bin", programs.display()))
        .env("PATH_ROOT", &machine));
    let run = machine.join("run/cloud-init");
    let text = |name: &str| fs::read_to_string(run.join(name)).unwrap_or_default();
    let status = output.status.code().unwrap();
    assert_eq!(
        text(".ds-identify.result"),
        format!("{status}\n"),
        "{output:?}"
    );
    Said {
        status,
        cloud_cfg: text("cloud.cfg"),
        variables: text("ds-identify.log")
            .lines()
            .filter_map(variable)
            .collect(),
    }
}

/// The stand-ins for the programs that ds-identify asks.
fn programs(fixture: &Fixture, virt: &str) -> PathBuf {
    let folder = fixture.beside("bin");
    let kernel = |name: &str| {
        let root = Root::new(&fixture.machine());
        root.text(&format!("/proc/sys/kernel/{name}"))
            .unwrap_or_default()
    };
    let mut probed = String::new();
    for (name, image) in fixture.volumes() {
        let said = run(Command::new("blkid")
            .args(["-p", "-o", "export"])
            .arg(image));
        let said = String::from_utf8(said.stdout).unwrap();
        let place = format!("DEVNAME={}", image.display());
        assert!(said.contains(&place), "{said}");
        probed.push_str(&said.replace(&place, &format!("DEVNAME=/dev/{name}")));
        probed.push('\n');
    }
    fs::create_dir_all(&folder).unwrap();
    let uname = ["ostype", "osrelease", "version", "arch"].map(kernel);
    let [ostype, release, version, arch] = uname;
    let none = i32::from(virt == "none");
    for (name, body) in [
        ("blkid", format!("cat <<'END'\n{probed}END")),
        ("systemd-detect-virt", format!("echo {virt}\nexit {none}")),
        (
            "uname",
            format!("echo '{ostype} machine {release} {version} {arch} GNU/Linux'"),
        ),
        ("dmidecode", String::from("exit 1")),
        ("modprobe", String::from("exit 1")),
    ] {
        let place = folder.join(name);
        fs::write(&place, format!("#!/bin/sh\n{body}\n")).unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).unwrap();
    }
    folder
}

/// Debian's ds-identify, from the package.
fn debians() -> PathBuf {
    crate::differential::original().join("root/usr/lib/cloud-init/ds-identify")
}

/// A copy of the script that looks nowhere but below `PATH_ROOT`.
fn adapted(script: &Path) -> PathBuf {
    let mut text = fs::read_to_string(script).unwrap();
    for (from, to) in MOVED {
        assert!(text.contains(from), "ds-identify does not look at {from}");
        text = text.replace(from, to);
    }
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ds-identify");
    fs::write(&place, text).unwrap();
    place
}

fn run(command: &mut Command) -> Output {
    let output = command.output();
    output.unwrap_or_else(|error| panic!("{command:?}: {error}"))
}
