//! Handover to stock cloud-init: Debian's own Python reads what we leave in /run/cloud-init.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudseed_core::compile::{Ending, Handover, Outcome, compile};
use cloudseed_core::instance::Document;
use cloudseed_core::json;
use cloudseed_core::value::Value;

use crate::compile::{Boot, Scratch, instance, outcome, write};

/// Loads the datasource that cloud.cfg names as cloud-init's local stage would, and prints what it has got.
const CONSUMER: &str = r#"
import base64, json, sys
from cloudinit import helpers, sources, util

run, lib = sys.argv[1:]
config = util.read_conf(run + "/cloud-init/cloud.cfg")
found = {"datasource_list": config["datasource_list"]}
if "datasource" in config:
    paths = helpers.Paths({"cloud_dir": lib, "run_dir": run})
    classes = sources.list_sources(config["datasource_list"], [sources.DEP_FILESYSTEM], ["cloudinit.sources"])
    source = classes[0](config, None, paths)
    assert source._get_data(), "no data"
    encoded = lambda blob: base64.b64encode(blob if isinstance(blob, bytes) else blob.encode()).decode()
    found.update(
        source=str(source),
        mode=source.dsmode,
        instance_id=source.get_instance_id(),
        hostname=source.metadata["local-hostname"],
        zone=source.availability_zone,
        region=source.region,
        cloud=source.cloud_name,
        keys=source.get_public_ssh_keys(),
        network=source.network_config,
        user_data=encoded(source.get_userdata_raw()),
        vendor_data=encoded(source.get_vendordata_raw() or ""),
    )
print(json.dumps(found))
"#;

/// Where Debian's cloud-init is unpacked, with what it imports; unpacked once, whichever test comes first.
fn oracle() -> &'static Path {
    static ORACLE: OnceLock<PathBuf> = OnceLock::new();
    ORACLE.get_or_init(unpack)
}

fn unpack() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("handover");
    let fetch = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/fetch");
    let status = Command::new(&fetch).arg(&folder).status().unwrap();
    assert!(
        status.success(),
        "{fetch:?} must be able to use apt-get download"
    );
    folder.join("root/usr/lib/python3/dist-packages")
}

fn consume(root: &Path) -> Value {
    let output = Command::new("/usr/bin/python3")
        .args(["-c", CONSUMER])
        .arg(root.join("run"))
        .arg(root.join("var/lib/cloud"))
        .env("PYTHONPATH", oracle())
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    json::read(&output.stdout).unwrap()
}

#[test]
fn cloud_init_takes_our_seed() {
    let scratch = Scratch::new("handover-seed");
    let mut instance = instance("i-0123");
    let user_data = [b"\x1f\x8b\x08\0 packed \xff\xfe".as_slice(), &[0; 200]].concat();
    let vendor_data = "#cloud-config\n# é '\"\n\ta: |\n  x\n\n";
    let network = b"version: 2\nethernets: {eth0: {dhcp4: true}}\n".to_vec();
    for (document, bytes) in [
        (Document::UserData, user_data.clone()),
        (Document::VendorData, vendor_data.as_bytes().to_vec()),
        (Document::NetworkConfig, network),
    ] {
        instance.documents.put(document, Some(bytes));
    }
    let boot = Boot::new(instance, Vec::new());
    let outcome = Outcome {
        handover: Handover::Seed,
        ..outcome(boot.found())
    };
    write(&scratch.0, &compile(&outcome).0);
    let found = consume(&scratch.0);
    for (key, expected) in [
        ("source", "DataSourceNoCloud [seed=ds_config][dsmode=net]"),
        ("mode", "net"),
        ("instance_id", "i-0123"),
        ("hostname", "ip-10-0-0-1.internal"),
        ("zone", "eu-central-1a"),
        ("region", "eu-central-1"),
        ("cloud", "aws"),
        ("user_data", &STANDARD.encode(user_data)),
        ("vendor_data", &STANDARD.encode(vendor_data)),
    ] {
        assert_eq!(found.get(key), Some(&expected.into()), "{key}");
    }
    let dhcp = found.at(&["network", "ethernets", "eth0", "dhcp4"]);
    assert_eq!(dhcp, Some(&Value::Bool(true)));
    let keys = found.get("keys").unwrap().as_list().unwrap();
    assert_eq!(keys, [Value::from("ssh-ed25519 AAAA me@here")]);
}

#[test]
fn cloud_init_takes_our_seed_without_any_document() {
    let scratch = Scratch::new("handover-bare");
    let mut instance = instance("i-0123");
    instance.documents = Default::default();
    instance.meta_data = Value::Null;
    let boot = Boot::new(instance, Vec::new());
    let outcome = Outcome {
        handover: Handover::Seed,
        ..outcome(boot.found())
    };
    write(&scratch.0, &compile(&outcome).0);
    let found = consume(&scratch.0);
    assert_eq!(found.get("instance_id"), Some(&"i-0123".into()));
    assert_eq!(found.get("user_data"), Some(&"".into()));
}

#[test]
fn cloud_init_reads_our_hint() {
    let scratch = Scratch::new("handover-hint");
    let boot = Boot::new(instance("i-0123"), Vec::new());
    for (ending, name) in [(boot.found(), "Ec2"), (Ending::Named("Azure"), "Azure")] {
        write(&scratch.0, &compile(&outcome(ending)).0);
        let list = consume(&scratch.0).get("datasource_list").cloned();
        assert_eq!(list, Some(vec![Value::from(name), "None".into()].into()));
        assert_eq!(scratch.text("run/cloud-init/.ds-identify.result"), "0\n");
    }
}
