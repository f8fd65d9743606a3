//! Root: the machine's files below a prefix, as core reads them.
//!
//! At `/` the machine is the real one. Below any other root nothing of the real machine is consulted: absolute links stay
//! below the root, disks are image files, and of the environment only what stands for a guest's facts is honoured.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, UNIX_EPOCH};

use cloudseed_core::machine::{Disk, FILE_BYTES_MAX, Files, Kind};

/// Most links followed on the way to one file, as in the kernel.
const LINKS_MAX: usize = 40;
/// What a first read of a file asks for, in bytes: nearly every attribute in /sys and /proc is shorter.
const SHORT_FILE_BYTES: usize = 512;
/// Most names taken from one directory.
const NAMES_MAX: usize = 1 << 16;
/// Longest file that stands for the environment below a root, in bytes.
const ENVIRONMENT_BYTES_MAX: usize = 1 << 16;
/// The file below a root, other than `/`, that stands for the environment: lines `KEY=value`, taken literally.
const ENVIRONMENT: &str = "/env";
/// Variables of the real environment that hold below every root; [`GUEST_VARIABLES`] names a family more.
const VARIABLES: [&str; 3] = ["SYSTEMD_VIRTUALIZATION", "KERNEL_CMDLINE", "DI_LOG"];
/// The variables that VMware's hypervisor keeps, by their beginning.
const HYPERVISORS: &str = "guestinfo.";
/// The guest variables of VMware, by their beginning.
const GUEST_VARIABLES: &str = "VMX_GUESTINFO";

/// What the first process was started with: in a container that is the word of whoever made it.
const FIRST: &str = "/proc/1/environ";
/// The text of [`FIRST`], if it was remembered.
static REMEMBERED: OnceLock<Option<Vec<u8>>> = OnceLock::new();

/// Reads, for later, what only a process may that has all the rights of the first one.
pub fn remember() {
    let text = Root::new(Path::new("/")).load(FIRST, FILE_BYTES_MAX).ok();
    // Once is enough: it does not change.
    let _ = REMEMBERED.set(text);
}

/// A prefix of everything read and written.
#[derive(Clone, Debug)]
pub struct Root {
    prefix: PathBuf,
    real: bool,
    /// The prefix, open, if it is not `/` and there is such a directory.
    below: Option<Arc<OwnedFd>>,
    /// The text of [`ENVIRONMENT`], once it was asked for.
    environment: Arc<OnceLock<String>>,
    /// The variables that the hypervisor was asked for, which takes it longer than a file.
    kept: Arc<Mutex<BTreeMap<String, Option<String>>>>,
}

impl Root {
    /// The machine below `prefix`.
    pub fn new(prefix: &Path) -> Root {
        let open = || {
            OpenOptions::new()
                .read(true)
                .custom_flags(libc::O_PATH | libc::O_DIRECTORY)
                .open(prefix)
        };
        let real = prefix == Path::new("/");
        let below = if real {
            None
        } else {
            open().ok().map(|file| Arc::new(file.into()))
        };
        Root {
            prefix: prefix.to_path_buf(),
            real,
            below,
            environment: Arc::default(),
            kept: Arc::default(),
        }
    }

    /// True if this is the machine the program runs on.
    pub fn is_real(&self) -> bool {
        self.real
    }

    /// A variable that the hypervisor keeps.
    fn kept(&self, name: &str) -> Option<String> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let ask = || super::backdoor::variable(name);
        kept.entry(String::from(name)).or_insert_with(ask).clone()
    }

    /// The prefix.
    pub fn prefix(&self) -> &Path {
        &self.prefix
    }

    /// Where `path` (absolute, as on the machine) is in the file system of this process; `None` if links go in circles.
    /// Of a path that leads nowhere it is where the first name is missing.
    pub fn resolve(&self, path: &str) -> Option<PathBuf> {
        if self.is_real() {
            return Some(PathBuf::from(path));
        }
        let mut todo = parts(Path::new(path));
        let mut done: Vec<PathBuf> = Vec::new();
        let mut links = 0;
        while let Some(part) = todo.pop() {
            if part == Path::new("..") {
                done.pop();
                continue;
            }
            let mut place = self.prefix.clone();
            place.extend(&done);
            place.push(&part);
            let target = match fs::read_link(&place) {
                Ok(target) => target,
                // Below what is missing all is missing, and most of what is asked for is.
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Some(place),
                Err(_) => {
                    done.push(part);
                    continue;
                }
            };
            links += 1;
            if links > LINKS_MAX {
                return None;
            }
            if target.is_absolute() {
                done.clear();
            }
            todo.extend(parts(&target));
        }
        let mut place = self.prefix.clone();
        place.extend(&done);
        Some(place)
    }

    /// Opens what is at `path` if its type is the expected one; the type is asked first, because opening some devices
    /// (a watchdog, a tape) acts on them. Where the kernel itself writes the files there are none.
    fn open(&self, path: &str, expected: fn(&fs::FileType) -> bool) -> io::Result<File> {
        let harmless = self.is_real() && of_the_kernel(path);
        if !harmless && !expected(&self.metadata(path)?.file_type()) {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        }
        // Without O_NONBLOCK an optical drive would pull in its tray, and a pipe put here meanwhile would wait.
        self.descend(path, libc::O_NONBLOCK | libc::O_NOCTTY)
    }

    /// What the kernel says of the thing at `path`, links followed.
    fn metadata(&self, path: &str) -> io::Result<Metadata> {
        if self.is_real() {
            fs::metadata(path)
        } else {
            self.descend(path, libc::O_PATH)?.metadata()
        }
    }

    /// Opens `path` for reading. Below a root the kernel itself keeps links inside; where it cannot (before Linux 5.6, in
    /// some sandboxes, or because something was renamed meanwhile) the links are followed one by one.
    fn descend(&self, path: &str, flags: i32) -> io::Result<File> {
        if let Some(below) = &self.below {
            match open_in_root(below.as_raw_fd(), path, flags) {
                Err(error) if cannot(&error) => {}
                done => return done,
            }
        }
        let place = self
            .resolve(path)
            .ok_or_else(|| io::Error::from_raw_os_error(libc::ELOOP))?;
        open_at(&place, flags)
    }

    /// The file at `path` as text, trimmed; undecodable bytes are replaced.
    pub fn text(&self, path: &str) -> Option<String> {
        (self as &dyn Files).text(path)
    }

    /// The whole content of the regular file at `path`, as [`Files::read`], for who wants to know why not. Attributes in
    /// /sys and /proc, whose size says nothing, are read to their end.
    pub fn load(&self, path: &str, bytes_max: usize) -> io::Result<Vec<u8>> {
        if let (FIRST, true, Some(text)) = (path, self.is_real(), REMEMBERED.get()) {
            return text.clone().ok_or_else(|| io::ErrorKind::NotFound.into());
        }
        let file = self.open(path, fs::FileType::is_file)?;
        let mut bytes = Vec::with_capacity(SHORT_FILE_BYTES);
        let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX);
        file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        if bytes.len() <= bytes_max {
            Ok(bytes)
        } else {
            Err(io::Error::from(io::ErrorKind::FileTooLarge))
        }
    }
}

/// True of attributes of devices and of the kernel.
fn of_the_kernel(path: &str) -> bool {
    ["/sys/class/", "/sys/firmware/", "/proc/"]
        .iter()
        .any(|beginning| path.starts_with(beginning))
}

/// Opens `place` for reading: one system call, where the standard library and musl make two of it.
fn open_at(place: &Path, flags: i32) -> io::Result<File> {
    let place = CString::new(place.as_os_str().as_bytes())?;
    let flags = libc::O_RDONLY | libc::O_LARGEFILE | libc::O_CLOEXEC | flags;
    // SAFETY: `place` ends in NUL and outlives the call.
    match unsafe { libc::openat(libc::AT_FDCWD, place.as_ptr(), flags) } {
        // SAFETY: the descriptor is fresh and nobody else's.
        fd if fd >= 0 => Ok(unsafe { File::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// True if the error says that the kernel would not look, rather than what it found.
fn cannot(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error(),
        Some(libc::ENOSYS | libc::EPERM | libc::EAGAIN | libc::E2BIG)
    )
}

/// Opens `path` for reading as if the directory `below` were `/` (openat2(2), RESOLVE_IN_ROOT).
fn open_in_root(below: RawFd, path: &str, flags: i32) -> io::Result<File> {
    let path = CString::new(path)?;
    // SAFETY: the structure is plain integers, for which zero is a value.
    let mut how: libc::open_how = unsafe { std::mem::zeroed() };
    // The kernel takes no word on size for what is only a path.
    let large = match flags & libc::O_PATH {
        0 => libc::O_LARGEFILE,
        _ => 0,
    };
    how.flags = u64::from((flags | large | libc::O_CLOEXEC).unsigned_abs());
    how.resolve = libc::RESOLVE_IN_ROOT;
    let bytes = size_of::<libc::open_how>();
    // SAFETY: `path` ends in NUL, `how` is as long as said, and both outlive the call.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_openat2,
            below,
            path.as_ptr(),
            &raw const how,
            bytes,
        )
    };
    match RawFd::try_from(fd) {
        // SAFETY: the descriptor is fresh and nobody else's.
        Ok(fd) if fd >= 0 => Ok(unsafe { File::from_raw_fd(fd) }),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The names of a path in reverse, `..` among them, ready to be popped.
fn parts(path: &Path) -> Vec<PathBuf> {
    let name = |part: Component| match part {
        Component::Normal(name) => Some(PathBuf::from(name)),
        Component::ParentDir => Some(PathBuf::from("..")),
        _ => None,
    };
    path.components().rev().filter_map(name).collect()
}

impl Files for Root {
    fn read(&self, path: &str, bytes_max: usize) -> Option<Vec<u8>> {
        self.load(path, bytes_max).ok()
    }

    fn document(&self, path: &str, bytes_max: usize) -> Result<Option<Vec<u8>>, String> {
        let error = match self.load(path, bytes_max) {
            Ok(bytes) => return Ok(Some(bytes)),
            Err(error) => error,
        };
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(None),
            io::ErrorKind::FileTooLarge => Err(format!("more than {bytes_max} bytes")),
            io::ErrorKind::InvalidInput => Err(String::from("no regular file")),
            _ => Err(format!("a file that cannot be read ({error})")),
        }
    }

    /// Names that are not UTF-8 are left out: no fact of a machine has one.
    fn list(&self, path: &str) -> Vec<String> {
        // Most directories asked for are missing, which is cheaper to ask than to walk to.
        let known = self.is_real() || self.metadata(path).is_ok();
        let place = known.then(|| self.resolve(path)).flatten();
        let Some(entries) = place.and_then(|place| fs::read_dir(place).ok()) else {
            return Vec::new();
        };
        let mut names: Vec<String> = entries
            .take(NAMES_MAX)
            .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
            .collect();
        names.sort();
        names
    }

    fn kind(&self, path: &str) -> Option<Kind> {
        let kind = self.metadata(path).ok()?.file_type();
        Some(if kind.is_file() {
            Kind::File
        } else if kind.is_dir() {
            Kind::Directory
        } else if kind.is_socket() {
            Kind::Socket
        } else {
            Kind::Other
        })
    }

    fn modified(&self, path: &str) -> Option<Duration> {
        let modified = self.metadata(path).ok()?.modified().ok()?;
        modified.duration_since(UNIX_EPOCH).ok()
    }

    /// At `/` a block device, below another root an image file. A `!` in the name stands for `/`, as in /sys/class/block.
    fn disk(&self, name: &str) -> Option<Box<dyn Disk>> {
        if name.contains('/') || matches!(name, "" | "." | "..") {
            return None;
        }
        let expected = if self.is_real() {
            fs::FileType::is_block_device
        } else {
            fs::FileType::is_file
        };
        let mut file = self
            .open(&format!("/dev/{}", name.replace('!', "/")), expected)
            .ok()?;
        let bytes = file.seek(SeekFrom::End(0)).ok()?;
        Some(Box::new(Image { file, bytes }))
    }

    /// Below a root other than `/`: the variables that stand for a guest's facts from the real environment, and all others
    /// from the root's own file `env`.
    fn variable(&self, name: &str) -> Option<String> {
        let honoured = VARIABLES.contains(&name) || name.starts_with(GUEST_VARIABLES);
        let real = || std::env::var(name).ok();
        if self.is_real() {
            return if name.starts_with(HYPERVISORS) {
                self.kept(name)
            } else {
                real()
            };
        }
        let text = self.environment.get_or_init(|| {
            let bytes = self.read(ENVIRONMENT, ENVIRONMENT_BYTES_MAX);
            bytes
                .and_then(|bytes| String::from_utf8(bytes).ok())
                .unwrap_or_default()
        });
        let own = || {
            text.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))
                .map(String::from)
        };
        honoured.then(real).flatten().or_else(own)
    }

    fn cpuid_vendor(&self) -> Option<[u8; 12]> {
        self.is_real().then(super::cpu::hypervisor_vendor).flatten()
    }

    fn architecture(&self) -> Option<&'static str> {
        self.is_real().then(super::cpu::architecture)
    }
}

/// A disk that is open for reading.
struct Image {
    file: File,
    bytes: u64,
}

impl Disk for Image {
    fn bytes(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> bool {
        self.file.read_exact_at(buffer, offset).is_ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use super::*;

    fn scratch(name: &str) -> PathBuf {
        let path =
            std::env::temp_dir().join(format!("cloudseed-root-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(path.join("etc")).unwrap();
        path
    }

    #[test]
    fn links_stay_below_the_root() {
        let place = scratch("links");
        fs::write(place.join("etc/name"), "inside").unwrap();
        for (link, target) in [
            ("a", "/etc/name"),
            ("b", "../../../../../../etc/name"),
            ("c", "a"),
            ("d", "/d"),
            ("e", "/etc/passwd"),
            ("f", "/"),
        ] {
            symlink(target, place.join(link)).unwrap();
        }
        let walked = Root {
            below: None,
            ..Root::new(&place)
        };
        for root in [Root::new(&place), walked] {
            for path in [
                "/a",
                "/b",
                "/c",
                "/f/etc/name",
                "/f/../a",
                "a",
                "/etc/./name",
            ] {
                assert_eq!(root.text(path).as_deref(), Some("inside"), "{path}");
                assert_eq!(root.kind(path), Some(Kind::File), "{path}");
            }
            for path in ["/d", "/e", "/nothing", "/etc", "/etc/name/x"] {
                assert_eq!(root.text(path), None, "{path}");
            }
            assert_eq!(root.kind("/f"), Some(Kind::Directory));
            assert_eq!(root.list("/f/etc"), ["name"]);
        }
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn reads_are_bounded_and_never_wait() {
        let place = scratch("bounds");
        let root = Root::new(&place);
        fs::write(place.join("four"), "1234").unwrap();
        assert_eq!(root.read("/four", 4).as_deref(), Some(&b"1234"[..]));
        assert_eq!(root.read("/four", 3), None);
        let pipe = place.join("pipe");
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        assert_eq!(root.read("/pipe", 4), None);
        assert_eq!(root.kind("/pipe"), Some(Kind::Other));
        let real = Root::new(Path::new("/"));
        assert!(
            real.text("/proc/sys/kernel/ostype")
                .is_some_and(|text| text == "Linux")
        );
        assert!(real.list("/sys/class/net").contains(&String::from("lo")));
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn a_disk_below_a_root_is_an_image() {
        let place = scratch("disk");
        let root = Root::new(&place);
        fs::create_dir_all(place.join("dev/cciss")).unwrap();
        fs::write(place.join("dev/sr0"), "0123456789").unwrap();
        fs::write(place.join("dev/cciss/c0d0"), "x").unwrap();
        let disk = root.disk("sr0").unwrap();
        let mut buffer = [0; 4];
        assert_eq!(disk.bytes(), 10);
        assert!(disk.read_at(6, &mut buffer));
        assert_eq!(&buffer, b"6789");
        assert!(!disk.read_at(7, &mut buffer));
        assert_eq!(root.disk("cciss!c0d0").unwrap().bytes(), 1);
        for name in ["", "..", "../etc", "nothing", "cciss"] {
            assert!(root.disk(name).is_none(), "{name}");
        }
        fs::remove_dir_all(place).unwrap();
    }

    #[test]
    fn the_environment_below_a_root_is_its_own() {
        let place = scratch("environment");
        fs::write(
            place.join("env"),
            "KERNEL_CMDLINE_X=1\nPATH=own\nHOME=a=b\n",
        )
        .unwrap();
        let root = Root::new(&place);
        assert_eq!(root.variable("PATH").as_deref(), Some("own"));
        assert_eq!(root.variable("HOME").as_deref(), Some("a=b"));
        assert_eq!(root.variable("USER"), None);
        let real = Root::new(Path::new("/"));
        assert_eq!(real.variable("PATH"), std::env::var("PATH").ok());
        fs::remove_dir_all(place).unwrap();
    }
}
