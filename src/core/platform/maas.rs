//! MAAS: plain documents over HTTP, each request signed with keys that cloud-init's configuration has.
//!
//! How to know it: nothing on the machine tells; its owner names it, and `datasource.MAAS` of the configuration says where the
//! service is. What to ask: instance-id, host name, public keys, vendor-data and user-data. A signature carries the time: where
//! the machine's clock is wrong the service refuses it, and its own time is taken from then on. Source: MAAS's metadata API
//! (version 2012-03-01), RFC 5849, and cloud-init's behaviour.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::time::Duration;

use super::{Needs, PLAIN, Platform, Way};
use crate::dialect::vendor;
use crate::fetch::Cloud;
use crate::fetch::service::{Service, Sign, Stamp};
use crate::fetch::tries::{Meaning, usual};
use crate::instance::{Document, Documents, Instance, Source, Told};
use crate::outside::Network;
use crate::rule::Rule;
use crate::url::percent_encoded;
use crate::value::{Map, Value};
use crate::warning::{Blame, Error};

/// Metal as a Service.
pub static PLATFORM: Platform = Platform {
    name: "MAAS",
    ways: &[Way {
        sign: Rule::Never(
            "nothing on the machine tells MAAS: it has to be named, by ds=MAAS or as the only datasource",
        ),
        needs: Needs::Network(Network::Any),
        asks: &[
            "datasource.MAAS of cloud-init's configuration: metadata_url and keys",
            "GET URL/2012-03-01/meta-data/instance-id, local-hostname, public-keys, vendor-data (signed)",
            "GET URL/2012-03-01/user-data (signed)",
        ],
        read: Some(read),
    }],
    before_initramfs: true,
    ..PLAIN
};

const VERSION: &str = "/2012-03-01";

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let settings = cloud.settings;
    let nothing = Map::new();
    let configured = settings.datasource(PLATFORM.name).unwrap_or(&nothing);
    let url = configured.get("metadata_url").and_then(Value::as_text);
    let Some(url) = url.filter(|url| !url.is_empty()) else {
        // Whoever installed the machine has told its root, and perhaps not this initramfs.
        return Err(Error {
            blame: Blame::Elsewhere,
            ..cloud.broken("datasource.MAAS.metadata_url", "a URL", "none")
        });
    };
    let keys = Keys::read(configured);
    let keys = keys.map_err(|found| cloud.broken("datasource.MAAS", Keys::EXPECTED, found))?;
    let mut service = cloud.reach(&[url.trim_end_matches('/')])?;
    service.base += VERSION;
    service.meaning = meaning;
    if keys.is_some() {
        service.sign = keys.map(|keys| keys.sign(Duration::ZERO, Duration::ZERO));
        service.renew = Some(set_clock);
    }
    instance(cloud, &mut service, url)
}

/// A refused signature is one of a wrong time, perhaps.
fn meaning(status: u16) -> Meaning {
    match status {
        403 => Meaning::Denied,
        status => usual(status),
    }
}

fn instance(cloud: &mut Cloud, service: &mut Service, url: &str) -> Result<Instance, Error> {
    let mut meta_data = Map::new();
    for key in ["instance-id", "local-hostname"] {
        let text = service.get(cloud, &format!("/meta-data/{key}"))?;
        meta_data.insert(key, &*String::from_utf8_lossy(&text));
    }
    if let Some(keys) = service.get_or_warn(cloud, "/meta-data/public-keys") {
        meta_data.insert("public-keys", &*String::from_utf8_lossy(&keys));
    }
    let vendor_data = service.get_or_warn(cloud, "/meta-data/vendor-data");
    let vendor_data = vendor_data.and_then(|document| vendor_data_of(cloud, &document));
    let user_data = service.get_or_warn(cloud, "/user-data");
    let source = Source::seed_dir(crate::url::shown(url).to_string());
    let told = Told {
        documents: Documents::default()
            .with(Document::UserData, user_data)
            .with(Document::VendorData, vendor_data),
        ..Told::by_meta_data("maas", source, meta_data)
    };
    cloud.instance(told)
}

fn vendor_data_of(cloud: &mut Cloud, document: &[u8]) -> Option<Vec<u8>> {
    let place = "meta-data/vendor-data";
    let expected = "a map with `cloud-init`, or text";
    match crate::yaml::read(document) {
        Ok(value) => vendor::document(&value, |kind| cloud.warn(place, expected, kind)),
        Err(error) => {
            cloud.warn(place, expected, error);
            None
        }
    }
}

/// The keys of RFC 5849, of which each request is signed with all.
#[derive(Clone)]
struct Keys {
    consumer: String,
    consumer_secret: String,
    token: String,
    token_secret: String,
}

impl Keys {
    const EXPECTED: &'static str = "all of consumer_key, token_key and token_secret, or none";

    /// Those of a configuration, if there are any; what is there if they are not whole.
    fn read(configured: &Map) -> Result<Option<Keys>, &'static str> {
        let text = |key: &str| {
            configured
                .get(key)
                .and_then(Value::to_text)
                .unwrap_or_default()
        };
        let keys = Keys {
            consumer: text("consumer_key"),
            consumer_secret: text("consumer_secret"),
            token: text("token_key"),
            token_secret: text("token_secret"),
        };
        let required = [&keys.consumer, &keys.token, &keys.token_secret];
        match required.iter().filter(|key| key.is_empty()).count() {
            0 => Ok(Some(keys)),
            3 => Ok(None),
            _ => Err("some of them"),
        }
    }

    /// Signs with the machine's time, corrected by `ahead` less `behind`.
    fn sign(self, ahead: Duration, behind: Duration) -> Sign {
        Box::new(move |stamp: &Stamp| {
            let time = stamp.wall.saturating_add(ahead).saturating_sub(behind);
            ("Authorization", self.header(time.as_secs(), stamp.nonce))
        })
    }

    /// ```text
    /// header    = "OAuth " parameter *( ", " parameter )
    /// parameter = name "=" DQUOTE percent-encoded DQUOTE
    /// ```
    /// RFC 5849, sections 3.4.4 (PLAINTEXT: the signature is both secrets) and 3.5.1.
    fn header(&self, time: u64, nonce: u64) -> String {
        let signature = [&self.consumer_secret, &self.token_secret].map(|key| percent_encoded(key));
        let parameters = [
            ("nonce", nonce.to_string()),
            ("timestamp", time.to_string()),
            ("version", String::from("1.0")),
            ("signature_method", String::from("PLAINTEXT")),
            ("consumer_key", self.consumer.clone()),
            ("token", self.token.clone()),
            ("signature", signature.join("&")),
        ];
        let parameters = parameters.map(|(name, value)| {
            let value = percent_encoded(&value);
            format!("oauth_{name}=\"{value}\"")
        });
        format!("OAuth {}", parameters.join(", "))
    }
}

/// Takes the service's time for the machine's, once.
fn set_clock(
    cloud: &mut Cloud,
    service: &mut Service,
    date: Option<Duration>,
) -> Result<(), Error> {
    let wall = cloud.outside.wall();
    let nothing = Map::new();
    let configured = cloud.settings.datasource(PLATFORM.name).unwrap_or(&nothing);
    let keys = Keys::read(configured).ok().flatten();
    if let (Some(keys), Some(date)) = (keys, date) {
        let (ahead, behind) = (date.saturating_sub(wall), wall.saturating_sub(date));
        let seconds = (ahead + behind).as_secs();
        cloud.note(format_args!(
            "the clock of MAAS differs by {seconds} s: its time is taken"
        ));
        service.sign = Some(keys.sign(ahead, behind));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_signed_by_both_secrets() {
        let keys = Keys {
            consumer: String::from("c k"),
            consumer_secret: String::new(),
            token: String::from("t"),
            token_secret: String::from("s&"),
        };
        assert_eq!(
            keys.header(1_400_000_000, 7),
            "OAuth oauth_nonce=\"7\", oauth_timestamp=\"1400000000\", oauth_version=\"1.0\", \
             oauth_signature_method=\"PLAINTEXT\", oauth_consumer_key=\"c%20k\", oauth_token=\"t\", \
             oauth_signature=\"%26s%2526\""
        );
    }

    #[test]
    fn keys_are_there_whole_or_not_at_all() {
        let some = Map::from_iter([("consumer_key", "c"), ("token_key", "t")]);
        assert!(Keys::read(&some).is_err());
        assert!(Keys::read(&Map::new()).is_ok_and(|keys| keys.is_none()));
    }
}
