//! Probe: the facts of the machine, read again when a block device comes that may be the one that is missing.
//!
//! Nobody has waited for udev before this program starts. As long as udev is busy, devices that the machine has may not be
//! there yet; what is found then may not be all, a seed on a CD that counts more than the cloud's service.

use std::path::Path;
use std::time::{Duration, Instant};

use cloudseed_core::identify::late;
use cloudseed_core::machine::{Machine, udev};
use cloudseed_core::net::Nic;
use cloudseed_core::platform;
use cloudseed_core::settings::Settings;

use super::root::Root;
use super::uevent::Uevents;

/// Devices come in rows: after one, this long without another ends the row.
const QUIET: Duration = Duration::from_millis(100);

/// How long udev may be busy before nobody believes that it is about to show a disk.
const BUSY_MAX: Duration = Duration::from_secs(10);
/// How often is looked whether it still is.
const TURN: Duration = Duration::from_millis(20);

/// Longest that cards wait for their names.
const NAMED_MAX: Duration = Duration::from_secs(1);

/// Waits until udev has shown what there is.
fn settle(root: &Root) {
    let until = Instant::now() + BUSY_MAX;
    while udev::is_busy(root) && Instant::now() < until {
        std::thread::sleep(TURN);
    }
}

/// Waits, a second at most, until udev, which has its files at `udev`, has run its rules for these interfaces; whether there was
/// anything to wait for. Kernels before 6.2 rename no interface that is up, and what is configured by names would then say the
/// kernel's, which the real root does not know.
pub fn wait_for_names(nics: &[Nic], udev: &Path) -> bool {
    let is_named = |nic: &Nic| udev.join(format!("data/n{}", nic.index)).exists();
    let is_awaited = || udev.join("control").exists() && !nics.iter().all(is_named);
    let until = Instant::now() + NAMED_MAX;
    let waits = is_awaited();
    while is_awaited() && Instant::now() < until {
        std::thread::sleep(TURN);
    }
    waits
}

/// Reads the machine below `root`. At `/` this waits, within [`late::patience`], for a volume that should be there.
pub fn machine(root: &Root) -> Machine<'_> {
    let started = Instant::now();
    let uevents = root.is_real().then(Uevents::open);
    let Some(Ok(uevents)) = uevents else {
        return Machine::read(root);
    };
    settle(root);
    loop {
        let machine = Machine::read(root);
        let settings = Settings::read(&machine, platform::searched());
        let patience = late::patience(&machine, &settings);
        if patience.is_zero() || !uevents.wait_for_block(started + patience) {
            return machine;
        }
        let until = started + patience;
        while uevents.wait_for_block(until.min(Instant::now() + QUIET)) {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn cards_wait_for_the_names_that_udev_gives() {
        let udev = std::env::temp_dir().join(format!("cloudseed-names-{}", std::process::id()));
        let nic = Nic {
            name: "eth0".into(),
            index: 7,
            mac: [2, 0, 0, 0, 0, 7],
            mtu: 1500,
        };
        fs::create_dir_all(udev.join("data")).expect("a file of ours");
        assert!(
            !wait_for_names(std::slice::from_ref(&nic), &udev),
            "nobody gives names"
        );
        fs::write(udev.join("control"), "").expect("a file of ours");
        let (from, to) = (udev.join("new"), udev.join("data/n7"));
        fs::write(&from, "").expect("a file of ours");
        let giver = std::thread::spawn({
            let to = to.clone();
            move || {
                std::thread::sleep(NAMED_MAX / 3);
                fs::rename(from, to).expect("a file of ours");
            }
        });
        assert!(wait_for_names(std::slice::from_ref(&nic), &udev));
        let (is_named, to) = (udev.join("data/n7").exists(), giver.join());
        assert!(is_named && to.is_ok(), "it has not waited");
        assert!(!wait_for_names(&[nic], &udev), "it has been named");
        fs::remove_dir_all(udev).expect("a file of ours");
    }
}
