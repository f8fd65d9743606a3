//! Sys touches: every system call of the program, and the only folder where `unsafe` is allowed.
//!
//! `main` has [`supervisor`] run what core thinks in a process of its own, over [`world`], and [`writer`] carry out what comes of it.

// The two processes of a boot, and who waits for them.
pub mod supervisor;

pub mod sandbox;

pub mod underway;

// The machine's files, what is asked of it beside them, and what is written.
pub mod root;

pub mod probe;

pub mod uevent;

pub mod backdoor;

pub mod cpu;

pub mod free_space;

pub mod directory;

pub mod writer;

pub mod console;

// The outside: what it is made of, and who carries a request.
pub mod world;

pub mod own_stack;

pub mod kernel;

pub mod endpoint;

pub mod own_dial;

pub mod http;

pub mod heads;

#[cfg(feature = "tls")]
pub mod tls;
#[cfg(not(feature = "tls"))]
#[path = "no_tls.rs"]
pub mod tls;

pub mod dial;

pub mod resolver;

pub mod stream;

pub mod ports;

// Our own stack's cables, and interfaces that are as before when it leaves.
pub mod link;

pub mod netlink;

pub mod guard;

pub mod capture;

// What belongs to the process.
pub mod heap;

pub mod clock;

pub mod random;

#[cfg(feature = "jinja")]
pub mod template;
#[cfg(not(feature = "jinja"))]
#[path = "no_template.rs"]
pub mod template;
