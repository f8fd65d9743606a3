//! The simulated cloud: the far end of an Ethernet cable, with a DHCP server, a name server and a metadata service on it.
//!
//! What it answers is a folder (see [`folder`]) and a few lines of text in that folder's file `cloud.conf` (see
//! [`settings`], where every line is explained). It opens no socket and reads no clock: frames and times are arguments, so
//! that it runs as well beside a test, on a clock that jumps, as at the end of QEMU's network cable.
//!
//! ```text
//!            line (loss, delay …)            ┌ ARP, neighbour discovery, router advertisements
//!   port 0 ═══════════════════════╗          ├ DHCPv4, DHCPv6
//!                                 ╠═ switch ═╡ DNS
//!   port 1 ═══════════════════════╝          └ IP ─ smoltcp ─ TCP ─ HTTP ─ folder
//! ```
//!
//! [`SimulatedCloud`] is the front door.

mod dhcp;
mod dhcp6;
pub mod dns;
pub mod faults;
pub mod folder;
pub mod http;
mod inside;
pub mod neighbour;
mod packet;
mod ra;
mod rules;
mod secure;
pub mod settings;
pub mod simulated;
mod tcp;
mod words;

pub use simulated::SimulatedCloud;
