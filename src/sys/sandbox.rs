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
//! had for writing. A number of its own would be seen by hosts that ask a socket for its peer's (the zone's metadata socket), and
//! keep it from nothing that is still allowed.

use std::ffi::CString;
use std::fs;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;

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
        landlock: landlock().is_ok(),
        seccomp: seccomp().is_ok(),
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

// ---- landlock(7)

const CREATE_RULESET: libc::c_long = 444;
const ADD_RULE: libc::c_long = 445;
const RESTRICT_SELF: libc::c_long = 446;
/// LANDLOCK_CREATE_RULESET_VERSION.
const ASK_VERSION: u32 = 1;
/// LANDLOCK_RULE_PATH_BENEATH.
const PATH_BENEATH: u32 = 1;
/// EXECUTE, WRITE_FILE, and from REMOVE_DIR to MAKE_SYM: all of the first version that change or run something.
const CHANGES: u64 = 1 | 1 << 1 | 0x1ff0;
/// REFER, which came with the second version, and TRUNCATE, with the third.
const REFER: u64 = 1 << 13;
const TRUNCATE: u64 = 1 << 14;
const WRITE_FILE: u64 = 1 << 1;
/// Below which files may be written: sysctls of interfaces.
const WRITTEN: &str = "/proc/sys/net";
/// What the names of devices begin with that may be written: serial lines, but no terminals, and ports of virtio. Disks may not.
const LINES: [&str; 3] = ["tty", "hvc", "vport"];

/// struct landlock_path_beneath_attr, which is packed.
#[repr(C, packed)]
struct Beneath {
    allowed: u64,
    parent: i32,
}

fn landlock() -> io::Result<()> {
    let (none, zero) = (std::ptr::null::<u64>(), 0usize);
    // SAFETY: asks for a number; no pointers.
    let version = unsafe { libc::syscall(CREATE_RULESET, none, zero, ASK_VERSION) };
    check(version)?;
    let later = [REFER, TRUNCATE]
        .into_iter()
        .take(usize::try_from(version - 1).unwrap_or(0));
    let handled = later.fold(CHANGES, |handled, right| handled | right);
    // SAFETY: the pointer and the length are those of a number of ours, the only field that all versions know.
    let rules = unsafe { libc::syscall(CREATE_RULESET, &raw const handled, size_of::<u64>(), 0) };
    // SAFETY: the kernel has just given us this descriptor, and nobody else knows it.
    let rules = unsafe { OwnedFd::from_raw_fd(check(rules)? as i32) };
    for path in lines().into_iter().chain([String::from(WRITTEN)]) {
        match allow(&rules, &path, WRITE_FILE | (handled & TRUNCATE)) {
            // What is not there needs no rule.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    // SAFETY: no pointers; the descriptor is open.
    check(unsafe { libc::syscall(RESTRICT_SELF, rules.as_raw_fd(), 0) })?;
    Ok(())
}

/// The serial lines and ports that are there.
fn lines() -> Vec<String> {
    let entries = fs::read_dir("/dev").into_iter().flatten().flatten();
    let is_line = |entry: &fs::DirEntry| {
        let is_device = entry.file_type().is_ok_and(|kind| kind.is_char_device());
        is_device && is_line(&entry.file_name().to_string_lossy())
    };
    let found = entries.filter(is_line).take(LINES_MAX);
    found
        .map(|entry| entry.path().to_string_lossy().into_owned())
        .collect()
}

/// Most of them; each is a rule.
const LINES_MAX: usize = 256;

/// `ttyS1`, `hvc0`, `vport1p1`; `tty1` is a screen.
fn is_line(name: &str) -> bool {
    let kind = LINES
        .iter()
        .find_map(|kind| Some((*kind, name.strip_prefix(kind)?)));
    kind.is_some_and(|(kind, rest)| {
        kind != "tty" || rest.starts_with(|c: char| c.is_ascii_alphabetic())
    })
}

fn allow(rules: &OwnedFd, path: &str, allowed: u64) -> io::Result<()> {
    let path = CString::new(path)?;
    // SAFETY: the string ends in NUL and outlives the call.
    let place = unsafe { libc::open(path.as_ptr(), libc::O_PATH | libc::O_CLOEXEC) };
    // SAFETY: the kernel has just given us this descriptor, and nobody else knows it.
    let place = unsafe { OwnedFd::from_raw_fd(check(place.into())? as i32) };
    let rule = Beneath {
        allowed,
        parent: place.as_raw_fd(),
    };
    let (raw, none) = (rules.as_raw_fd(), 0);
    // SAFETY: the rule is ours, of the kind that is said, and outlives the call, as do both descriptors.
    let added = unsafe { libc::syscall(ADD_RULE, raw, PATH_BENEATH, &raw const rule, none) };
    check(added).map(|_| ())
}

// ---- seccomp(2)

/// AUDIT_ARCH of the processor this is made for: a call by another's numbers ends the worker.
#[cfg(target_arch = "x86_64")]
const ARCH: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCH: u32 = 0xc000_00b7;
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
const ARCH: u32 = 0;
/// Calls of x86_64 by the numbers of x32 begin here.
const X32: u32 = 0x4000_0000;

/// SECCOMP_RET_KILL_PROCESS, which older kernels take for the end of the thread: there is but one.
const END: u32 = 0x8000_0000;
const ALLOW: u32 = 0x7fff_0000;
const REFUSE: u32 = 0x0005_0000;

/// What boots ask for with any argument, the most frequent first.
const ASKED: &[libc::c_long] = &[
    // What is open.
    libc::SYS_read,
    libc::SYS_close,
    libc::SYS_ppoll,
    libc::SYS_sendto,
    libc::SYS_recvmsg,
    libc::SYS_recvfrom,
    libc::SYS_pread64,
    libc::SYS_fcntl,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_readv,
    libc::SYS_lseek,
    libc::SYS_dup,
    libc::SYS_pipe2,
    // Files and folders.
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_faccessat,
    libc::SYS_statfs,
    libc::SYS_fstatfs,
    libc::SYS_getcwd,
    libc::SYS_uname,
    // Sockets; which kinds there are is another question.
    libc::SYS_bind,
    libc::SYS_connect,
    libc::SYS_sendmsg,
    libc::SYS_setsockopt,
    libc::SYS_getsockopt,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_shutdown,
    // Memory.
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    libc::SYS_brk,
    // Time and chance.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    // A child that renders, a guard, and their ends.
    libc::SYS_wait4,
    libc::SYS_setsid,
    libc::SYS_close_range,
    libc::SYS_prlimit64,
    libc::SYS_getrlimit,
    libc::SYS_setrlimit,
    libc::SYS_setitimer,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getppid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_exit,
    libc::SYS_exit_group,
    // What a C library does for a process and its signals.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    libc::SYS_futex,
    libc::SYS_sched_yield,
    libc::SYS_sched_getaffinity,
    libc::SYS_set_tid_address,
    libc::SYS_set_robust_list,
];
/// The same by the older names that this processor still has.
#[cfg(target_arch = "x86_64")]
const ASKED_OLD: &[libc::c_long] = &[
    libc::SYS_stat,
    libc::SYS_lstat,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_access,
    libc::SYS_pipe,
    libc::SYS_dup2,
    libc::SYS_alarm,
    libc::SYS_fork,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const ASKED_OLD: &[libc::c_long] = &[];
/// What lies behind a pointer no filter sees, and what libraries try before an older call: missing.
const MISSING: [libc::c_long; 5] = [
    libc::SYS_openat2,
    libc::SYS_clone3,
    libc::SYS_io_uring_setup,
    libc::SYS_faccessat2,
    libc::SYS_rseq,
];
/// Calls from here on came after this list was made: missing as well.
const LATER: u32 = 450;
/// ioctl(2) of terminals (settings, and what they have in store, in both ways of asking) and for the name of an interface.
const ORDERS: [u32; 6] = [
    libc::TCGETS as u32,
    libc::TCGETS2 as u32,
    libc::TCSETS2 as u32,
    libc::TCFLSH as u32,
    libc::FIONREAD as u32,
    SIOCGIFNAME,
];
const SIOCGIFNAME: u32 = 0x8910;
/// What no boot asks for and no library tries: who does has taken the worker over.
const NEVER: &[libc::c_long] = &[
    // Programs, other processes, the kernel itself.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kill,
    libc::SYS_rt_sigqueueinfo,
    libc::SYS_rt_tgsigqueueinfo,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_pidfd_getfd,
    libc::SYS_process_madvise,
    libc::SYS_open_by_handle_at,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setresuid,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    // What is mounted where, and in which namespace.
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_swapon,
    // Files that are made, moved, removed, or become another's.
    libc::SYS_mkdirat,
    libc::SYS_mknodat,
    libc::SYS_unlinkat,
    libc::SYS_linkat,
    libc::SYS_symlinkat,
    libc::SYS_renameat2,
    libc::SYS_fchmod,
    libc::SYS_fchmodat,
    libc::SYS_fchown,
    libc::SYS_fchownat,
    libc::SYS_truncate,
    libc::SYS_ftruncate,
    libc::SYS_setxattr,
    libc::SYS_fsetxattr,
];
/// The same by the older names that this processor still has.
#[cfg(target_arch = "x86_64")]
const NEVER_OLD: &[libc::c_long] = &[
    libc::SYS_mkdir,
    libc::SYS_rmdir,
    libc::SYS_mknod,
    libc::SYS_unlink,
    libc::SYS_link,
    libc::SYS_symlink,
    libc::SYS_rename,
    libc::SYS_renameat,
    libc::SYS_chmod,
    libc::SYS_chown,
    libc::SYS_lchown,
    libc::SYS_creat,
    libc::SYS_iopl,
    libc::SYS_ioperm,
];
#[cfg(not(target_arch = "x86_64"))]
const NEVER_OLD: &[libc::c_long] = &[];
/// Flags of an opening that makes a file or empties it.
const MAKES: u32 = (libc::O_CREAT | libc::O_TRUNC) as u32;
/// Flags of clone(2) that make a namespace: of mounts, control groups, names, messages, users, processes, networks.
const NAMESPACES: u32 = 0x7e02_0000;
/// Families of sockets that there are doors to.
const FAMILIES: [i32; 6] = [
    libc::AF_UNIX,
    libc::AF_INET,
    libc::AF_INET6,
    libc::AF_NETLINK,
    libc::AF_PACKET,
    libc::AF_VSOCK,
];

// Where struct seccomp_data has them; of an argument the lower half, which is first on these processors.
const NUMBER_AT: u32 = 0;
const ARCH_AT: u32 = 4;
const fn argument_at(index: u32) -> u32 {
    16 + 8 * index
}

/// The filter of the process of this number: what is not named is refused.
fn filter(process: u32) -> Vec<libc::sock_filter> {
    let mut program = vec![
        load(ARCH_AT),
        jump(libc::BPF_JEQ, ARCH, 1, 0),
        answer(END),
        load(NUMBER_AT),
    ];
    if cfg!(target_arch = "x86_64") {
        program.extend([jump(libc::BPF_JGE, X32, 0, 1), answer(END)]);
    }
    let groups = [
        (ASKED, ALLOW),
        (ASKED_OLD, ALLOW),
        (NEVER, END),
        (NEVER_OLD, END),
        (&MISSING, REFUSE | libc::ENOSYS as u32),
    ];
    for (call, then) in groups
        .iter()
        .flat_map(|(calls, then)| calls.iter().map(|call| (*call, *then)))
    {
        program.extend([jump(libc::BPF_JEQ, call as u32, 0, 1), answer(then)]);
    }
    by_flags(&mut program);
    one_of(
        &mut program,
        libc::SYS_socket,
        0,
        &FAMILIES.map(|family| family as u32),
        END,
    );
    one_of(
        &mut program,
        libc::SYS_ioctl,
        1,
        &ORDERS,
        REFUSE | libc::EPERM as u32,
    );
    // abort(3) is a signal to oneself.
    one_of(&mut program, libc::SYS_tkill, 0, &[process], END);
    one_of(&mut program, libc::SYS_tgkill, 0, &[process], END);
    let missing = answer(REFUSE | libc::ENOSYS as u32);
    program.extend([jump(libc::BPF_JGE, LATER, 0, 1), missing]);
    program.push(answer(REFUSE | libc::EPERM as u32));
    program
}

/// Calls that are allowed without these flags in an argument, and are the end with one of them.
fn by_flags(program: &mut Vec<libc::sock_filter>) {
    const EXECUTED: u32 = libc::PROT_EXEC as u32;
    let calls = [
        (libc::SYS_openat, 2, MAKES),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_open, 1, MAKES),
        (libc::SYS_clone, 0, NAMESPACES),
        (libc::SYS_mmap, 2, EXECUTED),
        (libc::SYS_mprotect, 2, EXECUTED),
    ];
    for (call, argument, flags) in calls {
        program.extend([
            jump(libc::BPF_JEQ, call as u32, 0, 4),
            load(argument_at(argument)),
            jump(libc::BPF_JSET, flags, 0, 1),
            answer(END),
            answer(ALLOW),
        ]);
    }
}

/// A call that is allowed with one of these values as an argument.
fn one_of(
    program: &mut Vec<libc::sock_filter>,
    call: libc::c_long,
    argument: u32,
    values: &[u32],
    otherwise: u32,
) {
    // Jumps are of one byte; no list of ours is as long.
    let count = values.len() as u8;
    program.extend([
        jump(libc::BPF_JEQ, call as u32, 0, count + 3),
        load(argument_at(argument)),
    ]);
    for (value, behind) in values.iter().zip((1..=count).rev()) {
        program.push(jump(libc::BPF_JEQ, *value, behind, 0));
    }
    program.extend([answer(otherwise), answer(ALLOW)]);
}

fn load(at: u32) -> libc::sock_filter {
    operation(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, at)
}

fn jump(test: u32, value: u32, jt: u8, jf: u8) -> libc::sock_filter {
    operation(libc::BPF_JMP | test | libc::BPF_K, jt, jf, value)
}

fn answer(answer: u32) -> libc::sock_filter {
    operation(libc::BPF_RET | libc::BPF_K, 0, 0, answer)
}

fn operation(code: u32, jt: u8, jf: u8, k: u32) -> libc::sock_filter {
    libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    }
}

fn seccomp() -> io::Result<()> {
    if ARCH == 0 {
        return Err(io::Error::from(io::ErrorKind::Unsupported));
    }
    let mut filter = filter(std::process::id());
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: the program is ours, as long as it says, and outlives the call, which copies it.
    let set = unsafe { libc::prctl(libc::PR_SET_SECCOMP, 2, &raw const program) };
    check(set.into()).map(|_| ())
}

fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    match result {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result),
    }
}

/// What somebody would try who has taken the worker over: for the tests, which name it in the environment. What came of it
/// goes to standard error, if anything can.
#[cfg(debug_assertions)]
pub fn planted() {
    use std::process::Command;
    let Ok(exploit) = std::env::var("CLOUDSEED_EXPLOIT") else {
        return;
    };
    let (kind, place) = exploit.split_once(' ').unwrap_or((&exploit, ""));
    let options = std::fs::OpenOptions::new;
    let supervisor = std::os::unix::process::parent_id() as libc::pid_t;
    let came: io::Result<()> = match kind {
        "make" => std::fs::write(place, "made"),
        "write" => {
            let opened = options().write(true).open(place);
            opened.and_then(|mut file| io::Write::write_all(&mut file, b"written"))
        }
        "remove" => std::fs::remove_file(place),
        "link" => std::os::unix::fs::symlink("/etc/passwd", place),
        "execute" => Command::new(place).status().map(|_| ()),
        "socket" => {
            // SAFETY: no pointers.
            check(unsafe { libc::socket(libc::AF_ALG, libc::SOCK_SEQPACKET, 0) }.into()).map(|_| ())
        }
        "kill" => {
            // SAFETY: no pointers. The supervisor is still there.
            check(unsafe { libc::kill(supervisor, libc::SIGKILL) }.into()).map(|_| ())
        }
        "signal" => {
            let (call, signal) = (libc::SYS_tgkill, libc::SIGKILL);
            // SAFETY: no pointers. The same by another call.
            check(unsafe { libc::syscall(call, supervisor, supervisor, signal) }).map(|_| ())
        }
        "code" => {
            let (rights, flags) = (
                libc::PROT_READ | libc::PROT_EXEC,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            );
            // SAFETY: a new mapping, wherever there is room.
            let mapped = unsafe { libc::mmap(std::ptr::null_mut(), 4096, rights, flags, -1, 0) };
            check(mapped as libc::c_long).map(|_| ())
        }
        "queue" => {
            // SAFETY: no pointers. Nothing dangerous, and nothing that a boot asks for.
            check(unsafe { libc::syscall(libc::SYS_msgget, 0, libc::IPC_CREAT) }).map(|_| ())
        }
        "trace" => {
            // SAFETY: no pointers that are used.
            check(unsafe { libc::ptrace(libc::PTRACE_ATTACH, supervisor, 0, 0) }).map(|_| ())
        }
        "namespace" => {
            // SAFETY: no pointers.
            check(unsafe { libc::unshare(libc::CLONE_NEWUSER) }.into()).map(|_| ())
        }
        _ => Err(io::Error::from(io::ErrorKind::InvalidInput)),
    };
    // No word gets into a file that standard error may be.
    let _ = io::Write::write_fmt(
        &mut io::stderr(),
        format_args!("exploit: {kind}: {came:?}\n"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROCESS: u32 = 4711;

    /// What the filter says to a call, by the rules of classic BPF.
    fn asked(call: libc::c_long, arguments: [u32; 3]) -> u32 {
        let filter = filter(PROCESS);
        let (mut at, mut value) = (0, 0);
        loop {
            let operation = filter[at];
            at += 1;
            let code = u32::from(operation.code);
            let holds = match code & 0xf0 {
                libc::BPF_JEQ => value == operation.k,
                libc::BPF_JGE => value >= operation.k,
                _ => value & operation.k != 0,
            };
            match code & 7 {
                libc::BPF_LD => {
                    value = match operation.k {
                        NUMBER_AT => call as u32,
                        ARCH_AT => ARCH,
                        place => arguments[(place as usize - 16) / 8],
                    }
                }
                libc::BPF_JMP if holds => at += usize::from(operation.jt),
                libc::BPF_JMP => at += usize::from(operation.jf),
                _ => return operation.k,
            }
        }
    }

    #[test]
    fn the_filter_says_what_it_should() {
        let enosys = REFUSE | libc::ENOSYS as u32;
        let eperm = REFUSE | libc::EPERM as u32;
        let creates = (libc::O_WRONLY | libc::O_CREAT) as u32;
        for (call, arguments, expected) in [
            (libc::SYS_read, [0; 3], ALLOW),
            (libc::SYS_execve, [0; 3], END),
            (libc::SYS_renameat2, [0; 3], END),
            (libc::SYS_fsetxattr, [0; 3], END),
            (libc::SYS_openat2, [0; 3], enosys),
            (libc::SYS_openat, [0, 0, libc::O_RDWR as u32], ALLOW),
            (libc::SYS_openat, [0, 0, creates], END),
            (libc::SYS_clone, [libc::SIGCHLD as u32, 0, 0], ALLOW),
            (libc::SYS_clone, [libc::CLONE_NEWUSER as u32, 0, 0], END),
            (libc::SYS_socket, [libc::AF_UNIX as u32, 0, 0], ALLOW),
            (libc::SYS_socket, [libc::AF_PACKET as u32, 0, 0], ALLOW),
            (libc::SYS_socket, [libc::AF_VSOCK as u32, 0, 0], ALLOW),
            (libc::SYS_socket, [libc::AF_ALG as u32, 0, 0], END),
            (libc::SYS_exit_group, [0; 3], ALLOW),
            (libc::SYS_mmap, [0, 0, libc::PROT_READ as u32], ALLOW),
            (libc::SYS_mmap, [0, 0, libc::PROT_EXEC as u32], END),
            (libc::SYS_mprotect, [0, 0, libc::PROT_EXEC as u32], END),
            (libc::SYS_tkill, [PROCESS, 6, 0], ALLOW),
            (libc::SYS_tgkill, [PROCESS, PROCESS, 6], ALLOW),
            (libc::SYS_tgkill, [PROCESS - 1, PROCESS - 1, 9], END),
            (libc::SYS_ioctl, [3, libc::TCSETS2 as u32, 0], ALLOW),
            (libc::SYS_ioctl, [3, libc::TIOCSTI as u32, 0], eperm),
            (libc::SYS_msgget, [0; 3], eperm),
            (libc::SYS_futex_waitv, [0; 3], eperm),
            (LATER as libc::c_long, [0; 3], enosys),
            (
                0x4000_0001,
                [0; 3],
                if cfg!(target_arch = "x86_64") {
                    END
                } else {
                    ALLOW
                },
            ),
        ] {
            assert_eq!(asked(call, arguments), expected, "{call} {arguments:x?}");
        }
    }

    #[test]
    fn serial_lines_are_written_and_screens_are_not() {
        for (name, expected) in [
            ("ttyS1", true),
            ("ttyAMA0", true),
            ("hvc0", true),
            ("vport1p1", true),
            ("tty", false),
            ("tty1", false),
            ("sda", false),
            ("mem", false),
        ] {
            assert_eq!(is_line(name), expected, "{name}");
        }
    }

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
