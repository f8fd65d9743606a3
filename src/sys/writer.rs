//! Writer: carries out a [`Plan`] below /run, so that nobody ever sees half of it.
//!
//! ```text
//!   stage     run/cloudseed.new/…      run/systemd/system/.NAME.new      new names only, no link followed
//!   commit    NAME.new → NAME, one by one; cloudseed.new ⇄ cloudseed last: who sees it sees all
//!   tidy      what an earlier plan put elsewhere and this one does not
//! ```
//!
//! A failure while staging leaves everything as it was.

use std::fs;
use std::io;

use cloudseed_core::machine::{FILE_BYTES_MAX, Files};
use cloudseed_core::plan::{Plan, RunPath};
use cloudseed_core::warning::{Blame, Error};

use super::directory::Directory;
use super::root::Root;

/// The directory that is ours alone and replaced as a whole.
const OURS: &str = "cloudseed";
/// Its successor while it is built, and its predecessor where the two cannot be swapped in one step.
const OURS_NEW: &str = "cloudseed.new";
const OURS_OLD: &str = "cloudseed.old";
/// The list, in our directory, of what the plan put into other directories: one path below /run a line.
const ELSEWHERE: &str = "elsewhere";

/// A file that lies beside its place under a temporary name.
struct Staged {
    directory: Directory,
    name: String,
    path: String,
}

impl Root {
    /// Writes the files of `plan` below this root's /run. A plan with files in `cloudseed/` replaces the earlier one's
    /// results, whole; one without (as `cloudseed identify` makes) only adds its files.
    pub fn carry_out(&self, plan: &Plan) -> Result<(), Error> {
        let run = self.run()?;
        let earlier = self.elsewhere();
        self.forget(OURS_NEW)?;
        let mut staged = Vec::new();
        let done = stage(&run, plan, &mut staged).and_then(|()| commit(&run, plan, &staged));
        if done.is_err() {
            for file in &staged {
                // The first failure is the one to tell; a temporary file that stays is replaced the next time.
                let _ = file.directory.remove(&temporary(&file.name));
            }
            let _ = self.forget(OURS_NEW);
            return done;
        }
        if !holds_ours(plan) {
            return Ok(());
        }
        for leftover in [OURS_NEW, OURS_OLD] {
            self.forget(leftover)?;
        }
        for path in earlier
            .iter()
            .filter(|path| plan.get(path.as_str()).is_none())
        {
            remove(&run, path)?;
        }
        Ok(())
    }

    /// Removes everything that plans have written below this root's /run; false if there was nothing.
    pub fn clean(&self) -> Result<bool, Error> {
        let run = self.run()?;
        for path in self.elsewhere() {
            remove(&run, &path)?;
        }
        let mut found = false;
        for name in [OURS_NEW, OURS_OLD, OURS] {
            found |= self.forget(name)?;
        }
        Ok(found)
    }

    /// This root's /run.
    fn run(&self) -> Result<Directory, Error> {
        Directory::open(self.prefix())
            .and_then(|root| root.enter_or_make("run", 0o755))
            .map_err(|error| unable("/run", "a directory", &error))
    }

    /// What the last plan put outside our own directory. The list is checked like any other path, whoever wrote it.
    fn elsewhere(&self) -> Vec<RunPath> {
        let list = self.read(&format!("/run/{OURS}/{ELSEWHERE}"), FILE_BYTES_MAX);
        let list = String::from_utf8(list.unwrap_or_default()).unwrap_or_default();
        list.lines().filter_map(RunPath::new).collect()
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
        let removed = match fs::symlink_metadata(&place) {
            Ok(found) if found.is_dir() => fs::remove_dir_all(&place),
            Ok(_) => fs::remove_file(&place),
            Err(error) => Err(error),
        };
        match removed {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(unable(path, "to remove it", &error)),
        }
    }
}

fn holds_ours(plan: &Plan) -> bool {
    plan.files()
        .any(|(path, _, _)| in_ours(path.as_str()).is_some())
}

/// The path below our own directory, if it is there.
fn in_ours(path: &str) -> Option<&str> {
    path.strip_prefix(OURS)?.strip_prefix('/')
}

fn temporary(name: &str) -> String {
    format!(".{name}.new")
}

/// Writes every file where nobody looks: ours into the new directory, others beside their places.
fn stage(run: &Directory, plan: &Plan, staged: &mut Vec<Staged>) -> Result<(), Error> {
    let mut elsewhere = String::new();
    for (file, mode, bytes) in plan.files() {
        let path = file.as_str();
        let told = |error: io::Error| unable(&format!("/run/{path}"), "a new file", &error);
        let mode = mode.file();
        let around = file.directory_mode().directory();
        let reached = match in_ours(path) {
            Some(below) => run
                .enter_or_make(OURS_NEW, around)
                .and_then(|ours| reach(ours, below, around)),
            None => run.again().and_then(|run| reach(run, path, around)),
        };
        let (directory, name) = reached.map_err(told)?;
        if in_ours(path).is_some() {
            directory.create(name, mode, bytes).map_err(told)?;
            continue;
        }
        let beside = temporary(name);
        directory
            .remove(&beside)
            .and_then(|()| directory.create(&beside, mode, bytes))
            .map_err(told)?;
        elsewhere.push_str(path);
        elsewhere.push('\n');
        staged.push(Staged {
            directory,
            name: String::from(name),
            path: String::from(path),
        });
    }
    if !holds_ours(plan) {
        return Ok(());
    }
    run.enter(OURS_NEW)
        .and_then(|ours| ours.create(ELSEWHERE, 0o600, elsewhere.as_bytes()))
        .map_err(|error| unable(&format!("/run/{OURS}/{ELSEWHERE}"), "a new file", &error))
}

/// Moves every staged file into its place, our own directory last.
fn commit(run: &Directory, plan: &Plan, staged: &[Staged]) -> Result<(), Error> {
    for file in staged {
        file.directory
            .rename(&temporary(&file.name), &file.name)
            .map_err(|error| unable(&format!("/run/{}", file.path), "to put it there", &error))?;
    }
    if holds_ours(plan) {
        take_over(run)
            .map_err(|error| unable(&format!("/run/{OURS}"), "to put it there", &error))?;
    }
    Ok(())
}

/// Puts our new directory in the place of the old one, in one step where the kernel and the file system can.
fn take_over(run: &Directory) -> io::Result<()> {
    match run.exchange(OURS_NEW, OURS) {
        Ok(()) => return Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(_) => run.rename(OURS, OURS_OLD)?,
    }
    run.rename(OURS_NEW, OURS)
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

/// Removes one file that an earlier plan put outside our directory; missing is fine.
fn remove(run: &Directory, path: &RunPath) -> Result<(), Error> {
    let (mut above, name) = split(path.as_str());
    let removed = run
        .again()
        .and_then(|run| above.try_fold(run, |directory, name| directory.enter(name)))
        .and_then(|directory| directory.remove(name));
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(unable(
            &format!("/run/{}", path.as_str()),
            "to remove it",
            &error,
        )),
        _ => Ok(()),
    }
}

fn unable(place: &str, expected: &str, error: &io::Error) -> Error {
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
        let error = root.carry_out(&plan(&files)).unwrap_err();
        assert!(
            error.to_string().contains("/run/systemd/system/a.service"),
            "{error}"
        );
        assert_eq!(root.list("/run"), ["systemd"], "nothing half-written stays");
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
}
