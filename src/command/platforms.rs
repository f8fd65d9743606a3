//! `cloudseed platforms`: how each platform is known, what that takes, what is asked; from the static records.

use argh::FromArgs;
use cloudseed_core::json;
use cloudseed_core::outside::Network;
use cloudseed_core::platform::{Needs, PLATFORMS, Platform, Way};
use cloudseed_core::value::{Map, Value};

use super::platform;

/// show how each platform is known, what network it needs, and what is asked
#[derive(FromArgs)]
#[argh(subcommand, name = "platforms")]
pub struct Platforms {
    /// only this platform
    #[argh(positional)]
    name: Option<String>,
    /// print one JSON document
    #[argh(switch)]
    json: bool,
}

impl Platforms {
    /// The table, or the records; an error if there is no platform of the name.
    pub fn shown(&self) -> Result<String, String> {
        let chosen: Vec<&Platform> = match &self.name {
            Some(name) => {
                Vec::from([platform(name).map_err(|error| format!("platforms: {error}"))?])
            }
            None => PLATFORMS.to_vec(),
        };
        if self.json {
            let records: Vec<Value> = chosen.iter().map(|platform| record(platform)).collect();
            return Ok(json::write_indented(&Value::List(records)));
        }
        let described: Vec<String> = chosen.into_iter().map(described).collect();
        Ok(described.join("\n"))
    }
}

fn described(platform: &Platform) -> String {
    let mut lines = format!("{}\n", platform.name);
    for way in platform.ways {
        lines += &format!("  known by  {}\n", way.sign);
        lines += &match way.read {
            Some(_) => format!("  needs     {}\n", needs(way.needs)),
            None => String::from("  read      by cloud-init, which is told the name\n"),
        };
        for ask in way.asks {
            lines += &format!("  asked     {ask}\n");
        }
    }
    lines
}

fn record(platform: &Platform) -> Value {
    let ways: Vec<Value> = platform.ways.iter().map(way).collect();
    Map::from_iter([
        ("name", Value::from(platform.name)),
        ("fetched", platform.is_read().into()),
        ("ways", ways.into()),
    ])
    .into()
}

fn way(way: &Way) -> Value {
    let asks: Vec<Value> = way.asks.iter().map(|ask| Value::from(*ask)).collect();
    Map::from_iter([
        ("sign", Value::from(way.sign.to_string())),
        ("needs", needs(way.needs).into()),
        ("asks", asks.into()),
        ("read", way.read.is_some().into()),
    ])
    .into()
}

fn needs(needs: Needs) -> &'static str {
    match needs {
        Needs::Nothing | Needs::Network(Network::None) => "no network",
        Needs::Port => "no network, but a port to the host",
        Needs::Network(Network::LinkLocal4) => "an IPv4 link-local address",
        Needs::Network(Network::Dhcp4) => "IPv4 by DHCP, else link-local",
        Needs::Network(Network::Any) => "IPv4 by DHCP, else link-local, or IPv6",
    }
}
