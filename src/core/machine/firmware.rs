//! What describes a machine where SMBIOS does not: the device tree, Xen's directory, and QEMU's strings.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{FILE_BYTES_MAX, Files};

/// Where the kernel shows the device tree.
const DEVICE_TREE: &str = "/proc/device-tree";

/// The device tree's description of the machine (arm64, ppc64le, riscv64); unset where there is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeviceTree {
    /// The root node's `model`, for people.
    pub model: Option<String>,
    /// The root node's `compatible`, the most specific first.
    pub compatible: Vec<String>,
}

impl DeviceTree {
    /// Reads the root node.
    pub fn read(files: &dyn Files) -> DeviceTree {
        DeviceTree {
            model: property(files, "model").into_iter().next(),
            compatible: property(files, "compatible"),
        }
    }
}

/// The strings of one property (Devicetree Specification 2.2.4.1, stringlist: each ends in NUL).
pub(super) fn property(files: &dyn Files, path: &str) -> Vec<String> {
    let bytes = files
        .read(&format!("{DEVICE_TREE}/{path}"), FILE_BYTES_MAX)
        .unwrap_or_default();
    let strings = bytes.split(|&byte| byte == 0);
    strings
        .map(|string| String::from(String::from_utf8_lossy(string).trim()))
        .filter(|string| !string.is_empty())
        .collect()
}

/// What a paravirtualised guest is told of its hypervisor; unset where the kernel shows nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hypervisor {
    /// `xen`.
    pub kind: Option<String>,
    /// This guest's UUID; on old EC2 it begins with `ec2`.
    pub uuid: Option<String>,
}

impl Hypervisor {
    /// Reads /sys/hypervisor.
    pub fn read(files: &dyn Files) -> Hypervisor {
        Hypervisor {
            kind: files.text("/sys/hypervisor/type"),
            uuid: files.text("/sys/hypervisor/uuid"),
        }
    }
}
