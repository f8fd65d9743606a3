//! Cables to the world outside the process, all behind one queue: unix sockets, as QEMU has them, and network interfaces.

use std::fs;
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant as Clock};

use smoltcp::time::Instant;

use crate::cloud::SimulatedCloud;
use crate::cloud::faults::{Faults, Line};
use crate::cloud::simulated::Event;
use crate::port::Port;

/// Longest frame taken, in bytes.
const FRAME_BYTES_MAX: usize = 65_600;
/// Frames that may wait to be looked at.
const FRAMES_MAX: usize = 1024;
/// How long a frame waits for room at the other side before it is dropped.
const SEND_TIME_MAX: Duration = Duration::from_secs(1);
/// How long to wait when nothing is due.
const LONG: Duration = Duration::from_secs(60);

/// Cables, numbered from 0.
pub struct Bundle {
    frames: Receiver<(usize, Vec<u8>)>,
    sender: SyncSender<(usize, Vec<u8>)>,
    ends: Vec<End>,
    start: Clock,
}

/// Where the frames of a cable go.
enum End {
    Datagrams(UnixDatagram, PathBuf),
    Stream(Arc<Mutex<Option<UnixStream>>>),
    Interface(Port),
}

impl Bundle {
    /// No cable yet; the clock starts.
    pub fn new() -> Bundle {
        let (sender, frames) = sync_channel(FRAMES_MAX);
        Bundle {
            frames,
            sender,
            ends: Vec::new(),
            start: Clock::now(),
        }
    }

    /// How many cables there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// The time since the clock started.
    pub fn now(&self) -> Instant {
        Instant::from_micros(self.start.elapsed().as_micros() as i64)
    }

    /// Adds a socket at `local` that sends to the one at `remote`.
    pub fn dgram(&mut self, local: &str, remote: &str) -> io::Result<()> {
        remove(local)?;
        let socket = UnixDatagram::bind(local)?;
        socket.set_write_timeout(Some(SEND_TIME_MAX))?;
        let reader = socket.try_clone()?;
        let mut buffer = vec![0; FRAME_BYTES_MAX];
        self.read(move || {
            reader
                .recv(&mut buffer)
                .map(|length| buffer[..length].to_vec())
        });
        self.ends
            .push(End::Datagrams(socket, PathBuf::from(remote)));
        Ok(())
    }

    /// Adds a socket at `path` that takes one connection after the other; before each frame is its length, in four bytes.
    pub fn stream(&mut self, path: &str) -> io::Result<()> {
        remove(path)?;
        let listener = UnixListener::bind(path)?;
        let writer = Arc::new(Mutex::new(None));
        let end = End::Stream(writer.clone());
        let mut stream: Option<UnixStream> = None;
        self.read(move || {
            loop {
                if let Some(Ok(frame)) = stream.as_mut().map(read_frame) {
                    return Ok(frame);
                }
                let next = listener.accept()?.0;
                *writer.lock().unwrap_or_else(PoisonError::into_inner) = Some(next.try_clone()?);
                stream = Some(next);
            }
        });
        self.ends.push(end);
        Ok(())
    }

    /// Adds the network interface `name`.
    pub fn interface(&mut self, name: &str) -> io::Result<()> {
        let port = Port::open(name)?;
        let mut reader = port.try_clone()?;
        self.read(move || reader.receive());
        self.ends.push(End::Interface(port));
        Ok(())
    }

    /// Reads frames of the next cable, in a thread of its own, until that fails or nobody listens.
    fn read(&mut self, mut next: impl FnMut() -> io::Result<Vec<u8>> + Send + 'static) {
        let (sender, number) = (self.sender.clone(), self.ends.len());
        thread::spawn(move || {
            while let Ok(frame) = next() {
                if sender.send((number, frame)).is_err() {
                    break;
                }
            }
        });
    }

    /// Waits for a frame until `until`, or for long; which cable it came from, and the frame.
    fn receive(&mut self, until: Option<Instant>) -> Option<(usize, Vec<u8>)> {
        let now = self.now();
        let time = until.map_or(LONG, |until| (until.max(now) - now).into());
        self.frames.recv_timeout(time).ok()
    }

    /// Sends a frame; waits while the other side has no room, and drops the frame if there is nobody.
    fn send(&mut self, number: usize, frame: &[u8]) -> io::Result<()> {
        let result = match &mut self.ends[number] {
            End::Datagrams(socket, remote) => socket.send_to(frame, remote).map(drop),
            End::Interface(port) => port.send(frame),
            End::Stream(stream) => {
                let mut stream = stream.lock().unwrap_or_else(PoisonError::into_inner);
                let length = (frame.len() as u32).to_be_bytes();
                stream.as_mut().map_or(Ok(()), |stream| {
                    stream.write_all(&[&length, frame].concat())
                })
            }
        };
        match result {
            Err(error) if is_absence(error.kind()) => Ok(()),
            other => other,
        }
    }

    /// Lets the cloud answer at all cables, each a port of its own, and tells what happens; returns only if that fails.
    pub fn serve(
        mut self,
        mut cloud: SimulatedCloud,
        seed: u64,
        mut tell: impl FnMut(&Event),
    ) -> io::Error {
        let events = cloud.events();
        for number in 0..self.len() {
            cloud.attach(seed + number as u64);
        }
        loop {
            let mut until = cloud.next(self.now());
            while let Some((number, frame)) = self.receive(until) {
                cloud.receive(number, frame, self.now());
                until = Some(Instant::ZERO);
            }
            let now = self.now();
            cloud.step(now);
            for number in 0..self.len() {
                while let Some(frame) = cloud.transmit(number, now) {
                    if let Err(error) = self.send(number, &frame) {
                        return error;
                    }
                }
            }
            events.take().iter().for_each(&mut tell);
        }
    }

    /// Carries frames between the first two cables with these faults; returns only if that fails.
    pub fn relay(mut self, faults: &Faults, seed: u64) -> io::Error {
        let mut lines = [Line::new(faults, seed), Line::new(faults, !seed)];
        loop {
            let mut until = lines.iter().filter_map(Line::next).min();
            while let Some((number, frame)) = self.receive(until) {
                lines[number].send(frame, self.now());
                until = Some(Instant::ZERO);
            }
            let now = self.now();
            for (number, line) in lines.iter_mut().enumerate() {
                while let Some(frame) = line.receive(now) {
                    if let Err(error) = self.send(1 - number, &frame) {
                        return error;
                    }
                }
            }
        }
    }
}

/// True if the other side is not there (yet, or any more), or does not read.
fn is_absence(kind: ErrorKind) -> bool {
    use ErrorKind::{
        BrokenPipe, ConnectionRefused, ConnectionReset, NetworkDown, NotFound, WouldBlock,
    };
    matches!(
        kind,
        BrokenPipe | ConnectionRefused | ConnectionReset | NetworkDown | NotFound | WouldBlock
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
