//! What is said of one account, key by key, as useradd(8) would take it.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Account, IMPORT, Password, Reader, is_name};
use crate::outside::date;
use crate::value::{Map, Value};

/// Seconds of a day.
const DAY_SECONDS: u64 = 86_400;

impl Reader<'_> {
    /// The account of this name; `None` if the name is none.
    pub(super) fn account(&mut self, name: &str, map: &Map) -> Option<Account> {
        if !is_name(name) {
            self.refuse(
                "users",
                "a name of letters, digits, dots, hyphens and underscores",
            );
            return None;
        }
        let at = |key: &str| map.get(key).unwrap_or(&Value::Null);
        let place = |key: &str| format!("users, {name}, {key}");
        let is_locked = is_locked(map);
        let hash = self.field(at("passwd"), &place("passwd"));
        let account = Account {
            name: String::from(name),
            uid: self.uid(at("uid"), &place("uid")),
            gecos: self.field(at("gecos"), &place("gecos")).unwrap_or_default(),
            home: self
                .path(at("homedir"), &place("homedir"))
                .unwrap_or_else(|| home(name)),
            shell: self.path(at("shell"), &place("shell")).unwrap_or_default(),
            password: new_password(hash, is_locked),
            lock: Some(is_locked).filter(|_| name != "root" || map.contains("lock_passwd")),
            group: self.group(at("primary_group"), &place("primary_group")),
            shares_group: is_truthy(at("no_user_group")),
            is_system: is_truthy(at("system")),
            is_homeless: is_truthy(at("no_create_home")) || is_truthy(at("system")),
            inactive: self.days(at("inactive"), &place("inactive")),
            expires: self.days(at("expiredate"), &place("expiredate")),
            groups: self.group_names(at("groups"), &place("groups")),
            sudo: self.sudo(at("sudo"), &place("sudo")),
            doas: self.doas(name, at("doas"), &place("doas")),
            keys: self.keys(at("ssh_authorized_keys"), &place("ssh_authorized_keys")),
        };
        self.note_the_rest(name, map);
        Some(account)
    }

    /// What nobody does without cloud-init.
    fn note_the_rest(&mut self, name: &str, map: &Map) {
        let rest = [
            ("ssh_import_id", IMPORT),
            ("ssh_redirect_user", "nobody is sent to another account"),
            ("snapuser", "no account is made with snap"),
            ("selinux_user", "no user of SELinux is set"),
        ];
        for (key, what) in rest {
            if map.get(key).is_some_and(is_truthy) {
                self.note(&format!("{name}, {key}"), what);
            }
        }
    }

    fn uid(&mut self, value: &Value, place: &str) -> Option<u32> {
        let text = value.to_text()?;
        let uid = text.trim().parse().ok();
        let uid = uid.filter(|uid| (1..u32::MAX).contains(uid));
        if uid.is_none() {
            self.refuse(place, "a number above 0");
        }
        uid
    }

    /// A field of passwd(5); empty text is nothing said.
    fn field(&mut self, value: &Value, place: &str) -> Option<String> {
        let text = value.to_text();
        let fits = |text: &String| !text.contains(|c: char| c == ':' || c.is_control());
        if !value.is_null() && !text.as_ref().is_some_and(fits) {
            self.refuse(place, "text without colons and line feeds");
        }
        text.filter(fits)
    }

    fn path(&mut self, value: &Value, place: &str) -> Option<String> {
        let path = self.field(value, place).filter(|path| !path.is_empty())?;
        let fits = path.starts_with('/') && path.split('/').all(|part| part != "..");
        if !fits {
            self.refuse(place, "a path that begins with a slash");
        }
        Some(path).filter(|_| fits)
    }

    /// The name of a group, or its number.
    fn group(&mut self, value: &Value, place: &str) -> String {
        let group = value.to_text().unwrap_or_default();
        let is_number = group.len() < 10 && group.bytes().all(|byte| byte.is_ascii_digit());
        if is_number || is_name(&group) {
            return group;
        }
        self.refuse(place, "the name of a group, or its number");
        String::new()
    }

    /// A number of days, or the date so many days after 1970.
    fn days(&mut self, value: &Value, place: &str) -> String {
        let Some(text) = value.to_text().filter(|text| !text.is_empty()) else {
            return String::new();
        };
        let text = text.trim();
        if text.len() < 8 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return String::from(text);
        }
        let date = date::parse_zoned(&format!("{text}T00:00:00Z"));
        if date.is_none() && text != "-1" {
            self.refuse(place, "a number of days, or a date as 2030-12-31");
        }
        date.map(|date| (date.as_secs() / DAY_SECONDS).to_string())
            .unwrap_or_default()
    }

    /// Rules of sudoers(5), which end with their lines: a backslash there would take the next one along.
    fn sudo(&mut self, value: &Value, place: &str) -> Vec<String> {
        let rules = self.rules(value, place);
        let (kept, refused): (Vec<_>, Vec<_>) =
            rules.into_iter().partition(|rule| !rule.ends_with('\\'));
        if !refused.is_empty() {
            self.refuse(place, "rules that end with their line");
        }
        kept
    }

    /// Rules of doas.conf(5); all of them have to name the account, as in cloud-init, or none counts.
    fn doas(&mut self, name: &str, value: &Value, place: &str) -> Vec<String> {
        let rules = self.rules(value, place);
        if rules.iter().all(|rule| is_doas_rule_of(rule, name)) {
            return rules;
        }
        self.refuse(place, "rules that name this account");
        Vec::new()
    }

    /// One line each; what says no is none.
    fn rules(&mut self, value: &Value, place: &str) -> Vec<String> {
        let lines: Vec<String> = match value {
            Value::Text(text) if value.as_flag() == Some(false) || text.trim().is_empty() => {
                Vec::new()
            }
            Value::Text(text) => alloc::vec![text.clone()],
            Value::List(list) => list.iter().filter_map(Value::to_text).collect(),
            Value::Null | Value::Bool(false) => Vec::new(),
            _ => {
                self.refuse(place, "rules, a line of text each");
                Vec::new()
            }
        };
        let (kept, refused): (Vec<_>, Vec<_>) = lines
            .iter()
            .map(|line| String::from(line.trim()))
            .filter(|line| !line.is_empty())
            .partition(|line| !line.chars().any(char::is_control));
        if !refused.is_empty() {
            self.refuse(place, "rules of one line each");
        }
        kept
    }

    /// The passwords that are said with the accounts themselves, of those that are not locked; a hash outranks what is in clear.
    pub(super) fn account_passwords(&mut self, users: &[(String, Map)]) -> Vec<Password> {
        let mut found = Vec::new();
        for (name, map) in users {
            let mark = if is_locked(map) { "!" } else { "" };
            let text = |key: &str| map.get(key).and_then(Value::to_text);
            let (plain, hash) = (text("plain_text_passwd"), text("hashed_passwd"));
            let is_blank = |text: &Option<String>| text.as_ref().is_some_and(String::is_empty);
            if let Some(plain) = plain
                .as_ref()
                .filter(|text| !text.is_empty() && mark.is_empty())
            {
                self.password(&mut found, name, plain, Some("text"), false);
            }
            if let Some(hash) = hash.as_ref().filter(|hash| !hash.is_empty()) {
                let hash = format!("{mark}{hash}");
                self.password(&mut found, name, &hash, Some("hash"), false);
            }
            let is_alone = found.iter().all(|password| password.name != *name);
            if mark.is_empty() && is_alone && is_name(name) && (is_blank(&plain) || is_blank(&hash))
            {
                found.push(Password {
                    name: name.clone(),
                    text: String::new(),
                    is_hash: true,
                    expires: false,
                });
            }
        }
        found
    }
}

fn home(name: &str) -> String {
    match name {
        "root" => String::from("/root"),
        _ => format!("/home/{name}"),
    }
}

/// An account is locked unless somebody says that it is not.
fn is_locked(map: &Map) -> bool {
    map.get("lock_passwd").is_none_or(is_truthy)
}

/// Field 2 of shadow(5): what is not said nobody knows, what is empty everybody does.
fn new_password(hash: Option<String>, is_locked: bool) -> String {
    match hash {
        Some(hash) if !is_locked => hash,
        Some(hash) if !hash.is_empty() => format!("!{hash}"),
        _ => String::from("!"),
    }
}

/// Whether Python takes it for true.
fn is_truthy(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) | Value::Int(0) => false,
        Value::Text(text) => !text.is_empty(),
        Value::List(list) => !list.is_empty(),
        Value::Map(map) => !map.is_empty(),
        _ => true,
    }
}

/// ```text
///   rule = ( "permit" / "deny" ) *( "nolog" / "nopass" / "persist" / "keepenv" / "setenv" "{" *WORD "}" ) NAME *WORD
/// ```
fn is_doas_rule_of(rule: &str, name: &str) -> bool {
    let mut words = rule.split_whitespace();
    if !matches!(words.next(), Some("permit" | "deny")) {
        return false;
    }
    loop {
        match words.next() {
            Some("nolog" | "nopass" | "persist" | "keepenv") => (),
            Some("setenv") => {
                let _ = words.find(|word| word.ends_with('}'));
            }
            word => return word == Some(name),
        }
    }
}
