//! Roots made ready for a test: a folder of `tests/roots` laid out at a scratch place.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use crate::lay::Laid;
pub use crate::lay::roots;

/// The names of the roots.
pub fn names() -> Vec<String> {
    let is_root = |folder: &Path| folder.join("base").exists() || folder.join("machine").is_dir();
    let mut names: Vec<String> = fs::read_dir(roots())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| is_root(&entry.path()))
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A root made ready; it goes when the test does.
pub struct Fixture {
    scratch: PathBuf,
    laid: Laid,
}

impl Fixture {
    /// Makes the root of this name ready.
    pub fn new(name: &str) -> Fixture {
        Fixture::of(&roots().join(name))
    }

    /// Makes the root in this folder ready.
    pub fn of(folder: &Path) -> Fixture {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // Short, because the path of a socket has at most 108 bytes.
        let scratch = std::env::temp_dir().join(format!("cs-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&scratch);
        let laid = Laid::new(folder, &scratch).unwrap();
        Fixture { scratch, laid }
    }

    /// The prefix of the machine's files.
    pub fn machine(&self) -> PathBuf {
        self.laid.machine()
    }

    /// What the machine's cloud answers, if it has one.
    pub fn cloud(&self) -> Option<PathBuf> {
        self.laid.cloud()
    }

    /// The volumes: name of the device, place of the image.
    pub fn volumes(&self) -> &[(String, PathBuf)] {
        &self.laid.volumes
    }

    /// A place beside the machine.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

/// What a root's file `identify` expects:
///
/// ```text
/// found: NAMES of the platforms whose rule says found
/// maybe: NAMES of those whose rule says maybe
/// status: NUMBER
///
/// the text of run/cloud-init/cloud.cfg, or nothing
/// ```
#[derive(Debug, PartialEq, Eq)]
pub struct Expected {
    pub found: Vec<String>,
    pub maybe: Vec<String>,
    pub status: u8,
    pub cloud_cfg: String,
}

impl Expected {
    /// Reads the file.
    pub fn read(name: &str) -> Option<Expected> {
        let text = fs::read_to_string(roots().join(name).join("identify")).ok()?;
        let (head, cloud_cfg) = text.split_once("\n\n").unwrap();
        let value = |key: &str| {
            let line = head.lines().find_map(|line| line.strip_prefix(key));
            line.unwrap_or_else(|| panic!("{name}: identify has no {key}"))
        };
        let names = |key: &str| value(key).split_whitespace().map(String::from).collect();
        Some(Expected {
            found: names("found:"),
            maybe: names("maybe:"),
            status: value("status:").trim().parse().unwrap(),
            cloud_cfg: String::from(cloud_cfg),
        })
    }

    /// The file's text.
    pub fn text(&self) -> String {
        let list = |names: &[String]| {
            names
                .iter()
                .map(|name| format!(" {name}"))
                .collect::<String>()
        };
        format!(
            "found:{}\nmaybe:{}\nstatus: {}\n\n{}",
            list(&self.found),
            list(&self.maybe),
            self.status,
            self.cloud_cfg
        )
    }
}
