//! Landlock (landlock(7)): files may be written only where a boot writes any: sysctls of interfaces, serial lines. Nothing
//! is made, removed, renamed or executed.

use std::ffi::CString;
use std::fs;
use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;

use super::check;

const CREATE_RULESET: libc::c_long = 444;
const ADD_RULE: libc::c_long = 445;
const RESTRICT_SELF: libc::c_long = 446;
/// LANDLOCK_CREATE_RULESET_VERSION.
const ASK_VERSION: u32 = 1;
/// LANDLOCK_RULE_PATH_BENEATH.
const PATH_BENEATH: u32 = 1;
/// EXECUTE, WRITE_FILE, and from REMOVE_DIR to MAKE_SYM: all of the first version that change or run something.
const CHANGES: u64 = 1 | 1 << 1 | 0x1ff0;
/// REFER, which came with the second version, and TRUNCATE, with the third.
const REFER: u64 = 1 << 13;
const TRUNCATE: u64 = 1 << 14;
const WRITE_FILE: u64 = 1 << 1;
/// Below which files may be written: sysctls of interfaces.
const WRITTEN: &str = "/proc/sys/net";
/// What the names of devices begin with that may be written: serial lines, but no terminals and no disks.
const LINES: [&str; 2] = ["tty", "hvc"];

/// struct landlock_path_beneath_attr, which is packed.
#[repr(C, packed)]
struct Beneath {
    allowed: u64,
    parent: i32,
}

/// Puts this process under the rules.
///
/// # Errors
/// The kernel has no landlock, or does not take the rules.
pub fn enter() -> io::Result<()> {
    let (none, zero) = (std::ptr::null::<u64>(), 0usize);
    // SAFETY: asks for a number; no pointers.
    let version = unsafe { libc::syscall(CREATE_RULESET, none, zero, ASK_VERSION) };
    check(version)?;
    let later = [REFER, TRUNCATE]
        .into_iter()
        .take(usize::try_from(version - 1).unwrap_or(0));
    let handled = later.fold(CHANGES, |handled, right| handled | right);
    // SAFETY: the pointer and the length are those of a number of ours, the only field that all versions know.
    let rules = unsafe { libc::syscall(CREATE_RULESET, &raw const handled, size_of::<u64>(), 0) };
    // SAFETY: the kernel has just given us this descriptor, and nobody else knows it.
    let rules = unsafe { OwnedFd::from_raw_fd(check(rules)? as i32) };
    for path in lines().into_iter().chain([String::from(WRITTEN)]) {
        match allow(&rules, &path, WRITE_FILE | (handled & TRUNCATE)) {
            // What is not there needs no rule.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    // SAFETY: no pointers; the descriptor is open.
    check(unsafe { libc::syscall(RESTRICT_SELF, rules.as_raw_fd(), 0) })?;
    Ok(())
}

/// The serial lines and ports that are there.
fn lines() -> Vec<String> {
    let entries = fs::read_dir("/dev").into_iter().flatten().flatten();
    let is_line = |entry: &fs::DirEntry| {
        let is_device = entry.file_type().is_ok_and(|kind| kind.is_char_device());
        is_device && is_line(&entry.file_name().to_string_lossy())
    };
    let found = entries.filter(is_line).take(LINES_MAX);
    found
        .map(|entry| entry.path().to_string_lossy().into_owned())
        .collect()
}

/// Most of them; each is a rule.
const LINES_MAX: usize = 256;

/// `ttyS1`, `hvc0`; `tty1` is a screen.
fn is_line(name: &str) -> bool {
    let kind = LINES
        .iter()
        .find_map(|kind| Some((*kind, name.strip_prefix(kind)?)));
    kind.is_some_and(|(kind, rest)| {
        kind != "tty" || rest.starts_with(|c: char| c.is_ascii_alphabetic())
    })
}

fn allow(rules: &OwnedFd, path: &str, allowed: u64) -> io::Result<()> {
    let path = CString::new(path)?;
    // SAFETY: the string ends in NUL and outlives the call.
    let place = unsafe { libc::open(path.as_ptr(), libc::O_PATH | libc::O_CLOEXEC) };
    // SAFETY: the kernel has just given us this descriptor, and nobody else knows it.
    let place = unsafe { OwnedFd::from_raw_fd(check(place.into())? as i32) };
    let rule = Beneath {
        allowed,
        parent: place.as_raw_fd(),
    };
    let (raw, none) = (rules.as_raw_fd(), 0);
    // SAFETY: the rule is ours, of the kind that is said, and outlives the call, as do both descriptors.
    let added = unsafe { libc::syscall(ADD_RULE, raw, PATH_BENEATH, &raw const rule, none) };
    check(added).map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn serial_lines_are_written_and_screens_are_not() {
        for (name, expected) in [
            ("ttyS1", true),
            ("ttyAMA0", true),
            ("hvc0", true),
            ("vport1p1", false),
            ("tty", false),
            ("tty1", false),
            ("sda", false),
            ("mem", false),
        ] {
            assert_eq!(is_line(name), expected, "{name}");
        }
    }
}
