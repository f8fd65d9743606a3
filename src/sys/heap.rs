//! The heap: dlmalloc, because musl's own asks the kernel for pages at nearly every step and returns them at the next.
//!
//! What is large has pages of its own, straight from the kernel: zeros cost nothing until they are written to, so that a receive
//! buffer is as large as what came; what grows is moved without a copy beside it; and what is freed is gone.

use std::alloc::{GlobalAlloc, Layout};
use std::io;
use std::ptr;
use std::sync::Once;

use dlmalloc::GlobalDlmalloc;

#[cfg(not(test))]
#[global_allocator]
static HEAP: Heap = Heap;

#[cfg(test)]
pub mod counted;

/// What has pages of its own, in bytes.
const LARGE_BYTES_MIN: usize = 8 << 10;
/// The kernel aligns them to this at least.
const PAGE_BYTES: usize = 4096;

/// The heap of this program.
pub struct Heap;

fn is_large(size: usize, align: usize) -> bool {
    size >= LARGE_BYTES_MIN && align <= PAGE_BYTES
}

/// Fresh pages, all zeros; null if there are none.
fn map(size: usize) -> *mut u8 {
    let rights = libc::PROT_READ | libc::PROT_WRITE;
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new mapping, wherever there is room.
    let mapped = unsafe { libc::mmap(ptr::null_mut(), size, rights, flags, -1, 0) };
    or_null(mapped)
}

fn or_null(mapped: *mut libc::c_void) -> *mut u8 {
    if mapped == libc::MAP_FAILED {
        ptr::null_mut()
    } else {
        mapped.cast()
    }
}

// SAFETY: by size and alignment alone it is decided who has a piece, so that who gave it gets it back.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_large(layout.size(), layout.align()) {
            return map(layout.size());
        }
        // SAFETY: the caller's promise.
        unsafe { GlobalDlmalloc.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        if is_large(layout.size(), layout.align()) {
            // SAFETY: a mapping of this length, which the caller no longer uses.
            unsafe { libc::munmap(pointer.cast(), layout.size()) };
            return;
        }
        // SAFETY: the caller's promise.
        unsafe { GlobalDlmalloc.dealloc(pointer, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        if is_large(layout.size(), layout.align()) {
            return map(layout.size());
        }
        // SAFETY: the caller's promise.
        unsafe { GlobalDlmalloc.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let (old, align) = (layout.size(), layout.align());
        match (is_large(old, align), is_large(size, align)) {
            // SAFETY: the caller's promise.
            (false, false) => unsafe { GlobalDlmalloc.realloc(pointer, layout, size) },
            (true, true) => {
                let flags = libc::MREMAP_MAYMOVE;
                // SAFETY: a mapping of the old length; where it moves, the caller uses the new place.
                or_null(unsafe { libc::mremap(pointer.cast(), old, size, flags) })
            }
            // SAFETY: the caller's promise: a size that a layout may have, with an alignment that one has.
            _ => unsafe { moved(pointer, layout, size) },
        }
    }
}

/// From the one kind to the other.
///
/// # Safety
/// As [`GlobalAlloc::realloc`].
unsafe fn moved(pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
    // SAFETY: the caller's promise.
    let wanted = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
    // SAFETY: the size is not zero, as the caller promised.
    let new = unsafe { Heap.alloc(wanted) };
    if !new.is_null() {
        // SAFETY: two pieces, each of which has at least so many bytes.
        unsafe { ptr::copy_nonoverlapping(pointer, new, size.min(layout.size())) };
        // SAFETY: the caller's promise.
        unsafe { Heap.dealloc(pointer, layout) };
    }
    new
}

/// Held by a test whose copy of the process lives for seconds, and by one whose locks such a copy would keep.
#[cfg(test)]
pub static COPIES: std::sync::Mutex<()> = std::sync::Mutex::new(());

/// fork(2), after which the child may use the heap whatever other threads were at: nobody is inside of it while the process
/// is copied. The answer is fork's: 0 in the child, -1 if there is none.
///
/// # Safety
/// As fork(2): of other threads the child has only what they had locked.
pub unsafe fn fork() -> libc::pid_t {
    static PREPARED: Once = Once::new();
    PREPARED.call_once(|| {
        // SAFETY: once, and this thread is not inside the heap: all it does is to register what fork shall lock.
        unsafe { dlmalloc::enable_alloc_after_fork() }
    });
    // SAFETY: the caller's promise.
    unsafe { libc::fork() }
}

/// Does `work` in a process of its own, which goes on if this one is killed meanwhile; without one, here.
pub fn apart(work: impl FnOnce() -> io::Result<()>) -> io::Result<()> {
    // SAFETY: the child does `work`, which takes no lock that another thread may hold, and leaves by `_exit`.
    let pid = unsafe { fork() };
    if pid < 0 {
        return work();
    }
    if pid == 0 {
        // SAFETY: no pointers. Signals for the session or the group of the first process are not for this one.
        unsafe { libc::setsid() };
        let code = match work() {
            Ok(()) => 0,
            Err(error) => error.raw_os_error().unwrap_or(libc::EIO),
        };
        // SAFETY: ends this process and nothing else.
        unsafe { libc::_exit(code) };
    }
    match wait(pid)? {
        0 => Ok(()),
        status if libc::WIFEXITED(status) => {
            Err(io::Error::from_raw_os_error(libc::WEXITSTATUS(status)))
        }
        _ => Err(io::Error::other("a process that was ended")),
    }
}

/// Waits for the end of a child; its status.
pub fn wait(pid: libc::pid_t) -> io::Result<i32> {
    let mut status = 0;
    loop {
        // SAFETY: the kernel writes one `int`, which lives until the call is over.
        if unsafe { libc::waitpid(pid, &raw mut status, 0) } == pid {
            return Ok(status);
        }
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::Interrupted {
            return Err(error);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_and_shrinks_keeps_its_bytes() {
        let sizes = [
            1,
            LARGE_BYTES_MIN - 1,
            LARGE_BYTES_MIN,
            LARGE_BYTES_MIN + 1,
            3 << 20,
        ];
        for from in sizes {
            for to in sizes {
                let mut bytes: Vec<u8> = (0..from).map(|n| (n % 251) as u8).collect();
                bytes.truncate(to);
                bytes.shrink_to_fit();
                bytes.reserve_exact(to - bytes.len());
                let same = |(n, byte): (usize, &u8)| *byte == (n % 251) as u8;
                assert!(bytes.iter().enumerate().all(same), "{from} {to}");
                assert_eq!(bytes.len(), from.min(to));
            }
        }
    }

    #[test]
    fn what_is_large_takes_no_memory_before_it_is_used() {
        let pages = || {
            let text = std::fs::read_to_string("/proc/self/statm").unwrap();
            let resident = text.split(' ').nth(1).unwrap();
            resident.parse::<usize>().unwrap()
        };
        let before = pages();
        let zeros = vec![0u8; 256 << 20];
        let after = pages();
        assert_eq!(zeros[zeros.len() / 2], 0);
        // Other tests take memory meanwhile.
        assert!(
            after < before + (128 << 20) / PAGE_BYTES,
            "{before} {after}"
        );
    }
}
