//! Ports of the machine: serial lines, virtio-serial, sockets in the file system, vsock.
//!
//! Below a root other than `/` nothing of the real machine is opened: a Unix socket stands for a device, as an image file
//! stands for a disk.

use std::fmt;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::time::Duration;

use cloudseed_core::machine::{Files, Kind};
use cloudseed_core::outside::{self, Failure, Port};

use super::backdoor::Commands;
use super::root::Root;
use super::stream::{Address, Started, Stream, connect, persist, words};

/// Where the kernel offers the machine's TPM: for several who ask at the same time, and for one.
const TPMS: [&str; 2] = ["/dev/tpmrm0", "/dev/tpm0"];
/// The socket that stands for VMware's backdoor below a root.
const BACKDOOR: &str = "/dev/vmware-backdoor";

/// The ports of the machine below a root.
#[derive(Clone, Debug)]
pub struct Doors {
    root: Root,
    started: Started,
}

impl Doors {
    /// The ports of the machine below `root`; deadlines are on the clock of `started`.
    pub fn new(root: Root, started: Started) -> Doors {
        Doors { root, started }
    }

    /// What their clock says.
    pub fn passed(&self) -> Duration {
        self.started.passed()
    }

    fn opened(&self, port: &Port, until: Duration) -> io::Result<Box<dyn outside::Stream>> {
        let stream = |fd| Box::new(Stream::new(fd, port.to_string(), self.started));
        match port {
            Port::Serial { path, speed } if self.root.is_real() => {
                let line = persist(self.started, until, || Line::open(path, *speed))?;
                let Line { fd, before } = line;
                Ok(Box::new(Serial {
                    stream: Stream::new(fd, port.to_string(), self.started),
                    before,
                }))
            }
            Port::Serial { path, .. } | Port::Unix(path) => Ok(stream(self.socket(path, until)?)),
            Port::Vsock { cid, port } if self.root.is_real() => {
                let address = Address::vsock(*cid, *port);
                Ok(stream(self.connected(&address, until)?))
            }
            Port::Backdoor if self.root.is_real() => match Commands::open() {
                Some(commands) => Ok(Box::new(commands)),
                None => Err(io::Error::from(ErrorKind::NotFound)),
            },
            Port::Backdoor => Ok(stream(self.socket(BACKDOOR, until)?)),
            // The kernel works on a command in the background, and until it has begun there is nothing to wait for.
            Port::Tpm if self.root.is_real() => {
                Ok(Box::new(stream(self.tpm(until)?).without_end()))
            }
            Port::Tpm => Ok(stream(self.tpm(until)?)),
            Port::Vsock { cid, port } => {
                let path = format!("/dev/vsock-{cid}-{port}");
                Ok(stream(self.socket(&path, until)?))
            }
        }
    }

    fn socket(&self, path: &str, until: Duration) -> io::Result<OwnedFd> {
        if self.root.kind(path) != Some(Kind::Socket) {
            return Err(io::Error::from(ErrorKind::NotFound));
        }
        let place = self.root.resolve(path).ok_or(ErrorKind::NotFound)?;
        let address = Address::unix(&place).ok_or(ErrorKind::InvalidFilename)?;
        self.connected(&address, until)
    }

    fn connected(&self, address: &Address, until: Duration) -> io::Result<OwnedFd> {
        persist(self.started, until, || {
            connect(address, None, self.started, until)
        })
    }

    /// The first door to the TPM that there is.
    fn tpm(&self, until: Duration) -> io::Result<OwnedFd> {
        for path in TPMS {
            let opened = if self.root.is_real() {
                persist(self.started, until, || device(path))
            } else {
                self.socket(path, until)
            };
            match opened {
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                opened => return opened,
            }
        }
        Err(io::Error::from(ErrorKind::NotFound))
    }
}

impl outside::Ports for Doors {
    fn open(
        &mut self,
        port: &Port,
        timeout: Duration,
    ) -> Result<Box<dyn outside::Stream>, Failure> {
        let until = self.started.passed().saturating_add(timeout);
        self.opened(port, until)
            .map_err(|error| match error.kind() {
                ErrorKind::NotFound | ErrorKind::InvalidInput | ErrorKind::InvalidFilename => {
                    Failure::lasting(words(&error, port))
                }
                _ => Failure::passing(words(&error, port)),
            })
    }
}

/// Opens a device that reads and writes characters.
fn device(path: &str) -> io::Result<OwnedFd> {
    // The type is asked first, because opening some devices acts on them.
    if !fs::metadata(path)?.file_type().is_char_device() {
        return Err(io::Error::from(ErrorKind::InvalidInput));
    }
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    Ok(OwnedFd::from(file))
}

/// A serial line that is ours.
struct Line {
    fd: OwnedFd,
    before: libc::termios2,
}

impl Line {
    /// Opens, locks and sets up a line. Who else may use it takes the same lock: mdata-get and cloud-init do.
    fn open(path: &str, speed: u32) -> io::Result<Line> {
        let fd = device(path)?;
        lock(&fd)?;
        let before = settings(&fd)?;
        set(&fd, &raw(before, speed))?;
        // SAFETY: no pointers. What somebody else was told is no answer to us; a failure leaves it to the protocol.
        unsafe { libc::tcflush(fd.as_raw_fd(), libc::TCIOFLUSH) };
        Ok(Line { fd, before })
    }
}

/// Locks the whole of a file against others who ask (fcntl(2), advisory record locks); EBUSY if it is locked.
fn lock(fd: &OwnedFd) -> io::Result<()> {
    // SAFETY: all zeroes is a valid flock: from the beginning to the end.
    let mut whole: libc::flock = unsafe { std::mem::zeroed() };
    whole.l_type = libc::F_WRLCK as i16;
    whole.l_whence = libc::SEEK_SET as i16;
    // SAFETY: the pointer is to a flock of ours that outlives the call.
    let result = unsafe { libc::fcntl(fd.as_raw_fd(), libc::F_SETLK, &whole) };
    match result {
        0.. => Ok(()),
        _ => Err(match io::Error::last_os_error() {
            error if matches!(error.raw_os_error(), Some(libc::EACCES | libc::EAGAIN)) => {
                io::Error::from(ErrorKind::ResourceBusy)
            }
            error => error,
        }),
    }
}

/// Settings for bytes as they are at `speed` bits a second (termios(3), raw mode): eight bits, no parity, one stop bit, and no
/// modem is asked.
fn raw(mut settings: libc::termios2, speed: u32) -> libc::termios2 {
    settings.c_iflag = 0;
    settings.c_oflag &= !libc::OPOST;
    settings.c_lflag &= !(libc::ECHO | libc::ECHONL | libc::ICANON | libc::ISIG | libc::IEXTEN);
    settings.c_cflag &= !(libc::CSIZE | libc::PARENB | libc::CSTOPB | libc::CRTSCTS | libc::CBAUD);
    settings.c_cflag |= libc::CS8 | libc::CLOCAL | libc::CREAD | libc::BOTHER;
    settings.c_ispeed = speed;
    settings.c_ospeed = speed;
    settings
}

/// The kernel's own settings; InvalidInput from what is no terminal. A C library's calls for them have other names in each version,
/// and not all of those are there for a static program.
fn settings(fd: &OwnedFd) -> io::Result<libc::termios2> {
    // SAFETY: all zeroes is a valid termios2.
    let mut settings: libc::termios2 = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a termios2 of ours that outlives the call.
    match unsafe { libc::ioctl(fd.as_raw_fd(), libc::TCGETS2, &mut settings) } {
        0 => Ok(settings),
        _ => Err(match io::Error::last_os_error() {
            error if error.raw_os_error() == Some(libc::ENOTTY) => {
                io::Error::from(ErrorKind::InvalidInput)
            }
            error => error,
        }),
    }
}

fn set(fd: &impl AsRawFd, settings: &libc::termios2) -> io::Result<()> {
    // SAFETY: the pointer is to a termios2 of ours that outlives the call.
    match unsafe { libc::ioctl(fd.as_raw_fd(), libc::TCSETS2, settings) } {
        0 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

/// A serial line, set back when it is closed.
struct Serial {
    stream: Stream,
    before: libc::termios2,
}

impl fmt::Debug for Serial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stream.fmt(f)
    }
}

impl outside::Stream for Serial {
    fn read(&mut self, buffer: &mut [u8], until: Duration) -> Result<usize, Failure> {
        self.stream.read(buffer, until)
    }

    fn write(&mut self, bytes: &[u8], until: Duration) -> Result<(), Failure> {
        self.stream.write(bytes, until)
    }
}

impl Drop for Serial {
    fn drop(&mut self) {
        // Nobody is left to be told; the lock goes with the descriptor.
        let _ = set(self.stream.file(), &self.before);
    }
}
