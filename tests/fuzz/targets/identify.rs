//! The whole of identification: no machine makes it panic, write down what is no list, or use a source that is forbidden.
#![no_main]
use cloudseed_core::settings::Settings;
use cloudseed_core::identify::{identify, log, output};
use cloudseed_core::machine::Machine;
use cloudseed_core::value::Value;
use cloudseed_core::{platform, yaml};
use cloudseed_fuzz::paths::Paths;

const SOURCES: &str = "/etc/cloudseed/cloudseed.cfg";
const PATHS: [&str; 24] = [
    "/etc/cloud/cloud.cfg",
    "/etc/cloud/cloud.cfg.d/90_dpkg.cfg",
    "/etc/cloud/ds-identify.cfg",
    "/proc/cmdline",
    "/proc/1/cmdline",
    "/proc/1/environ",
    "/proc/sys/kernel/arch",
    "/proc/sys/kernel/version",
    "/proc/sys/kernel/osrelease",
    "/sys/firmware/dmi/tables/DMI",
    "/sys/class/dmi/id/sys_vendor",
    "/sys/class/dmi/id/product_name",
    "/sys/class/dmi/id/product_serial",
    "/sys/class/dmi/id/product_uuid",
    "/sys/class/dmi/id/chassis_asset_tag",
    "/sys/hypervisor/uuid",
    "/sys/class/virtio-ports/vport1p1/name",
    "/sys/class/block/sr0/size",
    "/dev/sr0",
    "/var/lib/cloud/seed/nocloud/meta-data",
    "/var/lib/cloud/seed/nocloud/user-data",
    "/var/lib/cloud/instance/manual-clean",
    "SYSTEMD_VIRTUALIZATION",
    "VMX_GUESTINFO",
];

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let mut paths = Paths::new(&PATHS, bytes);
    let list = look(&paths);
    paths.put(SOURCES, b"sources: [GCE, NoCloud]");
    let allowed = ["GCE", "NoCloud", "None"];
    let is_allowed = |name: &String| allowed.iter().any(|other| platform::same(other, name));
    let restricted = look(&paths);
    assert!(restricted.iter().all(is_allowed), "{list:?} {restricted:?}");
});

/// The datasources; what is written down is the same list, as YAML.
fn look(paths: &Paths) -> Vec<String> {
    let machine = Machine::read(paths);
    let settings = Settings::read(&machine, platform::searched());
    let outcome = identify(&machine, &settings);
    assert_eq!(outcome.verdicts.len(), platform::PLATFORMS.len());
    assert!(outcome.status <= 2);
    let written = outcome.cloud_cfg.as_deref().unwrap_or_default();
    let document = yaml::read(written.as_bytes()).unwrap();
    let list = document.get("datasource_list");
    let list = list.or_else(|| document.at(&["di_report", "datasource_list"]));
    let names = list.and_then(Value::as_list).unwrap_or_default();
    let names: Vec<Option<String>> = names.iter().map(Value::to_text).collect();
    let expected: Vec<Option<String>> = outcome.datasources.iter().cloned().map(Some).collect();
    assert_eq!(names, expected, "{written}");
    let log = log::text(&machine, &settings, &outcome, &log::Run::default());
    assert!(log.ends_with('\n') || log.is_empty());
    output::json(&machine, &outcome);
    let table = output::table(&machine, &settings, &outcome, false);
    assert!(!table.contains('\u{1b}'));
    outcome.datasources
}
