//! A line that loses, delays, repeats, reorders and damages frames, the same ones each time it is given the same seed.

use std::collections::BTreeMap;
use std::time::Duration;

use smoltcp::time::Instant;

/// The header of an Ethernet frame, in bytes.
const HEADER_BYTES: usize = 14;
/// How long an overtaken frame comes late, at least and at most, in microseconds.
const OVERTAKEN_MICROS: std::ops::Range<u64> = 1_000..5_000;

/// What a line does to frames. Shares are in parts per million of the frames.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Frames that vanish.
    pub loss: u32,
    /// Frames that arrive twice.
    pub duplicate: u32,
    /// Frames that those behind them overtake.
    pub reorder: u32,
    /// Frames with one flipped bit.
    pub corrupt: u32,
    /// How long every frame takes, each way.
    pub delay: Duration,
    /// Longest IP packet that gets through, in bytes; longer ones vanish without a word.
    pub mtu: Option<usize>,
}

impl Faults {
    /// Takes in one setting, `loss 30%` or `delay 20ms`; false if `name` is none of ours.
    pub fn set(&mut self, name: &str, value: &str) -> Result<bool, String> {
        match name {
            "loss" => self.loss = share(value)?,
            "duplicate" => self.duplicate = share(value)?,
            "reorder" => self.reorder = share(value)?,
            "corrupt" => self.corrupt = share(value)?,
            "delay" => self.delay = duration(value)?,
            "mtu" => self.mtu = Some(bytes(value)?),
            _ => return Ok(false),
        }
        Ok(true)
    }
}

fn bytes(text: &str) -> Result<usize, String> {
    text.parse()
        .map_err(|_| format!("expected a number of bytes, but found {text}"))
}

/// A share of all frames, `30%` or `0.1%`, in parts per million.
fn share(text: &str) -> Result<u32, String> {
    text.strip_suffix('%')
        .and_then(|number| number.parse::<f64>().ok())
        .filter(|percent| (0.0..=100.0).contains(percent))
        .map(|percent| (percent * 10_000.0) as u32)
        .ok_or_else(|| format!("expected a share like 30%, but found {text}"))
}

/// A time, `200ms`, `3s` or `50us`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "us" => 1,
        "ms" => 1_000,
        "s" => 1_000_000,
        _ => {
            return Err(format!(
                "expected a time like 200ms or 3s, but found {text}"
            ));
        }
    };
    let number: u64 = digits
        .parse()
        .map_err(|_| format!("expected a time like 200ms or 3s, but found {text}"))?;
    Ok(Duration::from_micros(number * unit))
}

/// A small generator of random numbers (splitmix64): equal seeds give equal numbers.
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// True in this share of the cases, in parts per million.
    fn happens(&mut self, share: u32) -> bool {
        self.next() % 1_000_000 < u64::from(share)
    }
}

/// One direction of a cable: frames go in, and later come out, or not.
pub struct Line {
    faults: Faults,
    random: Random,
    sent: u64,
    flying: BTreeMap<(Instant, u64), Vec<u8>>,
}

impl Line {
    /// An empty line.
    pub fn new(faults: &Faults, seed: u64) -> Line {
        Line {
            faults: faults.clone(),
            random: Random(seed),
            sent: 0,
            flying: BTreeMap::new(),
        }
    }

    /// Puts a frame in.
    pub fn send(&mut self, mut frame: Vec<u8>, now: Instant) {
        let longest = self.faults.mtu.map_or(usize::MAX, |mtu| mtu + HEADER_BYTES);
        if frame.len() > longest || self.random.happens(self.faults.loss) {
            return;
        }
        if self.random.happens(self.faults.corrupt) && !frame.is_empty() {
            let bit = self.random.next() as usize % (frame.len() * 8);
            frame[bit / 8] ^= 1 << (bit % 8);
        }
        if self.random.happens(self.faults.duplicate) {
            self.fly(frame.clone(), now);
        }
        self.fly(frame, now);
    }

    fn fly(&mut self, frame: Vec<u8>, now: Instant) {
        let mut time = self.faults.delay;
        if self.random.happens(self.faults.reorder) {
            let span = OVERTAKEN_MICROS.end - OVERTAKEN_MICROS.start;
            let late = OVERTAKEN_MICROS.start + self.random.next() % span;
            time += Duration::from_micros(late);
        }
        self.sent += 1;
        self.flying.insert((now + time.into(), self.sent), frame);
    }

    /// Takes the next frame out that has arrived by `now`.
    pub fn receive(&mut self, now: Instant) -> Option<Vec<u8>> {
        let entry = self.flying.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }

    /// When the next frame arrives.
    pub fn next(&self) -> Option<Instant> {
        self.flying.first_key_value().map(|((at, _), _)| *at)
    }
}
