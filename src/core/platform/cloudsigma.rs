//! CloudSigma: the product is named so; its data come over a serial line.
//!
//! ```text
//!   question = "<" LF path LF ">"     ; an empty path asks for everything
//!   answer   = JSON LF EOT
//! ```
//! What to read: the server's definition. `meta` in it is the owner's: `ssh_public_key`, `cloudinit-user-data`, and
//! `base64_fields`, which names what of it is base 64; `vendor_data.cloudinit` is the operator's. Source: CloudSigma's "Server
//! context" page, and cloud-init's behaviour. On purpose otherwise: a server without a key is one all the same, and a field that
//! is not base 64 after all stays as it is.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::{Needs, PLAIN, Platform, Way};
use crate::dialect::encoded;
use crate::fetch::{Cloud, RESPONSE_BYTES_MAX};
use crate::instance::{Document, Documents, Instance, Source, Told};
use crate::machine::smbios::Field;
use crate::outside::{Failure, Port, Stream};
use crate::rule::{Match, Rule};
use crate::value::{Map, Value};
use crate::warning::{Blame, Error};

/// CloudSigma.
pub static PLATFORM: Platform = Platform {
    name: "CloudSigma",
    ways: &[Way {
        sign: Rule::Dmi(Field::ProductName, Match::Is("CloudSigma")),
        needs: Needs::Port,
        asks: &["/dev/ttyS1: the server's definition"],
        read: Some(read),
    }],
    ..PLAIN
};

/// The line to the host, and its speed in bits per second.
const SERIAL: (&str, u32) = ("/dev/ttyS1", 9600);
/// The question for everything.
const QUESTION: &[u8] = b"<\n\n>";
/// The sign behind an answer.
const END: u8 = 4;
/// Longest time that the answer may take, in seconds: cloud-init's.
pub const ANSWER_SECONDS_MAX: u64 = 60;
/// Longest host name, in characters.
const NAME_MAX: usize = 61;

fn read(cloud: &mut Cloud) -> Result<Instance, Error> {
    let (path, speed) = SERIAL;
    let port = Port::Serial { path, speed };
    let answer = cloud.within(Duration::from_secs(ANSWER_SECONDS_MAX), |cloud| {
        answer(cloud, &port)
    })?;
    let context = cloud.json_map(path, &answer)?;
    let told = told(
        cloud,
        context,
        Source {
            kind: "cepko",
            place: String::from(path),
        },
    )?;
    cloud.instance(told)
}

/// Opens the line, and asks for everything.
fn asked(cloud: &mut Cloud, port: &Port) -> Result<Box<dyn Stream>, Failure> {
    let left = cloud.remaining();
    let mut stream = cloud.outside.open(port, left)?;
    let mut chunk = [0; 1024];
    // What nobody has read of an answer before.
    while stream
        .read(&mut chunk, Duration::ZERO)
        .is_ok_and(|count| count > 0)
        && !cloud.remaining().is_zero()
    {}
    stream.write(QUESTION, cloud.deadline)?;
    Ok(stream)
}

fn answer(cloud: &mut Cloud, port: &Port) -> Result<Vec<u8>, Error> {
    let place = format!("{port}");
    let step = format!("fetch {}", cloud.name);
    let silent = |failure: Failure| {
        Error::new(
            Blame::Silent,
            step.clone(),
            place.clone(),
            "an answer",
            failure.found,
        )
    };
    let mut stream = asked(cloud, port).map_err(silent)?;
    let (mut answer, mut chunk) = (Vec::new(), [0; 1024]);
    while answer.len() <= RESPONSE_BYTES_MAX {
        let count = stream.read(&mut chunk, cloud.deadline).map_err(silent)?;
        let said = chunk.get(..count).unwrap_or_default();
        let mut lines = said.split(|byte| *byte == b'\n');
        let line = lines.next().unwrap_or_default().iter();
        answer.extend(line.filter(|byte| **byte != END));
        if lines.next().is_some() || count == 0 {
            return Ok(answer);
        }
    }
    let expected = format!("an answer of at most {RESPONSE_BYTES_MAX} bytes");
    Err(cloud.broken(&place, expected, "more"))
}

fn told(cloud: &mut Cloud, context: Map, source: Source) -> Result<Told, Error> {
    let nothing = Map::new();
    let Some(meta) = context.get("meta").and_then(Value::as_map) else {
        return Err(cloud.broken(&source.place, "meta", "none"));
    };
    let user_data = user_data(cloud, meta);
    let vendor = context.get("vendor_data").and_then(Value::as_map);
    let vendor_data = vendor.unwrap_or(&nothing).get("cloudinit");
    let vendor_data = vendor_data
        .and_then(Value::as_text)
        .map(|text| text.as_bytes().to_vec());
    let keys = meta.get("ssh_public_key").cloned().unwrap_or_default();
    Ok(Told {
        instance_id: context.get("uuid").and_then(Value::to_text),
        hostname: hostname(&context),
        keeps_domain: true,
        public_keys: keys,
        documents: Documents::default()
            .with(Document::UserData, Some(user_data))
            .with(Document::VendorData, vendor_data),
        ..Told::by_meta_data("cloudsigma", source, context)
    })
}

fn user_data(cloud: &mut Cloud, meta: &Map) -> Vec<u8> {
    const KEY: &str = "cloudinit-user-data";
    let text = |key: &str| meta.get(key).and_then(Value::as_text).unwrap_or_default();
    let said = text(KEY).as_bytes();
    if !text("base64_fields").split(',').any(|field| field == KEY) {
        return said.to_vec();
    }
    encoded::base64(said).unwrap_or_else(|found| {
        cloud.warn(KEY, "base 64, as base64_fields says", found);
        said.to_vec()
    })
}

/// The server's name where it is of the signs that cloud-init takes, else the beginning of its identifier.
fn hostname(context: &Map) -> Option<String> {
    let text = |key: &str| context.get(key).and_then(Value::as_text);
    let is_sign = |letter: char| matches!(letter, ' '..='_' | 'a'..='z');
    let name = text("name").filter(|name| !name.is_empty() && name.chars().all(is_sign));
    match name {
        Some(name) => Some(name.chars().take(NAME_MAX).collect()),
        None => text("uuid")?.split('-').next().map(String::from),
    }
}
