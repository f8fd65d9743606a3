//! WSL: known, and declined.

use alloc::format;
use alloc::string::String;

use super::{Needs, PLAIN, Platform, Way};
use crate::rule::{Inquiry, Rule, Verdict};

/// Windows' subsystem for Linux.
pub static PLATFORM: Platform = Platform {
    name: "WSL",
    ways: &[Way {
        sign: Rule::Code(
            "never: virtualisation is wsl there, but its data lie on the side of Windows, where only Windows' programs find \
             them, and it starts without an initramfs",
            decide,
        ),
        needs: Needs::Nothing,
        asks: &[],
        read: None,
    }],
    ..PLAIN
};

fn decide(inquiry: &mut Inquiry) -> Verdict {
    let machine = inquiry.machine;
    if machine.virt != "wsl" {
        return Verdict::No(format!("virtualisation is {}", machine.virt));
    }
    Verdict::No(String::from(
        "virtualisation is wsl, but its data are found only by running programs of Windows, which cloudseed does not do",
    ))
}
