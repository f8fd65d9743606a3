//! Roots made ready: a folder of `tests/roots` copied to a scratch place, with what git cannot keep.
//!
//! Beside `machine/` a root has these files, both optional:
//!
//! ```text
//! special      volume NAME KIND [content=PATH-BELOW-volume/] [sectors=N] [uuid=XXXX-XXXX] label=THE REST OF THE LINE
//!              socket PATH
//!              time PATH SECONDS-SINCE-THE-EPOCH
//! identify     what is expected of an identification; see [`Expected`]
//! ```

use std::fs::{self, File};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, UNIX_EPOCH};

/// Where the roots are.
pub fn roots() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/roots")
}

/// The names of the roots that have a machine.
pub fn names() -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(roots())
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().join("machine").is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// A root made ready; it goes when the test does.
pub struct Fixture {
    scratch: PathBuf,
    /// The volumes: name of the device, place of the image.
    pub volumes: Vec<(String, PathBuf)>,
}

impl Fixture {
    /// Makes the root of this name ready.
    pub fn new(name: &str) -> Fixture {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        // Short, because the path of a socket has at most 108 bytes.
        let scratch = std::env::temp_dir().join(format!("cs-{}-{number}", std::process::id()));
        let _ = fs::remove_dir_all(&scratch);
        let mut fixture = Fixture {
            scratch,
            volumes: Vec::new(),
        };
        let source = roots().join(name);
        copy(&source.join("machine"), &fixture.machine());
        if let Ok(kind) = fs::read_to_string(source.join("volume.kind")) {
            fixture.line(&source, &as_special(&kind));
        }
        for line in fs::read_to_string(source.join("special"))
            .unwrap_or_default()
            .lines()
        {
            fixture.line(&source, line);
        }
        fixture
    }

    /// The prefix of the machine's files.
    pub fn machine(&self) -> PathBuf {
        self.scratch.join("m")
    }

    /// A place beside the machine.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.scratch.join(name)
    }

    fn line(&mut self, source: &Path, line: &str) {
        let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
        let below = |path: &str| self.machine().join(path.trim_start_matches('/'));
        match what {
            "volume" => self.volume(source, rest),
            "socket" => {
                let place = below(rest);
                fs::create_dir_all(place.parent().unwrap()).unwrap();
                // The socket stays when the listener goes.
                UnixListener::bind(place).unwrap();
            }
            "time" => {
                let (path, seconds) = rest.split_once(' ').unwrap();
                let time = UNIX_EPOCH + Duration::from_secs(seconds.parse().unwrap());
                let file = File::options().append(true).open(below(path)).unwrap();
                file.set_modified(time).unwrap();
            }
            _ => panic!("special: expected volume, socket or time, but found {line:?}"),
        }
    }

    fn volume(&mut self, source: &Path, line: &str) {
        let (words, label) = line.split_once(" label=").unwrap();
        let mut words = words.split(' ');
        let (name, kind) = (words.next().unwrap(), words.next().unwrap());
        let image = self.machine().join("dev").join(name);
        let attributes = self.machine().join("sys/class/block").join(name);
        fs::create_dir_all(image.parent().unwrap()).unwrap();
        fs::create_dir_all(&attributes).unwrap();
        let option = |key: &str| {
            let value = words.clone().find_map(|word| word.strip_prefix(key));
            value.map(String::from)
        };
        let content = match option("content=") {
            Some(path) => source.join("volume").join(path),
            None => self.empty(),
        };
        let uuid = option("uuid=").map(|uuid| uuid.replace('-', ""));
        make(kind, &image, label, uuid.as_deref(), &content);
        let sectors = option("sectors=").unwrap_or_else(|| {
            let bytes = fs::metadata(&image).unwrap().len();
            (bytes / 512).to_string()
        });
        fs::write(attributes.join("size"), sectors + "\n").unwrap();
        self.volumes.push((String::from(name), image));
    }

    fn empty(&self) -> PathBuf {
        let empty = self.scratch.join("empty");
        fs::create_dir_all(&empty).unwrap();
        empty
    }
}

impl Drop for Fixture {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

/// A `volume.kind` of the roots that boot, as a line of `special`.
fn as_special(kind: &str) -> String {
    let (kind, label) = kind.trim().split_once(' ').unwrap_or((kind.trim(), ""));
    match (kind, label) {
        ("iso", "") => String::from("volume sr0 iso9660 content=. label=cidata"),
        ("iso", label) => format!("volume sr0 iso9660 content=. label={label}"),
        ("localds", _) => String::from("volume vdb iso9660 content=. label=cidata"),
        ("vfat", label) => format!("volume vdb vfat content=. label={label}"),
        _ => panic!("volume.kind: expected iso, localds or vfat, but found {kind:?}"),
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Makes a small file system with the tool that people use for it. Only a CD gets its content, which is all that
/// identification looks at.
fn make(kind: &str, image: &Path, label: &str, uuid: Option<&str>, content: &Path) {
    let mut command = match kind {
        "iso9660" => Command::new("genisoimage"),
        "vfat" => Command::new("mkfs.vfat"),
        "ext4" => Command::new("mke2fs"),
        _ => panic!("volume: expected iso9660, vfat or ext4, but found {kind:?}"),
    };
    match kind {
        "iso9660" => command
            .args(["-quiet", "-rock", "-joliet", "-volid", label, "-o"])
            .args([image, content]),
        "vfat" => command
            .args(["-n", label, "-i", uuid.unwrap_or("C0FFEE00"), "-C"])
            .arg(image)
            .arg("128"),
        _ => command
            .args(["-q", "-F", "-t", "ext4", "-O", "^has_journal", "-L", label])
            .arg(image)
            .arg("256"),
    };
    let path = std::env::var("PATH").unwrap_or_default() + ":/usr/sbin:/sbin";
    let output = command.env("PATH", path).output();
    let output = output.unwrap_or_else(|error| {
        panic!("{command:?}: {error}; install genisoimage, dosfstools and e2fsprogs")
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}: {said}");
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
