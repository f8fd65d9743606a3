//! The campaign of faults: whole boots, from firmware to /run, against schedules of faults that chance makes.
//!
//! A number says which root boots, what is planted in its documents, what goes wrong on the network, with files, disks and ports,
//! when time jumps, how much room there is for the plan, when the worker dies, and which call of the writer fails. The same
//! number makes the same boot. What must hold is the same for all of them:
//!
//! - it ends in its time, by the clock of the simulated outside;
//! - the line, `status`, `result.json` and `metadata.env` say the same;
//! - /run/cloudseed is the old one or the new one, whole, or a small one that says that /run is full; the next boot tidies;
//! - every file is one that a boot writes, with its mode, and nothing else below the root has changed;
//! - a planted secret is in no file for everybody, not in the line, not in `result.json`, not in a report;
//! - memory stays within its bound.
//!
//! ```text
//! cargo test --test it faults                  a few hundred
//! tests/fuzz/run faults [N]                    as many as that
//! FAULT=17 cargo test --test it faults         the one of this number, and what it consists of; ROOT=NAME on another root
//! ```

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use cloudseed_core::boot::handed::{self, Handed};
use cloudseed_core::boot::{self, Booted, Options};
use cloudseed_core::compile::{self, amend};
use cloudseed_core::journal::Journal;
use cloudseed_core::json;
use cloudseed_core::machine::{Disk, Files, Kind, Machine};
use cloudseed_core::net::{self, Net};
use cloudseed_core::outside::learnt::Learnt;
use cloudseed_core::outside::{
    Carrier, Clock, Endpoint, Failure, Network, Port, Ports, Request, Response, Stream,
};
use cloudseed_core::plan::{Mode, Plan};
use cloudseed_core::report;
use cloudseed_core::tpm::Digest;
use cloudseed_core::warning::{Blame, Error};

use crate::cable::{Cable, Plug};
use crate::cloud::SimulatedCloud;
use crate::cloud::faults::Random;
use crate::fixture::{Fixture, names, roots};
use crate::host;
use crate::plant::{self, MARK, shows};
use crate::sys::directory::failures::{self, Failing};
use crate::sys::heap::counted;
use crate::sys::own_stack::OwnStack;
use crate::sys::ports::Doors;
use crate::sys::root::Root;
use crate::sys::stream::Started;
use crate::sys::template::Jinja;

/// How many run where nobody says.
const COUNT: u64 = 200;
/// How long a boot may take, beside what its clock jumped: its deadline, and what the last step was in the middle of.
const LONGEST: Duration = Duration::from_secs(boot::BOOT_SECONDS_MAX + 2);
/// How much memory a boot may take, its simulated cloud and its writing included, in bytes.
const MEMORY_MAX: usize = 128 << 20;
/// A wait at a port is that of another process, on the real clock; no longer than this, and the rest is only counted.
const PORT_MAX: Duration = Duration::from_millis(200);
/// How much later the clock is each time it is asked: who only asks and never waits comes to an end, too.
const TICK_MICROS: u64 = 10;
/// After how many seconds of real time a boot is taken to hang.
const HANG_SECONDS: u64 = 900;

/// Numbers by chance, the same ones for the same beginning.
struct Dice(Random);

impl Dice {
    fn below(&mut self, limit: u64) -> u64 {
        self.0.next() % limit.max(1)
    }

    fn one_in(&mut self, count: u64) -> bool {
        self.below(count) == 0
    }

    fn of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[self.below(all.len() as u64) as usize]
    }

    /// A number of any size, small ones more often.
    fn some(&mut self, limit: u64) -> u64 {
        let scale = 1 + self.below(limit);
        self.below(scale)
    }
}

/// Which of many calls fail.
#[derive(Clone, Copy, Debug, PartialEq)]
enum When {
    Never,
    /// The call of this number.
    Once(u64),
    /// That one, and all after it.
    From(u64),
    /// One of so many.
    Each(u64),
}

impl When {
    fn thrown(dice: &mut Dice, calls: u64) -> When {
        match dice.below(8) {
            0 => When::Once(dice.some(calls)),
            1 => When::From(dice.some(calls)),
            2 => When::Each(2 + dice.some(100)),
            _ => When::Never,
        }
    }
}

/// Counts calls, and says which of them fail.
struct Turns {
    when: When,
    count: Cell<u64>,
    dice: RefCell<Dice>,
}

impl Turns {
    fn new(when: When, number: u64) -> Rc<Turns> {
        Rc::new(Turns {
            when,
            count: Cell::new(0),
            dice: RefCell::new(Dice(Random(number))),
        })
    }

    fn fails(&self) -> bool {
        let count = self.count.get();
        self.count.set(count + 1);
        match self.when {
            When::Never => false,
            When::Once(at) => count == at,
            When::From(at) => count >= at,
            When::Each(of) => self.dice.borrow_mut().one_in(of),
        }
    }

    fn below(&self, limit: u64) -> u64 {
        self.dice.borrow_mut().below(limit)
    }
}

/// When the worker ends before its time.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Death {
    /// Before it had handed anything over.
    Early,
    /// After so many words.
    After(usize),
}

/// All that goes wrong in one boot.
#[derive(Debug)]
struct Schedule {
    number: u64,
    root: String,
    /// What is planted.
    text: Vec<u8>,
    /// Lines for the cloud.
    network: String,
    files: When,
    disks: When,
    ports: When,
    exchanges: When,
    /// At which look at the clock it jumps, and how far.
    jump: Option<(u64, Duration)>,
    /// How large the plan may be.
    room: Option<usize>,
    death: Option<Death>,
    writing: Option<Failing>,
    /// What of the writing is in somebody's way.
    obstacle: Option<&'static str>,
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut words = format!("FAULT={} root {}", self.number, self.root);
        let planted = String::from_utf8_lossy(&self.text).replace('\n', "\\n");
        words += &format!(
            "\n  planted: {}",
            planted.chars().take(200).collect::<String>()
        );
        words += &format!("\n  network: {}", self.network.replace('\n', "; "));
        words += &format!("\n  files: {:?}, disks: {:?}", self.files, self.disks);
        words += &format!(", ports: {:?}, exchanges: {:?}", self.ports, self.exchanges);
        words += &format!("\n  jump: {:?}, room: {:?}", self.jump, self.room);
        words += &format!(", death: {:?}, writing: {:?}", self.death, self.writing);
        words += &format!(", in the way: {:?}", self.obstacle);
        f.write_str(&words)
    }
}

/// What may be in the way below /run.
const OBSTACLES: [&str; 4] = [
    "file cloudseed",
    "link cloudseed",
    "file cloudseed.old",
    "folder cloudseed.new",
];

impl Schedule {
    fn new(number: u64) -> Schedule {
        static INTERESTING: OnceLock<Vec<String>> = OnceLock::new();
        let interesting = INTERESTING.get_or_init(|| {
            let has = |name: &String| roots().join(name).join("expect/instance").exists();
            names().into_iter().filter(has).collect()
        });
        let all = names();
        // Numbers that follow each other have nothing in common.
        let mut first = Random(number ^ 0x5eed_0000_0000_0000);
        let mut dice = Dice(Random(first.next()));
        let dice = &mut dice;
        let of = if dice.one_in(8) { &all } else { interesting };
        let codes = [
            libc::EIO,
            libc::ENOSPC,
            libc::EACCES,
            libc::EROFS,
            libc::EMFILE,
        ];
        Schedule {
            number,
            root: env::var("ROOT").unwrap_or_else(|_| root_of(number, of)),
            text: document(dice),
            network: network(dice),
            files: When::thrown(dice, 400),
            disks: When::thrown(dice, 100),
            ports: When::thrown(dice, 40),
            exchanges: When::thrown(dice, 30),
            jump: dice
                .one_in(5)
                .then(|| (dice.some(2_000), Duration::from_secs(dice.below(100)))),
            room: dice.one_in(6).then(|| dice.some(64 << 10) as usize),
            death: dice.one_in(5).then(|| match dice.below(3) {
                0 => Death::Early,
                words => Death::After(words as usize),
            }),
            writing: dice.one_in(2).then(|| Failing {
                after: dice.some(300) as u32,
                code: *dice.of(&codes),
                times: *dice.of(&[1, 1, 3, u32::MAX]),
            }),
            obstacle: dice.one_in(12).then(|| *dice.of(&OBSTACLES)),
        }
    }
}

/// The root of a number: a new root takes a few numbers, and leaves all others what they were.
fn root_of(number: u64, roots: &[String]) -> String {
    let drawn = |name: &&String| {
        let mixed = name
            .bytes()
            .fold(number, |mixed, byte| Random(mixed ^ u64::from(byte)).next());
        Random(mixed).next()
    };
    roots.iter().min_by_key(drawn).cloned().unwrap()
}

/// A document that has the mark in it, of any format, whole or spoilt.
fn document(dice: &mut Dice) -> Vec<u8> {
    let mail = |kind: &str, body: &str| {
        format!(
            "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n\n--B\nContent-Type: {kind}; charset=x\n\n{body}\n--B\nContent-Type: text/cloud-config\n\n#cloud-config\nb: {MARK}\n--B--\n"
        )
    };
    let texts = [
        format!("#cloud-config\npassword: : {MARK}\n"),
        format!(
            "#cloud-config\nchpasswd: {{list: ['root:{MARK}'], expire: false}}\nusers: [{{name: a, plain_text_passwd: {MARK}}}]\n"
        ),
        format!(
            "#cloud-config\nwrite_files: [{{path: /a, content: {MARK}}}]\nruncmd: [[echo, {MARK}]]\nbootcmd: {MARK}\n"
        ),
        format!("#!/bin/sh\necho {MARK}\n"),
        format!(
            "#include\nhttp://me:{MARK}@169.254.169.254/x?sig={MARK}#{MARK}\n/etc/nothing\nftp://a:{MARK}@b/c\n"
        ),
        format!("#include-once\nhttp://me:{MARK}@10.0.2.77:81/x?sig={MARK}\n"),
        format!("#cloud-boothook\n#!/bin/sh\n# {MARK}\n"),
        format!(
            "#cloud-config-archive\n- {{type: text/x-shellscript, content: 'no {MARK}'}}\n- '#include http://x:{MARK}@y/'\n- {MARK}: {MARK}\n"
        ),
        format!("## template: jinja\n#!/bin/sh\n{{{{ '{MARK}' / 0 }}}}\n"),
        format!("## template: {MARK}\n#cloud-config\na: 1\n"),
        format!("#part-handler\nx = '{MARK}'\n"),
        format!("#cloud-config-jsonp\n[{{\"op\": \"remove\", \"path\": \"/{MARK}\"}}]\n"),
        format!("{MARK}: no known beginning\n"),
        format!("{{\"cloud-init\": \"#!/bin/sh\\n{MARK}\", \"password\": \"{MARK}\"}}"),
        mail("text/x-shellscript", &format!("{MARK} is no interpreter")),
        mail("text/cloud-config-jsonp", &format!("[{{\"op\": \"{MARK}")),
        mail(
            "text/x-include-url",
            &format!("http://{MARK}:{MARK}@h/?{MARK}"),
        ),
        mail(MARK, MARK),
        mail(
            "text/jinja2",
            &format!("## template: jinja\n#!/bin/sh\n{{{{ nothing }}}}{{% {MARK} %}}"),
        ),
    ];
    let mut bytes = dice.of(&texts).clone().into_bytes();
    if dice.one_in(6) {
        bytes.truncate(dice.below(bytes.len() as u64) as usize);
    }
    if dice.one_in(6) {
        let bit = dice.below(8 * bytes.len().max(1) as u64) as usize;
        bytes
            .get_mut(bit / 8)
            .into_iter()
            .for_each(|byte| *byte ^= 1 << (bit % 8));
    }
    bytes
}

/// Lines for the cloud, each with a fault.
fn network(dice: &mut Dice) -> String {
    let mut lines = String::new();
    let count = [0, 1, 1, 2, 2, 4][dice.below(6) as usize];
    for _ in 0..count {
        lines += &fault(dice);
        lines.push('\n');
    }
    lines
}

fn fault(dice: &mut Dice) -> String {
    let which = match dice.below(3) {
        0 => String::new(),
        1 => format!(" skip {}", dice.below(12)),
        _ => format!(" skip {} times {}", dice.below(12), 1 + dice.below(4)),
    };
    let method = *dice.of(&["GET", "GET", "GET", "PUT", "POST"]);
    let status = *dice.of(&[
        200, 204, 301, 302, 307, 400, 401, 403, 404, 410, 429, 500, 502, 503, 504,
    ]);
    let bytes = dice.some(2_000);
    match dice.below(24) {
        0..=3 => format!("answer {method} * {status}{which}"),
        4 => format!(
            "answer {method} * {status} retry-after {}{which}",
            dice.below(99)
        ),
        5 | 6 => format!("truncate * {bytes}{which}"),
        7 | 8 => format!("reset * {bytes}{which}"),
        9 | 10 => format!("mute *{which}"),
        11 => format!("garbage *{which}"),
        12 => format!("slow * {}{which}", 1 + dice.some(500)),
        13 => format!("length * {bytes}{which}"),
        14 => format!(
            "oversize * {}MiB skip {} times 1",
            1 + dice.below(20),
            dice.below(12)
        ),
        15 => format!("pause * {}s{which}", dice.below(40)),
        16 => String::from(*dice.of(&[
            "chunked *",
            "close *",
            "gzip *",
            "no listen",
            "no lease",
            "no router",
        ])),
        17 => format!("dns {}", dice.of(&["truncate", "silent", "servfail"])),
        18 => format!("loss {}%", 1 + dice.some(60)),
        19 => format!(
            "{} {}%",
            dice.of(&["duplicate", "reorder", "corrupt"]),
            1 + dice.some(30)
        ),
        20 => format!("delay {}ms", dice.some(2_000)),
        21 => format!("mtu {}", 68 + dice.some(1_500)),
        22 => format!("conflict 10.0.2.0/24 times {}", 1 + dice.below(5)),
        _ => format!(
            "lose {},{},{}",
            1 + dice.below(9),
            1 + dice.below(20),
            1 + dice.below(60)
        ),
    }
}

// ---- files, disks

/// The machine's files, some of which fail: they are missing, cannot be read, are cut.
struct BadFiles<'a> {
    root: &'a Root,
    files: Rc<Turns>,
    disks: Rc<Turns>,
}

impl BadFiles<'_> {
    /// What becomes of a file that fails.
    fn cut(&self, bytes: Option<Vec<u8>>) -> Option<Vec<u8>> {
        let mut bytes = bytes?;
        match self.files.below(3) {
            0 => {
                bytes.truncate(self.files.below(bytes.len() as u64) as usize);
                Some(bytes)
            }
            _ => None,
        }
    }
}

impl Files for BadFiles<'_> {
    fn read(&self, path: &str, bytes_max: usize) -> Option<Vec<u8>> {
        let bytes = self.root.read(path, bytes_max);
        if self.files.fails() {
            self.cut(bytes)
        } else {
            bytes
        }
    }

    fn document(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, String> {
        let found = self.root.document(path, bytes_max)?;
        if self.files.fails() {
            let cut = self.cut(found);
            return cut.map_or(
                Err(String::from("a file that cannot be read (EIO)")),
                |cut| Ok(Some(cut)),
            );
        }
        Ok(found)
    }

    fn list(&self, path: &str) -> Vec<String> {
        let mut names = self.root.list(path);
        if self.files.fails() {
            names.truncate(self.files.below(names.len() as u64) as usize);
        }
        names
    }

    fn kind(&self, path: &str) -> Option<Kind> {
        self.root.kind(path).filter(|_| !self.files.fails())
    }

    fn disk(&self, name: &str) -> Option<Box<dyn Disk>> {
        let disk = self.root.disk(name).filter(|_| !self.disks.fails())?;
        let turns = self.disks.clone();
        Some(Box::new(BadDisk { disk, turns }))
    }

    fn variable(&self, name: &str) -> Option<String> {
        self.root.variable(name).filter(|_| !self.files.fails())
    }

    fn cpuid_vendor(&self) -> Option<[u8; 12]> {
        self.root.cpuid_vendor()
    }

    fn architecture(&self) -> Option<&'static str> {
        self.root.architecture()
    }

    fn modified(&self, path: &str) -> Option<Duration> {
        self.root.modified(path).filter(|_| !self.files.fails())
    }
}

/// A disk that fails, or that holds something else where it should not.
struct BadDisk {
    disk: Box<dyn Disk>,
    turns: Rc<Turns>,
}

impl Disk for BadDisk {
    fn bytes(&self) -> u64 {
        self.disk.bytes()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        let read = self.disk.read_at(offset, buffer);
        if !self.turns.fails() {
            return read;
        }
        let from = self.turns.below(buffer.len() as u64) as usize;
        match self.turns.below(3) {
            0 => return false,
            1 => buffer[from..].fill(0),
            _ => buffer[from..].iter_mut().for_each(|byte| *byte ^= 0x55),
        }
        read
    }
}

// ---- the outside

/// The clock: that of the simulated cloud, and how much later it is here.
#[derive(Clone)]
struct Late {
    micros: Arc<AtomicU64>,
    looks: Arc<AtomicU64>,
    jump: Option<(u64, Duration)>,
}

impl Late {
    fn by(&self) -> Duration {
        let looks = self.looks.fetch_add(1, Ordering::Relaxed);
        if let Some((at, far)) = self.jump.filter(|(at, _)| *at == looks) {
            let _ = at;
            self.add(far);
        }
        let micros = self.micros.fetch_add(TICK_MICROS, Ordering::Relaxed);
        Duration::from_micros(micros)
    }

    fn add(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }
}

/// An outside that fails, over the simulated one.
struct BadWorld {
    world: OwnStack<Cable>,
    doors: Doors,
    began: Started,
    late: Late,
    ports: Rc<Turns>,
    exchanges: Rc<Turns>,
}

impl Clock for BadWorld {
    fn now(&self) -> Duration {
        self.world.now() + self.late.by()
    }

    fn wall(&self) -> Duration {
        self.world.wall()
    }

    fn hear(&mut self, date: Duration) {
        self.world.hear(date);
    }

    fn heard(&self) -> Duration {
        self.world.heard()
    }

    fn pause(&mut self, time: Duration) {
        self.world.pause(time);
    }

    fn random(&mut self) -> u32 {
        self.world.random()
    }
}

impl Carrier for BadWorld {
    fn reach(
        &mut self,
        network: Network,
        endpoints: &[Endpoint],
        timeout: Duration,
    ) -> Result<usize, Failure> {
        self.world.reach(network, endpoints, timeout)
    }

    fn expect(&mut self, urls: &[String]) {
        self.world.expect(urls);
    }

    fn exchange(&mut self, request: &Request) -> Result<Response, Failure> {
        let mut done = self.world.exchange(request);
        if !self.exchanges.fails() {
            return done;
        }
        match (self.exchanges.below(5), &mut done) {
            (0, _) => return Err(Failure::lasting("a fault (EACCES)")),
            (1, Ok(response)) => {
                let length = self.exchanges.below(response.body.len() as u64) as usize;
                response.body.truncate(length);
            }
            (2, Ok(response)) => response.status = 100 + self.exchanges.below(500) as u16,
            (3, Ok(response)) => {
                response.location = Some(format!("http://a:{MARK}@169.254.169.254/?{MARK}"));
                response.status = 302;
            }
            _ => return Err(Failure::passing("a fault (ECONNRESET)")),
        }
        done
    }

    fn learnt(&self) -> Vec<Learnt> {
        self.world.learnt()
    }
}

impl Ports for BadWorld {
    fn open(&mut self, port: &Port, timeout: Duration) -> Result<Box<dyn Stream>, Failure> {
        if self.ports.fails() {
            return Err(match self.ports.below(2) {
                0 => Failure::lasting("a fault (EACCES)"),
                _ => Failure::passing("a fault (EBUSY)"),
            });
        }
        let stream = self.doors.open(port, timeout.min(PORT_MAX))?;
        Ok(Box::new(BadStream {
            stream,
            began: self.began,
            left: match self.ports.when {
                When::Never => None,
                _ => Some(self.ports.below(2_000)),
            },
            late: self.late.clone(),
        }))
    }
}

/// A stream that ends after so many bytes.
#[derive(Debug)]
struct BadStream {
    stream: Box<dyn Stream>,
    began: Started,
    left: Option<u64>,
    late: Late,
}

impl fmt::Debug for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("late")
    }
}

impl BadStream {
    /// When a wait ends, on the clock of the real stream.
    fn until(&self, until: Duration) -> Duration {
        if until.is_zero() {
            return until;
        }
        self.began.passed() + PORT_MAX
    }

    fn done<T>(&self, done: Result<T, Failure>, until: Duration) -> Result<T, Failure> {
        // Who waited in vain waited until then.
        if done.is_err() && !until.is_zero() {
            self.late.add(Duration::from_secs(1));
        }
        done
    }
}

impl Stream for BadStream {
    fn read(&mut self, buffer: &mut [u8], until: Duration) -> Result<usize, Failure> {
        let length = match self.left {
            Some(left) => buffer.len().min(left as usize),
            None => buffer.len(),
        };
        if length == 0 {
            return if buffer.is_empty() {
                Ok(0)
            } else {
                Err(Failure::passing("a fault (EIO)"))
            };
        }
        let done = self.stream.read(&mut buffer[..length], self.until(until));
        if let (Some(left), Ok(count)) = (&mut self.left, &done) {
            *left -= *count as u64;
        }
        self.done(done, until)
    }

    fn write(&mut self, bytes: &[u8], until: Duration) -> Result<(), Failure> {
        let done = self.stream.write(bytes, self.until(until));
        self.done(done, until)
    }
}

// ---- one boot

/// What came of the boot up to the writing.
struct Ended {
    handed: Handed,
    took: Duration,
}

/// Who listens to a worker: the last word before it dies is kept.
struct Listener {
    last: Option<Handed>,
    /// How many it will still say.
    words: usize,
}

impl boot::Parent for Listener {
    fn so_far(&mut self, handed: Handed) {
        if let Some(words) = self.words.checked_sub(1) {
            self.words = words;
            self.last = Some(handed);
        }
    }

    fn extend(&mut self, _: u8, _: &Digest) -> Result<Digest, String> {
        Err(String::from("no TPM"))
    }
}

fn booted(schedule: &Schedule, fixture: &Fixture, root: &Root) -> Ended {
    let turns = |when, salt: u64| Turns::new(when, schedule.number.wrapping_mul(31) + salt);
    let files = BadFiles {
        root,
        files: turns(schedule.files, 1),
        disks: turns(schedule.disks, 2),
    };
    let machine = Machine::read(&files);
    let journal = Journal::new();
    let mut world = world(schedule, fixture, root, &machine, &journal);
    let options = Options {
        platform: None,
        plan_bytes: schedule.room,
        rehearsal: false,
    };
    let mut listener = Listener {
        last: None,
        words: match schedule.death {
            Some(Death::After(count)) => count,
            _ => 0,
        },
    };
    let Booted {
        plan, line, well, ..
    } = boot::boot(
        &machine,
        &mut world,
        &journal,
        &mut Jinja,
        options,
        Some(&mut listener),
    );
    let took = world.now();
    let whole = Handed {
        plan,
        line,
        waits: String::new(),
        well,
        deadline: Duration::from_secs(boot::BOOT_SECONDS_MAX),
    };
    let handed = match schedule.death {
        None => whole,
        Some(_) => handed::cut_off(
            listener.last,
            &Error::new(
                Blame::Unable,
                "boot",
                "worker",
                "a result",
                "its end by a fault",
            ),
        ),
    };
    Ended { handed, took }
}

fn world(
    schedule: &Schedule,
    fixture: &Fixture,
    root: &Root,
    machine: &Machine,
    journal: &Journal,
) -> BadWorld {
    let (nics, _) = net::candidates(&machine.links);
    let cloud = fixture.cloud();
    let plug = |index: usize| match (&cloud, index) {
        (None, _) => Plug::Nothing,
        (Some(folder), 0) => {
            let cloud = SimulatedCloud::from_folder(folder).unwrap();
            Plug::Cloud(cloud.with(&schedule.network).unwrap())
        }
        (Some(_), _) => Plug::Beside(0),
    };
    let cable = Cable::new((0..nics.len()).map(plug).collect(), schedule.number);
    let began = Started::now();
    BadWorld {
        world: OwnStack::new(Net::new(cable, nics, schedule.number), journal.clone()),
        doors: Doors::new(root.clone(), began),
        began,
        late: Late {
            micros: Arc::default(),
            looks: Arc::default(),
            jump: schedule.jump,
        },
        ports: Turns::new(schedule.ports, schedule.number),
        exchanges: Turns::new(schedule.exchanges, !schedule.number),
    }
}

/// Every entry below a folder, by path: its mode, and its bytes if it is a file.
type Tree = BTreeMap<String, (u32, Option<Vec<u8>>)>;

fn tree(folder: &Path) -> Tree {
    fn add(folder: &Path, prefix: &str, found: &mut Tree) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let known = fs::symlink_metadata(entry.path()).unwrap();
            let mode = known.mode() & 0o7777;
            let bytes = known.is_file().then(|| fs::read(entry.path()).unwrap());
            if known.is_dir() {
                add(&entry.path(), &format!("{name}/"), found);
            }
            found.insert(name, (mode, bytes));
        }
    }
    let mut found = Tree::new();
    add(folder, "", &mut found);
    found
}

/// The plan of an earlier boot, whose results lie there.
fn earlier() -> &'static Plan {
    static EARLIER: OnceLock<Plan> = OnceLock::new();
    EARLIER.get_or_init(|| {
        let error = Error::new(Blame::Unable, "boot", "an earlier one", "an end", "another");
        let mut plan = boot::failed(&error).plan;
        for name in ["cloudseed/user-data", "cloudseed/parts/001-old"] {
            let path = cloudseed_core::plan::RunPath::new(name).unwrap();
            plan.put(path, Mode::Private, "old\n");
        }
        plan
    })
}

/// Whether the files of our directory are those of a plan, but for the reports, which may tell more.
fn is(ours: &BTreeMap<&str, &[u8]>, plan: &Plan, amended: bool) -> bool {
    let reports = ["status", "result.json", "log", "metadata.env"];
    let files = plan
        .files()
        .filter_map(|(path, _, bytes)| Some((path.as_str().strip_prefix("cloudseed/")?, bytes)));
    let mut count = 0;
    let same = files.inspect(|_| count += 1).all(|(name, bytes)| {
        let found = ours.get(name);
        found.is_some_and(|found| *found == bytes || (amended && reports.contains(&name)))
    });
    same && count == ours.len()
}

/// What is wrong with the files below /run after `plan` was written, perhaps in vain.
fn wrong_in_run(run: &Tree, plan: &Plan, failing: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let ours: BTreeMap<&str, &[u8]> = run
        .iter()
        .filter_map(|(path, (_, bytes))| {
            let name = path.strip_prefix("cloudseed/")?;
            Some((name, bytes.as_deref()?)).filter(|(name, _)| *name != "elsewhere")
        })
        .collect();
    let small = ["status", "result.json", "log", "run"];
    let is_small = ours.get("status") == Some(&&b"failed\n"[..])
        && ours.keys().all(|name| small.contains(name));
    let whole = is(&ours, plan, true) || (failing && (is(&ours, earlier(), false) || is_small));
    if !whole {
        wrong.push(format!("half a result: {:?}", ours.keys()));
    }
    for (path, (mode, bytes)) in run {
        let public = mode & 0o007 != 0;
        let Some(bytes) = bytes else {
            if path == "cloudseed" && *mode != 0o700 {
                wrong.push(format!("{path} has mode {mode:o}"));
            }
            continue;
        };
        if !path.starts_with("cloudseed") {
            continue;
        }
        let name = format!(
            "cloudseed/{}",
            path.split_once('/').map_or("", |(_, rest)| rest)
        );
        let may = if public { Mode::Public } else { Mode::Private };
        // Another's entry in the way is as it was.
        let known =
            name.ends_with("/elsewhere") || compile::may_be(&name, may) || bytes == b"in the way";
        if !known && !name.contains("/.") {
            wrong.push(format!(
                "{path} is none of a boot's, or has not its mode ({mode:o})"
            ));
        }
        if public && shows(bytes) {
            wrong.push(format!("{path} shows a secret to everybody"));
        }
    }
    wrong
}

/// The status that a line tells.
fn word_of(line: &str) -> &str {
    line.split([':', ' ']).next().unwrap_or("")
}

/// What is wrong with a plan and its line, before it is written.
fn wrong_in_plan(handed: &Handed) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut bytes = Vec::new();
    handed.write(&mut |piece| bytes.extend(piece));
    if Handed::read(&bytes.into()).as_ref() != Some(handed) {
        wrong.push(String::from("the supervisor refuses the plan"));
    }
    wrong.extend(disagreement(
        &|name| {
            handed
                .plan
                .get(&format!("cloudseed/{name}"))
                .map(<[u8]>::to_vec)
        },
        &handed.line,
    ));
    wrong
}

fn disagreement(file: &dyn Fn(&str) -> Option<Vec<u8>>, line: &str) -> Option<String> {
    let text = |name: &str| String::from_utf8_lossy(&file(name).unwrap_or_default()).into_owned();
    let status = text("status");
    let result = json::read(text("result.json").as_bytes()).ok();
    let told = result
        .as_ref()
        .and_then(|result| result.get("status")?.as_text());
    let environment = text("metadata.env");
    let in_environment = environment
        .lines()
        .find_map(|line| line.strip_prefix("CLOUDSEED_STATUS="));
    let status = status.trim();
    let all = [
        Some(word_of(line)),
        told,
        in_environment
            .map(|word| word.trim_matches('"'))
            .or(Some(status)),
    ];
    let agree = all.iter().all(|word| *word == Some(status));
    (!agree).then(|| format!("status {status:?}, but the others {all:?}: {line}"))
}

/// Puts something in the way.
fn obstruct(run: &Path, obstacle: &str) {
    let (kind, name) = obstacle.split_once(' ').unwrap();
    let place = run.join(name);
    let _ = fs::remove_dir_all(&place);
    match kind {
        "file" => fs::write(place, "in the way").unwrap(),
        "link" => std::os::unix::fs::symlink("../etc", place).unwrap(),
        _ => {
            fs::create_dir_all(place.join("inside")).unwrap();
            fs::write(place.join("inside/file"), "in the way").unwrap();
        }
    }
}

/// How a boot ended.
#[derive(Default)]
struct Checked {
    word: String,
    /// How much it held of the heap at most, in bytes.
    memory: usize,
    wrong: Vec<String>,
}

/// How a boot by a schedule ended, and what is wrong with that.
fn check(schedule: &Schedule) -> Checked {
    let fixture = Fixture::new(&schedule.root);
    plant::plant(&fixture, &String::from_utf8_lossy(&schedule.text));
    let place = fixture.machine();
    if let Some(ports) = fixture.ports() {
        host::serve(&ports, &place).unwrap();
    }
    let root = Root::new(&place);
    let run = place.join("run");
    fs::create_dir_all(&run).unwrap();
    fs::set_permissions(&run, fs::Permissions::from_mode(0o755)).unwrap();

    let (Ended { handed, took }, memory) = counted::peak_of(|| booted(schedule, &fixture, &root));
    let mut wrong = wrong_in_plan(&handed);
    let jumped = schedule.jump.map_or(Duration::ZERO, |(_, far)| far);
    if took > LONGEST + jumped {
        wrong.push(format!("takes {:.1} s", took.as_secs_f64()));
    }
    if memory > MEMORY_MAX {
        wrong.push(format!("{} MiB of memory", memory >> 20));
    }
    wrong.extend(wrong_in_writing(schedule, &root, &handed));
    wrong.extend(next_boot(&root, schedule));
    Checked {
        word: String::from(word_of(&handed.line)),
        memory,
        wrong,
    }
}

/// Writes what was handed over beside the results of an earlier boot, and says what is wrong with what is there then.
fn wrong_in_writing(schedule: &Schedule, root: &Root, handed: &Handed) -> Vec<String> {
    let mut wrong = Vec::new();
    let run = root.prefix().join("run");
    root.carry_out(earlier()).unwrap();
    if let Some(obstacle) = schedule.obstacle {
        obstruct(&run, obstacle);
    }
    let before = tree(root.prefix());
    failures::ask(schedule.writing);
    let written = root.carry_out(&handed.plan);
    failures::ask(None);
    let there = tree(&run);
    let failing = schedule.writing.is_some() || schedule.obstacle.is_some();
    // What is in the place of our directory stays there, or does not.
    let replaced = schedule
        .obstacle
        .is_some_and(|obstacle| obstacle.ends_with(" cloudseed"));
    if !replaced || written.is_ok() {
        wrong.extend(wrong_in_run(&there, &handed.plan, failing));
    }
    let line = match &written {
        Ok(warnings) => amend::line(handed.line.clone(), warnings),
        Err(error) => format!("failed: {error}"),
    };
    if written.is_ok() && schedule.writing.is_none() {
        let file = |name: &str| there.get(&format!("cloudseed/{name}"))?.1.clone();
        wrong.extend(disagreement(&file, &line));
    }
    wrong.extend(beside(&before, &tree(root.prefix())));
    wrong.extend(shown(schedule, root, handed, &line));
    wrong
}

/// What everybody may see of a planted secret; files are looked at one by one.
fn shown(schedule: &Schedule, root: &Root, handed: &Handed, line: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if shows(line.as_bytes()) {
        wrong.push(format!("the line shows a secret: {line}"));
    }
    // It goes into the report.
    let result = handed.plan.get("cloudseed/result.json");
    if shows(result.unwrap_or_default()) {
        wrong.push(String::from("result.json shows a secret"));
    }
    // This looks at the whole machine once more.
    if schedule.number.is_multiple_of(8) && shows(&report::report(root, "again")) {
        wrong.push(String::from("the report shows a secret"));
    }
    wrong
}

/// What has changed beside our own directory, and is none of the list's.
fn beside(before: &Tree, after: &Tree) -> Vec<String> {
    let ours = |path: &str| path.starts_with("run/cloudseed") || path == "run";
    let changed = before
        .keys()
        .chain(after.keys())
        .filter(|path| !ours(path) && before.get(*path) != after.get(*path));
    changed.map(|path| format!("{path} has changed")).collect()
}

/// The next boot, to which nothing happens: nothing of this one is left.
fn next_boot(root: &Root, schedule: &Schedule) -> Vec<String> {
    let run = root.prefix().join("run");
    if schedule
        .obstacle
        .is_some_and(|obstacle| obstacle.ends_with(" cloudseed"))
    {
        let _ = fs::remove_file(run.join("cloudseed"));
    }
    let mut wrong = Vec::new();
    match root.carry_out(earlier()) {
        Err(error) => wrong.push(format!("the next boot: {error}")),
        Ok(warnings) if !warnings.is_empty() => wrong.push(format!("the next boot: {warnings:?}")),
        Ok(_) => {}
    }
    let there = tree(&run);
    wrong.extend(wrong_in_run(&there, earlier(), false));
    let litter = there.keys().filter(|path| {
        path.starts_with("cloudseed") && !path.starts_with("cloudseed/") && *path != "cloudseed"
    });
    wrong.extend(litter.map(|path| format!("{path} is left")));
    wrong
}

// ---- all of them

/// The numbers that are looked at.
fn numbers() -> Vec<u64> {
    let said = |name: &str| env::var(name).ok().and_then(|word| word.parse().ok());
    if let Some(number) = said("FAULT") {
        return vec![number];
    }
    let first = said("FAULTS_FROM").unwrap_or(0);
    (first..first + said("FAULTS").unwrap_or(COUNT)).collect()
}

/// What came of those that were looked at.
#[derive(Default)]
struct Tally {
    /// How often a boot ended in which word.
    ends: BTreeMap<String, usize>,
    /// The most memory that one took, in KiB, and which that was.
    memory: (usize, u64),
    wrong: Vec<String>,
}

#[test]
fn a_boot_ends_well_whatever_goes_wrong() {
    let numbers = numbers();
    let next = AtomicUsize::new(0);
    let tally = Mutex::new(Tally::default());
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let busy: Vec<Mutex<Option<(u64, Started)>>> = (0..threads).map(|_| Mutex::new(None)).collect();
    std::thread::scope(|scope| {
        for mine in &busy {
            let (numbers, next, tally) = (&numbers, &next, &tally);
            scope.spawn(move || {
                while let Some(number) = numbers.get(next.fetch_add(1, Ordering::Relaxed)) {
                    *mine.lock().unwrap() = Some((*number, Started::now()));
                    one(*number, tally);
                }
                *mine.lock().unwrap() = None;
            });
        }
        watch(&busy, &|| next.load(Ordering::Relaxed) >= numbers.len());
    });
    let Tally {
        ends,
        memory,
        wrong,
    } = tally.into_inner().unwrap();
    eprintln!("{ends:?}, {} KiB of memory (FAULT={})", memory.0, memory.1);
    let (count, all) = (wrong.len(), numbers.len());
    assert!(wrong.is_empty(), "{count} of {all}:\n{}", wrong.join("\n"));
    // Faults that nobody survives, or that nobody meets, would prove nothing.
    for word in ["found", "degraded", "failed"] {
        let often = ends.get(word).is_some_and(|count| count * 20 > all);
        assert!(often || all < 100, "{word}: {ends:?}");
    }
}

fn one(number: u64, tally: &Mutex<Tally>) {
    let schedule = Schedule::new(number);
    if env::var_os("FAULT").is_some() {
        eprintln!("{schedule}");
    }
    let found = catch_unwind(AssertUnwindSafe(|| check(&schedule)));
    failures::ask(None);
    let Checked {
        word,
        memory,
        wrong,
    } = found.unwrap_or_else(|_| Checked {
        wrong: vec![String::from("panics")],
        ..Checked::default()
    });
    let mut tally = tally.lock().unwrap();
    tally.memory = tally.memory.max((memory >> 10, number));
    *tally.ends.entry(word).or_default() += 1;
    if !wrong.is_empty() {
        let told = format!("{}\n  {schedule}", wrong.join("\n"));
        eprintln!("{told}");
        tally.wrong.push(told);
    }
}

/// Until all are done: says which of them hangs, and ends.
fn watch(busy: &[Mutex<Option<(u64, Started)>>], done: &dyn Fn() -> bool) {
    loop {
        std::thread::sleep(Duration::from_millis(50));
        let running: Vec<(u64, Started)> =
            busy.iter().filter_map(|one| *one.lock().unwrap()).collect();
        if running.is_empty() && done() {
            return;
        }
        let hangs =
            |(_, began): &&(u64, Started)| began.passed() > Duration::from_secs(HANG_SECONDS);
        if let Some((number, _)) = running.iter().find(hangs) {
            eprintln!("hangs: {}", Schedule::new(*number));
            std::process::abort();
        }
    }
}
