//! The filter of system calls (seccomp(2)): those that a boot makes, and of the dangerous ones among them the arguments that it has.
//!
//! A filter is a program of classic BPF. This one looks for a call's number in a tree, for the kernel runs it for each number when
//! it takes it, and for each dangerous call afterwards.

use std::collections::BTreeMap;
use std::io;

use super::check;

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
/// Not to this process.
const NO_RIGHT: u32 = REFUSE | libc::EPERM as u32;
/// There is no such call.
const NO_CALL: u32 = REFUSE | libc::ENOSYS as u32;

/// What boots ask for with any argument.
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
/// Memory that may hold a program.
const EXECUTED: u32 = libc::PROT_EXEC as u32;
/// Flags of clone(2) that make a namespace: of mounts, control groups, names, messages, users, processes, networks.
const NAMESPACES: u32 = 0x7e02_0000;
/// Families of sockets that there are doors to.
const FAMILIES: [u32; 6] = [
    libc::AF_UNIX as u32,
    libc::AF_INET as u32,
    libc::AF_INET6 as u32,
    libc::AF_NETLINK as u32,
    libc::AF_PACKET as u32,
    libc::AF_VSOCK as u32,
];

// Where struct seccomp_data has them; of an argument the lower half, which is first on these processors.
const NUMBER_AT: u32 = 0;
const ARCH_AT: u32 = 4;
const fn argument_at(index: u32) -> u32 {
    16 + 8 * index
}

/// Instructions that end in an answer.
type Code = Vec<libc::sock_filter>;

/// The filter of the process of this number: what is not named is refused.
fn filter(process: u32) -> Code {
    let mut program = vec![
        load(ARCH_AT),
        jump(libc::BPF_JEQ, ARCH, 1, 0),
        answer(END),
        load(NUMBER_AT),
    ];
    program.extend(tree(&spans(calls(process))));
    program
}

/// What is said to each call that has an answer of its own.
fn calls(process: u32) -> BTreeMap<u32, Code> {
    let groups = [
        (ASKED, ALLOW),
        (ASKED_OLD, ALLOW),
        (NEVER, END),
        (NEVER_OLD, END),
        (&MISSING, NO_CALL),
    ];
    let said = |(calls, said): (&'static [libc::c_long], u32)| {
        calls.iter().map(move |call| (*call, vec![answer(said)]))
    };
    let looked_at = [
        (libc::SYS_openat, without(2, MAKES)),
        #[cfg(target_arch = "x86_64")]
        (libc::SYS_open, without(1, MAKES)),
        (libc::SYS_clone, without(0, NAMESPACES)),
        (libc::SYS_mmap, without(2, EXECUTED)),
        (libc::SYS_mprotect, without(2, EXECUTED)),
        (libc::SYS_socket, one_of(0, &FAMILIES, END)),
        (libc::SYS_ioctl, one_of(1, &ORDERS, NO_RIGHT)),
        // abort(3) is a signal to oneself.
        (libc::SYS_tkill, one_of(0, &[process], END)),
        (libc::SYS_tgkill, one_of(0, &[process], END)),
    ];
    let all = groups.into_iter().flat_map(said).chain(looked_at);
    all.map(|(call, code)| (call as u32, code)).collect()
}

/// All numbers there are as spans with the same answer: where each begins, and what is said.
fn spans(mut calls: BTreeMap<u32, Code>) -> Vec<(u32, Code)> {
    calls.insert(LATER, vec![answer(NO_CALL)]);
    if cfg!(target_arch = "x86_64") {
        calls.insert(X32, vec![answer(END)]);
    }
    let mut spans = vec![(0, vec![answer(NO_RIGHT)])];
    for (&call, code) in &calls {
        spans.push((call, code.clone()));
        if call < LATER && !calls.contains_key(&(call + 1)) {
            spans.push((call + 1, vec![answer(NO_RIGHT)]));
        }
    }
    spans.dedup_by(|next, last| same(&next.1, &last.1));
    spans
}

fn same(one: &[libc::sock_filter], other: &[libc::sock_filter]) -> bool {
    let parts = |operation: &libc::sock_filter| {
        let libc::sock_filter { code, jt, jf, k } = *operation;
        (code, jt, jf, k)
    };
    one.iter().map(parts).eq(other.iter().map(parts))
}

/// Finds the span that the number loaded is in: the upper half of them, or the lower.
fn tree(spans: &[(u32, Code)]) -> Code {
    let (low, high) = spans.split_at(spans.len() / 2);
    match (low, high) {
        ([], [(_, code)]) => code.clone(),
        (_, [(first, _), ..]) => {
            let (low, high) = (tree(low), tree(high));
            // Conditional jumps are of one byte.
            let over = match u8::try_from(low.len()) {
                Ok(length) => vec![jump(libc::BPF_JGE, *first, length, 0)],
                Err(_) => vec![
                    jump(libc::BPF_JGE, *first, 0, 1),
                    operation(libc::BPF_JMP | libc::BPF_JA, 0, 0, low.len() as u32),
                ],
            };
            [over, low, high].concat()
        }
        _ => Code::new(),
    }
}

/// Allowed without these flags in an argument, and the end with one of them.
fn without(argument: u32, flags: u32) -> Code {
    vec![
        load(argument_at(argument)),
        jump(libc::BPF_JSET, flags, 0, 1),
        answer(END),
        answer(ALLOW),
    ]
}

/// Allowed with one of these values as an argument.
fn one_of(argument: u32, values: &[u32], otherwise: u32) -> Code {
    // No list of ours is as long as a jump can be.
    let count = values.len() as u8;
    let mut code = vec![load(argument_at(argument))];
    for (value, behind) in values.iter().zip((1..=count).rev()) {
        code.push(jump(libc::BPF_JEQ, *value, behind, 0));
    }
    code.extend([answer(otherwise), answer(ALLOW)]);
    code
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

/// Puts this process under the filter.
///
/// # Errors
/// The kernel has no filters, or this processor no list.
pub fn enter() -> io::Result<()> {
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
                libc::BPF_JMP if code & 0xf0 == libc::BPF_JA => at += operation.k as usize,
                libc::BPF_JMP if holds => at += usize::from(operation.jt),
                libc::BPF_JMP => at += usize::from(operation.jf),
                _ => return operation.k,
            }
        }
    }

    #[test]
    fn the_filter_says_what_it_should() {
        let creates = (libc::O_WRONLY | libc::O_CREAT) as u32;
        for (call, arguments, expected) in [
            (libc::SYS_read, [0; 3], ALLOW),
            (libc::SYS_execve, [0; 3], END),
            (libc::SYS_renameat2, [0; 3], END),
            (libc::SYS_fsetxattr, [0; 3], END),
            (libc::SYS_openat2, [0; 3], NO_CALL),
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
            (libc::SYS_ioctl, [3, libc::TIOCSTI as u32, 0], NO_RIGHT),
            (libc::SYS_msgget, [0; 3], NO_RIGHT),
            (libc::SYS_futex_waitv, [0; 3], NO_RIGHT),
            (LATER as libc::c_long, [0; 3], NO_CALL),
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
    fn every_number_is_found_in_the_tree() {
        let calls = calls(PROCESS);
        for number in 0..LATER + 50 {
            let expected = match calls.get(&number) {
                Some(code) => code.last().map_or(END, |last| last.k),
                None if number < LATER => NO_RIGHT,
                None => NO_CALL,
            };
            let said = asked(number.into(), [0; 3]);
            let looked_at = calls.get(&number).is_some_and(|code| code.len() > 1);
            assert!(looked_at || said == expected, "{number}: {said:x}");
        }
    }
}
