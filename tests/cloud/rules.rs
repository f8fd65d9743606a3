//! Lines of `cloud.conf` about the service: what happens to requests for a path.

use std::time::Duration;

use super::words::{Words, size};

/// One line.
#[derive(Clone, Debug)]
pub struct Rule {
    path: String,
    /// What happens there.
    pub what: What,
    skip: u32,
    times: u32,
    seen: u32,
}

/// What a line says.
#[derive(Clone, Debug)]
pub enum What {
    /// A header must be there.
    Require {
        /// Its name.
        header: String,
        /// Its value.
        value: String,
        /// The status where it is not.
        status: u16,
        /// How many requests a token is good for.
        uses: u32,
    },
    /// The body of the request must have this in it.
    Demand {
        /// For requests with this method.
        method: String,
        /// What it must have.
        text: String,
        /// The status where it has not.
        status: u16,
    },
    /// The request must come from a port below this one.
    Below {
        /// The port.
        port: u16,
        /// The status where it does not.
        status: u16,
    },
    /// A status instead of a document.
    Answer {
        /// For requests with this method.
        method: String,
        /// The status.
        status: u16,
        /// Headers to send with it.
        headers: Vec<(String, String)>,
    },
    /// Headers of whatever the answer is.
    Header(Vec<(String, String)>),
    /// The document packed.
    Gzip,
    /// A pause before the answer.
    Pause(Duration),
    /// No answer.
    Mute,
    /// Something that is not HTTP.
    Garbage,
    /// Headers beside the standard: folded, a blank before the colon, no colon.
    Odd,
    /// Bytes per second.
    Slow(u64),
    /// Bytes of the body before the connection closes.
    Truncate(u64),
    /// Bytes of the body before the connection is reset.
    Reset(u64),
    /// What Content-Length says.
    Length(u64),
    /// How long the body is.
    Oversize(u64),
    /// A body in chunks.
    Chunked,
    /// A body that ends with the connection.
    Close,
}

impl Rule {
    /// Reads the rest of a line that begins with `name`.
    pub fn parse(name: &str, words: &mut Words) -> Result<Rule, String> {
        let method = match name {
            "answer" | "demand" => words.next("a method")?.to_string(),
            _ => String::new(),
        };
        let path = words.next("a path")?.to_string();
        let what = match name {
            "require" => What::Require {
                header: words.next("the name of a header")?.to_string(),
                value: words.next("its value")?.to_string(),
                status: words.number_after("else")?.unwrap_or(401) as u16,
                uses: words.number_after("uses")?.unwrap_or(u32::MAX),
            },
            "demand" => What::Demand {
                method,
                text: words.next("what the body has")?.to_string(),
                status: words.number_after("else")?.unwrap_or(400) as u16,
            },
            "below" => What::Below {
                port: words.parse("a port")?,
                status: words.number_after("else")?.unwrap_or(403) as u16,
            },
            "answer" => What::Answer {
                method,
                status: words.parse("a status")?,
                headers: headers(words)?,
            },
            "header" => What::Header(headers(words)?),
            "gzip" => What::Gzip,
            "pause" => What::Pause(words.time()?),
            "mute" => What::Mute,
            "garbage" => What::Garbage,
            "odd" => What::Odd,
            "slow" => What::Slow(words.parse::<u64>("bytes per second")?.max(1)),
            "truncate" => What::Truncate(words.parse("a number of bytes")?),
            "reset" => What::Reset(words.parse("a number of bytes")?),
            "length" => What::Length(words.parse("a number of bytes")?),
            "oversize" => What::Oversize(size(words.next("a size")?)?),
            "chunked" => What::Chunked,
            "close" => What::Close,
            other => return Err(format!("expected a setting, but found {other}")),
        };
        Ok(Rule {
            path,
            what,
            skip: words.number_after("skip")?.unwrap_or(0),
            times: words.number_after("times")?.unwrap_or(u32::MAX),
            seen: 0,
        })
    }

    /// Counts a request for `target`, which stands for `path`; true if it is one that the line is about.
    pub fn concerns(&mut self, target: &str, path: &str) -> bool {
        let about = |name: &str| match self.path.strip_suffix('*') {
            Some(prefix) => name.starts_with(prefix),
            None => self.path == name,
        };
        if !about(target) && !about(path) {
            return false;
        }
        self.seen += 1;
        self.seen > self.skip && self.seen - self.skip <= self.times
    }
}

/// Names and values of headers, up to `skip` or `times`.
fn headers(words: &mut Words) -> Result<Vec<(String, String)>, String> {
    let mut headers = Vec::new();
    while let Some(name) = words
        .peek()
        .filter(|word| !matches!(*word, "skip" | "times"))
    {
        words.take();
        headers.push((name.to_string(), words.next("a value")?.to_string()));
    }
    Ok(headers)
}
