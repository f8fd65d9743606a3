//! Packets without sockets: addresses, names and connections over frames that somebody else carries.

use smoltcp::phy::Device;
use smoltcp::time::Instant;

/// The cables that lead out of the machine, and the clock beside them.
///
/// In production these are packet sockets and the monotonic clock; in tests, queues to the simulated cloud and a clock that
/// jumps. Whoever waits, waits here.
pub trait Wires: Send + 'static {
    /// One cable: frames in and out of one interface.
    type Port: Device;
    /// The ports, in the order of the interfaces given to the stack.
    fn ports(&mut self) -> &mut [Self::Port];
    /// The time, from a clock that cannot be set.
    fn now(&self) -> Instant;
    /// Returns when a frame may have arrived at any port, or at `until`.
    fn wait(&mut self, until: Instant);
}
