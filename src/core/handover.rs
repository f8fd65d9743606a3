//! Hand over: a look at the mounted real root, and what of all that was made for it is put where others look.
//!
//! ```text
//!   RealRoot::look ─ which init, which cloud-init, who sets up its network, what its owner says
//!        │
//!        ▼
//!   choose ─► sets of handover/…, each a tree below /run:  seed · hint · systemd
//!        └──► who is told the network, if cloud-init does not do it:  networkd · NetworkManager · netplan · ifupdown
//! ```
//!
//! In doubt the least intrusive: a cloud-init that its owner pinned to something else is left alone, and what is not known is
//! given nothing.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::compile::cloud_init::{NETPLAN, OFF, SHUT};
use crate::compile::result::{RESULT, RESULT_BYTES_MAX};
use crate::config::vendor;
use crate::machine::{Files, Kind, Machine, release};
use crate::network::render::{ENI_DHCPCD, Renderer};
use crate::platform;
use crate::settings::policy::Mode;
use crate::settings::{Handover, Seal, Settings};
use crate::text;
use crate::value::Value;

pub mod network;

/// What runs the real root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Init {
    /// systemd.
    Systemd,
    /// Another that is known: `openrc`, `runit`, `busybox`, `sysvinit`.
    Other(&'static str),
    /// One that is not.
    Unknown(String),
}

impl Init {
    /// By the file that the kernel will start, links followed; empty if there is none.
    pub fn of(files: &dyn Files, program: &str) -> Init {
        let there = |path: &str| files.kind(path).is_some();
        let name = program.rsplit('/').next().unwrap_or_default();
        match name {
            "systemd" => Init::Systemd,
            // A script that ends in systemd.
            _ if program.starts_with("/nix/store/") => Init::Systemd,
            _ if there("/sbin/openrc") || there("/usr/sbin/openrc") => Init::Other("openrc"),
            "runit" | "runit-init" => Init::Other("runit"),
            "busybox" => Init::Other("busybox"),
            "init" if there("/etc/inittab") => Init::Other("sysvinit"),
            _ => Init::Unknown(program.to_string()),
        }
    }

    fn name(&self) -> &str {
        match self {
            Init::Systemd => "systemd",
            Init::Other(name) => name,
            Init::Unknown(program) if program.is_empty() => "no init",
            Init::Unknown(program) => program,
        }
    }
}

/// The cloud-init of the real root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CloudInit {
    /// Its version; empty if it does not say.
    pub version: String,
    /// Why it does nothing, if it does nothing.
    pub idle: Option<&'static str>,
    /// The datasources that it has; empty if that could not be told.
    pub sources: Vec<String>,
    /// The only datasources that its owner allows, where these are one or two.
    pub pinned: Vec<String>,
    /// Where the image has a seed of NoCloud's that is its own, if it has one.
    pub seed: Option<&'static str>,
}

/// The real root, as far as it matters here.
#[derive(Clone, Debug)]
pub struct RealRoot {
    /// Its distribution, for people.
    pub distribution: String,
    /// What runs it.
    pub init: Init,
    /// Its cloud-init, if it has one.
    pub cloud_init: Option<CloudInit>,
    /// Who is to be told its network, or why nobody is.
    pub network: Result<&'static Renderer, &'static str>,
    /// What its owner wants, if he says.
    pub asked: Handover,
    /// Whether its owner has rules for the operator's documents.
    pub rules: bool,
}

/// Who brings up the network: its renderer, and all of the files by which it shows. The first counts: netplan writes for others,
/// and ifupdown, which looks into /run only where it was told to, is last. An installed one that nobody enabled is none.
const NETWORKS: [(&str, &[&[&str]]); 4] = [
    ("netplan", &[&["/usr/sbin/netplan"], &["/etc/netplan"]]),
    (
        "network-manager",
        &[
            &["/usr/sbin/NetworkManager", "/usr/bin/NetworkManager"],
            &[
                "/etc/systemd/system/multi-user.target.wants/NetworkManager.service",
                "/etc/runlevels/default/networkmanager",
            ],
        ],
    ),
    (
        "networkd",
        &[&[
            "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service",
            "/etc/systemd/system/sysinit.target.wants/systemd-networkd.service",
            "/etc/systemd/system/dbus-org.freedesktop.network1.service",
        ]],
    ),
    (
        "eni",
        &[
            &["/sbin/ifup", "/usr/sbin/ifup"],
            &["/etc/network/interfaces"],
        ],
    ),
];

/// The DHCP clients that ifupdown knows: the first that is there is taken.
const CLIENTS: [&str; 3] = ["/usr/sbin/dhclient", "/usr/sbin/udhcpc", DHCPCD];
const DHCPCD: &str = "/usr/sbin/dhcpcd";

/// Where cloud-init's program and its units or scripts are.
const PROGRAM: [&str; 2] = ["/usr/bin/cloud-init", "/usr/local/bin/cloud-init"];
const STARTED: [&str; 6] = [
    "/usr/lib/systemd/system/cloud-init.target",
    "/lib/systemd/system/cloud-init.target",
    "/etc/systemd/system/cloud-init.target",
    "/etc/init.d/cloud-init-local",
    "/etc/init.d/cloud-init",
    "/usr/local/lib/systemd/system/cloud-init.target",
];

impl RealRoot {
    /// Looks at a root. `program` is what the kernel or the initramfs will start there, links followed; `cmdline` the kernel's.
    pub fn look(machine: &Machine, settings: &Settings, program: &str, cmdline: &str) -> RealRoot {
        let files = machine.files;
        let init = Init::of(files, program);
        RealRoot {
            distribution: distribution(files),
            cloud_init: cloud_init(files, settings, &init, cmdline),
            init,
            network: network(files),
            asked: settings.handover,
            rules: vendor::KEYS
                .iter()
                .any(|(_, key)| settings.configured(&[key]).is_some()),
        }
    }

    /// Whether there is a cloud-init for which a seed of ours is the only one.
    fn takes_seed(&self) -> bool {
        let cloud_init = self.cloud_init.as_ref();
        cloud_init.is_some_and(|known| known.seed.is_none())
    }

    /// The set by which its cloud-init fetches nothing; for one that is idle, by which it stays so.
    fn shut(&self) -> Option<&'static str> {
        let known = self.cloud_init.as_ref()?;
        Some(if known.idle.is_none() { SHUT } else { OFF })
    }

    fn says(&self) -> String {
        let mut text = format!("{}, {}", self.distribution, self.init.name());
        if let Some(cloud_init) = &self.cloud_init {
            text += ", cloud-init ";
            text += &cloud_init.version;
        }
        text
    }
}

fn distribution(files: &dyn Files) -> String {
    let text = release::text(files);
    let name = release::value(&text, "PRETTY_NAME").or_else(|| release::value(&text, "ID"));
    text::printable(name.unwrap_or("an unnamed distribution"))
}

fn network(files: &dyn Files) -> Result<&'static Renderer, &'static str> {
    let there = |any: &&[&str]| any.iter().any(|path| files.kind(path).is_some());
    let found = NETWORKS.iter().find(|(_, all)| all.iter().all(there));
    let found = found.and_then(|(name, _)| Renderer::named(name));
    let found = found.ok_or("nobody known sets up its network")?;
    if found.name != "eni" {
        return Ok(found);
    }
    if !reads_run(files) {
        return Err("no network, for its ifupdown reads nothing below /run");
    }
    // In the order in which ifupdown looks for a client.
    let has = |client: &&&str| there(&&[*client, client.trim_start_matches("/usr")][..]);
    let client = CLIENTS.iter().find(has);
    Ok(match client {
        Some(&DHCPCD) => &ENI_DHCPCD,
        _ => found,
    })
}

/// Whether `interfaces` takes in what is below /run: `source-directory /run/network/interfaces.d`, or `source` with a pattern.
fn reads_run(files: &dyn Files) -> bool {
    let text = files.text("/etc/network/interfaces").unwrap_or_default();
    let mut lines = text.lines().map(str::trim_start);
    lines.any(|line| line.starts_with("source") && line.contains("/run/network/interfaces.d"))
}

fn cloud_init(
    files: &dyn Files,
    settings: &Settings,
    init: &Init,
    cmdline: &str,
) -> Option<CloudInit> {
    let there = |path: &&str| files.kind(path).is_some();
    if !PROGRAM.iter().any(there) {
        return None;
    }
    let says = |word: &str| cmdline.split_ascii_whitespace().any(|said| said == word);
    let idle = if !STARTED.iter().any(there) {
        Some("nothing starts it")
    } else if is_masked(files) {
        Some("its owner has masked it")
    } else if *init == Init::Other("openrc") && is_in_no_runlevel(files) {
        Some("no runlevel starts it")
    } else if files.kind("/etc/cloud/cloud-init.disabled") == Some(Kind::File) {
        Some("its owner has disabled it")
    } else if says("cloud-init=disabled") {
        Some("the command line has disabled it")
    } else if settings.policy.mode == Mode::Disabled {
        Some("the policy of ds-identify.cfg has disabled it")
    } else {
        None
    };
    let package = package(files).unwrap_or_default();
    Some(CloudInit {
        version: version(files, &package),
        idle,
        sources: sources(files, &package),
        pinned: pinned(settings),
        seed: own_seed(files, settings),
    })
}

/// The datasources that its owner allows, where he names one, or a list of one or two; a list that has none but the fallback is
/// that.
fn pinned(settings: &Settings) -> Vec<String> {
    if let Some(name) = &settings.name {
        return Vec::from([name.clone()]);
    }
    if settings.configured(&["datasource_list"]).is_none() {
        return Vec::new();
    }
    let real = settings.list.iter().filter(|name| *name != "None");
    let real: Vec<String> = real.cloned().collect();
    match real.len() {
        0 => settings.list.clone(),
        1 | 2 => real,
        _ => Vec::new(),
    }
}

/// Where the image has a seed of NoCloud's that is its own: cloud-init reads it beside ours, and of both the image's
/// instance-id, host name and keys would count.
fn own_seed(files: &dyn Files, settings: &Settings) -> Option<&'static str> {
    const DIRECTORIES: [&str; 2] = [
        "/var/lib/cloud/seed/nocloud",
        "/var/lib/cloud/seed/nocloud-net",
    ];
    const DOCUMENTS: [&str; 4] = ["meta-data", "user-data", "vendor-data", "network-config"];
    let has = |directory: &&str| {
        let mut needed = DOCUMENTS.iter().take(2);
        needed.all(|name| files.kind(&format!("{directory}/{name}")) == Some(Kind::File))
    };
    let told = settings.datasource("NoCloud");
    let tells = told.is_some_and(|told| DOCUMENTS.iter().any(|key| told.contains(key)));
    let configured = tells.then_some("its configuration");
    DIRECTORIES.into_iter().find(|it| has(it)).or(configured)
}

/// Whether a unit of it is a link to /dev/null, or to anything else that is no file here.
fn is_masked(files: &dyn Files) -> bool {
    const OWN: &str = "/etc/systemd/system";
    let units = files.list(OWN).into_iter();
    let mut its = units.filter(|name| {
        name == "cloud-init.target"
            || name == "cloud-init-local.service"
            || name == "cloud-init-main.service"
    });
    its.any(|name| files.kind(&format!("{OWN}/{name}")) != Some(Kind::File))
}

/// Whether OpenRC, which starts what is in a runlevel, has it in none.
fn is_in_no_runlevel(files: &dyn Files) -> bool {
    const LEVELS: &str = "/etc/runlevels";
    let levels = files.list(LEVELS);
    let starts = |level: &String| {
        let services = files.list(&format!("{LEVELS}/{level}"));
        services.iter().any(|name| name.starts_with("cloud-init"))
    };
    !levels.is_empty() && !levels.iter().any(starts)
}

/// The directory of its Python package.
fn package(files: &dyn Files) -> Option<String> {
    for above in ["/usr/lib", "/usr/local/lib"] {
        let names = files.list(above).into_iter();
        for python in names.filter(|name| name.starts_with("python3")) {
            for packages in ["dist-packages", "site-packages"] {
                let path = format!("{above}/{python}/{packages}/cloudinit");
                if files.kind(&path) == Some(Kind::Directory) {
                    return Some(path);
                }
            }
        }
    }
    None
}

/// `__VERSION__ = "22.4.2"`, and of later ones `UPSTREAM_VERSION = "26.2"` in a file beside it.
fn version(files: &dyn Files, package: &str) -> String {
    const PLACES: [(&str, &str); 2] = [
        ("meson_versions.py", "UPSTREAM_VERSION"),
        ("version.py", "__VERSION__"),
    ];
    let said = PLACES.iter().find_map(|(file, name)| {
        let text = files.text(&format!("{package}/{file}"))?;
        let mut values = text.lines().filter_map(|line| {
            let value = line.strip_prefix(name)?.trim_start().strip_prefix('=')?;
            Some(String::from(value.split(['"', '\'']).nth(1)?))
        });
        values.next()
    });
    said.unwrap_or_else(|| String::from("of no known version"))
}

fn sources(files: &dyn Files, package: &str) -> Vec<String> {
    let names = files.list(&format!("{package}/sources")).into_iter();
    let source = |name: String| {
        let name = name.strip_prefix("DataSource")?.strip_suffix(".py")?;
        Some(String::from(name))
    };
    names.filter_map(source).collect()
}

/// How the boot in the initramfs went, as its result.json says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Booted {
    /// The status in a word; empty if there is none.
    pub status: String,
    /// The platform; empty if there is none.
    pub platform: String,
    /// What its owner asked for.
    pub asked: Handover,
    /// Why a seed would lack something that the datasource itself does, if it would.
    pub lacks: String,
    /// Who else may fetch.
    pub seal: Seal,
    /// Whether there is a network configuration.
    pub network: bool,
    /// Whether it is another for netplan.
    pub netplan: bool,
    /// Whether the operator has two documents.
    pub two_vendors: bool,
}

impl Booted {
    /// Reads result.json.
    pub fn read(document: &Value) -> Booted {
        let text = |path: &[&str]| {
            let text = document.at(path).and_then(Value::as_text);
            String::from(text.unwrap_or_default())
        };
        Booted {
            status: text(&["status"]),
            platform: text(&["platform"]),
            asked: Handover::named(&text(&["handover", "asked"])).unwrap_or_default(),
            lacks: text(&["handover", "lacks"]),
            seal: Seal::named(&text(&["handover", "seal"])).unwrap_or_default(),
            network: false,
            netplan: false,
            two_vendors: false,
        }
    }

    /// The result below `/run` of this machine, if there is one.
    pub fn of(files: &dyn Files) -> Option<Booted> {
        let bytes = files.read(RESULT, RESULT_BYTES_MAX)?;
        let document = crate::json::read(&bytes).ok()?;
        let mut result = Booted::read(&document);
        let seed = files.kind("/run/cloudseed/seed/meta-data");
        result.network = files.kind(network::DOCUMENT).is_some();
        result.netplan = files.kind("/run/cloudseed/handover/netplan").is_some();
        result.two_vendors = files.kind("/run/cloudseed/vendor-data2").is_some();
        let vendors = files.kind("/run/cloudseed/seed/vendor-data");
        let is_whole = seed.is_some() && (vendors.is_some() || !result.two_vendors);
        if result.has_instance() && !is_whole && result.lacks.is_empty() {
            result.lacks = String::from("there was no room for a seed");
        }
        Some(result)
    }

    fn has_instance(&self) -> bool {
        matches!(self.status.as_str(), "found" | "degraded")
    }
}

/// What is put into place.
#[derive(Clone, Debug)]
pub struct Choice {
    /// The names of the sets.
    pub sets: Vec<&'static str>,
    /// Who is told the network; else why nobody is, which is empty where that is no question.
    pub network: Result<&'static Renderer, &'static str>,
    /// Who runs the stages of the plan, for `run` and those who call it: `units`, `shell`, `cloud-init`, which has scripts of its
    /// own, or `nobody`. `None` leaves it to whoever calls.
    pub stages: Option<&'static str>,
    /// What and why.
    what: String,
    /// The root, for people.
    root: String,
}

impl Choice {
    fn of(sets: &[&'static str], what: impl ToString, root: &RealRoot) -> Choice {
        Choice {
            sets: sets.to_vec(),
            network: Err(""),
            stages: None,
            what: what.to_string(),
            root: root.says(),
        }
    }

    /// The same, with who runs the stages.
    fn with_stages(self, stages: &'static str) -> Choice {
        let stages = Some(stages);
        Choice { stages, ..self }
    }

    /// The same with the network, where there is one and cloud-init does not set it up.
    fn with_network(mut self, result: &Booted, root: &RealRoot) -> Choice {
        self.network = match &root.cloud_init {
            Some(CloudInit { idle: None, .. }) => Err("the network is cloud-init's"),
            _ if !result.network => Err("the platform says nothing of a network"),
            _ => root.network,
        };
        self
    }

    /// What and why, in one line.
    pub fn said(&self) -> String {
        let (between, network) = match self.network {
            Ok(renderer) => ("; the network for ", renderer.name),
            Err("") => ("", ""),
            Err(why) => ("; ", why),
        };
        format!("{}{between}{network} ({})", self.what, self.root)
    }
}

/// Chooses. A cloud-init that is there never fetches by itself what had to be pinned, signed or measured, however the boot
/// ended, unless its owner wants nothing of us.
pub fn choose(result: &Booted, root: &RealRoot) -> Choice {
    let asked = match result.asked {
        Handover::Auto => root.asked,
        asked => asked,
    };
    if !result.has_instance() {
        return without_instance(result, asked, root);
    }
    let mut choice = match asked {
        Handover::None => {
            let nothing = Choice::of(&[], "nothing, as its owner wants", root);
            return nothing.with_stages("nobody");
        }
        Handover::Shell => shell(result, root),
        Handover::Systemd => systemd(result, root),
        Handover::Seed if root.takes_seed() => seed(result, "as its owner wants", root),
        Handover::Hint if result.seal == Seal::Open => hint(result, "as its owner wants", root),
        Handover::Auto | Handover::Seed | Handover::Hint => auto(result, root),
    };
    if result.seal == Seal::Closed && !choice.sets.contains(&"seed") {
        choice.sets.extend(root.shut());
    }
    choice
}

fn without_instance(result: &Booted, asked: Handover, root: &RealRoot) -> Choice {
    let status = result.status.as_str();
    let shut = root.shut().filter(|_| result.seal == Seal::Closed);
    if let Some(shut) = shut.filter(|_| asked != Handover::None) {
        let why = "no datasource for cloud-init, which would fetch what nobody checks";
        return Choice::of(&[shut], format!("{status}: {why}"), root);
    }
    if status != "named" {
        let next = match &root.cloud_init {
            Some(CloudInit { idle: None, .. }) => "cloud-init searches by itself",
            _ => "there is nothing to hand over",
        };
        return Choice::of(&[], format!("{status}: {next}"), root);
    }
    match asked {
        Handover::None => Choice::of(&[], "nothing, as its owner wants", root),
        Handover::Shell => shell(result, root),
        Handover::Systemd => systemd(result, root),
        Handover::Seed | Handover::Hint => hint(result, "as its owner wants", root),
        Handover::Auto => auto(result, root),
    }
}

/// Why a seed that knows one document of the operator does not do.
const RULES: &str = "its owner has rules for two documents of vendor-data";

fn auto(result: &Booted, root: &RealRoot) -> Choice {
    match &root.cloud_init {
        Some(CloudInit { idle: None, .. }) => {}
        _ if !result.has_instance() => {
            let said = format!("nothing: only cloud-init could read {}", result.platform);
            return Choice::of(&[], said, root);
        }
        Some(CloudInit {
            idle: Some(why), ..
        }) => {
            return Choice::of(
                &[],
                format!("nothing: cloud-init is there, but {why}"),
                root,
            );
        }
        None if root.init == Init::Systemd => return systemd(result, root),
        None => return shell(result, root),
    }
    let pinned = root.cloud_init.iter().flat_map(|known| &known.pinned);
    let pinned: Vec<&str> = pinned.map(String::as_str).collect();
    let is_it = |name: &&str| platform::same(name, &result.platform);
    if result.seal > Seal::Open && result.has_instance() {
        return seed(result, "it has to be what was checked", root);
    }
    if let Some(place) = root.cloud_init.iter().find_map(|known| known.seed) {
        let said = format!("nothing: the image has a seed of its own for cloud-init ({place})");
        return Choice::of(&[], said, root);
    }
    if !pinned.is_empty() && !pinned.iter().any(is_it) {
        let said = format!("nothing: cloud-init is pinned to {}", pinned.join(", "));
        return Choice::of(&[], said, root);
    }
    if !result.has_instance() {
        return hint(result, "it is not read here", root);
    }
    match result.lacks.as_str() {
        "" if result.two_vendors && root.rules => hint(result, RULES, root),
        "" => seed(result, "all of it was read", root),
        lacks => hint(result, lacks, root),
    }
}

fn seed(result: &Booted, why: &str, root: &RealRoot) -> Choice {
    let for_netplan = root.network.is_ok_and(|renderer| renderer.name == NETPLAN);
    let sets: &[&str] = if result.netplan && for_netplan {
        &["seed", NETPLAN]
    } else {
        &["seed"]
    };
    Choice::of(
        sets,
        format!("all data, as a seed for cloud-init: {why}"),
        root,
    )
    .with_stages("cloud-init")
}

/// A hint at a datasource that this cloud-init does not have would keep it from the others.
fn hint(result: &Booted, why: &str, root: &RealRoot) -> Choice {
    let platform = &result.platform;
    let sources = root.cloud_init.iter().flat_map(|known| &known.sources);
    let mut sources = sources.peekable();
    let has = sources.peek().is_none() || sources.any(|source| source == platform);
    if !has && platform != "NoCloud" {
        let said = format!("nothing: this cloud-init has no datasource {platform}");
        return Choice::of(&[], said, root);
    }
    Choice::of(
        &["hint"],
        format!("the name {platform} for cloud-init: {why}"),
        root,
    )
    .with_stages("cloud-init")
}

fn systemd(result: &Booted, root: &RealRoot) -> Choice {
    let what = "units and credentials for systemd";
    let runs = root.init == Init::Systemd;
    let chosen = Choice::of(&["systemd"], what, root).with_network(result, root);
    chosen.with_stages(if runs { "units" } else { "shell" })
}

fn shell(result: &Booted, root: &RealRoot) -> Choice {
    let what = "the stages for a shell: sh /run/cloudseed/run early, final";
    let chosen = Choice::of(&[], what, root).with_network(result, root);
    chosen.with_stages("shell")
}
