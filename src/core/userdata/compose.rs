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
/// What a line of base 64 holds, bytes, in 76 characters (RFC 2045, section 6.8: at most that).
const LINE_BYTES: usize = 57;
/// Most that the documents hold which are joined, inflated, bytes: as base 64 it is still one document.
const JOINED_BYTES_MAX: usize = DOCUMENT_BYTES_MAX / 2;

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
/// inflated, as far as all of them fit into [`JOINED_BYTES_MAX`]: nobody would open mail that is in it.
pub fn joined(documents: &[&[u8]]) -> Vec<u8> {
    match documents {
        [] => return Vec::new(),
        [document] => return document.to_vec(),
        _ => {}
    }
    let bytes: usize = documents.iter().map(|document| document.len()).sum();
    let mut left = JOINED_BYTES_MAX.saturating_sub(bytes);
    let documents = documents.iter();
    let documents: Vec<Cow<[u8]>> = documents
        .map(|document| inflated(document, &mut left))
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
            let head = format!(
                "Content-Type: {}\nContent-Transfer-Encoding: base64\n\n",
                PartType::Undeclared
            );
            mail.extend(head.into_bytes());
            mail.extend(lines_of_base64(document).flat_map(String::into_bytes));
        }
        mail.push(b'\n');
    }
    mail.extend(format!("--{boundary}--\n").into_bytes());
    mail
}

/// What there is no room for, or is damaged, stays what it is, and has cost what it made until then.
fn inflated<'d>(document: &'d [u8], left: &mut usize) -> Cow<'d, [u8]> {
    if !gzip::is_gzip(document) {
        return Cow::Borrowed(document);
    }
    let mut bytes = Vec::new();
    let outcome = gzip::gunzip_into(&mut bytes, document, *left);
    *left = left.saturating_sub(bytes.len());
    match outcome {
        Ok(_) => Cow::Owned(bytes),
        Err(_) => Cow::Borrowed(document),
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
    text.extend(lines_of_base64(&attachment.content));
}

fn lines_of_base64(content: &[u8]) -> impl Iterator<Item = String> {
    content.chunks(LINE_BYTES).map(|bytes| {
        let mut line = STANDARD.encode(bytes);
        line.push('\n');
        line
    })
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

    fn gzipped(content: &[u8]) -> Vec<u8> {
        let mut member = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
        member.extend(miniz_oxide::deflate::compress_to_vec(content, 6));
        member.extend(gzip::crc32(content).to_le_bytes());
        member.extend((content.len() as u32).to_le_bytes());
        member
    }

    #[test]
    fn what_inflates_to_too_much_in_sum_stays_deflated() {
        let half = vec![b'#'; JOINED_BYTES_MAX / 2];
        let deflated = gzipped(&half);
        let joined = joined(&[deflated.as_slice(); 3]);
        assert!(joined.len() < DOCUMENT_BYTES_MAX);
        let decoded = take_apart(joined, "x", &mut Nothing, &Budget::new());
        let bytes = decoded.parts.iter().map(|part| part.content.len());
        let bytes: Vec<usize> = bytes.collect();
        assert_eq!(bytes, [half.len(), deflated.len(), deflated.len()]);
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
