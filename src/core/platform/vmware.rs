//! VMware: data in variables of the environment, or in those the hypervisor keeps for its guest.

use alloc::format;
use alloc::string::String;

use super::{Needs, Platform, Way};
use crate::machine::{Kind, Machine};
use crate::rule::{Inquiry, Rule, Verdict};
use crate::value::Value;

/// Where the programs that ask the hypervisor are found.
const PROGRAMS: [&str; 2] = ["vmware-rpctool", "vmtoolsd"];
const DIRECTORIES: [&str; 4] = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"];

/// vSphere and its kin.
pub static PLATFORM: Platform = Platform {
    name: "VMware",
    ways: &[Way {
        sign: Rule::Any(&[
            Rule::Code(
                "the environment has VMX_GUESTINFO, and VMX_GUESTINFO_METADATA, _USERDATA or _VENDORDATA",
                environment,
            ),
            Rule::All(&[
                Rule::Virt(&["vmware"]),
                Rule::Code(
                    "VMware's tools are installed with their customisation plug-in, and disable_vmware_customization is false",
                    customization,
                ),
            ]),
        ]),
        needs: Needs::Nothing,
        asks: &[],
        read: None,
    }],
};

fn environment(inquiry: &mut Inquiry) -> Verdict {
    let set = |name: &str| {
        let value = inquiry.machine.files.variable(name);
        value.is_some_and(|value| !value.is_empty())
    };
    const DATA: [&str; 3] = [
        "VMX_GUESTINFO_METADATA",
        "VMX_GUESTINFO_USERDATA",
        "VMX_GUESTINFO_VENDORDATA",
    ];
    match DATA.iter().find(|name| set(name)) {
        Some(name) if set("VMX_GUESTINFO") => {
            Verdict::found(format!("the environment has VMX_GUESTINFO and {name}"))
        }
        Some(name) => Verdict::No(format!("the environment has {name}, but no VMX_GUESTINFO")),
        None => Verdict::No(String::from("the environment has no VMX_GUESTINFO data")),
    }
}

/// The guest's variables (`guestinfo.userdata` …) cannot be asked for: that takes VMware's tools, which an initramfs does
/// not have, and which are not run where they are. What is left is the marker of the customisation they do themselves.
fn customization(inquiry: &mut Inquiry) -> Verdict {
    let machine = inquiry.machine;
    let Some(tool) = tool(machine) else {
        return Verdict::No(String::from(
            "guestinfo cannot be asked: neither vmware-rpctool nor vmtoolsd is here, as in an initramfs",
        ));
    };
    let not_asked = format!("{tool} is there, but cloudseed does not run it to ask for guestinfo");
    let Some(plugin) = plugin(machine) else {
        return Verdict::No(format!("{not_asked}; and it has no customisation plug-in"));
    };
    let wanted = inquiry
        .settings
        .configured(&["disable_vmware_customization"])
        .is_some_and(is_false);
    if wanted {
        Verdict::found(format!(
            "{plugin} is there and disable_vmware_customization is false"
        ))
    } else {
        Verdict::No(format!(
            "{not_asked}; and disable_vmware_customization is not false"
        ))
    }
}

fn is_false(value: &Value) -> bool {
    match value {
        Value::Bool(value) => !value,
        Value::Int(number) => *number == 0,
        Value::Text(text) => matches!(text.as_str(), "0" | "false" | "False"),
        _ => false,
    }
}

fn tool(machine: &Machine) -> Option<String> {
    let paths = DIRECTORIES
        .iter()
        .flat_map(|directory| PROGRAMS.map(|program| format!("{directory}/{program}")));
    paths
        .into_iter()
        .find(|path| machine.files.kind(path) == Some(Kind::File))
}

fn plugin(machine: &Machine) -> Option<String> {
    const LIBRARIES: [&str; 5] = [
        "/usr/lib",
        "/usr/lib64",
        "/usr/lib/x86_64-linux-gnu",
        "/usr/lib/aarch64-linux-gnu",
        "/usr/lib/i386-linux-gnu",
    ];
    let paths = ["vmware-tools", "open-vm-tools"]
        .iter()
        .flat_map(|package| {
            LIBRARIES
                .map(|library| format!("{library}/{package}/plugins/vmsvc/libdeployPkgPlugin.so"))
        });
    paths
        .into_iter()
        .find(|path| machine.files.kind(path) == Some(Kind::File))
}
