//! LXD and Incus: a REST service on a socket that the host puts into its containers.
//!
//! How to know it: the socket; in a virtual machine a port of virtio-serial, whose protocol takes LXD's agent, so that way is
//! only named. What to ask: meta-data, the list of configuration keys and each of them, and the devices. Source: LXD's
//! "Communication between instance and host" page, and cloud-init's behaviour.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::{Needs, PLAIN, Platform, Way};
use crate::dialect::seed;
use crate::fetch::Cloud;
use crate::fetch::service::Service;
use crate::instance::{Document, Documents, Instance, Source, Told};
use crate::json;
use crate::machine::Kind;
use crate::network;
use crate::outside::{At, Endpoint, Port};
use crate::rule::{Inquiry, Rule, Seen, Verdict};
use crate::value::{Map, Value};
use crate::warning::Error;

/// The socket to the host.
const SOCKET: &str = "/dev/lxd/sock";
/// The service behind it.
const ENDPOINT: Endpoint = Endpoint {
    url: "http://lxd",
    at: At::Port(Port::Unix(SOCKET)),
};
/// The version that is spoken.
const VERSION: &str = "1.0";
/// Most keys of the configuration that are read.
const KEYS_MAX: usize = 512;
/// Keys of the configuration that are documents; what cloud-init is told under its own name counts more.
const DOCUMENTS: [(Document, [&str; 2]); 3] = [
    (
        Document::UserData,
        ["cloud-init.user-data", "user.user-data"],
    ),
    (
        Document::VendorData,
        ["cloud-init.vendor-data", "user.vendor-data"],
    ),
    (
        Document::NetworkConfig,
        ["cloud-init.network-config", "user.network-config"],
    ),
];

/// The directory of ports to the host.
const PORTS: &str = "/sys/class/virtio-ports";

/// LXD and Incus.
pub static PLATFORM: Platform = Platform {
    name: "LXD",
    ways: &[
        Way {
            sign: Rule::Code("/dev/lxd/sock is a socket", socket),
            needs: Needs::Port,
            asks: &[
                "/dev/lxd/sock: GET /1.0/meta-data",
                "/dev/lxd/sock: GET /1.0/config, and every key of it",
                "/dev/lxd/sock: GET /1.0/devices",
            ],
            read: Some(read),
        },
        Way {
            sign: Rule::All(&[
                Rule::Virt(&["kvm", "qemu"]),
                Rule::Code(
                    "a virtio port is named com.canonical.lxd or org.linuxcontainers.lxd",
                    port,
                ),
            ]),
            needs: Needs::Port,
            asks: &[],
            read: None,
        },
    ],
    ..PLAIN
};

fn socket(inquiry: &mut Inquiry) -> Verdict {
    match inquiry.machine.files.kind(SOCKET) {
        Some(Kind::Socket) => {
            Verdict::found(format!("{SOCKET} is a socket")).seeing(Seen::Path(String::from(SOCKET)))
        }
        Some(_) => Verdict::No(format!("{SOCKET} is not a socket")),
        None => Verdict::No(format!("{SOCKET} is not there")),
    }
}

fn port(inquiry: &mut Inquiry) -> Verdict {
    let files = inquiry.machine.files;
    let ours = |port: String| {
        let name = files.text(&format!("{PORTS}/{port}/name"))?;
        let name = name.lines().next().unwrap_or_default();
        matches!(name, "com.canonical.lxd" | "org.linuxcontainers.lxd")
            .then(|| format!("virtio port {port} is named {name}"))
    };
    match files.list(PORTS).into_iter().find_map(ours) {
        Some(because) => Verdict::found(because),
        None => Verdict::No(String::from("no virtio port is named by LXD or Incus")),
    }
}

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let mut service = cloud.reach_at(&[ENDPOINT])?;
    let document = service.get(cloud, &path("meta-data"))?;
    let mut meta_data = seed::map(cloud, "meta-data", &document);
    let config = configuration(cloud, &mut service)?;
    if let Some(Value::Text(own)) = config.get("user.meta-data") {
        for (key, value) in seed::map(cloud, "user.meta-data", own.as_bytes()) {
            meta_data.insert(key, value);
        }
    }
    let devices = service.get_or_warn(cloud, &path("devices"));
    let devices = devices.and_then(|devices| match json::read(&devices) {
        Ok(devices) => Some(devices),
        Err(error) => {
            cloud.warn("devices", "a JSON document", error);
            None
        }
    });
    let source = Source {
        kind: "LXD socket API v. 1.0",
        place: String::from(SOCKET),
    };
    let told = Told {
        documents: documents(cloud, document, &config),
        beside: Map::from_iter([
            ("_metadata_api_version", Value::from(VERSION)),
            ("config", config.into()),
            ("devices", devices.into()),
        ]),
        ..Told::by_meta_data("lxd", source, meta_data)
    };
    cloud.instance(told)
}

fn path(name: &str) -> String {
    format!("/{VERSION}/{name}")
}

/// Every key of the configuration, in the order of the alphabet; one that cannot be had costs itself.
fn configuration(cloud: &mut Cloud, service: &mut Service) -> Result<Map, Error> {
    let place = path("config");
    let list = service.get(cloud, &place)?;
    let list = json::read(&list).map_err(|error| cloud.broken(&place, "a JSON document", error))?;
    let Some(list) = list.as_list() else {
        return Err(cloud.broken(&place, "a list", list.noun()));
    };
    let below = format!("{place}/");
    let is_key =
        |path: &&str| path.starts_with(&below) && path.bytes().all(|b| b.is_ascii_graphic());
    let routes = list.iter().filter_map(Value::as_text).filter(is_key);
    let mut routes: Vec<&str> = routes.take(KEYS_MAX).collect();
    routes.sort_unstable();
    if routes.len() < list.len() {
        let found = format!("{} others", list.len() - routes.len());
        cloud.warn(&place, &format!("at most {KEYS_MAX} paths below it"), found);
    }
    let mut config = Map::new();
    for route in routes {
        if let Some(value) = service.get_or_warn(cloud, route) {
            let key = route.rsplit('/').next().unwrap_or(route);
            config.insert(key, text(value));
        }
    }
    Ok(config)
}

fn text(bytes: Vec<u8>) -> Value {
    match String::from_utf8(bytes) {
        Ok(text) => text.into(),
        Err(error) => Value::Bytes(error.into_bytes()),
    }
}

fn documents(cloud: &Cloud, meta_data: Vec<u8>, config: &Map) -> Documents {
    let mut documents = Documents::default().with(Document::MetaData, Some(meta_data));
    for (document, keys) in DOCUMENTS {
        let value = keys.into_iter().find_map(|key| config.get(key));
        documents.put(document, value.and_then(seed::document));
    }
    if documents.get(Document::NetworkConfig).is_none() {
        let machine = cloud.machine;
        let config = network::lxd::config(&cloud.links(), &machine.virt, &machine.kernel.arch);
        let config = config.map(|config| crate::yaml::write(&config.write()).into_bytes());
        documents.put(Document::NetworkConfig, config);
    }
    documents
}
