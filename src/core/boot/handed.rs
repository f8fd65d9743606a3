//! Handed: what a boot hands to the process that writes, as bytes. Whoever made them may have been taken over by what it read,
//! so that everything is checked when it is taken back.
//!
//! ```text
//!   handed = well deadline line waits count *file
//!   file   = path mode content
//!   well   = %x00 / %x01          deadline = u64, microseconds
//!   mode   = %x00 / %x01          count    = u32
//!   line, waits, path, content = u32 length, bytes
//! ```
//! Numbers are little-endian.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

use nom::multi::length_data;
use nom::number::complete::{le_u8, le_u32, le_u64};
use nom::{IResult, Parser};

use crate::boot;
use crate::bytes::Bytes;
use crate::compile::{self, amend};
use crate::plan::{Mode, Plan, RunPath};
use crate::settings::own::DEADLINE_SECONDS_MAX;
use crate::warning::Error;

/// Most bytes of one plan, with its paths: what may lie in /run. All documents and parts together are below it.
pub const HANDED_BYTES_MAX: usize = 256 << 20;
/// Most files of one plan: every part and its script, and what else there is.
pub const FILES_MAX: u32 = 16_384;

/// No boot may ask for more time.
const DEADLINE_MAX: Duration = Duration::from_secs(DEADLINE_SECONDS_MAX);

/// A plan, and what to say of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Handed {
    /// The files.
    pub plan: Plan,
    /// The line for the console.
    pub line: String,
    /// What is waited for next, for people; empty if nothing is.
    pub waits: String,
    /// False if there should be an instance and there is none.
    pub well: bool,
    /// When the whole boot is to be over, since the program started.
    pub deadline: Duration,
}

impl Handed {
    /// Hands its bytes on, piece by piece, so that no document is copied for it.
    pub fn write(&self, give: &mut dyn FnMut(&[u8])) {
        give(&[u8::from(self.well)]);
        let deadline = u64::try_from(self.deadline.as_micros()).unwrap_or(u64::MAX);
        give(&deadline.to_le_bytes());
        long(give, self.line.as_bytes());
        long(give, self.waits.as_bytes());
        give(&number(self.plan.files().count()));
        for (path, mode, content) in self.plan.files() {
            long(give, path.as_str().as_bytes());
            give(&[u8::from(mode == Mode::Public)]);
            long(give, content);
        }
    }

    /// From bytes, of which its files are pieces. `None` if they are not all of one, name a file that no boot writes, or would
    /// show everybody what is not for everybody.
    pub fn read(bytes: &Bytes) -> Option<Handed> {
        if bytes.len() > HANDED_BYTES_MAX {
            return None;
        }
        let (rest, (well, deadline, line, waits, count)) = (le_u8, le_u64, data, data, le_u32)
            .parse(bytes)
            .ok()
            .filter(|(_, (_, _, _, _, count))| *count <= FILES_MAX)?;
        let (mut rest, mut plan) = (rest, Plan::default());
        for _ in 0..count {
            let (behind, (path, mode, content)) = (data, le_u8, data).parse(rest).ok()?;
            rest = behind;
            let path = RunPath::new(core::str::from_utf8(path).ok()?)?;
            let mode = match mode {
                0 => Mode::Private,
                1 => Mode::Public,
                _ => return None,
            };
            if !compile::may_be(path.as_str(), mode) {
                return None;
            }
            plan.put(path, mode, bytes.piece(content));
        }
        rest.is_empty().then_some(Handed {
            plan,
            line: String::from(core::str::from_utf8(line).ok()?),
            waits: String::from(core::str::from_utf8(waits).ok()?),
            well: well == 1,
            deadline: Duration::from_micros(deadline).min(DEADLINE_MAX),
        })
    }
}

/// What is left of a boot that was cut off, by what it had handed over last.
pub fn cut_off(so_far: Option<Handed>, error: &Error) -> Handed {
    let Some(mut handed) = so_far else {
        return boot::failed(error);
    };
    let reports = if handed.well {
        amend::degraded(&handed.plan, core::slice::from_ref(&error.what))
    } else {
        amend::failed(&handed.plan, error)
    };
    handed.plan.extend(reports);
    handed.line = if handed.well {
        amend::line(handed.line, core::slice::from_ref(&error.what))
    } else {
        format!("failed: {error}")
    };
    handed
}

fn data(input: &[u8]) -> IResult<&[u8], &[u8]> {
    length_data(le_u32).parse(input)
}

fn long(give: &mut dyn FnMut(&[u8]), text: &[u8]) {
    give(&number(text.len()));
    give(text);
}

/// A length; one that does not fit is refused where it is read, because then nothing fits.
fn number(number: usize) -> [u8; 4] {
    u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use alloc::vec::Vec;

    use super::*;
    use crate::warning::Blame;

    fn handed(files: &[(&str, Mode)]) -> Handed {
        let mut plan = Plan::default();
        for (path, mode) in files {
            plan.put(RunPath::new(path).unwrap(), *mode, "text");
        }
        Handed {
            plan,
            line: String::from("found: ä"),
            waits: String::from("Ec2"),
            well: true,
            deadline: Duration::from_secs(90),
        }
    }

    fn written(handed: &Handed) -> Vec<u8> {
        let mut bytes = Vec::new();
        handed.write(&mut |piece| bytes.extend(piece));
        bytes
    }

    fn read(bytes: &[u8]) -> Option<Handed> {
        Handed::read(&Bytes::from(bytes))
    }

    #[test]
    fn no_boot_may_ask_for_more_time_than_there_is() {
        let mut endless = handed(&[]);
        endless.deadline = Duration::MAX;
        let taken = read(&written(&endless)).unwrap();
        assert_eq!(taken.deadline, DEADLINE_MAX);
    }

    #[test]
    fn what_is_written_is_read_and_nothing_less() {
        let whole = handed(&[
            ("cloudseed/status", Mode::Public),
            ("cloudseed/parts/001-a", Mode::Private),
            ("cloudseed/urlcache/ab", Mode::Private),
        ]);
        let bytes = written(&whole);
        assert_eq!(read(&bytes), Some(whole));
        for length in 0..bytes.len() {
            assert_eq!(read(&bytes[..length]), None, "{length}");
        }
        let longer: Vec<u8> = bytes.iter().copied().chain([0]).collect();
        assert_eq!(read(&longer), None);
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 0xff;
            // Whatever it is, it stays in its rooms.
            let read = read(&bytes).unwrap_or_default();
            for (path, mode, _) in read.plan.files() {
                assert!(compile::may_be(path.as_str(), mode));
            }
        }
    }

    #[test]
    fn what_no_boot_writes_is_refused() {
        for (path, mode) in [
            ("systemd/network/10-x.network", Mode::Public),
            ("cloudseed/other", Mode::Private),
            ("cloudseed/user-data", Mode::Public),
            ("cloudseed/urlcache/ab", Mode::Public),
        ] {
            assert_eq!(read(&written(&handed(&[(path, mode)]))), None, "{path}");
        }
    }

    #[test]
    fn a_boot_that_was_cut_off_is_told() {
        let error = Error::new(Blame::Unable, "boot", "worker", "it to end", "signal 9");
        let text = |handed: &Handed, path: &str| {
            String::from_utf8(handed.plan.get(path).unwrap().to_vec()).unwrap()
        };
        let early = cut_off(None, &error);
        let line = "failed: boot: worker: expected it to end, but found signal 9";
        assert_eq!(early.line, line);
        let mut later = early.clone();
        later.line = String::from("none");
        later = cut_off(Some(later), &error);
        assert_eq!(later.line, line);
        for handed in [&early, &later] {
            assert!(!handed.well);
            assert_eq!(text(handed, "cloudseed/status"), "failed\n");
            assert!(text(handed, "cloudseed/result.json").contains("signal 9"));
        }
        let mut found = early;
        for (path, content) in [
            ("cloudseed/status", "found\n"),
            (
                "cloudseed/metadata.env",
                "CLOUDSEED_STATUS=\"found\"\nCLOUDSEED_X=\"found\"\n",
            ),
        ] {
            found
                .plan
                .put(RunPath::new(path).unwrap(), Mode::Public, content);
        }
        found.well = true;
        found.line = String::from("found: Ec2");
        let found = cut_off(Some(found), &error);
        assert!(found.well);
        assert_eq!(found.line, line.replace("failed: ", "degraded: Ec2; "));
        assert_eq!(text(&found, "cloudseed/status"), "degraded\n");
        assert_eq!(
            text(&found, "cloudseed/metadata.env"),
            "CLOUDSEED_STATUS=\"degraded\"\nCLOUDSEED_X=\"found\"\n"
        );
    }
}
