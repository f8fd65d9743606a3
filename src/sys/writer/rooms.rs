//! Rooms of others: files beside our own directory. Those of one room are put there all, or none of them: a hint for
//! cloud-init is two files, of which one alone misleads, and units name each other.
//!
//! ```text
//!   stage     .NAME.new                 beside the place, no link followed
//!   commit    NAME ═► .NAME.old         a second name for what is there
//!             .NAME.new ─► NAME         if one fails, those before it are undone
//!   tidy      .NAME.old                 goes
//! ```

use std::io;

use cloudseed_core::plan::{Mode, Plan, RunPath};
use cloudseed_core::warning::Warning;

use super::super::directory::Directory;
use super::{in_ours, reach, split, unable};

/// A file that lies beside its place under a temporary name.
struct Staged<'a> {
    directory: Directory,
    name: &'a str,
    path: &'a RunPath,
    /// What was there has a second name.
    kept: bool,
}

/// The files of `plan` beside our own directory.
pub fn files(plan: &Plan) -> impl Iterator<Item = (&RunPath, Mode, &[u8])> {
    plan.files()
        .filter(|(path, _, _)| in_ours(path.as_str()).is_none())
}

/// What came of filling rooms.
pub struct Filled<'a> {
    /// What could not be put in its place.
    pub warnings: Vec<Warning>,
    /// What is in its place.
    pub placed: Vec<&'a RunPath>,
}

/// Puts them in their places; what could not be is told, and then nothing of its room is changed.
pub fn fill<'a>(run: &Directory, plan: &'a Plan) -> Filled<'a> {
    let mut rooms: Vec<&str> = files(plan).map(|(path, _, _)| path.room()).collect();
    rooms.dedup();
    let (mut warnings, mut placed) = (Vec::new(), Vec::new());
    for room in rooms {
        let mut staged = Vec::new();
        let done = stage(run, room, plan, &mut staged).and_then(|()| commit(&mut staged));
        match done {
            Ok(()) => placed.extend(staged.iter().map(|file| file.path)),
            Err(warning) => warnings.push(warning),
        }
        for file in &staged {
            // A temporary name that stays is removed by the next who writes here.
            let _ = file.directory.remove(&new(file.name));
            let _ = file.directory.remove(&old(file.name));
        }
    }
    Filled { warnings, placed }
}

fn stage<'a>(
    run: &Directory,
    room: &str,
    plan: &'a Plan,
    staged: &mut Vec<Staged<'a>>,
) -> Result<(), Warning> {
    for (path, mode, bytes) in files(plan).filter(|(path, _, _)| path.room() == room) {
        let told = |error: io::Error| unable(path.as_str(), "a new file", &error).what;
        let around = path.directory_mode().directory();
        let reached = run
            .again()
            .and_then(|run| reach(run, path.as_str(), around));
        let (directory, name) = reached.map_err(told)?;
        let created = directory
            .remove(&new(name))
            .and_then(|()| directory.create(&new(name), mode.file(), bytes));
        staged.push(Staged {
            directory,
            name,
            path,
            kept: false,
        });
        created.map_err(told)?;
    }
    Ok(())
}

/// Moves every staged file into its place. If one cannot be, those before it are taken back.
fn commit(staged: &mut [Staged]) -> Result<(), Warning> {
    let mut done = 0;
    let mut failed = None;
    for file in staged.iter_mut() {
        match place(file) {
            Ok(()) => done += 1,
            Err(error) => {
                failed = Some(unable(file.path.as_str(), "to put it there", &error).what);
                break;
            }
        }
    }
    let Some(warning) = failed else {
        return Ok(());
    };
    for file in staged.iter().take(done) {
        // The failure before is the one to tell.
        let _ = if file.kept {
            file.directory.rename(&old(file.name), file.name)
        } else {
            file.directory.remove(file.name)
        };
    }
    Err(warning)
}

fn place(file: &mut Staged) -> io::Result<()> {
    let Staged {
        directory,
        name,
        kept,
        ..
    } = file;
    directory.remove(&old(name))?;
    // A directory can have no second name, nor be replaced by a file: that fails at the next step.
    *kept = directory.link(name, &old(name)).is_ok();
    directory.rename(&new(name), name)
}

/// Removes one file that an earlier plan put there, with what a killed writer left beside it; missing is fine.
pub fn remove(run: &Directory, path: &RunPath) -> Result<(), Warning> {
    let (mut above, name) = split(path.as_str());
    let reached = run
        .again()
        .and_then(|run| above.try_fold(run, |directory, name| directory.enter(name)));
    let removed = reached.and_then(|directory| {
        directory.remove(&new(name))?;
        directory.remove(&old(name))?;
        directory.remove(name)
    });
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(unable(path.as_str(), "to remove it", &error).what)
        }
        _ => Ok(()),
    }
}

fn new(name: &str) -> String {
    format!(".{name}.new")
}

fn old(name: &str) -> String {
    format!(".{name}.old")
}
