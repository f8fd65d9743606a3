//! The one integration-test program.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../cloud/cable.rs"]
mod cable;
#[path = "../cloud/mod.rs"]
mod cloud;
mod compile;
mod formats;
mod machine;
mod net;
mod netns;
mod shell;
mod smbios;
// Each module of the tests uses its part of sys; the program itself uses all of it.
#[allow(dead_code)]
#[path = "../../src/sys/mod.rs"]
mod sys;
#[path = "cloud.rs"]
mod the_cloud_itself;
mod tree;
mod volumes;

mod tidy;
