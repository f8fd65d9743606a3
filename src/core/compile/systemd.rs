//! For a systemd on the real root that knows nothing of us: units that run the stages of the plan.
//!
//! They stand in `handover/systemd/`, and [`crate::handover`] puts them where systemd looks if that is what runs the real
//! root and cloud-init does not run there, or if its owner asks for them (`cloudseed.handover=systemd`; beside a cloud-init that
//! runs, scripts would then run twice). Targets want the units by drop-ins, which are plain files as everything in a plan. No
//! unit runs in an initramfs.
//!
//! Neither waits for a network before the machine can be logged into. The early one needs none; the late one comes after
//! everything else, and only if there is a script for it is the network waited for at all.

use alloc::format;

use super::{Found, Outcome, Products};
use crate::config::script::Group;

/// Before everything ordinary: accounts and keys have to be there before sshd. A boothook that hangs must not hang the boot.
const EARLY: &str = "\
[Unit]
Description=Accounts, host name and boothooks of the instance
ConditionPathExists=/run/cloudseed/plan/manifest
ConditionPathExists=!/etc/initrd-release
DefaultDependencies=no
RequiresMountsFor=/var/lib
After=local-fs.target systemd-remount-fs.service systemd-sysusers.service systemd-tmpfiles-setup.service
Before=basic.target systemd-user-sessions.service ssh.service sshd.service
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /run/cloudseed/run early
TimeoutStartSec=5min
KillMode=process
StandardOutput=journal+console
";

/// As `cloud-final.service`: after the boot, so that scripts may take their time and may start services.
const FINAL: &str = "\
[Unit]
Description=Scripts of the instance's user-data
ConditionPathExists=/run/cloudseed/plan/manifest
ConditionPathExists=!/etc/initrd-release
RequiresMountsFor=/var/lib /var/log
Wants=network-online.target
After=network-online.target cloudseed-early.service multi-user.target
Before=apt-daily.service

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /run/cloudseed/run final
TimeoutStartSec=infinity
KillMode=process
TasksMax=infinity
StandardOutput=journal+console
";

/// The files, by their names below a directory of units, of the stage that always runs.
const EARLY_UNITS: [(&str, &str); 2] = [
    ("cloudseed-early.service", EARLY),
    (
        "basic.target.d/50-cloudseed.conf",
        "[Unit]\nWants=cloudseed-early.service\n",
    ),
];

/// Those of the stage that scripts run in.
const FINAL_UNITS: [(&str, &str); 2] = [
    ("cloudseed-final.service", FINAL),
    (
        "multi-user.target.d/50-cloudseed.conf",
        "[Unit]\nWants=cloudseed-final.service\n",
    ),
];

/// udev knows the cards from the initramfs already, so that nobody waits for it; a card that gets another name has to have it before
/// somebody brings it up, or it keeps the old one.
const NAMES: &str = "\
[Unit]
Description=Names of network cards
ConditionPathExists=!/etc/initrd-release
DefaultDependencies=no
After=systemd-udevd.service systemd-udev-trigger.service
Before=network-pre.target
Wants=network-pre.target
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=-/bin/sh -c \"udevadm settle --timeout=10\"
";

/// Those for cards that get a name, by their names below a directory of units.
pub const NAMES_UNITS: [(&str, &str); 2] = [
    ("cloudseed-names.service", NAMES),
    (
        "sysinit.target.d/50-cloudseed.conf",
        "[Unit]\nWants=cloudseed-names.service\n",
    ),
];

/// Adds the units.
pub(super) fn print(products: &mut Products, _: &Outcome, found: &Found) {
    let mut scripts = found.config.scripts.iter();
    let late = scripts.any(|script| script.group != Group::Boothook);
    let late = if late { &FINAL_UNITS[..] } else { &[] };
    for (name, text) in EARLY_UNITS.iter().chain(late) {
        let path = format!("cloudseed/handover/systemd/systemd/system/{name}");
        products.put(&path, *text);
    }
}
