//! What fuzz targets share: disks and cables whose bytes are the fuzzer's.

use std::collections::VecDeque;

use cloudseed_core::machine::Disk;
use cloudseed_core::machine::volume::{self, Volume};
use cloudseed_core::net::{Wires, frame};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::{Duration, Instant};

pub mod paths;
pub mod peer;
#[path = "../../cloud/queues.rs"]
pub mod queues;

/// Pieces of a disk at offsets, zeros between them, so that a small input reaches far.
pub struct Pieces<'a> {
    bytes: u64,
    pieces: Vec<(u64, &'a [u8])>,
}

impl<'a> Pieces<'a> {
    /// A disk of `bytes` bytes.
    pub fn new(bytes: u64, pieces: &[(u64, &'a [u8])]) -> Pieces<'a> {
        Pieces {
            bytes,
            pieces: pieces.to_vec(),
        }
    }
}

impl Disk for Pieces<'_> {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        buffer.fill(0);
        for (at, piece) in &self.pieces {
            let end = at + piece.len() as u64;
            let (from, to) = (offset.max(*at), (offset + buffer.len() as u64).min(end));
            if from < to {
                let source = &piece[(from - at) as usize..(to - at) as usize];
                buffer[(from - offset) as usize..][..source.len()].copy_from_slice(source);
            }
        }
        offset + buffer.len() as u64 <= self.bytes
    }
}

/// Walks a volume two directories deep and reads every file it meets.
pub fn walk(disk: &dyn Disk, kind: &str) {
    const FILE_BYTES_MAX: usize = 1 << 16;
    const NAMES_MAX: usize = 16;
    let volume = Volume {
        kind: Some(kind.to_owned()),
        ..Volume::read("vda", disk)
    };
    let mut directories = vec![String::new()];
    for _ in 0..4 {
        let Some(directory) = directories.pop() else {
            return;
        };
        let names = volume::list(disk, &volume, &directory).unwrap_or_default();
        for name in names.into_iter().take(NAMES_MAX) {
            let path = format!("{directory}/{name}");
            if name.ends_with('/') { directories.push(path) } else {
                    let content = volume::read_file(disk, &volume, &path, FILE_BYTES_MAX);
                    assert!(
                        content.is_err()
                            || content.is_ok_and(|content| content
                                .is_none_or(|content| content.len() <= FILE_BYTES_MAX))
                    );
                }
        }
    }
}

/// A cable from which the fuzzer's frames come, one each time somebody waits; what is sent is lost.
pub struct Tape {
    port: Port,
    clock: Instant,
}

/// The only port of a [`Tape`].
pub struct Port {
    rest: VecDeque<u8>,
    ready: bool,
}

/// A frame of the fuzzer's, its checksums put right.
pub struct Played(Vec<u8>);

/// Where frames get lost.
pub struct Lost;

impl Tape {
    /// The hardware address that every frame is made to be for.
    pub const MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];

    /// A cable that plays `data`.
    pub fn new(data: &[u8]) -> Tape {
        let port = Port {
            rest: data.iter().copied().collect(),
            ready: false,
        };
        Tape {
            port,
            clock: Instant::ZERO,
        }
    }
}

impl Wires for Tape {
    type Port = Port;

    fn ports(&mut self) -> &mut [Port] {
        std::slice::from_mut(&mut self.port)
    }

    fn now(&self) -> Instant {
        self.clock
    }

    fn wall(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }

    fn plugged(&self, _: usize) -> bool {
        true
    }

    fn wait(&mut self, until: Instant) {
        self.port.ready = !self.port.rest.is_empty();
        let step = self.clock + Duration::from_millis(10);
        self.clock = if self.port.ready {
            step.min(until)
        } else {
            until
        };
    }
}

impl Device for Port {
    type RxToken<'a> = Played;
    type TxToken<'a> = Lost;

    fn receive(&mut self, _: Instant) -> Option<(Played, Lost)> {
        if !std::mem::take(&mut self.ready) {
            return None;
        }
        let (low, high) = (self.rest.pop_front()?, self.rest.pop_front()?);
        let length = (usize::from(high) << 8 | usize::from(low)) % 2048;
        let length = length.min(self.rest.len());
        let mut frame = Vec::from(Tape::MAC);
        frame.extend(self.rest.drain(..length));
        if let Some(packet) = frame.get_mut(14..) {
            frame::complete(packet);
        }
        Some((Played(frame), Lost))
    }

    fn transmit(&mut self, _: Instant) -> Option<Lost> {
        Some(Lost)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = 1514;
        capabilities
    }
}

impl RxToken for Played {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Lost {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        f(&mut vec![0; len])
    }
}
