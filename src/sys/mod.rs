//! Sys.
pub mod block;
