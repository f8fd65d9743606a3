//! Waiting for block devices that come late, without looking again and again: the kernel says when one is there.
//!
//! ```text
//!   open ─► scan ─► found? yes ─► done
//!                    │ no
//!                    ▼
//!             wait_for_block ─ a device ─► scan again
//!                    └─ the time is over ─► done
//! ```
//!
//! What comes between opening and the first scan waits in the socket, so nothing is missed.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Instant;

use cloudseed_core::machine::uevent::{UEVENT_BYTES_MAX, block_device};

/// The kernel's own messages; those of udev are another group.
const GROUP_KERNEL: u32 = 1;

/// An open ear for the kernel's messages about devices.
#[derive(Debug)]
pub struct Uevents {
    fd: OwnedFd,
}

impl Uevents {
    /// Begins to listen.
    ///
    /// # Errors
    /// The kernel has no such socket, or allows none.
    pub fn open() -> io::Result<Uevents> {
        let kind = libc::SOCK_DGRAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: no pointers.
        let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_KOBJECT_UEVENT) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is fresh and nobody else's.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        let mut address = address();
        address.nl_groups = GROUP_KERNEL;
        let length = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
        // SAFETY: pointer and length are those of a sockaddr_nl of ours that outlives the call.
        let result = unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), length) };
        match result {
            0 => Ok(Uevents { fd }),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Waits until a block device comes or changes: true, also if messages were lost and one may have been that. False
    /// when it is `until` and none has come.
    pub fn wait_for_block(&self, until: Instant) -> bool {
        loop {
            match self.receive() {
                Ok(true) => return true,
                Ok(false) => continue,
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => return true,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return false,
            }
            if !self.wait(until) {
                return false;
            }
        }
    }

    /// Takes one message; true if it is the kernel's and about a block device.
    fn receive(&self) -> io::Result<bool> {
        let mut buffer = [0_u8; UEVENT_BYTES_MAX];
        let mut sender = address();
        let mut length = size_of::<libc::sockaddr_nl>() as libc::socklen_t;
        // SAFETY: both pointers are to buffers of ours that outlive the call, each with its length.
        let received = unsafe {
            libc::recvfrom(
                self.fd.as_raw_fd(),
                buffer.as_mut_ptr().cast(),
                buffer.len(),
                0,
                (&raw mut sender).cast(),
                &raw mut length,
            )
        };
        let Ok(received) = usize::try_from(received) else {
            return Err(io::Error::last_os_error());
        };
        // Another process may send here too; the kernel's port is 0.
        let message = buffer.get(..received).unwrap_or_default();
        Ok(sender.nl_pid == 0 && block_device(message).is_some())
    }

    /// Sleeps until there is a message; false if it is `until` first.
    fn wait(&self, until: Instant) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        // Rounded up, so that the last wait is not a row of short ones.
        let millis = left.as_micros().div_ceil(1000);
        let mut poll = libc::pollfd {
            fd: self.fd.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        let millis = i32::try_from(millis).unwrap_or(i32::MAX);
        // SAFETY: the pointer is to one pollfd of ours, as the count says.
        let ready = unsafe { libc::poll(&raw mut poll, 1, millis) };
        ready > 0 || (ready < 0 || millis == i32::MAX) && Instant::now() < until
    }
}

fn address() -> libc::sockaddr_nl {
    // SAFETY: all zeros is a valid sockaddr_nl.
    let mut address: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
    address.nl_family = libc::AF_NETLINK as libc::sa_family_t;
    address
}
