//! Plan: the files to write, each below a directory of /run that a type keeps it in.
//!
//! [`RunPath`] cannot be absolute, cannot contain `..`, and cannot leave [`ROOMS`]; a [`Plan`] holds nothing else. So no
//! name of a part, no cloud and no bug elsewhere in the program can make it write outside /run.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;

/// The directories below /run that this program may write into.
pub const ROOMS: [&str; 9] = [
    "cloudseed",
    "cloud-init",
    "systemd/system",
    "systemd/network",
    "credstore",
    "tmpfiles.d",
    "sysusers.d",
    "sysctl.d",
    "NetworkManager/system-connections",
];

/// Longest path in bytes, and longest single name, as Linux allows in a directory.
const PATH_BYTES_MAX: usize = 1024;
const NAME_BYTES_MAX: usize = 255;

/// A path below /run, inside one of [`ROOMS`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunPath(String);

impl RunPath {
    /// Takes a path relative to /run. `None` if it is absolute, empty, too long, leaves the [`ROOMS`], or has a name
    /// that is empty, `.`, `..` or contains a control character.
    pub fn new(path: &str) -> Option<RunPath> {
        let plain = |name: &str| {
            !matches!(name, "" | "." | "..")
                && name.len() <= NAME_BYTES_MAX
                && !name.chars().any(char::is_control)
        };
        let inside = |room: &&str| {
            path.strip_prefix(*room)
                .is_some_and(|rest| rest.starts_with('/'))
        };
        let fits =
            path.len() <= PATH_BYTES_MAX && path.split('/').all(plain) && ROOMS.iter().any(inside);
        fits.then(|| RunPath(String::from(path)))
    }

    /// The path, relative to /run.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Who may read a file; files below /run are never executable, because /run may be mounted noexec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// 0600: only root.
    Private,
    /// 0644: everybody.
    Public,
}

/// The files to write, sorted by path, without duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    files: BTreeMap<RunPath, (Mode, Vec<u8>)>,
}

impl Plan {
    /// Adds a file, or replaces the one of the same path.
    pub fn put(&mut self, path: RunPath, mode: Mode, bytes: impl Into<Vec<u8>>) {
        self.files.insert(path, (mode, bytes.into()));
    }

    /// The files, by path.
    pub fn files(&self) -> impl Iterator<Item = (&RunPath, Mode, &[u8])> {
        self.files
            .iter()
            .map(|(path, (mode, bytes))| (path, *mode, bytes.as_slice()))
    }

    /// The content of one file.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        self.files
            .iter()
            .find(|(name, _)| name.as_str() == path)
            .map(|(_, (_, bytes))| bytes.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_path_stays_in_its_rooms() {
        for path in [
            "cloudseed/status",
            "cloudseed/parts/001-a b",
            "systemd/system/x.service",
        ] {
            assert_eq!(RunPath::new(path).map(|path| path.0).as_deref(), Some(path));
        }
        for path in [
            "",
            "/",
            "cloudseed",
            "cloudseed/",
            "/run/cloudseed/x",
            "cloudseed/../x",
            "cloudseed/./x",
            "cloudseed//x",
            "cloudseedx/y",
            "etc/passwd",
            "systemd/x",
            "cloudseed/a\0b",
            "cloudseed/a\nb",
            "cloudseed/..",
            "../cloudseed/x",
        ] {
            assert_eq!(RunPath::new(path), None, "{path:?}");
        }
    }
}
