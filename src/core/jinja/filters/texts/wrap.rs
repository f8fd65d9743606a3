//! The filter `wordwrap`, which breaks lines as Python's textwrap does.

use alloc::string::String;
use alloc::vec::Vec;

use super::super::super::args::Args;
use super::super::super::methods::text::{like, lines};
use super::super::super::run::Run;
use super::super::super::value::{Answer, Value, fault};

/// How lines are broken.
struct Wrap {
    width: usize,
    breaks_words: bool,
    at_hyphens: bool,
}

pub fn word_wrap(run: &mut Run, value: &Value, args: &mut Args) -> Answer {
    let text = super::only_text(value, "wordwrap")?;
    let flag = |place| args.get(place).is_none_or(Value::is_true);
    let wrap = Wrap {
        width: run.fits(args.int(0, 79)?)?,
        breaks_words: flag(1),
        at_hyphens: flag(3),
    };
    let end = args.text_or_none(2)?.unwrap_or_else(|| "\n".into());
    if wrap.width == 0 {
        return fault("`wordwrap` to a width of 0");
    }
    run.spend(text.len() / 8)?;
    let mut wrapped = Vec::new();
    for line in lines(text, false) {
        let line: Vec<char> = line.chars().collect();
        let broken: Vec<String> = wrap
            .broken(&line)
            .into_iter()
            .map(String::from_iter)
            .collect();
        wrapped.push(broken.join(&*end));
    }
    let text = wrapped.join(&*end);
    run.fits(text.len() as i128)?;
    Ok(like(value, text))
}

fn is_space(c: char) -> bool {
    matches!(c, '\t'..='\r' | ' ')
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn is_letter(c: char) -> bool {
    is_word(c) && !c.is_ascii_digit()
}

impl Wrap {
    /// The lines that a line becomes.
    fn broken<'a>(&self, text: &'a [char]) -> Vec<Vec<&'a char>> {
        let (mut lines, mut chunks) = (Vec::new(), self.chunks(text));
        // The next chunk is the last one.
        chunks.reverse();
        let is_blank = |chunk: &[char]| chunk.iter().all(|c| c.is_whitespace());
        while !chunks.is_empty() {
            let (mut line, mut len): (Vec<&[char]>, usize) = (Vec::new(), 0);
            if !lines.is_empty() && chunks.last().is_some_and(|chunk| is_blank(chunk)) {
                chunks.pop();
            }
            while let Some(chunk) = chunks.pop_if(|chunk| len + chunk.len() <= self.width) {
                len += chunk.len();
                line.push(chunk);
            }
            if let Some(chunk) = chunks.pop_if(|chunk| chunk.len() > self.width) {
                self.long(&mut line, &mut chunks, chunk, self.width - len);
            }
            line.pop_if(|chunk| is_blank(chunk));
            if !line.is_empty() {
                lines.push(line.into_iter().flatten().collect());
            }
        }
        lines
    }

    /// A chunk that is longer than a line.
    fn long<'a>(
        &self,
        line: &mut Vec<&'a [char]>,
        chunks: &mut Vec<&'a [char]>,
        chunk: &'a [char],
        room: usize,
    ) {
        if !self.breaks_words {
            if line.is_empty() {
                line.push(chunk)
            } else {
                chunks.push(chunk)
            }
            return;
        }
        let (start, _) = chunk.split_at_checked(room).unwrap_or((chunk, &[]));
        let hyphen = start.iter().rposition(|c| *c == '-').filter(|at| {
            let before = start.get(..*at).unwrap_or(&[]);
            self.at_hyphens && before.iter().any(|c| *c != '-')
        });
        let end = hyphen.map_or(room, |at| at + 1);
        let (head, tail) = chunk.split_at_checked(end).unwrap_or((chunk, &[]));
        line.push(head);
        chunks.push(tail);
    }

    /// The pieces between which a line may be broken.
    fn chunks<'a>(&self, text: &'a [char]) -> Vec<&'a [char]> {
        let (mut chunks, mut start) = (Vec::new(), 0);
        while start < text.len() {
            let end = self.end(text, start).clamp(start + 1, text.len());
            chunks.extend(text.get(start..end));
            start = end;
        }
        chunks
    }

    /// Where the piece that starts here ends: blanks, a dash between words, or a word, up to a hyphen inside of it.
    fn end(&self, text: &[char], start: usize) -> usize {
        let is = |at: usize, fits: fn(char) -> bool| text.get(at).is_some_and(|c| fits(*c));
        let run = |at: usize, fits: fn(char) -> bool| {
            let rest = text.get(at..).unwrap_or(&[]);
            at + rest.iter().take_while(|c| fits(**c)).count()
        };
        if is(start, is_space) {
            return run(start, is_space);
        }
        if !self.at_hyphens {
            return run(start, |c| !is_space(c));
        }
        let ends_word = |at: usize| is(at, |c| is_word(c) || "!\"'&.,?".contains(c));
        let dash = |at: usize| {
            let end = run(at, |c| c == '-');
            (at > 0 && ends_word(at - 1) && end >= at + 2 && is(end, is_word)).then_some(end)
        };
        if let Some(end) = dash(start) {
            return end;
        }
        for at in start + 1..=text.len() {
            let letters = |places: &[usize]| {
                places
                    .iter()
                    .all(|back| *back <= at && is(at - back, is_letter))
            };
            let is_hyphen = is(at, |c| c == '-')
                && (letters(&[2, 1]) || (letters(&[3, 1]) && is(at - 2, |c| c == '-')))
                && is(at + 1, is_letter)
                && (is(at + 2, is_letter) || (is(at + 2, |c| c == '-') && is(at + 3, is_letter)));
            if is_hyphen {
                return at + 1;
            }
            if at == text.len() || is(at, is_space) || dash(at).is_some() {
                return at;
            }
        }
        text.len()
    }
}
