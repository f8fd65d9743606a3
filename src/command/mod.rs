//! Commands: one file each, its options and what it does; main wires them.

pub mod clean;
pub mod plan;
pub mod query;
pub mod status;
