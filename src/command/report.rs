//! `cloudseed report`: a bug report that is already a fixture.

use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

use argh::FromArgs;
use cloudseed_core::report;

use crate::sys::root::Root;

/// write a redacted archive of what this machine shows, in the shape of tests/roots/NAME
#[derive(FromArgs)]
#[argh(subcommand, name = "report")]
pub struct Report {
    /// the archive to write (tar); its name, without an extension, is the root's
    #[argh(positional)]
    file: PathBuf,
    /// the prefix of everything read (default: /)
    #[argh(option, default = "PathBuf::from(\"/\")")]
    root: PathBuf,
}

impl Report {
    /// Writes the archive; what to say of it, or what went wrong.
    pub fn shown(&self) -> Result<String, String> {
        let name = self.file.file_stem().and_then(|name| name.to_str());
        let archive = report::report(&Root::new(&self.root), name.unwrap_or("report"));
        let place = self.file.display();
        match write(&self.file, &archive) {
            Ok(()) => Ok(format!(
                "{place}: {} bytes; look at it before you send it",
                archive.len()
            )),
            Err(error) => Err(format!(
                "report: {place}: expected to write a new file, but found {error}"
            )),
        }
    }
}

/// A new file; one that is there already may be somebody's.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = fs::File::options()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)?;
    io::Write::write_all(&mut file, bytes)
}
