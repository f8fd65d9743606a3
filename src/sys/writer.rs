//! Writer: carries out a [`Plan`] below /run, so that nobody ever sees half of it.
//!
//! ```text
//!   lock      one at a time
//!   ours      run/cloudseed.new.PID/… is built, compared with the plan, and takes the place of cloudseed in one step
//!   others    systemd/system/…, cloud-init/…: room by room; what cannot be there is a warning in our reports
//!   tidy      what an earlier plan put elsewhere and this one does not
//! ```
//!
//! A failure of ours leaves everything as it was; but where /run is full, a few small files say so.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::process;

use cloudseed_core::compile::amend;
use cloudseed_core::machine::{FILE_BYTES_MAX, Files};
use cloudseed_core::plan::{Mode, Plan, RunPath};
use cloudseed_core::warning::{Blame, Error, Warning};

use super::directory::{Directory, due};
use super::heap;
use super::root::Root;

mod lock;
mod rooms;

use lock::Lock;

/// The directory that is ours alone and replaced as a whole.
const OURS: &str = "cloudseed";
/// What its successors are called while they are built, with the number of the process behind it.
const OURS_NEW: &str = "cloudseed.new";
/// Its predecessor where the two cannot be swapped in one step.
const OURS_OLD: &str = "cloudseed.old";
/// The list, in our directory, of what the plan puts into other directories: one path below /run a line.
const ELSEWHERE: &str = "elsewhere";

impl Root {
    /// Writes the files of `plan` below this root's /run; the warnings tell of files in other rooms than ours that could not
    /// be. A plan with files in `cloudseed/` replaces the earlier one's results, whole; one without (as `cloudseed identify`
    /// makes) only adds its files. After an error nothing has changed, unless /run is full: then the status is `failed`.
    pub fn carry_out(&self, plan: &Plan) -> Result<Vec<Warning>, Error> {
        let run = self.run()?;
        let lock = Lock::take(&run).map_err(|error| unable("", "to have it alone", &error))?;
        if !holds_ours(plan) {
            return Ok(self.add(&run, plan));
        }
        self.sweep(&run, lock.alone);
        let earlier = self.elsewhere();
        if let Err(unplaced) = self.replace(&run, plan, &earlier) {
            let error = unplaced.as_error();
            if unplaced.is_full() {
                self.say_full(&run, plan, &error, &earlier);
            }
            return Err(error);
        }
        Ok(finish(&run, plan, &earlier))
    }

    /// Removes everything that plans have written below this root's /run; false if there was nothing.
    pub fn clean(&self) -> Result<bool, Error> {
        let run = self.run()?;
        let lock = Lock::take(&run).map_err(|error| unable("", "to have it alone", &error))?;
        self.sweep(&run, lock.alone);
        for path in self.elsewhere() {
            rooms::remove(&run, &path).map_err(|what| Error::of(Blame::Unable, what))?;
        }
        self.forget(OURS)
    }

    /// This root's /run.
    fn run(&self) -> Result<Directory, Error> {
        Directory::open(self.prefix())
            .and_then(|root| root.enter_or_make("run", 0o755))
            .map_err(|error| Error::new(Blame::Unable, "write", "/run", "a directory", error))
    }

    /// What the last plan put outside our own directory. The list is checked like any other path, whoever wrote it.
    fn elsewhere(&self) -> Vec<RunPath> {
        let list = self.read(&format!("/run/{OURS}/{ELSEWHERE}"), FILE_BYTES_MAX);
        let list = String::from_utf8(list.unwrap_or_default()).unwrap_or_default();
        list.lines().filter_map(RunPath::new).collect()
    }

    /// Ends what a killed writer began: its old directory comes back if the new one is not in its place, the rest goes. Another
    /// who may still be at it, because there are no locks, is left alone.
    fn sweep(&self, run: &Directory, alone: bool) {
        if !alone {
            return;
        }
        if run.stat(OURS).is_err() {
            // Mostly there is none.
            let _ = run.rename(OURS_OLD, OURS);
        }
        for name in self.list("/run") {
            if name == OURS_OLD || name.starts_with(OURS_NEW) {
                // What cannot be removed is in nobody's way.
                let _ = self.forget(&name);
            }
        }
    }

    /// Writes files of others beside what is there, and adds them to the list, if there is one; who has none cleans by himself.
    fn add(&self, run: &Directory, plan: &Plan) -> Vec<Warning> {
        let earlier = self.elsewhere();
        let filled = rooms::fill(run, plan);
        if let Ok(directory) = run.enter(OURS) {
            let listed = list(filled.placed.into_iter().chain(&earlier));
            // A file that is not listed is not removed, no more.
            let _ = directory.replace(ELSEWHERE, 0o600, listed.as_bytes());
        }
        filled.warnings
    }

    /// Builds our own directory anew, and puts it in the place of the old one.
    fn replace(&self, run: &Directory, plan: &Plan, earlier: &[RunPath]) -> Result<(), Unplaced> {
        let name = format!("{OURS_NEW}.{}", process::id());
        let done = build(run, &name, plan, earlier).and_then(|()| {
            let told = Unplaced::at(OURS);
            take_over(run, &name).map_err(told)
        });
        for name in [&name, OURS_OLD] {
            // The next writer tries again.
            let _ = self.forget(name);
        }
        done
    }

    /// Writes as much as fits of what there is to say when nothing else does; hints of an earlier plan are no longer true.
    fn say_full(&self, run: &Directory, plan: &Plan, error: &Error, earlier: &[RunPath]) {
        let left = [
            amend::small(plan, error, true),
            amend::small(plan, error, false),
            amend::status_only(),
        ];
        if left.iter().any(|left| self.replace(run, left, &[]).is_ok()) {
            for path in earlier {
                let _ = rooms::remove(run, path);
            }
        }
    }

    /// Removes the entry `name` of /run with all below it; false if there is none.
    fn forget(&self, name: &str) -> Result<bool, Error> {
        self.remove(&format!("/run/{name}"))
    }

    /// Removes what is at `path`, with all below it; a link goes, not what it points to. False if there is nothing.
    pub fn remove(&self, path: &str) -> Result<bool, Error> {
        let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
        let Some(place) = self.resolve(above).map(|above| above.join(name)) else {
            return Ok(false);
        };
        let removed = match due().and_then(|()| fs::symlink_metadata(&place)) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&place),
            Ok(_) => fs::remove_file(&place),
            Err(error) => Err(error),
        };
        match removed {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(Error::new(
                Blame::Unable,
                "write",
                path,
                "to remove it",
                error,
            )),
        }
    }
}

/// What could not be done, and where.
struct Unplaced {
    place: String,
    error: io::Error,
}

impl Unplaced {
    /// An error at `path` below /run.
    fn at(path: &str) -> impl Fn(io::Error) -> Unplaced {
        move |error| Unplaced {
            place: String::from(path),
            error,
        }
    }

    /// True if there is no room left, or no more may be written.
    fn is_full(&self) -> bool {
        let code = self.error.raw_os_error();
        matches!(code, Some(libc::ENOSPC | libc::EDQUOT | libc::EFBIG))
    }

    fn as_error(&self) -> Error {
        unable(&self.place, "a new file", &self.error)
    }
}

fn holds_ours(plan: &Plan) -> bool {
    ours(plan).next().is_some()
}

/// The files of `plan` in our own directory, by their paths below it.
fn ours(plan: &Plan) -> impl Iterator<Item = (&str, &RunPath, Mode, &[u8])> {
    let files = plan.files();
    files.filter_map(|(path, mode, bytes)| Some((in_ours(path.as_str())?, path, mode, bytes)))
}

/// The path below our own directory, if it is there.
fn in_ours(path: &str) -> Option<&str> {
    path.strip_prefix(OURS)?.strip_prefix('/')
}

/// Builds our directory under the name `new`, where nobody looks. The list in it names what is elsewhere before that is there,
/// so that whoever is killed meanwhile has told what to remove.
fn build(run: &Directory, new: &str, plan: &Plan, earlier: &[RunPath]) -> Result<(), Unplaced> {
    let directory = run.make(new, 0o700).map_err(Unplaced::at(OURS))?;
    for (below, path, mode, bytes) in ours(plan) {
        let around = path.directory_mode().directory();
        let reached = directory.again().and_then(|new| reach(new, below, around));
        reached
            .and_then(|(directory, name)| directory.create(name, mode.file(), bytes))
            .map_err(Unplaced::at(path.as_str()))?;
    }
    let listed = rooms::files(plan).map(|(path, _, _)| path).chain(earlier);
    directory
        .create(ELSEWHERE, 0o600, list(listed).as_bytes())
        .map_err(Unplaced::at("cloudseed/elsewhere"))?;
    compare(run, new, &directory, plan)
}

/// Makes sure that what lies in the directory is what was put there: nobody else has tidied it meanwhile.
fn compare(run: &Directory, new: &str, directory: &Directory, plan: &Plan) -> Result<(), Unplaced> {
    let other = || io::Error::other("another's hand in it");
    for (below, path, mode, bytes) in ours(plan) {
        let (mut above, name) = split(below);
        let found = directory
            .again()
            .and_then(|from| above.try_fold(from, |directory, name| directory.enter(name)))
            .and_then(|directory| directory.stat(name))
            .map_err(Unplaced::at(path.as_str()))?;
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if !found.is_file || found.bytes != length || found.mode != mode.file() {
            return Err(Unplaced::at(path.as_str())(other()));
        }
    }
    let here = directory.identity().map_err(Unplaced::at(OURS))?;
    match run.stat(new) {
        Ok(found) if found.identity == here => Ok(()),
        Ok(_) => Err(Unplaced::at(OURS)(other())),
        Err(error) => Err(Unplaced::at(OURS)(error)),
    }
}

/// What comes after our own directory is in its place: the files of others, and what is no longer to be there. What fails is
/// told in the reports.
fn finish(run: &Directory, plan: &Plan, earlier: &[RunPath]) -> Vec<Warning> {
    let rooms::Filled {
        mut warnings,
        placed,
    } = rooms::fill(run, plan);
    let mut kept: Vec<&RunPath> = Vec::new();
    for path in earlier.iter().filter(|path| !placed.contains(path)) {
        if plan.get(path.as_str()).is_some() {
            // It is still there, as it was: its room could not be filled.
            kept.push(path);
        } else if let Err(warning) = rooms::remove(run, path) {
            warnings.push(warning);
            kept.push(path);
        }
    }
    let Ok(directory) = run.enter(OURS) else {
        return warnings;
    };
    if !warnings.is_empty() || earlier.len() > kept.len() {
        let elsewhere = list(placed.into_iter().chain(kept));
        // The longer list, which is there, names what is not.
        let _ = directory.replace(ELSEWHERE, 0o600, elsewhere.as_bytes());
    }
    if !warnings.is_empty() {
        let amended = amend::degraded(plan, &warnings);
        for (name, _, mode, bytes) in ours(&amended) {
            // The line for the console says the same.
            let _ = directory.replace(name, mode.file(), bytes);
        }
    }
    warnings
}

fn list<'a>(paths: impl Iterator<Item = &'a RunPath>) -> String {
    let paths: BTreeSet<&str> = paths.map(RunPath::as_str).collect();
    paths.into_iter().flat_map(|path| [path, "\n"]).collect()
}

/// Puts our new directory in the place of the old one, in one step where the kernel and the file system can.
fn take_over(run: &Directory, new: &str) -> io::Result<()> {
    match run.exchange(new, OURS) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => run.rename(new, OURS),
        Err(_) => heap::apart(|| in_two_steps(run, new)),
    }
}

/// The same where it takes two steps: in a process of its own, which goes on between them if this one is killed.
fn in_two_steps(run: &Directory, new: &str) -> io::Result<()> {
    run.rename(OURS, OURS_OLD)?;
    let moved = run.rename(new, OURS);
    if moved.is_err() {
        let _ = run.rename(OURS_OLD, OURS);
    }
    moved
}

/// The directory of `path` below `from`, made where it is missing, and the name in it.
fn reach(from: Directory, path: &str, mode: u32) -> io::Result<(Directory, &str)> {
    let (mut above, name) = split(path);
    let directory = above.try_fold(from, |directory, name| directory.enter_or_make(name, mode))?;
    Ok((directory, name))
}

/// The names of the directories of a path, and its last name.
fn split(path: &str) -> (impl Iterator<Item = &str>, &str) {
    let (above, name) = path.rsplit_once('/').unwrap_or(("", path));
    (above.split('/').filter(|name| !name.is_empty()), name)
}

/// What could not be done with `path`, which is below /run.
fn unable(path: &str, expected: &str, error: &io::Error) -> Error {
    let place = match path {
        "" => String::from("/run"),
        path => format!("/run/{path}"),
    };
    Error::new(Blame::Unable, "write", place, expected, error)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::{Path, PathBuf};

    use cloudseed_core::plan::Mode;

    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let path =
            std::env::temp_dir().join(format!("cloudseed-writer-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        path
    }

    fn plan(files: &[(&str, Mode, &str)]) -> Plan {
        let mut plan = Plan::default();
        for (path, mode, text) in files {
            plan.put(RunPath::new(path).unwrap(), *mode, *text);
        }
        plan
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_plan_is_written_with_its_modes() {
        let place = scratch("modes");
        let root = Root::new(&place);
        let files = [
            ("cloudseed/status", Mode::Public, "found\n"),
            ("cloudseed/parts/001-a", Mode::Private, "x"),
            ("systemd/system/a.service", Mode::Public, "[Unit]\n"),
            ("credstore/key", Mode::Private, "k"),
        ];
        root.carry_out(&plan(&files)).unwrap();
        let run = place.join("run");
        for (path, _, text) in files {
            assert_eq!(fs::read_to_string(run.join(path)).unwrap(), text);
        }
        for (path, expected) in [
            ("cloudseed", 0o700),
            ("cloudseed/parts", 0o700),
            ("cloudseed/status", 0o644),
            ("cloudseed/parts/001-a", 0o600),
            ("systemd", 0o755),
            ("systemd/system", 0o755),
            ("systemd/system/a.service", 0o644),
            ("credstore", 0o700),
            ("credstore/key", 0o600),
        ] {
            assert_eq!(mode(&run.join(path)), expected, "{path}");
        }
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn a_second_plan_replaces_the_first_and_no_more() {
        let place = scratch("second");
        let root = Root::new(&place);
        let run = place.join("run");
        let first = [
            ("cloudseed/status", Mode::Public, "found\n"),
            ("cloudseed/parts/001-a", Mode::Private, "x"),
            ("systemd/system/a.service", Mode::Public, "1"),
            ("systemd/system/b.service", Mode::Public, "1"),
        ];
        root.carry_out(&plan(&first)).unwrap();
        fs::write(run.join("systemd/system/c.service"), "another's").unwrap();
        let hint = [("cloud-init/cloud.cfg", Mode::Public, "di")];
        root.carry_out(&plan(&hint)).unwrap();
        assert!(run.join("cloudseed/parts/001-a").exists());
        let second = [
            ("cloudseed/status", Mode::Public, "none\n"),
            ("systemd/system/b.service", Mode::Public, "2"),
        ];
        root.carry_out(&plan(&second)).unwrap();
        assert_eq!(
            fs::read_to_string(run.join("cloudseed/status")).unwrap(),
            "none\n"
        );
        assert!(!run.join("cloudseed/parts").exists());
        assert!(!run.join("systemd/system/a.service").exists());
        assert_eq!(
            fs::read_to_string(run.join("systemd/system/b.service")).unwrap(),
            "2"
        );
        assert!(run.join("systemd/system/c.service").exists());
        let names = root.list("/run");
        assert_eq!(names, ["cloud-init", "cloudseed", "systemd"]);
        assert!(root.clean().unwrap());
        assert!(!root.clean().unwrap());
        assert_eq!(root.list("/run/systemd/system"), ["c.service"]);
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn no_link_in_the_way_is_followed() {
        let place = scratch("links");
        let root = Root::new(&place);
        let outside = place.join("outside");
        fs::create_dir_all(outside.join("system")).unwrap();
        fs::create_dir_all(place.join("run")).unwrap();
        symlink(&outside, place.join("run/systemd")).unwrap();
        let files = [
            ("cloudseed/status", Mode::Public, "found\n"),
            ("systemd/system/a.service", Mode::Public, "1"),
        ];
        let warnings = root.carry_out(&plan(&files)).unwrap();
        assert_eq!(warnings.len(), 1);
        assert_eq!(warnings[0].place, "/run/systemd/system/a.service");
        assert_eq!(root.list("/run"), ["cloudseed", "systemd"]);
        assert_eq!(
            root.text("/run/cloudseed/status").as_deref(),
            Some("degraded")
        );
        assert!(root.clean().unwrap());
        symlink(&outside, place.join("run/cloudseed")).unwrap();
        symlink(&outside, place.join("run/cloudseed.new")).unwrap();
        root.carry_out(&plan(&files[..1])).unwrap();
        assert_eq!(root.list("/outside"), ["system"]);
        assert_eq!(
            fs::read_to_string(place.join("run/cloudseed/status")).unwrap(),
            "found\n"
        );
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn of_a_room_all_is_there_or_none() {
        let place = scratch("rooms");
        let root = Root::new(&place);
        let run = place.join("run");
        let files = |status: &'static str, hint: &'static str| {
            plan(&[
                ("cloudseed/status", Mode::Public, status),
                ("cloud-init/.ds-identify.result", Mode::Public, hint),
                ("cloud-init/cloud.cfg", Mode::Public, hint),
                ("systemd/system/a.service", Mode::Public, hint),
            ])
        };
        let texts = || {
            let name = |name: &str| root.text(&format!("/run/{name}"));
            [
                name("cloudseed/status"),
                name("cloud-init/.ds-identify.result"),
                name("cloud-init/cloud.cfg"),
                name("systemd/system/a.service"),
            ]
            .map(Option::unwrap_or_default)
        };
        fs::create_dir_all(run.join("cloud-init/cloud.cfg")).unwrap();
        assert_eq!(root.carry_out(&files("found\n", "1")).unwrap().len(), 1);
        assert_eq!(texts(), ["degraded", "", "", "1"]);
        fs::remove_dir(run.join("cloud-init/cloud.cfg")).unwrap();
        assert_eq!(root.carry_out(&files("found\n", "2")).unwrap(), []);
        assert_eq!(texts(), ["found", "2", "2", "2"]);
        // What was there before comes back, and is still known.
        fs::remove_file(run.join("cloud-init/cloud.cfg")).unwrap();
        fs::create_dir(run.join("cloud-init/cloud.cfg")).unwrap();
        assert_eq!(root.carry_out(&files("found\n", "3")).unwrap().len(), 1);
        assert_eq!(texts(), ["degraded", "2", "", "3"]);
        assert_eq!(
            root.list("/run/cloud-init"),
            [".ds-identify.result", "cloud.cfg"]
        );
        let listed = root.text("/run/cloudseed/elsewhere").unwrap();
        assert!(
            listed.contains("cloud-init/.ds-identify.result"),
            "{listed}"
        );
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn an_entry_in_the_way_is_a_warning() {
        let place = scratch("way");
        let root = Root::new(&place);
        fs::create_dir_all(place.join("run")).unwrap();
        fs::write(place.join("run/cloud-init"), "in the way").unwrap();
        let files = [
            ("cloudseed/status", Mode::Public, "found\n"),
            ("cloud-init/cloud.cfg", Mode::Public, "di"),
        ];
        let warnings = root.carry_out(&plan(&files)).unwrap();
        assert_eq!(warnings[0].place, "/run/cloud-init/cloud.cfg");
        assert_eq!(
            root.text("/run/cloudseed/status").as_deref(),
            Some("degraded")
        );
        assert_eq!(root.text("/run/cloudseed/elsewhere").as_deref(), Some(""));
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn what_a_killed_writer_left_is_put_right() {
        let place = scratch("killed");
        let root = Root::new(&place);
        let run = place.join("run");
        for (name, status) in [("cloudseed.old", "old"), ("cloudseed.new.1", "half")] {
            fs::create_dir_all(run.join(name)).unwrap();
            fs::write(run.join(name).join("status"), status).unwrap();
        }
        fs::write(
            run.join("cloudseed.old/elsewhere"),
            "cloud-init/cloud.cfg\n",
        )
        .unwrap();
        fs::create_dir(run.join("cloud-init")).unwrap();
        for name in ["cloud.cfg", ".cloud.cfg.new", ".cloud.cfg.old"] {
            fs::write(run.join("cloud-init").join(name), "di").unwrap();
        }
        let files = [("cloudseed/status", Mode::Public, "found\n")];
        root.carry_out(&plan(&files)).unwrap();
        assert_eq!(root.list("/run"), ["cloud-init", "cloudseed"]);
        assert!(root.list("/run/cloud-init").is_empty());
        assert_eq!(root.text("/run/cloudseed/status").as_deref(), Some("found"));
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn without_an_exchange_the_old_one_comes_back() {
        let place = scratch("steps");
        let root = Root::new(&place);
        let run = root.run().unwrap();
        run.make("cloudseed", 0o700).unwrap();
        assert!(heap::apart(|| in_two_steps(&run, "nothing")).is_err());
        assert_eq!(root.list("/run"), ["cloudseed"]);
        run.make("new", 0o700).unwrap();
        heap::apart(|| in_two_steps(&run, "new")).unwrap();
        assert_eq!(root.list("/run"), ["cloudseed", "cloudseed.old"]);
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn writers_come_one_after_the_other() {
        let _copies = heap::COPIES.lock();
        let place = scratch("together");
        let whole = |number: usize| {
            let mut plan = Plan::default();
            for file in 0..20 {
                let path = RunPath::new(&format!("cloudseed/parts/{number}-{file}"));
                plan.put(path.unwrap(), Mode::Private, "x");
            }
            plan
        };
        std::thread::scope(|scope| {
            for number in 0..4 {
                let place = &place;
                scope.spawn(move || {
                    for _ in 0..3 {
                        Root::new(place).carry_out(&whole(number)).unwrap();
                    }
                });
            }
            let place = &place;
            scope.spawn(move || {
                for _ in 0..3 {
                    Root::new(place).clean().unwrap();
                    let hint = plan(&[("cloud-init/cloud.cfg", Mode::Public, "di")]);
                    Root::new(place).carry_out(&hint).unwrap();
                }
            });
        });
        let root = Root::new(&place);
        root.carry_out(&whole(0)).unwrap();
        assert_eq!(root.list("/run/cloudseed/parts").len(), 20);
        let names = root.list("/run");
        assert_eq!(names, ["cloud-init", "cloudseed"]);
        let held = Lock::take(&root.run().unwrap()).unwrap();
        assert!(held.alone);
        fs::remove_dir_all(place).unwrap();
    }
}
