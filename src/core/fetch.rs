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
use crate::rule::Evidence;
use crate::settings::Settings;
use crate::userdata::Includes;
use crate::value::Value;
use crate::warning::{Blame, Error, Warning};

pub mod schedule;

use schedule::{DOCUMENT_SECONDS_MAX, Schedule};

/// Longest body of a metadata document, in bytes; no cloud allows user-data above 64 KiB, media go up to this.
pub const RESPONSE_BYTES_MAX: usize = 16 << 20;
/// Longest time the fetch step may take in all; `cloudseed.deadline=SECONDS` on the command line overrides it.
pub const FETCH_SECONDS_MAX: u64 = 60;
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
    /// Says that requests with GET for these URLs follow one by one, all with the same headers. Who likes may send some of
    /// them before they are asked for, while another answer is on its way.
    fn expect(&mut self, urls: &[String]) {
        let _ = urls;
    }
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
    /// What its owner has configured.
    pub settings: &'a Settings,
    /// The network that the way needs.
    pub network: Network,
    /// What showed the way.
    pub evidence: Evidence,
    /// The seam.
    pub outside: &'a mut dyn Outside,
    /// When the fetch step must be over, on the clock of [`Outside::now`].
    pub deadline: Duration,
    /// The endpoint in use: scheme, host and port, no path.
    pub base: String,
    /// Headers sent with every request: tokens, flavours.
    pub headers: Vec<(&'static str, String)>,
    /// Gets a new token into the headers, if the service has tokens: called when one is no longer taken (401).
    pub renew: Option<Renew>,
    /// Documents that were lost, each for a reason that does not cost the others.
    pub warnings: Vec<Warning>,
}

/// How a recipe gets a token.
pub type Renew = fn(&mut Cloud) -> Result<(), Error>;

impl<'a> Cloud<'a> {
    /// The cloud of `name`, not yet reached.
    pub fn new(
        name: &'static str,
        machine: &'a Machine<'a>,
        settings: &'a Settings,
        outside: &'a mut dyn Outside,
        deadline: Duration,
    ) -> Cloud<'a> {
        Cloud {
            name,
            machine,
            settings,
            network: Network::None,
            evidence: Evidence::default(),
            outside,
            deadline,
            base: String::new(),
            headers: Vec::new(),
            renew: None,
            warnings: Vec::new(),
        }
    }

    /// Brings up the network and races to the first endpoint that answers; that one is the base of all paths.
    pub fn reach(&mut self, endpoints: &[&str]) -> Result<(), Error> {
        let timeout = self.remaining();
        match self.outside.reach(self.network, endpoints, timeout) {
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

    /// Documents that do not depend on each other, in the order of their paths; each may be missing if its path says so. Asked
    /// for as many at a time as the outside likes. The first that cannot be had ends it.
    pub fn get_all(&mut self, paths: &[(String, Optional)]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        self.expect(paths.iter().map(|(path, _)| path.as_str()));
        let found = paths
            .iter()
            .map(|(path, optional)| self.ask(Method::Get, path, &[], optional.0))
            .collect();
        self.outside.expect(&[]);
        found
    }

    /// Says which documents are got next, one by one in this order, so that they can be asked for together.
    pub fn expect<'p>(&mut self, paths: impl Iterator<Item = &'p str>) {
        let urls: Vec<String> = paths.map(|path| format!("{}{path}", self.base)).collect();
        self.outside.expect(&urls);
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

    /// Warns of something that costs only itself.
    pub fn warn(&mut self, place: &str, expected: &str, found: impl ToString) {
        let step = format!("fetch {}", self.name);
        self.warnings
            .push(Warning::new(step, place, expected, found));
    }

    /// An answer of this cloud that is not what it documents.
    pub fn broken(&self, place: &str, expected: impl ToString, found: impl ToString) -> Error {
        let step = format!("fetch {}", self.name);
        Error::new(Blame::Broken, step, place, expected, found)
    }

    fn remaining(&self) -> Duration {
        self.deadline.saturating_sub(self.outside.now())
    }

    /// Asks until there is an answer. A token that is no longer taken is renewed once.
    fn ask(
        &mut self,
        method: Method,
        path: &str,
        extra: &[(&str, &str)],
        optional: bool,
    ) -> Result<Option<Vec<u8>>, Error> {
        let most = Duration::from_secs(DOCUMENT_SECONDS_MAX);
        let mut schedule = Schedule::new(self.outside.now(), self.deadline, most);
        let denied = match self.tries(method, path, extra, optional, &mut schedule) {
            Ok(found) => return Ok(found),
            Err(denied) => denied,
        };
        match self
            .renew
            .filter(|_| method == Method::Get && denied.status == Some(401))
        {
            None => Err(denied.error),
            Some(renew) => {
                renew(self)?;
                self.tries(method, path, extra, optional, &mut schedule)
                    .map_err(|denied| denied.error)
            }
        }
    }

    fn tries(
        &mut self,
        method: Method,
        path: &str,
        extra: &[(&str, &str)],
        optional: bool,
        schedule: &mut Schedule,
    ) -> Result<Option<Vec<u8>>, Denied> {
        let own = self.headers.iter();
        let own = own.map(|(name, value)| (*name, value.as_str()));
        let headers: Vec<(&str, &str)> = own.chain(extra.iter().copied()).collect();
        let document = Document {
            step: &format!("fetch {}", self.name),
            method,
            url: &format!("{}{path}", self.base),
            headers: &headers,
            redirects: 0,
            optional,
        };
        document.get(self.outside, schedule)
    }
}

/// Whether a document may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Optional(pub bool);

/// What is asked for.
struct Document<'a> {
    step: &'a str,
    method: Method,
    url: &'a str,
    headers: &'a [(&'a str, &'a str)],
    redirects: u8,
    /// True if 404 and 204 are answers, too.
    optional: bool,
}

/// Why a document is not there, and the status that said so.
struct Denied {
    error: Error,
    status: Option<u16>,
}

/// A try that brought no document.
struct Miss {
    found: String,
    blame: Blame,
    again: bool,
    after: Option<Duration>,
    status: Option<u16>,
}

impl Document<'_> {
    /// Asks until there is an answer, the tries are used up, or the deadline is near. Retried: time-outs, resets, 408, 425,
    /// 429 and 5xx; every other status is final.
    fn get(
        &self,
        outside: &mut dyn Outside,
        schedule: &mut Schedule,
    ) -> Result<Option<Vec<u8>>, Denied> {
        let (method, url) = (self.method.as_str(), self.url);
        loop {
            let miss = match self.attempt(outside, schedule) {
                Ok(found) => return Ok(found),
                Err(miss) => miss,
            };
            let (now, random) = (outside.now(), outside.random());
            let pause = schedule.pause(now, miss.after, random);
            let Some(pause) = pause.filter(|_| miss.again) else {
                let expected = match self.optional {
                    true => "status 200 or 404",
                    false => "status 200",
                };
                let found = format!("{} ({})", miss.found, schedule.spent(now));
                let place = format!("{method} {url}");
                return Err(Denied {
                    error: Error::new(miss.blame, self.step, place, expected, found),
                    status: miss.status,
                });
            };
            outside.note(format_args!(
                "{method} {url}: {}; again in {} ms",
                miss.found,
                pause.as_millis()
            ));
            outside.pause(pause);
        }
    }

    fn attempt(
        &self,
        outside: &mut dyn Outside,
        schedule: &mut Schedule,
    ) -> Result<Option<Vec<u8>>, Miss> {
        let (method, url) = (self.method.as_str(), self.url);
        let request = Request {
            method: self.method,
            url,
            headers: self.headers,
            bytes_max: RESPONSE_BYTES_MAX,
            timeout: schedule.begin(outside.now()),
            redirects: self.redirects,
        };
        let response = outside.http(&request).map_err(|failure| Miss {
            found: failure.found,
            blame: Blame::Silent,
            again: failure.again,
            after: None,
            status: None,
        })?;
        match response.status {
            204 | 404 if self.optional => {
                outside.note(format_args!("{method} {url}: none ({})", response.status));
                Ok(None)
            }
            200..300 if response.status != 204 => {
                outside.note(format_args!(
                    "{method} {url}: {} bytes",
                    response.body.len()
                ));
                Ok(Some(response.body))
            }
            _ => Err(Miss::of(&response)),
        }
    }
}

impl Miss {
    /// An answer that is not the document.
    fn of(response: &Response) -> Miss {
        let status = response.status;
        let seconds = response.retry_after.map(u64::from);
        Miss {
            found: match &response.location {
                Some(location) => format!("{status} to {location}"),
                None => format!("{status}"),
            },
            blame: Blame::Broken,
            again: matches!(status, 408 | 425 | 429 | 500..=599),
            after: seconds.map(Duration::from_secs),
            status: Some(status),
        }
    }
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
        let most = Duration::from_secs(INCLUDE_SECONDS_MAX);
        let mut schedule = Schedule::new(self.outside.now(), self.deadline, most);
        let left = schedule.left(self.outside.now());
        self.outside
            .reach(Network::Any, &[origin], left)
            .map_err(|failure| failed(Blame::Silent, &failure.found))?;
        let document = Document {
            step: "fetch",
            method: Method::Get,
            url,
            headers: &[],
            redirects: REDIRECTS_MAX,
            optional: true,
        };
        document
            .get(self.outside, &mut schedule)
            .map_err(|denied| denied.error)
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
