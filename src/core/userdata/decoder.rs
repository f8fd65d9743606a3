//! The steps from a document to its parts: what the picture in [`super`] shows, arrow by arrow.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::archive;
use super::header::{self, Headers};
use super::include;
use super::mime::{self, Event, Head};
use super::part_type::PartType;
use super::sniff::{self, is_blank};
use super::transfer;
use super::{
    DOCUMENT_BYTES_MAX, Decoded, FILENAME_BYTES_MAX, Flaw, INCLUDE_DEPTH_MAX, INCLUDES_MAX,
    Includes, Item, Line, PARTS_MAX, Part, WARNINGS_MAX,
};
use super::{guess, gzip};
use crate::budget::{Budget, WEIGHT};
use crate::bytes::Bytes;
use crate::text::quote;
use crate::url::{URL_BYTES_MAX, shown};
use crate::warning::Warning;

/// The declared types that are gzip.
const GZIP_TYPES: &[&str] = &[
    "application/gzip",
    "application/gzip-compressed",
    "application/gzipped",
    "application/x-compress",
    "application/x-compressed",
    "application/x-gunzip",
    "application/x-gzip",
    "application/x-gzip-compressed",
];

/// A document being taken apart.
pub struct Decoder<'i> {
    includes: &'i mut dyn Includes,
    budget: &'i Budget,
    decoded: Decoded,
    /// How many containers the decoder is inside of.
    depth: usize,
    /// The URLs it is inside of, outermost first.
    chain: Vec<String>,
    /// How many documents were included.
    included: usize,
    /// Whether a part was a handler, which may take the parts after it.
    has_handler: bool,
    /// Whether a bound has ended it.
    full: bool,
}

impl<'i> Decoder<'i> {
    /// A decoder that has seen nothing.
    pub fn new(includes: &'i mut dyn Includes, budget: &'i Budget) -> Decoder<'i> {
        Decoder {
            includes,
            budget,
            decoded: Decoded::default(),
            depth: 0,
            chain: Vec::new(),
            included: 0,
            has_handler: false,
            full: false,
        }
    }

    /// Takes user-data apart. Empty user-data is none.
    pub fn decode(mut self, document: Bytes, origin: &str) -> Decoded {
        if !document.is_empty() {
            self.document(document, origin);
        }
        self.decoded
    }

    /// A whole document: user-data itself, or what is behind a URL.
    fn document(&mut self, document: Bytes, origin: &str) {
        if document.len() > DOCUMENT_BYTES_MAX {
            let flaw = Flaw::new(
                format!("at most {DOCUMENT_BYTES_MAX} bytes"),
                document.len(),
            );
            return self.lost(origin, "document", flaw);
        }
        let depth = self.depth;
        let document = self.inflated(document, origin);
        if is_mime(&document) {
            self.mime(&document, origin);
        } else {
            let head = Head {
                headers: Headers::default(),
                content_type: PartType::Undeclared.to_string(),
                flaw: None,
            };
            self.leaf(head, Cow::Borrowed(&document), &document, origin, true);
        }
        self.depth = depth;
    }

    /// A document without its gzip, if it is in one. Compressed twice, or damaged, it stays what it is: an unknown part.
    fn inflated(&mut self, document: Bytes, origin: &str) -> Bytes {
        if !gzip::is_gzip(&document) {
            return document;
        }
        match self.gunzip(&document) {
            Ok(inflated) => {
                self.open(format!("gzip, {} bytes inflated", inflated.bytes.len()));
                self.warn_of(origin, inflated.flaw);
                inflated.bytes.into()
            }
            Err(flaw) => {
                self.warn_of(origin, Some(flaw));
                document
            }
        }
    }

    /// Inflates within the bounds of one document and of all.
    fn gunzip(&mut self, document: &[u8]) -> Result<gzip::Inflated, Flaw> {
        let bytes_max = self.budget.work.left().min(DOCUMENT_BYTES_MAX);
        let mut bytes = Vec::new();
        let outcome = gzip::gunzip_into(&mut bytes, document, bytes_max);
        // What failed has cost what it made until then.
        self.budget.work.drain(bytes.len());
        Ok(gzip::Inflated {
            flaw: outcome?,
            bytes,
        })
    }

    /// A document that is mail.
    fn mime(&mut self, document: &Bytes, origin: &str) {
        let outside = self.depth;
        for event in mime::Reader::new(document) {
            match event {
                Event::Open(head) => self.open(head.content_type),
                Event::Close => self.depth -= 1,
                Event::Lost(head, flaw) => {
                    let place = format!("{origin} ({})", excerpt(&head.content_type));
                    self.lost(&place, &head.content_type, flaw);
                }
                Event::Leaf(head, body) => {
                    let lone = self.depth == outside;
                    self.leaf(head, body, document, origin, lone);
                }
            }
            if self.full {
                break;
            }
        }
    }

    /// A body that holds no others by MIME's rules; it may still hold some by ours. It is `lone` if it is its whole document.
    fn leaf(&mut self, head: Head, body: Cow<[u8]>, document: &Bytes, origin: &str, lone: bool) {
        let Head {
            mut headers,
            content_type: declared,
            flaw,
        } = head;
        let mut name = headers.parameter("Content-Disposition", "filename");
        let type_name = headers.parameter("Content-Type", "name");
        let place = format!("{origin} ({})", excerpt(name.as_ref().unwrap_or(&declared)));
        self.warn_of(&place, flaw);

        let zipped = GZIP_TYPES.contains(&declared.as_str());
        let encoding = headers.get("Content-Transfer-Encoding").unwrap_or_default();
        let Some(body) = self.plain(encoding, body, &declared, &place) else {
            return;
        };
        let declared = if zipped {
            headers = headers.only(&["Launch-Index"]);
            PartType::Plain
        } else {
            PartType::new(&declared)
        };
        let sniffed = Some(&body).filter(|_| declared.is_vague());
        let sniffed = sniffed.and_then(|body| sniff::sniff(body));
        let content_type = sniffed.unwrap_or_else(|| declared.clone());
        // cloud-init replaces the header, and with it the name, of a part that is its whole document or of another type.
        if zipped || (!lone && content_type == declared) {
            name = name.or(type_name);
        }
        if zipped {
            name = name.map(header::rewritten);
        }
        match content_type {
            PartType::Include | PartType::IncludeOnce => {
                self.include(&body, &content_type, origin);
            }
            PartType::Archive => self.archive(&body, origin),
            _ => {
                let content = match body {
                    Cow::Borrowed(body) => document.piece(body),
                    Cow::Owned(body) => body.into(),
                };
                self.attach(headers, content_type, name, content, origin);
            }
        }
    }

    /// A body without its transfer encoding, and inflated if its type says that it is zipped; nothing if it is lost.
    fn plain<'b>(
        &mut self,
        encoding: &str,
        body: Cow<'b, [u8]>,
        declared: &str,
        place: &str,
    ) -> Option<Cow<'b, [u8]>> {
        let (body, flaw) = transfer::decode(encoding, body);
        self.warn_of(place, flaw);
        if !GZIP_TYPES.contains(&declared) {
            return Some(body);
        }
        match self.gunzip(&body) {
            Ok(inflated) => {
                self.warn_of(place, inflated.flaw);
                Some(Cow::Owned(inflated.bytes))
            }
            Err(flaw) => {
                self.lost(place, declared, flaw);
                None
            }
        }
    }

    /// Each entry of an archive.
    fn archive(&mut self, document: &[u8], origin: &str) {
        self.open(PartType::Archive.to_string());
        match archive::entries(document, self.budget) {
            Err(error) => self.warn(error.warning("decode", origin)),
            Ok(entries) => {
                for (index, entry) in entries.into_iter().enumerate() {
                    if self.full {
                        break;
                    }
                    match entry {
                        Ok(entry) => self.attach(
                            entry.headers,
                            entry.content_type,
                            entry.filename,
                            entry.content.into(),
                            origin,
                        ),
                        Err(flaw) => {
                            let entry = format!("archive entry {}", index + 1);
                            self.lost(&format!("{origin} ({entry})"), &entry, flaw);
                        }
                    }
                }
            }
        }
        self.depth -= 1;
    }

    /// Each document that a list of URLs names, in the list's place.
    fn include(&mut self, list: &[u8], content_type: &PartType, origin: &str) {
        self.open(content_type.to_string());
        for include in include::includes(list) {
            if self.full {
                break;
            }
            let url = include.url;
            match self.fetch(&url, include.once, origin) {
                Err(warning) => {
                    self.decoded.includes_lost += 1;
                    self.note(Item::Lost(told(&url)));
                    self.warn(warning);
                }
                Ok(document) => {
                    let inside = format!("{origin} > {}", told(&url));
                    self.open(told(&url));
                    self.chain.push(url);
                    self.document(document, &inside);
                    self.chain.pop();
                    self.depth -= 1;
                }
            }
        }
        self.depth -= 1;
    }

    /// The document behind a URL, if the bounds allow it.
    fn fetch(&mut self, url: &str, once: bool, origin: &str) -> Result<Bytes, Warning> {
        let refuse = |expected: String, found: &str| Err(Flaw::new(expected, found).at(origin));
        if url.len() > URL_BYTES_MAX {
            return refuse(format!("URLs of at most {URL_BYTES_MAX} bytes"), &told(url));
        }
        if !include::is_address(url) {
            let expected = "an address (http://, https://, file:// or /path) alone on its line";
            return refuse(expected.to_string(), &quote(url));
        }
        if self.chain.iter().any(|outer| outer == url) {
            return refuse(
                "documents that do not include themselves".to_string(),
                &told(url),
            );
        }
        if self.chain.len() >= INCLUDE_DEPTH_MAX {
            return refuse(
                format!("includes at most {INCLUDE_DEPTH_MAX} deep"),
                &told(url),
            );
        }
        if self.included >= INCLUDES_MAX {
            self.full = true;
            return refuse(format!("at most {INCLUDES_MAX} included documents"), "more");
        }
        self.included += 1;
        let document = self.includes.get(url, once).map_err(|error| error.what)?;
        if !self.budget.work.take(document.len()) {
            let most = self.budget.work.most();
            return refuse(
                format!("at most {most} bytes included and inflated"),
                "more",
            );
        }
        Ok(document)
    }

    /// One more part.
    fn attach(
        &mut self,
        headers: Headers,
        content_type: PartType,
        name: Option<String>,
        content: Bytes,
        origin: &str,
    ) {
        // What opened the last container that there was room for may go on with a part of it.
        if self.has_no_room() {
            return;
        }
        let number = self.decoded.parts.len() as u32 + 1;
        let filename = self.filename(number, name, origin);
        let part = Part {
            number,
            content_type,
            filename,
            headers: headers.into_fields(),
            origin: origin.to_string(),
            content,
        };
        if !self.budget.parts.take(weight(&part)) {
            let most = self.budget.parts.most();
            let flaw = Flaw::new(format!("at most {most} bytes in all parts"), "more");
            return self.lost(origin, part.content_type.as_str(), flaw);
        }
        self.warn_of_type(&part);
        self.has_handler |= part.content_type == PartType::PartHandler;
        self.note(Item::Part(number));
        self.decoded.parts.push(part);
    }

    /// The name a part was given, if it can be one, else its number.
    fn filename(&mut self, number: u32, given: Option<String>, origin: &str) -> String {
        let numbered = format!("part-{number:03}");
        let given = given.unwrap_or_default();
        if given.len() > FILENAME_BYTES_MAX {
            let flaw = Flaw::new(
                format!("a name of at most {FILENAME_BYTES_MAX} bytes"),
                quote(&given),
            );
            self.warn_of(&format!("{origin} ({numbered})"), Some(flaw));
            return numbered;
        }
        match header::decode_words(&given).trim_matches(is_blank) {
            "" => numbered,
            name => name.to_string(),
        }
    }

    /// Tells of a part that nothing will handle, unless an earlier part is a handler and might.
    fn warn_of_type(&mut self, part: &Part) {
        if part.content.is_empty() || part.content_type.is_handled() || self.has_handler {
            return;
        }
        let name = excerpt(part.content_type.as_str());
        let expected = "a type that something handles";
        let flaw = match part.content_type {
            PartType::Undeclared => guess::missing(&part.content),
            PartType::UpstartJob => {
                Flaw::new(expected, format!("{name}, which only old releases run"))
            }
            _ => Flaw::new(expected, format!("{name}, {}", beginning(&part.content))),
        };
        self.warn_of(&format!("{} ({})", part.origin, part.filename), Some(flaw));
    }

    /// Goes into a container.
    fn open(&mut self, what: String) {
        self.note(Item::Container(excerpt(&what)));
        self.depth += 1;
    }

    /// Gives something up.
    fn lost(&mut self, place: &str, what: &str, flaw: Flaw) {
        self.note(Item::Lost(excerpt(what)));
        self.warn_of(place, Some(flaw));
    }

    /// Adds a line to the outline, which is also what counts parts and containers.
    fn note(&mut self, item: Item) {
        if self.has_no_room() {
            return;
        }
        let depth = self.depth;
        self.decoded.outline.push(Line { depth, item });
        if self.has_no_room() && !self.full {
            self.full = true;
            let flaw = Flaw::new(
                format!("fewer than {PARTS_MAX} parts and containers"),
                "more; the rest is left out",
            );
            self.warn(flaw.at("user-data"));
        }
    }

    fn has_no_room(&self) -> bool {
        self.decoded.outline.len() >= PARTS_MAX
    }

    fn warn_of(&mut self, place: &str, flaw: Option<Flaw>) {
        if let Some(flaw) = flaw {
            self.warn(flaw.at(place));
        }
    }

    fn warn(&mut self, warning: Warning) {
        let warnings = &mut self.decoded.warnings;
        if warnings.len() + 1 < WARNINGS_MAX {
            warnings.push(warning);
        } else if warnings.len() < WARNINGS_MAX {
            warnings.push(
                Flaw::new(format!("fewer than {WARNINGS_MAX} warnings"), "more").at("user-data"),
            );
        }
    }
}

/// What a part takes of the budget, bytes.
fn weight(part: &Part) -> usize {
    let headers = part.headers.iter();
    let headers: usize = headers.map(|(name, value)| name.len() + value.len()).sum();
    let said = headers + part.filename.len() + part.origin.len() + size_of::<Part>();
    said.saturating_mul(WEIGHT)
        .saturating_add(part.content.len())
}

/// Whether a document is to be read as mail: cloud-init looks for the header's name anywhere near the start.
pub(super) fn is_mime(document: &[u8]) -> bool {
    const NAME: &[u8] = b"mime-version:";
    let start = document.get(..4096).unwrap_or(document);
    start
        .windows(NAME.len())
        .any(|window| window.eq_ignore_ascii_case(NAME))
}

/// How a part begins, for a person: the first 24 bytes of its first line.
fn beginning(content: &[u8]) -> String {
    let start = content.get(..24).unwrap_or(content);
    let line = start
        .split(|byte| super::lines::is_end(*byte))
        .next()
        .unwrap_or_default();
    format!("beginning {:?}", String::from_utf8_lossy(line))
}

/// Text for a person, cut to a sensible length.
fn excerpt(text: &str) -> String {
    const CHARACTERS_MAX: usize = 80;
    match text.char_indices().nth(CHARACTERS_MAX) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_string(),
    }
}

/// An address as it may be shown.
fn told(url: &str) -> String {
    excerpt(&shown(url).to_string())
}
