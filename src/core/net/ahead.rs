//! Requests sent ahead: on connections of their own, so that their answers come while another one is read.
//!
//! ```text
//!   the request under way     ═══ GET a ═══►  ◄═══ answer ═══        (a Line of sys/own_dial.rs)
//!   sent ahead, first         ═══ GET b ═══►  ◄═══ answer ═══        becomes the Line's when it asks for b
//!   sent ahead, second        ═══ GET c ═══►  ◄═══ answer ═══        …
//! ```
//!
//! Who asks for documents one by one says before which they are: [`Net::expect`]. Each request with GET that is one of them
//! goes through [`Net::request`], which sends the next ones ahead: the same head with other paths. Whoever asks for exactly the
//! same bytes later gets the connection on which they went. Who asks for a listing will ask for what it lists: the connections for
//! that are made while the listing is under way. Nothing waits for these connections and nothing is lost with
//! them: what is not taken or not answered is asked for once more, and only that. Everything else (other methods, bodies,
//! other places) goes by, through [`Net::send`].
//!
//! There are services that take one connection at a time, or few. One that is silent for a while may wait on one of ours that has
//! nothing to say: those are closed then. Where a request fails beside others, all others are closed, and from then on there is
//! one connection ([`Net::go_alone`]).

use alloc::collections::VecDeque;
use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use smoltcp::socket::tcp;
use smoltcp::time::{Duration, Instant};

use super::{Conn, Cut, Net, SEND_BYTES, Wires};

/// Most requests that are under way beside the one that is waited for: metadata services limit how fast they answer.
pub const AHEAD_MAX: usize = 9;
/// Longest wait for a connection that should have been made by the time it is asked for.
const LATE: Duration = Duration::from_millis(300);

/// How long a service may be silent before the connections to it that have nothing to do are closed.
pub const CROWDED: Duration = Duration::from_millis(2500);

/// What is expected, what of it was sent ahead, and the connections for it.
#[derive(Default)]
pub(super) struct Ahead {
    /// True where connections that have nothing to do were too many.
    lean: bool,
    /// True where more than one connection was too many.
    alone: bool,
    /// The path that is asked for, until it is the next one's turn: it may be asked for again.
    current: String,
    /// Those after it, in their order.
    next: VecDeque<Expected>,
    /// Connections that stand, or soon will, and have nothing to do, in the order in which they were made: so whoever takes one at a
    /// time answers first what is waited for first.
    idle: VecDeque<Conn>,
}

/// A path that will be asked for.
struct Expected {
    path: String,
    request: Option<Request>,
}

/// A request that is under way.
struct Request {
    conn: Conn,
    head: Vec<u8>,
    sent: bool,
}

impl<W: Wires> Net<W> {
    /// Says which paths will be asked for, one by one and with the same headers, of one service. What was expected before and
    /// has not been asked for is given up.
    pub fn expect(&mut self, paths: Vec<String>) {
        for expected in core::mem::take(&mut self.ahead.next) {
            self.give_up(expected.request);
        }
        self.ahead.current.clear();
        let expected = paths.into_iter().map(|path| Expected {
            path,
            request: None,
        });
        self.ahead.next = expected.collect();
    }

    /// Sends `head`, a whole request with GET and without a body, or finds the connection on which it went ahead; then sends
    /// ahead what follows. The connection on which the answer comes; `conn` is kept if that is another one.
    ///
    /// # Errors
    /// The connection has ended before all of it was sent, or time is up.
    pub fn request(&mut self, conn: Conn, head: &[u8], until: Instant) -> Result<Conn, Cut> {
        let next = self.ahead.next.front();
        let (turn, again) = match path_of(head) {
            Some(path) => (
                next.is_some_and(|next| next.path == path),
                self.ahead.current == path,
            ),
            None => (false, false),
        };
        if !turn && !again {
            self.send(conn, head, until)?;
            // What comes before them, as a token does, takes as long as connections do.
            if path_of(head).is_none() {
                self.make_ready(conn);
            }
            return Ok(conn);
        }
        let mut ahead = None;
        if turn && let Some(expected) = self.ahead.next.pop_front() {
            self.ahead.current = expected.path;
            ahead = expected
                .request
                .and_then(|request| self.take(request, conn, head, until));
        }
        if ahead.is_none() {
            self.send(conn, head, until)?;
        }
        let conn = ahead.unwrap_or(conn);
        self.drop_other_heads(head);
        // What is asked for again goes alone, so that it is the first to use a new token.
        if turn {
            self.send_ahead(conn, head);
            self.make_ready(conn);
        }
        Ok(conn)
    }

    /// True if there are connections that have nothing to do.
    pub(super) fn has_idle(&self) -> bool {
        !self.ahead.idle.is_empty()
    }

    /// Closes them, and makes no more of them.
    pub(super) fn go_lean(&mut self) {
        self.ahead.lean = true;
        self.close_idle();
    }

    fn close_idle(&mut self) {
        for conn in core::mem::take(&mut self.ahead.idle) {
            self.close(conn);
        }
    }

    /// Closes all connections but the one that is waited for, and makes no more of them. What was sent there is asked for when it is
    /// its turn; where there is an answer, it is taken, but nothing else will be asked there. Nothing is changed where there was no
    /// other.
    pub fn go_alone(&mut self) {
        let mut next = self.ahead.next.iter();
        if !self.has_idle() && next.all(|expected| expected.request.is_none()) {
            return;
        }
        self.ahead.alone = true;
        self.go_lean();
        let given_up: Vec<Request> = (0..self.ahead.next.len())
            .filter_map(|index| {
                let conn = self.ahead.next.get(index)?.request.as_ref()?.conn;
                let answered = self.socket(conn).is_some_and(|socket| {
                    let answered = socket.can_recv();
                    if answered {
                        socket.close();
                    }
                    answered
                });
                let expected = self.ahead.next.get_mut(index)?;
                expected.request.take_if(|_| !answered)
            })
            .collect();
        for request in given_up {
            self.give_up(Some(request));
        }
    }

    /// Gives up what was sent with a head that this request no longer has.
    fn drop_other_heads(&mut self, head: &[u8]) {
        let other = |expected: &mut Expected| {
            let head = head_for(head, &expected.path);
            let request = &mut expected.request;
            request.take_if(|request| Some(&request.head) != head.as_ref())
        };
        let others: Vec<Request> = self.ahead.next.iter_mut().filter_map(other).collect();
        for request in others {
            self.give_up(Some(request));
        }
    }

    /// Fills up what is under way, along the way of `like`.
    fn send_ahead(&mut self, like: Conn, head: &[u8]) {
        if self.ahead.alone {
            return;
        }
        for index in 0..AHEAD_MAX {
            let Some(expected) = self.ahead.next.get(index) else {
                return;
            };
            if expected.request.is_some() {
                continue;
            }
            let Some(head) = head_for(head, &expected.path) else {
                return;
            };
            let Some(conn) = self.idle_like(like).or_else(|| self.another(like)) else {
                return;
            };
            if let Some(expected) = self.ahead.next.get_mut(index) {
                let sent = false;
                expected.request = Some(Request { conn, head, sent });
            }
        }
    }

    /// Makes connections for what is expected, and for what listings among it will list: as many as may be used at a time.
    fn make_ready(&mut self, like: Conn) {
        if self.ahead.lean {
            return;
        }
        let paths = self.ahead.next.iter().map(|expected| &expected.path);
        let listings = paths
            .chain([&self.ahead.current])
            .any(|path| path.ends_with('/'));
        let wanted = if listings {
            AHEAD_MAX
        } else {
            self.ahead.next.len().min(AHEAD_MAX)
        };
        let next = self.ahead.next.iter();
        let under_way = next.filter(|expected| expected.request.is_some()).count();
        for _ in under_way + self.ahead.idle.len()..wanted {
            let Some(conn) = self.another(like) else {
                return;
            };
            self.ahead.idle.push_back(conn);
        }
    }

    /// The connection of a request if it is exactly this one, in exchange for `idle`. `None` if it is another one, or has
    /// failed.
    fn take(
        &mut self,
        mut request: Request,
        idle: Conn,
        head: &[u8],
        until: Instant,
    ) -> Option<Conn> {
        let conn = request.conn;
        if request.head != head || conn.peer != idle.peer {
            self.give_up(Some(request));
            return None;
        }
        let until = until.min(self.now() + LATE);
        let sent = self.drive(until, |net| {
            let alive = net.push(&mut request)?;
            (request.sent || !alive).then_some(request.sent && alive)
        });
        match sent {
            Some(true) if self.ahead.lean => {
                self.close(idle);
                Some(conn)
            }
            Some(true) => {
                self.ahead.idle.push_back(idle);
                Some(conn)
            }
            _ => {
                self.give_up(Some(request));
                None
            }
        }
    }

    /// Gives up all that is expected, and closes the connections that have nothing to do.
    pub(super) fn forget_ahead(&mut self) {
        self.expect(Vec::new());
        self.close_idle();
    }

    /// Sends what can be sent by now; true if anything was.
    pub(super) fn push_ahead(&mut self) -> bool {
        let mut busy = false;
        let mut next = core::mem::take(&mut self.ahead.next);
        let requests = next.iter_mut().take(AHEAD_MAX);
        for request in requests.filter_map(|expected| expected.request.as_mut()) {
            let before = request.sent;
            self.push(request);
            busy |= request.sent != before;
        }
        self.ahead.next = next;
        busy
    }

    /// Sends a request if that is possible by now; whether its connection is alive.
    fn push(&mut self, request: &mut Request) -> Option<bool> {
        let socket = self.socket(request.conn)?;
        // The buffer of a new connection holds all of it.
        if !request.sent && socket.may_send() && socket.send_queue() == 0 {
            request.sent = socket.send_slice(&request.head) == Ok(request.head.len());
        }
        Some(socket.is_active())
    }

    fn idle_like(&mut self, like: Conn) -> Option<Conn> {
        while let Some(conn) = self.ahead.idle.pop_front() {
            let same = (conn.lane, conn.peer) == (like.lane, like.peer);
            let open = self
                .socket(conn)
                .is_some_and(|socket| match socket.state() {
                    tcp::State::SynSent => true,
                    state => state == tcp::State::Established && !socket.can_recv(),
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

    fn give_up(&mut self, request: Option<Request>) {
        let now = self.now();
        let Some(Request { conn, .. }) = request else {
            return;
        };
        if let Some(socket) = self.socket(conn) {
            socket.abort();
            self.closing.push((conn, now + super::CLOSING));
        }
    }
}

/// The path of a request with GET.
fn path_of(head: &[u8]) -> Option<&str> {
    let line = head.strip_prefix(b"GET ")?;
    let end = line.iter().position(|byte| *byte == b' ')?;
    core::str::from_utf8(line.get(..end)?).ok()
}

/// The same request for another path; `None` if that cannot stand in a request, or what comes of it is too long.
fn head_for(head: &[u8], path: &str) -> Option<Vec<u8>> {
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    if !path.starts_with('/') || !path.bytes().all(fits) {
        return None;
    }
    let rest = head.get(4 + path_of(head)?.len()..)?;
    let head = [b"GET ", path.as_bytes(), rest].concat();
    (head.len() <= SEND_BYTES).then_some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_made_for_another_path() {
        let head = b"GET /a/b?c HTTP/1.1\r\nhost: x\r\n\r\n";
        assert_eq!(path_of(head), Some("/a/b?c"));
        let want = b"GET /d HTTP/1.1\r\nhost: x\r\n\r\n";
        assert_eq!(head_for(head, "/d").as_deref(), Some(&want[..]));
        for path in ["", "d", "/d e", "/d\r\nx: y", "/\u{e9}", "/d#e"] {
            assert_eq!(head_for(head, path), None, "{path:?}");
        }
        let long = alloc::format!("/{}", "d".repeat(SEND_BYTES));
        assert_eq!(head_for(head, &long), None);
        for head in [&b"PUT / HTTP/1.1\r\n"[..], b"GET /", b"", b"GET \xff x"] {
            assert_eq!(head_for(head, "/d"), None);
        }
    }
}
