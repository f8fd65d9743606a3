//! rtnetlink: the state of interfaces and their flags, by index, because names may change under us.

use std::io;
use std::mem::size_of;
use std::net::IpAddr;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use cloudseed_core::net::held::Held;

/// Bytes of the largest answer read at once.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Most answers read for one question.
const ANSWERS_MAX: usize = 1024;
/// The interface is administratively up.
pub const UP: u32 = libc::IFF_UP as u32;
/// The interface has a carrier.
pub const LOWER_UP: u32 = libc::IFF_LOWER_UP as u32;

/// The attribute of an interface that names its queueing discipline.
const IFLA_QDISC: u16 = 6;
/// Where the outermost queueing discipline of an interface hangs.
const ROOT: u32 = 0xffff_ffff;
/// The handle of the queueing discipline that is made to be deleted.
const HANDLE: u32 = 0xc5ed_0000;

/// What the kernel said of one interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// Its index.
    pub index: u32,
    /// Its flags, [`UP`] and [`LOWER_UP`] among them; none if it is gone.
    pub flags: u32,
}

/// A netlink socket.
#[derive(Debug)]
pub struct Netlink {
    fd: OwnedFd,
    sequence: u32,
}

impl Netlink {
    /// A socket for questions.
    pub fn open() -> io::Result<Netlink> {
        Netlink::bound(0)
    }

    /// A socket that hears of every change of an interface.
    pub fn monitor() -> io::Result<Netlink> {
        Netlink::bound(libc::RTMGRP_LINK as u32)
    }

    fn bound(groups: u32) -> io::Result<Netlink> {
        let kind = libc::SOCK_RAW | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        // SAFETY: no pointers.
        let fd = unsafe { libc::socket(libc::AF_NETLINK, kind, libc::NETLINK_ROUTE) };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the descriptor is fresh and nobody else's.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        // SAFETY: all zeroes is a valid sockaddr_nl.
        let mut address: libc::sockaddr_nl = unsafe { std::mem::zeroed() };
        address.nl_family = libc::AF_NETLINK as u16;
        address.nl_groups = groups;
        let length = size_of::<libc::sockaddr_nl>() as u32;
        // SAFETY: the pointer and the length are those of a sockaddr_nl of ours that outlives the call.
        let result = unsafe { libc::bind(fd.as_raw_fd(), (&raw const address).cast(), length) };
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(Netlink { fd, sequence: 0 })
    }

    /// The descriptor, for poll.
    pub fn raw(&self) -> i32 {
        self.fd.as_raw_fd()
    }

    /// The flags of the interface `index`.
    pub fn flags(&mut self, index: u32) -> io::Result<u32> {
        let body = link_message(index, 0, 0);
        let answers = self.ask(libc::RTM_GETLINK, 0, &body)?;
        answers
            .iter()
            .filter_map(state)
            .find(|state| state.index == index)
            .map(|state| state.flags)
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// Sets the interface up or down.
    pub fn set_up(&mut self, index: u32, up: bool) -> io::Result<()> {
        let body = link_message(index, if up { UP } else { 0 }, UP);
        self.ask(libc::RTM_NEWLINK, libc::NLM_F_ACK as u16, &body)?;
        Ok(())
    }

    /// True if the interface was never up: it has no queueing discipline yet.
    pub fn is_fresh(&mut self, index: u32) -> io::Result<bool> {
        let answers = self.ask(libc::RTM_GETLINK, 0, &link_message(index, 0, 0))?;
        let kind = answers
            .iter()
            .find_map(|answer| attribute(answer.body.get(16..)?, IFLA_QDISC));
        Ok(kind.is_some_and(|kind| kind == b"noop\0"))
    }

    /// Takes the queueing discipline that an interface got when it first came up away again, so that it is as if it had never
    /// been up. The kernel deletes none that it made itself, so that it is replaced by one that can be deleted.
    pub fn make_fresh(&mut self, index: u32) -> io::Result<()> {
        let mut body = Vec::from([0; 4]);
        body.extend(index.to_ne_bytes());
        body.extend(HANDLE.to_ne_bytes());
        body.extend(ROOT.to_ne_bytes());
        body.extend([0; 4]);
        // struct rtattr: length 2 · type 2 · data, padded to four bytes.
        body.extend(10u16.to_ne_bytes());
        body.extend(libc::TCA_KIND.to_ne_bytes());
        body.extend(b"pfifo\0\0\0");
        let flags = libc::NLM_F_ACK | libc::NLM_F_CREATE | libc::NLM_F_REPLACE;
        self.ask(libc::RTM_NEWQDISC, flags as u16, &body)?;
        self.ask(libc::RTM_DELQDISC, libc::NLM_F_ACK as u16, &body)?;
        Ok(())
    }

    /// The addresses the kernel has, of both families.
    pub fn addresses(&mut self) -> io::Result<Vec<Held>> {
        let answers = self.ask(libc::RTM_GETADDR, libc::NLM_F_DUMP as u16, &[0; 8])?;
        Ok(answers.iter().filter_map(held).collect())
    }

    /// Waits until a change may be heard of, at most `timeout`.
    pub fn wait(&self, timeout: Duration) {
        let mut fd = libc::pollfd {
            fd: self.raw(),
            events: libc::POLLIN,
            revents: 0,
        };
        let millis = timeout.as_millis().clamp(1, 60_000) as i32;
        // SAFETY: the pointer is to one pollfd of ours that outlives the call.
        unsafe { libc::poll(&mut fd, 1, millis) };
    }

    /// The changes heard since the last call.
    pub fn changes(&mut self) -> Vec<State> {
        let mut states = Vec::new();
        let mut buffer = vec![0; ANSWER_BYTES_MAX];
        loop {
            match self.receive(&mut buffer) {
                Ok(count) => {
                    let messages = messages(&buffer[..count]);
                    states.extend(messages.iter().filter_map(state));
                }
                // Some were lost; those that came after are still to be read.
                Err(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {}
                Err(_) => return states,
            }
        }
    }

    /// One question and its answers. A question with neither dump nor acknowledgement has one answer.
    fn ask(&mut self, kind: u16, flags: u16, body: &[u8]) -> io::Result<Vec<Message>> {
        self.sequence += 1;
        let sequence = self.sequence;
        let request = request(kind, libc::NLM_F_REQUEST as u16 | flags, sequence, body);
        // SAFETY: the pointer and the length are those of a vector of ours that outlives the call.
        let sent = unsafe { libc::send(self.raw(), request.as_ptr().cast(), request.len(), 0) };
        if sent < 0 {
            return Err(io::Error::last_os_error());
        }
        let mut answers = Vec::new();
        let mut buffer = vec![0; ANSWER_BYTES_MAX];
        for _ in 0..ANSWERS_MAX {
            let count = self.receive(&mut buffer)?;
            for message in messages(&buffer[..count]) {
                if message.sequence != sequence {
                    continue;
                }
                match i32::from(message.kind) {
                    libc::NLMSG_DONE => return Ok(answers),
                    libc::NLMSG_ERROR => return message.error().map(|()| answers),
                    _ => answers.push(message),
                }
                if flags == 0 {
                    return Ok(answers);
                }
            }
        }
        Err(io::Error::from(io::ErrorKind::InvalidData))
    }

    /// The kernel answers within the call that asks, so that there is nothing to wait for.
    fn receive(&self, buffer: &mut [u8]) -> io::Result<usize> {
        // SAFETY: the pointer and the length are those of a slice of ours that outlives the call.
        let count = unsafe { libc::recv(self.raw(), buffer.as_mut_ptr().cast(), buffer.len(), 0) };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }
}

#[derive(Debug)]
struct Message {
    kind: u16,
    sequence: u32,
    body: Vec<u8>,
}

impl Message {
    /// struct nlmsgerr: a negative errno, or zero for an acknowledgement.
    fn error(&self) -> io::Result<()> {
        match number(&self.body, 0).map(|code| code as i32) {
            Some(0) => Ok(()),
            Some(code) => Err(io::Error::from_raw_os_error(-code)),
            None => Err(io::Error::from(io::ErrorKind::InvalidData)),
        }
    }
}

/// struct nlmsghdr: length 4 · type 2 · flags 2 · sequence 4 · port 4; messages are padded to four bytes.
fn request(kind: u16, flags: u16, sequence: u32, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(16 + body.len());
    out.extend((16 + body.len() as u32).to_ne_bytes());
    out.extend(kind.to_ne_bytes());
    out.extend(flags.to_ne_bytes());
    out.extend(sequence.to_ne_bytes());
    out.extend([0; 4]);
    out.extend(body);
    out
}

/// struct ifinfomsg: family 1 · pad 1 · type 2 · index 4 · flags 4 · change mask 4.
fn link_message(index: u32, flags: u32, change: u32) -> [u8; 16] {
    let mut out = [0; 16];
    out[4..8].copy_from_slice(&index.to_ne_bytes());
    out[8..12].copy_from_slice(&flags.to_ne_bytes());
    out[12..16].copy_from_slice(&change.to_ne_bytes());
    out
}

fn messages(mut bytes: &[u8]) -> Vec<Message> {
    let mut out = Vec::new();
    while let (Some(length), Some(kind), Some(sequence)) =
        (number(bytes, 0), number(bytes, 4), number(bytes, 8))
    {
        let length = length as usize;
        let Some(body) = bytes.get(16..length) else {
            break;
        };
        out.push(Message {
            kind: kind as u16,
            sequence,
            body: body.to_vec(),
        });
        bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or(&[]);
    }
    out
}

fn state(message: &Message) -> Option<State> {
    let (index, flags) = (number(&message.body, 4)?, number(&message.body, 8)?);
    match message.kind {
        libc::RTM_NEWLINK => Some(State { index, flags }),
        libc::RTM_DELLINK => Some(State { index, flags: 0 }),
        _ => None,
    }
}

/// struct ifaddrmsg: family 1 · prefix 1 · flags 1 · scope 1 · index 4.
fn held(message: &Message) -> Option<Held> {
    let [_, prefix, _, scope] = *message.body.first_chunk()?;
    let attributes = message.body.get(8..)?;
    // At the end of a tunnel the first is the other end's, and the second one's own.
    let own = attribute(attributes, libc::IFA_LOCAL);
    let own = own.or_else(|| attribute(attributes, libc::IFA_ADDRESS))?;
    let address = match own.len() {
        4 => IpAddr::from(<[u8; 4]>::try_from(own).ok()?),
        _ => IpAddr::from(<[u8; 16]>::try_from(own).ok()?),
    };
    (message.kind == libc::RTM_NEWADDR).then_some(Held {
        index: number(&message.body, 4)?,
        address,
        prefix,
        global: scope == libc::RT_SCOPE_UNIVERSE,
    })
}

/// The data of the first attribute of `kind`: length 2 · type 2 · data, padded to four bytes.
fn attribute(mut bytes: &[u8], kind: u16) -> Option<&[u8]> {
    while let Some(head) = number(bytes, 0) {
        let head = head.to_ne_bytes();
        let length = usize::from(u16::from_ne_bytes([head[0], head[1]]));
        let data = bytes.get(4..length)?;
        if u16::from_ne_bytes([head[2], head[3]]) == kind {
            return Some(data);
        }
        bytes = bytes.get(length.next_multiple_of(4)..)?;
    }
    None
}

/// The number at `offset`, in the byte order of this machine; two-byte fields come with their neighbour.
fn number(bytes: &[u8], offset: usize) -> Option<u32> {
    let bytes = bytes.get(offset..offset + 4)?;
    Some(u32::from_ne_bytes(bytes.try_into().ok()?))
}
