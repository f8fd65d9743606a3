//! Sandbox: what the worker can no longer do, whatever reads it. Each belt holds by itself; a kernel that lacks one goes on
//! with the others, and `result.json` names those that hold.
//!
//! ```text
//!   capabilities   only those that opening a network, a low port, a serial line and root's files takes
//!   limits         no file grows; so much memory, time of the processor and descriptors
//!   landlock       writing only below /proc/sys/net, and to serial lines and ports that are there; nothing is made, removed,
//!                  renamed or executed
//!   seccomp        the calls that a boot makes, and of the dangerous ones among them the arguments that it has
//! ```
//!
//! What only somebody would ask for who has taken the worker over ends it, and its supervisor says by which signal (SIGSYS).
//! What else is on no list is refused (EPERM), or missing for it where a library has another way (ENOSYS): a kernel or a C library
//! that is younger than the list costs a call, not the boot. `tests/it/calls.rs` holds the list against strace(1). It may still
//! fork, for templates are rendered by a child; whoever is forked is in the sandbox as well.
//!
//! The worker keeps root's number. What that is worth is in its capabilities, which are gone but for five, and these it would have
//! to keep with any number: packet sockets, interfaces, low ports, and files and sockets that are root's. Disks are what is left
//! to protect from the right to write what is root's, and landlock does, for no other descriptor than those of serial lines can be
//! had for writing. A number of its own would keep it from nothing that is still allowed, and from what a host gives to root alone:
//! LXD and Incus ask their socket for its peer's number, and refuse (401) every other.

mod landlock;
#[cfg(debug_assertions)]
pub mod planted;
mod seccomp;

use std::fs;
use std::io;

/// The belts that hold.
#[derive(Clone, Copy, Debug, Default)]
pub struct Belts {
    capabilities: bool,
    landlock: bool,
    seccomp: bool,
}

impl Belts {
    /// Their names, for `result.json`; `none` if there is none.
    pub fn names(self) -> String {
        let all = [
            ("capabilities", self.capabilities),
            ("landlock", self.landlock),
            ("seccomp", self.seccomp),
        ];
        let held = all.iter().filter(|(_, held)| *held);
        let names: Vec<&str> = held.map(|(name, _)| *name).collect();
        if names.is_empty() {
            String::from("none")
        } else {
            names.join(" ")
        }
    }
}

/// Puts this process, and whoever it will start, into the sandbox, for good. `records` leaves the right to make one file.
pub fn enter(records: bool) -> Belts {
    if cfg!(feature = "unconfined") {
        return Belts::default();
    }
    let capabilities = drop_capabilities().is_ok();
    // SAFETY: no pointers. The other belts ask for it.
    unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    if records {
        return Belts {
            capabilities,
            ..Belts::default()
        };
    }
    limits();
    // Landlock first, for it opens the places it allows.
    Belts {
        capabilities,
        landlock: landlock::enter().is_ok(),
        seccomp: seccomp::enter().is_ok(),
    }
}

// ---- capabilities (capabilities(7))

/// CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH: root's files and devices.
/// CAP_NET_BIND_SERVICE: ports below 1024. CAP_NET_ADMIN: interfaces up and down. CAP_NET_RAW: packet sockets.
const KEPT: [u32; 5] = [1, 2, 10, 12, 13];
/// _LINUX_CAPABILITY_VERSION_3.
const VERSION: u32 = 0x2008_0522;

/// Keeps those of [`KEPT`] that there are.
fn drop_capabilities() -> io::Result<()> {
    let kept = KEPT.iter().fold(0u32, |kept, bit| kept | 1 << bit);
    let mut header = [VERSION, 0];
    // Effective, permitted, inheritable; the second half is of numbers above 31.
    let mut sets = [0u32; 6];
    // SAFETY: a header and two sets of ours, as long as the call demands, which outlive it.
    let got = unsafe { libc::syscall(libc::SYS_capget, header.as_mut_ptr(), sets.as_mut_ptr()) };
    check(got)?;
    let sets = [sets[0] & kept, sets[1] & kept, 0, 0, 0, 0];
    // SAFETY: as above.
    check(unsafe { libc::syscall(libc::SYS_capset, header.as_mut_ptr(), sets.as_ptr()) })?;
    Ok(())
}

// ---- limits

/// Most memory of the worker's own, in bytes: where there is less, half of what is available, but never below the least.
const MEMORY_BYTES_MAX: u64 = 256 << 20;
/// A worker of an ordinary boot takes a tenth of it.
const MEMORY_BYTES_MIN: u64 = 32 << 20;
/// Most time of the processor, in seconds; its budget of steps ends it long before.
const CPU_SECONDS_MAX: u64 = 60;
/// Most descriptors: a packet socket for each interface, and a few.
const DESCRIPTORS_MAX: u64 = 1024;

/// No regular file may grow, nor be written at all from its end on; memory, time and descriptors have an end.
fn limits() {
    limit(libc::RLIMIT_FSIZE, 0);
    limit(libc::RLIMIT_CORE, 0);
    limit_memory(memory_bytes(MEMORY_BYTES_MIN, MEMORY_BYTES_MAX));
    limit(libc::RLIMIT_CPU, CPU_SECONDS_MAX);
    limit(libc::RLIMIT_NOFILE, DESCRIPTORS_MAX);
}

/// Half of the memory that is available, as far as that can be told, and within these bounds.
pub fn memory_bytes(least: u64, most: u64) -> u64 {
    kilobytes("/proc/meminfo", "MemAvailable:")
        .map_or(most, |free| free.saturating_mul(512).clamp(least, most))
}

/// Limits what this process takes beyond what it has now, which may be much of its parent's.
pub fn limit_memory(bytes: u64) {
    let held = kilobytes("/proc/self/status", "VmData:").unwrap_or_default();
    limit(libc::RLIMIT_DATA, bytes.saturating_add(held << 10));
}

/// A number of kilobytes in a file of lines `KEY  NUMBER kB`.
fn kilobytes(path: &str, key: &str) -> Option<u64> {
    let text = fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

/// How the C library at hand numbers limits.
#[cfg(target_env = "gnu")]
type Resource = libc::__rlimit_resource_t;
/// How the C library at hand numbers limits.
#[cfg(not(target_env = "gnu"))]
type Resource = libc::c_int;

/// Limits this process, and whatever it starts, for good; nobody's limit is raised. A kernel that cannot leaves it unlimited.
pub fn limit(resource: Resource, most: u64) {
    let mut now = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: the kernel writes one `rlimit`, which lives until the call is over.
    unsafe { libc::getrlimit(resource, &raw mut now) };
    let most = libc::rlimit {
        rlim_cur: now.rlim_cur.min(most),
        rlim_max: now.rlim_max.min(most),
    };
    // SAFETY: the kernel reads one `rlimit`, which lives until the call is over.
    unsafe { libc::setrlimit(resource, &raw const most) };
}

fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_belts_have_names() {
        assert_eq!(Belts::default().names(), "none");
        let belts = Belts {
            capabilities: true,
            landlock: false,
            seccomp: true,
        };
        assert_eq!(belts.names(), "capabilities seccomp");
    }
}
