//! Fields: one table for each kind of map says which keys there are and where their values go; reading and writing both go
//! by it.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::net::IpAddr;

use super::version2::others;
use super::{
    Cidr, Config, Device, DeviceKind, HardwareAddress, Method, NETWORK_DEVICES_MAX,
    NETWORK_ELEMENTS_MAX, NETWORK_WARNINGS_MAX, Name, Parameter, PolicyRule, Route, everywhere,
};
use crate::text::{flag, mistyped};
use crate::value::{Map, Value, quote};
use crate::warning::Warning;

/// Parameters of bridge-utils, which no bridge has: how long to wait for one.
const UTILITIES: [&str; 3] = ["bridge_gcint", "bridge_maxwait", "bridge_waitport"];

/// What netplan has for a route or a rule and is not spoken of here.
#[rustfmt::skip]
const ROUTE_OTHERS: [&str; 5] = ["advertised-receive-window", "congestion-window", "from", "scope", "type"];
const RULE_OTHERS: [&str; 2] = ["mark", "type-of-service"];

/// One way over the fields of a map.
pub(super) enum Pass<'a> {
    /// They are filled from a map; null says nothing.
    Read(&'a mut Reader, &'a Map),
    /// Those that have a value go into a map.
    Write(&'a mut Map),
    /// Their keys are listed.
    Keys(&'a mut Vec<&'static str>),
}

impl Pass<'_> {
    /// Passes a field.
    pub(super) fn field(&mut self, key: &'static str, field: Field) {
        match self {
            Pass::Read(reader, map) => reader.field(map, key, field),
            Pass::Write(map) => {
                if let Some(value) = field.value() {
                    map.insert(key, value);
                }
            }
            Pass::Keys(keys) => keys.push(key),
        }
    }

    /// Passes the fields of a map inside.
    pub(super) fn group(&mut self, key: &'static str, fields: &mut dyn FnMut(&mut Pass)) {
        match self {
            Pass::Read(reader, map) => {
                let Some(value) = map.get(key).filter(|value| !value.is_null()) else {
                    return;
                };
                let place = reader.enter(key);
                match value.as_map() {
                    Some(map) => reader.fields(map, &[], fields),
                    None => reader.refuse("a map", value),
                }
                reader.leave(place);
            }
            Pass::Write(map) => {
                let inside = written(fields);
                if !inside.is_empty() {
                    map.insert(key, Value::Map(inside));
                }
            }
            Pass::Keys(keys) => keys.push(key),
        }
    }
}

/// The fields that have a value, as a map.
pub(super) fn written(fields: &mut dyn FnMut(&mut Pass)) -> Map {
    let mut map = Map::new();
    fields(&mut Pass::Write(&mut map));
    map
}

/// Where a value goes, and with that what it may be.
pub(super) enum Field<'a> {
    Flag(&'a mut Option<bool>),
    /// A whole number below 2³².
    Number(&'a mut Option<u32>),
    Name(&'a mut Option<Name>),
    /// A name that the kernel takes.
    Interface(&'a mut Option<Name>),
    HardwareAddress(&'a mut Option<HardwareAddress>),
    Address(&'a mut Option<IpAddr>),
    /// An address or a network; the prefix of a single address is not written.
    Network(&'a mut Option<Cidr>),
    /// True, false or a word.
    Choice(&'a mut Option<Name>),
    /// Whether a DHCP client runs.
    Method(&'a mut Option<Method>),
    Names(&'a mut Vec<Name>),
    Addresses(&'a mut Vec<IpAddr>),
    /// Addresses with prefixes.
    Networks(&'a mut Vec<Cidr>),
    Routes(&'a mut Vec<Route>),
    Rules(&'a mut Vec<PolicyRule>),
    /// Parameters of a bond or a bridge, their names in version 1 and 2, and whether version 1 is spoken.
    Parameters(
        &'a mut Vec<Parameter>,
        &'static [(&'static str, &'static str)],
        bool,
    ),
}

/// What is read so far, and where the reader is.
pub(super) struct Reader {
    pub(super) warnings: Vec<Warning>,
    place: String,
}

impl Reader {
    pub(super) fn new(document: &str) -> Reader {
        Reader {
            warnings: Vec::new(),
            place: document.to_owned(),
        }
    }

    /// Goes down to a key; gives what [`Reader::leave`] wants.
    pub(super) fn enter(&mut self, key: &str) -> usize {
        let place = self.place.len();
        self.place.push('.');
        self.place.push_str(key);
        place
    }

    pub(super) fn leave(&mut self, place: usize) {
        self.place.truncate(place);
    }

    /// Warns of a value that is not what it should be.
    pub(super) fn refuse(&mut self, expected: &str, found: &Value) {
        let found = match found.to_text() {
            Some(text) => quote(&text),
            None => found.noun().to_owned(),
        };
        self.warn(expected, found);
    }

    /// Warns of something else at this place. Behind the last warning there is room for comes one that says so.
    pub(super) fn warn(&mut self, expected: &str, found: String) {
        let room = NETWORK_WARNINGS_MAX.saturating_sub(self.warnings.len());
        let (expected, found) = match room {
            0 => return,
            1 => (
                &*format!("fewer than {NETWORK_WARNINGS_MAX} warnings"),
                "more".to_owned(),
            ),
            _ => (expected, found),
        };
        let warning = Warning::new("network", &self.place, expected, found);
        self.warnings.push(warning);
    }

    /// Reads the fields of a map, and warns of keys that are neither theirs nor read by others: `also`.
    pub(super) fn fields(
        &mut self,
        map: &Map,
        also: &[&'static str],
        fields: &mut dyn FnMut(&mut Pass),
    ) {
        fields(&mut Pass::Read(self, map));
        let mut known = also.to_vec();
        fields(&mut Pass::Keys(&mut known));
        self.known(map, &known);
    }

    /// Warns of every key of a map that is not among these.
    pub(super) fn known(&mut self, map: &Map, known: &[&str]) {
        for (key, _) in map.texts().filter(|(key, _)| !known.contains(key)) {
            if self.warnings.len() >= NETWORK_WARNINGS_MAX {
                return;
            }
            let found = mistyped(key, &mut known.iter().copied());
            self.warn("a key that is known here", found);
        }
    }

    /// Reads one field of a map.
    pub(super) fn field(&mut self, map: &Map, key: &str, field: Field) {
        if let Some(value) = map.get(key) {
            self.told(key, value, field);
        }
    }

    /// Reads a value that has this key; null says nothing.
    pub(super) fn told(&mut self, key: &str, value: &Value, field: Field) {
        if !value.is_null() {
            let place = self.enter(key);
            self.take(value, field);
            self.leave(place);
        }
    }

    fn take(&mut self, value: &Value, field: Field) {
        let text = value.to_text().unwrap_or_default();
        let text = text.trim();
        let (expected, taken) = match field {
            Field::Flag(to) => ("true or false", set(to, flag(text))),
            Field::Method(to) => ("true or false", set(to, flag(text).map(Method::dhcp))),
            Field::Number(to) => ("a whole number", set(to, text.parse().ok())),
            Field::Name(to) => ("a name", set(to, Name::new(text))),
            Field::Choice(to) => ("a name", set(to, Name::new(&text.to_lowercase()))),
            Field::Interface(to) => ("the name of an interface", set(to, Name::interface(text))),
            Field::HardwareAddress(to) => (
                "a hardware address in quotes",
                set(to, HardwareAddress::new(text)),
            ),
            Field::Address(to) => ("an IP address", set(to, text.parse().ok())),
            Field::Network(to) => ("an IP address or network", set(to, Cidr::parse(text))),
            Field::Names(to) => return self.each(value, "a name", to, Name::new),
            Field::Addresses(to) => {
                return self.each(value, "an IP address", to, |text| text.parse().ok());
            }
            Field::Networks(to) => {
                return self.each(value, "an IP address", to, Cidr::parse_address);
            }
            Field::Routes(to) => return self.routes(value, to),
            Field::Rules(to) => return self.rules(value, to),
            Field::Parameters(to, table, _) => return self.parameters(value, to, table),
        };
        if !taken {
            self.refuse(expected, value);
        }
    }

    /// The elements of a list, as many as there is room for. Null has none, and what else is no list is the only one.
    pub(super) fn elements<'v>(&mut self, value: &'v Value) -> &'v [Value] {
        let all = match value {
            Value::Null => &[],
            Value::List(list) => list.as_slice(),
            other => core::slice::from_ref(other),
        };
        match all.get(..NETWORK_ELEMENTS_MAX) {
            Some(some) if some.len() < all.len() => {
                let expected = format!("at most {NETWORK_ELEMENTS_MAX} elements");
                self.warn(&expected, all.len().to_string());
                some
            }
            _ => all,
        }
    }

    /// The maps of a list; other elements are refused.
    pub(super) fn maps<'v>(&mut self, value: Option<&'v Value>) -> Vec<&'v Map> {
        let mut maps = Vec::new();
        for element in self.elements(value.unwrap_or(&Value::Null)) {
            match element.as_map() {
                Some(map) => maps.push(map),
                None => self.refuse("a map", element),
            }
        }
        maps
    }

    /// Takes an element into a list that has room for it.
    pub(super) fn push<T>(&mut self, to: &mut Vec<T>, element: Option<T>) {
        if to.len() < NETWORK_ELEMENTS_MAX {
            to.extend(element);
        } else if element.is_some() {
            let expected = format!("at most {NETWORK_ELEMENTS_MAX} elements");
            self.warn(&expected, "more".to_owned());
        }
    }

    /// Reads words: one text with blanks or commas between, or a list of texts. An address may be the key of a map of one.
    pub(super) fn each<T>(
        &mut self,
        value: &Value,
        expected: &str,
        to: &mut Vec<T>,
        parse: fn(&str) -> Option<T>,
    ) {
        for element in self.elements(value) {
            let key = element.as_map().and_then(|map| map.iter().next());
            let Some(text) = key.map_or(element, |(key, _)| key).to_text() else {
                self.refuse(expected, element);
                continue;
            };
            let words = text.split(|c: char| c == ',' || c.is_ascii_whitespace());
            for word in words.filter(|word| !word.is_empty()) {
                match parse(word) {
                    Some(parsed) => self.push(to, Some(parsed)),
                    None => self.refuse(expected, &word.into()),
                }
            }
        }
    }

    fn routes(&mut self, value: &Value, to: &mut Vec<Route>) {
        for map in self.maps(Some(value)) {
            let route = self.route(map);
            self.push(to, route);
        }
    }

    /// A route as version 2 has it; `default` is everywhere, in the family of the router.
    fn route(&mut self, map: &Map) -> Option<Route> {
        let mut to = None;
        let mut route = Route::new(Cidr::UNSPECIFIED, None);
        let also = [&["to"][..], &ROUTE_OTHERS].concat();
        self.fields(map, &also, &mut |pass| route.fields(pass));
        let others = others(map, &ROUTE_OTHERS).into_iter();
        // What a route is without a word.
        let usual = [Value::from("unicast"), Value::from("global")];
        route.others = others.filter(|(_, value)| !usual.contains(value)).collect();
        if map.get("to").and_then(Value::as_text) == Some("default") {
            to = route.via.map(everywhere);
        } else {
            self.field(map, "to", Field::Network(&mut to));
        }
        match to {
            Some(to) => Some(Route { to, ..route }),
            None => {
                self.warn("a network in `to`", "a route without".to_owned());
                None
            }
        }
    }

    fn rules(&mut self, value: &Value, to: &mut Vec<PolicyRule>) {
        for map in self.maps(Some(value)) {
            let mut rule = PolicyRule::default();
            self.fields(map, &RULE_OTHERS, &mut |pass| rule.fields(pass));
            rule.others = others(map, &RULE_OTHERS);
            self.push(to, Some(rule));
        }
    }

    fn parameters(
        &mut self,
        value: &Value,
        to: &mut Vec<Parameter>,
        table: &'static [(&'static str, &'static str)],
    ) {
        let same = |name: &str, key: &str| name.replace('_', "-") == key.replace('_', "-");
        for (key, value) in value.as_map().into_iter().flat_map(Map::texts) {
            let known = table
                .iter()
                .find(|(one, two)| same(one, key) || same(two, key));
            let Some((_, name)) = known else {
                if !UTILITIES.contains(&key) {
                    let mut names = table.iter().map(|(_, two)| *two);
                    let found = mistyped(key, &mut names);
                    self.warn("a parameter that is known here", found);
                }
                continue;
            };
            let parameter = plain(value, 1).then(|| Parameter::new(name, value));
            if parameter.is_none() {
                let place = self.enter(name);
                self.refuse("a plain value", value);
                self.leave(place);
            }
            self.push(to, parameter);
        }
    }

    /// Adds a device; one that has the name of another takes its place.
    pub(super) fn add(&mut self, config: &mut Config, device: Device) {
        if matches!(
            device.kind,
            DeviceKind::Vlan(None, _) | DeviceKind::Vlan(_, None)
        ) {
            return self.warn("a VLAN's number and link", "one without".to_owned());
        }
        let devices = &mut config.devices;
        let same = devices.iter().position(|other| other.name == device.name);
        if let Some(other) = same.and_then(|place| devices.get_mut(place)) {
            *other = device;
        } else if self.has_room(devices) {
            devices.push(device);
        }
    }

    /// Whether there is room for one more device; warns if not.
    pub(super) fn has_room(&mut self, devices: &[Device]) -> bool {
        let room = devices.len() < NETWORK_DEVICES_MAX;
        if !room {
            let expected = format!("at most {NETWORK_DEVICES_MAX} devices");
            self.warn(&expected, "more".to_owned());
        }
        room
    }
}

impl Parameter {
    /// A parameter by version 2's name. What version 1 lists as `PORT NUMBER` is a map, and `stp` is true or false.
    fn new(name: &'static str, value: &Value) -> Parameter {
        let text = value.to_text().filter(|_| name == "stp");
        if let Some(flag) = text.and_then(|text| flag(&text)) {
            let value = flag.into();
            return Parameter { name, value };
        }
        let pairs = value.as_list().into_iter().flatten().map(|element| {
            let (port, number) = element.as_text()?.split_once(' ')?;
            Some((port, number.trim().parse::<i64>().ok()?))
        });
        let map = pairs.collect::<Option<Map>>().filter(|map| !map.is_empty());
        Parameter {
            name,
            value: map.map_or_else(|| value.clone(), Value::Map),
        }
    }

    /// Name and value as version 1 or 2 has them.
    fn entry(&self, table: &[(&'static str, &'static str)], one: bool) -> (&'static str, Value) {
        let known = table.iter().find(|(_, two)| *two == self.name);
        let (Some((name, _)), true) = (known, one) else {
            return (self.name, self.value.clone());
        };
        let list = self.value.as_map().map(|map| {
            let pairs = map
                .texts()
                .filter_map(|(port, number)| Some(format!("{port} {}", number.to_text()?).into()));
            Value::List(pairs.collect())
        });
        (name, list.unwrap_or_else(|| self.value.clone()))
    }
}

/// Takes what was read, if it could be.
#[inline(never)]
fn set<T>(to: &mut Option<T>, value: Option<T>) -> bool {
    let taken = value.is_some();
    if taken {
        *to = value;
    }
    taken
}

fn choice(name: &Name) -> Value {
    match name.as_str() {
        "true" => true.into(),
        "false" => false.into(),
        word => word.into(),
    }
}

/// Is this a scalar of one line, or a list or a map of such?
fn plain(value: &Value, depth: usize) -> bool {
    match value {
        Value::Int(_) | Value::Bool(_) => true,
        Value::Text(text) => text.split(' ').all(|word| Name::new(word).is_some()),
        Value::List(list) => depth > 0 && list.iter().all(|value| plain(value, depth - 1)),
        Value::Map(map) => {
            depth > 0
                && map
                    .iter()
                    .all(|(key, value)| plain(key, 0) && plain(value, depth - 1))
        }
        _ => false,
    }
}

impl Field<'_> {
    /// The value to write, if there is any.
    fn value(self) -> Option<Value> {
        let list = match self {
            Field::Flag(from) => return from.map(Value::from),
            Field::Method(from) => return from.map(|method| (method != Method::Off).into()),
            Field::Number(from) => return from.map(Value::from),
            Field::Name(from) | Field::Interface(from) => {
                return from.as_ref().map(|name| name.as_str().into());
            }
            Field::Choice(from) => return from.as_ref().map(choice),
            Field::HardwareAddress(from) => return from.as_ref().map(|mac| mac.as_str().into()),
            Field::Address(from) => return from.map(|address| address.to_string().into()),
            Field::Network(from) => return from.as_ref().map(Cidr::short),
            Field::Parameters(from, table, one) => {
                let mut map = Map::new();
                for parameter in from {
                    let (name, value) = parameter.entry(table, one);
                    map.insert(name, value);
                }
                return (!map.is_empty()).then_some(Value::Map(map));
            }
            Field::Names(from) => from.iter().map(|name| name.as_str().into()).collect(),
            Field::Addresses(from) => texts(from),
            Field::Networks(from) => texts(from),
            Field::Routes(from) => from.iter_mut().map(Route::value).collect(),
            Field::Rules(from) => from.iter_mut().map(PolicyRule::value).collect(),
        };
        Some(list).filter(|list| !list.is_empty()).map(Value::List)
    }
}

/// Values as texts.
fn texts(values: &[impl ToString]) -> Vec<Value> {
    values
        .iter()
        .map(|value| value.to_string().into())
        .collect()
}

impl Route {
    /// What a route has beside `to`, as version 2 has it.
    fn fields(&mut self, pass: &mut Pass) {
        pass.field("via", Field::Address(&mut self.via));
        pass.field("metric", Field::Number(&mut self.metric));
        pass.field("table", Field::Number(&mut self.table));
        pass.field("on-link", Field::Flag(&mut self.on_link));
        pass.field("mtu", Field::Number(&mut self.mtu));
    }

    fn value(&mut self) -> Value {
        let mut map = written(&mut |pass| self.fields(pass));
        map.insert("to", Value::from(self.to.to_string()));
        map.extend(self.others.clone());
        map.into()
    }
}

impl PolicyRule {
    fn fields(&mut self, pass: &mut Pass) {
        pass.field("from", Field::Network(&mut self.from));
        pass.field("to", Field::Network(&mut self.to));
        pass.field("table", Field::Number(&mut self.table));
        pass.field("priority", Field::Number(&mut self.priority));
    }

    fn value(&mut self) -> Value {
        let mut map = written(&mut |pass| self.fields(pass));
        map.extend(self.others.clone());
        map.into()
    }
}
