//! The one integration-test program.
#![allow(clippy::unwrap_used, missing_docs)]

#[path = "../cloud/cable.rs"]
mod cable;
#[path = "../cloud/mod.rs"]
mod cloud;

#[path = "cloud.rs"]
mod the_cloud_itself;

mod tidy;
