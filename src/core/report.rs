//! Report: a bug report that is already a fixture, the facts of a machine in the shape of `tests/roots/NAME`.
//!
//! What goes in is what was looked at: a [`Recorder`] stands before the machine's files while they are probed and the rules
//! are asked. What could tell a person or a secret from another is taken out by [`redact`], which keeps only what it knows. Of a
//! disk that has a file system there is what its reader looked at to know it, and nothing that a rule read in it afterwards.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::rc::Rc;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::time::Duration;

use crate::compile::result::{RESULT, STATUS};
use crate::identify::{self, Identification};
use crate::machine::smbios::Field;
use crate::machine::{Disk, Files, Kind, Machine};
use crate::platform;
use crate::settings::Settings;

pub mod redact;
pub mod tar;

/// Most bytes kept of the front of a disk; superblocks are there, and files are not wanted. UDF has its anchor in the sector 256,
/// of 4 KiB at most, and its descriptors after that.
pub const DISK_BYTES_MAX: u64 = (1 << 20) + (64 << 10);

/// The latest time that a report tells, in seconds since the epoch: in the year 2106.
const TIME_SECONDS_MAX: u64 = u32::MAX as u64;

/// Files as they are, with a note of what was asked for.
pub struct Recorder<'a> {
    files: &'a dyn Files,
    seen: RefCell<BTreeMap<String, Vec<u8>>>,
    disks: RefCell<BTreeMap<String, Front>>,
    variables: RefCell<BTreeMap<String, String>>,
    sockets: RefCell<BTreeSet<String>>,
    times: RefCell<BTreeMap<String, Duration>>,
    architecture: Cell<Option<&'static str>>,
    /// Whether what is read of disks is noted: while they are probed.
    probing: Rc<Cell<bool>>,
}

/// The front of a disk, with zeros where nobody read.
type Front = Rc<RefCell<Vec<u8>>>;

impl<'a> Recorder<'a> {
    /// Stands before these files.
    pub fn new(files: &'a dyn Files) -> Recorder<'a> {
        Recorder {
            files,
            seen: RefCell::default(),
            disks: RefCell::default(),
            variables: RefCell::default(),
            sockets: RefCell::default(),
            times: RefCell::default(),
            architecture: Cell::default(),
            probing: Rc::new(Cell::new(true)),
        }
    }

    /// When each file was written whose time was asked for, in seconds since the epoch. Only the order is true: rules look at
    /// nothing else, and two times within one second are apart here, too.
    fn seconds(&self) -> BTreeMap<String, u64> {
        let times = self.times.borrow();
        let order: BTreeSet<Duration> = times.values().copied().collect();
        let first = order
            .first()
            .map_or(0, Duration::as_secs)
            .min(TIME_SECONDS_MAX);
        let seconds = |(path, time): (&String, &Duration)| {
            let later = order.iter().take_while(|other| *other < time).count();
            (path.clone(), first + later as u64)
        };
        times.iter().map(seconds).collect()
    }

    fn note(&self, path: &str, content: &[u8]) {
        let mut seen = self.seen.borrow_mut();
        let old = seen.entry(String::from(path)).or_default();
        if old.is_empty() {
            *old = content.to_vec();
        }
    }
}

impl Files for Recorder<'_> {
    fn read(&self, path: &str, bytes_max: usize) -> Option<Vec<u8>> {
        let content = self.files.read(path, bytes_max)?;
        self.note(path, &content);
        Some(content)
    }

    fn document(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, String> {
        self.files.document(path, bytes_max)
    }

    fn list(&self, path: &str) -> Vec<String> {
        self.files.list(path)
    }

    fn kind(&self, path: &str) -> Option<Kind> {
        let kind = self.files.kind(path)?;
        match kind {
            Kind::Directory => self.note(&format!("{path}/"), &[]),
            Kind::File | Kind::Other => self.note(path, &[]),
            Kind::Socket => {
                self.sockets.borrow_mut().insert(String::from(path));
            }
        }
        Some(kind)
    }

    fn disk(&self, name: &str) -> Option<Box<dyn Disk>> {
        let disk = self.files.disk(name)?;
        let front = Rc::clone(
            self.disks
                .borrow_mut()
                .entry(String::from(name))
                .or_default(),
        );
        let probing = Rc::clone(&self.probing);
        Some(Box::new(Recorded {
            disk,
            front,
            probing,
        }))
    }

    fn variable(&self, name: &str) -> Option<String> {
        let value = self.files.variable(name)?;
        let mut variables = self.variables.borrow_mut();
        variables.insert(String::from(name), value.clone());
        Some(value)
    }

    fn cpuid_vendor(&self) -> Option<[u8; 12]> {
        self.files.cpuid_vendor()
    }

    fn architecture(&self) -> Option<&'static str> {
        self.architecture.set(self.files.architecture());
        self.architecture.get()
    }

    fn modified(&self, path: &str) -> Option<Duration> {
        let time = self.files.modified(path)?;
        self.note(path, &[]);
        self.times.borrow_mut().insert(String::from(path), time);
        Some(time)
    }
}

/// A disk whose front is noted as it is read.
struct Recorded {
    disk: Box<dyn Disk>,
    front: Front,
    probing: Rc<Cell<bool>>,
}

impl Disk for Recorded {
    fn bytes(&self) -> u64 {
        self.disk.bytes()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        let whole = self.disk.read_at(offset, buffer);
        let end = offset.saturating_add(buffer.len() as u64);
        if whole && end <= DISK_BYTES_MAX && self.probing.get() {
            let (from, to) = (offset as usize, end as usize);
            let mut front = self.front.borrow_mut();
            let length = front.len().max(to);
            front.resize(length, 0);
            if let Some(place) = front.get_mut(from..to) {
                place.copy_from_slice(buffer);
            }
        }
        whole
    }
}

/// What an archive has, by path.
type Members = BTreeMap<String, Vec<u8>>;

/// The report on a machine, as a tar archive whose members are below `name/`.
pub fn report(files: &dyn Files, name: &str) -> Vec<u8> {
    let recorder = Recorder::new(files);
    let machine = Machine::read(&recorder);
    recorder.probing.set(false);
    let settings = Settings::read(&machine, platform::searched());
    let identified = identify::identify(&machine, &settings);
    let mut members = asked(&recorder, &machine);
    members.extend(results(files));
    let times = recorder.seconds();
    let special = special(&recorder, &times);
    if !special.is_empty() {
        members.insert(String::from("special"), special.into_bytes());
    }
    members.insert(String::from("verdicts"), verdicts(&identified));
    archive(name, members, &times)
}

/// The machine as far as it was asked.
fn asked(recorder: &Recorder, machine: &Machine) -> Members {
    let mut members = Members::new();
    for (path, content) in recorder.seen.borrow().iter() {
        if let Some(content) = redact::file(path, content) {
            members.insert(format!("machine{path}"), content);
        }
    }
    if let Some(architecture) = recorder.architecture.get() {
        let path = String::from("machine/proc/sys/kernel/arch");
        members.insert(path, format!("{architecture}\n").into_bytes());
    }
    for field in Field::ALL {
        if let Some(value) = machine.dmi.get(field) {
            let path = format!("machine/sys/class/dmi/id/{}", field.name());
            let value = redact::firmware(field, value);
            members.insert(path, format!("{value}\n").into_bytes());
        }
    }
    let table = oem_table(machine);
    if !table.is_empty() {
        let path = String::from("machine/sys/firmware/dmi/tables/DMI");
        members.insert(path, table);
    }
    for (device, front) in recorder.disks.borrow().iter() {
        let known = machine.volumes.iter().any(|volume| volume.name == *device);
        let front = if known {
            front.borrow().clone()
        } else {
            Vec::new()
        };
        members.insert(format!("machine/dev/{device}"), front);
    }
    let environment = environment(recorder, machine);
    members.insert(String::from("machine/env"), environment);
    members
}

/// What the last boot came to, as far as everybody may know it.
fn results(files: &dyn Files) -> Members {
    type Kept = fn(&[u8]) -> Option<Vec<u8>>;
    let kinds: [(&str, Kept); 2] = [(STATUS, redact::status), (RESULT, redact::result)];
    let kept = kinds.into_iter().filter_map(|(path, kept)| {
        let content = files.read(path, crate::machine::FILE_BYTES_MAX)?;
        Some((format!("expect{path}"), kept(&content)?))
    });
    kept.collect()
}

/// The members, each with the time that its file has, where that matters.
fn archive(name: &str, members: Members, times: &BTreeMap<String, u64>) -> Vec<u8> {
    let mut archive = vec![];
    for (path, content) in members {
        let time = path
            .strip_prefix("machine")
            .and_then(|path| times.get(path));
        let path = format!("{name}/{path}");
        tar::append(&mut archive, &path, &content, time.copied().unwrap_or(0));
    }
    tar::finish(&mut archive);
    archive
}

/// What git cannot keep, as a root's file `special` says it.
fn special(recorder: &Recorder, times: &BTreeMap<String, u64>) -> String {
    let sockets = recorder.sockets.borrow();
    let sockets = sockets.iter().map(|path| format!("socket {path}\n"));
    let times = times.iter();
    let times = times.map(|(path, seconds)| format!("time {path} {seconds}\n"));
    sockets.chain(times).collect()
}

/// The variables that were asked for, and what virtualisation came to, as below a root.
fn environment(recorder: &Recorder, machine: &Machine) -> Vec<u8> {
    let kind = if machine.container { "container" } else { "vm" };
    let virt = match machine.virt.as_str() {
        "none" => String::from("none"),
        virt => format!("{kind}:{virt}"),
    };
    let mut lines = format!("SYSTEMD_VIRTUALIZATION={virt}\n");
    for (name, value) in recorder.variables.borrow().iter() {
        if name != "SYSTEMD_VIRTUALIZATION" {
            lines += &format!("{name}={}\n", redact::variable(name, value));
        }
    }
    lines.into_bytes()
}

/// A table of SMBIOS with our own OEM strings and nothing else; empty if there are none.
fn oem_table(machine: &Machine) -> Vec<u8> {
    let ours = machine
        .dmi
        .oem_strings
        .iter()
        .filter(|string| string.starts_with("cloudseed."));
    let strings: Vec<u8> = ours
        .flat_map(|string| (redact::setting(string) + "\0").into_bytes())
        .collect();
    if strings.is_empty() {
        strings
    } else {
        [&[11, 5, 0, 0, 1][..], &strings, &[0]].concat()
    }
}

/// What was said of each platform, a line each.
fn verdicts(outcome: &Identification) -> Vec<u8> {
    let lines = outcome.verdicts.iter().map(|(name, verdict)| {
        let line = format!("{name}: {}", verdict.because());
        redact::words(&line) + "\n"
    });
    lines.collect::<String>().into_bytes()
}
