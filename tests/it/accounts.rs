//! `tests/accounts`: what cloud-config says of accounts, what is to be made of it, and the files of a root on which that was done.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use cloudseed_core::compile::compile;
use cloudseed_core::config::Parts;
use cloudseed_core::instance::Document;

use crate::compile::{Boot, Scratch, instance, outcome, part, write};
use crate::fixture::updating;
use crate::shell::SHELLS;

/// Each `NAME.yaml` with its `NAME.accounts`: the table, warnings, what the setup says, and the files that it changes, which are
/// the same with every shell. A second document in it is the vendor's.
#[test]
fn accounts() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/accounts");
    let mut cases: Vec<PathBuf> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "yaml"))
        .collect();
    cases.sort();
    assert!(cases.len() > 5);
    for case in cases {
        let config = fs::read_to_string(&case).unwrap();
        let golden = case.with_extension("accounts");
        for shell in SHELLS {
            let made = made(&config, shell);
            if updating() && shell == SHELLS[0] {
                fs::write(&golden, &made).unwrap();
            }
            let expected = fs::read_to_string(&golden).unwrap_or_default();
            assert_eq!(made, expected, "{} in {}", case.display(), shell[0]);
        }
    }
}

/// The root has a user, a few groups, and is asked for what chpasswd was told.
fn made(config: &str, shell: &[&str]) -> String {
    let scratch = Scratch::new(&format!("made-{}", shell[0]));
    let root = scratch.0.as_path();
    let files = [
        (
            "passwd",
            "root:x:0:0:root:/root:/bin/sh\nold:x:1000:1000::/home/old:/bin/sh\n",
        ),
        (
            "group",
            "root:x:0:\nlp:x:7:old\nusers:x:100:\nold:x:1000:\n",
        ),
        ("gshadow", "root:*::\n"),
        (
            "shadow",
            "root:$1$a$b:1:0:99999:7:::\nold:$1$c$d:1:0:99999:7:::\n",
        ),
        ("doas.conf", ""),
        ("hostname", "localhost\n"),
        ("hosts", "127.0.0.1 localhost\n127.0.1.1 old\n::1 localhost"),
        ("sudoers.d/90-cloudseed-users", ""),
    ];
    for folder in ["etc/sudoers.d", "etc/pam.d", "bin"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for (file, text) in files {
        fs::write(root.join("etc").join(file), text).unwrap();
    }
    let asked = root.join("asked");
    fs::write(&asked, "").unwrap();
    let program = format!("#!/bin/sh\ncat >>'{}'\n", asked.display());
    fs::write(root.join("bin/chpasswd"), program).unwrap();
    let mode = fs::Permissions::from_mode(0o755);
    fs::set_permissions(root.join("bin/chpasswd"), mode).unwrap();
    let documents = [Document::UserData, Document::VendorData].into_iter();
    let parts = documents.zip(config.split("---\n"));
    let parts = parts.map(|(document, config)| Parts {
        document,
        parts: vec![part(1, "text/cloud-config", "c", config)],
    });
    let boot = Boot::new(instance("i-1"), parts.collect());
    let (plan, warnings) = compile(&outcome(boot.found()));
    write(root, &plan);
    let mut made = scratch.text("run/cloudseed/plan/accounts");
    for warning in warnings {
        made += &format!("! {warning}\n");
    }
    let path = format!(
        "{}:{}",
        root.join("bin").display(),
        std::env::var("PATH").unwrap()
    );
    let done = Command::new(shell[0])
        .args(&shell[1..])
        .arg(root.join("run/cloudseed/plan/setup.sh"))
        .arg(root)
        .current_dir(root)
        .env("PATH", path)
        .output()
        .unwrap();
    made += &String::from_utf8(done.stdout).unwrap();
    made += &format!("exit {}\n", done.status.code().unwrap());
    made += &String::from_utf8(done.stderr).unwrap();
    for (file, before) in files {
        let after = scratch.text(&format!("etc/{file}"));
        if after != before {
            made += &format!("\n== {file}\n{after}");
        }
    }
    made += &format!("\n== chpasswd\n{}", scratch.text("asked"));
    assert!(!root.join("owned").exists());
    made.replace(&root.display().to_string(), "")
}
