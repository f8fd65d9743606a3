//! The one integration-test program.
#![allow(clippy::unwrap_used, missing_docs)]

mod tidy;
