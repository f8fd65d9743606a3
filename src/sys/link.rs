//! Links: packet sockets as cables, and interfaces that are as before when we leave.
//!
//! An interface must be up to carry frames, and then the kernel would give itself an IPv6 address there, solicit routers and
//! believe them. So IPv6 is switched off on it first, and [`Guard`] puts everything back when the last cable is dropped.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use cloudseed_core::machine::Link;
use cloudseed_core::net::frame::{self, HEADER_BYTES};
use cloudseed_core::net::{self, Nic, Wires};
use smoltcp::phy::{self, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;

use super::clock;
use super::guard::{Before, Guard};
use super::netlink::{self, Netlink};

/// Largest frame received: drivers that merge segments (GRO) hand over up to 64 KiB and a header.
const FRAME_BYTES_MAX: usize = (64 << 10) + 64;
/// Bytes of frames that may wait for us in the kernel: some windows of TCP, with what the kernel counts on top. Memory only as far
/// as they do wait.
const WAITING_BYTES_MAX: i32 = 4 << 20;
/// Not in every libc: our own frames do not come back to us.
const PACKET_IGNORE_OUTGOING: i32 = 23;
/// The frame was on a VLAN, whose tag the kernel took off.
const TP_STATUS_VLAN_VALID: u32 = 1 << 4;
/// The sender left the checksum to hardware that the frame never met.
const TP_STATUS_CSUMNOTREADY: u32 = 1 << 3;

/// One interface's packet socket.
#[derive(Debug)]
pub struct PacketSocket {
    fd: OwnedFd,
    mtu: usize,
    buffer: Vec<u8>,
    frame: Vec<u8>,
}

impl PacketSocket {
    /// Opens a packet socket on `nic`. It hears nothing before it is bound, and then only ARP, IPv4 and IPv6.
    pub fn open(nic: &Nic) -> io::Result<PacketSocket> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: no pointers. Protocol 0 receives nothing.
        let fd = unsafe { libc::socket(libc::AF_PACKET, kind, 0) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is fresh and nobody else's.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        filter(&fd)?;
        option(&fd, libc::SOL_PACKET, libc::PACKET_AUXDATA, &1i32)?;
        // Older kernels (before 4.20) know no such option; the stack drops frames from its own address anyway.
        let _ = option(&fd, libc::SOL_PACKET, PACKET_IGNORE_OUTGOING, &1i32);
        // The kernel's own limit holds a tenth of a window. Without the right to more, the rest is lost and sent again.
        let _ = option(
            &fd,
            libc::SOL_SOCKET,
            libc::SO_RCVBUFFORCE,
            &WAITING_BYTES_MAX,
        );
        let membership = libc::packet_mreq {
            mr_ifindex: nic.index as i32,
            mr_type: libc::PACKET_MR_ALLMULTI as u16,
            mr_alen: 0,
            mr_address: [0; 8],
        };
        option(
            &fd,
            libc::SOL_PACKET,
            libc::PACKET_ADD_MEMBERSHIP,
            &membership,
        )?;
        bind(&fd, nic.index)?;
        Ok(PacketSocket {
            fd,
            mtu: nic.mtu as usize,
            buffer: vec![0; FRAME_BYTES_MAX],
            frame: Vec::new(),
        })
    }

    /// The next frame's length in the buffer. Frames of VLANs are skipped; errors (the link went down) are silence.
    fn take(&mut self) -> Option<usize> {
        loop {
            let (count, status) = receive(&self.fd, &mut self.buffer)?;
            let Auxiliary { status, tag } = status;
            if status & TP_STATUS_VLAN_VALID != 0 && tag & 0x0fff != 0 {
                continue;
            }
            // It came from a neighbour on the same host and never met the hardware that should have filled it in. All other
            // frames are verified as they are.
            let unfinished = status & TP_STATUS_CSUMNOTREADY != 0;
            if let Some(packet) = self
                .buffer
                .get_mut(HEADER_BYTES..count)
                .filter(|_| unfinished)
            {
                frame::complete(packet);
            }
            return Some(count);
        }
    }
}

/// What the kernel tells beside a frame.
#[derive(Clone, Copy, Debug, Default)]
struct Auxiliary {
    status: u32,
    tag: u16,
}

fn receive(fd: &OwnedFd, buffer: &mut [u8]) -> Option<(usize, Auxiliary)> {
    let mut part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    let mut control = [0u64; 16];
    // SAFETY: all zeroes is a valid msghdr.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = &mut part;
    message.msg_iovlen = 1;
    message.msg_control = control.as_mut_ptr().cast();
    message.msg_controllen = size_of::<[u64; 16]>() as _;
    // SAFETY: the message points at a buffer, an iovec and a control area of ours that outlive the call, with their lengths.
    let count = unsafe { libc::recvmsg(fd.as_raw_fd(), &mut message, 0) };
    let count = usize::try_from(count).ok()?;
    Some((count.min(buffer.len()), auxiliary(&message)))
}

fn auxiliary(message: &libc::msghdr) -> Auxiliary {
    // SAFETY: recvmsg has filled the message and set the length of its control area.
    let mut header = unsafe { libc::CMSG_FIRSTHDR(message) };
    while !header.is_null() {
        // SAFETY: a header that is not null lies in the control area of the message.
        let here = unsafe { header.read_unaligned() };
        if here.cmsg_level == libc::SOL_PACKET && here.cmsg_type == libc::PACKET_AUXDATA {
            // SAFETY: as above.
            let data = unsafe { libc::CMSG_DATA(header) };
            // SAFETY: the kernel puts a whole tpacket_auxdata behind a header of this type.
            let data = unsafe { data.cast::<libc::tpacket_auxdata>().read_unaligned() };
            return Auxiliary {
                status: data.tp_status,
                tag: data.tp_vlan_tci,
            };
        }
        // SAFETY: both pointers are of the same message.
        header = unsafe { libc::CMSG_NXTHDR(message, header) };
    }
    Auxiliary::default()
}

/// A classic BPF program: the type of the frame is ARP, IPv4 or IPv6, or the frame is dropped before it wakes us.
fn filter(fd: &OwnedFd) -> io::Result<()> {
    let op = |code: u32, jt: u8, jf: u8, k: u32| libc::sock_filter {
        code: code as u16,
        jt,
        jf,
        k,
    };
    let jump = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let load = libc::BPF_LD | libc::BPF_H | libc::BPF_ABS;
    let mut program = [
        op(load, 0, 0, 12),
        op(jump, 2, 0, libc::ETH_P_ARP as u32),
        op(jump, 1, 0, libc::ETH_P_IP as u32),
        op(jump, 0, 1, libc::ETH_P_IPV6 as u32),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, FRAME_BYTES_MAX as u32),
        op(libc::BPF_RET | libc::BPF_K, 0, 0, 0),
    ];
    let program = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    option(fd, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
}

fn option<T>(fd: &OwnedFd, level: i32, name: i32, value: &T) -> io::Result<()> {
    let (pointer, length) = ((&raw const *value).cast(), size_of::<T>() as u32);
    // SAFETY: the pointer and the length are those of a value that outlives the call; what it points at in turn (a filter
    // program) does so too.
    let result = unsafe { libc::setsockopt(fd.as_raw_fd(), level, name, pointer, length) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

fn bind(fd: &OwnedFd, index: u32) -> io::Result<()> {
    // SAFETY: all zeroes is a valid sockaddr_ll.
    let mut address: libc::sockaddr_ll = unsafe { std::mem::zeroed() };
    address.sll_family = libc::AF_PACKET as u16;
    address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
    address.sll_ifindex = index as i32;
    let length = size_of::<libc::sockaddr_ll>() as u32;
    // SAFETY: the pointer and the length are those of a sockaddr_ll of ours that outlives the call.
    let result = unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), length) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// A received frame.
#[derive(Debug)]
pub struct Received<'a>(&'a [u8]);

/// A frame to be sent.
#[derive(Debug)]
pub struct Sent<'a>(&'a OwnedFd, &'a mut Vec<u8>);

impl phy::RxToken for Received<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

impl phy::TxToken for Sent<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        self.1.clear();
        self.1.resize(len, 0);
        let result = f(self.1);
        // SAFETY: the pointer and the length are those of a vector of ours that outlives the call. A frame that is not taken
        // (no buffers, no link) is a lost frame, which every protocol above can bear.
        unsafe { libc::send(self.0.as_raw_fd(), self.1.as_ptr().cast(), len, 0) };
        result
    }
}

impl Device for PacketSocket {
    type RxToken<'a> = Received<'a>;
    type TxToken<'a> = Sent<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Received<'_>, Sent<'_>)> {
        let count = self.take()?;
        let received = Received(self.buffer.get(..count)?);
        Some((received, Sent(&self.fd, &mut self.frame)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Sent<'_>> {
        Some(Sent(&self.fd, &mut self.frame))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = self.mtu + HEADER_BYTES;
        capabilities
    }
}

/// True if the kernel has an address that is good beyond the link on any interface but the loopback. Then somebody has
/// configured the network (`ip=`, `rd.neednet`), be it on a card, on a bond, a bridge or a VLAN made of cards: its stack would
/// answer our connections with resets, so that its sockets are to be used instead.
pub fn kernel_has_addresses(links: &[Link]) -> bool {
    let held = Netlink::open().and_then(|mut netlink| netlink.addresses());
    let counts = |index: u32| {
        let mut links = links.iter();
        links.any(|link| link.index == index && !link.is_loopback())
    };
    let mut held = held.unwrap_or_default().into_iter();
    held.any(|held| held.global && counts(held.index))
}

/// How often is looked whether interfaces may still come.
const TURN_MICROS: i64 = 200_000;

/// Waits until one of the interfaces that `look` sees is worth asking on: drivers come late. At most `patience`, and for as long
/// as `may_come` says so, at most `timeout`. The last look.
pub fn wait_for_nic(
    look: impl Fn() -> Vec<Link>,
    patience: Duration,
    may_come: impl Fn() -> bool,
    timeout: Duration,
) -> Vec<Link> {
    let started = clock::now();
    let [patience, timeout] =
        [patience, timeout].map(|time| started + super::own_dial::micros(time));
    let mut monitor = Netlink::monitor();
    loop {
        // Asked first: what ends in between is seen by the look.
        let until = if may_come() { timeout } else { patience };
        let links = look();
        let left = until.total_micros() - clock::now().total_micros();
        let Ok(monitor) = &mut monitor else {
            return links;
        };
        if left <= 0 || !net::candidates(&links).0.is_empty() {
            return links;
        }
        monitor.wait(Duration::from_micros(left.min(TURN_MICROS) as u64));
        monitor.changes();
    }
}

/// The packet sockets of all usable interfaces.
#[derive(Debug)]
pub struct PacketWires {
    // The order matters: sockets are closed before the interfaces go down.
    ports: Vec<PacketSocket>,
    plugged: Vec<bool>,
    indices: Vec<u32>,
    monitor: Netlink,
    _guard: Guard,
}

impl PacketWires {
    /// Sets the interfaces up and opens a packet socket on each. Those where that fails are left out; why is told.
    pub fn open(nics: &[Nic]) -> io::Result<(PacketWires, Vec<Nic>, Vec<String>)> {
        let mut netlink = Netlink::open()?;
        // From here on every change is heard of.
        let monitor = Netlink::monitor()?;
        let (mut ports, mut used, mut before) = (Vec::new(), Vec::new(), Vec::new());
        let mut trouble = Vec::new();
        for nic in nics {
            let port = PacketSocket::open(nic);
            match port.and_then(|port| Ok((port, Before::look(&mut netlink, nic)?))) {
                Ok((port, found)) => {
                    ports.push(port);
                    before.push(found);
                    used.push(nic.clone());
                }
                Err(error) => trouble.push(format!("{}: {error}", nic.name)),
            }
        }
        let guard = Guard::new(before);
        for (before, nic) in guard.all().iter().zip(&used) {
            if let Err(error) = before.set_up(&mut netlink) {
                trouble.push(format!("{}: not set up: {error}", nic.name));
            }
        }
        let mut plugged = |nic: &Nic| {
            let flags = netlink.flags(nic.index);
            flags.is_ok_and(|flags| flags & netlink::LOWER_UP != 0)
        };
        let wires = PacketWires {
            ports,
            plugged: used.iter().map(&mut plugged).collect(),
            indices: used.iter().map(|nic| nic.index).collect(),
            monitor,
            _guard: guard,
        };
        Ok((wires, used, trouble))
    }

    fn hear(&mut self) {
        for state in self.monitor.changes() {
            let place = self.indices.iter().position(|index| *index == state.index);
            if let Some(plugged) = place.and_then(|place| self.plugged.get_mut(place)) {
                *plugged = state.flags & netlink::LOWER_UP != 0;
            }
        }
    }
}

impl Wires for PacketWires {
    type Port = PacketSocket;

    fn ports(&mut self) -> &mut [PacketSocket] {
        &mut self.ports
    }

    fn now(&self) -> Instant {
        clock::now()
    }

    fn wall(&self) -> Duration {
        clock::wall()
    }

    fn plugged(&self, port: usize) -> bool {
        self.plugged.get(port).copied().unwrap_or(false)
    }

    fn wait(&mut self, until: Instant) {
        let now = clock::now();
        let micros = until
            .total_micros()
            .saturating_sub(now.total_micros())
            .max(0);
        let timeout = libc::timespec {
            tv_sec: (micros / 1_000_000) as _,
            tv_nsec: (micros % 1_000_000 * 1000) as _,
        };
        let fds = self.ports.iter().map(|port| port.fd.as_raw_fd());
        let mut fds: Vec<libc::pollfd> = fds
            .chain([self.monitor.raw()])
            .map(|fd| libc::pollfd {
                fd,
                events: libc::POLLIN,
                revents: 0,
            })
            .collect();
        let count = fds.len() as libc::nfds_t;
        // SAFETY: the pointer and the count are those of a vector of ours, the time-out is ours, both outlive the call; no
        // signal mask is given. An interrupted wait is a short wait.
        unsafe { libc::ppoll(fds.as_mut_ptr(), count, &timeout, std::ptr::null()) };
        if fds.last().is_some_and(|fd| fd.revents != 0) {
            self.hear();
        }
    }
}
