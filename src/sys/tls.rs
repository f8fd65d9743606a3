//! TLS for includes and seeds: rustls over whichever transport carries the bytes, and the roots that it trusts.
//!
//! A certificate is checked against the machine's own bundle of roots if it has one, and else against Mozilla's, which are a
//! part of the program. Its dates are checked against the machine's clock; but a machine may start with its clock in 1970, and
//! no certificate is valid then. A clock that is behind the making of this program is wrong, so that no date is taken from
//! it: what had expired when the program was made is refused, and what begins later has begun. Where a metadata service has told
//! a later time than the clock, certificates are checked as of that.

use std::fmt;
use std::io::{BufRead, Read, Write};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use cloudseed_core::machine::Files;
use cloudseed_core::outside::Failure;
use cloudseed_core::pem;
use cloudseed_core::url::Url;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, verify_server_cert_signed_by_trust_anchor, verify_server_name};
use rustls::crypto::{verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, RootCertStore,
    SignatureScheme, server::ParsedCertificate,
};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, Either, LazyBuffers, NextTimeout, Transport, time,
};

use super::root::Root;
use super::{clock, http, random};

mod provider;
mod wall;

use provider::SIGNATURES;
use wall::{Wall, date};

/// Where a bundle of root certificates may be: one for this program alone, which the hooks of initramfs generators take along,
/// and those of the distributions: Debian and its family, Fedora and its, openSUSE, Alpine.
const BUNDLES: &[&str] = &[
    "/etc/cloudseed/ca-certificates.crt",
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];
/// Most certificates of a chain whose beginning is believed under a wrong clock.
const CHAIN_MAX: usize = 8;
/// Longest wait for the kernel's random numbers, which keys are made of.
const RANDOM_MAX: Duration = Duration::from_secs(5);

/// Who is trusted, and since when. Clones are the same.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    root: Root,
    clock: Wall,
    config: OnceLock<Result<Arc<ClientConfig>, Failure>>,
    notes: Arc<Mutex<Vec<String>>>,
}

impl Default for Tls {
    fn default() -> Tls {
        Tls::new(Root::new(std::path::Path::new("/")), clock::wall)
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tls")
    }
}

impl Tls {
    /// Trusts the bundle below `root`, if there is one; `wall` is the time since the epoch, as far as the machine knows.
    /// Nothing is read before the first connection.
    pub fn new(root: Root, wall: fn() -> Duration) -> Tls {
        Tls(Arc::new(Inner {
            root,
            clock: Wall {
                clock: wall,
                heard: Arc::default(),
            },
            config: OnceLock::new(),
            notes: Arc::default(),
        }))
    }

    /// Takes in that it is at least this late since the epoch.
    pub fn hear(&self, date: Duration) {
        let heard = &self.0.clock.heard;
        heard.fetch_max(date.as_secs(), Ordering::Relaxed);
    }

    /// What happened since the last call.
    pub fn notes(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.0.notes))
    }

    fn note(&self, line: String) {
        lock(&self.0.notes).push(line);
    }

    fn config(&self) -> Result<Arc<ClientConfig>, Failure> {
        self.0.config.get_or_init(|| self.configure()).clone()
    }

    fn configure(&self) -> Result<Arc<ClientConfig>, Failure> {
        let clock = &self.0.clock;
        let verifier = Arc::new(Verifier {
            roots: self.roots(),
            clock: clock.clone(),
            notes: Arc::clone(&self.0.notes),
        });
        let mut config = configured(clock.clone(), verifier)
            .map_err(|_| Failure::lasting(String::from("TLS that cannot be set up")))?;
        // Connections are kept; what is asked again on a new one is worth a whole handshake.
        config.resumption = Resumption::disabled();
        Ok(Arc::new(config))
    }

    /// The machine's own roots, or Mozilla's.
    fn roots(&self) -> RootCertStore {
        for path in BUNDLES {
            let Some(bundle) = self.0.root.read(path, pem::BUNDLE_BYTES_MAX) else {
                continue;
            };
            let (mut roots, mut bad) = (RootCertStore::empty(), 0);
            for certificate in pem::certificates(&bundle) {
                let added =
                    certificate.is_some_and(|der| roots.add(CertificateDer::from(der)).is_ok());
                bad += usize::from(!added);
            }
            let (good, bad) = (
                roots.len(),
                if bad == 0 {
                    String::new()
                } else {
                    format!(", {bad} bad ones left out")
                },
            );
            self.note(format!("tls: {good} root certificates of {path}{bad}"));
            if good > 0 {
                return roots;
            }
        }
        let roots = webpki_roots::TLS_SERVER_ROOTS.to_vec();
        self.note(format!(
            "tls: {} root certificates of this program",
            roots.len()
        ));
        RootCertStore { roots }
    }

    /// A session with the host of `url`, whose handshake is yet to be done.
    fn session(&self, url: &str) -> Result<ClientConnection, Failure> {
        let refused = |found: String| Failure::lasting(found);
        let host = Url::parse(url).map_or("", |url| url.host());
        let name = ServerName::try_from(String::from(host))
            .map_err(|_| refused(format!("{host:?}, which no certificate can name")))?;
        if !random::is_ready(RANDOM_MAX) {
            let found = format!("no random numbers in {} s", RANDOM_MAX.as_secs());
            return Err(Failure::passing(found));
        }
        ClientConnection::new(self.config()?, name).map_err(|error| refused(words(&error)))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn configured(clock: Wall, verifier: Arc<Verifier>) -> Result<ClientConfig, rustls::Error> {
    let provider = Arc::new(provider::provider());
    Ok(
        ClientConfig::builder_with_details(provider, Arc::new(clock))
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(verifier)
            .with_no_client_auth(),
    )
}

/// webpki's rules, but under a wrong clock a certificate that begins after the making of this program has begun.
#[derive(Debug)]
struct Verifier {
    roots: RootCertStore,
    clock: Wall,
    notes: Arc<Mutex<Vec<String>>>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let leaf = ParsedCertificate::try_from(leaf)?;
        let all = SIGNATURES.all;
        let check =
            |time| verify_server_cert_signed_by_trust_anchor(&leaf, &self.roots, chain, time, all);
        let wrong = self.clock.is_wrong();
        let mut time = now;
        let mut result = check(time);
        for _ in 0..CHAIN_MAX {
            let Err(rustls::Error::InvalidCertificate(CertificateError::NotValidYetContext {
                not_before,
                ..
            })) = &result
            else {
                break;
            };
            if !wrong || *not_before <= time {
                break;
            }
            time = *not_before;
            result = check(time);
        }
        if wrong {
            lock(&self.notes).push(format!(
                "tls: the clock says {}, before this program was made: certificates are checked as of {}",
                date(self.clock.said().as_secs()),
                date(time.as_secs())
            ));
        }
        if let Some(told) = self.clock.told() {
            lock(&self.notes).push(format!(
                "tls: the clock says {}, the metadata service {}: certificates are checked as of then",
                date(self.clock.said().as_secs()),
                date(told.as_secs())
            ));
        }
        result?;
        verify_server_name(&leaf, name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signature, &SIGNATURES)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signature, &SIGNATURES)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        SIGNATURES.supported_schemes()
    }
}

/// What went wrong, as the object of "but found".
fn words(error: &rustls::Error) -> String {
    use rustls::Error::{AlertReceived, InvalidCertificate, InvalidMessage, PeerIncompatible};
    match error {
        InvalidCertificate(error) => certificate_words(error),
        AlertReceived(alert) => format!("the TLS alert {alert:?}"),
        PeerIncompatible(why) => format!("a server without common TLS ({why:?})"),
        InvalidMessage(_) => String::from("an answer that is not TLS"),
        _ => String::from("a TLS handshake against the rules"),
    }
}

fn certificate_words(error: &CertificateError) -> String {
    use CertificateError::{
        BadEncoding, ExpiredContext, NotValidForNameContext, NotValidYetContext, UnknownIssuer,
    };
    match error {
        UnknownIssuer => String::from("a certificate of an unknown issuer"),
        ExpiredContext { time, not_after } => {
            let (now, end) = (date(time.as_secs()), date(not_after.as_secs()));
            format!("a certificate that expired on {end} (today is {now})")
        }
        NotValidYetContext { time, not_before } => {
            let (now, start) = (date(time.as_secs()), date(not_before.as_secs()));
            format!("a certificate that begins on {start} (today is {now})")
        }
        NotValidForNameContext { presented, .. } => {
            let names = presented.iter().take(NAMES_MAX).map(|name| bare(name));
            let names: Vec<&str> = names.collect();
            format!("a certificate of another name ({})", names.join(", "))
        }
        BadEncoding => String::from("a certificate that cannot be read"),
        error => format!("a bad certificate ({})", kind(error)),
    }
}

/// Most names of a certificate that a message shows.
const NAMES_MAX: usize = 4;

/// A name of a certificate without its kind, which webpki writes around it: `DnsName("seed.test")`.
fn bare(name: &str) -> &str {
    let inside = name.split_once('(').map_or(name, |(_, inside)| inside);
    inside.trim_end_matches(')').trim_matches('"')
}

fn kind(error: &CertificateError) -> &'static str {
    match error {
        CertificateError::BadSignature => "its signature is wrong",
        CertificateError::InvalidPurposeContext { .. } => "it is not for servers",
        CertificateError::UnhandledCriticalExtension => "an unknown critical extension",
        CertificateError::UnsupportedSignatureAlgorithmContext { .. } => "an unknown algorithm",
        _ => "it is against the rules",
    }
}

/// An error that ureq passes on and [`http::Progress::failure`] understands.
fn failed(failure: Failure) -> ureq::Error {
    ureq::Error::Other(Box::new(http::Told(failure)))
}

fn wrong(error: &rustls::Error) -> ureq::Error {
    failed(Failure::lasting(words(error)))
}

impl<In: Transport> Connector<In> for Tls {
    type Out = Either<In, Secured<In>>;

    fn connect(
        &self,
        details: &ConnectionDetails,
        chained: Option<In>,
    ) -> Result<Option<Self::Out>, ureq::Error> {
        let Some(transport) = chained else {
            return Ok(None);
        };
        if !details.needs_tls() {
            return Ok(Some(Either::A(transport)));
        }
        let session = self.session(&details.uri.to_string()).map_err(failed)?;
        let mut secured = Secured {
            transport,
            session,
            buffers: http::buffers(),
        };
        secured.handshake(details)?;
        Ok(Some(Either::B(secured)))
    }
}

/// A transport inside TLS.
pub struct Secured<In> {
    transport: In,
    session: ClientConnection,
    buffers: LazyBuffers,
}

impl<In: Transport> fmt::Debug for Secured<In> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TLS over {:?}", self.transport)
    }
}

impl<In: Transport> Secured<In> {
    /// The whole handshake within the time that connecting may take, however slowly its bytes come.
    fn handshake(&mut self, details: &ConnectionDetails) -> Result<(), ureq::Error> {
        let started = std::time::Instant::now();
        while self.session.is_handshaking() {
            let mut timeout = details.timeout;
            if let time::Duration::Exact(limit) = timeout.after {
                timeout.after = limit.saturating_sub(started.elapsed()).into();
            }
            if timeout.after.is_zero() {
                return Err(ureq::Error::Timeout(timeout.reason));
            }
            flush(&mut self.session, &mut self.transport, timeout)?;
            if self.session.is_handshaking() && !self.fill(timeout)? {
                let found = String::from("a connection closed in the TLS handshake");
                return Err(failed(Failure::passing(found)));
            }
        }
        flush(&mut self.session, &mut self.transport, details.timeout)
    }

    /// Gives the session what has come, or what comes next; false if that is the end.
    fn fill(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        let buffers = self.transport.buffers();
        if buffers.input().is_empty() && !self.transport.await_input(timeout)? {
            // The session is told, because it knows whether the end was announced.
            self.session.read_tls(&mut &[][..])?;
            return Ok(false);
        }
        let buffers = self.transport.buffers();
        let count = self.session.read_tls(&mut buffers.input())?;
        buffers.input_consume(count);
        let state = self.session.process_new_packets();
        if let Err(error) = state {
            // The other side is told why, if it still listens.
            let _ = flush(&mut self.session, &mut self.transport, timeout);
            return Err(wrong(&error));
        }
        Ok(true)
    }
}

/// Sends what the session has to send.
fn flush(
    session: &mut ClientConnection,
    transport: &mut impl Transport,
    timeout: NextTimeout,
) -> Result<(), ureq::Error> {
    while session.wants_write() {
        let mut output = transport.buffers().output();
        let count = session.write_tls(&mut output)?;
        transport.transmit_output(count, timeout)?;
    }
    Ok(())
}

impl<In: Transport> Transport for Secured<In> {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        let output = self.buffers.output();
        let mut output = output.get(..amount).unwrap_or(&[]);
        while !output.is_empty() {
            let count = self.session.writer().write(output)?;
            output = output.get(count..).unwrap_or(&[]);
            flush(&mut self.session, &mut self.transport, timeout)?;
        }
        Ok(())
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        loop {
            let buffer = self.buffers.input_append_buf();
            match self.session.reader().read(buffer) {
                Ok(count) => {
                    self.buffers.input_appended(count);
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error.into()),
            }
            self.fill(timeout)?;
            flush(&mut self.session, &mut self.transport, timeout)?;
        }
    }

    fn is_open(&mut self) -> bool {
        let unread = self.session.reader().fill_buf().is_ok();
        !unread && self.transport.is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}
