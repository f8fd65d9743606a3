//! The simulated cloud as a program, at cables of unix sockets and at real interfaces with the Linux kernel on the other side.
//!
//! Needs root, iproute2, busybox and curl, and says so if there are none.

use std::io::{Read, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use smoltcp::wire::EthernetAddress;

use crate::cloud::neighbour::{Arp, HARDWARE, ask};

const EC2: &str = "tests/roots/ec2/cloud";
const SECOND: Duration = Duration::from_secs(1);
/// A new network namespace with a veth pair: the kernel at c0, and s0 for the cloud.
const ONE_PAIR: &str = "
    ip link add c0 type veth peer name s0
    up c0 s0
";
/// The same with a relay between two pairs.
const TWO_PAIRS: &str = "
    ip link add c0 type veth peer name r0
    ip link add r1 type veth peer name s0
    up c0 r0 r1 s0
";
/// What both scripts begin with.
const PROLOGUE: &str = r#"
    up() {
        for name; do
            [ $name = c0 ] || sysctl -qw net.ipv6.conf.$name.disable_ipv6=1
            ip link set $name gso_max_segs 1 up
        done
    }
    get() { curl -s -m 20 "$@"; }
    lease() {
        printf '#!/bin/sh\nip address add $ip/$mask dev c0; ip route add default via $router\necho $1 $ip $router $dns $mtu $domain' > $DIR/bound
        chmod +x $DIR/bound
        busybox udhcpc -i c0 -nqf -t 9 -T 1 -s $DIR/bound -O mtu -O domain 2>/dev/null | grep ^bound
    }
"#;

/// A program of the tests: `cargo test` builds it before them, `cargo test --test it` does not.
fn program(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let program = tests
        .ancestors()
        .nth(2)
        .unwrap()
        .join("examples")
        .join(name);
    assert!(program.exists(), "run `cargo build --examples` first");
    program
}

/// A folder of a test's own.
fn folder(name: &str) -> PathBuf {
    let folder = std::env::temp_dir().join(format!("cloud-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The program: that of this build, or the one that the variable `PROGRAM` names.
fn under_test() -> String {
    let own = || String::from(env!("CARGO_BIN_EXE_cloudseed"));
    std::env::var("PROGRAM").unwrap_or_else(|_| own())
}

/// Runs a script in network and mount namespaces of its own; what it says.
pub fn script(name: &str, words: &[&str]) -> String {
    let folder = folder(name);
    let output = Command::new("unshare")
        .args(["--net", "--mount", "sh", "-e", "-c", &words.concat()])
        .env("CLOUD", program("cloud"))
        .env("LAY", program("lay"))
        .env("PROGRAM", under_test())
        .env("DIR", &folder)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    std::fs::remove_dir_all(folder).unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{errors}");
    said
}

#[test]
fn the_kernel_takes_it_for_a_network() {
    let said = script(
        "kernel",
        &[
            PROLOGUE,
            ONE_PAIR,
            r#"
        $CLOUD tests/roots/ec2/cloud --interface s0 'router fe80::1 prefix 2001:db8::/64' \
            'listen 2001:db8::254' 'answer GET /big 200' 'oversize /big 5MiB' 'reset /reset 2' \
            'cname www.example.com example.com' 'conflict 10.0.2.77' 2> $DIR/log &
        sleep 0.5
        lease
        token=$(get -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' http://169.254.169.254/latest/api/token)
        get -H "X-aws-ec2-metadata-token: $token" http://169.254.169.254/latest/meta-data/instance-id
        echo
        get -H "X-aws-ec2-metadata-token: $token" http://169.254.169.254/latest/user-data | gunzip | grep -c boundary
        get -o $DIR/big -w '%{size_download}\n' http://169.254.169.254/big
        get -w ' %{http_code} %{errormsg}\n' http://169.254.169.254/reset || true
        busybox nslookup www.example.com 10.0.2.3 | grep Address: | tail -n 1
        busybox nslookup example.org 10.0.2.3 | grep -o NXDOMAIN | head -n 1
        busybox arping -q -c 1 -w 2 -D -I c0 10.0.2.77 || echo conflict
        sleep 2.5
        ip -6 -o address show dev c0 scope global | grep -o 2001:db8::
        ip -6 route show default | grep -o 'via fe80::1'
        get -o /dev/null -w '%{http_code}\n' 'http://[2001:db8::254]/latest/'
        cut -c 14- $DIR/log | grep -v type
    "#,
        ],
    );
    let mut lines = said.lines();
    let mut next = || lines.next().unwrap_or_default();
    assert_eq!(
        next(),
        "bound 10.0.2.15 10.0.2.1 10.0.2.3 9001 eu-central-1.compute.internal",
        "{said}"
    );
    assert_eq!(next(), "i-0abcdef1234567890");
    assert_eq!(next(), "1");
    assert_eq!(next(), "5242880");
    assert_eq!(next(), "no 404 Recv failure: Connection reset by peer");
    assert_eq!(next(), "Address: 93.184.216.34");
    assert_eq!(next(), "NXDOMAIN");
    assert_eq!(next(), "conflict");
    assert_eq!(next(), "2001:db8::");
    assert_eq!(next(), "via fe80::1");
    assert_eq!(next(), "200");
    assert!(
        said.contains("\nrouter advertisement of fe80::1\n"),
        "{said}"
    );
    assert!(said.contains("\nconflict about 10.0.2.77\n"), "{said}");
}

#[test]
fn a_relay_delays_and_loses() {
    let said = script(
        "relay",
        &[
            PROLOGUE,
            TWO_PAIRS,
            r#"
        $CLOUD tests/roots/ec2/cloud --interface s0 'answer GET /big 200' 'oversize /big 100KiB' 2> /dev/null &
        $CLOUD --relay --interface r0 --interface r1 'delay 50ms' 2> /dev/null &
        sleep 0.5
        lease
        get -o /dev/null http://169.254.169.254/latest/
        get -o /dev/null -w '%{http_code} %{time_connect}\n' http://169.254.169.254/latest/
        kill $!
        $CLOUD --relay --interface r0 --interface r1 'loss 10%' 'reorder 10%' 'duplicate 10%' 2> /dev/null &
        sleep 0.5
        get -o $DIR/big -w '%{size_download}\n' http://169.254.169.254/big
    "#,
        ],
    );
    let lines: Vec<&str> = said.lines().collect();
    assert!(lines[0].starts_with("bound 10.0.2.15"), "{said}");
    let (status, connect) = lines[1].split_once(' ').unwrap();
    assert_eq!(status, "200");
    let connect: f64 = connect.parse().unwrap();
    assert!((0.1..0.2).contains(&connect), "{connect}");
    assert_eq!(lines[2], "102400");
}

/// The program with a pipe that ends it, and its socket's folder.
fn start(name: &str, cable: &[&str]) -> (Child, PathBuf) {
    let folder = folder(name);
    let cable = cable
        .iter()
        .map(|word| word.replace("DIR", folder.to_str().unwrap()));
    let child = Command::new(program("cloud"))
        .arg(EC2)
        .args(cable)
        .stdin(Stdio::piped())
        .stderr(Stdio::null())
        .spawn();
    let sockets = || std::fs::read_dir(&folder).unwrap().count();
    for _ in 0..100 {
        if sockets() > 0 {
            break;
        }
        std::thread::sleep(SECOND / 50);
    }
    (child.unwrap(), folder)
}

/// Closes the pipe, and waits until the program has ended.
fn end((mut child, folder): (Child, PathBuf)) {
    drop(child.stdin.take());
    assert!(child.wait().unwrap().success());
    std::fs::remove_dir_all(folder).unwrap();
}

/// A frame that asks for the router, and whether another one answers it.
fn question() -> Vec<u8> {
    let machine = EthernetAddress([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
    ask(
        (machine, "10.0.2.15".parse().unwrap()),
        "10.0.2.1".parse().unwrap(),
    )
}

fn is_answer(frame: &[u8]) -> bool {
    Arp::parse(&frame[14..]).is_some_and(|arp| !arp.request && arp.sender.0 == HARDWARE)
}

#[test]
fn speaks_to_qemu_by_datagrams() {
    let running = start("dgram", &["--dgram", "DIR/cloud", "DIR/machine"]);
    let socket = UnixDatagram::bind(running.1.join("machine")).unwrap();
    socket.set_read_timeout(Some(5 * SECOND)).unwrap();
    socket
        .send_to(&question(), running.1.join("cloud"))
        .unwrap();
    let mut frame = [0; 2000];
    let length = socket.recv(&mut frame).unwrap();
    assert!(is_answer(&frame[..length]));
    end(running);
}

#[test]
fn speaks_to_qemu_by_a_stream_and_again() {
    let running = start("stream", &["--stream", "DIR/cloud"]);
    for _ in 0..2 {
        let mut stream = UnixStream::connect(running.1.join("cloud")).unwrap();
        stream.set_read_timeout(Some(5 * SECOND)).unwrap();
        let question = question();
        let length = (question.len() as u32).to_be_bytes();
        stream
            .write_all(&[&length, &question[..]].concat())
            .unwrap();
        let mut head = [0; 4];
        stream.read_exact(&mut head).unwrap();
        let mut frame = vec![0; u32::from_be_bytes(head) as usize];
        stream.read_exact(&mut frame).unwrap();
        assert!(is_answer(&frame));
    }
    end(running);
}

#[test]
fn says_what_is_wrong() {
    let said = |words: &[&str]| {
        let mut command = Command::new("timeout");
        let command = command.arg("10").arg(program("cloud")).args(words);
        let output = command.stdin(Stdio::null()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    assert!(said(&[EC2]).starts_with("cloud: cloud FOLDER CABLE"));
    let folder = folder("wrong");
    let cable = folder.join("cloud");
    let cable = cable.to_str().unwrap();
    assert_eq!(
        said(&["/nowhere", "--stream", cable]),
        "cloud: /nowhere: expected a folder, but found none\n"
    );
    assert_eq!(
        said(&[EC2, "--stream", cable, "loss x"]),
        "cloud: cloud.conf: line 1 (loss x): expected a share like 30%, but found x\n"
    );
    assert_eq!(
        said(&[EC2, "--interface", "nosuch0"]),
        "cloud: nosuch0: No such device (os error 19)\n"
    );
    std::fs::remove_dir_all(folder).unwrap();
}
