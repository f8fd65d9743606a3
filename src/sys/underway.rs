//! Under way: how a boot shows that it runs, and how somebody else waits for its end and no longer.
//!
//! ```text
//!   boot       opens /run/cloudseed.boot, locks it, writes until when it wants to be done, and for whom it waits
//!   hand over  asks whose the lock is: nobody's any more ─► it has ended, whatever it died of
//!                                      somebody's, who was stopped, at the limit ─► it is killed
//!                                      somebody's, who runs, half a minute later ─► it is killed
//! ```
//!
//! A record lock (fcntl(2)) because it goes with its process, however that ends, is not inherited by children, and tells
//! who has it.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;
use std::time::Duration;

use cloudseed_core::settings::own::DEADLINE_SECONDS_MAX;

use super::root::Root;

/// The file, in /run of a root.
pub const NAME: &str = "/run/cloudseed.boot";
/// How long between two looks.
const TURN: Duration = Duration::from_millis(20);
/// How long a boot that was just started may take to show itself.
const START_MAX: Duration = Duration::from_secs(2);
/// After this long of waiting, people want to know for what.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest limit: as long as its owner may ask for.
const LIMIT_MAX: Duration = Duration::from_secs(DEADLINE_SECONDS_MAX);
/// How long one that runs may go on after its limit. It has a deadline of its own, and a supervisor: this is for what nobody has
/// thought of, and for a slow machine.
const OVERRUN_MAX: Duration = Duration::from_secs(30);
/// How long the name of who is waited for may be, in bytes; the mark is always as long.
const NAME_BYTES: usize = 60;
/// Length of the whole mark, in bytes.
const MARK_BYTES: u64 = 20 + 1 + NAME_BYTES as u64;
/// How long a process may take to go after a kill.
const GOING_MAX: Duration = Duration::from_secs(2);

/// The mark of a boot; with it goes the lock. An orderly end takes the mark away.
#[derive(Debug)]
pub struct Underway {
    place: PathBuf,
    file: File,
    begun: Duration,
}

impl Drop for Underway {
    fn drop(&mut self) {
        // What cannot be removed says that nobody has the lock any more, which is true as well.
        let _ = fs::remove_file(&self.place);
    }
}

impl Underway {
    /// Marks that a boot runs, which will be done within `limit`. Without a place for the mark there is none, and nobody waits.
    pub fn begin(root: &Root, limit: Duration) -> Option<Underway> {
        let place = path(root)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK)
            .open(&place)
            .ok()?;
        lock(&file, libc::F_SETLK).ok()?;
        let begun = uptime();
        let underway = Underway { place, file, begun };
        underway.expect(limit, "");
        Some(underway)
    }

    /// Says that the boot will be done within `limit` of its beginning, and for whom it waits now.
    pub fn expect(&self, limit: Duration, whom: &str) {
        let limit = limit.min(LIMIT_MAX);
        let until = self.begun.saturating_add(limit).as_millis();
        let plain = |letter: &char| letter.is_ascii_graphic() || *letter == ' ';
        let whom: String = whom.chars().filter(plain).take(NAME_BYTES).collect();
        // Always as long, so that nobody reads half of one; without a mark nobody waits.
        let _ = self
            .file
            .write_all_at(format!("{until:020} {whom:NAME_BYTES$}").as_bytes(), 0);
    }
}

/// How the waiting for a boot ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joined {
    /// No boot has begun.
    Never,
    /// It has ended by itself.
    Ended,
    /// It was still there at its limit; true if somebody had stopped it.
    Killed(bool),
}

/// Waits for the boot that runs, if one does, until it wants to be done, and ends it then. `told` is called once, if it takes
/// long, with whom the boot waits for, if that is known, and the time that is left.
pub fn join(root: &Root, told: impl FnOnce(&str, Duration)) -> Joined {
    let started = uptime();
    let mut told = Some(told);
    let mut seen = false;
    loop {
        let passed = uptime().saturating_sub(started);
        let Some((file, until, whom)) = begun(root) else {
            if seen {
                return Joined::Ended;
            }
            if passed >= START_MAX {
                return Joined::Never;
            }
            std::thread::sleep(TURN);
            continue;
        };
        seen = true;
        let Some(owner) = owner(&file) else {
            return Joined::Ended;
        };
        let left = until.saturating_sub(uptime());
        if left.is_zero() && (is_stopped(owner) || uptime() > until + OVERRUN_MAX) {
            return Joined::Killed(end(&file, owner));
        }
        if passed >= PATIENCE
            && let Some(told) = told.take()
        {
            told(&whom, left);
        }
        std::thread::sleep(TURN);
    }
}

/// Kills the boot; whether it was stopped.
fn end(file: &File, owner: libc::pid_t) -> bool {
    let stopped = is_stopped(owner);
    // SAFETY: no pointers. The process has the lock, so it is the one we mean, and its number is not another's.
    unsafe { libc::kill(owner, libc::SIGKILL) };
    let until = uptime() + GOING_MAX;
    while self::owner(file).is_some() && uptime() < until {
        std::thread::sleep(TURN);
    }
    stopped
}

/// The file, its time, and its word, once a boot has begun.
fn begun(root: &Root) -> Option<(File, Duration, String)> {
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_CLOEXEC | libc::O_NOFOLLOW | libc::O_NONBLOCK)
        .open(path(root)?)
        .ok()?;
    let mut text = String::new();
    Read::by_ref(&mut file)
        .take(MARK_BYTES)
        .read_to_string(&mut text)
        .ok()?;
    let (millis, whom) = text.split_once(' ').unwrap_or((&text, ""));
    let until = Duration::from_millis(millis.trim().parse().ok()?);
    Some((file, until, String::from(whom.trim())))
}

/// Where the mark is; nowhere if there is no /run.
fn path(root: &Root) -> Option<PathBuf> {
    let run = root.resolve("/run").filter(|run| run.is_dir())?;
    Some(run.join(NAME.trim_start_matches("/run/")))
}

fn whole() -> libc::flock {
    // SAFETY: the structure is plain integers, for which zero is a value: from the beginning, to whatever end.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock
}

fn lock(file: &File, command: libc::c_int) -> io::Result<libc::flock> {
    let mut lock = whole();
    // SAFETY: the pointer is to a structure of ours that outlives the call, the one that these commands take.
    match unsafe { libc::fcntl(file.as_raw_fd(), command, &raw mut lock) } {
        -1 => Err(io::Error::last_os_error()),
        _ => Ok(lock),
    }
}

/// Who has the lock.
fn owner(file: &File) -> Option<libc::pid_t> {
    let found = lock(file, libc::F_GETLK).ok()?;
    let free = found.l_type == libc::F_UNLCK as libc::c_short;
    Some(found.l_pid).filter(|pid| !free && *pid > 0)
}

/// proc(5): `PID (NAME) STATE …`, and T is stopped, t by a debugger.
fn is_stopped(pid: libc::pid_t) -> bool {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let state = text.rsplit(')').next().unwrap_or_default();
    state.trim_start().starts_with(['T', 't'])
}

/// Time since the machine was started, the same for every process.
fn uptime() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a structure of ours that outlives the call.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &raw mut time) };
    Duration::new(
        u64::try_from(time.tv_sec).unwrap_or(0),
        u32::try_from(time.tv_nsec).unwrap_or(0),
    )
}
