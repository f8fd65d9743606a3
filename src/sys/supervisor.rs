//! Supervisor: two processes, of which one reads what strangers wrote, and may die of it, and the other writes below /run.
//!
//! ```text
//!   supervisor                                       worker
//!   waits, and looks at the clock                    probe, identify, fetch, decode, merge, compile
//!                       ◄── so far ──────────────    what there would be to write if it ended here
//!   asks the TPM        ◄── extend ──────────────    a digest of what was fetched, where that is to be measured
//!                       ──── what came of it ────►
//!                       ◄── done ────────────────    the plan, and the line for the console
//!   checks, writes /run, says the line               ends
//! ```
//!
//! Whatever the worker dies of (memory, a bug, a signal, the time), the supervisor says so, and writes what it was handed
//! last. Asked to end (SIGTERM), it ends the worker and does the same. If it is killed itself, the worker is killed with it,
//! and the [guard](super::guard) puts the interfaces back.

use std::fs;
use std::io::{self, BufWriter, Read, Write};
use std::mem;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::atomic::{AtomicI32, Ordering};
use std::thread;
use std::time::Duration;

use cloudseed_core::boot::handed::{self, HANDED_BYTES_MAX, Handed};
use cloudseed_core::boot::measure::EVENTS_MAX;
use cloudseed_core::boot::{BOOT_SECONDS_MAX, Parent};
use cloudseed_core::bytes::Bytes;
use cloudseed_core::compile::amend;
use cloudseed_core::outside::{Port, Ports};
use cloudseed_core::tpm::{self, Digest, TPM_SECONDS_MAX};
use cloudseed_core::warning::{Blame, Error};

use super::heap;
use super::ports::Doors;
use super::root;
use super::sandbox;
use super::stream::Started;

/// How long after its deadline a worker is waited for: it has no clock while it compiles.
pub const GRACE_SECONDS: u64 = 10;
/// How long processes that were ended are waited for; one that hangs in a disk's driver is left behind.
const END_MAX: Duration = Duration::from_secs(3);
/// What is read at once, in bytes.
const CHUNK_BYTES: usize = 64 << 10;
/// A message's first byte, and the length after it, in bytes.
const HEAD_BYTES: usize = 5;
/// The message that is not the last one.
const SO_FAR: u8 = 0;
/// The last message.
const DONE: u8 = 1;
/// The message that asks for an extension of a PCR: its number, and the digest.
const EXTEND: u8 = 2;
/// Answers to that: what the PCR holds, and what was found instead.
const EXTENDED: u8 = 0;
const NOT_EXTENDED: u8 = 1;
/// What asks a process to end.
const REQUESTS: [libc::c_int; 4] = [libc::SIGTERM, libc::SIGINT, libc::SIGHUP, libc::SIGQUIT];

/// The signal that came, or zero.
static ASKED: AtomicI32 = AtomicI32::new(0);

/// Runs `work` in a process of its own, and gives what it hands over, or what is left of it. Where there can be no second
/// process it is done in this one. `records`: it will write a record of frames. `doors`: where the TPM is, if the work may
/// extend a PCR. `on_progress` gets what it hands over meanwhile.
pub fn run(
    started: Started,
    records: bool,
    doors: Option<Doors>,
    on_progress: &mut dyn FnMut(&Handed),
    work: impl FnOnce(&mut Teller) -> Handed,
) -> Handed {
    let Ok((ours, theirs)) = UnixStream::pair() else {
        return work(&mut Teller::nobody(doors));
    };
    // A file that grows beyond a limit is an error like others, and no end.
    ignore(&[libc::SIGXFSZ]);
    let mask = block();
    // SAFETY: no pointers. Who is left behind by the worker becomes a child of this process.
    unsafe { libc::prctl(libc::PR_SET_CHILD_SUBREAPER, 1) };
    // SAFETY: no pointers.
    let supervisor = unsafe { libc::getpid() };
    // SAFETY: the child is a copy of this thread alone; it takes no lock that another thread may hold, and leaves by `_exit`.
    let pid = unsafe { heap::fork() };
    if pid < 0 {
        // Nobody would look at what they store.
        handle(libc::SIG_DFL);
        unblock(&mask);
        return work(&mut Teller::nobody(doors));
    }
    if pid == 0 {
        drop(ours);
        ignore(&REQUESTS);
        unblock(&mask);
        settle(supervisor);
        confined(records, doors, theirs, work);
    }
    drop(theirs);
    let worker = Worker {
        pid,
        socket: ours,
        started,
        doors,
        extensions: 0,
        mask,
        heard: Vec::new(),
        so_far: None,
    };
    worker.outcome(on_progress)
}

/// The worker's own beginning: it goes with its supervisor, is the first to go where memory is short, and leaves no image of
/// itself.
fn settle(supervisor: libc::pid_t) {
    // SAFETY: no pointers.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) };
    // SAFETY: no pointers.
    if unsafe { libc::getppid() } != supervisor {
        // SAFETY: ends this process and nothing else.
        unsafe { libc::_exit(1) };
    }
    // A kernel without it has others to end.
    let _ = fs::write("/proc/self/oom_score_adj", "1000");
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: the kernel reads one `rlimit`, which lives until the call is over.
    unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const none) };
}

/// The worker's life, from the sandbox to its end.
fn confined(
    records: bool,
    doors: Option<Doors>,
    supervisor: UnixStream,
    work: impl FnOnce(&mut Teller) -> Handed,
) -> ! {
    root::remember();
    let belts = sandbox::enter(records);
    #[cfg(debug_assertions)]
    sandbox::planted::attack();
    let mut teller = Teller {
        socket: Some(supervisor),
        doors,
        sandbox: belts.names(),
    };
    let handed = work(&mut teller);
    teller.tell(DONE, handed);
    // SAFETY: ends this process and nothing else.
    unsafe { libc::_exit(0) }
}

/// The worker's way to its supervisor.
#[derive(Debug)]
pub struct Teller {
    socket: Option<UnixStream>,
    /// Where the TPM is, for a worker that is the only process.
    doors: Option<Doors>,
    /// What holds the worker.
    sandbox: String,
}

impl Parent for Teller {
    fn so_far(&mut self, handed: Handed) {
        self.tell(SO_FAR, handed);
    }

    fn extend(&mut self, pcr: u8, digest: &Digest) -> Result<Digest, String> {
        match &mut self.socket {
            None => match &mut self.doors {
                Some(doors) => extend(doors, pcr, digest),
                None => Err(String::from("no TPM for this")),
            },
            Some(socket) => asked_for(socket, pcr, digest)
                .unwrap_or_else(|error| Err(format!("{error} from the supervisor"))),
        }
    }
}

impl Teller {
    /// Where the worker is the only process.
    fn nobody(doors: Option<Doors>) -> Teller {
        Teller {
            socket: None,
            doors,
            sandbox: String::new(),
        }
    }

    /// A supervisor that is gone needs no word.
    fn tell(&mut self, kind: u8, mut handed: Handed) {
        if let Some(socket) = &mut self.socket {
            let reports = amend::noted(&handed.plan, "sandbox", &self.sandbox);
            handed.plan.extend(reports);
            let mut length = 0;
            handed.write(&mut |piece| length += piece.len());
            let length = u32::try_from(length).unwrap_or(u32::MAX);
            let mut socket = BufWriter::new(socket);
            let mut told = socket.write_all(&[kind]);
            let mut give = |piece: &[u8]| {
                if told.is_ok() {
                    told = socket.write_all(piece);
                }
            };
            give(&length.to_le_bytes());
            handed.write(&mut give);
            let _ = told.and_then(|()| socket.flush());
        }
    }
}

/// What the supervisor says to an extension.
fn asked_for(
    socket: &mut UnixStream,
    pcr: u8,
    digest: &Digest,
) -> io::Result<Result<Digest, String>> {
    let question = [&[pcr], digest.as_slice()].concat();
    socket.write_all(&message(EXTEND, &question))?;
    let mut head = [0; HEAD_BYTES];
    socket.read_exact(&mut head)?;
    let [kind, length @ ..] = head;
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    let mut answer = vec![0; length.min(CHUNK_BYTES)];
    socket.read_exact(&mut answer)?;
    Ok(match (kind, Digest::try_from(answer.as_slice())) {
        (EXTENDED, Ok(value)) => Ok(value),
        _ => Err(String::from_utf8_lossy(&answer).into_owned()),
    })
}

/// Extends a PCR of the machine's TPM.
fn extend(doors: &mut Doors, pcr: u8, digest: &Digest) -> Result<Digest, String> {
    let most = Duration::from_secs(TPM_SECONDS_MAX);
    let until = doors.passed().saturating_add(most);
    let opened = doors.open(&Port::Tpm, most);
    let mut tpm = opened.map_err(|failure| failure.found)?;
    tpm::extend(&mut *tpm, pcr, digest, until)
}

/// A short message.
fn message(kind: u8, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    [&[kind], length.to_le_bytes().as_slice(), content].concat()
}

/// Why a worker was not listened to to its end.
enum Cut {
    /// It is gone.
    Gone,
    /// Somebody wants this program to end.
    Asked(libc::c_int),
    /// It takes too long.
    Late(Duration),
    /// It says what no boot says.
    Nonsense,
}

impl Cut {
    fn error(&self, status: Option<ExitStatus>) -> Error {
        let found = match self {
            Cut::Gone => match status {
                Some(status) => format!("its end by {status}"),
                None => String::from("its end"),
            },
            Cut::Asked(signal) => format!("a request to end (signal {signal})"),
            Cut::Late(limit) => format!("none after {} s", limit.as_secs()),
            Cut::Nonsense => String::from("a plan that no boot makes"),
        };
        Error::new(Blame::Unable, "boot", "worker", "a result", found)
    }
}

/// The worker, as its supervisor sees it.
struct Worker {
    pid: libc::pid_t,
    socket: UnixStream,
    started: Started,
    /// Where the TPM is, if it may be extended.
    doors: Option<Doors>,
    /// How many extensions it has asked for.
    extensions: usize,
    /// The signals that are let through while there is nothing to do.
    mask: libc::sigset_t,
    /// What it sent and nobody has taken for a message yet.
    heard: Vec<u8>,
    /// What it handed over last.
    so_far: Option<Handed>,
}

impl Worker {
    /// Waits for its end, and gives what it hands over, or what is left of it.
    fn outcome(mut self, on_progress: &mut dyn FnMut(&Handed)) -> Handed {
        let listened = self.listen(on_progress);
        let status = self.end(listened.is_err());
        match listened {
            Ok(handed) => handed,
            Err(cut) => handed::cut_off(self.so_far, &cut.error(status)),
        }
    }

    /// Listens until the plan is there.
    fn listen(&mut self, on_progress: &mut dyn FnMut(&Handed)) -> Result<Handed, Cut> {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            while let Some((kind, message)) = self.message()? {
                if kind == EXTEND {
                    self.extend(&message)?;
                    continue;
                }
                let handed = Handed::read(&message).ok_or(Cut::Nonsense)?;
                match kind {
                    SO_FAR => {
                        on_progress(&handed);
                        self.so_far = Some(handed);
                    }
                    DONE => return Ok(handed),
                    _ => return Err(Cut::Nonsense),
                }
            }
            self.wait()?;
            match self.socket.read(&mut chunk) {
                Ok(0) => return Err(Cut::Gone),
                Ok(count) => self.heard.extend(chunk.iter().take(count)),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(Cut::Gone),
            }
        }
    }

    /// Does what a worker may ask for, and tells it what came of it. It waits for that, so that the answer has room.
    fn extend(&mut self, message: &[u8]) -> Result<(), Cut> {
        let digest = message.split_first();
        let digest = digest.and_then(|(pcr, digest)| Some((*pcr, digest.try_into().ok()?)));
        let (pcr, digest): (u8, Digest) = digest
            .filter(|(pcr, _)| tpm::is_free(*pcr))
            .ok_or(Cut::Nonsense)?;
        self.extensions += 1;
        if self.extensions > EVENTS_MAX {
            return Err(Cut::Nonsense);
        }
        let doors = self.doors.as_mut().ok_or(Cut::Nonsense)?;
        let answer = match extend(doors, pcr, &digest) {
            Ok(value) => self::message(EXTENDED, &value),
            Err(found) => self::message(NOT_EXTENDED, found.as_bytes()),
        };
        self.socket.write_all(&answer).map_err(|_| Cut::Gone)
    }

    /// The next whole message: its kind, and what it says.
    fn message(&mut self) -> Result<Option<(u8, Bytes)>, Cut> {
        let Some(([kind, length @ ..], rest)) = self.heard.split_first_chunk::<HEAD_BYTES>() else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX);
        if length > HANDED_BYTES_MAX {
            return Err(Cut::Nonsense);
        }
        let (kind, missing) = (*kind, length.saturating_sub(rest.len()));
        if missing > 0 {
            self.heard.reserve_exact(missing);
            return Ok(None);
        }
        // The files of the message stay where they were heard.
        let behind = self.heard.split_off(HEAD_BYTES + length);
        let heard = Bytes::from(mem::replace(&mut self.heard, behind));
        let message = heard.piece(heard.get(HEAD_BYTES..).unwrap_or_default());
        Ok(Some((kind, message)))
    }

    /// Waits for a word, a signal, or the end of time.
    fn wait(&self) -> Result<(), Cut> {
        loop {
            let signal = ASKED.load(Ordering::Relaxed);
            if signal != 0 {
                return Err(Cut::Asked(signal));
            }
            let deadline = self.so_far.as_ref().map(|handed| handed.deadline);
            let deadline = deadline.unwrap_or(Duration::from_secs(BOOT_SECONDS_MAX));
            let limit = deadline.saturating_add(Duration::from_secs(GRACE_SECONDS));
            let left = self.started.left(limit);
            if left.is_zero() {
                return Err(Cut::Late(limit));
            }
            if poll(&self.socket, left, &self.mask) {
                return Ok(());
            }
        }
    }

    /// Sees to it that the worker and whoever it leaves behind has ended, and with it the interfaces are as before; the
    /// worker's status.
    fn end(&mut self, kill: bool) -> Option<ExitStatus> {
        let until = self.started.passed().saturating_add(END_MAX);
        // One that is gone already has a status of its own to tell, if it is waited for a moment.
        let mut killed = !kill;
        let (mut found, mut pause) = (None, Duration::from_micros(100));
        // Whoever else is a child of this process is so by what it left behind.
        let whom = if kill { -1 } else { self.pid };
        while !self.started.left(until).is_zero() {
            let mut status = 0;
            // SAFETY: the kernel writes one `int`, which lives until the call is over.
            match unsafe { libc::waitpid(whom, &raw mut status, libc::WNOHANG) } {
                pid if pid == self.pid => found = Some(ExitStatus::from_raw(status)),
                1.. => {}
                0 => {
                    thread::sleep(pause);
                    pause = (pause * 2).min(Duration::from_millis(10));
                    if !killed && found.is_none() {
                        // SAFETY: no pointers; the process is a child of ours that was not waited for yet.
                        unsafe { libc::kill(self.pid, libc::SIGKILL) };
                        killed = true;
                    }
                }
                // There is nobody left.
                _ => break,
            }
        }
        found
    }
}

/// Waits until there is something to read; false if time is up or a signal came.
fn poll(socket: &UnixStream, left: Duration, mask: &libc::sigset_t) -> bool {
    let mut fd = libc::pollfd {
        fd: socket.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let timeout = libc::timespec {
        tv_sec: left.as_secs().min(i32::MAX as u64) as _,
        tv_nsec: left.subsec_nanos() as _,
    };
    // SAFETY: one pollfd, one timespec and one mask of ours, which outlive the call.
    unsafe { libc::ppoll(&raw mut fd, 1, &raw const timeout, &raw const *mask) > 0 }
}

extern "C" fn asked(signal: libc::c_int) {
    ASKED.store(signal, Ordering::Relaxed);
}

/// Holds requests to end back, so that they are heard only where that is asked for; the mask before.
fn block() -> libc::sigset_t {
    // SAFETY: all zeroes is a valid set of signals.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: as above.
    let mut before: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: the set is ours and outlives the call.
    unsafe { libc::sigemptyset(&raw mut set) };
    for signal in REQUESTS {
        // SAFETY: as above, and these are signals.
        unsafe { libc::sigaddset(&raw mut set, signal) };
    }
    // SAFETY: both sets are ours and outlive the call.
    unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const set, &raw mut before) };
    handle(asked as extern "C" fn(libc::c_int) as libc::sighandler_t);
    before
}

/// Who gets a request to end; an ignored one stays so.
fn handle(handler: libc::sighandler_t) {
    for signal in REQUESTS {
        // SAFETY: the handler is the kernel's, or ours, which stores one number: safe at any moment.
        let earlier = unsafe { libc::signal(signal, handler) };
        if earlier == libc::SIG_IGN {
            ignore(&[signal]);
        }
    }
}

fn unblock(before: &libc::sigset_t) {
    // SAFETY: the set is ours and outlives the call; no other is asked for.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, before, std::ptr::null_mut()) };
}

fn ignore(signals: &[libc::c_int]) {
    for signal in signals {
        // SAFETY: no handler of ours runs; the signal is ignored.
        unsafe { libc::signal(*signal, libc::SIG_IGN) };
    }
}
