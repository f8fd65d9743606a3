//! The log of an identification, sentence for sentence as readers of ds-identify.log know it.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use super::Identification;
use crate::machine::Machine;
use crate::machine::smbios::Field;
use crate::note::Note;
use crate::rule::kin::first_process_product_name;
use crate::settings::Settings;

/// What is printed for a fact that cannot be had.
const UNAVAILABLE: &str = "unavailable";

/// What only the program around knows.
#[derive(Clone, Debug, Default)]
pub struct Run<'a> {
    /// Its arguments.
    pub arguments: &'a [&'a str],
    /// Level of detail, from the environment's `DEBUG_LEVEL`; 1 is the usual one.
    pub level: u8,
    /// The process identifier.
    pub pid: u32,
    /// The parent's.
    pub ppid: u32,
    /// Seconds since the kernel started, as /proc/uptime's first word says, when identification began.
    pub began: Option<&'a str>,
    /// The same when it ended.
    pub ended: Option<&'a str>,
}

/// The whole log of one run, to be appended to ds-identify.log.
pub fn text(machine: &Machine, settings: &Settings, outcome: &Identification, run: &Run) -> String {
    let mut lines: Vec<String> = Vec::new();
    let up = |at: Option<&str>| format!("[up {}s]", at.unwrap_or(UNAVAILABLE));
    let said = |notes: &[Note]| -> Vec<String> {
        notes
            .iter()
            .filter_map(|note| note.logged(run.level))
            .collect()
    };
    if run.level >= 1 {
        let call = format!("{} ds-identify {}", up(run.began), run.arguments.join(" "));
        lines.push(call);
    }
    lines.extend(
        settings
            .warnings
            .iter()
            .map(|warning| format!("WARN: {warning}")),
    );
    lines.extend(said(&settings.notes));
    if settings.disabled.is_none() {
        lines.extend(dump(machine, settings, run));
    }
    lines.extend(said(&outcome.notes));
    if run.level >= 1 {
        lines.push(format!("{} returning {}", up(run.ended), outcome.status));
    }
    lines.push(String::new());
    lines.join("\n")
}

/// The variables, in ds-identify's order.
pub fn dump(machine: &Machine, settings: &Settings, run: &Run) -> Vec<String> {
    let dmi = |field: Field| match machine.dmi.get(field) {
        Some(value) => String::from(value),
        None => String::from(absent(machine, field)),
    };
    let policy = &settings.policy;
    let variables = [
        ("DMI_PRODUCT_NAME", dmi(Field::ProductName)),
        ("DMI_SYS_VENDOR", dmi(Field::SysVendor)),
        ("DMI_PRODUCT_SERIAL", dmi(Field::ProductSerial)),
        ("DMI_PRODUCT_UUID", dmi(Field::ProductUuid)),
        ("PID_1_PRODUCT_NAME", first_process_product_name(machine)),
        ("DMI_CHASSIS_ASSET_TAG", dmi(Field::ChassisAssetTag)),
        ("DMI_BOARD_NAME", dmi(Field::BoardName)),
        ("FS_LABELS", labels(machine)),
        ("ISO9660_DEVS", iso9660(machine)),
        ("KERNEL_CMDLINE", String::from(machine.cmdline.as_str())),
        ("VIRT", machine.virt.clone()),
        ("UNAME_KERNEL_NAME", machine.kernel.ostype.clone()),
        ("UNAME_KERNEL_VERSION", machine.kernel.version.clone()),
        ("UNAME_MACHINE", machine.kernel.arch.clone()),
        ("DSNAME", settings.name.clone().unwrap_or_default()),
        ("DSLIST", settings.list.join(" ")),
        ("MODE", String::from(policy.mode.word())),
        ("ON_FOUND", String::from(policy.found())),
        ("ON_MAYBE", String::from(policy.maybe())),
        ("ON_NOTFOUND", String::from(policy.notfound())),
    ];
    let mut lines: Vec<String> = variables
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    lines.push(format!("pid={} ppid={}", run.pid, run.ppid));
    lines.push(format!("is_container={}", machine.container));
    lines
}

/// ds-identify's word for a firmware string that has no text: nothing if the kernel shows it, `unavailable` if it shows
/// others, `error` if it shows none.
fn absent(machine: &Machine, field: Field) -> &'static str {
    const STRINGS: &str = "/sys/class/dmi/id";
    let path = format!("{STRINGS}/{}", field.name());
    match (machine.files.kind(&path), machine.files.kind(STRINGS)) {
        (Some(_), _) => "",
        (None, Some(_)) => UNAVAILABLE,
        (None, None) => "error",
    }
}

fn labels(machine: &Machine) -> String {
    if machine.container {
        return format!("{UNAVAILABLE}:container");
    }
    let labels: Vec<&str> = machine
        .volumes
        .iter()
        .flat_map(|volume| [&volume.label_fatboot, &volume.label])
        .filter_map(|label| label.as_deref())
        .collect();
    labels.join(",")
}

fn iso9660(machine: &Machine) -> String {
    if machine.container {
        return format!("{UNAVAILABLE}:container");
    }
    let devices: Vec<String> = machine
        .volumes
        .iter()
        .filter(|volume| volume.kind.as_deref() == Some("iso9660"))
        .map(|volume| {
            let label = volume.label.as_deref().unwrap_or_default();
            format!("/dev/{}={label}", volume.name)
        })
        .collect();
    devices.join(",")
}
