//! Routes: which next hop leads to an address.

use alloc::vec::Vec;
use core::net::IpAddr;

use crate::outside::learnt::LearntRoute;

/// Most routes of one interface.
pub const ROUTES_MAX: usize = 32;

/// The routes of one interface.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Routes(Vec<LearntRoute>);

impl Routes {
    /// Adds a route, unless there is one to the same network already or there are too many.
    pub fn add(&mut self, route: LearntRoute) {
        let same = |old: &LearntRoute| (old.network, old.prefix) == (route.network, route.prefix);
        if self.0.len() < ROUTES_MAX && !self.0.iter().any(same) {
            self.0.push(route);
        }
    }

    /// Drops the routes that `gone` says yes to.
    pub fn remove(&mut self, gone: impl Fn(&LearntRoute) -> bool) {
        self.0.retain(|route| !gone(route));
    }

    /// All routes.
    pub fn iter(&self) -> impl Iterator<Item = &LearntRoute> {
        self.0.iter()
    }

    /// Whom to give a packet for `address` to: the router of the most specific route, or `address` itself. Where no route
    /// leads there, a link-local address is still on the link (RFC 3927, 2.6.2; RFC 4291, 2.5.6).
    pub fn next_hop(&self, address: IpAddr) -> Option<IpAddr> {
        let route = self
            .0
            .iter()
            .filter(|route| route.contains(address))
            .max_by_key(|route| route.prefix);
        let on_link = match address {
            IpAddr::V4(address) => address.is_link_local(),
            IpAddr::V6(address) => address.is_unicast_link_local(),
        };
        match route {
            Some(route) => Some(route.router.unwrap_or(address)),
            None => on_link.then_some(address),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_most_specific_route_wins() {
        let mut routes = Routes::default();
        for (network, prefix, router) in [
            ("0.0.0.0", 0, Some("10.0.0.1")),
            ("10.0.0.0", 24, None),
            ("169.254.169.254", 32, Some("10.0.0.2")),
            ("::", 0, Some("fe80::1")),
            ("fd00::", 64, None),
        ] {
            let router = router.map(ip);
            routes.add(LearntRoute {
                network: ip(network),
                prefix,
                router,
            });
        }
        for (to, hop) in [
            ("8.8.8.8", Some("10.0.0.1")),
            ("10.0.0.77", Some("10.0.0.77")),
            ("169.254.169.254", Some("10.0.0.2")),
            ("2001:db8::1", Some("fe80::1")),
            ("fd00::9", Some("fd00::9")),
        ] {
            assert_eq!(routes.next_hop(ip(to)), hop.map(ip), "{to}");
        }
    }

    #[test]
    fn without_routes_only_the_link_is_reached() {
        let routes = Routes::default();
        assert_eq!(
            routes.next_hop(ip("169.254.169.254")),
            Some(ip("169.254.169.254"))
        );
        assert_eq!(
            routes.next_hop(ip("fe80::a9fe:a9fe")),
            Some(ip("fe80::a9fe:a9fe"))
        );
        assert_eq!(routes.next_hop(ip("10.0.0.1")), None);
    }
}
