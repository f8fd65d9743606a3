//! Requests sent ahead: on connections of their own, so that their answers come while another one is read.
//!
//! ```text
//!   the request under way     ═══ GET a ═══►  ◄═══ answer ═══        (a Line of sys/http.rs)
//!   sent ahead, first         ═══ GET b ═══►  ◄═══ answer ═══        becomes the Line's when it asks for b
//!   sent ahead, second        ═══ GET c ═══►  ◄═══ answer ═══        …
//! ```
//!
//! Whoever asks for exactly the same bytes later gets the connection on which they went. Nothing waits for these connections
//! and nothing is lost with them: what is not taken or not answered is asked for once more.

use alloc::vec::Vec;
use core::net::SocketAddr;

use smoltcp::socket::tcp;
use smoltcp::time::Duration;

use super::{Conn, Net, SEND_BYTES, Wires};

/// Most requests that are under way beside the one that is waited for: metadata services limit how fast they answer.
pub const AHEAD_MAX: usize = 5;
/// Longest wait for a connection that should have been made by the time it is asked for.
const LATE: Duration = Duration::from_millis(300);

/// What was sent ahead, and the connections for it.
#[derive(Default)]
pub(super) struct Ahead {
    under_way: Vec<Request>,
    /// Connections that stand and have nothing to do.
    idle: Vec<Conn>,
}

struct Request {
    conn: Conn,
    bytes: Vec<u8>,
    sent: bool,
}

impl<W: Wires> Net<W> {
    /// Sends `bytes` on a connection of their own, along the way of `like`, as soon as that stands; false if enough are under
    /// way already, or if it cannot be.
    pub fn send_ahead(&mut self, like: Conn, bytes: Vec<u8>) -> bool {
        if bytes.len() > SEND_BYTES || self.ahead.under_way.len() >= AHEAD_MAX {
            return false;
        }
        let Some(conn) = self.idle_like(like).or_else(|| self.another(like)) else {
            return false;
        };
        let sent = false;
        self.ahead.under_way.push(Request { conn, bytes, sent });
        true
    }

    /// The connection on which exactly these bytes went, in exchange for `idle`. `None` if there is none, or if it has failed.
    pub fn take_ahead(&mut self, bytes: &[u8], idle: Conn) -> Option<Conn> {
        let mut requests = self.ahead.under_way.iter();
        let index = requests.position(|request| request.bytes == bytes)?;
        let conn = self.ahead.under_way.get(index)?.conn;
        let until = self.now() + LATE;
        let sent = self.drive(until, |net| {
            let sent = net.ahead.under_way.get(index)?.sent;
            let alive = net.socket(conn)?.is_active();
            (sent || !alive).then_some(sent && alive)
        });
        self.ahead.under_way.remove(index);
        match sent {
            Some(true) => {
                self.ahead.idle.push(idle);
                Some(conn)
            }
            _ => {
                self.abort(conn);
                None
            }
        }
    }

    /// Gives up what was sent ahead and not asked for.
    pub fn drop_ahead(&mut self) {
        for request in core::mem::take(&mut self.ahead.under_way) {
            self.abort(request.conn);
        }
    }

    /// The same, and closes the connections that have nothing to do.
    pub(super) fn forget_ahead(&mut self) {
        self.drop_ahead();
        for conn in core::mem::take(&mut self.ahead.idle) {
            self.close(conn);
        }
    }

    /// Sends what can be sent by now; true if anything was.
    pub(super) fn push_ahead(&mut self) -> bool {
        let mut busy = false;
        for request in self
            .ahead
            .under_way
            .iter_mut()
            .filter(|request| !request.sent)
        {
            let Some(lane) = self.lanes.get_mut(request.conn.lane) else {
                continue;
            };
            let socket = lane.sockets.get_mut::<tcp::Socket>(request.conn.handle);
            // The buffer of a new connection holds all of it.
            if socket.may_send() && socket.send_queue() == 0 {
                request.sent = socket.send_slice(&request.bytes) == Ok(request.bytes.len());
                busy |= request.sent;
            }
        }
        busy
    }

    fn idle_like(&mut self, like: Conn) -> Option<Conn> {
        while let Some(conn) = self.ahead.idle.pop() {
            let same = (conn.lane, conn.peer) == (like.lane, like.peer);
            let open = self.socket(conn).is_some_and(|socket| {
                socket.state() == tcp::State::Established && !socket.can_recv()
            });
            if same && open {
                return Some(conn);
            }
            self.close(conn);
        }
        None
    }

    /// Another connection between the ends of `like`.
    fn another(&mut self, like: Conn) -> Option<Conn> {
        let from = SocketAddr::from(self.socket(like)?.local_endpoint()?).ip();
        let handle = self.dial(like.lane, from, like.peer)?;
        Some(Conn { handle, ..like })
    }

    fn abort(&mut self, conn: Conn) {
        let now = self.now();
        if let Some(socket) = self.socket(conn) {
            socket.abort();
            self.closing.push((conn, now + super::CLOSING));
        }
    }
}
