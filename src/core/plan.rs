//! Plan: the files to write, each below a directory of /run that a type keeps it in.
//!
//! [`RunPath`] cannot be absolute, cannot contain `..`, and cannot leave [`ROOMS`]; a [`Plan`] holds nothing else. So no
//! name of a part, no cloud and no bug elsewhere in the program can make it write outside /run.

use alloc::collections::BTreeMap;
use alloc::string::String;
use core::borrow::Borrow;

use crate::bytes::Bytes;

/// A directory below /run that this program may write into.
#[derive(Clone, Copy, Debug)]
pub struct Room {
    /// Its path, relative to /run.
    pub path: &'static str,
    /// Who may look into it, where this program has to make it.
    pub mode: Mode,
}

const fn room(path: &'static str, mode: Mode) -> Room {
    Room { path, mode }
}

/// The directories below /run that this program may write into; no other part of it knows one.
pub const ROOMS: [Room; 10] = [
    room("cloudseed", Mode::Private),
    room("cloud-init", Mode::Public),
    room("systemd/system", Mode::Public),
    room("systemd/network", Mode::Public),
    room("credstore", Mode::Private),
    room("credstore.encrypted", Mode::Private),
    // Its parent is everybody's; the files are private.
    room("credentials/@initrd", Mode::Public),
    room("NetworkManager/system-connections", Mode::Public),
    room("netplan", Mode::Public),
    room("network/interfaces.d", Mode::Public),
];

/// Longest path in bytes, and longest single name, as Linux allows in a directory.
const PATH_BYTES_MAX: usize = 1024;
const NAME_BYTES_MAX: usize = 255;

/// A path below /run, inside one of [`ROOMS`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RunPath(String);

impl Borrow<str> for RunPath {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl RunPath {
    /// Takes a path relative to /run. `None` if it is absolute, empty, too long, leaves the [`ROOMS`], or has a name
    /// that is empty, `.`, `..` or contains a control character.
    pub fn new(path: &str) -> Option<RunPath> {
        let plain = |name: &str| {
            !matches!(name, "" | "." | "..")
                && name.len() <= NAME_BYTES_MAX
                && !name.chars().any(char::is_control)
        };
        let fits =
            path.len() <= PATH_BYTES_MAX && path.split('/').all(plain) && room_of(path).is_some();
        fits.then(|| RunPath(String::from(path)))
    }

    /// The path, relative to /run.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The room that it is in, relative to /run.
    pub fn room(&self) -> &'static str {
        room_of(&self.0).map_or("", |room| room.path)
    }

    /// Who may look into the directories that are made for it.
    pub fn directory_mode(&self) -> Mode {
        room_of(&self.0).map_or(Mode::Private, |room| room.mode)
    }
}

/// The room that a path is in.
fn room_of(path: &str) -> Option<&'static Room> {
    let inside = |room: &&Room| {
        path.strip_prefix(room.path)
            .is_some_and(|rest| rest.starts_with('/'))
    };
    ROOMS.iter().find(inside)
}

/// Who may read a file, and who may look into a directory. Files below /run are never executable, because /run may be mounted
/// noexec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Only root.
    Private,
    /// Everybody.
    Public,
}

impl Mode {
    /// The permission bits of a file: 0600 or 0644.
    pub fn file(self) -> u32 {
        match self {
            Mode::Private => 0o600,
            Mode::Public => 0o644,
        }
    }

    /// The permission bits of a directory: 0700 or 0755.
    pub fn directory(self) -> u32 {
        match self {
            Mode::Private => 0o700,
            Mode::Public => 0o755,
        }
    }
}

/// The files to write, sorted by path, without duplicates.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    files: BTreeMap<RunPath, (Mode, Bytes)>,
}

impl Plan {
    /// Adds a file, or replaces the one of the same path.
    pub fn put(&mut self, path: RunPath, mode: Mode, bytes: impl Into<Bytes>) {
        self.files.insert(path, (mode, bytes.into()));
    }

    /// Adds the files of another, in the place of those of the same paths.
    pub fn extend(&mut self, other: Plan) {
        self.files.extend(other.files);
    }

    /// Takes a file out, if it is there.
    pub fn remove(&mut self, path: &str) {
        self.files.retain(|known, _| known.as_str() != path);
    }

    /// The files, by path.
    pub fn files(&self) -> impl Iterator<Item = (&RunPath, Mode, &[u8])> {
        self.files
            .iter()
            .map(|(path, (mode, bytes))| (path, *mode, bytes.as_slice()))
    }

    /// The content of one file.
    pub fn get(&self, path: &str) -> Option<&[u8]> {
        let (_, bytes) = self.files.get(path)?;
        Some(bytes)
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
