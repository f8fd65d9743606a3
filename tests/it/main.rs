//! The one integration-test program.
#![allow(clippy::unwrap_used, missing_docs)]

mod late;
mod machine;
mod smbios;
mod tree;
mod volumes;
