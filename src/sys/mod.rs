//! sys touches: every system call of the program; the only folder where `unsafe` is allowed.

pub mod clock;
pub mod http;
pub mod link;
pub mod netlink;
pub mod random;
pub mod world;
