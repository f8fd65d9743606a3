//! Commands: one file each, its options and what it does; main wires them.

pub mod clean;
pub mod fetch;
pub mod identify;
pub mod plan;
pub mod platforms;
pub mod query;
pub mod status;
