//! An HTTP/1.1 server without sockets: requests in, replies out, with whatever the settings say is wrong with them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::folder::Folder;
use super::rules::{Rule, What};
use super::settings::Settings;

/// Longest request taken, in bytes.
const REQUEST_BYTES_MAX: usize = 64 << 10;
/// Most headers of a request.
const HEADERS_MAX: usize = 64;

/// One request.
#[derive(Debug, Default)]
pub struct Request {
    method: String,
    target: String,
    headers: Vec<(String, String)>,
    /// False for HTTP/1.0.
    modern: bool,
    body: Vec<u8>,
    /// The port that it came from.
    pub port: u16,
}

/// What the bytes of a connection hold.
pub enum Parsed {
    /// A request, and how many bytes it is long.
    Whole(Request, usize),
    /// The beginning of one.
    Part,
    /// Something else.
    Garbage,
}

impl Request {
    /// Reads the first request of `input`, with its body.
    pub fn parse(input: &[u8]) -> Parsed {
        let mut headers = [httparse::EMPTY_HEADER; HEADERS_MAX];
        let mut parsed = httparse::Request::new(&mut headers);
        let head = match parsed.parse(input) {
            Ok(httparse::Status::Complete(length)) => length,
            Ok(httparse::Status::Partial) if input.len() < REQUEST_BYTES_MAX => {
                return Parsed::Part;
            }
            _ => return Parsed::Garbage,
        };
        let mut request = Request {
            body: Vec::new(),
            port: 0,
            method: parsed.method.unwrap_or("").to_string(),
            target: parsed.path.unwrap_or("").to_string(),
            modern: parsed.version == Some(1),
            headers: parsed
                .headers
                .iter()
                .map(|header| {
                    (
                        header.name.to_string(),
                        String::from_utf8_lossy(header.value).into_owned(),
                    )
                })
                .collect(),
        };
        let length = request
            .header("content-length")
            .map_or(Ok(0), str::parse::<usize>);
        match length.map(|body| head.saturating_add(body)) {
            Ok(length) if length > REQUEST_BYTES_MAX => Parsed::Garbage,
            Ok(length) if length > input.len() => Parsed::Part,
            Ok(length) => {
                request.body = input[head..length].to_vec();
                Parsed::Whole(request, length)
            }
            Err(_) => Parsed::Garbage,
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut matching = self
            .headers
            .iter()
            .filter(|(found, _)| found.eq_ignore_ascii_case(name));
        matching.next().map(|(_, value)| value.as_str())
    }

    /// Its method and address, for the log.
    pub fn line(&self) -> String {
        let host = self.header("host").unwrap_or("");
        format!("{} http://{host}{}", self.method, self.target)
    }

    /// The name of the host it is for, without the port.
    fn host(&self) -> &str {
        let host = self.header("host").unwrap_or("");
        match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        }
    }
}

/// The bytes of a body.
#[derive(Clone, Debug)]
pub enum Body {
    /// These.
    Bytes(Vec<u8>),
    /// So many of the letter x, made as they are needed.
    Letters(u64),
}

impl Body {
    /// The same as `gzip` packs it (RFC 1952), without a name and a time.
    fn packed(self) -> Body {
        let Body::Bytes(bytes) = self else {
            return self;
        };
        let mut packed = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 2, 3];
        packed.extend(miniz_oxide::deflate::compress_to_vec(&bytes, 9));
        packed.extend(crc32(&bytes).to_le_bytes());
        packed.extend((bytes.len() as u32).to_le_bytes());
        Body::Bytes(packed)
    }
}

/// The checksum of gzip (RFC 1952, 8), bit by bit.
pub fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum, byte| {
        (0..8).fold(sum ^ u32::from(*byte), |sum, _| {
            (sum >> 1) ^ (0xedb8_8320 & (sum & 1).wrapping_neg())
        })
    })
}

/// How a reply ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The connection may be used again.
    Keep,
    /// The connection closes.
    Close,
    /// The connection is reset.
    Reset,
}

/// One reply.
pub struct Reply {
    head: Vec<u8>,
    body: Body,
    length: u64,
    /// How long to wait before it.
    pub pause: Duration,
    /// Bytes per second, if it is to be slow.
    pub rate: Option<u64>,
    /// What follows it.
    pub end: End,
    /// A line for the log.
    pub note: String,
}

impl Reply {
    /// The reply to something that is no request.
    pub fn to_garbage() -> Reply {
        reply(&Request::default(), 400, Vec::new(), Vec::new(), &[])
    }

    /// These bytes and nothing else.
    pub fn raw(bytes: Vec<u8>, note: String) -> Reply {
        Reply {
            length: bytes.len() as u64,
            head: Vec::new(),
            body: Body::Bytes(bytes),
            pause: Duration::ZERO,
            rate: None,
            end: End::Keep,
            note,
        }
    }

    /// How many bytes are to be sent.
    pub fn length(&self) -> u64 {
        self.head.len() as u64 + self.length
    }

    /// Some of the bytes from `offset` on, at most `most`.
    pub fn bytes(&self, offset: u64, most: usize) -> Vec<u8> {
        let most = (self.length() - offset).min(most as u64);
        let head = self.head.len() as u64;
        if offset < head {
            let end = head.min(offset + most);
            return self.head[offset as usize..end as usize].to_vec();
        }
        match &self.body {
            Body::Bytes(bytes) => {
                bytes[(offset - head) as usize..(offset - head + most) as usize].to_vec()
            }
            Body::Letters(_) => vec![b'x'; most as usize],
        }
    }
}

/// A date of HTTP (RFC 9110, 5.6.7); years are counted from March, so that February is the last month.
fn imf(seconds: u64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = [
        "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec", "Jan", "Feb",
    ];
    let (today, clock) = (seconds / 86_400, seconds % 86_400);
    let (cycle, day) = ((today + 719_468) / 146_097, (today + 719_468) % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, year) = (
        day - (153 * month + 2) / 5 + 1,
        cycle * 400 + year + u64::from(month > 9),
    );
    format!(
        "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
        DAYS[(today % 7) as usize],
        MONTHS[month as usize],
        clock / 3600,
        clock / 60 % 60,
        clock % 60
    )
}

/// The server.
pub struct Service {
    folder: Folder,
    aliases: Vec<(String, String)>,
    rules: Vec<Rule>,
    tokens: BTreeMap<String, Vec<Token>>,
    date: Option<u64>,
}

/// A token that was given out.
struct Token {
    text: String,
    uses: u32,
}

impl Service {
    /// A server of the documents in `folder`.
    pub fn new(folder: Folder, settings: &Settings) -> Service {
        Service {
            folder,
            aliases: settings.aliases.clone(),
            rules: settings.rules.clone(),
            tokens: BTreeMap::new(),
            date: settings.date,
        }
    }

    /// The reply to a request; `None` if it is to be met with silence.
    pub fn answer(&mut self, request: &Request) -> Option<Reply> {
        let path = self.resolve(&request.target);
        let mut rules = Vec::new();
        for rule in &mut self.rules {
            let (bare, _) = path.split_once('?').unwrap_or((&path, ""));
            if rule.concerns(&request.target, &path) || bare != path && rule.concerns(bare, bare) {
                rules.push(rule.what.clone());
            }
        }
        if rules.iter().any(|rule| matches!(rule, What::Mute)) {
            return None;
        }
        if rules.iter().any(|rule| matches!(rule, What::Garbage)) {
            let mut reply = Reply::raw(
                b"SSH-2.0-OpenSSH_9.2\r\n".to_vec(),
                request.line() + ": garbage",
            );
            reply.end = End::Close;
            return Some(reply);
        }
        let mut headers = Vec::new();
        let (status, body) = match self.refusal(request, &rules) {
            Some((status, extra)) => {
                headers = extra;
                (status, Vec::new())
            }
            None => match self.document(request, &path) {
                Some(body) => (200, body),
                None => (404, b"not found\n".to_vec()),
            },
        };
        for rule in &rules {
            if let What::Header(more) = rule {
                headers.extend(more.iter().cloned());
            }
            if let What::Odd = rule {
                headers.push(("X-Odd ".into(), "1\r\n\tfolded\r\nno colon".into()));
            }
        }
        headers.extend(self.date.map(|date| ("Date".into(), imf(date))));
        Some(reply(request, status, headers, body, &rules))
    }

    /// The path that an alias stands for, without its end slash.
    fn resolve(&self, target: &str) -> String {
        let mut aliases = self.aliases.iter().filter_map(|(prefix, other)| {
            let rest = target.strip_prefix(prefix.as_str())?;
            (rest.is_empty() || rest.starts_with('/')).then(|| format!("{other}{rest}"))
        });
        let resolved = aliases.next().unwrap_or_else(|| target.to_string());
        match resolved.trim_end_matches('/') {
            "" => "/".to_string(),
            path => path.to_string(),
        }
    }

    /// The status and headers of a request that gets no document.
    fn refusal(
        &mut self,
        request: &Request,
        rules: &[What],
    ) -> Option<(u16, Vec<(String, String)>)> {
        for rule in rules {
            match rule {
                What::Require {
                    header,
                    value,
                    status,
                    ..
                } => {
                    let sent = request.header(header);
                    let good = match (sent, value.strip_prefix('@')) {
                        (None, _) => false,
                        (Some(sent), Some(path)) => self.spend(path, sent),
                        (Some(sent), None) => match value.strip_prefix('~') {
                            Some(text) => sent.contains(text),
                            None => value == "*" || value == sent,
                        },
                    };
                    if !good {
                        return Some((*status, Vec::new()));
                    }
                }
                What::Demand {
                    method,
                    text,
                    status,
                } if *method == request.method => {
                    let mut windows = request.body.windows(text.len());
                    if !windows.any(|window| window == text.as_bytes()) {
                        return Some((*status, Vec::new()));
                    }
                }
                What::Below { port, status } if request.port >= *port => {
                    return Some((*status, Vec::new()));
                }
                What::Answer {
                    method,
                    status,
                    headers,
                } if *method == request.method => {
                    return Some((*status, headers.clone()));
                }
                _ => {}
            }
        }
        None
    }

    /// Uses the token `text` once; false if there is none such, or no more.
    fn spend(&mut self, path: &str, text: &str) -> bool {
        let mut tokens = self.tokens.get_mut(path).into_iter().flatten();
        match tokens.find(|token| token.text == text && token.uses > 0) {
            Some(token) => {
                token.uses -= 1;
                true
            }
            None => false,
        }
    }

    fn document(&mut self, request: &Request, path: &str) -> Option<Vec<u8>> {
        let method = if request.method == "HEAD" {
            "GET"
        } else {
            &request.method
        };
        let read = |target: &str| self.folder.read(request.host(), method, target);
        let body = read(&request.target).or_else(|| read(path))?;
        let uses = self.rules.iter().filter_map(|rule| match &rule.what {
            What::Require { value, uses, .. } if value.strip_prefix('@') == Some(path) => {
                Some(*uses)
            }
            _ => None,
        });
        let uses = uses.min();
        match uses {
            Some(uses) if method == "PUT" => Some(self.issue(path, &body, uses)),
            _ => Some(body),
        }
    }

    /// Gives out a token: the first is the document itself, the others have a number behind it.
    fn issue(&mut self, path: &str, body: &[u8], uses: u32) -> Vec<u8> {
        let tokens = self.tokens.entry(path.to_string()).or_default();
        let mut text = String::from_utf8_lossy(body).trim().to_string();
        if !tokens.is_empty() {
            text = format!("{text}-{}", tokens.len() + 1);
        }
        tokens.push(Token {
            text: text.clone(),
            uses,
        });
        text.into_bytes()
    }
}

/// Puts a reply together, with what the rules say is wrong with it.
fn reply(
    request: &Request,
    status: u16,
    mut headers: Vec<(String, String)>,
    body: Vec<u8>,
    rules: &[What],
) -> Reply {
    let mut end = match request.header("connection") {
        Some(word) if word.eq_ignore_ascii_case("close") => End::Close,
        _ if request.modern => End::Keep,
        _ => End::Close,
    };
    let (mut pause, mut rate, mut cut) = (Duration::ZERO, None, u64::MAX);
    let mut body = Body::Bytes(body);
    let (mut said, mut chunked, mut unsaid) = (None, false, false);
    for rule in rules {
        match rule {
            What::Pause(time) => pause = *time,
            What::Slow(bytes) => rate = Some(*bytes),
            What::Truncate(bytes) => (cut, end) = (*bytes, End::Close),
            What::Reset(bytes) => (cut, end) = (*bytes, End::Reset),
            What::Length(bytes) => said = Some(*bytes),
            What::Oversize(bytes) if status == 200 => body = Body::Letters(*bytes),
            What::Gzip if status == 200 => body = body.packed(),
            What::Chunked => chunked = true,
            What::Close => (unsaid, end) = (true, End::Close),
            _ => {}
        }
    }
    if let (Body::Bytes(bytes), true) = (&body, chunked) {
        body = Body::Bytes(chunks(bytes));
        headers.push(("Transfer-Encoding".into(), "chunked".into()));
    }
    let mut length = match &body {
        Body::Bytes(bytes) => bytes.len() as u64,
        Body::Letters(count) => *count,
    };
    if !chunked && !unsaid {
        headers.push(("Content-Length".into(), said.unwrap_or(length).to_string()));
    }
    if end == End::Close {
        headers.push(("Connection".into(), "close".into()));
    }
    if request.method == "HEAD" || status == 204 || status == 304 {
        length = 0;
    }
    Reply {
        head: head(status, &headers),
        body,
        length: length.min(cut),
        pause,
        rate,
        end,
        note: format!("{} {status}", request.line()),
    }
}

fn head(status: u16, headers: &[(String, String)]) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status} {}\r\n", reason(status));
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    head.into_bytes()
}

/// A body in chunks (RFC 9112, 7.1), small ones, so that there are several.
fn chunks(body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for chunk in body.chunks(100) {
        bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
        bytes.extend(chunk);
        bytes.extend(b"\r\n");
    }
    bytes.extend(b"0\r\n\r\n");
    bytes
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "Other",
    }
}
