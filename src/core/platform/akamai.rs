//! Akamai Connected Cloud, once Linode: two documents behind a token.
//!
//! How to know it: the vendor of the firmware. What to ask: a token, the instance as JSON, user-data in base 64; rather by
//! IPv6, which needs no lease. What the serial number of the board says (`v4=0;v6=1;…`) and the owner's configuration may
//! forbid a family, or all of it. The serial number of the machine is its identifier where the service tells none, even if
//! nobody answers. Source: Akamai's "Metadata service" page, and cloud-init's behaviour.

use alloc::string::String;
use alloc::vec::Vec;

use super::{Afterburn, Needs, PLAIN, Platform, Way};
use crate::dialect::base64::unpacked;
use crate::fetch::Cloud;
use crate::fetch::service::{Question, Service, Token};
use crate::instance::{Document, Documents, Instance, Source, Told};
use crate::machine::smbios::Field;
use crate::outside::{Method, Network};
use crate::rule::{Match, Rule};
use crate::value::Map;
use crate::warning::Error;

/// Akamai Connected Cloud.
pub static PLATFORM: Platform = Platform {
    name: "Akamai",
    ways: &[Way {
        sign: Rule::Any(&[
            Rule::Dmi(Field::SysVendor, Match::Is("Linode")),
            Rule::Dmi(Field::SysVendor, Match::Is("Akamai")),
        ]),
        needs: Needs::Network(Network::Any),
        asks: &["PUT /v1/token", "GET /v1/instance", "GET /v1/user-data"],
        read: Some(read),
    }],
    user_data_bytes_max: Some(16 << 10),
    afterburn: AFTERBURN,
    ..PLAIN
};

/// Source: Afterburn's page "Metadata attributes".
const AFTERBURN: &[Afterburn] = &[Afterburn {
    prefix: "AKAMAI",
    facts: &[
        ("INSTANCE_HOST_UUID", "ds/meta_data/host_uuid"),
        ("INSTANCE_ID", "ds/meta_data/id"),
        ("INSTANCE_LABEL", "ds/meta_data/label"),
        ("INSTANCE_REGION", "ds/meta_data/region"),
        ("INSTANCE_TAGS", "ds/meta_data/tags"),
        ("INSTANCE_TYPE", "ds/meta_data/type"),
    ],
}];

const IPV6: &str = "http://[fd00:a9fe:a9fe::1]";
const IPV4: &str = "http://169.254.169.254";
const INSTANCE: &str = "/v1/instance";
const USER_DATA: &str = "/v1/user-data";
const TOKEN: Token = Token {
    path: "/v1/token",
    lifetime: ("Metadata-Token-Expiry-Seconds", "300"),
    header: "Metadata-Token",
    renew: |cloud, service, _| take_token(cloud, service),
};

/// What cloud-init's configuration has in the place of an address or a path, by its name in `base_urls` or `paths`.
fn configured<'a>(cloud: &Cloud<'a>, map: &str, name: &str, usual: &'static str) -> &'a str {
    let named = cloud
        .configured(map)
        .and_then(|map| map.get(name)?.as_text());
    named.unwrap_or(usual)
}

fn take_token(cloud: &mut Cloud, service: &mut Service) -> Result<(), Error> {
    let path = configured(cloud, "paths", "token", TOKEN.path);
    service.take_token(cloud, &Token { path, ..TOKEN })
}

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let serial = cloud.machine.dmi.get(Field::ProductSerial);
    let endpoints = endpoints(cloud);
    let told = match metadata(cloud, &endpoints) {
        Ok(told) => told,
        Err(error) => {
            let Some(serial) = serial else {
                return Err(error);
            };
            if !endpoints.is_empty() {
                cloud.warnings.push(error.what);
            }
            local(serial)
        }
    };
    cloud.instance(told)
}

/// What firmware alone tells.
fn local(serial: &str) -> Told {
    let source = Source {
        kind: "firmware",
        place: String::from("product_serial"),
    };
    let meta_data = Map::from_iter([("instance-id", serial)]);
    Told::by_meta_data("akamai", source, meta_data)
}

/// The addresses that may be asked. IPv4 takes a lease, and the network one of cloud-init's stages.
fn endpoints<'a>(cloud: &Cloud<'a>) -> Vec<&'a str> {
    let flags = cloud.machine.dmi.get(Field::BoardSerial).unwrap_or("");
    let is_off = |flag: &str, key: &str| {
        let value = |element: &str| {
            let (name, value) = element.split_once('=')?;
            let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
            let name = name.rsplit(|c| !plain(c)).next();
            (name == Some(flag)).then(|| value == "0")
        };
        let configured = || cloud.configured(key)?.as_bool().map(|on| !on);
        let off = flags.split(';').filter_map(value).next_back();
        off.or_else(configured).unwrap_or(false)
    };
    if is_off("als", "allow_local_stage") && is_off("ais", "allow_init_stage") {
        return Vec::new();
    }
    let six = !is_off("v6", "allow_ipv6");
    let four = !is_off("v4", "allow_ipv4") && !is_off("dhcp", "allow_dhcp");
    let both = [(six, "ipv6", IPV6), (four, "ipv4", IPV4)].into_iter();
    both.filter(|(may, _, _)| *may)
        .map(|(_, family, usual)| configured(cloud, "base_urls", family, usual))
        .collect()
}

fn metadata(cloud: &mut Cloud, endpoints: &[&str]) -> Result<Told, Error> {
    let mut service = cloud.reach(endpoints)?;
    take_token(cloud, &mut service)?;
    let path = configured(cloud, "paths", "metadata", INSTANCE);
    let question = Question {
        headers: &[("Accept", "application/json")],
        ..Question::new(Method::Get, path)
    };
    let document = service.body(cloud, &question)?;
    let mut meta_data = cloud.json_map(path, &document)?;
    let path = configured(cloud, "paths", "userdata", USER_DATA);
    let user_data = service.get_or_warn(cloud, path);
    let user_data = user_data.map(|text| plain(cloud, text));
    let serial = cloud.machine.dmi.get(Field::ProductSerial);
    let id = meta_data.get("id").filter(|id| !id.is_null()).cloned();
    meta_data.insert("instance-id", id.unwrap_or(serial.into()));
    Ok(Told {
        documents: Documents::default()
            .with(Document::MetaData, Some(document))
            .with(Document::UserData, user_data),
        ..Told::by_meta_data("akamai", Source::metadata(&service.base), meta_data)
    })
}

/// User-data that are not in base 64 are taken as they are.
fn plain(cloud: &mut Cloud, text: Vec<u8>) -> Vec<u8> {
    unpacked(&text).unwrap_or_else(|| {
        cloud.warn(USER_DATA, "base 64", "something else; kept as it is");
        text
    })
}
