//! `cloudseed platforms`: how each platform is known, what network it needs, what is asked; from the static records.

use std::io::{self, Write};
use std::process::ExitCode;

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
    /// Prints to `out`; 1 if there is no platform of the name.
    pub fn run(self, out: &mut dyn Write) -> io::Result<ExitCode> {
        let chosen: Vec<&Platform> = match &self.name {
            Some(name) => named(name).into_iter().collect(),
            None => PLATFORMS.to_vec(),
        };
        if chosen.is_empty() {
            eprintln!("cloudseed platforms: no platform of this name");
            return Ok(ExitCode::FAILURE);
        }
        if self.json {
            let records: Vec<Value> = chosen.iter().map(|platform| record(platform)).collect();
            writeln!(out, "{}", json::write_indented(&Value::List(records)))?;
        } else {
            for platform in chosen {
                describe(platform, out)?;
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn describe(platform: &Platform, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", platform.name)?;
    writeln!(out, "  known by  {}", platform.rule)?;
    match platform.fetch {
        Some(_) => writeln!(out, "  needs     {}", needs(platform.network))?,
        None => writeln!(out, "  fetched   by cloud-init, which is told the name")?,
    }
    for ask in platform.asks {
        writeln!(out, "  asked     {ask}")?;
    }
    Ok(())
}

fn record(platform: &Platform) -> Value {
    let mut record = Map::new();
    record.insert("name", platform.name);
    record.insert("rule", platform.rule.to_string());
    record.insert("network", needs(platform.network));
    record.insert("asks", platform.asks.iter().map(|ask| Value::from(*ask)).collect::<Vec<_>>());
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
