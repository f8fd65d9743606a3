//! Secrets: what is planted in documents and addresses is on no console, in no file that everybody may read, in no report.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use cloudseed_core::boot::{self, Booted, Options};
use cloudseed_core::journal::Journal;
use cloudseed_core::json;
use cloudseed_core::machine::Machine;
use cloudseed_core::plan::Mode;
use cloudseed_core::report;
use cloudseed_core::value::Value;

use crate::compile::{Scratch, write};
use crate::failures::on_all;
use crate::fixture::{Fixture, chosen};
use crate::plant::{MARK, plant, shows};
use crate::roots::boot_of;
use crate::sys::root::Root;
use crate::sys::stream::Started;
use crate::sys::template::Jinja;
use crate::sys::world::{self, WorldOptions};

const SECRET: &str = "hunter2";

/// A boot of a seed directory below `root`, with nothing else.
fn boot(root: &Path, user_data: &str, meta_data: &str) -> Booted {
    let seed = root.join("var/lib/cloud/seed/nocloud");
    fs::create_dir_all(&seed).unwrap();
    fs::create_dir_all(root.join("run")).unwrap();
    fs::write(seed.join("user-data"), user_data).unwrap();
    fs::write(seed.join("meta-data"), meta_data).unwrap();
    let root = Root::new(root);
    let machine = Machine::read(&root);
    let journal = Journal::new();
    let mut outside = world::open(
        WorldOptions::without_network(&root),
        journal.clone(),
        Started::now(),
    );
    let options = Options::default();
    boot::boot(&machine, &mut *outside, &journal, &mut Jinja, options, None)
}

/// Where the planted secret shows to others than root.
fn shown(root: &Path, booted: &Booted) -> Vec<String> {
    let holds = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(SECRET);
    let public = booted
        .plan
        .files()
        .filter(|(_, mode, bytes)| *mode == Mode::Public && holds(bytes));
    let mut shown: Vec<String> = public
        .map(|(path, _, _)| path.as_str().to_string())
        .collect();
    if booted.line.contains(SECRET) {
        shown.push(format!("the line: {}", booted.line));
    }
    let result = booted.plan.get("cloudseed/result.json").unwrap();
    if holds(result) {
        shown.push(String::from("result.json"));
    }
    write(root, &booted.plan);
    if holds(&report::report(&Root::new(root), "again")) {
        shown.push(String::from("the report"));
    }
    shown
}

#[test]
fn what_is_wrong_with_a_document_is_told_without_it() {
    let script_without = "hunter2 is no interpreter\n";
    let multipart = |kind: &str, body: &str| {
        format!(
            "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: {kind}\n\n{body}\n--B--\n"
        )
    };
    let text = |text: &str| String::from(text);
    let user_data = [
        text("#cloud-config\npassword: : hunter2\n"),
        text("#cloud-config\npassword: !hunter2 x\n"),
        text("#cloud-config\nmerge_how: hunter2\na: 1\n"),
        multipart("text/x-shellscript", script_without),
        multipart("text/cloud-boothook", script_without),
        multipart("text/unknown", script_without),
        multipart(
            "text/cloud-config-jsonp",
            "[{\"op\": \"remove\", \"path\": \"/hunter2\"}]",
        ),
        multipart("text/cloud-config-jsonp", "[{\"op\": \"hunter2"),
        multipart(
            "text/jinja2",
            "## template: jinja\n#!/bin/sh\n{{ 'hunter2' / 0 }}",
        ),
        multipart(
            "text/jinja2",
            "## template: jinja\n#!/bin/sh\n{{ nothing }}hunter2",
        ),
        multipart("text/jinja2", "## template: hunter2\n#!/bin/sh\n"),
        text("#include\nhttp://me:hunter2@127.0.0.1:1/x\n"),
        text("#include\nhttp://127.0.0.1:1/x?sig=hunter2#hunter2\n"),
        text("#include\nroot:hunter2:1:\n"),
        // Passwords with what ends an authority, and an address that was cut off.
        text("#include\nhttp://me:hunter2/x@127.0.0.1:1/x\n"),
        text("#include\nhttp://me:hunter2?x@127.0.0.1:1/x\n"),
        text("#include\nhttp://me:hunter2#x@127.0.0.1:1/x\n"),
        text("#include\nhttp://me:hunter2"),
    ];
    let meta_data = [
        ("#cloud-config\na: 1\n", "admin_pass: : hunter2\n"),
        (
            "#cloud-config\na: 1\n",
            "local-hostname: 'hunter2 x'\nlaunch-index: hunter2\n",
        ),
        ("#cloud-config\na: 1\n", "user-data: hunter2\n"),
        ("#!/bin/sh\necho hunter2\n", "vendor_data: hunter2\n"),
        (
            "#cloud-config\na: 1\n",
            "seedfrom: http://me:hunter2@127.0.0.1:1/?sig=hunter2\n",
        ),
    ];
    let user_data = user_data.into_iter().map(|user_data| (user_data, ""));
    let meta_data = meta_data
        .into_iter()
        .map(|(user_data, meta_data)| (text(user_data), meta_data));
    for (number, (user_data, meta_data)) in user_data.chain(meta_data).enumerate() {
        let meta_data = format!("instance-id: i\n{meta_data}");
        let scratch = Scratch::new(&format!("secret-{number}"));
        let booted = boot(&scratch.0, &user_data, &meta_data);
        // A host name that is mended is everybody's.
        let mended = meta_data.contains("local-hostname");
        let shown = shown(&scratch.0, &booted);
        assert!(
            mended || shown.is_empty(),
            "{user_data}{meta_data}: {shown:?}"
        );
    }
}

#[test]
fn warnings_of_all_parts_are_bounded() {
    let scratch = Scratch::new("warnings");
    let part = "--B\nContent-Type: text/cloud-config\n\na: b: c\n";
    let mail = "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n\n";
    let booted = boot(
        &scratch.0,
        &format!("{mail}{}--B--\n", part.repeat(1_000)),
        "instance-id: i\n",
    );
    let result = json::read(booted.plan.get("cloudseed/result.json").unwrap()).unwrap();
    let warnings = result.get("warnings").and_then(Value::as_list).unwrap();
    assert_eq!(warnings.len(), boot::WARNINGS_MAX + 1);
    let last = warnings.last().and_then(|last| last.get("found"));
    assert_eq!(last, Some(&Value::from("488 more")));
}

#[test]
fn a_seed_that_cannot_be_read_says_why() {
    let scratch = Scratch::new("seed-why");
    let root = scratch.0.as_path();
    let seed = root.join("var/lib/cloud/seed/nocloud");
    fs::create_dir_all(&seed).unwrap();
    let long = fs::File::create(seed.join("vendor-data")).unwrap();
    long.set_len(17 << 20).unwrap();
    fs::create_dir(seed.join("network-config")).unwrap();
    let booted = boot(root, "#include\n/etc\n/nothing\n", "instance-id: i\n");
    let log = String::from_utf8_lossy(booted.plan.get("cloudseed/log").unwrap()).into_owned();
    fs::create_dir_all(root.join("etc")).unwrap();
    for words in [
        "vendor-data: expected a document, but found more than 16777216 bytes",
        "network-config: expected a document, but found no regular file",
        "/nothing: expected a document, but found nothing (404, or no such file)",
    ] {
        assert!(log.contains(words), "{words} in {log}");
    }
    assert!(booted.line.starts_with("degraded: "), "{}", booted.line);
}

#[test]
fn what_a_seed_says_in_another_kind_is_told() {
    for (meta_data, words) in [
        (
            "dsmode: sometimes",
            "dsmode: expected disabled, local, net, but found \"sometimes\"",
        ),
        (
            "seedfrom: [http://x/]",
            "seedfrom: expected text, but found a list",
        ),
        (
            "network-interfaces: {a: b}",
            "network-interfaces: expected text, but found a map",
        ),
        (
            "local-hostname: [a]",
            "local-hostname: expected text, but found a list",
        ),
        (
            "public-keys: 5",
            "public keys: expected lines of an authorized_keys file, but found 1 of another kind",
        ),
    ] {
        let scratch = Scratch::new("seed-kinds");
        let meta_data = format!("instance-id: i\n{meta_data}\n");
        let booted = boot(&scratch.0, "#cloud-config\na: 1\n", &meta_data);
        let log = booted.plan.get("cloudseed/log").unwrap();
        let log = String::from_utf8_lossy(log);
        assert!(log.contains(words), "{words} in {log}");
        assert!(booted.line.starts_with("degraded: "), "{}", booted.line);
    }
}

/// Every root with something in the place of every secret that it has: the mark as it stands, and inside of documents of two kinds.
#[test]
fn no_root_shows_what_is_secret_of_it() {
    let texts = [
        String::from(MARK),
        format!("#cloud-config\npassword: {MARK}\nchpasswd: {{list: ['a:{MARK}']}}\n"),
        format!("#include\nhttps://me:{MARK}@127.0.0.1:1/x?sig={MARK}\n"),
    ];
    let planted = AtomicUsize::new(0);
    let names = chosen();
    let wrong = on_all(&names, |name| {
        let all: Vec<String> = texts
            .iter()
            .filter_map(|text| {
                let places = places_of_planted(name, text)?;
                planted.fetch_add(1, Ordering::Relaxed);
                (!places.is_empty()).then(|| format!("{name}: {text:?} shows in {places:?}"))
            })
            .collect();
        (!all.is_empty()).then(|| all.join("\n"))
    });
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let planted = planted.into_inner();
    assert!(planted > 100 || names.len() < 100, "{planted}");
}

/// Where everybody can see what was planted in a root; `None` if it has nothing that is secret.
fn places_of_planted(name: &str, text: &str) -> Option<Vec<String>> {
    let fixture = Fixture::new(name);
    (plant(&fixture, text) > 0).then_some(())?;
    let (booted, _, _) = boot_of(&fixture, fixture.cloud().as_deref(), "");
    let files = booted.plan.files();
    let seen = files.filter(|(path, mode, bytes)| {
        // That one goes into the report.
        let told = *mode == Mode::Public || path.as_str() == "cloudseed/result.json";
        told && shows(bytes)
    });
    let mut places: Vec<String> = seen
        .map(|(path, _, _)| String::from(path.as_str()))
        .collect();
    places.extend(shows(booted.line.as_bytes()).then(|| booted.line.clone()));
    Some(places)
}
