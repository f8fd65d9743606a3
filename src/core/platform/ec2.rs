//! Amazon EC2 and the clouds that speak its protocol.
//!
//! How to know it: firmware (a UUID that starts with `ec2`, also in the byte order of old SMBIOS; Xen's UUID; the relatives
//! by their names). What to ask: on AWS a session token first (IMDSv2, there is no fallback to version 1), then the tree of
//! meta-data, the identity document and user-data. Source: the EC2 user guide, "Instance metadata", and cloud-init's behaviour.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use serde::Deserialize;

use super::{Afterburn, Needs, PLAIN, Platform, Way};
use crate::dialect::base64::decoded;
use crate::dialect::ec2::{self, Root, Trees};
use crate::dialect::seed;
use crate::fetch::Cloud;
use crate::fetch::service::{Service, Token};
use crate::instance::{Document, Instance, Source, Told};
use crate::machine::Machine;
use crate::machine::smbios::Field;
use crate::network::{
    self, Config,
    ec2::{Extent, FULL},
};
use crate::note::Note;
use crate::outside::Network;
use crate::rule::{Inquiry, Rule, Verdict};
use crate::value::{Map, Value};
use crate::warning::Error;

/// Amazon EC2 and its relatives.
pub static PLATFORM: Platform = Platform {
    name: "Ec2",
    ways: &[
        Way {
            sign: Rule::Holds(SEED, &["meta-data", "user-data"]),
            needs: Needs::Nothing,
            asks: &["meta-data, user-data, vendor-data, network-config of the seed directory"],
            read: Some(seeded),
        },
        Way {
            sign: Rule::Code(
                "product_serial ends with .brightbox.com; chassis_asset_tag ends with .zstack.io; sys_vendor is e24cloud or \
                 Tilaa; product_name is 3DS Outscale VM and sys_vendor 3DS Outscale; /sys/hypervisor/uuid or product_uuid \
                 starts with ec2 (the latter also with its bytes swapped); else maybe, if strict_id is not true",
                known,
            ),
            needs: Needs::Network(Network::Any),
            asks: &[
                "PUT /latest/api/token (AWS)",
                "GET /VERSION/meta-data/ and every entry below it",
                "GET /VERSION/dynamic/instance-identity/ and every entry below it (AWS)",
                "GET /VERSION/user-data",
            ],
            read: Some(fetch),
        },
    ],
    user_data_bytes_max: Some(16 << 10),
    afterburn: AFTERBURN,
    ..PLAIN
};

/// Source: Afterburn's page "Metadata attributes".
const AFTERBURN: &[Afterburn] = &[
    Afterburn {
        prefix: "AWS",
        facts: &[
            ("HOSTNAME", "ds/meta_data/hostname"),
            ("PUBLIC_HOSTNAME", "ds/meta_data/public-hostname"),
            ("IPV4_LOCAL", "ds/meta_data/local-ipv4"),
            ("IPV4_PUBLIC", "ds/meta_data/public-ipv4"),
            ("IPV6", "ds/meta_data/ipv6"),
            ("AVAILABILITY_ZONE", "v1/availability_zone"),
            (
                "AVAILABILITY_ZONE_ID",
                "ds/meta_data/placement/availability-zone-id",
            ),
            ("INSTANCE_ID", "v1/instance_id"),
            ("INSTANCE_TYPE", "ds/meta_data/instance-type"),
            ("REGION", "v1/region"),
        ],
    },
    Afterburn {
        prefix: "OUTSCALE",
        facts: &[
            ("AMI_ID", "ds/meta_data/ami-id"),
            (
                "AVAILABILITY_ZONE",
                "ds/meta_data/placement/availability-zone",
            ),
            ("HOSTNAME", "ds/meta_data/hostname"),
            ("INSTANCE_ID", "ds/meta_data/instance-id"),
            ("INSTANCE_TYPE", "ds/meta_data/instance-type"),
            ("IPV4_LOCAL", "ds/meta_data/local-ipv4"),
            ("PUBLIC_HOSTNAME", "ds/meta_data/public-hostname"),
        ],
    },
];

const SEED: &str = "/var/lib/cloud/seed/ec2";

const ENDPOINTS: &[&str] = &["http://169.254.169.254", "http://[fd00:ec2::254]"];
/// Versions of the tree, newest first; the last one exists everywhere.
const VERSIONS: &[&str] = &["2021-03-23", "2018-09-24", "2016-09-02", "2009-04-04"];
/// What is asked for as soon as there is a token: the newest version first.
const FIRST: [&str; 3] = [
    "/2021-03-23/meta-data/",
    "/2021-03-23/user-data",
    "/2021-03-23/dynamic/instance-identity/",
];
/// The token, which lives as long as it can, six hours. 403 means that the owner switched the service off.
const TOKEN: Token = Token {
    path: "/latest/api/token",
    lifetime: ("X-aws-ec2-metadata-token-ttl-seconds", "21600"),
    header: "X-aws-ec2-metadata-token",
    renew: |cloud, service, _| service.take_token(cloud, &TOKEN),
};

/// The clouds that speak EC2's protocol, in cloud-init's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Relative {
    Aws,
    Brightbox,
    E24Cloud,
    Outscale,
    Tilaa,
    ZStack,
    /// No firmware string says whose it is.
    Unknown,
}

impl Relative {
    fn name(self) -> &'static str {
        match self {
            Relative::Aws => "aws",
            Relative::Brightbox => "brightbox",
            Relative::E24Cloud => "e24cloud",
            Relative::Outscale => "outscale",
            Relative::Tilaa => "tilaa",
            Relative::ZStack => "zstack",
            Relative::Unknown => "unknown",
        }
    }

    /// Its name in the log, as ds-identify writes it.
    fn title(self) -> &'static str {
        match self {
            Relative::Aws => "AWS",
            Relative::Brightbox => "Brightbox",
            Relative::E24Cloud => "E24cloud",
            Relative::Outscale => "Outscale",
            Relative::Tilaa => "Tilaa",
            Relative::ZStack => "ZStack",
            Relative::Unknown => "Unknown",
        }
    }
}

/// Which of them a machine runs on, and the firmware string that says so.
fn relative(machine: &Machine) -> Option<(Relative, String)> {
    if machine.container {
        return None;
    }
    let dmi = |field: Field| machine.dmi.get(field).unwrap_or("");
    let vendor = dmi(Field::SysVendor);
    let found =
        |relative, field: Field| Some((relative, format!("{} is {:?}", field.name(), dmi(field))));
    if dmi(Field::ProductSerial).ends_with(".brightbox.com") {
        return found(Relative::Brightbox, Field::ProductSerial);
    }
    if dmi(Field::ChassisAssetTag).ends_with(".zstack.io") {
        return found(Relative::ZStack, Field::ChassisAssetTag);
    }
    if vendor == "e24cloud" {
        return found(Relative::E24Cloud, Field::SysVendor);
    }
    if vendor == "Tilaa" {
        return found(Relative::Tilaa, Field::SysVendor);
    }
    if vendor == "3DS Outscale" && dmi(Field::ProductName) == "3DS Outscale VM" {
        return found(Relative::Outscale, Field::ProductName);
    }
    let xen = machine
        .files
        .text("/sys/hypervisor/uuid")
        .unwrap_or_default();
    if xen.starts_with("ec2") {
        return Some((Relative::Aws, format!("/sys/hypervisor/uuid is {xen:?}")));
    }
    if is_ec2_uuid(dmi(Field::ProductUuid)) {
        return found(Relative::Aws, Field::ProductUuid);
    }
    None
}

/// True if the first field of a UUID is EC2's: it starts with `ec2`, or it does once the bytes of the field are swapped,
/// as firmware before SMBIOS 2.6 writes it.
fn is_ec2_uuid(uuid: &str) -> bool {
    let field = uuid.split('-').next().unwrap_or("").to_ascii_lowercase();
    let swapped = || {
        let tail = field
            .len()
            .checked_sub(4)
            .and_then(|at| field.get(at..))
            .unwrap_or("");
        let mut letters = tail.chars();
        letters.next() == Some('2')
            && letters.next().is_some_and(|c| c.is_ascii_hexdigit())
            && letters.as_str() == "ec"
    };
    field.starts_with("ec2") || swapped()
}

fn known(inquiry: &mut Inquiry) -> Verdict {
    let machine = inquiry.machine;
    if machine.container {
        return Verdict::No("firmware is the host's, this is a container".to_string());
    }
    let relative = relative(machine);
    let unknown = Relative::Unknown.title();
    let title = relative
        .as_ref()
        .map_or(unknown, |(relative, _)| relative.title());
    inquiry.note(Note::Debug(1, format!("ec2 platform is '{title}'.")));
    if let Some((_, because)) = relative {
        return Verdict::found(format!("{title}: {because}"));
    }
    let strict = &inquiry.settings.strict_id;
    let because = format!("no firmware string of EC2 or a relative, and strict_id is {strict}");
    if strict == "true" {
        return Verdict::No(because);
    }
    inquiry.extra = Some(format!("datasource: {{Ec2: {{strict_id: \"{strict}\"}}}}"));
    Verdict::maybe(because)
}

/// A seed directory, as for the other datasources.
fn seeded(cloud: &mut Cloud) -> Result<Instance, Error> {
    let (source, seed) = seed::directory(cloud, SEED)?;
    let relative = relative(cloud.machine).map_or(Relative::Unknown, |(relative, _)| relative);
    let told = Told {
        documents: seed.documents,
        ..ec2::told(relative.name(), source, seed.meta_data)
    };
    cloud.instance(told)
}

fn fetch(cloud: &mut Cloud) -> Result<Instance, Error> {
    let relative = relative(cloud.machine).map_or(Relative::Unknown, |(relative, _)| relative);
    let mut service = cloud.reach_configured("metadata_urls", ENDPOINTS)?;
    match relative {
        Relative::Aws => {
            service.expect(cloud, FIRST.into_iter());
            service.take_token(cloud, &TOKEN)?;
        }
        // cloud-init asks without one; an AWS whose firmware hides itself may want it all the same.
        Relative::Unknown => service.may_take_token(&TOKEN),
        _ => {}
    }
    let (version, mut trees) = trees(cloud, &mut service, relative)?;
    let user_data = format!("/{version}/user-data");
    let identity = format!("/{version}/dynamic/instance-identity/");
    let document = trees.document(&format!("{identity}document"));
    let document = document.and_then(|document| read_identity(cloud, document));
    let user_data = trees.document(&user_data).map(<[u8]>::to_vec);
    let source = Source::metadata(&service.base);
    let mut told = ec2::told(relative.name(), source, trees.take(0));
    told.documents
        .put(Document::UserData, user_data.map(decoded));
    put_network(cloud, &mut told);
    told.beside.insert("_metadata_api_version", version);
    if relative == Relative::Aws {
        let dynamic = Map::from_iter([("instance-identity", trees.take(2))]);
        told.beside.insert("dynamic", dynamic);
    }
    if let Some(identity) = document {
        told.instance_id = Some(String::from(identity.instance_id.as_str()));
        told.region = Some(String::from(identity.region.as_str()));
        let zone = identity.availability_zone.as_deref().map(String::from);
        told.availability_zone = zone.or(told.availability_zone);
    }
    cloud.instance(told)
}

/// The interfaces of the tree, as cloud-init configures them: with routes of other tables only for netplan.
fn put_network(cloud: &mut Cloud, told: &mut Told) {
    let links = cloud.links_of(told.meta_data.get("network").unwrap_or(&Value::Null));
    let extent = Extent::Whole.unless(cloud.is_off(FULL));
    let (config, warnings) = network::ec2::config(&told.meta_data, &links, extent);
    let plain = config.clone().map(Config::without_tables);
    let differs = plain != config;
    let network = cloud.network_config((config, warnings));
    told.documents.put(Document::NetworkConfig, network);
    if differs {
        told.plain_network = cloud.network_config((plain, Vec::new()));
    }
}

/// What the service has of the newest version of its tree that it has; the listing tells at once whether there is such. The
/// meta-data come first, then user-data and, on AWS, the identity.
fn trees(
    cloud: &mut Cloud,
    service: &mut Service,
    relative: Relative,
) -> Result<(&'static str, Trees), Error> {
    let (oldest, newer) = VERSIONS.split_last().unwrap_or((&"latest", &[]));
    let knows_newer = matches!(relative, Relative::Aws | Relative::Outscale);
    for version in newer.iter().filter(|_| knows_newer) {
        match tree(cloud, service, relative, version) {
            Err(error) if error.status == Some(404) => {}
            trees => return trees.map(|trees| (*version, trees)),
        }
    }
    let trees = tree(cloud, service, relative, oldest)?;
    Ok((oldest, trees))
}

fn tree(
    cloud: &mut Cloud,
    service: &mut Service,
    relative: Relative,
    version: &str,
) -> Result<Trees, Error> {
    let meta_data = format!("/{version}/meta-data/");
    let user_data = format!("/{version}/user-data");
    let identity = format!("/{version}/dynamic/instance-identity/");
    let mut roots = alloc::vec![Root::Tree(&meta_data), Root::Document(&user_data)];
    if relative == Relative::Aws {
        roots.push(Root::OptionalTree(&identity));
    }
    ec2::crawl(cloud, service, &roots)
}

/// The instance identity document, as far as it is used. Its shape is fixed and documented, so it is read into bounds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Identity {
    instance_id: heapless::String<64>,
    region: heapless::String<64>,
    availability_zone: Option<heapless::String<64>>,
}

/// The identity document, if it is one; without it the tree says the same less surely.
fn read_identity(cloud: &mut Cloud, document: &[u8]) -> Option<Identity> {
    let mut unescaped = [0; 1024];
    match serde_json_core::from_slice_escaped::<Identity>(document, &mut unescaped) {
        Ok((identity, _)) => Some(identity),
        Err(error) => {
            let place = "dynamic/instance-identity/document";
            cloud.warn(place, "an instance identity document", error);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_of_ec2_is_known_in_both_byte_orders() {
        for uuid in [
            "ec2abcde-1234-5678-9abc-def012345678",
            "EC2ABCDE-0",
            "45e12aec-dcd1-b213-94ed-012345ec2",
            "xx2fEC-1",
        ] {
            assert!(is_ec2_uuid(uuid), "{uuid}");
        }
        for uuid in [
            "",
            "-ec2",
            "e2c00000-0",
            "aec2abcd-0",
            "2ec",
            "450e2aex-1",
            "é2aec€-0",
        ] {
            assert!(!is_ec2_uuid(uuid), "{uuid}");
        }
    }
}
