//! Compile: from an instance and its parts to the files in a root's /run.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use cloudseed_core::budget::{self, Budget};
use cloudseed_core::compile::instance_data::InstanceData;
use cloudseed_core::compile::{
    Ending, Found, Handover, Identified, Outcome, Seal, Timing, compile,
};
use cloudseed_core::config::{self, Config, Parts};
use cloudseed_core::instance::{Document, Documents, Hostname, Instance, Source, Told};
use cloudseed_core::journal::Line;
use cloudseed_core::json;
use cloudseed_core::machine::Kernel;
use cloudseed_core::machine::release::Release;
use cloudseed_core::plan::{Mode, Plan};
use cloudseed_core::userdata::Part;
use cloudseed_core::userdata::part_type::PartType;
use cloudseed_core::value::{Map, Value};
use cloudseed_core::warning::{Blame, Error, Warning};

use crate::sys::root::Root;

/// A directory of this test's own, empty, removed when it is dropped.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new(name: &str) -> Scratch {
        let name = format!("cloudseed-it-{}-{name}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    pub fn text(&self, path: &str) -> String {
        fs::read_to_string(self.0.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn json(&self, path: &str) -> Value {
        json::read(self.text(path).as_bytes()).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// An instance as a cloud would tell of it.
pub fn instance(id: &str) -> Instance {
    let meta_data = Map::from_iter([
        ("instance-id", Value::from(id)),
        ("local-ipv4", "10.0.0.1".into()),
        ("blob", Value::Bytes(vec![0xff, 0xfe])),
        (
            "Security-Credentials",
            Value::Map(Map::from_iter([("role", "secret")])),
        ),
        (
            "nested",
            Value::Map(Map::from_iter([("user-data", "secret")])),
        ),
    ]);
    let told = Told {
        cloud_name: String::from("aws"),
        source: Source::metadata("http://169.254.169.254"),
        instance_id: Some(String::from(id)),
        hostname: Some(String::from("ip-10-0-0-1.internal")),
        keeps_domain: false,
        region: Some(String::from("eu-central-1")),
        availability_zone: Some(String::from("eu-central-1a")),
        public_keys: "ssh-ed25519 AAAA me@here".into(),
        launch_index: Some(String::from("0")),
        meta_data,
        beside: Map::new(),
        config: Map::new(),
        documents: Documents::default()
            .with(Document::MetaData, Some(b"instance-id: i-1\n".to_vec()))
            .with(
                Document::UserData,
                Some(b"\x1f\x8bnot really gzip".to_vec()),
            )
            .with(Document::VendorData, Some(Vec::new())),
        plain_network: None,
    };
    Instance::new("Ec2", told, &mut Vec::new()).unwrap()
}

/// A part of this type, name and content.
pub fn part(number: u32, content_type: &str, filename: &str, content: &str) -> Part {
    Part {
        number,
        content_type: PartType::new(content_type),
        filename: String::from(filename),
        headers: vec![(String::from("X-Mine"), String::from("é \"1\""))],
        origin: String::from("user-data"),
        content: content.as_bytes().into(),
    }
}

/// An instance with what a boot makes of it.
pub struct Boot {
    pub instance: Instance,
    pub data: InstanceData,
    pub config: Config,
    /// What the parts were warned of.
    pub warnings: Vec<Warning>,
}

impl Boot {
    pub fn new(instance: Instance, parts: Vec<Parts>) -> Boot {
        let kernel = Kernel {
            ostype: String::from("Linux"),
            release: String::from("6.1.0-cloud"),
            version: String::from("#1 SMP"),
            arch: String::from("x86_64"),
        };
        let (config, warnings) = config::merge(parts, &Value::Null, &Budget::new());
        Boot {
            data: InstanceData::new(&instance, &kernel, &Release::default()),
            instance,
            config,
            warnings,
        }
    }

    pub fn found(&self) -> Ending<'_> {
        Ending::Found(Found {
            instance: &self.instance,
            data: &self.data,
            config: &self.config,
        })
    }
}

/// An outcome with nothing but its ending; change what matters.
pub fn outcome(ending: Ending) -> Outcome {
    Outcome {
        ending,
        identified: Identified::default(),
        warnings: &[],
        log: &[],
        timings: &[],
        clock: None,
        network: Value::Null,
        measured: &[],
        handover: Handover::Auto,
        report_ready: false,
        seal: Seal::Open,
        plan_bytes: budget::PLAN_BYTES_MAX,
    }
}

pub fn write(root: &Path, plan: &Plan) {
    Root::new(root).carry_out(plan).unwrap();
}

#[test]
fn everything_found_is_in_run() {
    let scratch = Scratch::new("found");
    let user = vec![
        part(1, "text/cloud-config", "part-001", "#cloud-config\na: 1\n"),
        part(
            2,
            "text/x-shellscript",
            "../../etc/passwd",
            "#!/bin/sh\necho hi\n",
        ),
        part(
            3,
            "text/cloud-boothook",
            "b",
            "#cloud-boothook\n#!/bin/sh\n",
        ),
    ];
    let vendor = vec![part(
        1,
        "text/x-shellscript",
        "v.sh",
        "#!/bin/sh -e\r\ntrue\r\n",
    )];
    let parts = vec![
        Parts {
            document: Document::UserData,
            parts: user,
        },
        Parts {
            document: Document::VendorData,
            parts: vendor,
        },
    ];
    let boot = Boot::new(instance("i-0123"), parts);
    assert_eq!(boot.warnings, []);
    let log = [Line {
        micros: 1_000_203,
        text: String::from("GET /\n\x1b[2J: 12 bytes"),
    }];
    let timings = [Timing {
        step: "probe",
        start_micros: 12,
        micros: 345,
    }];
    let outcome = Outcome {
        log: &log,
        timings: &timings,
        ..outcome(boot.found())
    };
    let (plan, warnings) = compile(&outcome);
    assert_eq!(warnings, []);
    write(&scratch.0, &plan);

    let names: Vec<&str> = plan.files().map(|(path, _, _)| path.as_str()).collect();
    let expected = [
        "cloudseed/cloud-config.yaml",
        "cloudseed/handover/hint/cloud-init/.ds-identify.result",
        "cloudseed/handover/hint/cloud-init/cloud.cfg",
        "cloudseed/handover/seed/cloud-init/.ds-identify.result",
        "cloudseed/handover/seed/cloud-init/cloud.cfg",
        "cloudseed/handover/systemd/credentials/@initrd/ssh.authorized_keys.root",
        "cloudseed/handover/systemd/credentials/@initrd/system.hostname",
        "cloudseed/handover/systemd/credstore/ssh.authorized_keys.root",
        "cloudseed/handover/systemd/credstore/system.hostname",
        "cloudseed/handover/systemd/systemd/system/basic.target.d/50-cloudseed.conf",
        "cloudseed/handover/systemd/systemd/system/cloudseed-early.service",
        "cloudseed/handover/systemd/systemd/system/cloudseed-final.service",
        "cloudseed/handover/systemd/systemd/system/multi-user.target.d/50-cloudseed.conf",
        "cloudseed/instance-data-sensitive.json",
        "cloudseed/instance-data.json",
        "cloudseed/log",
        "cloudseed/meta-data",
        "cloudseed/metadata.env",
        "cloudseed/parts.json",
        "cloudseed/parts/001-part-001",
        "cloudseed/parts/002-.._.._etc_passwd",
        "cloudseed/parts/003-b",
        "cloudseed/parts/004-v.sh",
        "cloudseed/plan/001-boothook-b",
        "cloudseed/plan/002-vendor-v.sh",
        "cloudseed/plan/003-user-.._.._etc_passwd",
        "cloudseed/plan/accounts",
        "cloudseed/plan/instance-id",
        "cloudseed/plan/manifest",
        "cloudseed/plan/setup.sh",
        "cloudseed/result.json",
        "cloudseed/run",
        "cloudseed/seed/meta-data",
        "cloudseed/status",
        "cloudseed/user-data",
        "cloudseed/vendor-data",
    ];
    assert_eq!(names, expected);
    for (path, private) in [
        ("run/cloudseed/user-data", true),
        ("run/cloudseed/instance-data-sensitive.json", true),
        ("run/cloudseed/parts/001-part-001", true),
        ("run/cloudseed/metadata.env", false),
        ("run/cloudseed/instance-data.json", false),
        ("run/cloudseed/handover/hint/cloud-init/cloud.cfg", false),
        ("run/cloudseed/handover/seed/cloud-init/cloud.cfg", true),
    ] {
        let mode = fs::metadata(scratch.0.join(path))
            .unwrap()
            .permissions()
            .mode()
            & 0o777;
        assert_eq!(mode, if private { 0o600 } else { 0o644 }, "{path}");
    }
    assert_eq!(scratch.text("run/cloudseed/status"), "found\n");
    assert_eq!(
        scratch.text("run/cloudseed/log"),
        "[    1.000203] GET /  [2J: 12 bytes\n"
    );
    assert_eq!(
        scratch.text("run/cloudseed/plan/manifest"),
        "# group\tpart\tfile\tinterpreter\targument\n\
         boothook\t3\tplan/001-boothook-b\t/bin/sh\t\n\
         vendor\t4\tplan/002-vendor-v.sh\t/bin/sh\t-e\n\
         user\t2\tparts/002-.._.._etc_passwd\t/bin/sh\t\n"
    );
    assert_eq!(
        scratch.text("run/cloudseed/plan/002-vendor-v.sh"),
        "#!/bin/sh -e\ntrue\n"
    );
    assert_eq!(
        scratch.text("run/cloudseed/parts/004-v.sh"),
        "#!/bin/sh -e\r\ntrue\r\n"
    );
    assert_eq!(
        scratch.text("run/cloudseed/handover/hint/cloud-init/cloud.cfg"),
        "datasource_list: [ Ec2, None ]\n"
    );
    let result = scratch.json("run/cloudseed/result.json");
    assert_eq!(result.get("version"), Some(&Value::Int(1)));
    assert_eq!(result.get("instance_id"), Some(&"i-0123".into()));
    assert_eq!(result.get("parts"), Some(&Value::Int(4)));
    let parts = scratch.json("run/cloudseed/parts.json");
    let second = &parts.get("parts").unwrap().as_list().unwrap()[1];
    assert_eq!(second.get("filename"), Some(&"../../etc/passwd".into()));
    assert_eq!(second.get("file"), Some(&"002-.._.._etc_passwd".into()));
}

#[test]
fn instance_data_is_public_without_its_secrets() {
    let scratch = Scratch::new("redacted");
    let boot = Boot::new(instance("i-0123"), Vec::new());
    write(&scratch.0, &compile(&outcome(boot.found())).0);
    let public = scratch.json("run/cloudseed/instance-data.json");
    let private = scratch.json("run/cloudseed/instance-data-sensitive.json");
    for (path, secret) in [
        (&["ds", "meta_data", "Security-Credentials"][..], true),
        (&["ds", "meta_data", "nested", "user-data"], true),
        (&["ds", "meta_data", "local-ipv4"], false),
        (&["v1", "cloud_name"], false),
    ] {
        assert_eq!(public.at(path) == private.at(path), !secret, "{path:?}");
        assert!(private.at(path).is_some(), "{path:?}");
        let redacted = public.at(path) == Some(&"redacted for non-root user".into());
        assert_eq!(redacted, secret, "{path:?}");
    }
    for data in [&public, &private] {
        let list = |key: &str| data.get(key).unwrap().as_list().unwrap().to_vec();
        let sensitive = [
            "ds/meta_data/Security-Credentials",
            "ds/meta_data/nested/user-data",
        ];
        assert_eq!(list("sensitive_keys"), sensitive.map(Value::from));
        assert_eq!(
            list("base64_encoded_keys"),
            [Value::from("ds/meta_data/blob")]
        );
        assert_eq!(data.at(&["ds", "meta_data", "blob"]), Some(&"//4=".into()));
        for (key, value) in [
            ("local-hostname", "ip-10-0-0-1"),
            ("local_hostname", "ip-10-0-0-1"),
            ("instance_id", "i-0123"),
            ("cloud_id", "aws"),
            ("platform", "ec2"),
            ("subplatform", "metadata (http://169.254.169.254)"),
        ] {
            assert_eq!(data.at(&["v1", key]), Some(&value.into()), "{key}");
        }
    }
    assert!(
        !scratch
            .text("run/cloudseed/instance-data.json")
            .contains("secret\"")
    );
}

#[test]
fn each_ending_is_one_word_and_leaves_little() {
    let error = Error::new(
        Blame::Silent,
        "fetch ec2",
        "GET /",
        "status 200",
        "no answer (6 tries, 60 s)",
    );
    let boot = Boot::new(instance("i-1"), Vec::new());
    let warning = [Warning::new("decode", "part 1", "base 64", "\"?\"")];
    for (ending, warnings, word) in [
        (Ending::None, &[][..], "none"),
        (Ending::Named("Azure"), &[], "named"),
        (Ending::Disabled, &[], "disabled"),
        (Ending::Failed(&error), &warning, "failed"),
        (boot.found(), &warning, "degraded"),
    ] {
        let scratch = Scratch::new(&format!("ending-{word}"));
        let outcome = Outcome {
            warnings,
            ..outcome(ending)
        };
        let (plan, _) = compile(&outcome);
        write(&scratch.0, &plan);
        assert_eq!(scratch.text("run/cloudseed/status"), format!("{word}\n"));
        let result = scratch.json("run/cloudseed/result.json");
        assert_eq!(result.get("status"), Some(&word.into()));
        assert_eq!(result.get("error").unwrap().is_null(), word != "failed");
        assert_eq!(
            result.get("warnings").unwrap().as_list().unwrap().len(),
            warnings.len()
        );
        assert_eq!(
            plan.get("cloudseed/user-data").is_some(),
            word == "degraded"
        );
        assert_eq!(
            plan.get("cloudseed/handover/hint/cloud-init/cloud.cfg")
                .is_some(),
            ["degraded", "named"].contains(&word)
        );
    }
}

/// A document of the operator with a script, a boothook and a cloud-config.
fn vendor(document: Document) -> Parts {
    let parts = vec![
        part(1, "text/x-shellscript", "v.sh", "#!/bin/sh\n"),
        part(2, "text/cloud-boothook", "hook", "#!/bin/sh\n"),
        part(
            3,
            "text/cloud-config",
            "config",
            "#cloud-config\nfrom: vendor\n",
        ),
    ];
    Parts { document, parts }
}

#[test]
fn the_owner_rules_over_the_operator() {
    for (config, scripts, configs, prefix) in [
        ("a: 1", "boothook 3, boothook 6, vendor 5", 3, None),
        (
            "vendor_data: {enabled: false}",
            "boothook 6, vendor 5",
            2,
            None,
        ),
        ("vendor_data: 1", "boothook 6, vendor 5", 2, None),
        (
            "vendor_data: {disabled_handlers: [text/cloud-boothook]}",
            "boothook 6, vendor 5",
            3,
            None,
        ),
        (
            "vendor_data2: {disabled_handlers: [text/x-shellscript, text/cloud-config]}",
            "boothook 3, boothook 6, vendor 2",
            2,
            None,
        ),
        (
            "vendor_data: {prefix: [nice, -n, '5']}\nvendor_data2: {enabled: no}",
            "boothook 3, vendor 2",
            2,
            Some("nice\n-n\n5\n"),
        ),
    ] {
        let text = format!("#cloud-config\n{config}\n");
        let parts = vec![
            Parts {
                document: Document::UserData,
                parts: vec![part(1, "text/cloud-config", "c", &text)],
            },
            vendor(Document::VendorData),
            vendor(Document::VendorData2),
        ];
        let boot = Boot::new(instance("i-1"), parts);
        let (plan, _) = compile(&outcome(boot.found()));
        let manifest = std::str::from_utf8(plan.get("cloudseed/plan/manifest").unwrap()).unwrap();
        let lines = manifest.lines().skip(1).map(|line| {
            let mut fields = line.split('\t');
            format!("{} {}", fields.next().unwrap(), fields.next().unwrap())
        });
        assert_eq!(
            lines.collect::<Vec<String>>().join(", "),
            scripts,
            "{config}"
        );
        let is_config = |path: &str| path.ends_with("cloud-config.yaml");
        let found = plan
            .files()
            .filter(|(path, _, _)| is_config(path.as_str()))
            .count();
        assert_eq!(found, configs, "{config}");
        let words = plan
            .files()
            .filter(|(path, _, _)| path.as_str().contains("/vendor-prefix/"));
        let words: String = words
            .map(|(_, _, word)| format!("{}\n", String::from_utf8_lossy(word)))
            .collect();
        assert_eq!(words, prefix.unwrap_or_default(), "{config}");
        let invalid = boot
            .warnings
            .iter()
            .any(|warning| warning.place == "cloud-config, vendor_data");
        assert_eq!(invalid, config == "vendor_data: 1", "{config}");
        assert!(
            plan.get("cloudseed/parts/002-v.sh").is_some(),
            "delivered all the same"
        );
    }
}

#[test]
fn a_cloud_whose_names_keep_their_domain_means_the_whole() {
    for (owner, accounts, prefers) in [
        ("a: 1", "host\tweb.example.com\n", true),
        ("hostname: mine", "host\tmine\n", false),
        ("fqdn: mine.example.org", "host\tmine\n", false),
    ] {
        let mut instance = instance("i-1");
        (instance.hostname, _) = Hostname::whole("web.example.com");
        instance.keeps_domain = true;
        let text = format!("#cloud-config\n{owner}\n");
        let owner = Parts {
            document: Document::UserData,
            parts: vec![part(1, "text/cloud-config", "c", &text)],
        };
        let boot = Boot::new(instance, vec![owner]);
        let (plan, _) = compile(&outcome(boot.found()));
        let text_of = |path: &str| String::from_utf8_lossy(plan.get(path).unwrap()).into_owned();
        let made = text_of("cloudseed/plan/accounts");
        assert!(made.contains(accounts), "{text}: {made}");
        let config = text_of("cloudseed/handover/seed/cloud-init/cloud.cfg");
        let found = config.contains("prefer_fqdn_over_hostname: true");
        assert_eq!(found, prefers, "{text}: {config}");
    }
}

#[test]
fn two_documents_of_the_operator_are_one_where_that_means_the_same() {
    let script = |document, name| Parts {
        document,
        parts: vec![part(1, "text/x-shellscript", name, "#!/bin/sh\n")],
    };
    let [first, second] = [Document::VendorData, Document::VendorData2];
    for (owner, vendors, enough) in [
        ("a: 1", [vendor(first), script(second, "w.sh")], true),
        ("a: 1", [script(first, "w.sh"), vendor(second)], true),
        (
            "a: 1",
            [script(first, "w.sh"), script(second, "w.sh")],
            false,
        ),
        ("a: 1", [vendor(first), vendor(second)], false),
        (
            "vendor_data2: {enabled: false}",
            [script(first, "v.sh"), script(second, "w.sh")],
            false,
        ),
    ] {
        let mut instance = instance("i-1");
        for document in [first, second] {
            let bytes = document.name().as_bytes().to_vec();
            instance.documents.replace(document, Some(bytes.into()));
        }
        let text = format!("#cloud-config\n{owner}\n");
        let owner = Parts {
            document: Document::UserData,
            parts: vec![part(1, "text/cloud-config", "c", &text)],
        };
        let boot = Boot::new(instance, [vec![owner], vendors.into()].concat());
        let (plan, _) = compile(&outcome(boot.found()));
        let result = json::read(plan.get("cloudseed/result.json").unwrap()).unwrap();
        let lacks = result.at(&["handover", "lacks"]).unwrap();
        assert_eq!(lacks.is_null(), enough, "{text}");
        // Where a seed it must be, what the owner does not allow is not in it.
        let seed = plan.get("cloudseed/seed/vendor-data").unwrap();
        let has_second = seed != first.name().as_bytes();
        assert_eq!(has_second, !text.contains("vendor_data2"), "{text}");
    }
}

#[test]
fn a_platform_that_is_only_named_is_named_to_cloud_init() {
    let scratch = Scratch::new("named");
    let (plan, warnings) = compile(&outcome(Ending::Named("Azure")));
    assert_eq!(warnings, []);
    write(&scratch.0, &plan);
    let hint = "run/cloudseed/handover/hint/cloud-init";
    let list = "datasource_list: [ Azure, None ]\n";
    assert_eq!(scratch.text(&format!("{hint}/cloud.cfg")), list);
    assert_eq!(scratch.text(&format!("{hint}/.ds-identify.result")), "0\n");
    assert_eq!(
        scratch.text("run/cloudseed/metadata.env"),
        "CLOUDSEED_STATUS=\"named\"\nCLOUDSEED_PLATFORM=\"Azure\"\n"
    );
    let result = scratch.json("run/cloudseed/result.json");
    assert_eq!(result.get("platform"), Some(&"Azure".into()));
    for (found, list) in [
        (&["Azure", "OVF", "None"][..], "Azure, OVF, None"),
        (&["Azure"], "Azure, None"),
        (&["Hetzner", "None"], "Azure, None"),
    ] {
        let found: Vec<String> = found.iter().map(ToString::to_string).collect();
        let mut outcome = outcome(Ending::Named("Azure"));
        outcome.identified.datasources = &found;
        let hint = compile(&outcome)
            .0
            .get("cloudseed/handover/hint/cloud-init/cloud.cfg")
            .unwrap()
            .to_vec();
        let expected = format!("datasource_list: [ {list} ]\n");
        assert_eq!(String::from_utf8(hint).as_deref(), Ok(expected.as_str()));
    }
}

/// The paths of the files that everybody may read and that hold one of these words.
fn told(plan: &Plan, words: &[&str]) -> Vec<String> {
    let public = plan.files().filter(|(_, mode, _)| *mode == Mode::Public);
    let holds = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes);
        words.iter().any(|word| text.contains(word))
    };
    public
        .filter(|(_, _, bytes)| holds(bytes))
        .map(|(path, _, _)| String::from(path.as_str()))
        .collect()
}

#[test]
fn no_document_is_for_everybody_wherever_a_cloud_puts_it() {
    let document = "#!/bin/sh\necho hunter2 | passwd --stdin root\n";
    let base64 = STANDARD.encode(document);
    let words = ["hunter2", base64.as_str()];
    let leaf = || Value::from(document);
    let map = |key: &str, value: Value| Value::Map(Map::from_iter([(key, value)]));
    let in_lines = format!("{}\r\n{}", &base64[..20], &base64[20..]);
    for tree in [
        map("vendor_data", leaf()),
        map("x-odd", leaf()),
        map("x-odd", document.trim_end().into()),
        map("x-odd", format!("begin\n{document}end\n").into()),
        map("x-odd", base64.as_str().into()),
        map("x-odd", in_lines.into()),
        map("x-odd", Value::Bytes(document.as_bytes().to_vec())),
        map("x-odd", vec![Value::Null, leaf()].into()),
        map("x-odd", vec![map("a", vec![leaf()].into())].into()),
        Value::Map(Map::from_iter([(Value::Int(7), map("deep", leaf()))])),
        map("instance-type", leaf()),
    ] {
        for documents in [
            Documents::default().with(Document::UserData, Some(document.as_bytes().to_vec())),
            Documents::default().with(Document::VendorData2, Some(document.as_bytes().to_vec())),
        ] {
            let mut instance = instance("i-1");
            instance.meta_data = tree.clone();
            instance.documents = documents;
            let boot = Boot::new(instance, Vec::new());
            let (plan, _) = compile(&outcome(boot.found()));
            assert_eq!(told(&plan, &words), [""; 0], "{tree:?}");
            let public = plan.get("cloudseed/instance-data.json").unwrap();
            let public = String::from_utf8_lossy(public);
            assert!(public.contains("redacted for non-root user"), "{public}");
            let sensitive = plan.get("cloudseed/instance-data-sensitive.json").unwrap();
            assert!(!String::from_utf8_lossy(sensitive).contains("redacted"));
        }
    }
}

#[test]
fn a_short_document_is_hidden_and_its_letters_elsewhere_are_not() {
    let mut instance = instance("i-1");
    instance.meta_data = Value::Map(Map::from_iter([
        ("public-hostname", "hunter2"),
        ("pass", "hunter2\n"),
        ("local-ipv4", "hunter2.example.com"),
    ]));
    instance.documents = Documents::default().with(Document::UserData, Some(b"hunter2\n".to_vec()));
    let boot = Boot::new(instance, Vec::new());
    let (plan, _) = compile(&outcome(boot.found()));
    assert_eq!(told(&plan, &["hunter2\""]), [""; 0]);
    let environment = plan.get("cloudseed/metadata.env").unwrap();
    assert!(String::from_utf8_lossy(environment).contains("LOCAL_IPV4=\"hunter2.example.com\""));
}
