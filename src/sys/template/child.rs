//! A child process with limits: work whose time and memory nobody can foresee.

use std::io::{self, Read, Write};
use std::time::Duration;

use cloudseed_core::userdata::template::RENDERED_BYTES_MAX;

use super::super::heap;
use super::super::sandbox::{limit, limit_memory, memory_bytes};

/// Most memory of the child's, in bytes; it counts what it has from its parent.
pub const MEMORY_BYTES_MAX: u64 = 256 << 20;

/// What it has also where less is left: the program itself takes a part of it.
const MEMORY_BYTES_MIN: u64 = 24 << 20;

/// Most time of the processor, in seconds.
pub const CPU_SECONDS_MAX: u64 = 5;

/// Most time of the clock, in seconds.
pub const SECONDS_MAX: u32 = 8;

/// Longest answer read, in bytes: the text, and before it what there is to say of missing variables.
const ANSWER_BYTES_MAX: u64 = RENDERED_BYTES_MAX as u64 + (1 << 20);

/// Runs `work` in a child, for at most so long, in whole seconds and one at least, and gives its answer; the error says what went wrong, in words.
pub fn run(most: Duration, work: impl FnOnce() -> Vec<u8>) -> Result<Vec<u8>, String> {
    let memory = memory_bytes(MEMORY_BYTES_MIN, MEMORY_BYTES_MAX);
    let seconds = u32::try_from(most.as_secs()).unwrap_or(u32::MAX);
    let seconds = seconds.clamp(1, SECONDS_MAX);
    let no_child = |error: io::Error| format!("no process to render it in: {error}");
    let (mut reader, mut writer) = io::pipe().map_err(no_child)?;
    // SAFETY: the child is a copy of this thread alone; it takes no lock that another thread may hold: the heap's
    // is nobody's after this fork. It leaves by `_exit`, running no destructor or exit handler.
    let pid = unsafe { heap::fork() };
    if pid < 0 {
        return Err(no_child(io::Error::last_os_error()));
    }
    if pid == 0 {
        drop(reader);
        limit_memory(memory);
        limit(libc::RLIMIT_CPU, CPU_SECONDS_MAX);
        limit(libc::RLIMIT_CORE, 0);
        // SAFETY: sets a timer of this process, whose signal ends it.
        unsafe { libc::alarm(seconds) };
        // What a failing allocation would say belongs to nobody.
        // SAFETY: closing a file that only this copy of the process has open.
        unsafe { libc::close(libc::STDERR_FILENO) };
        let sent = writer.write_all(&work());
        // SAFETY: ends this process and nothing else.
        unsafe { libc::_exit(i32::from(sent.is_err())) };
    }
    drop(writer);
    let mut answer = Vec::new();
    let read = reader
        .by_ref()
        .take(ANSWER_BYTES_MAX)
        .read_to_end(&mut answer);
    drop(reader);
    let status = heap::wait(pid).map_err(no_child)?;
    match (read, status) {
        (Err(error), _) => Err(no_child(error)),
        (Ok(_), 0) => Ok(answer),
        (Ok(_), status) => Err(ended(status, memory, seconds)),
    }
}

/// What it was that ended a child before it had answered.
fn ended(status: i32, memory: u64, seconds: u32) -> String {
    match libc::WTERMSIG(status) {
        libc::SIGALRM => format!("a template that takes more than {seconds} s of time"),
        libc::SIGXCPU | libc::SIGKILL => {
            format!("a template that takes more than {CPU_SECONDS_MAX} s of time")
        }
        libc::SIGSEGV | libc::SIGBUS => String::from("a template that nests too deep"),
        _ => format!(
            "a template that takes more than {} MiB of memory",
            memory >> 20
        ),
    }
}
