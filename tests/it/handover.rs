//! Handover: what is put into place on which root, and what Debian's own Python makes of what we leave in /run/cloud-init.
//!
//! ```text
//! CLOUD_INIT=/unpacked/usr/lib/python3/dist-packages cargo test --test it handover      against another cloud-init
//! ```

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudseed_core::boot::WARNINGS_MAX;
use cloudseed_core::compile::result::RESULT_BYTES_MAX;
use cloudseed_core::compile::{Ending, Handover, Outcome, Seal, compile};
use cloudseed_core::config::Parts;
use cloudseed_core::instance::Document;
use cloudseed_core::json;
use cloudseed_core::plan::Plan;
use cloudseed_core::userdata::INCLUDES_MAX;
use cloudseed_core::value::{Map, Value};
use cloudseed_core::warning::{Blame, Error, Warning};

use crate::compile::{Boot, Scratch, instance, outcome, part, write};
use crate::differential::modules;

/// Loads the datasource that cloud.cfg names as cloud-init's local stage would, on a machine whose command line names a seed
/// that nobody may ask for, and prints what it has got.
const CONSUMER: &str = r#"
import base64, json, sys
from cloudinit import helpers, sources, url_helper, util

def nobody(url, *arguments, **words):
    raise AssertionError("asked for " + url)

run, lib, cmdline = sys.argv[1:]
url_helper.readurl = nobody
util.get_cmdline = lambda: cmdline
config = util.read_conf(run + "/cloud-init/cloud.cfg")
found = {"datasource_list": config["datasource_list"], "updates": config.get("updates")}
if "datasource" in config:
    seed = config["datasource"]["NoCloud"]
    seed["seedfrom"] = run + seed["seedfrom"][len("/run"):]
    paths = helpers.Paths({"cloud_dir": lib, "run_dir": run})
    classes = sources.list_sources(config["datasource_list"], [sources.DEP_FILESYSTEM], ["cloudinit.sources"])
    source = classes[0](config, None, paths)
    assert source._get_data(), "no data"
    encoded = lambda blob: base64.b64encode(blob if isinstance(blob, bytes) else blob.encode()).decode()
    found.update(
        source=str(source).split(" ")[0],
        mode=source.dsmode,
        instance_id=source.get_instance_id(),
        hostname=source.metadata.get("local-hostname"),
        zone=source.availability_zone,
        region=source.region,
        cloud=source.cloud_name,
        keys=source.get_public_ssh_keys(),
        network=source.network_config,
        user_data=encoded(source.get_userdata_raw()),
        vendor_data=encoded(source.get_vendordata_raw() or ""),
    )
print(json.dumps(found))
"#;

/// A command line that names a seed elsewhere.
const ELSEWHERE: &str = "quiet ds=nocloud-net;s=http://192.0.2.1/ ro";

/// The modules of Debian's cloud-init and what it imports; asked for once.
fn oracle() -> &'static Path {
    static ORACLE: OnceLock<PathBuf> = OnceLock::new();
    ORACLE.get_or_init(modules)
}

fn consume(root: &Path, cmdline: &str) -> Value {
    // What another one imports, Debian's brings along.
    let other = std::env::var("CLOUD_INIT").map(|other| format!("{other}:"));
    let path = other.unwrap_or_default() + oracle().to_str().unwrap();
    let output = Command::new("/usr/bin/python3")
        .args(["-c", CONSUMER])
        .arg(root.join("run"))
        .arg(root.join("var/lib/cloud"))
        .arg(cmdline)
        .env("PYTHONPATH", path)
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    json::read(&output.stdout).unwrap()
}

/// Files of a real root; a text that begins with `->` is a link.
type Files<'a> = &'a [(&'a str, &'a str)];

const DEBIAN: Files = &[
    ("etc/os-release", "PRETTY_NAME=\"Debian GNU/Linux 12\"\n"),
    ("lib/systemd/systemd", ""),
    ("sbin/init", "->../lib/systemd/systemd"),
];
const CLOUD_INIT: Files = &[
    ("usr/bin/cloud-init", ""),
    ("lib/systemd/system/cloud-init.target", ""),
    (
        "usr/lib/python3/dist-packages/cloudinit/version.py",
        "x = 1\n__VERSION__ = \"22.4.2\"\n",
    ),
    (
        "usr/lib/python3/dist-packages/cloudinit/sources/DataSourceEc2.py",
        "",
    ),
];
const NETWORKD: Files = &[(
    "etc/systemd/system/multi-user.target.wants/systemd-networkd.service",
    "",
)];

fn lay(root: &Path, files: Files) {
    for (path, text) in files {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let _ = fs::remove_file(&path);
        match text.strip_prefix("->") {
            Some(target) => symlink(target, path).unwrap(),
            None => fs::write(path, text).unwrap(),
        }
    }
}

fn cloudseed() -> Command {
    Command::new(env!("CARGO_BIN_EXE_cloudseed"))
}

/// Hands over from /run of `scratch` to the root below `sysroot` of it; what was chosen.
fn hand_over(scratch: &Scratch) -> String {
    hand_over_telling(scratch).0
}

/// The same, with what was told meanwhile.
fn hand_over_telling(scratch: &Scratch) -> (String, String) {
    let output = cloudseed()
        .arg("handover")
        .arg("--run")
        .arg(&scratch.0)
        .arg("--root")
        .arg(scratch.0.join("sysroot"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    (scratch.text("run/cloudseed/handed").trim().into(), told)
}

fn handed(name: &str, plan: &Plan, files: &[Files]) -> (Scratch, String) {
    let scratch = Scratch::new(name);
    write(&scratch.0, plan);
    fs::create_dir_all(scratch.0.join("sysroot")).unwrap();
    for files in files {
        lay(&scratch.0.join("sysroot"), files);
    }
    let chosen = hand_over(&scratch);
    (scratch, chosen)
}

/// A boot with this network configuration.
fn plan_with(network: &str) -> Plan {
    let mut instance = instance("i-0123");
    let network = Some(network.as_bytes().to_vec());
    instance.documents.put(Document::NetworkConfig, network);
    let boot = Boot::new(instance, Vec::new());
    compile(&outcome(boot.found())).0
}

fn plan_of(asked: Handover, is_whole: bool) -> Plan {
    let mut instance = instance("i-0123");
    instance.is_whole = is_whole;
    let boot = Boot::new(instance, Vec::new());
    let outcome = Outcome {
        handover: asked,
        ..outcome(boot.found())
    };
    compile(&outcome).0
}

#[test]
fn every_root_gets_what_fits_it() {
    let auto = &plan_of(Handover::Auto, true);
    let lossy = &plan_of(Handover::Auto, false);
    let named = &compile(&outcome(Ending::Named("Ec2"))).0;
    let strange = &compile(&outcome(Ending::Named("Bigstep"))).0;
    let none = &compile(&outcome(Ending::None)).0;
    let pinned: Files = &[("etc/cloud/cloud.cfg", "datasource_list: [ Azure, None ]\n")];
    let allowed: Files = &[("etc/cloud/cloud.cfg", "datasource_list: [ Ec2 ]\n")];
    let disabled: Files = &[("etc/cloud/cloud-init.disabled", "")];
    let masked: Files = &[("etc/systemd/system/cloud-init.target", "->/dev/null")];
    let idle: Files = &[
        ("sbin/openrc", ""),
        ("etc/init.d/cloud-init", ""),
        ("etc/runlevels/default/sshd", ""),
    ];
    let started: Files = &[("etc/runlevels/boot/cloud-init-local", "")];
    let owner: Files = &[("etc/cloudseed/cloudseed.cfg", "handover: shell\n")];
    let alpine: Files = &[
        ("etc/os-release", "ID=alpine\n"),
        ("bin/busybox", ""),
        ("sbin/init", "->/bin/busybox"),
        ("sbin/openrc", ""),
    ];
    let units = "run/systemd/system/cloudseed-early.service";
    let config = "run/cloud-init/cloud.cfg";
    type Case<'a> = (&'a Plan, &'a [Files<'a>], &'a str, &'a str, bool, bool);
    let cases: [Case; 17] = [
        (
            auto,
            &[DEBIAN, CLOUD_INIT],
            "all data, as a seed",
            "(Debian GNU/Linux 12, systemd, cloud-init 22.4.2)",
            false,
            true,
        ),
        (
            auto,
            &[DEBIAN, CLOUD_INIT, allowed],
            "all data, as a seed",
            "",
            false,
            true,
        ),
        (
            auto,
            &[DEBIAN, CLOUD_INIT, pinned],
            "nothing: cloud-init is pinned to Azure",
            "",
            false,
            false,
        ),
        (
            auto,
            &[DEBIAN, CLOUD_INIT, disabled],
            "nothing: cloud-init is there, but its owner has disabled it",
            "",
            false,
            false,
        ),
        (
            auto,
            &[DEBIAN, CLOUD_INIT, masked],
            "nothing: cloud-init is there, but its owner has masked it",
            "",
            false,
            false,
        ),
        (
            auto,
            &[CLOUD_INIT, idle],
            "nothing: cloud-init is there, but no runlevel starts it",
            "",
            false,
            false,
        ),
        (
            auto,
            &[CLOUD_INIT, idle, started],
            "all data, as a seed",
            "",
            false,
            true,
        ),
        (
            auto,
            &[DEBIAN, CLOUD_INIT, owner],
            "the stages for a shell",
            "",
            false,
            false,
        ),
        (
            lossy,
            &[DEBIAN, CLOUD_INIT],
            "the name Ec2 for cloud-init: not all of it could be read",
            "",
            false,
            true,
        ),
        (
            &plan_of(Handover::Hint, true),
            &[DEBIAN, CLOUD_INIT],
            "the name Ec2 for cloud-init: as its owner wants",
            "",
            false,
            true,
        ),
        (
            &plan_of(Handover::None, true),
            &[DEBIAN, CLOUD_INIT],
            "nothing, as its owner wants",
            "",
            false,
            false,
        ),
        (
            auto,
            &[DEBIAN, NETWORKD],
            "units and credentials for systemd; the platform says nothing of a network",
            "",
            true,
            false,
        ),
        (
            auto,
            &[alpine],
            "the stages for a shell",
            "(alpine, openrc)",
            false,
            false,
        ),
        (
            named,
            &[DEBIAN, CLOUD_INIT],
            "the name Ec2 for cloud-init: it is not read here",
            "",
            false,
            true,
        ),
        (
            strange,
            &[DEBIAN, CLOUD_INIT],
            "nothing: this cloud-init has no datasource Bigstep",
            "",
            false,
            false,
        ),
        (
            named,
            &[DEBIAN],
            "nothing: only cloud-init could read Ec2",
            "",
            false,
            false,
        ),
        (
            none,
            &[DEBIAN, CLOUD_INIT],
            "none: cloud-init searches by itself",
            "",
            false,
            false,
        ),
    ];
    for (index, (plan, files, said, root, has_units, has_config)) in cases.into_iter().enumerate() {
        let (scratch, chosen) = handed(&format!("fits-{index}"), plan, files);
        assert!(
            chosen.starts_with(said) && chosen.ends_with(root),
            "{index}: {chosen}"
        );
        assert_eq!(
            scratch.0.join(units).exists(),
            has_units,
            "{index}: {chosen}"
        );
        assert_eq!(
            scratch.0.join(config).exists(),
            has_config,
            "{index}: {chosen}"
        );
        // Programs take the directory for systemd itself.
        assert_eq!(scratch.0.join("run/systemd/system").exists(), has_units);
        let again = hand_over(&scratch);
        assert_eq!(again, chosen, "the same once more");
    }
}

const CARD: &str = "version: 2\nethernets: {eth0: {match: {macaddress: '52:54:00:12:34:56'}, set-name: eth0, dhcp4: true}}\n";
const MANAGER: Files = &[
    ("usr/sbin/NetworkManager", ""),
    (
        "etc/systemd/system/multi-user.target.wants/NetworkManager.service",
        "",
    ),
];
const NETPLAN: Files = &[("usr/sbin/netplan", ""), ("etc/netplan/x", "")];
const IFUPDOWN: Files = &[
    ("sbin/ifup", ""),
    (
        "etc/network/interfaces",
        "auto lo\n source-directory /run/network/interfaces.d\n",
    ),
];

/// Every file below /run that is not in our own directory, with its mode.
fn elsewhere(scratch: &Scratch) -> Vec<String> {
    let output = Command::new("find")
        .args(["systemd/network", "NetworkManager", "netplan", "network"])
        .args(["-type", "f", "-printf", "%p %m\n"])
        .current_dir(scratch.0.join("run"))
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut lines: Vec<String> = text.lines().map(String::from).collect();
    lines.sort();
    lines
}

#[test]
fn whoever_sets_up_the_network_is_told_it() {
    let link = "systemd/network/10-cloudseed-eth0.link 644";
    let network = "systemd/network/10-cloudseed-eth0.network 644";
    let keyfile = "NetworkManager/system-connections/cloudseed-eth0.nmconnection 600";
    let netplan = "netplan/50-cloudseed.yaml 600";
    let eni = "network/interfaces.d/cloudseed 644";
    let silent: Files = &[("sbin/ifup", ""), ("etc/network/interfaces", "auto lo\n")];
    type Case<'a> = (&'a str, &'a [Files<'a>], &'a str, &'a [&'a str]);
    let cases: [Case; 10] = [
        (
            CARD,
            &[DEBIAN, NETWORKD],
            "; the network for networkd (",
            &[link, network],
        ),
        (
            CARD,
            &[DEBIAN, MANAGER],
            "; the network for network-manager (",
            &[keyfile, link],
        ),
        (
            CARD,
            &[DEBIAN, MANAGER, NETPLAN],
            "; the network for netplan (",
            &[netplan],
        ),
        (
            CARD,
            &[DEBIAN, IFUPDOWN],
            "; the network for eni (",
            &[eni, link],
        ),
        (
            CARD,
            &[DEBIAN, IFUPDOWN, NETWORKD],
            "; the network for networkd (",
            &[link, network],
        ),
        (
            CARD,
            &[DEBIAN, silent],
            "; no network, for its ifupdown reads nothing below /run (",
            &[],
        ),
        (CARD, &[DEBIAN], "; nobody known sets up its network (", &[]),
        (
            CARD,
            &[DEBIAN, CLOUD_INIT, NETWORKD],
            "all of it was read (",
            &[],
        ),
        (
            "config: disabled\n",
            &[DEBIAN, NETWORKD],
            "; its configuration leaves the network alone (",
            &[],
        ),
        (
            "{[",
            &[DEBIAN, NETWORKD],
            "; its configuration leaves the network alone (",
            &[],
        ),
    ];
    for (index, (config, files, said, expected)) in cases.into_iter().enumerate() {
        let (scratch, chosen) = handed(&format!("told-{index}"), &plan_with(config), files);
        assert!(chosen.contains(said), "{index}: {chosen}");
        assert_eq!(elsewhere(&scratch), expected, "{index}: {chosen}");
        // The card gets a name; Debian's ifupdown waits for that itself.
        let unit = scratch.0.join("run/systemd/system/cloudseed-names.service");
        let waits = !expected.is_empty() && !said.contains("eni");
        assert_eq!(unit.exists(), waits, "{index}: {chosen}");
        let cleaned = cloudseed()
            .args(["clean", "--root"])
            .arg(&scratch.0)
            .status();
        assert!(cleaned.unwrap().success());
        assert_eq!(elsewhere(&scratch), [] as [String; 0], "{index}");
    }
}

#[test]
fn dhcpcd_asks_by_both_families_for_one_stanza() {
    let card = CARD.replace("dhcp4: true", "dhcp4: true, dhcp6: true");
    assert_ne!(card, CARD);
    let [dhclient, dhcpcd]: [Files; 2] = [&[("sbin/dhclient", "")], &[("usr/sbin/dhcpcd", "")]];
    for (index, (clients, six)) in [
        (&[dhclient, dhcpcd][..], true),
        (&[dhclient], true),
        (&[dhcpcd], false),
        (&[], true),
    ]
    .into_iter()
    .enumerate()
    {
        let files = [&[DEBIAN, IFUPDOWN], clients].concat();
        let (scratch, _) = handed(&format!("client-{index}"), &plan_with(&card), &files);
        let text = scratch.0.join("run/network/interfaces.d/cloudseed");
        let text = fs::read_to_string(text).unwrap();
        assert!(text.contains("inet dhcp"), "{text}");
        assert_eq!(text.contains("inet6 dhcp"), six, "{text}");
    }
}

#[test]
fn a_card_with_the_root_behind_it_is_left_as_it_is() {
    let read = |scratch: &Scratch| scratch.text("run/systemd/network/10-cloudseed-eth0.network");
    let up: Files = &[
        ("sys/class/net/eth0/address", "52:54:00:12:34:56\n"),
        ("sys/class/net/eth0/type", "1\n"),
        ("sys/class/net/eth0/ifindex", "2\n"),
        ("sys/class/net/eth0/carrier", "1\n"),
    ];
    let held = "\nKeepConfiguration=yes\n";
    for (cmdline, sign, is_held) in [
        ("root=/dev/vda ip=dhcp", "", true),
        ("root=nfs:10.0.2.1:/root", "", true),
        ("root=/dev/sda", "sys/firmware/ibft/ethernet0/mac", true),
        ("root=/dev/vda", "", false),
    ] {
        for root in [NETWORKD, MANAGER] {
            let scratch = Scratch::new("held-card");
            write(&scratch.0, &plan_with(CARD));
            lay(&scratch.0, up);
            lay(
                &scratch.0,
                &[("proc/cmdline", cmdline), (sign, "")][..if sign.is_empty() { 1 } else { 2 }],
            );
            lay(&scratch.0.join("sysroot"), DEBIAN);
            lay(&scratch.0.join("sysroot"), root);
            let chosen = hand_over(&scratch);
            if root == NETWORKD {
                assert_eq!(read(&scratch).contains(held), is_held, "{cmdline}");
            } else {
                assert_eq!(
                    elsewhere(&scratch).is_empty(),
                    is_held,
                    "{cmdline}: {chosen}"
                );
            }
        }
    }
}

/// Whatever else the configuration makes of it: it is in no bond and no bridge, and a VLAN on it makes no card of it anew.
#[test]
fn a_held_card_is_no_member_and_bears_vlans() {
    const MAC: &str =
        "version: 2\nethernets:\n  lan: {match: {macaddress: '52:54:00:12:34:56'}, dhcp4: true}\n";
    let up: Files = &[
        ("proc/cmdline", "root=/dev/nfs ip=dhcp"),
        ("sys/class/net/eth0/address", "52:54:00:12:34:56\n"),
        ("sys/class/net/eth0/type", "1\n"),
        ("sys/class/net/eth0/ifindex", "2\n"),
        ("sys/class/net/eth0/carrier", "1\n"),
    ];
    let bond = "bonds: {bond0: {interfaces: [CARD, eth1], dhcp4: true}}\n";
    let bridge = "bridges: {br0: {interfaces: [CARD], dhcp4: true}}\n";
    let vlan = "vlans: {v5: {id: 5, link: CARD, addresses: [10.5.0.2/24]}}\n";
    for (index, more) in [bond, bridge, vlan].into_iter().enumerate() {
        for (card, described) in [
            ("lan", MAC),
            ("eth0", "version: 2\nethernets: {eth1: {dhcp4: true}}\n"),
        ] {
            let config = described.to_string() + &more.replace("CARD", card);
            for (who, root) in [
                ("networkd", NETWORKD),
                ("nm", MANAGER),
                ("netplan", NETPLAN),
                ("eni", IFUPDOWN),
            ] {
                let scratch = Scratch::new(&format!("held-{index}-{card}-{who}"));
                write(&scratch.0, &plan_with(&config));
                lay(&scratch.0, up);
                lay(&scratch.0.join("sysroot"), DEBIAN);
                lay(&scratch.0.join("sysroot"), root);
                let (_, told) = hand_over_telling(&scratch);
                let files = elsewhere(&scratch);
                let files: Vec<&str> = files
                    .iter()
                    .map(|line| line.split(' ').next().unwrap())
                    .collect();
                let all: String = files
                    .iter()
                    .map(|path| scratch.text(&format!("run/{path}")))
                    .collect();
                let case = format!("{config}{who}: {told}\n{all}");
                let is_own = |path: &&&str| path.contains(&format!("-{card}."));
                let own = files
                    .iter()
                    .find(is_own)
                    .map(|path| scratch.text(&format!("run/{path}")));
                match who {
                    "nm" => assert_eq!(own, None, "{case}"),
                    "eni" => assert!(
                        !all.contains("52:54:00:12:34:56")
                            && !all.contains("iface eth0")
                            && !all.contains("iface lan"),
                        "{case}"
                    ),
                    "netplan" => assert!(
                        index < 2 && card == "eth0" || all.contains("critical: true"),
                        "{case}"
                    ),
                    _ => assert!(
                        own.is_none_or(|text| text.contains("KeepConfiguration=yes")),
                        "{case}"
                    ),
                }
                for membership in [
                    format!("- {card}"),
                    "Bond=bond0\nKeep".into(),
                    format!("bridge-ports {card}"),
                    "bridge-ports eth0".into(),
                ] {
                    assert!(!all.contains(&membership), "{membership} in {case}");
                }
                assert_eq!(
                    told.contains("over which the root file system may be"),
                    index < 2,
                    "{case}"
                );
                if index == 2 {
                    let parent = match who {
                        "networkd" => "VLAN=v5",
                        "nm" => "parent=eth0",
                        "netplan" => "link: ",
                        _ => "vlan-raw-device eth0",
                    };
                    assert!(all.contains(parent), "{case}");
                }
            }
        }
    }
}

/// A seed of the image's own, of which instance-id, host name and keys would count before ours.
#[test]
fn an_image_with_a_seed_keeps_it() {
    const PLACE: &str = "var/lib/cloud/seed/nocloud-net";
    let half: Files = &[("var/lib/cloud/seed/nocloud/user-data", "")];
    let seed: Files = &[
        ("var/lib/cloud/seed/nocloud-net/user-data", ""),
        (
            "var/lib/cloud/seed/nocloud-net/meta-data",
            "instance-id: image-1\n",
        ),
    ];
    let configured: Files = &[(
        "etc/cloud/cloud.cfg.d/90.cfg",
        "datasource: {NoCloud: {meta-data: {instance-id: image-1}}}\n",
    )];
    let elsewhere: Files = &[(
        "etc/cloud/cloud.cfg.d/90.cfg",
        "datasource: {NoCloud: {fs_label: x}}\n",
    )];
    let own = "nothing: the image has a seed of its own";
    let ours = "all data, as a seed";
    for (asked, files, expected) in [
        (Handover::Auto, seed, own),
        (Handover::Seed, seed, own),
        (Handover::Auto, configured, own),
        (Handover::Auto, half, ours),
        (Handover::Auto, elsewhere, ours),
        (Handover::Hint, seed, "the name Ec2"),
    ] {
        let plan = plan_of(asked, true);
        let (_, chosen) = handed("own-seed", &plan, &[DEBIAN, CLOUD_INIT, files]);
        assert!(chosen.starts_with(expected), "{asked:?} {PLACE}: {chosen}");
    }
}

/// Whoever has turned cloud-init off, or to another datasource, by ds-identify's own file or by a list without any.
#[test]
fn what_ds_identify_would_decide_is_left_so() {
    const FILE: &str = "etc/cloud/ds-identify.cfg";
    let list: Files = &[("etc/cloud/cloud.cfg", "datasource_list: [ None ]\n")];
    for (files, expected) in [
        (
            &[(FILE, "policy: disabled\n")][..],
            "nothing: cloud-init is there, but the policy",
        ),
        (
            &[(FILE, "datasource: Azure\n")],
            "nothing: cloud-init is pinned to Azure",
        ),
        (&[(FILE, "datasource: Ec2\n")], "all data"),
        (&[(FILE, "policy: enabled\n")], "all data"),
        (list, "nothing: cloud-init is pinned to None"),
    ] {
        let plan = plan_of(Handover::Auto, true);
        let (_, chosen) = handed("decided", &plan, &[DEBIAN, CLOUD_INIT, files]);
        assert!(chosen.starts_with(expected), "{files:?}: {chosen}");
    }
}

/// OpenRC's runlevels say nothing of what systemd starts.
#[test]
fn runlevels_are_openrcs() {
    let runlevels: Files = &[("etc/runlevels/default/sshd", "")];
    let plan = plan_of(Handover::Auto, true);
    let (_, chosen) = handed("runlevels", &plan, &[DEBIAN, CLOUD_INIT, runlevels]);
    assert!(chosen.starts_with("all data"), "{chosen}");
}

/// Who calls the stages in another's place gets nothing done.
#[test]
fn the_stages_are_run_by_whom_the_handover_says() {
    let busybox: Files = &[("bin/busybox", ""), ("sbin/init", "->../bin/busybox")];
    for (asked, files, word, runs) in [
        (Handover::None, &[busybox][..], "nobody", false),
        (Handover::Auto, &[busybox], "shell", true),
        (Handover::Systemd, &[busybox], "shell", true),
        (Handover::Auto, &[DEBIAN], "units", true),
        (Handover::Auto, &[DEBIAN, CLOUD_INIT], "cloud-init", false),
        (Handover::Shell, &[DEBIAN, CLOUD_INIT], "shell", true),
    ] {
        let (scratch, chosen) = handed("stages", &plan_of(asked, true), files);
        assert_eq!(
            scratch.text("run/cloudseed/stages").trim(),
            word,
            "{chosen}"
        );
        let final_stage = crate::shell::run(&["dash"], &scratch.0, "final");
        let said = String::from_utf8(final_stage.stdout).unwrap();
        assert_eq!(said.contains("by the handover"), !runs, "{chosen}: {said}");
    }
}

#[test]
fn credentials_are_for_root_alone_and_a_part_brings_its_own() {
    let part = part(
        1,
        "text/systemd-userdata",
        "c",
        "#systemd-userdata\n{\"systemd.credentials\": [{\"name\": \"a\", \"data\": \"eA==\"}, {\"name\": \"b\", \"encrypted\": \"eQ==\"}]}\n",
    );
    let parts = vec![Parts {
        document: Document::UserData,
        parts: vec![part],
    }];
    let boot = Boot::new(instance("i-0123"), parts);
    let (plan, warnings) = compile(&outcome(boot.found()));
    assert_eq!(warnings, []);
    let (scratch, _) = handed("credentials", &plan, &[DEBIAN]);
    for (path, text) in [
        (
            "credstore/ssh.authorized_keys.root",
            "ssh-ed25519 AAAA me@here\n",
        ),
        (
            "credentials/@initrd/ssh.authorized_keys.root",
            "ssh-ed25519 AAAA me@here\n",
        ),
        ("credentials/@initrd/system.hostname", "ip-10-0-0-1"),
        ("credstore/a", "x"),
        ("credstore.encrypted/b", "y"),
    ] {
        let path = format!("run/{path}");
        assert_eq!(scratch.text(&path), text);
        let mode = fs::metadata(scratch.0.join(&path))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{path}");
    }
    let mode = |path: &str| {
        fs::metadata(scratch.0.join(path))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(
        (mode("run/credentials"), mode("run/credstore")),
        (0o755, 0o700)
    );
    let cleaned = cloudseed()
        .args(["clean", "--root"])
        .arg(&scratch.0)
        .status();
    assert!(cleaned.unwrap().success());
    let left = |path: &str| scratch.0.join(path).exists();
    assert!(!left("run/credstore/a") && !left("run/systemd/system/cloudseed-early.service"));
}

/// A boot that never answers: a machine whose metadata service is behind a socket that nobody serves would end too soon, so it
/// is this test that has the lock.
#[test]
fn nobody_waits_longer_than_the_boot_wants_and_is_told() {
    let scratch = Scratch::new("held");
    fs::create_dir_all(scratch.0.join("run")).unwrap();
    fs::create_dir_all(scratch.0.join("sysroot")).unwrap();
    let holder = "import fcntl, os, signal, sys, time\n\
                  f = open(sys.argv[1], 'w')\nfcntl.lockf(f, fcntl.LOCK_EX)\nf.write('%020d %-60s' % (time.monotonic() * 1000 + 5500, 'Ec2'))\nf.flush()\n\
                  print('held', flush=True)\nos.kill(os.getpid(), signal.SIGSTOP)\nsignal.pause()\n";
    let mut holder = Command::new("/usr/bin/python3")
        .args(["-c", holder])
        .arg(scratch.0.join("run/cloudseed.boot"))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    while !scratch.0.join("run/cloudseed.boot").exists()
        || fs::read(scratch.0.join("run/cloudseed.boot"))
            .unwrap()
            .len()
            < 20
    {
        thread::sleep(Duration::from_millis(10));
    }
    let stat = format!("/proc/{}/stat", holder.id());
    while !fs::read_to_string(&stat).unwrap().contains(") T ") {
        thread::sleep(Duration::from_millis(10));
    }
    let (chosen, told) = hand_over_telling(&scratch);
    assert!(chosen.starts_with("failed: there is nothing"), "{chosen}");
    assert!(told.contains("waiting for Ec2, at most 0 s more"), "{told}");
    assert!(!holder.wait().unwrap().success(), "it was killed");
    let result = scratch.json("run/cloudseed/result.json");
    let found = result.at(&["error", "found"]).and_then(Value::as_text);
    assert_eq!(
        found,
        Some("one that was stopped by a signal; it was killed")
    );
}

#[test]
fn cloud_init_takes_our_seed() {
    let mut instance = instance("i-0123");
    let user_data = [b"\x1f\x8b\x08\0 packed \xff\xfe".as_slice(), &[0; 200]].concat();
    let vendor_data = "#cloud-config\n# é '\"\n\ta: |\n  x\n\n";
    let network = b"version: 2\nethernets: {eth0: {dhcp4: true}}\n".to_vec();
    for (document, bytes) in [
        (Document::UserData, user_data.clone()),
        (Document::VendorData, vendor_data.as_bytes().to_vec()),
        (Document::NetworkConfig, network),
    ] {
        instance.documents.put(document, Some(bytes));
    }
    if let Value::Map(map) = &mut instance.meta_data {
        map.insert("seedfrom", "http://192.0.2.2/");
    }
    let boot = Boot::new(instance, Vec::new());
    let (scratch, _) = handed(
        "seed",
        &compile(&outcome(boot.found())).0,
        &[DEBIAN, CLOUD_INIT],
    );
    for cmdline in ["quiet", ELSEWHERE] {
        let found = consume(&scratch.0, cmdline);
        for (key, expected) in [
            ("source", "DataSourceNoCloud"),
            ("mode", "net"),
            ("instance_id", "i-0123"),
            ("hostname", "ip-10-0-0-1.internal"),
            ("zone", "eu-central-1a"),
            ("region", "eu-central-1"),
            ("cloud", "aws"),
            ("user_data", &STANDARD.encode(&user_data)),
            ("vendor_data", &STANDARD.encode(vendor_data)),
        ] {
            assert_eq!(found.get(key), Some(&expected.into()), "{key} by {cmdline}");
        }
        let dhcp = found.at(&["network", "ethernets", "eth0", "dhcp4"]);
        assert_eq!(dhcp, Some(&Value::Bool(true)));
        let keys = found.get("keys").unwrap().as_list().unwrap();
        assert_eq!(keys, [Value::from("ssh-ed25519 AAAA me@here")]);
    }
}

#[test]
fn only_netplan_is_told_of_tables_of_routes() {
    let whole =
        "version: 2\nethernets: {eth1: {routes: [{to: 0.0.0.0/0, via: 10.0.3.1, table: 101}]}}\n";
    let plain = "version: 2\nethernets: {eth1: {dhcp4: true}}\n";
    for (files, expected, table) in [
        (NETWORKD, plain, None),
        (NETPLAN, whole, Some(&Value::Int(101))),
    ] {
        let mut instance = instance("i-0123");
        instance.plain_network = Some(plain.into());
        let document = Some(whole.as_bytes().to_vec());
        instance.documents.put(Document::NetworkConfig, document);
        let boot = Boot::new(instance, Vec::new());
        let (scratch, _) = handed(
            "tables",
            &compile(&outcome(boot.found())).0,
            &[DEBIAN, CLOUD_INIT, files],
        );
        let seed = scratch.text("run/cloudseed/seed/network-config");
        assert_eq!(seed, expected);
        let found = consume(&scratch.0, ELSEWHERE);
        let routes = found.at(&["network", "ethernets", "eth1", "routes"]);
        let route = routes.and_then(|routes| routes.as_list()?.first()?.get("table"));
        assert_eq!(route, table, "{found:?}");
    }
}

#[test]
fn cloud_init_takes_our_seed_without_any_document() {
    let mut instance = instance("i-0123");
    instance.documents = Default::default();
    instance.meta_data = Value::Null;
    let boot = Boot::new(instance, Vec::new());
    let (scratch, _) = handed(
        "bare",
        &compile(&outcome(boot.found())).0,
        &[DEBIAN, CLOUD_INIT],
    );
    let found = consume(&scratch.0, ELSEWHERE);
    assert_eq!(found.get("instance_id"), Some(&"i-0123".into()));
    assert_eq!(found.get("user_data"), Some(&"".into()));
}

#[test]
fn rules_for_two_documents_of_the_operator_are_left_to_cloud_init() {
    let rules: Files = &[(
        "etc/cloud/cloud.cfg.d/x.cfg",
        "vendor_data2: {enabled: false}\n",
    )];
    let with = |vendors: &[Document]| {
        let mut instance = instance("i-0123");
        for document in vendors {
            instance.documents.put(*document, Some(b"x".to_vec()));
        }
        let boot = Boot::new(instance, Vec::new());
        compile(&outcome(boot.found())).0
    };
    let one = with(&[Document::VendorData]);
    let two = with(&[Document::VendorData, Document::VendorData2]);
    for (plan, files, expected) in [
        (&one, rules, "all data, as a seed for cloud-init: all of it"),
        (&two, &[], "all data, as a seed for cloud-init: all of it"),
        (
            &two,
            rules,
            "the name Ec2 for cloud-init: its owner has rules",
        ),
    ] {
        let (_, chosen) = handed("rules", plan, &[DEBIAN, CLOUD_INIT, files]);
        assert!(chosen.starts_with(expected), "{chosen}");
    }
    // A seed for which there was no room in part is none.
    let (scratch, _) = handed("roomless", &two, &[DEBIAN, CLOUD_INIT]);
    fs::remove_file(scratch.0.join("run/cloudseed/seed/vendor-data")).unwrap();
    let chosen = hand_over(&scratch);
    let expected = "the name Ec2 for cloud-init: there was no room for a seed";
    assert!(chosen.starts_with(expected), "{chosen}");
}

#[test]
fn two_documents_of_the_operator_become_one() {
    let mut instance = instance("i-0123");
    for (document, text) in [
        (Document::VendorData, "#cloud-config\na: 1\n"),
        (Document::VendorData2, "#cloud-config\na: 2\n"),
    ] {
        instance.documents.put(document, Some(text.into()));
    }
    let boot = Boot::new(instance, Vec::new());
    let (scratch, _) = handed(
        "both",
        &compile(&outcome(boot.found())).0,
        &[DEBIAN, CLOUD_INIT],
    );
    let found = consume(&scratch.0, "quiet");
    let vendor_data = found.get("vendor_data").and_then(Value::as_text).unwrap();
    let vendor_data = String::from_utf8(STANDARD.decode(vendor_data).unwrap()).unwrap();
    let at = |text: &str| vendor_data.find(&STANDARD.encode(text)).unwrap();
    assert!(at("#cloud-config\na: 1\n") < at("#cloud-config\na: 2\n"));
}

#[test]
fn cloud_init_reads_our_hint() {
    let boot = Boot::new(instance("i-0123"), Vec::new());
    for ending in [boot.found(), Ending::Named("Ec2")] {
        let outcome = Outcome {
            handover: Handover::Hint,
            ..outcome(ending)
        };
        let (scratch, _) = handed("hint", &compile(&outcome).0, &[DEBIAN, CLOUD_INIT]);
        let list = consume(&scratch.0, "quiet").get("datasource_list").cloned();
        assert_eq!(list, Some(vec![Value::from("Ec2"), "None".into()].into()));
        assert_eq!(scratch.text("run/cloud-init/.ds-identify.result"), "0\n");
    }
}

#[test]
fn what_was_refused_is_not_fetched_by_cloud_init() {
    let error = Error::new(Blame::Broken, "fetch Ec2", "user-data", "these", "others");
    for (seal, ending, expected) in [
        (
            Seal::Closed,
            Ending::Failed(&error),
            "failed: no datasource for cloud-init",
        ),
        (
            Seal::Closed,
            Ending::Named("Ec2"),
            "named: no datasource for cloud-init",
        ),
        (
            Seal::Closed,
            Ending::None,
            "none: no datasource for cloud-init",
        ),
        (
            Seal::Measured,
            Ending::Failed(&error),
            "failed: cloud-init searches by itself",
        ),
        (
            Seal::Open,
            Ending::Failed(&error),
            "failed: cloud-init searches by itself",
        ),
    ] {
        let closed = seal == Seal::Closed;
        let outcome = Outcome {
            seal,
            ..outcome(ending)
        };
        let plan = compile(&outcome).0;
        let (scratch, chosen) = handed("refused", &plan, &[DEBIAN, CLOUD_INIT]);
        assert!(chosen.starts_with(expected), "{chosen}");
        let config = scratch.0.join("run/cloud-init/cloud.cfg");
        assert_eq!(config.exists(), closed);
        if closed {
            let list = consume(&scratch.0, "quiet").get("datasource_list").cloned();
            assert_eq!(list, Some(vec![Value::from("None")].into()));
        }
    }
}

/// What was checked is all that a cloud-init gets, whoever asked for what.
#[test]
fn a_sealed_boot_leaves_nothing_to_fetch() {
    let pinned: Files = &[("etc/cloud/cloud.cfg", "datasource_list: [ Azure, None ]\n")];
    let disabled: Files = &[("etc/cloud/cloud-init.disabled", "")];
    let mut instance = instance("i-0123");
    instance.is_whole = false;
    let boot = Boot::new(instance, Vec::new());
    let lists = |seal, asked, more: Files| {
        let outcome = Outcome {
            seal,
            handover: asked,
            ..outcome(boot.found())
        };
        let (scratch, _) = handed("sealed", &compile(&outcome).0, &[DEBIAN, CLOUD_INIT, more]);
        let config = scratch.0.join("run/cloud-init/cloud.cfg");
        let config = fs::read_to_string(config).unwrap_or_default();
        String::from(config.lines().next().unwrap_or_default())
    };
    let (seed, shut) = (
        "datasource_list: [ NoCloud, None ]",
        "datasource_list: [ None ]",
    );
    for (seal, asked, more, expected) in [
        (Seal::Measured, Handover::Auto, &[][..], seed),
        (Seal::Closed, Handover::Auto, &[], seed),
        (Seal::Closed, Handover::Hint, &[], seed),
        (Seal::Closed, Handover::Auto, pinned, seed),
        (Seal::Closed, Handover::Auto, disabled, shut),
        (Seal::Measured, Handover::Auto, disabled, ""),
        (Seal::Closed, Handover::Systemd, &[], shut),
        (Seal::Measured, Handover::Systemd, &[], ""),
        (Seal::Closed, Handover::None, &[], ""),
    ] {
        assert_eq!(lists(seal, asked, more), expected, "{seal:?} {asked:?}");
    }
}

#[test]
fn a_boot_that_died_leaves_a_sealed_machine_shut() {
    for (cmdline, expected) in [
        (
            "cloudseed.sha256=00",
            "failed: no datasource for cloud-init",
        ),
        (
            "cloudseed.measure=8,required",
            "failed: no datasource for cloud-init",
        ),
        (
            "cloudseed.measure=8",
            "failed: cloud-init searches by itself",
        ),
        (
            "cloudseed.sha256=00 cloudseed.handover=none",
            "failed: cloud-init searches by itself",
        ),
        ("quiet", "failed: cloud-init searches by itself"),
    ] {
        // It has begun, and no more.
        let scratch = Scratch::new("dead");
        lay(
            &scratch.0,
            &[("proc/cmdline", cmdline), ("run/cloudseed.boot", "")],
        );
        lay(&scratch.0.join("sysroot"), DEBIAN);
        lay(&scratch.0.join("sysroot"), CLOUD_INIT);
        let chosen = hand_over(&scratch);
        assert!(chosen.starts_with(expected), "{chosen}");
    }
}

/// However much there is to complain of, whoever looks at the result finds it.
#[test]
fn the_longest_result_is_read() {
    let word = "ä".repeat(1 << 10);
    let warning = Warning::new(&word, &word, &word, &word);
    let warnings = vec![warning; WARNINGS_MAX + 1];
    let url = Value::from("é".repeat(2 << 10));
    let document = Map::from_iter([("name", url.clone()), ("sha256", "0".repeat(64).into())]);
    let event = [
        ("place", url),
        ("documents", Value::List(vec![document.into()])),
    ];
    let measured = vec![Value::from(Map::from_iter(event)); INCLUDES_MAX];
    let boot = Boot::new(instance("i-0123"), Vec::new());
    let outcome = Outcome {
        warnings: &warnings,
        measured: &measured,
        ..outcome(boot.found())
    };
    let plan = compile(&outcome).0;
    let length = plan.get("cloudseed/result.json").unwrap().len();
    assert!(length > RESULT_BYTES_MAX / 4, "{length}");
    let (_, chosen) = handed("longest", &plan, &[DEBIAN]);
    assert!(chosen.starts_with("units and credentials"), "{chosen}");
}
