//! Commands: one file each, its options and what it does; main wires them.

#[cfg(feature = "tools")]
pub mod check;
pub mod clean;
pub mod decode;
pub mod document;
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
pub mod words;

use cloudseed_core::platform::{self, PLATFORMS, Platform};
use cloudseed_core::text;

/// The path by which a command knows that it is to read standard input; the file itself is never opened.
pub const STDIN: &str = "/dev/stdin";

/// A command that reads a document: among its arguments `-` is the name of standard input, where argh sees an option.
pub struct Reads<T>(pub T);

impl<T: FromArgs> FromArgs for Reads<T> {
    fn from_args(command: &[&str], arguments: &[&str]) -> Result<Reads<T>, EarlyExit> {
        let arguments = arguments.iter().copied();
        let arguments = arguments.map(|argument| if argument == "-" { STDIN } else { argument });
        let arguments: Vec<&str> = arguments.collect();
        T::from_args(command, &arguments).map(Reads)
    }
}

impl<T: SubCommand> SubCommand for Reads<T> {
    const COMMAND: &'static CommandInfo = T::COMMAND;
}

/// The platform that an option names; the error is what the user reads.
pub fn platform(name: &str) -> Result<&'static Platform, String> {
    platform::named(name).ok_or_else(|| {
        let names = &mut PLATFORMS.iter().map(|platform| platform.name);
        let found = text::mistyped(name, names);
        format!("expected a platform that `cloudseed platforms` lists, but found {found}")
    })
}
