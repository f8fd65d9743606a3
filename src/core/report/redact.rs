//! Redaction: what of a machine's files may leave it. What is not known to be harmless stays.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::json;
use crate::machine::cmdline::Cmdline;
use crate::machine::smbios::Field;
use crate::settings::ds_identify::bracketed;
use crate::settings::own;
use crate::text::without_quotations;
use crate::url;
use crate::value::{Map, Value};
use crate::yaml;

/// Files whose content says nothing about anybody, by the beginning of their path.
const HARMLESS: [&str; 10] = [
    "/sys/firmware/qemu_fw_cfg/by_name/opt/org.cloudseed/",
    "/proc/mounts",
    "/proc/sys/kernel/",
    "/proc/device-tree/",
    "/proc/xen/",
    "/proc/sysinfo",
    "/run/systemd/container",
    "/sys/class/",
    "/sys/hypervisor/type",
    "/sys/hypervisor/properties/",
];
/// Beginnings of serial numbers that rules look for; what follows them is replaced.
const SERIALS: [&str; 1] = ["GoogleCloud-"];
/// Ends of serial numbers that rules look for.
const SERIAL_ENDS: [&str; 1] = [".brightbox.com"];
/// Words in the keys of parameters whose values are nobody else's business.
const SECRET: [&str; 8] = [
    "pass",
    "secret",
    "token",
    "key",
    "auth",
    "credential",
    "cred",
    "psk",
];

/// A file's content as it may leave the machine; `None` if the file stays. Where only its being there matters, it is empty.
pub fn file(path: &str, content: &[u8]) -> Option<Vec<u8>> {
    let text = || String::from_utf8_lossy(content);
    match path {
        // The raw tables hold every serial number of the machine, in places that are not worth knowing.
        _ if path.starts_with("/sys/firmware/dmi/") => None,
        "/proc/cmdline" => Some(cmdline(&text()).into_bytes()),
        "/proc/1/cmdline" => Some(cmdline(&text().replace('\0', " ")).into_bytes()),
        "/proc/1/environ" => Some(environment(content)),
        "/sys/hypervisor/uuid" => Some(uuid(text().trim()).into_bytes()),
        _ if path.starts_with("/sys/class/net/") && path.ends_with("/address") => {
            Some(address(text().trim()).into_bytes())
        }
        _ if path.starts_with("/sys/class/dmi/") => None,
        "/etc/cloud/ds-identify.cfg" => Some(content.to_vec()),
        // The first line says for which cloud an image was made.
        "/etc/sysconfig/cloud-info" => {
            let first = text().lines().next().map(|line| words(line) + "\n");
            Some(first.unwrap_or_default().into_bytes())
        }
        // Public keys.
        own::MINISIGN => Some(content.to_vec()),
        _ if carried(path) => Some(Vec::new()),
        own::FILE => Some(configuration(content, own::keys()).into_bytes()),
        _ if path.starts_with("/etc/cloud/") && path.ends_with(".cfg") => {
            Some(configuration(content, KEPT.into_iter()).into_bytes())
        }
        _ if HARMLESS.iter().any(|harmless| path.starts_with(harmless)) => Some(content.to_vec()),
        _ => Some(Vec::new()),
    }
}

/// The word of a boot's status.
pub fn status(content: &[u8]) -> Option<Vec<u8>> {
    let letters = |word: &[u8]| word.iter().all(u8::is_ascii_lowercase);
    let word = content.trim_ascii();
    letters(word).then(|| content.to_vec())
}

/// Keys of `result.json` whose values say nothing about anybody.
const RESULT: [&str; 8] = [
    "version",
    "status",
    "platform",
    "cloud_name",
    "identify",
    "timings",
    "parts",
    "network",
];
/// Keys of what it says went wrong. Where that was may be a stranger's word: a name of a part, a path behind a host.
const WRONG: [&str; 3] = ["step", "expected", "found"];

/// `result.json` built anew from what is known.
pub fn result(content: &[u8]) -> Option<Vec<u8>> {
    let result = json::read(content).ok()?;
    let wrong = |value: &Value| {
        let known = WRONG.iter();
        let known =
            known.filter_map(|key| Some((*key, without_quotations(value.get(key)?.as_text()?))));
        Value::Map(known.collect())
    };
    let known = RESULT.iter();
    let mut kept: Map = known
        .filter_map(|key| Some((*key, result.get(key)?.clone())))
        .collect();
    let warnings = result.get("warnings").and_then(Value::as_list);
    let warnings: Vec<Value> = warnings.unwrap_or_default().iter().map(wrong).collect();
    kept.insert("warnings", warnings);
    let error = result.get("error").filter(|error| !error.is_null());
    kept.insert("error", error.map(wrong));
    Some((json::write_indented(&kept.into()) + "\n").into_bytes())
}

/// Whether it is a document that QEMU carries for NoCloud.
fn carried(path: &str) -> bool {
    let name = path
        .strip_prefix(own::FW_CFG)
        .and_then(|rest| rest.strip_prefix('/'));
    name.is_some_and(own::is_seed_word)
}

/// A string of firmware: serial numbers and the UUID keep the parts that rules look at.
pub fn firmware(field: Field, value: &str) -> String {
    match field {
        Field::ProductUuid => uuid(value),
        Field::ProductSerial if value.contains("ds=nocloud") => seeded(value),
        Field::ProductSerial | Field::BoardSerial | Field::ChassisSerial => serial(value),
        // EC2 writes the instance's identifier here.
        Field::BoardAssetTag => masked(value),
        _ => String::from(value),
    }
}

/// Words of which some may be a parameter's with a secret value, or an address with a user and a password.
pub fn words(line: &str) -> String {
    let words: Vec<String> = line.split(' ').map(word).collect();
    words.join(" ")
}

/// The command line; what the blocks of configuration in it say is said anew.
fn cmdline(line: &str) -> String {
    let line = Cmdline::new(line.trim_end_matches('\n'));
    let text = line.as_str();
    let mut redacted = String::new();
    let mut from = 0;
    for block in line.blocks() {
        redacted += &parameters(text.get(from..block.start).unwrap_or_default());
        redacted += &blocked(text.get(block.clone()).unwrap_or_default());
        from = block.end;
    }
    redacted + &parameters(text.get(from..).unwrap_or_default()) + "\n"
}

/// Parameters whose values somebody here looks at; those of `ds` are looked at one by one. So are those that begin with
/// `ci.`, and settings of ours.
const PARAMETERS: [&str; 5] = ["ds", "cloud-init", "ip", "nameserver", "unavailable"];

/// Parameters as the kernel reads them, of which only known ones keep their values.
fn parameters(text: &str) -> String {
    let line = Cmdline::new(text);
    let ours = |key: &str| own::keys().any(|name| Some(name) == key.strip_prefix(own::PREFIX));
    let known = |key: &str| PARAMETERS.contains(&key) || key.starts_with("ci.") || ours(key);
    let shown = line.parameters().map(|(key, value)| match value {
        None => word(key),
        Some(value) if !known(key) => {
            format!("{key}={}", if value.is_empty() { "" } else { "REDACTED" })
        }
        // Quotes around a value are told: cloud-init takes them for a part of it.
        Some(value) if text.contains(&format!("{key}=\"{value}\"")) => {
            format!("{key}=\"{}\"", words(value))
        }
        Some(value) if value.contains(char::is_whitespace) => {
            format!("\"{}\"", words(&format!("{key}={value}")))
        }
        Some(value) => word(&format!("{key}={value}")),
    });
    let shown: Vec<String> = shown.collect();
    // A block of configuration begins a line, or follows a blank.
    let before = if text.starts_with(' ') { " " } else { "" };
    let behind = if text.ends_with(' ') && !shown.is_empty() {
        " "
    } else {
        ""
    };
    format!("{before}{}{behind}", shown.join(" "))
}

/// A block of configuration, as YAML in one line. Of what is no YAML the list of datasources stays, which is found all the
/// same.
fn blocked(body: &str) -> String {
    let block = Cmdline::new(&format!("cc:{body}")).cloud_config();
    let kept = match yaml::read(block.as_bytes()) {
        Ok(Value::Map(document)) => json::write(&Value::Map(kept(&document, KEPT.into_iter()))),
        Ok(_) => return String::from(" "),
        Err(_) => match bracketed(body).as_slice() {
            [] => String::from("["),
            list => format!("[ datasource_list: [{}]", list.join(", ")),
        },
    };
    format!(" {kept} ")
}

/// One parameter. Those of `ds=nocloud;…` are looked at one by one.
fn word(word: &str) -> String {
    let items: Vec<String> = word.split(';').map(item).collect();
    items.join(";")
}

fn item(item: &str) -> String {
    let (key, value) = match item.split_once('=') {
        Some((key, value)) => (key, Some(value)),
        None => (item, None),
    };
    let lower = key.to_ascii_lowercase();
    let secret = SECRET.iter().any(|word| lower.contains(word));
    match value {
        Some(_) if secret => format!("{key}=REDACTED"),
        _ => without_user(item),
    }
}

/// `scheme://user:password@host/path?query` without user, password and query.
fn without_user(text: &str) -> String {
    if !text.contains("://") {
        return String::from(text);
    }
    let shown = format!("{}", url::shown(text));
    String::from(shown.strip_suffix("?…").unwrap_or(&shown))
}

/// Of process 1's variables, those that rules look at.
fn environment(content: &[u8]) -> Vec<u8> {
    let known: [&[u8]; 2] = [b"container=", b"product_name="];
    let kept = content
        .split(|byte| *byte == 0)
        .filter(|variable| known.iter().any(|key| variable.starts_with(key)));
    kept.flat_map(|variable| [variable, &[0]].concat())
        .collect()
}

/// Keys of cloud-init's configuration that identification looks at, `datasource` aside.
const KEPT: [&str; 2] = ["datasource_list", "disable_vmware_customization"];

/// Of a configuration, the keys that are known to be harmless, written anew. What could not be read before can be read no
/// better after.
fn configuration(content: &[u8], keys: impl Iterator<Item = &'static str>) -> String {
    match yaml::read(content) {
        Ok(Value::Map(document)) => yaml::write(&Value::Map(kept(&document, keys))),
        Ok(Value::Null) => String::new(),
        Ok(_) => String::from("[]\n"),
        Err(_) => String::from("[\n"),
    }
}

/// The entries with these keys; what is below `datasource` keeps its keys and loses its texts.
fn kept(document: &Map, keys: impl Iterator<Item = &'static str>) -> Map {
    let entries = keys.filter_map(|key| Some((key, document.get(key)?.clone())));
    let mut kept: Map = entries.collect();
    if let Some(value) = document.get("datasource") {
        kept.insert("datasource", textless(value, TEXTLESS_DEPTH_MAX));
    }
    kept
}

/// How deep `datasource` is kept.
const TEXTLESS_DEPTH_MAX: usize = 4;

/// Keys below `datasource` whose values identification looks at.
const TOLD: [&str; 2] = ["strict_id", "fs_label"];

/// A value with each text replaced but those of [`TOLD`].
fn textless(value: &Value, depth: usize) -> Value {
    match value {
        Value::Map(map) if depth > 0 => {
            let entries = map.iter().filter_map(|(key, value)| {
                let key = key.as_text()?;
                let known = TOLD.contains(&key);
                Some((
                    key,
                    if known {
                        value.clone()
                    } else {
                        textless(value, depth - 1)
                    },
                ))
            });
            Value::Map(entries.collect())
        }
        Value::Bool(_) | Value::Null | Value::Int(_) => value.clone(),
        _ => Value::from(String::from("REDACTED")),
    }
}

/// A variable of the environment or the hypervisor: that it is set, whether to XML or to VMware's word for nothing, and the one
/// that holds a command line.
pub fn variable(name: &str, value: &str) -> String {
    match name {
        "KERNEL_CMDLINE" => parameters(value),
        _ if value.is_empty() => String::new(),
        _ if value.trim_end() == "---" => String::from("---"),
        _ if value.starts_with("<?xml") => String::from("<?xml REDACTED"),
        _ => String::from("REDACTED"),
    }
}

/// A setting of ours, or a document that firmware carries for NoCloud; its key may be a secret's.
pub fn setting(text: &str) -> String {
    let key = text.split('=').next().unwrap_or_default();
    let name = key.strip_prefix(own::PREFIX).unwrap_or(key);
    if own::is_seed_word(name) {
        format!("{key}=REDACTED")
    } else {
        item(text)
    }
}

/// The first field, which Ec2's rule looks at.
fn uuid(value: &str) -> String {
    match value.split_once('-') {
        Some((first, rest)) => format!("{first}-{}", masked(rest)),
        None => masked(value),
    }
}

/// A serial number with words for NoCloud in it.
fn seeded(value: &str) -> String {
    let words = value.split(' ').map(|part| {
        if part.starts_with("ds=") {
            word(part)
        } else {
            masked(part)
        }
    });
    words.collect::<Vec<String>>().join(" ")
}

fn serial(value: &str) -> String {
    let start = SERIALS.iter().find(|start| value.starts_with(**start));
    let end = SERIAL_ENDS.iter().find(|end| value.ends_with(**end));
    let (start, end) = (start.map_or("", |start| start), end.map_or("", |end| end));
    let rest = value.strip_prefix(start).unwrap_or(value);
    let rest = rest.strip_suffix(end).unwrap_or(rest);
    format!("{start}{}{end}", masked(rest))
}

/// The manufacturer's half of a hardware address.
fn address(value: &str) -> String {
    let fields = value.split(':').enumerate();
    let fields = fields.map(|(at, field)| if at < 3 { field } else { "00" });
    fields.collect::<Vec<&str>>().join(":") + "\n"
}

fn masked(value: &str) -> String {
    value.chars().map(mask).collect()
}

/// Letters and digits go, the shape stays.
fn mask(c: char) -> char {
    match c {
        '0'..='9' => '0',
        c if c.is_alphabetic() => 'x',
        c => c,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn text(path: &str, content: &str) -> Option<String> {
        let content = file(path, content.as_bytes())?;
        Some(String::from_utf8(content).unwrap())
    }

    #[test]
    fn secrets_stay() {
        for (path, content, expected) in [
            (
                "/proc/cmdline",
                "ro ds=nocloud;s=http://u:p@h/x?y=1;k=v api_key=1 rd.luks.key=/k a=b\n",
                Some(
                    "ro ds=nocloud;s=http://h/x;k=v api_key=REDACTED rd.luks.key=REDACTED a=REDACTED\n",
                ),
            ),
            (
                "/proc/cmdline",
                "netroot=iscsi:U:P@h::x x.password=\"two words\" pwd=1 \"y=three more words\" vultr cloudseed.deadline=5",
                Some(
                    "netroot=REDACTED x.password=REDACTED pwd=REDACTED y=REDACTED vultr cloudseed.deadline=5\n",
                ),
            ),
            (
                "/proc/cmdline",
                "ds=nocloud;s=http://h?sig=TOKEN ds=nocloud;s=http://u:p/w@h/ cloudseed.user-data=x",
                Some("ds=nocloud;s=http://h ds=nocloud;s=http://… cloudseed.user-data=REDACTED\n"),
            ),
            (
                "/proc/1/environ",
                "A=b\0container=lxc\0X=y\0",
                Some("container=lxc\0"),
            ),
            (
                "/sys/class/net/eth0/address",
                "52:54:00:12:34:56\n",
                Some("52:54:00:00:00:00\n"),
            ),
            ("/sys/class/net/eth0/mtu", "1500\n", Some("1500\n")),
            ("/sys/firmware/dmi/tables/DMI", "x", None),
            (
                "/etc/cloud/cloud.cfg",
                "users:\n- name: me\n  passwd: x\ndatasource_list:\n- Ec2\n- None\nchpasswd: y\n",
                Some("datasource_list:\n- Ec2\n- None\n"),
            ),
            ("/var/lib/cloud/seed/nocloud/user-data", "secret", Some("")),
            (
                "/etc/sysconfig/cloud-info",
                "RHEV x_key=y\nz\n",
                Some("RHEV x_key=REDACTED\n"),
            ),
            ("/etc/shadow", "root:x", Some("")),
        ] {
            assert_eq!(text(path, content).as_deref(), expected, "{path}");
        }
    }

    #[test]
    fn a_configuration_keeps_what_identification_looks_at() {
        const CC: &str =
            "ro cc:chpasswd:%20{list:%20[root:x]}\\ndatasource_list:%20[Ec2] end_cc ro\n";
        const KEPT: &str = "ro cc: {\"datasource_list\":[\"Ec2\"]} end_cc ro\n";
        for (path, content, expected) in [
            ("/proc/cmdline", CC, KEPT),
            ("/proc/cmdline", "cc: password: x", "cc: {} \n"),
            (
                "/proc/cmdline",
                "cc:x: {y: z}, datasource_list: [ A ] end_cc",
                "cc: [ datasource_list: [A] end_cc\n",
            ),
            (
                "/proc/cmdline",
                "cc: [x end_cc cc: y",
                "cc: [ end_cc cc: \n",
            ),
            (
                "/etc/cloud/cloud.cfg.d/maas.cfg",
                "datasource: {MAAS: {token_secret: x}, NoCloud: {fs_label: seed, user-data: y}}",
                "datasource:\n    MAAS:\n        token_secret: REDACTED\n    NoCloud:\n        fs_label: seed\n        user-data: REDACTED\n",
            ),
            (
                "/etc/cloudseed/cloudseed.cfg",
                "deadline: 5\nsources: none\nx: y\n",
                "deadline: 5\nsources: none\n",
            ),
            ("/etc/cloudseed/cloudseed.cfg", "# nothing\n", ""),
            ("/etc/cloudseed/cloudseed.cfg", "- Ec2\n", "[]\n"),
            ("/etc/cloudseed/cloudseed.cfg", "sources: [Ec2\n", "[\n"),
        ] {
            assert_eq!(
                text(path, content).as_deref(),
                Some(expected),
                "{path}: {content}"
            );
        }
    }

    #[test]
    fn firmware_keeps_what_rules_look_at() {
        for (field, value, expected) in [
            (
                Field::ProductUuid,
                "ec2e1916-9099-7caf",
                "ec2e1916-0000-0xxx",
            ),
            (
                Field::ProductSerial,
                "GoogleCloud-0123AB",
                "GoogleCloud-0000xx",
            ),
            (
                Field::ProductSerial,
                "srv-1.brightbox.com",
                "xxx-0.brightbox.com",
            ),
            (
                Field::ProductSerial,
                "ds=nocloud;s=http://a:b@c/",
                "ds=nocloud;s=http://c/",
            ),
            (Field::BoardAssetTag, "i-0f", "x-0x"),
            (Field::ChassisAssetTag, "OracleCloud.com", "OracleCloud.com"),
        ] {
            assert_eq!(firmware(field, value), expected);
        }
    }
}
