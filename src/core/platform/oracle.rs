//! Oracle Cloud Infrastructure: two JSON documents, of which the newer version wants a header.
//!
//! How to know it: the asset tag of the chassis. What to ask: the instance, with the owner's documents in it, and its virtual
//! network interfaces; where the initramfs has configured the network (a root over iSCSI) these are asked for only with
//! `configure_secondary_nics`, and the first one is left out. Version 1 where the service does not serve version 2; IPv6 where a
//! machine has nothing else. Source: Oracle's "Getting Instance Metadata" page, and cloud-init's behaviour.

use alloc::format;
use alloc::vec::Vec;

use super::{Afterburn, Needs, PLAIN, Platform, Way};
use crate::dialect::base64::unpacked;
use crate::fetch::Cloud;
use crate::fetch::service::Service;
use crate::instance::{Document, Documents, Instance, Source, Told};
use crate::machine::IBFT;
use crate::machine::smbios::Field;
use crate::network::{self, Config, klibc};
use crate::outside::Network;
use crate::rule::{Match, Rule};
use crate::value::{Map, Value};
use crate::warning::{Blame, Error};

/// Oracle Cloud Infrastructure.
pub static PLATFORM: Platform = Platform {
    name: "Oracle",
    ways: &[Way {
        sign: Rule::Dmi(Field::ChassisAssetTag, Match::Is("OracleCloud.com")),
        needs: Needs::Network(Network::Any),
        asks: &[
            "GET /opc/v2/instance/, else /opc/v1/instance/",
            "GET /opc/v2/vnics/, else /opc/v1/vnics/, where the initramfs has configured the network only with \
             configure_secondary_nics",
        ],
        read: Some(read),
    }],
    before_initramfs: true,
    afterburn: AFTERBURN,
    ..PLAIN
};

/// Source: Afterburn's page "Metadata attributes".
const AFTERBURN: &[Afterburn] = &[Afterburn {
    prefix: "ORACLECLOUD",
    facts: &[
        ("AVAILABILITY_DOMAIN", "ds/availabilityDomain"),
        ("COMPARTMENT_ID", "ds/compartmentId"),
        ("FAULT_DOMAIN", "ds/faultDomain"),
        ("HOSTNAME", "ds/hostname"),
        ("INSTANCE_ID", "ds/id"),
        ("INSTANCE_SHAPE", "ds/shape"),
        ("REGION_ID", "ds/canonicalRegionName"),
    ],
}];

const ENDPOINTS: &[&str] = &["http://[fd00:c1::a9fe:a9fe]", "http://169.254.169.254"];
/// Which paths and which header a version of the service has.
struct Version {
    root: &'static str,
    instance: &'static str,
    vnics: &'static str,
    header: Option<(&'static str, &'static str)>,
}

const NEW: Version = Version {
    root: "/opc/v2/",
    instance: "/opc/v2/instance/",
    vnics: "/opc/v2/vnics/",
    header: Some(("Authorization", "Bearer Oracle")),
};
const OLD: Version = Version {
    root: "/opc/v1/",
    instance: "/opc/v1/instance/",
    vnics: "/opc/v1/vnics/",
    header: None,
};
/// The flags of a target of the firmware's iSCSI table: it is valid, and firmware booted from it.
const BOOTED_FROM: u32 = 3;

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let mut service = cloud.reach(ENDPOINTS)?;
    // What the initramfs has left counts before what the service says, with or without a word on the command line.
    let configured = !klibc::files(cloud.machine).is_empty();
    let secondary = cloud.configured("configure_secondary_nics");
    let secondary = secondary.and_then(Value::as_flag) == Some(true);
    let asks = !configured || secondary;
    let (version, document) = instance(cloud, &mut service, asks)?;
    let tree = cloud.json_map(version.instance, &document)?;
    let vnics = asks.then(|| service.get_or_warn(cloud, version.vnics));
    let vnics = vnics
        .flatten()
        .and_then(|document| vnics_of(cloud, version, &document));
    let network = network_config(cloud, configured, vnics.as_ref());
    let source = Source::metadata(&format!("{}{}", service.base, version.root));
    let mut told = told(cloud, source, tree);
    told.documents.put(Document::MetaData, Some(document));
    told.documents.put(Document::NetworkConfig, network);
    cloud.instance(told)
}

/// The instance, by the newest version that the service serves.
fn instance<'v>(
    cloud: &mut Cloud,
    service: &mut Service,
    asks_vnics: bool,
) -> Result<(&'v Version, Vec<u8>), Error> {
    let mut ask = |cloud: &mut Cloud, version: &Version| {
        let header = version.header.into_iter();
        service.headers = header.map(|(name, value)| (name, value.into())).collect();
        let vnics = Some(version.vnics).filter(|_| asks_vnics);
        let paths = Some(version.instance).into_iter().chain(vnics);
        service.expect(cloud, paths);
        service.get(cloud, version.instance)
    };
    match ask(cloud, &NEW) {
        Ok(document) if !document.is_empty() => Ok((&NEW, document)),
        Err(error) if error.blame != Blame::Broken => Err(error),
        other => {
            // A service without the newer version says 404.
            let refused = other.err().filter(|error| error.status != Some(404));
            cloud.warnings.extend(refused.map(|error| error.what));
            Ok((&OLD, ask(cloud, &OLD)?))
        }
    }
}

fn told(cloud: &mut Cloud, source: Source, tree: Map) -> Told {
    let text = |key: &str| Value::from(tree.get(key).and_then(Value::to_text));
    let mut meta_data = Map::from_iter([
        ("availability-zone", text("ociAdName")),
        ("instance-id", text("id")),
        ("launch-index", 0.into()),
        ("local-hostname", text("hostname")),
        ("name", text("displayName")),
    ]);
    let owners = tree.get("metadata").and_then(Value::as_map);
    let keys = owners.map(|owners| owners.get("ssh_authorized_keys").cloned());
    let user_data = owners.and_then(|owners| owners.get("user_data")?.to_text());
    let user_data = user_data.filter(|text| !text.is_empty());
    let user_data = user_data.and_then(|text| {
        let unpacked = unpacked(text.as_bytes());
        if unpacked.is_none() {
            cloud.warn("metadata.user_data", "base 64", "something else");
        }
        unpacked
    });
    if let Some(keys) = keys.clone() {
        meta_data.insert("public_keys", keys);
    }
    Told {
        public_keys: keys.flatten().unwrap_or_default(),
        beside: tree,
        documents: Documents::default().with(Document::UserData, user_data),
        ..Told::by_meta_data("oracle", source, meta_data)
    }
}

fn vnics_of(cloud: &mut Cloud, version: &Version, document: &[u8]) -> Option<Value> {
    let vnics = crate::json::read(document);
    vnics
        .map_err(|error| cloud.warn(version.vnics, "a JSON document", error))
        .ok()
}

/// What the initramfs has configured, and the interfaces behind the first, or all of them; with its root over the network a machine
/// keeps the first, whatever comes.
fn network_config(cloud: &mut Cloud, configured: bool, vnics: Option<&Value>) -> Option<Vec<u8>> {
    // On bare metal the interfaces behind the first are VLANs, of which cloud-init knows nothing.
    let is_metal = |vnics: &Value| {
        let first = vnics.as_list().and_then(<[Value]>::first);
        first.is_some_and(|first| first.get("nicIndex").is_some())
    };
    let vnics = vnics.filter(|vnics| !configured || !is_metal(vnics));
    let links = vnics.map(|vnics| cloud.links_of(vnics)).unwrap_or_default();
    let told = vnics.map(|vnics| network::oracle::config(vnics, &links, configured));
    let (told, mut warnings) = told.unwrap_or_default();
    let mut elements = Vec::new();
    if configured {
        let (left, more) = klibc::elements(cloud.machine);
        elements.extend(left);
        warnings.extend(more);
    }
    let mut told = told.map(Config::write);
    let told = told.as_mut().and_then(Value::as_map_mut);
    if let Some(Value::List(more)) = told.and_then(|told| told.remove(&"config".into())) {
        elements.extend(more);
    }
    let first = elements.first_mut().and_then(Value::as_map_mut);
    if let Some(first) = first.filter(|_| is_root_over_network(cloud)) {
        first.insert("keep_configuration", true);
    }
    let has_one = !elements.is_empty();
    let document = Map::from_iter([("config", Value::List(elements)), ("version", 1.into())]);
    cloud.network_document((has_one.then(|| document.into()), warnings))
}

fn is_root_over_network(cloud: &Cloud) -> bool {
    let files = cloud.machine.files;
    let targets = files.list(IBFT).into_iter();
    let mut targets = targets.filter(|name| name.starts_with("target"));
    targets.any(|name| {
        let flags = files.text(&format!("{IBFT}/{name}/flags"));
        let flags = flags.and_then(|flags| flags.trim().parse::<u32>().ok());
        flags.is_some_and(|flags| flags & BOOTED_FROM == BOOTED_FROM)
    })
}
