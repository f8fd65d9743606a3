//! The other end of a cable, with a stack of its own: whoever connects to port 80 and says something is told the fuzzer's bytes.

use cloudseed_core::net::Wires;
use smoltcp::iface::{Config, Interface, SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer};
use smoltcp::time::{Duration, Instant};
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

use crate::queues::Port;

/// Connections that may be open at the same time.
const SOCKETS: usize = 8;

/// A cable with the peer, 10.0.2.1, at its end.
pub struct Peer {
    near: Port,
    far: Port,
    clock: Instant,
    interface: Interface,
    sockets: SocketSet<'static>,
    handles: Vec<SocketHandle>,
    bytes: Vec<u8>,
    /// How far each connection has been told.
    told: Vec<usize>,
    /// How the story ends: the connection stays, is closed or is reset.
    ending: u8,
}

impl Peer {
    /// A peer that tells `data`, after a first byte that says how it ends.
    pub fn new(data: &[u8]) -> Peer {
        let (ending, bytes) = data.split_first().unwrap_or((&0, &[]));
        let mut far = Port::default();
        let hardware = EthernetAddress([2, 0, 0, 0, 0, 2]);
        let mut interface = Interface::new(Config::new(hardware.into()), &mut far, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            let _ = addresses.push(IpCidr::new(IpAddress::v4(10, 0, 2, 1), 24));
        });
        let mut sockets = SocketSet::new(Vec::new());
        let handles: Vec<SocketHandle> = (0..SOCKETS).map(|_| sockets.add(socket())).collect();
        Peer {
            near: Port::default(),
            far,
            clock: Instant::ZERO,
            interface,
            sockets,
            told: vec![0; handles.len()],
            handles,
            bytes: bytes.to_vec(),
            ending: ending % 3,
        }
    }

    /// Carries frames and does what is due.
    fn step(&mut self) {
        self.far.inward.append(&mut self.near.outward);
        self.interface
            .poll(self.clock, &mut self.far, &mut self.sockets);
        for (handle, told) in self.handles.iter().zip(&mut self.told) {
            let socket = self.sockets.get_mut::<Socket>(*handle);
            if !socket.is_open() {
                *told = 0;
                let _ = socket.listen(80);
            }
            if socket.can_recv() && socket.recv(|bytes| (bytes.len(), ())).is_ok() || *told > 0 {
                *told += socket.send_slice(&self.bytes[*told..]).unwrap_or(0);
            }
            if *told > 0 && *told == self.bytes.len() {
                match self.ending {
                    0 => socket.close(),
                    1 if socket.send_queue() == 0 => socket.abort(),
                    _ => {}
                }
            }
        }
        self.interface
            .poll(self.clock, &mut self.far, &mut self.sockets);
        self.near.inward.append(&mut self.far.outward);
    }
}

fn socket() -> Socket<'static> {
    let buffer = |bytes| SocketBuffer::new(vec![0; bytes]);
    let mut socket = Socket::new(buffer(4 << 10), buffer(16 << 10));
    socket.set_nagle_enabled(false);
    let _ = socket.listen(80);
    socket
}

impl Wires for Peer {
    type Port = Port;

    fn ports(&mut self) -> &mut [Port] {
        std::slice::from_mut(&mut self.near)
    }

    fn now(&self) -> Instant {
        self.clock
    }

    fn wall(&self) -> std::time::Duration {
        std::time::Duration::ZERO
    }

    fn plugged(&self, _: usize) -> bool {
        true
    }

    fn wait(&mut self, until: Instant) {
        self.step();
        if self.near.inward.is_empty() {
            let next = self.interface.poll_at(self.clock, &self.sockets);
            let next = next
                .unwrap_or(until)
                .max(self.clock + Duration::from_millis(1));
            self.clock = next.min(until);
        }
    }
}
