//! Handover to stock cloud-init: Debian's own Python reads what we leave in /run/cloud-init.

use std::path::Path;
use std::process::Command;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudseed_core::compile::{Ending, Handover, Outcome, compile};
use cloudseed_core::instance::Document;
use cloudseed_core::json;
use cloudseed_core::value::Value;

use crate::compile::{Scratch, instance, kernel, outcome, write};
use crate::differential::original;

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

fn consume(root: &Path) -> Value {
    let output = Command::new(original().join("python"))
        .args(["-c", CONSUMER])
        .arg(root.join("run"))
        .arg(root.join("var/lib/cloud"))
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
    let (mut instance, kernel) = (instance("i-0123"), kernel());
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
    let outcome = Outcome {
        handover: Handover::Seed,
        ..outcome(Ending::Found(&instance), &kernel)
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
    let (mut instance, kernel) = (instance("i-0123"), kernel());
    instance.documents = Default::default();
    instance.meta_data = Value::Null;
    let outcome = Outcome {
        handover: Handover::Seed,
        ..outcome(Ending::Found(&instance), &kernel)
    };
    write(&scratch.0, &compile(&outcome).0);
    let found = consume(&scratch.0);
    assert_eq!(found.get("instance_id"), Some(&"i-0123".into()));
    assert_eq!(found.get("user_data"), Some(&"".into()));
}

#[test]
fn cloud_init_reads_our_hint() {
    let scratch = Scratch::new("handover-hint");
    let (instance, kernel) = (instance("i-0123"), kernel());
    write(
        &scratch.0,
        &compile(&outcome(Ending::Found(&instance), &kernel)).0,
    );
    let list = consume(&scratch.0).get("datasource_list").cloned();
    assert_eq!(list, Some(vec![Value::from("Ec2"), "None".into()].into()));
    assert_eq!(scratch.text("run/cloud-init/.ds-identify.result"), "0\n");
}
