//! XML as clouds hand it out: text by a path of names. Namespaces are not compared; a document type is refused.

use alloc::borrow::Cow;
use alloc::format;
use alloc::string::String;

use roxmltree::{Document, Node, ParsingOptions};

use crate::userdata::charset;

/// Most nodes of a document, texts and attributes included.
pub const XML_NODES_MAX: u32 = 10_000;

/// Reads a document, and hands its root to `read`.
///
/// # Errors
/// What is wrong with it.
pub fn read<T>(document: &[u8], read: impl FnOnce(Node) -> T) -> Result<T, String> {
    let text = decoded(document).ok_or_else(|| String::from("bytes that are no text"))?;
    let text = text.trim_start_matches('\u{feff}');
    let options = ParsingOptions {
        nodes_limit: XML_NODES_MAX,
        ..ParsingOptions::default()
    };
    match Document::parse_with_options(text, options) {
        Ok(document) => Ok(read(document.root_element())),
        // The library's own words quote the document.
        Err(error) => {
            let at = error.pos();
            Err(format!(
                "what is no XML in line {}, column {}",
                at.row, at.col
            ))
        }
    }
}

/// The document as text: its first bytes say whether it is UTF-16 (XML 1.0, appendix F), and what is UTF-8 is read as such whatever
/// its declaration says, which programs write that only ever handled text. Of other bytes it says the character set; `None` for
/// one that is not known, and where nothing is said.
fn decoded(document: &[u8]) -> Option<Cow<'_, str>> {
    let charset = match document {
        [0xfe, 0xff, ..] | [0xff, 0xfe, ..] => "utf-16",
        [b'<', 0, ..] => "utf-16le",
        [0, b'<', ..] => "utf-16be",
        _ => match core::str::from_utf8(document) {
            Ok(text) => return Some(text.into()),
            Err(_) => declared(document)?,
        },
    };
    charset::decode(charset, document).map(Cow::from)
}

/// The character set of the declaration.
///
/// ```text
/// declaration = "<?xml" *( not ">" ) "encoding" *WSP "=" *WSP quote name quote *( not ">" ) ">"
/// ```
fn declared(document: &[u8]) -> Option<&str> {
    let document = document.strip_prefix(b"\xef\xbb\xbf").unwrap_or(document);
    let rest = document.strip_prefix(b"<?xml")?;
    let end = rest.iter().position(|byte| *byte == b'>')?;
    let declaration = core::str::from_utf8(rest.get(..end)?).ok()?;
    let (_, value) = declaration.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
    Some(value.strip_prefix(quote)?.split_once(quote)?.0)
}

/// The first element below `node` by a path of names.
pub fn at<'a, 'i>(node: Node<'a, 'i>, path: &[&str]) -> Option<Node<'a, 'i>> {
    path.iter().try_fold(node, |node, name| {
        let mut children = node.children().filter(Node::is_element);
        children.find(|child| child.tag_name().name() == *name)
    })
}

/// Its text without surrounding space, if there is any.
pub fn text(node: Node, path: &[&str]) -> Option<String> {
    let text = verbatim(node, path)?;
    let text = text.trim();
    (!text.is_empty()).then(|| String::from(text))
}

/// All of its text, whatever comments stand in it.
pub fn verbatim(node: Node, path: &[&str]) -> Option<String> {
    let pieces = at(node, path)?.children().filter(Node::is_text);
    Some(pieces.filter_map(|piece| piece.text()).collect())
}

#[cfg(test)]
mod tests {
    use alloc::borrow::ToOwned;
    use alloc::vec::Vec;

    use super::*;

    #[test]
    fn text_is_found_by_its_path() {
        let document = b"<a xmlns:w='x'><w:b><c> 1 </c><c>2</c><d/></w:b></a>";
        let found = |path: &[&str]| read(document, |root| text(root, path)).ok().flatten();
        assert_eq!(found(&["b", "c"]).as_deref(), Some("1"));
        assert_eq!(found(&["b", "d"]), None);
        assert_eq!(found(&["c"]), None);
        let document = b"<a><b> x<!-- y -->z </b></a>";
        let found = |take: fn(Node, &[&str]) -> Option<String>| {
            read(document, |root| take(root, &["b"])).ok().flatten()
        };
        assert_eq!(found(text).as_deref(), Some("xz"));
        assert_eq!(found(verbatim).as_deref(), Some(" xz "));
    }

    #[test]
    fn a_document_says_its_character_set() {
        let found = |document: &[u8]| read(document, |root| text(root, &["b"]));
        let plain = "<a><b>\u{fc}</b></a>";
        let latin = |head: &str| [head.as_bytes(), b"<a><b>\xfc</b></a>"].concat();
        let utf16 = |unit: fn(u16) -> [u8; 2], text: &str| {
            let units = text.encode_utf16().map(unit);
            units.flatten().collect::<Vec<u8>>()
        };
        let marked = "\u{feff}<?xml version='1.0' encoding='utf-16'?>".to_owned() + plain;
        for document in [
            plain.as_bytes().to_vec(),
            ("<?xml version='1.0' encoding='utf-8'?>".to_owned() + plain).into_bytes(),
            ("<?xml version='1.0' encoding='utf-16'?>".to_owned() + plain).into_bytes(),
            ("\u{feff}<?xml version='1.0' encoding='ebcdic'?>".to_owned() + plain).into_bytes(),
            latin("<?xml version=\"1.0\" encoding = \"ISO-8859-1\" ?>"),
            utf16(u16::to_be_bytes, &marked),
            utf16(u16::to_le_bytes, &marked),
            utf16(u16::to_be_bytes, plain),
            utf16(u16::to_le_bytes, plain),
        ] {
            assert_eq!(found(&document), Ok(Some("\u{fc}".into())), "{document:?}");
        }
        for head in ["", "<?xml version='1.0'?>", "<?xml encoding='utf-8'?>"] {
            // What is not UTF-8 and does not say what it is; and what says so, and is not: its characters are lost.
            assert_ne!(found(&latin(head)), Ok(Some("\u{fc}".into())), "{head}");
        }
        assert!(found(&latin("<?xml encoding='ebcdic'?>")).is_err());
    }

    #[test]
    fn what_could_grow_is_refused() {
        let words = read(b"<a>\n <b>&Tail;</b></a>", |_| ());
        assert_eq!(words, Err("what is no XML in line 2, column 5".into()));
        let bomb = b"<!DOCTYPE a [<!ENTITY x 'y'>]><a>&x;</a>";
        assert!(read(bomb, |_| ()).is_err());
        let wide = ["<a>", &"<b/>".repeat(XML_NODES_MAX as usize), "</a>"].concat();
        assert!(read(wide.as_bytes(), |_| ()).is_err());
        for end in 0..12 {
            assert!(read(&b"<a><b/>x</a>"[..end], |_| ()).is_err());
        }
    }
}
