//! Directory: an open directory, and what may be done below it without following a link.
//!
//! Every call names one entry of a directory that is already open, so nobody can slip a link in between a check and its use.

use std::ffi::CString;
use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;

#[cfg(test)]
pub mod failures;

/// An open directory.
#[derive(Debug)]
pub struct Directory(OwnedFd);

impl Directory {
    /// Opens the directory at `path`; links on the way are followed, for the path is the user's own word.
    pub fn open(path: &Path) -> io::Result<Directory> {
        OpenOptions::new()
            .read(true)
            .custom_flags(libc::O_DIRECTORY)
            .open(path)
            .map(|file| Directory(file.into()))
    }

    /// Makes the directory `name` in this one with `mode`, whatever the umask, and opens it. Anything there is an error.
    pub fn make(&self, name: &str, mode: u32) -> io::Result<Directory> {
        let text = entry(name)?;
        // SAFETY: the descriptor is open as long as `self`, and `text` is a string that ends in NUL and outlives the call.
        check(unsafe { libc::mkdirat(self.raw(), text.as_ptr(), mode) })?;
        let directory = File::from(self.enter(name)?.0);
        directory.set_permissions(Permissions::from_mode(mode))?;
        Ok(Directory(directory.into()))
    }

    /// Opens the directory `name` in this one, and makes it with `mode`, whatever the umask, if nothing is there. A link is an error.
    pub fn enter_or_make(&self, name: &str, mode: u32) -> io::Result<Directory> {
        match self.make(name, mode) {
            Ok(directory) => Ok(directory),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => self.enter(name),
            Err(error) => Err(error),
        }
    }

    /// Opens the directory `name` in this one. A link is an error.
    pub fn enter(&self, name: &str) -> io::Result<Directory> {
        self.open_entry(name, libc::O_RDONLY | libc::O_DIRECTORY, 0)
            .map(Directory)
    }

    /// This directory, opened once more.
    pub fn again(&self) -> io::Result<Directory> {
        self.0.try_clone().map(Directory)
    }

    /// Writes a new file `name` with `mode`, whatever the umask; an entry of this name is an error.
    pub fn create(&self, name: &str, mode: u32, bytes: &[u8]) -> io::Result<()> {
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_EXCL;
        let mut file = File::from(self.open_entry(name, flags, 0o600)?);
        if let Err(error) = due() {
            // What fails has mostly begun.
            file.write_all(bytes.get(..bytes.len() / 2).unwrap_or_default())?;
            return Err(error);
        }
        file.write_all(bytes)?;
        file.set_permissions(Permissions::from_mode(mode))
    }

    /// Writes the file `name` with `mode` in the place of what is there, in one step.
    pub fn replace(&self, name: &str, mode: u32, bytes: &[u8]) -> io::Result<()> {
        let beside = format!(".{name}.new");
        self.remove(&beside)?;
        let done = self
            .create(&beside, mode, bytes)
            .and_then(|()| self.rename(&beside, name));
        if done.is_err() {
            // The first failure is the one to tell.
            let _ = self.remove(&beside);
        }
        done
    }

    /// Gives the file or link `name` a second name; an entry of that name is an error.
    pub fn link(&self, name: &str, second: &str) -> io::Result<()> {
        let (name, second, raw) = (entry(name)?, entry(second)?, self.raw());
        // SAFETY: the descriptor is open as long as `self`, and both strings end in NUL and outlive the call.
        let linked = unsafe { libc::linkat(raw, name.as_ptr(), raw, second.as_ptr(), 0) };
        check(linked).map(|_| ())
    }

    /// What is known of the entry `name`; a link is not followed.
    pub fn stat(&self, name: &str) -> io::Result<Entry> {
        let file = File::from(self.open_entry(name, libc::O_PATH, 0)?);
        Ok(Entry::of(&file.metadata()?))
    }

    /// Device and inode of this directory.
    pub fn identity(&self) -> io::Result<(u64, u64)> {
        let file = File::from(self.0.try_clone()?);
        let found = file.metadata()?;
        Ok((found.dev(), found.ino()))
    }

    /// Locks this directory against all others that do (flock(2)); an error of the kind [`io::ErrorKind::WouldBlock`] if one
    /// has. The lock ends with the last descriptor that comes of this one.
    pub fn lock(&self) -> io::Result<()> {
        due()?;
        // SAFETY: no pointers; the descriptor is open as long as `self`.
        check(unsafe { libc::flock(self.raw(), libc::LOCK_EX | libc::LOCK_NB) }).map(|_| ())
    }

    /// Moves `from` to `to`, both in this directory; a file or a link at `to` is replaced.
    pub fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let (from, to) = (entry(from)?, entry(to)?);
        let raw = self.raw();
        // SAFETY: the descriptor is open as long as `self`, and both strings end in NUL and outlive the call.
        let moved = unsafe { libc::renameat(raw, from.as_ptr(), raw, to.as_ptr()) };
        check(moved).map(|_| ())
    }

    /// Swaps two entries of this directory in one step, if kernel and file system can.
    pub fn exchange(&self, one: &str, other: &str) -> io::Result<()> {
        let (one, other) = (entry(one)?, entry(other)?);
        let (raw, call, flags) = (self.raw(), libc::SYS_renameat2, libc::RENAME_EXCHANGE);
        // SAFETY: these are the arguments of renameat2(2) (older C libraries lack its wrapper): a descriptor that is open as
        // long as `self`, and strings that end in NUL and outlive the call.
        let swapped = unsafe { libc::syscall(call, raw, one.as_ptr(), raw, other.as_ptr(), flags) };
        check(swapped as libc::c_int).map(|_| ())
    }

    /// Removes the file or link `name`; it is no error if there is none.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        let text = entry(name)?;
        // SAFETY: the descriptor is open as long as `self`, and `text` is a string that ends in NUL and outlives the call.
        let removed = unsafe { libc::unlinkat(self.raw(), text.as_ptr(), 0) };
        match check(removed) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn open_entry(&self, name: &str, flags: libc::c_int, mode: u32) -> io::Result<OwnedFd> {
        let text = entry(name)?;
        let flags = flags | libc::O_NOFOLLOW | libc::O_CLOEXEC;
        // SAFETY: the descriptor is open as long as `self`, and `text` is a string that ends in NUL and outlives the call.
        let opened = unsafe { libc::openat(self.raw(), text.as_ptr(), flags, mode) };
        let opened = check(opened)?;
        // SAFETY: the kernel has just given us this descriptor, and nobody else knows it.
        Ok(unsafe { OwnedFd::from_raw_fd(opened) })
    }

    fn raw(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// What is known of an entry of a directory.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    /// Device and inode.
    pub identity: (u64, u64),
    /// True for a regular file.
    pub is_file: bool,
    /// Its length.
    pub bytes: u64,
    /// Its permission bits.
    pub mode: u32,
}

impl Entry {
    fn of(found: &Metadata) -> Entry {
        Entry {
            identity: (found.dev(), found.ino()),
            is_file: found.is_file(),
            bytes: found.len(),
            mode: found.mode() & 0o7777,
        }
    }
}

/// The name of one entry: not empty, not a step up, no slash, no NUL.
fn entry(name: &str) -> io::Result<CString> {
    due()?;
    if matches!(name, "" | "." | "..") || name.contains('/') {
        return Err(io::Error::from(io::ErrorKind::InvalidInput));
    }
    CString::new(name).map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))
}

/// Where a test has asked for a failure, that one; elsewhere there is none.
#[cfg(not(test))]
#[inline]
pub fn due() -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
pub use failures::due;

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    }
}
