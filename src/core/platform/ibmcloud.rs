//! IBMCloud: on Xen, a volume labelled METADATA, or a config drive beside a volume with a UUID of theirs.

use alloc::format;
use alloc::string::String;

use super::{Needs, Platform, Way};
use crate::note::Note;
use crate::rule::kin;
use crate::rule::{Inquiry, Rule, Verdict};

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
        asks: &[],
        read: None,
    }],
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
