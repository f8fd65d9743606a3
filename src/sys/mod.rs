//! Sys touches: every system call of the program, and the only folder where `unsafe` is allowed.

pub mod console;
pub mod directory;
pub mod root;
pub mod writer;
