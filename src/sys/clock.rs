//! The clocks: the one that cannot be set, CLOCK_MONOTONIC, and the one on the wall.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use smoltcp::time::Instant;

/// Time since the machine started.
pub fn now() -> Instant {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a timespec of ours that outlives the call. The clock exists on every Linux, so that the call
    // cannot fail; if it did, time would stand at zero.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    let micros = time.tv_sec * 1_000_000 + time.tv_nsec / 1000;
    Instant::from_micros(micros)
}

/// Time since the epoch, as far as the machine knows.
pub fn wall() -> Duration {
    let passed = SystemTime::now().duration_since(UNIX_EPOCH);
    passed.unwrap_or(Duration::ZERO)
}
