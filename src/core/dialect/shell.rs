//! Variables in the language of the shell, as programs write them for one; nothing is ever executed.
//!
//! ```text
//!   file       = *( gap command )
//!   gap        = *( blank / LF / ";" / "#" up to the end of the line )
//!   command    = [ ( "export" / "readonly" ) blank ] assignment *( blank assignment )
//!   assignment = name "=" word
//!   word       = *( "'" *any "'" / DQUOTE *( "\" any / expansion / any ) DQUOTE / "\" any / expansion / plain )
//!   expansion  = "$" name / "${" name "}"             ; a variable of those before
//! ```
//! POSIX.1-2017, volume "Shell and utilities", sections 2.2, 2.3 and 2.6. Where a word holds more than that, for which it takes
//! a shell (other expansions, substitution of commands, arithmetic), its variable is refused; every other command is passed
//! over. A message never quotes a value.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use nom::branch::alt;
use nom::bytes::complete::{tag, take, take_till, take_while1};
use nom::character::complete::{char, satisfy};
use nom::combinator::{eof, opt, peek, recognize};
use nom::error::{Error as Fault, ErrorKind};
use nom::sequence::{delimited, pair};
use nom::{Err, IResult, Parser};

use crate::value::{Map, Value};
use crate::warning::Warning;

/// Most variables of one file.
pub const VARIABLES_MAX: usize = 4096;
/// Most bytes of all values together: variables in variables could grow without end.
pub const VALUES_BYTES_MAX: usize = 4 << 20;
/// Most warnings about one file.
const WARNINGS_MAX: usize = 16;

/// The variables that a file sets, by name, and what is wrong with the rest of it.
pub fn variables(place: &str, text: &str) -> (Map, Vec<Warning>) {
    let mut reading = Reading {
        place,
        known: Map::new(),
        bytes: 0,
        warnings: Vec::new(),
    };
    let mut rest = gap(text);
    while !rest.is_empty() && reading.bytes <= VALUES_BYTES_MAX {
        rest = match reading.command(rest) {
            Ok((after, ())) if after.len() < rest.len() => gap(after),
            _ => {
                let place = format!("{place}: line {}", line_of(text, rest));
                reading.warn(&place, "the end of a quotation", "none");
                break;
            }
        };
    }
    if reading.bytes > VALUES_BYTES_MAX {
        let expected = format!("values of at most {VALUES_BYTES_MAX} bytes");
        reading.warn(place, &expected, "more");
    }
    (reading.known, reading.warnings)
}

fn line_of(text: &str, rest: &str) -> usize {
    let before = text.get(..text.len() - rest.len()).unwrap_or("");
    before.matches('\n').count() + 1
}

/// A file being read.
struct Reading<'a> {
    place: &'a str,
    known: Map,
    /// Bytes of all values so far, those that were refused among them.
    bytes: usize,
    warnings: Vec<Warning>,
}

impl Reading<'_> {
    fn warn(&mut self, place: &str, expected: &str, found: &str) {
        if self.warnings.len() < WARNINGS_MAX {
            let warning = Warning::new("read", place, expected, found);
            self.warnings.push(warning);
        }
    }

    /// Assignments up to the end of the command. Where something else stands among them it is a command, which would have
    /// them for its environment only.
    fn command<'i>(&mut self, input: &'i str) -> IResult<&'i str, ()> {
        let (mut rest, _) = opt(pair(alt((tag("export"), tag("readonly"))), blank)).parse(input)?;
        let mut assigned: Vec<(&str, Word)> = Vec::new();
        while self.bytes <= VALUES_BYTES_MAX
            && let (after, Some(name)) = opt(name_of_assignment).parse(rest)?
        {
            let (after, word) = self.word(after)?;
            self.bytes += word.text.len();
            assigned.push((name, word));
            (rest, _) = opt(blank).parse(after)?;
        }
        if self.bytes > VALUES_BYTES_MAX {
            return Ok((rest, ()));
        }
        if assigned.is_empty() || peek(end).parse(rest).is_err() {
            self.warn(
                self.place,
                "assignments",
                "a command, which is not executed",
            );
            return self.skip(rest);
        }
        for (name, word) in assigned {
            self.assign(name, word);
        }
        Ok((rest, ()))
    }

    fn assign(&mut self, name: &str, word: Word) {
        let place = format!("{}: {name}", self.place);
        if word.is_shells {
            return self.warn(&place, "a value as it stands", "one that takes a shell");
        }
        if self.known.len() >= VARIABLES_MAX && !self.known.contains(name) {
            let expected = format!("at most {VARIABLES_MAX} variables");
            return self.warn(self.place, &expected, "more");
        }
        self.known.insert(name, word.text);
    }

    /// Passes over what is left of a command.
    fn skip<'i>(&mut self, mut input: &'i str) -> IResult<&'i str, ()> {
        while self.bytes <= VALUES_BYTES_MAX && peek(end).parse(input).is_err() {
            let (rest, word) = self.word(input)?;
            self.bytes += word.text.len();
            let operator = satisfy(|letter| {
                !is_plain(letter) && !is_quoting(letter) && !matches!(letter, '\n' | ';')
            });
            (input, _) = opt(alt((blank, recognize(operator)))).parse(rest)?;
        }
        Ok((input, ()))
    }

    /// A word, which may be empty.
    fn word<'i>(&self, mut input: &'i str) -> IResult<&'i str, Word> {
        let mut word = Word::default();
        while let Some(letter) = input.chars().next() {
            (input, _) = match letter {
                '\'' => single(input, &mut word)?,
                '"' => self.double(input, &mut word)?,
                '\\' => escape(input, &mut word)?,
                '$' | '`' => self.expansion(input, &mut word)?,
                letter if is_plain(letter) => {
                    let (rest, text) = take_while1(is_plain).parse(input)?;
                    (rest, word.push(text))
                }
                _ => break,
            };
        }
        Ok((input, word))
    }

    /// `"` up to the next one that no backslash precedes.
    fn double<'i>(&self, input: &'i str, word: &mut Word) -> IResult<&'i str, ()> {
        let (mut input, _) = char('"').parse(input)?;
        loop {
            let special = |letter| matches!(letter, '"' | '\\' | '$' | '`');
            let (rest, text) = take_till(special).parse(input)?;
            word.push(text);
            let after: Option<char> = rest.chars().nth(1);
            (input, _) = match (rest.chars().next(), after) {
                (None, _) => return unclosed(rest),
                (Some('"'), _) => return Ok((rest.get(1..).unwrap_or(""), ())),
                (Some('\\'), Some('"' | '\\' | '$' | '`' | '\n')) => escape(rest, word)?,
                (Some('\\'), _) => (rest.get(1..).unwrap_or(""), word.push("\\")),
                _ => self.expansion(rest, word)?,
            };
        }
    }

    /// A variable, or what only a shell can expand, from `$` or a back quote on.
    fn expansion<'i>(&self, input: &'i str, word: &mut Word) -> IResult<&'i str, ()> {
        let braced = delimited(tag("${"), name, char('}'));
        let plain = nom::sequence::preceded(char('$'), name);
        let known: IResult<&str, &str> = alt((braced, plain)).parse(input);
        if let Ok((rest, name)) = known {
            let value = self.known.get(name).and_then(Value::as_text);
            return Ok((rest, word.push(value.unwrap_or(""))));
        }
        let inside = input.get(1..).unwrap_or("");
        let length = match (input.as_bytes().first(), inside.as_bytes().first()) {
            (Some(b'`'), _) => inside.find('`').map(|end| end + 2),
            (_, Some(b'{')) => inside.find('}').map(|end| end + 2),
            (_, Some(b'(')) => closing(inside).map(|end| end + 2),
            (_, Some(b'0'..=b'9' | b'@' | b'*' | b'#' | b'?' | b'$' | b'!' | b'-')) => Some(2),
            _ => return Ok((inside, word.push("$"))),
        };
        word.is_shells = true;
        Ok((input.get(length.unwrap_or(input.len())..).unwrap_or(""), ()))
    }
}

/// A word as it is read.
#[derive(Debug, Default)]
struct Word {
    text: String,
    /// Whether it takes a shell to say what it is.
    is_shells: bool,
}

impl Word {
    fn push(&mut self, text: &str) {
        if self.text.len() + text.len() <= VALUES_BYTES_MAX {
            self.text.push_str(text);
        } else {
            self.is_shells = true;
        }
    }
}

fn is_quoting(letter: char) -> bool {
    matches!(letter, '\'' | '"' | '\\' | '$' | '`')
}

fn is_plain(letter: char) -> bool {
    !is_quoting(letter)
        && !matches!(
            letter,
            ' ' | '\t' | '\r' | '\n' | ';' | '|' | '&' | '(' | ')' | '<' | '>'
        )
}

fn unclosed<T>(input: &str) -> IResult<&str, T> {
    Err(Err::Failure(Fault::new(input, ErrorKind::Char)))
}

/// Where the bracket is closed that the text begins with.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0usize;
    for (at, letter) in text.bytes().enumerate() {
        match letter {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 {
            return Some(at);
        }
    }
    None
}

/// `'` up to the next one.
fn single<'i>(input: &'i str, word: &mut Word) -> IResult<&'i str, ()> {
    let text: IResult<&str, &str> =
        delimited(char('\''), take_till(|letter| letter == '\''), char('\'')).parse(input);
    match text {
        Ok((rest, text)) => Ok((rest, word.push(text))),
        Err(_) => unclosed(input),
    }
}

/// A backslash and what it stands before; before the end of a line it says that the line goes on.
fn escape<'i>(input: &'i str, word: &mut Word) -> IResult<&'i str, ()> {
    let (rest, _) = char('\\').parse(input)?;
    if rest.is_empty() {
        return Ok((rest, word.push("\\")));
    }
    let (rest, letter) = take(1usize).parse(rest)?;
    if letter != "\n" {
        word.push(letter);
    }
    Ok((rest, ()))
}

/// What stands between commands.
fn gap(input: &str) -> &str {
    let mut rest = input;
    loop {
        let next = rest.trim_start_matches([' ', '\t', '\r', '\n', ';']);
        let next = next.strip_prefix("\\\n").unwrap_or(next);
        let next = match next.strip_prefix('#') {
            Some(comment) => comment
                .find('\n')
                .and_then(|end| comment.get(end..))
                .unwrap_or(""),
            None => next,
        };
        if next.len() == rest.len() {
            return rest;
        }
        rest = next;
    }
}

fn blank(input: &str) -> IResult<&str, &str> {
    take_while1(|letter| matches!(letter, ' ' | '\t' | '\r')).parse(input)
}

/// The end of a command; a comment begins behind a blank, which was passed over.
fn end(input: &str) -> IResult<&str, &str> {
    alt((eof, tag("\n"), tag(";"), tag("#"))).parse(input)
}

fn name(input: &str) -> IResult<&str, &str> {
    let first = satisfy(|letter| letter.is_ascii_alphabetic() || letter == '_');
    let rest = take_till(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    recognize(pair(first, rest)).parse(input)
}

fn name_of_assignment(input: &str) -> IResult<&str, &str> {
    nom::sequence::terminated(name, char('=')).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (String, usize) {
        let (variables, warnings) = variables("x", text);
        (crate::json::write(&variables.into()), warnings.len())
    }

    #[test]
    fn copies_of_a_value_are_bounded_within_a_command() {
        let long = format!("X='{}'\n", "x".repeat(VALUES_BYTES_MAX / 2));
        for many in [
            "A=$X ".repeat(1 << 14),
            format!("no {}", "$X ".repeat(1 << 14)),
        ] {
            let mut reading = Reading {
                place: "x",
                known: Map::new(),
                bytes: 0,
                warnings: Vec::new(),
            };
            assert!(reading.command(&long).is_ok());
            assert!(reading.command(&many).is_ok());
            assert!(reading.bytes < 3 * VALUES_BYTES_MAX, "{}", reading.bytes);
        }
    }

    #[test]
    fn words_are_read_as_a_shell_reads_them() {
        for (text, expected, warnings) in [
            (
                "A='b c'\n# d\nE=f;G=h\n",
                r#"{"A":"b c","E":"f","G":"h"}"#,
                0,
            ),
            ("A='it'\\''s'", r#"{"A":"it's"}"#, 0),
            ("A=\"b \\\"c\\\" \\n $\"", r#"{"A":"b \"c\" \\n $"}"#, 0),
            ("A=b\\ c\\\nd", r#"{"A":"b cd"}"#, 0),
            ("A=1\nB=\"$A${A}$C\"", r#"{"A":"1","B":"11"}"#, 0),
            ("export A=1 B=2 # c", r#"{"A":"1","B":"2"}"#, 0),
            ("A='a\nb'\r\nB=", r#"{"A":"a\nb","B":""}"#, 0),
            ("A=a#b", r##"{"A":"a#b"}"##, 0),
            ("A=$(id -u)\nB=2", r#"{"B":"2"}"#, 1),
            (
                "A=`id`\nB=${C:-d}\nD=$((1+(2)))x\nE=$1\nF=6",
                r#"{"F":"6"}"#,
                4,
            ),
            ("A=1 rm -rf / 'x\ny'; B=2", r#"{"B":"2"}"#, 1),
            ("touch /tmp/x\nB=2 > /dev/null\nC=3", r#"{"C":"3"}"#, 2),
            ("A=1\nB='open\nC=3", r#"{"A":"1"}"#, 1),
            ("A=1\nB=\"$(open", r#"{"A":"1"}"#, 1),
            ("A=$'b'", r#"{"A":"$b"}"#, 0),
        ] {
            let expected = (String::from(expected), warnings);
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn whatever_it_is_given_it_ends() {
        let grown = (0..64).fold(String::from("A=xxxxxxxx\n"), |text, _| {
            text + "A=\"$A$A\"\n"
        });
        let (variables, warnings) = variables("x", &grown);
        assert!(
            variables
                .get("A")
                .and_then(Value::as_text)
                .map_or(0, str::len)
                <= VALUES_BYTES_MAX
        );
        assert!(!warnings.is_empty());
        for piece in [
            "$(", "`", "${", "\"", "'", "\\", "A=", "x ", "x\n", "A=1 ", "()", "é",
        ] {
            let (_, warnings) = super::variables("x", &piece.repeat(100_001));
            assert!(warnings.len() <= WARNINGS_MAX);
        }
        let whole = "A='b' C=\"d\\\"$A\" \\\nE=${A}f # g\n";
        for end in 0..whole.len() {
            let _ = super::variables("x", &whole[..end]);
        }
    }
}
