//! The simulated cloud itself, seen by a client made of smoltcp's own parts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use cloudseed_core::net::Wires;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, RxToken, TxToken};
use smoltcp::socket::{dhcpv4, dns, tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{DnsQueryType, EthernetAddress, IpCidr, IpEndpoint};

use crate::cable::{Cable, Plug};
use crate::cloud::SimulatedCloud;
use crate::cloud::neighbour::{Arp, HARDWARE, STRANGER, ask};
use crate::cloud::simulated::Events;

const SECOND: Duration = Duration::from_secs(1);
/// How long the client waits for anything.
const PATIENCE: Duration = Duration::from_secs(120);
/// The metadata service.
const SERVICE: &str = "169.254.169.254:80";
const EC2: &str = "tests/roots/ec2/cloud";
const HETZNER: &str = "tests/roots/hetzner/cloud";

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
    let (mut client, _) = Client::at(EC2, "require / Token @/latest/api/token else 403 uses 2");
    let handle = client.connect(SERVICE).unwrap();
    let mut ask = |what: &str, header: &str| {
        let request = format!("{what} HTTP/1.1\r\nHost: x\r\n{header}\r\n\r\n");
        let answer = client.ask(handle, &request).0;
        (status(&answer).to_string(), body(&answer).to_string())
    };
    assert_eq!(ask("PUT /latest/api/token", "X-Other: 1").0, "400");
    let lifetime = "X-AWS-EC2-Metadata-Token-TTL-Seconds: 60";
    let first = ask("PUT /latest/api/token", lifetime).1;
    let statuses = [(); 3].map(|()| ask("GET /", &format!("Token: {first}")).0);
    assert_eq!(statuses, ["200", "200", "403"]);
    let second = ask("PUT /latest/api/token", lifetime).1;
    assert_ne!(first, second);
    assert_eq!(ask("GET /", &format!("Token: {first}")).0, "403");
    assert_eq!(ask("GET /", &format!("Token: {second}")).0, "200");
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
        HETZNER,
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
    let (mut client, _) = Client::at(HETZNER, &lines);
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
        let (mut client, _) = Client::at(HETZNER, &format!("{LEASE}\n{line}"));
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

/// What has happened, as text.
fn told(events: &Events) -> String {
    let lines = events.take().into_iter().map(|event| event.what);
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn breaks_the_protocol_itself() {
    let (mut client, _) = Client::at(HETZNER, &format!("{LEASE}\ngarbage *\nvanish 10.0.2.9"));
    assert_eq!(client.get("/x").0, "SSH-2.0-OpenSSH_9.2\r\n");
    assert!(client.connect("10.0.2.9:80").is_none());
    assert!(
        client.cable.now() > Instant::from_secs(100),
        "silence, not a reset"
    );
    let now = client.cable.now();
    assert!(client.connect("10.0.2.1:80").is_none());
    assert!(
        client.cable.now() - now < Duration::from_secs(1).into(),
        "a reset"
    );
}

#[test]
fn packs_documents() {
    let (mut client, _) = Client::at(
        HETZNER,
        &format!("{LEASE}\ngzip /hetzner/v1/metadata/hostname"),
    );
    let handle = client.connect(SERVICE).unwrap();
    let socket = client.sockets.get_mut::<tcp::Socket>(handle);
    let request = b"GET /hetzner/v1/metadata/hostname HTTP/1.0\r\n\r\n";
    socket.send_slice(request).unwrap();
    let mut answer = Vec::new();
    client.until(|client| {
        let socket = client.sockets.get_mut::<tcp::Socket>(handle);
        while let Ok(1..) = socket.recv(|bytes| {
            answer.extend_from_slice(bytes);
            (bytes.len(), bytes.len())
        }) {}
        (socket.state() == tcp::State::CloseWait).then_some(())
    });
    let start = answer
        .windows(2)
        .position(|bytes| bytes == [0x1f, 0x8b])
        .unwrap();
    let packed = &answer[start + 10..answer.len() - 8];
    assert_eq!(
        miniz_oxide::inflate::decompress_to_vec(packed).unwrap(),
        b"seeded"
    );
    // `printf seeded | gzip` ends so as well: the checksum and the length.
    assert_eq!(
        answer[answer.len() - 8..],
        [0x9f, 0x78, 0xd5, 0x7c, 6, 0, 0, 0]
    );
}

#[test]
fn the_name_server_has_moods() {
    let (mut client, events) = Client::at(EC2, "dns servfail");
    assert_eq!(client.look_up("example.com", DnsQueryType::A), None);
    assert_eq!(told(&events), "dns example.com type 1: failure");
    let (mut client, events) = Client::at(EC2, "dns silent");
    assert_eq!(client.look_up("example.com", DnsQueryType::A), None);
    assert_eq!(told(&events), "");

    let (mut client, events) = Client::at(EC2, "dns truncate");
    assert_eq!(client.look_up("example.com", DnsQueryType::A), None);
    assert_eq!(told(&events), "dns example.com type 1: truncated");
    let handle = client.connect("10.0.2.3:53").unwrap();
    let query = "\0\x1d\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x07example\x03com\0\0\x01\0\x01";
    client
        .sockets
        .get_mut::<tcp::Socket>(handle)
        .send_slice(query.as_bytes())
        .unwrap();
    let mut answer = [0; 100];
    let length = client.until(|client| {
        let socket = client.sockets.get_mut::<tcp::Socket>(handle);
        socket
            .recv_slice(&mut answer)
            .ok()
            .filter(|length| *length > 0)
    });
    assert!(
        answer[..length.unwrap()].ends_with(&[0, 4, 93, 184, 216, 34]),
        "{answer:?}"
    );
}

#[test]
fn two_servers_offer_and_one_leases() {
    let other = "lease 10.9.9.9/24 router 10.9.9.1";
    let cloud = SimulatedCloud::from_folder(EC2)
        .unwrap()
        .with(other)
        .unwrap();
    let events = cloud.events();
    let mut client = Client::new(Cable::new(vec![Plug::Cloud(cloud)], 7), 0);
    client.lease().unwrap();
    let told = told(&events);
    assert_eq!(told.matches("offer").count(), 2, "{told}");
    assert_eq!(told.matches("ack").count(), 1, "{told}");
}

#[test]
fn loses_the_frames_it_is_told_to() {
    let cloud = SimulatedCloud::from_folder(EC2)
        .unwrap()
        .with("lose 1,3")
        .unwrap();
    let mut client = Client::new(Cable::new(vec![Plug::Cloud(cloud)], 7), 0);
    client.lease().unwrap();
    assert!(
        client.cable.now() >= Instant::from_secs(10),
        "smoltcp asks again after 10 s"
    );
}

/// All ARP messages that come within a second of sending `frame`: sender and target.
fn arps(client: &mut Client, frame: &[u8]) -> Vec<(EthernetAddress, Ipv4Addr, Ipv4Addr)> {
    let now = client.cable.now();
    let port = &mut client.cable.ports()[0];
    port.transmit(now)
        .unwrap()
        .consume(frame.len(), |bytes| bytes.copy_from_slice(frame));
    let end = now + Duration::from_secs(1).into();
    let mut heard = Vec::new();
    while client.cable.now() < end {
        client.cable.wait(end);
        let port = &mut client.cable.ports()[0];
        while let Some((frame, _)) = port.receive(end) {
            let arp = frame.consume(|bytes| Arp::parse(&bytes[14..]));
            heard.extend(arp.map(|arp| (arp.sender.0, arp.sender.1, arp.target)));
        }
    }
    heard
}

#[test]
fn somebody_else_has_the_address() {
    let lines = format!("{LEASE}\nconflict 169.254.0.0/16 times 1\nclaim last 500ms");
    let (mut client, _) = Client::at(HETZNER, &lines);
    let hardware = EthernetAddress([0x52, 0x54, 0, 0x12, 0x34, 0x56]);
    let address: Ipv4Addr = "169.254.7.7".parse().unwrap();
    let nobody = Ipv4Addr::UNSPECIFIED;
    let probe = ask((hardware, nobody), address);
    assert_eq!(arps(&mut client, &probe), [(STRANGER, address, nobody)]);
    assert_eq!(arps(&mut client, &probe), []);
    let announcement = ask((hardware, address), address);
    assert_eq!(
        arps(&mut client, &announcement),
        [(STRANGER, address, address)]
    );
    let service: Ipv4Addr = "169.254.169.254".parse().unwrap();
    let question = ask((hardware, address), service);
    assert_eq!(arps(&mut client, &question), [(HARDWARE, service, address)]);
}

#[test]
fn serves_ipv6_and_leases_by_dhcpv6() {
    let lines = "lease6 2001:db8::15 dns 2001:db8::53 search example.com";
    let (mut client, events) = Client::at(EC2, lines);
    let local = "fe80::5054:ff:fe12:3456/64".parse().unwrap();
    let unique = "fd00:ec2::15/64".parse().unwrap();
    client.interface.update_ip_addrs(|addresses| {
        addresses.push(local).unwrap();
        addresses.push(unique).unwrap();
    });
    let handle = client.connect("[fd00:ec2::254]:80").unwrap();
    let (answer, _) = client.ask(
        handle,
        "GET /latest/dynamic/ HTTP/1.1\r\nHost: [fd00:ec2::254]\r\n\r\n",
    );
    assert_eq!(status(&answer), "401");
    assert_eq!(
        told(&events),
        "GET http://[fd00:ec2::254]/latest/dynamic/ 401"
    );

    let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 4], vec![0; 4096]);
    let mut socket = udp::Socket::new(buffer(), buffer());
    socket.bind(546).unwrap();
    let handle = client.sockets.add(socket);
    let mut ask = |message: &[u8]| {
        let to: IpEndpoint = "[ff02::1:2]:547".parse().unwrap();
        let from = "fe80::5054:ff:fe12:3456".parse().ok();
        let meta = udp::UdpMetadata {
            local_address: from,
            ..to.into()
        };
        client
            .sockets
            .get_mut::<udp::Socket>(handle)
            .send_slice(message, meta)
            .unwrap();
        let answer = client.until(|client| {
            let socket = client.sockets.get_mut::<udp::Socket>(handle);
            socket.recv().ok().map(|(bytes, _)| bytes.to_vec())
        });
        answer.unwrap()
    };
    let identity = [0, 1, 0, 10, 0, 3, 0, 1, 0x52, 0x54, 0, 0x12, 0x34, 0x56];
    let association = [0, 3, 0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
    let solicit = [&[1, 7, 7, 7][..], &identity, &association].concat();
    let advertise = ask(&solicit);
    assert_eq!(advertise[..4], [2, 7, 7, 7]);
    let server = &advertise[4..18];
    assert_eq!(advertise[18..32], identity);
    let message = |kind| [&[kind, 7, 7, 8][..], &identity, server, &association].concat();
    let reply = ask(&message(3));
    assert_eq!(reply[..4], [7, 7, 7, 8]);
    let address = "2001:db8::15".parse::<Ipv6Addr>().unwrap().octets();
    assert!(
        reply.windows(16).any(|bytes| bytes == address),
        "{reply:02x?}"
    );
    assert!(
        reply.ends_with(b"\0\x18\0\x0d\x07example\x03com\0"),
        "{reply:02x?}"
    );
    ask(&message(9));
    let reply = ask(&message(3));
    let next = "2001:db8::16".parse::<Ipv6Addr>().unwrap().octets();
    let has_next = |message: &[u8]| message.windows(16).any(|bytes| bytes == next);
    assert!(has_next(&reply), "the first one is declined: {reply:02x?}");
    let information = ask(&[11, 7, 7, 9]);
    assert_eq!(information[..4], [7, 7, 7, 9]);
    assert!(!has_next(&information), "{information:02x?}");
}

#[test]
fn a_late_cable_and_a_narrow_one() {
    let cloud = || SimulatedCloud::from_folder(EC2).unwrap();
    let late = Plug::Late(cloud(), 3 * SECOND);
    let mut client = Client::new(Cable::new(vec![late], 7), 0);
    assert!(!client.cable.plugged(0));
    let far = client.cable.now() + PATIENCE.into();
    client.cable.wait(far);
    assert!(client.cable.plugged(0));
    assert_eq!(client.cable.now(), Instant::from_secs(3));
    assert!(client.lease().is_some());

    let (mut client, _) = Client::at(HETZNER, &format!("{LEASE}\nmtu 1000"));
    let (answer, end) = client.get("/hetzner/v1/metadata");
    assert_eq!(
        (answer.as_str(), end),
        ("", End::Silence),
        "1,500 bytes do not get through"
    );
    let (answer, _) = client.get("/hetzner/v1/metadata/hostname");
    assert_eq!(body(&answer), "seeded");
}

#[test]
fn a_router_advertises_itself() {
    let router = "router fe80::1 prefix 2001:db8::/64 dns 2001:db8::53 search example.com mtu 1400 flags managed lifetime 0";
    let cloud = SimulatedCloud::from_folder(EC2)
        .unwrap()
        .with(&format!("{router} every 10s skip 1"));
    let cloud = cloud.unwrap();
    let events = cloud.events();
    let mut cable = Cable::new(vec![Plug::Cloud(cloud)], 7);
    let solicitation = [
        0x33, 0x33, 0, 0, 0, 2, 0x52, 0x54, 0, 0x12, 0x34, 0x56, 0x86, 0xdd, 0x60, 0, 0, 0, 0, 8,
        58, 255, 0xfe, 0x80, 0, 0, 0, 0, 0, 0, 0x50, 0x54, 0, 0xff, 0xfe, 0x12, 0x34, 0x56, 0xff,
        2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 133, 0, 0xf9, 0x7a, 0, 0, 0, 0,
    ];
    let mut advertisement = Vec::new();
    for _ in 0..2 {
        let now = cable.now();
        let room = cable.ports()[0].transmit(now).unwrap();
        room.consume(solicitation.len(), |bytes| {
            bytes.copy_from_slice(&solicitation)
        });
        cable.wait(now + SECOND.into());
        while let Some((frame, _)) = cable.ports()[0].receive(now) {
            frame.consume(|bytes| advertisement = bytes.to_vec());
        }
    }
    assert_eq!(
        cable.now(),
        Instant::from_secs(1),
        "the first question is left unanswered"
    );
    let expected = [
        &[134, 0][..],
        &advertisement[56..58],
        &[64, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        &[1, 1, 2, 0, 0, 0, 0, 0xfe, 5, 1, 0, 0, 0, 0, 5, 0x78],
        &[
            3, 4, 64, 0xc0, 0, 0, 0x1c, 0x20, 0, 0, 0x0e, 0x10, 0, 0, 0, 0, 0x20, 1, 0x0d, 0xb8, 0,
            0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        ],
        &[
            25, 3, 0, 0, 0, 0, 0, 0, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x53,
        ],
        &[31, 3, 0, 0, 0, 0, 0, 0, 7],
        b"example\x03com\0\0\0\0",
    ];
    assert_eq!(advertisement[54..], expected.concat());
    let far = cable.now() + (30 * SECOND).into();
    cable.wait(far);
    assert_eq!(cable.now(), Instant::from_secs(10), "and every ten seconds");
    assert_eq!(told(&events).lines().count(), 2);
}
