//! The seam to the outside that recipes talk to, and the one schedule of retries and deadlines.
//!
//! A recipe (`platform/*.rs`) sees a [`Cloud`]; the cloud sees an [`Outside`]. In production the outside is ureq over our own
//! stack and block devices, in tests the simulated cloud. No recipe knows which.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::compile::Line;
use crate::machine::{Files, Machine};
use crate::userdata::Includes;
use crate::value::Value;
use crate::warning::{Blame, Error, Warning};

/// Longest body of a metadata document, in bytes; no cloud allows user-data above 64 KiB, media go up to this.
pub const RESPONSE_BYTES_MAX: usize = 16 << 20;
/// Longest time one try may take, connection included.
pub const TRY_SECONDS_MAX: u64 = 5;
/// Longest time the fetch step may take in all; `cloudseed.deadline=SECONDS` on the command line overrides it.
pub const FETCH_SECONDS_MAX: u64 = 60;
/// Tries per document.
pub const TRIES_MAX: u32 = 6;
/// The first pause between tries; it doubles, with jitter, up to [`PAUSE_MAX`].
pub const PAUSE_MIN: Duration = Duration::from_millis(200);
/// The longest pause between tries, `Retry-After` included.
pub const PAUSE_MAX: Duration = Duration::from_secs(5);

/// What a platform needs before it can be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Nothing: its data is on a volume, in firmware, on the command line.
    None,
    /// An IPv4 link-local address (RFC 3927) is enough.
    LinkLocal4,
    /// An address by DHCPv4; a link-local one when nobody leases any.
    Dhcp4,
    /// IPv4 as for [`Network::Dhcp4`], and IPv6 (link-local, router advertisements, DHCPv6), raced.
    Any,
}

/// The method of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET.
    Get,
    /// PUT with an empty body, as the token services want it.
    Put,
    /// POST with an empty body.
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
    /// The absolute URL.
    pub url: &'a str,
    /// Headers beside `Host`, `User-Agent` and `Accept`.
    pub headers: &'a [(&'a str, &'a str)],
    /// Longest body to take; a longer one is an error.
    pub bytes_max: usize,
    /// Longest time for the whole request.
    pub timeout: Duration,
    /// How many redirects may be followed (same scheme only); 0 for metadata.
    pub redirects: u8,
}

/// One HTTP answer of any status.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Response {
    /// The status, 100 to 599.
    pub status: u16,
    /// The `Retry-After` header in seconds, if it has that form.
    pub retry_after: Option<u32>,
    /// The `Location` header of a redirect that was not followed.
    pub location: Option<String>,
    /// The body, at most `bytes_max` long.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// True if another try may do better: a time-out, a reset, no route yet.
    pub again: bool,
    /// What was found instead of an answer, as the object of "but found": `a connection reset after 3 bytes`.
    pub found: String,
}

/// What lies beyond core: carried by sys in production, simulated in tests.
pub trait Outside {
    /// Brings up what `network` asks for, on every usable interface at once, and opens a connection to each of
    /// `endpoints` (`http://169.254.169.254`); the index of the first that answers. May be called again: nothing is done twice.
    fn reach(
        &mut self,
        network: Network,
        endpoints: &[&str],
        timeout: Duration,
    ) -> Result<usize, Failure>;
    /// One try of one request.
    fn http(&mut self, request: &Request) -> Result<Response, Failure>;
    /// Time since the program started, from a clock that cannot be set.
    fn now(&self) -> Duration;
    /// Waits.
    fn pause(&mut self, time: Duration);
    /// A random number for jitter.
    fn random(&mut self) -> u32;
    /// One line for the log.
    fn note(&mut self, line: fmt::Arguments);
    /// The lines noted so far, each with its time.
    fn lines(&self) -> Vec<Line>;
    /// What the network said of itself: interface, lease, routes, names; null if it was not used.
    fn learnt(&self) -> Value;
}

/// A platform's metadata service, as its recipe sees it: paths in, documents out.
pub struct Cloud<'a> {
    /// The platform's name, for messages.
    pub name: &'static str,
    /// The facts of the machine.
    pub machine: &'a Machine<'a>,
    /// The seam.
    pub outside: &'a mut dyn Outside,
    /// When the fetch step must be over, on the clock of [`Outside::now`].
    pub deadline: Duration,
    /// The endpoint in use: scheme, host and port, no path.
    pub base: String,
    /// Headers sent with every request: tokens, flavours.
    pub headers: Vec<(&'static str, String)>,
    /// Documents that were lost, each for a reason that does not cost the others.
    pub warnings: Vec<Warning>,
}

impl<'a> Cloud<'a> {
    /// The cloud of `name`, not yet reached.
    pub fn new(
        name: &'static str,
        machine: &'a Machine<'a>,
        outside: &'a mut dyn Outside,
        deadline: Duration,
    ) -> Cloud<'a> {
        Cloud {
            name,
            machine,
            outside,
            deadline,
            base: String::new(),
            headers: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Brings up the network and races to the first endpoint that answers; that one is the base of all paths.
    pub fn reach(&mut self, network: Network, endpoints: &[&str]) -> Result<(), Error> {
        let timeout = self.remaining();
        match self.outside.reach(network, endpoints, timeout) {
            Ok(index) => {
                self.base = String::from(*endpoints.get(index).unwrap_or(&""));
                Ok(())
            }
            Err(failure) => Err(Error::new(
                Blame::Silent,
                format!("fetch {}", self.name),
                endpoints.join(" or "),
                "a connection",
                failure.found,
            )),
        }
    }

    /// A document that must be there.
    pub fn get(&mut self, path: &str) -> Result<Vec<u8>, Error> {
        self.ask(Method::Get, path, &[], false)
            .map(Option::unwrap_or_default)
    }

    /// A document that may be missing: 404 is an answer, and so is 204.
    pub fn get_optional(&mut self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        self.ask(Method::Get, path, &[], true)
    }

    /// A document whose loss costs only itself: if it cannot be had, there is a warning and the rest goes on.
    pub fn get_or_warn(&mut self, path: &str) -> Option<Vec<u8>> {
        self.get_optional(path).unwrap_or_else(|error| {
            self.warnings.push(error.what);
            None
        })
    }

    /// What a PUT with these headers answers: a token.
    pub fn put(&mut self, path: &str, headers: &[(&str, &str)]) -> Result<Vec<u8>, Error> {
        self.ask(Method::Put, path, headers, false)
            .map(Option::unwrap_or_default)
    }

    /// Documents by URL, within the same deadline.
    pub fn web(&mut self) -> Web<'_> {
        Web {
            files: self.machine.files,
            outside: self.outside,
            deadline: self.deadline,
        }
    }

    /// An answer of this cloud that is not what it documents.
    pub fn broken(&self, place: &str, expected: impl ToString, found: impl ToString) -> Error {
        let step = format!("fetch {}", self.name);
        Error::new(Blame::Broken, step, place, expected, found)
    }

    fn remaining(&self) -> Duration {
        self.deadline.saturating_sub(self.outside.now())
    }

    /// Asks until there is an answer, the tries are used up, or the deadline is near. Retried: time-outs, resets, 408, 425,
    /// 429 and 5xx; every other status is final.
    fn ask(
        &mut self,
        method: Method,
        path: &str,
        extra: &[(&str, &str)],
        optional: bool,
    ) -> Result<Option<Vec<u8>>, Error> {
        let url = format!("{}{path}", self.base);
        let started = self.outside.now();
        let mut pause = PAUSE_MIN;
        let mut tries = 0;
        loop {
            tries += 1;
            let answer = self.attempt(method, &url, extra);
            let (found, blame, again, after) = match answer {
                Ok(response) if (200..300).contains(&response.status) && response.status != 204 => {
                    self.outside.note(format_args!(
                        "{} {url}: {} bytes",
                        method.as_str(),
                        response.body.len()
                    ));
                    return Ok(Some(response.body));
                }
                Ok(response) if optional && matches!(response.status, 204 | 404) => {
                    self.outside.note(format_args!(
                        "{} {url}: none ({})",
                        method.as_str(),
                        response.status
                    ));
                    return Ok(None);
                }
                Ok(response) => described(&response),
                Err(failure) => (failure.found, Blame::Silent, failure.again, None),
            };
            let wait = after
                .unwrap_or_else(|| jitter(pause, self.outside.random()))
                .min(PAUSE_MAX);
            if !again || tries >= TRIES_MAX || wait >= self.remaining() {
                let spent = self.outside.now().saturating_sub(started).as_secs();
                let expected = if optional {
                    "status 200 or 404"
                } else {
                    "status 200"
                };
                let count = if tries == 1 {
                    String::from("1 try")
                } else {
                    format!("{tries} tries")
                };
                let found = format!("{found} ({count}, {spent} s)");
                let place = format!("{} {url}", method.as_str());
                return Err(Error::new(
                    blame,
                    format!("fetch {}", self.name),
                    place,
                    expected,
                    found,
                ));
            }
            self.outside.note(format_args!(
                "{} {url}: {found}; again in {} ms",
                method.as_str(),
                wait.as_millis()
            ));
            self.outside.pause(wait);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    fn attempt(
        &mut self,
        method: Method,
        url: &str,
        extra: &[(&str, &str)],
    ) -> Result<Response, Failure> {
        let headers: Vec<(&str, &str)> = self
            .headers
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .chain(extra.iter().copied())
            .collect();
        let timeout = self.remaining().min(Duration::from_secs(TRY_SECONDS_MAX));
        let request = Request {
            method,
            url,
            headers: &headers,
            bytes_max: RESPONSE_BYTES_MAX,
            timeout,
            redirects: 0,
        };
        self.outside.http(&request)
    }
}

/// An answer that is not the document: what to say of it, whose fault it is, whether to try again, and after how long.
fn described(response: &Response) -> (String, Blame, bool, Option<Duration>) {
    let again = matches!(response.status, 408 | 425 | 429 | 500..=599);
    let found = match &response.location {
        Some(location) => format!("{} to {location}", response.status),
        None => format!("{}", response.status),
    };
    let after = response
        .retry_after
        .map(|seconds| Duration::from_secs(u64::from(seconds)));
    (found, Blame::Broken, again, after)
}

/// A pause shortened by up to a quarter, so that machines started together do not ask together.
fn jitter(pause: Duration, random: u32) -> Duration {
    pause - pause / 4 * (random % 256) / 256
}

/// Most redirects followed for an include or a seed; metadata requests follow none.
pub const REDIRECTS_MAX: u8 = 5;
/// Longest time one included document may take, in seconds.
pub const INCLUDE_SECONDS_MAX: u64 = 15;

/// Documents by URL, wherever they are: what `#include` and `seedfrom` read.
pub struct Web<'a> {
    /// The machine's files, for `file://` and plain paths.
    pub files: &'a dyn Files,
    /// The seam.
    pub outside: &'a mut dyn Outside,
    /// When the fetch step must be over, on the clock of [`Outside::now`].
    pub deadline: Duration,
}

impl Web<'_> {
    /// The document behind `url`: `http://`, `https://`, `file://` or an absolute path. `Ok(None)` if it is not there.
    pub fn read(&mut self, url: &str) -> Result<Option<Vec<u8>>, Error> {
        let scheme = url.get(..7).unwrap_or_default();
        let path = match scheme.eq_ignore_ascii_case("file://") {
            true => url.get(7..),
            false => Some(url).filter(|url| url.starts_with('/')),
        };
        match path {
            // The original's working directory is /.
            Some(path) => {
                let path = format!("/{}", path.trim_start_matches('/'));
                Ok(self.files.read(&path, RESPONSE_BYTES_MAX))
            }
            None => self.request(url),
        }
    }

    fn request(&mut self, url: &str) -> Result<Option<Vec<u8>>, Error> {
        let failed = |blame, found: &str| {
            Error::new(blame, "fetch", format!("GET {url}"), "status 200", found)
        };
        let Some(origin) = origin(url) else {
            return Err(failed(
                Blame::Unable,
                "an address that is not http://, https://, file:// or /path",
            ));
        };
        let now = self.outside.now();
        let deadline = self
            .deadline
            .min(now + Duration::from_secs(INCLUDE_SECONDS_MAX));
        let remaining = |outside: &dyn Outside| deadline.saturating_sub(outside.now());
        let timeout = remaining(self.outside);
        self.outside
            .reach(Network::Any, &[origin], timeout)
            .map_err(|failure| failed(Blame::Silent, &failure.found))?;
        let mut pause = PAUSE_MIN;
        let mut tries = 0;
        loop {
            tries += 1;
            let timeout = remaining(self.outside).min(Duration::from_secs(TRY_SECONDS_MAX));
            let request = Request {
                method: Method::Get,
                url,
                headers: &[],
                bytes_max: RESPONSE_BYTES_MAX,
                timeout,
                redirects: REDIRECTS_MAX,
            };
            let (found, blame, again) = match self.outside.http(&request) {
                Ok(response) if (200..300).contains(&response.status) => {
                    self.outside
                        .note(format_args!("GET {url}: {} bytes", response.body.len()));
                    return Ok(Some(response.body));
                }
                Ok(response) if response.status == 404 => {
                    self.outside.note(format_args!("GET {url}: none (404)"));
                    return Ok(None);
                }
                Ok(response) => {
                    let (found, blame, again, _) = described(&response);
                    (found, blame, again)
                }
                Err(failure) => (failure.found, Blame::Silent, failure.again),
            };
            if !again || tries >= TRIES_MAX || pause >= remaining(self.outside) {
                return Err(failed(blame, &format!("{found} ({tries} tries)")));
            }
            self.outside.pause(pause);
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }
}

impl Includes for Web<'_> {
    fn get(&mut self, url: &str, _once: bool) -> Result<Vec<u8>, Error> {
        match self.read(url)? {
            Some(body) => Ok(body),
            None => Err(Error::new(
                Blame::Broken,
                "fetch",
                url,
                "a document",
                "nothing (404, or no such file)",
            )),
        }
    }
}

/// The scheme, host and port of a URL of HTTP, without what follows.
pub fn origin(url: &str) -> Option<&str> {
    let scheme = ["http://", "https://"].into_iter().find(|scheme| {
        url.get(..scheme.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(scheme))
    })?;
    let host = &url[scheme.len()..];
    let end = host.find(['/', '?', '#']).unwrap_or(host.len());
    (end > 0).then(|| &url[..scheme.len() + end])
}
