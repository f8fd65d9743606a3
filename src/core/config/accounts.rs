//! Accounts: whom a real root without cloud-init lets in, and what it is called.
//!
//! ```text
//!   meta-data: host name, public keys ──┐
//!   cloud-config: hostname, user, users, ssh_authorized_keys, password, chpasswd, … ──┴─► Accounts
//! ```
//!
//! It is little of what cloud-config can say, and what a machine cannot be reached without. The keys mean what they mean to
//! cloud-init; user-data outranks vendor-data, and this what the platform configures, key by key. Without cloud-init there is no
//! default user of a distribution: keys and password of the machine are for the one that `user` names, else for root. What is refused costs itself, and a warning says so.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::{Config, warning};
use crate::instance::{Document, Hostname, Instance, SshKey, key_lines};
use crate::value::{Map, Value};
use crate::warning::Warning;

/// Most accounts of one machine.
pub const ACCOUNTS_MAX: usize = 256;
/// What the administrator of a machine may do, in words of sudoers(5).
const RULE: &str = "ALL=(ALL) NOPASSWD:ALL";
/// Longest name of an account or a group, in bytes, as useradd allows it.
const NAME_BYTES_MAX: usize = 32;

/// What the real root is to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Its host name, a single label; `None` leaves it as it is.
    pub hostname: Option<String>,
    /// The accounts, in their order; root has no other fields than keys.
    pub accounts: Vec<Account>,
    /// Passwords of these and of others that the root has, in their order; the last one of an account counts.
    pub passwords: Vec<Password>,
    /// Whether one may log in over ssh with a password; `None` leaves it as it is.
    pub ssh_passwords: Option<bool>,
}

/// What an account is let in by; no control character is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Password {
    /// Whose it is.
    pub name: String,
    /// Itself, or its hash.
    pub text: String,
    /// Whether it is a hash, as crypt(5) has them.
    pub is_hash: bool,
    /// Whether another has to be chosen at the first login.
    pub expires: bool,
}

/// One account. No field holds a colon or a control character, but the keys hold what keys do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    /// The name to log in with.
    pub name: String,
    /// The number; a free one from 1000 if nobody says.
    pub uid: Option<u32>,
    /// The name for people.
    pub gecos: String,
    /// The home directory.
    pub home: String,
    /// The shell; the root's own usual one if nobody says.
    pub shell: String,
    /// The hash of the password, behind a `!` if it is locked.
    pub password: String,
    /// Groups beside its own.
    pub groups: Vec<String>,
    /// Lines for sudoers(5), without the name in front.
    pub sudo: Vec<String>,
    /// Who may log in over ssh.
    pub keys: Vec<SshKey>,
}

impl Accounts {
    /// What the instance and its configuration say.
    pub fn of(instance: &Instance, config: &Config) -> (Accounts, Vec<Warning>) {
        let mut reader = Reader {
            configs: [
                Document::UserData,
                Document::VendorData2,
                Document::VendorData,
            ]
            .into_iter()
            .filter_map(|document| config.cloud_config(document)?.as_map())
            .chain([&instance.config])
            .collect(),
            warnings: Vec::new(),
        };
        let hostname = reader.hostname(instance);
        let mut accounts = reader.users();
        let keys = [
            instance.ssh_keys.clone(),
            reader.keys(reader.said("ssh_authorized_keys")),
        ];
        let owner = reader.owner(&mut accounts, &keys.concat());
        let accounts = Accounts {
            hostname,
            accounts,
            passwords: reader.passwords(&owner),
            ssh_passwords: reader.said("ssh_pwauth").as_flag(),
        };
        (accounts, reader.warnings)
    }

    /// The keys of this account.
    pub fn keys_of(&self, name: &str) -> &[SshKey] {
        let account = self.accounts.iter().find(|account| account.name == name);
        account.map_or(&[], |account| &account.keys)
    }
}

struct Reader<'a> {
    /// The strongest first.
    configs: Vec<&'a Map>,
    warnings: Vec<Warning>,
}

impl<'a> Reader<'a> {
    fn said(&self, key: &str) -> &'a Value {
        let said = self.configs.iter().find_map(|config| config.get(key));
        said.unwrap_or(&Value::Null)
    }

    fn refuse(&mut self, place: &str, expected: &str) {
        let warning = warning(
            format!("cloud-config, {place}"),
            expected,
            "something else, which is left out",
        );
        self.warnings.push(warning);
    }

    /// `hostname` outranks `fqdn`, and both outrank the cloud; with `preserve_hostname` it is the owner's affair.
    fn hostname(&mut self, instance: &Instance) -> Option<String> {
        if self.said("preserve_hostname").as_flag() == Some(true) {
            return None;
        }
        let said = ["hostname", "fqdn"].into_iter();
        let mut said = said.filter_map(|key| self.said(key).to_text());
        let configured = said.find_map(|text| Hostname::read(&text).0);
        let name = configured.as_ref().or(instance.hostname.as_ref())?;
        let label = name.as_str().split('.').next().unwrap_or_default();
        Some(String::from(label)).filter(|label| !label.is_empty())
    }

    /// The list `users`; a name alone is an account, `default` stands for the one that `user` names.
    fn users(&mut self) -> Vec<Account> {
        let mut accounts: Vec<Account> = Vec::new();
        let users = self.said("users");
        let single = core::slice::from_ref(users);
        let list = match users {
            Value::Null => &[],
            Value::List(list) => list.as_slice(),
            _ => single,
        };
        for user in list.iter().take(ACCOUNTS_MAX) {
            let account = match user {
                Value::Text(name) if name == "default" => continue,
                Value::Text(name) => self.account(name, &Map::new()),
                Value::Map(map) => match map.get("name").and_then(Value::to_text) {
                    Some(name) if name != "default" => self.account(&name, map),
                    Some(_) => continue,
                    None => self.nobody(),
                },
                _ => self.nobody(),
            };
            let known = |account: &Account| accounts.iter().any(|known| known.name == account.name);
            accounts.extend(account.filter(|account| !known(account)));
        }
        accounts
    }

    fn nobody(&mut self) -> Option<Account> {
        self.refuse("users", "accounts with a name");
        None
    }

    /// Whom the keys of the machine are for, by name: the account that `user` names, else root; and then the one that the
    /// platform names for the machine's administrator as well, who has as much to say as a distribution's default user.
    fn owner(&mut self, accounts: &mut Vec<Account>, keys: &[SshKey]) -> String {
        let (name, map) = match self.said("user") {
            Value::Map(map) => (map.get("name").and_then(Value::to_text), map.clone()),
            other => (other.to_text(), Map::new()),
        };
        let name = name.filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| String::from("root"));
        self.give(accounts, &name, &map, keys);
        if let Some(map) = self.administrator()
            && let Some(name) = map.get("name").and_then(Value::to_text)
        {
            let mut map = map.clone();
            map.insert("sudo", RULE);
            self.give(accounts, &name, &map, keys);
        }
        accounts.retain(|account| account.name != "root" || !account.keys.is_empty());
        name
    }

    /// Gives an account the keys; makes it if nobody has.
    fn give(&mut self, accounts: &mut Vec<Account>, name: &str, map: &Map, keys: &[SshKey]) {
        let place = accounts.iter().position(|account| account.name == name);
        let place = place.or_else(|| {
            accounts.insert(0, self.account(name, map)?);
            Some(0)
        });
        if let Some(account) = place.and_then(|place| accounts.get_mut(place)) {
            for key in keys {
                if !account.keys.contains(key) {
                    account.keys.push(key.clone());
                }
            }
        }
    }

    /// The default user whom the platform names, where the owner names none.
    fn administrator(&self) -> Option<&'a Map> {
        let system = self.said("system_info").as_map()?;
        let is_free = *self.said("user") == Value::Null;
        system.get("default_user")?.as_map().filter(|_| is_free)
    }

    /// `password` is the owner's, if `chpasswd` has no list; both may be told from `users`.
    ///
    /// ```text
    ///   chpasswd = { expire: BOOL, users: [ { name, password, type: "hash" / "text" / "RANDOM" } ], list: LINES / [ LINE ] }
    ///   LINE     = NAME ":" PASSWORD                                  ; older; what looks like a hash is one
    /// ```
    fn passwords(&mut self, owner: &str) -> Vec<Password> {
        let chpasswd = self.said("chpasswd").as_map();
        let at = |key| chpasswd.and_then(|map| map.get(key));
        let expires = at("expire").is_none_or(|value| value.as_flag() != Some(false));
        let mut found = self.plain_passwords();
        let listed = match at("list") {
            Some(Value::Text(text)) => text.lines().map(String::from).collect(),
            Some(Value::List(list)) => list.iter().filter_map(Value::to_text).collect(),
            _ => Vec::new(),
        };
        let users = at("users").and_then(Value::as_list).unwrap_or_default();
        let alone = self.said("password").to_text();
        if listed.is_empty()
            && users.is_empty()
            && let Some(text) = alone.filter(|text| !text.is_empty())
        {
            self.password(&mut found, owner, &text, None, expires);
        }
        for line in listed.iter().take(ACCOUNTS_MAX) {
            if let Some((name, text)) = line.split_once(':') {
                self.password(&mut found, name.trim(), text, None, expires);
            }
        }
        for user in users.iter().filter_map(Value::as_map).take(ACCOUNTS_MAX) {
            let text = |key| user.get(key).and_then(Value::to_text).unwrap_or_default();
            let kind = user.get("type").and_then(Value::to_text);
            let kind = kind.as_deref().unwrap_or("hash");
            let name = text("name");
            self.password(&mut found, &name, &text("password"), Some(kind), expires);
        }
        found
    }

    /// The passwords in clear of the default user and of the list `users`, of those that are not locked.
    fn plain_passwords(&mut self) -> Vec<Password> {
        let mut found = Vec::new();
        let users = self.said("users").as_list().unwrap_or_default();
        let users = users.iter().chain([self.said("user")]);
        let users = users.filter_map(Value::as_map).chain(self.administrator());
        for user in users.take(ACCOUNTS_MAX) {
            let text = |key| user.get(key).and_then(Value::to_text);
            let open = user.get("lock_passwd").or_else(|| user.get("lock-passwd"));
            if let (Some(name), Some(plain), Some(Value::Bool(false))) =
                (text("name"), text("plain_text_passwd"), open)
            {
                self.password(&mut found, &name, &plain, Some("text"), false);
            }
        }
        found
    }

    /// One of them, of the `kind` that somebody said, else of the one that it looks like.
    fn password(
        &mut self,
        found: &mut Vec<Password>,
        name: &str,
        text: &str,
        kind: Option<&str>,
        expires: bool,
    ) {
        let is_random = kind.map_or(matches!(text, "R" | "RANDOM"), |kind| kind == "RANDOM");
        let plain = !text.is_empty() && !text.contains(char::is_control);
        if is_random || !plain || !is_name(name) {
            self.refuse("passwords", "one that is said, of an account");
            return;
        }
        found.push(Password {
            name: String::from(name),
            text: String::from(text),
            is_hash: kind.map_or_else(|| is_hash(text), |kind| kind == "hash"),
            expires,
        });
    }

    fn account(&mut self, name: &str, map: &Map) -> Option<Account> {
        if !is_name(name) {
            self.refuse(
                "users",
                "a name of lower-case letters, digits, hyphens and underscores",
            );
            return None;
        }
        let null = &Value::Null;
        let at = |keys: &[&str]| keys.iter().find_map(|key| map.get(key)).unwrap_or(null);
        let home = if name == "root" {
            String::from("/root")
        } else {
            format!("/home/{name}")
        };
        let home = self.path(at(&["homedir"])).unwrap_or(home);
        let hash = at(&["hashed_passwd", "passwd"]);
        let locked = !matches!(at(&["lock_passwd", "lock-passwd"]), Value::Bool(false));
        let mark = if locked { "!" } else { "" };
        let hash = self.field(hash, "passwd").unwrap_or_default();
        Some(Account {
            name: String::from(name),
            uid: at(&["uid"])
                .to_text()
                .and_then(|text| text.parse().ok())
                .filter(|uid| (1..u32::MAX).contains(uid)),
            gecos: self.field(at(&["gecos"]), "gecos").unwrap_or_default(),
            home,
            shell: self.path(at(&["shell"])).unwrap_or_default(),
            password: match hash.as_str() {
                "" => String::from("!"),
                hash => format!("{mark}{hash}"),
            },
            groups: self.groups(at(&["groups"])),
            sudo: self.lines(at(&["sudo"])),
            keys: self.keys(at(&["ssh_authorized_keys", "ssh-authorized-keys"])),
        })
    }

    /// A field of passwd(5).
    fn field(&mut self, value: &Value, place: &str) -> Option<String> {
        let text = value.to_text()?;
        let fits = !text.contains(|c: char| c == ':' || c.is_control());
        if !fits {
            self.refuse(
                &format!("users, {place}"),
                "text without colons and line feeds",
            );
        }
        Some(text).filter(|_| fits)
    }

    fn path(&mut self, value: &Value) -> Option<String> {
        let path = self.field(value, "a path")?;
        let fits = path.starts_with('/') && path.split('/').all(|part| part != "..");
        if !fits {
            self.refuse("users", "a path that begins with a slash");
        }
        Some(path).filter(|_| fits)
    }

    /// A list, or text with commas between; of a map its keys.
    fn groups(&mut self, value: &Value) -> Vec<String> {
        let names: Vec<String> = match value {
            Value::Text(text) => text
                .split(',')
                .map(|name| name.trim().to_string())
                .collect(),
            Value::List(list) => list.iter().filter_map(Value::to_text).collect(),
            Value::Map(map) => map.texts().map(|(name, _)| name.to_string()).collect(),
            _ => Vec::new(),
        };
        let (kept, refused): (Vec<_>, Vec<_>) = names
            .into_iter()
            .filter(|name| !name.is_empty())
            .partition(|name| is_name(name));
        if !refused.is_empty() {
            self.refuse("users, groups", "names of groups");
        }
        kept
    }

    fn lines(&mut self, value: &Value) -> Vec<String> {
        let lines: Vec<String> = match value {
            Value::Text(text) => alloc::vec![text.clone()],
            Value::List(list) => list.iter().filter_map(Value::to_text).collect(),
            _ => Vec::new(),
        };
        let (kept, refused): (Vec<_>, Vec<_>) = lines
            .into_iter()
            .filter(|line| !line.trim().is_empty())
            .partition(|line| !line.chars().any(char::is_control));
        if !refused.is_empty() {
            self.refuse("users, sudo", "rules of one line each");
        }
        kept
    }

    fn keys(&mut self, value: &Value) -> Vec<SshKey> {
        let lines = key_lines(value);
        let keys: Vec<SshKey> = lines.iter().filter_map(|line| SshKey::new(line)).collect();
        if keys.len() < lines.len() {
            self.refuse("ssh_authorized_keys", "lines of an authorized_keys file");
        }
        keys
    }
}

/// ```text
///   hash = "$" ( "1" / "2a" / "2y" / "5" / "6" ) 2*( "$" 1*CHAR )
/// ```
fn is_hash(text: &str) -> bool {
    let mut words = text.split('$');
    let known = ["1", "2a", "2y", "5", "6"];
    words.next() == Some("")
        && words.next().is_some_and(|word| known.contains(&word))
        && words.filter(|word| !word.is_empty()).count() >= 2
}

/// ```text
///   name = ( %x61-7A / "_" ) *31( %x61-7A / DIGIT / "_" / "-" )
/// ```
fn is_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    text.len() <= NAME_BYTES_MAX
        && text.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && text.chars().all(plain)
}
