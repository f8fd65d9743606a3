//! Fixed: an address from the kernel's command line, `ip=` as the kernel and dracut read it, for initramfses in which nobody
//! else does.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::IpAddr;

use crate::machine::cmdline::Cmdline;
use crate::outside::learnt::LearntRoute;

/// Most `ip=` arguments read.
const FIXED_MAX: usize = 8;

/// An address that nobody has to be asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fixed {
    /// The interface; `None` means the first.
    pub interface: Option<String>,
    /// The address.
    pub address: IpAddr,
    /// The length of its prefix.
    pub prefix: u8,
    /// The default router.
    pub router: Option<IpAddr>,
    /// Name servers.
    pub names: Vec<IpAddr>,
}

impl Fixed {
    /// All fixed addresses of a command line; `nameserver=` adds name servers to each.
    pub fn all(cmdline: &Cmdline) -> Vec<Fixed> {
        let values = |wanted: &'static str| {
            let parameters = cmdline.parameters();
            parameters.filter_map(move |(key, value)| value.filter(|_| key == wanted))
        };
        let names: Vec<IpAddr> = values("nameserver").filter_map(address).collect();
        let fixed = values("ip").filter_map(Fixed::parse).take(FIXED_MAX);
        fixed
            .map(|mut fixed| {
                fixed.names.extend(&names);
                fixed
            })
            .collect()
    }

    /// One `ip=` argument with an address in it (Documentation/admin-guide/nfs/nfsroot.rst of the kernel):
    ///
    /// ```text
    /// CLIENT:[SERVER]:[GATEWAY]:[NETMASK]:[HOSTNAME]:[INTERFACE]:[AUTOCONF]:[DNS0]:[DNS1]
    /// ```
    ///
    /// IPv6 addresses stand in brackets; the netmask may be a prefix length, or follow the address after a slash.
    pub fn parse(text: &str) -> Option<Fixed> {
        let fields = fields(text);
        let field = |index: usize| fields.get(index).copied().filter(|field| !field.is_empty());
        let (client, length) = match field(0)?.split_once('/') {
            Some((client, length)) => (client, Some(length)),
            None => (field(0)?, None),
        };
        let address_ = address(client).filter(|address| !address.is_unspecified())?;
        let whole = if address_.is_ipv4() { 32 } else { 128 };
        let prefix = match length.or(field(3)) {
            Some(length) => prefix(length)?,
            None if address_.is_ipv4() => 24,
            None => 64,
        };
        Some(Fixed {
            interface: field(5).map(String::from),
            address: address_,
            prefix: prefix.min(whole),
            router: field(2).and_then(address),
            names: [field(7), field(8)]
                .into_iter()
                .flatten()
                .filter_map(address)
                .collect(),
        })
    }

    /// Its routes: the network on the link, and the default route.
    pub fn routes(&self) -> Vec<LearntRoute> {
        let mut routes = Vec::from([LearntRoute {
            network: self.address,
            prefix: self.prefix,
            router: None,
        }]);
        routes.extend(self.router.map(|router| LearntRoute {
            network: match router {
                IpAddr::V4(_) => IpAddr::V4(core::net::Ipv4Addr::UNSPECIFIED),
                IpAddr::V6(_) => IpAddr::V6(core::net::Ipv6Addr::UNSPECIFIED),
            },
            prefix: 0,
            router: Some(router),
        }));
        routes
    }
}

/// Splits at colons outside of brackets.
fn fields(text: &str) -> Vec<&str> {
    let mut depth = 0u32;
    text.split(|letter| {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        letter == ':' && depth == 0
    })
    .collect()
}

fn address(text: &str) -> Option<IpAddr> {
    text.trim_start_matches('[')
        .trim_end_matches(']')
        .parse()
        .ok()
}

/// A prefix length: a number, or an IPv4 mask whose ones are together.
fn prefix(text: &str) -> Option<u8> {
    match address(text) {
        Some(IpAddr::V4(mask)) => {
            let ones = mask.to_bits().leading_ones();
            (mask.to_bits().checked_shl(ones).unwrap_or(0) == 0).then_some(ones as u8)
        }
        _ => text.parse().ok().filter(|length| *length <= 128),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_form_is_read() {
        let fixed =
            Fixed::parse("10.0.2.15::10.0.2.2:255.255.255.0:vm:eth0:off:1.1.1.1:8.8.8.8").unwrap();
        assert_eq!(
            (fixed.address, fixed.prefix),
            ("10.0.2.15".parse().unwrap(), 24)
        );
        assert_eq!(fixed.router, "10.0.2.2".parse().ok());
        assert_eq!(fixed.interface.as_deref(), Some("eth0"));
        assert_eq!(fixed.names.len(), 2);
        assert_eq!(fixed.routes().len(), 2);
    }

    #[test]
    fn brackets_and_short_forms_are_read() {
        let fixed = Fixed::parse("[fd00::5]::[fe80::1]:48::eth1").unwrap();
        assert_eq!((fixed.prefix, fixed.router), (48, "fe80::1".parse().ok()));
        assert_eq!(
            Fixed::parse("10.0.0.5/20").map(|fixed| fixed.prefix),
            Some(20)
        );
        assert_eq!(Fixed::parse("10.0.0.5").map(|fixed| fixed.prefix), Some(24));
    }

    #[test]
    fn forms_without_an_address_are_none() {
        for text in [
            "dhcp",
            "eth0:dhcp",
            "",
            ":::::eth0:dhcp",
            "0.0.0.0",
            "10.0.0.5:::255.0.255.0",
            "any",
        ] {
            assert_eq!(Fixed::parse(text), None, "{text}");
        }
    }

    #[test]
    fn name_servers_stand_apart() {
        let all = Fixed::all(&Cmdline::new("ip=dhcp ip=10.0.0.5:::24 nameserver=9.9.9.9"));
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].names, ["9.9.9.9".parse::<IpAddr>().unwrap()]);
    }
}
