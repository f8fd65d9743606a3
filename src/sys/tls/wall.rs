//! The clock on the wall, for the dates of certificates.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use cloudseed_core::boot::BEHIND_MAX;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

/// When this program was made, since the epoch: the date of its last commit, which initramfs/build gives as
/// SOURCE_DATE_EPOCH so that the same commit gives the same bytes; and else [`SOURCE_SECONDS`].
const MADE: Duration = Duration::from_secs(match option_env!("SOURCE_DATE_EPOCH") {
    Some(text) => seconds(text.as_bytes()),
    None => SOURCE_SECONDS,
});
/// A day before all of this was written, since the epoch, in seconds: 2026-06-01.
const SOURCE_SECONDS: u64 = 1_780_272_000;

/// The decimal number `digits`; what is none counts as none.
const fn seconds(digits: &[u8]) -> u64 {
    let (mut value, mut index) = (0u64, 0);
    while index < digits.len() {
        let digit = digits[index].wrapping_sub(b'0');
        if digit > 9 || digits.len() > 12 {
            return SOURCE_SECONDS;
        }
        value = value * 10 + digit as u64;
        index += 1;
    }
    if value < SOURCE_SECONDS {
        SOURCE_SECONDS
    } else {
        value
    }
}

/// The wall clock, never before what a metadata service has told, nor before the making of this program.
#[derive(Clone, Debug)]
pub struct Wall {
    /// The machine's clock.
    pub clock: fn() -> Duration,
    /// What was told, in seconds since the epoch.
    pub heard: Arc<AtomicU64>,
}

impl Wall {
    /// What the clock says.
    pub fn said(&self) -> Duration {
        (self.clock)()
    }

    /// What was told, if the clock is far behind it.
    pub fn told(&self) -> Option<Duration> {
        let heard = Duration::from_secs(self.heard.load(Ordering::Relaxed));
        Some(heard).filter(|heard| *heard > self.said().saturating_add(BEHIND_MAX))
    }

    /// True if nobody tells a time at which this program could run.
    pub fn is_wrong(&self) -> bool {
        self.told().unwrap_or(self.said()) < MADE
    }
}

impl TimeProvider for Wall {
    fn current_time(&self) -> Option<UnixTime> {
        let time = self.told().unwrap_or(self.said());
        Some(UnixTime::since_unix_epoch(time.max(MADE)))
    }
}

/// The day of a time since the epoch, in the Gregorian calendar: years are counted from March, so that February is the last
/// month, in cycles of 400 years, which all have 146097 days.
pub fn date(seconds: u64) -> String {
    let days = seconds / 86_400 + 719_468;
    let (cycle, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..10 => (year, month + 3),
        _ => (year + 1, month - 9),
    };
    format!("{:04}-{month:02}-{day:02}", cycle * 400 + year)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_have_dates() {
        for (seconds, want) in [
            (0, "1970-01-01"),
            (951_782_400, "2000-02-29"),
            (1_709_251_199, "2024-02-29"),
            (1_735_689_599, "2024-12-31"),
            (4_102_444_800, "2100-01-01"),
        ] {
            assert_eq!(date(seconds), want);
        }
    }
}
