//! Capture: frames on record (`--pcap`), and in words (`--trace`).

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use cloudseed_core::net::trace::Ladder;
use cloudseed_core::net::{Nic, Tap, record};

use super::clock;

/// What to do with frames.
#[derive(Clone, Debug, Default)]
pub struct Capture {
    /// Where to record them.
    pcap: Option<PathBuf>,
    /// Print them in words on standard error.
    trace: bool,
}

impl Capture {
    /// Records frames in the file `pcap`, and prints them if `trace`.
    pub fn new(pcap: Option<PathBuf>, trace: bool) -> Capture {
        Capture { pcap, trace }
    }

    /// True if somebody wants to see frames.
    pub fn is_wanted(&self) -> bool {
        self.trace || self.pcap.is_some()
    }
}

/// Somebody who sees every frame and does with it what `capture` asks for. Each frame is written at once, so that a record
/// of a boot that hangs is whole; a disk that is full ends the record, not the boot.
pub fn tap(capture: &Capture, nics: &[Nic]) -> io::Result<Tap> {
    let mut file = match &capture.pcap {
        Some(path) => {
            // It holds tokens and user-data; what is there already may be somebody's, or lead there.
            let mut file = File::options()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(path)?;
            file.write_all(&record::head(nics))?;
            Some(file)
        }
        None => None,
    };
    let names: Vec<String> = nics.iter().map(|nic| nic.name.clone()).collect();
    let told = capture.trace;
    let mut ladder = Ladder::new(clock::now());
    Ok(Box::new(move |now, index, way, bytes| {
        if let Some(open) = &mut file
            && open
                .write_all(&record::frame(now, index, way, bytes))
                .is_err()
        {
            file = None;
        }
        if told {
            let name = names.get(index).map_or("?", String::as_str);
            // Nobody who reads standard error is no reason to stop.
            let _ = io::stderr().write_all(ladder.climb(now, name, way, bytes).as_bytes());
        }
    }))
}
