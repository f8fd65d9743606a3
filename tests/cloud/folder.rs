//! What the service answers: a folder whose paths are methods and paths.
//!
//! `GET/hetzner/v1/metadata` holds the answer to `GET /hetzner/v1/metadata`; a path with no file is 404. A path that
//! answers and has others below it keeps its answer in a file named `_`. A query is a part of the file's name if there is
//! such a file, and ignored otherwise. Another host's documents (by the `Host` header) are below `hosts/NAME/`.

use std::fs;
use std::path::{Component, Path, PathBuf};

/// The folder of one cloud.
#[derive(Clone)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// The folder at `root`, which must be there.
    pub fn new(root: &Path) -> Result<Folder, String> {
        if root.is_dir() {
            Ok(Folder {
                root: root.to_path_buf(),
            })
        } else {
            Err(format!(
                "{}: expected a folder, but found none",
                root.display()
            ))
        }
    }

    /// The text of `cloud.conf`, if there is one.
    pub fn settings(&self) -> Option<String> {
        fs::read_to_string(self.root.join("cloud.conf")).ok()
    }

    /// The document that `host` answers to `method` on `target` (a path, perhaps with a query).
    pub fn read(&self, host: &str, method: &str, target: &str) -> Option<Vec<u8>> {
        let (path, _query) = target.split_once('?').unwrap_or((target, ""));
        [target, path]
            .into_iter()
            .find_map(|name| read(&self.base(host).join(method), name))
    }

    fn base(&self, host: &str) -> PathBuf {
        let hosts = self.root.join("hosts");
        let own = below(&hosts, host).filter(|path| !host.is_empty() && path.is_dir());
        own.unwrap_or_else(|| self.root.clone())
    }
}

fn read(base: &Path, name: &str) -> Option<Vec<u8>> {
    let path = below(base, name)?;
    fs::read(&path).or_else(|_| fs::read(path.join("_"))).ok()
}

/// `name` below `base`; `None` if it would lead anywhere else.
fn below(base: &Path, name: &str) -> Option<PathBuf> {
    let relative = Path::new(name.trim_matches('/'));
    relative
        .components()
        .all(|part| matches!(part, Component::Normal(_)))
        .then(|| base.join(relative))
}
