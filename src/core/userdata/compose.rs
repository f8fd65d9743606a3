//! A MIME multipart from files: what `make-mime` writes, and what every version of cloud-init reads. And from whole documents,
//! where there is room for one and are several.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::digest::derived;

use super::decoder::is_mime;
use super::part_type::PartType;
use super::{DOCUMENT_BYTES_MAX, gzip};

/// What separates the parts. No line of base 64 begins with a hyphen, so that it need not be random.
const BOUNDARY: &str = "===============cloudseed==";
/// How long a line of base 64 is, characters (RFC 2045, section 6.8: at most 76).
const LINE_CHARACTERS: usize = 76;

/// A file to put in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attachment {
    /// Its name, as its part will bear it.
    pub filename: String,
    /// Its type, without `text/`.
    pub subtype: String,
    /// Its bytes.
    pub content: Vec<u8>,
}

/// The multipart that holds these files, in order.
pub fn multipart(attachments: &[Attachment]) -> String {
    let mut text = format!(
        "Content-Type: multipart/mixed; boundary=\"{BOUNDARY}\"\nMIME-Version: 1.0\n\n--{BOUNDARY}\n"
    );
    for (index, attachment) in attachments.iter().enumerate() {
        if index > 0 {
            text += &format!("\n--{BOUNDARY}\n");
        }
        part(&mut text, attachment);
    }
    text + &format!("\n--{BOUNDARY}--\n")
}

/// The document that means what these mean one after the other: each one whole, mail, an archive or a list of includes. One is
/// itself.
///
/// Mail stands in it as it is, everything else as what nobody has declared, so that its first line decides. What is gzip is
/// inflated: inside of mail nobody would.
pub fn joined(documents: &[&[u8]]) -> Vec<u8> {
    if let [document] = documents {
        return document.to_vec();
    }
    let documents: Vec<Cow<[u8]>> = documents
        .iter()
        .map(|document| inflated(document))
        .collect();
    let boundary = boundary(&documents);
    let head =
        format!("Content-Type: multipart/mixed; boundary=\"{boundary}\"\nMIME-Version: 1.0\n\n");
    let mut mail = head.into_bytes();
    for document in &documents {
        mail.extend(format!("--{boundary}\n").into_bytes());
        if is_mime(document) {
            mail.extend_from_slice(document);
        } else {
            let mut text = format!(
                "Content-Type: {}\nContent-Transfer-Encoding: base64\n\n",
                PartType::Undeclared
            );
            lines_of_base64(&mut text, document);
            mail.extend(text.into_bytes());
        }
        mail.push(b'\n');
    }
    mail.extend(format!("--{boundary}--\n").into_bytes());
    mail
}

fn inflated(document: &[u8]) -> Cow<'_, [u8]> {
    let inflated = gzip::is_gzip(document).then(|| gzip::gunzip(document, DOCUMENT_BYTES_MAX));
    match inflated {
        Some(Ok(inflated)) => Cow::Owned(inflated.bytes),
        _ => Cow::Borrowed(document),
    }
}

/// One that is in none of them, for nobody writes into a document a digest of that document.
fn boundary(documents: &[Cow<[u8]>]) -> String {
    let documents: Vec<_> = documents.iter().map(|document| Some(&**document)).collect();
    derived(BOUNDARY, &documents)
}

fn part(text: &mut String, attachment: &Attachment) {
    let subtype = &attachment.subtype;
    let filename = filename(&attachment.filename);
    *text += &format!(
        "Content-Type: text/{subtype}; charset=\"utf-8\"\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\
         Content-Disposition: attachment; {filename}\n\n"
    );
    lines_of_base64(text, &attachment.content);
}

fn lines_of_base64(text: &mut String, content: &[u8]) {
    let encoded = STANDARD.encode(content);
    let mut rest = encoded.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(rest.len().min(LINE_CHARACTERS));
        *text += line;
        *text += "\n";
        rest = after;
    }
}

/// `filename="…"`, or RFC 2231's `filename*=` for what quotation marks cannot hold.
fn filename(name: &str) -> String {
    if name.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return format!(
            "filename=\"{}\"",
            name.replace('\\', "\\\\").replace('"', "\\\"")
        );
    }
    let octet = |byte: u8| match byte {
        b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' => char::from(byte).into(),
        _ => format!("%{byte:02X}"),
    };
    format!(
        "filename*=utf-8''{}",
        name.bytes().map(octet).collect::<String>()
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::budget::Budget;
    use crate::bytes::Bytes;
    use crate::userdata::part_type::PartType;
    use crate::userdata::{Includes, take_apart};
    use crate::warning::{Blame, Error};
    use alloc::string::ToString;
    use alloc::vec;

    struct Nothing;

    impl Includes for Nothing {
        fn get(&mut self, url: &str, _once: bool) -> Result<Bytes, Error> {
            Err(Error::new(Blame::Unable, "test", url, "nothing", "this"))
        }
    }

    #[test]
    fn documents_that_are_joined_mean_what_they_meant() {
        let mail = multipart(&[Attachment {
            filename: "a.sh".to_string(),
            subtype: "x-shellscript".to_string(),
            content: b"#!/bin/sh".to_vec(),
        }]);
        let documents: [&[u8]; 6] = [
            mail.as_bytes(),
            b"#cloud-config\na: \"\x7f\"\n",
            b"#cloud-config-archive\n- \"b: 1\"\n",
            b"c: 1",
            b"",
            b"\xff\0",
        ];
        let decode = |document: &[u8]| {
            let decoded = take_apart(document.to_vec(), "x", &mut Nothing, &Budget::new());
            let parts = decoded.parts.into_iter();
            let parts = parts.map(|part| (part.content_type, part.content.to_vec()));
            parts.collect::<Vec<_>>()
        };
        let joined = joined(&documents);
        let mut each: Vec<_> = documents.iter().flat_map(|it| decode(it)).collect();
        // Alone, an empty document is none.
        each.insert(4, (PartType::Undeclared, Vec::new()));
        assert_eq!(decode(&joined), each);
        // Again, with the boundary in it.
        assert_eq!(decode(&super::joined(&[&joined, b"d: 1"])).len(), 7);
        assert_eq!(super::joined(&documents[3..4]), b"c: 1");
    }

    #[test]
    fn what_is_composed_is_decoded_again() {
        let names = ["a.sh", "two words", "a\"b\\c", "gr\u{fc}n", "new\nline"];
        let attachments: Vec<Attachment> = names
            .iter()
            .map(|name| Attachment {
                filename: name.to_string(),
                subtype: "x-shellscript".to_string(),
                content: vec![0xff; name.len() * 20],
            })
            .collect();
        let mail = multipart(&attachments);
        let decoded = take_apart(mail.as_str(), "x", &mut Nothing, &Budget::new());
        let parts = decoded.parts;
        assert_eq!(decoded.warnings, []);
        assert_eq!(parts.len(), names.len());
        for (part, attachment) in parts.iter().zip(&attachments) {
            assert_eq!(part.filename, attachment.filename);
            assert_eq!(&*part.content, attachment.content);
            assert_eq!(part.content_type, PartType::Script);
        }
    }
}
