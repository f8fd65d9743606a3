//! XML as clouds hand it out: text by a path of names. Namespaces are not compared; a document type is refused.

use alloc::format;
use alloc::string::String;

use roxmltree::{Document, Node, ParsingOptions};

/// Most nodes of a document, texts and attributes included.
pub const XML_NODES_MAX: u32 = 10_000;

/// Reads a document, and hands its root to `read`.
///
/// # Errors
/// What is wrong with it.
pub fn read<T>(document: &[u8], read: impl FnOnce(Node) -> T) -> Result<T, String> {
    let text =
        core::str::from_utf8(document).map_err(|_| String::from("bytes that are no text"))?;
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
