//! Advice: what each part of a document will do, and what about it looks like a mistake.

mod keys;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use super::guess::{self, first_line};
use super::part_type::PartType;
use super::{Flaw, Part, gzip, launch, merge, mime, sniff};
use crate::text::quote;
use crate::value::{Map, SyntaxError, Value};
use crate::yaml;

/// What becomes of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    /// What it will do.
    pub does: String,
    /// What looks like a mistake.
    pub doubts: Vec<Flaw>,
}

/// What looks like a mistake in a document as a whole, for clouds that take so many bytes each.
pub fn on_document(document: &[u8], limits: &[(&str, usize)]) -> Vec<Flaw> {
    let mut doubts = Vec::new();
    let text = String::from_utf8_lossy(document.get(..4096).unwrap_or(document)).to_lowercase();
    if document.starts_with(b"\xef\xbb\xbf") {
        doubts.push(Flaw::new(
            "a start line in the first byte",
            "a byte order mark before it",
        ));
    }
    if text.trim_start().starts_with("content-type:") && !text.starts_with("content-type:") {
        doubts.push(Flaw::new("headers in the first line", "blanks before them"));
    }
    if text.contains("mime-version:") {
        doubts.extend(unclosed(document));
    }
    doubts.extend(too_large(document, limits));
    doubts
}

/// For which clouds it is too large.
fn too_large(document: &[u8], limits: &[(&str, usize)]) -> Option<Flaw> {
    let clouds: Vec<String> = limits
        .iter()
        .filter(|(_, limit)| document.len() > *limit)
        .map(|(cloud, limit)| format!("{cloud} ({limit})"))
        .collect();
    if clouds.is_empty() {
        return None;
    }
    let clouds = clouds.join(", ");
    let expected = format!("at most the bytes that these clouds take: {clouds}");
    let packed = if gzip::is_gzip(document) {
        ""
    } else {
        "; gzip makes it smaller"
    };
    Some(Flaw::new(expected, format!("{}{packed}", document.len())))
}

/// Most multiparts of which the end is looked for.
const MULTIPARTS_MAX: usize = 16;

/// The multiparts of mail that have no end.
fn unclosed(document: &[u8]) -> Vec<Flaw> {
    let boundaries = mime::Reader::new(document).filter_map(|event| match event {
        mime::Event::Open(head) => head.headers.parameter("Content-Type", "boundary"),
        _ => None,
    });
    let ends = boundaries.map(|boundary| format!("--{}--", boundary.trim_end()));
    ends.take(MULTIPARTS_MAX)
        .filter(|end| memchr::memmem::find(document, end.as_bytes()).is_none())
        .map(|end| Flaw::new(format!("a line {end:?} at the end"), "none"))
        .collect()
}

/// What a part will do and what looks like a mistake in it.
pub fn on_part(part: &Part) -> Advice {
    let mut advice = on_type(part);
    if part.content_type != PartType::Undeclared {
        advice.doubts.extend(guess::disguise(&part.content));
    }
    if let PartType::CloudConfig | PartType::ConfigPatch | PartType::PartHandler = part.content_type
        && let Some(sniffed) = sniff::sniff(&part.content).filter(|own| *own != part.content_type)
    {
        let expected = format!("the type {sniffed}, as its first line says");
        advice.doubts.push(Flaw::new(expected, &part.content_type));
    }
    let mergers = merge::unknown_in_header(merge::header(part));
    advice.doubts.extend(mergers);
    let mut headers = part.headers.iter();
    let index = headers.find(|(name, _)| name.eq_ignore_ascii_case("Launch-Index"));
    if let Some((_, index)) = index
        && launch::whole_number(index).is_none()
    {
        let flaw = Flaw::new("a whole number as Launch-Index", quote(index));
        advice.doubts.push(flaw);
    }
    advice
}

fn on_type(part: &Part) -> Advice {
    let content = part.content.as_slice();
    match &part.content_type {
        PartType::CloudConfig => on_cloud_config(content),
        PartType::ConfigPatch => plain("changes the configuration so far, as a JSON patch says"),
        PartType::Script | PartType::ScriptPerInstance => {
            on_script(content, "runs once per instance, late in the boot")
        }
        PartType::ScriptPerBoot => on_script(content, "runs at each boot, late"),
        PartType::ScriptPerOnce => on_script(content, "runs once ever, late in the boot"),
        PartType::Boothook => on_boothook(content),
        PartType::Jinja => on_template(content),
        PartType::PartHandler => on_handler(content),
        PartType::SystemdUserdata => plain("gives credentials to systemd"),
        PartType::UpstartJob => plain("is written out; only old releases run it"),
        _ if content.is_empty() => plain("is empty and does nothing"),
        other => Advice {
            does: format!("does nothing, unless a part-handler takes {other}"),
            doubts: on_unknown(part),
        },
    }
}

fn plain(does: &str) -> Advice {
    Advice {
        does: does.to_string(),
        doubts: Vec::new(),
    }
}

/// Whether cloud-config has such a key on its top level.
pub fn is_key(key: &str) -> bool {
    keys::is_known(key)
}

/// What the kernel would not do with the first line of a script: it wants the whole path of the interpreter, and hands all that is
/// behind it on as one word (execve(2)).
fn on_interpreter(interpreter: &str) -> Option<Flaw> {
    let (program, rest) = interpreter
        .split_once(char::is_whitespace)
        .unwrap_or((interpreter, ""));
    let rest = rest.trim();
    if program.is_empty() {
        return None;
    }
    if !program.starts_with('/') {
        return Some(Flaw::new(
            "the whole path of an interpreter behind #!",
            quote(program),
        ));
    }
    let splits = program.ends_with("/env") && rest.starts_with(['-']) && rest.contains(['S', 's']);
    if rest.contains(char::is_whitespace) && !splits {
        let expected = "one word behind the interpreter, which gets all as one";
        return Some(Flaw::new(expected, quote(rest)));
    }
    None
}

fn on_script(content: &[u8], does: &str) -> Advice {
    let first = first_line(content);
    let mut doubts = Vec::new();
    let does = match first.strip_prefix("#!") {
        Some(interpreter) => {
            doubts.extend(on_interpreter(interpreter.trim()));
            doubts.extend(guess::further_down(content, 1));
            format!("{does}, by {}", interpreter.trim())
        }
        None => {
            doubts.push(Flaw::new("a script that begins with #!", instead(content)));
            does.to_string()
        }
    };
    if first.ends_with('\r') {
        doubts.push(Flaw::new(
            "lines that end with LF",
            "CR LF, which is converted",
        ));
    }
    doubts.extend(on_braces(content, false));
    Advice { does, doubts }
}

/// What a script begins with in place of `#!`, and where that is if it is further down.
fn instead(content: &[u8]) -> String {
    let first = first_line(content);
    let lines = content.split(|byte| *byte == b'\n').take(16);
    let found = lines.map(|line| line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line));
    let at = found
        .map(<[u8]>::trim_ascii_start)
        .position(|line| line.starts_with(b"#!"));
    match at {
        Some(0) => format!("{first:?}, with something before it"),
        Some(line) => format!("{first:?}; #! is in line {}", line + 1),
        None => format!("{first:?}"),
    }
}

fn on_boothook(content: &[u8]) -> Advice {
    let does = "runs at each boot, early";
    match content.strip_prefix(PartType::Boothook.start_line().as_bytes()) {
        Some(script) => on_script(script.trim_ascii_start(), does),
        None => on_script(content, does),
    }
}

fn on_template(content: &[u8]) -> Advice {
    let (header, body) = content.split_at(
        content
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(content.len()),
    );
    let mut advice = plain("is filled in with instance data, then ");
    if !header
        .to_ascii_lowercase()
        .trim_ascii_end()
        .ends_with(b"jinja")
    {
        let found = String::from_utf8_lossy(header).into_owned();
        advice.doubts.push(Flaw::new(
            "the first line \"## template: jinja\"",
            format!("{found:?}"),
        ));
    }
    advice.does += match sniff::sniff(body) {
        Some(PartType::CloudConfig) => "merged into the configuration",
        Some(PartType::Script) => "runs once per instance, late in the boot",
        Some(PartType::Boothook) => "runs at each boot, early",
        _ => {
            advice.doubts.push(Flaw::new(
                "#cloud-config, #! or #cloud-boothook below the first line",
                format!("{:?}", first_line(body.trim_ascii_start())),
            ));
            "dropped"
        }
    };
    advice
}

fn on_handler(content: &[u8]) -> Advice {
    let text = String::from_utf8_lossy(content);
    let missing = ["def list_types", "def handle_part"]
        .into_iter()
        .filter(|function| !text.contains(function));
    Advice {
        does: "handles later parts, in Python".to_string(),
        doubts: missing
            .map(|function| Flaw::new(format!("a Python module with {function}()"), "none"))
            .collect(),
    }
}

/// Of what has no type at all whoever decoded it has said what is missing.
fn on_unknown(part: &Part) -> Vec<Flaw> {
    if part.content_type == PartType::Undeclared {
        return Vec::new();
    }
    let content = part.content.as_slice();
    let sniffed = sniff::sniff(content).filter(PartType::is_handled);
    let contradicted = sniffed.map(|sniffed| {
        let expected = format!("the type {sniffed}, as its first line says");
        Flaw::new(expected, "another")
    });
    contradicted
        .or_else(|| guess::misspelt(content))
        .into_iter()
        .collect()
}

fn on_cloud_config(content: &[u8]) -> Advice {
    let mut doubts = Vec::new();
    doubts.extend(yaml::oddities(content).into_iter().map(at));
    doubts.extend(on_braces(content, true));
    let keys: Vec<String> = match yaml::read(content) {
        Err(error) => {
            doubts.push(at(error));
            return Advice {
                does: "is left out of the configuration".to_string(),
                doubts,
            };
        }
        Ok(value) => match value.as_map() {
            Some(map) => {
                doubts.extend(keys::flaws(map));
                doubts.extend(merge::unknown_options(map));
                doubts.extend(on_passwords(map));
                if map.contains("network") {
                    let expected = "the network in network-config, beside user-data";
                    doubts.push(Flaw::new(
                        expected,
                        "network in user-data, where nobody reads it",
                    ));
                }
                let keys = map.iter().map(|(key, _)| key.to_text().unwrap_or_default());
                keys.filter(|key| key != "network").collect()
            }
            None => {
                doubts.push(Flaw::new("a map", value.noun()));
                Vec::new()
            }
        },
    };
    let does = if keys.is_empty() {
        "configures nothing".to_string()
    } else {
        format!("configures {}", keys.join(", "))
    };
    Advice { does, doubts }
}

/// Most accounts that are looked at.
const ACCOUNTS_MAX: usize = 64;

/// Passwords by which nobody can log in: what is no hash, and a hash of an account that stays locked, as accounts do unless somebody
/// says otherwise.
fn on_passwords(config: &Map) -> Vec<Flaw> {
    let users = config.get("users").and_then(Value::as_list);
    let users = users.unwrap_or_default().iter().take(ACCOUNTS_MAX);
    let flaw = |user: &Value| {
        let said = |keys: [&str; 2]| keys.iter().find_map(|key| user.get(key));
        let hash = said(["passwd", "hashed_passwd"])?.as_text()?;
        if said(["plain_text_passwd", "plain-text-passwd"]).is_some() || hash.is_empty() {
            return None;
        }
        if !hash.starts_with(['$', '*', '!', '_']) && hash.len() != DES_LETTERS {
            let expected = "a hash as passwd (plain_text_passwd is for the word itself)";
            return Some(Flaw::new(expected, "what is none"));
        }
        let lock = said(["lock_passwd", "lock-passwd"]).and_then(Value::as_flag);
        let is_locked = lock != Some(false) && hash.starts_with('$');
        let expected = "lock_passwd: false beside a password, or it is locked";
        is_locked.then(|| Flaw::new(expected, "none"))
    };
    users.filter_map(flaw).collect()
}

/// Letters of the oldest kind of hash, which begins with none of the signs.
const DES_LETTERS: usize = 13;

/// What is wrong with a document at a place of it.
fn at(error: SyntaxError) -> Flaw {
    let found = format!(
        "{} in line {}, column {}",
        error.found, error.line, error.column
    );
    Flaw::new(error.expected, found)
}

/// The variables of instance data that a template begins an expression with.
const VARIABLES: &[&str] = &[
    "availability_zone",
    "cloud_id",
    "cloud_name",
    "distro",
    "distro_release",
    "distro_version",
    "ds",
    "instance_id",
    "kernel_release",
    "local_hostname",
    "merged_cfg",
    "public_ssh_keys",
    "python_version",
    "region",
    "subplatform",
    "sys_info",
    "system_platform",
    "userdata",
    "v1",
    "variant",
    "vendordata",
];

/// The words that begin a statement of a template.
const STATEMENTS: &[&str] = &[
    "block", "do", "elif", "else", "endfor", "endif", "extends", "filter", "for", "if", "import",
    "include", "macro", "raw", "set", "with",
];

/// `{{ variable … }}` and `{% statement … %}` in a part that is no template: the line, from 1, and the words. What is on the top
/// level of cloud-config (`hostname: "{{ name }}"`) can only be meant for us; elsewhere braces may be for other programs, so
/// that only our variables count there.
fn braces(content: &[u8], is_config: bool) -> Option<(usize, String)> {
    let text = String::from_utf8_lossy(content);
    for (number, line) in text
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with('#'))
    {
        let ours = is_config && !line.starts_with([' ', '\t', '-']);
        for (open, words, close) in [("{{", VARIABLES, "}}"), ("{%", STATEMENTS, "%}")] {
            for (at, _) in line.match_indices(open) {
                let inside = line.get(at + open.len()..).unwrap_or_default();
                let inside = inside.trim_start_matches(['-', '+', ' ']);
                let end = |c: char| !c.is_ascii_alphanumeric() && c != '_';
                let word = inside.split(end).next().unwrap_or_default();
                let inside = inside
                    .split(close)
                    .next()
                    .filter(|shown| shown.len() < inside.len());
                let mut names = inside.unwrap_or_default().split(end);
                let known = match open {
                    "{{" => words.contains(&word) || (ours && !word.is_empty()),
                    // A statement on a line of its own, or about our variables.
                    _ => {
                        words.contains(&word)
                            && (at == 0 || names.any(|name| VARIABLES.contains(&name)))
                    }
                };
                if known && inside.is_some() {
                    let shown = line.get(at..).unwrap_or_default();
                    return Some((number + 1, quote(shown)));
                }
            }
        }
    }
    None
}

/// The doubt about [`braces`].
fn on_braces(content: &[u8], is_config: bool) -> Option<Flaw> {
    let (line, words) = braces(content, is_config)?;
    Some(Flaw::new(
        "\"## template: jinja\" as the first line of a part with variables (nothing fills them in without it)",
        format!("{words} in line {line}"),
    ))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn doubts(content_type: &str, content: &str) -> Vec<String> {
        let part = Part {
            number: 1,
            content_type: PartType::new(content_type),
            filename: String::new(),
            headers: Vec::new(),
            origin: String::new(),
            content: content.as_bytes().into(),
        };
        let doubts = on_part(&part).doubts.into_iter();
        doubts
            .map(|flaw| format!("{}|{}", flaw.expected, flaw.found))
            .collect()
    }

    #[test]
    fn passwords_that_let_nobody_in_are_told() {
        for (user, doubt) in [
            ("passwd: $6$x$y, lock_passwd: false", ""),
            ("plain_text_passwd: x", ""),
            ("passwd: '*'", ""),
            ("passwd: $6$x$y", "lock_passwd: false beside"),
            (
                "hashed_passwd: $6$x$y, lock_passwd: true",
                "lock_passwd: false beside",
            ),
            ("passwd: secret, lock_passwd: false", "a hash as passwd"),
        ] {
            let config = format!("#cloud-config\nusers: [{{name: a, {user}}}]\n");
            let found = doubts("text/cloud-config", &config);
            assert_eq!(
                found.len(),
                usize::from(!doubt.is_empty()),
                "{user}: {found:?}"
            );
            assert!(
                found.iter().all(|found| found.starts_with(doubt)),
                "{found:?}"
            );
            assert!(!found.concat().contains("secret"));
        }
    }

    #[test]
    fn mergers_in_headers_are_looked_at() {
        let mut part = Part {
            number: 1,
            content_type: PartType::CloudConfig,
            filename: String::new(),
            headers: alloc::vec![("merge-type".into(), "list(apend)+dict()".into())],
            origin: String::new(),
            content: b"#cloud-config\nruncmd: [ls]\n".as_slice().into(),
        };
        let found = on_part(&part).doubts;
        assert_eq!(found[0].found, "\"apend\" (did you mean append?)");
        part.headers[0].1 = String::from("list(append)+dict()");
        assert_eq!(on_part(&part).doubts, []);
    }

    #[test]
    fn keys_are_compared_with_the_known_ones() {
        let expected = "a key that cloud-config has|\"package\" (did you mean packages?)";
        assert_eq!(
            doubts(
                "text/cloud-config",
                "#cloud-config\npackage: [a]\nruncmd: []\n"
            ),
            [expected]
        );
        let expected = "a key that cloud-config has|\"xyzzy\"";
        assert_eq!(
            doubts("text/cloud-config", "#cloud-config\nxyzzy: 1\n"),
            [expected]
        );
    }

    #[test]
    fn scripts_and_templates() {
        assert_eq!(doubts("text/x-shellscript", "#!/bin/sh\n"), [""; 0]);
        assert_eq!(
            doubts("text/x-shellscript", "echo\n"),
            ["a script that begins with #!|\"echo\""]
        );
        assert_eq!(
            doubts("text/x-shellscript", "\n#!/bin/sh\n"),
            ["a script that begins with #!|\"\"; #! is in line 2"]
        );
        assert_eq!(
            doubts("text/cloud-config", "#!/bin/sh\n")[0],
            "a map|nothing"
        );
        assert_eq!(
            doubts("text/cloud-boothook", "#cloud-boothook\n#!/bin/sh\n"),
            [""; 0]
        );
        assert_eq!(
            doubts("text/jinja2", "## template: jinja\n#cloud-config\n"),
            [""; 0]
        );
        assert_eq!(doubts("text/jinja2", "## template: jinja2\n#x\n").len(), 2);
        assert_eq!(
            doubts("text/part-handler", "def list_types(): pass").len(),
            1
        );
    }

    #[test]
    fn tabs_are_named() {
        for (document, line) in [
            ("#cloud-config\na:\n\tb: c\n", 3),
            ("#cloud-config\nusers:\n-\tname: x\n", 3),
        ] {
            let doubts = doubts("text/cloud-config", document);
            assert!(
                doubts[0].contains(&format!("in line {line}, column")),
                "{doubts:?}"
            );
        }
    }

    #[test]
    fn start_lines_that_are_none_are_seen() {
        for (content, doubt) in [
            (
                "#cloud_config\na: b\n",
                "\"#cloud-config\" as the first line|\"#cloud_config\"",
            ),
            (
                "# cloud-config\na: b\n",
                "\"#cloud-config\" as the first line|\"# cloud-config\"",
            ),
            (
                "#clod-config\r\na: b\n",
                "\"#cloud-config\" as the first line|\"#clod-config\"",
            ),
            (
                "##template: jinja\n",
                "\"## template: jinja\" as the first line|\"##template: jinja\"",
            ),
            (
                "#part_handler\n",
                "\"#part-handler\" as the first line|\"#part_handler\"",
            ),
            (
                "# mine\n#cloud-config\na: b\n",
                "\"#cloud-config\" as the first line|it in line 2",
            ),
        ] {
            assert_eq!(doubts("text/plain", content), [doubt], "{content}");
        }
        assert_eq!(doubts("text/plain", "hello\n"), [""; 0]);
    }

    #[test]
    fn what_is_packed_once_more_is_named() {
        for (content, found) in [
            (
                "I2Nsb3VkLWNvbmZpZwpydW5jbWQ6IFtdCg==",
                "base 64 of text/cloud-config",
            ),
            (
                "IyEvYmluL3NoCmVjaG8g\naGVsbG8K\n",
                "base 64 of text/x-shellscript",
            ),
            (
                "H4sIAAAAAAAAA1NWTM/JT0rVTc7PS8tM5wIAKOBxlQ4AAAA=",
                "base 64 of gzip",
            ),
            (
                "Q29udGVudC1UeXBlOiBtdWx0aXBhcnQvbWl4ZWQ=",
                "base 64 of MIME",
            ),
            ("\u{1f}\u{8b}", ""),
            ("deadbeefdeadbeef", ""),
            ("words and words", ""),
        ] {
            let expected = "content as it is, which nothing unpacks any more|";
            let doubts = doubts("text/plain", content);
            let told = doubts.iter().find_map(|doubt| doubt.strip_prefix(expected));
            assert_eq!(told.unwrap_or(""), found, "{content}");
        }
        let gzip = include_bytes!("../../../tests/userdata/gzip/in");
        assert_eq!(guess::disguise(gzip).unwrap().found, "gzip");
        assert_eq!(guess::disguise(&gzip[..20]), None);
    }

    #[test]
    fn braces_without_a_template_line() {
        for (content_type, content, is_doubt) in [
            (
                "text/cloud-config",
                "#cloud-config\nhostname: '{{ name }}'\n",
                true,
            ),
            (
                "text/cloud-config",
                "#cloud-config\nruncmd:\n- echo '{{ v1.region }}'\n",
                true,
            ),
            (
                "text/cloud-config",
                "#cloud-config\nruncmd:\n- echo '{% if region %}x{% endif %}'\n",
                true,
            ),
            (
                "text/cloud-config",
                "#cloud-config\nruncmd:\n- docker ps -f '{{.Names}} {{json .}}'\n",
                false,
            ),
            (
                "text/cloud-config",
                "#cloud-config\n{% if a %}\nruncmd: []\n{% endif %}\n",
                true,
            ),
            (
                "text/cloud-config",
                "#cloud-config\nntp:\n  config:\n    template: |\n      {% if pools %}# pools{% endif %}\n",
                false,
            ),
            (
                "text/cloud-config",
                "#cloud-config\n# {{ v1.region }}\nruncmd: []\n",
                false,
            ),
            (
                "text/x-shellscript",
                "#!/bin/sh\necho {{ ds.meta_data.x }}\n",
                true,
            ),
            (
                "text/x-shellscript",
                "#!/bin/sh\nhelm template '{{ .Values.v1 }}' {{ region\n",
                false,
            ),
            (
                "text/jinja2",
                "## template: jinja\n#cloud-config\nhostname: '{{ name }}'\n",
                false,
            ),
        ] {
            let doubts = doubts(content_type, content);
            assert_eq!(!doubts.is_empty(), is_doubt, "{content}: {doubts:?}");
        }
    }

    #[test]
    fn documents() {
        assert_eq!(on_document(b"#!/bin/sh\n", &[]), []);
        assert_eq!(on_document(b"\xef\xbb\xbf#cloud-config", &[]).len(), 1);
        assert_eq!(
            on_document(b"\nContent-Type: multipart/mixed\nMIME-Version: 1.0\n", &[]).len(),
            1
        );
        let open = b"MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=B\n\n--B\n\nx\n";
        assert_eq!(
            on_document(open, &[])[0].expected,
            "a line \"--B--\" at the end"
        );
        assert_eq!(on_document(&[&open[..], b"--B--\n"].concat(), &[]), []);
        assert!(
            on_document(&[b'x'; 20], &[("Small", 19), ("Large", 20)])[0]
                .expected
                .ends_with(": Small (19)")
        );
    }
}
