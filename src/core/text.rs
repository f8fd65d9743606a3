//! Text for people: a stranger's words in one line, quotations in messages, and the word that was meant.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

/// Longest quotation in a message, in characters.
pub const QUOTE_CHARS_MAX: usize = 40;

/// The first words of a text, quoted for a message: one line, printable, no longer than [`QUOTE_CHARS_MAX`].
pub fn quote(text: &str) -> String {
    let line = text.trim_start().lines().next().unwrap_or("").trim_end();
    match line.char_indices().nth(QUOTE_CHARS_MAX) {
        Some((end, _)) => format!("{:?}…", &line[..end]),
        None => format!("{line:?}"),
    }
}

/// What a word says that stands for yes or no, in any case, blanks around it aside: the words of cloud-init. `None` if it is
/// another.
pub fn flag(word: &str) -> Option<bool> {
    match &*word.trim().to_lowercase() {
        "true" | "1" | "on" | "yes" => Some(true),
        "false" | "0" | "off" | "no" => Some(false),
        _ => None,
    }
}

/// A message without what it quotes: `"…"` stands for each quotation that [`quote`] or `{:?}` made, `` `…` `` for each between
/// backticks. Who writes a message quotes whatever a stranger wrote.
///
/// ```text
/// message   = *( CHAR / quotation )
/// quotation = DQUOTE *( %x5C CHAR / CHAR ) [ DQUOTE ] / "`" *CHAR [ "`" ]     ; begins the message, or follows a blank, "(" or "!"
/// ```
pub fn without_quotations(message: &str) -> String {
    let mut kept = String::with_capacity(message.len());
    let mut letters = message.chars();
    let mut before = ' ';
    while let Some(letter) = letters.next() {
        kept.push(letter);
        let begins = matches!(letter, '"' | '`') && matches!(before, ' ' | '(' | '!');
        before = letter;
        if begins {
            kept.push('…');
            while let Some(inside) = letters.next().filter(|inside| *inside != letter) {
                if inside == '\\' && letter == '"' {
                    letters.next();
                }
            }
            kept.push(letter);
        }
    }
    kept
}

/// A letter as a terminal, a log or a comment may have it: what would end the line, move the cursor or turn the direction of
/// writing is a blank.
pub fn harmless(letter: char) -> char {
    match letter {
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
            ' '
        }
        _ if letter.is_control() => ' ',
        _ => letter,
    }
}

/// A stranger's words as one line of text.
pub fn printable(text: &str) -> String {
    text.chars().map(harmless).collect()
}

/// What Python's `splitlines` splits at.
pub fn is_line_break(c: char) -> bool {
    matches!(
        c,
        '\n' | '\r' | '\u{b}' | '\u{c}' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}'
    )
}

/// The lines of a text as Python's `splitlines` parts them: CR and LF together are one break, and a break at the end begins
/// no line.
pub fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    core::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = rest.find(is_line_break).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        let broken = after.strip_prefix("\r\n");
        rest = broken.unwrap_or(after.strip_prefix(is_line_break).unwrap_or(""));
        Some(line)
    })
}

/// Longest word for which a nearest one is looked for, in bytes.
const WORD_BYTES_MAX: usize = 64;

/// The candidate that is most like a mistyped word: differing in at most a third of its letters (at least one may differ)
/// by letters that are wrong, missing, too many or swapped with their neighbour. Case does not count; of two that are as
/// near the first is taken.
pub fn nearest<'a>(word: &str, candidates: &mut dyn Iterator<Item = &'a str>) -> Option<&'a str> {
    let near = candidates.filter_map(|candidate| {
        let limit = (candidate.len() / 3).max(1);
        let distance = distance(word, candidate).filter(|distance| *distance <= limit)?;
        Some((distance, candidate))
    });
    near.min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// A mistyped word for a message, with the one that was probably meant: `"deadlin" (did you mean deadline?)`.
pub fn mistyped(word: &str, candidates: &mut dyn Iterator<Item = &str>) -> String {
    let quoted = quote(word);
    match nearest(word, candidates) {
        Some(meant) => format!("{quoted} (did you mean {meant}?)"),
        None => quoted,
    }
}

/// How many letters have to be put in, taken out, exchanged for another or swapped with their neighbour to make one word
/// the other (Damerau and Levenshtein's distance, no letter edited twice); `None` for words that are too long.
fn distance(one: &str, other: &str) -> Option<usize> {
    if one.len().max(other.len()) > WORD_BYTES_MAX {
        return None;
    }
    let one: Vec<u8> = one.bytes().map(|byte| byte.to_ascii_lowercase()).collect();
    let other: Vec<u8> = other
        .bytes()
        .map(|byte| byte.to_ascii_lowercase())
        .collect();
    let get = |row: &[usize], at: usize| row.get(at).copied().unwrap_or(usize::MAX / 2);
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=other.len()).collect();
    for (i, letter) in one.iter().enumerate() {
        let mut row = alloc::vec![i + 1];
        for (j, with) in other.iter().enumerate() {
            let changed = get(&above, j) + usize::from(letter != with);
            let edited = get(&above, j + 1).min(get(&row, j)) + 1;
            let swapped =
                i > 0 && j > 0 && one.get(i - 1) == Some(with) && other.get(j - 1) == Some(letter);
            let swapped = if swapped {
                get(&before, j - 1) + 1
            } else {
                usize::MAX
            };
            row.push(changed.min(edited).min(swapped));
        }
        before = core::mem::replace(&mut above, row);
    }
    above.last().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quotation_is_short_and_of_one_line() {
        assert_eq!(quote("  a\tb \nc"), r#""a\tb""#);
        assert_eq!(quote(&"é".repeat(41)), format!("\"{}\"…", "é".repeat(40)));
        assert_eq!(quote(""), r#""""#);
    }

    #[test]
    fn quotations_are_taken_out_of_messages() {
        for (message, expected) in [
            (r#""a \" b" in line 1, "c"…"#, r#""…" in line 1, "…"…"#),
            ("a tab before \"x", "a tab before \"…\""),
            ("`1 / 0` (`x`)", "`…` (`…`)"),
            (
                r#"':' or a closing '"', but 5" disks"#,
                r#"':' or a closing '"', but 5" disks"#,
            ),
        ] {
            assert_eq!(without_quotations(message), expected, "{message}");
        }
        let quoted = quote("a\\\"b\" c");
        assert_eq!(without_quotations(&quoted), "\"…\"");
    }

    #[test]
    fn a_strangers_words_stay_in_their_line() {
        assert_eq!(printable("a\u{1b}[31m\r\nb\tc\u{85}é"), "a [31m  b c é");
        assert_eq!(printable("exe\u{202e}txt\u{2028}x"), "exe txt x");
    }

    #[test]
    fn a_mistyped_word_has_a_nearest_one() {
        const WORDS: [&str; 5] = [
            "deadline",
            "settle",
            "sources",
            "handover",
            "strict_includes",
        ];
        for (word, expected) in [
            ("deadlin", Some("deadline")),
            ("daedline", Some("deadline")),
            ("Deadline", Some("deadline")),
            ("dead", None),
            ("source", Some("sources")),
            ("soruces", Some("sources")),
            ("strict-include", Some("strict_includes")),
            ("", None),
            ("x", None),
        ] {
            assert_eq!(nearest(word, &mut WORDS.into_iter()), expected, "{word}");
        }
        assert_eq!(nearest(&"a".repeat(1 << 20), &mut ["aa"].into_iter()), None);
        assert_eq!(nearest("ab", &mut ["ac", "ad"].into_iter()), Some("ac"));
    }

    #[test]
    fn yes_and_no_have_four_words_each() {
        for (word, expected) in [
            ("true", Some(true)),
            (" Yes\n", Some(true)),
            ("ON", Some(true)),
            ("1", Some(true)),
            ("False", Some(false)),
            ("no", Some(false)),
            ("off", Some(false)),
            ("0", Some(false)),
            ("", None),
            ("y", None),
            ("01", None),
        ] {
            assert_eq!(flag(word), expected, "{word}");
        }
    }

    #[test]
    fn the_distance_counts_letters() {
        for (one, other, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("abc", "acb", 1),
            ("kitten", "sitting", 3),
            ("ca", "abc", 3),
        ] {
            assert_eq!(distance(one, other), Some(expected), "{one} {other}");
            assert_eq!(distance(other, one), Some(expected), "{other} {one}");
        }
    }
}
