//! Microsoft Azure: two services and, while a machine is being provisioned, a disc.
//!
//! How to know it: the asset tag of the chassis; a seed directory. What to ask: the instance metadata service, which says most
//! (not the custom data); `ovf-env.xml` of the seed directory or of a disc, which holds the custom data. The wireserver, whose
//! address is in the lease (option 245), is told that the machine is ready, if its owner wants that (`report_ready`): until
//! then the cloud takes it for one that is being provisioned. Source: Azure's "Instance Metadata Service" page, and
//! cloud-init's behaviour.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr, SocketAddr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use roxmltree::Node;

use super::{Needs, Platform, Way};
use crate::dialect::xml;
use crate::fetch::service::{Question, Service};
use crate::fetch::tries::{Meaning, usual};
use crate::fetch::{Cloud, RESPONSE_BYTES_MAX};
use crate::instance::{Document, Documents, Instance, Source, Told};
use crate::machine::smbios::Field;
use crate::machine::volume::{self, Volume};
use crate::network;
use crate::outside::{At, Endpoint, Method, Network};
use crate::rule::kin::AZURE_CHASSIS;
use crate::rule::{Rule, Seen};
use crate::value::{Map, Value};
use crate::warning::{Blame, Error};

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
            "GET /metadata/instance?api-version=2021-08-01&extended=true",
            "GET /machine/?comp=goalstate and POST /machine?comp=health of the wireserver, with report_ready",
        ],
        read: Some(read),
    }],
};

const OVF: &str = "ovf-env.xml";
const METADATA: &str = "http://169.254.169.254";
const INSTANCE: &str = "/metadata/instance?api-version=2021-08-01&extended=true";
/// For services that do not know the newer version.
const OLDER: &str = "/metadata/instance?api-version=2019-06-01";
/// The wireserver, where no lease says otherwise.
const WIRESERVER: Ipv4Addr = Ipv4Addr::new(168, 63, 129, 16);

/// What the service cannot tell yet it answers as if it were not there, for a while.
fn meaning(status: u16) -> Meaning {
    match status {
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
    let told = told(cloud, environment, imds);
    let instance = Instance::new(PLATFORM.name, told, &mut cloud.warnings)?;
    if cloud.settings.report_ready
        && let Err(error) = report_ready(cloud)
    {
        cloud.warnings.push(error.what);
    }
    Ok(instance)
}

fn metadata(cloud: &mut Cloud) -> Result<Map, Error> {
    let mut service = cloud.reach(&[METADATA])?;
    service.headers.push(("Metadata", String::from("true")));
    service.meaning = meaning;
    let document = match service.get(cloud, INSTANCE) {
        Err(error) if error.blame == Blame::Broken && error.what.found.starts_with("400") => {
            service.get(cloud, OLDER)?
        }
        answered => answered?,
    };
    cloud.json_map("/metadata/instance", &document)
}

/// What `ovf-env.xml` says of a machine that is being provisioned.
struct Environment {
    place: Source,
    hostname: Option<String>,
    custom_data: Option<Vec<u8>>,
    keys: Vec<Value>,
}

/// The environment of the seed directory, or of the first disc that has one.
fn environment(cloud: &mut Cloud) -> Option<Environment> {
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
        let kind = "seed-dir";
        return read_environment(cloud, Source { kind, place: path }, &document);
    }
    let machine = cloud.machine;
    machine.volumes.iter().find_map(|volume| {
        let document = on_disc(cloud, volume)?;
        let place = format!("/dev/{}", volume.name);
        let kind = "config-disk";
        read_environment(cloud, Source { kind, place }, &document)
    })
}

fn on_disc(cloud: &Cloud, volume: &Volume) -> Option<Vec<u8>> {
    let is_disc = matches!(volume.kind.as_deref(), Some("iso9660" | "udf"));
    let disk = cloud.machine.files.disk(&volume.name).filter(|_| is_disc)?;
    volume::read_file(&*disk, volume, OVF, RESPONSE_BYTES_MAX).ok()?
}

fn read_environment(cloud: &mut Cloud, place: Source, document: &[u8]) -> Option<Environment> {
    let name = format!("{}/{OVF}", place.place);
    let read = xml::read(document, |root| {
        let path = ["ProvisioningSection", "LinuxProvisioningConfigurationSet"];
        let set = xml::at(root, &path).ok_or("another environment")?;
        let custom_data = match xml::text(set, &["CustomData"]) {
            Some(text) => Some(unpacked(&text).ok_or("custom data that are not base 64")?),
            None => None,
        };
        Ok::<Environment, &str>(Environment {
            place,
            hostname: xml::text(set, &["HostName"]),
            custom_data,
            keys: keys(set),
        })
    });
    let wrong = match read {
        Ok(Ok(environment)) => return Some(environment),
        Ok(Err(found)) => String::from(found),
        Err(found) => found,
    };
    cloud.warn(&name, "an environment of Azure's", wrong);
    None
}

fn keys(set: Node) -> Vec<Value> {
    let list = xml::at(set, &["SSH", "PublicKeys"]);
    let keys = list.into_iter().flat_map(|list| list.children());
    keys.filter_map(|key| xml::text(key, &["Value"]))
        .map(Value::from)
        .collect()
}

/// Base 64 with line breaks in it.
fn unpacked(text: &str) -> Option<Vec<u8>> {
    let text: String = text.split_whitespace().collect();
    STANDARD.decode(text).ok()
}

fn told(cloud: &mut Cloud, environment: Option<Environment>, mut imds: Map) -> Told {
    let network = network::azure::config(&imds.clone().into(), &cloud.machine.links);
    let network = cloud.network_config(network);
    let user_data = user_data(cloud, &mut imds);
    let tree = Value::Map(imds);
    let text = |path: &[&str]| {
        tree.at(path)
            .and_then(Value::to_text)
            .filter(|text| !text.is_empty())
    };
    let uuid = cloud.machine.dmi.get(Field::ProductUuid);
    let hostname = text(&["compute", "osProfile", "computerName"]);
    let (region, zone) = (
        text(&["compute", "location"]),
        text(&["compute", "platformFaultDomain"]),
    );
    let keys = tree
        .at(&["compute", "publicKeys"])
        .and_then(Value::as_list)
        .unwrap_or_default();
    let keys = keys.iter().filter_map(|key| key.get("keyData")?.as_text());
    // Keys come with the line breaks of whoever pasted them.
    let keys: Vec<Value> = keys
        .map(|key| key.replace(['\r', '\n'], "").into())
        .collect();
    let imds = Source {
        kind: "imds",
        place: String::from(METADATA),
    };
    let environment = environment.unwrap_or(Environment {
        place: imds,
        hostname: None,
        custom_data: None,
        keys: Vec::new(),
    });
    let hostname = hostname.or(environment.hostname);
    Told {
        cloud_name: String::from("azure"),
        source: environment.place,
        instance_id: uuid.map(str::to_lowercase),
        hostname: hostname.clone(),
        keeps_domain: false,
        region,
        availability_zone: zone,
        public_keys: if keys.is_empty() {
            environment.keys
        } else {
            keys
        }
        .into(),
        launch_index: None,
        meta_data: Map::from_iter([
            ("instance-id", uuid.map(str::to_lowercase).into()),
            ("local-hostname", hostname.into()),
            ("imds", tree),
        ]),
        beside: Map::new(),
        config: Map::new(),
        documents: Documents::default()
            .with(Document::UserData, user_data)
            .with(Document::UserData, environment.custom_data)
            .with(Document::NetworkConfig, network),
    }
}

/// The user-data in the metadata, which are taken out of the tree that everybody may read.
fn user_data(cloud: &mut Cloud, imds: &mut Map) -> Option<Vec<u8>> {
    let compute = imds.get_mut(&"compute".into())?.as_map_mut()?;
    let text = compute.remove(&"userData".into())?.to_text()?;
    let decoded = unpacked(&text);
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
