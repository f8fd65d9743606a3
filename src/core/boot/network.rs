//! Whose word on the network counts: the kernel command line's (`network-config=`), then that of the initramfs (klibc's files for
//! `ip=`), of the system's own configuration (`network:`), of the platform.
//!
//! Source: cloud-init's order. On purpose otherwise: what cannot be understood is a warning and counts as not said.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::budget::Budget;
use crate::bytes::Bytes;
use crate::dialect::{encoded, seed};
use crate::instance::{Document, Instance};
use crate::machine::{Machine, OPEN_ISCSI};
use crate::network::stock::{self, Refusal};
use crate::network::{Config, klibc};
use crate::platform;
use crate::settings::Settings;
use crate::userdata::gzip;
use crate::value::{Map, SyntaxError, Value};
use crate::warning::Warning;
use crate::yaml;

/// Longest configuration on the command line, inflated, in bytes; the kernel's line is far shorter.
const CONFIG_BYTES_MAX: usize = 1 << 20;
/// The parameter.
const PARAMETER: &str = "network-config";

/// Puts the configuration that counts in place of the platform's, and says whose it is if it is another's.
pub fn choose(
    machine: &Machine,
    settings: &Settings,
    instance: &mut Instance,
    warnings: &mut Vec<Warning>,
) -> Option<&'static str> {
    let own = instance.documents.get(Document::NetworkConfig).is_some();
    let late = platform::of(instance.platform).before_initramfs;
    let mut found =
        command_line(machine, warnings).map(|config| (config, "the kernel command line"));
    if found.is_none() && !late {
        found = initramfs(machine, warnings).map(|config| (config, "the initramfs"));
    }
    if found.is_none() {
        let system = settings
            .configured(&["network"])
            .filter(|value| value.as_map().is_some());
        found = system.map(|config| (config.clone(), "the system's configuration"));
    }
    if found.is_none() && late && !own {
        found = initramfs(machine, warnings).map(|config| (config, "the initramfs"));
    }
    let (config, whose) = found?;
    let config = config.get("network").unwrap_or(&config);
    instance.plain_network = None;
    instance
        .documents
        .put(Document::NetworkConfig, seed::document(config));
    Some(whose)
}

/// Puts what can be understood of a configuration in the place of one by which stock cloud-init would end, or nothing, and says why:
/// without one it asks by DHCP, and the machine can be reached. Where only a cloud-init ends that does not write it for netplan, it
/// gets another one, without a word, for who has netplan misses nothing.
pub fn mend(instance: &mut Instance, warnings: &mut Vec<Warning>) {
    let Some(document) = instance.documents.get(Document::NetworkConfig) else {
        return;
    };
    let (refusal, config) = match yaml::read_doubtful(document, &Budget::new()) {
        Err(error) => (odd(error), None),
        Ok((value, doubt)) => {
            let Some(refusal) = doubt.map(odd).or_else(|| stock::refusal(&value)) else {
                return;
            };
            (refusal, Config::read(&value).0)
        }
    };
    let plain = config.clone().map(Config::write_without_netplan);
    let plain = plain.map(|value| yaml::write(&value).into_bytes());
    if !refusal.everywhere {
        instance
            .plain_network
            .get_or_insert(plain.unwrap_or_default());
        return;
    }
    warnings.push(refusal.what);
    let mended = config.map(Config::write);
    // What is understood may still have words that only netplan knows.
    let is_netplans = mended.as_ref().and_then(stock::refusal).is_some();
    instance.plain_network = plain.filter(|_| is_netplans);
    let mended = mended.map(|value| Bytes::from(yaml::write(&value).into_bytes()));
    instance.documents.replace(Document::NetworkConfig, mended);
}

fn odd(error: SyntaxError) -> Refusal {
    let found = format!(
        "{} in line {}, column {}",
        error.found, error.line, error.column
    );
    Refusal {
        what: Warning::new("network", "network-config", error.expected, found),
        everywhere: true,
    }
}

/// `network-config=`: `disabled`, or base 64 of YAML, which may be gzip.
fn command_line(machine: &Machine, warnings: &mut Vec<Warning>) -> Option<Value> {
    let text = machine
        .cmdline
        .value(PARAMETER)
        .filter(|text| !text.is_empty())?;
    if text == "disabled" {
        return Some(Map::from_iter([("config", text)]).into());
    }
    let read = || -> Result<Value, String> {
        let mut bytes = encoded::base64(text.as_bytes())?;
        if gzip::is_gzip(&bytes) {
            bytes = gzip::gunzip(&bytes, CONFIG_BYTES_MAX)
                .map_err(|flaw| flaw.found)?
                .bytes;
        }
        match yaml::read(&bytes).map_err(|error| error.found)? {
            map @ Value::Map(_) => Ok(map),
            other => Err(String::from(other.noun())),
        }
    };
    let expected = "base 64 of a map in YAML, or disabled";
    read()
        .map_err(|found| tell(warnings, PARAMETER, expected, &found))
        .ok()
}

fn tell(warnings: &mut Vec<Warning>, place: &str, expected: &str, found: &str) {
    warnings.push(Warning::new("fetch", place, expected, found));
}

/// What klibc's files say, if the command line asks for them or the root file system came over the network.
fn initramfs(machine: &Machine, warnings: &mut Vec<Warning>) -> Option<Value> {
    let mut parameters = machine.cmdline.parameters();
    let asked = parameters.any(|(key, value)| matches!(key, "ip" | "ip6") && value.is_some());
    if !asked && machine.files.kind(OPEN_ISCSI).is_none() {
        return None;
    }
    let (document, more) = klibc::document(machine);
    warnings.extend(more);
    document
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instance::{Source, Told};

    #[test]
    fn what_is_mended_for_all_is_mended_for_those_without_netplan_too() {
        // A list of addresses that is none ends every cloud-init, a lifetime those that do not write netplan's files.
        let card = "match: {macaddress: '52:54:00:12:34:56'}";
        for (network, mended, plain) in [
            ("dhcp4: true", false, false),
            ("dhcp4: true, addresses: 5", true, false),
            (
                "dhcp4: true, addresses: [{192.0.2.7/24: {lifetime: 0}}]",
                false,
                true,
            ),
            (
                "routes: [{to: 192.0.2.0/24, type: blackhole}], nameservers: 5",
                true,
                true,
            ),
        ] {
            let text = format!("version: 2\nethernets: {{eth0: {{{card}, {network}}}}}\n");
            let told = Told {
                instance_id: Some(String::from("i-1")),
                documents: crate::instance::Documents::default()
                    .with(Document::NetworkConfig, Some(text.clone().into_bytes())),
                ..Told::by_meta_data("nocloud", Source::metadata("here"), Map::new())
            };
            let mut instance =
                Instance::new("NoCloud", told, &mut Vec::new()).expect("it has an instance-id");
            let mut warnings = Vec::new();
            mend(&mut instance, &mut warnings);
            let after = instance.documents.get(Document::NetworkConfig);
            assert_eq!(after != Some(text.as_bytes()), mended, "{text}");
            assert_eq!(!warnings.is_empty(), mended, "{text}");
            assert_eq!(instance.plain_network.is_some(), plain, "{text}");
        }
    }
}
