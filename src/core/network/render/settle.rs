//! Settling: each thing finds its device before it is written.

use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::{Files, NETPLAN};
use crate::network::{
    Config, Device, DeviceKind, Dns, NETWORK_DEVICES_MAX, NETWORK_ELEMENTS_MAX, Name,
};

/// The same configuration with nothing outside its devices, and with all devices that it speaks of.
pub(super) fn settle(files: &mut Files, mut config: Config) -> Config {
    config.devices.retain(|device| is_harmless(files, device));
    name_members(files, &mut config);
    spread_dns(&mut config);
    place_routes(files, &mut config);
    for device in &mut config.devices {
        if device.set_name.is_some() && device.mac.is_none() && device.driver.is_none() {
            // It is recognised by its name, as everywhere where nothing else is said.
            device.match_name.get_or_insert_with(|| device.name.clone());
        }
        if device.manual {
            // Nobody waits for what nobody brings up.
            device.optional = Some(true);
        }
        unique(&mut device.routes);
        unique(&mut device.addresses);
        find_on_link(device);
    }
    config
}

/// Could the names of this device mean something else where they are written? A backslash at the end of a line, a quote, a
/// percent sign do in one format or another; no interface is called so.
fn is_harmless(files: &mut Files, device: &Device) -> bool {
    let (members, link) = (
        device.members(),
        match &device.kind {
            DeviceKind::Vlan(_, link) => link.as_ref(),
            _ => None,
        },
    );
    let matched = [&device.match_name, &device.driver, &device.set_name];
    let own = matched.into_iter().flatten().chain([&device.name]);
    let overrides = [&device.dhcp4, &device.dhcp6].map(|dhcp| &dhcp.overrides);
    let told = overrides
        .iter()
        .flat_map(|told| [&told.hostname, &told.use_domains]);
    let mut names = own
        .chain(members)
        .chain(link)
        .chain(&device.dns.search)
        .chain(told.flatten());
    let odd = names.find(|name| !name.as_str().bytes().all(is_plain));
    if let Some(odd) = odd {
        files.warn(
            device.name.as_str(),
            "a name of letters, digits and -_.:@+*?[]~",
            odd.as_str(),
        );
    }
    odd.is_none()
}

fn is_plain(letter: u8) -> bool {
    letter.is_ascii_alphanumeric() || b"-_.:@+*?[]~!".contains(&letter)
}

/// Calls members and links by the identifiers of their devices; those that nobody described are cards of that name. What can
/// be no device is no member, and a VLAN on it cannot be. Nothing is a member of two: the first counts.
fn name_members(files: &mut Files, config: &mut Config) {
    let names = |device: &Device| (device.label().clone(), device.name.clone());
    let mut known: Vec<(Name, Name)> = config.devices.iter().map(names).collect();
    if files.renderer == NETPLAN {
        // What netplan alone knows of is described there.
        let others = config.others.iter();
        let ids = others.filter_map(|(_, section)| section.as_map());
        let ids = ids.flat_map(|section| section.texts());
        let ids = ids.filter_map(|(id, _)| Name::interface(id));
        known.extend(ids.map(|id| (id.clone(), id)));
    }
    let described = known.len();
    let mut members = Members {
        known,
        taken: Vec::new(),
    };
    config.devices.retain_mut(|device| match &mut device.kind {
        DeviceKind::Bond(ports) | DeviceKind::Bridge(ports) => {
            ports.names.retain_mut(|name| members.join(files, name));
            true
        }
        DeviceKind::Vlan(_, link) => {
            let link = link.as_mut();
            link.is_some_and(|link| members.identify(files, link))
        }
        DeviceKind::Card => true,
    });
    for (_, name) in members.known.split_off(described) {
        config.devices.push(Device::named(name));
    }
}

/// Devices by what they are called and by their identifiers, and those that are a member of another.
struct Members {
    known: Vec<(Name, Name)>,
    taken: Vec<Name>,
}

impl Members {
    /// Calls a member by its identifier; false if it can be none, or is one of another already.
    fn join(&mut self, files: &mut Files, name: &mut Name) -> bool {
        if !self.identify(files, name) {
            return false;
        }
        let again = self.taken.contains(name);
        if again {
            let expected = "a member of one device";
            files.warn(name.as_str(), expected, "another that has it");
        } else {
            self.taken.push(name.clone());
        }
        !again
    }

    /// Calls a device by its identifier, and knows it from then on; false if it can be none.
    fn identify(&mut self, files: &mut Files, name: &mut Name) -> bool {
        let is_it = |(_, id): &&(Name, Name)| id == name;
        let is_called = |(label, _): &&(Name, Name)| label == name;
        let mut known = self.known.iter();
        if let Some((_, id)) = known.find(is_it).or(self.known.iter().find(is_called)) {
            *name = id.clone();
            return true;
        }
        let new = Name::interface(name.as_str()).filter(|_| self.known.len() < NETWORK_DEVICES_MAX);
        if new.is_none() {
            files.warn(name.as_str(), "a device", "a member that is none");
        }
        self.known.extend(new.clone().map(|new| (new.clone(), new)));
        new.is_some()
    }
}

/// Gives name servers of no device to those that have addresses, and no servers of their own. Those of the loopback are of no
/// device: that is where interfaces(5) has them.
fn spread_dns(config: &mut Config) {
    let mut dns = core::mem::take(&mut config.dns);
    for device in config.devices.iter_mut().filter(|it| it.is_loopback()) {
        dns.extend(core::mem::take(&mut device.dns));
    }
    for device in &mut config.devices {
        if device.dns == Dns::default() && device.has_addresses() && !device.is_loopback() {
            device.dns = dns.clone();
        }
    }
}

/// Gives each route of no device to the one whose network its router is in, or to the first whose networks only a lease tells.
fn place_routes(files: &mut Files, config: &mut Config) {
    for route in core::mem::take(&mut config.routes) {
        let six = route.to.address.is_ipv6();
        let near = |device: &Device| route.via.is_some_and(|via| device.reaches(via));
        let leased = |device: &Device| device.dhcp(six).is_on();
        let devices = &mut config.devices;
        let place = devices.iter().position(near);
        let place = place.or_else(|| devices.iter().position(leased));
        match place.and_then(|place| devices.get_mut(place)) {
            Some(device) if device.routes.len() < NETWORK_ELEMENTS_MAX => device.routes.push(route),
            _ => files.warn(
                "routes",
                "a device in whose network the router is",
                &route.to.to_string(),
            ),
        }
    }
}

/// Leaves out what occurs again.
fn unique<T: PartialEq + Clone>(elements: &mut Vec<T>) {
    let mut kept: Vec<T> = Vec::new();
    for element in elements.iter() {
        if !kept.contains(element) {
            kept.push(element.clone());
        }
    }
    *elements = kept;
}

/// Says of each router that it is on the link, if the device has networks of its family and the router is in none of them.
fn find_on_link(device: &mut Device) {
    let mut routes = core::mem::take(&mut device.routes);
    for route in &mut routes {
        let off = |via: IpAddr| {
            device.addresses_of(via.is_ipv6()).next().is_some() && !device.reaches(via)
        };
        if route.on_link.is_none() && route.via.is_some_and(off) {
            route.on_link = Some(true);
        }
    }
    device.routes = routes;
}
