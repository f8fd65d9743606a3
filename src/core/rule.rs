//! What a platform's rule can say of a machine, and the verdict it gives.
//!
//! Most clouds are known by one string of their firmware, so a rule is data: a [`Rule`] is a term over the facts of a
//! [`Machine`]. Where a cloud's rule is code (IBM's provisioning, Ec2's byte-swapped UUIDs), [`Rule::Code`] names the
//! function. A rule also prints itself in words, for `cloudseed platforms`.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

pub mod kin;

use crate::machine::smbios::Field;
use crate::machine::{Files, Kind, Machine};
use crate::note::Note;
use crate::settings::Settings;

/// Something of a machine that shows a platform, as a value: what a rule saw is what a recipe reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// The string of a field of firmware.
    Firmware(Field),
    /// A volume, by the name of its device.
    Volume(String),
    /// A directory that holds the documents of a seed.
    Directory(String),
    /// A file, a socket or another entry of the file system.
    Path(String),
    /// A variable that the hypervisor keeps for its guest.
    Variable(&'static str),
    /// A line with arguments for a datasource, and where it stands: the command line (`cmdline`), firmware (`dmi`).
    Arguments(&'static str, String),
    /// A section of cloud-init's configuration, by the name of its datasource.
    Configuration(&'static str),
}

/// Why a rule holds: in words, and as values.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The reason, in words.
    pub because: String,
    /// What was seen, in the order of the rule's terms.
    pub seen: Vec<Seen>,
}

impl Evidence {
    /// Words alone.
    pub fn of(because: impl Into<String>) -> Evidence {
        Evidence {
            because: because.into(),
            seen: Vec::new(),
        }
    }

    /// Both together.
    fn and(self, other: Evidence, between: &str) -> Evidence {
        if self.because.is_empty() {
            return other;
        }
        Evidence {
            because: [self.because.as_str(), &other.because].join(between),
            seen: [self.seen, other.seen].concat(),
        }
    }
}

/// What one platform's rule says of a machine; each carries the reason, in words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// This is the platform.
    Found(Evidence),
    /// It may be, and only the network could tell.
    Maybe(Evidence),
    /// It is not.
    No(String),
}

impl Verdict {
    /// Found, for a reason.
    pub fn found(because: impl Into<String>) -> Verdict {
        Verdict::Found(Evidence::of(because))
    }

    /// Maybe, for a reason.
    pub fn maybe(because: impl Into<String>) -> Verdict {
        Verdict::Maybe(Evidence::of(because))
    }

    /// The same verdict by something that was seen.
    pub fn seeing(mut self, seen: Seen) -> Verdict {
        if let Verdict::Found(evidence) | Verdict::Maybe(evidence) = &mut self {
            evidence.seen.push(seen);
        }
        self
    }

    /// The reason.
    pub fn because(&self) -> &str {
        match self {
            Verdict::Found(evidence) | Verdict::Maybe(evidence) => &evidence.because,
            Verdict::No(because) => because,
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

    /// What was seen, where the rule holds or may hold.
    pub fn evidence(self) -> Option<Evidence> {
        match self {
            Verdict::Found(evidence) | Verdict::Maybe(evidence) => Some(evidence),
            Verdict::No(_) => None,
        }
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
    /// The same, but what every one of these sees counts: the sources of one platform that are read together.
    Each(&'static [Rule]),
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
    /// The directories by which this rule would hold if a file were in them that is not, and which file.
    pub fn halves(&self, files: &dyn Files) -> Vec<(&'static str, &'static str)> {
        match *self {
            Rule::Holds(directory, required) if !files.list(directory).is_empty() => {
                let missing = missing(files, directory, required);
                missing.map(|file| (directory, file)).into_iter().collect()
            }
            Rule::Any(rules) | Rule::Each(rules) | Rule::All(rules) => {
                let halves = rules.iter().flat_map(|rule| rule.halves(files));
                halves.collect()
            }
            _ => Vec::new(),
        }
    }

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
            Rule::Word(word) if machine.cmdline.has_word(word) => {
                Verdict::found(format!("the command line says {word}"))
            }
            Rule::Word(word) => Verdict::No(format!("the command line does not say {word}")),
            Rule::Holds(directory, required) => holds(machine, directory, required),
            Rule::File(path) if machine.files.kind(path) == Some(Kind::File) => {
                Verdict::found(format!("{path} is there")).seeing(Seen::Path(String::from(path)))
            }
            Rule::File(path) => Verdict::No(format!("{path} is not there")),
            Rule::Virt(words) => {
                let because = format!("virtualisation is {}", machine.virt);
                if words.contains(&machine.virt.as_str()) {
                    Verdict::found(because)
                } else {
                    Verdict::No(because)
                }
            }
            Rule::Any(rules) => any(inquiry, rules.iter()),
            Rule::Each(rules) => each(inquiry, rules),
            Rule::All(rules) => all(inquiry, rules),
            Rule::Code(_, decide) | Rule::Medium(_, _, decide) => decide(inquiry),
            Rule::Never(because) => Verdict::No(String::from(because)),
        }
    }

    /// The labels of the volumes that could make it true: what is worth waiting for.
    pub fn labels(&self) -> Vec<&'static str> {
        match self {
            Rule::Label(labels) | Rule::Medium(labels, _, _) => labels.to_vec(),
            Rule::Any(rules) | Rule::Each(rules) | Rule::All(rules) => {
                rules.iter().flat_map(Rule::labels).collect()
            }
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
            Rule::Any(rules) | Rule::Each(rules) => join(f, rules, "; or "),
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

fn dmi(machine: &Machine, field: Field, expected: Match) -> Verdict {
    let name = field.name();
    match machine.dmi.get(field) {
        Some(value) if expected.holds(value) => {
            Verdict::found(format!("{name} is {value:?}")).seeing(Seen::Firmware(field))
        }
        Some(value) => Verdict::No(format!("{name} is {value:?}")),
        None => Verdict::No(format!("{name} is not set")),
    }
}

fn label(machine: &Machine, labels: &[&str]) -> Verdict {
    let labelled = labels.iter().find_map(|label| {
        let volume = machine.volume_labelled(&[label])?;
        let because = format!("volume {} is labelled {label}", volume.name);
        Some(Verdict::found(because).seeing(Seen::Volume(volume.name.clone())))
    });
    match labelled {
        Some(found) => found,
        None if machine.container => {
            Verdict::No(String::from("volumes are the host's, this is a container"))
        }
        None => Verdict::No(format!("no volume is labelled {}", labels.join(" or "))),
    }
}

/// The first of these files that a directory does not hold.
fn missing(
    files: &dyn Files,
    directory: &str,
    required: &'static [&'static str],
) -> Option<&'static str> {
    let is_there = |file: &str| files.kind(&format!("{directory}/{file}")) == Some(Kind::File);
    required.iter().copied().find(|file| !is_there(file))
}

fn holds(machine: &Machine, directory: &str, required: &'static [&'static str]) -> Verdict {
    if machine.files.kind(directory).is_none() {
        return Verdict::No(format!("{directory} is not there"));
    }
    match missing(machine.files, directory, required) {
        None => Verdict::found(format!("{directory} holds {}", required.join(" and ")))
            .seeing(Seen::Directory(String::from(directory))),
        Some(file) => Verdict::No(format!("{directory} has no {file}")),
    }
}

/// Asks one after the other: the first that says found, else the first that says maybe, else every reason once.
pub fn any<'r>(inquiry: &mut Inquiry, rules: impl Iterator<Item = &'r Rule>) -> Verdict {
    let mut reasons = Vec::new();
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

fn each(inquiry: &mut Inquiry, rules: &[Rule]) -> Verdict {
    let mut reasons = Vec::new();
    let mut all = Evidence::default();
    for rule in rules {
        match rule.ask(inquiry) {
            Verdict::No(because) => reasons.push(because),
            Verdict::Found(evidence) | Verdict::Maybe(evidence) => all = all.and(evidence, "; "),
        }
    }
    if all.because.is_empty() {
        Verdict::No(reasons.join("; "))
    } else {
        Verdict::Found(all)
    }
}

fn all(inquiry: &mut Inquiry, rules: &[Rule]) -> Verdict {
    let mut all = Evidence::default();
    let mut sure = true;
    for rule in rules {
        match rule.ask(inquiry) {
            Verdict::Found(evidence) => all = all.and(evidence, " and "),
            Verdict::Maybe(evidence) => {
                sure = false;
                all = all.and(evidence, " and ");
            }
            no => return no,
        }
    }
    if sure {
        Verdict::Found(all)
    } else {
        Verdict::Maybe(all)
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

    /// The verdict on the platform of this name.
    fn verdict(name: &str, entries: &[(&'static str, &'static str)]) -> Verdict {
        let platform = platform::named(name).unwrap();
        assert_eq!(platform.name, name);
        let tree = Tree::of(entries);
        let machine = Machine::read(&tree);
        let settings = Settings::read(&machine, platform::searched());
        platform.ask(&mut Inquiry::new(&machine, &settings))
    }

    /// The same in one word.
    fn said(name: &str, entries: &[(&'static str, &'static str)]) -> &'static str {
        verdict(name, entries).word()
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
        assert!(!crate::rule::kin::ibm_cloud(&machine).is_no());
    }

    #[test]
    fn vmware_is_asked_by_variables_of_the_environment() {
        let marker = ("VMX_GUESTINFO", "1");
        let data = ("VMX_GUESTINFO_USERDATA", "#cloud-config");
        assert_eq!(said("VMware", &[marker, data, CONTAINER]), "found");
        assert_eq!(said("VMware", &[marker]), "no");
        assert_eq!(said("VMware", &[data]), "no");
        let virtual_machine = ("SYSTEMD_VIRTUALIZATION", "vm:vmware");
        let because = verdict("VMware", &[virtual_machine]);
        assert!(
            because.because().contains("keeps no guestinfo data"),
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
        let because =
            "sys_vendor is \"QEMU\"; the command line does not say vultr; /etc/vultr is not there";
        assert_eq!(
            verdict("Vultr", &[vendor]),
            Verdict::No(because.to_string())
        );
        let words =
            "sys_vendor is \"Vultr\"; or the command line says vultr; or /etc/vultr is there";
        let vultr = platform::named("Vultr").unwrap();
        assert_eq!(vultr.ways[0].sign.to_string(), words);
    }

    #[test]
    fn an_empty_machine_is_nobodys_and_each_says_why() {
        for platform in PLATFORMS {
            let verdict = verdict(platform.name, &[("/proc/sys/kernel/arch", "x86_64")]);
            assert!(verdict.is_no(), "{}: {verdict:?}", platform.name);
            assert!(!verdict.because().is_empty(), "{}", platform.name);
            for way in platform.ways {
                assert!(!way.sign.to_string().is_empty(), "{}", platform.name);
            }
        }
    }
}
