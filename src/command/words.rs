//! The words of the command line: read by argh, with the nearest right word for one that is mistyped.
//!
//! The right words are those that `--help` lists, of the program or of the command, so that no list of them can be forgotten
//! when a command or an option is added.

use std::env;
use std::ffi::OsString;
use std::process::exit;

use argh::{EarlyExit, FromArgs};

/// What stands for standard input where a file is asked for.
pub const STANDARD_INPUT: &str = "-";

/// The arguments of this process. Where they are wrong, or help is asked for, this prints and ends it, as argh itself does.
pub fn read<T: FromArgs>() -> T {
    let words: Result<Vec<String>, OsString> = env::args_os().map(OsString::into_string).collect();
    let words = words.unwrap_or_else(|word| {
        eprintln!("Invalid utf8: {}", word.to_string_lossy());
        exit(1)
    });
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (path, words) = words.split_first().unwrap_or((&"cloudseed", &[]));
    let program = path.rsplit('/').next().unwrap_or(path);
    parse(program, words).unwrap_or_else(|refused| {
        if refused.status.is_ok() {
            println!("{}", refused.output);
            exit(0)
        }
        let output = refused.output;
        eprintln!("{output}\nRun {program} --help for more information.");
        exit(1)
    })
}

/// Reads words into arguments, as argh does. A `-` alone, which argh takes for an option, is a file; a mistyped word is
/// answered with the nearest right one.
pub fn parse<T: FromArgs>(program: &str, words: &[&str]) -> Result<T, EarlyExit> {
    let refused = match T::from_args(&[program], words) {
        Ok(arguments) => return Ok(arguments),
        Err(refused) => refused,
    };
    // Behind `--` nothing is an option.
    for (at, _) in words
        .iter()
        .enumerate()
        .filter(|(_, word)| **word == STANDARD_INPUT)
    {
        let mut words = words.to_vec();
        words.remove(at);
        words.extend(["--", STANDARD_INPUT]);
        if let Ok(arguments) = T::from_args(&[program], &words) {
            return Ok(arguments);
        }
    }
    #[cfg(feature = "tools")]
    let refused = hinted::<T>(program, words, refused);
    Err(refused)
}

/// An answer of argh's with the nearest right word.
#[cfg(feature = "tools")]
fn hinted<T: FromArgs>(program: &str, words: &[&str], mut refused: EarlyExit) -> EarlyExit {
    use cloudseed_core::text::nearest;

    let Some(word) = refused.output.strip_prefix("Unrecognized argument: ") else {
        return refused;
    };
    // `--root=/x` is no way of argh's to give a value.
    let (word, value) = match word.trim_end().split_once('=') {
        Some((word, value)) if word.starts_with("--") => (word, Some(value)),
        _ => (word.trim_end(), None),
    };
    let help = |words: &[&str]| {
        let help = T::from_args(&[program], &[words, &["--help"]].concat());
        help.err().filter(|help| help.status.is_ok())
    };
    // The word is one of the command that stands first, or it stands for the command.
    let command = words.get(..1).filter(|first| *first != [word]);
    let help = command.and_then(help).or_else(|| help(&[]));
    let help = help.map_or_else(String::new, |help| help.output);
    if let Some(meant) = nearest(word, &mut right_words(&help)) {
        let value = value.map_or_else(String::new, |value| format!(" {value}"));
        refused.output = format!("{}did you mean `{meant}{value}`?\n", refused.output);
    }
    refused
}

/// The words that a help text of argh's explains: of each line indented by two, `-a, --attach` or the first word.
#[cfg(feature = "tools")]
fn right_words(help: &str) -> impl Iterator<Item = &str> {
    let lines = help.lines().filter_map(|line| line.strip_prefix("  "));
    lines
        .filter(|line| !line.starts_with(' '))
        .flat_map(|line| {
            let words = line.split([' ', ',']).filter(|word| !word.is_empty());
            let mut is_first = true;
            words.take_while(move |word| {
                std::mem::replace(&mut is_first, false) || word.starts_with('-')
            })
        })
}
