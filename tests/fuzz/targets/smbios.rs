//! SMBIOS tables: the first bytes are the entry point.
#![no_main]
use cloudseed_core::machine::smbios::{Dmi, table::Version};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let (entry_point, table) = data.split_at(data.len().min(31));
    let version = Version::read(entry_point).unwrap_or(Version::RECENT);
    Dmi::from_table(version, table);
});
