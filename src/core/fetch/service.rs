//! Service: one metadata server as a recipe sees it. Paths in, documents out; retries, tokens and signatures are done here.
//!
//! A recipe may have two (Azure), for a service is a value: it borrows nothing of the [`Cloud`], which it is given for each
//! question.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::time::Duration;

use super::schedule::{DOCUMENT_SECONDS_MAX, Schedule};
use super::tries::{Denied, Goal, Meaning, Miss, usual};
use super::{Cloud, RESPONSE_BYTES_MAX};
use crate::outside::{At, Method, Outside, Request, Response};
use crate::url::{URL_BYTES_MAX, shown};
use crate::warning::{Blame, Error};

/// Gets what requests carry anew. `date` is the service's own time since the epoch, where its refusal told it.
pub type Renew = fn(&mut Cloud, &mut Service, date: Option<Duration>) -> Result<(), Error>;

/// A session token, which a service hands out and every later request carries.
pub struct Token<'p> {
    /// Where it is had, by PUT.
    pub path: &'p str,
    /// The header that says how long it is to live, in seconds; it dies with the agent.
    pub lifetime: (&'static str, &'static str),
    /// The header that carries it.
    pub header: &'static str,
    /// Gets another when it is denied.
    pub renew: Renew,
}

/// What a signature of a request may depend on.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    /// The time since the epoch, as far as the machine knows.
    pub wall: Duration,
    /// A number that no two requests share.
    pub nonce: u64,
}

/// Makes a header for one request.
pub type Sign = Box<dyn Fn(&Stamp) -> (&'static str, String)>;

/// One metadata server.
pub struct Service<'a> {
    /// The endpoint in use: scheme, host and port, perhaps a path; what is asked for is appended.
    pub base: String,
    /// Where it is, if not at its host.
    pub at: At<'a>,
    /// Headers that every request carries: tokens, flavours.
    pub headers: Vec<(&'static str, String)>,
    /// Signs every request.
    pub sign: Option<Sign>,
    /// Called once for a document that was denied.
    pub renew: Option<Renew>,
    /// What a status means here.
    pub meaning: fn(u16) -> Meaning,
}

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Question<'q> {
    /// The method.
    pub method: Method,
    /// Path and query, appended to the base of the service.
    pub path: &'q str,
    /// Headers beside those that every request carries.
    pub headers: &'q [(&'q str, &'q str)],
    /// The body.
    pub body: &'q [u8],
    /// As in [`Request::local_ports`].
    pub local_ports: Option<(u16, u16)>,
    /// True if the document may be missing.
    pub optional: bool,
    /// True if it has to be there, but the service may not know the machine yet: Nova, for one, has no document of a machine
    /// before its port is bound. Then one that is missing is asked for a few times.
    pub late: bool,
}

impl<'q> Question<'q> {
    /// What is asked most often: no headers of its own, no body, and the document must be there.
    pub fn new(method: Method, path: &'q str) -> Question<'q> {
        Question {
            method,
            path,
            headers: &[],
            body: &[],
            local_ports: None,
            optional: false,
            late: false,
        }
    }

    /// The same, where the document may be missing.
    pub fn optional(path: &'q str) -> Question<'q> {
        Question {
            optional: true,
            ..Question::new(Method::Get, path)
        }
    }
}

impl<'a> Service<'a> {
    /// The service at an endpoint that was reached.
    pub fn new(base: &str, at: At<'a>) -> Service<'a> {
        Service {
            base: String::from(base),
            at,
            headers: Vec::new(),
            sign: None,
            renew: None,
            meaning: usual,
        }
    }

    /// Takes a session token once the service asks for one (401).
    pub fn may_take_token(&mut self, token: &Token) {
        self.renew = Some(token.renew);
    }

    /// Takes a session token. A service that denies it serves nothing else either.
    ///
    /// # Errors
    /// There is none, or what was handed out cannot stand in a header.
    pub fn take_token(&mut self, cloud: &mut Cloud, token: &Token) -> Result<(), Error> {
        self.headers.retain(|(name, _)| *name != token.header);
        let question = Question {
            headers: &[token.lifetime],
            ..Question::new(Method::Put, token.path)
        };
        let body = self.body(cloud, &question)?;
        let text = String::from_utf8(body).ok();
        let fits =
            |text: &String| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let Some(text) = text.filter(fits) else {
            let place = format!("PUT {}", token.path);
            let expected = "a token of printable letters";
            return Err(cloud.broken(&place, expected, "something else"));
        };
        self.headers.push((token.header, text));
        self.renew = Some(token.renew);
        Ok(())
    }

    /// A document that must be there.
    ///
    /// # Errors
    /// As in [`Service::ask`], and if it is missing.
    pub fn get(&mut self, cloud: &mut Cloud, path: &str) -> Result<Vec<u8>, Error> {
        self.body(cloud, &Question::new(Method::Get, path))
    }

    /// The document on which all depends, and nothing else can be asked for in its place ([`Question::late`]).
    ///
    /// # Errors
    /// As in [`Service::ask`], and if it is still missing.
    pub fn get_late(&mut self, cloud: &mut Cloud, path: &str) -> Result<Vec<u8>, Error> {
        let question = Question {
            late: true,
            ..Question::new(Method::Get, path)
        };
        self.body(cloud, &question)
    }

    /// A document that may be missing.
    ///
    /// # Errors
    /// As in [`Service::ask`].
    pub fn get_optional(
        &mut self,
        cloud: &mut Cloud,
        path: &str,
    ) -> Result<Option<Vec<u8>>, Error> {
        let found = self.ask(cloud, &Question::optional(path))?;
        Ok(found.map(|response| response.body))
    }

    /// A document whose loss costs only itself: if it cannot be had, there is a warning and the rest goes on.
    pub fn get_or_warn(&mut self, cloud: &mut Cloud, path: &str) -> Option<Vec<u8>> {
        self.ask_or_warn(cloud, &Question::optional(path))
    }

    /// The same for a question that is asked in another way.
    pub fn ask_or_warn(&mut self, cloud: &mut Cloud, question: &Question) -> Option<Vec<u8>> {
        match self.ask(cloud, question) {
            Ok(found) => found.map(|response| response.body),
            Err(error) => {
                cloud.warnings.push(error.what);
                None
            }
        }
    }

    /// The body of an answer that must be there.
    ///
    /// # Errors
    /// As in [`Service::ask`], and if it is missing.
    pub fn body(&mut self, cloud: &mut Cloud, question: &Question) -> Result<Vec<u8>, Error> {
        let found = self.ask(cloud, question)?;
        Ok(found.unwrap_or_default().body)
    }

    /// Says which documents are got next, one by one in this order, so that they can be asked for together. What is signed
    /// one by one cannot be.
    pub fn expect<'p>(&self, cloud: &mut Cloud, paths: impl Iterator<Item = &'p str>) {
        let urls: Vec<String> = match self.sign {
            Some(_) => Vec::new(),
            None => paths
                .filter(|path| self.base.len() + path.len() <= URL_BYTES_MAX)
                .map(|path| format!("{}{path}", self.base))
                .collect(),
        };
        cloud.outside.expect(&urls);
    }

    /// Asks until there is an answer, or none is to be had; `None` if the document is missing and may be. What a request
    /// carries is renewed once if it is denied.
    ///
    /// # Errors
    /// Nobody answers as long as there is time ([`Blame::Silent`]), or with nothing that is a document ([`Blame::Broken`]).
    pub fn ask(
        &mut self,
        cloud: &mut Cloud,
        question: &Question,
    ) -> Result<Option<Response>, Error> {
        if self.base.len() + question.path.len() > URL_BYTES_MAX {
            let place = format!("{} {}", question.method.as_str(), shown(&self.base));
            let expected = format!("paths that make URLs of at most {URL_BYTES_MAX} bytes");
            return Err(cloud.broken(&place, expected, "a longer one"));
        }
        let (now, deadline) = (cloud.outside.now(), cloud.deadline);
        let mut schedule = if question.optional {
            Schedule::new(now, deadline, Duration::from_secs(DOCUMENT_SECONDS_MAX))
        } else {
            Schedule::patient(now, deadline)
        };
        let denied = match self.tries(cloud, question, &mut schedule) {
            Ok(found) => return Ok(found),
            Err(denied) => denied,
        };
        match self
            .renew
            .filter(|_| denied.meaning == Some(Meaning::Denied))
        {
            None => Err(denied.error),
            Some(renew) => {
                // A refusal during the renewal must not start another one.
                self.renew = None;
                renew(cloud, self, denied.date).map_err(|error| Error {
                    // Nothing else can be had either.
                    blame: Blame::Unable,
                    ..error
                })?;
                self.renew = Some(renew);
                let again = self.tries(cloud, question, &mut schedule);
                again.map_err(|denied| denied.error)
            }
        }
    }

    fn tries(
        &self,
        cloud: &mut Cloud,
        question: &Question,
        schedule: &mut Schedule,
    ) -> Result<Option<Response>, Box<Denied>> {
        let url = format!("{}{}", self.base, question.path);
        let goal = Goal {
            step: &format!("fetch {}", cloud.name),
            method: question.method,
            url: &url,
            optional: question.optional,
            late: question.late,
            renews: self.renew.is_some(),
            meaning: self.meaning,
        };
        let mut attempt = |outside: &mut dyn Outside, timeout: Duration| {
            let signature = self.sign.as_ref().map(|sign| sign(&stamp(outside)));
            let own = self.headers.iter().chain(&signature);
            let own = own.map(|(name, value)| (*name, value.as_str()));
            let headers: Vec<(&str, &str)> = own.chain(question.headers.iter().copied()).collect();
            let request = Request {
                at: self.at,
                local_ports: question.local_ports,
                headers: &headers,
                body: question.body,
                ..Request::new(question.method, &url, RESPONSE_BYTES_MAX, timeout)
            };
            let answer = outside.exchange(&request).map_err(Miss::silent);
            let date = answer.as_ref().ok().and_then(|answer| answer.date);
            date.into_iter().for_each(|date| outside.hear(date));
            answer
        };
        let journal = cloud.journal.clone();
        goal.pursue(cloud.outside, &journal, schedule, &mut attempt)
    }
}

fn stamp(outside: &mut dyn Outside) -> Stamp {
    let (high, low) = (outside.random(), outside.random());
    Stamp {
        wall: outside.wall(),
        nonce: u64::from(high) << 32 | u64::from(low),
    }
}
