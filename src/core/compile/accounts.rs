//! Accounts of a real root without cloud-init, in each of the words that somebody there reads.
//!
//! ```text
//!   plan/accounts, plan/setup.sh                 for every root: the stage `early` makes them, once per instance
//!   plan/reset                                   a digest of the password that somebody sets from outside: for each the stage
//!                                                makes them again
//!   handover/systemd/credstore/…                 for systemd's services (systemd.system-credentials(7))
//!   handover/systemd/credentials/@initrd/…       the same for systemd itself, which takes them from there (since 252)
//!   handover/systemd/credstore.encrypted/…       what a part #systemd-userdata brings encrypted
//! ```
//!
//! Nothing for systemd-sysusers: it knows neither passwords nor homes, and an account that is there is not made again.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Found, Outcome, Products};
use crate::config::accounts::{Account, Accounts};
use crate::config::credentials;
use crate::digest;
use crate::instance::{Instance, SshKey};
use crate::platform;

/// The program that makes them.
const SETUP: &str = include_str!("setup.sh");
/// The two places of what is not encrypted.
const PLACES: [&str; 2] = ["credstore", "credentials/@initrd"];

/// Adds all of it.
pub(super) fn print(products: &mut Products, _: &Outcome, found: &Found) {
    let (accounts, warnings) = Accounts::of(found.instance, found.config);
    products.warnings.extend(warnings);
    let (given, warnings) = credentials::of(found.config);
    products.warnings.extend(warnings);
    let table = table(&accounts);
    if !table.is_empty() {
        products.put("cloudseed/plan/accounts", table);
        products.put("cloudseed/plan/setup.sh", SETUP);
        if let Some(reset) = reset(found.instance) {
            products.put("cloudseed/plan/reset", reset);
        }
    }
    let root = lines(accounts.keys_of("root"));
    let own = [
        ("ssh.authorized_keys.root", root),
        ("system.hostname", accounts.hostname.unwrap_or_default()),
    ];
    for (name, content) in own.iter().filter(|(_, content)| !content.is_empty()) {
        credential(products, name, content.as_bytes());
    }
    // What somebody asks for by this name outranks what follows from other things.
    for given in &given {
        if given.encrypted {
            let path = format!(
                "cloudseed/handover/systemd/credstore.encrypted/{}",
                given.name
            );
            products.put(&path, given.content.as_slice());
        } else {
            credential(products, &given.name, &given.content);
        }
    }
}

/// What tells one password of a cloud's password server from another, where that sets new ones during the life of a machine.
fn reset(instance: &Instance) -> Option<String> {
    let password = instance.config.get("password")?.as_text()?;
    let known = [instance.instance_id.as_str(), password].map(|text| Some(text.as_bytes()));
    let is_reset = platform::of(instance.platform).resets_passwords;
    is_reset.then(|| digest::derived("", &known) + "\n")
}

fn credential(products: &mut Products, name: &str, content: &[u8]) {
    for place in PLACES {
        products.put(
            &format!("cloudseed/handover/systemd/{place}/{name}"),
            content,
        );
    }
}

fn lines(keys: &[SshKey]) -> String {
    keys.iter()
        .map(|key| format!("{}\n", key.as_str()))
        .collect()
}

/// A line each, its words divided by tabs; `-` for what nobody says, because a shell takes two tabs for one.
///
/// ```text
///   note  TEXT                                              ; what nobody does here
///   host  NAME
///   hosts WHOLE  LABEL                                      ; what /etc/hosts is to know of the machine
///   group NAME                                              ; is made, if there is none
///   user  NAME  UID  GECOS  HOME  SHELL  PASSWORD  GROUP  FLAGS  INACTIVE  EXPIRES    ; the same
///   lock  NAME  ( "yes" / "no" )                            ; of one that is there
///   join  NAME  GROUP
///   sudo  NAME  RULE                                        ; the name as sudoers(5) takes it
///   doas  NAME  RULE
///   key   NAME  LINE
///   pass  NAME  ( "hash" / "text" )  ( "expire" / "keep" )  PASSWORD
///   sshd  ( "yes" / "no" )                                  ; whether it takes passwords
///   FLAGS  = *( "system" / "homeless" / "shared" ) with commas between
/// ```
fn table(accounts: &Accounts) -> String {
    let mut table = Table::default();
    for note in &accounts.notes {
        table.line(&["note", note]);
    }
    if let Some(name) = &accounts.hostname {
        table.line(&["host", name]);
    }
    if let Some((whole, label)) = &accounts.hosts {
        table.line(&["hosts", whole, label]);
    }
    for (name, _) in &accounts.groups {
        table.line(&["group", name]);
    }
    for account in &accounts.accounts {
        table.account(account);
    }
    for (group, members) in &accounts.groups {
        for member in members {
            table.line(&["join", member, group]);
        }
    }
    for password in &accounts.passwords {
        let (kind, text) = if password.is_hash {
            ("hash", hash(&password.text))
        } else {
            ("text", password.text.as_str())
        };
        let lasts = if password.expires { "expire" } else { "keep" };
        table.line(&["pass", &password.name, kind, lasts, text]);
    }
    if let Some(allowed) = accounts.ssh_passwords {
        table.line(&["sshd", yes(allowed)]);
    }
    table.0
}

#[derive(Default)]
struct Table(String);

impl Table {
    fn line(&mut self, words: &[&str]) {
        let words: Vec<&str> = words.iter().map(|word| or_dash(word)).collect();
        self.0 += &words.join("\t");
        self.0 += "\n";
    }

    fn account(&mut self, account: &Account) {
        let name = &account.name;
        for group in account.groups.iter().chain(named(&account.group)) {
            self.line(&["group", group]);
        }
        if name != "root" {
            self.user(account);
        }
        if let Some(locked) = account.lock {
            self.line(&["lock", name, yes(locked)]);
        }
        for group in &account.groups {
            self.line(&["join", name, group]);
        }
        for rule in &account.sudo {
            self.line(&["sudo", &for_sudoers(name), rule]);
        }
        for rule in &account.doas {
            self.line(&["doas", name, rule]);
        }
        for key in &account.keys {
            self.line(&["key", name, key.as_str()]);
        }
    }

    fn user(&mut self, account: &Account) {
        let uid = account.uid.map(|uid| format!("{uid}")).unwrap_or_default();
        let flags = [
            ("system", account.is_system),
            ("homeless", account.is_homeless),
            ("shared", account.shares_group),
        ];
        let flags = flags.iter().filter(|(_, is_set)| *is_set);
        let flags: Vec<&str> = flags.map(|(flag, _)| *flag).collect();
        self.line(&[
            "user",
            &account.name,
            &uid,
            &account.gecos,
            &account.home,
            &account.shell,
            hash(&account.password),
            &account.group,
            &flags.join(","),
            &account.inactive,
            &account.expires,
        ]);
    }
}

/// The group, if it is told by its name.
fn named(group: &String) -> Option<&String> {
    let is_number = group.bytes().all(|byte| byte.is_ascii_digit());
    Some(group).filter(|_| !is_number)
}

/// A name with capitals may be a word of sudoers(5), `ALL` or `Defaults`; in quotes it is none.
fn for_sudoers(name: &str) -> String {
    if name.contains(|c: char| c.is_ascii_uppercase()) {
        format!("\"{name}\"")
    } else {
        String::from(name)
    }
}

fn yes(flag: bool) -> &'static str {
    if flag { "yes" } else { "no" }
}

/// A hash that no password has. `-` is one, too, but here it means an empty one, by which anybody gets in.
fn hash(text: &str) -> &str {
    if text == "-" { "*" } else { text }
}

fn or_dash(word: &str) -> &str {
    if word.is_empty() { "-" } else { word }
}
