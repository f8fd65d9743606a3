//! What klibc's ipconfig has found out for `ip=` of the kernel command line: `/run/net-NAME.conf` and `/run/net6-NAME.conf`.
//!
//! ```text
//! file = *( assignment / comment )                    ; as a shell would read it
//! assignment = NAME "=" *( CHAR / "'" *CHAR "'" / DQUOTE *CHAR DQUOTE / "\" CHAR )
//! ```
//! Source: klibc, usr/kinit/ipconfig/README.ipconfig, and what cloud-init makes of it: a configuration of version 1 whose
//! interfaces are left alone while they are up (`control: manual`). On purpose otherwise: a file that cannot be used costs
//! itself.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::digest;
use crate::machine::{self, FILE_BYTES_MAX, Machine};
use crate::value::{Map, Value};
use crate::warning::Warning;

/// Most files that are read.
const FILES_MAX: usize = 64;

/// The files that are there.
pub fn files(machine: &Machine) -> Vec<String> {
    let names = machine.files.list("/run").into_iter();
    let is_one = |name: &String| {
        let starts = name.starts_with("net-") || name.starts_with("net6-");
        starts && name.ends_with(".conf")
    };
    let files = names.filter(is_one).take(FILES_MAX);
    files.map(|name| format!("/run/{name}")).collect()
}

/// What they say, as a document of version 1; `None` if no file can be used.
pub fn document(machine: &Machine) -> (Option<Value>, Vec<Warning>) {
    let (config, warnings) = elements(machine);
    let has_one = !config.is_empty();
    let document = Map::from_iter([("config", Value::List(config)), ("version", Value::Int(1))]);
    (has_one.then(|| document.into()), warnings)
}

/// The elements of that document, one for an interface. A file that cannot be used leaves a warning.
pub fn elements(machine: &Machine) -> (Vec<Value>, Vec<Warning>) {
    let links = machine::links(machine.files);
    let mac = |name: &str| {
        let link = links.iter().find(|link| link.name == name)?;
        link.mac.map(|mac| digest::hex(&mac, ":"))
    };
    let (mut entries, mut warnings): (Vec<(String, Map)>, _) = (Vec::new(), Vec::new());
    for path in files(machine) {
        let bytes = machine.files.read(&path, FILE_BYTES_MAX);
        let bytes = bytes.unwrap_or_default();
        match entry(&String::from_utf8_lossy(&bytes), &mac) {
            Err(found) => {
                let warning = Warning::new("fetch", path.as_str(), "what ipconfig writes", found);
                warnings.push(warning);
            }
            Ok((name, entry)) => match entries.iter_mut().find(|(known, _)| *known == name) {
                Some((_, known)) => add_subnets(known, &entry),
                None => entries.push((name, entry)),
            },
        }
    }
    let elements = entries.into_iter().map(|(_, entry)| Value::Map(entry));
    (elements.collect(), warnings)
}

fn add_subnets(known: &mut Map, entry: &Map) {
    let more = entry
        .get("subnets")
        .and_then(Value::as_list)
        .unwrap_or_default();
    if let Some(Value::List(subnets)) = known.get_mut(&"subnets".into()) {
        subnets.extend(more.iter().cloned());
    }
}

/// One file: the name of its interface, and the entry of version 1. `mac` says the hardware address of an interface.
///
/// # Errors
/// What the file lacks.
fn entry(text: &str, mac: &dyn Fn(&str) -> Option<String>) -> Result<(String, Map), &'static str> {
    let said = Said(words(text));
    let name = said.get("DEVICE").or_else(|| said.get("DEVICE6"));
    let name = name.ok_or("neither DEVICE nor DEVICE6")?;
    let told = said.get("PROTO").or_else(|| said.get("IPV6PROTO"));
    let default = if said.get("filename").is_some() {
        "dhcp"
    } else {
        "none"
    };
    let protocol = match told.unwrap_or(default) {
        "none" | "static" | "off" => "static",
        known @ ("dhcp" | "dhcp6") => known,
        _ => return Err("an unknown PROTO"),
    };
    let subnets = ["IPV4", "IPV6"].into_iter();
    let subnets: Vec<Value> = subnets
        .filter_map(|family| said.subnet(family, protocol))
        .collect();
    let mut entry = Map::from_iter([("type", "physical"), ("name", name)]);
    if let Some(mac) = mac(name) {
        entry.insert("mac_address", mac);
    }
    entry.insert("subnets", subnets);
    Ok((String::from(name), entry))
}

/// The assignments of one file.
struct Said(Vec<String>);

impl Said {
    /// The last value of a key; an empty one is none.
    fn get(&self, key: &str) -> Option<&str> {
        let mut words = self.0.iter().rev();
        let value = words.find_map(|word| word.strip_prefix(key)?.strip_prefix('='))?;
        (!value.is_empty()).then_some(value)
    }

    fn subnet(&self, family: &str, protocol: &str) -> Option<Value> {
        let get = |key: &str| self.get(&format!("{family}{key}"));
        let address = get("ADDR")?;
        let own = match get("PROTO").unwrap_or(protocol) {
            "none" => "static",
            own => own,
        };
        let mut subnet = Map::from_iter([("type", own), ("control", "manual")]);
        if own == "static" {
            subnet.insert("address", address);
        }
        for (key, name) in [
            ("NETMASK", "netmask"),
            ("BROADCAST", "broadcast"),
            ("GATEWAY", "gateway"),
        ] {
            if let Some(value) = get(key) {
                subnet.insert(name, value);
            }
        }
        let is_address = |address: &&str| !address.trim_matches([':', '.', '0']).is_empty();
        let servers = ["DNS0", "DNS1"]
            .into_iter()
            .filter_map(get)
            .filter(is_address);
        let servers: Vec<Value> = servers.map(Value::from).collect();
        if !servers.is_empty() {
            subnet.insert("dns_nameservers", servers);
            if let Some(domains) = self.get("DOMAINSEARCH") {
                let domains: Vec<Value> = if domains.contains(',') {
                    domains.split(',').map(Value::from).collect()
                } else {
                    domains.split_whitespace().map(Value::from).collect()
                };
                subnet.insert("dns_search", domains);
            }
        }
        Some(subnet.into())
    }
}

/// The words of a shell's text, without quotes and comments.
fn words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            (_, Some(open)) if letter == open => quote = None,
            ('\\', None | Some('"')) => {
                word.get_or_insert_default().extend(letters.next());
            }
            (_, Some(_)) => word.get_or_insert_default().push(letter),
            ('\'' | '"', None) => {
                word.get_or_insert_default();
                quote = Some(letter);
            }
            ('#', None) if word.is_none() => drop(letters.find(|letter| *letter == '\n')),
            (_, None) if letter.is_ascii_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::json;

    const LEASED: &str = "DEVICE='eth0'\nPROTO='dhcp'\nIPV4ADDR='192.168.122.89'\nIPV4BROADCAST='192.168.122.255'\n\
        IPV4NETMASK='255.255.255.0'\nIPV4GATEWAY='192.168.122.1'\nIPV4DNS0='192.168.122.1'\nIPV4DNS1='0.0.0.0'\n\
        HOSTNAME='foohost'\nDNSDOMAIN=''\nNISDOMAIN=''\nROOTSERVER='192.168.122.1'\nROOTPATH=''\nfilename=''\n\
        UPTIME='21'\nDHCPLEASETIME='3600'\nDOMAINSEARCH='foo.com, bar.com'\n";

    fn read(text: &str) -> Result<String, &'static str> {
        let mac = |name: &str| (name == "eth0").then(|| String::from("52:54:00:00:00:01"));
        entry(text, &mac).map(|(_, entry)| json::write(&entry.into()))
    }

    #[test]
    fn a_lease_keeps_no_address() {
        let expected = r#"{"type":"physical","name":"eth0","mac_address":"52:54:00:00:00:01","subnets":[{"type":"dhcp","control":"manual","netmask":"255.255.255.0","broadcast":"192.168.122.255","gateway":"192.168.122.1","dns_nameservers":["192.168.122.1"],"dns_search":["foo.com"," bar.com"]}]}"#;
        assert_eq!(read(LEASED).as_deref(), Ok(expected));
    }

    #[test]
    fn both_families_may_be_in_one_file() {
        let text = "# by hand\nDEVICE6=eth1 IPV6PROTO=dhcp6\nIPV6ADDR=\"2001:db8::1\"\nIPV4ADDR=10.0.0.2\nIPV4PROTO=none\n";
        let expected = r#"{"type":"physical","name":"eth1","subnets":[{"type":"static","control":"manual","address":"10.0.0.2"},{"type":"dhcp6","control":"manual"}]}"#;
        assert_eq!(read(text).as_deref(), Ok(expected));
    }

    #[test]
    fn what_is_no_such_file_is_told() {
        assert_eq!(read("PROTO=dhcp"), Err("neither DEVICE nor DEVICE6"));
        assert_eq!(read("DEVICE=a PROTO=x"), Err("an unknown PROTO"));
        for end in 0..LEASED.len() {
            let _ = read(&LEASED[..end]);
            let mut flipped = LEASED.as_bytes().to_vec();
            flipped[end] ^= 1 << (end % 7);
            let _ = read(&String::from_utf8_lossy(&flipped));
        }
    }

    #[test]
    fn words_are_a_shells() {
        assert_eq!(
            words("a='b c'd \"e\\\"f\" g\\ h # i\n#j\nk#l"),
            ["a=b cd", "e\"f", "g h", "k#l"]
        );
    }
}
