//! Renderers: the configuration as the programs of the real root read it, below /run.
//!
//! ```text
//!             ┌─ networkd ──────── systemd/network/10-cloudseed-NAME.{link,netdev,network}
//!   Config ───┼─ network-manager ─ NetworkManager/system-connections/cloudseed-NAME.nmconnection   (+ .link)
//!    settled  ├─ netplan ───────── netplan/50-cloudseed.yaml
//!             └─ eni ───────────── network/interfaces.d/cloudseed                                  (+ .link)
//! ```
//!
//! Their names are cloud-init's. All of them write a configuration that was settled first: what belongs to no device has found
//! one, members that nobody described are cards, gateways off the link are known as such. What a device is told in one word
//! is a row of `WORDS`, with a column for each; where a renderer has no word for it, a warning says so. The files hold for
//! one boot, so that another card in the same machine is another configuration. Cards are matched by their permanent
//! hardware address, and udev gives them their names. Sources: systemd.network(5), systemd.netdev(5), systemd.link(5),
//! nm-settings-keyfile(5), netplan's reference, interfaces(5), and the renderers of cloud-init, from which we differ where
//! `tests/network/DEVIATIONS.md` says.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::{Display, Write};
use core::net::IpAddr;

use super::field::written;
use super::{
    Config, Device, DeviceKind, Dialect, HardwareAddress, Method, Name, Overrides, version2,
};
use crate::plan::{Mode, Plan, RunPath};
use crate::value::{Map, Value};
use crate::warning::Warning;
use crate::yaml;

mod ifupdown;
mod keyfile;
mod networkd;
mod settle;

/// One program that sets up the network of a root.
#[derive(Debug)]
pub struct Renderer {
    /// Its name, as cloud-init's `system_info.network.renderers` has it.
    pub name: &'static str,
    /// Whether it can set an interface up and leave alone what that has already.
    pub can_hold: bool,
    render: fn(&mut Files, Config),
}

/// The one that has words for all of version 2.
const NETPLAN: &str = "netplan";

/// The renderers that there are, each by its name.
pub static RENDERERS: [Renderer; 4] = [
    Renderer {
        name: "eni",
        can_hold: false,
        render: ifupdown::render,
    },
    Renderer {
        name: NETPLAN,
        can_hold: true,
        render: netplan,
    },
    Renderer {
        name: "network-manager",
        can_hold: false,
        render: keyfile::render,
    },
    Renderer {
        name: "networkd",
        can_hold: true,
        render: networkd::render,
    },
];

/// `eni` where dhcpcd is the only DHCP client, as in Debian 13.
pub static ENI_DHCPCD: Renderer = Renderer {
    name: "eni",
    can_hold: false,
    render: ifupdown::render_for_dhcpcd,
};

impl Renderer {
    /// The renderer of this name.
    pub fn named(name: &str) -> Option<&'static Renderer> {
        RENDERERS.iter().find(|renderer| renderer.name == name)
    }

    /// Adds the files of a configuration to a plan. What this program has no words for leaves a warning.
    pub fn render(&self, config: Config, plan: &mut Plan) -> Vec<Warning> {
        let mut files = Files {
            renderer: self.name,
            plan,
            warnings: Vec::new(),
        };
        let mut config = settle::settle(&mut files, config);
        if self.name != NETPLAN {
            others(&mut files, &config);
            leave_others(&mut config);
        }
        (self.render)(&mut files, config);
        files.warnings
    }
}

/// Tells what netplan alone has words for; which program is to read the rest is its affair, too.
fn others(files: &mut Files, config: &Config) {
    let of_devices = config.devices.iter().flat_map(|device| {
        let routes = device.routes.iter().map(|route| &route.others);
        let rules = device.rules.iter().map(|rule| &rule.others);
        let all = [&device.others].into_iter().chain(routes).chain(rules);
        all.map(|others| (device.name.as_str(), others))
    });
    for (place, others) in of_devices.chain([("network", &config.others)]) {
        for (key, _) in others.texts().filter(|(key, _)| *key != "renderer") {
            files.warn(place, "what this renderer has words for", key);
        }
    }
}

/// Leaves out what would mean something else without the words that netplan alone has: a route that leads nowhere, a rule for some
/// of the packets.
fn leave_others(config: &mut Config) {
    for device in &mut config.devices {
        device.routes.retain(|route| !route.others.contains("type"));
        device.rules.retain(|rule| rule.others.is_empty());
    }
}

/// The files being made, and what has no place in them.
struct Files<'a> {
    renderer: &'static str,
    plan: &'a mut Plan,
    warnings: Vec<Warning>,
}

impl Files<'_> {
    /// Adds a file of this name, which is harmless once the configuration is settled.
    fn put(&mut self, parts: [&str; 3], mode: Mode, text: String) {
        match RunPath::new(&parts.concat()) {
            Some(path) if !text.is_empty() => self.plan.put(path, mode, text),
            _ => {}
        }
    }

    fn warn(&mut self, place: &str, expected: &str, found: &str) {
        if self.warnings.len() < super::NETWORK_WARNINGS_MAX {
            let place = [self.renderer, ".", place].concat();
            self.warnings
                .push(Warning::new("network", place, expected, found));
        }
    }
}

/// One document of version 2 for all, which netplan wants to be read by root alone. A section stands behind those whose devices
/// it speaks of, for netplan reads what it does not know yet twice, and finds the costs of ports set already.
fn netplan(files: &mut Files, mut config: Config) {
    config.dialect = Dialect::Version2;
    for device in &mut config.devices {
        agree(files, device);
        leave_out(files, device);
    }
    let others = core::mem::take(&mut config.others);
    let of_device = |device: &mut Device| {
        let section = version2::section(&device.kind);
        (
            section,
            device.name.clone(),
            core::mem::take(&mut device.others),
        )
    };
    let of_devices: Vec<_> = config.devices.iter_mut().map(of_device).collect();
    let mut document = config.write();
    for (section, name, others) in of_devices {
        let devices = document
            .as_map_mut()
            .and_then(|map| map.get_mut(&section.into()));
        let devices = devices.and_then(Value::as_map_mut);
        let device = devices.and_then(|map| map.get_mut(&name.as_str().into()));
        if let Some(device) = device.and_then(Value::as_map_mut) {
            device.extend(others);
        }
    }
    let mut text = String::from("network:\n    version: 2\n");
    let known = version2::SECTIONS.iter();
    let known = known.filter_map(|section| Some((*section, document.get(section)?)));
    for (section, devices) in known.chain(others.texts()) {
        let section = Map::from_iter([(section, devices.clone())]);
        for line in yaml::write(&section.into()).lines() {
            text.extend(["    ", line, "\n"]);
        }
    }
    files.put(["netplan/50-cloudseed.yaml", "", ""], Mode::Private, text);
}

/// Leaves out the parameters that netplan does not know: it would refuse all.
fn leave_out(files: &mut Files, device: &mut Device) {
    let DeviceKind::Bond(bond) = &mut device.kind else {
        return;
    };
    let place = device.name.as_str();
    bond.parameters.retain(|parameter| {
        let is_known = !NOT_NETPLANS.contains(&parameter.name);
        let is_so_anyway =
            parameter.name == "use-carrier" && parameter.value.as_flag() == Some(true);
        if !(is_known || is_so_anyway) {
            files.warn(place, "what this renderer has words for", parameter.name);
        }
        is_known
    });
}

/// Says the same of both leases, for netplan writes nothing at all where they differ: what only one says counts for both, and
/// IPv4's where both do.
fn agree(files: &mut Files, device: &mut Device) {
    if !(device.dhcp4.is_on() && device.dhcp6.is_on()) {
        return;
    }
    let (four, six) = (&device.dhcp4.overrides, &device.dhcp6.overrides);
    let both = Overrides {
        route_metric: four.route_metric.or(six.route_metric),
        use_dns: four.use_dns.or(six.use_dns),
        use_domains: four.use_domains.clone().or(six.use_domains.clone()),
        use_hostname: four.use_hostname.or(six.use_hostname),
        use_mtu: four.use_mtu.or(six.use_mtu),
        use_ntp: four.use_ntp.or(six.use_ntp),
        use_routes: four.use_routes.or(six.use_routes),
        send_hostname: four.send_hostname.or(six.send_hostname),
        hostname: four.hostname.clone().or(six.hostname.clone()),
    };
    if both != *six && *six != Overrides::default() {
        let expected = "the same in dhcp4-overrides and dhcp6-overrides";
        files.warn(device.name.as_str(), expected, "others");
    }
    device.dhcp4.overrides = both.clone();
    device.dhcp6.overrides = both;
}

/// What a device is told in one word, by version 2's keys, and where it goes: networkd's section and key, NetworkManager's,
/// and the option of interfaces(5). `-` is no word at all, of which a warning tells; `~` is none either, but true is what
/// happens anyway; `.` is said in another way, or not needed. `!` turns true and false around, `+` adds the unit of a time
/// that is a number of milliseconds.
const WORDS: &str = "\
accept-ra                          Network.IPv6AcceptRA         .                           .
optional                           !Link.RequiredForOnline      .                           .
critical                           Network.KeepConfiguration    .                           .
mtu                                Link.MTUBytes                ethernet.mtu                mtu
ipv6-mtu                           Network.IPv6MTUBytes         ipv6.mtu                    .
dhcp4-overrides.route-metric       DHCPv4.RouteMetric           ipv4.route-metric           .
dhcp4-overrides.use-dns            DHCPv4.UseDNS                !ipv4.ignore-auto-dns       ~
dhcp4-overrides.use-domains        DHCPv4.UseDomains            -                           -
dhcp4-overrides.use-hostname       DHCPv4.UseHostname           ~                           ~
dhcp4-overrides.use-mtu            DHCPv4.UseMTU                ~                           ~
dhcp4-overrides.use-ntp            DHCPv4.UseNTP                ~                           ~
dhcp4-overrides.use-routes         DHCPv4.UseRoutes             !ipv4.ignore-auto-routes    ~
dhcp4-overrides.send-hostname      DHCPv4.SendHostname          ipv4.dhcp-send-hostname     ~
dhcp4-overrides.hostname           DHCPv4.Hostname              ipv4.dhcp-hostname          -
dhcp6-overrides.route-metric       IPv6AcceptRA.RouteMetric     ipv6.route-metric           .
dhcp6-overrides.use-dns            DHCPv6.UseDNS                !ipv6.ignore-auto-dns       ~
dhcp6-overrides.use-domains        DHCPv6.UseDomains            -                           -
dhcp6-overrides.use-hostname       DHCPv6.UseHostname           ~                           ~
dhcp6-overrides.use-mtu            ~                            ~                           ~
dhcp6-overrides.use-ntp            DHCPv6.UseNTP                ~                           ~
dhcp6-overrides.use-routes         ~                            !ipv6.ignore-auto-routes    ~
dhcp6-overrides.send-hostname      ~                            ipv6.dhcp-send-hostname     ~
dhcp6-overrides.hostname           -                            ipv6.dhcp-hostname          -
parameters.active-slave            .                            bond.active_slave           bond-active-slave
parameters.ad-actor-sys-prio       Bond.AdActorSystemPriority   bond.ad_actor_sys_prio      bond-ad-actor-sys-prio
parameters.ad-actor-system         Bond.AdActorSystem           bond.ad_actor_system        bond-ad-actor-system
parameters.ad-select               Bond.AdSelect                bond.ad_select              bond-ad-select
parameters.ad-user-port-key        Bond.AdUserPortKey           bond.ad_user_port_key       bond-ad-user-port-key
parameters.all-slaves-active       Bond.AllSlavesActive         bond.all_slaves_active      bond-all-slaves-active
parameters.arp-all-targets         Bond.ARPAllTargets           bond.arp_all_targets        bond-arp-all-targets
parameters.arp-interval            Bond.ARPIntervalSec+         bond.arp_interval           bond-arp-interval
parameters.arp-ip-targets          Bond.ARPIPTargets            bond.arp_ip_target          bond-arp-ip-target
parameters.arp-validate            Bond.ARPValidate             bond.arp_validate           bond-arp-validate
parameters.down-delay              Bond.DownDelaySec+           bond.downdelay              bond-downdelay
parameters.fail-over-mac-policy    Bond.FailOverMACPolicy       bond.fail_over_mac          bond-fail-over-mac
parameters.gratuitous-arp          Bond.GratuitousARP           bond.num_grat_arp           bond-num-grat-arp
parameters.lacp-rate               Bond.LACPTransmitRate        bond.lacp_rate              bond-lacp-rate
parameters.learn-packet-interval   Bond.LearnPacketIntervalSec  bond.lp_interval            bond-lp-interval
parameters.mii-monitor-interval    Bond.MIIMonitorSec+          bond.miimon                 bond-miimon
parameters.min-links               Bond.MinLinks                bond.min_links              bond-min-links
parameters.mode                    Bond.Mode                    bond.mode                   bond-mode
parameters.packets-per-slave       Bond.PacketsPerSlave         bond.packets_per_slave      bond-packets-per-slave
parameters.peer-notif-delay        -                            bond.peer_notif_delay       bond-peer-notif-delay
parameters.primary                 .                            bond.primary                bond-primary
parameters.primary-reselect-policy Bond.PrimaryReselectPolicy   bond.primary_reselect       bond-primary-reselect
parameters.resend-igmp             Bond.ResendIGMP              bond.resend_igmp            bond-resend-igmp
parameters.tlb-dynamic-lb          Bond.DynamicTransmitLoadBalancing bond.tlb_dynamic_lb    bond-tlb-dynamic-lb
parameters.transmit-hash-policy    Bond.TransmitHashPolicy      bond.xmit_hash_policy       bond-xmit-hash-policy
parameters.up-delay                Bond.UpDelaySec+             bond.updelay                bond-updelay
parameters.use-carrier             ~                            bond.use_carrier            bond-use-carrier
parameters.ageing-time             Bridge.AgeingTimeSec         bridge.ageing-time          bridge-ageing
parameters.forward-delay           Bridge.ForwardDelaySec       bridge.forward-delay        bridge-fd
parameters.hello-time              Bridge.HelloTimeSec          bridge.hello-time           bridge-hello
parameters.max-age                 Bridge.MaxAgeSec             bridge.max-age              bridge-maxage
parameters.priority                Bridge.Priority              bridge.priority             bridge-bridgeprio
parameters.stp                     Bridge.STP                   bridge.stp                  bridge-stp
";

/// Parameters of bonds that the kernel has, and netplan does not.
const NOT_NETPLANS: [&str; 7] = [
    "active-slave",
    "ad-actor-sys-prio",
    "ad-actor-system",
    "ad-user-port-key",
    "peer-notif-delay",
    "tlb-dynamic-lb",
    "use-carrier",
];

/// A column of [`WORDS`], and how its program writes a list, false and true.
struct Column {
    number: usize,
    between: &'static str,
    flags: [&'static str; 2],
}

impl Column {
    /// Tells each word of a device to `put`, by section and key; an option of interfaces(5) has no section.
    fn tell(
        &self,
        files: &mut Files,
        device: &Device,
        put: &mut dyn FnMut(&'static str, &'static str, &str),
    ) {
        let mut told = device.clone();
        for dhcp in [&mut told.dhcp4, &mut told.dhcp6] {
            if !dhcp.is_on() {
                dhcp.overrides = Default::default();
            }
        }
        let told = Value::Map(written(&mut |pass| version2::fields(&mut told, pass)));
        for row in WORDS.lines() {
            let mut cells = row.split_ascii_whitespace();
            let key = cells.next().unwrap_or_default();
            let value = key.split('.').try_fold(&told, |value, key| value.get(key));
            let (Some(value), Some(cell)) = (value, cells.nth(self.number)) else {
                continue;
            };
            match cell {
                "." => {}
                "~" if value.as_flag() == Some(true) => {}
                "-" | "~" => files.warn(
                    device.name.as_str(),
                    "what this renderer has words for",
                    key,
                ),
                cell => {
                    let (cell, text) = self.word(cell, value);
                    let (section, key) = cell.split_once('.').unwrap_or(("", cell));
                    put(section, key, &text);
                }
            }
        }
    }

    /// Where a value goes, and what is written there.
    fn word(&self, cell: &'static str, value: &Value) -> (&'static str, String) {
        let (cell, unit) = cell
            .strip_suffix('+')
            .map_or((cell, ""), |cell| (cell, "ms"));
        let (cell, not) = cell
            .strip_prefix('!')
            .map_or((cell, false), |cell| (cell, true));
        let [no, yes] = self.flags;
        let one = |value: &Value| match value {
            Value::Bool(flag) => (if *flag != not { yes } else { no }).to_owned(),
            value => value.to_text().unwrap_or_default(),
        };
        let mut text = match value {
            Value::List(list) => list.iter().map(one).collect::<Vec<_>>().join(self.between),
            value => one(value),
        };
        if text.bytes().all(|letter| letter.is_ascii_digit()) {
            text.push_str(unit);
        }
        (cell, text)
    }
}

/// A file of sections with keys in them. A section stands where it was named first.
#[derive(Default)]
struct Sections(Vec<(&'static str, String)>);

impl Sections {
    /// One more section, also if there is one of this name.
    fn begin(&mut self, section: &'static str) {
        self.0.push((section, String::new()));
    }

    /// A key of the last section that has this name.
    fn put(&mut self, section: &'static str, key: &str, value: &dyn Display) {
        if !self.0.iter().any(|(name, _)| *name == section) {
            self.begin(section);
        }
        if let Some((_, text)) = self.0.iter_mut().rfind(|(name, _)| *name == section) {
            // Into a text nothing fails to be written.
            let _ = writeln!(text, "{key}={value}");
        }
    }

    /// A key with the elements of a list, if there are any.
    fn list(&mut self, section: &'static str, key: &str, values: &[String], between: &str) {
        if !values.is_empty() {
            self.put(section, key, &values.join(between));
        }
    }

    fn text(&self) -> String {
        let mut all = String::new();
        for (section, text) in &self.0 {
            let _ = writeln!(all, "[{section}]\n{text}");
        }
        all
    }
}

impl Device {
    /// What the kernel calls it, as far as it is known here.
    fn label(&self) -> &Name {
        self.set_name.as_ref().unwrap_or(&self.name)
    }

    /// Its members, if it is a bond or a bridge.
    fn members(&self) -> &[Name] {
        match &self.kind {
            DeviceKind::Bond(members) | DeviceKind::Bridge(members) => &members.names,
            DeviceKind::Card | DeviceKind::Vlan(..) => &[],
        }
    }

    /// A parameter, if it is a bond or a bridge that has it.
    fn parameter(&self, name: &str) -> Option<&Value> {
        let (DeviceKind::Bond(members) | DeviceKind::Bridge(members)) = &self.kind else {
            return None;
        };
        let mut parameters = members.parameters.iter();
        Some(&parameters.find(|parameter| parameter.name == name)?.value)
    }

    /// What a bridge says of one of its ports: `path-cost` or `port-priority`.
    fn of_port(&self, parameter: &str, port: &Device) -> Option<String> {
        self.parameter(parameter)?
            .get(port.name.as_str())?
            .to_text()
    }

    /// Its addresses of one family.
    fn addresses_of(&self, six: bool) -> impl Iterator<Item = &super::Cidr> {
        self.addresses
            .iter()
            .filter(move |address| address.address.is_ipv6() == six)
    }

    /// Its routes to one family.
    fn routes_of(&self, six: bool) -> impl Iterator<Item = &super::Route> {
        self.routes
            .iter()
            .filter(move |route| route.to.address.is_ipv6() == six)
    }

    /// Is this address in a network of its own?
    fn reaches(&self, address: IpAddr) -> bool {
        self.addresses
            .iter()
            .any(|network| network.contains(address))
    }

    /// What gives the addresses of one family.
    fn dhcp(&self, six: bool) -> &super::Dhcp {
        if six { &self.dhcp6 } else { &self.dhcp4 }
    }

    /// Does anything give it addresses?
    fn has_addresses(&self) -> bool {
        !self.addresses.is_empty() || self.dhcp4.is_on() || self.dhcp6.is_on()
    }

    /// Is it a card of InfiniBand? Those have the longer hardware addresses.
    fn is_infiniband(&self) -> bool {
        let is_long = |mac: &HardwareAddress| mac.as_str().len() > "00:00:00:00:00:00".len();
        self.kind == DeviceKind::Card && self.mac.as_ref().is_some_and(is_long)
    }

    fn is_loopback(&self) -> bool {
        self.kind == DeviceKind::Card && self.label().as_str() == "lo"
    }
}

impl super::Dhcp {
    /// Does anything give this family's addresses?
    fn is_on(&self) -> bool {
        self.method.is_some_and(|method| method != Method::Off)
    }
}

/// What is made of a device: the bond or bridge that it is a member of.
fn master<'a>(config: &'a Config, device: &Device) -> Option<&'a Device> {
    let mut devices = config.devices.iter();
    devices.find(|master| master.members().contains(&device.name))
}

/// Values as texts.
fn texts<'a, T: Display + 'a>(values: impl Iterator<Item = &'a T>) -> Vec<String> {
    values.map(|value| format!("{value}")).collect()
}

/// Names as texts.
fn words(names: &[Name]) -> Vec<String> {
    names.iter().map(|name| name.as_str().to_owned()).collect()
}
