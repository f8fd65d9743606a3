//! Commands: one file each, its options and what it does; main wires them.

#[cfg(feature = "tools")]
pub mod check;
pub mod clean;
pub mod decode;
pub mod document;
pub mod fetch;
pub mod handover;
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
pub mod words;

use cloudseed_core::platform::{self, PLATFORMS, Platform};
use cloudseed_core::text;

/// The platform that an option names; the error is what the user reads.
pub fn platform(name: &str) -> Result<&'static Platform, String> {
    platform::named(name).ok_or_else(|| {
        let names = &mut PLATFORMS.iter().map(|platform| platform.name);
        let found = text::mistyped(name, names);
        format!("expected a platform that `cloudseed platforms` lists, but found {found}")
    })
}
