//! The commands of the real root, on the results of one boot.

use std::fs;

use argh::FromArgs;
use cloudseed_core::compile::{Ending, Outcome, compile};
use cloudseed_core::json;
use cloudseed_core::machine::Files;
use cloudseed_core::value::Value;
use cloudseed_core::warning::{Blame, Error, Warning};

use crate::command::{clean::Clean, plan::Plan, query::Query, status::Status};
use crate::compile::{Boot, Scratch, instance, outcome, write};
use crate::sys::root::Root;
use crate::sys::template::Jinja;

fn parse<T: FromArgs>(arguments: &[&str]) -> T {
    T::from_args(&["cloudseed"], arguments).unwrap()
}

fn query(root: &Root, arguments: &[&str]) -> Result<String, String> {
    parse::<Query>(arguments).answer(root, &mut Jinja)
}

/// A root with the results of a boot that found an instance.
fn booted(name: &str) -> (Scratch, Root) {
    let scratch = Scratch::new(name);
    let boot = Boot::new(instance("i-0123"), Vec::new());
    let warning = [Warning::new("decode", "part 1", "base 64", "\"?\"")];
    let outcome = Outcome {
        warnings: &warning,
        ..outcome(boot.found())
    };
    write(&scratch.0, &compile(&outcome).0);
    let root = Root::new(&scratch.0);
    (scratch, root)
}

#[test]
fn query_answers_as_cloud_init() {
    let (scratch, root) = booted("query");
    for (arguments, answer) in [
        (&["cloud_name"][..], Ok("aws")),
        (&["v1.local_hostname"], Ok("ip-10-0-0-1")),
        (&["ds.meta_data.local_ipv4"], Ok("10.0.0.1")),
        (&["vendordata"], Ok("")),
        (
            &["ds.meta_data.nested"],
            Ok("{\n \"user-data\": \"secret\"\n}"),
        ),
        (&["-l", "ds"], Ok("_doc\nmeta_data")),
        (
            &[
                "-f",
                "{{ v1.region }} {{ availability_zone }} {{ ds.meta_data.local_ipv4 }}",
            ],
            Ok("eu-central-1 eu-central-1a 10.0.0.1"),
        ),
        (
            &[
                "--format",
                "{% for key in public_ssh_keys %}{{ key }};{% endfor %}",
            ],
            Ok("ssh-ed25519 AAAA me@here;"),
        ),
        (&["nope"], Err("Undefined instance-data key 'nope'")),
        (&["v1.nope"], Err("instance-data 'v1' has no 'nope'")),
        (
            &["-l", "cloud_name"],
            Err("--list-keys provided but 'cloud_name' is not a dict"),
        ),
        (
            &[],
            Err("Expected one of the options: --all, --format, --list-keys or varname"),
        ),
    ] {
        let answer = answer.map(String::from).map_err(String::from);
        assert_eq!(query(&root, arguments), answer, "{arguments:?}");
    }
    let broken = query(&root, &["-f", "{{ v1."]).unwrap_err();
    assert!(
        broken.starts_with("query: --format: expected a template"),
        "{broken}"
    );
    let listed = query(&root, &["--list-keys"]).unwrap();
    for key in [
        "availability_zone",
        "base64_encoded_keys",
        "ds",
        "region",
        "userdata",
        "v1",
    ] {
        assert!(listed.lines().any(|line| line == key), "{key}");
    }
    let all = json::read(query(&root, &["--all"]).unwrap().as_bytes()).unwrap();
    assert_eq!(all.get("region"), Some(&"eu-central-1".into()));

    fs::remove_file(scratch.0.join("run/cloudseed/instance-data-sensitive.json")).unwrap();
    let redacted = query(&root, &["ds.meta_data.nested.user_data"]);
    assert_eq!(redacted.as_deref(), Ok("redacted for non-root user"));
    fs::remove_file(scratch.0.join("run/cloudseed/instance-data.json")).unwrap();
    let missing = "Missing instance-data file: /run/cloudseed/instance-data.json";
    assert_eq!(query(&root, &["v1"]), Err(String::from(missing)));
}

#[test]
fn status_tells_the_boot_and_the_stages() {
    let (scratch, root) = booted("status");
    let status = |arguments: &[&str]| parse::<Status>(arguments).answer(&root);
    let boot = "degraded: Ec2, instance i-0123, from http://169.254.169.254\n\
                decode: part 1: expected base 64, but found \"…\"";
    assert_eq!(status(&[]), (String::from(boot), true));
    fs::write(scratch.0.join("run/cloudseed/ran-early"), "0 of 2 failed\n").unwrap();
    assert_eq!(
        status(&[]),
        (format!("{boot}\nscripts, early: 0 of 2 failed"), true)
    );
    fs::write(
        scratch.0.join("run/cloudseed/ran-final"),
        "1 of 2 failed: 001-user-a\n",
    )
    .unwrap();
    let (said, well) = status(&["--json"]);
    assert!(!well);
    let said = json::read(said.as_bytes()).unwrap();
    assert_eq!(said.get("status"), Some(&"degraded".into()));
    assert_eq!(
        said.at(&["stages", "final"]),
        Some(&"1 of 2 failed: 001-user-a".into())
    );
}

#[test]
fn status_fails_when_the_boot_did_or_was_none() {
    let scratch = Scratch::new("status-failed");
    let root = Root::new(&scratch.0);
    let status = || parse::<Status>(&[]).answer(&root);
    assert_eq!(status(), (String::from("not run"), false));
    let error = Error::new(
        Blame::Silent,
        "fetch Ec2",
        "GET /",
        "status 200",
        "no answer (6 tries, 60 s)",
    );
    write(&scratch.0, &compile(&outcome(Ending::Failed(&error))).0);
    let said = "failed\nfetch Ec2: GET /: expected status 200, but found no answer (6 tries, 60 s)";
    assert_eq!(status(), (String::from(said), false));
    write(&scratch.0, &compile(&outcome(Ending::None)).0);
    assert_eq!(status(), (String::from("none"), true));
    write(&scratch.0, &compile(&outcome(Ending::Named("Azure"))).0);
    assert_eq!(status(), (String::from("named: Azure"), true));
}

#[test]
fn clean_forgets_everything_of_ours_and_nothing_else() {
    let (scratch, root) = booted("clean");
    for path in [
        "var/lib/cloudseed/instances/i-0123",
        "var/lib/other",
        "var/log",
        "run/cloudseed.state",
        "run/cloud-init",
    ] {
        fs::create_dir_all(scratch.0.join(path)).unwrap();
    }
    for path in ["var/log/cloudseed-output.log", "run/cloud-init/other"] {
        fs::write(scratch.0.join(path), "x").unwrap();
    }
    let clean = |arguments: &[&str]| parse::<Clean>(arguments).clean(&root).unwrap();
    assert!(clean(&[]));
    let left = |path: &str| scratch.0.join(path).exists();
    assert!(!left("run/cloudseed") && !left("run/cloudseed.state") && !left("var/lib/cloudseed"));
    assert!(left("run/cloud-init/other"));
    assert!(left("var/lib/other") && left("var/log/cloudseed-output.log"));
    assert!(clean(&["--logs"]));
    assert!(!left("var/log/cloudseed-output.log"));
    assert!(!clean(&["--logs"]));
    fs::create_dir_all(scratch.0.join("etc/ssh")).unwrap();
    for path in [
        "etc/machine-id",
        "etc/ssh/ssh_host_rsa_key",
        "etc/ssh/ssh_host_rsa_key.pub",
        "etc/ssh/sshd_config",
    ] {
        fs::write(scratch.0.join(path), "x").unwrap();
    }
    assert!(!clean(&[]));
    assert!(clean(&["--ssh-host-keys", "--machine-id"]));
    // Only systemd knows the word for a first boot.
    assert!(!left("etc/machine-id"));
    for path in ["etc", "sbin", "lib/systemd"] {
        fs::create_dir_all(scratch.0.join(path)).unwrap();
    }
    fs::write(scratch.0.join("lib/systemd/systemd"), "").unwrap();
    std::os::unix::fs::symlink("../lib/systemd/systemd", scratch.0.join("sbin/init")).unwrap();
    fs::write(scratch.0.join("etc/machine-id"), "x").unwrap();
    assert!(clean(&["--machine-id"]));
    assert_eq!(scratch.text("etc/machine-id"), "uninitialized\n");
    assert_eq!(root.list("/etc/ssh"), ["sshd_config"]);
}

#[test]
fn a_plan_is_shown_with_its_contents_on_demand() {
    let boot = Boot::new(instance("i-0123"), Vec::new());
    let (plan, _) = compile(&outcome(boot.found()));
    let shown = |arguments: &[&str]| parse::<Plan>(arguments).shown(&plan);
    let list = shown(&[]).unwrap();
    assert!(
        list.contains("0644        6 /run/cloudseed/status\n"),
        "{list}"
    );
    assert!(
        list.contains("0600       17 /run/cloudseed/user-data\n"),
        "{list}"
    );
    assert_eq!(shown(&["cloudseed/status"]).as_deref(), Ok("found"));
    assert!(shown(&["cloudseed/x"]).unwrap_err().contains("cloudseed/x"));
    assert!(
        shown(&["--contents"])
            .unwrap()
            .contains("/run/cloudseed/status\nfound\n")
    );
    let json = json::read(
        shown(&["--json", "cloudseed/user-data"])
            .unwrap()
            .as_bytes(),
    )
    .unwrap();
    let Some([file]) = json.get("files").and_then(Value::as_list) else {
        panic!("{json:?}");
    };
    assert_eq!(file.get("path"), Some(&"/run/cloudseed/user-data".into()));
    assert_eq!(
        file.get("content_base64"),
        Some(&"H4tub3QgcmVhbGx5IGd6aXA=".into())
    );
}

#[test]
fn query_unpacks_documents_as_cloud_init_does() {
    let (scratch, root) = booted("query-documents");
    let user_data = |bytes: &[u8]| {
        fs::write(scratch.0.join("run/cloudseed/user-data"), bytes).unwrap();
        query(&root, &["userdata"])
    };
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/userdata");
    let packed = fs::read(folder.join("gzip/in")).unwrap();
    assert_eq!(user_data(&packed).unwrap(), "#!/bin/sh\necho hello\n");
    let damaged = fs::read(folder.join("gzip-wrong-checksum/in")).unwrap();
    assert!(user_data(&damaged).unwrap().starts_with("\"ci-b64:H4sI"));
    assert_eq!(user_data("grün".as_bytes()).unwrap(), "grün");
}
