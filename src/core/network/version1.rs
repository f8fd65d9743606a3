//! Version 1: a list of elements, each with its type. What gives a device its addresses are its subnets.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};

use super::field::{Field, Pass, Reader, written};
use super::physical::typed;
use super::{
    Cidr, Config, Device, DeviceKind, Dhcp, Dialect, Dns, Members, Method, Name, Route, everywhere,
};
use crate::value::{Map, Value};

/// Parameters of a bond by version 1's names, and version 2's.
pub(super) const BOND: &[(&str, &str)] = &[
    ("bond-active-slave", "active-slave"),
    ("bond-ad-actor-sys-prio", "ad-actor-sys-prio"),
    ("bond-ad-actor-system", "ad-actor-system"),
    ("bond-ad-select", "ad-select"),
    ("bond-ad-user-port-key", "ad-user-port-key"),
    ("bond-all-slaves-active", "all-slaves-active"),
    ("bond-arp-all-targets", "arp-all-targets"),
    ("bond-arp-interval", "arp-interval"),
    ("bond-arp-ip-target", "arp-ip-targets"),
    ("bond-arp-validate", "arp-validate"),
    ("bond-downdelay", "down-delay"),
    ("bond-fail-over-mac", "fail-over-mac-policy"),
    ("bond-lacp-rate", "lacp-rate"),
    ("bond-learn-packet-interval", "learn-packet-interval"),
    ("bond-miimon", "mii-monitor-interval"),
    ("bond-min-links", "min-links"),
    ("bond-mode", "mode"),
    ("bond-num-grat-arp", "gratuitous-arp"),
    ("bond-packets-per-slave", "packets-per-slave"),
    ("bond-peer-notif-delay", "peer-notif-delay"),
    ("bond-primary", "primary"),
    ("bond-primary-reselect", "primary-reselect-policy"),
    ("bond-resend-igmp", "resend-igmp"),
    ("bond-tlb-dynamic-lb", "tlb-dynamic-lb"),
    ("bond-updelay", "up-delay"),
    ("bond-use-carrier", "use-carrier"),
    ("bond-xmit-hash-policy", "transmit-hash-policy"),
    // Other names of the kernel's.
    ("bond-lp-interval", "learn-packet-interval"),
    ("bond-num-unsol-na", "gratuitous-arp"),
    // Spellings that are in use in version 2.
    ("arp-ip-target", "arp-ip-targets"),
    ("gratuitious-arp", "gratuitous-arp"),
];

/// The same of a bridge; the last two are lists of `PORT NUMBER` in version 1, maps in version 2.
pub(super) const BRIDGE: &[(&str, &str)] = &[
    ("bridge_ageing", "ageing-time"),
    ("bridge_bridgeprio", "priority"),
    ("bridge_fd", "forward-delay"),
    ("bridge_hello", "hello-time"),
    ("bridge_maxage", "max-age"),
    ("bridge_stp", "stp"),
    ("bridge_pathcost", "path-cost"),
    ("bridge_portprio", "port-priority"),
];

/// What gives IPv6 its addresses, by a subnet's type.
const METHODS: [(&str, Method); 4] = [
    ("dhcp6", Method::Dhcp),
    ("ipv6_dhcpv6-stateful", Method::Stateful),
    ("ipv6_dhcpv6-stateless", Method::Stateless),
    ("ipv6_slaac", Method::Slaac),
];

/// What a subnet may say; what follows from its address and its type may be said again.
#[rustfmt::skip]
const SUBNET: &[&str] = &[
    "type", "control", "address", "ip_address", "netmask", "prefix", "broadcast", "gateway", "metric", "mtu", "dns_nameservers",
    "dns_search", "routes", "ipv4", "ipv6",
];
/// What a route may say.
#[rustfmt::skip]
const ROUTE: &[&str] = &["type", "id", "destination", "network", "netmask", "prefix", "gateway", "metric"];

/// What a device is told beside its subnets.
fn fields(device: &mut Device, pass: &mut Pass) {
    pass.field("mac_address", Field::HardwareAddress(&mut device.mac));
    pass.field("mtu", Field::Number(&mut device.mtu));
    pass.field("accept-ra", Field::Flag(&mut device.accept_ra));
    pass.field("optional", Field::Flag(&mut device.optional));
    pass.field("keep_configuration", Field::Flag(&mut device.critical));
    pass.field("wakeonlan", Field::Flag(&mut device.wake_on_lan));
    let (key, members, table) = match &mut device.kind {
        DeviceKind::Bond(bond) => ("bond_interfaces", bond, BOND),
        DeviceKind::Bridge(bridge) => ("bridge_interfaces", bridge, BRIDGE),
        DeviceKind::Vlan(id, link) => {
            pass.field("vlan_id", Field::Number(id));
            return pass.field("vlan_link", Field::Name(link));
        }
        DeviceKind::Card => {
            let driver = &mut device.driver;
            return pass.group("params", &mut |pass| {
                pass.field("driver", Field::Name(driver))
            });
        }
    };
    pass.field(key, Field::Names(&mut members.names));
    let parameters = Field::Parameters(&mut members.parameters, table, true);
    pass.field("params", parameters);
}

/// Reads the elements of a document of version 1.
pub(super) fn read(reader: &mut Reader, elements: &Value) -> Config {
    let mut config = Config::new(Dialect::Version1);
    let mut servers = Vec::new();
    let place = reader.enter("config");
    for element in reader.maps(Some(elements)) {
        match element
            .get("type")
            .and_then(Value::as_text)
            .unwrap_or_default()
        {
            "nameserver" => {
                let (device, dns) = nameserver(reader, element);
                match device {
                    Some(device) => servers.push((device, dns)),
                    None => config.dns.extend(dns),
                }
            }
            "route" => {
                reader.known(element, ROUTE);
                config.routes.extend(route(reader, element, None));
            }
            kind => read_device(reader, &mut config, kind, element),
        }
    }
    for (name, dns) in servers {
        match config.devices.iter_mut().find(|device| device.name == name) {
            Some(device) => device.dns.extend(dns),
            None => reader.refuse(
                "a device to ask name servers through",
                &name.as_str().into(),
            ),
        }
    }
    reader.leave(place);
    config
}

fn read_device(reader: &mut Reader, config: &mut Config, kind: &str, told: &Map) {
    let kind = match kind {
        "physical" | "loopback" | "infiniband" => DeviceKind::Card,
        "bond" => DeviceKind::Bond(Members::default()),
        "bridge" => DeviceKind::Bridge(Members::default()),
        "vlan" => DeviceKind::Vlan(None, None),
        other => return reader.refuse("a type of version 1", &other.into()),
    };
    let mut name = None;
    reader.field(told, "name", Field::Interface(&mut name));
    let Some(name) = name else {
        return reader.warn("a device with a name", "one without".to_string());
    };
    let place = reader.enter(name.as_str());
    let mut device = Device::named(name);
    device.kind = kind;
    let also = ["type", "name", "id", "subnets", "config_id"];
    reader.fields(told, &also, &mut |pass| fields(&mut device, pass));
    if device.kind == DeviceKind::Card {
        let mac = device.mac.take();
        device.recognised_by(mac);
    }
    let subnets = reader.maps(told.get("subnets"));
    let by_hand = subnets
        .iter()
        .filter(|subnet| read_subnet(reader, &mut device, subnet));
    // One address that is set by hand does not keep the others from coming.
    device.manual = by_hand.count() == subnets.len() && !subnets.is_empty();
    reader.add(config, device);
    reader.leave(place);
}

/// Reads a subnet; whether it is set up by hand.
fn read_subnet(reader: &mut Reader, device: &mut Device, subnet: &Map) -> bool {
    let place = reader.enter("subnets");
    reader.known(subnet, SUBNET);
    let (mut kind, mut control, mut mtu, mut metric, mut gateway) = (None, None, None, None, None);
    reader.field(subnet, "type", Field::Name(&mut kind));
    reader.field(subnet, "control", Field::Name(&mut control));
    reader.field(subnet, "mtu", Field::Number(&mut mtu));
    reader.field(subnet, "metric", Field::Number(&mut metric));
    reader.field(subnet, "gateway", Field::Address(&mut gateway));
    reader.field(
        subnet,
        "dns_nameservers",
        Field::Addresses(&mut device.dns.servers),
    );
    reader.field(subnet, "dns_search", Field::Names(&mut device.dns.search));
    let kind = kind.as_ref().map_or("", Name::as_str);
    addresses(reader, device, subnet, kind, mtu, metric);
    let default = gateway.map(|gateway| Route {
        metric,
        ..Route::default_via(gateway)
    });
    reader.push(&mut device.routes, default);
    for map in reader.maps(subnet.get("routes")) {
        reader.known(map, ROUTE);
        let route = route(reader, map, metric);
        reader.push(&mut device.routes, route);
    }
    reader.leave(place);
    matches!(control.as_ref().map(Name::as_str), Some("manual" | "off"))
}

/// How the device gets its addresses, by the type of a subnet.
fn addresses(
    reader: &mut Reader,
    device: &mut Device,
    subnet: &Map,
    kind: &str,
    mtu: Option<u32>,
    metric: Option<u32>,
) {
    let dhcp = |method| {
        let mut dhcp = Dhcp::new(method);
        dhcp.overrides.route_metric = metric;
        dhcp
    };
    match kind {
        "dhcp" | "dhcp4" => device.dhcp4 = dhcp(Method::Dhcp),
        "static" | "static6" => {
            let address = network(reader, subnet, ["address", "ip_address"]);
            let six = address.is_some_and(|address| address.address.is_ipv6());
            let to = if six {
                &mut device.mtu6
            } else {
                &mut device.mtu
            };
            *to = mtu.or(*to);
            reader.push(&mut device.addresses, address);
        }
        "manual" | "loopback" => {}
        kind => match METHODS.iter().find(|(word, _)| *word == kind) {
            Some((_, method)) => device.dhcp6 = dhcp(*method),
            None => reader.refuse("a type of subnet", &kind.into()),
        },
    }
}

/// An address or a network with the prefix behind it or the mask beside it; `default` is everywhere.
fn network(reader: &mut Reader, map: &Map, keys: [&str; 2]) -> Option<Cidr> {
    let found = keys.iter().find_map(|key| map.get(key));
    let text = found.and_then(Value::to_text).unwrap_or_default();
    let beside = ["prefix", "netmask"]
        .iter()
        .find_map(|key| map.get(key)?.to_text());
    let network = match beside.filter(|mask| !mask.is_empty() && !text.contains('/')) {
        _ if text == "default" => {
            let router = map.get("gateway").and_then(Value::as_text);
            router
                .and_then(|router| router.parse().ok())
                .map(everywhere)
        }
        Some(mask) => Cidr::parse(&format!("{text}/{mask}")),
        None => Cidr::parse_address(&text),
    };
    if network.is_none() {
        reader.refuse(
            "an IP address with its network",
            found.unwrap_or(&Value::Null),
        );
    }
    network
}

/// A route; its own metric counts more than that of its subnet.
pub(super) fn route(reader: &mut Reader, map: &Map, metric: Option<u32>) -> Option<Route> {
    let mut route = Route::new(network(reader, map, ["destination", "network"])?, None);
    route.metric = metric;
    reader.field(map, "gateway", Field::Address(&mut route.via));
    reader.field(map, "metric", Field::Number(&mut route.metric));
    Some(route)
}

/// Name servers, and the device they are asked through if they belong to one.
fn nameserver(reader: &mut Reader, map: &Map) -> (Option<Name>, Dns) {
    let (mut device, mut dns) = (None, Dns::default());
    reader.known(map, &["type", "interface", "address", "search"]);
    reader.field(map, "interface", Field::Name(&mut device));
    reader.field(map, "address", Field::Addresses(&mut dns.servers));
    reader.field(map, "search", Field::Names(&mut dns.search));
    (device, dns)
}

/// Writes a document of version 1.
pub(super) fn write(config: &mut Config) -> Value {
    let mut elements: Vec<Value> = Vec::new();
    for device in &mut config.devices {
        elements.push(element(config.dialect, device));
    }
    for route in &config.routes {
        let mut map = route_map(route, "destination");
        map.insert("type", Value::from("route"));
        elements.push(map.into());
    }
    let mut dns = dns_map(&mut config.dns, "address", "search");
    if !dns.is_empty() {
        dns.insert("type", Value::from("nameserver"));
        elements.push(dns.into());
    }
    document(elements.into())
}

/// A document of these elements.
pub(super) fn document(elements: Value) -> Value {
    Map::from_iter([("version", Value::Int(1)), ("config", elements)]).into()
}

fn element(dialect: Dialect, device: &mut Device) -> Value {
    let name = device.set_name.as_ref().unwrap_or(&device.name).as_str();
    let name = Value::from(name);
    let kind = match &device.kind {
        DeviceKind::Card if name.as_text() == Some("lo") => "loopback",
        DeviceKind::Card => "physical",
        DeviceKind::Bond(_) => "bond",
        DeviceKind::Bridge(_) => "bridge",
        DeviceKind::Vlan(..) => "vlan",
    };
    let mut subnets = subnets(dialect, device);
    let nothing = if kind == "loopback" { kind } else { "manual" };
    let control = if device.manual { "manual" } else { "auto" };
    let is_told = dialect == Dialect::Interfaces && (nothing, control) != ("manual", "auto");
    let dns = dns_map(&mut device.dns, "dns_nameservers", "dns_search");
    if subnets.is_empty() && (is_told || !dns.is_empty()) {
        // Its name servers need a subnet to stand with.
        let mut subnet = typed(nothing);
        subnet.extend(dns);
        subnets.push(subnet);
    }
    if dialect == Dialect::Interfaces {
        for subnet in &mut subnets {
            subnet.insert("control", Value::from(control));
        }
    }
    let mut told = written(&mut |pass| fields(device, pass));
    told.insert("type", Value::from(kind));
    told.insert("name", name);
    let subnets = subnets.into_iter().map(Value::Map);
    told.insert("subnets", Value::List(subnets.collect()));
    told.into()
}

/// The subnets of a device. Its name servers go to the first static one, or to the first.
fn subnets(dialect: Dialect, device: &mut Device) -> Vec<Map> {
    let mut subnets = Vec::new();
    if device.dhcp4.method == Some(Method::Dhcp) {
        let new = matches!(dialect, Dialect::Version1 | Dialect::SmartOs);
        let kind = if new { "dhcp4" } else { "dhcp" };
        subnets.push(dynamic(kind, &device.dhcp4));
    }
    for (kind, method) in METHODS {
        if device.dhcp6.method == Some(method) {
            subnets.push(dynamic(kind, &device.dhcp6));
        }
    }
    let first = subnets.len();
    let mut led = [false; 2];
    for address in &device.addresses {
        subnets.push(fixed(dialect, device, address, &mut led));
    }
    let first = if first < subnets.len() { first } else { 0 };
    if let Some(subnet) = subnets.get_mut(first) {
        for (key, value) in dns_map(&mut device.dns, "dns_nameservers", "dns_search") {
            subnet.insert(key, value);
        }
    }
    if dialect == Dialect::Version1 {
        place_routes(&device.routes, &mut subnets, led);
    }
    subnets
}

/// Puts every route that is not a subnet's gateway beside the first subnet of its family, static ones before others.
fn place_routes(routes: &[Route], subnets: &mut [Map], mut led: [bool; 2]) {
    for route in routes {
        let six = route.to.address.is_ipv6();
        let led = led.get_mut(usize::from(six)).filter(|led| **led);
        if let (Some(led), Some(_)) = (led, router(route)) {
            *led = false;
            continue;
        }
        let fits = |subnet: &Map, fixed: bool| {
            let text = |key| subnet.get(key).and_then(Value::as_text).unwrap_or("");
            let of_six = match text("type") {
                "static" => text("address").contains(':'),
                kind => !matches!(kind, "dhcp" | "dhcp4"),
            };
            of_six == six && fixed == (text("type") == "static")
        };
        let place = [true, false].iter().find_map(|fixed| {
            let mut subnets = subnets.iter();
            subnets.position(|subnet| fits(subnet, *fixed))
        });
        let Some(subnet) = subnets.get_mut(place.unwrap_or(0)) else {
            return;
        };
        let route = Value::from(route_map(route, "network"));
        match subnet.get_mut(&"routes".into()) {
            Some(Value::List(list)) => list.push(route),
            _ => drop(subnet.insert("routes", alloc::vec![route])),
        }
    }
}

/// The router of a route that can stand as a subnet's gateway.
fn router(route: &Route) -> Option<IpAddr> {
    let plain = route.to.prefix == 0 && route.metric.is_none();
    route.via.filter(|_| plain)
}

/// A subnet whose addresses are found.
fn dynamic(kind: &str, dhcp: &Dhcp) -> Map {
    let mut subnet = typed(kind);
    if let Some(metric) = dhcp.overrides.route_metric {
        subnet.insert("metric", Value::from(metric));
    }
    subnet
}

/// A static subnet. The gateway stands with the first address of its family alone; `led` tells which families have had theirs.
fn fixed(dialect: Dialect, device: &Device, address: &Cidr, led: &mut [bool; 2]) -> Map {
    let mut subnet = typed("static");
    let six = address.address.is_ipv6();
    match address.address {
        IpAddr::V4(bare) if dialect == Dialect::Interfaces => {
            subnet.insert("address", Value::from(bare.to_string()));
            let mask = Ipv4Addr::from_bits(address.mask4()).to_string();
            subnet.insert("netmask", Value::from(mask));
        }
        _ => {
            subnet.insert("address", Value::from(address.to_string()));
        }
    }
    if let Some(mtu) = device.mtu6.filter(|_| six) {
        subnet.insert("mtu", Value::from(mtu));
    }
    let mut routes: Vec<Value> = Vec::new();
    for route in &device.routes {
        match router(route) {
            None if dialect == Dialect::Version1 => {}
            None => routes.push(route_map(route, "network").into()),
            Some(router) => {
                let Some(led) = led.get_mut(usize::from(six)) else {
                    continue;
                };
                if router.is_ipv6() == six && !*led {
                    subnet.insert("gateway", Value::from(router.to_string()));
                    *led = true;
                }
            }
        }
    }
    if !routes.is_empty() {
        subnet.insert("routes", Value::List(routes));
    }
    subnet
}

fn route_map(route: &Route, key: &str) -> Map {
    let (mut via, mut metric) = (route.via, route.metric);
    let mut map = written(&mut |pass| {
        pass.field("gateway", Field::Address(&mut via));
        pass.field("metric", Field::Number(&mut metric));
    });
    map.insert(key, Value::from(route.to.to_string()));
    map
}

fn dns_map(dns: &mut Dns, servers: &'static str, search: &'static str) -> Map {
    written(&mut |pass| {
        pass.field(servers, Field::Addresses(&mut dns.servers));
        pass.field(search, Field::Names(&mut dns.search));
    })
}
