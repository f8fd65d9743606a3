//! Block devices and images of them, read at offsets.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;

use cloudseed_core::machine::Disk;

/// The request for a block device's size in bytes, `_IOR(0x12, 114, size_t)`; its number holds the size of a word.
#[cfg(not(any(target_arch = "powerpc64", target_arch = "mips64")))]
const BLKGETSIZE64: u64 = 0x8000_1272 | (size_of::<usize>() as u64) << 16;
/// Where the direction "read" is another bit.
#[cfg(any(target_arch = "powerpc64", target_arch = "mips64"))]
const BLKGETSIZE64: u64 = 0x4000_1272 | (size_of::<usize>() as u64) << 16;

/// An open device or image.
struct Device {
    file: File,
    bytes: u64,
}

/// Opens the block device, or the image file, at `path` for reading; it never waits for a medium.
///
/// # Errors
/// The file cannot be opened, or is neither a block device nor a regular file.
pub fn open(path: &Path) -> io::Result<Box<dyn Disk>> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path)?;
    let metadata = file.metadata()?;
    let bytes = match metadata.file_type() {
        kind if kind.is_file() => metadata.len(),
        kind if kind.is_block_device() => device_bytes(&file)?,
        _ => return Err(io::ErrorKind::InvalidInput.into()),
    };
    Ok(Box::new(Device { file, bytes }))
}

fn device_bytes(file: &File) -> io::Result<u64> {
    let mut bytes: u64 = 0;
    // SAFETY: the descriptor is open as long as `file` is borrowed, and the kernel writes one u64 to `bytes`.
    let result = unsafe { libc::ioctl(file.as_raw_fd(), BLKGETSIZE64 as _, &raw mut bytes) };
    match result {
        0 => Ok(bytes),
        _ => Err(io::Error::last_os_error()),
    }
}

impl Disk for Device {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        self.file.read_exact_at(buffer, offset).is_ok()
    }
}
