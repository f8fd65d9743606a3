//! IBMCloud: on Xen, a volume labelled METADATA, or a config drive beside a volume with a UUID of theirs.
//!
//! What to read: the documents of OpenStack's `latest`, of which cloud-init keeps fewer, and under other names. A machine
//! made from a template (METADATA) has its network configured already while it is provisioned. Source: cloud-init's behaviour.

use alloc::format;
use alloc::string::String;

use super::{Needs, PLAIN, Platform, Way};
use crate::dialect::openstack::{Answer, FILES};
use crate::dialect::seed::Place;
use crate::fetch::Cloud;
use crate::instance::{Document, Instance, Source, Told};
use crate::note::Note;
use crate::rule::kin;
use crate::rule::{Inquiry, Rule, Verdict};
use crate::value::Map;
use crate::warning::Error;

/// IBM Cloud, the classic infrastructure.
pub static PLATFORM: Platform = Platform {
    name: "IBMCloud",
    ways: &[Way {
        sign: Rule::Medium(
            &["METADATA", "metadata", "config-2", "CONFIG-2"],
            "virtualisation is xen, and a volume is labelled METADATA or metadata, or one is labelled config-2 or CONFIG-2 \
             and one has the UUID 9796-932E; not while the machine is being provisioned",
            decide,
        ),
        needs: Needs::Nothing,
        asks: &[
            "openstack/latest/meta_data.json, user_data, vendor_data.json, network_data.json of the volume",
        ],
        read: Some(read),
    }],
    ..PLAIN
};

fn decide(inquiry: &mut Inquiry) -> Verdict {
    let (provisioning, because) = kin::ibm_provisioning(inquiry.machine);
    let what = format!("ibm_provisioning={provisioning}: {because}");
    inquiry.note(Note::Debug(2, what));
    if provisioning {
        let what = "cloud-init disabled during provisioning on IBMCloud";
        inquiry.note(Note::Debug(1, String::from(what)));
        return Verdict::No(format!("the machine is being provisioned: {because}"));
    }
    kin::ibm_cloud(inquiry.machine)
}

/// The identifier of an instance without one: cloud-init's.
const DEFAULT_ID: &str = "iid-datasource";
/// What cloud-init calls otherwise, and all that it keeps beside the seed for random numbers.
const NAMES: [(&str, &str); 3] = [
    ("public_keys", "public-keys"),
    ("hostname", "local-hostname"),
    ("uuid", "instance-id"),
];

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let machine = cloud.machine;
    let Some((kind, volume)) = kin::ibm_volume(machine) else {
        let expected = "METADATA, or config-2 with IBM Cloud's UUID";
        return Err(cloud.broken("the label of a volume", expected, "neither"));
    };
    let place = Place::Volume(volume);
    let [meta_data, user_data, vendor_data, _, network_data] =
        FILES.map(|name| format!("openstack/latest/{name}"));
    let files = [
        place.read(cloud, &meta_data)?,
        place.read_or_warn(cloud, &user_data),
        place.read_or_warn(cloud, &vendor_data),
        None,
        place.read_or_warn(cloud, &network_data),
    ];
    let mut answer = Answer::read(cloud, files)?;
    if kind == kin::IBM_TEMPLATE {
        let disabled = b"config: disabled\nversion: 1\n".to_vec();
        answer
            .documents
            .put(Document::NetworkConfig, Some(disabled));
    } else {
        answer.put_network(cloud);
    }
    let source = Source {
        kind,
        place: format!("/dev/{}", volume.name),
    };
    let told = told(answer, source);
    cloud.instance(told)
}

fn told(answer: Answer, source: Source) -> Told {
    let Answer {
        meta_data: said,
        documents,
        network_data,
    } = answer;
    let seed = said.get("random_seed").cloned();
    let mut meta_data: Map = seed.into_iter().map(|seed| ("random_seed", seed)).collect();
    for (name, ours) in NAMES {
        if let Some(value) = said.get(name) {
            meta_data.insert(ours, value.clone());
        }
    }
    let told = Told::by_meta_data("ibmcloud", source, meta_data);
    Told {
        beside: Map::from_iter([("network_json", network_data)]),
        documents,
        ..told
    }
    .or_id(|| String::from(DEFAULT_ID))
}
