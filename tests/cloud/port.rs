//! A network interface of this machine as a cable: whole frames in and out, past the kernel's own stack.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::mem::size_of_val;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

/// The kernel's word on what it left to hardware, before each frame (`struct virtio_net_hdr`).
const HEADER_BYTES: usize = 10;
/// The checksum is only begun: it is to be made from `start` on, and to be put at `start + offset`.
const NEEDS_CHECKSUM: u8 = 1;
/// Longest frame the kernel hands over, in bytes.
const BUFFER_BYTES: usize = (64 << 10) + 256;
/// Protocol number for all of them.
const ALL: u16 = libc::ETH_P_ALL as u16;

/// A packet socket on one interface.
pub struct Port(File);

impl Port {
    /// Opens the interface `name` of the calling thread's network namespace; needs the right to do so there.
    pub fn open(name: &str) -> io::Result<Port> {
        let name = std::ffi::CString::new(name)?;
        // SAFETY: a string that ends in NUL and outlives the call.
        let index = unsafe { libc::if_nametoindex(name.as_ptr()) };
        if index == 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: no pointers. Protocol 0 hears nothing until the socket is bound.
        let socket = check(unsafe {
            libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0)
        })?;
        // SAFETY: the descriptor is fresh and nobody else's.
        let socket = unsafe { OwnedFd::from_raw_fd(socket) };
        set(&socket, libc::PACKET_VNET_HDR)?;
        set(&socket, libc::PACKET_IGNORE_OUTGOING)?;
        let address = libc::sockaddr_ll {
            sll_family: libc::AF_PACKET as u16,
            sll_protocol: ALL.to_be(),
            sll_ifindex: index as i32,
            sll_hatype: 0,
            sll_pkttype: 0,
            sll_halen: 0,
            sll_addr: [0; 8],
        };
        let length = size_of_val(&address) as libc::socklen_t;
        // SAFETY: the address is of the length given and outlives the call.
        check(unsafe { libc::bind(socket.as_raw_fd(), (&raw const address).cast(), length) })?;
        Ok(Port(File::from(socket)))
    }

    /// The same interface, for another thread.
    pub fn try_clone(&self) -> io::Result<Port> {
        self.0.try_clone().map(Port)
    }

    /// Waits for a frame; its checksum is whole.
    pub fn receive(&mut self) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            match self.0.read(&mut buffer) {
                Ok(length) => return Ok(whole(&buffer[..length])),
                Err(error) if error.kind() == ErrorKind::NetworkDown => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Sends a frame.
    pub fn send(&mut self, frame: &[u8]) -> io::Result<()> {
        self.0.write_all(&[&[0; HEADER_BYTES], frame].concat())
    }
}

/// The frame behind the kernel's header, with its checksum finished.
fn whole(bytes: &[u8]) -> Vec<u8> {
    let (header, frame) = bytes.split_at(HEADER_BYTES.min(bytes.len()));
    let mut frame = frame.to_vec();
    if header
        .first()
        .is_some_and(|flags| flags & NEEDS_CHECKSUM != 0)
    {
        let start = usize::from(u16::from_ne_bytes([header[6], header[7]]));
        let place = start + usize::from(u16::from_ne_bytes([header[8], header[9]]));
        let sum = sum(frame.get(start..).unwrap_or(&[]));
        if let Some(field) = frame.get_mut(place..place + 2) {
            field.copy_from_slice(&sum.to_be_bytes());
        }
    }
    frame
}

/// The Internet's checksum (RFC 1071); never 0, which in UDP would mean that there is none.
fn sum(bytes: &[u8]) -> u16 {
    let words = bytes
        .chunks(2)
        .map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0)));
    let mut sum: u32 = words.sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    match !(sum as u16) {
        0 => 0xffff,
        sum => sum,
    }
}

/// Switches an option of packet sockets on.
fn set(socket: &OwnedFd, option: i32) -> io::Result<()> {
    let on: i32 = 1;
    let length = size_of_val(&on) as libc::socklen_t;
    let value = (&raw const on).cast();
    // SAFETY: the value is of the length given and outlives the call.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_PACKET, option, value, length) };
    check(result).map(drop)
}

fn check(result: i32) -> io::Result<i32> {
    match result {
        0.. => Ok(result),
        _ => Err(io::Error::last_os_error()),
    }
}
