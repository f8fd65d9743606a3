//! Udev, as far as its files show it: whether it is there, and whether it has still to do.

use super::Files;

/// Where its files are. Without it nobody loads drivers meanwhile.
pub const PLACE: &str = "/run/udev";
/// Where it shows that it is busy; `udevadm settle` looks there, too.
const BUSY: &str = "/run/udev/queue";

/// Whether it is there.
pub fn is_there(files: &dyn Files) -> bool {
    files.kind(PLACE).is_some()
}

/// Whether it has still to load drivers, or to show what they have found.
pub fn is_busy(files: &dyn Files) -> bool {
    files.kind(BUSY).is_some()
}
