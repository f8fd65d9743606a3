//! What is found is read: each sign of each way, alone on a machine, leads to the data that it promises.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

use cloudseed_core::boot::{self, Options};
use cloudseed_core::instance::{Document, Instance};
use cloudseed_core::journal::Journal;
use cloudseed_core::machine::Machine;
use cloudseed_core::platform::{self, Needs, PLATFORMS};

use crate::compile::Scratch;
use crate::fixture::{Fixture, chosen, matches};
use crate::roots::{boot_of, boot_with};
use crate::sys::root::Root;
use crate::sys::stream::Started;
use crate::sys::template::Jinja;
use crate::sys::world;
use crate::tree::Tree;

/// Ways of platforms that are read, which are only named, and why.
const NAMED: [(&str, &str); 3] = [
    ("LXD", "a virtio port takes LXD's agent in the machine"),
    (
        "VMware",
        "the customisation is what VMware's tools do in the real root",
    ),
    (
        "AliYun",
        "cloud-init finds a seed directory that it cannot read",
    ),
];

#[test]
fn each_way_of_a_platform_that_is_read_is_read() {
    for platform in PLATFORMS.iter().filter(|platform| platform.is_read()) {
        let unread = platform
            .ways
            .iter()
            .filter(|way| way.read.is_none())
            .count();
        let named = NAMED
            .iter()
            .filter(|(name, _)| *name == platform.name)
            .count();
        assert_eq!(unread, named, "{}: ways that are not read", platform.name);
        assert!(
            platform
                .ways
                .iter()
                .all(|way| way.read.is_none() || !way.asks.is_empty())
        );
    }
}

#[test]
fn what_is_asked_is_what_the_readme_says() {
    let readme = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, table) = readme.split_once("| platform asked | requests |").unwrap();
    let rows: Vec<&str> = table
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'))
        .collect();
    let mut wrong = Vec::new();
    for platform in PLATFORMS {
        let asked = platform
            .ways
            .iter()
            .filter(|way| way.read.is_some() && matches!(way.needs, Needs::Network(_)));
        let asks: Vec<&str> = asked.flat_map(|way| way.asks.iter().copied()).collect();
        let start = format!("| {} | ", platform.name);
        let row = format!("{start}{} |", asks.join("; "));
        let said = rows.iter().find(|row| row.starts_with(&start));
        let as_said = said.map_or(asks.is_empty(), |said| *said == row);
        wrong.extend(Some(row).filter(|_| !as_said));
    }
    assert!(
        wrong.is_empty(),
        "README.md should say\n{}",
        wrong.join("\n")
    );
    assert!(rows.len() > 10, "{rows:?}");
}

/// What a boot with no network finds as user-data on this machine, and where.
fn found(tree: &Tree) -> (String, Option<Vec<u8>>) {
    let machine = Machine::read(tree);
    let journal = Journal::new();
    let settings = world::WorldOptions::without_network(&Root::new(Path::new("/nowhere")));
    let mut outside = world::open(settings, journal.clone(), Started::now());
    let booted = boot::boot(
        &machine,
        &mut *outside,
        &journal,
        &mut Jinja,
        Options::default(),
        None,
    );
    let instance = booted.instance.as_ref();
    let user_data = instance.and_then(|instance| instance.documents.get(Document::UserData));
    (booted.line, user_data.map(<[u8]>::to_vec))
}

/// A disc with these files.
fn iso(scratch: &Path, label: &str, files: &[(&str, &[u8])]) -> Vec<u8> {
    let (content, image) = (scratch.join(label), scratch.join("image"));
    fs::create_dir_all(&content).unwrap();
    for (name, bytes) in files {
        fs::write(content.join(name), bytes).unwrap();
    }
    let mut command = Command::new("genisoimage");
    command.args(["-quiet", "-rock", "-volid", label, "-o"]);
    assert!(command.args([&image, &content]).status().unwrap().success());
    fs::read(image).unwrap()
}

/// A seed in a directory, whose user-data say where they are.
fn seed(directory: &str) -> Vec<(String, String)> {
    vec![
        (
            format!("{directory}/meta-data"),
            String::from("instance-id: i-1\n"),
        ),
        (
            format!("{directory}/user-data"),
            format!("#!/bin/sh\n# {directory}\n"),
        ),
    ]
}

#[test]
fn each_place_that_shows_a_seed_is_read() {
    let configured = |text: &str| {
        let path = String::from("/etc/cloud/cloud.cfg.d/90.cfg");
        vec![(path, String::from(text))]
    };
    let pointed = |path: &str, text: &str| {
        let mut files = seed("/seed");
        files.push((String::from(path), String::from(text)));
        files
    };
    let one = "datasource: {NoCloud: {meta-data: {instance-id: i-1}, user-data: \"#!/bin/sh\\n# /seed\\n\"}}\n";
    for (place, files) in [
        (
            "/var/lib/cloud/seed/nocloud",
            seed("/var/lib/cloud/seed/nocloud"),
        ),
        (
            "/var/lib/cloud/seed/nocloud-net",
            seed("/var/lib/cloud/seed/nocloud-net"),
        ),
        (
            "/writable/system-data/var/lib/cloud/seed/nocloud",
            seed("/writable/system-data/var/lib/cloud/seed/nocloud"),
        ),
        (
            "/writable/system-data/var/lib/cloud/seed/nocloud-net",
            seed("/writable/system-data/var/lib/cloud/seed/nocloud-net"),
        ),
        ("/var/lib/cloud/seed/ec2", seed("/var/lib/cloud/seed/ec2")),
        ("/seed", configured(one)),
        (
            "/seed",
            pointed(
                "/etc/cloud/cloud.cfg",
                "datasource:\n  NoCloud:\n    seedfrom: /seed/\n",
            ),
        ),
        (
            "/seed",
            pointed("/proc/cmdline", "ro ds=nocloud;s=file:///seed/ quiet\n"),
        ),
        (
            "/seed",
            pointed("/sys/class/dmi/id/product_serial", "ds=nocloud;s=/seed\n"),
        ),
    ] {
        let mut tree = Tree::new(&[("/proc/sys/kernel/arch", "x86_64\n")]);
        for (path, text) in &files {
            tree.put(path, text.as_bytes());
        }
        let wanted = format!("#!/bin/sh\n# {place}\n").into_bytes();
        let (line, user_data) = found(&tree);
        assert_eq!(user_data, Some(wanted), "{place}: {line}");
    }
}

#[test]
fn each_label_that_shows_a_seed_is_read() {
    let scratch = Scratch::new("ways");
    let script = b"#!/bin/sh\n# volume\n";
    for (label, configuration) in [
        ("cidata", ""),
        ("CIDATA", ""),
        ("bootfs", "datasource: {NoCloud: {fs_label: bootfs}}\n"),
        ("BOOTFS", "datasource: {NoCloud: {fs_label: bootfs}}\n"),
    ] {
        let files: [(&str, &[u8]); 2] =
            [("meta-data", b"instance-id: i-1\n"), ("user-data", script)];
        let image = iso(&scratch.0, label, &files);
        let mut tree = Tree::new(&[("/etc/cloud/cloud.cfg", configuration)]);
        tree.set("SYSTEMD_VIRTUALIZATION", "vm:kvm");
        tree.put(
            "/sys/class/block/sr0/size",
            format!("{}\n", image.len() / 512).as_bytes(),
        );
        tree.put("/dev/sr0", &image);
        let (line, user_data) = found(&tree);
        assert_eq!(user_data.as_deref(), Some(&script[..]), "{label}: {line}");
    }
}

/// What a platform says that it asks for: method and path of each, as a pattern for [`matches`].
fn said(asks: &[&str]) -> Vec<(String, String)> {
    let mut said: Vec<(String, String)> = Vec::new();
    for ask in asks {
        let plain = ask.split(" (").next().unwrap();
        let plain = plain.replace(" and ", ", ").replace(" else ", " ");
        for piece in plain.split(", ") {
            let mut words = piece.trim_start_matches("without that ").split(' ');
            let first = words.next().unwrap();
            let (method, path) = match (first, said.last()) {
                ("GET" | "PUT" | "POST", _) => (String::from(first), words.next().unwrap()),
                ("every", Some(_)) => {
                    said.last_mut().unwrap().1.push('*');
                    continue;
                }
                (_, Some((method, _))) if words.next().is_none() => (method.clone(), first),
                _ => continue,
            };
            let path = path.strip_prefix("URL").unwrap_or(path);
            let path = match (path, said.last()) {
                ("the", _) => String::from("*"),
                (":8080", _) => String::from("/"),
                (path, Some((_, before))) if !path.starts_with(['/', ':']) => {
                    format!("{}/{path}", before.rsplit_once('/').unwrap().0)
                }
                (path, _) => String::from(path.strip_prefix(":8080").unwrap_or(path)),
            };
            said.push((method, path.replace("VERSION", "*")));
        }
    }
    said
}

/// Method and path of a request, as the cloud tells it: `GET http://HOST/PATH 200`. What users include and the command line names is
/// no platform's.
fn request(event: &str) -> Option<(&str, &str)> {
    let (method, rest) = event.split_once(" http://")?;
    let (url, _) = rest.split_once(' ')?;
    let (host, _) = url.split_once('/')?;
    let others = ["/loop", "get_preseed"]
        .iter()
        .any(|word| url.contains(word));
    let ours = host != "example.com" && !others;
    ours.then_some((method, &url[host.len()..]))
}

/// Roots whose owner names other paths than the platform's.
const ELSEWHERE: [&str; 4] = [
    "akamai-configured",
    "exoscale-configured",
    "gce-configured",
    "hetzner-configured",
];

#[test]
fn what_is_said_is_asked_and_nothing_else() {
    let (mut wrong, mut sent) = (Vec::new(), BTreeMap::new());
    // Who is given a list of platforms may ask those before the right one, and who is given other paths asks for those.
    let others = |name: &str| name.starts_with("policy-") || ELSEWHERE.contains(&name);
    for name in chosen().into_iter().filter(|name| !others(name)) {
        let fixture = Fixture::new(&name);
        let Some(cloud) = fixture.cloud() else {
            continue;
        };
        let (booted, _, events) = boot_of(&fixture, Some(&cloud), "");
        let http = |instance: &&Instance| instance.source.place.contains("http");
        let Some(instance) = booted.instance.as_ref().filter(http) else {
            continue;
        };
        let platform = platform::named(instance.platform).unwrap();
        let ways = platform.ways.iter();
        let ways = ways.filter(|way| matches!(way.needs, Needs::Network(_)));
        let asks: Vec<&str> = ways.flat_map(|way| way.asks.iter().copied()).collect();
        if asks.is_empty() {
            continue;
        }
        let said = said(&asks);
        let left = sent.entry(platform.name).or_insert_with(|| said.clone());
        for (method, path) in events.iter().filter_map(|event| request(event)) {
            let path = path.strip_prefix("/MAAS/metadata").unwrap_or(path);
            let same = |said: &&(String, String)| said.0 == method && matches(&said.1, path);
            match said.iter().find(same) {
                Some(found) => left.retain(|said| said != found),
                None => wrong.push(format!("{name}: {method} {path} is not in {said:?}")),
            }
        }
    }
    let left = sent.iter().filter(|(_, left)| !left.is_empty());
    if std::env::var_os("ROOT").is_none() {
        wrong.extend(left.map(|(name, left)| format!("{name}: no root asks for {left:?}")));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Boots a root whose owner allows only these platforms: which was read, and whether a service was asked.
fn allowed(name: &str, platforms: &str) -> (Option<&'static str>, bool) {
    let fixture = Fixture::new(name);
    let folder = fixture.machine().join("etc/cloudseed");
    fs::create_dir_all(&folder).unwrap();
    let file = folder.join("cloudseed.cfg");
    let said = fs::read_to_string(&file).unwrap_or_default();
    fs::write(&file, format!("{said}sources: {platforms}\n")).unwrap();
    let (booted, _, events) = boot_of(&fixture, fixture.cloud().as_deref(), "");
    let asked = events.iter().any(|event| request(event).is_some());
    (booted.instance.map(|instance| instance.platform), asked)
}

/// On each root, whatever is read there: media, command line, firmware, serial lines, sockets, services.
#[test]
fn what_the_owner_forbids_is_not_read() {
    let (mut wrong, mut read) = (Vec::new(), BTreeSet::new());
    let names = chosen().into_iter();
    for name in names.filter(|name| !name.starts_with("policy-")) {
        let (Some(platform), _) = allowed(&name, "all") else {
            continue;
        };
        read.insert(platform);
        let others = PLATFORMS.iter().map(|other| other.name);
        let others: Vec<&str> = others.filter(|other| *other != platform).collect();
        if allowed(&name, platform).0 != Some(platform) {
            wrong.push(format!("{name}: {platform} is allowed, but not read"));
        }
        if allowed(&name, &others.join(",")).0 == Some(platform) {
            wrong.push(format!("{name}: {platform} is read, but not allowed"));
        }
        if allowed(&name, "none") != (None, false) {
            wrong.push(format!("{name}: nothing is allowed, but something asked"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let all = PLATFORMS.iter().filter(|platform| platform.is_read());
    let mut left = all.filter(|platform| !read.contains(platform.name));
    let some = std::env::var_os("ROOT").is_some();
    assert!(some || left.next().is_none(), "read: {read:?}");
}

#[test]
fn half_a_seed_is_told() {
    let (booted, ..) = boot_of(&Fixture::new("nocloud-half"), None, "");
    let words = "identify: /var/lib/cloud/seed/nocloud: expected meta-data beside what is there";
    assert!(
        booted.line.starts_with("none: ") && booted.line.contains(words),
        "{}",
        booted.line
    );
}

/// VMware's host answers these commands and no others; what it has confirmed is in the log.
#[test]
fn what_vmware_keeps_is_cleared_on_request() {
    let (asked, other) = ("vmware-guestinfo", "vmware-guestinfo-json");
    // Not what is refused, nor by a boot that only shows what there is.
    for (root, cmdline, rehearsal, cleared) in [
        (asked, "", false, true),
        (other, "", false, false),
        (asked, "cloudseed.sha256=00", false, false),
        (asked, "", true, false),
    ] {
        let fixture = Fixture::new(root);
        fs::create_dir_all(fixture.machine().join("proc")).unwrap();
        fs::write(fixture.machine().join("proc/cmdline"), cmdline).unwrap();
        let options = Options {
            rehearsal,
            ..Options::default()
        };
        let (booted, ..) = boot_with(&fixture, None, "", options);
        let log = booted.plan.get("cloudseed/log").unwrap();
        let log = String::from_utf8_lossy(log);
        for key in ["userdata", "vendordata"] {
            let words = format!("guestinfo.{key} was cleared");
            assert_eq!(log.contains(&words), cleared, "{root}: {log}");
        }
    }
}

#[test]
fn azure_is_told_ready_by_a_boot_that_counts() {
    for (rehearsal, told) in [(false, true), (true, false)] {
        let fixture = Fixture::new("azure");
        let options = Options {
            rehearsal,
            ..Options::default()
        };
        let (_, _, events) = boot_with(&fixture, fixture.cloud().as_deref(), "", options);
        let is_told = events
            .iter()
            .any(|event| event.starts_with("POST http://168.63.129.16/machine?comp=health"));
        assert_eq!(is_told, told, "{events:?}");
    }
}

/// A volume with a seed, as a maker of volumes makes it.
fn volume(scratch: &Path, kind: &str) -> Vec<u8> {
    let (content, image) = (scratch.join("seed"), scratch.join(kind));
    fs::create_dir_all(&content).unwrap();
    let cards = "version: 2\nethernets: {eth0: {dhcp4: true}}\n";
    let script = format!("#!/bin/sh\n{}", "# and so on\n".repeat(1000));
    for (name, text) in [
        ("meta-data", "instance-id: i-1\n"),
        ("user-data", &script),
        ("vendor-data", "#!/bin/sh\n"),
        ("network-config", cards),
    ] {
        fs::write(content.join(name), text).unwrap();
    }
    let maker = Path::new(env!("CARGO_MANIFEST_DIR")).join("qemu/volume");
    let mut maker = Command::new(maker);
    maker.arg(kind).args([&image, &content]).arg("cidata");
    assert!(maker.status().unwrap().success(), "{kind}");
    fs::read(image).unwrap()
}

/// Whichever block of a medium fails, the boot has all or says why not.
#[test]
fn a_block_that_fails_is_told() {
    const BLOCK: usize = 512;
    let scratch = Scratch::new("failing");
    for kind in ["iso9660", "imapi", "vfat", "ext4"] {
        let image = volume(&scratch.0, kind);
        let mut tree = Tree::new(&[("/proc/sys/kernel/arch", "x86_64\n")]);
        tree.put("/dev/sr0", &image);
        let sectors = image.len() / BLOCK;
        tree.put("/sys/class/block/sr0/size", sectors.to_string().as_bytes());
        let (line, whole) = found(&tree);
        assert!(line.starts_with("found: "), "{kind}: {line}");
        let used = image.chunks(BLOCK).zip(0..);
        let used = used.filter(|(bytes, _)| bytes.iter().any(|byte| *byte != 0));
        let mut told = 0;
        for (_, block) in used {
            let at = block * BLOCK as u64;
            tree.failing = at..at + BLOCK as u64;
            let (line, user_data) = found(&tree);
            if line.contains("blocks that cannot be read") {
                told += 1;
            } else {
                let same = line.starts_with("found: ") && user_data == whole;
                assert!(same, "{kind}, block {block}: {line}");
            }
        }
        assert!(told > 4, "{kind}: {told}");
    }
}
