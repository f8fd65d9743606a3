//! Console: one line for people, where they look while a machine boots.
//!
//! The kernel's log is that place: it is on the console as far as the boot's verbosity wants, and it is in the journal later.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;

use cloudseed_core::text::harmless;

use super::root::Root;

/// Longest line in bytes; the kernel takes records below 1 KiB.
const LINE_BYTES_MAX: usize = 900;

/// How much a line matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weight {
    /// All is well; a quiet boot does not show it.
    Notice,
    /// Somebody should look: shown on a quiet boot too.
    Alarm,
}

/// Says one line: to the kernel's log, else to the console, else to standard error; below a root other than `/` only there.
pub fn say(root: &Root, weight: Weight, line: &str) {
    let line = printable(line);
    let level = match weight {
        Weight::Notice => 5,
        Weight::Alarm => 3,
    };
    let said = root.is_real()
        && (write("/dev/kmsg", &format!("<{level}>cloudseed: {line}\n"))
            || write("/dev/console", &format!("cloudseed: {line}\r\n")));
    if !said {
        // Nobody is left to tell if this fails.
        let _ = writeln!(std::io::stderr(), "cloudseed: {line}");
    }
}

/// Writes in one call; never waits for a console that nobody reads.
fn write(path: &str, line: &str) -> bool {
    let open = |path: &str| -> std::io::Result<File> {
        OpenOptions::new()
            .write(true)
            .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
            .open(path)
    };
    open(path)
        .and_then(|mut file| file.write_all(line.as_bytes()))
        .is_ok()
}

/// One line, bounded, without what a terminal would obey: a cloud's words end up here.
fn printable(line: &str) -> String {
    let mut printable = String::new();
    for letter in line.chars() {
        if printable.len() + letter.len_utf8() > LINE_BYTES_MAX {
            break;
        }
        printable.push(harmless(letter));
    }
    printable
}
