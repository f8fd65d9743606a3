//! Reports: what comes out of one is a root that is identified as the machine was.

use std::fs;
use std::os::unix::net::UnixListener;
use std::process::Command;

use cloudseed_core::identify;
use cloudseed_core::machine::{Files, Machine};
use cloudseed_core::platform;
use cloudseed_core::report;
use cloudseed_core::settings::Settings;

use crate::fixture::{self, Fixture};
use crate::sys::root::Root;

/// What identification says of a machine, and its facts.
fn identified(files: &dyn Files) -> (Vec<String>, Vec<String>) {
    let machine = Machine::read(files);
    let outcome = identify::identify(&machine, &Settings::read(&machine, platform::searched()));
    let volumes = machine.volumes.iter().map(|volume| format!("{volume:?}"));
    let facts = [format!(
        "{} {} {:?}",
        machine.virt, machine.container, machine.kernel
    )];
    (
        outcome.datasources,
        facts.into_iter().chain(volumes).collect(),
    )
}

#[test]
fn every_root_is_the_same_after_a_report() {
    let scratch = std::env::temp_dir().join(format!("cloudseed-report-{}", std::process::id()));
    fs::create_dir(&scratch).unwrap();
    let names = fixture::names();
    let mut differ = Vec::new();
    for name in &names {
        let fixture = Fixture::new(name);
        let before = fixture.machine();
        let archive = scratch.join("archive.tar");
        fs::write(&archive, report::report(&Root::new(&before), "again")).unwrap();
        let tar = Command::new("tar")
            .arg("-xf")
            .arg(&archive)
            .arg("-C")
            .arg(&scratch)
            .status();
        assert!(tar.expect("the package tar").success());
        let after = scratch.join("again/machine");
        let special = fs::read_to_string(scratch.join("again/special")).unwrap_or_default();
        let paths = special
            .lines()
            .filter_map(|line| line.strip_prefix("socket "));
        let sockets: Vec<UnixListener> = paths
            .map(|path| {
                let place = after.join(path.trim_start_matches('/'));
                fs::create_dir_all(place.parent().unwrap()).unwrap();
                UnixListener::bind(place).unwrap()
            })
            .collect();
        let (before, after) = (
            identified(&Root::new(&before)),
            identified(&Root::new(&after)),
        );
        if before != after {
            differ.push(format!("{name}: {before:?} and {after:?}"));
        }
        drop(sockets);
        fs::remove_dir_all(scratch.join("again")).unwrap();
    }
    fs::remove_dir_all(scratch).unwrap();
    assert!(differ.is_empty(), "{}", differ.join("\n"));
}
