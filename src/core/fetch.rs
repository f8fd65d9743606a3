//! The recipe's side of a metadata service: paths in, documents out; retries, tokens and deadlines are done here.
//!
//! A recipe (`platform/*.rs`) sees a [`Cloud`]; the cloud sees the outside. No recipe knows what that is made of.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::journal::Journal;
use crate::machine::Machine;
use crate::outside::{At, Endpoint, Method, Outside, Request, Response};
use crate::url::shown;
use crate::warning::{Blame, Error, Warning};

pub use crate::outside::Network;

pub mod schedule;
pub mod tries;
pub mod web;

use schedule::{DOCUMENT_SECONDS_MAX, Schedule};
use tries::{Denied, Miss};
use web::Web;

/// Longest body of a metadata document, in bytes; no cloud allows user-data above 64 KiB, media go up to this.
pub const RESPONSE_BYTES_MAX: usize = 16 << 20;
/// Longest time the fetch step may take in all; `cloudseed.deadline=SECONDS` on the command line overrides it.
pub const FETCH_SECONDS_MAX: u64 = 60;

/// A platform's metadata service, as its recipe sees it: paths in, documents out.
pub struct Cloud<'a> {
    /// The platform's name, for messages.
    pub name: &'static str,
    /// The facts of the machine.
    pub machine: &'a Machine<'a>,
    /// The seams.
    pub outside: &'a mut dyn Outside,
    /// The log.
    pub journal: Journal,
    /// When this platform must be done, on the clock of [`crate::outside::Clock::now`].
    pub deadline: Duration,
    /// The endpoint in use: scheme, host and port, no path.
    pub base: String,
    /// Where the endpoint in use is, if not at its host.
    pub at: At<'a>,
    /// Headers sent with every request: tokens, flavours.
    pub headers: Vec<(&'static str, String)>,
    /// Gets a new token into the headers, if the service has tokens: called when one is no longer taken (401).
    pub renew: Option<Renew>,
    /// Documents that were lost, each for a reason that does not cost the others.
    pub warnings: Vec<Warning>,
}

/// How a recipe gets a token.
pub type Renew = fn(&mut Cloud) -> Result<(), Error>;

/// What a recipe asks for.
#[derive(Clone, Debug)]
pub struct Question<'q> {
    /// The method.
    pub method: Method,
    /// Path and query below the endpoint in use.
    pub path: &'q str,
    /// Headers beside those that every request of this cloud carries.
    pub headers: &'q [(&'q str, &'q str)],
    /// The body.
    pub body: &'q [u8],
    /// Headers of the response that are wanted.
    pub wanted: &'q [&'q str],
    /// As in [`Request::local_ports`].
    pub local_ports: Option<(u16, u16)>,
    /// True if 404 and 204 are answers, too.
    pub optional: bool,
}

impl<'q> Question<'q> {
    /// What is asked most often: no headers of its own, no body, and the document must be there.
    pub fn new(method: Method, path: &'q str) -> Question<'q> {
        Question {
            method,
            path,
            headers: &[],
            body: &[],
            wanted: &[],
            local_ports: None,
            optional: false,
        }
    }
}

/// Whether a document may be missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Optional(pub bool);

impl<'a> Cloud<'a> {
    /// The cloud of `name`, not yet reached.
    pub fn new(
        name: &'static str,
        machine: &'a Machine<'a>,
        outside: &'a mut dyn Outside,
        journal: &Journal,
        deadline: Duration,
    ) -> Cloud<'a> {
        Cloud {
            name,
            machine,
            outside,
            journal: journal.clone(),
            deadline,
            base: String::new(),
            at: At::Host,
            headers: Vec::new(),
            renew: None,
            warnings: Vec::new(),
        }
    }

    /// A line for the log.
    pub fn note(&self, line: fmt::Arguments) {
        self.journal.note(self.outside.now(), line);
    }

    /// Brings up the network and races to the first endpoint that answers; that one is the base of all paths.
    pub fn reach(&mut self, network: Network, endpoints: &[&'a str]) -> Result<(), Error> {
        let endpoints: Vec<Endpoint> = endpoints.iter().map(|url| Endpoint::from(*url)).collect();
        self.reach_endpoints(network, &endpoints)
    }

    /// The same for endpoints that are not where their URLs say.
    pub fn reach_endpoints(
        &mut self,
        network: Network,
        endpoints: &[Endpoint<'a>],
    ) -> Result<(), Error> {
        let timeout = self.remaining();
        match self.outside.reach(network, endpoints, timeout) {
            Ok(index) => {
                let reached = endpoints.get(index);
                self.base = String::from(reached.map_or("", |endpoint| endpoint.url));
                self.at = reached.map_or(At::Host, |endpoint| endpoint.at);
                Ok(())
            }
            Err(failure) => {
                let urls = endpoints.iter();
                let urls: Vec<String> = urls
                    .map(|endpoint| shown(endpoint.url).to_string())
                    .collect();
                Err(Error::new(
                    Blame::Silent,
                    format!("fetch {}", self.name),
                    urls.join(" or "),
                    "a connection",
                    failure.found,
                ))
            }
        }
    }

    /// A document that must be there.
    pub fn get(&mut self, path: &str) -> Result<Vec<u8>, Error> {
        let found = self.ask(&Question::new(Method::Get, path))?;
        Ok(found.unwrap_or_default().body)
    }

    /// A document that may be missing: 404 is an answer, and so is 204.
    pub fn get_optional(&mut self, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let question = Question {
            optional: true,
            ..Question::new(Method::Get, path)
        };
        let found = self.ask(&question)?;
        Ok(found.map(|response| response.body))
    }

    /// Documents that do not depend on each other, in the order of their paths; each may be missing if its path says so. Asked
    /// for as many at a time as the outside likes. The first that cannot be had ends it.
    pub fn get_all(&mut self, paths: &[(String, Optional)]) -> Result<Vec<Option<Vec<u8>>>, Error> {
        self.expect(paths.iter().map(|(path, _)| path.as_str()));
        let found = paths.iter().map(|(path, optional)| match optional.0 {
            true => self.get_optional(path),
            false => self.get(path).map(Some),
        });
        let found = found.collect();
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
        let question = Question {
            headers,
            ..Question::new(Method::Put, path)
        };
        let found = self.ask(&question)?;
        Ok(found.unwrap_or_default().body)
    }

    /// Documents by URL, within the same deadline.
    pub fn web(&mut self) -> Web<'_> {
        Web {
            files: self.machine.files,
            outside: self.outside,
            journal: self.journal.clone(),
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

    /// Asks until there is an answer, or none is to be had; `None` if the document is missing and may be. A token that is no
    /// longer taken is renewed once.
    pub fn ask(&mut self, question: &Question) -> Result<Option<Response>, Error> {
        let most = Duration::from_secs(DOCUMENT_SECONDS_MAX);
        let mut schedule = Schedule::new(self.outside.now(), self.deadline, most);
        let denied = match self.tries(question, &mut schedule) {
            Ok(found) => return Ok(found),
            Err(denied) => denied,
        };
        match self
            .renew
            .filter(|_| question.method == Method::Get && denied.status == Some(401))
        {
            None => Err(denied.error),
            Some(renew) => {
                renew(self)?;
                self.tries(question, &mut schedule)
                    .map_err(|denied| denied.error)
            }
        }
    }

    fn tries(
        &mut self,
        question: &Question,
        schedule: &mut Schedule,
    ) -> Result<Option<Response>, Denied> {
        let own = self.headers.iter();
        let own = own.map(|(name, value)| (*name, value.as_str()));
        let headers: Vec<(&str, &str)> = own.chain(question.headers.iter().copied()).collect();
        let url = format!("{}{}", self.base, question.path);
        let goal = tries::Goal {
            step: &format!("fetch {}", self.name),
            method: question.method,
            url: &url,
            optional: question.optional,
        };
        let at = self.at;
        goal.pursue(
            self.outside,
            &self.journal,
            schedule,
            &mut |outside, timeout| {
                let request = Request {
                    at,
                    local_ports: question.local_ports,
                    headers: &headers,
                    body: question.body,
                    wanted: question.wanted,
                    ..Request::new(question.method, &url, RESPONSE_BYTES_MAX, timeout)
                };
                outside.exchange(&request).map_err(Miss::silent)
            },
        )
    }
}
