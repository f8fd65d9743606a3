//! Connections: smoltcp on the side of the network, the HTTP service and the name server on the other.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Instant;
use smoltcp::wire::HardwareAddress;

use super::dns;
use super::http::{End, Parsed, Reply, Request, Service};
use super::secure::{self, Secure};

/// Longest IP packet, in bytes.
const PACKET_BYTES_MAX: usize = 1500;
/// Connections that may come in at the same moment, per address.
const BACKLOG: usize = 10;
const RECEIVE_BYTES: usize = 16 << 10;
/// More than a window of the machine's, so that the window is what counts.
const SEND_BYTES: usize = 512 << 10;
/// Bytes of a body made at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// The TCP half of the cloud.
pub struct Stack {
    interface: Interface,
    sockets: SocketSet<'static>,
    packets: Packets,
    listen: Vec<(SocketAddr, Kind)>,
    secure: Vec<Secure>,
    sessions: Vec<Session>,
}

/// What a connection is for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Documents.
    Http,
    /// The same inside TLS, as the entry of this number says.
    Https(usize),
    /// Names.
    Dns,
}

struct Session {
    handle: SocketHandle,
    place: (SocketAddr, Kind),
    secure: Option<secure::Session>,
    input: Vec<u8>,
    sending: Option<Sending>,
    mute: bool,
}

struct Sending {
    reply: Reply,
    start: Instant,
    sent: u64,
}

impl Stack {
    /// A stack that listens at these places.
    pub fn new(listen: Vec<(SocketAddr, Kind)>, secure: Vec<Secure>, seed: u64) -> Stack {
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut packets = Packets::default();
        let mut interface = Interface::new(config, &mut packets, Instant::ZERO);
        interface.set_any_ip(true);
        let mut stack = Stack {
            interface,
            sockets: SocketSet::new(Vec::new()),
            packets,
            listen,
            secure,
            sessions: Vec::new(),
        };
        stack.tidy();
        stack
    }

    /// Takes in an IP packet.
    pub fn receive(&mut self, packet: &[u8]) {
        self.packets.inward.push_back(packet.to_vec());
    }

    /// An IP packet to send.
    pub fn transmit(&mut self) -> Option<Vec<u8>> {
        self.packets.outward.pop_front()
    }

    /// Does all that can be done now; gives lines for the log.
    pub fn step(
        &mut self,
        now: Instant,
        service: &mut Service,
        names: &dns::Server,
    ) -> Vec<String> {
        let mut notes = Vec::new();
        loop {
            self.interface
                .poll(now, &mut self.packets, &mut self.sockets);
            self.tidy();
            let mut busy = false;
            for session in &mut self.sessions {
                let socket = self.sockets.get_mut::<Socket>(session.handle);
                busy |= session.step(now, socket, service, names, &mut notes);
            }
            if !busy {
                self.interface
                    .poll(now, &mut self.packets, &mut self.sockets);
                return notes;
            }
        }
    }

    /// Forgets dead connections, and listens for as many more as may come.
    fn tidy(&mut self) {
        let sockets = &mut self.sockets;
        self.sessions.retain(|session| {
            let dead = sockets.get::<Socket>(session.handle).state() == State::Closed;
            if dead {
                sockets.remove(session.handle);
            }
            !dead
        });
        for place in &self.listen {
            let listening = |session: &&Session| {
                session.place == *place && sockets.get::<Socket>(session.handle).is_listening()
            };
            for _ in self.sessions.iter().filter(listening).count()..BACKLOG {
                let Some(mut session) = Session::listen(*place, sockets) else {
                    break;
                };
                if let Kind::Https(index) = place.1 {
                    session.secure = self.secure.get(index).map(Secure::session);
                }
                self.sessions.push(session);
            }
        }
    }

    /// When there is something to do again.
    pub fn next(&mut self, now: Instant) -> Option<Instant> {
        let network = self.interface.poll_at(now, &self.sockets);
        let replies = self.sessions.iter().filter_map(|session| session.next());
        replies.chain(network).min()
    }
}

impl Session {
    fn listen(place: (SocketAddr, Kind), sockets: &mut SocketSet<'static>) -> Option<Session> {
        let mut socket = Socket::new(
            SocketBuffer::new(vec![0; RECEIVE_BYTES]),
            SocketBuffer::new(vec![0; SEND_BYTES]),
        );
        socket.set_nagle_enabled(false);
        socket.set_ack_delay(None);
        socket.listen(place.0).ok()?;
        Some(Session {
            handle: sockets.add(socket),
            place,
            secure: None,
            input: Vec::new(),
            sending: None,
            mute: false,
        })
    }

    /// Moves bytes; true if there may be more to do.
    fn step(
        &mut self,
        now: Instant,
        socket: &mut Socket,
        service: &mut Service,
        names: &dns::Server,
        notes: &mut Vec<String>,
    ) -> bool {
        while socket.can_recv() {
            let taken = socket.recv(|bytes| {
                match &mut self.secure {
                    Some(secure) => secure.receive(bytes, now, &mut self.input),
                    None => self.input.extend_from_slice(bytes),
                }
                (bytes.len(), ())
            });
            if taken.is_err() {
                break;
            }
        }
        if self.sending.is_none() && !self.mute {
            let reply = match self.place.1 {
                Kind::Http | Kind::Https(_) => {
                    let port = socket.remote_endpoint().map_or(0, |remote| remote.port);
                    self.http(port, service, notes)
                }
                Kind::Dns => self.dns(names),
            };
            if let Some(reply) = reply {
                notes.push(reply.note.clone());
                self.sending = Some(Sending {
                    reply,
                    start: now,
                    sent: 0,
                });
            }
        }
        let done = match &mut self.sending {
            Some(sending) => sending.step(now, socket, &mut self.secure),
            None => {
                if let Some(secure) = &mut self.secure {
                    secure.flush(now, socket);
                }
                if !socket.may_recv() && socket.state() == State::CloseWait {
                    socket.close();
                }
                false
            }
        };
        if done {
            self.sending = None;
        }
        done
    }

    fn http(&mut self, port: u16, service: &mut Service, notes: &mut Vec<String>) -> Option<Reply> {
        match Request::parse(&self.input) {
            Parsed::Whole(mut request, length) => {
                self.input.drain(..length);
                request.port = port;
                let reply = service.answer(&request);
                self.mute = reply.is_none();
                if self.mute {
                    notes.push(format!("{}: no answer", request.line()));
                }
                reply
            }
            Parsed::Garbage => {
                self.input.clear();
                Some(Reply::to_garbage())
            }
            Parsed::Part => None,
        }
    }

    /// A name by TCP: the length in two bytes before the query and before the answer (RFC 1035, 4.2.2).
    fn dns(&mut self, names: &dns::Server) -> Option<Reply> {
        let length = usize::from(u16::from_be_bytes(self.input.get(..2)?.try_into().ok()?));
        let query = self.input.get(2..2 + length)?.to_vec();
        self.input.drain(..2 + length);
        let (answer, note) = names.answer(&query, true)?;
        let mut bytes = (answer.len() as u16).to_be_bytes().to_vec();
        bytes.extend(answer);
        Some(Reply::raw(bytes, format!("{note} (by TCP)")))
    }

    fn next(&self) -> Option<Instant> {
        if let Some(next) = self.secure.as_ref().and_then(secure::Session::next) {
            return Some(next);
        }
        let sending = self.sending.as_ref()?;
        let start = sending.start + sending.reply.pause.into();
        let rate = sending.reply.rate.unwrap_or(u64::MAX);
        let after = Duration::from_secs_f64((sending.sent + 1) as f64 / rate as f64);
        (sending.sent == 0 || sending.reply.rate.is_some()).then(|| start + after.into())
    }
}

impl Sending {
    /// Sends what may be sent; true when all is.
    fn step(
        &mut self,
        now: Instant,
        socket: &mut Socket,
        secure: &mut Option<secure::Session>,
    ) -> bool {
        let start = self.start + self.reply.pause.into();
        if now < start {
            return false;
        }
        let elapsed = u128::from((now - start).total_micros());
        let allowed = self.reply.rate.map_or(u64::MAX, |rate| {
            (elapsed * u128::from(rate) / 1_000_000) as u64
        });
        let total = self.reply.length();
        while socket.can_send() && self.sent < total.min(allowed) {
            let free = socket.send_capacity() - socket.send_queue();
            let most = CHUNK_BYTES.min(free);
            let most = most.min((allowed - self.sent).min(CHUNK_BYTES as u64) as usize);
            let bytes = self.reply.bytes(self.sent, most);
            let count = match secure {
                Some(secure) => {
                    if secure.flush(now, socket) {
                        secure.write(&bytes)
                    } else {
                        0
                    }
                }
                None => socket.send_slice(&bytes).unwrap_or(0),
            };
            if count == 0 {
                break;
            }
            self.sent += count as u64;
        }
        if let Some(secure) = secure {
            if self.sent == total && self.reply.end == End::Close {
                secure.close();
            }
            if !secure.flush(now, socket) {
                return false;
            }
        }
        if self.sent < total {
            return false;
        }
        match self.reply.end {
            End::Reset if socket.send_queue() > 0 => return false,
            End::Reset => socket.abort(),
            End::Close => socket.close(),
            End::Keep => {}
        }
        true
    }
}

/// IP packets on their way between the stack and the cable.
#[derive(Default)]
struct Packets {
    inward: VecDeque<Vec<u8>>,
    outward: VecDeque<Vec<u8>>,
}

struct In(Vec<u8>);

struct Out<'a>(&'a mut VecDeque<Vec<u8>>);

impl RxToken for In {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Out<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut packet = vec![0; length];
        let result = f(&mut packet);
        self.0.push_back(packet);
        result
    }
}

impl Device for Packets {
    type RxToken<'a> = In;
    type TxToken<'a> = Out<'a>;

    fn receive(&mut self, _: Instant) -> Option<(In, Out<'_>)> {
        let packet = self.inward.pop_front()?;
        Some((In(packet), Out(&mut self.outward)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Out<'_>> {
        Some(Out(&mut self.outward))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = PACKET_BYTES_MAX;
        capabilities
    }
}
