//! The one integration-test program.
#![allow(clippy::unwrap_used, missing_docs)]

// Each module of the tests uses its part of sys; the program itself uses all of it.
#[allow(dead_code)]
#[path = "../../src/command/mod.rs"]
mod command;

mod commands;
mod compile;
mod differential;
mod formats;
mod handlers;
mod shell;
#[allow(dead_code)]
#[path = "../../src/sys/mod.rs"]
mod sys;
mod tools;
