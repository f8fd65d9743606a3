//! Ports of the machine: a pseudo-terminal as a serial line, sockets in the file system, and HTTP over them.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use cloudseed_core::fetch::Cloud;
use cloudseed_core::journal::Journal;
use cloudseed_core::machine::Machine;
use cloudseed_core::outside::{
    Again, At, Endpoint, Failure, Method, Network, Outside, Port, Ports, Request, Stream,
};
use cloudseed_core::platform::searched;
use cloudseed_core::settings::Settings;

use crate::compile::Scratch;
use crate::sys::ports::Doors;
use crate::sys::root::Root;
use crate::sys::stream::{self, Started};
use crate::sys::world;

const SECOND: Duration = Duration::from_secs(1);

/// The near end of a terminal, and the path of the far one.
fn terminal() -> (File, String) {
    // SAFETY: no pointers.
    let near = unsafe { libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY) };
    assert!(near >= 0);
    // SAFETY: the descriptor is fresh and nobody else's.
    let near = unsafe { OwnedFd::from_raw_fd(near) };
    // SAFETY: no pointers.
    assert_eq!(unsafe { libc::unlockpt(near.as_raw_fd()) }, 0);
    let mut number = 0i32;
    // SAFETY: the pointer is to an integer of ours that outlives the call, which writes one.
    let told = unsafe { libc::ioctl(near.as_raw_fd(), libc::TIOCGPTN as _, &mut number) };
    assert_eq!(told, 0);
    (File::from(near), format!("/dev/pts/{number}"))
}

/// How the terminal is set up; both ends share that.
fn settings(terminal: &File) -> libc::termios2 {
    // SAFETY: all zeroes is a valid termios.
    let mut settings: libc::termios2 = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a termios of ours that outlives the call.
    let told = unsafe { libc::ioctl(terminal.as_raw_fd(), libc::TCGETS2, &mut settings) };
    assert_eq!(told, 0);
    settings
}

fn flags(terminal: &File) -> [libc::tcflag_t; 4] {
    let settings = settings(terminal);
    [
        settings.c_iflag,
        settings.c_oflag,
        settings.c_cflag,
        settings.c_lflag,
    ]
}

/// Reads up to the end of a line.
fn line(stream: &mut dyn Stream, until: Duration) -> Result<String, Failure> {
    let mut line = Vec::new();
    while line.last() != Some(&b'\n') {
        let mut byte = [0];
        match stream.read(&mut byte, until)? {
            0 => break,
            _ => line.extend(byte),
        }
    }
    Ok(String::from_utf8(line).unwrap())
}

fn real() -> (Doors, Started) {
    let started = Started::now();
    (Doors::new(Root::new(Path::new("/")), started), started)
}

#[test]
fn a_serial_line_is_raw_and_left_as_it_was() {
    let (mut near, path) = terminal();
    let before = flags(&near);
    let (mut doors, started) = real();
    let port = Port::Serial {
        path: &path,
        speed: 115_200,
    };
    let mut stream = doors.open(&port, SECOND).unwrap();
    assert_ne!(flags(&near), before);
    let during = settings(&near);
    assert_eq!((during.c_ispeed, during.c_ospeed), (115_200, 115_200));
    let until = started.passed() + 5 * SECOND;
    // Neither an echo, nor another end of a line, nor a letter that means something.
    stream.write(b"NEGOTIATE V2\x03\x04\r\n", until).unwrap();
    let mut heard = [0; 16];
    near.read_exact(&mut heard).unwrap();
    assert_eq!(&heard, b"NEGOTIATE V2\x03\x04\r\n");
    near.write_all(b"V2_OK\r\n").unwrap();
    assert_eq!(line(&mut *stream, until).as_deref(), Ok("V2_OK\r\n"));
    let late = stream.read(&mut [0], started.passed() + SECOND / 20);
    assert_eq!(late.unwrap_err().found, format!("no answer from {path}"));
    drop(stream);
    assert_eq!(flags(&near), before);
}

/// A file stands for the device of a TPM: both give nothing as long as nothing is there.
#[test]
fn a_device_without_an_end_is_waited_for() {
    let scratch = Scratch::new("without-end");
    let path = scratch.0.join("tpm");
    std::fs::write(&path, b"").unwrap();
    let file = File::options().read(true).write(true).open(&path).unwrap();
    let started = Started::now();
    let mut stream = stream::Stream::new(file.into(), String::from("tpm"), started).without_end();
    let late = stream.read(&mut [0; 9], started.passed() + SECOND / 20);
    assert_eq!(late.unwrap_err().found, "no answer from tpm");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(SECOND / 5);
            std::fs::write(&path, b"answer").unwrap();
        });
        let mut buffer = [0; 9];
        let count = stream.read(&mut buffer, started.passed() + 30 * SECOND);
        assert_eq!(&buffer[..count.unwrap()], b"answer");
    });
}

/// A program that holds the lock of a serial line, as mdata-get does.
fn holder(path: &str) -> Child {
    let script = format!(
        "import fcntl, sys\nline = open({path:?}, 'r+b', buffering=0)\nfcntl.lockf(line, fcntl.LOCK_EX)\n\
         print('held', flush=True)\nsys.stdin.read()"
    );
    let mut holder = Command::new("python3")
        .args(["-c", &script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 must be installed");
    let mut said = [0; 5];
    let out = holder.stdout.as_mut().unwrap();
    out.read_exact(&mut said).unwrap();
    holder
}

#[test]
fn somebody_elses_serial_line_is_waited_for() {
    let (_near, path) = terminal();
    let (mut doors, _) = real();
    let port = Port::Serial {
        path: &path,
        speed: 9_600,
    };
    let mut holder = holder(&path);
    let failure = doors.open(&port, SECOND / 5).unwrap_err();
    let told = format!("{path} in use by somebody else");
    assert_eq!((failure.again, failure.found), (Again::Always, told));
    let pipe = holder.stdin.take();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::thread::sleep(SECOND / 5);
            drop(pipe);
        });
        assert!(doors.open(&port, 30 * SECOND).is_ok());
    });
    holder.wait().unwrap();
}

#[test]
fn what_is_no_port_is_told_in_words() {
    let (mut doors, _) = real();
    let serial = |path| Port::Serial { path, speed: 9_600 };
    for (port, want) in [
        (serial("/dev/ttyNONE"), "no /dev/ttyNONE"),
        (serial("/dev"), "invalid input parameter from /dev"),
        (serial("/dev/null"), "from /dev/null"),
        (Port::Unix("/dev/null"), "no /dev/null"),
        (Port::Unix("/none"), "no /none"),
    ] {
        let failure = doors.open(&port, Duration::ZERO).unwrap_err();
        assert!(failure.found.contains(want), "{failure:?}");
    }
    let vsock = Port::Vsock { cid: 2, port: 1 };
    let failure = doors.open(&vsock, SECOND / 10).unwrap_err();
    assert!(failure.found.ends_with("vsock 2:1"), "{failure:?}");
    let no_line = Port::Serial {
        path: "/dev/null",
        speed: 9_600,
    };
    assert_eq!(
        doors.open(&no_line, Duration::ZERO).unwrap_err().again,
        Again::Never
    );
}

#[test]
fn below_a_root_a_socket_stands_for_a_device() {
    let scratch = Scratch::new("ports");
    std::fs::create_dir_all(scratch.0.join("dev/lxd")).unwrap();
    let mut doors = Doors::new(Root::new(&scratch.0), Started::now());
    for (port, path) in [
        (
            Port::Serial {
                path: "/dev/ttyS1",
                speed: 115_200,
            },
            "dev/ttyS1",
        ),
        (Port::Unix("/dev/lxd/sock"), "dev/lxd/sock"),
    ] {
        assert_eq!(
            doors.open(&port, Duration::ZERO).unwrap_err().again,
            Again::Never
        );
        let listener = UnixListener::bind(scratch.0.join(path)).unwrap();
        let mut stream = doors.open(&port, SECOND).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        far.write_all(b"x\n").unwrap();
        assert_eq!(line(&mut *stream, 30 * SECOND).as_deref(), Ok("x\n"));
        drop(far);
        assert_eq!(stream.read(&mut [0], 30 * SECOND), Ok(0));
    }
    // Nothing of the real machine is opened.
    let real = Port::Serial {
        path: "/dev/null",
        speed: 9_600,
    };
    assert_eq!(
        doors.open(&real, Duration::ZERO).unwrap_err().found,
        "no /dev/null"
    );
    let vsock = Port::Vsock { cid: 2, port: 1 };
    assert_eq!(
        doors.open(&vsock, Duration::ZERO).unwrap_err().found,
        "no vsock 2:1"
    );
}

#[test]
fn who_talks_without_a_pause_ends_with_the_time() {
    let (near, mut far) = UnixStream::pair().unwrap();
    near.set_nonblocking(true).unwrap();
    let started = Started::now();
    let mut stream = crate::sys::stream::Stream::new(near.into(), String::from("far"), started);
    std::thread::spawn(move || while far.write_all(&[0; 4096]).is_ok() {});
    let until = started.passed() + SECOND / 5;
    let late = loop {
        match stream.read(&mut [0], until) {
            Ok(count) => assert_eq!(count, 1),
            Err(late) => break late,
        }
    };
    assert_eq!(late.found, "no answer from far");
    // What is there is still there.
    assert_eq!(stream.read(&mut [0], Duration::ZERO), Ok(1));
}

/// Answers one request on `stream`: what was asked, as the body.
fn serve(mut stream: UnixStream) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        if stream.read(&mut byte).unwrap_or(0) == 0 {
            return;
        }
        head.extend(byte);
    }
    let text = String::from_utf8(head).unwrap();
    let first = text.lines().next().unwrap();
    if first.contains("/hang") {
        std::thread::sleep(SECOND);
        return;
    }
    let host = text.to_lowercase().contains("host: lxd\r\n");
    let body = format!("{first} {host}");
    let cut = if first.contains("/cut") {
        4
    } else {
        body.len()
    };
    let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", body.len());
    let _ = stream.write_all((head + &body[..cut]).as_bytes());
}

#[test]
fn http_goes_over_a_socket_without_a_network() {
    let scratch = Scratch::new("http-over-a-socket");
    std::fs::create_dir_all(scratch.0.join("dev/lxd")).unwrap();
    let listener = UnixListener::bind(scratch.0.join("dev/lxd/sock")).unwrap();
    let at = At::Port(Port::Unix("/dev/lxd/sock"));
    let url = "http://lxd";
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            std::thread::spawn(|| serve(stream.unwrap()));
        }
    });
    let root = Root::new(&scratch.0);
    let journal = Journal::new();
    let settings = world::WorldOptions::without_network(&root);
    let mut outside = world::open(settings, journal.clone(), Started::now());
    // The one behind a port comes first: there is no network here at all.
    let endpoints = [
        Endpoint::from("http://169.254.169.254"),
        Endpoint { url, at },
    ];
    let machine = Machine::read(&root);
    let known = Settings::read(&machine, searched());
    let most = 30 * SECOND;
    let mut cloud = Cloud::new("test", &machine, &known, &mut *outside, &journal, most);
    cloud.network = Network::Any;
    let mut service = cloud.reach_at(&endpoints).unwrap();
    for _ in 0..2 {
        let body = service.get(&mut cloud, "/1.0/meta-data").unwrap();
        assert_eq!(body, b"GET /1.0/meta-data HTTP/1.1 true");
    }
    assert!(
        journal
            .lines()
            .iter()
            .all(|line| !line.text.contains("interface"))
    );
    let ask = |outside: &mut dyn Outside, path: &str| {
        let request = Request {
            at,
            ..Request::new(Method::Get, path, 1 << 20, SECOND / 2)
        };
        outside.exchange(&request).map_err(|failure| failure.found)
    };
    let hung = ask(&mut *outside, "http://lxd/hang").unwrap_err();
    assert_eq!(hung, "no answer from /dev/lxd/sock");
    let cut = ask(&mut *outside, "http://lxd/cut").unwrap_err();
    assert_eq!(cut, "a connection closed after 4 of 22 bytes");
    let secure = ask(&mut *outside, "https://lxd/").unwrap_err();
    assert!(secure.starts_with("an https URL"), "{secure}");
    assert!(outside.learnt().is_empty());
}
