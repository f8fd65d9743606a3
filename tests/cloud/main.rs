//! The simulated cloud as a program: at the end of QEMU's network cable, or of a network interface of this machine.
//!
//! ```text
//! cloud FOLDER CABLE … [SETTING …]       the cloud of a folder, at as many cables as the machine has interfaces
//! cloud --ports PORTS MACHINE            no cloud: the host behind the sockets of a machine (see host.rs)
//! cloud --serial KEYS SOCKET             no cloud: the host behind QEMU's -chardev socket,path=SOCKET,server=on
//! cloud --relay CABLE CABLE [SETTING …]  no cloud: carries frames from one cable to the other, with faults
//!
//! CABLE    --dgram LOCAL REMOTE    -netdev dgram,id=n0,local.type=unix,local.path=REMOTE,remote.type=unix,remote.path=LOCAL
//!          --stream PATH           -netdev stream,id=n0,server=off,addr.type=unix,addr.path=PATH
//!          --interface NAME        a veth, say; needs the right to open packet sockets there. Who sends to it must not leave
//!                                  segmentation to hardware: `ip link set PEER gso_max_segs 1`
//! SETTING  as in `cloud.conf`, in one word: 'loss 30%' 'delay 10ms'
//! ```
//!
//! It tells on stderr what happens, one line each. It ends on SIGTERM and with its parent: when that closes the pipe on
//! standard input, or dies.

#[path = "mod.rs"]
mod cloud;
mod host;
mod port;
mod wire;

use std::convert::Infallible;
use std::io;
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::parent_id;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use cloud::SimulatedCloud;
use cloud::settings::Settings;
use wire::Bundle;

/// The seed of all faults: every run meets the same ones.
const SEED: u64 = 1;
/// How often to look whether the parent lives.
const LOOK_TIME: Duration = Duration::from_millis(500);

const USAGE: &str = "cloud FOLDER CABLE … [SETTING …] | cloud --relay CABLE CABLE [SETTING …]
CABLE: --dgram LOCAL REMOTE | --stream PATH | --interface NAME";

fn main() -> ExitCode {
    end_with_parent();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let Err(error) = run(&words);
    eprintln!("cloud: {error}");
    ExitCode::FAILURE
}

fn run(words: &[&str]) -> Result<Infallible, String> {
    let (folder, mut words) = words.split_first().ok_or(USAGE)?;
    match (*folder, words) {
        ("--ports", [ports, machine]) => return ports_of(Path::new(ports), Path::new(machine)),
        ("--serial", [keys, socket]) => return serial(Path::new(keys), Path::new(socket)),
        _ => {}
    }
    let mut bundle = Bundle::new();
    while words.first().is_some_and(|word| word.starts_with("--")) {
        words = plug(&mut bundle, words)?;
    }
    let settings = words.join("\n");
    if *folder == "--relay" && bundle.len() == 2 {
        let mut faults = Settings::default();
        faults.add(&settings)?;
        return Err(bundle.relay(&faults.faults, SEED).to_string());
    }
    if folder.starts_with('-') || bundle.len() == 0 {
        return Err(USAGE.to_string());
    }
    let cloud = SimulatedCloud::from_folder(folder)?.with(&settings)?;
    Err(bundle
        .serve(cloud, SEED, |event| eprintln!("{event}"))
        .to_string())
}

/// Serves the ports of a machine, for ever.
fn ports_of(ports: &Path, machine: &Path) -> Result<Infallible, String> {
    host::serve(ports, machine).map_err(|error| error.to_string())?;
    loop {
        std::thread::park();
    }
}

/// Serves the far end of one serial line, at the socket that QEMU has for it.
fn serial(keys: &Path, socket: &Path) -> Result<Infallible, String> {
    loop {
        if let Ok(stream) = UnixStream::connect(socket) {
            host::serial(stream, keys).map_err(|error| error.to_string())?;
        }
        std::thread::sleep(LOOK_TIME);
    }
}

/// Plugs in the first cable of `words`, and gives the words behind it.
fn plug<'a>(bundle: &mut Bundle, words: &'a [&'a str]) -> Result<&'a [&'a str], String> {
    let (result, name, rest) = match words {
        ["--dgram", local, remote, rest @ ..] => (bundle.dgram(local, remote), local, rest),
        ["--stream", path, rest @ ..] => (bundle.stream(path), path, rest),
        ["--interface", name, rest @ ..] => (bundle.interface(name), name, rest),
        _ => return Err(USAGE.to_string()),
    };
    result.map_err(|error| format!("{name}: {error}"))?;
    Ok(rest)
}

/// Ends the program when its parent closes the pipe on standard input or dies. A shell's background job has no such pipe.
fn end_with_parent() {
    let kind = std::fs::metadata("/dev/stdin").map(|found| found.file_type());
    if kind.is_ok_and(|kind| kind.is_fifo() || kind.is_socket()) {
        std::thread::spawn(|| {
            let _ = io::copy(&mut io::stdin(), &mut io::sink());
            std::process::exit(0)
        });
    }
    let parent = parent_id();
    std::thread::spawn(move || {
        while parent_id() == parent {
            std::thread::sleep(LOOK_TIME);
        }
        std::process::exit(0)
    });
}
