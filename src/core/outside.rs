//! The outside in parts: what lies beyond core, as recipes and the boot see it.
//!
//! ```text
//!   Clock    now, wall, what others say that it is, pause, random
//!   Carrier  bring up a network, exchange a request for a response, what was learnt meanwhile
//!   Ports    open a serial line, a socket, …: a stream of bytes with deadlines
//! ```
//!
//! In production sys carries these out, in tests the simulated cloud. Files and disks are [`crate::machine`]'s; lines for the
//! log go to a [`crate::journal::Journal`].

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

pub mod date;
pub mod head;
pub mod learnt;

use learnt::Learnt;

/// Time and chance.
pub trait Clock {
    /// Time since the program started, from a clock that cannot be set.
    fn now(&self) -> Duration;
    /// Time since the epoch, as far as the machine knows; early in a boot it may be far off.
    fn wall(&self) -> Duration;
    /// Takes in that it is at least this late since the epoch, as a metadata service has told: where the clock is behind,
    /// certificates are checked as of then.
    fn hear(&mut self, date: Duration);
    /// The latest time that was told so; zero if none was.
    fn heard(&self) -> Duration;
    /// Waits.
    fn pause(&mut self, time: Duration);
    /// A random number that need not be secret: for jitter, ports, nonces.
    fn random(&mut self) -> u32;
}

/// Who carries requests.
pub trait Carrier {
    /// Brings up what `network` asks for, on every usable interface at once, and opens a connection to each of `endpoints`;
    /// the index of the first that answers. Endpoints behind a [`Port`] need no network and come first. May be called again:
    /// nothing is done twice. Takes `timeout` at most.
    ///
    /// # Errors
    /// There is no interface, none has come by an address, or nobody has answered: why, for each interface.
    fn reach(
        &mut self,
        network: Network,
        endpoints: &[Endpoint],
        timeout: Duration,
    ) -> Result<usize, Failure>;
    /// Announces GET requests for these URLs, which follow in this order and all with the same headers. Some of them may be sent
    /// ahead, while another answer is waited for.
    fn expect(&mut self, urls: &[String]);
    /// One request, one response: no retries, and redirects are answers.
    ///
    /// # Errors
    /// No whole answer came, or one that is no HTTP, or longer than the request allows. Any status is an answer.
    fn exchange(&mut self, request: &Request) -> Result<Response, Failure>;
    /// What the network said of itself, for each interface that has an address; the one that carried the last connection
    /// first. Empty if no network was asked for.
    fn learnt(&self) -> Vec<Learnt>;
}

/// Who opens ports.
pub trait Ports {
    /// Opens a port; if it is somebody else's or not there yet, that may be tried until `timeout` is over.
    ///
    /// # Errors
    /// There is none, it may not be opened, or it is still somebody else's.
    fn open(&mut self, port: &Port, timeout: Duration) -> Result<Box<dyn Stream>, Failure>;
}

/// All of the outside.
pub trait Outside: Clock + Carrier + Ports {}

impl<T: Clock + Carrier + Ports + ?Sized> Outside for T {}

/// An open port. Dropping it closes it and leaves it as it was found.
pub trait Stream: fmt::Debug + Send {
    /// Reads what is there into `buffer`, and waits for the first byte until [`Clock::now`] is `until`. How many bytes; 0
    /// only at the end of the stream, or if `buffer` is empty. When time is up nothing is read any more, so that who talks
    /// without a pause ends with it too; but an `until` of zero takes what is there, and never waits.
    ///
    /// # Errors
    /// Time is up, or the other side has broken off.
    fn read(&mut self, buffer: &mut [u8], until: Duration) -> Result<usize, Failure>;
    /// Writes all of `bytes`, until [`Clock::now`] is `until`.
    ///
    /// # Errors
    /// The same; some of the bytes may have been written.
    fn write(&mut self, bytes: &[u8], until: Duration) -> Result<(), Failure>;
}

/// What a platform needs before it can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Nothing: its data is on a volume, in firmware, on the command line, behind a port.
    None,
    /// An IPv4 link-local address (RFC 3927) is enough.
    LinkLocal4,
    /// An address by DHCPv4; a link-local one when nobody leases any.
    Dhcp4,
    /// IPv4 as for [`Network::Dhcp4`], and IPv6 (link-local, router advertisements, DHCPv6), raced.
    Any,
}

/// A door of the machine that is no network interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Port<'a> {
    /// A serial line, raw, eight bits without parity.
    Serial {
        /// Its device: `/dev/ttyS1`.
        path: &'a str,
        /// Bits per second; one of those that termios has a name for.
        speed: u32,
    },
    /// A socket in the file system, by its path.
    Unix(&'a str),
    /// A socket of the hypervisor's.
    Vsock {
        /// Whose: 2 is the host.
        cid: u32,
        /// Its port.
        port: u32,
    },
    /// The backdoor of VMware's hypervisor: what is written at once is one command of RPCI, what is read its reply.
    Backdoor,
    /// The machine's TPM, for the process that is not sandboxed.
    Tpm,
}

impl fmt::Display for Port<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Port::Serial { path, .. } | Port::Unix(path) => f.write_str(path),
            Port::Vsock { cid, port } => write!(f, "vsock {cid}:{port}"),
            Port::Backdoor => f.write_str("VMware's backdoor"),
            Port::Tpm => f.write_str("TPM (/dev/tpmrm0, /dev/tpm0)"),
        }
    }
}

/// Where to connect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum At<'a> {
    /// To the host of the URL.
    Host,
    /// To this address; the URL's host is only the name of the service. Not for https.
    Address(SocketAddr),
    /// Through a port of the machine. Not for https.
    Port(Port<'a>),
}

/// A service to be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Endpoint<'a> {
    /// Scheme, host and port, and perhaps a path; no query.
    pub url: &'a str,
    /// Where it is.
    pub at: At<'a>,
}

impl<'a> From<&'a str> for Endpoint<'a> {
    fn from(url: &'a str) -> Endpoint<'a> {
        Endpoint { url, at: At::Host }
    }
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET, without a body.
    Get,
    /// PUT.
    Put,
    /// POST.
    Post,
}

impl Method {
    /// Its name on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Put => "PUT",
            Method::Post => "POST",
        }
    }
}

/// One HTTP request.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The method.
    pub method: Method,
    /// The absolute URL, `http://` or `https://`. User and password in it become a header (RFC 7617).
    pub url: &'a str,
    /// Where to connect.
    pub at: At<'a>,
    /// Whether somebody else has sent us there: then no address counts that means this machine or its link ([`is_near`]),
    /// whatever name stands for it.
    pub far: bool,
    /// The first and the last local port that the connection may have; none is ordinary. A request that names ports takes
    /// no connection that somebody else has opened, and leaves none.
    pub local_ports: Option<(u16, u16)>,
    /// Headers beside `Host`, `User-Agent`, `Accept` and `Content-Length`.
    pub headers: &'a [(&'a str, &'a str)],
    /// The body; that of a GET must be empty.
    pub body: &'a [u8],
    /// Longest body of the response to take; a longer one is an error.
    pub bytes_max: usize,
    /// Longest time for the whole exchange.
    pub timeout: Duration,
}

/// Whether an address means this machine or its link, where metadata services are.
pub fn is_near(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(host) => host.is_loopback() || host.is_link_local() || host.is_unspecified(),
        IpAddr::V6(host) => {
            host.is_loopback() || host.is_unicast_link_local() || host.is_unspecified()
        }
    }
}

impl<'a> Request<'a> {
    /// Of the addresses of its host those that it may go to.
    ///
    /// # Errors
    /// There are some, and none of them.
    pub fn allowed(far: bool, addresses: Vec<IpAddr>) -> Result<Vec<IpAddr>, Failure> {
        let some = !addresses.is_empty();
        let left = addresses
            .into_iter()
            .filter(|address| !(far && is_near(*address)));
        let left: Vec<IpAddr> = left.collect();
        if some && left.is_empty() {
            let found = "a redirect to an address of this machine or its link";
            return Err(Failure::lasting(found));
        }
        Ok(left)
    }

    /// A request for `url` as it is asked most often: no headers, no body, connected to the host of the URL.
    pub fn new(method: Method, url: &'a str, bytes_max: usize, timeout: Duration) -> Request<'a> {
        Request {
            method,
            url,
            at: At::Host,
            far: false,
            local_ports: None,
            headers: &[],
            body: &[],
            bytes_max,
            timeout,
        }
    }
}

/// Longest value of a response's header that is kept, in bytes.
pub const HEADER_BYTES_MAX: usize = 2048;

/// One HTTP response of any status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status, 100 to 599.
    pub status: u16,
    /// How many seconds to wait before the next request: the header `Retry-After`, a date in it counted from `Date`.
    pub retry_after: Option<u32>,
    /// The header `Date`: the service's own time since the epoch.
    pub date: Option<Duration>,
    /// The header `Location`, as it stands; one longer than a URL may be counts as absent.
    pub location: Option<String>,
    /// The body, at most `bytes_max` long.
    pub body: Vec<u8>,
}

/// Whether another try may do better than one that brought no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Again {
    /// None will: this machine or the request is at fault.
    Never,
    /// A few may: something did answer, and cannot be understood. What talks nonsense that often is not what was looked for.
    Few,
    /// As long as there is time: a time-out, a reset, no route yet.
    Always,
    /// The same, where an answer was coming and its time was over: with more of it.
    Longer,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// Whether another try may do better.
    pub again: Again,
    /// What was found instead of an answer, as the object of "but found": `a connection reset after 3 bytes`.
    pub found: String,
}

impl Failure {
    /// A failure that another try will not mend.
    pub fn lasting(found: impl Into<String>) -> Failure {
        Failure {
            again: Again::Never,
            found: found.into(),
        }
    }

    /// An answer that cannot be understood.
    pub fn garbled(found: impl Into<String>) -> Failure {
        Failure {
            again: Again::Few,
            found: found.into(),
        }
    }

    /// A failure that another try may mend.
    pub fn passing(found: impl Into<String>) -> Failure {
        Failure {
            again: Again::Always,
            found: found.into(),
        }
    }
}
