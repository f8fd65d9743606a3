//! CloudSigma: the product is named so; its data come over a serial line.

use super::{Needs, Platform, Way};
use crate::machine::smbios::Field;
use crate::rule::{Match, Rule};

/// CloudSigma.
pub static PLATFORM: Platform = Platform {
    name: "CloudSigma",
    ways: &[Way {
        sign: Rule::Dmi(Field::ProductName, Match::Is("CloudSigma")),
        needs: Needs::Nothing,
        asks: &[],
        read: None,
    }],
};
