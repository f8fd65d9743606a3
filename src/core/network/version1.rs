//! Version 1: a list of elements, each with its type. What gives a device its addresses are its subnets.

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::net::IpAddr;

use super::field::{Field, Fields, Reader, written};
use super::{
    Cidr, Config, Device, Dhcp, Dialect, Dns, Kind, Members, Method, Name, Route, everywhere,
};
use crate::value::{Map, Value};

/// Parameters of a bond by version 1's names, and version 2's.
pub(super) const BOND: &[(&str, &str)] = &[
    ("bond-ad-select", "ad-select"),
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
    ("bond-primary", "primary"),
    ("bond-primary-reselect", "primary-reselect-policy"),
    ("bond-updelay", "up-delay"),
    ("bond-xmit-hash-policy", "transmit-hash-policy"),
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

/// What a device is told beside its subnets.
fn fields(device: &mut Device) -> Fields<'_> {
    let mut fields: Fields = [
        ("mac_address", Field::Mac(&mut device.mac)),
        ("mtu", Field::Number(&mut device.mtu)),
        ("accept-ra", Field::Flag(&mut device.accept_ra)),
        ("optional", Field::Flag(&mut device.optional)),
        ("keep_configuration", Field::Flag(&mut device.critical)),
        ("wakeonlan", Field::Flag(&mut device.wake_on_lan)),
    ]
    .into();
    let parameters = |members, table| Field::Parameters(members, table, true);
    match &mut device.kind {
        Kind::Card => {
            let driver = ("driver", Field::Name(&mut device.driver));
            fields.push(("params", Field::Group([driver].into())));
        }
        Kind::Bond(bond) => fields.extend([
            ("bond_interfaces", Field::Names(&mut bond.names)),
            ("params", parameters(&mut bond.parameters, BOND)),
        ]),
        Kind::Bridge(bridge) => fields.extend([
            ("bridge_interfaces", Field::Names(&mut bridge.names)),
            ("params", parameters(&mut bridge.parameters, BRIDGE)),
        ]),
        Kind::Vlan(id, link) => fields.extend([
            ("vlan_id", Field::Number(id)),
            ("vlan_link", Field::Name(link)),
        ]),
    }
    fields
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
            "route" => config.routes.extend(route(reader, element, None)),
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
        "physical" | "loopback" | "infiniband" => Kind::Card,
        "bond" => Kind::Bond(Members::default()),
        "bridge" => Kind::Bridge(Members::default()),
        "vlan" => Kind::Vlan(None, None),
        other => return reader.refuse("a type of version 1", &other.into()),
    };
    let mut name = None;
    reader.fill(told, [("name", Field::Interface(&mut name))].into());
    let Some(name) = name else {
        return reader.warn("a device with a name", "one without".to_string());
    };
    let place = reader.enter(name.as_str());
    let mut device = Device {
        name,
        kind,
        ..Device::default()
    };
    reader.fill(told, fields(&mut device));
    if device.kind == Kind::Card && device.mac.is_some() {
        device.set_name = Some(device.name.clone());
    }
    for subnet in reader.maps(told.get("subnets")) {
        read_subnet(reader, &mut device, subnet);
    }
    reader.add(config, device);
    reader.leave(place);
}

fn read_subnet(reader: &mut Reader, device: &mut Device, subnet: &Map) {
    let place = reader.enter("subnets");
    let (mut kind, mut control, mut mtu, mut metric, mut gateway) = (None, None, None, None, None);
    let fields = [
        ("type", Field::Name(&mut kind)),
        ("control", Field::Name(&mut control)),
        ("mtu", Field::Number(&mut mtu)),
        ("metric", Field::Number(&mut metric)),
        ("gateway", Field::Address(&mut gateway)),
        ("dns_nameservers", Field::Addresses(&mut device.dns.servers)),
        ("dns_search", Field::Names(&mut device.dns.search)),
    ];
    reader.fill(subnet, fields.into());
    let dhcp = |method, metric| {
        let mut dhcp = Dhcp::new(method);
        dhcp.overrides.route_metric = metric;
        dhcp
    };
    match kind.as_ref().map_or("", Name::as_str) {
        "dhcp" | "dhcp4" => device.dhcp4 = dhcp(Method::Dhcp, metric),
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
            Some((_, method)) => device.dhcp6 = dhcp(*method, metric),
            None => reader.refuse("a type of subnet", &kind.into()),
        },
    }
    device.manual |= matches!(control.as_ref().map(Name::as_str), Some("manual" | "off"));
    let default = gateway.map(|gateway| Route {
        metric,
        ..Route::default_via(gateway)
    });
    reader.push(&mut device.routes, default);
    for map in reader.maps(subnet.get("routes")) {
        let route = route(reader, map, metric);
        reader.push(&mut device.routes, route);
    }
    reader.leave(place);
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
fn route(reader: &mut Reader, map: &Map, metric: Option<u32>) -> Option<Route> {
    let mut route = Route::new(network(reader, map, ["destination", "network"])?, None);
    route.metric = metric;
    let fields = [
        ("gateway", Field::Address(&mut route.via)),
        ("metric", Field::Number(&mut route.metric)),
    ];
    reader.fill(map, fields.into());
    Some(route)
}

/// Name servers, and the device they are asked through if they belong to one.
fn nameserver(reader: &mut Reader, map: &Map) -> (Option<Name>, Dns) {
    let (mut device, mut dns) = (None, Dns::default());
    let fields = [
        ("interface", Field::Name(&mut device)),
        ("address", Field::Addresses(&mut dns.servers)),
        ("search", Field::Names(&mut dns.search)),
    ];
    reader.fill(map, fields.into());
    (device, dns)
}

/// Writes a document of version 1.
pub(super) fn write(config: &Config) -> Value {
    let devices = config.devices.iter();
    let mut elements: Vec<Value> = devices
        .map(|device| element(config.dialect, device))
        .collect();
    for route in &config.routes {
        let mut map = route_map(route, "destination");
        map.insert("type", "route");
        elements.push(map.into());
    }
    let mut dns = dns_map(&config.dns, "address", "search");
    if !dns.is_empty() {
        dns.insert("type", "nameserver");
        elements.push(dns.into());
    }
    let entries: [(&str, Value); 2] = [("version", 1.into()), ("config", elements.into())];
    entries.into_iter().collect::<Map>().into()
}

fn element(dialect: Dialect, device: &Device) -> Value {
    let name = device.set_name.as_ref().unwrap_or(&device.name);
    let kind = match &device.kind {
        Kind::Card if name.as_str() == "lo" => "loopback",
        Kind::Card => "physical",
        Kind::Bond(_) => "bond",
        Kind::Bridge(_) => "bridge",
        Kind::Vlan(..) => "vlan",
    };
    let mut subnets = subnets(dialect, device);
    if dialect == Dialect::Interfaces {
        let control = if device.manual { "manual" } else { "auto" };
        let kind = if kind == "loopback" { kind } else { "manual" };
        if subnets.is_empty() && (kind, control) != ("manual", "auto") {
            subnets.push([("type", kind)].into_iter().collect());
        }
        for subnet in &mut subnets {
            subnet.insert("control", control);
        }
    }
    let subnets: Vec<Value> = subnets.into_iter().map(Value::Map).collect();
    let mut told = written(fields(&mut device.clone()));
    told.insert("type", kind);
    told.insert("name", name.as_str());
    told.insert("subnets", subnets);
    told.into()
}

/// The subnets of a device. Its name servers go to the first static one, or to the first.
fn subnets(dialect: Dialect, device: &Device) -> Vec<Map> {
    let dhcp4 = if dialect == Dialect::Interfaces {
        "dhcp"
    } else {
        "dhcp4"
    };
    let word = |method| METHODS.iter().find(|(_, known)| *known == method);
    let methods = [
        (
            &device.dhcp4,
            device
                .dhcp4
                .method
                .filter(|m| *m != Method::Off)
                .map(|_| dhcp4),
        ),
        (
            &device.dhcp6,
            device.dhcp6.method.and_then(word).map(|(word, _)| *word),
        ),
    ];
    let dynamic = methods.into_iter().filter_map(|(dhcp, word)| {
        let mut subnet: Map = [("type", word?)].into_iter().collect();
        if let Some(metric) = dhcp.overrides.route_metric {
            subnet.insert("metric", metric);
        }
        Some(subnet)
    });
    let mut subnets: Vec<Map> = dynamic.collect();
    let first = if device.addresses.is_empty() {
        0
    } else {
        subnets.len()
    };
    let mut gateways = [true, true];
    for address in &device.addresses {
        let gateway = gateways.get_mut(usize::from(address.address.is_ipv6()));
        let gateway = gateway.is_some_and(core::mem::take);
        subnets.push(fixed(dialect, device, address, gateway));
    }
    if let Some(subnet) = subnets.get_mut(first) {
        subnet.extend(dns_map(&device.dns, "dns_nameservers", "dns_search"));
    }
    subnets
}

/// A static subnet. The gateway stands with the first address of its family alone, the other routes with every address, as the
/// original has them.
fn fixed(dialect: Dialect, device: &Device, address: &Cidr, first: bool) -> Map {
    let mut subnet: Map = [("type", "static")].into_iter().collect();
    match address.address {
        IpAddr::V4(bare) if dialect == Dialect::Interfaces => {
            let mask = u32::MAX
                .checked_shl(32 - u32::from(address.prefix))
                .unwrap_or(0);
            subnet.insert("address", bare.to_string());
            subnet.insert("netmask", core::net::Ipv4Addr::from_bits(mask).to_string());
        }
        _ => {
            subnet.insert("address", address.to_string());
        }
    }
    if let Some(mtu) = device.mtu6.filter(|_| address.address.is_ipv6()) {
        subnet.insert("mtu", mtu);
    }
    let (gateways, routes): (Vec<&Route>, _) = device
        .routes
        .iter()
        .partition(|route| route.to.prefix == 0 && route.metric.is_none() && route.via.is_some());
    let family = |route: &&&Route| route.to.address.is_ipv4() == address.address.is_ipv4();
    if let Some(gateway) = gateways.iter().find(family).filter(|_| first) {
        subnet.insert("gateway", gateway.via.map(|router| router.to_string()));
    }
    let routes: Vec<Value> = routes
        .into_iter()
        .map(|r| route_map(r, "network").into())
        .collect();
    if !routes.is_empty() {
        subnet.insert("routes", routes);
    }
    subnet
}

fn route_map(route: &Route, key: &str) -> Map {
    let (mut via, mut metric) = (route.via, route.metric);
    let fields = [
        ("gateway", Field::Address(&mut via)),
        ("metric", Field::Number(&mut metric)),
    ];
    let mut map = written(fields.into());
    map.insert(key, route.to.to_string());
    map
}

fn dns_map(dns: &Dns, servers: &'static str, search: &'static str) -> Map {
    let mut dns = dns.clone();
    let fields = [
        (servers, Field::Addresses(&mut dns.servers)),
        (search, Field::Names(&mut dns.search)),
    ];
    written(fields.into())
}
