//! Foreign stacks: the Linux kernel, dnsmasq and Python's HTTP server at the far end of a veth pair.
//!
//! Each test makes two network namespaces of its own. Needs root, iproute2, dnsmasq and python3, and says so if it has none.

use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cloudseed_core::fetch::service::Question;
use cloudseed_core::fetch::{Cloud, web};
use cloudseed_core::journal::Journal;
use cloudseed_core::machine::{Link, Machine};
use cloudseed_core::net::{Nic, Wires};
use cloudseed_core::outside::{Again, At, Carrier, Method, Network, Outside, Request};
use cloudseed_core::platform;
use cloudseed_core::settings::Settings;
use smoltcp::phy::{Device, RxToken, TxToken};

use crate::cloud::faults::{Faults, Line};
use crate::fixture::Fixture;
use crate::sys::guard::Before;
use crate::sys::kernel::KernelSockets;
use crate::sys::link::{PacketSocket, PacketWires};
use crate::sys::netlink::Netlink;
use crate::sys::root::Root;
use crate::sys::stream::Started;
use crate::sys::tls::Tls;
use crate::sys::world;

/// The metadata service: keep-alive, a token, a tree, a slow document, a reset, and its own port in an answer.
const SERVICE: &str = r#"
import http.server, socket, struct, threading, time
class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers: self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def do_PUT(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(200, b"token of %d for %s" % (len(body), self.headers["Host"].encode()))
    do_POST = do_PUT
    def do_GET(self):
        if self.path == "/port": self.answer(200, b"%d" % self.client_address[1])
        elif self.path == "/peer": self.answer(200, self.client_address[0].encode())
        elif self.path == "/big": self.answer(200, b"x" * 3000000)
        elif self.path == "/slow": time.sleep(3); self.answer(200, b"late")
        elif self.path.startswith("/n/"): self.answer(200, self.path.encode())
        elif self.path == "/away": self.answer(302, b"", [("Location", "/port")])
        elif self.path == "/half":
            self.send_response(200); self.send_header("Content-Length", "2048"); self.end_headers()
            self.wfile.write(b"y" * 512); self.wfile.flush(); time.sleep(0.05)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close(); self.close_connection = True
            self.rfile = self.wfile = open("/dev/null", "r+b", buffering=0)
        else: self.answer(404, b"none")
    def log_message(self, *arguments): pass
class Six(http.server.ThreadingHTTPServer): address_family = socket.AF_INET6
try: threading.Thread(target=Six(("fd00:ec2::254", 80), Service).serve_forever).start()
except OSError: pass
http.server.ThreadingHTTPServer(("169.254.169.254", 80), Service).serve_forever()
"#;

/// Two namespaces joined by a veth pair, and what runs in the far one.
struct Lab {
    near: String,
    far: String,
    servers: Vec<Child>,
    leases: String,
    /// Who is trusted in the near namespace.
    tls: Tls,
}

impl Lab {
    /// A lab where nobody answers.
    fn bare() -> Lab {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // SAFETY: no pointers; the call cannot fail.
        let user = unsafe { libc::geteuid() };
        assert_eq!(
            user, 0,
            "these tests make network namespaces: run them as root"
        );
        let name = format!(
            "cs{}n{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let lab = Lab {
            near: format!("{name}near"),
            far: format!("{name}far"),
            servers: Vec::new(),
            leases: format!("/tmp/{name}.leases"),
            tls: Tls::default(),
        };
        let (near, far) = (lab.near.clone(), lab.far.clone());
        for words in [
            format!("netns add {near}"),
            format!("netns add {far}"),
            format!(
                "link add c0 netns {near} address 02:00:00:00:00:05 type veth peer name s0 netns {far}"
            ),
            format!("-n {far} link set lo up"),
            format!("-n {far} link set s0 up"),
            format!("-n {far} address add 10.77.0.1/24 dev s0"),
            format!("-n {far} address add 10.88.0.1/32 dev lo"),
            format!("-n {far} address add 169.254.169.254/32 dev lo"),
        ] {
            run("ip", &words.split(' ').collect::<Vec<_>>());
        }
        lab
    }

    /// A lab with servers; `dhcp` are dnsmasq's arguments beside those that all have.
    fn new(dhcp: &[&str]) -> Lab {
        let mut lab = Lab::bare();
        lab.start(dhcp, SERVICE);
        lab
    }

    /// Starts the servers; `service` is the program of the one for HTTP.
    fn start(&mut self, dhcp: &[&str], service: &str) {
        let leases = format!("--dhcp-leasefile={}", self.leases);
        let mut dnsmasq = vec!["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null"];
        dnsmasq.extend([
            "--no-hosts",
            "--no-resolv",
            "--interface=s0",
            "--bind-interfaces",
        ]);
        dnsmasq.extend([
            "--no-ping",
            "--dhcp-authoritative",
            "--user=root",
            "--pid-file=",
        ]);
        dnsmasq.extend(["--address=/metadata.test/169.254.169.254", &leases]);
        dnsmasq.extend(["--dhcp-range=10.77.0.50,10.77.0.99,1h"]);
        dnsmasq.extend(dhcp);
        self.serve(&dnsmasq);
        self.serve(&["python3", "-c", service]);
        self.settle();
    }

    fn serve(&mut self, words: &[&str]) {
        let child = Command::new("ip")
            .args(["netns", "exec", &self.far])
            .args(words)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        self.servers
            .push(child.expect("ip, dnsmasq and python3 must be installed"));
    }

    /// Waits until both servers listen.
    fn settle(&self) {
        for _ in 0..100 {
            let sockets = self.far("ss -Hlntu");
            if sockets.contains("169.254.169.254:80") && sockets.contains(":67") {
                return;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        panic!("the servers did not start: {}", self.far("ss -Hlntu"));
    }

    fn far(&self, words: &str) -> String {
        run("ip", &["netns", "exec", &self.far, "sh", "-c", words])
    }

    /// Everything the kernel says of its network in the near namespace.
    fn dump(&self) -> String {
        let words = "ip -d address; ip -d link; ip route show table all; ip -6 route show table all; \
                     ip rule; ip -6 rule; ip neighbour; ip -6 neighbour; ip maddress; \
                     grep -r . /proc/sys/net 2> /dev/null | sort";
        run("ip", &["netns", "exec", &self.near, "sh", "-c", words])
    }

    fn link(&self) -> Link {
        Link {
            name: String::from("c0"),
            index: index(&self.near, "c0"),
            mac: Some([2, 0, 0, 0, 0, 5]),
            hardware: 1,
            mtu: 1500,
            driver: None,
            physical: true,
            master: None,
            carrier: None,
        }
    }

    /// Runs `work` in the near namespace with an outside on its interface; what it gave, and the log.
    fn inside<T: Send>(&self, work: impl FnOnce(&mut dyn Outside) -> T + Send) -> (T, Vec<String>) {
        let settings = world::WorldOptions {
            links: vec![self.link()],
            tls: self.tls.clone(),
            ..world::WorldOptions::without_network(&Root::new(Path::new("/")))
        };
        let namespace = File::open(format!("/run/netns/{}", self.near)).unwrap();
        std::thread::scope(|scope| {
            let thread = scope.spawn(move || {
                // SAFETY: no pointers; the descriptor is open. Only this thread changes its namespace.
                let entered = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
                assert_eq!(entered, 0, "cannot enter a network namespace");
                let journal = Journal::new();
                let mut outside = world::open(settings, journal.clone(), Started::now());
                let result = work(&mut *outside);
                let lines = journal.lines().into_iter().map(|line| line.text);
                (result, lines.collect())
            });
            thread.join().unwrap()
        })
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        for server in &mut self.servers {
            let _ = server.kill();
            let _ = server.wait();
        }
        for namespace in [&self.near, &self.far] {
            let _ = Command::new("ip")
                .args(["netns", "del", namespace])
                .status();
        }
        let _ = std::fs::remove_file(&self.leases);
    }
}

fn run(program: &str, words: &[&str]) -> String {
    let output = Command::new(program).args(words).output();
    let output = output.unwrap_or_else(|error| panic!("{program} must be installed: {error}"));
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {words:?}: {errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn request<'a>(method: Method, url: &'a str) -> Request<'a> {
    Request::new(method, url, 4 << 20, Duration::from_secs(2))
}

fn reach(outside: &mut dyn Outside, network: Network, url: &str) {
    let reached = outside.reach(network, &[url.into()], Duration::from_secs(15));
    assert_eq!(reached, Ok(0));
}

fn get(outside: &mut dyn Outside, path: &str) -> Result<String, String> {
    let url = format!("http://169.254.169.254{path}");
    match outside.exchange(&request(Method::Get, &url)) {
        Ok(response) => Ok(String::from_utf8(response.body).unwrap()),
        Err(failure) => Err(failure.found),
    }
}

const SERVICE_URL: &str = "http://169.254.169.254";

/// What an exchange can be, over whichever sockets: a body, another host, ports of one's own.
fn exchanges_of_all_kinds(outside: &mut dyn Outside) {
    let post = outside.exchange(&Request {
        at: At::Address("169.254.169.254:80".parse().unwrap()),
        body: b"GET /port HTTP/1.1\r\n\r\n",
        ..request(Method::Post, "http://elsewhere.test/token")
    });
    let post = post.unwrap();
    assert_eq!(post.body, b"token of 22 for elsewhere.test");
    let today = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    assert!(post.date.unwrap().abs_diff(today) < Duration::from_secs(60));
    let before = get(outside, "/port").unwrap();
    let mut ports = Vec::new();
    for _ in 0..3 {
        let url = format!("{SERVICE_URL}/port");
        let answer = outside.exchange(&Request {
            local_ports: Some((610, 612)),
            ..request(Method::Get, &url)
        });
        ports.push(String::from_utf8(answer.unwrap().body).unwrap());
    }
    // A port whose connection has ended may serve again.
    let allowed = |port: &String| ["610", "611", "612"].contains(&port.as_str());
    assert!(ports.iter().all(allowed), "{ports:?}");
    assert_eq!(get(outside, "/port"), Ok(before));
}

#[test]
fn a_lease_a_token_and_a_tree_leave_no_trace() {
    let lab = Lab::new(&["--dhcp-option=3,10.77.0.1", "--dhcp-option=26,1400"]);
    let before = lab.dump();
    let ((), log) = lab.inside(|outside| {
        reach(outside, Network::Dhcp4, SERVICE_URL);
        let token = outside
            .exchange(&request(Method::Put, "http://169.254.169.254/token"))
            .unwrap();
        assert_eq!(token.body, b"token of 0 for 169.254.169.254");
        let port = get(outside, "/port").unwrap();
        assert_eq!(get(outside, "/port").as_ref(), Ok(&port), "keep-alive");
        assert_eq!(get(outside, "/big").unwrap().len(), 3_000_000);
        assert_eq!(
            get(outside, "/port").as_ref(),
            Ok(&port),
            "keep-alive after a big body"
        );
        let away = outside
            .exchange(&request(Method::Get, "http://169.254.169.254/away"))
            .unwrap();
        assert_eq!(
            (away.status, away.location.as_deref()),
            (302, Some("/port"))
        );
        let away = request(Method::Get, "http://169.254.169.254/away");
        let followed = web::follow(outside, &away, 1);
        assert_eq!(followed.unwrap().status, 200);
        assert_eq!(get(outside, "/slow"), Err("no answer in 2 s".into()));
        assert_eq!(
            get(outside, "/half"),
            Err("a connection reset after 512 of 2048 bytes".into())
        );
        let named = outside
            .exchange(&request(Method::Get, "http://metadata.test/port"))
            .unwrap();
        assert_eq!(named.status, 200);
        exchanges_of_all_kinds(outside);
        let nowhere = outside
            .exchange(&request(Method::Get, "http://nowhere.test/"))
            .unwrap_err();
        assert_eq!(
            (nowhere.again, nowhere.found.as_str()),
            (Again::Always, "name server error 5 for nowhere.test")
        );
    });
    assert!(
        log.iter()
            .any(|line| line.contains("/24 leased by 10.77.0.1")),
        "{log:?}"
    );
    let after = lab.dump();
    assert!(before == after, "{}", difference(&before, &after));
}

#[test]
fn a_gateway_outside_the_subnet_is_reached() {
    let lab = Lab::new(&[
        "--dhcp-option-force=1,255.255.255.255",
        "--dhcp-option=3,10.88.0.1",
        "--dhcp-option=121,10.88.0.1/32,0.0.0.0,0.0.0.0/0,10.88.0.1",
    ]);
    let (peer, log) = lab.inside(|outside| {
        reach(outside, Network::Dhcp4, SERVICE_URL);
        get(outside, "/peer")
    });
    assert!(peer.unwrap().starts_with("10.77.0."));
    assert!(
        log.iter().any(|line| line.contains("/32 leased")),
        "{log:?}"
    );
}

#[test]
fn a_link_local_address_is_enough_where_the_service_is_on_the_link() {
    let lab = Lab::new(&[]);
    lab.far("ip address add 169.254.169.254/16 dev s0");
    let (peer, log) = lab.inside(|outside| {
        reach(outside, Network::LinkLocal4, SERVICE_URL);
        get(outside, "/peer")
    });
    assert!(peer.unwrap().starts_with("169.254."));
    assert!(log.iter().any(|line| line.contains("claimed")), "{log:?}");
}

#[test]
fn the_kernels_sockets_are_used_where_the_kernel_has_an_address() {
    let lab = Lab::new(&[]);
    for words in [
        "link set c0 up",
        "address add 10.77.0.9/24 dev c0",
        "route add default via 10.77.0.1",
    ] {
        let mut all = vec!["-n", lab.near.as_str()];
        all.extend(words.split(' '));
        run("ip", &all);
    }
    let (peer, log) = lab.inside(|outside| {
        reach(outside, Network::Dhcp4, SERVICE_URL);
        get(outside, "/peer")
    });
    assert_eq!(peer.as_deref(), Ok("10.77.0.9"));
    assert!(log[0].contains("the kernel has an address"), "{log:?}");
}

#[test]
fn names_are_found_over_the_kernels_sockets() {
    // More addresses than fit into a datagram without EDNS.
    let many = (1..=60).map(|last| format!("10.88.1.{last}"));
    let many = many.fold(String::from("--host-record=many.test"), |all, one| {
        all + "," + &one
    });
    let domain = "--host-record=short.seed.test,169.254.169.254";
    let lab = Lab::new(&[&many, domain, "--local=/test/"]);
    for words in [
        "link set c0 up",
        "address add 10.77.0.9/24 dev c0",
        "route add default via 10.77.0.1",
    ] {
        run(
            "ip",
            &[&["-n", &lab.near], &*words.split(' ').collect::<Vec<_>>()].concat(),
        );
    }
    let root = std::env::temp_dir().join(format!("{}-root", lab.near));
    std::fs::create_dir_all(root.join("etc")).unwrap();
    std::fs::create_dir_all(root.join("proc/net")).unwrap();
    std::fs::write(root.join("etc/hosts"), "169.254.169.254 written\n").unwrap();
    // As the kernel writes it after `ip=dhcp`; nothing listens at the first.
    let told = "#PROTO: DHCP\ndomain seed.test\nnameserver 10.77.0.77\nnameserver 10.77.0.1\n";
    std::fs::write(root.join("proc/net/pnp"), told).unwrap();
    let (answers, log) = lab.inside(|_| {
        let (root, tls) = (Root::new(&root), Tls::default());
        let mut kernel = KernelSockets::new(root, Vec::new(), tls, Journal::new(), Started::now());
        [
            "written",
            "metadata.test",
            "short",
            "short.seed.test.",
            "nobody.test",
            "many.test",
        ]
        .map(|host| {
            let request = Request {
                timeout: Duration::from_secs(9),
                ..request(Method::Get, "")
            };
            let url = format!("http://{host}/peer");
            let answer = kernel.exchange(&Request {
                url: &url,
                ..request
            });
            answer
                .map(|answer| String::from_utf8(answer.body).unwrap())
                .map_err(|failure| failure.found)
        })
    });
    std::fs::remove_dir_all(&root).unwrap();
    for (index, answer) in answers.iter().enumerate().take(4) {
        assert_eq!(answer.as_deref(), Ok("10.77.0.9"), "{index} {log:?}");
    }
    assert_eq!(
        answers[4].as_ref().unwrap_err(),
        "no address of nobody.test"
    );
    // Its addresses are nobody's: that one is tried says that the long answer was read.
    assert!(
        !answers[5].as_ref().unwrap_err().contains("many.test"),
        "{:?}",
        answers[5]
    );
}

#[test]
fn the_kernels_sockets_carry_all_kinds_of_requests() {
    let lab = Lab::new(&[]);
    for words in [
        "link set c0 up",
        "address add 10.77.0.9/24 dev c0",
        "route add default via 10.77.0.1",
    ] {
        let words: Vec<&str> = words.split(' ').collect();
        run("ip", &[&["-n", &lab.near], &*words].concat());
    }
    let (learnt, log) = lab.inside(|outside| {
        reach(outside, Network::Dhcp4, SERVICE_URL);
        exchanges_of_all_kinds(outside);
        let slow = get(outside, "/slow").unwrap_err();
        assert_eq!(slow, "no answer from 169.254.169.254:80");
        let half = get(outside, "/half").unwrap_err();
        let told = "a connection reset by 169.254.169.254:80 after 512 of 2048 bytes";
        assert_eq!(half, told);
        outside.learnt()
    });
    let used = "the kernel has an address already, using its sockets";
    assert!(log.iter().any(|line| line == used), "{log:?}");
    assert_eq!(learnt.len(), 1);
    let own = ("10.77.0.9".parse().unwrap(), 24);
    assert!(learnt[0].addresses.contains(&own), "{learnt:?}");
}

#[test]
fn silence_is_told_in_numbers() {
    let lab = Lab::bare();
    let before = lab.dump();
    let (failure, log) = lab.inside(|outside| {
        let started = outside.now();
        let failure = outside.reach(
            Network::Dhcp4,
            &[SERVICE_URL.into()],
            Duration::from_millis(1500),
        );
        assert!(outside.now() - started < Duration::from_secs(3));
        failure.unwrap_err()
    });
    assert_eq!(failure.again, Again::Always);
    let found = failure.found;
    let told =
        found.starts_with("no answer to ") && found.ends_with(" DHCP requests on c0 in 1.5 s");
    assert!(told, "{found} {log:?}");
    let after = lab.dump();
    assert!(before == after, "{}", difference(&before, &after));
}

#[test]
fn a_cable_plugged_in_late_is_noticed() {
    let lab = Lab::new(&[]);
    lab.far("ip link set s0 down");
    let (reached, log) = lab.inside(|outside| {
        let failure = outside.reach(
            Network::Dhcp4,
            &[SERVICE_URL.into()],
            Duration::from_millis(300),
        );
        assert_eq!(failure.unwrap_err().found, "no carrier on c0 in 300 ms");
        lab.far("(sleep 0.4; ip link set s0 up) >/dev/null 2>&1 &");
        let started = outside.now();
        let reached = outside.reach(
            Network::Dhcp4,
            &[SERVICE_URL.into()],
            Duration::from_secs(10),
        );
        (reached, outside.now() - started)
    });
    assert_eq!(reached.0, Ok(0), "{log:?}");
    assert!(reached.1 < Duration::from_secs(4), "{reached:?} {log:?}");
}

/// An ARP request whose last byte is `mark`, with this tag or none.
fn marked(mark: u8, tag: Option<u16>) -> Vec<u8> {
    let mut frame = vec![0xff; 6];
    frame.extend([2, 0, 0, 0, 0, 9]);
    if let Some(tag) = tag {
        frame.extend([0x81, 0x00]);
        frame.extend(tag.to_be_bytes());
    }
    frame.extend([0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1]);
    frame.extend([
        2, 0, 0, 0, 0, 9, 10, 77, 0, 9, 0, 0, 0, 0, 0, 0, 10, 77, 0, mark,
    ]);
    frame
}

#[test]
fn frames_of_vlans_are_not_ours() {
    let lab = Lab::bare();
    run("ip", &["-n", &lab.near, "link", "set", "c0", "up"]);
    let port = |namespace: &str, name: &str| {
        let nic = Nic {
            name: name.into(),
            index: index(namespace, name),
            mac: [2, 0, 0, 0, 0, 5],
            mtu: 1500,
        };
        let namespace = File::open(format!("/run/netns/{namespace}")).unwrap();
        let open = move || {
            // SAFETY: no pointers; the descriptor is open. Only this thread changes its namespace.
            let entered = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
            assert_eq!(entered, 0, "cannot enter a network namespace");
            PacketSocket::open(&nic).unwrap()
        };
        std::thread::spawn(open).join().unwrap()
    };
    let (mut near, mut far) = (port(&lab.near, "c0"), port(&lab.far, "s0"));
    let now = smoltcp::time::Instant::ZERO;
    // Untagged; of another VLAN; of none, but with a priority; of another VLAN with a priority; untagged.
    for (mark, tag) in [
        (1, None),
        (2, Some(5)),
        (3, Some(0x6000)),
        (4, Some(0x6005)),
        (5, None),
    ] {
        let frame = marked(mark, tag);
        let room = far.transmit(now).unwrap();
        room.consume(frame.len(), |bytes| bytes.copy_from_slice(&frame));
    }
    std::thread::sleep(Duration::from_millis(100));
    let mut marks = Vec::new();
    while let Some((frame, _)) = near.receive(now) {
        // Of what the kernel itself sends meanwhile there is no ARP.
        let mark = frame.consume(|bytes| (bytes[12..14] == [8, 6]).then(|| bytes[41]));
        marks.extend(mark);
    }
    assert_eq!(marks, [1, 3, 5]);
}

#[test]
fn a_killed_program_leaves_no_trace_either() {
    let lab = Lab::bare();
    let before = lab.dump();
    let namespace = File::open(format!("/run/netns/{}", lab.near)).unwrap();
    let nics = cloudseed_core::net::candidates(&[lab.link()]).0;
    // SAFETY: the child uses nothing that another thread of the test may hold but the allocator, and ends by a signal.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: no pointers; the descriptor is open.
        unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
        let wires = PacketWires::open(&nics);
        // SAFETY: no pointers. Nothing is cleaned up, which is the point.
        let signal = if wires.is_ok() {
            libc::SIGKILL
        } else {
            libc::SIGABRT
        };
        // SAFETY: no pointers.
        let own = unsafe { libc::getpid() };
        // SAFETY: no pointers.
        unsafe { libc::kill(own, signal) };
    }
    let mut status = 0;
    // SAFETY: the pointer is to a number of ours that outlives the call.
    unsafe { libc::waitpid(child, &mut status, 0) };
    assert_eq!(libc::WTERMSIG(status), libc::SIGKILL);
    let mut after = String::new();
    for _ in 0..50 {
        std::thread::sleep(Duration::from_millis(100));
        after = lab.dump();
        if after == before {
            return;
        }
    }
    panic!("{}", difference(&before, &after));
}

/// Who can no longer set an interface down says so.
#[test]
fn restoring_that_fails_is_an_error() {
    // CAP_NET_ADMIN (capabilities(7)), and _LINUX_CAPABILITY_VERSION_3.
    const ADMIN: u32 = 12;
    const VERSION: u32 = 0x2008_0522;
    let lab = Lab::bare();
    let namespace = File::open(format!("/run/netns/{}", lab.near)).unwrap();
    let nics = cloudseed_core::net::candidates(&[lab.link()]).0;
    let restored = std::thread::spawn(move || {
        // SAFETY: no pointers; the descriptor is open. This thread alone moves.
        unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
        let mut netlink = Netlink::open().unwrap();
        let before = Before::look(&mut netlink, &nics[0]).unwrap();
        before.set_up(&mut netlink).unwrap();
        let (mut header, mut sets) = ([VERSION, 0], [0u32; 6]);
        // SAFETY: a header and two sets of ours, as long as the call demands, which outlive it; this thread alone is changed.
        unsafe { libc::syscall(libc::SYS_capget, header.as_mut_ptr(), sets.as_mut_ptr()) };
        sets[0] &= !(1 << ADMIN);
        // SAFETY: as above.
        unsafe { libc::syscall(libc::SYS_capset, header.as_mut_ptr(), sets.as_ptr()) };
        before.restore().map_err(|error| error.kind())
    });
    assert_eq!(
        restored.join().unwrap(),
        Err(std::io::ErrorKind::PermissionDenied)
    );
}

/// Whoever runs the real root has taken an interface when it has an address there, IPv6 again, or is part of something.
#[test]
fn what_somebody_else_has_taken_is_not_set_down() {
    for (taking, is_taken) in [
        ("address add 10.9.9.9/24 dev c0", true),
        ("link set c0 mtu 1400", false),
    ] {
        let lab = Lab::bare();
        let namespace = File::open(format!("/run/netns/{}", lab.near)).unwrap();
        let nics = cloudseed_core::net::candidates(&[lab.link()]).0;
        let words = format!("-n {} {taking}", lab.near);
        let held = std::thread::spawn(move || {
            // SAFETY: no pointers; the descriptor is open. This thread alone moves.
            unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
            let wires = PacketWires::open(&nics).unwrap();
            run("ip", &words.split(' ').collect::<Vec<_>>());
            drop(wires);
        });
        held.join().unwrap();
        let after = run("ip", &["-n", &lab.near, "-o", "link", "show", "dev", "c0"]);
        assert_eq!(after.contains(",UP"), is_taken, "{taking}: {after}");
    }
}

const SERVICE6: &str = "[fd00:ec2::254]";

impl Lab {
    /// The far end gets IPv6: a router, a service behind it, and what dnsmasq does with `more`.
    fn six(more: &[&str]) -> Lab {
        let mut lab = Lab::bare();
        lab.start6(more);
        lab
    }

    fn start6(&mut self, more: &[&str]) {
        self.far("ip address add fd00:1::1/64 dev s0 nodad; ip address add fd00:ec2::254/128 dev lo nodad");
        let mut dhcp = vec![
            "--enable-ra",
            "--dhcp-option=option6:dns-server,[fd00:1::1]",
        ];
        dhcp.extend(["--address=/metadata6.test/fd00:ec2::254"]);
        dhcp.extend(more);
        self.start(&dhcp, SERVICE);
    }

    fn reach6(&self) -> (Result<String, String>, Vec<String>) {
        let url = format!("http://{SERVICE6}");
        self.inside(|outside| {
            reach(outside, Network::Any, &url);
            let named = outside
                .exchange(&request(Method::Get, "http://metadata6.test/peer"))
                .unwrap();
            assert_eq!(named.status, 200);
            let response = outside
                .exchange(&request(Method::Get, &format!("{url}/peer")))
                .unwrap();
            Ok(String::from_utf8(response.body).unwrap())
        })
    }
}

#[test]
fn an_address_of_a_router_advertisement_leaves_no_trace() {
    let lab = Lab::six(&["--dhcp-range=::,constructor:s0,ra-only"]);
    let before = lab.dump();
    let (peer, log) = lab.reach6();
    assert_eq!(peer.as_deref(), Ok("fd00:1::ff:fe00:5"), "{log:?}");
    let after = lab.dump();
    assert!(before == after, "{}", difference(&before, &after));
}

#[test]
fn an_address_of_dhcpv6_is_used() {
    let lab = Lab::six(&["--dhcp-range=fd00:1::50,fd00:1::5f,64,1h"]);
    let (peer, log) = lab.reach6();
    assert!(peer.unwrap().starts_with("fd00:1::5"), "{log:?}");
}

#[test]
fn of_two_servers_one_is_taken() {
    let mut lab = Lab::new(&[]);
    lab.far("ip address add 10.77.0.2/24 dev s0");
    let leases = format!("--dhcp-leasefile={}2", lab.leases);
    let mut second = vec!["dnsmasq", "--keep-in-foreground", "--conf-file=/dev/null"];
    second.extend(["--no-hosts", "--no-resolv", "--port=0", "--interface=s0"]);
    second.extend(["--bind-dynamic", "--no-ping", "--user=root", "--pid-file="]);
    second.extend(["--dhcp-range=10.77.0.100,10.77.0.120,1h", &leases]);
    lab.serve(&second);
    std::thread::sleep(Duration::from_millis(500));
    let (peer, log) = lab.inside(|outside| {
        reach(outside, Network::Dhcp4, SERVICE_URL);
        get(outside, "/peer")
    });
    let _ = std::fs::remove_file(format!("{}2", lab.leases));
    assert!(peer.unwrap().starts_with("10.77.0."), "{log:?}");
    let leased = log.iter().filter(|line| line.contains("/24 leased by"));
    assert_eq!(leased.count(), 1, "{log:?}");
}

/// A relay between two veth pairs, in a namespace of its own, that does to frames what a bad cable does.
struct Relay {
    middle: String,
    stop: Arc<AtomicBool>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Relay {
    /// Puts itself between the ends of `lab`. The far end must not send frames larger than the link takes, which the kernel
    /// does where it expects the hardware to cut them.
    fn between(lab: &Lab, faults: &[(&str, &str)], seed: u64) -> Relay {
        let middle = format!("{}mid", lab.near);
        let (near, far) = (&lab.near, &lab.far);
        for words in [
            format!("netns add {middle}"),
            format!("-n {near} link delete c0"),
            format!(
                "link add c0 netns {near} address 02:00:00:00:00:05 type veth peer name m0 netns {middle}"
            ),
            format!("link add s0 netns {far} type veth peer name m1 netns {middle}"),
            format!("-n {far} link set s0 gso_max_segs 1 gso_max_size 1500"),
            format!("-n {far} link set s0 up"),
            format!("-n {far} address add 10.77.0.1/24 dev s0"),
            format!("-n {middle} link set m0 up"),
            format!("-n {middle} link set m1 up"),
        ] {
            run("ip", &words.split(' ').collect::<Vec<_>>());
        }
        let mut all = Faults::default();
        for (name, value) in faults {
            assert_eq!(all.set(name, value), Ok(true));
        }
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let namespace = File::open(format!("/run/netns/{middle}")).unwrap();
        let nics = ["m0", "m1"].map(|name| Nic {
            name: name.into(),
            index: index(&middle, name),
            mac: [2, 0, 0, 0, 0, 7],
            mtu: 1500,
        });
        let thread = std::thread::spawn(move || {
            // SAFETY: no pointers; the descriptor is open. Only this thread changes its namespace.
            let entered = unsafe { libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET) };
            assert_eq!(entered, 0, "cannot enter a network namespace");
            let (mut wires, _, trouble) = PacketWires::open(&nics).unwrap();
            assert!(trouble.is_empty(), "{trouble:?}");
            let mut lines = [Line::new(&all, seed), Line::new(&all, !seed)];
            while !stopped.load(Ordering::Relaxed) {
                carry(&mut wires, &mut lines);
            }
        });
        Relay {
            middle,
            stop,
            thread: Some(thread),
        }
    }
}

/// Carries frames both ways, and waits until there may be more.
fn carry(wires: &mut PacketWires, lines: &mut [Line; 2]) {
    let now = wires.now();
    for (from, line) in lines.iter_mut().enumerate() {
        while let Some((rx, _)) = wires.ports()[from].receive(now) {
            rx.consume(|bytes| line.send(bytes.to_vec(), now));
        }
        while let Some(frame) = line.receive(now) {
            let tx = wires.ports()[1 - from].transmit(now).unwrap();
            tx.consume(frame.len(), |bytes| bytes.copy_from_slice(&frame));
        }
    }
    let next = lines.iter().filter_map(Line::next).min();
    let latest = now + Duration::from_millis(20).into();
    wires.wait(next.unwrap_or(latest).min(latest));
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        let _ = Command::new("ip")
            .args(["netns", "del", &self.middle])
            .status();
    }
}

fn index(namespace: &str, name: &str) -> u32 {
    let line = run("ip", &["-n", namespace, "-o", "link", "show", name]);
    line.split(':').next().unwrap().parse().unwrap()
}

/// What a cable does, and whether it leaves time for a large body within the two seconds of a request.
const BAD_CABLES: &[(&[(&str, &str)], bool)] = &[
    (&[("delay", "20ms")], true),
    (&[("delay", "100ms")], false),
    (&[("loss", "30%")], false),
    (&[("delay", "5ms"), ("reorder", "30%")], true),
    (&[("duplicate", "30%"), ("corrupt", "5%")], true),
];

#[test]
fn foreign_stacks_are_reached_over_bad_cables() {
    for (seed, (faults, large)) in BAD_CABLES.iter().enumerate() {
        let mut lab = Lab::bare();
        let relay = Relay::between(&lab, faults, seed as u64);
        lab.start(&[], SERVICE);
        let ((), log) = lab.inside(|outside| {
            let reached = outside.reach(
                Network::Dhcp4,
                &[SERVICE_URL.into()],
                Duration::from_secs(30),
            );
            assert_eq!(reached, Ok(0), "{faults:?}");
            if *large {
                let big = (0..6).find_map(|_| get(outside, "/big").ok());
                assert!(big.is_some_and(|big| big.len() == 3_000_000), "{faults:?}");
            }
            let port = (0..12).find_map(|_| get(outside, "/port").ok());
            assert!(port.is_some(), "{faults:?}");
            let named = request(Method::Get, "http://metadata.test/port");
            let named = (0..12).find_map(|_| outside.exchange(&named).ok());
            assert!(named.is_some(), "{faults:?}");
        });
        assert!(
            log.iter().any(|line| line.contains("leased by 10.77.0.1")),
            "{log:?}"
        );
        drop(relay);
    }
}

#[test]
fn foreign_stacks_of_ipv6_are_reached_over_bad_cables() {
    for (seed, (faults, _)) in BAD_CABLES.iter().enumerate() {
        let mut lab = Lab::bare();
        let relay = Relay::between(&lab, faults, seed as u64);
        lab.start6(&["--dhcp-range=fd00:1::50,fd00:1::5f,64,1h"]);
        let ((), log) = lab.inside(|outside| {
            let url = format!("http://{SERVICE6}");
            let reached = outside.reach(
                Network::Any,
                &[url.as_str().into()],
                Duration::from_secs(30),
            );
            assert_eq!(reached, Ok(0), "{faults:?}");
            let named = request(Method::Get, "http://metadata6.test/peer");
            let named = (0..12).find_map(|_| outside.exchange(&named).ok());
            assert!(named.is_some(), "{faults:?}");
        });
        assert!(
            log.iter().any(|line| line.contains("leased by DHCPv6")),
            "{faults:?} {log:?}"
        );
        drop(relay);
    }
}

/// The lines that are in one dump only.
fn difference(before: &str, after: &str) -> String {
    let of = |text: &str, other: &str, sign: char| {
        let other: std::collections::BTreeSet<&str> = other.lines().collect();
        let lines = text.lines().filter(|line| !other.contains(line));
        lines
            .map(|line| format!("{sign} {line}\n"))
            .collect::<String>()
    };
    of(before, after, '-') + &of(after, before, '+')
}

/// A server of OpenSSL's TLS; its arguments: the newest version, the certificates, the key.
#[cfg(feature = "tls")]
const SECURE_SERVICE: &str = r#"
import http.server, ssl, sys
class Service(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = self.connection.version().encode() + b" " * 300000
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *arguments): pass
server = http.server.ThreadingHTTPServer(("10.77.0.1", 443), Service)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.maximum_version = ssl.TLSVersion[sys.argv[1]]
context.load_cert_chain(sys.argv[2], sys.argv[3])
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
"#;

#[cfg(feature = "tls")]
#[test]
fn openssl_is_understood_with_rsa() {
    use crate::tls::{Certificates, today};

    let made = Certificates::new("certificates-rsa", "rsa:2048");
    let (chain, key) = (made.file("chain.pem"), made.file("leaf.key"));
    for (version, bundle, want) in [
        ("TLSv1_3", "root", Ok("TLSv1.3")),
        ("TLSv1_2", "root", Ok("TLSv1.2")),
        (
            "TLSv1_3",
            "other",
            Err("a certificate of an unknown issuer"),
        ),
    ] {
        let mut lab = Lab::new(&["--address=/seed.test/10.77.0.1"]);
        let files = [&chain, &key].map(|path| path.to_str().unwrap());
        lab.serve(&["python3", "-c", SECURE_SERVICE, version, files[0], files[1]]);
        while !lab.far("ss -Hlnt").contains("10.77.0.1:443") {
            std::thread::sleep(Duration::from_millis(50));
        }
        lab.tls = Tls::new(Root::new(&made.machine(bundle)), today);
        let ((), log) = lab.inside(|outside| {
            for _ in 0..2 {
                let answer = outside.exchange(&request(Method::Get, "https://seed.test/"));
                let answer = answer.map(|answer| String::from_utf8(answer.body).unwrap());
                match (answer, want) {
                    (Ok(body), Ok(version)) => {
                        assert_eq!((body.trim(), body.len()), (version, 300_007));
                    }
                    (found, want) => assert_eq!(
                        found.map_err(|failure| failure.found),
                        want.map(String::from).map_err(String::from)
                    ),
                }
            }
        });
        assert!(
            log.iter().any(|line| line.starts_with("tls: 1 root")),
            "{log:?}"
        );
    }
}

/// A server with one thread: whoever is connected to it, be he silent, keeps all others out.
#[test]
fn a_service_of_one_connection_at_a_time_is_read() {
    for version in ["HTTP/1.0", "HTTP/1.1"] {
        let service = SERVICE.replace("ThreadingHTTPServer", "HTTPServer");
        let mut lab = Lab::bare();
        lab.start(&[], &service.replace("HTTP/1.1", version));
        let (read, log) = lab.inside(|outside| {
            let fixture = Fixture::new("none");
            let root = Root::new(&fixture.machine());
            let machine = Machine::read(&root);
            let settings = Settings::read(&machine, platform::searched());
            let (journal, most) = (Journal::new(), Duration::from_secs(60));
            let mut cloud = Cloud::new("test", &machine, &settings, outside, &journal, most);
            cloud.network = Network::Dhcp4;
            let mut service = cloud.reach(&[SERVICE_URL]).unwrap();
            let paths: Vec<String> = (0..12).map(|number| format!("/n/{number}")).collect();
            service.expect(&mut cloud, paths.iter().map(String::as_str));
            // What comes before them, as a token does.
            let token = service.body(&mut cloud, &Question::new(Method::Put, "/token"));
            let mut read = vec![token.is_ok()];
            read.extend(paths.iter().map(|path| {
                let body = service.get(&mut cloud, path);
                body.as_deref() == Ok(path.as_bytes())
            }));
            read
        });
        assert!(
            read.iter().all(|read| *read),
            "{version}: {read:?} {log:#?}"
        );
    }
}
