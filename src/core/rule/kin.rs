//! Facts on which the rules of more than one platform turn, so that no platform has to know another.

use alloc::format;
use alloc::string::String;

use super::{Inquiry, Match, Rule, Verdict};
use crate::machine::smbios::Field;
use crate::machine::volume::Volume;
use crate::machine::{FILE_BYTES_MAX, Kind, Machine};
use crate::note::Note;

/// The asset tag of every chassis of Azure. Its machines have a drive that looks like OVF's.
pub const AZURE_CHASSIS: Rule = Rule::Dmi(
    Field::ChassisAssetTag,
    Match::Is("7783-7084-3265-9085-8269-3286-77"),
);

/// How a machine of IBM Cloud's is launched from a template, in ds-identify's words.
pub const IBM_TEMPLATE: &str = "Template/Live/Metadata";

/// The UUID of every config drive of IBM Cloud's.
const IBM_UUID: &str = "9796-932E";

/// The label of OpenStack's drive, in both spellings.
pub const CONFIG_DRIVE: &[&str] = &["CONFIG-2", "config-2"];

/// Is there a config drive of version 2? OpenStack's metadata service is not asked where there is one.
pub fn config_drive(inquiry: &mut Inquiry) -> Verdict {
    const SEED: &str = "/var/lib/cloud/seed/config_drive";
    let machine = inquiry.machine;
    let dated = ["/config-drive", SEED]
        .iter()
        .find_map(|top| dated_meta_data(machine, top));
    if let Some(path) = dated {
        return Verdict::found(format!("{path} is there"));
    }
    let latest = format!("{SEED}/openstack/latest/meta_data.json");
    if machine.files.kind(&latest).is_some() {
        let what = "config drive seeded directory had only 'latest'";
        inquiry.note(Note::Debug(1, String::from(what)));
        return Verdict::found(format!("{latest} is there"));
    }
    let ibm = inquiry.settings.searches("IBMCloud");
    inquiry.note(Note::Debug(1, format!("is_ds_enabled(IBMCloud) = {ibm}.")));
    if ibm && let Verdict::Found(evidence) = ibm_cloud(machine) {
        return Verdict::No(format!("this is IBM Cloud: {}", evidence.because));
    }
    Rule::Label(CONFIG_DRIVE).ask(inquiry)
}

/// The first `openstack/2???-??-??/meta_data.json` below a directory.
fn dated_meta_data(machine: &Machine, top: &str) -> Option<String> {
    let is_date =
        |name: &&String| matches!(name.as_bytes(), [b'2', _, _, _, b'-', _, _, b'-', _, _]);
    let versions = machine.files.list(&format!("{top}/openstack"));
    let paths = versions
        .iter()
        .filter(is_date)
        .map(|version| format!("{top}/openstack/{version}/meta_data.json"));
    let mut there = paths.filter(|path| machine.files.kind(path).is_some());
    there
        .next()
        .filter(|path| machine.files.kind(path) == Some(Kind::File))
}

/// Is this a machine of IBM Cloud's classic kind? True while it is being provisioned as well.
pub fn ibm_cloud(machine: &Machine) -> Verdict {
    if machine.virt != "xen" {
        return Verdict::No(format!("virtualisation is {}", machine.virt));
    }
    if let (true, because) = ibm_provisioning(machine) {
        return Verdict::found(because);
    }
    if let Some(volume) = machine.volume_labelled(&["METADATA", "metadata"]) {
        return Verdict::found(format!(
            "on xen, volume {} is labelled METADATA",
            volume.name
        ));
    }
    const UUID: &str = IBM_UUID;
    let has_uuid = machine
        .volumes
        .iter()
        .any(|volume| volume.uuid.as_deref() == Some(UUID));
    if has_uuid && machine.volume_labelled(CONFIG_DRIVE).is_some() {
        return Verdict::found(format!("on xen, there is a config drive and a UUID {UUID}"));
    }
    Verdict::No(format!(
        "on xen, but no volume is labelled METADATA, and none labelled config-2 goes with a UUID {UUID}"
    ))
}

/// The volume with the data of IBM Cloud's, and how such a machine is launched, in ds-identify's words.
pub fn ibm_volume<'m>(machine: &'m Machine) -> Option<(&'static str, &'m Volume)> {
    let is = |text: &Option<String>, word: &str| {
        text.as_deref()
            .is_some_and(|text| text.eq_ignore_ascii_case(word))
    };
    let mut volumes = machine.volumes.iter().filter(|_| machine.virt == "xen");
    let drive = volumes
        .clone()
        .find(|volume| is(&volume.label, "CONFIG-2") && is(&volume.uuid, IBM_UUID));
    let mut metadata = || volumes.find(|volume| is(&volume.label, "METADATA"));
    drive
        .map(|volume| ("OS-Code/Live", volume))
        .or_else(|| Some((IBM_TEMPLATE, metadata()?)))
}

/// Is IBM Cloud's installer still at work in this boot? With the reason, as the log words it.
pub fn ibm_provisioning(machine: &Machine) -> (bool, String) {
    const CONFIG: &str = "/root/provisioningConfiguration.cfg";
    const LOG: &str = "/root/swinstall.log";
    let files = machine.files;
    if files.kind(CONFIG) != Some(Kind::File) {
        return (false, format!("config '{CONFIG}' did not exist."));
    }
    if files.kind(LOG) != Some(Kind::File) {
        return (
            true,
            format!("config '{CONFIG}' exists. log '{LOG}' did not exist."),
        );
    }
    let current = files.modified(LOG) > files.modified("/proc/1/environ");
    let boot = if current { "current" } else { "previous" };
    (
        current,
        format!("config '{CONFIG}' exists. log '{LOG}' from {boot} boot."),
    )
}

/// The product name in the environment of process 1, which OpenStack's containers (nova-lxd) have; ds-identify's word
/// `unavailable` where it is not there.
pub fn first_process_product_name(machine: &Machine) -> String {
    let Some(environment) = machine.files.read("/proc/1/environ", FILE_BYTES_MAX) else {
        return String::new();
    };
    environment
        .split(|byte| *byte == 0)
        .find_map(|variable| variable.strip_prefix(b"product_name="))
        .map_or(String::from("unavailable"), |value| {
            String::from_utf8_lossy(value).into_owned()
        })
}
