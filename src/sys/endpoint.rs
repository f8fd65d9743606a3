//! Endpoint: which of the endpoints a network leads to, and which are behind a port of the machine.

use std::time::Duration;

use cloudseed_core::outside::{At, Endpoint, Failure, Ports, Request, Response};
use cloudseed_core::url::{Url, shown};

use super::dial::Dial;
use super::http;
use super::tls::Tls;

/// An endpoint that a network leads to.
#[derive(Debug)]
pub struct Target {
    /// Its place among the endpoints.
    pub index: usize,
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// Those of the endpoints that a network leads to.
pub fn targets(endpoints: &[Endpoint]) -> Result<Vec<Target>, Failure> {
    let mut targets = Vec::new();
    for (index, endpoint) in endpoints.iter().enumerate() {
        let url = Url::parse(endpoint.url).filter(Url::is_http);
        let url = url.ok_or_else(|| {
            let url = shown(endpoint.url).to_string();
            Failure::lasting(format!("{url:?}, which is no http URL"))
        })?;
        if !http::HAS_TLS && url.is_https() {
            return Err(Failure::lasting(http::NO_TLS));
        }
        let (host, port) = match endpoint.at {
            At::Host => (String::from(url.host()), url.port()),
            At::Address(address) => (address.ip().to_string(), address.port()),
            At::Port(_) => continue,
        };
        targets.push(Target { index, host, port });
    }
    Ok(targets)
}

/// The first endpoint behind a port that opens; `None` if none does and others are left.
pub fn behind_a_port(
    ports: &mut dyn Ports,
    endpoints: &[Endpoint],
    timeout: Duration,
) -> Result<Option<usize>, Failure> {
    let mut failure = None;
    for (index, endpoint) in endpoints.iter().enumerate() {
        let At::Port(port) = &endpoint.at else {
            continue;
        };
        // Nobody waits for one port while there are other ways.
        let patience = match endpoints.len() {
            1 => timeout,
            _ => Duration::ZERO,
        };
        match ports.open(port, patience) {
            Ok(_) => return Ok(Some(index)),
            Err(found) => failure = Some(found),
        }
    }
    let others = endpoints
        .iter()
        .any(|endpoint| !matches!(endpoint.at, At::Port(_)));
    match failure {
        Some(failure) if !others => Err(failure),
        _ => Ok(None),
    }
}

/// An exchange through a port of the machine, if the request wants that.
pub fn through_a_port(
    ports: &mut dyn Ports,
    now: Duration,
    request: &Request,
) -> Option<Result<Response, Failure>> {
    let At::Port(port) = &request.at else {
        return None;
    };
    let until = now.saturating_add(request.timeout);
    let exchanged = ports.open(port, request.timeout).and_then(|stream| {
        let dial = Dial::through(stream);
        dial.exchange(&dial.agent(Tls::default(), 0), request, until)
    });
    Some(exchanged)
}
