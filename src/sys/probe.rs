//! Probe: the facts of the machine, read again when a block device comes that may be the one that is missing.

use std::time::{Duration, Instant};

use cloudseed_core::identify::late;
use cloudseed_core::machine::Machine;
use cloudseed_core::platform;
use cloudseed_core::settings::Settings;

use super::root::Root;
use super::uevent::Uevents;

/// Devices come in rows: after one, this long without another ends the row.
const QUIET: Duration = Duration::from_millis(100);

/// Reads the machine below `root`. At `/` this waits, within [`late::patience`], for a volume that should be there.
pub fn machine(root: &Root) -> Machine<'_> {
    let started = Instant::now();
    let uevents = root.is_real().then(Uevents::open);
    let Some(Ok(uevents)) = uevents else {
        return Machine::read(root);
    };
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
