//! A router that advertises itself (RFC 4861, 4.2; RFC 8106, RFC 4191).

use std::net::Ipv6Addr;
use std::time::Duration;

use smoltcp::wire::Ipv6Cidr;

use super::neighbour::{ALL_NODES, HARDWARE};
use super::packet::{self, labels};
use super::words::Words;

const ADVERTISEMENT: u8 = 134;
const HOP_LIMIT: u8 = 64;
const MANAGED: u8 = 0x80;
const OTHER: u8 = 0x40;
/// Flags of a prefix: it is on this link, and addresses may be made from it.
const ON_LINK_AUTONOMOUS: u8 = 0xc0;

/// A line `router` of `cloud.conf`.
#[derive(Clone, Debug)]
pub struct Router {
    /// Its link-local address.
    pub address: Ipv6Addr,
    prefixes: Vec<Ipv6Cidr>,
    /// Its name servers.
    pub dns: Vec<Ipv6Addr>,
    search: Vec<String>,
    routes: Vec<Ipv6Cidr>,
    mtu: Option<u32>,
    flags: u8,
    lifetime: u16,
    preferred: u32,
    valid: u32,
    /// How often it advertises itself without being asked.
    pub every: Option<Duration>,
    /// Questions it leaves unanswered.
    pub skip: u32,
}

impl Router {
    /// Reads the rest of the line.
    pub fn parse(words: &mut Words) -> Result<Router, String> {
        let mut router = Router {
            address: words.parse("a link-local address like fe80::1")?,
            prefixes: Vec::new(),
            dns: Vec::new(),
            search: Vec::new(),
            routes: Vec::new(),
            mtu: None,
            flags: 0,
            lifetime: 1800,
            preferred: 3600,
            valid: 7200,
            every: None,
            skip: 0,
        };
        while let Some(word) = words.take() {
            match word {
                "prefix" => router.prefixes = words.list("prefixes")?,
                "dns" => router.dns = words.list("addresses")?,
                "search" => router.search = words.list("names")?,
                "routes" => router.routes = words.list("prefixes")?,
                "mtu" => router.mtu = Some(words.parse("a number of bytes")?),
                "flags" => router.flags = flags(words.next("flags")?)?,
                "lifetime" => router.lifetime = words.parse("a number of seconds")?,
                "preferred" => router.preferred = words.parse("a number of seconds")?,
                "valid" => router.valid = words.parse("a number of seconds")?,
                "every" => router.every = Some(words.time()?),
                "skip" => router.skip = words.parse("a number of questions")?,
                other => return Err(format!("expected a word of a router, but found {other}")),
            }
        }
        Ok(router)
    }

    /// The packet in which it advertises itself to everybody.
    pub fn advertisement(&self) -> Vec<u8> {
        let mut body = vec![ADVERTISEMENT, 0, 0, 0, HOP_LIMIT, self.flags];
        body.extend(self.lifetime.to_be_bytes());
        body.extend([0; 8]);
        option(&mut body, 1, HARDWARE.as_bytes());
        if let Some(mtu) = self.mtu {
            option(&mut body, 5, &[&[0; 2][..], &mtu.to_be_bytes()].concat());
        }
        for prefix in &self.prefixes {
            let mut data = vec![prefix.prefix_len(), ON_LINK_AUTONOMOUS];
            data.extend(self.valid.to_be_bytes());
            data.extend(self.preferred.to_be_bytes());
            data.extend([0; 4]);
            data.extend(prefix.address().octets());
            option(&mut body, 3, &data);
        }
        for route in &self.routes {
            let mut data = vec![route.prefix_len(), 0];
            data.extend(self.valid.to_be_bytes());
            data.extend(route.address().octets());
            option(&mut body, 24, &data);
        }
        let lifetime = u32::from(self.lifetime).to_be_bytes();
        if !self.dns.is_empty() {
            let mut data = [&[0; 2][..], &lifetime].concat();
            data.extend(self.dns.iter().flat_map(|address| address.octets()));
            option(&mut body, 25, &data);
        }
        if !self.search.is_empty() {
            let mut data = [&[0; 2][..], &lifetime].concat();
            data.extend(self.search.iter().flat_map(|name| labels(name)));
            option(&mut body, 31, &data);
        }
        packet::icmpv6(self.address, ALL_NODES, &mut body)
    }
}

fn flags(word: &str) -> Result<u8, String> {
    word.split(',').try_fold(0, |flags, name| match name {
        "managed" => Ok(flags | MANAGED),
        "other" => Ok(flags | OTHER),
        other => Err(format!("expected managed or other, but found {other}")),
    })
}

/// Adds an option, filled up to a multiple of eight bytes.
fn option(body: &mut Vec<u8>, kind: u8, data: &[u8]) {
    let units = (data.len() + 2).div_ceil(8);
    body.extend([kind, units as u8]);
    body.extend(data);
    body.resize(body.len() + units * 8 - data.len() - 2, 0);
}
