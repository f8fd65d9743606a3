//! The one integration-test program.
#![allow(clippy::unwrap_used, missing_docs)]

/// The half of the program that touches, as the program itself has it.
#[path = "../../src/sys"]
mod sys {
    pub mod clock;
    pub mod http;
    pub mod link;
    pub mod netlink;
    pub mod random;
    pub mod world;
}

mod netns;
