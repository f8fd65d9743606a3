//! The simulated cloud itself, seen by a client made of smoltcp's own parts.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use cloudseed_core::net::Wires;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::{dhcpv4, dns, tcp};
use smoltcp::time::Instant;
use smoltcp::wire::{DnsQueryType, EthernetAddress, IpCidr};

use crate::cable::{Cable, Plug};
use crate::cloud::SimulatedCloud;
use crate::cloud::simulated::Events;

/// How long the client waits for anything.
const PATIENCE: Duration = Duration::from_secs(120);
/// The metadata service.
const SERVICE: &str = "169.254.169.254:80";
const EC2: &str = "tests/roots/ec2/cloud";

/// A machine at a port of a cable.
struct Client {
    cable: Cable,
    port: usize,
    interface: Interface,
    sockets: SocketSet<'static>,
    local_port: u16,
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    /// The document is whole, as its length says.
    Whole,
    Closed,
    Reset,
    Silence,
}

impl Client {
    /// A machine with no address yet.
    fn new(mut cable: Cable, port: usize) -> Client {
        let hardware = EthernetAddress([0x52, 0x54, 0, 0x12, 0x34, 0x56 + port as u8]);
        let config = Config::new(hardware.into());
        let now = cable.now();
        let interface = Interface::new(config, &mut cable.ports()[port], now);
        Client {
            cable,
            port,
            interface,
            sockets: SocketSet::new(Vec::new()),
            local_port: 50_000,
        }
    }

    /// A machine with a static address, in the cloud of `folder` with more `lines`; and what happens there.
    fn at(folder: &str, lines: &str) -> (Client, Events) {
        let cloud = SimulatedCloud::from_folder(folder)
            .unwrap()
            .with(lines)
            .unwrap();
        let events = cloud.events();
        let mut client = Client::new(Cable::new(vec![Plug::Cloud(cloud)], 7), 0);
        client.settle("10.0.2.15/24".parse().unwrap());
        (client, events)
    }

    fn settle(&mut self, address: IpCidr) {
        self.interface
            .update_ip_addrs(|addresses| addresses.push(address).unwrap());
        self.interface
            .routes_mut()
            .add_default_ipv4_route("10.0.2.1".parse().unwrap())
            .unwrap();
    }

    /// Runs the network until `done` gives something, or until patience ends.
    fn until<T>(&mut self, mut done: impl FnMut(&mut Client) -> Option<T>) -> Option<T> {
        let end = self.cable.now() + PATIENCE.into();
        loop {
            let now = self.cable.now();
            self.interface
                .poll(now, &mut self.cable.ports()[self.port], &mut self.sockets);
            if let Some(result) = done(self) {
                self.interface
                    .poll(now, &mut self.cable.ports()[self.port], &mut self.sockets);
                return Some(result);
            }
            if now >= end {
                return None;
            }
            let next = self.interface.poll_at(now, &self.sockets).unwrap_or(end);
            self.cable
                .wait(next.clamp(now + smoltcp::time::Duration::from_micros(1), end));
        }
    }

    /// The lease a DHCP server gives, as text.
    fn lease(&mut self) -> Option<String> {
        let mut socket = dhcpv4::Socket::new();
        socket.set_parameter_request_list(&[1, 3, 6, 12, 15, 26, 42, 119, 121, 245]);
        socket.set_receive_packet_buffer(vec![0; 1500].leak());
        let handle = self.sockets.add(socket);
        self.until(
            |client| match client.sockets.get_mut::<dhcpv4::Socket>(handle).poll()? {
                dhcpv4::Event::Configured(lease) => {
                    let options = lease.packet.as_ref().unwrap().options();
                    let options: String = options
                        .map(|o| format!(" {}={:02x?}", o.kind, o.data))
                        .collect();
                    Some(format!(
                        "{} {:?} {:?}{options}",
                        lease.address, lease.router, lease.dns_servers
                    ))
                }
                dhcpv4::Event::Deconfigured => None,
            },
        )
    }

    /// The addresses of a name.
    fn look_up(&mut self, name: &str, kind: DnsQueryType) -> Option<Vec<IpAddr>> {
        let servers = ["10.0.2.3".parse().unwrap()];
        let handle = self.sockets.add(dns::Socket::new(&servers, Vec::new()));
        let socket = self.sockets.get_mut::<dns::Socket>(handle);
        let query = socket
            .start_query(self.interface.context(), name, kind)
            .unwrap();
        let found = self.until(|client| {
            match client
                .sockets
                .get_mut::<dns::Socket>(handle)
                .get_query_result(query)
            {
                Ok(found) => Some(Some(found.iter().map(|a| IpAddr::from(*a)).collect())),
                Err(dns::GetQueryResultError::Pending) => None,
                Err(dns::GetQueryResultError::Failed) => Some(None),
            }
        });
        self.sockets.remove(handle);
        found.flatten()
    }

    fn connect(&mut self, to: &str) -> Option<SocketHandle> {
        let buffer = || tcp::SocketBuffer::new(vec![0; 64 << 10]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        self.local_port += 1;
        let to: SocketAddr = to.parse().unwrap();
        socket
            .connect(self.interface.context(), to, self.local_port)
            .unwrap();
        let handle = self.sockets.add(socket);
        let up = self.until(
            |client| match client.sockets.get::<tcp::Socket>(handle).state() {
                tcp::State::Established => Some(true),
                tcp::State::Closed => Some(false),
                _ => None,
            },
        );
        (up == Some(true)).then_some(handle)
    }

    /// Sends a request on a connection; gives what comes back, and how that ended.
    fn ask(&mut self, handle: SocketHandle, request: &str) -> (String, End) {
        let socket = self.sockets.get_mut::<tcp::Socket>(handle);
        socket.send_slice(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        let end = self.until(|client| {
            let socket = client.sockets.get_mut::<tcp::Socket>(handle);
            while let Ok(1..) = socket.recv(|bytes| {
                answer.extend_from_slice(bytes);
                (bytes.len(), bytes.len())
            }) {}
            match socket.state() {
                _ if is_whole(&answer) => Some(End::Whole),
                tcp::State::Closed => Some(End::Reset),
                tcp::State::CloseWait => Some(End::Closed),
                _ => None,
            }
        });
        (
            String::from_utf8_lossy(&answer).into_owned(),
            end.unwrap_or(End::Silence),
        )
    }

    /// A GET on a connection of its own.
    fn get(&mut self, path: &str) -> (String, End) {
        let handle = self.connect(SERVICE).unwrap();
        self.ask(
            handle,
            &format!("GET {path} HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n"),
        )
    }
}

/// True if the body is as long as the head says.
fn is_whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        return false;
    };
    let mut lengths = head
        .lines()
        .filter_map(|line| line.strip_prefix("Content-Length: "));
    lengths
        .next()
        .is_some_and(|length| length.parse() == Ok(body.len()))
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or("")
}

#[test]
fn leases_an_address_with_options() {
    let cloud = SimulatedCloud::from_folder(EC2).unwrap();
    let events = cloud.events();
    let mut client = Client::new(Cable::new(vec![Plug::Cloud(cloud)], 7), 0);
    let lease = client.lease().unwrap();
    assert!(
        lease.starts_with("10.0.2.15/24 Some(10.0.2.1) [10.0.2.3]"),
        "{lease}"
    );
    assert!(lease.contains(" 26=[23, 29]"), "{lease}");
    let what: Vec<String> = events.take().into_iter().map(|event| event.what).collect();
    assert_eq!(
        what,
        [
            "dhcp offer 10.0.2.15 to 52-54-00-12-34-56",
            "dhcp ack 10.0.2.15 to 52-54-00-12-34-56"
        ]
    );
}

#[test]
fn leases_a_second_address_to_a_second_interface() {
    let cloud = SimulatedCloud::from_folder(EC2).unwrap();
    let cable = Cable::new(vec![Plug::Cloud(cloud), Plug::Nothing, Plug::Beside(0)], 7);
    let mut client = Client::new(cable, 0);
    assert!(client.lease().unwrap().starts_with("10.0.2.15/24"));
    let mut client = Client::new(client.cable, 2);
    assert!(client.lease().unwrap().starts_with("10.0.2.16/24"));
    let mut client = Client::new(client.cable, 1);
    assert_eq!(client.lease(), None);
}

#[test]
fn refuses_delays_and_keeps_silent() {
    let lease = |lines: &str| {
        let cloud = SimulatedCloud::from_folder(EC2)
            .unwrap()
            .with(lines)
            .unwrap();
        let events = cloud.events();
        let mut client = Client::new(Cable::new(vec![Plug::Cloud(cloud)], 7), 0);
        let lease = client.lease().is_some();
        let what: Vec<String> = events.take().into_iter().map(|event| event.what).collect();
        (lease, what.join(", "), client.cable.now())
    };
    assert!(!lease("no lease").0);
    let (found, what, _) = lease("no lease\nlease 10.9.0.1/24 router 10.9.0.254 nak 1");
    assert!(found && what.contains("dhcp nak 10.9.0.1"), "{what}");
    let (found, _, now) = lease("no lease\nlease 10.9.0.1/24 router 10.9.0.254 delay 2s");
    assert!(found && now >= Instant::from_secs(4), "{now}");
}

#[test]
fn knows_names() {
    let (mut client, _) = Client::at(
        EC2,
        "cname www.example.com example.com\nname example.com 93.184.216.34,2001:db8::1",
    );
    let expected: Vec<IpAddr> = vec!["93.184.216.34".parse().unwrap()];
    assert_eq!(
        client.look_up("example.com", DnsQueryType::A),
        Some(expected.clone())
    );
    assert_eq!(
        client.look_up("www.example.com", DnsQueryType::A),
        Some(expected)
    );
    let expected: Vec<IpAddr> = vec!["2001:db8::1".parse().unwrap()];
    assert_eq!(
        client.look_up("example.com", DnsQueryType::Aaaa),
        Some(expected)
    );
    assert_eq!(client.look_up("example.org", DnsQueryType::A), None);
}

#[test]
fn answers_from_its_folder_on_one_connection() {
    let (mut client, events) = Client::at(EC2, "");
    let handle = client.connect(SERVICE).unwrap();
    let put = "PUT /latest/api/token HTTP/1.1\r\nHost: 169.254.169.254\r\nX-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n";
    let (answer, end) = client.ask(handle, put);
    assert_eq!((status(&answer), end), ("200", End::Whole));
    let token = body(&answer).to_string();
    let get = |path: &str| {
        format!(
            "GET {path} HTTP/1.1\r\nHost: 169.254.169.254\r\nX-AWS-EC2-Metadata-Token: {token}\r\n\r\n"
        )
    };
    let (answer, _) = client.ask(handle, &get("/2021-03-23/meta-data/instance-id"));
    assert_eq!(body(&answer), "i-0abcdef1234567890");
    let (answer, _) = client.ask(handle, &get("/latest/meta-data/public-keys/"));
    assert_eq!(body(&answer), "0=ada");
    let (answer, _) = client.ask(handle, &get("/latest/meta-data/tags"));
    assert_eq!(status(&answer), "404");
    let (answer, _) = client.ask(handle, &get("/latest/meta-data/../../../cloud.conf"));
    assert_eq!(status(&answer), "404");
    assert_eq!(events.take().len(), 5);
}

#[test]
fn wants_a_token_that_is_still_good() {
    let token =
        "no lease\nrequire /latest* X-aws-ec2-metadata-token @/latest/api/token else 401 uses 2";
    let (mut client, _) = Client::at("tests/roots/nocloud-http/cloud", token);
    assert!(client.connect(SERVICE).is_none(), "nobody listens there");
    let (mut client, _) = Client::at(
        EC2,
        "require /latest/meta-data/ami-id X-aws-ec2-metadata-token @/latest/api/token else 401 uses 1",
    );
    let handle = client.connect(SERVICE).unwrap();
    assert_eq!(status(&client.get("/latest/meta-data/ami-id").0), "401");
    let (answer, _) = client.ask(handle, "PUT /latest/api/token HTTP/1.1\r\nHost: x\r\n\r\n");
    assert_eq!(status(&answer), "400");
}

#[test]
fn serves_other_hosts() {
    let (mut client, _) = Client::at(EC2, "");
    let handle = client.connect("93.184.216.34:80").unwrap();
    let (answer, _) = client.ask(
        handle,
        "GET /included.sh HTTP/1.1\r\nHost: example.com\r\n\r\n",
    );
    assert_eq!(
        body(&answer),
        "#!/bin/sh\necho \"hello from the included script\"\n"
    );
}

#[test]
fn delivers_over_a_bad_line() {
    let lines = "loss 30%\ndelay 100ms\nreorder 10%\nduplicate 10%\ncorrupt 5%\noversize /GET 20KiB\noversize /latest 20KiB";
    let (mut client, _) = Client::at(
        "tests/roots/hetzner/cloud",
        &format!("no lease\n{LEASE}\n{lines}\noversize /hetzner/v1/metadata 40KiB"),
    );
    let (answer, end) = client.get("/hetzner/v1/metadata");
    assert_eq!((body(&answer).len(), end), (40 << 10, End::Whole));
    assert!(
        client.cable.now() > Instant::from_millis(800),
        "{}",
        client.cable.now()
    );
}

/// A cloud at 10.0.2.0/24, whatever the root says.
const LEASE: &str = "lease 10.0.2.15/24 router 10.0.2.1 dns 10.0.2.3";

#[test]
fn answers_with_a_status_once() {
    let lines = format!("{LEASE}\nanswer GET /hetzner/* 503 retry-after 1 skip 1 times 1");
    let (mut client, _) = Client::at("tests/roots/hetzner/cloud", &lines);
    let mut get = || client.get("/hetzner/v1/metadata/hostname").0;
    assert_eq!(body(&get()), "seeded");
    let answer = get();
    assert_eq!(status(&answer), "503");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    assert_eq!(body(&get()), "seeded");
}

#[test]
fn breaks_bodies() {
    let path = "/hetzner/v1/metadata/hostname";
    let get = |line: &str| {
        let (mut client, _) = Client::at("tests/roots/hetzner/cloud", &format!("{LEASE}\n{line}"));
        let start = client.cable.now();
        let (answer, end) = client.get(path);
        let body = answer
            .split_once("\r\n\r\n")
            .map_or("", |(_, body)| body)
            .to_string();
        (body, end, (client.cable.now() - start).total_millis())
    };
    assert_eq!(
        get(&format!("truncate {path} 3")),
        ("see".into(), End::Closed, 0)
    );
    let (body, end, _) = get(&format!("reset {path} 3"));
    assert_eq!((body.as_str(), end), ("see", End::Reset));
    assert_eq!(
        get(&format!("length {path} 9")),
        ("seeded".into(), End::Silence, 120_000)
    );
    assert_eq!(
        get(&format!("mute {path}")),
        (String::new(), End::Silence, 120_000)
    );
    assert_eq!(
        get(&format!("close {path}")),
        ("seeded".into(), End::Closed, 0)
    );
    assert_eq!(
        get(&format!("chunked {path}\nclose {path}")).0,
        "6\r\nseeded\r\n0\r\n\r\n"
    );
    assert_eq!(
        get(&format!("pause {path} 3s")),
        ("seeded".into(), End::Whole, 3_000)
    );
    let (body, end, millis) = get(&format!("slow {path} 10"));
    assert_eq!((body.as_str(), end), ("seeded", End::Whole));
    assert!((4_000..6_000).contains(&millis), "{millis}");
    let (body, _, _) = get(&format!("oversize {path} 3MiB"));
    assert_eq!(body.len(), 3 << 20);
}

#[test]
fn names_the_line_that_is_wrong() {
    let cloud = |lines: &str| SimulatedCloud::from_folder(EC2).unwrap().with(lines).err();
    assert_eq!(
        cloud("loss 30%\nloss much").unwrap(),
        "cloud.conf: line 2 (loss much): expected a share like 30%, but found much"
    );
    assert_eq!(
        cloud("lease 10.0.0.1").unwrap(),
        "cloud.conf: line 1 (lease 10.0.0.1): expected an address like 10.0.2.15/24, but found 10.0.0.1"
    );
    assert_eq!(
        cloud("frobnicate /x").unwrap(),
        "cloud.conf: line 1 (frobnicate /x): expected a setting, but found frobnicate"
    );
    assert_eq!(
        cloud("mute /x y").unwrap(),
        "cloud.conf: line 1 (mute /x y): expected the end of the line, but found y"
    );
}
