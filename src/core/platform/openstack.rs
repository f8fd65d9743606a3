//! OpenStack: the name of the product or the asset tag of the chassis, unless a config drive has the data already.

use alloc::format;
use alloc::string::String;

use super::{Needs, Platform, Way};
use crate::machine::Machine;
use crate::machine::smbios::Field;
use crate::outside::Network;
use crate::rule::kin;
use crate::rule::{Inquiry, Match, Rule, Verdict};

/// What the firmware of a machine on OpenStack says, and on the clouds made of it.
const FIRMWARE: Rule = Rule::Any(&[
    Rule::Dmi(Field::ProductName, Match::Is("OpenStack Nova")),
    Rule::Dmi(Field::ProductName, Match::Is("OpenStack Compute")),
    Rule::Code(
        "the environment of process 1 has product_name OpenStack Nova",
        first_process,
    ),
    Rule::Dmi(Field::ChassisAssetTag, Match::Is("OpenTelekomCloud")),
    Rule::Dmi(Field::ChassisAssetTag, Match::Is("SAP CCloud VM")),
    Rule::Dmi(Field::ChassisAssetTag, Match::Is("HUAWEICLOUD")),
    Rule::Dmi(Field::ChassisAssetTag, Match::Is("Samsung Cloud Platform")),
    Rule::Dmi(Field::ChassisAssetTag, Match::Is("OpenStack Nova")),
    Rule::Dmi(Field::ChassisAssetTag, Match::Is("OpenStack Compute")),
    Rule::Code(
        "maybe, where the architecture is not x86 and firmware says nothing",
        architecture,
    ),
]);

/// OpenStack's metadata service.
pub static PLATFORM: Platform = Platform {
    name: "OpenStack",
    ways: &[Way {
        sign: Rule::All(&[
            Rule::Code("there is no config drive", no_config_drive),
            FIRMWARE,
        ]),
        needs: Needs::Network(Network::Any),
        asks: &[],
        read: None,
    }],
};

fn no_config_drive(inquiry: &mut Inquiry) -> Verdict {
    match kin::config_drive(inquiry) {
        Verdict::Found(evidence) => {
            Verdict::No(format!("there is a config drive: {}", evidence.because))
        }
        _ => Verdict::found(String::from("there is no config drive")),
    }
}

/// Containers of nova-lxd had no firmware of their own.
fn first_process(inquiry: &mut Inquiry) -> Verdict {
    match kin::first_process_product_name(inquiry.machine).as_str() {
        "OpenStack Nova" => Verdict::found(String::from(
            "the environment of process 1 has product_name OpenStack Nova",
        )),
        _ => Verdict::No(String::from(
            "the environment of process 1 has no product_name OpenStack Nova",
        )),
    }
}

/// Firmware of other architectures often does not say whose the machine is.
fn architecture(inquiry: &mut Inquiry) -> Verdict {
    let arch = &inquiry.machine.kernel.arch;
    if arch.is_empty() {
        Verdict::No(String::from("the architecture is not known"))
    } else if is_x86(inquiry.machine) {
        Verdict::No(format!("the architecture is {arch}, where firmware tells"))
    } else {
        Verdict::maybe(format!(
            "the architecture is {arch}, where firmware does not always tell"
        ))
    }
}

/// `x86_64` and `i?86`.
fn is_x86(machine: &Machine) -> bool {
    matches!(
        machine.kernel.arch.as_bytes(),
        b"x86_64" | [b'i', _, b'8', b'6']
    )
}
