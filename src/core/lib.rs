//! cloudseed's thinking half: from the facts of a machine to the files its real root will find under /run.
//!
//! ```text
//!       sys reads                              sys carries                                         sys writes
//!   /sys  /proc  block devices            frames to the metadata                               /run/cloudseed
//!                                         service, or a volume                                 (and /run/cloud-init,
//!           │                                      ▲ │                                          /run/systemd, …)
//!  ─────────┼──────────────────────────────────────┼─┼──────────────────────────────────────────────────┼──────────
//!           ▼                                      │ ▼                                                  │ hand over
//!         probe ─Machine─► identify ─Platform─►   fetch ─Instance─► decode ─Parts─► merge ─Config─► compile ─Plan
//!                             ▲                     ▲
//!                             │ rule                │ recipe
//!                             └─────────────────────┘
//!                               one file per platform: core/platform/hetzner.rs
//! ```
//!
//! Seven verbs, a noun between each two; [`boot`] has them in their order, but for the first, which is sys's, and the last, which
//! comes once the real root is mounted ([`handover`]). **main tells, core thinks, sys touches.**
//!
//! What this crate never does:
//! - it opens no file and no socket, it reads no clock and draws no random number: all of these are arguments;
//! - it contains no `unsafe` code and does not need `std`;
//! - it does not panic on any input: user text gives `(T, Vec<Warning>)`, a cloud's broken answer gives a [`warning::Error`];
//! - it has nothing written outside the directories that a [`plan::RunPath`] can spell.
//!
//! The modules stand below from the bottom to the top: each knows those before it, and no other (`tests/it/tidy.rs` sees to it).
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

// Leaves.
pub mod text;

pub mod warning;

pub mod journal;

pub mod url;

pub mod digest;

pub mod bytes;

pub mod budget;

pub mod note;

pub mod value;

pub mod variables;

// Formats.
pub mod json;

pub mod yaml;

pub mod pem;

pub mod minisign;

pub mod plan;

// What is known: the machine, its network, the way out, its owner's word.
pub mod machine;

pub mod network;

pub mod outside;

pub mod tpm;

pub mod net;

pub mod settings;

// What comes of it.
pub mod instance;

pub mod userdata;

#[cfg(feature = "jinja")]
pub mod jinja;

pub mod rule;

pub mod fetch;

pub mod dialect;

pub mod platform;

pub mod identify;

pub mod config;

pub mod compile;

pub mod handover;

pub mod boot;

// What others ask.
pub mod query;

pub mod report;
