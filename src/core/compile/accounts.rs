//! Accounts of a real root without cloud-init, in each of the words that somebody there reads.
//!
//! ```text
//!   plan/accounts, plan/setup.sh                 for every root: the stage `early` makes them, once per instance
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
use crate::instance::SshKey;

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
///   host  NAME
///   user  NAME  UID  GECOS  HOME  SHELL  PASSWORD  GROUPS
///   sudo  NAME  RULE
///   key   NAME  LINE
///   pass  NAME  ( "hash" / "text" )  ( "expire" / "keep" )  PASSWORD
///   sshd  ( "yes" / "no" )                                  ; whether it takes passwords
/// ```
fn table(accounts: &Accounts) -> String {
    let mut table = String::new();
    let mut line = |words: &[&str]| {
        let words: Vec<&str> = words.iter().map(|word| or_dash(word)).collect();
        table += &words.join("\t");
        table += "\n";
    };
    if let Some(name) = &accounts.hostname {
        line(&["host", name]);
    }
    for account in &accounts.accounts {
        let Account {
            name,
            gecos,
            home,
            shell,
            password,
            ..
        } = account;
        let uid = account.uid.map(|uid| format!("{uid}")).unwrap_or_default();
        let groups = account.groups.join(",");
        if name != "root" {
            line(&["user", name, &uid, gecos, home, shell, password, &groups]);
        }
        for rule in &account.sudo {
            line(&["sudo", name, rule]);
        }
        for key in &account.keys {
            line(&["key", name, key.as_str()]);
        }
    }
    for password in &accounts.passwords {
        let kind = if password.is_hash { "hash" } else { "text" };
        let lasts = if password.expires { "expire" } else { "keep" };
        line(&["pass", &password.name, kind, lasts, &password.text]);
    }
    if let Some(allowed) = accounts.ssh_passwords {
        line(&["sshd", if allowed { "yes" } else { "no" }]);
    }
    table
}

fn or_dash(word: &str) -> &str {
    if word.is_empty() { "-" } else { word }
}
