//! Stream: a descriptor that bytes go through both ways, each wait with an end: a socket of the kernel's, or a device.

use std::fmt::Display;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use cloudseed_core::outside::{self, Failure};
use smoltcp::time::Instant;

use super::clock;

/// The pause before a door that is not open is tried again.
const AGAIN: Duration = Duration::from_millis(50);

/// The clock that [`outside::Clock::now`] shows, for deadlines: when it was at zero.
#[derive(Clone, Copy, Debug)]
pub struct Started(pub Instant);

impl Started {
    /// A clock that begins now.
    pub fn now() -> Started {
        Started(clock::now())
    }

    /// The time on it at `instant`.
    pub fn at(self, instant: Instant) -> Duration {
        let micros = instant.total_micros() - self.0.total_micros();
        Duration::from_micros(micros.max(0).unsigned_abs())
    }

    /// The time on it.
    pub fn passed(self) -> Duration {
        self.at(clock::now())
    }

    /// How long it is until `until`.
    pub fn left(self, until: Duration) -> Duration {
        until.saturating_sub(self.passed())
    }
}

/// An open descriptor that does not block.
#[derive(Debug)]
pub struct Stream {
    file: File,
    /// Its name, for messages.
    name: String,
    started: Started,
    /// Whether reading nothing is the end.
    ends: bool,
}

impl Stream {
    /// A stream over `fd`, which does not block.
    pub fn new(fd: OwnedFd, name: String, started: Started) -> Stream {
        Stream {
            file: File::from(fd),
            name,
            started,
            ends: true,
        }
    }

    /// The same for a device that has no end, and gives nothing as long as it works on what it was told.
    pub fn without_end(self) -> Stream {
        Stream {
            ends: false,
            ..self
        }
    }

    /// The descriptor.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Does `work` as soon as that does not block.
    fn when(
        &mut self,
        events: i16,
        until: Duration,
        mut work: impl FnMut(&mut File) -> io::Result<usize>,
    ) -> Result<usize, Failure> {
        let mut error = io::Error::from(ErrorKind::TimedOut);
        while until.is_zero() || !self.started.left(until).is_zero() {
            error = match work(&mut self.file) {
                Ok(count) => return Ok(count),
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::Interrupted => {}
                ErrorKind::WouldBlock if !until.is_zero() => {
                    wait(&self.file, events, self.started.left(until));
                }
                _ => break,
            }
        }
        Err(Failure::passing(words(&error, &self.name)))
    }
}

impl outside::Stream for Stream {
    fn read(&mut self, buffer: &mut [u8], until: Duration) -> Result<usize, Failure> {
        let ends = self.ends;
        self.when(libc::POLLIN, until, |file| match file.read(buffer) {
            Ok(0) if !ends => Err(io::Error::from(ErrorKind::WouldBlock)),
            done => done,
        })
    }

    fn write(&mut self, mut bytes: &[u8], until: Duration) -> Result<(), Failure> {
        while !bytes.is_empty() {
            let count = self.when(libc::POLLOUT, until, |file| match file.write(bytes) {
                // A device whose other end is not there takes nothing.
                Ok(0) => Err(io::Error::from(ErrorKind::WouldBlock)),
                done => done,
            })?;
            bytes = bytes.get(count..).unwrap_or(&[]);
        }
        Ok(())
    }
}

/// What an error of the kernel's means, as the object of "but found"; `who` is at the other end.
pub fn words(error: &io::Error, who: impl Display) -> String {
    match error.kind() {
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            format!("a connection reset by {who}")
        }
        ErrorKind::ConnectionRefused => format!("a connection refused by {who}"),
        ErrorKind::TimedOut | ErrorKind::WouldBlock => format!("no answer from {who}"),
        ErrorKind::ResourceBusy => format!("{who} in use by somebody else"),
        ErrorKind::NotFound => format!("no {who}"),
        _ => format!("{error} from {who}"),
    }
}

/// Waits until something happens at `file`, or `left` is over, and a little longer than a millisecond if nothing can.
fn wait(file: &File, events: i16, left: Duration) {
    let mut fd = libc::pollfd {
        fd: file.as_raw_fd(),
        events,
        revents: 0,
    };
    // Rounded up, for zero would not wait.
    let millis = i32::try_from(left.as_millis())
        .unwrap_or(i32::MAX)
        .saturating_add(1);
    // SAFETY: the pointer is to one pollfd of ours that outlives the call. An interrupted wait is a short wait.
    let ready = unsafe { libc::poll(&mut fd, 1, millis) };
    if ready > 0 && fd.revents & events == 0 {
        // The other end is gone, which is said at once again and again.
        std::thread::sleep(Duration::from_millis(1).min(left));
    }
}

/// Tries `open` until it succeeds, fails for good, or `until` is over.
pub fn persist<T>(
    started: Started,
    until: Duration,
    mut open: impl FnMut() -> io::Result<T>,
) -> io::Result<T> {
    loop {
        let error = match open() {
            Ok(done) => return Ok(done),
            Err(error) => error,
        };
        let passing = matches!(
            error.kind(),
            ErrorKind::WouldBlock
                | ErrorKind::Interrupted
                | ErrorKind::ConnectionRefused
                | ErrorKind::ConnectionReset
                | ErrorKind::ResourceBusy
        );
        let left = started.left(until);
        if !passing || left.is_zero() {
            return Err(error);
        }
        std::thread::sleep(AGAIN.min(left));
    }
}

/// An address as the kernel wants it: bytes and their number.
#[derive(Debug)]
pub struct Address {
    bytes: [u8; size_of::<libc::sockaddr_storage>()],
    length: usize,
}

impl Address {
    /// The first `length` bytes of an address structure are those of `parts`, in this order.
    fn new(parts: &[&[u8]]) -> Address {
        let mut bytes = [0; size_of::<libc::sockaddr_storage>()];
        let mut length = 0;
        for part in parts {
            if let Some(room) = bytes.get_mut(length..length + part.len()) {
                room.copy_from_slice(part);
                length += part.len();
            }
        }
        Address { bytes, length }
    }

    /// sockaddr_in: family, port, address, eight bytes of nothing. sockaddr_in6: family, port, flow, address, scope.
    pub fn internet(address: SocketAddr) -> Address {
        let port = address.port().to_be_bytes();
        match address {
            SocketAddr::V4(address) => {
                let octets = address.ip().octets();
                Address::new(&[&family(libc::AF_INET), &port, &octets, &[0; 8]])
            }
            SocketAddr::V6(address) => Address::new(&[
                &family(libc::AF_INET6),
                &port,
                &address.flowinfo().to_ne_bytes(),
                &address.ip().octets(),
                &address.scope_id().to_ne_bytes(),
            ]),
        }
    }

    /// sockaddr_un: family, path, NUL. `None` if the path is too long for that.
    pub fn unix(path: &Path) -> Option<Address> {
        const PATH_BYTES_MAX: usize = 107;
        let path = path.as_os_str().as_encoded_bytes();
        let fits = path.len() <= PATH_BYTES_MAX && !path.contains(&0);
        fits.then(|| Address::new(&[&family(libc::AF_UNIX), path, &[0]]))
    }

    /// sockaddr_vm: family, two bytes of nothing, port, context, four bytes of flags and nothing.
    pub fn vsock(cid: u32, port: u32) -> Address {
        let (cid, port) = (cid.to_ne_bytes(), port.to_ne_bytes());
        Address::new(&[&family(libc::AF_VSOCK), &[0; 2], &port, &cid, &[0; 4]])
    }

    fn family(&self) -> i32 {
        i32::from(u16::from_ne_bytes([self.bytes[0], self.bytes[1]]))
    }
}

fn family(family: i32) -> [u8; 2] {
    (family as u16).to_ne_bytes()
}

/// A stream socket that does not block.
fn socket(family: i32) -> io::Result<OwnedFd> {
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: no pointers.
    let fd = unsafe { libc::socket(family, kind, 0) };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the descriptor is fresh and nobody else's.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// A socket connected to `to`, from the local address `from` if there is one, by `until`.
pub fn connect(
    to: &Address,
    from: Option<&Address>,
    started: Started,
    until: Duration,
) -> io::Result<OwnedFd> {
    let fd = socket(to.family())?;
    if let Some(from) = from {
        let (pointer, length) = (from.bytes.as_ptr().cast(), from.length as u32);
        // SAFETY: the pointer and the length are those of an array of ours that outlives the call.
        if unsafe { libc::bind(fd.as_raw_fd(), pointer, length) } < 0 {
            return Err(io::Error::last_os_error());
        }
    }
    let (pointer, length) = (to.bytes.as_ptr().cast(), to.length as u32);
    // SAFETY: as above.
    if unsafe { libc::connect(fd.as_raw_fd(), pointer, length) } == 0 {
        return Ok(fd);
    }
    let error = io::Error::last_os_error();
    if error.raw_os_error() != Some(libc::EINPROGRESS) {
        return Err(error);
    }
    wait_for_connection(&fd, started, until)?;
    Ok(fd)
}

/// Waits until a connection that is under way is there, or its error.
fn wait_for_connection(fd: &OwnedFd, started: Started, until: Duration) -> io::Result<()> {
    loop {
        let left = started.left(until);
        let mut poll = libc::pollfd {
            fd: fd.as_raw_fd(),
            events: libc::POLLOUT,
            revents: 0,
        };
        let millis = i32::try_from(left.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the pointer is to one pollfd of ours that outlives the call.
        let ready = unsafe { libc::poll(&mut poll, 1, millis) };
        if ready > 0 {
            return pending(fd)?.map_or(Ok(()), Err);
        }
        if started.left(until).is_zero() {
            return Err(io::Error::from(ErrorKind::TimedOut));
        }
    }
}

/// The error that a socket holds.
fn pending(fd: &OwnedFd) -> io::Result<Option<io::Error>> {
    let (mut code, mut length) = (0i32, size_of::<i32>() as u32);
    let pointer = (&raw mut code).cast();
    // SAFETY: both pointers are to values of ours that outlive the call, and the length is that of the first.
    let result = unsafe {
        libc::getsockopt(
            fd.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_ERROR,
            pointer,
            &mut length,
        )
    };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok((code != 0).then(|| io::Error::from_raw_os_error(code)))
}
