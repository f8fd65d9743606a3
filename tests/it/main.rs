//! The one integration-test program.
#![allow(clippy::unwrap_used, missing_docs)]

mod accounts;
mod addresses;
#[path = "../cloud/cable.rs"]
mod cable;
mod cables;
mod calls;
mod cards;
#[path = "../cloud/mod.rs"]
mod cloud;
#[path = "../cloud/queues.rs"]
mod queues;
// Each module of the tests uses its part of the program; the program itself uses all of it.
#[allow(dead_code)]
#[path = "../../src/command/mod.rs"]
mod command;
mod commands;
mod compile;
mod differential;
mod ds_identify;
mod failures;
mod faults;
mod fetching;
mod fixture;
mod formats;
mod handlers;
mod handover;
#[path = "../cloud/host.rs"]
mod host;
mod http;
mod lab;
mod late;
#[path = "../lay/mod.rs"]
mod lay;
mod local;
mod machine;
mod matrix;
mod measure;
mod merge;
mod names;
mod net;
mod netns;
mod network;
mod plant;
mod ports;
mod program;
mod recipes;
mod renderers;
mod report;
mod roots;
mod secrets;
mod shell;
mod smbios;
mod supervisor;
#[allow(dead_code)]
#[path = "../../src/sys/mod.rs"]
mod sys;
#[path = "cloud.rs"]
mod the_cloud_itself;
mod tidy;
#[cfg(feature = "tls")]
mod tls;
mod tools;
mod tree;
mod trust;
mod volumes;
mod ways;
mod writing;
mod yaml;
