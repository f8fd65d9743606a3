//! Files of volumes: the first byte says which file system the rest is.
#![no_main]
use cloudseed_fuzz::{Pieces, walk};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((kind, image)) = data.split_first() else {
        return;
    };
    let (kind, at) = [("iso9660", 32768), ("vfat", 0), ("ext4", 0)][usize::from(*kind) % 3];
    walk(&Pieces::new(1 << 20, &[(at, image)]), kind);
});
