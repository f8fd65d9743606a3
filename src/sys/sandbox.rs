//! Sandbox: what the worker can no longer do, whatever reads it. Each belt holds by itself; a kernel that lacks one goes on
//! with the others, and `result.json` names those that hold.
//!
//! ```text
//!   capabilities   only those that opening a network, a low port, a serial line and root's files takes
//!   limits         no file grows, by the way no image of memory is left
//!   landlock       writing only below /proc/sys/net and /dev; nothing is made, removed, renamed or executed
//!   seccomp        no program, no module, no mount, no other process, no namespace, no file that is made
//! ```
//!
//! What a worker never asks for ends it, and its supervisor says by which signal (SIGSYS); what a library might try first is
//! missing for it. It may still fork, for templates are rendered by a child; whoever is forked is in the sandbox as well.

use std::ffi::CString;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

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
    let capabilities = drop_capabilities().is_ok();
    // SAFETY: no pointers. The other belts ask for it.
    unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    if records {
        return Belts {
            capabilities,
            ..Belts::default()
        };
    }
    limit_files();
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

/// No regular file may grow, nor be written at all from its end on.
fn limit_files() {
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel reads one `rlimit`, which lives until the call is over.
    unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const none) };
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
/// Below which files may be written: sysctls of interfaces, and devices.
const WRITTEN: [&str; 2] = ["/proc/sys/net", "/dev"];

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
    for path in WRITTEN {
        match allow(&rules, path, WRITE_FILE | (handled & TRUNCATE)) {
            // What is not there needs no rule.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    // SAFETY: no pointers; the descriptor is open.
    check(unsafe { libc::syscall(RESTRICT_SELF, rules.as_raw_fd(), 0) })?;
    Ok(())
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

/// What no worker asks for.
const NEVER: &[libc::c_long] = &[
    // Programs, other processes, the kernel itself.
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kill,
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

/// The filter: what is not named is allowed.
fn filter() -> Vec<libc::sock_filter> {
    let mut program = vec![
        load(ARCH_AT),
        jump(libc::BPF_JEQ, ARCH, 1, 0),
        answer(END),
        load(NUMBER_AT),
    ];
    if cfg!(target_arch = "x86_64") {
        program.extend([jump(libc::BPF_JGE, X32, 0, 1), answer(END)]);
    }
    for call in NEVER.iter().chain(NEVER_OLD) {
        program.extend([jump(libc::BPF_JEQ, *call as u32, 0, 1), answer(END)]);
    }
    // Their arguments lie behind a pointer, where no filter looks; whoever asks has an older call.
    for call in [
        libc::SYS_openat2,
        libc::SYS_clone3,
        libc::SYS_io_uring_setup,
    ] {
        let missing = answer(REFUSE | libc::ENOSYS as u32);
        program.extend([jump(libc::BPF_JEQ, call as u32, 0, 1), missing]);
    }
    let by_flags = [
        (libc::SYS_openat, 2, MAKES),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_open, 1, MAKES),
        (libc::SYS_clone, 0, NAMESPACES),
    ];
    for (call, argument, flags) in by_flags {
        program.extend([
            jump(libc::BPF_JEQ, call as u32, 0, 4),
            load(argument_at(argument)),
            jump(libc::BPF_JSET, flags, 0, 1),
            answer(END),
            answer(ALLOW),
        ]);
    }
    program.extend([
        jump(
            libc::BPF_JEQ,
            libc::SYS_socket as u32,
            0,
            2 + FAMILIES.len() as u8 + 1,
        ),
        load(argument_at(0)),
    ]);
    for (index, family) in FAMILIES.iter().enumerate() {
        let behind = (FAMILIES.len() - index) as u8;
        program.push(jump(libc::BPF_JEQ, *family as u32, behind, 0));
    }
    program.extend([answer(END), answer(ALLOW), answer(ALLOW)]);
    program
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
    let mut filter = filter();
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

    /// What the filter says to a call, by the rules of classic BPF.
    fn asked(call: libc::c_long, arguments: [u32; 3]) -> u32 {
        let filter = filter();
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
