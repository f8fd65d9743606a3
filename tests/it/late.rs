//! Late devices: the kernel's messages, asked for by the tests' own writes to /sys.

use std::fs;
use std::time::{Duration, Instant};

#[path = "../../src/sys/uevent.rs"]
mod uevent;

use uevent::Uevents;

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
