//! Alibaba Cloud: EC2's tree as one document, behind a token. Known by the product's name, or by a seed directory, which even
//! cloud-init cannot read. Source: Alibaba Cloud's "Access instance metadata" page, and cloud-init's behaviour.

use super::{Afterburn, Needs, PLAIN, Platform, Way};
use crate::dialect::ec2;
use crate::fetch::{Cloud, service::Token};
use crate::instance::{Document, Instance, Source, Told};
use crate::machine::smbios::Field;
use crate::network::{
    self,
    ec2::{Extent, FULL},
};
use crate::rule::{Match, Rule};
use crate::{outside::Network, value::Value, warning::Error};

/// Alibaba Cloud.
pub static PLATFORM: Platform = Platform {
    name: "AliYun",
    ways: &[
        Way {
            sign: Rule::Holds("/var/lib/cloud/seed/AliYun", &["meta-data", "user-data"]),
            needs: Needs::Nothing,
            asks: &[],
            read: None,
        },
        Way {
            sign: Rule::Dmi(Field::ProductName, Match::Is("Alibaba Cloud ECS")),
            needs: Needs::Network(Network::Any),
            asks: &[
                "PUT /latest/api/token",
                "GET /2016-01-01/meta-data/all, else /2016-01-01/meta-data/ and every entry below it",
                "GET /2016-01-01/user-data, vendor-data",
            ],
            read: Some(read),
        },
    ],
    network_each_boot: true,
    afterburn: AFTERBURN,
    ..PLAIN
};

/// Source: Afterburn's page "Metadata attributes".
const AFTERBURN: &[Afterburn] = &[Afterburn {
    prefix: "ALIYUN",
    facts: &[
        ("EIPV4", "ds/meta_data/eipv4"),
        ("HOSTNAME", "ds/meta_data/hostname"),
        ("IMAGE_ID", "ds/meta_data/image-id"),
        ("INSTANCE_ID", "ds/meta_data/instance-id"),
        ("INSTANCE_TYPE", "ds/meta_data/instance/instance-type"),
        ("IPV4_PRIVATE", "ds/meta_data/private-ipv4"),
        ("IPV4_PUBLIC", "ds/meta_data/public-ipv4"),
        ("REGION_ID", "ds/meta_data/region-id"),
        ("VPC_ID", "ds/meta_data/vpc-id"),
        ("ZONE_ID", "ds/meta_data/zone-id"),
    ],
}];

const ENDPOINTS: &[&str] = &["http://100.100.100.200", "http://[fd00:100::100:200]"];
const TOKEN: Token = Token {
    path: "/latest/api/token",
    lifetime: ("X-aliyun-ecs-metadata-token-ttl-seconds", "21600"),
    header: "X-aliyun-ecs-metadata-token",
    renew: |cloud, service, _| service.take_token(cloud, &TOKEN),
};

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let mut service = cloud.reach_configured("metadata_urls", ENDPOINTS)?;
    service.take_token(cloud, &TOKEN)?;
    let (tree, mut documents) = ec2::read_whole(cloud, &mut service, "/2016-01-01/")?;
    let links = cloud.links_of(tree.get("network").unwrap_or(&Value::Null));
    let extent = Extent::Leases.unless(cloud.is_off(FULL));
    let network = network::ec2::config(&tree, &links, extent);
    documents.put(Document::NetworkConfig, cloud.network_config(network));
    let told = Told {
        hostname: tree.get("hostname").and_then(Value::to_text),
        keeps_domain: true,
        documents,
        ..Told::by_meta_data("aliyun", Source::metadata(&service.base), tree)
    };
    cloud.instance(told)
}
