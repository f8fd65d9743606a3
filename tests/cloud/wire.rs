//! A cable of QEMU's: a unix socket, of datagrams or of a stream.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::os::unix::process::parent_id;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Longest frame taken, in bytes.
const FRAME_BYTES_MAX: usize = 65_600;
/// Frames that may wait for the cloud.
const FRAMES_MAX: usize = 1024;
/// How long a frame waits for room at the other side before it is dropped.
const SEND_TIME_MAX: Duration = Duration::from_secs(1);
/// How often to look whether the parent lives.
const LOOK_TIME: Duration = Duration::from_secs(1);

/// The cable.
pub struct Wire {
    heard: Receiver<Heard>,
    far: Far,
    parent: u32,
}

/// What comes in.
pub enum Heard {
    /// A frame.
    Frame(Vec<u8>),
    /// Nothing in the time given.
    Nothing,
    /// That there will be nothing more.
    End,
}

/// Where frames go.
enum Far {
    Datagrams(UnixDatagram, PathBuf),
    Stream(Arc<Mutex<Option<UnixStream>>>),
}

impl Wire {
    /// A socket at `local`, sending to the one at `remote`.
    pub fn dgram(local: &str, remote: &str) -> io::Result<Wire> {
        remove(local)?;
        let socket = UnixDatagram::bind(local)?;
        socket.set_write_timeout(Some(SEND_TIME_MAX))?;
        let reader = socket.try_clone()?;
        let far = Far::Datagrams(socket, PathBuf::from(remote));
        Ok(Wire::start(far, move |heard| {
            let mut buffer = vec![0; FRAME_BYTES_MAX];
            while let Ok(length) = reader.recv(&mut buffer) {
                if heard.send(Heard::Frame(buffer[..length].to_vec())).is_err() {
                    break;
                }
            }
        }))
    }

    /// A socket at `path` that takes one connection after the other; each frame has its length before it, in four bytes.
    pub fn stream(path: &str) -> io::Result<Wire> {
        remove(path)?;
        let listener = UnixListener::bind(path)?;
        let far = Arc::new(Mutex::new(None));
        let writer = far.clone();
        Ok(Wire::start(Far::Stream(far), move |heard| {
            for stream in listener.incoming().flatten() {
                *writer.lock().unwrap_or_else(PoisonError::into_inner) = stream.try_clone().ok();
                let mut stream = stream;
                while let Ok(frame) = read_frame(&mut stream) {
                    if heard.send(Heard::Frame(frame)).is_err() {
                        return;
                    }
                }
            }
        }))
    }

    fn start(far: Far, read: impl FnOnce(SyncSender<Heard>) + Send + 'static) -> Wire {
        let (sender, heard) = sync_channel(FRAMES_MAX);
        let end = sender.clone();
        thread::spawn(move || read(sender));
        if is_pipe("/dev/stdin") {
            thread::spawn(move || {
                let _ = io::copy(&mut io::stdin(), &mut io::sink());
                end.send(Heard::End)
            });
        }
        Wire {
            heard,
            far,
            parent: parent_id(),
        }
    }

    /// Waits for a frame, for at most `time`.
    pub fn receive(&mut self, time: Duration) -> Heard {
        match self.heard.recv_timeout(time.min(LOOK_TIME)) {
            Ok(heard) => heard,
            Err(RecvTimeoutError::Timeout) if parent_id() == self.parent => Heard::Nothing,
            Err(_) => Heard::End,
        }
    }

    /// Sends a frame; waits while the other side has no room, and drops the frame if there is nobody.
    pub fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        let result = match &mut self.far {
            Far::Datagrams(socket, remote) => socket.send_to(frame, remote).map(drop),
            Far::Stream(stream) => match stream
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .as_mut()
            {
                Some(stream) => {
                    let length = (frame.len() as u32).to_be_bytes();
                    stream.write_all(&[&length, frame].concat())
                }
                None => Ok(()),
            },
        };
        match result {
            Err(error) if is_absence(error.kind()) => Ok(()),
            other => other,
        }
    }
}

/// True if the other side is not there (yet, or any more), or does not read.
fn is_absence(kind: ErrorKind) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionRefused, ConnectionReset, NotFound, WouldBlock};
    matches!(
        kind,
        BrokenPipe | ConnectionRefused | ConnectionReset | NotFound | WouldBlock
    )
}

fn read_frame(stream: &mut UnixStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    stream.read_exact(&mut length)?;
    let length = u32::from_be_bytes(length) as usize;
    if length > FRAME_BYTES_MAX {
        return Err(ErrorKind::InvalidData.into());
    }
    let mut frame = vec![0; length];
    stream.read_exact(&mut frame)?;
    Ok(frame)
}

/// Removes what an earlier run left.
fn remove(path: &str) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// True if a parent holds the other end; a shell's background job has /dev/null instead.
fn is_pipe(path: impl AsRef<Path>) -> bool {
    fs::metadata(path)
        .is_ok_and(|found| found.file_type().is_fifo() || found.file_type().is_socket())
}
