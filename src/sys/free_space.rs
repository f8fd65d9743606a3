//! Free space: how much of the file system below /run a plan may take.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::os::unix::ffi::OsStrExt;

use super::root::Root;

/// The part of what is free that a plan may take is one of so many: what lies below /run is the machine's memory.
const PARTS: u64 = 4;

impl Root {
    /// How large a plan may be, in bytes; `None` where that cannot be told.
    pub fn plan_bytes(&self) -> Option<usize> {
        let run = self.resolve("/run")?;
        let run = CString::new(run.as_os_str().as_bytes()).ok()?;
        let mut said = MaybeUninit::<libc::statvfs>::uninit();
        // SAFETY: the path ends in NUL, and the kernel's answer has room; both outlive the call.
        if unsafe { libc::statvfs(run.as_ptr(), said.as_mut_ptr()) } != 0 {
            return None;
        }
        // SAFETY: the call succeeded, so that the structure is filled.
        let said = unsafe { said.assume_init() };
        #[allow(clippy::useless_conversion, reason = "not so where a word has 32 bits")]
        let free = u64::from(said.f_bavail).saturating_mul(u64::from(said.f_frsize));
        // A file system without a bound says nothing of itself.
        let known = said.f_blocks > 0;
        known.then(|| usize::try_from(free / PARTS).unwrap_or(usize::MAX))
    }
}
