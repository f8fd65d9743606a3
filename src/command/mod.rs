//! Commands: one file each, its options and what it does; main wires them.

#[cfg(feature = "tools")]
pub mod check;
pub mod clean;
pub mod decode;
pub mod fetch;
pub mod identify;
#[cfg(feature = "tools")]
pub mod make_mime;
pub mod plan;
#[cfg(feature = "tools")]
pub mod platforms;
pub mod query;
#[cfg(feature = "tools")]
pub mod report;
pub mod status;

use cloudseed_core::platform::{self, Platform};

/// The platform that an option names; the error is what the user reads.
pub fn platform(name: &str) -> Result<&'static Platform, String> {
    platform::named(name).ok_or_else(|| {
        format!("expected a platform that `cloudseed platforms` lists, but found {name}")
    })
}
