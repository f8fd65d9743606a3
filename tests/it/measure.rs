//! Measuring against a real TPM: swtpm, whose socket stands for the device below a root. What its PCR holds is asked of it by
//! commands that are written down here.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use cloudseed_core::digest::{hex, sha256};
use cloudseed_core::json;
use cloudseed_core::value::{Map, Value};
use sha2::{Digest, Sha256};

use crate::fixture::Fixture;

/// A machine below a folder, with a seed of NoCloud and, perhaps, a TPM.
struct Machine {
    folder: PathBuf,
    root: PathBuf,
    tpm: Option<Child>,
}

impl Machine {
    /// `setting` is that of `measure`.
    fn new(name: &str, setting: &str) -> Machine {
        let folder = std::env::temp_dir().join(format!("cs-tpm-{}-{name}", std::process::id()));
        let machine = Machine {
            root: folder.join("root"),
            folder,
            tpm: None,
        };
        fs::create_dir_all(machine.root.join("dev")).unwrap();
        fs::create_dir_all(machine.root.join("run")).unwrap();
        machine.put(
            "etc/cloudseed/cloudseed.cfg",
            &format!("measure: {setting}\n"),
        );
        machine
    }

    fn put(&self, path: &str, text: &str) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn seeded(self) -> Machine {
        self.put("var/lib/cloud/seed/nocloud/meta-data", "instance-id: i-1\n");
        self.put("var/lib/cloud/seed/nocloud/user-data", "#include\n/more\n");
        self.put("var/lib/cloud/seed/nocloud/network-config", "version: 2\n");
        self.put("more", "#!/bin/sh\ntrue\n");
        self
    }

    /// With a TPM behind this device, whose bank of SHA-256 is there unless it has only one of `banks`.
    fn with_tpm(mut self, device: &str, banks: &str) -> Machine {
        let state = self.folder.join("tpm");
        fs::create_dir_all(&state).unwrap();
        let state = state.to_str().unwrap();
        let made = Command::new("swtpm_setup")
            .args(["--tpm2", "--tpmstate", state, "--pcr-banks", banks])
            .output()
            .unwrap_or_else(|error| {
                panic!("swtpm_setup: {error}; install the package swtpm-tools")
            });
        assert!(made.status.success(), "{made:?}");
        let socket = self.root.join(device);
        let tpm = Command::new("swtpm")
            .args(["socket", "--tpm2", "--flags", "not-need-init,startup-clear"])
            .args(["--tpmstate", &format!("dir={state}")])
            .args([
                "--server",
                &format!("type=unixio,path={}", socket.display()),
            ])
            .stdin(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| panic!("swtpm: {error}; install the package swtpm"));
        for _ in 0..1000 {
            if socket.exists() {
                break;
            }
            thread::sleep(Duration::from_millis(10));
        }
        self.tpm = Some(tpm);
        self
    }

    /// Boots; the status, and `result.json`.
    fn boot(&self) -> (String, Value) {
        let root = self.root.to_str().unwrap();
        let booted = Command::new(env!("CARGO_BIN_EXE_cloudseed"))
            .args(["boot", "--root", root])
            .output()
            .unwrap();
        assert!(booted.status.success(), "{booted:?}");
        let read = |name: &str| fs::read(self.root.join("run/cloudseed").join(name)).unwrap();
        let status = String::from_utf8(read("status")).unwrap();
        let result = json::read(&read("result.json")).unwrap();
        (status.trim_end().into(), result)
    }

    /// What a PCR holds (TPM2_PCR_Read).
    fn pcr(&self, device: &str, number: u8) -> String {
        let mut command = vec![
            0x80, 1, 0, 0, 0, 20, 0, 0, 1, 0x7e, 0, 0, 0, 1, 0, 0x0b, 3, 0, 0, 0,
        ];
        command[17 + usize::from(number / 8)] = 1 << (number % 8);
        let mut tpm = UnixStream::connect(self.root.join(device)).unwrap();
        tpm.write_all(&command).unwrap();
        let mut answer = [0; 62];
        tpm.read_exact(&mut answer).unwrap();
        hex(&answer[30..], "")
    }

    /// What `sha256sum` prints of files below /run/cloudseed.
    fn sums(&self, names: &[&str]) -> Vec<u8> {
        let made = Command::new("sha256sum")
            .args(names)
            .current_dir(self.root.join("run/cloudseed"))
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        made.stdout
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if let Some(tpm) = &mut self.tpm {
            let _ = tpm.kill();
            let _ = tpm.wait();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What a PCR holds after these events.
fn replayed(events: &[Vec<u8>]) -> String {
    let mut value = [0_u8; 32];
    for event in events {
        let digest: [u8; 32] = Sha256::digest(event).into();
        value = Sha256::digest([value, digest].concat()).into();
    }
    hex(&value, "")
}

fn events(result: &Value) -> Vec<&Map> {
    let events = result.get("measured").and_then(Value::as_list);
    events
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_map)
        .collect()
}

fn text<'a>(event: &'a Map, key: &str) -> &'a str {
    event.get(key).and_then(Value::as_text).unwrap_or_default()
}

const DEVICE: &str = "dev/tpmrm0";

#[test]
fn a_verifier_can_tell_what_was_fetched() {
    let machine = Machine::new("found", "12,required")
        .seeded()
        .with_tpm(DEVICE, "sha1,sha256");
    let (status, result) = machine.boot();
    assert_eq!(status, "found");
    let included = format!("{}  /more\n", sha256(b"#!/bin/sh\ntrue\n")).into_bytes();
    let expected = [
        machine.sums(&["meta-data", "user-data", "network-config"]),
        included,
    ];
    assert_eq!(machine.pcr(DEVICE, 12), replayed(&expected));
    let events = events(&result);
    assert_eq!(events.len(), 2);
    for (index, event) in events.iter().enumerate() {
        assert_eq!(text(event, "digest"), sha256(&expected[index]));
        assert_eq!(text(event, "value"), replayed(&expected[..=index]));
    }
    // What is there after another boot was measured once more.
    let twice = [&expected[..], &expected[..]].concat();
    machine.boot();
    assert_eq!(machine.pcr(DEVICE, 12), replayed(&twice));
}

#[test]
fn the_older_device_does_as_well() {
    let machine = Machine::new("older", "23")
        .seeded()
        .with_tpm("dev/tpm0", "sha256");
    assert_eq!(machine.boot().0, "found");
    assert_ne!(machine.pcr("dev/tpm0", 23), replayed(&[]));
}

#[test]
fn a_tree_of_meta_data_is_measured() {
    let machine = Machine::new("tree", "14").with_tpm(DEVICE, "sha256");
    let laid = Fixture::new("ovf-seed");
    let copied = Command::new("cp")
        .arg("-r")
        .arg(laid.machine().join("."))
        .arg(&machine.root)
        .status();
    assert!(copied.unwrap().success());
    let (_, result) = machine.boot();
    let read = |name: &str| fs::read(machine.root.join("run/cloudseed").join(name)).unwrap();
    let data = json::read(&read("instance-data-sensitive.json")).unwrap();
    let tree = data.get("ds").and_then(|ds| ds.get("meta_data")).unwrap();
    let tree = json::write_indented(tree) + "\n";
    let event = format!("{}  meta_data.json\n", sha256(tree.as_bytes())).into_bytes();
    assert_eq!(machine.pcr(DEVICE, 14), replayed(&[event]));
    assert_eq!(events(&result).len(), 1);
}

#[test]
fn nothing_is_measured_as_nothing() {
    let machine = Machine::new("nothing", "12").with_tpm(DEVICE, "sha256");
    assert_eq!(machine.boot().0, "none");
    assert_eq!(machine.pcr(DEVICE, 12), replayed(&[Vec::new()]));
}

#[test]
fn what_cannot_be_measured_is_told_or_refused() {
    let no_tpm = "no TPM (/dev/tpmrm0, /dev/tpm0)";
    let no_bank = "a TPM without a bank of SHA-256 for this PCR";
    for (name, setting, banks, expected, found) in [
        ("absent", "12", "", "degraded", no_tpm),
        ("absent-required", "12,required", "", "failed", no_tpm),
        ("bank", "12", "sha1", "degraded", no_bank),
        ("bank-required", "12,required", "sha1", "failed", no_bank),
        (
            "number",
            "7",
            "sha256",
            "failed",
            "a setting that names none",
        ),
        (
            "word",
            "12,requested",
            "sha256",
            "failed",
            "a setting that names none",
        ),
    ] {
        let mut machine = Machine::new(name, setting).seeded();
        if !banks.is_empty() {
            machine = machine.with_tpm(DEVICE, banks);
        }
        let (status, result) = machine.boot();
        assert_eq!(status, expected, "{name}");
        assert_eq!(text(events(&result)[0], "error"), found, "{name}");
        let told = fs::read_to_string(machine.root.join("run/cloudseed/log")).unwrap();
        let mut lines = told.lines().filter(|line| line.contains("measure: "));
        assert!(lines.any(|line| line.ends_with(found)), "{name}: {told}");
        let kept = machine.root.join("run/cloudseed/user-data").exists();
        assert_eq!(kept, status == "degraded", "{name}");
    }
}

#[test]
fn a_plan_measures_nothing() {
    let machine = Machine::new("plan", "12,required")
        .seeded()
        .with_tpm(DEVICE, "sha256");
    let root = machine.root.to_str().unwrap();
    let planned = Command::new(env!("CARGO_BIN_EXE_cloudseed"))
        .args(["plan", "--root", root])
        .output()
        .unwrap();
    assert!(planned.status.success(), "{planned:?}");
    assert_eq!(machine.pcr(DEVICE, 12), hex(&[0; 32], ""));
}
