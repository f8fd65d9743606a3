//! The password server of CloudStack's virtual router, and of Exoscale, which came from it.
//!
//! ```text
//!   request = GET with the header "DomU_Request: send_my_password" / "DomU_Request: saved_password"
//!   answer  = password / "saved_password" / "bad_request" / ""
//! ```
//! A password that was asked for is told until somebody says that it is saved. Source: CloudStack's "Adding Password Management
//! to Templates", and cloud-init's behaviour. On purpose otherwise: where cloud-init asks after us, the password is left to it, so
//! that it is still told; and a router without such a server, which is usual, is no reason to warn.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use crate::fetch::Cloud;
use crate::fetch::service::{Question, Service};
use crate::outside::{At, Method};
use crate::settings::{Handover, Seal};
use crate::url::Url;
use crate::value::{Map, Value};
use crate::warning::Blame;

/// How long the server may take, in seconds: there may be none, and nobody there who says so.
const SECONDS_MAX: u64 = 3;
/// Longest password that is taken, in bytes.
const BYTES_MAX: usize = 512;
/// What its answers are called in warnings, and what they have to be.
const PLACE: &str = "password server";
const EXPECTED: &str = "a password of one line";
/// Where it listens, unless somebody says otherwise.
pub const PORT: u16 = 8080;

/// The configuration that the server has for the default user, at this port of the host of the metadata's service, below this path:
/// its password, if there is one.
pub fn config(cloud: &mut Cloud, base: &str, port: u16, path: &str) -> Map {
    let host = Url::parse(base).map_or("", |url| url.host());
    let bracketed = if host.contains(':') {
        ["[", "]"]
    } else {
        [""; 2]
    };
    let mut service = Service::new(&format!("http://{}:{port}", bracketed.join(host)), At::Host);
    let most = Duration::from_secs(SECONDS_MAX);
    let password = cloud.within(most, |cloud| {
        let password = ask(cloud, &mut service, path, "send_my_password");
        password.filter(|password| is_one(cloud, password))
    });
    let Some(password) = password else {
        return Map::new();
    };
    let settings = cloud.settings;
    if settings.handover == Handover::Seed || settings.seal() > Seal::Open {
        let path = String::from(path);
        cloud.once_accepted(move |cloud| {
            cloud.within(most, |cloud| {
                ask(cloud, &mut service, &path, "saved_password")
            });
        });
    }
    Map::from_iter([
        ("ssh_pwauth", Value::Bool(true)),
        ("password", password.into()),
        ("chpasswd", Map::from_iter([("expire", false)]).into()),
    ])
}

/// One request; nothing where there is no such server.
fn ask(cloud: &mut Cloud, service: &mut Service, path: &str, what: &str) -> Option<String> {
    let question = Question {
        headers: &[("DomU_Request", what)],
        optional: true,
        ..Question::new(Method::Get, path)
    };
    match service.ask(cloud, &question) {
        Ok(answer) => {
            let Ok(text) = String::from_utf8(answer?.body) else {
                cloud.warn(PLACE, EXPECTED, "bytes that are no text");
                return None;
            };
            Some(String::from(text.trim()))
        }
        Err(error) if error.blame == Blame::Silent => {
            cloud.note(format_args!("no password server: {error}"));
            None
        }
        Err(error) => {
            cloud.warnings.push(error.what);
            None
        }
    }
}

/// Whether an answer is a password. It is never quoted.
fn is_one(cloud: &mut Cloud, answer: &str) -> bool {
    let found = match answer {
        "" | "saved_password" => return false,
        "bad_request" => "bad_request",
        _ if answer.len() > BYTES_MAX => "a longer one",
        _ if answer.chars().any(char::is_control) => "several lines",
        _ => return true,
    };
    cloud.warn(PLACE, EXPECTED, found);
    false
}
