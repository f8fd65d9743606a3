//! For a systemd on the real root that knows nothing of us: units that run the stages of the plan.
//!
//! They stand in `plan/units/`, and in `/run/systemd/system` if systemd is known to run the real root; where it is not
//! known, that directory must stay away, for programs take it for systemd itself. `sh /run/cloudseed/run units` is for an
//! initramfs that can look.
//!
//! Targets want the units by drop-ins, which are plain files as everything in a plan. No unit runs in an initramfs, nor
//! where cloud-init is installed: that runs the scripts itself. The order is cloud-init's own.

use alloc::format;

use super::{Found, Outcome, Products};

/// As `cloud-init.service`, but before everything ordinary even where NetworkManager brings up the network, which itself is
/// ordinary. A boothook that hangs must not hang the boot.
const EARLY: &str = "\
[Unit]
Description=Boothooks of the instance's user-data
ConditionPathExists=/run/cloudseed/plan/manifest
ConditionPathExists=!/etc/initrd-release
ConditionPathExists=!/usr/bin/cloud-init
DefaultDependencies=no
RequiresMountsFor=/var/lib /var/log
After=local-fs.target systemd-tmpfiles-setup.service
After=networking.service systemd-networkd-wait-online.service
Before=basic.target network-online.target
Before=systemd-user-sessions.service
Conflicts=shutdown.target
Before=shutdown.target

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/bin/sh /run/cloudseed/run early
TimeoutStartSec=15min
KillMode=process
StandardOutput=journal+console
";

/// As `cloud-final.service`: after the boot, so that scripts may take their time and may start services.
const FINAL: &str = "\
[Unit]
Description=Scripts of the instance's user-data
ConditionPathExists=/run/cloudseed/plan/manifest
ConditionPathExists=!/etc/initrd-release
ConditionPathExists=!/usr/bin/cloud-init
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

/// The files, by their names below a directory of units.
const UNITS: [(&str, &str); 4] = [
    ("cloudseed-early.service", EARLY),
    ("cloudseed-final.service", FINAL),
    (
        "basic.target.d/50-cloudseed.conf",
        "[Unit]\nWants=cloudseed-early.service\n",
    ),
    (
        "multi-user.target.d/50-cloudseed.conf",
        "[Unit]\nWants=cloudseed-final.service\n",
    ),
];

/// Adds the units to the plan's own directory, and to systemd's if that is known to be right.
pub(super) fn print(products: &mut Products, outcome: &Outcome, _: &Found) {
    for (name, text) in UNITS {
        products.put(&format!("cloudseed/plan/units/{name}"), text);
        if outcome.systemd {
            products.put(&format!("systemd/system/{name}"), text);
        }
    }
}
