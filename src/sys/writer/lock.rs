//! Lock: one writer below /run at a time, by flock(2) on the open directory; it goes with its process.

use std::fs;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use super::super::directory::Directory;

/// Longest time to wait for another to be done. Another's writing takes milliseconds.
pub const LOCK_SECONDS_MAX: u64 = 5;
/// The pause before it is tried again.
const AGAIN: Duration = Duration::from_millis(5);

/// /run while it is ours.
#[derive(Debug)]
pub struct Lock {
    _directory: Directory,
    /// False where the file system knows no locks: then others may be at it.
    pub alone: bool,
}

impl Lock {
    /// Takes the lock of the directory `run`; the error says who has it.
    pub fn take(run: &Directory) -> io::Result<Lock> {
        let directory = run.again()?;
        let until = Instant::now() + Duration::from_secs(LOCK_SECONDS_MAX);
        loop {
            match directory.lock() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                done => {
                    return Ok(Lock {
                        _directory: directory,
                        alone: done.is_ok(),
                    });
                }
            }
            if Instant::now() >= until {
                return Err(io::Error::other(holder(&directory)));
            }
            thread::sleep(AGAIN);
        }
    }
}

/// Who has the lock, by /proc/locks: lines `NUMBER: FLOCK ADVISORY WRITE PID MAJOR:MINOR:INODE 0 EOF`, device in hexadecimal.
fn holder(directory: &Directory) -> String {
    let inode = directory.identity().map_or(0, |(_, inode)| inode);
    let inode = format!(":{inode}");
    let locks = fs::read_to_string("/proc/locks").unwrap_or_default();
    let pid = locks.lines().find_map(|line| {
        let mut words = line.split_ascii_whitespace().skip(1);
        let is_flock = words.next() == Some("FLOCK");
        let (pid, place) = (words.nth(2)?, words.next()?);
        (is_flock && place.ends_with(&inode)).then_some(pid)
    });
    match pid {
        Some(pid) => format!("process {pid} writing there"),
        None => String::from("another process writing there"),
    }
}
