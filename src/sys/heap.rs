//! The heap: dlmalloc, because musl's own asks the kernel for pages at nearly every step and returns them at the next.

use std::sync::Once;

use dlmalloc::GlobalDlmalloc;

#[global_allocator]
static HEAP: GlobalDlmalloc = GlobalDlmalloc;

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
