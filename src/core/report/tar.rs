//! tar archives (POSIX.1-1988, ustar), as far as a report needs them: plain files.

use alloc::format;
use alloc::vec::Vec;

/// Bytes of a block: headers are one, contents are filled up to whole ones.
const BLOCK_BYTES: usize = 512;
/// Longest name of a member, and longest directory before it.
const NAME_BYTES_MAX: usize = 100;
const PREFIX_BYTES_MAX: usize = 155;

/// Adds a file, or for a path that ends in a slash a directory, written at `time` in seconds since the epoch. A path that no
/// header can hold is left out; ours are not that long.
///
/// ```text
/// 0 name (100)   100 mode (8)   108 owner (8)   116 group (8)   124 size (12)   136 time (12)   148 checksum (8)
/// 156 type   257 "ustar" NUL "00"   345 directory (155)            ; numbers are octal digits
/// ```
pub fn append(archive: &mut Vec<u8>, path: &str, content: &[u8], time: u64) {
    let Some((prefix, name)) = split(path) else {
        return;
    };
    let mut header = [0; BLOCK_BYTES];
    put(&mut header, 0, name.as_bytes());
    let directory = name.ends_with('/');
    put(
        &mut header,
        100,
        if directory {
            b"0000755\0"
        } else {
            b"0000644\0"
        },
    );
    put(&mut header, 108, b"0000000\0");
    put(&mut header, 116, b"0000000\0");
    put(
        &mut header,
        124,
        format!("{:011o}\0", content.len()).as_bytes(),
    );
    put(&mut header, 136, format!("{:011o}\0", time).as_bytes());
    put(&mut header, 148, &[b' '; 8]);
    put(&mut header, 156, if directory { b"5" } else { b"0" });
    put(&mut header, 257, b"ustar\x0000");
    put(&mut header, 345, prefix.as_bytes());
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    put(&mut header, 148, format!("{sum:06o}\0 ").as_bytes());
    archive.extend(header);
    archive.extend(content);
    let length = archive.len().next_multiple_of(BLOCK_BYTES);
    archive.resize(length, 0);
}

/// Ends an archive: two empty blocks.
pub fn finish(archive: &mut Vec<u8>) {
    archive.extend([0; 2 * BLOCK_BYTES]);
}

fn put(header: &mut [u8; BLOCK_BYTES], offset: usize, bytes: &[u8]) {
    for (place, byte) in header.iter_mut().skip(offset).zip(bytes) {
        *place = *byte;
    }
}

/// Directory and name, each as long as its place allows.
fn split(path: &str) -> Option<(&str, &str)> {
    if path.len() <= NAME_BYTES_MAX {
        return Some(("", path));
    }
    path.match_indices('/')
        .map(|(at, _)| path.split_at(at))
        .map(|(prefix, name)| (prefix, name.strip_prefix('/').unwrap_or(name)))
        .find(|(prefix, name)| prefix.len() <= PREFIX_BYTES_MAX && name.len() <= NAME_BYTES_MAX)
}
