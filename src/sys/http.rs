//! HTTP: ureq over our own stack, or over the kernel's sockets; one request, one answer, every bound on our own clock.
//!
//! ureq gets no time-outs: its timers are not the clock of the wires. [`Line`] keeps the deadline of the request.

use std::collections::VecDeque;
use std::fmt;
use std::io::Read;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudseed_core::fetch::{Failure, Method, Request, Response};
use cloudseed_core::net::{Conn, Cut, Net, Wires};
use smoltcp::time::Instant;
use ureq::Agent;
use ureq::config::Config;
use ureq::http::{self, Uri};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport,
};

use super::tls::{self, Tls};

/// How this program names itself.
pub const USER_AGENT: &str = concat!("cloudseed/", env!("CARGO_PKG_VERSION"));
/// Most bytes of a `Location` header that are kept.
const LOCATION_BYTES_MAX: usize = 2048;
/// Bytes read of a body at a time.
const CHUNK_BYTES: usize = 16 << 10;
/// Longest answer head, status line and headers together.
const HEAD_BYTES_MAX: usize = 64 << 10;
/// What is wrong with https:// where there is no TLS.
pub const NO_TLS: &str =
    "an https URL, for which this build (without the feature `tls`) has no TLS";
/// Idle connections kept for later requests.
const IDLE_MAX: usize = 4;

/// The network and the request under way.
pub struct Shared<W: Wires> {
    /// The network.
    pub net: Net<W>,
    /// When the request under way must be over.
    until: Instant,
    /// Why the request under way went wrong, in better words than ureq has.
    cut: Option<Trouble>,
    /// What is expected to be asked for next.
    expected: Expected,
}

/// Requests that will follow, by their paths.
#[derive(Default)]
struct Expected {
    /// The one under way.
    current: String,
    /// Those after it.
    paths: VecDeque<String>,
    /// How many of these went ahead.
    sent: usize,
}

/// What went wrong below HTTP.
#[derive(Clone, Debug)]
enum Trouble {
    /// A connection that stood was cut.
    Cut(Cut),
    /// There was none.
    Failed(Failure),
}

/// A handle to the network that ureq can own.
pub struct Handle<W: Wires>(Arc<Mutex<Shared<W>>>);

impl<W: Wires> Clone for Handle<W> {
    fn clone(&self) -> Handle<W> {
        Handle(Arc::clone(&self.0))
    }
}

impl<W: Wires> fmt::Debug for Handle<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Handle")
    }
}

impl<W: Wires> Handle<W> {
    /// A handle to `net`.
    pub fn new(net: Net<W>) -> Handle<W> {
        let until = net.now();
        Handle(Arc::new(Mutex::new(Shared {
            net,
            until,
            cut: None,
            expected: Default::default(),
        })))
    }

    /// Takes in which URLs will be asked for with GET, one by one and with the same headers. Of those over plain HTTP at the
    /// place of the first, some are sent ahead.
    pub fn expect(&self, urls: &[String]) {
        let place = urls.first().map_or("", |url| authority(url));
        let plain = |url: &&String| scheme(url) == "http" && authority(url) == place;
        let urls = urls.iter().take_while(plain);
        let mut shared = self.lock();
        shared.net.drop_ahead();
        shared.expected = Expected {
            paths: urls.map(|url| String::from(path(url))).collect(),
            ..Expected::default()
        };
    }

    /// The network, for us alone. A panic elsewhere does not spoil it: it has no state that is ever half changed.
    pub fn lock(&self) -> MutexGuard<'_, Shared<W>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An agent whose connections are this network's, inside `tls` where a URL wants it.
    pub fn agent(&self, tls: Tls) -> Agent {
        Agent::with_parts(config(), self.clone().chain(tls), self.clone())
    }

    /// One try of one request through `agent`.
    pub fn http(&self, agent: &Agent, request: &Request) -> Result<Response, Failure> {
        let mut shared = self.lock();
        shared.until = shared.net.now() + micros(request.timeout);
        shared.cut = None;
        drop(shared);
        let mut progress = Progress::default();
        exchange(agent, request, None, &mut progress).map_err(|error| {
            // What fails is asked for again by itself.
            let mut shared = self.lock();
            shared.expected = Expected::default();
            shared.net.drop_ahead();
            match shared.cut.take() {
                Some(Trouble::Failed(failure)) => failure,
                Some(Trouble::Cut(cut)) => progress.cut(cut, request.timeout),
                None => progress.failure(&error, request),
            }
        })
    }
}

impl<W: Wires> Shared<W> {
    /// If `head` is a request that was expected, sends those after it ahead: the same head with other paths. `taken` if it
    /// went ahead itself; where it did not although it should, its head has changed (another token), and so have the others'.
    fn send_ahead(&mut self, conn: Conn, head: &[u8], taken: bool) {
        let (expected, Some(asked)) = (&mut self.expected, head_path(head)) else {
            return;
        };
        if expected.paths.front().map(String::as_str) == Some(asked) {
            expected.current = expected.paths.pop_front().unwrap_or_default();
            expected.sent -= usize::from(taken);
        } else {
            // Asked for once more: alone, so that it is the first to use a new token.
            if expected.current == asked {
                self.net.drop_ahead();
                expected.sent = 0;
            }
            return;
        }
        if !taken {
            self.net.drop_ahead();
            expected.sent = 0;
        }
        while let Some(path) = expected.paths.get(expected.sent) {
            let Some(head) = head_for(head, path) else {
                break;
            };
            if !self.net.send_ahead(conn, head) {
                break;
            }
            expected.sent += 1;
        }
    }
}

/// The path of a request with GET.
fn head_path(head: &[u8]) -> Option<&str> {
    let line = head.strip_prefix(b"GET ")?;
    let end = line.iter().position(|byte| *byte == b' ')?;
    std::str::from_utf8(line.get(..end)?).ok()
}

/// The same request for another path; `None` if that cannot stand in a request.
fn head_for(head: &[u8], path: &str) -> Option<Vec<u8>> {
    let fits = |byte: u8| byte.is_ascii_graphic() && byte != b'#';
    if !path.starts_with('/') || !path.bytes().all(fits) {
        return None;
    }
    let rest = head.get(4 + head_path(head)?.len()..)?;
    Some([b"GET ", path.as_bytes(), rest].concat())
}

/// A duration of the standard library as one of smoltcp.
pub fn micros(duration: Duration) -> smoltcp::time::Duration {
    smoltcp::time::Duration::from_micros(duration.as_micros().min(u128::from(u64::MAX / 4)) as u64)
}

/// The settings of every agent: no proxies, no redirects, every status an answer, no timers.
pub fn config() -> Config {
    Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_response_header_size(HEAD_BYTES_MAX)
        .max_idle_connections(IDLE_MAX)
        .max_idle_connections_per_host(IDLE_MAX)
        .timeout_await_100(None)
        .user_agent(USER_AGENT)
        .build()
}

/// How far a request got, for the words when it goes no further.
#[derive(Debug, Default)]
pub struct Progress {
    answered: bool,
    received: usize,
    expected: Option<u64>,
}

impl Progress {
    fn amount(&self) -> String {
        match self.expected {
            Some(expected) => format!("{} of {expected} bytes", self.received),
            None => format!("{} bytes", self.received),
        }
    }

    fn cut(&self, cut: Cut, timeout: Duration) -> Failure {
        let seconds = timeout.as_secs_f32();
        let found = match (cut, self.answered) {
            (Cut::Reset, true) => format!("a connection reset after {}", self.amount()),
            (Cut::Reset, false) => String::from("a connection reset before any answer"),
            (Cut::Late, true) => format!("only {} in {seconds} s", self.amount()),
            (Cut::Late, false) => format!("no answer in {seconds} s"),
        };
        Failure { again: true, found }
    }

    /// What ureq's own errors mean.
    pub fn failure(&self, error: &Wrong, request: &Request) -> Failure {
        let (again, found) = match error {
            Wrong::TooLong => (
                false,
                format!("a body of more than {} bytes", request.bytes_max),
            ),
            Wrong::Redirect(to) => (false, format!("a redirect to {to}")),
            Wrong::Url => (false, String::from("a URL that is none")),
            Wrong::Ureq(ureq::Error::TlsRequired) => (false, String::from(NO_TLS)),
            Wrong::Ureq(ureq::Error::Other(error)) if error.is::<Told>() => {
                let told = error.downcast_ref::<Told>().map(|told| told.0.clone());
                return told.unwrap_or_else(|| self.cut(Cut::Reset, request.timeout));
            }
            Wrong::Ureq(ureq::Error::Timeout(_)) => return self.cut(Cut::Late, request.timeout),
            Wrong::Ureq(ureq::Error::Io(error)) => return self.io(error, request),
            Wrong::Ureq(ureq::Error::BadUri(_)) => (false, String::from("a URL that is none")),
            Wrong::Ureq(ureq::Error::LargeResponseHeader(..)) => (
                false,
                format!("an answer head of more than {HEAD_BYTES_MAX} bytes"),
            ),
            Wrong::Ureq(error) => (true, format!("an answer that is not HTTP ({error})")),
        };
        Failure { again, found }
    }

    fn io(&self, error: &std::io::Error, request: &Request) -> Failure {
        use std::io::ErrorKind;
        let found = match error.kind() {
            ErrorKind::UnexpectedEof if self.answered => {
                format!("a connection closed after {}", self.amount())
            }
            ErrorKind::UnexpectedEof => String::from("a connection closed before any answer"),
            ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
                return self.cut(Cut::Reset, request.timeout);
            }
            ErrorKind::TimedOut | ErrorKind::WouldBlock => {
                return self.cut(Cut::Late, request.timeout);
            }
            ErrorKind::ConnectionRefused => String::from("a connection refused"),
            _ => format!("{error}"),
        };
        Failure { again: true, found }
    }
}

/// A failure on its way through ureq.
#[derive(Debug)]
pub struct Told(pub Failure);

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.found)
    }
}

impl std::error::Error for Told {}

/// Why [`exchange`] has no answer.
#[derive(Debug)]
pub enum Wrong {
    /// The body is longer than allowed.
    TooLong,
    /// One redirect too many, or to another scheme.
    Redirect(String),
    /// The URL cannot be read.
    Url,
    /// ureq's error.
    Ureq(ureq::Error),
}

impl From<ureq::Error> for Wrong {
    fn from(error: ureq::Error) -> Wrong {
        Wrong::Ureq(error)
    }
}

/// One request and, if it may, the redirects after it: same scheme only, headers only to the same host. `timer` is the longest
/// time for each of them on ureq's clock.
pub fn exchange(
    agent: &Agent,
    request: &Request,
    timer: Option<Duration>,
    progress: &mut Progress,
) -> Result<Response, Wrong> {
    let mut url = String::from(request.url);
    let mut redirects = 0;
    loop {
        let same_host = authority(&url) == authority(request.url);
        *progress = Progress::default();
        let hop = Hop {
            url: &url,
            headers: if same_host { request.headers } else { &[] },
            timer,
        };
        let response = once(agent, request, &hop, progress)?;
        let Some(location) = &response.location else {
            return Ok(response);
        };
        if request.redirects == 0 || !(300..400).contains(&response.status) {
            return Ok(response);
        }
        let next = join(&url, location).ok_or(Wrong::Url)?;
        let same_scheme = scheme(&next) == scheme(request.url);
        if redirects == request.redirects || !same_scheme {
            return Err(Wrong::Redirect(next));
        }
        redirects += 1;
        url = next;
    }
}

/// One of the requests that redirects make of one.
struct Hop<'a> {
    url: &'a str,
    headers: &'a [(&'a str, &'a str)],
    timer: Option<Duration>,
}

fn once(
    agent: &Agent,
    request: &Request,
    hop: &Hop,
    progress: &mut Progress,
) -> Result<Response, Wrong> {
    if is_https(hop.url) && !tls::SPOKEN {
        return Err(Wrong::Ureq(ureq::Error::TlsRequired));
    }
    let (url, credentials) = without_credentials(hop.url);
    let mut builder = http::Request::builder()
        .method(request.method.as_str())
        .uri(&url);
    for (name, value) in hop.headers {
        builder = builder.header(*name, *value);
    }
    if let Some(credentials) = credentials {
        builder = builder.header("authorization", credentials);
    }
    let wrong = |error: http::Error| Wrong::Ureq(ureq::Error::Http(error));
    let answer = match request.method {
        Method::Get => {
            let request = agent.configure_request(builder.body(()).map_err(wrong)?);
            agent.run(request.timeout_global(hop.timer).build())?
        }
        Method::Put | Method::Post => {
            let request = agent.configure_request(builder.body(&[][..]).map_err(wrong)?);
            agent.run(request.timeout_global(hop.timer).build())?
        }
    };
    let header = |name: &str| answer.headers().get(name)?.to_str().ok();
    let mut response = Response {
        status: answer.status().as_u16(),
        retry_after: header("retry-after").and_then(|text| text.trim().parse().ok()),
        location: header("location")
            .filter(|text| text.len() <= LOCATION_BYTES_MAX)
            .map(String::from),
        body: Vec::new(),
    };
    let expected = header("content-length").and_then(|text| text.trim().parse().ok());
    (progress.answered, progress.expected) = (true, expected);
    if expected.is_some_and(|expected| expected > request.bytes_max as u64) {
        return Err(Wrong::TooLong);
    }
    response.body = body(answer.into_body(), request.bytes_max, progress)?;
    Ok(response)
}

fn body(body: ureq::Body, bytes_max: usize, progress: &mut Progress) -> Result<Vec<u8>, Wrong> {
    let mut reader = body.into_with_config().limit(u64::MAX).reader();
    let mut bytes = Vec::new();
    let mut chunk = vec![0; CHUNK_BYTES];
    loop {
        let count = reader
            .read(&mut chunk)
            .map_err(|error| Wrong::Ureq(ureq::Error::from(error)))?;
        if count == 0 {
            return Ok(bytes);
        }
        bytes.extend_from_slice(&chunk[..count]);
        progress.received = bytes.len();
        if bytes.len() > bytes_max {
            return Err(Wrong::TooLong);
        }
    }
}

/// `http://user:password@host/` as `http://host/` and the header that says the same (RFC 7617).
fn without_credentials(url: &str) -> (String, Option<String>) {
    let (start, end) = authority_range(url);
    let authority = &url[start..end];
    let Some((user, host)) = authority.rsplit_once('@') else {
        return (String::from(url), None);
    };
    let plain = format!("{}{host}{}", &url[..start], &url[end..]);
    let header = format!("Basic {}", STANDARD.encode(percent_decoded(user)));
    (plain, Some(header))
}

fn percent_decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while let Some(byte) = bytes.get(index) {
        let code = bytes
            .get(index + 1..index + 3)
            .filter(|_| *byte == b'%')
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        out.push(code.unwrap_or(*byte));
        index += if code.is_some() { 3 } else { 1 };
    }
    out
}

/// Where in `url` the authority is: between `://` and the next `/`, `?` or `#`.
fn authority_range(url: &str) -> (usize, usize) {
    let start = url.find("://").map_or(0, |at| at + 3);
    let end = url[start..]
        .find(['/', '?', '#'])
        .map_or(url.len(), |at| start + at);
    (start, end)
}

/// Path and query of a URL.
fn path(url: &str) -> &str {
    let (_, end) = authority_range(url);
    url.get(end..).unwrap_or("")
}

fn authority(url: &str) -> &str {
    let (start, end) = authority_range(url);
    let authority = &url[start..end];
    authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host)
}

fn scheme(url: &str) -> String {
    let scheme = url.split("://").next().unwrap_or("");
    scheme.to_ascii_lowercase()
}

/// True if a URL wants TLS.
pub fn is_https(url: &str) -> bool {
    scheme(url) == "https"
}

/// The URL that `location` means on the page `base` (RFC 3986, 5.2, without dot segments, which servers resolve).
fn join(base: &str, location: &str) -> Option<String> {
    let (_, end) = authority_range(base);
    if location.contains("://") {
        return Some(String::from(location));
    }
    if let Some(rest) = location.strip_prefix("//") {
        return Some(format!("{}://{rest}", scheme(base)));
    }
    if location.starts_with('/') {
        return Some(format!("{}{location}", &base[..end]));
    }
    let path = base.get(end..)?.split(['?', '#']).next()?;
    let folder = path.rfind('/').map_or("/", |at| &path[..=at]);
    Some(format!("{}{folder}{location}", &base[..end]))
}

/// The port of a URL, and its host without brackets.
pub fn host_and_port(url: &str) -> Option<(&str, u16)> {
    let default = match scheme(url).as_str() {
        "http" => 80,
        "https" => 443,
        _ => return None,
    };
    let authority = authority(url);
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, port.parse().ok()?),
        _ => (authority, default),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    (!host.is_empty()).then_some((host, port))
}

impl<W: Wires> Resolver for Handle<W> {
    fn resolve(
        &self,
        uri: &Uri,
        _: &Config,
        _: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let url = uri.to_string();
        let (host, port) = host_and_port(&url).ok_or(ureq::Error::HostNotFound)?;
        let mut shared = self.lock();
        let until = shared.until;
        match shared.net.resolve(host, until) {
            Ok(addresses) => {
                let mut found = self.empty();
                for address in addresses {
                    found.push(SocketAddr::new(address, port));
                }
                Ok(found)
            }
            Err(failure) => {
                shared.cut = Some(Trouble::Failed(failure));
                Err(ureq::Error::HostNotFound)
            }
        }
    }
}

impl<W: Wires> Connector for Handle<W> {
    type Out = Line<W>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        _: Option<()>,
    ) -> Result<Option<Line<W>>, ureq::Error> {
        let mut shared = self.lock();
        let until = shared.until;
        match shared.net.connect(&details.addrs, until) {
            Ok(conn) => Ok(Some(Line {
                handle: self.clone(),
                conn,
                buffers: LazyBuffers::new(
                    details.config.input_buffer_size(),
                    details.config.output_buffer_size(),
                ),
            })),
            Err(failure) => {
                shared.cut = Some(Trouble::Failed(failure));
                Err(ureq::Error::ConnectionFailed)
            }
        }
    }
}

/// One TCP connection of our stack, as ureq sees it.
pub struct Line<W: Wires> {
    handle: Handle<W>,
    conn: Conn,
    buffers: LazyBuffers,
}

impl<W: Wires> fmt::Debug for Line<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Line to {}", self.conn.peer)
    }
}

/// Notes what happened to the connection, and gives ureq an error that it passes on unchanged: it takes an io::Error of a
/// reset connection for the end of a body of unknown length.
fn cut<W: Wires>(shared: &mut Shared<W>, cut: Cut) -> ureq::Error {
    shared.cut = Some(Trouble::Cut(cut));
    ureq::Error::ConnectionFailed
}

impl<W: Wires> Transport for Line<W> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, _: NextTimeout) -> Result<(), ureq::Error> {
        let output = self.buffers.output();
        let output = output.get(..amount).unwrap_or(&[]);
        let mut shared = self.handle.lock();
        let ahead = shared.net.take_ahead(output, self.conn);
        match ahead {
            Some(conn) => self.conn = conn,
            None => {
                let until = shared.until;
                let sent = shared.net.send(self.conn, output, until);
                sent.map_err(|how| cut(&mut shared, how))?;
            }
        }
        shared.send_ahead(self.conn, output, ahead.is_some());
        Ok(())
    }

    fn await_input(&mut self, _: NextTimeout) -> Result<bool, ureq::Error> {
        let mut shared = self.handle.lock();
        let until = shared.until;
        let buffer = self.buffers.input_append_buf();
        let count = shared
            .net
            .receive(self.conn, buffer, until)
            .map_err(|how| cut(&mut shared, how))?;
        drop(shared);
        self.buffers.input_appended(count);
        Ok(count > 0)
    }

    fn is_open(&mut self) -> bool {
        self.handle.lock().net.is_open(self.conn)
    }
}

impl<W: Wires> Drop for Line<W> {
    fn drop(&mut self) {
        self.handle.lock().net.close(self.conn);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_joined() {
        let base = "http://a:80/b/c?d";
        for (location, want) in [
            ("http://x/y", "http://x/y"),
            ("//x/y", "http://x/y"),
            ("/y", "http://a:80/y"),
            ("y", "http://a:80/b/y"),
        ] {
            assert_eq!(join(base, location).as_deref(), Some(want));
        }
        assert_eq!(join("http://a", "y").as_deref(), Some("http://a/y"));
    }

    #[test]
    fn a_head_is_made_for_another_path() {
        let head = b"GET /a/b?c HTTP/1.1\r\nhost: x\r\n\r\n";
        assert_eq!(head_path(head), Some("/a/b?c"));
        let want = b"GET /d HTTP/1.1\r\nhost: x\r\n\r\n";
        assert_eq!(head_for(head, "/d").as_deref(), Some(&want[..]));
        for path in ["", "d", "/d e", "/d\r\nx: y", "/\u{e9}", "/d#e"] {
            assert_eq!(head_for(head, path), None, "{path:?}");
        }
        for head in [&b"PUT / HTTP/1.1\r\n"[..], b"GET /", b"", b"GET \xff x"] {
            assert_eq!(head_for(head, "/d"), None);
        }
    }

    #[test]
    fn credentials_become_a_header() {
        let (url, header) = without_credentials("http://me:p%40ss@host:8080/a@b");
        assert_eq!(url, "http://host:8080/a@b");
        assert_eq!(header.as_deref(), Some("Basic bWU6cEBzcw=="));
        assert_eq!(without_credentials("http://host/a@b").1, None);
    }

    #[test]
    fn hosts_and_ports() {
        assert_eq!(
            host_and_port("http://[fd00:ec2::254]/x"),
            Some(("fd00:ec2::254", 80))
        );
        assert_eq!(host_and_port("http://[::1]:81/x"), Some(("::1", 81)));
        assert_eq!(host_and_port("https://u:p@a.b?x"), Some(("a.b", 443)));
        assert_eq!(host_and_port("ftp://a"), None);
        assert_eq!(host_and_port("http://"), None);
    }
}
