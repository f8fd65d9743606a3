//! HTTP: one request and its answer through ureq, whatever carries them, and in which words it goes wrong.
//!
//! ureq gets no time-outs: its timers are not the clock of the wires. Who carries the bytes keeps the deadline of the request.

use std::fmt;
use std::io::Read;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use cloudseed_core::net::Cut;
use cloudseed_core::outside::{
    Again, At, Failure, HEADER_BYTES_MAX, Method, Request, Response, date,
};
use cloudseed_core::url::{URL_BYTES_MAX, Url, percent_decoded};
use cloudseed_core::userdata::gzip;
use ureq::Agent;
use ureq::config::Config;
use ureq::http;
use ureq::unversioned::transport::LazyBuffers;

use super::heads::HEAD_BYTES_MAX;

/// How this program names itself.
pub const USER_AGENT: &str = concat!("cloudseed/", env!("CARGO_PKG_VERSION"));
/// Bytes read of a body at a time.
const CHUNK_BYTES: usize = 16 << 10;
/// What ureq reads from: it wants a head whole.
const UREQ_INPUT_BYTES: usize = HEAD_BYTES_MAX + (8 << 10);
/// What ureq writes a head to, and what stands between a connection and it: ureq fills such buffers with zeros, page by page.
const BUFFER_BYTES: usize = 16 << 10;
/// Whether this build can speak https.
pub const HAS_TLS: bool = cfg!(feature = "tls");
/// What is wrong with https:// where there is no TLS.
pub const NO_TLS: &str =
    "an https URL, for which this build (without the feature `tls`) has no TLS";
/// What is wrong with https:// where the connection does not lead to the URL's host.
const NO_TLS_THERE: &str = "an https URL of a service that is not at the URL's host";
/// What is wrong with any other text.
const NO_URL: &str = "a URL that is none";
/// Idle connections kept for later requests.
pub const IDLE_MAX: usize = 4;

/// The buffers of a connection.
pub fn buffers() -> LazyBuffers {
    LazyBuffers::new(BUFFER_BYTES, BUFFER_BYTES)
}

/// The settings of every agent: no proxies, no redirects, every status an answer, no timers; at most `idle` connections are
/// kept.
pub fn config(idle: usize) -> Config {
    Agent::config_builder()
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_response_header_size(HEAD_BYTES_MAX)
        .input_buffer_size(UREQ_INPUT_BYTES)
        .output_buffer_size(BUFFER_BYTES)
        .max_idle_connections(idle)
        .max_idle_connections_per_host(idle)
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

    /// A connection that was cut.
    pub fn cut(&self, cut: Cut, timeout: Duration) -> Failure {
        let seconds = timeout.as_secs_f32();
        let again = match cut {
            Cut::Late => Again::Longer,
            Cut::Reset => Again::Always,
        };
        let found = match (cut, self.answered) {
            (Cut::Reset, true) => format!("a connection reset after {}", self.amount()),
            (Cut::Reset, false) => String::from("a connection reset before any answer"),
            (Cut::Late, true) => format!("only {} in {seconds} s", self.amount()),
            (Cut::Late, false) => format!("no answer in {seconds} s"),
        };
        Failure { again, found }
    }

    /// A failure, and how far the request had got.
    pub fn after(&self, failure: Failure) -> Failure {
        if self.answered {
            Failure {
                found: format!("{} after {}", failure.found, self.amount()),
                ..failure
            }
        } else {
            failure
        }
    }

    /// What ureq's own errors mean.
    pub fn failure(&self, error: &Wrong, request: &Request) -> Failure {
        match error {
            Wrong::TooLong => {
                Failure::lasting(format!("a body of more than {} bytes", request.bytes_max))
            }
            Wrong::Told(found) => Failure::lasting(*found),
            Wrong::Head => Failure::lasting("a request that cannot be sent"),
            Wrong::Ureq(ureq::Error::Other(error)) if error.is::<Told>() => {
                let told = error.downcast_ref::<Told>().map(|told| told.0.clone());
                told.unwrap_or_else(|| self.cut(Cut::Reset, request.timeout))
            }
            Wrong::Ureq(ureq::Error::Timeout(_)) => self.cut(Cut::Late, request.timeout),
            Wrong::Ureq(ureq::Error::Io(error)) => self.io(error, request),
            Wrong::Ureq(ureq::Error::BadUri(_)) => Failure::lasting(NO_URL),
            Wrong::Ureq(ureq::Error::LargeResponseHeader(..)) => Failure::lasting(format!(
                "an answer head of more than {HEAD_BYTES_MAX} bytes"
            )),
            Wrong::Ureq(error) => Failure::garbled(format!("an answer that is not HTTP ({error})")),
            Wrong::Packed(found) => Failure::lasting(found.as_str()),
        }
    }

    fn io(&self, error: &std::io::Error, request: &Request) -> Failure {
        use std::io::ErrorKind;
        let found = match error.kind() {
            ErrorKind::UnexpectedEof if self.answered => {
                let found = format!("a connection closed after {}", self.amount());
                return Failure::garbled(found);
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
        Failure::passing(found)
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
    /// The request is none that can be carried, for this reason.
    Told(&'static str),
    /// The head of the request cannot be written.
    Head,
    /// The body does not unpack.
    Packed(String),
    /// ureq's error.
    Ureq(ureq::Error),
}

impl From<http::Error> for Wrong {
    fn from(_: http::Error) -> Wrong {
        Wrong::Head
    }
}

impl From<ureq::Error> for Wrong {
    fn from(error: ureq::Error) -> Wrong {
        Wrong::Ureq(error)
    }
}

/// One request and its answer.
pub fn exchange(
    agent: &Agent,
    request: &Request,
    progress: &mut Progress,
) -> Result<Response, Wrong> {
    let builder = head(request)?;
    let answer = match request.method {
        Method::Get => agent.run(builder.body(())?)?,
        Method::Put | Method::Post => agent.run(builder.body(request.body)?)?,
    };
    let header = |name: &str| {
        let value = answer.headers().get(name)?.to_str().ok()?;
        Some(value).filter(|value| value.len() <= HEADER_BYTES_MAX)
    };
    let date = header("date").and_then(date::parse);
    let mut response = Response {
        status: answer.status().as_u16(),
        retry_after: header("retry-after").and_then(|text| date::seconds_until(text, date)),
        date,
        location: answer.headers().get("location").and_then(location),
        body: Vec::new(),
    };
    let expected = header("content-length").and_then(|text| text.trim().parse().ok());
    (progress.answered, progress.expected) = (true, expected);
    if expected.is_some_and(|expected| expected > request.bytes_max as u64) {
        return Err(Wrong::TooLong);
    }
    let coding = header("content-encoding").map(str::to_ascii_lowercase);
    response.body = body(answer.into_body(), request.bytes_max, progress)?;
    // What another status says of its body is nobody's concern: the status counts.
    if let Some(codings) = coding.filter(|_| (200..300).contains(&response.status)) {
        response.body = unpacked(&codings, response.body, request.bytes_max)?;
    }
    Ok(response)
}

/// Where an answer leads to, which need not be ASCII. Part of a URL leads somewhere else: one that is too long leads nowhere.
fn location(value: &http::HeaderValue) -> Option<String> {
    let bytes = value.as_bytes();
    (bytes.len() <= URL_BYTES_MAX).then(|| String::from_utf8_lossy(bytes).into_owned())
}

/// A body that a server has packed, although nobody asked it to (RFC 9110, 8.4.1): files that lie there packed are often sent so.
/// The last coding was the last to be applied; from one that is not known on the body stays as it is. An empty one is packed by
/// nobody.
///
/// ```text
/// Content-Encoding = coding *( *WSP "," *WSP coding )
/// ```
fn unpacked(codings: &str, mut body: Vec<u8>, bytes_max: usize) -> Result<Vec<u8>, Wrong> {
    for coding in codings.rsplit(',').map(str::trim) {
        let inflated = match coding {
            _ if body.is_empty() => return Ok(body),
            "" | "identity" => continue,
            "gzip" | "x-gzip" => gzip::gunzip(&body, bytes_max).map(|inflated| inflated.bytes),
            "deflate" => gzip::undeflate(&body, bytes_max),
            _ => return Ok(body),
        };
        body = inflated.map_err(|flaw| {
            let found = format!("a body in {coding} that does not unpack ({})", flaw.found);
            Wrong::Packed(found)
        })?;
    }
    Ok(body)
}

/// The head of a request as ureq wants it. To connect to another place than the URL's host, the URL names that place and the
/// header the host: what ureq keeps its connections by is where they lead.
fn head(request: &Request) -> Result<http::request::Builder, Wrong> {
    let url = Url::parse(request.url).filter(Url::is_http);
    let url = url.ok_or(Wrong::Told(NO_URL))?;
    let plain = !url.is_https();
    match request.at {
        _ if !plain && !HAS_TLS => return Err(Wrong::Told(NO_TLS)),
        At::Address(_) | At::Port(_) if !plain => return Err(Wrong::Told(NO_TLS_THERE)),
        _ => {}
    }
    let (uri, host) = match request.at {
        At::Address(address) => (
            format!("http://{address}{}", url.target()),
            Some(url.place()),
        ),
        At::Host | At::Port(_) => (url.without_userinfo(), None),
    };
    let credentials = url.userinfo().filter(|userinfo| userinfo.contains(':'));
    let credentials = credentials.map(|userinfo| {
        let encoded = STANDARD.encode(percent_decoded(userinfo));
        format!("Basic {encoded}")
    });
    let mut builder = http::Request::builder()
        .method(request.method.as_str())
        .uri(uri);
    let own = [("host", host), ("authorization", credentials.as_deref())];
    let own = own
        .iter()
        .filter_map(|(name, value)| Some((*name, (*value)?)));
    for (name, value) in own.chain(request.headers.iter().copied()) {
        builder = builder.header(name, value);
    }
    Ok(builder)
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_location_is_whole_or_none() {
        for (length, expected) in [
            (0, Some(0)),
            (HEADER_BYTES_MAX + 1, Some(HEADER_BYTES_MAX + 1)),
            (URL_BYTES_MAX, Some(URL_BYTES_MAX)),
            (URL_BYTES_MAX + 1, None),
        ] {
            let value = http::HeaderValue::from_bytes(&vec![b'a'; length]).unwrap();
            assert_eq!(location(&value).map(|text| text.len()), expected);
        }
    }

    /// The head of a request, one header a line.
    fn written(request: &Request) -> Result<String, String> {
        let built = head(request).and_then(|builder| Ok(builder.body(())?));
        let built = built.map_err(|wrong| Progress::default().failure(&wrong, request).found)?;
        let lines = built.headers().iter();
        let lines = lines.map(|(name, value)| format!("\n{name}: {}", value.to_str().unwrap()));
        Ok(format!(
            "{} {}{}",
            built.method(),
            built.uri(),
            lines.collect::<String>()
        ))
    }

    #[test]
    fn heads_say_where_and_who() {
        let second = Duration::from_secs(1);
        let get = |url| Request::new(Method::Get, url, 1, second);
        assert_eq!(
            written(&get("http://me:p%40ss@host:8080/a@b?c#d")).unwrap(),
            "GET http://host:8080/a@b?c\nauthorization: Basic bWU6cEBzcw=="
        );
        let elsewhere = Request {
            at: At::Address("169.254.169.254:80".parse().unwrap()),
            headers: &[("metadata-flavor", "Google")],
            ..get("http://metadata.google.internal/a")
        };
        assert_eq!(
            written(&elsewhere).unwrap(),
            "GET http://169.254.169.254:80/a\nhost: metadata.google.internal\nmetadata-flavor: Google"
        );
        // A name without a password is nobody's credential.
        assert_eq!(
            written(&get("http://me@host/")).unwrap(),
            "GET http://host/"
        );
        let secure = Request {
            at: elsewhere.at,
            ..get("https://host/")
        };
        assert!(written(&secure).unwrap_err().starts_with("an https URL"));
        let bad = Request {
            headers: &[("x", "a\nb")],
            ..get("http://host/")
        };
        assert_eq!(written(&bad).unwrap_err(), "a request that cannot be sent");
        for url in ["ftp://host/", "host", "http://", "http://a b/"] {
            assert_eq!(written(&get(url)).unwrap_err(), NO_URL);
        }
    }
}
