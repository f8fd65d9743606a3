//! cloudseed: cloud-init's data, before the root file system, with nothing left behind.
fn main() {}
