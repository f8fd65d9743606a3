//! Held: what somebody else's DHCP client has learnt, read from where it keeps it, for when the network is the kernel's.
//!
//! systemd-networkd and klibc's ipconfig (and what stands in for it in initramfs-tools) leave a file for each interface, the
//! kernel's own client one for all. Which interface it asked on is not told there: the one with the default route.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::{IpAddr, Ipv4Addr};
use core::str::FromStr;

use super::dhcp::{self, LIST_ENTRIES_MAX, ROUTES_MAX};
use super::names;
use super::route::Routes;
use crate::machine::{Files, Link};
use crate::outside::learnt::{Learnt, LearntRoute, Lease};

/// An address that the kernel has on an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The interface's index.
    pub index: u32,
    /// The address.
    pub address: IpAddr,
    /// The length of its prefix.
    pub prefix: u8,
    /// True if it is good beyond the link.
    pub global: bool,
}

/// What is known of each interface that has an address; those with a default route first.
pub fn learnt(files: &dyn Files, links: &[Link], held: &[Held]) -> Vec<Learnt> {
    let routes = files.text("/proc/net/route").unwrap_or_default();
    let kernels = files.text("/proc/net/pnp").unwrap_or_default();
    let links = links.iter().filter(|link| !link.is_loopback());
    let all = links.filter_map(|link| {
        let held = held.iter().filter(|held| held.index == link.index);
        let addresses: Vec<(IpAddr, u8)> = held.map(|held| (held.address, held.prefix)).collect();
        let routes: Vec<LearntRoute> = main_routes(&routes, &link.name);
        let lease = lease(files, link).or_else(|| {
            let asked = kernels.starts_with("#PROTO: DHCP") && routes.iter().any(is_default);
            asked.then(|| of_kernel(&kernels, &addresses, &routes))?
        });
        (!addresses.is_empty()).then(|| Learnt {
            interface: link.name.clone(),
            mac: link.mac,
            mtu: link.mtu as usize,
            names: names_of(&lease),
            search: lease
                .iter()
                .flat_map(|lease| lease.search.clone())
                .collect(),
            addresses,
            routes,
            lease,
            lease6: None,
        })
    });
    let mut all: Vec<Learnt> = all.collect();
    all.sort_by_key(|learnt| !learnt.routes.iter().any(is_default));
    all
}

fn is_default(route: &LearntRoute) -> bool {
    route.prefix == 0
}

fn names_of(lease: &Option<Lease>) -> Vec<IpAddr> {
    let names = lease.iter().flat_map(|lease| &lease.names);
    names.map(|name| IpAddr::V4(*name)).collect()
}

fn lease(files: &dyn Files, link: &Link) -> Option<Lease> {
    let networkd = format!("/run/systemd/netif/leases/{}", link.index);
    let klibc = format!("/run/net-{}.conf", link.name);
    let networkd = files.text(&networkd);
    let networkd = networkd.and_then(|text| of_networkd(&Pairs::read(&text)));
    networkd.or_else(|| of_klibc(&Pairs::read(&files.text(&klibc)?)))
}

/// Lines `KEY=value`, the value perhaps in quotation marks; of several with one key the last.
struct Pairs<'a>(BTreeMap<&'a str, &'a str>);

impl<'a> Pairs<'a> {
    fn read(text: &'a str) -> Pairs<'a> {
        let pair = |line: &'a str| {
            let (key, value) = line.trim().split_once('=')?;
            Some((key, value.trim_matches(['"', '\''])))
        };
        Pairs(text.lines().filter_map(pair).collect())
    }

    fn text(&self, key: &str) -> Option<&'a str> {
        let text = self.0.get(key).copied();
        text.filter(|text| !text.is_empty() && !text.contains(char::is_control))
    }

    fn value<T: FromStr>(&self, key: &str) -> Option<T> {
        self.text(key)?.parse().ok()
    }

    /// An address that a host can have; `0.0.0.0` is how klibc writes that there is none.
    fn address(&self, key: &str) -> Option<Ipv4Addr> {
        self.value(key).filter(|address| dhcp::is_host(*address))
    }

    fn addresses(&self, key: &str) -> Vec<Ipv4Addr> {
        let words = self.words(key);
        let addresses = words.filter_map(|word| word.parse().ok());
        let addresses = addresses.filter(|address| dhcp::is_host(*address));
        addresses.take(LIST_ENTRIES_MAX).collect()
    }

    fn words(&self, key: &str) -> impl Iterator<Item = &'a str> {
        let text = self.text(key).unwrap_or_default();
        text.split_ascii_whitespace()
    }

    fn owned(&self, key: &str) -> Option<String> {
        self.text(key).map(String::from)
    }

    fn search(&self, key: &str) -> Vec<String> {
        let words = self.words(key).take(LIST_ENTRIES_MAX);
        words.map(String::from).collect()
    }

    fn prefix(&self, key: &str) -> u8 {
        let mask: Option<Ipv4Addr> = self.value(key);
        let prefix = mask.and_then(|mask| dhcp::prefix(mask.to_bits()));
        prefix.unwrap_or(32)
    }
}

/// The file of systemd-networkd (sd-dhcp-lease.c, which calls it private): what it knows of the lease, and of options only the
/// private ones, 224 to 254, in hexadecimal digits.
fn of_networkd(pairs: &Pairs) -> Option<Lease> {
    let routers = pairs.addresses("ROUTER");
    let routes: Vec<LearntRoute> = ["CLASSLESS_ROUTES", "ROUTES"]
        .into_iter()
        .flat_map(|key| pairs.words(key))
        .filter_map(route)
        .take(ROUTES_MAX)
        .collect();
    let routes = if routes.is_empty() {
        routers
            .first()
            .copied()
            .map(LearntRoute::default4)
            .into_iter()
            .collect()
    } else {
        routes
    };
    let option = |code: u8| Some((code, octets(pairs.text(&format!("OPTION_{code}"))?)?));
    let options: BTreeMap<u8, Vec<u8>> = (224..255).filter_map(option).collect();
    let wireserver = options
        .get(&dhcp::WIRESERVER)
        .and_then(|octets| <[u8; 4]>::try_from(octets.as_slice()).ok())
        .map(Ipv4Addr::from);
    Some(Lease {
        address: pairs.address("ADDRESS")?,
        prefix: pairs.prefix("NETMASK"),
        server: pairs.address("SERVER_ADDRESS"),
        seconds: pairs.text("LIFETIME").and_then(seconds),
        routers,
        routes,
        names: pairs.addresses("DNS"),
        time: pairs.addresses("NTP"),
        mtu: pairs.value("MTU"),
        hostname: pairs.owned("HOSTNAME"),
        domain: pairs.owned("DOMAINNAME"),
        search: pairs.search("DOMAIN_SEARCH_LIST"),
        wireserver: wireserver.filter(|server| dhcp::is_host(*server)),
        options,
    })
}

/// The file of klibc's ipconfig. Its `ROOTSERVER` is the server of the next step of a boot, not the one that leased.
fn of_klibc(pairs: &Pairs) -> Option<Lease> {
    let asked = pairs
        .text("PROTO")
        .is_some_and(|protocol| protocol == "dhcp");
    let routers: Vec<Ipv4Addr> = pairs.address("IPV4GATEWAY").into_iter().collect();
    let names = ["IPV4DNS0", "IPV4DNS1"].into_iter();
    let lease = Lease {
        address: pairs.address("IPV4ADDR")?,
        prefix: pairs.prefix("IPV4NETMASK"),
        server: None,
        seconds: pairs.value("DHCPLEASETIME"),
        routes: routers
            .first()
            .copied()
            .map(LearntRoute::default4)
            .into_iter()
            .collect(),
        routers,
        names: names.filter_map(|key| pairs.address(key)).collect(),
        time: Vec::new(),
        mtu: None,
        hostname: pairs.owned("HOSTNAME"),
        domain: pairs.owned("DNSDOMAIN"),
        search: pairs.search("DOMAINSEARCH"),
        wireserver: None,
        options: BTreeMap::new(),
    };
    asked.then_some(lease)
}

/// What the kernel's own client leaves: `domain` and `nameserver` as in resolv.conf(5); address and router are the kernel's.
fn of_kernel(text: &str, addresses: &[(IpAddr, u8)], routes: &[LearntRoute]) -> Option<Lease> {
    let own = addresses
        .iter()
        .find_map(|(address, prefix)| match address {
            IpAddr::V4(address) if !address.is_link_local() => Some((*address, *prefix)),
            _ => None,
        });
    let (address, prefix) = own?;
    let told = names::told(text);
    let four = |address: Option<IpAddr>| match address? {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    };
    let routers = routes.iter().filter(|route| is_default(route));
    Some(Lease {
        address,
        prefix,
        server: None,
        seconds: None,
        routers: routers.filter_map(|route| four(route.router)).collect(),
        routes: routes.to_vec(),
        names: told
            .servers
            .iter()
            .filter_map(|name| four(Some(*name)))
            .collect(),
        time: Vec::new(),
        mtu: None,
        hostname: None,
        domain: told.search.first().cloned(),
        search: Vec::new(),
        wireserver: None,
        options: BTreeMap::new(),
    })
}

/// The routes of an interface in the kernel's table of IPv4.
///
/// ```text
/// Iface  Destination  Gateway  Flags  RefCnt  Use  Metric  Mask  MTU  Window  IRTT     ; numbers in hexadecimal digits
/// ```
fn main_routes(table: &str, interface: &str) -> Vec<LearntRoute> {
    const UP: u32 = 1;
    // What stands there is how the number in network order looks to this machine.
    let address = |text: &str| {
        Some(Ipv4Addr::from(
            u32::from_str_radix(text, 16).ok()?.to_ne_bytes(),
        ))
    };
    let mut routes = Routes::default();
    for line in table.lines() {
        let fields: Vec<&str> = line.split_ascii_whitespace().collect();
        let [name, to, via, flags, _, _, _, mask, ..] = fields[..] else {
            continue;
        };
        let up = u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & UP != 0);
        let mask = address(mask).and_then(|mask| dhcp::prefix(mask.to_bits()));
        if let (Some(to), Some(via), Some(prefix)) = (address(to), address(via), mask)
            && name == interface
            && up
        {
            let router = (!via.is_unspecified()).then_some(IpAddr::V4(via));
            let network = IpAddr::V4(to);
            routes.add(LearntRoute {
                network,
                prefix,
                router,
            });
        }
    }
    routes.iter().copied().collect()
}

/// `10.0.0.0/8,10.0.0.1`
fn route(text: &str) -> Option<LearntRoute> {
    let (network, router) = text.split_once(',')?;
    let (network, prefix) = network.split_once('/')?;
    let network: Ipv4Addr = network.parse().ok()?;
    let router: Ipv4Addr = router.parse().ok()?;
    Some(LearntRoute {
        network: IpAddr::V4(network),
        prefix: prefix.parse().ok().filter(|prefix| *prefix <= 32)?,
        router: (!router.is_unspecified()).then_some(IpAddr::V4(router)),
    })
}

/// Pairs of hexadecimal digits.
fn octets(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes().chunks(2);
    let octets = digits.map(|digits| {
        let digits = core::str::from_utf8(digits)
            .ok()
            .filter(|digits| digits.len() == 2)?;
        u8::from_str_radix(digits, 16).ok()
    });
    octets.collect()
}

/// A span of time as systemd writes it: a number of seconds, or words like `11h 59min 30s`; `infinity` is the longest.
fn seconds(text: &str) -> Option<u32> {
    const UNITS: [(&str, u32); 7] = [
        ("", 1),
        ("s", 1),
        ("min", 60),
        ("h", 3_600),
        ("d", 86_400),
        ("w", 604_800),
        ("month", 2_629_800),
    ];
    if text == "infinity" {
        return Some(u32::MAX);
    }
    let part = |word: &str| {
        let end = word.find(|digit: char| !digit.is_ascii_digit());
        let (number, unit) = word.split_at(end.unwrap_or(word.len()));
        let (_, seconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
        number.parse::<u32>().ok()?.checked_mul(*seconds)
    };
    let mut words = text.split_ascii_whitespace();
    words.try_fold(0u32, |sum, word| sum.checked_add(part(word)?))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::machine::tree::Tree;

    fn link(name: &str, index: u32) -> Link {
        Link {
            name: String::from(name),
            index,
            mac: Some([2, 0, 0, 0, 0, index as u8]),
            hardware: 1,
            mtu: 1500,
            driver: None,
            physical: true,
            master: None,
            carrier: None,
        }
    }

    fn at(index: u32, address: &str, prefix: u8) -> Held {
        Held {
            index,
            address: address.parse().unwrap(),
            prefix,
            global: true,
        }
    }

    fn ip(text: &str) -> Ipv4Addr {
        text.parse().unwrap()
    }

    /// eth0: 10.0.0.0/24 on the link, everything else by 10.0.0.1.
    const ROUTES: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
        eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
        eth0\t0000000A\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0\n\
        eth1\t0000010A\t00000000\t0000\t0\t0\t100\t00FFFFFF\t0\t0\t0\n";

    #[test]
    fn networkd_has_kept_a_lease() {
        let sheet = Tree::of(&[(
            "/run/systemd/netif/leases/2",
            "# This is private data. Do not parse.\nADDRESS=10.0.0.5\nNETMASK=255.255.255.0\nROUTER=10.0.0.1 10.0.0.2\n\
             SERVER_ADDRESS=168.63.129.16\nNEXT_SERVER=10.9.9.9\nMTU=1400\nT1=30min\nLIFETIME=1d 30min 5s\nDNS=10.0.0.3 10.0.0.4\n\
             NTP=10.0.0.6\nDOMAINNAME=a.test\nDOMAIN_SEARCH_LIST=b.test c.test\nHOSTNAME=vm\n\
             CLASSLESS_ROUTES=0.0.0.0/0,10.0.0.1 10.2.0.0/16,0.0.0.0 broken\nCLIENTID=01\nOPTION_245=a83f8110\nOPTION_250=zz\n",
        )]);
        let learnt = learnt(&sheet, &[link("eth0", 2)], &[at(2, "10.0.0.5", 24)]);
        let lease = learnt[0].lease.as_ref().unwrap();
        assert_eq!((lease.address, lease.prefix), (ip("10.0.0.5"), 24));
        assert_eq!(lease.server, Some(ip("168.63.129.16")));
        assert_eq!(lease.routers, [ip("10.0.0.1"), ip("10.0.0.2")]);
        let to = |network: &str, prefix, router: Option<&str>| LearntRoute {
            network: network.parse().unwrap(),
            prefix,
            router: router.map(|router| router.parse().unwrap()),
        };
        let routes = [to("0.0.0.0", 0, Some("10.0.0.1")), to("10.2.0.0", 16, None)];
        assert_eq!(lease.routes, routes);
        assert_eq!((lease.seconds, lease.mtu), (Some(88_205), Some(1400)));
        assert_eq!(lease.names, [ip("10.0.0.3"), ip("10.0.0.4")]);
        assert_eq!(lease.time, [ip("10.0.0.6")]);
        assert_eq!(lease.hostname.as_deref(), Some("vm"));
        assert_eq!(lease.domain.as_deref(), Some("a.test"));
        assert_eq!(lease.search, ["b.test", "c.test"]);
        assert_eq!(lease.wireserver, Some(ip("168.63.129.16")));
        assert_eq!(lease.options.keys().collect::<Vec<_>>(), [&245]);
    }

    #[test]
    fn klibc_has_left_a_file() {
        const FILE: &str = "DEVICE='eth0'\nPROTO='dhcp'\nIPV4ADDR='10.0.0.5'\nIPV4BROADCAST='10.0.0.255'\n\
            IPV4NETMASK='255.255.255.0'\nIPV4GATEWAY='10.0.0.1'\nIPV4DNS0='10.0.0.3'\nIPV4DNS1='0.0.0.0'\nHOSTNAME=''\n\
            DNSDOMAIN='a.test'\nROOTSERVER='10.9.9.9'\nDHCPLEASETIME='3600'\nDOMAINSEARCH='b.test'\n";
        let sheet = Tree::of(&[("/run/net-eth0.conf", FILE), ("/proc/net/route", ROUTES)]);
        let links = [link("lo", 1), link("eth1", 3), link("eth0", 2)];
        let held = [
            at(3, "10.1.0.5", 24),
            at(2, "10.0.0.5", 24),
            at(2, "fe80::5", 64),
        ];
        let learnt = learnt(&sheet, &links, &held);
        assert_eq!(learnt.len(), 2);
        assert_eq!(
            (learnt[0].interface.as_str(), learnt[0].addresses.len()),
            ("eth0", 2)
        );
        assert_eq!((learnt[0].routes.len(), learnt[1].routes.len()), (2, 0));
        let lease = learnt[0].lease.as_ref().unwrap();
        assert_eq!((lease.server, lease.seconds), (None, Some(3600)));
        assert_eq!(lease.routers, [ip("10.0.0.1")]);
        assert_eq!(learnt[0].names, [IpAddr::V4(ip("10.0.0.3"))]);
        assert_eq!(learnt[0].search, ["b.test"]);
        assert_eq!(learnt[1].lease, None);
    }

    #[test]
    fn the_kernel_has_asked_itself() {
        const FILE: &str =
            "#PROTO: DHCP\ndomain a.test\nnameserver 10.0.0.3\nbootserver 10.9.9.9\n";
        let sheet = Tree::of(&[("/proc/net/pnp", FILE), ("/proc/net/route", ROUTES)]);
        let links = [link("eth1", 3), link("eth0", 2)];
        let held = [at(3, "10.1.0.5", 24), at(2, "10.0.0.5", 24)];
        let learnt = learnt(&sheet, &links, &held);
        let lease = learnt[0].lease.as_ref().unwrap();
        assert_eq!((lease.address, lease.prefix), (ip("10.0.0.5"), 24));
        assert_eq!(lease.routers, [ip("10.0.0.1")]);
        assert_eq!(lease.domain.as_deref(), Some("a.test"));
        assert_eq!(learnt[1].lease, None);
        let manual = Tree::of(&[("/proc/net/pnp", "#MANUAL\n"), ("/proc/net/route", ROUTES)]);
        let learnt = super::learnt(&manual, &links, &held);
        assert!(learnt.iter().all(|learnt| learnt.lease.is_none()));
    }

    #[test]
    fn spans_are_read() {
        for (text, want) in [
            ("3600", Some(3600)),
            ("1h", Some(3600)),
            ("1month 1w", Some(3_234_600)),
            ("infinity", Some(u32::MAX)),
            ("5000000000", None),
            ("9999999w", None),
            ("1 fortnight", None),
        ] {
            assert_eq!(seconds(text), want, "{text}");
        }
    }
}
