//! Sys touches: every system call of the program, and the only folder where `unsafe` is allowed.

pub mod clock;
pub mod console;
pub mod cpu;
pub mod directory;
pub mod guard;
pub mod http;
pub mod link;
pub mod netlink;
pub mod probe;
pub mod random;
pub mod resolver;
pub mod root;
#[cfg(feature = "jinja")]
pub mod template;
#[cfg(not(feature = "jinja"))]
#[path = "no_template.rs"]
pub mod template;
#[cfg(feature = "tls")]
pub mod tls;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
pub mod tls;
pub mod uevent;
pub mod watch;
pub mod world;
pub mod writer;
