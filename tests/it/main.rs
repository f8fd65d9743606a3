//! The one integration-test program.
#![allow(clippy::unwrap_used, missing_docs)]

// Each module of the tests uses its part of sys; the program itself uses all of it.
mod compile;
mod machine;
mod netns;
mod shell;
mod smbios;
#[allow(dead_code)]
#[path = "../../src/sys/mod.rs"]
mod sys;
mod tree;
mod volumes;
