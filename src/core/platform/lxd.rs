//! LXD and Incus: a socket to the host in containers, a named port to it in virtual machines.

use alloc::format;
use alloc::string::String;

use super::{Needs, Platform, Way};
use crate::machine::Kind;
use crate::rule::{Inquiry, Rule, Verdict};

/// The socket to the host.
const SOCKET: &str = "/dev/lxd/sock";

/// The directory of ports to the host.
const PORTS: &str = "/sys/class/virtio-ports";

/// LXD and Incus.
pub static PLATFORM: Platform = Platform {
    name: "LXD",
    ways: &[Way {
        sign: Rule::Any(&[
            Rule::Code("/dev/lxd/sock is a socket", socket),
            Rule::All(&[
                Rule::Virt(&["kvm", "qemu"]),
                Rule::Code(
                    "a virtio port is named com.canonical.lxd or org.linuxcontainers.lxd",
                    port,
                ),
            ]),
        ]),
        needs: Needs::Nothing,
        asks: &[],
        read: None,
    }],
};

fn socket(inquiry: &mut Inquiry) -> Verdict {
    match inquiry.machine.files.kind(SOCKET) {
        Some(Kind::Socket) => Verdict::found(format!("{SOCKET} is a socket")),
        Some(_) => Verdict::No(format!("{SOCKET} is not a socket")),
        None => Verdict::No(format!("{SOCKET} is not there")),
    }
}

fn port(inquiry: &mut Inquiry) -> Verdict {
    let files = inquiry.machine.files;
    let ours = |port: String| {
        let name = files.text(&format!("{PORTS}/{port}/name"))?;
        let name = name.lines().next().unwrap_or_default();
        matches!(name, "com.canonical.lxd" | "org.linuxcontainers.lxd")
            .then(|| format!("virtio port {port} is named {name}"))
    };
    match files.list(PORTS).into_iter().find_map(ours) {
        Some(because) => Verdict::found(because),
        None => Verdict::No(String::from("no virtio port is named by LXD or Incus")),
    }
}
