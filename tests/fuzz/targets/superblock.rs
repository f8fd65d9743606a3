//! Superblocks: thirds of the input stand where file systems have theirs.
#![no_main]
use cloudseed_core::machine::volume::Volume;
use cloudseed_fuzz::Pieces;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (first, rest) = data.split_at(data.len().min(4096));
    let (second, third) = rest.split_at(rest.len().min(6144));
    let disk = Pieces::new(1 << 30, &[(0, first), (32768, second), (65536, third)]);
    Volume::read("vda", &disk);
});
