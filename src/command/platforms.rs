//! `cloudseed platforms`: how each platform is known, what network it needs, what is asked; from the static records.

use argh::FromArgs;
use cloudseed_core::fetch::Network;
use cloudseed_core::json;
use cloudseed_core::platform::{PLATFORMS, Platform, named};
use cloudseed_core::value::{Map, Value};

/// How each platform is known, what network it needs, what is asked.
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
            Some(name) => named(name).into_iter().collect(),
            None => PLATFORMS.to_vec(),
        };
        if chosen.is_empty() {
            return Err(String::from(
                "platforms: expected the name of a platform, but found another",
            ));
        }
        if self.json {
            let records: Vec<Value> = chosen.iter().map(|platform| record(platform)).collect();
            return Ok(json::write_indented(&Value::List(records)));
        }
        let described: Vec<String> = chosen.into_iter().map(described).collect();
        Ok(described.join("\n"))
    }
}

fn described(platform: &Platform) -> String {
    let mut lines = format!("{}\n  known by  {}\n", platform.name, platform.rule);
    lines += &match platform.fetch {
        Some(_) => format!("  needs     {}\n", needs(platform.network)),
        None => String::from("  fetched   by cloud-init, which is told the name\n"),
    };
    for ask in platform.asks {
        lines += &format!("  asked     {ask}\n");
    }
    lines
}

fn record(platform: &Platform) -> Value {
    let mut record = Map::new();
    record.insert("name", platform.name);
    record.insert("rule", platform.rule.to_string());
    record.insert("network", needs(platform.network));
    record.insert(
        "asks",
        platform
            .asks
            .iter()
            .map(|ask| Value::from(*ask))
            .collect::<Vec<_>>(),
    );
    record.insert("fetched", platform.fetch.is_some());
    record.into()
}

fn needs(network: Network) -> &'static str {
    match network {
        Network::None => "no network",
        Network::LinkLocal4 => "an IPv4 link-local address",
        Network::Dhcp4 => "IPv4 by DHCP, else link-local",
        Network::Any => "IPv4 by DHCP, else link-local, or IPv6",
    }
}
