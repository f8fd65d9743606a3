//! Exoscale: the tree of Ec2's first version, and a password server.
//!
//! How to know it: the name of the product begins so. What to ask: everything below `/1.0/meta-data/`, user-data, and the
//! password at another port. Source: Exoscale's "User Data and Metadata" page, and cloud-init's behaviour.

use alloc::format;

use super::{Afterburn, Needs, PLAIN, Platform, Way};
use crate::dialect::ec2::{self, Root};
use crate::dialect::password;
use crate::fetch::Cloud;
use crate::instance::{Document, Documents, Instance, Source, Told};
use crate::machine::smbios::Field;
use crate::outside::Network;
use crate::rule::{Match, Rule};
use crate::value::Value;
use crate::warning::Error;

/// Exoscale.
pub static PLATFORM: Platform = Platform {
    name: "Exoscale",
    ways: &[Way {
        sign: Rule::Dmi(Field::ProductName, Match::Starts("Exoscale")),
        needs: Needs::Network(Network::Dhcp4),
        asks: &[
            "GET /1.0/meta-data/ and every entry below it",
            "GET /1.0/user-data",
            "GET :8080/1.0/ (the password)",
        ],
        read: Some(read),
    }],
    only_there: Some("its datasource takes the password from its server"),
    resets_passwords: true,
    afterburn: AFTERBURN,
    ..PLAIN
};

/// Source: Afterburn's page "Metadata attributes".
const AFTERBURN: &[Afterburn] = &[Afterburn {
    prefix: "EXOSCALE",
    facts: &[
        ("AVAILABILITY_ZONE", "ds/meta_data/availability-zone"),
        ("CLOUD_IDENTIFIER", "ds/meta_data/cloud-identifier"),
        ("INSTANCE_ID", "ds/meta_data/instance-id"),
        ("LOCAL_HOSTNAME", "ds/meta_data/local-hostname"),
        ("PUBLIC_HOSTNAME", "ds/meta_data/public-hostname"),
        ("SERVICE_OFFERING", "ds/meta_data/service-offering"),
        ("VM_ID", "ds/meta_data/vm-id"),
        ("LOCAL_IPV4", "ds/meta_data/local-ipv4"),
        ("PUBLIC_IPV4", "ds/meta_data/public-ipv4"),
    ],
}];

const ENDPOINTS: &[&str] = &["http://169.254.169.254"];
/// The version of the tree.
const VERSION: &str = "1.0";

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let mut service = cloud.reach_configured("metadata_url", ENDPOINTS)?;
    let version = cloud.configured("api_version").and_then(Value::to_text);
    let folder = format!("/{}/", version.as_deref().unwrap_or(VERSION));
    let [meta_data, user_data] = ["meta-data/", "user-data"].map(|name| [&folder, name].concat());
    let roots = [Root::Tree(&meta_data), Root::Document(&user_data)];
    let mut trees = ec2::crawl(cloud, &mut service, &roots)?;
    let user_data = trees.document(&user_data).map(<[u8]>::to_vec);
    let source = Source::metadata(&service.base);
    let port = password_port(cloud);
    let told = Told {
        documents: Documents::default().with(Document::UserData, user_data),
        config: password::config(cloud, &service.base, port, &folder),
        ..Told::by_meta_data("exoscale", source, trees.take(0))
    };
    cloud.instance(told)
}

/// Where the password server listens.
fn password_port(cloud: &mut Cloud) -> u16 {
    const KEY: &str = "password_server_port";
    let Some(configured) = cloud.configured(KEY) else {
        return password::PORT;
    };
    let port = configured
        .to_text()
        .and_then(|text| text.trim().parse().ok());
    port.filter(|port| *port > 0).unwrap_or_else(|| {
        cloud.warn(KEY, "the number of a port", configured.noun());
        password::PORT
    })
}
