//! The shapes of `users`, `user` and `groups`, made one: names with what is said of each.
//!
//! ```text
//!   users  = NAMES / [ NAMES / [ NAME ] / MAP ] / { NAME: MAP / FLAG }        ; NAMES = NAME *( "," NAME ), MAP with a key `name`
//!   user   = NAME / MAP
//!   groups = NAMES / [ NAME / { NAME: MEMBERS } ] / { NAME: MEMBERS }         ; MEMBERS = NAMES / [ NAME ] / null
//! ```
//!
//! `default`, and a map without a name, is the default user: the one that `user` names, else the platform's administrator, else root.
//! What is said of a name more than once is taken together, the first of each key; what is said of `default` counts less, and `user`
//! the least.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{ACCOUNTS_MAX, RULE, Reader};
use crate::value::{Map, Value};

/// Stands for the default user.
const DEFAULT: &str = "default";

/// Whose the machine is.
pub(super) struct Owner {
    /// The one whom `user` names, else root.
    named: String,
    /// What `user` says of that one.
    said: Map,
    /// The administrator whom the platform names, where `user` names nobody.
    administrator: Option<(String, Map)>,
}

impl Owner {
    /// The default user.
    pub(super) fn name(&self) -> &str {
        let administrator = self.administrator.as_ref();
        administrator.map_or(&self.named, |(name, _)| name)
    }

    /// Whom the keys of the machine are for.
    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        let administrator = self.administrator.iter().map(|(name, _)| name.as_str());
        [self.named.as_str()].into_iter().chain(administrator)
    }
}

impl Reader<'_> {
    /// The account that `user` names, else root; and the one that the platform names for the machine's administrator, who has
    /// as much to say as a distribution's default user.
    pub(super) fn owner(&mut self) -> Owner {
        let user = self.said("user");
        let mut said = match user {
            Value::Map(map) => plain_keys(map),
            Value::Null => Map::new(),
            other => [("name", other.clone())].into_iter().collect(),
        };
        let name = said.get("name").and_then(Value::to_text);
        let name = name.filter(|name| !name.is_empty() && name != DEFAULT);
        if name.is_none() && !user.is_null() && *user != Value::from("") {
            self.refuse("user", "the name of an account, or a mapping with one");
        }
        let administrator = match user {
            Value::Null => self.administrator(),
            _ => None,
        };
        if name.is_none() {
            said = Map::new();
        }
        Owner {
            named: name.unwrap_or_else(|| String::from("root")),
            said,
            administrator,
        }
    }

    /// The default user whom the platform names, where the owner names none.
    fn administrator(&self) -> Option<(String, Map)> {
        let system = self.said("system_info").as_map()?;
        let mut map = plain_keys(system.get("default_user")?.as_map()?);
        let name = map.get("name").and_then(Value::to_text)?;
        if !map.contains("sudo") {
            map.insert("sudo", RULE);
        }
        Some((name, map))
    }

    /// The accounts that somebody speaks of, with all that is said of each. The owner is the first, where `users` does not name it.
    pub(super) fn users(&mut self, owner: &Owner) -> Vec<(String, Map)> {
        let mut users = Vec::new();
        let listed = self.listed();
        if listed.len() > ACCOUNTS_MAX {
            self.refuse("users", &format!("{ACCOUNTS_MAX} accounts at most"));
        }
        let mut of_default = Vec::new();
        for (name, map) in listed.into_iter().take(ACCOUNTS_MAX) {
            if name == DEFAULT {
                add(&mut users, String::from(owner.name()), Map::new());
                of_default.push(map);
            } else {
                add(&mut users, name, map);
            }
        }
        // What is said of the default user by its own name outranks that.
        for map in of_default {
            add(&mut users, String::from(owner.name()), map);
        }
        let owners = owner.administrator.iter();
        let named = (owner.named.clone(), owner.said.clone());
        for (name, map) in owners.chain([&named]) {
            if users.iter().all(|(known, _)| known != name) && name != "root" {
                users.insert(0, (name.clone(), Map::new()));
            }
            if users.iter().any(|(known, _)| known == name) {
                add(&mut users, name.clone(), map.clone());
            }
        }
        users
    }

    /// What `users` lists, as it stands there.
    fn listed(&mut self) -> Vec<(String, Map)> {
        let mut found = Vec::new();
        match self.said("users") {
            Value::Null => (),
            Value::Map(map) if map.get("name").is_some_and(|name| name.as_text().is_some()) => {
                self.listed_map(&mut found, map);
            }
            Value::Map(map) => {
                for (name, value) in map.iter() {
                    match (name.to_text(), value) {
                        (Some(name), Value::Map(map)) => found.push((name, plain_keys(map))),
                        (Some(name), value) if value.as_flag() == Some(true) => {
                            found.push((name, Map::new()));
                        }
                        (_, Value::Bool(false)) => (),
                        _ => self.refuse("users", "names of accounts, a mapping for each"),
                    }
                }
            }
            Value::List(list) => {
                for user in list {
                    match user {
                        Value::Map(map) => self.listed_map(&mut found, map),
                        Value::List(names) => {
                            for name in names {
                                self.listed_names(&mut found, name);
                            }
                        }
                        names => self.listed_names(&mut found, names),
                    }
                }
            }
            names => self.listed_names(&mut found, names),
        }
        found
    }

    fn listed_map(&mut self, found: &mut Vec<(String, Map)>, map: &Map) {
        let name = match map.get("name") {
            None => Some(String::from(DEFAULT)),
            Some(name) => name.to_text().filter(|name| !name.is_empty()),
        };
        match name {
            Some(name) => found.push((name, plain_keys(map))),
            None => self.refuse("users", "accounts with a name"),
        }
    }

    fn listed_names(&mut self, found: &mut Vec<(String, Map)>, value: &Value) {
        let Some(text) = value.as_text() else {
            self.refuse("users", "names of accounts, or a mapping for each");
            return;
        };
        let names = text.split(',').map(str::trim);
        let names = names.filter(|name| !name.is_empty());
        found.extend(names.map(|name| (String::from(name), Map::new())));
    }

    /// The groups of `groups`, and who is in each.
    pub(super) fn machine_groups(&mut self, owner: &Owner) -> Vec<(String, Vec<String>)> {
        let said = self.said("groups");
        let mut found: Vec<(String, Vec<String>)> = Vec::new();
        let list = match said {
            Value::List(list) => list.as_slice(),
            Value::Null => &[],
            single => core::slice::from_ref(single),
        };
        for entry in list.iter().take(ACCOUNTS_MAX) {
            for name in self.group_names(entry, "groups") {
                let members = entry.as_map().and_then(|map| map.get(&name));
                let members = members.map(|members| self.members(members, owner));
                let members = members.unwrap_or_default();
                match found.iter_mut().find(|(known, _)| *known == name) {
                    Some((_, known)) => known.extend(members),
                    None => found.push((name, members)),
                }
            }
            if !matches!(entry, Value::Text(_) | Value::Map(_)) {
                self.refuse("groups", "names of groups, or mappings of these to members");
            }
        }
        found
    }

    fn members(&mut self, value: &Value, owner: &Owner) -> Vec<String> {
        let mut members = self.group_names(value, "groups, members");
        for member in &mut members {
            if member == DEFAULT {
                *member = String::from(owner.name());
            }
        }
        members
    }
}

/// Adds what is said of an account to what was said before, which outranks it; groups are gathered.
fn add(users: &mut Vec<(String, Map)>, name: String, map: Map) {
    let Some((_, known)) = users.iter_mut().find(|(known, _)| *known == name) else {
        users.push((name, map));
        return;
    };
    for (key, value) in map.iter() {
        match (key.as_text(), known.get_mut(key)) {
            (_, None) => {
                known.insert(key.clone(), value.clone());
            }
            (Some("groups"), Some(groups)) => *groups = gathered(groups, value),
            _ => (),
        }
    }
}

fn gathered(one: &Value, other: &Value) -> Value {
    let mut all: Vec<Value> = Vec::new();
    for value in [one, other] {
        match value {
            Value::Text(text) => all.extend(text.split(',').map(Value::from)),
            Value::List(list) => all.extend(list.iter().cloned()),
            Value::Map(map) => all.extend(map.texts().map(|(name, _)| Value::from(name))),
            _ => (),
        }
    }
    Value::List(all)
}

/// The keys of an account with underscores, as cloud-init takes them; the first of two counts, and the name is no longer one of them.
fn plain_keys(map: &Map) -> Map {
    let mut plain = Map::new();
    for (key, value) in map.texts() {
        let key = key.trim().replace('-', "_");
        if !plain.contains(&key) {
            plain.insert(key, value.clone());
        }
    }
    plain
}
