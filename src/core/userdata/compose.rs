//! A MIME multipart from files: what `make-mime` writes, and what every version of cloud-init reads.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

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

fn part(text: &mut String, attachment: &Attachment) {
    let subtype = &attachment.subtype;
    let filename = filename(&attachment.filename);
    *text += &format!(
        "Content-Type: text/{subtype}; charset=\"utf-8\"\nMIME-Version: 1.0\nContent-Transfer-Encoding: base64\n\
         Content-Disposition: attachment; {filename}\n\n"
    );
    let encoded = STANDARD.encode(&attachment.content);
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
