//! Exoscale: the tree of Ec2's first version, and a password server.
//!
//! How to know it: the name of the product begins so. What to ask: everything below `/1.0/meta-data/`, user-data, and the
//! password at another port. Source: Exoscale's "User Data and Metadata" page, and cloud-init's behaviour.

use super::{Needs, Platform, Way};
use crate::dialect::ec2::{self, Root};
use crate::dialect::password;
use crate::fetch::Cloud;
use crate::instance::{Document, Documents, Instance, Source, Told};
use crate::machine::smbios::Field;
use crate::outside::Network;
use crate::rule::{Match, Rule};
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
};

const HOST: &str = "169.254.169.254";
const ENDPOINTS: &[&str] = &["http://169.254.169.254"];
const META_DATA: &str = "/1.0/meta-data/";
const USER_DATA: &str = "/1.0/user-data";
const PASSWORD: &str = "/1.0/";

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let mut service = cloud.reach_configured("metadata_url", ENDPOINTS)?;
    let roots = [Root::Tree(META_DATA), Root::Document(USER_DATA)];
    let mut trees = ec2::crawl(cloud, &mut service, &roots)?;
    let user_data = trees.document(USER_DATA).map(<[u8]>::to_vec);
    let source = Source::metadata(&service.base);
    let told = Told {
        documents: Documents::default().with(Document::UserData, user_data),
        config: password::config(cloud, HOST, PASSWORD),
        ..Told::by_meta_data("exoscale", source, trees.take(0))
    };
    cloud.instance(told)
}
