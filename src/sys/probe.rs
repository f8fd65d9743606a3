//! Probe: the facts of the machine, read again when a block device comes that may be the one that is missing.
//!
//! Nobody has waited for udev before this program starts. As long as udev is busy, devices that the machine has may not be
//! there yet; what is found then may not be all, a seed on a CD that counts more than the cloud's service.

use std::path::Path;
use std::time::{Duration, Instant};

use cloudseed_core::identify::late;
use cloudseed_core::machine::Machine;
use cloudseed_core::platform;
use cloudseed_core::settings::Settings;

use super::root::Root;
use super::uevent::Uevents;

/// Devices come in rows: after one, this long without another ends the row.
const QUIET: Duration = Duration::from_millis(100);

/// Where udev shows that it is busy; `udevadm settle` looks there, too.
const BUSY: &str = "/run/udev/queue";
/// How long udev may be busy before nobody believes that it is about to show a disk.
const BUSY_MAX: Duration = Duration::from_secs(10);
/// How often is looked whether it still is.
const TURN: Duration = Duration::from_millis(20);

/// Whether udev has still to load drivers, or to show what they have found.
pub fn udev_is_busy() -> bool {
    Path::new(BUSY).exists()
}

/// Waits until udev has shown what there is.
fn settle() {
    let until = Instant::now() + BUSY_MAX;
    while udev_is_busy() && Instant::now() < until {
        std::thread::sleep(TURN);
    }
}

/// Reads the machine below `root`. At `/` this waits, within [`late::patience`], for a volume that should be there.
pub fn machine(root: &Root) -> Machine<'_> {
    let started = Instant::now();
    let uevents = root.is_real().then(Uevents::open);
    let Some(Ok(uevents)) = uevents else {
        return Machine::read(root);
    };
    settle();
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
