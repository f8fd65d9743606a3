//! The host at the other end of a port: what stands behind a machine's sockets and serial lines. Below a root that is not the
//! real one a serial line is a socket in its place.
//!
//! ```text
//! ports/sockets/dev/lxd/sock/GET/1.0/meta-data     a socket at /dev/lxd/sock that speaks HTTP, and what it answers
//! ports/serial/ttyS1/KEY                           a serial line that speaks SmartOS's protocol: a file per key
//! ports/serial/ttyS1/cepko                         a serial line that speaks CloudSigma's protocol, and what it answers
//! ports/sockets/native/.zonecontrol/metadata.sock/mdata/KEY    the same over a socket
//! ports/sockets/dev/vmware-backdoor/rpci           VMware's backdoor, a line for each command: COMMAND, a tab, REPLY
//! ```
//! A `/` in a key is a `%2F` in the name of its file. The first two questions of a serial line are answered wrongly: once with
//! a wrong checksum, once for another question, as lines do.
#![expect(
    clippy::unwrap_used,
    reason = "a path that was read from a folder has a name and a parent"
)]

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::cloud::folder::Folder;
use super::cloud::http::{End, Parsed, Reply, Request, Service, crc32};
use super::cloud::settings::Settings;

/// Serves every port of the folder `ports` below the root of a machine, from threads, as long as this process lives.
pub fn serve(ports: &Path, machine: &Path) -> io::Result<()> {
    for socket in sockets(&ports.join("sockets"))? {
        let path = socket.strip_prefix(ports.join("sockets")).unwrap();
        listen(&socket, &machine.join(path))?;
    }
    for line in entries(&ports.join("serial"))? {
        let device = machine.join("dev").join(line.file_name().unwrap());
        let listener = bound(&device)?;
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let _ = serial(stream, &line);
            }
        });
    }
    Ok(())
}

/// The folders of sockets: those with `GET`, `mdata` or `rpci` in them.
fn sockets(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let marks = ["GET", "mdata", "rpci"];
    if marks.iter().any(|mark| folder.join(mark).exists()) {
        return Ok(vec![folder.to_path_buf()]);
    }
    let below: io::Result<Vec<_>> = entries(folder)?.iter().map(|path| sockets(path)).collect();
    Ok(below?.concat())
}

fn entries(folder: &Path) -> io::Result<Vec<PathBuf>> {
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    fs::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect()
}

/// Answers on a socket at `path`.
fn listen(folder: &Path, path: &Path) -> io::Result<()> {
    let listener = bound(path)?;
    let folder = folder.to_path_buf();
    let service = Arc::new(Mutex::new(service(&folder)?));
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let (folder, service) = (folder.clone(), service.clone());
            thread::spawn(move || match fs::read_to_string(folder.join("rpci")) {
                Ok(recorded) => rpci(stream, &recorded),
                Err(_) => match folder.join("mdata") {
                    keys if keys.is_dir() => mdata(stream, &keys, false),
                    _ => http(stream, &service),
                },
            });
        }
    });
    Ok(())
}

fn bound(path: &Path) -> io::Result<UnixListener> {
    fs::create_dir_all(path.parent().unwrap())?;
    let _ = fs::remove_file(path);
    UnixListener::bind(path)
}

/// The service of a folder.
fn service(folder: &Path) -> io::Result<Service> {
    let folder = Folder::new(folder).map_err(io::Error::other)?;
    let mut settings = Settings::default();
    settings
        .add(&folder.settings().unwrap_or_default())
        .map_err(io::Error::other)?;
    Ok(Service::new(folder, &settings))
}

/// Answers requests of one connection.
fn http(mut stream: impl Read + Write, service: &Mutex<Service>) -> io::Result<()> {
    let (mut input, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        let reply = match Request::parse(&input) {
            Parsed::Whole(request, length) => {
                input.drain(..length);
                service.lock().unwrap().answer(&request)
            }
            Parsed::Garbage => Some(Reply::to_garbage()),
            Parsed::Part => match stream.read(&mut chunk)? {
                0 => return Ok(()),
                count => {
                    input.extend_from_slice(&chunk[..count]);
                    continue;
                }
            },
        };
        let Some(reply) = reply else { continue };
        let mut sent = 0;
        while sent < reply.length() {
            let bytes = reply.bytes(sent, 1 << 16);
            stream.write_all(&bytes)?;
            sent += bytes.len() as u64;
        }
        if reply.end != End::Keep {
            return Ok(());
        }
    }
}

/// Answers commands as they were recorded; one that was not is refused.
fn rpci(mut stream: impl Read + Write, recorded: &str) -> io::Result<()> {
    let mut chunk = [0; 1 << 16];
    loop {
        let count = stream.read(&mut chunk)?;
        if count == 0 {
            return Ok(());
        }
        let asked = String::from_utf8_lossy(&chunk[..count]);
        let known = recorded.lines().filter_map(|line| line.split_once('\t'));
        let reply = known.into_iter().find(|(command, _)| *command == asked);
        stream.write_all(
            reply
                .map_or("0 Unknown command", |(_, reply)| reply)
                .as_bytes(),
        )?;
    }
}

/// Speaks on a serial line what its folder is for.
pub fn serial(stream: impl Read + Write, folder: &Path) -> io::Result<()> {
    match fs::read(folder.join("cepko")) {
        Ok(context) => cepko(stream, &context),
        Err(_) => mdata(stream, folder, true),
    }
}

/// Answers every question with the same, as CloudSigma's host does.
fn cepko(mut stream: impl Read + Write, context: &[u8]) -> io::Result<()> {
    let (mut asked, mut byte) = (Vec::new(), [0]);
    while stream.read(&mut byte)? > 0 {
        asked.push(byte[0]);
        if asked.ends_with(b"<\n\n>") {
            asked.clear();
            stream.write_all(&[context.trim_ascii_end(), b"\n\x04"].concat())?;
        }
    }
    Ok(())
}

/// Speaks SmartOS's metadata protocol on one stream.
fn mdata(mut stream: impl Read + Write, keys: &Path, serial: bool) -> io::Result<()> {
    let (mut line, mut byte, mut questions) = (Vec::new(), [0], 0);
    loop {
        if stream.read(&mut byte)? == 0 {
            return Ok(());
        }
        if byte[0] != b'\n' {
            line.push(byte[0]);
            continue;
        }
        let text = String::from_utf8_lossy(&line).trim().to_string();
        line.clear();
        questions += u32::from(text.starts_with("V2 "));
        let damage = if serial && text.starts_with("V2 ") {
            questions
        } else {
            0
        };
        stream.write_all(answer(keys, &text, damage).as_bytes())?;
    }
}

fn answer(keys: &Path, line: &str, damage: u32) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    let (id, value) = match words[..] {
        ["NEGOTIATE", "V2"] => return String::from("V2_OK\n"),
        ["V2", length, checksum, id, "KEYS"] if sound(line, length, checksum) => {
            let names = entries(keys).unwrap_or_default();
            let names = names
                .iter()
                .map(|path| path.file_name().unwrap().to_string_lossy());
            // Those of the operator are not listed.
            let names: Vec<String> = names
                .filter(|name| !name.starts_with("sdc:"))
                .map(Into::into)
                .collect();
            (id, Some(names.join("\n").into_bytes()))
        }
        ["V2", length, checksum, id, "GET", key] if sound(line, length, checksum) => {
            let key =
                String::from_utf8(STANDARD.decode(key).unwrap_or_default()).unwrap_or_default();
            (id, fs::read(keys.join(key.replace('/', "%2F"))).ok())
        }
        _ => return String::from("invalid command\n"),
    };
    let body = match value {
        Some(value) => format!("{id} SUCCESS {}", STANDARD.encode(value)),
        None => format!("{id} NOTFOUND"),
    };
    match damage {
        1 => format!("V2 {} {:08x} {body}\n", body.len(), !crc32(body.as_bytes())),
        2 => format!("{}{}", framed("00000000 NOTFOUND"), framed(&body)),
        _ => framed(&body),
    }
}

fn sound(line: &str, length: &str, checksum: &str) -> bool {
    let body = line.splitn(4, ' ').nth(3).unwrap_or("");
    length.parse() == Ok(body.len()) && format!("{:08x}", crc32(body.as_bytes())) == checksum
}

fn framed(body: &str) -> String {
    format!("V2 {} {:08x} {body}\n", body.len(), crc32(body.as_bytes()))
}
