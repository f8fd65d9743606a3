//! What fuzz targets share: disks whose bytes are the fuzzer's.

use cloudseed_core::machine::Disk;
use cloudseed_core::machine::volume::{self, Volume};

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
            match name.ends_with('/') {
                true => directories.push(path),
                false => {
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
}
