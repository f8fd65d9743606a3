//! Commands: one file each, its options and what it does; main wires them.

pub mod check;
pub mod clean;
pub mod decode;
pub mod fetch;
pub mod identify;
pub mod make_mime;
pub mod plan;
pub mod platforms;
pub mod query;
pub mod status;
