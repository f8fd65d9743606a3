//! The heap: dlmalloc, because musl's own asks the kernel for pages at nearly every step and returns them at the next.

use std::io;
use std::sync::Once;

#[cfg(not(test))]
use dlmalloc::GlobalDlmalloc;

#[cfg(not(test))]
#[global_allocator]
static HEAP: GlobalDlmalloc = GlobalDlmalloc;

#[cfg(test)]
pub mod counted;

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
