//! What somebody would try who has taken the worker over. Debug builds alone have it, for the tests (`tests/it/supervisor.rs`),
//! which name it in the environment: `CLOUDSEED_EXPLOIT='KIND PLACE'`.

use std::io;
use std::process::Command;

use super::check;

/// Does what the environment names, if it names anything. What came of it goes to standard error, if anything can.
pub fn attack() {
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
