//! Failures that a test asks for, each thread its own: they come before a call, or in the middle of a file.
#![allow(dead_code)]

use std::cell::Cell;
use std::io;

/// One failure, or a call from which on all fail: as far as the disk can tell, that is a process that was killed.
#[derive(Clone, Copy, Debug)]
pub struct Failing {
    /// How many calls go well before.
    pub after: u32,
    /// What comes then (errno).
    pub code: i32,
    /// How many fail.
    pub times: u32,
}

thread_local! {
    static NEXT: Cell<Option<Failing>> = const { Cell::new(None) };
}

/// Asks for a failure in this thread, or for no more.
pub fn ask(failing: Option<Failing>) {
    NEXT.set(failing);
}

/// The failure whose turn it is.
pub fn due() -> io::Result<()> {
    let Some(mut failing) = NEXT.get() else {
        return Ok(());
    };
    let turn = failing.after == 0 && failing.times > 0;
    if failing.after > 0 {
        failing.after -= 1;
    } else {
        failing.times = failing.times.saturating_sub(1);
    }
    NEXT.set(Some(failing));
    if turn {
        Err(io::Error::from_raw_os_error(failing.code))
    } else {
        Ok(())
    }
}
