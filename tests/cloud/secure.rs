//! TLS between a connection and its service: bytes of the cable on one side, requests and replies on the other.

use std::io::{Read, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, version};
use smoltcp::socket::tcp::Socket;
use smoltcp::time::Instant;

use super::words::{Words, endpoint};

/// A place where HTTPS is served, and how.
#[derive(Clone, Debug)]
pub struct Secure {
    /// Where.
    pub place: SocketAddr,
    config: Arc<ServerConfig>,
    rate: Option<u64>,
}

impl Secure {
    /// Reads the rest of a line that begins with `secure`.
    pub fn parse(words: &mut Words) -> Result<Secure, String> {
        let place = endpoint(words.next("an address")?)?;
        let (chain, key) = (words.next("a file")?, words.next("a file")?);
        let bad = |error: &dyn ToString| error.to_string();
        let chain: Result<Vec<CertificateDer>, _> = CertificateDer::pem_file_iter(chain)
            .map_err(|error| bad(&error))?
            .collect();
        let chain = chain.map_err(|error| bad(&error))?;
        let key = PrivateKeyDer::from_pem_file(key).map_err(|error| bad(&error))?;
        let old = words.number_after("only")? == Some(12);
        let versions = if old {
            &[&version::TLS12][..]
        } else {
            rustls::ALL_VERSIONS
        };
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .map_err(|error| bad(&error))?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .map_err(|error| bad(&error))?;
        Ok(Secure {
            place,
            config: Arc::new(config),
            rate: words.number_after("rate")?.map(u64::from),
        })
    }

    /// A connection that came in at `now`.
    pub fn session(&self) -> Session {
        Session {
            tls: ServerConnection::new(Arc::clone(&self.config)).ok(),
            outward: Vec::new(),
            start: None,
            sent: 0,
            rate: self.rate,
        }
    }
}

/// One connection.
pub struct Session {
    /// `None` once the other side broke the rules.
    tls: Option<ServerConnection>,
    outward: Vec<u8>,
    /// When the first byte came.
    start: Option<Instant>,
    sent: u64,
    rate: Option<u64>,
}

impl Session {
    /// Takes in bytes from the cable; requests come out.
    pub fn receive(&mut self, mut bytes: &[u8], now: Instant, requests: &mut Vec<u8>) {
        self.start.get_or_insert(now);
        while let Some(tls) = self.tls.as_mut().filter(|_| !bytes.is_empty()) {
            let taken = tls.read_tls(&mut bytes).is_ok() && tls.process_new_packets().is_ok();
            // An end that was not announced is an end all the same.
            let _ = tls.reader().read_to_end(requests);
            let _ = tls.write_tls(&mut self.outward);
            if !taken {
                self.tls = None;
            }
        }
    }

    /// Takes in bytes of a reply; how many.
    pub fn write(&mut self, bytes: &[u8]) -> usize {
        match &mut self.tls {
            Some(tls) if self.outward.is_empty() => tls.writer().write(bytes).unwrap_or(0),
            _ => 0,
        }
    }

    /// Announces the end.
    pub fn close(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
    }

    /// Moves bytes to the cable; true if all are there.
    pub fn flush(&mut self, now: Instant, socket: &mut Socket) -> bool {
        while self.tls.as_ref().is_some_and(|tls| tls.wants_write()) {
            let tls = self.tls.as_mut();
            let _ = tls.map(|tls| tls.write_tls(&mut self.outward));
        }
        let elapsed = self.start.map_or(0, |start| (now - start).total_micros());
        let allowed = self
            .rate
            .map_or(u64::MAX, |rate| elapsed * rate / 1_000_000 - self.sent);
        let most = self.outward.len().min(allowed.min(1 << 20) as usize);
        let count = socket.send_slice(&self.outward[..most]).unwrap_or(0);
        self.outward.drain(..count);
        self.sent += count as u64;
        self.outward.is_empty()
    }

    /// When the next byte may go, if that depends on the time.
    pub fn next(&self) -> Option<Instant> {
        let rate = self
            .rate
            .filter(|rate| *rate > 0 && !self.outward.is_empty())?;
        let after = Duration::from_secs_f64((self.sent + 1) as f64 / rate as f64);
        Some(self.start? + after.into())
    }
}
