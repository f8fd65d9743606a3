//! Lay: a root of `tests/roots` made ready at another place, with what it inherits and what git cannot keep.
//!
//! Tests, `qemu/run` and the benchmarks all see a root this way, and so does a bug report. A root is a folder:
//!
//! ```text
//! base         NAME of the root that this one is like: everything of that one is here as well, and what is in this
//!              folder goes over it. Further lines: without PATH, which the other has and this one has not
//! machine/     what the machine shows: sys/…, proc/…, etc/…; the file `env` stands for its environment
//! special      what of the machine git cannot keep, a line each:
//!              volume NAME KIND [content=FOLDER-BELOW-volume/] [sectors=N] [uuid=XXXX-XXXX] label=THE REST OF THE LINE
//!                  where KIND is one of those of `qemu/volume`
//!              socket PATH
//!              time PATH SECONDS-SINCE-THE-EPOCH
//! volume/      what is on its volumes
//! cloud/       what the cloud answers on the network: see `tests/cloud`
//! ports/       what answers behind a serial line (ports/serial), a Unix socket (ports/sockets) or a port of virtio
//! ```
//!
//! What is expected of a root stands beside these and is never inherited by being copied: `identify`, `expect/`, `why`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Component, Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

/// Most roots in a chain of bases.
const CHAIN_MAX: usize = 8;
/// When every file was changed of which `special` does not say when.
const TIME: Duration = Duration::from_secs(1_700_000_000);
/// What is inherited of a root.
pub const INHERITED: [&str; 5] = ["machine", "special", "volume", "cloud", "ports"];

/// Where the roots are.
pub fn roots() -> PathBuf {
    repository().join("tests/roots")
}

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A root that was made ready.
#[derive(Debug)]
pub struct Laid {
    place: PathBuf,
    /// What else it is made of: where a file is to be, and where it is.
    files: BTreeMap<PathBuf, PathBuf>,
    /// The volumes: name of the device, place of the image.
    pub volumes: Vec<(String, PathBuf)>,
}

impl Laid {
    /// Makes the machine of the root in `folder` ready at `place`. An error says what is wrong with the root.
    pub fn new(folder: &Path, place: &Path) -> Result<Laid, String> {
        let mut laid = Laid {
            place: place.to_path_buf(),
            files: merged(&chain(folder)?)?,
            volumes: Vec::new(),
        };
        make_folder(&laid.machine())?;
        laid.part("machine")?;
        laid.part("volume")?;
        let special = laid.files.get(Path::new("special"));
        let lines = match special {
            Some(file) => fs::read_to_string(file).map_err(|error| told(file, &error))?,
            None => String::new(),
        };
        for line in lines.lines() {
            laid.line(line)
                .map_err(|error| format!("{}: special: {line}: {error}", folder.display()))?;
        }
        Ok(laid)
    }

    /// The prefix of the machine's files.
    pub fn machine(&self) -> PathBuf {
        self.place.join("machine")
    }

    /// Makes another part ready, like `cloud`; `None` if the root has no such. What is there already stays as it is, so that a
    /// test may change it before the boot.
    pub fn part(&self, name: &str) -> Result<Option<PathBuf>, String> {
        let mut folder = None;
        let inside = self.files.iter().filter(|(path, _)| path.starts_with(name));
        for (path, from) in inside {
            let to = self.place.join(path);
            if !to.exists() {
                make_folder(to.parent().unwrap_or(&to))?;
                copy(from, &to).map_err(|error| told(from, &error))?;
            }
            folder = Some(self.place.join(name));
        }
        Ok(folder)
    }

    fn line(&mut self, line: &str) -> Result<(), String> {
        let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
        let below = |path: &str| self.machine().join(path.trim_start_matches('/'));
        match what {
            "volume" => self.volume(&Volume::parse(rest)?),
            "socket" => {
                let place = below(rest);
                make_folder(place.parent().unwrap_or(&place))?;
                // The socket stays when the listener goes.
                UnixListener::bind(place).map_err(|error| error.to_string())?;
                Ok(())
            }
            "time" => {
                let (path, seconds) = rest.split_once(' ').ok_or("expected a path and a time")?;
                let seconds = seconds.parse().map_err(|_| "expected seconds")?;
                let file = File::options().append(true).open(below(path));
                let set = file
                    .and_then(|file| file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)));
                set.map_err(|error| error.to_string())
            }
            _ => Err(String::from("expected volume, socket or time")),
        }
    }

    fn volume(&mut self, volume: &Volume) -> Result<(), String> {
        let image = self.machine().join("dev").join(volume.name);
        let attributes = self.machine().join("sys/class/block").join(volume.name);
        make_folder(&self.machine().join("dev"))?;
        make_folder(&attributes)?;
        let content = self.place.join("volume");
        make_folder(&content)?;
        let bytes = volume.image(&content.join(volume.content))?;
        let sectors = volume
            .sectors
            .map_or_else(|| (bytes.len() / 512).to_string(), String::from);
        fs::write(&image, &*bytes).map_err(|error| told(&image, &error))?;
        let size = attributes.join("size");
        fs::write(&size, sectors + "\n").map_err(|error| told(&size, &error))?;
        self.volumes.push((String::from(volume.name), image));
        Ok(())
    }
}

/// One folder of a chain of bases.
struct Layer {
    folder: PathBuf,
    /// What of its bases is left out: paths like `machine/sys/class/net`.
    without: Vec<String>,
}

/// The root's own folder, that of its base, that of the base's base, and so on.
fn chain(folder: &Path) -> Result<Vec<Layer>, String> {
    let mut layers = Vec::new();
    let mut next = Some(folder.to_path_buf());
    while let Some(folder) = next {
        if layers.len() == CHAIN_MAX {
            return Err(told(
                &folder,
                &format!("expected at most {CHAIN_MAX} bases"),
            ));
        }
        if !INHERITED
            .iter()
            .chain(&["base"])
            .any(|part| folder.join(part).exists())
        {
            return Err(told(&folder, &"expected a root, but found none"));
        }
        let mut without = Vec::new();
        next = None;
        if let Ok(text) = fs::read_to_string(folder.join("base")) {
            let (name, left_out) =
                parse_base(&text).map_err(|error| told(&folder.join("base"), &error))?;
            (next, without) = (Some(roots().join(name)), left_out);
        }
        layers.push(Layer { folder, without });
    }
    Ok(layers)
}

/// The files of a chain of bases, each where the last of them that has it keeps it.
fn merged(layers: &[Layer]) -> Result<BTreeMap<PathBuf, PathBuf>, String> {
    let mut files = BTreeMap::new();
    for layer in layers.iter().rev() {
        for path in &layer.without {
            let before = files.len();
            files.retain(|file: &PathBuf, _| !file.starts_with(path));
            if files.len() == before {
                let base = layer.folder.join("base");
                return Err(told(
                    &base,
                    &format!("without {path}: there is no such file"),
                ));
            }
        }
        for part in INHERITED {
            list(&layer.folder.join(part), Path::new(part), &mut files)
                .map_err(|error| told(&layer.folder.join(part), &error))?;
        }
    }
    Ok(files)
}

/// Adds a file, a link, an empty folder, or what is below a folder.
fn list(from: &Path, path: &Path, files: &mut BTreeMap<PathBuf, PathBuf>) -> io::Result<()> {
    let Ok(found) = fs::symlink_metadata(from) else {
        return Ok(());
    };
    let entries = if found.is_dir() {
        fs::read_dir(from)?.collect::<Result<Vec<_>, _>>()?
    } else {
        Vec::new()
    };
    if entries.is_empty() {
        files.insert(path.to_path_buf(), from.to_path_buf());
    }
    for entry in entries {
        list(&entry.path(), &path.join(entry.file_name()), files)?;
    }
    Ok(())
}

/// The name and the lines `without`.
fn parse_base(text: &str) -> Result<(String, Vec<String>), String> {
    let mut lines = text.lines();
    let name = lines.next().filter(|name| is_inside(name));
    let name = name.ok_or("expected the name of a root")?;
    let path = |line: &str| {
        let path = line.strip_prefix("without ").filter(|path| is_inside(path));
        path.map(String::from)
            .ok_or_else(|| format!("expected without PATH, but found {line}"))
    };
    let without = lines.map(path).collect::<Result<_, _>>()?;
    Ok((String::from(name), without))
}

/// True if a path leads nowhere but down.
fn is_inside(path: &str) -> bool {
    let normal = |part| matches!(part, Component::Normal(_));
    !path.is_empty() && Path::new(path).components().all(normal)
}

/// A line `volume`.
struct Volume<'a> {
    name: &'a str,
    kind: &'a str,
    content: &'a str,
    sectors: Option<&'a str>,
    uuid: &'a str,
    label: &'a str,
}

impl<'a> Volume<'a> {
    fn parse(line: &'a str) -> Result<Volume<'a>, String> {
        let (words, label) = line.split_once(" label=").ok_or("expected a label")?;
        let mut words = words.split(' ');
        let mut word = || words.next().filter(|word| is_inside(word));
        let (name, kind) = word().zip(word()).ok_or("expected a name and a kind")?;
        let mut volume = Volume {
            name,
            kind,
            content: "",
            sectors: None,
            uuid: "",
            label,
        };
        for word in words {
            match word.split_once('=') {
                Some(("content", path)) if is_inside(path) => volume.content = path,
                Some(("sectors", number)) => volume.sectors = Some(number),
                Some(("uuid", uuid)) => volume.uuid = uuid,
                _ => {
                    return Err(format!(
                        "expected content=, sectors= or uuid=, but found {word}"
                    ));
                }
            }
        }
        Ok(volume)
    }

    /// Its image, made once by this process from the same folder of the same root.
    fn image(&self, content: &Path) -> Result<Arc<[u8]>, String> {
        static MADE: Mutex<BTreeMap<Vec<u8>, Image>> = Mutex::new(BTreeMap::new());
        let mut key = format!("{} {} {}\n", self.kind, self.uuid, self.label).into_bytes();
        digest(content, &mut key).map_err(|error| told(content, &error))?;
        let slot = {
            let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(made.entry(key).or_default())
        };
        slot.get_or_init(|| self.make(content)).clone()
    }

    fn make(&self, content: &Path) -> Result<Arc<[u8]>, String> {
        let name = format!("cs-{}-{}.image", std::process::id(), digits());
        let image = std::env::temp_dir().join(name);
        let output = Command::new(repository().join("qemu/volume"))
            .arg(self.kind)
            .args([&image, content])
            .args([self.label, self.uuid])
            .output();
        let output = output.map_err(|error| format!("qemu/volume: {error}"))?;
        let bytes = fs::read(&image);
        let _ = fs::remove_file(&image);
        match (output.status.success(), bytes) {
            (true, Ok(bytes)) => Ok(bytes.into()),
            _ => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
        }
    }
}

/// An image that is made when it is first asked for.
type Image = Arc<OnceLock<Result<Arc<[u8]>, String>>>;

/// A number that nobody else of this process has.
fn digits() -> u32 {
    use std::sync::atomic::{AtomicU32, Ordering};
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    NUMBER.fetch_add(1, Ordering::Relaxed)
}

/// All that is below `folder`, names and bytes in a row.
fn digest(folder: &Path, into: &mut Vec<u8>) -> io::Result<()> {
    let mut entries: Vec<PathBuf> = fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    entries.sort();
    for path in entries {
        into.extend(path.file_name().unwrap_or_default().as_encoded_bytes());
        if path.is_dir() {
            digest(&path, into)?
        } else {
            into.extend(fs::read(&path)?)
        }
    }
    Ok(())
}

/// Copies a file, a link as a link, a folder without what is in it; times are not kept, as git has none.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let found = fs::symlink_metadata(from)?;
    if found.is_symlink() {
        return symlink(fs::read_link(from)?, to);
    }
    if found.is_dir() {
        return fs::create_dir_all(to);
    }
    let (mut source, mut target) = (File::open(from)?, File::create(to)?);
    io::copy(&mut source, &mut target)?;
    target.set_permissions(found.permissions())?;
    target.set_modified(UNIX_EPOCH + TIME)
}

fn make_folder(path: &Path) -> Result<(), String> {
    fs::create_dir_all(path).map_err(|error| told(path, &error))
}

fn told(path: &Path, error: &dyn ToString) -> String {
    format!("{}: {}", path.display(), error.to_string())
}
