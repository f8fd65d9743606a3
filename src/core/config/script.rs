//! Scripts: what of the parts the real root executes, in cloud-init's order and with its frequencies.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use nom::bytes::complete::{tag, take_till, take_while, take_while1};
use nom::sequence::{preceded, separated_pair};
use nom::{IResult, Parser};

use super::{Config, Document, warning};
use crate::bytes::Bytes;
use crate::userdata::Part;
use crate::userdata::filename::{basename, clean_name};
use crate::userdata::part_type::PartType;
use crate::warning::Warning;

/// What the kernel reads of a file to learn how to execute it, in bytes (BINPRM_BUF_SIZE).
const FIRST_LINE_BYTES_MAX: usize = 256;
/// Most bytes of a script's name.
const NAME_BYTES_MAX: usize = 100;

/// When a script runs; in the order in which groups run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Early, at each boot, in the order of the documents.
    Boothook,
    /// Late, once per instance, from the operator of the cloud.
    Vendor,
    /// Late, once per machine, whatever instances it becomes.
    PerOnce,
    /// Late, at each boot.
    PerBoot,
    /// Late, once per instance.
    PerInstance,
    /// Late, once per instance, from the owner of the machine.
    User,
}

impl Group {
    /// The group of a part of this type in this document.
    fn of(content_type: &PartType, document: Document) -> Option<Group> {
        match content_type {
            PartType::Boothook => Some(Group::Boothook),
            PartType::Script if document == Document::UserData => Some(Group::User),
            PartType::Script => Some(Group::Vendor),
            PartType::ScriptPerOnce => Some(Group::PerOnce),
            PartType::ScriptPerBoot => Some(Group::PerBoot),
            PartType::ScriptPerInstance => Some(Group::PerInstance),
            _ => None,
        }
    }

    /// Its name, which is also its frequency or its owner.
    pub fn name(self) -> &'static str {
        match self {
            Group::Boothook => "boothook",
            Group::Vendor => "vendor",
            Group::PerOnce => "per-once",
            Group::PerBoot => "per-boot",
            Group::PerInstance => "per-instance",
            Group::User => "user",
        }
    }
}

/// What the first line of a script names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interpreter {
    /// The program; it always holds a slash.
    pub program: Vec<u8>,
    /// Everything else on the line is one argument, as the kernel has it.
    pub argument: Option<Vec<u8>>,
}

/// Reads the first line of a script as Linux does (fs/binfmt_script.c).
///
/// ```text
///   line     = "#!" *blank program [ 1*blank argument ] *blank LF      within the first 256 bytes
///   program  = 1*( any byte but blank, NUL, LF )
///   argument = any bytes but NUL, LF
///   blank    = SP / HTAB
/// ```
///
/// `None` also for a program or argument with a control character, which no file system in use has ever seen.
pub fn interpreter(script: &[u8]) -> Option<Interpreter> {
    let window = script.get(..FIRST_LINE_BYTES_MAX).unwrap_or(script);
    let line = window.split(|byte| *byte == b'\n').next()?;
    let (rest, (program, mut argument)) = first_line(line).ok()?;
    // Where the line does not end within its window, the kernel loses the last byte, and gives up on a program that may
    // be longer.
    if line.len() == FIRST_LINE_BYTES_MAX && rest.is_empty() {
        if argument.is_empty() && line.ends_with(program) {
            return None;
        }
        argument = argument.split_last().map_or(argument, |(_, kept)| kept);
    }
    let odd = |byte: &u8| byte.is_ascii_control() && *byte != b'\t';
    if program.iter().chain(argument).any(odd) {
        return None;
    }
    let argument = argument.trim_ascii_end();
    let mut full = Vec::new();
    if !program.starts_with(b"/") && !program.starts_with(b"./") {
        full.extend_from_slice(b"./");
    }
    full.extend_from_slice(program);
    Some(Interpreter {
        program: full,
        argument: (!argument.is_empty()).then(|| argument.to_vec()),
    })
}

/// The program and, up to a NUL or the end, its argument.
fn first_line(line: &[u8]) -> IResult<&[u8], (&[u8], &[u8])> {
    let blank = |byte: u8| byte == b' ' || byte == b'\t';
    let inside = |byte: u8| byte != b' ' && byte != b'\t' && byte != 0;
    preceded(
        (tag("#!"), take_while(blank)),
        separated_pair(
            take_while1(inside),
            take_while(blank),
            take_till(|byte| byte == 0),
        ),
    )
    .parse(line)
}

/// A script as the real root gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Script {
    /// When it runs.
    pub group: Group,
    /// The number of its part.
    pub number: u32,
    /// Its name, which means nothing to a file system or a shell.
    pub name: String,
    /// What executes it; `None` where its first line does not say, and then nothing does.
    pub interpreter: Option<Interpreter>,
    /// Its bytes.
    pub content: Bytes,
}

/// The scripts in the order of execution: by group, then boothooks as they came and all others by name. Of two scripts
/// with one name in one group the later stays, for in cloud-init they are one file.
pub(super) fn scripts(config: &Config, warnings: &mut Vec<Warning>) -> Vec<Script> {
    let mut scripts: BTreeMap<(Group, String, u32), Script> = BTreeMap::new();
    for numbered in config.allowed() {
        let (number, part) = (numbered.number, &numbered.part);
        let Some(group) = Group::of(&part.content_type, numbered.document) else {
            continue;
        };
        let script = script(group, number, part);
        let key = match group {
            Group::Boothook => (group, String::new(), number),
            _ => (group, script.name.clone(), 0),
        };
        if let Some(lost) = scripts.insert(key, script) {
            let found = format!("part {number} with the same name, which takes its place");
            warnings.push(warning(lost.place(), "a name of its own", found));
        }
    }
    let dead = scripts
        .values()
        .filter(|script| script.interpreter.is_none());
    warnings.extend(dead.map(|script| {
        let found = beginning(&script.content);
        let expected = if script.content.starts_with(b"#!") {
            "an interpreter behind #!"
        } else {
            "a script that begins with #!"
        };
        warning(script.place(), expected, found)
    }));
    scripts.into_values().collect()
}

impl Script {
    /// Its part, for a message.
    fn place(&self) -> String {
        format!("part {} ({})", self.number, self.name)
    }
}

fn script(group: Group, number: u32, part: &Part) -> Script {
    let name = match group {
        Group::PerOnce | Group::PerBoot | Group::PerInstance => basename(&part.filename),
        _ => &part.filename,
    };
    let mut name = clean_name(name);
    name.truncate(NAME_BYTES_MAX);
    if name.is_empty() {
        name = format!("part-{number:03}");
    }
    let mut content = unix_lines(&part.content);
    if group == Group::Boothook {
        content = content.piece(boothook(&content));
    }
    Script {
        group,
        number,
        name,
        interpreter: interpreter(&content),
        content,
    }
}

/// The beginning of a text for a message: its first line, at most 40 bytes of it, quoted.
fn beginning(content: &[u8]) -> String {
    let line = content
        .split(|byte| *byte == b'\n')
        .next()
        .unwrap_or_default();
    let line = line.get(..40).unwrap_or(line);
    format!("{:?}", String::from_utf8_lossy(line))
}

/// Lines that end in CR LF end in LF instead, all of them, if the first one does.
fn unix_lines(content: &Bytes) -> Bytes {
    let first = content.split(|byte| *byte == b'\n').next();
    let dos = first.is_some_and(|line| line.len() < content.len() && line.ends_with(b"\r"));
    if !dos {
        return content.clone();
    }
    let mut unix = Vec::with_capacity(content.len());
    for line in content.split_inclusive(|byte| *byte == b'\n') {
        match line.strip_suffix(b"\r\n") {
            Some(line) => {
                unix.extend_from_slice(line);
                unix.push(b'\n');
            }
            None => unix.extend_from_slice(line),
        }
    }
    unix.into()
}

/// A boothook without its header and without the white space before its first line.
fn boothook(content: &[u8]) -> &[u8] {
    let content = content
        .strip_prefix(PartType::Boothook.start_line().as_bytes())
        .unwrap_or(content);
    let space = |byte: &u8| matches!(byte, b'\t'..=b'\r' | 0x1c..=0x1f | b' ');
    let start = content.iter().position(|byte| !space(byte));
    &content[start.unwrap_or(content.len())..]
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    /// As text: `program|argument`.
    fn read(script: &[u8]) -> Option<String> {
        let Interpreter { program, argument } = interpreter(script)?;
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Some(match argument {
            Some(argument) => format!("{}|{}", text(program), text(argument)),
            None => text(program),
        })
    }

    #[test]
    fn a_first_line_is_read_as_the_kernel_does() {
        for (script, expected) in [
            ("#!/bin/sh", Some("/bin/sh")),
            ("#!/bin/sh\n", Some("/bin/sh")),
            ("#! \t/bin/sh \t\n", Some("/bin/sh")),
            ("#!/bin/sh -e\n", Some("/bin/sh|-e")),
            (
                "#!/usr/bin/env python3 -u\nx",
                Some("/usr/bin/env|python3 -u"),
            ),
            ("#!/bin/a \t b\tc  \n", Some("/bin/a|b\tc")),
            ("#!/bin/a\0b c\n", Some("/bin/a")),
            ("#!/bin/a b\0c\n", Some("/bin/a|b")),
            ("#!sh\n", Some("./sh")),
            ("#!-x/y\n", Some("./-x/y")),
            ("#!/bin/sh\r\n", None),
            ("#!/bin/\x1b[2Jsh\n", None),
            ("#!\n/bin/sh", None),
            ("#!", None),
            ("#! \t\n", None),
            ("", None),
            ("\n#!/bin/sh", None),
            (" #!/bin/sh", None),
            ("echo", None),
        ] {
            assert_eq!(read(script.as_bytes()).as_deref(), expected, "{script:?}");
        }
    }

    #[test]
    fn a_first_line_beyond_256_bytes_is_cut_as_the_kernel_does() {
        let long = "x".repeat(300);
        assert_eq!(read(format!("#!/{long}\n").as_bytes()), None);
        let cut = format!("/bin/sh|{}", "x".repeat(255 - "#!/bin/sh ".len()));
        assert_eq!(read(format!("#!/bin/sh {long}\n").as_bytes()), Some(cut));
        let fits = format!("#!/{}\n", "x".repeat(252));
        assert_eq!(fits.len(), 256);
        assert!(read(fits.as_bytes()).is_some());
        let blank = format!("#!/{} {long}", "x".repeat(251));
        assert_eq!(read(blank.as_bytes()).map(|text| text.len()), Some(252));
    }

    #[test]
    fn no_prefix_of_a_first_line_panics() {
        let script = b"#! /usr/bin/env python3 -u\r\nprint(1)\n";
        for end in 0..script.len() {
            interpreter(&script[..end]);
            boothook(&script[..end]);
            unix_lines(&script[..end].into());
        }
    }

    #[test]
    fn lines_and_headers_become_what_cloud_init_makes_of_them() {
        let unix = |content: &[u8]| unix_lines(&content.into()).to_vec();
        assert_eq!(unix(b"a\r\nb\r\nc\n"), b"a\nb\nc\n");
        assert_eq!(unix(b"a\nb\r\n"), b"a\nb\r\n");
        assert_eq!(unix(b"\r\nb\r\n"), b"\nb\n");
        assert_eq!(unix(b"\n\r\n"), b"\n\r\n");
        assert_eq!(boothook(b"#cloud-boothook\n#!/bin/sh\n"), b"#!/bin/sh\n");
        assert_eq!(boothook(b"#cloud-boothook x\n"), b"x\n");
        assert_eq!(boothook(b"\n #!/bin/sh\n"), b"#!/bin/sh\n");
        assert_eq!(boothook(b" \n"), b"");
    }
}
