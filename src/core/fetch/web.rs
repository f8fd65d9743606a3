//! Documents by URL, wherever they are: what `#include` and `seedfrom` read. Here, and only here, redirects are followed.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::RESPONSE_BYTES_MAX;
use super::schedule::Schedule;
use super::tries::{Goal, Meaning, Miss, usual};
use crate::bytes::Bytes;
use crate::journal::Journal;
use crate::machine::Files;
use crate::net::names::literal;
use crate::outside::{
    At, Endpoint, Failure, Method, Network, Outside, Port, Request, Response, is_near,
};
use crate::url::{Url, encoded, local_path, shown};
use crate::userdata::Includes;
use crate::warning::{Blame, Error};

/// Most redirects followed for an include or a seed; metadata requests follow none.
pub const REDIRECTS_MAX: u8 = 5;
/// Longest time one included document may take, in seconds.
pub const INCLUDE_SECONDS_MAX: u64 = 15;

/// Documents by URL.
pub struct Web<'a> {
    /// The machine's files, for `file://` and plain paths.
    pub files: &'a dyn Files,
    /// The seams.
    pub outside: &'a mut dyn Outside,
    /// The log.
    pub journal: Journal,
    /// When the last document must be there, on the clock of [`crate::outside::Clock::now`].
    pub deadline: Duration,
}

impl Web<'_> {
    /// The document behind `url`: `http://`, `https://`, `vsock://`, `file://` or an absolute path. `Ok(None)` if it is not there.
    ///
    /// # Errors
    /// It cannot be had from where it is: an address that is not understood, nobody who answers, an answer that is no document.
    pub fn read(&mut self, url: &str) -> Result<Option<Vec<u8>>, Error> {
        match local_path(url) {
            Some(path) => {
                let found = self.files.document(&path, RESPONSE_BYTES_MAX);
                found.map_err(|found| {
                    Error::new(Blame::Unable, "fetch", shown(url), "a document", found)
                })
            }
            None => self.request(url),
        }
    }

    fn request(&mut self, url: &str) -> Result<Option<Vec<u8>>, Error> {
        let url = &*encoded(url);
        let failed = |blame, found: &str| {
            let place = format!("GET {}", shown(url));
            Error::new(blame, "fetch", place, "status 200", found)
        };
        let parsed = Url::parse(url);
        if parsed
            .as_ref()
            .is_some_and(|url| url.is("ftp") || url.is("ftps"))
        {
            let found = "an address of FTP, which is not spoken here: http://, https://, file:// and /path are";
            return Err(failed(Blame::Unable, found));
        }
        let vsock = vsock(url);
        let (asked, at, redirects) = match &vsock {
            Some((url, port)) => (url.as_str(), At::Port(*port), 0),
            None => (url, At::Host, REDIRECTS_MAX),
        };
        let Some(first) = Url::parse(asked).filter(Url::is_http) else {
            return Err(failed(
                Blame::Unable,
                "an address that is not http://, https://, vsock://NUMBER:PORT, file:// or /path",
            ));
        };
        let most = Duration::from_secs(INCLUDE_SECONDS_MAX);
        let mut schedule = Schedule::new(self.outside.now(), self.deadline, most);
        let left = schedule.left(self.outside.now());
        let origin = first.origin();
        self.outside
            .reach(Network::Any, &[Endpoint { url: &origin, at }], left)
            .map_err(|failure| failed(Blame::Silent, &failure.found))?;
        let goal = Goal {
            step: "fetch",
            method: Method::Get,
            url,
            optional: true,
            late: false,
            renews: false,
            meaning,
        };
        let mut attempt = |outside: &mut dyn Outside, timeout: Duration| {
            let mut request = Request::new(Method::Get, asked, RESPONSE_BYTES_MAX, timeout);
            request.at = at;
            follow(outside, &request, redirects).map_err(Miss::silent)
        };
        let found = goal.pursue(self.outside, &self.journal, &mut schedule, &mut attempt);
        match found {
            Ok(response) => Ok(response.map(|response| response.body)),
            Err(denied) => Err(denied.error),
        }
    }
}

/// `vsock://CID:PORT/…`, HTTP over a socket of the hypervisor's: the URL to ask for there, and the port; both numbers are of 32 bits.
fn vsock(url: &str) -> Option<(String, Port<'static>)> {
    let (scheme, rest) = url.split_once("://")?;
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let (cid, port) = authority.split_once(':')?;
    let (cid, port) = (cid.parse().ok()?, port.parse().ok()?);
    let is_it = scheme.eq_ignore_ascii_case("vsock");
    is_it.then(|| (format!("http://{cid}{path}"), Port::Vsock { cid, port }))
}

/// What a status means to whoever names a document: one that is there and empty (204) is no missing one.
fn meaning(status: u16) -> Meaning {
    match status {
        204 => Meaning::Document,
        _ => usual(status),
    }
}

impl Includes for Web<'_> {
    fn get(&mut self, url: &str, _once: bool) -> Result<Bytes, Error> {
        match self.read(url)? {
            Some(body) => Ok(body.into()),
            None => Err(Error::new(
                Blame::Broken,
                "fetch",
                shown(url),
                "a document",
                "nothing (404, or no such file)",
            )),
        }
    }
}

/// One GET, and at most `redirects` more that the answers lead to, all within the time of the first. Only within the scheme;
/// headers, user and password go to the origin they are meant for and to no other.
///
/// # Errors
/// An exchange brings no answer, or a redirect may not be followed.
pub fn follow(
    outside: &mut dyn Outside,
    request: &Request,
    redirects: u8,
) -> Result<Response, Failure> {
    let until = outside.now().saturating_add(request.timeout);
    let mut url = String::from(request.url);
    let mut followed = 0;
    loop {
        let (Some(first), Some(here)) = (Url::parse(request.url), Url::parse(&url)) else {
            return Err(Failure::lasting("a URL that is none"));
        };
        let left = until.saturating_sub(outside.now());
        let mut next = Request::new(request.method, &url, request.bytes_max, left);
        next.far = request.far || !here.host().eq_ignore_ascii_case(first.host());
        if here.same_origin(&first) {
            (next.at, next.headers) = (request.at, request.headers);
        }
        let response = outside.exchange(&next)?;
        let to = response.location.as_deref();
        let Some(to) = to.filter(|_| (300..400).contains(&response.status)) else {
            return Ok(response);
        };
        let next = encoded(&here.join(to));
        let allowed = followed < redirects && may_lead(&first, &here, &next);
        if !allowed {
            return Err(Failure::lasting(format!("a redirect to {}", shown(&next))));
        }
        followed += 1;
        url = with_credentials(&first, next);
    }
}

/// Whether a page may send us there: in the same scheme, and from elsewhere to no address that means this machine or its link,
/// where the metadata service is.
fn may_lead(first: &Url, here: &Url, to: &str) -> bool {
    let Some(to) = Url::parse(to) else {
        return false;
    };
    // Read as who asks for it reads it, a zone and all. What a name stands for is seen when it is looked up.
    let near =
        literal(to.host()).is_some_and(is_near) || to.host().eq_ignore_ascii_case("localhost");
    let same_host = to.host().eq_ignore_ascii_case(here.host());
    first.is_https() == to.is_https() && to.is_http() && (!near || same_host)
}

/// A page of the first origin is asked for as its first page was.
fn with_credentials(first: &Url, next: String) -> String {
    let credentials = first.userinfo().zip(Url::parse(&next));
    match credentials.filter(|(_, next)| next.userinfo().is_none() && next.same_origin(first)) {
        Some((userinfo, page)) => page.with_userinfo(userinfo),
        None => next,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_numbers_of_a_vsock_have_32_bits() {
        let (cid, port) = (4_294_967_294, 2_222_222_222);
        let port = Port::Vsock { cid, port };
        let asked = vsock("VSOCK://4294967294:2222222222/seed/user-data");
        assert_eq!(
            asked,
            Some(("http://4294967294/seed/user-data".into(), port))
        );
        for text in [
            "vsock://2/x",
            "vsock://2:4294967296/",
            "http://2:3/",
            "vsock:",
        ] {
            assert_eq!(vsock(text), None, "{text}");
        }
    }
}
