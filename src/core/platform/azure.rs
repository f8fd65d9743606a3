//! Microsoft Azure: two services and, while a machine is being provisioned, a disc.
//!
//! How to know it: the asset tag of the chassis; a seed directory. What to ask: the instance metadata service, which says most
//! (not the custom data); `ovf-env.xml` of the seed directory or of a disc, which holds the custom data. The wireserver, whose
//! address is in the lease (option 245), is told that the machine is ready, if its owner wants that (`report_ready`): until
//! then the cloud takes it for one that is being provisioned. What is not done here: keys of which the environment has but the
//! fingerprint. They belong to the classic deployment model, whose machines Azure ended in September 2023; the wireserver packs
//! their certificates (PKCS #7 and #12) for a pair of RSA keys and a certificate which the machine has to make. That is left to
//! cloud-init in the real root, and told. Source: Azure's "Instance Metadata Service" page, and cloud-init's behaviour.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::mem::take;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use roxmltree::Node;

use super::{Afterburn, Needs, PLAIN, Platform, Way};
use crate::dialect::base64::unpacked;
use crate::dialect::xml;
use crate::fetch::service::{Question, Service};
use crate::fetch::tries::{Meaning, usual};
use crate::fetch::{Cloud, RESPONSE_BYTES_MAX};
use crate::instance::{Document, Documents, Instance, Source, Told};
use crate::machine::Machine;
use crate::machine::smbios::Field;
use crate::machine::volume::{self, Volume};
use crate::network;
use crate::outside::{At, Endpoint, Method, Network};
use crate::rule::kin::AZURE_CHASSIS;
use crate::rule::{Rule, Seen};
use crate::text::flag;
use crate::value::{Map, Value};
use crate::warning::Error;

/// Azure.
pub static PLATFORM: Platform = Platform {
    name: "Azure",
    ways: &[Way {
        sign: Rule::Each(&[
            AZURE_CHASSIS,
            Rule::Holds("/var/lib/cloud/seed/azure", &[OVF]),
        ]),
        needs: Needs::Network(Network::Dhcp4),
        asks: &[
            "ovf-env.xml of the seed directory or of a disc",
            "GET /metadata/instance?api-version=2021-08-01&extended=true, else /metadata/instance?api-version=2019-06-01",
            "GET /machine/?comp=goalstate and POST /machine?comp=health of the wireserver, with report_ready",
        ],
        read: Some(read),
    }],
    user_data_bytes_max: Some(65_535),
    only_there: Some("its datasource tells the cloud that the machine is ready"),
    network_each_boot: true,
    afterburn: AFTERBURN,
    ..PLAIN
};

/// Source: Afterburn's page "Metadata attributes".
const AFTERBURN: &[Afterburn] = &[Afterburn {
    prefix: "AZURE",
    facts: &[
        (
            "IPV4_DYNAMIC",
            "ds/meta_data/imds/network/interface/0/ipv4/ipAddress/0/privateIpAddress",
        ),
        (
            "IPV4_VIRTUAL",
            "ds/meta_data/imds/network/interface/0/ipv4/ipAddress/0/publicIpAddress",
        ),
        ("VMSIZE", "ds/meta_data/imds/compute/vmSize"),
    ],
}];

const OVF: &str = "ovf-env.xml";
const METADATA: &str = "http://169.254.169.254";
const INSTANCE: &str = "/metadata/instance?api-version=2021-08-01&extended=true";
/// For services that do not know the newer version.
const OLDER: &str = "/metadata/instance?api-version=2019-06-01";
/// What stands in the environment for a password that was used.
const REDACTED: &str = "REDACTED";
/// Random bytes of the hypervisor's, and the longest such table read.
const RANDOM: &str = "/sys/firmware/acpi/tables/OEM0";
const RANDOM_BYTES_MAX: usize = 64 << 10;
/// The disk that a machine loses when it moves, if it has one.
const RESOURCE_DISK: &str = "/dev/disk/cloud/azure_resource";
/// What the name of a type of key begins with.
const KEY_TYPES: [&str; 5] = ["ssh-", "ecdsa-sha2-", "sk-ssh-", "sk-ecdsa-", "rsa-sha2-"];
/// What the machine was called when cloud-init last ran, where that can be seen.
const PREVIOUS: &str = "/var/lib/cloud/data/instance-id";
/// The kinds of pools that a machine may wait in for its owner.
const POOLS: [&str; 3] = ["Running", "Savable", "PreprovisionedOSDisk"];
/// The wireserver, where no lease says otherwise.
const WIRESERVER: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// What the service cannot tell yet it answers as if it were not there, for a while; one that does not know the version never will.
fn meaning(status: u16) -> Meaning {
    match status {
        400 => Meaning::Final,
        404 | 410 => Meaning::Again,
        status => usual(status),
    }
}

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let environment = environment(cloud);
    let imds = match metadata(cloud) {
        Ok(imds) => imds,
        // The environment alone makes an instance, too.
        Err(error) if environment.is_some() => {
            cloud.warnings.push(error.what);
            Map::new()
        }
        Err(error) => return Err(error),
    };
    let tree = Value::Map(imds);
    let pooled = is_pooled(environment.as_ref(), &tree);
    if pooled {
        let found = "one of a pool, whose owner cloud-init in the real root waits for";
        cloud.warn("ppsType", "a machine with an owner", found);
    }
    let told = told(cloud, environment, tree);
    let instance = cloud.instance(told)?;
    if cloud.settings.report_ready && !pooled {
        cloud.once_accepted(|cloud| {
            if let Err(error) = report_ready(cloud) {
                cloud.warnings.push(error.what);
            }
        });
    }
    Ok(instance)
}

/// Whether the machine was started before anybody wanted one ("pre-provisioned"). cloud-init reports it ready, waits, and
/// reads everything anew once it has an owner; until then it is told what the pool is.
fn is_pooled(environment: Option<&(Source, Environment)>, tree: &Value) -> bool {
    let kind = tree.at(&["extended", "compute", "ppsType"]);
    let kind = kind.and_then(Value::as_text).unwrap_or_default();
    POOLS.contains(&kind) || environment.is_some_and(|(_, environment)| environment.pooled)
}

fn metadata(cloud: &mut Cloud) -> Result<Map, Error> {
    let mut service = cloud.reach(&[METADATA])?;
    service.headers.push(("Metadata", String::from("true")));
    service.meaning = meaning;
    let document = match service.get(cloud, INSTANCE) {
        Err(error) if error.status == Some(400) => service.get(cloud, OLDER)?,
        answered => answered?,
    };
    cloud.json_map("/metadata/instance", &document)
}

/// What `ovf-env.xml` says of a machine that is being provisioned.
#[derive(Default)]
struct Environment {
    hostname: Option<String>,
    custom_data: Option<Vec<u8>>,
    keys: Vec<Value>,
    /// Keys of which it has but the fingerprint.
    fingerprints: usize,
    user: Option<String>,
    password: Option<String>,
    /// Whether passwords are not taken for SSH.
    no_passwords: Option<bool>,
    /// Whether the machine is one of a pool.
    pooled: bool,
}

impl Environment {
    /// What the service's profile of the system says, and where it says nothing, what is here. As in cloud-init, whatever it says
    /// of passwords that is not `true` is that they are taken.
    fn under(self, profile: &Value) -> Environment {
        let text = |key| profile.get(key).and_then(said);
        let no_passwords = profile.get("disablePasswordAuthentication");
        let no_passwords = no_passwords.map(|word| word.as_text() == Some("true"));
        Environment {
            hostname: text("computerName").or(self.hostname),
            user: text("adminUsername").or(self.user),
            no_passwords: no_passwords.or(self.no_passwords),
            ..self
        }
    }
}

/// The environment of the seed directory, or of the first disc that has one.
fn environment(cloud: &mut Cloud) -> Option<(Source, Environment)> {
    let seen = core::mem::take(&mut cloud.evidence.seen);
    let directory = seen.into_iter().find_map(|seen| match seen {
        Seen::Directory(path) => Some(path),
        _ => None,
    });
    if let Some(path) = directory {
        let document = cloud
            .machine
            .files
            .read(&format!("{path}/{OVF}"), RESPONSE_BYTES_MAX)?;
        return read_environment(cloud, Source::seed_dir(path), &document);
    }
    let machine = cloud.machine;
    machine.volumes.iter().find_map(|volume| {
        let document = on_disc(cloud, volume)?;
        read_environment(cloud, Source::config_disk(&volume.name), &document)
    })
}

fn on_disc(cloud: &Cloud, volume: &Volume) -> Option<Vec<u8>> {
    let is_disc = matches!(volume.kind.as_deref(), Some("iso9660" | "udf"));
    let disk = cloud.machine.files.disk(&volume.name).filter(|_| is_disc)?;
    volume::read_file(&*disk, volume, OVF, RESPONSE_BYTES_MAX).ok()?
}

fn read_environment(
    cloud: &mut Cloud,
    place: Source,
    document: &[u8],
) -> Option<(Source, Environment)> {
    let name = format!("{}/{OVF}", place.place);
    let read = xml::read(document, |root| {
        let path = ["ProvisioningSection", "LinuxProvisioningConfigurationSet"];
        let set = xml::at(root, &path).ok_or("another environment")?;
        let text = |key: &str| xml::text(set, &[key]).filter(|text| !text.is_empty());
        let custom_data = match text("CustomData") {
            Some(text) => {
                Some(unpacked(text.as_bytes()).ok_or("custom data that are not base 64")?)
            }
            None => None,
        };
        Ok::<Environment, &str>(Environment {
            hostname: text("HostName"),
            custom_data: custom_data.filter(|document| !document.is_empty()),
            keys: keys(set),
            fingerprints: fingerprints(set),
            user: text("UserName"),
            // Blanks may be a part of it.
            password: xml::verbatim(set, &["UserPassword"])
                .filter(|password| !password.is_empty() && password != REDACTED),
            no_passwords: xml::verbatim(set, &["DisableSshPasswordAuthentication"])
                .map(|word| flag(word.trim()) == Some(true)),
            pooled: pooled(root),
        })
    });
    let wrong = match read {
        Ok(Ok(environment)) => return Some((place, environment)),
        Ok(Err(found)) => String::from(found),
        Err(found) => found,
    };
    cloud.warn(&name, "an environment of Azure's", wrong);
    None
}

/// Whether the environment says that the machine is one of a pool.
fn pooled(root: Node) -> bool {
    let text = |key| {
        let path = ["PlatformSettingsSection", "PlatformSettings", key];
        xml::text(root, &path).unwrap_or_default()
    };
    flag(&text("PreprovisionedVm")) == Some(true)
        || POOLS.contains(&text("PreprovisionedVMType").as_str())
}

/// Keys as they stand there.
fn keys(set: Node) -> Vec<Value> {
    let keys = listed(set).filter_map(|key| xml::text(key, &["Value"]));
    keys.map(Value::from).collect()
}

/// How many keys have only a fingerprint: the wireserver has them in certificates for whoever has made one, which is the part of
/// cloud-init in the real root.
fn fingerprints(set: Node) -> usize {
    let has = |key: &Node, name: &str| xml::text(*key, &[name]).is_some();
    let bare = listed(set).filter(|key| has(key, "Fingerprint") && !has(key, "Value"));
    bare.count()
}

fn listed<'a, 'i>(set: Node<'a, 'i>) -> impl Iterator<Item = Node<'a, 'i>> {
    let list = xml::at(set, &["SSH", "PublicKeys"]);
    list.into_iter().flat_map(|list| list.children())
}

/// A text that is there.
fn said(value: &Value) -> Option<String> {
    value.to_text().filter(|text| !text.is_empty())
}

fn told(cloud: &mut Cloud, found: Option<(Source, Environment)>, tree: Value) -> Told {
    let network = network_config(cloud, &tree);
    let user_data = user_data(cloud, &tree);
    let text = |path: &[&str]| tree.at(path).and_then(said);
    let (source, environment) = found.unwrap_or_else(|| {
        let source = Source {
            kind: "imds",
            place: String::from(METADATA),
        };
        (source, Environment::default())
    });
    let mut environment =
        environment.under(tree.at(&["compute", "osProfile"]).unwrap_or(&Value::Null));
    let has_custom_data = tree.at(&["extended", "compute", "hasCustomData"]);
    if has_custom_data.and_then(Value::as_flag) == Some(true) && environment.custom_data.is_none() {
        cloud.warn(
            "CustomData",
            "the custom data that the service knows of",
            "no environment with them",
        );
    }
    let config = config(cloud, &environment);
    let keys = public_keys(cloud, &tree, &mut environment);
    let id = instance_id(cloud.machine);
    let (region, zone) = (
        text(&["compute", "location"]),
        text(&["compute", "platformFaultDomain"]),
    );
    let mut meta_data = meta_data(cloud, id.as_deref(), environment.hostname.as_deref());
    meta_data.insert("imds", tree);
    Told {
        instance_id: id,
        hostname: environment.hostname,
        region,
        availability_zone: zone,
        public_keys: keys.into(),
        config,
        documents: Documents::default()
            .with(Document::UserData, user_data)
            .with(Document::UserData, environment.custom_data)
            .with(Document::NetworkConfig, network),
        ..Told::by_meta_data("azure", source, meta_data)
    }
}

/// The network that the service tells, for the cards of this machine.
fn network_config(cloud: &mut Cloud, tree: &Value) -> Option<Vec<u8>> {
    let links = cloud.links_of(tree.at(&["network"]).unwrap_or(&Value::Null));
    let network = network::azure::config(tree, &links, &|key| cloud.is_off(key));
    cloud.network_config(network)
}

/// The meta-data that cloud-init makes itself.
fn meta_data(cloud: &Cloud, id: Option<&str>, hostname: Option<&str>) -> Map {
    let mut meta_data = Map::from_iter([
        ("instance-id", Value::from(id.map(String::from))),
        ("local-hostname", hostname.unwrap_or_default().into()),
    ]);
    let random = cloud.machine.files.read(RANDOM, RANDOM_BYTES_MAX);
    if let Some(random) = random {
        meta_data.insert("random_seed", STANDARD.encode(random));
    }
    meta_data
}

/// The keys of the service, else those of the environment, where some may be lost.
fn public_keys(cloud: &mut Cloud, tree: &Value, environment: &mut Environment) -> Vec<Value> {
    if let Some(keys) = service_keys(tree) {
        return keys;
    }
    if environment.fingerprints > 0 {
        let lost = environment.fingerprints;
        let found = format!(
            "{lost} of which only the fingerprint is told (their certificates are left to cloud-init in the real root)"
        );
        cloud.warn("SSH/PublicKeys", "keys", found);
    }
    take(&mut environment.keys)
}

/// The machine's UUID in lower case, or what it was called before where that is the same: firmware before SMBIOS 2.6 has the bytes of
/// the first three fields in another order, and old kernels had it in upper case.
fn instance_id(machine: &Machine) -> Option<String> {
    let id = machine.dmi.get(Field::ProductUuid)?.to_lowercase();
    let previous = machine.files.text(PREVIOUS).unwrap_or_default();
    let previous = previous.trim();
    let same = [Some(&id), swapped(&id).as_ref()].contains(&Some(&previous.to_lowercase()));
    Some(if same { String::from(previous) } else { id })
}

/// A UUID with the bytes of its first three fields the other way round; `None` if it is none.
fn swapped(uuid: &str) -> Option<String> {
    let lengths = [8, 4, 4, 4, 12];
    let fits = uuid.split('-').map(str::len).eq(lengths)
        && uuid
            .bytes()
            .all(|byte| byte.is_ascii_hexdigit() || byte == b'-');
    let field = |(place, field): (usize, &str)| {
        let pairs = field
            .as_bytes()
            .chunks(2)
            .map(|pair| pair.iter().map(|byte| char::from(*byte)));
        if place < 3 {
            pairs.rev().flatten().collect::<String>()
        } else {
            String::from(field)
        }
    };
    let fields: Vec<String> = uuid.split('-').enumerate().map(field).collect();
    fits.then(|| fields.join("-"))
}

/// The keys that the service tells, without the line breaks of whoever pasted them; `None` if it tells none, or one that SSH
/// does not know: then the environment's count.
fn service_keys(tree: &Value) -> Option<Vec<Value>> {
    let keys = tree.at(&["compute", "publicKeys"])?.as_list()?;
    let key = |key: &Value| {
        let key = key.get("keyData")?.as_text()?.trim().replace("\r\n", "");
        // Options stand before the type, and may have blanks in quotation marks.
        let mut words = key.split_ascii_whitespace();
        let known = words.any(|word| KEY_TYPES.iter().any(|kind| word.starts_with(kind)));
        known.then(|| Value::from(key.as_str()))
    };
    keys.iter().map(key).collect()
}

/// What Azure configures: the default user, whether SSH takes passwords, and the file system of a disk that is there for as
/// long as the machine runs.
fn config(cloud: &Cloud, environment: &Environment) -> Map {
    let mut config = Map::new();
    let takes_passwords = environment.no_passwords.map(|none| !none);
    if let Some(takes) = takes_passwords.or(environment.password.is_some().then_some(true)) {
        config.insert("ssh_pwauth", takes);
    }
    let mut user = Map::new();
    if let Some(name) = &environment.user {
        user.insert("name", name.as_str());
    }
    if let Some(password) = &environment.password {
        user.insert("lock_passwd", false);
        user.insert("plain_text_passwd", password.as_str());
    }
    if !user.is_empty() {
        config.insert("system_info", Map::from_iter([("default_user", user)]));
    }
    if cloud.machine.files.kind(RESOURCE_DISK).is_some() {
        let disk = Map::from_iter([
            ("table_type", Value::from("gpt")),
            ("layout", alloc::vec![Value::from(100)].into()),
            ("overwrite", true.into()),
        ]);
        let file_system = Map::from_iter([("filesystem", "ext4"), ("device", "ephemeral0.1")]);
        config.insert("disk_setup", Map::from_iter([("ephemeral0", disk)]));
        config.insert("fs_setup", alloc::vec![Value::Map(file_system)]);
    }
    config
}

/// The user-data in the metadata.
fn user_data(cloud: &mut Cloud, tree: &Value) -> Option<Vec<u8>> {
    let text = tree.at(&["compute", "userData"])?.to_text()?;
    let decoded = unpacked(text.as_bytes());
    if decoded.is_none() {
        cloud.warn("compute.userData", "base 64", "something else");
    }
    decoded.filter(|document| !document.is_empty())
}

/// What the wireserver wants to hear again in a report.
struct GoalState {
    incarnation: String,
    container: String,
    instance: String,
}

/// Tells the wireserver that the machine is ready.
fn report_ready(cloud: &mut Cloud) -> Result<(), Error> {
    let learnt = cloud.outside.learnt();
    let told = learnt
        .iter()
        .find_map(|learnt| learnt.lease.as_ref()?.wireserver);
    let address = SocketAddr::new(IpAddr::V4(told.unwrap_or(WIRESERVER)), 80);
    let endpoint = Endpoint {
        url: "http://168.63.129.16",
        at: At::Address(address),
    };
    let mut service = cloud.reach_at(&[endpoint])?;
    service.headers = alloc::vec![
        ("x-ms-agent-name", String::from("cloudseed")),
        ("x-ms-version", String::from("2012-11-30")),
    ];
    let goal = goal_state(cloud, &mut service)?;
    let question = Question {
        headers: &[("Content-Type", "text/xml; charset=utf-8")],
        body: &goal.ready().into_bytes(),
        ..Question::new(Method::Post, "/machine?comp=health")
    };
    service.body(cloud, &question)?;
    cloud.note(format_args!(
        "the wireserver was told that this machine is ready"
    ));
    Ok(())
}

fn goal_state(cloud: &mut Cloud, service: &mut Service) -> Result<GoalState, Error> {
    const PATH: &str = "/machine/?comp=goalstate";
    let document = service.get(cloud, PATH)?;
    let read = xml::read(&document, |root| {
        let role = [
            "Container",
            "RoleInstanceList",
            "RoleInstance",
            "InstanceId",
        ];
        Some(GoalState {
            incarnation: xml::text(root, &["Incarnation"])?,
            container: xml::text(root, &["Container", "ContainerId"])?,
            instance: xml::text(root, &role)?,
        })
    });
    let expected = "a goal state with its incarnation, container and instance";
    match read {
        Ok(Some(goal)) => Ok(goal),
        Ok(None) => Err(cloud.broken(PATH, expected, "one without")),
        Err(found) => Err(cloud.broken(PATH, expected, found)),
    }
}

impl GoalState {
    fn ready(&self) -> String {
        let [incarnation, container, instance] =
            [&self.incarnation, &self.container, &self.instance].map(|text| escaped(text));
        format!(
            "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n\
             <Health xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
             xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\">\
             <GoalStateIncarnation>{incarnation}</GoalStateIncarnation>\
             <Container><ContainerId>{container}</ContainerId><RoleInstanceList><Role>\
             <InstanceId>{instance}</InstanceId><Health><State>Ready</State></Health>\
             </Role></RoleInstanceList></Container></Health>\n"
        )
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_is_known_in_both_byte_orders() {
        let swap = |uuid| swapped(uuid);
        assert_eq!(
            swap("6b175f0c-2d8e-4c3e-9a41-0a1b2c3d4e5f").as_deref(),
            Some("0c5f176b-8e2d-3e4c-9a41-0a1b2c3d4e5f")
        );
        for uuid in [
            "",
            "6b175f0c",
            "6b175f0c-2d8e-4c3e-9a41-0a1b2c3d4exx",
            "6b175f0c2-d8e-4c3e-9a41-0a1b2c3d4e5f",
        ] {
            assert_eq!(swap(uuid), None, "{uuid}");
        }
    }
}
