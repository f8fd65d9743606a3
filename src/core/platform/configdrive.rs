//! ConfigDrive: OpenStack's data on a volume labelled config-2, or in a directory.

use super::{Needs, Platform, Way};
use crate::rule::Rule;
use crate::rule::kin;

/// A drive of version 2; those of version 1 carry no mark.
pub static PLATFORM: Platform = Platform {
    name: "ConfigDrive",
    ways: &[Way {
        sign: Rule::Medium(
            kin::CONFIG_DRIVE,
            "a volume is labelled config-2 or CONFIG-2 and this is not IBM Cloud; or /config-drive or \
             /var/lib/cloud/seed/config_drive holds openstack/2???-??-??/meta_data.json",
            kin::config_drive,
        ),
        needs: Needs::Nothing,
        asks: &[],
        read: None,
    }],
};
