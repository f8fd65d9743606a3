//! What the owner may have configured, in every file and on the command line.
#![no_main]
use cloudseed_core::platform;
use cloudseed_core::settings::Settings;
use cloudseed_core::machine::Machine;
use cloudseed_fuzz::paths::Paths;

const PATHS: [&str; 6] = [
    "/etc/cloud/cloud.cfg",
    "/etc/cloud/cloud.cfg.d/90_dpkg.cfg",
    "/etc/cloud/ds-identify.cfg",
    "/etc/cloudseed/cloudseed.cfg",
    "/proc/cmdline",
    "KERNEL_CMDLINE",
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let paths = Paths::new(&PATHS, bytes);
    let settings = Settings::read(&Machine::read(&paths), platform::searched());
    assert!(!settings.list.is_empty());
    assert!(settings.name.is_none_or(|name| !name.is_empty()));
});
