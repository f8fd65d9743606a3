//! Guard: puts interfaces back as they were, also when this program is killed in the middle.
//!
//! A second process waits at the end of a pipe. When the first one is done it says so; when it dies, the pipe ends, and the
//! second one does what the first cannot do any more. It ignores the signals that ask a process to end, so that it outlives
//! the polite half of a service manager's stop.
//!
//! Why here and not in a network namespace of our own: an experiment (Linux 6.1 of Debian in QEMU with virtio-net, vmxnet3 and
//! e1000; emulated, so that only the proportions count) had these numbers, in milliseconds:
//!
//! | | in place | interface moved to a namespace and back |
//! |---|---|---|
//! | first answer to an ARP request | 28, 70, 1037 (this card negotiates first) | 46, 94, 1056 |
//! | put back by ourselves | 8, 14, 87 | 13, 17, 81 |
//! | put back after a kill | as above, and 1 to 6 for a fork before | 27 to 44, e1000 109: when the kernel gets round to it |
//! | what udev hears | nothing | remove, add, move: the card is named and its rules are run once more |
//! | sysctls of the interface | as before | defaults: what somebody had set is lost |
//! | somebody takes the name meanwhile | cannot happen | `EEXIST`, and then the card comes back as `dev2` |
//!
//! So an interface stays where it is. A new one on top of it (macvlan) would need it up all the same, and would speak with a
//! hardware address that clouds do not let through.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use cloudseed_core::net::Nic;

use super::heap;
use super::netlink::{self, Netlink};

/// Highest descriptor that may have been inherited.
const DESCRIPTORS_MAX: u32 = !0;

/// How an interface was before we came.
#[derive(Debug)]
pub struct Before {
    index: u32,
    was_up: bool,
    /// It had never been up.
    fresh: bool,
    /// What `disable_ipv6` held, if it has to be changed.
    held_off: Option<String>,
}

impl Before {
    /// Looks at an interface; changes nothing.
    pub fn look(netlink: &mut Netlink, nic: &Nic) -> io::Result<Before> {
        let was_up = netlink.flags(nic.index)? & netlink::UP != 0;
        let switch = fs::read_to_string(switch(&nic.name)).ok();
        Ok(Before {
            index: nic.index,
            was_up,
            fresh: netlink.is_fresh(nic.index)?,
            held_off: switch.filter(|value| !was_up && value.trim() != "1"),
        })
    }

    /// Sets the interface up, its IPv6 switched off before: the kernel would give itself an address, ask for routers and
    /// believe them. An interface that is up already is left as it is.
    pub fn set_up(&self, netlink: &mut Netlink) -> io::Result<()> {
        if self.was_up {
            return Ok(());
        }
        if let (Some(_), Some(name)) = (&self.held_off, name(self.index)) {
            switch_to(&name, "1")?;
        }
        netlink.set_up(self.index, true)
    }

    /// Undoes [`Before::set_up`], unless somebody else has taken the interface meanwhile: a program that outlives its initramfs
    /// must not set down what the real root has set up. An interface that is gone needs no restoring.
    ///
    /// # Errors
    /// The first thing that could not be put back; the others are all the same.
    pub fn restore(&self) -> io::Result<()> {
        let Some(name) = name(self.index).filter(|name| !self.was_up && !self.is_taken(name))
        else {
            return Ok(());
        };
        let mut netlink = Netlink::open()?;
        let down = netlink.set_up(self.index, false);
        let fresh = if self.fresh {
            netlink.make_fresh(self.index)
        } else {
            Ok(())
        };
        let switched = self
            .held_off
            .as_ref()
            .map_or(Ok(()), |value| switch_to(&name, value));
        down.and(fresh).and(switched)
    }

    /// Whether the interface is part of another, has an address or a route of the kernel's, which it never has from us, or its
    /// IPv6 was switched on again.
    fn is_taken(&self, name: &str) -> bool {
        let lines = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let (routes, addresses) = (
            lines("/proc/thread-self/net/route"),
            lines("/proc/thread-self/net/if_inet6"),
        );
        let mut routes = routes.lines().map(|line| line.split_whitespace().next());
        let mut addresses = addresses.lines().map(|line| line.split_whitespace().last());
        let on = || lines(&switch(name)).trim() == "0";
        routes.any(|device| device == Some(name))
            || addresses.any(|device| device == Some(name))
            || fs::exists(format!("/sys/class/net/{name}/master")).unwrap_or(false)
            || self.held_off.is_some() && on()
    }
}

/// Writes without making a file, which the sandbox takes for an attack.
fn switch_to(name: &str, value: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(switch(name))?;
    file.write_all(value.as_bytes())
}

fn switch(name: &str) -> String {
    format!("/proc/sys/net/ipv6/conf/{name}/disable_ipv6")
}

/// The name of the interface now; udev may have changed it.
fn name(index: u32) -> Option<String> {
    let mut buffer = [0u8; libc::IF_NAMESIZE];
    // SAFETY: the buffer is ours, outlives the call and has the length that the call demands.
    let found = unsafe { libc::if_indextoname(index, buffer.as_mut_ptr().cast()) };
    if found.is_null() {
        return None;
    }
    let length = buffer.iter().position(|byte| *byte == 0)?;
    String::from_utf8(buffer[..length].to_vec()).ok()
}

/// Restores interfaces on drop, or when this process dies.
#[derive(Debug)]
pub struct Guard {
    all: Vec<Before>,
    /// Our end of the pipe and the process at its other end.
    watcher: Option<(OwnedFd, libc::pid_t)>,
}

impl Guard {
    /// A guard over `all`, to be made before the first of them is set up.
    pub fn new(all: Vec<Before>) -> Guard {
        let changes = all.iter().any(|before| !before.was_up);
        let watcher = changes.then(|| watch(&all)).and_then(io::Result::ok);
        Guard { all, watcher }
    }

    /// The interfaces, as they were.
    pub fn all(&self) -> &[Before] {
        &self.all
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        for before in &self.all {
            if let Err(error) = before.restore() {
                let name = name(before.index).unwrap_or_default();
                // The journal is closed by now; nobody is left to tell if this fails.
                let _ = writeln!(io::stderr(), "cloudseed: {name} is not as it was: {error}");
            }
        }
        if let Some((pipe, pid)) = self.watcher.take() {
            let done = [1u8];
            // SAFETY: the pointer and the length are those of an array of ours that outlives the call.
            unsafe { libc::write(pipe.as_raw_fd(), done.as_ptr().cast(), done.len()) };
            drop(pipe);
            // Its status says nothing that anybody could do something about.
            let _ = heap::wait(pid);
        }
    }
}

/// Starts the second process.
fn watch(all: &[Before]) -> io::Result<(OwnedFd, libc::pid_t)> {
    let mut ends = [0; 2];
    // SAFETY: the pointer is to an array of two descriptors, as the call demands.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is fresh and nobody else's.
    let hear = unsafe { OwnedFd::from_raw_fd(ends[0]) };
    // SAFETY: as above.
    let tell = unsafe { OwnedFd::from_raw_fd(ends[1]) };
    // SAFETY: the child goes on in `outlive` alone and never returns; it takes no lock that another thread may hold: the
    // heap's is nobody's after this fork.
    match unsafe { heap::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            drop(tell);
            outlive(&hear, all)
        }
        pid => Ok((tell, pid)),
    }
}

/// The life of the second process: waits for the word or the end, restores if it was the end.
fn outlive(hear: &OwnedFd, all: &[Before]) -> ! {
    for signal in [
        libc::SIGTERM,
        libc::SIGINT,
        libc::SIGHUP,
        libc::SIGQUIT,
        libc::SIGPIPE,
    ] {
        // SAFETY: no handler of ours runs; the signal is ignored.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
    // SAFETY: no pointers. A session of its own is out of reach of the terminal's signals.
    unsafe { libc::setsid() };
    // Nothing of the first process may be kept open, least of all its sockets. Kernels before 5.9 cannot; there they stay.
    let kept = hear.as_raw_fd() as u32;
    for (first, last) in [(0, kept.wrapping_sub(1)), (kept + 1, DESCRIPTORS_MAX)] {
        if first <= last && !(first == 0 && kept == 0) {
            // SAFETY: no pointers; nobody in this process uses these descriptors any more.
            unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
        }
    }
    let mut word = [0u8];
    let count = loop {
        // SAFETY: the pointer and the length are those of an array of ours that outlives the call.
        let count = unsafe { libc::read(hear.as_raw_fd(), word.as_mut_ptr().cast(), 1) };
        let interrupted = io::Error::last_os_error().kind() == io::ErrorKind::Interrupted;
        if count >= 0 || !interrupted {
            break count;
        }
    };
    if count == 0 {
        for before in all {
            // Nobody is left to tell.
            let _ = before.restore();
        }
    }
    // SAFETY: no pointers. Nothing of the first process is to be run at the end of this one.
    unsafe { libc::_exit(0) }
}
