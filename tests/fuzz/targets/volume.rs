//! Files of volumes: the first byte says which file system the rest is.
#![no_main]
use cloudseed_fuzz::{Pieces, walk};

/// Of a small volume of UDF, how many bytes its descriptors have from sector 96 on; the rest begins with the anchor, sector 256.
const DESCRIPTORS: usize = 34 * 512;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((kind, image)) = data.split_first() else {
        return;
    };
    let (head, rest) = image.split_at(image.len().min(DESCRIPTORS));
    let (kind, pieces) = match kind % 4 {
        0 => ("iso9660", vec![(32768, image)]),
        1 => ("vfat", vec![(0, image)]),
        2 => ("ext4", vec![(0, image)]),
        _ => ("udf", vec![(96 * 512, head), (256 * 512, rest)]),
    };
    walk(&Pieces::new(1 << 20, &pieces), kind);
});
