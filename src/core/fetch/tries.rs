//! Tries: the one loop in which a document is asked for until it is there, or is known not to come.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use core::time::Duration;

use super::schedule::{Schedule, TRIES_MAX};
use crate::journal::Journal;
use crate::outside::{Again, Failure, Method, Outside, Response};
use crate::url::shown;
use crate::warning::{Blame, Error};

/// What is asked for, in the words of its messages.
pub struct Goal<'a> {
    /// The step that asks.
    pub step: &'a str,
    /// The method.
    pub method: Method,
    /// The URL; it is told without what may be secret in it.
    pub url: &'a str,
    /// True if the document may be missing.
    pub optional: bool,
    /// True if one that is missing may be there soon.
    pub late: bool,
    /// True if what the request carries can be renewed where it is not taken.
    pub renews: bool,
    /// What a status means.
    pub meaning: fn(u16) -> Meaning,
}

/// One try: given how long it may take, what came of it.
pub type Try<'t> = &'t mut dyn FnMut(&mut dyn Outside, Duration) -> Result<Response, Miss>;

/// A try that brought no document.
pub struct Miss {
    /// What was found instead.
    pub found: String,
    /// Whose fault it is.
    pub blame: Blame,
    /// Whether another try may do better.
    pub again: Again,
    /// How long the other side wants to be left alone.
    pub after: Option<Duration>,
    /// The status of the answer, if there was one.
    pub status: Option<u16>,
    /// What the answer meant, if there was one.
    pub meaning: Option<Meaning>,
    /// The other side's own time, if it told.
    pub date: Option<Duration>,
}

/// Why a document is not there.
pub struct Denied {
    /// Why.
    pub error: Error,
    /// What the last answer meant, if that was what ended it.
    pub meaning: Option<Meaning>,
    /// The other side's own time, if it told.
    pub date: Option<Duration>,
}

/// What the status of an answer means to whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The body is the document.
    Document,
    /// There is no such document.
    Missing,
    /// It may be there later.
    Again,
    /// What the request carries is not taken (any more).
    Denied,
    /// This will not do; to some services a few more tries all the same.
    Refused,
    /// This will never do.
    Final,
}

/// What a status means to most services.
pub fn usual(status: u16) -> Meaning {
    match status {
        204 | 404 => Meaning::Missing,
        200..300 => Meaning::Document,
        401 => Meaning::Denied,
        408 | 425 | 429 | 500..=599 => Meaning::Again,
        400..500 => Meaning::Refused,
        _ => Meaning::Final,
    }
}

/// How often a document is asked for that is refused.
const REFUSALS_MAX: u32 = 3;

impl Goal<'_> {
    /// Tries until there is an answer, the tries are used up, or the deadline is near. Asked again: after time-outs, resets, 408,
    /// 425, 429 and 5xx for as long as the schedule allows; [`TRIES_MAX`] times what is not HTTP, or is missing and may be late;
    /// [`REFUSALS_MAX`] times every other 4xx, because cloud-init does. Never: 1xx and 3xx. `None` if the document is missing and
    /// may be.
    ///
    /// # Errors
    /// The last try brought neither, and there is no next: why, and what the answer meant if there was one.
    pub fn pursue(
        &self,
        outside: &mut dyn Outside,
        journal: &Journal,
        schedule: &mut Schedule,
        attempt: Try,
    ) -> Result<Option<Response>, Box<Denied>> {
        let place = format!("{} {}", self.method.as_str(), shown(self.url));
        let (mut few, mut refusals) = (TRIES_MAX, REFUSALS_MAX);
        loop {
            let timeout = schedule.begin(outside.now());
            let answered = attempt(outside, timeout).and_then(|response| self.take(response));
            let now = outside.now();
            let miss = match answered {
                Ok(found) => {
                    match &found {
                        Ok(response) => {
                            journal
                                .note(now, format_args!("{place}: {} bytes", response.body.len()));
                        }
                        Err(status) => journal.note(now, format_args!("{place}: none ({status})")),
                    }
                    return Ok(found.ok());
                }
                Err(miss) => miss,
            };
            let pause = schedule.pause(now, miss.after, outside.random());
            let left = if miss.meaning == Some(Meaning::Refused) {
                &mut refusals
            } else {
                &mut few
            };
            let Some(pause) = pause.filter(|_| miss.may_mend(left)) else {
                return Err(self.denied(place, miss, schedule.spent(now)));
            };
            if miss.again == Again::Longer {
                schedule.lengthen();
            }
            if miss.again == Again::Few && miss.meaning != Some(Meaning::Refused) {
                // What was sent ahead of the others asked somebody who was not ready.
                outside.expect(&[]);
            }
            let millis = pause.as_millis();
            journal.note(
                now,
                format_args!("{place}: {}; again in {millis} ms", miss.found),
            );
            outside.pause(pause);
        }
    }

    /// What an answer means: a document, the status that says that there is none, or a miss.
    fn take(&self, response: Response) -> Result<Result<Response, u16>, Miss> {
        let meaning = match (self.meaning)(response.status) {
            Meaning::Denied if !self.renews => Meaning::Refused,
            meaning => meaning,
        };
        match meaning {
            Meaning::Document => Ok(Ok(response)),
            Meaning::Missing if self.optional => Ok(Err(response.status)),
            meaning => {
                let mut miss = Miss::answered(&response, meaning);
                if self.late && meaning == Meaning::Missing {
                    miss.again = Again::Few;
                }
                Err(miss)
            }
        }
    }

    fn denied(&self, place: String, miss: Miss, spent: String) -> Box<Denied> {
        let expected = if self.optional {
            "status 200 or 404"
        } else {
            "status 200"
        };
        let found = format!("{} ({spent})", miss.found);
        Box::new(Denied {
            error: Error {
                status: miss.status,
                ..Error::new(miss.blame, self.step, place, expected, found)
            },
            meaning: miss.meaning,
            date: miss.date,
        })
    }
}

impl Miss {
    /// No answer.
    pub fn silent(failure: Failure) -> Miss {
        Miss {
            found: failure.found,
            blame: match failure.again {
                Again::Few => Blame::Broken,
                Again::Never | Again::Always | Again::Longer => Blame::Silent,
            },
            again: failure.again,
            after: None,
            status: None,
            meaning: None,
            date: None,
        }
    }

    /// Whether another try may do better, if `few` are left of those for answers that cannot be understood.
    fn may_mend(&self, few: &mut u32) -> bool {
        match self.again {
            Again::Never => false,
            Again::Few => {
                *few = few.saturating_sub(1);
                *few > 0
            }
            Again::Always | Again::Longer => true,
        }
    }

    /// An answer that is not the document.
    fn answered(response: &Response, meaning: Meaning) -> Miss {
        let status = response.status;
        let seconds = response.retry_after.map(u64::from);
        Miss {
            found: match &response.location {
                Some(location) => format!("{status} to {}", shown(location)),
                None => status.to_string(),
            },
            blame: Blame::Broken,
            again: match meaning {
                Meaning::Again => Again::Always,
                Meaning::Refused => Again::Few,
                _ => Again::Never,
            },
            after: seconds.map(Duration::from_secs),
            status: Some(status),
            meaning: Some(meaning),
            date: response.date,
        }
    }
}
