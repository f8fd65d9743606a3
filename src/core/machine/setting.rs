//! Settings of cloudseed itself, `cloudseed.KEY=VALUE`: on the command line, as a QEMU string, or as an OEM string.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::cmdline::Cmdline;
use super::smbios::Dmi;
use super::{FILE_BYTES_MAX, Files};

/// Where the kernel shows QEMU's `-fw_cfg name=opt/org.cloudseed/KEY,string=VALUE`.
const FW_CFG: &str = "/sys/firmware/qemu_fw_cfg/by_name/opt/org.cloudseed";
/// What our parameters and OEM strings begin with.
const PREFIX: &str = "cloudseed.";
/// Most settings kept from any one origin.
pub const SETTINGS_MAX: usize = 256;

/// Who said it: the owner of the boot loader, or the owner of the hypervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The kernel command line.
    CommandLine,
    /// A file below opt/org.cloudseed of QEMU's firmware configuration.
    FwCfg,
    /// An SMBIOS OEM string.
    OemString,
}

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What is set, without `cloudseed.`.
    pub key: String,
    /// To what; empty for a key without `=`.
    pub value: String,
    /// Who said it.
    pub origin: Origin,
}

/// Every setting, those that count most first: the command line before firmware, and on the command line the last of
/// a key before the others.
pub fn read(files: &dyn Files, cmdline: &Cmdline, dmi: &Dmi) -> Vec<Setting> {
    let mut settings: Vec<Setting> = cmdline
        .parameters()
        .filter_map(|(key, value)| {
            let key = key.strip_prefix(PREFIX)?;
            Some(setting(key, value.unwrap_or_default(), Origin::CommandLine))
        })
        .take(SETTINGS_MAX)
        .collect();
    settings.reverse();
    settings.extend(fw_cfg(files));
    let oem = dmi.oem_strings.iter().filter_map(|string| {
        let string = string.strip_prefix(PREFIX)?;
        let (key, value) = string.split_once('=').unwrap_or((string, ""));
        Some(setting(key, value, Origin::OemString))
    });
    settings.extend(oem.take(SETTINGS_MAX));
    settings
}

fn fw_cfg(files: &dyn Files) -> impl Iterator<Item = Setting> {
    let keys = files.list(FW_CFG).into_iter().take(SETTINGS_MAX);
    keys.filter_map(|key| {
        let bytes = files.read(&format!("{FW_CFG}/{key}/raw"), FILE_BYTES_MAX)?;
        let text = String::from_utf8_lossy(&bytes);
        let value = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
        Some(setting(&key, value, Origin::FwCfg))
    })
}

fn setting(key: &str, value: &str, origin: Origin) -> Setting {
    Setting {
        key: String::from(key),
        value: String::from(value),
        origin,
    }
}
