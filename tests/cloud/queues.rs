//! A network interface made of two queues, for a stack that runs beside its other end.

use std::collections::VecDeque;

use smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use smoltcp::time::Instant;

/// Longest frame, in bytes: an IP packet of 1500 and its Ethernet header.
const FRAME_BYTES_MAX: usize = 1514;

/// One network interface: frames that wait for it, and those it has sent.
#[derive(Default)]
pub struct Port {
    /// Frames to it.
    pub inward: VecDeque<Vec<u8>>,
    /// Frames from it.
    pub outward: VecDeque<Vec<u8>>,
}

/// A frame that has arrived.
pub struct Arrived(Vec<u8>);

/// Room for a frame to send.
pub struct Room<'a>(&'a mut VecDeque<Vec<u8>>);

impl RxToken for Arrived {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Room<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, length: usize, f: F) -> R {
        let mut frame = vec![0; length];
        let result = f(&mut frame);
        self.0.push_back(frame);
        result
    }
}

impl Device for Port {
    type RxToken<'a> = Arrived;
    type TxToken<'a> = Room<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Arrived, Room<'_>)> {
        let frame = self.inward.pop_front()?;
        Some((Arrived(frame), Room(&mut self.outward)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Room<'_>> {
        Some(Room(&mut self.outward))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = FRAME_BYTES_MAX;
        capabilities
    }
}
