//! The sources that data may come from. Whatever forbids one forbids it, and nothing allows it again.

use alloc::string::String;
use alloc::vec::Vec;

use super::array;

/// The sources that data may come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Allowed {
    /// Any.
    #[default]
    All,
    /// These platforms only, by name; none at all if empty.
    Only(Vec<String>),
}

impl Allowed {
    /// True if data may come from the platform of this name.
    pub fn allows(&self, name: &str) -> bool {
        match self {
            Allowed::All => true,
            Allowed::Only(names) => names.iter().any(|allowed| same(allowed, name)),
        }
    }

    /// True if something is forbidden.
    pub fn restricts(&self) -> bool {
        *self != Allowed::All
    }

    /// What both allow.
    pub fn and(self, other: Allowed) -> Allowed {
        match (self, other) {
            (Allowed::All, allowed) | (allowed, Allowed::All) => allowed,
            (Allowed::Only(names), other) => Allowed::Only(
                names
                    .into_iter()
                    .filter(|name| other.allows(name))
                    .collect(),
            ),
        }
    }

    /// Reads `none`, `all` or names between commas.
    pub fn parse(text: &str) -> Allowed {
        match text.trim() {
            "all" => Allowed::All,
            "none" => Allowed::Only(Vec::new()),
            text => Allowed::Only(array(text)),
        }
    }
}

/// True if both are names of the same platform. Case does not count, and neither does `-net`: `nocloud-net` is NoCloud over
/// the network.
pub fn same(one: &str, other: &str) -> bool {
    let plain = |name: &str| {
        let name = name.to_ascii_lowercase();
        String::from(name.strip_suffix("-net").unwrap_or(&name))
    };
    plain(one) == plain(other)
}
