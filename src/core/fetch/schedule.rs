//! The one schedule of tries: how long a try, a document and a pause may take, and when to give up.

use alloc::format;
use alloc::string::String;
use core::time::Duration;

/// Longest time the first try may take, connection included; each time that one is over while somebody has the request, the next
/// ones may take twice as long: cloud-init waits for some services for 50 s.
pub const TRY_SECONDS_MAX: u64 = 5;
/// Longest time one document that may be missing may take, all tries and pauses together. For one that must be there there is
/// no limit but the deadline: without it there is no instance.
pub const DOCUMENT_SECONDS_MAX: u64 = 40;
/// Tries per document that may be missing.
pub const TRIES_MAX: u32 = 6;
/// The first pause between tries; it doubles, with jitter, up to [`PAUSE_MAX`].
pub const PAUSE_MIN: Duration = Duration::from_millis(200);
/// The longest pause between tries, `Retry-After` included.
pub const PAUSE_MAX: Duration = Duration::from_secs(5);

/// The tries of one document.
#[derive(Clone, Debug)]
pub struct Schedule {
    started: Duration,
    deadline: Duration,
    tries: u32,
    tries_max: u32,
    pause: Duration,
    most: Duration,
}

impl Schedule {
    /// A schedule that begins `now` and ends at `deadline`, or after `most`.
    pub fn new(now: Duration, deadline: Duration, most: Duration) -> Schedule {
        Schedule {
            started: now,
            deadline: deadline.min(now.saturating_add(most)),
            tries: 0,
            tries_max: TRIES_MAX,
            pause: PAUSE_MIN,
            most: Duration::from_secs(TRY_SECONDS_MAX),
        }
    }

    /// A schedule that begins `now` and goes on until `deadline`, at growing distances.
    pub fn patient(now: Duration, deadline: Duration) -> Schedule {
        Schedule {
            tries_max: u32::MAX,
            ..Schedule::new(now, deadline, Duration::MAX)
        }
    }

    /// How long is left.
    pub fn left(&self, now: Duration) -> Duration {
        self.deadline.saturating_sub(now)
    }

    /// Begins a try: how long it may take.
    pub fn begin(&mut self, now: Duration) -> Duration {
        self.tries += 1;
        self.left(now).min(self.most)
    }

    /// Gives the next tries twice as long.
    pub fn lengthen(&mut self) {
        self.most = self.most.saturating_mul(2);
    }

    /// How long to wait before the next try: as long as the other side asked for, or twice as long as the last time, shortened
    /// by up to a quarter, so that machines started together do not ask together. `None` if there is no next try.
    pub fn pause(
        &mut self,
        now: Duration,
        asked: Option<Duration>,
        random: u32,
    ) -> Option<Duration> {
        let own = self.pause - self.pause / 4 * (random % 256) / 256;
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        let pause = asked.unwrap_or(own).min(PAUSE_MAX);
        (self.tries < self.tries_max && pause < self.left(now)).then_some(pause)
    }

    /// What it took so far: `2 tries, 3 s`.
    pub fn spent(&self, now: Duration) -> String {
        let spent = now.saturating_sub(self.started).as_secs();
        match self.tries {
            1 => format!("1 try, {spent} s"),
            tries => format!("{tries} tries, {spent} s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn pauses_double_and_end() {
        let mut schedule = Schedule::new(SECOND, 100 * SECOND, 50 * SECOND);
        let mut pauses = alloc::vec::Vec::new();
        for _ in 0..TRIES_MAX {
            assert_eq!(schedule.begin(SECOND), 5 * SECOND);
            pauses.push(schedule.pause(SECOND, None, 0));
        }
        let millis = [200, 400, 800, 1600, 3200].map(|ms| Some(Duration::from_millis(ms)));
        assert_eq!(pauses[..5], millis);
        assert_eq!(pauses[5], None);
        assert_eq!(schedule.spent(13 * SECOND), "6 tries, 12 s");
    }

    #[test]
    fn the_patient_go_on_until_the_deadline() {
        let mut schedule = Schedule::patient(SECOND, 60 * SECOND);
        let (mut now, mut tries) = (SECOND, 0);
        while let Some(pause) = schedule.pause(now, None, 0) {
            now += pause;
            tries += 1;
        }
        assert!(now > 50 * SECOND && now < 60 * SECOND, "{now:?}");
        assert!((10..30).contains(&tries), "{tries}");
    }

    #[test]
    fn a_try_gets_longer_within_what_is_left() {
        let mut schedule = Schedule::new(SECOND, 100 * SECOND, 40 * SECOND);
        let mut begun = alloc::vec::Vec::new();
        for now in [1, 6, 16, 36] {
            begun.push(schedule.begin(now * SECOND).as_secs());
            schedule.lengthen();
        }
        assert_eq!(begun, [5, 10, 20, 5]);
    }

    #[test]
    fn jitter_shortens_by_a_quarter_at_most() {
        for random in [0, 1, 128, 255, 256, u32::MAX] {
            let mut schedule = Schedule::new(SECOND, 9 * SECOND, 9 * SECOND);
            let pause = schedule.pause(SECOND, None, random).unwrap_or_default();
            assert!(
                (PAUSE_MIN * 3 / 4..=PAUSE_MIN).contains(&pause),
                "{pause:?}"
            );
        }
    }

    #[test]
    fn what_is_asked_for_is_bounded() {
        let mut schedule = Schedule::new(SECOND, 9 * SECOND, 9 * SECOND);
        assert_eq!(
            schedule.pause(SECOND, Some(2 * SECOND), 9),
            Some(2 * SECOND)
        );
        assert_eq!(
            schedule.pause(SECOND, Some(900 * SECOND), 9),
            Some(PAUSE_MAX)
        );
        assert_eq!(schedule.pause(8 * SECOND, Some(2 * SECOND), 9), None);
        assert_eq!(schedule.begin(7 * SECOND), 2 * SECOND);
    }
}
