//! Accounts: whom a real root without cloud-init lets in, and what it is called.
//!
//! ```text
//!   meta-data: host name, public keys ────────────────────────────────────────────┐
//!   cloud-config, also of the kernel command line:                                ├─► Accounts
//!       hostname, user, users, ssh_authorized_keys, password, chpasswd, … ────────┘
//! ```
//!
//! It is little of what cloud-config can say, and what a machine cannot be reached without. The keys mean what they mean to cloud-init;
//! user-data outranks vendor-data, this what the platform configures, and this what the kernel command line does, key by key, also within
//! maps. Without cloud-init there is no default user of a distribution: keys and password of the machine are for the one that `user` names,
//! else for root. What is refused costs itself, and a warning says so.

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

mod user;
mod users;

use super::{Config, warning};
use crate::instance::{Hostname, Instance, SshKey, key_lines};
use crate::value::{Map, Value};
use crate::warning::Warning;

/// What many write into user-data and only the system's configuration may have.
const NETWORK: &str = "network";

/// Most accounts of one machine.
pub const ACCOUNTS_MAX: usize = 256;
/// What the administrator of a machine may do, in words of sudoers(5).
const RULE: &str = "ALL=(ALL) NOPASSWD:ALL";
/// Most keys of one account.
pub const ACCOUNT_KEYS_MAX: usize = 1024;
/// Keys of cloud-config that are read here or elsewhere, or that nobody misses where they do nothing.
#[rustfmt::skip]
const DONE: &[&str] = &[
    "allow_public_ssh_keys", "chpasswd", "datasource", "datasource_list", "final_message", "fqdn", "groups", "hostname",
    "manage_etc_hosts", "merge_how", "merge_type", "output", "password", "prefer_fqdn_over_hostname", "preserve_hostname",
    "reporting", "ssh_authorized_keys", "ssh_import_id", "ssh_pwauth", "system_info", "user", "users", "vendor_data",
    "vendor_data2",
];
/// Most values that are told to be refused.
const REFUSALS_MAX: usize = 64;
/// Most other keys that are named.
const UNDONE_MAX: usize = 32;
/// Longest name of an account or a group, in bytes, as useradd allows it.
const NAME_BYTES_MAX: usize = 32;

/// What the real root is to be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    /// Its host name, a single label but with `prefer_fqdn_over_hostname`; `None` leaves it as it is.
    pub hostname: Option<String>,
    /// What of itself /etc/hosts is to know (`manage_etc_hosts`): the whole name and its first label, which may be the same.
    pub hosts: Option<(String, String)>,
    /// Groups of the machine and who is in them, beside those that the accounts name.
    pub groups: Vec<(String, Vec<String>)>,
    /// The accounts, in their order; root is among them only with something to change.
    pub accounts: Vec<Account>,
    /// Passwords of these and of others that the root has, in their order; the last one of an account counts.
    pub passwords: Vec<Password>,
    /// Whether one may log in over ssh with a password; `None` leaves it as it is.
    pub ssh_passwords: Option<bool>,
    /// What cloud-init would do and a root without one does not, a line each, for whoever reads the log of the setup there.
    pub notes: Vec<String>,
}

/// What an account is let in by; no control character is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Password {
    /// Whose it is.
    pub name: String,
    /// Itself, or its hash, which may be empty: then nobody is asked for one.
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
    /// The hash of the password of a new account, behind a `!` if it is locked.
    pub password: String,
    /// Whether an account that is there already is locked or opened to passwords; `None` leaves it as it is.
    pub lock: Option<bool>,
    /// The name or the number of its first group; one of its own name if nobody says.
    pub group: String,
    /// Whether a new account is without a group of its own.
    pub shares_group: bool,
    /// Whether its number is one of the system's, below 1000.
    pub is_system: bool,
    /// Whether a new account is without a home directory; keys make one.
    pub is_homeless: bool,
    /// Days from a password that has expired to an account that has; empty for none.
    pub inactive: String,
    /// Days from 1970 to the end of the account; empty for none.
    pub expires: String,
    /// Groups beside its own.
    pub groups: Vec<String>,
    /// Lines for sudoers(5), without the name in front.
    pub sudo: Vec<String>,
    /// Lines for doas.conf(5), which name the account.
    pub doas: Vec<String>,
    /// Who may log in over ssh.
    pub keys: Vec<SshKey>,
}

impl Account {
    fn named(name: &str) -> Account {
        Account {
            name: String::from(name),
            ..Account::default()
        }
    }

    /// Whether there is nothing to change of an account that is there.
    fn is_idle(&self) -> bool {
        let lists = [&self.groups, &self.sudo, &self.doas];
        self.keys.is_empty() && self.lock.is_none() && lists.iter().all(|list| list.is_empty())
    }
}

impl Accounts {
    /// What the instance and its configuration say.
    pub fn of(instance: &Instance, config: &Config) -> (Accounts, Vec<Warning>) {
        let configured = config.together(&instance.config);
        let mut reader = Reader {
            configured: &configured,
            warnings: Vec::new(),
            notes: Vec::new(),
        };
        let names = reader.names(instance);
        let owner = reader.owner();
        let groups = reader.machine_groups(&owner);
        let users = reader.users(&owner);
        let mut accounts = Vec::new();
        for (name, map) in &users {
            accounts.extend(reader.account(name, map));
        }
        let keys = reader.machine_keys(instance);
        for name in owner.names() {
            give(&mut accounts, name, &keys);
        }
        for account in &mut accounts {
            reader.few_keys(account);
        }
        accounts.retain(|account| account.name != "root" || !account.is_idle());
        reader.note_the_undone();
        let accounts = Accounts {
            hostname: reader.hostname(names.as_ref()),
            hosts: reader.hosts(names),
            groups,
            accounts,
            passwords: reader.passwords(&users, owner.name()),
            ssh_passwords: reader.said("ssh_pwauth").as_flag(),
            notes: reader.notes,
        };
        (accounts, reader.warnings)
    }

    /// The keys of this account.
    pub fn keys_of(&self, name: &str) -> &[SshKey] {
        let account = self.accounts.iter().find(|account| account.name == name);
        account.map_or(&[], |account| &account.keys)
    }
}

/// Gives an account the keys; makes root's if there is none.
fn give(accounts: &mut Vec<Account>, name: &str, keys: &[SshKey]) {
    if name == "root" && accounts.iter().all(|account| account.name != "root") {
        accounts.push(Account::named(name));
    }
    let account = accounts.iter_mut().find(|account| account.name == name);
    if let Some(account) = account {
        account.keys.extend(keys.iter().cloned());
    }
}

struct Reader<'a> {
    configured: &'a Value,
    warnings: Vec<Warning>,
    notes: Vec<String>,
}

impl<'a> Reader<'a> {
    fn said(&self, key: &str) -> &'a Value {
        self.configured.get(key).unwrap_or(&Value::Null)
    }

    /// A list that holds nothing else leaves as many warnings as somebody reads.
    fn refuse(&mut self, place: &str, expected: &str) {
        if self.warnings.len() >= REFUSALS_MAX {
            return;
        }
        let warning = warning(
            format!("cloud-config, {place}"),
            expected,
            "something else, which is left out",
        );
        self.warnings.push(warning);
    }

    /// Says what is not done, but would be by cloud-init.
    fn note(&mut self, place: &str, what: &str) {
        self.notes.push(format!("{place}: {what}"));
    }

    /// Names what of cloud-config only cloud-init does: packages, files, commands.
    fn note_the_undone(&mut self) {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
        let mut undone: Vec<&str> = Vec::new();
        for (key, _) in self.configured.as_map().into_iter().flat_map(Map::texts) {
            let is_new = !DONE.contains(&key) && !undone.contains(&key) && key != NETWORK;
            if is_new && key.len() <= NAME_BYTES_MAX && key.chars().all(is_plain) {
                undone.push(key);
            }
            if undone.len() == UNDONE_MAX {
                break;
            }
        }
        if self.configured.get(NETWORK).is_some() {
            let what = "no network is set up by user-data, by cloud-init neither: network-config is for that";
            self.note("cloud-config", what);
        }
        if !undone.is_empty() {
            let keys = undone.join(", ");
            self.note(
                "cloud-config",
                &format!("nobody but cloud-init does this: {keys}"),
            );
        }
    }

    /// The whole name and its first label. Of the label `hostname` has the first word, of the whole `fqdn`, and of both the cloud the
    /// last; a cloud whose names keep their domain means the whole by both.
    fn names(&mut self, instance: &Instance) -> Option<(String, String)> {
        let said = ["hostname", "fqdn"].map(|key| {
            let text = self.said(key).to_text()?;
            let (name, fits) = Hostname::read(&text);
            Some((name?, fits))
        });
        if let Some((_, false)) = said.iter().flatten().next() {
            self.note("hostname", "is none as it stands, and was mended");
        }
        let [hostname, fqdn] = said.map(|said| said.map(|(name, _)| name));
        let cloud = instance.hostname.as_ref();
        let short = hostname.as_ref().or(fqdn.as_ref()).or(cloud)?;
        let whole = fqdn.as_ref().unwrap_or(short).as_str();
        let keeps_domain = instance.keeps_domain && hostname.is_none() && fqdn.is_none();
        let label = if keeps_domain {
            whole
        } else {
            short.as_str().split('.').next().unwrap_or_default()
        };
        Some((String::from(whole), String::from(label))).filter(|_| !label.is_empty())
    }

    /// What the machine is called; with `preserve_hostname` that is the owner's affair.
    fn hostname(&self, names: Option<&(String, String)>) -> Option<String> {
        let on = |key| self.said(key).as_flag() == Some(true);
        let (whole, label) = names.filter(|_| !on("preserve_hostname"))?;
        let name = if on("prefer_fqdn_over_hostname") {
            whole
        } else {
            label
        };
        Some(name.clone())
    }

    /// What /etc/hosts is to know. A template of the distribution, which `true` asks for, is not looked for.
    fn hosts(&self, names: Option<(String, String)>) -> Option<(String, String)> {
        let wanted = self.said("manage_etc_hosts");
        let named = wanted.to_text();
        let is_wanted = wanted.as_flag() == Some(true)
            || matches!(named.as_deref(), Some("localhost" | "template"));
        names.filter(|_| is_wanted)
    }

    /// Those of meta-data, unless the owner wants none of them, and those of cloud-config.
    fn machine_keys(&mut self, instance: &Instance) -> Vec<SshKey> {
        let allowed = self.said("allow_public_ssh_keys").as_flag() != Some(false);
        let cloud = instance.ssh_keys.iter().filter(|_| allowed).cloned();
        let mut keys: Vec<SshKey> = cloud.collect();
        keys.extend(self.keys(self.said("ssh_authorized_keys"), "ssh_authorized_keys"));
        if !self.said("ssh_import_id").is_null() {
            self.note("ssh_import_id", IMPORT);
        }
        keys
    }

    /// `password` is the owner's, if `chpasswd` has no list; both may be told from `users`.
    ///
    /// ```text
    ///   chpasswd = { expire: BOOL, users: [ { name, password, type: "hash" / "text" / "RANDOM" } ], list: LINES / [ LINE ] }
    ///   LINE     = NAME ":" PASSWORD                                  ; older; what looks like a hash is one
    /// ```
    fn passwords(&mut self, accounts: &[(String, Map)], owner: &str) -> Vec<Password> {
        let chpasswd = self.said("chpasswd").as_map();
        let at = |key| chpasswd.and_then(|map| map.get(key));
        let expires = at("expire").is_none_or(|value| value.as_flag() != Some(false));
        let mut found = self.account_passwords(accounts);
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
        let lines = listed.iter().filter(|line| !line.trim().is_empty());
        for line in lines.take(ACCOUNTS_MAX) {
            match line.split_once(':') {
                Some((name, text)) => self.password(&mut found, name.trim(), text, None, expires),
                None => self.refuse("chpasswd, list", "a name, a colon and a password"),
            }
        }
        for user in users.iter().take(ACCOUNTS_MAX) {
            let Value::Map(user) = user else {
                self.refuse("chpasswd, users", "mappings with a name and a password");
                continue;
            };
            let text = |key| user.get(key).and_then(Value::to_text).unwrap_or_default();
            let kind = user.get("type").and_then(Value::to_text);
            let kind = kind.as_deref().unwrap_or("hash");
            let name = text("name");
            self.password(&mut found, &name, &text("password"), Some(kind), expires);
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
        let is_hash = kind.map_or_else(|| is_hash(text), |kind| kind == "hash");
        // In a line of shadow(5) a colon would begin the next field.
        let is_wrong = |c: char| c.is_control() || is_hash && c == ':';
        let plain = !text.is_empty() && !text.contains(is_wrong);
        if !is_name(name) {
            self.refuse("passwords", "the name of an account");
        } else if is_random {
            self.note(name, "nobody draws a password here, and it has none");
        } else if !plain {
            self.refuse(
                &format!("passwords, {name}"),
                "one of one line, which is not empty",
            );
        } else {
            found.push(Password {
                name: String::from(name),
                text: String::from(text),
                is_hash,
                expires,
            });
        }
    }

    /// Each key once.
    fn few_keys(&mut self, account: &mut Account) {
        let mut known = BTreeSet::new();
        account
            .keys
            .retain(|key| known.insert(key.as_str().to_string()));
        if account.keys.len() > ACCOUNT_KEYS_MAX {
            account.keys.truncate(ACCOUNT_KEYS_MAX);
            let place = format!("users, {}, ssh_authorized_keys", account.name);
            self.refuse(&place, &format!("{ACCOUNT_KEYS_MAX} keys at most"));
        }
    }

    /// A list, or text with commas between; of a map its keys.
    fn group_names(&mut self, value: &Value, place: &str) -> Vec<String> {
        let names: Vec<String> = match value {
            Value::Text(text) => text.split(',').map(String::from).collect(),
            Value::List(list) => list.iter().filter_map(Value::to_text).collect(),
            Value::Map(map) => map.texts().map(|(name, _)| name.to_string()).collect(),
            _ => Vec::new(),
        };
        let (kept, refused): (Vec<_>, Vec<_>) = names
            .iter()
            .take(ACCOUNTS_MAX)
            .map(|name| String::from(name.trim()))
            .filter(|name| !name.is_empty())
            .partition(|name| is_name(name));
        if !refused.is_empty() {
            self.refuse(place, "names of groups");
        }
        kept
    }

    fn keys(&mut self, value: &Value, place: &str) -> Vec<SshKey> {
        let lines = key_lines(value);
        let keys: Vec<SshKey> = lines.iter().filter_map(|line| SshKey::new(line)).collect();
        let alone = !matches!(value, Value::Null | Value::List(_) | Value::Map(_));
        if keys.len() < lines.len() || (alone && value.as_text().is_none()) {
            self.refuse(place, "lines of an authorized_keys file");
        }
        keys
    }
}

/// Why a name of Launchpad's or GitHub's gives no keys.
const IMPORT: &str = "keys are not fetched from elsewhere without cloud-init";

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

/// The name of an account or a group, as the tools of distributions allow it between them. A number is none: it would be
/// somebody's.
///
/// ```text
///   name = ( ALPHA / DIGIT / "_" ) *31( ALPHA / DIGIT / "_" / "-" / "." )           ; ASCII, not digits alone
/// ```
fn is_name(text: &str) -> bool {
    let first = |c: char| c.is_ascii_alphanumeric() || c == '_';
    text.len() <= NAME_BYTES_MAX
        && text.starts_with(first)
        && text.chars().all(|c| first(c) || c == '-' || c == '.')
        && !text.chars().all(|c| c.is_ascii_digit())
}
