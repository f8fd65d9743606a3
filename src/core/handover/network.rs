//! The network of a root whose cloud-init does not set it up: what the instance is to have, in the words of the one program
//! that sets it up there.
//!
//! It is made when the root can be looked at, of `network-config` as the boot has left it, so that a root gets one set of files
//! and not four to choose from, and at each boot, so that another card in the same machine is another configuration.
//!
//! What the root file system came over stays as the initramfs has set it up: networkd, and netplan for it, keep its addresses
//! and routes; for the others it is left out.

use alloc::string::String;
use alloc::vec::Vec;

use crate::compile::cloud_init::NETPLAN;
use crate::compile::systemd::NAMES_UNITS;
use crate::digest::hex;
use crate::machine::{self, Files, Link};
use crate::network::render::Renderer;
use crate::network::{Config, Device, DeviceKind, NETWORK_DEVICES_MAX, Name};
use crate::plan::{Mode, Plan, RunPath};
use crate::userdata::DOCUMENT_BYTES_MAX;
use crate::warning::Warning;
use crate::yaml;

/// Where the boot has left it.
pub const DOCUMENT: &str = "/run/cloudseed/network-config";
/// Parameters of the command line by which an interface is set up in the initramfs, or a root file system is behind one.
/// Sources: dracut.cmdline(7), initramfs-tools(7), the kernel's nfsroot.
const PARAMETERS: [&str; 6] = [
    "ip",
    "ip6",
    "netroot",
    "nfsroot",
    "rd.neednet",
    "iscsi_initiator",
];
/// What `root=` of such a file system begins with.
const ROOTS: [&str; 5] = ["nfs", "/dev/nfs", "iscsi:", "nbd:", "nvmf"];
/// What shows that an interface was set up for the root file system.
const SIGNS: [&str; 2] = [machine::IBFT, machine::OPEN_ISCSI];

/// The files for a renderer, and what it has no words for. None if the configuration leaves the network alone.
pub fn render(files: &dyn Files, cmdline: &str, renderer: &Renderer) -> (Plan, Vec<Warning>) {
    let mut plan = Plan::default();
    let document = files.read(DOCUMENT, DOCUMENT_BYTES_MAX).unwrap_or_default();
    let document = match yaml::read(&document) {
        Ok(document) => document,
        Err(error) => {
            let warning = Warning::new("handover", DOCUMENT, error.expected, error.found);
            return (plan, Vec::from([warning]));
        }
    };
    let (config, mut warnings) = Config::read(&document);
    if let Some(mut config) = config {
        for link in held(files, cmdline) {
            hold(&mut config, &link, renderer, &mut warnings);
        }
        warnings.extend(renderer.render(config, &mut plan));
    }
    (plan, warnings)
}

/// The interfaces that somebody has set up here, if the root file system may be behind one: all that are up, for cloudseed sets
/// its own down again.
fn held(files: &dyn Files, cmdline: &str) -> Vec<Link> {
    let says = |word: &str| {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let far = || ROOTS.iter().any(|root| value.starts_with(root));
        PARAMETERS.contains(&key) || key.starts_with("rd.iscsi.") || key == "root" && far()
    };
    let shows = SIGNS.iter().any(|path| files.kind(path).is_some());
    if !shows && !cmdline.split_ascii_whitespace().any(says) {
        return Vec::new();
    }
    let links = machine::links(files).into_iter();
    let up = links.filter(|link| link.carrier.is_some() && !link.is_loopback());
    up.take(NETWORK_DEVICES_MAX).collect()
}

/// Keeps a program's hands off an interface: it is no member of what is not there yet, and a VLAN on it makes no new card of it.
fn hold(config: &mut Config, link: &Link, renderer: &Renderer, warnings: &mut Vec<Warning>) {
    let mac = link.mac.map(|mac| hex(&mac, ":"));
    let is_it = |device: &Device| match (&device.kind, &device.mac, &mac) {
        (DeviceKind::Card, Some(known), Some(mac)) => known.as_str() == mac,
        _ => is_called(device, &link.name),
    };
    let Some(name) = Name::interface(&link.name) else {
        return;
    };
    let refers = |device: &Device| matches!(&device.kind, DeviceKind::Vlan(_, Some(below)) if *below == name);
    if !config.devices.iter().any(is_it) && config.devices.iter().any(refers) {
        config.devices.push(Device::named(name.clone()));
    }
    let mut names = Vec::from([name.clone()]);
    for device in config.devices.iter_mut().filter(|device| is_it(device)) {
        names.extend(
            device
                .set_name
                .clone()
                .into_iter()
                .chain([device.name.clone()]),
        );
        if renderer.can_hold {
            device.critical = Some(true);
        } else {
            device.held = Some(name.clone());
        }
    }
    for device in config.devices.iter_mut().filter(|device| !is_it(device)) {
        if let DeviceKind::Bond(members) | DeviceKind::Bridge(members) = &mut device.kind {
            let before = members.names.len();
            members.names.retain(|member| !names.contains(member));
            if members.names.len() < before {
                let (place, expected) = (device.name.as_str(), "members that nothing else needs");
                let found = [
                    link.name.as_str(),
                    ", over which the root file system may be",
                ]
                .concat();
                warnings.push(Warning::new("handover", place, expected, found));
            }
        }
    }
}

/// Whether a device may be the interface of this name; of a pattern only what stands before its first joker counts.
fn is_called(device: &Device, name: &str) -> bool {
    let names = [&device.match_name, &device.set_name];
    let mut names = names.into_iter().flatten().chain([&device.name]);
    names.any(|known| match known.as_str().split_once(['*', '?', '[']) {
        Some((before, _)) => name.starts_with(before),
        None => known.as_str() == name,
    })
}

/// Adds the units by which systemd waits for the names that these files give to cards. ifupdown on Debian waits by itself.
pub fn wait_for_names(plan: &mut Plan, renderer: &Renderer) {
    let gives = |path: &str, bytes: &[u8]| match renderer.name {
        "eni" => false,
        NETPLAN => bytes.windows(9).any(|word| word == b"set-name:"),
        _ => path.ends_with(".link"),
    };
    if !plan
        .files()
        .any(|(path, _, bytes)| gives(path.as_str(), bytes))
    {
        return;
    }
    for (name, text) in NAMES_UNITS {
        if let Some(path) = RunPath::new(&["systemd/system/", name].concat()) {
            plan.put(path, Mode::Public, text);
        }
    }
}

/// Warnings in one line.
pub fn in_one_line(warnings: &[Warning]) -> String {
    let mut line = String::new();
    for warning in warnings {
        if !line.is_empty() {
            line.push_str("; ");
        }
        line.push_str(&alloc::format!("{warning}"));
    }
    line
}
