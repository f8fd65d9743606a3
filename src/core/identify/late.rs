//! Volumes that come late: whether one is missing, and how long it is worth waiting for it.
//!
//! In an initramfs we may start before a disk's driver has found its disk. To wait whenever nothing is found would cost
//! every machine without a cloud that time at every boot; so there has to be a reason:
//!
//! - the owner names a source that lives on volumes, or allows only such, and there is no volume with its label;
//! - nothing is found on a virtual machine that shows no block device at all, though a machine has one to boot from.

use core::time::Duration;

use super::{Answer, identify};
use crate::machine::cmdline::nocloud::Arguments;
use crate::machine::smbios::Field;
use crate::machine::{Machine, virt};
use crate::platform;
use crate::settings::Settings;

/// How long a volume is waited for that the owner has announced.
pub const ANNOUNCED_VOLUME_MAX: Duration = Duration::from_secs(5);
/// How long any block device is waited for where there is none.
pub const ANY_DISK_MAX: Duration = Duration::from_secs(2);

/// How long after the start of the program block devices are worth waiting for; zero if none is missing.
pub fn patience(machine: &Machine, settings: &Settings) -> Duration {
    if machine.container {
        return Duration::ZERO;
    }
    let limit = match settings.disabled {
        Some(_) => Duration::ZERO,
        None if announced(machine, settings) => ANNOUNCED_VOLUME_MAX,
        None if machine.volumes.is_empty()
            && machine.virt != virt::NONE
            && !found(machine, settings) =>
        {
            ANY_DISK_MAX
        }
        None => Duration::ZERO,
    };
    match settings.settle {
        Some(asked) if !limit.is_zero() => asked,
        _ => limit,
    }
}

fn found(machine: &Machine, settings: &Settings) -> bool {
    identify(machine, settings).answer != Answer::NotFound
}

/// True if the owner's word points to a volume, and none of its labels is there.
fn announced(machine: &Machine, settings: &Settings) -> bool {
    if let Some(label) = &settings.label
        && machine.volume_labelled(&[label]).is_none()
    {
        return true;
    }
    let missing = |name: &str| {
        let labels = platform::named(name).map(|platform| platform.labels());
        labels
            .is_some_and(|labels| !labels.is_empty() && machine.volume_labelled(&labels).is_none())
    };
    match &settings.name {
        Some(name) => missing(name) && !says_enough(machine),
        None => {
            let mut names = settings
                .list
                .iter()
                .filter(|name| *name != "None")
                .peekable();
            names.peek().is_some() && names.all(|name| missing(name))
        }
    }
}

/// True if `ds=nocloud;…` brings data itself, or says where they are.
fn says_enough(machine: &Machine) -> bool {
    let serial = machine.dmi.get(Field::ProductSerial).unwrap_or_default();
    [machine.cmdline.as_str(), serial]
        .into_iter()
        .filter_map(Arguments::parse)
        .any(|arguments| arguments.items.iter().any(|(key, _)| key != "dsmode"))
}
