//! The one integration-test program.
#![allow(clippy::unwrap_used, missing_docs)]

// Each module of the tests uses its part of sys; the program itself uses all of it.
mod compile;
mod shell;
#[allow(dead_code)]
#[path = "../../src/sys/mod.rs"]
mod sys;
mod machine;
mod smbios;
mod tree;
mod volumes;
mod formats;
#[path = "../cloud/cable.rs"]
mod cable;
#[path = "../cloud/mod.rs"]
mod cloud;

#[path = "cloud.rs"]
mod the_cloud_itself;
