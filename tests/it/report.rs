//! Reports: what comes out of one is a root that is identified as the machine was.

use std::fs;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cloudseed_core::identify;
use cloudseed_core::machine::{Files, Machine};
use cloudseed_core::platform;
use cloudseed_core::report;
use cloudseed_core::settings::Settings;

use crate::fixture::{self, Fixture};
use crate::sys::root::Root;
use crate::tree::Tree;

/// What identification says of a machine, and its facts, line by line.
fn identified(files: &dyn Files) -> Vec<String> {
    let machine = Machine::read(files);
    let settings = Settings::read(&machine, platform::searched());
    let outcome = identify::identify(&machine, &settings);
    let verdicts = outcome.verdicts.iter();
    let verdicts = verdicts.map(|(name, verdict)| format!("{name}: {}", verdict.word()));
    let volumes = machine.volumes.iter().map(|volume| format!("{volume:?}"));
    let links = machine
        .links
        .iter()
        .map(|link| format!("{} {:?}", link.name, link.driver));
    let facts = [
        format!(
            "{} {} {:?}",
            machine.virt, machine.container, machine.kernel
        ),
        format!(
            "{:?} {:?} {:?}",
            settings.disabled, settings.policy, settings.allowed
        ),
        format!(
            "{:?} {:?} {:?}",
            settings.deadline, settings.settle, settings.handover
        ),
        format!("{} warnings", settings.warnings.len()),
        format!("{} {:?}", outcome.status, outcome.datasources),
        format!("{:?}", outcome.cloud_cfg),
    ];
    facts
        .into_iter()
        .chain(verdicts)
        .chain(volumes)
        .chain(links)
        .collect()
}

/// Unpacks a report below `scratch` as whoever gets it does, and makes its sockets; the place of its machine.
fn unpacked(scratch: &Path, archive: &[u8]) -> PathBuf {
    let packed = scratch.join("archive.tar");
    fs::write(&packed, archive).unwrap();
    let mut tar = Command::new("tar");
    tar.arg("-xf").arg(packed).arg("-C").arg(scratch);
    assert!(tar.status().expect("the package tar").success());
    let machine = scratch.join("again/machine");
    let special = fs::read_to_string(scratch.join("again/special")).unwrap_or_default();
    let paths = special.lines();
    for path in paths.filter_map(|line| line.strip_prefix("socket ")) {
        let place = machine.join(path.trim_start_matches('/'));
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        // The socket stays when the listener goes.
        UnixListener::bind(place).unwrap();
    }
    machine
}

fn scratch(name: &str) -> PathBuf {
    let scratch = std::env::temp_dir().join(format!("cs-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&scratch);
    fs::create_dir(&scratch).unwrap();
    scratch
}

#[test]
fn every_root_is_the_same_after_a_report() {
    let scratch = scratch("report");
    let mut differ = Vec::new();
    for name in &fixture::names() {
        let fixture = Fixture::new(name);
        let root = Root::new(&fixture.machine());
        let machine = unpacked(&scratch, &report::report(&root, "again"));
        let (before, after) = (identified(&root), identified(&Root::new(&machine)));
        let lines = before
            .iter()
            .zip(&after)
            .filter(|(one, other)| one != other);
        differ.extend(lines.map(|(one, other)| format!("{name}: {one} and {other}")));
        if before.len() != after.len() {
            differ.push(format!("{name}: {before:?} and {after:?}"));
        }
        fs::remove_dir_all(scratch.join("again")).unwrap();
    }
    fs::remove_dir_all(scratch).unwrap();
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}

#[test]
fn what_only_a_running_machine_knows_is_in_a_report() {
    const CONFIG: &str = "/root/provisioningConfiguration.cfg";
    const LOG: &str = "/root/swinstall.log";
    const BOOT: &str = "/proc/1/environ";
    let scratch = scratch("alive");
    let mut tree = Tree::new(&[(CONFIG, ""), (LOG, ""), (BOOT, "HOME=/\0")]);
    tree.cpuid = Some(*b"XenVMMXenVMM");
    tree.architecture = Some("aarch64");
    // A second has room for both orders.
    for (log, boot) in [(900, 100), (100, 900)] {
        tree.times = [(LOG, log), (BOOT, boot)]
            .map(|(path, millis)| (path.to_string(), Duration::from_millis(5000 + millis)))
            .into();
        let machine = unpacked(&scratch, &report::report(&tree, "again"));
        let (before, after) = (identified(&tree), identified(&Root::new(&machine)));
        assert_eq!(before, after);
        let special = fs::read_to_string(scratch.join("again/special")).unwrap();
        let seconds = |path| if (log > boot) == (path == LOG) { 6 } else { 5 };
        let (log, boot) = (seconds(LOG), seconds(BOOT));
        assert_eq!(special, format!("time {BOOT} {boot}\ntime {LOG} {log}\n"));
        assert!(before[0].contains("xen") && before[0].contains("aarch64"));
        fs::remove_dir_all(scratch.join("again")).unwrap();
    }
    fs::remove_dir_all(scratch).unwrap();
}
