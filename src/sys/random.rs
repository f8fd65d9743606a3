//! Randomness that never blocks a boot.

use super::clock;

/// A number to seed ports, sequence numbers and jitter with. It need not be secret: before the kernel's generator is ready it
/// is made of the time and the process number.
pub fn seed() -> u64 {
    let mut bytes = [0u8; 8];
    if fill(&mut bytes) {
        return u64::from_ne_bytes(bytes);
    }
    let time = clock::now().total_micros() as u64;
    time.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ u64::from(std::process::id()).rotate_left(32)
}

/// Waits until the kernel's generator is ready to make keys; false if it is not within `time`.
#[cfg(feature = "tls")]
pub fn is_ready(time: std::time::Duration) -> bool {
    // Kernels before 5.6 cannot be asked to say when.
    const LOOK: std::time::Duration = std::time::Duration::from_millis(50);
    let until = clock::now() + smoltcp::time::Duration::from(time);
    loop {
        if fill(&mut [0]) {
            return true;
        }
        if clock::now() >= until {
            return false;
        }
        std::thread::sleep(LOOK);
    }
}

/// Fills `bytes` with numbers that may be secret; false if the kernel's generator is not ready.
pub fn fill(bytes: &mut [u8]) -> bool {
    // At most 256 bytes at a time come whole (getrandom(2)).
    bytes.chunks_mut(256).all(|chunk| {
        // SAFETY: the pointer and the length are those of a slice of ours that outlives the call.
        let got =
            unsafe { libc::getrandom(chunk.as_mut_ptr().cast(), chunk.len(), libc::GRND_NONBLOCK) };
        got == chunk.len() as isize
    })
}
