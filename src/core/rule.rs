//! What a platform's rule can say of a machine, and the verdict it gives.
//!
//! Most clouds are known by one string of their firmware, so a rule is data: a [`Rule`] is a term over the facts of a
//! [`Machine`]. Where a cloud's rule is code (IBM's provisioning, Ec2's byte-swapped UUIDs), [`Rule::Code`] names the
//! function. A rule also prints itself in words, for `cloudseed platforms`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::machine::smbios::Field;
use crate::machine::{Kind, Machine};
use crate::note::Note;
use crate::settings::Settings;

/// What one platform's rule says of a machine; each carries the reason, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This is the platform.
    Found(String),
    /// It may be, and only the network could tell.
    Maybe(String),
    /// It is not.
    No(String),
}

impl Verdict {
    /// The reason.
    pub fn because(&self) -> &str {
        match self {
            Verdict::Found(because) | Verdict::Maybe(because) | Verdict::No(because) => because,
        }
    }

    /// The verdict in one word: `found`, `maybe`, `no`.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Found(_) => "found",
            Verdict::Maybe(_) => "maybe",
            Verdict::No(_) => "no",
        }
    }

    /// True for [`Verdict::No`].
    pub fn is_no(&self) -> bool {
        matches!(self, Verdict::No(_))
    }
}

/// One asking of one machine: the facts, what its owner set, and what the rules say by the way.
pub struct Inquiry<'a> {
    /// The facts.
    pub machine: &'a Machine<'a>,
    /// What the owner set.
    pub settings: &'a Settings,
    /// Lines for the log.
    pub notes: Vec<Note>,
    /// A line for cloud-init's configuration that a maybe brings along (Ec2's strict_id).
    pub extra: Option<String>,
}

impl<'a> Inquiry<'a> {
    /// An inquiry with nothing said yet.
    pub fn new(machine: &'a Machine<'a>, settings: &'a Settings) -> Inquiry<'a> {
        Inquiry {
            machine,
            settings,
            notes: Vec::new(),
            extra: None,
        }
    }

    /// Says a line for the log.
    pub fn note(&mut self, note: Note) {
        self.notes.push(note);
    }
}

/// How a firmware string is compared; always by exact case.
#[derive(Clone, Copy, Debug)]
pub enum Match {
    /// The whole string.
    Is(&'static str),
    /// Its beginning.
    Starts(&'static str),
    /// Its end.
    Ends(&'static str),
    /// The beginning of one of its words, which are parted by spaces.
    WordStarts(&'static str),
}

impl Match {
    /// True if `value` compares.
    pub fn holds(self, value: &str) -> bool {
        match self {
            Match::Is(text) => value == text,
            Match::Starts(text) => value.starts_with(text),
            Match::Ends(text) => value.ends_with(text),
            Match::WordStarts(text) => value.split(' ').any(|word| word.starts_with(text)),
        }
    }
}

impl fmt::Display for Match {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Match::Is(text) => write!(f, "is {text:?}"),
            Match::Starts(text) => write!(f, "starts with {text:?}"),
            Match::Ends(text) => write!(f, "ends with {text:?}"),
            Match::WordStarts(text) => write!(f, "has a word starting with {text:?}"),
        }
    }
}

/// A function that decides.
pub type Decide = fn(&mut Inquiry) -> Verdict;

/// A term over the facts of a machine.
#[derive(Clone, Copy)]
pub enum Rule {
    /// A firmware string; never true in a container, whose firmware is its host's.
    Dmi(Field, Match),
    /// A firmware string, in containers too.
    HostDmi(Field, Match),
    /// A volume carries one of these labels, by exact spelling.
    Label(&'static [&'static str]),
    /// The command line has this word.
    Word(&'static str),
    /// A directory holds all these regular files.
    Holds(&'static str, &'static [&'static str]),
    /// A regular file is there.
    File(&'static str),
    /// The virtualisation is one of these, in systemd's words.
    Virt(&'static [&'static str]),
    /// The first of these that says found, else the first that says maybe.
    Any(&'static [Rule]),
    /// All of these hold.
    All(&'static [Rule]),
    /// A function decides, and these words say how.
    Code(&'static str, Decide),
    /// The same, where what is looked for may be on a volume with one of these labels.
    Medium(&'static [&'static str], &'static str, Decide),
    /// Nothing a machine shows tells this platform; the reason.
    Never(&'static str),
}

impl Rule {
    /// Asks the rule of a machine.
    pub fn ask(&self, inquiry: &mut Inquiry) -> Verdict {
        let machine = inquiry.machine;
        match *self {
            Rule::Dmi(field, _) if machine.container => Verdict::No(format!(
                "{} is the host's, this is a container",
                field.name()
            )),
            Rule::Dmi(field, expected) | Rule::HostDmi(field, expected) => {
                dmi(machine, field, expected)
            }
            Rule::Label(labels) => label(machine, labels),
            Rule::Word(word) => verdict(
                machine.cmdline.has_word(word),
                format!("the command line says {word}"),
                || format!("the command line does not say {word}"),
            ),
            Rule::Holds(directory, required) => holds(machine, directory, required),
            Rule::File(path) => verdict(
                machine.files.kind(path) == Some(Kind::File),
                format!("{path} is there"),
                || format!("{path} is not there"),
            ),
            Rule::Virt(words) => {
                let because = format!("virtualisation is {}", machine.virt);
                verdict(
                    words.contains(&machine.virt.as_str()),
                    because.clone(),
                    || because,
                )
            }
            Rule::Any(rules) => any(inquiry, rules),
            Rule::All(rules) => all(inquiry, rules),
            Rule::Code(_, decide) | Rule::Medium(_, _, decide) => decide(inquiry),
            Rule::Never(because) => Verdict::No(String::from(because)),
        }
    }

    /// The labels of the volumes that could make it true: what is worth waiting for.
    pub fn labels(&self) -> Vec<&'static str> {
        match self {
            Rule::Label(labels) | Rule::Medium(labels, _, _) => labels.to_vec(),
            Rule::Any(rules) | Rule::All(rules) => rules.iter().flat_map(Rule::labels).collect(),
            _ => Vec::new(),
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rule::Dmi(field, expected) => write!(f, "{} {expected}", field.name()),
            Rule::HostDmi(field, expected) => {
                write!(f, "{} {expected} (in containers too)", field.name())
            }
            Rule::Label(labels) => write!(f, "a volume is labelled {}", labels.join(" or ")),
            Rule::Word(word) => write!(f, "the command line says {word}"),
            Rule::Holds(directory, files) => write!(f, "{directory} holds {}", files.join(" and ")),
            Rule::File(path) => write!(f, "{path} is there"),
            Rule::Virt(words) => write!(f, "virtualisation is {}", words.join(" or ")),
            Rule::Any(rules) => join(f, rules, "; or "),
            Rule::All(rules) => join(f, rules, " and "),
            Rule::Code(words, _) | Rule::Medium(_, words, _) => f.write_str(words),
            Rule::Never(because) => f.write_str(because),
        }
    }
}

fn join(f: &mut fmt::Formatter<'_>, rules: &[Rule], between: &str) -> fmt::Result {
    for (index, rule) in rules.iter().enumerate() {
        if index > 0 {
            f.write_str(between)?;
        }
        write!(f, "{rule}")?;
    }
    Ok(())
}

fn verdict(holds: bool, yes: String, no: impl FnOnce() -> String) -> Verdict {
    if holds {
        Verdict::Found(yes)
    } else {
        Verdict::No(no())
    }
}

fn dmi(machine: &Machine, field: Field, expected: Match) -> Verdict {
    let name = field.name();
    match machine.dmi.get(field) {
        Some(value) if expected.holds(value) => Verdict::Found(format!("{name} is {value:?}")),
        Some(value) => Verdict::No(format!("{name} is {value:?}")),
        None => Verdict::No(format!("{name} is not set")),
    }
}

fn label(machine: &Machine, labels: &[&str]) -> Verdict {
    let labelled = labels.iter().find_map(|label| {
        let volume = machine.volume_labelled(&[label])?;
        Some(format!("volume {} is labelled {label}", volume.name))
    });
    match labelled {
        Some(because) => Verdict::Found(because),
        None if machine.container => {
            Verdict::No(String::from("volumes are the host's, this is a container"))
        }
        None => Verdict::No(format!("no volume is labelled {}", labels.join(" or "))),
    }
}

fn holds(machine: &Machine, directory: &str, required: &[&str]) -> Verdict {
    if machine.files.kind(directory).is_none() {
        return Verdict::No(format!("{directory} is not there"));
    }
    let path = |file: &str| format!("{directory}/{file}");
    let missing = |file: &&&str| machine.files.kind(&path(file)) != Some(Kind::File);
    match required.iter().find(missing) {
        None => Verdict::Found(format!("{directory} holds {}", required.join(" and "))),
        Some(file) => Verdict::No(format!("{directory} has no {file}")),
    }
}

fn any(inquiry: &mut Inquiry, rules: &[Rule]) -> Verdict {
    let mut reasons: Vec<String> = Vec::new();
    let mut maybe = None;
    for rule in rules {
        match rule.ask(inquiry) {
            Verdict::No(because) if reasons.contains(&because) => {}
            Verdict::No(because) => reasons.push(because),
            verdict @ Verdict::Maybe(_) => maybe = maybe.or(Some(verdict)),
            verdict @ Verdict::Found(_) => return verdict,
        }
    }
    maybe.unwrap_or_else(|| Verdict::No(reasons.join("; ")))
}

fn all(inquiry: &mut Inquiry, rules: &[Rule]) -> Verdict {
    let mut reasons: Vec<String> = Vec::new();
    let mut sure = true;
    for rule in rules {
        match rule.ask(inquiry) {
            Verdict::Found(because) => reasons.push(because),
            Verdict::Maybe(because) => {
                sure = false;
                reasons.push(because);
            }
            no => return no,
        }
    }
    let because = reasons.join(" and ");
    if sure {
        Verdict::Found(because)
    } else {
        Verdict::Maybe(because)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::machine::tree::Tree;
    use crate::platform::{self, PLATFORMS};
    use alloc::string::ToString;

    const CONTAINER: (&str, &str) = ("SYSTEMD_VIRTUALIZATION", "container:lxc");

    fn ask(rule: Rule, entries: &[(&'static str, &'static str)]) -> Verdict {
        let tree = Tree::of(entries);
        let machine = Machine::read(&tree);
        let settings = Settings::read(&machine, platform::searched());
        rule.ask(&mut Inquiry::new(&machine, &settings))
    }

    /// The verdict of the platform of this name, in one word.
    fn said(name: &str, entries: &[(&'static str, &'static str)]) -> &'static str {
        let platform = platform::named(name).unwrap();
        assert_eq!(platform.name, name);
        ask(platform.rule, entries).word()
    }

    #[test]
    fn firmware_is_compared_by_exact_case_and_not_in_containers() {
        let vendor = ("/sys/class/dmi/id/sys_vendor", "Hetzner\n");
        assert_eq!(said("Hetzner", &[vendor]), "found");
        assert_eq!(said("Hetzner", &[vendor, CONTAINER]), "no");
        for wrong in ["hetzner\n", "Hetzner GmbH\n", "\n"] {
            let entry = ("/sys/class/dmi/id/sys_vendor", wrong);
            assert_eq!(said("Hetzner", &[entry]), "no", "{wrong:?}");
        }
    }

    #[test]
    fn two_rules_hold_in_containers_too() {
        let vendor = ("/sys/class/dmi/id/sys_vendor", "Scaleway\n");
        assert_eq!(said("Scaleway", &[vendor, CONTAINER]), "found");
        for (serial, expected) in [
            ("ds=nocloud;s=http://10.0.0.1/", "found"),
            ("x ds=nocloud-net;s=y", "found"),
            ("xds=nocloud", "no"),
        ] {
            let entry = ("/sys/class/dmi/id/product_serial", serial);
            assert_eq!(said("NoCloud", &[entry, CONTAINER]), expected, "{serial}");
        }
    }

    #[test]
    fn ec2_and_its_relatives_are_known() {
        const SERIAL: &str = "/sys/class/dmi/id/product_serial";
        const TAG: &str = "/sys/class/dmi/id/chassis_asset_tag";
        const UUID: &str = "/sys/class/dmi/id/product_uuid";
        const VENDOR: &str = "/sys/class/dmi/id/sys_vendor";
        for (path, value, expected) in [
            (SERIAL, "srv-abcde.gb1.brightbox.com", "found"),
            (SERIAL, "srv.bobrightbox.com", "no"),
            (TAG, "123456.zstack.io", "found"),
            (TAG, "123456.zstack.io.example", "no"),
            (VENDOR, "e24cloud", "found"),
            (VENDOR, "Tilaa", "found"),
            (VENDOR, "3DS Outscale", "no"),
            (UUID, "ec2e1916-9099-7caf-fd21-012345abcdef", "found"),
            (UUID, "EC2E1916-9099-7CAF-FD21-012345ABCDEF", "found"),
            (UUID, "45e12aec-dcd1-b213-94ed-012345abcdef", "found"),
            (UUID, "45e1aaec-dcd1-b213-94ed-012345abcdef", "no"),
            (UUID, "a0ec2916-9099-7caf-fd21-012345abcdef", "no"),
            ("/sys/hypervisor/uuid", "ec2e1916-9099-7caf", "found"),
            ("/sys/hypervisor/uuid", "EC2E1916-9099-7caf", "no"),
        ] {
            assert_eq!(said("Ec2", &[(path, value)]), expected, "{value}");
            assert_eq!(said("Ec2", &[(path, value), CONTAINER]), "no", "{value}");
        }
        let outscale = [
            (VENDOR, "3DS Outscale"),
            ("/sys/class/dmi/id/product_name", "3DS Outscale VM"),
        ];
        assert_eq!(said("Ec2", &outscale), "found");
    }

    #[test]
    fn lxd_is_a_socket_or_a_port_of_a_virtual_machine() {
        let port = (
            "/sys/class/virtio-ports/vport1p2/name",
            "com.canonical.lxd\n",
        );
        let other = (
            "/sys/class/virtio-ports/vport1p2/name",
            "org.qemu.guest_agent.0\n",
        );
        let virtual_machine = ("SYSTEMD_VIRTUALIZATION", "vm:kvm");
        assert_eq!(
            said("LXD", &[("/dev/lxd/sock", "socket"), CONTAINER]),
            "found"
        );
        assert_eq!(
            said("LXD", &[("/dev/lxd/sock", "no socket"), CONTAINER]),
            "no"
        );
        assert_eq!(said("LXD", &[port, virtual_machine]), "found");
        assert_eq!(said("LXD", &[other, virtual_machine]), "no");
        assert_eq!(said("LXD", &[port]), "no");
    }

    #[test]
    fn ibm_is_not_looked_for_while_it_provisions() {
        let xen = ("SYSTEMD_VIRTUALIZATION", "vm:xen");
        let config = ("/root/provisioningConfiguration.cfg", "");
        assert_eq!(said("IBMCloud", &[xen]), "no");
        assert_eq!(said("IBMCloud", &[xen, config]), "no");
        let tree = Tree::of(&[xen, config]);
        let machine = Machine::read(&tree);
        assert!(!crate::identify::kin::ibm_cloud(&machine).is_no());
    }

    #[test]
    fn vmware_is_asked_by_variables_of_the_environment() {
        let marker = ("VMX_GUESTINFO", "1");
        let data = ("VMX_GUESTINFO_USERDATA", "#cloud-config");
        assert_eq!(said("VMware", &[marker, data, CONTAINER]), "found");
        assert_eq!(said("VMware", &[marker]), "no");
        assert_eq!(said("VMware", &[data]), "no");
        let virtual_machine = ("SYSTEMD_VIRTUALIZATION", "vm:vmware");
        let vmware = platform::named("VMware").unwrap();
        let because = ask(vmware.rule, &[virtual_machine]);
        assert!(
            because.because().contains("guestinfo cannot be asked"),
            "{because:?}"
        );
        let tools = [
            virtual_machine,
            ("/usr/bin/vmtoolsd", ""),
            (
                "/usr/lib/open-vm-tools/plugins/vmsvc/libdeployPkgPlugin.so",
                "",
            ),
            (
                "/etc/cloud/cloud.cfg",
                "disable_vmware_customization: false\n",
            ),
        ];
        assert_eq!(said("VMware", &tools), "found");
        assert_eq!(said("VMware", &tools[..3]), "no");
    }

    #[test]
    fn nocloud_may_be_configured_anywhere_in_the_files() {
        for (text, expected) in [
            (
                "datasource:\n  NoCloud:\n    user-data: x\n    meta-data: {}\n",
                "found",
            ),
            ("datasource: {NoCloud: {seedfrom: http://x/}}\n", "found"),
            ("datasource: {NoCloud: {user-data: x}}\n", "no"),
            ("NoCloud: {seedfrom: http://x/}\n", "no"),
        ] {
            let entry = ("/etc/cloud/cloud.cfg.d/x.cfg", text);
            assert_eq!(said("NoCloud", &[entry]), expected, "{text}");
        }
    }

    #[test]
    fn reasons_tell_what_was_expected_and_found() {
        let vendor = ("/sys/class/dmi/id/sys_vendor", "QEMU\n");
        let vultr = platform::named("Vultr").unwrap().rule;
        let because =
            "sys_vendor is \"QEMU\"; the command line does not say vultr; /etc/vultr is not there";
        assert_eq!(ask(vultr, &[vendor]), Verdict::No(because.to_string()));
        let words =
            "sys_vendor is \"Vultr\"; or the command line says vultr; or /etc/vultr is there";
        assert_eq!(vultr.to_string(), words);
    }

    #[test]
    fn an_empty_machine_is_nobodys_and_each_says_why() {
        for platform in PLATFORMS {
            let verdict = ask(platform.rule, &[("/proc/sys/kernel/arch", "x86_64")]);
            assert!(verdict.is_no(), "{}: {verdict:?}", platform.name);
            assert!(!verdict.because().is_empty(), "{}", platform.name);
            assert!(!platform.rule.to_string().is_empty(), "{}", platform.name);
        }
    }
}
