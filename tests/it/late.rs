//! Late devices: the kernel's messages, asked for by the tests' own writes to /sys.

use std::cell::Cell;
use std::fs;
use std::time::{Duration, Instant};

use cloudseed_core::identify::late::{self, ANNOUNCED_VOLUME_MAX, ANY_DISK_MAX};
use cloudseed_core::machine::{Link, Machine};
use cloudseed_core::platform;
use cloudseed_core::settings::Settings;

use crate::sys::link::wait_for_nic;
use crate::sys::uevent::Uevents;
use crate::tree::Tree;

/// Makes the kernel say that a block device has changed.
fn change() {
    let devices = fs::read_dir("/sys/class/block").expect("block devices in /sys");
    let device = devices.flatten().next().expect("a block device").path();
    let written = fs::write(device.join("uevent"), "change");
    written.expect("root's right to write to uevent files in /sys");
}

#[test]
fn a_device_that_comes_ends_the_wait() {
    let uevents = Uevents::open().unwrap();
    let started = Instant::now();
    let later = std::thread::spawn(|| {
        std::thread::sleep(Duration::from_millis(50));
        change();
    });
    assert!(uevents.wait_for_block(started + Duration::from_secs(20)));
    assert!(started.elapsed() < Duration::from_secs(10));
    later.join().unwrap();
    // What came before the wait is not missed.
    let uevents = Uevents::open().unwrap();
    change();
    assert!(uevents.wait_for_block(Instant::now()));
}

#[test]
fn the_wait_for_a_device_ends_in_time() {
    let uevents = Uevents::open().unwrap();
    let started = Instant::now();
    let until = started + Duration::from_millis(80);
    // Other tests' devices may come; then there is a wait after them.
    while uevents.wait_for_block(until) {}
    let passed = started.elapsed();
    assert!(passed >= Duration::from_millis(80), "{passed:?}");
    assert!(passed < Duration::from_secs(5), "{passed:?}");
}

#[test]
fn a_card_is_waited_for_while_udev_is_busy() {
    let card = Link {
        name: String::from("eth7"),
        index: 7,
        mac: Some([2, 0, 0, 0, 0, 7]),
        hardware: 1,
        mtu: 1500,
        driver: Some(String::from("virtio_net")),
        physical: true,
        master: None,
        carrier: None,
    };
    let looks = Cell::new(0);
    let look = || {
        looks.set(looks.get() + 1);
        Vec::from_iter((looks.get() > 3).then(|| card.clone()))
    };
    let long = Duration::from_secs(60);
    // Nothing more is to come, and nobody wants to wait for it.
    assert_eq!(wait_for_nic(look, Duration::ZERO, || false, long), []);
    // The patience is over, but udev is not done.
    assert_eq!(
        wait_for_nic(look, Duration::ZERO, || true, long),
        std::slice::from_ref(&card)
    );
    // It never ends: the deadline does.
    let nothing = || Vec::new();
    assert_eq!(
        wait_for_nic(nothing, Duration::ZERO, || true, Duration::ZERO),
        []
    );
}

/// How long a machine with this command line is worth waiting for.
fn patience(cmdline: &str, change: impl Fn(&mut Tree)) -> Duration {
    let mut tree = Tree::new(&[("/proc/cmdline", cmdline)]);
    tree.set("SYSTEMD_VIRTUALIZATION", "vm:kvm");
    tree.put("/sys/class/block/vda/size", b"2048\n");
    tree.put("/dev/vda", &[0; 1 << 20]);
    change(&mut tree);
    let machine = Machine::read(&tree);
    late::patience(&machine, &Settings::read(&machine, platform::searched()))
}

/// An xfs of this label on the machine's second disk.
fn label(tree: &mut Tree, label: &str) {
    let mut image = vec![0; 1 << 20];
    image[..4].copy_from_slice(b"XFSB");
    image[108..108 + label.len()].copy_from_slice(label.as_bytes());
    tree.put("/sys/class/block/vdb/size", b"2048\n");
    tree.put("/dev/vdb", &image);
}

#[test]
fn an_announced_volume_is_waited_for() {
    for line in [
        "ds=nocloud",
        "ds=nocloud;dsmode=local",
        "ds=nocloud-net",
        "ci.ds=ConfigDrive",
        "ds=opennebula",
        "cc: datasource_list: [NoCloud, ConfigDrive, None] end_cc",
    ] {
        assert_eq!(patience(line, |_| {}), ANNOUNCED_VOLUME_MAX, "{line}");
    }
    for (line, name) in [
        ("ds=nocloud", "cidata"),
        ("ci.ds=ConfigDrive", "config-2"),
        (
            "cc: datasource_list: [NoCloud, ConfigDrive] end_cc",
            "CIDATA",
        ),
    ] {
        assert_eq!(
            patience(line, |tree| label(tree, name)),
            Duration::ZERO,
            "{line}"
        );
        assert_eq!(
            patience(line, |tree| label(tree, "other")),
            ANNOUNCED_VOLUME_MAX,
            "{line}"
        );
    }
    assert_eq!(
        patience("ds=nocloud cloudseed.settle=7", |_| {}),
        Duration::from_secs(7)
    );
    assert_eq!(
        patience("ds=nocloud cloudseed.settle=999", |_| {}),
        ANNOUNCED_VOLUME_MAX
    );
    assert_eq!(
        patience("ds=nocloud cloudseed.settle=0", |_| {}),
        Duration::ZERO
    );
}

#[test]
fn without_a_reason_there_is_no_wait() {
    for line in [
        "",
        "quiet cloudseed.settle=9",
        "ds=nocloud;s=http://10.0.0.1/",
        "ds=nocloud;i=1;h=a",
        "ds=ec2",
        "ds=nocloud cloud-init=disabled",
        "cc: datasource_list: [NoCloud, Ec2] end_cc",
    ] {
        assert_eq!(patience(line, |_| {}), Duration::ZERO, "{line}");
    }
    let container = |tree: &mut Tree| tree.set("SYSTEMD_VIRTUALIZATION", "container:lxc");
    assert_eq!(patience("ds=nocloud", container), Duration::ZERO);
}

#[test]
fn a_virtual_machine_without_disks_gets_a_moment() {
    let empty = |tree: &mut Tree| tree.put("/sys/class/block/vda/size", b"0\n");
    assert_eq!(patience("", empty), ANY_DISK_MAX);
    assert_eq!(patience("cloudseed.settle=0", empty), Duration::ZERO);
    let metal = |tree: &mut Tree| {
        empty(tree);
        tree.set("SYSTEMD_VIRTUALIZATION", "none");
    };
    assert_eq!(patience("", metal), Duration::ZERO);
    let cloud = |tree: &mut Tree| {
        empty(tree);
        tree.put("/sys/class/dmi/id/sys_vendor", b"Hetzner\n");
    };
    assert_eq!(patience("", cloud), Duration::ZERO);
}
